//! The program as it is installed: one file that works in any folder, with no cargo there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::output;
use super::sandbox::{Ran, Sandbox};

/// The profile that these tests are built with: what it has compiled serves the program that is installed.
fn profile() -> String {
    let tests = std::env::current_exe().unwrap();
    // PROFILE/deps/TESTS
    let folder = tests.ancestors().nth(2).and_then(Path::file_name);
    let name = folder.unwrap().to_str().unwrap();
    (if name == "debug" { "dev" } else { name }).to_owned()
}

/// Cargo's argument for a library without optimisation, which would take minutes.
fn unoptimised() -> String {
    format!("profile.{}.package.xtask.opt-level=0", profile())
}

/// Installs it into a folder, as people do but for the time that a build of its own takes.
#[expect(clippy::disallowed_methods, reason = "cargo is run as a user runs it")]
fn install(root: &Path) -> PathBuf {
    let package = env!("CARGO_MANIFEST_DIR");
    let installed = Command::new(env!("CARGO"))
        .args([
            "install",
            "--quiet",
            "--locked",
            "--profile",
            &profile(),
            "--config",
            &unoptimised(),
            "--features",
            "with-supervisor",
        ])
        .args(["--bin", "ai-system", "--path", package, "--root"])
        .arg(root)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&installed.stderr);
    assert!(installed.status.success(), "{said}");
    root.join("bin/ai-system")
}

/// Makes a wheel of it, and installs that into a folder as `pip` does.
#[expect(clippy::disallowed_methods, reason = "the tools are run as a user runs them")]
fn install_wheel(root: &Path) -> PathBuf {
    let succeed = |program: &str, arguments: &[&str], folder: &Path| {
        let output = Command::new(program).args(arguments).current_dir(folder).output();
        let output = output.unwrap_or_else(|error| {
            panic!("{program}: {error}\n  hint: `cargo xtask test --setup` brings the tools of the tests")
        });
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    let wheels = root.join("wheels");
    let out = wheels.to_str().unwrap();
    let made = [
        "build",
        "--quiet",
        "--profile",
        &profile(),
        "--config",
        &unoptimised(),
        "--features=with-supervisor",
        "--out",
        out,
    ];
    succeed("maturin", &made, Path::new(env!("CARGO_MANIFEST_DIR")));
    let wheel = std::fs::read_dir(&wheels).unwrap().next().unwrap().unwrap().path();
    let wheel = wheel.to_str().unwrap();
    assert!(wheel.contains("/ai_system-") && wheel.contains("-py3-none-"), "{wheel}");
    let installed = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--target=.",
        wheel,
    ];
    succeed("python3", &installed, root);
    root.join("bin/ai-system")
}

/// Runs it in a folder that has nothing to do with this repository, with nothing on PATH.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test is run as a user runs it"
)]
fn run(program: &Path, sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(sandbox.path(""))
        .env_clear()
        .env("PATH", sandbox.path("bin"))
        .env("HOME", sandbox.path(""))
        .env("XDG_RUNTIME_DIR", sandbox.path(""))
        .stdin(Stdio::null())
        .output();
    sandbox.ran(&output.unwrap())
}

/// Whether a 64-bit ELF file of this host's byte order asks for a program that loads it, and libraries with it.
fn has_interpreter(elf: &[u8]) -> bool {
    const INTERPRETER: u32 = 3;
    let short = |at: usize| usize::from(u16::from_ne_bytes(elf[at..at + 2].try_into().unwrap()));
    let begin = usize::try_from(u64::from_ne_bytes(elf[0x20..0x28].try_into().unwrap())).unwrap();
    let (size, count) = (short(0x36), short(0x38));
    let mut kinds = (0..count).map(|index| u32::from_ne_bytes(elf[begin + index * size..][..4].try_into().unwrap()));
    kinds.any(|kind| kind == INTERPRETER)
}

#[test]
fn a_wheel_of_it_has_the_whole_program() {
    let root = tempfile::tempdir().unwrap();
    let program = install_wheel(root.path());
    let sandbox = output::tree();
    let audit = run(&program, &sandbox, &["audit"]);
    assert_eq!(audit.code, 0, "{audit:#?}");
    brings_its_supervisor(&program, &sandbox);
}

/// Podman is missing at first; with one that has nothing, the supervisor comes out of the program.
fn brings_its_supervisor(program: &Path, sandbox: &Sandbox) {
    run(program, sandbox, &["build-images"]).fails_with(3, &["hint: run `ai-system doctor --fix`"]);
    sandbox.fake_podman(super::EMPTY_HOST);
    let planned = run(program, sandbox, &["build-images", "--dry-run"]);
    assert_eq!(planned.code, 0, "{planned:#?}");
    let supervisor = sandbox.path("deploy/docker/supervisor/bin/agent-supervisor");
    let version = sandbox.run_program(supervisor.to_str().unwrap(), &["--version"]);
    assert!(
        version.code == 0 && version.stdout.starts_with("agent-supervisor "),
        "{version:#?}"
    );
    assert!(
        !has_interpreter(&std::fs::read(&supervisor).unwrap()),
        "it is linked dynamically"
    );
}

#[test]
fn the_installed_program_works_anywhere_and_names_itself() {
    let root = tempfile::tempdir().unwrap();
    let program = install(root.path());
    let sandbox = output::tree();
    let audit = run(&program, &sandbox, &["audit"]);
    assert_eq!(audit.code, 0, "{audit:#?}");
    assert_eq!(run(&program, &sandbox, &["render"]).code, 0);
    assert_eq!(run(&program, &sandbox, &["render", "--check"]).code, 0);
    sandbox.edit("stack.yaml", "172.30.97.20", "172.30.97.21");
    run(&program, &sandbox, &["render", "--check"]).fails_with(1, &["hint: run `ai-system render` and commit"]);
    assert_eq!(run(&program, &sandbox, &["render"]).code, 0);
    brings_its_supervisor(&program, &sandbox);

    for arguments in [
        &["--help"][..],
        &["audit", "--help"],
        &["images", "ls", "--help"],
        &["completions", "bash"],
    ] {
        let ran = run(&program, &sandbox, arguments);
        let text = ran.stdout;
        assert!(text.contains("ai-system"), "{arguments:?}");
        assert!(
            !text.contains("cargo xtask") && !text.contains("config/stack.yaml"),
            "{arguments:?}:\n{text}"
        );
    }
    let wrong = run(&program, &sandbox, &["no-such-command"]);
    wrong.fails_with(2, &["Usage: ai-system [OPTIONS] <COMMAND>"]);
    // What it renders does not depend on who renders it.
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
}
