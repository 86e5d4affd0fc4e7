//! `build-images --watch` on a running stack: a save replaces the groups that hold the file, and no others.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use super::harness::{Harness, wait_for};

/// Container ids by group.
fn containers(harness: &Harness) -> BTreeMap<String, String> {
    let listed = harness.podman(&[
        "ps",
        "--filter",
        "label=ai-system.stack",
        "--format",
        "{{.Names}} {{.ID}}",
    ]);
    let pairs = listed.lines().filter_map(|line| line.split_once(' '));
    pairs
        .filter(|(name, _)| !name.ends_with("-infra"))
        .map(|(name, id)| (name.to_owned(), id.to_owned()))
        .collect()
}

fn append(file: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Groups whose container is another one than before.
fn replaced(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let changed = before.iter().filter(|(group, id)| now.get(*group) != Some(id));
    changed.map(|(group, _)| group.clone()).collect()
}

/// Saves a file of one group, then breaks a config, mends it and saves a file of another.
pub fn a_save_replaces_the_groups_that_hold_the_file(harness: &Harness) {
    let tree = harness.copy_of_the_tree();
    let at = |path: &str| tree.path().join(path);
    let first = containers(harness);
    assert_eq!(first.len(), 16, "{first:?}");
    let log = tree.path().join("watch.log");
    let mut running = harness.start_with_log(
        &["build-images", "--watch", "--tree", tree.path().to_str().unwrap()],
        &log,
    );
    let said = |text: &str| std::fs::read_to_string(&log).unwrap().matches(text).count();
    wait_for("the watch", || said("watching") == 1);
    assert_eq!(containers(harness), first, "a copy of the tree is the tree");

    append(&at("main_pc_code/agents/executor.py"), "\n# saved\n");
    wait_for("code-generation to be replaced", || {
        said("replaced code-generation") == 1
    });
    let second = containers(harness);
    assert_eq!(replaced(&first, &second), ["code-generation"]);
    assert_eq!(harness.agent("Executor")["restarts"], 0);

    // What is wrong with a file does not end it.
    let config = at("main_pc_code/config/startup_config.yaml");
    let whole = std::fs::read(&config).unwrap();
    append(&config, "\n- [\n");
    wait_for("the error", || said("startup_config.yaml") > 0 && said("watching") == 3);
    assert_eq!(running.try_wait().unwrap(), None);
    std::fs::write(&config, whole).unwrap();
    wait_for("the mended file", || said("watching") == 4);
    assert_eq!(containers(harness), second);

    append(&at("main_pc_code/agents/face_recognition_agent.py"), "\n# saved\n");
    wait_for("vision to be replaced", || said("replaced vision") == 1);
    let third = containers(harness);
    assert_eq!(replaced(&second, &third), ["vision"]);

    harness.interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(containers(harness), third, "what runs goes on running");
    harness.run(&["build-images"]).succeeds();
    harness.run(&["up"]).succeeds();
}
