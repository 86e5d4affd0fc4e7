//! What is looked at before anything is started: ports that somebody else holds.

use std::net::TcpListener;

use super::{Context, Failure, Outcome};
use crate::boot::podman_arguments::{Host, published_ports};
use crate::host::socket_holder;
use crate::report::exit::Exit;
use crate::stack::{GroupId, Stack};

/// Fails with one line per published port that is taken, naming the port, whose it is to be, and the process that holds it.
///
/// # Errors
/// When a port is taken, or Podman cannot be asked what runs already.
pub fn run(context: &Context, stack: &Stack, groups: &[GroupId], host: &Host) -> Outcome<()> {
    let pods = context.podman().pods(&stack.name)?;
    if pods.is_empty() {
        context.remove_leftovers(stack)?;
    }
    let mut taken = Vec::new();
    for group in groups {
        // Its own ports are its own.
        if pods
            .iter()
            .any(|pod| pod.name == stack.pod(*group) && pod.status != "Created")
        {
            continue;
        }
        for port in published_ports(stack, *group, host) {
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
