//! What a group's container reaches of its host besides folders and devices: `sockets` of its desktop's user, and `host_services`.

use std::collections::BTreeSet;

use super::extras::HostMount;
use super::read::{Fields, Reader};

/// Folder of such sockets in a container.
const FOLDER: &str = "/mnt/sockets";
/// The first user of most hosts.
const USER: u32 = 1000;

/// A socket of the host's desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// Whose.
    pub kind: SocketKind,
    /// Numeric id of the user of the host in whose folder it is.
    pub user: u32,
}

/// A program that agents play and record sound with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketKind {
    /// PulseAudio, or what speaks as it does.
    PulseAudio,
    /// PipeWire.
    PipeWire,
}

impl Socket {
    /// How it gets into a container.
    #[must_use]
    pub fn mount(self) -> HostMount {
        let (below, name) = self.names();
        HostMount {
            source: format!("/run/user/{}/{below}", self.user),
            target: format!("{FOLDER}/{name}"),
            read_only: false,
        }
    }

    /// The variable by which programs find it there, and its value.
    #[must_use]
    pub fn variable(self) -> (&'static str, String) {
        let (_, name) = self.names();
        match self.kind {
            SocketKind::PulseAudio => ("PULSE_SERVER", format!("unix:{FOLDER}/{name}")),
            SocketKind::PipeWire => ("PIPEWIRE_REMOTE", format!("{FOLDER}/{name}")),
        }
    }

    /// Below the user's folder on the host, and in the container.
    fn names(self) -> (&'static str, &'static str) {
        match self.kind {
            SocketKind::PulseAudio => ("pulse/native", "pulse"),
            SocketKind::PipeWire => ("pipewire-0", "pipewire-0"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, user) = match text.split_once(':') {
            Some((kind, user)) => (kind, user.parse().ok().filter(|user| *user <= 4_000_000_000)?),
            None => (text, USER),
        };
        let kind = match kind {
            "pulseaudio" => SocketKind::PulseAudio,
            "pipewire" => SocketKind::PipeWire,
            _ => return None,
        };
        Some(Self { kind, user })
    }
}

/// A port of the host that agents find on their container's loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostService {
    /// Port on the container's loopback.
    pub port: u16,
    /// Port of the host.
    pub target: u16,
}

/// What one level, or a group, has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostAccess {
    /// Sockets of a user of the host.
    pub sockets: BTreeSet<Socket>,
    /// Ports of the host.
    pub services: BTreeSet<HostService>,
}

impl HostAccess {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        let mut access = Self::default();
        if let Some(node) = fields.get("sockets") {
            for text in reader.texts(node, "`sockets`") {
                match Socket::parse(&text.value) {
                    Some(socket) => {
                        access.sockets.insert(socket);
                    }
                    None => reader.bad_value(
                        text.place,
                        format!("`sockets` cannot have `{}`", text.value),
                        "write `pulseaudio` or `pipewire`; of another user of the host than 1000, with its number behind, as in `pipewire:1001`",
                    ),
                }
            }
        }
        if let Some(node) = fields.get("host_services") {
            for item in reader.items(node, "`host_services`") {
                let Some(text) = reader.scalar(item, "an item of `host_services`") else {
                    continue;
                };
                let (port, target) = text.value.split_once(':').unwrap_or((&text.value, &text.value));
                let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
                match (number(port), number(target)) {
                    (Some(port), Some(target)) => {
                        access.services.insert(HostService { port, target });
                    }
                    _ => reader.bad_value(
                        text.place,
                        format!("`host_services` cannot have `{}`", text.value),
                        "write a port of the host, or the port where agents look for it and the host's, as in `\"6379:16379\"`",
                    ),
                }
            }
        }
        access
    }

    /// Adds what a nearer level, or an agent, has. One kind of socket, and one port, is what the nearest says.
    pub(super) fn add(&mut self, nearer: &Self) {
        self.sockets
            .retain(|known| nearer.sockets.iter().all(|other| other.kind != known.kind));
        self.sockets.extend(nearer.sockets.iter().copied());
        self.services
            .retain(|known| nearer.services.iter().all(|other| other.port != known.port));
        self.services.extend(nearer.services.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::{HostService, Socket};
    use crate::stack::fixture::Fixture;

    #[test]
    fn the_nearest_level_says_whose_socket_and_which_port_it_is() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nsockets: [pulseaudio, pipewire]\nhost_services: [5432, '6379:16379']",
            )
            .stack(
                "    agents: [Gamma]",
                "    sockets: ['pulseaudio:1001']\n    overrides: {Gamma: {host_services: ['6379:26379']}}\n    agents: [Gamma]",
            )
            .model();
        let access = |name: &str| &stack.group(stack.find_group(name).unwrap()).extras.access;
        let mounts: Vec<String> = access("side")
            .sockets
            .iter()
            .map(|socket| socket.mount().text())
            .collect();
        assert_eq!(
            mounts,
            [
                "/run/user/1001/pulse/native:/mnt/sockets/pulse",
                "/run/user/1000/pipewire-0:/mnt/sockets/pipewire-0"
            ]
        );
        let services: Vec<(u16, u16)> = access("side")
            .services
            .iter()
            .map(|HostService { port, target }| (*port, *target))
            .collect();
        assert_eq!(services, [(5432, 5432), (6379, 26379)]);
        assert_eq!(access("core").services.len(), 2);
    }

    #[test]
    fn wrong_words_are_named() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nsockets: [alsa, 'pipewire:me']\nhost_services: [0, x, '1:2:3']",
            )
            .says();
        for text in [
            "config/stack.yaml:8:11 error stack/bad-value: `sockets` cannot have `alsa`",
            "`sockets` cannot have `pipewire:me`",
            "`host_services` cannot have `0`",
            "`host_services` cannot have `x`",
            "`host_services` cannot have `1:2:3`",
        ] {
            assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
        }
        assert_eq!(
            Socket::parse("pipewire:1001").map(Socket::variable),
            Some(("PIPEWIRE_REMOTE", "/mnt/sockets/pipewire-0".to_owned()))
        );
    }
}
