//! Containers that Podman's storage has and Podman itself does not know: those of a killed build, and those that a Podman was
//! killed over. No list but `ps --external` shows them, and their names stay taken.

use super::super::podman::{Podman, read_list};
use super::super::process::ProcessError;
use crate::stack::Stack;

/// How `podman ps --external` shows one: name, image, state.
const FORMAT: &str = "{{.Names}}\t{{.Image}}\t{{.Status}}";

/// Removes those of the stack, and returns their names. To be called only by who holds the stack's lock: nobody else makes
/// containers of these names meanwhile.
///
/// # Errors
/// When Podman fails.
pub fn remove(podman: &Podman, stack: &Stack) -> Result<Vec<String>, ProcessError> {
    let list = podman.command().args(["ps", "--all", "--external", "--format", FORMAT]);
    let names = of_the_stack(&read_list(&list)?, stack);
    if !names.is_empty() {
        podman.command().args(["rm", "--force"]).args(&names).run()?;
    }
    Ok(names)
}

fn of_the_stack(listed: &str, stack: &Stack) -> Vec<String> {
    let namespace = format!("{}/", stack.images.namespace);
    let is_ours = |name: &str, image: &str| {
        let named_by_us = name.contains("working-container") || stack.find_group(name).is_some();
        let of_a_pod = || stack.groups().any(|(id, _)| stack.infra(id) == name);
        (image.starts_with(&namespace) && named_by_us) || of_a_pod()
    };
    listed
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (name, image, status) = (fields.next()?, fields.next()?, fields.next()?);
            (status.starts_with("Storage") && is_ours(name, image)).then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::of_the_stack;
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_is_surely_the_stacks_is_taken_and_nothing_else() {
        let stack = Fixture::small().model();
        let (id, group) = stack.groups().next().unwrap();
        let (group, infra, namespace) = (&group.name, stack.infra(id), &stack.images.namespace);
        let listed = format!(
            "{group}\t{namespace}/{group}:latest\tStorage\n\
             {infra}\tlocalhost/podman-pause:4.3.1-0\tStorage\n\
             base-working-container\t{namespace}/base:latest\tStorage\n\
             {group}\tdocker.io/library/{group}:latest\tStorage\n\
             0123456789ab-infra\tlocalhost/podman-pause:4.3.1-0\tStorage\n\
             other-working-container\tlocalhost/other:latest\tStorage\n\
             {infra}\tlocalhost/podman-pause:4.3.1-0\tUp 3 minutes\n"
        );
        let expected = [group.as_str(), &infra, "base-working-container"];
        assert_eq!(of_the_stack(&listed, &stack), expected);
    }
}
