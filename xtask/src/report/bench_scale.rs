//! What `bench scale` found: a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::bench::figures::Run;
use crate::bench::machine::Machine;
use crate::bench::scale::{Size, Task, growth};

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 1;

/// The figures.
#[derive(Debug, Clone)]
pub struct Result {
    /// The host.
    pub machine: Machine,
    /// Runs of each task.
    pub runs: u16,
    /// Per size.
    pub sizes: Vec<Size>,
}

fn wall(run: &Run) -> f64 {
    run.wall
}

fn cpu(run: &Run) -> f64 {
    run.cpu
}

/// A table: a row per task, with milliseconds per size and the power with which they grow.
#[must_use]
pub fn human(result: &Result) -> String {
    let Machine { model, cores } = &result.machine;
    let Result { sizes, .. } = result;
    let mut text = format!(
        "medians of {} runs, gating of one; {cores} x {model}\n\
         power: of the number of agents, with which a figure grows; 1 is in proportion\n\n",
        result.runs
    );
    let _ = write!(text, "{:18}", "agents");
    for size in sizes {
        let _ = write!(text, "{:>10}", size.agents);
    }
    text.push('\n');
    let _ = write!(text, "{:18}", "groups");
    for size in sizes {
        let _ = write!(text, "{:>10}", size.groups);
    }
    text.push_str("   power\n");
    for task in Task::ALL {
        for (unit, figure) in [("CPU ms", cpu as fn(&Run) -> f64), ("wall ms", wall)] {
            let _ = write!(text, "{:10}{unit:8}", task.name());
            for run in sizes.iter().filter_map(|size| size.took.get(&task)) {
                let _ = write!(text, "{:>10.1}", figure(run) * 1e3);
            }
            let power = growth(sizes, task, figure).map_or_else(|| "-".to_owned(), |power| format!("{power:.2}"));
            let _ = writeln!(text, "{power:>8}");
        }
    }
    text
}

/// One JSON document. Times are in seconds.
#[must_use]
pub fn document(result: &Result) -> Value {
    let sizes: Vec<Value> = result
        .sizes
        .iter()
        .map(|size| {
            let tasks: Map<String, Value> = size
                .took
                .iter()
                .map(|(task, run)| (task.name().to_owned(), json!({"wall": run.wall, "cpu": run.cpu})))
                .collect();
            json!({"times": size.copies, "agents": size.agents, "groups": size.groups, "tasks": tasks})
        })
        .collect();
    let powers: Map<String, Value> = Task::ALL
        .into_iter()
        .map(|task| {
            let power = |figure| growth(&result.sizes, task, figure);
            (task.name().to_owned(), json!({"wall": power(wall), "cpu": power(cpu)}))
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "machine": {"model": result.machine.model, "cores": result.machine.cores},
        "runs": result.runs,
        "sizes": sizes,
        "growth": powers,
    })
}
