//! `cargo xtask build-images --watch`: on every save, render and build what it changed, and replace the groups that run from it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::{Context, Failure, Outcome, render, send_images};
use super::{Args, build, known_groups};
use crate::boot::creation::Runs;
use crate::boot::event::BootEvent;
use crate::boot::limits;
use crate::boot::view::{Progress, View};
use crate::host::boot;
use crate::host::podman::GROUP_LABEL;
use crate::host::podman::hosts::{Hosts, MachineHost, Place};
use crate::host::system::watch::Watch;
use crate::host::system::{lock, process};
use crate::host::tree::changes::Changes;
use crate::host::tree::watched;
use crate::report::exit::Exit;
use crate::report::findings::counted;
use crate::stack::{GroupId, Stack};

/// How often an interrupt is looked for while nothing else happens.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs until it is interrupted. What is wrong with a file is printed, and the next save waited for.
///
/// # Errors
/// When there is no stack to begin with, or files cannot be watched.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let mut changes = Changes::new()?;
    let mut watched = Watched::default();
    loop {
        // Before anything is read: what is saved from here on is seen.
        let followed = watched.follow(context, &mut changes);
        let done = followed.and_then(|()| pass(args, context));
        if process::interrupted() {
            return Ok(Exit::Interrupted);
        }
        if let Err(failure) = done {
            if watched.is_empty() {
                return Err(failure);
            }
            if let Some(message) = failure.message {
                context.printer.error(message);
            }
        }
        context.printer.step("watching", &watched.what);
        let changed = changes.next(&|path| watched.matters(path), None);
        if process::interrupted() {
            return Ok(Exit::Interrupted);
        }
        context.printer.step("changed", watched.describe(&changed));
    }
}

/// What is looked at.
#[derive(Debug, Default)]
struct Watched {
    /// Folders all of whose files matter.
    folders: Vec<PathBuf>,
    /// Files that matter besides.
    files: BTreeSet<PathBuf>,
    /// Folder of rendered files, where it is one of its own.
    output: Option<PathBuf>,
    /// Folder of the tree.
    tree: PathBuf,
    /// In words.
    what: String,
}

impl Watched {
    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Looks at what the stack names now. Where it cannot be read, at what it named before.
    ///
    /// # Errors
    /// When a link leads out of the tree: nothing outside is watched.
    fn follow(&mut self, context: &Context, changes: &mut Changes) -> Outcome<()> {
        let (stack, _) = context.stack_and_findings()?;
        let Some(stack) = stack else {
            return Ok(());
        };
        // What a machine names whose config cannot be read is what it named before; of one that never could be, the config is waited for.
        if !stack.unread.is_empty() && !self.is_empty() {
            return Ok(());
        }
        let tree = context.tree_path(&stack);
        let prefix = stack.shown_prefix();
        let in_tree = |shown: &str| shown.strip_prefix(&prefix).unwrap_or(shown).to_owned();
        let lost = stack.unread.iter().map(|lost| in_tree(&lost.config));
        let startup = stack.machines.iter().map(|machine| machine.startup_config.clone());
        let requirements = stack.groups.iter().map(|group| group.requirements.clone());
        let named: Vec<String> = startup.chain(lost).chain(requirements).collect();
        let code = stack.machines.iter().flat_map(|machine| &machine.code);
        let found = watched::find(&tree, code.map(String::as_str), named.iter().map(|path| path.as_str()))?;
        let mut files: BTreeSet<PathBuf> = named.into_iter().map(|path| tree.join(path)).collect();
        files.insert(context.repository.path(stack.output.stack_file()));
        let config = context.repository.path(&stack.output.at("config"));
        let beside = found
            .beside
            .iter()
            .cloned()
            .chain([config])
            .map(|folder| (folder, false));
        changes.watch(found.folders.iter().cloned().map(|folder| (folder, true)).chain(beside))?;
        self.what = format!(
            "{} and {} of {}",
            counted(found.folders.len(), "folder"),
            counted(files.len(), "file"),
            stack.source_tree
        );
        self.output = stack.output.folder().map(|folder| context.repository.path(folder));
        (self.folders, self.files, self.tree) = (found.folders, files, tree);
        Ok(())
    }

    /// Interpreters and version control write beside the sources, too.
    fn matters(&self, path: &Path) -> bool {
        let theirs = path
            .components()
            .any(|part| part.as_os_str() == ".git" || part.as_os_str() == "__pycache__");
        let ours = self.output.as_ref().is_some_and(|output| path.starts_with(output));
        !theirs && (self.files.contains(path) || (!ours && self.folders.iter().any(|folder| path.starts_with(folder))))
    }

    /// The first of these files, and how many more.
    fn describe(&self, changed: &BTreeSet<PathBuf>) -> String {
        let name = |path: &PathBuf| path.strip_prefix(&self.tree).unwrap_or(path).display().to_string();
        let first = changed.first().map_or_else(String::new, name);
        match changed.len() {
            0 | 1 => first,
            many => format!("{first} and {} more", many - 1),
        }
    }
}

/// Brings everything up to date once.
fn pass(args: &Args, context: &Context) -> Outcome<()> {
    let stack = context.stack()?;
    known_groups(&args.groups, &stack)?;
    context.require_all_read(&stack, "rendered")?;
    render::refresh(context, &stack.as_written())?;
    match build(args, context, stack.clone())? {
        Exit::Success => replace(args, context, &stack),
        other => Err(Failure::said(other)),
    }
}

/// Replaces the groups that run and are not what they should be, one after the other: each answers before the next goes.
fn replace(args: &Args, context: &Context, stack: &Stack) -> Outcome<()> {
    let mut hosts = context.hosts(stack, false)?;
    hosts.ask()?;
    let _lock = lock::take(&stack.name, "build-images --watch", |holder| {
        context.printer.note(format!("waiting for {holder}"));
    })?;
    let wanted: Vec<GroupId> = stack
        .groups()
        .filter(|(_, group)| args.groups.is_empty() || args.groups.contains(&group.name))
        .map(|(id, _)| id)
        .collect();
    for mut part in hosts.parts(stack, &wanted) {
        let host = part.host;
        let running = running(host, stack)?;
        part.groups.retain(|group| running.contains(group));
        if part.groups.is_empty() {
            continue;
        }
        if host.place == Place::Elsewhere {
            send_images::provide(context, stack, &part)?;
        }
        for group in boot::outdated(&host.podman, stack, &part.groups, &host.host, &Runs::Supervisor)? {
            replace_one(context, stack, &hosts, host, group)?;
        }
    }
    Ok(())
}

/// Groups whose container runs.
fn running(host: &MachineHost, stack: &Stack) -> Outcome<BTreeSet<GroupId>> {
    let containers = host.podman.containers(&stack.name)?;
    let names = containers
        .iter()
        .filter(|container| container.state == "running")
        .filter_map(|container| container.labels.as_ref()?.get(GROUP_LABEL));
    Ok(names.filter_map(|name| stack.find_group(name)).collect())
}

fn replace_one(context: &Context, stack: &Stack, hosts: &Hosts, host: &MachineHost, group: GroupId) -> Outcome<()> {
    let name = &stack.group(group).name;
    let begun = Instant::now();
    let up = || {
        boot::up(&host.podman, stack, &[group], &host.host, &Runs::Supervisor, &|event| {
            if let BootEvent::GroupFailed(_, why) = event {
                context.printer.error(format!("`{name}` cannot be replaced: {why}"));
            }
        })
    };
    let created = up();
    if process::interrupted() {
        // Whoever stops to watch does not stop what runs.
        process::resume();
        let created = up();
        process::interrupt();
        created?;
        return Err(Failure::said(Exit::Interrupted));
    }
    if !created?.failed.is_empty() {
        return Err(Failure::said(Exit::Tool));
    }
    let watch = Watch::start([(group, hosts.status(stack, group))]);
    let mut view = View::default();
    while !view.all_answer(&[group]) {
        if process::interrupted() {
            return Err(Failure::said(Exit::Interrupted));
        }
        let late = begun.elapsed() > limits::boot(stack, &[group]) && !view.is_starting(&[group]);
        if late || view.progress(stack, &[group], &[]) == Progress::Failed {
            context.printer.warn(format!(
                "not every agent of `{name}` answers\n  hint: `cargo xtask status {name}` says why, `cargo xtask logs {name}` what they print"
            ));
            return Ok(());
        }
        match watch.next(GLANCE) {
            Some((_, Ok(status))) => view.update(group, status),
            Some((_, Err(_))) => view.forget(group),
            None => {}
        }
    }
    let took = begun.elapsed().as_secs_f64();
    context
        .printer
        .step("replaced", format!("{name}, which answers after {took:.1} s"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::Watched;

    #[test]
    fn what_interpreters_and_version_control_write_does_not_matter() {
        let watched = Watched {
            folders: vec![PathBuf::from("/tree/code")],
            files: [PathBuf::from("/tree/requirements.core.txt")].into(),
            output: Some(PathBuf::from("/tree/code/deploy")),
            tree: PathBuf::from("/tree"),
            what: String::new(),
        };
        let matters = |path: &str| watched.matters(Path::new(path));
        assert!(matters("/tree/code/a/b.py") && matters("/tree/code/data.json"));
        assert!(matters("/tree/requirements.core.txt"));
        assert!(!matters("/tree/notes.txt") && !matters("/tree/requirements.txt"));
        assert!(!matters("/tree/code/__pycache__/b.pyc") && !matters("/tree/code/.git/index"));
        assert!(!matters("/tree/code/deploy/.work/logs/build.log"));
        let changed = [PathBuf::from("/tree/code/a.py"), PathBuf::from("/tree/code/b.py")].into();
        assert_eq!(watched.describe(&changed), "code/a.py and 1 more");
    }
}
