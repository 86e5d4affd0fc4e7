//! Reports of a smoke run, each made of the same events: lines for people, JSON, JUnit.

use std::io::{self, Write};
use std::time::Duration;

use owo_colors::{OwoColorize as _, Style};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{escape, json, page};
use crate::smoke::document::Collector;
use crate::smoke::event::Summary;
use crate::smoke::{CheckInfo, Evidence};
use crate::smoke::{Outcome, SmokeEvent};

/// Takes events as they happen and writes a report.
pub trait Reporter {
    /// One event.
    ///
    /// # Errors
    /// When the report cannot be written.
    fn event(&mut self, event: &SmokeEvent) -> io::Result<()>;
}

/// One line per check as it ends; evidence below a failure; counts at the end.
#[derive(Debug)]
pub struct Human<W> {
    out: W,
    color: bool,
    /// Whether figures of checks that passed are shown.
    details: bool,
    failures: Vec<(CheckInfo, Outcome)>,
}

impl<W: Write> Human<W> {
    /// A report for people.
    pub fn new(out: W, color: bool, details: bool) -> Self {
        Self {
            out,
            color,
            details,
            failures: Vec::new(),
        }
    }

    fn paint(&self, text: &str, style: Style) -> String {
        if self.color {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    }

    fn failure(&mut self, outcome: &Outcome) -> io::Result<()> {
        let Outcome::Failed {
            expected,
            got,
            evidence,
        } = outcome
        else {
            return Ok(());
        };
        for (expected, got) in expected.iter().zip(got) {
            let label = self.paint("expected", Style::new().bold());
            writeln!(self.out, "      {label} {}", escape::line(expected))?;
            let label = self.paint("     got", Style::new().bold());
            writeln!(self.out, "      {label} {}", escape::line(got))?;
        }
        self.evidence(evidence)
    }

    fn evidence(&mut self, evidence: &[Evidence]) -> io::Result<()> {
        for Evidence { label, text } in evidence {
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default();
            let rest: Vec<&str> = lines.collect();
            let label = self.paint(&format!("{}:", escape::line(label)), Style::new().dimmed());
            if rest.is_empty() {
                writeln!(self.out, "      {label} {}", escape::line(first))?;
            } else {
                writeln!(self.out, "      {label}")?;
                for line in std::iter::once(first).chain(rest) {
                    writeln!(self.out, "        | {}", escape::log_line(line, false))?;
                }
            }
        }
        Ok(())
    }
}

fn seconds(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

impl<W: Write> Reporter for Human<W> {
    fn event(&mut self, event: &SmokeEvent) -> io::Result<()> {
        match event {
            SmokeEvent::RunStarted { checks, phases } => {
                let phases: Vec<String> = phases.iter().map(u8::to_string).collect();
                let noun = if phases.len() == 1 { "phase" } else { "phases" };
                let check = if *checks == 1 { "check" } else { "checks" };
                writeln!(self.out, "running {checks} {check} of {noun} {}", phases.join(", "))
            }
            SmokeEvent::Looked { .. } | SmokeEvent::Measured(_) | SmokeEvent::Started { .. } => Ok(()),
            SmokeEvent::Finished {
                check,
                duration,
                outcome,
            } => {
                let (word, style, note) = match outcome {
                    Outcome::Passed { note, .. } => ("pass", Style::new().green(), note.clone()),
                    Outcome::Failed { .. } => ("FAIL", Style::new().red().bold(), check.source.clone()),
                    Outcome::Skipped { because } => ("skip", Style::new().yellow(), because.clone()),
                };
                let word = self.paint(word, style);
                let note = if note.is_empty() {
                    String::new()
                } else {
                    self.paint(&format!("  ({})", escape::line(&note)), Style::new().dimmed())
                };
                let time = seconds(*duration);
                writeln!(self.out, "  {word} {time:>8}  {}: {}{note}", check.phase, check.name)?;
                if let Outcome::Passed { details, .. } = outcome
                    && self.details
                {
                    self.evidence(details)?;
                }
                if outcome.is_failure() {
                    self.failures.push((check.clone(), outcome.clone()));
                    self.failure(outcome)?;
                }
                Ok(())
            }
            SmokeEvent::Summary(summary) => {
                if !self.failures.is_empty() {
                    writeln!(self.out, "\nfailed:")?;
                    for (check, _) in &self.failures {
                        writeln!(self.out, "  {}: {}  ({})", check.phase, check.name, check.source)?;
                    }
                }
                writeln!(
                    self.out,
                    "\n{}",
                    self.paint(&counts(summary), {
                        if summary.success() {
                            Style::new().green().bold()
                        } else {
                            Style::new().red().bold()
                        }
                    })
                )?;
                self.out.flush()
            }
        }
    }
}

/// Counts in words, as in `41 passed, 1 failed, 2 skipped in 3.2 s`.
#[must_use]
pub fn counts(summary: &Summary) -> String {
    let mut parts = vec![format!("{} passed", summary.passed)];
    if summary.failed > 0 {
        parts.push(format!("{} failed", summary.failed));
    }
    if summary.skipped > 0 {
        parts.push(format!("{} skipped", summary.skipped));
    }
    let stopped = if summary.interrupted { ", interrupted" } else { "" };
    format!("{} in {}{stopped}", parts.join(", "), seconds(summary.duration))
}

/// One JSON document, written when the run ends.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    collector: Collector,
}

impl<W: Write> Json<W> {
    /// A JSON report.
    pub fn new(out: W) -> Self {
        Self {
            out,
            collector: Collector::default(),
        }
    }
}

impl<W: Write> Reporter for Json<W> {
    fn event(&mut self, event: &SmokeEvent) -> io::Result<()> {
        let Some(document) = self.collector.event(event) else {
            return Ok(());
        };
        writeln!(self.out, "{}", json::text(&document)?)?;
        self.out.flush()
    }
}

/// The files of `--report`, by name, made of a run's events; none where the run has not ended.
///
/// # Errors
/// When one cannot be made, which is an error of this program.
pub fn files(events: &[SmokeEvent]) -> io::Result<Vec<(&'static str, Vec<u8>)>> {
    let mut collector = Collector::default();
    let Some(document) = events.iter().find_map(|event| collector.event(event)) else {
        return Ok(Vec::new());
    };
    let page = page::html(&document).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let (mut data, mut junit) = (Vec::new(), Vec::new());
    let mut reporters: [Box<dyn Reporter + '_>; 2] = [Box::new(Json::new(&mut data)), Box::new(Junit::new(&mut junit))];
    for reporter in &mut reporters {
        events.iter().try_for_each(|event| reporter.event(event))?;
    }
    drop(reporters);
    Ok(vec![
        ("index.html", page.into_bytes()),
        ("junit.xml", junit),
        ("smoke.json", data),
    ])
}

/// One JUnit document, one suite per phase, written when the run ends.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    cases: Vec<(u8, TestCase)>,
}

impl<W: Write> Junit<W> {
    /// A JUnit report.
    pub fn new(out: W) -> Self {
        Self { out, cases: Vec::new() }
    }
}

fn case(check: &CheckInfo, duration: Duration, outcome: &Outcome) -> TestCase {
    let status = match outcome {
        Outcome::Passed { .. } => TestCaseStatus::success(),
        Outcome::Skipped { because } => {
            // The run is not a success with it, so it must not look like one.
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("skipped").set_message(format!("skipped: {because}"));
            status
        }
        Outcome::Failed {
            expected,
            got,
            evidence,
        } => {
            let points: Vec<String> = expected
                .iter()
                .zip(got)
                .map(|(expected, got)| format!("expected {expected}\n     got {got}"))
                .collect();
            let evidence: Vec<String> = evidence
                .iter()
                .map(|item| format!("{}:\n{}", item.label, item.text))
                .collect();
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(check.kind)
                .set_message(got.first().cloned().unwrap_or_default())
                .set_description(format!("{}\n\n{}", points.join("\n"), evidence.join("\n\n")));
            status
        }
    };
    let mut case = TestCase::new(check.name.clone(), status);
    let class = match &check.machine {
        Some(machine) => format!("phase{}.{machine}", check.phase),
        None => format!("phase{}", check.phase),
    };
    case.set_classname(class).set_time(duration);
    case
}

impl<W: Write> Reporter for Junit<W> {
    fn event(&mut self, event: &SmokeEvent) -> io::Result<()> {
        match event {
            SmokeEvent::Looked { .. }
            | SmokeEvent::Measured(_)
            | SmokeEvent::RunStarted { .. }
            | SmokeEvent::Started { .. } => Ok(()),
            SmokeEvent::Finished {
                check,
                duration,
                outcome,
            } => {
                self.cases.push((check.phase, case(check, *duration, outcome)));
                Ok(())
            }
            SmokeEvent::Summary(summary) => {
                let mut report = Report::new("smoke");
                report.set_time(summary.duration);
                let mut cases = std::mem::take(&mut self.cases);
                cases.sort_by_key(|(phase, _)| *phase);
                for part in cases.chunk_by(|(a, _), (b, _)| a == b) {
                    let mut suite = TestSuite::new(format!("phase {}", part[0].0));
                    suite.add_test_cases(part.iter().map(|(_, case)| case.clone()));
                    report.add_test_suite(suite);
                }
                let text = report.to_string().map_err(io::Error::other)?;
                self.out.write_all(escape::xml(&text).as_bytes())?;
                self.out.flush()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::{Human, Json, Junit, Reporter};
    use crate::smoke::event::Summary;
    use crate::smoke::plan::{CheckId, CheckInfo};
    use crate::smoke::{Outcome, SmokeEvent};

    fn events() -> Vec<SmokeEvent> {
        let info = |id: usize, name: &str, phase| CheckInfo {
            id: CheckId(id),
            name: name.to_owned(),
            phase,
            machine: Some("mainpc".to_owned()),
            kind: "request",
            source: format!("tests/smoke/x.yaml:{id}"),
        };
        vec![
            SmokeEvent::RunStarted {
                checks: 3,
                phases: vec![1, 2],
            },
            SmokeEvent::Finished {
                check: info(3, "good", 2),
                duration: Duration::from_millis(12),
                outcome: Outcome::passed_with("7 files"),
            },
            SmokeEvent::Finished {
                check: info(4, "bad", 1),
                duration: Duration::from_millis(1500),
                outcome: Outcome::failed("`a`: 1 & <2>", "`a`: 3")
                    .with_evidence("request", "{}")
                    .with_evidence("log", "one\ntwo"),
            },
            SmokeEvent::Finished {
                check: info(5, "later", 2),
                duration: Duration::ZERO,
                outcome: Outcome::Skipped {
                    because: "`bad` failed".to_owned(),
                },
            },
            SmokeEvent::Summary(Summary {
                passed: 1,
                failed: 1,
                skipped: 1,
                duration: Duration::from_secs(2),
                interrupted: false,
            }),
        ]
    }

    fn replay(mut reporter: impl Reporter) {
        for event in events() {
            reporter.event(&event).unwrap();
        }
    }

    #[test]
    fn people_get_a_line_per_check_and_evidence_below_failures() {
        let mut out = Vec::new();
        replay(Human::new(&mut out, false, false));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "running 3 checks of phases 1, 2
  pass    12 ms  2: good  (7 files)
  FAIL    1.5 s  1: bad  (tests/smoke/x.yaml:4)
      expected `a`: 1 & <2>
           got `a`: 3
      request: {}
      log:
        | one
        | two
  skip     0 ms  2: later  (`bad` failed)

failed:
  1: bad  (tests/smoke/x.yaml:4)

1 passed, 1 failed, 1 skipped in 2.0 s
"
        );
    }

    #[test]
    fn programs_get_one_versioned_document() {
        let mut out = Vec::new();
        replay(Json::new(&mut out));
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["version"], 1);
        assert_eq!(value["success"], false);
        assert_eq!(value["checks"][1]["outcome"], "failed");
        assert_eq!(value["checks"][1]["evidence"][1]["text"], "one\ntwo");
        assert_eq!(value["checks"][2]["because"], "`bad` failed");
    }

    #[test]
    fn junit_has_a_suite_per_phase() {
        let mut out = Vec::new();
        replay(Junit::new(&mut out));
        let text = String::from_utf8(out).unwrap();
        for part in [
            "<testsuite name=\"phase 1\" tests=\"1\"",
            "<testsuite name=\"phase 2\" tests=\"2\"",
            "classname=\"phase1.mainpc\"",
            "<failure message=\"`a`: 3\" type=\"request\">",
            "1 &amp; &lt;2&gt;",
            "skipped: `bad` failed",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
