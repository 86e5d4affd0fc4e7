//! Hosts that systemd 257 boots, in namespaces of this machine, and that run the rendered units with Podman 5.4: `cargo xtask test --systemd`.
//!
//! Where the machine's cgroups of version 2 lack the controllers of memory and processes, as beside those of version 1, the limits of units
//! are left out; all else of a unit is as it is rendered.

mod deploy;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use xtask::doctor::diagnose;
use xtask::doctor::facts::{HostFacts, PodmanFacts, RebootFacts};
use xtask::host::system::repository::Repository;
use xtask::host::testing::debian;

use crate::room::{Room, child_of, command, root, wait_for};

/// What hosts need is written in.
const SCRIPT: &str = include_str!("systemd.sh");

/// Where hosts are.
fn room() -> Room {
    Room::new(SCRIPT, &["room"], &[])
}

/// Boots a host on the units of a machine; on the disk that it had before, if it was there before.
fn boot(room: &Room, machine: &str, address: &str) -> Host {
    let units = root().join("docker/quadlet").join(machine);
    let mut host = boot_on(room, machine, address, units.to_str().unwrap());
    host.units = names_of_containers(&units);
    host
}

/// The same on the units of a folder, or on `none`.
fn boot_on(room: &Room, machine: &str, address: &str, units: &str) -> Host {
    let folder = room.folder.join(machine);
    let debian = debian::folder(&Repository::at(root()));
    assert!(
        debian.is_dir(),
        "there is no {}\n  hint: run `cargo xtask test --systemd`",
        debian.display()
    );
    let [debian, folder] = [&debian, &folder].map(|path| path.to_str().unwrap());
    let child = room
        .inside(&["boot", debian, folder, machine, address, units])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut host = Host {
        process: 0,
        child,
        units: Vec::new(),
    };
    wait_for("a host's first process to be systemd", || {
        host.process = child_of(host.child.id()).and_then(child_of).unwrap_or_default();
        let name = std::fs::read_to_string(format!("/proc/{}/comm", host.process));
        name.is_ok_and(|name| name == "systemd\n")
    });
    wait_for("systemd to answer", || {
        !host.try_run("systemctl is-system-running").is_empty()
    });
    host
}

/// The groups that units in a folder are about.
fn names_of_containers(units: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(units).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let containers =
        names.filter_map(|name| Some(name.strip_suffix(".container")?.strip_prefix("ai_system-")?.to_owned()));
    containers.collect()
}

/// A host that runs.
struct Host {
    child: Child,
    /// Its systemd.
    process: u32,
    /// Its groups.
    units: Vec<String>,
}

impl Host {
    /// What a line of shell prints on it.
    fn try_run(&self, line: &str) -> String {
        let output = self.shell(line).stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A line of shell on it.
    fn shell(&self, line: &str) -> Command {
        let mut shell = command("nsenter");
        shell
            .arg(format!("--target={}", self.process))
            .args([
                "--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd",
            ])
            .args([
                "env",
                "-i",
                "PATH=/usr/local/bin:/usr/sbin:/usr/bin",
                "HOME=/root",
                "sh",
                "-c",
                line,
            ]);
        shell
    }

    fn property(&self, group: &str, name: &str) -> String {
        self.try_run(&format!("systemctl show --property={name} --value ai_system-{group}"))
    }

    fn health(&self, group: &str) -> String {
        self.try_run(&format!(
            "podman inspect --format '{{{{.State.Health.Status}}}}' {group}"
        ))
    }

    fn is_running(&self, container: &str) -> bool {
        self.try_run(&format!("podman inspect --format '{{{{.State.Running}}}}' {container}")) == "true"
    }

    /// Waits for every unit to be active and for every container to be healthy, which the timers of systemd look for.
    fn runs_everything(&self) {
        wait_for("the boot to be done", || {
            ["running", "degraded"].contains(&self.try_run("systemctl is-system-running --wait").as_str())
        });
        assert_eq!(self.try_run("systemctl --failed --plain --no-legend"), "");
        for group in &self.units {
            assert_eq!(self.property(group, "ActiveState"), "active", "{group}");
            assert_eq!(self.property(group, "NRestarts"), "0", "{group} was started twice");
            wait_for(&format!("{group} to be healthy"), || self.health(group) == "healthy");
        }
        let timers = self.try_run("systemctl list-units --type=timer --plain --no-legend '[0-9a-f]*-*.timer' | wc -l");
        assert_eq!(timers, self.units.len().to_string(), "a timer for the health of each");
    }

    /// Waits until it is off.
    fn powers_off(mut self) {
        self.try_run("systemctl poweroff");
        wait_for("a host to be off", || self.child.try_wait().unwrap().is_some());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Whoever fails leaves it running, for as long as its room is there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn hosts_run_their_units_and_do_so_again_after_a_reboot() {
    let room = room();
    let pc2 = boot(&room, "pc2", "192.168.1.102/24");
    let mainpc = boot(&room, "mainpc", "none");
    assert_eq!((mainpc.units.len(), pc2.units.len()), (11, 5));
    a_group_waits_for_the_address_that_it_is_published_on(&mainpc);
    mainpc.runs_everything();
    pc2.runs_everything();
    a_killed_container_comes_back(&pc2);
    make_what_up_makes(&pc2);
    mainpc.try_run("podman exec core-services sh -c 'echo kept > /app/data/kept'");
    mainpc.powers_off();
    pc2.powers_off();

    let pc2 = boot(&room, "pc2", "192.168.1.102/24");
    let mainpc = boot(&room, "mainpc", "192.168.1.101/24");
    mainpc.runs_everything();
    pc2.runs_everything();
    assert_eq!(mainpc.try_run("podman exec vision busybox cat /app/data/kept"), "kept");
    stopped_units_leave_no_container(&mainpc);
    mainpc.powers_off();
    // What has no unit starts again if Podman's own unit is told to, as `doctor` says.
    assert_eq!((pc2.is_running("always"), pc2.is_running("ours")), (true, false));
    take_the_advice_of_doctor(&pc2);
    pc2.powers_off();
    let pc2 = boot(&room, "pc2", "192.168.1.102/24");
    pc2.runs_everything();
    assert!(pc2.is_running("always") && pc2.is_running("ours"));
    assert!(!pc2.is_running("theirs"), "how others start is theirs to say");
    pc2.powers_off();
    room.end();
}

/// A pod with a container whose policy and label are those of `up`, and two of others, of which one starts with its host.
fn make_what_up_makes(host: &Host) {
    let image = "localhost/ai_system/pc2-core:latest /usr/local/bin/agent-supervisor";
    for line in [
        "podman pod create --name ours-pod --restart=unless-stopped".to_owned(),
        format!(
            "podman run --detach --pod ours-pod --name ours --label ai-system.stack=x --restart=unless-stopped {image}"
        ),
        format!("podman run --detach --name theirs --restart=unless-stopped {image}"),
        format!("podman run --detach --name always --restart=always {image}"),
        "systemctl enable podman-restart.service".to_owned(),
    ] {
        host.try_run(&line);
    }
    assert!(host.is_running("always") && host.is_running("ours"));
}

/// Runs the commands that `doctor` names on a host like this one.
fn take_the_advice_of_doctor(host: &Host) {
    let facts = HostFacts {
        root: true,
        podman: Some(PodmanFacts::default()),
        reboot: RebootFacts {
            systemd: true,
            ..RebootFacts::default()
        },
        ..HostFacts::default()
    };
    let diagnoses = diagnose(&facts);
    let advice = diagnoses.iter().find(|diagnosis| diagnosis.id == "reboot").unwrap();
    for command in advice.mend.iter().filter(|line| !line.starts_with("or ")) {
        host.try_run(command);
    }
    host.try_run("podman start ours");
    assert!(host.is_running("ours"));
}

/// `network-online.target` is reached all the same: no network manager is there that would know of the address.
fn a_group_waits_for_the_address_that_it_is_published_on(mainpc: &Host) {
    wait_for("core-services to wait", || {
        mainpc.property("core-services", "SubState") == "start-pre"
    });
    wait_for("vision, which is published nowhere else", || {
        mainpc.property("vision", "ActiveState") == "active"
    });
    let journal = || mainpc.try_run("journalctl --unit=ai_system-core-services --output=cat");
    wait_for("a word on it", || {
        journal().contains("waiting until this host has the address 192.168.1.101")
    });
    mainpc.try_run("ip address add 192.168.1.101/24 dev eth0");
}

fn a_killed_container_comes_back(host: &Host) {
    let id = || host.try_run("podman inspect --format '{{.Id}}' pc2-core");
    let first = id();
    host.try_run("kill -9 $(podman inspect --format '{{.State.Pid}}' pc2-core)");
    wait_for("another container", || ![first.as_str(), ""].contains(&id().as_str()));
    wait_for("it to be healthy", || host.health("pc2-core") == "healthy");
    assert_eq!(host.property("pc2-core", "NRestarts"), "1");
    assert_eq!(host.property("pc2-memory", "NRestarts"), "0", "nobody else's affair");
}

fn stopped_units_leave_no_container(host: &Host) {
    host.try_run("systemctl stop 'ai_system-*.service'");
    assert_eq!(host.try_run("podman ps --all --quiet"), "");
    assert_eq!(
        host.try_run("systemctl is-system-running"),
        "running",
        "none of them failed"
    );
}

#[test]
fn nothing_is_left_of_hosts_whose_room_is_killed() {
    let room = room();
    let host = boot(&room, "pc2", "none");
    room.kill();
    assert!(!Path::new(&format!("/proc/{}", host.process)).exists());
}
