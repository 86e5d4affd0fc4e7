//! Every rendered unit through Quadlet's generator, and what it makes of them through `systemd-analyze verify`.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::host::system::repository::Repository;
use xtask::host::testing::debian;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The services that are made of the units in a folder; or all that Quadlet and systemd complain of.
#[expect(clippy::disallowed_methods, reason = "programs are run as a user runs them")]
fn services(units: &Path) -> Result<Vec<String>, String> {
    let debian = debian::folder(&Repository::at(root()));
    assert!(
        debian.is_dir(),
        "there is no {}\n  hint: run `cargo xtask test --setup`",
        debian.display()
    );
    let output = Command::new("unshare")
        .args(["--mount", "--propagation=private", "--pid", "--fork", "--kill-child"])
        .args(["sh", "-c", include_str!("quadlet.sh"), "quadlet.sh"])
        .args([&debian, units])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() && said.is_empty() {
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(listed.lines().map(str::to_owned).collect())
    } else {
        Err(said)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn quadlet_and_systemd_take_every_unit() {
    for (machine, units) in [("mainpc", 11 + 1 + 4), ("pc2", 5 + 1 + 4)] {
        let folder = root().join("docker/quadlet").join(machine);
        assert_eq!(files(&folder).len(), units);
        let services = services(&folder).unwrap_or_else(|said| panic!("{machine}:\n{said}"));
        assert_eq!(services.len(), units, "a service each: {services:?}");
    }
}

#[test]
fn neither_takes_a_key_that_it_does_not_know() {
    for (good, bad, complaint) in [
        ("PidsLimit=", "PidLimit=", "unsupported key 'PidLimit'"),
        ("RestartSec=", "RestartsSec=", "Unknown key 'RestartsSec'"),
        ("Restart=always", "Restart=allways", "Failed to parse Restart=allways"),
        ("_pc2.network", "_pc3.network", "ai_system_pc3.network was not found"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut changed = 0;
        for file in files(&root().join("docker/quadlet/pc2")) {
            let text = std::fs::read_to_string(&file).unwrap();
            let is_one = file.ends_with("ai_system-pc2-core.container");
            let new = if is_one { text.replace(good, bad) } else { text.clone() };
            changed += usize::from(new != text);
            std::fs::write(folder.path().join(file.file_name().unwrap()), new).unwrap();
        }
        assert_eq!(changed, 1, "{good}");
        let said = services(folder.path()).expect_err(bad);
        assert!(said.contains(complaint), "{bad}: {said}");
    }
}
