//! What lives outside the container: bridges to it, and whether agents of other machines can be reached.

use std::net::Ipv4Addr;

use contract::status::PeerStatus;

use super::Shell;
use crate::address::Target;
use crate::message::Message;
use crate::peers::Unreachable;
use crate::{bridge, environment, peers};

impl Shell {
    pub(super) async fn open_bridges(&self) {
        let mut open = 0_usize;
        for entry in &self.config.loopback_bridges {
            for &port in &entry.ports {
                let result = match Target::parse(&entry.host, port, environment::variable) {
                    Ok(target) => bridge::open(port, target).await,
                    Err(problem) => Err(problem.into()),
                };
                match result {
                    Ok(()) => open += 1,
                    Err(problem) => self
                        .output
                        .say(&format!("cannot bridge 127.0.0.1:{port} to {}: {problem}", entry.agent)),
                }
            }
        }
        if open > 0 {
            let noun = if open == 1 { "port" } else { "ports" };
            self.output
                .say(&format!("bridging {open} loopback {noun} to their owners"));
        }
    }

    /// Forwards ports of the loopback to the host.
    pub(super) async fn open_host_services(&self) {
        for service in &self.config.host_services {
            let result = match Target::parse(&service.host, service.target, environment::variable) {
                Ok(target) => bridge::open(service.port, target).await,
                Err(problem) => Err(problem.into()),
            };
            let (port, target) = (service.port, service.target);
            self.output.say(&match result {
                Ok(()) => format!("127.0.0.1:{port} leads to port {target} of the host"),
                Err(problem) => format!("cannot lead 127.0.0.1:{port} to port {target} of the host: {problem}"),
            });
        }
    }

    /// Leads ports where others look for agents to those that the agents bind.
    pub(super) async fn lead_ports(&self) {
        for agent in &self.config.agents {
            for led in &agent.ports {
                let target = Target::loopback(led.target);
                let said = match bridge::open_at(Ipv4Addr::UNSPECIFIED, led.port, target).await {
                    Ok(()) => format!("port {} leads to port {} of {}", led.port, led.target, agent.name),
                    Err(problem) => format!(
                        "cannot lead port {} to port {} of {}: {problem}",
                        led.port, led.target, agent.name
                    ),
                };
                self.output.say(&said);
            }
        }
    }

    /// Agents of other machines, by the port that is bridged.
    pub(super) fn watch_peers(&mut self) {
        for entry in &self.config.loopback_bridges {
            let (Some(machine), Some(&port)) = (&entry.machine, entry.ports.first()) else {
                continue;
            };
            let index = self.peers.len();
            let target = Target::parse(&entry.host, port, environment::variable);
            self.peers.push(PeerStatus {
                agent: entry.agent.clone(),
                machine: machine.clone(),
                address: target.as_ref().map_or_else(|_| entry.host.clone(), ToString::to_string),
                reachable: target.as_ref().err().map(|_| false),
                since_ms: self.epoch,
                reason: target.as_ref().err().map(ToString::to_string),
            });
            if let Ok(target) = target {
                let sender = self.sender.clone();
                tokio::spawn(peers::watch(target, move |seen| {
                    let _ = sender.send(Message::Peer(index, seen));
                }));
            }
        }
    }

    pub(super) fn peer(&mut self, index: usize, seen: Result<(), Unreachable>) {
        let now = self.epoch + self.now();
        let peer = &mut self.peers[index];
        let reachable = Some(seen.is_ok());
        if peer.reachable != reachable {
            let who = format!("{} on {} ({})", peer.agent, peer.machine, peer.address);
            match &seen {
                Ok(()) => self.output.say(&format!("reaches {who}")),
                Err(reason) => self.output.say(&format!("cannot reach {who}: {reason}")),
            }
            peer.since_ms = now;
        }
        peer.reachable = reachable;
        peer.reason = seen.err().map(|reason| reason.to_string());
    }
}
