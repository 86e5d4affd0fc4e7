//! `recovery`: an agent is broken on purpose, and what its supervisor makes of it is followed, change by change.
//!
//! In the stack, or in a container made for the check, where the intervals are short and nobody else is disturbed: there a mute
//! agent and a crash loop need not be waited for as long as a stack's own settings say.

use std::sync::Arc;
use std::time::Duration;

use contract::group_config::{Agent, GroupConfig, Supervision};
use contract::status::{AgentState, AgentStatus, GroupState, GroupStatus};
use schemars::JsonSchema;
use serde_json::json;

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::container::group_config;
use crate::container::preload::Preload;
use crate::finding::Finding;
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer, Sealed, answer, own_limit_ms};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::graph;
use crate::stack::model::{AgentId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "recovery",
    about: "An agent that is broken on purpose.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

/// Runs a supervisor with the config that it reads from standard input, breaks the agent, and prints the documents as JSON.
const SCRIPT: &str = include_str!("recovery.py");
/// Where the script of a crash loop is put in a container made for the check.
const CRASHING_SCRIPT: &str = "/tmp/ends_with_an_error.py";
/// What that script says before it ends.
const CRASH_WORDS: &str = "ended on purpose by a smoke check";
/// Folder of logs in such a container.
const LOGS: &str = "/tmp/logs";
/// Crashes after which an agent is given up there.
const CRASH_LIMIT: u32 = 3;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Recovery")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    agent: Scalar,
    fault: FaultKeys,
    #[schemars(rename = "in")]
    place: Option<PlaceKeys>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "Fault")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
enum FaultKeys {
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Mute,
    /// A script that ends with an error, each time.
    CrashLoop,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "Place")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
enum PlaceKeys {
    /// A container made for the check.
    Probe,
    /// The stack itself.
    Stack,
}

#[derive(Debug)]
struct RecoverySpec {
    agent: Text,
    fault: Fault,
    place: FaultPlace,
}

/// What is done to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGSTOP: it runs and answers nothing.
    Mute,
    /// Its script ends with an error, each time.
    CrashLoop,
}

impl Fault {
    /// The words for it in a file.
    const NAMES: [(&'static str, Self); 3] = [
        ("kill", Self::Kill),
        ("mute", Self::Mute),
        ("crash_loop", Self::CrashLoop),
    ];

    /// The word for it.
    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(_, fault)| *fault == self)
            .map_or("", |(name, _)| name)
    }
}

/// Where an agent is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultPlace {
    /// In the stack; the check then runs alone.
    Stack,
    /// In a container made for the check, with the agent, those of its group that depend on it, and short intervals.
    Probe,
}

/// An agent to break.
#[derive(Debug, Clone)]
pub struct Recovery {
    /// The agent.
    agent: AgentId,
    /// What is done to it.
    fault: Fault,
    /// The config of a container made for the check; none: in the stack.
    probe: Option<GroupConfig>,
    /// Agents that depend on it directly, wherever they run.
    dependents: Vec<AgentId>,
    name: String,
    required: bool,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
struct RecoverySeen {
    /// Documents of the agent's supervisor, each different from the one before; the first is from before the fault.
    history: Vec<GroupStatus>,
    /// Dependents: before, when the fault was noticed, and at the end.
    dependents: Vec<DependentSeen>,
}

/// One dependent.
#[derive(Debug, Clone)]
struct DependentSeen {
    /// Its name.
    name: String,
    /// Its status before, meanwhile, and at the end; none where its supervisor did not answer.
    seen: [Option<AgentStatus>; 3],
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let agent = needed(reader, fields, "agent", "`recovery`");
    let fault = needed(reader, fields, "fault", "`recovery`").and_then(|word| {
        let known = Fault::NAMES.iter().find(|(name, _)| *name == word.text);
        if known.is_none() {
            reader.findings.push(Finding::error(
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
    Some(Box::new(RecoverySpec {
        agent: agent?,
        fault: fault?,
        place,
    }))
}

impl Spec for RecoverySpec {
    fn seconds(&self) -> u64 {
        120
    }

    fn disturbs(&self) -> bool {
        self.place == FaultPlace::Stack
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let agent = names.lasting_agent(&self.agent, "`recovery`")?;
        let recovery = Recovery::new(names.stack, agent, self.fault, self.place);
        Some((Arc::new(recovery), Some(names.stack.agent(agent).machine)))
    }
}

impl Action for Recovery {
    fn subject(&self, _stack: &Stack) -> String {
        format!("{} broken on purpose", self.name)
    }

    fn about(&self, stack: &Stack) -> Option<About> {
        Some(About::agent(stack, self.agent))
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let seen = match &self.probe {
            Some(config) => self.look_in_probe(observer, config)?,
            None => self.look_in_stack(observer)?,
        };
        self.judge(verdict, &seen);
        Ok(())
    }
}

/// How long a dependent's supervisor may take to answer.
const STATUS_LIMIT: Duration = Duration::from_secs(2);

impl Recovery {
    /// What is to be done to an agent of the stack.
    fn new(stack: &Stack, agent: AgentId, fault: Fault, place: FaultPlace) -> Self {
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
    fn of<'s>(&self, status: &'s GroupStatus) -> Option<&'s AgentStatus> {
        status.agents.iter().find(|agent| agent.name == self.name)
    }

    /// Whether nothing more is to be waited for.
    fn is_over(&self, before: &GroupStatus, now: &GroupStatus) -> bool {
        match (self.of(before), self.of(now)) {
            (Some(before), Some(now)) if self.fault != Fault::CrashLoop => {
                now.state == AgentState::Failed || (now.restarts > before.restarts && now.state == AgentState::Healthy)
            }
            (_, Some(now)) => now.state == AgentState::Failed,
            _ => false,
        }
    }

    /// Whether the supervisor has noticed.
    fn is_noticed(&self, now: &GroupStatus) -> bool {
        self.of(now).is_some_and(|now| match self.fault {
            Fault::Mute => now.reason.is_some(),
            Fault::Kill | Fault::CrashLoop => !up(now.state),
        })
    }

    fn look_in_stack(&self, observer: &dyn Observer) -> Result<RecoverySeen, Blind> {
        let stack = observer.stack();
        let group = stack.agent(self.agent).group;
        let before = observer.status(group, observer.left())?;
        let pid = self
            .of(&before)
            .and_then(|agent| agent.pid)
            .ok_or_else(|| Blind::because(format!("{} does not run", self.name)))?;
        let states = || -> Vec<Option<AgentStatus>> {
            let dependents = self.dependents.iter();
            dependents.map(|id| state_of(observer, *id)).collect()
        };
        let undisturbed = states();
        let signal = if self.fault == Fault::Mute { "STOP" } else { "KILL" };
        let killed = observer.exec(group, &["sh", "-c", &format!("kill -{signal} {pid}")], &[])?;
        killed.succeeded()?;
        let mut history = vec![before.clone()];
        let mut meanwhile = None;
        observer.wait_until(group, &mut |now| {
            if self.is_noticed(now) && meanwhile.is_none() {
                meanwhile = Some(states());
            }
            history.push(now.clone());
            self.is_over(&before, now)
        })?;
        let meanwhile = meanwhile.unwrap_or_else(|| vec![None; self.dependents.len()]);
        let dependents = self
            .dependents
            .iter()
            .zip(undisturbed.into_iter().zip(meanwhile).zip(states()))
            .map(|(id, ((before, meanwhile), after))| DependentSeen {
                name: stack.agent(*id).name.clone(),
                seen: [before, meanwhile, after],
            })
            .collect();
        Ok(RecoverySeen { history, dependents })
    }

    fn look_in_probe(&self, observer: &dyn Observer, config: &GroupConfig) -> Result<RecoverySeen, Blind> {
        let stack = observer.stack();
        let group = stack.agent(self.agent).group;
        let input = json!({
            "config": config,
            "agent": self.name,
            "fault": self.fault.name(),
            "crashing_script": CRASHING_SCRIPT,
            "crash_words": CRASH_WORDS,
            "limit_ms": own_limit_ms(observer),
        })
        .to_string();
        let mut options = vec!["--tmpfs=/tmp:rw,nosuid,nodev,mode=1777".to_owned()];
        // `U`: it belongs to the image's user, as the volume does.
        let volumes = stack.volumes.iter();
        options.extend(volumes.map(|volume| format!("--tmpfs={}:rw,nosuid,nodev,U", volume.path)));
        let printed = observer.run_sealed(&Sealed {
            machine: Some(stack.group(group).machine),
            image: &stack.group_image(group),
            command: &["python3", "-c", SCRIPT],
            options: &options,
            input: input.as_bytes(),
        })?;
        let history: Vec<GroupStatus> = answer(&printed)?;
        let noticed = history.iter().find(|status| self.is_noticed(status));
        let state = |status: Option<&GroupStatus>, name: &str| {
            status.and_then(|status| status.agents.iter().find(|agent| agent.name == *name).cloned())
        };
        let dependents = self
            .dependents
            .iter()
            .map(|id| {
                let name = &stack.agent(*id).name;
                DependentSeen {
                    name: name.clone(),
                    seen: [
                        state(history.first(), name),
                        state(noticed, name),
                        state(history.last(), name),
                    ],
                }
            })
            .collect();
        Ok(RecoverySeen { history, dependents })
    }

    fn judge(&self, verdict: &mut Verdict, seen: &RecoverySeen) {
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

/// What an agent's supervisor says of it now.
fn state_of(observer: &dyn Observer, id: AgentId) -> Option<AgentStatus> {
    let agent = observer.stack().agent(id);
    let status = observer.status(agent.group, STATUS_LIMIT).ok()?;
    status.agents.into_iter().find(|one| one.name == agent.name)
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
    state.is_up()
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
        host_services: Vec::new(),
        ..config
    }
}

#[cfg(test)]
mod tests {
    use contract::status::{AgentState, GroupStatus};
    use serde_json::json;

    use super::{CRASH_WORDS, DependentSeen, Fault, FaultPlace, Recovery, RecoverySeen};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::small_stack;
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
