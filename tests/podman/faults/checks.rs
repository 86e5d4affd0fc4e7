//! Checks of phase 3 whose subject is broken on purpose, on real containers.

use super::sandbox::Sandbox;
use crate::harness::json;

#[test]
fn each_fails_when_its_subject_is_broken() {
    let sandbox = Sandbox::new();
    sandbox.run(&["up"]).succeeds();
    sandbox.run(&["smoke"]).succeeds();
    let status = json(
        &sandbox
            .run(&["status", "--format", "json", "MemoryOrchestrator"])
            .stdout,
    );
    let pid = &status["agents"][0]["pid"];
    let signal = |name: &str| {
        sandbox.podman(&["exec", "faults-store", "sh", "-c", &format!("kill -{name} {pid}")]);
    };
    // What the model says is changed; what runs is not.
    let config = sandbox.path("config/stack.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[zmq, yaml]", "[zmq, yaml, sqlite3]")).unwrap();
    let startup = sandbox.path("tree/main_pc_code/config/startup_config.yaml");
    let text = std::fs::read_to_string(&startup).unwrap();
    std::fs::write(&startup, text.replace("memory_mb: 256", "memory_mb: 300")).unwrap();
    signal("STOP");
    let smoke = sandbox.run(&["smoke"]);
    signal("CONT");
    assert_eq!(smoke.code, 1, "{smoke:#?}");
    for words in [
        "MemoryOrchestrator at 172.30.99.10: no answer within",
        "MemoryOrchestrator on loopback port 15575: no answer within",
        "expected memory: at most 364 MiB",
        "got memory: at most 320 MiB",
        "nothing is said of module sqlite3",
    ] {
        assert!(smoke.stdout.contains(words), "`{words}` is not in\n{}", smoke.stdout);
    }
}
