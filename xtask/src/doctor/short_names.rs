//! `short-name … did not resolve to an alias`: an image name without a registry.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "short-names";
const TITLE: &str = "fully qualified image names";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let short: Vec<&str> = facts
        .images
        .iter()
        .chain(std::iter::once(&facts.base_image))
        .map(String::as_str)
        .filter(|name| !name.is_empty() && !is_qualified(name))
        .collect();
    if short.is_empty() {
        return Diagnosis::new(ID, TITLE, Status::Ok, "every image name has its registry");
    }
    Diagnosis::new(ID, TITLE, Status::Problem, short.join(", "))
        .because("a name without a registry resolves only where the host has search registries")
        .mend("write `images.namespace` and `images.base_image` of config/stack.yaml with a registry, as in `localhost/ai_system`")
}

fn is_qualified(name: &str) -> bool {
    name.split_once('/')
        .is_some_and(|(registry, _)| registry == "localhost" || registry.contains(['.', ':']))
}
