//! `deploy --engine docker`: a stack of real agents under the real supervisor, from nothing to nothing, beside what is somebody else's.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::host::system::repository::Repository;
use xtask::host::testing::{debian, tools};

use super::{Docker, printed};
use crate::room::{command, root, wait_for};

/// Both agents stay, and are healthy for as long as they do.
const AGENT: &str = "import time\nwhile True:\n    time.sleep(1)\n";
const STARTUP_CONFIG: &str = "agents:
  - {name: Clock, script_path: agents/clock.py, port: 6001}
  - {name: Reader, script_path: agents/reader.py, port: 6002, dependencies: [Clock]}
";
/// The image of the stack's one group.
const IMAGE: &str = "localhost/stack/main:latest";

/// A stack in a folder, a Podman with a store of its own, and the Docker.
struct Site<'a> {
    docker: &'a Docker,
    /// The folder of the stack.
    stack: PathBuf,
    /// Programs that stand in front of this machine's.
    programs: PathBuf,
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

impl<'a> Site<'a> {
    fn new(docker: &'a Docker, run: &Path) -> Self {
        let folder = &docker.0.folder;
        let site = Self {
            docker,
            stack: folder.join("stack"),
            programs: folder.join("programs"),
        };
        let podman = format!(
            "#!/bin/sh\nexec /usr/bin/podman --root {} --runroot {} --storage-driver=vfs \"$@\"\n",
            folder.join("podman").display(),
            run.display()
        );
        write(&site.programs.join("podman"), &podman, 0o755);
        write(&site.stack.join("startup_config.yaml"), STARTUP_CONFIG, 0o644);
        for name in ["clock", "reader"] {
            write(&site.stack.join(format!("agents/{name}.py")), AGENT, 0o644);
        }
        // Without this machine's Podman.
        let bare = folder.join("bare");
        std::fs::create_dir_all(&bare).unwrap();
        let unpacked = tools::docker(&Repository::at(root())).join("usr/bin/docker");
        symlink(unpacked, bare.join("docker")).unwrap();
        let found = command("sh")
            .args(["-c", "command -v docker-compose"])
            .output()
            .unwrap();
        symlink(
            String::from_utf8_lossy(&found.stdout).trim(),
            bare.join("docker-compose"),
        )
        .unwrap();
        site
    }

    /// The program in a folder, beside the Docker; with settings besides that are the last to count.
    fn ours(&self, folder: &Path, settings: &[String], arguments: &[&str]) -> Command {
        let path = std::env::var("PATH").unwrap();
        let unpacked = tools::docker(&Repository::at(root())).join("usr/bin");
        let mut ours = self.docker.0.enter();
        ours.args(["/usr/bin/env", "--unset=DOCKER_CONTEXT", "--unset=CARGO_MANIFEST_DIR"])
            .arg(format!("--chdir={}", folder.display()))
            .arg(format!(
                "PATH={}:{}:{path}",
                self.programs.display(),
                unpacked.display()
            ))
            .arg(format!("DOCKER_HOST=unix://{}/socket", self.docker.0.folder.display()))
            .args(settings)
            .arg(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments);
        ours
    }

    #[track_caller]
    fn succeeds(&self, arguments: &str) -> String {
        ended(&mut self.ours(&self.stack, &[], &words(arguments)), 0)
    }

    #[track_caller]
    fn fails(&self, arguments: &str, code: i32, why: &str) {
        let said = ended(&mut self.ours(&self.stack, &[], &words(arguments)), code);
        assert!(said.contains(why), "{arguments}: {said}");
    }

    /// Makes the image as `render` has it, with Debian's Python and the real supervisor, in the store of Podman.
    fn make_image(&self) {
        let target = Path::new(env!("CARGO_BIN_EXE_xtask")).ancestors().nth(2).unwrap();
        let built = command(env!("CARGO"))
            .args(["build", "--quiet", "--package", "agent-supervisor", "--target-dir"])
            .arg(target)
            .current_dir(root())
            .status();
        assert!(built.unwrap().success());
        let script = "set -e; mkdir -p \"$1\"; cd \"$1\"
             mkdir -p app/logs app/data app/models etc/ai_system tmp usr/bin usr/local/bin usr/lib/x86_64-linux-gnu usr/lib64
             cp -a \"$2\"/usr/bin/python3* \"$2\"/usr/bin/busybox usr/bin; cp -a \"$2\"/usr/lib/python3* usr/lib
             cp -a \"$2\"/bin \"$2\"/lib \"$2\"/lib64 .; cp -a \"$2\"/usr/lib/x86_64-linux-gnu/*.so* usr/lib/x86_64-linux-gnu
             cp -a \"$2\"/usr/lib64/. usr/lib64; ln -s busybox usr/bin/sh; cp \"$3\" usr/local/bin/agent-supervisor
             cp -r \"$4\"/agents app; cp \"$4\"/deploy/config/main.yaml etc/ai_system; chown -R 10001:10001 app; chmod 1777 tmp
             tar -cf ../image.tar .; cd ..; rm -r image";
        printed(
            command("sh")
                .args(["-c", script, "sh"])
                .arg(self.docker.0.folder.join("image"))
                .arg(debian::folder(&Repository::at(root())))
                .arg(target.join("debug/agent-supervisor"))
                .arg(&self.stack),
        );
        self.import(&[]);
    }

    fn import(&self, changes: &[&str]) {
        let mut podman = command(self.programs.join("podman"));
        podman.args([
            "import",
            "--quiet",
            "--change=USER 10001:10001",
            "--change=LABEL ai-system.stack=stack",
        ]);
        podman.args(changes);
        printed(podman.arg(self.docker.0.folder.join("image.tar")).arg(IMAGE));
    }

    fn container(&self) -> String {
        self.inspected("{{.Id}}")
    }

    fn inspected(&self, what: &str) -> String {
        self.docker.run(&["inspect", "--format", what, "main"])
    }

    fn states(&self) -> Vec<String> {
        let output = self
            .ours(&self.stack, &[], &["status", "--format", "json"])
            .output()
            .unwrap();
        let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let agents = status["agents"].as_array().into_iter().flatten();
        agents
            .filter_map(|agent| agent["state"].as_str().map(str::to_owned))
            .collect()
    }
}

fn words(arguments: &str) -> Vec<&str> {
    arguments.split(' ').collect()
}

/// Runs it to its end; all that it printed.
#[track_caller]
fn ended(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {said}");
    said
}

/// What is somebody else's, and looks much like the stack's.
struct Others<'a>(&'a Docker);

impl<'a> Others<'a> {
    fn make(docker: &'a Docker) -> Self {
        let image = docker.0.folder.join("image.tar");
        docker.run(&["import", image.to_str().unwrap(), "other:1"]);
        docker.run(&["network", "create", "--subnet=10.99.0.0/24", "other"]);
        docker.run(&["volume", "create", "--label=ai-system.stack=stack", "other"]);
        docker.run(&[
            "run",
            "--detach",
            "--name=other",
            "--network=other",
            "--volume=other:/other",
            "--label=ai-system.stack=stack",
            "other:1",
            "/usr/bin/busybox",
            "sleep",
            "10000",
        ]);
        Self(docker)
    }

    /// Everything is as it was made.
    #[track_caller]
    fn are_there(&self) {
        let state = ["inspect", "--format", "{{.State.Running}} {{.RestartCount}}", "other"];
        assert_eq!(self.0.run(&state), "true 0");
        self.0.run(&["network", "inspect", "other"]);
        self.0.run(&["volume", "inspect", "other"]);
        self.0.run(&["image", "inspect", "other:1"]);
    }
}

#[test]
fn a_stack_is_deployed_changed_and_removed() {
    let docker = Docker::new();
    // Podman takes no longer path than 50 characters.
    let run = tempfile::tempdir().unwrap();
    let site = Site::new(&docker, run.path());
    site.succeeds("init");
    site.succeeds("render");
    site.fails("deploy --engine docker", 3, "run `cargo xtask build-images`");
    site.make_image();
    let others = Others::make(&docker);
    what_is_not_ours_is_not_replaced(&site);

    let said = site.succeeds("deploy --engine docker --dry-run");
    for step in [
        format!("load image {IMAGE}"),
        "create network stack_main".to_owned(),
        "start main".to_owned(),
    ] {
        assert!(said.contains(&step), "{step}: {said}");
    }
    assert_eq!(
        docker.run(&["ps", "--all", "--format", "{{.Names}}"]),
        "other",
        "nothing was done"
    );
    let said = site.succeeds("deploy --engine docker");
    assert!(said.contains("1 image"), "{said}");
    assert_eq!(site.states(), ["healthy", "healthy"]);
    assert!(site.succeeds("logs").contains("Clock"));
    assert!(site.succeeds("exec Clock -- /usr/bin/busybox id -u").contains("10001"));
    site.succeeds("restart Clock");
    site.succeeds("restart main");

    let first = site.container();
    let said = site.succeeds("deploy --engine docker");
    assert!(!said.contains("1 image") && site.container() == first, "{said}");
    assert!(
        site.succeeds("deploy --engine docker --dry-run")
            .contains("nothing to do")
    );
    site.fails("up", 1, "Docker runs main");
    site.fails("smoke", 1, "Docker runs main");
    what_changed_is_started_anew(&site, &first);
    what_docker_does_not_start_is_told(&site);
    what_is_built_anew_is_handed_over(&site);
    a_killed_container_comes_back(&site);
    another_checkout_does_not_touch_it(&site);
    nothing_is_called_removed_that_cannot_be_seen(&site);
    nothing_of_it_is_left(&site, &others);
    without_podman(&site);
    what_does_not_answer_is_told(&site);
    others.are_there();
    docker.0.end();
}

fn what_is_not_ours_is_not_replaced(site: &Site<'_>) {
    site.docker.run(&[
        "create",
        "--name=main",
        "--label=ai-system.stack=stack",
        "other:1",
        "/x",
    ]);
    let theirs = site.container();
    site.fails("deploy --engine docker", 1, "container `main` of image other:1");
    assert_eq!(site.container(), theirs);
    site.docker.run(&["rm", "main"]);
}

fn what_changed_is_started_anew(site: &Site<'_>, first: &str) {
    let path = site.stack.join("config/stack.yaml");
    let stack = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{stack}\nshm_size: 72MiB\n")).unwrap();
    assert!(
        site.succeeds("deploy --engine docker --dry-run")
            .contains("restart main")
    );
    site.succeeds("deploy --engine docker");
    assert_ne!(site.container(), first);
    assert_eq!(
        site.inspected("{{.HostConfig.ShmSize}}"),
        (72 * 1024 * 1024).to_string()
    );
    assert_eq!(site.states(), ["healthy", "healthy"]);
}

fn what_docker_does_not_start_is_told(site: &Site<'_>) {
    let path = site.stack.join("config/stack.yaml");
    let stack = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{stack}\ndevices: [/dev/no-such-device]\n")).unwrap();
    site.fails("deploy --engine docker", 1, "no-such-device");
    std::fs::write(&path, stack).unwrap();
    site.succeeds("deploy --engine docker");
    assert_eq!(site.states(), ["healthy", "healthy"]);
}

fn what_is_built_anew_is_handed_over(site: &Site<'_>) {
    let (container, image) = (site.container(), site.inspected("{{.Image}}"));
    site.import(&["--change=ENV BUILT=again"]);
    let said = site.succeeds("deploy --engine docker");
    assert!(said.contains("1 image"), "{said}");
    assert_ne!(site.container(), container);
    assert_ne!(site.inspected("{{.Image}}"), image);
    let images = site.docker.run(&["image", "ls", "--all", "--quiet", "--no-trunc"]);
    assert!(!images.contains(&image), "the older one is gone: {images}");
    let container = site.container();
    let said = site.succeeds("deploy --engine docker");
    assert!(!said.contains("1 image") && site.container() == container, "{said}");
}

fn a_killed_container_comes_back(site: &Site<'_>) {
    let process = site.inspected("{{.State.Pid}}");
    printed(site.docker.0.enter().args(["kill", "-KILL", &process]));
    wait_for("it to be started again", || site.inspected("{{.RestartCount}}") == "1");
    wait_for("its agents to be healthy", || site.states() == ["healthy", "healthy"]);
}

fn another_checkout_does_not_touch_it(site: &Site<'_>) {
    let elsewhere = site.docker.0.folder.join("elsewhere/stack");
    std::fs::create_dir_all(elsewhere.parent().unwrap()).unwrap();
    printed(command("cp").arg("-r").arg(&site.stack).arg(&elsewhere));
    let container = site.container();
    for arguments in [vec!["deploy", "--engine", "docker"], vec!["down"]] {
        let said = ended(&mut site.ours(&elsewhere, &[], &arguments), 1);
        assert!(said.contains("not of this checkout"), "{arguments:?}: {said}");
        assert_eq!(site.container(), container);
    }
}

/// A Docker that does not answer has it all the same.
fn nothing_is_called_removed_that_cannot_be_seen(site: &Site<'_>) {
    let settings = ["DOCKER_HOST=unix:///no/such/socket".to_owned()];
    let said = ended(&mut site.ours(&site.stack, &settings, &["down"]), 1);
    assert!(said.contains("its daemon does not run"), "{said}");
}

fn nothing_of_it_is_left(site: &Site<'_>, others: &Others<'_>) {
    let said = site.succeeds("down");
    assert!(
        said.contains("container main") && said.contains("network stack_main"),
        "{said}"
    );
    others.are_there();
    let names = |kind: &str, format: &str| site.docker.run(&[kind, "ls", "--format", format]);
    assert_eq!(site.docker.run(&["ps", "--all", "--format", "{{.Names}}"]), "other");
    assert!(!names("network", "{{.Name}}").contains("stack"));
    assert!(names("volume", "{{.Name}}").contains("stack_main_data"), "data stays");
    assert!(
        names("image", "{{.Repository}}").contains("localhost/stack/main"),
        "images stay"
    );
    site.succeeds("down --volumes");
    assert_eq!(names("volume", "{{.Name}}"), "other");
    assert!(site.succeeds("down").contains("nothing to remove"));
}

/// On a host that has Docker alone.
fn without_podman(site: &Site<'_>) {
    let bare = site.docker.0.folder.join("bare");
    let ours = |arguments: &str, code| {
        let path = format!("PATH={}", bare.display());
        ended(&mut site.ours(&site.stack, &[path], &words(arguments)), code)
    };
    ours("deploy --engine docker", 0);
    assert!(ours("logs", 0).contains("Clock"));
    ours("down --volumes", 0);
    assert!(ours("down", 0).contains("nothing to remove"));
    site.docker.run(&["rmi", IMAGE]);
    let said = ours("deploy --engine docker", 3);
    assert!(said.contains(IMAGE) && said.contains("docker load --input"), "{said}");
}

fn what_does_not_answer_is_told(site: &Site<'_>) {
    let refused = |setting: &str, why: &str| {
        let settings = [setting.to_owned()];
        let said = ended(
            &mut site.ours(&site.stack, &settings, &["deploy", "--engine", "docker"]),
            1,
        );
        assert!(said.contains(why), "{why}: {said}");
    };
    refused("DOCKER_HOST=unix:///no/such/socket", "its daemon does not run");
    refused("DOCKER_HOST=tcp://127.0.0.1:1", "which is another host");
    refused("PATH=/no/such/folder", "`docker` is not installed");
    let only_docker = site.docker.0.folder.join("only-docker");
    std::fs::create_dir_all(&only_docker).unwrap();
    symlink(site.docker.0.folder.join("bare/docker"), only_docker.join("docker")).unwrap();
    refused(&format!("PATH={}", only_docker.display()), "Docker has no Compose here");
}
