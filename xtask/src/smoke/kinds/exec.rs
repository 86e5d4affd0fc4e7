//! `exec`: a command in the container of a group.

use std::sync::Arc;

use schemars::JsonSchema;
use serde_json::Value;

use super::{About, Action, Kind, Resolved, Saved, Spec};
use crate::smoke::command::{self, CommandExpect, CommandExpectKeys};
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer};
use crate::smoke::plan::names::Names;
use crate::smoke::template;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{GroupId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "exec",
    about: "A command in a group's container.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Exec")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    /// Program and arguments.
    command: Vec<Scalar>,
    expect: Option<CommandExpectKeys>,
}

#[derive(Debug)]
struct ExecSpec {
    group: Text,
    command: Vec<String>,
    expect: CommandExpect,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`exec`");
    let words = fields.need(reader, "command", "`exec`");
    let command = command::words(reader, words, "command");
    let expect = CommandExpect::decode(reader, fields.get("expect"));
    Some(Box::new(ExecSpec {
        group: group?,
        command: command?,
        expect,
    }))
}

impl Spec for ExecSpec {
    fn uses(&self) -> Vec<String> {
        let words = self.command.iter().cloned().map(Value::String).collect();
        let mut names = template::saved_names(&Value::Array(words));
        names.extend(self.expect.uses());
        names
    }

    fn seconds(&self) -> u64 {
        60
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let action = Exec {
            group,
            command: self.command,
            expect: self.expect,
        };
        Some((Arc::new(action), Some(names.stack.group(group).machine)))
    }
}

/// A command.
#[derive(Debug, Clone)]
pub struct Exec {
    group: GroupId,
    /// Program and arguments.
    command: Vec<String>,
    pub(super) expect: CommandExpect,
}

impl Action for Exec {
    fn subject(&self, stack: &Stack) -> String {
        format!("a command run in `{}`", stack.group(self.group).name)
    }

    fn about(&self, _stack: &Stack) -> Option<About> {
        Some(About::group(self.group))
    }

    fn observe(&self, observer: &dyn Observer, saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let command = self.command.iter().map(|word| template::insert_saved_text(word, saved));
        let command: Vec<String> = command.collect();
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let seen = observer.exec(self.group, &words, &[])?;
        self.expect.with_saved(saved).judge(verdict, &seen);
        verdict.evidence("command", command.join(" "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Exec;
    use crate::smoke::command::CommandSeen;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::{action, got, plan_of, small_stack};
    use crate::smoke::verdict::Verdict;

    fn judged(check: &str, exit: i32, stdout: &str) -> Outcome {
        let mut verdict = Verdict::default();
        let seen = CommandSeen {
            exit: Some(exit),
            stdout: stdout.to_owned(),
            stderr: String::new(),
        };
        action::<Exec>(check).expect.judge(&mut verdict, &seen);
        verdict.outcome()
    }

    #[test]
    fn a_command_is_judged_by_exit_code_and_output() {
        let check = "exec: {group: core-services, command: [id], expect: {stdout: {matches: '^uid='}}}";
        assert_eq!(judged(check, 0, "uid=1\n"), Outcome::passed());
        assert_eq!(got(&judged(check, 1, "no")), ["exit code: 1", "output: \"no\""]);
        let json = "exec: {group: core-services, command: [x], expect: {json: {n: 1}}}";
        assert_eq!(judged(json, 0, "{\"n\": 1}\n"), Outcome::passed());
    }

    #[test]
    fn a_group_knows_its_neighbours_and_what_its_loopback_leads_to() {
        let text = "phase: 3\nchecks:\n  - name: x\n    for_each: group\n    exec: {group: '{group}', command: [echo, '{groups}', '{bridges}']}\n";
        let plan = plan_of(text);
        let stack = small_stack();
        let words = |name: &str| {
            let id = stack.find_group(name).unwrap();
            plan.checks.iter().find_map(|check| {
                let action: &dyn std::any::Any = &*check.action;
                let exec = action.downcast_ref::<Exec>()?;
                (exec.group == id).then(|| exec.command[1..].to_vec())
            })
        };
        let core = words("core-services").unwrap();
        let memory = stack.group(stack.find_group("memory-system").unwrap());
        assert!(
            core[0]
                .split(' ')
                .any(|word| word == format!("memory-system={}", memory.address)),
            "{core:?}"
        );
        assert!(
            !core[0].contains("pc2-memory"),
            "another machine's names do not resolve: {core:?}"
        );
        let bridged: Vec<Vec<String>> = ["core-services", "memory-system", "pc2-memory"]
            .map(|name| words(name).unwrap())
            .into();
        let agent = |id: usize| format!("{}={}", stack.agents[id].name, stack.agents[id].port);
        for (group, words) in stack.groups().map(|(id, _)| id).zip(&bridged) {
            for peer in stack.peers_elsewhere(group) {
                assert!(words[1].split(' ').any(|word| word == agent(peer.0)), "{words:?}");
            }
        }
    }
}
