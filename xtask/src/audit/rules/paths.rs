//! Paths written in the tree: into somebody's home, onto a Windows drive, to the project by its absolute path, to nothing.

use std::collections::BTreeSet;

use super::Facts;
use crate::audit::rule::{Rule, rules};
use crate::audit::words::{self, Word};
use crate::finding::{Finding, Place, Subject};
use crate::stack::normal;

rules! {
    /// Finds paths into a home folder: `/home/x/…`, `/Users/x/…`, `/root/…`, `~/…`.
    ///
    /// Such a path holds on one person's machine. In a container, the home of a user of the host is not there, and the agent fails where it
    /// opens it; `~` is `/tmp` there, which is empty at the start, can be written, and is gone with the container.
    ///
    /// Example: `open("/home/haymayndz/AI_System/config.json")`.
    ///
    /// Write the path relative to the tree's root, or take it from the environment (`PROJECT_ROOT` is `/app`).
    HOME = "paths/home-folder", Warning, High, "a path in somebody's home folder";

    /// Finds paths onto a Windows drive: `C:\…`, `D:/…`.
    ///
    /// On Linux such a path is a strange relative name: nothing is found there, and what is written there lands in the
    /// working folder.
    ///
    /// Example: `MODEL_DIR = "D:\\models"`.
    ///
    /// Write the path relative to the tree's root, or use the volumes (`/app/models`, `/app/data`).
    WINDOWS = "paths/windows-drive", Warning, High, "a path onto a Windows drive";

    /// Finds absolute paths that end in a path of this tree.
    ///
    /// The tree lies elsewhere in a container (`/app`), so the path leads to nothing there.
    ///
    /// Example: `sys.path.append("/opt/AI_System/main_pc_code")`.
    ///
    /// Write it relative to the tree's root.
    ABSOLUTE = "paths/absolute-project", Warning, High, "an absolute path to the project itself";

    /// Finds paths to a Python, YAML or JSON file below a folder of the tree, where no such file is.
    ///
    /// What opens or starts it fails. A file that a program writes before it reads it is reported too: hence the medium
    /// confidence.
    ///
    /// Example: `subprocess.Popen(["python3", "main_pc_code/agents/gone.py"])`.
    ///
    /// Correct the path, or add the file.
    MISSING = "paths/missing", Warning, Medium, "a path to a file of the tree that exists nowhere";
}

/// A finding about a part of a word.
fn about(rule: &Rule, facts: &Facts<'_>, word: &Word<'_>, offset: usize, part: &str, message: String) -> Finding {
    rule.finding(place(facts, word, offset, part), message)
        .about(Subject::Path(part.to_owned()))
}

/// The place of a part of a word.
pub fn place(facts: &Facts<'_>, word: &Word<'_>, offset: usize, part: &str) -> Place {
    let width = part.chars().count();
    let mut place = facts.place(word);
    // Escapes make a literal longer in the file than its value; then the whole literal is meant.
    let whole = word.text.chars().count();
    let (_, _, wide) = word.place();
    if wide == 0 || wide <= whole + 3 {
        let shift = place
            .text
            .chars()
            .skip(usize::try_from(place.column).unwrap_or(1).saturating_sub(1))
            .collect::<String>()
            .find(part.chars().next().unwrap_or(' '))
            .map_or(0, |byte| if offset == 0 { byte.min(4) } else { 0 });
        place.column += u32::try_from(offset + shift).unwrap_or(0);
        place.width = u32::try_from(width).unwrap_or(1).max(1);
    }
    place
}

/// Every rule of this file over every word.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let roots: BTreeSet<&str> = facts
        .tree
        .folders
        .iter()
        .filter(|folder| !folder.contains('/') && !folder.starts_with('.'))
        .map(String::as_str)
        .collect();
    facts
        .words
        .iter()
        .filter(|word| word.text.contains(['/', '\\']))
        .flat_map(|word| {
            words::paths(&word.text)
                .into_iter()
                .map(move |(at, part)| (word, at, part))
        })
        .filter_map(|(word, at, part)| one(facts, &roots, word, at, part))
        .collect()
}

fn one(facts: &Facts<'_>, roots: &BTreeSet<&str>, word: &Word<'_>, at: usize, part: &str) -> Option<Finding> {
    if part.contains("://") || part.contains(char::is_whitespace) {
        return None;
    }
    if let Some(drive) = words::windows_drive(part) {
        return Some(
            about(
                &WINDOWS,
                facts,
                word,
                at,
                part,
                format!("`{part}` is a path on the Windows drive {drive}:"),
            )
            .with_help(
                "write it relative to the tree's root, or use a volume: `/app/data`, `/app/models`, `/app/logs`",
            ),
        );
    }
    if let Some(owner) = home(part) {
        let help = match part.starts_with('~') {
            true => {
                "in a container, `~` is `/tmp`: nothing of anybody's home is there, and what is written there is gone with the container; \
                 what is to stay belongs into a volume, such as `/app/data`"
            }
            false => "no container has that folder: write it relative to the tree's root, or take it from the environment",
        };
        let what = format!("`{part}` is a path in {owner}");
        return Some(about(&HOME, facts, word, at, part, what).with_help(help));
    }
    if let Some(rest) = part.strip_prefix('/') {
        return absolute(facts, roots, word, at, part, rest);
    }
    missing(facts, roots, word, at, part)
}

/// Whose home a path leads into.
fn home(path: &str) -> Option<String> {
    for base in ["/home/", "/Users/"] {
        if let Some(rest) = path.strip_prefix(base) {
            let user = rest.split('/').next().unwrap_or_default();
            let plain = user.chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
            return (plain && !user.is_empty()).then(|| format!("the home of `{user}`"));
        }
    }
    if path.starts_with("~/") {
        return Some("the home folder of whoever runs it".to_owned());
    }
    (path.starts_with("/root/")).then(|| "the home of `root`".to_owned())
}

fn absolute(
    facts: &Facts<'_>,
    roots: &BTreeSet<&str>,
    word: &Word<'_>,
    at: usize,
    part: &str,
    rest: &str,
) -> Option<Finding> {
    let components: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
    let first = *components.first()?;
    // `/app` is where the tree lies in a container; deployment files speak of containers.
    // Nor is the project where systems keep what programs write.
    if matches!(first, "app" | "dev" | "etc" | "proc" | "run" | "sys" | "tmp" | "var") || word.language.is_deployment() {
        return None;
    }
    let root = components.iter().position(|component| roots.contains(component))?;
    let inner = components[root..].join("/");
    let known = root > 0 && (facts.tree.has(&inner) || components.len() > root + 1);
    // `/config/x` alone says little.
    let telling = facts.is_code_root(components[root]) || facts.tree.has(&inner) && components.len() > root + 1;
    (known && telling).then(|| {
        about(
            &ABSOLUTE,
            facts,
            word,
            at,
            part,
            format!("`{part}` is an absolute path to the project"),
        )
        .with_help(format!("write `{inner}`: the tree lies in `/app` in a container"))
    })
}

fn missing(facts: &Facts<'_>, roots: &BTreeSet<&str>, word: &Word<'_>, at: usize, part: &str) -> Option<Finding> {
    let lower = part.to_ascii_lowercase();
    let kind = [".py", ".yaml", ".yml", ".json"].iter().any(|end| lower.ends_with(end));
    if !kind || part.contains(['*', '{', '}', '$', '%', '<', '>', '?', '\\']) || part.starts_with("..") {
        return None;
    }
    let wanted = normal(part);
    let (first, _) = wanted.split_once('/')?;
    let aliased = facts.aliases.contains_key(first);
    if !(roots.contains(first) && facts.is_code_root(first) || aliased) {
        return None;
    }
    let resolved = facts.resolve(&wanted);
    if facts.tree.has(&wanted) || facts.tree.has(&resolved) || facts.exists(&resolved) || facts.exists(&wanted) {
        return None;
    }
    // Relative to the file's own folder, or to a folder above it.
    let mut folder = word.path;
    while let Some((parent, _)) = folder.rsplit_once('/') {
        if facts.tree.has(&normal(&format!("{parent}/{wanted}"))) {
            return None;
        }
        folder = parent;
    }
    let place = place(facts, word, at, part);
    if facts.is_said(&place, "stack/") {
        return None;
    }
    let named = facts.named(&wanted);
    let help = if named.is_empty() {
        "correct the path, or add the file".to_owned()
    } else {
        format!("did you mean `{}`?", named.join("` or `"))
    };
    Some(
        MISSING
            .finding(place, format!("`{part}` exists nowhere in the tree"))
            .about(Subject::Path(part.to_owned()))
            .with_help(help),
    )
}
