//! The folder of a report: there as a whole, or not at all. A new report takes the place of an old one in one step.

use std::io;
use std::path::{Path, PathBuf};

use crate::host::system::files::{self, FileError};
use crate::host::system::scratch::Scratch;

/// Names of the files that a report consists of. A folder with any other file is somebody else's.
pub const NAMES: [&str; 4] = ["index.html", "junit.xml", "smoke.json", "trace.json"];

/// The same for the report of an audit.
pub const AUDIT_NAMES: [&str; 2] = ["audit.json", "index.html"];

/// A folder that a report may be written to.
#[derive(Debug, Clone)]
pub struct ReportFolder {
    path: PathBuf,
}

/// Why a folder cannot hold the report.
#[derive(Debug, thiserror::Error)]
pub enum ReportFolderError {
    /// It holds something else.
    #[error(
        "`{}` holds `{name}`, which is no part of a report, and a report replaces its folder as a whole\n  hint: name a \
         folder of its own, or one that does not exist",
        .path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// What is in it.
        name: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl ReportFolder {
    /// The folder at that path, which may be missing, or hold an earlier report. Nothing is changed, except that missing
    /// folders above it are made.
    ///
    /// # Errors
    /// When it holds anything else, or cannot be looked at.
    pub fn at(path: &Path) -> Result<Self, ReportFolderError> {
        Self::holding(path, &NAMES)
    }

    /// The same for a report that consists of these files.
    ///
    /// # Errors
    /// As [`ReportFolder::at`].
    pub fn holding(path: &Path, names: &[&str]) -> Result<Self, ReportFolderError> {
        // Through links: what is replaced is the folder, not the link to it.
        let path = std::path::absolute(path).map_err(FileError::on("find", path))?;
        let path = path.canonicalize().unwrap_or(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(FileError::on("create", parent))?;
        }
        let entries = match std::fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { path }),
            entries => entries.map_err(FileError::on("read", &path))?,
        };
        for entry in entries {
            let entry = entry.map_err(FileError::on("read", &path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !names.contains(&name.as_str()) {
                return Err(ReportFolderError::Foreign { path, name });
            }
        }
        Ok(Self { path })
    }

    /// Where it is: absolute, without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts these files there, by name, in place of all that was.
    ///
    /// # Errors
    /// When they cannot be written; an old report is then still whole.
    pub fn replace(&self, contents: &[(&'static str, Vec<u8>)]) -> Result<(), ReportFolderError> {
        let beside = self.beside()?;
        let new = beside.path().join("report");
        for (name, bytes) in contents {
            files::write(&new.join(name), bytes, false)?;
        }
        let place = || match rename(&new, &self.path, rustix::fs::RenameFlags::NOREPLACE) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                rename(&new, &self.path, rustix::fs::RenameFlags::EXCHANGE)
            }
            placed => placed,
        };
        place().map_err(FileError::on("write", &self.path))?;
        Ok(())
    }

    /// Removes an earlier report.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear(&self) -> Result<(), ReportFolderError> {
        let beside = self.beside()?;
        match std::fs::rename(&self.path, beside.path().join("report")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FileError::on("remove", &self.path)(error).into())
            }
            _ => Ok(()),
        }
    }

    /// A folder on the same file system, which goes with all that is in it.
    fn beside(&self) -> Result<Scratch, FileError> {
        Scratch::make(self.path.parent().unwrap_or(Path::new("/")), ".report-")
    }
}

fn rename(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<()> {
    Ok(rustix::fs::renameat_with(
        rustix::fs::CWD,
        from,
        rustix::fs::CWD,
        to,
        flags,
    )?)
}

#[cfg(test)]
mod tests {
    use super::{ReportFolder, ReportFolderError};

    fn names(folder: &std::path::Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_is_made_replaced_as_a_whole_and_cleared() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("deep/down/report");
        let folder = ReportFolder::at(&path).unwrap();
        folder
            .replace(&[("index.html", b"old".to_vec()), ("junit.xml", b"old".to_vec())])
            .unwrap();
        assert_eq!(names(&path), ["index.html", "junit.xml"]);
        ReportFolder::at(&path)
            .unwrap()
            .replace(&[("index.html", b"new".to_vec())])
            .unwrap();
        assert_eq!(names(&path), ["index.html"]);
        assert_eq!(std::fs::read(path.join("index.html")).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["report"], "nothing is left beside it");
        folder.clear().unwrap();
        folder.clear().unwrap();
        assert_eq!(names(path.parent().unwrap()), Vec::<String>::new());
    }

    #[test]
    fn a_link_stays_a_link_to_the_new_report() {
        let root = tempfile::tempdir().unwrap();
        let (real, link) = (root.path().join("real"), root.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let folder = ReportFolder::at(&link).unwrap();
        folder.replace(&[("index.html", b"new".to_vec())]).unwrap();
        assert!(link.is_symlink());
        assert_eq!(names(&real), ["index.html"]);
    }

    #[test]
    fn a_folder_with_other_files_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("thesis.txt"), "").unwrap();
        let error = ReportFolder::at(root.path()).unwrap_err();
        assert!(matches!(&error, ReportFolderError::Foreign { name, .. } if name == "thesis.txt"));
        assert!(error.to_string().contains("hint: name a folder of its own"), "{error}");
        assert_eq!(names(root.path()), ["thesis.txt"]);
    }
}
