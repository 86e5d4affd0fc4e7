//! Ports that an agent opens and that its code does not say plainly: which of the configured ones they are likely to be.

use super::start_path::listening::{Listener, Listening, Speaks};
use crate::stack::Agent;

/// What an agent listens on, with ports for what has none.
#[derive(Debug)]
pub struct Presumed {
    /// All of it; nothing is left that was not met.
    pub listening: Listening,
    /// Those that got a port, with it.
    pub ports: Vec<(u16, Listener)>,
}

/// The configured ports that are left, for what has no known one: nothing where there is no such thing, or which has which is not clear.
#[must_use]
pub fn ports(listening: &Listening, agent: &Agent) -> Option<Presumed> {
    if listening.elsewhere.is_some() && listening.unmet.is_none() {
        return None;
    }
    let mut all = listening.all.clone();
    // What was not met may never be run, so that only what tells of health counts.
    match &listening.unmet {
        Some(unmet) if is_replying(unmet) || is_http(unmet) => all.push(unmet.clone()),
        Some(_) => return None,
        None => {}
    }
    let asked = agent.health_port().unwrap_or(agent.health_check_port);
    let mut free = vec![agent.port];
    free.extend((asked != agent.port).then_some(asked));
    free.retain(|port| all.iter().all(|listener| listener.port != Some(*port)));
    let open: Vec<usize> = (0..all.len()).filter(|at| all[*at].port.is_none()).collect();
    let given: Vec<(usize, u16)> = match (open.as_slice(), free.as_slice()) {
        ([], _) if listening.unmet.is_some() => Vec::new(),
        ([one], [port, ..]) => vec![(*one, *port)],
        ([one, other], [port, asked]) => {
            let (first, second) = (&all[*one], &all[*other]);
            let sure = first.sure && second.sure;
            match () {
                () if sure && is_http(first) && is_replying(second) => vec![(*one, *asked), (*other, *port)],
                () if sure && is_replying(first) && is_http(second) => vec![(*one, *port), (*other, *asked)],
                () if may_reply(first) && may_reply(second) => vec![(*one, *port), (*other, *asked)],
                () => return None,
            }
        }
        _ => return None,
    };
    for (at, port) in &given {
        all[*at].port = Some(*port);
    }
    let unmet = all.get(listening.all.len()).cloned();
    let mut ports: Vec<(u16, Listener)> = given.iter().map(|(at, port)| (*port, all[*at].clone())).collect();
    if let Some(unmet) = unmet.filter(|_| !given.iter().any(|(at, _)| *at == listening.all.len())) {
        ports.extend(unmet.port.map(|port| (port, unmet)));
    }
    let listening = Listening {
        all,
        elsewhere: None,
        unmet: None,
        ..listening.clone()
    };
    Some(Presumed { listening, ports })
}

fn is_http(listener: &Listener) -> bool {
    matches!(listener.speaks, Speaks::Http(_))
}

fn is_replying(listener: &Listener) -> bool {
    matches!(listener.speaks, Speaks::Answers(_) | Speaks::Replies | Speaks::OwnWords)
}

/// Whether requests may be answered there: of some sockets the kind is not known.
fn may_reply(listener: &Listener) -> bool {
    is_replying(listener) || listener.speaks == Speaks::Takes("a socket")
}
