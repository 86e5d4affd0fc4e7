//! What others wrote is shown, and obeyed by nobody: in no format, on no output, in no command.

use std::path::Path;
use std::process::Output;

use regex::Regex;

use crate::sandbox::Sandbox;

/// A clear of the screen, a title, a bell, a workflow command on a line of its own, what turns and hides text, a C1 control.
const NASTY: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\n::error::owned\r\u{202e}\u{2066}\u{200b}\u{feff}\u{9b}31m";

const STACK: &str = "\
version: 1
name: odd
source_tree: tree
images: {namespace: localhost/odd, base_image: docker.io/library/python:3.11-slim, requirements: requirements.txt}
machines:
  home:
    startup_config: startup.yaml
    code: [src]
    lan_address: 192.168.77.1
    address_variable: HOME_IP
    network: {name: odd_home, subnet: 172.30.0.0/16}
groups:
  odd-a:
    machine: home
    address: 172.30.0.10
    phase: 2
    published_status_port: 29801
    agents: [Hub]
    environment: {QUIET: '22:30'}
";

/// A tree whose names, sources and configs are nasty, with a line of 3 MB and a name that is not UTF-8.
fn sandbox(stack: &str) -> Sandbox {
    let sandbox = Sandbox::empty();
    let write = |path: &Path, text: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(&sandbox.path("config/stack.yaml"), stack);
    write(
        &sandbox.path("tree/startup.yaml"),
        "agents:\n  - {name: Hub, script_path: src/hub.py, port: 6101, health_check_port: 6102}\n  \
         - {name: \"B\\e[2J\\n::error::x\\u202e\", script_path: \"src/\\e]0;x\\a.py\", port: 80, health_check_port: 6104, \
         dependencies: [\"\\e[31m\\n::error::y\"]}\n",
    );
    let source = NASTY.replace('\n', " ");
    let long = "z".repeat(3_000_000);
    write(
        &sandbox.path("tree/src/hub.py"),
        &format!("import evil\nx = '{source}' + undefined # {source}\ny = '{long}' + also_undefined\n"),
    );
    write(
        &sandbox.path("tree/src/evil.py"),
        &format!("open('/app/{source}/x.log', 'w')\nraise RuntimeError({:?})\n", NASTY),
    );
    write(
        &sandbox.path(&format!("tree/src/{}.py", NASTY.replace('/', "_"))),
        "import nothing_at_all\nundefined\n",
    );
    write(
        &sandbox.path("tree/requirements.txt"),
        &format!("pyzmq\n{source} bad\n"),
    );
    let name = std::os::unix::ffi::OsStrExt::from_bytes(b"bad\xff\x1b[2J.py");
    write(
        &sandbox.path("tree/src").join::<&std::ffi::OsStr>(name),
        "import nothing_either\n",
    );
    sandbox
}

/// What a terminal would obey, colours left out where they are wanted; what is no UTF-8; and lines that are commands to a runner.
#[track_caller]
fn is_obeyed_by_nobody(what: &str, output: &Output, color: bool, commands: bool) {
    let sgr = Regex::new("\u{1b}\\[[0-9;:]*m").unwrap();
    for bytes in [&output.stdout, &output.stderr] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        let seen = if color {
            sgr.replace_all(text, "").into_owned()
        } else {
            text.to_owned()
        };
        let hidden = |c: char| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        };
        let found: Vec<String> = seen
            .lines()
            .filter(|line| line.contains(hidden))
            .map(|line| format!("{line:?}"))
            .collect();
        assert!(found.is_empty(), "{what}: {}", found.join("\n"));
        if !commands {
            let found: Vec<&str> = seen
                .lines()
                .filter(|line| line.trim_start().starts_with("::") || line.contains("##["))
                .collect();
            assert!(found.is_empty(), "{what}: {}", found.join("\n"));
        }
        assert!(text.len() < 1_000_000, "{what}: {} bytes", text.len());
    }
}

#[test]
fn a_nasty_tree_is_obeyed_by_nobody() {
    let broken = STACK.replace(
        "QUIET: '22:30'",
        "\"A\\e[2J\\n::error::x\\u202e\": x, B: \"${\\e[2J}\", C: \"${D}\"",
    );
    for stack in [STACK, &broken] {
        let sandbox = sandbox(stack);
        sandbox.fake_podman("printf '\\033[2J\\r\\n::error::podman\\n' >&2; exit 125");
        for arguments in [
            &["audit"][..],
            &["audit", "--color", "always"],
            &["audit", "--format", "json"],
            &["audit", "--format", "sarif"],
            &["audit", "--format", "github"],
            &["audit", "--format", "junit"],
            &["render", "--check"],
            &["render", "--check", "--color", "always"],
            &["status"],
            &["logs"],
            &["down"],
        ] {
            for runner in ["", "true"] {
                let output = sandbox
                    .command(arguments)
                    .env("GITHUB_ACTIONS", runner)
                    .output()
                    .unwrap();
                let what = format!("{arguments:?}");
                let (color, github) = (arguments.contains(&"always"), arguments.contains(&"github"));
                is_obeyed_by_nobody(&what, &output, color, github || runner.is_empty());
                assert!(!output.status.success(), "{what}: all of these have something to say");
            }
        }
    }
    // What is asked for as commands is commands, each of one line.
    let output = sandbox(STACK)
        .command(&["audit", "--format", "github"])
        .env("GITHUB_ACTIONS", "true")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 2);
    for line in text.lines() {
        let known = ["::error file=", "::warning file=", "::notice file="];
        assert!(known.iter().any(|command| line.starts_with(command)), "{line}");
    }
}

#[test]
fn logs_keep_colours_where_there_is_colour_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(
        "case \"$1\" in\n  logs) printf '[A] \\033[31mred\\033[0m \\033[2Jx\\033]0;t\\007\\n::error::x\\n\\033[1m::error::y\\n\
         [A] a\\302\\233b\\342\\200\\256c\\377\\n' ;;\n  \
         ps) echo '[{\"Id\":\"c\",\"Names\":[\"vision\"],\"State\":\"running\",\"Labels\":{\"ai-system.stack\":\"ai_system\",\
         \"ai-system.machine\":\"mainpc\",\"ai-system.group\":\"vision\"}}]' ;;\n  info) echo 'false v1' ;;\n  *) echo '[]' ;;\nesac",
    );
    for (color, runner) in [("never", ""), ("always", ""), ("never", "true"), ("always", "true")] {
        let output = sandbox
            .command(&["logs", "vision", "--color", color])
            .env("GITHUB_ACTIONS", runner)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        is_obeyed_by_nobody("logs", &output, color == "always", runner.is_empty());
        let text = String::from_utf8(output.stdout).unwrap();
        let red = if color == "always" {
            "\u{1b}[31mred\u{1b}[0m"
        } else {
            "[A] red"
        };
        assert!(
            text.contains(red) && text.contains("\\u{1b}[2Jx\\u{1b}]0;t\\u{7}"),
            "{text:?}"
        );
        assert!(text.contains("a\\u{9b}b\\u{202e}c\u{fffd}"), "{text:?}");
        assert_eq!(text.contains("\n::error::x\n"), runner.is_empty(), "{text:?}");
    }
}

/// A line of megabytes is nobody's message, in whatever form it is asked for.
#[test]
fn no_document_repeats_a_line_without_end() {
    let long = "x".repeat(1_500_000);
    let sandbox = Sandbox::new();
    let tree = "tests/ai_system/main_pc_code";
    for (path, text) in [
        ("endless.py", format!("{long} = = {long}\n")),
        ("endless.sh", format!("python3 agents/{long}.py\n")),
        ("endless.yaml", format!("script_path: FORMAINPC/{long}.py\n{long}: [\n")),
        (".gitignore", format!("{long}\n")),
    ] {
        std::fs::write(sandbox.path(&format!("{tree}/{path}")), text).unwrap();
    }
    sandbox.edit(
        &format!("{tree}/config/startup_config.yaml"),
        "dependencies: [",
        &format!("dependencies: [{long}, "),
    );
    for format in ["json", "sarif", "github", "junit", "human"] {
        let output = sandbox.command(&["audit", "--format", format]).output().unwrap();
        let (stdout, stderr) = (output.stdout.len(), output.stderr.len());
        assert!(stdout < 1_000_000, "{format}: {stdout} bytes");
        assert!(stderr < 200_000, "{format}: {stderr} bytes on standard error");
        if format == "json" {
            let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let findings = document["findings"].to_string();
            assert!(findings.contains("xxxx…"), "it is nowhere in {findings:.2000}");
        }
    }
}
