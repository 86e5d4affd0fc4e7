//! What `bench images` found: a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::findings::counted;
use crate::bench::figures::{Run, typical};
use crate::bench::images::{Figures, Other};
use crate::bench::machine::Machine;

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 2;

/// The figures.
#[derive(Debug, Clone)]
pub struct Result {
    /// The host.
    pub machine: Machine,
    /// Runs of each program.
    pub runs: u16,
    /// Per case.
    pub cases: Vec<Figures>,
}

/// What one run took, on a line.
#[must_use]
pub fn run_line(name: &str, run: &Run) -> String {
    format!("{name}: {:.2} s, {:.2} s of CPU", run.wall, run.cpu)
}

/// A table: per case a row for `build-images`, and one for each of the others, with the ratio to it.
#[must_use]
pub fn human(result: &Result) -> String {
    let Machine { model, cores } = &result.machine;
    let mut text = format!(
        "medians of {} of each; {cores} x {model}\n\
         ratio: `build-images` to the program of the row\n\n\
         {:48}   wall s    cpu s    ratio of wall   of cpu\n",
        counted(usize::from(result.runs), "run"),
        ""
    );
    for figures in &result.cases {
        let ours = typical(&figures.ours);
        let row = |text: &mut String, case: &str, name: &str, run: &Run| {
            let _ = write!(text, "{case:30}  {name:16}  {:>7.2}  {:>7.2}", run.wall, run.cpu);
        };
        row(&mut text, figures.case.name(), "build-images", &ours);
        text.push('\n');
        for (other, runs) in &figures.others {
            row(&mut text, "", other.name(), &typical(runs));
            if let Some(ratio) = figures.ratio(*other) {
                let _ = write!(text, "  {:>15.3}  {:>7.3}", ratio.wall, ratio.cpu);
            }
            text.push('\n');
        }
    }
    text
}

/// One JSON document. Times are in seconds.
#[must_use]
pub fn document(result: &Result) -> Value {
    let cases: Vec<Value> = result
        .cases
        .iter()
        .map(|figures| {
            let others: Map<String, Value> = figures
                .others
                .iter()
                .map(|(other, runs)| (other.key().to_owned(), other_document(figures, *other, runs)))
                .collect();
            json!({
                "case": figures.case.name(),
                "build_images": program(&figures.ours),
                "others": others,
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

fn other_document(figures: &Figures, other: Other, runs: &[Run]) -> Value {
    let mut document = program(runs);
    if let Some(ratio) = figures.ratio(other) {
        document["ratio"] = json!({"wall": ratio.wall, "cpu": ratio.cpu});
    }
    document
}

fn program(runs: &[Run]) -> Value {
    let run = |run: &Run| json!({"wall": run.wall, "cpu": run.cpu});
    json!({"median": run(&typical(runs)), "runs": runs.iter().map(run).collect::<Vec<_>>()})
}
