//! Podman's network backend: netavark, with the packet filter that it uses.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "network-backend";
const TITLE: &str = "netavark networks";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let mut missing = Vec::new();
    if !facts.has("netavark") {
        missing.push("netavark");
    }
    if !facts.has("iptables") && !facts.has("nft") {
        missing.push("iptables");
    }
    if !missing.is_empty() {
        return Diagnosis::new(
            ID,
            TITLE,
            Status::Problem,
            format!("not installed: {}", missing.join(", ")),
        )
        .because("containers get no network without it")
        .install(facts, &missing);
    }
    match &facts.podman {
        Some(podman) if podman.network_backend == "cni" => {
            Diagnosis::new(ID, TITLE, Status::Problem, "podman uses CNI")
                .because("static addresses and names need netavark; Podman keeps the backend that it was first used with")
                .mend("set `network_backend = \"netavark\"` under `[network]` in the file that CONTAINERS_CONF names; a storage that is in use keeps its backend, so that another user or another storage is needed beside it")
        }
        _ => Diagnosis::new(ID, TITLE, Status::Ok, "netavark"),
    }
}
