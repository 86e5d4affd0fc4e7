//! What of the tree no image gets, and what an image holds that nobody may get.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::findings::counted;
use crate::images::secret::Secret;
use crate::stack::selection::Out;

/// Files that are told one by one; of more, the number is told.
const MOST: usize = 10;

/// A file that no image gets.
#[derive(Debug, Clone, Serialize)]
pub struct LeftOutFile {
    path: String,
    why: String,
    secret: bool,
}

/// The files for a document.
#[must_use]
pub fn rows(left_out: &BTreeMap<String, Out>) -> Vec<LeftOutFile> {
    let row = |(path, why): (&String, &Out)| LeftOutFile {
        path: path.clone(),
        why: why.words(),
        secret: matches!(why, Out::Secret(_)),
    };
    left_out.iter().map(row).collect()
}

/// The files in words; nothing where there are none.
#[must_use]
pub fn text(left_out: &BTreeMap<String, Out>) -> Option<String> {
    if left_out.is_empty() {
        return None;
    }
    let mut text = format!("no image gets {} of the tree:", counted(left_out.len(), "file"));
    for (path, why) in left_out.iter().take(MOST) {
        text.push_str(&format!("\n  `{}` {}", path.escape_debug(), why.words()));
    }
    text.push_str(&more(left_out.len()));
    if let Some((path, _)) = left_out.iter().find(|(_, why)| matches!(why, Out::Secret(_))) {
        text.push_str(&format!(
            "\n  hint: keep secrets out of the code folders; one that images have to hold is named one by one: \
             `include: [{}]` under `images:`",
            path.escape_debug()
        ));
    }
    Some(text)
}

/// Why images are not handed on; nothing where none holds a secret.
#[must_use]
pub fn secrets_text(found: &BTreeSet<Secret>) -> Option<String> {
    let first = found.first()?;
    let mut text = "nothing was saved or pushed, because images hold what looks like a secret:".to_owned();
    for secret in found.iter().take(MOST) {
        let (path, why) = (secret.path.escape_debug(), &secret.why);
        text.push_str(&format!("\n  `{path}` in `{}`: {why}", secret.image));
    }
    text.push_str(&more(found.len()));
    text.push_str(&format!(
        "\n  hint: `cargo xtask build-images --no-cache` builds them without; what they have to hold is named one by one: \
         `include: [{}]` under `images:`",
        first.path.escape_debug()
    ));
    Some(text)
}

fn more(all: usize) -> String {
    match all.saturating_sub(MOST) {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    }
}
