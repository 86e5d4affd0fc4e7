//! The last runs with a report, for what changes from run to run: how long the boot took, and how much memory.

use serde::{Deserialize, Serialize};

use super::document::Document;

/// The newest version of a [`History`] on disk.
const VERSION: u32 = 1;
/// Runs that are kept.
pub const MOST: usize = 20;

/// The last runs, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    version: u32,
    runs: Vec<PastRun>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastRun {
    /// When it began, Unix milliseconds.
    pub began_at_ms: u64,
    /// Whether every check passed.
    pub success: bool,
    /// How long the checks took.
    pub duration_ms: u64,
    /// The commit, where the tree has one.
    pub revision: Option<String>,
    /// Agents that were booted.
    pub agents: usize,
    /// When the last of them answered, from the start of the first supervisor; none where one did not, or the stack was not up.
    pub answered_ms: Option<u64>,
    /// Memory of all groups; none where it was not measured.
    pub memory_bytes: Option<u64>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            version: VERSION,
            runs: Vec::new(),
        }
    }
}

impl History {
    /// Reads its text; nothing where it is of another version, or none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let history: Option<Self> = serde_json::from_slice(text).ok();
        history.filter(|history| history.version == VERSION)
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The same with one more run, and without those that are too old.
    #[must_use]
    pub fn with(mut self, run: PastRun) -> Self {
        self.runs.push(run);
        let old = self.runs.len().saturating_sub(MOST);
        self.runs.drain(..old);
        self
    }

    /// The runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[PastRun] {
        &self.runs
    }
}

impl PastRun {
    /// What is kept of a run.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let agents = || {
            let groups = document.boot.iter().flat_map(|boot| &boot.groups);
            groups.flat_map(|group| &group.agents)
        };
        let answered: Option<Vec<u64>> = agents().map(|agent| agent.answered_ms).collect();
        let groups = document.resources.as_ref().map(|resources| resources.groups.iter());
        Self {
            began_at_ms: document.began_at_ms,
            success: document.success,
            duration_ms: document.duration_ms,
            revision: document.about.as_ref().and_then(|about| about.revision.clone()),
            agents: agents().count(),
            answered_ms: answered.and_then(|all| all.into_iter().max()),
            memory_bytes: groups.map(|groups| groups.map(|group| group.usage.memory_bytes).sum()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_runs_are_kept_and_read_again() {
        let run = |at| PastRun {
            began_at_ms: at,
            success: true,
            duration_ms: 1,
            revision: None,
            agents: 2,
            answered_ms: Some(3),
            memory_bytes: None,
        };
        let history = (0..25).fold(History::default(), |history, at| history.with(run(at)));
        assert_eq!(history.runs().len(), MOST);
        assert_eq!(history.runs()[0].began_at_ms, 5);
        assert_eq!(History::parse(history.text().as_bytes()), Some(history));
        assert_eq!(History::parse(b"{\"version\": 2, \"runs\": []}"), None);
        assert_eq!(History::parse(b"nonsense"), None);
    }
}
