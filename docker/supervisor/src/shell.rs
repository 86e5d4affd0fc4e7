//! The thin shell around the machine: one thread, one queue of messages. It turns signals, answers and requests into
//! events, and the machine's actions into system calls. It decides nothing.

mod elsewhere;
mod ending;
mod start_up;
mod starting;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::group_config::{Disclosure, GroupConfig, Start};
use contract::health::Check;
use contract::status::{AgentState, GroupStatus, PeerStatus, StartupCheck};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signalfd::SignalFd;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::address::{HostError, Target};
use crate::config::Loaded;
use crate::facts::Observer;
use crate::keeper::link::Report;
use crate::machine::plan::{AgentId, ElsewhereId, Plan, plan};
use crate::machine::{Action, Ended, Event, Machine};
use crate::mask::Masks;
use crate::message::Message;
use crate::output::Output;
use crate::tail::Tail;
use crate::warm::Warm;
use crate::{control, environment, http, kept, listening, probe, secrets, signals, standing};
use ending::Orders;

/// How long after an agent's end its output is waited for: a process that left its group may hold the pipe open.
const DRAIN: Duration = Duration::from_millis(200);

/// An agent's process, known by its keeper's id.
struct Process {
    /// No two have the same; ids of processes come again.
    serial: u64,
    agent: AgentId,
    readers: Vec<JoinHandle<()>>,
    report: JoinHandle<Option<Report>>,
    orders: Orders,
}

/// How an agent was started last.
#[derive(Debug, Clone, Default)]
struct Way {
    start: Option<Start>,
    plain_because: Option<String>,
    /// What it listened on when it was told to end because it was mute.
    listened_on: Vec<u16>,
}

/// Where a dependency elsewhere is asked.
#[derive(Debug, Clone)]
struct Away {
    name: String,
    /// Where its health is asked.
    health: Target,
    /// What is asked.
    check: Check,
    /// Whether its supervisor is asked instead.
    is_told: bool,
    /// Its supervisor's status endpoint.
    supervisor: Option<Target>,
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
    masks: Arc<Masks>,
    tails: Vec<Arc<Mutex<Tail>>>,
    processes: HashMap<u32, Process>,
    serial: u64,
    /// There may be children that nobody knows.
    strays: bool,
    /// The interpreter that looks for modules.
    questions: Vec<u32>,
    observer: Observer,
    forged: u64,
    ways: Vec<Way>,
    warm: Warm,
    /// Reaped while the warm interpreter was forking: one of them may turn out to be an agent's.
    early: HashMap<u32, Ended>,
    watchers: Vec<Option<JoinHandle<()>>>,
    elsewhere: Vec<Result<Away, HostError>>,
    peers: Vec<PeerStatus>,
}

/// Why the supervisor itself could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refuses something.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else has the status port.
    #[error(
        "cannot listen on the status port {port}: {source}; another supervisor or an agent has it, set status_port"
    )]
    StatusPort {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Another supervisor has the socket that is for processes from outside.
    #[error("cannot listen beside the status port {port}: {source}; another supervisor has it, set status_port")]
    Operators {
        /// The port.
        port: u16,
        /// What the system said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StartError {
    /// What could not be done, to be told why.
    fn on<E: std::error::Error + Send + Sync + 'static>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System {
            what,
            source: Box::new(error),
        }
    }
}

/// Supervises until told to stop. `Err`: the supervisor itself could not start.
pub fn run(loaded: Loaded) -> Result<(), StartError> {
    let signals = signals::block().map_err(StartError::on("handle signals"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Only names are looked up on other threads.
        .max_blocking_threads(2)
        .thread_stack_size(128 * 1024)
        .build()
        .map_err(StartError::on("start"))?;
    let result = runtime.block_on(supervise(loaded, signals));
    runtime.shutdown_background();
    result
}

async fn supervise(loaded: Loaded, signals: SignalFd) -> Result<(), StartError> {
    let start = Instant::now();
    let epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().try_into().unwrap_or(0));
    if std::process::id() != 1 {
        set_child_subreaper(true).map_err(StartError::on("adopt orphans"))?;
    }
    let config = Arc::new(loaded.config);
    let port = config.status_port;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .map_err(|source| StartError::StatusPort { port, source })?;
    let operators = control::listen(port).map_err(|error| StartError::Operators {
        port,
        source: error.into(),
    })?;
    let (sender, mut receiver) = mpsc::unbounded_channel();
    listen_for_signals(&sender, signals).map_err(StartError::on("handle signals"))?;
    let (known, problems) = secrets::known(&config);
    let output = Output::start(&config, known).map_err(StartError::on("start a thread"))?;
    for warning in loaded.warnings.iter().chain(&kept::prepare(&config)).chain(&problems) {
        output.say(&format!("warning: {warning}"));
    }

    let (plan, notes) = plan(&config);
    for note in notes {
        output.say(&note);
    }
    let elsewhere = away(&plan);
    // The version counts from the start time, so that no two supervisors of one group share one.
    let (version, _) = watch::channel(epoch);
    let server = http::Server::new(sender.clone(), &version);
    server.clone().serve(listener);
    control::serve(operators, server);
    let masks = Arc::new(masks(&config));
    let mut shell = Shell {
        machine: Machine::new(plan, epoch ^ u64::from(std::process::id()) << 32, epoch),
        output,
        sender,
        version,
        start,
        epoch,
        python: None,
        checks: Vec::new(),
        tails: config
            .agents
            .iter()
            .map(|_| Arc::new(Mutex::new(Tail::new(Arc::clone(&masks)))))
            .collect(),
        masks,
        processes: HashMap::new(),
        serial: 0,
        strays: false,
        questions: Vec::new(),
        observer: Observer::new(),
        forged: 0,
        ways: vec![Way::default(); config.agents.len()],
        warm: Warm::none("the warm interpreter was not started".to_owned()),
        early: HashMap::new(),
        watchers: config.agents.iter().map(|_| None).collect(),
        elsewhere,
        peers: Vec::new(),
        config,
    };
    shell.open_host_services().await;
    shell.open_bridges().await;
    shell.lead_ports().await;
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
    shell.sweep_all().await;
    shell.output.say(&format!(
        "all agents ended, leaving after {} s",
        start.elapsed().as_secs()
    ));
    shell.output.flush();
    Ok(())
}

/// Where the dependencies in other containers are, as far as their hosts can be told.
fn away(plan: &Plan) -> Vec<Result<Away, HostError>> {
    plan.elsewhere
        .iter()
        .map(|dependency| {
            let at = |port| Target::parse(&dependency.host, port, environment::variable);
            Ok(Away {
                name: dependency.name.clone(),
                health: at(dependency.port)?,
                check: dependency.check.clone(),
                is_told: dependency.is_told,
                supervisor: dependency.status_port.map(at).transpose()?,
            })
        })
        .collect()
}

fn listen_for_signals(sender: &mpsc::UnboundedSender<Message>, orders: SignalFd) -> io::Result<()> {
    let mut ended = signal(SignalKind::child())?;
    let to_loop = sender.clone();
    tokio::spawn(async move { while ended.recv().await.is_some() && to_loop.send(Message::ChildEnded).is_ok() {} });
    let to_loop = sender.clone();
    signals::listen(orders, move |order| {
        let _ = to_loop.send(match order {
            signals::Order::Stop => Message::Event(Event::Stop),
            signals::Order::Forged(pid) => Message::Forged(pid),
        });
    })
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
            Message::Keeper(agent, news) => return self.keeper(agent, &news),
            Message::Drained(agent, report) => return self.drained(agent, report),
            Message::Overdue(serial) => self.overdue(serial),
            Message::Forged(pid) => self.forged(pid),
            Message::Modules(asked, missing) => self.modules(&asked, missing),
            Message::Torch(answer) => self.torch(answer.as_deref()),
            Message::Peer(peer, seen) => {
                self.peer(peer, seen);
                return self.feed(Event::Changed);
            }
            Message::Status(reply) => {
                let _ = reply.send((self.machine.version(), self.status()));
            }
            Message::Order(order, name, reply) => {
                let found = self.config.agents.iter().position(|a| a.name == name);
                let prospect = match found {
                    None => Err(format!("no agent `{name}` in this group")),
                    Some(agent) => self.machine.prospect(order, agent),
                };
                let goes_on = prospect.is_ok();
                let _ = reply.send(prospect);
                if let Some(agent) = found.filter(|_| goes_on) {
                    return self.feed(Event::Order(order, agent));
                }
            }
        }
        false
    }

    /// Steps the machine, does what it says, and feeds back what comes of it; true when all is done.
    fn feed(&mut self, event: Event) -> bool {
        if matches!(event, Event::Tick | Event::Answered { .. } | Event::Spawned { .. }) {
            self.observer.look();
        }
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
            Action::Terminate(agent) => {
                self.ways[agent].listened_on = self.listens_on(agent).unwrap_or_default();
                self.terminate(agent);
            }
            Action::Kill(agent) => self.kill(agent),
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

    fn watch(&mut self, agent: AgentId, run: u32, until_answer: bool) {
        let config = &self.config.agents[agent];
        // What is led elsewhere takes connections even while nobody is there.
        let Some(target) = config.asked_port().map(|port| Target::loopback(config.bound(port))) else {
            return;
        };
        let check = config.health.clone();
        let patience = Duration::from_millis(self.config.supervision.health_timeout_ms);
        let sender = self.sender.clone();
        let watcher = tokio::spawn(async move {
            let silent = |reason| {
                let event = Event::NoAnswer { agent, run, reason };
                let _ = sender.send(Message::Event(event));
            };
            if until_answer {
                probe::until_answer(&check, &target, patience, probe::Pace::LOCAL, silent).await;
            } else if let Err(seen) = probe::ask(&check, &target, patience).await {
                silent(seen.to_string());
                return;
            }
            let _ = sender.send(Message::Event(Event::Answered { agent, run }));
        });
        if let Some(former) = self.watchers[agent].replace(watcher) {
            former.abort();
        }
    }

    fn await_elsewhere(&self, id: ElsewhereId) -> Option<Event> {
        let away = match &self.elsewhere[id] {
            Ok(away) => away.clone(),
            Err(problem) => return Some(Event::ElsewhereSilent(id, problem.to_string())),
        };
        let patience = Duration::from_millis(self.config.supervision.health_timeout_ms);
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let tell = |event| {
                let _ = sender.send(Message::Event(event));
            };
            let silent = |reason| tell(Event::ElsewhereSilent(id, reason));
            let answer = async {
                match away.supervisor.clone().filter(|_| away.is_told) {
                    Some(supervisor) => standing::until_up(supervisor, away.name.clone(), patience, silent).await,
                    None => {
                        let pace = probe::Pace::ELSEWHERE;
                        probe::until_answer(&away.check, &away.health, patience, pace, silent).await;
                    }
                }
            };
            let follower = away.supervisor.clone().map(|supervisor| {
                let (sender, name) = (sender.clone(), away.name.clone());
                tokio::spawn(standing::follow(supervisor, name, patience, move |failure| {
                    let _ = sender.send(Message::Event(Event::ElsewhereFailed(id, failure)));
                }))
            });
            answer.await;
            if let Some(follower) = follower {
                follower.abort();
            }
            tell(Event::ElsewhereAnswered(id));
        });
        None
    }

    /// A process of this container wants the supervisor to stop. It is said, but not for ever.
    fn forged(&mut self, pid: u32) {
        self.forged += 1;
        if self.forged.is_power_of_two() {
            self.output.say(&format!(
                "ignored an order to stop from process {pid} inside this container (the {}. time): only the outside stops it",
                self.forged
            ));
        }
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis().try_into().unwrap_or(0)
    }

    /// The last lines of stderr, and of stdout.
    fn last_lines(&self, agent: AgentId) -> (Vec<String>, Vec<String>) {
        let tail = self.tails[agent].lock().unwrap_or_else(PoisonError::into_inner);
        (tail.stderr(), tail.stdout())
    }

    /// What a mute agent listens on; nothing for one that is not mute.
    fn listens_on(&self, agent: AgentId) -> Option<Vec<u16>> {
        self.machine.mute(agent).map(listening::ports)
    }

    fn status(&self) -> GroupStatus {
        let mut status = self.machine.status(self.epoch, self.now());
        status.checks.clone_from(&self.checks);
        status.peers.clone_from(&self.peers);
        for (id, agent) in status.agents.iter_mut().enumerate() {
            agent.start = self.ways[id].start;
            agent.plain_because.clone_from(&self.ways[id].plain_because);
            agent.listens_on = match agent.state {
                AgentState::Mute => self.listens_on(id).unwrap_or_default(),
                AgentState::Backoff | AgentState::Failed => self.ways[id].listened_on.clone(),
                _ => Vec::new(),
            };
            match self.config.disclosure {
                Disclosure::States => {
                    // Neither what it printed nor what reasons quote of it.
                    agent.reason = None;
                    agent.plain_because = None;
                }
                Disclosure::Masked | Disclosure::Full => {
                    agent.last_stderr = self.last_lines(id).0;
                    agent.reason = agent
                        .reason
                        .take()
                        .map(|reason| self.masks.apply(&self.output.without_secrets(&reason)));
                }
            }
        }
        status
    }
}

/// The secrets of a group's agents: what is given to them under a secret name. Nothing is masked where all is to be told.
fn masks(config: &GroupConfig) -> Masks {
    if config.disclosure == Disclosure::Full {
        return Masks::none();
    }
    let all: Vec<(String, String)> = environment::of_agents()
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let given = config
        .agents
        .iter()
        .flat_map(|agent| agent.environment.iter().chain(&agent.params));
    let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
    Masks::of(
        all.iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain(given),
    )
}
