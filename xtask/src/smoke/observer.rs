//! What a check may do to the system: ask, run, inspect and wait, each within the check's time limit. The kinds of checks say what
//! they look at in these terms; `host` carries it out.

use std::time::Duration;

use contract::status::GroupStatus;
use serde::de::DeserializeOwned;

use super::command::CommandSeen;
use crate::boot::reach::{Granted, Host};
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};

/// Why nothing could be seen, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Blind(String);

impl Blind {
    /// The words for it.
    pub fn because(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }
}

impl From<&str> for Blind {
    fn from(reason: &str) -> Self {
        Self(reason.to_owned())
    }
}

/// A container made for a check: without a network, capabilities or a writable file system.
#[derive(Debug, Clone, Default)]
pub struct Sealed<'a> {
    /// The machine; none: this host.
    pub machine: Option<MachineId>,
    /// Image.
    pub image: &'a str,
    /// Program and arguments.
    pub command: &'a [&'a str],
    /// Options of `podman run` beside those that seal it.
    pub options: &'a [String],
    /// Standard input; none where it is empty.
    pub input: &'a [u8],
}

/// A group that was watched for a while.
#[derive(Debug, Clone)]
pub struct Watched {
    /// What its supervisor said last.
    pub status: Option<GroupStatus>,
    /// For how long, in seconds.
    pub seconds: f64,
}

/// Waits until a status is as wanted.
pub type Until<'a> = &'a mut dyn FnMut(&GroupStatus) -> bool;

/// Looks at a system for one check. Everything ends at the check's time limit, and when the user stops the program.
pub trait Observer: Sync {
    /// The stack.
    fn stack(&self) -> &Stack;

    /// What is left of the time limit.
    fn left(&self) -> Duration;

    /// Sends a request to an agent's main port and returns the reply.
    ///
    /// # Errors
    /// When there is no reply within the limit.
    fn request(&self, agent: AgentId, payload: &[u8], limit: Duration) -> Result<Vec<u8>, Blind>;

    /// Sends a request to a port of the loopback of a machine's host and returns the reply; nothing where that host is another one,
    /// whose loopback is out of reach.
    fn request_on_loopback(
        &self,
        machine: MachineId,
        port: u16,
        payload: &[u8],
        limit: Duration,
    ) -> Option<Result<Vec<u8>, Blind>>;

    /// Runs Podman; without a machine, this host's.
    ///
    /// # Errors
    /// When it cannot be run, or takes too long.
    fn podman(&self, machine: Option<MachineId>, words: &[&str]) -> Result<CommandSeen, Blind>;

    /// Runs a command in the container of a group.
    ///
    /// # Errors
    /// When it cannot be run, or takes too long.
    fn exec(&self, group: GroupId, words: &[&str], input: &[u8]) -> Result<CommandSeen, Blind>;

    /// Runs a Python program in the container of a group. It has two seconds more than are left: it ends by itself, and says why.
    ///
    /// # Errors
    /// When it cannot be run, or takes too long.
    fn python(&self, group: GroupId, script: &str, arguments: &[&str], input: &[u8]) -> Result<CommandSeen, Blind>;

    /// Runs a container made for the check, and removes it.
    ///
    /// # Errors
    /// When it cannot be run, or takes too long.
    fn run_sealed(&self, sealed: &Sealed<'_>) -> Result<CommandSeen, Blind>;

    /// Runs a container of that name, starts it again when it has ended, and removes it. Returns what the second run printed.
    ///
    /// # Errors
    /// When one of the runs fails.
    fn run_twice(&self, name: &str, sealed: &Sealed<'_>) -> Result<String, Blind>;

    /// A name that no other check, run or user has: for a file, or for a container of [`Observer::run_twice`].
    fn marker(&self) -> String;

    /// What a group's supervisor says now.
    ///
    /// # Errors
    /// When it does not answer within the limit.
    fn status(&self, group: GroupId, limit: Duration) -> Result<GroupStatus, Blind>;

    /// Waits until the status is as wanted, or the time is over: then the last one, if there was one.
    ///
    /// # Errors
    /// When the supervisor never answered.
    fn wait_until(&self, group: GroupId, done: Until<'_>) -> Result<Option<GroupStatus>, Blind>;

    /// The same for a health that agents come to: one that is within its own start period at the time limit is waited for. Its
    /// supervisor ends that.
    ///
    /// # Errors
    /// When the supervisor never answered.
    fn wait_for_health(&self, group: GroupId, done: Until<'_>) -> Result<Option<GroupStatus>, Blind>;

    /// Watches a group for a while, or until it is broken, and does something over and over meanwhile.
    ///
    /// # Errors
    /// When the supervisor never answered.
    fn watch(
        &self,
        group: GroupId,
        time: Duration,
        broken: Until<'_>,
        meanwhile: &mut (dyn FnMut() + Send),
    ) -> Result<Watched, Blind>;

    /// The limits that the Podman of a group's machine can set.
    fn granted(&self, group: GroupId) -> Granted;

    /// Whether a folder of the host is there; of another host, what is mounted says it.
    fn has_folder(&self, path: &str) -> bool;

    /// Waits a moment before another try; false where the time is over.
    fn again(&self) -> bool;

    /// How a machine is reached from the others.
    ///
    /// # Errors
    /// When the machines are no hosts of their own.
    fn host_of(&self, machine: MachineId) -> Result<&Host, Blind>;

    /// Whether the machines are those of the lab.
    fn is_lab(&self) -> bool;

    /// Cuts the link between the machines, or makes it whole.
    ///
    /// # Errors
    /// When the link is not the lab's, or cannot be changed.
    fn set_link(&self, cut: bool) -> Result<(), Blind>;
}

/// Part of the time that is left for a program itself: starting it takes some, too. In milliseconds.
pub fn own_limit_ms(observer: &dyn Observer) -> u64 {
    u64::try_from(observer.left().as_millis() * 9 / 10).unwrap_or(u64::MAX)
}

/// Reads the JSON that a program printed.
///
/// # Errors
/// When it failed, or printed something else.
pub fn answer<T: DeserializeOwned>(seen: &CommandSeen) -> Result<T, Blind> {
    if seen.exit != Some(0) {
        return Err(seen.last_words());
    }
    serde_json::from_str(&seen.stdout)
        .map_err(|error| Blind::because(format!("the look from inside printed no JSON: {error}")))
}

/// Reads what Podman printed.
///
/// # Errors
/// When it is not the expected JSON.
pub fn podman_json<T: DeserializeOwned>(text: &str) -> Result<T, Blind> {
    serde_json::from_str(text)
        .map_err(|error| Blind::because(format!("Podman printed what is not the expected JSON: {error}")))
}
