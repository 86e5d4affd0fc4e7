//! Reports of a smoke run, each made of the same events: lines for people, JSON, JUnit.

use std::io::{self, Write};
use std::time::Duration;

use owo_colors::{OwoColorize as _, Style};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};
use serde::Serialize;

use super::{escape, json, page};
use crate::smoke::document::{About, Collector};
use crate::smoke::event::{Summary, Try, is_flaky};
use crate::smoke::history::{History, PastRun};
use crate::smoke::{CheckInfo, Evidence, trace};
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
    /// Checks that passed, and not at once, with the tries that failed.
    flaky: Vec<(CheckInfo, usize)>,
    /// Checks that were made, with the time that all their tries took.
    times: Vec<(Duration, CheckInfo)>,
}

/// Slowest checks that a run of more checks names at its end.
const SLOWEST: usize = 10;

impl<W: Write> Human<W> {
    /// A report for people.
    pub fn new(out: W, color: bool, details: bool) -> Self {
        Self {
            out,
            color,
            details,
            failures: Vec::new(),
            flaky: Vec::new(),
            times: Vec::new(),
        }
    }

    /// A check that ended.
    fn finished(
        &mut self,
        check: &CheckInfo,
        duration: Duration,
        outcome: &Outcome,
        earlier: &[Try],
    ) -> io::Result<()> {
        for (index, failed) in earlier.iter().enumerate() {
            let word = self.paint("fail", Style::new().yellow());
            let time = seconds(failed.duration);
            let which = format!("try {} of at most {}", index + 1, check.retries + 1);
            let note = self.paint(&format!("  ({which})"), Style::new().dimmed());
            writeln!(self.out, "  {word} {time:>8}  {}: {}{note}", check.phase, check.name)?;
            self.failure(&failed.outcome)?;
        }
        let (word, style, note) = match outcome {
            Outcome::Passed { note, .. } => ("pass", Style::new().green(), note.clone()),
            Outcome::Failed { .. } => ("FAIL", Style::new().red().bold(), check.source.clone()),
            Outcome::Skipped { because } => ("skip", Style::new().yellow(), because.clone()),
        };
        let word = self.paint(word, style);
        let mut notes: Vec<String> = (!note.is_empty()).then_some(note).into_iter().collect();
        if is_flaky(outcome, earlier) {
            notes.push("flaky".to_owned());
            self.flaky.push((check.clone(), earlier.len()));
        }
        let note = if notes.is_empty() {
            String::new()
        } else {
            self.paint(
                &format!("  ({})", escape::line(&notes.join("; "))),
                Style::new().dimmed(),
            )
        };
        let time = seconds(duration);
        writeln!(self.out, "  {word} {time:>8}  {}: {}{note}", check.phase, check.name)?;
        if !matches!(outcome, Outcome::Skipped { .. }) {
            let all = earlier.iter().map(|earlier| earlier.duration).sum::<Duration>() + duration;
            self.times.push((all, check.clone()));
        }
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

    /// The end of a run.
    fn summary(&mut self, summary: &Summary) -> io::Result<()> {
        if self.times.len() > SLOWEST {
            self.times.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
            writeln!(self.out, "\nslowest:")?;
            for (time, check) in &self.times[..SLOWEST] {
                writeln!(self.out, "  {:>8}  {}: {}", seconds(*time), check.phase, check.name)?;
            }
        }
        if !self.flaky.is_empty() {
            writeln!(self.out, "\nflaky, passed after tries that failed:")?;
            for (check, tries) in &self.flaky {
                writeln!(
                    self.out,
                    "  {}: {}  ({tries} failed; {})",
                    check.phase, check.name, check.source
                )?;
            }
        }
        if !self.failures.is_empty() {
            writeln!(self.out, "\nfailed:")?;
            for (check, _) in &self.failures {
                writeln!(self.out, "  {}: {}  ({})", check.phase, check.name, check.source)?;
            }
        }
        let style = if summary.success() {
            Style::new().green().bold()
        } else {
            Style::new().red().bold()
        };
        writeln!(self.out, "\n{}", self.paint(&counts(summary), style))?;
        self.out.flush()
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
                earlier,
            } => self.finished(check, *duration, outcome, earlier),
            SmokeEvent::Summary(summary) => self.summary(summary),
        }
    }
}

/// Counts in words, as in `41 passed, 1 failed, 2 skipped in 3.2 s`.
#[must_use]
pub fn counts(summary: &Summary) -> String {
    let flaky = match summary.flaky {
        0 => String::new(),
        count => format!(" ({count} flaky)"),
    };
    let mut parts = vec![format!("{} passed{flaky}", summary.passed)];
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

/// The files of a report, by name.
pub type Files = Vec<(&'static str, Vec<u8>)>;

/// The files of `--report`, made of a run's events, what it was made with, and the runs before it; none where the run has not ended. And
/// the runs with this one.
///
/// # Errors
/// When one cannot be made, which is an error of this program.
pub fn files(events: &[SmokeEvent], about: About, earlier: History) -> io::Result<(Files, History)> {
    let mut collector = Collector::default();
    let Some(mut document) = events.iter().find_map(|event| collector.event(event)) else {
        return Ok((Vec::new(), earlier));
    };
    document.about = Some(about);
    let history = earlier.with(PastRun::of(&document));
    document.history = history.runs().to_vec();
    let page = page::html(&document).map_err(|error| io::Error::other(format!("{error:#}")))?;
    let mut junit = Vec::new();
    let mut reporter = Junit::new(&mut junit);
    events.iter().try_for_each(|event| reporter.event(event))?;
    let data = format!("{}\n", json::text(&document)?);
    let mut files = vec![
        ("index.html", page.into_bytes()),
        ("junit.xml", junit),
        ("smoke.json", data.into_bytes()),
    ];
    if let Some(boot) = &document.boot {
        let trace = json::text(&trace::document(boot))?;
        files.push(("trace.json", trace.into_bytes()));
    }
    Ok((files, history))
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

/// What was expected and what was there, with what helps to see why.
fn description(expected: &[String], got: &[String], evidence: &[Evidence]) -> String {
    let points: Vec<String> = expected
        .iter()
        .zip(got)
        .map(|(expected, got)| format!("expected {expected}\n     got {got}"))
        .collect();
    let evidence: Vec<String> = evidence
        .iter()
        .map(|item| format!("{}:\n{}", item.label, item.text))
        .collect();
    format!("{}\n\n{}", points.join("\n"), evidence.join("\n\n"))
}

/// Checks, one a line, sorted by phase.
#[must_use]
pub fn list(checks: &[CheckInfo]) -> String {
    let mut checks: Vec<&CheckInfo> = checks.iter().collect();
    checks.sort_by_key(|check| check.phase);
    let kind = checks.iter().map(|check| check.kind.len()).max().unwrap_or_default();
    let lines = checks.iter().map(|check| {
        let (phase, source) = (check.phase, escape::line(&check.source));
        format!(
            "{phase}  {:kind$}  {}  ({source})\n",
            check.kind,
            escape::line(&check.name)
        )
    });
    lines.collect()
}

/// A check that is listed, for programs.
#[derive(Debug, Serialize)]
pub struct Listed<'a> {
    name: &'a str,
    phase: u8,
    kind: &'static str,
    machine: Option<&'a str>,
    source: &'a str,
    retries: u32,
}

/// The same for programs.
#[must_use]
pub fn listed(checks: &[CheckInfo]) -> Vec<Listed<'_>> {
    let listed = checks.iter().map(|check| Listed {
        name: &check.name,
        phase: check.phase,
        kind: check.kind,
        machine: check.machine.as_deref(),
        source: &check.source,
        retries: check.retries,
    });
    listed.collect()
}

fn case(check: &CheckInfo, duration: Duration, outcome: &Outcome, earlier: &[Try]) -> TestCase {
    let mut status = match outcome {
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
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(check.kind)
                .set_message(got.first().cloned().unwrap_or_default())
                .set_description(description(expected, got, evidence));
            status
        }
    };
    for earlier in earlier {
        if let Outcome::Failed {
            expected,
            got,
            evidence,
        } = &earlier.outcome
        {
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun
                .set_type(check.kind)
                .set_time(earlier.duration)
                .set_message(got.first().cloned().unwrap_or_default())
                .set_description(description(expected, got, evidence));
            status.add_rerun(rerun);
        }
    }
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
                earlier,
            } => {
                self.cases.push((check.phase, case(check, *duration, outcome, earlier)));
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
    use crate::smoke::event::{Summary, Try};
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
            retries: 2,
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
                earlier: vec![Try {
                    duration: Duration::from_millis(40),
                    outcome: Outcome::failed("`n`: 7", "`n`: 6"),
                }],
            },
            SmokeEvent::Finished {
                check: info(4, "bad", 1),
                duration: Duration::from_millis(1500),
                outcome: Outcome::failed("`a`: 1 & <2>", "`a`: 3")
                    .with_evidence("request", "{}")
                    .with_evidence("log", "one\ntwo"),
                earlier: Vec::new(),
            },
            SmokeEvent::Finished {
                check: info(5, "later", 2),
                duration: Duration::ZERO,
                outcome: Outcome::Skipped {
                    because: "`bad` failed".to_owned(),
                },
                earlier: Vec::new(),
            },
            SmokeEvent::Summary(Summary {
                passed: 1,
                flaky: 1,
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
  fail    40 ms  2: good  (try 1 of at most 3)
      expected `n`: 7
           got `n`: 6
  pass    12 ms  2: good  (7 files; flaky)
  FAIL    1.5 s  1: bad  (tests/smoke/x.yaml:4)
      expected `a`: 1 & <2>
           got `a`: 3
      request: {}
      log:
        | one
        | two
  skip     0 ms  2: later  (`bad` failed)

flaky, passed after tries that failed:
  2: good  (1 failed; tests/smoke/x.yaml:3)

failed:
  1: bad  (tests/smoke/x.yaml:4)

1 passed (1 flaky), 1 failed, 1 skipped in 2.0 s
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
        assert_eq!(
            (&value["flaky"], &value["checks"][0]["failed_tries"]),
            (&1.into(), &1.into())
        );
        assert!(value["checks"][1].get("failed_tries").is_none());
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
            "<flakyFailure time=\"0.040\" message=\"`n`: 6\" type=\"request\">",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
    #[test]
    fn a_long_run_names_its_slowest_checks() {
        let mut out = Vec::new();
        let mut human = Human::new(&mut out, false, false);
        for id in 0..12_u64 {
            let SmokeEvent::Finished { mut check, outcome, .. } = events()[1].clone() else {
                panic!("a check that ended");
            };
            check.name = format!("check {id}");
            let event = SmokeEvent::Finished {
                check,
                duration: Duration::from_millis(100 + id),
                outcome,
                earlier: Vec::new(),
            };
            human.event(&event).unwrap();
        }
        human.event(&SmokeEvent::Summary(Summary::default())).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (_, slowest) = text.split_once("\nslowest:\n").unwrap();
        let lines: Vec<&str> = slowest.lines().take_while(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 10, "{text}");
        assert_eq!(
            (lines[0], lines[9]),
            ("    111 ms  2: check 11", "    102 ms  2: check 2")
        );
    }
}
