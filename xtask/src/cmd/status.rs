//! `cargo xtask status`: what every agent does now, and why one is stuck.

mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::build_images::Format;
use super::select::Selection;
use super::{Context, Failure, Outcome, ownership};
use crate::boot::standing::Standing;
use crate::boot::view::View;
use crate::host::boot::{group_containers, supervisor_status};
use crate::host::system::{files, parallel, process};
use crate::report::exit::Exit;
use crate::report::{escape, json, status};
use crate::stack::{AgentId, GroupId, Stack};

/// Show every agent: its state, restarts, time to ready, what it waits for
///
/// Asks the supervisors themselves, all at once. For an agent that is not healthy it prints the chain of what it waits for,
/// and of the one that holds the others up what it said last, the final error first. Of a group that does not answer it says whether
/// its container is there and runs.
///
/// Exit code 0 when every required agent of those asked for is healthy; 1 when one is not, also where nothing runs; 2 for unknown
/// names or a stack with errors; 4 where a file cannot be read; 130 after Ctrl-C, which is how `--watch` ends.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask status
  cargo xtask status TaskRouter
  cargo xtask status --watch                    again whenever something changes, until Ctrl-C
  cargo xtask status --format json --output-file status.json
  cargo xtask status --format json | jq '.agents[] | select(.state != \"healthy\")'")]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
    /// Write it to this file, whole, instead of to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "watch")]
    output_file: Option<PathBuf>,
    /// Show it again whenever a supervisor tells of a change, until Ctrl-C; as JSON, one document a line
    #[arg(short, long)]
    watch: bool,
}

/// What is shown.
struct Shown<'a> {
    stack: &'a Stack,
    groups: Vec<GroupId>,
    agents: BTreeSet<AgentId>,
    format: Format,
}

impl Shown<'_> {
    /// What is known, as it is shown.
    fn text(&self, view: &View, standing: &BTreeMap<GroupId, Standing>, context: &Context) -> Outcome<String> {
        match self.format {
            Format::Json => {
                let document = status::document(self.stack, view, &self.agents, standing);
                json::line(&document)
                    .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JSON: {error}")))
            }
            Format::Human => {
                let color = context.printer.color_out;
                Ok(status::human(
                    self.stack,
                    view,
                    &self.groups,
                    &self.agents,
                    standing,
                    color,
                ))
            }
        }
    }
}

/// How long a supervisor may take to answer.
const LIMIT: Duration = Duration::from_secs(3);

/// Runs it.
///
/// # Errors
/// When the stack is wrong or a name is unknown.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    if let Some(path) = &args.output_file {
        context.require_file(path, Some(&stack.source_tree))?;
    }
    let agents = args.selection.agents(&stack)?;
    let groups = args.selection.groups(&stack)?;
    let hosts = context.hosts(&stack, args.selection.lab)?;
    ownership::tell(context, &stack, &hosts);
    if args.watch {
        let shown = Shown {
            stack: &stack,
            groups,
            agents,
            format: args.format,
        };
        return watch::run(&shown, &hosts, context);
    }
    // An agent that waits is explained by agents of other groups, so all are asked.
    let all: Vec<_> = stack.groups().map(|(id, _)| id).collect();
    let mut view = View::default();
    let asked = parallel::map(all.len(), &all, |group| {
        supervisor_status::fetch(hosts.status(&stack, *group), None, LIMIT)
    });
    for (group, answer) in all.iter().zip(asked) {
        if let Ok(snapshot) = answer {
            view.update(*group, snapshot.status);
        }
    }
    if process::interrupted() {
        return Ok(Exit::Interrupted);
    }
    // Podman is asked only about groups that do not answer. Where it cannot be asked, that they do not answer is all there is to say.
    let silent: Vec<_> = groups
        .iter()
        .copied()
        .filter(|group| view.group(*group).is_none())
        .collect();
    let standing = if silent.is_empty() {
        BTreeMap::new()
    } else {
        group_containers::standing_of_silent(&hosts, &stack, &silent).unwrap_or_default()
    };
    let absent = |group: &GroupId| standing.get(group) == Some(&Standing::Absent);
    match args.format {
        Format::Json => {
            let document = status::document(&stack, &view, &agents, &standing);
            match &args.output_file {
                Some(path) => {
                    let text = json::text(&document)
                        .map_err(|error| Failure::new(Exit::Internal, format!("cannot write JSON: {error}")))?;
                    write(path, &format!("{text}\n"), context)?;
                }
                None => context.print_json(&document)?,
            }
        }
        Format::Human if groups.iter().all(absent) => {
            context.printer.error(status::nothing_runs(&stack, &groups));
            return Ok(Exit::Findings);
        }
        Format::Human => {
            let color = context.printer.color_out && args.output_file.is_none();
            let text = status::human(&stack, &view, &groups, &agents, &standing, color);
            match &args.output_file {
                Some(path) => write(path, &escape::output(&text, false), context)?,
                None => context.printer.data(&text),
            }
        }
    }
    Ok(if status::all_required_healthy(&stack, &view, &agents) {
        Exit::Success
    } else {
        Exit::Findings
    })
}

/// Writes what is shown to a file.
fn write(path: &Path, text: &str, context: &Context) -> Outcome<()> {
    files::write_there(path, text.as_bytes())?;
    context.printer.step("wrote", path.display().to_string());
    Ok(())
}
