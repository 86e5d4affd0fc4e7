//! `cargo xtask` itself: what cargo prints before the program runs.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Builds only after the test has seen something of the build, or gives up after a minute.
const BUILD_SCRIPT: &str = r#"
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let begun = std::time::Instant::now();
    while !std::path::Path::new("seen").exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}
"#;

#[test]
fn the_first_build_shows_how_far_it_is_and_a_later_call_shows_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let alias = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cargo/config.toml");
    std::fs::create_dir(path(".cargo")).unwrap();
    std::fs::create_dir(path("src")).unwrap();
    std::fs::copy(alias, path(".cargo/config.toml")).unwrap();
    let manifest =
        "[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[profile.xtask]\ninherits = \"dev\"\n";
    std::fs::write(path("Cargo.toml"), manifest).unwrap();
    std::fs::write(path("src/main.rs"), "fn main() { println!(\"data\") }\n").unwrap();
    std::fs::write(path("build.rs"), BUILD_SCRIPT).unwrap();

    let mut first = cargo_xtask(folder.path()).spawn().unwrap();
    let mut stderr = first.stderr.take().unwrap();
    let mut byte = [0];
    stderr.read_exact(&mut byte).expect("the first build is silent");
    std::fs::write(path("seen"), "").unwrap();
    let mut shown = String::new();
    stderr.read_to_string(&mut shown).unwrap();
    let first = first.wait_with_output().unwrap();
    assert!(first.status.success(), "{shown}");
    assert_eq!(first.stdout, b"data\n");
    assert!(shown.contains("xtask"), "{shown}");

    let second = cargo_xtask(folder.path()).spawn().unwrap().wait_with_output().unwrap();
    assert!(second.status.success());
    assert_eq!(second.stdout, b"data\n");
    assert_eq!(String::from_utf8_lossy(&second.stderr), "");
}

#[expect(clippy::disallowed_methods, reason = "cargo is run as a user runs it")]
fn cargo_xtask(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .arg("xtask")
        .current_dir(folder)
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}
