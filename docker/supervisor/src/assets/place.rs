//! Brings assets to their places on volumes when a container starts: once, and again when an image brings another one. Containers that
//! share a volume take turns. A file is whole for every reader; what agents keep beside it stays.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use contract::asset::{Asset, DATA, MANIFEST, Manifest};
use contract::group_config::GroupConfig;
use contract::status::StartupCheck;
use nix::fcntl::{Flock, FlockArg};

use super::{files, join};

/// Brings all of them, and says of each how that went: lines of the start-up check.
pub fn bring(config: &GroupConfig) -> Vec<StartupCheck> {
    let one = |asset: &Asset| {
        let brought = place(asset);
        StartupCheck {
            name: format!("asset {}", asset.name),
            ok: brought.is_ok(),
            detail: match brought {
                Ok(how) => format!("{}{how}", asset.path),
                Err(error) => format!("cannot be copied to `{}`: {error}", asset.path),
            },
        }
    };
    config.assets.iter().map(one).collect()
}

/// Brings one, and says how.
fn place(asset: &Asset) -> io::Result<&'static str> {
    let from = Path::new(&asset.from);
    let text = fs::read_to_string(from.join(MANIFEST))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(io::Error::other)?;
    let path = Path::new(&asset.path);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("it is not the path of a file or folder"));
    };
    fs::create_dir_all(folder)?;
    let beside = |ending: &str| {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(ending);
        folder.join(hidden)
    };
    let mark = beside(".asset");
    // Opened for reading alone where another group's user made it: such a group can still see that there is nothing to do.
    let open = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&mark);
    let (file, writes) = match open {
        Ok(file) => (file, true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (File::open(&mark).map_err(|_| error)?, false),
        Err(error) => return Err(error),
    };
    let mut file = Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| io::Error::from(error))?;
    let mut known = String::new();
    file.read_to_string(&mut known)?;
    let mut lines = known.lines();
    let known_digest = lines.next();
    if known_digest == Some(manifest.sha256.as_str()) && fs::symlink_metadata(path).is_ok() {
        return Ok("");
    }
    if !writes {
        return Err(io::Error::other("another group's user has put another version there"));
    }
    let half = beside(".asset-new");
    remove(&half)?;
    let brought = copy(&from.join(DATA), &half)?;
    nix::unistd::syncfs(File::open(folder)?).map_err(io::Error::from)?;
    let earlier: BTreeSet<PathBuf> = lines.map(PathBuf::from).collect();
    let how = exchange(&half, path, &brought, &earlier, known_digest.is_some())?;
    let mut text = format!("{}\n", manifest.sha256);
    for below in &brought {
        text.push_str(&below.to_string_lossy());
        text.push('\n');
    }
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    Ok(how)
}

/// Puts what was copied to its place: as a whole where nothing is there, else file by file.
fn exchange(
    half: &Path,
    path: &Path,
    brought: &BTreeSet<PathBuf>,
    earlier: &BTreeSet<PathBuf>,
    again: bool,
) -> io::Result<&'static str> {
    let there = fs::symlink_metadata(path).ok();
    let is_folder = there.as_ref().is_some_and(fs::Metadata::is_dir);
    if !is_folder || !fs::symlink_metadata(half)?.is_dir() {
        if is_folder {
            return Err(io::Error::other("a folder is there, and the asset is a file"));
        }
        if there.is_some_and(|there| !there.is_dir()) && fs::symlink_metadata(half)?.is_dir() {
            return Err(io::Error::other("a file is there, and the asset is a folder"));
        }
        fs::rename(half, path)?;
        return Ok(if again {
            ", copied again: it has changed"
        } else {
            ", copied from the image"
        });
    }
    for below in brought {
        let to = join(path, below);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(join(half, below), to)?;
    }
    // What an earlier version had and this one has not; whatever agents put there stays.
    for gone in earlier.difference(brought) {
        remove(&join(path, gone))?;
    }
    remove(half)?;
    Ok(if again {
        ", copied again: it has changed"
    } else {
        ", copied from the image over what was there"
    })
}

/// Copies a file or folder, links as links, and lists what it copied.
fn copy(from: &Path, to: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let all = files(from)?;
    for below in &all {
        let (from, to) = (join(from, below), join(to, below));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        match fs::read_link(&from) {
            Ok(target) => std::os::unix::fs::symlink(target, to)?,
            Err(_) => drop(fs::copy(from, to)?),
        }
    }
    Ok(all.into_iter().collect())
}

/// Removes a file or folder; one that is not there is removed already.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use contract::asset::{Asset, Manifest};
    use contract::group_config::GroupConfig;

    use super::bring;

    /// An image with one asset of these files, and a group that wants it on a volume.
    fn image(folder: &Path, digest: &str, files: &[(&str, &str)]) -> GroupConfig {
        let from = folder.join("image");
        let _ = fs::remove_dir_all(&from);
        fs::create_dir_all(&from).unwrap();
        for (path, text) in files {
            let path = from.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let manifest = Manifest {
            name: "words".to_owned(),
            path: String::new(),
            source: String::new(),
            sha256: digest.to_owned(),
            files: 0,
            bytes: 0,
        };
        fs::write(from.join("asset.json"), serde_json::to_string(&manifest).unwrap()).unwrap();
        let mut config: GroupConfig = serde_json::from_str(r#"{"agents": []}"#).unwrap();
        config.assets = vec![Asset {
            name: "words".to_owned(),
            path: folder.join("volume/words").to_string_lossy().into_owned(),
            from: from.to_string_lossy().into_owned(),
        }];
        config
    }

    fn said(config: &GroupConfig) -> String {
        let checks = bring(config);
        assert!(checks[0].ok, "{checks:?}");
        checks[0].detail.rsplit_once("words").unwrap().1.to_owned()
    }

    #[test]
    fn it_comes_once_and_again_when_it_has_changed_and_what_agents_put_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        let read = |path: &str| fs::read_to_string(folder.path().join("volume/words").join(path)).ok();
        let one = image(folder.path(), "1", &[("data/a", "one"), ("data/deep/b", "one")]);
        assert_eq!(said(&one), ", copied from the image");
        assert_eq!(
            (read("a").unwrap(), read("deep/b").unwrap()),
            ("one".into(), "one".into())
        );
        fs::write(folder.path().join("volume/words/own"), "of an agent").unwrap();
        fs::write(folder.path().join("volume/words/a"), "changed").unwrap();
        assert_eq!(said(&one), "");
        assert_eq!(read("a").unwrap(), "changed");
        // One that was killed in the middle of it left half of it behind.
        fs::create_dir_all(folder.path().join("volume/.words.asset-new/half")).unwrap();
        let two = image(folder.path(), "2", &[("data/a", "two")]);
        assert_eq!(said(&two), ", copied again: it has changed");
        assert_eq!((read("a").unwrap(), read("deep/b")), ("two".into(), None));
        assert_eq!(read("own").unwrap(), "of an agent");
        assert!(!folder.path().join("volume/.words.asset-new").exists());
        fs::remove_dir_all(folder.path().join("volume/words")).unwrap();
        said(&two);
        assert_eq!(read("a").unwrap(), "two");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_what_cannot_be_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("volume/words");
        assert_eq!(
            said(&image(folder.path(), "1", &[("data", "one")])),
            ", copied from the image"
        );
        said(&image(folder.path(), "2", &[("data", "two")]));
        assert_eq!(fs::read_to_string(&at).unwrap(), "two");
        let checks = bring(&image(folder.path(), "3", &[("data/a", "three")]));
        assert!(
            !checks[0].ok && checks[0].detail.contains("a file is there"),
            "{checks:?}"
        );
        fs::remove_file(&at).unwrap();
        fs::create_dir(&at).unwrap();
        let checks = bring(&image(folder.path(), "4", &[("data", "four")]));
        assert!(
            !checks[0].ok && checks[0].detail.contains("a folder is there"),
            "{checks:?}"
        );
    }
}
