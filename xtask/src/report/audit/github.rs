//! An audit as commands of GitHub's workflows: annotations at the lines of a pull request.

use std::fmt::Write as _;

use crate::audit::Report;
use crate::finding::Severity;
use crate::report::escape;

/// One line for each finding.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let place = &finding.place;
        let _ = write!(text, "::{command} file={}", property(&place.path));
        if place.line > 0 {
            let _ = write!(text, ",line={}", place.line);
        }
        if place.line > 0 && place.column > 0 {
            let _ = write!(
                text,
                ",col={},endColumn={}",
                place.column,
                place.column + place.width.max(1)
            );
        }
        let mut message = finding.text().into_owned();
        if let Some(help) = &finding.help {
            let _ = write!(message, "\nhelp: {help}");
        }
        let _ = writeln!(text, ",title={}::{}", property(finding.rule), data(&message));
    }
    text
}

/// A text as what a command says.
#[must_use]
pub fn data(text: &str) -> String {
    // Line breaks are the command's own to write; all else that is not seen is shown.
    let text = escape::block(text);
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text as a property of a command.
#[must_use]
pub fn property(text: &str) -> String {
    data(&escape::line(text)).replace(':', "%3A").replace(',', "%2C")
}
