//! Packet forwarding. netavark switches it on with the first network, so off is nothing to mend.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "ip-forward";
const TITLE: &str = "packet forwarding";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let (status, detail) = match facts.ip_forward {
        Some(true) => (Status::Ok, "on"),
        Some(false) => (Status::Ok, "off; netavark switches it on with the first network"),
        None => (Status::NotApplicable, "the kernel does not say"),
    };
    Diagnosis::new(ID, TITLE, status, detail)
}
