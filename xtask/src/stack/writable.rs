//! `writable:`: what agents may write below the tree's root, which is read-only otherwise.

use super::model::{Group, Stack, Volume};
use super::pattern::Pattern;
use super::read::{Fields, Reader};
use super::spans::At;
use super::tree::{normal, resolve_alias};
use super::{GroupId, Machine};
use crate::finding::Place;

/// Something below the root that agents may write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Writable {
    /// A folder with all below it: kept on a volume. Its path, relative to the root.
    Folder(String),
    /// A file: kept on a volume. Its path, relative to the root.
    File(String),
    /// Files that nobody knows by name, in one folder of the image: kept as long as the container is.
    Files {
        /// The folder, relative to the root; empty for the root itself.
        folder: String,
        /// What the names are like, as a shell has it.
        names: String,
    },
}

impl Writable {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_folder = text.ends_with('/') || text == ".";
        let path = normal(text);
        if text.starts_with('/') || text.starts_with('~') || text.split('/').any(|part| part == "..") {
            return Err("it leads out of the tree");
        }
        if text.chars().any(|c| c.is_control() || "\\'\"$`".contains(c)) {
            return Err("it has a character that no such path may have");
        }
        let is_pattern = |part: &str| part.contains(['*', '?', '[']);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if is_pattern(folder) {
            return Err("only its last part may be a pattern");
        }
        if path.is_empty() {
            return Ok(Self::Files {
                folder: String::new(),
                names: "*".to_owned(),
            });
        }
        if is_pattern(name) {
            if is_folder {
                return Err("a folder is named in full");
            }
            if Pattern::new(name).is_err() {
                return Err("its last part is not a valid pattern");
            }
            return Ok(Self::Files {
                folder: folder.to_owned(),
                names: name.to_owned(),
            });
        }
        Ok(match is_folder || !name.trim_start_matches('.').contains('.') {
            true => Self::Folder(path),
            false => Self::File(path),
        })
    }

    /// Whether a text is something that `writable:` can name.
    #[must_use]
    pub fn can_be(text: &str) -> bool {
        Self::parse(text).is_ok()
    }

    /// The folder, relative to the root, where it is one as a whole.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        match self {
            Self::Folder(path) => Some(path),
            Self::File(_) | Self::Files { .. } => None,
        }
    }

    /// As `writable:` has it.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::Folder(path) => format!("{path}/"),
            Self::File(path) => path.clone(),
            Self::Files { folder, names } if folder.is_empty() => names.clone(),
            Self::Files { folder, names } => format!("{folder}/{names}"),
        }
    }

    /// The same where second names of paths are what they stand for.
    #[must_use]
    pub fn real(self, machine: &Machine) -> Self {
        let real = |path: &str| resolve_alias(path, &machine.path_aliases);
        match self {
            Self::Folder(path) => Self::Folder(real(&path)),
            Self::File(path) => Self::File(real(&path)),
            Self::Files { folder, names } => Self::Files {
                folder: real(&folder),
                names,
            },
        }
    }

    /// Whether agents may write a path, relative to the root.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        match self {
            Self::Folder(folder) => {
                path == folder
                    || path
                        .strip_prefix(folder.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            }
            Self::File(file) => path == file,
            Self::Files { folder, names } => {
                let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
                above == folder && Pattern::new(names).is_ok_and(|pattern| pattern.matches(name))
            }
        }
    }
}

/// Reads `writable` of one level.
pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Vec<At<Writable>> {
    let Some(node) = fields.get("writable") else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for text in reader.texts(node, "`writable`") {
        match Writable::parse(&text.value) {
            Ok(value) => all.push(At {
                value,
                place: text.place,
            }),
            Err(why) => wrong(reader, text.place, &text.value, why),
        }
    }
    all
}

fn wrong(reader: &mut Reader<'_>, place: Place, text: &str, why: &str) {
    reader.bad_value(
        place,
        format!("`writable` cannot have `{text}`: {why}"),
        "write paths relative to the tree, as in `main_pc_code/logs/` or `memory.db`, or a pattern of names, as in `*.log`",
    );
}

/// Where a path that agents may write is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The path, relative to the root: a link there leads to `target`.
    pub path: String,
    /// Where it is kept, absolute in the container.
    pub target: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

impl Stack {
    /// Files and folders that a group's agents may write and that are known by name, with where on its volumes they are: what is of logs
    /// on `logs`, all else on `data`, or on the first volume that agents write. Without such a volume they are in memory.
    #[must_use]
    pub fn kept(&self, id: GroupId) -> Vec<Kept> {
        let group = self.group(id);
        let known = group.writable.iter().filter_map(|writable| match writable {
            Writable::Folder(path) => Some((path, true)),
            Writable::File(path) => Some((path, false)),
            Writable::Files { .. } => None,
        });
        known
            .map(|(path, is_folder)| Kept {
                path: path.clone(),
                target: format!("{}/{}/{path}", self.store(path), group.name),
                is_folder,
            })
            .collect()
    }

    fn store(&self, path: &str) -> &str {
        let written = || self.volumes.iter().filter(|volume| !volume.read_only);
        let named = |name: &str| written().find(|volume| volume.name == name);
        let name = path.rsplit('/').next().unwrap_or(path);
        let of_logs =
            std::path::Path::new(name).extension().is_some_and(|end| end == "log") || matches!(name, "log" | "logs");
        let volume = named(if of_logs { "logs" } else { "data" }).or_else(|| written().next());
        volume.map_or("/tmp", |volume: &Volume| volume.path.as_str())
    }
}

impl Group {
    /// Folders of its image, relative to the root, in which its agents may make files: not on a volume, so that the container's own layer
    /// has to be writable. With the patterns of files there that they may change.
    pub fn open_folders(&self) -> impl Iterator<Item = (&str, &str)> {
        self.writable.iter().filter_map(|writable| match writable {
            Writable::Files { folder, names } => Some((folder.as_str(), names.as_str())),
            _ => None,
        })
    }

    /// Whether its container's root is read-only: all but volumes and folders in memory.
    #[must_use]
    pub fn has_read_only_root(&self) -> bool {
        self.open_folders().next().is_none()
    }

    /// Whether its agents may write a path, relative to the root.
    #[must_use]
    pub fn may_write(&self, path: &str) -> bool {
        self.writable.iter().any(|writable| writable.covers(path))
    }
}

#[cfg(test)]
mod tests {
    use super::Writable;
    use crate::stack::fixture::Fixture;

    #[test]
    fn paths_and_patterns_are_told_apart() {
        let read = |text: &str| Writable::parse(text).map(|writable| writable.written());
        for (text, written) in [
            ("memory.db", "memory.db"),
            ("./main/x.log", "main/x.log"),
            ("main/logs", "main/logs/"),
            ("main/v1.0/", "main/v1.0/"),
            (".cache", ".cache/"),
            ("*.log", "*.log"),
            ("main/*.log", "main/*.log"),
            (".", "*"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(written), "{text}");
        }
        for text in ["/app/x.log", "../x.log", "main/*/x.log", "main/*/", "a$b", "[", "~/x"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_may_be_written_is_where_it_says() {
        let covers = |text: &str, path: &str| Writable::parse(text).unwrap().covers(path);
        assert!(covers("*.log", "x.log") && !covers("*.log", "main/x.log") && !covers("*.log", "x.py"));
        assert!(covers("main/logs", "main/logs/a/b.log") && !covers("main/logs", "main/logs2"));
        assert!(covers("x.db", "x.db") && !covers("x.db", "x.db-journal"));
    }

    #[test]
    fn every_level_adds_its_own() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nwritable: [x.log]\nvolumes: {logs: /app/logs, data: /app/data}",
            )
            .stack(
                "    address_variable: MAIN_IP",
                "    address_variable: MAIN_IP\n    writable: [SHORT/cache]",
            )
            .stack(
                "    agents: [Gamma]",
                "    writable: [x.log, memory.db]\n    overrides: {Gamma: {writable: ['*.tmp']}}\n    agents: [Gamma]",
            )
            .model();
        let of = |name: &str| {
            let group = stack.group(stack.find_group(name).unwrap());
            group.writable.iter().map(Writable::written).collect::<Vec<_>>()
        };
        assert_eq!(of("core"), ["main/long/cache/", "x.log"]);
        assert_eq!(of("side"), ["main/long/cache/", "memory.db", "x.log", "*.tmp"]);
        assert_eq!(of("far"), ["x.log"]);
        let side = stack.find_group("side").unwrap();
        let kept: Vec<(String, bool)> = stack
            .kept(side)
            .into_iter()
            .map(|kept| (kept.target, kept.is_folder))
            .collect();
        assert_eq!(
            kept,
            [
                ("/app/data/side/main/long/cache".to_owned(), true),
                ("/app/data/side/memory.db".to_owned(), false),
                ("/app/logs/side/x.log".to_owned(), false),
            ]
        );
        assert!(!stack.group(side).has_read_only_root());
        assert!(stack.groups.iter().filter(|group| group.has_read_only_root()).count() == 2);
    }

    #[test]
    fn wrong_paths_are_named() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nwritable: [/etc/x, main/, 'main/*/x']",
            )
            .says();
        let about = |text: &str| said.iter().any(|line| line.contains(text));
        assert!(
            about("`writable` cannot have `/etc/x`: it leads out of the tree"),
            "{said:#?}"
        );
        assert!(about("only its last part may be a pattern"), "{said:#?}");
        assert!(
            about("agents cannot be given `main/`: it holds Python files, `main/alpha.py` for one"),
            "{said:#?}"
        );
    }
}
