//! Stacks of many sizes: written to a temporary folder, planned, rendered and audited; and run, with real supervisors, no
//! container, and fake agents that answer health checks.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::group_config::{GroupConfig, Start};

use crate::bench::figures::Run;
use crate::bench::scale::{Copies, TREE};
use crate::bench::tree::Plan;
use crate::boot::creation::{Runs, creation};
use crate::boot::view::{Progress, View};
use crate::container::group_config;
use crate::container::preload::Preload;
use crate::host::bench;
use crate::host::bench::BenchError;
use crate::host::boot;
use crate::host::boot::supervisor_status;
use crate::host::images::supervisor_binary::{self, BinaryError};
use crate::host::podman::hosts;
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{self, ProcessError, Program, Running};
use crate::host::system::repository::Repository;
use crate::host::system::watch::Watch;
use crate::host::system::{parallel, usage};
use crate::images::plan::plan;
use crate::stack::{GroupId, Stack};

/// Starts supervisors, and ends them with this program.
const SUPERVISORS: &str = include_str!("scale/supervisors.sh");
/// First of the ports on which the supervisors' status endpoints listen.
const FIRST_STATUS_PORT: u16 = 26_000;
/// Python files of a tree per agent, and lines of each.
const FILES_PER_AGENT: usize = 2;
const LINES_PER_FILE: usize = 314;
/// How long all agents may take to answer.
const LIMIT: Duration = Duration::from_secs(300);
/// How long a supervisor may take to answer.
const STATUS_LIMIT: Duration = Duration::from_secs(10);
/// How often an interrupt is looked for while nothing else happens.
const GLANCE: Duration = Duration::from_millis(100);

/// One size of a stack.
#[derive(Debug)]
pub struct Bench {
    folder: tempfile::TempDir,
    copies: Copies,
    /// Its model.
    pub stack: Stack,
}

/// The programs that run it.
#[derive(Debug, Clone)]
pub struct Programs {
    supervisor: PathBuf,
    agent: PathBuf,
}

impl Programs {
    /// Compiles the supervisor and the fake agent of its tests.
    ///
    /// # Errors
    /// When cargo fails.
    pub fn make(repository: &Repository) -> Result<Self, BenchError> {
        match supervisor_binary::make(repository, repository.output()) {
            Ok(_) => {}
            Err(BinaryError::Cargo(error)) => return Err(error.into()),
            Err(BinaryError::File(error)) => return Err(error.into()),
        }
        Ok(Self {
            supervisor: repository.path(&repository.output().at(supervisor_binary::PATH)),
            agent: supervisor_binary::fake_agent(repository)?,
        })
    }
}

impl Bench {
    /// Writes a stack with the groups of that one, so many times, and a tree of Python files for its agents.
    ///
    /// # Errors
    /// When a file cannot be written, or this program was told to stop.
    pub fn new(original: &Stack, copies: u16) -> Result<Self, BenchError> {
        let copies = Copies::new(original, copies);
        let stack = copies
            .load()
            .ok_or_else(|| BenchError::Group(original.name.clone(), "copies of it are no stack".to_owned()))?;
        let folder = tempfile::Builder::new()
            .prefix("xtask-bench-")
            .tempdir()
            .map_err(FileError::on("create", &std::env::temp_dir()))?;
        let put = |path: &str, text: &str| files::write_unsynced(&folder.path().join(path), text.as_bytes());
        put("config/stack.yaml", &copies.stack)?;
        for (path, text) in &copies.texts {
            put(&format!("{TREE}/{path}"), text)?;
        }
        let files = stack.agents.len() * FILES_PER_AGENT;
        for (path, text) in Plan::new(&stack, files, files * LINES_PER_FILE).files() {
            interrupted("writing the tree")?;
            put(&format!("{TREE}/{path}"), &text)?;
        }
        Ok(Self { folder, copies, stack })
    }

    /// From the texts to the model, the plan of the images, and how every container is created; the median of so many.
    #[must_use]
    pub fn planning(&self, runs: u16) -> Run {
        let host = hosts::this_one(&self.stack);
        bench::time(runs, || {
            let Some(stack) = self.copies.load() else { return };
            let inputs = self.copies.inputs(&stack);
            black_box(plan(&stack, &inputs, &Default::default(), &Default::default(), false));
            for (id, _) in stack.groups() {
                black_box(creation(&stack, id, &host, "", &Runs::Supervisor, boot::LABELS));
            }
        })
    }

    /// From the model to every rendered file; the median of so many.
    #[must_use]
    pub fn rendering(&self, runs: u16, render: impl Fn(&Stack)) -> Run {
        bench::time(runs, || render(&self.stack))
    }

    /// `audit`, the whole process; the median of so many.
    ///
    /// # Errors
    /// When it cannot be run, or this program was told to stop.
    pub fn audit(&self, runs: u16) -> Result<Run, BenchError> {
        let ourselves = std::env::current_exe().map_err(FileError::on("find", Path::new("/proc/self/exe")))?;
        let audit = Program::new(ourselves)
            .arg("audit")
            .folder(self.folder.path())
            // It would name the repository that this program was compiled in.
            .env_remove("CARGO_MANIFEST_DIR");
        let good = [0, 1];
        // The first warms the file cache and does not count.
        audit.measure(&good)?;
        let mut measured = Vec::new();
        for _ in 0..runs {
            measured.push(bench::run(audit.measure(&good)?));
        }
        Ok(crate::bench::figures::typical(&measured))
    }

    /// Starts a supervisor per group, waits until every agent answers, and says how long that took and how much CPU time the
    /// supervisors used for it.
    ///
    /// # Errors
    /// When a supervisor cannot be started, an agent does not answer, or this program was told to stop.
    pub fn boot(&self, programs: &Programs) -> Result<(Booted<'_>, Run), BenchError> {
        let configs = self.folder.path().join("groups");
        let work = self.folder.path().join("agents");
        // What an agent does is what its script says; all have the same.
        files::write_unsynced(&work.join("agent"), b"answer\n")?;
        for (id, group) in self.stack.groups() {
            let config = runnable(
                group_config::config(&self.stack, id, &Preload::default()),
                id,
                &work,
                &programs.agent,
            );
            let text = serde_json::to_string(&config).map_err(|_| BenchError::Answer(group.name.clone()))?;
            files::write_unsynced(&configs.join(format!("{}.yaml", group.name)), text.as_bytes())?;
        }
        let begun = Instant::now();
        let began_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let running = Program::new("sh")
            .args(["-c", SUPERVISORS])
            .arg(&programs.supervisor)
            .arg(&configs)
            .start()?;
        let booted = Booted {
            stack: &self.stack,
            running,
        };
        let view = booted.wait(begun)?;
        let mut cpu = Duration::ZERO;
        for supervisor in usage::children(booted.running.id())? {
            cpu += usage::of_process(supervisor)?;
        }
        let last = self
            .stack
            .agents()
            .filter_map(|(id, _)| view.agent(&self.stack, id)?.ready_at_ms)
            .max();
        let wall = Duration::from_millis(last.unwrap_or_default()).saturating_sub(began_at);
        let run = Run {
            wall: wall.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            peak_bytes: 0,
        };
        Ok((booted, run))
    }
}

/// Supervisors that run; they and their agents end with it.
#[derive(Debug)]
pub struct Booted<'a> {
    stack: &'a Stack,
    running: Running,
}

impl Booted<'_> {
    /// Asks every supervisor, all at once.
    ///
    /// # Errors
    /// When one does not answer, or this program was told to stop.
    pub fn ask(&self) -> Result<View, BenchError> {
        interrupted("bench scale")?;
        let all: Vec<GroupId> = self.stack.groups().map(|(id, _)| id).collect();
        let asked = parallel::map(all.len(), &all, |group| {
            supervisor_status::fetch(status_address(*group), None, STATUS_LIMIT)
        });
        let mut view = View::default();
        for (group, answer) in all.iter().zip(asked) {
            let name = &self.stack.group(*group).name;
            let snapshot = answer.map_err(|error| BenchError::Group(name.clone(), error.to_string()))?;
            view.update(*group, snapshot.status);
        }
        Ok(view)
    }

    fn wait(&self, begun: Instant) -> Result<View, BenchError> {
        let all: Vec<GroupId> = self.stack.groups().map(|(id, _)| id).collect();
        let watch = Watch::start(all.iter().map(|group| (*group, status_address(*group).into())));
        let mut view = View::default();
        loop {
            interrupted("bench scale")?;
            if let Some((group, change)) = watch.next(GLANCE) {
                match change {
                    Ok(status) => view.update(group, status),
                    Err(_) => view.forget(group),
                }
            }
            let progress = view.progress(self.stack, &all, &[]);
            if progress == Progress::Healthy {
                return Ok(view);
            }
            if progress == Progress::Failed || begun.elapsed() > LIMIT {
                let late = all.iter().find(|group| !view.all_answer(&[**group]));
                let name = late.map_or_else(String::new, |group| self.stack.group(*group).name.clone());
                let why = format!(
                    "not all its agents answer; ports from {FIRST_STATUS_PORT} and those of the agents must be free"
                );
                return Err(BenchError::Group(name, why));
            }
        }
    }
}

fn status_port(group: GroupId) -> u16 {
    FIRST_STATUS_PORT + u16::try_from(group.0).unwrap_or(u16::MAX - FIRST_STATUS_PORT)
}

fn status_address(group: GroupId) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, status_port(group)).into()
}

/// A group's config for this host without a container: everything is on the loopback, and nothing is bridged there.
fn runnable(mut config: GroupConfig, group: GroupId, folder: &Path, agent: &Path) -> GroupConfig {
    let folder = folder.display().to_string();
    config.status_port = status_port(group);
    config.log_directory = format!("{folder}/logs/{}", config.group);
    config.working_directory = folder;
    config.python = agent.display().to_string();
    config.python_path.clear();
    config.required_modules.clear();
    config.absent_dependencies.clear();
    config.loopback_bridges.clear();
    config.start = Start::Plain;
    // What is measured ends with the first answer.
    config.supervision.settle_ms = 0;
    for elsewhere in &mut config.dependencies_elsewhere {
        elsewhere.host = Ipv4Addr::LOCALHOST.to_string();
    }
    let known: BTreeSet<String> = config
        .agents
        .iter()
        .map(|agent| agent.name.clone())
        .chain(
            config
                .dependencies_elsewhere
                .iter()
                .map(|elsewhere| elsewhere.name.clone()),
        )
        .collect();
    for agent in &mut config.agents {
        agent.script_path = "agent".to_owned();
        agent.params.clear();
        agent.dependencies.retain(|dependency| known.contains(dependency));
    }
    config
}

fn interrupted(what: &str) -> Result<(), BenchError> {
    if process::interrupted() {
        return Err(ProcessError::Interrupted {
            command: what.to_owned(),
        }
        .into());
    }
    Ok(())
}
