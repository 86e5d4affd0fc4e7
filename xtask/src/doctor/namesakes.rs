//! Containers and networks that have names of the stack, and that the stack did not make.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "names-taken";
const TITLE: &str = "names of the stack";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.namesakes.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Ok, "nobody else has them");
    }
    Diagnosis::new(ID, TITLE, Status::Problem, facts.namesakes.join(", "))
        .because("made by somebody else: they do not carry the stack's label, so that no command touches them and `up` refuses")
        .mend("set `name:` in config/stack.yaml, or the group's or network's name there, to one that is free")
}
