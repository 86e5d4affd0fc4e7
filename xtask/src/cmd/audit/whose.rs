//! Which stack an audit is of: the repository's, the one that the tree has itself, or one that is inferred from the tree.

use std::path::Path;

use crate::audit::memory::Memory;
use crate::cmd::{Context, Failure, Outcome, init};
use crate::host::system::files;
use crate::host::tree::root::{LONGEST_TEXT, TreeRoot};
use crate::host::tree::stack_files;
use crate::init::STACK_FILE;
use crate::report::exit::Exit;
use crate::report::init as show;
use crate::stack::Written;

/// Of ten agents, how many may be in the stack or in the tree alone for the stack to be the tree's.
const STRANGERS_OF_TEN: usize = 1;

/// A stack that was chosen, as it is written.
pub struct Chosen {
    /// What is written.
    pub written: Written,
    /// Its file, as findings name it.
    pub file: String,
    /// Its text, where findings can be silenced in it.
    pub text: Option<String>,
    /// Files that it names and the tree does not have: path and text.
    pub made: Vec<(String, String)>,
    /// It lies in the tree itself, whose file it is not.
    pub in_tree: bool,
}

/// Chooses it. What is inferred is told.
///
/// # Errors
/// When it cannot be read, or there is none and nothing to infer one from.
pub fn choose(context: &Context, memory: &Memory) -> Outcome<Chosen> {
    let tree = context.tree_option();
    let ours = !context.may_infer();
    if ours {
        context.require_stack()?;
    }
    // What is named is meant.
    if context.names_stack() {
        return repository(context);
    }
    let Some(path) = tree else {
        return if ours {
            repository(context)
        } else {
            inferred(Path::new("."), context, memory)
        };
    };
    let Ok(root) = TreeRoot::open(path) else {
        return if ours {
            repository(context)
        } else {
            inferred(path, context, memory)
        };
    };
    let is_repository = is_same(&root, context.repository.root());
    if !(ours && is_repository)
        && let Some(file) = stack_files::in_tree(&root)
    {
        let read = root.read(file, LONGEST_TEXT);
        let bytes = read.map_err(|error| root.failed("read", Path::new(file), error))?;
        return Ok(Chosen {
            written: stack_files::written(&context.repository, file, &bytes, path),
            file: file.to_owned(),
            text: Some(String::from_utf8_lossy(&bytes).into_owned()),
            made: Vec::new(),
            in_tree: true,
        });
    }
    if ours && describes(context, &root, path)? {
        return repository(context);
    }
    inferred(path, context, memory)
}

fn is_same(root: &TreeRoot, path: &Path) -> bool {
    let other = TreeRoot::open(path).ok().and_then(|other| other.identity().ok());
    other.is_some() && other == root.identity().ok()
}

/// The stack of the repository.
fn repository(context: &Context) -> Outcome<Chosen> {
    let written = stack_files::read(&context.repository, context.tree_option())?;
    let file = context.repository.stack_file().to_owned();
    let text = files::read(&context.repository.path(&file)).ok();
    let tree = written.source_tree().map(|tree| context.repository.path(tree));
    let in_tree = tree.and_then(|tree| TreeRoot::open(&tree).ok());
    Ok(Chosen {
        in_tree: in_tree.is_some_and(|tree| is_same(&tree, context.repository.root())),
        text: text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        made: Vec::new(),
        file,
        written,
    })
}

/// Whether the repository's stack is about a tree: it is the stack's own, or its agents are nearly all those of the stack.
fn describes(context: &Context, root: &TreeRoot, path: &Path) -> Outcome<bool> {
    let own = stack_files::read(&context.repository, None)?;
    if own
        .source_tree()
        .is_some_and(|tree| is_same(root, &context.repository.path(tree)))
    {
        return Ok(true);
    }
    let (Some(stack), findings) = stack_files::load(&context.repository, Some(path))? else {
        return Ok(false);
    };
    let strange = |rule: &str| matches!(rule, "stack/unknown-agent" | "stack/ungrouped-agent");
    let strangers = findings.iter().filter(|finding| strange(finding.rule)).count();
    Ok(strangers * 10 <= stack.agents.len() * STRANGERS_OF_TEN)
}

/// A stack that is inferred from the tree.
fn inferred(path: &Path, context: &Context, memory: &Memory) -> Outcome<Chosen> {
    let (root, inference) = init::infer(path, context, memory)?;
    let Some(inference) = inference else {
        // What is wrong with startup configs that cannot be read is said by the stack that names them.
        let named = |written: Written| written.startup_configs().iter().any(|config| root.has_file(config));
        if !context.may_infer() && named(stack_files::read(&context.repository, None)?) {
            return repository(context);
        }
        return Err(Failure::new(Exit::WrongUse, show::no_agents(path)));
    };
    context.printer.note(show::inferred(&inference, path));
    let text = inference.text();
    Ok(Chosen {
        written: stack_files::written(&context.repository, STACK_FILE, text.as_bytes(), path),
        file: STACK_FILE.to_owned(),
        text: None,
        made: inference.files,
        in_tree: false,
    })
}
