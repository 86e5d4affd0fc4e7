//! Crates of others: their licences, and those that are there in several versions, as `.cargo/deny.toml` allows them. It is read by
//! `cargo deny` as well, which a machine need not have.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::repository;

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

/// The quoted words of a list of a TOML file.
fn list(toml: &str, key: &str) -> Vec<String> {
    let start = toml.find(&format!("\n{key} = [")).unwrap();
    let text = &toml[start..];
    let text = &text[..text.find("\n]").unwrap()];
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines
        .filter_map(|line| line.split('"').nth(1).map(str::to_owned))
        .collect()
}

/// Versions of each package of a lock file.
fn versions(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap().trim_matches(['=', ' ', '"']).to_owned()
        };
        found.entry(value("name")).or_default().insert(value("version"));
    }
    found
}

/// All but the newest version of each package that is there more than once, as `name@version`.
fn older(lock: &str) -> BTreeSet<String> {
    let number = |version: &str| -> Vec<u64> {
        let parts = version.split(['.', '-', '+']);
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    let mut older = BTreeSet::new();
    for (name, versions) in versions(lock) {
        let mut versions: Vec<String> = versions.into_iter().collect();
        versions.sort_by_key(|version| number(version));
        versions.pop();
        older.extend(versions.into_iter().map(|version| format!("{name}@{version}")));
    }
    older
}

/// Whether licences that are allowed are enough for an expression of SPDX; `/` is how crates once wrote `OR`.
fn is_enough(expression: &str, allowed: &[String]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let enough = any_of(&words, &mut at, allowed);
    enough && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut enough = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        enough |= all_of(words, at, allowed);
    }
    enough
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut enough = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        enough &= one(words, at, allowed);
    }
    enough
}

fn one(words: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let word = words.get(*at).copied().unwrap_or_default();
    // One behind the end, too, so that an expression that is cut short is none.
    *at += 1;
    if word == "(" {
        let enough = any_of(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return enough && closed;
    }
    let mut licence = word.to_owned();
    if let (Some(&"WITH"), Some(exception)) = (words.get(*at), words.get(*at + 1)) {
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    allowed.contains(&licence)
}

/// What cargo knows of the crates of this platform: the build of this test has downloaded those, and no others. Without the network
/// first; a build of one package alone may have left out what only another member needs.
#[expect(clippy::disallowed_methods, reason = "cargo says what crates say of themselves")]
fn metadata() -> Value {
    let platform = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let ask = |offline: &[&str]| {
        std::process::Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform"])
            .arg(format!("{}-unknown-linux-{platform}", std::env::consts::ARCH))
            .args(offline)
            .current_dir(repository())
            .output()
            .unwrap()
    };
    let mut output = ask(&["--offline"]);
    if !output.status.success() {
        output = ask(&[]);
    }
    assert!(
        output.status.success(),
        "crates cannot be looked at: run `cargo fetch --locked` once with a network\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_crate_has_a_licence_that_is_allowed() {
    let allowed = list(&read(".cargo/deny.toml"), "allow");
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "{}", packages.len());
    let mut wrong = Vec::new();
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        if !is_enough(licence, &allowed) {
            wrong.push(format!("{} {}: `{licence}`", package["name"], package["version"]));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "see `.cargo/deny.toml`");
    assert!(read("LICENSE").starts_with("MIT License"));
}

#[test]
fn every_crate_that_is_there_twice_is_known() {
    let known: BTreeSet<String> = list(&read(".cargo/deny.toml"), "skip").into_iter().collect();
    assert_eq!(older(&read("Cargo.lock")), known, "see `skip` of `.cargo/deny.toml`");
}

/// Packages with their features, as a build for these members and kinds of dependencies has them.
#[expect(clippy::disallowed_methods, reason = "cargo says which features it turns on")]
fn features(of: &[&str]) -> BTreeSet<String> {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--prefix=none",
            "--no-dedupe",
            "--format={p} {f}",
        ])
        .args(of)
        .current_dir(repository())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.replace(" (*)", "")).collect()
}

#[test]
fn what_the_program_is_made_of_serves_its_tests_too() {
    let program = features(&["--package=xtask", "--edges=normal,build"]);
    let all = features(&["--workspace", "--edges=normal,build,dev"]);
    assert!(program.len() > 50, "{}", program.len());
    let twice: Vec<&String> = program.difference(&all).collect();
    assert_eq!(
        twice,
        Vec::<&String>::new(),
        "these, and all that stands on them, are compiled twice: give `xtask` the features that the whole workspace has"
    );
}

#[test]
fn expressions_of_licences_are_understood() {
    let allowed = ["MIT", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"].map(str::to_owned);
    for enough in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "(GPL-3.0 OR MIT) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_enough(enough, &allowed), "{enough}");
    }
    for not in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "MIT GPL-3.0",
        "(MIT",
        "MIT OR",
    ] {
        assert!(!is_enough(not, &allowed), "{not}");
    }
}

#[test]
fn older_versions_are_told_by_number() {
    let package = |name: &str, version: &str| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n");
    let lock = package("a", "0.9.0") + &package("a", "0.10.0") + &package("b", "1.0.0");
    assert_eq!(older(&lock), BTreeSet::from(["a@0.9.0".to_owned()]));
}
