//! What `up` made is not there after a reboot: Podman has no daemon, and the unit that starts containers at boot is off, or means others.
//!
//! Podman before 5.8 starts only containers with the policy `always` there; those of `up` have `unless-stopped`, as in the compose files.

use super::facts::{HostFacts, RebootFacts};
use super::{Diagnosis, Status};
use crate::stack::labels::STACK;

const ID: &str = "reboot";
const TITLE: &str = "start after a reboot";
/// Podman's unit.
const UNIT: &str = "podman-restart.service";

pub(super) fn diagnose(facts: &HostFacts) -> Diagnosis {
    let reboot = &facts.reboot;
    if facts.podman.is_none() || !reboot.systemd {
        return Diagnosis::new(
            ID,
            TITLE,
            Status::NotApplicable,
            "no systemd runs here: start the stack with `up` after each boot",
        );
    }
    if reboot.enabled && reboot.starts_ours {
        return Diagnosis::new(ID, TITLE, Status::Ok, format!("{UNIT} starts what `up` made"));
    }
    let cause = if reboot.starts_ours {
        format!("{UNIT} is not enabled")
    } else {
        format!(
            "{UNIT} of this Podman starts containers with the restart policy `always` alone; those of `up` have `unless-stopped`"
        )
    };
    let mut diagnosis = Diagnosis::new(ID, TITLE, Status::Warning, "nothing starts what `up` made").because(cause);
    let (scope, folder) = if facts.root {
        ("", "/etc/systemd/system")
    } else {
        (" --user", "~/.config/systemd/user")
    };
    if !reboot.starts_ours {
        // A further command of the unit: what it starts of others stays as it is.
        let folder = format!("{folder}/{UNIT}.d");
        diagnosis = diagnosis.mend(format!(
            "mkdir -p {folder} && printf '[Service]\\nExecStart=/usr/bin/podman start --all --filter restart-policy=unless-stopped \
             --filter label={STACK}\\n' > {folder}/ai-system.conf"
        ));
    }
    diagnosis = diagnosis.mend(format!("systemctl{scope} enable {UNIT}"));
    if !facts.root {
        diagnosis = diagnosis.mend("loginctl enable-linger");
    }
    diagnosis.mend("or `cargo xtask deploy` in the place of `up`: units of systemd start with the host")
}

/// What `up` says of it, where systemd runs and what was started will not return.
#[must_use]
pub fn note(reboot: &RebootFacts) -> Option<&'static str> {
    let returns = reboot.enabled && reboot.starts_ours;
    (reboot.systemd && !returns)
        .then_some("after a reboot, none of this runs until the next `up`; `doctor` says how Podman can start it")
}

#[cfg(test)]
mod tests {
    use super::{Status, diagnose, note};
    use crate::doctor::facts::{HostFacts, PodmanFacts, RebootFacts};

    #[test]
    fn what_returns_is_said_with_the_commands_that_make_it_return() {
        let mut facts = HostFacts {
            podman: Some(PodmanFacts::default()),
            root: true,
            ..HostFacts::default()
        };
        assert_eq!(diagnose(&facts).status, Status::NotApplicable);
        assert_eq!(note(&facts.reboot), None);
        facts.reboot.systemd = true;
        let off = diagnose(&facts);
        assert_eq!(off.status, Status::Warning);
        assert!(off.mend[0].contains("> /etc/systemd/system/podman-restart.service.d/ai-system.conf"));
        assert!(off.mend[0].contains("label=ai-system.stack") && !off.mend[0].contains("ExecStart=\\n"));
        assert_eq!(off.mend[1], "systemctl enable podman-restart.service");
        assert!(note(&facts.reboot).is_some());
        facts.reboot = RebootFacts {
            systemd: true,
            enabled: false,
            starts_ours: true,
        };
        assert_eq!(diagnose(&facts).mend[0], "systemctl enable podman-restart.service");
        facts.root = false;
        let mend = diagnose(&facts).mend;
        assert_eq!(
            mend[..2],
            [
                "systemctl --user enable podman-restart.service",
                "loginctl enable-linger"
            ]
        );
        facts.reboot.enabled = true;
        assert_eq!(diagnose(&facts).status, Status::Ok);
        assert_eq!(note(&facts.reboot), None);
    }
}
