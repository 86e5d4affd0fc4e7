//! `failed to find plugin "bridge"`: a CNI list left behind beside netavark. Noise, nothing worse.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "cni";
const TITLE: &str = "no stale CNI configuration";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let netavark = facts
        .podman
        .as_ref()
        .is_none_or(|podman| podman.network_backend != "cni");
    if facts.cni_lists.is_empty() || !netavark {
        return Diagnosis::new(ID, TITLE, Status::Ok, "none");
    }
    Diagnosis::new(ID, TITLE, Status::Warning, facts.cni_lists.join(", ")).because(
        "netavark is used, and Podman still looks at these lists (`failed to find plugin \"bridge\"`); harmless, and whoever \
         uses CNI here needs them",
    )
}
