//! Builds images: as many at once as there are jobs, each as soon as what it is built FROM is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

use super::assemble::Assembly;
use super::assets::{AssetError, Cache};
use super::build_inputs;
use super::bytecode::Bytecode;
use super::python_image::{self, Source};
use crate::host::leftovers::storage;
use crate::host::podman::{Podman, PodmanError, belongs_to};
use crate::host::system::process::{self, ProcessError, Program};
use crate::images::event::BuildEvent;
use crate::images::image::Image;
use crate::images::labels;
use crate::images::package_index::PackageIndex;
use crate::images::schedule::{Outcome, Schedule};
use crate::images::{Kind, Node, NodeId, Plan};
use crate::stack::Stack;

/// How group images are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// Assembled without a container; see [`super::assemble`].
    Direct,
    /// `podman build` of their Dockerfiles.
    Podman,
}

/// How images are built.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Builds at the same time.
    pub jobs: usize,
    /// Whether Podman's own layer cache may be used.
    pub cache: bool,
    /// Where the Python image comes from.
    pub source: Source,
    /// How group images are made.
    pub builder: Builder,
    /// Folder that holds the trees, `config/` and the supervisor's binary, as the Dockerfiles want them.
    pub context: PathBuf,
    /// Folder where builds have their temporary files and what they cache: one of ours, since the system's may hold the cache of a
    /// user who does not share it.
    pub temporary: PathBuf,
    /// A bundle of certificate authorities that steps which download something have to trust.
    pub ca_bundle: Option<PathBuf>,
    /// Where Python packages come from.
    pub index: PackageIndex,
}

/// Where the host's bundle stands inside a build step.
pub const CA_BUNDLE_IN_STEP: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Variable that Podman takes the secret `package-index` from.
pub const INDEX_VARIABLE: &str = "AI_SYSTEM_PACKAGE_INDEX";

/// The secret, as `--secret` wants it.
pub const INDEX_SECRET: &str = "id=package-index,type=env,env=AI_SYSTEM_PACKAGE_INDEX";

/// Why an image could not be built.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    /// A program failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// One of its assets is not to be had.
    #[error(transparent)]
    Asset(#[from] AssetError),
}

/// What a worker says.
enum Message {
    Line(NodeId, String),
    Done(NodeId, Duration, Result<(), String>),
    /// A worker has nothing left to do.
    Free,
}

/// Builds what the plan needs.
pub fn build(
    assembly: &Assembly<'_>,
    settings: &Settings,
    emit: &mut dyn FnMut(BuildEvent),
) -> BTreeMap<NodeId, Outcome> {
    let plan = assembly.plan;
    let mut schedule = Schedule::new(plan);
    let bytecode = OnceLock::new();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut running = 0;
        loop {
            let mut ready = Vec::new();
            while running < settings.jobs && !process::interrupted() {
                let Some(id) = schedule.start_next() else {
                    break;
                };
                emit(BuildEvent::Started(id));
                if settings.builder == Builder::Direct && matches!(plan.node(id).kind, Kind::Group { .. }) {
                    ready.push(id);
                    continue;
                }
                running += 1;
                let sender = sender.clone();
                scope.spawn(move || {
                    let started = Instant::now();
                    let built = build_one(assembly, id, settings, &mut |line| {
                        // The receiver lives as long as the scope.
                        let _ = sender.send(Message::Line(id, line.to_owned()));
                    });
                    let _ = sender.send(Message::Done(
                        id,
                        started.elapsed(),
                        built.map_err(|error| error.to_string()),
                    ));
                    let _ = sender.send(Message::Free);
                });
            }
            // Podman takes in many images with one process; more processes than these wait for each other's locks.
            let lots = MOST_PULLS.min(settings.jobs.saturating_sub(running)).max(1);
            for lot in ready.chunks(ready.len().div_ceil(lots).max(1)) {
                running += 1;
                let (sender, bytecode, lot) = (sender.clone(), &bytecode, lot.to_vec());
                scope.spawn(move || {
                    let started = Instant::now();
                    for (id, built) in assemble(assembly, &lot, bytecode) {
                        let _ = sender.send(Message::Done(id, started.elapsed(), built));
                    }
                    let _ = sender.send(Message::Free);
                });
            }
            if running == 0 {
                break;
            }
            match receiver.recv() {
                Ok(Message::Line(id, line)) => emit(BuildEvent::Line(id, line)),
                Ok(Message::Done(id, elapsed, built)) => {
                    let skipped = schedule.finish(id, built.is_ok());
                    emit(BuildEvent::Finished {
                        id,
                        outcome: if built.is_ok() { Outcome::Built } else { Outcome::Failed },
                        elapsed,
                        error: built.err(),
                    });
                    for other in skipped {
                        emit(BuildEvent::Finished {
                            id: other,
                            outcome: Outcome::Skipped { because: id },
                            elapsed: Duration::ZERO,
                            error: None,
                        });
                    }
                }
                Ok(Message::Free) => running -= 1,
                Err(mpsc::RecvError) => break,
            }
        }
    });
    schedule.outcomes().clone()
}

/// Processes that bring images into Podman's storage at the same time.
const MOST_PULLS: usize = 2;

/// Assembles groups; the first call compiles the bytecode of all, the others wait for that.
fn assemble(
    assembly: &Assembly<'_>,
    lot: &[NodeId],
    bytecode: &OnceLock<Result<Bytecode, String>>,
) -> Vec<(NodeId, Result<(), String>)> {
    let below = lot.first().and_then(|id| assembly.plan.node(*id).from);
    let below = below.map_or("", |below| &assembly.plan.node(below).image);
    let name = lot.first().map_or("", |id| &assembly.plan.node(*id).name);
    let log = assembly.repository.log(&format!("pull-{name}"));
    match bytecode.get_or_init(|| assembly.bytecode(below).map_err(|error| error.to_string())) {
        Ok(bytecode) => assembly
            .assemble(lot, bytecode, &log)
            .into_iter()
            .map(|(id, built)| (id, built.map_err(|error| error.to_string())))
            .collect(),
        Err(error) => lot.iter().map(|id| (*id, Err(error.clone()))).collect(),
    }
}

fn build_one(
    assembly: &Assembly<'_>,
    id: NodeId,
    settings: &Settings,
    line: &mut dyn FnMut(&str),
) -> Result<(), BuildError> {
    let (stack, plan) = (assembly.stack, assembly.plan);
    let node = plan.node(id);
    let log = assembly.repository.log(&format!("build-{}", node.name));
    let from = node.from.map(|from| plan.node(from).image.clone());
    match (&node.kind, from) {
        (Kind::Base, Some(python)) => {
            dockerfile(assembly, node, settings, "base").arg(format!("--build-arg=BASE_IMAGE={python}"))
        }
        (Kind::Dependencies { example }, Some(base)) => {
            dockerfile(assembly, node, settings, &stack.group(*example).name)
                .arg("--target=dependencies")
                .arg(format!("--build-arg=BASE={base}"))
        }
        (Kind::Assets { example }, Some(dependencies)) => {
            let name = &stack.group(*example).name;
            let folder = build_inputs::group_assets(name);
            let cache = Cache {
                folder: assembly.repository.work().join("assets"),
                checkout: assembly.repository.root(),
            };
            let digests = assembly.inputs.digests.groups.get(name).map(|group| &group.assets);
            let assets = &stack.group(*example).assets;
            cache.stage(assets, digests, &settings.context.join(&folder), line)?;
            dockerfile(assembly, node, settings, name)
                .arg("--target=assets")
                .arg(format!("--build-arg=ASSETS={folder}"))
                .arg(format!("--build-context=dependencies=container-image://{dependencies}"))
        }
        (Kind::Group { group }, Some(below)) => {
            let stage = match stack.group(*group).assets.is_empty() {
                true => "dependencies",
                false => "assets",
            };
            dockerfile(assembly, node, settings, &stack.group(*group).name)
                .arg(format!("--build-context={stage}=container-image://{below}"))
        }
        (Kind::Python, _) | (_, None) => {
            let python = python_image::Python {
                stack,
                node,
                source: settings.source,
                labels: labels::of(stack, node, assembly.provenance),
            };
            return Ok(python.make(assembly.podman, &settings.context, &log, line)?);
        }
    }
    .arg(&settings.context)
    .log(log)
    .succeed(line)?;
    Ok(())
}

/// `podman build` of one of our Dockerfiles, still without the context.
fn dockerfile(assembly: &Assembly<'_>, node: &Node, settings: &Settings, name: &str) -> Program {
    let labels = labels::of(assembly.stack, node, assembly.provenance);
    let file = settings
        .context
        .join(assembly.stack.output.at(&format!("docker/Dockerfile.{name}")));
    let mut command = assembly
        .podman
        .command()
        .env("TMPDIR", &settings.temporary)
        .args(["build", "--pull=never", "--force-rm", "--layers=false"])
        .arg(format!("--network={}", network(assembly.stack, node)))
        .arg("--file")
        .arg(file)
        .args(["--tag", &node.image])
        .args(labels.iter().map(|(name, value)| format!("--label={name}={value}")))
        .arg(storage::build_mark(&assembly.stack.name));
    if name != "base" {
        command = command
            .arg(format!("--build-arg=TREE={}", build_inputs::group_tree(name)))
            .arg(format!(
                "--build-arg=REQUIREMENTS={}",
                build_inputs::group_requirements(name)
            ));
    }
    if !settings.cache {
        command = command.arg("--no-cache");
    }
    if !settings.index.is_empty() {
        // A secret is there while a step runs: it is in no layer, no history and no command line.
        command = command
            .env(INDEX_VARIABLE, settings.index.script())
            .arg(format!("--secret={INDEX_SECRET}"))
            .veil(settings.index.credentials());
    }
    match &settings.ca_bundle {
        Some(bundle) => command
            .arg(format!("--volume={}:{CA_BUNDLE_IN_STEP}:ro", bundle.display()))
            .arg(format!("--build-arg=PIP_CERT={CA_BUNDLE_IN_STEP}")),
        None => command,
    }
}

/// The network of an image's build steps: the host's where something is downloaded, none otherwise.
fn network(stack: &Stack, node: &Node) -> &'static str {
    match node.kind {
        Kind::Group { .. } => "none",
        Kind::Base | Kind::Python if stack.images.packages.is_empty() => "none",
        // Bridges of several builds that come and go at once cut each other's connections off for a minute.
        Kind::Base | Kind::Python | Kind::Dependencies { .. } => "host",
        Kind::Assets { example } if stack.group(example).assets_need_network() => "host",
        Kind::Assets { .. } => "none",
    }
}

/// Removes images that the newest ones have replaced: those that lost their name, and dependency images and such with assets that no image
/// is built FROM any more; of a variant that is not in use now, they stay as long as its image does. One that a container still uses stays
/// until a later build. Returns the names of what it removed.
///
/// # Errors
/// When Podman cannot be run.
pub fn remove_replaced(podman: &Podman, stack: &Stack, plan: &Plan) -> Result<Vec<String>, PodmanError> {
    // What groups of a machine need of which nothing is known is not known, either.
    if !stack.unread.is_empty() {
        return Ok(Vec::new());
    }
    let shared = ["dependencies-", "assets-"].map(|name| format!("{}/{name}", stack.images.namespace));
    let is_replaced = |name: &String| {
        let is_shared = shared.iter().any(|shared| name.starts_with(shared));
        is_shared && plan.nodes.iter().all(|node| node.image != *name)
    };
    let names = |image: &Image| image.names.clone().unwrap_or_default();
    let images = podman.images()?.into_iter();
    let ours = images.filter(|image| belongs_to(image.labels.as_ref(), &stack.name));
    let (replaced, kept): (Vec<Image>, Vec<Image>) = ours.partition(|image| names(image).iter().all(is_replaced));
    let candidates: Vec<String> = replaced.iter().flat_map(names).collect();
    let mut in_use = Vec::new();
    if !candidates.is_empty() {
        let upper: Vec<String> = kept.iter().flat_map(names).collect();
        let upper = podman.lower_images(&upper)?;
        let lower = podman.lower_images(&candidates)?.into_iter();
        in_use.extend(
            lower
                .filter(|lower| upper.iter().any(|upper| lower.is_below(upper)))
                .map(|lower| lower.id),
        );
    }
    let gone: Vec<String> = replaced
        .into_iter()
        .map(|image| image.id)
        .filter(|id| !in_use.contains(id))
        .collect();
    Ok(remove(podman, &gone)?)
}

/// Removes images of `before` that lost one of these names, their only one, to an image that was built.
///
/// # Errors
/// When Podman cannot be run.
pub fn remove_nameless(podman: &Podman, before: &[Image], names: &[&String]) -> Result<(), PodmanError> {
    let old: Vec<&Image> = before
        .iter()
        .filter(|image| matches!(image.names.as_deref(), Some([name]) if names.contains(&name)))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    // What was built anew from the same input is the same image, and has its name.
    let named: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
    let now = podman.image_ids(&named)?;
    let gone: Vec<String> = old
        .iter()
        .map(|image| image.id.clone())
        .filter(|id| now.values().all(|new| new != id))
        .collect();
    remove(podman, &gone)?;
    Ok(())
}

/// It removes all that it can, and fails where one is in use: such a one stays until a later build.
/// Returns the names that are gone.
fn remove(podman: &Podman, ids: &[String]) -> Result<Vec<String>, ProcessError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let said = podman.command().args(["image", "rm"]).args(ids).run()?.stdout;
    let names = said.lines().filter_map(|line| line.strip_prefix("Untagged: "));
    Ok(names.map(str::to_owned).collect())
}

/// The bundle that build steps are given: the one that this host's own programs are told to use.
#[must_use]
pub fn host_ca_bundle() -> Option<PathBuf> {
    std::env::var_os("SSL_CERT_FILE")
        .map(PathBuf::from)
        .filter(|path| Path::is_file(path))
}
