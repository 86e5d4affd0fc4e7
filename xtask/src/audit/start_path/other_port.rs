//! Ports that are bound and are not the configured ones: rule `start/other-port`.

use rustc_hash::FxHashSet as HashSet;

use super::failure::Failure;
use super::walk::Walker;
use crate::finding::{Confidence, Place, Subject};
use crate::stack::model::Agent;

/// A port that was opened on the way.
#[derive(Debug, Clone)]
pub struct Opened {
    port: u16,
    place: Place,
    surely: bool,
    /// Requests are answered there.
    answers: bool,
}

/// The agent's own port is not among those that are open, or not the one on which its health is asked; `sees_all`: no call that opens
/// a port was left out.
pub fn other_port(opened: &[Opened], sees_all: bool, agent: &Agent) -> Option<Failure> {
    // The supervisor leads ports to others.
    let opens = |port: u16| {
        let mut led = agent.further.iter().filter(|further| further.port == port);
        let target = led.next().map_or(port, |further| further.target);
        opened.iter().any(|open| open.port == port || open.port == target)
    };
    let health = agent.health_port().unwrap_or(agent.health_check_port);
    let surely = |not: &[u16]| {
        let mut open = opened.iter().filter(|open| open.surely && !not.contains(&open.port));
        open.next().map(|open| open.place.clone())
    };
    let told = if !opens(agent.port) {
        surely(&[health]).map(|place| (agent.port, "the configured port is", place))
    } else if agent.health_port().is_some() && !opens(health) && sees_all {
        // Of several, each may be for anything.
        let further = |port: u16| agent.further.iter().any(|further| further.target == port);
        let mut others = opened
            .iter()
            .filter(|open| open.answers && open.port != agent.port && !further(open.port));
        match (others.next(), others.next()) {
            (Some(other), None) if other.surely => Some((health, "its health is asked on", other.place.clone())),
            _ => None,
        }
    } else {
        None
    };
    let (port, what, place) = told?;
    let mut seen = HashSet::default();
    let mut ports = opened.iter().map(|open| open.port);
    let listed: Vec<String> = ports
        .by_ref()
        .filter(|port| seen.insert(*port))
        .map(|port| port.to_string())
        .collect();
    let only = opened.first().map(|open| open.port).filter(|_| listed.len() == 1);
    let help = match only {
        Some(bound) => format!(
            "take the port from `--port`, or add `ports: [\"{port}:{bound}\"]` to its entry under `overrides:` of its group: the \
             supervisor then leads {port} to {bound}; `health: {{kind: …, port: …}}` there says how its health is asked"
        ),
        // Of several, nobody knows which is meant.
        None if port == agent.port => {
            "take the port from `--port`, or configure the one that it binds; `health: {kind: …, port: …}` in its override \
             says where and how its health is asked"
                .to_owned()
        }
        None => "take the port from `--health_check_port`, or say where its health is asked: `health: {kind: …, port: …}` in \
                 its override"
            .to_owned(),
    };
    Some(Failure {
        rule: "start/other-port",
        exception: "",
        subject: Some(Subject::Port(port)),
        detail: None,
        message: format!("binds port {}, and {what} {port}", listed.join(", ")),
        help: Some(help),
        place,
        chain: Vec::new(),
        caught: false,
        handled: false,
        conditional: true,
        fix: None,
        optional: false,
        told: None,
        confidence: Confidence::Medium,
    })
}

impl Walker<'_> {
    /// Ports that sockets and servers were given, in order; nothing where one of them is not known.
    pub fn opened_ports(&self) -> Option<Vec<Opened>> {
        let bound = self.binds.iter().map(|bind| {
            Some(Opened {
                port: bind.port?,
                place: bind.place.clone(),
                surely: !bind.conditional || bind.always,
                answers: bind
                    .socket
                    .and_then(|socket| self.sockets.get(socket)?.made_as.as_deref())
                    .is_some_and(|kind| matches!(kind, "REP" | "ROUTER")),
            })
        });
        let served = self.met.served().map(|(port, place, surely)| {
            Some(Opened {
                port: port?,
                place: place.clone(),
                surely,
                answers: true,
            })
        });
        bound.chain(served).collect()
    }
}
