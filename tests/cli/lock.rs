//! `lock`: what it writes, when it leaves things alone, and that a build refuses a lock that is not its requirements' any more.

use crate::EMPTY_HOST;
use crate::sandbox::Sandbox;

const REQUIREMENTS: &str = "tests/ai_system/requirements.vision.txt";
const LOCK: &str = "config/locks/requirements.vision.txt";

/// A `uv` where `lock` looks for its own, which pins two distributions in the version that stands in `version`, and writes down its
/// command line.
fn fake_uv(sandbox: &Sandbox) {
    let calls = sandbox.path("uv.calls");
    let version = sandbox.path("version");
    let script = format!(
        r#"#!/bin/sh
echo "$*" >> '{}'
while [ "$1" != --output-file ]; do shift; done
cp "$2" '{}'
printf 'pyyaml==6.0.3 \\\n    --hash=sha256:aa\npyzmq==%s \\\n    --hash=sha256:bb\n' "$(cat '{}')" > "$2"
"#,
        calls.display(),
        sandbox.path("seed").display(),
        version.display()
    );
    std::fs::write(version, "27.0.0").unwrap();
    let folder = sandbox.path(&format!(
        "target/xtask-work/uv-{}-by-hash/bin",
        xtask::images::uv::UV_VERSION
    ));
    std::fs::create_dir_all(&folder).unwrap();
    sandbox.program_at(&folder.join("uv"), &script);
}

fn uv_calls(sandbox: &Sandbox) -> usize {
    let calls = std::fs::read_to_string(sandbox.path("uv.calls")).unwrap_or_default();
    calls.lines().count()
}

#[test]
fn the_reference_tree_is_locked() {
    let sandbox = Sandbox::new();
    let checked = sandbox.run(&["lock", "--check"]);
    assert_eq!(checked.code, 0, "{checked:#?}");
    assert!(
        checked.stderr.contains("17 requirements files are up to date"),
        "{checked:#?}"
    );
    for entry in std::fs::read_dir(sandbox.path("config/locks")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains("://") && !text.contains("--index"), "{text}");
    }
}

#[test]
fn a_stale_lock_is_named_with_the_line_and_nothing_is_built_from_it() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman(EMPTY_HOST);
    // A remark, another order: the same requirements.
    sandbox.edit(REQUIREMENTS, "PyYAML>=6", "# for configs\nPyYAML>=6");
    let fresh = sandbox.run(&["lock", "--check"]);
    assert_eq!(fresh.code, 0, "{fresh:#?}");
    sandbox.edit(REQUIREMENTS, "PyYAML>=6", "PyYAML>=7");
    let reasons = [
        "`config/locks/requirements.vision.txt` is stale",
        "tests/ai_system/requirements.vision.txt:3: `PyYAML>=7` was not locked",
        "`PyYAML>=6` was locked, and is not asked for any more",
        "run `cargo xtask lock`",
    ];
    sandbox.run(&["lock", "--check"]).fails_with(1, &reasons);
    sandbox.run(&["build-images"]).fails_with(2, &reasons);
    sandbox.run(&["build-images", "vision"]).fails_with(2, &reasons);
    let calls = sandbox.podman_calls();
    assert!(calls.iter().all(|call| call.starts_with("info")), "{calls:?}");
    // One group's lock is nothing to another.
    let other = sandbox.run(&["build-images", "memory-system", "--dry-run"]);
    assert!(!other.stderr.contains("stale"), "{other:#?}");
}

#[test]
fn what_is_locked_stays_until_it_is_told_to_change() {
    let sandbox = Sandbox::new();
    fake_uv(&sandbox);
    let before = std::fs::read_to_string(sandbox.path(LOCK)).unwrap();
    let again = sandbox.run(&["lock"]);
    assert_eq!(again.code, 0, "{again:#?}");
    assert!(again.stderr.contains("0 locks changed, 17 up to date"), "{again:#?}");
    assert_eq!(uv_calls(&sandbox), 0, "no index is asked");
    assert_eq!(std::fs::read_to_string(sandbox.path(LOCK)).unwrap(), before);

    sandbox.edit(REQUIREMENTS, "pyzmq>=25", "pyzmq>=26");
    let changed = sandbox.run(&["lock"]);
    assert_eq!(changed.code, 0, "{changed:#?}");
    assert!(changed.stderr.contains("1 lock changed, 16 up to date"), "{changed:#?}");
    assert_eq!(uv_calls(&sandbox), 1);
    let lock = std::fs::read_to_string(sandbox.path(LOCK)).unwrap();
    assert!(
        lock.contains("# wants pyzmq>=26\n") && lock.contains("pyzmq==27.0.0 \\\n"),
        "{lock}"
    );
    let seed = std::fs::read_to_string(sandbox.path("seed")).unwrap();
    assert!(seed.contains("pyzmq=="), "versions that were locked are kept: {seed}");

    // Files that say the same are resolved once.
    std::fs::write(sandbox.path("version"), "27.0.1").unwrap();
    let upgraded = sandbox.run(&["lock", "--upgrade", "PyZMQ"]);
    assert_eq!(upgraded.code, 0, "{upgraded:#?}");
    assert!(upgraded.stderr.contains("17 locks changed"), "{upgraded:#?}");
    assert!(upgraded.stderr.contains("pyzmq 27.0.0 to 27.0.1"), "{upgraded:#?}");
    assert_eq!(uv_calls(&sandbox), 1 + 6);
    let calls = std::fs::read_to_string(sandbox.path("uv.calls")).unwrap();
    assert!(calls.contains("--upgrade-package=PyZMQ"), "{calls}");
    sandbox
        .run(&["lock", "--upgrade", "numpy"])
        .fails_with(2, &["no lock has `numpy`", "hint: locked are pyyaml, pyzmq"]);
}

#[test]
fn a_lock_that_comes_or_goes_changes_what_is_installed() {
    let sandbox = Sandbox::new();
    fake_uv(&sandbox);
    std::fs::remove_file(sandbox.path(LOCK)).unwrap();
    sandbox
        .run(&["lock", "--check"])
        .fails_with(1, &["`tests/ai_system/requirements.vision.txt` has no lock"]);
    // Without it, the requirements themselves are installed.
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let dockerfile = || std::fs::read_to_string(sandbox.path("docker/Dockerfile.vision")).unwrap();
    assert!(dockerfile().contains("ARG REQUIREMENTS=${TREE}/requirements.vision.txt\n"));
    std::fs::write(
        sandbox.path("config/locks/requirements.gone.txt"),
        "# locked by `cargo xtask lock`\n",
    )
    .unwrap();
    std::fs::write(sandbox.path("config/locks/NOTES.md"), "people's\n").unwrap();
    let locked = sandbox.run(&["lock"]);
    assert_eq!(locked.code, 0, "{locked:#?}");
    assert!(dockerfile().contains("ARG REQUIREMENTS=config/locks/requirements.vision.txt\n"));
    assert!(!sandbox.path("config/locks/requirements.gone.txt").exists());
    assert!(sandbox.path("config/locks/NOTES.md").exists());
    assert_eq!(sandbox.run(&["render", "--check"]).code, 0);
    assert_eq!(sandbox.run(&["lock", "--check"]).code, 0);
}

#[test]
fn what_cannot_be_resolved_is_named_and_the_old_lock_stays() {
    let sandbox = Sandbox::new();
    fake_uv(&sandbox);
    let uv = format!("target/xtask-work/uv-{}-by-hash/bin/uv", xtask::images::uv::UV_VERSION);
    sandbox.program_at(
        &sandbox.path(&uv),
        "#!/bin/sh\necho 'no version of pyzmq' >&2\nexit 1\n",
    );
    sandbox.edit(REQUIREMENTS, "pyzmq>=25", "pyzmq>=99");
    let before = std::fs::read_to_string(sandbox.path(LOCK)).unwrap();
    sandbox
        .run(&["lock"])
        .fails_with(3, &["cannot lock requirements.vision.txt", "| no version of pyzmq"]);
    assert_eq!(std::fs::read_to_string(sandbox.path(LOCK)).unwrap(), before);
    sandbox.program_at(
        &sandbox.path(&uv),
        "#!/bin/sh\necho 'pyzmq==99 has no usable wheels' >&2\nexit 1\n",
    );
    sandbox.run(&["lock"]).fails_with(
        3,
        &[
            "has no usable wheels",
            "hint: nothing is built on this host; `without_wheels:",
        ],
    );
}

#[test]
fn a_group_whose_file_nobody_named_or_wrote_gets_no_packages() {
    let sandbox = Sandbox::empty();
    for (path, text) in [
        (
            "config/stack.yaml",
            "version: 1\nname: small\nmachines:\n  one: {startup_config: config/startup.yaml, code: [agents]}\n",
        ),
        (
            "config/startup.yaml",
            "agents:\n  - {name: A, script_path: agents/a.py, port: 6001}\n",
        ),
        ("agents/a.py", "import time\nwhile True:\n    time.sleep(9)\n"),
    ] {
        let file = sandbox.path(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    let locks = sandbox.run(&["lock", "--check"]);
    assert_eq!(locks.code, 0, "{locks:#?}");
    assert!(
        locks.stderr.contains("0 requirements files are up to date"),
        "{locks:#?}"
    );
    // A file that is named has to be there.
    sandbox.edit(
        "config/stack.yaml",
        "name: small\n",
        "name: small\nimages: {requirements: all.txt}\n",
    );
    sandbox
        .run(&["lock", "--check"])
        .fails_with(4, &["all.txt`: no such file"]);
}
