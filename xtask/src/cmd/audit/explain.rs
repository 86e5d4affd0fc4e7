//! `cargo xtask audit --explain-agent`: how an agent's script is followed.

use super::Args;
use super::args::Format;
use super::confirm;
use super::seen::Seen;
use crate::audit::pipeline;
use crate::cmd::{Context, Outcome};
use crate::report::audit::explain as show;
use crate::report::exit::Exit;

/// Follows the script of that agent, and shows each step.
pub fn run(args: &Args, name: &str, context: &Context, seen: Seen) -> Outcome {
    let scope = args.scope(Some(&seen.stack))?;
    let id = confirm::find(name, scope.machine, &seen.stack)?;
    let (report, trail) = seen.with_input(scope, None, |input| pipeline::explain(input, id));
    if args.on_stdout() == Some(Format::Json) {
        context.print_json(&show::document(&report, &trail))?;
    } else {
        context.printer.data(&show::human(&report, &trail));
    }
    Ok(Exit::Success)
}
