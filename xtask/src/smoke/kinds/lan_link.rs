//! `lan_link`: the link between the lab's machines, cut or made whole. Nothing else runs meanwhile.

use std::sync::Arc;

use schemars::JsonSchema;

use super::{Action, Kind, Resolved, Saved, Spec};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::Stack;

/// The kind.
pub const KIND: Kind = Kind {
    name: "lan_link",
    about: "The link between the machines, in the lab.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "LanLink")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    state: StateKeys,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case", rename = "LinkState")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
enum StateKeys {
    Cut,
    Whole,
}

/// The link, cut or made whole: what a check says is what is done, there are no names in it.
#[derive(Debug, Clone)]
pub struct LanLink {
    cut: bool,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let node = fields.need(reader, "state", "`lan_link`")?;
    let word = reader.text(node, "state")?;
    let cut = word == "cut";
    if !cut && word != "whole" {
        reader.note(node.mark, format!("`state` must be cut or whole, not `{word}`"));
        return None;
    }
    Some(Box::new(LanLink { cut }))
}

impl Spec for LanLink {
    fn seconds(&self) -> u64 {
        30
    }

    fn disturbs(&self) -> bool {
        true
    }

    fn resolve(self: Box<Self>, _names: &mut Names<'_>) -> Option<Resolved> {
        Some((Arc::new(*self), None))
    }
}

impl Action for LanLink {
    fn subject(&self, _stack: &Stack) -> String {
        format!("the link {}", if self.cut { "cut" } else { "whole" })
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, _verdict: &mut Verdict) -> Result<(), Blind> {
        observer.set_link(self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::LanLink;
    use crate::smoke::load::parse;
    use crate::smoke::plan::fixture::{action, plan_of};

    #[test]
    fn nothing_else_runs_while_the_link_changes() {
        assert!(action::<LanLink>("lan_link: {state: cut}").cut);
        assert!(plan_of("phase: 4\nchecks:\n  - {name: a, lan_link: {state: whole}}\n").checks[0].exclusive);
    }

    #[test]
    fn an_unknown_state_is_named_at_its_line() {
        let text = "phase: 4\nchecks:\n  - {name: a, lan_link: {state: broken}}\n";
        let (_, findings) = parse(&[("x.yaml".to_owned(), text.to_owned())]);
        assert_eq!(findings[0].place.line, 3);
        assert_eq!(findings[0].message, "`state` must be cut or whole, not `broken`");
    }
}
