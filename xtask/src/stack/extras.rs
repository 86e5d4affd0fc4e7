//! What a group's container has of its host besides volumes, and how large its folders in memory are: keys that the stack, a machine, a
//! group and overrides of its agents may have.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::host_access::{HostAccess, Socket};
use super::model::{Group, Stack};
use super::read::{Fields, Reader};
use super::rights::Rights;
use super::yaml::{Node, Value};
use crate::finding::Severity;

/// All of it, of one level or of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// Folders and files of the host.
    pub mounts: Vec<HostMount>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Of those that are optional, the ones that the host of its containers does not have; empty where nobody looked.
    pub absent: BTreeSet<String>,
    /// Further names of hosts.
    pub extra_hosts: BTreeMap<String, IpAddr>,
    /// Size of `/dev/shm` in bytes; Podman's own where it is not given.
    pub shm_bytes: Option<u64>,
    /// Size of `/tmp` in bytes, where it differs from every container's.
    pub tmp_bytes: Option<u64>,
    /// Servers that are asked for names.
    pub dns: Vec<IpAddr>,
    /// What the kernel allows it.
    pub rights: Rights,
    /// Sockets and ports of the host.
    pub access: HostAccess,
}

/// A folder or file of the host in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMount {
    /// Its path on the host.
    pub source: String,
    /// Its path in the container.
    pub target: String,
    /// Whether agents may only read it.
    pub read_only: bool,
}

impl HostMount {
    /// As Podman and Compose have it.
    #[must_use]
    pub fn text(&self) -> String {
        let how = if self.read_only { ":ro" } else { "" };
        format!("{}:{}{how}", self.source, self.target)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, how) = match parts[..] {
            [source, target] => (source, target, "rw"),
            [source, target, how] => (source, target, how),
            _ => return Err("it is not a path of the host, `:` and a path in the container"),
        };
        if !["rw", "ro"].contains(&how) {
            return Err("behind the second `:` only `ro` or `rw` may stand");
        }
        let (source, target) = (path(source)?, path(target)?);
        let ours = [
            "/",
            "/app",
            "/etc/ai_system",
            "/usr/local/bin/agent-supervisor",
            "/proc",
            "/sys",
            "/dev",
        ];
        if ours.contains(&target.as_str()) {
            return Err("its place in the container belongs to the container itself");
        }
        Ok(Self {
            source,
            target,
            read_only: how == "ro",
        })
    }
}

/// A device of the host in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its path on the host, or its name where the host describes it (CDI).
    pub host: String,
    /// Its path in the container, or that name.
    pub container: String,
    /// What may be done with it, of `rwm`.
    pub permissions: String,
    /// Whether containers do without it on a host that does not have it.
    pub optional: bool,
}

impl Device {
    /// As Podman and Compose have it.
    #[must_use]
    pub fn text(&self) -> String {
        if self.kind().is_some() {
            return self.host.clone();
        }
        format!("{}:{}:{}", self.host, self.container, self.permissions)
    }

    /// Vendor and class, `nvidia.com/gpu`, of a device that the host describes by the Container Device Interface and that is named by it.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        let (kind, _) = self.host.split_once('=')?;
        (!self.host.starts_with('/')).then_some(kind)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if !text.starts_with('/') && text.contains('=') {
            return Self::parse_name(text);
        }
        let parts: Vec<&str> = text.split(':').collect();
        let (host, container, permissions) = match parts[..] {
            [host] => (host, host, "rw"),
            [host, container] => (host, container, "rw"),
            [host, container, permissions] => (host, container, permissions),
            _ => return Err("it is not a device of the host"),
        };
        if permissions.is_empty() || !permissions.chars().all(|c| "rwm".contains(c)) {
            return Err("behind the second `:` only letters of `rwm` may stand");
        }
        Ok(Self {
            host: path(host)?,
            container: path(container)?,
            permissions: permissions.to_owned(),
            optional: false,
        })
    }
}

impl Device {
    /// `vendor.com/class=name`, with the characters that the Container Device Interface allows.
    fn parse_name(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "the name of a device is `vendor.com/class=name`";
        let good = |part: &str, also: &str| {
            let first = part.starts_with(|c: char| c.is_ascii_alphanumeric());
            let last = part.ends_with(|c: char| c.is_ascii_alphanumeric());
            first && last && part.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let (kind, name) = text.split_once('=').ok_or(WRONG)?;
        let (vendor, class) = kind.split_once('/').ok_or(WRONG)?;
        if !(good(vendor, "_-.") && good(class, "_-") && good(name, "_-.:")) {
            return Err(WRONG);
        }
        Ok(Self {
            host: text.to_owned(),
            container: text.to_owned(),
            permissions: "rw".to_owned(),
            optional: false,
        })
    }
}

/// Whether `devices:` may have it.
#[must_use]
pub fn is_device(text: &str) -> bool {
    Device::parse(text).is_ok()
}

fn path(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_alphanumeric() || "/_.-@+ ".contains(c);
    if !text.starts_with('/') || !text.chars().all(plain) || text.split('/').any(|part| part == "..") {
        return Err("paths are absolute, and of letters, digits, `_`, `.`, `-`, `@` and `+`");
    }
    Ok(match text.trim_end_matches('/') {
        "" => "/".to_owned(),
        text => text.to_owned(),
    })
}

/// A number of bytes with a unit, as in `512m`.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let text = text
        .strip_suffix("ib")
        .or_else(|| text.strip_suffix('b'))
        .unwrap_or(&text);
    let (number, factor) = match text.char_indices().last()? {
        (at, 'k') => (&text[..at], 1 << 10),
        (at, 'm') => (&text[..at], 1 << 20),
        (at, 'g') => (&text[..at], 1_u64 << 30),
        _ => (text, 1),
    };
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(factor)
        .filter(|bytes| *bytes >= 4096)
}

impl Extras {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        let mut extras = Self::default();
        if let Some(node) = fields.get("mounts") {
            let help = "write a path of the host and one in the container, as in `/srv/models:/models:ro`";
            extras.mounts = each(reader, node, "mounts", HostMount::parse, help);
        }
        if let Some(node) = fields.get("devices") {
            extras.devices = devices(reader, node);
        }
        if let Some(node) = fields.get("extra_hosts") {
            extras.extra_hosts = hosts(reader, node);
        }
        extras.shm_bytes = fields.get("shm_size").and_then(|node| size(reader, node, "`shm_size`"));
        extras.tmp_bytes = fields.get("tmp_size").and_then(|node| size(reader, node, "`tmp_size`"));
        if let Some(node) = fields.get("dns") {
            extras.dns = each(
                reader,
                node,
                "dns",
                server,
                "write addresses of at most three name servers, as in `10.0.0.53`",
            );
        }
        extras.rights = Rights::read(reader, fields);
        extras.access = HostAccess::read(reader, fields);
        extras
    }

    /// What a group has: `levels` from the widest to its own, of which the nearest decides sizes; and what its agents want besides, of
    /// whom the one that wants most does.
    #[must_use]
    pub fn of_group<'a>(
        levels: impl IntoIterator<Item = &'a Self>,
        agents: impl IntoIterator<Item = &'a Self>,
    ) -> Self {
        let mut all = Self::default();
        for level in levels {
            all.add(level);
            all.shm_bytes = level.shm_bytes.or(all.shm_bytes);
            all.tmp_bytes = level.tmp_bytes.or(all.tmp_bytes);
            all.rights.add(&level.rights);
            if !level.dns.is_empty() {
                all.dns.clone_from(&level.dns);
            }
        }
        for agent in agents {
            all.add(agent);
            all.shm_bytes = agent.shm_bytes.max(all.shm_bytes);
            all.tmp_bytes = agent.tmp_bytes.max(all.tmp_bytes);
            all.rights.add_of_agent(&agent.rights);
            let more = agent.dns.iter().filter(|server| !all.dns.contains(server));
            all.dns.extend(more.copied().collect::<Vec<_>>());
        }
        all
    }

    /// The devices that its containers get on their host.
    pub fn present(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().filter(|device| !self.absent.contains(&device.host))
    }

    /// The devices without which there is no container: all but the optional ones.
    pub fn needed(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().filter(|device| !device.optional)
    }

    fn add(&mut self, more: &Self) {
        // What is mounted at one place, or called by one name, is what the nearest level says.
        self.mounts
            .retain(|known| more.mounts.iter().all(|other| other.target != known.target));
        self.mounts.extend(more.mounts.iter().cloned());
        self.devices
            .retain(|known| more.devices.iter().all(|other| other.container != known.container));
        self.devices.extend(more.devices.iter().cloned());
        self.extra_hosts.extend(more.extra_hosts.clone());
        self.access.add(&more.access);
    }

    /// Folders, files and sockets of the host.
    pub fn all_mounts(&self) -> impl Iterator<Item = HostMount> {
        let sockets = self.access.sockets.iter().copied().map(Socket::mount);
        self.mounts.iter().cloned().chain(sockets)
    }
}

/// A list of devices: each a text, or a mapping that says that it is optional.
fn devices<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<Device> {
    const HELP: &str = "write a device of the host, as in `/dev/snd`, or the name that a CDI file gives it, as in `nvidia.com/gpu=all`";
    let mut all = Vec::new();
    for node in reader.items(node, "`devices`") {
        let (text, optional) = match &node.value {
            Value::Mapping(_) => {
                let place = reader.place(node.span);
                let Some(mut fields) = reader.fields(node, "a device", place) else {
                    continue;
                };
                let text = reader
                    .required(&mut fields, "device")
                    .and_then(|node| reader.text(node, "`device`"));
                let optional = fields.get("optional");
                let optional = optional.and_then(|node| reader.boolean(node, "`optional`"));
                reader.finish(fields, Severity::Error);
                (text, optional.unwrap_or(false))
            }
            _ => (reader.text(node, "an item of `devices`"), false),
        };
        let Some(text) = text else {
            continue;
        };
        match Device::parse(&text.value) {
            Ok(device) => all.push(Device { optional, ..device }),
            Err(why) => {
                reader.bad_value(
                    text.place,
                    format!("`devices` cannot have `{}`: {why}", text.value),
                    HELP,
                );
            }
        }
    }
    all
}

fn each<'a, T>(
    reader: &mut Reader<'a>,
    node: &'a Node,
    key: &str,
    parse: fn(&str) -> Result<T, &'static str>,
    help: &str,
) -> Vec<T> {
    let mut all = Vec::new();
    for text in reader.texts(node, &format!("`{key}`")) {
        match parse(&text.value) {
            Ok(value) => all.push(value),
            Err(why) => reader.bad_value(text.place, format!("`{key}` cannot have `{}`: {why}", text.value), help),
        }
    }
    all
}

fn server(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "it is not the address of a server")
}

fn hosts<'a>(reader: &mut Reader<'a>, node: &'a Node) -> BTreeMap<String, IpAddr> {
    let mut all = BTreeMap::new();
    for (name, address) in reader.table(node, "`extra_hosts`") {
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        match address.value.parse() {
            Ok(value) if is_name => {
                all.insert(name, value);
            }
            _ => reader.bad_value(
                address.place,
                format!("`extra_hosts` cannot have `{name}: {}`", address.value),
                "write the name of a host and its address, as in `database: 10.0.0.7`",
            ),
        }
    }
    all
}

pub(super) fn size(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<u64> {
    let text = reader.scalar(node, what)?;
    let size = bytes(&text.value);
    if size.is_none() {
        let message = format!("{what} cannot be `{}`", text.value);
        reader.bad_value(text.place, message, "write a size with its unit, as in `512m` or `2g`");
    }
    size
}

impl Stack {
    /// Takes optional devices away that the host of a group's containers does not have. `has` says of a device whether that host has it;
    /// nothing where it cannot be looked at: then they are taken away, too.
    pub fn leave_out_devices(&mut self, has: &dyn Fn(&Group, &Device) -> Option<bool>) {
        for group in &mut self.groups {
            let lacks = |device: &&Device| device.optional && has(group, device) != Some(true);
            let absent = group.extras.devices.iter().filter(lacks);
            let absent: BTreeSet<String> = absent.map(|device| device.host.clone()).collect();
            group.extras.absent = absent;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, HostMount, bytes};
    use crate::stack::fixture::Fixture;

    #[test]
    fn texts_are_read_as_podman_reads_them() {
        let mount = |text: &str| HostMount::parse(text).map(|mount| mount.text());
        assert_eq!(mount("/srv/models:/models:ro").as_deref(), Ok("/srv/models:/models:ro"));
        assert_eq!(mount("/srv/a/:/b/").as_deref(), Ok("/srv/a:/b"));
        for text in [
            "/srv",
            "srv:/x",
            "/x:y",
            "/x:/y:z",
            "/x:/app",
            "/x:/",
            "/a:/../b",
            "/x:/y:ro:z",
            "/x,y:/z",
        ] {
            assert!(mount(text).is_err(), "{text}");
        }
        let device = |text: &str| Device::parse(text).map(|device| device.text());
        assert_eq!(device("/dev/snd").as_deref(), Ok("/dev/snd:/dev/snd:rw"));
        assert_eq!(
            device("/dev/video2:/dev/video0:r").as_deref(),
            Ok("/dev/video2:/dev/video0:r")
        );
        for name in ["nvidia.com/gpu=all", "vendor.com/class_1=0:1"] {
            assert_eq!(device(name).as_deref(), Ok(name));
        }
        for name in [
            "gpu=all",
            "/gpu=all",
            "nvidia.com/gpu=",
            "nvidia.com/=0",
            "a b/c=d",
            "v/c=d,e",
            "v/c/d=e",
        ] {
            assert!(device(name).is_err(), "{name}");
        }
        assert!(device("snd").is_err() && device("/dev/snd:/dev/snd:x").is_err());
        let sizes = ["512m", "1G", "64MiB", "4096", "12", "m", "", "1.5g"].map(bytes);
        assert_eq!(
            sizes,
            [
                Some(512 << 20),
                Some(1 << 30),
                Some(64 << 20),
                Some(4096),
                None,
                None,
                None,
                None
            ]
        );
    }

    #[test]
    fn the_nearest_level_decides_and_lists_add_up() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nshm_size: 64m\nmounts: ['/srv/a:/a', '/srv/b:/b']\nextra_hosts: {db: 10.0.0.1}",
            )
            .stack(
                "    agents: [Gamma]",
                "    shm_size: 1g\n    tmp_size: 100m\n    mounts: ['/srv/other:/a:ro']\n    extra_hosts: {db: 10.0.0.2}\n    \
                 overrides: {Gamma: {shm_size: 2g, tmp_size: 50m, devices: [/dev/snd]}}\n    agents: [Gamma]",
            )
            .model();
        let extras = |name: &str| &stack.group(stack.find_group(name).unwrap()).extras;
        let side = extras("side");
        let mounts: Vec<String> = side.mounts.iter().map(HostMount::text).collect();
        assert_eq!(mounts, ["/srv/b:/b", "/srv/other:/a:ro"]);
        assert_eq!((side.shm_bytes, side.tmp_bytes), (Some(2 << 30), Some(100 << 20)));
        assert_eq!(
            side.devices.iter().map(Device::text).collect::<Vec<_>>(),
            ["/dev/snd:/dev/snd:rw"]
        );
        assert_eq!(side.extra_hosts["db"].to_string(), "10.0.0.2");
        assert_eq!(
            (extras("core").shm_bytes, extras("core").tmp_bytes),
            (Some(64 << 20), None)
        );
    }

    #[test]
    fn optional_devices_are_there_where_the_host_has_them() {
        let mut stack = Fixture::small()
            .stack(
                "    agents: [Gamma]",
                "    devices: [/dev/a, {device: /dev/b, optional: true}, {device: x.com/y=z, optional: true}, {device: /dev/c}]\n    agents: [Gamma]",
            )
            .model();
        let present = |stack: &crate::stack::Stack| -> Vec<String> {
            stack.groups[1]
                .extras
                .present()
                .map(|device| device.host.clone())
                .collect()
        };
        assert_eq!(present(&stack), ["/dev/a", "/dev/b", "x.com/y=z", "/dev/c"]);
        stack.leave_out_devices(&|_, device| Some(device.host == "/dev/b"));
        assert_eq!(present(&stack), ["/dev/a", "/dev/b", "/dev/c"]);
        // Of a host that nobody can look at, nothing is hoped for.
        stack.leave_out_devices(&|_, _| None);
        assert_eq!(present(&stack), ["/dev/a", "/dev/c"]);
        let needed: Vec<&str> = stack.groups[1]
            .extras
            .needed()
            .map(|device| device.host.as_str())
            .collect();
        assert_eq!(needed, ["/dev/a", "/dev/c"]);
        // It comes back with the device.
        stack.leave_out_devices(&|_, _| Some(true));
        assert_eq!(present(&stack).len(), 4);
    }

    #[test]
    fn wrong_values_are_named() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nshm_size: much\nmounts: [models]\ndevices: [snd, {device: cam, optional: true}, {optional: true}, {device: /dev/x, optional: perhaps}]\nextra_hosts: {db: here}\ndns: [resolver]",
            )
            .says();
        for text in [
            "`shm_size` cannot be `much`",
            "`mounts` cannot have `models`",
            "`devices` cannot have `snd`",
            "`devices` cannot have `cam`",
            "a device has no `device`",
            "`optional`",
            "`extra_hosts` cannot have `db: here`",
            "`dns` cannot have `resolver`: it is not the address of a server",
        ] {
            assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
        }
    }
}
