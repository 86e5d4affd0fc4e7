//! `audit --confirm` from outside, as far as no container is started; and the tree with one agent broken in each way.

use std::collections::BTreeSet;

use crate::sandbox::Sandbox;

/// A Podman without images.
const NO_IMAGES: &str = "case \"$1\" in image) exit 125 ;; *) echo '[]' ;; esac";

#[test]
fn a_wrong_name_is_answered_with_the_nearest() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(NO_IMAGES);
    sandbox
        .run(&["audit", "--confirm", "ExecutorAgent", "Executer"])
        .fails_with(2, &["no agent is called `ExecutorAgent`", "hint: "]);
    sandbox
        .run(&["audit", "--confirm", "Executer"])
        .fails_with(2, &["no agent is called `Executer`", "hint: did you mean `Executor`?"]);
    sandbox.run(&["audit", "--confirm", "MemoryManager"]).fails_with(
        2,
        &[
            "`MemoryManager` is an agent of both machines",
            "hint: write `mainpc/MemoryManager` or `pc2/MemoryManager`",
        ],
    );
    sandbox
        .run(&["audit", "--machine", "pc2", "--confirm", "Executor"])
        .fails_with(2, &["no agent is called `Executor` on `pc2`"]);
    assert_eq!(sandbox.podman_calls(), Vec::<String>::new(), "nothing was started");
}

#[test]
fn other_formats_and_options_are_refused() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["audit", "--confirm", "--format", "sarif"])
        .fails_with(2, &["`--confirm` has the formats `human` and `json`"]);
    sandbox.run(&["audit", "--confirm", "--fix"]).fails_with(2, &["--fix"]);
}

#[test]
fn without_its_image_no_agent_is_started() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(NO_IMAGES);
    sandbox.run(&["audit", "--confirm", "Executor"]).fails_with(
        3,
        &[
            "missing images: localhost/ai_system/code-generation:latest",
            "hint: run `cargo xtask build-images`",
        ],
    );
    let calls = sandbox.podman_calls();
    assert!(calls.iter().all(|call| !call.starts_with("run")), "{calls:#?}");
}

#[test]
fn without_podman_it_says_how_to_get_it() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .command(&["audit", "--confirm", "Executor"])
        .env("PATH", sandbox.path("bin"))
        .output()
        .unwrap();
    sandbox
        .ran(&output)
        .fails_with(3, &["`podman` is not installed", "hint: "]);
}

#[test]
fn a_container_that_fails_is_no_verdict() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(
        "case \"$1\" in\n\
           image) case \"$3\" in --format) echo 'sha256:1 [\"localhost/ai_system/code-generation:latest\"]' ;;\n\
             *) echo '[{\"Id\": \"1\", \"Architecture\": \"amd64\", \"Os\": \"linux\", \"RootFS\": {\"Layers\": []}}]' ;; esac ;;\n\
           run) echo 'Error: no such runtime' >&2; exit 125 ;;\n\
         esac",
    );
    let ran = sandbox.run(&["audit", "--confirm", "Executor"]);
    ran.fails_with(
        3,
        &["`mainpc/Executor`", "exited with code 125", "Error: no such runtime"],
    );
    let calls = sandbox.podman_calls();
    let run = calls.iter().find(|call| call.starts_with("run")).unwrap();
    for seal in [
        "--rm",
        "--network=none",
        "--cap-drop=all",
        "--read-only",
        "/app/main_pc_code:ro,nosuid,nodev",
        "--read-only-tmpfs=false",
        "--unsetenv-all",
    ] {
        assert!(run.contains(seal), "`{seal}` is not in {run}");
    }
}

#[test]
fn every_rule_that_stops_an_agent_has_one_that_it_stops() {
    let sandbox = Sandbox::fixture("broken_tree");
    let ran = sandbox.run(&["audit", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let agents = document["agents"].as_array().unwrap();
    let mut rules = BTreeSet::new();
    let expected = std::fs::read_to_string(sandbox.path("expected.tsv")).unwrap();
    assert_eq!(agents.len(), expected.lines().count() - 1);
    for (line, agent) in expected.lines().skip(1).zip(agents) {
        let [name, predicted, rule, _] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        assert_eq!(agent["name"], name);
        let blocked = agent["prediction"] == "degraded" && predicted == "starts";
        assert!(blocked || agent["prediction"] == predicted, "{line}\n{agent:#}");
        assert_eq!(agent["rule"].as_str().unwrap_or("-"), rule, "{line}");
        rules.insert(rule.to_owned());
    }
    let list = sandbox.run(&["audit", "--list-rules"]).stdout;
    let start = list
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|rule| rule.starts_with("start/"));
    for rule in start.chain(["requirements/missing", "stack/missing-script", "stack/path-case"]) {
        assert!(rules.contains(rule), "no agent of the fixture is stopped by `{rule}`");
    }
}
