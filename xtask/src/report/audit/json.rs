//! An audit as a JSON document. Its fields may grow; what is there keeps its meaning within a version.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::table;
use crate::audit::baseline::{Entry, fingerprint};
use crate::audit::{Prediction, Report, Step};
use crate::finding::{Confidence, Finding, FixKind, Severity};

/// Version of the document.
pub const VERSION: u32 = 1;

/// What `cargo xtask audit --format json` prints. Fields may be added; what is there keeps its meaning within a version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Document<'a> {
    /// Version of this document.
    version: u32,
    /// The tree, as the stack or `--tree` gives it.
    tree: &'a str,
    /// Everything, counted.
    summary: Summary,
    /// What stops agents, the cause that keeps most of them from running first.
    root_causes: Vec<Cause<'a>>,
    /// Agents of each group, counted.
    groups: Vec<Group>,
    /// What is predicted of each agent.
    agents: Vec<Agent<'a>>,
    /// Everything that was found; what stops agents first.
    findings: Vec<OneFinding<'a>>,
    /// Entries of the baseline that match nothing any more.
    stale_baseline: &'a [Entry],
}

/// Everything, counted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Summary {
    /// Python files that were read.
    python_files: usize,
    /// Findings that are errors.
    errors: usize,
    /// Findings that are warnings.
    warnings: usize,
    /// Findings that are notes.
    notes: usize,
    /// Findings that comments in the source silence.
    silenced: usize,
    /// Findings that the baseline accepts.
    in_baseline: usize,
    /// Agents by prediction.
    agents: Counts,
}

/// Agents by prediction.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Counts {
    /// Agents that start.
    starts: usize,
    /// Agents that start without one that cannot.
    degraded: usize,
    /// Agents at risk.
    may_not: usize,
    /// Agents that wait for one that cannot start.
    blocked: usize,
    /// Agents that cannot start.
    cannot_start: usize,
}

/// A group, and its agents by prediction.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Group {
    /// Its machine.
    machine: String,
    /// Its name.
    group: String,
    /// Its agents.
    agents: Counts,
}

/// One thing that stops agents.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Cause<'a> {
    /// The rule behind it.
    rule: Option<&'static str>,
    /// What is wrong, in a line.
    message: &'a str,
    /// File of the first place.
    path: Option<&'a str>,
    /// Line of the first place, from 1; 0 for the file as a whole.
    line: Option<u32>,
    /// Every place where it is met.
    places: &'a [Step],
    /// How to fix it.
    help: Option<&'a str>,
    /// Agents that it stops, as `machine/name`.
    stops: &'a [String],
    /// Agents that wait for one of these, or start without it.
    blocks: &'a [String],
}

/// What is predicted of an agent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Agent<'a> {
    /// Its machine.
    machine: &'a str,
    /// Its group.
    group: &'a str,
    /// Its name.
    name: &'a str,
    /// Its script, as the startup config writes it.
    script_path: &'a str,
    /// What becomes of it.
    prediction: Prediction,
    /// The rule behind that.
    rule: Option<&'static str>,
    /// Why.
    reason: Option<&'a str>,
    /// The way from its script to the failure.
    chain: &'a [Step],
    /// Agents that cannot start and that it waits for, nearest first.
    blocked_by: &'a [String],
}

/// A finding.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OneFinding<'a> {
    /// Its rule; `cargo xtask audit --explain RULE` describes it.
    rule: &'static str,
    /// How bad it is.
    severity: Severity,
    /// How sure it is.
    confidence: Confidence,
    /// Its file, relative to the repository, or to a tree outside it.
    path: &'a str,
    /// Its line, from 1; 0 for the file as a whole.
    line: u32,
    /// Its column in characters, from 1; 0 for the line as a whole.
    column: u32,
    /// What is wrong.
    message: Cow<'a, str>,
    /// How to fix it.
    help: Option<&'a str>,
    /// The same as an edit of its line; `null` where there is none.
    fix: Option<Fix<'a>>,
    /// Other places that explain it.
    related: Vec<Related<'a>>,
    /// Agents that it stops, as `machine/name`.
    stops: &'a [String],
    /// The same as long as the rule and the code are, wherever the line moves.
    fingerprint: String,
}

/// What would stand in a stretch of a finding's line.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Fix<'a> {
    /// `safe`: what is written means the same afterwards; `unsafe`: what was meant is a guess, and `--unsafe-fixes` tries it.
    kind: FixKind,
    /// Where the stretch begins, in characters from 1.
    column: u32,
    /// How many characters it has.
    width: u32,
    /// What stands there instead.
    text: &'a str,
}

/// A second place that explains a finding.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Related<'a> {
    /// Its file.
    path: &'a str,
    /// Its line, from 1.
    line: u32,
    /// Its column in characters, from 1.
    column: u32,
    /// What is there.
    label: &'a str,
}

/// The document of a report.
#[must_use]
pub fn document(report: &Report) -> Document<'_> {
    let of = |severity| report.findings.iter().filter(|f| f.severity == severity).count();
    Document {
        version: VERSION,
        tree: &report.tree,
        summary: Summary {
            python_files: report.python_files,
            errors: of(Severity::Error),
            warnings: of(Severity::Warning),
            notes: of(Severity::Note),
            silenced: report.silenced,
            in_baseline: report.known,
            agents: Counts {
                starts: report.count(Prediction::Starts),
                degraded: report.count(Prediction::Degraded),
                may_not: report.count(Prediction::MayNot),
                blocked: report.count(Prediction::Blocked),
                cannot_start: report.count(Prediction::CannotStart),
            },
        },
        root_causes: report
            .causes
            .iter()
            .map(|cause| Cause {
                rule: cause.rule,
                message: &cause.message,
                path: cause.places.first().map(|place| place.path.as_str()),
                line: cause.places.first().map(|place| place.line),
                places: &cause.places,
                help: cause.help.as_deref(),
                stops: &cause.stops,
                blocks: &cause.blocks,
            })
            .collect(),
        groups: table(report)
            .into_iter()
            .map(|row| {
                let [starts, degraded, may_not, blocked, cannot_start] = row.counts;
                Group {
                    machine: row.machine,
                    group: row.group,
                    agents: Counts {
                        starts,
                        degraded,
                        may_not,
                        blocked,
                        cannot_start,
                    },
                }
            })
            .collect(),
        agents: report
            .agents
            .iter()
            .map(|agent| Agent {
                machine: &agent.machine,
                group: &agent.group,
                name: &agent.name,
                script_path: &agent.script_path,
                prediction: agent.prediction,
                rule: agent.rule,
                reason: agent.reason.as_deref(),
                chain: &agent.chain,
                blocked_by: &agent.blocked_by,
            })
            .collect(),
        findings: report
            .findings
            .iter()
            .enumerate()
            .map(|(index, finding)| one(finding, report.stops.get(index).map(Vec::as_slice).unwrap_or_default()))
            .collect(),
        stale_baseline: &report.stale,
    }
}

fn one<'a>(finding: &'a Finding, stops: &'a [String]) -> OneFinding<'a> {
    OneFinding {
        rule: finding.rule,
        severity: finding.severity,
        confidence: finding.confidence,
        path: &finding.place.path,
        line: finding.place.line,
        column: finding.place.column,
        message: finding.text(),
        help: finding.help.as_deref(),
        fix: finding.fix.as_ref().map(|fix| Fix {
            kind: fix.kind,
            column: fix.column,
            width: fix.width,
            text: &fix.text,
        }),
        related: finding
            .related
            .iter()
            .map(|related| Related {
                path: &related.place.path,
                line: related.place.line,
                column: related.place.column,
                label: &related.label,
            })
            .collect(),
        stops,
        fingerprint: fingerprint(finding),
    }
}
