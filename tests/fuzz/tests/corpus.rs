//! Every target over its corpus, and over every input that it once failed on: a fault that fuzzing found stays found.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files in a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_input_of_every_corpus_passes() {
    for target in fuzz::ALL {
        for kind in ["corpus", "regressions"] {
            let folder = folder(kind).join(target.name);
            if kind == "regressions" && !folder.exists() {
                continue;
            }
            for file in files(&folder) {
                // Shown where it fails.
                println!("{}", file.display());
                (target.run)(&std::fs::read(&file).unwrap());
            }
        }
    }
}

#[test]
fn every_target_is_listed_and_has_a_corpus() {
    let listed: Vec<Vec<&str>> = fuzz::LIST
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect())
        .collect();
    let names: Vec<&str> = listed.iter().map(|fields| fields[0]).collect();
    assert_eq!(names, fuzz::ALL.map(|target| target.name));
    for fields in &listed {
        let [name, seconds, longest, reads] = fields[..] else {
            panic!("{fields:?}")
        };
        assert!(seconds.parse::<u64>().unwrap() >= 15 && longest.parse::<u64>().unwrap() >= 1024 && !reads.is_empty());
        let inputs = files(&folder("corpus").join(name));
        assert!(inputs.len() >= 6, "{name} has {} inputs", inputs.len());
    }
    for kind in ["corpus", "regressions"] {
        let there: BTreeSet<String> = files(&folder(kind))
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        let unknown: Vec<&String> = there.iter().filter(|name| fuzz::find(name).is_none()).collect();
        assert!(unknown.is_empty(), "{kind} of no target: {unknown:?}");
    }
}
