//! Keepers: one small process between the supervisor and each agent, this same program. Whatever an agent's processes do (sessions,
//! groups, double forks), the kernel gives those that lose their parent to the keeper, as their nearest subreaper: so the keeper
//! knows them all, and when the agent has ended it kills them all, before it ends itself. An agent may kill its keeper; what it kept
//! is given to the supervisor then, which ends every child that it does not know.
//!
//! A keeper is told over its stdin, a stream socket: first an [`Order`] (not where it was given a process that was forked already),
//! then single bytes: one for the signal that tells the agent to end ([`order::byte`]), and `k` (kill). It says lines: `started PID`, `failed WHY`, `exited CODE`, `killed SIGNAL`. The end
//! of the socket means that the supervisor is gone.
//!
//! `order` is that message, `link` the supervisor's end; here is the keeper itself.

pub mod link;
pub mod order;

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, dup2_stderr, dup2_stdin, dup2_stdout};

use crate::machine::Ended;
use crate::{processes, reap};
use order::{LONGEST, Order};

/// The hidden command that makes this program a keeper.
pub const COMMAND: &str = "keep-agent";
/// Milliseconds between two looks at what is still there while it is being killed, at most.
const LOOK: u8 = 20;
/// Rounds in which what is to be killed is stopped first, so that nothing is born meanwhile.
const ROUNDS: usize = 4;
/// Signals that may wait for all processes of the user, as agents see it.
const WAITING_SIGNALS: u64 = 4096;

/// Keeps one agent; `adopted` is the id of a process that was forked already.
#[must_use]
pub fn run(adopted: Option<&str>) -> ExitCode {
    match keep(adopted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn keep(adopted: Option<&str>) -> io::Result<()> {
    // Agents run as the same user: nothing that they may send ends or stops a keeper but SIGKILL and SIGSTOP.
    SigSet::all().thread_block()?;
    set_child_subreaper(true)?;
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(null()?)?;
    let ended = SignalFd::with_flags(
        &SigSet::from(Signal::SIGCHLD),
        SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
    )?;
    let agent = match adopted {
        Some(pid) => pid.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        None => match start(&mut link) {
            Ok(pid) => pid,
            Err(error) => {
                let line = error.to_string().replace('\n', " ");
                let _ = writeln!(link, "failed {line}");
                return Ok(());
            }
        },
    };
    // The agent's output is no business of this process, which would hold its pipes open.
    dup2_stdout(null()?)?;
    dup2_stderr(null()?)?;
    let _ = writeln!(link, "started {agent}");
    let mut keeper = Keeper {
        agent: Some(agent),
        link,
        ended,
    };
    keeper.wait()?;
    keeper.end_all();
    Ok(())
}

fn null() -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")
}

/// Starts what the supervisor orders.
#[expect(clippy::disallowed_methods, reason = "a keeper starts its one agent")]
fn start(link: &mut UnixStream) -> io::Result<u32> {
    let mut length = [0; 4];
    link.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length as usize];
    link.read_exact(&mut body)?;
    let order = Order::decode(&body).ok_or(io::ErrorKind::InvalidData)?;
    limit_signals();
    forget_signals()?;
    // A process inherits what is blocked. Nobody but the supervisor knows this one yet.
    SigSet::empty().thread_set_mask()?;
    let child = Command::new(&order.program)
        .args(&order.words)
        .env_clear()
        .envs(order.environment)
        .current_dir(&order.folder)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit())
        .spawn();
    SigSet::all().thread_block()?;
    Ok(child?.id())
}

/// Takes in the signals that wait: one to the supervisor's whole process group reaches a keeper that is being forked just then, and
/// would end it as soon as nothing is blocked, before it could say anything.
fn forget_signals() -> io::Result<()> {
    let waiting = SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    while let Ok(Some(_)) = waiting.read_signal() {}
    Ok(())
}

/// Agents may have fewer signals waiting than the supervisor: the kernel counts them for the user, and one that finds no room loses
/// the record of its sender, by which the supervisor tells a forged order to stop.
fn limit_signals() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_SIGPENDING) {
        let lower = (soft.min(hard) / 2).min(WAITING_SIGNALS);
        let _ = setrlimit(Resource::RLIMIT_SIGPENDING, lower, lower);
    }
}

struct Keeper {
    /// While it is not reaped.
    agent: Option<u32>,
    link: UnixStream,
    ended: SignalFd,
}

impl Keeper {
    /// Returns when the agent has ended, when it is to be killed, or when the supervisor is gone.
    fn wait(&mut self) -> io::Result<()> {
        loop {
            self.reap();
            if self.agent.is_none() {
                return Ok(());
            }
            let mut waiting = [
                PollFd::new(self.link.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut waiting, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            let told = waiting[0].any().unwrap_or(false);
            while let Ok(Some(_)) = self.ended.read_signal() {}
            if told && self.obey() {
                return Ok(());
            }
        }
    }

    /// Whether all is to be killed.
    fn obey(&mut self) -> bool {
        let mut orders = [0; 16];
        match self.link.read(&mut orders) {
            Ok(0) | Err(_) => true,
            Ok(read) => {
                if orders[..read].contains(&b'k') {
                    return true;
                }
                let signals = orders[..read].iter().filter_map(|told| order::signal(*told));
                if let Some(agent) = self.agent {
                    signals.for_each(|signal| {
                        send(agent, signal);
                    });
                }
                false
            }
        }
    }

    /// Reaps what has ended, and says how the agent did.
    fn reap(&mut self) -> bool {
        let (reaped, more) = reap::reap();
        for (pid, ended) in reaped {
            if Some(pid) == self.agent {
                self.agent = None;
                let _ = match ended {
                    Ended { code: Some(code), .. } => writeln!(self.link, "exited {code}"),
                    Ended { signal, .. } => writeln!(self.link, "killed {}", signal.unwrap_or(0)),
                };
            }
        }
        more
    }

    /// Kills every descendant, until there is none.
    fn end_all(&mut self) {
        while self.reap() {
            if !kill_descendants() {
                // What is left is another user's, or ends by itself; the supervisor may not do more than we.
                let hopeless = processes::descendants(std::process::id(), &processes::all());
                if !hopeless.is_empty() && hopeless.iter().all(|pid| !may_signal(*pid)) {
                    return;
                }
            }
            let mut waiting = [PollFd::new(self.ended.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut waiting, LOOK);
            while let Ok(Some(_)) = self.ended.read_signal() {}
        }
    }
}

/// Kills all that descends from this process; whether anything was.
fn kill_descendants() -> bool {
    let me = std::process::id();
    let mut found: Vec<u32> = Vec::new();
    for _ in 0..ROUNDS {
        let mut now = processes::descendants(me, &processes::all());
        now.retain(|pid| !found.contains(pid));
        if now.is_empty() {
            break;
        }
        for &pid in &now {
            send(pid, Signal::SIGSTOP);
        }
        found.extend(now);
    }
    let mut killed = false;
    for pid in found {
        killed |= send(pid, Signal::SIGKILL);
    }
    killed
}

fn may_signal(pid: u32) -> bool {
    raw(pid).is_some_and(|pid| kill(pid, None) != Err(Errno::EPERM))
}

fn send(pid: u32, signal: Signal) -> bool {
    raw(pid).is_some_and(|pid| kill(pid, signal).is_ok())
}

fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).map(Pid::from_raw)
}
