//! `error setting rlimits … operation not permitted`: Podman's default ulimits are above what we may give.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "limits";
const TITLE: &str = "ulimits that containers may get";
/// What Podman asks for by default.
const DEFAULT: u64 = 1_048_576;
/// Limit of processes that is always enough for a group.
const PROCESSES: u64 = 32_768;

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let limits = facts.limits;
    if limits.may_raise || (limits.open_files >= DEFAULT && limits.processes >= DEFAULT) {
        return Diagnosis::new(ID, TITLE, Status::Ok, "Podman's defaults can be set");
    }
    let detail = format!(
        "hard limits here: {} open files, {} processes",
        limits.open_files, limits.processes
    );
    if facts
        .containers_conf
        .as_ref()
        .is_some_and(|text| text.contains("default_ulimits"))
    {
        return Diagnosis::new(ID, TITLE, Status::Ok, format!("{detail}; set by `default_ulimits`"));
    }
    Diagnosis::new(ID, TITLE, Status::Problem, detail)
        .because("no CAP_SYS_RESOURCE, and Podman's default ulimits are above the hard limits")
        .mend(format!(
            "set `default_ulimits = [\"nofile={0}:{0}\", \"nproc={1}:{1}\"]` under `[containers]` in the file that CONTAINERS_CONF names",
            limits.open_files.min(DEFAULT),
            limits.processes.min(PROCESSES)
        ))
}
