//! Warm starts: one interpreter per group imports what its agents share, and forks each of them.
//!
//! `launcher.py` is that interpreter's program, `wire` what is said on the socket to it, `talk` the conversation; here is
//! what the shell knows of it. Wherever a warm start is not possible, the agent is started plainly, and it is said why.

mod talk;
mod wire;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use contract::group_config::{Agent, GroupConfig, Start};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;

use crate::machine::Ended;
use crate::machine::plan::AgentId;
use crate::spawn::{self, Kept};
use talk::Talk;
pub use wire::parse;

/// The program of the warm interpreter.
const LAUNCHER: &str = include_str!("launcher.py");
/// Executes it in a namespace of its own: `__main__` is the agents'.
const BOOT: &str = "exec(__import__('sys').argv[1], {'__name__': 'warm'})";

/// What the warm interpreter did.
#[derive(Debug)]
pub enum News {
    /// It imported that many modules, in that time.
    Ready(Duration, usize),
    /// It is of no use any more.
    Lost(String),
    /// An agent's process was forked, or not.
    Launched(AgentId, Result<Kept, Failure>),
}

/// Why no process was forked.
#[derive(Debug)]
pub enum Failure {
    /// The system refused.
    Fork(String),
    /// The warm interpreter is of no use any more.
    Lost(String),
}

/// What the conversation is told.
enum Order {
    /// Fork an agent.
    Start(Request),
    /// The warm interpreter was reaped.
    Ended(Ended),
}

/// An agent to be forked.
struct Request {
    agent: AgentId,
    words: Vec<String>,
    /// The agent's stdout and stderr, and its keeper's socket.
    theirs: [OwnedFd; 3],
    readers: [OwnedFd; 2],
    link: tokio::net::UnixStream,
}

/// How an agent is to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Forked.
    Warm,
    /// By itself; with the reason where a warm start was wished.
    Plain(Option<String>),
}

/// What is known of the warm interpreter.
#[derive(Debug)]
pub struct Warm {
    orders: Option<mpsc::UnboundedSender<Order>>,
    /// While it is not reaped.
    pid: Option<u32>,
    /// Why it is of no use.
    lost: String,
    /// Requests without an answer yet.
    pub launching: usize,
}

impl Warm {
    /// No warm interpreter, for that reason.
    #[must_use]
    pub fn none(why: String) -> Self {
        Self {
            orders: None,
            pid: None,
            lost: why,
            launching: 0,
        }
    }

    /// Starts the warm interpreter; `tell` gets its news.
    #[must_use]
    pub fn start(config: &GroupConfig, python: &Path, tell: impl Fn(News) + Send + Sync + 'static) -> Self {
        let (orders, receiver) = mpsc::unbounded_channel();
        match begin(config, python, receiver) {
            Ok((pid, talk)) => {
                tokio::spawn(talk.serve(tell));
                Self {
                    orders: Some(orders),
                    pid: Some(pid),
                    lost: String::new(),
                    launching: 0,
                }
            }
            Err(error) => Self::none(format!("the warm interpreter could not be started: {error}")),
        }
    }

    /// How an agent is to be started.
    #[must_use]
    pub fn way(&self, config: &GroupConfig, agent: &Agent) -> Way {
        if agent.start.unwrap_or(config.start) == Start::Plain {
            return Way::Plain(None);
        }
        let why = if !agent.environment.is_empty() || !agent.secrets.is_empty() {
            // Modules that are imported already may have looked at it.
            "it has an environment of its own"
        } else if agent.module.is_some() {
            "it is run as a module"
        } else if !has_extension(&agent.script_path) {
            "its script is no `.py` file"
        } else if self.orders.is_none() {
            &self.lost
        } else {
            return Way::Warm;
        };
        Way::Plain(Some(why.to_owned()))
    }

    /// Asks for an agent's process; `Launched` will tell of it.
    pub fn launch(&mut self, agent: AgentId, words: Vec<String>) -> io::Result<()> {
        if words.iter().any(|word| word.contains('\0')) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a word of the command line holds a NUL",
            ));
        }
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let (link, keepers) = spawn::link()?;
        let request = Request {
            agent,
            words,
            theirs: [stdout_writer.into(), stderr_writer.into(), keepers],
            readers: [stdout.into(), stderr.into()],
            link,
        };
        let orders = self.orders.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        orders
            .send(Order::Start(request))
            .map_err(|_| io::Error::other("the warm interpreter is gone"))?;
        self.launching += 1;
        Ok(())
    }

    /// It is of no use any more.
    pub fn lose(&mut self, why: String) {
        self.kill();
        self.orders = None;
        self.lost = why;
    }

    /// Its process id, while it is not reaped.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether that process was the warm interpreter, which ended.
    pub fn ended(&mut self, pid: u32, ended: Ended) -> bool {
        if self.pid != Some(pid) {
            return false;
        }
        self.pid = None;
        // What a module started must not outlive it.
        spawn::kill_group(pid);
        if let Some(orders) = &self.orders {
            // The conversation may be over already.
            let _ = orders.send(Order::Ended(ended));
        }
        true
    }

    /// Ends it at once: nothing is started any more.
    pub fn kill(&self) {
        if let Some(pid) = self.pid {
            spawn::kill_group(pid);
        }
    }
}

fn has_extension(script: &str) -> bool {
    Path::new(script).extension().is_some_and(|extension| extension == "py")
}

fn begin(config: &GroupConfig, python: &Path, orders: mpsc::UnboundedReceiver<Order>) -> io::Result<(u32, Talk)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let link = tokio::net::UnixStream::from_std(ours)?;
    let words = [BOOT, LAUNCHER].map(str::to_owned);
    let started = spawn::launcher(config, python, words, theirs.into(), &config.preload)?;
    let mut printed = vec![Receiver::from_owned_fd(started.stdout)?];
    if let Some(stderr) = started.stderr {
        printed.push(Receiver::from_owned_fd(stderr)?);
    }
    let talk = Talk {
        link,
        printed,
        patience: Duration::from_millis(config.supervision.preload_timeout_ms),
        orders,
        modules: config.preload.len(),
    };
    Ok((started.pid, talk))
}

#[cfg(test)]
mod tests {
    use contract::group_config::{GroupConfig, Start};

    use super::{Warm, Way};

    #[test]
    fn an_agent_is_started_plainly_where_it_could_tell_the_difference() {
        let text = "start: warm\nagents:\n- {name: A, script_path: a.py, port: 5}\n\
                    - {name: B, script_path: b.pyz, port: 15}\n\
                    - {name: C, script_path: c.py, port: 25, environment: {A: b}}\n\
                    - {name: D, script_path: d.py, port: 35, start: plain}\n";
        let mut config: GroupConfig = serde_saphyr::from_str(text).unwrap();
        assert_eq!(config.start, Start::Warm);
        let warm = Warm::none("no reason".to_owned());
        let ways: Vec<Way> = config.agents.iter().map(|agent| warm.way(&config, agent)).collect();
        let because = |why: &str| Way::Plain(Some(why.to_owned()));
        assert_eq!(
            ways,
            [
                because("no reason"),
                because("its script is no `.py` file"),
                because("it has an environment of its own"),
                Way::Plain(None),
            ]
        );
        config.start_plainly();
        assert!(
            config
                .agents
                .iter()
                .all(|agent| warm.way(&config, agent) == Way::Plain(None))
        );
    }
}
