//! Files that make a CI service audit a repository: GitHub's workflows, GitLab's jobs, hooks of pre-commit. What a step runs works the
//! same by hand. Whether the files are there already, and who writes them, is not known here.

use minijinja::Error;

use crate::template::{environment, values};

#[cfg(test)]
mod tests;

/// The accepted findings of a repository, where its root has such a file.
pub const BASELINE: &str = "audit-baseline.json";

/// GitLab's own file, which includes the one that is rendered.
pub const GITLAB_ROOT: &str = ".gitlab-ci.yml";

/// Where the jobs of GitLab are.
pub const GITLAB_JOBS: &str = ".gitlab/ai-system.yml";

/// The oldest Rust that compiles this program.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Who runs the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// pre-commit, before each commit on the machine of its author.
    PreCommit,
}

impl Service {
    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::PreCommit => "pre-commit",
        }
    }
}

/// What a pipeline has to know of its repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The tree, relative to the root; nothing where it is the root itself.
    tree: Option<String>,
    /// The repository has this program's source, as the alias `cargo xtask`.
    has_source: bool,
    /// Its root has a [`BASELINE`].
    has_baseline: bool,
}

impl Subject {
    /// A repository whose tree is at that path below the root, empty for the root itself.
    ///
    /// # Errors
    /// When the path has characters that YAML, a shell or a service's expressions take for more than a part of a name; the first one.
    pub fn new(tree: &str) -> Result<Self, char> {
        let is_plain = |c: char| c.is_alphanumeric() || "_-./+@%=, ".contains(c);
        if let Some(odd) = tree.chars().find(|c| !is_plain(*c)) {
            return Err(odd);
        }
        Ok(Self {
            tree: (!tree.is_empty()).then(|| tree.to_owned()),
            ..Self::default()
        })
    }

    /// The same, in which the program is called as the alias of its own source.
    #[must_use]
    pub fn with_source(mut self, has_source: bool) -> Self {
        self.has_source = has_source;
        self
    }

    /// The same, in which what the baseline lists is accepted.
    #[must_use]
    pub fn with_baseline(mut self, has_baseline: bool) -> Self {
        self.has_baseline = has_baseline;
        self
    }

    /// Whether the pipeline has to be told where the program comes from.
    #[must_use]
    pub fn installs(&self) -> bool {
        !self.has_source
    }

    /// How the pipeline calls the program.
    fn program(&self) -> &'static str {
        if self.has_source { "cargo xtask" } else { "ai-system" }
    }

    /// The audit, as a line for a shell; with a baseline, all that is new fails.
    fn audit(&self) -> String {
        let mut line = format!("{} audit", self.program());
        if let Some(tree) = &self.tree {
            let tree = format!("'{tree}'");
            let tree = if tree.contains([' ', ',']) {
                &tree
            } else {
                tree.trim_matches('\'')
            };
            line += &format!(" --tree {tree} --path-prefix {tree}");
        }
        if self.has_baseline {
            line += &format!(" --baseline {BASELINE} --deny warnings");
        }
        line
    }
}

/// The files of a service: path below the repository's root, and text. A file that others may have, too, comes last.
#[must_use]
pub fn files(service: Service, subject: &Subject) -> Vec<(&'static str, String)> {
    match service {
        Service::Github => vec![(
            ".github/workflows/ai-system.yml",
            fill(include_str!("github.yml.j2"), subject),
        )],
        Service::Gitlab => vec![
            (GITLAB_JOBS, fill(include_str!("gitlab.yml.j2"), subject)),
            (
                GITLAB_ROOT,
                format!(
                    "# Made by `{} init --ci gitlab`; yours from now on.\n{}\n",
                    subject.program(),
                    gitlab_include()
                ),
            ),
        ],
        Service::PreCommit => vec![(
            ".pre-commit-config.yaml",
            fill(include_str!("pre_commit.yaml.j2"), subject),
        )],
    }
}

/// What GitLab's own file has to say.
#[must_use]
pub fn gitlab_include() -> String {
    format!("include:\n  - local: {GITLAB_JOBS}")
}

/// Fills in a template.
///
/// # Panics
/// When the template is wrong, which is an error in the program: all of them are rendered by its tests.
fn fill(template: &str, subject: &Subject) -> String {
    filled(template, subject)
        .unwrap_or_else(|error| panic!("a template of this program cannot be filled in: {error:#}"))
}

fn filled(template: &str, subject: &Subject) -> Result<String, Error> {
    let (program, audit, installs, rust) = (subject.program(), subject.audit(), subject.installs(), RUST);
    let text = environment()?.render_str(template, values! { program, audit, installs, rust })?;
    // Expressions of GitHub look like those of templates.
    Ok(text.replace("$[[", "${{").replace("]]", "}}"))
}
