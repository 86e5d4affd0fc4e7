//! How agents are started: forked from the warm interpreter, which answers later, or plainly, at once.

use std::sync::PoisonError;

use contract::group_config::Start;
use tokio::sync::oneshot;

use super::{Orders, Process, Shell, Way};
use crate::keeper::link;
use crate::machine::Event;
use crate::machine::plan::AgentId;
use crate::message::Message;
use crate::output::Stream;
use crate::spawn::{self, Kept};
use crate::{checks, warm};

impl Shell {
    /// Starts the warm interpreter where an agent wishes to be forked.
    pub(super) fn start_warm(&mut self) {
        let wished = |start: Option<Start>| start.unwrap_or(self.config.start) == Start::Warm;
        let Some(python) = &self.python else { return };
        if !self.config.agents.iter().any(|agent| wished(agent.start)) {
            return;
        }
        let sender = self.sender.clone();
        self.warm = warm::Warm::start(&self.config, python, move |news| {
            let _ = sender.send(Message::Warm(news));
        });
    }

    /// Starts an agent; nothing where the warm interpreter will tell.
    pub(super) fn spawn(&mut self, agent: AgentId) -> Option<Event> {
        let config = &self.config.agents[agent];
        // Looked at again: the file may have gone, or come before an operator's restart.
        if let Some(problem) = checks::script_problem(&self.config, &config.script_path) {
            let reason = format!("script {}: {problem}", config.script_path);
            return Some(Event::Unstartable { agent, reason });
        }
        let Some(python) = &self.python else {
            let reason = format!("interpreter {} not found", self.config.python);
            return Some(Event::Unstartable { agent, reason });
        };
        match self.warm.way(&self.config, config) {
            warm::Way::Plain(because) => self.spawn_plainly(agent, because),
            warm::Way::Warm => {
                let mut words = vec![python.display().to_string()];
                words.extend(spawn::arguments(&self.config, config));
                let problem = self.warm.launch(agent, words).err()?;
                self.spawn_plainly(agent, Some(problem.to_string()))
            }
        }
    }

    fn spawn_plainly(&mut self, agent: AgentId, because: Option<String>) -> Option<Event> {
        let config = &self.config.agents[agent];
        let Some(python) = &self.python else {
            let reason = format!("interpreter {} not found", self.config.python);
            return Some(Event::Unstartable { agent, reason });
        };
        if let Some(because) = &because {
            self.output
                .say(&format!("{} is started plainly: {because}", config.name));
        }
        match spawn::agent(&self.config, config, python) {
            Ok(kept) => {
                self.ways[agent] = Way {
                    start: Some(Start::Plain),
                    plain_because: because,
                    listened_on: Vec::new(),
                };
                self.follow(agent, kept);
                None
            }
            Err(error) => {
                let reason = error.to_string();
                Some(Event::SpawnFailed { agent, reason })
            }
        }
    }

    /// An agent's keeper is there: listens to it, and reads what the agent prints.
    fn follow(&mut self, agent: AgentId, kept: Kept) {
        let name = &self.config.agents[agent].name;
        let tail = &self.tails[agent];
        tail.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let Kept {
            keeper,
            mut link,
            order,
        } = kept;
        let pipes = [(Some(keeper.stdout), Stream::Stdout), (keeper.stderr, Stream::Stderr)];
        let mut readers = Vec::new();
        for (pipe, stream) in pipes {
            let Some(pipe) = pipe else { continue };
            match self.output.follow(pipe, agent, name, stream, tail) {
                Ok(reader) => readers.push(reader),
                Err(error) => self.output.say(&format!("cannot read the output of {name}: {error}")),
            }
        }
        let sender = self.sender.clone();
        let (to_keeper, orders) = oneshot::channel();
        let report = tokio::spawn(async move {
            // Where it fails, the keeper is gone, which is told by its end.
            let _ = link::order(&mut link, &order).await;
            let (said, ours) = link::split(link);
            let _ = to_keeper.send(ours);
            link::listen(said, |news| {
                let _ = sender.send(Message::Keeper(agent, news));
            })
            .await
        });
        self.serial += 1;
        let process = Process {
            serial: self.serial,
            agent,
            readers,
            report,
            orders: Orders::Later(orders),
        };
        self.processes.insert(keeper.pid, process);
    }

    /// What the warm interpreter did; true when all is done.
    pub(super) fn news(&mut self, news: warm::News) -> bool {
        match news {
            warm::News::Ready(took, modules) => {
                let noun = if modules == 1 { "module" } else { "modules" };
                self.output.say(&format!(
                    "the warm interpreter imported {modules} {noun} in {} ms",
                    took.as_millis()
                ));
                false
            }
            warm::News::Lost(why) => {
                if !self.machine.is_stopping() {
                    self.output
                        .say(&format!("agents are started plainly from now on: {why}"));
                }
                self.warm.lose(why);
                false
            }
            warm::News::Launched(agent, result) => self.launched(agent, result),
        }
    }

    fn launched(&mut self, agent: AgentId, result: Result<Kept, warm::Failure>) -> bool {
        self.warm.launching = self.warm.launching.saturating_sub(1);
        let mut started = None;
        let event = match result {
            Ok(kept) => {
                self.ways[agent] = Way {
                    start: Some(Start::Warm),
                    plain_because: None,
                    listened_on: Vec::new(),
                };
                started = Some(kept.keeper.pid);
                self.follow(agent, kept);
                None
            }
            Err(warm::Failure::Lost(why)) if !self.machine.is_stopping() => self.spawn_plainly(agent, Some(why)),
            Err(warm::Failure::Lost(reason) | warm::Failure::Fork(reason)) => {
                Some(Event::SpawnFailed { agent, reason })
            }
        };
        let finished = event.is_some_and(|event| self.feed(event));
        // It may have ended before we knew that it was the agent's keeper.
        if let Some(pid) = started
            && let Some(ended) = self.early.remove(&pid)
        {
            self.ended(pid, ended);
        }
        if self.warm.launching == 0 {
            self.early.clear();
        }
        self.sweep();
        finished
    }
}
