//! Files and folders that are opened and made on the way: rules `start/missing-folder` and `start/missing-file`.

use pysrc::Call;

use super::failure::Flow;
use super::value::{ModuleId, absolute, parent};
use super::walk::Walker;
use crate::audit::imports::view::FolderKind;
use crate::render::ROOT;

impl Walker<'_> {
    pub fn real(&self, path: &str, follow: bool) -> String {
        let path = absolute(path);
        match path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/')) {
            Some(below) if follow => format!("{ROOT}/{}", self.search.view.real(below)),
            _ => path,
        }
    }

    pub fn make_folder(&mut self, here: ModuleId, call: &Call, path: Option<&str>) -> Flow {
        let Some(path) = path else {
            return Flow::Next;
        };
        let path = absolute(path);
        match self.folder_kind(&path) {
            FolderKind::Missing => {
                let message =
                    format!("cannot make the folder `{path}`: the container's file system is read-only there");
                self.folder_failure(here, call, "OSError", message)
            }
            FolderKind::InVolume | FolderKind::Writable => {
                self.made.insert(path);
                Flow::Next
            }
            FolderKind::ReadOnly | FolderKind::Unknown => Flow::Next,
        }
    }

    fn folder_kind(&self, path: &str) -> FolderKind {
        match self.search.view.kind(path) {
            // Without all paths, a folder without Python files cannot be told from none.
            FolderKind::Missing if !self.search.view.tree.complete && path.starts_with(ROOT) => {
                let top = path
                    .trim_start_matches(ROOT)
                    .trim_start_matches('/')
                    .split('/')
                    .next()
                    .unwrap_or_default();
                if self.search.view.is_folder(top) {
                    FolderKind::Unknown
                } else {
                    FolderKind::Missing
                }
            }
            kind => kind,
        }
    }

    fn folder_failure(&mut self, here: ModuleId, call: &Call, class: &'static str, message: String) -> Flow {
        let volumes = self.search.view.volumes.join(", ");
        let help = Some(format!("writable are only {volumes} and /tmp"));
        self.fail_at(here, call.span, "start/missing-folder", class, message, help)
    }

    pub fn open(&mut self, here: ModuleId, call: &Call, path: Option<&str>, writes: bool) -> Flow {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Flow::Next;
        };
        let path = absolute(path);
        let folder = parent(&path);
        let made = self
            .made
            .iter()
            .any(|made| *made == folder || made.starts_with(&format!("{folder}/")));
        match (self.folder_kind(&folder), writes) {
            _ if made => Flow::Next,
            (FolderKind::Missing, _) => {
                let message = format!("opens `{path}`, and neither image nor volumes have the folder `{folder}`");
                self.folder_failure(here, call, "FileNotFoundError", message)
            }
            (FolderKind::ReadOnly, true) => {
                let message = format!("writes `{path}`, and the container's file system is read-only there");
                self.folder_failure(here, call, "OSError", message)
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
                let _ = self.folder_failure(here, call, "FileNotFoundError", message);
                self.maybe -= 1;
                Flow::Next
            }
            _ => Flow::Next,
        }
    }

    /// Reads a file of a folder that is there.
    fn read_file(&mut self, here: ModuleId, call: &Call, path: &str) -> Flow {
        let tree = self.search.view.tree;
        let below = path.strip_prefix(ROOT).and_then(|below| below.strip_prefix('/'));
        let there = match below {
            Some(below) => {
                let real = self.search.view.real(below);
                !tree.complete
                    || self.search.view.has(below)
                    || self.search.view.is_folder(below)
                    || (self.on_disk)(&real)
            }
            None => self.made.contains(path),
        };
        // Whoever takes one of several ways has looked.
        if there || self.maybe > 0 {
            return Flow::Next;
        }
        let message = format!("reads `{path}`, which is not there");
        let help = Some("add the file to the tree, or do without it where it is not there".to_owned());
        self.fail_at(
            here,
            call.span,
            "start/missing-file",
            "FileNotFoundError",
            message,
            help,
        )
    }
}
