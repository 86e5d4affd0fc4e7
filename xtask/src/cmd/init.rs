//! `cargo xtask init`: a stack file for a tree that has none.

mod ask;
mod ci;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::audit::seen::Seen;
use super::{Context, Failure, Outcome};
use contract::health::Kind;
use contract::own_flags::OwnFlags;

use crate::audit::memory::Memory;
use crate::audit::pipeline::{self, Unsaid};
use crate::audit::scope::Scope;
use crate::audit::serving::{Proposal, What};
use crate::finding::Place;
use crate::host::system::process;
use crate::host::tree::root::{LONGEST_TEXT, TreeError, TreeRoot};
use crate::host::tree::{evidence, stack_files};
use crate::init::document::Shown;
use crate::init::evidence::Evidence;
use crate::init::ports::Bound;
use crate::init::{self, Inference, STACK_FILE, Setting, Write};
use crate::report::exit::Exit;
use crate::report::init as show;
use crate::stack::Stack;
use crate::stack::further_ports::FurtherPort;
use crate::stack::near::nearest;

/// Infer a stack from a tree, and write it into the tree as config/stack.yaml
///
/// Asks nothing unless `--ask` is given: machines, groups, folders of code, health ports and requirements are inferred from the tree's own files, each with the
/// file and line that say so; where an agent listens is found by following its script. Marks: `=` the tree says so, `~` all evidence agrees, `?` look at it. Where no requirements file of the
/// tree brings what a group imports, one is made beside the stack; so are smoke checks, below `deploy/smoke`. Nothing that is there is overwritten: a second run shows the
/// difference to what would be inferred now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask init --tree ../AI_System
  cargo xtask init --tree ../AI_System --dry-run          shows the file, writes nothing
  cargo xtask init --ask                                  asks about what is doubtful, and about nothing else
  cargo xtask init --explain machines.pc2.health_port_offset
  cargo xtask init --json --dry-run                       every value with its evidence
  cargo xtask init --ci github                            .github/workflows/ai-system.yml
  cargo xtask init --ci gitlab --ci pre-commit --tree ../AI_System --dry-run")]
pub struct Args {
    /// Write nothing: print the stack file, or the difference to the one that is there
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Print every value with its evidence as JSON
    #[arg(long)]
    pub json: bool,
    /// Ask about each doubtful value on the terminal, with the evidence and the proposed value
    #[arg(long, conflicts_with_all = ["json", "explain", "ci"])]
    pub ask: bool,
    /// Write files that make a CI service audit the tree's repository, instead of a stack; may be given several times
    #[arg(long, value_enum, value_name = "SERVICE", conflicts_with_all = ["json", "explain"])]
    pub ci: Vec<ci::Wanted>,
    /// Explain a key, as in `groups.core.requirements`, or all below it; writes nothing
    #[arg(long, value_name = "KEY", conflicts_with_all = ["json", "dry_run"])]
    pub explain: Option<String>,
}

/// Runs it.
///
/// # Errors
/// When the tree cannot be read, has no agents, or a file cannot be written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    if !args.ci.is_empty() {
        return ci::run(args, context);
    }
    let path = context.tree_option().unwrap_or(Path::new("."));
    let (root, inference) = infer(path, context, &Memory::default())?;
    let Some(inference) = inference else {
        return Err(Failure::new(Exit::WrongUse, show::no_agents(path)));
    };
    if let Some(key) = &args.explain {
        let text = show::explain(&inference, key).ok_or_else(|| unknown_key(&inference, key))?;
        context.printer.data(&text);
        return Ok(Exit::Success);
    }
    let file = stack_files::in_tree(&root).unwrap_or(STACK_FILE);
    let inference = match args.ask {
        true if root.has(file) => return Err(Failure::wrong_use(show::asked_too_late(file))),
        true => ask::on_terminal(inference, path, context)?,
        false => inference,
    };
    let _ease = process::AtEase::new();
    let text = inference.text();
    let there = match root.read(file, LONGEST_TEXT) {
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(TreeError::Missing) => None,
        Err(error) => return Err(root.failed("read", Path::new(file), error).into()),
    };
    if args.json {
        context.print_json(&show::document(&inference))?;
    }
    match there {
        Some(there) => {
            let difference = show::difference(file, &there, &text, context.printer.color_out);
            if !args.json
                && let Some(difference) = &difference
            {
                context.printer.data(difference);
            }
            context.printer.note(show::kept(file, difference.is_some()));
        }
        None if args.dry_run => {
            if !args.json {
                context.printer.data(&show::dry(&inference, &text));
            }
        }
        None => {
            let written = write(&root, &inference, &text)?;
            for path in &written {
                context.printer.step("wrote", path);
            }
            context.printer.note(show::summary(&inference, path));
        }
    }
    Ok(Exit::Success)
}

/// How many times agents are followed again once their images have what they read.
const MOST_ROUNDS: usize = 3;

/// Reads a tree and infers its stack.
///
/// # Errors
/// When the tree cannot be opened.
pub fn infer(path: &Path, context: &Context, memory: &Memory) -> Outcome<(TreeRoot, Option<Inference>)> {
    let root = open(path)?;
    let read = evidence::read(&root, folder_name(path));
    if read.unread > 0 {
        context.printer.warn(show::unread(read.unread));
    }
    let inference =
        init::infer(read.input, &memory.parses).map(|inference| with_seen(inference, path, context, memory));
    Ok((root, inference))
}

/// Opens a tree.
fn open(path: &Path) -> Outcome<TreeRoot> {
    TreeRoot::open(path).map_err(|error| {
        let why = match error {
            TreeError::Missing if path.exists() => "it is not a folder".to_owned(),
            error => error.to_string(),
        };
        Failure::wrong_use(format!("cannot read the tree `{}`: {why}", path.display()))
    })
}

/// The same with what the agents write on their start paths and where they listen, which the audit of the inferred stack tells. Agents
/// that bind one port get containers of their own first.
fn with_seen(inference: Inference, path: &Path, context: &Context, memory: &Memory) -> Inference {
    let mut inference = inference;
    let Some((mut stack, mut unsaid)) = unsaid(&inference, path, context, memory) else {
        return inference;
    };
    // Behind a file that is there now, another may be read.
    for _ in 0..MOST_ROUNDS {
        let read = unsaid.lacking.iter();
        let read = read.map(|(file, place)| (file.as_str(), in_tree(&stack, place)));
        let Some(other) = inference.including(read, &unsaid.secrets) else {
            break;
        };
        inference = other;
        match self::unsaid(&inference, path, context, memory) {
            Some(again) => (stack, unsaid) = again,
            None => return inference,
        }
    }
    let mut bound: BTreeMap<String, Bound> = BTreeMap::new();
    for (id, port, place) in &unsaid.bound {
        let agent = stack.agent(*id);
        let (file, line) = in_tree(&stack, place);
        let of_machine = bound.entry(stack.machine(agent.machine).name.clone()).or_default();
        let ports = of_machine.entry(agent.name.clone()).or_default();
        ports.push((*port, Evidence::new(file, line, format!("binds {port}"))));
    }
    let Some(apart) = inference.apart(&bound) else {
        return with(inference, &stack, unsaid);
    };
    match self::unsaid(&apart, path, context, memory) {
        Some((stack, unsaid)) => with(apart, &stack, unsaid),
        None => apart,
    }
}

/// The inferred stack, and what it does not say.
fn unsaid(inference: &Inference, path: &Path, context: &Context, memory: &Memory) -> Option<(Stack, Unsaid)> {
    let seen = Seen::of_inference(inference, path, context)?;
    let stack = seen.stack.clone();
    Some((
        stack,
        seen.with_input_again(Scope::default(), None, Some(memory), pipeline::unsaid),
    ))
}

/// The file of the tree that findings name so, and the line.
fn in_tree(stack: &Stack, place: &Place) -> (String, usize) {
    let prefix = stack.shown_prefix();
    let file = place.path.strip_prefix(&prefix).unwrap_or(&place.path).to_owned();
    (file, place.line as usize)
}

fn with(inference: Inference, stack: &Stack, unsaid: Unsaid) -> Inference {
    let in_tree = |place: &Place| in_tree(stack, place);
    let writes: Vec<Write> = unsaid
        .written
        .into_iter()
        .map(|((_, path), place)| Write {
            path,
            place: in_tree(&place),
        })
        .collect();
    let settings: Vec<Setting> = unsaid
        .proposals
        .iter()
        .map(|proposal| setting(stack, proposal, &in_tree))
        .collect();
    match writes.is_empty() && settings.is_empty() {
        true => inference,
        false => inference.with_seen(&writes, settings),
    }
}

/// What the audit proposes, as a key of the stack.
fn setting(stack: &Stack, proposal: &Proposal, in_tree: &dyn Fn(&Place) -> (String, usize)) -> Setting {
    let agent = stack.agent(proposal.agent);
    let number = |port: u16| Shown::Number(u64::from(port));
    let (key, shown) = match &proposal.what {
        What::Health(check) if check.kind == Kind::Process => ("health", Shown::Scalar(check.kind.name().to_owned())),
        What::Health(check) => {
            let text = |text: &String| Shown::Scalar(text.clone());
            let mut fields = vec![("kind", Shown::Scalar(check.kind.name().to_owned()))];
            fields.extend(check.port.map(|port| ("port", number(port))));
            fields.extend(check.path.as_ref().map(|path| ("path", text(path))));
            fields.extend(check.ask.as_ref().map(|ask| ("ask", text(ask))));
            match check.expect.as_slice() {
                [] => {}
                [word] => fields.push(("expect", text(word))),
                words => fields.push(("expect", Shown::List(words.to_vec()))),
            }
            let fields = fields.into_iter().map(|(key, value)| (key.to_owned(), value));
            ("health", Shown::Mapping(fields.collect()))
        }
        What::Reaches(agents) => {
            let named = agents.iter().map(|id| {
                let (other, machine) = (stack.agent(*id), agent.machine);
                match other.machine == machine {
                    true => other.name.clone(),
                    false => format!("{}/{}", stack.machine(other.machine).name, other.name),
                }
            });
            ("reaches", Shown::List(named.collect()))
        }
        What::Flags(OwnFlags::NONE) => ("flags", Shown::Scalar("none".to_owned())),
        What::Flags(flags) => {
            let names = flags.iter().map(|flag| flag.name().to_owned());
            ("flags", Shown::List(names.collect()))
        }
        What::Ports(ports) if ports.is_empty() => ("ports", Shown::Note),
        What::Ports(ports) => {
            let led = |further: &FurtherPort| match further.port == further.target {
                true => further.port.to_string(),
                false => format!("{}:{}", further.port, further.target),
            };
            ("ports", Shown::List(ports.iter().map(led).collect()))
        }
    };
    let is_of_group = matches!(proposal.what, What::Reaches(_));
    Setting {
        group: stack.group(agent.group).name.clone(),
        agent: (!is_of_group).then(|| agent.name.clone()),
        key,
        shown,
        evidence: proposal
            .evidence
            .iter()
            .map(|(place, says)| {
                let (file, line) = in_tree(place);
                Evidence::new(file, line, says.as_str())
            })
            .collect(),
        doubt: proposal.doubt.clone(),
        written: false,
    }
}

/// The name of the tree's folder itself, whatever leads to it.
fn folder_name(path: &Path) -> String {
    let path: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Writes what the tree does not have: the stack file last, so that it names nothing that is not there. What was written is taken back
/// where something cannot be.
fn write(root: &TreeRoot, inference: &Inference, text: &str) -> Outcome<Vec<String>> {
    let mut written: Vec<String> = Vec::new();
    let stack = (STACK_FILE.to_owned(), text.to_owned());
    for (path, text) in inference.files.iter().chain([&stack]) {
        if root.has(path) {
            continue;
        }
        if let Err(error) = root.write(path, text.as_bytes(), false) {
            for path in &written {
                // The error that is told is the first.
                let _ = root.remove(path);
            }
            return Err(error.into());
        }
        written.push(path.clone());
    }
    Ok(written)
}

fn unknown_key(inference: &Inference, key: &str) -> Failure {
    let names: Vec<String> = inference.items.iter().map(init::document::Item::name).collect();
    let hint = match nearest(key, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`init --json --dry-run` lists all keys".to_owned(),
    };
    Failure::wrong_use(format!("the inferred stack has no key `{key}`\n  hint: {hint}"))
}
