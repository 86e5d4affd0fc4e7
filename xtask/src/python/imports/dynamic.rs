//! Where code runs other code whose name only the running program knows: imports, scripts and modules that cannot be followed.

use pysrc::{Call, Module, Span, Value};

/// One such place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfollowed {
    /// The call.
    pub span: Span,
    /// What cannot be told, as in ``the module that `import_module` is given``.
    pub what: String,
}

/// How deep a call's arguments are looked into.
const DEPTH: usize = 8;

/// The places of a module.
#[must_use]
pub fn unfollowed(module: &Module) -> Vec<Unfollowed> {
    module
        .calls
        .iter()
        .enumerate()
        .filter(|(_, call)| !call.guard.type_checking)
        .filter_map(|(index, call)| {
            let what = computed(module, index, call)?;
            Some(Unfollowed { span: call.span, what })
        })
        .collect()
}

fn computed(module: &Module, index: usize, call: &Call) -> Option<String> {
    // Nearly all calls are told apart by the last part of their names: whole names are made only of those that matter.
    let last = module.called(call)?;
    let name = || module.dotted(&call.callee);
    let argument = |at: usize| call.arguments.get(at);
    let literal = |value: Option<&Value>| value.is_some_and(|value| has_text(module, value, DEPTH));
    match last {
        "import_module" | "__import__" if !matches!(argument(0), Some(Value::Str(_))) => {
            name().map(|_| format!("the module that `{last}` is given"))
        }
        "run_module" | "run_path" => {
            let name = name()?;
            let ours = name.starts_with("runpy") || name == last;
            (ours && !literal(argument(0))).then(|| format!("what `{last}` is given to run"))
        }
        "spec_from_file_location" | "load_source" | "SourceFileLoader" => {
            (name().is_some() && !literal(argument(1))).then(|| format!("the file that `{last}` is given"))
        }
        "exec" | "execfile" if name()? == last => {
            let runs_a_file = last == "execfile" || matches!(argument(0), Some(Value::Call(_)));
            (runs_a_file && !literal(argument(0))).then(|| format!("the code that `{last}` is given"))
        }
        "iter_modules" | "walk_packages" => name().map(|_| format!("the modules that `{last}` finds")),
        "Popen" | "run" | "call" | "check_call" | "check_output" | "create_subprocess_exec" | "execv" | "execvp" => {
            (name().is_some() && starts_computed_script(module, index, call))
                .then(|| "the script that a new interpreter is given".to_owned())
        }
        _ => None,
    }
}

/// Whether a call starts an interpreter with a script that is no literal. `-c` and `-m` are no files.
fn starts_computed_script(module: &Module, index: usize, call: &Call) -> bool {
    let words: &[Value] = match call.arguments.first() {
        Some(Value::List(words)) => words,
        _ => &call.arguments,
    };
    let interpreter = match words.first() {
        Some(Value::Str(text)) => text.rsplit('/').next().is_some_and(|name| name.starts_with("python")),
        Some(value) => module.dotted(value).is_some_and(|name| name == "sys.executable"),
        None => false,
    };
    let known = module
        .launches
        .iter()
        .any(|launch| usize::try_from(launch.call).is_ok_and(|at| at == index));
    let inline = words
        .iter()
        .any(|word| matches!(word, Value::Str(text) if &**text == "-c"));
    interpreter && words.len() > 1 && !known && !inline && !words[1..].iter().any(|word| has_text(module, word, DEPTH))
}

/// Whether a value has a literal that names a file or a module: what it names is looked at where it stands.
fn has_text(module: &Module, value: &Value, depth: usize) -> bool {
    let within = |value: &Value| depth > 0 && has_text(module, value, depth - 1);
    match value {
        Value::Str(text) => text.contains('.') && text.len() > 2,
        Value::Concat(parts) | Value::List(parts) | Value::Either(parts) | Value::Or(parts) => parts.iter().any(within),
        Value::Choice(choice) => within(&choice.yes) || within(&choice.no),
        Value::Binary(_, left, right) => within(left) || within(right),
        Value::Attribute(of, _) => within(of),
        Value::Call(index) => usize::try_from(*index)
            .ok()
            .and_then(|index| module.calls.get(index))
            .is_some_and(|call| within(&call.callee) || call.arguments.iter().any(within)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::unfollowed;

    fn count(source: &str) -> usize {
        unfollowed(&pysrc::read(source.as_bytes(), PythonVersion::USUAL)).len()
    }

    #[test]
    fn what_is_computed_cannot_be_followed() {
        for source in [
            "import importlib\nimportlib.import_module(name)\n",
            "__import__(f'agents.{name}')\n",
            "import runpy\nrunpy.run_path(path)\n",
            "exec(open(path).read())\n",
            "import pkgutil\nfor m in pkgutil.iter_modules(p): pass\n",
            "import subprocess, sys\nsubprocess.Popen([sys.executable, script])\n",
            "import importlib.util\nimportlib.util.spec_from_file_location('x', path)\n",
        ] {
            assert_eq!(count(source), 1, "{source}");
        }
    }

    #[test]
    fn literals_and_inline_code_can() {
        for source in [
            "import importlib\nimportlib.import_module('agents.x')\n",
            "import runpy\nrunpy.run_path('agents/x.py')\n",
            "exec(open('agents/x.py').read())\n",
            "exec(job['code'], scope)\n",
            "import subprocess, sys\nsubprocess.Popen([sys.executable, 'agents/x.py'])\n",
            "import subprocess, sys\nsubprocess.run([sys.executable, '-I', '-c', CODE])\n",
            "import subprocess\nsubprocess.run(['ls', path])\n",
        ] {
            assert_eq!(count(source), 0, "{source}");
        }
    }
}
