//! `status`: what a group's supervisor says of the group, or of one agent of it. Waited for until the time limit.

use std::sync::Arc;

use contract::status::{AgentState, AgentStatus, GroupStatus};
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::{About, Action, Kind, Lane, Resolved, Saved, Spec};
use crate::boot::last_words::last_part;
use crate::smoke::fields::{Text, matcher, text};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{AgentId, GroupId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "status",
    about: "The state of a group or an agent.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Either `group` or `agent`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Status")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Option<Scalar>,
    agent: Option<Scalar>,
    /// The state; healthy where it is not written.
    state: Option<Any>,
    restarts: Option<Any>,
}

#[derive(Debug)]
struct StatusSpec {
    group: Option<Text>,
    agent: Option<Text>,
    state: Value,
    restarts: Option<Value>,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = text(reader, fields.get("group"), "group");
    let agent = text(reader, fields.get("agent"), "agent");
    if group.is_some() == agent.is_some() {
        reader.note(fields.mark, "`status` needs either `group` or `agent`");
    }
    let state = matcher(reader, fields.get("state")).unwrap_or_else(|| json!("healthy"));
    let restarts = matcher(reader, fields.get("restarts"));
    Some(Box::new(StatusSpec {
        group,
        agent,
        state,
        restarts,
    }))
}

impl Spec for StatusSpec {
    fn seconds(&self) -> u64 {
        30
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let agent = match &self.agent {
            Some(name) => Some(names.agent(name)?),
            None => None,
        };
        let group = match (&self.group, agent) {
            (_, Some(agent)) => names.stack.agent(agent).group,
            (Some(name), None) => names.group(name)?,
            (None, None) => return None,
        };
        let action = Status {
            group,
            agent,
            state: self.state,
            restarts: self.restarts,
        };
        Some((Arc::new(action), Some(names.stack.group(group).machine)))
    }
}

/// State of a group, or of one agent of it.
#[derive(Debug, Clone)]
pub struct Status {
    group: GroupId,
    agent: Option<AgentId>,
    /// Matcher of the state.
    state: Value,
    /// Matcher of restarts: of the agent, or of each agent of the group.
    restarts: Option<Value>,
}

impl Action for Status {
    fn lane(&self) -> Lane {
        Lane::Requests
    }

    fn subject(&self, stack: &Stack) -> String {
        format!("the status of `{}`", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About {
            agent: self.agent,
            ..About::group(self.group)
        })
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let stack = observer.stack();
        // One that was given up stays so: there is nothing to wait for.
        let given_up = |status: &GroupStatus| {
            let named = self.agent.map(|agent| stack.agent(agent).name.as_str());
            let own = status.agents.iter().find(|agent| Some(agent.name.as_str()) == named);
            own.is_some_and(|agent| agent.state == AgentState::Failed)
        };
        let mut passes =
            |status: &GroupStatus| given_up(status) || Verdict::passes(|verdict| self.judge(verdict, stack, status));
        let status = observer.wait_for_health(self.group, &mut passes)?;
        self.judge(verdict, stack, &status.ok_or("nothing")?);
        Ok(())
    }
}

impl Status {
    fn judge(&self, verdict: &mut Verdict, stack: &Stack, status: &GroupStatus) {
        match self.agent {
            Some(agent) => self.judge_agent(verdict, &stack.agent(agent).name, status),
            None => self.judge_group(verdict, status),
        }
    }

    fn judge_agent(&self, verdict: &mut Verdict, name: &str, status: &GroupStatus) {
        let Some(agent) = status.agents.iter().find(|agent| agent.name == name) else {
            verdict.wrong(format!("{name} in the status of `{}`", status.group), "no such agent");
            return;
        };
        // One that runs once and is done is as good as healthy, where nothing else is asked of it.
        let as_healthy = |verdict: &mut Verdict| verdict.compare("state", &self.state, &word(AgentState::Healthy));
        if agent.state != AgentState::Done || !Verdict::passes(as_healthy) {
            verdict.compare("state", &self.state, &word(agent.state));
        }
        if let Some(matcher) = &self.restarts {
            verdict.compare("restarts", matcher, &Value::from(agent.restarts));
        }
        explain(verdict, agent);
    }

    fn judge_group(&self, verdict: &mut Verdict, status: &GroupStatus) {
        verdict.compare("state", &self.state, &word(status.state));
        for check in status.checks.iter().filter(|check| !check.ok) {
            verdict.evidence(format!("start-up check: {}", check.name), &check.detail);
        }
        for agent in &status.agents {
            let before = verdict.count_wrong();
            if let Some(matcher) = &self.restarts {
                verdict.compare(
                    &format!("restarts of {}", agent.name),
                    matcher,
                    &Value::from(agent.restarts),
                );
            }
            let healthy = agent.state.is_good();
            if !healthy || agent.is_degraded() || verdict.count_wrong() > before {
                explain(verdict, agent);
            }
        }
        verdict.note = format!("{} agents", status.agents.len());
    }
}

fn word(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// Everything that a supervisor knows about why an agent is as it is.
fn explain(verdict: &mut Verdict, agent: &AgentStatus) {
    let mut lines = vec![format!("state: {}", word(agent.state).as_str().unwrap_or_default())];
    if let Some(reason) = agent.reason.as_deref().and_then(last_part) {
        lines.push(format!("reason: {reason}"));
    }
    if !agent.waits_for.is_empty() {
        lines.push(format!("waits for: {}", agent.waits_for.join(", ")));
    }
    if agent.is_degraded() {
        let names: Vec<String> = agent.without.iter().map(ToString::to_string).collect();
        lines.push(format!("degraded: it runs without {}", names.join(", ")));
    }
    if agent.restarts > 0 {
        lines.push(format!("restarts: {}", agent.restarts));
    }
    verdict.evidence(agent.name.clone(), lines.join("\n"));
    let printed: Vec<String> = agent.last_stderr.iter().filter_map(|line| last_part(line)).collect();
    if !printed.is_empty() {
        verdict.evidence(format!("last lines of {}", agent.name), printed.join("\n"));
    }
}
