//! How long to wait, from what is configured: start periods, settling times, grace periods, and chains of agents that wait for
//! each other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::session::Limit;
use crate::stack::{AgentId, GroupId, Stack};

/// What Podman may take to make everything, and the least that is waited in all.
const PODMAN: Duration = Duration::from_secs(60);
/// No default limit of a boot is below this.
const LEAST: Duration = Duration::from_secs(120);
/// What Podman may take to stop and remove one container, beside the time that the container is given.
const REMOVAL: Duration = Duration::from_secs(120);
/// What a supervisor and Podman take beside an agent's grace.
const SLACK: Duration = Duration::from_secs(3);

/// How long an agent may take to answer for the first time.
#[must_use]
pub fn start_period(stack: &Stack, agent: AgentId) -> Duration {
    Duration::from_millis(stack.start_period_ms(agent))
}

/// How long a container of the group is given to stop, before Podman kills it.
#[must_use]
pub fn stop(stack: &Stack, group: GroupId) -> Duration {
    Duration::from_secs(stack.group_stop_grace_ms(group).div_ceil(1000)) + SLACK
}

/// How long Podman may take to stop and remove any container of the stack.
#[must_use]
pub fn removal(stack: &Stack) -> Duration {
    let longest = stack.groups().map(|(id, _)| stop(stack, id)).max();
    REMOVAL + longest.unwrap_or_default()
}

/// How long a boot of these groups may take: containers that are replaced stop first; then each agent of the longest chain has its
/// start period, one after the other; the last one settles.
#[must_use]
pub fn boot(stack: &Stack, groups: &[GroupId]) -> Duration {
    let mut known = BTreeMap::new();
    let agents = groups.iter().flat_map(|group| &stack.group(*group).agents);
    let chain = agents.map(|agent| answered(stack, *agent, &mut known)).max();
    let stops = groups.iter().map(|group| stop(stack, *group)).max();
    let settles = groups
        .iter()
        .map(|group| stack.machine(stack.group(*group).machine).supervision.settle_ms)
        .max();
    let total = PODMAN
        + chain.unwrap_or_default()
        + stops.unwrap_or_default()
        + Duration::from_millis(settles.unwrap_or_default());
    total.max(LEAST)
}

/// The limit that a user sets in seconds, or that of what is configured.
#[must_use]
pub fn of_boot(stack: &Stack, groups: &[GroupId], own: Option<u64>) -> Limit {
    match own {
        Some(seconds) => Limit {
            time: Duration::from_secs(seconds),
            extends: false,
        },
        None => Limit {
            time: boot(stack, groups),
            extends: true,
        },
    }
}

/// How long one restarted agent may take: it ends within its grace, starts within its start period, and settles.
#[must_use]
pub fn restart(stack: &Stack, agent: AgentId) -> Duration {
    let supervision = &stack.machine(stack.agent(agent).machine).supervision;
    stop(stack, stack.agent(agent).group)
        + start_period(stack, agent)
        + Duration::from_millis(supervision.settle_ms + supervision.health_timeout_ms)
}

/// How long one agent that is told to stop may take: its grace, and what Podman may take to hand that on.
#[must_use]
pub fn end(stack: &Stack, agent: AgentId) -> Duration {
    stop(stack, stack.agent(agent).group) + PODMAN
}

/// When an agent has answered at the latest, if all it waits for takes its whole start period. Agents of a cycle do not wait for
/// each other, so this ends.
fn answered(stack: &Stack, agent: AgentId, known: &mut BTreeMap<AgentId, Duration>) -> Duration {
    if let Some(known) = known.get(&agent) {
        return *known;
    }
    let before = stack.agent(agent).waits_for.clone();
    let before = before.into_iter().map(|other| answered(stack, other, known)).max();
    let total = before.unwrap_or_default() + start_period(stack, agent);
    known.insert(agent, total);
    total
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{boot, removal, restart, stop};
    use crate::stack::fixture::Fixture;
    use crate::stack::{GroupId, Stack};

    fn groups(stack: &Stack) -> Vec<GroupId> {
        stack.groups().map(|(id, _)| id).collect()
    }

    #[test]
    fn a_boot_may_take_the_start_periods_of_its_longest_chain() {
        let stack = Fixture::small()
            .file(
                "main/startup.yaml",
                "retries: 4}",
                "retries: 4, start_period_seconds: 300}",
            )
            .model();
        // Alpha, Beta, Gamma wait for each other; PC2's Delta waits for Alpha, with a start period of its own.
        let limit = boot(&stack, &groups(&stack));
        assert!(limit >= Duration::from_secs(900), "{limit:?}");
        let (core, _) = stack.groups().next().unwrap();
        let one = boot(&stack, &[core]);
        assert!(one >= Duration::from_secs(600) && one < limit, "{one:?}");
    }

    #[test]
    fn a_small_stack_has_the_least_limit() {
        let stack = Fixture::small().model();
        assert!(boot(&stack, &groups(&stack)) >= Duration::from_secs(120));
        assert!(boot(&stack, &[]) >= Duration::from_secs(120));
    }

    #[test]
    fn what_stops_has_its_grace_and_more() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nsupervision: {stop_grace_seconds: 130}",
            )
            .model();
        let grace = Duration::from_secs(130);
        let (core, group) = stack.groups().next().unwrap();
        assert!(stop(&stack, core) > grace && removal(&stack) > stop(&stack, core) + Duration::from_secs(60));
        assert!(restart(&stack, group.agents[0]) > grace);
        assert!(boot(&stack, &groups(&stack)) > grace);
    }
}
