//! What Git says about a folder.

use std::path::Path;

use super::process::{ProcessError, Program};
use crate::images::labels::Provenance;

/// Files below a folder that differ from what is committed, as `git status` shows them; nothing where the folder is in no
/// work tree, or there is no Git.
///
/// # Errors
/// When Git runs and fails in another way.
pub fn changed(folder: &Path) -> Result<Option<Vec<String>>, ProcessError> {
    let inside = Program::new("git")
        .args(["rev-parse", "--is-inside-work-tree"])
        .folder(folder)
        .read();
    if !inside.is_ok_and(|answer| answer.trim() == "true") {
        return Ok(None);
    }
    let text = Program::new("git")
        .args(["status", "--porcelain", "--", "."])
        .folder(folder)
        .read()?;
    Ok(Some(text.lines().map(|line| line.trim().to_owned()).collect()))
}

/// Where a folder comes from: its repository, its commit, that commit's time. Without Git, only a time is known:
/// `SOURCE_DATE_EPOCH`, or the beginning of 1970.
#[must_use]
pub fn provenance(folder: &Path) -> Provenance {
    let read = |arguments: &[&str]| {
        let text = Program::new("git").args(arguments).folder(folder).read().ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let epoch = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let committed = read(&["log", "-1", "--format=%ct"]).and_then(|text| text.parse::<u64>().ok());
    Provenance {
        source: read(&["config", "--get", "remote.origin.url"]).map(|address| without_credentials(&address)),
        revision: read(&["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]),
        created: date(epoch.or(committed).unwrap_or(0)),
        file_time: epoch.unwrap_or(0),
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
    use super::{date, without_credentials};

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
