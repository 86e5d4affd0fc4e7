//! All about some agents or files: `audit AGENT|FILE…`. What is known of each, its reasons in the order in which a start meets them, and
//! the findings that concern it.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::{AgentReport, Prediction};
use super::start_path::Followed;
use crate::finding::{Finding, Place, Subject};
use crate::stack::{AgentId, Stack, graph};

/// What a report is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Focus {
    /// Agents.
    pub agents: Vec<AgentId>,
    /// Files and folders, relative to the tree.
    pub files: Vec<String>,
    /// Files as findings name them, which are not of the tree.
    pub other_files: Vec<String>,
}

/// An agent and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Its machine and name.
    pub name: String,
    /// What becomes of it.
    pub prediction: Prediction,
}

/// What is known of one agent.
#[derive(Debug, Clone)]
pub struct AboutAgent {
    /// Its report.
    pub report: AgentReport,
    /// Agents that it depends on.
    pub needs: Vec<Neighbour>,
    /// Agents that depend on it, directly or not.
    pub needed_by: Vec<Neighbour>,
    /// Findings that its start meets, as positions in the report's findings: first what ends it.
    pub reasons: Vec<usize>,
}

/// What is known of one file or folder.
#[derive(Debug, Clone)]
pub struct AboutFile {
    /// Its path, as findings name it.
    pub path: String,
    /// Agents that run it, or something in it.
    pub run_by: Vec<Neighbour>,
}

/// What is known of all of them.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Of agents.
    pub agents: Vec<AboutAgent>,
    /// Of files.
    pub files: Vec<AboutFile>,
}

/// What makes a failure on the way a finding.
type Key = (&'static str, Place, Option<Subject>);

/// What the start of each agent of the focus meets, in order: first what ends it.
#[derive(Debug, Default)]
pub struct Met(BTreeMap<AgentId, Vec<Key>>);

impl Met {
    /// What was met by agents of a focus.
    #[must_use]
    pub fn of(focus: Option<&Focus>, followed: &[Followed]) -> Self {
        let Some(focus) = focus else {
            return Self::default();
        };
        let met = followed
            .iter()
            .filter(|one| focus.agents.contains(&one.report.id))
            .map(|one| {
                let mut failures: Vec<_> = one.failures.iter().collect();
                let end = one.report.chain.last();
                failures.sort_by_key(|failure| {
                    let ends = Some(failure.rule) == one.report.rule
                        && end.is_some_and(|end| end.path == failure.place.path && end.line == failure.place.line);
                    !ends
                });
                let keys = failures
                    .into_iter()
                    .map(|failure| (failure.rule, failure.place.clone(), failure.subject.clone()))
                    .collect();
                (one.report.id, keys)
            })
            .collect();
        Self(met)
    }
}

impl Focus {
    fn has_file(&self, path: &str) -> bool {
        self.files.iter().any(|file| is_below(path, file))
    }

    /// Agents that are named, and those that run what is named.
    #[must_use]
    pub fn everyone(&self, users: &BTreeMap<String, BTreeSet<AgentId>>) -> BTreeSet<AgentId> {
        let mut all: BTreeSet<AgentId> = self.agents.iter().copied().collect();
        all.extend(
            users
                .iter()
                .filter(|(path, _)| self.has_file(path))
                .flat_map(|(_, agents)| agents),
        );
        all
    }

    /// Keeps the findings that have to do with it: in its files, in a file that its agents run, about its agents or their groups.
    pub fn keep(
        &self,
        stack: &Stack,
        prefix: &str,
        users: &BTreeMap<String, BTreeSet<AgentId>>,
        met: &Met,
        findings: &mut Vec<Finding>,
    ) {
        let mut subjects: Vec<Subject> = Vec::new();
        let mut requirements: Vec<&str> = Vec::new();
        for id in &self.agents {
            let agent = stack.agent(*id);
            subjects.extend([
                stack.subject(*id),
                Subject::any_agent(&agent.name),
                Subject::group(&stack.group(agent.group).name),
            ]);
            requirements.push(&stack.group(agent.group).requirements);
        }
        let keys: BTreeSet<&Key> = met.0.values().flatten().collect();
        findings.retain(|finding| {
            let shown = finding.place.path.as_str();
            let path = shown.strip_prefix(prefix).unwrap_or(shown);
            let is_run = || {
                users
                    .get(path)
                    .is_some_and(|users| self.agents.iter().any(|agent| users.contains(agent)))
            };
            self.has_file(path)
                || self.other_files.iter().any(|other| other == shown)
                || requirements.contains(&path)
                || is_run()
                || finding.subjects.iter().any(|subject| subjects.contains(subject))
                || keys.contains(&(finding.rule, finding.place.clone(), finding.subjects.first().cloned()))
        });
    }

    /// What is known of its agents and files.
    #[must_use]
    pub fn about(
        &self,
        stack: &Stack,
        prefix: &str,
        users: &BTreeMap<String, BTreeSet<AgentId>>,
        (agents, findings): (&[AgentReport], &[Finding]),
        met: &Met,
    ) -> About {
        let of = |id: AgentId| agents.iter().find(|report| report.id == id);
        let neighbour = |id: AgentId| {
            of(id).map(|report| Neighbour {
                name: report.full_name(),
                prediction: report.prediction,
            })
        };
        let about = |id: &AgentId| {
            let report = of(*id)?.clone();
            let reasons = met
                .0
                .get(id)
                .into_iter()
                .flatten()
                .filter_map(|(rule, place, subject)| {
                    findings.iter().position(|found| {
                        found.rule == *rule && found.place == *place && found.subjects.first() == subject.as_ref()
                    })
                });
            let mut seen = BTreeSet::new();
            Some(AboutAgent {
                needs: graph::dependencies(stack.agent(*id)).filter_map(neighbour).collect(),
                needed_by: needing(stack, *id).into_iter().filter_map(neighbour).collect(),
                reasons: reasons.filter(|reason| seen.insert(*reason)).collect(),
                report,
            })
        };
        let files = self.files.iter().map(|file| {
            let mut run_by: BTreeSet<AgentId> = BTreeSet::new();
            for (_, agents) in users.iter().filter(|(path, _)| is_below(path, file)) {
                run_by.extend(agents);
            }
            AboutFile {
                path: format!("{prefix}{file}"),
                run_by: run_by.into_iter().filter_map(neighbour).collect(),
            }
        });
        let others = self.other_files.iter().map(|file| AboutFile {
            path: file.clone(),
            run_by: Vec::new(),
        });
        About {
            agents: self.agents.iter().filter_map(about).collect(),
            files: files.chain(others).collect(),
        }
    }
}

/// Whether a path is that file, or lies in that folder.
fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Agents that depend on one, directly or not.
fn needing(stack: &Stack, id: AgentId) -> BTreeSet<AgentId> {
    let mut found = BTreeSet::new();
    let mut level = vec![id];
    while !level.is_empty() {
        let next: Vec<AgentId> = stack
            .agents()
            .filter(|(other, agent)| {
                *other != id
                    && !found.contains(other)
                    && graph::dependencies(agent).any(|needed| level.contains(&needed))
            })
            .map(|(other, _)| other)
            .collect();
        found.extend(&next);
        level = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_what_lies_below_it() {
        for (path, folder, below) in [
            ("a/b.py", "a", true),
            ("a/b.py", "a/b.py", true),
            ("ab/b.py", "a", false),
            ("a/b.pyc", "a/b.py", false),
            ("a", "", true),
        ] {
            assert_eq!(is_below(path, folder), below, "{path} {folder}");
        }
    }
}
