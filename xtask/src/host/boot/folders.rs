//! Folders of this host in the place of volumes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::host::podman::Volume;
use crate::host::system::files::FileError;
use crate::stack::{MachineId, Stack};

/// Makes the folders of a machine's volumes that are missing, and says which: each made one, and each as a volume whose files agents
/// write. What is in a folder that was there stays as it is.
///
/// # Errors
/// When one cannot be made, or is something else.
pub fn make(stack: &Stack, machine: MachineId) -> Result<(Vec<PathBuf>, Vec<Volume>), FileError> {
    let (mut made, mut written) = (Vec::new(), BTreeMap::new());
    for volume in &stack.volumes {
        let Some(folder) = stack.volume_folder(machine, volume) else {
            continue;
        };
        let path = PathBuf::from(&folder);
        if !path.is_dir() {
            std::fs::create_dir_all(&path).map_err(FileError::on("create", &path))?;
            made.push(path.clone());
        }
        if !volume.read_only {
            let as_volume = Volume {
                name: folder.clone(),
                labels: None,
                mountpoint: Some(path),
                needs_chown: false,
            };
            written.insert(folder, as_volume);
        }
    }
    Ok((made, written.into_values().collect()))
}

#[cfg(test)]
mod tests {
    use super::make;
    use crate::stack::MachineId;
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_is_missing_is_made_and_what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nvolumes: {logs: \"./{machine}/logs:/app/logs\", config: \"./config:/app/config\", data: /app/data}",
            )
            .model();
        stack.checkout = folder.path().to_str().unwrap().to_owned();
        std::fs::create_dir(folder.path().join("config")).unwrap();
        std::fs::write(folder.path().join("config/x.yaml"), "x: 1").unwrap();
        let logs = folder.path().join(&stack.machines[0].name).join("logs");
        let (made, written) = make(&stack, MachineId(0)).unwrap();
        assert_eq!(made, std::slice::from_ref(&logs));
        assert_eq!(written.len(), 1, "agents only read `config`");
        assert_eq!(written[0].mountpoint, Some(logs));
        assert!(make(&stack, MachineId(0)).unwrap().0.is_empty());
        std::fs::remove_dir_all(folder.path().join(&stack.machines[0].name)).unwrap();
        std::fs::write(folder.path().join(&stack.machines[0].name), "").unwrap();
        assert!(make(&stack, MachineId(0)).unwrap_err().to_string().contains("logs"));
    }
}
