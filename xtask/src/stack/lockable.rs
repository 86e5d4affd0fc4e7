//! What of requirements files a resolver on this host is given: names with versions, from the indexes that this host chose.
//!
//! Requirements files belong to a tree that somebody else wrote. A folder or an archive is built to learn what it needs, which runs
//! its code; an address is fetched; an index of its own decides what a name means. None of this happens on the host: such a line
//! is refused and named.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::requirements_lock::Wanted;

/// What a resolver is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lockable {
    /// Text of a requirements file.
    pub requirements: String,
    /// Text of a file of constraints.
    pub constraints: String,
    /// Whether versions before a release do.
    pub prereleases: bool,
}

/// A line that a resolver is not given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Path of the file, relative to the tree.
    pub file: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it, as a fragment.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// A distribution by name: extras, versions, a marker, hashes.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pattern = r#"(?x)^
        [A-Za-z0-9] [A-Za-z0-9._-]*
        \s* (?: \[ [A-Za-z0-9._,\s-]* \] )?
        \s* \(? \s* (?: (?: === | ~= | == | != | <= | >= | < | > ) \s* [A-Za-z0-9.*+!_-]+ \s* ,? \s* )* \)?
        \s* (?: ; [A-Za-z0-9_.\s'"()<>=!~,*+-]+? )?
        (?: \s+ --hash (?: = | \s+ ) [a-z0-9]+ : [0-9a-f]+ )*
        \s* $"#;
    Regex::new(pattern).ok()
});

/// Options that say what holds anyway.
const IMPLIED: [&str; 3] = ["--prefer-binary", "--require-hashes", "--only-binary"];

/// Options that name another index.
const INDEXES: [&str; 5] = ["--index-url", "-i", "--extra-index-url", "--find-links", "-f"];

/// What a resolver is given of these lines. `indexes` are the addresses of further indexes that this host's user allows.
///
/// # Errors
/// Every line that it is not to be given.
pub fn lockable(wanted: &[Wanted], indexes: &BTreeSet<String>) -> Result<Lockable, Vec<Refused>> {
    let mut lockable = Lockable::default();
    let mut refused = Vec::new();
    // What the stack says is nothing of these files.
    for line in wanted.iter().filter(|line| line.line > 0) {
        let text = line.written.trim();
        match judge(text, indexes) {
            Ok(Judged::Nothing) => {}
            Ok(Judged::Prereleases) => lockable.prereleases = true,
            Ok(Judged::Line) => {
                let into = if line.constraint {
                    &mut lockable.constraints
                } else {
                    &mut lockable.requirements
                };
                into.push_str(text);
                into.push('\n');
            }
            Err((message, help)) => refused.push(Refused {
                file: line.file.clone(),
                line: line.line,
                message,
                help,
            }),
        }
    }
    if refused.is_empty() { Ok(lockable) } else { Err(refused) }
}

enum Judged {
    Line,
    Prereleases,
    Nothing,
}

fn judge(text: &str, indexes: &BTreeSet<String>) -> Result<Judged, (String, String)> {
    let shown = shown(text);
    if text.contains("${") {
        return Err((
            format!("`{shown}` asks for a variable of this host"),
            "write what it stands for".to_owned(),
        ));
    }
    if text.starts_with('-') {
        return option(text, &shown, indexes);
    }
    if NAMED.as_ref().is_some_and(|named| named.is_match(text)) {
        return Ok(Judged::Line);
    }
    let own = text.contains("://") || text.contains('@') || text.contains(['/', '\\']) || text.starts_with('.');
    Err(if own {
        (
            format!("`{shown}` is a place, not a distribution of the index: nothing of a tree is fetched or built on this host"),
            "put it into a package index, or leave the file without a lock: `build-images` then installs it inside the image".to_owned(),
        )
    } else {
        (
            format!("`{shown}` is not a valid requirement"),
            "write a name with versions, as in `pyzmq>=25,<27`".to_owned(),
        )
    })
}

fn option(text: &str, shown: &str, indexes: &BTreeSet<String>) -> Result<Judged, (String, String)> {
    let (name, value) = match text.split_once(['=', ' ']) {
        Some((name, value)) => (name, value.trim()),
        None => (text, ""),
    };
    if IMPLIED.contains(&name) {
        return Ok(Judged::Nothing);
    }
    if name == "--pre" {
        return Ok(Judged::Prereleases);
    }
    // `-ihttps://…` is one word.
    let short = ["-i", "-f"]
        .into_iter()
        .find(|short| text.starts_with(short) && text.len() > 2);
    let value = match short {
        Some(short) if !text.starts_with("--") => text[short.len()..].trim_start_matches(['=', ' ']),
        _ => value,
    };
    if INDEXES.contains(&name) || short.is_some() && !text.starts_with("--") {
        let remote = value.starts_with("https://") || value.starts_with("http://");
        if remote && indexes.contains(value) && !value.contains(char::is_whitespace) {
            return Ok(Judged::Line);
        }
        return Err((
            format!("`{shown}` names another index, which this host has not chosen"),
            if remote {
                format!("if you trust it, give `--allow-index {}`", self::shown(value))
            } else {
                "put its distributions into a package index".to_owned()
            },
        ));
    }
    Err((
        format!("`{shown}` is not obeyed on this host"),
        "remove the line, or leave the file without a lock: `build-images` then installs it inside the image"
            .to_owned(),
    ))
}

/// A line without users and passwords of its addresses, and not longer than a line of a terminal.
fn shown(text: &str) -> String {
    const LONGEST: usize = 120;
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| match word.split_once("://") {
            Some((scheme, rest)) => {
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                let path = path.split(['?', '#']).next().unwrap_or(path);
                let slash = if path.is_empty() { "" } else { "/" };
                format!("{scheme}://{host}{slash}{path}")
            }
            None => word.to_owned(),
        })
        .collect();
    words.join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(written: &str) -> Wanted {
        Wanted {
            text: written.to_owned(),
            written: written.to_owned(),
            constraint: false,
            file: "r.txt".to_owned(),
            line: 7,
        }
    }

    fn one(written: &str) -> Result<Lockable, Vec<Refused>> {
        lockable(&[line(written)], &BTreeSet::new())
    }

    #[test]
    fn names_with_versions_are_given() {
        for text in [
            "pyzmq",
            "pyzmq>=25",
            "pyzmq >= 25, != 26.0.*",
            "Foo.Bar_baz[extra,other-1]~=1.0",
            "requests[socks] == 2.31.0 ; python_version < \"3.12\" and sys_platform == 'linux'",
            "x (>=1,<2)",
            "x===1.0+local",
            "x==1!2.0.post1",
            "x==1 --hash=sha256:ab12 --hash sha256:cd34",
        ] {
            assert_eq!(one(text).unwrap().requirements, format!("{text}\n"));
        }
        let mut constraint = line("x<2");
        constraint.constraint = true;
        let both = lockable(
            &[line("x"), constraint, line("--pre"), line("--only-binary :all:")],
            &BTreeSet::new(),
        );
        let both = both.unwrap();
        assert_eq!(
            (both.requirements.as_str(), both.constraints.as_str()),
            ("x\n", "x<2\n")
        );
        assert!(both.prereleases);
    }

    /// What would be built, fetched or asked on the host.
    #[test]
    fn places_and_options_are_refused_with_their_line() {
        for text in [
            "./evil",
            "../evil",
            "/evil",
            "evil/",
            "evil[x]@./evil",
            ".",
            ".[dev]",
            "~/evil",
            "C:\\evil",
            "file:./evil",
            "file:///evil",
            "evil @ file:///evil",
            "evil@file:evil",
            "git+https://h.example/x",
            "git+ssh://git@h.example/x#egg=evil",
            "hg+http://h.example/x",
            "svn+svn://h.example/x",
            "bzr+lp:x",
            "evil @ git+file:///evil",
            "https://h.example/evil.tar.gz",
            "evil @ https://h.example/evil-1-py3-none-any.whl",
            "evil.tar.gz/x",
            "./evil-1-py3-none-any.whl",
            "x==1 ; python_version < '3' @ y",
            "-e .",
            "-e ./evil",
            "-e=.",
            "-e.",
            "--editable ./evil",
            "--editable=git+https://h.example/x",
            "--no-binary :all:",
            "--no-binary=x",
            "--trusted-host h.example",
            "--no-index",
            "--use-feature x",
            "--config-settings x=y",
            "x==1 --global-option=--evil",
            "x==1 --config-settings=a=b",
            "x --index-url https://h.example",
            "x==${HOME}",
            "--index-url https://${TOKEN}@h.example",
            "--index-url https://h.example/simple",
            "--index-url=https://h.example/simple",
            "-i https://h.example/simple",
            "-ihttps://h.example/simple",
            "--extra-index-url https://h.example/simple",
            "--find-links https://h.example/simple",
            "--find-links ./wheels",
            "-f ./wheels",
            "-fwheels",
            "x y",
            "=1",
        ] {
            let refused = one(text).unwrap_err();
            assert_eq!((refused[0].file.as_str(), refused[0].line), ("r.txt", 7), "{text}");
            assert!(
                !refused[0].help.is_empty() && refused[0].message.contains('`'),
                "{text}"
            );
        }
    }

    #[test]
    fn an_index_that_the_user_allows_is_asked_and_no_other() {
        let allowed = BTreeSet::from(["https://h.example/simple".to_owned()]);
        let given = |text: &str| lockable(&[line(text)], &allowed);
        assert!(given("--extra-index-url https://h.example/simple").is_ok());
        assert!(given("--index-url=https://h.example/simple").is_ok());
        assert!(given("--index-url https://h.example/simple/../evil").is_err());
        assert!(given("--index-url https://h.example/simple --extra-index-url https://e.example").is_err());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let refused = one("--index-url https://user:secret@h.example/simple?token=secret").unwrap_err();
        let text = format!("{} {}", refused[0].message, refused[0].help);
        assert!(
            text.contains("--allow-index https://h.example/simple") && !text.contains("secret"),
            "{text}"
        );
    }
}
