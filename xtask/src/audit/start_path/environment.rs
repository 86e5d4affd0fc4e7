//! Environment variables that a script cannot do without, and that its container does not have: rule `start/environment`.

use std::collections::BTreeMap;

use pysrc::{Call, Span, Value};

use super::failure::Flow;
use super::value::{ModuleId, V};
use super::walk::Walker;

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
const SETTERS: &[&str] = &[
    "load_dotenv",
    "dotenv",
    "putenv",
    "import_module",
    "__import__",
    "exec",
    "environb",
];

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
        let (Some(environment), true) = (self.environment, self.is_certain()) else {
            return Flow::Next;
        };
        if may_have(environment, name) || self.may_be_set() {
            return Flow::Next;
        }
        let message = format!("KeyError: '{name}': the container has no environment variable of that name");
        let help = Some(format!(
            "set `{name}` under `environment:` of the group or machine, or read it with `os.environ.get(…)`"
        ));
        self.fail_at(here, span, "start/environment", "KeyError", message, help)
    }

    /// What `os.getenv("NAME")`, or `os.environ.get("NAME", default)`, surely gives in the container.
    pub fn variable_of_environment(&self, call: &Call) -> Option<V> {
        let environment = self.environment?;
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
        if self.may_be_set() {
            return None;
        }
        match environment.get(&name) {
            Some(value) => Some(V::Str(value.clone())),
            None if may_have(environment, &name) => None,
            None => self.certain(default),
        }
    }

    /// Whether a call asks for a variable that the container surely does not have: it gives `None`.
    pub fn asks_in_vain(&self, call: &Call) -> bool {
        self.variable_of_environment(call) == Some(V::None)
    }

    /// Whether a module that has run may set variables.
    fn may_be_set(&self) -> bool {
        (0..self.modules.len()).filter_map(|id| self.source(id)).any(|source| {
            SETTERS.iter().any(|setter| source.atom(setter).is_some())
                || (source.atom("environ").is_some() && {
                    let uses = pysrc::uses(&source.text, "environ");
                    uses.escapes || uses.bound_otherwise
                })
        })
    }
}

/// Whether a container with this environment may have a variable.
fn may_have(environment: &BTreeMap<String, String>, name: &str) -> bool {
    environment.contains_key(name)
        || FROM_ELSEWHERE.contains(&name)
        || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}
