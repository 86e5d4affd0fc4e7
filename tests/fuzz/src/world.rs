//! A small stack and its tree, in memory: what a target puts its bytes into.

use std::collections::{BTreeMap, BTreeSet};

use xtask::audit::scope::Scope;
use xtask::audit::{Input, Report, audit};
use xtask::finding::{Finding, Severity};
use xtask::python::disk::Disk;
use xtask::python::facts::Odd;
use xtask::python::tree::{self, Content, Entry};
use xtask::report::audit as formats;
use xtask::report::audit::human::Output;
use xtask::stack::audit::Excluded;
use xtask::stack::{Files, FilesError, Stack, TreeFiles, Written};

use crate::invariants;

/// Path of the stack, which lies in no tree.
pub const STACK: &str = "config/stack.yaml";
/// Path of the startup config of the first machine.
pub const STARTUP: &str = "main/startup.yaml";
/// Path of the first agent's script: what stands in an input before any other file.
pub const SCRIPT: &str = "main/alpha.py";
/// Path of the requirements of the first group.
pub const REQUIREMENTS: &str = "requirements.core.txt";

const FILES: [(&str, &str); 7] = [
    (STACK, include_str!("world/stack.yaml")),
    (STARTUP, include_str!("world/main.yaml")),
    ("pc2/startup.yaml", include_str!("world/pc2.yaml")),
    (SCRIPT, "import zmq\n"),
    ("main/beta.py", "import main.alpha\n"),
    ("pc2/gamma.py", "import time\ntime.sleep(1)\n"),
    (REQUIREMENTS, "pyzmq\n"),
];

/// Files by path, a stack among them.
#[derive(Debug, Clone)]
pub struct World(BTreeMap<String, Vec<u8>>);

impl Default for World {
    fn default() -> Self {
        Self(
            FILES
                .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
                .into(),
        )
    }
}

impl World {
    /// The same with another content of a file.
    #[must_use]
    pub fn with(mut self, path: &str, bytes: &[u8]) -> Self {
        self.0.insert(path.to_owned(), bytes.to_vec());
        self
    }

    /// The same with the files of an input: what stands before the first line `#- PATH` is the first agent's script.
    #[must_use]
    pub fn with_files(mut self, bytes: &[u8], first: &str) -> Self {
        for (path, content) in split(bytes, first) {
            self.0.insert(path, content);
        }
        self
    }

    /// Loads the stack.
    #[must_use]
    pub fn load(&self) -> (Option<Stack>, Vec<Finding>) {
        let stack = self.0.get(STACK).map(Vec::as_slice).unwrap_or_default();
        let (stack, findings) = Written::read(STACK, stack, None).load(self);
        invariants::findings(&findings);
        (stack, findings)
    }

    /// Audits the tree; nothing where there is no stack.
    pub fn audit(&self) -> Option<Report> {
        let (stack, said) = self.load();
        let stack = stack?.with_ungrouped();
        let entries: Vec<Entry> = self
            .0
            .iter()
            .filter(|(path, _)| *path != STACK)
            .map(|(path, bytes)| Entry {
                path: path.clone(),
                content: match tree::Language::of(path) {
                    Some(_) => Content::Bytes(bytes.clone()),
                    None => Content::Unread,
                },
            })
            .collect();
        let there = |path: &str| self.0.contains_key(path);
        let content = |path: &str| self.0.get(path).cloned();
        let report = audit(Input {
            stack: &stack,
            said,
            entries,
            odd: Odd::default(),
            disk: Disk::new(&there, &content),
            texts: Vec::new(),
            exclude: Excluded::default(),
            levels: Vec::new(),
            scope: Scope::default(),
            baseline: None,
            memory: None,
        });
        invariants::findings(&report.findings);
        assert_eq!(report.findings.len(), report.stops.len(), "who each finding stops");
        Some(report)
    }
}

impl Files for World {
    fn list(&self, _: &str) -> Result<TreeFiles, FilesError> {
        let files: BTreeSet<String> = self.0.keys().filter(|path| *path != STACK).cloned().collect();
        Ok(TreeFiles::new(files))
    }

    fn read(&self, _: &str, path: &str) -> Result<Vec<u8>, FilesError> {
        self.0.get(path).cloned().ok_or(FilesError::NoFile)
    }
}

/// What holds of a report in every format.
pub fn formats_of(report: &Report) {
    let look = formats::layout::Look::plain();
    for output in [
        Output::Auto,
        Output::Summary,
        Output::Grouped,
        Output::Concise,
        Output::Full,
        Output::Causes,
        Output::Statistics,
    ] {
        invariants::printable(&formats::human::render(report, output, &look), true, "the report");
    }
    invariants::printable(&formats::markdown::render(report), true, "the report in Markdown");
    invariants::printable(&formats::github::render(report), true, "the commands for GitHub");
    let json = serde_json::to_string(&formats::json::document(report));
    assert!(json.is_ok(), "{json:?}");
    let sarif = serde_json::to_string(&formats::sarif::document(report, "file:///rules.md"));
    assert!(sarif.is_ok(), "{sarif:?}");
    let rdjson = serde_json::to_string(&formats::rdjson::document(report, "file:///rules.md"));
    assert!(rdjson.is_ok(), "{rdjson:?}");
    let gitlab = serde_json::to_string(&formats::gitlab::document(report));
    assert!(gitlab.is_ok(), "{gitlab:?}");
    let junit = formats::junit::render(report, Severity::Error);
    assert!(junit.is_ok(), "{junit:?}");
}

/// The files of an input, by the lines `#- PATH` in front of them. Paths are such as a listed tree has.
#[must_use]
pub fn split(bytes: &[u8], first: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(first.to_owned(), Vec::new())];
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match header(line) {
            Some(path) => files.push((path, Vec::new())),
            None => {
                if let Some((_, content)) = files.last_mut() {
                    content.extend_from_slice(line);
                }
            }
        }
    }
    files
}

fn header(line: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(line.strip_prefix(b"#- ")?)
        .ok()?
        .trim_end_matches('\n');
    let listed = path
        .split('/')
        .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'));
    listed.then(|| path.to_owned())
}
