//! Devices of this host: paths below `/dev`, and what files of the Container Device Interface describe, from which Podman takes them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::stack::extras::Device;
use crate::stack::{Group, Stack};

/// Folders with descriptions, as Podman reads them; of two with one name, the later one's holds.
pub const CDI_FOLDERS: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// A description: `nvidia.com/gpu`, and names of its devices.
#[derive(Debug, Deserialize)]
struct Specification {
    kind: String,
    #[serde(default)]
    devices: Vec<Described>,
}

#[derive(Debug, Deserialize)]
struct Described {
    name: String,
}

/// The devices that folders describe, as `vendor.com/class=name`. A file that is none is left out, as Podman leaves it.
#[must_use]
pub fn described<P: AsRef<Path>>(folders: impl IntoIterator<Item = P>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(folder.as_ref()) else {
            continue;
        };
        let files: BTreeSet<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        for file in files {
            let ending = file.extension().and_then(|ending| ending.to_str());
            if !matches!(ending, Some("json" | "yaml")) || !file.is_file() {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&file) else {
                continue;
            };
            // JSON is YAML.
            let Ok(specification) = serde_yaml::from_str::<Specification>(&text) else {
                continue;
            };
            let names = specification.devices.iter();
            all.extend(names.map(|device| format!("{}={}", specification.kind, device.name)));
        }
    }
    all
}

/// Whether a host with these described devices has one.
#[must_use]
pub fn has(described: &BTreeSet<String>, device: &Device) -> bool {
    match device.kind() {
        Some(_) => described.contains(&device.host),
        None => Path::new(&device.host).exists(),
    }
}

/// Looks at this host's devices: makes those variants hold that it can run, where nothing named one, and leaves out optional devices that it
/// does not have. Machines of other hosts keep the variants that the stack chooses, and have no optional devices.
pub fn look(stack: &mut Stack) {
    let asks =
        |group: &Group| !group.variants.all.is_empty() || group.extras.devices.iter().any(|device| device.optional);
    if !stack.groups.iter().any(asks) {
        return;
    }
    let described = described(CDI_FOLDERS);
    let elsewhere: Vec<bool> = stack
        .machines
        .iter()
        .map(|machine| machine.connection.is_some())
        .collect();
    let has = |group: &Group, device: &Device| (!elsewhere[group.machine.0]).then(|| has(&described, device));
    stack.choose_variants_by_host(&has);
    stack.leave_out_devices(&has);
}

#[cfg(test)]
mod tests {
    use super::described;

    #[test]
    fn descriptions_are_read_as_json_and_yaml_and_others_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "a.json",
            r#"{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {}}, {"name": "all"}]}"#,
        );
        write(
            "b.yaml",
            "cdiVersion: '0.5.0'\nkind: example.com/card\ndevices:\n- name: x\n  containerEdits: {env: [A=b]}\n",
        );
        write("broken.yaml", "kind: [");
        write("c.txt", "kind: other.com/gpu\ndevices: [{name: all}]");
        std::fs::create_dir(folder.path().join("d.json")).unwrap();
        let all: Vec<String> = described([folder.path(), "/nowhere".as_ref()]).into_iter().collect();
        assert_eq!(all, ["example.com/card=x", "nvidia.com/gpu=0", "nvidia.com/gpu=all"]);
    }
}
