//! What can be mended without a doubt: the style of paths in YAML files and shell scripts, and health ports that are implied.
//! Edits are values; `cmd` shows them as a diff and writes them.

use std::collections::BTreeMap;

use super::rules::{Facts, path_style, ports};
use crate::finding::Place;
use crate::python::tree::Language;

/// A file with its text before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fixed {
    /// Path relative to the tree.
    pub path: String,
    /// As it is.
    pub before: String,
    /// As it should be.
    pub after: String,
}

/// A stretch of a line with what replaces it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Edit {
    /// Its line, from 1.
    pub line: usize,
    /// Where it begins, in characters from 1.
    pub column: usize,
    /// How many characters are replaced.
    pub width: usize,
    /// By what.
    pub text: String,
}

/// Every file that is mended.
#[must_use]
pub fn fixes(facts: &Facts<'_>, wants: impl Fn(&str) -> bool) -> Vec<Fixed> {
    let mut edits: BTreeMap<&str, Vec<Edit>> = BTreeMap::new();
    if wants(path_style::STYLE.id) {
        for one in path_style::odd_uses(facts) {
            let Some(text) = facts.text(&one.path) else { continue };
            if matches!(text.language, Language::Yaml | Language::Shell) {
                edits
                    .entry(&text.path)
                    .or_default()
                    .push(edit(&one.place, one.target.clone()));
            }
        }
    }
    for (_, agent) in facts.stack.agents() {
        let file = facts
            .tree
            .texts
            .iter()
            .find(|text| facts.is_place_in(&agent.place, &text.path));
        // Only where the name comes first: then the agent's other keys are below it.
        let line = agent.place.text.trim_start();
        let first = line.starts_with("- name:") || line.starts_with("- {name:");
        let (Some(file), true) = (file, first) else { continue };
        if ports::key_place(facts, agent, "health_check_port").is_some() {
            continue;
        }
        let Some(port) = ports::key_place(facts, agent, "port") else {
            continue;
        };
        edits
            .entry(&file.path)
            .or_default()
            .extend(health_port(&port, agent.port, agent.health_check_port));
    }
    edits
        .into_iter()
        .filter_map(|(path, edits)| {
            let before = facts.text(path)?.source.text.clone();
            let after = apply(&before, edits);
            (after != before).then(|| Fixed {
                path: path.to_owned(),
                before,
                after,
            })
        })
        .collect()
}

fn edit(place: &Place, text: String) -> Edit {
    let number = |value: u32| usize::try_from(value).unwrap_or(0);
    Edit {
        line: number(place.line),
        column: number(place.column),
        width: number(place.width),
        text,
    }
}

/// The health port written behind or below `port:`.
fn health_port(port: &Place, value: u16, health: u16) -> Option<Edit> {
    let line = &port.text;
    let from = usize::try_from(port.column).ok()?.checked_sub(1)?;
    let before: String = line.chars().take(from).collect();
    let rest: String = line.chars().skip(from).collect();
    let written = value.to_string();
    let at = rest.find(&written)?;
    let after = &rest[at + written.len()..];
    let end = from + rest[..at].chars().count() + written.len();
    let text = if before.trim_start().is_empty() {
        // Block style: a line of its own, unless something else stands behind the number.
        let plain = after.trim_start().is_empty() || after.trim_start().starts_with('#');
        plain.then(|| format!("\n{before}health_check_port: {health}"))?
    } else {
        format!(", health_check_port: {health}")
    };
    let line_end = line.trim_end().chars().count();
    let column = if text.starts_with('\n') { line_end } else { end } + 1;
    Some(Edit {
        line: usize::try_from(port.line).ok()?,
        column,
        width: 0,
        text,
    })
}

/// The text with the edits, from the last to the first.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort();
    edits.dedup();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for edit in edits.into_iter().rev() {
        let Some(line) = edit.line.checked_sub(1).and_then(|index| lines.get_mut(index)) else {
            continue;
        };
        let byte = |characters: usize| line.char_indices().nth(characters).map_or(line.len(), |(byte, _)| byte);
        let (from, to) = (byte(edit.column - 1), byte(edit.column - 1 + edit.width));
        line.replace_range(from..to, &edit.text);
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_say_that_they_are_mended_which_are() {
        let said: Vec<&str> = crate::audit::rules::all()
            .filter(|rule| rule.fix.is_some())
            .map(|rule| rule.id)
            .collect();
        assert_eq!(said, [path_style::STYLE.id]);
    }

    #[test]
    fn edits_are_applied_from_the_end() {
        let edit = |line, column, width, text: &str| Edit {
            line,
            column,
            width,
            text: text.to_owned(),
        };
        let edits = vec![edit(1, 4, 1, "main/S"), edit(1, 8, 1, "x"), edit(2, 2, 0, "\nnew")];
        assert_eq!(apply("a: S/b ü\nq\n", edits), "a: main/S/b x\nq\nnew\n");
    }

    #[test]
    fn a_health_port_goes_behind_or_below_the_port() {
        let place = |text: &str, column| Place {
            line: 1,
            column,
            width: 4,
            text: text.to_owned(),
            ..Place::file("a.yaml")
        };
        let flow = "- {name: A, port: 5000, x: 1}";
        let fixed = |text: &str, column| {
            health_port(&place(text, column), 5000, 7000).map(|edit| apply(&format!("{text}\n"), vec![edit]))
        };
        assert_eq!(
            fixed(flow, 13).unwrap(),
            "- {name: A, port: 5000, health_check_port: 7000, x: 1}\n"
        );
        let block = "    port: 5000  # rep";
        assert_eq!(
            fixed(block, 5).unwrap(),
            "    port: 5000  # rep\n    health_check_port: 7000\n"
        );
        assert_eq!(fixed("    port: ${P}", 5), None);
    }
}
