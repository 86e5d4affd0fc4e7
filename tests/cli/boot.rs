//! What `up`, `down`, `restart`, `status` and `logs` say, against supervisors and containers of the test's own.

use std::io::{BufRead as _, BufReader, Read as _};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::stack::{Stack, agent, document, exists, healthy, waiting};
use crate::{signal, wait_for};

#[test]
fn a_waiting_agent_is_not_restarted() {
    let stack = Stack::new(131, 10);
    stack.containers(&[("two", "running")]);
    stack.supervisor("two", || Some(waiting("two", "Ear", "Hub")));
    let ran = stack.sandbox.run(&["restart", "Ear"]);
    ran.fails_with(1, &["agent Ear is not restarted: it has no process: it waits for Hub"]);
    assert!(!ran.stderr.contains(" restarted "), "{}", ran.stderr);
    let calls = stack.sandbox.podman_calls();
    assert!(!calls.iter().any(|call| call.starts_with("exec")), "{calls:#?}");
}

#[test]
fn restarted_is_said_of_a_new_process_only() {
    let stack = Stack::new(132, 10);
    stack.containers(&[("one", "running"), ("two", "running")]);
    let asked = stack.sandbox.path("asked");
    stack.podman(&format!(r#"  "exec one") : > '{}' ;;"#, asked.display()));
    stack.supervisor("one", move || {
        let mut hub = agent("Hub", "healthy");
        if exists(&asked) {
            hub["pid"] = json!(8);
            hub["started_at_ms"] = json!(1_700_000_009_000_u64);
        }
        Some(document("one", "healthy", hub))
    });
    // Its supervisor takes the request, and nothing comes of it.
    stack.supervisor("two", || Some(healthy("two")));
    let ran = stack.sandbox.run(&["restart", "Hub"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stderr.contains("restarted agent Hub (pid 8, healthy)"),
        "{}",
        ran.stderr
    );
    let ran = stack.sandbox.run(&["restart", "Ear", "--timeout", "1"]);
    ran.fails_with(1, &["agent Ear is not restarted yet"]);
}

#[test]
fn what_comes_of_a_restart_is_told() {
    let stack = Stack::new(133, 10);
    stack.containers(&[("one", "running"), ("two", "exited")]);
    let asked = stack.sandbox.path("asked");
    stack.podman(&format!(r#"  "exec one") : > '{}' ;;"#, asked.display()));
    stack.supervisor("one", move || {
        let mut hub = agent("Hub", if exists(&asked) { "failed" } else { "healthy" });
        hub["reason"] = json!("given up (5 crashes within 120.0 s): exited with code 1 after 0.1 s");
        hub["last_stderr"] = json!(["\rLoading 0/40\rLoading 1/40\rno microphone found"]);
        Some(document("one", "unhealthy", hub))
    });
    let ran = stack.sandbox.run(&["restart", "Hub"]);
    ran.fails_with(
        1,
        &["agent Hub does not start: no microphone found; given up (5 crashes"],
    );
    assert!(!ran.stderr.contains("0/40"), "{}", ran.stderr);
    for name in ["two", "Ear"] {
        let ran = stack.sandbox.run(&["restart", name]);
        ran.fails_with(
            1,
            &[
                "group `two` does not run: its container exited with code 3",
                "hint: `cargo xtask up two`",
            ],
        );
    }
    stack
        .sandbox
        .run(&["restart", "three"])
        .fails_with(1, &["group three is not restarted: group `three` has no container"]);
    stack
        .sandbox
        .run(&["restart", "Mouht"])
        .fails_with(2, &["no group or agent is called `Mouht`", "did you mean `Mouth`?"]);
}

#[test]
fn a_failed_check_ends_a_boot_at_once_and_is_named() {
    let stack = Stack::new(134, 10);
    stack.containers(&[("one", "running")]);
    stack.supervisor("one", || {
        let mut document = document("one", "unhealthy", agent("Hub", "healthy"));
        document["checks"] = json!([{"name": "module cv2", "ok": false, "detail": "not importable"}]);
        Some(document)
    });
    let ran = stack.sandbox.run(&["up", "one"]);
    ran.fails_with(
        1,
        &[
            "group `one`: module cv2: not importable",
            "waiting longer changes nothing",
        ],
    );
    assert!(!ran.stderr.contains("0 entries"), "{}", ran.stderr);
}

#[test]
fn agents_that_were_given_up_end_a_boot_with_one_cause_for_all_that_wait() {
    let stack = Stack::new(135, 300);
    stack.containers(&[("one", "running"), ("two", "running"), ("three", "running")]);
    stack.supervisor("one", || {
        let mut hub = agent("Hub", "failed");
        hub["reason"] = json!("given up (5 crashes within 120.0 s): exited with code 1 after 0.1 s");
        hub["last_stderr"] = json!([
            "Traceback (most recent call last):",
            "  File \"/app/src/agent.py\", line 1, in <module>",
            "ModuleNotFoundError: No module named 'numpy'",
        ]);
        Some(document("one", "unhealthy", hub))
    });
    stack.supervisor("two", || Some(waiting("two", "Ear", "Hub")));
    stack.supervisor("three", || Some(waiting("three", "Mouth", "Ear")));
    let ran = stack.sandbox.run(&["up"]);
    ran.fails_with(
        1,
        &[
            "3 of 3 agents are not healthy",
            "1 agent given up: ModuleNotFoundError: No module named 'numpy'",
            "2 agents wait for that: Ear, Mouth",
        ],
    );
}

/// What was given up does not make a boot fail in which others run, unless that is asked for.
#[test]
fn a_boot_in_which_agents_fail_and_others_run_is_told_by_cause() {
    let stack = Stack::new(147, 300);
    stack.containers(&[("one", "running"), ("two", "running"), ("three", "running")]);
    stack.supervisor("one", || {
        let mut hub = agent("Hub", "failed");
        hub["failure"] = json!("given_up");
        hub["starts_without"] = json!(true);
        hub["reason"] = json!("given up (5 crashes within 120.0 s): exited with code 1 after 0.1 s");
        hub["last_stderr"] = json!(["INFO starting", "no microphone found"]);
        Some(document("one", "unhealthy", hub))
    });
    stack.supervisor("two", || {
        let mut ear = agent("Ear", "healthy");
        ear["starts_without"] = json!(true);
        ear["without"] = json!([{"agent": "Hub", "failure": "given_up"}]);
        Some(document("two", "degraded", ear))
    });
    stack.supervisor("three", || Some(healthy("three")));
    let ran = stack.sandbox.run(&["up"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let said = [
        "1 of 3 agents are not healthy",
        "waiting longer changes nothing",
        "1 agent given up: no microphone found: Hub; 1 agent runs without it, degraded: Ear",
        "2 of 3 agents are healthy, 1 of these degraded",
    ];
    for text in said {
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("INFO starting"), "{}", ran.stderr);
    let ran = stack.sandbox.run(&["up", "--verbose"]);
    assert!(ran.stderr.contains("| INFO starting"), "{}", ran.stderr);
    stack.sandbox.run(&["up", "--strict"]).fails_with(1, &said[..3]);
    let ran = stack.sandbox.run(&["status"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    for text in [
        "degraded",
        "without Hub (given up)",
        "2 of 3 agents healthy, 1 of these degraded",
    ] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
    let ran = stack.sandbox.run(&["status", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let ear = &document["agents"][1];
    assert_eq!(
        (&ear["state"], &ear["without"][0]["failure"]),
        (&json!("degraded"), &json!("given_up"))
    );
}

#[test]
fn an_agent_that_is_about_to_start_without_what_failed_is_waited_for_and_named() {
    let stack = Stack::new(148, 300);
    stack.containers(&[("one", "running"), ("two", "running"), ("three", "running")]);
    let asked = stack.sandbox.path("asked");
    stack.supervisor("one", || {
        let mut hub = agent("Hub", "failed");
        hub["failure"] = json!("given_up");
        Some(document("one", "unhealthy", hub))
    });
    let begun = std::time::Instant::now();
    stack.supervisor("two", move || {
        if begun.elapsed() < std::time::Duration::from_secs(4) {
            let mut document = waiting("two", "Ear", "Hub");
            document["agents"][0]["starts_without"] = json!(true);
            return Some(document);
        }
        std::fs::write(&asked, "").unwrap();
        Some(healthy("two"))
    });
    stack.supervisor("three", || {
        let mut mouth = agent("Mouth", "starting");
        mouth["reason"] = json!("no answer yet: nothing listens on port 6103");
        Some(document("three", "starting", mouth))
    });
    let ran = stack.sandbox.run(&["up", "--timeout", "6"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let named = "waiting for Mouth (no answer yet: nothing listens on port 6103); 1 more wait for others";
    assert!(ran.stderr.contains(named), "{}", ran.stderr);
    assert!(
        exists(&stack.sandbox.path("asked")),
        "it was not waited for: {}",
        ran.stderr
    );
}

#[test]
fn an_agent_that_is_left_out_is_named_to_its_supervisor_alone() {
    let stack = Stack::new(149, 10);
    for (group, ..) in crate::stack::GROUPS {
        stack.supervisor(group, move || {
            let mut document = healthy(group);
            if group == "one" {
                document = self::document("one", "degraded", agent("Hub", "failed"));
                document["agents"][0]["failure"] = json!("left_out");
                document["agents"][0]["required"] = json!(false);
            }
            Some(document)
        });
    }
    let ran = stack.sandbox.run(&["up", "--without", "Hub"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let calls = stack.sandbox.podman_calls();
    let with: Vec<&String> = calls.iter().filter(|call| call.contains("--without Hub")).collect();
    assert_eq!(with.len(), 1, "{calls:#?}");
    assert_eq!(stack.sandbox.run(&["status"]).code, 0);
    stack
        .sandbox
        .run(&["up", "--without", "one"])
        .fails_with(2, &["`--without one` names a group"]);
    stack
        .sandbox
        .run(&["up", "--without", "Hib"])
        .fails_with(2, &["no group or agent is called `Hib`", "did you mean `Hub`?"]);
}

#[test]
fn a_group_is_started_with_those_that_it_waits_for() {
    let stack = Stack::new(136, 10);
    for (group, ..) in crate::stack::GROUPS {
        stack.supervisor(group, move || Some(healthy(group)));
    }
    let ran = stack.sandbox.run(&["up", "three"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stderr.contains("also starting `two`: `Mouth` waits for `Ear`"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("also starting `one`: `Ear` waits for `Hub`"),
        "{}",
        ran.stderr
    );
    let made = |name: &str| {
        let calls = stack.sandbox.podman_calls();
        calls
            .iter()
            .any(|call| call.starts_with("create") && call.contains(&format!("--name={name} ")))
    };
    assert!(made("one") && made("two") && made("three"));
}

#[test]
fn without_what_it_waits_for_a_group_is_not_waited_for() {
    let stack = Stack::new(137, 300);
    stack.containers(&[("two", "running")]);
    stack.supervisor("two", || Some(waiting("two", "Ear", "Hub")));
    let ran = stack.sandbox.run(&["up", "two", "--no-deps"]);
    ran.fails_with(
        1,
        &[
            "`Ear` waits for `Hub` of group `one` (home), which does not run here and is not started (`--no-deps`)",
            "waiting longer changes nothing",
            "group `one` does not run and was not asked for: `cargo xtask up one` starts it",
        ],
    );
    assert!(
        !stack
            .sandbox
            .podman_calls()
            .iter()
            .any(|call| call.contains("--name=one "))
    );
}

#[test]
fn nothing_is_locked_while_agents_are_waited_for_and_a_removal_ends_the_wait() {
    let stack = Stack::new(138, 300);
    let gone = stack.sandbox.path("gone");
    let is_gone = gone.clone();
    stack.supervisor("one", move || {
        (!exists(&is_gone)).then(|| document("one", "starting", agent("Hub", "starting")))
    });
    let mut up = stack.sandbox.start(&["up", "one"]);
    wait_for(|| {
        stack
            .sandbox
            .podman_calls()
            .iter()
            .any(|call| call.starts_with("start "))
            .then_some(())
    });
    stack.containers(&[("one", "running")]);
    // Takes the lock, which `up` lets go of as soon as Podman has done its work.
    let ran = stack.sandbox.run(&["down", "three"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(up.try_wait().unwrap(), None, "the boot is still waited for");
    stack.containers(&[]);
    std::fs::write(gone, "").unwrap();
    let status = up.wait().unwrap();
    let mut said = String::new();
    up.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("was taken down meanwhile"), "{said}");
}

#[test]
fn a_signal_ends_a_wait_and_leaves_what_runs() {
    for (block, sent, code) in [(139, Signal::SIGINT, 130), (140, Signal::SIGTERM, 143)] {
        let stack = Stack::new(block, 300);
        stack.containers(&[("one", "running")]);
        stack.supervisor("one", || Some(document("one", "starting", agent("Hub", "mute"))));
        let mut up = stack.sandbox.start(&["up", "one"]);
        let mut said = BufReader::new(up.stderr.take().unwrap());
        let mut lines = String::new();
        // It is told at once that an agent is mute, and waited on.
        while !lines.contains("Hub is mute") {
            assert!(said.read_line(&mut lines).unwrap() > 0, "{lines}");
        }
        // Podman's part is over when another command gets the lock.
        assert_eq!(stack.sandbox.run(&["down", "three"]).code, 0);
        let before = stack.sandbox.podman_calls();
        signal(up.id(), sent);
        assert_eq!(up.wait().unwrap().code(), Some(code));
        said.read_to_string(&mut lines).unwrap();
        assert!(
            lines.contains("interrupted: what was started runs on, 0 of 1 agents healthy"),
            "{lines}"
        );
        let calls = stack.sandbox.podman_calls();
        let removals = |calls: &[String]| calls.iter().filter(|call| call.contains(" rm ")).count();
        assert_eq!(removals(&calls), removals(&before), "{calls:#?}");
    }
}

#[test]
fn down_says_what_it_removed_and_what_it_did_not() {
    let stack = Stack::new(141, 10);
    let ran = stack.sandbox.run(&["down"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let nothing = "nothing to remove: no pod, container or network of stack `small141` is here";
    assert!(ran.stderr.contains(nothing), "{}", ran.stderr);
    stack.containers(&[("one", "running"), ("two", "running")]);
    let labels = r#"{"ai-system.stack":"small141","ai-system.machine":"home"}"#;
    stack.podman(&format!(
        r#"  "pod rm") case "$*" in *two*) echo 'Error: the storage is broken' >&2; exit 125 ;; esac ;;
  "volume ls") echo '[{{"Name":"small_data","Labels":{labels}}}]' ;;
  "volume rm") case "$*" in *force*) echo "takes others' containers" >&2; exit 9 ;; esac ;;"#
    ));
    let ran = stack.sandbox.run(&["down", "--volumes"]);
    ran.fails_with(
        3,
        &[
            "removed pod one-pod",
            "pod two-pod could not be removed",
            "| Error: the storage is broken",
            "removed volume small_data",
            "still there",
        ],
    );
    assert!(!ran.stderr.contains("removed pod two-pod"), "{}", ran.stderr);
    let calls = stack.sandbox.podman_calls();
    let at = |text: &str| calls.iter().position(|call| call.contains(text));
    // Agents have the time to stop that their container was made with, before anything of it is taken away.
    assert!(
        at("stop --ignore one") < at("pod rm --force --ignore one"),
        "{calls:#?}"
    );
    assert!(!calls.iter().any(|call| call.contains("--time")), "{calls:#?}");
    stack
        .sandbox
        .run(&["down", "one", "--volumes"])
        .fails_with(2, &["volumes belong to a machine, not to a group"]);
}

#[test]
fn status_and_logs_of_what_does_not_run_are_one_sentence() {
    let stack = Stack::new(142, 10);
    for command in ["status", "logs"] {
        let ran = stack.sandbox.run(&[command]);
        ran.fails_with(1, &["the stack does not run"]);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.lines().count() <= 2, "{}", ran.stderr);
        let ran = stack.sandbox.run(&[command, "two"]);
        ran.fails_with(
            1,
            &[
                "group `two`",
                "has no container",
                "hint: `cargo xtask up two` starts it",
            ],
        );
    }
    stack.containers(&[("one", "exited")]);
    let ran = stack.sandbox.run(&["status", "one"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.contains("does not run: its container exited with code 3"),
        "{}",
        ran.stdout
    );
    stack.podman(r#"  "logs one") ;; "logs --tail=200") echo '[Hub] it was here' ;;"#);
    let ran = stack.sandbox.run(&["logs", "one"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.stderr.contains("its container exited with code 3"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "[Hub] it was here\n");
    let ran = stack.sandbox.run(&["logs", "Hub"]);
    assert!(ran.stderr.contains("`Hub` has printed nothing"), "{}", ran.stderr);
}

#[test]
fn status_shows_the_end_of_what_was_said() {
    let stack = Stack::new(143, 10);
    stack.containers(&[("one", "running")]);
    stack.supervisor("one", || {
        let mut hub = agent("Hub", "failed");
        let bar: String = (0..40)
            .map(|step| format!("\rLoading checkpoint shards: {step}/40"))
            .collect();
        let said = format!("{bar}\rCUDA out of memory. Tried to allocate 2.00 GiB");
        hub["reason"] = json!(format!(
            "given up (1 crash within 120.0 s): exited with code 1 after 10.1 s; last stderr line: {bar}"
        ));
        hub["last_stderr"] = json!([said]);
        Some(document("one", "unhealthy", hub))
    });
    let ran = stack.sandbox.run(&["status", "one"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.stdout
            .contains("Hub (failed): CUDA out of memory. Tried to allocate 2.00 GiB"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("0/40"), "{}", ran.stdout);
}

#[test]
fn a_machine_that_does_not_have_what_is_named_is_wrong_use() {
    let stack = Stack::new(144, 10);
    stack
        .sandbox
        .run(&["up", "away/Hub"])
        .fails_with(2, &["no group or agent is called `away/Hub`"]);
    stack.sandbox.run(&["up", "on"]).fails_with(2, &["did you mean `one`?"]);
}

#[test]
fn a_signal_while_agents_save_ends_down_and_names_what_is_left() {
    let stack = Stack::new(145, 10);
    stack.containers(&[("one", "running")]);
    let begun = stack.sandbox.path("begun");
    stack.podman(&format!(
        r#"  "stop --ignore") : > '{}'; exec sleep 600 ;;"#,
        begun.display()
    ));
    let mut down = stack.sandbox.start(&["down"]);
    wait_for(|| begun.exists().then_some(()));
    signal(down.id(), Signal::SIGTERM);
    assert_eq!(down.wait().unwrap().code(), Some(143));
    let mut said = String::new();
    down.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("interrupted, and left: pod one-pod"), "{said}");
    let calls = stack.sandbox.podman_calls();
    assert!(!calls.iter().any(|call| call.starts_with("pod rm")), "{calls:#?}");
}

#[test]
fn a_limit_that_is_given_is_kept_and_named() {
    let stack = Stack::new(146, 300);
    stack.containers(&[("one", "running")]);
    stack.supervisor("one", || Some(document("one", "starting", agent("Hub", "starting"))));
    let ran = stack.sandbox.run(&["up", "one", "--timeout", "1"]);
    ran.fails_with(
        1,
        &[
            "1 of 1 agents are not healthy",
            "the limit that `--timeout` sets",
            "1 agent still starting",
        ],
    );
}
