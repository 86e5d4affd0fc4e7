//! `cargo xtask completions`: a completion script, with the names of this stack.

use std::collections::BTreeSet;

use clap::builder::PossibleValuesParser;
use clap_complete::Shell;

use super::{Context, Outcome};
use crate::audit::rules;
use crate::program;
use crate::report::exit::Exit;
use crate::stack::Stack;

/// Print a completion script for a shell, which knows groups, agents, machines and rules
///
/// The names are those of the stack as it is now: print the script again when they change. Cargo aliases cannot be completed by
/// themselves: for one, the script completes the name `xtask`, for an alias of the shell to it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask completions bash > ~/.local/share/bash-completion/completions/xtask")]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs it for the whole command line, as it looks.
///
/// # Errors
/// Never.
pub fn run(args: &Args, context: &Context, command_line: clap::Command) -> Outcome {
    // Where there is no stack, or none that can be read, the script knows commands, options and rules.
    let stack = context.stack_and_findings().ok().and_then(|(stack, _)| stack);
    let mut command_line = with_names(command_line, &Names::of(stack.as_ref()));
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, program::word(), &mut script);
    context.printer.verbatim(&String::from_utf8_lossy(&script));
    Ok(Exit::Success)
}

/// What the values of arguments can be.
#[derive(Debug, Default)]
struct Names {
    groups: BTreeSet<String>,
    agents: BTreeSet<String>,
    machines: BTreeSet<String>,
    rules: BTreeSet<String>,
}

impl Names {
    fn of(stack: Option<&Stack>) -> Self {
        let mut names = Self::default();
        for rule in rules::all() {
            let family = rule.id.split_inclusive('/').next();
            names
                .rules
                .extend([Some(rule.id), family].into_iter().flatten().map(str::to_owned));
        }
        let Some(stack) = stack else { return names };
        names.groups = plain(stack.groups.iter().map(|group| group.name.as_str()));
        names.machines = plain(stack.machines.iter().map(|machine| machine.name.as_str()));
        let all: Vec<(&str, &str)> = stack
            .agents()
            .map(|(_, agent)| (stack.machine(agent.machine).name.as_str(), agent.name.as_str()))
            .collect();
        for (machine, name) in &all {
            let same = all.iter().filter(|(_, other)| other == name).count();
            let full = format!("{machine}/{name}");
            let one = if same > 1 { full.as_str() } else { name };
            names.agents.extend(plain([one]));
        }
        names
    }

    /// The values of an argument that stands for such names in the help.
    fn of_argument(&self, shown: &str) -> BTreeSet<&str> {
        let kinds = shown.split('|').map(|kind| kind.trim_end_matches('S'));
        kinds
            .filter_map(|kind| match kind {
                "GROUP" => Some(&self.groups),
                "AGENT" => Some(&self.agents),
                "MACHINE" => Some(&self.machines),
                "RULE" => Some(&self.rules),
                _ => None,
            })
            .flatten()
            .map(String::as_str)
            .collect()
    }
}

/// Names that a shell reads as one word of letters: others are somebody's text, and no part of a script.
fn plain<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let letter = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    names
        .into_iter()
        .filter(|name| !name.is_empty() && !name.starts_with('-') && name.chars().all(letter))
        .map(str::to_owned)
        .collect()
}

/// The command line whose arguments know their values.
fn with_names(command: clap::Command, names: &Names) -> clap::Command {
    let subcommands: Vec<String> = command
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut command = command.mut_args(|argument| {
        let shown = argument
            .get_value_names()
            .and_then(<[_]>::first)
            .map(ToString::to_string);
        // An argument without a name of its own is shown by its id.
        let shown = shown.unwrap_or_else(|| argument.get_id().as_str().to_uppercase());
        // The command line wants texts that stay: they do until the process ends, which is soon.
        let values = names.of_argument(&shown).into_iter();
        let values: Vec<&'static str> = values.map(|name| &*name.to_owned().leak()).collect();
        if values.is_empty() || !argument.get_action().takes_values() {
            argument
        } else {
            argument.value_parser(PossibleValuesParser::new(values))
        }
    });
    for name in subcommands {
        command = command.mut_subcommand(name, |command| with_names(command, names));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn only_plain_words_are_part_of_a_script() {
        let names = [
            "Agent_1",
            "a-b.c",
            "$(touch x)",
            "a b",
            "`x`",
            "-rf",
            "",
            "é",
            "a'b",
            "a;b",
            "m/A",
        ];
        assert_eq!(
            plain(names).into_iter().collect::<Vec<_>>(),
            ["Agent_1", "a-b.c", "m/A"]
        );
    }
}
