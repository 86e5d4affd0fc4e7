//! Another network, an address or a route uses an address range of ours.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "subnet-overlap";
const TITLE: &str = "subnets that nothing else uses";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.overlaps.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Ok, "no overlap");
    }
    let firm = |overlap: &&crate::doctor::overlap::Overlap| overlap.occupied.iter().any(|other| other.firm);
    let lines: Vec<String> = facts.overlaps.iter().flat_map(|overlap| overlap.lines()).collect();
    let found = lines.join("; ");
    let mut diagnosis = if facts.overlaps.iter().any(|overlap| firm(&overlap)) {
        Diagnosis::new(ID, TITLE, Status::Problem, found)
            .because("packets for the containers would go elsewhere, or those of others to them: `up` refuses")
    } else {
        Diagnosis::new(ID, TITLE, Status::Warning, found)
            .because("nothing uses these addresses on this host now, and a network that is made later may")
    };
    for overlap in &facts.overlaps {
        diagnosis = diagnosis.mend(overlap.hint());
    }
    diagnosis
}
