//! Kinds of checks, one file each with all that belongs to it: its keys and their schema, how its YAML is read, which names it
//! resolves, what it looks at, and how that is judged.
//!
//! A new kind is a file here, its `mod` and its line in [`KINDS`]. Nothing outside this folder knows which kinds there are.

mod call;
mod exec;
mod healthcheck;
mod image;
mod lan_link;
mod link;
mod network;
mod path_alias;
mod peers;
mod ports;
mod published;
mod recovery;
mod request;
pub mod resources;
mod soak;
mod stand_in;
mod startup_check;
mod status;
mod volume;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::observer::{Blind, Observer};
use super::outcome::Outcome;
use super::plan::names::Names;
use super::verdict::Verdict;
use super::yaml::{Fields, Node, Reader};
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};

/// The kinds, in the order in which messages and the schema list them.
pub static KINDS: [Kind; 19] = [
    request::KIND,
    exec::KIND,
    image::KIND,
    network::KIND,
    volume::KIND,
    status::KIND,
    healthcheck::KIND,
    published::KIND,
    path_alias::KIND,
    soak::KIND,
    link::KIND,
    recovery::KIND,
    resources::KIND,
    stand_in::KIND,
    startup_check::KIND,
    call::KIND,
    ports::KIND,
    lan_link::KIND,
    peers::KIND,
];

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

/// A kind of check.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its key in a check: `request`.
    pub name: &'static str,
    /// What it is about, for the schema.
    pub about: &'static str,
    /// Reads its body; every mistake becomes a finding of the reader.
    pub decode: fn(&mut Reader<'_>, &mut Fields<'_>) -> Option<Box<dyn Spec>>,
    /// The schema of its body.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Values that earlier checks saved, by name.
pub type Saved = BTreeMap<String, Value>;

/// What is done, and the machine that it is about, where it is about one.
pub type Resolved = (Arc<dyn Action>, Option<MachineId>);

/// What a check says, names not resolved yet.
pub trait Spec: Debug {
    /// Names of saved values that it uses.
    fn uses(&self) -> Vec<String> {
        Vec::new()
    }

    /// Names of values that it saves.
    fn saves(&self) -> Vec<String> {
        Vec::new()
    }

    /// Time limit in seconds where the check gives none.
    fn seconds(&self) -> u64;

    /// Whether other checks would see what it does to the stack.
    fn disturbs(&self) -> bool {
        false
    }

    /// Resolves every name; nothing where one of them is wrong, which becomes a finding.
    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved>;
}

/// What a check needs most; each has its own bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Agents and supervisors that are asked.
    Requests,
    /// Podman.
    Podman,
    /// Time: bounded by nothing.
    Watch,
}

/// What of the stack a check is about: that is added to a failure as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The group.
    pub group: GroupId,
    /// The agent, where it is about one.
    pub agent: Option<AgentId>,
    /// Whether the agent's state is of use beside the log.
    pub state: bool,
}

impl About {
    /// The log of a group.
    #[must_use]
    pub fn group(group: GroupId) -> Self {
        Self {
            group,
            agent: None,
            state: false,
        }
    }

    /// The log of an agent.
    #[must_use]
    pub fn agent(stack: &Stack, agent: AgentId) -> Self {
        Self {
            group: stack.agent(agent).group,
            agent: Some(agent),
            state: false,
        }
    }
}

/// What is looked at and expected, names resolved.
pub trait Action: Any + Debug + Send + Sync {
    /// What it needs most.
    fn lane(&self) -> Lane {
        Lane::Podman
    }

    /// What it wants, in a few words.
    fn subject(&self, stack: &Stack) -> String;

    /// What of the stack it is about.
    fn about(&self, _stack: &Stack) -> Option<About> {
        None
    }

    /// Time that it takes beside its limit.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    /// Looks, and judges what was seen.
    ///
    /// # Errors
    /// When nothing could be seen.
    fn observe(&self, observer: &dyn Observer, saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind>;
}

/// Looks and judges. `saved` holds what earlier checks saved for this one.
#[must_use]
pub fn evaluate(action: &dyn Action, observer: &dyn Observer, saved: &Saved) -> Outcome {
    let mut verdict = Verdict::default();
    if let Err(blind) = action.observe(observer, saved, &mut verdict) {
        verdict.wrong(action.subject(observer.stack()), blind.to_string());
    }
    verdict.outcome()
}

impl Kind {
    /// Reads the body of a check. Used twice: when a file is read, so that every mistake is found at once, and when checks are
    /// expanded, with placeholders filled in.
    pub fn read(&self, reader: &mut Reader<'_>, body: &Node) -> Option<Box<dyn Spec>> {
        let what = format!("`{}`", self.name);
        let mut fields = reader.fields(body, &what)?;
        let before = reader.findings.len();
        let decoded = (self.decode)(reader, &mut fields);
        reader.finish(&fields, &what);
        decoded.filter(|_| reader.findings.len() == before)
    }
}
