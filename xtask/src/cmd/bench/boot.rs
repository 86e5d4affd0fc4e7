//! `cargo xtask bench boot`: from nothing until all agents answer, in four ways.

use super::super::build_images::Format;
use super::super::{Context, Outcome};
use super::concluded;
use crate::bench::boot::{Figures, Way};
use crate::host::bench;
use crate::host::bench::boot::Bench;
use crate::host::bench::stage::Stage;
use crate::report::bench_boot as show;
use crate::report::exit::Exit;
use crate::stack::Stack;
use contract::group_config::Start;

/// Time boots, plain and warm, beside the plan's own way and beside the floor
///
/// In turns, from a host with nothing of the stack until all agents answer, and down again (which does not count):
/// `up --plain --wait answering` and `up --wait answering`, whole processes; the plan's way, containers made as `up` makes them,
/// at once, each with a supervisor in Python that starts an agent when the one before it in its container answers; and
/// the floor, as many interpreters as there are agents, all at once in one container, each importing what two or more agents of
/// the largest group import. No settling time is in the figures. CPU is that of the whole host (/proc/stat), so that Podman and the
/// kernel count and nothing else should run; for the floor it is that of the interpreters. Memory is proportional (PSS), of
/// all processes below the supervisors once all agents answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench boot
  cargo xtask bench boot --runs 5 --format json
  cargo xtask bench boot --way floor --way warm")]
pub struct Args {
    /// Boots of each way
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Only this way; may be given more than once
    #[arg(long = "way", value_enum, value_name = "WAY")]
    ways: Vec<Named>,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// A way, as the command line has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Named {
    /// Interpreters alone
    Floor,
    /// `up --plain`
    Plain,
    /// `up`
    Warm,
    /// The plan's
    OneAfterTheOther,
}

impl From<Named> for Way {
    fn from(named: Named) -> Self {
        match named {
            Named::Floor => Self::Floor,
            Named::Plain => Self::Plain,
            Named::Warm => Self::Warm,
            Named::OneAfterTheOther => Self::Script,
        }
    }
}

/// Runs it.
///
/// # Errors
/// When the stack runs already, an image cannot be built, or not every agent answers.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let podman = context.podman();
    // The group with most agents; what they import is known where they are to be forked.
    let mut forked = stack.clone();
    start_warm(&mut forked);
    let preload = context.preload(&forked);
    let floor = stack
        .groups()
        .max_by_key(|(_, group)| group.agents.len())
        .map(|(id, _)| id);
    let Some((floor, modules)) = floor.and_then(|id| Some((id, preload.modules.get(&id)?))) else {
        return Ok(Exit::Success);
    };
    context.printer.step("preparing", "images");
    let stage = Stage::take(&podman, &context.repository, &stack, context.tree_option())?;
    let bench = Bench::new(&stage, floor, modules);
    let ways: Vec<Way> = Way::ALL
        .into_iter()
        .filter(|way| args.ways.is_empty() || args.ways.iter().any(|named| Way::from(*named) == *way))
        .collect();
    let mut figures = Figures::default();
    let mut measure = || {
        for turn in 1..=args.runs {
            for way in &ways {
                let what = format!("{}, {turn} of {}", show::title(*way), args.runs);
                context.printer.step("measuring", what);
                let sample = bench.measure(*way)?;
                figures.samples.entry(*way).or_default().push(sample);
            }
        }
        Ok(())
    };
    let measured = measure();
    // Also after a failure, or an interrupt.
    concluded(measured, stage.clear(), context)?;
    let result = show::Result {
        machine: bench::machine(),
        agents: stack.agents.len(),
        groups: stack.groups.len(),
        modules: modules.clone(),
        runs: args.runs,
        figures,
    };
    match args.format {
        Format::Human => context.printer.data(&show::human(&result)),
        Format::Json => context.print_json(&show::document(&result))?,
    }
    Ok(Exit::Success)
}

/// Makes every agent one that is to be forked.
fn start_warm(stack: &mut Stack) {
    stack.start = Start::Warm;
    for group in &mut stack.groups {
        group.start = None;
    }
    for agent in &mut stack.agents {
        agent.start = None;
    }
}
