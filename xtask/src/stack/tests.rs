//! Every message of the loader, with its place; the real stack; and broken texts.

use contract::group_config::{Start, WhenDependencyFails};

use super::fixture::{Fixture, MAIN, PC2};
use super::model::{AgentId, Dependency};
use super::{Stack, TreeFiles, graph};
use crate::finding::has_errors;

/// That a stack says exactly this.
#[track_caller]
fn says(fixture: Fixture, expected: &[&str]) {
    assert_eq!(fixture.says(), expected);
}

#[track_caller]
fn stack(from: &str, to: &str, expected: &[&str]) {
    says(Fixture::small().stack(from, to), expected);
}

#[track_caller]
fn main(from: &str, to: &str, expected: &[&str]) {
    says(Fixture::small().file(MAIN, from, to), expected);
}

#[test]
fn the_small_stack_is_sound() {
    says(Fixture::small(), &[]);
    let (loaded, findings) = Fixture::small().load();
    assert!(!has_errors(&findings), "{findings:#?}");
    let loaded = loaded.expect("a stack");
    let main = &loaded.machines[0];
    assert_eq!(main.environment["DEBUG"], "true");
    assert!(!main.environment.contains_key("PYTHONPATH"));
    assert_eq!(main.agent_memory_bytes, Some(100 * 1024 * 1024));
    assert_eq!(main.agent_pids, Some(4));
    assert_eq!(main.supervision.health_interval_ms, 10_000);
    assert_eq!(main.supervision.health_timeout_ms, 2_500);
    assert_eq!(main.supervision.health_retries, 4);
    assert_eq!(loaded.machines[1].supervision.health_interval_ms, 30_000);
    assert_eq!(loaded.agents[0].health_check_port, 7_000);
    assert_eq!(loaded.group_memory_bytes(super::GroupId(0)), Some(264 << 20));
    assert_eq!(loaded.group_pids(super::GroupId(0)), Some(2 * 12 + 32));
    let reached = loaded.reached_from_other_machines();
    assert_eq!(names(&loaded, reached.iter().copied()), ["Alpha"]);
}

fn names(stack: &Stack, ids: impl IntoIterator<Item = AgentId>) -> Vec<&str> {
    ids.into_iter().map(|id| stack.agent(id).name.as_str()).collect()
}

#[test]
fn keys_that_are_unknown_missing_or_written_twice() {
    stack(
        "status_port: 9000",
        "status_prot: 9000",
        &[
            "config/stack.yaml:7:1 error stack/unknown-key: the stack has no key `status_prot`; help: did you mean `status_port`?",
        ],
    );
    stack(
        "    phase: 2\n",
        "    phase: 2\n    colour: red\n",
        &[
            "config/stack.yaml:31:5 error stack/unknown-key: group `core` has no key `colour`; help: known keys: machine, \
           address, uid, user, phase, published_status_port, agents, config_file, requirements, packages, build_packages, \
           required_modules, assets, variants, variant, without_wheels, start, flags, include, contents, environment, published, publish, reaches, \
           when_dependency_fails, writable, start_period, health, stop_signal, \
           stop_grace, restart, mounts, devices, extra_hosts, shm_size, tmp_size, dns, ulimits, \
           capabilities, sockets, host_services, memory, \
           cpus, processes, secrets, env_file, overrides",
        ],
    );
    stack(
        "name: sys\n",
        "name: sys\nstart: hot\n",
        &[
            "config/stack.yaml:3:8 error stack/bad-value: `start` is neither `warm` nor `plain`; help: `warm` forks agents \
             from an interpreter that has imported what they share, `plain` starts one for each",
        ],
    );
    stack(
        "    machine: pc2\n",
        "",
        &["config/stack.yaml:39:3 error stack/missing-key: group `far` has no `machine`; help: add `machine:`"],
    );
    stack(
        "name: sys\n",
        "name: sys\nname: sys2\n",
        &[
            "config/stack.yaml:3:1 error stack/duplicate-key: the key `name` stands here a second time; first written \
           here at 2:1; help: remove one of the two `name:`",
        ],
    );
    main(
        "    port: 5000\n",
        "    port: 5000\n    prot: 1\n",
        &[
            "tree/main/startup.yaml:5:5 warning stack/unknown-key: agent `Alpha` has no key `prot`; help: did you mean \
           `port`?",
        ],
    );
    main(
        "    port: 5000\n",
        "",
        &[
            "tree/main/startup.yaml:2:11 warning stack/missing-key: agent `Alpha` has no `port`; help: add `port:`; until then \
             it is told to use 21000, and is healthy while its process runs (`health: process`)",
        ],
    );
}

#[test]
fn every_problem_of_a_file_is_reported_at_once() {
    let fixture = Fixture::small()
        .stack("version: 1", "version: one")
        .stack("    phase: 3\n", "    phase: [3]\n    what: 1\n")
        .stack("name: sys_pc2", "nam: x, name: sys_pc2")
        .file(PC2, "port: 7100", "port: true");
    let lines = fixture.says();
    let rules: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(
        rules,
        [
            "stack/wrong-type:",
            "stack/unknown-key:",
            "stack/wrong-type:",
            "stack/unknown-key:",
            "stack/wrong-type:",
        ],
        "{lines:#?}"
    );
}

#[test]
fn wrong_types_and_values_of_agents() {
    main(
        "port: 5000",
        "port: 70000",
        &[
            "tree/main/startup.yaml:4:11 error stack/bad-value: `port` cannot be 70000; help: use a whole number from 1 to 65535",
        ],
    );
    main(
        "port: 5000",
        "port: 0",
        &[
            "tree/main/startup.yaml:4:11 error stack/bad-value: `port` cannot be 0; help: use a whole number from 1 to 65535",
        ],
    );
    main("port: 5000", "port: \"5000\"", &[]);
    main(
        "port: 5000",
        "port: \"5000x\"",
        &["tree/main/startup.yaml:4:11 error stack/wrong-type: `port` must be a whole number, not text"],
    );
    main("dependencies: [Alpha, Ghost]", "dependencies: Alpha, Ghost", &[]);
    main(
        "dependencies: [Alpha, Ghost]",
        "dependencies: 7",
        &[
            "config/stack.yaml:25:10 warning stack/unused-fallback: the fallback of `Ghost` is never used: nothing \
             depends on it; help: remove it from `fallbacks:`",
            "tree/main/startup.yaml:8:19 error stack/wrong-type: `dependencies` must be text, not a number",
        ],
    );
    main(
        "port: 5002",
        "port: 5002, required: maybe",
        &["tree/main/startup.yaml:10:69 error stack/wrong-type: `required` must be `true` or `false`, not text"],
    );
}

#[test]
fn wrong_types_and_values_of_the_stack() {
    stack(
        "address: 172.20.0.10",
        "address: 172.20.0.999",
        &[
            "config/stack.yaml:29:14 error stack/bad-value: `address` `172.20.0.999` is not a valid IPv4 address; help: write it \
           as in `172.20.0.10`",
        ],
    );
    stack(
        "172.20.0.0/16",
        "172.20.0.0",
        &[
            "config/stack.yaml:14:39 error stack/bad-value: `172.20.0.0` is not a valid subnet; help: write an IPv4 network with \
           a prefix from 8 to 30, as in `172.20.0.0/16`",
        ],
    );
    stack(
        "172.20.0.0/16",
        "172.20.0.7/16",
        &[
            "config/stack.yaml:14:39 error stack/bad-value: `172.20.0.7/16` is an address inside a subnet, not the \
           subnet; help: write `172.20.0.0/16`",
        ],
    );
    stack(
        "version: 1",
        "version: 2",
        &["config/stack.yaml:1:10 error stack/bad-value: `version` cannot be 2; help: use a whole number from 1 to 1"],
    );
    stack(
        "status_port: 9000",
        "python: {version: 3.9.1}",
        &[
            "config/stack.yaml:7:19 error stack/bad-value: `python.version` cannot be `3.9.1`; help: write the two parts \
           of a Python 3 in quotes, as in `\"3.11\"`",
        ],
    );
    stack(
        "namespace: localhost/sys",
        "namespace: sys",
        &[
            "config/stack.yaml:5:14 error stack/bad-value: `sys` names no registry; help: write it in full, as in \
           `localhost/ai_system`: Podman does not resolve short names",
        ],
    );
    stack(
        "    phase: 2\n",
        "    phase: 2\n    packages: [\"a; rm\"]\n",
        &[
            "config/stack.yaml:31:16 error stack/bad-value: `a; rm` is not a valid name of a Debian package; help: use a name as \
           in `libzmq5`",
        ],
    );
    main(
        "script_path: main/alpha.py",
        "script_path: ../alpha.py",
        &[
            "tree/main/startup.yaml:3:18 error stack/bad-value: `script_path` `../alpha.py` leads out of the tree; help: \
           write a path relative to the tree's root, without `..`",
        ],
    );
    main(
        "port: 5000",
        "port: 64000",
        &[
            "tree/main/startup.yaml:4:11 error stack/bad-value: agent `Alpha` has no health port: 64000 and the offset \
           2000 make more than 65535; help: write `health_check_port:` for this agent",
        ],
    );
}

#[test]
fn values_that_would_break_a_dockerfile() {
    stack(
        "base_image: docker.io/library/python:3.11-slim",
        "base_image: python slim",
        &[
            "config/stack.yaml:6:15 error stack/bad-value: `images.base_image` cannot be `python slim`; help: use \
           letters, digits, `_`, `.`, `-`, `/`, `:` and `@`",
        ],
    );
    stack(
        "source_tree: tree",
        "source_tree: \"tree\\nRUN x\"",
        &[
            "config/stack.yaml:3:14 error stack/bad-value: `source_tree` has a line break or another control character; \
           help: write it on one line",
        ],
    );
}

#[test]
fn names_that_no_container_can_have() {
    stack(
        "  side:\n",
        "  si/de:\n    requirements: requirements.side.txt\n",
        &[
            "config/stack.yaml:33:3 error stack/bad-name: a group cannot be called `si/de`; help: use letters, digits, \
           `_`, `.` and `-`, a letter or a digit first",
        ],
    );
    stack(
        "  side:\n",
        "  base:\n    requirements: requirements.side.txt\n",
        &[
            "config/stack.yaml:33:3 error stack/bad-name: a group cannot be called `base`: that is the base image's \
           name; help: choose another name",
        ],
    );
}

#[test]
fn texts_that_cannot_be_read() {
    let mut fixture = Fixture::small();
    fixture.stack = b"a: [1\n".to_vec();
    let (loaded, findings) = fixture.load();
    assert!(loaded.is_none());
    assert_eq!(findings[0].rule, "stack/syntax");
    fixture.stack = b"\n# nothing\n".to_vec();
    says(
        fixture,
        &["config/stack.yaml:0:0 error stack/missing-key: `config/stack.yaml` is empty"],
    );
    let mut fixture = Fixture::small();
    fixture.stack = b"version: 1\nname: sys\nmachines: {}\ngroups: {}\n".to_vec();
    let found = fixture.says();
    for said in [
        "config/stack.yaml:3:11 error stack/missing-key: `machines` is empty; help: write a machine below it",
        "config/stack.yaml:4:9 error stack/missing-key: `groups` is empty; help: write a group below it",
    ] {
        assert!(found.iter().any(|finding| finding == said), "{said}\n{found:#?}");
    }

    let mut fixture = Fixture::small();
    fixture
        .texts
        .insert(MAIN.to_owned(), b"core:\n  - name: \xff\n".to_vec());
    says(
        fixture,
        &["tree/main/startup.yaml:2:11 error stack/encoding: this byte is not UTF-8; help: save the file as UTF-8"],
    );
    let mut fixture = Fixture::small();
    fixture.texts.remove(PC2);
    says(
        fixture,
        &[
            "config/stack.yaml:18:21 error stack/unreadable: cannot read the startup config `tree/pc2/startup.yaml`: no \
           such file; help: correct `startup_config:`, or add the file to the tree",
        ],
    );
    stack(
        "source_tree: tree",
        "source_tree: nowhere",
        &[
            "config/stack.yaml:3:14 error stack/unreadable: cannot read the tree `nowhere`: no such folder; help: \
           correct `source_tree:`, or give another with `--tree`",
        ],
    );
    assert_eq!(
        Fixture::small().stack("source_tree: tree\n", "").model().source_tree,
        "."
    );
    let mut fixture = Fixture::small().stack("source_tree: tree\n", "");
    fixture.given = Some("/elsewhere/".to_owned());
    says(fixture.clone(), &[]);
    assert_eq!(fixture.model().agents[0].place.path, "/elsewhere/main/startup.yaml");
}

#[test]
fn a_startup_config_without_agents() {
    let mut fixture = Fixture::small();
    fixture.texts.insert(PC2.to_owned(), b"environment: {A: b}\n".to_vec());
    let lines = fixture.says();
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(
        lines[0],
        "tree/pc2/startup.yaml:1:1 error stack/missing-key: `tree/pc2/startup.yaml` lists no agents; help: agents are \
         a list of mappings under any key, each with a `name`"
    );
}

#[test]
fn file_path_is_read_as_script_path() {
    let fixture = Fixture::small().file(MAIN, "script_path: main/alpha.py", "file_path: main/alpha.py");
    assert_eq!(fixture.model().agents[0].script_path, "main/alpha.py");
    says(
        fixture,
        &[
            "tree/main/startup.yaml:3:5 warning stack/file-path: agent `Alpha` writes `file_path` where `script_path` is \
           meant; help: rename the key to `script_path`; it is read as that meanwhile",
        ],
    );
}

#[test]
fn agents_in_no_group_two_groups_or_nowhere() {
    stack(
        "agents: [Alpha, Beta]",
        "agents: [Alpha]",
        &[
            "tree/main/startup.yaml:5:11 error stack/ungrouped-agent: no group of `main` holds agent `Beta`; help: add \
           it to the `agents:` of a group in `config/stack.yaml`: without one it is never started",
        ],
    );
    stack(
        "agents: [Gamma]",
        "agents: [Gamma, Alpha]",
        &[
            "config/stack.yaml:38:21 error stack/agent-in-two-groups: agent `Alpha` is in a group already; first listed \
           here at 32:14; help: an agent runs once: leave it in one group",
        ],
    );
    stack(
        "agents: [Alpha, Beta]",
        "agents: [Alpha, Beta, Gama]",
        &[
            "config/stack.yaml:32:27 error stack/unknown-agent: `tree/main/startup.yaml` defines no agent `Gama`; help: \
           did you mean `Gamma`?",
        ],
    );
    stack(
        "agents: [Alpha, Beta]",
        "agents: [Alpha, Beta, Delta]",
        &[
            "config/stack.yaml:32:27 error stack/unknown-agent: `tree/main/startup.yaml` defines no agent `Delta`; help: \
           it is an agent of machine `pc2`",
        ],
    );
    main(
        "environment:\n",
        "more:\n  - {name: Alpha, script_path: main/alpha.py, port: 5009}\nenvironment:\n",
        &[
            "tree/main/startup.yaml:12:12 error stack/duplicate-agent: agent `Alpha` is defined a second time; first \
           defined here, and that is used at 2:11; help: remove or rename one of the two",
        ],
    );
    stack(
        "machine: pc2",
        "machine: pc3",
        &[
            "config/stack.yaml:40:14 error stack/unknown-machine: there is no machine `pc3`; help: did you mean `pc2`?",
            "tree/pc2/startup.yaml:2:12 error stack/ungrouped-agent: no group of `pc2` holds agent `Delta`; help: add \
             it to the `agents:` of a group in `config/stack.yaml`: without one it is never started",
        ],
    );
    stack(
        "groups:\n",
        "groups:\n  idle: {machine: main, address: 172.20.0.30, phase: 3, published_status_port: 19109, agents: [], \
         requirements: requirements.core.txt}\n",
        &[
            "config/stack.yaml:27:3 error stack/empty-group: group `idle` has no agents; help: list at least one agent, \
           or remove the group",
        ],
    );
}

#[test]
fn references_of_a_group() {
    stack(
        "    phase: 2\n",
        "    phase: 2\n    published: [Alfa]\n    reaches: [Gama, pc9/Delta]\n    overrides: {Betta: {required: false}}\n",
        &[
            "config/stack.yaml:31:17 error stack/unknown-agent: group `core` has no agent `Alfa`; help: did you mean \
             `Alpha`?",
            "config/stack.yaml:32:15 error stack/unknown-agent: no group has an agent `Gama`; help: did you mean \
             `Gamma`?",
            "config/stack.yaml:32:21 error stack/unknown-machine: there is no machine `pc9`; help: did you mean `pc2`?",
            "config/stack.yaml:33:17 error stack/unknown-agent: group `core` has no agent `Betta`; help: did you mean \
             `Beta`?",
        ],
    );
    let fixture = Fixture::small().stack(
        "    phase: 2\n",
        "    phase: 2\n    published: [Beta]\n    reaches: [\"*\", pc2/Delta]\n    overrides:\n      Beta: {required: \
         false, argument_style: equals, health_check_port: 6001, params: {deep: 1}}\n",
    );
    says(fixture.clone(), &[]);
    let loaded = fixture.model();
    assert_eq!(names(&loaded, loaded.groups[0].published.clone()), ["Beta"]);
    assert_eq!(names(&loaded, loaded.groups[0].reaches.clone()), ["Gamma", "Delta"]);
    let beta = &loaded.agents[1];
    assert!(!beta.required && beta.argument_style.is_some());
    assert_eq!((beta.health_check_port, beta.params["deep"].as_str()), (6001, "1"));
}

#[test]
fn which_flags_agents_are_given_is_said_by_a_group_or_an_override() {
    use contract::own_flags::{OwnFlag, OwnFlags};
    let of = |group: &str, beta: &str| {
        Fixture::small().stack(
            "    phase: 2\n",
            &format!("    phase: 2\n{group}    overrides: {{Beta: {{{beta}}}}}\n"),
        )
    };
    let fixture = of("    flags: none\n", "flags: [port, name]");
    says(fixture.clone(), &[]);
    let flags: Vec<OwnFlags> = fixture.model().agents.iter().map(|agent| agent.own_flags).collect();
    let two = [OwnFlag::Port, OwnFlag::Name].into_iter().collect();
    assert_eq!(flags, [OwnFlags::NONE, two, OwnFlags::ALL, OwnFlags::ALL]);
    let back = of("    flags: none\n", "flags: all").model();
    assert_eq!(back.agents[1].own_flags, OwnFlags::ALL);
    // How health is asked does not change, and an empty list is none.
    let none = of("", "flags: []").model();
    assert_eq!(none.agents[1].own_flags, OwnFlags::NONE);
    assert_eq!(
        none.agents[1].runtime.health,
        Fixture::small().model().agents[1].runtime.health
    );
    let core = none.find_group("core").unwrap();
    let config = crate::container::group_config::config(&none, core, &crate::container::preload::Preload::default());
    assert_eq!(config.agents[1].own_flags, OwnFlags::NONE);
    const HELP: &str = "help: write `none`, `all`, or those of `port`, `health_check_port` and `name` that its parser takes, as in `[port]`";
    for (value, said) in [
        ("flags: [host]", "`flags` cannot have `host`"),
        ("flags: off", "`flags` is neither a word nor a list"),
        ("flags: {port: true}", "`flags` is neither a word nor a list"),
    ] {
        let lines = of("", value).says();
        assert!(
            lines.iter().any(|line| line.contains(said) && line.ends_with(HELP)),
            "{value}: {lines:#?}"
        );
    }
}

#[test]
fn starts_are_the_stack_s_unless_a_group_or_an_override_says_more() {
    let fixture = Fixture::small()
        .stack("name: sys\n", "name: sys\nstart: warm\npreload_skip: [numpy]\n")
        .stack(
            "    phase: 2\n",
            "    phase: 2\n    start: plain\n    overrides: {Beta: {start: warm}}\n",
        );
    says(fixture.clone(), &[]);
    let loaded = fixture.model();
    assert_eq!(loaded.preload_skip, ["numpy"]);
    let starts: Vec<(&str, Start)> = loaded
        .agents()
        .map(|(id, agent)| (agent.name.as_str(), loaded.start(id)))
        .collect();
    assert_eq!(starts[..2], [("Alpha", Start::Plain), ("Beta", Start::Warm)]);
    assert!(starts[2..].iter().all(|(_, start)| *start == Start::Warm), "{starts:?}");
    assert_eq!(Fixture::small().model().start, Start::Plain);
}

#[test]
fn what_agents_do_whose_dependency_fails_is_said_at_any_level() {
    let policy = |fixture: Fixture| -> Vec<WhenDependencyFails> {
        says(fixture.clone(), &[]);
        let model = fixture.model();
        let agents = model.agents();
        agents.map(|(_, agent)| agent.runtime.when_dependency_fails).collect()
    };
    let (start, wait) = (WhenDependencyFails::Start, WhenDependencyFails::Wait);
    assert!(policy(Fixture::small()).iter().all(|policy| *policy == start));
    let all = Fixture::small().stack("name: sys\n", "name: sys\nwhen_dependency_fails: wait\n");
    assert!(policy(all.clone()).iter().all(|policy| *policy == wait));
    let some = all.stack(
        "    phase: 2\n",
        "    phase: 2\n    when_dependency_fails: start\n    overrides: {Beta: {when_dependency_fails: wait}}\n",
    );
    assert_eq!(policy(some)[..3], [start, wait, wait]);
    let machine = Fixture::small().stack(
        "    address_variable: PC2_IP\n",
        "    address_variable: PC2_IP\n    when_dependency_fails: wait\n",
    );
    assert_eq!(policy(machine), [start, start, start, wait]);
    stack(
        "name: sys\n",
        "name: sys\nwhen_dependency_fails: panic\n",
        &[
            "config/stack.yaml:3:24 error stack/bad-value: `when_dependency_fails` is neither `start` nor `wait`; help: \
           `start` starts an agent without a dependency that was given up, `wait` lets it wait for that one",
        ],
    );
}

#[test]
fn a_status_endpoint_that_another_machine_asks_has_a_port_of_its_own_there() {
    stack(
        "published_status_port: 19101",
        "published_status_port: 7000",
        &[
            "config/stack.yaml:31:28 error stack/status-port-clash: port 7000 of the LAN address of `main` is taken by \
           agent `Alpha`; its ports at 4:11; help: give each group a `published_status_port` that no agent has: other \
           machines ask there whether an agent has failed",
        ],
    );
}

#[test]
fn files_that_the_tree_lacks() {
    says(
        Fixture::small().without("main/alpha.py"),
        &[
            "tree/main/startup.yaml:3:18 error stack/missing-script: the script of agent `Alpha`, `main/alpha.py` is not \
           in the tree; help: add the file, or correct the path",
        ],
    );
    main(
        "SHORT/beta.py",
        "main/beta.py",
        &[
            "tree/main/startup.yaml:6:18 error stack/missing-script: the script of agent `Beta`, `main/beta.py` is not in \
           the tree; help: did you mean `main/long/beta.py`?",
        ],
    );
    main(
        "main/alpha.py",
        "main/Alpha.py",
        &[
            "tree/main/startup.yaml:3:18 error stack/path-case: the script of agent `Alpha`, `main/Alpha.py` is \
           `main/alpha.py` in the tree: upper and lower case differ; help: write the path as the file is called: Linux \
           tells the two apart",
        ],
    );
    let without = || Fixture::small().without("requirements.side.txt");
    says(
        without(),
        &[
            "config/stack.yaml:33:3 warning stack/missing-requirements: the requirements file of group `side`, \
             `requirements.side.txt` is not in the tree; help: add the file, or a `requirements.txt`, or name one as \
             `requirements:` of the group in `config/stack.yaml`: without one its image gets no packages",
        ],
    );
    says(
        without().stack(
            "  namespace: localhost/sys\n",
            "  namespace: localhost/sys\n  requirements: requirements.{group}.txt\n",
        ),
        &[
            "config/stack.yaml:34:3 error stack/missing-requirements: the requirements file of group `side`, \
             `requirements.side.txt` is not in the tree; help: add the file, or correct the path",
        ],
    );
    stack(
        "code: [main]",
        "code: [main, nothing]",
        &[
            "config/stack.yaml:11:18 error stack/missing-code: the folder `nothing` is not in the tree; help: correct \
           `code:`, or give the right tree with `--tree`",
        ],
    );
    stack(
        "    phase: 2\n",
        "    phase: 2\n    config_file: side.yaml\n",
        &[
            "config/stack.yaml:34:3 error stack/config-file-clash: `config/side.yaml` belongs to group `core` already; \
           the other group at 31:18; help: write a `config_file:` of its own for one of them",
        ],
    );
}

#[test]
fn aliases() {
    let mut fixture = Fixture::small();
    fixture.tree.files.insert("SHORT/x.py".to_owned());
    says(
        fixture,
        &[
            "config/stack.yaml:16:27 error stack/alias-collision: alias `SHORT` is a real path of the tree; help: remove \
           the alias, or the path in the tree",
        ],
    );
    stack(
        "{SHORT: main/long}",
        "{SHORT: main/long, OTHER: main/wide}",
        &[
            "config/stack.yaml:16:45 error stack/alias-target: alias `OTHER` leads to `main/wide`, which is not in the \
           tree; help: correct the path, or remove the alias",
        ],
    );
}

#[test]
fn ports_that_clash() {
    main(
        "port: 5001",
        "port: 5000\n    health_check_port: 7009",
        &[
            "tree/main/startup.yaml:7:11 error stack/port-clash: the port of `Beta` is 5000, like the port of `Alpha`; \
           taken here at 4:11; help: give every agent of a group ports of its own; until then, `Beta` is left out",
        ],
    );
    main(
        "port: 5001",
        "port: 7000\n    health_check_port: 7009",
        &[
            "tree/main/startup.yaml:7:11 error stack/port-clash: the port of `Beta` is 7000, like the implied health \
           port of `Alpha`; taken here at 4:11; help: write a `health_check_port:` of its own for the agent whose \
           health port is implied; until then, `Alpha` is left out",
        ],
    );
    stack(
        "status_port: 9000",
        "status_port: 5002",
        &[
            "tree/main/startup.yaml:10:53 error stack/port-clash: the port of `Gamma` is 5002, which is the supervisor's \
           `status_port`; help: `Gamma` is left out until then: change `status_port` in `config/stack.yaml`",
        ],
    );
    stack(
        "19102",
        "19101",
        &[
            "config/stack.yaml:37:28 error stack/status-port-clash: port 19101 of the host is taken by group `core`; \
           taken here at 31:28; help: give each group a `published_status_port` of its own",
        ],
    );
    stack(
        "19102",
        "5000",
        &[
            "config/stack.yaml:37:28 error stack/status-port-clash: port 5000 of the host is taken by agent `Alpha`; \
           taken here at 4:11; help: give each group a `published_status_port` of its own",
        ],
    );
    says(
        Fixture::small().file(PC2, "port: 7100", "port: 5000"),
        &[
            "config/stack.yaml:39:3 warning stack/bridge-port-clash: in group `far`, localhost:5000 cannot lead to \
           `Alpha` of `main`: it belongs to agent `Delta`; the port at 4:11; help: code that connects to that agent \
           through localhost reaches the wrong one; change one of the ports",
        ],
    );
}

/// Each container has a network of its own.
#[test]
fn ports_of_other_containers_may_be_the_same() {
    let same = || Fixture::small().file(MAIN, "port: 5002", "port: 5000");
    says(same(), &[]);
    let stack = same().model();
    let published = |name: &str| stack.group(stack.find_group(name).unwrap()).published.len();
    assert_eq!(
        (published("core"), published("side")),
        (2, 0),
        "one of the two is published"
    );
    // The one that is named is.
    let named = same().stack("    agents: [Gamma]", "    published: [Gamma]\n    agents: [Gamma]");
    let stack = named.model();
    let core = stack.find_group("core").unwrap();
    assert_eq!(
        stack.group(core).published,
        [stack.find_agent(stack.group(core).machine, "Beta").unwrap()]
    );

    main(
        "port: 5002",
        "port: 7001",
        &[
            "config/stack.yaml:33:3 note stack/bridge-port-clash: in group `side`, localhost:7001 cannot lead to the \
             health port of `Beta`: others have these numbers; the port at 7:11; help: supervisors ask health where the \
             agent lives; for code that asks at localhost, give it a health port of its own",
        ],
    );
    let implied = Fixture::small()
        .stack("health_port_offset: 2000", "health_port_offset: 1")
        .stack(
            "agents: [Alpha, Beta]",
            "agents: [Alpha]\n  more:\n    machine: main\n    address: 172.20.0.30\n    phase: 3\n    \
         published_status_port: 19103\n    requirements: requirements.core.txt\n    agents: [Beta]",
        );
    let said = implied.says();
    let notes = said
        .iter()
        .filter(|text| text.contains(" note stack/bridge-port-clash: "));
    assert_eq!((notes.count(), said.len()), (2, 2), "{said:#?}");
}

#[test]
fn ports_of_one_address_or_of_one_bridge_are_not() {
    says(
        Fixture::small()
            .file(MAIN, "port: 5002", "port: 5000")
            .stack(
                "    agents: [Alpha, Beta]",
                "    published: [Alpha]\n    agents: [Alpha, Beta]",
            )
            .stack("    agents: [Gamma]", "    published: [Gamma]\n    agents: [Gamma]"),
        &[
            "tree/main/startup.yaml:10:53 error stack/port-clash: the port of `Gamma` is 5000, like the port of `Alpha`, and \
             both are published on the host's loopback; taken here at 4:11; help: take one of the agents out of \
             `published:`, or give it another port",
        ],
    );
    let on_lan = Fixture::small()
        .file(
            MAIN,
            "port: 5002",
            "port: 5000\n    health_check_port: 7009"
                .replace("\n    ", ", ")
                .as_str(),
        )
        .stack("    agents: [Delta]", "    reaches: [main/Gamma]\n    agents: [Delta]");
    let said = on_lan.says();
    let lan = "error stack/port-clash: the port of `Gamma` is 5000, like the port of `Alpha`, and both are published on its \
               machine's LAN address";
    assert!(said.iter().any(|text| text.contains(lan)), "{said:#?}");
    assert!(
        said.iter()
            .any(|text| text.contains("localhost:5000 cannot lead to `Gamma` of `main`")),
        "{said:#?}"
    );

    let bridge = Fixture::small()
        .file(
            MAIN,
            "port: 5001\n    dependencies: [Alpha, Ghost]",
            "port: 5000\n    health_check_port: 7009\n    dependencies: [Ghost]",
        )
        .file(MAIN, "dependencies: [Beta]", "dependencies: [Beta, Alpha]")
        .stack(
            "agents: [Alpha, Beta]",
            "agents: [Alpha]\n  more:\n    machine: main\n    address: 172.20.0.30\n    phase: 3\n    \
             published_status_port: 19103\n    requirements: requirements.core.txt\n    agents: [Beta]",
        );
    let said = bridge.says();
    let one = "error stack/port-clash: the port of `Beta` is 5000, like the port of `Alpha`, and agents of `side` connect to both";
    assert!(said.iter().any(|text| text.contains(one)), "{said:#?}");
}

/// The small stack whose groups have users of their own, with this behind `per_group: true`.
fn of_own_users(more: &str) -> Fixture {
    let image = "  base_image: docker.io/library/python:3.11-slim\n";
    let user = format!(
        "{image}  user: {{uid: 500, per_group: true{more}}}\nvolumes: {{data: /app/data, config: /app/config}}\n"
    );
    Fixture::small().stack(image, &user)
}

#[test]
fn groups_have_users_of_their_own_where_the_stack_says_so() {
    let users = |stack: &Stack| stack.groups().map(|(id, _)| stack.group_user(id)).collect::<Vec<_>>();
    let stack = Fixture::small().model();
    assert_eq!(users(&stack), [None; 3]);
    assert_eq!(stack.groups[1].uid, stack.images.uid);
    assert_eq!(stack.meeting_folders(), Vec::<&str>::new());
    let stack = of_own_users(", shared: [/app/data/main]")
        .stack("  side:\n", "  side:\n    uid: 900\n")
        .model();
    assert_eq!(users(&stack), [Some((501, 500)), Some((900, 500)), Some((503, 500))]);
    assert_eq!(stack.meeting_folders(), ["/app/data", "/app/data/main"]);
}

#[test]
fn users_that_clash() {
    let help = "help: give each group of a machine a `uid` of its own, which is not that of `images: user:`";
    says(
        of_own_users("").stack("  side:\n", "  side:\n    uid: 501\n"),
        &[&format!(
            "config/stack.yaml:36:10 error stack/bad-value: groups `core` and `side` have one user, 501; taken here at 29:3; {help}"
        )],
    );
    says(
        of_own_users("").stack("  side:\n", "  side:\n    uid: 500\n"),
        &[&format!(
            "config/stack.yaml:36:10 error stack/bad-value: group `side` has the user of the images, 500; {help}"
        )],
    );
    // On another machine it is another user.
    says(of_own_users("").stack("  far:\n", "  far:\n    uid: 501\n"), &[]);
    stack(
        "  side:\n",
        "  side:\n    uid: 501\n",
        &[
            "config/stack.yaml:34:10 error stack/bad-value: `uid` of a group means nothing where all groups run as one user; \
             help: remove it, or write `per_group: true` in `images: user:`",
        ],
    );
}

#[test]
fn folders_for_all_groups_lie_in_volumes_that_they_write() {
    for folder in [
        "/app/data",
        "/app/data/",
        "/app/config/x",
        "/app/data/../x",
        "/app/data2/x",
        "data/x",
        "\"/app/data/a b\"",
    ] {
        let written = folder.trim_matches('"');
        says(
            of_own_users(&format!(", shared: [{folder}]")),
            &[&format!(
                "config/stack.yaml:7:46 error stack/bad-value: `{written}` is not a folder below a volume that agents write; \
                 help: write where it is in a container, as in `/app/data/results`"
            )],
        );
    }
    says(of_own_users(", shared: [/app/data/a/b]"), &[]);
}

#[test]
fn a_subnet_that_is_left_out_follows_from_the_networks_name() {
    let outside = |line: u32, address: &str| {
        format!(
            "config/stack.yaml:{line}:14 error stack/address-outside-subnet: address {address} is outside `main`'s subnet \
             10.69.175.0/24; help: choose an address of 10.69.175.0/24"
        )
    };
    stack(
        "network: {name: sys_main, subnet: 172.20.0.0/16}",
        "network: {name: sys_main}",
        &[&outside(29, "172.20.0.10"), &outside(35, "172.20.0.20")],
    );
}

#[test]
fn addresses_that_clash() {
    stack(
        "address: 172.20.0.20",
        "address: 172.22.0.20",
        &[
            "config/stack.yaml:35:14 error stack/address-outside-subnet: address 172.22.0.20 is outside `main`'s subnet \
           172.20.0.0/16; help: choose an address of 172.20.0.0/16",
        ],
    );
    for (address, role) in [
        ("172.20.0.1", "the gateway"),
        ("172.20.0.0", "the network's own address"),
        ("172.20.255.255", "the broadcast address"),
    ] {
        stack(
            "172.20.0.20",
            address,
            &[&format!(
                "config/stack.yaml:35:14 error stack/address-reserved: address {address} is {role} of 172.20.0.0/16; \
                 help: choose another address"
            )],
        );
    }
    stack(
        "address: 172.20.0.20",
        "address: 172.20.0.10",
        &[
            "config/stack.yaml:35:14 error stack/address-clash: groups `core` and `side` have one address, 172.20.0.10; \
           taken here at 29:14; help: give each group an address of its own",
        ],
    );
    stack(
        "192.168.1.102",
        "192.168.1.101",
        &[
            "config/stack.yaml:20:18 error stack/address-clash: machines `main` and `pc2` have one address, \
           192.168.1.101; taken here at 12:18; help: give each machine its own `lan_address`",
        ],
    );
    stack(
        "172.20.0.0/16",
        "172.16.0.0/12",
        &[
            "config/stack.yaml:22:38 error stack/subnet-overlap: subnet 172.21.0.0/16 of `pc2` overlaps 172.16.0.0/12 of \
           `main`; the other subnet at 14:39; help: give each machine a subnet of its own",
        ],
    );
}

#[test]
fn dependencies_that_nothing_defines() {
    let absent = "tree/main/startup.yaml:8:27";
    let wants = "stack/missing-dependency: agent `Beta` depends on";
    let (_, findings) = Fixture::small().load();
    assert_eq!(
        findings.iter().map(super::fixture::line).collect::<Vec<_>>(),
        [format!(
            "{absent} warning {wants} `Ghost`, which nothing defines; help: `main/ghost.py` stands in for it; it is \
             never waited for"
        )]
    );
    main(
        "dependencies: [Alpha, Ghost]",
        "dependencies: [Alpha, Ghost, Nobody]",
        &[&format!(
            "tree/main/startup.yaml:8:34 error {wants} `Nobody`, which nothing defines; help: define the agent, or \
             name a script that stands in for it under `fallbacks:` in `config/stack.yaml`"
        )],
    );
    main(
        "dependencies: [Alpha, Ghost]",
        "dependencies: [Alpha, Ghost, Gama]",
        &[&format!(
            "tree/main/startup.yaml:8:34 error {wants} `Gama`, which nothing defines; help: did you mean `Gamma`?"
        )],
    );
    stack(
        "Ghost: main/ghost.py",
        "Ghost: main/gone.py",
        &[
            "config/stack.yaml:25:10 error stack/missing-fallback: the fallback of `Ghost`, `main/gone.py`, is not in \
             the tree; help: correct the path: it is relative to the tree",
            &format!(
                "{absent} warning {wants} `Ghost`, which nothing defines; help: `main/gone.py` stands in for it; it is \
                 never waited for"
            ),
        ],
    );
    stack(
        "Ghost: main/ghost.py",
        "Ghost: main/ghost.py\n  Gamma: main/ghost.py",
        &[
            "config/stack.yaml:26:10 warning stack/unused-fallback: the fallback of `Gamma` is never used: it is \
           defined; help: remove it from `fallbacks:`",
        ],
    );
}

#[test]
fn cycles_are_named_as_a_chain() {
    main(
        "    port: 5000\n",
        "    port: 5000\n    dependencies: [Gamma, Delta]\n",
        &[
            "tree/main/startup.yaml:5:27 warning stack/dependency-cycle: dependency cycle: Alpha → Delta → Alpha; \
             help: these agents are started together, once what the cycle needs from outside is ready",
        ],
    );
    main(
        "    port: 5000\n",
        "    port: 5000\n    dependencies: [Alpha]\n",
        &[
            "tree/main/startup.yaml:5:20 warning stack/dependency-cycle: dependency cycle: Alpha → Alpha; help: remove \
           the dependency: an agent cannot wait for itself",
        ],
    );
}

#[test]
fn a_cycle_waits_for_what_it_needs_from_outside() {
    let loaded = Fixture::small()
        .file(
            MAIN,
            "port: 5002, dependencies: [Beta]",
            "port: 5002, dependencies: [Beta, Alpha]",
        )
        .file(MAIN, "[Alpha, Ghost]", "[Gamma, Ghost]")
        .model();
    let waits = |agent: usize| names(&loaded, loaded.agents[agent].waits_for.clone());
    assert_eq!(waits(1), ["Alpha"]);
    assert_eq!(waits(2), ["Alpha"]);
    let stages: Vec<Vec<&str>> = graph::stages(&loaded)
        .into_iter()
        .map(|stage| names(&loaded, stage))
        .collect();
    assert_eq!(stages, [vec!["Alpha"], vec!["Beta", "Gamma", "Delta"]]);
}

#[test]
fn the_real_stack_has_89_agents_in_16_groups() {
    let loaded = Fixture::real().model();
    assert_eq!((loaded.agents.len(), loaded.groups.len()), (89, 16));
    let of = |machine: &str| {
        let id = loaded.find_machine(machine).expect("a machine");
        (
            loaded.agents.iter().filter(|a| a.machine == id).count(),
            loaded.groups_of(id).count(),
        )
    };
    assert_eq!((of("mainpc"), of("pc2")), ((59, 11), (30, 5)));
    let rules: Vec<&str> = Fixture::real().load().1.iter().map(|f| f.rule).collect();
    assert_eq!(rules, ["stack/missing-dependency", "stack/dependency-cycle"]);
    assert_eq!(loaded.groups[0].config_file, "core_services.yaml");
    assert_eq!(loaded.groups[11].config_file, "pc2_core.yaml");
    assert_eq!(loaded.absent.len(), 1);
    let reached = loaded.reached_from_other_machines();
    assert_eq!(
        names(&loaded, reached.iter().copied()),
        ["CoordinatorAgent", "AuthenticationAgent", "RemoteConnectorAgent"]
    );
}

#[test]
fn a_machine_may_be_another_host() {
    let here = "    address_variable: PC2_IP\n";
    let with = |podman: &str| format!("{here}    podman: {podman}\n");
    let there = Fixture::small().stack(here, &with("{connection: pc2}")).model();
    assert_eq!(there.machines[0].connection, None);
    assert_eq!(there.machines[1].connection.as_deref(), Some("pc2"));
    let wrong = |podman: &str| Fixture::small().stack(here, &with(podman)).says().join("\n");
    for (podman, message) in [
        ("pc2", "`podman` must be a mapping"),
        ("{}", "`podman` has no `connection`"),
        ("{connection: --url}", "`--url` is not a valid name of a connection"),
        ("{connection: 7}", "`connection` must be text"),
        ("{connection: pc2, user: me}", "`podman` has no key `user`"),
    ] {
        let said = wrong(podman);
        assert!(said.contains(message), "{podman}: {said}");
    }
}

#[test]
fn the_real_graph() {
    let loaded = Fixture::real().model();
    let cycles = graph::cycles(&loaded.agents);
    assert_eq!(cycles.len(), 1);
    assert_eq!(
        names(&loaded, cycles[0].clone()),
        [
            "HealthMonitor",
            "PerformanceMonitor",
            "PerformanceLoggerAgent",
            "SelfHealingAgent"
        ]
    );
    let cycle = &cycles[0];
    for (id, agent) in loaded.agents() {
        if cycle.contains(&id) {
            assert_eq!(agent.waits_for, [], "{}", agent.name);
        } else {
            let declared: Vec<AgentId> = graph::dependencies(agent).collect();
            assert_eq!(agent.waits_for, declared, "{}", agent.name);
        }
    }
    let stages = graph::stages(&loaded);
    assert_eq!(stages.iter().map(Vec::len).sum::<usize>(), 89);
    let rings: Vec<Vec<&str>> = graph::group_cycles(&loaded)
        .into_iter()
        .map(|ring| ring.into_iter().map(|id| loaded.group(id).name.as_str()).collect())
        .collect();
    assert_eq!(
        rings,
        [
            vec!["audio-processing", "language-processing", "tts-services"],
            vec!["pc2-core", "pc2-integration", "pc2-memory", "pc2-utility"],
        ]
    );
    assert_eq!(graph::cross_container_edges(&loaded).len(), 57);
}

#[test]
fn same_names_on_two_machines_stay_apart() {
    let loaded = Fixture::real().model();
    let pc2 = loaded.find_machine("pc2").expect("pc2");
    let context = loaded.find_agent(pc2, "ContextManager").expect("an agent");
    let Some(Dependency::Agent(manager)) = loaded.agent(context).dependencies.first() else {
        panic!("no dependency")
    };
    assert_eq!(loaded.agent(*manager).machine, pc2);
    assert_eq!(loaded.agent(*manager).port, 7110);
}

#[test]
fn broken_texts_never_panic() {
    let characters = b"\n :-[]{},&*!|>'\"%@`#?~<\t\xff\xc3ax0";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap_or(0) % below.max(1)
    };
    for _ in 0..3_000 {
        let mut fixture = Fixture::small();
        let which = random(3);
        let text = match which {
            0 => &mut fixture.stack,
            1 => fixture.texts.get_mut(MAIN).expect("a text"),
            _ => fixture.texts.get_mut(PC2).expect("a text"),
        };
        for _ in 0..=random(4) {
            let at = random(text.len());
            match random(4) {
                0 => text.truncate(at),
                1 => text.insert(at, characters[random(characters.len())]),
                2 => {
                    let end = (at + random(40)).min(text.len());
                    text.drain(at..end);
                }
                _ if text.is_empty() => {}
                _ => text[at] = characters[random(characters.len())],
            }
        }
        let (loaded, findings) = fixture.load();
        assert!(loaded.is_some() || has_errors(&findings));
        if let Some(loaded) = loaded {
            let _ = crate::render::render(
                &loaded,
                &crate::container::preload::Preload::default(),
                &std::collections::BTreeSet::new(),
            );
        }
        for finding in findings {
            assert!(!finding.message.is_empty() && !finding.place.path.is_empty());
        }
    }
}

#[test]
fn the_reference_tree_is_sound() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ai_system");
    let mut fixture = Fixture::real();
    fixture.tree = TreeFiles::default();
    for entry in walkdir::WalkDir::new(&root) {
        let entry = entry.expect("an entry of the tree");
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&root).expect("a path of the tree");
            let path = path.to_string_lossy().into_owned();
            if path.ends_with("startup_config.yaml") {
                let text = std::fs::read(entry.path()).expect("a startup config");
                fixture.texts.insert(path.clone(), text);
            }
            fixture.tree.files.insert(path);
        }
    }
    let lines = fixture.says();
    let rules: Vec<&str> = lines.iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(
        rules,
        ["stack/missing-dependency:", "stack/dependency-cycle:"],
        "{lines:#?}"
    );
    // What the tree says is what `agents.tsv` says.
    let (tree, table) = (fixture.model(), Fixture::real().model());
    let facts = |stack: &Stack| -> Vec<_> {
        stack
            .agents
            .iter()
            .map(|agent| {
                (
                    agent.name.clone(),
                    agent.script_path.clone(),
                    agent.port,
                    agent.health_check_port,
                    agent.dependencies.clone(),
                )
            })
            .collect()
    };
    assert_eq!(facts(&tree), facts(&table));
}

/// A stack with that value of one variable, in each of the three places; what is said of it, less its place.
#[track_caller]
fn of_a_variable(entry: &str, expected: &[&str]) {
    of_a_variable_where(entry, expected, expected);
}

/// The same with what is said where a startup config has it.
#[track_caller]
fn of_a_variable_where(entry: &str, expected: &[&str], in_startup: &[&str]) {
    let flow = format!("environment: {{{entry}}}\n");
    for (fixture, expected) in [
        (
            Fixture::small().stack("    phase: 2\n", &format!("    phase: 2\n    {flow}")),
            expected,
        ),
        (
            Fixture::small().stack(
                "    health_port_offset: 2000\n",
                &format!("    health_port_offset: 2000\n    {flow}"),
            ),
            expected,
        ),
        (
            Fixture::small().file(PC2, "pc2_services:\n", &format!("{flow}pc2_services:\n")),
            in_startup,
        ),
    ] {
        let says = fixture.says();
        let said: Vec<&str> = says
            .iter()
            .map(|line| line.split_once(' ').expect("a place").1)
            .collect();
        assert_eq!(said, expected, "{entry}: {says:?}");
        let place = |line: &String| line.split(':').nth(1).and_then(|line| line.parse::<u32>().ok());
        assert!(
            says.iter().all(|line| place(line).is_some_and(|line| line > 0)),
            "{says:?}"
        );
    }
}

#[test]
fn variables_that_nobody_can_carry_are_told_before_anything_is_rendered() {
    let name = |name: &str| {
        format!(
            "error stack/bad-value: `{name}` is not a valid name of an environment variable; \
             help: use letters, digits and `_`, not a digit first, as in `LOG_LEVEL`"
        )
    };
    for (written, meant) in [
        (r#""""#, ""),
        (r#""A=B""#, "A=B"),
        (r#""=""#, "="),
        (r#""A B""#, "A B"),
        (r#"" A""#, " A"),
        (r#""A\nB""#, "A\nB"),
        (r#""A\tB""#, "A\tB"),
        (r#""A\0B""#, "A\0B"),
        (r#""A\x1b[31m""#, "A\u{1b}[31m"),
        (r#""A\u202e""#, "A\u{202e}"),
        ("1A", "1A"),
        ("ü", "ü"),
        (r#""<<""#, "<<"),
        ("~", "~"),
        ("A/B", "A/B"),
        ("22:30", "22:30"),
    ] {
        of_a_variable(&format!("{written}: x"), &[&name(meant)]);
    }
    of_a_variable(
        r#"A: "x\0y""#,
        &["error stack/bad-value: `A` has a NUL character; help: no program can be given one: remove it"],
    );
    of_a_variable(
        r#"A: "x\ny""#,
        &[
            "warning stack/line-break: the value of `A` has a line break; help: it arrives as it is, but whoever reads an \
           environment line by line takes the rest for another variable",
        ],
    );
    for value in ["\\nx", " x\\ny", "\\tx\\ny", "\\n"] {
        of_a_variable(
            &format!("A: \"{value}\""),
            &[
                "warning stack/line-break: the value of `A` has a line break; help: Podman 4.3 refuses or changes it in a \
               Kubernetes manifest (`podman kube play`), as every value of several lines that begins with a space, a tab or a line \
               break: put it into a file, or begin it with something else",
            ],
        );
    }
    of_a_variable(
        &format!("A: {}", "x".repeat(131_071)),
        &[
            "error stack/bad-value: the value of `A` has 131071 bytes; help: the kernel takes at most 131072 bytes for a \
           variable with its name: put it into a file",
        ],
    );
    of_a_variable(&format!("A: {}", "x".repeat(100_000)), &[]);
    of_a_variable("A: [x]", &["error stack/wrong-type: `A` must be text, not a list"]);
    of_a_variable(
        "A: {x: y}",
        &["error stack/wrong-type: `A` must be text, not a mapping"],
    );
    for word in ["~", "null", "Null", "NULL"] {
        of_a_variable(
            &format!("A: {word}"),
            &[
                "error stack/bad-value: `A` has YAML's `null` as its value; help: write `\"\"` for an empty text, or the \
               word in quotes",
            ],
        );
    }
}

#[test]
fn values_keep_the_text_that_they_were_written_with() {
    for text in [
        "0x10",
        "1.50",
        "on",
        "y",
        "012",
        "1_000",
        "22:30",
        "1e3",
        "2001-12-14",
        ".inf",
        "True",
        "=",
        "+1",
        "0o17",
    ] {
        let fixture = Fixture::small().stack(
            "    phase: 2\n",
            &format!("    phase: 2\n    environment: {{A: {text}, y: {text}}}\n"),
        );
        assert_eq!(fixture.says(), Vec::<String>::new());
        let environment = &fixture.model().groups[0].environment;
        assert_eq!((environment["A"].as_str(), environment["y"].as_str()), (text, text));
        let fixture = Fixture::small().file(MAIN, "DEBUG: true", &format!("DEBUG: {text}"));
        assert_eq!(fixture.model().machines[0].environment["DEBUG"], text);
    }
}

#[test]
fn references_that_nothing_fills_in_are_told_and_can_be_written_as_text() {
    for (value, reference, instead) in [
        ("${KEY}", "${KEY}", "the value itself"),
        ("a ${KEY} b", "${KEY}", "the value itself"),
        ("${KEY:-x y}", "${KEY:-x y}", "the value itself, as `x y`"),
        ("${KEY-x}", "${KEY-x}", "the value itself, as `x`"),
        ("${KEY:?no key}", "${KEY:?no key}", "the value itself"),
    ] {
        let said = format!(
            "error stack/interpolation: `A` would get the text `{reference}`: nothing fills it in; help: write {instead}, \
             or `${reference}` for that very text"
        );
        // In a startup config, a default is taken.
        let in_startup = [said.as_str()];
        let in_startup = if instead.contains(" as ") {
            &[]
        } else {
            in_startup.as_slice()
        };
        of_a_variable_where(&format!("A: \"{value}\""), &[&said], in_startup);
        of_a_variable(&format!("A: \"{}\"", value.replace("${", "$${")), &[]);
    }
    for value in ["$KEY", "pa$$word", "$(KEY)", "${", "a}$", "{{x}}", "%(x)s", "${1}"] {
        of_a_variable(&format!("A: \"{value}\""), &[]);
    }
    // What never arrives needs no value.
    let startup = |fixture: Fixture| fixture.file(MAIN, "DEBUG: true", "DEBUG: \"${DEBUG}\"");
    let machine = "    health_port_offset: 2000\n";
    let fixture = startup(Fixture::small().stack(machine, &format!("{machine}    environment: {{DEBUG: x}}\n")));
    assert_eq!(fixture.says(), Vec::<String>::new());
    assert_eq!(fixture.model().machines[0].environment["DEBUG"], "x");
    let one_group = startup(Fixture::small().stack("    phase: 2\n", "    phase: 2\n    environment: {DEBUG: x}\n"));
    assert_eq!(one_group.says().len(), 1, "the other group would get it");
    let escaped = Fixture::small().file(MAIN, "DEBUG: true", "DEBUG: \"$${DEBUG}\"");
    assert_eq!(escaped.model().machines[0].environment["DEBUG"], "${DEBUG}");
}

#[test]
fn parameters_are_looked_at_as_variables_are() {
    let says = |params: &str| {
        let fixture = Fixture::small().file(
            MAIN,
            "    port: 5000\n",
            &format!("    port: 5000\n    params: {{{params}}}\n"),
        );
        fixture.says()
    };
    assert_eq!(says("a: 0x10, b.c-d: on, \"<<\": y"), Vec::<String>::new());
    assert_eq!(
        says(r#"a: "${KEY}""#),
        [
            "tree/main/startup.yaml:5:17 error stack/interpolation: `a` would get the text `${KEY}`: nothing fills it in; help: write the \
          value itself, or `$${KEY}` for that very text"
        ]
    );
    assert!(says(r#"a: "x\0""#)[0].contains("`a` has a NUL character"));
    assert!(says(r#""a b": x"#)[0].contains("`a b` is not a valid name of a parameter"));
    assert!(says(r#""": x"#)[0].contains("`` is not a valid name of a parameter"));
}

#[test]
fn ports_that_only_root_may_bind() {
    let message = |who: &str, port: u16| {
        format!(
            "{who} is {port}: below 1024, only a privileged process may bind a port; help: agents run without privileges: use a \
             port from 1024 up; what stands in front of the stack can publish it as {port}"
        )
    };
    for port in [80, 443, 1, 1023] {
        assert_eq!(
            Fixture::small()
                .file(MAIN, "port: 5002", &format!("port: {port}, health_check_port: 7002"))
                .says(),
            [format!(
                "tree/main/startup.yaml:10:53 error stack/privileged-port: {}",
                message("the port of `Gamma`", port)
            )]
        );
    }
    assert_eq!(
        Fixture::small()
            .file(MAIN, "port: 5002", "port: 5002, health_check_port: 853")
            .says(),
        [format!(
            "tree/main/startup.yaml:10:78 error stack/privileged-port: {}",
            message("the health port of `Gamma`", 853)
        )]
    );
    assert_eq!(
        Fixture::small().file(MAIN, "port: 5002", "port: 1024").says(),
        Vec::<String>::new()
    );
    assert_eq!(
        Fixture::small().stack("status_port: 9000", "status_port: 900").says(),
        [format!(
            "config/stack.yaml:0:0 error stack/privileged-port: {}",
            message("the supervisor's `status_port`", 900)
        )]
    );
}

#[test]
fn an_address_that_is_left_out_is_chosen() {
    let addresses = |fixture: Fixture| -> Vec<String> {
        let stack = fixture.model();
        stack.groups.iter().map(|group| group.address.to_string()).collect()
    };
    let without = |fixture: Fixture, address: &str| fixture.stack(&format!("    address: {address}\n"), "");
    assert_eq!(
        addresses(without(Fixture::small(), "172.20.0.10")),
        ["172.20.0.10", "172.20.0.20", "172.21.0.10"]
    );
    // Neither what is written further on nor what was chosen before is given again.
    let fixture = Fixture::small().stack("    address: 172.20.0.20\n", "    address: 172.20.0.10\n");
    let fixture = fixture.stack(
        "  core:\n    machine: main\n    address: 172.20.0.10\n",
        "  core:\n    machine: main\n",
    );
    assert_eq!(
        addresses(without(fixture, "172.21.0.10")),
        ["172.20.0.11", "172.20.0.10", "172.21.0.10"]
    );
    // With the subnet, too: both follow from the network's name.
    let fixture = Fixture::small().stack("{name: sys_main, subnet: 172.20.0.0/16}", "{name: sys_main}");
    let fixture = without(without(fixture, "172.20.0.10"), "172.20.0.20");
    let subnet = super::subnet::default_for("sys_main");
    let chosen = addresses(fixture.clone());
    assert_eq!(chosen, addresses(fixture.clone()), "always the same");
    let base = u32::from(subnet.network());
    let expected = [10, 11].map(|host| std::net::Ipv4Addr::from(base + host).to_string());
    assert_eq!(chosen[..2], expected);
    says(fixture, &[]);
    // A network with two addresses for containers, and a third group.
    let small = Fixture::small().stack("subnet: 172.20.0.0/16", "subnet: 172.20.0.0/30");
    let small = without(without(small, "172.20.0.10"), "172.20.0.20");
    says(
        small,
        &[
            "config/stack.yaml:32:3 error stack/no-address-left: network `sys_main` (172.20.0.0/30) has no address left for group `side`; \
             help: give `machines.main.network` a larger `subnet`",
        ],
    );
    stack(
        "address: 172.20.0.10",
        "address: x",
        &[
            "config/stack.yaml:29:14 error stack/bad-value: `address` `x` is not a valid IPv4 address; help: write it as in `172.20.0.10`",
        ],
    );
}

#[test]
fn nothing_that_agents_write_is_imported() {
    let with = |volumes: &str, path: &str| {
        Fixture::small()
            .stack(
                "status_port: 9000\n",
                &format!("status_port: 9000\nvolumes: {volumes}\n"),
            )
            .stack(
                "    code: [main]\n",
                &format!("    code: [main]\n    python_path: {path}\n"),
            )
    };
    let rules = |fixture: Fixture| -> Vec<String> {
        let found = fixture.says();
        let messages = found.iter().filter(|finding| finding.contains("stack/writable-import"));
        messages
            .map(|message| message.split(" in ").next().unwrap_or_default().to_owned())
            .collect()
    };
    const VOLUMES: &str = "{logs: /app/logs, data: /app/data, config: '/app/config:ro', store: /srv/store}";
    for path in [
        "[., logs]",
        "[data/lib]",
        "[./data/]",
        "[main/../data]",
        "[data//plugins/x]",
        "[SHORT/x]",
        "[linked]",
        "[linked/below]",
    ] {
        let mut fixture = with(VOLUMES, path).stack("path_aliases: {SHORT: main/long}", "path_aliases: {SHORT: data}");
        fixture
            .tree
            .links
            .insert("linked".to_owned(), Some("logs/code".to_owned()));
        let fixture = fixture.file(MAIN, "script_path: SHORT/beta.py", "script_path: main/long/beta.py");
        let expected = usize::from(!path.contains(".."));
        assert_eq!(rules(fixture).len(), expected, "{path}");
    }
    for path in ["[.]", "[main]", "[config]", "[database, logs2]", "[]"] {
        assert!(rules(with(VOLUMES, path)).is_empty(), "{path}");
    }
    // A volume over everything covers all of it; one inside it that is read-only does not.
    let all = rules(with("{all: /app}", "[., main]"));
    assert_eq!(all.len(), 4, "the other machine's root, too: {all:?}");
    let shielded = rules(with("{all: /app, code: '/app/main:ro'}", "[main, main/x]"));
    assert_eq!(shielded.len(), 2, "only those of the other machine: {shielded:?}");
    says(
        with(VOLUMES, "[logs/lib]"),
        &[
            "config/stack.yaml:13:19 error stack/writable-import: `logs/lib` in `python_path` lies in volume `logs` (`/app/logs/lib`), which \
             agents write: what one of them leaves there, others import; help: import from a folder that the images hold, or mount the \
             volume read-only: `logs: /app/logs:ro`",
        ],
    );
    for (variable, bad) in [
        ("PYTHONPATH: /app/logs", true),
        ("PYTHONPATH: '/usr/lib/x:data/lib'", true),
        ("PYTHONPATH: '/app/x/../data'", true),
        ("PYTHONPATH: /app/config", false),
        ("PYTHONPATH: /app/main", false),
        ("PYTHONHOME: /srv/store/py", true),
        ("PYTHONUSERBASE: /app/data/user", true),
        ("PYTHONPYCACHEPREFIX: /app/data", true),
        ("LD_PRELOAD: 'libx.so /app/data/x.so'", true),
        ("LD_LIBRARY_PATH: ':/app/data/lib'", true),
        ("PATH: '/usr/bin:/app/data/bin'", true),
        ("PATH: '/usr/bin:/bin'", false),
        ("DATA_PATH: /app/data", false),
    ] {
        let of_group = with(VOLUMES, "[.]").stack(
            "    phase: 2\n",
            &format!("    phase: 2\n    environment: {{{variable}}}\n"),
        );
        assert_eq!(rules(of_group).len(), usize::from(bad), "group: {variable}");
        let of_machine = with(VOLUMES, &format!("[.]\n    environment: {{{variable}}}"));
        assert_eq!(rules(of_machine).len(), usize::from(bad), "machine: {variable}");
        let of_startup = with(VOLUMES, "[.]").file(MAIN, "  DEBUG: true\n", &format!("  {variable}\n"));
        // The stack decides PYTHONPATH, whatever a startup config says.
        let bad = bad && !variable.starts_with("PYTHONPATH");
        assert_eq!(rules(of_startup).len(), usize::from(bad), "startup config: {variable}");
    }
}

#[test]
fn levels_of_rules() {
    let with = |levels: &str| format!("audit:\n  rules: {levels}\nstatus_port: 9000");
    for good in [
        "{a/b: off, \"c/d\": 'note', e: warning, f: error}",
        "{}",
        "\n    a/b: off",
    ] {
        stack("status_port: 9000", &with(good), &[]);
    }
    stack(
        "status_port: 9000",
        &with("{a/b: false, c/d: Off, e: [off], f: , a/b: off}"),
        &[
            "config/stack.yaml:8:16 error stack/bad-value: `false` is not a valid level of a rule; help: write `off`, `note`, `warning` or `error`",
            "config/stack.yaml:8:28 error stack/bad-value: `Off` is not a valid level of a rule; help: write `off`, `note`, `warning` or `error`",
            "config/stack.yaml:8:36 error stack/wrong-type: the level of `e` must be text, not a list",
            "config/stack.yaml:8:44 error stack/wrong-type: the level of `f` must be text, not nothing",
            "config/stack.yaml:8:48 error stack/duplicate-key: the key `a/b` stands here a second time; first written here at 8:11; help: remove one of the two `a/b:`",
        ],
    );
    stack(
        "status_port: 9000",
        &with("[paths/style]"),
        &["config/stack.yaml:8:10 error stack/wrong-type: `rules` must be a mapping, not a list"],
    );
}

#[test]
fn one_socket_may_answer_everything() {
    let fixture = Fixture::small().file(
        MAIN,
        "    port: 5000\n",
        "    port: 5000\n    health_check_port: 5000\n",
    );
    assert_eq!(fixture.says(), Vec::<String>::new());
    let stack = fixture.model();
    assert_eq!(stack.agents[0].ports().collect::<Vec<_>>(), [5000]);
    assert_eq!(stack.agents[0].health_port(), Some(5000));
}
