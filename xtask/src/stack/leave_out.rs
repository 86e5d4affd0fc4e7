//! `leave_out:` of a stack: agents that their startup config defines and that are not to be there.

use super::near::nearest;
use super::raw::RawStack;
use super::resolve::Read;
use crate::finding::{Finding, Subject};

/// Takes them out. `Name` is an agent of every machine that has one, `machine/Name` that of one.
pub fn apply(raw: &RawStack, reads: &mut [Read]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for written in &raw.leave_out {
        let (on, name) = match written.value.split_once('/') {
            Some((machine, name)) => (Some(machine), name),
            None => (None, written.value.as_str()),
        };
        let mut known = false;
        for (machine, read) in raw.machines.iter().zip(&mut *reads) {
            if on.is_some_and(|on| on != machine.name.value) {
                continue;
            }
            known |= read.names.iter().any(|known| known == name);
            take(read, name);
        }
        // What cannot be read may define it.
        if known || reads.iter().any(|read| read.startup.is_none()) {
            continue;
        }
        let names = reads.iter().flat_map(|read| &read.names).map(String::as_str);
        let help = match nearest(name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "remove it from `leave_out:`".to_owned(),
        };
        let message = format!("`leave_out` names `{}`, which no startup config defines", written.value);
        findings.push(
            Finding::error("stack/unknown-agent", written.place.clone(), message)
                .about(Subject::any_agent(name))
                .with_help(help),
        );
    }
    findings
}

/// Takes an agent out of a startup config.
pub fn take(read: &mut Read, name: &str) {
    if let Some(startup) = &mut read.startup {
        startup.agents.retain(|agent| agent.name.value != name);
        for group in &mut startup.groups {
            group.agents.retain(|agent| agent.value != name);
        }
        startup.groups.retain(|group| !group.agents.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::stops;
    use crate::stack::fixture::Fixture;

    fn left(leave_out: &str) -> (Vec<String>, Vec<String>) {
        let fixture = Fixture::small().stack("name: sys\n", &format!("name: sys\nleave_out: [{leave_out}]\n"));
        let (stack, findings) = fixture.load();
        assert!(!stops(&findings), "{findings:#?}");
        let stack = stack.expect("a stack").with_ungrouped();
        (
            stack.agents.iter().map(|agent| agent.name.clone()).collect(),
            fixture.says(),
        )
    }

    #[test]
    fn agents_are_left_out_and_nobody_waits_for_them() {
        let (names, says) = left("Alpha");
        assert_eq!(
            (names, says),
            (vec!["Beta".into(), "Gamma".into(), "Delta".into()], vec![])
        );
        assert_eq!(left("pc2/Delta").0, ["Alpha", "Beta", "Gamma"]);
        let (names, says) = left("main/Delta");
        assert_eq!(names.len(), 4);
        assert_eq!(
            says,
            [
                "config/stack.yaml:3:13 error stack/unknown-agent: `leave_out` names `main/Delta`, which no startup config defines; \
                 help: did you mean `Delta`?"
            ]
        );
    }
}
