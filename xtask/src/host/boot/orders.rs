//! Restarts, stops and starts agents, restarts groups, and sees whether it was done.

use std::time::{Duration, Instant};

use contract::order::Order;
use contract::status::{AgentState, AgentStatus, Failure, GroupState, GroupStatus};

use super::group_containers;
use super::supervisor_status::{self, Snapshot};
use crate::boot::last_words::last_words;
use crate::boot::limits;
use crate::boot::orders::{Restarted, Subject, already, judge, participle, refusal};
use crate::boot::standing::Standing;
use crate::boot::view::{Progress, View};
use crate::host::podman::hosts::Hosts;
use crate::host::system::process;
use crate::stack::{AgentId, GroupId, Stack};

/// How long a supervisor may take to answer.
const LIMIT: Duration = Duration::from_secs(3);
/// How long Podman may take to hand a request on.
const REQUEST: Duration = Duration::from_secs(60);
/// How long a supervisor may hold a request while nothing changes; an interrupt is seen after that.
const HOLD: Duration = Duration::from_millis(500);
/// Pause before a supervisor that does not answer is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Until {
    /// The new process, or the new supervisor, is there.
    Started,
    /// It answers; of a group, every required agent does.
    Answering,
    /// The same, after the settling time.
    Healthy,
}

/// Carries out one order on what is on these hosts.
pub struct Operator<'a> {
    stack: &'a Stack,
    hosts: &'a Hosts,
    order: Order,
}

/// What was seen of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It was carried out: on what, and how that is now.
    Done(String),
    /// There was nothing to do, for that reason; it follows the name.
    Already(String),
}

/// A request that was made.
#[derive(Debug)]
pub struct Asked {
    subject: Subject,
    before: Before,
}

/// What there was before it.
#[derive(Debug)]
enum Before {
    Agent(Box<AgentStatus>),
    /// Nothing is to be done, for that reason.
    Already(String),
    /// When its supervisor was started, if that one answered.
    Group(Option<u64>),
}

impl Asked {
    /// What the order is about.
    #[must_use]
    pub fn subject(&self) -> Subject {
        self.subject
    }
}

impl<'a> Operator<'a> {
    /// One for these hosts.
    #[must_use]
    pub fn new(stack: &'a Stack, hosts: &'a Hosts, order: Order) -> Self {
        Self { stack, hosts, order }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self, subject: Subject) -> String {
        match subject {
            Subject::Group(group) => format!("group {}", self.stack.group(group).name),
            Subject::Agent(agent) => format!("agent {}", self.stack.agent(agent).name),
        }
    }

    /// Gives the order. A group can only be restarted.
    ///
    /// # Errors
    /// When it cannot be carried out now; the text follows the name.
    pub fn ask(&self, subject: Subject) -> Result<Asked, String> {
        let before = match subject {
            Subject::Agent(agent) => self.ask_agent(agent)?,
            Subject::Group(group) => self.ask_group(group)?,
        };
        Ok(Asked { subject, before })
    }

    fn ask_agent(&self, id: AgentId) -> Result<Before, String> {
        let agent = self.stack.agent(id);
        let group = &self.stack.group(agent.group).name;
        let at = self.hosts.status(self.stack, agent.group);
        let Ok(snapshot) = supervisor_status::fetch(at, None, LIMIT) else {
            return Err(self.not_running(agent.group));
        };
        // What answers there may be another's.
        if !self.standing(agent.group)?.runs() {
            return Err(self.not_running(agent.group));
        }
        let before = of(&snapshot.status, &agent.name)
            .ok_or_else(|| format!("is not known to the supervisor of `{group}`\n  hint: `cargo xtask up {group}` takes a new configuration over"))?;
        if let Some(why) = refusal(self.order, before, snapshot.status.state) {
            return Err(format!(
                "{}: {why}\n  hint: `cargo xtask status {}` shows the chain",
                self.not_done(),
                agent.name
            ));
        }
        if let Some(why) = already(self.order, before) {
            return Ok(Before::Already(why));
        }
        self.hosts
            .of(agent.machine)
            .client()
            .args([
                "exec",
                group,
                "/usr/local/bin/agent-supervisor",
                self.order.word(),
                &agent.name,
            ])
            .limit(REQUEST)
            .read()
            .map_err(|error| format!("{}: {error}", self.not_done()))?;
        Ok(Before::Agent(Box::new(before.clone())))
    }

    fn ask_group(&self, id: GroupId) -> Result<Before, String> {
        let standing = self.standing(id)?;
        if !standing.runs() {
            return Err(self.not_running(id));
        }
        let name = &self.stack.group(id).name;
        let at = self.hosts.status(self.stack, id);
        let before = supervisor_status::fetch(at, None, LIMIT).ok();
        self.hosts
            .of(self.stack.group(id).machine)
            .client()
            .args(["restart", name])
            .limit(limits::removal(self.stack))
            .read()
            .map_err(|error| format!("is not restarted: {error}"))?;
        Ok(Before::Group(before.map(|snapshot| snapshot.status.started_at_ms)))
    }

    fn standing(&self, group: GroupId) -> Result<Standing, String> {
        group_containers::standing(self.hosts, self.stack, &[group])
            .map(|mut all| all.remove(&group).unwrap_or(Standing::Absent))
            .map_err(|error| format!("{}: {error}", self.not_done()))
    }

    /// What is said first where it is not done.
    fn not_done(&self) -> String {
        format!("is not {}", participle(self.order))
    }

    fn not_running(&self, group: GroupId) -> String {
        let name = &self.stack.group(group).name;
        match self.standing(group) {
            Ok(Standing::Running { .. }) => format!(
                "{}: the supervisor of group `{name}` does not answer\n  hint: `cargo xtask logs {name}` shows what it says, `cargo xtask restart {name}` restarts it",
                self.not_done()
            ),
            Ok(standing) => format!(
                "{}: group `{name}` {}\n  hint: `cargo xtask up {name}` starts it",
                self.not_done(),
                standing.text()
            ),
            Err(why) => why,
        }
    }

    /// Waits until it is seen to be done, and to be as wanted; says what was seen.
    ///
    /// # Errors
    /// When it is not by then, or will not be; the text follows the name.
    pub fn see(&self, asked: &Asked, until: Until, deadline: Instant) -> Result<Seen, String> {
        match (&asked.before, asked.subject) {
            (Before::Already(why), _) => Ok(Seen::Already(why.clone())),
            (Before::Agent(_), Subject::Agent(agent)) if self.order == Order::Stop => self.see_stopped(agent, deadline),
            (Before::Agent(before), Subject::Agent(agent)) => self.see_agent(before, agent, until, deadline),
            (Before::Group(before), Subject::Group(group)) => self.see_group(*before, group, until, deadline),
            _ => Err(self.not_done()),
        }
    }

    fn see_stopped(&self, id: AgentId, deadline: Instant) -> Result<Seen, String> {
        let agent = self.stack.agent(id);
        let mut last = "is not stopped yet: its supervisor does not answer".to_owned();
        let told = self.follow(agent.group, deadline, &mut |status| {
            let now = of(status, &agent.name)?;
            "is not stopped yet: its process has not ended".clone_into(&mut last);
            match now.state {
                _ if status.state == GroupState::Stopping => Some(Err("is stopped with its group".to_owned())),
                AgentState::Stopped => Some(Ok(Seen::Done(format!("agent {}", agent.name)))),
                AgentState::Done => Some(Ok(Seen::Done(format!("agent {} (done)", agent.name)))),
                // Another operator wants it to run.
                _ if now.failure != Some(Failure::Stopped) => Some(Err("is started again already".to_owned())),
                _ => None,
            }
        });
        told.unwrap_or(Err(last))
    }

    fn see_agent(&self, before: &AgentStatus, id: AgentId, until: Until, deadline: Instant) -> Result<Seen, String> {
        let agent = self.stack.agent(id);
        let not_done = self.not_done();
        let done = participle(self.order);
        let mut last = format!("{not_done} yet: its supervisor does not answer");
        let told = self.follow(agent.group, deadline, &mut |status| {
            let now = of(status, &agent.name)?;
            let words = || last_words(now).line();
            match judge(before, now, status.state) {
                Restarted::NotYet => {
                    last = format!("{not_done} yet: its former process has not ended, or the new one is not started");
                    None
                }
                Restarted::Waits(why) if before.pid.is_some() => {
                    Some(Err(format!("was stopped, and is not started: it {why}")))
                }
                Restarted::Waits(why) => Some(Err(format!("{not_done} yet: it {why}"))),
                Restarted::Crashed(why) => Some(Err(format!("was {done}, and crashed: {why}"))),
                Restarted::GivenUp(why) => Some(Err(format!("does not start: {why}"))),
                Restarted::Stopping => Some(Err(format!("{not_done}: its group is being stopped"))),
                Restarted::Stopped => Some(Err(format!("{not_done}: it was stopped meanwhile"))),
                Restarted::Done => Some(Ok(Seen::Done(format!("agent {} (done)", agent.name)))),
                Restarted::Runs(pid) => {
                    let is = state(now.state);
                    if is >= until {
                        let state = now.state.name();
                        return Some(Ok(Seen::Done(format!("agent {} (pid {pid}, {state})", agent.name))));
                    }
                    last = format!(
                        "was {done} (pid {pid}), and is not {} in time: {}",
                        wanted(until),
                        words()
                    );
                    None
                }
            }
        });
        told.unwrap_or(Err(last))
    }

    fn see_group(&self, before: Option<u64>, id: GroupId, until: Until, deadline: Instant) -> Result<Seen, String> {
        let name = &self.stack.group(id).name;
        let mut last = "had its container restarted, but its supervisor does not answer".to_owned();
        let told = self.follow(id, deadline, &mut |status| {
            if before == Some(status.started_at_ms) {
                return None;
            }
            let mut view = View::default();
            view.update(id, status.clone());
            let progress = view.progress(self.stack, &[id], &[]);
            let healthy = status.agents.iter().filter(|agent| agent.state.is_good()).count();
            let done = match until {
                Until::Started => true,
                Until::Answering => view.all_answer(&[id]),
                Until::Healthy => progress == Progress::Healthy,
            };
            let so_far = format!("{healthy} of {} agents healthy so far", status.agents.len());
            if done {
                return Some(Ok(Seen::Done(format!(
                    "group {name}: its new supervisor answers, {so_far}"
                ))));
            }
            last = format!(
                "was restarted, and is not {} in time: {so_far}\n  hint: `cargo xtask status {name}` says why",
                wanted(until)
            );
            (progress == Progress::Failed).then(|| Err(last.replace(" in time", "")))
        });
        told.unwrap_or(Err(last))
    }

    /// Hands each document of a group on until one decides; nothing where none did by the deadline.
    fn follow<T>(
        &self,
        group: GroupId,
        deadline: Instant,
        decide: &mut dyn FnMut(&GroupStatus) -> Option<T>,
    ) -> Option<T> {
        let at = self.hosts.status(self.stack, group);
        let mut seen: Option<Snapshot> = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if process::interrupted() {
                return None;
            }
            let version = seen.as_ref().map(|seen| seen.version.as_str());
            let hold = if version.is_some() { HOLD.min(left) } else { LIMIT };
            match supervisor_status::fetch(&at, version, hold) {
                Ok(snapshot) => {
                    if let Some(decided) = decide(&snapshot.status) {
                        return Some(decided);
                    }
                    seen = Some(snapshot);
                }
                Err(_) => {
                    seen = None;
                    std::thread::sleep(PAUSE.min(left));
                }
            }
            if left.is_zero() {
                return None;
            }
        }
    }
}

fn of<'s>(status: &'s GroupStatus, agent: &str) -> Option<&'s AgentStatus> {
    status.agents.iter().find(|status| status.name == agent)
}

fn state(state: AgentState) -> Until {
    match state {
        AgentState::Healthy | AgentState::Done => Until::Healthy,
        AgentState::Answering => Until::Answering,
        _ => Until::Started,
    }
}

fn wanted(until: Until) -> &'static str {
    match until {
        Until::Started => "started",
        Until::Answering => "answering",
        Until::Healthy => "healthy",
    }
}

#[cfg(test)]
mod tests {
    use contract::status::AgentState;

    use super::{Until, state};

    #[test]
    fn an_agent_that_is_mute_is_started_and_no_more() {
        assert_eq!(state(AgentState::Mute), Until::Started);
        assert!(state(AgentState::Healthy) > state(AgentState::Answering));
    }
}
