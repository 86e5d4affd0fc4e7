//! `cargo xtask audit --baseline` and `--write-baseline`: files of what is accepted.

use std::path::Path;

use crate::audit::Report;
use crate::audit::baseline::{self, Baseline};
use crate::cmd::{Context, Failure, Outcome};
use crate::host::system::files;
use crate::report::exit::Exit;
use crate::report::findings;

/// Reads a baseline.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn read(path: &Path) -> Outcome<Baseline> {
    let bytes = files::read(path).map_err(|error| Failure::wrong_use(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    baseline::read(&text).map_err(|why| {
        Failure::wrong_use(format!(
            "`{}` is not a valid baseline: {why}\n  hint: write one with `--write-baseline`",
            path.display()
        ))
    })
}

/// Writes the findings of a report as a baseline.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, report: &Report, context: &Context) -> Outcome {
    let text = serde_json::to_string_pretty(&baseline::of(&report.findings))
        .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    files::write(path, format!("{text}\n").as_bytes(), false)?;
    context.printer.step(
        "accepted",
        format!(
            "{} in `{}`",
            findings::counted(report.findings.len(), "finding"),
            path.display()
        ),
    );
    Ok(Exit::Success)
}
