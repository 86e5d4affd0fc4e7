//! `cargo xtask build-images`: the base, the dependency images and the group images.

mod deliver;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;

use super::select::find_group;
use super::{Context, Failure, Outcome, ownership};
use crate::host::images::assemble::Assembly;
use crate::host::images::build::{self, Settings};
use crate::host::images::build_inputs::{self, BuildInputs};
use crate::host::images::package_index;
use crate::host::images::python_image::{self, Source};
use crate::host::images::requirements_lock::{self, Which};
use crate::host::leftovers::storage;
use crate::host::system::{git, lock, parallel, process};
use crate::host::tree;
use crate::images::image::Image;
use crate::images::labels::Provenance;
use crate::images::oci::Lower;
use crate::images::{Kind, NodeId, Plan, plan, schedule};
use crate::report::build::{BuildDocument, BuildReporter, dry_run};
use crate::report::exit::Exit;
use crate::report::left_out;
use crate::report::requirements_lock as locks;
use crate::stack::Stack;

/// Build the base image and the group images
///
/// The base comes first, then each image as soon as the one it is built FROM is there. Groups with the same requirements
/// share one dependency image. What is up to date is skipped: every image carries a digest of everything it was made from.
///
/// Where a requirements file has a lock (`cargo xtask lock`), what that pins is installed and nothing else; a lock that does not
/// belong to its file any more is refused.
///
/// Build steps get packages from the index that this host's pip or uv is told to use, by variables (`PIP_INDEX_URL`,
/// `PIP_EXTRA_INDEX_URL`, `PIP_TRUSTED_HOST`, `UV_DEFAULT_INDEX`, `UV_INDEX`, `UV_INSECURE_HOST`) or by pip.conf. No image, history or
/// log holds it, and it is no reason to build anew.
///
/// Images hold what their agents reach below `code:` and what `include:` names anywhere in the tree. Files that look like secrets
/// (`.env`, `*.pem`, `*.key`, `id_rsa`, `credentials.json`, whatever begins like a private key …) are left out and told, unless
/// `include:` names them one by one, without `*`; `--save` and `--push` look into the images once more and refuse where one holds such a file.
///
/// `--format json` prints one document at the end: `images` with digest and outcome of each, `saved` with path, bytes and images
/// of the archive of `--save`, `left_out` with files that no image gets and why, and `pushed` with the reference and manifest digest of each image at the registry.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-images                    everything that is not up to date
  cargo xtask build-images core-services      one group, with what it stands on
  cargo xtask build-images gpu-services --variant gpu-services=gpu
  cargo xtask build-images --dry-run          what would be built
  cargo xtask build-images --watch            on every save, with the groups that run replaced
  cargo xtask build-images --no-cache --jobs 2
  cargo xtask build-images --save images.tar  and write the base and all group images to one archive
  cargo xtask build-images --push registry.example:5000/ai_system
  cargo xtask build-images --save images.tar --format json | jq .saved.bytes")]
pub struct Args {
    /// Groups to build; all where none is named
    #[arg(value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Builds at the same time [default: twice the cores]
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Where the base gets Python from
    #[arg(long, value_enum, default_value_t, value_name = "SOURCE")]
    pub base: BaseSource,
    /// How group images are made
    #[arg(long, value_enum, default_value_t, value_name = "BUILDER")]
    pub builder: Builder,
    /// Name the images so, instead of as `images.namespace` of config/stack.yaml says; `up` starts those of the stack
    #[arg(long, value_name = "REGISTRY/PATH", value_parser = namespace)]
    pub namespace: Option<String>,
    /// Install what the requirements files allow, whatever their locks say
    #[arg(long)]
    pub unlocked: bool,
    /// Then write the base and the group images to that archive, for `podman load`
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub save: Option<PathBuf>,
    /// Then push the base and the group images to that registry, as REGISTRY/PATH/GROUP
    #[arg(long, value_name = "REGISTRY/PATH", value_parser = namespace, conflicts_with = "dry_run")]
    pub push: Option<String>,
    /// Build all of them, from nothing
    #[arg(long)]
    pub no_cache: bool,
    /// Say what would be built, and build nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Build again on every save of a file of the tree, of config/stack.yaml or of a requirements file, until Ctrl-C. Rendered files
    /// follow; groups that run from an image that changed are replaced, one after the other
    #[arg(long, conflicts_with_all = ["dry_run", "no_cache", "namespace"])]
    pub watch: bool,
    /// Build although another checkout with the same stack name has that stack on this host
    #[arg(long)]
    pub take_over: bool,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

/// Where the base gets Python from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum BaseSource {
    /// The registry if it can be reached, Debian packages otherwise; what is there already is kept
    #[default]
    Auto,
    /// `images.base_image` of config/stack.yaml
    Registry,
    /// Debian packages, put together by mmdebstrap
    Debian,
}

/// How group images are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Builder {
    /// Assembled from files, without starting a container
    #[default]
    Direct,
    /// `podman build` of docker/Dockerfile.GROUP
    Podman,
}

/// Form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs.
    Json,
}

/// Runs it.
///
/// # Errors
/// When the stack is wrong, a group unknown, or an image cannot be built.
pub fn run(args: &Args, context: &Context) -> Outcome {
    // Until something is changed, there is nothing to clean up.
    let _ease = process::AtEase::new();
    if args.watch {
        return watch::run(args, context);
    }
    let stack = context.stack()?;
    known_groups(&args.groups, &stack)?;
    context.require_fresh_render(&stack)?;
    build(args, context, stack)
}

/// Builds what is not up to date.
fn build(args: &Args, context: &Context, mut stack: Stack) -> Outcome {
    let podman = context.podman();
    let printer = &context.printer;
    let wanted = known_groups(&args.groups, &stack)?;
    if !args.unlocked {
        require_fresh_locks(context, &stack, &wanted)?;
    }
    if let Some(file) = &args.save {
        deliver::require_place(file)?;
        context.require_place(file, Some(&stack.source_tree))?;
    }
    if let Some(namespace) = &args.namespace {
        stack.images.namespace.clone_from(namespace);
    }

    let _lock = lock::take(&stack.name, "build-images", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let started = Instant::now();
    let tree = context.tree_path(&stack);
    // Podman takes longer to answer than the tree to be read.
    let (present, inputs) = rayon::join(
        || podman.images_named(&known_names(&stack)),
        || build_inputs::read(&context.repository, &tree, &stack, !args.unlocked),
    );
    let mut present = present?;
    let source = choose_source(args.base, context, &stack, &present)?;
    let inputs = inputs?.on(source, &stack);
    let plan_with =
        |present: &[Image]| plan::plan(&stack, &inputs.digests, &wanted, &plan_digests(present), args.no_cache);
    let mut plan = plan_with(&present);
    let mut below = Vec::new();
    if !plan.needed().is_empty() {
        // Names of dependency images are known only now, and nobody asks for them where all that stands on them is there.
        let dependencies = plan
            .nodes
            .iter()
            .filter(|node| matches!(node.kind, Kind::Dependencies { .. } | Kind::Assets { .. }));
        let names: Vec<String> = dependencies.map(|node| node.image.clone()).collect();
        below = podman.lower_images(&names)?;
        present.extend(below.iter().map(Image::from));
        plan = plan_with(&present);
    }
    if let Some(text) = left_out::text(&inputs.left_out) {
        printer.warn(text);
    }
    if !plan.needed().is_empty() && args.namespace.is_none() && !args.dry_run {
        // Another checkout's containers would be started from these at its next `up`.
        ownership::require(context, &stack, &podman, "build-images", args.take_over)?;
    }
    if args.dry_run {
        let mut document = dry_run(&plan);
        document.left_out = left_out::rows(&inputs.left_out);
        match args.format {
            Format::Json => context.print_json(&document)?,
            Format::Human => printer.data(&document.human()),
        }
        return Ok(Exit::Success);
    }
    let looked = Looked {
        plan,
        inputs,
        source,
        present,
        below,
    };
    build_plan(args, context, &stack, &looked, started)
}

/// What was found before the first build.
struct Looked {
    plan: Plan,
    inputs: BuildInputs,
    source: Source,
    present: Vec<Image>,
    /// Dependency images that are there.
    below: Vec<Lower>,
}

fn build_plan(args: &Args, context: &Context, stack: &Stack, looked: &Looked, started: Instant) -> Outcome {
    let Looked { plan, inputs, .. } = looked;
    let scratch = tempfile::Builder::new()
        .prefix("context-")
        .tempdir_in(context.repository.make_work()?)
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot make a build context: {error}")))?;
    let tree = context.tree_path(stack);
    let needed = plan.needed();
    // A build that was killed has left something to be built, and perhaps its working containers.
    if !needed.is_empty() {
        let podman = context.podman();
        let from = plan.nodes.iter().map(|node| node.image.as_str());
        let leftovers = storage::before_builds(&podman, stack, from)?;
        if !leftovers.is_empty() {
            let removed = leftovers.join(", ");
            context
                .printer
                .warn(format!("removed what a killed build left behind: {removed}"));
        }
    }
    let builder = match args.builder {
        Builder::Direct => build::Builder::Direct,
        Builder::Podman => build::Builder::Podman,
    };
    let dockerfiles = builder == build::Builder::Podman
        || needed
            .iter()
            .any(|id| !matches!(plan.node(*id).kind, Kind::Group { .. }));
    if dockerfiles && !needed.is_empty() {
        let whole = builder == build::Builder::Podman;
        build_inputs::stage(&context.repository, &tree, stack, inputs, whole, scratch.path())?;
    }
    let provenance = if needed.is_empty() {
        Provenance::default()
    } else {
        git::provenance(&tree)
    };
    let settings = Settings {
        jobs: args.jobs.map_or_else(parallel::default_jobs, NonZeroUsize::get),
        cache: !args.no_cache,
        source: looked.source,
        builder,
        context: scratch.path().to_owned(),
        temporary: context.repository.make_temporary()?,
        ca_bundle: build::host_ca_bundle(),
        index: package_index::of_host(),
    };
    let mut reporter = BuildReporter::new(&context.printer, plan);
    let podman = context.podman();
    let root = tree::open(&tree)?;
    let assembly = Assembly {
        podman: &podman,
        repository: &context.repository,
        stack,
        plan,
        tree: &root,
        inputs,
        below: &looked.below,
        provenance: &provenance,
        scratch: scratch.path(),
    };
    let outcomes = build::build(&assembly, &settings, &mut |event| reporter.event(event));
    let mut document = reporter.finish(&outcomes, started.elapsed());
    document.left_out = left_out::rows(&inputs.left_out);
    let ended = tidy_and_deliver(args, context, stack, looked, &outcomes, &mut document);
    if args.format == Format::Json {
        context.print_json(&document)?;
    }
    ended
}

/// Removes what was replaced, then saves and pushes what was asked for.
fn tidy_and_deliver(
    args: &Args,
    context: &Context,
    stack: &Stack,
    looked: &Looked,
    outcomes: &BTreeMap<NodeId, schedule::Outcome>,
    document: &mut BuildDocument,
) -> Outcome {
    let (plan, podman) = (&looked.plan, context.podman());
    if process::interrupted() {
        process::resume();
        storage::after_builds(&podman, stack)?;
        return Ok(Exit::Interrupted);
    }
    let built = |id: &&NodeId| outcomes.get(id) == Some(&schedule::Outcome::Built);
    let is_group = |id: &NodeId| matches!(plan.node(*id).kind, Kind::Group { .. });
    if outcomes.keys().filter(built).any(|id| !is_group(id)) && args.groups.is_empty() {
        // A plan of some groups does not know what the others are built FROM.
        let removed = build::remove_replaced(&podman, stack, plan)?;
        if !removed.is_empty() {
            let names = removed.join(", ");
            context
                .printer
                .note(format!("removed what no image stands on any more: {names}"));
        }
    } else {
        let names: Vec<&String> = outcomes.keys().filter(built).map(|id| &plan.node(*id).image).collect();
        build::remove_nameless(&podman, &looked.present, &names)?;
    }
    let failed = outcomes
        .values()
        .any(|outcome| !matches!(outcome, schedule::Outcome::Built | schedule::Outcome::UpToDate));
    if failed {
        if args.save.is_some() || args.push.is_some() {
            let what = "nothing was saved or pushed, because not all images are there";
            context.printer.error(what);
        }
        return Ok(Exit::Tool);
    }
    deliver::deliver(args, context, stack, plan, document)
}

/// Fails where a requirements file of these groups does not say any more what its lock was made from.
fn require_fresh_locks(context: &Context, stack: &Stack, groups: &BTreeSet<String>) -> Outcome<()> {
    let mut all = requirements_lock::look(
        &context.repository,
        &context.tree_path(stack),
        stack,
        groups,
        Which::Chosen,
    )?;
    // Without a lock, requirements are installed as they are.
    all.retain(|file| file.lock.is_some());
    let stale = locks::stale(&all, &stack.source_tree);
    if stale.is_empty() {
        return Ok(());
    }
    for message in stale {
        context.printer.error(message);
    }
    context
        .printer
        .note("  hint: run `cargo xtask lock`, or build with `--unlocked`");
    Err(Failure::said(Exit::WrongUse))
}

/// A namespace that names its registry: Podman does not resolve short names.
fn namespace(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
    match text.split_once('/') {
        Some((host, path))
            if (host == "localhost" || host.contains(['.', ':'])) && !path.is_empty() && text.chars().all(plain) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("write it in full and in small letters, as in `localhost/ai_system`".to_owned()),
    }
}

fn choose_source(base: BaseSource, context: &Context, stack: &Stack, present: &[Image]) -> Outcome<Source> {
    match base {
        BaseSource::Registry => Ok(Source::Registry),
        BaseSource::Debian => Ok(Source::Debian),
        BaseSource::Auto => {
            let (source, why) = python_image::choose(&context.podman(), stack, present)?;
            if let Some(why) = why {
                context.printer.note(format!(
                    "no registry hands out `{}`: the base is made from Debian packages\n  | {why}",
                    stack.images.base_image
                ));
            }
            Ok(source)
        }
    }
}

/// Names of the images that do not depend on what they are made from.
fn known_names(stack: &Stack) -> Vec<String> {
    let mut names = vec![plan::python_image(stack), stack.image("base")];
    names.extend(stack.groups().map(|(id, _)| stack.group_image(id)));
    names
}

/// Digests of what is there, by image name.
pub fn plan_digests(present: &[Image]) -> BTreeMap<String, String> {
    present
        .iter()
        .filter_map(|image| {
            let digest = image.labels.as_ref()?.get(crate::host::podman::DIGEST_LABEL)?;
            Some(
                image
                    .names
                    .iter()
                    .flatten()
                    .map(move |name| (name.clone(), digest.clone())),
            )
        })
        .flatten()
        .collect()
}

/// The named groups, or a failure that says which there are.
///
/// # Errors
/// When a name is not a group's.
pub fn known_groups(names: &[String], stack: &Stack) -> Outcome<BTreeSet<String>> {
    for name in names {
        find_group(name, stack)?;
    }
    Ok(names.iter().cloned().collect())
}
