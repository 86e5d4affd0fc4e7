//! The disk is full: while an image is built, and while an agent writes.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::sandbox::Sandbox;
use super::saw;

/// A small file system in memory, for as long as the test runs.
struct Small<'s> {
    sandbox: &'s Sandbox,
    folder: PathBuf,
}

impl<'s> Small<'s> {
    fn mount(sandbox: &'s Sandbox, size: &str) -> Self {
        let folder = sandbox.path("small");
        std::fs::create_dir_all(&folder).unwrap();
        let option = format!("size={size}");
        let target = folder.display().to_string();
        sandbox
            .output("mount", &["-t", "tmpfs", "-o", &option, "tmpfs", &target])
            .succeeds();
        Self { sandbox, folder }
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let below = self.folder.join("root/overlay").display().to_string();
        self.sandbox.output("umount", &[&below]);
        let target = self.folder.display().to_string();
        self.sandbox.output("umount", &["--recursive", &target]).succeeds();
    }
}

#[test]
fn while_an_image_is_built() {
    let sandbox = Sandbox::new();
    {
        let small = Small::mount(&sandbox, "400k");
        let host = sandbox.podman(&["info", "--format", "{{.Store.GraphRoot}}"]).join("");
        let at = |name: &str| small.folder.join(name).display().to_string();
        let conf = sandbox.path("storage.conf");
        let text = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n[storage.options]\nadditionalimagestores = [\"{host}\"]\n",
            at("root"),
            at("run")
        );
        std::fs::write(&conf, text).unwrap();
        let variables: [(&str, &Path); 1] = [("CONTAINERS_STORAGE_CONF", &conf)];
        std::fs::write(sandbox.path("tree/main_pc_code/large.bin"), vec![7; 2_000_000]).unwrap();
        sandbox.holds_the_whole_package();
        let build = sandbox.run_with(&["build-images", "faults-work", "--builder", "podman"], &variables);
        assert_eq!(build.code, 3, "{build:#?}");
        assert!(build.stderr.contains("no space left on device"), "{}", build.stderr);
    }
    sandbox.run(&["build-images"]).succeeds();
    sandbox.run(&["up"]).succeeds();
    saw(
        "disk full while an image is built",
        "exit code 3 and the reason; with room again, the next build is whole",
        "\"no space left on device\"; built and booted afterwards",
    );
}

#[test]
fn while_an_agent_writes() {
    let sandbox = Sandbox::new();
    sandbox.podman(&[
        "volume",
        "create",
        "--label=ai-system.stack=faults",
        "--label=ai-system.machine=mainpc",
        "--opt=type=tmpfs",
        "--opt=device=tmpfs",
        // Podman takes `size` for a quota; the kernel counts pages of 4 KiB here.
        "--opt=o=nr_blocks=256",
        "faults_mainpc_data",
    ]);
    sandbox.run(&["up"]).succeeds();
    let store = |key: &str, length: usize| {
        let value = "x".repeat(length);
        sandbox.ask(15575, &json!({"action": "store", "key": key, "value": value}))
    };
    assert_eq!(store("before", 10)["status"], "ok");
    let full = (0..40)
        .map(|round| store(&format!("big {round}"), 60_000))
        .find(|reply| reply["status"] != "ok")
        .unwrap();
    assert!(full["error"].as_str().unwrap().contains("full"), "{full}");
    let kept = sandbox.ask(15575, &json!({"action": "get", "key": "before"}));
    assert_eq!(kept["value"], "x".repeat(10), "{kept}");
    assert_eq!(sandbox.agent("MemoryOrchestrator"), ("healthy".to_owned(), 0));
    saw(
        "disk full while an agent writes",
        "the agent refuses and says why, keeps what it acknowledged, and stays up",
        "\"database or disk is full\"; record read back; healthy with 0 restarts",
    );
}
