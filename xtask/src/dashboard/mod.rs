//! The dashboard of `ui`: what it knows, and what a key or a change makes of it. Pure: [`Dashboard::step`] takes an event and says what
//! is to be done; [`report::dashboard`](crate::report::dashboard) draws it, and `cmd::ui` does what it asks for.

pub mod list;
pub mod log;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use contract::order::Order;
use contract::status::GroupStatus;

use crate::boot::orders::Subject;
use crate::boot::standing::Standing;
use crate::boot::view::View;
use crate::stack::{AgentId, GroupId, Stack};
use log::{Life, Log};

/// A key, as the dashboard tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as on the keyboard")]
pub enum Key {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Tab,
    Escape,
    Backspace,
    /// Ctrl-C.
    Interrupt,
    Char(char),
}

/// What comes from outside.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// The terminal has another size.
    Resized,
    /// A group's newest document; none where its supervisor does not answer.
    Status(GroupId, Option<Box<GroupStatus>>),
    /// How the containers of groups stand that do not answer.
    Looked(BTreeMap<GroupId, Standing>),
    /// What processes take.
    Measured(Memory),
    /// A line of the log that was asked for with this number.
    Printed(u64, String),
    /// That log goes no further, for that reason if it is no good one.
    LogEnded(u64, Option<String>),
    /// An order waits for somebody.
    Waits(String),
    /// What became of an order.
    Carried(Order, Subject, Message),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Follow the log of this agent or group, and number its lines so; any other is not wanted any more.
    Follow(u64, Subject),
    /// Ask Podman how the containers stand.
    Look,
    /// Carry out an order.
    Order(Order, Subject),
    /// Leave the terminal.
    Leave(Leave),
}

/// How the dashboard was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// By its own key.
    Quit,
    /// By Ctrl-C.
    Interrupted,
}

/// Memory in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// All processes of a group's container.
    pub groups: BTreeMap<GroupId, u64>,
    /// An agent's process, with those that it started.
    pub agents: BTreeMap<AgentId, u64>,
}

/// The half that keys go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// Groups and agents.
    List,
    /// What the selected one printed.
    Log,
}

/// What the last line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What others wrote may be in it.
    pub text: String,
    /// Whether something was not done.
    pub is_error: bool,
}

/// Rows that a page key moves by.
const PAGE: usize = 10;
/// Cells that a key moves a log sideways by.
const ASIDE: usize = 16;

/// Everything that is shown.
#[derive(Debug)]
pub struct Dashboard<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Groups that are shown, in this order.
    groups: Vec<GroupId>,
    /// Agents that are shown.
    agents: BTreeSet<AgentId>,
    /// What supervisors say; of all groups, since those that are not shown explain who waits.
    pub view: View,
    /// How the containers of silent groups stand, as far as Podman was asked.
    pub standing: BTreeMap<GroupId, Standing>,
    /// What was measured last.
    pub memory: Memory,
    /// Groups that have answered, or failed to.
    heard: BTreeSet<GroupId>,
    /// Where keys go.
    pub pane: Pane,
    /// What is selected.
    pub selected: Option<Subject>,
    /// What rows must contain.
    pub filter: String,
    /// Whether the filter is being typed.
    pub is_typing: bool,
    /// An order that waits for a yes.
    pub asked: Option<(Order, Subject)>,
    /// Orders that were given and are not carried out yet.
    pub under_way: Vec<(Order, Subject)>,
    /// Whether the keys are explained.
    pub shows_help: bool,
    /// What was told last.
    pub message: Option<Message>,
    /// The log of what is selected.
    pub log: Log,
}

impl<'a> Dashboard<'a> {
    /// A dashboard of these groups and agents, of which nothing is known yet.
    #[must_use]
    pub fn new(stack: &'a Stack, groups: Vec<GroupId>, agents: BTreeSet<AgentId>) -> Self {
        let mut dashboard = Self {
            stack,
            groups,
            agents,
            view: View::default(),
            standing: BTreeMap::new(),
            memory: Memory::default(),
            heard: BTreeSet::new(),
            pane: Pane::List,
            selected: None,
            filter: String::new(),
            is_typing: false,
            asked: None,
            under_way: Vec::new(),
            shows_help: false,
            message: None,
            log: Log::default(),
        };
        dashboard.select_something();
        dashboard
    }

    /// Takes in what happened, and says what is to be done.
    pub fn step(&mut self, event: Event) -> Vec<Request> {
        let mut requests = match event {
            Event::Key(key) => self.key(key),
            Event::Resized => Vec::new(),
            Event::Status(group, status) => self.status(group, status),
            Event::Looked(standing) => {
                self.standing = standing;
                Vec::new()
            }
            Event::Measured(memory) => {
                self.memory = memory;
                Vec::new()
            }
            Event::Printed(number, line) => {
                self.log.take(number, line);
                Vec::new()
            }
            Event::LogEnded(number, why) => {
                self.log.end(number, why);
                Vec::new()
            }
            Event::Waits(whom) => {
                self.tell(format!("waiting for {whom}"), false);
                Vec::new()
            }
            Event::Carried(order, subject, message) => {
                self.under_way.retain(|given| *given != (order, subject));
                self.message = Some(message);
                Vec::new()
            }
        };
        requests.extend(self.follow());
        requests
    }

    /// Whether every group has answered, or failed to.
    #[must_use]
    pub fn has_heard_all(&self) -> bool {
        self.groups.iter().all(|group| self.heard.contains(group))
    }

    /// Whether no supervisor of what is shown answers, and Podman knows no container.
    #[must_use]
    pub fn nothing_runs(&self) -> bool {
        let is_absent = |group: &GroupId| {
            self.view.group(*group).is_none() && matches!(self.standing.get(group), None | Some(Standing::Absent))
        };
        self.has_heard_all() && self.groups.iter().all(is_absent)
    }

    /// Groups of which no document is known.
    #[must_use]
    pub fn silent(&self) -> Vec<GroupId> {
        let all = self.groups.iter().copied();
        all.filter(|group| self.view.group(*group).is_none()).collect()
    }

    /// The groups that are shown.
    #[must_use]
    pub fn groups(&self) -> &[GroupId] {
        &self.groups
    }

    /// The agents that are shown.
    #[must_use]
    pub fn agents(&self) -> &BTreeSet<AgentId> {
        &self.agents
    }

    /// What it is called, as a command takes it.
    #[must_use]
    pub fn name(&self, subject: Subject) -> &str {
        match subject {
            Subject::Group(group) => &self.stack.group(group).name,
            Subject::Agent(agent) => &self.stack.agent(agent).name,
        }
    }

    /// The group that it is, or that it belongs to.
    #[must_use]
    pub fn group_of(&self, subject: Subject) -> GroupId {
        match subject {
            Subject::Group(group) => group,
            Subject::Agent(agent) => self.stack.agent(agent).group,
        }
    }

    fn tell(&mut self, text: String, is_error: bool) {
        self.message = Some(Message { text, is_error });
    }

    fn status(&mut self, group: GroupId, status: Option<Box<GroupStatus>>) -> Vec<Request> {
        let is_first = self.heard.insert(group);
        let before = self.view.group(group).map(|status| status.started_at_ms);
        let now = status.as_ref().map(|status| status.started_at_ms);
        match status {
            Some(status) => {
                self.view.update(group, *status);
                self.standing.remove(&group);
            }
            None => self.view.forget(group),
        }
        // A container came, went, or was replaced.
        if is_first || before != now {
            vec![Request::Look]
        } else {
            Vec::new()
        }
    }

    fn key(&mut self, key: Key) -> Vec<Request> {
        if key == Key::Interrupt {
            return vec![Request::Leave(Leave::Interrupted)];
        }
        if self.shows_help {
            self.shows_help = false;
            return Vec::new();
        }
        if let Some((order, subject)) = self.asked.take() {
            return self.answered(order, subject, key);
        }
        if self.is_typing && self.typed(key) {
            return Vec::new();
        }
        self.message = None;
        match key {
            Key::Char('q') => return vec![Request::Leave(Leave::Quit)],
            Key::Char('?') => self.shows_help = true,
            Key::Char('/') => {
                self.pane = Pane::List;
                self.is_typing = true;
            }
            Key::Char('r') => self.ask(Order::Restart),
            Key::Char('s') => self.ask(Order::Stop),
            Key::Char('S') => self.ask(Order::Start),
            Key::Tab => {
                self.pane = match self.pane {
                    Pane::List => Pane::Log,
                    Pane::Log => Pane::List,
                }
            }
            Key::Enter => self.pane = Pane::Log,
            Key::Escape if self.pane == Pane::Log => self.pane = Pane::List,
            Key::Escape => {
                self.filter.clear();
                self.select_something();
            }
            _ => self.move_by(key),
        }
        Vec::new()
    }

    /// Takes a key of somebody who types the filter; false where it is not for it.
    fn typed(&mut self, key: Key) -> bool {
        match key {
            Key::Char(c) => self.filter.push(c),
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Enter => self.is_typing = false,
            Key::Escape => {
                self.is_typing = false;
                self.filter.clear();
            }
            _ => return false,
        }
        self.select_something();
        true
    }

    /// Asks whether an order is meant.
    fn ask(&mut self, order: Order) {
        let Some(subject) = self.selected else { return };
        let is_given = self.under_way.iter().any(|(_, given)| *given == subject);
        if is_given {
            self.tell(format!("{} has an order already", self.name(subject)), true);
        } else {
            self.asked = Some((order, subject));
        }
    }

    fn answered(&mut self, order: Order, subject: Subject, key: Key) -> Vec<Request> {
        self.message = None;
        if !matches!(key, Key::Char('y' | 'Y') | Key::Enter) {
            return Vec::new();
        }
        self.under_way.push((order, subject));
        vec![Request::Order(order, subject)]
    }

    fn move_by(&mut self, key: Key) {
        let (by, is_back) = match key {
            Key::Up | Key::Char('k') => (1, true),
            Key::Down | Key::Char('j') => (1, false),
            Key::PageUp => (PAGE, true),
            Key::PageDown => (PAGE, false),
            Key::Home | Key::Char('g') => (usize::MAX, true),
            Key::End | Key::Char('G') => (usize::MAX, false),
            Key::Left | Key::Char('h') => {
                self.log.aside = self.log.aside.saturating_sub(ASIDE);
                return;
            }
            Key::Right | Key::Char('l') => {
                self.log.aside = (self.log.aside + ASIDE).min(log::LONGEST);
                return;
            }
            _ => return,
        };
        match self.pane {
            Pane::Log => self.log.scroll(by, is_back),
            Pane::List => {
                let rows = self.rows();
                let at = rows.iter().position(|row| Some(*row) == self.selected).unwrap_or(0);
                let last = rows.len().saturating_sub(1);
                let to = if is_back {
                    at.saturating_sub(by)
                } else {
                    at.saturating_add(by).min(last)
                };
                self.selected = rows.get(to).copied();
            }
        }
    }

    /// Asks for the log of what is selected, where that is not the one that is there.
    fn follow(&mut self) -> Option<Request> {
        let subject = self.selected?;
        let group = self.group_of(subject);
        let life = match (self.view.group(group), self.standing.get(&group)) {
            (Some(status), _) => Life::Since(status.started_at_ms),
            (None, Some(Standing::Absent) | None) => Life::None,
            (None, Some(_)) => Life::Silent,
        };
        self.log
            .turn_to(subject, life)
            .map(|number| Request::Follow(number, subject))
    }
}
