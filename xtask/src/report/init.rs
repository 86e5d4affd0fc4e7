//! What `init` says: a summary, an explanation of a key, the difference to the stack file that is there, a document.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::diff;
use super::findings::counted;
use crate::init::document::{Item, Shown};
use crate::init::{Inference, STACK_FILE};

/// Doubts that are told one by one in a summary; of more, the number is told.
const MOST: usize = 12;

/// Doubts that an audit tells one by one.
const FEWEST: usize = 4;

/// Nothing to make a stack of.
#[must_use]
pub fn no_agents(tree: &Path) -> String {
    format!(
        "nothing in `{}` lists agents\n  hint: a startup config is a YAML file with agents that have a script of the tree and a port, \
         as in `- {{name: Hello, script_path: agents/hello.py, port: 5600}}`; Compose files, supervisord's programs and Procfiles serve, too",
        tree.display()
    )
}

/// Files that were not looked at.
#[must_use]
pub fn unread(files: usize) -> String {
    format!("{} too long or unreadable: nothing is inferred from them", was(files))
}

fn was(files: usize) -> String {
    let counted = counted(files, "file");
    if files == 1 {
        format!("{counted} is")
    } else {
        format!("{counted} are")
    }
}

/// Counts and doubts of what was written.
#[must_use]
pub fn summary(inference: &Inference, tree: &Path) -> String {
    let (machines, groups, agents) = inference.counts;
    let doubts: Vec<_> = inference.doubts().collect();
    let mut text = format!(
        "{}, {}, {}; {}",
        counted(machines, "machine"),
        counted(groups, "group"),
        counted(agents, "agent"),
        match doubts.len() {
            0 => "no doubts".to_owned(),
            count => format!("{}, marked `?` in the file:", counted(count, "doubt")),
        }
    );
    for (key, doubt, _) in doubts.iter().take(MOST) {
        let _ = write!(text, "\n  {key}: {doubt}");
    }
    if doubts.len() > MOST {
        let _ = write!(text, "\n  … {} more; `--json --dry-run` has all", doubts.len() - MOST);
    }
    let _ = write!(text, "\nnext: `cargo xtask audit --tree {}`", tree.display());
    text
}

/// That an audit is of a stack which nobody wrote, with the first of its doubts.
#[must_use]
pub fn inferred(inference: &Inference, tree: &Path) -> String {
    let doubts: Vec<_> = inference.doubts().collect();
    let mut text = format!(
        "stack: inferred, {}; `cargo xtask init --tree {}` writes it down",
        counted(doubts.len(), "doubt"),
        tree.display()
    );
    for (key, doubt, _) in doubts.iter().take(FEWEST) {
        let _ = write!(text, "\n  {key}: {doubt}");
    }
    if doubts.len() > FEWEST {
        let _ = write!(text, "\n  … {} more", doubts.len() - FEWEST);
    }
    text
}

/// A doubtful key with its value and all evidence, as a question.
#[must_use]
pub fn question(item: &Item, number: usize, of: usize) -> String {
    format!(
        "\n{number} of {of}  {}  Enter keeps it, another value replaces it, `?` leaves it doubtful, `q` all that follow:",
        explained(item).replace('\n', "\n  ").trim_end()
    )
}

/// Why an answer is not taken.
#[must_use]
pub fn again(why: &str) -> String {
    format!("  {why}; once more:")
}

/// That nothing is doubtful that has a value.
#[must_use]
pub fn nothing_to_ask() -> String {
    "nothing is doubtful that could be asked".to_owned()
}

/// That nobody can answer.
#[must_use]
pub fn no_terminal() -> String {
    "`--ask` needs a terminal, and standard input or output is none\n  hint: without it, `init` marks what is doubtful with `?` in the file; \
     `--json --dry-run` lists it"
        .to_owned()
}

/// That there is a stack already.
#[must_use]
pub fn asked_too_late(file: &str) -> String {
    format!(
        "`{file}` is there, and nothing is overwritten: `--ask` is for a tree without a stack\n  hint: its doubts are marked `?`; change \
         them there"
    )
}

/// What a dry run shows: every file that would be written.
#[must_use]
pub fn dry(inference: &Inference, text: &str) -> String {
    let mut out = format!("# {STACK_FILE}\n{text}");
    for (path, text) in &inference.files {
        let _ = write!(out, "\n# {path}\n{text}");
    }
    out
}

/// The difference between the stack file that is there and what is inferred now.
#[must_use]
pub fn difference(file: &str, there: &str, inferred: &str, color: bool) -> Option<String> {
    (there != inferred).then(|| diff::labelled(file, "inferred now", there, inferred, color))
}

/// What became of the stack file that is there.
#[must_use]
pub fn kept(file: &str, differs: bool) -> String {
    match differs {
        true => format!("`{file}` is kept as it is: nothing is overwritten"),
        false => format!("`{file}` is what is inferred now"),
    }
}

/// Everything about a key, or about all keys below it.
#[must_use]
pub fn explain(inference: &Inference, key: &str) -> Option<String> {
    let below = format!("{key}.");
    let found = inference
        .items
        .iter()
        .filter(|item| item.name() == key || item.name().starts_with(&below));
    let texts: Vec<String> = found.map(explained).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

fn explained(item: &Item) -> String {
    let mut text = match item.shown {
        Shown::Section | Shown::Note => format!("{}\n", item.name()),
        _ => format!("{}: {}\n", item.name(), item.value()),
    };
    let how = match item.mark.sign() {
        Some(sign) => format!("{sign} {}", item.mark.name()),
        None => "default: nothing in the tree says anything, and it need not".to_owned(),
    };
    let _ = writeln!(text, "  {how}");
    for evidence in &item.evidence {
        let _ = writeln!(text, "  {}: {}", evidence.place(), evidence.says);
    }
    for doubt in &item.doubts {
        let _ = writeln!(text, "  ? {doubt}");
    }
    text
}

/// The stack as JSON.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    version: u8,
    stack_file: &'static str,
    machines: usize,
    groups: usize,
    agents: usize,
    text: String,
    values: Vec<Row<'a>>,
    files: Vec<File<'a>>,
}

/// A value with its evidence.
#[derive(Debug, Serialize)]
struct Row<'a> {
    key: String,
    value: serde_json::Value,
    mark: &'static str,
    evidence: Vec<Line<'a>>,
    doubts: &'a [String],
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    path: &'a str,
    line: usize,
    says: &'a str,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    path: &'a str,
    text: &'a str,
}

/// Makes the document.
#[must_use]
pub fn document(inference: &Inference) -> Document<'_> {
    let (machines, groups, agents) = inference.counts;
    Document {
        version: 1,
        stack_file: STACK_FILE,
        machines,
        groups,
        agents,
        text: inference.text(),
        values: inference.items.iter().map(row).collect(),
        files: inference.files.iter().map(|(path, text)| File { path, text }).collect(),
    }
}

fn json(shown: &Shown) -> serde_json::Value {
    match shown {
        Shown::Scalar(text) => text.as_str().into(),
        Shown::Number(number) => (*number).into(),
        Shown::List(items) => items.as_slice().into(),
        Shown::Mapping(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), json(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Shown::Section | Shown::Note => serde_json::Value::Null,
    }
}

fn row(item: &Item) -> Row<'_> {
    Row {
        key: item.name(),
        value: json(&item.shown),
        mark: item.mark.name(),
        evidence: item
            .evidence
            .iter()
            .map(|evidence| Line {
                path: &evidence.path,
                line: evidence.line,
                says: &evidence.says,
            })
            .collect(),
        doubts: &item.doubts,
    }
}
