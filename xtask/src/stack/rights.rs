//! What the kernel allows a group's container besides what every container is allowed: `ulimits`, `capabilities`, and `user`.

use std::collections::{BTreeMap, BTreeSet};

use super::read::{Fields, Reader};
use super::spans::At;
use super::yaml::{Node, Value};
use crate::finding::Severity;

/// Limits of processes that `setrlimit(2)` knows, as Podman and Compose call them.
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// The capabilities of `capabilities(7)`, without `CAP_`.
const CAPABILITIES: [&str; 41] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// A limit of each process; nothing means that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ulimit {
    /// What holds at first.
    pub soft: Option<u64>,
    /// How far a process may raise it.
    pub hard: Option<u64>,
}

impl Ulimit {
    /// As Podman writes it: `1024:65536`, and `-1` for no limit.
    #[must_use]
    pub fn text(self) -> String {
        let number = |limit: Option<u64>| limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string());
        format!("{}:{}", number(self.soft), number(self.hard))
    }

    /// The wider one of two.
    fn wider(self, other: Self) -> Self {
        let of = |one: Option<u64>, other: Option<u64>| Some(one?.max(other?));
        Self {
            soft: of(self.soft, other.soft),
            hard: of(self.hard, other.hard),
        }
    }

    fn is_possible(self) -> bool {
        match (self.soft, self.hard) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(soft), Some(hard)) => soft <= hard,
        }
    }
}

/// Whether a process can be limited in that.
#[must_use]
pub fn is_ulimit(name: &str) -> bool {
    ULIMITS.contains(&name)
}

/// A capability as it is written here: in capitals, without `CAP_`. Nothing where there is none of that name.
#[must_use]
pub fn capability(name: &str) -> Option<String> {
    let upper = name.to_ascii_uppercase();
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    CAPABILITIES.contains(&name).then(|| name.to_owned())
}

/// What one level, or a group, allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// Limits of processes, by their names.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Capabilities, without `CAP_`.
    pub capabilities: BTreeSet<String>,
}

impl Rights {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        Self {
            ulimits: fields
                .get("ulimits")
                .map(|node| ulimits(reader, node))
                .unwrap_or_default(),
            capabilities: fields
                .get("capabilities")
                .map(|node| capabilities(reader, node))
                .unwrap_or_default(),
        }
    }

    /// Adds what a nearer level allows.
    pub(super) fn add(&mut self, nearer: &Self) {
        self.ulimits.extend(nearer.ulimits.clone());
        self.capabilities.extend(nearer.capabilities.iter().cloned());
    }

    /// Adds what an agent wants: of a limit, the wider one holds for all of its container.
    pub(super) fn add_of_agent(&mut self, agent: &Self) {
        for (name, limit) in &agent.ulimits {
            let known = self.ulimits.entry(name.clone()).or_insert(*limit);
            *known = known.wider(*limit);
        }
        self.capabilities.extend(agent.capabilities.iter().cloned());
    }
}

fn ulimits<'a>(reader: &mut Reader<'a>, node: &'a Node) -> BTreeMap<String, Ulimit> {
    const HELP: &str = "write a number, `soft:hard` or `{soft: 1024, hard: 65536}`; `-1` or `unlimited` is no limit";
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`ulimits`", place) else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for entry in fields.entries() {
        let read = ulimit(reader, &entry.value, &entry.key);
        if !is_ulimit(&entry.key) {
            let place = reader.place(entry.key_span);
            let help = format!("those that there are: {}", ULIMITS.join(", "));
            reader.bad_value(place, format!("there is no ulimit `{}`", entry.key), &help);
            continue;
        }
        let Some((limit, place)) = read else {
            continue;
        };
        match limit.filter(|limit| limit.is_possible()) {
            Some(limit) => {
                all.insert(entry.key.clone(), limit);
            }
            None => reader.bad_value(place, format!("ulimit `{}` cannot be that", entry.key), HELP),
        }
    }
    all
}

/// The value of one, and where it stands. Nothing inside: it is not one.
fn ulimit<'a>(reader: &mut Reader<'a>, node: &'a Node, name: &str) -> Option<(Option<Ulimit>, crate::finding::Place)> {
    let place = reader.place(node.span);
    let number = |text: &str| match text {
        "-1" | "unlimited" => Some(None),
        number => number.parse::<u64>().ok().map(Some),
    };
    if let Value::Mapping(_) = &node.value {
        let mut fields = reader.fields(node, &format!("ulimit `{name}`"), place.clone())?;
        let mut one = |key: &'static str| {
            let node = reader.required(&mut fields, key)?;
            reader.scalar(node, &format!("`{key}`"))
        };
        let (soft, hard) = (one("soft"), one("hard"));
        reader.finish(fields, Severity::Error);
        let (soft, hard) = (number(&soft?.value), number(&hard?.value));
        return Some((soft.zip(hard).map(|(soft, hard)| Ulimit { soft, hard }), place));
    }
    let text = reader.scalar(node, &format!("ulimit `{name}`"))?;
    let (soft, hard) = text.value.split_once(':').unwrap_or((&text.value, &text.value));
    let limit = number(soft).zip(number(hard)).map(|(soft, hard)| Ulimit { soft, hard });
    Some((limit, text.place))
}

fn capabilities<'a>(reader: &mut Reader<'a>, node: &'a Node) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for text in reader.texts(node, "`capabilities`") {
        if let Some(name) = capability(&text.value) {
            all.insert(name);
            continue;
        }
        let upper = text.value.to_ascii_uppercase();
        let help = match upper.strip_prefix("CAP_").unwrap_or(&upper) {
            "ALL" => "name each one that is needed: all of them are as good as the host itself".to_owned(),
            _ => format!("those that there are: {}", CAPABILITIES.join(", ")),
        };
        reader.bad_value(text.place, format!("there is no capability `{}`", text.value), &help);
    }
    all
}

/// `user` of a group: `root`, or the numeric id of another user.
pub(super) fn user<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Option<At<u32>> {
    let node = fields.get("user")?;
    let text = reader.scalar(node, "`user`")?;
    let id = match text.value.as_str() {
        "root" => Some(0),
        number => number.parse::<u32>().ok().filter(|id| *id <= 4_000_000_000),
    };
    if id.is_none() {
        let message = format!("`user` cannot be `{}`", text.value);
        let help =
            "write `root`, or the number of a user, as in `1000`: names are not the same on the host and in the image";
        reader.bad_value(text.place.clone(), message, help);
    }
    Some(At {
        value: id?,
        place: text.place,
    })
}

#[cfg(test)]
mod tests {
    use crate::stack::fixture::Fixture;

    #[test]
    fn the_nearest_limit_holds_and_the_widest_that_an_agent_wants() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nulimits: {nofile: 1024, core: 0}\ncapabilities: [CAP_SYS_NICE]",
            )
            .stack(
                "    agents: [Gamma]",
                "    ulimits: {nofile: {soft: 2048, hard: unlimited}}\n    capabilities: [net_raw]\n    \
                 overrides: {Gamma: {ulimits: {nofile: '4096:8192', memlock: -1}}}\n    agents: [Gamma]",
            )
            .model();
        let rights = |name: &str| &stack.group(stack.find_group(name).unwrap()).extras.rights;
        let texts = |name: &str| -> Vec<String> {
            let all = rights(name).ulimits.iter();
            all.map(|(name, limit)| format!("{name}={}", limit.text())).collect()
        };
        assert_eq!(texts("core"), ["core=0:0", "nofile=1024:1024"]);
        assert_eq!(texts("side"), ["core=0:0", "memlock=-1:-1", "nofile=4096:-1"]);
        let of = |name: &str| rights(name).capabilities.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            (of("core").as_str(), of("side").as_str()),
            ("SYS_NICE", "NET_RAW SYS_NICE")
        );
    }

    #[test]
    fn who_is_kept_apart_less_is_noted() {
        let said = Fixture::small()
            .stack(
                "    agents: [Gamma]",
                "    user: root\n    capabilities: [SYS_NICE, NET_RAW]\n    agents: [Gamma]",
            )
            .says();
        let note = "note stack/weaker-isolation: group `side` runs as root and has the capabilities `NET_RAW`, `SYS_NICE`: any of its agents may use that";
        assert!(said.len() == 1 && said[0].contains(note), "{said:#?}");
        let said = Fixture::small()
            .stack("    agents: [Gamma]", "    user: 1000\n    agents: [Gamma]")
            .says();
        assert_eq!(said, Vec::<String>::new());
    }

    #[test]
    fn wrong_rights_are_named() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nulimits: {nofile: many, files: 1, nproc: '5:3', stack: {soft: 1}}\n\
                 capabilities: [SYS_NIZE, ALL]",
            )
            .stack("    agents: [Gamma]", "    user: agent\n    agents: [Gamma]")
            .says();
        for text in [
            "config/stack.yaml:8:19 error stack/bad-value: ulimit `nofile` cannot be that",
            "there is no ulimit `files`",
            "ulimit `nproc` cannot be that",
            "ulimit `stack` has no `hard`",
            "there is no capability `SYS_NIZE`",
            "there is no capability `ALL`; help: name each one",
            "`user` cannot be `agent`",
        ] {
            assert!(said.iter().any(|line| line.contains(text)), "{text}: {said:#?}");
        }
    }
}
