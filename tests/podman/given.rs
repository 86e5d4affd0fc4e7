//! What agents are given and nobody else may see: nothing that is made or shown has it, whichever way containers are created.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::harness::{Harness, json};

const STACK: &str = "\
name: given_system
source_tree: tree
env_file: tree/src/all.settings
machines:
  home:
    startup_config: config/startup.yaml
    code: [src]
    network: {subnet: 10.95.0.0/24}
groups:
  one:
    agents: [Hub, Ear]
    secrets: {API_TOKEN: keys/token, cert: {file: keys/cert, target: /app/keys/cert.pem}}
    overrides:
      Ear: {secrets: {API_TOKEN: keys/ear}}
";

const STARTUP: &str = "\
agents:
  - {name: Hub, script_path: src/agent.py, port: 7001, health_check_port: 7002}
  - {name: Ear, script_path: src/agent.py, port: 7003, health_check_port: 7004}
";

/// Tells everybody what it knows, in every way that agents have.
const AGENT: &str = r#"
import argparse, json, os, sys
parser = argparse.ArgumentParser()
for flag in ("port", "health_check_port", "name"):
    parser.add_argument("--" + flag)
args = parser.parse_args()
import zmq
token = os.environ["API_TOKEN"]
print("token", token, repr(token), json.dumps(dict(os.environ)), flush=True)
print(open("/app/keys/cert.pem").read(), open("/run/secrets/env_file").read(), file=sys.stderr, flush=True)
mode = os.stat("/app/keys/cert.pem")
print("mode", oct(mode.st_mode & 0o777), mode.st_uid == os.getuid(), "length", len(token), len(os.environ["FROM_FILE"]), flush=True)
if os.path.exists("/app/data/crash"):
    raise RuntimeError("cannot log in with " + token)
socket = zmq.Context().socket(zmq.REP)
socket.bind("tcp://0.0.0.0:" + args.health_check_port)
while True:
    socket.recv()
    socket.send_json({"status": "ok", "token": token})
"#;

/// What is looked for.
const VALUES: [&str; 4] = [
    "zebra-token-1234",
    "giraffe-99-token",
    "from-the-file-77",
    "MIIllamaline4096",
];

struct Small<'a> {
    harness: &'a Harness,
    folder: tempfile::TempDir,
}

impl<'a> Small<'a> {
    fn new(harness: &'a Harness) -> Self {
        let small = Self {
            harness,
            folder: tempfile::tempdir().unwrap(),
        };
        for (path, text) in [
            ("stack.yaml", STACK),
            ("tree/config/startup.yaml", STARTUP),
            ("tree/src/agent.py", AGENT),
            ("tree/requirements.txt", ""),
            ("tree/src/all.settings", "FROM_FILE=from-the-file-77\n"),
            ("keys/token", "zebra-token-1234\n"),
            ("keys/ear", "giraffe-99-token"),
            (
                "keys/cert",
                "-----BEGIN CERTIFICATE-----\nMIIllamaline4096\n-----END CERTIFICATE-----\n",
            ),
            (
                "Containerfile",
                "FROM localhost/ai_system/vision:latest\nCOPY deploy/config/one.yaml /etc/ai_system/one.yaml\nCOPY tree/src/agent.py /app/src/agent.py\n\
                 CMD [\"/usr/local/bin/agent-supervisor\", \"--config\", \"/etc/ai_system/one.yaml\"]\n",
            ),
        ] {
            small.write(path, text);
        }
        small
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs the program; what it says is kept with all else that is looked through.
    fn run(&self, arguments: &[&str]) -> super::harness::Ran {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &Path)]) -> super::harness::Ran {
        let ran = self.harness.run_at_with(self.folder.path(), arguments, variables);
        self.says_nothing(&arguments.join(" "), &format!("{}{}", ran.stdout, ran.stderr));
        ran
    }

    fn says_nothing(&self, what: &str, text: &str) {
        for value in VALUES {
            assert!(!text.contains(value), "{what} has `{value}`: {text}");
        }
    }

    /// All that is on this host of the running group but the files themselves.
    fn nobody_knows(&self) {
        let podman = |arguments: &[&str]| self.harness.podman(arguments);
        let container = "one";
        let logs = self.harness.try_podman(&["logs", container]);
        let all = format!("{}{}", logs.stdout, logs.stderr);
        assert!(all.contains("token *** '***'"), "{all}");
        assert!(all.contains("mode 0o400 True length 16 16"), "{all}");
        self.says_nothing("podman logs", &all);
        for arguments in [
            &["inspect", container][..],
            &["pod", "inspect", "one-pod"],
            &["image", "inspect", "localhost/given_system/one:latest"],
            &["image", "history", "--no-trunc", "localhost/given_system/one:latest"],
            &[
                "exec",
                container,
                "sh",
                "-c",
                "cat /app/logs/*; env; cat /etc/ai_system/*",
            ],
        ] {
            self.says_nothing(&arguments.join(" "), &podman(arguments));
        }
        assert_eq!(podman(&["secret", "ls", "--quiet"]).trim(), "");
        let saved = self.path("image.tar");
        podman(&[
            "image",
            "save",
            "--output",
            saved.to_str().unwrap(),
            "localhost/given_system/one:latest",
        ]);
        self.says_nothing("the image", &String::from_utf8_lossy(&std::fs::read(&saved).unwrap()));
        std::fs::remove_file(saved).unwrap();
        self.rendered_files_say_nothing(&self.path("deploy"));
        for arguments in [
            &["status"][..],
            &["status", "--format", "json"],
            &["logs", "Hub"],
            &["audit"],
            &["audit", "--format", "json"],
            &["doctor"],
        ] {
            self.run(arguments);
        }
    }

    fn rendered_files_say_nothing(&self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                self.rendered_files_say_nothing(&entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).unwrap();
                self.says_nothing(&entry.path().display().to_string(), &String::from_utf8_lossy(&bytes));
            }
        }
    }

    fn image(&self) -> String {
        self.harness.podman(&[
            "image",
            "inspect",
            "--format",
            "{{.Id}}",
            "localhost/given_system/one:latest",
        ])
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        self.harness.run_at(self.folder.path(), &["down", "--volumes"]);
        self.harness
            .try_podman(&["image", "rm", "--force", "localhost/given_system/one:latest"]);
    }
}

/// The hardware address of the stack's bridge is the one that we gave it, and no container's that comes or goes.
fn keeps_its_bridge(harness: &Harness) {
    let shown = json(&harness.podman(&["network", "inspect", "given_system_home"]));
    let interface = shown[0]["network_interface"].as_str().unwrap();
    let address = std::fs::read_to_string(format!("/sys/class/net/{interface}/address")).unwrap();
    assert_eq!(address.trim(), "0a:58:0a:5f:00:01", "{interface}");
}

/// A `podman` whose service does not start: all is done by its command line.
fn without_service(small: &Small<'_>) -> PathBuf {
    let path = std::env::var("PATH").unwrap();
    let script =
        format!("#!/bin/sh\ncase \"$*\" in *'system service'*) exit 125;; esac\nPATH='{path}'\nexec podman \"$@\"\n");
    small.write("bin/podman", &script);
    let program = small.path("bin/podman");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    PathBuf::from(format!("{}:{path}", small.path("bin").display()))
}

#[test]
fn nobody_but_the_agents_knows_a_secret() {
    let harness = &Harness::new();
    super::images::have_all(harness);
    let small = Small::new(harness);
    small.run(&["render"]).succeeds();
    let containerfile = small.path("Containerfile");
    let context = small.folder.path().to_str().unwrap();
    harness.podman(&[
        "build",
        "--quiet",
        "--pull=never",
        "--file",
        containerfile.to_str().unwrap(),
        "--tag=localhost/given_system/one:latest",
        context,
    ]);
    small.run(&["up"]).succeeds();
    keeps_its_bridge(harness);
    small.nobody_knows();

    // Another content is another container, of the same image.
    let image = small.image();
    small.write("keys/token", "giraffe-99-token");
    small.run(&["up"]).succeeds();
    let inside = harness.podman(&["exec", "one", "cat", "/run/secrets/API_TOKEN"]);
    assert_eq!((inside.as_str(), small.image()), ("giraffe-99-token", image));
    small.nobody_knows();
    assert!(small.run(&["up"]).succeeds().stderr.contains("nothing to do"));

    // One that is missing is told before anything is done, with its place.
    std::fs::rename(small.path("keys/token"), small.path("keys/elsewhere")).unwrap();
    let refused = small.run(&["up"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("stack.yaml:12:26"), "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("cannot give `keys/token` to agents: no such file"),
        "{}",
        refused.stderr
    );
    small.write("tree/src/all.settings", "from-the-file-77\n");
    assert!(
        small
            .run(&["up"])
            .stderr
            .contains("its line 1 is not of the form NAME=VALUE")
    );
    small.write("tree/src/all.settings", "FROM_FILE=from-the-file-77\n");
    std::fs::rename(small.path("keys/elsewhere"), small.path("keys/token")).unwrap();
    small.run(&["down"]).succeeds();

    // By the command line alone, with agents that end with a secret on their lips.
    let path = without_service(&small);
    let marked = harness.podman(&[
        "volume",
        "inspect",
        "--format",
        "{{.Mountpoint}}",
        "given_system_home_data",
    ]);
    std::fs::write(Path::new(marked.trim()).join("crash"), "").unwrap();
    let failed = small.run_with(&["up", "--verbose"], &[("PATH", &path)]);
    assert!(failed.stderr.contains("a `podman` of its own"), "{}", failed.stderr);
    assert!(failed.stderr.contains("cannot log in with ***"), "{}", failed.stderr);
    keeps_its_bridge(harness);
    small.nobody_knows();
    let status = json(&small.run(&["status", "--format", "json"]).stdout);
    assert!(status.to_string().contains("cannot log in with ***"), "{status}");
    small.run(&["smoke"]);
    small.run(&["audit", "--confirm"]);
}
