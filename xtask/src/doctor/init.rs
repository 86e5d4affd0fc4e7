//! Pods and `--init` fail: catatonit is missing.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "init";
const TITLE: &str = "pods";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.has("catatonit") {
        return Diagnosis::new(ID, TITLE, Status::Ok, "catatonit");
    }
    Diagnosis::new(ID, TITLE, Status::Problem, "catatonit is not installed")
        .because("it is what a pod's own container runs")
        .install(facts, &["catatonit"])
}
