//! Environment variables that a script cannot do without, and that its container does not have: rule `start/environment`.

use std::collections::BTreeMap;

use pysrc::{Call, Module, Span, Value};

use super::failure::{Flow, Words};
use super::mutation::About;
use super::reuse::using;
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::finding::Subject;

/// Variables of the base image, the container's runtime and the shell, in part.
const FROM_ELSEWHERE: &[&str] = &[
    "PATH",
    "HOME",
    "HOSTNAME",
    "TERM",
    "LANG",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "container",
    "USER",
    "LOGNAME",
    "SHELL",
    "PROJECT_ROOT",
    "TZ",
    "TMPDIR",
    "GPG_KEY",
];
/// How the names of others begin.
const BEGINNINGS: &[&str] = &["PYTHON", "LC_", "SSL_", "NVIDIA_", "CUDA_"];
/// Names of whatever may set any variable.
const SETTERS: &[&str] = &["putenv", "import_module", "__import__", "exec", "environb"];

impl Walker<'_> {
    /// `os.environ["NAME"]`.
    pub fn environment_read(&mut self, index: u32) -> Flow {
        let here = self.here();
        let read = self
            .source(here)
            .and_then(|source| source.environment.get(index as usize));
        match read {
            Some(read) => self.environment_lacks(here, &read.name, read.span),
            None => Flow::Next,
        }
    }

    /// A variable is read that has to be there.
    pub fn environment_lacks(&mut self, here: ModuleId, name: &str, span: Span) -> Flow {
        if !self.is_certain() {
            return Flow::Next;
        }
        let Some(variable) = self.environment_variable(name) else {
            return Flow::Next;
        };
        if variable.may_be_there || variable.is_from_a_file || self.may_be_set() {
            return Flow::Next;
        }
        let message = format!("KeyError: '{name}': the container has no environment variable of that name");
        let why = if self.asks_for_env_file() {
            "files such as `.env` are in no image, so `load_dotenv` finds none: "
        } else {
            ""
        };
        let help = Some(format!(
            "{why}set `{name}` under `environment:` of the group or machine, name a file that holds it under `secrets:`, or read it with `os.environ.get(…)`"
        ));
        self.fail_at(
            here,
            span,
            "start/environment",
            "KeyError",
            Words::about(Subject::Variable(name.to_owned()), message),
            help,
        )
    }

    /// What `os.getenv("NAME")`, or `os.environ.get("NAME", default)`, surely gives in the container.
    pub fn variable_of_environment(&self, call: &Call) -> Option<V> {
        self.environment?;
        let (name, default) = match &*call.arguments {
            [name] => (name, &Value::None),
            [name, default] => (name, default),
            _ => return None,
        };
        let plain = call.keywords.is_empty() && !call.star() && !call.double_star();
        let asks = || {
            matches!(self.evaluate(&call.callee), V::Outside(function)
                if matches!(function.as_str(), "os.getenv" | "os.environ.get"))
        };
        if !plain || !asks() {
            return None;
        }
        let Some(V::Str(name)) = self.certain(name) else {
            return None;
        };
        let variable = self.environment_variable(&name)?;
        if variable.is_from_a_file || self.may_be_set() {
            return None;
        }
        match variable.value {
            Some(value) => Some(V::Str(value)),
            None if variable.may_be_there => None,
            None => self.certain(default),
        }
    }

    /// The value of a variable that the container surely has.
    pub fn known_variable(&self, name: &str) -> Option<String> {
        let known = self.environment_variable(name)?;
        let is_certain = !known.is_from_a_file && !self.may_be_set();
        known.value.filter(|_| is_certain)
    }

    /// `"NAME" in os.environ`, where that is known.
    pub fn has_variable(&self, name: &str) -> Option<bool> {
        self.environment?;
        let variable = self.environment_variable(name)?;
        if variable.is_from_a_file || self.may_be_set() {
            return None;
        }
        match variable.value {
            Some(_) => Some(true),
            None => (!variable.may_be_there).then_some(false),
        }
    }

    /// Whether a call asks for a variable that the container surely does not have: it gives `None`.
    pub fn asks_in_vain(&self, call: &Call) -> bool {
        self.variable_of_environment(call) == Some(V::None)
    }

    /// Whether a module that has run has to do with dotenv.
    fn asks_for_env_file(&self) -> bool {
        self.is_mentioned(&["load_dotenv"])
    }

    /// Whether a module that has run may set variables.
    fn may_be_set(&self) -> bool {
        self.is_mentioned(SETTERS)
            || self.any("dotenv", About::SetsVariables)
            || self.any("load_dotenv", About::SetsVariables)
            || self.any("environ", About::Escapes)
    }

    /// Whether a module that has to do with dotenv may set variables by it.
    pub fn may_set_variables(&self, source: &Module) -> bool {
        self.uses_own(using::ENV_FILE);
        self.has_env_file || dotenv::may_find_a_file(&source.text)
    }
}

/// Whether one of these patterns names a file such as `.env`.
pub fn names_env_file(patterns: &[String]) -> bool {
    let name = |pattern: &String| pattern.rsplit('/').next().unwrap_or_default().to_owned();
    patterns.iter().map(name).any(|name| name.contains(".env"))
}

/// What python-dotenv may find. Files such as `.env` are in no image, so that `load_dotenv()` sets nothing.
mod dotenv {
    /// What computes a path beside or above a file, and what says how to read it.
    const HARMLESS: &[&str] = &[
        "find_dotenv",
        "dotenv",
        "Path",
        "pathlib",
        "__file__",
        "parent",
        "parents",
        "resolve",
        "absolute",
        "os",
        "path",
        "join",
        "dirname",
        "abspath",
        "realpath",
        "str",
        "getcwd",
        "cwd",
        "dotenv_path",
        "filename",
        "override",
        "verbose",
        "interpolate",
        "encoding",
        "usecwd",
        "True",
        "False",
        "None",
    ];

    /// Whether a source that has to do with dotenv may set variables from a file that is there: it names another file than `.env`, or
    /// does something else than to load one.
    pub fn may_find_a_file(text: &str) -> bool {
        let mut calls = 0;
        for (at, name) in text.match_indices("load_dotenv") {
            let behind = text[at + name.len()..].trim_start();
            if behind.starts_with("as ") {
                return true;
            }
            let Some(arguments) = behind.strip_prefix('(') else {
                continue;
            };
            calls += 1;
            match closed(arguments) {
                Some(arguments) if is_env_file(arguments) => {}
                _ => return true,
            }
        }
        // It goes by another name, or another package has that one.
        calls == 0
            && !["dotenv_values", "find_dotenv", "load_dotenv"]
                .iter()
                .any(|name| text.contains(name))
    }

    /// What stands in front of the parenthesis that closes.
    fn closed(text: &str) -> Option<&str> {
        let mut open = 0_u32;
        for (at, c) in text.char_indices().take(500) {
            match c {
                '(' => open += 1,
                ')' if open == 0 => return Some(&text[..at]),
                ')' => open -= 1,
                '#' => return None,
                _ => {}
            }
        }
        None
    }

    /// Whether arguments name no file but `.env`, `.env.local` and the like, in folders of code.
    fn is_env_file(arguments: &str) -> bool {
        let mut names = String::new();
        for (index, part) in arguments.split(['"', '\'']).enumerate() {
            if index % 2 == 0 {
                names.push_str(part);
                names.push(' ');
                continue;
            }
            let file = part.trim_start_matches(['.', '/']);
            let up = file.is_empty() || matches!(part, "utf-8" | "utf8" | "utf-8-sig");
            let named = part.rsplit('/').next().is_some_and(|name| name.starts_with(".env"));
            let below = part.trim_start_matches("./").trim_start_matches("../").contains('/');
            if part.starts_with('/') || !(up || (named && !below)) {
                return false;
            }
        }
        let words = names.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let mut words = words.filter(|word| !word.is_empty() && word.parse::<u32>().is_err());
        words.all(|word| HARMLESS.contains(&word))
    }

    #[cfg(test)]
    mod tests {
        use super::may_find_a_file;

        #[test]
        fn only_files_that_no_image_has_are_known_to_be_missing() {
            for call in [
                "load_dotenv()",
                "dotenv.load_dotenv( )",
                "load_dotenv(override=True)",
                "load_dotenv(find_dotenv())",
                "load_dotenv(find_dotenv(usecwd=True), override=True)",
                "load_dotenv('.env')",
                "load_dotenv(\"../.env.local\", encoding='utf-8')",
                "load_dotenv(dotenv_path='.env')",
                "load_dotenv(Path(__file__).resolve().parent.parent / '.env')",
                "load_dotenv(os.path.join(os.path.dirname(__file__), '..', '.env'))",
                "print(dotenv_values())",
            ] {
                assert!(
                    !may_find_a_file(&format!("from dotenv import load_dotenv\n{call}\n")),
                    "{call}"
                );
            }
            for call in [
                "load_dotenv('settings.env')",
                "load_dotenv('/app/config/.env')",
                "load_dotenv('config/.env')",
                "load_dotenv(PATH)",
                "load_dotenv(stream=f)",
                "load_dotenv(os.path.join('/app/config', '.env'))",
                "load_dotenv(Path.home() / '.env')",
                "load_dotenv(",
            ] {
                assert!(
                    may_find_a_file(&format!("from dotenv import load_dotenv\n{call}\n")),
                    "{call}"
                );
            }
            assert!(may_find_a_file("from dotenv import load_dotenv as load\nload('x')\n"));
            assert!(may_find_a_file("import dotenv\ndotenv.read('x')\n"));
        }
    }
}

/// Whether a container with this environment may have a variable.
pub fn may_have(environment: &BTreeMap<String, String>, name: &str) -> bool {
    environment.contains_key(name)
        || FROM_ELSEWHERE.contains(&name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}
