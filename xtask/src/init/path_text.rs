//! What the paths in a tree's code come to: relative ones from the tree's root, where agents run, and those that begin with `__file__`
//! alike. Names, attributes and results of functions are followed, in other files of the tree as well; nothing is run.

use std::cell::Cell;

use pysrc::{Atom, BindingKind, Call, Function, Import, Module, Operator, Step, Value};

use super::imports::{Loaded, Sources};
use crate::python::steps;
use crate::stack::normal;

/// Deepest value that is looked into.
const DEEPEST: usize = 24;

/// Values that are looked at for one path.
const MOST: u32 = 2_000;

/// Classes that are looked through for one member.
const MOST_CLASSES: usize = 12;

/// Where a value stands, and what is known there.
#[derive(Debug, Clone, Copy)]
struct Scope<'s> {
    file: usize,
    function: Option<u32>,
    /// The class that `self` and `cls` stand for.
    class: Option<(usize, u32)>,
    /// Parameters whose argument is known, or known to be given.
    given: &'s [(Atom, Option<String>)],
    depth: usize,
}

/// What a name or an attribute leads to.
#[derive(Debug, Clone, Copy)]
enum Found<'a> {
    Module(usize),
    Class(usize, u32),
    Function(usize, u32, Option<(usize, u32)>),
    Value(usize, Option<u32>, Option<(usize, u32)>, &'a Value),
}

/// Paths in the code of a tree.
#[derive(Debug)]
pub struct Paths<'a> {
    sources: &'a Sources,
    roots: Vec<&'a str>,
    left: Cell<u32>,
}

impl<'a> Paths<'a> {
    /// Those of files that are loaded so.
    #[must_use]
    pub fn new(sources: &'a Sources, loaded: &'a Loaded) -> Self {
        let roots = std::iter::once("").chain(loaded.roots.keys().map(String::as_str));
        Self {
            sources,
            roots: roots.collect(),
            left: Cell::new(MOST),
        }
    }

    /// The text of a path in a function of a file, or outside of all: relative to the tree, or absolute; `*` stands for what is not
    /// known. Nothing where its beginning is not known.
    #[must_use]
    pub fn text(&self, file: usize, function: Option<u32>, value: &Value) -> Option<String> {
        self.left.set(MOST);
        let scope = Scope {
            file,
            function,
            class: self.class_of(file, function),
            given: &[],
            depth: 0,
        };
        self.of(scope, value)
    }

    fn module(&self, file: usize) -> Option<&'a Module> {
        self.sources.file(file).map(|(_, module)| module)
    }

    fn class_of(&self, file: usize, function: Option<u32>) -> Option<(usize, u32)> {
        let module = self.module(file)?;
        let mut at = function;
        for _ in 0..DEEPEST {
            let function = function_of(module, at?)?;
            if let Some(class) = function.class {
                return Some((file, class));
            }
            at = function.outer;
        }
        None
    }

    /// One level deeper, where that is not too deep and not too much was looked at.
    fn deeper<'s>(&self, scope: Scope<'s>) -> Option<Scope<'s>> {
        self.left.set(self.left.get().checked_sub(1)?);
        let depth = scope.depth + 1;
        (scope.depth <= DEEPEST).then_some(Scope { depth, ..scope })
    }

    fn of(&self, scope: Scope<'_>, value: &Value) -> Option<String> {
        let scope = self.deeper(scope)?;
        let module = self.module(scope.file)?;
        match value {
            Value::Str(text) => Some(text.to_string()),
            Value::Concat(parts) => self.concat(scope, parts),
            Value::Binary(Operator::Add, left, right) => self.concat(scope, &[(**left).clone(), (**right).clone()]),
            Value::Binary(Operator::Divide, left, right) => {
                let right = self.of(scope, right);
                join(self.of(scope, left)?, [right])
            }
            Value::Name(name) => self.name(scope, *name),
            Value::Attribute(object, name) => self.attribute(scope, object, module.name(*name)),
            Value::Subscript(object, index) => match (&**object, &**index) {
                (Value::Attribute(path, name), Value::Int(number)) if module.name(*name) == "parents" => {
                    let number = usize::try_from(*number).ok().filter(|number| *number < DEEPEST)?;
                    let mut path = self.of(scope, path)?;
                    for _ in 0..=number {
                        path = parent(&path)?;
                    }
                    Some(path)
                }
                _ => None,
            },
            Value::Call(index) => self.call(scope, module.calls.get(usize::try_from(*index).ok()?)?),
            Value::Choice(choice) => self.only(scope, [&choice.yes, &choice.no]),
            Value::Or(values) => self.only(scope, values.iter()),
            _ => None,
        }
    }

    /// What some values come to where those that are known agree.
    fn only<'v>(&self, scope: Scope<'_>, values: impl IntoIterator<Item = &'v Value>) -> Option<String> {
        let mut known = values.into_iter().filter_map(|value| self.of(scope, value));
        let first = known.next()?;
        known.all(|other| other == first).then_some(first)
    }

    fn concat(&self, scope: Scope<'_>, parts: &[Value]) -> Option<String> {
        let parts: Vec<String> = parts
            .iter()
            .map(|part| self.of(scope, part).unwrap_or_else(|| "*".to_owned()))
            .collect();
        let text = parts.concat();
        // `f"{name}.log"` is a file in the working directory, `f"{folder}/x"` may be anywhere.
        let is_anywhere = text.starts_with('*') && text.contains('/');
        (!is_anywhere && text != "*").then_some(text)
    }

    fn name(&self, scope: Scope<'_>, name: Atom) -> Option<String> {
        let module = self.module(scope.file)?;
        if let Some((_, text)) = scope.given.iter().find(|(given, _)| *given == name) {
            return text.clone();
        }
        let mut at = scope.function;
        while let Some(function) = at.and_then(|at| function_of(module, at)) {
            if function.locals.binary_search(&name).is_ok() {
                let parameter = function.parameters.all.iter().find(|parameter| parameter.name == name);
                if let Some(parameter) = parameter {
                    return self.of(scope, parameter.default.as_ref()?);
                }
                let mut stored = Vec::new();
                stores(&function.body, name, &mut stored);
                return match stored.as_slice() {
                    [value] => self.of(scope, value.as_ref()?),
                    _ => None,
                };
            }
            at = function.outer;
        }
        if module.name(name) == "__file__" {
            return self.sources.file(scope.file).map(|(path, _)| path.to_owned());
        }
        self.value(scope, self.global(scope.file, name, 0)?)
    }

    /// What is found, as a path.
    fn value(&self, scope: Scope<'_>, found: Found<'a>) -> Option<String> {
        let Found::Value(file, function, class, value) = found else {
            return None;
        };
        let inner = Scope {
            file,
            function,
            class,
            given: &[],
            depth: scope.depth,
        };
        self.of(inner, value)
    }

    fn attribute(&self, scope: Scope<'_>, object: &Value, name: &str) -> Option<String> {
        match self.object(scope, object) {
            Some(Found::Module(file)) => {
                let name = self.module(file)?.atom(name)?;
                self.value(scope, self.global(file, name, 0)?)
            }
            Some(Found::Class(file, class)) => self.member(scope, (file, class), name),
            _ if name == "parent" => parent(&self.of(scope, object)?),
            _ => None,
        }
    }

    /// An attribute or a property of a class.
    fn member(&self, scope: Scope<'_>, class: (usize, u32), name: &str) -> Option<String> {
        for (file, at) in self.classes(class) {
            let module = self.module(file)?;
            let own = |attribute: &&pysrc::Attribute| attribute.class == at && &*attribute.name == name;
            let values = module.attributes.iter().filter(own);
            let found = values.map(|attribute| Found::Value(file, attribute.function, Some(class), &attribute.value));
            let mut known = found.filter_map(|found| self.value(scope, found)).peekable();
            if let Some(first) = known.next() {
                return known.all(|other| other == first).then_some(first);
            }
            if let Some(method) = method(module, at, name) {
                let is_property = |decorator: &&str| decorator.ends_with("property");
                let decorators = function_of(module, method)?.decorators.iter();
                decorators.map(|name| &**name).find(is_property)?;
                return self.returned(scope, file, method, Some(class), &[]);
            }
        }
        None
    }

    /// A class and those above it, nearest first.
    fn classes(&self, class: (usize, u32)) -> Vec<(usize, u32)> {
        let mut all = vec![class];
        let mut at = 0;
        while let Some((file, class)) = all.get(at).copied() {
            at += 1;
            let bases = self.module(file).and_then(|module| module.classes.get(class as usize));
            for base in bases.into_iter().flat_map(|class| class.bases.iter()) {
                let scope = Scope {
                    file,
                    function: None,
                    class: None,
                    given: &[],
                    depth: 0,
                };
                if let Some(Found::Class(file, class)) = self.object(scope, base)
                    && !all.contains(&(file, class))
                    && all.len() < MOST_CLASSES
                {
                    all.push((file, class));
                }
            }
        }
        all
    }

    /// The module, class, function or object of the tree that a value is. An object counts as its class.
    fn object(&self, scope: Scope<'_>, value: &Value) -> Option<Found<'a>> {
        let scope = self.deeper(scope)?;
        let module = self.module(scope.file)?;
        match value {
            Value::Name(name) if matches!(module.name(*name), "self" | "cls") => {
                scope.class.map(|(file, class)| Found::Class(file, class))
            }
            Value::Name(name) => match self.global(scope.file, *name, 0)? {
                Found::Value(file, function, class, value) => {
                    let inner = Scope {
                        file,
                        function,
                        class,
                        given: &[],
                        depth: scope.depth,
                    };
                    self.object(inner, value)
                }
                found => Some(found),
            },
            Value::Attribute(of, name) => match self.object(scope, of)? {
                Found::Module(file) => self.global(file, self.module(file)?.atom(module.name(*name))?, 0),
                Found::Class(file, class) => {
                    let classes = self.classes((file, class));
                    classes.into_iter().find_map(|(holder, at)| {
                        let method = method(self.module(holder)?, at, module.name(*name))?;
                        Some(Found::Function(holder, method, Some((file, class))))
                    })
                }
                _ => None,
            },
            Value::Call(index) => {
                let call = module.calls.get(usize::try_from(*index).ok()?)?;
                match self.object(scope, &call.callee)? {
                    Found::Class(file, class) if module.dotted(&call.callee)? != "super" => {
                        Some(Found::Class(file, class))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// What a name of a file is outside of functions.
    fn global(&self, file: usize, name: Atom, depth: usize) -> Option<Found<'a>> {
        let module = self.module(file)?;
        let mut bound = module.bindings.iter().filter(|binding| binding.name == name);
        let first = bound.next()?;
        match first.kind {
            BindingKind::Class(class) => Some(Found::Class(file, class)),
            BindingKind::Function(function) => Some(Found::Function(file, function, None)),
            BindingKind::Import(import) => {
                let import = module.imports.get(import as usize)?;
                (depth < DEEPEST).then(|| self.imported(file, import, depth)).flatten()
            }
            BindingKind::Assignment | BindingKind::Global => {
                let mut values = std::iter::once(first)
                    .chain(bound)
                    .filter_map(|binding| binding.value.as_ref());
                let value = values.next()?;
                values.next().is_none().then_some(Found::Value(file, None, None, value))
            }
        }
    }

    /// What an import binds, where that is of the tree.
    fn imported(&self, file: usize, import: &Import, depth: usize) -> Option<Found<'a>> {
        let (path, _) = self.sources.file(file)?;
        let of = |dotted: &str| self.sources.module_of(path, import.level, dotted, &self.roots);
        let Some(name) = import.name.as_deref() else {
            // `import a.b` binds `a`.
            return of(&import.module).map(Found::Module);
        };
        if let Some(target) = of(&import.module)
            && let Some(name) = self.module(target)?.atom(name)
            && let Some(found) = self.global(target, name, depth + 1)
        {
            return Some(found);
        }
        let dotted = match &*import.module {
            "" => name.to_owned(),
            module => format!("{module}.{name}"),
        };
        of(&dotted).map(Found::Module)
    }

    fn call(&self, scope: Scope<'_>, call: &Call) -> Option<String> {
        let module = self.module(scope.file)?;
        let argument = |at: usize| call.arguments.get(at).and_then(|value| self.of(scope, value));
        let all = || {
            let given = call.arguments.iter().map(|value| self.of(scope, value));
            given.chain(self.spread(scope, call))
        };
        match module.dotted(&call.callee).as_deref() {
            Some("Path" | "pathlib.Path" | "PurePath" | "os.path.join" | "path.join" | "join") => {
                let mut all = all();
                let first = all.next()??;
                return (!first.starts_with('*')).then(|| join(first, all)).flatten();
            }
            Some(
                "str" | "os.fspath" | "os.path.abspath" | "os.path.realpath" | "os.path.normpath" | "path.abspath"
                | "abspath" | "realpath",
            ) => return argument(0),
            Some("os.path.dirname" | "path.dirname" | "dirname") => return parent(&argument(0)?),
            // Agents run in the tree's root.
            Some("os.getcwd" | "Path.cwd" | "pathlib.Path.cwd") => return Some(".".to_owned()),
            Some("os.getenv") => return argument(1),
            _ => {}
        }
        if let Some(Found::Function(file, function, class)) = self.object(scope, &call.callee) {
            let given = self.given(scope, call, file, function)?;
            return self.returned(scope, file, function, class, &given);
        }
        let Value::Attribute(object, name) = &call.callee else {
            return None;
        };
        match module.name(*name) {
            "resolve" | "absolute" | "as_posix" | "expanduser" => self.of(scope, object),
            "joinpath" => join(self.of(scope, object)?, all()),
            "with_name" => join(parent(&self.of(scope, object)?)?, [argument(0)]),
            // A setting that is not there: what is taken in its place.
            "get" if call.arguments.len() == 2 => argument(1),
            _ => None,
        }
    }

    /// What `*args` adds to the arguments of a call.
    fn spread(&self, scope: Scope<'_>, call: &Call) -> Option<Option<String>> {
        let star = call.spread.as_ref()?.star.as_ref()?;
        Some(self.of(scope, star))
    }

    /// The parameters of a function, with what a call gives for them.
    fn given(&self, scope: Scope<'_>, call: &Call, file: usize, function: u32) -> Option<Vec<(Atom, Option<String>)>> {
        let (module, own) = (self.module(file)?, self.module(scope.file)?);
        let function = function_of(module, function)?;
        let is_static = function.decorators.iter().any(|name| &**name == "staticmethod");
        let bound = usize::from(function.class.is_some() && !is_static);
        let parameters = &function.parameters;
        let positional = parameters.all.iter().take(parameters.positional as usize).skip(bound);
        let mut given: Vec<(Atom, Option<String>)> = positional
            .zip(&call.arguments)
            .map(|(parameter, value)| (parameter.name, self.of(scope, value)))
            .collect();
        let taken = given.len();
        if let Some(star) = parameters.star {
            let rest = call.arguments.iter().skip(taken).map(|value| self.of(scope, value));
            let mut rest: Vec<Option<String>> = rest.chain(self.spread(scope, call)).collect();
            let text = match rest.is_empty() {
                true => Some(String::new()),
                false => join(rest.remove(0).unwrap_or_else(|| "*".to_owned()), rest),
            };
            given.push((star, text));
        }
        for (name, value) in &call.keywords {
            let parameter = parameters
                .all
                .iter()
                .find(|known| module.name(known.name) == own.name(*name));
            if let Some(parameter) = parameter {
                given.push((parameter.name, self.of(scope, value)));
            }
        }
        Some(given)
    }

    /// What a function returns where the returns that are known agree.
    fn returned(
        &self,
        scope: Scope<'_>,
        file: usize,
        function: u32,
        class: Option<(usize, u32)>,
        given: &[(Atom, Option<String>)],
    ) -> Option<String> {
        let mut values = Vec::new();
        returns(&function_of(self.module(file)?, function)?.body, &mut values);
        let inner = Scope {
            file,
            function: Some(function),
            class: class.or_else(|| self.class_of(file, Some(function))),
            given,
            depth: scope.depth,
        };
        self.only(inner, values)
    }
}

fn function_of(module: &Module, at: u32) -> Option<&Function> {
    module.functions.get(usize::try_from(at).ok()?)
}

/// A method of a class itself, by its name or by another one that the class gives it.
fn method(module: &Module, class: u32, name: &str) -> Option<u32> {
    let methods = &module.classes.get(class as usize)?.methods;
    let named = |name: &str| {
        let is_named = |at: &&u32| function_of(module, **at).is_some_and(|function| &*function.name == name);
        methods.iter().rev().find(is_named).copied()
    };
    named(name).or_else(|| {
        let is_it = |attribute: &&pysrc::Attribute| {
            attribute.class == class && attribute.function.is_none() && &*attribute.name == name
        };
        match module.attributes.iter().find(is_it)?.value {
            Value::Name(other) => named(module.name(other)),
            _ => None,
        }
    })
}

/// A path with further parts behind it, `*` for those that are not known.
fn join(first: String, rest: impl IntoIterator<Item = Option<String>>) -> Option<String> {
    let mut path = first;
    for part in rest {
        let part = part.unwrap_or_else(|| "*".to_owned());
        path = match (part.as_str(), path.as_str()) {
            ("" | ".", _) => path,
            (_, "" | ".") => part,
            _ if part.starts_with('/') => part,
            _ => format!("{}/{part}", path.trim_end_matches('/')),
        };
    }
    (!path.is_empty()).then_some(path)
}

/// The folder that a path is in; nothing where that is above the tree's root.
fn parent(path: &str) -> Option<String> {
    if path.starts_with('/') {
        return path.rsplit_once('/').map(|(above, _)| above.to_owned());
    }
    let path = normal(path);
    match path.as_str() {
        "" | "." => None,
        path if path.starts_with("..") => None,
        path => Some(path.rsplit_once('/').map_or(".", |(above, _)| above).to_owned()),
    }
}

/// The values that a name gets in a body.
fn stores<'b>(body: &'b [Step], name: Atom, found: &mut Vec<Option<&'b Value>>) {
    for step in body {
        if let Step::Store {
            name: stored, value, ..
        } = step
            && *stored == name
        {
            found.push(value.as_deref());
        }
        steps::inner(step, &mut |body| stores(body, name, found));
    }
}

/// The values that a body returns.
fn returns<'b>(body: &'b [Step], found: &mut Vec<&'b Value>) {
    for step in body {
        if let Step::Leave {
            how: pysrc::Leave::Return,
            value: Some(value),
            ..
        } = step
        {
            found.push(value);
        }
        steps::inner(step, &mut |body| returns(body, found));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pysrc::PythonVersion;

    use super::*;

    /// What the last file opens to write, as far as it is known.
    fn opened(files: &[(&str, &str)]) -> Vec<Option<String>> {
        let version = PythonVersion::USUAL;
        let read = files.iter().map(|(path, text)| {
            let module = pysrc::read(text.as_bytes(), version);
            assert!(module.parses(), "{text}");
            ((*path).to_owned(), Arc::new(module))
        });
        let sources = Sources::new(read.collect(), version);
        let (script, _) = files.last().unwrap();
        let loaded = sources.load(&[script], &[String::new()]);
        let paths = Paths::new(&sources, &loaded);
        let last = files.len() - 1;
        let (_, module) = sources.file(last).unwrap();
        let of = |open: &pysrc::Open| paths.text(last, module.calls[open.call as usize].function, &open.path);
        module.opens.iter().filter(|open| open.writes).map(of).collect()
    }

    fn one(text: &str) -> Option<String> {
        let text = format!("import os\nfrom pathlib import Path\n{text}\n");
        let found = opened(&[("pc/agents/a.py", &text)]);
        assert_eq!(found.len(), 1, "{text}");
        found.into_iter().next().flatten()
    }

    #[test]
    fn paths_from_the_place_of_a_file_are_below_the_root() {
        for (text, path) in [
            (
                "F = Path(__file__).parent / 'data' / 'x'\nF.write_text('')",
                "pc/agents/data/x",
            ),
            (
                "(Path(__file__).resolve().parents[2] / 'data/x').write_bytes(b'')",
                "data/x",
            ),
            (
                "R = Path(__file__).parent.parent.parent.absolute()\nopen(R / 'x', 'w')",
                "x",
            ),
            (
                "open(os.path.join(os.path.dirname(__file__), 'data', 'x'), 'w')",
                "pc/agents/data/x",
            ),
            (
                "H = os.path.dirname(os.path.abspath(__file__))\nopen(H + '/x', 'a')",
                "pc/agents/x",
            ),
            (
                "H = os.path.dirname(__file__)\nopen(f'{H}/s_{n}.json', 'w')",
                "pc/agents/s_*.json",
            ),
            (
                "open(os.path.join(os.path.dirname(__file__), '..', 'x'), 'w')",
                "pc/agents/../x",
            ),
            ("Path(__file__).with_name('x').write_text('')", "pc/agents/x"),
            ("(Path(__file__).parent / '/var/x').write_text('')", "/var/x"),
            (
                "def later(self):\n    d = Path.cwd() / 'd'\n    if d:\n        (d / 'x').write_text('')",
                "d/x",
            ),
            ("def later(to='d/x'):\n    open(to, 'w')", "d/x"),
            ("def main(options):\n    open(options.get('to', 'd/x'), 'w')", "d/x"),
        ] {
            assert_eq!(one(text).as_deref(), Some(path), "{text}");
        }
    }

    #[test]
    fn what_is_above_the_root_or_begins_with_something_unknown_is_nothing() {
        for text in [
            "(Path(__file__).parents[3] / 'x').write_text('')",
            "(Path(given) / 'x').write_text('')",
            "def f(to):\n    open(to, 'w')",
            "p = 'a'\np = 'b'\nopen(p, 'w')",
            "p = p / 'x'\nopen(p, 'w')",
            "def f():\n    return f() / 'x'\nopen(f(), 'w')",
        ] {
            assert_eq!(one(text), None, "{text}");
        }
    }

    #[test]
    fn attributes_of_classes_and_objects_are_followed() {
        let text = "from pathlib import Path\nclass Base:\n    FOLDER = Path(__file__).parent / 'state'\n    @property\n    def log(self):\n        \
                    return self.FOLDER / 'log'\nclass A(Base):\n    other = None\n    def __init__(self):\n        self.file = self.FOLDER / \
                    'x'\n        self.other = 'd/y'\n    def save(self):\n        def later():\n            self.file.write_text('')\n        \
                    later()\n        open(self.other, 'w')\n        self.log.write_text('')\n        open(self.unknown, 'w')\nhere = \
                    A()\n(here.FOLDER / 'z').write_text('')\n";
        let expected = ["state/x", "d/y", "state/log", "", "state/z"];
        let found: Vec<String> = opened(&[("a.py", text)])
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn other_files_say_where_things_are() {
        let paths = "import os\nfrom functools import lru_cache\nfrom pathlib import Path\nDATA = Path(__file__).resolve().parent.parent / \
                     'data'\nclass Where:\n    @classmethod\n    @lru_cache(maxsize=None)\n    def root(cls):\n        given = \
                     os.environ.get('ROOT')\n        if given:\n            return Path(given)\n        for above in Path(__file__).parents:\n            \
                     if (above / '.git').exists():\n                return above\n        return Path(__file__).resolve().parents[1]\n    top = \
                     root\n    @classmethod\n    def data(cls, *parts):\n        return cls._made(cls.root().joinpath('data', *parts))\n    \
                     @staticmethod\n    def _made(path):\n        path.mkdir(parents=True, exist_ok=True)\n        return path\n";
        let script = "from pathlib import Path\nfrom common import paths\nfrom common.paths import DATA, Where\nopen(DATA / 'a', \
                      'w')\nopen(paths.DATA / 'b', 'w')\n(Where.data('one', 'two') / 'c').write_text('')\n(Where.top() / \
                      'd').write_text('')\nopen(paths.Where.data() / 'e', 'w')\n";
        let found = opened(&[
            ("common/__init__.py", ""),
            ("common/paths.py", paths),
            ("pc/a.py", script),
        ]);
        let found: Vec<String> = found.into_iter().map(Option::unwrap_or_default).collect();
        assert_eq!(found, ["data/a", "data/b", "data/one/two/c", "d", "data/e"]);
    }

    #[test]
    fn values_that_grow_without_end_are_given_up() {
        let mut text = "a0 = b0 = 'x'\n".to_owned();
        for number in 1..40 {
            text += &format!("a{number} = a{0} / a{0}\n", number - 1);
        }
        assert_eq!(one(&format!("{text}open(a39, 'w')")), None);
    }
}
