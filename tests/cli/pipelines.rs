//! `init --ci`: what it writes where, what it leaves alone; and that the audit line of a pipeline names paths of the repository.

use std::path::Path;

use crate::init::{plant, two_machines};
use crate::sandbox::Sandbox;

/// A repository that Git knows, with its tree in a folder.
fn repository() -> Sandbox {
    let sandbox = Sandbox::empty();
    std::fs::create_dir(sandbox.path(".git")).unwrap();
    two_machines(&sandbox.path("systems/agents"));
    sandbox
}

fn read(sandbox: &Sandbox, path: &str) -> String {
    std::fs::read_to_string(sandbox.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn pipelines_stand_at_the_root_of_the_repository_and_name_the_tree() {
    let sandbox = repository();
    let dry = sandbox.run(&["init", "--tree", "systems/agents", "--ci", "github", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:#?}");
    assert!(
        dry.stdout.starts_with("# .github/workflows/ai-system.yml\n"),
        "{}",
        dry.stdout
    );
    assert!(!sandbox.path(".github").exists(), "a dry run writes nothing");
    let services = [
        "--ci",
        "github",
        "--ci",
        "gitlab",
        "--ci",
        "pre-commit",
        "--ci",
        "github",
    ];
    let made = sandbox.run(&[&["init", "--tree", "systems/agents"][..], &services].concat());
    assert_eq!((made.code, made.stderr.matches("wrote").count()), (0, 4), "{made:#?}");
    assert!(made.stderr.contains("AI_SYSTEM_REVISION"), "{}", made.stderr);
    let workflow = read(&sandbox, ".github/workflows/ai-system.yml");
    assert!(dry.stdout.ends_with(&workflow), "{workflow}");
    let line = "ai-system audit --tree systems/agents --path-prefix systems/agents --";
    for file in [
        ".github/workflows/ai-system.yml",
        ".gitlab/ai-system.yml",
        ".pre-commit-config.yaml",
    ] {
        assert!(read(&sandbox, file).contains(line), "{file}");
    }
    assert!(read(&sandbox, ".gitlab-ci.yml").contains("local: .gitlab/ai-system.yml"));
    let again = sandbox.run(&[&["init", "--tree", "systems/agents"][..], &services].concat());
    assert_eq!(
        (again.code, again.stderr.matches("is up to date").count()),
        (0, 4),
        "{again:#?}"
    );
    assert!(
        !sandbox.path("systems/agents/config").exists(),
        "no stack is written where pipelines are asked for"
    );
}

#[test]
fn what_others_wrote_is_kept_and_the_rest_is_said() {
    let sandbox = repository();
    let own = [
        (".gitlab-ci.yml", "stages: [test]\n"),
        (".pre-commit-config.yaml", "repos: []\n"),
        (".github/workflows/ai-system.yml", "name: mine\n"),
        ("audit-baseline.json", "{}\n"),
    ];
    plant(&sandbox.path(""), &own);
    let tree = sandbox.path("systems/agents");
    let output = sandbox
        .command(&["init", "--ci", "gitlab", "--ci", "pre-commit", "--ci", "github"])
        .current_dir(&tree)
        .output()
        .unwrap();
    let ran = sandbox.ran(&output);
    assert_eq!(ran.code, 0, "{ran:#?}");
    for (path, text) in own {
        assert_eq!(read(&sandbox, path), text, "{path}");
    }
    assert!(
        ran.stderr.contains("  - local: .gitlab/ai-system.yml"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("+repos:\n") || ran.stdout.contains("ai-system-audit"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("-name: mine"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("--baseline audit-baseline.json --deny warnings"),
        "{}",
        ran.stdout
    );
    assert!(sandbox.path(".gitlab/ai-system.yml").exists());
}

#[test]
fn without_git_the_tree_is_the_repository_and_odd_names_are_refused() {
    let sandbox = Sandbox::empty();
    two_machines(&sandbox.path("tree"));
    let made = sandbox.run(&["init", "--ci", "github", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    assert!(read(&sandbox, "tree/.github/workflows/ai-system.yml").contains("ai-system audit --format"));
    std::fs::create_dir(sandbox.path(".git")).unwrap();
    two_machines(&sandbox.path("${{ x }}"));
    sandbox
        .run(&["init", "--ci", "github", "--tree", "${{ x }}"])
        .fails_with(
            2,
            &[
                "has '$', which a file of a CI service cannot hold",
                "hint: rename the folder",
            ],
        );
    sandbox
        .run(&["init", "--ci", "github", "--tree", "nowhere"])
        .fails_with(2, &["cannot read the tree `nowhere`"]);
    // A workflow that would lead out of the repository is not written.
    std::os::unix::fs::symlink("/", sandbox.path(".gitlab")).unwrap();
    let ran = sandbox.run(&["init", "--ci", "gitlab", "--tree", "tree"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    assert!(
        !Path::new("/ai-system.yml").exists() && ran.stderr.contains("leads out of"),
        "{}",
        ran.stderr
    );
}

#[test]
fn paths_for_programs_start_at_the_root_of_the_repository() {
    let sandbox = repository();
    sandbox.edit(
        "systems/agents/main_pc_code/agents/hub.py",
        "import json",
        "import jsonn\nimport json",
    );
    for prefix in ["systems/agents", "./systems/agents/"] {
        for format in ["github", "gitlab", "sarif", "rdjson"] {
            let arguments = [
                "audit",
                "--tree",
                "systems/agents",
                "--path-prefix",
                prefix,
                "--format",
                format,
            ];
            let ran = sandbox.run(&arguments);
            assert_eq!(ran.code, 1, "{ran:#?}");
            let (path, doubled) = ("systems/agents/main_pc_code/agents/hub.py", "agents/systems");
            assert!(
                ran.stdout.contains(path) && !ran.stdout.contains(doubled),
                "{format}: {}",
                ran.stdout
            );
        }
    }
    // The default of the action: the workspace is the tree.
    let output = sandbox
        .command(&["audit", "--tree", ".", "--path-prefix", ".", "--format", "github"])
        .current_dir(sandbox.path("systems/agents"))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("file=main_pc_code/agents/hub.py,"));
}

#[test]
fn steps_of_the_main_job_are_folded_where_a_runner_reads_along() {
    let sandbox = Sandbox::new();
    sandbox.fake_podman("case \"$1\" in info) echo 'false v1' ;; *) echo '[]' ;; esac");
    let run = |variable: &str| {
        let output = sandbox.command(&["ci"]).env(variable, "true").output().unwrap();
        let ran = sandbox.ran(&output);
        assert_ne!(ran.code, 0, "{ran:#?}");
        ran.stderr
    };
    let github = run("GITHUB_ACTIONS");
    let at = |line: &str| github.lines().position(|known| known == line);
    let (begin, end) = (at("::group::doctor"), at("::endgroup::"));
    assert!(begin.is_some() && end > begin, "{github}");
    assert!(github.contains("\n::error title=ci::`"), "{github}");
    let gitlab = run("GITLAB_CI");
    let begin = gitlab.find(":doctor[collapsed=true]\r\u{1b}[0Kdoctor\n");
    let end = gitlab.find(":doctor\r\u{1b}[0K\n");
    assert!(begin.is_some() && end > begin, "{gitlab}");
    assert!(gitlab.contains("\u{1b}[0Ksection_start:1"), "{gitlab}");
    let plain = run("OTHER");
    assert!(!plain.contains("section_") && !plain.contains("::group"), "{plain}");
}
