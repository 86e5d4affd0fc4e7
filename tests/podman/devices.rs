//! Devices that a description of the host names: a host with it runs the variant that asks for it, one without runs the other.

use std::path::PathBuf;

use super::harness::{Harness, json};

const STACK: &str = "\
name: carded_system
source_tree: tree
machines:
  home:
    startup_config: config/startup.yaml
    code: [src]
    network: {subnet: 10.94.0.0/24}
groups:
  one:
    agents: [Hub]
    devices: [{device: /dev/xtask-is-nowhere, optional: true}]
    variants:
      cpu:
      gpu: {devices: [tests-of-xtask.invalid/card=one], environment: {KIND: gpu}}
";

const STARTUP: &str = "\
agents:
  - {name: Hub, script_path: src/agent.py, port: 7001, health_check_port: 7002}
";

const AGENT: &str = r#"
import argparse, os
parser = argparse.ArgumentParser()
for flag in ("port", "health_check_port", "name"):
    parser.add_argument("--" + flag)
args = parser.parse_args()
import zmq
print("card", os.environ.get("CARD_DRIVER"), os.environ.get("KIND"), os.path.exists("/dev/xtask-card"), flush=True)
socket = zmq.Context().socket(zmq.REP)
socket.bind("tcp://0.0.0.0:" + args.health_check_port)
while True:
    socket.recv()
    socket.send_json({"status": "ok"})
"#;

/// Where Podman looks for descriptions, besides `/etc/cdi`.
const DESCRIPTIONS: &str = "/var/run/cdi";

struct Carded<'a> {
    harness: &'a Harness,
    folder: tempfile::TempDir,
    description: PathBuf,
}

impl<'a> Carded<'a> {
    fn new(harness: &'a Harness) -> Self {
        let carded = Self {
            harness,
            folder: tempfile::tempdir().unwrap(),
            description: PathBuf::from(DESCRIPTIONS).join(format!("tests-of-xtask-{}.json", std::process::id())),
        };
        for (path, text) in [
            ("stack.yaml", STACK),
            ("tree/config/startup.yaml", STARTUP),
            ("tree/src/agent.py", AGENT),
            ("tree/requirements.txt", ""),
            ("library", "from the host"),
        ] {
            let path = carded.folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        carded
    }

    fn run(&self, arguments: &[&str]) -> super::harness::Ran {
        self.harness.run_at(self.folder.path(), arguments)
    }

    /// The image of a variant: what the rendered files say, on one of the reference stack's.
    fn build(&self, variant: &str, config: &str) {
        let containerfile = self.folder.path().join(format!("Containerfile.{variant}"));
        let text = format!(
            "FROM localhost/ai_system/vision:latest\nCOPY deploy/config/{config} /etc/ai_system/{config}\nCOPY tree/src/agent.py /app/src/agent.py\n\
             CMD [\"/usr/local/bin/agent-supervisor\", \"--config\", \"/etc/ai_system/{config}\"]\n"
        );
        std::fs::write(&containerfile, text).unwrap();
        self.harness.podman(&[
            "build",
            "--quiet",
            "--pull=never",
            "--file",
            containerfile.to_str().unwrap(),
            &format!("--tag=localhost/carded_system/one:latest-{variant}"),
            self.folder.path().to_str().unwrap(),
        ]);
    }

    /// Describes a device that is none: a node like `/dev/null`, a variable, a file of the host.
    fn describe(&self) {
        let node = self.folder.path().join("card");
        let mut made = self
            .harness
            .start_program("mknod", &[node.to_str().unwrap(), "c", "1", "3"])
            .unwrap();
        assert!(made.wait().unwrap().success(), "mknod makes {}", node.display());
        let text = serde_json::json!({
            "cdiVersion": "0.5.0",
            "kind": "tests-of-xtask.invalid/card",
            "devices": [{"name": "one", "containerEdits": {
                "env": ["CARD_DRIVER=1.2.3"],
                "deviceNodes": [{"path": "/dev/xtask-card", "hostPath": node, "type": "c", "major": 1, "minor": 3}],
                "mounts": [{
                    "hostPath": self.folder.path().join("library"),
                    "containerPath": "/opt/card/library",
                    "options": ["ro", "nosuid", "nodev", "bind"],
                }],
            }}],
        });
        std::fs::create_dir_all(DESCRIPTIONS).unwrap();
        std::fs::write(&self.description, text.to_string()).unwrap();
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(&self.description);
        // Only where it is empty.
        let _ = std::fs::remove_dir(DESCRIPTIONS);
    }

    /// The variant that the supervisor says it runs.
    fn runs(&self) -> String {
        let status = json(&self.run(&["status", "--format", "json"]).succeeds().stdout);
        let group = &status["groups"][0];
        assert_eq!(group["variant"], group["chosen_variant"]["name"], "{group}");
        group["variant"].as_str().unwrap().to_owned()
    }
}

impl Drop for Carded<'_> {
    fn drop(&mut self) {
        self.forget();
        self.run(&["down", "--volumes"]);
        for variant in ["cpu", "gpu"] {
            let image = format!("localhost/carded_system/one:latest-{variant}");
            self.harness.try_podman(&["image", "rm", "--force", &image]);
        }
    }
}

#[test]
fn a_host_with_the_device_runs_the_variant_that_asks_for_it() {
    let harness = &Harness::new();
    super::images::have_all(harness);
    let carded = Carded::new(harness);
    carded.run(&["render"]).succeeds();
    carded.build("cpu", "one.yaml");
    carded.build("gpu", "one.gpu.yaml");

    carded.describe();
    let up = carded.run(&["up"]).succeeds();
    assert!(
        up.stderr
            .contains("one: `gpu`: Podman can give it `tests-of-xtask.invalid/card=one`"),
        "{}",
        up.stderr
    );
    assert!(
        up.stderr.contains("one does without `/dev/xtask-is-nowhere`"),
        "{}",
        up.stderr
    );
    assert_eq!(carded.runs(), "gpu");
    let logs = carded.run(&["logs", "Hub"]).stdout;
    assert!(logs.contains("card 1.2.3 gpu True"), "{logs}");
    assert_eq!(
        harness.podman(&["exec", "one", "cat", "/opt/card/library"]),
        "from the host"
    );
    assert!(carded.run(&["up"]).succeeds().stderr.contains("nothing to do"));
    // Rendered files do not know of the host.
    carded.run(&["render", "--check"]).succeeds();

    carded.forget();
    let up = carded.run(&["up"]).succeeds();
    let why = "one: `cpu`: `gpu` needs `tests-of-xtask.invalid/card=one`, which this host does not have";
    assert!(up.stderr.contains(why), "{}", up.stderr);
    assert_eq!(carded.runs(), "cpu");
    let logs = carded.run(&["logs", "Hub"]).stdout;
    assert!(logs.contains("card None None False"), "{logs}");
}
