//! One check for one subject: placeholders filled in, decoded, names resolved; `after` still by name.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::check::{Check, CheckId};
use super::names::Names;
use super::resolve::action;
use super::subjects::Subject;
use crate::finding::Finding;
use crate::smoke::decode;
use crate::smoke::fields::Payload;
use crate::smoke::lan::LanSpec;
use crate::smoke::spec::{CheckFile, CheckSpec, FaultPlace, Kind, Restart};
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
    findings: &mut Vec<Finding>,
) -> Option<Draft<'s>> {
    let mut reader = Reader::new(&file.path, &file.text);
    spec.kind.each_text(&mut |text, mark| {
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
    let filled = spec.kind.map_text(&|text| template::fill(text, &subject.bindings));
    let kind = decode::kind(&mut reader, spec.kind_name, &filled);
    findings.append(&mut reader.findings);
    let kind = kind?;
    let uses = match &kind {
        Kind::Request(request) => {
            let mut names = payload_names(&request.send);
            names.extend(template::saved_names(&request.expect));
            names
        }
        Kind::Exec(exec) => {
            let words = exec.command.iter().cloned().map(Value::String).collect();
            let mut names = template::saved_names(&Value::Array(words));
            for value in [&exec.expect.stdout, &exec.expect.stderr].into_iter().flatten() {
                names.extend(template::saved_names(value));
            }
            names
        }
        Kind::Lan(LanSpec::Call(call)) => {
            let mut names = payload_names(&call.send);
            names.extend(template::saved_names(&call.expect));
            names
        }
        _ => Vec::new(),
    };
    let saves = match &kind {
        Kind::Request(request) => request.save.keys().cloned().collect(),
        _ => Vec::new(),
    };
    let default_timeout = default_timeout(&kind);
    let mut names = Names {
        stack,
        machine: subject.machine,
        findings,
    };
    let exclusive = spec.exclusive || disturbs(&kind);
    let (action, machine) = action(kind, &mut names)?;
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
            phase: file.phase,
            machine,
            machine_name: machine.map(|machine| stack.machine(machine).name.clone()),
            kind: spec.kind_name,
            place: spec.name.place.clone(),
            timeout: spec.timeout.unwrap_or(default_timeout),
            after: Vec::new(),
            exclusive,
            reads: BTreeMap::new(),
            action,
        },
    })
}

fn payload_names(payload: &Payload) -> Vec<String> {
    match payload {
        Payload::Json(value) => template::saved_names(value),
        Payload::Raw(text) => template::saved_names(&Value::String(text.clone())),
    }
}

/// Time limit of a check that gives none.
fn default_timeout(kind: &Kind) -> Duration {
    Duration::from_secs(match kind {
        Kind::Request(_) => 10,
        Kind::Status(_) | Kind::Lan(_) => 30,
        Kind::Exec(_) | Kind::Network(_) => 60,
        Kind::Image(_) | Kind::PathAlias(_) | Kind::Volume(_) => 120,
        // Beside the time of the soak itself.
        Kind::Soak(_) => 60,
        Kind::StartupCheck(_) => 10,
        Kind::Link(_) | Kind::Resources(_) | Kind::StandIn(_) => 60,
        Kind::Recovery(_) => 120,
    })
}

/// Whether other checks would see what it does to the stack.
fn disturbs(kind: &Kind) -> bool {
    match kind {
        Kind::Volume(volume) => volume
            .persists
            .as_ref()
            .is_some_and(|persists| persists.restart == Restart::Group),
        Kind::Recovery(recovery) => recovery.place == FaultPlace::Stack,
        Kind::Lan(LanSpec::Link { .. }) => true,
        _ => false,
    }
}
