//! The stack's words that change what runs: a container that has them is looked at from inside and from its host.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::harness::{Harness, json};

/// Where the host serves something, at every address, and the agent's own port there.
const SERVED: u16 = 24_870;
const PUBLISHED: u16 = 24_871;
/// What the host's service says.
const GREETING: &str = "hello from the host";

const STACK: &str = "\
name: words_system
source_tree: tree
machines:
  home:
    startup_config: config/startup.yaml
    code: [src]
    network: {subnet: 10.94.0.0/24}
groups:
  one:
    agents: [Once, Hub]
    user: 1000
    ulimits: {nofile: '321:654', core: 0}
    capabilities: [NET_RAW]
    dns: [10.94.0.53]
    publish: ['127.0.0.1:24871:7005']
    host_services: ['15433:24870']
    overrides:
      Once: {restart: no}
      Hub: {stop_signal: SIGINT, stop_grace: 30}
";

const STARTUP: &str = "\
agents:
  - {name: Once, script_path: src/once.py, port: 7001, health_check_port: 7002}
  - {name: Hub, script_path: src/hub.py, port: 7003, health_check_port: 7004, dependencies: [Once]}
";

/// Longer than the settling time, so that it is not taken for an agent that stays.
const ONCE: &str = "\
import time
with open('/app/data/once', 'a') as file:
    file.write('ran\\n')
time.sleep(8)
open('/app/data/prepared', 'w').close()
";

/// Says what it sees of itself to whoever connects. When it is told to end, it takes longer than agents may take otherwise.
const HUB: &str = r#"
import argparse, json, os, resource, socket, threading, time
parser = argparse.ArgumentParser()
for flag in ("port", "health_check_port", "name"):
    parser.add_argument("--" + flag)
args = parser.parse_args()
seen = {"prepared": os.path.exists("/app/data/prepared"), "user": os.getuid(), "group": os.getgid()}
seen["nofile"] = list(resource.getrlimit(resource.RLIMIT_NOFILE))
seen["core"] = list(resource.getrlimit(resource.RLIMIT_CORE))
try:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    seen["raw"] = True
except PermissionError:
    seen["raw"] = False
seen["resolver"] = open("/etc/resolv.conf").read()
with socket.create_connection(("localhost", 15433), timeout=20) as host:
    seen["host"] = host.recv(100).decode()

def tell():
    listener = socket.create_server(("0.0.0.0", 7005))
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(json.dumps(seen).encode())

threading.Thread(target=tell, daemon=True).start()
import zmq
health = zmq.Context().socket(zmq.REP)
health.bind("tcp://0.0.0.0:" + args.health_check_port)
try:
    while True:
        health.recv()
        health.send_json({"status": "ok"})
except KeyboardInterrupt:
    time.sleep(7)
    with open("/app/data/ended", "w") as file:
        file.write("by SIGINT")
    os._exit(0)
"#;

struct Small<'a> {
    harness: &'a Harness,
    folder: tempfile::TempDir,
}

impl<'a> Small<'a> {
    fn new(harness: &'a Harness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("stack.yaml", STACK),
            ("tree/config/startup.yaml", STARTUP),
            ("tree/src/once.py", ONCE),
            ("tree/src/hub.py", HUB),
            ("tree/requirements.txt", "pyzmq\n"),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { harness, folder }
    }

    fn run(&self, arguments: &[&str]) -> super::harness::Ran {
        self.harness.run_at(self.folder.path(), arguments)
    }

    /// A file on the volume of data.
    fn data(&self, name: &str) -> String {
        let volume = "words_system_home_data";
        let folder = self
            .harness
            .podman(&["volume", "inspect", "--format", "{{.Mountpoint}}", volume]);
        std::fs::read_to_string(Path::new(folder.trim()).join(name)).unwrap_or_default()
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        self.run(&["down", "--volumes"]);
        let images = self
            .harness
            .try_podman(&["images", "--quiet", "--filter", "reference=localhost/words_system/*"]);
        for image in images.stdout.split_whitespace() {
            self.harness.try_podman(&["image", "rm", "--force", image]);
        }
    }
}

/// Greets everybody who connects, for as long as the test runs.
fn serve() {
    let listener = TcpListener::bind(("0.0.0.0", SERVED)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            // Whoever hangs up first has heard enough.
            let _ = stream.write_all(GREETING.as_bytes());
        }
    });
}

/// What the agent says of itself, at the port that is published on this host.
fn told() -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", PUBLISHED)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    json(&text)
}

#[test]
fn the_words_of_a_stack_hold_inside() {
    let harness = &Harness::new();
    let small = Small::new(harness);
    serve();
    small.run(&["build-images"]).succeeds();
    let up = small.run(&["up"]).succeeds();
    assert!(up.stderr.contains("up 2 agents in 1 group"), "{}", up.stderr);

    // What runs once is done, has run once, and let the other one start when it was.
    let status = json(&small.run(&["status", "--format", "json"]).succeeds().stdout).to_string();
    assert!(status.contains("\"done\""), "{status}");
    assert_eq!(small.data("once"), "ran\n");

    let seen = told();
    assert_eq!(seen["prepared"], true, "{seen}");
    assert_eq!(
        (&seen["user"], &seen["group"]),
        (&Value::from(1000), &Value::from(10_001)),
        "{seen}"
    );
    assert_eq!(seen["nofile"], serde_json::json!([321, 654]), "{seen}");
    assert_eq!(seen["core"], serde_json::json!([0, 0]), "{seen}");
    assert_eq!(seen["raw"], true, "{seen}");
    assert_eq!(seen["host"], GREETING, "{seen}");
    assert!(
        seen["resolver"].as_str().unwrap().contains("nameserver 10.94.0.53"),
        "{seen}"
    );

    // A second `up` has nothing to do: nobody waits for what is done.
    let again = small.run(&["up"]).succeeds();
    assert!(!again.stderr.contains("started one"), "{}", again.stderr);

    let start = Instant::now();
    small.run(&["down"]).succeeds();
    assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
    assert_eq!(small.data("ended"), "by SIGINT");
    assert_eq!(small.data("once"), "ran\n");
}
