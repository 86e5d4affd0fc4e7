//! The doctor's table: for people, and as JSON.

use std::io::{self, Write};

use owo_colors::{OwoColorize as _, Style};
use serde_json::json;

use super::escape;
use crate::doctor::{Diagnosis, Status};

/// The newest version of the JSON document.
pub const JSON_VERSION: u32 = 1;

/// Writes lines for people: one per diagnosis, cause and mend below what is not well, counts at the end.
///
/// # Errors
/// When it cannot be written.
pub fn human(out: &mut dyn Write, diagnoses: &[Diagnosis], color: bool) -> io::Result<()> {
    let paint = |text: &str, style: Style| {
        if color {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    };
    for diagnosis in diagnoses {
        let (word, style) = match diagnosis.status {
            Status::Ok => ("     ok", Style::new().green()),
            Status::Warning => ("warning", Style::new().yellow().bold()),
            Status::Problem => ("problem", Style::new().red().bold()),
            Status::NotApplicable => ("      -", Style::new().dimmed()),
        };
        writeln!(
            out,
            "{} {}: {}",
            paint(word, style),
            escape::line(diagnosis.title),
            escape::block(&diagnosis.detail)
        )?;
        if let Some(cause) = &diagnosis.cause {
            for line in cause.lines() {
                writeln!(out, "          cause: {}", escape::line(line))?;
            }
        }
        for mend in &diagnosis.mend {
            writeln!(
                out,
                "          mend: {}",
                paint(&escape::block(mend), Style::new().bold())
            )?;
        }
    }
    let count = |status: Status| diagnoses.iter().filter(|diagnosis| diagnosis.status == status).count();
    let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
    let noun = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    writeln!(out, "\n{}, {}", noun(problems, "problem"), noun(warnings, "warning"))?;
    if diagnoses.iter().any(|diagnosis| diagnosis.fixable) {
        writeln!(out, "hint: `cargo xtask doctor --fix` installs what is missing")?;
    }
    Ok(())
}

/// Writes one JSON document.
///
/// # Errors
/// When it cannot be written.
pub fn json(out: &mut dyn Write, diagnoses: &[Diagnosis]) -> io::Result<()> {
    let success = diagnoses.iter().all(|diagnosis| diagnosis.status != Status::Problem);
    let document = json!({"version": JSON_VERSION, "success": success, "diagnoses": diagnoses});
    writeln!(out, "{}", super::json::text(&document)?)
}
