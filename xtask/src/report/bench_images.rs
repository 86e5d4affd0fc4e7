//! What `bench images` found: a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bench::figures::{Run, typical};
use crate::bench::images::Figures;
use crate::host::bench::Machine;

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 1;

/// The figures.
#[derive(Debug, Clone)]
pub struct Result {
    /// The host.
    pub machine: Machine,
    /// Pairs of runs per case.
    pub runs: u16,
    /// Per case.
    pub cases: Vec<Figures>,
}

/// A table: a row per case.
#[must_use]
pub fn human(result: &Result) -> String {
    let Machine { model, cores } = &result.machine;
    let mut text = format!(
        "`build-images` and a script of `podman build`s, medians of {} pairs of runs; {cores} x {model}\n\n",
        result.runs
    );
    text.push_str("                                    build-images        script           ratio\n");
    text.push_str("                                    wall s   cpu s   wall s   cpu s    wall     cpu\n");
    for figures in &result.cases {
        let (ours, script, ratio) = (typical(&figures.ours), typical(&figures.script), figures.ratio());
        let _ = writeln!(
            text,
            "{:32}  {:>8.2}{:>8.2} {:>8.2}{:>8.2} {:>7.3} {:>7.3}",
            figures.case.name(),
            ours.wall,
            ours.cpu,
            script.wall,
            script.cpu,
            ratio.wall,
            ratio.cpu
        );
    }
    text
}

/// One JSON document. Times are in seconds.
#[must_use]
pub fn document(result: &Result) -> Value {
    let run = |run: &Run| json!({"wall": run.wall, "cpu": run.cpu});
    let runs = |runs: &[Run]| runs.iter().map(run).collect::<Vec<_>>();
    let cases: Vec<Value> = result
        .cases
        .iter()
        .map(|figures| {
            let ratio = figures.ratio();
            json!({
                "case": figures.case.name(),
                "build_images": run(&typical(&figures.ours)),
                "script": run(&typical(&figures.script)),
                "ratio": {"wall": ratio.wall, "cpu": ratio.cpu},
                "runs": {"build_images": runs(&figures.ours), "script": runs(&figures.script)},
            })
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "machine": {"model": result.machine.model, "cores": result.machine.cores},
        "runs": result.runs,
        "cases": cases,
    })
}
