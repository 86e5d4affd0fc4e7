//! Variants of groups: which ones this host runs. None is wrong: one that it lacks a device for is not taken.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "variants";
const TITLE: &str = "variants of groups";

/// Optional devices of groups.
pub(super) fn devices(facts: &HostFacts) -> Diagnosis {
    const DEVICES: &str = "optional-devices";
    const LOOKED_AT: &str = "optional devices";
    if facts.without_devices.is_empty() {
        let detail = "no group asks for one that this host does not have";
        return Diagnosis::new(DEVICES, LOOKED_AT, Status::NotApplicable, detail);
    }
    Diagnosis::new(DEVICES, LOOKED_AT, Status::Ok, facts.without_devices.join("; "))
}

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.variants.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::NotApplicable, "no group has any");
    }
    Diagnosis::new(ID, TITLE, Status::Ok, facts.variants.join("; "))
}
