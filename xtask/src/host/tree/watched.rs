//! Folders of a tree in which files are followed while they change, and no folder outside the tree.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::rendered_files::is_output;
use super::root::{TreeError, TreeRoot};
use super::walk::{self, NOT_SOURCES, What};
use crate::host::system::files::FileError;

/// Folders to be watched.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Folders with all that is below them: those that were named, and what links in them lead to.
    pub folders: Vec<PathBuf>,
    /// Folders of single files that lie in none of those.
    pub beside: BTreeSet<PathBuf>,
}

/// Folders to be watched for changes of what is below `code` and of `named` files, all paths relative to the tree. What is not there is left
/// out, and so is what a link deeper in a folder leads to outside, which is in no image either.
///
/// # Errors
/// When a folder or a file that is named is a link out of the tree, which the error names, or the tree cannot be opened.
pub fn find<'a>(
    tree: &Path,
    code: impl Iterator<Item = &'a str>,
    named: impl Iterator<Item = &'a str>,
) -> Result<Found, FileError> {
    let root = TreeRoot::open(tree).map_err(|error| FileError::on("watch", tree)(error.into_io()))?;
    let failed = |path: &str, error| root.failed("watch", Path::new(path), error);
    let mut folders = BTreeSet::new();
    for path in code {
        match root.real(path) {
            Ok(_) => folders.insert(PathBuf::from(path)),
            Err(TreeError::Missing) => continue,
            Err(error) => return Err(failed(path, error)),
        };
        folders.extend(led_to(&root, path));
    }
    let mut beside = BTreeSet::new();
    for path in named {
        match root.real(path) {
            // Its folder may be there already.
            Ok(_) | Err(TreeError::Missing) => {}
            Err(error) => return Err(failed(path, error)),
        }
        let parent = Path::new(path).parent().unwrap_or(Path::new(""));
        let within = folders.iter().any(|folder| parent.starts_with(folder));
        if !within && root.has_folder(parent) {
            beside.insert(root.path().join(parent));
        }
    }
    Ok(Found {
        folders: folders.iter().map(|folder| root.path().join(folder)).collect(),
        beside,
    })
}

/// Folders of the tree that links below a folder lead to.
fn led_to(root: &TreeRoot, folder: &str) -> Vec<PathBuf> {
    let Ok(below) = root.below(folder) else {
        return Vec::new();
    };
    let sources = |path: &str| !NOT_SOURCES.contains(&path.rsplit('/').next().unwrap_or(path));
    let enter = |path: &str| sources(path) && !is_output(&below, path);
    walk::walk(&below, &enter, &sources)
        .into_iter()
        .filter(|entry| entry.what == What::Link)
        .map(|entry| Path::new(folder).join(entry.path))
        .filter(|link| root.has_folder(link))
        .filter_map(|link| root.real(link).ok())
        .filter(|real| !real.starts_with(folder) && !Path::new(folder).starts_with(real))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn folders_of_the_tree_are_watched_and_none_outside() {
        let outside = tempfile::tempdir().unwrap();
        let tree = outside.path().join("tree");
        for folder in ["code/below", "lib", "config"] {
            std::fs::create_dir_all(tree.join(folder)).unwrap();
        }
        for (link, target) in [
            ("code/below/lib", "../../lib"),
            ("code/up", ".."),
            ("code/out", "../.."),
            ("out", ".."),
            ("requirements.out.txt", "../x"),
        ] {
            symlink(target, tree.join(link)).unwrap();
        }
        let at = |path: &str| tree.join(path);
        let look = |code: &[&'static str], named: &[&'static str]| {
            find(&tree, code.iter().copied(), named.iter().copied()).map_err(|error| error.to_string())
        };
        assert_eq!(
            look(&["code", "not there"], &["code/x.yaml", "config/y.yaml", "gone/z"]).unwrap(),
            Found {
                folders: vec![at("code"), at("lib")],
                beside: [at("config")].into(),
            }
        );
        for (code, named, link) in [
            (&["code", "out"][..], &[][..], "out"),
            (&["code/out"], &[], "code/out"),
            (&[], &["out/x"], "out"),
            (&[], &["requirements.out.txt"], "requirements.out.txt"),
        ] {
            let said = look(code, named).unwrap_err();
            assert!(said.contains(&format!("the link `{link}` leads out of")), "{said}");
        }
    }
}
