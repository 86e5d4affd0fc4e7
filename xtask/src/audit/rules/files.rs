//! Files that cannot be read, links that lead nowhere, texts that are no UTF-8.

use crate::audit::rule::rules;
use crate::audit::tree::{Content, Entry, Language, Tree};
use crate::finding::{Finding, Place};
use crate::stack::yaml;

rules! {
    /// Finds links to something that is not there.
    ///
    /// Whatever opens or imports through the link fails, and an image gets the broken link as it is.
    ///
    /// Example: `agents/shared.py -> ../../old/shared.py`, where `old` is gone.
    ///
    /// Remove the link, or let it lead to a file of the tree.
    DANGLING = "files/dangling-link", Warning, High, "a link to something that is not there";

    /// Finds links that lead back to themselves or to a folder that holds them.
    ///
    /// Programs that walk the tree run in circles.
    ///
    /// Example: `main_pc_code/src -> .`.
    ///
    /// Remove the link.
    LOOP = "files/link-cycle", Warning, High, "a link that leads back to itself";

    /// Finds files and folders that cannot be read.
    ///
    /// Nothing is known about what is in them; the image build fails on them too.
    ///
    /// Give yourself the permission (`chmod u+r`), or leave the file out under `audit: exclude:`.
    UNREADABLE = "files/unreadable", Warning, High, "a file or folder that cannot be read";

    /// Finds YAML files, shell scripts, Dockerfiles and requirements files that are not UTF-8. (Python files are judged as
    /// Python judges them, by the rules of `start/`.)
    ///
    /// What reads them as UTF-8 fails, or sees other characters than were meant.
    ///
    /// Save the file as UTF-8.
    ENCODING = "files/not-utf8", Warning, High, "a text file that is not UTF-8";
}

/// Every rule of this file.
#[must_use]
pub fn check(tree: &Tree, entries: &[Entry]) -> Vec<Finding> {
    entries.iter().filter_map(|entry| one(tree, entry)).collect()
}

fn one(tree: &Tree, entry: &Entry) -> Option<Finding> {
    let place = || Place::file(tree.shown(&entry.path));
    let path = &entry.path;
    Some(match &entry.content {
        Content::Unread => return None,
        Content::Dangling(target) => DANGLING
            .finding(place(), format!("`{path}` is a link to `{target}`, which is not there"))
            .with_help("remove the link, or let it lead to a file of the tree"),
        Content::Loop(target) => LOOP
            .finding(
                place(),
                format!("`{path}` is a link to `{target}`, which leads back to it"),
            )
            .with_help("remove the link"),
        Content::Unreadable(why) => UNREADABLE
            .finding(place(), format!("`{path}` cannot be read: {why}"))
            .with_help("make it readable, or leave it out under `audit: exclude:` of the stack"),
        Content::Bytes(bytes) => {
            if Language::of(path).is_none_or(|language| language == Language::Python) {
                return None;
            }
            let finding = *yaml::decode(&tree.shown(path), bytes).err()?;
            ENCODING
                .finding(finding.place, "this byte is not UTF-8")
                .with_help("save the file as UTF-8")
        }
    })
}
