//! What benchmarks found: a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bench::figures::{Paired, Run, Shared, typical};
use crate::bench::machine::Machine;

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 1;

/// The audit's figures.
#[derive(Debug, Clone)]
pub struct Result {
    /// The host.
    pub machine: Machine,
    /// The other program, with its version.
    pub other: String,
    /// Pairs of runs per tree.
    pub runs: usize,
    /// Per tree.
    pub trees: Vec<Paired>,
    /// Per number of agents that share a library.
    pub shared: Vec<Shared>,
}

/// A table: a row per tree.
#[must_use]
pub fn human(result: &Result) -> String {
    let Machine { model, cores } = &result.machine;
    let mut text = format!(
        "audit and `{} check --no-cache --select E9`, {}; {cores} x {model}\n\n",
        result.other,
        pairs(result.runs)
    );
    if !result.trees.is_empty() {
        trees(result, &mut text);
    }
    if !result.shared.is_empty() {
        shared(result, &mut text);
    }
    text
}

fn trees(result: &Result, text: &mut String) {
    text.push_str(
        "                          audit                     ruff            audit / ruff       audit\n  files      lines   wall s   cpu s    MB    wall s   cpu s    MB    wall   cpu  memory  us/line\n",
    );
    for tree in &result.trees {
        let (ours, theirs, ratios) = (typical(&tree.audit), typical(&tree.other), tree.ratios());
        let _ = writeln!(
            text,
            "{:>7} {:>10}  {}  {}  {:>6.2}{:>6.2}{:>8.2}  {:>7.2}",
            tree.files,
            tree.lines,
            columns(&ours),
            columns(&theirs),
            ratios.wall,
            ratios.cpu,
            ratios.memory,
            ours.cpu * 1e6 / tree.lines.max(1) as f64
        );
        if let Some(agents) = tree.agents {
            let _ = writeln!(
                text,
                "        {agents} agents of shared base classes, followed to the end"
            );
        }
    }
}

fn shared(result: &Result, text: &mut String) {
    text.push_str("\nA library that all agents import\n agents    files      lines   cpu s  of one agent  ratio\n");
    for shared in &result.shared {
        let _ = writeln!(
            text,
            "{:>7}  {:>7}  {:>9}  {:>6.3}  {:>12.3}  {:>5.2}",
            shared.agents,
            shared.files,
            shared.lines,
            typical(&shared.many).cpu,
            typical(&shared.one).cpu,
            shared.ratio()
        );
    }
}

/// A number of pairs of runs, in words.
#[must_use]
pub fn pairs(runs: usize) -> String {
    format!("{runs} {} of runs", if runs == 1 { "pair" } else { "pairs" })
}

fn columns(run: &Run) -> String {
    format!("{:>7.3} {:>7.3} {:>6.0}", run.wall, run.cpu, megabytes(run))
}

fn megabytes(run: &Run) -> f64 {
    run.peak_bytes as f64 / 1e6
}

/// One JSON document. Times are in seconds.
#[must_use]
pub fn document(result: &Result) -> Value {
    let trees: Vec<Value> = result
        .trees
        .iter()
        .map(|tree| {
            let ratios = tree.ratios();
            json!({
                "files": tree.files,
                "lines": tree.lines,
                "agents": tree.agents,
                "audit": run(&typical(&tree.audit)),
                "ruff": run(&typical(&tree.other)),
                "ratio": {"wall": ratios.wall, "cpu": ratios.cpu, "memory": ratios.memory},
            })
        })
        .collect();
    let shares: Vec<Value> = result
        .shared
        .iter()
        .map(|shared| {
            json!({
                "agents": shared.agents,
                "files": shared.files,
                "lines": shared.lines,
                "one": run(&typical(&shared.one)),
                "many": run(&typical(&shared.many)),
                "ratio": shared.ratio(),
            })
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "machine": {"model": result.machine.model, "cores": result.machine.cores},
        "other": result.other,
        "runs": result.runs,
        "trees": trees,
        "shared": shares,
    })
}

fn run(run: &Run) -> Value {
    json!({"wall": run.wall, "cpu": run.cpu, "peak_bytes": run.peak_bytes})
}
