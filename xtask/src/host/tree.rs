//! The files of the tree that images get: digesting them, copying them into a build context.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rayon::prelude::*;

use super::files::FileError;
use super::process;
use super::tree_root::{Kind, LONGEST_TEXT, Opened, TreeError, TreeRoot};
use super::tree_walk::{self, Walked, What};
use crate::images::digest;
use crate::images::files::{Entries, Entry};

/// Longest file that an image gets.
const LONGEST: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes that are digested at once.
const PIECE: usize = 256 * 1024;

/// Files of the tree as read once.
#[derive(Debug, Default)]
pub struct Read {
    /// What is at each path.
    pub entries: Entries,
    /// Contents of Python files, links to files among them.
    pub python: Vec<(String, Vec<u8>)>,
    /// What no image gets although it lies in a code folder, and why.
    pub skipped: Vec<Skipped>,
}

/// A path of a code folder that no image gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Path relative to the tree.
    pub path: String,
    /// Why, as a fragment of a sentence.
    pub why: String,
}

/// What became of one entry.
enum Seen {
    Entry(Entry, Option<Vec<u8>>),
    Skipped(String),
}

/// Opens a tree.
///
/// # Errors
/// When it is not a folder, or cannot be opened.
pub fn open(path: &Path) -> Result<TreeRoot, FileError> {
    TreeRoot::open(path).map_err(|error| on("open", path, error))
}

/// Reads and digests the files below `folders`, those that match a pattern of `exclude` left out.
///
/// # Errors
/// When a folder cannot be listed, leads out of the tree, or a file cannot be read.
pub fn read(tree: &TreeRoot, folders: &[String], exclude: &[glob::Pattern]) -> Result<Read, FileError> {
    let mut found: Vec<Walked> = Vec::new();
    for folder in folders {
        let folder = folder.trim_matches('/');
        let full = tree.path().join(folder);
        let root = tree.below(folder).map_err(|error| on("list", &full, error))?;
        let path = |below: &str| match folder {
            "" | "." => below.to_owned(),
            folder => format!("{folder}/{below}"),
        };
        let keep = |below: &str| !exclude.iter().any(|pattern| pattern.matches(&path(below)));
        for entry in tree_walk::walk(&root, &|_| true, &keep) {
            found.push(Walked {
                path: path(&entry.path),
                what: entry.what,
            });
        }
    }
    require_not_interrupted(tree.path())?;
    let all: Vec<(String, Seen)> = found
        .into_par_iter()
        .map(|Walked { path, what }| {
            let whiteout = path.split('/').any(|name| name.starts_with(".wh."));
            let seen = match what {
                _ if whiteout => Seen::Skipped("its name says in a layer that another file is removed".to_owned()),
                What::File => file(tree, &path)?,
                What::Link => link(tree, &path)?,
                What::Special(what) => Seen::Skipped(format!("it is {what}")),
                What::NotUtf8 => Seen::Skipped("its name is not UTF-8".to_owned()),
                What::Unreadable(why) => {
                    return Err(on(
                        "list",
                        &tree.path().join(&path),
                        TreeError::System(io::Error::other(why)),
                    ));
                }
            };
            Ok((path, seen))
        })
        .collect::<Result<_, FileError>>()?;
    let mut read = Read::default();
    for (path, seen) in all {
        match seen {
            Seen::Entry(entry, content) => {
                if let Some(content) = content {
                    read.python.push((path.clone(), content));
                }
                read.entries.insert(path, entry);
            }
            Seen::Skipped(why) => read.skipped.push(Skipped { path, why }),
        }
    }
    Ok(read)
}

fn file(tree: &TreeRoot, path: &str) -> Result<Seen, FileError> {
    let full = tree.path().join(path);
    let opened = match tree.open_listed(path) {
        Ok(opened) => opened,
        Err(TreeError::Special(what)) => return Ok(Seen::Skipped(format!("it is {what}"))),
        Err(error) => return Err(on("read", &full, error)),
    };
    if opened.length > LONGEST {
        return Ok(Seen::Skipped(format!(
            "it has {} bytes, and an image gets files of at most {LONGEST}",
            opened.length
        )));
    }
    let executable = opened.executable;
    if path.ends_with(".py") && opened.length <= LONGEST_TEXT {
        let content = opened.read(LONGEST_TEXT).map_err(|error| on("read", &full, error))?;
        let digest = digest::of(&content);
        return Ok(Seen::Entry(Entry::File { executable, digest }, Some(content)));
    }
    let digest = digest_of(opened).map_err(FileError::on("read", &full))?;
    Ok(Seen::Entry(Entry::File { executable, digest }, None))
}

fn link(tree: &TreeRoot, path: &str) -> Result<Seen, FileError> {
    let target = tree
        .link(path)
        .map_err(|error| on("read", &tree.path().join(path), error))?;
    // One that leads to nothing, or out of the tree, is the audit's to report: an image gets the link, never what is behind it.
    let content = match tree.kind(path) {
        Ok(Kind::File) if path.ends_with(".py") => tree.read(path, LONGEST_TEXT).ok(),
        _ => None,
    };
    Ok(Seen::Entry(Entry::Link(target), content))
}

/// The digest of a file that may be larger than memory.
fn digest_of(opened: Opened) -> io::Result<digest::Digest> {
    let mut hasher = digest::Stream::new();
    let mut file = opened.file.take(opened.length);
    let mut piece = vec![0; PIECE];
    loop {
        if process::interrupted() {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Copies the entries into `target`, and makes sure that what is copied is what was digested.
///
/// # Errors
/// When a file cannot be copied, or was changed since it was digested.
pub fn copy(tree: &TreeRoot, entries: &Entries, target: &Path) -> Result<(), FileError> {
    entries.par_iter().try_for_each(|(path, entry)| {
        let to = target.join(path);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).map_err(FileError::on("create", parent))?;
        }
        match entry {
            Entry::Link(link) => std::os::unix::fs::symlink(link, &to).map_err(FileError::on("create", &to)),
            Entry::File { executable, digest } => {
                let mut content = unchanged(tree, path, digest)?;
                let mut copied = File::create_new(&to).map_err(FileError::on("write", &to))?;
                io::copy(&mut content, &mut copied).map_err(FileError::on("write", &to))?;
                let mode = if *executable { 0o755 } else { 0o644 };
                copied
                    .set_permissions(std::fs::Permissions::from_mode(mode))
                    .map_err(FileError::on("write", &to))
            }
        }
    })
}

/// The content of a file, which ends in an error if it is not what was digested.
///
/// # Errors
/// When the file cannot be opened.
pub fn unchanged(tree: &TreeRoot, path: &str, digest: &str) -> Result<Unchanged, FileError> {
    let opened = tree
        .open_file(path)
        .map_err(|error| on("read", &tree.path().join(path), error))?;
    Ok(Unchanged {
        length: opened.length,
        file: opened.file.take(opened.length),
        hasher: digest::Stream::new(),
        digest: digest.to_owned(),
        path: path.to_owned(),
    })
}

/// A file of the tree that is compared with its digest while it is read.
#[derive(Debug)]
pub struct Unchanged {
    length: u64,
    file: io::Take<File>,
    hasher: digest::Stream,
    digest: digest::Digest,
    path: String,
}

impl Unchanged {
    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl io::Read for Unchanged {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if process::interrupted() {
            return Err(io::Error::other("interrupted"));
        }
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.hasher.finish() != self.digest {
            return Err(io::Error::other(format!(
                "`{}` was changed while the build began; run it again",
                self.path
            )));
        }
        Ok(read)
    }
}

/// What is wrong with a path of a tree, as an error about a file.
pub fn on(verb: &'static str, path: &Path, error: TreeError) -> FileError {
    FileError::on(verb, path)(error.into_io())
}

fn require_not_interrupted(path: &Path) -> Result<(), FileError> {
    if process::interrupted() {
        return Err(FileError::on("read", path)(io::ErrorKind::Interrupted.into()));
    }
    Ok(())
}
