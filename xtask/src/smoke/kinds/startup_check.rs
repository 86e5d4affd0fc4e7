//! `startup_check`: the group's supervisor reports everything that the group needs, line by line, and all of it is there. What
//! that must be comes from the model: scripts, modules, dependencies, and what stands in for those that nothing defines.

use std::sync::Arc;

use contract::status::GroupStatus;
use schemars::JsonSchema;

use super::{About, Action, Kind, Lane, Resolved, Saved, Spec};
use crate::container::group_config;
use crate::container::preload::Preload;
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{GroupId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "startup_check",
    about: "What a group's supervisor found at its start.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "StartupCheck")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
}

#[derive(Debug)]
struct StartupCheckSpec {
    group: Text,
}

/// A group, with the lines that its supervisor must report.
#[derive(Debug, Clone)]
pub struct StartupCheck {
    /// The group.
    group: GroupId,
    /// The lines.
    lines: Vec<Line>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    /// What is checked: `dependency MemoryOrchestrator`.
    name: String,
    /// What must be said of it; empty for nothing in particular.
    says: String,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`startup_check`");
    Some(Box::new(StartupCheckSpec { group: group? }))
}

impl Spec for StartupCheckSpec {
    fn seconds(&self) -> u64 {
        10
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let action = StartupCheck::of(names.stack, group);
        Some((Arc::new(action), Some(names.stack.group(group).machine)))
    }
}

impl Action for StartupCheck {
    fn lane(&self) -> Lane {
        Lane::Requests
    }

    fn subject(&self, stack: &Stack) -> String {
        format!("the start-up check of `{}`", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.group))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let mut passes = |status: &GroupStatus| Verdict::passes(|verdict| self.judge(verdict, status));
        let status = observer.wait_for_health(self.group, &mut passes)?;
        self.judge(verdict, &status.ok_or("nothing")?);
        Ok(())
    }
}

impl StartupCheck {
    /// What the supervisor of a group must report.
    fn of(stack: &Stack, group: GroupId) -> Self {
        let config = group_config::config(stack, group, &Preload::default());
        let line = |name: String, says: &str| Line {
            name,
            says: says.to_owned(),
        };
        let mut lines = vec![line(format!("interpreter {}", config.python), "")];
        lines.extend(
            config
                .assets
                .iter()
                .map(|asset| line(format!("asset {}", asset.name), "")),
        );
        lines.extend(
            config
                .agents
                .iter()
                .map(|agent| line(format!("script {}", agent.script_path), "")),
        );
        lines.extend(
            config
                .required_modules
                .iter()
                .map(|module| line(format!("module {module}"), "")),
        );
        let mut names: Vec<&String> = config.agents.iter().flat_map(|agent| &agent.dependencies).collect();
        names.sort();
        names.dedup();
        for name in names {
            let title = format!("dependency {name}");
            let elsewhere = config.dependencies_elsewhere.iter().find(|there| there.name == *name);
            let absent = config.absent_dependencies.iter().find(|absent| absent.name == *name);
            lines.push(match (elsewhere, absent) {
                (Some(there), _) => line(title, &there.group),
                (None, Some(absent)) => line(title, absent.fallback.as_deref().unwrap_or_default()),
                (None, None) => line(title, "in this group"),
            });
        }
        Self { group, lines }
    }

    fn judge(&self, verdict: &mut Verdict, status: &GroupStatus) {
        for line in &self.lines {
            let expected = match line.says.as_str() {
                "" => line.name.clone(),
                says => format!("{}: {says}", line.name),
            };
            match status.checks.iter().find(|check| check.name == line.name) {
                None => verdict.wrong(expected, format!("nothing is said of {}", line.name)),
                Some(check) if !check.ok => verdict.wrong(expected, check.detail.clone()),
                Some(check) if !check.detail.contains(&line.says) => verdict.wrong(expected, check.detail.clone()),
                Some(_) => {}
            }
        }
        let others = status.checks.iter().filter(|check| !check.ok);
        for check in others.filter(|check| self.lines.iter().all(|line| line.name != check.name)) {
            verdict.wrong(check.name.clone(), check.detail.clone());
        }
        verdict.note = format!("{} lines", status.checks.len());
    }
}

#[cfg(test)]
mod tests {
    use contract::status::{GroupStatus, StartupCheck as Reported};
    use serde_json::json;

    use super::StartupCheck;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::small_stack;
    use crate::smoke::verdict::Verdict;
    use crate::stack::model::{AbsentDependency, AgentId, Dependency, GroupId};

    fn judged(check: &StartupCheck, lines: Vec<Reported>) -> Vec<String> {
        let mut status: GroupStatus = serde_json::from_value(json!({
            "version": 1, "machine": "mainpc", "group": "memory-system", "state": "healthy",
            "started_at_ms": 1, "now_ms": 2, "checks": [], "agents": [],
        }))
        .unwrap();
        status.checks = lines;
        let mut verdict = Verdict::default();
        check.judge(&mut verdict, &status);
        match verdict.outcome() {
            Outcome::Failed { got, .. } => got,
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_line_of_the_model_must_be_reported_and_hold() {
        let mut stack = small_stack();
        stack.absent = vec![AbsentDependency {
            name: "Ghost".to_owned(),
            fallback: Some("ghost.py".to_owned()),
            wanted_by: vec![AgentId(2)],
        }];
        stack.agents[2].dependencies = vec![Dependency::Agent(AgentId(0)), Dependency::Absent(0)];
        let check = StartupCheck::of(&stack, GroupId(1));
        let line = |name: &str, ok, detail: &str| Reported {
            name: name.to_owned(),
            ok,
            detail: detail.to_owned(),
        };
        let right = vec![
            line("interpreter python3", true, ""),
            line("script MemoryManager.py", true, ""),
            line(
                "dependency CoordinatorAgent",
                true,
                "mainpc core-services at 172.20.0.10",
            ),
            line("dependency Ghost", true, "not defined; its fallback is ghost.py"),
        ];
        assert_eq!(judged(&check, right.clone()), Vec::<String>::new());
        let mut wrong = right.clone();
        wrong[1] = line("script MemoryManager.py", false, "does not exist");
        wrong[3] = line("dependency Ghost", true, "not defined");
        wrong.remove(0);
        wrong.push(line("folder /app", false, "is not there"));
        assert_eq!(
            judged(&check, wrong),
            [
                "nothing is said of interpreter python3",
                "does not exist",
                "not defined",
                "is not there"
            ]
        );
    }
}
