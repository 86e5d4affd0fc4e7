//! An audit as Reviewdog Diagnostic Format, which `reviewdog -f=rdjson` reads. Columns are bytes, from 1.

use serde_json::{Value, json};

use crate::audit::Report;
use crate::finding::{Finding, Place, Severity};
use crate::report::escape;

/// The document; `pages` is where the page of the rules can be read.
#[must_use]
pub fn document(report: &Report, pages: &str) -> Value {
    json!({
        "source": {"name": "xtask audit"},
        "diagnostics": report.findings.iter().map(|finding| one(finding, pages)).collect::<Vec<_>>(),
    })
}

fn one(finding: &Finding, pages: &str) -> Value {
    let mut message = escape::beginning(&finding.text()).into_owned();
    if let Some(help) = &finding.help {
        message.push_str("\nhelp: ");
        message.push_str(&escape::beginning(help));
    }
    let related: Vec<Value> = finding
        .related
        .iter()
        .map(|related| json!({"message": related.label, "location": location(&related.place)}))
        .collect();
    json!({
        "message": message,
        "location": location(&finding.place),
        "severity": match finding.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
            Severity::Note => "INFO",
        },
        "code": {"value": finding.rule, "url": super::address(pages, finding.rule)},
        "relatedLocations": related,
    })
}

fn location(place: &Place) -> Value {
    if place.line == 0 {
        return json!({"path": place.path});
    }
    if place.column == 0 {
        return json!({"path": place.path, "range": {"start": {"line": place.line}}});
    }
    let end = place.column.saturating_add(place.width.max(1));
    json!({"path": place.path, "range": {
        "start": {"line": place.line, "column": byte(place, place.column)},
        "end": {"line": place.line, "column": byte(place, end)},
    }})
}

/// The byte at which a character begins, both from 1.
fn byte(place: &Place, column: u32) -> usize {
    let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    let bytes: usize = place.text.chars().take(before).map(char::len_utf8).sum();
    bytes + 1
}
