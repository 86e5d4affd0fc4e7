//! Names do not resolve between containers: aardvark-dns is missing.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "names";
const TITLE: &str = "names between containers";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    if facts.has("aardvark-dns") {
        return Diagnosis::new(ID, TITLE, Status::Ok, "aardvark-dns");
    }
    Diagnosis::new(ID, TITLE, Status::Problem, "aardvark-dns is not installed")
        .because("containers cannot find each other by name without it")
        .install(facts, &["aardvark-dns"])
}
