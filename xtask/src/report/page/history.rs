//! The last runs as columns: how long the boot took, and how much memory all groups had.

use serde::Serialize;

use crate::smoke::history::PastRun;

/// A run, with the heights of its columns.
#[derive(Debug, Serialize)]
pub(super) struct Column<'a> {
    run: &'a PastRun,
    /// Of the longest boot, in percent.
    boot: Option<u64>,
    /// Of the most memory, in percent.
    memory: Option<u64>,
    /// Whether as many agents were booted as in the newest run: others are not to be compared with it.
    is_alike: bool,
}

/// The columns; none where there is nothing to compare.
pub(super) fn columns(runs: &[PastRun]) -> Vec<Column<'_>> {
    let Some(newest) = runs.last().filter(|_| runs.len() > 1) else {
        return Vec::new();
    };
    let most = |value: fn(&PastRun) -> Option<u64>| runs.iter().filter_map(value).max().unwrap_or(0).max(1);
    let (boot, memory) = (most(|run| run.answered_ms), most(|run| run.memory_bytes));
    let column = |run| {
        let run: &PastRun = run;
        Column {
            run,
            boot: run.answered_ms.map(|ms| ms.saturating_mul(100) / boot),
            memory: run.memory_bytes.map(|bytes| bytes.saturating_mul(100) / memory),
            is_alike: run.agents == newest.agents,
        }
    };
    runs.iter().map(column).collect()
}
