//! `recovery`: an agent is broken on purpose, and what its supervisor makes of it is followed, change by change.
//!
//! In the stack, or in a container made for the check, where the intervals are short and nobody else is disturbed: there a mute
//! agent and a crash loop need not be waited for as long as a stack's own settings say.

use contract::group_config::{Agent, GroupConfig, Supervision};
use contract::status::{AgentState, AgentStatus, GroupState, GroupStatus};

use crate::container::group_config;
use crate::container::preload::Preload;
use crate::smoke::fields::needed;
use crate::smoke::spec::{Fault, FaultPlace, RecoverySpec};
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::graph;
use crate::stack::model::{AgentId, Stack};

/// Where the script of a crash loop is put in a container made for the check.
pub const CRASHING_SCRIPT: &str = "/tmp/ends_with_an_error.py";
/// What that script says before it ends.
pub const CRASH_WORDS: &str = "ended on purpose by a smoke check";
/// Folder of logs in such a container.
const LOGS: &str = "/tmp/logs";
/// Crashes after which an agent is given up there.
const CRASH_LIMIT: u32 = 3;

/// An agent to break.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The agent.
    pub agent: AgentId,
    /// What is done to it.
    pub fault: Fault,
    /// The config of a container made for the check; none: in the stack.
    pub probe: Option<GroupConfig>,
    /// Agents that depend on it directly, wherever they run.
    pub dependents: Vec<AgentId>,
    name: String,
    required: bool,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct RecoverySeen {
    /// Documents of the agent's supervisor, each different from the one before; the first is from before the fault.
    pub history: Vec<GroupStatus>,
    /// Dependents: before, when the fault was noticed, and at the end.
    pub dependents: Vec<DependentSeen>,
}

/// One dependent.
#[derive(Debug, Clone)]
pub struct DependentSeen {
    /// Its name.
    pub name: String,
    /// Its status before, meanwhile, and at the end; none where its supervisor did not answer.
    pub seen: [Option<AgentStatus>; 3],
}

/// Reads it.
pub fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<RecoverySpec> {
    let agent = needed(reader, fields, "agent", "`recovery`");
    let fault = needed(reader, fields, "fault", "`recovery`").and_then(|word| {
        let known = Fault::NAMES.iter().find(|(name, _)| *name == word.text);
        if known.is_none() {
            reader.findings.push(crate::finding::Finding::error(
                "smoke/syntax",
                word.place.clone(),
                format!("`fault` must be kill, mute or crash_loop, not `{}`", word.text),
            ));
        }
        known.map(|(_, fault)| *fault)
    });
    let place = match fields.get("in") {
        None => FaultPlace::Probe,
        Some(node) => match reader.text(node, "in").as_deref() {
            Some("stack") => FaultPlace::Stack,
            Some("probe") => FaultPlace::Probe,
            other => {
                if let Some(other) = other {
                    reader.note(node.mark, format!("`in` must be stack or probe, not `{other}`"));
                }
                FaultPlace::Probe
            }
        },
    };
    if fault == Some(Fault::CrashLoop) && place == FaultPlace::Stack {
        reader.note(fields.mark, "a crash loop needs a container of its own: `in: probe`");
    }
    Some(RecoverySpec {
        agent: agent?,
        fault: fault?,
        place,
    })
}

impl Recovery {
    /// What is to be done to an agent of the stack.
    #[must_use]
    pub fn new(stack: &Stack, agent: AgentId, fault: Fault, place: FaultPlace) -> Self {
        let group = stack.agent(agent).group;
        let dependents: Vec<AgentId> = stack
            .agents()
            .filter(|(_, other)| graph::dependencies(other).any(|id| id == agent))
            .filter(|(_, other)| place == FaultPlace::Stack || other.group == group)
            .map(|(id, _)| id)
            .collect();
        Self {
            agent,
            fault,
            probe: (place == FaultPlace::Probe).then(|| probe(stack, agent, fault, &dependents)),
            // What depends on an agent that never answers is never started.
            dependents: if fault == Fault::CrashLoop {
                Vec::new()
            } else {
                dependents
            },
            name: stack.agent(agent).name.clone(),
            required: stack.agent(agent).required,
        }
    }

    /// Its status in a document.
    #[must_use]
    pub fn of<'s>(&self, status: &'s GroupStatus) -> Option<&'s AgentStatus> {
        status.agents.iter().find(|agent| agent.name == self.name)
    }

    /// Whether nothing more is to be waited for.
    #[must_use]
    pub fn is_over(&self, before: &GroupStatus, now: &GroupStatus) -> bool {
        match (self.of(before), self.of(now)) {
            (Some(before), Some(now)) if self.fault != Fault::CrashLoop => {
                now.state == AgentState::Failed || (now.restarts > before.restarts && now.state == AgentState::Healthy)
            }
            (_, Some(now)) => now.state == AgentState::Failed,
            _ => false,
        }
    }

    /// Whether the supervisor has noticed.
    #[must_use]
    pub fn is_noticed(&self, now: &GroupStatus) -> bool {
        self.of(now).is_some_and(|now| match self.fault {
            Fault::Mute => now.reason.is_some(),
            Fault::Kill | Fault::CrashLoop => !up(now.state),
        })
    }

    pub(in crate::smoke) fn judge(&self, verdict: &mut Verdict, seen: &RecoverySeen) {
        let name = &self.name;
        let states: Vec<(&AgentStatus, GroupState)> = seen
            .history
            .iter()
            .filter_map(|status| Some((self.of(status)?, status.state)))
            .collect();
        let (Some((before, _)), Some((after, group_after))) = (states.first(), states.last()) else {
            verdict.wrong(format!("{name} in its supervisor's status"), "no such agent");
            return;
        };
        if !seen.history.iter().any(|status| self.is_noticed(status)) {
            verdict.wrong(
                format!("{name}: noticed after {}", self.fault.name()),
                "nothing noticed".to_owned(),
            );
        }
        match self.fault {
            Fault::CrashLoop => self.judge_given_up(verdict, after, *group_after),
            Fault::Kill | Fault::Mute => {
                // As long as it is away, its group is not healthy.
                let hidden = states
                    .iter()
                    .any(|(agent, group)| !up(agent.state) && *group == GroupState::Healthy);
                if hidden {
                    verdict.wrong("a group that is not healthy meanwhile", "healthy");
                }
                let restarts = after.restarts.saturating_sub(before.restarts);
                if restarts != 1 {
                    verdict.wrong(format!("{name}: restarted once"), format!("{restarts} times"));
                }
                if after.state != AgentState::Healthy {
                    verdict.wrong(format!("{name}: healthy again"), after.state.name());
                }
                let signal = after.last_exit.as_ref().and_then(|exit| exit.signal);
                if self.fault == Fault::Kill && signal != Some(9) {
                    verdict.wrong(format!("{name}: ended by signal 9"), format!("{signal:?}"));
                }
                let away = states.iter().map(|(agent, _)| *agent).find(|agent| !up(agent.state));
                if self.fault == Fault::Mute && away.is_none_or(|agent| agent.reason.is_none()) {
                    verdict.wrong(format!("{name}: a reason while it is mute"), "none");
                }
            }
        }
        for dependent in &seen.dependents {
            judge_dependent(verdict, dependent);
        }
        let path: Vec<&str> = states.iter().map(|(agent, _)| agent.state.name()).collect();
        let mut path = path;
        path.dedup();
        let dependents = match seen.dependents.len() {
            0 => String::new(),
            1 => "; 1 dependent undisturbed".to_owned(),
            count => format!("; {count} dependents undisturbed"),
        };
        verdict.note = format!("{}{dependents}", path.join(", "));
        let lines: Vec<String> = states
            .iter()
            .map(|(agent, group)| {
                let reason = agent.reason.as_deref().unwrap_or_default();
                format!("{} (group {}) {reason}", agent.state.name(), group_word(*group))
            })
            .collect();
        verdict.evidence(format!("states of {name}"), lines.join("\n"));
    }

    fn judge_given_up(&self, verdict: &mut Verdict, after: &AgentStatus, group: GroupState) {
        let name = &self.name;
        if after.state != AgentState::Failed {
            verdict.wrong(format!("{name}: given up"), after.state.name());
        }
        if after.restarts + 1 != CRASH_LIMIT {
            verdict.wrong(
                format!("{name}: started {CRASH_LIMIT} times"),
                (after.restarts + 1).to_string(),
            );
        }
        if after.reason.is_none() {
            verdict.wrong(format!("{name}: a reason why it was given up"), "none");
        }
        if !after.last_stderr.iter().any(|line| line.contains(CRASH_WORDS)) {
            verdict.wrong(
                format!("{name}: its last words, {CRASH_WORDS:?}"),
                format!("{:?}", after.last_stderr),
            );
        }
        let wanted = if self.required {
            GroupState::Unhealthy
        } else {
            GroupState::Degraded
        };
        if group != wanted {
            verdict.wrong(format!("a group that is {}", group_word(wanted)), group_word(group));
        }
    }
}

/// A dependent runs on, whatever happens to what it depends on.
fn judge_dependent(verdict: &mut Verdict, dependent: &DependentSeen) {
    let DependentSeen { name, seen } = dependent;
    let [Some(before), Some(meanwhile), Some(after)] = seen else {
        verdict.wrong(
            format!("the state of dependent {name}"),
            "its supervisor did not answer",
        );
        return;
    };
    for (when, now) in [("meanwhile", meanwhile), ("afterwards", after)] {
        if now.restarts != before.restarts || now.pid != before.pid {
            verdict.wrong(
                format!("dependent {name}: not restarted {when}"),
                format!("{} restarts more", now.restarts.saturating_sub(before.restarts)),
            );
        }
        if !up(now.state) {
            verdict.wrong(format!("dependent {name}: up {when}"), now.state.name());
        }
    }
}

fn up(state: AgentState) -> bool {
    matches!(state, AgentState::Healthy | AgentState::Answering)
}

fn group_word(state: GroupState) -> String {
    serde_json::to_value(state)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The agent and its dependents alone, with short intervals.
fn probe(stack: &Stack, agent: AgentId, fault: Fault, dependents: &[AgentId]) -> GroupConfig {
    let config = group_config::config(stack, stack.agent(agent).group, &Preload::default());
    let name = &stack.agent(agent).name;
    let mut agents: Vec<Agent> = config
        .agents
        .into_iter()
        .filter(|one| one.name == *name || dependents.iter().any(|id| stack.agent(*id).name == one.name))
        .collect();
    for one in &mut agents {
        let broken = one.name == *name;
        one.waits_for = Some(if broken { Vec::new() } else { vec![name.clone()] });
        one.dependencies.retain(|other| !broken && other == name);
        if broken && fault == Fault::CrashLoop {
            CRASHING_SCRIPT.clone_into(&mut one.script_path);
        }
    }
    GroupConfig {
        log_directory: LOGS.to_owned(),
        supervision: Supervision {
            health_interval_ms: 500,
            health_timeout_ms: 1_000,
            health_retries: 2,
            settle_ms: 500,
            stop_grace_ms: 1_000,
            backoff_initial_ms: 100,
            backoff_max_ms: 200,
            crash_limit: CRASH_LIMIT,
            ..config.supervision
        },
        agents,
        dependencies_elsewhere: Vec::new(),
        absent_dependencies: Vec::new(),
        loopback_bridges: Vec::new(),
        ..config
    }
}

#[cfg(test)]
mod tests {
    use contract::status::{AgentState, GroupStatus};
    use serde_json::json;

    use super::{CRASH_WORDS, DependentSeen, Recovery, RecoverySeen};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::small_stack;
    use crate::smoke::spec::{Fault, FaultPlace};
    use crate::smoke::verdict::Verdict;
    use crate::stack::model::{AgentId, Dependency, Stack};

    /// ModelManagerAgent depends on CoordinatorAgent, beside it; MemoryManager does, elsewhere.
    fn stack() -> Stack {
        let mut stack = small_stack();
        for index in [1, 2] {
            stack.agents[index].dependencies = vec![Dependency::Agent(AgentId(0))];
        }
        stack
    }

    fn recovery(fault: Fault, place: FaultPlace) -> Recovery {
        Recovery::new(&stack(), AgentId(0), fault, place)
    }

    /// One document: state, restarts, and reason of the agent; state of the group.
    fn document(state: &str, restarts: u32, reason: Option<&str>, group: &str) -> GroupStatus {
        let signal = (restarts > 0).then_some(9);
        serde_json::from_value(json!({
            "version": 1, "machine": "mainpc", "group": "core-services", "state": group,
            "started_at_ms": 1, "now_ms": 2, "checks": [],
            "agents": [{
                "name": "CoordinatorAgent", "port": 1, "health_check_port": 2, "required": true, "state": state,
                "pid": 7, "restarts": restarts, "last_exit": {"code": null, "signal": signal, "at_ms": 1},
                "last_stderr": [CRASH_WORDS], "started_after_ms": 1, "started_at_ms": 1, "ready_after_ms": 1,
                "ready_at_ms": 1, "waits_for": [], "released_by": null, "reason": reason,
            }],
        }))
        .unwrap()
    }

    fn judged(recovery: &Recovery, seen: &RecoverySeen) -> Vec<String> {
        let mut verdict = Verdict::default();
        recovery.judge(&mut verdict, seen);
        match verdict.outcome() {
            Outcome::Failed { expected, .. } => expected,
            _ => Vec::new(),
        }
    }

    fn history(documents: &[(&str, u32, Option<&str>, &str)]) -> RecoverySeen {
        RecoverySeen {
            history: documents
                .iter()
                .map(|(state, restarts, reason, group)| document(state, *restarts, *reason, group))
                .collect(),
            dependents: Vec::new(),
        }
    }

    const WELL: (&str, u32, Option<&str>, &str) = ("healthy", 0, None, "healthy");
    const BACK: (&str, u32, Option<&str>, &str) = ("healthy", 1, None, "healthy");

    #[test]
    fn a_killed_agent_must_be_noticed_and_come_back_once() {
        let kill = recovery(Fault::Kill, FaultPlace::Stack);
        assert_eq!(kill.dependents, [AgentId(1), AgentId(2)]);
        let away = ("backoff", 0, Some("signal 9"), "unhealthy");
        assert_eq!(judged(&kill, &history(&[WELL, away, BACK])), Vec::<String>::new());
        assert_eq!(
            judged(&kill, &history(&[WELL, away])),
            [
                "CoordinatorAgent: restarted once",
                "CoordinatorAgent: healthy again",
                "CoordinatorAgent: ended by signal 9"
            ]
        );
        assert_eq!(
            judged(&kill, &history(&[WELL, BACK])),
            ["CoordinatorAgent: noticed after kill"]
        );
        let hidden = ("backoff", 0, None, "healthy");
        assert_eq!(
            judged(&kill, &history(&[WELL, hidden, BACK])),
            ["a group that is not healthy meanwhile"]
        );
        assert_eq!(
            judged(&kill, &history(&[])),
            ["CoordinatorAgent in its supervisor's status"]
        );
    }

    #[test]
    fn a_mute_agent_must_be_called_mute_with_a_reason() {
        let mute = recovery(Fault::Mute, FaultPlace::Probe);
        assert_eq!(mute.dependents, [AgentId(1)], "a probe holds one group");
        let silent = ("mute", 0, Some("stopped answering"), "unhealthy");
        assert_eq!(judged(&mute, &history(&[WELL, silent, BACK])), Vec::<String>::new());
        assert_eq!(
            judged(&mute, &history(&[WELL, BACK])),
            [
                "CoordinatorAgent: noticed after mute",
                "CoordinatorAgent: a reason while it is mute"
            ]
        );
    }

    #[test]
    fn a_crash_loop_must_be_given_up_with_its_last_words() {
        let crash = recovery(Fault::CrashLoop, FaultPlace::Probe);
        let given_up = ("failed", 2, Some("crashed 3 times"), "unhealthy");
        let starting = ("starting", 0, None, "starting");
        assert_eq!(judged(&crash, &history(&[starting, given_up])), Vec::<String>::new());
        assert_eq!(
            judged(&crash, &history(&[starting, ("backoff", 7, None, "starting")])),
            [
                "CoordinatorAgent: given up",
                "CoordinatorAgent: started 3 times",
                "CoordinatorAgent: a reason why it was given up",
                "a group that is unhealthy"
            ]
        );
        let config = crash.probe.unwrap();
        assert_eq!(config.agents[0].script_path, super::CRASHING_SCRIPT);
        assert_eq!(
            config.agents[1].waits_for.as_deref(),
            Some(&["CoordinatorAgent".to_owned()][..])
        );
    }

    #[test]
    fn a_dependent_must_not_be_disturbed() {
        let kill = recovery(Fault::Kill, FaultPlace::Stack);
        let away = ("backoff", 0, Some("signal 9"), "unhealthy");
        let agent = |state, restarts| {
            let mut agent = document("healthy", restarts, None, "healthy").agents.remove(0);
            agent.state = state;
            Some(agent)
        };
        let mut seen = history(&[WELL, away, BACK]);
        seen.dependents = vec![DependentSeen {
            name: "D".to_owned(),
            seen: [
                agent(AgentState::Healthy, 0),
                agent(AgentState::Failed, 1),
                agent(AgentState::Healthy, 0),
            ],
        }];
        assert_eq!(
            judged(&kill, &seen),
            ["dependent D: not restarted meanwhile", "dependent D: up meanwhile"]
        );
        seen.dependents[0].seen[1] = None;
        assert_eq!(judged(&kill, &seen), ["the state of dependent D"]);
    }
}
