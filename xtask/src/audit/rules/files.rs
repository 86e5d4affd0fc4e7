//! Files that cannot be read, links that lead nowhere, texts that are no UTF-8.

use super::Facts;
use crate::audit::rule::rules;
use crate::finding::{Finding, Place, Subject};
use crate::python::tree::{Content, Entry, Language, Tree};
use crate::stack::yaml;

rules! {
    /// Finds links to something that is not there.
    ///
    /// Whatever opens or imports through the link fails, and an image gets the broken link as it is.
    ///
    /// Example: `agents/shared.py -> ../old/shared.py`, where `old` is gone.
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

    /// Finds links that lead out of the tree: absolute ones, and ones with too many `..`.
    ///
    /// An image holds the tree alone: there the link leads to nothing, or to something else. What is behind it on this host is never
    /// opened, whichever command reads the tree.
    ///
    /// Example: `models -> /mnt/models`, `settings.py -> ../../shared/settings.py`.
    ///
    /// Copy what it leads to into the tree, or remove the link.
    LEAVES = "files/link-leaves-tree", Warning, High, "a link that leads out of the tree";

    /// Finds pipes, sockets and devices, and links to them.
    ///
    /// Whoever reads a pipe or a device may wait for ever, or never come to its end. They are not read, and no image gets them.
    ///
    /// Remove it; programs make what they need of them when they run.
    SPECIAL = "files/special", Warning, High, "a pipe, a socket or a device";

    /// Finds files and folders whose names are not UTF-8.
    ///
    /// No config can name them and Python reads their names as something else. They are not read, and no image gets them.
    ///
    /// Rename it.
    BAD_NAME = "files/name-not-utf8", Warning, High, "a file name that is not UTF-8";

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
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.entries.iter().filter_map(|entry| one(facts.tree, entry)).collect()
}

fn one(tree: &Tree, entry: &Entry) -> Option<Finding> {
    let place = || Place::file(tree.shown(&entry.path));
    let path = &entry.path;
    let finding = match &entry.content {
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
        Content::Leaves(target) => LEAVES
            .finding(
                place(),
                format!("`{path}` is a link to `{target}`, which is outside the tree"),
            )
            .with_help("copy what it leads to into the tree, or remove the link"),
        Content::Special(what) => SPECIAL
            .finding(place(), format!("`{path}` is {what}, not a regular file"))
            .with_help("remove it: it is not read, and no image gets it"),
        Content::NotUtf8Name => BAD_NAME
            .finding(place(), format!("the name of `{path}` is not UTF-8"))
            .with_help("rename it: it is not read, and no image gets it"),
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
    };
    Some(finding.about(Subject::Path(path.clone())))
}
