//! What agents write below the root: folders become volumes, files in the root itself and beside code are `writable:`.

use std::collections::BTreeMap;

use pysrc::{Module, Span, Value};
use rustc_hash::FxHashSet;

use super::evidence::{Evidence, Known};
use super::imports::{Loaded, Sources};
use super::startup::Config;
use crate::stack::normal;
use crate::stack::writable::Writable as Pattern;

/// Deepest value that is looked into.
const DEEPEST: usize = 8;

/// What is written.
#[derive(Debug, Clone, Default)]
pub struct Writable {
    /// Folders without code, by the name of the volume that they get; with who writes there.
    pub volumes: BTreeMap<String, (String, Evidence)>,
    /// Patterns of files in the root, or in folders that hold code, with who writes them: what `writable:` can name.
    pub beside_code: BTreeMap<String, Evidence>,
    /// Those of them that it cannot.
    pub unnamed: BTreeMap<String, Evidence>,
}

/// A path that the start path of an agent writes for sure.
#[derive(Debug, Clone)]
pub struct Write {
    /// As `writable:` would name it.
    pub path: Pattern,
    /// Where that is done.
    pub place: (String, usize),
}

/// Finds it in the files that all agents load.
#[must_use]
pub fn find(sources: &Sources, loaded: &Loaded) -> Writable {
    let mut found = Writable::default();
    for (path, module) in sources.files(&loaded.files) {
        for (text, is_folder, span) in written(module) {
            let line = module.position(span).line as usize;
            take(&mut found, sources.folders(), &text, is_folder, || {
                Evidence::new(path, line, format!("writes `{text}`"))
            });
        }
    }
    found
}

/// Adds what start paths write; `code` are the folders of the tree that hold Python files.
pub fn add(found: &mut Writable, code: &FxHashSet<String>, writes: &[Write]) {
    for Write { path, place } in writes {
        let text = path.written();
        let covered = |pattern: &String| Pattern::parse(pattern).is_ok_and(|pattern| pattern.covers(&text));
        if found.beside_code.keys().any(covered) {
            continue;
        }
        let evidence = || Evidence::new(place.0.as_str(), place.1, format!("writes `{text}`"));
        let is_folder = matches!(path, Pattern::Folder(_));
        if !take(found, code, &text, is_folder, evidence) {
            // A folder that holds code as well.
            found.beside_code.entry(text.clone()).or_insert_with(evidence);
        }
    }
}

/// Adds the folders that a config keeps outside of containers.
pub fn keep(found: &mut Writable, code: &FxHashSet<String>, config: &Config) {
    for (folder, line) in &config.volumes {
        let evidence = || Evidence::new(config.path.as_str(), *line, format!("keeps `{folder}`"));
        take(found, code, folder, true, evidence);
    }
}

/// How sure it is.
#[must_use]
pub fn known(found: Writable) -> Known<Writable> {
    let evidence: Vec<Evidence> = found.beside_code.values().cloned().collect();
    let known = match found.beside_code.is_empty() {
        true => Known::default(found),
        false => Known::agreed(found, evidence),
    };
    let Some((pattern, first)) = known.value.unnamed.iter().next() else {
        return known;
    };
    let more = match known.value.unnamed.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more places"),
    };
    let why = format!(
        "agents write `{pattern}` ({}){more}, which `writable:` cannot name",
        first.place()
    );
    known.but(why)
}

/// Takes a path as a volume or as a file beside code; not a folder that holds code.
fn take(
    found: &mut Writable,
    code: &FxHashSet<String>,
    text: &str,
    is_folder: bool,
    evidence: impl Fn() -> Evidence,
) -> bool {
    if let Some(folder) = kept_outside(text, is_folder) {
        let name = super::machines::slug(&folder);
        found.volumes.entry(name).or_insert_with(|| (folder, evidence()));
        return true;
    }
    if text.starts_with('/') || text.starts_with('~') || text.contains(['\0', '\\', ':']) {
        return true;
    }
    let path = normal(text);
    if path.starts_with("..") {
        return true;
    }
    let (folder, name) = if is_folder {
        (path.as_str(), "")
    } else {
        path.rsplit_once('/').unwrap_or(("", &path))
    };
    // The folder nearest to the root that holds no code.
    let mut at = String::new();
    for part in folder.split('/').filter(|part| !part.is_empty()) {
        if part.contains('*') {
            break;
        }
        at = if at.is_empty() {
            part.to_owned()
        } else {
            format!("{at}/{part}")
        };
        if !code.contains(&at) {
            let good = |c: char| c.is_ascii_alphanumeric() || "_.-@+/".contains(c);
            let name = super::machines::slug(&at);
            if at.chars().all(good) && !name.is_empty() {
                found.volumes.entry(name).or_insert_with(|| (at, evidence()));
            }
            return true;
        }
    }
    if name.is_empty() {
        return !is_folder;
    }
    if !name.ends_with(".py") {
        let pattern = if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        let places = match Pattern::can_be(&pattern) {
            true => &mut found.beside_code,
            false => &mut found.unnamed,
        };
        places.entry(pattern).or_insert_with(evidence);
    }
    true
}

/// The folder of an absolute path in which programs keep what is theirs, and which an image does not have: `/data`, `/var/log/NAME`.
fn kept_outside(text: &str, is_folder: bool) -> Option<String> {
    const WHOLE: [&str; 9] = [
        "/cache", "/data", "/db", "/logs", "/models", "/output", "/shared", "/state", "/storage",
    ];
    const ABOVE: [&str; 5] = ["/mnt/", "/srv/", "/var/cache/", "/var/lib/", "/var/log/"];
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-/@+".contains(c);
    let folder = if is_folder { text } else { text.rsplit_once('/')?.0 };
    let folder = folder.split('*').next().unwrap_or_default();
    let folder = if text.starts_with(&format!("{folder}*")) {
        folder.rsplit_once('/')?.0
    } else {
        folder
    };
    let folder = folder.trim_end_matches('/');
    if !folder.chars().all(good) || folder.split('/').any(|part| matches!(part, "." | "..")) {
        return None;
    }
    let is_below = |root: &&&str| {
        folder
            .strip_prefix(**root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(whole) = WHOLE.iter().find(|root| is_below(root)) {
        return Some((*whole).to_owned());
    }
    let (above, rest) = ABOVE
        .iter()
        .find_map(|above| Some((above, folder.strip_prefix(above)?)))?;
    let first = rest.split('/').next().filter(|first| !first.is_empty())?;
    Some(format!("{above}{first}"))
}

/// Paths that a file writes to, `*` for what is not known of them; whether they are folders; where.
fn written(module: &Module) -> Vec<(String, bool, Span)> {
    let mut found = Vec::new();
    for open in module.opens.iter().filter(|open| open.writes) {
        found.extend(text(module, &open.path, 0).map(|path| (path, false, open.span)));
    }
    for call in &module.calls {
        let last = module.called(call).filter(|name| matches!(*name, "makedirs" | "mkdir"));
        let called = last.and_then(|_| module.dotted(&call.callee));
        let path = match (called.as_deref(), &call.callee) {
            (Some("os.makedirs" | "os.mkdir" | "makedirs"), _) => call.arguments.first(),
            (_, Value::Attribute(object, _)) if last == Some("mkdir") => Some(&**object),
            _ => None,
        };
        found.extend(
            path.and_then(|path| text(module, path, 0))
                .map(|path| (path, true, call.span)),
        );
    }
    found
}

/// The text of a path, with `*` for what is not known; nothing where its beginning is not known.
fn text(module: &Module, value: &Value, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return None;
    }
    let inner = |value: &Value| text(module, value, depth + 1);
    let joined = |values: &[Value], between: &str| {
        let parts: Vec<String> = values
            .iter()
            .map(|value| inner(value).unwrap_or_else(|| "*".to_owned()))
            .collect();
        let joined = parts.join(between);
        (!joined.starts_with('*')).then_some(joined)
    };
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Concat(parts) => {
            let name: Vec<String> = parts
                .iter()
                .map(|part| inner(part).unwrap_or_else(|| "*".to_owned()))
                .collect();
            let name = name.concat();
            // `f"{name}.log"` is a file in the working directory, `f"{folder}/x"` may be anywhere.
            let is_anywhere = name.starts_with('*') && name.contains('/');
            (!is_anywhere && name != "*").then_some(name)
        }
        Value::Name(name) => {
            let bound = module.bindings.iter().filter(|binding| binding.name == *name);
            let mut values = bound.filter_map(|binding| binding.value.as_ref());
            let value = values.next()?;
            values.next().is_none().then(|| inner(value)).flatten()
        }
        Value::Binary(pysrc::Operator::Divide, left, right) => joined(&[(**left).clone(), (**right).clone()], "/"),
        Value::Call(index) => {
            let call = module.calls.get(usize::try_from(*index).ok()?)?;
            match module.dotted(&call.callee)?.as_str() {
                "Path" | "pathlib.Path" | "os.path.join" => {
                    joined(&call.arguments, "/").filter(|path| !path.is_empty())
                }
                "str" => inner(call.arguments.first()?),
                // Agents run in the tree's root.
                "os.getcwd" | "Path.cwd" | "pathlib.Path.cwd" => Some(".".to_owned()),
                "os.environ.get" | "os.getenv" => inner(call.arguments.get(1)?),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pysrc::PythonVersion;

    #[test]
    fn folders_become_volumes_and_files_beside_code_are_writable() {
        let version = PythonVersion::USUAL;
        let text = "import os, logging\nfrom pathlib import Path\nLOGS = 'logs'\nos.makedirs(LOGS, exist_ok=True)\nPath('data/cache').mkdir(parents=True)\nlogging.FileHandler(os.path.join('main', 'logs', 'a.log'))\nlogging.FileHandler('agent.log')\nopen('/tmp/x', 'w')\nopen('in.txt')\nname = get()\nlogging.FileHandler(f'{name}.log')\nopen(f'{name}/x', 'w')\nopen(f'main/{name}/x.db', 'w')\nHOME = os.environ.get('H', os.getcwd())\nopen(os.path.join(HOME, f'{name}.state'), 'a')\nos.makedirs(os.path.join(BASE, 'x'))\n";
        let sources = Sources::new(
            vec![(
                "main/a.py".to_owned(),
                std::sync::Arc::new(pysrc::read(text.as_bytes(), version)),
            )],
            version,
        );
        let loaded = sources.load(&["main/a.py"], &[String::new()]);
        let known = known(find(&sources, &loaded));
        let volumes: Vec<(&str, &str)> = known
            .value
            .volumes
            .iter()
            .map(|(name, (folder, _))| (name.as_str(), folder.as_str()))
            .collect();
        assert_eq!(
            volumes,
            [("data", "data"), ("logs", "logs"), ("main-logs", "main/logs")]
        );
        let beside: Vec<&str> = known.value.beside_code.keys().map(String::as_str).collect();
        assert_eq!(beside, ["*.log", "*.state", "agent.log"]);
        assert_eq!(known.value.beside_code["agent.log"].place(), "main/a.py:7");
        let unnamed: Vec<&str> = known.value.unnamed.keys().map(String::as_str).collect();
        assert_eq!(unnamed, ["main/*/x.db"]);
        assert_eq!(known.mark.sign(), Some('?'));
    }

    #[test]
    fn folders_where_programs_keep_things_are_volumes_and_those_of_the_system_are_not() {
        for (text, is_folder, folder) in [
            ("/var/log/farm/a.log", false, Some("/var/log/farm")),
            ("/var/log/farm", true, Some("/var/log/farm")),
            ("/var/log/farm/*/x", false, Some("/var/log/farm")),
            ("/data/w*", true, Some("/data")),
            ("/data/x.db", false, Some("/data")),
            ("/database", true, None),
            ("/var/log/a.log", false, None),
            ("/var/log/*.log", false, None),
            ("/tmp/x", false, None),
            ("/etc/x/y", false, None),
            ("/data/../etc", true, None),
            ("/app/logs", true, None),
            ("a/data", true, None),
        ] {
            assert_eq!(kept_outside(text, is_folder).as_deref(), folder, "{text}");
        }
    }

    #[test]
    fn what_start_paths_write_is_added() {
        let code: FxHashSet<String> = ["main", "main/agents"].map(str::to_owned).into_iter().collect();
        let write = |path: &str| Write {
            path: Pattern::parse(path).unwrap(),
            place: ("main/agents/a.py".to_owned(), 3),
        };
        let mut found = Writable::default();
        found
            .beside_code
            .insert("*.log".to_owned(), Evidence::new("b.py", 1, "writes it"));
        let writes = ["main/data/voices/", "a.log", "main/agents/", "main/state.json", "x.db*"].map(write);
        add(&mut found, &code, &writes);
        let volumes: Vec<&str> = found.volumes.values().map(|(folder, _)| folder.as_str()).collect();
        assert_eq!(volumes, ["main/data"]);
        let beside: Vec<&str> = found.beside_code.keys().map(String::as_str).collect();
        assert_eq!(beside, ["*.log", "main/agents/", "main/state.json", "x.db*"]);
    }
}
