//! `deploy` on a host that systemd boots: a stack of real agents under the real supervisor, from nothing to nothing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Host, boot_on, room};
use crate::room::{command, root};

/// Both agents stay, and are healthy for as long as they do.
const AGENT: &str = "import time\nwhile True:\n    time.sleep(1)\n";
const STARTUP_CONFIG: &str = "agents:
  - {name: Clock, script_path: agents/clock.py, port: 6001}
  - {name: Reader, script_path: agents/reader.py, port: 6002, dependencies: [Clock]}
";
/// Where the stack is on the host.
const STACK: &str = "/srv/stack";
/// Where Quadlet looks for units of the system.
const UNITS: &str = "/etc/containers/systemd";

/// A path of the host, as it is here.
fn on(host: &Host, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{path}", host.process))
}

fn write(host: &Host, path: &str, text: &str) {
    let path = on(host, path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(host: &Host, path: &str) -> String {
    std::fs::read_to_string(on(host, path)).unwrap()
}

fn copy(host: &Host, from: &Path, to: &str) {
    let to = on(host, to);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(from, &to).unwrap();
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a command of ours ended with, and all that it printed.
fn ours(host: &Host, arguments: &str) -> (i32, String) {
    let line = format!("cd {STACK} && ai-system {arguments} 2>&1");
    let output = host.shell(&line).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

#[track_caller]
fn succeeds(host: &Host, arguments: &str) -> String {
    let (code, said) = ours(host, arguments);
    assert_eq!(code, 0, "{arguments}: {said}");
    said
}

#[track_caller]
fn refuses(host: &Host, arguments: &str, why: &str) {
    let (code, said) = ours(host, arguments);
    assert_eq!(code, 1, "{arguments}: {said}");
    assert!(said.contains(why), "{arguments}: {said}");
}

/// The program, the tree, the stack that `init` writes, and an image as it renders it, with the Python of the host.
fn provide(host: &Host) {
    copy(host, Path::new(env!("CARGO_BIN_EXE_xtask")), "/usr/local/bin/ai-system");
    write(host, "/srv/stack/startup_config.yaml", STARTUP_CONFIG);
    for name in ["clock", "reader"] {
        write(host, &format!("/srv/stack/agents/{name}.py"), AGENT);
    }
    succeeds(host, "init");
    succeeds(host, "render");
    // Beside what cargo made this test with, in whatever profile.
    let target = Path::new(env!("CARGO_BIN_EXE_xtask")).ancestors().nth(2).unwrap();
    let built = command(env!("CARGO"))
        .args(["build", "--quiet", "--package", "agent-supervisor", "--target-dir"])
        .arg(target)
        .current_dir(root())
        .status();
    assert!(built.unwrap().success());
    let supervisor = target.join("debug/agent-supervisor");
    copy(host, &supervisor, "/srv/image/usr/local/bin/agent-supervisor");
    let made = host.try_run(
        "set -e; cd /srv/image
         mkdir -p app/logs app/data app/models etc/ai_system tmp usr/bin usr/lib/x86_64-linux-gnu
         cp -a /usr/bin/python3* /usr/bin/busybox usr/bin; cp -a /usr/lib/python3* usr/lib; cp -a /bin /lib /lib64 .
         cp -a /usr/lib/x86_64-linux-gnu/*.so* usr/lib/x86_64-linux-gnu; ln -s busybox usr/bin/sh
         mkdir -p usr/lib64; cp -a /usr/lib64/. usr/lib64
         cp -r /srv/stack/agents app; cp /srv/stack/deploy/config/main.yaml etc/ai_system; chown -R 10001:10001 app; chmod 1777 tmp
         tar -c . | podman import --quiet --change 'USER 10001:10001' - localhost/stack/main:latest > /dev/null
         cd /; rm -r /srv/image; echo made",
    );
    assert_eq!(made, "made");
}

/// The files of the folder of units.
fn files(host: &Host) -> String {
    host.try_run(&format!("ls -p {UNITS} | grep -v /"))
}

fn container(host: &Host) -> String {
    host.try_run("podman inspect --format '{{.Id}}' main")
}

#[test]
fn a_stack_is_deployed_changed_and_removed() {
    let room = room();
    let host = boot_on(&room, "main", "none", "none");
    provide(&host);
    // Others have units, too.
    let other = "[Network]\nNetworkName=other\nSubnet=10.99.0.0/24\n";
    write(&host, &format!("{UNITS}/other.network"), other);
    what_is_not_ours_is_not_replaced(&host);

    let said = succeeds(&host, "deploy --dry-run");
    assert!(
        said.contains("install unit stack-main.container") && said.contains("start main"),
        "{said}"
    );
    assert_eq!(files(&host), "other.network", "nothing was done");
    let said = succeeds(&host, "deploy");
    assert!(said.contains("installed unit stack-main.container"), "{said}");
    assert_eq!(host.try_run("systemctl is-active stack-main"), "active");
    let status: serde_json::Value = serde_json::from_str(&succeeds(&host, "status --format json")).unwrap();
    let states: Vec<&str> = status["agents"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|agent| agent["state"].as_str())
        .collect();
    assert_eq!(states, ["healthy", "healthy"]);
    assert!(succeeds(&host, "logs").contains("Clock"));

    // By a Podman that keeps the settings of this host's own `containers.conf`: a runtime that stands there alone.
    assert!(succeeds(&host, "exec Clock -- /usr/bin/busybox id -u").contains("10001"));
    succeeds(&host, "restart Clock");
    succeeds(&host, "smoke --phase 1");
    succeeds(&host, "smoke --phase 2");

    let first = container(&host);
    let said = succeeds(&host, "deploy");
    assert!(said.contains("nothing to do") && container(&host) == first, "{said}");
    refuses(&host, "up", "units of systemd run main");
    what_changed_is_started_anew(&host, &first);
    host.powers_off();

    let host = boot_on(&room, "main", "none", "none");
    host.try_run("systemctl is-system-running --wait");
    let said = succeeds(&host, "deploy");
    assert!(said.contains("nothing to do"), "it came up with the host: {said}");
    nothing_of_it_is_left(&host, other);
    what_was_copied_by_hand_is_taken_over_if_told_so(&host);
    host.powers_off();
    room.end();
}

fn what_is_not_ours_is_not_replaced(host: &Host) {
    let theirs = "[Container]\nImage=theirs\n";
    write(host, &format!("{UNITS}/stack-main.container"), theirs);
    refuses(host, "deploy", "stack-main.container");
    assert_eq!(read(host, &format!("{UNITS}/stack-main.container")), theirs);
    std::fs::remove_file(on(host, &format!("{UNITS}/stack-main.container"))).unwrap();
}

fn what_changed_is_started_anew(host: &Host, first: &str) {
    let path = "/srv/stack/config/stack.yaml";
    let stack = read(host, path);
    let changed = format!("{stack}\nshm_size: 72MiB\n");
    write(host, path, &changed);
    let said = succeeds(host, "deploy");
    assert!(said.contains("installed unit stack-main.container"), "{said}");
    assert_ne!(container(host), first);
    let size = host.try_run("podman inspect --format '{{.HostConfig.ShmSize}}' main");
    assert_eq!(size, (72 * 1024 * 1024).to_string());
}

/// Units that somebody copied from what some checkout has rendered.
fn what_was_copied_by_hand_is_taken_over_if_told_so(host: &Host) {
    host.try_run(&format!("cp {STACK}/deploy/docker/quadlet/main/* {UNITS}"));
    let copied = files(host);
    for command in ["deploy", "down"] {
        refuses(host, command, "that somebody copied by hand");
        assert_eq!(files(host), copied, "{command}");
    }
    succeeds(host, "down --take-over");
    assert_eq!(files(host), "other.network");
}

fn nothing_of_it_is_left(host: &Host, other: &str) {
    let said = succeeds(host, "down");
    assert!(said.contains("unit stack-main.container"), "{said}");
    assert_eq!(files(host), "other.network");
    assert_eq!(read(host, &format!("{UNITS}/other.network")), other);
    assert_eq!(host.try_run("podman ps --all --quiet"), "");
    assert_eq!(host.try_run("podman network ls --format '{{.Name}}'"), "podman");
    assert_eq!(host.try_run("systemctl --failed --plain --no-legend"), "");
    assert_ne!(host.try_run("podman volume ls --quiet"), "", "data stays");
    succeeds(host, "down --volumes");
    assert_eq!(host.try_run("podman volume ls --quiet"), "");
    let said = succeeds(host, "down");
    assert!(said.contains("nothing to remove"), "{said}");
}
