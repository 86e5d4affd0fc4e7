//! `health:` of a stack, a machine, a group or an agent's override: how the health of agents is found out. The nearest level wins, key by
//! key; what belongs to another kind than the nearest one says is left behind.
//!
//! An agent that says nothing is asked over ZeroMQ on its health port. One that has no port, or is a program that nobody tells a health
//! port, is not; nor is one that runs once.

use contract::health::{Check, Kind, is_code};

use super::read::{Fields, Reader};
use super::spans::At;
use super::yaml::{Node, Value};
use crate::finding::Severity;

/// What one level says.
#[derive(Debug, Clone, Default)]
pub struct HealthSetting {
    kind: Option<Kind>,
    port: Option<At<Port>>,
    path: Option<String>,
    ask: Option<String>,
    expect: Option<Vec<String>>,
    start_period_ms: Option<u64>,
}

/// A port as a health check has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    /// That one.
    At(u16),
    /// So many above the agent's own port.
    Above(u16),
}

/// What an agent's own config says of its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Its port.
    pub port: u16,
    /// Whether that port is written.
    pub has_port: bool,
    /// The health port that is written.
    pub health_port: Option<u16>,
    /// Whether it is told its ports.
    pub is_told: bool,
}

impl HealthSetting {
    /// Reads the key of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        match fields.get("health") {
            Some(node) => read(reader, node),
            None => Self::default(),
        }
    }

    /// Where the port is written.
    #[must_use]
    pub fn port_place(&self) -> Option<&crate::finding::Place> {
        self.port.as_ref().map(|port| &port.place)
    }

    /// These settings with those of a nearer level over them.
    #[must_use]
    pub fn under(self, nearer: &Self) -> Self {
        // Words of one kind mean nothing to another.
        let other_kind = nearer.kind.is_some() && nearer.kind != self.kind.or(Some(Kind::Zmq));
        let base = if other_kind { Self::default() } else { self.clone() };
        Self {
            kind: nearer.kind.or(self.kind),
            port: nearer.port.clone().or(base.port),
            path: nearer.path.clone().or(base.path),
            ask: nearer.ask.clone().or(base.ask),
            expect: nearer.expect.clone().or(base.expect),
            start_period_ms: nearer.start_period_ms.or(self.start_period_ms),
        }
    }

    /// How long an agent may take to answer, or must have run, where it is written.
    #[must_use]
    pub fn start_period_ms(&self) -> Option<u64> {
        self.start_period_ms
    }

    /// The check of an agent with these ports. One that runs once is asked only where somebody says how.
    #[must_use]
    pub fn check(&self, own: Own, runs_once: bool) -> Check {
        let told_nothing = !own.is_told && own.health_port.is_none();
        let kind = self.kind.unwrap_or(match (&self.port, told_nothing) {
            (Some(_), _) => Kind::Zmq,
            _ if runs_once => Kind::Process,
            _ if !own.has_port && own.health_port.is_none() => Kind::Process,
            (None, true) => Kind::Tcp,
            (None, false) => Kind::Zmq,
        });
        let port = match self.port.as_ref().map(|port| port.value) {
            Some(Port::At(port)) => Some(port),
            Some(Port::Above(offset)) => own.port.checked_add(offset),
            // Nobody tells it another one.
            None if told_nothing => Some(own.port),
            // One server for both: meant so, and said so to the supervisor, which takes the same number twice for a slip.
            None => own.health_port.filter(|port| *port == own.port),
        };
        let of = |kinds: &[Kind]| kinds.contains(&kind);
        Check {
            kind,
            port: port.filter(|_| kind != Kind::Process),
            path: self.path.clone().filter(|_| of(&[Kind::Http])),
            ask: self.ask.clone().filter(|_| of(&[Kind::Zmq])),
            expect: self
                .expect
                .clone()
                .filter(|_| of(&[Kind::Zmq, Kind::Http]))
                .unwrap_or_default(),
            start_period_ms: self.start_period_ms.filter(|_| of(&[Kind::Process])),
        }
    }
}

/// The kind of a word.
fn kind(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == word)
}

const KINDS: &str = "write `zmq`, `http`, `tcp` or `process`";

fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> HealthSetting {
    let mut setting = HealthSetting::default();
    if let Value::Scalar { .. } = &node.value {
        setting.kind = reader.scalar(node, "`health`").and_then(|word| {
            let kind = kind(&word.value);
            if kind.is_none() {
                let message = format!("`health` cannot be `{}`", word.value);
                reader.bad_value(word.place, message, &format!("{KINDS}, or a mapping with `kind:`"));
            }
            kind
        });
        return setting;
    }
    let place = reader.place(node.span);
    let Some(mut fields) = reader.fields(node, "`health`", place.clone()) else {
        return setting;
    };
    if let Some(node) = fields.get("kind") {
        let word = reader.scalar(node, "`kind`");
        setting.kind = word.and_then(|word| {
            let kind = kind(&word.value);
            if kind.is_none() {
                reader.bad_value(word.place, format!("`kind` cannot be `{}`", word.value), KINDS);
            }
            kind
        });
    }
    setting.port = fields.get("port").and_then(|node| port(reader, node));
    setting.path = fields.get("path").and_then(|node| path(reader, node));
    setting.ask = fields
        .get("ask")
        .and_then(|node| reader.scalar(node, "`ask`"))
        .map(|text| text.value);
    setting.expect = fields.get("expect").and_then(|node| expect(reader, node));
    setting.start_period_ms = fields
        .get("start_period")
        .and_then(|node| reader.seconds(node, "`start_period`"));
    for (key, kinds) in [
        ("port", &[Kind::Zmq, Kind::Http, Kind::Tcp][..]),
        ("path", &[Kind::Http]),
        ("ask", &[Kind::Zmq]),
        ("expect", &[Kind::Zmq, Kind::Http]),
    ] {
        let written = fields.entries().iter().find(|entry| entry.key == key);
        let (Some(entry), Some(kind)) = (written, setting.kind) else {
            continue;
        };
        if !kinds.contains(&kind) {
            let names: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.name())).collect();
            let message = format!("`health` of the kind `{}` has no `{key}`", kind.name());
            let help = format!("`{key}` belongs to {}", names.join(" and "));
            let place = reader.place(entry.key_span);
            reader.bad_value(place, message, &help);
        }
    }
    reader.finish(fields, Severity::Error);
    setting
}

/// A port, or how far it is above the agent's: `7001`, `+1`.
fn port(reader: &mut Reader<'_>, node: &Node) -> Option<At<Port>> {
    let text = reader.scalar(node, "`port`")?;
    if let Some(offset) = text.value.strip_prefix('+') {
        return match offset.parse() {
            Ok(offset) => Some(At {
                value: Port::Above(offset),
                place: text.place,
            }),
            Err(_) => {
                let message = format!("`port` cannot be `{}`", text.value);
                reader.bad_value(
                    text.place,
                    message,
                    "write how far it is above the agent's port, as in `+1`",
                );
                None
            }
        };
    }
    reader.port(node, "`port`").map(|port| At {
        value: Port::At(port.value),
        place: port.place,
    })
}

fn path(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "`path`")?;
    if text.value.starts_with('/') && !text.value.contains(char::is_whitespace) {
        return Some(text.value);
    }
    let message = format!("`path` cannot be `{}`", text.value);
    reader.bad_value(text.place, message, "write the path of a URL, as in `/health`");
    None
}

/// One word, or a list of those of which one is enough.
fn expect<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<Vec<String>> {
    let nodes = match &node.value {
        Value::Sequence(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let texts: Vec<At<String>> = nodes
        .iter()
        .filter_map(|node| reader.scalar(node, "`expect`"))
        .collect();
    let empty = texts.iter().find(|text| text.value.is_empty());
    if let Some(empty) = empty {
        let help = "write a status, or text that the reply has";
        reader.bad_value(empty.place.clone(), "`expect` is empty", help);
        return None;
    }
    Some(texts.into_iter().map(|text| text.value).collect())
}

/// A check in a few words, as in `http GET /health on port 8080`.
#[must_use]
pub fn words(check: &Check, port: u16) -> String {
    let expected = |what: &str| match check.expect.as_slice() {
        [] => String::new(),
        words => format!(", {what} `{}`", words.join("` or `")),
    };
    match check.kind {
        Kind::Zmq => format!("zmq on port {port}{}", expected("expecting")),
        Kind::Http => {
            let what = if check.expect.iter().all(|word| is_code(word)) {
                "status"
            } else {
                "expecting"
            };
            let path = check.path.as_deref().unwrap_or("/");
            format!("http GET {path} on port {port}{}", expected(what))
        }
        Kind::Tcp => format!("tcp connection to port {port}"),
        Kind::Process => "process: nothing is asked".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use contract::health::{Check, Kind};

    use crate::stack::Stack;
    use crate::stack::fixture::{Fixture, MAIN};

    fn check(stack: &Stack, name: &str) -> Check {
        let agent = stack.agents.iter().find(|agent| agent.name == name).unwrap();
        agent.runtime.health.clone()
    }

    /// The small stack with these keys at its top, and these in an override of Beta.
    fn fixture(top: &str, beta: &str) -> Fixture {
        let beta = format!("    overrides: {{Beta: {{{beta}}}}}\n    agents: [Alpha, Beta]");
        Fixture::small()
            .stack("status_port: 9000", &format!("status_port: 9000\n{top}"))
            .stack("    agents: [Alpha, Beta]", &beta)
    }

    #[test]
    fn levels_are_over_each_other_and_words_of_another_kind_are_left_behind() {
        let fixture = fixture(
            "health: {kind: http, path: /up, expect: [204, fine], start_period: 90}",
            "health: {port: 8080}",
        );
        assert_eq!(fixture.says(), Vec::<String>::new());
        let stack = fixture.model();
        let alpha = check(&stack, "Alpha");
        assert_eq!(
            (alpha.kind, alpha.port, alpha.path.as_deref()),
            (Kind::Http, None, Some("/up"))
        );
        assert_eq!(alpha.expect, ["204", "fine"]);
        let beta = check(&stack, "Beta");
        assert_eq!((beta.port, beta.path.as_deref()), (Some(8080), Some("/up")));
        let (id, _) = stack.agents().find(|(_, agent)| agent.name == "Beta").unwrap();
        assert_eq!(stack.start_period_ms(id), 90_000);
        assert_eq!(stack.agent(id).health_port(), Some(8080));
        let stack = self::fixture("health: {kind: http, path: /up}", "health: tcp").model();
        let beta = check(&stack, "Beta");
        assert_eq!((beta.kind, beta.path), (Kind::Tcp, None));
        assert_eq!(check(&stack, "Alpha").kind, Kind::Http);
    }

    #[test]
    fn a_port_may_be_told_by_how_far_it_is_above_the_agent_s() {
        let stack = fixture("health: {port: +1}", "health: {port: +0, ask: ping, expect: pong}")
            .file(MAIN, "port: 5001", "port: 5011")
            .model();
        let port = |name| check(&stack, name).port;
        let own = |name| stack.agents.iter().find(|agent| agent.name == name).unwrap().port;
        assert_eq!(port("Alpha"), Some(own("Alpha") + 1));
        assert_eq!(port("Beta"), Some(own("Beta")));
        assert_eq!(check(&stack, "Beta").request(), "ping");
    }

    #[test]
    fn an_agent_without_a_port_is_asked_nothing() {
        let without = Fixture::small().file(MAIN, "    port: 5000\n", "");
        let stack = without.model();
        assert_eq!(check(&stack, "Alpha").kind, Kind::Process);
        let alpha = stack.agents.iter().find(|agent| agent.name == "Alpha").unwrap();
        assert_eq!(alpha.health_port(), None);
        let said = without.says();
        assert!(
            said.iter()
                .any(|line| line.contains("agent `Alpha` has no `port`") && line.contains("`health: process`")),
            "{said:#?}"
        );
        let asked = Fixture::small()
            .file(MAIN, "    port: 5000\n", "    health_check_port: 5900\n")
            .model();
        assert_eq!(check(&asked, "Alpha").kind, Kind::Zmq);
    }

    #[test]
    fn ports_that_nothing_asks_clash_with_nothing() {
        // Alpha's health port is Beta's port.
        let clash = |stack: Fixture| {
            let said = stack.stack("health_port_offset: 2000", "health_port_offset: 1").says();
            said.iter().filter(|line| line.contains("stack/port-clash")).count()
        };
        assert_ne!(clash(Fixture::small()), 0);
        assert_eq!(clash(fixture("health: process", "required: true")), 0);
        assert_eq!(clash(fixture("health: {kind: http, port: +0}", "required: true")), 0);
        let twice = fixture("", "health: {kind: tcp, port: 5000}").says();
        assert!(
            twice
                .iter()
                .any(|line| line.contains("the health port of `Beta` is 5000, like the port of `Alpha`")),
            "{twice:#?}"
        );
    }

    #[test]
    fn wrong_words_are_named() {
        for (health, said) in [
            ("health: udp", "`health` cannot be `udp`"),
            ("health: {kind: grpc}", "`kind` cannot be `grpc`"),
            (
                "health: {kind: process, port: 5}",
                "`health` of the kind `process` has no `port`",
            ),
            (
                "health: {kind: tcp, path: /x}",
                "`health` of the kind `tcp` has no `path`",
            ),
            (
                "health: {kind: http, ask: x}",
                "`health` of the kind `http` has no `ask`",
            ),
            (
                "health: {kind: tcp, expect: x}",
                "`health` of the kind `tcp` has no `expect`",
            ),
            ("health: {port: +x}", "`port` cannot be `+x`"),
            ("health: {kind: http, path: health}", "`path` cannot be `health`"),
            ("health: {expect: ['']}", "`expect` is empty"),
            ("health: {pfad: x}", "`health` has no key `pfad`"),
        ] {
            let lines = fixture(health, "required: true").says();
            assert!(lines.iter().any(|line| line.contains(said)), "{health}: {lines:#?}");
        }
    }
}
