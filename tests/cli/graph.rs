//! `graph`: what it draws of which stack, and where that goes.

use serde_json::Value;

use crate::init::two_machines;
use crate::sandbox::Sandbox;

#[test]
fn the_graph_has_every_agent_in_every_format() {
    let sandbox = Sandbox::new();
    for (arguments, begins) in [
        (&["graph"][..], "flowchart RL\n"),
        (&["graph", "--format", "svg"], "<svg "),
        (&["graph", "--format", "html"], "<!doctype html>\n"),
        (&["graph", "--format", "dot"], "digraph \"ai_system\" {\n"),
        (&["graph", "--format", "json"], "{\n"),
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(ran.stdout.starts_with(begins), "{arguments:?}: {}", ran.stdout);
        assert!(
            ran.stdout.contains("TaskRouter") && ran.stdout.contains("mainpc"),
            "{arguments:?}"
        );
    }
    let document: Value = serde_json::from_str(&sandbox.run(&["graph", "--format", "json"]).stdout).unwrap();
    assert_eq!(
        (&document["version"], document["agents"].as_array().unwrap().len()),
        (&1.into(), 89)
    );
    // What does not start has its colour, and what waits for it.
    sandbox.edit(
        "tests/ai_system/main_pc_code/agents/coordinator_agent.py",
        "import",
        "import jsonn, ",
    );
    let document: Value = serde_json::from_str(&sandbox.run(&["graph", "--format", "json"]).stdout).unwrap();
    let of = |name: &str| {
        let mut agents = document["agents"].as_array().unwrap().iter();
        agents.find(|agent| agent["name"] == name).unwrap().clone()
    };
    assert_eq!(of("CoordinatorAgent")["prediction"], "cannot_start", "{document:#}");
    assert!(of("CoordinatorAgent")["reason"].as_str().unwrap().contains("jsonn"));
    let waiting = document["agents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|agent| agent["prediction"] == "degraded");
    assert!(waiting.clone().count() > 0);
    assert!(
        waiting
            .clone()
            .all(|agent| agent["reason"].as_str().unwrap().contains("cannot start"))
    );
}

#[test]
fn a_part_is_drawn_into_a_file_of_a_tree_without_a_stack() {
    let sandbox = Sandbox::empty();
    two_machines(&sandbox.path("tree"));
    let ran = sandbox.run(&["graph", "Router", "--tree", "tree", "--output", "router.svg"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let picture = std::fs::read_to_string(sandbox.path("router.svg")).unwrap();
    assert!(
        picture.starts_with("<svg ") && picture.contains(">Router<") && picture.contains(">Hub<"),
        "{picture}"
    );
    assert!(
        !picture.contains(">Words<") && !picture.contains(">Store<"),
        "{picture}"
    );
    let ran = sandbox.run(&["graph", "--tree", "tree", "Ruoter"]);
    ran.fails_with(2, &["no group or agent is called `Ruoter`", "did you mean `Router`?"]);
    sandbox
        .run(&["graph", "--tree", "nowhere"])
        .fails_with(2, &["`nowhere`"]);
}
