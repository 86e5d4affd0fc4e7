//! A group's requirements file: PEP 508 lines, pip's options, and lines that are neither.

use std::borrow::Cow;
use std::collections::HashSet;

use pysrc::PythonVersion;

use super::distributions::{brings, installs, is_of, normalised, part_of_namespace};
use crate::finding::Place;
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::stack::requirements_lock::without_comment;

/// One requirement.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// Name, normalised.
    pub name: String,
    /// Where.
    pub place: Place,
    /// A marker keeps it from being installed in the container.
    pub elsewhere: bool,
    /// What it asks for of the version, as `>=6,<7`; empty for any.
    pub versions: String,
}

/// What a requirements file says, with those that it includes.
#[derive(Debug, Clone, Default)]
pub struct Requirements {
    /// Path of the file, as findings name it.
    pub path: String,
    /// The file is there.
    pub found: bool,
    /// Requirements, in order.
    pub all: Vec<Requirement>,
    /// Lines that are none.
    pub invalid: Vec<Place>,
    /// They are those of all files of the tree: nobody says which file the agent's are.
    pub pooled: bool,
    /// Something is installed of which is not known what it brings: a folder, an archive, a file that cannot be read, a
    /// distribution that is not known whole.
    pub open: bool,
}

impl Requirements {
    /// Whether they bring a top-level module, themselves or through what they depend on.
    #[must_use]
    pub fn bring(&self, module: &str) -> bool {
        self.all
            .iter()
            .any(|requirement| !requirement.elsewhere && brings(&requirement.name, module))
    }

    /// The distribution that a part of a shared namespace needs, where surely no listed one is it, nor needs it: of the namespace,
    /// all are parts that need no other.
    #[must_use]
    pub fn lack_part(&self, module: &str) -> Option<&'static str> {
        let wanted = part_of_namespace(module)?;
        let (family, _) = module.split_once('.')?;
        let may_need = |requirement: &Requirement| {
            let name = requirement.name.as_str();
            let plain = module_of_part(name) || installs(name).is_some();
            !requirement.elsewhere
                && (name == wanted || name.starts_with(wanted) || (!plain && may_bring_family(name, family)))
        };
        (!self.all.iter().any(may_need)).then_some(wanted)
    }

    /// How messages name the file.
    #[must_use]
    pub fn shown(&self) -> String {
        if self.pooled {
            "any requirements file".to_owned()
        } else {
            format!("`{}`", self.path)
        }
    }

    /// The requirement whose own module it is.
    #[must_use]
    pub fn of(&self, module: &str) -> Option<&Requirement> {
        self.all.iter().find(|requirement| is_of(&requirement.name, module))
    }
}

/// Whether a distribution is a part of a namespace that installs no other part which is imported by name.
fn module_of_part(name: &str) -> bool {
    let plain = ["aiplatform", "firestore", "otlp", "instrumentation"];
    (name.starts_with("google-cloud-") || name.starts_with("azure-")) && !plain.iter().any(|part| name.contains(part))
}

/// Whether a distribution that is not known may install parts of a namespace.
fn may_bring_family(name: &str, family: &str) -> bool {
    !matches!(
        name,
        "protobuf" | "google-auth" | "google-api-core" | "googleapis-common-protos" | "azure-core"
    ) || family == "opentelemetry"
}

/// Reads a requirements file of the tree; without a path, all of them.
#[must_use]
pub fn read(tree: &TreeFacts, path: &str, version: PythonVersion, disk: Option<Disk<'_>>) -> Requirements {
    let reader = Reader { tree, version, disk };
    if path.is_empty() {
        let mut all = Requirements {
            pooled: true,
            ..Requirements::default()
        };
        let mut seen = HashSet::new();
        for path in tree.texts.keys() {
            reader.add(path, &mut all, &mut seen);
        }
        // Told for the groups that have them.
        all.invalid.clear();
        return all;
    }
    let mut requirements = Requirements {
        path: tree.shown(path),
        ..Requirements::default()
    };
    let mut seen = HashSet::new();
    requirements.found = reader.add(path, &mut requirements, &mut seen);
    requirements
}

/// Reads a file and those that it includes.
struct Reader<'a> {
    tree: &'a TreeFacts,
    version: PythonVersion,
    disk: Option<Disk<'a>>,
}

impl Reader<'_> {
    /// The text of a file, whatever it is called: a file that another one includes may have any name.
    fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        match self.tree.texts.get(path) {
            Some(text) => Some(Cow::Borrowed(text.as_str())),
            None => self.disk?.read(path).map(|bytes| Cow::Owned(decoded(&bytes))),
        }
    }

    fn add(&self, path: &str, into: &mut Requirements, seen: &mut HashSet<String>) -> bool {
        let Some(text) = self.text(path) else {
            return false;
        };
        if seen.insert(path.to_owned()) {
            self.add_lines(path, &text, into, seen);
        }
        true
    }

    fn add_lines(&self, path: &str, text: &str, into: &mut Requirements, seen: &mut HashSet<String>) {
        let mut continued = false;
        for (number, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let starts_here = !continued;
            continued = raw.trim_end().ends_with('\\');
            if !starts_here {
                continue;
            }
            let line = without_comment(raw).trim_end_matches('\\').trim();
            if line.is_empty() {
                continue;
            }
            let column = raw.chars().take_while(|character| character.is_whitespace()).count() + 1;
            let place = Place {
                path: self.tree.shown(path),
                line: u32::try_from(number + 1).unwrap_or(u32::MAX),
                column: u32::try_from(column).unwrap_or(u32::MAX),
                width: u32::try_from(line.chars().count()).unwrap_or(u32::MAX),
                text: raw.to_owned(),
            };
            match parse(line, self.version) {
                Line::Requirement {
                    name,
                    elsewhere,
                    extras,
                    versions,
                } => {
                    into.open |= !elsewhere && (extras || installs(&name).is_none());
                    into.all.push(Requirement {
                        name,
                        place,
                        elsewhere,
                        versions,
                    });
                }
                Line::Include(file) => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let file = super::view::normal(&format!("{folder}/{file}"));
                    into.open |= !self.add(&file, into, seen);
                }
                Line::Installs => into.open = true,
                Line::Option => {}
                Line::Invalid => {
                    into.open = true;
                    into.invalid.push(place);
                }
            }
        }
    }
}

/// The text of a requirements file, as pip reads it: by its byte order mark, else as UTF-8.
#[must_use]
pub fn decoded(bytes: &[u8]) -> String {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
        char::decode_utf16(units)
            .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Requirement {
        name: String,
        elsewhere: bool,
        extras: bool,
        versions: String,
    },
    Include(String),
    /// It installs something whose name does not say what it brings.
    Installs,
    Option,
    Invalid,
}

fn parse(line: &str, version: PythonVersion) -> Line {
    if let Some(option) = line.strip_prefix('-') {
        let (name, value) = option
            .split_once(|character: char| character.is_whitespace() || character == '=')
            .unwrap_or((option, ""));
        return match name {
            "r" | "-requirement" => Line::Include(value.trim().to_owned()),
            _ if option.starts_with('r') => Line::Include(option[1..].trim().to_owned()),
            "e" | "-editable" => Line::Installs,
            _ if option.starts_with('e') => Line::Installs,
            _ => Line::Option,
        };
    }
    if line.contains("://") && !line.contains(" @ ") {
        return match line.rsplit_once("#egg=") {
            Some((_, egg)) => Line::Requirement {
                name: normalised(egg.split(['&', '[']).next().unwrap_or(egg)),
                elsewhere: false,
                extras: egg.contains('['),
                versions: String::new(),
            },
            None => Line::Installs,
        };
    }
    let is_direct = line.contains(" @ ");
    if !is_direct && (line.starts_with(['.', '/']) || line.ends_with(".whl") || line.ends_with(".tar.gz")) {
        return Line::Installs;
    }
    requirement(line, version).unwrap_or(Line::Invalid)
}

fn requirement(line: &str, version: PythonVersion) -> Option<Line> {
    let end = line
        .find(|character: char| !(character.is_ascii_alphanumeric() || "-_.".contains(character)))
        .unwrap_or(line.len());
    let name = &line[..end];
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    if !edge(name.as_bytes().first()) || !edge(name.as_bytes().last()) {
        return None;
    }
    let mut rest = line[end..].trim_start();
    let extras = rest.starts_with('[');
    if let Some(extras) = rest.strip_prefix('[') {
        let close = extras.find(']')?;
        rest = extras[close + 1..].trim_start();
    }
    let (rest, marker) = match rest.split_once(';') {
        Some((rest, marker)) => (rest.trim(), marker.trim()),
        None => (rest.trim(), ""),
    };
    // `--hash=…` and its like follow the version.
    let rest = rest.split(" --").next().unwrap_or(rest).trim();
    let specifiers = rest
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(rest);
    let valid =
        rest.starts_with('@') || specifiers.is_empty() || specifiers.trim_end_matches(',').split(',').all(specifier);
    valid.then(|| Line::Requirement {
        name: normalised(name),
        elsewhere: holds(marker, version) == Some(false),
        extras,
        versions: if rest.starts_with('@') {
            String::new()
        } else {
            specifiers.replace(' ', "")
        },
    })
}

/// Whether a marker holds in a container with this version of Python; nothing where that is not known.
fn holds(marker: &str, version: PythonVersion) -> Option<bool> {
    let marker = marker.trim();
    if marker.is_empty() {
        return Some(true);
    }
    // Parentheses are left alone.
    if marker.contains(['(', ')']) {
        return None;
    }
    let joined = |separator: &str, decisive: bool| {
        let mut all_known = true;
        for part in marker.split(separator) {
            match holds(part, version) {
                Some(result) if result == decisive => return Some(decisive),
                Some(_) => {}
                None => all_known = false,
            }
        }
        all_known.then_some(!decisive)
    };
    if marker.contains(" or ") {
        return joined(" or ", true);
    }
    if marker.contains(" and ") {
        return joined(" and ", false);
    }
    let operator = ["===", "==", "!=", "<=", ">=", "~=", "<", ">"]
        .into_iter()
        .find(|operator| marker.contains(operator))?;
    let (name, wanted) = marker.split_once(operator)?;
    let wanted = wanted.trim().trim_matches(['"', '\'']);
    let same = |ours: &str| match operator {
        "==" => Some(wanted == ours),
        "!=" => Some(wanted != ours),
        _ => None,
    };
    match name.trim() {
        "sys_platform" => same("linux"),
        "platform_system" => same("Linux"),
        "os_name" => same("posix"),
        "implementation_name" => same("cpython"),
        "platform_python_implementation" => same("CPython"),
        "python_version" => {
            let (major, minor) = wanted.split_once('.')?;
            let wanted = (major.parse::<u8>().ok()?, minor.parse::<u8>().ok()?);
            let ours = (version.major, version.minor);
            match operator {
                "==" => Some(ours == wanted),
                "!=" => Some(ours != wanted),
                "<" => Some(ours < wanted),
                "<=" => Some(ours <= wanted),
                ">" => Some(ours > wanted),
                ">=" => Some(ours >= wanted),
                _ => None,
            }
        }
        _ => None,
    }
}

fn specifier(text: &str) -> bool {
    let text = text.trim();
    let Some(version) = ["===", "==", "~=", "!=", "<=", ">=", "<", ">"]
        .iter()
        .find_map(|operator| text.strip_prefix(operator))
    else {
        return false;
    };
    let version = version.trim();
    !version.is_empty()
        && version
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || ".*+!-_".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_requirements_from_other_lines() {
        for (line, name) in [
            ("pyzmq>=25", Some("pyzmq")),
            ("PyYAML", Some("pyyaml")),
            (
                "uvicorn[standard] >= 0.2, < 1 ; python_version > '3.8'",
                Some("uvicorn"),
            ),
            ("torch==2.1.0+cu118 --hash=sha256:aa", Some("torch")),
            ("a @ https://example.org/a.whl", Some("a")),
            ("git+https://example.org/b.git#egg=b_c", Some("b-c")),
            ("RUN pip install numpy", None),
            ("numpy scipy", None),
            ("numpy=1.0", None),
            ("==1.0", None),
            ("FROM python:3.11", None),
        ] {
            let found = match parse(line, VERSION) {
                Line::Requirement { name, .. } => Some(name),
                _ => None,
            };
            assert_eq!(found.as_deref(), name, "{line}");
        }
        assert_eq!(parse("-r base.txt", VERSION), Line::Include("base.txt".to_owned()));
        assert_eq!(parse("--extra-index-url https://x", VERSION), Line::Option);
        for line in [
            "-e .",
            "-e./lib",
            "--editable lib",
            "./lib",
            "a-1.0-py3-none-any.whl",
            "git+https://x/b.git",
        ] {
            assert_eq!(parse(line, VERSION), Line::Installs, "{line}");
        }
    }

    const VERSION: PythonVersion = PythonVersion::USUAL;

    #[test]
    fn markers_are_about_the_container() {
        for (marker, held) in [
            ("", Some(true)),
            ("python_version < '3.11'", Some(false)),
            ("python_version < \"3.9\" or python_version >= \"3.11\"", Some(true)),
            ("python_version >= '3.8' and sys_platform == 'win32'", Some(false)),
            ("sys_platform != 'darwin'", Some(true)),
            ("platform_machine == 'x86_64'", None),
            ("platform_machine == 'x86_64' and os_name == 'nt'", Some(false)),
            ("platform_machine == 'x86_64' or os_name == 'nt'", None),
            ("(python_version < '3.11')", None),
            ("python_version > '3.10'", Some(true)),
            ("python_version ~= '3.10'", None),
        ] {
            assert_eq!(holds(marker, VERSION), held, "{marker}");
        }
    }

    #[test]
    fn files_are_read_by_their_byte_order_mark() {
        let text = "requests\r\npyzmq\n";
        let little: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        let big: Vec<u8> = [0xfe, 0xff]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
            .collect();
        assert_eq!(decoded(&little), text);
        assert_eq!(decoded(&big), text);
        assert_eq!(decoded(text.as_bytes()), text);
    }
}
