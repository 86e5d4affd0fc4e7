//! Command lines as Compose files, supervisord and Procfiles have them: which script or module Python is given, and what words stand
//! behind it.

use std::collections::BTreeMap;

use super::values::Values;
use crate::stack::spans::At;

/// What a command line starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The script, or with `-m` the module.
    pub target: Target,
    /// The words behind it.
    pub arguments: Vec<String>,
    /// Variables that are set in front of it (`A=b python x.py`).
    pub environment: Vec<(String, String)>,
    /// The folder that it changes to first (`cd x && python y.py`).
    pub folder: Option<String>,
    /// A shell reads it, and fills in variables.
    pub by_shell: bool,
}

impl Command {
    /// The same with what a shell fills in: `$NAME`, `${NAME}` and `${NAME:-default}`, as far as the environment says.
    #[must_use]
    pub fn expanded(mut self, environment: &BTreeMap<String, At<String>>) -> Self {
        if self.by_shell {
            let nothing = BTreeMap::new();
            let values = Values {
                variables: &nothing,
                environment,
            };
            for word in &mut self.arguments {
                *word = values.fill(&braced(word));
            }
        }
        self
    }
}

/// `$NAME` as `${NAME}`.
fn braced(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let end = behind
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(behind.len());
        if is_variable(&behind[..end]) {
            out.push_str("${");
            out.push_str(&behind[..end]);
            out.push('}');
            rest = &behind[end..];
        } else {
            out.push('$');
            rest = behind;
        }
    }
    out.push_str(rest);
    out
}

/// What Python runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file.
    Script(String),
    /// A module, by `-m`.
    Module(String),
}

/// Modules of packages that serve an application of the tree, which their first argument names: `uvicorn pkg.app:app`.
const SERVERS: [&str; 5] = ["daphne", "flask", "gunicorn", "hypercorn", "uvicorn"];

/// Whether a module is one of these.
#[must_use]
pub fn is_server(module: &str) -> bool {
    SERVERS.contains(&module)
}

/// The module of the application that the words behind a server name: `pkg.app` of `pkg.app:create()`.
#[must_use]
pub fn application(words: &[String]) -> Option<&str> {
    let module = |word: &'_ str| {
        let module = word.split(':').next().unwrap_or(word);
        let is_name = |part: &str| {
            part.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_alphanumeric() || c == '_')
        };
        module.split('.').all(is_name).then_some(module.len())
    };
    // One with a colon is meant, wherever options stand.
    let found = words.iter().find(|word| {
        let is_address = word
            .split_once(':')
            .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        word.contains(':') && !is_address && module(word).is_some()
    });
    let found = found.map(String::as_str).or_else(|| flag(words, &["app", "A"]))?;
    module(found).and_then(|length| found.get(..length))
}

/// Whether a word is a Python interpreter: `python3.11`, `/usr/bin/python`, `pypy3`.
#[must_use]
pub fn is_interpreter(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    ["python", "pypy"].iter().any(|known| {
        name.strip_prefix(known)
            .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.' || c == 'w'))
    })
}

/// The words of a command line, quotes taken away. `&&` and `;` are words of their own.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('"') | None, '\\') => {
                if let Some(next) = characters.next().filter(|next| *next != '\n') {
                    word.get_or_insert_default().push(next);
                }
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, ';') => {
                words.extend(word.take());
                words.push(";".to_owned());
            }
            (None, '&') if characters.peek() == Some(&'&') => {
                characters.next();
                words.extend(word.take());
                words.push("&&".to_owned());
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What the words start, where that is Python.
#[must_use]
pub fn parse(words: &[String]) -> Option<Command> {
    parse_at(words, 0)
}

fn parse_at(words: &[String], depth: usize) -> Option<Command> {
    // `bash -c "exec python x.py"`: the words of a word.
    const DEEPEST: usize = 3;
    if depth > DEEPEST {
        return None;
    }
    let mut folder = None;
    // Of several commands the last one stays.
    let mut parts: Vec<&[String]> = words.split(|word| word == "&&" || word == ";").collect();
    parts.retain(|part| !part.is_empty());
    for part in &parts {
        if let [cd, to] = part
            && cd == "cd"
        {
            folder = Some(to.clone());
        }
    }
    let part = parts.iter().rev().find(|part| {
        part.iter()
            .any(|word| word.contains("python") || word.contains("pypy") || word.contains(".py") || is_server(word))
    })?;
    let mut environment = Vec::new();
    let mut rest = *part;
    while let Some((word, behind)) = rest.split_first() {
        let name = word.rsplit('/').next().unwrap_or(word);
        if is_interpreter(word) {
            let mut command = interpreted(behind)?;
            command.environment = environment;
            command.folder = folder;
            return Some(command);
        }
        if matches!(name, "sh" | "bash" | "dash" | "zsh") {
            let line = behind
                .iter()
                .position(|word| word.starts_with('-') && word.ends_with('c'));
            let line = behind.get(line? + 1)?;
            let mut command = parse_at(&self::words(line), depth + 1)?;
            command.folder = command.folder.or(folder);
            command.by_shell = true;
            environment.append(&mut command.environment);
            command.environment = environment;
            return Some(command);
        }
        match word.split_once('=') {
            Some((variable, value)) if is_variable(variable) => {
                environment.push((variable.to_owned(), value.to_owned()));
            }
            _ if word.ends_with(".py") => {
                return Some(Command {
                    target: Target::Script(word.clone()),
                    arguments: behind.to_vec(),
                    environment,
                    folder,
                    by_shell: false,
                });
            }
            _ if is_server(name) && application(behind).is_some() => {
                return Some(Command {
                    target: Target::Module(name.to_owned()),
                    arguments: behind.to_vec(),
                    environment,
                    folder,
                    by_shell: false,
                });
            }
            // `exec`, `env`, `nohup`, `tini --`, `poetry run`, and their options.
            _ => {}
        }
        rest = behind;
    }
    None
}

/// What the words behind an interpreter make it run.
fn interpreted(words: &[String]) -> Option<Command> {
    let mut rest = words;
    let target = loop {
        let (word, behind) = rest.split_first()?;
        rest = behind;
        match word.as_str() {
            "-m" => {
                let (module, behind) = rest.split_first()?;
                rest = behind;
                break Target::Module(module.clone());
            }
            // An option with a value.
            "-W" | "-X" | "--check-hash-based-pycs" => rest = rest.get(1..)?,
            "-c" | "-" => return None,
            word if word.starts_with("-m") && word.len() > 2 => break Target::Module(word[2..].to_owned()),
            word if word.starts_with('-') => {}
            word => break Target::Script(word.to_owned()),
        }
    };
    Some(Command {
        target,
        arguments: rest.to_vec(),
        environment: Vec::new(),
        folder: None,
        by_shell: false,
    })
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value of a flag among words, as in `--port 5000` or `--port=5000`.
#[must_use]
pub fn flag<'a>(words: &'a [String], names: &[&str]) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(at, word)| {
        let long = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
        match long.split_once('=') {
            Some((name, value)) => names.contains(&name).then_some(value),
            None if names.contains(&long) => words.get(at + 1).map(String::as_str),
            None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, Vec<String>)> {
        let command = parse(&words(line))?;
        let target = match command.target {
            Target::Script(path) => path,
            Target::Module(module) => format!("-m {module}"),
        };
        Some((target, command.arguments))
    }

    #[test]
    fn scripts_and_modules_are_found_behind_whatever_starts_python() {
        for (line, target, arguments) in [
            ("python a.py", "a.py", vec![]),
            ("python3 -u a/b.py --port 5000", "a/b.py", vec!["--port", "5000"]),
            ("/usr/bin/python3.11 -O -W ignore a.py x", "a.py", vec!["x"]),
            ("exec env A=b nohup python a.py", "a.py", vec![]),
            (
                "python -m agents.hello --name 'two words'",
                "-m agents.hello",
                vec!["--name", "two words"],
            ),
            ("python -magents.hello", "-m agents.hello", vec![]),
            ("./a.py --x", "./a.py", vec!["--x"]),
            ("bash -c \"cd /app && python a.py\"", "a.py", vec![]),
            ("sh -lc 'exec python -m a'", "-m a", vec![]),
            ("pip install -r r.txt && python a.py", "a.py", vec![]),
            ("poetry run python a.py", "a.py", vec![]),
            ("tini -- python a.py", "a.py", vec![]),
            (
                "uvicorn a.b:app --port 80",
                "-m uvicorn",
                vec!["a.b:app", "--port", "80"],
            ),
            (
                "exec gunicorn -b 0.0.0.0:80 a:app",
                "-m gunicorn",
                vec!["-b", "0.0.0.0:80", "a:app"],
            ),
        ] {
            let expected: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            assert_eq!(read(line), Some((target.to_owned(), expected)), "{line}");
        }
        for line in [
            "redis-server",
            "",
            "python",
            "python -c 'print(1)'",
            "node app.js",
            "bash start.sh",
            "pip install uvicorn",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn a_shell_fills_in_variables() {
        let environment = BTreeMap::from([(
            "PORT".to_owned(),
            At {
                value: "6300".to_owned(),
                place: crate::finding::Place::file("x"),
            },
        )]);
        let of = |line: &str| parse(&words(line)).unwrap().expanded(&environment).arguments.join(" ");
        assert_eq!(
            of("sh -c 'python a.py $PORT ${PORT:-1} ${GONE:-2} $GONE $'"),
            "6300 6300 2 ${GONE} $"
        );
        assert_eq!(of("python a.py '$PORT'"), "$PORT");
    }

    #[test]
    fn applications_are_modules_with_what_they_call_it() {
        for (line, module) in [
            ("a.b:app --port 80", Some("a.b")),
            ("-b 0.0.0.0:80 'a:create()'", Some("a")),
            ("--app a.b run", Some("a.b")),
            ("run --port 80", None),
            ("-b localhost:80", None),
            ("a/b:app", None),
        ] {
            assert_eq!(application(&words(line)), module, "{line}");
        }
    }

    #[test]
    fn variables_and_the_folder_are_kept() {
        let command = parse(&words("cd main && A=1 B='x y' python a.py")).unwrap();
        assert_eq!(command.folder.as_deref(), Some("main"));
        assert_eq!(
            command.environment,
            [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "x y".to_owned())]
        );
    }

    #[test]
    fn flags_are_found_in_both_forms() {
        let words = words("--port=5000 -p 6000 --name x --last");
        assert_eq!(flag(&words, &["port"]), Some("5000"));
        assert_eq!(flag(&words, &["p"]), Some("6000"));
        assert_eq!(flag(&words, &["last"]), None);
        assert_eq!(flag(&words, &["none"]), None);
    }
}
