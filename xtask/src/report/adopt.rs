//! What is said of changes that a command makes in a stack because of what it saw.

use crate::report::escape;
use crate::stack::change::{Change, New};
use crate::stack::{AgentId, Stack};

/// A change that cannot be made in the file, to be made by hand.
#[must_use]
pub fn unwritten(file: &str, change: &Change, why: &str) -> String {
    let value = match &change.value {
        New::Value(value) => value.clone(),
        New::Items(items) => format!("[{}]", items.join(", ")),
    };
    let text = format!(
        "`{file}` is not changed at `{}`: {why}\n  hint: write `{value}` there: {}",
        change.path.join("."),
        change.comment
    );
    escape::block(&text).into_owned()
}

/// What was seen of an agent and is nothing that a stack says.
#[must_use]
pub fn note(stack: &Stack, id: AgentId, note: &str) -> String {
    let agent = stack.agent(id);
    escape::line(&format!("{}: {note}", agent.name)).into_owned()
}
