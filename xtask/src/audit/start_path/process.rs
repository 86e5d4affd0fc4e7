//! Programs of the tree that are started as processes of their own and are not there.

use pysrc::Call;

use super::arguments::Arguments;
use super::failure::{Flow, Words};
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::finding::Subject;

/// Functions that start a program.
const STARTS: &[&str] = &[
    "subprocess.run",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.Popen",
];

impl Walker<'_> {
    /// `subprocess.run([…])` and its like: fails where the program is not there, and where the script that Python is to run is not
    /// and the caller asks how it went.
    pub fn starts_program(&mut self, here: ModuleId, call: &Call, name: &str, arguments: &Arguments) -> Flow {
        // Another folder, or a shell, finds others.
        let elsewhere = ["cwd", "shell", "executable", "preexec_fn"]
            .iter()
            .any(|key| arguments.named(key).is_some());
        let words = match arguments.positional.first().or_else(|| arguments.named("args")) {
            Some(V::List(words)) if !self.changed_lists.contains(words) => words.as_slice(),
            Some(word @ V::Str(_)) => std::slice::from_ref(word),
            _ => return Flow::Next,
        };
        let sure = !arguments.doubtful.0.contains(&0) && !arguments.doubtful.1.iter().any(|name| name == "args");
        if elsewhere || !sure || !STARTS.contains(&name) {
            return Flow::Next;
        }
        let missing = |word: &V| {
            let path = word.text().filter(|path| path.contains('/'))?;
            (self.exists(Some(path)) == V::Bool(false)).then(|| path.to_owned())
        };
        let Some((program, rest)) = words.split_first() else {
            return Flow::Next;
        };
        if let Some(path) = missing(program) {
            let message = format!("starts `{path}`, which does not exist");
            let words = Words::about(Subject::Path(path), message);
            return self.fail_at(here, call.span, "start/missing-file", "FileNotFoundError", words, None);
        }
        let is_python = match program {
            V::Outside(name) => name == "sys.executable",
            V::Str(name) => matches!(name.as_str(), "python" | "python3"),
            _ => false,
        };
        let asks = matches!(name, "subprocess.check_call" | "subprocess.check_output")
            || matches!(arguments.named("check"), Some(V::Bool(true)));
        // What stands before the script are options of Python's own.
        let script = rest
            .iter()
            .find(|word| word.text().is_none_or(|word| !word.starts_with('-')));
        let is_option = |word: &V| matches!(word.text(), Some("-m" | "-c"));
        let options = rest.iter().take_while(|word| Some(*word) != script);
        let Some(path) = script
            .filter(|_| is_python && asks && !options.into_iter().any(is_option))
            .and_then(missing)
        else {
            return Flow::Next;
        };
        let message = format!("runs `{path}`, which does not exist, and asks how that went");
        let words = Words::about(Subject::Path(path), message);
        self.fail_at(here, call.span, "start/missing-file", "CalledProcessError", words, None)
    }
}
