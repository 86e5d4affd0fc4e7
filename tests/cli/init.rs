//! `init`: a stack for a tree that has none, on trees as people have them.

use std::path::Path;

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox};

/// Writes files below a folder.
pub fn plant(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

/// An agent that starts.
pub const AGENT: &str = "import argparse\nimport json\n\nimport zmq\n\nparser = argparse.ArgumentParser()\nparser.add_argument('--port', type=int)\nparser.add_argument('--health_check_port', type=int)\nparser.add_argument('--name')\narguments, _ = parser.parse_known_args()\nsocket = zmq.Context().socket(zmq.REP)\nsocket.bind(f'tcp://*:{arguments.port}')\nwhile True:\n    socket.recv()\n    socket.send_string(json.dumps({'status': 'ok'}))\n";

/// Lists under several keys, two machines, one of which imports the other's code.
pub fn two_machines(root: &Path) {
    plant(
        root,
        &[
            (
                "main_pc_code/config/startup_config.yaml",
                "core_services:\n- {name: Hub, script_path: main_pc_code/agents/hub.py, port: 7000, health_check_port: 8000}\n- {name: Router, script_path: main_pc_code/agents/router.py, port: 7001, health_check_port: 8001, dependencies: [Hub]}\nlanguage:\n- {name: Words, script_path: main_pc_code/agents/words.py, port: 7002, health_check_port: 8002, dependencies: [Hub]}\n",
            ),
            (
                "pc2_code/config/startup_config.yaml",
                "pc2_services:\n- {name: Store, script_path: pc2_code/agents/store.py, port: 7200, health_check_port: 8200}\n- {name: Cache, script_path: pc2_code/agents/cache.py, port: 7201, health_check_port: 8201}\n- {name: Log, script_path: pc2_code/agents/log.py, port: 7202, health_check_port: 8202}\n",
            ),
            ("main_pc_code/agents/hub.py", AGENT),
            ("main_pc_code/agents/router.py", AGENT),
            ("main_pc_code/agents/words.py", AGENT),
            ("main_pc_code/utils/net.py", "import zmq\n"),
            (
                "pc2_code/agents/store.py",
                &format!("from main_pc_code.utils import net\n{AGENT}"),
            ),
            ("pc2_code/agents/cache.py", AGENT),
            ("pc2_code/agents/log.py", AGENT),
            ("requirements.txt", "pyzmq==26.0.3\n"),
            (".env", "MAINPC_IP=10.1.0.1\nPC2_IP=10.1.0.2\n"),
        ],
    );
}

/// One list with comments, scripts relative to the folder above the config, no requirements.
fn one_list(root: &Path) {
    plant(
        root,
        &[
            (
                "app/config/agents.yaml",
                "agents:\n  # Core\n  - name: A\n    script_path: agents/a.py\n    port: 5000\n  - name: B\n    script_path: agents/b.py\n    port: 5010\n    dependencies: [A]\n  # Extra\n  - name: C\n    script_path: agents/c.py\n    port: 5020\n  - name: D\n    script_path: agents/d.py\n    port: 5030\n",
            ),
            ("app/agents/a.py", AGENT),
            ("app/agents/b.py", AGENT),
            ("app/agents/c.py", AGENT),
            ("app/agents/d.py", &format!("import yaml\n{AGENT}")),
        ],
    );
}

/// Everything at the root.
fn flat(root: &Path) {
    plant(
        root,
        &[
            (
                "startup.yaml",
                "services:\n- {name: one, script_path: one.py, port: 6000, health_check_port: 6100}\n- {name: two, script_path: two.py, port: 6001, health_check_port: 6101, dependencies: [one]}\n- {name: three, script_path: three.py, port: 6002, health_check_port: 6102}\n",
            ),
            ("one.py", AGENT),
            ("two.py", &format!("import helper\n{AGENT}")),
            ("three.py", AGENT),
            ("helper.py", "x = 1\n"),
            ("requirements.txt", "pyzmq\n"),
        ],
    );
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{ran:#?}"))
}

#[test]
fn a_tree_of_every_style_gets_a_stack_that_the_audit_takes() {
    for (plant, groups, starts) in [
        (two_machines as fn(&Path), "machine: pc2", 6),
        (one_list, "extra:", 4),
        (flat, "agents: [one, two, three]", 3),
    ] {
        let sandbox = Sandbox::empty();
        let tree = sandbox.path("tree");
        plant(&tree);
        let made = sandbox.run(&["init", "--tree", "tree"]);
        assert_eq!(made.code, 0, "{made:#?}");
        let stack = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
        assert!(stack.contains(groups), "{stack}");
        // In the tree itself, which is a place of its own from now on.
        let output = sandbox
            .command(&["audit", "--format", "json"])
            .current_dir(&tree)
            .output()
            .unwrap();
        let audit = sandbox.ran(&output);
        assert_eq!(audit.code, 0, "{stack}\n{audit:#?}");
        let document = json(&audit);
        let agents = document["agents"].as_array().unwrap();
        let fine = agents.iter().filter(|agent| agent["prediction"] == "starts").count();
        assert_eq!((agents.len(), fine), (starts, starts), "{stack}\n{document:#}");
    }
}

#[test]
fn it_needs_no_repository_and_writes_nothing_but_the_stack_and_its_checks() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    two_machines(&tree);
    let before = listing(&tree);
    let dry = sandbox.run(&["init", "--tree", "tree", "--dry-run"]);
    assert_eq!((dry.code, listing(&tree) == before), (0, true), "{dry:#?}");
    let output = sandbox.command(&["init"]).current_dir(&tree).output().unwrap();
    let made = sandbox.ran(&output);
    assert_eq!(made.code, 0, "{made:#?}");
    let text = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    let mut shown = format!("# config/stack.yaml\n{text}");
    let mut wanted = before;
    wanted.push("config/stack.yaml".to_owned());
    for phase in 1..=3 {
        let path = format!("deploy/smoke/phase{phase}.yaml");
        let checks = std::fs::read_to_string(tree.join(&path)).unwrap();
        shown += &format!("\n# {path}\n{checks}");
        wanted.push(path);
    }
    assert_eq!(dry.stdout, shown);
    wanted.sort();
    assert_eq!(listing(&tree), wanted);
    assert!(text.contains("lan_address: 10.1.0.2  # = .env:2"), "{text}");
    assert!(text.contains("code: [main_pc_code, pc2_code]"), "{text}");
}

#[test]
fn requirements_are_made_where_the_tree_has_none() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    one_list(&tree);
    let made = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let extra = std::fs::read_to_string(tree.join("config/requirements.extra.txt")).unwrap();
    let names: Vec<&str> = extra.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(names.len(), 2, "{extra}");
    assert!(
        names[0].starts_with("pyyaml  # imported in app/agents/d.py:1"),
        "{extra}"
    );
    assert!(
        names[1].starts_with("pyzmq  # imported in app/agents/c.py:4"),
        "{extra}"
    );
    let stack = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    assert!(stack.contains("requirements: config/requirements.extra.txt"), "{stack}");
}

#[test]
fn a_second_run_shows_the_difference_and_keeps_what_people_changed() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    two_machines(&tree);
    assert_eq!(sandbox.run(&["init", "--tree", "tree"]).code, 0);
    let again = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "{again:#?}");
    sandbox.edit("tree/config/stack.yaml", "10.1.0.2", "10.1.0.77");
    let changed = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    let again = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(again.code, 0, "{again:#?}");
    assert!(
        again.stdout.contains("-    lan_address: 10.1.0.77") && again.stdout.contains("+    lan_address: 10.1.0.2")
    );
    assert!(again.stderr.contains("nothing is overwritten"), "{again:#?}");
    assert_eq!(
        std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap(),
        changed
    );
}

#[test]
fn every_value_can_be_explained_and_is_in_the_document() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    two_machines(&tree);
    let explained = sandbox.run(&["init", "--tree", "tree", "--explain", "machines.pc2.lan_address"]);
    assert_eq!(
        explained.stdout,
        "machines.pc2.lan_address: 10.1.0.2\n  = written\n  .env:2: sets it\n"
    );
    let below = sandbox
        .run(&["init", "--tree", "tree", "--explain", "groups.language"])
        .stdout;
    assert!(
        below.contains("groups.language.agents: [Words]\n  ~ agreed\n"),
        "{below}"
    );
    sandbox
        .run(&["init", "--tree", "tree", "--explain", "machines.pc3.lan_address"])
        .fails_with(
            2,
            &[
                "no key `machines.pc3.lan_address`",
                "did you mean `machines.pc2.lan_address`?",
            ],
        );
    let document = json(&sandbox.run(&["init", "--tree", "tree", "--json", "--dry-run"]));
    assert_eq!(
        (&document["machines"], &document["groups"], &document["agents"]),
        (&2.into(), &3.into(), &6.into())
    );
    let values = document["values"].as_array().unwrap();
    let code = values.iter().find(|value| value["key"] == "machines.pc2.code").unwrap();
    assert_eq!(code["value"], serde_json::json!(["main_pc_code", "pc2_code"]));
    assert_eq!(
        (&code["mark"], &code["evidence"][0]["path"]),
        (&"agreed".into(), &"main_pc_code/utils/net.py".into())
    );
    assert!(!tree.join("config").exists());
}

#[test]
fn a_tree_without_agents_or_none_at_all_is_told() {
    let sandbox = Sandbox::empty();
    plant(
        &sandbox.path("tree"),
        &[("a.py", "x = 1\n"), ("config/x.yaml", "port: 1\nscript: a.py\n")],
    );
    sandbox
        .run(&["init", "--tree", "tree"])
        .fails_with(2, &["nothing in `tree` lists agents", "hint: a startup config"]);
    assert!(!sandbox.path("tree/config/stack.yaml").exists());
    sandbox
        .run(&["init", "--tree", "nowhere"])
        .fails_with(2, &["cannot read the tree `nowhere`: no such file or directory"]);
    sandbox
        .run(&["init", "--tree", "tree/a.py"])
        .fails_with(2, &["it is not a folder"]);
}

/// A link where the stack would be written must not lead out, and what was written before it is taken back.
#[test]
fn nothing_is_half_written() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    one_list(&tree);
    std::fs::create_dir(tree.join("config")).unwrap();
    std::os::unix::fs::symlink("../../outside.yaml", tree.join("config/stack.yaml")).unwrap();
    let before = listing(&tree);
    let ran = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    assert_eq!(listing(&tree), before);
    assert!(!sandbox.path("outside.yaml").exists());
    // The last of them cannot be written: a folder is in its way, made after the look.
    std::fs::remove_file(tree.join("config/stack.yaml")).unwrap();
    std::fs::create_dir(tree.join("config/stack.yaml")).unwrap();
    let ran = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    assert!(!tree.join("config/requirements.core.txt").exists());
}

/// Files below a folder.
fn listing(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn an_audit_without_a_stack_infers_one_and_writes_nothing() {
    for (plant, agents) in [(two_machines as fn(&Path), 6), (one_list, 4), (flat, 3)] {
        let sandbox = Sandbox::empty();
        let tree = sandbox.path("tree");
        plant(&tree);
        let before = listing(&tree);
        let ran = sandbox.run(&["audit", "--format", "json", "--tree", "tree"]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert!(
            ran.stderr.contains("stack: inferred, ") && ran.stderr.contains("`cargo xtask init --tree tree`"),
            "{ran:#?}"
        );
        let document = json(&ran);
        assert_eq!(document["agents"].as_array().unwrap().len(), agents);
        assert!(!ran.stdout.contains("stack/missing-requirements"), "{}", ran.stdout);
        assert_eq!(listing(&tree), before);
        let output = sandbox
            .command(&["audit", "--quiet", "--format", "json"])
            .current_dir(&tree)
            .output()
            .unwrap();
        let inside = sandbox.ran(&output);
        assert_eq!((inside.code, inside.stderr.as_str()), (0, ""), "{inside:#?}");
        assert_eq!(json(&inside)["agents"], document["agents"]);
    }
}

#[test]
fn a_repository_s_stack_is_not_taken_for_another_tree_s() {
    let sandbox = Sandbox::new();
    let tree = sandbox.path("tree");
    two_machines(&tree);
    let ran = sandbox.run(&["audit", "--format", "json", "--tree", "tree"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stderr.contains("stack: inferred"), "{ran:#?}");
    assert_eq!(json(&ran)["agents"].as_array().unwrap().len(), 6);
    // A copy of the tree that it describes is the same to it.
    std::fs::rename(sandbox.path("tests/ai_system"), sandbox.path("copy")).unwrap();
    let ran = sandbox.run(&["audit", "--tree", "copy"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(!ran.stderr.contains("inferred"), "{ran:#?}");
    // What the tree has itself comes first.
    assert_eq!(sandbox.run(&["init", "--tree", "tree"]).code, 0);
    sandbox.edit("tree/config/stack.yaml", "agents: [Hub, Router]", "agents: [Hub]");
    let ran = sandbox.run(&["audit", "--format", "json", "--tree", "tree"]);
    assert!(
        !ran.stderr.contains("inferred") && ran.stdout.contains("stack/ungrouped-agent"),
        "{ran:#?}"
    );
    assert!(
        !ran.stdout.contains("hosts/private-address"),
        "the stack is no file of the tree: {}",
        ran.stdout
    );
}

#[test]
fn without_a_stack_and_without_agents_an_audit_says_so_alone() {
    let sandbox = Sandbox::empty();
    plant(&sandbox.path("tree"), &[("a.py", "x = (\n")]);
    let ran = sandbox.run(&["audit", "--tree", "tree"]);
    ran.fails_with(2, &["nothing in `tree` lists agents"]);
    assert_eq!(ran.stdout, "");
    two_machines(&sandbox.path("other"));
    let before = listing(&sandbox.path("other"));
    sandbox
        .run(&["audit", "--tree", "other", "--confirm"])
        .fails_with(2, &["no `stack.yaml` or `config/stack.yaml`"]);
    assert_eq!(listing(&sandbox.path("other")), before);
}

/// Agents of one group: on another port than the configured one, with HTTP health, without a port, with a port that others connect to.
fn elsewhere(root: &Path) {
    let config = "core:\n- {name: Twin, script_path: twin.py, port: 7000, health_check_port: 8000}\n- {name: Web, script_path: web.py, port: 7001, \
                  health_check_port: 8001}\n- {name: Feed, script_path: feed.py, port: 7002, health_check_port: 7002}\nother:\n- {name: Sweep, \
                  script_path: sweep.py, port: 7003, health_check_port: 8003}\n- {name: Odd, script_path: odd.py, port: 7004, \
                  health_check_port: 8004}\n";
    let twin = "import json, zmq\nsocket = zmq.Context().socket(zmq.REP)\nsocket.bind('tcp://*:5599')\nwhile True:\n    request = \
                json.loads(socket.recv())\n    if request.get('action') == 'health_check':\n        socket.send_json({'status': 'ok'})\n    \
                else:\n        socket.send_json({'status': 'error'})\n";
    let web = "import threading, time\nfrom http.server import BaseHTTPRequestHandler, HTTPServer\nclass Health(BaseHTTPRequestHandler):\n    \
               def do_GET(self):\n        if self.path == '/health':\n            self.send_response(200)\n            self.end_headers()\n        \
               else:\n            self.send_error(404)\nserver = HTTPServer(('', 8001), Health)\n\
               threading.Thread(target=server.serve_forever, daemon=True).start()\nwhile True:\n    time.sleep(1)\n";
    let feed = format!("import zmq\npub = zmq.Context().socket(zmq.PUB)\npub.bind('tcp://*:5700')\n{AGENT}");
    let sweep = "import time, zmq\nsub = zmq.Context().socket(zmq.SUB)\nsub.connect('tcp://localhost:5700')\nwhile True:\n    time.sleep(1)\n";
    let odd = "import zmq\nfirst = zmq.Context().socket(zmq.REP)\nfirst.bind('tcp://*:5601')\nsecond = zmq.Context().socket(zmq.REP)\n\
               second.bind('tcp://*:5602')\nwhile True:\n    first.send(first.recv())\n";
    plant(
        root,
        &[
            ("startup.yaml", config),
            ("twin.py", twin),
            ("web.py", web),
            ("feed.py", &feed),
            ("sweep.py", sweep),
            ("odd.py", odd),
            ("requirements.txt", "pyzmq\n"),
        ],
    );
}

#[test]
fn where_agents_really_listen_is_written_with_its_evidence() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    elsewhere(&tree);
    let made = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let text = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    for line in [
        "      Twin:\n        health: {kind: zmq, port: 5599}  # ~ twin.py:3: binds 5599, where it answers `health_check`\n        \
         ports: [\"7000:5599\"]  # ~ twin.py:3",
        "      Web:\n        health: {kind: http, path: /health}  # ~ web.py:10: serves HTTP on 8001",
        "      Feed:\n        ports: [\"5700\"]  # ~ feed.py:3: binds a PUB socket to 5700",
        "      Sweep:\n        health: process  # ~ sweep.py: opens no port",
        "    reaches: [Feed]  # ~ sweep.py:3: `Sweep` connects to 5700, where `Feed` is",
        "    # ? `Odd`: nothing it opens is 7004, where others look for it: of 5601 and 5602",
        "        # ? nothing says which request is answered on 5601",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let explained = sandbox.run(&["init", "--tree", "tree", "--explain", "groups.core.overrides.Feed"]);
    assert!(
        explained.stdout.contains("sweep.py:3: `Sweep` connects to 5700"),
        "{explained:#?}"
    );
    let output = sandbox
        .command(&["audit", "--format", "json"])
        .current_dir(&tree)
        .output()
        .unwrap();
    let audit = sandbox.ran(&output);
    assert_eq!(audit.code, 0, "{text}\n{audit:#?}");
    let document = json(&audit);
    let agents = document["agents"].as_array().unwrap();
    let risky = agents.iter().filter(|agent| agent["prediction"] != "starts");
    let risky: Vec<&str> = risky.filter_map(|agent| agent["name"].as_str()).collect();
    assert_eq!(risky, ["Odd"], "{document:#}");
}

/// Agents whose parsers take what the tree's own launcher passes: none of the supervisor's flags, one of them, and flags that nobody can.
fn with_own_parsers(root: &Path) {
    let config = "core:\n- {name: Butler, script_path: butler.py, port: 7000, health_check_port: 8000, params: {device: cpu}}\n\
                  - {name: Eyes, script_path: eyes.py, port: 7001, health_check_port: 8001}\n\
                  - {name: Lost, script_path: lost.py, port: 7002, health_check_port: 8002}\n\
                  - {name: Good, script_path: good.py, port: 7003, health_check_port: 8003}\n";
    let parser = |flags: &[&str]| {
        let flags: Vec<String> = flags
            .iter()
            .map(|flag| format!("parser.add_argument('{flag}')\n"))
            .collect();
        format!(
            "import argparse\nimport time\nimport zmq\nparser = argparse.ArgumentParser()\n{}arguments = parser.parse_args()\n\
             socket = zmq.Context().socket(zmq.REP)\nsocket.bind('tcp://*:' + str(8000))\nwhile True:\n    request = socket.recv_json()\n    \
             if request.get('action') == 'health_check':\n        socket.send_json({{'status': 'ok'}})\n",
            flags.concat()
        )
    };
    plant(
        root,
        &[
            ("startup.yaml", config),
            ("butler.py", &parser(&["--device"])),
            ("eyes.py", &parser(&["--port", "--camera"]).replace("8000", "8001")),
            (
                "lost.py",
                &parser(&["--port"]).replace("'--port'", "'--key', required=True"),
            ),
            ("good.py", AGENT),
            ("requirements.txt", "pyzmq\n"),
        ],
    );
}

#[test]
fn flags_that_parsers_reject_are_turned_off_with_the_evidence() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    with_own_parsers(&tree);
    let made = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let text = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    for line in [
        "        flags: none  # ~ butler.py:6: `parse_args()` ends the process: it rejects `--health_check_port`, `--name`, `--port`",
        "        flags: [port]  # ~ eyes.py:7: `parse_args()` ends the process: it rejects `--health_check_port`, `--name`",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!(text.matches("flags:").count(), 2, "{text}");
    let audit = |folder: &Path| {
        let output = sandbox
            .command(&["audit", "--format", "json"])
            .current_dir(folder)
            .output();
        json(&sandbox.ran(&output.unwrap()))
    };
    let document = audit(&tree);
    let lost = |document: &Value| {
        let agents = document["agents"].as_array().unwrap().clone();
        let lost = agents.iter().filter(|agent| agent["prediction"] == "cannot_start");
        lost.map(|agent| agent["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(lost(&document), ["Lost"], "{document:#}");
    // Without the keys, the audit names them; for what they would not help, it does not.
    let without: Vec<&str> = text.lines().filter(|line| !line.contains(" flags: ")).collect();
    let without = without
        .join("\n")
        .replace("      Butler:\n", "")
        .replace("      Eyes:\n", "");
    std::fs::write(tree.join("config/stack.yaml"), without).unwrap();
    let document = audit(&tree);
    assert_eq!(lost(&document), ["Butler", "Eyes", "Lost"], "{document:#}");
    let helps = document["findings"].as_array().unwrap().iter();
    let helps = helps.filter(|finding| finding["rule"] == "start/flags-rejected");
    let helps: Vec<&str> = helps.filter_map(|finding| finding["help"].as_str()).collect();
    assert_eq!(
        helps,
        [
            "write `Butler: {flags: none}` below `overrides:` of the group: it is started with what its parser takes",
            "write `Eyes: {flags: [port]}` below `overrides:` of the group: it is started with what its parser takes",
            "use `parse_known_args()`, or add the flags that the supervisor passes",
        ]
    );
}

#[test]
fn scripts_that_take_words_by_their_place_are_given_none() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    let script = |lines: &str| {
        format!(
            "import sys\nimport time\nimport zmq\n{lines}\nsocket = zmq.Context().socket(zmq.REP)\nsocket.bind(f'tcp://*:{{port}}')\n\
             while True:\n    request = socket.recv_json()\n    socket.send_json({{'status': 'ok'}})\n"
        )
    };
    plant(
        &tree,
        &[
            (
                "config/agents.yaml",
                "agents:\n- {name: Placed, script_path: placed.py, port: 7000}\n- {name: Bound, script_path: bound.py, port: 7010}\n\
                 - {name: Lost, script_path: lost.py, port: 7020}\n",
            ),
            (
                "placed.py",
                &script("port = int(sys.argv[1]) if len(sys.argv) > 1 else 7000"),
            ),
            ("bound.py", &script("port = 7010 if '--port' in sys.argv else 7011")),
            (
                "lost.py",
                &script("port = int(sys.argv[1]) if len(sys.argv) > 1 else nothing"),
            ),
            ("requirements.txt", "pyzmq\n"),
        ],
    );
    let made = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let text = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    let line = "        flags: none  # ~ placed.py:4: with flags: invalid literal for int() with base 10: '--port'";
    assert!(text.contains(line), "{text}");
    assert_eq!(text.matches(" flags: ").count(), 2, "{text}");
}

#[test]
fn files_beside_the_code_that_agents_read_are_included_and_secrets_are_not() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    let reads = "import time\nfrom pathlib import Path\nROOT = Path(__file__).resolve().parents[1]\n\
        for part in ('settings', 'account'):\n    pass\n\
        print(open(ROOT / 'one' / 'config' / ('settings' + '.yaml')).read())\n\
        print(open(ROOT / 'one' / 'config' / ('account' + '.json')).read())\nwhile True:\n    time.sleep(1)\n";
    let key = format!(
        "{{\"type\": \"service_account\", \"private_key\": \"-----BEGIN {} KEY-----\\n\"}}",
        "PRIVATE"
    );
    plant(
        &tree,
        &[
            (
                "one/config/startup_config.yaml",
                "agents:\n- {name: A, script_path: one/a.py, port: 7000}\n- {name: B, script_path: one/b.py, port: 7010}\n\
                 - {name: C, script_path: one/c.py, port: 7020}\n",
            ),
            (
                "two/config/startup_config.yaml",
                "agents:\n- {name: D, script_path: two/d.py, port: 7100}\n- {name: E, script_path: two/e.py, port: 7110}\n\
                 - {name: F, script_path: two/f.py, port: 7120}\n",
            ),
            ("one/a.py", AGENT),
            ("one/b.py", AGENT),
            ("one/c.py", AGENT),
            ("two/d.py", reads),
            ("two/e.py", AGENT),
            ("two/f.py", AGENT),
            ("one/config/settings.yaml", "a: 1\n"),
            ("one/config/account.json", &key),
            ("requirements.txt", "pyzmq\n"),
        ],
    );
    let made = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let text = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    assert!(
        text.contains("  include: [one/config/settings.yaml]  # ~ two/d.py:6: reads it"),
        "{text}"
    );
    assert!(!text.contains("account.json"), "{text}");
}

/// Two agents whose health port nothing says.
fn doubtful(root: &Path) {
    plant(
        root,
        &[
            (
                "config/agents.yaml",
                "agents:\n- {name: A, script_path: a.py, port: 7000}\n- {name: B, script_path: b.py, port: 7010}\n- {name: C, script_path: c.py, port: 7020}\n",
            ),
            ("a.py", AGENT),
            ("b.py", AGENT),
            ("c.py", AGENT),
            ("requirements.txt", "pyzmq\n"),
        ],
    );
}

#[test]
fn questions_are_asked_on_a_terminal_alone() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    doubtful(&tree);
    let before = listing(&tree);
    let ran = sandbox.run(&["init", "--tree", "tree", "--ask"]);
    assert_eq!((ran.code, listing(&tree) == before), (2, true), "{ran:#?}");
    assert!(
        ran.stderr.contains("`--ask` needs a terminal") && ran.stderr.contains("hint: without it, `init` marks"),
        "{ran:#?}"
    );
}

#[test]
fn what_is_doubtful_is_asked_with_its_evidence_and_the_answers_are_written() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    doubtful(&tree);
    let ran = sandbox.on_terminal(&["init", "--tree", "tree", "--ask"], "many\n1500\n");
    assert_eq!(ran.code, 0, "{ran:#?}");
    for said in [
        "1 of 1  machines.main.health_port_offset: 1",
        "? nothing says on which port",
        "a whole number is wanted, as in `1`; once more:",
        "no doubts",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {ran:#?}");
    }
    let text = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    assert!(
        text.contains("health_port_offset: 1500\n") && !text.contains("# ?"),
        "{text}"
    );
    let again = sandbox.on_terminal(&["init", "--tree", "tree", "--ask"], "");
    assert_eq!(again.code, 2, "{again:#?}");
    assert!(
        again
            .stdout
            .contains("`config/stack.yaml` is there, and nothing is overwritten"),
        "{again:#?}"
    );
}

#[test]
fn a_startup_config_that_cannot_be_read_stops_nothing_about_the_other_machine() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    two_machines(&tree);
    assert_eq!(sandbox.run(&["init", "--tree", "tree"]).code, 0);
    let run = |arguments: &[&str]| {
        let output = sandbox.command(arguments).current_dir(&tree).output().unwrap();
        sandbox.ran(&output)
    };
    assert_eq!(run(&["render"]).code, 0);
    let before = listing(&tree);
    std::fs::write(tree.join("pc2_code/config/startup_config.yaml"), "pc2_services: [\n").unwrap();
    sandbox.fake_podman("exit 0");
    let ran = run(&["images", "why", "core-services", "main_pc_code/agents/hub.py"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let said = "machine `pc2` is left out: `pc2_code/config/startup_config.yaml` cannot be read";
    assert!(ran.stderr.contains(said), "{ran:#?}");
    let ran = run(&["status", "--machine", "pc2"]);
    assert!(
        ran.code == 2 && ran.stderr.contains("nothing is known of machine `pc2`"),
        "{ran:#?}"
    );
    // Files of both hold what the other has.
    let ran = run(&["render"]);
    assert!(
        ran.code == 2 && ran.stderr.contains("nothing is rendered while"),
        "{ran:#?}"
    );
    assert_eq!(listing(&tree), before);
}
