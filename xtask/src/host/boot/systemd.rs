//! The systemd of this host, as root's or as this user's, and the folder in which its Quadlet looks for files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::deployment::told;
use super::session::Containers;
use super::take_down::Removal;
use super::{BootError, There, require_subnet};
use crate::boot::limits;
use crate::boot::standing::Standing;
use crate::boot::units::{self, Installed, Kind, PROPERTIES, ServiceState};
use crate::host::podman::Podman;
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{ProcessError, Program};
use crate::host::tree::root::open_own;
use crate::stack::{GroupId, MachineId, Stack};

/// How long systemd may take to read its units, and to answer.
const LIMIT: Duration = Duration::from_secs(60);
/// Longest file that may be a unit of ours.
const LONGEST: u64 = 1024 * 1024;
/// Quadlet, where distributions have it.
const GENERATORS: [&str; 2] = ["/usr/lib/systemd", "/lib/systemd"];

/// A systemd that reads units from a folder.
#[derive(Debug, Clone)]
pub struct Systemd {
    user: bool,
    folder: PathBuf,
}

impl Systemd {
    /// That of this user: the system's for root. Whether it runs is not asked.
    #[must_use]
    pub fn of_this_user() -> Self {
        if nix::unistd::geteuid().is_root() {
            return Self {
                user: false,
                folder: "/etc/containers/systemd".into(),
            };
        }
        let configuration = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".config");
        Self {
            user: true,
            folder: configuration.unwrap_or_else(home).join("containers/systemd"),
        }
    }

    /// Why it cannot run containers; nothing where it can.
    #[must_use]
    pub fn lacks(&self) -> Option<&'static str> {
        if !Path::new("/run/systemd/system").is_dir() {
            return Some("no systemd runs here\n  hint: `cargo xtask up` starts the stack without one");
        }
        let generator = if self.user {
            "user-generators/podman-user-generator"
        } else {
            "system-generators/podman-system-generator"
        };
        if !GENERATORS
            .iter()
            .any(|folder| Path::new(folder).join(generator).exists())
        {
            return Some(
                "this host's Podman has no Quadlet, which makes units of systemd\n  hint: Podman 5.0 or newer has it; `cargo xtask up` starts the \
                 stack without",
            );
        }
        None
    }

    /// The folder of the files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether services of an ordinary user end with their last session.
    #[must_use]
    pub fn ends_with_sessions(&self) -> bool {
        let name = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten();
        let lingers = name.is_some_and(|user| Path::new("/var/lib/systemd/linger").join(user.name).exists());
        self.user && !lingers
    }

    /// The files of the folder that make containers, networks and volumes.
    #[must_use]
    pub fn installed(&self) -> BTreeMap<String, Installed> {
        let entries = self.folder.read_dir().into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                Kind::of(&name)?;
                // What cannot be read is somebody else's.
                let bytes = open_own(&entry.path())
                    .and_then(|file| file.read(LONGEST))
                    .unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes).into_owned();
                Some((name, Installed::new(text)))
            })
            .collect()
    }

    /// Writes a file of the folder, whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn install(&self, name: &str, text: &str) -> Result<(), FileError> {
        files::write(&self.folder.join(name), text.as_bytes(), false)
    }

    /// Removes a file of the folder.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        let path = self.folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(FileError::on("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Has it read its units again.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn reload(&self) -> Result<(), ProcessError> {
        self.systemctl(&["daemon-reload"]).limit(LIMIT).whole().read().map(drop)
    }

    /// Has it start services; does not wait for them.
    ///
    /// # Errors
    /// When it does not know one of them.
    pub fn start(&self, services: &[String]) -> Result<(), ProcessError> {
        if services.is_empty() {
            return Ok(());
        }
        let command = self.systemctl(&["--no-block", "start"]).args(services);
        command.limit(LIMIT).read().map(drop)
    }

    /// Stops those of the services that it knows, and forgets how they ended. `limit`: how long a container may take to stop.
    ///
    /// # Errors
    /// When one does not stop.
    pub fn stop(&self, services: &[String], limit: Duration) -> Result<(), ProcessError> {
        // Of a file that came since it read them it knows none: a deployment may have been killed before.
        let known = self.states(services)?.into_iter();
        let known = known.filter(|(_, state)| state.loaded || state.is_up());
        let services: Vec<String> = known.map(|(service, _)| service).collect();
        if services.is_empty() {
            return Ok(());
        }
        self.systemctl(&["stop"]).args(&services).limit(limit + LIMIT).read()?;
        // Those that did not fail are none that it could forget, which it says as an error.
        self.systemctl(&["reset-failed"])
            .args(&services)
            .limit(LIMIT)
            .run()
            .map(drop)
    }

    /// What it says of services.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn states(&self, services: &[String]) -> Result<BTreeMap<String, ServiceState>, ProcessError> {
        if services.is_empty() {
            return Ok(BTreeMap::new());
        }
        let property = format!("--property={PROPERTIES}");
        let shown = self
            .systemctl(&["show", &property])
            .args(services)
            .limit(LIMIT)
            .read()?;
        Ok(units::states(&shown))
    }

    /// The last lines that a service printed.
    fn last_lines(&self, service: &str, lines: usize) -> Vec<String> {
        let journal = Program::new("journalctl").args(self.scope());
        let journal = journal.args([
            "--output=cat",
            "--quiet",
            &format!("--lines={lines}"),
            &format!("--unit={service}"),
        ]);
        let text = journal.limit(LIMIT).read().unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn systemctl(&self, arguments: &[&str]) -> Program {
        Program::new("systemctl").args(self.scope()).args(arguments)
    }

    fn scope(&self) -> &'static [&'static str] {
        if self.user { &["--user"] } else { &[] }
    }
}

/// The containers that systemd runs.
#[derive(Debug)]
pub struct OfSystemd<'a> {
    /// It.
    pub systemd: &'a Systemd,
    /// The service of each group.
    pub services: BTreeMap<GroupId, String>,
}

impl OfSystemd<'_> {
    /// The services of these groups.
    #[must_use]
    pub fn services(&self, groups: &BTreeSet<GroupId>) -> Vec<String> {
        groups
            .iter()
            .filter_map(|group| self.services.get(group).cloned())
            .collect()
    }
}

impl Containers for OfSystemd<'_> {
    fn standing(&self, groups: &[GroupId]) -> BTreeMap<GroupId, Standing> {
        let services = self.services(&groups.iter().copied().collect());
        // Where systemd does not answer, nothing is known.
        let states = self.systemd.states(&services).unwrap_or_default();
        let of = |group: &GroupId| states.get(self.services.get(group)?).map(ServiceState::standing);
        groups.iter().filter_map(|group| Some((*group, of(group)?))).collect()
    }

    fn last_lines(&self, group: GroupId, lines: usize) -> Vec<String> {
        let service = self.services.get(&group);
        service
            .map(|service| self.systemd.last_lines(service, lines))
            .unwrap_or_default()
    }
}

/// Fails where one of these groups has a unit that is installed on this host, whether it is up or not: what `up` makes would be in its
/// way.
///
/// # Errors
/// When one has.
pub fn require_none(stack: &Stack, groups: &[GroupId]) -> Result<(), BootError> {
    let systemd = Systemd::of_this_user();
    let installed = systemd.installed();
    let own = installed.values().filter(|file| file.is_of(&stack.name));
    let names: BTreeSet<&str> = own.filter_map(Installed::group).collect();
    let found = groups.iter().map(|group| &stack.group(*group).name);
    let found: Vec<String> = found.filter(|name| names.contains(name.as_str())).cloned().collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(BootError::ByUnits(found, systemd.folder))
}

/// Looks for what would keep the units of these groups from starting; returns those whose container is of an image that was replaced.
///
/// # Errors
/// When an image is missing, `up` runs one of the groups, a name is somebody else's, or Podman cannot be asked.
pub fn look(podman: &Podman, stack: &Stack, groups: &[GroupId]) -> Result<BTreeSet<GroupId>, BootError> {
    let wanted: Vec<String> = groups.iter().map(|group| stack.group_image(*group)).collect();
    let there = There::look(podman, stack, &wanted)?;
    let missing: Vec<String> = wanted
        .into_iter()
        .filter(|image| !there.images.contains_key(image))
        .collect();
    if !missing.is_empty() {
        return Err(BootError::Images(missing));
    }
    let name = |group: &GroupId| &stack.group(*group).name;
    let by_up = groups
        .iter()
        .filter(|group| there.pods.contains_key(&stack.pod(**group)));
    let by_up: Vec<String> = by_up.map(|group| name(group).clone()).collect();
    if !by_up.is_empty() {
        return Err(BootError::ByUp(by_up));
    }
    let machines: BTreeSet<MachineId> = groups.iter().map(|group| stack.group(*group).machine).collect();
    there.require_own(stack, groups.iter().map(name), &machines)?;
    // A network that a unit has made is made anew where that unit changes. Any other one stays as it is.
    let installed = Systemd::of_this_user().installed();
    for machine in machines.iter().map(|id| stack.machine(*id)) {
        let by_unit = installed
            .values()
            .any(|file| file.is_of(&stack.name) && file.machine() == Some(&machine.name));
        let network = there.networks.iter().find(|network| network.name == machine.network);
        if let Some(network) = network.filter(|_| !by_unit) {
            require_subnet(network, machine)?;
        }
    }
    let is_older = |group: &&GroupId| {
        let container = there.containers.get(name(group));
        let image = there.images.get(&stack.group_image(**group));
        container.is_some_and(|container| image != Some(&container.image_id))
    };
    Ok(groups.iter().filter(is_older).copied().collect())
}

/// Stops the units of a stack that a removal is about, and removes their files; returns their names.
///
/// # Errors
/// When nothing proves that this checkout installed them, unless they are taken over; when systemd does not stop one, or a file cannot be removed.
pub fn remove(stack: &Stack, removal: &Removal, take_over: bool) -> Result<Vec<String>, BootError> {
    let systemd = Systemd::of_this_user();
    let installed = systemd.installed();
    let own = installed
        .iter()
        .filter(|(_, file)| file.is_of(&stack.name) && removal.is_about(Some(file.labels())));
    let own: BTreeMap<&String, &Installed> = own.collect();
    let others = units::others(own.values().copied(), &stack.checkout);
    if !others.is_empty() && !take_over {
        return Err(BootError::OthersUnits(told(others), systemd.folder));
    }
    if own.is_empty() {
        return Ok(Vec::new());
    }
    let runs = systemd.lacks().is_none();
    if runs {
        let services: Vec<String> = own.keys().map(|name| units::service(name)).collect();
        systemd.stop(&services, limits::removal(stack))?;
    }
    for name in own.keys() {
        systemd.remove(name)?;
    }
    if runs {
        systemd.reload()?;
    }
    Ok(own.into_keys().cloned().collect())
}
