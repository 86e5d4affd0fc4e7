//! The one layer that a group image has on top of its dependency image: what is in it, and how it is written.
//!
//! The same input gives the same bytes: entries are sorted, owners and modes are fixed, and all times are one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use super::files::{Entries, Entry};
use crate::container::layout::{CONFIG_FOLDER, FIRST, ROOT};
use crate::stack::{GroupId, Kept, Stack, normal};

/// Another text wherever the same input gives another layer: images that an older program assembled are then stale.
pub const LAYOUT: &str = "1";

/// What an entry of the layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A folder; one that is there already keeps its content.
    Folder {
        /// Numeric id of the user and the group that own it.
        owner: u32,
        /// Its permissions.
        mode: u32,
    },
    /// A file.
    File {
        /// Numeric id of the user and the group that own it.
        owner: u32,
        /// Whether it may be executed.
        executable: bool,
        /// Where its content is.
        source: Source,
    },
    /// A symbolic link.
    Link {
        /// Its target.
        target: String,
    },
}

/// Where the content of a file comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The tree's file of that path.
    Tree(String),
    /// Bytecode of the tree's Python file of that path.
    Bytecode(String),
    /// The group config.
    Config,
}

/// The content of a file as it is read.
pub struct Content<'a> {
    /// Its length in bytes.
    pub length: u64,
    /// What gives it, and fails where it cannot.
    pub read: Box<dyn Read + 'a>,
}

impl Content<'_> {
    /// A content that is in memory.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        Self {
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            read: Box::new(io::Cursor::new(bytes)),
        }
    }
}

/// Items by their path in the image, without the first slash: a folder comes before what is in it.
pub type Layer = BTreeMap<String, Item>;

/// The layer of a group: its files, their bytecode, second names of paths, its config.
///
/// `compiled` are the paths of the Python files that compile; `tag` is what the interpreter puts into the name of a
/// bytecode file (`cpython-311`).
#[must_use]
pub fn layer(stack: &Stack, group: GroupId, entries: &Entries, compiled: &BTreeSet<String>, tag: &str) -> Layer {
    let machine = stack.machine(stack.group(group).machine);
    let root = normal(ROOT);
    let own = stack.group(group);
    let kept = stack.kept(group);
    let is_kept = |path: &str| {
        let below = |kept: &Kept| {
            path.strip_prefix(kept.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        kept.iter().any(below)
    };
    let mut files = Layer::new();
    for kept in &kept {
        let target = kept.target.clone();
        files.insert(format!("{root}/{}", kept.path), Item::Link { target });
    }
    for (path, entry) in entries {
        let is_written = !path.ends_with(".py") && !is_kept(path) && own.may_write(path);
        let item = match entry {
            Entry::File { executable, .. } => Item::File {
                owner: if is_written { own.uid } else { 0 },
                executable: *executable,
                source: Source::Tree(path.clone()),
            },
            Entry::Link(target) => Item::Link {
                target: target.to_string_lossy().into_owned(),
            },
        };
        let at = if is_kept(path) { normal(FIRST) } else { root.clone() };
        files.insert(format!("{at}/{path}"), item);
    }
    for path in compiled.iter().filter(|path| entries.contains_key(*path)) {
        let bytecode = Item::File {
            owner: 0,
            executable: false,
            source: Source::Bytecode(path.clone()),
        };
        files.insert(format!("{root}/{}", bytecode_path(path, tag)), bytecode);
    }
    let mut folders: BTreeSet<String> = BTreeSet::new();
    for (alias, target) in &machine.path_aliases {
        // Also where the group needs nothing below it: the link has to lead somewhere.
        folders.insert(normal(&format!("{root}/{target}")));
        let target = format!("{ROOT}/{target}");
        files.insert(format!("{root}/{alias}"), Item::Link { target });
    }
    let config = format!("{}/{}", normal(CONFIG_FOLDER), stack.group(group).config_file);
    let source = Source::Config;
    files.insert(
        config,
        Item::File {
            owner: 0,
            executable: false,
            source,
        },
    );

    // The base gave these to the user that agents run as; an entry without them would take them back.
    let mut owned: BTreeSet<String> = std::iter::once(ROOT)
        .chain(stack.volumes.iter().map(|volume| volume.path.as_str()))
        .map(normal)
        .collect();
    // Agents may make files there, and none may take away what is not theirs.
    let open: BTreeSet<String> = own
        .open_folders()
        .map(|(folder, _)| normal(&format!("{root}/{folder}")))
        .collect();
    if !own.has_read_only_root() {
        owned.remove(&root);
    }
    folders.extend(open.iter().cloned());
    let code = machine.code.iter().map(|folder| normal(&format!("{root}/{folder}")));
    folders.extend(code);
    folders.extend(files.keys().flat_map(|path| parents(path)).map(str::to_owned));
    let above: Vec<String> = folders
        .iter()
        .flat_map(|path| parents(path))
        .map(str::to_owned)
        .collect();
    folders.extend(above);
    let meeting: BTreeSet<String> = stack.meeting_folders().into_iter().map(normal).collect();
    folders.extend(meeting.iter().cloned());
    for folder in folders {
        let meets = meeting.contains(&folder);
        let mode = if meets || open.contains(&folder) { 0o1777 } else { 0o755 };
        let owner = if meets || owned.contains(&folder) {
            stack.images.uid
        } else {
            0
        };
        files.entry(folder).or_insert(Item::Folder { owner, mode });
    }
    files
}

/// Where the interpreter looks for the bytecode of a file.
fn bytecode_path(path: &str, tag: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let name = name.strip_suffix(".py").unwrap_or(name);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}__pycache__/{name}.{tag}.pyc")
}

/// The folders above a path, innermost first.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(path.rsplit_once('/'), |(above, _)| above.rsplit_once('/')).map(|(folder, _)| folder)
}

/// Writes the layer as a tar archive. `time` is that of every entry, in seconds since 1970.
///
/// # Errors
/// When `open` cannot give a content, or `to` cannot be written.
pub fn write<'a, W: Write>(
    layer: &Layer,
    time: u64,
    mut open: impl FnMut(&Source) -> io::Result<Content<'a>>,
    to: W,
) -> io::Result<W> {
    let mut archive = tar::Builder::new(to);
    for (path, item) in layer {
        let mut header = tar::Header::new_gnu();
        header.set_mtime(time);
        header.set_uid(0);
        header.set_gid(0);
        match item {
            Item::Folder { owner, mode } => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(*mode);
                header.set_uid(u64::from(*owner));
                header.set_gid(u64::from(*owner));
                header.set_size(0);
                archive.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            Item::File {
                owner,
                executable,
                source,
            } => {
                let mut content = open(source)?;
                header.set_uid(u64::from(*owner));
                header.set_gid(u64::from(*owner));
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(if *executable { 0o755 } else { 0o644 });
                header.set_size(content.length);
                archive.append_data(&mut header, path, &mut content.read)?;
            }
            Item::Link { target } => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                header.set_size(0);
                archive.append_link(&mut header, path, target)?;
            }
        }
    }
    archive.into_inner()
}

/// A layer in an archive.
#[derive(Debug)]
pub struct Blob<R> {
    /// Its path there.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: R,
}

/// Puts an image into one archive, as `oci-archive:` of Podman reads it: small documents, and layers from their files.
///
/// # Errors
/// When a layer cannot be read, or `to` cannot be written.
pub fn write_archive<W: Write, R: Read>(documents: &[(String, Vec<u8>)], layers: Vec<Blob<R>>, to: W) -> io::Result<W> {
    let mut archive = tar::Builder::new(to);
    let mut add = |path: &str, size: u64, content: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(size);
        archive.append_data(&mut header, path, content)
    };
    for (path, content) in documents {
        add(
            path,
            u64::try_from(content.len()).map_err(io::Error::other)?,
            &mut content.as_slice(),
        )?;
    }
    for mut layer in layers {
        add(&layer.path, layer.size, &mut layer.content)?;
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Item, layer};
    use crate::images::files::{Entries, Entry};
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_agents_may_write_is_a_link_or_open_to_them() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nwritable: [alpha.log, main/cache/, 'main/*.json']\nvolumes: {logs: /app/logs, data: /app/data}",
            )
            .model();
        let group = stack.find_group("core").unwrap();
        let file = || Entry::File {
            executable: false,
            digest: String::new(),
        };
        let paths = [
            "main/alpha.py",
            "main/cache/old.bin",
            "main/state.json",
            "main/long/x.json",
        ];
        let entries: Entries = paths.map(|path| (path.to_owned(), file())).into();
        let layer = layer(&stack, group, &entries, &BTreeSet::new(), "tag");
        let link = |path: &str| match &layer[path] {
            Item::Link { target } => target.clone(),
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(link("app/alpha.log"), "/app/logs/core/alpha.log");
        assert_eq!(link("app/main/cache"), "/app/data/core/main/cache");
        assert!(layer.contains_key("usr/share/ai_system/first/main/cache/old.bin"));
        assert!(!layer.contains_key("app/main/cache/old.bin"));
        let owner = |path: &str| match &layer[path] {
            Item::File { owner, .. } | Item::Folder { owner, .. } => *owner,
            Item::Link { .. } => panic!("{path}"),
        };
        assert_eq!(owner("app/main/state.json"), stack.images.uid);
        for path in ["app/main/alpha.py", "app/main/long/x.json", "app/main", "app"] {
            assert_eq!(owner(path), 0, "{path}");
        }
        assert!(matches!(layer["app/main"], Item::Folder { mode: 0o1777, .. }));
        assert!(matches!(layer["app"], Item::Folder { mode: 0o755, .. }));
    }
}
