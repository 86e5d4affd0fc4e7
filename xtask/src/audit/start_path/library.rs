//! Calls of the standard library, and of a few packages, that fail by what they are given or by the state of the process.

use pysrc::{Call, Value};

use super::arguments::Arguments;
use super::failure::Flow;
use super::operator::Problem;
use super::operator::kind;
use super::paths::parent;
use super::reuse::using;
use super::value::{ModuleId, V, absolute};
use super::walk::Walker;
use crate::python::imports::stdlib;
use crate::python::imports::view::FolderKind;

/// What `logging.getLogger()` gives, as what its methods are attributes of.
pub const LOGGER: &str = "logging.getLogger()";
/// How the names of those begin.
pub const OF_LOGGER: &str = "logging.getLogger().";

/// Names that `logging` has for levels.
const LEVELS: &[&str] = &[
    "CRITICAL", "FATAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "NOTSET",
];

/// Packages that give the root logger no handler when they are imported.
const LEAVE_LOGGING: &[&str] = &[
    "zmq",
    "yaml",
    "numpy",
    "requests",
    "psutil",
    "redis",
    "aiohttp",
    "httpx",
    "flask",
    "fastapi",
    "uvicorn",
    "pydantic",
    "dotenv",
    "click",
    "msgpack",
    "orjson",
    "jinja2",
    "pandas",
    "websockets",
];

/// Functions that want a path, with the message that CPython has for something else.
const TAKE_PATHS: &[(&str, &str)] = &[
    ("os.path.join", "expected str, bytes or os.PathLike object, not"),
    ("os.path.dirname", "expected str, bytes or os.PathLike object, not"),
    ("os.path.basename", "expected str, bytes or os.PathLike object, not"),
    ("os.path.abspath", "expected str, bytes or os.PathLike object, not"),
    ("os.path.realpath", "expected str, bytes or os.PathLike object, not"),
    ("os.path.expanduser", "expected str, bytes or os.PathLike object, not"),
    ("os.path.normpath", "expected str, bytes or os.PathLike object, not"),
    ("os.makedirs", "expected str, bytes or os.PathLike object, not"),
    ("os.mkdir", "mkdir: path should be string, bytes or os.PathLike, not"),
    (
        "os.chdir",
        "chdir: path should be string, bytes, os.PathLike or integer, not",
    ),
    ("builtins.open", "expected str, bytes or os.PathLike object, not"),
    ("io.open", "expected str, bytes or os.PathLike object, not"),
    ("pathlib.Path", "expected str, bytes or os.PathLike object, not"),
    ("pathlib.PurePath", "expected str, bytes or os.PathLike object, not"),
    ("logging.FileHandler", "expected str, bytes or os.PathLike object, not"),
];

impl Walker<'_> {
    /// A call of something outside the tree, by its dotted name: fails where it surely does.
    pub fn library_call(&mut self, here: ModuleId, call: &Call, name: &str, arguments: &Arguments) -> Flow {
        if !self.is_certain() || arguments.open {
            return Flow::Next;
        }
        let problem = match name {
            "builtins.input" | "getpass.getpass" => self.reads_nothing(),
            "asyncio.create_task" | "asyncio.get_running_loop" | "asyncio.current_task" | "asyncio.all_tasks" => {
                let none = !self.is_in_coroutine();
                none.then(|| ("RuntimeError", "no running event loop".to_owned()))
            }
            "logging.basicConfig" => return self.configures_level(here, call, arguments),
            "tomllib.load" => match self.sure_argument(call, 0) {
                Some(V::File(_)) => Some((
                    "TypeError",
                    "File must be opened in binary mode, e.g. use `open('foo.toml', 'rb')`".to_owned(),
                )),
                _ => None,
            },
            "yaml.load" | "yaml.load_all" if self.is_loader_needed(call) => {
                let message = format!(
                    "{}() missing 1 required positional argument: 'Loader'",
                    name.trim_start_matches("yaml.")
                );
                let help = Some("call `yaml.safe_load`: PyYAML 6 has no default loader".to_owned());
                return self.fail_at(here, call.span, "start/argument-count", "TypeError", message, help);
            }
            "uvicorn.run" => return self.imports_app(call, arguments),
            "logging.config.dictConfig" => return self.configures_logging(here, call, arguments),
            "getopt.getopt" | "getopt.gnu_getopt" => return self.getopt(here, call, name.ends_with("gnu_getopt")),
            "re.compile" | "re.match" | "re.search" | "re.fullmatch" | "re.findall" | "re.finditer" | "re.sub"
            | "re.subn" | "re.split" => self.refused_pattern(here, call, name),
            "decimal.Decimal" if call.arguments.len() == 1 => match self.sure_argument(call, 0) {
                Some(V::Str(text)) if is_no_decimal(&text) => {
                    Some(("InvalidOperation", "[<class 'decimal.ConversionSyntax'>]".to_owned()))
                }
                Some(V::None) => Some((
                    "TypeError",
                    "conversion from NoneType to Decimal is not supported".to_owned(),
                )),
                _ => None,
            },
            "threading.Thread" => match self.sure_argument(call, 0) {
                Some(V::None) | None => None,
                Some(_) => Some(("AssertionError", "group argument must be None for now".to_owned())),
            },
            "signal.signal" => match self.sure_argument(call, 0) {
                Some(V::Int(9 | 19)) => Some(("OSError", "[Errno 22] Invalid argument".to_owned())),
                _ => match call.arguments.first().map(|signal| self.evaluate(signal)) {
                    Some(V::Outside(name)) if matches!(name.as_str(), "signal.SIGKILL" | "signal.SIGSTOP") => {
                        Some(("OSError", "[Errno 22] Invalid argument".to_owned()))
                    }
                    _ => None,
                },
            },
            _ if name.starts_with("pydantic.") => return self.refused_by_pydantic(here, call, name),
            _ if name.starts_with("subprocess.") => return self.starts_program(here, call, name, arguments),
            _ => self.takes_no_path(call, name),
        };
        match problem {
            Some((class, message)) => {
                let help = help_for(name);
                self.fail_at(here, call.span, "start/bad-operation", class, message, help)
            }
            None => Flow::Next,
        }
    }

    /// Why a regular expression is refused.
    fn refused_pattern(&self, here: ModuleId, call: &Call, name: &str) -> Option<Problem> {
        let flags = match name {
            "re.compile" => 1,
            "re.match" | "re.search" | "re.fullmatch" | "re.findall" | "re.finditer" => 2,
            _ => 3,
        };
        let source = self.source(here)?;
        if call.arguments.len() > flags || source.keyword(call, "flags").is_some() {
            return None;
        }
        match self.sure_argument(call, 0)? {
            V::Str(pattern) => super::regular::refused(&pattern),
            _ => None,
        }
    }

    /// What an argument surely is, by its place.
    fn sure_argument(&self, call: &Call, at: usize) -> Option<V> {
        let value = call.arguments.get(at).filter(|_| call.spread.is_none())?;
        self.certain(value)
    }

    fn sure_keyword(&self, here: ModuleId, call: &Call, name: &str) -> Option<V> {
        let source = self.source(here)?;
        let value = source.keyword(call, name).filter(|_| call.spread.is_none())?;
        self.certain(value)
    }

    /// A line is read of the standard input: agents are started with none.
    fn reads_nothing(&self) -> Option<Problem> {
        let other = ["stdin", "input", "getpass"]
            .iter()
            .any(|name| self.is_set_on_others(name));
        let message = "EOF when reading a line: agents have no standard input".to_owned();
        (!other).then_some(("EOFError", message))
    }

    /// Whether an event loop may be running: a coroutine function is.
    fn is_in_coroutine(&self) -> bool {
        self.frames.iter().any(|frame| {
            let source = self.source(frame.module);
            let facts = frame
                .function
                .and_then(|function| source?.functions.get(function as usize));
            facts.is_some_and(|facts| facts.is_async)
        })
    }

    /// `asyncio.run(…)` and `loop.run_until_complete(…)` where a loop runs already.
    pub fn loop_in_loop(&mut self, here: ModuleId, call: &Call, callee: &V) -> Flow {
        let message = match callee {
            V::Outside(name) if name == "asyncio.run" => "asyncio.run() cannot be called from a running event loop",
            V::Outside(name) if name == "asyncio.get_running_loop().run_until_complete" => {
                "This event loop is already running"
            }
            _ => return Flow::Next,
        };
        let patched = || self.is_mentioned(&["nest_asyncio"]);
        if !self.is_certain() || !self.is_in_coroutine() || self.silent > 0 || patched() {
            return Flow::Next;
        }
        let help = Some("await the coroutine instead".to_owned());
        self.fail_at(
            here,
            call.span,
            "start/bad-operation",
            "RuntimeError",
            message.to_owned(),
            help,
        )
    }

    /// Something that is no path is given to what wants one.
    fn takes_no_path(&self, call: &Call, name: &str) -> Option<Problem> {
        let (_, message) = TAKE_PATHS.iter().find(|(known, _)| *known == name)?;
        let several = matches!(name, "os.path.join" | "pathlib.Path" | "pathlib.PurePath");
        let wanted = if several { call.arguments.len() } else { 1 };
        let numbers = matches!(name, "builtins.open" | "io.open" | "os.chdir");
        (0..wanted).find_map(|at| {
            let given = self.sure_argument(call, at)?;
            let kind = kind(&given).filter(|kind| match *kind {
                "NoneType" | "dict" => true,
                "int" | "float" | "bool" => !numbers,
                _ => false,
            })?;
            Some(("TypeError", format!("{message} {kind}")))
        })
    }

    /// Whether the PyYAML that is installed surely wants a loader, and gets none.
    fn is_loader_needed(&self, call: &Call) -> bool {
        let alone = call.arguments.len() == 1 && call.keywords.is_empty() && call.spread.is_none();
        let mut listed = self
            .container()
            .requirements
            .all
            .iter()
            .filter(|requirement| requirement.name == "pyyaml" && !requirement.elsewhere);
        match (listed.next(), listed.next()) {
            (Some(one), None) => alone && !self.container().requirements.pooled && is_at_least_six(&one.versions),
            _ => false,
        }
    }

    /// A level that `logging` does not know.
    pub fn unknown_level(&self, level: &V) -> Option<String> {
        let V::Str(level) = level else {
            return None;
        };
        let more = self.is_mentioned(&["addLevelName", "setLoggerClass"]);
        (!more && !LEVELS.contains(&level.as_str())).then(|| format!("Unknown level: '{level}'"))
    }

    fn refuse_level(&mut self, here: ModuleId, call: &Call, message: String) -> Flow {
        let help = Some("names of levels are in capitals: `INFO`".to_owned());
        self.fail_at(here, call.span, "start/bad-operation", "ValueError", message, help)
    }

    /// `logging.basicConfig(level=…)`: it looks at the level only where nobody has given the root logger a handler.
    fn configures_level(&mut self, here: ModuleId, call: &Call, arguments: &Arguments) -> Flow {
        let level = self.sure_keyword(here, call, "level");
        let forced = match arguments.named("force") {
            None | Some(V::Bool(false)) => false,
            Some(V::Bool(true)) => true,
            Some(_) => return Flow::Next,
        };
        if self.surely_logs && !forced {
            return Flow::Next;
        }
        match level.and_then(|level| self.unknown_level(&level)) {
            Some(message) => {
                let open = !forced && (self.logs || self.others_may_log());
                self.maybe += usize::from(open);
                let flow = self.refuse_level(here, call, message);
                self.maybe -= usize::from(open);
                if open { Flow::Next } else { flow }
            }
            None => Flow::Next,
        }
    }

    /// Whether a package that is imported may have given the root logger a handler.
    fn others_may_log(&self) -> bool {
        self.uses_own(using::OWN);
        let mut modules = self.modules.order().iter().filter_map(|id| self.source(*id));
        modules.any(|source| {
            source.imports.iter().any(|import| {
                let top = import.module.split('.').next().unwrap_or_default();
                import.level == 0
                    && !stdlib::has(top, self.version())
                    && !self.by_name.contains_key(top)
                    && !LEAVE_LOGGING.contains(&top)
            })
        })
    }

    /// `logging.getLogger(…).setLevel(…)`.
    pub fn sets_level(&mut self, here: ModuleId, call: &Call) -> Flow {
        let level = self
            .sure_argument(call, 0)
            .or_else(|| self.sure_keyword(here, call, "level"));
        match level
            .filter(|_| self.is_certain())
            .and_then(|level| self.unknown_level(&level))
        {
            Some(message) => self.refuse_level(here, call, message),
            None => Flow::Next,
        }
    }

    /// Why a file surely cannot be written: the folder that lacks or forbids it, and words.
    pub fn cannot_be_written(&self, path: &str) -> Option<(String, String)> {
        if path.is_empty() || self.is_elsewhere(path) {
            return None;
        }
        let path = absolute(path);
        let folder = parent(&path);
        if self.was_made(&folder) {
            return None;
        }
        match self.folder_kind(&folder) {
            FolderKind::Missing => {
                let why = format!("neither image nor volumes have the folder `{folder}`");
                Some((folder, why))
            }
            FolderKind::ReadOnly => {
                let why = format!("`{path}` cannot be written: the container's file system is read-only there");
                Some((path, why))
            }
            FolderKind::Writable | FolderKind::InVolume | FolderKind::Unknown => None,
        }
    }

    /// `getopt.getopt(sys.argv[1:], short, long)`: it refuses what it is not told of.
    fn getopt(&mut self, here: ModuleId, call: &Call, all: bool) -> Flow {
        let words = call.arguments.first().is_some_and(|words| self.is_all_words(words));
        let long = match call.arguments.get(2) {
            None if call.keywords.is_empty() => Some(Vec::new()),
            None => None,
            Some(_) => match self.sure_argument(call, 2) {
                Some(V::List(names)) => names.iter().map(|name| name.text().map(str::to_owned)).collect(),
                Some(V::Str(name)) => Some(vec![name]),
                _ => None,
            },
        };
        let Some(long) = long.filter(|_| words && call.spread.is_none()) else {
            return Flow::Next;
        };
        let Some(message) = self.refused_by_getopt(&long, all) else {
            return Flow::Next;
        };
        let help = Some("take what the supervisor passes: add it to the list of long options".to_owned());
        self.fail_at(here, call.span, "start/flags-rejected", "GetoptError", message, help)
    }

    fn refused_by_getopt(&self, long: &[String], all: bool) -> Option<String> {
        for flag in self.flags_in_order() {
            let exact = |option: &&String| option.trim_end_matches('=') == flag;
            let begun: Vec<&String> = long.iter().filter(|option| option.starts_with(flag)).collect();
            let option = match (long.iter().find(exact), begun.as_slice()) {
                (Some(option), _) => option,
                (None, []) => return Some(format!("option --{flag} not recognized")),
                (None, [option]) => option,
                (None, _) => return Some(format!("option --{flag} not a unique prefix")),
            };
            match (option.ends_with('='), self.equals_style()) {
                (true, _) => {}
                (false, true) => return Some(format!("option --{flag} must not have an argument")),
                // Its value is a word of its own, and ends the options.
                (false, false) if all => {}
                (false, false) => return None,
            }
        }
        None
    }
}

/// Whether every PyYAML that a requirement allows, or the newest one, is of version 6 or later.
fn is_at_least_six(versions: &str) -> bool {
    let major = |version: &str| version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    versions.split(',').filter(|part| !part.is_empty()).all(|part| {
        let pinned = ["===", "==", "~="]
            .iter()
            .find_map(|operator| part.strip_prefix(operator));
        match (pinned, part.strip_prefix("<=").or_else(|| part.strip_prefix('<'))) {
            (Some(version), _) => major(version).is_some_and(|major| major >= 6),
            (None, Some(limit)) => major(limit).is_some_and(|major| major > 6),
            // The newest that is allowed is installed.
            (None, None) => !part.starts_with("!="),
        }
    })
}

fn help_for(name: &str) -> Option<String> {
    let help = match name {
        "builtins.input" | "getpass.getpass" => {
            "agents run without a terminal: take the value from a flag or the environment"
        }
        name if name.starts_with("asyncio.") => "start it from a coroutine that `asyncio.run` runs",
        _ => return None,
    };
    Some(help.to_owned())
}

impl Walker<'_> {
    /// Whether an expression is `sys.argv[1:]`.
    fn is_all_words(&self, value: &Value) -> bool {
        matches!(value, Value::Subscript(object, from)
            if **from == Value::From(1) && self.evaluate(object) == V::Outside("sys.argv".to_owned()))
            && self.number_of_words().is_some()
    }
}

/// Whether `Decimal(…)` surely refuses a text.
fn is_no_decimal(text: &str) -> bool {
    let text = text.trim();
    if !text.is_ascii() || text.contains('_') {
        return false;
    }
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text).to_ascii_lowercase();
    let nan = plain.strip_prefix("snan").or_else(|| plain.strip_prefix("nan"));
    let is_nan = nan.is_some_and(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let special = is_nan || matches!(plain.as_str(), "inf" | "infinity");
    let starts = plain.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    let number = starts && plain.parse::<f64>().is_ok();
    !(special || number)
}

#[cfg(test)]
mod tests {
    use super::is_at_least_six;

    #[test]
    fn versions_that_want_a_loader() {
        for versions in ["", ">=6", "==6.0.1", "~=6.0", ">=5.4", ">=5,<7", ">5"] {
            assert!(is_at_least_six(versions), "{versions}");
        }
        for versions in [
            "==5.4.1",
            "<6",
            ">=5,<6",
            "~=5.4",
            "<=5.4.1",
            "==5.*",
            "<6.0",
            ">=3,!=6.0",
        ] {
            assert!(!is_at_least_six(versions), "{versions}");
        }
    }
}
