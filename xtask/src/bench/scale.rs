//! Stacks of many sizes: a stack's groups and agents so many times, each copy with the dependencies of the original.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::figures::Run;
use crate::images::digest;
use crate::images::plan::{GroupInputs, Inputs};
use crate::stack::model::Dependency;
use crate::stack::{AgentId, Files, FilesError, MachineId, Stack, TreeFiles, Written, resolve_alias};

/// First port of an agent; below those that the kernel hands out.
const FIRST_PORT: u16 = 20_000;
/// First port of the status endpoints, above all agents' ports.
const FIRST_STATUS_PORT: u16 = 25_000;
/// Where findings place the stack.
const STACK_PATH: &str = "config/stack.yaml";
/// Folder of the tree.
pub const TREE: &str = "tree";

/// A stack in texts.
#[derive(Debug, Clone)]
pub struct Copies {
    /// `config/stack.yaml`.
    pub stack: String,
    /// Startup configs and requirements files, by their path in the tree.
    pub texts: BTreeMap<String, String>,
    /// Every file of the tree.
    files: TreeFiles,
}

impl Copies {
    /// The groups of a stack, that many times.
    #[must_use]
    pub fn new(original: &Stack, copies: u16) -> Self {
        let mut making = Making {
            original,
            groups: Map::new(),
            startup: vec![Map::new(); original.machines.len()],
            files: BTreeSet::new(),
            agents: 0,
        };
        for copy in 0..copies {
            making.copy(copy);
        }
        making.finish()
    }

    /// The model; none where the original itself is wrong.
    #[must_use]
    pub fn load(&self) -> Option<Stack> {
        Written::read(STACK_PATH, self.stack.as_bytes(), None).load(self).0
    }

    /// What images of the stack would be made from, as far as a plan needs it.
    #[must_use]
    pub fn inputs(&self, stack: &Stack) -> Inputs {
        let group = |name: &String, requirements: &String| GroupInputs {
            dockerfile: name.clone(),
            requirements: self.texts.get(requirements).cloned().unwrap_or_default().into_bytes(),
            config: name.clone(),
            tree: digest::of(name),
            assets: BTreeMap::new(),
        };
        Inputs {
            groups: stack
                .groups
                .iter()
                .map(|own| (own.name.clone(), group(&own.name, &own.requirements)))
                .collect(),
            ..Inputs::default()
        }
    }
}

impl Files for Copies {
    fn list(&self, _: &str) -> Result<TreeFiles, FilesError> {
        Ok(self.files.clone())
    }

    fn read(&self, _: &str, path: &str) -> Result<Vec<u8>, FilesError> {
        self.texts
            .get(path)
            .map(|text| text.clone().into_bytes())
            .ok_or(FilesError::NoFile)
    }
}

struct Making<'a> {
    original: &'a Stack,
    groups: Map<String, Value>,
    /// Per machine: a list of agents per group.
    startup: Vec<Map<String, Value>>,
    files: BTreeSet<String>,
    agents: u16,
}

impl Making<'_> {
    fn copy(&mut self, copy: u16) {
        for group in &self.original.groups {
            let agents: Vec<Value> = group.agents.iter().map(|agent| self.agent(*agent, copy)).collect();
            let names: Vec<String> = group.agents.iter().map(|agent| self.name(*agent, copy)).collect();
            let reaches: Vec<String> = group
                .reaches
                .iter()
                .map(|agent| {
                    let machine = self.original.machine(self.original.agent(*agent).machine);
                    format!("{}/{}", machine.name, self.name(*agent, copy))
                })
                .collect();
            let name = suffixed(&group.name, '-', copy);
            let address = u32::from(group.address) + u32::from(copy) * 256;
            let number = u16::try_from(self.groups.len()).unwrap_or(u16::MAX);
            let entry = json!({
                "machine": self.original.machine(group.machine).name,
                "address": Ipv4Addr::from(address).to_string(),
                "phase": group.phase,
                "published_status_port": FIRST_STATUS_PORT + number,
                "published": [],
                "reaches": reaches,
                "agents": names,
            });
            self.files.insert(format!("requirements.{name}.txt"));
            self.startup[group.machine.0].insert(name.replace('-', "_"), agents.into());
            self.groups.insert(name, entry);
        }
    }

    fn name(&self, agent: AgentId, copy: u16) -> String {
        suffixed(&self.original.agent(agent).name, '_', copy)
    }

    fn agent(&mut self, id: AgentId, copy: u16) -> Value {
        let agent = self.original.agent(id);
        let dependencies: Vec<String> = agent
            .dependencies
            .iter()
            .map(|dependency| match dependency {
                Dependency::Agent(other) => self.name(*other, copy),
                Dependency::Absent(index) => self.original.absent[*index].name.clone(),
            })
            .collect();
        let script = self.script(agent.machine, &agent.script_path, copy);
        self.files.insert(script.clone());
        // Ports of both machines are apart, too: all may run on one host.
        let port = FIRST_PORT + 2 * self.agents;
        self.agents += 1;
        json!({
            "name": self.name(id, copy),
            "script_path": script,
            "port": port,
            "health_check_port": port + 1,
            "required": agent.required,
            "dependencies": dependencies,
        })
    }

    /// A copy's script, in a folder of its own below the machine's code.
    fn script(&self, machine: MachineId, path: &str, copy: u16) -> String {
        let machine = self.original.machine(machine);
        let path = resolve_alias(path, &machine.path_aliases);
        let code = machine.code.first().map_or("code", String::as_str);
        match (copy, path.strip_prefix(code)) {
            (0, _) => path,
            (_, Some(rest)) => format!("{code}/copy_{copy}{rest}"),
            (_, None) => format!("{code}/copy_{copy}/{path}"),
        }
    }

    fn finish(mut self) -> Copies {
        let machines: Map<String, Value> = self
            .original
            .machines
            .iter()
            .map(|machine| {
                let entry = json!({
                    "startup_config": machine.startup_config,
                    "code": machine.code,
                    "python_path": machine.python_path,
                    "lan_address": machine.lan_address.to_string(),
                    "address_variable": machine.address_variable,
                    "network": {"name": machine.network, "subnet": machine.subnet.to_string()},
                    "health_port_offset": 1,
                });
                (machine.name.clone(), entry)
            })
            .collect();
        let fallbacks: Map<String, Value> = self
            .original
            .absent
            .iter()
            .filter_map(|absent| Some((absent.name.clone(), absent.fallback.clone()?.into())))
            .collect();
        self.files
            .extend(self.original.absent.iter().filter_map(|absent| absent.fallback.clone()));
        let images = &self.original.images;
        let stack = json!({
            "version": 1,
            "name": self.original.name,
            "source_tree": TREE,
            "images": {"namespace": images.namespace, "base_image": images.base_image},
            "machines": machines,
            "fallbacks": fallbacks,
            "groups": self.groups,
        });
        let mut texts: BTreeMap<String, String> = BTreeMap::new();
        for (machine, startup) in self.original.machines.iter().zip(self.startup) {
            texts.insert(machine.startup_config.clone(), format!("{:#}", Value::Object(startup)));
        }
        for path in &self.files {
            if path.starts_with("requirements.") {
                texts.insert(path.clone(), "pyzmq\n".to_owned());
            }
        }
        self.files.extend(texts.keys().cloned());
        Copies {
            // A line per value, as people write them.
            stack: format!("{stack:#}"),
            texts,
            files: TreeFiles::new(self.files),
        }
    }
}

/// The original keeps its name.
fn suffixed(name: &str, between: char, copy: u16) -> String {
    match copy {
        0 => name.to_owned(),
        copy => format!("{name}{between}{copy}"),
    }
}

/// What is measured at each size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// From the texts of the stack to the validated model, the plan of its images and how every container is created.
    Planning,
    /// From the model to every rendered file.
    Rendering,
    /// `audit` of a tree with two Python files per agent.
    Audit,
    /// Supervisors, from their start until every agent answers.
    Gating,
    /// All supervisors asked, and what `status` prints made of it.
    Status,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Planning, Self::Rendering, Self::Audit, Self::Gating, Self::Status];

    /// As tables and documents have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Rendering => "rendering",
            Self::Audit => "audit",
            Self::Gating => "gating",
            Self::Status => "status",
        }
    }
}

/// One size.
#[derive(Debug, Clone)]
pub struct Size {
    /// How often the stack's groups are there.
    pub copies: u16,
    /// Agents of all.
    pub agents: usize,
    /// Groups of all.
    pub groups: usize,
    /// What each task took.
    pub took: BTreeMap<Task, Run>,
}

/// The power of the number of agents with which a figure of a task grows, from the smallest size to the largest: 1 is in proportion,
/// 2 with the square. None where there is one size only.
#[must_use]
pub fn growth(sizes: &[Size], task: Task, figure: fn(&Run) -> f64) -> Option<f64> {
    let (first, last) = (sizes.first()?, sizes.last()?);
    let more = last.agents as f64 / first.agents as f64;
    let longer = figure(last.took.get(&task)?) / figure(first.took.get(&task)?);
    (more > 1.0).then(|| longer.ln() / more.ln())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Copies, Size, Task, growth};
    use crate::bench::figures::Run;
    use crate::finding::has_errors;
    use crate::stack::Written;
    use crate::stack::fixture::Fixture;
    use crate::stack::graph;

    #[test]
    fn every_copy_has_the_groups_agents_and_dependencies_of_the_original() {
        let original = Fixture::real().model();
        let copies = Copies::new(&original, 4);
        let (stack, findings) = Written::read("config/stack.yaml", copies.stack.as_bytes(), None).load(&copies);
        assert!(!has_errors(&findings), "{findings:#?}");
        let stack = stack.unwrap();
        assert_eq!(stack.groups.len(), 4 * original.groups.len());
        assert_eq!(stack.agents.len(), 4 * original.agents.len());
        let dependencies = |stack: &crate::stack::Stack| stack.agents.iter().flat_map(graph::dependencies).count();
        assert_eq!(dependencies(&stack), 4 * dependencies(&original));
        assert_eq!(copies.inputs(&stack).groups.len(), stack.groups.len());
    }

    #[test]
    fn growth_is_the_power_of_the_number_of_agents() {
        let size = |agents, cpu| Size {
            copies: 1,
            agents,
            groups: 1,
            took: BTreeMap::from([(
                Task::Status,
                Run {
                    wall: 1.0,
                    cpu,
                    peak_bytes: 0,
                },
            )]),
        };
        let sizes = [size(10, 3.0), size(40, 7.0), size(160, 48.0)];
        let power = growth(&sizes, Task::Status, |run| run.cpu).unwrap();
        assert!((power - 1.0).abs() < 1e-9, "{power}");
        let power = growth(&sizes, Task::Status, |run| run.wall).unwrap();
        assert!(power.abs() < 1e-9, "{power}");
        assert_eq!(growth(&sizes[..1], Task::Status, |run| run.cpu), None);
        assert_eq!(growth(&sizes, Task::Audit, |run| run.cpu), None);
    }
}
