//! What Git says about a folder, without anything that the folder's own configuration could make it run.
//!
//! Git is never asked in a repository of somebody else: its configuration names programs (monitors, filters, hooks, helpers). What is
//! needed of the repository is read as files: the commit that `HEAD` names, the address of `origin`, the index. Git itself works in a
//! repository of ours, made for the moment, that has this commit and this index, and borrows the objects.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{self, FileError};
use super::process::{self, ProcessError, Program};
use crate::host::tree::root::{LONGEST_TEXT, TreeError, TreeRoot, open_own};
use crate::host::tree::walk::{self, What};
use crate::images::labels::Provenance;

/// Longest index that is copied.
const LONGEST_INDEX: u64 = 512 * 1024 * 1024;

/// Longest time that Git may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Bytes that Git may print: names of changed files.
const MOST_PRINTED: usize = 16 * 1024 * 1024;

/// Memory that Git may use, in KiB: objects are as foreign as the rest.
const MOST_MEMORY: u32 = 4 * 1024 * 1024;

/// Whether a folder is as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is in no work tree of Git.
    NotInGit,
    /// It cannot be told, and why.
    Unknown(String),
    /// These files differ, as `git status` shows them.
    Except(Vec<String>),
}

/// Compares a folder with what is committed.
///
/// # Errors
/// When this program was told to stop.
pub fn committed(folder: &Path) -> Result<Committed, ProcessError> {
    let repository = match Repository::find(folder) {
        Ok(Some(repository)) => repository,
        Ok(None) => return Ok(Committed::NotInGit),
        Err(why) => return Ok(Committed::Unknown(why)),
    };
    let changed = repository
        .borrow_for_a_while()
        .map_err(AskError::File)
        .and_then(|ours| Ok(ours.changed(folder, true)?));
    match changed {
        Ok(changed) => Ok(Committed::Except(changed)),
        Err(AskError::Process(error @ ProcessError::Interrupted { .. })) => Err(error),
        Err(error) => Ok(Committed::Unknown(error.to_string())),
    }
}

/// Where a folder comes from: its repository, its commit, that commit's time. Without Git, only a time is known:
/// `SOURCE_DATE_EPOCH`, or the beginning of 1970.
#[must_use]
pub fn provenance(folder: &Path) -> Provenance {
    let epoch = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let repository = Repository::find(folder).ok().flatten();
    let ours = repository
        .as_ref()
        .and_then(|repository| repository.borrow_for_a_while().ok());
    let committed = ours.as_ref().and_then(Borrowed::commit_time);
    let dirty = ours.as_ref().and_then(|ours| ours.changed(&ours.top, false).ok());
    Provenance {
        source: repository.as_ref().and_then(Repository::origin),
        revision: repository.as_ref().map(|repository| match dirty {
            Some(changed) if !changed.is_empty() => format!("{}-dirty", repository.commit),
            _ => repository.commit.clone(),
        }),
        created: date(epoch.or(committed).unwrap_or(0)),
        file_time: epoch.unwrap_or(0),
    }
}

/// Why Git was not asked.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// Somebody's repository, of which only files are read.
#[derive(Debug)]
struct Repository {
    /// The work tree's folder.
    top: PathBuf,
    /// What belongs to this work tree: `HEAD`, the index.
    own: TreeRoot,
    /// What belongs to all work trees: references, objects, the configuration.
    common: TreeRoot,
    /// What `HEAD` names, in hexadecimal.
    commit: String,
}

impl Repository {
    /// The repository whose work tree holds that folder; nothing where there is none. A folder that merely looks like a repository without
    /// a work tree is none.
    fn find(folder: &Path) -> Result<Option<Self>, String> {
        let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
        let Some(top) = folder
            .ancestors()
            .find(|above| above.join(".git").symlink_metadata().is_ok())
        else {
            return Ok(None);
        };
        let root = TreeRoot::open(top).map_err(|error| format!("cannot open `{}`: {error}", top.display()))?;
        let shown = top.join(".git");
        let explain = |error: TreeError| format!("cannot read `{}`: {error}", shown.display());
        let own = if root.has_file(".git") {
            linked(top, &root)?
        } else {
            root.below(".git").map_err(explain)?
        };
        let common = match own.read_text("commondir") {
            // A further work tree of a repository lies in its `worktrees/NAME`.
            Ok(text) if text.trim() == "../.." => TreeRoot::open(&own.path().join("../..")).map_err(explain)?,
            Ok(_) => return Err(format!("`{}` shares what is elsewhere", shown.display())),
            Err(_) => own.below("").map_err(explain)?,
        };
        let commit = head(&own, &common).ok_or_else(|| format!("`{}` names no commit", shown.display()))?;
        Ok(Some(Self {
            top: top.to_owned(),
            own,
            common,
            commit,
        }))
    }

    /// The address of `origin`, without the user and the password that may stand in it.
    fn origin(&self) -> Option<String> {
        let text = self.common.read("config", LONGEST_TEXT).ok()?;
        origin(&String::from_utf8_lossy(&text)).map(|address| without_credentials(&address))
    }

    /// A repository of ours with the same commit and index.
    fn borrow_for_a_while(&self) -> Result<Borrowed, FileError> {
        let objects = self.objects()?;
        let busy = process::Busy::new();
        let folder = tempfile::Builder::new()
            .prefix("xtask-git-")
            .tempdir()
            .map_err(FileError::on("create", &std::env::temp_dir()))?;
        let at = |path: &str| folder.path().join(path);
        let format = if self.commit.len() == 64 {
            "\trepositoryFormatVersion = 1\n[extensions]\n\tobjectFormat = sha256\n"
        } else {
            "\trepositoryFormatVersion = 0\n"
        };
        let config = format!("[core]\n\tbare = false\n\tfsmonitor = false\n\thooksPath = /dev/null\n{format}");
        files::write_unsynced(&at("config"), config.as_bytes())?;
        files::write_unsynced(&at("HEAD"), format!("{}\n", self.commit).as_bytes())?;
        files::write_unsynced(&at("refs/.keep"), b"")?;
        files::write_unsynced(&at("objects/info/alternates"), format!("{objects}\n").as_bytes())?;
        match self.own.read("index", LONGEST_INDEX) {
            Ok(index) => files::write_unsynced(&at("index"), &index)?,
            Err(TreeError::Missing) => {}
            Err(error) => {
                let path = self.own.path().join("index");
                return Err(FileError::on("read", &path)(error.into_io()));
            }
        }
        if let Ok(excluded) = self.common.read("info/exclude", LONGEST_TEXT) {
            files::write_unsynced(&at("info/exclude"), &excluded)?;
        }
        Ok(Borrowed {
            folder,
            top: self.top.clone(),
            commit: self.commit.clone(),
            _busy: busy,
        })
    }

    /// The folder of the objects, which holds nothing but folders and files, and borrows from nobody: what is elsewhere is not the tree's.
    fn objects(&self) -> Result<String, FileError> {
        let path = self.common.path().join("objects");
        let wrong = |why: String| FileError::on("use", &path)(std::io::Error::other(why));
        let root = self.common.below("objects").map_err(|error| wrong(error.to_string()))?;
        let borrows = |path: &str| path.starts_with("info/") && path.ends_with("alternates");
        let odd = walk::walk(&root, &|_| true, &|_| true)
            .into_iter()
            .find(|entry| entry.what != What::File || borrows(&entry.path));
        if let Some(entry) = odd {
            return Err(wrong(format!("`{}` in it leads elsewhere", entry.path)));
        }
        let real = path.canonicalize().map_err(FileError::on("use", &path))?;
        match real.to_str() {
            // A line each; one that starts with a quote is unquoted.
            Some(text) if !text.contains('\n') && !text.starts_with(['"', '#']) => Ok(text.to_owned()),
            _ => Err(wrong("its path cannot be written down".to_owned())),
        }
    }
}

/// The repository that the file `.git` names, if that repository says the same: a further work tree is one by both.
fn linked(top: &Path, root: &TreeRoot) -> Result<TreeRoot, String> {
    let file = top.join(".git");
    let why = |what: &str| format!("`{}` {what}", file.display());
    let text = root.read_text(".git").map_err(|error| why(&error.to_string()))?;
    let target = text
        .strip_prefix("gitdir:")
        .map(str::trim)
        .ok_or_else(|| why("is not a file of Git"))?;
    let folder = top.join(target);
    let back = open_own(&folder.join("gitdir"))
        .and_then(|file| file.read(LONGEST_TEXT))
        .map_err(|_| why("names a repository that does not name it"))?;
    let back = PathBuf::from(String::from_utf8_lossy(&back).trim());
    let parent = |path: &Path| path.parent().and_then(|parent| parent.canonicalize().ok());
    if back.file_name() != file.file_name() || parent(&back).is_none() || parent(&back) != parent(&file) {
        return Err(why("names a repository that does not name it"));
    }
    TreeRoot::open(&folder).map_err(|error| why(&error.to_string()))
}

/// What `HEAD` names, through references.
fn head(own: &TreeRoot, common: &TreeRoot) -> Option<String> {
    let text = own.read_text("HEAD").ok()?;
    let Some(name) = text.trim().strip_prefix("ref:").map(str::trim) else {
        return hash(&text);
    };
    let plain = name.starts_with("refs/") && !name.split('/').any(|part| part.is_empty() || part.starts_with('.'));
    if !plain {
        return None;
    }
    let loose = own.read_text(name).or_else(|_| common.read_text(name));
    if let Ok(text) = loose {
        return hash(&text);
    }
    let packed = common.read_text("packed-refs").ok()?;
    packed
        .lines()
        .find_map(|line| line.split_once(' ').filter(|(_, packed)| *packed == name))
        .and_then(|(commit, _)| hash(commit))
}

/// A name of an object, in full.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| text.to_ascii_lowercase())
}

/// The address of `origin` in a configuration of Git. What it includes is not looked at.
fn origin(config: &str) -> Option<String> {
    let mut inside = false;
    let mut found = None;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            let name: String = line.split_whitespace().collect::<Vec<_>>().join(" ");
            inside = name.starts_with("[remote \"origin\"]");
        } else if let (true, Some((key, value))) = (inside, line.split_once('='))
            && key.trim().eq_ignore_ascii_case("url")
        {
            let value = value.trim().trim_matches('"');
            found = (!value.is_empty() && !value.contains(char::is_control)).then(|| value.to_owned());
        }
    }
    found
}

/// A repository of ours that is gone when this is dropped.
#[derive(Debug)]
struct Borrowed {
    folder: tempfile::TempDir,
    top: PathBuf,
    commit: String,
    _busy: process::Busy,
}

impl Borrowed {
    /// Git, in our repository and with our configuration alone.
    fn git(&self) -> Program {
        let limited = format!("ulimit -v {MOST_MEMORY}; exec git \"$@\"");
        let mut git = Program::new("sh")
            .args(["-c", &limited, "sh"])
            .becomes("git")
            .args(["--no-pager", "--literal-pathspecs"])
            .args(["-c", "core.packedGitWindowSize=32m", "-c", "core.packedGitLimit=256m"])
            .args(["-c", "core.quotePath=false"])
            .arg(format!("--git-dir={}", self.folder.path().display()))
            .arg(format!("--work-tree={}", self.top.display()))
            .folder(&self.top)
            .limit(LIMIT)
            .most(MOST_PRINTED);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                git = git.env_remove(name);
            }
        }
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("LC_ALL", "C"),
        ] {
            git = git.env(name, value);
        }
        git
    }

    /// Files below a folder that differ from the commit; with `untracked`, those that Git does not know, too. Repositories inside are
    /// not looked into: they have configurations of their own.
    fn changed(&self, folder: &Path, untracked: bool) -> Result<Vec<String>, ProcessError> {
        let text = self
            .git()
            .args([
                "status",
                "--porcelain=v1",
                "--ignore-submodules=all",
                "--no-renames",
                if untracked {
                    "--untracked-files=normal"
                } else {
                    "--untracked-files=no"
                },
                "--",
            ])
            .arg(folder)
            .read()?;
        Ok(text.lines().map(|line| line.trim().to_owned()).collect())
    }

    /// When the commit was made, in seconds since 1970.
    fn commit_time(&self) -> Option<u64> {
        let text = self.git().args(["cat-file", "commit", &self.commit]).read().ok()?;
        let committer = text
            .lines()
            .take_while(|line| !line.is_empty())
            .find_map(|line| line.strip_prefix("committer "))?;
        committer.rsplit(' ').nth(1)?.parse().ok()
    }
}

/// Seconds since 1970 as RFC 3339 has them.
fn date(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| chrono::DateTime::from_timestamp(seconds, 0))
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// An address without the user and the password that may stand in it.
fn without_credentials(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Committed, committed, date, origin, provenance, without_credentials};
    use crate::host::system::process::Program;

    /// A folder with one committed file, `x`.
    fn repository(at: &Path) {
        std::fs::create_dir_all(at).unwrap();
        std::fs::write(at.join("x"), "1").unwrap();
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["config", "user.name", "n"],
            &["config", "user.email", "n@example.com"],
            &["remote", "add", "origin", "https://u:secret@h.example/a.git"],
            &["add", "x"],
            &["commit", "--quiet", "--message=one"],
        ] {
            git(at, arguments);
        }
    }

    fn git(at: &Path, arguments: &[&str]) -> String {
        Program::new("git")
            .args(arguments)
            .folder(at)
            .env("GIT_COMMITTER_DATE", "1700000000 +0100")
            .read()
            .unwrap()
    }

    #[test]
    fn a_commit_and_what_differs_from_it_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        repository(&tree);
        let commit = git(&tree, &["rev-parse", "HEAD"]).trim().to_owned();
        let known = provenance(&tree);
        assert_eq!(known.source.as_deref(), Some("https://h.example/a.git"));
        assert_eq!(known.revision.as_deref(), Some(commit.as_str()));
        assert_eq!(known.created, "2023-11-14T22:13:20Z");
        assert_eq!(committed(&tree).unwrap(), Committed::Except(Vec::new()));
        // Packed references and objects say the same.
        git(&tree, &["gc", "--quiet"]);
        git(&tree, &["pack-refs", "--all"]);
        assert_eq!(provenance(&tree).revision.as_deref(), Some(commit.as_str()));
        std::fs::create_dir(tree.join("below")).unwrap();
        std::fs::write(tree.join("below/new"), "").unwrap();
        assert_eq!(
            committed(&tree).unwrap(),
            Committed::Except(vec!["?? below/".to_owned()])
        );
        assert_eq!(provenance(&tree).revision.as_deref(), Some(commit.as_str()));
        std::fs::write(tree.join("x"), "other").unwrap();
        assert_eq!(provenance(&tree).revision, Some(format!("{commit}-dirty")));
        let below = committed(&tree.join("below")).unwrap();
        assert_eq!(
            below,
            Committed::Except(vec!["?? below/".to_owned()]),
            "the folder alone"
        );
        assert_eq!(committed(folder.path()).unwrap(), Committed::NotInGit);
    }

    #[test]
    fn a_further_work_tree_is_one_by_both_and_a_file_that_points_elsewhere_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, further) = (folder.path().join("tree"), folder.path().join("further"));
        repository(&tree);
        git(&tree, &["worktree", "add", "--quiet", "../further"]);
        assert_eq!(committed(&further).unwrap(), Committed::Except(Vec::new()));
        assert_eq!(provenance(&further).revision, provenance(&tree).revision);
        let stranger = folder.path().join("stranger");
        std::fs::create_dir(&stranger).unwrap();
        for target in ["../tree/.git", "../tree/.git/worktrees/further"] {
            std::fs::write(stranger.join(".git"), format!("gitdir: {target}\n")).unwrap();
            let Committed::Unknown(why) = committed(&stranger).unwrap() else {
                panic!("{target}");
            };
            assert!(why.contains("does not name it"), "{why}");
            assert_eq!(provenance(&stranger).revision, None);
        }
        std::fs::remove_file(stranger.join(".git")).unwrap();
        std::os::unix::fs::symlink("../tree/.git", stranger.join(".git")).unwrap();
        assert!(matches!(committed(&stranger).unwrap(), Committed::Unknown(_)));
    }

    /// Everything in a repository that names a program names one that leaves a mark.
    #[test]
    fn nothing_that_a_repository_names_is_run() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (tree, mark) = (folder.path().join("tree"), folder.path().join("mark"));
        repository(&tree);
        let canary = folder.path().join("canary");
        let script = format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", mark.display());
        std::fs::write(&canary, &script).unwrap();
        std::fs::set_permissions(&canary, std::fs::Permissions::from_mode(0o755)).unwrap();
        let run = canary.display().to_string();
        std::fs::write(tree.join(".gitattributes"), "* filter=evil diff=evil merge=evil\n").unwrap();
        git(&tree, &["add", ".gitattributes"]);
        git(&tree, &["commit", "--quiet", "--message=two"]);
        std::fs::create_dir_all(tree.join("hooks")).unwrap();
        for hook in [
            "post-index-change",
            "reference-transaction",
            "fsmonitor-watchman",
            "pre-auto-gc",
        ] {
            for at in ["hooks", ".git/hooks"] {
                let hook = tree.join(at).join(hook);
                std::fs::write(&hook, &script).unwrap();
                std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        // A repository without a work tree, as it comes with a plain clone.
        git(folder.path(), &["clone", "--quiet", "--bare", "tree", "tree/bare"]);
        // One inside, that Git would look into.
        repository(&tree.join("inner"));
        git(&tree, &["add", "inner"]);
        let evil = format!(
            "[core]\n fsmonitor = {run}\n hooksPath = {}\n sshCommand = {run}\n editor = {run}\n pager = {run}\n \
             alternateRefsCommand = {run}\n askPass = {run}\n worktree = {}\n[filter \"evil\"]\n clean = {run}\n smudge = {run}\n \
             process = {run}\n required\n[diff]\n external = {run}\n[diff \"evil\"]\n command = {run}\n textconv = {run}\n\
             [merge \"evil\"]\n driver = {run}\n[gpg]\n program = {run}\n[credential]\n helper = {run}\n[alias]\n \
             status = !{run}\n log = !{run}\n cat-file = !{run}\n[status]\n submoduleSummary = true\n[log]\n showSignature\n",
            tree.join("hooks").display(),
            tree.display(),
        );
        let bombs = folder.path().join("included");
        std::fs::write(&bombs, &evil).unwrap();
        for config in [".git/config", "inner/.git/config", "bare/config"] {
            let path = tree.join(config);
            let mut text = std::fs::read_to_string(&path).unwrap();
            text.push_str(&evil);
            text.push_str(&format!(
                "[include]\n path = {0}\n[includeIf \"gitdir:/\"]\n path = {0}\n",
                bombs.display()
            ));
            std::fs::write(path, text).unwrap();
        }
        // Newer than the index, so that content is compared.
        for file in ["x", ".gitattributes"] {
            let text = std::fs::read(tree.join(file)).unwrap();
            std::fs::remove_file(tree.join(file)).unwrap();
            std::fs::write(tree.join(file), text).unwrap();
        }
        // Making the repository has run its hooks.
        let _ = std::fs::remove_file(&mark);
        assert!(matches!(committed(&tree).unwrap(), Committed::Except(_)));
        assert!(matches!(committed(&tree.join("inner")).unwrap(), Committed::Except(_)));
        let known = provenance(&tree);
        assert!(
            known.revision.is_some() && known.created != "1970-01-01T00:00:00Z",
            "{known:?}"
        );
        // From inside the repository that has no work tree, the one around it is meant.
        assert!(provenance(&tree.join("bare")).revision.is_some());
        assert!(!mark.exists(), "ran: {}", std::fs::read_to_string(&mark).unwrap());
        // And the marks would be there: the same question to Git itself, in the tree.
        let _ = Program::new("git").args(["status"]).folder(&tree).run();
        assert!(mark.exists(), "this test proves nothing");
    }

    #[test]
    fn objects_that_are_elsewhere_are_not_borrowed() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, other) = (folder.path().join("tree"), folder.path().join("other"));
        repository(&tree);
        repository(&other);
        let objects = tree.join(".git/objects");
        std::fs::write(
            objects.join("info/alternates"),
            format!("{}\n", other.join(".git/objects").display()),
        )
        .unwrap();
        assert!(matches!(committed(&tree).unwrap(), Committed::Unknown(_)));
        std::fs::remove_file(objects.join("info/alternates")).unwrap();
        std::os::unix::fs::symlink(other.join(".git/objects/pack"), objects.join("out")).unwrap();
        assert!(matches!(committed(&tree).unwrap(), Committed::Unknown(_)));
    }

    #[test]
    fn the_address_of_origin_is_read_from_its_section_alone() {
        let config = "[remote \"other\"]\n\turl = a\n[remote \"origin\"]\n\tURL = \"b\"\n[include]\n\turl = c\n";
        assert_eq!(origin(config).as_deref(), Some("b"));
        assert_eq!(origin("[core]\n\turl = x\n"), None);
    }

    #[test]
    fn no_password_gets_into_a_label() {
        assert_eq!(
            without_credentials("https://u:p@h.example/a/b.git"),
            "https://h.example/a/b.git"
        );
        assert_eq!(without_credentials("git@h.example:a/b.git"), "git@h.example:a/b.git");
    }

    #[test]
    fn dates_are_utc() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(1_700_000_000), "2023-11-14T22:13:20Z");
    }
}
