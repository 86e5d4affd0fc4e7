//! A boot, for people: one line per group while agents come up, the critical path at the end, and the reason for each
//! agent that is not healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use contract::status::AgentState;
use indicatif::{ProgressBar, ProgressStyle};

use super::escape;
use super::findings::counted;
use super::printer::Printer;
use crate::boot::causes::{Cause, What};
use crate::boot::critical_path::Step;
use crate::boot::event::{Action, BootEvent};
use crate::boot::explain;
use crate::boot::last_words::{last_part, last_words};
use crate::boot::view::View;
use crate::stack::{AgentId, GroupId, Stack};

/// Shows a boot as it goes.
pub struct BootReporter<'a> {
    printer: &'a Printer,
    stack: &'a Stack,
    groups: Vec<GroupId>,
    bars: BTreeMap<GroupId, ProgressBar>,
    said_ready: BTreeSet<GroupId>,
    failed: BTreeSet<GroupId>,
    /// Troubles that were told as they came.
    told: BTreeSet<String>,
}

impl<'a> BootReporter<'a> {
    /// A reporter for these groups.
    #[must_use]
    pub fn new(printer: &'a Printer, stack: &'a Stack, groups: &[GroupId]) -> Self {
        let style = ProgressStyle::with_template("{prefix:20} {bar:10.green} {pos:>2}/{len:<2} {wide_msg:.dim}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bars = groups
            .iter()
            .filter(|_| printer.draws_bars())
            .map(|id| {
                let group = stack.group(*id);
                let length = u64::try_from(group.agents.len()).unwrap_or(0);
                let bar = ProgressBar::new(length)
                    .with_style(style.clone())
                    .with_prefix(group.name.clone());
                (*id, printer.bars().add(bar))
            })
            .collect();
        Self {
            printer,
            stack,
            groups: groups.to_vec(),
            bars,
            said_ready: BTreeSet::new(),
            failed: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Whether the host could not start a group.
    #[must_use]
    pub fn has_failed(&self, group: GroupId) -> bool {
        self.failed.contains(&group)
    }

    /// Takes in one event of the host.
    pub fn event(&mut self, event: &BootEvent) {
        match event {
            BootEvent::Network(name) => self.printer.step("network", name),
            BootEvent::Volume(name) => self.printer.step("volume", name),
            BootEvent::Group(_, Action::Unchanged) => {}
            BootEvent::Group(id, action) => {
                let verb = if *action == Action::Replaced {
                    "replaced"
                } else {
                    "started"
                };
                if self.bars.is_empty() {
                    self.printer.step(verb, &self.stack.group(*id).name);
                }
            }
            BootEvent::GroupFailed(id, why) => {
                self.failed.insert(*id);
                self.printer
                    .error(format!("cannot start `{}`\n  {why}", self.stack.group(*id).name));
            }
            BootEvent::Removed(kind, name) => self.printer.step("removed", format!("{kind} {name}")),
        }
    }

    /// Shows the newest view.
    pub fn show(&mut self, stack: &Stack, view: &View) {
        for id in self.groups.clone() {
            let Some(status) = view.group(id) else {
                continue;
            };
            let answering = status
                .agents
                .iter()
                .filter(|agent| matches!(agent.state, AgentState::Answering | AgentState::Healthy))
                .count();
            if let Some(bar) = self.bars.get(&id) {
                bar.set_position(u64::try_from(answering).unwrap_or(0));
                bar.set_message(escape::line(&pending_text(stack, view, id)).into_owned());
            } else if answering == status.agents.len() && self.said_ready.insert(id) {
                self.printer
                    .step("answers", format!("{} ({})", status.group, counted(answering, "agent")));
            }
            self.tell_troubles(view, id);
        }
    }

    /// Says at once what went wrong, each thing once: who waits for the end of a boot may not have to.
    fn tell_troubles(&mut self, view: &View, group: GroupId) {
        for trouble in troubles(view, group) {
            if self.told.insert(trouble.key) {
                self.printer.warn(trouble.text);
            }
        }
    }

    /// Takes the bars away.
    pub fn finish(self) {
        for bar in self.bars.into_values() {
            bar.finish_and_clear();
        }
    }
}

/// Something that went wrong in a boot.
struct Trouble {
    /// What troubles of the same kind have in common.
    key: String,
    text: String,
}

/// What is wrong with a group and its agents now.
fn troubles(view: &View, group: GroupId) -> Vec<Trouble> {
    let mut found = Vec::new();
    let Some(status) = view.group(group) else {
        return found;
    };
    for check in view.failed_checks(group) {
        let text = format!("group `{}`: {}: {}", status.group, check.name, check.detail);
        let text = last_part(&text).unwrap_or(text);
        found.push(Trouble {
            key: text.clone(),
            text,
        });
    }
    for agent in &status.agents {
        let (did, then) = match agent.state {
            AgentState::Failed => ("was given up", ""),
            AgentState::Backoff => ("crashed", " (it is started again)"),
            AgentState::Mute => ("is mute", ""),
            _ => continue,
        };
        let words = last_words(agent);
        let lead = words.lead.split(" after ").next().unwrap_or(&words.lead);
        found.push(Trouble {
            key: format!("{lead} {did}"),
            text: format!("{} {did}: {}{then}", agent.name, words.line()),
        });
    }
    found
}

/// What the group's agents still wait for, as in `TaskRouter ← StreamingTTSAgent`.
fn pending_text(stack: &Stack, view: &View, group: GroupId) -> String {
    let parts: Vec<String> = stack
        .group(group)
        .agents
        .iter()
        .filter_map(|id| {
            let status = view.agent(stack, *id)?;
            let name = &status.name;
            match status.state {
                AgentState::Healthy | AgentState::Answering => None,
                AgentState::Waiting => Some(format!("{name} ← {}", status.waits_for.join(", "))),
                AgentState::Starting => Some(format!("{name} starts")),
                _ => Some(format!("{name}: {}", last_words(status).lead)),
            }
        })
        .collect();
    parts.join("  ")
}

/// The last line of a boot that went well, with the critical path below it. `settled` is how long it took until all agents
/// had gone on answering for the settling time, where that was waited for.
#[must_use]
pub fn path_text(
    stack: &Stack,
    groups: &[GroupId],
    path: &[Step],
    began_at_ms: u64,
    settled: Option<Duration>,
) -> String {
    let agents: usize = groups.iter().map(|group| stack.group(*group).agents.len()).sum();
    let since = |at: u64| Duration::from_millis(at.saturating_sub(began_at_ms)).as_secs_f64();
    let last = path.last().map_or(0.0, |step| since(step.ready_at_ms));
    let mut text = format!(
        "{} in {}: all answered after {last:.2} s",
        counted(agents, "agent"),
        counted(groups.len(), "group"),
    );
    if let Some(settled) = settled {
        let _ = write!(
            text,
            ", and still did after the settling time, at {:.2} s",
            settled.as_secs_f64()
        );
    }
    if !path.is_empty() {
        text.push_str("\n           critical path:");
        for step in path {
            let _ = write!(
                text,
                "\n             {:>6.2} s started  {:>6.2} s answered  {}",
                since(step.started_at_ms),
                since(step.ready_at_ms),
                stack.agent(step.agent).name
            );
        }
    }
    text
}

/// Most agents that are named one by one.
const NAMED: usize = 12;
/// Most causes that are shown.
const CAUSES: usize = 20;

/// What keeps the groups from being healthy, each cause once, with the agents that it holds up.
#[must_use]
pub fn causes_text(stack: &Stack, causes: &[Cause]) -> String {
    let names = |agents: &[AgentId]| {
        let mut names: Vec<&str> = agents
            .iter()
            .take(NAMED)
            .map(|id| stack.agent(*id).name.as_str())
            .collect();
        let more = agents.len().saturating_sub(NAMED);
        let more_text = format!("{more} more");
        if more > 0 {
            names.push(&more_text);
        }
        names.join(", ")
    };
    let mut text = String::new();
    for cause in causes.iter().take(CAUSES) {
        match &cause.what {
            What::Group(group) | What::Check(group) => {
                let _ = write!(text, "\n  {group}");
            }
            What::Agents(state, lead) => {
                let _ = write!(text, "\n  {} {state}: {lead}", counted(cause.agents.len(), "agent"));
                let _ = write!(text, "\n      {}", names(&cause.agents));
                if let Some(detail) = &cause.detail {
                    let _ = write!(text, ": {detail}");
                }
            }
        }
        for line in &cause.lines {
            let _ = write!(text, "\n      | {line}");
        }
        if !cause.waiting.is_empty() {
            let _ = write!(
                text,
                "\n      {} for that: {}",
                if cause.waiting.len() == 1 {
                    "1 agent waits".to_owned()
                } else {
                    format!("{} agents wait", cause.waiting.len())
                },
                names(&cause.waiting)
            );
        }
    }
    if causes.len() > CAUSES {
        let _ = write!(
            text,
            "\n  … {} more: `cargo xtask status` shows them",
            causes.len() - CAUSES
        );
    }
    text
}

/// The chain of one agent that is not healthy: the final error of what holds it up, and what led to it.
#[must_use]
pub fn chain_text(stack: &Stack, view: &View, agent: AgentId) -> Option<String> {
    let chain = explain::chain(stack, view, agent);
    if chain.is_empty() {
        return None;
    }
    let links: Vec<String> = chain
        .iter()
        .map(|link| format!("{} ({})", stack.agent(link.agent).name, link.state))
        .collect();
    let mut text = links.join(" waits for ");
    if let Some(status) = chain.last().and_then(|last| view.agent(stack, last.agent)) {
        let words = last_words(status);
        if status.reason.is_some() || words.reason.is_some() {
            let _ = write!(text, ": {}", escape::line(&words.line()));
        }
        for line in &words.context {
            let _ = write!(text, "\n      | {}", escape::log_line(line, false));
        }
    }
    Some(text)
}
