//! Containers that Podman's storage has and Podman itself does not know: those of a killed build, and those that a Podman was
//! killed over. No list but `ps --external` shows them, and their names stay taken. And containers of checks whose harness was
//! killed, in whatever state.

use std::path::PathBuf;

use super::super::podman::{Podman, read_list};
use super::super::process::ProcessError;
use super::super::removal;
use super::super::smoke_probe;
use crate::stack::Stack;

/// How `podman ps --external` shows one: name, image, state.
const FORMAT: &str = "{{.Names}}\t{{.Image}}\t{{.Status}}";

/// Removes those of the stack, and returns their names. To be called only by who holds the stack's lock: nobody else makes
/// containers of these names meanwhile.
///
/// # Errors
/// When Podman fails.
pub fn remove(podman: &Podman, stack: &Stack) -> Result<Vec<String>, ProcessError> {
    remove_some(podman, |listed| {
        let mut names = of_the_stack(listed, stack);
        names.extend(of_ended_harnesses(listed, stack));
        names
    })
}

/// Removes containers of checks of the stack whose harness runs no more, and returns their names. Takes no lock.
///
/// # Errors
/// When Podman fails.
pub fn remove_probes(podman: &Podman, stack: &Stack) -> Result<Vec<String>, ProcessError> {
    remove_some(podman, |listed| of_ended_harnesses(listed, stack))
}

fn remove_some(podman: &Podman, choose: impl FnOnce(&str) -> Vec<String>) -> Result<Vec<String>, ProcessError> {
    let list = podman.command().args(["ps", "--all", "--external", "--format", FORMAT]);
    let names = choose(&read_list(&list)?);
    if !names.is_empty() {
        removal::remove(
            &podman
                .command()
                .args(["rm", "--force", "--ignore", "--time=0"])
                .args(&names)
                .whole(),
        )?;
    }
    Ok(names)
}

/// A process that runs may still use what it made.
fn of_ended_harnesses(listed: &str, stack: &Stack) -> Vec<String> {
    let runs = |process: u32| PathBuf::from(format!("/proc/{process}")).exists();
    let names = listed.lines().filter_map(|line| line.split('\t').next());
    names
        .filter(|name| smoke_probe::maker(name, &stack.name).is_some_and(|process| !runs(process)))
        .map(str::to_owned)
        .collect()
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
    use super::{of_ended_harnesses, of_the_stack};
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

    #[test]
    fn a_container_of_a_check_is_left_to_the_harness_that_made_it() {
        let stack = Fixture::small().model();
        // No process has the greatest number of all.
        let (name, running) = (&stack.name, std::process::id());
        let listed = format!(
            "smoke-{max}-0-{name}\timage\tStorage\n\
             smoke-{max}-1-{name}\timage\tUp 3 minutes\n\
             smoke-{max}-2-another\timage\tStorage\n\
             smoke-{running}-3-{name}\timage\tStorage\n",
            max = u32::MAX
        );
        let expected = [0, 1].map(|number| format!("smoke-{}-{number}-{name}", u32::MAX));
        assert_eq!(of_ended_harnesses(&listed, &stack), expected);
    }
}
