//! Whole trees in, stacks out that the reader of stacks takes.

use std::collections::BTreeMap;

use super::*;
use crate::finding::{Finding, Severity};
use crate::stack::{Files, FilesError, Stack, Written};

/// A tree in memory.
struct Tree(BTreeMap<String, String>);

impl Files for Tree {
    fn list(&self, _: &str) -> Result<TreeFiles, FilesError> {
        Ok(TreeFiles::new(self.0.keys().cloned()))
    }

    fn read(&self, _: &str, path: &str) -> Result<Vec<u8>, FilesError> {
        self.0
            .get(path)
            .map(|text| text.as_bytes().to_vec())
            .ok_or(FilesError::NoFile)
    }
}

fn infer_of(files: &[(&str, &str)]) -> Option<Inference> {
    let input = Input {
        name: "My System".to_owned(),
        tree: TreeFiles::new(files.iter().map(|(path, _)| *path)),
        contents: files
            .iter()
            .filter(|(path, _)| wants(path))
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect(),
    };
    infer(input, &Parses::default())
}

/// The stack that the reader makes of what is inferred, and what it says.
fn loaded(files: &[(&str, &str)]) -> (Inference, Stack, Vec<Finding>) {
    let inference = infer_of(files).expect("agents are found");
    let text = inference.text();
    let all = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let tree = Tree(all.chain(inference.files.iter().cloned()).collect());
    let (stack, findings) = Written::read(STACK_FILE, text.as_bytes(), None).load(&tree);
    let stack = stack.unwrap_or_else(|| panic!("{text}\n{findings:#?}"));
    (inference, stack, findings)
}

fn errors(findings: &[Finding]) -> Vec<&str> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.message.as_str()).collect()
}

const TWO_MACHINES: &[(&str, &str)] = &[
    (
        "main_pc_code/config/startup_config.yaml",
        "core_services:\n  - {name: Hub, script_path: main_pc_code/agents/hub.py, port: 7000}\n  - {name: Router, script_path: main_pc_code/agents/router.py, port: 7010, dependencies: [Hub]}\naudio:\n  - {name: Ear, script_path: main_pc_code/agents/ear.py, port: 7020, dependencies: [Hub, PhiService]}\n",
    ),
    (
        "pc2_code/config/startup_config.yaml",
        "environment: {PC2_IP: 10.0.0.2}\npc2_services:\n  - {name: Store, script_path: agents/store.py, port: 7200, dependencies: [Hub]}\n  - {name: Cache, script_path: agents/cache.py, port: 7210}\n  - {name: Log, script_path: agents/log.py, port: 7220}\n",
    ),
    (
        "main_pc_code/agents/hub.py",
        "from main_pc_code.base import Base\nimport zmq\n",
    ),
    ("main_pc_code/agents/router.py", "from main_pc_code.base import Base\n"),
    (
        "main_pc_code/agents/ear.py",
        "import sounddevice\nfrom base import Base\n",
    ),
    ("main_pc_code/agents/phi_service.py", "x = 1\n"),
    (
        "main_pc_code/base.py",
        "import os, zmq, yaml\nclass Base:\n    def __init__(self, port):\n        self.health_port = port + 1\n        os.makedirs('logs', exist_ok=True)\n",
    ),
    (
        "pc2_code/agents/store.py",
        "from main_pc_code.base import Base\nimport redis\n",
    ),
    ("pc2_code/agents/cache.py", "import zmq\n"),
    ("pc2_code/agents/log.py", "open('log.txt', 'w')\n"),
    ("requirements.txt", "pyzmq==25.1\npyyaml\n"),
    (
        "Dockerfile",
        "FROM python:3.10-slim\nRUN apt-get update && apt-get install -y ffmpeg\n",
    ),
];

#[test]
fn two_machines_become_a_stack_without_errors() {
    let (inference, stack, findings) = loaded(TWO_MACHINES);
    assert_eq!(errors(&findings), Vec::<&str>::new(), "{}", inference.text());
    let machines: Vec<&str> = stack.machines.iter().map(|machine| machine.name.as_str()).collect();
    assert_eq!(machines, ["mainpc", "pc2"]);
    let groups: Vec<(&str, usize)> = stack
        .groups
        .iter()
        .map(|group| (group.name.as_str(), group.agents.len()))
        .collect();
    assert_eq!(groups, [("core-services", 2), ("audio", 1), ("pc2", 3)]);
    assert_eq!(stack.python_version.to_string(), "3.10");
    assert_eq!(stack.machines[0].python_path, [".", "main_pc_code"]);
    assert_eq!(stack.machines[1].code, ["main_pc_code", "pc2_code"]);
    assert_eq!(stack.machines[1].path_aliases["agents"], "pc2_code/agents");
    assert_eq!(stack.machines[1].lan_address.to_string(), "10.0.0.2");
    assert_eq!(stack.agents[0].health_check_port, 7001);
    assert_eq!(
        stack.absent[0].fallback.as_deref(),
        Some("main_pc_code/agents/phi_service.py")
    );
    assert_eq!(stack.images.packages, ["ffmpeg"]);
    assert_eq!(
        stack
            .volumes
            .iter()
            .map(|volume| volume.path.as_str())
            .collect::<Vec<_>>(),
        ["/app/logs"]
    );
    // `requirements.txt` brings all that the first group imports, and not what the others do.
    let requirements: Vec<&str> = stack.groups.iter().map(|group| group.requirements.as_str()).collect();
    assert_eq!(
        requirements,
        [
            "requirements.txt",
            "config/requirements.audio.txt",
            "config/requirements.pc2.txt"
        ]
    );
    let made: BTreeMap<_, _> = inference.files.iter().cloned().collect();
    assert!(
        made["config/requirements.audio.txt"].contains("pyzmq==25.1"),
        "{made:#?}"
    );
    assert!(stack.groups.iter().all(|group| !group.writable.is_empty()));
    let doubts: Vec<String> = inference
        .doubts()
        .map(|(key, doubt, _)| format!("{key}: {doubt}"))
        .collect();
    for wanted in ["machines.mainpc.lan_address", "groups.audio.devices", "PhiService"] {
        assert!(
            doubts.iter().any(|doubt| doubt.contains(wanted)),
            "{wanted} in {doubts:#?}"
        );
    }
}

#[test]
fn agents_are_told_what_their_code_calls_their_machine() {
    let agents = |folder: &str| format!("agents:\n  - {{name: A{folder}, script_path: {folder}/a.py, port: 5000}}\n");
    let (brain, helper) = (agents("brain_pc"), agents("helper_pc"));
    let of = |code: &str| {
        let files = [
            ("brain_pc/config/startup.yaml", brain.as_str()),
            ("helper_pc/config/startup.yaml", helper.as_str()),
            ("brain_pc/a.py", "import common\n"),
            ("helper_pc/a.py", "import common\n"),
            ("common.py", code),
            ("requirements.txt", ""),
        ];
        let (inference, stack, findings) = loaded(&files);
        assert_eq!(errors(&findings), Vec::<&str>::new(), "{}", inference.text());
        let address = |_: &str, address: std::net::Ipv4Addr| address.to_string();
        let told = stack.groups().map(|(id, _)| {
            let all = crate::container::environment::environment(&stack, id, &address);
            let own = all.get("AGENT_ENV_MACHINE_TYPE").or_else(|| all.get("MACHINE_TYPE"));
            own.cloned().unwrap_or_default()
        });
        (told.collect::<Vec<_>>().join(" "), inference.text())
    };
    let plain = "import os\nFOLDER = 'brain_pc' if os.environ.get('MACHINE_TYPE') == 'brain' else 'helper_pc'\n";
    let (told, text) = of(plain);
    assert_eq!(told, "brain helperpc");
    assert!(
        text.contains("  brain:  # ~ common.py:2: compares `MACHINE_TYPE` with `brain`"),
        "{text}"
    );
    let (told, text) = of(&plain.replace("'brain'", "'BRAIN_PC'"));
    assert_eq!(told, "BRAIN_PC helperpc");
    assert!(text.contains("environment: {MACHINE_TYPE: BRAIN_PC}"), "{text}");
    let (told, text) = of(&plain.replace("'brain'", "'first'"));
    assert_eq!(told, "brainpc helperpc");
    assert!(
        text.contains("# ? code compares `MACHINE_TYPE` with `first` (common.py:2)"),
        "{text}"
    );
}

#[test]
fn one_list_of_one_machine_becomes_a_stack() {
    let (inference, stack, findings) = loaded(&[
        (
            "config/startup.yaml",
            "agents:\n  - {name: A, script_path: a.py, port: 5000, health_check_port: 6000}\n  - {name: B, script_path: b.py, port: 5001, health_check_port: 6001}\n  - {name: C, script_path: sub/c.py, port: 5002, health_check_port: 6002}\n",
        ),
        ("a.py", "import zmq\n"),
        ("b.py", ""),
        ("sub/c.py", ""),
    ]);
    assert_eq!(errors(&findings), Vec::<&str>::new(), "{}", inference.text());
    assert_eq!(stack.name, "my-system");
    assert_eq!(
        (stack.machines[0].name.as_str(), stack.machines[0].code.as_slice()),
        ("main", &[".".to_owned()][..])
    );
    assert_eq!(stack.groups[0].requirements, "config/requirements.main.txt");
    let made: Vec<&str> = inference.files.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        made,
        [
            "config/requirements.main.txt",
            "deploy/smoke/phase1.yaml",
            "deploy/smoke/phase2.yaml"
        ]
    );
}

#[test]
fn checks_are_made_of_every_phase() {
    let inference = infer_of(TWO_MACHINES).unwrap();
    let checks: Vec<(String, String)> = inference
        .files
        .into_iter()
        .filter(|(path, _)| path.ends_with(".yaml"))
        .collect();
    let (files, findings) = crate::smoke::load::parse(&checks);
    assert_eq!(findings, []);
    let phases: Vec<(u8, usize)> = files.iter().map(|file| (file.phase, file.checks.len())).collect();
    assert_eq!(phases, [(1, 3), (2, 1), (3, 1)], "{checks:#?}");
    assert!(checks[1].1.contains("groups: [core-services]"), "{}", checks[1].1);
}

#[test]
fn what_is_put_aside_or_lists_nothing_is_no_startup_config() {
    let agents = "agents:\n  - {name: A, script_path: a.py, port: 1000}\n  - {name: B, script_path: b.py, port: 1010}\n  - {name: C, script_path: c.py, port: 1020}\n";
    let scripts = [("a.py", ""), ("b.py", ""), ("c.py", "")];
    let mut files = vec![
        ("config/startup_config_fixed.yaml", agents),
        ("config/startup_config.yaml", agents),
    ];
    files.extend(scripts);
    let inference = infer_of(&files).unwrap();
    let item = inference
        .items
        .iter()
        .find(|item| item.name() == "machines.main.startup_config")
        .unwrap();
    assert_eq!(item.value(), "config/startup_config.yaml");
    assert!(item.doubts[0].contains("startup_config_fixed"), "{item:?}");
    assert!(infer_of(&[("config/other.yaml", agents), ("x.py", "")]).is_none());
    assert!(infer_of(&[("docker-compose.yml", "services: {a: {image: x}}\n"), ("a.py", "")]).is_none());
}

#[test]
fn names_of_a_hostile_tree_stay_in_their_lines() {
    let agents = "agents:\n  - {name: A, script_path: \"a\\n#x.py\", port: 5000}\n  - {name: \"B: {x\", script_path: b.py, port: 5010, dependencies: [\"!x: y\", \"z\\nversion: 3\"]}\n  - {name: C, script_path: b.py, port: 5020}\n  - {name: \"D\\nversion: 4\", script_path: b.py, port: 5030}\n";
    let (inference, ..) = loaded(&[
        ("a/config/startup.yaml", agents),
        ("b\nversion: 2/config/startup.yaml", agents),
        ("a\n#x.py", "import zmq\n"),
        ("b.py", "from numpy import *\n"),
    ]);
    let text = inference.text();
    let written: Vec<&str> = text.lines().filter(|line| line.starts_with("version:")).collect();
    assert_eq!(written, ["version: 1"], "{text}");
    let requirements = inference.files.iter().filter(|(path, _)| path.ends_with(".txt"));
    for (_, text) in requirements {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(lines.iter().all(|line| line.contains("  # imported in ")), "{text}");
    }
}

/// Everything that people are asked to look at is in the file, and each mark stands for evidence.
#[test]
fn marks_of_the_file_are_those_of_the_values() {
    let inference = infer_of(TWO_MACHINES).unwrap();
    let text = inference.text();
    assert!(text.matches("# ? ").count() >= inference.doubts().count(), "{text}");
    for item in inference
        .items
        .iter()
        .filter(|item| item.mark == evidence::Mark::Written)
    {
        assert!(!item.evidence.is_empty(), "{item:?}");
    }
}

#[test]
fn services_of_a_compose_file_are_agents_with_all_that_is_said_of_them() {
    let compose = "services:\n  hub:\n    build: .\n    command: python -m app.hub\n    ports: ['7001:7001', '8001:7001']\n    volumes: ['./state:/app/state', \
                   '.:/app', './conf:/app/conf:ro']\n    healthcheck: {test: [CMD, curl, -f, 'http://localhost:7001/health'], start_period: 1m}\n    \
                   env_file: [hub.env, none.env]\n    stop_signal: SIGINT\n    user: '1000'\n    \
                   cap_add: [SYS_NICE]\n    privileged: true\n  web:\n    image: mine\n    command: [python, app/web.py]\n    depends_on: [hub, redis]\n    \
                   environment: {ROLE: web}\n    healthcheck: {test: nc -z localhost 7002}\n  redis: {image: 'redis:7'}\n";
    let files: &[(&str, &str)] = &[
        ("docker-compose.yml", compose),
        ("docker-compose.prod.yml", compose),
        ("Procfile", "hub: python app/hub.py\n"),
        ("hub.env", "KEY=1\n"),
        ("app/hub.py", "x = 1\n"),
        ("app/web.py", "x = 1\n"),
        ("app/__init__.py", ""),
        ("requirements.txt", "\n"),
    ];
    let (inference, stack, findings) = loaded(files);
    let text = inference.text();
    assert_eq!(errors(&findings), Vec::<&str>::new(), "{text}");
    assert_eq!(stack.machines[0].name, "main");
    let agents: Vec<(&str, u16, &str)> = stack
        .agents
        .iter()
        .map(|agent| (agent.name.as_str(), agent.port, agent.runtime.health.kind.name()))
        .collect();
    assert_eq!(agents[0], ("hub", 7001, "http"));
    assert_eq!((agents.len(), agents[1].2), (2, "tcp"));
    assert_eq!(stack.agents[1].environment["ROLE"], "web");
    assert_eq!(stack.groups.len(), 2);
    assert_eq!(stack.volumes[0].path, "/app/state");
    assert_eq!(stack.agents[0].runtime.lifecycle.stop_signal.name(), "SIGINT");
    let hub = stack.group(stack.agents[0].group);
    assert!(hub.extras.rights.capabilities.contains("SYS_NICE"), "{text}");
    for line in [
        "health: {kind: http, port: 7001, path: /health, start_period: 60}  # = docker-compose.yml:7: its health check asks there",
        "env_file: [hub.env]  # = docker-compose.yml:8",
        "stop_signal: SIGINT  # = docker-compose.yml:9: `stop_signal` of the service",
        "publish: [\"0.0.0.0:8001:7001\"]  # = docker-compose.yml:5",
        "    user: 1000  # = docker-compose.yml:10",
        "# ? `hub`: it is privileged there",
        "health: {kind: tcp, port: 7002}  # = docker-compose.yml:",
        "# ? `docker-compose.prod.yml` lists the same agents",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("conf") || !text.contains("/app/conf"), "{text}");
    assert!(!text.contains("Procfile"), "{text}");
}

#[test]
fn procfiles_and_programs_of_supervisord_list_agents() {
    let procfile = (
        "Procfile",
        "one: python bots/one.py --port 7001\ntwo: python bots/two.py\nthree: python bots/three.py\n",
    );
    let supervisord = (
        "deploy/supervisord.conf",
        "[program:four]\ncommand=python3 /app/bots/four.py\ndirectory=/app\nstopwaitsecs=30\n[group:all]\nprograms=four\n",
    );
    let scripts = ["one", "two", "three", "four"].map(|name| (format!("bots/{name}.py"), "x = 1\n"));
    let of = |configs: &[(&str, &str)]| {
        let scripts = scripts.iter().map(|(path, text)| (path.as_str(), *text));
        let files: Vec<(&str, &str)> = configs
            .iter()
            .copied()
            .chain(scripts)
            .chain([("requirements.txt", "")])
            .collect();
        let (inference, stack, findings) = loaded(&files);
        assert_eq!(errors(&findings), Vec::<&str>::new(), "{}", inference.text());
        let names: Vec<String> = stack.agents.iter().map(|agent| agent.name.clone()).collect();
        (inference.text(), names.join(" "))
    };
    let (text, names) = of(&[procfile, supervisord]);
    assert_eq!(names, "one two three");
    assert!(
        text.contains("# ? `deploy/supervisord.conf` starts other agents of the tree"),
        "{text}"
    );
    assert!(!text.contains("nothing says on which port"), "{text}");
    let (text, names) = of(&[supervisord]);
    assert_eq!(names, "four");
    assert!(
        text.contains("stop_grace: 30  # = deploy/supervisord.conf:4: `stopwaitsecs=30`"),
        "{text}"
    );
    // A list of agents comes before what starts processes.
    let list = (
        "startup.yaml",
        "agents:\n- {name: Two, script_path: bots/two.py, port: 7000}\n",
    );
    assert_eq!(of(&[list, procfile]).1, "Two");
}

#[test]
fn agents_that_have_one_port_share_no_container() {
    let rule = "class Base:\n    def __init__(self, port):\n        self.health_port = port + 1\n";
    let files = [
        (
            "main/config/startup.yaml",
            "core:\n  - {name: A, script_path: main/a.py, port: 7000}\n  - {name: B, script_path: main/b.py, port: 7001}\n  - {name: C, script_path: main/c.py, port: 7009}\nside:\n  - {name: D, script_path: main/d.py, port: 9000}\n",
        ),
        ("main/base.py", rule),
        ("main/a.py", "from main.base import Base\n"),
        ("main/b.py", "from main.base import Base\n"),
        ("main/c.py", "from main.base import Base\n"),
        ("main/d.py", "from main.base import Base\n"),
    ];
    let (inference, stack, findings) = loaded(&files);
    assert_eq!(errors(&findings), Vec::<&str>::new(), "{}", inference.text());
    let of = |stack: &Stack| -> Vec<String> {
        let names = |group: &crate::stack::Group| {
            let agents = group.agents.iter().map(|id| stack.agent(*id).name.as_str());
            format!("{} {}", group.name, agents.collect::<String>())
        };
        stack.groups.iter().map(names).collect()
    };
    assert_eq!(of(&stack), ["core AC", "core-2 B", "side D"]);
    // Nor does anybody have the supervisor's.
    assert_eq!(stack.status_port, 9002, "{}", inference.text());
    // What agents were seen to bind counts as well.
    let binds = |port: u16| vec![(port, Evidence::new("main/a.py", 2, "binds it"))];
    let bound = [("A".to_owned(), binds(5570)), ("C".to_owned(), binds(5570))];
    let bound = BTreeMap::from([("main".to_owned(), bound.into_iter().collect::<Bound>())]);
    let apart = inference.apart(&bound).expect("two have 5570");
    assert!(apart.text().contains("`C` has 5570, like `A`"), "{}", apart.text());
    let names: Vec<&str> = apart.draft.machines[0]
        .groups
        .iter()
        .map(|group| group.group.value.name.as_str())
        .collect();
    assert_eq!(names, ["core", "core-3", "core-2", "side"]);
    assert!(apart.apart(&bound).is_none() && inference.apart(&BTreeMap::new()).is_none());
}

#[test]
fn modules_are_agents_and_variables_have_values() {
    let files = [
        (
            "etc/agents.yml",
            "agents:\n  - {name: A, module: pkg.a, class: Agent, port: \"${PORT_OFFSET}+6000\"}\n  - {name: B, module: pkg.b, port: \"${PORT_OFFSET}+6010\"}\n  - {name: C, module: pkg.c, port: \"${PORT_OFFSET}+6020\", enabled: false}\n",
        ),
        ("src/pkg/__init__.py", ""),
        ("src/pkg/a.py", "from pkg import b\n"),
        ("src/pkg/b/__init__.py", ""),
        ("src/pkg/b/__main__.py", "from . import x\n"),
        ("src/pkg/b/x.py", ""),
        ("Makefile", "run:\n\tPORT_OFFSET=100 python run.py\n"),
    ];
    let (inference, stack, findings) = loaded(&files);
    let text = inference.text();
    assert_eq!(errors(&findings), Vec::<&str>::new(), "{text}");
    let agents: Vec<(&str, u16, Option<&str>)> = stack
        .agents
        .iter()
        .map(|agent| (agent.script_path.as_str(), agent.port, agent.module.as_deref()))
        .collect();
    assert_eq!(
        agents,
        [
            ("src/pkg/a.py", 6100, Some("pkg.a")),
            ("src/pkg/b/__main__.py", 6110, Some("pkg.b"))
        ]
    );
    assert!(text.contains("python_path: [., src]"), "{text}");
    assert!(
        text.contains("PORT_OFFSET: \"100\"  # ~ Makefile:2: sets `PORT_OFFSET` to 100"),
        "{text}"
    );
}

#[test]
fn a_procfile_beside_a_startup_config_is_a_doubt_where_it_starts_others() {
    let with = |procfile: &'static str| {
        let mut files = TWO_MACHINES.to_vec();
        files.push(("Procfile", procfile));
        files.push(("extra.py", "import zmq\n"));
        let inference = infer_of(&files).expect("agents are found");
        let doubts = inference.doubts().map(|(key, why, _)| format!("{key}: {why}"));
        let doubts: Vec<String> = doubts.filter(|doubt| doubt.contains("Procfile")).collect();
        doubts
    };
    let same = with("hub: python main_pc_code/agents/hub.py\nstore: python pc2_code/agents/store.py\n");
    assert_eq!(same, Vec::<String>::new());
    assert_eq!(
        with("extra: python extra.py\n"),
        [
            "machines.mainpc.startup_config: `Procfile` starts other agents of the tree, which are left out: a machine has one startup config"
        ]
    );
}

#[test]
fn folders_outside_of_the_tree_are_volumes() {
    let files = [
        (
            "docker-compose.yml",
            "services:\n  a:\n    build: .\n    command: python a.py\n    volumes: [\"wdata:/data\", \"./etc:/etc/x\"]\n  b:\n    build: .\n    command: python b.py\n",
        ),
        ("a.py", "import os\nos.makedirs('/data/w1', exist_ok=True)\n"),
        (
            "b.py",
            "import logging\nlogging.basicConfig(filename='/var/log/farm/b.log')\n",
        ),
    ];
    let (inference, stack, _) = loaded(&files);
    let paths: Vec<&str> = stack.volumes.iter().map(|volume| volume.path.as_str()).collect();
    assert_eq!(paths, ["/data", "/var/log/farm"], "{}", inference.text());
}

#[test]
fn an_application_that_a_server_is_given_is_an_agent() {
    let files = [
        (
            "docker-compose.yml",
            "services:\n  api:\n    build: ./services/api\n    command: [\"python\", \"-m\", \"uvicorn\", \"api.app:app\", \"--port\", \"8000\"]\n  site:\n    build: ./services/site\n    command: gunicorn -b 0.0.0.0:8100 site_app:app\n",
        ),
        ("services/api/api/__init__.py", ""),
        (
            "services/api/api/app.py",
            "from fastapi import FastAPI\napp = FastAPI()\n",
        ),
        ("services/api/requirements.txt", "fastapi\n"),
        (
            "services/site/site_app.py",
            "from flask import Flask\napp = Flask('x')\n",
        ),
        ("services/site/requirements.txt", "flask\ngunicorn\n"),
    ];
    let (inference, stack, findings) = loaded(&files);
    let text = inference.text();
    assert_eq!(errors(&findings), Vec::<&str>::new(), "{text}");
    let agents: Vec<(&str, Option<&str>, Option<&str>)> = stack
        .agents
        .iter()
        .map(|agent| (agent.script_path.as_str(), agent.module.as_deref(), agent.served()))
        .collect();
    assert_eq!(
        agents,
        [
            ("services/api/api/app.py", Some("uvicorn"), Some("api.app")),
            ("services/site/site_app.py", Some("gunicorn"), Some("site_app"))
        ]
    );
    assert_eq!(
        stack.machines[0].python_path,
        [".", "services/api", "services/site"],
        "{text}"
    );
    let made = &inference.files[0];
    assert!(
        made.0.ends_with("requirements.api.txt") && made.1.contains("\nuvicorn  # "),
        "{made:?}"
    );
    assert!(text.contains("requirements: services/site/requirements.txt"), "{text}");
}
