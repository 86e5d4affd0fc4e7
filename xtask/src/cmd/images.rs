//! `cargo xtask images`: what the images hold, and why.

use std::collections::BTreeSet;

use clap::Subcommand;

use super::build_images::{Format, plan_digests};
use super::select::find_group;
use super::{Context, Failure, Outcome};
use crate::container::layout::ROOT;
use crate::host::images::build_inputs::{self, BuildInputs, TreeContents};
use crate::host::images::layer;
use crate::host::images::python_image::{self, Source};
use crate::host::system::process;
use crate::host::tree;
use crate::images::difference::difference;
use crate::images::image::Image;
use crate::images::sbom::document;
use crate::images::{Plan, plan};
use crate::report::exit::Exit;
use crate::report::images::{DiffDocument, ImagesDocument, WhyDocument};
use crate::stack::assets::Asset;
use crate::stack::near::nearest;
use crate::stack::{GroupId, Stack, normal};

/// Show what the group images hold, and why
///
/// A group image holds what its agents can import, start or open, and nothing else: a change elsewhere does not touch it.
/// Where something cannot be followed, it holds all code of its machine; `contents:` in config/stack.yaml decides otherwise.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask images ls                                        sizes, what is shared, what is up to date
  cargo xtask images why vision main_pc_code/src/core/base_agent.py
  cargo xtask images diff core-services                        what a build would change, and why
  cargo xtask images sbom core-services                        what is installed, as CycloneDX")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
    /// Form of the result
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the images: how much of the tree each holds, sizes, what is shared, what is up to date
    #[command(after_help = "Examples:
  cargo xtask images ls
  cargo xtask images ls --format json | jq -r '.images[] | select(.up_to_date | not).name'")]
    Ls,
    /// Show what brings a file into a group's image
    #[command(after_help = "Examples:
  cargo xtask images why vision main_pc_code/src/core/base_agent.py
  cargo xtask images why vision main_pc_code/src/core/base_agent.py --format json

Exit code 1 where the image does not hold the file.")]
    Why {
        /// The group
        group: String,
        /// Path of the file, relative to the tree; of an asset, its name, or an absolute path in the container
        file: String,
    },
    /// Print what is installed in a group's image, as CycloneDX 1.5 JSON: Debian packages, Python distributions and assets
    #[command(after_help = "Examples:\n  cargo xtask images sbom vision > vision.cdx.json")]
    Sbom {
        /// The group
        group: String,
    },
    /// Show what a build would change in a group's image
    #[command(after_help = "Examples:
  cargo xtask images diff core-services
  cargo xtask images diff core-services --tree ../agents --format json

Exit code 1 where a build would change the image, or there is none yet.")]
    Diff {
        /// The group
        group: String,
    },
}

/// Runs it.
///
/// # Errors
/// When the stack is wrong, a group unknown, or Podman cannot be asked.
pub fn run(args: &Args, context: &Context) -> Outcome {
    // Until something is changed, there is nothing to clean up.
    let _ease = process::AtEase::new();
    let stack = context.stack()?;
    match &args.command {
        Command::Ls => ls(args.format, context, &stack),
        Command::Why { group, file } => why(args.format, context, &stack, group, file),
        Command::Sbom { group } => sbom(context, &stack, group),
        Command::Diff { group } => diff(args.format, context, &stack, group),
    }
}

fn ls(format: Format, context: &Context, stack: &Stack) -> Outcome {
    let (plan, inputs, present) = planned(context, stack, &BTreeSet::new())?;
    let document = ImagesDocument::new(&plan, &inputs.contents, &present);
    match format {
        Format::Json => context.print_json(&document)?,
        Format::Human => context.printer.data(&document.human()),
    }
    let stale = plan.needed().len();
    if stale > 0 {
        let images = if stale == 1 { "image is" } else { "images are" };
        context.printer.note(format!(
            "{stale} {images} missing or stale\n  hint: run `cargo xtask build-images`"
        ));
    }
    Ok(Exit::Success)
}

fn why(format: Format, context: &Context, stack: &Stack, group: &str, file: &str) -> Outcome {
    let group = find_group(group, stack)?;
    let name = &stack.group(group).name;
    if let Some(asset) = asset_of(stack, group, file) {
        let document = WhyDocument::of_asset(stack, name, file, asset);
        match format {
            Format::Json => context.print_json(&document)?,
            Format::Human => context.printer.data(&document.human()),
        }
        return Ok(Exit::Success);
    }
    let found = build_inputs::tree_contents(&context.tree_path(stack), stack)?;
    let file = normal(file);
    let prefix = format!("{}/", normal(&stack.source_tree));
    let file = file.strip_prefix(&prefix).unwrap_or(&file);
    let contents = found
        .contents
        .get(name)
        .ok_or_else(|| Failure::wrong_use(format!("nothing is known about `{name}`")))?;
    let held_by = found.contents.iter().filter(|(_, held)| held.files.contains_key(file));
    let held_by: Vec<&str> = held_by.map(|(name, _)| name.as_str()).collect();
    if let (true, Some(why)) = (held_by.is_empty(), found.left_out.get(file)) {
        return Err(Failure::new(
            Exit::Findings,
            format!(
                "no image holds `{file}`: it {}\n  hint: name it one by one to have it in images: `include: [{file}]` under `images:`",
                why.words()
            ),
        ));
    }
    if held_by.is_empty() {
        require_file(context, stack, &found, file)?;
    }
    let document = WhyDocument::new(name, file, contents, &held_by);
    match format {
        Format::Json => context.print_json(&document)?,
        Format::Human => context.printer.data(&document.human()),
    }
    Ok(if document.held { Exit::Success } else { Exit::Findings })
}

/// The asset of a group that has this name, or that holds this path of the container: absolute, or relative to the tree's root there.
fn asset_of<'a>(stack: &'a Stack, group: GroupId, file: &str) -> Option<&'a Asset> {
    let group = stack.group(group);
    let named = group.assets.iter().find(|asset| asset.name == file);
    let path = match file.strip_prefix('/') {
        Some(path) => format!("/{}", normal(path)),
        None => format!("{ROOT}/{}", normal(file)),
    };
    named.or_else(|| group.asset_at(&path))
}

/// Fails where the tree has no such file, with one of that name elsewhere in it, or of nearly that path.
fn require_file(context: &Context, stack: &Stack, found: &TreeContents, file: &str) -> Outcome<()> {
    let root = tree::open(&context.tree_path(stack))?;
    if root.has_file(file) {
        return Ok(());
    }
    let what = if root.has_folder(file) {
        format!("`{file}` is a folder of the tree")
    } else {
        format!("the tree has no file `{file}`")
    };
    let known: BTreeSet<&str> = found
        .contents
        .values()
        .flat_map(|held| held.files.keys().map(String::as_str))
        .collect();
    let inside = format!("{file}/");
    let elsewhere = format!("/{}", file.rsplit('/').next().unwrap_or(file));
    let near = known
        .iter()
        .copied()
        .find(|path| path.starts_with(&inside) || path.ends_with(&elsewhere))
        .or_else(|| nearest(file, known.iter().copied()));
    let hint = near.map_or_else(
        || "paths are relative to the tree, as in `main_pc_code/src/core/base_agent.py`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Err(Failure::wrong_use(format!("{what}\n  hint: {hint}")))
}

fn sbom(context: &Context, stack: &Stack, group: &str) -> Outcome {
    let id = find_group(group, stack)?;
    let podman = context.podman();
    let image = stack.group_image(id);
    let packages = layer::packages(&podman, &image).map_err(|error| Failure::new(Exit::Tool, error.to_string()))?;
    let Some(packages) = packages else {
        return Err(Failure::new(
            Exit::Findings,
            format!("`{image}` is not there\n  hint: run `cargo xtask build-images {group}`"),
        ));
    };
    let inspected = podman.inspect_images(&BTreeSet::from([image.clone()]))?;
    let Some(inspected) = inspected.first() else {
        let gone = format!("`{image}` is not there any more\n  hint: run `cargo xtask build-images {group}`");
        return Err(Failure::new(Exit::Findings, gone));
    };
    let created = inspected.config.labels.get("org.opencontainers.image.created").cloned();
    let base: Vec<(&str, &str)> = [python_image::BASE_NAME_LABEL, python_image::BASE_DIGEST_LABEL]
        .into_iter()
        .filter_map(|label| Some((label, inspected.config.labels.get(label)?.as_str())))
        .collect();
    let assets = layer::assets(&podman, &image).map_err(|error| Failure::new(Exit::Tool, error.to_string()))?;
    context.print_json(&document(&image, &inspected.id, created, &base, &packages, &assets))?;
    Ok(Exit::Success)
}

fn diff(format: Format, context: &Context, stack: &Stack, group: &str) -> Outcome {
    let id = find_group(group, stack)?;
    let group = stack.group(id);
    let (plan, inputs, _) = planned(context, stack, &BTreeSet::from([group.name.clone()]))?;
    let (Some(wanted), Some(contents), Some(digests)) = (
        inputs.groups.get(&group.name),
        inputs.contents.get(&group.name),
        inputs.digests.groups.get(&group.name),
    ) else {
        return Err(Failure::wrong_use(format!("nothing is known about `{}`", group.name)));
    };
    let code = &stack.machine(group.machine).code;
    let held = layer::held(&context.podman(), &stack.group_image(id), code, &group.config_file)
        .map_err(|error| Failure::new(Exit::Tool, error.to_string()))?;
    let changes = held.as_ref().map(|held| difference(&held.entries, wanted));
    let config = held
        .as_ref()
        .is_some_and(|held| held.config.as_deref() != Some(digests.config.as_bytes()));
    let document = DiffDocument::new(&group.name, &plan, changes, config, contents);
    match format {
        Format::Json => context.print_json(&document)?,
        Format::Human => context.printer.data(&document.human()),
    }
    Ok(if document.up_to_date {
        Exit::Success
    } else {
        Exit::Findings
    })
}

/// The plan of a build that would begin now; nothing is pulled for it.
fn planned(context: &Context, stack: &Stack, wanted: &BTreeSet<String>) -> Outcome<(Plan, BuildInputs, Vec<Image>)> {
    let present = context.podman().images()?;
    let source = python_image::known(&present).unwrap_or(Source::Registry);
    let inputs = build_inputs::read(&context.repository, &context.tree_path(stack), stack, true)?;
    let inputs = inputs.on(source, stack);
    let plan = plan::plan(stack, &inputs.digests, wanted, &plan_digests(&present), false);
    Ok((plan, inputs, present))
}
