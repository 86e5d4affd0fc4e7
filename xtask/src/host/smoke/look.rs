//! Looks at the running system for checks: asks agents and supervisors, runs Podman, commands in containers, and containers made
//! for a check. What a check makes of that is in its kind, `smoke::kinds`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::status::GroupStatus;

use super::probe::{self, REQUEST_SCRIPT};
use super::system::{Lan, System};
use crate::boot::reach::{Granted, Host};
use crate::boot::view::View;
use crate::host::boot::supervisor_status::{self, Snapshot};
use crate::host::lab;
use crate::host::podman::STACK_LABEL;
use crate::host::podman::hosts::Place;
use crate::host::podman::removal;
use crate::host::system::network::{Endpoint, Network};
use crate::host::system::process::{Program, interrupt, interrupted, resume};
use crate::host::system::request::{RequestError, Requester};
use crate::smoke::command::CommandSeen;
use crate::smoke::kinds::{About, Saved, evaluate};
use crate::smoke::observer::{Blind, Observer, Sealed, Until, Watched};
use crate::smoke::{Check, Outcome};
use crate::stack::model::{AgentId, GroupId, MachineId, Stack};

/// Label of containers of checks, which tells them from what somebody else starts of our images.
const CHECK_ROLE: &str = "--label=ai-system.role=check";
/// Exit code of a `podman run` that could not run the container.
const PODMAN_FAILED: i32 = 125;
/// How often Podman is asked about a supervisor that does not answer.
const LOOK: Duration = Duration::from_secs(1);
/// Longest single wait of a long poll, so that a stop by the user is seen.
const POLL: Duration = Duration::from_secs(1);
/// Pause before another look where no event can be waited for.
const AGAIN: Duration = Duration::from_millis(200);
/// Pause between two things that are done while a group is watched.
const PACE: Duration = Duration::from_millis(50);
/// What a program that ends by itself has beside the time limit.
const BEYOND: Duration = Duration::from_secs(2);
/// Lines of a container's log that are looked through for evidence, and lines that are shown.
const LOG_LINES: (&str, usize) = ("300", 15);

/// Looks at a system.
pub(super) struct Look<'a> {
    system: &'a System<'a>,
    /// Without it, agents are asked from inside their containers.
    requester: Option<&'a Requester>,
    /// Containers made for checks and not removed yet.
    probes: Mutex<Vec<(Option<MachineId>, String)>>,
}

/// Looks until a deadline.
pub(super) struct Watch<'l, 'a> {
    look: &'l Look<'a>,
    deadline: Instant,
}

impl<'a> Look<'a> {
    pub(super) fn new(system: &'a System<'a>, requester: Option<&'a Requester>) -> Self {
        Self {
            system,
            requester,
            probes: Mutex::default(),
        }
    }

    pub(super) fn until(&self, deadline: Instant) -> Watch<'_, 'a> {
        Watch { look: self, deadline }
    }

    /// Looks and judges.
    pub(super) fn check(&self, check: &Check, saved: &Saved) -> Outcome {
        evaluate(&*check.action, &self.until(Instant::now() + check.timeout), saved)
    }

    fn podman(&self, machine: Option<MachineId>) -> Program {
        self.system.podman.podman(machine)
    }

    /// A command in the container of a group.
    fn exec(&self, group: GroupId, words: &[&str]) -> Program {
        let of = self.system.stack.group(group);
        self.podman(Some(of.machine))
            .args(["exec", "--interactive", &of.name])
            .args(words)
    }

    /// `podman run` of a container with as little as possible around it.
    fn sealed(&self, name: &str, first: &[&str], sealed: &Sealed<'_>) -> Program {
        let (entry, arguments) = sealed.command.split_first().unwrap_or((&"true", &[]));
        let program = self
            .podman(sealed.machine)
            .arg("run")
            .args(first)
            .args(["--name", name])
            .arg(format!("--label={STACK_LABEL}={}", self.system.stack.name))
            .arg(CHECK_ROLE)
            .args(["--pull", "never", "--network", "none", "--read-only"])
            .args(["--cap-drop", "all", "--security-opt", "no-new-privileges"])
            .args(sealed.options)
            .args(["--entrypoint", entry, sealed.image])
            .args(arguments);
        with_input(program, sealed.input)
    }

    /// Notes a container that is made for a check, so that it is taken away whatever happens.
    fn note_probe(&self, machine: Option<MachineId>, name: &str) {
        self.probes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((machine, name.to_owned()));
        // Where it cannot be written down, a container that outlives this process and its Podman is named and left.
        let _ = self.system.podman.records(machine).note_names(&[name.to_owned()]);
    }

    fn remove_probe(&self, machine: Option<MachineId>, name: &str) {
        let removed = removal::remove(
            &self
                .podman(machine)
                .args(["rm", "--force", "--ignore", "--time", "0", name])
                .limit(Duration::from_secs(60)),
        );
        if removed.is_ok() {
            self.forget_probe(name);
        }
    }

    fn forget_probe(&self, name: &str) {
        self.probes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(_, probe)| probe != name);
    }

    /// Makes the lab's link whole and removes containers, whatever became of the checks that would have done it.
    pub(super) fn clean_up(&self) {
        let lab = self.system.addresses.lan().and_then(|lan| lan.lab);
        let left = std::mem::take(&mut *self.probes.lock().unwrap_or_else(PoisonError::into_inner));
        if lab.is_none() && left.is_empty() {
            return;
        }
        let stopped = interrupted();
        resume();
        if let Some(lab) = lab {
            // Where the lab is gone, so is the link.
            let _ = lab::heal(lab);
        }
        for (machine, name) in left {
            self.remove_probe(machine, &name);
        }
        if stopped {
            interrupt();
        }
    }

    /// Adds to a failure what the supervisor and the log know about the agents that it is about.
    pub(super) fn with_evidence(&self, check: &Check, outcome: Outcome) -> Outcome {
        let stack = self.system.stack;
        let about = check.action.about(stack).filter(|_| outcome.is_failure());
        let Some(About { group, agent, state }) = about else {
            return outcome;
        };
        let agent = agent.map(|agent| stack.agent(agent).name.as_str());
        let outcome = match agent {
            Some(agent) if state => self.with_state(group, agent, outcome),
            _ => outcome,
        };
        self.with_log(group, agent, outcome)
    }

    fn with_state(&self, group: GroupId, agent: &str, outcome: Outcome) -> Outcome {
        let at = self.system.addresses.status(group);
        let Ok(seen) = supervisor_status::fetch(at, None, Duration::from_secs(2)) else {
            return outcome;
        };
        let Some(status) = seen.status.agents.iter().find(|status| status.name == agent) else {
            return outcome;
        };
        let restarts = Some(format!("{} restarts", status.restarts)).filter(|_| status.restarts > 0);
        let parts = [
            Some(format!("{:?}", status.state).to_lowercase()),
            status.reason.clone(),
            restarts,
        ];
        let text: Vec<String> = parts.into_iter().flatten().collect();
        let outcome = outcome.with_evidence(format!("state of {agent}"), text.join("; "));
        if status.last_stderr.is_empty() {
            return outcome;
        }
        outcome.with_evidence(format!("last stderr of {agent}"), status.last_stderr.join("\n"))
    }

    fn with_log(&self, group: GroupId, agent: Option<&str>, outcome: Outcome) -> Outcome {
        let of = self.system.stack.group(group);
        let logs = self
            .podman(Some(of.machine))
            .args(["logs", "--tail", LOG_LINES.0, &of.name])
            .limit(Duration::from_secs(20))
            .run();
        let Some(output) = logs.ok().filter(|output| output.status.success()) else {
            return outcome;
        };
        let text = format!("{}{}", output.stdout, output.stderr);
        let mut lines: Vec<&str> = text
            .lines()
            .filter(|line| agent.is_none_or(|agent| line.contains(agent)))
            .collect();
        lines = lines.split_off(lines.len().saturating_sub(LOG_LINES.1));
        if lines.is_empty() {
            return outcome;
        }
        outcome.with_evidence(format!("log of {}", agent.unwrap_or(&of.name)), lines.join("\n"))
    }
}

impl Watch<'_, '_> {
    fn run(&self, program: &Program) -> Result<CommandSeen, Blind> {
        run(program, self.left())
    }

    fn lan(&self) -> Result<Lan<'_>, Blind> {
        self.look.system.addresses.lan().ok_or_else(|| {
            "both machines are this host; `--lab` makes two of it, `podman: {connection: …}` names a second one".into()
        })
    }

    fn poll(&self, group: GroupId, deadline: Instant, done: Until<'_>) -> Result<Option<GroupStatus>, Blind> {
        let at = self.look.system.addresses.status(group);
        let mut last: Option<Snapshot> = None;
        let mut silence = Silence::default();
        loop {
            let wait = left(deadline).min(POLL);
            let seen = last.as_ref().map(|last| last.version.as_str());
            let next = supervisor_status::fetch(&at, seen, wait.max(Duration::from_millis(100)));
            let over = left(deadline).is_zero() || interrupted();
            match next {
                Ok(seen) if done(&seen.status) || over => return Ok(Some(seen.status)),
                Ok(seen) => {
                    silence = Silence::default();
                    last = Some(seen);
                }
                Err(error) if over => {
                    return match last {
                        Some(seen) => Ok(Some(seen.status)),
                        None => Err(Blind::because(error)),
                    };
                }
                // A supervisor that starts has no endpoint yet.
                Err(_) => {
                    last = None;
                    if let Some(why) = silence.goes_on(|| self.starts_again(group)) {
                        return Err(why.as_str().into());
                    }
                    pause(wait.min(Duration::from_millis(100)));
                }
            }
        }
    }
}

impl Watch<'_, '_> {
    /// How often Podman has started a group's container again, and the exit code that it ended with.
    fn starts_again(&self, group: GroupId) -> Option<(u64, String)> {
        let group = self.stack().group(group);
        let words = [
            "inspect",
            "--format",
            "{{.RestartCount}} {{.State.ExitCode}}",
            &group.name,
        ];
        let said = self.podman(Some(group.machine), &words).ok()?.succeeded().ok()?;
        let (count, exit) = said.trim().split_once(' ')?;
        let text = format!(
            "group `{}` does not run: its supervisor ends with exit code {} as soon as it is started",
            group.name,
            exit.parse::<i32>().ok()?
        );
        Some((count.parse().ok()?, text))
    }
}

/// A supervisor that does not answer: waiting is in vain where Podman starts its container again and again meanwhile.
#[derive(Default)]
struct Silence {
    looked: Option<Instant>,
    restarts: Option<u64>,
}

impl Silence {
    /// Why nobody should wait any longer. `look` is asked from time to time.
    fn goes_on(&mut self, look: impl FnOnce() -> Option<(u64, String)>) -> Option<String> {
        let is_due = self.looked.get_or_insert_with(Instant::now).elapsed() >= LOOK;
        if !is_due {
            return None;
        }
        self.looked = Some(Instant::now());
        let (restarts, why) = look()?;
        // One that was killed is started once.
        let first = *self.restarts.get_or_insert(restarts);
        (restarts >= first + 2).then_some(why)
    }
}

impl Observer for Watch<'_, '_> {
    fn stack(&self) -> &Stack {
        self.look.system.stack
    }

    fn left(&self) -> Duration {
        left(self.deadline)
    }

    fn request(&self, agent: AgentId, payload: &[u8], limit: Duration) -> Result<Vec<u8>, Blind> {
        if let Some(to) = self.look.system.addresses.agent(agent)
            && let Some(requester) = self.look.requester
        {
            return requester.send(to, payload, limit).map_err(|error| match error {
                RequestError::Refused { .. } => {
                    Blind::because(format!("{error}; is the stack up? `cargo xtask status`"))
                }
                other => Blind::because(other),
            });
        }
        let of = self.stack().agent(agent);
        let (port, limit_ms) = (of.port.to_string(), limit.as_millis().to_string());
        let program = self
            .look
            .exec(of.group, &["python3", "-c", REQUEST_SCRIPT, &port, &limit_ms])
            .input(payload);
        run(&program, limit + BEYOND)?.succeeded().map(String::into_bytes)
    }

    fn request_on_loopback(
        &self,
        machine: MachineId,
        port: u16,
        payload: &[u8],
        limit: Duration,
    ) -> Option<Result<Vec<u8>, Blind>> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Where nothing is between the machines, all of them are this host.
        let network = match self.lan().map(|lan| lan.hosts.of(machine)) {
            Ok(host) if host.place == Place::Elsewhere => return None,
            Ok(host) => host.network.clone(),
            Err(_) => Network::Here,
        };
        let Some(requester) = self.look.requester else {
            return Some(Err("no request can be sent from here".into()));
        };
        let sent = requester.send(Endpoint { address, network }, payload, limit);
        Some(sent.map_err(Blind::because))
    }

    fn podman(&self, machine: Option<MachineId>, words: &[&str]) -> Result<CommandSeen, Blind> {
        self.run(&self.look.podman(machine).args(words))
    }

    fn exec(&self, group: GroupId, words: &[&str], input: &[u8]) -> Result<CommandSeen, Blind> {
        self.run(&with_input(self.look.exec(group, words), input))
    }

    fn python(&self, group: GroupId, script: &str, arguments: &[&str], input: &[u8]) -> Result<CommandSeen, Blind> {
        let program = self.look.exec(group, &["python3", "-c", script]).args(arguments);
        run(&with_input(program, input), self.left() + BEYOND)
    }

    fn run_sealed(&self, sealed: &Sealed<'_>) -> Result<CommandSeen, Blind> {
        let name = self.marker();
        let first: &[&str] = if sealed.input.is_empty() {
            &["--rm"]
        } else {
            &["--rm", "--interactive"]
        };
        self.look.note_probe(sealed.machine, &name);
        let seen = self.run(&self.look.sealed(&name, first, sealed));
        let ended = |seen: &CommandSeen| seen.exit.is_some_and(|code| code != PODMAN_FAILED);
        if seen.as_ref().is_ok_and(ended) {
            // Podman has removed it.
            self.look.forget_probe(&name);
        } else {
            self.look.remove_probe(sealed.machine, &name);
        }
        seen
    }

    fn run_twice(&self, name: &str, sealed: &Sealed<'_>) -> Result<String, Blind> {
        self.look.note_probe(sealed.machine, name);
        let first = self.run(&self.look.sealed(name, &[], sealed));
        let second = first
            .and_then(CommandSeen::succeeded)
            .and_then(|_| self.podman(sealed.machine, &["start", "--attach", name])?.succeeded());
        self.look.remove_probe(sealed.machine, name);
        second
    }

    fn marker(&self) -> String {
        probe::marker(&self.stack().name)
    }

    fn status(&self, group: GroupId, limit: Duration) -> Result<GroupStatus, Blind> {
        let at = self.look.system.addresses.status(group);
        let seen = supervisor_status::fetch(at, None, limit).map_err(Blind::because)?;
        Ok(seen.status)
    }

    fn wait_until(&self, group: GroupId, done: Until<'_>) -> Result<Option<GroupStatus>, Blind> {
        self.poll(group, self.deadline, done)
    }

    fn wait_for_health(&self, group: GroupId, done: Until<'_>) -> Result<Option<GroupStatus>, Blind> {
        let mut deadline = self.deadline;
        loop {
            let seen = self.poll(group, deadline, done)?;
            let comes = |status: &GroupStatus| {
                let mut view = View::default();
                view.update(group, status.clone());
                view.is_starting(&[group])
            };
            match seen {
                Some(status) if !interrupted() && !done(&status) && comes(&status) => deadline = Instant::now() + POLL,
                other => return Ok(other),
            }
        }
    }

    fn watch(
        &self,
        group: GroupId,
        time: Duration,
        broken: Until<'_>,
        meanwhile: &mut (dyn FnMut() + Send),
    ) -> Result<Watched, Blind> {
        let started = Instant::now();
        let until = (started + time).min(self.deadline);
        let status = std::thread::scope(|scope| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                while stopped.recv_timeout(PACE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    meanwhile();
                }
            });
            let status = self.poll(group, until, broken);
            drop(stop);
            status
        })?;
        Ok(Watched {
            status,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    fn granted(&self, group: GroupId) -> Granted {
        self.look.system.addresses.granted(group)
    }

    fn has_folder(&self, path: &str) -> bool {
        Path::new(path).is_dir() || self.lan().is_ok_and(|lan| lan.lab.is_none())
    }

    fn again(&self) -> bool {
        if self.left().is_zero() || interrupted() {
            return false;
        }
        pause(AGAIN.min(self.left()));
        true
    }

    fn host_of(&self, machine: MachineId) -> Result<&Host, Blind> {
        Ok(&self.lan()?.hosts.of(machine).host)
    }

    fn is_lab(&self) -> bool {
        self.lan().is_ok_and(|lan| lan.lab.is_some())
    }

    fn set_link(&self, cut: bool) -> Result<(), Blind> {
        let lab = self.lan()?.lab;
        let lab = lab.ok_or("only the lab's link can be cut: run it with `--lab`")?;
        let changed = if cut { lab::cut(lab) } else { lab::heal(lab) };
        changed.map(|_| ()).map_err(Blind::because)
    }
}

fn with_input(program: Program, input: &[u8]) -> Program {
    if input.is_empty() {
        return program;
    }
    program.input(input)
}

/// Waits for nothing in particular, where no event can be waited for.
fn pause(time: Duration) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn run(program: &Program, limit: Duration) -> Result<CommandSeen, Blind> {
    let limit = limit.max(Duration::from_millis(100));
    let output = program.clone().limit(limit).run().map_err(Blind::because)?;
    Ok(CommandSeen {
        exit: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{LOOK, Silence};

    #[test]
    fn a_supervisor_is_given_up_whose_container_is_started_again_and_again_meanwhile() {
        let mut silence = Silence::default();
        let mut after = |restarts: Option<u64>| {
            silence.looked = Instant::now().checked_sub(LOOK);
            silence.goes_on(|| restarts.map(|restarts| (restarts, "why".to_owned())))
        };
        // Long ago it was started again, once now, and Podman may not answer.
        assert_eq!(
            [Some(40), None, Some(41), Some(41)].map(&mut after),
            [None, None, None, None]
        );
        assert_eq!(after(Some(42)).as_deref(), Some("why"));
        // Nobody is asked at once.
        assert_eq!(Silence::default().goes_on(|| unreachable!()), None);
    }
}
