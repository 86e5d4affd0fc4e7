//! What `publish:` wants of a host, beside all else that is published there.

use std::net::Ipv4Addr;

use super::Facts;
use crate::finding::{Finding, Place, Subject};
use crate::stack::model::{GroupId, MachineId};
use crate::stack::publish::Publish;

/// A port of a host that somebody has.
struct Taken {
    machine: MachineId,
    group: GroupId,
    publish: Publish,
    who: String,
    place: Place,
}

/// Two that want one port of one address of a host, one of them by `publish:`.
pub fn clash(facts: &Facts<'_>) -> Vec<Finding> {
    let mut taken = without_asking(facts);
    let mut findings = Vec::new();
    for ((id, group), raw) in facts.stack.groups().zip(&facts.resolved.groups) {
        for at in raw.all_published() {
            let wanted = at.value;
            let who = format!("group `{}`", group.name);
            let first = taken
                .iter()
                .find(|other| other.machine == group.machine && other.publish.meets(wanted.address, wanted.host_port));
            // What is published as it is anyway.
            let same = first.is_some_and(|first| first.publish == wanted && first.group == id);
            let Some(first) = first.filter(|_| !same) else {
                taken.push(Taken {
                    machine: group.machine,
                    group: id,
                    publish: wanted,
                    who,
                    place: at.place.clone(),
                });
                continue;
            };
            let message = format!(
                "{who} publishes port {} of {}, like {}",
                wanted.host_port,
                address(wanted.address),
                first.who
            );
            findings.push(
                Finding::error("stack/port-clash", at.place.clone(), message)
                    .about(Subject::Port(wanted.host_port))
                    .about(Subject::group(&group.name))
                    .with_related(first.place.clone(), "taken here")
                    .with_help("publish it at another port or address of the host"),
            );
        }
    }
    findings
}

fn address(address: Ipv4Addr) -> String {
    match address {
        Ipv4Addr::UNSPECIFIED => "every address of the host".to_owned(),
        Ipv4Addr::LOCALHOST => "the host's loopback".to_owned(),
        address => address.to_string(),
    }
}

/// What is published of each group without `publish:`.
fn without_asking(facts: &Facts<'_>) -> Vec<Taken> {
    let stack = facts.stack;
    let mut taken = Vec::new();
    for ((id, group), raw) in stack.groups().zip(&facts.resolved.groups) {
        let machine = group.machine;
        let lan = stack.machine(machine).lan_address;
        let mut add = |address: Ipv4Addr, host_port: u16, container_port: u16, who: String, place: Place| {
            taken.push(Taken {
                machine,
                group: id,
                publish: Publish {
                    address,
                    host_port,
                    container_port,
                },
                who,
                place,
            });
        };
        let status = format!("the status endpoint of group `{}`", group.name);
        let written = &raw.published_status_port;
        let mut on = vec![Ipv4Addr::LOCALHOST];
        on.extend(stack.is_awaited_from_other_machines(id).then_some(lan));
        for address in on {
            add(
                address,
                written.value,
                stack.status_port,
                status.clone(),
                written.place.clone(),
            );
        }
        for agent_id in &group.agents {
            let agent = stack.agent(*agent_id);
            let who = || format!("the port of agent `{}`", agent.name);
            let place = || facts.origin(*agent_id).port.place.clone();
            if group.published.contains(agent_id) {
                add(Ipv4Addr::LOCALHOST, agent.port, agent.port, who(), place());
            }
            for further in agent.further.iter().filter(|further| further.publish) {
                add(Ipv4Addr::LOCALHOST, further.port, further.port, who(), place());
            }
            if stack.reached_from_other_machines().contains(agent_id) {
                for port in agent.ports() {
                    add(lan, port, port, who(), place());
                }
            }
        }
    }
    taken
}
