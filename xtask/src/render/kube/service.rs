//! Services: the name of a group with its agents' ports, and the name of a machine with those that other machines use.

use serde::Serialize;

use super::names::Names;
use super::object::{Labels, Metadata, Object, group_labels, group_selector, machine_selector};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// What a Service is to do.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    selector: Labels,
    publish_not_ready_addresses: bool,
    ports: Vec<Port>,
}

/// A port of a Service.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    name: String,
    port: u16,
    /// Name of the pod's port, where only pods that have a port of that name are meant. Its number otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_port: Option<String>,
}

/// The ports of an agent, with the names that they have in Services and pods.
pub fn agent_ports(stack: &Stack, id: AgentId) -> Vec<(String, u16)> {
    let agent = stack.agent(id);
    let what = |port: u16| match port {
        port if port == agent.port => "agent",
        port if agent.health_port() == Some(port) => "health",
        _ => "port",
    };
    agent
        .ports()
        .map(|port| (format!("{}-{port}", what(port)), port))
        .collect()
}

/// The Service of a group: the status endpoint and every port of its agents.
pub fn of_group(stack: &Stack, names: &Names, id: GroupId) -> Object<Spec> {
    let port = |(name, port)| Port {
        name,
        port,
        target_port: None,
    };
    let agents = stack.group(id).agents.iter();
    let ports = std::iter::once(("status".to_owned(), stack.status_port))
        .chain(agents.flat_map(|agent| agent_ports(stack, *agent)))
        .map(port)
        .collect();
    let metadata = Metadata {
        name: names.group(id).to_owned(),
        labels: group_labels(stack, names, id),
    };
    service(metadata, group_selector(names, id), ports)
}

/// The Service of a machine: what agents of other machines reach of it, under one name, as the address variable promises. Nothing
/// where that is nothing.
///
/// It is one name for several pods, and each port belongs to one of them: a Service that names a pod's port leads to the pods that
/// have a port of that name.
pub fn of_machine(stack: &Stack, names: &Names, id: MachineId) -> Option<Object<Spec>> {
    let agents = stack.reached_from_other_machines().iter();
    let ports: Vec<Port> = agents
        .filter(|agent| stack.agent(**agent).machine == id)
        .flat_map(|agent| agent_ports(stack, *agent))
        .map(|(name, port)| Port {
            target_port: Some(name.clone()),
            name,
            port,
        })
        .collect();
    let metadata = Metadata {
        name: names.machine_service(id).to_owned(),
        labels: machine_selector(names, id),
    };
    (!ports.is_empty()).then(|| service(metadata, machine_selector(names, id), ports))
}

fn service(metadata: Metadata, selector: Labels, ports: Vec<Port>) -> Object<Spec> {
    Object {
        api_version: "v1",
        kind: "Service",
        metadata,
        spec: Spec {
            selector,
            // Groups wait for each other's agents in rings: who is not ready must be reachable, or nobody ever is ready.
            publish_not_ready_addresses: true,
            ports,
        },
    }
}
