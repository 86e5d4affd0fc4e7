//! The thin shell around the machine: one thread, one queue of messages. It turns signals, answers and requests into
//! events, and the machine's actions into system calls. It decides nothing. `starting` has how agents are started.

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
use tokio::net::unix::pipe::Receiver;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use crate::address::Target;
use crate::checks::{self, describe};
use crate::config::Loaded;
use crate::machine::plan::{AgentId, ElsewhereId, plan};
use crate::machine::{Action, Ended, Event, Machine};
use crate::output::{Output, Tail};
use crate::warm::{News, Warm};
use crate::{bridge, http, peers, probe, reap, spawn};

/// How long after an agent's end its output is waited for: a process that left its group may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(200);
/// How long the interpreter may take to look for modules.
const MODULES: Duration = Duration::from_secs(60);

/// What reaches the one loop.
#[derive(Debug)]
pub enum Message {
    /// Something for the machine.
    Event(Event),
    /// SIGCHLD.
    ChildEnded,
    /// An agent's process was reaped and its output read.
    Drained(AgentId, Ended),
    /// The interpreter said which modules it does not find; `None`: it failed.
    Modules(Vec<String>, Option<Vec<String>>),
    /// The warm interpreter did something.
    Warm(News),
    /// Whether a peer can be reached, or why not.
    Peer(usize, Result<(), String>),
    /// Somebody wants the status document, with its version.
    Status(oneshot::Sender<(u64, GroupStatus)>),
    /// Somebody wants an agent restarted.
    Restart(String, oneshot::Sender<Result<(), String>>),
}

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

    async fn open_bridges(&self) {
        let mut open = 0_usize;
        for entry in &self.config.loopback_bridges {
            for &port in &entry.ports {
                let result = match Target::parse(&entry.host, port, |name| std::env::var(name).ok()) {
                    Ok(target) => bridge::open(port, target).await,
                    Err(problem) => Err(problem),
                };
                match result {
                    Ok(()) => open += 1,
                    Err(problem) => self
                        .output
                        .say(&format!("cannot bridge 127.0.0.1:{port} to {}: {problem}", entry.agent)),
                }
            }
        }
        if open > 0 {
            let noun = if open == 1 { "port" } else { "ports" };
            self.output
                .say(&format!("bridging {open} loopback {noun} to their owners"));
        }
    }

    /// Agents of other machines, by the port that is bridged.
    fn watch_peers(&mut self) {
        for entry in &self.config.loopback_bridges {
            let (Some(machine), Some(&port)) = (&entry.machine, entry.ports.first()) else {
                continue;
            };
            let index = self.peers.len();
            let target = Target::parse(&entry.host, port, |name| std::env::var(name).ok());
            self.peers.push(PeerStatus {
                agent: entry.agent.clone(),
                machine: machine.clone(),
                address: target.as_ref().map_or_else(|_| entry.host.clone(), ToString::to_string),
                reachable: target.as_ref().err().map(|_| false),
                since_ms: self.epoch,
                reason: target.as_ref().err().cloned(),
            });
            if let Ok(target) = target {
                let sender = self.sender.clone();
                tokio::spawn(peers::watch(target, move |seen| {
                    let _ = sender.send(Message::Peer(index, seen));
                }));
            }
        }
    }

    fn peer(&mut self, index: usize, seen: Result<(), String>) {
        let now = self.epoch + self.now();
        let peer = &mut self.peers[index];
        let reachable = Some(seen.is_ok());
        if peer.reachable != reachable {
            let who = format!("{} on {} ({})", peer.agent, peer.machine, peer.address);
            match &seen {
                Ok(()) => self.output.say(&format!("reaches {who}")),
                Err(reason) => self.output.say(&format!("cannot reach {who}: {reason}")),
            }
            peer.since_ms = now;
        }
        peer.reachable = reachable;
        peer.reason = seen.err();
    }

    fn start_up_check(&mut self) {
        let report = checks::check(&self.config, |name| std::env::var(name).ok());
        for check in &report.checks {
            self.output.say(&describe(check));
        }
        self.checks = report.checks;
        self.python = report.python;
        for (agent, reason) in report.unstartable {
            self.feed(Event::Unstartable { agent, reason });
        }
        for required in report.failures {
            self.feed(Event::CheckFailed { required });
        }
        if !report.unknown_modules.is_empty() {
            self.ask_for_modules(report.unknown_modules);
        }
    }

    /// Starts the interpreter to look for modules, beside the agents. `reap` takes its end; here only its words count.
    fn ask_for_modules(&self, modules: Vec<String>) {
        let Some(python) = &self.python else { return };
        let words = checks::module_question(&modules);
        let pipe = spawn::python_line(&self.config, python, &words)
            .and_then(|started| Ok((started.pid, Receiver::from_owned_fd(started.stdout)?)));
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let missing = match pipe {
                Ok((pid, pipe)) => {
                    let text = timeout(MODULES, read_all(pipe)).await.ok();
                    if text.is_none() {
                        spawn::kill_group(pid);
                    }
                    text.and_then(|text| {
                        let said = text.strip_suffix("done\n")?;
                        Some(said.lines().map(str::to_owned).collect())
                    })
                }
                Err(_) => None,
            };
            let _ = sender.send(Message::Modules(modules, missing));
        });
    }

    fn modules(&mut self, asked: &[String], missing: Option<Vec<String>>) {
        for module in asked {
            let check = match &missing {
                Some(missing) => checks::module_check(module, !missing.contains(module)),
                None => StartupCheck {
                    name: format!("module {module}"),
                    ok: false,
                    detail: "the interpreter could not be asked".to_owned(),
                },
            };
            self.output.say(&describe(&check));
            let ok = check.ok;
            self.checks.push(check);
            if !ok {
                self.feed(Event::CheckFailed { required: true });
            }
        }
    }
}

async fn read_all(pipe: Receiver) -> String {
    let mut text = Vec::new();
    let mut chunk = [0_u8; 1024];
    while text.len() < 64 * 1024 && pipe.readable().await.is_ok() {
        match pipe.try_read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => text.extend(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
