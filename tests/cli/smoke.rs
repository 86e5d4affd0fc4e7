//! `smoke`: which checks are made, and what is remembered of them.

use crate::sandbox::{Ran, Sandbox};

/// A Podman that knows no image, but both networks.
const PODMAN: &str = r#"
case "$1 $2" in
  "info "*) echo "false v1" ;;
  "network inspect")
    if [ -e "$0.no-networks" ]; then echo 'no such network' >&2; exit 125; fi
    for name; do :; done
    case "$name" in *mainpc) subnet=172.20.0.0/16 ;; *) subnet=172.21.0.0/16 ;; esac
    echo '[{"subnets":[{"subnet":"'$subnet'"}],"dns_enabled":true}]' ;;
  *) echo "no such thing: $*" >&2; exit 125 ;;
esac"#;

const NETWORKS: [&str; 2] = [
    "network has its subnet and resolves names [mainpc]",
    "network has its subnet and resolves names [pc2]",
];

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(PODMAN);
    sandbox
}

/// The checks that a run made, as its JSON has them: name and outcome.
fn checks(ran: &Ran) -> Vec<(String, String)> {
    let document: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{ran:#?}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let checks = document["checks"].as_array().unwrap().iter();
    let mut checks: Vec<_> = checks
        .map(|check| (text(&check["name"]), text(&check["outcome"])))
        .collect();
    checks.sort();
    checks
}

#[test]
fn checks_are_listed_and_made_by_name() {
    let sandbox = sandbox();
    let list = sandbox.run(&["smoke", "--list", "--phase", "1"]);
    assert_eq!(list.code, 0, "{list:#?}");
    for name in NETWORKS {
        let line = list.stdout.lines().find(|line| line.contains(name)).unwrap();
        assert!(
            line.starts_with("1  network ") && line.contains("(tests/smoke/phase1.yaml:"),
            "{line}"
        );
    }
    assert!(sandbox.podman_calls().is_empty(), "nothing is looked at for a list");
    let listed = sandbox.run(&["smoke", "network has*", "--list", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed:#}");
    for (names, expected) in [
        (&["network has its subnet and resolves names"][..], &NETWORKS[..]),
        (&[NETWORKS[1]], &NETWORKS[1..]),
        (&["*resolves*pc2]"], &NETWORKS[1..]),
    ] {
        let ran = sandbox.run(&[&["smoke", "--format", "json"], names].concat());
        assert_eq!(ran.code, 0, "{ran:#?}");
        let passed: Vec<_> = expected
            .iter()
            .map(|name| ((*name).to_owned(), "passed".to_owned()))
            .collect();
        assert_eq!(checks(&ran), passed);
    }
    for (name, hint) in [
        (
            "network has its subnet and resolve names",
            "did you mean `network has its subnet and resolves names`?",
        ),
        ("no such check*", "`cargo xtask smoke --list` lists all"),
    ] {
        sandbox
            .run(&["smoke", name])
            .fails_with(2, &["no check of that phase and machine is called", hint]);
    }
}

#[test]
fn what_did_not_pass_is_made_again_until_it_does() {
    let sandbox = sandbox();
    sandbox.run(&["smoke", "--failed"]).fails_with(
        2,
        &["no run of checks is recorded", "hint: run `cargo xtask smoke` once"],
    );
    let broken = sandbox.path("bin/podman.no-networks");
    std::fs::write(&broken, "").unwrap();
    assert_eq!(sandbox.run(&["smoke", "network has*"]).code, 1);
    // A run of others forgets nothing.
    assert_eq!(
        sandbox
            .run(&["smoke", "base image has its labels and an ordinary user"])
            .code,
        1
    );
    let failed = |names: &[&str]| {
        let mut failed: Vec<_> = names
            .iter()
            .map(|name| ((*name).to_owned(), "failed".to_owned()))
            .collect();
        failed.sort();
        failed
    };
    let again = sandbox.run(&["smoke", "--failed", "--format", "json"]);
    let base = "base image has its labels and an ordinary user";
    assert_eq!(checks(&again), failed(&[base, NETWORKS[0], NETWORKS[1]]));
    std::fs::remove_file(&broken).unwrap();
    let again = sandbox.run(&["smoke", "--failed", "--format", "json"]);
    assert_eq!(again.code, 1);
    assert_eq!(checks(&again).iter().filter(|check| check.1 == "passed").count(), 2);
    let list = sandbox.run(&["smoke", "--failed", "--list"]);
    assert!(
        list.stdout.contains(base) && !list.stdout.contains("network has"),
        "{}",
        list.stdout
    );
    assert_eq!(
        checks(&sandbox.run(&["smoke", "--failed", "--format", "json"])),
        failed(&[base])
    );
    let none = sandbox.run(&["smoke", "--failed", "--phase", "2"]);
    assert_eq!(none.code, 0, "{none:#?}");
    assert!(
        none.stderr.contains("every check passed when it was made last"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_flaky_check_passes_and_is_told() {
    let sandbox = sandbox();
    sandbox.fake_podman(&format!(
        "if [ \"$1 $2\" = 'network inspect' ] && ! [ -e \"$0.tried\" ]; then : > \"$0.tried\"; exit 125; fi\n{PODMAN}"
    ));
    let files = std::fs::read_dir(sandbox.path("tests/smoke")).unwrap();
    for file in files
        .map(|file| file.unwrap().path())
        .filter(|file| file.extension().unwrap() == "yaml")
    {
        std::fs::remove_file(file).unwrap();
    }
    let check = "phase: 1\nchecks:\n  - {name: there, retries: 2, machine: mainpc, network: {name: ai_system_mainpc}}\n  \
                 - {name: gone, retries: 2, image: {image: base}}\n";
    std::fs::write(sandbox.path("tests/smoke/phase1.yaml"), check).unwrap();
    let junit = sandbox.path("smoke.xml");
    let ran = sandbox.run(&["smoke", "--format", "junit", "--output", junit.to_str().unwrap()]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    for text in [
        "there  (try 1 of at most 3)",
        "flaky, passed after tries that failed:\n  1: there",
        "1 passed (1 flaky), 1 failed",
    ] {
        assert!(ran.stderr.contains(text), "`{text}` is not in\n{}", ran.stderr);
    }
    assert!(ran.stderr.contains("gone  (try 2 of at most 3)"), "{}", ran.stderr);
    let junit = std::fs::read_to_string(junit).unwrap();
    assert_eq!(
        (
            junit.matches("<flakyFailure").count(),
            junit.matches("<rerunFailure").count()
        ),
        (1, 2),
        "{junit}"
    );
    let again = sandbox.run(&["smoke", "there"]);
    assert!(again.code == 0 && !again.stdout.contains("flaky"), "{again:#?}");
    // What failed is shown beside the job where a runner reads along.
    let output = sandbox
        .command(&["smoke", "gone"])
        .env("GITHUB_ACTIONS", "true")
        .output()
        .unwrap();
    let said = sandbox.ran(&output).stderr;
    assert!(said.contains("::error title=smoke phase 1%3A gone::expected"), "{said}");
}
