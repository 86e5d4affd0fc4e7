//! The host of each machine: its Podman, how its containers are reached, and from which network.
//!
//! By default both machines are this host. In the lab each is a pair of namespaces of it; a machine with a `connection` is
//! another host, which this one's Podman talks to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::service::ServiceError;
use super::{Podman, PodmanError};
use super::{containers_conf, seccomp};
use crate::boot::lab::Lab;
use crate::boot::reach::{Granted, Host, Reach, agent_address, status_address};
use crate::host::boot::BootError;
use crate::host::docker::Docker;
use crate::host::system::addresses;
use crate::host::system::network::{Endpoint, Network};
use crate::host::system::process::Program;
use crate::host::system::repository::Repository;
use crate::host::{boot, lab};
use crate::stack::{AgentId, GroupId, MachineId, Stack};

/// How long another host's Podman may take to say what it can do.
const LIMIT: Duration = Duration::from_secs(30);

/// Where a machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On this host, beside others.
    Here,
    /// In the lab.
    Lab,
    /// On another host.
    Elsewhere,
}

/// The host of one machine.
#[derive(Debug, Clone)]
pub struct MachineHost {
    /// Its Podman.
    pub podman: Podman,
    /// The Docker that runs its groups in Podman's place.
    pub docker: Option<Docker>,
    /// Where connections to its containers start.
    pub network: Network,
    /// What it decides about containers.
    pub host: Host,
    /// Where it is.
    pub place: Place,
}

/// The hosts of all machines, in the order of the stack.
#[derive(Debug, Clone)]
pub struct Hosts {
    machines: Vec<MachineHost>,
}

/// Machines and groups that one Podman has.
#[derive(Debug)]
pub struct Part<'a> {
    /// Their host.
    pub host: &'a MachineHost,
    /// The machines.
    pub machines: Vec<MachineId>,
    /// Those of the groups asked for that belong to them.
    pub groups: Vec<GroupId>,
}

impl Hosts {
    /// This host for every machine that has no connection.
    #[must_use]
    pub fn outside(stack: &Stack, repository: &Repository) -> Self {
        let podman = Podman::new(containers_conf::provide(repository));
        let here = Host {
            seccomp_profile: seccomp::provide(repository),
            ..this_one(stack)
        };
        let machines = stack
            .machines
            .iter()
            .map(|machine| match &machine.connection {
                None => MachineHost {
                    podman: podman.clone(),
                    docker: None,
                    network: Network::Here,
                    host: here.clone(),
                    place: Place::Here,
                },
                Some(name) => MachineHost {
                    host: Host {
                        reach: Reach::Lan,
                        limits: Granted::ALL,
                        lan_addresses: here.lan_addresses.clone(),
                        seccomp_profile: None,
                    },
                    podman: podman.connection(name),
                    docker: None,
                    network: Network::Here,
                    place: Place::Elsewhere,
                },
            })
            .collect();
        Self { machines }
    }

    /// Asks other hosts what they can do, which decides how containers are made there.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub fn ask(&mut self) -> Result<(), PodmanError> {
        for host in &mut self.machines {
            if host.place == Place::Elsewhere {
                host.host.limits = granted(&host.podman)?;
            }
        }
        Ok(())
    }

    /// Starts the service of every Podman of this host and of the lab: much is asked of them. It lives as long as this. Returns why
    /// it cannot be had, where it cannot; `podman` is run for every step then.
    pub fn serve(&mut self) -> Vec<ServiceError> {
        let mut errors = Vec::new();
        let mut shared: Option<Podman> = None;
        for host in &mut self.machines {
            let served = match (host.place, &shared) {
                (Place::Elsewhere, _) => continue,
                (Place::Here, Some(podman)) => Ok(podman.clone()),
                (Place::Here | Place::Lab, _) => host.podman.serve(),
            };
            match served {
                Ok(podman) => host.podman = podman,
                Err(error) => errors.push(error),
            }
            if host.place == Place::Here {
                shared = Some(host.podman.clone());
            }
        }
        errors
    }

    /// The lab's hosts.
    #[must_use]
    pub fn lab(stack: &Stack, lab: &Lab, repository: &Repository) -> Self {
        let limits = boot::granted();
        let lan_addresses = lan_addresses(stack, |machine| Some(stack.machine(machine).lan_address));
        let seccomp_profile = seccomp::provide(repository);
        let machines = lab
            .machines
            .iter()
            .map(|machine| MachineHost {
                podman: Podman::of_machine(
                    &machine.name,
                    lab::program(machine, "podman", repository),
                    lab::program(machine, "ip", repository),
                ),
                docker: None,
                network: Network::namespace(&machine.network),
                host: Host {
                    reach: Reach::Container,
                    limits,
                    lan_addresses: lan_addresses.clone(),
                    seccomp_profile: seccomp_profile.clone(),
                },
                place: Place::Lab,
            })
            .collect();
        Self { machines }
    }

    /// Has this host's Docker run these machines, in place of Podman. Its containers are asked by what they publish on the loopback: not
    /// every Docker has its bridges in this host's own network.
    pub fn give_to_docker(&mut self, machines: &BTreeSet<MachineId>, docker: &Docker) {
        for machine in machines {
            let host = &mut self.machines[machine.0];
            host.docker = Some(docker.clone());
            host.host.reach = Reach::Loopback;
        }
    }

    /// Looks which machines Docker runs. Where there is no Docker, or none answers, it runs none.
    pub fn look_at_docker(&mut self, stack: &Stack) {
        let Some(docker) = Docker::installed() else { return };
        let found = docker.glance(&stack.name).unwrap_or_default();
        let machines = found
            .iter()
            .filter_map(|container| stack.find_machine(container.machine()?));
        let here = machines.filter(|machine| self.of(*machine).place == Place::Here);
        self.give_to_docker(&here.collect(), &docker);
    }

    /// Whether Docker runs any machine.
    #[must_use]
    pub fn has_docker(&self) -> bool {
        self.machines.iter().any(MachineHost::is_on_docker)
    }

    /// The host of a machine.
    #[must_use]
    pub fn of(&self, machine: MachineId) -> &MachineHost {
        &self.machines[machine.0]
    }

    /// The groups by the Podman that has them; parts without a group are left out.
    #[must_use]
    pub fn parts(&self, stack: &Stack, groups: &[GroupId]) -> Vec<Part<'_>> {
        let mut parts: Vec<Part<'_>> = Vec::new();
        for (index, host) in self.machines.iter().enumerate() {
            let machine = MachineId(index);
            let own = groups
                .iter()
                .copied()
                .filter(|group| stack.group(*group).machine == machine);
            let shared = parts.iter_mut().find(|part| {
                part.host.place == Place::Here
                    && host.place == Place::Here
                    && part.host.is_on_docker() == host.is_on_docker()
            });
            if let Some(part) = shared {
                part.machines.push(machine);
                part.groups.extend(own);
            } else {
                parts.push(Part {
                    host,
                    machines: vec![machine],
                    groups: own.collect(),
                });
            }
        }
        parts.retain(|part| !part.groups.is_empty());
        parts
    }

    /// Whether each machine is a host of its own.
    #[must_use]
    pub fn are_apart(&self) -> bool {
        self.machines.iter().filter(|host| host.place == Place::Here).count() < 2
    }

    /// Where the status endpoint of a group is asked.
    #[must_use]
    pub fn status(&self, stack: &Stack, group: GroupId) -> Endpoint {
        let host = self.of(stack.group(group).machine);
        host.endpoint(status_address(stack, group, &host.host))
    }

    /// Where an agent is asked; none where only its own container reaches it.
    #[must_use]
    pub fn agent(&self, stack: &Stack, agent: AgentId) -> Option<Endpoint> {
        let host = self.of(stack.agent(agent).machine);
        agent_address(stack, agent, &host.host).map(|address| host.endpoint(address))
    }
}

impl Part<'_> {
    /// Fails where Docker runs a group of it: Podman's would have the same names, addresses and ports.
    ///
    /// # Errors
    /// When it does.
    pub fn require_podman(&self, stack: &Stack) -> Result<(), BootError> {
        if !self.host.is_on_docker() {
            return Ok(());
        }
        let names = self.groups.iter().map(|group| stack.group(*group).name.clone());
        Err(BootError::ByDocker(names.collect()))
    }
}

impl MachineHost {
    /// Whether Docker runs its groups.
    #[must_use]
    pub fn is_on_docker(&self) -> bool {
        self.docker.is_some()
    }

    /// What its containers are spoken to by, arguments to follow: `exec`, `logs` and `restart` are the same for Podman and Docker.
    #[must_use]
    pub fn client(&self) -> Program {
        match &self.docker {
            Some(docker) => docker.command(),
            None => self.podman.command(),
        }
    }

    fn endpoint(&self, address: SocketAddr) -> Endpoint {
        Endpoint {
            address,
            network: self.network.clone(),
        }
    }
}

/// What this host decides about the containers that it has itself.
#[must_use]
pub fn this_one(stack: &Stack) -> Host {
    let rootless = !nix::unistd::geteuid().is_root();
    Host {
        reach: if rootless { Reach::Loopback } else { Reach::Container },
        limits: boot::granted(),
        lan_addresses: lan_addresses(stack, |machine| {
            let configured = stack.machine(machine).lan_address;
            let elsewhere = stack.machine(machine).connection.is_some();
            // Both machines' stacks may run on this one host, which has then one address for both.
            if elsewhere || addresses::is_local(configured) {
                Some(configured)
            } else {
                addresses::of_default_route()
            }
        }),
        seccomp_profile: None,
    }
}

fn lan_addresses(stack: &Stack, address: impl Fn(MachineId) -> Option<Ipv4Addr>) -> BTreeMap<MachineId, Ipv4Addr> {
    (0..stack.machines.len())
        .map(MachineId)
        .filter_map(|machine| Some((machine, address(machine)?)))
        .collect()
}

/// The limits that a Podman can set: it knows which controllers are delegated to whom it runs for.
fn granted(podman: &Podman) -> Result<Granted, PodmanError> {
    let printed = podman
        .command()
        .args([
            "info",
            "--format",
            "{{.Host.Security.Rootless}} {{.Host.CgroupsVersion}} {{range .Host.CgroupControllers}}{{.}} {{end}}",
        ])
        .limit(LIMIT)
        .read()?;
    Ok(granted_by(&printed))
}

/// The same from what it printed. Without root, cgroups v1 grant nothing, whatever there is.
fn granted_by(printed: &str) -> Granted {
    match printed.split_whitespace().collect::<Vec<_>>()[..] {
        ["true", "v1", ..] | [] | [_] => Granted::default(),
        [_, _, ref controllers @ ..] => Granted::of(controllers.iter().copied()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Hosts, Place, granted_by};
    use crate::boot::lab::lab;
    use crate::boot::reach::Granted;
    use crate::host::system::repository::Repository;
    use crate::stack::fixture::Fixture;

    #[test]
    fn podman_says_which_limits_it_can_set() {
        assert_eq!(granted_by("false v1 cpuset cpu cpuacct memory pids \n"), Granted::ALL);
        assert_eq!(granted_by("true v1 cpu memory pids \n"), Granted::default());
        let delegated = granted_by("true v2 memory pids \n");
        assert_eq!(delegated.missing(), ["processor time"]);
        assert_eq!(granted_by("true v2 \n"), Granted::default());
    }

    #[test]
    fn machines_of_one_host_are_one_part_and_those_of_the_lab_two() {
        let stack = Fixture::small().model();
        let repository = Repository::at("/no/such/folder");
        let groups: Vec<_> = stack.groups().map(|(id, _)| id).collect();
        let here = Hosts::outside(&stack, &repository);
        let parts = here.parts(&stack, &groups);
        assert_eq!((parts.len(), parts[0].groups.len()), (1, groups.len()));
        assert!(!here.are_apart());

        let lab = lab(&stack, Path::new("/w/lab")).unwrap();
        let apart = Hosts::lab(&stack, &lab, &repository);
        let parts = apart.parts(&stack, &groups);
        assert_eq!(parts.len(), 2);
        assert!(parts.iter().all(|part| part.host.place == Place::Lab));
        assert_ne!(parts[0].host.network, parts[1].host.network);
        assert!(apart.are_apart());
        assert_eq!(apart.parts(&stack, &groups[..1]).len(), 1);
    }
}
