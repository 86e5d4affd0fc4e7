//! Podman is not there, too old, or cannot say anything.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "podman";
const TITLE: &str = "Podman 4.3 or newer";
/// Oldest version that has everything that is used.
const OLDEST: (u32, u32) = (4, 3);

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let Some(podman) = &facts.podman else {
        return Diagnosis::new(ID, TITLE, Status::Problem, "podman is not installed").install(facts, &["podman"]);
    };
    if let Some(error) = &podman.error {
        return Diagnosis::new(ID, TITLE, Status::Problem, "`podman info` fails")
            .because(error.clone())
            .mend("podman info");
    }
    let mut parts = podman
        .version
        .split(['.', '-'])
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version < OLDEST {
        return Diagnosis::new(ID, TITLE, Status::Problem, format!("podman {}", podman.version))
            .because(format!("older than {}.{}", OLDEST.0, OLDEST.1))
            .mend("upgrade podman from the distribution's backports, or upgrade the distribution");
    }
    Diagnosis::new(ID, TITLE, Status::Ok, format!("podman {}", podman.version))
}
