//! One folder per rule in `tests/fixtures/rules`: a tree that breaks it, and one that nearly does.
//!
//! Each is what differs from `base`: files that are added or replaced, and `changes.yaml` for what is easier to say than to
//! repeat (texts to replace, files to remove, files that Git cannot hold).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::sandbox::Sandbox;

/// What differs besides files.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Changes {
    replace: Vec<Replace>,
    remove: Vec<String>,
    sparse: Vec<Sparse>,
    /// Pipes, which Git cannot hold.
    pipes: Vec<String>,
    /// Empty files whose name is encoded as Latin-1.
    latin1: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Replace {
    file: String,
    from: String,
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sparse {
    path: String,
    bytes: u64,
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/rules")
}

/// Copies files and links, over what is there.
pub fn overlay(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            overlay(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Rules of the findings on a side of a rule's fixture: `broken` or `near_miss`.
fn found(rule: &str, side: &str) -> BTreeSet<String> {
    let sandbox = Sandbox::empty();
    overlay(&fixtures().join("base"), &sandbox.path(""));
    let own = fixtures().join(rule).join(side);
    overlay(&own, &sandbox.path(""));
    let changes: Changes = match std::fs::read_to_string(own.join("changes.yaml")) {
        Ok(text) => serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{rule}/{side}: {error}")),
        Err(_) => Changes::default(),
    };
    for change in changes.replace {
        sandbox.edit(&change.file, &change.from, &change.to);
    }
    for path in changes.remove {
        std::fs::remove_file(sandbox.path(&path)).unwrap();
    }
    for file in changes.sparse {
        let made = std::fs::File::create(sandbox.path(&file.path)).unwrap();
        made.set_len(file.bytes).unwrap();
    }
    for path in changes.pipes {
        nix::unistd::mkfifo(&sandbox.path(&path), nix::sys::stat::Mode::S_IRWXU).unwrap();
    }
    for path in changes.latin1 {
        use std::os::unix::ffi::OsStrExt as _;
        let bytes: Vec<u8> = path
            .chars()
            .map(|letter| u8::try_from(u32::from(letter)).unwrap())
            .collect();
        std::fs::write(sandbox.path("").join(std::ffi::OsStr::from_bytes(&bytes)), "").unwrap();
    }
    let ran = sandbox.run(&["audit", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}\n{ran:#?}"));
    document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect()
}

fn listed() -> BTreeSet<String> {
    let sandbox = Sandbox::empty();
    overlay(&fixtures().join("base"), &sandbox.path(""));
    let list = sandbox.run(&["audit", "--list-rules"]);
    assert_eq!(list.code, 0, "{list:#?}");
    let ids = list.stdout.lines().filter_map(|line| line.split_whitespace().next());
    ids.map(str::to_owned).collect()
}

#[test]
fn every_rule_has_a_fixture_and_every_fixture_a_rule() {
    let mut folders = BTreeSet::new();
    for family in std::fs::read_dir(fixtures()).unwrap().map(Result::unwrap) {
        let family_name = family.file_name().into_string().unwrap();
        if family_name == "base" {
            continue;
        }
        for rule in std::fs::read_dir(family.path()).unwrap().map(Result::unwrap) {
            folders.insert(format!("{family_name}/{}", rule.file_name().into_string().unwrap()));
        }
    }
    assert_eq!(folders, listed());
}

#[test]
fn each_fixture_breaks_its_rule_and_the_near_miss_does_not() {
    let mut wrong = Vec::new();
    for rule in listed() {
        if !found(&rule, "broken").contains(&rule) {
            wrong.push(format!("{rule} is not found in its fixture"));
        }
        if found(&rule, "near_miss").contains(&rule) {
            wrong.push(format!("{rule} is found in its near miss"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_found_in_the_base() {
    let sandbox = Sandbox::empty();
    overlay(&fixtures().join("base"), &sandbox.path(""));
    let ran = sandbox.run(&["audit", "--format", "json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["findings"], Value::Array(Vec::new()), "{ran:#?}");
}
