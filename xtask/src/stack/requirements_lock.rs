//! Locks: what a requirements file came out as, every distribution with its version and hashes. A lock names the lines that it
//! was made from, so that a requirements file that says something else by now is found, with its line.

use std::collections::{BTreeMap, BTreeSet};

use pysrc::PythonVersion;

use super::Stack;

/// Folder of the locks, in the repository.
pub const FOLDER: &str = "config/locks";

/// Start of the first line of every lock.
const TITLE: &str = "# locked by `cargo xtask lock`";
/// What stands in front of each line that the lock was made from.
const WANTS: &str = "# wants ";

/// Path of a requirements file's lock in the repository. `requirements` is relative to the tree.
#[must_use]
pub fn path(stack: &Stack, requirements: &str) -> String {
    stack.output.at(&format!("{FOLDER}/{requirements}"))
}

/// Whether a text is that of a lock.
#[must_use]
pub fn is_lock(text: &str) -> bool {
    text.starts_with(TITLE)
}

/// One line of a requirements file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it says, without comments and superfluous space. An address is replaced by its digest: one may hold a password, and
    /// a lock is the same whatever index it was made from.
    pub text: String,
    /// The same with its addresses: not to be shown or kept. Empty where the stack says it, not a file.
    pub written: String,
    /// Whether it comes from a file of constraints, which ask for nothing themselves.
    pub constraint: bool,
    /// Path of the file, relative to the tree: one that is included may be another.
    pub file: String,
    /// Number of the line, from 1; 0 where the stack says it.
    pub line: usize,
}

/// All lines of a requirements file and of those that it includes (`-r`, `-c`). `read` gives the text of a file by its path
/// relative to the tree.
///
/// # Errors
/// What `read` says of a file that cannot be read.
pub fn wanted<E>(file: &str, read: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<Vec<Wanted>, E> {
    let mut all = Vec::new();
    collect(file, "", read, &mut BTreeSet::new(), &mut all)?;
    Ok(all)
}

/// Requirements files that are followed from one, each included by another.
const MOST_FILES: usize = 256;

fn collect<E>(
    file: &str,
    prefix: &str,
    read: &mut dyn FnMut(&str) -> Result<String, E>,
    seen: &mut BTreeSet<String>,
    into: &mut Vec<Wanted>,
) -> Result<(), E> {
    if !seen.insert(format!("{prefix}{file}")) {
        return Ok(());
    }
    let text = read(file)?;
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let mut whole = without_comment(first).to_owned();
        while let Some(start) = whole.trim_end().strip_suffix('\\') {
            whole = start.to_owned();
            match lines.next() {
                Some((_, more)) => whole.push_str(without_comment(more)),
                None => break,
            }
        }
        let words: Vec<&str> = whole.split_whitespace().collect();
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        match included(&words) {
            _ if words.is_empty() => {}
            // Far more than anybody writes by hand: the line stays one that nobody obeys.
            Some((constraints, other)) if seen.len() < MOST_FILES => {
                let prefix = if constraints { "-c " } else { prefix };
                collect(&super::normal(&format!("{folder}/{other}")), prefix, read, seen, into)?;
            }
            _ => into.push(Wanted {
                text: format!("{prefix}{}", without_addresses(&words)),
                written: words.join(" "),
                constraint: !prefix.is_empty(),
                file: file.to_owned(),
                line: number + 1,
            }),
        }
    }
    Ok(())
}

/// A line of a requirements file without its comment: a `#` begins one at the start of a line and behind white space.
#[must_use]
pub fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.find(" #")
        .or_else(|| line.find("\t#"))
        .map_or(line, |at| &line[..at])
}

/// Whether the words include a file, as constraints or as requirements.
fn included<'a>(words: &[&'a str]) -> Option<(bool, &'a str)> {
    let (option, rest) = words.split_first()?;
    for (short, long, constraints) in [("-r", "--requirement", false), ("-c", "--constraint", true)] {
        let joined = option.strip_prefix(long).and_then(|rest| rest.strip_prefix('='));
        let joined = joined.or_else(|| option.strip_prefix(short).filter(|file| !file.is_empty()));
        if let Some(file) = joined {
            return Some((constraints, file));
        }
        if *option == short || *option == long {
            return rest.first().map(|file| (constraints, *file));
        }
    }
    None
}

fn without_addresses(words: &[&str]) -> String {
    let plain: Vec<String> = words
        .iter()
        .map(|word| {
            if word.contains("://") {
                let digest = blake3::hash(word.as_bytes()).to_hex();
                format!("address:{}", &digest[..16])
            } else {
                (*word).to_owned()
            }
        })
        .collect();
    plain.join(" ")
}

/// What is wrong with a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// There is none.
    Missing,
    /// It is not what `cargo xtask lock` writes.
    NotALock,
    /// It was made for another Python.
    Python {
        /// Version that it was made for.
        locked: String,
    },
    /// The requirements file says something that it did not say then.
    Added(Wanted),
    /// The requirements file said so then, and does not any more.
    Removed(String),
    /// A distribution without hashes, or one that is wanted and not in the lock: it was edited.
    Edited(String),
}

/// Everything that keeps a lock from being the one of these lines; empty where it is.
#[must_use]
pub fn stale(lock: &str, wanted: &[Wanted], python: PythonVersion) -> Vec<Stale> {
    let Some(made_for) = lock
        .lines()
        .next()
        .filter(|title| title.starts_with(TITLE))
        .and_then(|title| title.split_once(" for Python "))
        .and_then(|(_, rest)| rest.split_once(','))
    else {
        return vec![Stale::NotALock];
    };
    let mut found = Vec::new();
    if made_for.0 != python.to_string() {
        let locked = made_for.0.to_owned();
        found.push(Stale::Python { locked });
    }
    let then: Vec<&str> = lock.lines().filter_map(|line| line.strip_prefix(WANTS)).collect();
    let added = wanted.iter().filter(|now| !then.contains(&now.text.as_str()));
    found.extend(added.cloned().map(Stale::Added));
    let removed = then.iter().filter(|text| wanted.iter().all(|now| now.text != **text));
    found.extend(removed.map(|text| Stale::Removed((*text).to_owned())));
    if found.is_empty() {
        let pinned = versions(lock);
        let without_hashes = pinned.values().filter(|pin| !pin.hashed).map(|pin| &pin.text);
        found.extend(without_hashes.cloned().map(Stale::Edited));
        let lost = wanted.iter().filter(|now| {
            // What a marker leaves out is in no lock.
            let asks_for_one = !now.text.starts_with('-') && !now.text.contains(';');
            asks_for_one && !pinned.contains_key(&name(&now.text))
        });
        found.extend(lost.map(|now| Stale::Edited(now.text.clone())));
    }
    found
}

/// The text of a lock. `pins` is what was found: a line `NAME==VERSION` with hashes per distribution.
#[must_use]
pub fn text(requirements: &str, wanted: &[Wanted], python: PythonVersion, pins: &str) -> String {
    let mut text = format!("{TITLE} from {requirements} for Python {python}, do not edit\n");
    let lines: BTreeSet<&str> = wanted.iter().map(|line| line.text.as_str()).collect();
    for line in lines {
        text.push_str(WANTS);
        text.push_str(line);
        text.push('\n');
    }
    text + &pins_of(pins)
}

/// What a lock, or the output of a resolver, pins, without comments and options: the same for all requirements files that came
/// out alike.
#[must_use]
pub fn pins_of(lock: &str) -> String {
    let starts_alone = |line: &&str| !line.trim_start().starts_with('#') && !line.starts_with('-');
    lock.lines()
        .filter(starts_alone)
        .filter(|line| !line.trim().is_empty())
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// One pinned distribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// `NAME==VERSION`.
    pub text: String,
    /// Whether a hash follows.
    pub hashed: bool,
}

/// Pinned distributions by their normal names.
#[must_use]
pub fn versions(lock: &str) -> BTreeMap<String, Pin> {
    let mut pins: BTreeMap<String, Pin> = BTreeMap::new();
    let mut last = String::new();
    for line in pins_of(lock).lines() {
        let hashed = line.contains("--hash=");
        if !line.starts_with(char::is_whitespace) {
            last = name(line);
            let text = line.split_whitespace().next().unwrap_or(line).to_owned();
            pins.insert(last.clone(), Pin { text, hashed });
        } else if let Some(pin) = pins.get_mut(&last) {
            pin.hashed |= hashed;
        }
    }
    pins
}

/// Normal name of the distribution that a requirement starts with.
#[must_use]
pub fn name(requirement: &str) -> String {
    let belongs = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = requirement.find(|c| !belongs(c)).unwrap_or(requirement.len());
    let parts: Vec<&str> = requirement[..end]
        .split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .collect();
    parts.join("-").to_ascii_lowercase()
}

/// What the stack says of where the distributions of a requirements file come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Indexes besides the one that the host chose.
    pub indexes: BTreeSet<String>,
    /// Distributions that have no wheel, by their normal names, each with what it needs.
    pub without_wheels: BTreeMap<String, Vec<String>>,
}

impl Sources {
    /// As lines that a lock is made from; they stand in the stack.
    pub fn wanted<'a>(&'a self, requirements: &'a str) -> impl Iterator<Item = Wanted> + 'a {
        let indexes = self.indexes.iter();
        let indexes = indexes.map(|index| format!("--from {}", without_addresses(&[index.as_str()])));
        let sources = self.without_wheels.iter();
        let sources = sources.map(|(name, needs)| format!("--without-wheels {name}: {}", needs.join(", ")));
        indexes.chain(sources).map(|text| Wanted {
            text,
            written: String::new(),
            constraint: true,
            file: requirements.to_owned(),
            line: 0,
        })
    }

    /// The configuration of uv that lets it take distributions without a wheel, and build nothing: what each needs is written there. None
    /// where all have wheels.
    #[must_use]
    pub fn uv_configuration(&self) -> Option<String> {
        if self.without_wheels.is_empty() {
            return None;
        }
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let list = |texts: &mut dyn Iterator<Item = &str>| texts.map(quoted).collect::<Vec<_>>().join(", ");
        let names = list(&mut self.without_wheels.keys().map(String::as_str));
        let mut text = format!("no-build = true\nno-binary-package = [{names}]\n");
        for (name, needs) in &self.without_wheels {
            let needs = list(&mut needs.iter().map(String::as_str));
            text.push_str(&format!(
                "\n[[dependency-metadata]]\nname = {}\nrequires-dist = [{needs}]\n",
                quoted(name)
            ));
        }
        Some(text)
    }
}

impl Stack {
    /// Whether a group or a variant names a requirements file: it has to be there then.
    #[must_use]
    pub fn names_requirements(&self, file: &str) -> bool {
        self.groups.iter().any(|group| match group.requirements == file {
            true => group.requirements_named,
            false => group.all_requirements().any(|own| own == file),
        })
    }

    /// Where the distributions of a requirements file come from, as the groups and variants that have it say.
    #[must_use]
    pub fn sources(&self, requirements: &str) -> Sources {
        let mut sources = Sources::default();
        for group in &self.groups {
            let variants = group.variants.all.iter();
            let variants = variants.map(|own| (&own.requirements, &own.index, &own.without_wheels));
            let own = (
                &group.requirements,
                &group.variants.index,
                &group.variants.without_wheels,
            );
            for (file, index, without_wheels) in std::iter::once(own).chain(variants) {
                if file == requirements {
                    sources.indexes.extend(index.clone());
                    sources.without_wheels.extend(without_wheels.clone());
                }
            }
        }
        sources
    }
}

/// A requirements file and its lock.
#[derive(Debug, Clone)]
pub struct Locked {
    /// Path of the lock, relative to the repository.
    pub path: String,
    /// Path of the requirements file, relative to the tree.
    pub requirements: String,
    /// What it says.
    pub wanted: Vec<Wanted>,
    /// Text of its lock.
    pub lock: Option<String>,
    /// What is wrong with that.
    pub stale: Vec<Stale>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINS: &str =
        "pyyaml==6.0.2 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\npyzmq==27.0.0 \\\n    --hash=sha256:cc\n";

    fn read(files: &[(&str, &str)], file: &str) -> Vec<Wanted> {
        wanted(file, &mut |path| {
            let found = files.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| path.to_owned())
        })
        .expect("all files")
    }

    fn lines(text: &str) -> Vec<Wanted> {
        read(&[("r.txt", text)], "r.txt")
    }

    fn texts(wanted: &[Wanted]) -> Vec<(&str, &str, usize)> {
        wanted
            .iter()
            .map(|line| (line.text.as_str(), line.file.as_str(), line.line))
            .collect()
    }

    #[test]
    fn comments_and_space_say_nothing() {
        let one = lines("# of ours\npyzmq>=25   # sockets\n\nPyYAML>=6 ; \\\n  python_version>'3'\n");
        assert_eq!(
            texts(&one),
            [
                ("pyzmq>=25", "r.txt", 2),
                ("PyYAML>=6 ; python_version>'3'", "r.txt", 4)
            ]
        );
    }

    #[test]
    fn included_files_are_part_of_it_with_their_own_lines() {
        let files = [
            ("a/r.txt", "-r ../b.txt\n--constraint=c.txt\nx\n"),
            ("b.txt", "\ny==1\n-r a/r.txt\n"),
            ("a/c.txt", "z<3\n"),
        ];
        let all = read(&files, "a/r.txt");
        assert_eq!(
            texts(&all),
            [("y==1", "b.txt", 2), ("-c z<3", "a/c.txt", 1), ("x", "a/r.txt", 3)]
        );
        let missing = wanted("a.txt", &mut |path| match path {
            "a.txt" => Ok("-r gone.txt".to_owned()),
            other => Err(other.to_owned()),
        });
        assert_eq!(missing, Err("gone.txt".to_owned()));
    }

    #[test]
    fn no_address_gets_into_a_lock() {
        let wanted =
            lines("--index-url https://user:secret@index.example/simple\npyzmq>=25\nx @ https://h.example/x.whl\n");
        let lock = text(
            "r.txt",
            &wanted,
            PythonVersion::USUAL,
            &format!("--index-url https://h.example\n{PINS}"),
        );
        assert!(!lock.contains("example") && !lock.contains("secret"), "{lock}");
        let other = lines("--index-url https://other.example/simple\npyzmq>=25\nx @ https://h.example/x.whl\n");
        assert!(matches!(
            stale(&lock, &other, PythonVersion::USUAL)[..],
            [Stale::Added(_), Stale::Removed(_)]
        ));
    }

    #[test]
    fn a_lock_is_fresh_until_what_it_was_made_from_says_something_else() {
        let then = lines("pyzmq>=25\nPyYAML>=6\n");
        let lock = text("r.txt", &then, PythonVersion::USUAL, PINS);
        assert_eq!(stale(&lock, &then, PythonVersion::USUAL), []);
        assert_eq!(
            stale(&lock, &lines("# a remark\nPyYAML>=6\npyzmq>=25"), PythonVersion::USUAL),
            []
        );
        let now = lines("pyzmq>=25\n\nPyYAML>=7\n");
        assert_eq!(
            stale(&lock, &now, PythonVersion::USUAL),
            [Stale::Added(now[1].clone()), Stale::Removed("PyYAML>=6".to_owned())]
        );
        let locked = "3.11".to_owned();
        assert_eq!(
            stale(&lock, &then, PythonVersion { major: 3, minor: 12 }),
            [Stale::Python { locked }]
        );
        assert_eq!(stale(PINS, &then, PythonVersion::USUAL), [Stale::NotALock]);
    }

    #[test]
    fn an_edited_lock_is_found() {
        let wanted = lines("pyzmq>=25\nPy_YAML>=6\nwin; sys_platform == 'win32'\n");
        let whole = text(
            "r.txt",
            &wanted,
            PythonVersion::USUAL,
            &PINS.replace("pyyaml", "py-yaml"),
        );
        assert_eq!(stale(&whole, &wanted, PythonVersion::USUAL), []);
        let without_hash = whole.replace(" \\\n    --hash=sha256:cc", "");
        let edited = |text: &str| vec![Stale::Edited(text.to_owned())];
        assert_eq!(
            stale(&without_hash, &wanted, PythonVersion::USUAL),
            edited("pyzmq==27.0.0")
        );
        let cut = &whole[..whole.find("pyzmq==").expect("a pin")];
        assert_eq!(stale(cut, &wanted, PythonVersion::USUAL), edited("pyzmq>=25"));
    }

    #[test]
    fn equal_pins_are_equal_whatever_the_files_are_called() {
        let wanted = lines("pyzmq>=25\n");
        let (one, other) = (
            text("a.txt", &wanted, PythonVersion::USUAL, PINS),
            text("b.txt", &wanted, PythonVersion::USUAL, PINS),
        );
        assert_ne!(one, other);
        assert_eq!(pins_of(&one), pins_of(&other));
        assert_eq!(pins_of(&one), PINS);
    }
}
