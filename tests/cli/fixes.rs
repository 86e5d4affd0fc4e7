//! Unsafe fixes: what is offered, what is written after it was tried, and what is left.

use serde_json::Value;

use crate::sandbox::Sandbox;

const HEALTH: &str = "tests/ai_system/pc2_code/agents/health_monitor.py";
const SELF_HEALING: &str = "tests/ai_system/pc2_code/agents/self_healing_agent.py";

/// The reference tree; one script has three slips, each behind the one before it, and another has one that is no slip alone.
fn slips() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.edit(HEALTH, "import time\n", "import tim\nimport threa\n");
    sandbox.edit(
        HEALTH,
        "from collections import Counter",
        "from collections import Countr as Counter",
    );
    sandbox.edit(
        HEALTH,
        "SILENT_AFTER = 90.0\n",
        "SILENT_AFTER = 90.0\nLOCK = threading.Lock()\nOTHER = SILENT_AFTR\n",
    );
    sandbox.edit(HEALTH, "import tim\n", "import time\n");
    // Behind this one something is wrong that nothing mends.
    let slip = "\nimport subproces\nundefined_all_along\nfrom collections ";
    sandbox.edit(SELF_HEALING, "\nfrom collections ", slip);
    sandbox
}

fn errors(sandbox: &Sandbox) -> Vec<(String, Value)> {
    let ran = sandbox.run(&["audit", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap().clone();
    findings
        .into_iter()
        .filter(|finding| finding["severity"] == "error")
        .map(|finding| (finding["path"].as_str().unwrap().to_owned(), finding["fix"].clone()))
        .collect()
}

#[test]
fn a_guess_is_counted_shown_and_written_only_when_it_is_asked_for() {
    let sandbox = slips();
    let before = errors(&sandbox);
    let of_health: Vec<&Value> = before
        .iter()
        .filter(|(path, _)| path == HEALTH)
        .map(|(_, fix)| fix)
        .collect();
    assert_eq!(of_health.len(), 1, "the rest of the script is not reached: {before:?}");
    assert_eq!(
        *of_health[0],
        serde_json::json!({"kind": "unsafe", "column": 8, "width": 5, "text": "threading"})
    );

    let script = std::fs::read_to_string(sandbox.path(HEALTH)).unwrap();
    let safe = sandbox.run(&["audit", "--fix", "--allow-dirty"]);
    assert_eq!(safe.code, 0, "{safe:#?}");
    assert!(safe.stderr.contains("2 more with `--unsafe-fixes`"), "{}", safe.stderr);
    assert_eq!(std::fs::read_to_string(sandbox.path(HEALTH)).unwrap(), script);

    let shown = sandbox.run(&["audit", "--diff", "--unsafe-fixes"]);
    assert_eq!(shown.code, 1, "{shown:#?}");
    for line in [
        "+import threading",
        "+from collections import Counter as Counter",
        "+OTHER = SILENT_AFTER",
    ] {
        assert!(shown.stdout.contains(line), "{line}\n{}", shown.stdout);
    }
    assert!(!shown.stdout.contains("self_healing_agent"), "{}", shown.stdout);
    assert!(
        shown.stderr.contains(&format!("left as it is: `{SELF_HEALING}`"))
            && shown.stderr.contains("`--fix --unsafe-fixes` would change 1 file"),
        "{}",
        shown.stderr
    );
    assert_eq!(std::fs::read_to_string(sandbox.path(HEALTH)).unwrap(), script);

    let fixed = sandbox.run(&["audit", "--fix", "--unsafe-fixes", "--allow-dirty"]);
    assert_eq!(fixed.code, 0, "{fixed:#?}");
    assert!(fixed.stderr.contains(&format!("fixed {HEALTH}")), "{}", fixed.stderr);
    let text = std::fs::read_to_string(sandbox.path(HEALTH)).unwrap();
    assert!(
        text.contains("import threading\n") && text.contains("OTHER = SILENT_AFTER\n"),
        "{text}"
    );
    let after = errors(&sandbox);
    assert!(
        after.len() < before.len() && after.iter().all(|(path, _)| path != HEALTH),
        "{after:?}"
    );
    let again = sandbox.run(&["audit", "--fix", "--unsafe-fixes", "--allow-dirty"]);
    assert!(again.stderr.contains("fixed nothing"), "{}", again.stderr);
}

#[test]
fn formats_say_which_kind_a_fix_is() {
    let sandbox = slips();
    let sarif = sandbox.run(&["audit", "--format", "sarif"]);
    let document: Value = serde_json::from_str(&sarif.stdout).unwrap();
    let results = document["runs"][0]["results"].as_array().unwrap();
    let fixes: Vec<&Value> = results.iter().filter_map(|result| result["fixes"].get(0)).collect();
    let of = |kind: &str| {
        fixes
            .iter()
            .filter(|fix| fix["properties"]["applicability"] == kind)
            .count()
    };
    assert_eq!((of("unsafe"), of("safe") > 0), (2, true), "{fixes:#?}");
    let threading = fixes
        .iter()
        .find(|fix| fix["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"] == "threading");
    let region = &threading.unwrap()["artifactChanges"][0]["replacements"][0]["deletedRegion"];
    assert_eq!((&region["startColumn"], &region["endColumn"]), (&8.into(), &13.into()));
}

#[test]
fn a_rejected_flag_is_let_through_and_the_option_needs_its_command() {
    let sandbox = Sandbox::new();
    let line = "import argparse\nARGS = argparse.ArgumentParser().parse_args()\nimport time\n";
    sandbox.edit(HEALTH, "import time\n", line);
    let ran = sandbox.run(&["audit", "--fix", "--unsafe-fixes", "--allow-dirty"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let text = std::fs::read_to_string(sandbox.path(HEALTH)).unwrap();
    assert!(text.contains("ArgumentParser().parse_known_args()[0]\n"), "{text}");
    sandbox
        .run(&["audit", "--unsafe-fixes"])
        .fails_with(2, &["`--unsafe-fixes` says what is fixed", "hint: give `--fix`"]);
}
