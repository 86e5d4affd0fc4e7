//! Fixes that a finding offers, and whether a tree is better with them: decided by another audit, never by how likely they look.

use std::collections::{BTreeMap, BTreeSet};

use super::Report;
use super::fix::{Edit, apply};
use crate::finding::{Finding, FixKind, Severity, Subject};

/// An unsafe fix of a line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// The file, as findings name it.
    pub path: String,
    edit: Edit,
}

impl Offer {
    /// The place as people write it, with what would stand there.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}:{}: `{}`", self.path, self.edit.line, self.edit.text)
    }
}

/// The unsafe fixes that findings offer, each once.
#[must_use]
pub fn offered(report: &Report) -> BTreeSet<Offer> {
    let offer = |finding: &Finding| {
        let fix = finding.fix.as_ref().filter(|fix| fix.kind == FixKind::Unsafe)?;
        let number = |value: u32| usize::try_from(value).ok();
        Some(Offer {
            path: finding.place.path.clone(),
            edit: Edit {
                line: number(finding.place.line)?,
                column: number(fix.column)?,
                width: number(fix.width)?,
                text: fix.text.clone(),
            },
        })
    };
    report.findings.iter().filter_map(offer).collect()
}

/// A file's text with those of these fixes that are its own.
#[must_use]
pub fn with(text: &str, path: &str, offers: &BTreeSet<Offer>) -> String {
    let own = offers.iter().filter(|offer| offer.path == path);
    apply(text, own.map(|offer| offer.edit.clone()).collect())
}

/// What is wrong with a tree, to be set against the same tree with other texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wrong(BTreeMap<Severity, BTreeSet<String>>);

impl Wrong {
    /// What a report says.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let mut wrong = BTreeMap::<_, BTreeSet<String>>::new();
        for finding in &report.findings {
            let subjects: Vec<String> = finding.subjects.iter().map(Subject::key).collect();
            // Columns move with a fix before them; lines do not.
            let (place, subjects) = (&finding.place, subjects.join(", "));
            let key = format!(
                "{} {}:{} {subjects}: {}",
                finding.rule, place.path, place.line, finding.message
            );
            wrong.entry(finding.severity).or_default().insert(key);
        }
        Self(wrong)
    }

    /// Whether it is less than before, and nothing new: of errors, or else of warnings.
    #[must_use]
    pub fn is_less_than(&self, before: &Self) -> bool {
        for severity in [Severity::Error, Severity::Warning] {
            let none = BTreeSet::new();
            let now = self.0.get(&severity).unwrap_or(&none);
            let then = before.0.get(&severity).unwrap_or(&none);
            // What was an error and is a warning now is less; so is what was a warning, and is gone.
            if now != then {
                return now.is_subset(then);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Fix, Place};

    fn report(findings: &[(&'static str, u32, Severity)]) -> Report {
        let finding = |(rule, line, severity): &(&'static str, u32, Severity)| Finding {
            severity: *severity,
            fix: (*rule == "start/fixable").then(|| Fix {
                kind: FixKind::Unsafe,
                column: 8,
                width: 5,
                text: "threading".to_owned(),
            }),
            ..Finding::error(
                rule,
                Place {
                    line: *line,
                    ..Place::file("a.py")
                },
                "x",
            )
        };
        Report {
            findings: findings.iter().map(finding).collect(),
            ..Report::default()
        }
    }

    #[test]
    fn fewer_errors_and_no_new_ones_are_better() {
        use Severity::{Error, Note, Warning};
        let better = |before: &[_], after: &[_]| Wrong::of(&report(after)).is_less_than(&Wrong::of(&report(before)));
        let (a, b) = (("start/a", 1, Error), ("start/b", 2, Error));
        assert!(better(&[a, b], &[b]) && better(&[a], &[]));
        assert!(!better(&[a], &[a]) && !better(&[], &[]));
        assert!(!better(&[a], &[b]), "another one comes to light");
        assert!(!better(&[a, b], &[("start/b", 3, Error)]));
        // Fewer errors are worth what is known of the rest of the way only now.
        assert!(better(&[a], &[("start/c", 1, Warning)]));
        assert!(better(&[("start/c", 1, Warning)], &[("start/c", 1, Note)]));
        assert!(!better(&[("start/c", 1, Warning)], &[("start/d", 1, Warning)]));
    }

    #[test]
    fn an_offer_is_made_once_and_changes_its_own_file_alone() {
        let report = report(&[
            ("start/fixable", 2, Severity::Error),
            ("start/fixable", 2, Severity::Warning),
            ("start/other", 3, Severity::Error),
        ]);
        let offers = offered(&report);
        assert_eq!(offers.len(), 1);
        let text = "x\nimport threa\n";
        assert_eq!(with(text, "a.py", &offers), "x\nimport threading\n");
        assert_eq!(with(text, "b.py", &offers), text);
        assert_eq!(offers.first().unwrap().text(), "a.py:2: `threading`");
    }
}
