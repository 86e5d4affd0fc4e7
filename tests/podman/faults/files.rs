//! Rendered files that are empty, corrupt or gone.

use super::sandbox::Sandbox;
use super::saw;

#[test]
fn a_rendered_file_is_broken() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("config/faults_store.yaml");
    let right = std::fs::read(&file).unwrap();
    for broken in ["", "agents: [{name: \u{0}", "\u{fffd}"] {
        std::fs::write(&file, broken).unwrap();
        let ran = sandbox.run(&["build-images"]);
        assert_eq!(ran.code, 2, "{ran:#?}");
        assert!(ran.stderr.contains("config/faults_store.yaml"), "{}", ran.stderr);
        assert!(ran.stderr.contains("cargo xtask render"), "{}", ran.stderr);
        assert_eq!(sandbox.pods(), Vec::<String>::new());
    }
    sandbox.run(&["render"]).succeeds();
    assert_eq!(std::fs::read(&file).unwrap(), right);
    sandbox.run(&["up"]).succeeds();
    saw(
        "rendered file empty or corrupt",
        "nothing is built from it; the file and the mend are named",
        "exit code 2, \"run `cargo xtask render`\"; booted after it",
    );
}
