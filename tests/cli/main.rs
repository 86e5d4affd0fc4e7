//! The command line from outside: what each command prints, and how it ends, when it is used well and when it is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod alias;
mod as_found;
mod audit;
mod bench;
mod boot;
mod confirm;
mod contents;
mod discovery;
mod dotenv;
mod escape;
mod fixes;
mod graph;
mod health;
mod hostile;
mod init;
mod installed;
mod links;
mod lock;
mod lsp;
mod orders;
mod output;
mod ownership;
mod pipelines;
mod pty;
mod rules;
mod running;
mod sandbox;
mod smoke;
mod stack;
#[path = "../as_found.rs"]
mod truth;
mod ui;
mod variants;
mod watch;

use std::io::Read as _;

use sandbox::Sandbox;

/// A `podman` on a host with nothing of ours.
const EMPTY_HOST: &str = r#"
case "$1" in
  info) echo "false v1" ;;
  *) echo "[]" ;;
esac"#;

#[test]
fn help_names_every_command_and_gives_examples() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "init",
        "audit",
        "graph",
        "doctor",
        "render",
        "lock",
        "build-images",
        "images",
        "up",
        "deploy",
        "status",
        "ui",
        "logs",
        "exec",
        "restart",
        "stop",
        "start",
        "smoke",
        "down",
        "ci",
        "test",
        "bench",
        "completions",
        "man",
    ] {
        assert!(
            help.stdout.contains(&format!("  {command} ")),
            "{command} in\n{}",
            help.stdout
        );
        let own = sandbox.run(&[command, "--help"]);
        assert_eq!(own.code, 0, "{command}");
        assert!(own.stdout.contains("Examples:"), "`{command} --help` has no examples");
        assert!(own.stdout.contains("--tree"), "`{command}` does not take --tree");
    }
}

#[test]
fn wrong_use_ends_with_code_2() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    sandbox
        .run(&["no-such-command"])
        .fails_with(2, &["unrecognized subcommand 'no-such-command'"]);
    sandbox.run(&["build-images", "no-such-group"]).fails_with(
        2,
        &[
            "no group is called `no-such-group`",
            "hint: groups are core-services, memory-system",
        ],
    );
    sandbox
        .run(&["status", "NoSuchAgent"])
        .fails_with(2, &["no group or agent is called `NoSuchAgent`"]);
    sandbox
        .run(&["deploy", "--machine", "pc3"])
        .fails_with(2, &["no machine is called `pc3`", "hint: machines are mainpc, pc2"]);
    sandbox
        .run(&["deploy", "--engine", "kube"])
        .fails_with(2, &["invalid value 'kube'", "quadlet, docker"]);
    sandbox.run(&["restart", "MemoryManager"]).fails_with(
        2,
        &[
            "an agent of both machines",
            "`mainpc/MemoryManager` or `pc2/MemoryManager`",
        ],
    );
    sandbox
        .run(&["up", "--machine", "pc3"])
        .fails_with(2, &["no machine is called `pc3`", "machines are mainpc, pc2"]);
}

#[test]
fn outside_a_repository_it_says_so() {
    let sandbox = Sandbox::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let output = sandbox
        .command(&["status"])
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    sandbox.ran(&output).fails_with(
        2,
        &[
            "no `stack.yaml` or `config/stack.yaml`",
            "hint: run below the folder that holds it",
        ],
    );
}

#[test]
fn a_stack_that_is_no_file_is_named() {
    let sandbox = Sandbox::new();
    let stack = sandbox.path("config/stack.yaml");
    std::fs::remove_file(&stack).unwrap();
    std::os::unix::fs::symlink("nowhere", &stack).unwrap();
    sandbox
        .run(&["audit"])
        .fails_with(2, &["config/stack.yaml`: no such file or directory"]);
    std::fs::remove_file(&stack).unwrap();
    std::fs::create_dir(&stack).unwrap();
    sandbox
        .run(&["audit"])
        .fails_with(2, &["config/stack.yaml` is not a file"]);
}

#[test]
fn rendered_files_are_what_the_stack_renders_to() {
    let sandbox = Sandbox::new();
    let check = sandbox.run(&["render", "--check"]);
    assert_eq!(check.code, 0, "{check:#?}");
    assert_eq!(check.stdout, "", "a check that finds nothing prints no data");
}

#[test]
fn a_stale_file_fails_the_check_with_the_difference_and_render_mends_it() {
    let sandbox = Sandbox::new();
    sandbox.edit("config/stack.yaml", "172.20.0.10", "172.20.0.11");
    let check = sandbox.run(&["render", "--check"]);
    check.fails_with(1, &["hint: run `cargo xtask render` and commit"]);
    for file in [
        "docker/podman-compose.mainpc.yml",
        "docker/quadlet/mainpc/ai_system-core-services.container",
    ] {
        assert!(check.stdout.contains(&format!("--- {file}")), "{}", check.stdout);
    }
    assert!(check.stdout.contains("172.20.0.11"), "{}", check.stdout);
    assert_eq!(sandbox.run(&["render"]).code, 0);
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
    assert!(
        sandbox.run(&["render"]).stderr.contains("0 files changed"),
        "a second render writes nothing"
    );
}

#[test]
fn files_of_a_group_that_is_gone_fail_the_check_and_render_removes_them() {
    let sandbox = Sandbox::new();
    let gone = "docker/quadlet/pc2/ai_system-gone.container";
    let unit = sandbox.path("docker/quadlet/pc2/ai_system-pc2-core.container");
    std::fs::copy(unit, sandbox.path(gone)).unwrap();
    std::fs::write(sandbox.path("docker/quadlet/pc2/by-hand.container"), "[Container]\n").unwrap();
    let check = sandbox.run(&["render", "--check"]);
    check.fails_with(1, &["1 file is not what the stack renders to"]);
    assert!(check.stdout.contains(&format!("--- {gone}")), "{}", check.stdout);
    let render = sandbox.run(&["render"]);
    assert!(
        render.stderr.contains("0 files changed") && render.stderr.contains("1 removed"),
        "{}",
        render.stderr
    );
    assert!(!sandbox.path(gone).exists() && sandbox.path("docker/quadlet/pc2/by-hand.container").exists());
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
}

#[test]
fn every_error_of_the_stack_is_reported_with_its_place() {
    let sandbox = Sandbox::new();
    sandbox.edit("config/stack.yaml", "status_port: 9000", "status_prot: 9000");
    sandbox.edit("config/stack.yaml", "172.20.0.20", "10.0.0.20");
    sandbox.run(&["render", "--check"]).fails_with(
        2,
        &[
            "`status_prot`",
            "--> config/stack.yaml:",
            "status_prot: 9000",
            "10.0.0.20",
            "172.20.0.0/16",
        ],
    );
}

#[test]
fn broken_input_is_an_error_and_no_panic() {
    for (file, content) in [
        ("config/stack.yaml", &b"version: 1\nname: [unclosed\n"[..]),
        ("config/stack.yaml", b"\xff\xfe\x00"),
        ("config/stack.yaml", b""),
        (
            "tests/ai_system/pc2_code/config/startup_config.yaml",
            b"pc2_services:\n  - {name: A\n",
        ),
        ("tests/ai_system/main_pc_code/config/startup_config.yaml", b"\x80\x81"),
        (
            "tests/ai_system/main_pc_code/config/startup_config.yaml",
            b"a: &a [*a]\n",
        ),
    ] {
        let sandbox = Sandbox::new();
        std::fs::write(sandbox.path(file), content).unwrap();
        let ran = sandbox.run(&["render", "--check"]);
        ran.fails_with(2, &["error", file]);
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
}

#[test]
fn nothing_is_built_from_a_stale_file() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    sandbox.edit("docker/Dockerfile.vision", "FROM", "# touched\nFROM");
    sandbox
        .run(&["build-images", "--dry-run"])
        .fails_with(2, &["docker/Dockerfile.vision", "hint: run `cargo xtask render`"]);
}

#[test]
fn up_without_images_says_what_to_run() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    sandbox.run(&["up", "vision", "--no-deps"]).fails_with(
        3,
        &[
            "missing images: localhost/ai_system/vision:latest",
            "hint: run `cargo xtask build-images`",
        ],
    );
    let calls = sandbox.podman_calls();
    assert!(!calls.iter().any(|call| call.contains("create")), "{calls:#?}");
}

#[test]
fn images_name_what_was_probably_meant_and_what_to_run() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    for (arguments, texts) in [
        (
            &["sbom", "visoin"][..],
            ["no group is called `visoin`", "did you mean `vision`?"],
        ),
        (
            &["diff", "TaskRouter"],
            [
                "no group is called `TaskRouter`",
                "is an agent of group `language-processing`",
            ],
        ),
        (
            &["why", "vision", "base_agent.py"],
            [
                "the tree has no file `base_agent.py`",
                "did you mean `main_pc_code/src/core/base_agent.py`?",
            ],
        ),
        (
            &["why", "vision", "main_pc_code/src/vision"],
            ["`main_pc_code/src/vision` is a folder", "/vision_capture_agent.py`?"],
        ),
    ] {
        let ran = sandbox.run(&[&["images"], arguments].concat());
        ran.fails_with(2, &texts);
    }
    let elsewhere = sandbox.run(&["images", "why", "vision", "main_pc_code/agents/executor.py"]);
    assert_eq!(elsewhere.code, 1, "{elsewhere:#?}");
    assert!(
        elsewhere
            .stdout
            .contains("none of its agents reaches it; that of `code-generation` does"),
        "{}",
        elsewhere.stdout
    );
    for command in ["ls", "why", "sbom", "diff"] {
        let help = sandbox.run(&["images", command, "--help"]);
        assert!(
            help.stdout.contains("Examples:\n  cargo xtask images "),
            "{}",
            help.stdout
        );
    }
}

#[test]
fn a_missing_podman_is_named_with_the_way_to_get_it() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .command(&["down"])
        .env("PATH", sandbox.path("bin"))
        .output()
        .unwrap();
    sandbox.ran(&output).fails_with(
        3,
        &["`podman` is not installed", "hint: run `cargo xtask doctor --fix`"],
    );
}

#[test]
fn a_failing_podman_shows_its_command_and_its_words() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman("echo 'Error: the storage is full' >&2; exit 125");
    sandbox.run(&["down"]).fails_with(
        3,
        &["podman pod ps", "exited with code 125", "| Error: the storage is full"],
    );
}

#[test]
fn rubbish_from_podman_is_an_error_that_shows_the_command() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman("echo 'not json'");
    sandbox
        .run(&["down"])
        .fails_with(3, &["podman pod ps", "not the expected JSON"]);
}

#[test]
fn status_of_a_stack_that_does_not_run_is_whole_json() {
    let sandbox = Sandbox::new();
    // An address that answers nobody, instead of the one a real stack on this host would have.
    sandbox.fake_podman(r#"echo "true v2""#);
    for (index, _) in (0..16).enumerate() {
        let (machine, group) = if index < 11 { (1, index + 1) } else { (2, index - 10) };
        let port = 19000 + machine * 100 + group;
        sandbox.edit(
            "config/stack.yaml",
            &format!("published_status_port: {port}"),
            &format!("published_status_port: {}", 61000 + index),
        );
    }
    let ran = sandbox.run(&["status", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let agents = document["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 89);
    assert!(agents.iter().all(|agent| agent["state"] == "unreachable"));
    for field in [
        "machine",
        "group",
        "name",
        "state",
        "restarts",
        "ready_after_ms",
        "waits_for",
    ] {
        assert!(agents[0].get(field).is_some(), "`{field}` is missing");
    }
}

#[test]
fn down_removes_only_what_carries_our_label() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(
        r#"
case "$1 $2" in
  "pod ps") echo '[{"Id":"p1","Name":"vision-pod","Status":"Running","Labels":{"ai-system.stack":"ai_system","ai-system.machine":"mainpc","ai-system.group":"vision"}}]' ;;
  "network ls")
    if [ -e "$0.removed" ]; then echo '[{"name":"podman"}]'; exit; fi
    echo '[{"name":"podman"},{"name":"ai_system_mainpc","labels":{"ai-system.stack":"ai_system","ai-system.machine":"mainpc"}}]' ;;
  "pod rm") ;;
  "network rm") : > "$0.removed" ;;
  *) echo '[]' ;;
esac"#,
    );
    let ran = sandbox.run(&["down"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let removed: Vec<String> = sandbox
        .podman_calls()
        .into_iter()
        .filter(|call| call.contains(" rm "))
        .collect();
    assert_eq!(removed, ["pod rm --force --ignore p1", "network rm ai_system_mainpc"]);
}

#[test]
fn ctrl_c_ends_with_130_and_leaves_no_program_running() {
    let sandbox = Sandbox::new();
    // Several run at once: each leaves a file with its process id as a name.
    let begun = sandbox.path("begun");
    std::fs::create_dir(&begun).unwrap();
    sandbox.fake_podman(&format!("> '{}/'$$; exec sleep 600", begun.display()));
    let ids = || -> Vec<String> {
        let files = std::fs::read_dir(&begun).unwrap().map(Result::unwrap);
        files.map(|file| file.file_name().into_string().unwrap()).collect()
    };
    let mut running = sandbox.start(&["down"]);
    wait_for(|| (!ids().is_empty()).then_some(()));
    signal(running.id(), nix::sys::signal::Signal::SIGINT);
    let status = running.wait().unwrap();
    let mut stderr = String::new();
    running.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted"), "{stderr}");
    for id in ids() {
        let podman = std::path::PathBuf::from(format!("/proc/{id}"));
        wait_for(|| (!podman.exists()).then_some(()));
    }
}

#[test]
fn a_second_harness_waits_and_says_for_whom() {
    let sandbox = Sandbox::new();
    let begun = sandbox.path("begun");
    let go_on = sandbox.path("go-on");
    sandbox.fake_podman(&format!(
        "touch '{}'; while [ ! -e '{}' ]; do sleep 0.01; done; echo '[]'",
        begun.display(),
        go_on.display()
    ));
    let first = sandbox.start(&["down"]);
    wait_for(|| begun.exists().then_some(()));
    let mut second = sandbox.start(&["down"]);
    let mut said = [0_u8; 40];
    second.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.starts_with("waiting for `cargo xtask down`, process"), "{said}");
    std::fs::write(go_on, "").unwrap();
    for running in [first, second] {
        assert!(running.wait_with_output().unwrap().status.success());
    }
}

#[test]
fn colour_is_used_only_when_asked_for_off_a_terminal() {
    let sandbox = Sandbox::new();
    sandbox.edit("config/stack.yaml", "status_port: 9000", "status_prot: 9000");
    let plain = sandbox.run(&["render"]);
    assert!(!plain.stderr.contains('\u{1b}'), "{}", plain.stderr);
    let coloured = sandbox.run(&["render", "--color", "always"]);
    assert!(coloured.stderr.contains('\u{1b}'), "{}", coloured.stderr);
}

#[test]
fn completions_are_for_the_whole_command_line() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = sandbox.run(&["completions", shell]);
        assert_eq!(ran.code, 0);
        for name in [
            "build-images",
            "vision",
            "TaskRouter",
            "pc2/MemoryManager",
            "hosts/private-address",
        ] {
            assert!(ran.stdout.contains(name), "{shell}: {name}");
        }
    }
}

/// Names of a tree are somebody's text: no shell runs a part of them.
#[test]
fn no_name_of_the_tree_is_run_by_a_completion() {
    let sandbox = Sandbox::new();
    let config = "tests/ai_system/main_pc_code/config/startup_config.yaml";
    sandbox.edit(config, "name: TaskRouter", "name: \"$(touch owned)`touch owned`'x\"");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = sandbox.run(&["completions", shell]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert!(!ran.stdout.contains("touch owned"), "{shell}");
    }
    let script = sandbox.run(&["completions", "bash"]).stdout;
    std::fs::write(sandbox.path("complete.sh"), script).unwrap();
    let asked = format!(
        "source {}; COMP_WORDS=(xtask logs Coord); COMP_CWORD=2; _xtask xtask Coord logs; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        sandbox.path("complete.sh").display()
    );
    let ran = sandbox.run_program("bash", &["-c", &asked]);
    assert!(ran.stdout.contains("CoordinatorAgent"), "{ran:#?}");
}

#[test]
fn every_command_has_a_manual_page() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["man", "pages"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    for (name, part) in [
        ("xtask", "audit"),
        ("xtask-audit", "\\-\\-baseline"),
        ("xtask-build-images", "\\-\\-dry\\-run"),
        ("xtask-lab-up", "lab"),
        ("xtask-man", "DIR"),
    ] {
        let page = std::fs::read_to_string(sandbox.path(&format!("pages/{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        assert!(page.contains(part), "{name}: {page}");
    }
    let help = sandbox.run(&["--help"]).stdout;
    let commands = help.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let names = commands
        .take_while(|line| !line.is_empty())
        // The rest of a description that goes on is further to the right.
        .filter_map(|line| {
            line.strip_prefix("  ")?
                .split(' ')
                .next()
                .filter(|name| !name.is_empty())
        })
        .filter(|name| *name != "help");
    for name in names {
        assert!(sandbox.path(&format!("pages/xtask-{name}.1")).is_file(), "{name}");
    }
}

/// Waits for a condition; fails after ten seconds.
#[track_caller]
fn wait_for<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = std::time::Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed().as_secs() < 10, "the condition did not come true");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, signal).unwrap();
}

#[test]
fn a_report_never_takes_the_place_of_other_files() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    let own = sandbox.path("thesis");
    std::fs::create_dir(&own).unwrap();
    std::fs::write(own.join("chapter1.txt"), "").unwrap();
    for command in [&["smoke", "--phase", "1", "--report"][..], &["ci", "--report"]] {
        let ran = sandbox.run(&[command, &[own.to_str().unwrap()]].concat());
        ran.fails_with(2, &["holds `chapter1.txt`", "hint: name a folder of its own"]);
    }
    assert!(own.join("chapter1.txt").exists());
}

#[test]
fn a_report_is_whole_where_every_check_fails() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman("echo 'no image & <no> container' >&2; exit 125");
    let folder = sandbox.path("out/report");
    let ran = sandbox.run(&["smoke", "--phase", "1", "--report", folder.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stderr.contains("index.html"), "{}", ran.stderr);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let document: serde_json::Value = serde_json::from_str(&read("smoke.json")).unwrap();
    assert_eq!((&document["version"], &document["success"]), (&1.into(), &false.into()));
    assert!(document["failed"].as_u64().unwrap() > 0, "{document:#}");
    assert!(read("junit.xml").contains("<testsuites"));
    let page = read("index.html");
    assert!(
        page.contains("no image &amp; &lt;no&gt; container"),
        "evidence is escaped"
    );
    assert!(!page.contains("<no>"));
    assert!(page.contains("smoke --phase 1 --report"), "the command that made it");
    assert!(!page.contains("Last runs"), "there is no other run");
    // The next one has this one beside it, wherever its report is.
    let folder = sandbox.path("elsewhere");
    sandbox.run(&["smoke", "--phase", "1", "--report", folder.to_str().unwrap()]);
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(page.contains("The last 2 runs with a report"));
}

#[test]
fn a_full_disk_behind_standard_output_is_no_success() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["audit", "--list-rules"][..],
        &["audit", "--format", "json"],
        &["completions", "bash"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = sandbox.command(arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(4), "{arguments:?}: {said}");
        assert!(
            said.contains("cannot write to standard output: no space left on device"),
            "{said}"
        );
    }
    // Nobody reads on, which is no error.
    let mut child = sandbox
        .command(&["audit", "--format", "json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
