//! `cargo xtask graph`: agents, their groups and machines, and who needs whom, with what the audit predicts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::audit::Args as AuditArgs;
use super::audit::seen::{self, Found};
use super::select::{Named, Selection};
use super::{Context, Failure, Outcome};
use crate::audit;
use crate::audit::memory::Memory;
use crate::audit::scope::Scope;
use crate::diagram::{Diagram, Verdicts};
use crate::host::system::{files, process};
use crate::report::exit::Exit;
use crate::report::{findings, graph as show};
use crate::stack::{AgentId, Stack};

/// Draw agents, groups and machines, and who needs whom
///
/// Columns are the stages of a start, from the left; edges show what crosses the border of a container or of a machine, and cycles; agents
/// have the colour of what the audit predicts. With names, only these, all that they need, and all that need them. Of a tree that has no
/// stack, one is inferred, as `audit` does it.
///
/// Exit code 0; 2 for wrong use or a stack with errors; 4 where a file cannot be read or written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask graph --output graph.html          and open it; point at an agent to see what needs it
  cargo xtask graph TaskRouter                   as Mermaid, which Markdown readers draw
  cargo xtask graph pc2/MemoryManager --format svg --output memory.svg
  cargo xtask graph --tree ../AI_System --format dot | dot -Tpdf > graph.pdf
  cargo xtask graph --format json | jq '.edges[] | select(.crosses == \"machine\")'")]
pub struct Args {
    /// Groups, or agents (`MemoryManager`, `pc2/MemoryManager`); all where none is named
    #[arg(value_name = "GROUP|AGENT")]
    names: Vec<String>,
    /// Format of the drawing [default: what the name of `--output` ends in, else mermaid]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write it to this file, instead of to standard output
    #[arg(short, long, visible_alias = "output-file", value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Format of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A picture
    Svg,
    /// A page with the picture, for a browser
    Html,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// One JSON document
    Json,
}

impl Format {
    /// The format that a file's name ends in.
    fn of(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "svg" => Self::Svg,
            "html" | "htm" => Self::Html,
            "dot" | "gv" => Self::Dot,
            "mmd" | "mermaid" => Self::Mermaid,
            "json" => Self::Json,
            _ => return None,
        })
    }
}

/// Runs it.
///
/// # Errors
/// When a name is unknown, the stack has errors, or a file cannot be read or written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let _ease = process::AtEase::new();
    let (stack, verdicts) = audited(context)?;
    if let Some(path) = &args.output {
        context.require_file(path, Some(&stack.source_tree))?;
    }
    let diagram = Diagram::new(&stack, &verdicts, &around(args, &stack)?);
    let of_name = args.output.as_deref().and_then(Format::of);
    let text = match args.format.or(of_name).unwrap_or(Format::Mermaid) {
        Format::Svg => drawn(show::svg(&diagram))?,
        Format::Html => drawn(show::html(&diagram))?,
        Format::Dot => show::dot(&diagram),
        Format::Mermaid => show::mermaid(&diagram),
        Format::Json => drawn(show::json(&diagram))?,
    };
    match &args.output {
        Some(path) => {
            files::write_there(path, text.as_bytes())?;
            context.printer.step("wrote", path.display().to_string());
        }
        None => context.printer.verbatim(&text),
    }
    Ok(Exit::Success)
}

fn drawn<E: std::fmt::Display>(text: Result<String, E>) -> Outcome<String> {
    text.map_err(|error| Failure::new(Exit::Internal, format!("cannot draw: {error:#}")))
}

/// The stack, and what the audit predicts for its agents.
fn audited(context: &Context) -> Outcome<(Stack, Verdicts)> {
    let memory = Memory::default();
    let seen = match seen::read(&AuditArgs::default(), context, &memory)? {
        Found::Stack(seen) => seen,
        Found::Broken(said, _) => {
            let printer = &context.printer;
            printer.styled(findings::human(&said, printer.color_err));
            return Err(Failure::said(Exit::WrongUse));
        }
    };
    if let Some(why) = seen.lists_nothing() {
        return Err(Failure::wrong_use(why));
    }
    let stack = seen.stack.clone();
    let report = seen.with_input_again(Scope::default(), None, Some(&memory), audit::audit);
    let verdicts = report.agents.into_iter().map(|agent| {
        let reason = agent.reason.or_else(|| {
            let blockers = agent.blocked_by.join(", ");
            (!blockers.is_empty()).then(|| format!("{blockers} cannot start"))
        });
        (agent.id, (agent.prediction, reason))
    });
    Ok((stack, verdicts.collect()))
}

/// The agents that are named.
fn around(args: &Args, stack: &Stack) -> Outcome<BTreeSet<AgentId>> {
    let selection = Selection {
        names: args.names.clone(),
        ..Selection::default()
    };
    let named = selection.named(stack)?.into_iter().flat_map(|named| match named {
        Named::Agent(agent) => vec![agent],
        Named::Group(group) => stack.group(group).agents.clone(),
    });
    Ok(named.collect())
}
