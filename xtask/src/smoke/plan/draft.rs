//! One check for one subject: placeholders filled in, decoded, names resolved; `after` still by name.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::{Check, CheckId};
use super::names::Names;
use super::subjects::Subject;
use crate::finding::Finding;
use crate::smoke::spec::{CheckFile, CheckSpec};
use crate::smoke::template::{self, Bindings};
use crate::smoke::yaml::Reader;
use crate::stack::model::Stack;

/// A placeholder that nothing fills.
pub(super) const UNKNOWN_VALUE: &str = "smoke/unknown-value";

/// A concrete check before its `after` is resolved.
pub(super) struct Draft<'s> {
    pub(super) spec: &'s CheckSpec,
    pub(super) bindings: Bindings,
    pub(super) saves: Vec<String>,
    pub(super) uses: Vec<String>,
    pub(super) check: Check,
}

/// Makes it.
pub(super) fn draft<'s>(
    stack: &Stack,
    file: &CheckFile,
    spec: &'s CheckSpec,
    subject: Subject,
    soak_seconds: Option<u64>,
    findings: &mut Vec<Finding>,
) -> Option<Draft<'s>> {
    let mut reader = Reader::new(&file.path, &file.text);
    spec.body.each_text(&mut |text, mark| {
        for name in template::unbound(text, &subject.bindings) {
            let place = reader.place(mark);
            reader.findings.push(
                Finding::error(UNKNOWN_VALUE, place, format!("nothing fills `{{{name}}}` here")).with_help(format!(
                    "known here: {}; a `for_each` binds more",
                    subject
                        .bindings
                        .keys()
                        .map(|key| format!("{{{key}}}"))
                        .collect::<Vec<_>>()
                        .join(" ")
                )),
            );
        }
    });
    let filled = spec.body.map_text(&|text| template::fill(text, &subject.bindings));
    let said = spec.kind.read(&mut reader, &filled);
    findings.append(&mut reader.findings);
    let said = said?;
    let (uses, saves) = (said.uses(), said.saves());
    let exclusive = spec.exclusive || said.disturbs();
    let default_timeout = Duration::from_secs(said.seconds());
    let mut names = Names {
        stack,
        machine: subject.machine,
        soak_seconds,
        findings,
    };
    let (action, machine) = said.resolve(&mut names)?;
    let machine = machine.or(subject.machine);
    let name = if subject.label.is_empty() {
        spec.name.text.clone()
    } else {
        format!("{} [{}]", spec.name.text, subject.label)
    };
    Some(Draft {
        spec,
        bindings: subject.bindings,
        saves,
        uses,
        check: Check {
            id: CheckId(0),
            name,
            written_name: spec.name.text.clone(),
            phase: file.phase,
            machine,
            machine_name: machine.map(|machine| stack.machine(machine).name.clone()),
            kind: spec.kind.name,
            place: spec.name.place.clone(),
            timeout: spec.timeout.unwrap_or(default_timeout) + action.lasts(),
            retries: spec.retries,
            after: Vec::new(),
            exclusive,
            reads: BTreeMap::new(),
            action,
        },
    })
}
