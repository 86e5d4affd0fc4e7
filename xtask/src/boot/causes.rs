//! What keeps groups from being healthy: one cause for all agents that it holds up, however many they are.

use std::collections::{BTreeMap, BTreeSet};

use contract::status::{AgentState, AgentStatus, Failure};

use super::explain;
use super::last_words::{last_part, last_words};
use super::mute;
use super::standing::Lost;
use super::view::View;
use crate::stack::{Agent, AgentId, GroupId, Stack};

/// One cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// What is wrong.
    pub what: What,
    /// The agents that it is about; none for a cause that is about a group.
    pub agents: Vec<AgentId>,
    /// Further agents, which wait for these or for the group.
    pub waiting: Vec<AgentId>,
    /// Further agents, which run without these.
    pub degraded: Vec<AgentId>,
    /// More about the first of the agents.
    pub detail: Option<String>,
    /// What could be done about the first of the agents.
    pub hint: Option<String>,
    /// Lines that were printed: by the first of the agents, or by the group's container.
    pub lines: Vec<String>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A group will not come, or does not answer.
    Group(String),
    /// A line of a group's start-up check failed.
    Check(String),
    /// Agents are in this state, for this reason.
    Agents(&'static str, String),
}

/// Everything that keeps these groups from being healthy, what holds up most agents first.
#[must_use]
pub fn causes(stack: &Stack, view: &View, groups: &[GroupId], lost: &BTreeMap<GroupId, Lost>) -> Vec<Cause> {
    let mut found = Found::default();
    for group in groups {
        let name = &stack.group(*group).name;
        if let Some(lost) = lost.get(group) {
            found.group(lost.text(name), lost.lines());
            continue;
        }
        if view.group(*group).is_none() {
            found.group(silent(name), &[]);
            continue;
        }
        for check in view.failed_checks(*group) {
            let text = format!("group `{name}`: {}: {}", check.name, check.detail);
            found.at(What::Check(last_part(&text).unwrap_or(text)));
        }
        for agent in &stack.group(*group).agents {
            found.agent(stack, view, *agent, lost);
        }
    }
    for agent in view.degraded(stack, groups) {
        found.degraded(stack, view, agent);
    }
    let mut causes = found.causes;
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.consequences()));
    causes
}

impl Cause {
    /// How many agents it is about, and how many it has an effect on.
    #[must_use]
    pub fn consequences(&self) -> usize {
        self.agents.len() + self.waiting.len() + self.degraded.len()
    }
}

/// What several agents have in common that say this: without their own names, ports and how long they lived.
fn common(agent: &Agent, lead: &str) -> String {
    let lead = lead.split(" after ").next().unwrap_or(lead);
    let script = agent.script_path.rsplit('/').next().unwrap_or_default();
    let stem = script.strip_suffix(".py").unwrap_or(script);
    let asked = agent.health_port().unwrap_or(agent.health_check_port);
    let health = replaced(lead, &format!("port {asked}"), "its health port");
    let port = replaced(&health, &format!("port {}", agent.port), "its port");
    let name = replaced(&port, &agent.name, "NAME");
    replaced(&name, stem, "NAME")
}

/// `text` with every `word` in it replaced that stands by itself.
fn replaced(text: &str, word: &str, by: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(at) = rest.find(word).filter(|_| !word.is_empty()) {
        let (before, behind) = (&rest[..at], &rest[at + word.len()..]);
        let alone = !before.ends_with(inside) && !behind.starts_with(inside);
        result.push_str(before);
        result.push_str(if alone { by } else { word });
        rest = behind;
    }
    result + rest
}

fn silent(name: &str) -> String {
    format!("group `{name}` does not answer: its supervisor cannot be reached (`cargo xtask logs {name}`)")
}

#[derive(Default)]
struct Found {
    causes: Vec<Cause>,
    /// By what they have in common.
    known: BTreeMap<What, usize>,
    seen: BTreeSet<AgentId>,
}

impl Found {
    fn at(&mut self, what: What) -> &mut Cause {
        let common = what.clone();
        self.among(what, common)
    }

    /// The cause that has `common` with others.
    fn among(&mut self, what: What, common: What) -> &mut Cause {
        let index = *self.known.entry(common).or_insert(self.causes.len());
        if index == self.causes.len() {
            self.causes.push(Cause {
                what,
                agents: Vec::new(),
                waiting: Vec::new(),
                degraded: Vec::new(),
                detail: None,
                hint: None,
                lines: Vec::new(),
            });
        }
        &mut self.causes[index]
    }

    fn group(&mut self, text: String, lines: &[String]) -> &mut Cause {
        let cause = self.at(What::Group(text));
        cause.lines = lines.iter().filter_map(|line| last_part(line)).collect();
        cause
    }

    fn agent(&mut self, stack: &Stack, view: &View, agent: AgentId, lost: &BTreeMap<GroupId, Lost>) {
        let chain = explain::chain(stack, view, agent);
        let Some(root) = chain.last().map(|link| link.agent) else {
            return;
        };
        let group = stack.agent(root).group;
        let name = &stack.group(group).name;
        let Some(status) = view.agent(stack, root) else {
            let cause = match lost.get(&group) {
                Some(lost) => self.group(lost.text(name), lost.lines()),
                None => self.group(silent(name), &[]),
            };
            cause.waiting.push(agent);
            return;
        };
        if status.failure.is_some_and(Failure::is_wanted) && agent == root {
            return;
        }
        let cause = self.root(stack, root, status);
        if agent != root {
            cause.waiting.push(agent);
        }
    }

    /// An agent that runs without others.
    fn degraded(&mut self, stack: &Stack, view: &View, agent: AgentId) {
        let without = view.agent(stack, agent).map(|status| status.without.clone());
        for failed in without.unwrap_or_default() {
            let waits_for = &stack.agent(agent).waits_for;
            let Some(root) = waits_for.iter().find(|other| stack.agent(**other).name == failed.agent) else {
                continue;
            };
            if let Some(status) = view.agent(stack, *root) {
                self.root(stack, *root, status).degraded.push(agent);
            }
        }
    }

    /// The cause that an agent is which holds others up, or which fails.
    fn root(&mut self, stack: &Stack, root: AgentId, status: &AgentStatus) -> &mut Cause {
        let words = last_words(status);
        let new = self.seen.insert(root);
        let state = if status.failure == Some(Failure::LeftOut) {
            Failure::LeftOut.text()
        } else {
            in_words(status.state)
        };
        let shared = common(stack.agent(root), &words.lead);
        let cause = self.among(
            What::Agents(state, words.lead.clone()),
            What::Agents(state, shared.clone()),
        );
        if new {
            if cause.agents.is_empty() {
                cause.detail = words.reason.filter(|reason| !reason.is_empty());
                cause.lines = words.context;
                cause.hint = mute::hint(status);
            }
            cause.agents.push(root);
            if !matches!(&cause.what, What::Agents(_, lead) if *lead == words.lead) {
                cause.what = What::Agents(state, shared);
            }
        }
        cause
    }
}

/// What an agent in that state did or does, to follow a number of agents.
fn in_words(state: AgentState) -> &'static str {
    match state {
        AgentState::Waiting => "waiting",
        AgentState::Starting => "still starting",
        AgentState::Answering => "settling",
        AgentState::Healthy => "healthy",
        AgentState::Mute => "mute",
        AgentState::Backoff => "crashed, to be started again",
        AgentState::Failed => "given up",
        AgentState::Done => "done",
        AgentState::Stopping => "stopping",
        AgentState::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use contract::status::{AgentState, FailedDependency, Failure, GroupState, StartupCheck};

    use super::{What, causes};
    use crate::boot::fixture::{healthy, healthy_view};
    use crate::boot::standing::Lost;
    use crate::stack::fixture::Fixture;

    #[test]
    fn agents_that_fail_alike_are_one_cause_with_all_that_wait_for_them() {
        let stack = Fixture::small().model();
        let mut view = healthy_view(&stack);
        let groups: Vec<_> = stack.groups().map(|(id, _)| id).collect();
        for group in &groups {
            let mut status = healthy(&stack, *group);
            status.state = GroupState::Unhealthy;
            for (index, agent) in status.agents.iter_mut().enumerate() {
                let waits = !stack.agent(stack.group(*group).agents[index]).waits_for.is_empty();
                agent.state = if waits { AgentState::Waiting } else { AgentState::Failed };
                agent.reason = (!waits).then(|| "given up: exited with code 1 after 0.1 s".to_owned());
                agent.last_stderr = vec!["no microphone found".to_owned()];
            }
            view.update(*group, status);
        }
        let found = causes(&stack, &view, &groups, &BTreeMap::new());
        assert_eq!(found.len(), 1, "{found:#?}");
        let total = stack.agents().count();
        assert_eq!(found[0].agents.len() + found[0].waiting.len(), total);
        assert_eq!(
            found[0].what,
            What::Agents("given up", "no microphone found".to_owned())
        );
        assert_eq!(
            found[0].detail.as_deref(),
            Some("given up: exited with code 1 after 0.1 s")
        );
    }

    #[test]
    fn names_and_ports_of_their_own_do_not_keep_causes_apart() {
        let stack = Fixture::small().model();
        let mut view = healthy_view(&stack);
        let core = stack.find_group("core").unwrap();
        let mut status = healthy(&stack, core);
        status.state = GroupState::Unhealthy;
        for agent in &mut status.agents {
            agent.state = AgentState::Failed;
            agent.failure = Some(Failure::GivenUp);
            agent.reason = Some("given up: exited with code 1 after 0.1 s".to_owned());
            agent.last_stderr = vec![format!("OSError: Read-only file system: '/app/{}.log'", agent.name)];
        }
        let status_of_core = status;
        view.update(core, status_of_core);
        let side = stack.find_group("side").unwrap();
        let mut status = healthy(&stack, side);
        status.state = GroupState::Degraded;
        status.agents[0].without = vec![FailedDependency {
            agent: "Beta".to_owned(),
            failure: Failure::GivenUp,
        }];
        view.update(side, status);
        let found = causes(&stack, &view, &[core, side], &BTreeMap::new());
        assert_eq!(found.len(), 1, "{found:#?}");
        let lead = "OSError: Read-only file system: '/app/NAME.log'".to_owned();
        assert_eq!(found[0].what, What::Agents("given up", lead));
        assert_eq!((found[0].agents.len(), found[0].degraded.len()), (2, 1));
        assert_eq!(found[0].consequences(), 3);
    }

    #[test]
    fn only_whole_words_are_an_agents_own() {
        let stack = Fixture::small().model();
        let (_, agent) = stack.agents().next().unwrap();
        let health = agent.health_check_port;
        let said = |text: &str| super::common(agent, text);
        assert_eq!(
            said(&format!("nothing listens on port {health}")),
            "nothing listens on its health port"
        );
        assert_eq!(
            said(&format!("nothing listens on port {health}9")),
            format!("nothing listens on port {health}9")
        );
        assert_eq!(
            said("no Alphabet in alpha.log of Alpha"),
            "no Alphabet in NAME.log of NAME"
        );
    }

    #[test]
    fn a_failed_check_is_a_cause_although_no_agent_is() {
        let stack = Fixture::small().model();
        let mut view = healthy_view(&stack);
        let (group, _) = stack.groups().next().unwrap();
        let mut status = healthy(&stack, group);
        status.state = GroupState::Unhealthy;
        status.checks = vec![StartupCheck {
            name: "module cv2".to_owned(),
            ok: false,
            detail: "not importable; add its package".to_owned(),
        }];
        view.update(group, status);
        let found = causes(&stack, &view, &[group], &BTreeMap::new());
        let text = "group `core`: module cv2: not importable; add its package";
        assert_eq!(found[0].what, What::Check(text.to_owned()));
    }

    #[test]
    fn who_waits_for_a_group_that_was_not_selected_is_named_with_it() {
        let stack = Fixture::small().model();
        let side = stack.find_group("side").unwrap();
        let core = stack.find_group("core").unwrap();
        let mut view = crate::boot::view::View::default();
        let mut status = healthy(&stack, side);
        status.state = GroupState::Starting;
        status.agents[0].state = AgentState::Waiting;
        view.update(side, status);
        let lost = BTreeMap::from([(core, Lost::NotSelected)]);
        let found = causes(&stack, &view, &[side], &lost);
        assert_eq!((found.len(), found[0].waiting.len()), (1, 1));
        assert!(
            matches!(&found[0].what, What::Group(text) if text.contains("`core` does not run and was not asked for"))
        );
    }
}
