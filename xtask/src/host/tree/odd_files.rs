//! What files of a tree are besides their names: which begin like a private key, and where links lead.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rayon::prelude::*;

use super::root::TreeRoot;
use crate::python::facts::Odd;
use crate::stack::{normal, secret};

/// Looks at these files, relative to the tree; at the beginning of each alone, and at none that is no regular file.
#[must_use]
pub fn look(tree: &TreeRoot, paths: &[&str]) -> Odd {
    enum Is {
        Link(String),
        Key(&'static str),
    }
    let found: Vec<(&&str, Is)> = paths
        .par_iter()
        .filter_map(|path| {
            if tree.link(path).is_ok() {
                return Some((path, Is::Link(leads_to(tree, path)?)));
            }
            let opened = tree.open_file(path).ok()?;
            Some((path, Is::Key(begins_like(path, &opened.file).ok()??)))
        })
        .collect();
    let mut odd = Odd::default();
    for (path, is) in found {
        match is {
            Is::Link(target) => drop(odd.links.insert((*path).to_owned(), target)),
            Is::Key(why) => drop(odd.keys.insert((*path).to_owned(), why)),
        }
    }
    odd
}

/// The path of the tree that a link leads to, as it is written; nothing where it is absolute or leaves the tree.
#[must_use]
pub fn leads_to(tree: &TreeRoot, path: &str) -> Option<String> {
    let target = tree.link(path).ok()?;
    let target = target.to_str().filter(|target| !target.starts_with('/'))?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let target = normal(&format!("{folder}/{target}"));
    (!target.starts_with("..")).then_some(target)
}

/// What a regular file begins like: a secret of which kind. Where it is read from next does not change.
///
/// # Errors
/// When it cannot be read.
pub fn begins_like(path: &str, file: &File) -> io::Result<Option<&'static str>> {
    let mut head = vec![0; secret::HEAD];
    let mut filled = 0;
    loop {
        match file.read_at(&mut head[filled..], u64::try_from(filled).unwrap_or(u64::MAX)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(secret::by_content(path, &head[..filled]))
}
