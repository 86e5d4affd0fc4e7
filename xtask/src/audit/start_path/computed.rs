//! Imports of modules whose names are computed: which files of the tree they may bring.

use pysrc::{Call, ImportKind, Module, Step, Value};

use super::steps::visit;

/// How far a name is looked after.
const DEEPEST: u32 = 4;

/// What a file may import by names that are computed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Computed {
    /// Any module.
    any: bool,
    /// Modules of these names, less the dots in front of relative ones.
    exact: Vec<String>,
    /// Modules whose names begin so.
    beginnings: Vec<String>,
}

impl Computed {
    /// Of a file.
    pub fn of(source: &Module) -> Self {
        let mut found = Self::default();
        let mut seen = 0;
        for call in &source.calls {
            let name = match &call.callee {
                Value::Name(name) | Value::Attribute(_, name) => source.name(*name),
                _ => continue,
            };
            if matches!(name, "import_module" | "__import__") {
                seen += 1;
                match call.arguments.first() {
                    Some(module) => found.add(source, call, module, 0),
                    None => found.any = true,
                }
            }
        }
        // Who else has the function may call it.
        let mentions = |name: &str| source.text.matches(name).count();
        let imports = source.imports.iter();
        let imports =
            imports.filter(|import| import.kind == ImportKind::From && import.name.as_deref() == Some("import_module"));
        found.any |= mentions("import_module") + mentions("__import__") > seen + imports.count();
        found
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether any module may be among them.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// Whether a file may be among them, by its path.
    pub fn may_bring(&self, path: &str) -> bool {
        if self.any {
            return true;
        }
        let dotted = path
            .trim_end_matches(".py")
            .trim_end_matches("/__init__")
            .replace('/', ".");
        let from = |at: usize| at == 0 || dotted[..at].ends_with('.');
        self.exact.iter().any(|exact| {
            let at = dotted.len().checked_sub(exact.len());
            dotted.ends_with(exact.as_str()) && at.is_some_and(from)
        }) || self
            .beginnings
            .iter()
            .any(|beginning| dotted.match_indices(beginning.as_str()).any(|(at, _)| from(at)))
    }

    fn add(&mut self, source: &Module, call: &Call, value: &Value, depth: u32) {
        let whole = |value: &Value| match value {
            Value::Str(text) => Some(text.trim_start_matches('.').to_owned()),
            _ => None,
        };
        match value {
            _ if depth > DEEPEST => self.any = true,
            Value::Str(_) => self.exact.extend(whole(value)),
            Value::Concat(parts) => match parts.first().and_then(whole) {
                Some(beginning) if beginning.contains('.') => self.beginnings.push(beginning),
                _ => self.any = true,
            },
            Value::Or(values) | Value::Either(values) => {
                values.iter().for_each(|value| self.add(source, call, value, depth + 1));
            }
            Value::Choice(choice) => {
                self.add(source, call, &choice.yes, depth + 1);
                self.add(source, call, &choice.no, depth + 1);
            }
            Value::Subscript(of, _) if matches!(**of, Value::Name(_)) => self.add_items(source, of),
            // One of the parts of what a dictionary has.
            Value::Subscript(of, _) => self.add(source, call, of, depth + 1),
            Value::Call(asked) => match source.calls.get(*asked as usize).map(|asked| &asked.callee) {
                Some(Value::Attribute(of, method)) if source.name(*method) == "get" => self.add_items(source, of),
                _ => self.any = true,
            },
            Value::Name(name) => {
                let body = match call.function {
                    Some(function) => source.functions.get(function as usize).map(|facts| &facts.body),
                    None => Some(&source.body),
                };
                let given = body.map(|body| stored(body, *name)).unwrap_or_default();
                match given.as_slice() {
                    [Some(given)] => self.add(source, call, given, depth + 1),
                    _ => self.any = true,
                }
            }
            _ => self.any = true,
        }
    }

    /// What is in a dictionary of the module.
    fn add_items(&mut self, source: &Module, of: &Value) {
        let Value::Name(name) = of else {
            self.any = true;
            return;
        };
        let given = stored(&source.body, *name);
        let [Some(Value::Dict(items))] = given.as_slice() else {
            self.any = true;
            return;
        };
        for (_, item) in items {
            let parts = match item {
                Value::List(parts) => parts,
                item => std::slice::from_ref(item),
            };
            for part in parts {
                match part {
                    Value::Str(text) => self.exact.push(text.trim_start_matches('.').to_owned()),
                    _ => self.any = true,
                }
            }
        }
    }
}

/// What a body gives a name, each time.
fn stored(body: &[Step], name: pysrc::Atom) -> Vec<Option<&Value>> {
    let mut given = Vec::new();
    visit(body, &mut |step| {
        if let Step::Store {
            name: stored, value, ..
        } = step
            && *stored == name
        {
            given.push(value.as_deref());
        }
    });
    given
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::Computed;

    #[test]
    fn names_that_are_computed_of_what_is_written() {
        let brings =
            |text: &str, path: &str| Computed::of(&pysrc::read(text.as_bytes(), PythonVersion::USUAL)).may_bring(path);
        let lazy = "import importlib\n_LAZY = {'A': 'common.a', 'B': '.b'}\ndef __getattr__(name):\n    target = _LAZY.get(name)\n    \
                    return getattr(importlib.import_module(target), name)\n";
        assert!(brings(lazy, "common/a.py") && brings(lazy, "src/common/a/__init__.py") && brings(lazy, "common/b.py"));
        assert!(!brings(lazy, "agents/one.py") && !brings(lazy, "common/aa.py") && !brings(lazy, "uncommon/a.py"));
        let pairs = lazy
            .replace("'common.a'", "('common.a', 'A')")
            .replace("'.b'", "('.b', 'B')");
        let apart = pairs
            .replace("target = _LAZY.get(name)", "target, attribute = _LAZY[name]")
            .replace(", name)\n", ", attribute)\n");
        assert!(brings(&apart, "common/a.py") && brings(&apart, "common/b.py") && !brings(&apart, "agents/one.py"));
        let below = "from importlib import import_module\ndef f(kind):\n    import_module(f'stores.{kind}_store')\n";
        assert!(brings(below, "main/stores/sql_store.py") && !brings(below, "main/agents/one.py"));
        for any in [
            "from importlib import import_module\ndef f(name):\n    import_module(name)\n",
            "from importlib import import_module\nprint(map(import_module, names))\n",
            "import importlib\nload = importlib.import_module\n",
            "import importlib\n_LAZY = {}\n_LAZY = read()\ndef f(name):\n    importlib.import_module(_LAZY[name])\n",
            "__import__(input())\n",
        ] {
            assert!(brings(any, "agents/one.py"), "{any}");
        }
    }
}
