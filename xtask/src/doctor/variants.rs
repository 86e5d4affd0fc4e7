//! Variants of groups: which ones this host runs. None is wrong: one that it lacks a device for is not taken.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "variants";
const TITLE: &str = "variants of groups";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.variants.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::NotApplicable, "no group has any");
    }
    Diagnosis::new(ID, TITLE, Status::Ok, facts.variants.join("; "))
}
