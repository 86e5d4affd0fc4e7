//! What a stack would say of an agent so that the next start of it agrees with what was seen: how its health is found out, and what it
//! writes. Each with the evidence, as a comment.

use std::collections::BTreeSet;

use contract::explored::Explored;
use contract::health::{Check, Kind};
use contract::status::AgentState;

use super::{Fate, Observation, Seen, class};
use crate::container::layout::ROOT;
use crate::python::imports::distributions;
use crate::stack::change::{Change, New};
use crate::stack::scalar::scalar;
use crate::stack::{AgentId, Stack, Writable};

/// The command that sees it.
const SEEN_BY: &str = "audit --confirm";

/// What was seen of one agent that the stack does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The agent.
    pub agent: AgentId,
    /// Changes of the stack.
    pub changes: Vec<Change>,
    /// What cannot be written there, one line each.
    pub notes: Vec<String>,
}

/// What is to be adopted of an agent; nothing where the stack says it all.
#[must_use]
pub fn adopt(stack: &Stack, id: AgentId, observation: &Observation, seen: &Seen) -> Option<Adopted> {
    let mut adopted = Adopted {
        agent: id,
        changes: Vec::new(),
        notes: Vec::new(),
    };
    let key = |name: &str| {
        let (agent, group) = (stack.agent(id), stack.group(stack.agent(id).group));
        ["groups", &group.name, "overrides", &agent.name, name]
            .map(str::to_owned)
            .to_vec()
    };
    if let Some((check, evidence)) = health(stack, id, observation, seen) {
        adopted.changes.push(Change {
            path: key("health"),
            value: New::Value(written(&check)),
            seen_by: SEEN_BY,
            comment: evidence,
        });
    }
    let mut written = written_paths(stack, id, &observation.log);
    written.extend(databases(stack, id, &observation.log));
    if !written.is_empty() {
        adopted.changes.push(Change {
            path: key("writable"),
            value: New::Items(written.into_iter().collect()),
            seen_by: SEEN_BY,
            comment: "it was refused to write these".to_owned(),
        });
    }
    adopted.notes = missing_modules(seen);
    (!adopted.changes.is_empty() || !adopted.notes.is_empty()).then_some(adopted)
}

/// The health check that would have been answered, with the evidence; nothing where the agent is healthy, has ended, or is asked so.
fn health(stack: &Stack, id: AgentId, observation: &Observation, seen: &Seen) -> Option<(Check, String)> {
    let agent = stack.agent(id);
    // One that is told to end at the limit, but is not known to wait, may come up yet.
    if seen.fate != Fate::Mute || !(observation.idle || observation.status.state == AgentState::Mute) {
        return None;
    }
    let near = |explored: &&Explored| {
        let port = explored.port;
        let known = [agent.health_check_port, agent.port.saturating_add(1), agent.port];
        let place = known.iter().position(|known| *known == port).unwrap_or(known.len());
        (explored.check.kind, place, port)
    };
    let (check, mut evidence) = match observation.explored.iter().min_by_key(near) {
        Some(best) => (best.check.clone(), said(best)),
        // It listens where nobody could be asked.
        None if !observation.listening.is_empty() => return None,
        None => {
            let check = Check {
                kind: Kind::Process,
                ..Check::default()
            };
            (check, "it runs, and listens on no port".to_owned())
        }
    };
    let further: Vec<String> = observation
        .listening
        .iter()
        .filter(|port| **port != agent.port && Some(**port) != check.port)
        .map(ToString::to_string)
        .collect();
    if !further.is_empty() {
        evidence = format!("{evidence}; it listens on {} as well", further.join(", "));
    }
    let current = &agent.runtime.health;
    let same = current.kind == check.kind
        && agent.health_port() == check.port
        && (&current.ask, &current.expect, &current.path) == (&check.ask, &check.expect, &check.path);
    (!same).then_some((check, evidence))
}

fn said(explored: &Explored) -> String {
    let (port, said) = (explored.port, &explored.said);
    match explored.check.kind {
        Kind::Zmq => format!("ZeroMQ on port {port}, which answered `{said}`"),
        Kind::Http => {
            let path = explored.check.path.as_deref().unwrap_or("/");
            format!("HTTP on port {port}, where GET {path} came to `{said}`")
        }
        Kind::Tcp | Kind::Process => format!("it listens on port {port}: {said}"),
    }
}

/// A check as one line of YAML.
fn written(check: &Check) -> String {
    if check.kind == Kind::Process {
        return "process".to_owned();
    }
    let mut fields = vec![format!("kind: {}", check.kind.name())];
    fields.extend(check.port.map(|port| format!("port: {port}")));
    fields.extend(check.path.as_ref().map(|path| format!("path: {}", scalar(path))));
    fields.extend(check.ask.as_ref().map(|ask| format!("ask: {}", scalar(ask))));
    match check.expect.as_slice() {
        [] => {}
        [one] => fields.push(format!("expect: {}", scalar(one))),
        several => {
            let words: Vec<String> = several.iter().map(|word| scalar(word)).collect();
            fields.push(format!("expect: [{}]", words.join(", ")));
        }
    }
    format!("{{{}}}", fields.join(", "))
}

/// What the kernel says of a write to where only reading is allowed, and of one beside a file that may be written.
const REFUSED: [&str; 2] = ["Read-only file system: ", "Permission denied: "];

/// Paths that the agent was refused to write, as `writable:` has them, without those that the stack has.
fn written_paths(stack: &Stack, id: AgentId, log: &str) -> BTreeSet<String> {
    let group = stack.group(stack.agent(id).group);
    let mut found = BTreeSet::new();
    let lines: Vec<&str> = log.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let Some((_, rest)) = REFUSED.iter().find_map(|words| line.split_once(words)) else {
            continue;
        };
        let Some(quote) = rest.chars().next().filter(|c| ['\'', '"'].contains(c)) else {
            continue;
        };
        let Some((path, _)) = rest.get(1..).and_then(|rest| rest.split_once(quote)) else {
            continue;
        };
        let inside = match path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')) {
            Some(inside) => inside,
            None if path.starts_with('/') => continue,
            None => path.trim_start_matches("./"),
        };
        let inside = inside.trim_end_matches('/');
        // The last frames of its traceback show whether a folder was made.
        let makes = lines.get(index.saturating_sub(4)..index).unwrap_or_default();
        let is_folder = makes
            .iter()
            .any(|line| line.contains("mkdir") || line.contains("makedirs"));
        let text = if is_folder {
            format!("{inside}/")
        } else {
            inside.to_owned()
        };
        let covered = group.writable.iter().any(|known| known.covers(inside));
        if !covered && !inside.is_empty() && Writable::can_be(&text) {
            found.insert(text);
        }
    }
    found
}

/// What SQLite says of a file that it cannot make; it does not say which.
const NO_DATABASE: &str = "OperationalError: unable to open database file";

/// Databases that the agent could not make, as far as the line that opens one has its path: as `writable:` has their folders.
fn databases(stack: &Stack, id: AgentId, log: &str) -> BTreeSet<String> {
    let group = stack.group(stack.agent(id).group);
    let mut found = BTreeSet::new();
    let lines: Vec<&str> = log.lines().collect();
    for (index, _) in lines.iter().enumerate().filter(|(_, line)| line.contains(NO_DATABASE)) {
        // The last frame's line of code, with marks below it.
        let frame = lines.get(index.saturating_sub(3)..index).unwrap_or_default();
        let path = frame.iter().rev().find_map(|line| {
            let (_, given) = line.split_once("connect(")?;
            let quote = given.chars().next().filter(|c| ['\'', '"'].contains(c))?;
            Some(given.get(1..)?.split_once(quote)?.0)
        });
        let inside = path.and_then(|path| match path.strip_prefix('/') {
            Some(_) => path.strip_prefix(ROOT)?.strip_prefix('/'),
            None => Some(path.trim_start_matches("./")),
        });
        let Some(inside) = inside.filter(|path| !path.is_empty() && !path.starts_with(':')) else {
            continue;
        };
        // Its journal lies beside it.
        let text = match inside.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/"),
            None => format!("{inside}*"),
        };
        let covered = group.writable.iter().any(|known| known.covers(inside));
        if !covered && Writable::can_be(&text) {
            found.insert(text);
        }
    }
    found
}

/// Modules that were not there, with the distributions that have them.
fn missing_modules(seen: &Seen) -> Vec<String> {
    let mut found = BTreeSet::new();
    for raised in seen
        .raised
        .iter()
        .filter(|raised| class(raised) == "ModuleNotFoundError")
    {
        let Some(module) = raised.message.split('\'').nth(1) else {
            continue;
        };
        if seen.fate != Fate::WantedPackage {
            continue;
        }
        let top = module.split('.').next().unwrap_or(module);
        let of = distributions::providers(top);
        found.insert(match of {
            [] => format!("module `{module}` is missing, and no package is known to bring it"),
            of => format!(
                "module `{module}` is missing: `{}` in its requirements brings it",
                of.join("` or `")
            ),
        });
    }
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use contract::explored::{http, tcp, zmq};
    use contract::status::AgentState;

    use super::super::tests::observation;
    use super::super::{Layout, Observation, classify};
    use super::{Adopted, adopt};
    use crate::stack::change::{self, New};
    use crate::stack::fixture::Fixture;
    use crate::stack::{AgentId, Stack};

    fn adopted(stack: &Stack, observation: &Observation) -> Option<Adopted> {
        let beta = AgentId(1);
        let seen = classify(observation, &Layout::of(stack, beta, ""));
        adopt(stack, beta, observation, &seen)
    }

    fn idle(listening: &[u16]) -> Observation {
        let mut seen = observation(AgentState::Starting, None, "");
        seen.idle = true;
        seen.listening = listening.to_vec();
        seen
    }

    fn health(stack: &Stack, observation: &Observation) -> Option<(String, String)> {
        let change = adopted(stack, observation)?.changes.pop()?;
        match change.value {
            New::Value(value) => Some((value, change.comment)),
            New::Items(_) => None,
        }
    }

    #[test]
    fn what_answered_best_is_how_health_is_found_out() {
        let stack = Fixture::small().model();
        let mut seen = idle(&[5001, 5002, 8080]);
        seen.explored = vec![
            tcp(5001, "it does not answer a ZeroMQ request"),
            http(8080, "/health", 200, "fine"),
            zmq(5002, "ping", vec!["pong".to_owned()], b"pong"),
        ];
        let (value, comment) = health(&stack, &seen).unwrap();
        assert_eq!(value, "{kind: zmq, port: 5002, ask: ping, expect: pong}");
        assert_eq!(
            comment,
            "ZeroMQ on port 5002, which answered `pong`; it listens on 8080 as well"
        );
        seen.explored.pop();
        assert_eq!(
            health(&stack, &seen).unwrap().0,
            "{kind: http, port: 8080, path: /health}"
        );
        seen.explored.pop();
        assert_eq!(health(&stack, &seen).unwrap().0, "{kind: tcp, port: 5001}");
        let (value, comment) = health(&stack, &idle(&[])).unwrap();
        assert_eq!(
            (value.as_str(), comment.as_str()),
            ("process", "it runs, and listens on no port")
        );
    }

    #[test]
    fn nothing_is_adopted_of_what_is_healthy_ended_or_may_come_up_yet() {
        let stack = Fixture::small().model();
        assert_eq!(adopted(&stack, &observation(AgentState::Healthy, None, "")), None);
        assert_eq!(adopted(&stack, &observation(AgentState::Failed, Some(1), "boom")), None);
        let mut seen = idle(&[]);
        seen.idle = false;
        assert_eq!(adopted(&stack, &seen), None);
        // It listens, and could not be asked.
        assert_eq!(adopted(&stack, &idle(&[5001])), None);
    }

    #[test]
    fn a_stack_that_says_it_is_asked_for_nothing_more() {
        let fixture = Fixture::small();
        let text = String::from_utf8(fixture.stack.clone()).unwrap();
        let mut seen = idle(&[5001]);
        seen.explored = vec![tcp(5001, "it takes connections")];
        let change = adopted(&fixture.model(), &seen).unwrap().changes.pop().unwrap();
        let new = change::change(&text, &change).unwrap();
        assert!(new.contains("health: {kind: tcp, port: 5001}"), "{new}");
        let mut again = fixture;
        again.stack = new.into_bytes();
        assert_eq!(again.says(), Vec::<String>::new());
        assert_eq!(adopted(&again.model(), &seen), None);
    }

    #[test]
    fn paths_that_were_refused_become_writable() {
        let stack = Fixture::small().model();
        let log = "PermissionError: [Errno 13] Permission denied: '/app/main/x.lock'\nPermissionError: [Errno 13] Permission denied: '/var/x'\n\
            Traceback (most recent call last):\n  File \"/app/main/a.py\", line 3, in <module>\n    logging.FileHandler(\"beta.log\")\n\
            OSError: [Errno 30] Read-only file system: '/app/beta.log'\n\
            Traceback (most recent call last):\n  File \"/app/main/a.py\", line 4, in <module>\n    os.makedirs(\"cache.d\")\n  \
            File \"<frozen os>\", line 225, in makedirs\nOSError: [Errno 30] Read-only file system: 'cache.d'\n\
            OSError: [Errno 30] Read-only file system: '/etc/x'\nOSError: [Errno 30] Read-only file system: '../x'\n";
        let change = adopted(&stack, &observation(AgentState::Failed, Some(1), log))
            .unwrap()
            .changes
            .pop()
            .unwrap();
        assert_eq!(change.path, ["groups", "core", "overrides", "Beta", "writable"]);
        assert_eq!(
            change.value,
            New::Items(vec![
                "beta.log".to_owned(),
                "cache.d/".to_owned(),
                "main/x.lock".to_owned()
            ])
        );
    }

    #[test]
    fn folders_of_databases_that_cannot_be_made_become_writable() {
        let stack = Fixture::small().model();
        let of = |code: &str| {
            let log = format!(
                "Traceback (most recent call last):\n  File \"/app/main/a.py\", line 3, in <module>\n    {code}\n    ~~~~^^^^\n\
                 sqlite3.OperationalError: unable to open database file\n"
            );
            let adopted = adopted(&stack, &observation(AgentState::Failed, Some(1), &log));
            adopted.and_then(|mut adopted| match adopted.changes.pop()?.value {
                New::Items(items) => Some(items.join(" ")),
                New::Value(_) => None,
            })
        };
        assert_eq!(
            of("db = sqlite3.connect(\"data/twin.db\", timeout=5)").as_deref(),
            Some("data/")
        );
        assert_eq!(
            of("with sqlite3.connect('/app/main/x/a.db') as db:").as_deref(),
            Some("main/x/")
        );
        assert_eq!(of("db = sqlite3.connect(\"twin.db\")").as_deref(), Some("twin.db*"));
        for code in [
            "db = sqlite3.connect(path)",
            "db = sqlite3.connect('/var/x/a.db')",
            "db = sqlite3.connect('../a.db')",
            "db = sqlite3.connect(':memory:')",
        ] {
            assert_eq!(of(code), None, "{code}");
        }
    }

    #[test]
    fn a_module_that_is_missing_is_said_with_what_provides_it() {
        let stack = Fixture::small().model();
        let log = "Traceback (most recent call last):\n  File \"/app/main/a.py\", line 3, in <module>\n    import cv2\n\
            ModuleNotFoundError: No module named 'cv2'\n";
        let notes = adopted(&stack, &observation(AgentState::Failed, Some(1), log))
            .unwrap()
            .notes;
        assert!(
            notes[0].starts_with("module `cv2` is missing: `opencv-python"),
            "{notes:?}"
        );
    }
}
