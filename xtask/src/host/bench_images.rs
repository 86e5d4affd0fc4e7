//! Image builds, measured in turns with a script of `podman build`s, on a copy of the tree and in namespaces of their own.

use std::cell::Cell;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::bench::BenchError;
use super::files::{self, FileError};
use super::podman::{Podman, STACK_LABEL};
use super::process::{self, ProcessError, Program, Usage};
use super::repository::Repository;
use super::{build, build_inputs};
use crate::bench::figures::Run;
use crate::bench::images::{Case, Figures};
use crate::stack::Stack;

/// Label on the images of the script, those that lost their name among them.
const LABEL: &str = "ai-system.bench";

/// What is measured, and on what.
#[derive(Debug)]
pub struct Bench<'a> {
    podman: &'a Podman,
    repository: &'a Repository,
    stack: &'a Stack,
    /// A build's context by hand: `docker/`, `config/`, and the tree in `tree/`.
    context: tempfile::TempDir,
    /// Changes made so far; each is another text.
    changes: Cell<u32>,
}

impl<'a> Bench<'a> {
    /// Copies the tree and what the Dockerfiles want.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn new(podman: &'a Podman, repository: &'a Repository, stack: &'a Stack) -> Result<Self, BenchError> {
        let context = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(repository.make_work()?)
            .map_err(FileError::on("create", &repository.work()))?;
        let tree = repository.path(&stack.source_tree);
        copy(&tree, &context.path().join("tree"))?;
        copy(&repository.path("config"), &context.path().join("config"))?;
        for group in &stack.groups {
            let name = format!("docker/Dockerfile.{}", group.name);
            let text = files::read(&repository.path(&name))?;
            files::write(&context.path().join(&name), &text, false)?;
        }
        let bench = Self {
            podman,
            repository,
            stack,
            context,
            changes: Cell::new(0),
        };
        bench.write_script()?;
        Ok(bench)
    }

    /// Builds everything once on both sides, so that the base, the dependency images and the layer cache are there.
    ///
    /// # Errors
    /// When a build fails.
    pub fn prepare(&self) -> Result<(), BenchError> {
        let namespace = format!("{}/", self.stack.images.namespace);
        for image in self.podman.images().map_err(tool)? {
            for name in image.names.iter().flatten() {
                let Some(rest) = name.strip_prefix(&namespace) else {
                    continue;
                };
                // What groups stand on is the same under any name.
                if self
                    .stack
                    .groups
                    .iter()
                    .all(|group| !rest.starts_with(&format!("{}:", group.name)))
                {
                    let ours = format!("{}/{rest}", self.namespace());
                    self.podman.command().args(["tag", name, &ours]).read()?;
                }
            }
        }
        self.ours().measure(&[0])?;
        self.script().measure(&[0])?;
        Ok(())
    }

    /// Runs a case in turns.
    ///
    /// # Errors
    /// When a build fails, or this program was told to stop.
    pub fn measure(&self, case: Case, runs: u16) -> Result<Figures, BenchError> {
        let mut figures = Figures {
            case,
            ours: Vec::new(),
            script: Vec::new(),
        };
        for _ in 0..runs {
            self.change(case)?;
            figures.ours.push(run(&self.ours().measure(&[0])?));
            figures.script.push(run(&self.script().measure(&[0])?));
        }
        Ok(figures)
    }

    /// Removes what was built.
    ///
    /// # Errors
    /// When Podman cannot be run.
    pub fn remove_images(&self) -> Result<(), BenchError> {
        let interrupted = process::interrupted();
        process::resume();
        let labelled = self
            .podman
            .command()
            .args(["images", "--quiet", "--no-trunc", "--filter", &format!("label={LABEL}")])
            .read()?;
        let prefix = format!("{}/", self.namespace());
        let named = self.podman.images().map_err(tool)?;
        let named = named.into_iter().flat_map(|image| image.names.into_iter().flatten());
        let mut all: Vec<String> = labelled.lines().map(str::to_owned).collect();
        all.sort();
        all.dedup();
        all.extend(named.filter(|name| name.starts_with(&prefix)));
        if !all.is_empty() {
            self.podman
                .command()
                .args(["image", "rm", "--force"])
                .args(&all)
                .run()?;
        }
        if interrupted {
            process::interrupt();
        }
        Ok(())
    }

    /// Namespace of the images of `build-images`.
    fn namespace(&self) -> String {
        format!("{}-bench", self.stack.images.namespace)
    }

    fn tree(&self) -> PathBuf {
        self.context.path().join("tree")
    }

    fn ours(&self) -> Program {
        // The program that runs is the one to measure.
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("xtask"));
        Program::new(program)
            .args(["build-images", "--quiet", "--namespace", &self.namespace(), "--tree"])
            .arg(self.tree())
            .folder(self.repository.root())
    }

    fn script(&self) -> Program {
        let script = Program::new("sh").arg(self.context.path().join("build.sh"));
        // With the same settings of Podman as ours.
        script.envs_of(&self.podman.command()).folder(self.context.path())
    }

    /// One `podman build` after the other, as a person writes them down. The images say that they are nobody's, so that
    /// `build-images` does not take away for the script what the script replaced.
    fn write_script(&self) -> Result<(), FileError> {
        let base = format!("{}/base:{}", self.namespace(), self.stack.images.tag);
        let bundle = build::host_ca_bundle().map_or_else(String::new, |path| {
            let place = build::CA_BUNDLE_IN_STEP;
            format!(" --volume '{}:{place}:ro' --build-arg PIP_CERT={place}", path.display())
        });
        let mut script = String::from("set -eu\n");
        for group in &self.stack.groups {
            let name = &group.name;
            let image = format!("{}-script/{name}:{}", self.namespace(), self.stack.images.tag);
            script.push_str(&format!(
                "podman build --quiet --pull=never --label {LABEL}=1 --label {STACK_LABEL}=bench --build-arg TREE=tree --build-arg BASE='{base}'{bundle} \
                 --tag '{image}' --file 'docker/Dockerfile.{name}' .\n"
            ));
        }
        files::write(&self.context.path().join("build.sh"), script.as_bytes(), true)
    }

    fn change(&self, case: Case) -> Result<(), BenchError> {
        match case {
            Case::NoChange => {}
            Case::ColdGroups => {
                let tree = build_inputs::tree_contents(&self.tree(), self.stack).map_err(|error| failed(&error))?;
                let python = tree.groups.values().flat_map(|entries| entries.keys());
                let python: std::collections::BTreeSet<&String> = python.filter(|path| path.ends_with(".py")).collect();
                for path in python {
                    self.append(&self.tree().join(path))?;
                }
                let images = self.stack.groups.iter();
                let names =
                    images.map(|group| format!("{}/{}:{}", self.namespace(), group.name, self.stack.images.tag));
                self.podman
                    .command()
                    .args(["image", "rm", "--force", "--no-prune"])
                    .args(names)
                    .run()?;
            }
            Case::OneAgent => {
                if let Some(agent) = self.stack.agents.first() {
                    let aliases = &self.stack.machine(agent.machine).path_aliases;
                    let path = crate::stack::resolve_alias(&agent.script_path, aliases);
                    self.append(&self.tree().join(path))?;
                }
            }
            Case::OneRequirement => {
                if let Some(group) = self.stack.groups.first() {
                    self.append(&self.tree().join(&group.requirements))?;
                }
            }
        }
        Ok(())
    }

    /// Adds a comment that no file had before.
    fn append(&self, path: &Path) -> Result<(), FileError> {
        self.changes.set(self.changes.get() + 1);
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(FileError::on("write", path))?;
        writeln!(file, "\n# change {}", self.changes.get()).map_err(FileError::on("write", path))
    }
}

fn run(usage: &Usage) -> Run {
    Run {
        wall: usage.wall.as_secs_f64(),
        cpu: usage.cpu.as_secs_f64(),
        peak_bytes: usage.peak_bytes,
    }
}

fn tool(error: super::podman::PodmanError) -> BenchError {
    match error {
        super::podman::PodmanError::Process(error) => error.into(),
        other @ super::podman::PodmanError::Answer { .. } => failed(&other),
    }
}

fn failed(error: &dyn std::fmt::Display) -> BenchError {
    BenchError::Process(ProcessError::Start {
        command: "bench images".to_owned(),
        source: std::io::Error::other(error.to_string()),
    })
}

fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    for entry in walkdir::WalkDir::new(from).into_iter().flatten() {
        let target = to.join(entry.path().strip_prefix(from).unwrap_or(entry.path()));
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target).map_err(FileError::on("create", &target))?;
        } else if entry.path().is_file() {
            std::fs::copy(entry.path(), &target).map_err(FileError::on("copy", entry.path()))?;
        }
    }
    Ok(())
}
