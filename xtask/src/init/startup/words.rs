//! What a Compose service or a program of supervisord says of a process or a container, in the words that a stack has for it.

use contract::stop_signal::StopSignal;

use super::agents::{default_of, scalar};
use crate::init::document::Shown;
use crate::stack::extras::{bytes, is_device};
use crate::stack::publish::Publish;
use crate::stack::rights::{capability, is_ulimit};
use crate::stack::startup::ProgramKeys;
use crate::stack::yaml::{self, Entry, Node, Value};

/// Something that is said of one agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// The stack's key; of a note, the other program's.
    pub key: &'static str,
    /// Its value; a note where the stack has no key for it.
    pub shown: Shown,
    /// Line of the config.
    pub line: usize,
    /// What stands there.
    pub says: String,
    /// A group has the key, and no override of its agents.
    pub is_of_group: bool,
}

/// The words of a Compose service.
pub fn of_service(service: &Entry) -> Vec<Word> {
    let Value::Mapping(fields) = &service.value.value else {
        return Vec::new();
    };
    let mut words: Vec<Word> = fields.iter().filter_map(of_field).collect();
    let limits = ["deploy", "resources", "limits"]
        .iter()
        .try_fold(&service.value, |node, key| field(node, key).map(|entry| &entry.value));
    if let Some(Value::Mapping(limits)) = limits.map(|node| &node.value) {
        words.extend(limits.iter().filter_map(|entry| {
            let key = match entry.key.as_str() {
                "memory" => "mem_limit",
                "pids" => "pids_limit",
                "cpus" => "cpus",
                _ => return None,
            };
            limit(key, entry)
        }));
    }
    // A key may be written in both places.
    words.sort_by_key(|word| word.key);
    words.dedup_by_key(|word| word.key);
    words
}

fn of_field(entry: &Entry) -> Option<Word> {
    let node = &entry.value;
    let text = || scalar(node).map(|text| default_of(&text));
    let (key, shown) = match entry.key.as_str() {
        "stop_signal" => ("stop_signal", signal(&text()?)?),
        "stop_grace_period" => ("stop_grace", Shown::Number(super::programs::seconds(&text()?)?)),
        "restart" => ("restart", never(&text()?)?),
        "ulimits" => ("ulimits", ulimits(node)?),
        "dns" => {
            let servers = listed(node).filter(|server| server.parse::<std::net::IpAddr>().is_ok());
            ("dns", list(servers)?)
        }
        "extra_hosts" => ("extra_hosts", hosts(node)?),
        "shm_size" => ("shm_size", Shown::Scalar(text().filter(|text| bytes(text).is_some())?)),
        "devices" => ("devices", list(listed(node).filter(|device| is_device(device)))?),
        "ports" => ("publish", published(node)?),
        "cap_add" if listed(node).any(|name| name.eq_ignore_ascii_case("all")) => {
            return note(
                entry,
                "cap_add",
                "it has every capability there: name those that it needs in `capabilities:`",
            );
        }
        "cap_add" => ("capabilities", list(listed(node).filter_map(|name| capability(&name)))?),
        "user" => {
            let word = of_entry(entry, "user", user(&text()?)?);
            return Some(Word {
                is_of_group: true,
                ..word
            });
        }
        "privileged" if yaml::boolean(&text()?) == Some(true) => {
            return note(
                entry,
                "privileged",
                "it is privileged there: name what it needs in `devices:` and `capabilities:`",
            );
        }
        "network_mode" if text()? == "host" => {
            return note(
                entry,
                "network_mode",
                "it has its host's network there: here it has an address of its own, and ports of the host that it needs stand in `host_services:`",
            );
        }
        "mem_limit" | "pids_limit" | "cpus" => return limit(&entry.key, entry),
        _ => return None,
    };
    Some(of_entry(entry, key, shown))
}

/// The words of a program of supervisord.
pub fn of_program(keys: &ProgramKeys) -> Vec<Word> {
    let word = |written: &'static str, key, shown: &dyn Fn(&str) -> Option<Shown>| {
        let (text, line) = keys.get(written)?;
        let shown = shown(text.trim())?;
        let says = format!("`{written}={}`", text.trim());
        Some(Word {
            key,
            shown,
            line: *line,
            says,
            is_of_group: false,
        })
    };
    let seconds = |text: &str| text.parse().ok().filter(|seconds| *seconds > 0).map(Shown::Number);
    [
        word("stopsignal", "stop_signal", &signal),
        word("stopwaitsecs", "stop_grace", &seconds),
        word("autorestart", "restart", &never),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_entry(entry: &Entry, key: &'static str, shown: Shown) -> Word {
    Word {
        key,
        shown,
        line: entry.key_span.line,
        says: format!("`{}` of the service", entry.key),
        is_of_group: false,
    }
}

fn note(entry: &Entry, key: &'static str, says: &str) -> Option<Word> {
    let word = of_entry(entry, key, Shown::Note);
    Some(Word {
        says: says.to_owned(),
        ..word
    })
}

/// A signal that a stack can name, but for the one that it has anyway.
fn signal(text: &str) -> Option<Shown> {
    let signal = StopSignal::named(text).filter(|signal| !signal.is_default())?;
    Some(Shown::Scalar(signal.name().to_owned()))
}

/// `no`, where nothing starts it again, whatever its end. That of failures alone is nothing that a stack can say.
fn never(text: &str) -> Option<Shown> {
    (yaml::boolean(text) == Some(false)).then(|| Shown::Scalar("no".to_owned()))
}

/// A user by number, and root.
fn user(text: &str) -> Option<Shown> {
    let user = text.split(':').next().unwrap_or(text);
    match user {
        "root" | "0" => Some(Shown::Scalar("root".to_owned())),
        number => number.parse::<u32>().ok().map(|id| Shown::Number(u64::from(id))),
    }
}

fn limit(written: &str, entry: &Entry) -> Option<Word> {
    let text = default_of(&scalar(&entry.value)?);
    let (key, shown) = match written {
        "mem_limit" => ("memory", bytes(&text).map(|_| Shown::Scalar(text))?),
        "pids_limit" => (
            "processes",
            text.parse().ok().filter(|count| *count > 0).map(Shown::Number)?,
        ),
        _ => {
            let number: f64 = text.parse().ok()?;
            (
                "cpus",
                (0.01..=4096.0).contains(&number).then_some(Shown::Scalar(text))?,
            )
        }
    };
    Some(of_entry(entry, key, shown))
}

/// `nofile: 1024`, or `{soft: 1024, hard: 2048}`.
fn ulimits(node: &Node) -> Option<Shown> {
    let Value::Mapping(entries) = &node.value else {
        return None;
    };
    let number = |node: &Node| {
        let text = default_of(&scalar(node)?);
        (text == "-1" || text.parse::<u64>().is_ok()).then_some(text)
    };
    let limits = entries
        .iter()
        .filter(|entry| is_ulimit(&entry.key))
        .filter_map(|entry| {
            let one = |key: &str| field(&entry.value, key).and_then(|entry| number(&entry.value));
            let text = match number(&entry.value) {
                Some(text) => text,
                None => format!("{}:{}", one("soft")?, one("hard")?),
            };
            Some((entry.key.clone(), Shown::Scalar(text)))
        });
    let limits: Vec<_> = limits.collect();
    (!limits.is_empty()).then_some(Shown::Mapping(limits))
}

/// `NAME:ADDRESS` or `NAME=ADDRESS`, as items or as keys. What Compose puts in for a word is no address.
fn hosts(node: &Node) -> Option<Shown> {
    let pairs: Vec<(String, String)> = match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .filter_map(|entry| Some((entry.key.clone(), default_of(&scalar(&entry.value)?))))
            .collect(),
        _ => listed(node)
            .filter_map(|item| {
                item.split_once([':', '='])
                    .map(|(name, to)| (name.to_owned(), to.to_owned()))
            })
            .collect(),
    };
    let is_address = |to: &str| to.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let hosts = pairs.into_iter().filter(|(_, to)| is_address(to));
    let hosts: Vec<_> = hosts
        .map(|(name, to)| (name, Shown::Scalar(to.trim_matches(['[', ']']).to_owned())))
        .collect();
    (!hosts.is_empty()).then_some(Shown::Mapping(hosts))
}

/// Ports of the host, each with the address that Compose gives it: all that the host has, where it names none.
fn published(node: &Node) -> Option<Shown> {
    let Value::Sequence(items) = &node.value else {
        return None;
    };
    let ports = items.iter().filter_map(|item| {
        let part = |key: &str| {
            field(item, key)
                .and_then(|entry| scalar(&entry.value))
                .map(|text| default_of(&text))
        };
        let text = match &item.value {
            Value::Mapping(_) if part("protocol").is_none_or(|protocol| protocol == "tcp") => {
                let address = part("host_ip").unwrap_or_else(|| "0.0.0.0".to_owned());
                format!("{address}:{}:{}", part("published")?, part("target")?)
            }
            Value::Mapping(_) => return None,
            _ => {
                let text = default_of(&scalar(item)?);
                let text = text.strip_suffix("/tcp").unwrap_or(&text);
                match text.split(':').count() {
                    2 => format!("0.0.0.0:{text}"),
                    3 => text.to_owned(),
                    // Compose chooses the port of the host.
                    _ => return None,
                }
            }
        };
        Publish::parse(&text).is_ok().then_some(text)
    });
    list(ports)
}

/// A scalar, or those of a list, with the defaults of variables.
fn listed(node: &Node) -> impl Iterator<Item = String> {
    super::programs::texts_of(node).into_iter()
}

fn list(items: impl Iterator<Item = String>) -> Option<Shown> {
    let items: Vec<String> = items.collect();
    (!items.is_empty()).then_some(Shown::List(items))
}

fn field<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    match &node.value {
        Value::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::spans::Source;

    /// The words of a service with these keys, as `KEY: VALUE`.
    fn words(keys: &str) -> Vec<String> {
        let text = format!("services:\n  a:\n    image: x\n    {keys}\n");
        let root = yaml::parse(&Source::new("compose.yml", &text)).0.unwrap();
        let services = field(&root, "services").unwrap();
        let service = field(&services.value, "a").unwrap();
        let shown = |word: &Word| match word.shown {
            Shown::Note => format!("? {}", word.key),
            _ => format!("{}: {}", word.key, word.shown.text()),
        };
        of_service(service).iter().map(shown).collect()
    }

    #[test]
    fn words_of_a_service_are_those_of_a_stack() {
        for (keys, wanted) in [
            ("stop_signal: SIGINT", "stop_signal: SIGINT"),
            ("stop_signal: int", "stop_signal: SIGINT"),
            ("stop_signal: SIGTERM", ""),
            ("stop_signal: SIGKILL", ""),
            ("stop_grace_period: 1m30s", "stop_grace: 90"),
            ("stop_grace_period: soon", ""),
            ("restart: \"no\"", "restart: \"no\""),
            ("restart: no", "restart: \"no\""),
            ("restart: on-failure:3", ""),
            ("restart: unless-stopped", ""),
            (
                "ulimits: {nofile: 1024, core: {soft: 0, hard: -1}, whatever: 3}",
                "ulimits: {nofile: \"1024\", core: \"0:-1\"}",
            ),
            (
                "cap_add: [CAP_SYS_NICE, net_admin, WHAT]",
                "capabilities: [SYS_NICE, NET_ADMIN]",
            ),
            ("cap_add: [ALL]", "? cap_add"),
            ("dns: 10.0.0.2", "dns: [10.0.0.2]"),
            ("dns: [10.0.0.2, resolver]", "dns: [10.0.0.2]"),
            (
                "extra_hosts: ['db:10.0.0.3', 'up:host-gateway', 'six=[::1]']",
                "extra_hosts: {db: 10.0.0.3, six: \"::1\"}",
            ),
            ("extra_hosts: {db: 10.0.0.3}", "extra_hosts: {db: 10.0.0.3}"),
            ("user: '1000:1000'", "user: 1000"),
            ("user: root", "user: root"),
            ("user: app", ""),
            ("mem_limit: 512m", "memory: \"512m\""),
            ("mem_limit: much", ""),
            ("cpus: 1.5", "cpus: \"1.5\""),
            ("pids_limit: 100", "processes: 100"),
            (
                "deploy: {resources: {limits: {cpus: '0.5', memory: 1g, pids: 9}}}",
                "cpus: \"0.5\" memory: \"1g\" processes: 9",
            ),
            ("shm_size: 1gb", "shm_size: \"1gb\""),
            ("devices: ['/dev/snd:/dev/snd', 'snd']", "devices: [/dev/snd:/dev/snd]"),
            (
                "ports: ['8080:80', '127.0.0.1:81:81/tcp', '90', '53:53/udp', '${P:-7000}:70']",
                "publish: [\"0.0.0.0:8080:80\", \"127.0.0.1:81:81\", \"0.0.0.0:7000:70\"]",
            ),
            (
                "ports: [{target: 80, published: 8080}, {target: 53, published: 53, protocol: udp}, {target: 1}]",
                "publish: [\"0.0.0.0:8080:80\"]",
            ),
            ("privileged: true", "? privileged"),
            ("privileged: false", ""),
            ("network_mode: host", "? network_mode"),
            ("network_mode: bridge", ""),
        ] {
            assert_eq!(words(keys).join(" "), wanted, "{keys}");
        }
    }

    #[test]
    fn words_of_a_program_are_those_of_a_stack() {
        let keys = |pairs: &[(&str, &str)]| -> ProgramKeys {
            let with_lines = pairs.iter().zip(7..);
            with_lines
                .map(|((key, value), line)| ((*key).to_owned(), ((*value).to_owned(), line)))
                .collect()
        };
        let said = of_program(&keys(&[
            ("stopsignal", "INT"),
            ("stopwaitsecs", " 30 "),
            ("autorestart", "false"),
        ]));
        let said: Vec<String> = said
            .iter()
            .map(|word| format!("{}: {} {} {}", word.key, word.shown.text(), word.line, word.says))
            .collect();
        assert_eq!(
            said,
            [
                "stop_signal: SIGINT 7 `stopsignal=INT`",
                "stop_grace: 30 8 `stopwaitsecs=30`",
                "restart: \"no\" 9 `autorestart=false`"
            ]
        );
        let usual = keys(&[
            ("stopsignal", "TERM"),
            ("stopwaitsecs", "0"),
            ("autorestart", "unexpected"),
        ]);
        assert_eq!(of_program(&usual), []);
    }
}
