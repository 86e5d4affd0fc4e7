//! Debian's Docker runs the rendered Compose files of both machines: `cargo xtask test --docker`.
//!
//! It gets the images as `build-images --save` writes them, in one archive of Podman's.

mod deploy;

use std::path::Path;
use std::process::Command;

use xtask::host::system::repository::Repository;
use xtask::host::testing::tools;

use crate::room::{Room, command, root, wait_for};

/// A Docker with nothing in it.
const SCRIPT: &str = include_str!("docker.sh");
/// Machines with their networks and the number of their groups.
const MACHINES: [(&str, &str, usize); 2] = [("mainpc", "172.20.0.0/16", 11), ("pc2", "172.21.0.0/16", 5)];

/// A Docker that runs.
struct Docker(Room);

impl Docker {
    fn new() -> Self {
        let docker = tools::docker(&Repository::at(root()));
        assert!(
            docker.is_dir(),
            "there is no {}\n  hint: run `cargo xtask test --docker`",
            docker.display()
        );
        let addresses = ["192.168.1.101/24", "192.168.1.102/24"];
        let docker = Self(Room::new(SCRIPT, &[docker.to_str().unwrap()], &addresses));
        docker.answers();
        docker
    }

    fn answers(&self) {
        wait_for("Docker to answer", || {
            let output = self.client("docker").args(["version"]).output().unwrap();
            output.status.success()
        });
    }

    /// A program that talks to it.
    fn client(&self, program: &str) -> Command {
        let docker = tools::docker(&Repository::at(root())).join("usr/bin").join(program);
        let mut client = if docker.is_file() {
            command(docker)
        } else {
            command(program)
        };
        client
            .env("DOCKER_HOST", format!("unix://{}/socket", self.0.folder.display()))
            .env_remove("DOCKER_CONTEXT")
            .current_dir(root().join("docker"));
        client
    }

    /// What `docker` prints, if it succeeds.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        printed(self.client("docker").args(arguments))
    }

    #[track_caller]
    fn compose(&self, machine: &str, arguments: &[&str]) {
        let files = [format!("podman-compose.{machine}.yml"), self.less_cpus(machine)];
        let files = files.iter().flat_map(|file| ["--file", file]);
        printed(self.client("docker-compose").args(files).args(arguments));
    }

    /// A file that gives every group one processor: Docker refuses more than a machine has.
    fn less_cpus(&self, machine: &str) -> String {
        let groups = services(machine)
            .into_iter()
            .map(|(group, _)| format!("  {group}: {{cpus: 1}}\n"));
        let text = format!("services:\n{}", groups.collect::<String>());
        let path = self.0.folder.join(format!("{machine}.yml"));
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn healthy(&self) -> usize {
        self.run(&["ps", "--quiet", "--filter", "health=healthy"])
            .lines()
            .count()
    }
}

/// The groups of a machine's Compose file, with their images.
fn services(machine: &str) -> Vec<(String, String)> {
    let path = root().join(format!("docker/podman-compose.{machine}.yml"));
    let text = std::fs::read_to_string(path).unwrap();
    let file: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let services = file["services"].as_mapping().unwrap().iter();
    let text = |value: &serde_yaml::Value| value.as_str().unwrap().to_owned();
    services
        .map(|(group, service)| (text(group), text(&service["image"])))
        .collect()
}

#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Stand-ins for every image that the Compose files name, as Podman saves them: in one archive, from a store of its own.
fn archive(folder: &Path) -> String {
    let services = MACHINES.map(|(machine, ..)| services(machine)).concat();
    let names: Vec<&str> = services.iter().map(|(_, image)| image.as_str()).collect();
    assert_eq!(names.len(), 16);
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    // Podman takes no longer path than 50 characters.
    let run = tempfile::tempdir().unwrap();
    let podman = || {
        let mut podman = command("podman");
        podman.args([
            "--root",
            &path("store"),
            "--runroot",
            run.path().to_str().unwrap(),
            "--storage-driver=vfs",
        ]);
        podman
    };
    let busybox = xtask::host::testing::debian::folder(&Repository::at(root())).join("usr/bin/busybox");
    let stand_in = ["-c", include_str!("stand_in.sh"), "stand_in.sh", &path("image")];
    printed(command("sh").args(stand_in).arg(busybox));
    printed(command("tar").args(["-C", &path("image"), "-cf", &path("image.tar"), "."]));
    printed(podman().args([
        "import",
        "--quiet",
        "--change=USER 10001:10001",
        &path("image.tar"),
        names[0],
    ]));
    printed(podman().arg("tag").arg(names[0]).args(&names));
    let archive = path("images.tar");
    let save = [
        "save",
        "--quiet",
        "--format=docker-archive",
        "--multi-image-archive",
        "--output",
        &archive,
    ];
    printed(podman().args(save).args(&names));
    archive
}

#[test]
fn docker_runs_the_compose_files_and_does_so_again_after_a_reboot() {
    let docker = Docker::new();
    docker.run(&["load", "--quiet", "--input", &archive(&docker.0.folder)]);
    for (machine, subnet, _) in MACHINES {
        docker.run(&["network", "create", "--subnet", subnet, &format!("ai_system_{machine}")]);
        docker.compose(machine, &["up", "--detach", "--quiet-pull"]);
    }
    let all = MACHINES.map(|(.., groups)| groups).iter().sum::<usize>();
    assert_eq!(docker.run(&["ps", "--quiet"]).lines().count(), all);
    limits_are_those_of_the_file(&docker);
    wait_for("all to be healthy", || docker.healthy() == all);
    a_killed_container_comes_back(&docker);
    printed(docker.0.enter().args(["sh", "-c", "kill $(cat /run/docker.pid)"]));
    wait_for("Docker to end", || {
        !docker
            .client("docker")
            .arg("version")
            .output()
            .unwrap()
            .status
            .success()
    });
    docker.answers();
    wait_for("all to run again", || {
        docker.run(&["ps", "--quiet"]).lines().count() == all
    });
    for (machine, ..) in MACHINES {
        docker.compose(machine, &["down", "--volumes"]);
    }
    for list in [["ps", "--all", "--quiet"], ["volume", "ls", "--quiet"]] {
        assert_eq!(docker.run(&list), "");
    }
    docker.0.end();
}

/// The kernel has them, under one of two names.
fn limits_are_those_of_the_file(docker: &Docker) {
    let id = docker.run(&["inspect", "--format", "{{.Id}}", "pc2-core"]);
    let folders = docker.0.cgroups().into_iter().map(|folder| folder.join(&id));
    let read = |names: [&str; 2]| {
        let paths = folders.clone().flat_map(|folder| names.map(|name| folder.join(name)));
        let mut values = paths.filter_map(|path| std::fs::read_to_string(path).ok());
        values.next().map(|value| value.trim().to_owned())
    };
    assert_eq!(
        read(["memory.max", "memory.limit_in_bytes"]),
        Some((6208_u64 << 20).to_string())
    );
    assert_eq!(read(["pids.max", "pids.max"]).as_deref(), Some("1616"));
}

fn a_killed_container_comes_back(docker: &Docker) {
    let state = |what: &str| docker.run(&["inspect", "--format", &format!("{{{{{what}}}}}"), "pc2-core"]);
    printed(docker.0.enter().args(["kill", "-KILL", &state(".State.Pid")]));
    wait_for("it to be started again", || {
        state(".RestartCount") == "1" && state(".State.Running") == "true"
    });
}
