//! What is looked at before anything is made: ports and subnets that somebody else has.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::{Context, Failure, Outcome};
use crate::boot::reach::published_ports;
use crate::container::ports::{Interface, published};
use crate::doctor::overlap::{self, Overlap};
use crate::host::boot::occupied;
use crate::host::podman::Pod;
use crate::host::podman::hosts::{Part, Place};
use crate::host::system::socket_holder;
use crate::report::exit::Exit;
use crate::stack::{GroupId, MachineId, Stack};

/// Fails with one line per published port that is taken, naming the port, whose it is to be, and the process that holds it.
///
/// # Errors
/// When a port is taken, or Podman cannot be asked what runs already.
pub fn run(context: &Context, stack: &Stack, part: &Part<'_>, running: &BTreeSet<GroupId>) -> Outcome<()> {
    let pods = part.host.podman.pods(&stack.name)?;
    if part.host.place == Place::Elsewhere {
        // Its own Podman says so.
        return Ok(());
    }
    let runs = |pod: &Pod| pod.status == "Running";
    if pods.iter().filter(|pod| runs(pod)).count() < part.groups.len() {
        match part.host.place {
            Place::Here => {
                let removed = context.remove_leftovers(&part.host.podman, stack)?;
                require_free_subnets(stack, part)?;
                removed
            }
            // What is left in its kernel goes with the lab.
            Place::Lab | Place::Elsewhere => context.remove_stored(&part.host.podman, stack)?,
        };
    } else if part.host.place == Place::Here {
        // One that was killed over a group whose container another one made since.
        context.free_addresses(&part.host.podman, stack)?;
    }
    let looked = part.host.network.run(|| taken(stack, part, &pods, running));
    let taken = looked.map_err(|error| Failure::new(Exit::Internal, format!("cannot look at the ports: {error}")))?;
    no_port(&taken)
}

/// Fails where another process holds a port that one of these groups publishes on this host, as Compose files have it. `addresses`: each
/// machine's, as this host knows it.
///
/// # Errors
/// When a port is taken.
pub fn require_free_ports(
    stack: &Stack,
    groups: impl Iterator<Item = GroupId>,
    addresses: &BTreeMap<MachineId, Ipv4Addr>,
) -> Outcome<()> {
    let mut taken = Vec::new();
    for id in groups {
        let group = stack.group(id);
        for port in published(stack, id) {
            let address = match port.on {
                Interface::Loopback => Ipv4Addr::LOCALHOST,
                Interface::Lan => *addresses
                    .get(&group.machine)
                    .unwrap_or(&stack.machine(group.machine).lan_address),
                Interface::At(address) => address,
            };
            let at = SocketAddr::from((address, port.host_port));
            // An address that this host does not have is for the engine to say.
            if TcpListener::bind(at).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse) {
                let holder = socket_holder::of_port(port.host_port)
                    .map_or_else(|| "another process".to_owned(), |holder| holder.to_string());
                taken.push(format!("{at} for `{}` is held by {holder}", group.name));
            }
        }
    }
    no_port(&taken)
}

/// Fails with these lines about ports, if there are any.
fn no_port(taken: &[String]) -> Outcome<()> {
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

/// Fails where something on this host has addresses of a subnet that a machine of the part wants.
fn require_free_subnets(stack: &Stack, part: &Part<'_>) -> Outcome<()> {
    let machines = part
        .machines
        .iter()
        .map(|machine| stack.machine(*machine).name.as_str())
        .collect();
    let networks = part.host.podman.networks()?;
    let mut occupied = occupied::gather(&networks, stack);
    occupied.retain(|other| other.firm);
    let overlaps = overlap::overlaps(stack, &machines, &occupied);
    if overlaps.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = overlaps.iter().flat_map(Overlap::lines).collect();
    let hints: Vec<String> = overlaps
        .iter()
        .map(|overlap| format!("hint: {}", overlap.hint()))
        .collect();
    Err(Failure::new(
        Exit::Findings,
        format!(
            "nothing was made, since addresses of the stack are in use on this host:\n  {}\n  {}",
            lines.join("\n  "),
            hints.join("\n  ")
        ),
    ))
}

/// Published ports that are taken, one line each.
fn taken(stack: &Stack, part: &Part<'_>, pods: &[Pod], running: &BTreeSet<GroupId>) -> Vec<String> {
    let mut taken = Vec::new();
    for group in &part.groups {
        // Its own ports are its own.
        let is_its = |pod: &Pod| pod.name == stack.pod(*group) && pod.status != "Created";
        if running.contains(group) || pods.iter().any(is_its) {
            continue;
        }
        for port in published_ports(stack, *group, &part.host.host) {
            let Err(error) = TcpListener::bind(port.host) else {
                continue;
            };
            let owner = port.agent.map_or_else(
                || match port.container == stack.status_port {
                    true => format!("the status endpoint of `{}`", stack.group(*group).name),
                    false => format!("`publish:` of `{}`", stack.group(*group).name),
                },
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
