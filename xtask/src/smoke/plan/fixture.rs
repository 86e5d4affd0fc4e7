//! A small stack, and plans for it, for the tests of this engine and of whoever runs it.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::group_config::Supervision;
use pysrc::PythonVersion;

use super::check::Plan;
use super::expand::{Selection, expand};
use crate::finding::{Finding, Place};
use crate::smoke::kinds::Action;
use crate::smoke::load::parse;
use crate::smoke::outcome::Outcome;
use crate::smoke::spec::CheckFile;
use crate::stack::extras::Extras;
use crate::stack::limits::Limits;
use crate::stack::model::{Agent, AgentId, Group, GroupId, Images, Machine, MachineId, Stack, Subnet, Volume};
use crate::stack::output::Output;
use crate::stack::variants::Variants;

fn machine(name: &str, second: u8) -> Machine {
    Machine {
        name: name.to_owned(),
        startup_config: format!("{name}/startup_config.yaml"),
        code: vec![name.to_owned()],
        python_path: vec![".".to_owned()],
        lan_address: Ipv4Addr::new(192, 168, 1, second),
        address_variable: format!("{}_IP", name.to_uppercase()),
        network: format!("ai_system_{name}"),
        subnet: Subnet {
            address: Ipv4Addr::new(172, second, 0, 0),
            prefix: 16,
        },
        environment: BTreeMap::new(),
        path_aliases: BTreeMap::new(),
        connection: None,
        agent_memory_bytes: None,
        agent_milli_cpus: None,
        agent_pids: None,
        supervision: Supervision::default(),
    }
}

fn group(name: &str, machine: usize, agents: &[usize]) -> Group {
    Group {
        name: name.to_owned(),
        machine: MachineId(machine),
        has_own_user: false,
        uid: 10001,
        address: Ipv4Addr::new(172, 20, 0, 10),
        phase: 2,
        agents: agents.iter().map(|index| AgentId(*index)).collect(),
        config_file: format!("{name}.yaml"),
        requirements: "requirements.txt".to_owned(),
        requirements_named: false,
        packages: Vec::new(),
        build_packages: Vec::new(),
        required_modules: Vec::new(),
        assets: Vec::new(),
        include: Vec::new(),
        beside: Vec::new(),
        contents: None,
        start: None,
        environment: BTreeMap::new(),
        published_status_port: 19000,
        publish: Vec::new(),
        published: Vec::new(),
        reaches: Vec::new(),
        writable: Vec::new(),
        extras: Extras::default(),
        limits: Limits::default(),
        secrets: Vec::new(),
        variants: Variants::default(),
        place: Place::file("config/stack.yaml"),
    }
}

fn agent(name: &str, machine: usize, group: usize, port: u16) -> Agent {
    Agent {
        name: name.to_owned(),
        machine: MachineId(machine),
        group: GroupId(group),
        script_path: format!("{name}.py"),
        host: "0.0.0.0".to_owned(),
        port,
        health_check_port: port + 2000,
        required: true,
        dependencies: Vec::new(),
        waits_for: Vec::new(),
        params: BTreeMap::new(),
        module: None,
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        own_flags: contract::own_flags::OwnFlags::ALL,
        further: Vec::new(),
        argument_style: None,
        start: None,
        runtime: crate::stack::runtime::Runtime::default(),
        limits: Limits::default(),
        place: Place::file("startup_config.yaml"),
    }
}

/// Two machines; `MemoryManager` is on both.
pub fn small_stack() -> Stack {
    let mut mainpc = machine("mainpc", 20);
    mainpc
        .path_aliases
        .insert("FORMAINPC".to_owned(), "main_pc_code/FORMAINPC".to_owned());
    Stack {
        checkout: String::new(),
        output: Output::default(),
        name: "ai_system".to_owned(),
        source_tree: "tests/ai_system".to_owned(),
        written_tree: "tests/ai_system".to_owned(),
        python_version: PythonVersion::USUAL,
        images: Images {
            namespace: "localhost/ai_system".to_owned(),
            tag: "latest".to_owned(),
            base_image: "docker.io/library/python:3.11-slim".to_owned(),
            debian_suite: "bookworm".to_owned(),
            debian_packages: Vec::new(),
            packages: Vec::new(),
            required_modules: Vec::new(),
            user: "agent".to_owned(),
            uid: 10001,
            per_group: false,
            shared: Vec::new(),
            exclude: Vec::new(),
            include: Vec::new(),
            contents: None,
        },
        volumes: vec![
            Volume {
                name: "logs".to_owned(),
                path: "/app/logs".to_owned(),
                read_only: false,
                host: None,
            },
            Volume {
                name: "data".to_owned(),
                path: "/app/data".to_owned(),
                read_only: false,
                host: None,
            },
        ],
        status_port: 9000,
        disclosure: contract::group_config::Disclosure::default(),
        start: contract::group_config::Start::Plain,
        preload_skip: Vec::new(),
        supervision: Supervision::default(),
        machines: vec![mainpc, machine("pc2", 21)],
        unread: Vec::new(),
        groups: vec![
            group("core-services", 0, &[0, 1]),
            group("memory-system", 0, &[2]),
            group("pc2-memory", 1, &[3]),
        ],
        agents: vec![
            agent("CoordinatorAgent", 0, 0, 26002),
            agent("ModelManagerAgent", 0, 0, 5570),
            agent("MemoryManager", 0, 1, 5712),
            agent("MemoryManager", 1, 2, 7111),
        ],
        absent: Vec::new(),
        ungrouped: Vec::new(),
        on_ungrouped: Vec::new(),
        reached: std::collections::BTreeSet::new(),
        secrets_in_tree: std::collections::BTreeSet::new(),
    }
}

fn files(text: &str) -> Vec<CheckFile> {
    let (files, findings) = parse(&[("tests/smoke/x.yaml".to_owned(), text.to_owned())]);
    assert_eq!(findings, []);
    files
}

/// The plan of a file for that stack, with what is wrong with it.
pub fn expanded(text: &str, selection: &Selection) -> (Plan, Vec<Finding>) {
    expand(&small_stack(), &files(text), selection)
}

/// The plan of a file that has no mistake.
pub fn plan_of(text: &str) -> Plan {
    let (plan, findings) = expanded(text, &Selection::default());
    assert_eq!(findings, []);
    plan
}

/// What a check of MainPC, given as its kind and body in one line, does.
pub fn action<T: Action + Clone>(check: &str) -> T {
    let plan = plan_of(&format!(
        "phase: 1\nchecks:\n  - {{name: x, machine: mainpc, {check}}}\n"
    ));
    let action: &dyn Any = &*plan.checks[0].action;
    action.downcast_ref::<T>().unwrap().clone()
}

/// What a failed check got instead.
pub fn got(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Failed { got, .. } => got.clone(),
        _ => Vec::new(),
    }
}
