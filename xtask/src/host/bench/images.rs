//! Image builds, measured in turns with `podman build`, `podman-compose build` and `buildah bud`, on a copy of the tree and in
//! namespaces of their own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{BenchError, run};
use crate::bench::figures::Run;
use crate::bench::images::{Case, Figures, Other};
use crate::host::bench;
use crate::host::images::package_index;
use crate::host::images::{build, build_inputs};
use crate::host::podman::{Podman, STACK_LABEL};
use crate::host::system::files::{self, FileError};
use crate::host::system::process::{self, Program};
use crate::host::system::repository::Repository;
use crate::host::system::scratch::Scratch;
use crate::images::package_index::PackageIndex;
use crate::stack::Stack;
use crate::stack::secret::CHECK;

/// Label on the base that the others build on: all that they make has it too, what a killed build left in the layer cache among it.
const LABEL: &str = "ai-system.bench";

/// How we are called where runs are shown.
const OURS: &str = "build-images";

/// Rounds in which images are removed at most: more than one image stands on another.
const MOST_ROUNDS: usize = 8;

/// What is measured, and on what.
#[derive(Debug)]
pub struct Bench<'a> {
    podman: &'a Podman,
    repository: &'a Repository,
    stack: &'a Stack,
    /// What it is to be compared with.
    wanted: &'a [Other],
    /// A build's context by hand: `docker/`, `config/`, and the tree in `tree/`.
    context: Scratch,
    /// The programs that it is compared with.
    others: BTreeMap<Other, Program>,
    /// Where packages come from, for all of them.
    index: PackageIndex,
    /// Changes made so far; each is another text.
    changes: Cell<u32>,
}

impl<'a> Bench<'a> {
    /// Copies the tree and what the Dockerfiles want.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub fn new(
        podman: &'a Podman,
        repository: &'a Repository,
        stack: &'a Stack,
        wanted: &'a [Other],
    ) -> Result<Self, BenchError> {
        let context = Scratch::make(&repository.make_work()?, "bench-images-")?;
        let tree = repository.path(&stack.source_tree);
        copy(&tree, &context.path().join("tree"))?;
        copy(&repository.path("config"), &context.path().join("config"))?;
        let dockerfiles = stack
            .groups
            .iter()
            .map(|group| format!("docker/Dockerfile.{}", group.name));
        for name in dockerfiles.chain([CHECK.to_owned()]) {
            let text = files::read(&repository.path(&name))?;
            files::write(&context.path().join(&name), &text, false)?;
        }
        let mut bench = Self {
            podman,
            repository,
            stack,
            wanted,
            context,
            others: BTreeMap::new(),
            index: package_index::of_host(),
            changes: Cell::new(0),
        };
        for other in wanted {
            let other = *other;
            if let Some(program) = bench.other(other)? {
                bench.others.insert(other, program);
            }
        }
        Ok(bench)
    }

    /// What is not there to be compared with, and how to get it.
    #[must_use]
    pub fn missing(&self) -> Vec<(Other, &'static str)> {
        let missing = self.wanted.iter().filter(|other| !self.others.contains_key(other));
        missing.map(|other| (*other, how_to_install(*other))).collect()
    }

    /// Builds everything once on all sides, so that the base, the dependency images and the layer cache are there; `begun` is told
    /// who is at it. What a killed benchmark left behind goes first.
    ///
    /// # Errors
    /// When a build fails.
    pub fn prepare(&self, begun: &dyn Fn(&str)) -> Result<(), BenchError> {
        self.remove_images()?;
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
        begun(OURS);
        self.ours().measure(&[0])?;
        self.podman
            .command()
            .args(["build", "--quiet", "--pull=never", "--file", "-"])
            .args(["--tag", &self.base_of_others()])
            .arg(self.context.path())
            .input(format!(
                "FROM {}/base:{}\nLABEL {LABEL}=1 {STACK_LABEL}=bench\n",
                self.namespace(),
                self.stack.images.tag
            ))
            .read()?;
        for (other, program) in &self.others {
            begun(other.name());
            program.measure(&[0])?;
        }
        Ok(())
    }

    /// Runs a case in turns, each after a change of its own, so that nobody finds in the layer cache what another has just built;
    /// `ran` is told what each run took.
    ///
    /// # Errors
    /// When a build fails, or this program was told to stop.
    pub fn measure(&self, case: Case, runs: u16, ran: &dyn Fn(&str, &Run)) -> Result<Figures, BenchError> {
        let mut figures = Figures {
            case,
            ours: Vec::new(),
            others: BTreeMap::new(),
        };
        if case == Case::ColdGroups && self.changes.get() > 0 {
            self.catch_up()?;
        }
        for _ in 0..runs {
            self.change(case)?;
            let took = run(self.ours().measure(&[0])?);
            ran(OURS, &took);
            figures.ours.push(took);
            for (other, program) in &self.others {
                self.change(case)?;
                let took = run(program.measure(&[0])?);
                ran(other.name(), &took);
                figures.others.entry(*other).or_default().push(took);
            }
        }
        Ok(figures)
    }

    /// Lets all build what a case before has changed after their turn: dependency images are to be there. The last one had its turn.
    fn catch_up(&self) -> Result<(), BenchError> {
        self.ours().measure(&[0])?;
        for program in self.others.values().rev().skip(1) {
            program.measure(&[0])?;
        }
        Ok(())
    }

    /// Removes what was built.
    ///
    /// # Errors
    /// When Podman cannot be run.
    pub fn remove_images(&self) -> Result<(), BenchError> {
        let interrupted = process::interrupted();
        process::resume();
        let mut removed = self.remove_now();
        let again = process::interrupted();
        if again {
            // Who presses Ctrl-C while images are removed gets the rest removed, too.
            process::resume();
            removed = self.remove_now();
        }
        if interrupted || again {
            process::interrupt();
        }
        removed
    }

    fn remove_now(&self) -> Result<(), BenchError> {
        let prefix = format!("{}/", self.namespace());
        let named = self.podman.images()?;
        let named = named.into_iter().flat_map(|image| image.names.into_iter().flatten());
        let named: Vec<String> = named.filter(|name| name.starts_with(&prefix)).collect();
        let remove = |images: &[String]| {
            self.podman
                .command()
                .args(["image", "rm", "--force"])
                .args(images)
                .whole()
                .run()
        };
        if !named.is_empty() {
            remove(&named)?;
        }
        // One that others stand on goes only once they are gone.
        for _ in 0..MOST_ROUNDS {
            let labelled = self
                .podman
                .command()
                .args(["images", "--all", "--quiet", "--no-trunc", "--filter"])
                .arg(format!("label={LABEL}"))
                .read()?;
            let mut labelled: Vec<String> = labelled.lines().map(str::to_owned).collect();
            labelled.sort();
            labelled.dedup();
            if labelled.is_empty() {
                break;
            }
            remove(&labelled)?;
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
                    let options = self.host_options();
                    if !options.is_empty() {
                        program = program.arg(format!("--podman-build-args={}", options.trim_start()));
                    }
                    program.arg("build")
                }
            },
        };
        Ok(Some(
            program
                .envs_of(&self.podman.command())
                .env(build::INDEX_VARIABLE, self.index.script())
                .folder(self.context.path()),
        ))
    }

    /// The same base, with the label.
    fn base_of_others(&self) -> String {
        format!("{}-others/base:{}", self.namespace(), self.stack.images.tag)
    }

    /// Options that give a build what `build-images` gives its own: the host's certificates and its package index.
    fn host_options(&self) -> String {
        let mut options = String::new();
        if let Some(bundle) = build::host_ca_bundle() {
            // A text takes any line.
            let _ = write!(
                options,
                " --volume '{}:{}:ro'",
                bundle.display(),
                build::CA_BUNDLE_IN_STEP
            );
        }
        if !self.index.is_empty() {
            let _ = write!(options, " --secret {}", build::INDEX_SECRET);
        }
        options
    }

    fn image_of(&self, other: Other, group: &str) -> String {
        let by = other.key().replace('_', "-");
        format!("{}-{by}/{group}:{}", self.namespace(), self.stack.images.tag)
    }

    /// One build after the other, as a person writes them down. The images say by their base that they are nobody's, so that
    /// `build-images` does not take away for the script what the script replaced.
    fn write_script(&self, build: &str, other: Other) -> Result<(), FileError> {
        let mut options = self.host_options();
        if build::host_ca_bundle().is_some() {
            let _ = write!(options, " --build-arg PIP_CERT={}", build::CA_BUNDLE_IN_STEP);
        }
        let base = self.base_of_others();
        let requirements = self.requirements()?;
        let mut script = String::from("set -eu\n");
        for group in &self.stack.groups {
            let name = &group.name;
            let image = self.image_of(other, name);
            // A text takes any line.
            let _ = writeln!(
                script,
                "{build} --build-arg TREE=tree --build-arg REQUIREMENTS='tree/{}' \
                 --build-arg BASE='{base}'{options} \
                 --tag '{image}' --file 'docker/Dockerfile.{name}' .",
                requirements.get(name).unwrap_or(&group.requirements)
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
        let mut shared = json!({"TREE": "tree", "BASE": self.base_of_others()});
        if build::host_ca_bundle().is_some() {
            shared["PIP_CERT"] = build::CA_BUNDLE_IN_STEP.into();
        }
        let requirements = self.requirements()?;
        let services: serde_json::Map<String, serde_json::Value> = self
            .stack
            .groups
            .iter()
            .map(|group| {
                let mut arguments = shared.clone();
                let file = requirements.get(&group.name).unwrap_or(&group.requirements);
                arguments["REQUIREMENTS"] = format!("tree/{file}").into();
                let build = json!({
                    "context": ".",
                    "dockerfile": format!("docker/Dockerfile.{}", group.name),
                    "args": arguments,
                });
                let image = self.image_of(Other::Compose, &group.name);
                (group.name.clone(), json!({"image": image, "build": build}))
            })
            .collect();
        let text = json!({"services": services}).to_string();
        files::write(&self.context.path().join("compose.json"), text.as_bytes(), false)
    }

    /// Per group the requirements file that the others install from: of files that say the same, the first, so that the layer cache
    /// has them once and preparing takes a third. The group whose requirements change has its own.
    fn requirements(&self) -> Result<BTreeMap<String, String>, FileError> {
        let mut known: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        let mut files_of = BTreeMap::new();
        for (index, group) in self.stack.groups.iter().enumerate() {
            let text = files::read(&self.tree().join(&group.requirements))?;
            let file = if index == 0 {
                group.requirements.clone()
            } else {
                known.entry(text).or_insert_with(|| group.requirements.clone()).clone()
            };
            files_of.insert(group.name.clone(), file);
        }
        Ok(files_of)
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
                let images = self.stack.groups().map(|(id, _)| self.stack.group_image(id));
                let names = images.map(|image| image.replacen(&self.stack.images.namespace, &self.namespace(), 1));
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
