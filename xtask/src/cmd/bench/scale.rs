//! `cargo xtask bench scale`: how everything grows with the number of agents.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use super::super::build_images::Format;
use super::super::{Context, Outcome};
use crate::bench::scale::{Size, Task};
use crate::container::preload::Preload;
use crate::host::bench;
use crate::host::bench::scale::{Bench, Programs};
use crate::render;
use crate::report::bench_scale as show;
use crate::report::exit::Exit;
use crate::report::status;
use crate::stack::{AgentId, GroupId, Stack};

/// Show how planning, rendering, the audit, gating and status grow with the number of agents
///
/// Makes stacks with the groups and agents of this one, so many times, in a temporary folder. Planning: from the stack's texts to the
/// model, the plan of the images and how every container is created. Rendering: every file in memory. Audit: the whole process, on
/// two Python files per agent. Gating: a real supervisor per group and a process per agent that answers health
/// checks, without containers; wall time until the last agent answers, CPU time of the supervisors alone. Status: all
/// supervisors asked, and the table and the document made. CPU is that of this process where nothing else is said.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench scale
  cargo xtask bench scale --times 1,4 --runs 3
  cargo xtask bench scale --format json | jq '.growth'")]
pub struct Args {
    /// Sizes, as multiples of the stack
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 4, 16],
        value_parser = clap::value_parser!(u16).range(1..=20))]
    times: Vec<u16>,
    /// Runs of each task but gating, which runs once
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Runs it.
///
/// # Errors
/// When a program cannot be compiled, a file not be written, or an agent does not answer.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    context.printer.step("preparing", "supervisor and fake agent");
    let programs = Programs::make(&context.repository)?;
    let mut sizes = Vec::new();
    for times in &args.times {
        let bench = Bench::new(&stack, *times)?;
        let (agents, groups) = (bench.stack.agents.len(), bench.stack.groups.len());
        context
            .printer
            .step("measuring", format!("{agents} agents in {groups} groups"));
        let mut took = BTreeMap::new();
        took.insert(Task::Planning, bench.planning(args.runs));
        took.insert(Task::Rendering, bench.rendering(args.runs, every_file));
        took.insert(Task::Audit, bench.audit(args.runs)?);
        let (booted, gating) = bench.boot(&programs)?;
        took.insert(Task::Gating, gating);
        let all: Vec<GroupId> = bench.stack.groups().map(|(id, _)| id).collect();
        let every: BTreeSet<AgentId> = bench.stack.agents().map(|(id, _)| id).collect();
        let mut failed = None;
        let asked = bench::time(args.runs, || match booted.ask() {
            Ok(view) => {
                black_box(status::human(
                    &bench.stack,
                    &view,
                    &all,
                    &every,
                    &BTreeMap::new(),
                    false,
                ));
                black_box(status::document(&bench.stack, &view, &every, &BTreeMap::new()));
            }
            Err(error) => failed = Some(error),
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        took.insert(Task::Status, asked);
        sizes.push(Size {
            copies: *times,
            agents,
            groups,
            took,
        });
    }
    let result = show::Result {
        machine: bench::machine(),
        runs: args.runs,
        sizes,
    };
    match args.format {
        Format::Human => context.printer.data(&show::human(&result)),
        Format::Json => context.print_json(&show::document(&result))?,
    }
    Ok(Exit::Success)
}

fn every_file(stack: &Stack) {
    black_box(render::render(stack, &Preload::default(), &BTreeSet::new()));
    black_box(render::documents(stack));
}
