//! Environment variables that a script cannot do without, and that its container does not have: rule `start/environment`.

use std::collections::BTreeMap;

use pysrc::{Call, Entry, Loop, Module, Span, Step, Value};

use super::failure::{Flow, Words};
use super::mutation::About;
use super::reuse::using;
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::container::environment::OF_IMAGE;
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
    "TZ",
    "TMPDIR",
    "GPG_KEY",
];
/// How the names of others begin.
const BEGINNINGS: &[&str] = &["PYTHON", "LC_", "SSL_", "NVIDIA_", "CUDA_"];
/// Names of whatever may set any variable.
const SETTERS: &[&str] = &["putenv", "exec", "environb"];

impl<'a> Walker<'a> {
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
        if variable.may_be_there || variable.is_from_a_file || self.may_be_set(name, false) {
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
        if variable.is_from_a_file || self.may_be_set(&name, variable.value.is_some()) {
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
        let is_certain = !known.is_from_a_file && !self.may_be_set(name, known.value.is_some());
        known.value.filter(|_| is_certain)
    }

    /// `"NAME" in os.environ`, where that is known.
    pub fn has_variable(&self, name: &str) -> Option<bool> {
        self.environment?;
        let variable = self.environment_variable(name)?;
        if variable.is_from_a_file || self.may_be_set(name, variable.value.is_some()) {
            return None;
        }
        match variable.value {
            Some(_) => Some(true),
            None => (!variable.may_be_there).then_some(false),
        }
    }

    /// Whether a loop goes through the environment and does nothing with any variable that may be there: its body is a branch that none
    /// of them takes, as where only those of a program's own prefix are wanted.
    pub fn passes_over_environment(&mut self, round: &'a Loop) -> bool {
        let Entry::Over(over) = &round.entry else {
            return false;
        };
        if !round.binds || round.fills.is_some() || !round.orelse.is_empty() || !self.is_sure_way() {
            return false;
        }
        let source = self.source(self.here());
        let call = |at: u32| source.and_then(|source| source.calls.get(at as usize));
        let (over, pairs) = match over {
            Value::Call(at) => (call(*at).map(|call| &call.callee), true),
            over => (Some(over), false),
        };
        let wanted = if pairs { "os.environ.items" } else { "os.environ" };
        if !over.is_some_and(|over| matches!(self.evaluate(over), V::Outside(name) if name == wanted)) {
            return false;
        }
        let (Some((Step::Branch(branch), before)), Some(names)) = (round.body.split_last(), self.names_of_variables())
        else {
            return false;
        };
        let asks = |at: u32| match call(at).map(|call| &call.callee) {
            Some(Value::Attribute(of, method)) => {
                let method = source.map_or("", |source| source.name(*method));
                matches!(**of, Value::Name(_)) && matches!(method, "startswith" | "endswith")
            }
            _ => false,
        };
        let harmless = |step: &Step| match step {
            Step::Store { .. } | Step::Load { .. } | Step::LoadAttribute { .. } | Step::Operation(_) => true,
            Step::Call(at) => asks(*at),
            _ => false,
        };
        if !before.iter().all(harmless) || branch.exhaustive {
            return false;
        }
        let trail = self.trail.take();
        let none = names.into_iter().all(|name| {
            let turn = if pairs { V::List(vec![name, V::Unknown]) } else { name };
            self.each.push(Some(turn));
            let flow = self.steps(before);
            let tests = std::iter::once(&branch.test).chain(&branch.rest);
            let none = tests
                .take(branch.arms.len())
                .all(|test| self.decide(test) == Some(false));
            self.each.pop();
            flow == Flow::Next && none
        });
        self.trail = trail;
        none
    }

    /// Names of all variables that the container may have; of some only how they begin is known.
    fn names_of_variables(&self) -> Option<Vec<V>> {
        // What another agent has may be more.
        self.uses_own(using::OWN);
        let own = self.environment.filter(|_| !self.has_unknown_variables)?;
        if self.may_be_set("", false) {
            return None;
        }
        let own = own.keys().chain(self.secret_variables).map(String::as_str);
        let names = own
            .chain(FROM_ELSEWHERE.iter().copied())
            .chain(OF_IMAGE.iter().map(|(name, _)| *name))
            .chain(self.names.variables_set_by_name());
        let beginnings = BEGINNINGS.iter();
        let beginnings = beginnings.map(|start| V::Concat(vec![V::Str((*start).to_owned()), V::Unknown]));
        Some(names.map(|name| V::Str(name.to_owned())).chain(beginnings).collect())
    }

    /// Whether a call asks for a variable that the container surely does not have: it gives `None`.
    pub fn asks_in_vain(&self, call: &Call) -> bool {
        self.variable_of_environment(call) == Some(V::None)
    }

    /// Whether a module that has run has to do with dotenv.
    fn asks_for_env_file(&self) -> bool {
        self.is_mentioned(&["load_dotenv"])
    }

    /// Whether a module that has run may set a variable, or one that it may have imported; `there`: it has a value already.
    fn may_be_set(&self, variable: &str, there: bool) -> bool {
        self.is_mentioned(SETTERS)
            || self.any("dotenv", About::SetsVariables)
            || self.any("load_dotenv", About::SetsVariables)
            || self.any(variable, About::SetsVariable { there })
            || self.any(variable, About::BringsSetter { there })
    }

    /// Whether a module that has to do with dotenv may set variables by it.
    pub fn may_set_variables(&self, source: &Module) -> bool {
        self.uses_own(using::ENV_FILE);
        self.has_env_file || dotenv::may_find_a_file(&source.text)
    }
}

/// Which variables a source may set by way of `environ`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetVariables {
    /// Those of these names.
    named: Vec<String>,
    /// Those of these names, where they have no value yet: `os.environ.setdefault("NAME", …)`.
    defaults: Vec<String>,
    /// Any.
    any: bool,
}

impl SetVariables {
    /// What stands behind and before each `environ` says what is done with it.
    pub fn of(text: &str) -> Self {
        const ENVIRON: &str = "environ";
        const READ_BY: &[&str] = &[".get(", ".items(", ".keys(", ".values(", ".copy("];
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let mut sets = Self::default();
        for (at, _) in text.match_indices(ENVIRON) {
            let (before, behind) = (&text[..at], &text[at + ENVIRON.len()..]);
            if before.ends_with(is_word) || behind.starts_with(is_word) {
                continue;
            }
            let before = before.strip_suffix("os.").unwrap_or(before);
            let read = before.ends_with("**")
                || before.ends_with(" in ")
                || before.ends_with("dict(")
                || READ_BY.iter().any(|method| behind.starts_with(method));
            let key = || {
                let methods = ["[", ".setdefault(", ".pop("];
                let (method, key) = methods
                    .iter()
                    .find_map(|method| Some((*method, behind.strip_prefix(method)?)))?;
                let quote = key.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
                let (key, rest) = key[1..].split_once(quote)?;
                (!key.contains(['\\', '\n'])).then_some((method, key, rest))
            };
            match key() {
                _ if read => {}
                Some((".setdefault(", key, _)) => sets.defaults.push(key.to_owned()),
                Some(("[", _, rest)) if rest.strip_prefix(']').is_some_and(|rest| !is_stored(before, rest)) => {}
                Some((_, key, _)) => sets.named.push(key.to_owned()),
                None if is_item_read(before, behind) => {}
                None if is_imported(before) && !behind.starts_with(" as ") => {}
                None => sets.any = true,
            }
        }
        sets
    }

    /// Those of which the names are known.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().chain(&self.defaults).map(String::as_str)
    }

    /// Whether a variable may be among them; `there`: it has a value already.
    pub fn has(&self, variable: &str, there: bool) -> bool {
        let among = |names: &[String]| names.iter().any(|name| name == variable);
        self.any || among(&self.named) || (!there && among(&self.defaults))
    }
}

/// Whether an item is read by a key that is computed.
fn is_item_read(before: &str, behind: &str) -> bool {
    let key = behind.strip_prefix('[').and_then(|key| key.split_once(']'));
    key.is_some_and(|(key, behind)| !key.contains(['[', '(', '\n', '"', '\'']) && !is_stored(before, behind))
}

/// Whether an item may be assigned or deleted, going by what stands before and behind it.
fn is_stored(before: &str, behind: &str) -> bool {
    let behind = behind.trim_start_matches(' ');
    let compared = ["==", "!=", "<=", ">="]
        .iter()
        .any(|operator| behind.starts_with(operator));
    let assigned = !compared && (behind.starts_with('=') || behind.get(1..2) == Some("="));
    // One of several targets, or one with a type.
    let line = behind.lines().next().unwrap_or_default();
    let among = behind.starts_with(',') || before.ends_with(", ") || (line.starts_with(':') && line.contains(" = "));
    assigned || among || before.ends_with("del ")
}

/// Whether `from os import` stands in front of a name.
fn is_imported(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default().trim_start();
    line.starts_with("from os import ") && !line.contains(" as ")
}

/// Whether one of these patterns names a file such as `.env`.
pub fn names_env_file(patterns: &[String]) -> bool {
    let name = |pattern: &String| pattern.rsplit('/').next().unwrap_or_default().to_owned();
    patterns.iter().map(name).any(|name| name.contains(".env"))
}

/// Whether a source that has to do with dotenv may load a file that an image has.
pub fn may_load_a_file(text: &str) -> bool {
    dotenv::may_find_a_file(text)
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
        "PathManager",
        "project_root",
        "get_project_root",
        "PROJECT_ROOT",
        "ROOT_DIR",
        "BASE_DIR",
        "ROOT",
        "ROOT_PATH",
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
        use crate::audit::start_path::environment::SetVariables;

        #[test]
        fn variables_that_a_source_sets() {
            let named = |names: &[&str]| SetVariables {
                named: names.iter().map(|name| (*name).to_owned()).collect(),
                ..SetVariables::default()
            };
            let any = || SetVariables {
                any: true,
                ..SetVariables::default()
            };
            let both = SetVariables::of("os.environ['A'] = '1'\nos.environ.setdefault(\"B\", x)\n");
            assert!(both.has("A", true) && !both.has("B", true) && both.has("B", false));
            for (text, sets) in [
                ("os.environ['A'] = '1'\nos.environ.pop(\"B\")\n", named(&["A", "B"])),
                (
                    "for k, v in os.environ.items():\n    d = dict(os.environ)\n",
                    named(&[]),
                ),
                (
                    "from os import environ\nif 'A' in environ:\n    f(**environ)\n",
                    named(&[]),
                ),
                ("environment = os.environ.get('A')\n", named(&[])),
                ("os.environ['A'] = os.environ['B'] == os.environ['C']\n", named(&["A"])),
                ("os.environ['A'], x = 1, 2\ndel os.environ['B']\n", named(&["A", "B"])),
                ("def f(name):\n    return os.environ[name]\n", named(&[])),
                ("del os.environ[name]\n", any()),
                ("os.environ[name] += 'a'\n", any()),
                ("os.environ[name] = '1'\n", any()),
                ("fill(os.environ)\n", any()),
                ("from os import environ as e\ne['A'] = '1'\n", any()),
                ("os.environ.update(A='1')\n", any()),
                ("e = os.environ\n", any()),
            ] {
                assert_eq!(SetVariables::of(text), sets, "{text}");
            }
        }

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
        || OF_IMAGE.iter().any(|(own, _)| *own == name)
        || FROM_ELSEWHERE.contains(&name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}
