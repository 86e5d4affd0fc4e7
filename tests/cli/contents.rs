//! What of a tree gets into images, and what never does: seen by `images why`, `audit` and the rendered files.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::sandbox::{Ran, Sandbox};

const STACK: &str = r#"version: 1
name: small
source_tree: tree
images:
  namespace: localhost/small
  base_image: docker.io/library/python:3.11-slim
  requirements: requirements.txt
volumes: {logs: /app/logs}
status_port: 9000
machines:
  home:
    startup_config: config/startup.yaml
    code: [src]
    python_path: [.]
    lan_address: 192.168.77.1
    address_variable: HOME_IP
    network: {name: small_home, subnet: 172.30.0.0/16}
groups:
  one: {machine: home, address: 172.30.0.10, phase: 2, published_status_port: 29801, agents: [Hub]}
"#;

const STARTUP: &str = "agents:\n  - {name: Hub, script_path: src/hub.py, port: 6101, health_check_port: 6102}\n";

/// What a script ends with that goes on.
const SERVES: &str = "import time\nif __name__ == \"__main__\":\n    while True:\n        time.sleep(1)\n";

/// A repository with that script for its only agent, and these files in its tree.
fn small(script: &str, files: &[&str]) -> Sandbox {
    let sandbox = Sandbox::empty();
    write(&sandbox, "config/stack.yaml", STACK);
    write(&sandbox, "tree/config/startup.yaml", STARTUP);
    write(&sandbox, "tree/requirements.txt", "");
    write(&sandbox, "tree/src/hub.py", &format!("{script}{SERVES}"));
    for file in files {
        write(&sandbox, &format!("tree/{file}"), "x = 1\n");
    }
    sandbox
}

fn write(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Adds lines under `images:`.
fn images(sandbox: &Sandbox, lines: &str) {
    sandbox.edit("config/stack.yaml", "images:\n", &format!("images:\n  {lines}\n"));
}

fn why(sandbox: &Sandbox, file: &str) -> Ran {
    sandbox.run(&["images", "why", "one", file])
}

#[track_caller]
fn holds(sandbox: &Sandbox, files: &[&str]) {
    for file in files {
        let ran = why(sandbox, file);
        assert_eq!(ran.code, 0, "{file}: {ran:#?}");
    }
}

/// All code of the machine, so that only what is left out is missing.
const ALL: &str = "import importlib, sys\nimportlib.import_module(sys.argv[1])\n";

#[test]
fn what_include_names_is_in_the_image_wherever_it_lies() {
    let files = [
        "settings.json",
        "src/data/a.csv",
        "shared/deep/words.txt",
        "shared/other.txt",
        "prompts/a.md",
        "prompts/more/b.md",
        "notes/c.md",
        "notes/c.txt",
    ];
    let sandbox = small("", &files);
    images(
        &sandbox,
        r#"include: [settings.json, src/data/a.csv, shared/deep/, "/prompts/**", "notes/*.md"]"#,
    );
    let held = [
        "settings.json",
        "src/data/a.csv",
        "shared/deep/words.txt",
        "prompts/a.md",
        "prompts/more/b.md",
        "notes/c.md",
    ];
    holds(&sandbox, &held);
    for file in ["shared/other.txt", "notes/c.txt"] {
        assert_ne!(why(&sandbox, file).code, 0, "{file}");
    }
    // Builds by hand get the same.
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let dockerfile = std::fs::read_to_string(sandbox.path("deploy/docker/Dockerfile.one")).unwrap();
    for copy in [
        r#"COPY ["${TREE}/settings.json", "/app/"]"#,
        r#"COPY ["${TREE}/shared/deep/words.txt", "/app/shared/deep/"]"#,
        r#"COPY ["${TREE}/prompts/more/b.md", "/app/prompts/more/"]"#,
        r#"COPY ["${TREE}/notes/c.md", "/app/notes/"]"#,
    ] {
        assert!(dockerfile.contains(copy), "{copy} in {dockerfile}");
    }
}

#[test]
fn an_include_of_a_group_is_its_own() {
    let sandbox = small("", &["settings.json", "other.json"]);
    sandbox.edit(
        "config/stack.yaml",
        "agents: [Hub]}",
        "agents: [Hub], include: [settings.json]}",
    );
    holds(&sandbox, &["settings.json"]);
    assert_ne!(why(&sandbox, "other.json").code, 0);
}

#[test]
fn an_include_that_brings_nothing_is_an_error_with_its_line() {
    let sandbox = small("", &["settings.json", "src/.env", "src/x.bin"]);
    for (pattern, says) in [
        ("setings.json", "names no file of the tree"),
        ("deep/settings.json", "did you mean `settings.json`?"),
        ("\"*.toml\"", "names no file of the tree"),
        ("../outside.json", "leaves the tree"),
        ("\"**/.en*\"", "`src/.env` looks like a secret"),
        (
            "src/x.bin]\n  exclude: [\"*.bin\"",
            "is left out by `*.bin` under `exclude:`",
        ),
    ] {
        let sandbox = Sandbox::clone_of(&sandbox);
        images(&sandbox, &format!("include: [{pattern}]"));
        let ran = sandbox.run(&["audit"]);
        let text = format!("{}{}", ran.stdout, ran.stderr);
        let expected = pattern.starts_with("src/x");
        assert_eq!(ran.code == 0, expected, "{pattern}: {text}");
        if !expected {
            assert!(
                text.contains(says) && text.contains("config/stack.yaml:5:"),
                "{pattern}: {text}"
            );
        }
    }
}

#[test]
fn a_file_beside_the_code_is_predicted_to_be_missing() {
    let script = "import json\nSETTINGS = json.load(open(\"settings.json\"))\n";
    for (script, file) in [
        (script, "settings.json"),
        ("open('conf/deep/x.json')\n", "conf/deep/x.json"),
        ("import os\nos.stat\nopen('/app/top.txt')\n", "top.txt"),
        ("open('src/.env')\n", "src/.env"),
    ] {
        let sandbox = small(script, &[]);
        write(&sandbox, &format!("tree/{file}"), "{}");
        let ran = sandbox.run(&["audit"]);
        assert_eq!(ran.code, 1, "{file}: {ran:#?}");
        let said = format!("which its image does not have: the tree's `{file}`");
        assert!(ran.stdout.contains(&said), "{file}: {ran:#?}");
        images(&sandbox, &format!("include: [{file}]"));
        let ran = sandbox.run(&["audit"]);
        assert_eq!(ran.code, 0, "{file}: {ran:#?}");
        assert!(ran.stdout.contains("1 starts"), "{file}: {ran:#?}");
        holds(&sandbox, &[file]);
    }
}

#[test]
fn the_whole_tree_may_be_code() {
    let sandbox = small(
        "import json\nSETTINGS = json.load(open(\"settings.json\"))\n",
        &["lib/x.py"],
    );
    write(&sandbox, "tree/settings.json", "{}");
    sandbox.edit("config/stack.yaml", "code: [src]", "code: [.]");
    let ran = sandbox.run(&["audit"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    holds(&sandbox, &["settings.json", "src/hub.py"]);
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let dockerfile = std::fs::read_to_string(sandbox.path("deploy/docker/Dockerfile.one")).unwrap();
    assert!(dockerfile.contains(r#"COPY ["${TREE}/.", "/app/."]"#), "{dockerfile}");
}

/// Files that are secrets by their path.
const SECRETS: &[&str] = &[
    "src/.env",
    "src/.ENV.local",
    "src/deep/prod.env",
    "src/server.pem",
    "src/X.KEY",
    "src/a.p12",
    "src/a.pfx",
    "src/a.jks",
    "src/a.kdbx",
    "src/id_rsa",
    "src/id_ed25519",
    "src/id_deploy",
    "src/.netrc",
    "src/.pypirc",
    "src/.npmrc",
    "src/.git-credentials",
    "src/.docker/config.json",
    "src/.aws/config",
    "src/.ssh/known_hosts",
    "src/.gnupg/x",
    "src/.kube/config",
    "src/credentials-1.json",
    "src/client_secret_2.json",
    "src/service-account.json",
    "src/main.tfstate",
    "src/token.json",
    "src/secrets.yaml",
    "src/.htpasswd",
];

/// Files that look nearly like that.
const NO_SECRETS: &[&str] = &[
    "src/secrets.py",
    "src/token.py",
    "src/key.py",
    "src/id_maker.py",
    "src/id_map.json",
    "src/id_rsa.pub",
    "src/.env.example",
    "src/.env.sample",
    "src/credentials/store.py",
    "src/credentials/words.txt",
    "src/tokenizer.json",
];

/// A tree with all of them; and a key, a link that is called like a secret, and what it leads to.
fn with_secrets() -> Sandbox {
    let files: Vec<&str> = SECRETS.iter().chain(NO_SECRETS).copied().collect();
    let sandbox = small(ALL, &files);
    write(
        &sandbox,
        "tree/src/robot",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n",
    );
    write(&sandbox, "tree/src/values.txt", "PASSWORD=1\n");
    std::os::unix::fs::symlink("values.txt", sandbox.path("tree/src/.envrc")).unwrap();
    std::os::unix::fs::symlink("robot", sandbox.path("tree/src/innocent")).unwrap();
    sandbox
}

#[test]
fn secrets_are_in_no_image_unless_named_one_by_one() {
    let sandbox = with_secrets();
    holds(&sandbox, NO_SECRETS);
    let more = ["src/robot", "src/values.txt", "src/.envrc", "src/innocent"];
    for file in SECRETS.iter().chain(&more) {
        why(&sandbox, file).fails_with(1, &["looks like a secret", &format!("include: [{file}]")]);
    }
    let ran = sandbox.run(&["audit", "--select", "images/secret", "--output", "concise"]);
    for file in SECRETS.iter().chain(&more[..3]) {
        assert!(
            ran.stdout.contains(&format!("`{file}` looks like a secret")),
            "{file} in {}",
            ran.stdout
        );
    }
    for file in NO_SECRETS {
        assert!(!ran.stdout.contains(&format!("`{file}`")), "{file} in {}", ran.stdout);
    }
    // A pattern names none of them; their own paths do.
    images(&sandbox, r#"include: [src/.env, src/robot, "src/**"]"#);
    holds(&sandbox, &["src/.env", "src/robot"]);
    why(&sandbox, "src/id_rsa").fails_with(1, &["looks like a secret"]);
}

#[test]
fn builds_by_hand_look_for_secrets() {
    let sandbox = with_secrets();
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let check = |sandbox: &Sandbox| {
        let script = sandbox.path("deploy/docker/no_secrets.py").display().to_string();
        let tree = sandbox.path("tree").display().to_string();
        sandbox.run_program("python3", &[&script, &tree])
    };
    let ran = check(&sandbox);
    assert_eq!(ran.code, 1, "{ran:#?}");
    for file in SECRETS.iter().chain(&["src/robot", "src/values.txt"]) {
        assert!(
            ran.stderr.contains(&format!("'{file}' looks like a secret")),
            "{file} in {}",
            ran.stderr
        );
    }
    for file in NO_SECRETS {
        assert!(!ran.stderr.contains(&format!("'{file}'")), "{file} in {}", ran.stderr);
    }
    let every: Vec<&str> = SECRETS
        .iter()
        .chain(&["src/robot", "src/values.txt", "src/.envrc"])
        .copied()
        .collect();
    images(&sandbox, &format!("include: [{}]", every.join(", ")));
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let ran = check(&sandbox);
    assert_eq!(ran.code, 0, "{ran:#?}");
}

#[test]
fn what_tools_leave_behind_is_in_no_image() {
    let files = [
        "src/.git/config",
        "src/__pycache__/hub.cpython-311.pyc",
        "src/.venv/lib/x.py",
        "src/own/pyvenv.cfg",
        "src/own/lib/site.py",
        "src/node_modules/a.js",
        "src/.mypy_cache/x.json",
        "src/ok.txt",
    ];
    let sandbox = small(ALL, &files);
    holds(&sandbox, &files[7..]);
    for file in &files[..7] {
        assert_ne!(why(&sandbox, file).code, 0, "{file}");
    }
}

#[test]
fn names_and_kinds_that_no_image_can_have_are_left_out() {
    let sandbox = small(ALL, &["src/ok.txt", "src/.wh.ok.txt"]);
    let odd = sandbox
        .path("tree/src")
        .join(Path::new(OsStr::from_bytes(b"bad\xff.txt")));
    std::fs::write(odd, "x").unwrap();
    let ran = sandbox.run_program("mkfifo", &[&sandbox.path("tree/src/pipe").display().to_string()]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    holds(&sandbox, &["src/ok.txt", "src/hub.py"]);
    why(&sandbox, "src/.wh.ok.txt").fails_with(1, &["means that a file is removed"]);
    why(&sandbox, "src/pipe").fails_with(1, &["is a pipe"]);
    let ran = sandbox.run(&["audit", "--select", "images/"]);
    assert!(
        ran.stdout.contains("`src/.wh.ok.txt` begins with `.wh.`"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_base_is_taken_by_digest() {
    let sandbox = small("", &[]);
    let digest = "0123456789abcdef".repeat(4);
    sandbox.edit(
        "config/stack.yaml",
        "python:3.11-slim",
        &format!("python:3.11-slim@sha256:{digest}"),
    );
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let dockerfile = std::fs::read_to_string(sandbox.path("deploy/docker/Dockerfile.base")).unwrap();
    let argument = format!("ARG BASE_IMAGE=docker.io/library/python:3.11-slim@sha256:{digest}\n");
    assert!(dockerfile.contains(&argument), "{dockerfile}");
    sandbox.edit("config/stack.yaml", &digest, "12ab");
    let ran = sandbox.run(&["audit"]);
    assert!(
        ran.stdout.contains("`sha256:12ab` is not a valid digest of an image"),
        "{ran:#?}"
    );
    let group = std::fs::read_to_string(sandbox.path("deploy/docker/Dockerfile.one")).unwrap();
    assert!(
        group.contains("--require-hashes --requirement \"${new}.txt\""),
        "{group}"
    );
    assert!(
        group.matches(" --hash=sha256:%s").count() == 1 && !group.contains("\"uv==${UV_VERSION}\""),
        "{group}"
    );
}
