//! What is rendered is what the services and the linters of their files take. The committed files of this repository are held to the same.

use std::path::{Path, PathBuf};

use super::*;
use crate::host::system::process::Program;

/// Every form of a repository.
fn subjects() -> Vec<Subject> {
    let mut all = Vec::new();
    for tree in ["", "systems/agents", "my agents/été", "a,b"] {
        for (source, baseline) in [(false, false), (true, false), (false, true), (true, true)] {
            let subject = Subject::new(tree).unwrap();
            all.push(subject.with_source(source).with_baseline(baseline));
        }
    }
    all
}

/// Runs a linter over files of a folder; it has nothing to say.
fn passes(program: &str, arguments: &[&str], folder: &Path, files: &[PathBuf]) {
    assert!(!files.is_empty(), "`{program}` has nothing to look at");
    let output = Program::new(program)
        .args(arguments)
        .args(files)
        .folder(folder)
        .run()
        .unwrap_or_else(|error| {
            panic!("{error}\n  hint: run `cargo xtask test --setup`, or pip install zizmor check-jsonschema pre-commit")
        });
    assert!(
        output.status.success(),
        "{program} {files:?}\n{}{}",
        output.stdout,
        output.stderr
    );
}

/// Holds files of a folder to what reads them.
fn check(folder: &Path, workflows: &[PathBuf], actions: &[PathBuf], jobs: &[PathBuf]) {
    let zizmor = [
        "--offline",
        "--no-progress",
        "--no-config",
        "--strict-collection",
        "--persona=pedantic",
    ];
    passes("zizmor", &zizmor, folder, workflows);
    passes(
        "check-jsonschema",
        &["--builtin-schema", "vendor.github-workflows"],
        folder,
        workflows,
    );
    let limited = ["--builtin-schema", "custom.github-workflows-require-timeout"];
    passes("check-jsonschema", &limited, folder, workflows);
    if !actions.is_empty() {
        passes("zizmor", &zizmor, folder, actions);
        passes(
            "check-jsonschema",
            &["--builtin-schema", "vendor.github-actions"],
            folder,
            actions,
        );
    }
    let gitlab = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"];
    passes("check-jsonschema", &gitlab, folder, jobs);
}

#[test]
fn rendered_pipelines_are_what_their_services_and_linters_take() {
    let folder = tempfile::tempdir().unwrap();
    let (mut workflows, mut jobs, mut hooks) = (Vec::new(), Vec::new(), Vec::new());
    for (number, subject) in subjects().iter().enumerate() {
        for service in [Service::Github, Service::Gitlab, Service::PreCommit] {
            for (path, text) in files(service, subject) {
                let at = folder.path().join(number.to_string()).join(path);
                std::fs::create_dir_all(at.parent().unwrap()).unwrap();
                std::fs::write(&at, &text).unwrap();
                match service {
                    Service::Github => workflows.push(at),
                    Service::Gitlab => jobs.push(at),
                    Service::PreCommit => hooks.push(at),
                }
            }
        }
    }
    assert_eq!((workflows.len(), jobs.len(), hooks.len()), (16, 32, 16));
    check(folder.path(), &workflows, &[], &jobs);
    passes("pre-commit", &["validate-config"], folder.path(), &hooks);
}

#[test]
fn the_files_of_this_repository_are_what_their_services_and_linters_take() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let at = |path: &str| vec![root.join(path)];
    check(
        &root,
        &at(".github/workflows/ci.yml"),
        &at("action.yml"),
        &at(".gitlab-ci.yml"),
    );
    passes(
        "pre-commit",
        &["validate-manifest"],
        &root,
        &at(".pre-commit-hooks.yaml"),
    );
}

#[test]
fn actions_of_others_are_named_by_commit_and_the_same_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut texts: Vec<String> = files(Service::Github, &Subject::default())
        .into_iter()
        .map(|file| file.1)
        .collect();
    texts.extend([read(".github/workflows/ci.yml"), read("action.yml")]);
    let mut commits = std::collections::BTreeMap::new();
    for line in texts.iter().flat_map(|text| text.lines()) {
        let Some(uses) = line.trim_start().trim_start_matches("- ").strip_prefix("uses: ") else {
            continue;
        };
        let (action, version) = uses.split_once('@').unwrap();
        let (commit, version) = version.split_once(" # v").unwrap();
        assert!(
            commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()),
            "{line}"
        );
        let known = commits
            .entry(action.to_owned())
            .or_insert((commit.to_owned(), version.to_owned()));
        assert_eq!(*known, (commit.to_owned(), version.to_owned()), "{action}");
    }
    assert_eq!(commits.len(), 3, "{commits:?}");
}

#[test]
fn the_audit_is_one_line_that_works_by_hand() {
    let line = |tree: &str, source, baseline| {
        let subject = Subject::new(tree).unwrap();
        subject.with_source(source).with_baseline(baseline).audit()
    };
    assert_eq!(line("", false, false), "ai-system audit");
    assert_eq!(
        line("a/b", true, true),
        "cargo xtask audit --tree a/b --path-prefix a/b --baseline audit-baseline.json --deny warnings"
    );
    assert_eq!(
        line("my tree", false, false),
        "ai-system audit --tree 'my tree' --path-prefix 'my tree'"
    );
    for (tree, odd) in [
        ("a: b", ':'),
        ("${{x}}", '$'),
        ("it's", '\''),
        ("a\nb", '\n'),
        ("a#", '#'),
        ("`id`", '`'),
    ] {
        assert_eq!(Subject::new(tree), Err(odd), "{tree}");
    }
}
