//! Where the base image comes from when no registry can be reached.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "base-source";
const TITLE: &str = "base image without a registry";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.has("mmdebstrap") {
        return Diagnosis::new(ID, TITLE, Status::Ok, "mmdebstrap can make it from Debian packages");
    }
    Diagnosis::new(ID, TITLE, Status::Warning, "mmdebstrap is not installed")
        .because(format!(
            "`build-images` then needs a registry that has `{}`",
            facts.base_image
        ))
        .install(facts, &["mmdebstrap"])
}
