//! The system calls that containers may make: Podman's own list, for the machine's own architecture alone.
//!
//! Podman's list holds for programs of related architectures too (32-bit ones on x86_64), and the kernel gets a filter for each.
//! Nothing of the stack is such a program; without them every container starts 20 ms of CPU sooner, and has less to attack.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::host::system::files;
use crate::host::system::repository::Repository;

/// Where Podman looks for its list: the administrator's, then the distribution's.
const LISTS: [&str; 2] = ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"];

/// Where a setting can name another list.
const SETTINGS: [&str; 2] = [
    "/etc/containers/containers.conf",
    "/usr/share/containers/containers.conf",
];

/// Writes the list, and returns its path. None where Podman is told to use another, or has its list built in.
#[must_use]
pub fn provide(repository: &Repository) -> Option<PathBuf> {
    let own = std::env::var_os("CONTAINERS_CONF").map(PathBuf::from);
    let of_the_user = std::env::home_dir().map(|home| home.join(".config/containers/containers.conf"));
    let settings = SETTINGS.iter().map(PathBuf::from).chain(own).chain(of_the_user);
    if settings.into_iter().any(|path| names_a_list(&path)) {
        return None;
    }
    let theirs = LISTS.iter().find_map(|path| files::read(Path::new(path)).ok())?;
    let text = native_only(serde_json::from_slice(&theirs).ok()?).to_string();
    // Where it cannot be written, Podman's own list does as well.
    let path = repository.make_work().ok()?.join("seccomp.json");
    if files::read(&path).is_ok_and(|there| there == text.as_bytes()) {
        return Some(path);
    }
    files::write(&path, text.as_bytes(), false).ok()?;
    Some(path)
}

fn names_a_list(settings: &Path) -> bool {
    files::read(settings).is_ok_and(|bytes| {
        String::from_utf8_lossy(&bytes)
            .lines()
            .any(|line| line.trim_start().starts_with("seccomp_profile"))
    })
}

/// The same list without related architectures.
fn native_only(mut list: Value) -> Value {
    let architectures = list.get_mut("archMap").and_then(Value::as_array_mut);
    for architecture in architectures.into_iter().flatten() {
        if let Some(related) = architecture.get_mut("subArchitectures") {
            *related = json!([]);
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::native_only;

    #[test]
    fn only_related_architectures_go() {
        let calls = json!([{ "names": ["read", "write"], "action": "SCMP_ACT_ALLOW" }]);
        let theirs = json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "archMap": [{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] }],
            "syscalls": calls,
        });
        let ours = native_only(theirs);
        let expected = json!([{ "architecture": "SCMP_ARCH_X86_64", "subArchitectures": [] }]);
        assert_eq!(ours["archMap"], expected);
        assert_eq!(ours["syscalls"], calls);
        assert_eq!(ours["defaultAction"], "SCMP_ACT_ERRNO");
    }
}
