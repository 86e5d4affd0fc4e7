//! A small stack of three groups with one agent each, on loopback addresses: a fake `podman` says what containers there are, and
//! supervisors of the test's own answer for them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// The groups: their agent, and the agent that this one waits for.
pub const GROUPS: [(&str, &str, Option<&str>); 3] = [
    ("one", "Hub", None),
    ("two", "Ear", Some("Hub")),
    ("three", "Mouth", Some("Ear")),
];

/// A stack in a repository of its own.
pub struct Stack {
    /// Where it is.
    pub sandbox: Sandbox,
    /// Second part of its addresses, which no other test has.
    block: u8,
}

impl Stack {
    /// The stack at `127.block.0.0/16`, of which no container is there. `start_period` is in seconds.
    pub fn new(block: u8, start_period: u32) -> Self {
        let sandbox = Sandbox::empty();
        let mut groups = String::new();
        let mut agents = String::new();
        for (index, (group, agent, waits)) in GROUPS.into_iter().enumerate() {
            let port = 6100 + 10 * index;
            groups += &format!(
                "  {group}: {{machine: home, address: 127.{block}.0.{}, phase: 2, published_status_port: {}, published: [], agents: [{agent}]}}\n",
                10 + index,
                29_800 + index
            );
            agents += &format!(
                "  - {{name: {agent}, script_path: src/agent.py, port: {port}, health_check_port: {}, dependencies: [{}]}}\n",
                port + 1,
                waits.unwrap_or_default()
            );
        }
        let write = |path: &str, text: &str| {
            let path = sandbox.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "config/stack.yaml",
            &format!(
                "version: 1
name: small{block}
source_tree: tree
images:
  namespace: localhost/small
  base_image: docker.io/library/python:3.11-slim
  requirements: requirements.txt
status_port: 9000
start: plain
supervision: {{settle_seconds: 1, stop_grace_seconds: 2}}
machines:
  home:
    startup_config: startup.yaml
    code: [src]
    python_path: [.]
    lan_address: 127.0.0.1
    address_variable: HOME_IP
    network: {{name: small_home, subnet: 127.{block}.0.0/16}}
groups:
{groups}"
            ),
        );
        write(
            "tree/startup.yaml",
            &format!("health_checks: {{start_period_seconds: {start_period}}}\nagents:\n{agents}"),
        );
        write("tree/src/agent.py", "");
        write("tree/requirements.txt", "");
        let stack = Self { sandbox, block };
        stack.containers(&[]);
        stack.podman("");
        stack
    }

    /// The fake Podman: it makes whatever it is asked for; `more` are further cases, which go before its own.
    pub fn podman(&self, more: &str) {
        let containers = self.containers_file();
        self.sandbox.fake_podman(&format!(
            r#"
case "$1 $2" in
{more}
  "image inspect") for image in "$@"; do case "$image" in localhost/*) echo "sha256:0 [\"$image\"]" ;; esac; done ;;
  "ps --all") cat '{containers}' ;;
  "pod ps") sed 's/"State":"running"/"Status":"Running"/g; s/"State":"\([a-z]*\)"/"Status":"\1"/g; s/"Names":\["\([a-z]*\)"\]/"Name":"\1-pod"/g' '{containers}' ;;
  "system service") exit 1 ;;
  "network create"|"volume create"|"pod create"|"create --name"*|"start "*|"pod rm"|"create "*|"exec "*|"stop "*) ;;
  "network ls"|"volume ls") echo '[]' ;;
  *) echo '[]' ;;
esac"#,
            containers = containers.display()
        ));
    }

    fn containers_file(&self) -> PathBuf {
        self.sandbox.path("containers.json")
    }

    /// Says which containers there are, with their state.
    pub fn containers(&self, all: &[(&str, &str)]) {
        let list: Vec<Value> = all
            .iter()
            .map(|(group, state)| {
                json!({
                    "Id": group, "Names": [group], "State": state, "ExitCode": 3, "StartedAt": 1_700_000_000,
                    "Labels": {
                        "ai-system.stack": format!("small{}", self.block),
                        "ai-system.machine": "home",
                        "ai-system.group": group,
                    },
                })
            })
            .collect();
        let file = self.containers_file();
        let new = file.with_extension("new");
        std::fs::write(&new, Value::from(list).to_string()).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Runs a supervisor for a group, which says what the function makes each time it is asked. Nothing: it does not answer.
    pub fn supervisor(&self, group: &str, says: impl Fn() -> Option<Value> + Send + Sync + 'static) {
        let index = GROUPS.iter().position(|(name, ..)| *name == group).unwrap();
        let last = 10 + u8::try_from(index).unwrap();
        let listener = TcpListener::bind(SocketAddr::from(([127, self.block, 0, last], 9000))).unwrap();
        let says = Arc::new(says);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (says, mut stream) = (Arc::clone(&says), stream.unwrap());
                std::thread::spawn(move || {
                    let mut line = String::new();
                    BufReader::new(&stream).read_line(&mut line).unwrap();
                    if line.contains("wait_change") {
                        // A long poll that comes back a little later, changed or not.
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    let Some(document) = says() else { return };
                    let body = document.to_string();
                    // Whoever asked may be gone.
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-Status-Version: {}\r\n\r\n{body}",
                        body.len(),
                        body.len()
                    );
                });
            }
        });
    }
}

/// A group's document.
pub fn document(group: &str, state: &str, agent: Value) -> Value {
    json!({
        "version": 1, "machine": "home", "group": group, "state": state, "started_at_ms": 1_700_000_000_000_u64,
        "now_ms": 1_700_000_001_000_u64, "checks": [], "agents": [agent],
    })
}

/// An agent in it, with a process where it runs.
pub fn agent(name: &str, state: &str) -> Value {
    let runs = !matches!(state, "waiting" | "failed" | "backoff");
    json!({
        "name": name, "port": 6100, "health_check_port": 6101, "required": true, "state": state,
        "pid": runs.then_some(7), "restarts": 0, "last_exit": null, "last_stderr": [],
        "started_after_ms": runs.then_some(10), "started_at_ms": runs.then_some(1_700_000_000_010_u64),
        "ready_after_ms": null, "ready_at_ms": null, "waits_for": [], "released_by": null, "reason": null,
    })
}

/// A document of a group all of which is healthy.
pub fn healthy(group: &str) -> Value {
    let (_, name, _) = GROUPS.into_iter().find(|(name, ..)| *name == group).unwrap();
    document(group, "healthy", agent(name, "healthy"))
}

/// The document of a group whose agent waits.
pub fn waiting(group: &str, name: &str, other: &str) -> Value {
    let mut waiting = agent(name, "waiting");
    waiting["waits_for"] = json!([other]);
    waiting["reason"] = json!(format!("waits for {other} (home)"));
    document(group, "starting", waiting)
}

/// Whether a file is there.
pub fn exists(path: &Path) -> bool {
    path.exists()
}
