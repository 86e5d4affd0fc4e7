//! Reads Python files whole where a script may import them, and in outline where none can.
//!
//! What a script may import is told by names alone, before anything is resolved: a file is within reach when an import of a file
//! within reach has its name as a part. That takes in more than will be imported, whatever the roots are, and never less; so
//! each file is parsed once, and whole files are followed by those that they name at once, with no round of waiting between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use pysrc::{Detail, Module, PythonVersion, Value};
use rayon::Scope;
use rustc_hash::FxHashMap as HashMap;

use super::imports::stdlib;
use super::parses::Parses;

/// A file that is to be read.
struct File {
    path: String,
    /// Taken by whoever reads it.
    bytes: std::sync::Mutex<Vec<u8>>,
    claimed: AtomicBool,
    // As the facts keep it: hundreds of bytes a file are not to be moved about.
    module: OnceLock<Arc<Module>>,
}

struct Reader<'p> {
    files: Vec<File>,
    /// Files by the name that an import calls them by.
    by_name: HashMap<String, Vec<usize>>,
    version: PythonVersion,
    /// What was parsed before.
    parses: Option<&'p Parses>,
}

/// Reads files; those that `parses` has are not parsed again: path relative to the tree, and content; returns each with its facts. `scripts` are paths as a startup config writes them.
pub fn read(
    files: Vec<(String, Vec<u8>)>,
    version: PythonVersion,
    scripts: &[&str],
    parses: Option<&Parses>,
) -> Vec<(String, Arc<Module>)> {
    let files = files.into_iter().map(|(path, bytes)| File {
        path,
        bytes: bytes.into(),
        claimed: AtomicBool::new(false),
        module: OnceLock::new(),
    });
    read_all(files.collect(), version, scripts, parses)
}

/// Reads files again for another version of Python; those whose bytes are not what their text says stay as they were read.
pub fn read_again(
    files: Vec<(String, Arc<Module>)>,
    version: PythonVersion,
    scripts: &[&str],
    parses: Option<&Parses>,
) -> Vec<(String, Arc<Module>)> {
    let files = files.into_iter().map(|(path, module)| {
        let plain = module.encoding.iter().all(|odd| *odd == pysrc::Encoding::Crlf);
        let again = plain || module.newer_syntax.is_some();
        File {
            path,
            bytes: if again {
                module.text.as_bytes().to_vec().into()
            } else {
                Vec::new().into()
            },
            claimed: AtomicBool::new(false),
            module: if again { OnceLock::new() } else { OnceLock::from(module) },
        }
    });
    read_all(files.collect(), version, scripts, parses)
}

fn read_all(
    files: Vec<File>,
    version: PythonVersion,
    scripts: &[&str],
    parses: Option<&Parses>,
) -> Vec<(String, Arc<Module>)> {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::default();
    for (index, file) in files.iter().enumerate() {
        by_name.entry(stem(&file.path).to_owned()).or_default().push(index);
    }
    let reader = Reader {
        files,
        by_name,
        version,
        parses,
    };
    rayon::scope(|scope| {
        for script in scripts {
            reader.claim(scope, stem(script));
        }
        // Run before what is in their folder, and by names that no import need mention: `from . import x`.
        reader.claim(scope, "__init__");
        reader.claim(scope, "__main__");
        // The standard library imports these of the tree where they stand in front of its own.
        for name in stdlib::imported() {
            reader.claim(scope, name);
        }
    });
    rayon::scope(|scope| {
        for file in reader.files.iter().filter(|file| file.module.get().is_none()) {
            let (version, parses) = (reader.version, reader.parses);
            scope.spawn(move |_| file.read(version, Detail::Outline, parses));
        }
    });
    reader
        .files
        .into_iter()
        .map(|file| (file.path, file.module.into_inner().unwrap_or_default()))
        .collect()
}

impl File {
    fn read(&self, version: PythonVersion, detail: Detail, parses: Option<&Parses>) {
        let bytes = std::mem::take(&mut *self.bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        self.module.get_or_init(|| match parses {
            Some(parses) => parses.read(bytes, version, detail),
            None => Arc::new(pysrc::read_as(bytes, version, detail)),
        });
    }
}

impl Reader<'_> {
    /// Reads the files of that name whole, and what they name, unless somebody does already.
    fn claim<'scope>(&'scope self, scope: &Scope<'scope>, name: &str) {
        for index in self.by_name.get(name).into_iter().flatten() {
            let Some(file) = self.files.get(*index) else {
                continue;
            };
            if !file.claimed.swap(true, Ordering::Relaxed) {
                scope.spawn(move |scope| {
                    file.read(self.version, Detail::Whole, self.parses);
                    if let Some(module) = file.module.get() {
                        self.follow(scope, module);
                    }
                });
            }
        }
    }

    fn follow<'scope>(&'scope self, scope: &Scope<'scope>, module: &Module) {
        for import in &module.imports {
            for name in import.module.split('.').chain(import.name.as_deref()) {
                self.claim(scope, name);
            }
        }
        // A server imports what it is told to serve: `uvicorn.run("package.module:app")`.
        for call in &module.calls {
            if let Some(Value::Str(text)) = call.arguments.first().or(call.keywords.first().map(|(_, value)| value))
                && let Some((served, _)) = text.split_once(':')
            {
                served.split('.').for_each(|name| self.claim(scope, name));
            }
        }
        // `from package import *` imports the modules that `__all__` lists.
        for name in module.all.iter().flatten() {
            self.claim(scope, name);
        }
    }
}

/// A file's name without its folder and ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: PythonVersion = PythonVersion::USUAL;

    fn whole(files: &[(&str, &str)], scripts: &[&str]) -> Vec<String> {
        let files = files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
            .collect();
        read(files, VERSION, scripts, None)
            .into_iter()
            .filter(|(_, module)| !module.body.is_empty())
            .map(|(path, _)| path)
            .collect()
    }

    #[test]
    fn what_a_script_can_import_is_read_whole_and_nothing_else() {
        let files = [
            (
                "a/agent.py",
                "from lib.net import client\nimport importlib\nimportlib.import_module('plugins.late')\n",
            ),
            ("lib/net/client.py", "from . import wire\nfrom pack import *\n"),
            ("lib/net/wire.py", "x = 1\n"),
            ("pack/__init__.py", "__all__ = ['part']\n"),
            ("pack/part.py", "x = 1\n"),
            ("plugins/late.py", "x = 1\n"),
            ("old/agent_2.py", "import wire_2\nx = 1\n"),
            ("old/wire_2.py", "x = 1\n"),
        ];
        let expected = [
            "a/agent.py",
            "lib/net/client.py",
            "lib/net/wire.py",
            "pack/__init__.py",
            "pack/part.py",
            "plugins/late.py",
        ];
        assert_eq!(whole(&files, &["FORMAIN/agent.py"]), expected);
        assert_eq!(whole(&files, &[]), ["pack/__init__.py", "pack/part.py"]);
    }

    #[test]
    fn an_outline_says_what_rules_look_at_in_every_file() {
        let text = r#"
import os, zmq
from typing import *
LOG = "logs/agent.log"
__all__ = ["Agent"]
class Agent:
    address = "tcp://192.168.1.7:5555"
    def __init__(self, port=5555):
        with suppress(ImportError):
            import torch
        self.socket = zmq.Context().socket(zmq.REP)
        self.socket.connect(f"tcp://localhost:{port}")
        self.other.bind("tcp://127.0.0.1:" + str(5556))
        self.level = os.environ["LEVEL"] or os.getenv("OTHER", "x")
        self.names = [name for name in open("names.txt", "w")] if port else subprocess.run(["python", "a/b.py"])
        globals()["x"] = 1
    return 1
"#;
        let [whole, outline] =
            [Detail::Whole, Detail::Outline].map(|detail| pysrc::read_as(text.as_bytes(), VERSION, detail));
        let seen = |module: &Module| {
            let addresses: Vec<_> = module
                .endpoints
                .iter()
                .map(|end| (end.bind, end.host.clone(), end.span))
                .collect();
            let opens: Vec<_> = module
                .opens
                .iter()
                .map(|open| (open.function.clone(), open.span))
                .collect();
            let bound: Vec<&str> = module
                .bindings
                .iter()
                .map(|binding| module.name(binding.name))
                .collect();
            format!(
                "{:?} {:?} {addresses:?} {opens:?} {bound:?} {:?} {:?} {:?} {:?} {}",
                module
                    .imports
                    .iter()
                    .map(|import| (&import.module, &import.name, import.guard))
                    .collect::<Vec<_>>(),
                module
                    .strings
                    .iter()
                    .map(|string| (&string.text, string.looks, string.span))
                    .collect::<Vec<_>>(),
                module
                    .environment
                    .iter()
                    .map(|read| (&read.name, read.required))
                    .collect::<Vec<_>>(),
                module
                    .launches
                    .iter()
                    .map(|launch| (&launch.script, launch.span))
                    .collect::<Vec<_>>(),
                module.all,
                module.compile_errors,
                module.dynamic_names,
            )
        };
        assert_eq!(seen(&whole), seen(&outline));
        assert!(outline.body.is_empty() && !whole.body.is_empty());
        assert!(outline.endpoints.len() == 2 && outline.environment.len() == 2 && outline.launches.len() == 1);
    }
}
