//! What `bench probe` found: a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::bench::pairs;
use crate::bench::figures::{Run, typical};
use crate::bench::machine::Machine;
use crate::bench::probe::Figures;

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 1;

/// The figures.
#[derive(Debug, Clone)]
pub struct Result {
    /// The host.
    pub machine: Machine,
    /// The group in whose container the checks ran.
    pub group: String,
    /// The agent that the one-liner asks.
    pub agent: String,
    /// What they took.
    pub figures: Figures,
}

/// A table: a row per check.
#[must_use]
pub fn human(result: &Result) -> String {
    let Machine { model, cores } = &result.machine;
    let Result { figures, .. } = result;
    let mut text = format!(
        "one health check inside `{}`, medians of {}; {cores} x {model}\n\n",
        result.group,
        pairs(figures.ours.len())
    );
    text.push_str("                             wall ms   cpu ms\n");
    let one_liner = format!("python3 -c ({})", result.agent);
    for (name, runs) in [
        ("agent-supervisor check", &figures.ours),
        (&one_liner, &figures.one_liner),
    ] {
        let run = typical(runs);
        let _ = writeln!(text, "{name:27} {:>8.2} {:>8.2}", run.wall * 1e3, run.cpu * 1e3);
    }
    let (wall, cpu) = figures.ratios();
    let _ = writeln!(text, "{:27} {wall:>8.3} {cpu:>8.3}", "ratio");
    text
}

/// One JSON document. Times are in seconds.
#[must_use]
pub fn document(result: &Result) -> Value {
    let run = |run: &Run| json!({"wall": run.wall, "cpu": run.cpu});
    let check = |runs: &[Run]| json!({"median": run(&typical(runs)), "runs": runs.iter().map(run).collect::<Vec<_>>()});
    let (wall, cpu) = result.figures.ratios();
    json!({
        "version": JSON_VERSION,
        "machine": {"model": result.machine.model, "cores": result.machine.cores},
        "group": result.group,
        "agent": result.agent,
        "agent_supervisor_check": check(&result.figures.ours),
        "one_liner": check(&result.figures.one_liner),
        "ratio": {"wall": wall, "cpu": cpu},
    })
}
