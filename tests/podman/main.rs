//! The whole with the real Podman: images, boot, a killed agent, an interrupted boot, and nothing left behind.
//!
//! One test after the other, on one stack: they share the host's images, networks and names, as two users of one host would.
//! Where there is no Podman they fail; nothing is skipped.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod as_found;
mod assets;
mod bench;
mod confirm;
mod connection;
mod devices;
mod faults;
mod foreign;
mod given;
#[path = "../hard_values.rs"]
mod hard_values;
mod harness;
mod images;
mod kube;
mod lab;
mod make;
mod rootless;
mod secrets;
#[path = "../as_found.rs"]
mod truth;
mod watch;
mod wheels;
mod words;

use harness::{Harness, json, wait_for};

/// Everything in one order, so that each part stands on what the last one left.
#[test]
fn from_images_to_a_running_stack_and_back() {
    let harness = Harness::new();
    harness.run(&["down", "--volumes"]).succeeds();

    images_are_built_once(&harness);
    images::both_builders_give_the_same_images(&harness);
    images::two_builds_give_the_same_image(&harness);
    images::a_change_builds_what_holds_it(&harness);
    images::images_hold_nothing_superfluous(&harness);
    an_interrupted_build_leaves_nothing(&harness);
    a_step_that_fails_is_shown_and_stops_only_what_stands_on_it(&harness);
    confirm::broken_agents_end_as_predicted(&harness);
    confirm::a_wrong_prediction_is_found(&harness);
    confirm::a_file_beside_code_is_written_as_in_use(&harness);
    confirm::the_reference_tree_starts_as_predicted(&harness);
    confirm::an_interrupted_proof_leaves_nothing(&harness);
    confirm::a_killed_proof_is_cleaned_up_by_the_next_down(&harness);
    an_interrupted_boot_leaves_nothing(&harness);
    a_killed_boot_is_cleaned_up_by_the_next_down(&harness);
    a_taken_port_is_named_before_anything_starts(&harness);
    bench::an_interrupted_benchmark_leaves_nothing(&harness);
    bench::growth_is_measured_and_no_process_is_left(&harness);
    bench::boots_and_probes_are_measured_and_leave_nothing(&harness);
    every_agent_becomes_healthy(&harness);
    the_first_three_phases_are_proved(&harness);
    a_check_fails_with_its_evidence_when_its_subject_is_broken(&harness);
    a_second_up_does_nothing(&harness);
    bench::a_benchmark_does_not_take_down_what_runs(&harness);
    watch::a_save_replaces_the_groups_that_hold_the_file(&harness);
    a_killed_agent_comes_back(&harness);
    a_mute_agent_is_restarted_on_demand(&harness);
    a_stopped_agent_stays_so_until_it_is_started(&harness);
    a_stopped_container_is_replaced(&harness);
    logs_show_one_agent_or_a_group(&harness);
    down_leaves_nothing(&harness);
}

fn images_are_built_once(harness: &Harness) {
    images::have_all(harness);
    let again = harness.run(&["build-images", "--format", "json"]).succeeds();
    let document = json(&again.stdout);
    let images = document["images"].as_array().unwrap();
    let groups = images
        .iter()
        .filter(|image| !image["name"].as_str().unwrap().starts_with("dependencies-"));
    assert_eq!(groups.count(), 18, "python, base and 16 groups: {document:#}");
    for image in images {
        assert_eq!(image["outcome"], "up_to_date", "{image:#}");
    }
}

fn an_interrupted_build_leaves_nothing(harness: &Harness) {
    let before = harness.image_id("vision");
    let tree = harness.copy_of_the_tree();
    let script = tree.path().join("main_pc_code/agents/face_recognition_agent.py");
    let changed = std::fs::read_to_string(&script).unwrap() + "\n# changed\n";
    std::fs::write(script, changed).unwrap();
    let tree = tree.path().to_str().unwrap();
    let mut running = harness.start(&["build-images", "vision", "--tree", tree, "--builder", "podman"]);
    wait_for("a build to run", || {
        assert_eq!(running.try_wait().unwrap(), None, "it ended before it was interrupted");
        !harness.working_containers().is_empty()
    });
    harness.interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(harness.working_containers(), Vec::<String>::new());
    assert_eq!(harness.image_id("vision"), before, "the old image keeps its name");
    harness.run(&["build-images"]).succeeds();
}

fn a_step_that_fails_is_shown_and_stops_only_what_stands_on_it(harness: &Harness) {
    let tree = harness.copy_of_the_tree();
    let requirements = tree.path().join("requirements.vision.txt");
    let more = std::fs::read_to_string(&requirements).unwrap() + "no-such-distribution-of-ours==9.9.9\n";
    std::fs::write(&requirements, more).unwrap();
    let before = harness.image_id("vision");
    let build = [
        "build-images",
        "vision",
        "code-generation",
        "--tree",
        tree.path().to_str().unwrap(),
    ];
    // The lock does not know of it: nothing is built.
    let refused = harness.run(&build);
    assert_eq!(refused.code, 2, "{refused:#?}");
    let line = "requirements.vision.txt:3: `no-such-distribution-of-ours==9.9.9` was not locked";
    assert!(refused.stderr.contains(line), "{}", refused.stderr);
    assert_eq!(harness.image_id("vision"), before);
    let ran = harness.run(&[&build[..], &["--unlocked"]].concat());
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.stderr.contains("no-such-distribution-of-ours"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("`vision` was not built, because `dependencies-"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("log: "), "{}", ran.stderr);
    assert_eq!(harness.image_id("vision"), before, "the old image keeps its name");
    assert_eq!(harness.working_containers(), Vec::<String>::new());
}

fn an_interrupted_boot_leaves_nothing(harness: &Harness) {
    let mut running = harness.start(&["up"]);
    wait_for("a pod", || !harness.pods().is_empty());
    harness.interrupt(&running);
    let status = running.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    assert_eq!(harness.leftovers(), Vec::<String>::new());
}

fn a_killed_boot_is_cleaned_up_by_the_next_down(harness: &Harness) {
    let mut running = harness.start(&["up"]);
    wait_for("a pod", || !harness.pods().is_empty());
    running.kill().unwrap();
    running.wait().unwrap();
    harness.run(&["down"]).succeeds();
    assert_eq!(harness.leftovers(), Vec::<String>::new());
}

fn a_taken_port_is_named_before_anything_starts(harness: &Harness) {
    let listener = std::net::TcpListener::bind("127.0.0.1:5570").unwrap();
    let ran = harness.run(&["up", "core-services"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let holder = "127.0.0.1:5570 for `ModelManagerAgent` is held by `podman-";
    assert!(ran.stderr.contains(holder), "{}", ran.stderr);
    assert!(harness.pods().is_empty());
    drop(listener);
}

fn every_agent_becomes_healthy(harness: &Harness) {
    let up = harness.run(&["up"]).succeeds();
    assert!(up.stderr.contains("critical path:"), "{}", up.stderr);
    let status = harness.status();
    let agents = status["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 89);
    for agent in agents {
        assert_eq!(agent["state"], "healthy", "{agent:#}");
        assert_eq!(agent["restarts"], 0, "{agent:#}");
        assert!(agent["ready_after_ms"].as_u64().is_some(), "{agent:#}");
    }
}

fn the_first_three_phases_are_proved(harness: &Harness) {
    let report = tempfile::tempdir().unwrap();
    let ran = harness
        .run(&[
            "smoke",
            "--phase",
            "1",
            "--phase",
            "2",
            "--phase",
            "3",
            "--soak",
            "5",
            "--format",
            "json",
            "--report",
            report.path().to_str().unwrap(),
        ])
        .succeeds();
    let page = std::fs::read_to_string(report.path().join("index.html")).unwrap();
    assert_eq!(
        page.matches("data-agent=").count(),
        89,
        "every agent is a row of the timeline"
    );
    let document = json(&ran.stdout);
    let checks = document["checks"].as_array().unwrap();
    assert!(checks.len() > 150, "{} checks", checks.len());
    for check in checks {
        assert_eq!(check["outcome"], "passed", "{check:#}");
    }
    for group in document["boot"]["groups"].as_array().unwrap() {
        for agent in group["agents"].as_array().unwrap() {
            let moment = |name: &str| {
                agent[name]
                    .as_u64()
                    .unwrap_or_else(|| panic!("no `{name}` in {agent:#}"))
            };
            assert!(moment("started_ms") <= moment("answered_ms"), "{agent:#}");
            assert!(moment("answered_ms") < moment("healthy_ms"), "{agent:#}");
        }
    }
    let measured = document["resources"]["groups"].as_array().unwrap();
    assert_eq!(measured.len(), 16);
    for group in measured {
        assert!(
            group["usage"]["memory_bytes"].as_u64().unwrap() > 1_000_000,
            "{group:#}"
        );
        assert!(group["usage"]["cpu_ms"].as_u64().unwrap() > 0, "{group:#}");
        assert!(group["proposed_limit_bytes"].as_u64().unwrap() > 0, "{group:#}");
    }
    let agents: Vec<&serde_json::Value> = measured
        .iter()
        .flat_map(|group| group["agents"].as_array().unwrap())
        .collect();
    assert_eq!(agents.len(), 89);
    for agent in agents {
        let number = |value: &serde_json::Value| value.as_u64().unwrap_or_else(|| panic!("{agent:#}"));
        assert!(number(&agent["usage"]["memory_bytes"]) > 1_000_000, "{agent:#}");
        assert!(number(&agent["usage"]["cpu_ms"]) > 0, "{agent:#}");
        assert!(
            number(&agent["proposed_limit_bytes"]) > number(&agent["peak_bytes"]),
            "{agent:#}"
        );
    }
}

fn a_check_fails_with_its_evidence_when_its_subject_is_broken(harness: &Harness) {
    let pid = harness.agent("ChainOfThoughtAgent")["pid"].to_string();
    let signal = |name: &str| {
        let program = format!("import os, signal; os.kill({pid}, signal.{name})");
        harness.podman(&["exec", "core-services", "python3", "-c", &program]);
    };
    signal("SIGSTOP");
    let ran = harness.run(&["smoke", "--phase", "2", "--soak", "1"]);
    signal("SIGCONT");
    assert_eq!(ran.code, 1, "{ran:#?}");
    for evidence in [
        "what is 17 * 3 + 4",
        "got no answer of 172.20.0.10:5612 within",
        "expected",
    ] {
        assert!(ran.stdout.contains(evidence), "`{evidence}` is not in\n{}", ran.stdout);
    }
}

fn a_second_up_does_nothing(harness: &Harness) {
    let before = harness.containers();
    let up = harness.run(&["up"]).succeeds();
    assert!(up.stderr.contains("nothing to do"), "{}", up.stderr);
    assert_eq!(harness.containers(), before, "no container was replaced");
}

fn a_killed_agent_comes_back(harness: &Harness) {
    let pid = harness.agent("NLUAgent")["pid"].to_string();
    harness.podman(&[
        "exec",
        "language-processing",
        "python3",
        "-c",
        &format!("import os; os.kill({pid}, 9)"),
    ]);
    wait_for("NLUAgent to be back", || {
        let agent = harness.agent("NLUAgent");
        agent["state"] == "healthy" && agent["restarts"] == 1
    });
    assert_eq!(harness.agent("NLUAgent")["last_exit"]["signal"], 9);
    let dependent = harness.agent("ChitchatAgent");
    assert_eq!(
        (&dependent["state"], &dependent["restarts"]),
        (&json("\"healthy\""), &json("0"))
    );
}

fn a_mute_agent_is_restarted_on_demand(harness: &Harness) {
    let before = harness.agent("Executor")["pid"].clone();
    harness.run(&["restart", "Executor"]).succeeds();
    wait_for("Executor to be back", || {
        let agent = harness.agent("Executor");
        agent["state"] == "healthy" && agent["pid"] != before
    });
}

fn a_stopped_agent_stays_so_until_it_is_started(harness: &Harness) {
    let agent = harness.agent("Executor");
    let group = agent["group"].as_str().unwrap();
    let id = || {
        harness.podman(&[
            "container",
            "inspect",
            "--format",
            "{{.Id}} {{.State.StartedAt}}",
            group,
        ])
    };
    let container = id();
    for _ in 0..2 {
        harness.run(&["stop", "Executor"]).succeeds();
    }
    let stopped = harness.agent("Executor");
    assert_eq!(
        (&stopped["state"], &stopped["pid"], &stopped["reason"]),
        (&json("\"stopped\""), &json("null"), &json("\"by an operator\""))
    );
    // Somebody wanted it: neither the command nor the container's health check minds, and a boot leaves it so.
    harness.run(&["status", group]).succeeds();
    harness.podman(&["healthcheck", "run", group]);
    harness.run(&["up", group]).succeeds();
    assert_eq!(harness.agent("Executor")["state"], "stopped");
    harness.run(&["start", "Executor", "--wait", "healthy"]).succeeds();
    assert_eq!(harness.agent("Executor")["state"], "healthy");
    // A container that starts anew knows nothing of it.
    harness.run(&["stop", "Executor"]).succeeds();
    assert_eq!(id(), container);
    harness.run(&["restart", group, "--wait", "healthy"]).succeeds();
    assert_eq!(harness.agent("Executor")["state"], "healthy");
}

fn a_stopped_container_is_replaced(harness: &Harness) {
    harness.podman(&["stop", "--time", "10", "vision"]);
    let status = harness.run(&["status", "vision"]);
    assert_eq!(status.code, 1, "{status:#?}");
    assert!(status.stdout.contains("unreachable"), "{}", status.stdout);
    harness.run(&["up", "--wait", "answering"]).succeeds();
    harness.run(&["up"]).succeeds();
    harness.run(&["status", "--quiet"]).succeeds();
}

fn logs_show_one_agent_or_a_group(harness: &Harness) {
    let group = harness.run(&["logs", "vision"]).succeeds();
    assert!(group.stdout.contains("[supervisor] "), "{}", group.stdout);
    let agent = harness.run(&["logs", "Executor", "--tail", "5"]).succeeds();
    assert!(agent.stdout.lines().count() <= 5);
    assert!(
        agent.stdout.lines().all(|line| line.starts_with("[Executor]")),
        "{}",
        agent.stdout
    );
}

fn down_leaves_nothing(harness: &Harness) {
    harness.run(&["down"]).succeeds();
    assert_eq!(harness.leftovers(), Vec::<String>::new());
    assert_eq!(harness.volumes().len(), 8, "data outlives `down`");
    harness.run(&["down", "--volumes"]).succeeds();
    assert_eq!(harness.volumes(), Vec::<String>::new());
    let again = harness.run(&["down"]).succeeds();
    assert!(again.stderr.contains("nothing to remove"), "{}", again.stderr);
}
