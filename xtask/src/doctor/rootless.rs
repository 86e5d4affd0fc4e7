//! Podman as an ordinary user: devices, id ranges, a storage driver that does not copy everything.

use super::facts::HostFacts;
use super::{Diagnosis, Status};

const ID: &str = "rootless";
const TITLE: &str = "Podman without root";
/// Ids that images need at the least.
const IDS: u64 = 65_536;

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let Some(rootless) = &facts.rootless else {
        return Diagnosis::new(ID, TITLE, Status::NotApplicable, "we are root");
    };
    let mut details = Vec::new();
    let mut mends = Vec::new();
    let mut packages = Vec::new();
    let mut status = Status::Ok;
    for device in &rootless.closed_devices {
        // Without fuse the kernel's own overlay or vfs is used.
        let needed = device == "/dev/net/tun";
        status = if needed || status == Status::Problem {
            Status::Problem
        } else {
            Status::Warning
        };
        details.push(format!("{device} is not open to users"));
        mends.push(format!("chmod 0666 {device}"));
    }
    for (file, count) in rootless.sub_ids.iter().filter(|(_, count)| **count < IDS) {
        status = Status::Problem;
        details.push(format!("{file} gives {count} ids to `{}`", rootless.user));
        let flag = if file.ends_with("gid") {
            "--add-subgids"
        } else {
            "--add-subuids"
        };
        mends.push(format!("usermod {flag} 100000-165535 {}", rootless.user));
    }
    if !facts.has("newuidmap") {
        status = Status::Problem;
        details.push("newuidmap is not installed".to_owned());
        packages.push("uidmap");
    }
    if !facts.has("slirp4netns") && !facts.has("pasta") {
        status = Status::Problem;
        details.push("slirp4netns is not installed".to_owned());
        packages.push("slirp4netns");
    }
    if facts.podman.as_ref().is_some_and(|podman| podman.driver == "vfs") {
        if status == Status::Ok {
            status = Status::Warning;
        }
        details.push("storage driver vfs copies every layer whole".to_owned());
        if !facts.has("fuse-overlayfs") {
            packages.push("fuse-overlayfs");
        }
        mends.push(
            "set `driver = \"overlay\"` under `[storage]` in ~/.config/containers/storage.conf; a storage that has images keeps its driver"
                .to_owned(),
        );
    }
    if status == Status::Ok {
        return Diagnosis::new(ID, TITLE, Status::Ok, format!("`{}` has all it needs", rootless.user));
    }
    let mut problem = Diagnosis::new(ID, TITLE, status, details.join("; "))
        .because("run the commands below as root, except `podman`");
    if !packages.is_empty() {
        problem = problem.install(facts, &packages);
    }
    problem.mend.extend(mends);
    problem
}
