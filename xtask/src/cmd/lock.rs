//! `cargo xtask lock`: requirements files to locks with hashes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Failure, Outcome};
use crate::host::images::requirements_lock::{self as host, ResolveError, Upgrade, Uv};
use crate::host::system::{parallel, process};
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::report::requirements_lock as show;
use crate::stack::Stack;
use crate::stack::lockable::lockable;
use crate::stack::requirements_lock::Locked;
use crate::stack::requirements_lock::{self as lock, Pin};

/// Lock the requirements of the images: every distribution, with its version and hashes
///
/// Writes config/locks/FILE for each requirements file of the tree that a group or a variant of one has. From then on `build-images` installs what
/// the lock pins, checks the hashes, and refuses a lock that does not belong to the requirements file any more. A lock that
/// still does is left alone, whatever newer versions there are; `--upgrade` looks for these. Delete a lock, and its
/// requirements are installed unlocked again.
///
/// uv resolves for the Python of config/stack.yaml; it is installed below target/ where it is not there yet. It gets names and versions
/// alone: no source is built on this host, no folder of the tree, version control or archive is fetched, and the tree's configuration of
/// pip or uv is not read. A line that asks for that is an error with its place. A distribution that has no wheel is locked where
/// `without_wheels:` of the group says what it needs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask lock                        what changed; nothing where all is locked
  cargo xtask lock --check                in CI: fail where a lock is missing or stale; asks no index
  cargo xtask lock --upgrade              the newest versions of everything
  cargo xtask lock --upgrade pyzmq psutil")]
pub struct Args {
    /// Write nothing, and fail where a lock is missing or stale
    #[arg(long, conflicts_with = "upgrade")]
    check: bool,
    /// Look for newer versions of these distributions; of all where none is named
    #[arg(long, value_name = "NAME", num_args = 0..)]
    upgrade: Option<Vec<String>>,
    /// Ask this index, too, where a requirements file names it (`--index-url`, `--extra-index-url`, `--find-links`); may be given more than
    /// once. Others than the host's are not asked
    #[arg(long, value_name = "URL", conflicts_with = "check")]
    allow_index: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// When a file cannot be read or written, or uv not be installed.
pub fn run(args: &Args, context: &Context) -> Outcome {
    // Until something is changed, there is nothing to clean up.
    let _ease = process::AtEase::new();
    let stack = context.stack_of_files()?;
    context.require_all_read(&stack, "locked")?;
    let printer = &context.printer;
    let all = host::look(
        &context.repository,
        &context.tree_path(&stack),
        &stack,
        &BTreeSet::new(),
        host::Which::All,
    )?;
    let unused = host::unused(&context.repository, &stack)?;
    if args.check {
        let stale = show::stale(&all, &stack.source_tree);
        for message in &stale {
            printer.error(message);
        }
        for path in &unused {
            printer.error(format!("`{path}` is the lock of no requirements file"));
        }
        if stale.is_empty() && unused.is_empty() {
            printer.step("locked", format!("{} up to date", files_are(all.len())));
            return Ok(Exit::Success);
        }
        printer.note("  hint: run `cargo xtask lock` and commit");
        return Ok(Exit::Findings);
    }
    let upgrade = upgrade(args.upgrade.as_deref(), &all)?;
    context.repository.claim()?;
    for path in &unused {
        context.repository.folder()?.remove(path)?;
    }
    let had = host::locked(&context.repository, &stack);
    let failed = write(args, context, &stack, &all, &upgrade)?;
    if had != host::locked(&context.repository, &stack) {
        // Which file a Dockerfile installs from stands in it.
        render(context, &stack)?;
    }
    Ok(match failed {
        _ if process::interrupted() => Exit::Interrupted,
        true => Exit::Tool,
        false => Exit::Success,
    })
}

/// Writes the rendered files that are not what the stack renders to any more.
fn render(context: &Context, stack: &Stack) -> Outcome<()> {
    super::render::bring(context, &context.rendered(stack))
}

/// What is to be upgraded; every name has to be locked somewhere.
fn upgrade(names: Option<&[String]>, all: &[Locked]) -> Outcome<Upgrade> {
    match names {
        None => Ok(Upgrade::Nothing),
        Some([]) => Ok(Upgrade::Everything),
        Some(names) => {
            let pinned = pins(all.iter());
            for name in names {
                if !pinned.contains_key(&lock::name(name)) {
                    let known: Vec<&str> = pinned.keys().map(String::as_str).collect();
                    return Err(Failure::wrong_use(format!(
                        "no lock has `{name}`\n  hint: locked are {}",
                        known.join(", ")
                    )));
                }
            }
            Ok(Upgrade::These(names.to_vec()))
        }
    }
}

/// Resolves what is stale, or all that is to be upgraded, and writes what came out otherwise. True where something could not be
/// resolved; the others are whole.
fn write(args: &Args, context: &Context, stack: &Stack, all: &[Locked], upgrade: &Upgrade) -> Outcome<bool> {
    let indexes: BTreeSet<String> = args.allow_index.iter().cloned().collect();
    let printer = &context.printer;
    // Files that say the same come out the same.
    let mut alike: BTreeMap<Vec<&str>, Vec<&Locked>> = BTreeMap::new();
    for file in all {
        if *upgrade != Upgrade::Nothing || !file.stale.is_empty() {
            let mut lines: Vec<&str> = file.wanted.iter().map(|line| line.text.as_str()).collect();
            lines.sort_unstable();
            alike.entry(lines).or_default().push(file);
        }
    }
    let sets: Vec<Vec<&Locked>> = alike.into_values().collect();
    let resolved = if sets.is_empty() {
        Vec::new()
    } else {
        let uv = provide(context)?;
        printer.step("resolving", counted(sets.len(), "set of requirements"));
        parallel::map(parallel::default_jobs(), &sets, |set| {
            resolve(&uv, context, stack, all, set, (upgrade, &indexes))
        })
    };
    let (mut changed, mut failed) = (0, 0);
    for (set, resolved) in sets.iter().zip(resolved) {
        let pins = match resolved {
            Ok(pins) => pins,
            Err(error) => {
                let names: Vec<&str> = set.iter().map(|file| file.requirements.as_str()).collect();
                let error = error.to_string();
                // uv's words for a distribution that it could only build.
                let hint = if error.contains("no usable wheels") {
                    "\n  hint: nothing is built on this host; `without_wheels: {NAME: [what it needs]}` of the group has its source built inside the image"
                } else {
                    ""
                };
                printer.error(format!("cannot lock {}\n  {error}{hint}", names.join(", ")));
                failed += set.len();
                continue;
            }
        };
        for file in set {
            let text = lock::text(&file.requirements, &file.wanted, stack.python_version, &pins);
            if file.lock.as_deref() == Some(text.as_str()) {
                continue;
            }
            let path = &file.path;
            context.repository.folder()?.write(path, text.as_bytes(), false)?;
            let changes = show::changes(file.lock.as_deref().unwrap_or_default(), &text);
            printer.step("locked", format!("{path}: {changes}"));
            changed += 1;
        }
    }
    let current = all.len() - changed - failed;
    printer.step(
        "locked",
        format!("{} changed, {current} up to date", counted(changed, "lock")),
    );
    Ok(failed > 0)
}

fn provide(context: &Context) -> Outcome<Uv> {
    if let Some(uv) = Uv::find(&context.repository) {
        return Ok(uv);
    }
    context.printer.step("installing", "uv, below target/");
    Uv::install(&context.repository).map_err(|error| match error {
        ResolveError::Process(error) => error.into(),
        ResolveError::File(error) => error.into(),
        refused @ ResolveError::Refused(_) => Failure::wrong_use(refused.to_string()),
    })
}

/// What files that say the same come out as. What other locks pin is kept in mind, so that groups get the same versions as far as
/// their requirements let them.
fn resolve(
    uv: &Uv,
    context: &Context,
    stack: &Stack,
    all: &[Locked],
    set: &[&Locked],
    (upgrade, indexes): (&Upgrade, &BTreeSet<String>),
) -> Result<String, ResolveError> {
    let mut before = pins(all.iter());
    before.extend(pins(set.iter().copied()));
    let Some(first) = set.first() else {
        return Ok(String::new());
    };
    let lockable = lockable(&first.wanted, indexes).map_err(ResolveError::Refused)?;
    uv.resolve(
        &context.repository,
        &first.requirements,
        (&lockable, &stack.sources(&first.requirements)),
        stack.python_version,
        &before,
        upgrade,
    )
}

fn pins<'a>(locks: impl Iterator<Item = &'a Locked>) -> BTreeMap<String, Pin> {
    locks
        .filter_map(|file| file.lock.as_deref())
        .flat_map(lock::versions)
        .collect()
}

fn files_are(count: usize) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, "requirements file"))
}
