//! Where things are: the repository's root, cargo's target folder, our own folders in it.

use std::path::{Component, Path, PathBuf};

use super::files::{self, FileError};
use crate::host::tree::rendered_files::is_output;
use crate::host::tree::root::{Kind, LONGEST_TEXT, Listed, TreeError, TreeRoot};
use crate::host::tree::walk::NOT_SOURCES;
use crate::rendered_file::{RECORD, Record};
use crate::stack::output::{DEFAULT_FOLDER, HEADER, Output, WORK};

/// The variable that names the stack where `--stack` does not.
pub const STACK_VARIABLE: &str = "AI_SYSTEM_STACK";

/// Where a stack is in a folder, first choice first.
pub const STACK_FILES: [&str; 2] = ["stack.yaml", "config/stack.yaml"];

/// Why there is no repository, or not with that folder of rendered files.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Nobody can tell where we are.
    #[error("cannot tell the current folder: {0}")]
    CurrentFolder(#[source] std::io::Error),
    /// Nothing is named, and there is no stack here.
    #[error(
        "no `stack.yaml` or `config/stack.yaml` in `{}` or above it\n  hint: run below the folder that holds it, or name it \
         with `--stack FILE` or {variable}",
        .0.display(),
        variable = STACK_VARIABLE
    )]
    NoStack(PathBuf),
    /// The folder that is named has no stack.
    #[error("no `stack.yaml` or `config/stack.yaml` in `{}`\n  hint: name the file itself", .0.display())]
    NoStackIn(PathBuf),
    /// No stack can be there.
    #[error("`{}` cannot be the path of a stack", .0.display())]
    Path(PathBuf),
    /// A folder or a device is in its place.
    #[error("`{}` is not a file", .0.display())]
    NotAFile(PathBuf),
    /// The stack's file cannot be looked at.
    #[error(transparent)]
    File(#[from] FileError),
    /// The folder of rendered files that is named cannot be that.
    #[error(
        "`{}` cannot be the folder of rendered files: {why}\n  hint: name a folder in `{}`, like `{default}`",
        .named.display(),
        .root.display(),
        default = DEFAULT_FOLDER
    )]
    Output {
        /// What was named.
        named: PathBuf,
        /// What is wrong with it.
        why: &'static str,
        /// The folder of the stack.
        root: PathBuf,
    },
    /// Another folder holds rendered files.
    #[error(
        "files are rendered into `{other}` already\n  hint: move that folder to `{named}`, where it is found again, or remove it"
    )]
    RenderedElsewhere {
        /// Where they are.
        other: String,
        /// What was named.
        named: String,
    },
    /// More than one folder does.
    #[error(
        "files were rendered into more than one folder of `{}`: `{}`\n  hint: remove all but one",
        .root.display(),
        .folders.join("`, `")
    )]
    RenderedTwice {
        /// The folder of the stack.
        root: PathBuf,
        /// Where they are.
        folders: Vec<String>,
    },
}

/// The folders of one checkout.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
    output: Output,
}

/// As deep below the root as a folder of rendered files can be.
const DEEPEST: usize = 2;

impl Repository {
    /// The repository of the stack that is named, by its file or by a folder that holds it; of the one that [`STACK_VARIABLE`] names; or
    /// else of the one that cargo runs us in, or that holds the current folder.
    ///
    /// # Errors
    /// When there is no stack there, what is there is not a file, or `output` cannot be the folder of rendered files.
    pub fn find(named: Option<&Path>, output: Option<&Path>) -> Result<Self, RepositoryError> {
        let by_variable = std::env::var_os(STACK_VARIABLE)
            .filter(|path| !path.is_empty())
            .map(PathBuf::from);
        let current = std::env::current_dir().map_err(RepositoryError::CurrentFolder)?;
        if let Some(named) = named.map(Path::to_owned).or(by_variable) {
            return Self::of_stack(&current.join(named), output);
        }
        let from_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let mut folders = from_cargo
            .iter()
            .map(PathBuf::as_path)
            .chain(std::iter::once(current.as_path()))
            .flat_map(Path::ancestors);
        let (root, file) = folders
            .find_map(|folder| Some((folder, stack_in(folder)?)))
            .ok_or_else(|| RepositoryError::NoStack(current.clone()))?;
        Self::with_stack(root, file, output)
    }

    /// Whether nobody names a stack, and nothing around the current folder looks like one, not even a broken one.
    #[must_use]
    pub fn is_nowhere(named: Option<&Path>) -> bool {
        let current = std::env::current_dir().unwrap_or_default();
        let from_cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let folders = from_cargo.iter().map(PathBuf::as_path).chain([current.as_path()]);
        !Self::is_named(named)
            && folders
                .flat_map(Path::ancestors)
                .all(|folder| stack_in(folder).is_none())
    }

    /// Whether somebody names a stack: this option, or [`STACK_VARIABLE`].
    #[must_use]
    pub fn is_named(option: Option<&Path>) -> bool {
        option.is_some() || std::env::var_os(STACK_VARIABLE).is_some_and(|path| !path.is_empty())
    }

    /// The repository of a stack's file, or of a folder with one. `config/stack.yaml` belongs to the folder above `config`.
    fn of_stack(path: &Path, output: Option<&Path>) -> Result<Self, RepositoryError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path: PathBuf = path.components().collect();
        if path.is_dir() {
            let file = stack_in(&path).ok_or_else(|| RepositoryError::NoStackIn(path.clone()))?;
            return Self::with_stack(&path, file, output);
        }
        let unusable = || RepositoryError::Path(path.clone());
        let folder = path.parent().ok_or_else(unusable)?;
        let root = match folder.file_name() {
            Some(name) if name == "config" => folder.parent().unwrap_or(folder),
            _ => folder,
        };
        let file = path
            .strip_prefix(root)
            .ok()
            .and_then(Path::to_str)
            .ok_or_else(unusable)?;
        Self::with_stack(root, file, output)
    }

    fn with_stack(root: &Path, file: &str, output: Option<&Path>) -> Result<Self, RepositoryError> {
        let path = root.join(file);
        match path.metadata() {
            Ok(found) if found.is_file() => {
                let folder = match output {
                    Some(named) => only(root, below_root(root, named)?)?,
                    None if is_laid_out(root, file) => String::new(),
                    None => recorded(root)?,
                };
                Ok(Self {
                    output: Output::new(&folder, file),
                    root: root.to_owned(),
                })
            }
            Ok(_) => Err(RepositoryError::NotAFile(path)),
            Err(error) => Err(FileError::on("read", &path)(error).into()),
        }
    }

    /// A repository at that path.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            output: Output::default(),
        }
    }

    /// The stack's own file, relative to the root, as findings name it.
    #[must_use]
    pub fn stack_file(&self) -> &str {
        self.output.stack_file()
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where one of its files can be read: where the CI service that runs this shows it, or in this checkout.
    #[must_use]
    pub fn address_of(&self, path: &Path) -> String {
        let told = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| value.starts_with(|c: char| c.is_alphanumeric()))
        };
        let path_text = path.to_string_lossy();
        let github = || {
            let (server, name) = (told("GITHUB_SERVER_URL")?, told("GITHUB_REPOSITORY")?);
            Some(format!("{server}/{name}/blob/{}/{path_text}", told("GITHUB_SHA")?))
        };
        let gitlab = || {
            Some(format!(
                "{}/-/blob/{}/{path_text}",
                told("CI_PROJECT_URL")?,
                told("CI_COMMIT_SHA")?
            ))
        };
        github().or_else(gitlab).unwrap_or_else(|| {
            let file = self.root.join(path);
            let bytes = file.to_string_lossy().into_owned().into_bytes();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
            let text: String = bytes
                .into_iter()
                .map(|byte| {
                    if plain(byte) {
                        char::from(byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect();
            format!("file://{text}")
        })
    }

    /// Where its rendered files stand.
    #[must_use]
    pub fn output(&self) -> &Output {
        &self.output
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

    /// The root, for what is read and written below it: nothing outside is, through whatever link.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn folder(&self) -> Result<TreeRoot, FileError> {
        TreeRoot::open(&self.root).map_err(|error| FileError::on("open", &self.root)(error.into_io()))
    }

    /// The content of a file in it; none where there is no such file.
    ///
    /// # Errors
    /// When there is one that cannot be read, or a link leads out of the repository.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        let folder = self.folder()?;
        match folder.read(path, LONGEST_TEXT) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(TreeError::Missing) => Ok(None),
            Err(error) => Err(folder.failed("read", Path::new(path), error)),
        }
    }

    /// The text of a file in it.
    ///
    /// # Errors
    /// When it cannot be read, or a link leads out of the repository.
    pub fn read_text(&self, path: &str) -> Result<String, FileError> {
        let folder = self.folder()?;
        let read = folder.read_text(path);
        read.map_err(|error| folder.failed("read", Path::new(path), error))
    }

    /// Fails where a folder of ours below `target/` is a link that leads out of it: what is written there would be somewhere else.
    /// `target` itself may be a link, as to another disk.
    ///
    /// # Errors
    /// When there is such a link, which the error names.
    pub fn require_own_work(&self) -> Result<(), FileError> {
        if let Some(folder) = self.output.folder() {
            self.folder()?.require_inside(folder)?;
        }
        let work = self.work();
        let (Some(parent), Some(name)) = (work.parent(), work.file_name()) else {
            return Ok(());
        };
        let Ok(target) = TreeRoot::open(parent) else {
            return Ok(());
        };
        let work = Path::new(name);
        target.require_inside(work)?;
        for entry in target.list(work).unwrap_or_default() {
            target.require_inside(work.join(entry.name))?;
        }
        Ok(())
    }

    /// Cargo's target folder.
    #[must_use]
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), |path| self.root.join(path))
    }

    /// Our own folder for what can be made again: in cargo's, or where there is none, beside the rendered files.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        match self.output.folder() {
            None => self.root.join("target/xtask-work"),
            Some(folder) => self.root.join(folder).join(WORK),
        }
    }

    /// The same folder, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_work(&self) -> Result<PathBuf, FileError> {
        self.claim()?;
        let work = self.work();
        std::fs::create_dir_all(&work).map_err(FileError::on("create", &work))?;
        let ignored = work.join(".gitignore");
        if self.output.folder().is_some() && !ignored.exists() {
            files::write(&ignored, b"*\n", false)?;
        }
        Ok(work)
    }

    /// Whether the folder of smoke checks holds nothing else.
    fn holds_only_checks(&self, root: &TreeRoot) -> bool {
        let listed = root.list(self.output.checks()).unwrap_or_default();
        let is_check = |entry: &Listed| Path::new(&entry.name).extension().is_some_and(|end| end == "yaml");
        listed.iter().all(|entry| entry.kind == Kind::File && is_check(entry))
    }

    /// Makes sure that the folder of rendered files is there and this program's, before anything is written to it: one that holds files
    /// of others is left as it is.
    ///
    /// # Errors
    /// When it holds files and no record of rendered ones, is not a folder, or cannot be made.
    pub fn claim(&self) -> Result<(), FileError> {
        let Some(folder) = self.output.folder() else {
            return Ok(());
        };
        let path = self.root.join(folder);
        let refused = |why: &str| {
            let hint = "name another folder, once: `render --output DIR`";
            Err(FileError::on("use", &path)(std::io::Error::other(format!(
                "{why}\n  hint: {hint}"
            ))))
        };
        match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::on("read", &path)(error)),
            Ok(found) if !found.is_dir() => return refused("it is not a folder"),
            Ok(_) => {
                let root = self.folder()?;
                if root.has_file(Path::new(folder).join(RECORD)) {
                    return Ok(());
                }
                let listed = root.list(folder);
                let mut listed = listed.map_err(|error| root.failed("read", Path::new(folder), error))?;
                // Smoke checks are people's, and stand there before anything is rendered.
                let is_of_checks =
                    |entry: &Listed| Path::new(folder).join(&entry.name) == Path::new(&self.output.checks());
                listed.retain(|entry| entry.name != WORK && !(is_of_checks(entry) && self.holds_only_checks(&root)));
                if let Some(first) = listed.first() {
                    let name = first.name.to_string_lossy();
                    return refused(&format!("it holds `{name}`, which this program has not rendered"));
                }
            }
        }
        let record = Record::new(&self.output.header());
        self.folder()?
            .write(Path::new(folder).join(RECORD), record.text().as_bytes(), false)
    }

    /// The folder in it for temporary files of programs, made where it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_temporary(&self) -> Result<PathBuf, FileError> {
        let temporary = self.make_work()?.join("tmp");
        std::fs::create_dir_all(&temporary).map_err(FileError::on("create", &temporary))?;
        Ok(temporary)
    }

    /// The log file of a job.
    #[must_use]
    pub fn log(&self, job: &str) -> PathBuf {
        self.work().join("logs").join(format!("{job}.log"))
    }
}

/// The stack in a folder. A `stack.yaml` without machines is one of another program.
fn stack_in(folder: &Path) -> Option<&'static str> {
    STACK_FILES.into_iter().find(|file| {
        let path = folder.join(file);
        if path.symlink_metadata().is_err() {
            return false;
        }
        let in_config = file.contains('/');
        in_config || files::read(&path).is_ok_and(|text| has_machines(&text))
    })
}

/// Whether a text has the key that every stack has.
pub fn has_machines(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .any(|line| line.starts_with("machines:") || line.starts_with("{machines:"))
}

/// Whether a repository is laid out for this program, as its own is: files were rendered into its root, or are to be, since the templates
/// are there. Of any other, one folder is ours.
fn is_laid_out(root: &Path, stack_file: &str) -> bool {
    let rendered = || {
        let ignored = TreeRoot::open(root).and_then(|root| root.read(".containerignore", LONGEST_TEXT));
        ignored.is_ok_and(|bytes| memchr::memmem::find(&bytes, HEADER.as_bytes()).is_some())
    };
    stack_file == "config/stack.yaml" && (root.join("docker/templates").is_dir() || rendered())
}

/// The folder of rendered files that `--output` names, relative to the root.
fn below_root(root: &Path, named: &Path) -> Result<String, RepositoryError> {
    let wrong = |why| {
        Err(RepositoryError::Output {
            named: named.to_owned(),
            why,
            root: root.to_owned(),
        })
    };
    let mut path = PathBuf::new();
    let absolute = std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    let Some(below) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
        return wrong("it is not in the folder of the stack, which builds take files from");
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if below.is_empty() {
        return wrong("it is the folder of the stack, which holds files of others");
    }
    if !below.chars().all(plain) || below.starts_with('-') {
        return wrong("its path has to be made of ASCII letters, digits, `_`, `-` and `.`");
    }
    if below.split('/').count() > DEEPEST {
        return wrong("it lies too deep to be found again");
    }
    Ok(below.to_owned())
}

/// The folder that is named, where no other is that of rendered files already.
fn only(root: &Path, named: String) -> Result<String, RepositoryError> {
    match records(root).into_iter().find(|found| *found != named) {
        None => Ok(named),
        Some(other) => Err(RepositoryError::RenderedElsewhere { other, named }),
    }
}

/// Folders that have a record of rendered files.
fn records(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(tree) = TreeRoot::open(root) {
        look_for_records(&tree, "", DEEPEST, &mut found);
    }
    found
}

/// The folder that has a record of rendered files; the default one where there is none.
fn recorded(root: &Path) -> Result<String, RepositoryError> {
    match records(root).as_slice() {
        [] => Ok(DEFAULT_FOLDER.to_owned()),
        [one] => Ok(one.clone()),
        many => Err(RepositoryError::RenderedTwice {
            root: root.to_owned(),
            folders: many.to_vec(),
        }),
    }
}

fn look_for_records(tree: &TreeRoot, folder: &str, deep: usize, found: &mut Vec<String>) {
    for entry in tree.list(folder).unwrap_or_default() {
        let Some(name) = entry.name.to_str().filter(|name| !NOT_SOURCES.contains(name)) else {
            continue;
        };
        if entry.kind != Kind::Folder {
            continue;
        }
        let path = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        if is_output(tree, &path) {
            found.push(path);
        } else if deep > 1 {
            look_for_records(tree, &path, deep - 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_rendered_files_is_one_in_the_repository() {
        let named = |named: &str| below_root(Path::new("/r"), &Path::new("/r/agents").join(named));
        for (path, below) in [
            ("../deploy", "deploy"),
            ("/r/ops/deploy/", "ops/deploy"),
            ("./out", "agents/out"),
            ("../x/../y", "y"),
        ] {
            assert_eq!(named(path).unwrap(), below, "{path}");
        }
        for path in [
            "..",
            "/r",
            "../..",
            "/elsewhere",
            "../../other",
            "../a b",
            "../-x",
            "../a/b/c",
            "../it's",
        ] {
            let why = named(path).unwrap_err().to_string();
            assert!(why.contains("hint: name a folder in `/r`"), "{why}");
        }
    }
}
