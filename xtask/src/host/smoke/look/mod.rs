//! Looks at the system for one check: a request, a command, an inspection. Says what was seen; judging is `smoke`'s work.

pub(super) mod inside;
mod lan;
mod recovery;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::status::AgentStatus;
use serde_json::Value;

use crate::boot::view::View;
use crate::host::boot::supervisor_status::{self, Snapshot};
use crate::host::podman::STACK_LABEL;
use crate::host::podman::removal;
use crate::host::smoke::probe::{self, ALIAS_SCRIPT, REQUEST_SCRIPT};
use crate::host::smoke::system::System;
use crate::host::system::process::{ProcessError, Program, interrupt, interrupted, resume};
use crate::host::system::request::{RequestError, Requester};
use crate::host::tree::root::{TreeError, TreeRoot};
use crate::smoke::judge::{command_words, request_bytes};
use crate::smoke::kinds::startup_check::StartupCheck;
use crate::smoke::lan::LanAction;
use crate::smoke::observation::{
    AgentSoak, CommandSeen, ImageSeen, MarkerSeen, NetworkSeen, Observation, PathAliasSeen, SoakSeen, VolumeSeen,
};
use crate::smoke::plan::Load;
use crate::smoke::spec::Restart;
use crate::smoke::{Action, Check, Outcome, evaluate, matcher::Matcher};
use crate::stack::model::{AgentId, GroupId, MachineId};

/// Label of containers of checks, which tells them from what somebody else starts of our images.
const CHECK_ROLE: &str = "--label=ai-system.role=check";

/// Exit code of a `podman run` that could not run the container.
const PODMAN_FAILED: i32 = 125;
/// Longest single wait of a long poll, so that a stop by the user is seen.
const POLL: Duration = Duration::from_secs(1);
/// Pause between two requests of a soak's load.
const LOAD_PACE: Duration = Duration::from_millis(50);
/// Failures of a load that are kept.
const LOAD_FAILURES: usize = 5;
/// Lines of a container's log that are looked through for evidence, and lines that are shown.
const LOG_LINES: (&str, usize) = ("300", 15);

/// Looks at a system.
pub(super) struct Look<'a> {
    pub(super) system: &'a System<'a>,
    requester: &'a Requester,
    /// Containers made for checks and not removed yet.
    probes: Mutex<Vec<(Option<MachineId>, String)>>,
}

/// Why nothing could be seen, in words.
pub(super) type Blind = String;

impl<'a> Look<'a> {
    pub(super) fn new(system: &'a System<'a>, requester: &'a Requester) -> Self {
        Self {
            system,
            requester,
            probes: Mutex::default(),
        }
    }

    /// Looks and judges.
    pub(super) fn check(&self, check: &Check, saved: &BTreeMap<String, Value>) -> Outcome {
        let deadline = Instant::now() + check.timeout;
        if matches!(check.action, Action::Status { .. } | Action::StartupCheck(_)) {
            return self.status(check, saved, deadline);
        }
        let seen = self
            .observe(check, saved, deadline)
            .unwrap_or_else(Observation::Nothing);
        evaluate(self.system.stack, check, saved, &seen)
    }

    fn observe(&self, check: &Check, saved: &BTreeMap<String, Value>, deadline: Instant) -> Result<Observation, Blind> {
        let machine = check.machine;
        match &check.action {
            Action::Request { agent, send, .. } => self
                .request(*agent, &request_bytes(send, saved), left(deadline))
                .map(Observation::Reply),
            Action::Exec { group, command, .. } => {
                let command = command_words(command, saved);
                let program = self.exec(*group, &command);
                run(&program, deadline).map(Observation::Command)
            }
            Action::Image { image, run, .. } => self.image(machine, image, run, deadline).map(Observation::Image),
            Action::Network { machine, name, .. } => self.network(*machine, name, deadline).map(Observation::Network),
            Action::Volume { .. } => self.volume(&check.action, deadline).map(Observation::Volume),
            Action::PathAlias {
                image, alias, target, ..
            } => self
                .path_alias(machine, image, alias, target, deadline)
                .map(Observation::PathAlias),
            Action::Soak {
                group, seconds, load, ..
            } => self
                .soak(*group, Duration::from_secs(*seconds), load, deadline)
                .map(Observation::Soak),
            Action::Lan(action) => self.lan(check, action, saved, deadline),
            Action::Link(link) => self.link(link, deadline).map(Observation::Link),
            Action::Recovery(recovery) => self.recovery(recovery, deadline).map(Observation::Recovery),
            Action::Resources(resources) => self.resources(resources, deadline).map(Observation::Resources),
            Action::StandIn(stand_in) => self.stand_in(stand_in, saved, deadline).map(Observation::StandIn),
            Action::Status { .. } | Action::StartupCheck(_) => Err("a status is waited for".to_owned()),
        }
    }

    fn podman(&self, machine: Option<MachineId>) -> Program {
        self.system.podman.podman(machine)
    }

    fn group_podman(&self, group: GroupId) -> Program {
        self.podman(Some(self.system.stack.group(group).machine))
    }

    /// A command in the container of a group.
    pub(super) fn exec(&self, group: GroupId, command: &[String]) -> Program {
        exec(self.system, group, command)
    }

    fn request(&self, agent: AgentId, payload: &[u8], limit: Duration) -> Result<Vec<u8>, Blind> {
        if let Some(to) = self.system.addresses.agent(agent) {
            return self.requester.send(to, payload, limit).map_err(|error| match error {
                RequestError::Refused { .. } => {
                    format!("{error}; is the stack up? `cargo xtask status`")
                }
                other => other.to_string(),
            });
        }
        let stack = self.system.stack;
        let words = [
            "python3".to_owned(),
            "-c".to_owned(),
            REQUEST_SCRIPT.to_owned(),
            stack.agent(agent).port.to_string(),
            limit.as_millis().to_string(),
        ];
        let program = self.exec(stack.agent(agent).group, &words).input(payload);
        let seen = run(&program, Instant::now() + limit + Duration::from_secs(2))?;
        match seen.exit {
            Some(0) => Ok(seen.stdout.into_bytes()),
            _ => Err(last_line(&seen.stderr)),
        }
    }

    fn image(
        &self,
        machine: Option<MachineId>,
        image: &str,
        command: &[String],
        deadline: Instant,
    ) -> Result<ImageSeen, Blind> {
        let inspect = self
            .podman(machine)
            .args(["image", "inspect", "--format", "json", image]);
        let text = run(&inspect, deadline)?;
        if text.exit != Some(0) {
            return Err(format!(
                "there is no such image ({}); `cargo xtask build-images` makes it",
                last_line(&text.stderr)
            ));
        }
        let mut seen = probe::image(&text.stdout)?;
        if !command.is_empty() {
            seen.run = Some(self.run_in_image(machine, image, command, deadline)?);
        }
        Ok(seen)
    }

    /// A command in a container of its own, with as little as possible around it.
    fn run_in_image(
        &self,
        machine: Option<MachineId>,
        image: &str,
        command: &[String],
        deadline: Instant,
    ) -> Result<CommandSeen, Blind> {
        let (program, arguments) = match command.split_first() {
            Some((program, arguments)) => (program.as_str(), arguments),
            None => ("true", &[][..]),
        };
        let stack = &self.system.stack.name;
        let name = probe::marker(stack);
        let program = self
            .podman(machine)
            .args(["run", "--rm", "--name", &name])
            .arg(format!("--label={STACK_LABEL}={stack}"))
            .arg(CHECK_ROLE)
            .args(["--pull", "never", "--network", "none", "--read-only"])
            .args(["--cap-drop", "all", "--security-opt", "no-new-privileges"])
            .args(["--entrypoint", program, image])
            .args(arguments);
        self.note_probe(machine, &name);
        let seen = run(&program, deadline);
        if seen
            .as_ref()
            .is_ok_and(|seen| seen.exit.is_some_and(|code| code != PODMAN_FAILED))
        {
            // It has ended, and Podman has removed it.
            self.forget_probe(&name);
        }
        seen
    }

    fn network(&self, machine: MachineId, name: &str, deadline: Instant) -> Result<NetworkSeen, Blind> {
        let seen = run(&self.podman(Some(machine)).args(["network", "inspect", name]), deadline)?;
        match seen.exit {
            Some(0) => probe::network(&seen.stdout),
            _ if seen.stderr.contains("not found") => Ok(NetworkSeen::default()),
            _ => Err(last_line(&seen.stderr)),
        }
    }

    fn volume(&self, action: &Action, deadline: Instant) -> Result<VolumeSeen, Blind> {
        let Action::Volume {
            machine,
            name,
            path,
            mounted_in,
            writable_in,
            persists,
        } = action
        else {
            return Err("not a volume".to_owned());
        };
        let podman = || self.podman(Some(*machine));
        let exists = if name.starts_with('/') {
            // Of another host, what is mounted says it.
            Path::new(name).is_dir() || self.system.addresses.lan().is_some_and(|lan| lan.lab.is_none())
        } else {
            run(&podman().args(["volume", "exists", name]), deadline)?.exit == Some(0)
        };
        let mut seen = VolumeSeen {
            exists,
            ..VolumeSeen::default()
        };
        if !seen.exists {
            return Ok(seen);
        }
        let stack = self.system.stack;
        let groups: Vec<&str> = mounted_in
            .iter()
            .map(|group| stack.group(*group).name.as_str())
            .collect();
        if !groups.is_empty() {
            // Those that are there are printed, whatever became of the others.
            let inspect = run(&podman().args(["container", "inspect"]).args(&groups), deadline)?;
            seen.mounts = probe::mounts(&inspect.stdout, name)?;
            seen.no_container = groups
                .iter()
                .filter(|group| !seen.mounts.contains_key(**group))
                .map(|group| (*group).to_owned())
                .collect();
        }
        if let Some(group) = writable_in {
            let script =
                "set -e; f=\"$1/.smoke-$$\"; echo written > \"$f\"; test \"$(cat \"$f\")\" = written; rm \"$f\"";
            let words = ["sh", "-c", script, "sh", path].map(str::to_owned);
            let written = run(&self.exec(*group, &words), deadline)?;
            seen.written = Some(match written.exit {
                Some(0) => Ok(()),
                _ => Err(last_line(&written.stderr)),
            });
        }
        if let Some((group, restart)) = persists {
            let marker = probe::marker(&stack.name);
            let file = format!("{path}/.{marker}");
            let read = match restart {
                Restart::Probe => self.keep_in_probe(*group, name, path, &file, &marker, deadline),
                Restart::Group => self.keep_in_group(*group, &file, &marker, deadline),
            };
            seen.marker = Some(MarkerSeen { written: marker, read });
        }
        Ok(seen)
    }

    /// A container that writes the marker when it starts first and prints it when it is started again.
    fn keep_in_probe(
        &self,
        group: GroupId,
        volume: &str,
        path: &str,
        file: &str,
        marker: &str,
        deadline: Instant,
    ) -> Result<String, Blind> {
        let stack = self.system.stack;
        let machine = Some(stack.group(group).machine);
        let script = "if [ -e \"$1\" ]; then cat \"$1\"; rm \"$1\"; else printf %s \"$2\" > \"$1\"; fi";
        self.note_probe(machine, marker);
        let first = self
            .podman(machine)
            .args([
                "run",
                "--name",
                marker,
                "--label",
                &format!("{STACK_LABEL}={}", stack.name),
                CHECK_ROLE,
                "--pull",
                "never",
                "--network",
                "none",
                "--read-only",
            ])
            .args(["--cap-drop", "all", "--security-opt", "no-new-privileges"])
            .args(["--volume", &format!("{volume}:{path}"), "--entrypoint", "sh"])
            .args([&stack.group_image(group), "-c", script, "sh", file, marker]);
        let outcome = succeed(&first, deadline)
            .and_then(|_| succeed(&self.podman(machine).args(["start", "--attach", marker]), deadline));
        self.remove_probe(machine, marker);
        outcome
    }

    /// The marker in the group's own container, which is restarted; then it waits until the group is healthy again.
    fn keep_in_group(&self, group: GroupId, file: &str, marker: &str, deadline: Instant) -> Result<String, Blind> {
        let shell = |script: &str| ["sh", "-c", script, "sh", file].map(str::to_owned);
        succeed(&self.exec(group, &shell("cat > \"$1\"")).input(marker), deadline)?;
        let name = &self.system.stack.group(group).name;
        succeed(&self.group_podman(group).args(["restart", name]), deadline)?;
        let read = succeed(&self.exec(group, &shell("cat \"$1\" && rm \"$1\"")), deadline)?;
        let healthy = |status: &Snapshot| status.status.state == contract::status::GroupState::Healthy;
        match self.wait_for_health(group, deadline, &mut |status| healthy(status))? {
            Some(status) if healthy(&status) => Ok(read),
            _ => Err(format!("`{name}` is not healthy again after its restart")),
        }
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

    /// Removes what a stop by the user left behind.
    pub(super) fn clean_up(&self) {
        self.heal();
        let left = std::mem::take(&mut *self.probes.lock().unwrap_or_else(PoisonError::into_inner));
        if left.is_empty() {
            return;
        }
        let stopped = interrupted();
        resume();
        for (machine, name) in left {
            self.remove_probe(machine, &name);
        }
        if stopped {
            interrupt();
        }
    }

    fn path_alias(
        &self,
        machine: Option<MachineId>,
        image: &str,
        alias: &str,
        target: &str,
        deadline: Instant,
    ) -> Result<PathAliasSeen, Blind> {
        let words = ["python3", "-c", ALIAS_SCRIPT, alias, target].map(str::to_owned);
        let seen = self.run_in_image(machine, image, &words, deadline)?;
        match seen.exit {
            Some(0) => probe::aliases(&seen.stdout),
            _ => Err(last_line(&seen.stderr)),
        }
    }

    /// Waits by long poll until the status is as wanted, or the time is over: then the last document, if there was one.
    pub(super) fn wait_until(
        &self,
        group: GroupId,
        deadline: Instant,
        done: &mut dyn FnMut(&Snapshot) -> bool,
    ) -> Result<Option<Snapshot>, Blind> {
        let at = self.system.addresses.status(group);
        let mut last: Option<Snapshot> = None;
        loop {
            let wait = left(deadline).min(POLL);
            let seen = last.as_ref().map(|last| last.version.as_str());
            let next = supervisor_status::fetch(&at, seen, wait.max(Duration::from_millis(100)));
            let over = left(deadline).is_zero() || interrupted();
            match next {
                Ok(status) if done(&status) || over => return Ok(Some(status)),
                Ok(status) => last = Some(status),
                Err(error) if over => {
                    return match last {
                        Some(status) => Ok(Some(status)),
                        None => Err(error.to_string()),
                    };
                }
                // A supervisor that starts has no endpoint yet.
                Err(_) => {
                    last = None;
                    pause(wait.min(Duration::from_millis(100)));
                }
            }
        }
    }

    /// The same for a health that agents come to: one that is within its own start period at the deadline is waited for. Its
    /// supervisor ends that.
    fn wait_for_health(
        &self,
        group: GroupId,
        mut deadline: Instant,
        done: &mut dyn FnMut(&Snapshot) -> bool,
    ) -> Result<Option<Snapshot>, Blind> {
        loop {
            let seen = self.wait_until(group, deadline, done)?;
            let comes = |seen: &Snapshot| {
                let mut view = View::default();
                view.update(group, seen.status.clone());
                view.is_starting(&[group])
            };
            match seen {
                Some(seen) if !interrupted() && !done(&seen) && comes(&seen) => deadline = Instant::now() + POLL,
                other => return Ok(other),
            }
        }
    }

    fn status(&self, check: &Check, saved: &BTreeMap<String, Value>, deadline: Instant) -> Outcome {
        let (Action::Status { group, .. } | Action::StartupCheck(StartupCheck { group, .. })) = &check.action else {
            return Outcome::failed("a status", "another kind of check");
        };
        let judge = |seen: &Snapshot| {
            evaluate(
                self.system.stack,
                check,
                saved,
                &Observation::Status(Box::new(seen.status.clone())),
            )
        };
        let seen = self.wait_for_health(*group, deadline, &mut |seen| !judge(seen).is_failure());
        match seen {
            Ok(Some(seen)) => judge(&seen),
            Ok(None) => evaluate(
                self.system.stack,
                check,
                saved,
                &Observation::Nothing("nothing".to_owned()),
            ),
            Err(blind) => evaluate(self.system.stack, check, saved, &Observation::Nothing(blind)),
        }
    }

    fn soak(&self, group: GroupId, time: Duration, load: &[Load], deadline: Instant) -> Result<SoakSeen, Blind> {
        let at = self.system.addresses.status(group);
        let limit = Duration::from_secs(5);
        let mut seen = SoakSeen::default();
        // Once before anything is measured: what an agent loads at its first request is no leak.
        for request in load {
            self.load(request, limit, &mut seen);
        }
        let before = supervisor_status::fetch(&at, None, limit).map_err(|error| error.to_string())?;
        let resident_before = self.resident(group, &before.status.agents, deadline);
        let started = Instant::now();
        let until = (started + time).min(deadline);
        let restarts: BTreeMap<String, u32> = before
            .status
            .agents
            .iter()
            .map(|agent| (agent.name.clone(), agent.restarts))
            .collect();
        let mut broken = |now: &Snapshot| {
            now.status
                .agents
                .iter()
                .any(|agent| restarts.get(&agent.name).is_some_and(|before| agent.restarts > *before))
        };
        let watched = std::thread::scope(|scope| {
            let (stop, stopped) = std::sync::mpsc::channel::<()>();
            let worker = scope.spawn(move || {
                let mut seen = SoakSeen::default();
                for request in load.iter().cycle() {
                    if stopped.recv_timeout(LOAD_PACE) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                        break;
                    }
                    self.load(request, limit, &mut seen);
                }
                seen
            });
            let watched = self.wait_until(group, until, &mut broken);
            drop(stop);
            (watched, worker.join().unwrap_or_default())
        });
        let (after, loaded) = watched;
        let after = after?.ok_or("the supervisor said nothing")?;
        seen.seconds = started.elapsed().as_secs_f64();
        seen.requests += loaded.requests;
        seen.failures.extend(loaded.failures);
        let resident_after = self.resident(group, &after.status.agents, deadline);
        for agent in &before.status.agents {
            let now = after.status.agents.iter().find(|now| now.name == agent.name);
            let soak = AgentSoak {
                restarts: (agent.restarts.into(), now.map_or(0, |now| now.restarts.into())),
                pid: (agent.pid, now.and_then(|now| now.pid)),
                resident: (
                    resident_before.get(&agent.name).copied(),
                    resident_after.get(&agent.name).copied(),
                ),
                state: now
                    .and_then(|now| serde_json::to_value(now.state).ok())
                    .and_then(|state| state.as_str().map(str::to_owned))
                    .unwrap_or_else(|| "gone".to_owned()),
            };
            seen.agents.insert(agent.name.clone(), soak);
        }
        Ok(seen)
    }

    fn load(&self, load: &Load, limit: Duration, seen: &mut SoakSeen) {
        let name = &self.system.stack.agent(load.agent).name;
        let payload = request_bytes(&load.send, &BTreeMap::new());
        let wrong = match self.request(load.agent, &payload, limit) {
            Err(blind) => Some(blind),
            Ok(reply) => {
                let value = crate::smoke::observation::json_or_text(&reply);
                Matcher::compile(&load.expect)
                    .ok()
                    .and_then(|matcher| matcher.mismatches(&value).into_iter().next())
                    .map(|mismatch| format!("`{}` is {}, not {}", mismatch.path, mismatch.got, mismatch.expected))
            }
        };
        match wrong {
            None => seen.requests += 1,
            Some(what) if seen.failures.len() < LOAD_FAILURES => seen.failures.push((name.clone(), what)),
            Some(_) => {}
        }
    }

    /// Resident memory of agents, by name, in bytes.
    fn resident(&self, group: GroupId, agents: &[AgentStatus], deadline: Instant) -> BTreeMap<String, u64> {
        let files: Vec<String> = agents
            .iter()
            .filter_map(|agent| agent.pid)
            .map(|pid| format!("/proc/{pid}/status"))
            .collect();
        if files.is_empty() {
            return BTreeMap::new();
        }
        let mut words = ["grep", "-H", "^VmRSS:"].map(str::to_owned).to_vec();
        words.extend(files);
        // A process that is gone by now makes grep fail, and print the others all the same.
        let text = run(&self.exec(group, &words), deadline)
            .map(|seen| seen.stdout)
            .unwrap_or_default();
        let by_pid = probe::resident(&text);
        agents
            .iter()
            .filter_map(|agent| Some((agent.name.clone(), *by_pid.get(&agent.pid?)?)))
            .collect()
    }

    /// Adds to a failure what the supervisor and the log know about the agents that it is about.
    pub(super) fn with_evidence(&self, check: &Check, outcome: Outcome) -> Outcome {
        if !outcome.is_failure() {
            return outcome;
        }
        let stack = self.system.stack;
        let about = |agent: AgentId| (stack.agent(agent).group, Some(stack.agent(agent).name.as_str()));
        let (group, agent) = match &check.action {
            Action::Request { agent, .. } => about(*agent),
            Action::Exec { group, .. } | Action::Soak { group, .. } | Action::Status { group, agent: None, .. } => {
                (*group, None)
            }
            Action::Status {
                group,
                agent: Some(agent),
                ..
            } => (*group, Some(stack.agent(*agent).name.as_str())),
            Action::Link(link) => (link.from, None),
            Action::Resources(resources) => (resources.group, None),
            Action::StartupCheck(check) => (check.group, None),
            Action::Recovery(recovery) => about(recovery.agent),
            Action::StandIn(stand_in) => about(stand_in.agent),
            Action::Lan(LanAction::Call { agent, .. }) => {
                (stack.agent(*agent).group, Some(stack.agent(*agent).name.as_str()))
            }
            Action::Image { .. }
            | Action::Network { .. }
            | Action::Volume { .. }
            | Action::PathAlias { .. }
            | Action::Lan(_) => {
                return outcome;
            }
        };
        let mut outcome = outcome;
        if matches!(check.action, Action::Request { .. })
            && let Ok(seen) =
                supervisor_status::fetch(self.system.addresses.status(group), None, Duration::from_secs(2))
            && let Some(status) = seen
                .status
                .agents
                .iter()
                .find(|status| Some(status.name.as_str()) == agent)
        {
            let mut text = format!("{:?}", status.state).to_lowercase();
            for part in [
                status.reason.clone(),
                Some(format!("{} restarts", status.restarts)).filter(|_| status.restarts > 0),
            ]
            .into_iter()
            .flatten()
            {
                text = format!("{text}; {part}");
            }
            outcome = outcome.with_evidence(format!("state of {}", status.name), text);
            if !status.last_stderr.is_empty() {
                outcome =
                    outcome.with_evidence(format!("last stderr of {}", status.name), status.last_stderr.join("\n"));
            }
        }
        let name = &stack.group(group).name;
        let logs = self
            .group_podman(group)
            .args(["logs", "--tail", LOG_LINES.0, name])
            .limit(Duration::from_secs(20))
            .run();
        if let Ok(output) = logs {
            let text = format!("{}{}", output.stdout, output.stderr);
            let mut lines: Vec<&str> = text
                .lines()
                .filter(|line| agent.is_none_or(|agent| line.contains(agent)))
                .collect();
            lines = lines.split_off(lines.len().saturating_sub(LOG_LINES.1));
            if !lines.is_empty() && output.status.success() {
                let label = agent.map_or_else(|| format!("log of {name}"), |agent| format!("log of {agent}"));
                outcome = outcome.with_evidence(label, lines.join("\n"));
            }
        }
        outcome
    }
}

/// Waits for nothing in particular, where no event can be waited for.
/// A command in the container of a group.
fn exec(system: &System<'_>, group: GroupId, command: &[String]) -> Program {
    let of = system.stack.group(group);
    system
        .podman
        .podman(Some(of.machine))
        .args(["exec", "--interactive", &of.name])
        .args(command)
}

pub(super) fn pause(time: Duration) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}

pub(super) fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

pub(super) fn run(program: &Program, deadline: Instant) -> Result<CommandSeen, Blind> {
    let output = program
        .clone()
        .limit(left(deadline).max(Duration::from_millis(100)))
        .run()
        .map_err(|error: ProcessError| error.to_string())?;
    Ok(CommandSeen {
        exit: output.status.code(),
        stdout: output.stdout,
        stderr: output.stderr,
    })
}

fn succeed(program: &Program, deadline: Instant) -> Result<String, Blind> {
    let seen = run(program, deadline)?;
    match seen.exit {
        Some(0) => Ok(seen.stdout),
        _ => Err(last_line(&seen.stderr)),
    }
}

pub(super) fn last_line(text: &str) -> String {
    text.lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or("it failed and said nothing")
        .trim_start_matches("Error: ")
        .to_owned()
}

/// Reads all files of checks in a folder, sorted by name: pairs of path (relative to the repository) and text.
///
/// # Errors
/// When the folder or a file cannot be read; the path is named.
pub fn read_files(repository: &Path, folder: &str) -> Result<Vec<(String, String)>, String> {
    let path = repository.join(folder);
    let explain = |path: &Path, error: TreeError| format!("cannot read `{}`: {error}", path.display());
    let root = TreeRoot::open(repository).map_err(|error| explain(repository, error))?;
    let listed = root.below(folder).and_then(|folder| folder.list(""));
    let listed = listed.map_err(|error| explain(&path, error))?;
    listed
        .into_iter()
        .map(|entry| entry.name.to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .map(|name| {
            let text = root
                .read_text(Path::new(folder).join(&name))
                .map_err(|error| explain(&path.join(&name), error))?;
            Ok((format!("{folder}/{name}"), text))
        })
        .collect()
}
