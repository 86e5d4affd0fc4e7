//! What every container has, and where: paths, and the folders in memory.

use crate::stack::secrets::FOLDER as SECRETS;
use crate::stack::{GroupId, Stack};

/// The tree's root inside every container.
pub const ROOT: &str = "/app";

/// Folder of the group config inside a container. Not `/app/config`: a volume is mounted there.
pub const CONFIG_FOLDER: &str = "/etc/ai_system";

/// Folder of what the tree has where agents may write, in a container whose root has links there instead.
pub const FIRST: &str = "/usr/share/ai_system/first";

/// The supervisor inside a container.
pub const SUPERVISOR: &str = "/usr/local/bin/agent-supervisor";

/// Folders of every container that are in memory and last as long as it does, and how Podman mounts them. All else but the volumes is
/// read-only.
pub const TEMPORARY: [(&str, &[&str]); 3] = [
    ("/tmp", &["rw", "nosuid", "nodev", "size=256m", "mode=1777"]),
    ("/run", &["rw", "nosuid", "nodev"]),
    ("/var/tmp", &["rw", "nosuid", "nodev"]),
];

/// The folders in memory of a group's container, with how they are mounted.
#[must_use]
pub fn temporary(stack: &Stack, id: GroupId) -> Vec<(&'static str, Vec<String>)> {
    let own = stack.group(id).extras.tmp_bytes;
    let options = |path: &str, options: &[&str]| {
        options
            .iter()
            .map(|option| match own {
                Some(bytes) if path == "/tmp" && option.starts_with("size=") => format!("size={bytes}"),
                _ => (*option).to_owned(),
            })
            .collect()
    };
    TEMPORARY
        .iter()
        .map(|(path, default)| (*path, options(path, default)))
        .collect()
}

/// The folder of a group's secret files, where it has any there: agents cannot write to it. Podman would put a folder of its own there,
/// read-only where the root is, and then find no place in it for the files.
#[must_use]
pub fn secret_folder(stack: &Stack, id: GroupId) -> Option<(&'static str, Vec<String>)> {
    let below = |target: &str| target.strip_prefix(SECRETS).is_some_and(|rest| rest.starts_with('/'));
    let mut files = stack.group(id).secrets.iter();
    let options = ["rw", "nosuid", "nodev", "noexec", "size=64k", "mode=0755"];
    files
        .any(|file| below(&file.target))
        .then(|| (SECRETS, options.map(str::to_owned).into()))
}

/// Entries of PYTHONPATH inside the container, in order.
#[must_use]
pub fn python_path(stack: &Stack, id: GroupId) -> Vec<String> {
    stack
        .machine(stack.group(id).machine)
        .python_path
        .iter()
        .map(|path| match path.trim_end_matches('/') {
            "" | "." => ROOT.to_owned(),
            path => format!("{ROOT}/{}", path.trim_start_matches("./")),
        })
        .collect()
}
