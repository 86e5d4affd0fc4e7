//! `cargo xtask init --ci`: files that make a CI service audit the repository of a tree.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::Args;
use crate::cmd::{Context, Failure, Outcome};
use crate::host::tree::root::{LONGEST_TEXT, TreeError, TreeRoot};
use crate::pipelines::{self, BASELINE, GITLAB_JOBS, GITLAB_ROOT, Service, Subject};
use crate::report::exit::Exit;
use crate::report::pipelines as show;

/// A service, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Wanted {
    /// GitHub Actions: .github/workflows/ai-system.yml.
    Github,
    /// GitLab CI/CD: .gitlab/ai-system.yml, included by .gitlab-ci.yml.
    Gitlab,
    /// Hooks of pre-commit: .pre-commit-config.yaml.
    PreCommit,
}

impl From<Wanted> for Service {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Github => Self::Github,
            Wanted::Gitlab => Self::Gitlab,
            Wanted::PreCommit => Self::PreCommit,
        }
    }
}

/// Writes the files that are not there.
///
/// # Errors
/// When the tree cannot be read, its path cannot stand in such a file, or a file cannot be written.
pub fn run(args: &Args, context: &Context) -> Outcome {
    let tree = context.tree_option().unwrap_or(Path::new("."));
    super::open(tree)?;
    let tree = tree.canonicalize().unwrap_or_else(|_| tree.to_owned());
    let root = super::open(&repository_of(&tree))?;
    let below = tree.strip_prefix(root.path()).unwrap_or(Path::new(""));
    let subject = Subject::new(&below.to_string_lossy()).map_err(|odd| {
        Failure::wrong_use(format!(
            "the path `{}` has {odd:?}, which a file of a CI service cannot hold\n  hint: rename the folder",
            below.display()
        ))
    })?;
    let subject = subject
        .with_source(root.has_file("xtask/Cargo.toml") && root.has_file(".cargo/config.toml"))
        .with_baseline(root.has_file(BASELINE));
    let mut services: Vec<Service> = args.ci.iter().map(|wanted| Service::from(*wanted)).collect();
    services.sort_unstable();
    services.dedup();
    for service in services {
        for (path, text) in pipelines::files(service, &subject) {
            place(&root, path, &text, args.dry_run, context)?;
        }
        if !args.dry_run {
            context.printer.note(show::next(service, &subject));
        }
    }
    Ok(Exit::Success)
}

/// Writes a file that is not there; of one that is, shows the difference.
fn place(root: &TreeRoot, path: &str, text: &str, dry_run: bool, context: &Context) -> Outcome<()> {
    let there = match root.read(path, LONGEST_TEXT) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(TreeError::Missing) if dry_run => {
            context.printer.verbatim(&format!("# {path}\n{text}"));
            return Ok(());
        }
        Err(TreeError::Missing) => {
            root.write(path, text.as_bytes(), false)?;
            context.printer.step("wrote", path);
            return Ok(());
        }
        Err(error) => return Err(root.failed("read", Path::new(path), error).into()),
    };
    if there == text || path == GITLAB_ROOT && there.contains(GITLAB_JOBS) {
        context.printer.note(show::same(path));
        return Ok(());
    }
    if path == GITLAB_ROOT {
        context.printer.warn(show::to_include(path));
        return Ok(());
    }
    context
        .printer
        .verbatim(&show::difference(path, &there, text, context.printer.color_out));
    context.printer.warn(show::kept(path));
    Ok(())
}

/// The root of the Git repository that a folder is in; the folder itself where it is in none.
fn repository_of(folder: &Path) -> PathBuf {
    let mut above = folder.ancestors();
    let root = above.find(|above| above.join(".git").exists());
    root.unwrap_or(folder).to_owned()
}
