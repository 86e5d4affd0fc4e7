//! What code calls the machines: the words with which it compares the variable that tells an agent on which machine it runs.

use std::collections::{BTreeMap, BTreeSet};

use pysrc::{Atom, Condition, Entry, Module, Span, Step, Test, Value};

use super::evidence::Evidence;
use super::imports::Sources;
use crate::python::steps;

/// The variable that agents are told it by.
pub const VARIABLE: &str = "MACHINE_TYPE";

/// Deepest value that is looked into.
const DEEPEST: usize = 12;

/// Words for machines, each with the first place where it stands.
pub type Words = BTreeMap<String, Evidence>;

/// Those in the code of all agents.
#[must_use]
pub fn find(sources: &Sources) -> Words {
    let mut found = Words::new();
    // Names that hold the variable's value in the file that they are of; others import them.
    let mut shared: BTreeSet<String> = BTreeSet::new();
    for (path, module) in sources.all().filter(|(_, module)| module.text.contains(VARIABLE)) {
        let file = File::new(module, &BTreeSet::new());
        let names = file.names.iter().map(|name| module.name(*name).to_owned());
        shared.extend(names);
        file.look(path, &mut found);
    }
    if shared.is_empty() {
        return found;
    }
    for (path, module) in sources.all().filter(|(_, module)| !module.text.contains(VARIABLE)) {
        let file = File::new(module, &shared);
        if !file.names.is_empty() {
            file.look(path, &mut found);
        }
    }
    found
}

/// The word for the machine of that name, whose config lies in that folder: the same word, the beginning of it, or a part of it.
#[must_use]
pub fn fitting<'w>(words: &'w Words, name: &str, folder: &str) -> Option<(&'w String, &'w Evidence)> {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect()
    };
    let (name, whole) = (plain(name), plain(folder));
    let rank = |word: &str| {
        let word = plain(word);
        let is_part = |part: &str| plain(part) == word;
        match word.as_str() {
            "" => None,
            word if word == name || word == whole => Some(0),
            word if whole.starts_with(word) || name.starts_with(word) => Some(1),
            _ if folder.split(|c: char| !c.is_ascii_alphanumeric()).any(is_part) => Some(2),
            word if !name.is_empty() && word.starts_with(&name) => Some(3),
            _ => None,
        }
    };
    let ranked = words.iter().filter_map(|found| Some((rank(found.0)?, found)));
    // Of several beginnings, the longest is meant.
    let best = ranked.min_by_key(|(rank, (word, _))| (*rank, std::cmp::Reverse(word.len())));
    best.map(|(_, found)| found)
}

/// One file.
struct File<'m> {
    module: &'m Module,
    /// Names, and attributes of `self`, that hold the variable's value.
    names: BTreeSet<Atom>,
}

impl<'m> File<'m> {
    fn new(module: &'m Module, shared: &BTreeSet<String>) -> Self {
        let imported = module.imports.iter().filter(|import| {
            let name = import.name.as_deref();
            name.is_some_and(|name| shared.contains(name))
        });
        let mut file = Self {
            module,
            names: imported.filter_map(|import| import.binds).collect(),
        };
        // One that is made of another comes behind it.
        for _ in 0..2 {
            let mut names = Vec::new();
            for attribute in &module.attributes {
                let name = module.atom(&attribute.name);
                names.extend(name.filter(|_| file.is_it(&attribute.value, 0)));
            }
            file.bodies(&mut |step| {
                if let Step::Store {
                    name,
                    value: Some(value),
                    ..
                } = step
                    && file.is_it(value, 0)
                {
                    names.push(*name);
                }
            });
            file.names.extend(names);
        }
        file
    }

    /// Whether a value is the variable's.
    fn is_it(&self, value: &Value, depth: usize) -> bool {
        if depth > DEEPEST {
            return false;
        }
        let inner = |value: &Value| self.is_it(value, depth + 1);
        match value {
            Value::Name(name) => self.names.contains(name),
            Value::Attribute(object, name) => matches!(**object, Value::Name(_)) && self.names.contains(name),
            Value::Or(values) | Value::Either(values) => values.iter().any(inner),
            Value::Choice(choice) => inner(&choice.yes) || inner(&choice.no),
            Value::Subscript(object, key) => {
                self.is_environment(object) && matches!(&**key, Value::Str(name) if &**name == VARIABLE)
            }
            Value::Call(_) => match self.call(value) {
                Some(("get" | "getenv" | "pop" | "setdefault", call)) => {
                    matches!(call.arguments.first(), Some(Value::Str(name)) if &**name == VARIABLE)
                }
                Some(("lower" | "upper" | "strip" | "casefold", call)) => match &call.callee {
                    Value::Attribute(object, _) => inner(object),
                    _ => false,
                },
                Some(("str", call)) => call.arguments.first().is_some_and(inner),
                _ => false,
            },
            _ => false,
        }
    }

    fn is_environment(&self, value: &Value) -> bool {
        let name = self.module.dotted(value);
        name.is_some_and(|name| name == "environ" || name.ends_with(".environ"))
    }

    fn call(&self, value: &Value) -> Option<(&'m str, &'m pysrc::Call)> {
        let Value::Call(index) = value else {
            return None;
        };
        let call = self.module.calls.get(usize::try_from(*index).ok()?)?;
        Some((self.module.called(call)?, call))
    }

    /// Takes the words of the file.
    fn look(&self, path: &str, found: &mut Words) {
        let mut take = |value: &Value, span: Option<Span>, says: &str| {
            let Value::Str(word) = value else {
                return;
            };
            let good = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            if word.is_empty() || word.len() > 40 || !word.chars().all(good) {
                return;
            }
            let line = span.map_or(0, |span| self.module.position(span).line as usize);
            let evidence = || {
                Evidence::new(
                    path,
                    line,
                    says.replace("{}", &format!("`{VARIABLE}`")) + &format!(" `{word}`"),
                )
            };
            found.entry(word.to_string()).or_insert_with(evidence);
        };
        for call in &self.module.calls {
            let name = self.module.called(call).unwrap_or_default();
            if let [Value::Str(variable), word, ..] = &*call.arguments
                && &**variable == VARIABLE
            {
                match name {
                    "setdefault" => take(word, Some(call.span), "sets {} to"),
                    "get" | "getenv" | "pop" => take(word, Some(call.span), "takes, without {},"),
                    _ => {}
                }
            }
            // A table by machine: `{"main": …}.get(machine)`.
            if let (Value::Attribute(table, _), "get", Some(key)) = (&call.callee, name, call.arguments.first())
                && let Value::Dict(entries) = &**table
                && self.is_it(key, 0)
            {
                let keys = entries.iter().map(|(key, _)| key);
                keys.for_each(|key| take(key, Some(call.span), "looks up by {}"));
            }
        }
        let mut compare = |condition: &Condition, span: Option<Span>| {
            self.compared(condition, &mut |value| take(value, span, "compares {} with"));
        };
        self.bodies(&mut |step| match step {
            Step::Branch(branch) => {
                for test in std::iter::once(&branch.test).chain(&branch.rest) {
                    if let Test::When(condition) = test {
                        compare(condition, branch.span);
                    }
                }
            }
            Step::Loop(turns) => {
                if let Entry::When(condition) = &turns.entry {
                    compare(condition, None);
                }
            }
            Step::Store {
                value: Some(value),
                span,
                ..
            } => self.conditions(value, 0, &mut |condition| compare(condition, Some(*span))),
            Step::StoreAttribute {
                value: Some(value), at, ..
            } => {
                let span = Span { start: *at, end: *at };
                self.conditions(value, 0, &mut |condition| compare(condition, Some(span)));
            }
            Step::Leave {
                value: Some(value),
                span,
                ..
            } => self.conditions(value, 0, &mut |condition| compare(condition, Some(*span))),
            _ => {}
        });
        for call in &self.module.calls {
            let keywords = call.keywords.iter().map(|(_, value)| value);
            for value in call.arguments.iter().chain(keywords) {
                self.conditions(value, 0, &mut |condition| compare(condition, Some(call.span)));
            }
        }
    }

    /// The texts with which a condition compares the variable.
    fn compared(&self, condition: &Condition, with: &mut dyn FnMut(&Value)) {
        match condition {
            Condition::Equal(both) | Condition::In(both) => {
                let sides = [(&both.0, &both.1), (&both.1, &both.0)];
                for (_, other) in sides.iter().filter(|(own, _)| self.is_it(own, 0)) {
                    match other {
                        Value::List(values) => values.iter().for_each(&mut *with),
                        Value::Dict(entries) => entries.iter().for_each(|(key, _)| with(key)),
                        value => with(value),
                    }
                }
            }
            Condition::Not(inner) => self.compared(inner, with),
            Condition::All(all) | Condition::Any(all) => all.iter().for_each(|one| self.compared(one, with)),
            Condition::True(value) => self.conditions(value, 0, &mut |inner| self.compared(inner, with)),
            _ => {}
        }
    }

    /// The conditions in a value, and tables that are looked up by the variable, as conditions.
    fn conditions(&self, value: &Value, depth: usize, with: &mut dyn FnMut(&Condition)) {
        if depth > DEEPEST {
            return;
        }
        match value {
            Value::Choice(choice) => {
                with(&choice.condition);
                self.conditions(&choice.yes, depth + 1, with);
                self.conditions(&choice.no, depth + 1, with);
            }
            Value::Test(condition) => with(condition),
            Value::Subscript(table, key) if matches!(**table, Value::Dict(_)) => {
                with(&Condition::In(Box::new(((**key).clone(), (**table).clone()))));
            }
            Value::Subscript(left, right) | Value::Binary(_, left, right) => {
                self.conditions(left, depth + 1, with);
                self.conditions(right, depth + 1, with);
            }
            Value::Attribute(inner, _) => self.conditions(inner, depth + 1, with),
            Value::Or(values) | Value::Either(values) | Value::List(values) | Value::Concat(values) => {
                values.iter().for_each(|value| self.conditions(value, depth + 1, with));
            }
            _ => {}
        }
    }

    /// All steps of the file.
    fn bodies(&self, with: &mut dyn FnMut(&'m Step)) {
        let functions = self.module.functions.iter().map(|function| &function.body);
        let classes = self.module.classes.iter().map(|class| &class.body);
        for body in functions.chain(classes).chain([&self.module.body]) {
            steps::all(body, with);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pysrc::PythonVersion;

    use super::*;

    fn words(files: &[&str]) -> Vec<String> {
        let version = PythonVersion::USUAL;
        let read = files.iter().enumerate().map(|(number, text)| {
            let module = pysrc::read(text.as_bytes(), version);
            assert!(module.parses(), "{text}");
            (format!("m{number}.py"), Arc::new(module))
        });
        let sources = Sources::new(read.collect(), version);
        find(&sources).into_keys().collect()
    }

    #[test]
    fn what_the_variable_is_compared_with_is_what_machines_are_called() {
        for text in [
            "import os\nif os.environ.get('MACHINE_TYPE') == 'brain':\n    pass\n",
            "import os\nif 'brain' == os.environ['MACHINE_TYPE']:\n    pass\n",
            "import os\nm = os.getenv('MACHINE_TYPE', '')\ndef f():\n    return 1 if m.lower() == 'brain' else 2\n",
            "import os\nclass C:\n    def __init__(self, m=None):\n        self.m = m or os.environ.get('MACHINE_TYPE')\n    def f(self):\n        \
             x = 'a' if self.m == 'brain' else 'b'\n        return x\n",
            "import os\nm = os.environ.get('MACHINE_TYPE')\nprint({'brain': 1}[m])\n",
            "import os\nm = os.environ.get('MACHINE_TYPE')\nx = {'brain': 1}[m]\n",
            "import os\nm = os.environ.get('MACHINE_TYPE')\nif m not in ('brain',):\n    raise SystemExit\n",
            "import os\nos.environ.setdefault('MACHINE_TYPE', 'brain')\n",
            "import os\nm = os.environ.get('MACHINE_TYPE', 'brain')\n",
            "import os\nmatch os.environ.get('MACHINE_TYPE'):\n    case 'brain':\n        pass\n",
        ] {
            assert_eq!(words(&[text]), ["brain"], "{text}");
        }
        let shared = "import os\nMACHINE = os.environ.get('MACHINE_TYPE')\n";
        let user = "from m0 import MACHINE as WHICH\nif WHICH == 'brain':\n    pass\n";
        assert_eq!(words(&[shared, user]), ["brain"]);
        for text in [
            "import os\nm = os.environ.get('MACHINE_TYPE')\nother = 'x'\nif other == 'brain':\n    pass\n",
            "import os\nif os.environ.get('ROLE') == 'brain':\n    pass\n",
            "import os\nm = os.environ.get('MACHINE_TYPE')\nif m == 'two words':\n    pass\n",
        ] {
            assert_eq!(words(&[text]), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn words_fit_machines_by_their_names_and_folders() {
        let known = |words: &[&str]| -> Words {
            let evidence = |word: &&str| ((*word).to_owned(), Evidence::new("a.py", 1, "says so"));
            words.iter().map(evidence).collect()
        };
        for (words, name, folder, word) in [
            (&["brain", "helper"][..], "brainpc", "brain_pc", Some("brain")),
            (&["brain", "helper"], "helperpc", "helper_pc", Some("helper")),
            (&["brain"], "helperpc", "helper_pc", None),
            (&["MAIN_PC", "PC2"], "mainpc", "main_pc_code", Some("MAIN_PC")),
            (&["main", "mainpc"], "mainpc", "main_pc_code", Some("mainpc")),
            (&["pc", "pc2"], "pc2", "pc2_code", Some("pc2")),
            (&["robot"], "edge", "edge/robot", Some("robot")),
            (&["mainpc", "pc2"], "main", "", Some("mainpc")),
            (&["primary", "secondary"], "mainpc", "main_pc_code", None),
        ] {
            let all = known(words);
            let found = fitting(&all, name, folder).map(|(word, _)| word.as_str());
            assert_eq!(found, word, "{words:?} {name}");
        }
    }
}
