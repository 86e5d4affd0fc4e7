//! The storage driver of a Podman without root. Where nothing is configured its storage library takes `vfs`, which copies every
//! layer whole: 17 images of 200 MB become 17 copies, although the kernel has had overlay mounts for users since 5.13.

use std::path::{Path, PathBuf};

/// The driver to start a new store with; none where somebody has chosen one, or the store is there already.
#[must_use]
pub fn driver() -> Option<&'static str> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if nix::unistd::geteuid().is_root()
        || variable("STORAGE_DRIVER").is_some()
        || variable("CONTAINERS_STORAGE_CONF").is_some()
        || !users_may_mount_overlay(&std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default())
    {
        return None;
    }
    let home = variable("HOME").map(PathBuf::from)?;
    let below_home = |name: &str, folder: &str| variable(name).map_or_else(|| home.join(folder), PathBuf::from);
    let configured = [
        below_home("XDG_CONFIG_HOME", ".config").join("containers/storage.conf"),
        PathBuf::from("/etc/containers/storage.conf"),
        PathBuf::from("/usr/share/containers/storage.conf"),
    ];
    let store = below_home("XDG_DATA_HOME", ".local/share").join("containers/storage");
    decide(configured.iter().any(|path| path.exists()), &store)
}

fn decide(configured: bool, store: &Path) -> Option<&'static str> {
    // Podman remembers the driver of a store and refuses to mix two; images made with the other would be lost from sight.
    (!configured && !store.join("vfs").exists()).then_some("overlay")
}

/// Whether the kernel is 5.13 or newer.
fn users_may_mount_overlay(release: &str) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 13)
}

#[cfg(test)]
mod tests {
    use super::{decide, users_may_mount_overlay};

    #[test]
    fn a_store_that_is_there_keeps_its_driver() {
        let store = tempfile::tempdir().unwrap();
        assert_eq!(decide(false, store.path()), Some("overlay"));
        assert_eq!(decide(true, store.path()), None);
        std::fs::create_dir(store.path().join("vfs")).unwrap();
        assert_eq!(decide(false, store.path()), None);
    }

    #[test]
    fn kernels_are_told_apart() {
        for (release, may) in [
            ("6.1.0-18-amd64", true),
            ("5.13.0", true),
            ("5.10.0-8", false),
            ("4.18", false),
            ("", false),
        ] {
            assert_eq!(users_may_mount_overlay(release), may, "{release}");
        }
    }
}
