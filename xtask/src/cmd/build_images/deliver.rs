//! `--save` and `--push`: the images, once all are built, to an archive or to a registry.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use super::Args;
use crate::cmd::{Context, Failure, Outcome};
use crate::host::images::delivery::{self, PushError, SaveError};
use crate::host::images::layer;
use crate::host::podman::Podman;
use crate::host::system::parallel;
use crate::host::system::process::{self, ProcessError};
use crate::images::push::{Push, Pushed};
use crate::images::{Kind, Plan};
use crate::report::build::BuildDocument;
use crate::report::delivery::{Delivery, PushedImage, SavedArchive};
use crate::report::exit::Exit;
use crate::report::left_out::secrets_text;
use crate::stack::{Stack, selection};

/// Fails early where an archive cannot be at that place.
///
/// # Errors
/// When the place is a folder, or in none.
pub fn require_place(file: &Path) -> Outcome<()> {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    if file.is_dir() {
        return Err(Failure::wrong_use(format!("`{}` is a folder", file.display())));
    }
    match parent {
        Some(parent) if !parent.is_dir() => Err(Failure::wrong_use(format!(
            "there is no folder `{}` to write the archive to",
            parent.display()
        ))),
        _ => Ok(()),
    }
}

/// Saves and pushes what was asked for; all images are there. The document lists what got to its place, also where not all did.
///
/// # Errors
/// When the archive cannot be written.
pub fn deliver(args: &Args, context: &Context, stack: &Stack, plan: &Plan, document: &mut BuildDocument) -> Outcome {
    // What others stand on comes first: a registry that has a layer already is not sent it again.
    let mut seen = BTreeSet::new();
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for node in &plan.nodes {
        match node.kind {
            Kind::Base => first.push(node),
            Kind::Group { .. } if seen.insert(node.from) => first.push(node),
            Kind::Group { .. } => others.push(node),
            Kind::Python | Kind::Dependencies { .. } | Kind::Assets { .. } => {}
        }
    }
    let podman = context.podman();
    if args.save.is_some() || args.push.is_some() {
        let images: Vec<String> = first.iter().chain(&others).map(|node| node.image.clone()).collect();
        refuse_secrets(&podman, stack, &images)?;
    }
    if let Some(file) = &args.save {
        let images: Vec<String> = first.iter().chain(&others).map(|node| node.image.clone()).collect();
        let started = Instant::now();
        let shown = Delivery::new(&context.printer, "saving", images.len(), &file.display().to_string());
        let saved = delivery::save(&podman, &context.repository, &images, file, &mut || shown.one_more());
        let bytes = saved?;
        shown.saved(file, bytes, started.elapsed());
        document.saved = Some(SavedArchive {
            path: file.display().to_string(),
            bytes,
            images,
        });
    }
    let Some(registry) = &args.push else {
        return Ok(Exit::Success);
    };
    let started = Instant::now();
    let shown = Delivery::new(&context.printer, "pushing", first.len() + others.len(), registry);
    let jobs = args.jobs.map_or_else(parallel::default_jobs, NonZeroUsize::get);
    let base = first.drain(..first.len().min(1)).collect();
    let mut whole = true;
    for wave in [base, first, others] {
        let wave: Vec<Push> = wave
            .into_iter()
            .map(|node| Push {
                name: node.name.clone(),
                image: node.image.clone(),
                // With its tag: that of a group with variants names one.
                to: node.image.replacen(&stack.images.namespace, registry, 1),
            })
            .collect();
        let done = |push: &Push, result: &Result<Pushed, PushError>| match result {
            Ok(pushed) => shown.pushed(push, pushed),
            Err(PushError::Process(ProcessError::Interrupted { .. })) => shown.one_more(),
            Err(error) => shown.not_pushed(push, &error.to_string()),
        };
        let results = delivery::push(&podman, &context.repository, jobs, &wave, &done);
        for (push, result) in wave.into_iter().zip(results) {
            whole &= result.is_ok();
            document.pushed.extend(result.ok().map(|pushed| PushedImage {
                image: push.image,
                reference: push.to,
                digest: pushed.digest,
            }));
        }
        if !whole {
            break;
        }
    }
    shown.finish_push(document.pushed.len(), started.elapsed());
    Ok(match whole {
        _ if process::interrupted() => Exit::Interrupted,
        true => Exit::Success,
        false => Exit::Tool,
    })
}

/// Fails where an image holds what looks like a secret, whatever built it, and the stack does not name it one by one.
fn refuse_secrets(podman: &Podman, stack: &Stack, images: &[String]) -> Outcome<()> {
    let named = selection::all_named(stack);
    let found = layer::secrets(podman, images, &named).map_err(|error| {
        Failure::new(
            Exit::Tool,
            format!("cannot tell whether the images hold secrets, so nothing was saved or pushed: {error}"),
        )
    })?;
    match secrets_text(&found) {
        None => Ok(()),
        Some(text) => Err(Failure::new(Exit::Findings, text)),
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Podman(error) => error.into(),
            SaveError::File(error) => error.into(),
        }
    }
}
