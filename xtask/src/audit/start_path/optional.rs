//! Packages that only some ways need: those that are missing, and imported nowhere but under a condition that is not known.
//!
//! A library asks which of several packages it is to use, and imports that one: `if BACKEND == "fast": import fastlib`. Who takes that
//! way is meant to have the package; that it is missing where nobody does is no fault, and puts no agent at risk.

use std::collections::BTreeMap;

use pysrc::Span;

use super::failure::{Failure, Flow};
use super::value::ModuleId;
use super::walk::{Doubt, Walker};
use crate::finding::{Finding, Subject};

/// Other places that a note about a package names.
const MOST_PLACES: usize = 3;

impl Walker<'_> {
    /// The innermost branch that decides whether this is reached, where it is not known how.
    fn undecided_branch(&self) -> Option<(ModuleId, Option<Span>)> {
        let left = |frame: &super::walk::Frame| match (frame.doubt, frame.left_by) {
            (Doubt::All, Some(span)) => Some((frame.module, Some(span))),
            _ => None,
        };
        let here = self.frames.last().and_then(left);
        let around = || self.undecided.last().copied();
        here.or_else(around).or_else(|| self.frames.iter().rev().find_map(left))
    }

    /// A failed import of a package that only an undecided way needs is no more than worth a note; whether it is.
    pub fn may_be_optional(&mut self, flow: Flow) -> bool {
        let (Some((module, span)), Flow::Raised(exception)) = (self.undecided_branch(), flow) else {
            return false;
        };
        let condition = span.map(|span| self.place(module, span));
        let Some(failure) = exception.failure.and_then(|index| self.failures.get_mut(index)) else {
            return false;
        };
        let whose = match condition {
            Some(at) if at.path == failure.place.path => format!("the condition in line {}", at.line),
            Some(at) => format!("the condition in {}:{}", at.path, at.line),
            None => "a condition".to_owned(),
        };
        let only = format!("imported only under {whose}, of which it is not known whether it holds");
        failure.detail = Some(only);
        failure.told = failure.told.take().filter(|told| !told.is_detail());
        failure.optional = true;
        true
    }

    /// Whether what was not found may be of a package that nobody installed: no folder of the tree has it, and it is no
    /// module of the standard library whose name was cut short.
    pub fn is_like_a_package(&self, flow: Flow) -> bool {
        let failure = match flow {
            Flow::Raised(exception) => exception.failure.and_then(|index| self.failures.get(index)),
            _ => None,
        };
        failure
            .and_then(package)
            .is_some_and(|top| !self.is_somewhere(top) && self.cut_short(top).is_none())
    }

    /// A package that every way of a branch needs is needed. `ends`: how many failures there were before the first, and after each.
    pub fn wanted_on_every_way(&mut self, ends: &[usize]) {
        let ways: Vec<_> = ends
            .windows(2)
            .filter_map(|ends| self.failures.get(ends[0]..ends[1]))
            .collect();
        let needs = |way: &[Failure], top: &str| {
            way.iter()
                .any(|failure| failure.optional && package(failure) == Some(top))
        };
        let (Some((first, others)), Some(begin)) = (ways.split_first(), ends.first()) else {
            return;
        };
        let everywhere: Vec<String> = first
            .iter()
            .filter_map(package)
            .filter(|top| others.iter().all(|way| needs(way, top)))
            .map(str::to_owned)
            .collect();
        for failure in self.failures.iter_mut().skip(*begin) {
            if package(failure).is_some_and(|top| everywhere.iter().any(|name| name == top)) {
                failure.optional = false;
                failure.detail = None;
            }
        }
    }
}

/// The package that a failed import is about.
fn package(failure: &Failure) -> Option<&str> {
    match &failure.subject {
        Some(Subject::Module(name)) => name.split('.').next(),
        _ => None,
    }
}

/// Leaves one note about each package that only undecided ways need (those findings are marked), and none where something worse is
/// said of it; the note names some of the other places.
pub fn once_for_each_package(findings: Vec<(Finding, bool)>) -> Vec<Finding> {
    let key = |finding: &Finding| {
        let module = finding.subjects.iter().find_map(|subject| match subject {
            Subject::Module(name) => name.split('.').next(),
            _ => None,
        });
        (finding.rule, module.map(str::to_owned), finding.help.clone())
    };
    let needed = findings.iter().filter(|(_, optional)| !optional);
    // Where the note stands, and how many other places it names.
    let mut told: BTreeMap<_, Option<(usize, usize)>> = needed.map(|(finding, _)| (key(finding), None)).collect();
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for (finding, optional) in findings {
        if !optional {
            kept.push(finding);
            continue;
        }
        match told.get_mut(&key(&finding)) {
            None => {
                told.insert(key(&finding), Some((kept.len(), 0)));
                kept.push(finding);
            }
            Some(Some((at, others))) if *others < MOST_PLACES => {
                *others += 1;
                if let Some(first) = kept.get_mut(*at) {
                    *first = first.clone().with_related(finding.place, "imported here, too");
                }
            }
            Some(_) => {}
        }
    }
    kept
}
