//! What agents may write below the working directory and that is kept on volumes: made before the first agent is started, with what the
//! image has for it.

use std::fs;
use std::io;
use std::path::Path;

use contract::group_config::{GroupConfig, Kept};

/// Makes all that is not there; what could not be made, as warnings.
pub fn prepare(config: &GroupConfig) -> Vec<String> {
    let made = |kept: &Kept| match make(kept) {
        Ok(()) => None,
        Err(error) => Some(format!("cannot make `{}`, which agents may write: {error}", kept.path)),
    };
    config.kept.iter().filter_map(made).collect()
}

fn make(kept: &Kept) -> io::Result<()> {
    let path = Path::new(&kept.path);
    let folder = if kept.folder { Some(path) } else { path.parent() };
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    match kept.first.as_deref().map(Path::new) {
        Some(first) if first.exists() => copy(first, path),
        _ => Ok(()),
    }
}

/// Copies what is not there yet: agents may have changed the rest. Links are not followed, and nothing is ever half there.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    if !kind.is_file() || fs::symlink_metadata(to).is_ok() {
        return Ok(());
    }
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".copying");
    let half = to.with_file_name(name);
    fs::copy(from, &half)?;
    fs::rename(half, to)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use contract::group_config::{GroupConfig, Kept};

    use super::prepare;

    fn config(kept: Vec<Kept>) -> GroupConfig {
        let mut config: GroupConfig = serde_json::from_str(r#"{"agents": []}"#).unwrap();
        config.kept = kept;
        config
    }

    #[test]
    fn what_agents_changed_stays_and_what_is_missing_comes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("first/logs/old")).unwrap();
        fs::write(at("first/logs/old/x.log"), "of the image").unwrap();
        fs::write(at("first/state.json"), "{}").unwrap();
        let kept = |path: &str, folder| Kept {
            path: at(&format!("data/{path}")).to_string_lossy().into_owned(),
            folder,
            first: Some(at(&format!("first/{path}")).to_string_lossy().into_owned()),
        };
        let config = config(vec![
            kept("logs", true),
            kept("state.json", false),
            kept("deep/er/new.db", false),
        ]);
        assert_eq!(prepare(&config), Vec::<String>::new());
        let read = |path: &str| fs::read_to_string(at(path)).unwrap();
        assert_eq!(read("data/logs/old/x.log"), "of the image");
        assert_eq!(read("data/state.json"), "{}");
        assert!(at("data/deep/er").is_dir() && !at("data/deep/er/new.db").exists());
        fs::write(at("data/state.json"), "changed").unwrap();
        fs::remove_file(at("data/logs/old/x.log")).unwrap();
        assert_eq!(prepare(&config), Vec::<String>::new());
        assert_eq!(read("data/state.json"), "changed");
        assert_eq!(read("data/logs/old/x.log"), "of the image");
    }

    #[test]
    fn what_cannot_be_made_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let path = folder.path().join("file/logs").to_string_lossy().into_owned();
        let config = config(vec![Kept {
            path: path.clone(),
            folder: true,
            first: None,
        }]);
        let said = prepare(&config);
        assert_eq!(said.len(), 1);
        assert!(said[0].contains(&path), "{said:?}");
    }
}
