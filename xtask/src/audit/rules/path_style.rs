//! One folder, written in several ways.

use std::collections::BTreeMap;

use super::Facts;
use super::paths::place;
use crate::audit::rule::rules;
use crate::audit::words::{self, Word};
use crate::finding::{Finding, Fix, FixKind, Place, Subject};
use crate::python::tree::Language;
use crate::stack::normal;

rules! {
    /// Finds folders of the tree that are written in more than one way: bare (`FORMAINPC/x.py`), from the tree's root
    /// (`main_pc_code/FORMAINPC/x.py`), absolute. There is one finding for each folder, with how often each style is used
    /// and where first, in Python, YAML, shell scripts, Dockerfiles and compose files.
    ///
    /// Which of them leads anywhere depends on the working folder and on PYTHONPATH; what works in one script fails in the
    /// next. In the containers that this project makes, a bare style resolves only where `path_aliases:` of the stack names
    /// it.
    ///
    /// Keep the path from the tree's root: it resolves everywhere that an agent is started. `--fix` rewrites YAML files and
    /// shell scripts.
    STYLE = "paths/style", Warning, High, "one folder of the tree, written in several ways",
        fix "in YAML files and shell scripts";
}

/// How a folder is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Style {
    /// From the tree's root.
    Root,
    /// Without the folders in front: the written prefix.
    Bare(String),
    /// Absolute: what stands in front of the tree's own path.
    Absolute(String),
}

/// A path as written, with where it leads.
#[derive(Debug, Clone)]
pub struct Use {
    style: Style,
    /// The folder that a bare path's first part stands for.
    family: String,
    /// Where it leads, relative to the tree.
    pub target: String,
    /// Where it is written.
    pub place: Place,
    /// The file that it is written in, relative to the tree.
    pub path: String,
    /// As written.
    pub written: String,
}

/// A folder with everything that leads into it.
#[derive(Debug)]
struct Family<'a> {
    folder: String,
    uses: BTreeMap<&'a Style, Vec<&'a Use>>,
}

/// The rule.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let uses = uses(facts);
    families(&uses)
        .into_iter()
        .filter(|family| family.uses.len() > 1)
        .filter_map(|family| finding(facts, &family))
        .collect()
}

/// Uses that are not written from the tree's root, in families that are written in several ways.
pub fn odd_uses(facts: &Facts<'_>) -> Vec<Use> {
    let uses = uses(facts);
    families(&uses)
        .into_iter()
        .filter(|family| family.uses.len() > 1)
        .flat_map(|family| family.uses)
        .filter(|(style, _)| **style != Style::Root)
        .flat_map(|(_, uses)| uses.into_iter().cloned())
        .collect()
}

fn finding(facts: &Facts<'_>, family: &Family<'_>) -> Option<Finding> {
    let folder = &family.folder;
    let shown = |style: &Style| match style {
        Style::Root => format!("`{folder}/…`"),
        Style::Bare(prefix) => format!("`{prefix}/…`"),
        Style::Absolute(before) => format!("`{before}/{folder}/…`"),
    };
    let counts: Vec<String> = family
        .uses
        .iter()
        .map(|(style, uses)| format!("{} ({})", shown(style), uses.len()))
        .collect();
    let (_, odd) = family.uses.iter().find(|(style, _)| ***style != Style::Root)?;
    let first = odd.first()?;
    let message = format!(
        "`{folder}` is written in {} ways: {}",
        family.uses.len(),
        counts.join(", ")
    );
    let mut resolves = Vec::new();
    for style in family.uses.keys() {
        match style {
            Style::Root => {}
            Style::Bare(prefix) if facts.resolve(&format!("{prefix}/x")) == format!("{folder}/x") => {
                resolves.push(format!(
                    "`{prefix}/…` resolves in the containers through `path_aliases:`"
                ));
            }
            Style::Bare(prefix) => resolves.push(format!(
                "`{prefix}/…` does not resolve from `/app`, where agents are started"
            )),
            Style::Absolute(before) if before == "/app" => {
                resolves.push(format!("`/app/{folder}/…` resolves in the containers only"));
            }
            Style::Absolute(before) => {
                resolves.push(format!("`{before}/{folder}/…` does not resolve in the containers"));
            }
        }
    }
    let is_rewritten = facts.text(&first.path).is_some_and(|text| {
        matches!(text.language, Language::Yaml | Language::Shell)
    });
    let mut finding = STYLE
        .finding(first.place.clone(), message)
        .about(Subject::Path(folder.to_owned()))
        .with_help(format!(
            "keep `{folder}/…`, the path from the tree's root, which resolves in the containers and outside; {}",
            resolves.join("; ")
        ));
    finding.fix = is_rewritten.then(|| Fix {
        kind: FixKind::Safe,
        column: first.place.column,
        width: first.place.width,
        text: first.target.clone(),
    });
    for (style, uses) in &family.uses {
        for one in uses.iter().filter(|one| one.place != first.place).take(2) {
            finding = finding.with_related(one.place.clone(), format!("written as {}", shown(style)));
        }
    }
    Some(finding)
}

fn families(uses: &[Use]) -> Vec<Family<'_>> {
    let mut families: BTreeMap<String, BTreeMap<&Style, Vec<&Use>>> = BTreeMap::new();
    for one in uses {
        if let Style::Bare(_) = &one.style {
            families
                .entry(one.family.clone())
                .or_default()
                .entry(&one.style)
                .or_default()
                .push(one);
        }
    }
    for one in uses.iter().filter(|one| matches!(one.style, Style::Absolute(_))) {
        if !families.keys().any(|folder| below(&one.target, folder)) {
            let parts: Vec<&str> = one.target.split('/').collect();
            let folder = parts[..parts.len().saturating_sub(1).min(2)].join("/");
            if !folder.is_empty() {
                families.insert(folder, BTreeMap::new());
            }
        }
    }
    for one in uses.iter().filter(|one| !matches!(one.style, Style::Bare(_))) {
        // The deepest family that holds it.
        let folder = families
            .keys()
            .filter(|folder| below(&one.target, folder))
            .max_by_key(|folder| folder.len())
            .cloned();
        if let Some(uses) = folder.and_then(|folder| families.get_mut(&folder)) {
            uses.entry(&one.style).or_default().push(one);
        }
    }
    families
        .into_iter()
        .map(|(folder, uses)| Family { folder, uses })
        .collect()
}

fn below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Every path of the tree that is written anywhere.
fn uses(facts: &Facts<'_>) -> Vec<Use> {
    let suffixes = suffixes(facts);
    let mut uses: Vec<Use> = facts
        .words
        .iter()
        .filter(|word| word.text.contains('/'))
        .flat_map(|word| {
            words::paths(&word.text)
                .into_iter()
                .map(move |(at, part)| (word, at, part))
        })
        .filter_map(|(word, at, part)| one(facts, &suffixes, word, at, part))
        .collect();
    uses.sort_by(|a, b| a.place.cmp(&b.place));
    uses
}

/// Folders by every shorter way to write them.
fn suffixes<'a>(facts: &Facts<'a>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut suffixes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for folder in &facts.tree.folders {
        let mut rest = folder.as_str();
        while let Some((_, shorter)) = rest.split_once('/') {
            suffixes.entry(shorter).or_default().push(folder);
            rest = shorter;
        }
    }
    suffixes
}

fn one(facts: &Facts<'_>, suffixes: &BTreeMap<&str, Vec<&str>>, word: &Word<'_>, at: usize, part: &str) -> Option<Use> {
    if part.contains("://") || part.contains(['{', '}', '$', '%', '<', '>', '?', '\\', ' ']) {
        return None;
    }
    let absolute = part.starts_with('/');
    if absolute && word.language.is_deployment() {
        return None;
    }
    let last = part.rsplit('/').next()?;
    let known = |end: &&str| last.to_ascii_lowercase().ends_with(*end);
    let file = [".py", ".yaml", ".yml", ".json", ".sh"].iter().any(known);
    if !file || part.starts_with("..") || part.starts_with('~') {
        return None;
    }
    let wanted = normal(part);
    let (folder, _) = wanted.rsplit_once('/')?;
    let first = wanted.split('/').next()?;
    let (style, target) = if absolute {
        let parts: Vec<&str> = wanted.split('/').collect();
        let inner = parts.iter().position(|part| facts.is_code_root(part))?;
        let before: String = parts[..inner].iter().map(|part| format!("/{part}")).collect();
        (Style::Absolute(before), parts[inner..].join("/"))
    } else if facts.tree.folders.contains(first) {
        facts.is_code_root(first).then(|| (Style::Root, wanted.clone()))?
    } else if let Some(target) = facts.aliases.get(first) {
        (Style::Bare(first.to_owned()), wanted.replacen(first, target, 1))
    } else {
        // The file in exactly one of the folders that end so.
        let whole = suffixes.get(folder)?;
        let mut targets = whole
            .iter()
            .map(|whole| format!("{whole}/{last}"))
            .filter(|target| facts.tree.paths.contains(target));
        let (target, None) = (targets.next()?, targets.next()) else {
            return None;
        };
        (Style::Bare(first.to_owned()), target)
    };
    let rest = wanted.split_once('/').map_or("", |(_, rest)| rest);
    let family = target
        .strip_suffix(rest)
        .unwrap_or(&target)
        .trim_end_matches('/')
        .to_owned();
    Some(Use {
        style,
        family,
        target,
        place: place(facts, word, at, part),
        path: word.path.to_owned(),
        written: part.to_owned(),
    })
}
