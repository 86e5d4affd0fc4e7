//! The package index that this host's pip and uv are told to use: environment and pip's configuration files.

use std::path::PathBuf;

use crate::images::package_index::{ConfigFile, PackageIndex};

/// Looks. A file that is not there or cannot be read says nothing, as for pip; a folder of distributions (`find-links`) and
/// `uv.toml` are not looked at.
#[must_use]
pub fn of_host() -> PackageIndex {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let files: Vec<ConfigFile> = config_files(&variable)
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).ok()?;
            let path = path.display().to_string();
            Some(ConfigFile { path, text })
        })
        .collect();
    PackageIndex::read(&variable, &files)
}

/// pip's files in the order in which it reads them: the host's, the user's, the virtual environment's, the one that a variable
/// names, which stands in for the user's.
fn config_files(variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let named = variable("PIP_CONFIG_FILE").map(PathBuf::from);
    if named.as_deref() == Some("/dev/null".as_ref()) {
        return Vec::new();
    }
    let shared = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    let mut files: Vec<PathBuf> = std::env::split_paths(&shared)
        .map(|folder| folder.join("pip/pip.conf"))
        .collect();
    files.push("/etc/pip.conf".into());
    let home = variable("HOME").map(PathBuf::from);
    if !named.as_ref().is_some_and(|path| path.exists()) {
        files.extend(home.as_ref().map(|home| home.join(".pip/pip.conf")));
        let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(home?.join(".config")));
        files.extend(config.map(|config| config.join("pip/pip.conf")));
    }
    let environment = variable("VIRTUAL_ENV").map(PathBuf::from);
    files.extend(environment.map(|environment| environment.join("pip.conf")));
    files.extend(named);
    files
}
