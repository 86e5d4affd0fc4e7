//! A boot, for people: one line per group while agents come up, the critical path at the end, and the reason for each
//! agent that is not healthy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use contract::status::AgentState;
use indicatif::{ProgressBar, ProgressStyle};

use super::findings::counted;
use super::printer::Printer;
use crate::boot::critical_path::Step;
use crate::boot::explain;
use crate::boot::view::View;
use crate::host::boot::{Action, BootEvent};
use crate::stack::{AgentId, GroupId, Stack};

/// Shows a boot as it goes.
pub struct BootReporter<'a> {
    printer: &'a Printer,
    stack: &'a Stack,
    groups: Vec<GroupId>,
    bars: BTreeMap<GroupId, ProgressBar>,
    said_ready: BTreeSet<GroupId>,
    failed: BTreeSet<GroupId>,
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
                bar.set_message(pending_text(stack, view, id));
            } else if answering == status.agents.len() && self.said_ready.insert(id) {
                self.printer
                    .step("answers", format!("{} ({})", status.group, counted(answering, "agent")));
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
                _ => Some(format!("{name}: {}", status.reason.as_deref().unwrap_or("not healthy"))),
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

/// Why each agent of these groups that is not healthy is not, in the order of the stack.
#[must_use]
pub fn explain_unhealthy(stack: &Stack, view: &View, groups: &[GroupId], wall: Duration) -> String {
    let mut lines = Vec::new();
    for group in groups {
        if view.group(*group).is_none() {
            lines.push(format!(
                "`{}` does not answer: its supervisor is not reachable (`podman logs {}`)",
                stack.group(*group).name,
                stack.group(*group).name
            ));
            continue;
        }
        for agent in &stack.group(*group).agents {
            let text = chain_text(stack, view, *agent);
            if let Some(text) = text {
                lines.push(text);
            }
        }
    }
    format!(
        "not healthy after {:.1} s: {}\n  {}",
        wall.as_secs_f64(),
        counted(lines.len(), "entry").replace("entrys", "entries"),
        lines.join("\n  ")
    )
}

/// The chain of one agent that is not healthy, with the last lines of stderr of what holds it up.
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
    if let Some(last) = chain.last() {
        if let Some(reason) = &last.reason {
            let _ = write!(text, ": {reason}");
        }
        let shown = last.last_stderr.len().saturating_sub(5);
        for line in &last.last_stderr[shown..] {
            let _ = write!(text, "\n      | {line}");
        }
    }
    Some(text)
}
