//! What a group image holds of the tree: what its agents can import, start or open, and why each file is among it.
//!
//! A file too many costs a rebuild; one too few breaks an agent. So every doubt is decided for the file: a path literal takes in
//! whatever it can mean, and where code edits `sys.path`, a module is looked for everywhere. Where what is run is
//! known to the running program alone, the group gets the whole package.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use pysrc::{ImportKind, Module, StringKind, Value};

use super::files::{Entries, Entry};
use crate::container::layout::ROOT;
use crate::finding::Place;
use crate::python::facts::TreeFacts;
use crate::python::imports::dynamic;
use crate::python::imports::requirements::Requirements;
use crate::python::imports::resolve::{Memo, Search, Target, never_runs};
use crate::python::imports::view::View;
use crate::stack::pattern::Pattern;
use crate::stack::selection::Selection;
use crate::stack::{ContentsSetting, GroupId, MachineId, Stack, normal};

/// How much of the tree an image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What its agents can reach.
    Closure,
    /// All code of its machine.
    Package,
}

impl Mode {
    /// `closure` or `package`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closure => "closure",
            Self::Package => "package",
        }
    }
}

/// Why a file is in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is the script of this agent.
    Script(String),
    /// A file imports it.
    Import,
    /// A file starts it as a process.
    Launch,
    /// A path written in a file can mean it.
    Path(String),
    /// A dotted name written in a file is its module's.
    Module(String),
    /// A file of the image is a link to it.
    Link,
    /// This pattern of the stack names it.
    Include(String),
    /// It is an extension module: what imports it cannot be told.
    Extension,
    /// The image holds the whole package.
    Package,
}

/// Why a file is in an image, and which file brings it in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: Why,
    /// The file that brings it in, and where that does.
    pub from: Option<(String, Place)>,
}

/// A place that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Where.
    pub place: Place,
    /// What cannot be told.
    pub what: String,
}

/// What a group image holds of the tree.
#[derive(Debug, Clone)]
pub struct Contents {
    /// How much.
    pub mode: Mode,
    /// The files, by path relative to the tree, with the first reason that was found.
    pub files: BTreeMap<String, Reason>,
    /// What cannot be followed.
    pub gaps: Vec<Gap>,
}

/// The contents of a group. `held` are the files that its machine's images may hold, links among them; `tree` their facts.
#[must_use]
pub fn contents(stack: &Stack, group: GroupId, tree: &TreeFacts, held: &Entries) -> Contents {
    let machine = stack.group(group).machine;
    let view = View::of_group(stack, group, tree);
    // Its machine's other groups may have named more than it has.
    let held = &*if held.keys().all(|path| view.may_have(path).is_ok()) {
        Cow::Borrowed(held)
    } else {
        let own = held.iter().filter(|(path, _)| view.may_have(path).is_ok());
        Cow::Owned(own.map(|(path, entry)| (path.clone(), entry.clone())).collect())
    };
    let mut walk = Walk::new(stack, machine, &view, held, false);
    walk.group(stack, group);
    if walk.edits_path {
        walk = Walk::new(stack, machine, &view, held, true);
        walk.group(stack, group);
    }
    let mode = match stack.group(group).contents.or(stack.images.contents) {
        Some(ContentsSetting::Closure) => Mode::Closure,
        Some(ContentsSetting::Package) => Mode::Package,
        None if walk.gaps.is_empty() => Mode::Closure,
        None => Mode::Package,
    };
    let mut files = walk.found;
    if mode == Mode::Package {
        for path in held.keys() {
            let reason = || Reason {
                why: Why::Package,
                from: None,
            };
            files.entry(path.clone()).or_insert_with(reason);
        }
    }
    Contents {
        mode,
        files,
        gaps: walk.gaps,
    }
}

impl Contents {
    /// The steps that bring a file in, the last one first.
    #[must_use]
    pub fn chain(&self, path: &str) -> Vec<(&str, &Reason)> {
        let mut chain = Vec::new();
        let mut at = self.files.get_key_value(path);
        while let Some((path, reason)) = at {
            chain.push((path.as_str(), reason));
            if chain.len() > self.files.len() {
                break;
            }
            at = reason
                .from
                .as_ref()
                .and_then(|(from, _)| self.files.get_key_value(from));
        }
        chain
    }

    /// The entries of the files.
    #[must_use]
    pub fn entries(&self, held: &Entries) -> Entries {
        held.iter()
            .filter(|(path, _)| self.files.contains_key(*path))
            .map(|(path, entry)| (path.clone(), entry.clone()))
            .collect()
    }
}

struct Walk<'a> {
    view: &'a View<'a>,
    held: &'a Entries,
    /// PYTHONPATH, relative to the tree.
    python_path: Vec<String>,
    requirements: Requirements,
    /// Folders that hold a module of that name; looked at where code edits `sys.path`.
    anywhere: Option<HashMap<&'a str, BTreeSet<&'a str>>>,
    found: BTreeMap<String, Reason>,
    gaps: Vec<Gap>,
    edits_path: bool,
    /// Files to follow, each with the folder of the script that runs it: that folder is the first that imports search.
    queue: VecDeque<(String, usize)>,
    followed: HashSet<(String, usize)>,
    looked_at: HashSet<usize>,
}

impl<'a> Walk<'a> {
    fn new(stack: &Stack, machine: MachineId, view: &'a View<'a>, held: &'a Entries, anywhere: bool) -> Self {
        let python_path = &stack.machine(machine).python_path;
        Self {
            view,
            held,
            python_path: python_path.iter().map(|entry| normal(entry)).collect(),
            requirements: Requirements::default(),
            anywhere: anywhere.then(|| modules(held)),
            found: BTreeMap::new(),
            gaps: Vec::new(),
            edits_path: false,
            queue: VecDeque::new(),
            followed: HashSet::new(),
            looked_at: HashSet::new(),
        }
    }

    fn group(&mut self, stack: &Stack, group: GroupId) {
        let selection = Selection::of_group(stack, group);
        let group = stack.group(group);
        for agent in group.agents.iter().map(|id| stack.agent(*id)) {
            let script = self.view.real(&normal(&agent.script_path)).into_owned();
            let reason = Reason {
                why: Why::Script(agent.name.clone()),
                from: None,
            };
            self.script(&script, &reason, &normal(&agent.script_path));
        }
        let included: Vec<(String, String)> = self
            .held
            .keys()
            .filter_map(|path| Some((path.clone(), selection.included(path)?.to_owned())))
            .collect();
        for (path, pattern) in included {
            let why = Why::Include(pattern);
            self.script(&path, &Reason { why, from: None }, &path);
        }
        let extensions = self.held.keys().filter(|path| path.ends_with(".so")).cloned();
        for path in extensions.collect::<Vec<_>>() {
            let why = Why::Extension;
            self.take(&path, &Reason { why, from: None });
        }
        while let Some((folder, file)) = self.queue.pop_front() {
            self.follow(&folder, file);
        }
    }

    /// Takes a file in; a link with what it leads to. Returns the path of the file itself.
    fn take(&mut self, path: &str, reason: &Reason) -> Option<String> {
        let (mut at, mut reason) = (path.to_owned(), reason.clone());
        loop {
            let entry = self.held.get(&at)?;
            let again = self.found.contains_key(&at);
            self.found.entry(at.clone()).or_insert_with(|| reason.clone());
            let Entry::Link(target) = entry else {
                return Some(at);
            };
            let target = target.to_str().filter(|target| !again && !target.starts_with('/'))?;
            let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
            let next = normal(&format!("{folder}/{target}"));
            let from = Some((at.clone(), Place::file(self.view.tree.shown(&at))));
            reason = Reason { why: Why::Link, from };
            if !self.held.contains_key(&next) {
                self.below(&next, &reason);
                return None;
            }
            at = next;
        }
    }

    /// Takes in all files below a folder.
    fn below(&mut self, folder: &str, reason: &Reason) {
        let prefix = format!("{folder}/");
        let held = self.held;
        let below = held
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix));
        for (path, _) in below {
            self.script(path, reason, path);
        }
    }

    /// Takes a file in, and follows it as a script where it is Python. `written` is its path as the program sees it.
    fn script(&mut self, path: &str, reason: &Reason, written: &str) {
        self.take(path, reason);
        if let Some(file) = self.view.tree.find(path) {
            let folder = written.rsplit_once('/').map_or("", |(folder, _)| folder);
            self.enqueue(folder, file);
        }
    }

    fn enqueue(&mut self, folder: &str, file: usize) {
        if self.followed.insert((folder.to_owned(), file)) {
            self.queue.push_back((folder.to_owned(), file));
        }
    }

    fn follow(&mut self, folder: &str, file: usize) {
        let tree = self.view.tree;
        let Some(facts) = tree.files.get(file) else {
            return;
        };
        let module = &facts.module;
        for import in module.imports.iter().filter(|import| !never_runs(import)) {
            let from = Some((facts.path.clone(), tree.place(file, import.span)));
            let reason = Reason { why: Why::Import, from };
            let last = import.name.as_deref();
            let targets = if import.level > 0 && import.kind != ImportKind::Call {
                self.relative(&facts.path, import.level, &import.module, last)
            } else {
                self.absolute(folder, &import.module, last)
            };
            for target in targets {
                self.import(folder, target, &reason);
            }
        }
        if self.looked_at.insert(file) {
            self.look(folder, file, &facts.path, module);
        }
    }

    fn import(&mut self, folder: &str, file: usize, reason: &Reason) {
        if let Some(facts) = self.view.tree.files.get(file) {
            self.take(&facts.path, reason);
            self.enqueue(folder, file);
        }
    }

    /// Files that importing a dotted name loads, and that `last` of it may be.
    fn absolute(&self, folder: &str, name: &str, last: Option<&str>) -> Vec<usize> {
        let mut roots = vec![folder.to_owned()];
        roots.extend(self.python_path.iter().cloned());
        let search = Search {
            view: self.view,
            roots,
            requirements: &self.requirements,
            also: &[],
            version: self.view.tree.version,
            memo: Memo::default(),
        };
        let mut files = Vec::new();
        for loaded in search.absolute(&with_last(name, last)).iter() {
            if let Target::File { file, .. } = loaded.target {
                files.push(file);
            }
        }
        let top = name.split('.').next().unwrap_or_default();
        let elsewhere = self.anywhere.as_ref().and_then(|anywhere| anywhere.get(top));
        for folder in elsewhere.into_iter().flatten() {
            files.extend(self.in_folder(folder, &with_last(name, last)));
        }
        if last == Some("*") {
            files.extend(self.exported(&files));
        }
        files
    }

    /// The same for a relative import, by where the file lies.
    fn relative(&self, path: &str, level: u32, name: &str, last: Option<&str>) -> Vec<usize> {
        let mut folder = path;
        for _ in 0..level {
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        let mut files: Vec<usize> = self.view.file(&format!("{folder}/__init__.py")).into_iter().collect();
        files.extend(self.in_folder(folder, &with_last(name, last)));
        if last == Some("*") {
            files.extend(self.exported(&files));
        }
        files
    }

    /// Files that a dotted name means below a folder.
    fn in_folder(&self, folder: &str, name: &str) -> Vec<usize> {
        let mut at = folder.to_owned();
        let mut files = Vec::new();
        for part in name.split('.').filter(|part| !part.is_empty()) {
            at = if at.is_empty() {
                part.to_owned()
            } else {
                format!("{at}/{part}")
            };
            files.extend(self.view.file(&format!("{at}/__init__.py")));
            files.extend(self.view.file(&format!("{at}.py")));
        }
        files
    }

    /// Submodules that `from package import *` loads: those that `__all__` names.
    fn exported(&self, files: &[usize]) -> Vec<usize> {
        let packages = files.iter().filter_map(|file| self.view.tree.files.get(*file));
        packages
            .filter_map(|facts| Some((facts.path.strip_suffix("/__init__.py")?, facts.module.all.as_ref()?)))
            .flat_map(|(folder, names)| names.iter().flat_map(move |name| self.in_folder(folder, name)))
            .collect()
    }

    /// What a file says besides its imports.
    fn look(&mut self, folder: &str, file: usize, path: &str, module: &Module) {
        let tree = self.view.tree;
        // Not every edit can be followed, so the word alone counts.
        self.edits_path |= ["sys.path", "addsitedir", "PYTHONPATH"]
            .iter()
            .any(|word| module.text.contains(word));
        for gap in dynamic::unfollowed(module) {
            self.gaps.push(Gap {
                place: tree.place(file, gap.span),
                what: gap.what,
            });
        }
        let reason = |why, span| Reason {
            why,
            from: Some((path.to_owned(), tree.place(file, span))),
        };
        for launch in module.launches.iter().filter(|launch| launch.is_module) {
            if let Value::Str(name) = &launch.script {
                let name = format!("{name}.__main__");
                for target in self.absolute("", &name, None) {
                    self.import("", target, &reason(Why::Launch, launch.span));
                }
            }
        }
        for call in &module.calls {
            let values = call
                .arguments
                .iter()
                .chain(call.keywords.iter().map(|(_, value)| value));
            for name in values.flat_map(dotted_names) {
                let targets = self.absolute(folder, name, None);
                // The first part alone says nothing: `main_pc_code.port` may be a key.
                for target in targets {
                    self.import(folder, target, &reason(Why::Module(name.to_owned()), call.span));
                }
            }
        }
        for string in module.strings.iter().filter(|string| string.looks == StringKind::Path) {
            let edits = module.path_edits.iter();
            if edits
                .clone()
                .any(|edit| edit.span.start <= string.span.start && string.span.end <= edit.span.end)
            {
                continue;
            }
            for meant in self.meant(path, &string.text) {
                let launched = module
                    .launches
                    .iter()
                    .any(|launch| launch.span.start <= string.span.start && string.span.end <= launch.span.end);
                let why = if launched {
                    Why::Launch
                } else {
                    Why::Path(string.text.to_string())
                };
                self.script(&meant, &reason(why, string.span), &meant);
            }
        }
    }

    /// Files that a path literal can mean: from the root, from the file's own folder or one above it, or as the end of a path
    /// whose beginning is computed. A folder means all that is in it.
    fn meant(&self, path: &str, text: &str) -> BTreeSet<String> {
        let text = text.replace("{}", "*").replace('\\', "/");
        let below_root = text
            .strip_prefix(ROOT)
            .filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if below_root.is_none() && text.starts_with(['/', '~']) {
            return BTreeSet::new();
        }
        let written = normal(below_root.unwrap_or(&text));
        if written.contains(['*', '?', '[']) {
            let telling = written.rsplit_once('.').map_or(written.as_str(), |(stem, _)| stem);
            if !telling.contains(|c: char| c.is_alphanumeric()) {
                return BTreeSet::new();
            }
            return self.matching(&format!("**/{written}"));
        }
        let mut meant = BTreeSet::new();
        let mut candidates = vec![self.view.real(&written).into_owned()];
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            candidates.push(format!("{above}/{written}"));
            folder = above;
        }
        let ends = format!("/{written}");
        let named = written.rsplit('/').next().is_some_and(|name| name.contains('.'));
        let held = self.held.keys().filter(|path| named && path.ends_with(&ends)).cloned();
        candidates.extend(held);
        for candidate in candidates {
            if self.held.contains_key(&candidate) {
                meant.insert(candidate);
                continue;
            }
            let prefix = format!("{candidate}/");
            let below = self.held.range(prefix.clone()..);
            meant.extend(
                below
                    .map(|(path, _)| path.clone())
                    .take_while(|path| !written.is_empty() && path.starts_with(&prefix)),
            );
        }
        meant
    }

    fn matching(&self, pattern: &str) -> BTreeSet<String> {
        // A literal of a program that is no pattern means no file; the stack's own are checked when it is read.
        let Ok(pattern) = Pattern::new(pattern) else {
            return BTreeSet::new();
        };
        let real = |path: &&String| pattern.matches(path);
        self.held.keys().filter(real).cloned().collect()
    }
}

fn with_last(name: &str, last: Option<&str>) -> String {
    match last {
        Some(last) if last != "*" && name.is_empty() => last.to_owned(),
        Some(last) if last != "*" => format!("{name}.{last}"),
        _ => name.to_owned(),
    }
}

/// Dotted names among the literals of a value: `pkg.module`, also with `:attribute` behind.
fn dotted_names(value: &Value) -> Vec<&str> {
    match value {
        Value::Str(text) => {
            let name = text.split(':').next().unwrap_or_default();
            let identifier = |part: &str| {
                !part.is_empty()
                    && !part.starts_with(|c: char| c.is_ascii_digit())
                    && part.chars().all(|c| c.is_alphanumeric() || c == '_')
            };
            let dotted = name.contains('.') && name.split('.').all(identifier);
            dotted.then_some(name).into_iter().collect()
        }
        Value::List(items) | Value::Either(items) | Value::Or(items) => items.iter().flat_map(dotted_names).collect(),
        Value::Choice(choice) => [&choice.yes, &choice.no].into_iter().flat_map(dotted_names).collect(),
        _ => Vec::new(),
    }
}

/// Folders that hold a module or a package, by its name.
fn modules(held: &Entries) -> HashMap<&str, BTreeSet<&str>> {
    let mut modules: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for path in held.keys().filter(|path| path.ends_with(".py")) {
        let mut at = path.strip_suffix(".py").unwrap_or(path);
        while let Some((folder, name)) = at.rsplit_once('/') {
            modules.entry(name).or_default().insert(folder);
            at = folder;
        }
        modules.entry(at).or_default().insert("");
    }
    modules
}

#[cfg(test)]
mod tests;
