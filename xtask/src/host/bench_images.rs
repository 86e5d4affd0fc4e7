//! Image builds, measured in turns with `podman build`, `podman-compose build` and `buildah bud`, on a copy of the tree and in
//! namespaces of their own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::bench::{self, BenchError, run};
use super::files::{self, FileError};
use super::podman::{Podman, STACK_LABEL};
use super::process::{self, Program};
use super::repository::Repository;
use super::{build, build_inputs};
use crate::bench::images::{Case, Figures, Other};
use crate::stack::Stack;

/// Label on the images of the others, those that lost their name among them.
const LABEL: &str = "ai-system.bench";

/// What is measured, and on what.
#[derive(Debug)]
pub struct Bench<'a> {
    podman: &'a Podman,
    repository: &'a Repository,
    stack: &'a Stack,
    /// A build's context by hand: `docker/`, `config/`, and the tree in `tree/`.
    context: tempfile::TempDir,
    /// The programs that it is compared with.
    others: BTreeMap<Other, Program>,
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
        let mut bench = Self {
            podman,
            repository,
            stack,
            context,
            others: BTreeMap::new(),
            changes: Cell::new(0),
        };
        for other in Other::ALL {
            if let Some(program) = bench.other(other)? {
                bench.others.insert(other, program);
            }
        }
        Ok(bench)
    }

    /// What is not there to be compared with, and how to get it.
    #[must_use]
    pub fn missing(&self) -> Vec<(Other, &'static str)> {
        let missing = Other::ALL.into_iter().filter(|other| !self.others.contains_key(other));
        missing.map(|other| (other, how_to_install(other))).collect()
    }

    /// Builds everything once on both sides, so that the base, the dependency images and the layer cache are there.
    ///
    /// # Errors
    /// When a build fails.
    pub fn prepare(&self) -> Result<(), BenchError> {
        let namespace = format!("{}/", self.stack.images.namespace);
        for image in self.podman.images()? {
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
        for other in self.others.values() {
            other.measure(&[0])?;
        }
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
            others: BTreeMap::new(),
        };
        for _ in 0..runs {
            self.change(case)?;
            figures.ours.push(run(self.ours().measure(&[0])?));
            for (other, program) in &self.others {
                let took = run(program.measure(&[0])?);
                figures.others.entry(*other).or_default().push(took);
            }
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
        let named = self.podman.images()?;
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
            .args([
                "build-images",
                "--quiet",
                "--unlocked",
                "--namespace",
                &self.namespace(),
                "--tree",
            ])
            .arg(self.tree())
            .folder(self.repository.root())
    }

    /// A program that builds all groups another way, with the same settings of Podman as ours; none where it is not there.
    fn other(&self, other: Other) -> Result<Option<Program>, BenchError> {
        let program = match other {
            Other::Script => {
                self.write_script("podman build --quiet --pull=never", other)?;
                Program::new("sh").arg("podman.sh")
            }
            Other::Buildah if process::on_path("buildah").is_none() => return Ok(None),
            Other::Buildah => {
                self.write_script("buildah bud --quiet --layers --pull-never", other)?;
                Program::new("sh").arg("buildah.sh")
            }
            Other::Compose => match bench::podman_compose(self.repository) {
                None => return Ok(None),
                Some(compose) => {
                    self.write_compose_file()?;
                    let mut program = Program::new(compose).args(["--file", "compose.json"]);
                    if let Some(bundle) = build::host_ca_bundle() {
                        let mount = format!("{}:{}:ro", bundle.display(), build::CA_BUNDLE_IN_STEP);
                        program = program.arg(format!("--podman-build-args=--volume '{mount}'"));
                    }
                    program.arg("build")
                }
            },
        };
        Ok(Some(
            program.envs_of(&self.podman.command()).folder(self.context.path()),
        ))
    }

    fn base(&self) -> String {
        format!("{}/base:{}", self.namespace(), self.stack.images.tag)
    }

    fn image_of(&self, other: Other, group: &str) -> String {
        let by = other.key().replace('_', "-");
        format!("{}-{by}/{group}:{}", self.namespace(), self.stack.images.tag)
    }

    /// One build after the other, as a person writes them down. The images say that they are nobody's, so that
    /// `build-images` does not take away for the script what the script replaced.
    fn write_script(&self, build: &str, other: Other) -> Result<(), FileError> {
        let bundle = build::host_ca_bundle().map_or_else(String::new, |path| {
            let place = build::CA_BUNDLE_IN_STEP;
            format!(" --volume '{}:{place}:ro' --build-arg PIP_CERT={place}", path.display())
        });
        let base = self.base();
        let mut script = String::from("set -eu\n");
        for group in &self.stack.groups {
            let name = &group.name;
            let image = self.image_of(other, name);
            // A text takes any line.
            let _ = writeln!(
                script,
                "{build} --label {LABEL}=1 --label {STACK_LABEL}=bench --build-arg TREE=tree --build-arg REQUIREMENTS='tree/{}' \
                 --build-arg BASE='{base}'{bundle} \
                 --tag '{image}' --file 'docker/Dockerfile.{name}' .",
                group.requirements
            );
        }
        let name = if other == Other::Buildah {
            "buildah.sh"
        } else {
            "podman.sh"
        };
        files::write(&self.context.path().join(name), script.as_bytes(), true)
    }

    /// A service per group, each with what it is built from.
    fn write_compose_file(&self) -> Result<(), FileError> {
        let mut shared = json!({"TREE": "tree", "BASE": self.base()});
        if build::host_ca_bundle().is_some() {
            shared["PIP_CERT"] = build::CA_BUNDLE_IN_STEP.into();
        }
        let services: serde_json::Map<String, serde_json::Value> = self
            .stack
            .groups
            .iter()
            .map(|group| {
                let mut arguments = shared.clone();
                arguments["REQUIREMENTS"] = format!("tree/{}", group.requirements).into();
                let build = json!({
                    "context": ".",
                    "dockerfile": format!("docker/Dockerfile.{}", group.name),
                    "args": arguments,
                    "labels": {LABEL: "1", STACK_LABEL: "bench"},
                });
                let image = self.image_of(Other::Compose, &group.name);
                (group.name.clone(), json!({"image": image, "build": build}))
            })
            .collect();
        let text = json!({"services": services}).to_string();
        files::write(&self.context.path().join("compose.json"), text.as_bytes(), false)
    }

    fn change(&self, case: Case) -> Result<(), BenchError> {
        match case {
            Case::NoChange => {}
            Case::ColdGroups => {
                let tree = build_inputs::tree_contents(&self.tree(), self.stack)?;
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

fn how_to_install(other: Other) -> &'static str {
    match other {
        Other::Script => "`apt-get install podman`",
        Other::Compose => "`pip install podman-compose`",
        Other::Buildah => "`apt-get install buildah`",
    }
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
