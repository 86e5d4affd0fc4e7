//! Where things are: the repository's root, cargo's target folder, our own folders in it.

use std::path::{Path, PathBuf};

use super::files::FileError;

/// The folders of one checkout.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository that cargo runs us in, or else the one that holds the current folder.
    ///
    /// # Errors
    /// When no folder upward holds `config/stack.yaml`, or what it holds there is no file.
    pub fn find() -> Result<Self, String> {
        let from_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let current = std::env::current_dir().map_err(|error| format!("cannot tell the current folder: {error}"))?;
        let root = from_cargo
            .iter()
            .map(PathBuf::as_path)
            .chain(std::iter::once(current.as_path()))
            .flat_map(Path::ancestors)
            .find(|folder| folder.join("config/stack.yaml").symlink_metadata().is_ok())
            .ok_or_else(|| {
                format!(
                    "no `config/stack.yaml` in `{}` or above it\n  hint: run inside the repository",
                    current.display()
                )
            })?;
        let path = root.join("config/stack.yaml");
        match path.metadata() {
            Ok(found) if found.is_file() => Ok(Self { root: root.to_owned() }),
            Ok(_) => Err(format!("`{}` is no file", path.display())),
            Err(error) => Err(FileError::on("read", &path)(error).to_string()),
        }
    }

    /// A repository at that path.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What tells it from other checkouts of this host: the path of its folder, without links.
    #[must_use]
    pub fn identity(&self) -> String {
        let root = self.root.canonicalize().unwrap_or_else(|_| self.root.clone());
        root.to_string_lossy().into_owned()
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Cargo's target folder.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), |path| self.root.join(path))
    }

    /// Our own folder for what can be made again.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("target/xtask-work")
    }

    /// The same folder, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_work(&self) -> Result<PathBuf, FileError> {
        let work = self.work();
        std::fs::create_dir_all(&work).map_err(FileError::on("create", &work))?;
        Ok(work)
    }

    /// The folder in it for temporary files of programs, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_temporary(&self) -> Result<PathBuf, FileError> {
        let temporary = self.work().join("tmp");
        std::fs::create_dir_all(&temporary).map_err(FileError::on("create", &temporary))?;
        Ok(temporary)
    }

    /// The log file of a job.
    #[must_use]
    pub fn log(&self, job: &str) -> PathBuf {
        self.work().join("logs").join(format!("{job}.log"))
    }
}
