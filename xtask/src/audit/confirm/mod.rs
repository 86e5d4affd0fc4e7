//! The proof of a prediction: what was seen when an agent was started alone, and whether that is what was predicted.
//!
//! Starting it, in a sealed container, is `host::confirm`'s work.

pub mod adopt;
pub mod event;
pub mod traceback;

use std::collections::BTreeMap;

use contract::explored::Explored;
use contract::health::Kind;
use contract::status::{AgentState, AgentStatus, Exit};
use schemars::JsonSchema;
use serde::Serialize;

use self::traceback::{Exception, exceptions};
use super::outcome::{AgentReport, Prediction, Step};
use crate::container::layout::ROOT;
use crate::python::imports::view::normal;
use crate::stack::{AgentId, Stack};

/// What the supervisor and the kernel say of an agent that was started alone.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The supervisor's last word on it.
    pub status: AgentStatus,
    /// TCP ports that it listens on, the supervisor's own left out.
    pub listening: Vec<u16>,
    /// Whether it was seen that it only waits: nothing will become of it any more.
    pub idle: bool,
    /// What the ports do on which it listens, of one that runs and is not healthy.
    pub explored: Vec<Explored>,
    /// The end of what it printed, both outputs in the order they came.
    pub log: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It answered its health check, and still did after the settling time.
    Healthy,
    /// It runs, and does not answer on its health port.
    Mute,
    /// It ended.
    Crashed,
    /// It ended for want of a package.
    WantedPackage,
    /// It ended for want of a file.
    WantedFile,
    /// It ended for want of somebody at an address.
    WantedAddress,
}

impl Fate {
    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Mute => "mute",
            Self::Crashed => "crashed",
            Self::WantedPackage => "wanted a package",
            Self::WantedFile => "wanted a file",
            Self::WantedAddress => "wanted an address",
        }
    }
}

/// An exception with the place in the tree where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Its class, as printed.
    pub class: String,
    /// The first line of its message.
    pub message: String,
    /// The innermost place that is in the tree.
    pub place: Option<Step>,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What became of it.
    pub fate: Fate,
    /// How, in a line: the exception, the exit, the ports of one that is mute.
    pub how: String,
    /// The exception that it ended with, or that the last of its threads ended with.
    pub exception: Option<Raised>,
    /// How its process ended, where it did.
    pub exit: Option<Exit>,
    /// All exceptions that it printed, in order.
    raised: Vec<Raised>,
}

/// Prediction and proof of one agent.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What was predicted of the agent by itself: never [`Prediction::Blocked`] or [`Prediction::Degraded`].
    pub report: AgentReport,
    /// What was seen.
    pub seen: Seen,
    /// Why the two are not the same; none where they are.
    pub differs: Option<String>,
}

/// Where files of the tree are inside a container, and what findings call them.
#[derive(Debug, Clone)]
pub struct Layout {
    code: Vec<String>,
    aliases: BTreeMap<String, String>,
    prefix: String,
}

impl Layout {
    /// The layout of an agent's container; `prefix` is what findings put in front of a path of the tree.
    #[must_use]
    pub fn of(stack: &Stack, agent: AgentId, prefix: &str) -> Self {
        let machine = stack.machine(stack.agent(agent).machine);
        Self {
            code: machine.code.iter().map(|path| normal(path)).collect(),
            aliases: machine
                .path_aliases
                .iter()
                .map(|(from, to)| (normal(from), normal(to)))
                .collect(),
            prefix: prefix.to_owned(),
        }
    }

    /// The path that findings have for a path of a traceback; none for what is not in the tree.
    fn shown(&self, path: &str) -> Option<String> {
        let below = |path: &str, folder: &str| -> Option<String> {
            let rest = path.strip_prefix(folder)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())
        };
        // Scripts are started by a path relative to the root.
        let inside = match path.strip_prefix('/') {
            Some(_) => below(path, ROOT)?,
            None => path.to_owned(),
        };
        let mut inside = normal(&inside);
        if let Some(real) = self
            .aliases
            .iter()
            .find_map(|(from, to)| Some(format!("{to}{}", below(&inside, from)?)))
        {
            inside = real;
        }
        let known = self.code.iter().any(|code| below(&inside, code).is_some());
        known.then(|| format!("{}{inside}", self.prefix))
    }

    /// Whether a module's first name is a folder of the tree.
    fn is_own_module(&self, name: &str) -> bool {
        let top = name.split('.').next().unwrap_or(name);
        let folders = self.code.iter().chain(self.aliases.keys());
        folders.into_iter().any(|folder| folder.split('/').next() == Some(top))
    }

    fn raised(&self, exception: Exception) -> Raised {
        let place = exception
            .frames
            .iter()
            .rev()
            .find_map(|frame| self.shown(&frame.path).map(|path| Step { path, line: frame.line }));
        Raised {
            class: exception.class,
            message: exception.message,
            place,
        }
    }
}

/// Exceptions of those who find nobody at an address, or have no such address themselves.
const OF_ADDRESSES: [&str; 9] = [
    "ConnectionRefusedError",
    "ConnectionResetError",
    "ConnectionError",
    "ConnectTimeout",
    "NewConnectionError",
    "MaxRetryError",
    "URLError",
    "gaierror",
    "TimeoutError",
];

/// What other exceptions say where an address is what is wanted.
const WORDS_OF_ADDRESSES: [&str; 6] = [
    "Network is unreachable",
    "No route to host",
    "Connection refused",
    "Cannot assign requested address",
    "Name or service not known",
    "Temporary failure in name resolution",
];

/// Says what became of an agent.
#[must_use]
pub fn classify(observation: &Observation, layout: &Layout) -> Seen {
    let status = &observation.status;
    let raised: Vec<Raised> = exceptions(&observation.log)
        .into_iter()
        .map(|exception| layout.raised(exception))
        .collect();
    let last = raised.last().cloned();
    let (fate, how) = match status.state {
        AgentState::Done => (Fate::Healthy, "runs once, and exited with code 0".to_owned()),
        AgentState::Healthy => (
            Fate::Healthy,
            match status.health {
                Kind::Zmq => "answers".to_owned(),
                kind => kind.claim().to_owned(),
            },
        ),
        AgentState::Failed | AgentState::Backoff => match (&status.last_exit, &last) {
            (Some(exit), Some(exception)) => (fate_of(exception, layout), ended_with(exception, exit)),
            (Some(exit), None) => (Fate::Crashed, ended(exit, &observation.log)),
            // The supervisor did not even start it: its script is not there.
            (None, _) => (
                Fate::WantedFile,
                status
                    .reason
                    .clone()
                    .unwrap_or_else(|| "could not be started".to_owned()),
            ),
        },
        _ => {
            let waits = if observation.idle { ", and only waits" } else { "" };
            (Fate::Mute, mute(status, &observation.listening) + waits)
        }
    };
    let exception = if fate == Fate::Healthy { None } else { last };
    Seen {
        fate,
        how,
        exception,
        exit: status.last_exit.clone(),
        raised,
    }
}

/// The last part of a class's name.
fn class(exception: &Raised) -> &str {
    exception.class.rsplit('.').next().unwrap_or(&exception.class)
}

fn fate_of(exception: &Raised, layout: &Layout) -> Fate {
    let message = &exception.message;
    match class(exception) {
        "ModuleNotFoundError" => {
            let module = message.split('\'').nth(1).unwrap_or_default();
            if layout.is_own_module(module) {
                Fate::Crashed
            } else {
                Fate::WantedPackage
            }
        }
        "FileNotFoundError" | "NotADirectoryError" => Fate::WantedFile,
        name if OF_ADDRESSES.contains(&name) => Fate::WantedAddress,
        _ if WORDS_OF_ADDRESSES.iter().any(|words| message.contains(words)) => Fate::WantedAddress,
        _ => Fate::Crashed,
    }
}

fn ended_with(exception: &Raised, exit: &Exit) -> String {
    let mut text = class(exception).to_owned();
    if !exception.message.is_empty() {
        text = format!("{text}: {}", exception.message);
    }
    // Who swallows an exception and ends all the same says so with the code 0.
    match exit.code {
        Some(0) => format!("{text}; exit code 0"),
        Some(_) => text,
        None => format!("{text}; {}", code(exit)),
    }
}

fn ended(exit: &Exit, log: &str) -> String {
    match log.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{}: {}", code(exit), line.trim()),
        None => code(exit),
    }
}

fn code(exit: &Exit) -> String {
    match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn mute(status: &AgentStatus, listening: &[u16]) -> String {
    let health = status.health_check_port;
    let others: Vec<String> = listening
        .iter()
        .filter(|port| **port != health)
        .map(ToString::to_string)
        .collect();
    let asked = if listening.contains(&health) {
        format!("listens on {health} and does not answer as a healthy agent does")
    } else {
        format!("nothing listens on {health}")
    };
    if others.is_empty() {
        asked
    } else {
        format!("{asked}; it listens on {}", others.join(", "))
    }
}

/// Sets what was seen against what was predicted of the agent by itself.
#[must_use]
pub fn judge(report: AgentReport, seen: Seen) -> Verdict {
    let differs = difference(&report, &seen);
    Verdict { report, seen, differs }
}

fn difference(report: &AgentReport, seen: &Seen) -> Option<String> {
    match (report.prediction, seen.fate) {
        // Both ways are what it says.
        (Prediction::MayNot, _) | (Prediction::Starts | Prediction::Degraded | Prediction::Blocked, Fate::Healthy) => {
            None
        }
        (Prediction::Starts | Prediction::Degraded | Prediction::Blocked, _) => {
            Some("nothing was predicted to stop it".to_owned())
        }
        (Prediction::CannotStart, Fate::Healthy) => Some("it starts all the same".to_owned()),
        (Prediction::CannotStart, _) => other_failure(report, seen),
    }
}

/// How the failure that was seen differs from the one that was predicted. One that left no trace differs in nothing that can be
/// told.
fn other_failure(report: &AgentReport, seen: &Seen) -> Option<String> {
    let rule = report.rule.unwrap_or_default();
    let code = seen.exit.as_ref().and_then(|exit| exit.code);
    match rule {
        // Two options of one name are an exception; words that it rejects end the process.
        "start/flags-rejected"
            if code != Some(2) && !seen.raised.iter().any(|raised| class(raised) == "ArgumentError") =>
        {
            return Some("a parser that rejects its flags ends with exit code 2".to_owned());
        }
        "start/does-nothing" if code != Some(0) => {
            return Some("a script that does nothing ends with exit code 0".to_owned());
        }
        _ => {}
    }
    let classes = classes(rule);
    let last = seen.raised.last()?;
    let place = report.chain.last();
    let same_class = |raised: &Raised| classes.is_empty() || classes.contains(&class(raised));
    let same_place = |raised: &Raised| match (place, &raised.place) {
        (Some(predicted), Some(seen)) => predicted == seen,
        _ => true,
    };
    // Of a chain, the first is what was predicted; the last is what ended it.
    if seen
        .raised
        .iter()
        .any(|raised| same_class(raised) && same_place(raised))
    {
        return None;
    }
    Some(if seen.raised.iter().any(same_class) {
        "the failure is at another place".to_owned()
    } else {
        format!("{} is another failure than `{rule}`", class(last))
    })
}

/// Classes of the exception behind a rule, by their last name; none where any will do.
fn classes(rule: &str) -> &'static [&'static str] {
    match rule {
        "start/argument-count" => &["TypeError"],
        "start/cannot-import-name" => &["ImportError"],
        // The container refuses some writes as such, and others because the folder is not the agent's.
        "start/missing-folder" => &["FileNotFoundError", "NotADirectoryError", "OSError", "PermissionError"],
        "start/module-not-found" => &["ModuleNotFoundError", "ImportError"],
        "start/port-bound-twice" => &["ZMQError", "OSError"],
        "start/syntax-error" => &["SyntaxError", "IndentationError", "TabError"],
        "start/undefined-name" => &["NameError", "UnboundLocalError"],
        _ => &[],
    }
}

#[cfg(test)]
pub mod tests;
