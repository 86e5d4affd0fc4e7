//! An audit as a code quality report of GitLab: <https://docs.gitlab.com/ci/testing/code_quality/>.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::audit::Report;
use crate::audit::baseline::fingerprint;
use crate::finding::Severity;
use crate::report::escape;

/// One finding.
#[derive(Debug, Serialize)]
pub struct Issue<'a> {
    description: String,
    check_name: &'a str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Debug, Serialize)]
struct Location<'a> {
    path: &'a str,
    lines: Lines,
}

#[derive(Debug, Serialize)]
struct Lines {
    begin: u32,
}

/// The document. GitLab keeps one finding of each fingerprint, so equal lines get different ones.
#[must_use]
pub fn document(report: &Report) -> Vec<Issue<'_>> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    report
        .findings
        .iter()
        .enumerate()
        .map(|(index, finding)| {
            let stops = report.stops.get(index).is_some_and(|stops| !stops.is_empty());
            let print = fingerprint(finding);
            let times = seen.entry(print.clone()).or_default();
            *times += 1;
            let mut description = escape::beginning(&finding.text()).into_owned();
            if let Some(help) = &finding.help {
                description = format!("{description}. Help: {}", escape::beginning(help));
            }
            Issue {
                description,
                check_name: finding.rule,
                fingerprint: if *times > 1 { format!("{print}-{times}") } else { print },
                severity: match finding.severity {
                    Severity::Error if stops => "blocker",
                    Severity::Error => "critical",
                    // What agents run matters more than what only lies there.
                    Severity::Warning if report.in_use.get(index).copied().unwrap_or(false) => "major",
                    Severity::Warning => "minor",
                    Severity::Note => "info",
                },
                location: Location {
                    path: &finding.place.path,
                    lines: Lines {
                        begin: finding.place.line.max(1),
                    },
                },
            }
        })
        .collect()
}
