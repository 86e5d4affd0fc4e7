//! What agents write below the root: folders become volumes, files in the root itself and beside code are `writable:`.

use std::collections::BTreeMap;

use pysrc::{Call, Module, Span, Value};
use rustc_hash::FxHashSet;

use super::evidence::{Evidence, Known};
use super::imports::{Loaded, Sources};
use super::path_text::Paths;
use super::startup::Config;
use crate::stack::normal;
use crate::stack::writable::Writable as Pattern;

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
    let paths = Paths::new(sources, loaded);
    let files = loaded
        .files
        .iter()
        .filter_map(|file| Some((*file, sources.file(*file)?)));
    for (file, (path, module)) in files {
        for (text, is_folder, span) in written(module, file, &paths) {
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
fn written(module: &Module, file: usize, paths: &Paths<'_>) -> Vec<(String, bool, Span)> {
    let mut found = Vec::new();
    let text = |call: &Call, path: &Value| paths.text(file, call.function, path);
    for open in module.opens.iter().filter(|open| open.writes) {
        let call = module.calls.get(open.call as usize);
        found.extend(
            call.and_then(|call| text(call, &open.path))
                .map(|path| (path, false, open.span)),
        );
    }
    for call in &module.calls {
        let last = module
            .called(call)
            .filter(|name| matches!(*name, "makedirs" | "mkdir" | "touch"));
        let called = last.and_then(|_| module.dotted(&call.callee));
        let path = match (called.as_deref(), &call.callee) {
            (Some("os.makedirs" | "os.mkdir" | "makedirs"), _) => call.arguments.first(),
            (_, Value::Attribute(object, _)) if matches!(last, Some("mkdir" | "touch")) => Some(&**object),
            _ => None,
        };
        let is_folder = last != Some("touch");
        found.extend(
            path.and_then(|path| text(call, path))
                .map(|path| (path, is_folder, call.span)),
        );
    }
    found
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
    fn folders_beside_a_script_become_volumes_as_they_do_where_they_are_written_relative() {
        let of = |text: &str| {
            let version = PythonVersion::USUAL;
            let text = format!("import os, threading\nfrom pathlib import Path\n{text}\n");
            let module = std::sync::Arc::new(pysrc::read(text.as_bytes(), version));
            let sources = Sources::new(vec![("pc/a.py".to_owned(), module)], version);
            let loaded = sources.load(&["pc/a.py"], &[String::new()]);
            let found = find(&sources, &loaded);
            let volumes: Vec<String> = found.volumes.into_values().map(|(folder, _)| folder).collect();
            let beside: Vec<String> = found.beside_code.into_keys().collect();
            format!("{} {}", volumes.join(" "), beside.join(" "))
        };
        let later = "F = Path(__file__).parent / 'data' / 'x.json'\ndef loop():\n    while True:\n        \
                     F.write_text('{}')\nthreading.Thread(target=loop).start()";
        for text in [
            "F = Path(__file__).parent/'data'/'x.json'\nF.write_text('{}')",
            "F = Path(__file__).parent/'data'/'x.json'\nF.parent.mkdir(parents=True, exist_ok=True)",
            "with open(os.path.join(os.path.dirname(__file__), 'data', 'x'), 'w') as f:\n    f.write('')",
            "os.makedirs(os.path.join(os.path.dirname(os.path.realpath(__file__)), 'data'), exist_ok=True)",
            "(Path(__file__).parent / 'data' / 'seen').touch()",
            later,
        ] {
            assert_eq!(of(text), "pc/data ", "{text}");
        }
        assert_eq!(of("open(Path(__file__).parent / '.lock', 'w')"), " pc/.lock");
        assert_eq!(of("Path(__file__).parent.mkdir(exist_ok=True)"), " ");
        assert_eq!(of("open(Path(__file__).parent / 'data' / 'x')"), " ");
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
