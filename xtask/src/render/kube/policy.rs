//! `NetworkPolicies`: pods of the stack talk to nobody, but for the edges that the stack declares.
//!
//! Declared is that an agent depends on another, waits for it, or that its group `reaches` it. Whoever is labelled for a smoke test may
//! ask everything; the cluster's own probes run inside of the container, and need no rule.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use super::names::Names;
use super::object::{Labels, Metadata, Object, group_labels, group_selector, machine_selector};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// Where names are looked up.
const DNS: u16 = 53;

/// What is let through.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    pod_selector: Labelled,
    /// Both ways: what no rule lets through is dropped.
    policy_types: [&'static str; 2],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ingress: Vec<Ingress>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    egress: Vec<Egress>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Labelled {
    match_labels: Labels,
}

#[derive(Serialize)]
struct Ingress {
    /// Empty for anybody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    from: Vec<Peer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port>,
}

#[derive(Serialize)]
struct Egress {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to: Vec<Peer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<Port>,
}

/// Pods, or an address: one of them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_selector: Option<Labelled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_block: Option<IpBlock>,
}

#[derive(Serialize)]
struct IpBlock {
    cidr: String,
}

#[derive(Serialize)]
struct Port {
    protocol: &'static str,
    port: u16,
}

/// A machine's: nothing comes in or goes out, but for questions to the cluster's name server. That may be a pod, or the node itself.
pub fn of_machine(names: &Names, id: MachineId) -> Object<Spec> {
    let ports = ["UDP", "TCP"].map(|protocol| Port { protocol, port: DNS }).into();
    policy(
        names.machine_service(id).to_owned(),
        machine_selector(names, id),
        machine_selector(names, id),
        Vec::new(),
        vec![Egress { to: Vec::new(), ports }],
    )
}

/// A group's: who may ask its agents, and whom they may ask.
pub fn of_group(stack: &Stack, names: &Names, id: GroupId, edges: &Edges) -> Object<Spec> {
    let group = stack.group(id);
    let asking = edges.iter().filter(|((_, to), _)| *to == id);
    let mut ingress: Vec<Ingress> = asking
        .map(|((from, _), ports)| Ingress {
            from: vec![pods(group_selector(names, *from))],
            ports: tcp(ports),
        })
        .collect();
    ingress.push(Ingress {
        from: vec![pods([(format!("{}/role", names.stack), "smoke".to_owned())].into())],
        ports: Vec::new(),
    });
    let published: BTreeSet<u16> = group.publish.iter().map(|publish| publish.container_port).collect();
    if !published.is_empty() {
        ingress.push(Ingress {
            from: Vec::new(),
            ports: tcp(&published),
        });
    }
    let mut egress: Vec<Egress> = edges
        .range((id, GroupId(0))..=(id, GroupId(usize::MAX)))
        .map(|((_, to), ports)| Egress {
            to: vec![pods(group_selector(names, *to))],
            ports: tcp(ports),
        })
        .collect();
    let hosts: BTreeSet<IpAddr> = group.extras.extra_hosts.values().copied().collect();
    if !hosts.is_empty() {
        egress.push(Egress {
            to: hosts.into_iter().map(address).collect(),
            ports: Vec::new(),
        });
    }
    // Which node it will be is not known.
    let services: BTreeSet<u16> = group
        .extras
        .access
        .services
        .iter()
        .map(|service| service.target)
        .collect();
    if !services.is_empty() {
        egress.push(Egress {
            to: Vec::new(),
            ports: tcp(&services),
        });
    }
    policy(
        names.group(id).to_owned(),
        group_labels(stack, names, id),
        group_selector(names, id),
        ingress,
        egress,
    )
}

/// Which ports of a group another one asks, by the two.
pub type Edges = BTreeMap<(GroupId, GroupId), BTreeSet<u16>>;

/// All of a stack: the ports of agents, and the status endpoint of the supervisors that know how these are.
pub fn edges(stack: &Stack) -> Edges {
    let mut edges = Edges::new();
    for (from, group) in stack.groups() {
        let awaited = group.agents.iter().flat_map(|agent| &stack.agent(*agent).waits_for);
        let asked: BTreeSet<AgentId> = stack
            .peers_elsewhere(from)
            .into_iter()
            .chain(awaited.copied())
            .collect();
        for agent in asked
            .into_iter()
            .map(|id| stack.agent(id))
            .filter(|agent| agent.group != from)
        {
            let ports = edges.entry((from, agent.group)).or_default();
            ports.extend(agent.ports().chain([stack.status_port]));
        }
    }
    edges
}

fn policy(
    name: String,
    labels: Labels,
    match_labels: Labels,
    ingress: Vec<Ingress>,
    egress: Vec<Egress>,
) -> Object<Spec> {
    Object {
        api_version: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: Metadata { name, labels },
        spec: Spec {
            pod_selector: Labelled { match_labels },
            policy_types: ["Ingress", "Egress"],
            ingress,
            egress,
        },
    }
}

fn pods(match_labels: Labels) -> Peer {
    Peer {
        pod_selector: Some(Labelled { match_labels }),
        ip_block: None,
    }
}

fn address(ip: IpAddr) -> Peer {
    let length = if ip.is_ipv4() { 32 } else { 128 };
    Peer {
        pod_selector: None,
        ip_block: Some(IpBlock {
            cidr: format!("{ip}/{length}"),
        }),
    }
}

fn tcp(ports: &BTreeSet<u16>) -> Vec<Port> {
    let port = |port: &u16| Port {
        protocol: "TCP",
        port: *port,
    };
    ports.iter().map(port).collect()
}
