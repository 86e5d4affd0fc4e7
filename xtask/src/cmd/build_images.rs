//! `cargo xtask build-images`: the base, the dependency images and the group images.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Instant;

use clap::ValueEnum;

use super::{Context, Failure, Outcome};
use crate::host::build::{self, Settings};
use crate::host::build_inputs::{self, BuildInputs};
use crate::host::podman::Image;
use crate::host::python_image::{self, Source};
use crate::host::{lock, parallel, process};
use crate::images::{Plan, plan, schedule};
use crate::report::build::{BuildReporter, dry_run};
use crate::report::exit::Exit;

/// Build the base image and the group images
///
/// The base comes first, then each image as soon as the one it is built FROM is there. Groups with the same requirements
/// share one dependency image. What is up to date is skipped: every image carries a digest of everything it was made from.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask build-images                    everything that is not up to date
  cargo xtask build-images core-services      one group, with what it stands on
  cargo xtask build-images --dry-run          what would be built
  cargo xtask build-images --no-cache --jobs 2")]
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
    /// Build all of them, from nothing
    #[arg(long)]
    pub no_cache: bool,
    /// Say what would be built, and build nothing
    #[arg(long)]
    pub dry_run: bool,
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
    let stack = context.stack()?;
    let podman = context.podman();
    let printer = &context.printer;
    let wanted = known_groups(&args.groups, &stack)?;
    context.require_fresh_render(&stack)?;

    let _lock = lock::take(&stack.name, "build-images", |holder| {
        printer.note(format!("waiting for {holder}"));
    })?;
    let started = Instant::now();
    let leftovers = build::remove_leftovers(&podman, &stack)?;
    if !leftovers.is_empty() {
        printer.warn(format!(
            "removed what a killed build left behind: {}",
            leftovers.join(", ")
        ));
    }
    let present = podman.images()?;
    let source = choose_source(args.base, context, &stack, &present)?;
    let inputs = build_inputs::read(&context.repository, &context.tree_path(&stack), &stack, source)?;
    let digests = plan_digests(&present);
    let plan = plan::plan(&stack, &inputs.digests, &wanted, &digests, args.no_cache);
    if args.dry_run {
        let document = dry_run(&plan);
        match args.format {
            Format::Json => context.print_json(&document)?,
            Format::Human => printer.data(&document.human()),
        }
        return Ok(Exit::Success);
    }
    let outcomes_exit = build_plan(args, context, &stack, &plan, &inputs, source, started)?;
    Ok(outcomes_exit)
}

fn build_plan(
    args: &Args,
    context: &Context,
    stack: &crate::stack::Stack,
    plan: &Plan,
    inputs: &BuildInputs,
    source: Source,
    started: Instant,
) -> Outcome {
    let scratch = tempfile::Builder::new()
        .prefix("context-")
        .tempdir_in(context.repository.make_work()?)
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot make a build context: {error}")))?;
    if !plan.needed().is_empty() {
        build_inputs::stage(&context.repository, &context.tree_path(stack), inputs, scratch.path())?;
    }
    let settings = Settings {
        jobs: args.jobs.map_or_else(parallel::default_jobs, NonZeroUsize::get),
        cache: !args.no_cache,
        source,
        context: scratch.path().to_owned(),
        ca_bundle: build::host_ca_bundle(),
    };
    let mut reporter = BuildReporter::new(&context.printer, plan);
    let outcomes = build::build(
        &context.podman(),
        &context.repository,
        stack,
        plan,
        &settings,
        &mut |event| {
            reporter.event(event);
        },
    );
    let document = reporter.finish(&outcomes, started.elapsed());
    if args.format == Format::Json {
        context.print_json(&document)?;
    }
    if process::interrupted() {
        process::resume();
        build::remove_leftovers(&context.podman(), stack)?;
        return Ok(Exit::Interrupted);
    }
    let built_any = outcomes.values().any(|outcome| *outcome == schedule::Outcome::Built);
    // A plan of some groups does not know what the others are built FROM.
    if built_any && args.groups.is_empty() {
        build::remove_replaced(&context.podman(), stack, plan)?;
    }
    let failed = outcomes
        .values()
        .any(|outcome| !matches!(outcome, schedule::Outcome::Built | schedule::Outcome::UpToDate));
    Ok(if failed { Exit::Tool } else { Exit::Success })
}

fn choose_source(
    base: BaseSource,
    context: &Context,
    stack: &crate::stack::Stack,
    present: &[Image],
) -> Outcome<Source> {
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

fn plan_digests(present: &[Image]) -> std::collections::BTreeMap<String, String> {
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
pub fn known_groups(names: &[String], stack: &crate::stack::Stack) -> Outcome<BTreeSet<String>> {
    for name in names {
        if stack.find_group(name).is_none() {
            let known: Vec<&str> = stack.groups.iter().map(|group| group.name.as_str()).collect();
            return Err(Failure::wrong_use(format!(
                "no group is called `{name}`\n  hint: groups are {}",
                known.join(", ")
            )));
        }
    }
    Ok(names.iter().cloned().collect())
}
