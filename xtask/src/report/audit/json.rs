//! An audit as a JSON document. Its fields may grow; what is there keeps its meaning within a version.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::table;
use crate::audit::baseline::{Entry, fingerprint};
use crate::audit::{Prediction, Report, Step};
use crate::finding::{Confidence, Finding, Severity};

/// Version of the document.
pub const VERSION: u32 = 1;

/// The document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Document<'a> {
    version: u32,
    tree: &'a str,
    summary: Summary,
    root_causes: Vec<Cause<'a>>,
    groups: Vec<Group>,
    agents: Vec<Agent<'a>>,
    findings: Vec<OneFinding<'a>>,
    stale_baseline: &'a [Entry],
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Summary {
    python_files: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    silenced: usize,
    in_baseline: usize,
    agents: Counts,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Counts {
    starts: usize,
    may_not: usize,
    blocked: usize,
    cannot_start: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Group {
    machine: String,
    group: String,
    agents: Counts,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Cause<'a> {
    rule: Option<&'static str>,
    message: &'a str,
    path: Option<&'a str>,
    line: Option<u32>,
    places: &'a [Step],
    help: Option<&'a str>,
    stops: &'a [String],
    blocks: &'a [String],
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Agent<'a> {
    machine: &'a str,
    group: &'a str,
    name: &'a str,
    script_path: &'a str,
    prediction: Prediction,
    rule: Option<&'static str>,
    reason: Option<&'a str>,
    chain: &'a [Step],
    blocked_by: &'a [String],
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct OneFinding<'a> {
    rule: &'static str,
    severity: Severity,
    confidence: Confidence,
    path: &'a str,
    line: u32,
    column: u32,
    message: Cow<'a, str>,
    help: Option<&'a str>,
    related: Vec<Related<'a>>,
    stops: &'a [String],
    fingerprint: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Related<'a> {
    path: &'a str,
    line: u32,
    column: u32,
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
                let [starts, may_not, blocked, cannot_start] = row.counts;
                Group {
                    machine: row.machine,
                    group: row.group,
                    agents: Counts {
                        starts,
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
