//! One health check in two ways, and where it can be measured.

use super::figures::{Run, typical};
use crate::stack::{AgentId, GroupId, Stack};

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Groups that have to run.
    pub groups: Vec<GroupId>,
    /// The agent that is asked; it is of the first of them.
    pub agent: AgentId,
}

/// The first group that waits for no other; where there is none, all groups.
#[must_use]
pub fn subject(stack: &Stack) -> Option<Subject> {
    let alone = |group: &GroupId| {
        let agents = &stack.group(*group).agents;
        let waits_for = agents.iter().flat_map(|agent| &stack.agent(*agent).waits_for);
        waits_for.into_iter().all(|agent| stack.agent(*agent).group == *group)
    };
    let all: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    let groups = all.iter().copied().find(alone).map_or(all, |group| vec![group]);
    let agent = *stack.group(*groups.first()?).agents.first()?;
    Some(Subject { groups, agent })
}

/// The plan's health check of an agent.
#[must_use]
pub fn one_liner(stack: &Stack, agent: AgentId) -> String {
    format!(
        "import zmq; context = zmq.Context(); socket = context.socket(zmq.REQ); \
         socket.connect('tcp://localhost:{}'); socket.send_json({{'action': 'health_check'}}); \
         socket.setsockopt(zmq.RCVTIMEO, 5000); print(socket.recv_json())",
        stack.agent(agent).health_check_port
    )
}

/// Runs that took turns.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// `agent-supervisor check`.
    pub ours: Vec<Run>,
    /// The plan's one-liner.
    pub one_liner: Vec<Run>,
}

impl Figures {
    /// Ratios of the medians: of wall-clock time, of CPU time.
    #[must_use]
    pub fn ratios(&self) -> (f64, f64) {
        let (ours, theirs) = (typical(&self.ours), typical(&self.one_liner));
        (ours.wall / theirs.wall, ours.cpu / theirs.cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, one_liner, subject};
    use crate::bench::figures::Run;
    use crate::stack::fixture::Fixture;

    #[test]
    fn the_first_group_that_waits_for_no_other_is_asked() {
        let stack = Fixture::small().model();
        let found = subject(&stack).unwrap();
        assert_eq!(found.groups, [stack.find_group("core").unwrap()]);
        assert_eq!(stack.agent(found.agent).name, "Alpha");
        assert!(one_liner(&stack, found.agent).contains("'tcp://localhost:7000'"));
    }

    #[test]
    fn where_every_group_waits_for_another_all_are_needed() {
        let stack = Fixture::small()
            .file("main/startup.yaml", "[Alpha, Ghost]", "[Gamma, Ghost]")
            .file("main/startup.yaml", "dependencies: [Beta]", "dependencies: [Alpha]")
            .model();
        assert_eq!(subject(&stack).unwrap().groups.len(), stack.groups.len());
    }

    #[test]
    fn ratios_are_those_of_the_medians() {
        let run = |wall, cpu| Run {
            wall,
            cpu,
            peak_bytes: 0,
        };
        let figures = Figures {
            ours: vec![run(1.0, 1.0), run(9.0, 1.0), run(2.0, 3.0)],
            one_liner: vec![run(4.0, 8.0)],
        };
        assert_eq!(figures.ratios(), (0.5, 0.125));
    }
}
