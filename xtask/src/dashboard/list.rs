//! The rows of the list: groups with their agents, as far as the filter lets them be seen.

use contract::status::{AgentState, AgentStatus, Failure};

use super::Dashboard;
use crate::boot::orders::Subject;
use crate::boot::standing::Standing;
use crate::stack::{AgentId, GroupId};

/// What a state means to somebody who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should be.
    Good,
    /// On its way, or without something.
    Pending,
    /// Somebody wants it so, or nothing is known.
    Quiet,
    /// Not as it should be.
    Bad,
}

impl Dashboard<'_> {
    /// What is listed now: each group that has a row below it, then its agents.
    #[must_use]
    pub fn rows(&self) -> Vec<Subject> {
        let filter = self.filter.to_lowercase();
        let mut rows = Vec::new();
        for group in &self.groups {
            let has = |text: &str| text.to_lowercase().contains(&filter);
            let is_whole = has(&self.stack.group(*group).name) || has(&self.machine_name(*group));
            let agents = self.stack.group(*group).agents.iter().copied();
            let agents: Vec<Subject> = agents
                .filter(|id| self.agents.contains(id))
                .filter(|id| is_whole || has(&self.stack.agent(*id).name) || has(self.word(*id)))
                .map(Subject::Agent)
                .collect();
            if !agents.is_empty() {
                rows.push(Subject::Group(*group));
                rows.extend(agents);
            }
        }
        rows
    }

    /// Selects the first agent that is listed, if what was selected is not.
    pub(super) fn select_something(&mut self) {
        let rows = self.rows();
        if self.selected.is_some_and(|selected| rows.contains(&selected)) {
            return;
        }
        let first_agent = rows.iter().find(|row| matches!(row, Subject::Agent(_)));
        self.selected = first_agent.or(rows.first()).copied();
    }

    /// Name of a group's machine.
    #[must_use]
    pub fn machine_name(&self, group: GroupId) -> String {
        self.stack.machine(self.stack.group(group).machine).name.clone()
    }

    /// The word for where an agent stands.
    #[must_use]
    pub fn word(&self, agent: AgentId) -> &'static str {
        let group = self.stack.agent(agent).group;
        match self.view.agent(self.stack, agent) {
            Some(status) => status.word(),
            None if !self.heard.contains(&group) => "asked",
            None if self.is_absent(group) => "-",
            None => "unreachable",
        }
    }

    /// What that means.
    #[must_use]
    pub fn mood(&self, agent: AgentId) -> Mood {
        let Some(status) = self.view.agent(self.stack, agent) else {
            return match self.word(agent) {
                "unreachable" => Mood::Bad,
                _ => Mood::Quiet,
            };
        };
        mood(status)
    }

    /// How a group stands, in few words, and what that means.
    #[must_use]
    pub fn group_word(&self, group: GroupId) -> (String, Mood) {
        use contract::status::GroupState;
        match self.view.group(group) {
            Some(status) => {
                let word = format!("{:?}", status.state).to_lowercase();
                let mood = match status.state {
                    GroupState::Healthy => Mood::Good,
                    GroupState::Starting | GroupState::Degraded | GroupState::Stopping => Mood::Pending,
                    GroupState::Unhealthy => Mood::Bad,
                };
                (word, mood)
            }
            None if !self.heard.contains(&group) => ("asked".to_owned(), Mood::Quiet),
            None => match self.standing.get(&group) {
                Some(Standing::Absent) => ("has no container".to_owned(), Mood::Quiet),
                Some(standing) => (standing.text(), Mood::Bad),
                None => ("does not answer".to_owned(), Mood::Quiet),
            },
        }
    }

    fn is_absent(&self, group: GroupId) -> bool {
        matches!(self.standing.get(&group), Some(Standing::Absent) | None)
    }
}

fn mood(status: &AgentStatus) -> Mood {
    match status.state {
        _ if status.is_degraded() => Mood::Pending,
        AgentState::Healthy | AgentState::Done => Mood::Good,
        _ if status.failure == Some(Failure::Stopped) => Mood::Quiet,
        AgentState::Answering | AgentState::Starting | AgentState::Waiting => Mood::Pending,
        _ => Mood::Bad,
    }
}
