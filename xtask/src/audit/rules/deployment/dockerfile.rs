//! Dockerfiles: instructions over continued lines, without heredocs.

use std::collections::BTreeSet;

use super::{
    COPY_SOURCE, HOST_VARIABLE, IMAGE, at, folder, is_of_every_shell, is_qualified, join, qualified, script, there,
    variables,
};
use crate::audit::rules::Facts;
use crate::finding::{Finding, Severity, Subject};
use crate::python::tree::Text;

/// An instruction.
struct Instruction {
    /// Its name in capitals.
    name: String,
    /// Its words, each with its line.
    words: Vec<(usize, String)>,
}

fn instructions(text: &Text) -> Vec<Instruction> {
    let mut found: Vec<Instruction> = Vec::new();
    let mut open = false;
    let mut heredoc: Option<String> = None;
    for (index, line) in text.source.text.lines().enumerate() {
        let trimmed = line.trim();
        if let Some(end) = &heredoc {
            if trimmed == end {
                heredoc = None;
            }
            continue;
        }
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (body, continued) = match trimmed.strip_suffix('\\') {
            Some(body) => (body, true),
            None => (trimmed, false),
        };
        let mut words = body.split_whitespace().map(str::to_owned);
        if !open && let Some(name) = words.next() {
            found.push(Instruction {
                name: name.to_ascii_uppercase(),
                words: Vec::new(),
            });
        }
        if let Some(instruction) = found.last_mut() {
            instruction.words.extend(words.map(|word| (index + 1, word)));
        }
        if let Some((_, after)) = body.split_once("<<") {
            let word: String = after
                .trim_start_matches(['-', '"', '\''])
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            heredoc = (!word.is_empty()).then_some(word);
        }
        open = continued;
    }
    found
}

/// Every rule about Dockerfiles.
pub fn check(facts: &Facts<'_>, text: &Text) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut stages: BTreeSet<String> = BTreeSet::new();
    let mut set: BTreeSet<String> = BTreeSet::new();
    let mut workdir = "/app".to_owned();
    for instruction in instructions(text) {
        let words = &instruction.words;
        match instruction.name.as_str() {
            "FROM" => {
                let mut parts = words.iter().filter(|(_, word)| !word.starts_with("--"));
                if let Some((line, image)) = parts.next() {
                    if !stages.contains(image) && !is_qualified(image) {
                        findings.push(
                            IMAGE
                                .finding(at(text, *line, image), format!("image `{image}` names no registry"))
                                .about(Subject::Image(image.clone()))
                                .with_help(format!("write `{}`", qualified(image))),
                        );
                    }
                    let alias = parts.skip_while(|(_, word)| !word.eq_ignore_ascii_case("as")).nth(1);
                    stages.extend(alias.map(|(_, name)| name.clone()));
                }
                set.clear();
            }
            "ARG" => set.extend(words.iter().map(|(_, word)| key(word))),
            "ENV" => environment(text, words, &mut set, &mut findings),
            "WORKDIR" => {
                if let Some((_, folder)) = words.first() {
                    workdir.clone_from(folder);
                }
            }
            "COPY" | "ADD" => findings.extend(copy(facts, text, words)),
            "CMD" | "ENTRYPOINT" => {
                for (line, word) in words {
                    for part in word.split(',') {
                        findings.extend(script(facts, text, *line, part, &workdir, "the image"));
                    }
                }
            }
            _ => {}
        }
    }
    findings
}

fn key(word: &str) -> String {
    word.split('=').next().unwrap_or(word).to_owned()
}

fn environment(text: &Text, words: &[(usize, String)], set: &mut BTreeSet<String>, findings: &mut Vec<Finding>) {
    // `ENV KEY value` and `ENV KEY=value …`.
    let old_form = words.first().is_some_and(|(_, word)| !word.contains('='));
    let own = words.first().map(|(_, word)| word.clone()).unwrap_or_default();
    for (index, (line, word)) in words.iter().enumerate() {
        let name = if old_form { own.clone() } else { key(word) };
        if old_form && index == 0 {
            continue;
        }
        for (variable, default) in variables(word) {
            if !default && variable != "PATH" && !set.contains(variable) && is_of_every_shell(variable) {
                let mut finding = HOST_VARIABLE
                    .finding(
                        at(text, *line, word),
                        format!("`{name}` takes `{variable}` from outside: nothing in this file sets it"),
                    )
                    .about(Subject::Variable(variable.to_owned()))
                    .with_help("write the value in full; an empty part is the working folder to Python");
                // The image that it is made from may set it.
                finding.severity = Severity::Note;
                finding.confidence = crate::finding::Confidence::Low;
                findings.push(finding);
            }
        }
        set.insert(name);
    }
}

fn copy(facts: &Facts<'_>, text: &Text, words: &[(usize, String)]) -> Vec<Finding> {
    if words
        .iter()
        .any(|(_, word)| word.starts_with("--from") || word.starts_with("<<"))
    {
        return Vec::new();
    }
    let clean = |word: &str| word.trim_matches(['[', ']', ',', '"', '\'']).to_owned();
    let paths: Vec<(usize, String)> = words
        .iter()
        .filter(|(_, word)| !word.starts_with("--"))
        .map(|(line, word)| (*line, clean(word)))
        .filter(|(_, word)| !word.is_empty())
        .collect();
    let Some((_, sources)) = paths.split_last() else {
        return Vec::new();
    };
    sources
        .iter()
        .filter(|(_, source)| !source.contains('$') && !source.contains("://"))
        .filter(|(_, source)| {
            let path = source.trim_matches('/');
            let path = path.strip_prefix("./").unwrap_or(path);
            let own = folder(&text.path);
            let contexts = ["", own, folder(own)];
            !contexts.iter().any(|context| there(facts, &join(context, path)))
        })
        .map(|(line, source)| {
            let named = facts.named(source);
            let help = if named.is_empty() {
                "correct the path: it is relative to the build context".to_owned()
            } else {
                format!("did you mean `{}`?", named.join("` or `"))
            };
            COPY_SOURCE
                .finding(
                    at(text, *line, source),
                    format!("`{source}` is not in the build context"),
                )
                .about(Subject::Path((*source).to_owned()))
                .with_help(help)
        })
        .collect()
}
