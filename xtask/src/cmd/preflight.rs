//! What is looked at before anything is started: ports that somebody else holds.

use std::net::TcpListener;

use super::{Context, Failure, Outcome};
use crate::boot::reach::published_ports;
use crate::host::hosts::{Part, Place};
use crate::host::podman::Pod;
use crate::host::socket_holder;
use crate::report::exit::Exit;
use crate::stack::Stack;

/// Fails with one line per published port that is taken, naming the port, whose it is to be, and the process that holds it.
///
/// # Errors
/// When a port is taken, or Podman cannot be asked what runs already.
pub fn run(context: &Context, stack: &Stack, part: &Part<'_>) -> Outcome<()> {
    let pods = part.host.podman.pods(&stack.name)?;
    if part.host.place == Place::Elsewhere {
        // Its own Podman says so.
        return Ok(());
    }
    let runs = |pod: &Pod| pod.status == "Running";
    if pods.iter().filter(|pod| runs(pod)).count() < part.groups.len() {
        match part.host.place {
            Place::Here => context.remove_leftovers(&part.host.podman, stack)?,
            // What is left in its kernel goes with the lab.
            Place::Lab | Place::Elsewhere => context.remove_stored(&part.host.podman, stack)?,
        };
    }
    let looked = part.host.network.run(|| taken(stack, part, &pods));
    let taken = looked.map_err(|error| Failure::new(Exit::Internal, format!("cannot look at the ports: {error}")))?;
    if taken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Findings,
        format!(
            "cannot publish:\n  {}\n  hint: stop what holds the port, or change the port in the startup config or config/stack.yaml",
            taken.join("\n  ")
        ),
    ))
}

/// Published ports that are taken, one line each.
fn taken(stack: &Stack, part: &Part<'_>, pods: &[Pod]) -> Vec<String> {
    let mut taken = Vec::new();
    for group in &part.groups {
        // Its own ports are its own.
        if pods
            .iter()
            .any(|pod| pod.name == stack.pod(*group) && pod.status != "Created")
        {
            continue;
        }
        for port in published_ports(stack, *group, &part.host.host) {
            let Err(error) = TcpListener::bind(port.host) else {
                continue;
            };
            let owner = port.agent.map_or_else(
                || format!("the status endpoint of `{}`", stack.group(*group).name),
                |agent| format!("`{}`", stack.agent(agent).name),
            );
            taken.push(match error.kind() {
                std::io::ErrorKind::AddrInUse => {
                    let holder = socket_holder::of_port(port.host.port())
                        .map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
                    format!("{} for {owner} is held by {holder}", port.host)
                }
                _ => format!("{} for {owner} cannot be bound: {error}", port.host),
            });
        }
    }
    taken
}
