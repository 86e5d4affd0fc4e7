//! What Git says about a folder.

use std::path::Path;

use super::process::{ProcessError, Program};

/// Files below a folder that differ from what is committed, as `git status` shows them; nothing where the folder is in no
/// work tree, or there is no Git.
///
/// # Errors
/// When Git runs and fails in another way.
pub fn changed(folder: &Path) -> Result<Option<Vec<String>>, ProcessError> {
    let inside = Program::new("git")
        .args(["rev-parse", "--is-inside-work-tree"])
        .folder(folder)
        .read();
    if !inside.is_ok_and(|answer| answer.trim() == "true") {
        return Ok(None);
    }
    let text = Program::new("git")
        .args(["status", "--porcelain", "--", "."])
        .folder(folder)
        .read()?;
    Ok(Some(text.lines().map(|line| line.trim().to_owned()).collect()))
}
