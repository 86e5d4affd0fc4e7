//! Predictions and their proof: progress, a table, a JSON document.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use contract::status::AgentState;
use indicatif::{ProgressBar, ProgressStyle};
use owo_colors::{OwoColorize as _, Style};
use schemars::JsonSchema;
use serde::Serialize;

use crate::audit::confirm::event::ConfirmEvent;
use crate::audit::confirm::{Fate, Verdict};
use crate::audit::{Prediction, Step};
use crate::report::escape;
use crate::report::findings::counted;
use crate::report::printer::Printer;
use crate::stack::{AgentId, Stack};

/// Shows agents as they are started.
pub struct ConfirmReporter<'a> {
    printer: &'a Printer,
    stack: &'a Stack,
    bar: Option<ProgressBar>,
    agents: usize,
    done: usize,
}

impl<'a> ConfirmReporter<'a> {
    /// A reporter for that many agents.
    #[must_use]
    pub fn new(printer: &'a Printer, stack: &'a Stack, agents: usize) -> Self {
        let bar = printer.draws_bars().then(|| {
            let style = ProgressStyle::with_template("{bar:30.green} {pos}/{len} agents  {elapsed}  {wide_msg:.dim}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let length = u64::try_from(agents).unwrap_or(0);
            let bar = printer.bars().add(ProgressBar::new(length).with_style(style));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if bar.is_none() {
            printer.step("starting", format!("{}, each alone", counted(agents, "agent")));
        }
        Self {
            printer,
            stack,
            bar,
            agents,
            done: 0,
        }
    }

    /// Takes in one event.
    pub fn event(&mut self, event: &ConfirmEvent) {
        let name = |agent: &AgentId| self.stack.agent(*agent).name.clone();
        match (event, &self.bar) {
            (ConfirmEvent::Started(agent), Some(bar)) => bar.set_message(escape::line(&name(agent)).into_owned()),
            (ConfirmEvent::Finished(..), Some(bar)) => bar.inc(1),
            (ConfirmEvent::Finished(agent, seen), None) => {
                let state = seen.as_ref().map_or("unknown", |seen| match seen.status.state {
                    // It was left before its time was over: nothing more would have come.
                    AgentState::Starting => AgentState::Mute.name(),
                    state => state.name(),
                });
                self.done += 1;
                self.printer
                    .step(state, format!("{}  ({} of {})", name(agent), self.done, self.agents));
            }
            _ => {}
        }
    }
}

impl Drop for ConfirmReporter<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Version of the document.
pub const VERSION: u32 = 1;

/// What `cargo xtask audit --confirm --format json` prints. Fields may be added; what is there keeps its meaning within a version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Document<'a> {
    /// Version of this document.
    version: u32,
    /// The tree, as the stack or `--tree` gives it.
    tree: &'a str,
    /// All agents that were started, counted.
    summary: Summary,
    /// What was predicted of each, and what was seen.
    agents: Vec<Agent<'a>>,
}

/// All agents that were started, counted.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Summary {
    /// Agents that were started.
    agents: usize,
    /// Those that did as predicted.
    agree: usize,
    /// Those that did not.
    disagree: usize,
    /// Agents by what was seen.
    seen: BTreeMap<Fate, usize>,
}

/// What was predicted of an agent, and what was seen.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Agent<'a> {
    /// Its machine.
    machine: &'a str,
    /// Its group.
    group: &'a str,
    /// Its name.
    name: &'a str,
    /// Its script, as the startup config writes it.
    script_path: &'a str,
    /// What was predicted of it by itself.
    predicted: Prediction,
    /// The rule behind that.
    rule: Option<&'a str>,
    /// Why.
    reason: Option<&'a str>,
    /// File of the predicted failure.
    predicted_path: Option<&'a str>,
    /// Line of the predicted failure, from 1.
    predicted_line: Option<u32>,
    /// What was seen.
    seen: Fate,
    /// The same in words.
    how: &'a str,
    /// How its process ended; nothing if a signal ended it or it still ran.
    exit_code: Option<i32>,
    /// Class of the exception that ended it.
    exception: Option<&'a str>,
    /// Message of that exception.
    message: Option<&'a str>,
    /// File of the exception.
    path: Option<&'a str>,
    /// Line of the exception, from 1.
    line: Option<u32>,
    /// Whether it did as predicted.
    agrees: bool,
    /// How it did not.
    disagreement: Option<&'a str>,
}

/// The document of these verdicts.
#[must_use]
pub fn document<'a>(tree: &'a str, verdicts: &'a [Verdict]) -> Document<'a> {
    let mut seen = BTreeMap::new();
    for verdict in verdicts {
        *seen.entry(verdict.seen.fate).or_insert(0) += 1;
    }
    let disagree = disagreements(verdicts).count();
    Document {
        version: VERSION,
        tree,
        summary: Summary {
            agents: verdicts.len(),
            agree: verdicts.len() - disagree,
            disagree,
            seen,
        },
        agents: verdicts.iter().map(agent).collect(),
    }
}

fn agent(verdict: &Verdict) -> Agent<'_> {
    let (report, seen) = (&verdict.report, &verdict.seen);
    let exception = seen.exception.as_ref();
    let place = exception.and_then(|exception| exception.place.as_ref());
    let predicted = report.chain.last();
    Agent {
        machine: &report.machine,
        group: &report.group,
        name: &report.name,
        script_path: &report.script_path,
        predicted: report.prediction,
        rule: report.rule,
        reason: report.reason.as_deref(),
        predicted_path: predicted.map(|step| step.path.as_str()),
        predicted_line: predicted.map(|step| step.line),
        seen: seen.fate,
        how: &seen.how,
        exit_code: seen.exit.as_ref().and_then(|exit| exit.code),
        exception: exception.map(|exception| exception.class.as_str()),
        message: exception.map(|exception| exception.message.as_str()),
        path: place.map(|place| place.path.as_str()),
        line: place.map(|place| place.line),
        agrees: verdict.differs.is_none(),
        disagreement: verdict.differs.as_deref(),
    }
}

fn disagreements(verdicts: &[Verdict]) -> impl Iterator<Item = &Verdict> {
    verdicts.iter().filter(|verdict| verdict.differs.is_some())
}

/// The outcome in a line.
#[must_use]
pub fn headline(verdicts: &[Verdict]) -> String {
    let mut counts: BTreeMap<Fate, usize> = BTreeMap::new();
    for verdict in verdicts {
        *counts.entry(verdict.seen.fate).or_default() += 1;
    }
    let seen: Vec<String> = counts
        .iter()
        .map(|(fate, count)| format!("{count} {}", fate.words()))
        .collect();
    let differ = disagreements(verdicts).count();
    let judgement = if differ == 0 {
        "all as predicted".to_owned()
    } else {
        format!("{differ} not as predicted")
    };
    format!(
        "{} started alone: {}; {judgement}",
        counted(verdicts.len(), "agent"),
        seen.join(", ")
    )
}

/// A table of all, and every disagreement below it.
#[must_use]
pub fn human(verdicts: &[Verdict], color: bool) -> String {
    let mut text = format!("{}\n\n", paint(&headline(verdicts), Style::new().bold(), color));
    let names: Vec<String> = verdicts
        .iter()
        .map(|verdict| format!("{}/{}", verdict.report.machine, verdict.report.name))
        .collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let _ = writeln!(text, "  {:width$}  {:12}  {:16}", "agent", "predicted", "seen");
    for (verdict, name) in verdicts.iter().zip(&names) {
        let mut line = format!(
            "  {name:width$}  {:12}  {:16}",
            words(verdict.report.prediction),
            verdict.seen.fate.words()
        );
        if verdict.seen.fate != Fate::Healthy {
            let _ = write!(line, "  {}", escape::line(&ending(verdict)));
        }
        let style = match (&verdict.differs, verdict.seen.fate) {
            (Some(_), _) => Style::new().red(),
            (None, Fate::Healthy) => Style::new(),
            (None, _) => Style::new().yellow(),
        };
        let _ = writeln!(text, "{}", paint(line.trim_end(), style, color));
    }
    text.push_str(&differences(verdicts, &names, color));
    text
}

/// What is not as predicted: each agent with both, and in one line those of which nothing was predicted, since the table says what was seen.
fn differences(verdicts: &[Verdict], names: &[String], color: bool) -> String {
    let mut text = String::new();
    let mut unpredicted = Vec::new();
    for (verdict, name) in verdicts.iter().zip(names) {
        let Some(differs) = &verdict.differs else {
            continue;
        };
        let report = &verdict.report;
        if words(report.prediction) == words(Prediction::Starts) {
            unpredicted.push(name.as_str());
            continue;
        }
        let _ = writeln!(text, "  {name}: {}", escape::line(differs));
        let why = report
            .reason
            .as_deref()
            .map(|why| format!(": {}", escape::line(why)))
            .unwrap_or_default();
        let place = report.chain.last().map(at).unwrap_or_default();
        let place = escape::line(&place);
        let _ = writeln!(text, "      predicted: {}{why}{place}", words(report.prediction));
        let _ = writeln!(
            text,
            "      seen: {}, {}",
            verdict.seen.fate.words(),
            escape::line(&ending(verdict))
        );
    }
    if !unpredicted.is_empty() {
        let _ = writeln!(
            text,
            "  nothing was predicted to stop {}: {}",
            counted(unpredicted.len(), "agent"),
            unpredicted.join(", ")
        );
    }
    match text.is_empty() {
        true => text,
        false => format!("\n{}\n{text}", paint("Not as predicted", Style::new().bold(), color)),
    }
}

/// How it ended, and where.
fn ending(verdict: &Verdict) -> String {
    let place = verdict
        .seen
        .exception
        .as_ref()
        .and_then(|exception| exception.place.as_ref());
    format!("{}{}", verdict.seen.how, place.map(at).unwrap_or_default())
}

fn at(step: &Step) -> String {
    match step.line {
        0 => format!(" ({})", step.path),
        line => format!(" ({}:{line})", step.path),
    }
}

fn words(prediction: Prediction) -> &'static str {
    match prediction {
        Prediction::Starts | Prediction::Degraded | Prediction::Blocked => "starts",
        Prediction::MayNot => "at risk",
        Prediction::CannotStart => "cannot start",
    }
}

fn paint(text: &str, style: Style, color: bool) -> String {
    if color {
        text.style(style).to_string()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::confirm::tests::{observation, verdict};

    #[test]
    fn agents_of_which_nothing_was_predicted_share_a_line() {
        let crashed = observation(AgentState::Failed, Some(1), "ValueError: no\n");
        let up = observation(AgentState::Healthy, None, "");
        let starts = |seen| verdict(Prediction::Starts, None, None, seen);
        assert_eq!(differences(&[starts(&up)], &["a/A".to_owned()], false), "");
        let undefined = verdict(Prediction::CannotStart, Some("start/undefined-name"), None, &up);
        let verdicts = [starts(&crashed), undefined, starts(&crashed), starts(&up)];
        let names = ["a/A", "a/B", "a/C", "a/D"].map(str::to_owned);
        assert_eq!(
            differences(&verdicts, &names, false),
            "\nNot as predicted\n  a/B: it starts all the same\n      predicted: cannot start\n      seen: healthy, answers\n  nothing was \
             predicted to stop 2 agents: a/A, a/C\n"
        );
    }
}
