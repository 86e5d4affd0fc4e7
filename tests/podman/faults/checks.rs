//! Checks whose subject is broken on purpose, on real containers: one for each kind that needs no second machine. Those of what is
//! between machines are broken in the lab (`lab.rs`).

use std::collections::{BTreeMap, BTreeSet};

use super::sandbox::Sandbox;
use crate::harness::{json, wait_for};
use crate::lab;

/// One check, and words of its evidence once its subject is broken.
struct Broken {
    kind: &'static str,
    body: &'static str,
    says: &'static str,
}

/// By kind, in the order of what breaks them.
const BROKEN: [Broken; 15] = [
    // The agent is stopped.
    Broken {
        kind: "request",
        body: "{agent: MemoryOrchestrator, send: {action: describe}, expect: {status: ok}}",
        says: "no answer of 172.30.99.10:15575 within",
    },
    Broken {
        kind: "published",
        body: "{group: faults-store, send: {action: describe}, name_at: name}",
        says: "no answer of 127.0.0.1:15575 within",
    },
    Broken {
        kind: "link",
        body: "{from: faults-work, to: faults-store, send: {action: describe}}",
        says: "MemoryOrchestrator at 172.30.99.10: no answer within",
    },
    Broken {
        kind: "soak",
        body: "{group: faults-store, seconds: 1, load: [{agent: MemoryOrchestrator, send: {action: describe}}]}",
        says: "no answer of 172.30.99.10:15575 within",
    },
    Broken {
        kind: "stand_in",
        body: "{agent: ConsolidatedTranslator, port: 15584, replies: {status: ok, translation: hello}, \
               send: {action: translate, text: good morning, source: en, target: tl}, \
               expect: {engine: PhiTranslationService}}",
        says: "nothing came there",
    },
    // An agent is given up at its first crash.
    Broken {
        kind: "status",
        body: "{agent: LearningAdjusterAgent}",
        says: "failed",
    },
    Broken {
        kind: "healthcheck",
        body: "{group: faults-work}",
        says: "the container is unhealthy",
    },
    Broken {
        kind: "recovery",
        body: "{agent: SelfTrainingOrchestrator, fault: kill, in: stack}",
        says: "SelfTrainingOrchestrator: restarted once",
    },
    // The model says something else than what runs.
    Broken {
        kind: "resources",
        body: "{group: faults-store, seconds: 0.1}",
        says: "memory: at most 364 MiB",
    },
    Broken {
        kind: "startup_check",
        body: "{group: faults-store}",
        says: "nothing is said of module sqlite3",
    },
    // A file is gone.
    Broken {
        kind: "exec",
        body: "{group: faults-store, command: [test, -e, /app/data/is-there]}",
        says: "exit",
    },
    // A volume is read-only to the image's user.
    Broken {
        kind: "volume",
        body: "{name: models, writable_in: faults-store}",
        says: "can write to /app/models",
    },
    // Another image has the name.
    Broken {
        kind: "image",
        body: "{image: faults-work, run: [test, -e, /etc/ai_system/faults_work.yaml]}",
        says: "exit",
    },
    Broken {
        kind: "path_alias",
        body: "{group: faults-work, alias: FORMAINPC, target: main_pc_code/FORMAINPC, min_files: 1}",
        says: "FORMAINPC",
    },
    // Names are not resolved on it any more.
    Broken {
        kind: "network",
        body: "{name: faults_mainpc, subnet: 172.30.99.0/24, dns: true}",
        says: "names do not resolve on it",
    },
];

const CHECKS: &str = "tests/smoke/phase3.yaml";
const STARTUP: &str = "tree/main_pc_code/config/startup_config.yaml";

/// A kind that is added needs a test that breaks its subject.
#[test]
fn the_subject_of_each_kind_is_broken() {
    let broken: BTreeSet<&str> = BROKEN.iter().map(|check| check.kind).chain(lab::BROKEN_KINDS).collect();
    assert_eq!(broken, xtask::smoke::kinds::names().collect());
}

#[test]
fn each_fails_when_its_subject_is_broken() {
    let sandbox = Sandbox::with(|sandbox| {
        // An agent that looks for an absent service; one that is mute stays so.
        sandbox.edit(
            "config/stack.yaml",
            "LearningAdjusterAgent]",
            "LearningAdjusterAgent, ConsolidatedTranslator]",
        );
        sandbox.edit(STARTUP, "retries: 2", "retries: 1000");
        let mut startup = std::fs::read_to_string(sandbox.path(STARTUP)).unwrap();
        startup.push_str(
            "  - name: ConsolidatedTranslator\n    script_path: FORMAINPC/consolidated_translator.py\n    port: 15563\n    \
             health_check_port: 17563\n    dependencies: []\n    params: {phi_port: 15584}\n",
        );
        std::fs::write(sandbox.path(STARTUP), startup).unwrap();
        let checks = BROKEN.iter().map(|check| {
            format!(
                "  - name: {0}\n    machine: mainpc\n    timeout_seconds: 8\n    {0}: {1}\n",
                check.kind, check.body
            )
        });
        let checks: String = checks.collect();
        std::fs::write(sandbox.path(CHECKS), format!("phase: 3\nchecks:\n{checks}")).unwrap();
    });
    sandbox.run(&["up"]).succeeds();
    let in_store = |script: &str| sandbox.podman(&["exec", "faults-store", "sh", "-c", script]);
    in_store(": > /app/data/is-there");
    sandbox.run(&["smoke"]).succeeds();

    // The one crash that it may have was that of the check that passed.
    sandbox.edit("config/stack.yaml", "crash_limit: 5", "crash_limit: 1");
    sandbox.run(&["render"]).succeeds();
    sandbox.run(&["build-images"]).succeeds();
    let broken_before = sandbox.podman(&["image", "inspect", "--format", "{{.Id}}", IMAGE]);
    sandbox.run(&["up"]).succeeds();
    in_store("rm /app/data/is-there");
    let stopped = ["MemoryOrchestrator", "ConsolidatedTranslator"].map(|agent| Running::of(&sandbox, agent));
    stopped.iter().for_each(|agent| agent.signal("STOP"));
    sandbox.edit("config/stack.yaml", "[zmq, yaml]", "[zmq, yaml, sqlite3]");
    sandbox.edit(STARTUP, "memory_mb: 256", "memory_mb: 300");
    // What nobody published.
    sandbox.edit(
        "config/stack.yaml",
        "published: []",
        "published: [SelfTrainingOrchestrator]",
    );
    let mut checks = std::fs::read_to_string(sandbox.path(CHECKS)).unwrap();
    checks += &format!("  - name: {UNPUBLISHED}\n    machine: mainpc\n    published: {{group: faults-work}}\n");
    std::fs::write(sandbox.path(CHECKS), checks).unwrap();
    let folder = sandbox.podman(&[
        "volume",
        "inspect",
        "--format",
        "{{.Mountpoint}}",
        "faults_mainpc_models",
    ]);
    let models = std::path::Path::new(&folder[0]);
    let mode = std::fs::metadata(models).unwrap().permissions();
    std::fs::set_permissions(models, std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    sandbox.podman(&["tag", "localhost/ai_system/faults-store:latest", IMAGE]);
    sandbox.edit(NETWORK, "\"dns_enabled\": true", "\"dns_enabled\": false");
    Running::of(&sandbox, "LearningAdjusterAgent").signal("KILL");
    wait_for("the killed agent to be given up", || {
        sandbox.agent("LearningAdjusterAgent").0 == "failed"
    });

    let smoke = sandbox.run(&["smoke", "--format", "json"]);
    stopped.iter().for_each(|agent| agent.signal("CONT"));
    sandbox.edit(NETWORK, "\"dns_enabled\": false", "\"dns_enabled\": true");
    std::fs::set_permissions(models, mode).unwrap();
    sandbox.podman(&["tag", &broken_before[0], IMAGE]);
    assert_eq!(smoke.code, 1, "{smoke:#?}");
    let document = json(&smoke.stdout);
    let checks = document["checks"].as_array().unwrap().iter();
    let checks: BTreeMap<&str, &serde_json::Value> =
        checks.map(|check| (check["name"].as_str().unwrap(), check)).collect();
    let unsaid: Vec<String> = BROKEN
        .iter()
        .filter_map(|Broken { kind, says, .. }| {
            let check = checks[kind];
            let words = format!(
                "{}: expected {}, got {}",
                check["outcome"], check["expected"], check["got"]
            );
            let right = check["outcome"] == "failed" && words.contains(says);
            (!right).then(|| format!("{kind}: `{says}` is not in {words}"))
        })
        .collect();
    assert_eq!(unsaid, Vec::<String>::new());
    let got = checks[UNPUBLISHED]["got"].to_string();
    assert!(
        got.contains("Podman publishes no port 15644 of the container there"),
        "{got}"
    );
    assert!(got.contains("127.0.0.1:15644 refuses connections"), "{got}");
}

const UNPUBLISHED: &str = "published nowhere";

/// Where Podman keeps what it knows of the network.
const NETWORK: &str = "/etc/containers/networks/faults_mainpc.json";
const IMAGE: &str = "localhost/ai_system/faults-work:latest";

/// The process of an agent.
struct Running<'a> {
    sandbox: &'a Sandbox,
    container: String,
    pid: u64,
}

impl<'a> Running<'a> {
    fn of(sandbox: &'a Sandbox, agent: &str) -> Self {
        let status = json(&sandbox.run(&["status", "--format", "json", agent]).stdout);
        let agent = &status["agents"][0];
        Self {
            sandbox,
            container: agent["group"].as_str().unwrap().to_owned(),
            pid: agent["pid"].as_u64().unwrap(),
        }
    }

    fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.pid);
        self.sandbox.podman(&["exec", &self.container, "sh", "-c", &script]);
    }
}
