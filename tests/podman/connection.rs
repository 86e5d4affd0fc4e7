//! A machine with a Podman of its own, reached by a connection: a Podman service with an empty storage in the lab's PC2.

use std::path::Path;
use std::process::Child;

use crate::harness::{Harness, Ran, copy, wait_for};
use crate::lab;

/// What is sent is what is missing.
#[test]
fn a_second_host_gets_the_layers_that_it_lacks() {
    let harness = &Harness::new();
    harness.run(&["down"]).succeeds();
    harness.run(&["lab", "down"]).succeeds();
    harness.run(&["build-images"]).succeeds();
    harness.run(&["lab", "up"]).succeeds();
    let service = Service::start(harness);
    let first = service.up();
    assert_eq!(sent(&first), 5, "{}", first.stderr);
    let again = service.up();
    assert_eq!(sent(&again), 0, "{}", again.stderr);
    assert!(!again.stderr.contains("saving"), "{}", again.stderr);

    let agent = service.path("tree/pc2_code/agents/ForPC2/unified_utils_agent.py");
    let source = std::fs::read_to_string(&agent).unwrap();
    std::fs::write(&agent, source + "\n# One agent has changed.\n").unwrap();
    service.run(&["build-images"]).succeeds();
    let changed = service.up();
    assert_eq!(sent(&changed), 1, "{}", changed.stderr);
    assert!(changed.stderr.contains(", 1 of 1: 1 of "), "{}", changed.stderr);
    service.run(&["down", "--machine", "pc2", "--volumes"]).succeeds();
    // The host's image of that name is that of the real tree again.
    harness.run(&["build-images"]).succeeds();
    drop(service);
    assert_eq!(lab::left(harness), Vec::<String>::new());
}

/// Images that were sent.
fn sent(up: &Ran) -> usize {
    up.stderr.lines().filter(|line| line.contains("sending ")).count()
}

/// The service, and a repository whose stack has the connection.
struct Service<'a> {
    harness: &'a Harness,
    folder: tempfile::TempDir,
    running: Child,
}

impl<'a> Service<'a> {
    fn start(harness: &'a Harness) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // Nothing of a repository is read or written through a link that leads out of it.
        for name in ["config", "docker", "scripts", "xtask"] {
            copy(&harness.path(name), &at(name));
        }
        copy(&harness.path("tests/ai_system"), &at("tree"));
        std::fs::copy(harness.path(".containerignore"), at(".containerignore")).unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "target"] {
            std::os::unix::fs::symlink(harness.path(name), at(name)).unwrap();
        }
        std::fs::create_dir(at("tests")).unwrap();
        std::os::unix::fs::symlink(harness.path("tests/fuzz"), at("tests/fuzz")).unwrap();
        edit(
            &at("config/stack.yaml"),
            "\n  pc2:\n",
            "\n  pc2:\n    podman: {connection: lab-pc2}\n",
        );
        edit(
            &at("config/stack.yaml"),
            "source_tree: tests/ai_system",
            "source_tree: tree",
        );
        let socket = at("podman.sock");
        let conf = harness.path("target/xtask-work/containers.conf");
        let conf = std::fs::read_to_string(conf).unwrap_or_default();
        let destination = format!(
            "\n[engine.service_destinations.lab-pc2]\nuri = \"unix://{}\"\n",
            socket.display()
        );
        std::fs::write(at("containers.conf"), conf + &destination).unwrap();
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            at("storage").display(),
            at("run").display()
        );
        std::fs::write(at("storage.conf"), storage).unwrap();
        let variable = format!("CONTAINERS_STORAGE_CONF={}", at("storage.conf").display());
        let uri = format!("unix://{}", socket.display());
        let running = harness.start(&[
            "lab", "exec", "pc2", "--", "env", &variable, "podman", "system", "service", "--time=0", &uri,
        ]);
        let service = Self {
            harness,
            folder,
            running,
        };
        wait_for("the service", || socket.exists());
        service.run(&["render"]).succeeds();
        // Images say which commit they are of, and this folder has none.
        service.run(&["build-images"]).succeeds();
        service
    }

    fn path(&self, relative: &str) -> std::path::PathBuf {
        self.folder.path().join(relative)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let conf = self.path("containers.conf");
        let variables = [("CONTAINERS_CONF", conf.as_path())];
        self.harness.run_at_with(self.folder.path(), arguments, &variables)
    }

    /// From here PC2's address cannot be reached, so nothing is waited for.
    fn up(&self) -> Ran {
        self.run(&["up", "--machine", "pc2", "--wait", "nothing"]).succeeds()
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        let _ = self.running.kill();
        let _ = self.running.wait();
        // Ends what still runs there, and with it the mounts that would keep the folder.
        self.harness.run(&["lab", "down"]);
    }
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}
