//! The audit as one function: what was read of a tree goes in, a [`Report`] comes out. All rules over all facts, what silences them,
//! predictions, causes, order. Reading is `host`'s work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::baseline::{self, Baseline};
use super::causes;
use super::fix::{self, Fixed};
use super::flags;
use super::focus::Met;
use super::memory::Memory;
use super::no_requirements;
use super::outcome::{self, AgentReport, Prediction, Report};
use super::rules::{self, Facts, comments, levels};
use super::scope::Scope;
use super::serving::{Bound, Proposal};
use super::start_path::trail::Trail;
use super::start_path::{self, Followed, Walks};
use super::unused_requirements;
use super::users::users;
use super::words;
use crate::finding::{Finding, Place, Severity};
use crate::python::disk::Disk;
use crate::python::facts::{self, Odd, TreeFacts};
use crate::python::tree::{Content, Entry, Tree, take_python};
use crate::rendered_file;
use crate::stack::audit::{Excluded, RuleSetting};
use crate::stack::output::HEADER;
use crate::stack::{AgentId, GroupId, Stack, Writable};

/// What an audit looks at.
pub struct Input<'a> {
    /// The stack, agents without a group among it.
    pub stack: &'a Stack,
    /// What the stack's validation said.
    pub said: Vec<Finding>,
    /// The tree's entries.
    pub entries: Vec<Entry>,
    /// What of the tree's files says more than their names.
    pub odd: Odd,
    /// What the tree's folder holds besides its entries.
    pub disk: Disk<'a>,
    /// Further texts whose comments may silence a finding: path as findings name it, and text.
    pub texts: Vec<(String, String)>,
    /// Files whose findings are left out. Predictions do not depend on them.
    pub exclude: Excluded,
    /// Levels of rules. Predictions do not depend on them.
    pub levels: Vec<RuleSetting>,
    /// Which part is wanted.
    pub scope: Scope,
    /// What is accepted.
    pub baseline: Option<Baseline>,
    /// What is known of the tree, if it is looked at again and again.
    pub memory: Option<&'a Memory>,
}

/// Audits a tree.
#[must_use]
pub fn audit(mut input: Input<'_>) -> Report {
    let python = python_of(&mut input);
    let stack = input.stack;
    let (users, (followed, mut start)) = rayon::join(
        || users(stack, &python),
        || start_path::predict(stack, &python, input.disk, input.memory.map(|memory| &memory.walks)),
    );
    let focus = input.scope.focus.clone();
    let met = Met::of(focus.as_ref(), &followed);
    no_requirements::merge(stack, &followed, &mut input.said, &mut start);
    flags::name_key(stack, &python, input.disk, &followed, &mut start);
    unused_requirements::merge(stack, &python, input.disk, &mut start);
    let by_itself = predictions(stack, &input.said, followed);
    let tree = Tree::new(&python.prefix, &input.entries);
    let (mut findings, (comments, wrong)) = rayon::join(
        || with_facts(&input, &python, &users, &tree, rules::check),
        || silencing(&tree, &python, &input.texts),
    );
    findings.extend(input.said);
    findings.extend(start);
    findings.extend(wrong);
    findings.extend(levels::unknown(&input.levels));
    let silenced = comments::apply(&mut findings, comments);
    let prefix = python.prefix.as_str();
    findings.retain(|finding| {
        input.scope.wants_rule(finding.rule) && !input.exclude.has(path_in_tree(&finding.place.path, prefix))
    });

    let mut agents = by_itself.clone();
    outcome::propagate(stack, &mut agents);
    let wanted = |agent: &AgentReport| input.scope.has_agent(stack, agent.id);
    agents.retain(wanted);
    input.scope.keep(stack, &python.prefix, &users, &agents, &mut findings);

    let mut causes = causes::causes(&agents, &findings);
    causes.retain(|cause| cause.rule.is_none_or(|rule| input.scope.wants_rule(rule)));
    if let Some(focus) = &focus {
        focus.keep(stack, &python.prefix, &users, &met, &mut findings);
    }
    // What is not shown may still be why an agent cannot start.
    levels::apply(&mut findings, &input.levels);
    let wants = |rule: &str| input.scope.wants_rule(rule) && levels::shows(&input.levels, rule);
    let (known, stale) = accepted(&mut findings, input.baseline.as_ref(), wants);
    let stops = outcome::order(&mut findings, &agents);
    let in_use = findings
        .iter()
        .map(|finding| users.contains_key(path_in_tree(&finding.place.path, prefix)))
        .collect();
    let known_agents = (agents.as_slice(), findings.as_slice());
    let about = focus
        .as_ref()
        .map(|focus| focus.about(stack, &python.prefix, &users, known_agents, &met));
    if let Some(focus) = &focus {
        let everyone = focus.everyone(&users);
        agents.retain(|agent| everyone.contains(&agent.id));
        let names: BTreeSet<String> = agents.iter().map(AgentReport::full_name).collect();
        causes.retain(|cause| cause.stops.iter().chain(&cause.blocks).any(|name| names.contains(name)));
    }
    Report {
        about,
        part: part(&input.scope, stack),
        tree: stack.source_tree.clone(),
        python_files: python.files.len(),
        findings,
        by_itself: by_itself.into_iter().filter(wanted).collect(),
        agents,
        causes,
        stops,
        in_use,
        silenced,
        known,
        stale,
        python: Arc::new(python),
    }
}

/// The part of the system that is looked at, as a path.
fn part(scope: &Scope, stack: &Stack) -> String {
    let machine = scope.machine.map(|id| stack.machine(id).name.as_str());
    let groups = scope.groups.iter().map(|id| stack.group(*id).name.as_str());
    let parts: Vec<&str> = std::iter::once(stack.source_tree.as_str())
        .chain(machine)
        .chain(groups)
        .collect();
    parts.join("/")
}

/// The report of a stack of which too little can be read to look at anything: what is wrong with it. Its errors are why, so they are
/// shown whatever is selected, accepted or left out: nothing found would say that all is well.
#[must_use]
pub fn of_broken_stack(
    said: Vec<Finding>,
    settings: &[RuleSetting],
    scope: &Scope,
    baseline: Option<&Baseline>,
) -> Report {
    let wants = |rule: &str| scope.wants_rule(rule) && levels::shows(settings, rule);
    let (errors, mut rest): (Vec<Finding>, Vec<Finding>) = said
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    rest.extend(levels::unknown(settings));
    levels::apply(&mut rest, settings);
    rest.retain(|finding| scope.wants_rule(finding.rule));
    let mut left: Vec<Finding> = errors.iter().cloned().chain(rest).collect();
    let (known, stale) = accepted(&mut left, baseline, wants);
    let mut findings: Vec<Finding> = errors.into_iter().filter(|error| !left.contains(error)).collect();
    let known = known - findings.len();
    findings.append(&mut left);
    Report {
        stops: vec![Vec::new(); findings.len()],
        in_use: vec![false; findings.len()],
        findings,
        known,
        stale,
        ..Report::default()
    }
}

/// How the script of an agent is followed, and what is predicted of the agent by itself.
#[must_use]
pub fn explain(mut input: Input<'_>, id: AgentId) -> (AgentReport, Trail) {
    let python = python_of(&mut input);
    let (followed, trail) = start_path::explain(input.stack, &python, input.disk, id);
    (followed.report, trail)
}

/// Files of the tree with what can be mended in them without a doubt.
#[must_use]
pub fn fixes(mut input: Input<'_>) -> Vec<Fixed> {
    let python = python_of(&mut input);
    let users = users(input.stack, &python);
    let tree = Tree::new(&python.prefix, &input.entries);
    let mut fixed = with_facts(&input, &python, &users, &tree, |facts| {
        fix::fixes(facts, |rule| {
            input.scope.wants_rule(rule) && levels::shows(&input.levels, rule)
        })
    });
    fixed.retain(|file| !input.exclude.has(path_in_tree(&file.path, &python.prefix)));
    fixed
}

/// The path in the tree of one that findings name.
fn path_in_tree<'a>(shown: &'a str, prefix: &str) -> &'a str {
    shown.strip_prefix(prefix).unwrap_or(shown)
}

/// Takes out what the baseline accepts: how many findings that are, and the entries that match nothing any more.
fn accepted(
    findings: &mut Vec<Finding>,
    baseline: Option<&Baseline>,
    wants: impl Fn(&str) -> bool,
) -> (usize, Vec<baseline::Entry>) {
    let Some(baseline) = baseline else {
        return (0, Vec::new());
    };
    let (known, mut stale) = baseline::apply(findings, baseline);
    stale.retain(|entry| wants(&entry.rule));
    (known, stale)
}

/// What a stack does not say of its agents, as far as their start paths tell.
#[derive(Debug)]
pub struct Unsaid {
    /// Files and folders that the agents of a group write, with where that is done first.
    pub written: BTreeMap<(GroupId, Writable), Place>,
    /// How they are asked and reached.
    pub proposals: Vec<Proposal>,
    /// Ports that they surely bind.
    pub bound: Vec<Bound>,
    /// Files of the tree that they read and that their image does not have, with where that is done first.
    pub lacking: BTreeMap<String, Place>,
    /// Files of the tree that are secrets by their content.
    pub secrets: BTreeSet<String>,
}

/// Follows all agents for it.
#[must_use]
pub fn unsaid(mut input: Input<'_>) -> Unsaid {
    let python = python_of(&mut input);
    let own = Walks::default();
    let walks = input.memory.map_or(&own, |memory| &memory.walks);
    let lacking = super::contents::lacking(input.stack, &python, input.disk, walks);
    // What rejects its flags goes no further, nor does what cannot write.
    let (mut stack, of_flags) = flags::proposals(input.stack, &python, input.disk, walks);
    let written = super::writable::written(&stack, &python, input.disk, walks);
    for (group, writable) in written.keys() {
        stack.groups[group.0].writable.push(writable.clone());
    }
    let (mut proposals, bound) = super::serving::proposals(&stack, &python, input.disk, walks);
    proposals.extend(of_flags);
    Unsaid {
        written,
        proposals,
        bound,
        lacking,
        secrets: python.odd.keys.keys().cloned().collect(),
    }
}

/// The facts of the tree's Python files, whose bytes are taken out of the entries.
fn python_of(input: &mut Input<'_>) -> TreeFacts {
    leave_own(input);
    let version = input.stack.python_version;
    let files = take_python(&mut input.entries);
    facts::of_agents_again(files, version, input.stack, input.memory.map(|memory| &memory.parses))
        .with_odd(std::mem::take(&mut input.odd))
        .with_paths(input.entries.iter().map(|entry| entry.path.clone()))
        .with_prefix(&input.stack.shown_prefix())
}

/// Takes out the texts of the stack's own files, if they lie in the tree: the addresses in them are those that it gives, and the file to
/// correct is none of them.
fn leave_own(input: &mut Input<'_>) {
    let header = memchr::memmem::Finder::new(HEADER);
    let prefix = input.stack.shown_prefix();
    for entry in &mut input.entries {
        let Content::Bytes(bytes) = &entry.content else {
            continue;
        };
        let beginning = bytes.get(..rendered_file::WITHIN).unwrap_or(bytes);
        let is_stack = format!("{prefix}{}", entry.path) == input.stack.output.stack_file();
        if is_stack || header.find(beginning).is_some() {
            entry.content = Content::Unread;
        }
    }
}

/// Calls with the facts that rules look at.
fn with_facts<T>(
    input: &Input<'_>,
    python: &TreeFacts,
    users: &BTreeMap<String, BTreeSet<AgentId>>,
    tree: &Tree,
    look: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let files = &python.files;
    let all: Vec<words::Word<'_>> = files
        .par_iter()
        .flat_map_iter(|file| super::python::words(&file.path, &file.module))
        .chain(tree.texts.par_iter().flat_map_iter(words::of_text))
        .collect();
    let endpoints: Vec<rules::Endpoint<'_>> = files
        .par_iter()
        .flat_map_iter(|file| super::python::endpoints(&file.path, &file.module))
        .collect();
    let line = |path: &str, number: usize| {
        python.find(path).map_or_else(String::new, |file| {
            files[file]
                .module
                .shown_line(u32::try_from(number).unwrap_or(0))
                .to_owned()
        })
    };
    look(&Facts {
        stack: input.stack,
        tree,
        words: &all,
        endpoints: &endpoints,
        entries: &input.entries,
        python,
        users,
        line: &line,
        disk: input.disk,
        said: &input.said,
        aliases: input
            .stack
            .machines
            .iter()
            .flat_map(|machine| machine.path_aliases.clone())
            .collect(),
    })
}

/// Comments that silence findings, in any file that has findings.
fn silencing(tree: &Tree, facts: &TreeFacts, texts: &[(String, String)]) -> (Vec<comments::Comment>, Vec<Finding>) {
    let mark = memchr::memmem::Finder::new("audit: ignore[");
    let python = facts
        .files
        .par_iter()
        .filter(|file| mark.find(file.module.text.as_bytes()).is_some())
        .map(|file| comments::read(&tree.shown(&file.path), &file.module.text));
    let (mut comments, mut findings) = (Vec::new(), Vec::new());
    let mut take = |(more, wrong): (Vec<comments::Comment>, Vec<Finding>)| {
        comments.extend(more);
        findings.extend(wrong);
    };
    python.collect::<Vec<_>>().into_iter().for_each(&mut take);
    for text in &tree.texts {
        take(comments::read(&text.source.path, &text.source.text));
    }
    for (path, text) in texts {
        take(comments::read(path, text));
    }
    (comments, findings)
}

/// Predictions where nothing is known about start-up: an agent cannot start without its script.
fn by_script_alone(stack: &Stack, said: &[Finding]) -> Vec<AgentReport> {
    stack
        .agents()
        .map(|(id, _)| {
            let subject = stack.subject(id);
            let missing = said.iter().find(|finding| {
                matches!(finding.rule, "stack/missing-script" | "stack/path-case")
                    && finding.subjects.contains(&subject)
            });
            let report = AgentReport::new(stack, id);
            match missing {
                None => report,
                Some(finding) => AgentReport {
                    subject: finding.subjects.first().cloned(),
                    ..report.with(
                        Prediction::CannotStart,
                        Some(finding.rule),
                        Some(finding.text().into_owned()),
                        std::slice::from_ref(&finding.place),
                    )
                },
            }
        })
        .collect()
}

/// Predictions of the start path, together with what the stack knows about scripts: that comes first.
fn predictions(stack: &Stack, said: &[Finding], followed: Vec<Followed>) -> Vec<AgentReport> {
    let mut reports = by_script_alone(stack, said);
    for one in followed {
        let report = reports.iter_mut().find(|report| report.id == one.report.id);
        if let Some(report) = report.filter(|report| report.prediction != Prediction::CannotStart) {
            *report = one.report;
        }
    }
    reports
}
