//! The files of the tree that images get: digesting them, copying them into a build context.

pub mod audit_files;
pub mod changes;
pub mod confirm;
pub mod evidence;
pub mod named_place;
pub mod odd_files;
pub mod parts;
pub mod rendered_files;
pub mod root;
pub mod secret_files;
pub mod stack_files;
pub mod walk;
pub mod watched;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rayon::prelude::*;

use self::rendered_files::is_output;
use self::root::{Kind, LONGEST_TEXT, Opened, TreeError, TreeRoot};
use self::walk::{Walked, What};
use super::system::files::FileError;
use super::system::process;
use crate::images::digest;
use crate::images::files::{Entries, Entry};
use crate::python::facts::Odd;
use crate::stack::selection::{ENVIRONMENT_MARK, LeftOut, Out, Selection};
use crate::stack::{normal, secret};

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
    /// What no image gets although it lies where images get theirs from, and why.
    pub left_out: Vec<LeftOut>,
    /// Which files are secrets by their content, though named one by one, and where links lead.
    pub odd: Odd,
}

/// What became of one entry.
enum Seen {
    /// It goes into images: what it is, its content where that is Python, and what it begins like, where that is a secret.
    Entry(Entry, Option<Vec<u8>>, Option<&'static str>),
    LeftOut(Out),
}

/// Opens a tree.
///
/// # Errors
/// When it is not a folder, or cannot be opened.
pub fn open(path: &Path) -> Result<TreeRoot, FileError> {
    TreeRoot::open(path).map_err(|error| on("open", path, error))
}

/// Reads and digests all files below `folders`.
///
/// # Errors
/// When a folder cannot be listed, leads out of the tree, or a file cannot be read.
pub fn read_all(tree: &TreeRoot, folders: &[String]) -> Result<Entries, FileError> {
    let found = list(tree, folders, &|_| true)?;
    let seen = look(tree, found)?;
    let entry = |(path, seen)| match seen {
        Seen::Entry(entry, ..) => Some((path, entry)),
        Seen::LeftOut(_) => None,
    };
    Ok(seen.into_iter().filter_map(entry).collect())
}

/// Reads and digests a file, or all that is in a folder: nothing of it is left out.
///
/// # Errors
/// When it is not there, something of it cannot be read or be in an image, or a file of a folder looks like a secret.
pub fn read_whole(tree: &TreeRoot, path: &str) -> Result<Entries, FileError> {
    let named = tree.has_file(path);
    let found = match named {
        true => vec![Walked {
            path: path.to_owned(),
            what: What::File,
        }],
        false => list(tree, &[path.to_owned()], &|_| true)?,
    };
    let refused = |path: &str, why: String| {
        on(
            "take",
            &tree.path().join(path),
            TreeError::System(io::Error::other(why)),
        )
    };
    let mut entries = Entries::new();
    for (path, seen) in look(tree, found)? {
        match seen {
            Seen::LeftOut(out) => return Err(refused(&path, format!("it {}", out.words()))),
            Seen::Entry(entry, _, begins) => {
                let secret = begins.or_else(|| secret::by_name(&path)).filter(|_| !named);
                if let Some(why) = secret {
                    let why = format!(
                        "it looks like a secret (`{why}`): name files one by one, or remove it from the folder"
                    );
                    return Err(refused(&path, why));
                }
                entries.insert(path, entry);
            }
        }
    }
    Ok(entries)
}

/// Reads and digests the files below `folders` and those of `beside`, as far as the selection lets images hold them.
///
/// # Errors
/// When a folder cannot be listed, leads out of the tree, or a file cannot be read.
pub fn read(
    tree: &TreeRoot,
    folders: &[String],
    beside: &BTreeSet<&str>,
    selection: Selection,
) -> Result<Read, FileError> {
    let enter = |path: &str| {
        let environment = tree.has_file(Path::new(path).join(ENVIRONMENT_MARK)) && !selection.names_below(path);
        !environment && !selection.skips_folder(path) && !is_output(tree, path)
    };
    let mut found = list(tree, folders, &enter)?;
    let known: BTreeSet<String> = found.iter().map(|found| found.path.clone()).collect();
    for path in beside.iter().filter(|path| !known.contains(**path)) {
        // Listed as files when the stack was read, links to files among them.
        let what = if tree.link(path).is_ok() {
            What::Link
        } else {
            What::File
        };
        found.push(Walked {
            path: (*path).to_owned(),
            what,
        });
    }
    let mut read = Read::default();
    for found in found.iter().filter(|found| found.what == What::Link) {
        if let Some(target) = odd_files::leads_to(tree, &found.path) {
            read.odd.links.insert(found.path.clone(), target);
        }
    }
    let links = read.odd.links.iter();
    let selection = selection.with_links(links.map(|(link, target)| (link.as_str(), target.as_str())));
    found.retain(|found| match selection.look(&found.path) {
        Ok(_) => true,
        Err(why) => {
            let path = found.path.clone();
            read.left_out.extend(is_told(&why).then_some(LeftOut { path, why }));
            false
        }
    });
    for (path, seen) in look(tree, found)? {
        match seen {
            Seen::Entry(entry, content, secret) => {
                read.odd.keys.extend(secret.map(|why| (path.clone(), why)));
                if let Some(why) = secret.filter(|_| !selection.is_named(&path)) {
                    let why = Out::Secret(format!("it holds {why}"));
                    read.left_out.push(LeftOut { path, why });
                    continue;
                }
                read.python.extend(content.map(|content| (path.clone(), content)));
                read.entries.insert(path, entry);
            }
            Seen::LeftOut(why) => read.left_out.push(LeftOut { path, why }),
        }
    }
    leave_out_links(&mut read);
    read.left_out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(read)
}

/// A link to a secret says where one is, and leads to nothing in an image.
fn leave_out_links(read: &mut Read) {
    loop {
        let secrets: BTreeSet<&str> = read
            .left_out
            .iter()
            .filter(|left| matches!(left.why, Out::Secret(_)))
            .map(|left| left.path.as_str())
            .collect();
        let links = read.odd.links.iter();
        let more: Vec<(String, String)> = links
            .filter(|(link, target)| read.entries.contains_key(*link) && secrets.contains(target.as_str()))
            .map(|(link, target)| (link.clone(), target.clone()))
            .collect();
        if more.is_empty() {
            break;
        }
        for (path, target) in more {
            read.entries.remove(&path);
            let why = Out::Secret(format!("it leads to `{target}`, which is one"));
            read.left_out.push(LeftOut { path, why });
        }
    }
    let entries = &read.entries;
    read.python.retain(|(path, _)| entries.contains_key(path));
}

/// Whether it is worth a word that a file is left out: what tools leave behind, and what the stack excludes, is not.
fn is_told(why: &Out) -> bool {
    matches!(why, Out::Secret(_) | Out::Whiteout | Out::Odd(_))
}

/// What is in folders; a folder for which `enter` says no is passed over.
fn list(tree: &TreeRoot, folders: &[String], enter: &dyn Fn(&str) -> bool) -> Result<Vec<Walked>, FileError> {
    let mut found: Vec<Walked> = Vec::new();
    for folder in folders {
        let folder = normal(folder);
        let full = tree.path().join(&folder);
        let below = if folder.is_empty() { "." } else { folder.as_str() };
        let root = tree.below(below).map_err(|error| on("list", &full, error))?;
        let path = |below: &str| match folder.as_str() {
            "" => below.to_owned(),
            folder => format!("{folder}/{below}"),
        };
        for entry in walk::walk(&root, &|below| enter(&path(below)), &|_| true) {
            found.push(Walked {
                path: path(&entry.path),
                what: entry.what,
            });
        }
    }
    require_not_interrupted(tree.path())?;
    Ok(found)
}

/// Reads and digests what was found.
fn look(tree: &TreeRoot, found: Vec<Walked>) -> Result<Vec<(String, Seen)>, FileError> {
    let one = |Walked { path, what }: Walked| {
        let seen = match what {
            What::File => file(tree, &path)?,
            What::Link => link(tree, &path)?,
            What::Special(what) => Seen::LeftOut(Out::Odd(format!("is {what}"))),
            What::NotUtf8 => Seen::LeftOut(Out::Odd("has a name that is not UTF-8".to_owned())),
            What::Unreadable(why) => {
                let full = tree.path().join(&path);
                return Err(on("list", &full, TreeError::System(io::Error::other(why))));
            }
        };
        Ok((path, seen))
    };
    found.into_par_iter().map(one).collect()
}

fn file(tree: &TreeRoot, path: &str) -> Result<Seen, FileError> {
    let full = tree.path().join(path);
    let opened = match tree.open_listed(path) {
        Ok(opened) => opened,
        Err(TreeError::Special(what)) => return Ok(Seen::LeftOut(Out::Odd(format!("is {what}")))),
        Err(error) => return Err(on("read", &full, error)),
    };
    if opened.length > LONGEST {
        return Ok(Seen::LeftOut(Out::Odd(format!(
            "has {} bytes, and an image gets files of at most {LONGEST}",
            opened.length
        ))));
    }
    let executable = opened.executable;
    let secret = odd_files::begins_like(path, &opened.file).map_err(FileError::on("read", &full))?;
    if path.ends_with(".py") && opened.length <= LONGEST_TEXT {
        let content = opened.read(LONGEST_TEXT).map_err(|error| on("read", &full, error))?;
        let digest = digest::of(&content);
        return Ok(Seen::Entry(Entry::File { executable, digest }, Some(content), secret));
    }
    let digest = digest_of(opened).map_err(FileError::on("read", &full))?;
    Ok(Seen::Entry(Entry::File { executable, digest }, None, secret))
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
    Ok(Seen::Entry(Entry::Link(target), content, None))
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
