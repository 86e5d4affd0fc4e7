//! What `bench boot` found: a table for people, and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::bench::boot::{Figures, Sample, Way};
use crate::bench::machine::Machine;

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 1;

/// The figures.
#[derive(Debug, Clone)]
pub struct Result {
    /// The host.
    pub machine: Machine,
    /// Agents that were booted.
    pub agents: usize,
    /// Their containers.
    pub groups: usize,
    /// What each interpreter of the floor imports.
    pub modules: Vec<String>,
    /// Boots of each way.
    pub runs: u16,
    /// What they took.
    pub figures: Figures,
}

/// A way, as people read it.
#[must_use]
pub fn title(way: Way) -> &'static str {
    match way {
        Way::Floor => "floor: interpreters alone",
        Way::Plain => "up --plain",
        Way::Warm => "up",
        Way::Script => "one after the other",
    }
}

fn wall(sample: &Sample) -> Option<f64> {
    Some(sample.wall)
}

fn cpu(sample: &Sample) -> Option<f64> {
    Some(sample.cpu)
}

fn memory(sample: &Sample) -> Option<f64> {
    sample.memory_bytes.map(|bytes| bytes as f64)
}

/// A table: a row per way.
#[must_use]
pub fn human(result: &Result) -> String {
    let Machine { model, cores } = &result.machine;
    let Result { figures, modules, .. } = result;
    let mut text = format!(
        "{} agents in {} containers until all answer, medians of {}; {cores} x {model}\n\
         each interpreter of the floor imports {}\n\n",
        result.agents,
        result.groups,
        match result.runs {
            1 => "1 boot".to_owned(),
            runs => format!("{runs} boots"),
        },
        modules.join(", ")
    );
    text.push_str("                                            of the floor   of one after the other\n");
    text.push_str("                             wall s   cpu s   wall    cpu      wall    cpu   PSS MB  of plain\n");
    for way in figures.samples.keys() {
        let Some(sample) = figures.typical(*way) else {
            continue;
        };
        let ratio = |to, figure| match figures.ratio(*way, to, figure) {
            Some(ratio) => format!("{ratio:.2}"),
            None => "-".to_owned(),
        };
        let _ = writeln!(
            text,
            "{:26}  {:>7.2} {:>7.2} {:>6} {:>6}    {:>6} {:>6}  {:>7}  {:>8}",
            title(*way),
            sample.wall,
            sample.cpu,
            ratio(Way::Floor, wall),
            ratio(Way::Floor, cpu),
            ratio(Way::Script, wall),
            ratio(Way::Script, cpu),
            sample
                .memory_bytes
                .map_or_else(|| "-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6)),
            ratio(Way::Plain, memory),
        );
    }
    text
}

/// One JSON document. Times are in seconds.
#[must_use]
pub fn document(result: &Result) -> Value {
    let Result { figures, .. } = result;
    let ways: Vec<Value> = figures
        .samples
        .iter()
        .map(|(way, samples)| {
            json!({
                "way": way.name(),
                "median": figures.typical(*way).map(|sample| one(&sample)),
                "of_floor": {
                    "wall": figures.ratio(*way, Way::Floor, wall),
                    "cpu": figures.ratio(*way, Way::Floor, cpu),
                },
                "of_one_after_the_other": {
                    "wall": figures.ratio(*way, Way::Script, wall),
                    "cpu": figures.ratio(*way, Way::Script, cpu),
                },
                "memory_of_plain": figures.ratio(*way, Way::Plain, memory),
                "runs": samples.iter().map(one).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "version": JSON_VERSION,
        "machine": {"model": result.machine.model, "cores": result.machine.cores},
        "agents": result.agents,
        "groups": result.groups,
        "floor_imports": result.modules,
        "runs": result.runs,
        "ways": ways,
    })
}

fn one(sample: &Sample) -> Value {
    json!({"wall": sample.wall, "cpu": sample.cpu, "memory_bytes": sample.memory_bytes})
}
