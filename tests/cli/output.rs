//! A tree that is not this program's own: everything rendered stands below one folder, and nothing else is written or removed.

use std::collections::BTreeMap;
use std::path::Path;

use super::EMPTY_HOST;
use super::pty::OnTerminal;
use super::sandbox::Sandbox;

const STACK: &str = "\
version: 1
name: small
source_tree: .
python: {version: \"3.11\"}
images:
  namespace: localhost/small_system
  tag: latest
  base_image: docker.io/library/python:3.11-slim
  debian: {suite: bookworm, packages: [python3, python3-pip, ca-certificates]}
  required_modules: [zmq, yaml]
  user: {name: agent, uid: 10001}
  requirements: requirements.txt
volumes: {logs: /app/logs, data: /app/data}
status_port: 9000
supervision: {settle_seconds: 1, stop_grace_seconds: 1}
machines:
  home:
    startup_config: startup.yaml
    code: [.]
    python_path: [.]
    lan_address: 192.168.77.1
    address_variable: HOME_IP
    network: {name: small_home, subnet: 172.30.97.0/24}
groups:
  hub: {machine: home, address: 172.30.97.10, phase: 2, published_status_port: 29871, published: [Hub], agents: [Hub]}
  ear: {machine: home, address: 172.30.97.20, phase: 3, published_status_port: 29872, published: [], agents: [Ear]}
";

const STARTUP: &str = "\
agents:
  - {name: Hub, script_path: agents/hub.py, port: 28001, health_check_port: 29001}
  - {name: Ear, script_path: agents/ear.py, port: 28002, health_check_port: 29002}
";

/// Somebody's tree, with files in it that have names like those that are rendered.
pub fn tree() -> Sandbox {
    let sandbox = Sandbox::empty();
    for (path, text) in [
        ("stack.yaml", STACK),
        ("startup.yaml", STARTUP),
        ("requirements.txt", ""),
        ("agents/hub.py", "import time\nwhile True:\n    time.sleep(1)\n"),
        ("agents/ear.py", "import time\nwhile True:\n    time.sleep(1)\n"),
        (".containerignore", "# ours\nsecret\n"),
        ("config/README.md", "theirs\n"),
        ("config/hub.yaml", "theirs: true\n"),
        ("docker/Dockerfile.base", "FROM scratch\n"),
        ("scripts/deploy_home.sh", "#!/bin/sh\n"),
        ("tests/smoke/phase1.yaml", "theirs: true\n"),
        ("target/important.txt", "not cargo's\n"),
    ] {
        put(&sandbox, path, text);
    }
    // What a colleague copied from a repository of this program: it carries the header, and is theirs.
    let copied = format!("# {}\ntheirs: true\n", xtask::stack::output::HEADER);
    put(&sandbox, "config/copied.yaml", &copied);
    sandbox
}

fn put(sandbox: &Sandbox, path: &str, text: &str) {
    let path = sandbox.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Every file of a folder with its content, but what is below `without`.
fn files(folder: &Path, without: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if name == without || name == "podman.calls" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                found.insert(name, String::from_utf8_lossy(&content).into_owned());
            }
        }
    }
    found
}

#[test]
fn everything_rendered_is_below_one_folder_and_all_else_stays() {
    let sandbox = tree();
    let before = files(&sandbox.path(""), "deploy");
    let check = sandbox.run(&["render", "--check"]);
    assert_eq!(check.code, 1, "{check:#?}");
    assert!(!sandbox.path("deploy").exists(), "a check writes nothing");
    assert_eq!(sandbox.run(&["render"]).code, 0);
    assert_eq!(files(&sandbox.path(""), "deploy"), before);
    for file in [
        ".containerignore",
        ".gitignore",
        "config/hub.yaml",
        "config/README.md",
        "config/stack.schema.json",
        "docker/Dockerfile.base",
        "docker/Dockerfile.ear",
        "docker/podman-compose.home.yml",
        "docker/kube/kustomization.yaml",
        "docker/no_secrets.py",
        "docker/quadlet/home/small-hub.container",
        "scripts/deploy_home.sh",
        "smoke/checks.schema.json",
    ] {
        assert!(sandbox.path("deploy").join(file).is_file(), "{file}");
    }
    let check = sandbox.run(&["render", "--check"]);
    assert_eq!((check.code, check.stdout.as_str()), (0, ""), "{check:#?}");
    let again = sandbox.run(&["render"]);
    assert!(again.stderr.contains("0 files changed"), "{again:#?}");
    assert_eq!(files(&sandbox.path(""), "deploy"), before);
}

#[test]
fn rendered_files_name_the_folder_the_stack_and_the_program_as_they_are_there() {
    let sandbox = tree();
    assert_eq!(sandbox.run(&["render", "--output", "ops/out"]).code, 0);
    let rendered = files(&sandbox.path("ops/out"), ".work");
    for (path, text) in &rendered {
        assert!(!text.contains("cargo xtask"), "{path}:\n{text}");
        assert!(!text.contains("config/stack.yaml"), "{path}:\n{text}");
        assert!(
            text.contains("rendered by `ai-system render` from stack.yaml"),
            "{path}"
        );
    }
    let text = |path: &str| rendered[path].clone();
    let group = text("docker/Dockerfile.hub");
    for line in [
        "-f ops/out/docker/Dockerfile.hub .",
        "source=ops/out/docker,target=/mnt/docker",
        "COPY [\"ops/out/config/hub.yaml\"",
        "rm -rf /app/ops/out;",
    ] {
        assert!(group.contains(line), "{line} in\n{group}");
    }
    assert!(
        text("docker/Dockerfile.base").contains("COPY --chmod=0711 ops/out/docker/supervisor/bin/agent-supervisor")
    );
    assert!(text("scripts/deploy_home.sh").contains("/../../..\""));
    assert!(text("scripts/README.md").contains("](../../../stack.yaml)"));
    assert!(text("config/README.md").contains("[stack.yaml](../../../stack.yaml)"));
    let ignored = text(".containerignore");
    let patterns: Vec<&str> = ignored.lines().collect();
    assert!(
        patterns.contains(&"ops/out/.work") && !patterns.contains(&"target"),
        "{ignored}"
    );
    for document in ["scripts/README.md", "config/README.md"] {
        let folder = sandbox.path("ops/out").join(document);
        for link in links(&text(document)) {
            assert!(folder.parent().unwrap().join(&link).exists(), "{link} of {document}");
        }
    }
}

/// Relative links of a document.
fn links(text: &str) -> Vec<String> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links
        .map(|(link, _)| link.split('#').next().unwrap_or_default().to_owned())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .collect()
}

#[test]
fn the_folder_is_found_again_and_a_second_one_is_refused() {
    let sandbox = tree();
    assert_eq!(sandbox.run(&["render", "--output", "out"]).code, 0);
    for arguments in [&["render", "--check"][..], &["render"]] {
        assert_eq!(sandbox.run(arguments).code, 0, "{arguments:?}");
    }
    assert!(!sandbox.path("deploy").exists());
    // From a folder below, paths are relative to that folder, as everywhere.
    let output = sandbox
        .command(&["render", "--check", "--output", "../out"])
        .current_dir(sandbox.path("agents"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{:#?}", sandbox.ran(&output));
    sandbox.run(&["render", "--output", "other"]).fails_with(
        2,
        &[
            "files are rendered into `out` already",
            "hint: move that folder to `other`",
        ],
    );
    std::fs::rename(sandbox.path("out"), sandbox.path("other")).unwrap();
    let moved = sandbox.run(&["render"]);
    assert!(
        moved.code == 0 && moved.stderr.contains("rendered other/docker/Dockerfile.hub"),
        "{moved:#?}"
    );
    assert!(!sandbox.path("out").exists());
    put(
        &sandbox,
        "copy/.rendered.json",
        &std::fs::read_to_string(sandbox.path("other/.rendered.json")).unwrap(),
    );
    sandbox.run(&["render"]).fails_with(
        2,
        &["more than one folder", "`copy`, `other`", "hint: remove all but one"],
    );
    std::fs::remove_dir_all(sandbox.path("copy")).unwrap();
    for folder in [".", "..", "/tmp/elsewhere", "a b", "a/b/c"] {
        sandbox.run(&["render", "--output", folder]).fails_with(
            2,
            &[&format!("`{folder}` cannot be the folder of rendered files"), "hint:"],
        );
    }
}

#[test]
fn a_folder_with_files_of_others_is_refused_and_left_as_it_is() {
    for (path, folder) in [
        ("deploy/agent.py", "deploy"),
        ("deploy/docker/Dockerfile.base", "deploy"),
        ("out", "out"),
    ] {
        let sandbox = tree();
        put(&sandbox, path, "print('theirs')\n");
        let before = files(&sandbox.path(""), "");
        let ran = sandbox.run(&["render", "--output", folder]);
        ran.fails_with(
            4,
            &[
                &format!("{folder}`"),
                "hint: name another folder, once: `render --output DIR`",
            ],
        );
        sandbox.fake_podman(EMPTY_HOST);
        if folder == "deploy" {
            for command in ["build-images", "lock", "doctor", "up", "down", "status"] {
                sandbox.run(&[command]);
            }
        }
        std::fs::remove_file(sandbox.path("bin/podman")).unwrap();
        // Locks stand in XDG_RUNTIME_DIR, which is here as well.
        std::fs::remove_dir_all(sandbox.path("ai-system-xtask")).ok();
        assert_eq!(files(&sandbox.path(""), ""), before, "{path}");
    }
}

#[test]
fn files_of_a_group_that_is_gone_go_and_those_of_people_stay() {
    let sandbox = tree();
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let header = std::fs::read_to_string(sandbox.path("deploy/docker/Dockerfile.ear")).unwrap();
    let header = header.lines().next().unwrap().to_owned();
    // Copied from a rendered file, header and all, and never rendered.
    put(
        &sandbox,
        "deploy/docker/Dockerfile.mine",
        &format!("{header}\nFROM scratch\n"),
    );
    put(&sandbox, "deploy/smoke/phase3.yaml", "phase: 3\nchecks: []\n");
    // Rendered, and changed by hand since.
    sandbox.edit("deploy/config/ear.yaml", "version:", "# kept\nversion:");
    let stack = std::fs::read_to_string(sandbox.path("stack.yaml")).unwrap();
    let without: String = stack
        .lines()
        .filter(|line| !line.starts_with("  ear:"))
        .flat_map(|line| [line, "\n"])
        .collect();
    put(&sandbox, "stack.yaml", &without);
    sandbox.edit("startup.yaml", "  - {name: Ear,", "  # - {name: Ear,");
    let check = sandbox.run(&["render", "--check"]);
    assert_eq!(check.code, 1, "{check:#?}");
    assert!(
        check.stdout.contains("--- deploy/docker/Dockerfile.ear"),
        "{}",
        check.stdout
    );
    assert!(!check.stdout.contains("Dockerfile.mine"), "{}", check.stdout);
    let render = sandbox.run(&["render"]);
    assert_eq!(render.code, 0, "{render:#?}");
    assert!(
        render.stderr.contains("removed deploy/docker/Dockerfile.ear"),
        "{}",
        render.stderr
    );
    assert!(
        render
            .stderr
            .contains("`deploy/config/ear.yaml` is not rendered any longer, and was changed"),
        "{}",
        render.stderr
    );
    for path in [
        "deploy/docker/Dockerfile.mine",
        "deploy/smoke/phase3.yaml",
        "deploy/config/ear.yaml",
    ] {
        assert!(sandbox.path(path).is_file(), "{path}");
    }
    assert!(!sandbox.path("deploy/docker/Dockerfile.ear").exists());
    let check = sandbox.run(&["render", "--check"]);
    assert_eq!(check.code, 0, "{check:#?}");
}

#[test]
fn a_file_of_people_in_the_place_of_a_rendered_one_is_not_written_over() {
    let sandbox = tree();
    assert_eq!(sandbox.run(&["render"]).code, 0);
    let stack = std::fs::read_to_string(sandbox.path("stack.yaml")).unwrap();
    put(&sandbox, "deploy/docker/Dockerfile.eye", "FROM scratch\n");
    put(&sandbox, "stack.yaml", &stack.replace("  ear:", "  eye:"));
    let before = files(&sandbox.path("deploy"), ".work");
    sandbox.run(&["render"]).fails_with(
        2,
        &[
            "not rendered by this program: `deploy/docker/Dockerfile.eye`",
            "hint: move it elsewhere",
        ],
    );
    assert_eq!(files(&sandbox.path("deploy"), ".work"), before);
}

#[test]
fn the_folder_is_no_part_of_the_tree() {
    let sandbox = tree();
    let listed = |sandbox: &Sandbox| {
        let ran = sandbox.run(&["audit", "--no-ignore", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:#?}"));
        (document["findings"].clone(), document["python_files"].clone())
    };
    let before = listed(&sandbox);
    assert_eq!(sandbox.run(&["render"]).code, 0);
    // Whatever is put there: it is not the tree's.
    put(&sandbox, "deploy/.work/pyc/x.py", "def broken(:\n");
    put(&sandbox, "deploy/broken.py", "def broken(:\n");
    assert_eq!(listed(&sandbox), before);
    let named = sandbox.run(&["images", "why", "hub", "deploy/broken.py"]);
    assert_eq!(named.code, 1, "{named:#?}");
    assert!(named.stdout.contains("does not hold `deploy/broken.py`"), "{named:#?}");
}

#[test]
fn what_is_longer_than_the_terminal_is_paged_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.edit(
        "tests/ai_system/pc2_code/agents/health_monitor.py",
        "import time\n",
        "import time\nundefined_all_along\n",
    );
    let paged = sandbox.path("paged");
    let run = |arguments: &[&str], pager: &str, rows: u16| {
        let _ = std::fs::remove_file(&paged);
        let mut command = sandbox.command(arguments);
        command.env("PAGER", pager).env("NO_COLOR", "1");
        let (status, text) = OnTerminal::start(command, 80, rows).end();
        (status.code(), text, std::fs::read_to_string(&paged).ok())
    };
    let pager = "cat > paged";
    let (code, text, read) = run(&["audit", "--output", "full"], pager, 10);
    assert_eq!(code, Some(1), "{text}");
    let read = read.unwrap();
    assert!(
        read.contains("undefined_all_along") && !text.contains("undefined_all_along"),
        "{text}\n{read}"
    );
    for (arguments, pager, rows) in [
        (&["audit", "--output", "full", "--no-pager"][..], pager, 10),
        (&["audit", "--output", "full"], "cat", 10),
        (&["audit", "--output", "full"], "", 10),
        (&["audit", "--output", "full"], pager, 2_000),
        (&["audit", "--format", "json"], pager, 10),
    ] {
        let (code, text, read) = run(arguments, pager, rows);
        assert_eq!((code, read), (Some(1), None), "{arguments:?} {pager}");
        assert!(text.contains("undefined_all_along"), "{arguments:?} {pager}: {text}");
    }
    // Links are made where the terminal has them; what a tree says is no part of one.
    let linked = |force: &str| {
        let mut command = sandbox.command(&["audit", "--output", "full", "--no-pager"]);
        command.env("FORCE_HYPERLINK", force).env("NO_COLOR", "1");
        OnTerminal::start(command, 200, 50).end().1
    };
    let text = linked("1");
    for link in [
        "health_monitor.py\u{1b}\\",
        "#startundefined-name\u{1b}\\start/undefined-name\u{1b}]8;;\u{1b}\\",
    ] {
        assert!(text.contains(link), "{link:?} in {text:?}");
    }
    assert!(!linked("0").contains("\u{1b}]8") && !linked("").contains("\u{1b}]8"));
    // One that is not there has shown nothing.
    let (code, text, _) = run(&["audit", "--output", "full"], "no-such-pager", 10);
    assert!(code == Some(1) && text.contains("undefined_all_along"), "{text}");
    let _ = std::fs::remove_file(&paged);
    let piped = sandbox
        .command(&["audit", "--output", "full"])
        .env("PAGER", "cat > paged")
        .output()
        .unwrap();
    assert!(piped.status.code() == Some(1) && !paged.exists());
}
