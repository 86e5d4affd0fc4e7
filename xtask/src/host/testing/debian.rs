//! The root folder of a Debian 13: systemd 257, and a Podman with Quadlet (5.4). Tests run in it what Debian 12 has no programs for.
//!
//! It takes about half a minute and 250 MB, is made once, and stays below `target/`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::host::system::files;
use crate::host::system::process::{ProcessError, Program};
use crate::host::system::repository::Repository;

/// The Debian: one whose systemd, Podman and Quadlet are those of today's hosts.
const SUITE: &str = "trixie";

/// What a host has that runs containers by Quadlet's units, a program to change a runtime's configuration with, and one that all a
/// stand-in of an image needs, and Python for one that has real agents.
const PACKAGES: [&str; 18] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "podman",
    "crun",
    "netavark",
    "aardvark-dns",
    "passt",
    "nftables",
    "iptables",
    "iproute2",
    "catatonit",
    "conmon",
    "uidmap",
    "procps",
    "jq",
    "busybox-static",
    "python3-minimal",
];

/// A file in it that says which packages it was made of.
const CONTENTS: &str = "etc/made-of";

/// What nobody reads here.
const UNREAD: [&str; 3] = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*"];

/// Settings of this host's apt without which it would get no packages here: proxies, and whether lists may be old.
const SETTINGS: [&str; 3] = ["Acquire::http", "Acquire::Check-", "Acquire::AllowInsecure"];

/// Where it is, or will be.
#[must_use]
pub fn folder(repository: &Repository) -> PathBuf {
    repository.work().join("debian-13")
}

/// Makes it where it is missing. What has its name is whole: until then it has another one.
///
/// # Errors
/// When packages cannot be had.
pub fn provide(repository: &Repository) -> Result<(), ProcessError> {
    let folder = folder(repository);
    let work = repository.work();
    std::fs::create_dir_all(&work).map_err(failed)?;
    // Whoever comes second finds it made.
    let lock = File::create(work.join("debian-13.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if files::read_text(&folder.join(CONTENTS)).is_ok_and(|packages| packages == PACKAGES.join("\n")) {
        return Ok(());
    }
    let unfinished = work.join("debian-13.unfinished");
    for old in [&unfinished, &folder] {
        if old.exists() {
            // One with other packages, or half of one: whoever mounts something in there does so for itself, so that nothing is left.
            std::fs::remove_dir_all(old).map_err(failed)?;
        }
    }
    make(repository, &unfinished)?;
    std::fs::write(unfinished.join(CONTENTS), PACKAGES.join("\n")).map_err(failed)?;
    std::fs::rename(&unfinished, &folder).map_err(failed)
}

fn make(repository: &Repository, folder: &Path) -> Result<(), ProcessError> {
    let configuration = Program::new("apt-config").arg("dump").read()?;
    let settings = configuration
        .lines()
        .filter(|line| SETTINGS.iter().any(|name| line.starts_with(name)))
        .map(|line| format!("--aptopt={}", line.trim_end_matches(';')));
    Program::new("unshare")
        .args(["--mount", "--propagation=private", "mmdebstrap", "--variant=minbase"])
        .arg(format!("--include={}", PACKAGES.join(",")))
        .args(settings)
        .arg("--aptopt=Apt::Install-Recommends \"false\"")
        .args(UNREAD.map(|path| format!("--dpkgopt=path-exclude={path}")))
        .arg(SUITE)
        .arg(folder)
        .arg(debian_mirror()?)
        .log(repository.log("test-debian"))
        .succeed(&mut |_| ())
        .map(drop)
}

/// Where apt gets Debian's own packages from on this host.
fn debian_mirror() -> Result<String, ProcessError> {
    let targets = || {
        Program::new("apt-get")
            .args([
                "indextargets",
                "--format",
                "$(ORIGIN) $(LABEL) $(REPO_URI)",
                "Created-By: Packages",
            ])
            .read()
    };
    let find = |targets: &str| {
        let own = targets.lines().find_map(|line| line.strip_prefix("Debian Debian "));
        own.map(str::to_owned)
    };
    if let Some(mirror) = find(&targets()?) {
        return Ok(mirror);
    }
    // No list of packages yet.
    Program::new("apt-get").args(["update", "--quiet"]).read()?;
    find(&targets()?).ok_or_else(|| {
        let why = "apt has no source of Debian's packages";
        failed(io::Error::other(why))
    })
}

fn failed(source: io::Error) -> ProcessError {
    ProcessError::Start {
        command: format!("mmdebstrap {SUITE}"),
        source,
    }
}
