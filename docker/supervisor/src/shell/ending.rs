//! How processes end: reaping, what keepers report, and children that nobody knows.

use std::time::Duration;

use contract::exit;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use super::{DRAIN, Shell};
use crate::keeper::link::{self, News, Report};
use crate::machine::plan::AgentId;
use crate::machine::{Ended, Event};
use crate::message::Message;
use crate::{processes, reap, spawn};

/// How long a keeper may take to obey when it is to kill: an agent may have stopped it.
const OVERDUE: Duration = Duration::from_secs(1);
/// How long the very last look for what is left may take.
const LAST: Duration = Duration::from_secs(2);

/// Where orders to a keeper go: once it has its first one.
pub(super) enum Orders {
    /// Not yet.
    Later(oneshot::Receiver<link::Orders>),
    /// There.
    Now(link::Orders),
    /// Never: it is gone.
    Gone,
}

impl Orders {
    fn get(&mut self) -> Option<&link::Orders> {
        if let Self::Later(later) = self {
            match later.try_recv() {
                Ok(orders) => *self = Self::Now(orders),
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => *self = Self::Gone,
            }
        }
        match self {
            Self::Now(orders) => Some(orders),
            Self::Later(_) | Self::Gone => None,
        }
    }
}

impl Shell {
    /// The agent's stop signal to its own process.
    pub(super) fn terminate(&mut self, agent: AgentId) {
        let signal = self.config.agents[agent].stop_signal;
        let process = self.processes.values_mut().find(|process| process.agent == agent);
        if let Some(orders) = process.and_then(|process| process.orders.get()) {
            orders.terminate(signal);
        }
    }

    /// SIGKILL to the agent and all that descends from it.
    pub(super) fn kill(&mut self, agent: AgentId) {
        let process = self.processes.values_mut().find(|process| process.agent == agent);
        let Some(process) = process else { return };
        let serial = process.serial;
        if let Some(orders) = process.orders.get() {
            orders.kill();
        }
        let sender = self.sender.clone();
        tokio::spawn(async move {
            sleep(OVERDUE).await;
            let _ = sender.send(Message::Overdue(serial));
        });
    }

    /// A keeper does not obey: it is killed, and what it kept with it.
    pub(super) fn overdue(&mut self, serial: u64) {
        let mut kept = self.processes.iter();
        if let Some((&keeper, _)) = kept.find(|(_, process)| process.serial == serial) {
            spawn::kill_one(keeper);
            self.strays = true;
        }
    }

    /// What a keeper says while its agent runs; true when all is done.
    pub(super) fn keeper(&mut self, agent: AgentId, news: &News) -> bool {
        match *news {
            News::Started(pid) => self.feed(Event::Spawned { agent, pid }),
            News::Lingers => {
                let name = &self.config.agents[agent].name;
                self.output.say(&format!(
                    "{name} has ended, and a process that it left does not end although it was killed: waiting for it"
                ));
                false
            }
        }
    }

    /// What an agent came to; true when all is done.
    pub(super) fn drained(&mut self, agent: AgentId, report: Report) -> bool {
        match report {
            Report::Failed(reason) => self.feed(Event::SpawnFailed { agent, reason }),
            Report::Ended(ended) => {
                let meaning = exit::meaning(ended.code, ended.signal, &self.observer.facts());
                let (stderr, stdout) = self.last_lines(agent);
                self.feed(Event::Exited {
                    agent,
                    ended,
                    meaning,
                    stderr,
                    stdout,
                })
            }
        }
    }

    pub(super) fn reap(&mut self) {
        let (reaped, _) = reap::reap();
        for (pid, ended) in reaped {
            self.ended(pid, ended);
        }
        self.sweep();
    }

    pub(super) fn ended(&mut self, pid: u32, ended: Ended) {
        let Some(process) = self.processes.remove(&pid) else {
            if self.warm.ended(pid, ended) || self.answered(pid) {
                // What a module started must not outlive it.
                self.strays = true;
            } else if self.warm.launching > 0 {
                self.early.insert(pid, ended);
            }
            return;
        };
        if ended.code != Some(0) {
            self.strays = true;
        }
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let end = Instant::now() + DRAIN;
            for reader in process.readers {
                let _ = timeout_at(end, reader).await;
            }
            let mut report = process.report;
            let report = match timeout_at(end, &mut report).await {
                Ok(Ok(Some(report))) => report,
                // The keeper was killed, and cannot tell.
                _ => {
                    report.abort();
                    Report::Ended(Ended {
                        code: None,
                        signal: None,
                    })
                }
            };
            let _ = sender.send(Message::Drained(process.agent, report));
        });
    }

    /// Kills children that nobody knows: what a keeper kept that was killed, or what an interpreter of our own left. Each one's end
    /// leads here again, until there is none.
    pub(super) fn sweep(&mut self) {
        // A keeper that the warm interpreter has just forked is not known yet.
        if self.strays && self.warm.launching == 0 {
            self.strays = self.kill_unknown();
        }
    }

    /// Whether it was an interpreter that was asked something, which is now forgotten.
    fn answered(&mut self, pid: u32) -> bool {
        let asked = self.questions.len();
        self.questions.retain(|question| *question != pid);
        self.questions.len() < asked
    }

    /// Whether there was any.
    fn kill_unknown(&self) -> bool {
        let me = std::process::id();
        let mut any = false;
        for child in processes::all() {
            let known = self.processes.contains_key(&child.pid)
                || self.warm.pid() == Some(child.pid)
                || self.questions.contains(&child.pid);
            if child.parent == me && child.state != 'Z' && !known {
                spawn::kill_one(child.pid);
                any = true;
            }
        }
        any
    }

    /// At the very end: nothing is left behind. The kernel does the same where this is PID 1 of a container.
    pub(super) async fn sweep_all(&mut self) {
        let end = Instant::now() + LAST;
        self.processes.clear();
        while Instant::now() < end {
            let (_, more) = reap::reap();
            if !more {
                return;
            }
            self.warm.kill();
            for child in processes::all() {
                if child.parent == std::process::id() {
                    spawn::kill_one(child.pid);
                }
            }
            sleep(Duration::from_millis(5)).await;
        }
    }
}
