//! `cargo xtask bench audit`: the audit beside `ruff check --select E9`, which only parses.

use clap::ValueEnum;

use super::super::{Context, Outcome};
use crate::bench::tree::Plan;
use crate::host::bench;
use crate::report::bench as show;
use crate::report::exit::Exit;

/// Time the audit beside `ruff check --no-cache --select E9`, which only parses
///
/// Makes trees of Python files in a temporary folder, about 314 lines each, a fifth of them broken as editors, merges and
/// templates break files, with the stack's startup configs and all their agents; then runs the whole audit and ruff in turns.
/// Ratios are medians over pairs of runs. Ruff is taken from PATH, or installed below `target/`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask bench audit
  cargo xtask bench audit --files 700 --runs 15
  cargo xtask bench audit --format json | jq '.trees[] | {files, ratio}'")]
pub struct Args {
    /// Pairs of runs per tree
    #[arg(long, default_value_t = 7, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Python files of each tree; never fewer than the agents' scripts
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [100, 300, 700, 2_000, 5_000, 10_000])]
    files: Vec<usize>,
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

/// Runs it.
///
/// # Errors
/// When a tree cannot be written, or a program not be run.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let stack = context.stack()?;
    let repository = &context.repository;
    let ruff = bench::ruff(repository)?;
    let mut result = show::Result {
        machine: bench::machine(),
        other: bench::version(&ruff)?,
        runs: args.runs.into(),
        trees: Vec::new(),
    };
    for files in &args.files {
        let plan = Plan::new(&stack, *files, lines(*files));
        let tree = bench::write(repository, &stack, &plan)?;
        context
            .printer
            .step("measuring", format!("{files} files, {}", show::pairs(args.runs.into())));
        result
            .trees
            .push(bench::audit(repository, &ruff, &tree, args.runs.into())?);
    }
    match args.format {
        Format::Human => context.printer.data(&show::human(&result)),
        Format::Json => context.print_json(&show::document(&result))?,
    }
    Ok(Exit::Success)
}
