//! `audit --confirm`: what is predicted of an agent is what is seen when it is started alone.

use crate::harness::{Fixture, Harness, json, wait_for};

/// Every way to fail that a rule knows, and agents that only look broken.
pub fn broken_agents_end_as_predicted(harness: &Harness) {
    let fixture = Fixture::new("broken_tree");
    let document = json(
        &harness
            .run_in(&fixture, &["audit", "--confirm", "--format", "json"])
            .succeeds()
            .stdout,
    );
    let agents = document["agents"].as_array().unwrap();
    let expected = std::fs::read_to_string(fixture.path().join("expected.tsv")).unwrap();
    assert_eq!(agents.len(), expected.lines().count() - 1);
    for (line, agent) in expected.lines().skip(1).zip(agents) {
        let [name, predicted, _, seen] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        assert_eq!(agent["name"], name);
        assert_eq!(agent["predicted"], predicted, "{agent:#}");
        assert_eq!(agent["seen"], seen, "{agent:#}");
        assert_eq!(agent["agrees"], true, "{agent:#}");
        if agent["predicted"] == "cannot_start" && !agent["exception"].is_null() {
            let places = [("path", "predicted_path"), ("line", "predicted_line")];
            for (seen, predicted) in places {
                assert_eq!(agent[seen], agent[predicted], "{agent:#}");
            }
        }
    }
    assert_eq!(harness.containers(), Vec::<String>::new());
}

/// A prediction that is wrong is said, with exit code 1: here one that nobody can make.
pub fn a_wrong_prediction_is_found(harness: &Harness) {
    let fixture = Fixture::new("broken_tree");
    let script = fixture.path().join("tree/system/agents/control.py");
    let text = std::fs::read_to_string(&script).unwrap();
    let broken = text.replace(
        "    pass\n",
        "    def prepare(self):\n        self.socket.setsockopt(-1, b\"\")\n",
    );
    assert_ne!(text, broken);
    std::fs::write(&script, broken).unwrap();
    let ran = harness.run_in(&fixture, &["audit", "--confirm", "Control", "NeverCalled"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    for text in [
        "1 not as predicted",
        "nothing was predicted to stop 1 agent: mainpc/Control",
        "(tree/system/agents/control.py:6)",
    ] {
        assert!(ran.stdout.contains(text), "`{text}` is not in\n{}", ran.stdout);
    }
}

/// A file beside code that the stack lets agents write is written, and nothing else beside it.
pub fn a_file_beside_code_is_written_as_in_use(harness: &Harness) {
    let fixture = Fixture::new("broken_tree");
    let stack = fixture.path().join("config/stack.yaml");
    let text = std::fs::read_to_string(&stack).unwrap();
    let text = text.replace(
        "status_port: 9000",
        "status_port: 9000\nwritable: [system/agents/.session.lock]",
    );
    std::fs::write(&stack, text).unwrap();
    let script = fixture.path().join("tree/system/agents/control.py");
    let text = std::fs::read_to_string(&script).unwrap();
    for (name, may) in [(".session.lock", true), ("other.lock", false)] {
        let write = format!(
            "    pass\n\n\nimport os\nopen(os.path.join(os.path.dirname(__file__), \"{name}\"), \"w\").write(\"x\")\n"
        );
        std::fs::write(&script, text.replace("    pass\n", &write)).unwrap();
        let ran = harness.run_in(&fixture, &["audit", "--confirm", "Control"]);
        // Both are predicted.
        assert_eq!(
            (ran.code, ran.stdout.contains("1 healthy")),
            (0, may),
            "{name}: {ran:#?}"
        );
    }
    assert!(!fixture.path().join("tree/system/agents/.session.lock").exists());
}

/// All agents of the reference tree start alone.
pub fn the_reference_tree_starts_as_predicted(harness: &Harness) {
    let document = json(
        &harness
            .run(&["audit", "--confirm", "--format", "json"])
            .succeeds()
            .stdout,
    );
    let agents = document["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 89);
    for agent in agents {
        assert_eq!(agent["predicted"], "starts", "{agent:#}");
        assert_eq!(agent["seen"], "healthy", "{agent:#}");
    }
    assert_eq!(harness.containers(), Vec::<String>::new());
}

/// Ctrl-C takes the containers along.
pub fn an_interrupted_proof_leaves_nothing(harness: &Harness) {
    let mut running = harness.start(&["audit", "--confirm"]);
    wait_for("a container", || !harness.containers().is_empty());
    harness.interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(harness.containers(), Vec::<String>::new());
}

/// One that is killed leaves containers that the next `down` removes.
pub fn a_killed_proof_is_cleaned_up_by_the_next_down(harness: &Harness) {
    let mut running = harness.start(&["audit", "--confirm"]);
    wait_for("a container", || !harness.containers().is_empty());
    running.kill().unwrap();
    running.wait().unwrap();
    harness.run(&["down"]).succeeds();
    assert_eq!(harness.containers(), Vec::<String>::new());
}
