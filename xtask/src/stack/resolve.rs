//! From what is written to the model: names become ids, defaults are filled in. Names that lead nowhere are reported here,
//! since only here it is known what they should have led to; every other check is in `validate`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use contract::group_config::Supervision;

use super::defaults;
use super::environment::literals;
use super::extras::Extras;
use super::graph;
use super::health::Own;
use super::limits::Limits;
use super::model::{AbsentDependency, Agent, AgentId, Dependency, Group, GroupId, Machine, MachineId, Stack};
use super::near::nearest;
use super::output::Output;
use super::raw::{RawGroup, RawMachine, RawStack};
use super::read::plain;
use super::runtime::RuntimeSettings;
use super::secrets::SecretSettings;
use super::spans::At;
use super::startup::{Startup, StartupAgent};
use super::tree::{TreeFiles, normal};
use super::variants::{self, Levels, Variants};
use super::writable::Writable;
use crate::finding::{Finding, Subject};

/// What was read of one machine's startup config.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// The config; nothing where it cannot be read.
    pub startup: Option<Startup>,
    /// Names of all agents that it mentions, broken ones too.
    pub names: Vec<String>,
}

impl Read {
    /// Whether anything is known of the machine's agents.
    #[must_use]
    pub fn says_something(&self) -> bool {
        let has_agents = |startup: &Startup| !startup.agents.is_empty() || !self.names.is_empty();
        self.startup.as_ref().is_some_and(has_agents)
    }
}

/// A model with what it was made of.
#[derive(Debug)]
pub struct Resolved<'a> {
    /// The model.
    pub stack: Stack,
    /// By agent: as its startup config defines it.
    pub origin: Vec<&'a StartupAgent>,
    /// By group: as the stack defines it.
    pub groups: Vec<&'a RawGroup>,
    /// Names that nothing defines, with the place of the first dependency on each; in step with the stack's `absent`.
    pub absent: Vec<At<String>>,
    /// What the agents that no group holds were made of, in step with [`Stack::ungrouped`].
    pub ungrouped: Vec<&'a StartupAgent>,
    /// What these depend on and nothing defines.
    pub absent_of_ungrouped: Vec<(AgentId, &'a At<String>)>,
}

/// Makes the model. `reads` is in step with the stack's machines.
#[must_use]
pub fn resolve<'a>(
    raw: &'a RawStack,
    reads: &'a [Read],
    source_tree: &str,
    tree: Option<&'a TreeFiles>,
) -> (Resolved<'a>, Vec<Finding>) {
    let mut supervision = Supervision::default();
    raw.supervision.apply(&mut supervision);
    let mut findings = Vec::new();
    let pairs = raw.machines.iter().zip(reads);
    let machines = pairs
        .map(|(machine, read)| self::machine(raw, machine, read.startup.as_ref(), &mut findings))
        .collect();
    let mut resolver = Resolver {
        raw,
        reads,
        tree,
        findings,
        taken: BTreeMap::new(),
        defined: reads.iter().map(|read| by_name(read.startup.as_ref())).collect(),
        resolved: Resolved {
            stack: Stack {
                name: raw.name.clone(),
                source_tree: source_tree.to_owned(),
                written_tree: raw
                    .source_tree
                    .as_ref()
                    .map_or(source_tree, |written| written.value.as_str())
                    .to_owned(),
                python_version: raw.python_version,
                checkout: String::new(),
                output: Output::default(),
                images: raw.images.clone(),
                volumes: raw.volumes.clone().unwrap_or_default(),
                status_port: raw.status_port,
                disclosure: raw.disclosure,
                start: raw.start,
                preload_skip: raw.preload_skip.clone(),
                supervision,
                machines,
                unread: Vec::new(),
                groups: Vec::new(),
                agents: Vec::new(),
                absent: Vec::new(),
                ungrouped: Vec::new(),
                on_ungrouped: Vec::new(),
                reached: BTreeSet::new(),
                secrets_in_tree: BTreeSet::new(),
            },
            origin: Vec::new(),
            ungrouped: Vec::new(),
            groups: Vec::new(),
            absent: Vec::new(),
            absent_of_ungrouped: Vec::new(),
        },
    };
    for group in &raw.groups {
        resolver.group(group);
    }
    variants::unknown_everywhere(raw.variant.as_ref(), &raw.groups, &mut resolver.findings);
    resolver.dependencies();
    resolver.references();
    resolver.ungrouped();
    let agents = &mut resolver.resolved.stack.agents;
    for (agent, waits) in graph::waits_for(agents).into_iter().enumerate() {
        agents[agent].waits_for = waits;
    }
    resolver.resolved.stack.reached = resolver.resolved.stack.find_reached();
    (resolver.resolved, resolver.findings)
}

fn machine(raw: &RawStack, machine: &RawMachine, startup: Option<&Startup>, findings: &mut Vec<Finding>) -> Machine {
    let mut supervision = Supervision::default();
    let mut environment = BTreeMap::new();
    if let Some(startup) = startup {
        startup.health_checks.apply(&mut supervision);
        let mut variables = startup.environment.clone();
        // What the stack replaces for everybody never arrives, whatever is wrong with it.
        let groups = || {
            raw.groups
                .iter()
                .filter(|group| group.machine.value == machine.name.value)
        };
        variables.retain(|name, _| {
            let by_groups = groups().next().is_some() && groups().all(|group| group.environment.contains_key(name));
            !machine.environment.contains_key(name) && !by_groups
        });
        environment = literals(variables, findings);
    }
    raw.supervision.apply(&mut supervision);
    environment.extend(machine.environment.clone());
    Machine {
        name: machine.name.value.clone(),
        startup_config: machine.startup_config.value.clone(),
        code: plain(&machine.code),
        python_path: plain(&machine.python_path),
        lan_address: machine.lan_address.value,
        address_variable: machine.address_variable.clone(),
        network: machine.network.value.clone(),
        subnet: machine.subnet.value,
        environment,
        path_aliases: machine
            .path_aliases
            .iter()
            .map(|(alias, target)| (normal(alias), normal(&target.value)))
            .collect(),
        agent_memory_bytes: startup.and_then(|startup| startup.agent_memory_bytes),
        agent_milli_cpus: startup.and_then(|startup| startup.agent_milli_cpus),
        agent_pids: startup.and_then(|startup| startup.agent_pids),
        connection: machine.connection.as_ref().map(|name| name.value.clone()),
        supervision,
    }
}

/// The user that a group's container runs as. `position` is the group's among all of the stack: those that come behind it keep theirs
/// whatever is added at the end.
fn own_user(raw: &RawStack, position: usize, group: &RawGroup) -> u32 {
    let base = raw.images.uid;
    if let Some(user) = &group.user {
        return user.value;
    }
    if !raw.images.per_group {
        return base;
    }
    let written = group.uid.as_ref().and_then(|uid| u32::try_from(uid.value).ok());
    // As many groups as there are addresses do not reach the end of what a user's id can be.
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    written.unwrap_or_else(|| base.saturating_add(1).saturating_add(position))
}

struct Resolver<'a> {
    raw: &'a RawStack,
    reads: &'a [Read],
    /// The tree's files, where they are known.
    tree: Option<&'a TreeFiles>,
    findings: Vec<Finding>,
    /// Agents that a group holds already.
    taken: BTreeMap<(MachineId, &'a str), (AgentId, &'a At<String>)>,
    /// By machine: the agents of its startup config.
    defined: Vec<BTreeMap<&'a str, &'a StartupAgent>>,
    resolved: Resolved<'a>,
}

/// Agents by name; of two with one name, the first.
fn by_name(startup: Option<&Startup>) -> BTreeMap<&str, &StartupAgent> {
    let agents = startup.iter().flat_map(|startup| &startup.agents);
    agents.rev().map(|agent| (agent.name.value.as_str(), agent)).collect()
}

impl<'a> Resolver<'a> {
    fn group(&mut self, raw: &'a RawGroup) {
        let Some(machine) = self.resolved.stack.find_machine(&raw.machine.value) else {
            self.unknown_machine(&raw.machine);
            return;
        };
        let id = GroupId(self.resolved.groups.len());
        let agents = raw
            .agents
            .iter()
            .filter_map(|name| self.agent(raw, machine, id, name))
            .collect();
        let name = &raw.name.value;
        let config_file = raw
            .config_file
            .as_ref()
            .map_or_else(|| format!("{}.yaml", name.replace('-', "_")), |at| at.value.clone());
        let startup_config = &self.raw.machines[machine.0].startup_config.value;
        let requirements = match (&raw.requirements, &self.raw.requirements) {
            (Some(own), _) => own.value.clone(),
            (None, Some(pattern)) => pattern.replace("{group}", name),
            (None, None) => defaults::requirements(name, &normal(startup_config), self.tree),
        };
        let uid = own_user(self.raw, self.resolved.groups.len(), raw);
        let address = raw.address.as_ref().map(|at| at.value);
        let address = address.unwrap_or_else(|| self.free_address(raw, machine));
        let levels = [&self.raw.runtime, &self.raw.machines[machine.0].runtime, &raw.runtime];
        let levels = levels
            .into_iter()
            .chain(raw.overrides.iter().map(|change| &change.runtime));
        let model = self.resolved.stack.machine(machine);
        let writable: BTreeSet<Writable> = levels
            .flat_map(RuntimeSettings::writable)
            .map(|written| written.value.clone().real(model))
            .collect();
        let writable = writable.into_iter().collect();
        let levels = [&self.raw.runtime, &self.raw.machines[machine.0].runtime, &raw.runtime];
        let extras = Extras::of_group(
            levels.map(RuntimeSettings::extras),
            raw.overrides.iter().map(|change| change.runtime.extras()),
        );
        let of_agents = raw.overrides.iter();
        let secrets = SecretSettings::of_group(
            levels.map(RuntimeSettings::secrets),
            of_agents.map(|change| (change.agent.value.as_str(), change.runtime.secrets())),
        );
        self.resolved.groups.push(raw);
        variants::unknown(raw, &mut self.findings);
        let mut group = Group {
            name: name.clone(),
            machine,
            uid,
            has_own_user: raw.user.is_some(),
            address,
            phase: raw.phase,
            agents,
            config_file,
            requirements,
            requirements_named: raw.requirements.is_some() || self.raw.requirements.is_some(),
            packages: raw.packages.clone(),
            build_packages: raw.build_packages.clone(),
            required_modules: raw.required_modules.clone(),
            assets: raw.assets.iter().map(|asset| asset.value.clone()).collect(),
            start: raw.start,
            include: plain(&raw.include),
            beside: Vec::new(),
            contents: raw.contents,
            environment: raw.environment.clone(),
            published_status_port: raw.published_status_port.value,
            published: Vec::new(),
            publish: raw.all_published().map(|at| at.value).collect(),
            reaches: Vec::new(),
            writable,
            extras,
            limits: Limits::nearest(levels.map(RuntimeSettings::limits)),
            secrets,
            variants: Variants::default(),
            place: raw.name.place.clone(),
        };
        let of_variants = Levels { settings: levels };
        group.variants = variants::resolve(raw, self.raw.variant.as_ref(), &group, &of_variants);
        group.settle_variant();
        self.resolved.stack.groups.push(group);
    }

    /// The first address of the machine's network, from the tenth on, that neither the network itself nor another group has: those that come
    /// behind in the file keep theirs whatever is added at the end.
    fn free_address(&mut self, raw: &RawGroup, machine: MachineId) -> Ipv4Addr {
        let stack = &self.resolved.stack;
        let (subnet, name) = (stack.machine(machine).subnet, &stack.machine(machine).name);
        let written = self.raw.groups.iter().filter(|group| group.machine.value == *name);
        let written = written.filter_map(|group| group.address.as_ref()).map(|at| at.value);
        let chosen = stack.groups.iter().filter(|group| group.machine == machine);
        let mut taken: BTreeSet<Ipv4Addr> = chosen.map(|group| group.address).chain(written).collect();
        taken.extend([subnet.network(), subnet.gateway(), subnet.broadcast()]);
        let (first, last) = (u32::from(subnet.network()), u32::from(subnet.broadcast()));
        // A small network has none to spare.
        let from = if subnet.prefix <= 26 { first + 10 } else { first };
        let free = (from..last)
            .map(Ipv4Addr::from)
            .find(|address| !taken.contains(address));
        free.unwrap_or_else(|| {
            let message = format!(
                "network `{}` ({subnet}) has no address left for group `{}`",
                stack.machine(machine).network,
                raw.name.value
            );
            let help = format!("give `machines.{name}.network` a larger `subnet`");
            self.findings
                .push(Finding::error("stack/no-address-left", raw.name.place.clone(), message).with_help(help));
            subnet.network()
        })
    }

    fn unknown_machine(&mut self, name: &At<String>) {
        if self.raw.broken_machines.contains(&name.value) {
            return;
        }
        let known: Vec<&str> = self
            .raw
            .machines
            .iter()
            .map(|machine| machine.name.value.as_str())
            .collect();
        let help = match nearest(&name.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the stack has {}", list(&known)),
        };
        self.findings.push(
            Finding::error(
                "stack/unknown-machine",
                name.place.clone(),
                format!("there is no machine `{}`", name.value),
            )
            .about(Subject::machine(&name.value))
            .with_help(help),
        );
    }

    fn agent(
        &mut self,
        raw: &'a RawGroup,
        machine: MachineId,
        group: GroupId,
        name: &'a At<String>,
    ) -> Option<AgentId> {
        let key = (machine, name.value.as_str());
        if let Some((_, first)) = self.taken.get(&key) {
            self.findings.push(
                Finding::error(
                    "stack/agent-in-two-groups",
                    name.place.clone(),
                    format!("agent `{}` is in a group already", name.value),
                )
                .about(Subject::agent(&self.raw.machines[machine.0].name.value, &name.value))
                .about(Subject::group(&raw.name.value))
                .with_related(first.place.clone(), "first listed here")
                .with_help("an agent runs once: leave it in one group"),
            );
            return None;
        }
        self.reads[machine.0].startup.as_ref()?;
        let Some(origin) = self.defined[machine.0].get(name.value.as_str()).copied() else {
            self.unknown_agent(machine, name);
            return None;
        };
        let id = AgentId(self.resolved.origin.len());
        let change = raw.overrides.iter().find(|o| o.agent.value == name.value);
        let mut written = origin.params.clone();
        let changed = change.map(|change| change.params.clone()).unwrap_or_default();
        written.retain(|name, _| !changed.contains_key(name));
        let arguments = arguments(origin, &changed);
        let mut params = literals(written, &mut self.findings);
        params.extend(changed);
        let mut environment = literals(origin.environment.clone(), &mut self.findings);
        environment.extend(change.map(|change| change.environment.clone()).unwrap_or_default());
        let written_health_port = change
            .and_then(|change| change.health_check_port.as_ref())
            .or(origin.health_check_port.as_ref())
            .map(|port| port.value);
        let health_check_port = written_health_port.unwrap_or_else(|| self.implied_health_port(machine, origin));
        self.taken.insert(key, (id, name));
        self.resolved.origin.push(origin);
        self.resolved.stack.agents.push(Agent {
            name: name.value.clone(),
            machine,
            group,
            script_path: origin.script_path.value.clone(),
            host: origin.host.clone(),
            port: origin.port.value,
            health_check_port,
            required: change.and_then(|change| change.required).unwrap_or(origin.required),
            dependencies: Vec::new(),
            waits_for: Vec::new(),
            params,
            module: origin.module.clone(),
            arguments,
            environment,
            own_flags: change
                .and_then(|change| change.flags)
                .or(raw.flags)
                .unwrap_or(origin.own_flags),
            further: change
                .map(|change| change.ports.iter().map(|port| port.value).collect())
                .unwrap_or_default(),
            argument_style: change.and_then(|change| change.argument_style),
            start: change.and_then(|change| change.start),
            runtime: RuntimeSettings::resolve(
                [&self.raw.runtime, &self.raw.machines[machine.0].runtime, &raw.runtime]
                    .into_iter()
                    .chain(change.map(|change| &change.runtime)),
                Own {
                    health_port: written_health_port,
                    ..origin.own_ports()
                },
            ),
            limits: change.map(|change| *change.runtime.limits()).unwrap_or_default(),
            place: origin.name.place.clone(),
        });
        Some(id)
    }

    fn implied_health_port(&mut self, machine: MachineId, agent: &StartupAgent) -> u16 {
        let offset = self.raw.machines[machine.0].health_port_offset;
        agent.port.value.checked_add(offset).unwrap_or_else(|| {
            self.findings.push(
                Finding::error(
                    "stack/bad-value",
                    agent.port.place.clone(),
                    format!(
                        "agent `{}` has no health port: {} and the offset {offset} make more than 65535",
                        agent.name.value, agent.port.value
                    ),
                )
                .about(Subject::agent(
                    &self.raw.machines[machine.0].name.value,
                    &agent.name.value,
                ))
                .with_help("write `health_check_port:` for this agent"),
            );
            u16::MAX
        })
    }

    fn unknown_agent(&mut self, machine: MachineId, name: &At<String>) {
        let read = &self.reads[machine.0];
        // What is wrong with it has been said.
        if read.names.contains(&name.value) {
            return;
        }
        let path = read.startup.as_ref().map_or("", |startup| &startup.path);
        let names = read.names.iter().map(String::as_str);
        let elsewhere = self
            .raw
            .machines
            .iter()
            .zip(self.reads)
            .find(|(_, read)| read.names.contains(&name.value));
        let help = match (nearest(&name.value, names), elsewhere) {
            (_, Some((machine, _))) => {
                format!("it is an agent of machine `{}`", machine.name.value)
            }
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => format!("add it to `{path}`, or take it out of the group"),
        };
        self.findings.push(
            Finding::error(
                "stack/unknown-agent",
                name.place.clone(),
                format!("`{path}` defines no agent `{}`", name.value),
            )
            .about(Subject::agent(&self.raw.machines[machine.0].name.value, &name.value))
            .with_help(help),
        );
    }

    /// Whether a name may be an agent that is not in the model because of something reported already.
    fn may_be_broken(&self, name: &str) -> bool {
        self.reads
            .iter()
            .any(|read| read.startup.is_none() || read.names.iter().any(|known| known == name))
            || !self.raw.broken_machines.is_empty()
    }

    /// An agent by name: on that machine first, then on the others.
    fn find(&self, machine: MachineId, name: &str) -> Option<AgentId> {
        let on = |machine| self.taken.get(&(machine, name)).map(|(id, _)| *id);
        // Of several others, the agent that the stack lists first.
        on(machine).or_else(|| (0..self.reads.len()).filter_map(|other| on(MachineId(other))).min())
    }

    fn dependencies(&mut self) {
        for index in 0..self.resolved.origin.len() {
            let origin = self.resolved.origin[index];
            let machine = self.resolved.stack.agents[index].machine;
            let mut seen = BTreeSet::new();
            for name in &origin.dependencies {
                if !seen.insert(&name.value) {
                    continue;
                }
                let dependency = match self.find(machine, &name.value) {
                    Some(id) => Dependency::Agent(id),
                    None if self.may_be_broken(&name.value) => continue,
                    None => Dependency::Absent(self.absent(name, AgentId(index))),
                };
                self.resolved.stack.agents[index].dependencies.push(dependency);
            }
        }
    }

    fn absent(&mut self, name: &At<String>, wanted_by: AgentId) -> usize {
        let absent = &mut self.resolved.stack.absent;
        if let Some(known) = absent.iter().position(|known| known.name == name.value) {
            absent[known].wanted_by.push(wanted_by);
            return known;
        }
        absent.push(AbsentDependency {
            name: name.value.clone(),
            fallback: self.raw.fallbacks.get(&name.value).map(|script| script.value.clone()),
            wanted_by: vec![wanted_by],
        });
        self.resolved.absent.push(name.clone());
        absent.len() - 1
    }

    /// Agents that no group holds. What they depend on is looked for among the agents of groups first, then among them;
    /// these get the ids that follow those of the stack, as [`Stack::with_ungrouped`] gives them.
    fn ungrouped(&mut self) {
        let mut found: Vec<(MachineId, &'a StartupAgent)> = Vec::new();
        let mut seen = BTreeSet::new();
        for (machine, read) in self.reads.iter().enumerate() {
            for agent in read.startup.iter().flat_map(|startup| &startup.agents) {
                let machine = MachineId(machine);
                let again = !seen.insert((machine, agent.name.value.as_str()));
                if !again && !self.taken.contains_key(&(machine, agent.name.value.as_str())) {
                    found.push((machine, agent));
                }
            }
        }
        let first = self.resolved.stack.agents.len();
        let mut ids: BTreeMap<&str, Vec<(MachineId, AgentId)>> = BTreeMap::new();
        for (index, (machine, agent)) in found.iter().enumerate() {
            ids.entry(&agent.name.value)
                .or_default()
                .push((*machine, AgentId(first + index)));
        }
        // On its own machine first.
        let among = |machine: MachineId, name: &str| {
            let known = ids.get(name)?;
            let own = known.iter().find(|(on, _)| *on == machine);
            own.or(known.first()).map(|(_, id)| *id)
        };
        for index in 0..self.resolved.origin.len() {
            let machine = self.resolved.stack.agents[index].machine;
            let wanted: BTreeSet<&str> = self.resolved.origin[index]
                .dependencies
                .iter()
                .map(|name| name.value.as_str())
                .collect();
            for name in wanted {
                if self.find(machine, name).is_none()
                    && let Some(id) = among(machine, name)
                {
                    self.resolved.stack.on_ungrouped.push((AgentId(index), id));
                }
            }
        }
        for (index, (machine, origin)) in found.iter().enumerate() {
            let mut dependencies: Vec<Dependency> = Vec::new();
            let mut seen = BTreeSet::new();
            for name in &origin.dependencies {
                if !seen.insert(&name.value) {
                    continue;
                }
                match self
                    .find(*machine, &name.value)
                    .or_else(|| among(*machine, &name.value))
                {
                    Some(id) => dependencies.push(Dependency::Agent(id)),
                    None if self.may_be_broken(&name.value) => {}
                    None => self.resolved.absent_of_ungrouped.push((AgentId(first + index), name)),
                }
            }
            let offset = self.raw.machines[machine.0].health_port_offset;
            let agent = Agent {
                name: origin.name.value.clone(),
                machine: *machine,
                group: GroupId(usize::MAX),
                script_path: origin.script_path.value.clone(),
                host: origin.host.clone(),
                port: origin.port.value,
                health_check_port: origin
                    .health_check_port
                    .as_ref()
                    .map_or_else(|| origin.port.value.saturating_add(offset), |port| port.value),
                required: origin.required,
                dependencies,
                waits_for: Vec::new(),
                params: literals(origin.params.clone(), &mut self.findings),
                module: origin.module.clone(),
                arguments: arguments(origin, &BTreeMap::new()),
                environment: literals(origin.environment.clone(), &mut self.findings),
                own_flags: origin.own_flags,
                further: Vec::new(),
                argument_style: None,
                start: None,
                runtime: RuntimeSettings::resolve(
                    [&self.raw.runtime, &self.raw.machines[machine.0].runtime],
                    origin.own_ports(),
                ),
                limits: Limits::default(),
                place: origin.name.place.clone(),
            };
            self.resolved.stack.ungrouped.push(agent);
            self.resolved.ungrouped.push(origin);
        }
    }

    /// `published`, `reaches` and `overrides` of every group.
    fn references(&mut self) {
        for index in 0..self.resolved.groups.len() {
            let raw = self.resolved.groups[index];
            let (machine, agents) = {
                let group = &self.resolved.stack.groups[index];
                (group.machine, group.agents.clone())
            };
            let published = match &raw.published {
                None => self.published_by_default(index, &agents),
                Some(names) => names
                    .iter()
                    .filter_map(|name| self.own_agent(GroupId(index), name))
                    .collect(),
            };
            for change in &raw.overrides {
                self.own_agent(GroupId(index), &change.agent);
            }
            let mut reaches = BTreeSet::new();
            for name in &raw.reaches {
                reaches.extend(self.reach(GroupId(index), machine, name));
            }
            let group = &mut self.resolved.stack.groups[index];
            group.published = published;
            group.reaches = reaches.into_iter().collect();
        }
    }

    /// The agents of a group that are published on the loopback where the stack names none: those whose port no other group of the same
    /// host has there, because it names it or comes first.
    fn published_by_default(&self, index: usize, agents: &[AgentId]) -> Vec<AgentId> {
        let stack = &self.resolved.stack;
        let host = |group: &Group| &stack.machine(group.machine).connection;
        let port = |id: &AgentId| stack.agent(*id).port;
        let mut taken = BTreeSet::new();
        for (other, (group, raw)) in stack.groups.iter().zip(&self.resolved.groups).enumerate() {
            if other == index || host(group) != host(&stack.groups[index]) {
                continue;
            }
            match &raw.published {
                // Of those that come behind, nothing is known yet.
                None => taken.extend(group.published.iter().map(port)),
                Some(names) => {
                    let named = |id: &&AgentId| names.iter().any(|name| name.value == stack.agent(**id).name);
                    taken.extend(group.agents.iter().filter(named).map(port));
                }
            }
        }
        agents.iter().filter(|id| !taken.contains(&port(id))).copied().collect()
    }

    /// An agent of the group itself.
    fn own_agent(&mut self, id: GroupId, name: &At<String>) -> Option<AgentId> {
        let stack = &self.resolved.stack;
        let group = stack.group(id);
        let found = group.agents.iter().find(|id| stack.agent(**id).name == name.value);
        let listed = &self.resolved.groups[id.0].agents;
        if found.is_none() && !listed.iter().any(|known| known.value == name.value) {
            let names = listed.iter().map(|known| known.value.as_str());
            let help = match nearest(&name.value, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name an agent of this group".to_owned(),
            };
            self.findings.push(
                Finding::error(
                    "stack/unknown-agent",
                    name.place.clone(),
                    format!("group `{}` has no agent `{}`", group.name, name.value),
                )
                .about(Subject::any_agent(&name.value))
                .about(Subject::group(&group.name))
                .with_help(help),
            );
        }
        found.copied()
    }

    /// What an item of `reaches` stands for: `*`, an agent, or `machine/agent`.
    fn reach(&mut self, group: GroupId, machine: MachineId, item: &At<String>) -> Vec<AgentId> {
        let stack = &self.resolved.stack;
        if item.value == "*" {
            return stack
                .agents()
                .filter(|(_, agent)| agent.machine == machine && agent.group != group)
                .map(|(id, _)| id)
                .collect();
        }
        let (found, name) = match item.value.split_once('/') {
            None => (self.find(machine, &item.value), item.value.as_str()),
            Some((on, name)) => match stack.find_machine(on) {
                Some(on) => (stack.find_agent(on, name), name),
                None => {
                    let on = At {
                        value: on.to_owned(),
                        place: item.place.clone(),
                    };
                    self.unknown_machine(&on);
                    return Vec::new();
                }
            },
        };
        if let Some(id) = found {
            return vec![id];
        }
        if !self.may_be_broken(name) {
            let names = stack.agents.iter().map(|agent| agent.name.as_str());
            let help = match nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name an agent, `machine/agent`, or `\"*\"` for all of this machine".into(),
            };
            self.findings.push(
                Finding::error(
                    "stack/unknown-agent",
                    item.place.clone(),
                    format!("no group has an agent `{}`", item.value),
                )
                .about(Subject::any_agent(name))
                .about(Subject::group(&stack.group(group).name))
                .with_help(help),
            );
        }
        Vec::new()
    }
}

/// The words that follow an agent's flags: flags with several words, less those that the stack writes itself, and what stands for itself.
fn arguments(origin: &StartupAgent, changed: &BTreeMap<String, String>) -> Vec<String> {
    let lists = origin.lists.iter().filter(|(name, _)| !changed.contains_key(*name));
    let lists = lists.flat_map(|(name, words)| std::iter::once(format!("--{name}")).chain(words.iter().cloned()));
    lists.chain(origin.arguments.iter().cloned()).collect()
}

fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
