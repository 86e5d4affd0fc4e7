//! `cgroups in hybrid mode not supported`: crun on a host that mounts both versions.

use super::facts::{Cgroups, HostFacts};
use super::{Diagnosis, Status};

const ID: &str = "cgroups";
const TITLE: &str = "OCI runtime that works with the cgroup mounts";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let runtime = facts.podman.as_ref().map_or("", |podman| podman.runtime.as_str());
    let mounts = match facts.cgroups {
        Cgroups::V1 => "cgroup v1",
        Cgroups::V2 => "cgroup v2",
        Cgroups::Hybrid => "cgroup v1 and v2 (hybrid)",
    };
    if facts.cgroups != Cgroups::Hybrid || runtime == "runc" {
        return Diagnosis::new(ID, TITLE, Status::Ok, format!("{runtime} on {mounts}"));
    }
    let problem = Diagnosis::new(ID, TITLE, Status::Problem, format!("{runtime} on {mounts}"))
        .because("crun refuses hybrid mounts (`cgroups in hybrid mode not supported`)");
    if facts.has("runc") {
        problem.mend("set `runtime = \"runc\"` under `[engine]` in the file that CONTAINERS_CONF names")
    } else {
        problem.install(facts, &["runc"])
    }
}
