//! What this program writes down before it lets Podman make something, so that leftovers of a killed Podman can be proved to be
//! this stack's: the id, bridge and subnet of each network, and the names of containers that were free before they were made.
//!
//! Below `/run`, since bridges, rules and namespaces end with a boot too. Without such a record nothing is taken for ours.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

use super::super::podman::Network;
use crate::host::system::files::{self, FileError};
use crate::stack::model::Subnet;

/// Folder of all records, below `/run` or the user's own runtime folder.
const FOLDER: &str = "ai-system";
/// File of a stack's networks.
const NETWORKS: &str = "networks.json";
/// How a file of names begins; the process that writes it follows.
const MAKING: &str = "making-";

/// A network as Podman recorded it when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecord {
    /// Its name, from which netavark makes the names of its chains.
    pub name: String,
    /// Podman's id of it.
    pub id: String,
    /// Its bridge.
    pub interface: String,
    /// Its subnet.
    pub subnet: Subnet,
}

impl NetworkRecord {
    /// The record of a network that Podman lists; none where Podman does not say enough.
    #[must_use]
    pub fn of(network: &Network) -> Option<Self> {
        let subnets = network.subnets.as_deref().unwrap_or_default();
        let [subnet] = subnets else { return None };
        Some(Self {
            name: network.name.clone(),
            id: network.id.clone()?,
            interface: network.interface.clone()?,
            subnet: Subnet::parse(&subnet.subnet)?,
        })
    }

    /// What netavark ends the names of this network's chains with.
    #[must_use]
    pub fn chain_hash(&self) -> String {
        chain_hash(&self.name)
    }
}

/// What netavark ends the names of the chains of a network of that name with.
#[must_use]
pub fn chain_hash(network: &str) -> String {
    let digest = Sha512::digest(network.as_bytes());
    let mut hash: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    hash.truncate(13);
    hash
}

/// All networks that a stack had Podman make, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkRecords {
    /// The boot and the network namespace that their kernel objects live in.
    kernel: String,
    /// The folder that they were made from.
    #[serde(default)]
    checkout: String,
    /// The networks, by id.
    networks: BTreeMap<String, NetworkRecord>,
    /// Namespaces that were plugged into their bridges while Podman still knew the networks.
    #[serde(default)]
    namespaces: BTreeSet<String>,
}

impl NetworkRecords {
    /// Namespaces that were plugged into the bridges of the networks while Podman still knew them.
    #[must_use]
    pub fn namespaces(&self) -> &BTreeSet<String> {
        &self.namespaces
    }

    /// The folder that they were made from.
    #[must_use]
    pub fn checkout(&self) -> &str {
        &self.checkout
    }

    /// The networks.
    pub fn networks(&self) -> impl Iterator<Item = &NetworkRecord> {
        self.networks.values()
    }
}

/// Names that one process set out to make containers of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Making {
    /// When that process started, in ticks after boot: its id may be another's by now.
    started: u64,
    /// When each name was seen to be free, in seconds since 1970.
    names: BTreeMap<String, u64>,
}

/// The records of one stack on one Podman.
#[derive(Debug, Clone)]
pub struct Records {
    /// None where there is no folder that only this user can write.
    folder: Option<PathBuf>,
}

impl Records {
    /// Those of a stack; `machine` where it is not this host's own Podman that has it.
    #[must_use]
    pub fn of(stack: &str, machine: Option<&str>) -> Self {
        let name = machine.map_or_else(|| stack.to_owned(), |machine| format!("{stack}@{machine}"));
        Self {
            folder: root().map(|root| root.join(name)),
        }
    }

    /// None at all.
    #[cfg(test)]
    #[must_use]
    pub fn none() -> Self {
        Self { folder: None }
    }

    #[cfg(test)]
    fn at(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// The networks of this boot.
    #[must_use]
    pub fn networks(&self) -> NetworkRecords {
        self.read::<NetworkRecords>(NETWORKS)
            .filter(|records| records.kernel == kernel())
            .unwrap_or_default()
    }

    /// Notes networks. Held by who has the stack's lock.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_networks(&self, networks: &[NetworkRecord]) -> Result<(), FileError> {
        let mut records = self.networks();
        let before = records.clone();
        for network in networks {
            records.networks.insert(network.id.clone(), network.clone());
        }
        records.kernel = kernel();
        records.checkout = std::env::current_dir().unwrap_or_default().display().to_string();
        let same = records.networks == before.networks && records.checkout == before.checkout;
        if same || records.networks.is_empty() {
            return Ok(());
        }
        self.write(NETWORKS, &records)
    }

    /// Notes namespaces that are plugged into the bridge of one of the networks: Podman takes the bridge away with the network.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_namespaces(&self, names: Vec<String>) -> Result<(), FileError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut records = self.networks();
        records.namespaces.extend(names);
        records.kernel = kernel();
        self.write(NETWORKS, &records)
    }

    /// Forgets networks of which nothing is left.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn forget_networks(&self, ids: &[&str]) -> Result<(), FileError> {
        let mut records = self.networks();
        let before = records.networks.len();
        records.networks.retain(|id, _| !ids.contains(&id.as_str()));
        if records.networks.is_empty() {
            self.remove(NETWORKS);
            return Ok(());
        }
        if records.networks.len() == before {
            return Ok(());
        }
        self.write(NETWORKS, &records)
    }

    /// Notes names of containers that nobody has, and that this process is about to make.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_names(&self, names: &[String]) -> Result<(), FileError> {
        // One process writes one file, and its threads take turns.
        static TURN: Mutex<()> = Mutex::new(());
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let file = format!("{MAKING}{}.json", std::process::id());
        let started = start_of(std::process::id()).unwrap_or_default();
        let mut making = self.read::<Making>(&file).unwrap_or_default();
        if making.started != started {
            making = Making {
                started,
                ..Making::default()
            };
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        making.names.extend(names.iter().map(|name| (name.clone(), now)));
        self.write(&file, &making)
    }

    /// Names that processes which have ended had set out to make, and since when. Those that a process which runs set out to make
    /// are not among them; this one's are, where it has ended what it did with them.
    #[must_use]
    pub fn names(&self, own: bool) -> BTreeMap<String, u64> {
        let (mut names, mut in_use) = (BTreeMap::new(), Vec::new());
        for (process, making) in self.making() {
            let runs = start_of(process) == Some(making.started);
            if runs && !(own && process == std::process::id()) {
                in_use.extend(making.names.into_keys());
            } else {
                names.extend(making.names);
            }
        }
        for name in in_use {
            names.remove(&name);
        }
        names
    }

    /// Forgets the names of processes that have ended.
    pub fn forget_names(&self) {
        for (process, making) in self.making() {
            if start_of(process) != Some(making.started) {
                self.remove(&format!("{MAKING}{process}.json"));
            }
        }
    }

    /// Removes a file, and folders in which nothing is left. One that stays proves nothing more than it did.
    fn remove(&self, name: &str) {
        let Some(folder) = &self.folder else { return };
        let _ = std::fs::remove_file(folder.join(name));
        for folder in [Some(folder.as_path()), folder.parent()].into_iter().flatten() {
            let _ = std::fs::remove_dir(folder);
        }
    }

    fn making(&self) -> Vec<(u32, Making)> {
        let entries = self.folder.as_ref().and_then(|folder| folder.read_dir().ok());
        entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let process = name.strip_prefix(MAKING)?.strip_suffix(".json")?.parse().ok()?;
                Some((process, self.read(&name)?))
            })
            .collect()
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let folder = self.folder.as_ref()?;
        if !is_private(folder) {
            return None;
        }
        serde_json::from_slice(&files::read(&folder.join(name)).ok()?).ok()
    }

    fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), FileError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let text = serde_json::to_vec(value).unwrap_or_default();
        let write = || {
            make(folder)?;
            files::write(&folder.join(name), &text, false)
        };
        match write() {
            // Another process has just removed it, since it was empty.
            Err(_) if !folder.exists() => write(),
            written => written,
        }
    }
}

/// Makes a folder that only this user can write, in one that is such, too.
fn make(folder: &Path) -> Result<(), FileError> {
    for folder in [folder.parent().unwrap_or(folder), folder] {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(FileError::on("create", folder)(error));
            }
            _ if !is_private(folder) => {
                let error = std::io::Error::other("it is not a folder that only this user can write");
                return Err(FileError::on("use", folder)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Records of every other stack of this user on this host: its name, and what it wrote down.
#[must_use]
pub fn of_others(stack: &str) -> Vec<(String, NetworkRecords)> {
    let entries = root().and_then(|root| root.read_dir().ok());
    entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != stack && !name.contains('@'))
        .map(|name| {
            let records = Records::of(&name, None).networks();
            (name, records)
        })
        .filter(|(_, records)| !records.networks.is_empty())
        .collect()
}

fn root() -> Option<PathBuf> {
    let run = if nix::unistd::geteuid().is_root() {
        PathBuf::from("/run")
    } else {
        PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?)
    };
    run.is_dir().then(|| run.join(FOLDER))
}

/// Whether it is a folder, no link, of this user, that nobody else can write.
fn is_private(folder: &Path) -> bool {
    std::fs::symlink_metadata(folder).is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == nix::unistd::geteuid().as_raw() && metadata.mode() & 0o022 == 0
    })
}

/// The boot, and the network namespace of this process.
fn kernel() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let network = std::fs::metadata("/proc/self/ns/net").map_or(0, |metadata| metadata.ino());
    format!("{} {network}", boot.trim())
}

/// When a process started, in ticks after boot; none where it has ended.
#[must_use]
pub fn start_of(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which can hold anything, the third field is the state and the 22nd the start.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::os::unix::fs::PermissionsExt as _;

    use super::{NetworkRecord, Records, start_of};
    use crate::stack::model::Subnet;

    fn network() -> NetworkRecord {
        NetworkRecord {
            name: "faults_mainpc".to_owned(),
            id: "761a".to_owned(),
            interface: "podman1".to_owned(),
            subnet: Subnet {
                address: Ipv4Addr::new(172, 30, 99, 0),
                prefix: 24,
            },
        }
    }

    #[test]
    fn chains_are_named_as_netavark_names_them() {
        assert_eq!(network().chain_hash(), "25FEE3B79D9FD");
    }

    #[test]
    fn networks_are_remembered_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::at(folder.path().join("stack"));
        assert_eq!(records.networks().networks().count(), 0);
        records.note_networks(&[network()]).unwrap();
        assert_eq!(records.networks().networks().next(), Some(&network()));
        assert!(!records.networks().checkout().is_empty());
        records.forget_networks(&["761a"]).unwrap();
        assert_eq!(records.networks().networks().count(), 0);
        // Not even a folder is left.
        assert!(!folder.path().join("stack").exists());
        records.note_networks(&[]).unwrap();
        assert!(!folder.path().join("stack").exists());
    }

    #[test]
    fn names_of_a_process_that_runs_are_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::at(folder.path().join("stack"));
        records.note_names(&["vision".to_owned()]).unwrap();
        assert!(records.names(false).is_empty());
        assert!(records.names(true).contains_key("vision"));
        // As if another process had this process id now.
        let file = folder.path().join(format!("stack/making-{}.json", std::process::id()));
        std::fs::write(&file, r#"{"started":1,"names":{"old":5}}"#).unwrap();
        assert_eq!(records.names(false)["old"], 5);
        // Another that runs has set out to make the same.
        let other = folder.path().join("stack/making-1.json");
        let started = start_of(1).unwrap();
        std::fs::write(&other, format!(r#"{{"started":{started},"names":{{"old":6}}}}"#)).unwrap();
        assert!(!records.names(true).contains_key("old"));
        records.forget_names();
        assert!(other.exists());
        assert!(!file.exists());
        assert!(start_of(std::process::id()).is_some_and(|start| start > 0));
    }

    #[test]
    fn what_others_can_write_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("stack");
        let records = Records::at(own.clone());
        records.note_networks(&[network()]).unwrap();
        std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(records.networks().networks().count(), 0);
        assert!(records.note_networks(&[network()]).is_err());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert_eq!(Records::at(link).networks().networks().count(), 0);
    }
}
