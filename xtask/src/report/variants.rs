//! Which variant of a group it is, and why; and what its containers do without.

use crate::stack::{Group, GroupId, Stack};

/// What runs, behind the state of a group; nothing where nothing is known of it.
#[must_use]
pub fn running(group: &Group, runs: Option<&str>) -> String {
    let (Some(runs), Some(chosen), Some(why)) = (runs, group.variant(), group.why_variant()) else {
        return String::new();
    };
    if chosen.name == runs {
        format!("  variant `{runs}`: {why}")
    } else {
        format!("  variant `{runs}`; `up` would start `{}`: {why}", chosen.name)
    }
}

/// A line for each of these groups that has variants.
#[must_use]
pub fn chosen(stack: &Stack, groups: impl IntoIterator<Item = GroupId>) -> Vec<String> {
    groups
        .into_iter()
        .map(|id| stack.group(id))
        .filter_map(|group| Some((group, group.variant()?, group.why_variant()?)))
        .map(|(group, variant, why)| format!("{}: variant `{}`: {why}", group.name, variant.name))
        .collect()
}

/// A line for each of these groups without optional devices on its host.
#[must_use]
pub fn without_devices(stack: &Stack, groups: impl IntoIterator<Item = GroupId>) -> Vec<String> {
    groups
        .into_iter()
        .map(|id| stack.group(id))
        .filter(|group| !group.extras.absent.is_empty())
        .map(|group| {
            let absent: Vec<&str> = group.extras.absent.iter().map(String::as_str).collect();
            let why = match stack.machine(group.machine).connection {
                Some(_) => "another host's devices cannot be seen from here",
                None => "this host does not have it",
            };
            format!("{} does without `{}`: {why}", group.name, absent.join("`, `"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{chosen, running, without_devices};
    use crate::stack::GroupId;
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_runs_and_what_would_be_started_are_told_apart() {
        let stack = Fixture::small()
            .stack(
                "    agents: [Gamma]",
                "    variants: {cpu: , gpu: {devices: [a.com/b=c]}}\n    agents: [Gamma]",
            )
            .model();
        let side = &stack.groups[1];
        assert_eq!(running(side, Some("cpu")), "  variant `cpu`: nothing names another");
        assert_eq!(
            running(side, Some("gpu")),
            "  variant `gpu`; `up` would start `cpu`: nothing names another"
        );
        assert_eq!(running(side, None), "");
        assert_eq!(running(&stack.groups[0], Some("cpu")), "");
        assert_eq!(
            chosen(&stack, (0..3).map(GroupId)),
            ["side: variant `cpu`: nothing names another"]
        );
    }

    #[test]
    fn devices_that_are_done_without_are_named() {
        let mut stack = Fixture::small()
            .stack(
                "    agents: [Gamma]",
                "    devices: [{device: /dev/b, optional: true}]\n    agents: [Gamma]",
            )
            .model();
        assert!(without_devices(&stack, (0..3).map(GroupId)).is_empty());
        stack.leave_out_devices(&|_, _| Some(false));
        let said = without_devices(&stack, (0..3).map(GroupId));
        assert_eq!(said, ["side does without `/dev/b`: this host does not have it"]);
    }
}
