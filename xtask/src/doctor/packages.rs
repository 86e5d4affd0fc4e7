//! Packages by distribution.

use super::facts::{HostFacts, PackageManager};

/// Everything that the stack needs on Debian 12.
pub const ALL: [&str; 12] = [
    "podman",
    "runc",
    "netavark",
    "aardvark-dns",
    "catatonit",
    "iptables",
    "nftables",
    "iproute2",
    "uidmap",
    "fuse-overlayfs",
    "slirp4netns",
    "mmdebstrap",
];

/// What the tests need besides: one for the deploy scripts, one for the page of `smoke --report`, one for fuzzing.
pub const FOR_TESTS: [&str; 3] = ["shellcheck", "chromium", "g++"];

/// Fedora's name for a Debian package.
#[must_use]
pub fn dnf_name(debian: &str) -> &str {
    match debian {
        "iptables" => "iptables-nft",
        "iproute2" => "iproute",
        "uidmap" => "shadow-utils",
        "shellcheck" => "ShellCheck",
        "g++" => "gcc-c++",
        same => same,
    }
}

/// The program by which a package is recognised.
#[must_use]
pub fn program(debian: &'static str) -> &'static str {
    match debian {
        "nftables" => "nft",
        "iproute2" => "ip",
        "uidmap" => "newuidmap",
        same => same,
    }
}

/// Which of these packages are not here.
#[must_use]
pub fn missing(facts: &HostFacts, of: &[&'static str]) -> Vec<&'static str> {
    of.iter().copied().filter(|name| !facts.has(program(name))).collect()
}

/// The command that installs packages, as a person would type it.
#[must_use]
pub fn command(facts: &HostFacts, names: &[&'static str]) -> Vec<String> {
    let sudo = if facts.root { "" } else { "sudo " };
    match facts.packages {
        Some(PackageManager::Apt) => vec![format!(
            "{sudo}apt-get update && {sudo}apt-get install --yes --no-install-recommends {}",
            names.join(" ")
        )],
        Some(PackageManager::Dnf) => {
            let names: Vec<&str> = names.iter().map(|name| dnf_name(name)).collect();
            vec![format!("{sudo}dnf install --assumeyes {}", names.join(" "))]
        }
        None => vec![format!("install {}", names.join(" "))],
    }
}
