//! The hardware address of a network's bridge. netavark before 1.9 gives it none, so that the kernel takes the lowest of those that are
//! plugged in, and another one whenever a container comes or goes. The others on the bridge know the old one for up to a minute, and
//! what they send to the gateway goes nowhere until then: names, the other machine, the host.

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use super::Podman;
use super::make::LIMIT;
use crate::boot::creation::hardware_address;
use crate::host::system::process::ProcessError;

/// A network's bridge, which is made with the first container on it.
#[derive(Debug)]
pub struct Bridge {
    interface: Option<String>,
    address: String,
    /// What came of it, once it was tried.
    kept: Mutex<Option<Result<(), ProcessError>>>,
}

impl Bridge {
    /// The bridge of that name, of the network with that gateway; without a name nothing is done.
    #[must_use]
    pub fn new(interface: Option<String>, gateway: Ipv4Addr) -> Self {
        Self {
            interface,
            address: hardware_address(gateway),
            kept: Mutex::default(),
        }
    }

    /// Whether that was done: nothing is left to do between the start of a pod and that of what runs in it.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.lock().is_some()
    }

    /// Gives the bridge an address that stays, once: after the first pod has started, and before anything that runs in one looks for its
    /// gateway. The same address each time, so that whoever knows it goes on knowing it. Nothing is done where the network is another
    /// host's.
    pub fn keep(&self, podman: &Podman) {
        let mut kept = self.lock();
        if kept.is_none() {
            *kept = Some(self.set(podman));
        }
    }

    /// Why the address could not be set, with the bridge's name.
    #[must_use]
    pub fn failure(&self) -> Option<(&str, String)> {
        let error = self.lock().as_ref()?.as_ref().err()?.to_string();
        Some((self.interface.as_deref()?, error))
    }

    fn set(&self, podman: &Podman) -> Result<(), ProcessError> {
        let (Some(interface), Some(ip)) = (&self.interface, podman.ip()) else {
            return Ok(());
        };
        ip.args(["link", "set", "dev", interface, "address", &self.address])
            .limit(LIMIT)
            .whole()
            .read()?;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<(), ProcessError>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::Bridge;
    use crate::host::podman::Podman;
    use crate::host::system::process::Program;

    #[test]
    fn the_address_is_set_once_and_what_went_wrong_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let calls = folder.path().join("calls");
        let script = format!("echo \"$*\" >> {}; exit $(wc -l < {0})", calls.display());
        let ip = Program::new("sh").args(["-c", &script, "ip"]);
        let podman = Podman::of_machine("one", Program::new("podman"), ip);

        let bridge = Bridge::new(Some("podman1".to_owned()), Ipv4Addr::new(172, 20, 0, 1));
        assert!(!bridge.is_kept());
        bridge.keep(&podman);
        bridge.keep(&podman);
        assert!(bridge.is_kept());
        let called = std::fs::read_to_string(&calls).unwrap();
        assert_eq!(called, "link set dev podman1 address 0a:58:ac:14:00:01\n");
        assert_eq!(bridge.failure().unwrap().0, "podman1");
    }

    #[test]
    fn a_network_of_another_host_is_left() {
        let bridge = Bridge::new(Some("podman1".to_owned()), Ipv4Addr::new(172, 20, 0, 1));
        bridge.keep(&Podman::default().connection("far"));
        assert!(bridge.is_kept());
        assert_eq!(bridge.failure(), None);
    }
}
