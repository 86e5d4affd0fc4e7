//! What agents are given from files that nobody else may see. It is read where an agent is started, and stands in no environment but
//! the agents'.

use std::collections::BTreeSet;
use std::path::Path;

use contract::group_config::GroupConfig;
use contract::secrets::{Secrets, variables};

use crate::mask::{Known, is_secret};

/// The most that one of these files may hold, in bytes: far more than an environment takes.
const MOST: u64 = 1024 * 1024;

/// Variables, and what is wrong with the files that hold them.
#[derive(Debug, Default)]
pub struct Given {
    /// Of files of variables.
    pub from_env_files: Vec<(String, String)>,
    /// Of files that hold one value.
    pub variables: Vec<(String, String)>,
    /// What could not be read, without what it holds.
    pub problems: Vec<String>,
}

/// Reads what these files give.
#[must_use]
pub fn read(secrets: &Secrets) -> Given {
    let mut given = Given::default();
    for file in &secrets.env_files {
        match content(file) {
            Ok(text) => match variables(&text) {
                Ok(found) => given.from_env_files.extend(found),
                Err(line) => given
                    .problems
                    .push(format!("`{file}:{}` is not of the form NAME=VALUE", line.0)),
            },
            Err(problem) => given.problems.push(problem),
        }
    }
    for (name, file) in &secrets.variables {
        match content(file) {
            Ok(text) if text.contains('\0') => {
                given
                    .problems
                    .push(format!("`{file}` has a NUL character: `{name}` cannot have its value"));
            }
            Ok(text) => {
                let value = text.strip_suffix('\n').unwrap_or(&text);
                let value = value.strip_suffix('\r').unwrap_or(value);
                given.variables.push((name.clone(), value.to_owned()));
            }
            Err(problem) => given.problems.push(problem),
        }
    }
    given
}

fn content(file: &str) -> Result<String, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("cannot read `{file}`: {why}");
    let length = std::fs::metadata(Path::new(file)).map_err(|error| wrong(&error))?.len();
    if length > MOST {
        return Err(wrong(&format!("it has {length} bytes, more than {MOST}")));
    }
    let bytes = std::fs::read(file).map_err(|error| wrong(&error))?;
    String::from_utf8(bytes).map_err(|_| wrong(&"it is not UTF-8"))
}

/// What nothing that leaves the container may show, and what could not be read of it.
#[must_use]
pub fn known(config: &GroupConfig) -> (Known, Vec<String>) {
    let mut known = Known::default();
    let mut problems = BTreeSet::new();
    let all = config.agents.iter().map(|agent| &agent.secrets);
    for secrets in std::iter::once(&config.secrets).chain(all) {
        let given = read(secrets);
        problems.extend(given.problems);
        for (name, value) in &given.from_env_files {
            if is_secret(name) || !is_setting(value) {
                known.add(value);
            }
        }
        for (_, value) in &given.variables {
            known.add(value);
        }
        // One that is not text cannot be printed as it is.
        for text in secrets.files.iter().filter_map(|file| content(file).ok()) {
            known.add(text.trim_end_matches(['\n', '\r']));
        }
    }
    (known, problems.into_iter().collect())
}

/// Whether the value of a file of variables is a setting as any program has them, which a log is of no use without.
fn is_setting(value: &str) -> bool {
    const WORDS: [&str; 14] = [
        "true",
        "false",
        "none",
        "null",
        "debug",
        "info",
        "warning",
        "error",
        "critical",
        "production",
        "development",
        "staging",
        "testing",
        "localhost",
    ];
    let is_address = || {
        let bare = value.split_once("://").map_or(value, |(_, rest)| rest);
        let host = bare.split(['/', ':']).next().unwrap_or_default();
        !bare.contains(['@', '?', '#', ' '])
            && (value.contains("://") || bare.contains(':'))
            && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
            && bare.split_once(':').is_none_or(|(_, port)| {
                port.split('/')
                    .next()
                    .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
            })
            && bare.split('/').skip(1).all(|part| part.len() < 20)
    };
    let is_path = || value.starts_with('/') && !value.contains(['?', '@', ' ', '=']);
    let is_module = || {
        value.len() < 20
            && value.contains(['/', '.'])
            && value.chars().all(|c| c.is_ascii_lowercase() || "._/-".contains(c))
    };
    value.parse::<f64>().is_ok()
        || WORDS.contains(&value.to_ascii_lowercase().as_str())
        || is_path()
        || is_module()
        || is_address()
}

#[cfg(test)]
mod tests {
    use contract::group_config::GroupConfig;

    use super::{is_setting, known, read};

    #[test]
    fn settings_stay_readable_and_all_else_is_secret() {
        for text in [
            "8080",
            "0.5",
            "True",
            "INFO",
            "/app/models",
            "redis://host:6379/0",
            "http://host/api",
            "db:5432",
            "main/x.db",
        ] {
            assert!(is_setting(text), "{text}");
        }
        for text in [
            "hunter2",
            "redis://u:p@host:6379/0",
            "https://hooks.example.org/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
            "https://h/x?token=a",
            "abc:def",
            "correcthorse",
            "a b",
        ] {
            assert!(!is_setting(text), "{text}");
        }
    }

    #[test]
    fn values_come_from_files_and_what_is_missing_is_named_without_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let token = file("token", "sesame-7\r\n");
        let variables = file("env", "A=1\nPLAIN=open-sesame\n");
        let wrong = file("wrong", "A=1\nhunter2-is-here\n");
        let key = file("key", "-----BEGIN X-----\nQUJDREVGR0hJSktMTU5P\n-----END X-----\n");
        let text = format!(
            "agents:\n- {{name: A, script_path: a.py, port: 5, secrets: {{variables: {{TOKEN: {token}, GONE: /no/such}}, files: [{key}]}}}}\n\
             secrets: {{env_files: [{variables}, {wrong}]}}\n"
        );
        let config: GroupConfig = serde_saphyr::from_str(&text).unwrap();
        let given = read(&config.agents[0].secrets);
        assert_eq!(given.variables, [("TOKEN".to_owned(), "sesame-7".to_owned())]);
        let (known, problems) = known(&config);
        assert_eq!(
            known.hide("x sesame-7 open-sesame 1 QUJDREVGR0hJSktMTU5P"),
            "x *** *** 1 ***"
        );
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|problem| problem.starts_with("cannot read `/no/such`"))
        );
        assert!(
            problems
                .iter()
                .any(|problem| problem.contains("wrong:2` is not of the form"))
        );
        assert!(!problems.join("").contains("hunter2"));
    }
}
