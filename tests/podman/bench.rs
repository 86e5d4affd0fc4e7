//! Benchmarks that boot: they print what they should, refuse to take down what runs, and leave nothing.

use super::harness::{Harness, is_built_on_ours, json, supervisors, wait_for};

/// One boot of each way, and a few checks.
pub fn boots_and_probes_are_measured_and_leave_nothing(harness: &Harness) {
    let ran = harness
        .run(&["bench", "boot", "--runs", "1", "--format", "json"])
        .succeeds();
    let document = json(&ran.stdout);
    assert_eq!((&document["agents"], &document["groups"]), (&json("89"), &json("16")));
    let ways = document["ways"].as_array().unwrap();
    let names: Vec<_> = ways.iter().map(|way| &way["way"]).collect();
    assert_eq!(names, ["floor", "plain", "warm", "one_after_the_other"]);
    for way in ways {
        assert!(way["median"]["wall"].as_f64().unwrap() > 0.0, "{way:#}");
        assert!(way["median"]["cpu"].as_f64().unwrap() > 0.0, "{way:#}");
        let measured = way["median"]["memory_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 89 * 1_000_000);
        assert_eq!(measured, way["way"] != "floor", "{way:#}");
    }
    assert_eq!(harness.leftovers(), Vec::<String>::new());

    let ran = harness
        .run(&["bench", "probe", "--runs", "3", "--format", "json"])
        .succeeds();
    let document = json(&ran.stdout);
    assert!(document["ratio"]["cpu"].as_f64().unwrap() > 0.0, "{document:#}");
    assert_eq!(harness.leftovers(), Vec::<String>::new());
}

/// Two sizes, each with real supervisors, and an interrupt while they run.
pub fn growth_is_measured_and_no_process_is_left(harness: &Harness) {
    let ran = harness
        .run(&["bench", "scale", "--times", "1,2", "--runs", "1", "--format", "json"])
        .succeeds();
    let document = json(&ran.stdout);
    let agents: Vec<_> = document["sizes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|size| &size["agents"])
        .collect();
    assert_eq!(agents, [89, 178]);
    for task in ["planning", "rendering", "audit", "gating", "status"] {
        assert!(
            document["growth"][task]["cpu"].as_f64().is_some(),
            "{task} in {document:#}"
        );
    }
    assert_eq!(harness.leftovers(), Vec::<String>::new());

    let others = supervisors();
    let mut running = harness.start(&["bench", "scale", "--times", "4", "--runs", "9"]);
    wait_for("a supervisor", || supervisors().iter().any(|one| !others.contains(one)));
    harness.interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(harness.leftovers(), Vec::<String>::new());
}

/// Ctrl-C in the middle of a boot, ours and the plan's.
pub fn an_interrupted_benchmark_leaves_nothing(harness: &Harness) {
    for way in ["warm", "one-after-the-other"] {
        let mut running = harness.start(&["bench", "boot", "--way", way]);
        wait_for("a pod", || !harness.pods().is_empty());
        harness.interrupt(&running);
        assert_eq!(running.wait().unwrap().code(), Some(130), "{way}");
        assert_eq!(harness.leftovers(), Vec::<String>::new(), "{way}");
    }
}

/// While the stack runs.
pub fn a_benchmark_does_not_take_down_what_runs(harness: &Harness) {
    let before = harness.containers();
    for bench in ["boot", "probe"] {
        let ran = harness.run(&["bench", bench]);
        assert_eq!(ran.code, 2, "{ran:#?}");
        assert!(ran.stderr.contains("cargo xtask down"), "{}", ran.stderr);
    }
    assert_eq!(harness.containers(), before);
}

/// Images that the benchmark of builds makes, those without a name among them, and working containers.
fn images_of_the_benchmark(harness: &Harness) -> Vec<String> {
    let listed = harness.podman(&["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"]);
    let mut found: Vec<String> = listed
        .lines()
        .filter(|name| name.contains("-bench") && is_built_on_ours(name))
        .map(str::to_owned)
        .collect();
    let labelled = harness.podman(&["images", "--all", "--quiet", "--filter", "label=ai-system.bench"]);
    found.extend(labelled.lines().map(str::to_owned));
    found.extend(harness.working_containers());
    found
}

#[test]
fn builds_are_measured_and_leave_nothing() {
    let harness = Harness::new();
    harness.run(&["build-images"]).succeeds();
    let arguments = [
        "bench",
        "images",
        "--against",
        "script",
        "--case",
        "no-change",
        "--runs",
        "1",
    ];

    // Ctrl-C while another program builds.
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("bench.log");
    let mut running = harness.start_with_log(&arguments, &log);
    wait_for("a build of the script", || {
        let said = std::fs::read_to_string(&log).unwrap();
        said.contains("images by podman build")
    });
    harness.interrupt(&running);
    assert_eq!(running.wait().unwrap().code(), Some(130));
    assert_eq!(images_of_the_benchmark(&harness), Vec::<String>::new());

    let ran = harness
        .run(&[&arguments[..], &["--format", "json"]].concat())
        .succeeds();
    let document = json(&ran.stdout);
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 1, "{document:#}");
    assert!(
        cases[0]["others"]["script"]["ratio"]["cpu"].as_f64().unwrap() > 0.0,
        "{document:#}"
    );
    assert!(ran.stderr.contains("ran podman build: "), "{}", ran.stderr);
    assert_eq!(images_of_the_benchmark(&harness), Vec::<String>::new());
}
