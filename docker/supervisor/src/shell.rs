//! The thin shell around the machine: one thread, one queue of messages. It turns signals, answers and requests into
//! events, and the machine's actions into system calls. It decides nothing.

mod elsewhere;
mod start_up;
mod starting;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::group_config::{GroupConfig, Start};
use contract::status::{GroupStatus, PeerStatus, StartupCheck};
use nix::sys::prctl::set_child_subreaper;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::address::Target;
use crate::config::Loaded;
use crate::machine::plan::{AgentId, ElsewhereId, plan};
use crate::machine::{Action, Ended, Event, Machine};
use crate::message::Message;
use crate::output::{Output, Tail};
use crate::warm::Warm;
use crate::{http, probe, reap, spawn};

/// How long after an agent's end its output is waited for: a process that left its group may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(200);

struct Process {
    agent: AgentId,
    readers: Vec<JoinHandle<()>>,
}

/// How an agent was started last.
#[derive(Debug, Clone, Default)]
struct Way {
    start: Option<Start>,
    plain_because: Option<String>,
}

struct Shell {
    config: Arc<GroupConfig>,
    machine: Machine,
    output: Output,
    sender: mpsc::UnboundedSender<Message>,
    version: watch::Sender<u64>,
    start: Instant,
    epoch: u64,
    python: Option<PathBuf>,
    checks: Vec<StartupCheck>,
    tails: Vec<Tail>,
    processes: HashMap<u32, Process>,
    ways: Vec<Way>,
    warm: Warm,
    /// Reaped while the warm interpreter was forking: one of them may turn out to be an agent's.
    early: HashMap<u32, Ended>,
    watchers: Vec<Option<JoinHandle<()>>>,
    elsewhere: Vec<Result<Target, String>>,
    peers: Vec<PeerStatus>,
}

/// Supervises until told to stop. `Err`: the supervisor itself could not start.
pub fn run(loaded: Loaded) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Only names are looked up on other threads.
        .max_blocking_threads(2)
        .thread_stack_size(128 * 1024)
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let result = runtime.block_on(supervise(loaded));
    runtime.shutdown_background();
    result
}

async fn supervise(loaded: Loaded) -> Result<(), String> {
    let start = Instant::now();
    let epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().try_into().unwrap_or(0));
    if std::process::id() != 1 {
        set_child_subreaper(true).map_err(|error| format!("cannot adopt orphans: {error}"))?;
    }
    let config = Arc::new(loaded.config);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, config.status_port))
        .await
        .map_err(|error| {
            format!(
                "cannot listen on the status port {}: {error}; another supervisor or an agent has it, set status_port",
                config.status_port
            )
        })?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    listen_for_signals(&sender).map_err(|error| format!("cannot handle signals: {error}"))?;
    let output = Output::start(&config).map_err(|error| format!("cannot start a thread: {error}"))?;
    for warning in &loaded.warnings {
        output.say(&format!("warning: {warning}"));
    }

    let (plan, notes) = plan(&config);
    for note in notes {
        output.say(&note);
    }
    let environment = |name: &str| std::env::var(name).ok();
    let elsewhere = plan
        .elsewhere
        .iter()
        .map(|dependency| Target::parse(&dependency.host, dependency.port, environment))
        .collect();
    // The version counts from the start time, so that no two supervisors of one group share one.
    let (version, _) = watch::channel(epoch);
    http::serve(listener, sender.clone(), &version);
    let mut shell = Shell {
        machine: Machine::new(plan, epoch ^ u64::from(std::process::id()) << 32, epoch),
        output,
        sender,
        version,
        start,
        epoch,
        python: None,
        checks: Vec::new(),
        tails: config.agents.iter().map(|_| Tail::default()).collect(),
        processes: HashMap::new(),
        ways: vec![Way::default(); config.agents.len()],
        warm: Warm::none("the warm interpreter was not started".to_owned()),
        early: HashMap::new(),
        watchers: config.agents.iter().map(|_| None).collect(),
        elsewhere,
        peers: Vec::new(),
        config,
    };
    shell.open_bridges().await;
    shell.watch_peers();
    shell.start_up_check();
    shell.start_warm();
    shell.feed(Event::Begin);
    loop {
        let message = match shell.machine.deadline() {
            Some(at) => timeout_at(start + Duration::from_millis(at), receiver.recv()).await,
            None => Ok(receiver.recv().await),
        };
        let finished = match message {
            Ok(Some(message)) => shell.take(message),
            Ok(None) => true,
            Err(_) => shell.feed(Event::Tick),
        };
        if finished {
            break;
        }
    }
    shell.output.say(&format!(
        "all agents ended, leaving after {} s",
        start.elapsed().as_secs()
    ));
    shell.output.flush();
    Ok(())
}

fn listen_for_signals(sender: &mpsc::UnboundedSender<Message>) -> io::Result<()> {
    let stops = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit()];
    for kind in stops.into_iter().chain([SignalKind::child()]) {
        let mut stream = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                let message = if kind == SignalKind::child() {
                    Message::ChildEnded
                } else {
                    Message::Event(Event::Stop)
                };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
    }
    Ok(())
}

impl Shell {
    /// Handles one message; true when all is done.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Event(Event::Stop) => {
                self.warm.kill();
                return self.feed(Event::Stop);
            }
            Message::Event(event) => return self.feed(event),
            Message::Warm(news) => return self.news(news),
            Message::ChildEnded => self.reap(),
            Message::Drained(agent, ended) => {
                let stderr = self.last_stderr(agent);
                return self.feed(Event::Exited { agent, ended, stderr });
            }
            Message::Modules(asked, missing) => self.modules(&asked, missing),
            Message::Peer(peer, seen) => {
                self.peer(peer, seen);
                return self.feed(Event::Changed);
            }
            Message::Status(reply) => {
                let _ = reply.send((self.machine.version(), self.status()));
            }
            Message::Restart(name, reply) => {
                let found = self.config.agents.iter().position(|a| a.name == name);
                let _ = reply.send(match found {
                    _ if self.machine.is_stopping() => Err("the supervisor is stopping".to_owned()),
                    None => Err(format!("no agent `{name}` in this group")),
                    Some(_) => Ok(()),
                });
                if let Some(agent) = found {
                    return self.feed(Event::Restart(agent));
                }
            }
        }
        false
    }

    /// Steps the machine, does what it says, and feeds back what comes of it; true when all is done.
    fn feed(&mut self, event: Event) -> bool {
        let mut finished = false;
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.machine.step(event, self.now()) {
                finished |= action == Action::Finish;
                events.extend(self.perform(action));
            }
        }
        let version = self.machine.version();
        self.version
            .send_if_modified(|known| std::mem::replace(known, version) != version);
        finished
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Spawn(agent) => return self.spawn(agent),
            Action::Terminate(agent) => self.signal(agent, spawn::terminate),
            Action::Kill(agent) => self.signal(agent, spawn::kill_group),
            Action::Await { agent, run } => self.watch(agent, run, true),
            Action::Check { agent, run } => self.watch(agent, run, false),
            Action::Unwatch(agent) => {
                if let Some(watcher) = self.watchers[agent].take() {
                    watcher.abort();
                }
            }
            Action::AwaitElsewhere(id) => return self.await_elsewhere(id),
            Action::Log(line) => self.output.say(&line),
            Action::Finish => {}
        }
        None
    }

    fn signal(&self, agent: AgentId, send: impl Fn(u32)) {
        // Not to a pid that is reaped already: it may be another process's by now.
        if let Some(pid) = self.machine.pid(agent)
            && self.processes.contains_key(&pid)
        {
            send(pid);
        }
    }

    fn watch(&mut self, agent: AgentId, run: u32, until_answer: bool) {
        let target = Target::loopback(self.config.agents[agent].health_port());
        let patience = Duration::from_millis(self.config.supervision.health_timeout_ms);
        let sender = self.sender.clone();
        let watcher = tokio::spawn(async move {
            let silent = |reason| {
                let event = Event::NoAnswer { agent, run, reason };
                let _ = sender.send(Message::Event(event));
            };
            if until_answer {
                probe::until_answer(&target, patience, probe::Pace::LOCAL, silent).await;
            } else if let Err(reason) = probe::ask(&target, patience).await {
                silent(reason);
                return;
            }
            let _ = sender.send(Message::Event(Event::Answered { agent, run }));
        });
        if let Some(former) = self.watchers[agent].replace(watcher) {
            former.abort();
        }
    }

    fn await_elsewhere(&self, id: ElsewhereId) -> Option<Event> {
        let target = match &self.elsewhere[id] {
            Ok(target) => target.clone(),
            Err(problem) => return Some(Event::ElsewhereSilent(id, problem.clone())),
        };
        let patience = Duration::from_millis(self.config.supervision.health_timeout_ms);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let silent = |reason| {
                let _ = sender.send(Message::Event(Event::ElsewhereSilent(id, reason)));
            };
            probe::until_answer(&target, patience, probe::Pace::ELSEWHERE, silent).await;
            let _ = sender.send(Message::Event(Event::ElsewhereAnswered(id)));
        });
        None
    }

    fn reap(&mut self) {
        for (pid, ended) in reap::reap() {
            let Some(pid) = pid else {
                self.find_lost(ended);
                continue;
            };
            self.ended(pid, ended);
        }
    }

    /// A process was reaped whose pid is unknown: it is whichever of ours is gone.
    fn find_lost(&mut self, ended: Ended) {
        let gone: Vec<u32> = self
            .processes
            .keys()
            .copied()
            .filter(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
            .collect();
        for pid in gone {
            self.ended(pid, ended);
        }
    }

    fn ended(&mut self, pid: u32, ended: Ended) {
        let Some(process) = self.processes.remove(&pid) else {
            if !self.warm.ended(pid, ended) && self.warm.launching > 0 {
                self.early.insert(pid, ended);
            }
            return;
        };
        // What the agent forked must not outlive it: it would hold its ports.
        spawn::kill_group(pid);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let end = Instant::now() + DRAIN;
            for reader in process.readers {
                let _ = timeout_at(end, reader).await;
            }
            let _ = sender.send(Message::Drained(process.agent, ended));
        });
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis().try_into().unwrap_or(0)
    }

    fn last_stderr(&self, agent: AgentId) -> Vec<String> {
        let tail = self.tails[agent].lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().cloned().collect()
    }

    fn status(&self) -> GroupStatus {
        let mut status = self.machine.status(self.epoch, self.now());
        status.checks.clone_from(&self.checks);
        status.peers.clone_from(&self.peers);
        for (id, agent) in status.agents.iter_mut().enumerate() {
            agent.last_stderr = self.last_stderr(id);
            agent.start = self.ways[id].start;
            agent.plain_because.clone_from(&self.ways[id].plain_because);
        }
        status
    }
}
