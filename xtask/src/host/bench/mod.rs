//! Benchmarks: trees written to a temporary folder, programs measured in turns, the host that it all runs on.

pub mod boot;
pub mod images;
pub mod probe;
pub mod scale;
pub mod stage;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::boot::BootError;
use super::images::build_inputs::InputError;
use super::podman::PodmanError;
use super::system::files::FileError;
use super::system::process::{self, ProcessError, Program, Usage};
use super::system::repository::Repository;
use super::system::usage;
use super::tree::changes::ChangesError;
use crate::bench::figures::{Paired, Run, Shared, typical};
use crate::bench::machine::Machine;
use crate::bench::system::System;
use crate::bench::tree::Plan;
use crate::stack::Stack;

/// Why a benchmark came to no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A file or folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// A program.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Podman.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// What images are made from cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The stack cannot be booted.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// Files cannot be watched.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// The stack runs, and would be taken down.
    #[error(
        "`{0}` runs, and this benchmark boots it and takes it down again\n  hint: run `cargo xtask down`, or wait for who uses it"
    )]
    Runs(String),
    /// Not all agents of a group answer.
    #[error("group `{0}` does not come up: {1}")]
    Group(String, String),
    /// A program of ours printed something else than its figures.
    #[error("`{0}` did not print its figures")]
    Answer(String),
}

/// This host.
#[must_use]
pub fn machine() -> Machine {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or_else(String::new, |(_, model)| model.trim().to_owned());
    Machine {
        model,
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    }
}

/// A tree in a temporary folder, which goes when this is dropped.
#[derive(Debug)]
pub struct WrittenTree {
    folder: tempfile::TempDir,
    files: usize,
    lines: usize,
    agents: Option<u16>,
}

impl WrittenTree {
    fn new() -> Result<Self, BenchError> {
        let folder = tempfile::Builder::new()
            .prefix("xtask-bench-")
            .tempdir()
            .map_err(FileError::on("create", &std::env::temp_dir()))?;
        Ok(Self {
            folder,
            files: 0,
            lines: 0,
            agents: None,
        })
    }

    fn put(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        let path = self.folder.path().join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(FileError::on("create", parent))?;
        }
        std::fs::write(&path, bytes).map_err(FileError::on("write", &path))
    }

    /// Python files, counted.
    fn put_python(&mut self, path: &str, text: &str) -> Result<(), BenchError> {
        if process::interrupted() {
            return Err(ProcessError::Interrupted {
                command: "writing the tree".to_owned(),
            }
            .into());
        }
        self.put(path, text.as_bytes())?;
        self.files += 1;
        self.lines += text.lines().count();
        Ok(())
    }

    /// The audit of it by this very program. In a tree for the agents of the repository's stack it runs in the repository, in one with
    /// agents of its own in that.
    fn audit(&self, repository: &Repository) -> Result<Program, BenchError> {
        let ourselves = std::env::current_exe().map_err(FileError::on("find", Path::new("/proc/self/exe")))?;
        let audit = Program::new(ourselves)
            .args(["audit", "--tree"])
            .arg(self.folder.path());
        Ok(match self.agents {
            None => audit.folder(repository.root()),
            // It would name the repository that this program was compiled in.
            Some(_) => audit.folder(self.folder.path()).env_remove("CARGO_MANIFEST_DIR"),
        })
    }
}

/// Writes a tree with agents of its own.
///
/// # Errors
/// When a file cannot be written, or this program was told to stop.
pub fn write_system(system: System) -> Result<WrittenTree, BenchError> {
    let mut tree = WrittenTree::new()?;
    tree.agents = Some(system.agents());
    for (path, text) in system.files() {
        match path.ends_with(".py") {
            true => tree.put_python(&path, &text)?,
            false => tree.put(&path, text.as_bytes())?,
        }
    }
    Ok(tree)
}

/// Writes a tree: the plan's Python files, and the stack's own startup configs and requirements files.
///
/// # Errors
/// When a file cannot be read or written, or this program was told to stop.
pub fn write(repository: &Repository, stack: &Stack, plan: &Plan) -> Result<WrittenTree, BenchError> {
    let mut tree = WrittenTree::new()?;
    let own = repository.path(&stack.source_tree);
    let configs = stack.machines.iter().map(|machine| &machine.startup_config);
    let requirements = stack.groups.iter().map(|group| &group.requirements);
    for path in configs.chain(requirements) {
        match std::fs::read(own.join(path)) {
            Ok(bytes) => tree.put(path, &bytes)?,
            // A group need not have requirements.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::on("read", &own.join(path))(error).into()),
        }
    }
    for (path, text) in plan.files() {
        tree.put_python(path, &text)?;
    }
    Ok(tree)
}

/// The audit of a tree by this very program, in turns with `ruff` finding what does not parse in it: so many pairs of runs.
///
/// # Errors
/// When one of them cannot be run or fails, or this program was told to stop.
pub fn audit(repository: &Repository, ruff: &Path, tree: &WrittenTree, runs: usize) -> Result<Paired, BenchError> {
    let audit = tree.audit(repository)?;
    let other = Program::new(ruff)
        .args(["check", "--no-cache", "--select", "E9"])
        .arg(tree.folder.path())
        .folder(repository.root());
    // Both say by 1 that they found something.
    let good = [0, 1];
    let mut paired = Paired {
        files: tree.files,
        lines: tree.lines,
        agents: tree.agents,
        audit: Vec::with_capacity(runs),
        other: Vec::with_capacity(runs),
    };
    // The first run of each warms the file cache and does not count.
    audit.measure(&good)?;
    other.measure(&good)?;
    for turn in 0..runs {
        if turn % 2 == 0 {
            paired.audit.push(run(audit.measure(&good)?));
            paired.other.push(run(other.measure(&good)?));
        } else {
            paired.other.push(run(other.measure(&good)?));
            paired.audit.push(run(audit.measure(&good)?));
        }
    }
    Ok(paired)
}

/// The audit of a library by this very program, imported by one agent in turns with all of them: so many pairs of runs.
///
/// # Errors
/// When a tree cannot be written or audited, or this program was told to stop.
pub fn shared(repository: &Repository, agents: u16, lines: usize, runs: usize) -> Result<Shared, BenchError> {
    let one = write_system(System::with_library(1, lines))?;
    let many = write_system(System::with_library(agents, lines))?;
    let (with_one, with_many) = (one.audit(repository)?, many.audit(repository)?);
    let good = [0, 1];
    let mut shared = Shared {
        agents,
        files: many.files,
        lines: many.lines,
        one: Vec::with_capacity(runs),
        many: Vec::with_capacity(runs),
    };
    with_one.measure(&good)?;
    for _ in 0..runs {
        shared.many.push(run(with_many.measure(&good)?));
        shared.one.push(run(with_one.measure(&good)?));
    }
    Ok(shared)
}

/// Does something in this process, so many times: the medians, of wall-clock time and of the CPU time of all threads.
#[must_use]
pub fn time(runs: u16, mut work: impl FnMut()) -> Run {
    // The first time fills caches and does not count.
    work();
    let measured: Vec<Run> = (0..runs)
        .map(|_| {
            let (started, before) = (Instant::now(), usage::of_ourselves());
            work();
            Run {
                wall: started.elapsed().as_secs_f64(),
                cpu: usage::of_ourselves().saturating_sub(before).as_secs_f64(),
                peak_bytes: 0,
            }
        })
        .collect();
    typical(&measured)
}

/// What a program took, as a figure.
#[must_use]
pub fn run(usage: Usage) -> Run {
    Run {
        wall: usage.wall.as_secs_f64(),
        cpu: usage.cpu.as_secs_f64(),
        peak_bytes: usage.peak_bytes,
    }
}

/// The `ruff` program itself: the one on PATH unless that is a script that starts another, or else one of ours, in a virtual
/// environment.
///
/// # Errors
/// When there is none and it cannot be installed.
pub fn ruff(repository: &Repository) -> Result<PathBuf, ProcessError> {
    if let Some(known) = process::all_on_path("ruff").find(|path| is_binary(path)) {
        return Ok(known);
    }
    from_pypi(repository, "ruff")
}

/// `podman-compose`: the one on PATH, or else one of ours, in a virtual environment; none where there is none and it cannot be
/// installed.
#[must_use]
pub fn podman_compose(repository: &Repository) -> Option<PathBuf> {
    process::on_path("podman-compose").or_else(|| from_pypi(repository, "podman-compose").ok())
}

/// A program of that name from the distribution of that name, in a virtual environment of ours; installed where it is not there.
fn from_pypi(repository: &Repository, name: &str) -> Result<PathBuf, ProcessError> {
    let ours = repository.work().join(format!("venv-{name}"));
    let program = ours.join("bin").join(name);
    if program.is_file() {
        return Ok(program);
    }
    Program::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&ours)
        .read()?;
    Program::new(ours.join("bin/python3"))
        .args(["-m", "pip", "install", "--quiet", name])
        .log(repository.log(&format!("bench-{name}")))
        .read()?;
    Ok(program)
}

/// What a version of `ruff` calls itself, as in `ruff 0.14.0`.
///
/// # Errors
/// When it cannot be run.
pub fn version(ruff: &Path) -> Result<String, ProcessError> {
    Ok(Program::new(ruff).arg("--version").read()?.trim().to_owned())
}

fn is_binary(path: &Path) -> bool {
    let mut start = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *b"\x7fELF"
}
