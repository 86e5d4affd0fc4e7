//! Files and folders that are opened and made on the way: rules `start/missing-folder` and `start/missing-file`.

use std::borrow::Cow;
use std::sync::Arc;

use pysrc::Call;

use super::document::{self, Document};
use super::failure::{Flow, Words};
use super::paths::parent;
use super::reuse::using;
use super::tracked::TrackedSet;
use super::value::{LARGEST, ModuleId, V, absolute};
use super::walk::Walker;
use crate::container::layout::ROOT;
use crate::finding::Subject;
use crate::python::imports::view::FolderKind;
use crate::stack::selection::Out;

impl Walker<'_> {
    pub fn real(&self, path: &str, follow: bool) -> String {
        let path = absolute(path);
        match path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/')) {
            Some(below) if follow => format!("{ROOT}/{}", self.view().real(below)),
            _ => path,
        }
    }

    /// Files and folders that were made.
    fn made(&self) -> &TrackedSet<String> {
        self.uses_own(using::MADE);
        &self.made
    }

    /// Whether a path is relative to a working directory that is not known.
    pub fn is_elsewhere(&self, path: &str) -> bool {
        self.moved && !path.starts_with('/')
    }

    pub fn make_folder(&mut self, here: ModuleId, call: &Call, path: Option<&str>) -> Flow {
        let Some(path) = path.filter(|path| !self.is_elsewhere(path)) else {
            self.makes_folders = true;
            return Flow::Next;
        };
        let path = absolute(path);
        match self.folder_kind(&path) {
            FolderKind::Missing if self.view().may_write(&path) => {
                self.made.insert(path);
                Flow::Next
            }
            FolderKind::Missing => {
                let message =
                    format!("cannot make the folder `{path}`: the container's file system is read-only there");
                self.folder_failure(here, call, &format!("{path}/"), "OSError", message)
            }
            FolderKind::InVolume | FolderKind::Writable => {
                self.made.insert(path);
                Flow::Next
            }
            FolderKind::ReadOnly | FolderKind::Unknown => Flow::Next,
        }
    }

    pub fn folder_kind(&self, path: &str) -> FolderKind {
        match self.view().kind(path) {
            // Without all paths, a folder without Python files cannot be told from none.
            FolderKind::Missing if !self.tree().complete && path.starts_with(ROOT) => {
                let top = path
                    .trim_start_matches(ROOT)
                    .trim_start_matches('/')
                    .split('/')
                    .next()
                    .unwrap_or_default();
                if self.view().is_folder(top) {
                    FolderKind::Unknown
                } else {
                    FolderKind::Missing
                }
            }
            kind => kind,
        }
    }

    fn folder_failure(
        &mut self,
        here: ModuleId,
        call: &Call,
        path: &str,
        class: &'static str,
        message: String,
    ) -> Flow {
        let words = Words::about(Subject::Path(path.to_owned()), message);
        let volumes = self.view().volumes.join(", ");
        let writable = match volumes.as_str() {
            "" => "only /tmp is writable".to_owned(),
            volumes => format!("only {volumes} and /tmp are writable"),
        };
        let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
        let is_missing = class == "FileNotFoundError" || class == "OperationalError" && !path.ends_with('*');
        let more = match (below, class) {
            (Some(below), "OSError" | "OperationalError") if !is_missing => {
                format!("`writable: [{}]` in the stack adds it", self.view().real(below))
            }
            (Some(below), _) => format!("`writable: [{}/]` in the stack adds it", self.view().real(below)),
            (None, _) => "`volumes:` in the stack adds others".to_owned(),
        };
        let help = Some(format!("{writable}; {more}"));
        self.fail_at(here, call.span, "start/missing-folder", class, words, help)
    }

    /// Opens what a value is, as far as that is known.
    pub fn open_value(&mut self, here: ModuleId, call: &Call, path: Option<&V>, writes: bool) -> Flow {
        match path {
            Some(V::Str(path) | V::Path(path)) => self.open(here, call, Some(path), writes),
            Some(path) => self.open_below(here, call, path),
            None => Flow::Next,
        }
    }

    pub fn open(&mut self, here: ModuleId, call: &Call, path: Option<&str>, writes: bool) -> Flow {
        let Some(path) = path.filter(|path| !path.is_empty() && !self.is_elsewhere(path)) else {
            return Flow::Next;
        };
        let path = absolute(path);
        let folder = parent(&path);
        let made = self.was_made(&folder);
        match (self.folder_kind(&folder), writes) {
            // What is made below a folder of the image does not make that one writable.
            (kind, _) if made && !(writes && kind == FolderKind::ReadOnly) => Flow::Next,
            // The tree has what the image has not.
            (FolderKind::Missing, false)
                if path
                    .strip_prefix(ROOT)
                    .and_then(|below| below.strip_prefix('/'))
                    .is_some_and(|below| self.kept_out(below).is_some()) =>
            {
                self.read_file(here, call, &path)
            }
            (FolderKind::Missing, _) => {
                let message = format!("opens `{path}`, and neither image nor volumes have the folder `{folder}`");
                self.folder_failure(here, call, &folder, "FileNotFoundError", message)
            }
            (FolderKind::ReadOnly, true) if self.view().may_write(&path) => {
                self.made.insert(path);
                Flow::Next
            }
            (FolderKind::ReadOnly, true) => {
                let message = format!("writes `{path}`, and the container's file system is read-only there");
                self.folder_failure(here, call, &path, "OSError", message)
            }
            (FolderKind::ReadOnly, false) => self.read_file(here, call, &path),
            (FolderKind::Writable | FolderKind::InVolume, false) if path.starts_with("/tmp/") => {
                self.read_file(here, call, &path)
            }
            (FolderKind::Writable, true) => {
                self.made.insert(path);
                Flow::Next
            }
            (FolderKind::InVolume, true) => {
                self.maybe += 1;
                let message = format!("writes `{path}`, and nothing on the way makes the folder `{folder}`");
                let _ = self.folder_failure(here, call, &folder, "FileNotFoundError", message);
                self.maybe -= 1;
                Flow::Next
            }
            _ => Flow::Next,
        }
    }

    /// Opens a path of which only the beginning is known: its folder has to be there, whatever the rest is.
    pub fn open_below(&mut self, here: ModuleId, call: &Call, path: &V) -> Flow {
        let known = path.shape().unwrap_or_default();
        let start = known.split('\0').next().unwrap_or_default();
        match start.rsplit_once('/') {
            Some((folder, _)) if !self.makes_folders => {
                let folder = folder.to_owned();
                self.open_folder(here, call, &folder, "FileNotFoundError")
            }
            _ => Flow::Next,
        }
    }

    /// `sqlite3.connect(path)`.
    pub fn open_database(&mut self, here: ModuleId, call: &Call, path: Option<&str>) -> Flow {
        match path {
            Some(path) if !path.is_empty() && path != ":memory:" && !path.starts_with("file:") => {
                if self.is_elsewhere(path) {
                    return Flow::Next;
                }
                let path = absolute(path);
                let folder = parent(&path);
                match self.folder_kind(&folder) {
                    FolderKind::ReadOnly => self.make_database(here, call, &path),
                    _ => self.open_folder(here, call, &folder, "OperationalError"),
                }
            }
            _ => Flow::Next,
        }
    }

    /// A database in a folder of the image. What the tree has can be read there; what it has not would have to be made.
    fn make_database(&mut self, here: ModuleId, call: &Call, path: &str) -> Flow {
        let is_there = path
            .strip_prefix(ROOT)
            .and_then(|below| below.strip_prefix('/'))
            .is_none_or(|below| self.view().has(below) || self.is_on_disk(below));
        if is_there || !self.tree().complete || self.view().may_write(path) {
            return Flow::Next;
        }
        let message = format!("makes the database `{path}`, and the container's file system is read-only there");
        // SQLite makes its journal beside it.
        self.folder_failure(here, call, &format!("{path}*"), "OperationalError", message)
    }

    fn open_folder(&mut self, here: ModuleId, call: &Call, folder: &str, class: &'static str) -> Flow {
        if folder.is_empty() || self.is_elsewhere(folder) {
            return Flow::Next;
        }
        let folder = absolute(folder);
        if self.was_made(&folder) || !matches!(self.folder_kind(&folder), FolderKind::Missing) {
            return Flow::Next;
        }
        let message = format!("opens a file in `{folder}`, and neither image nor volumes have that folder");
        self.folder_failure(here, call, &folder, class, message)
    }

    /// Whether a folder, or one below it, was made on the way.
    pub fn was_made(&self, folder: &str) -> bool {
        let below = |made: &str| made.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.made().iter().any(|made| made == folder || below(made))
    }

    /// `os.path.exists(path)`: true of what the tree has, false where nothing of the tree, of the volumes or of what was made
    /// can be there.
    pub fn exists(&self, path: Option<&str>) -> V {
        let Some(path) = path.filter(|path| !path.is_empty() && !self.is_elsewhere(path)) else {
            return V::Unknown;
        };
        let path = absolute(path);
        let tree = self.tree();
        let Some(below) = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/')) else {
            return V::Unknown;
        };
        let fixed = matches!(self.folder_kind(&path), FolderKind::ReadOnly | FolderKind::Missing);
        let there = self.view().has(below) || self.view().is_folder(below) || self.is_on_disk(below);
        match (
            there,
            fixed && tree.complete && !self.makes_folders && !self.was_made(&path),
        ) {
            (false, true) => V::Bool(false),
            (true, _) if matches!(self.folder_kind(&parent(&path)), FolderKind::ReadOnly) => V::Bool(true),
            _ => V::Unknown,
        }
    }

    /// `os.path.isfile(path)`.
    pub fn is_file(&self, path: Option<&str>) -> V {
        match self.exists(path) {
            V::Bool(there) => V::Bool(there && !self.may_be_folder(path)),
            other => other,
        }
    }

    /// `os.path.isdir(path)`.
    pub fn is_folder(&self, path: Option<&str>) -> V {
        match self.exists(path) {
            V::Bool(true) if !self.may_be_folder(path) && !self.is_listed(path) => V::Unknown,
            V::Bool(there) => V::Bool(there && self.may_be_folder(path)),
            other => other,
        }
    }

    /// Whether the tree has a file there; of what only its folder has, it is not known what it is.
    fn is_listed(&self, path: Option<&str>) -> bool {
        path.is_some_and(|path| {
            let path = absolute(path);
            let below = path.strip_prefix(ROOT).map(|below| below.trim_start_matches('/'));
            below.is_some_and(|below| self.view().has(below))
        })
    }

    /// Whether the tree has a folder there, or nothing is known of what is there.
    fn may_be_folder(&self, path: Option<&str>) -> bool {
        path.is_some_and(|path| {
            let path = absolute(path);
            let below = path.strip_prefix(ROOT).map(|below| below.trim_start_matches('/'));
            below.is_none_or(|below| self.view().is_folder(below))
        })
    }

    /// A file of the tree that stays as it is: where it really lies.
    fn fixed_file(&self, path: &str) -> Option<String> {
        let path = absolute(path);
        let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'))?;
        let fixed = matches!(self.folder_kind(&parent(&path)), FolderKind::ReadOnly) && !self.made().contains(&path);
        (fixed && self.view().may_have(below).is_ok()).then(|| self.view().real(below).into_owned())
    }

    /// What a text is: one that is written, or what a file of the tree holds.
    pub fn known_text<'v>(&self, value: &'v V) -> Option<Cow<'v, str>> {
        match value {
            V::Str(text) => Some(Cow::Borrowed(text)),
            V::Text(path) => {
                let read = self.disk.read(&self.fixed_file(path)?)?;
                let text = String::from_utf8(read).ok()?;
                // Where a text mode reads other ends of lines it makes them `\n`.
                (text.len() <= LARGEST && !text.contains('\r') && !text.starts_with('\u{feff}'))
                    .then_some(Cow::Owned(text))
            }
            _ => None,
        }
    }

    /// What JSON or YAML holds that the script put together itself.
    pub fn parsed_text(&mut self, text: &str, json: bool) -> V {
        match Read::of(text.as_bytes(), json).document {
            Some(document) => self.made_of(&document, None),
            None => V::Unknown,
        }
    }

    /// `json.load` or `yaml.safe_load` of a file: fails where the tree has one that neither takes.
    pub fn parse_file(&mut self, here: ModuleId, call: &Call, path: &str, json: bool) -> (V, Flow) {
        let Some(real) = self.fixed_file(path) else {
            return (V::Unknown, Flow::Next);
        };
        let disk = self.disk;
        let Some(read) = self
            .shared
            .document(&real, json, || Some(Read::of(&disk.read(&real)?, json)))
        else {
            return (V::Unknown, Flow::Next);
        };
        let Some((place, why)) = read.malformed.as_ref().filter(|_| self.is_certain()) else {
            let shown: Arc<str> = Arc::from(self.tree().shown(&real));
            let value = read
                .document
                .as_ref()
                .map_or(V::Unknown, |document| self.made_of(document, Some(&shown)));
            return (value, Flow::Next);
        };
        let (kind, class) = match json {
            true => ("JSON", "JSONDecodeError"),
            false => ("YAML", "YAMLError"),
        };
        let message = format!("`{}` is not valid {kind}: {why} at {place}", self.tree().shown(&real));
        let help = Some("correct the file".to_owned());
        let flow = self.fail_at(
            here,
            call.span,
            "start/malformed-file",
            class,
            Words::about(Subject::Path(real), message),
            help,
        );
        (V::Unknown, flow)
    }

    /// Whether the tree's folder has a path, listed or not, that the image may have, too.
    fn is_on_disk(&self, below: &str) -> bool {
        self.view().may_have(below).is_ok() && self.disk.has(&self.view().real(below))
    }

    /// Why the image has not what the tree has.
    fn kept_out(&self, below: &str) -> Option<Out> {
        let out = self.view().may_have(below).err()?;
        self.disk.has(&self.view().real(below)).then_some(out)
    }

    /// Reads a file of a folder that is there.
    fn read_file(&mut self, here: ModuleId, call: &Call, path: &str) -> Flow {
        let tree = self.tree();
        let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
        let there = match below {
            Some(below) => {
                !tree.complete || self.view().has(below) || self.view().is_folder(below) || self.is_on_disk(below)
            }
            None => self.made().contains(path),
        };
        // Whoever takes one of several ways has looked.
        if there || self.maybe > 0 {
            return Flow::Next;
        }
        let mut message = format!("reads `{path}`, which is not there");
        let mut help = "add the file to the tree, or do without it where it is not there".to_owned();
        // The tree may have what its image has not.
        if let Some((below, out)) = below.and_then(|below| Some((below, self.kept_out(below)?))) {
            message = format!(
                "reads `{path}`, which its image does not have: the tree's `{below}` {}",
                out.words()
            );
            help = match out {
                Out::Beside => format!("add `{below}` to `include:` under `images:`"),
                Out::Excluded(_) => "change the pattern".to_owned(),
                _ => format!(
                    "to have it in the image all the same, name it one by one: `include: [{below}]` under `images:`"
                ),
            };
        }
        // What lies outside of the tree may have been made by anything that ran.
        let elsewhere = below.is_none();
        self.maybe += usize::from(elsewhere);
        let words = Words::about(Subject::Path(path.to_owned()), message);
        let flow = self.fail_at(
            here,
            call.span,
            "start/missing-file",
            "FileNotFoundError",
            words,
            Some(help),
        );
        self.maybe -= usize::from(elsewhere);
        if elsewhere { Flow::Next } else { flow }
    }
}

/// What a JSON or YAML file holds: the same for all agents that read it.
#[derive(Debug)]
pub struct Read {
    /// Where and why its reader refuses it.
    malformed: Option<(String, String)>,
    /// What is in it, where that is known.
    document: Option<Document>,
}

impl Read {
    fn of(text: &[u8], json: bool) -> Self {
        Self {
            malformed: malformed(text, json),
            document: match json {
                true => document::json(text),
                false => document::yaml(text),
            },
        }
    }
}

/// Where a text is no JSON, or no YAML, and why; nothing where it is, or where Python's own reader may be of another mind.
fn malformed(text: &[u8], json: bool) -> Option<(String, String)> {
    if json {
        // Python takes these, the standard does not.
        let text = std::str::from_utf8(text).ok()?;
        if ["NaN", "Infinity"].iter().any(|word| text.contains(word)) {
            return None;
        }
        let error = serde_json::from_str::<serde::de::IgnoredAny>(text).err()?;
        let at = format!("line {} column {}", error.line(), error.column());
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or(&why).to_owned();
        // How deep it goes is a limit of the reader.
        return (!why.contains("recursion")).then_some((at, why));
    }
    let error = serde_yaml::from_slice::<serde::de::IgnoredAny>(text).err()?;
    let place = error.location()?;
    let why = error.to_string();
    // Python takes a key that is there twice, and several documents are another error.
    let own = ["duplicate", "more than one document", "recursion", "end of stream"];
    if own.iter().any(|own| why.contains(own)) {
        return None;
    }
    let why = why.split(" at line ").next().unwrap_or(&why).to_owned();
    Some((format!("line {} column {}", place.line(), place.column()), why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_no_reader_takes() {
        for (text, json) in [
            ("{\"a\": 1}", true),
            ("{\"a\": NaN}", true),
            ("a: 1\na: 2\n", false),
            ("a: yes\nb: [1, 2]\n", false),
            ("", false),
            ("a: 1\n---\nb: 2\n", false),
        ] {
            assert_eq!(malformed(text.as_bytes(), json), None, "{text}");
        }
        let said = |text: &str, json| malformed(text.as_bytes(), json).map(|(place, _)| place);
        assert_eq!(said("{\"a\": 1,\n", true).as_deref(), Some("line 2 column 0"));
        assert_eq!(said("{'a': 1}", true).as_deref(), Some("line 1 column 2"));
        assert_eq!(said("", true).as_deref(), Some("line 1 column 0"));
        assert_eq!(said("a: b: c\n", false).as_deref(), Some("line 1 column 5"));
        assert_eq!(said("a: [1, 2\nb: 3\n", false).as_deref(), Some("line 2 column 2"));
    }
}
