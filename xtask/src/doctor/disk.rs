//! Space where images are stored.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "disk";
const TITLE: &str = "space for images";
/// What a whole build needs at the least, and what is comfortable, in bytes.
const NEEDED: u64 = 5_000_000_000;
const COMFORTABLE: u64 = 15_000_000_000;

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let Some(disk) = &facts.disk else {
        return Diagnosis::new(ID, TITLE, Status::NotApplicable, "not known");
    };
    let detail = format!("{} GB free at {}", disk.free / 1_000_000_000, disk.path);
    let status = match disk.free {
        free if free < NEEDED => Status::Problem,
        free if free < COMFORTABLE => Status::Warning,
        _ => return Diagnosis::new(ID, TITLE, Status::Ok, detail),
    };
    Diagnosis::new(ID, TITLE, status, detail)
        .because("17 images and their layers need room while they are built")
        .mend("`podman system df` and `df` show what takes the room; older images of the stack go with the next `cargo xtask build-images`")
}
