//! `cargo xtask bench audit`: the audit beside `ruff check --select E9`, which only parses.

use clap::ValueEnum;

use super::super::{Context, Outcome};
use crate::bench::system::System;
use crate::bench::tree::Plan;
use crate::host::bench;
use crate::report::bench as show;
use crate::report::exit::Exit;

/// Time the audit beside `ruff check --no-cache --select E9`, which only parses
///
/// Makes trees of Python files in a temporary folder and runs the whole audit and ruff on each in turns: `--files`, about 314 lines
/// each, a fifth of them broken as editors, merges and templates break files, with the stack's startup configs and all their agents;
/// `--agents`, whole ones of 300 to 2,500 lines, of agents that share base classes and import 10 to 60 files. `--share` compares the
/// audit of a library that one agent imports with that of the same library imported by many. What is not named is left out; without
/// any of the three, all are run. Ratios are medians over pairs of runs. Ruff is taken from PATH, or installed below `target/`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench audit
  cargo xtask bench audit --files 700 --runs 15
  cargo xtask bench audit --agents 96
  cargo xtask bench audit --share 40,89
  cargo xtask bench audit --format json | jq '.trees[] | {files, ratio}'")]
pub struct Args {
    /// Pairs of runs per tree
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    #[arg(long, value_name = "N", value_delimiter = ',', help = format!("Python files of each tree; never fewer than the agents' scripts [default: {}]", listed(&FILES)))]
    files: Vec<usize>,
    /// Agents of a tree with shared base classes [default: 96]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=5_000))]
    agents: Vec<u16>,
    /// Agents that all import one library, beside one agent that does [default: 40]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=5_000))]
    share: Vec<u16>,
    /// Lines of the library that agents share
    #[arg(long, value_name = "N", default_value_t = 73_000)]
    library_lines: usize,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    format: Format,
}

/// Forms of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// A table for people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

/// 700 files have 220,000 lines.
fn lines(files: usize) -> usize {
    files * 220_000 / 700
}

/// Sizes of trees that are measured where none is named.
const FILES: [usize; 6] = [100, 300, 700, 2_000, 5_000, 10_000];
/// Numbers of agents that are, likewise.
const AGENTS: [u16; 1] = [96];
/// Numbers of agents that share a library, likewise.
const SHARE: [u16; 1] = [40];

fn listed(sizes: &[usize]) -> String {
    let sizes: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    sizes.join(", ")
}

/// What was named; the usual ones where nothing was.
fn wanted<T: Copy>(named: &[T], usual: &[T], nothing: bool) -> Vec<T> {
    if nothing { usual.to_vec() } else { named.to_vec() }
}

/// Runs it.
///
/// # Errors
/// When a tree cannot be written, or a program not be run.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let repository = &context.repository;
    let runs = usize::from(args.runs);
    let nothing = args.files.is_empty() && args.agents.is_empty() && args.share.is_empty();
    let ruff = bench::ruff(repository)?;
    let mut result = show::Result {
        machine: bench::machine(),
        other: bench::version(&ruff)?,
        runs: args.runs.into(),
        trees: Vec::new(),
        shared: Vec::new(),
    };
    let told = |what: String| {
        let what = format!("{what}, {}", show::pairs(runs));
        context.printer.step("measuring", what);
    };
    for files in wanted(&args.files, &FILES, nothing) {
        let plan = Plan::new(&stack, files, lines(files));
        let tree = bench::write(repository, &stack, &plan)?;
        told(format!("{files} files"));
        result.trees.push(bench::audit(repository, &ruff, &tree, runs)?);
    }
    for agents in wanted(&args.agents, &AGENTS, nothing) {
        let tree = bench::write_system(System::of_agents(agents))?;
        told(format!("{agents} agents"));
        result.trees.push(bench::audit(repository, &ruff, &tree, runs)?);
    }
    for agents in wanted(&args.share, &SHARE, nothing) {
        told(format!("{agents} agents that share a library"));
        let shared = bench::shared(repository, agents, args.library_lines, runs)?;
        result.shared.push(shared);
    }
    match args.format {
        Format::Human => context.printer.data(&show::human(&result)),
        Format::Json => context.print_json(&show::document(&result))?,
    }
    Ok(Exit::Success)
}
