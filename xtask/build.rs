//! Puts the supervisor into the program, so that it works in any folder and without cargo: compiled here for the kernel alone, as a
//! program of its own, in a release build (`cargo install`, a wheel) or with the feature `with-supervisor`. `cargo xtask` and the tests
//! are other builds: they stay quick, and compile the supervisor where it is needed.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names a supervisor that is compiled already, for who packages this program.
const READY_MADE: &str = "AGENT_SUPERVISOR";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={READY_MADE}");
    let out = PathBuf::from(variable("OUT_DIR"));
    let place = out.join("agent-supervisor");
    let binary = if !is_wanted(&out) {
        Vec::new()
    } else if let Some(path) = std::env::var_os(READY_MADE).map(PathBuf::from) {
        println!("cargo:rerun-if-changed={}", path.display());
        read(&path)
    } else {
        read(&compile(&out))
    };
    if let Err(error) = std::fs::write(&place, binary) {
        fail(&format!("cannot write `{}`: {error}", place.display()));
    }
}

/// Whether this build is one of a program that goes elsewhere. `PROFILE` says `release` for every profile that is like it: the folder
/// has the name of this one.
fn is_wanted(out: &Path) -> bool {
    // PROFILE/build/PACKAGE/out
    let profile = out.ancestors().nth(3).and_then(Path::file_name);
    std::env::var_os("CARGO_FEATURE_WITH_SUPERVISOR").is_some() || profile.is_some_and(|name| name == "release")
}

/// Compiles the supervisor, into a folder of this build's own: cargo holds its lock of the other one meanwhile.
fn compile(out: &Path) -> PathBuf {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")).join("..");
    for source in [
        "docker/supervisor/src",
        "docker/supervisor/Cargo.toml",
        "docker/contract",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }
    let arch = variable("CARGO_CFG_TARGET_ARCH");
    let musl = format!("{arch}-unknown-linux-musl");
    let target = if has_library(&musl) {
        musl
    } else {
        format!("{arch}-unknown-linux-gnu")
    };
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
    let folder = out.join("target");
    let mut cargo = program(&variable("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--package", "agent-supervisor"])
        .args(["--profile", "supervisor", "--target", &target, "--target-dir"])
        .arg(&folder)
        .current_dir(&root)
        .env(flags, "-C target-feature=+crt-static");
    // What is said about this build is not said about that one.
    for name in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_TARGET_DIR",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        cargo.env_remove(name);
    }
    match cargo.status() {
        Ok(status) if status.success() => folder.join(target).join("supervisor/agent-supervisor"),
        Ok(status) => fail(&format!(
            "the supervisor cannot be compiled for {target}: cargo ended with {status}"
        )),
        Err(error) => fail(&format!("cannot run cargo: {error}")),
    }
}

/// Whether the compiler has the standard library of a target.
fn has_library(target: &str) -> bool {
    let asked = program(&variable("RUSTC"))
        .args(["--print", "target-libdir", "--target", target])
        .output();
    asked.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the wrapper of child processes is part of the program that is built here"
)]
fn program(path: &str) -> Command {
    Command::new(path)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| fail(&format!("cannot read `{}`: {error}", path.display())))
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|error| fail(&format!("cargo has not set `{name}`: {error}")))
}

fn fail(why: &str) -> ! {
    println!("cargo:error={why}");
    #[expect(clippy::exit, reason = "cargo shows the message, and no backtrace")]
    std::process::exit(1)
}
