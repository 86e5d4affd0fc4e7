//! Builds images: as many at once as there are jobs, each as soon as what it is built FROM is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::podman::{DIGEST_LABEL, Podman, PodmanError, STACK_LABEL, belongs_to};
use super::process::{self, ProcessError, Program};
use super::python_image::{self, Source};
use super::repository::Repository;
use crate::images::schedule::{Outcome, Schedule};
use crate::images::{Kind, Node, NodeId, Plan};
use crate::stack::Stack;

/// What happens while images are built.
#[derive(Debug)]
pub enum BuildEvent {
    /// An image is being built.
    Started(NodeId),
    /// Its build printed a line.
    Line(NodeId, String),
    /// It is done, or not to be had.
    Finished {
        /// The image.
        id: NodeId,
        /// How it came out.
        outcome: Outcome,
        /// How long it took.
        elapsed: Duration,
        /// Why it failed.
        error: Option<String>,
    },
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
    /// Folder that holds `tree/`, `config/` and the supervisor's binary, as the Dockerfiles want them.
    pub context: PathBuf,
    /// A bundle of certificate authorities that steps which download something have to trust.
    pub ca_bundle: Option<PathBuf>,
}

/// Where the host's bundle stands inside a build step.
const CA_BUNDLE_IN_STEP: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Builds what the plan needs.
pub fn build(
    podman: &Podman,
    repository: &Repository,
    stack: &Stack,
    plan: &Plan,
    settings: &Settings,
    emit: &mut dyn FnMut(BuildEvent),
) -> BTreeMap<NodeId, Outcome> {
    enum Message {
        Line(NodeId, String),
        Done(NodeId, Duration, Result<(), ProcessError>),
    }
    let mut schedule = Schedule::new(plan);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        let mut running = 0;
        loop {
            while running < settings.jobs && !process::interrupted() {
                let Some(id) = schedule.start_next() else {
                    break;
                };
                running += 1;
                emit(BuildEvent::Started(id));
                let sender = sender.clone();
                scope.spawn(move || {
                    let started = Instant::now();
                    let built = build_one(podman, repository, stack, plan, id, settings, &mut |line| {
                        // The receiver lives as long as the scope.
                        let _ = sender.send(Message::Line(id, line.to_owned()));
                    });
                    let _ = sender.send(Message::Done(id, started.elapsed(), built));
                });
            }
            if running == 0 {
                break;
            }
            match receiver.recv() {
                Ok(Message::Line(id, line)) => emit(BuildEvent::Line(id, line)),
                Ok(Message::Done(id, elapsed, built)) => {
                    running -= 1;
                    let skipped = schedule.finish(id, built.is_ok());
                    emit(BuildEvent::Finished {
                        id,
                        outcome: if built.is_ok() { Outcome::Built } else { Outcome::Failed },
                        elapsed,
                        error: built.err().map(|error| error.to_string()),
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
                Err(mpsc::RecvError) => break,
            }
        }
    });
    schedule.outcomes().clone()
}

fn build_one(
    podman: &Podman,
    repository: &Repository,
    stack: &Stack,
    plan: &Plan,
    id: NodeId,
    settings: &Settings,
    line: &mut dyn FnMut(&str),
) -> Result<(), ProcessError> {
    let node = plan.node(id);
    let log = repository.log(&format!("build-{}", node.name));
    let from = node.from.map(|from| plan.node(from).image.clone());
    match (&node.kind, from) {
        (Kind::Base, Some(python)) => {
            dockerfile(podman, stack, node, settings, "base").arg(format!("--build-arg=BASE_IMAGE={python}"))
        }
        (Kind::Dependencies { example }, Some(base)) => {
            dockerfile(podman, stack, node, settings, &stack.group(*example).name)
                .arg("--target=dependencies")
                .arg(format!("--build-arg=BASE={base}"))
        }
        (Kind::Group { group }, Some(dependencies)) => {
            dockerfile(podman, stack, node, settings, &stack.group(*group).name)
                .arg(format!("--build-context=dependencies=container-image://{dependencies}"))
        }
        (Kind::Python, _) | (_, None) => {
            return python_image::make(podman, stack, node, settings.source, &settings.context, &log, line);
        }
    }
    .arg(&settings.context)
    .log(log)
    .succeed(line)
    .map(drop)
}

/// `podman build` of one of our Dockerfiles, still without the context.
fn dockerfile(podman: &Podman, stack: &Stack, node: &Node, settings: &Settings, name: &str) -> Program {
    let file = settings.context.join(format!("docker/Dockerfile.{name}"));
    let mut command = podman
        .command()
        .args(["build", "--pull=never", "--force-rm", "--layers=false"])
        .arg("--file")
        .arg(file)
        .args(["--tag", &node.image])
        .arg(format!("--label={DIGEST_LABEL}={}", node.digest))
        .arg(format!("--label={STACK_LABEL}={}", stack.name))
        .arg("--build-arg=TREE=tree");
    if !settings.cache {
        command = command.arg("--no-cache");
    }
    match &settings.ca_bundle {
        Some(bundle) => command
            .arg(format!("--volume={}:{CA_BUNDLE_IN_STEP}:ro", bundle.display()))
            .arg(format!("--build-arg=PIP_CERT={CA_BUNDLE_IN_STEP}")),
        None => command,
    }
}

/// Removes containers that a killed build, or a Podman that was killed while it made one of ours, left in Podman's storage: no
/// list but this shows them, and their names stay taken.
///
/// # Errors
/// When Podman fails.
pub fn remove_leftovers(podman: &Podman, stack: &Stack) -> Result<Vec<String>, ProcessError> {
    let listed = podman
        .command()
        .args([
            "ps",
            "--all",
            "--external",
            "--format",
            "{{.Names}}\t{{.Image}}\t{{.Status}}",
        ])
        .read()?;
    let namespace = format!("{}/", stack.images.namespace);
    let names: Vec<String> = listed
        .lines()
        .filter_map(|line| {
            let mut fields = line.split('\t');
            let (name, image, status) = (fields.next()?, fields.next()?, fields.next()?);
            let ours = image.starts_with(&namespace) && status.starts_with("Storage");
            let named_by_us = name.contains("working-container") || stack.find_group(name).is_some();
            (ours && named_by_us).then(|| name.to_owned())
        })
        .collect();
    if !names.is_empty() {
        podman.command().args(["rm", "--force"]).args(&names).run()?;
    }
    Ok(names)
}

/// Removes images that the newest ones have replaced: those that lost their name, and dependency images that no group is
/// built FROM any more. One that a container still uses stays until a later build.
///
/// # Errors
/// When Podman cannot be run.
pub fn remove_replaced(podman: &Podman, stack: &Stack, plan: &Plan) -> Result<usize, PodmanError> {
    let dependencies = format!("{}/dependencies-", stack.images.namespace);
    let replaced: Vec<String> = podman
        .images()?
        .into_iter()
        .filter(|image| belongs_to(image.labels.as_ref(), &stack.name))
        .filter(|image| {
            image
                .names
                .iter()
                .flatten()
                .all(|name| name.starts_with(&dependencies) && plan.nodes.iter().all(|node| node.image != *name))
        })
        .map(|image| image.id)
        .collect();
    let mut removed = 0;
    for id in &replaced {
        removed += usize::from(podman.command().args(["image", "rm", id]).run()?.status.success());
    }
    Ok(removed)
}

/// The bundle that build steps are given: the one that this host's own programs are told to use.
#[must_use]
pub fn host_ca_bundle() -> Option<PathBuf> {
    std::env::var_os("SSL_CERT_FILE")
        .map(PathBuf::from)
        .filter(|path| Path::is_file(path))
}
