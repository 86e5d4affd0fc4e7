//! A plan of concrete checks: what each looks at and expects, with every name resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::finding::Place;
use crate::smoke::kinds::Action;
use crate::stack::model::MachineId;

/// Index of a check in [`Plan::checks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(pub usize);

/// Concrete checks.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The checks, in the order of the files.
    pub checks: Vec<Check>,
}

/// One concrete check.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its id.
    pub id: CheckId,
    /// Its name, with what it was expanded for in brackets.
    pub name: String,
    /// Its name as the file has it, which all have that were expanded from it.
    pub written_name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<MachineId>,
    /// Its machine's name.
    pub machine_name: Option<String>,
    /// Name of its kind.
    pub kind: &'static str,
    /// Where it is defined.
    pub place: Place,
    /// Time limit.
    pub timeout: Duration,
    /// How often it is made again where it fails.
    pub retries: u32,
    /// Checks that must have passed before.
    pub after: Vec<CheckId>,
    /// Whether nothing else may run meanwhile.
    pub exclusive: bool,
    /// Saved values that it uses, and the checks that save them.
    pub reads: BTreeMap<String, CheckId>,
    /// What is looked at, and what is expected.
    pub action: Arc<dyn Action>,
}

impl Check {
    /// What reports need to know.
    #[must_use]
    pub fn info(&self) -> CheckInfo {
        CheckInfo {
            id: self.id,
            name: self.name.clone(),
            phase: self.phase,
            machine: self.machine_name.clone(),
            kind: self.kind,
            source: format!("{}:{}", self.place.path, self.place.line),
            retries: self.retries,
        }
    }
}

impl Plan {
    /// The check behind an id.
    #[must_use]
    pub fn check(&self, id: CheckId) -> &Check {
        &self.checks[id.0]
    }

    /// Phases that it has checks of.
    #[must_use]
    pub fn phases(&self) -> Vec<u8> {
        let phases: BTreeSet<u8> = self.checks.iter().map(|check| check.phase).collect();
        phases.into_iter().collect()
    }
}

/// What reports need to know of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInfo {
    /// Its id in the plan.
    pub id: CheckId,
    /// Its name, with what it was expanded for in brackets.
    pub name: String,
    /// Its phase.
    pub phase: u8,
    /// Its machine, where it is about one.
    pub machine: Option<String>,
    /// Its kind: `request`.
    pub kind: &'static str,
    /// File and line that define it.
    pub source: String,
    /// How often it is made again where it fails.
    pub retries: u32,
}
