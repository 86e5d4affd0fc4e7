//! What `init --ci` says.

use super::diff;
use crate::pipelines::{BASELINE, Service, Subject, gitlab_include};

/// A file that is there and says all that it has to.
#[must_use]
pub fn same(path: &str) -> String {
    format!("`{path}` is up to date")
}

/// A file of somebody's that is there.
#[must_use]
pub fn kept(path: &str) -> String {
    format!("`{path}` is kept as it is: nothing is overwritten\n  hint: take over what the difference adds")
}

/// The difference between that file and what would be written.
#[must_use]
pub fn difference(path: &str, there: &str, rendered: &str, color: bool) -> String {
    diff::labelled(path, "rendered now", there, rendered, color)
}

/// What a file of GitLab's that is there has to say besides.
#[must_use]
pub fn to_include(path: &str) -> String {
    format!(
        "`{path}` is kept as it is: nothing is overwritten\n  hint: add to it\n{}",
        gitlab_include()
            .lines()
            .map(|line| format!("    {line}\n"))
            .collect::<String>()
            .trim_end_matches('\n')
    )
}

/// What is still to be done by hand.
#[must_use]
pub fn next(service: Service, subject: &Subject) -> String {
    let mut lines = Vec::new();
    if subject.installs() {
        lines.push(match service {
            Service::PreCommit => "next: `pre-commit install`, on machines that have `ai-system` on PATH".to_owned(),
            _ => "next: set the variables AI_SYSTEM_SOURCE and AI_SYSTEM_REVISION, which the file explains".to_owned(),
        });
    } else if service == Service::PreCommit {
        lines.push("next: `pre-commit install`".to_owned());
    }
    lines.push(format!(
        "to accept what is found today: `cargo xtask audit --write-baseline {BASELINE}`, then remove the file and render it again"
    ));
    lines.join("\n")
}
