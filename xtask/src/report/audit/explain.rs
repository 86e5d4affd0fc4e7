//! How an agent's script is followed, for people and for programs: a line, or an object, for each step.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::chain;
use crate::audit::start_path::trail::{Event, Kind, Trail, Unsure};
use crate::audit::{AgentReport, Prediction, Step};
use crate::report::escape;

/// Version of the document.
const VERSION: u32 = 1;

/// Deeper scopes are not indented any further.
const MOST_INDENT: usize = 12;

/// The text.
#[must_use]
pub fn human(report: &AgentReport, trail: &Trail) -> String {
    let mut text = format!(
        "{}/{}: {}{}\n\n",
        report.machine,
        report.name,
        words(report.prediction),
        report
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    );
    let (left_out, after) = trail.left_out();
    let (mut path, mut unsure) = (String::new(), None);
    for (at, event) in trail.events().enumerate() {
        if at == after && left_out > 0 {
            let _ = writeln!(text, "… {left_out} steps are left out …");
        }
        // A file is named where it changes.
        if event.place.path != path {
            path.clone_from(&event.place.path);
            let _ = writeln!(text, "{path}");
        }
        if event.unsure != unsure {
            unsure = event.unsure;
            let how = unsure.map_or("what follows surely runs", Unsure::words);
            let _ = writeln!(text, "       {}-- {how}", indent(event));
        }
        let mark = if event.unsure.is_some() { "?" } else { " " };
        let _ = writeln!(
            text,
            "{:>5} {mark}{}{}",
            event.place.line,
            indent(event),
            escape::line(&event.text)
        );
    }
    if !report.chain.is_empty() {
        let _ = writeln!(text, "\nthe way to what is told: {}", chain(report));
    }
    text
}

fn indent(event: &Event) -> String {
    "  ".repeat(event.depth.min(MOST_INDENT))
}

fn words(prediction: Prediction) -> &'static str {
    match prediction {
        Prediction::Starts => "starts",
        Prediction::Degraded => "degraded",
        Prediction::MayNot => "at risk",
        Prediction::Blocked => "waiting",
        Prediction::CannotStart => "cannot start",
    }
}

/// How the script of an agent is followed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Document<'a> {
    /// Version of this format.
    version: u32,
    /// Machine of the agent.
    machine: &'a str,
    /// Name of the agent.
    name: &'a str,
    /// Its script, relative to the tree.
    script_path: &'a str,
    /// What is predicted of the agent by itself.
    prediction: Prediction,
    /// The rule behind that.
    rule: Option<&'a str>,
    /// Why.
    reason: Option<&'a str>,
    /// The way to that: imports and calls, and the place.
    chain: &'a [Step],
    /// The steps that were kept, in order.
    steps: Vec<Passed<'a>>,
    /// How many steps were not kept.
    left_out: usize,
    /// The steps that were not kept come after so many.
    left_out_after: usize,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Passed<'a> {
    /// Scopes around it: 0 in the script's own body.
    depth: usize,
    /// Its file.
    path: &'a str,
    /// Its line, from 1; 0 for the file as a whole.
    line: u32,
    /// What it is: `module`, `call`, `return`, `not_followed`, `branch`, `loop`, `assignment`, `failure`, `handler`, `alive`, `budget`, `end`.
    kind: &'static str,
    /// The same in words.
    text: &'a str,
    /// Why it may not happen; nothing if it surely does.
    unsure: Option<&'static str>,
}

/// The document of a way.
#[must_use]
pub fn document<'a>(report: &'a AgentReport, trail: &'a Trail) -> Document<'a> {
    let (left_out, left_out_after) = trail.left_out();
    Document {
        version: VERSION,
        machine: &report.machine,
        name: &report.name,
        script_path: &report.script_path,
        prediction: report.prediction,
        rule: report.rule,
        reason: report.reason.as_deref(),
        chain: &report.chain,
        steps: trail.events().map(passed).collect(),
        left_out,
        left_out_after,
    }
}

fn passed(event: &Event) -> Passed<'_> {
    Passed {
        depth: event.depth,
        path: &event.place.path,
        line: event.place.line,
        kind: kind(event.kind),
        text: &event.text,
        unsure: event.unsure.map(Unsure::words),
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Module => "module",
        Kind::Call => "call",
        Kind::Return => "return",
        Kind::NotFollowed => "not_followed",
        Kind::Branch => "branch",
        Kind::Loop => "loop",
        Kind::Assignment => "assignment",
        Kind::Failure => "failure",
        Kind::Handler => "handler",
        Kind::Alive => "alive",
        Kind::Budget => "budget",
        Kind::End => "end",
    }
}
