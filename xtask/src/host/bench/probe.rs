//! Health checks, measured inside a container of the stack.

use std::time::Duration;

use serde::Deserialize;

use super::BenchError;
use super::stage::Stage;
use crate::bench::figures::Run;
use crate::bench::probe::{Figures, Subject, one_liner};

/// Runs both checks in turns.
const PROBE: &str = include_str!("probe/probe.py");
/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(600);

/// What it prints.
#[derive(Debug, Deserialize)]
struct Printed {
    ours: Vec<(f64, f64)>,
    one_liner: Vec<(f64, f64)>,
}

/// Boots what is needed, until it is healthy, and measures.
///
/// # Errors
/// When it does not become healthy, a check fails, or this program was told to stop.
pub fn measure(stage: &Stage<'_>, subject: &Subject, runs: u16) -> Result<Figures, BenchError> {
    let stack = stage.stack;
    let names = subject.groups.iter().map(|group| stack.group(*group).name.as_str());
    stage.xtask(&["up", "--quiet"])?.args(names).read()?;
    let container = &stack.group(stack.agent(subject.agent).group).name;
    let probe = stage
        .podman
        .command()
        .args(["exec", container, "python3", "-c", PROBE])
        .arg(runs.to_string())
        .arg(one_liner(stack, subject.agent))
        .limit(LIMIT);
    let text = probe.read()?;
    let printed: Printed = serde_json::from_str(&text).map_err(|_| BenchError::Answer(probe.command_line()))?;
    let of = |runs: Vec<(f64, f64)>| {
        let run = |(wall, cpu)| Run {
            wall,
            cpu,
            peak_bytes: 0,
        };
        runs.into_iter().map(run).collect()
    };
    Ok(Figures {
        ours: of(printed.ours),
        one_liner: of(printed.one_liner),
    })
}
