//! `doctor --fix`: installs what is missing. Every command is announced before it runs.

use std::time::Duration;

use crate::doctor::facts::{HostFacts, PackageManager};
use crate::doctor::packages::dnf_name;
use crate::host::system::process::{ProcessError, Program};

/// Time for a package manager.
const LIMIT: Duration = Duration::from_secs(900);

/// Installs packages, by their Debian names. Nothing is done for an empty list, or where no package manager is known.
///
/// # Errors
/// When the package manager fails.
pub fn install(facts: &HostFacts, names: &[&'static str], announce: &mut dyn FnMut(&str)) -> Result<(), ProcessError> {
    if names.is_empty() {
        return Ok(());
    }
    for program in programs(facts.packages, names) {
        announce(&program.command_line());
        program.limit(LIMIT).succeed(&mut |_| {})?;
    }
    Ok(())
}

fn programs(manager: Option<PackageManager>, names: &[&'static str]) -> Vec<Program> {
    match manager {
        Some(PackageManager::Apt) => {
            let apt = || Program::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive");
            vec![
                apt().arg("update"),
                apt().args(["install", "--yes", "--no-install-recommends"]).args(names),
            ]
        }
        Some(PackageManager::Dnf) => vec![
            Program::new("dnf")
                .args(["install", "--assumeyes"])
                .args(names.iter().map(|name| dnf_name(name))),
        ],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::programs;
    use crate::doctor::facts::PackageManager;

    #[test]
    fn each_package_manager_gets_its_own_names() {
        let lines = |manager| {
            programs(Some(manager), &["iproute2", "runc"])
                .iter()
                .map(super::Program::command_line)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lines(PackageManager::Apt),
            [
                "apt-get update",
                "apt-get install --yes --no-install-recommends iproute2 runc"
            ]
        );
        assert_eq!(lines(PackageManager::Dnf), ["dnf install --assumeyes iproute runc"]);
    }
}
