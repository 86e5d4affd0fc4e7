//! A boot, for people: one line per group while agents come up, the critical path at the end, and the reason for each
//! agent that is not healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

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
use crate::boot::mute;
use crate::boot::session::Audience;
use crate::boot::standing::Lost;
use crate::boot::view::View;
use crate::stack::{AgentId, GroupId, Stack};

/// Shows a boot as it goes.
pub struct BootReporter<'a> {
    printer: &'a Printer,
    stack: &'a Stack,
    groups: Vec<GroupId>,
    bars: BTreeMap<GroupId, ProgressBar>,
    said_ready: BTreeSet<GroupId>,
    /// Groups that will not come: nobody waits for them.
    lost: BTreeSet<GroupId>,
    /// Troubles that were told as they came.
    told: BTreeSet<String>,
    /// When it is said next what is waited for, and the pause after that.
    say_waiting: (Instant, Duration),
    said_waiting: String,
}

/// After how long it is said first what is waited for, and the longest time between two such lines.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

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
            lost: BTreeSet::new(),
            told: BTreeSet::new(),
            say_waiting: (Instant::now() + FIRST_WAIT, FIRST_WAIT),
            said_waiting: String::new(),
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

impl Audience for BootReporter<'_> {
    fn event(&mut self, event: &BootEvent) {
        match event {
            BootEvent::Network(name) => self.printer.step("network", name),
            BootEvent::Volume(name) => self.printer.step("volume", name),
            BootEvent::Installed(name) => self.printer.step("installed", format!("unit {name}")),
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
                self.printer
                    .error(format!("cannot start `{}`\n  {why}", self.stack.group(*id).name));
            }
            BootEvent::BridgeFailed(interface, why) => self.printer.warn(format!(
                "bridge `{interface}` may change its hardware address: {why}\n  whenever a container comes or goes, names and the other \
                 machine may then be out of reach for up to a minute"
            )),
            BootEvent::Removed(kind, name) => self.printer.step("removed", format!("{kind} {name}")),
        }
    }

    fn show(&mut self, view: &View) {
        for id in self.groups.clone() {
            let Some(status) = view.group(id) else {
                continue;
            };
            let answering = status.agents.iter().filter(|agent| agent.state.is_up()).count();
            if let Some(bar) = self.bars.get(&id) {
                bar.set_position(u64::try_from(answering).unwrap_or(0));
                bar.set_message(escape::line(&pending_text(self.stack, view, id)).into_owned());
            } else if answering == status.agents.len() && self.said_ready.insert(id) {
                self.printer
                    .step("answers", format!("{} ({})", status.group, counted(answering, "agent")));
            }
            self.tell_troubles(view, id);
        }
    }

    /// Says from time to time what is waited for, where no bars show it.
    fn waiting(&mut self, view: &View) {
        let now = Instant::now();
        if now < self.say_waiting.0 || !self.bars.is_empty() {
            return;
        }
        let pause = (self.say_waiting.1 * 2).min(LONGEST_WAIT);
        self.say_waiting = (now + pause, pause);
        let wanted: Vec<GroupId> = self
            .groups
            .iter()
            .copied()
            .filter(|id| !self.lost.contains(id))
            .collect();
        let text = waiting_text(self.stack, view, &wanted);
        if let Some(text) = text.filter(|text| *text != self.said_waiting) {
            self.printer.step("waiting", &text);
            self.said_waiting = text;
        }
    }

    fn lost(&mut self, group: GroupId, why: &Lost) {
        if self.lost.insert(group) {
            self.printer.warn(why.text(&self.stack.group(group).name));
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
                AgentState::Healthy | AgentState::Answering | AgentState::Done => None,
                AgentState::Waiting => Some(format!("{name} ← {}", status.waits_for.join(", "))),
                AgentState::Starting => Some(format!("{name} starts")),
                _ => Some(format!("{name}: {}", last_words(status).lead)),
            }
        })
        .collect();
    parts.join("  ")
}

/// What is still waited for: the agents and groups that hold others up, and how many wait for them.
#[must_use]
pub fn waiting_text(stack: &Stack, view: &View, groups: &[GroupId]) -> Option<String> {
    let mut named = Vec::new();
    let mut behind = 0_usize;
    for group in groups {
        if view.group(*group).is_none() {
            named.push(format!(
                "group `{}` (its supervisor does not answer yet)",
                stack.group(*group).name
            ));
            continue;
        }
        for id in &stack.group(*group).agents {
            let Some(status) = view.agent(stack, *id) else { continue };
            let reason = status.reason.as_deref().and_then(last_part);
            match status.state {
                AgentState::Starting | AgentState::Mute | AgentState::Backoff => {
                    let reason = reason.unwrap_or_else(|| status.state.name().to_owned());
                    named.push(format!("{} ({})", status.name, escape::line(&reason)));
                }
                AgentState::Answering => named.push(format!("{} (settling)", status.name)),
                AgentState::Waiting => behind += 1,
                AgentState::Healthy
                | AgentState::Done
                | AgentState::Failed
                | AgentState::Stopping
                | AgentState::Stopped => {}
            }
        }
    }
    let more = named.len().saturating_sub(NAMED_IN_LINE);
    named.truncate(NAMED_IN_LINE);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    let mut text = match (named.is_empty(), behind) {
        (true, 0) => return None,
        (true, _) => format!("for {}, which wait for others", counted(behind, "agent")),
        (false, _) => format!("for {}", named.join(", ")),
    };
    if behind > 0 && !named.is_empty() {
        let _ = write!(text, "; {behind} more wait for others");
    }
    Some(text)
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

/// Most agents that are named one by one, and most in one line.
const NAMED: usize = 12;
const NAMED_IN_LINE: usize = 4;
/// Most causes that are shown.
const CAUSES: usize = 20;

fn names(stack: &Stack, agents: &[AgentId], most: usize) -> String {
    let shown = agents.iter().take(most);
    let mut names: Vec<String> = shown.map(|id| stack.agent(*id).name.clone()).collect();
    let more = agents.len().saturating_sub(most);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// What keeps the groups from being healthy, a line for each cause, with the agents that it has an effect on.
#[must_use]
pub fn causes_lines(stack: &Stack, causes: &[Cause]) -> String {
    let names = |agents: &[AgentId]| names(stack, agents, NAMED_IN_LINE);
    let mut text = String::new();
    for cause in causes.iter().take(CAUSES) {
        match &cause.what {
            What::Group(group) | What::Check(group) => {
                let _ = write!(text, "\n  {}", escape::line(group));
            }
            What::Agents(state, lead) => {
                let count = counted(cause.agents.len(), "agent");
                let _ = write!(
                    text,
                    "\n  {count} {state}: {}: {}",
                    escape::line(lead),
                    names(&cause.agents)
                );
            }
        }
        if !cause.waiting.is_empty() {
            let _ = write!(text, "; {}: {}", waits_text(cause), names(&cause.waiting));
        }
        if !cause.degraded.is_empty() {
            let _ = write!(text, "; {}: {}", runs_text(cause), names(&cause.degraded));
        }
    }
    if let Some(more) = causes.len().checked_sub(CAUSES).filter(|more| *more > 0) {
        let _ = write!(text, "\n  … {more} more: `cargo xtask status` shows them");
    }
    if !causes.is_empty() {
        text.push_str("\n  hint: `--verbose` shows the last lines of each, `cargo xtask status` every agent");
    }
    text
}

fn waits_text(cause: &Cause) -> String {
    match cause.waiting.len() {
        1 => "1 agent waits for that".to_owned(),
        many => format!("{many} agents wait for that"),
    }
}

fn runs_text(cause: &Cause) -> String {
    match cause.degraded.len() {
        1 => "1 agent runs without it, degraded".to_owned(),
        many => format!("{many} agents run without it, degraded"),
    }
}

/// What keeps the groups from being healthy, each cause once, with the agents that it holds up and the last lines of one.
#[must_use]
pub fn causes_text(stack: &Stack, causes: &[Cause]) -> String {
    let names = |agents: &[AgentId]| names(stack, agents, NAMED);
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
        if let Some(hint) = &cause.hint {
            let _ = write!(text, "\n      hint: {hint}");
        }
        if !cause.waiting.is_empty() {
            let _ = write!(text, "\n      {}: {}", waits_text(cause), names(&cause.waiting));
        }
        if !cause.degraded.is_empty() {
            let _ = write!(text, "\n      {}: {}", runs_text(cause), names(&cause.degraded));
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
        if let Some(hint) = mute::hint(status) {
            let _ = write!(text, "\n      hint: {}", escape::line(&hint));
        }
    }
    Some(text)
}
