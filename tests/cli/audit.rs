//! `audit` from outside: the reference tree, broken trees, every format, baselines, wrong use.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox};

const TREE: &str = "tests/ai_system";

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{ran:#?}"))
}

/// Rules of the findings that are no notes.
fn rules(document: &Value) -> BTreeSet<String> {
    document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["severity"] != "note")
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect()
}

fn write(sandbox: &Sandbox, path: &str, text: impl AsRef<[u8]>) {
    let path = sandbox.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_reference_tree_has_the_plans_two_defects_and_the_cycle_of_pc2() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["audit", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let document = json(&ran);
    let expected = ["paths/style", "stack/dependency-cycle", "stack/missing-dependency"];
    assert_eq!(rules(&document), expected.map(str::to_owned).into());
    assert_eq!(document["version"], 1);
    assert_eq!(document["summary"]["errors"], 0);
    assert_eq!(document["summary"]["warnings"], 3);
    let agents = document["agents"].as_array().unwrap();
    assert_eq!(agents.len(), 89);
    for agent in agents {
        assert_eq!(agent["prediction"], "starts", "{agent:#}");
        for key in ["machine", "group", "name", "script_path", "reason", "chain"] {
            assert!(agent.get(key).is_some(), "{key}");
        }
    }
    for finding in document["findings"].as_array().unwrap() {
        for key in [
            "rule",
            "severity",
            "confidence",
            "path",
            "line",
            "column",
            "message",
            "help",
        ] {
            assert!(finding.get(key).is_some(), "{key} in {finding:#}");
        }
    }
    let style = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "paths/style")
        .unwrap();
    let message = style["message"].as_str().unwrap();
    assert!(
        message.contains("`FORMAINPC/…` (8)") && message.contains("`main_pc_code/FORMAINPC/…` (2)"),
        "{message}"
    );
}

#[test]
fn warnings_fail_only_where_they_are_denied() {
    let sandbox = Sandbox::new();
    let ran = sandbox.run(&["audit", "--deny", "warnings"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let mut lines = ran.stdout.lines().rev();
    let last = lines.next().unwrap();
    assert_eq!(lines.next(), Some("3 warnings, 2 notes"));
    assert!(
        last.starts_with("89 agents start; next: cargo xtask audit --explain "),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("^^^^"), "no carets in\n{}", ran.stdout);
    let quiet = ["audit", "--deny", "warnings", "--ignore", "paths/,stack/"];
    assert_eq!(sandbox.run(&quiet).code, 0);
    assert_eq!(
        sandbox.run(&["audit", "--deny", "warnings", "--select", "hosts"]).code,
        0
    );
}

#[test]
fn every_format_is_what_it_says() {
    let sandbox = Sandbox::new();
    write(&sandbox, &format!("{TREE}/main_pc_code/a b.py"), "X = 'C:/ai/x'\n");
    let sarif = json(&sandbox.run(&["audit", "--format", "sarif"]));
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let table = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 4);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(table[index]["id"], result["ruleId"]);
        assert!(result["partialFingerprints"]["ruleAndCode/v1"].as_str().unwrap().len() == 32);
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            .as_str()
            .unwrap();
        assert!(
            !uri.starts_with('/') && !uri.contains(' ') && !uri.contains(':'),
            "{uri}"
        );
    }
    assert!(sarif.to_string().contains("a%20b.py"));

    let github = sandbox.run(&["audit", "--format", "github"]).stdout;
    for line in github.lines() {
        let kinds = ["::error file=", "::warning file=", "::notice file="];
        assert!(kinds.iter().any(|kind| line.starts_with(kind)), "{line}");
    }
    assert!(
        github.contains("::warning file=tests/ai_system/main_pc_code/a b.py,line=1,col="),
        "{github}"
    );

    let junit = sandbox.run(&["audit", "--format", "junit"]).stdout;
    assert!(junit.starts_with("<?xml"), "{junit}");
    assert!(junit.contains("<testsuite name=\"agents\" tests=\"89\""), "{junit}");
    assert!(junit.contains("classname=\"paths/windows-drive\""), "{junit}");

    let human = sandbox.run(&["audit"]);
    assert!(
        human.stdout.contains("89 agents: 89 start") && human.stdout.contains("paths/windows-drive"),
        "{}",
        human.stdout
    );
}

#[test]
fn everything_that_is_broken_is_reported_with_its_place() {
    let sandbox = Sandbox::new();
    let config = format!("{TREE}/main_pc_code/config/startup_config.yaml");
    sandbox.edit(
        &config,
        "main_pc_code/agents/coordinator_agent.py",
        "main_pc_code/agents/gone_agent.py",
    );
    write(
        &sandbox,
        &format!("{TREE}/docker-compose.yml"),
        "services:\n  a:\n    image: python:3.9\n    environment:\n      - PYTHONPATH=/app:${PYTHONPATH}\n    command: python3 /app/main_pc_code/nope.py\n",
    );
    write(
        &sandbox,
        &format!("{TREE}/Dockerfile"),
        "FROM docker.io/library/python:3.11\nCOPY missing_folder /app/x\n",
    );
    write(
        &sandbox,
        &format!("{TREE}/pc2_code/odd.py"),
        "HOST = '192.168.1.7'\nHOME = '/home/ana/x'\n",
    );
    write(&sandbox, &format!("{TREE}/pc2_code/bad.yaml"), b"a: \xff\n");
    std::os::unix::fs::symlink("nothing", sandbox.path(&format!("{TREE}/pc2_code/link.py"))).unwrap();
    let ran = sandbox.run(&["audit", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let document = json(&ran);
    for (rule, path, line) in [
        ("stack/missing-script", "main_pc_code/config/startup_config.yaml", 30),
        ("deploy/short-image-name", "docker-compose.yml", 3),
        ("deploy/host-variable", "docker-compose.yml", 5),
        ("deploy/script-missing", "docker-compose.yml", 6),
        ("deploy/copy-source", "Dockerfile", 2),
        ("hosts/private-address", "pc2_code/odd.py", 1),
        ("paths/home-folder", "pc2_code/odd.py", 2),
        ("files/not-utf8", "pc2_code/bad.yaml", 1),
        ("files/dangling-link", "pc2_code/link.py", 0),
    ] {
        let found = document["findings"].as_array().unwrap().iter().any(|finding| {
            finding["rule"] == rule && finding["path"] == format!("{TREE}/{path}") && finding["line"] == line
        });
        assert!(found, "{rule} at {path}:{line} in\n{document:#}");
    }
    let agents = document["agents"].as_array().unwrap();
    let of = |name: &str| agents.iter().find(|agent| agent["name"] == name).unwrap();
    assert_eq!(of("CoordinatorAgent")["prediction"], "cannot_start");
    assert_eq!(of("CoordinatorAgent")["chain"][0]["line"], 30);
    let blocked = agents.iter().filter(|agent| agent["prediction"] == "degraded");
    assert!(blocked.clone().count() > 0);
    for agent in blocked {
        assert_eq!(agent["blocked_by"][0], "CoordinatorAgent", "{agent:#}");
    }
    let human = sandbox.run(&["audit", "--causes"]).stdout;
    assert!(
        human.contains("What to fix first") && human.contains("gone_agent.py"),
        "{human}"
    );
}

#[test]
fn a_tree_elsewhere_is_named_by_paths_of_its_own() {
    let sandbox = Sandbox::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let tree = elsewhere.path().join("tree");
    std::fs::rename(sandbox.path(TREE), &tree).unwrap();
    std::fs::write(tree.join("main_pc_code/odd.py"), "A = '/home/ana/x'\n").unwrap();
    let ran = sandbox.run(&["audit", "--format", "json", "--tree", tree.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    for finding in json(&ran)["findings"].as_array().unwrap() {
        let path = finding["path"].as_str().unwrap();
        assert!(!path.starts_with('/'), "{path}");
    }
    assert!(ran.stdout.contains("\"main_pc_code/odd.py\""), "{}", ran.stdout);
}

#[test]
fn a_baseline_accepts_what_is_there_and_lists_what_is_gone() {
    let sandbox = Sandbox::new();
    let config = format!("{TREE}/pc2_code/odd.py");
    write(&sandbox, &config, "A = '/home/ana/x'\nB = '/home/ana/y'\n");
    assert_eq!(sandbox.run(&["audit", "--write-baseline", "base.json"]).code, 0);
    let deny = ["audit", "--baseline", "base.json", "--deny", "warnings"];
    let ran = sandbox.run(&deny);
    assert_eq!(ran.code, 0, "{ran:#?}");
    // The code moves down: still known. A new line is not.
    write(&sandbox, &config, "\n\n\nA = '/home/ana/x'\nB = '/home/ana/y'\n");
    assert_eq!(sandbox.run(&deny).code, 0);
    write(&sandbox, &config, "A = '/home/ana/x'\nC = '/home/ana/z'\n");
    let ran = sandbox.run(&deny);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stdout.contains("/home/ana/z"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("Entries of the baseline that match nothing any more: 1"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("`/home/ana/y` is a path"), "{}", ran.stdout);
}

#[test]
fn comments_and_patterns_leave_findings_out() {
    let sandbox = Sandbox::new();
    let file = format!("{TREE}/pc2_code/odd.py");
    write(
        &sandbox,
        &file,
        "A = '/home/ana/x'  # audit: ignore[paths/] the lab's own path\n",
    );
    let ran = sandbox.run(&["audit", "--select", "paths/home-folder", "--deny", "warnings"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    write(&sandbox, &file, "A = '/home/ana/x'\n");
    sandbox.edit(
        "config/stack.yaml",
        "status_port: 9000",
        "audit: {exclude: [\"**/odd.py\"]}\nstatus_port: 9000",
    );
    let ran = sandbox.run(&["audit", "--select", "paths/home-folder", "--deny", "warnings"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
}

#[test]
fn a_part_of_the_system_can_be_audited_alone() {
    let sandbox = Sandbox::new();
    let document = json(&sandbox.run(&["audit", "--machine", "pc2", "--format", "json"]));
    assert_eq!(rules(&document), ["stack/dependency-cycle".to_owned()].into());
    assert_eq!(document["agents"].as_array().unwrap().len(), 30);
    let document = json(&sandbox.run(&["audit", "--group", "vision", "--format", "json"]));
    assert_eq!(rules(&document), BTreeSet::new());
    assert_eq!(document["agents"].as_array().unwrap().len(), 2);
    // The cycle is about agents of this group, and of no other machine.
    let document = json(&sandbox.run(&["audit", "--group", "pc2-core", "--format", "json"]));
    assert!(rules(&document).contains("stack/dependency-cycle"), "{document:#}");
    let document = json(&sandbox.run(&["audit", "--machine", "mainpc", "--format", "json"]));
    assert!(!rules(&document).contains("stack/dependency-cycle"), "{document:#}");
}

/// A sandbox whose stack has these levels of rules.
fn with_levels(levels: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let audit = format!("\naudit:\n  rules: {{{levels}}}\nstatus_port:");
    sandbox.edit("config/stack.yaml", "\nstatus_port:", &audit);
    sandbox
}

#[test]
fn levels_of_rules_are_set_in_the_stack() {
    let plain = json(&Sandbox::new().run(&["audit", "--format", "json"]));
    let sandbox = with_levels("paths/style: off, stack/missing-dependency: error, stack/dependency-cycle: note");
    let ran = sandbox.run(&["audit", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let document = json(&ran);
    assert_eq!(rules(&document), ["stack/missing-dependency".to_owned()].into());
    assert_eq!(document["summary"]["errors"], 1);
    assert_eq!(document["summary"]["warnings"], 0);
    assert_eq!(document["agents"], plain["agents"]);

    // Quoted or not, whatever else is denied; a baseline's entry for a rule that is off is not stale.
    let sandbox = with_levels("paths/style: \"off\", stack/missing-dependency: 'off', stack/dependency-cycle: off");
    let ran = sandbox.run(&["audit", "--deny", "warnings"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let accepted = Sandbox::new();
    accepted.run(&["audit", "--write-baseline", "b.json"]);
    let known = std::fs::read_to_string(accepted.path("b.json")).unwrap();
    write(&sandbox, "b.json", &known);
    let ran = sandbox.run(&["audit", "--baseline", "b.json"]);
    assert!(
        !ran.stdout.contains("matches nothing") && !ran.stderr.contains("matches nothing"),
        "{ran:#?}"
    );
    // Others still say what they have to say of the stack.
    assert!(
        sandbox
            .run(&["render", "--check", "-v"])
            .stderr
            .contains("dependency cycle")
    );
}

#[test]
fn what_is_off_stops_an_agent_all_the_same() {
    let sandbox = with_levels("start/undefined-name: off");
    let plain = json(&sandbox.run(&["audit", "--machine", "pc2", "--format", "json"]));
    let script = plain["agents"][0]["script_path"].as_str().unwrap();
    write(
        &sandbox,
        &format!("{TREE}/{script}"),
        "import time\nnothing_binds_it()\n",
    );
    let ran = sandbox.run(&["audit", "--format", "json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let document = json(&ran);
    assert!(!rules(&document).contains("start/undefined-name"));
    let stopped: Vec<&Value> = document["agents"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|agent| agent["prediction"] == "cannot_start")
        .collect();
    assert_eq!(stopped.len(), 1, "{stopped:#?}");
    assert_eq!(stopped[0]["rule"], "start/undefined-name");
    assert_eq!(document["root_causes"].as_array().unwrap().len(), 1);
}

#[test]
fn levels_that_mean_nothing_are_findings_with_their_place() {
    for (levels, rule, message, help) in [
        (
            "paths/styl: off",
            "audit/unknown-rule",
            "there is no rule `paths/styl`",
            "did you mean `paths/style`?",
        ),
        (
            "paths/style: loud",
            "stack/bad-value",
            "`loud` is not a valid level of a rule",
            "write `off`, `note`, `warning` or `error`",
        ),
        (
            "paths/style: [off]",
            "stack/wrong-type",
            "the level of `paths/style` must be text, not a list",
            "",
        ),
    ] {
        let ran = with_levels(levels).run(&["audit", "--format", "json"]);
        assert_eq!(ran.code, 1, "{levels}: {ran:#?}");
        let document = json(&ran);
        let findings = document["findings"].as_array().unwrap();
        let found = findings.iter().find(|finding| finding["rule"] == rule);
        let found = found.unwrap_or_else(|| panic!("{levels}: {findings:#?}"));
        assert_eq!(found["message"], message);
        assert_eq!(found["help"].as_str().unwrap_or_default(), help);
        assert_eq!(found["path"], "config/stack.yaml");
        assert!(found["line"].as_u64().unwrap() > 0 && found["column"].as_u64().unwrap() > 0);
    }
}

#[test]
fn wrong_use_is_told_from_findings() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["audit", "--explain", "paths/styel"])
        .fails_with(2, &["there is no rule `paths/styel`", "did you mean `paths/style`?"]);
    sandbox
        .run(&["audit", "--select", "nonsense"])
        .fails_with(2, &["there is no rule `nonsense`"]);
    sandbox
        .run(&["audit", "--group", "visoin"])
        .fails_with(2, &["no group is called `visoin`", "hint: did you mean `vision`?"]);
    sandbox
        .run(&["audit", "--baseline", "nowhere.json"])
        .fails_with(2, &["nowhere.json"]);
    write(&sandbox, "bad.json", "{}");
    sandbox.run(&["audit", "--baseline", "bad.json"]).fails_with(
        2,
        &[
            "`bad.json` is not a valid baseline",
            "hint: write one with `--write-baseline`",
        ],
    );
}

#[test]
fn rules_are_listed_and_explained() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(&["audit", "--list-rules"]);
    assert_eq!(list.code, 0);
    for line in list.stdout.lines() {
        let id = line.split_whitespace().next().unwrap();
        let explained = sandbox.run(&["audit", "--explain", id]);
        assert_eq!(explained.code, 0, "{id}");
        assert!(explained.stdout.starts_with(&format!("{id}: ")), "{}", explained.stdout);
    }
    assert!(list.stdout.lines().count() > 50, "{}", list.stdout);
    let explained = sandbox.run(&["audit", "--explain", "paths/style"]);
    assert!(explained.stdout.contains("`--fix` fixes it"), "{}", explained.stdout);
}

#[test]
fn a_broken_stack_is_a_finding_and_no_panic() {
    let sandbox = Sandbox::new();
    write(&sandbox, "config/stack.yaml", "version: 1\nname: [unclosed\n");
    let ran = sandbox.run(&["audit", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert_eq!(json(&ran)["findings"][0]["rule"], "stack/syntax");
}

/// Nothing found would say that all is well, where nothing was looked at.
#[test]
fn why_nothing_is_looked_at_is_always_said() {
    let sandbox = Sandbox::new();
    let stack = "version: 1\nname: s\nsource_tree: tests/ai_system\npython: {version: \"3.11\"}\nmachines: {}\ngroups: {}\n\
        audit: {rules: {stack/missing-key: off}}\n";
    write(&sandbox, "config/stack.yaml", stack);
    let said = "stack/missing-key";
    sandbox.run(&["audit", "--write-baseline", "accepted.json"]);
    for arguments in [
        &["audit"][..],
        &["audit", "--select", "paths/"],
        &["audit", "--ignore", "stack/"],
        &["audit", "--baseline", "accepted.json"],
    ] {
        let ran = sandbox.run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {ran:#?}");
        assert!(
            ran.stdout.contains(said) && ran.stdout.contains("`groups` is empty"),
            "{arguments:?}: {ran:#?}"
        );
    }
}

#[test]
fn a_tree_that_is_not_there_is_named() {
    let sandbox = Sandbox::new();
    for (tree, why) in [
        ("nowhere", "no such file or directory"),
        ("config/stack.yaml", "it is not a folder"),
    ] {
        for arguments in [&["audit", "--format", "json"][..], &["audit"], &["audit", "--fix"]] {
            let ran = sandbox.run(&[arguments, &["--tree", tree]].concat());
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:#?}");
            assert_eq!(ran.stderr, format!("error: cannot read the tree `{tree}`: {why}\n"));
        }
    }
}

/// What a stack leaves out is not shown, and nothing else is said because of it.
#[test]
fn what_is_excluded_is_left_out_and_nothing_is_said_to_be_missing() {
    let plain = json(&Sandbox::new().run(&["audit", "--format", "json"]));
    for (pattern, left) in [
        ("*.py", false),
        ("/pc2_code/*.py", false),
        ("pc2_code/", false),
        ("pc2_code/o?d.py", false),
        ("**/odd.py", false),
        ("/*.py", true),
        ("code/*.py", true),
        ("pc2_code/*", false),
        ("/odd.py", true),
    ] {
        let sandbox = Sandbox::new();
        write(&sandbox, &format!("{TREE}/pc2_code/odd.py"), "A = '/home/ana/x'\n");
        sandbox.edit(
            "config/stack.yaml",
            "\nstatus_port:",
            &format!("\naudit: {{exclude: [\"{pattern}\"]}}\nstatus_port:"),
        );
        let document = json(&sandbox.run(&["audit", "--format", "json"]));
        assert_eq!(document["agents"], plain["agents"], "{pattern}");
        assert_eq!(rules(&document).contains("paths/home-folder"), left, "{pattern}");
        let errors = document["summary"]["errors"].as_u64().unwrap();
        assert_eq!(errors, 0, "{pattern}: {document:#}");
    }
    // A later pattern takes one back.
    let sandbox = Sandbox::new();
    write(&sandbox, &format!("{TREE}/pc2_code/odd.py"), "A = '/home/ana/x'\n");
    let patterns = "\naudit: {exclude: [\"*.py\", \"!odd.py\"]}\nstatus_port:";
    sandbox.edit("config/stack.yaml", "\nstatus_port:", patterns);
    assert!(rules(&json(&sandbox.run(&["audit", "--format", "json"]))).contains("paths/home-folder"));
    sandbox.edit("config/stack.yaml", "\"!odd.py\"", "\"a[\"");
    sandbox.run(&["audit"]).fails_with(
        2,
        &[
            "`a[` under `audit: exclude:` is not a valid pattern",
            "hint: write it as in `.gitignore`",
        ],
    );
}

/// A tree that is the repository itself has the stack's files in it.
#[test]
fn the_stacks_own_addresses_are_no_findings() {
    let sandbox = Sandbox::new();
    for folder in ["main_pc_code", "pc2_code"] {
        std::fs::rename(sandbox.path(&format!("{TREE}/{folder}")), sandbox.path(folder)).unwrap();
    }
    sandbox.edit("config/stack.yaml", "source_tree: tests/ai_system", "source_tree: .");
    write(&sandbox, "pc2_code/odd.yaml", "host: 192.168.1.102\n");
    let document = json(&sandbox.run(&["audit", "--format", "json", "--select", "hosts/private-address"]));
    let places: BTreeSet<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["path"].as_str().unwrap())
        .collect();
    assert!(places.contains("pc2_code/odd.yaml"), "{places:?}");
    for ours in ["config/", "docker/", "scripts/"] {
        assert!(!places.iter().any(|path| path.starts_with(ours)), "{places:?}");
    }
}

#[test]
fn a_baseline_goes_into_a_folder_that_is_there() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["audit", "--write-baseline", "typo/base.json"])
        .fails_with(
            2,
            &[
                "cannot write `typo/base.json`: there is no folder `typo`",
                "hint: create it",
            ],
        );
    assert!(!sandbox.path("typo").exists());
}

#[test]
fn diff_shows_what_fix_writes() {
    let sandbox = Sandbox::new();
    let config = format!("{TREE}/main_pc_code/config/startup_config.yaml");
    sandbox.edit(&config, "    health_check_port: 28002\n", "");
    sandbox.run(&["audit", "--fix"]).fails_with(
        2,
        &[
            "the tree is not in a Git work tree",
            "hint: commit first, or give `--allow-dirty`",
        ],
    );
    let before = std::fs::read_to_string(sandbox.path(&config)).unwrap();
    let ran = sandbox.run(&["audit", "--diff"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert_eq!(std::fs::read_to_string(sandbox.path(&config)).unwrap(), before);
    for line in [
        "-    script_path: FORMAINPC/NLLBAdapter.py",
        "+    script_path: main_pc_code/FORMAINPC/NLLBAdapter.py",
        "+    health_check_port: 28002",
    ] {
        assert!(ran.stdout.contains(line), "{line}\n{}", ran.stdout);
    }
    let fixed = sandbox.run(&["audit", "--fix", "--allow-dirty"]);
    assert_eq!((fixed.code, fixed.stdout.as_str()), (0, ""), "{fixed:#?}");
    assert!(fixed.stderr.contains(&format!("fixed {config}")), "{fixed:#?}");
    assert_eq!(sandbox.run(&["audit", "--diff"]).code, 0);
    let document = json(&sandbox.run(&["audit", "--format", "json"]));
    assert!(!rules(&document).contains("paths/style"));
    assert_eq!(document["summary"]["errors"], 0);
    let again = sandbox.run(&["audit", "--fix", "--allow-dirty"]);
    assert!(
        again.stderr.contains("fixed nothing") && again.stdout.is_empty(),
        "{again:#?}"
    );
}

/// The schema of SARIF 2.1.0 that the crate `serde-sarif` ships.
///
/// Only crates of this platform are asked for: the build of this test has downloaded those, and no others.
#[expect(clippy::disallowed_methods, reason = "cargo says where a crate's files are")]
fn sarif_schema() -> Value {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
        .arg(format!("{}-unknown-linux-gnu", std::env::consts::ARCH))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "serde-sarif")
        .unwrap();
    let manifest = std::path::Path::new(package["manifest_path"].as_str().unwrap());
    let text = std::fs::read_to_string(manifest.with_file_name("src").join("schema.json")).unwrap();
    // One of its patterns has a bracket that only JavaScript reads as itself.
    serde_json::from_str(&text.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}\\\\]?$")).unwrap()
}

#[test]
fn sarif_is_valid_against_the_official_schema() {
    let sandbox = Sandbox::new();
    for (path, text) in [
        ("pc2_code/a b\u{e9}.py", "A = '/home/ana/x'\n"),
        ("pc2_code/broken.py", "def f(:\n"),
        ("main_pc_code/empty.py", ""),
        ("pc2_code/agents/health_monitor.py", "import main_pc_code.gone\n"),
    ] {
        write(&sandbox, &format!("{TREE}/{path}"), text);
    }
    std::os::unix::fs::symlink("gone.py", sandbox.path(&format!("{TREE}/pc2_code/dangling.py"))).unwrap();
    // As it is, with the addresses of the rules in this folder.
    let output = sandbox.command(&["audit", "--format", "sarif"]).output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = sarif_schema();
    assert_eq!(
        schema["title"],
        "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    );
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let mut bad = document.clone();
    bad["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&bad), "the schema refuses nothing");

    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        assert!(result["partialFingerprints"]["ruleAndCode/v1"].is_string());
        let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
            .as_str()
            .unwrap();
        assert!(
            !uri.is_empty() && !uri.starts_with('/') && !uri.contains([':', ' ', '\\']),
            "{uri}"
        );
    }
}

/// A schema of the repository.
fn own_schema(name: &str) -> jsonschema::Validator {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/audit/schemas");
    let text = std::fs::read_to_string(folder.join(format!("{name}.schema.json"))).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[test]
fn json_is_valid_against_the_schema_of_the_repository() {
    let validator = own_schema("audit");
    let sandbox = broken();
    sandbox.run(&["audit", "--write-baseline", "known.json"]);
    let mut documents = Vec::new();
    for arguments in [
        &[][..],
        &["UndefinedFarAway"],
        &["tree/system/base.py"],
        &["--select", "paths/"],
        &["--baseline", "known.json"],
    ] {
        documents.push(json(
            &sandbox.run(&[&["audit", "--format", "json"], arguments].concat()),
        ));
    }
    // An entry of the baseline that matches nothing any more, and a stack of which nothing can be made.
    std::fs::remove_file(sandbox.path("tree/system/agents/undefined_far_away.py")).unwrap();
    documents.push(json(&sandbox.run(&[
        "audit",
        "--format",
        "json",
        "--baseline",
        "known.json",
    ])));
    assert!(
        !documents.last().unwrap()["stale_baseline"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    write(&sandbox, "config/stack.yaml", "version: [\n");
    documents.push(json(&sandbox.run(&["audit", "--format", "json"])));
    for document in &documents {
        let wrong: Vec<String> = validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
    // The schema refuses what is missing, unknown or of another kind.
    let good = &documents[0];
    let mut changed = vec![good.clone(); 4];
    changed[0]["findings"][0].as_object_mut().unwrap().remove("rule");
    changed[1]["agents"][0]["prediction"] = "perhaps".into();
    changed[2]["extra"] = 1.into();
    changed[3]["findings"][0]["line"] = "3".into();
    assert!(changed.iter().all(|document| !validator.is_valid(document)));
}

#[test]
fn the_way_of_an_agent_is_shown_step_by_step() {
    let sandbox = broken();
    let ran = sandbox.run(&["audit", "--explain-agent", "UndefinedFarAway"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout
            .starts_with("mainpc/UndefinedFarAway: cannot start: name 'misspelt_limit' is not defined"),
        "{}",
        ran.stdout
    );
    for step in [
        "module `__main__` begins",
        "start/undefined-name: name 'misspelt_limit'",
        "the script raises",
    ] {
        assert!(ran.stdout.contains(step), "{step}\n{}", ran.stdout);
    }
    let document = json(&sandbox.run(&["audit", "--explain-agent", "UndefinedFarAway", "--format", "json"]));
    let wrong: Vec<String> = own_schema("explain")
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(
        document["steps"]
            .as_array()
            .unwrap()
            .iter()
            .any(|step| step["kind"] == "failure")
    );
    sandbox
        .run(&["audit", "--explain-agent", "UndefinedFarAwa"])
        .fails_with(2, &["hint: did you mean `UndefinedFarAway`?"]);
    sandbox
        .run(&["audit", "--explain-agent", "UndefinedFarAway", "--format", "sarif"])
        .fails_with(2, &["`--explain-agent` has the formats `human` and `json`"]);
}

#[test]
fn several_formats_go_to_files_in_one_run() {
    let sandbox = broken();
    let ran = sandbox.run(&[
        "audit",
        "--format",
        "sarif=audit.sarif",
        "--format",
        "gitlab=quality.json",
        "--format=markdown=summary.md",
        "--format",
        "rdjson=r.json",
        "--format",
        "junit=j.xml",
        "--format",
        "github=g.txt",
        "--format",
        "json=a=b.json",
        "--format",
        "human=page.txt",
    ]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let read = |name: &str| std::fs::read_to_string(sandbox.path(name)).unwrap();
    let parsed = |name: &str| serde_json::from_str::<Value>(&read(name)).unwrap();
    // Standard output has the page, as without formats.
    assert_eq!(ran.stdout, sandbox.run(&["audit"]).stdout);
    assert_eq!(read("page.txt"), ran.stdout);
    let document = parsed("a=b.json");
    let findings = document["findings"].as_array().unwrap();
    assert_eq!(
        parsed("audit.sarif")["runs"][0]["results"].as_array().unwrap().len(),
        findings.len()
    );
    assert_eq!(
        parsed("r.json")["diagnostics"].as_array().unwrap().len(),
        findings.len()
    );
    assert_eq!(read("g.txt").lines().count(), findings.len());
    assert!(read("j.xml").starts_with("<?xml") && read("summary.md").starts_with("## Audit\n"));
    let quality = parsed("quality.json");
    let mut prints = BTreeSet::new();
    for issue in quality.as_array().unwrap() {
        let severity = issue["severity"].as_str().unwrap();
        assert!(
            ["info", "minor", "major", "critical", "blocker"].contains(&severity),
            "{issue}"
        );
        assert!(issue["location"]["lines"]["begin"].as_u64().unwrap() >= 1, "{issue}");
        assert!(
            !issue["location"]["path"].as_str().unwrap().starts_with(['/', '.']),
            "{issue}"
        );
        assert!(
            prints.insert(issue["fingerprint"].as_str().unwrap().to_owned()),
            "{issue}"
        );
    }
    assert_eq!(prints.len(), findings.len());

    let alone = sandbox.run(&["audit", "--format", "json", "--output-file", "alone.json"]);
    assert_eq!((alone.code, alone.stdout.as_str()), (1, ""), "{alone:#?}");
    assert_eq!(parsed("alone.json"), document);
    assert!(alone.stderr.contains("agents cannot start"), "{alone:#?}");
    let piped = sandbox.run(&["audit", "--format", "json=/dev/stderr", "-q"]);
    assert_eq!(serde_json::from_str::<Value>(&piped.stderr).unwrap(), document);
    // What a descriptor leads to is written to, also if that is a file.
    let link = std::fs::read_link("/dev/stderr").unwrap();
    let file = std::fs::File::create(sandbox.path("errors.json")).unwrap();
    let mut command = sandbox.command(&["audit", "--format", "json=/dev/stderr", "-q"]);
    assert_eq!(command.stderr(file).output().unwrap().status.code(), Some(1));
    assert_eq!(std::fs::read_link("/dev/stderr").unwrap(), link);
    assert_eq!(parsed("errors.json"), document);

    for (arguments, said) in [
        (
            &["--format", "json", "--format", "sarif"][..],
            "only one format goes to standard output",
        ),
        (&["--format", "json=x", "--format", "sarif=x"], "two formats go to `x`"),
        (&["--format", "json="], "no file is named in `json=`"),
        (&["--format", "jsno=x"], "a similar value exists: 'json'"),
        (&["--format", "json=nowhere/x"], "there is no folder `nowhere`"),
        (&["--output-file", "nowhere/x"], "there is no folder `nowhere`"),
        (
            &["--causes", "--format", "json"],
            "`--causes` is about what people read",
        ),
    ] {
        sandbox.run(&[&["audit"], arguments].concat()).fails_with(2, &[said]);
    }
    assert!(!sandbox.path("x").exists() && !sandbox.path("nowhere").exists());
}

#[test]
fn a_report_is_a_folder_of_its_own() {
    let sandbox = broken();
    let ran = sandbox.run(&["audit", "--report", "out/report"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert_eq!(ran.stdout, sandbox.run(&["audit"]).stdout);
    let page = std::fs::read_to_string(sandbox.path("out/report/index.html")).unwrap();
    assert!(page.contains("UndefinedFarAway") && page.contains("misspelt_limit"));
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(sandbox.path("out/report/audit.json")).unwrap()).unwrap();
    assert_eq!(
        page.matches("<article class=\"finding ").count(),
        document["findings"].as_array().unwrap().len()
    );
    // Another report takes its place; a folder with anything else in it is left alone.
    assert_eq!(sandbox.run(&["audit", "--report", "out/report"]).code, 1);
    write(&sandbox, "out/report/mine.txt", "x");
    sandbox
        .run(&["audit", "--report", "out/report"])
        .fails_with(2, &["holds `mine.txt`, which is no part of a report"]);
}

/// In a CI service, links to rules lead to the commit that it runs.
#[test]
fn rules_are_linked_where_they_can_be_read() {
    let sandbox = Sandbox::new();
    let first = |environment: &[(&str, &str)]| {
        let output = sandbox
            .command(&["audit", "--format", "sarif"])
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let rule = &document["runs"][0]["tool"]["driver"]["rules"][0];
        rule["helpUri"].as_str().unwrap().to_owned()
    };
    let page = "xtask/src/audit/rules/README.md#";
    let local = first(&[]);
    assert!(local.starts_with("file:///") && local.contains(page), "{local}");
    let github = first(&[
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_REPOSITORY", "a/b"),
        ("GITHUB_SHA", "c0ffee"),
    ]);
    assert!(
        github.starts_with(&format!("https://git.example/a/b/blob/c0ffee/{page}")),
        "{github}"
    );
    let gitlab = first(&[
        ("CI_PROJECT_URL", "https://git.example/a/b"),
        ("CI_COMMIT_SHA", "c0ffee"),
    ]);
    assert!(
        gitlab.starts_with(&format!("https://git.example/a/b/-/blob/c0ffee/{page}")),
        "{gitlab}"
    );
}

/// Runs Git in a sandbox.
#[expect(clippy::disallowed_methods, reason = "what a user would do")]
fn git(sandbox: &Sandbox, arguments: &[&str]) {
    let done = std::process::Command::new("git")
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(arguments)
        .current_dir(sandbox.path(""))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn fix_leaves_a_tree_alone_that_has_changes() {
    let sandbox = Sandbox::new();
    git(&sandbox, &["init", "--quiet"]);
    git(&sandbox, &["add", "."]);
    git(&sandbox, &["commit", "--quiet", "-m", "all"]);
    let config = format!("{TREE}/main_pc_code/config/startup_config.yaml");
    let before = std::fs::read_to_string(sandbox.path(&config)).unwrap();
    // A file that Git does not know counts, one outside the tree does not.
    write(&sandbox, &format!("{TREE}/new.txt"), "x");
    sandbox.run(&["audit", "--fix"]).fails_with(
        2,
        &[
            "of the tree not committed",
            "hint: commit first, or give `--allow-dirty`",
        ],
    );
    assert_eq!(std::fs::read_to_string(sandbox.path(&config)).unwrap(), before);
    std::fs::remove_file(sandbox.path(&format!("{TREE}/new.txt"))).unwrap();
    write(&sandbox, "elsewhere.txt", "x");
    let ran = sandbox.run(&["audit", "--fix"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_ne!(std::fs::read_to_string(sandbox.path(&config)).unwrap(), before);
    // What it wrote is a change like any other.
    sandbox.run(&["audit", "--fix"]).fails_with(2, &["not committed"]);
}

/// A tree in which much is wrong, with 115 agents.
fn broken() -> Sandbox {
    Sandbox::fixture("broken_tree")
}

#[test]
fn much_is_a_page_and_the_page_names_the_commands_that_say_more() {
    let sandbox = broken();
    let page = sandbox.run(&["audit"]);
    assert_eq!(page.code, 1, "{page:#?}");
    assert!(page.stdout.lines().count() <= 60, "{}", page.stdout);
    assert_eq!(sandbox.run(&["audit", "--output", "summary"]).stdout, page.stdout);
    // Each command that the page names is one that works, and says more.
    let commands: Vec<&str> = page
        .stdout
        .lines()
        .filter_map(|line| line.split_once("cargo xtask ").map(|(_, command)| command))
        .map(|command| command.split("  ").next().unwrap_or(command))
        .filter(|command| !command.contains("RULE") && !command.contains("--write-baseline"))
        .collect();
    assert!(commands.len() >= 3, "{}", page.stdout);
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let ran = sandbox.run(&words);
        assert!(ran.code <= 1 && ran.stdout.lines().count() > 3, "{command}: {ran:#?}");
    }
}

#[test]
fn every_output_ends_with_the_count() {
    let sandbox = broken();
    let count = sandbox.run(&["audit", "-q"]).stdout;
    assert_eq!(count.lines().count(), 1, "{count}");
    assert!(count.contains(" of 115 agents cannot start"), "{count}");
    assert!(count.contains("; next: cargo xtask audit "), "{count}");
    assert!(count.chars().count() <= 81, "{count}");
    for arguments in [
        &["--output", "full"][..],
        &["--output", "summary"],
        &["--output", "grouped"],
        &["--output", "concise"],
        &["--causes"],
        &["--statistics"],
    ] {
        let ran = sandbox.run(&[&["audit"], arguments].concat());
        assert!(ran.stdout.ends_with(&count), "{arguments:?}: {}", ran.stdout);
    }
    // A line for each finding, and the count.
    let findings = json(&sandbox.run(&["audit", "--format", "json"]))["findings"]
        .as_array()
        .unwrap()
        .len();
    let concise = sandbox.run(&["audit", "--output", "concise"]).stdout;
    assert_eq!(concise.lines().count(), findings + 1);
    let quiet = Sandbox::new().run(&["audit", "-q"]);
    assert_eq!((quiet.code, quiet.stdout.as_str()), (0, ""), "{quiet:#?}");
    sandbox
        .run(&["audit", "--format", "sarif", "--output", "full"])
        .fails_with(2, &["`--output` is about what people read"]);
}

#[test]
fn a_missing_requirements_file_is_one_finding() {
    let sandbox = Sandbox::new();
    let file = format!("{TREE}/requirements.vision.txt");
    std::fs::remove_file(sandbox.path(&file)).unwrap();
    let document = json(&sandbox.run(&["audit", "--format", "json"]));
    let rules: Vec<&str> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap())
        .filter(|rule| rule.contains("requirements"))
        .collect();
    assert_eq!(rules, ["stack/missing-requirements"], "{document:#}");
    let agents = document["agents"].as_array().unwrap();
    let of_group = agents.iter().filter(|agent| agent["group"] == "vision");
    assert!(
        of_group.clone().count() > 0 && of_group.clone().all(|agent| agent["prediction"] == "may_not"),
        "its agents are at risk all the same"
    );
    let finding = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["rule"] == "stack/missing-requirements")
        .unwrap();
    assert!(
        finding["help"].as_str().unwrap().contains("its agents import `"),
        "{finding:#}"
    );
}

#[test]
fn nothing_new_is_said_of_what_the_baseline_knows() {
    let sandbox = broken();
    sandbox.run(&["audit", "--write-baseline", "known.json"]);
    let ran = sandbox.run(&["audit", "--baseline", "known.json"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let last = ran
        .stdout
        .trim_end()
        .lines()
        .find(|line| line.contains(" known)"))
        .unwrap();
    assert!(last.contains("agents cannot start: nothing new ("), "{last}");
    assert!(!ran.stdout.contains("no findings"), "{}", ran.stdout);
}

#[test]
fn all_about_an_agent_or_a_file() {
    let sandbox = broken();
    let ran = sandbox.run(&["audit", "UndefinedFarAway"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.stdout.starts_with("mainpc/UndefinedFarAway cannot start\n"),
        "{}",
        ran.stdout
    );
    for part in [
        "  why        name 'misspelt_limit' is not defined\n",
        "  way        tree/system/agents/undefined_far_away.py:12 → ",
        "  script     system/agents/undefined_far_away.py\n",
        "What its start meets, in this order\n\nerror[start/undefined-name]: name 'misspelt_limit' is not defined\n",
        "^^^^^^^^^^^^^^",
        "the agent cannot start",
    ] {
        assert!(ran.stdout.contains(part), "{part}\nin\n{}", ran.stdout);
    }
    // The first reason is the one that ends it, and nothing is said of files that it does not run.
    let document = json(&sandbox.run(&["audit", "UndefinedFarAway", "--format", "json"]));
    assert_eq!(document["agents"].as_array().unwrap().len(), 1);
    assert_eq!(document["root_causes"].as_array().unwrap().len(), 1);

    let waits = sandbox.run(&["audit", "mainpc/ModuleNotFound"]).stdout;
    assert!(waits.contains("  needed by  mainpc/"), "{waits}");

    // A file by each of its names; a folder is all that is in it.
    let shown = sandbox.run(&["audit", "tree/system/base.py"]).stdout;
    assert!(shown.starts_with("tree/system/base.py\n  run by     "), "{shown}");
    assert_eq!(sandbox.run(&["audit", "system/base.py"]).stdout, shown);
    assert_eq!(sandbox.run(&["audit", "./tree/system/../system/base.py"]).stdout, shown);
    let folder = sandbox.run(&["audit", "system/agents", "--output", "concise"]).stdout;
    let own = "tree/system/agents/";
    assert!(
        folder.lines().count() > 20 && folder.lines().rev().skip(1).all(|line| line.starts_with(own)),
        "{folder}"
    );

    sandbox.run(&["audit", "UndefinedFarAwya"]).fails_with(
        2,
        &[
            "no agent and no file of the tree is called `UndefinedFarAwya`",
            "hint: did you mean `UndefinedFarAway`?",
        ],
    );
    sandbox
        .run(&["audit", "system/bsae.py"])
        .fails_with(2, &["hint: did you mean `system/base.py`?"]);
    Sandbox::new().run(&["audit", "MemoryManager"]).fails_with(
        2,
        &[
            "`MemoryManager` is an agent of both machines",
            "write `mainpc/MemoryManager` or `pc2/MemoryManager`",
        ],
    );
}
