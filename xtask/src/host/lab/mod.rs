//! Makes, cuts, heals and removes the lab that [`crate::boot::lab`] describes.
//!
//! Removing it asks nobody: what runs in it is killed, what pins it is unmounted, its storage is deleted. So it works the same
//! after whatever crash, and costs the same with 89 agents in it as with none.

pub mod processes;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::processes::Insides;
use super::podman::containers_conf;
use super::podman::{Podman, PodmanError};
use super::system::files::{self, FileError};
use super::system::network::Network;
use super::system::process::{ProcessError, Program};
use super::system::repository::Repository;
use crate::boot::lab::{self as plan, CUT_TABLE, Lab, LabMachine};
use crate::stack::Stack;

/// How long one step may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Why something cannot be done with the lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Only root may make namespaces and mounts.
    #[error("the lab needs root: it makes network namespaces and mounts\n  hint: run it as root, or with sudo")]
    NotRoot,
    /// The stack is not one of two machines.
    #[error(transparent)]
    Stack(#[from] plan::NotTwoMachines),
    /// It is not there.
    #[error("the lab is not up\n  hint: run `cargo xtask lab up`")]
    NotUp,
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The host's Podman failed.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The kernel refuses something.
    #[error("cannot {what}: {source}")]
    Kernel {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else has what the lab needs.
    #[error(
        "`{0}` is there already, and no lab of this stack made it\n  hint: change `name:` in config/stack.yaml, or remove it yourself"
    )]
    Taken(PathBuf),
    /// Neither cut nor whole: somebody took one end down.
    #[error("the link is down at {0}: `{link}` is not there or not up\n  hint: run `cargo xtask lab down` and `cargo xtask lab up`", link = plan::LINK)]
    NoLink(String),
    /// Something does not go away.
    #[error("{0} still there after `lab down`")]
    Stays(#[from] processes::Remaining),
}

/// The lab of a stack in a repository.
///
/// # Errors
/// When the stack has not two machines.
pub fn of(stack: &Stack, repository: &Repository) -> Result<Lab, LabError> {
    // The kernel has one lab of that name; whichever checkout made it, its storage is where that checkout said.
    let run = plan::run_folder(&stack.name);
    let noted = mounted()
        .contains(&run)
        .then(|| files::read(&folder_note(&run)).ok())
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(PathBuf::from);
    let folder = noted.unwrap_or_else(|| repository.work().join("lab"));
    Ok(plan::lab(stack, &folder)?)
}

/// File that says where the storage is.
fn folder_note(run: &Path) -> PathBuf {
    run.join("folder")
}

/// File that says that the machine's network namespace is the lab's: written before it is made, where there was none.
fn own_note(lab: &Lab, machine: &LabMachine) -> PathBuf {
    lab.run.join(format!("{}.own", machine.name))
}

/// File that is there once everything is.
fn ready_note(run: &Path) -> PathBuf {
    run.join("ready")
}

/// Whether it is there, whole.
#[must_use]
pub fn is_up(lab: &Lab) -> bool {
    let mounted = mounted();
    ready_note(&lab.run).exists()
        && lab
            .machines
            .iter()
            .all(|machine| mounted.contains(&machine.network) && mounted.contains(&machine.mounts))
}

/// Fails where it is not.
///
/// # Errors
/// When it is not up, or this is not root.
pub fn require_up(lab: &Lab) -> Result<(), LabError> {
    require_root()?;
    if is_up(lab) { Ok(()) } else { Err(LabError::NotUp) }
}

fn require_root() -> Result<(), LabError> {
    if nix::unistd::geteuid().is_root() {
        Ok(())
    } else {
        Err(LabError::NotRoot)
    }
}

/// Makes it; says whether it had to. Half a lab, of a harness that was killed, is removed first.
///
/// # Errors
/// When a step fails; nothing is left then.
pub fn up(lab: &Lab, podman: &Podman) -> Result<bool, LabError> {
    require_root()?;
    if is_up(lab) {
        return Ok(false);
    }
    down(lab)?;
    make(lab, podman).inspect_err(|error| {
        if matches!(error, LabError::Taken(_)) {
            return;
        }
        super::system::process::resume();
        // Why it could not be made says more than why it cannot be removed.
        let _ = down(lab);
    })?;
    Ok(true)
}

fn make(lab: &Lab, podman: &Podman) -> Result<(), LabError> {
    let (driver, graph_root) = podman.store()?;
    for path in [&lab.machines[0].network, &lab.machines[1].network, &lab.run] {
        if std::fs::symlink_metadata(path).is_ok() {
            return Err(LabError::Taken(path.clone()));
        }
    }
    create_folder(&lab.run)?;
    // Of its own and private: a mount namespace cannot be pinned where that would be seen from within itself.
    step(
        Program::new("mount")
            .args(["-n", "-t", "tmpfs", "-o", "mode=700", "tmpfs"])
            .arg(&lab.run),
    )?;
    step(Program::new("mount").args(["-n", "--make-private"]).arg(&lab.run))?;
    for machine in &lab.machines {
        if let Some(folder) = machine.folder.parent() {
            files::write(&folder_note(&lab.run), folder.as_os_str().as_encoded_bytes(), false)?;
        }
        create_folder(&machine.storage())?;
        create_folder(&machine.networks())?;
        let conf = plan::storage_conf(&driver, &graph_root);
        files::write(&machine.storage_conf(), conf.as_bytes(), false)?;
    }
    for machine in &lab.machines {
        files::write(&own_note(lab, machine), b"", false)?;
    }
    for arguments in lab.ip_steps() {
        step(Program::new("ip").args(arguments))?;
    }
    for machine in &lab.machines {
        // Containers are reached through the machine's own address, by rules of Podman that forward.
        let forward = || std::fs::write("/proc/sys/net/ipv4/ip_forward", "1");
        Network::namespace(&machine.network)
            .run(forward)
            .and_then(|written| written)
            .map_err(|source| LabError::Kernel {
                what: format!("let `{}` forward packets", machine.name),
                source,
            })?;
        let work = lab.run.join("work");
        create_folder(&work)?;
        files::write(&machine.mounts, b"", false)?;
        step(Program::new("unshare").args(machine.unshare_arguments(&graph_root, &work)))?;
    }
    Ok(files::write(&ready_note(&lab.run), b"", false)?)
}

fn step(program: Program) -> Result<(), ProcessError> {
    program.limit(LIMIT).whole().read().map(drop)
}

fn create_folder(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(FileError::on("create", path))
}

/// Removes it, or whatever of it is there; returns what was removed, in words.
///
/// # Errors
/// When this is not root, or something does not go away.
pub fn down(lab: &Lab) -> Result<Vec<String>, LabError> {
    require_root()?;
    let mut removed = Vec::new();
    let before = mounted();
    // What has the lab's names and was not made for it is somebody else's.
    let ours: Vec<&LabMachine> = lab
        .machines
        .iter()
        .filter(|machine| before.contains(&lab.run) && own_note(lab, machine).exists())
        .collect();
    let pins: Vec<&PathBuf> = ours
        .iter()
        .flat_map(|machine| [&machine.mounts, &machine.network])
        .filter(|pin| before.contains(pin))
        .collect();
    let insides = Insides::of(&pins);
    let killed = processes::kill(&insides)?;
    if killed > 0 {
        removed.push(format!("{killed} processes"));
    }
    processes::remove_cgroups(&lab.machines.each_ref().map(LabMachine::storage));
    for machine in ours {
        unmount(&machine.mounts)?;
        if machine.network.exists() {
            step(Program::new("ip").args(["netns", "delete", &machine.namespace]))?;
            removed.push(format!("network namespace {}", machine.namespace));
        }
    }
    unmount(&lab.run)?;
    // Empty, where it is the lab's.
    match std::fs::remove_dir(&lab.run) {
        Ok(()) => removed.push(lab.run.display().to_string()),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound
                    | std::io::ErrorKind::DirectoryNotEmpty
                    | std::io::ErrorKind::NotADirectory
            ) => {}
        Err(error) => return Err(FileError::on("remove", &lab.run)(error).into()),
    }
    for folder in lab.machines.iter().filter_map(|machine| machine.folder.parent()) {
        match std::fs::remove_dir_all(folder) {
            Ok(()) => removed.push(folder.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::on("remove", folder)(error).into()),
        }
    }
    Ok(removed)
}

/// Unmounts whatever is mounted there, however often.
fn unmount(path: &Path) -> Result<(), ProcessError> {
    while mounted().iter().any(|mount| mount == path) {
        step(Program::new("umount").arg("-n").arg(path))?;
    }
    Ok(())
}

/// Where something is mounted, as this process sees it.
fn mounted() -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split(' ').nth(4).map(PathBuf::from))
        .collect()
}

/// A program on a machine of the lab, without arguments yet; `podman` is that machine's there.
#[must_use]
pub fn program(machine: &LabMachine, name: &str, repository: &Repository) -> Program {
    // In the same folder: entering other mounts leads to `/`.
    let folder = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let program = Program::new("nsenter")
        .args(machine.enter())
        .arg(format!("--wdns={}", folder.display()))
        .arg(name)
        .becomes(name)
        .env("CONTAINERS_STORAGE_CONF", machine.storage_conf());
    match containers_conf::provide(repository) {
        Some(path) => program.env("CONTAINERS_CONF", path),
        None => program,
    }
}

/// Cuts the link; says whether it was whole.
///
/// # Errors
/// When the lab is not up, its link is down, or `nft` fails.
pub fn cut(lab: &Lab) -> Result<bool, LabError> {
    require_up(lab)?;
    require_link(lab)?;
    let mut changed = false;
    for machine in &lab.machines {
        if !is_cut_at(machine)? {
            step(nft(machine).args(["-f", "-"]).input(plan::cut_rules()))?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Heals the link; says whether it was cut.
///
/// # Errors
/// When the lab is not up, its link is down, or `nft` fails.
pub fn heal(lab: &Lab) -> Result<bool, LabError> {
    require_up(lab)?;
    let mut changed = false;
    for machine in &lab.machines {
        if is_cut_at(machine)? {
            step(nft(machine).args(["delete", "table", "inet", CUT_TABLE]))?;
            changed = true;
        }
    }
    require_link(lab)?;
    Ok(changed)
}

/// Fails where an end of the link has no carrier: that of the other is down, or it is itself.
fn require_link(lab: &Lab) -> Result<(), LabError> {
    for machine in &lab.machines {
        let shown = Program::new("ip")
            .args(["-netns", &machine.namespace, "link", "show", plan::LINK])
            .limit(LIMIT)
            .run()?;
        if !shown.stdout.contains("LOWER_UP") {
            return Err(LabError::NoLink(machine.name.clone()));
        }
    }
    Ok(())
}

/// Whether the link is cut.
///
/// # Errors
/// When the lab is not up or `nft` cannot be run.
pub fn is_cut(lab: &Lab) -> Result<bool, LabError> {
    require_up(lab)?;
    for machine in &lab.machines {
        if is_cut_at(machine)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn nft(machine: &LabMachine) -> Program {
    Program::new("nsenter")
        .arg(format!("--net={}", machine.network.display()))
        .arg("nft")
        .becomes("nft")
}

fn is_cut_at(machine: &LabMachine) -> Result<bool, ProcessError> {
    let tables = nft(machine).args(["list", "tables", "inet"]).limit(LIMIT).read()?;
    Ok(tables
        .lines()
        .any(|line| line.trim() == format!("table inet {CUT_TABLE}")))
}
