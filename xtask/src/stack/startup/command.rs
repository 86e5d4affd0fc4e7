//! Command lines as Compose files, supervisord and Procfiles have them: which script or module Python is given, and what words stand
//! behind it.

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
}

/// What Python runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file.
    Script(String),
    /// A module, by `-m`.
    Module(String),
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
            .any(|word| word.contains("python") || word.contains("pypy") || word.contains(".py"))
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
        ] {
            assert_eq!(read(line), None, "{line}");
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
