//! Builds, for people and for programs, from one stream of events.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::delivery::{PushedImage, SavedArchive};
use super::escape;
use super::findings::counted;
use super::left_out::LeftOutFile;
use super::printer::Printer;
use crate::images::event::BuildEvent;
use crate::images::schedule::Outcome;
use crate::images::{NodeId, Plan};

/// Shows builds as they go: a bar per image that is being built, or plain lines.
pub struct BuildReporter<'a> {
    printer: &'a Printer,
    plan: &'a Plan,
    bars: BTreeMap<NodeId, ProgressBar>,
    total: Option<ProgressBar>,
    results: BTreeMap<NodeId, (Outcome, Duration, Option<String>)>,
}

/// The JSON document of a build; version 1.
#[derive(Debug, Serialize)]
pub struct BuildDocument {
    version: u32,
    images: Vec<BuildImage>,
    /// Files of the tree that no image gets although they lie where images get theirs from.
    pub left_out: Vec<LeftOutFile>,
    /// The archive of `--save`, once it is whole.
    pub saved: Option<SavedArchive>,
    /// What `--push` brought to the registry.
    pub pushed: Vec<PushedImage>,
}

#[derive(Debug, Serialize)]
struct BuildImage {
    name: String,
    image: String,
    digest: String,
    outcome: &'static str,
    elapsed_ms: u64,
    error: Option<String>,
}

impl<'a> BuildReporter<'a> {
    /// A reporter for one plan.
    #[must_use]
    pub fn new(printer: &'a Printer, plan: &'a Plan) -> Self {
        let work = plan.needed().len();
        let total = (work > 0 && printer.draws_bars()).then(|| {
            let style = ProgressStyle::with_template("{bar:30.green} {pos}/{len} images  {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let length = u64::try_from(work).unwrap_or(0);
            let bar = printer.bars().add(ProgressBar::new(length).with_style(style));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self {
            printer,
            plan,
            bars: BTreeMap::new(),
            total,
            results: BTreeMap::new(),
        }
    }

    /// Takes in one event.
    pub fn event(&mut self, event: BuildEvent) {
        match event {
            BuildEvent::Started(id) => {
                let name = &self.plan.node(id).name;
                if self.printer.draws_bars() {
                    let style = ProgressStyle::with_template("{spinner} {prefix:24} {elapsed:>4}  {wide_msg:.dim}")
                        .unwrap_or_else(|_| ProgressStyle::default_spinner());
                    let bar = ProgressBar::new_spinner().with_style(style).with_prefix(name.clone());
                    let bar = self.printer.bars().insert_from_back(1, bar);
                    bar.enable_steady_tick(Duration::from_millis(200));
                    self.bars.insert(id, bar);
                } else {
                    self.printer.step("building", name);
                }
            }
            BuildEvent::Line(id, line) => {
                if let Some(bar) = self.bars.get(&id) {
                    bar.set_message(escape::log_line(&line, false));
                }
                if self.printer.verbose {
                    self.printer.note(format!("{} | {line}", self.plan.node(id).name));
                }
            }
            BuildEvent::Finished {
                id,
                outcome,
                elapsed,
                error,
            } => {
                if let Some(bar) = self.bars.remove(&id) {
                    bar.finish_and_clear();
                }
                if let Some(total) = &self.total {
                    total.inc(1);
                }
                let node = self.plan.node(id);
                match &outcome {
                    Outcome::Built => self
                        .printer
                        .step("built", format!("{} in {:.1} s", node.name, elapsed.as_secs_f64())),
                    Outcome::Skipped { because } => self.printer.error(format!(
                        "`{}` was not built, because `{}` failed",
                        node.name,
                        self.plan.node(*because).name
                    )),
                    Outcome::Failed => self.printer.error(format!(
                        "cannot build `{}`\n  {}",
                        node.name,
                        error.as_deref().unwrap_or_default()
                    )),
                    Outcome::UpToDate => {}
                }
                self.results.insert(id, (outcome, elapsed, error));
            }
        }
    }

    /// The last line, and the document.
    pub fn finish(self, outcomes: &BTreeMap<NodeId, Outcome>, wall: Duration) -> BuildDocument {
        if let Some(total) = self.total {
            total.finish_and_clear();
        }
        let count = |wanted: fn(&Outcome) -> bool| outcomes.values().filter(|outcome| wanted(outcome)).count();
        let failed = count(|outcome| matches!(outcome, Outcome::Failed | Outcome::Skipped { .. }));
        let built = count(|outcome| *outcome == Outcome::Built);
        let there = count(|outcome| *outcome == Outcome::UpToDate);
        let failures = if failed > 0 {
            format!(", {failed} failed")
        } else {
            String::new()
        };
        self.printer.step(
            "images",
            format!(
                "{} built, {there} up to date{failures}, in {:.1} s",
                counted(built, "image"),
                wall.as_secs_f64()
            ),
        );
        let images = outcomes
            .iter()
            .map(|(id, outcome)| {
                let node = self.plan.node(*id);
                let result = self.results.get(id);
                BuildImage {
                    name: node.name.clone(),
                    image: node.image.clone(),
                    digest: node.digest.clone(),
                    outcome: outcome_name(outcome),
                    elapsed_ms: result.map_or(0, |(_, elapsed, _)| {
                        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
                    }),
                    error: result.and_then(|(_, _, error)| error.clone()),
                }
            })
            .collect();
        BuildDocument::of(images)
    }
}

/// The document of a plan that is only shown.
#[must_use]
pub fn dry_run(plan: &Plan) -> BuildDocument {
    let needed = plan.needed();
    let images = plan
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| BuildImage {
            name: node.name.clone(),
            image: node.image.clone(),
            digest: node.digest.clone(),
            outcome: if needed.contains(&NodeId(index)) {
                "would_build"
            } else {
                "up_to_date"
            },
            elapsed_ms: 0,
            error: None,
        })
        .collect();
    BuildDocument::of(images)
}

impl BuildDocument {
    fn of(images: Vec<BuildImage>) -> Self {
        Self {
            version: 1,
            images,
            left_out: Vec::new(),
            saved: None,
            pushed: Vec::new(),
        }
    }

    /// One line per image.
    #[must_use]
    pub fn human(&self) -> String {
        self.images
            .iter()
            .map(|image| format!("{:12} {}\n", image.outcome.replace('_', " "), image.image))
            .collect()
    }
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::UpToDate => "up_to_date",
        Outcome::Built => "built",
        Outcome::Failed => "failed",
        Outcome::Skipped { .. } => "skipped",
    }
}
