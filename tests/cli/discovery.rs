//! Where a stack is looked for, what needs none, and what an audit without agents says.

use crate::EMPTY_HOST;
use crate::sandbox::{Ran, Sandbox};

const STACK: &str = "machines:\n  home:\n    startup_config: agents.yaml\n";
const AGENTS: &str =
    "- {name: Hello, script_path: hello.py, port: 5000}\n- {name: World, script_path: world.py, port: 5001}\n";

/// A tree with its stack in `file`.
fn tree(file: &str, agents: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    let write = |path: &str, text: &str| {
        let path = sandbox.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(file, STACK);
    write("agents.yaml", agents);
    write("requirements.txt", "");
    let script = "import time\nwhile True:\n    time.sleep(1)\n";
    write("hello.py", script);
    write("world.py", script);
    write("below/x.py", "");
    sandbox
}

#[track_caller]
fn audits_two(ran: &Ran) {
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains("2 agents"), "{ran:#?}");
}

#[test]
fn a_stack_of_three_lines_is_found_in_the_folder_and_above_it() {
    for file in ["stack.yaml", "config/stack.yaml"] {
        let sandbox = tree(file, AGENTS);
        audits_two(&sandbox.run(&["audit"]));
        let below = sandbox
            .command(&["audit"])
            .current_dir(sandbox.path("below"))
            .output()
            .unwrap();
        audits_two(&sandbox.ran(&below));
    }
}

#[test]
fn a_stack_is_named_by_an_option_or_a_variable() {
    let sandbox = tree("deep/config/other.yaml", AGENTS);
    for path in ["agents.yaml", "hello.py", "world.py", "requirements.txt"] {
        std::fs::rename(sandbox.path(path), sandbox.path("deep").join(path)).unwrap();
    }
    audits_two(&sandbox.run(&["audit", "--stack", "deep/config/other.yaml"]));
    let by_variable = |path: &str, arguments: &[&str]| {
        let output = sandbox
            .command(arguments)
            .env("AI_SYSTEM_STACK", path)
            .output()
            .unwrap();
        sandbox.ran(&output)
    };
    audits_two(&by_variable("deep/config/other.yaml", &["audit"]));
    // The option wins.
    audits_two(&by_variable(
        "nowhere.yaml",
        &["audit", "--stack", "deep/config/other.yaml"],
    ));
    by_variable("nowhere.yaml", &["audit"]).fails_with(2, &["cannot read `[REPOSITORY]/nowhere.yaml`"]);
    std::fs::rename(sandbox.path("deep/config/other.yaml"), sandbox.path("deep/stack.yaml")).unwrap();
    audits_two(&sandbox.run(&["audit", "--stack", "deep"]));
}

#[test]
fn a_stack_of_another_program_is_not_taken() {
    let sandbox = tree("below/config/stack.yaml", AGENTS);
    std::fs::write(sandbox.path("stack.yaml"), "resolver: lts-20\npackages: []\n").unwrap();
    sandbox
        .run(&["render"])
        .fails_with(2, &["no `stack.yaml` or `config/stack.yaml`", "AI_SYSTEM_STACK"]);
}

#[test]
fn what_needs_no_stack_never_asks_for_one() {
    let sandbox = Sandbox::empty();
    sandbox.fake_podman(EMPTY_HOST);
    for arguments in [
        ["audit", "--list-rules"].as_slice(),
        &["audit", "--explain", "paths/style"],
        &["completions", "bash"],
        &["man", "pages"],
        &["--help"],
        &["up", "--help"],
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {ran:#?}");
    }
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.code <= 1, "{doctor:#?}");
    assert!(doctor.stderr.contains("there is no stack here"), "{doctor:#?}");
    assert!(!doctor.stdout.is_empty(), "{doctor:#?}");
    for command in ["render", "up", "status", "images"] {
        sandbox
            .run(&[command])
            .fails_with(2, &[if command == "images" { "" } else { "no `stack.yaml`" }]);
    }
    // Nothing is left behind in somebody's folder.
    assert!(!sandbox.path("target").exists());
}

#[test]
fn nothing_to_audit_is_one_line() {
    let sandbox = tree("stack.yaml", "colour: red\n");
    let ran = sandbox.run(&["audit"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:#?}");
    assert_eq!(
        ran.stderr.trim_end(),
        "error: nothing was found to audit: `agents.yaml` lists no agents (agents.yaml:1); agents are a list of mappings under any key, each \
         with a `name`"
    );
}

#[test]
fn one_agent_that_cannot_be_read_stops_no_command() {
    let bad = format!(
        "{AGENTS}- {{name: Bad, script_path: hello.py, port: here}}\n- {{name: Gone, script_path: gone.py, port: 5010}}\n"
    );
    let sandbox = tree("stack.yaml", &bad);
    sandbox.fake_podman(EMPTY_HOST);
    let audit = sandbox.run(&["audit"]);
    assert_eq!(audit.code, 1, "{audit:#?}");
    assert!(audit.stdout.contains("agents.yaml:3:"), "{audit:#?}");
    let render = sandbox.run(&["render"]);
    assert_eq!(render.code, 0, "{render:#?}");
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
    let doctor = sandbox.run(&["doctor"]);
    assert!(doctor.code <= 1, "{doctor:#?}");
    let status = sandbox.run(&["status"]);
    assert!(
        status
            .stderr
            .contains("2 agents are not as the stack or a startup config has it: Bad, Gone"),
        "{status:#?}"
    );
}
