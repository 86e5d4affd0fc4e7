//! What happens while a stack is booted or removed, for whoever shows it.

use crate::stack::GroupId;

/// What happens while a stack is booted or removed.
#[derive(Debug)]
pub enum BootEvent {
    /// A network was created.
    Network(String),
    /// A volume was created.
    Volume(String),
    /// A group's containers run.
    Group(GroupId, Action),
    /// A group could not be started.
    GroupFailed(GroupId, String),
    /// A bridge of that name could not be given a hardware address that stays; why.
    BridgeFailed(String, String),
    /// A unit of systemd was written, as a file of that name.
    Installed(String),
    /// Something was removed: `pod`, `network`, `volume`, `unit`, with its name.
    Removed(&'static str, String),
}

/// What happens to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It runs as it should.
    Unchanged,
    /// It was created and started.
    Created,
    /// It was there in another form, or had stopped, and was created anew.
    Replaced,
}
