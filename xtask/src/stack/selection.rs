//! Which files of the tree images may hold: those below `code:`, and those that `include:` names wherever they lie; without what
//! `exclude:` leaves out, secrets, and what tools leave behind. The audit, the build and the rendered files all ask here.

use std::collections::{BTreeMap, BTreeSet};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::model::{GroupId, MachineId, Stack};
use super::pattern::Pattern;
use super::secret;
use super::tree::{TreeFiles, normal};

/// Folders that tools make and no program needs, wherever they are.
pub const TOOL_FOLDERS: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".bzr",
    ".venv",
    "__pycache__",
    "__pypackages__",
    "node_modules",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".cache",
    ".idea",
    ".vscode",
];

/// Files of the same kind: `.git` is one in a worktree.
pub const TOOL_FILES: &[&str] = &[".git", ".DS_Store", ".coverage"];

/// The file that a virtual environment has in its folder, however that is called.
pub const ENVIRONMENT_MARK: &str = "pyvenv.cfg";

/// What a file's name begins with that stands in a layer for the removal of another.
pub const WHITEOUT: &str = ".wh.";

/// Why an image may hold a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It lies below `code:`.
    Code,
    /// This pattern of `include:` names it.
    Included(String),
}

/// Why no image holds a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// It lies beside `code:`, and no pattern of `include:` names it.
    Beside,
    /// This pattern of `exclude:` names it.
    Excluded(String),
    /// It looks like a secret, for this reason.
    Secret(String),
    /// It is in a folder that a tool made.
    Tool(String),
    /// Its name means a removal in a layer.
    Whiteout,
    /// It cannot be in an image whatever it is called, for this reason, which follows its name.
    Odd(String),
}

impl Out {
    /// The reason in words, after the file's name.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Beside => "lies beside `code:`, and no pattern of `include:` names it".to_owned(),
            Self::Excluded(pattern) => format!("is left out by `{pattern}` under `exclude:`"),
            Self::Secret(why) => format!("looks like a secret ({why})"),
            Self::Tool(folder) => format!("belongs to a tool (`{folder}`)"),
            Self::Odd(why) => why.clone(),
            Self::Whiteout => format!("begins with `{WHITEOUT}`, which in an image means that a file is removed"),
        }
    }
}

/// A file that no image gets although it lies where images get theirs from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path relative to the tree; what of it is not UTF-8 is replaced.
    pub path: String,
    /// Why.
    pub why: Out,
}

/// What of the tree one machine's or one group's images may hold.
#[derive(Debug, Clone)]
pub struct Selection {
    code: Vec<String>,
    /// Code of the machines that this one's images have nothing of.
    elsewhere: Vec<String>,
    exclude: Gitignore,
    /// `images.include`: of the machine's own files, of those that are no machine's, and of those that it names one by one.
    include: Gitignore,
    /// `include` of groups.
    own: Gitignore,
    /// Paths that `include:` names one by one.
    named: BTreeSet<String>,
    /// Folders of virtual environments.
    environments: BTreeSet<String>,
    /// What links that are secrets by their name lead to: the path, and the link.
    behind: Vec<(String, String)>,
    /// Files that are secrets by their content, with the reason.
    keys: BTreeMap<String, &'static str>,
    /// Files that the stack gives to agents as secrets.
    given: BTreeSet<String>,
}

impl Selection {
    /// What every image of a machine may hold, whatever its group names besides.
    #[must_use]
    pub fn of_machine(stack: &Stack, machine: MachineId) -> Self {
        Self::new(stack, machine, &[])
    }

    /// What any image of a machine may hold.
    #[must_use]
    pub fn of_any_group(stack: &Stack, machine: MachineId) -> Self {
        let own: Vec<&String> = stack.groups_of(machine).flat_map(|(_, group)| &group.include).collect();
        Self::new(stack, machine, &own)
    }

    /// What a group's image may hold.
    #[must_use]
    pub fn of_group(stack: &Stack, group: GroupId) -> Self {
        let group = stack.group(group);
        Self::new(stack, group.machine, &group.include.iter().collect::<Vec<_>>())
    }

    fn new(stack: &Stack, machine: MachineId, own: &[&String]) -> Self {
        let folders = |code: &Vec<String>| code.iter().map(|folder| normal(folder)).collect::<Vec<_>>();
        let code = folders(&stack.machine(machine).code);
        let elsewhere = stack
            .machines
            .iter()
            .flat_map(|machine| folders(&machine.code))
            .filter(|folder| !folder.is_empty() && !code.contains(folder))
            .collect();
        let patterns = stack.images.include.iter().chain(own.iter().copied());
        Self {
            code,
            elsewhere,
            exclude: matcher(&stack.images.exclude),
            include: matcher(&stack.images.include),
            named: patterns.filter_map(|pattern| named(pattern)).collect(),
            own: matcher(own.iter().copied()),
            environments: BTreeSet::new(),
            behind: Vec::new(),
            keys: BTreeMap::new(),
            given: stack.secrets_in_tree.clone(),
        }
    }

    /// The same, knowing these paths of the tree: virtual environments are told by a file of theirs.
    #[must_use]
    pub fn knowing<'a>(mut self, paths: impl IntoIterator<Item = &'a str>) -> Self {
        let environments = paths
            .into_iter()
            .filter_map(|path| path.strip_suffix(ENVIRONMENT_MARK)?.strip_suffix('/'));
        self.environments.extend(environments.map(str::to_owned));
        self
    }

    /// The same, knowing these links of the tree and the paths of the tree that they lead to: what `.env` leads to is a secret
    /// under any name.
    #[must_use]
    pub fn with_links<'a>(mut self, links: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let links: Vec<(&str, &str)> = links.into_iter().collect();
        loop {
            let more: Vec<(String, String)> = links
                .iter()
                .filter(|(link, target)| {
                    !target.is_empty()
                        && self.behind.iter().all(|(known, _)| known != target)
                        && !self.named.contains(*link)
                        && (secret::by_name(link).is_some() || self.is_behind(link).is_some())
                })
                .map(|(link, target)| ((*target).to_owned(), (*link).to_owned()))
                .collect();
            if more.is_empty() {
                return self;
            }
            self.behind.extend(more);
        }
    }

    /// The same, knowing the files and links of the tree.
    #[must_use]
    pub fn of_tree(self, tree: &TreeFiles) -> Self {
        let links = tree
            .links
            .iter()
            .filter_map(|(link, target)| Some((link.as_str(), target.as_deref()?)));
        self.knowing(tree.files.iter().map(String::as_str)).with_links(links)
    }

    /// The same, knowing that these files are secrets by their content.
    #[must_use]
    pub fn with_keys<'a>(mut self, keys: impl IntoIterator<Item = (&'a str, &'static str)>) -> Self {
        self.keys
            .extend(keys.into_iter().map(|(path, why)| (path.to_owned(), why)));
        self
    }

    /// Whether an image may hold a path relative to the tree, and why; or why not.
    ///
    /// # Errors
    /// The reason for which no image holds it.
    pub fn look(&self, path: &str) -> Result<Held, Out> {
        let held = self.place(path).ok_or(Out::Beside)?;
        if self.given.contains(path) {
            return Err(Out::Secret("the stack gives it to agents as a secret".to_owned()));
        }
        if self.named.contains(path) {
            return Ok(held);
        }
        match self.left_out(path) {
            Some(out) => Err(out),
            None => Ok(held),
        }
    }

    /// Whether an image may hold a path.
    #[must_use]
    pub fn holds(&self, path: &str) -> bool {
        self.look(path).is_ok()
    }

    /// The pattern of `include:` that names a path.
    #[must_use]
    pub fn included(&self, path: &str) -> Option<&str> {
        // What is named itself is meant, wherever it lies; a pattern does not mean the code of other machines.
        let elsewhere = || {
            !self.named.contains(path) && !self.is_code(path) && self.elsewhere.iter().any(|folder| is_at(path, folder))
        };
        pattern_of(&self.own, path).or_else(|| pattern_of(&self.include, path).filter(|_| !elsewhere()))
    }

    /// Whether a path lies below `code:`.
    #[must_use]
    pub fn is_code(&self, path: &str) -> bool {
        self.code.iter().any(|folder| is_at(path, folder))
    }

    /// Whether a folder and all below it may be passed over: nothing of it is named one by one.
    #[must_use]
    pub fn skips_folder(&self, folder: &str) -> bool {
        let name = name_of(folder);
        !self.names_below(folder)
            && (TOOL_FOLDERS.contains(&name)
                || self.environments.contains(folder)
                || self.exclude.matched_path_or_any_parents(folder, true).is_ignore())
    }

    /// Whether a path below a folder is named one by one.
    #[must_use]
    pub fn names_below(&self, folder: &str) -> bool {
        let inside = format!("{folder}/");
        let mut below = self.named.range(inside.clone()..);
        below.next().is_some_and(|path| path.starts_with(&inside))
    }

    /// Whether a path is named one by one.
    #[must_use]
    pub fn is_named(&self, path: &str) -> bool {
        self.named.contains(path)
    }

    fn place(&self, path: &str) -> Option<Held> {
        if self.is_code(path) {
            return Some(Held::Code);
        }
        self.included(path).map(|pattern| Held::Included(pattern.to_owned()))
    }

    fn left_out(&self, path: &str) -> Option<Out> {
        let name = name_of(path);
        if name.starts_with(WHITEOUT) || path.split('/').any(|part| part.starts_with(WHITEOUT)) {
            return Some(Out::Whiteout);
        }
        if let Some(pattern) = pattern_of(&self.exclude, path) {
            return Some(Out::Excluded(pattern.to_owned()));
        }
        if TOOL_FILES.contains(&name) {
            return Some(Out::Tool(name.to_owned()));
        }
        let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
        if let Some(tool) = folders.split('/').find(|part| TOOL_FOLDERS.contains(part)) {
            return Some(Out::Tool(tool.to_owned()));
        }
        if let Some(folder) = self.environments.iter().find(|folder| is_at(path, folder)) {
            return Some(Out::Tool(folder.clone()));
        }
        if let Some(pattern) = secret::by_name(path) {
            return Some(Out::Secret(format!("its path matches `{pattern}`")));
        }
        if let Some(link) = self.is_behind(path) {
            return Some(Out::Secret(format!("`{link}` leads to it")));
        }
        let why = self.keys.get(path)?;
        Some(Out::Secret(format!("it holds {why}")))
    }

    fn is_behind(&self, path: &str) -> Option<&str> {
        let behind = self.behind.iter().find(|(target, _)| is_at(path, target));
        behind.map(|(_, link)| link.as_str())
    }
}

/// The last pattern that names a path or a folder above it, unless a later one takes it back.
pub fn pattern_of<'a>(matcher: &'a Gitignore, path: &str) -> Option<&'a str> {
    match matcher.matched_path_or_any_parents(path, false) {
        ignore::Match::Ignore(glob) => Some(glob.original()),
        ignore::Match::Whitelist(_) | ignore::Match::None => None,
    }
}

/// The matcher of patterns as `.gitignore` has them: a later one wins, `!` takes back. What is no pattern was told when the stack
/// was read.
pub fn matcher<'a>(patterns: impl IntoIterator<Item = &'a String>) -> Gitignore {
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        let _ = builder.add_line(None, pattern);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

/// Why a text is no such pattern.
#[must_use]
pub fn wrong_pattern(pattern: &str) -> Option<String> {
    if let Err(error) = Pattern::new(pattern.trim_start_matches('!')) {
        return Some(error.to_string());
    }
    if pattern.trim_start_matches('!').split('/').any(|part| part == "..") {
        return Some("it leaves the tree".to_owned());
    }
    GitignoreBuilder::new("")
        .add_line(None, pattern)
        .err()
        .map(|error| error.to_string())
}

/// The one path that a pattern names, where it names one.
fn named(pattern: &str) -> Option<String> {
    let plain = !pattern.starts_with(['!', '#']) && !pattern.ends_with('/') && !pattern.contains(['*', '?', '[', '\\']);
    plain.then(|| normal(pattern)).filter(|path| !path.is_empty())
}

/// Files beside the code of a group's machine that its image gets.
#[must_use]
pub fn beside(stack: &Stack, group: GroupId, tree: &TreeFiles) -> Vec<String> {
    if stack.images.include.is_empty() && stack.group(group).include.is_empty() {
        return Vec::new();
    }
    let selection = Selection::of_group(stack, group).of_tree(tree);
    let files = tree.files.iter().filter(|path| !selection.is_code(path));
    files.filter(|path| selection.holds(path)).cloned().collect()
}

/// Why no image gets anything by a pattern of `include:`; nothing where one gets something. `group` is that of the pattern; without
/// one, it is the stack's.
#[must_use]
pub fn brings_nothing(stack: &Stack, group: Option<GroupId>, pattern: &str, tree: &TreeFiles) -> Option<Nothing> {
    let matcher = matcher([&pattern.to_owned()]);
    let mut first = None;
    let selections: Vec<Selection> = match group {
        Some(group) => vec![Selection::of_group(stack, group).of_tree(tree)],
        None => (0..stack.machines.len())
            .map(|machine| Selection::of_machine(stack, MachineId(machine)).of_tree(tree))
            .collect(),
    };
    for path in tree.files.iter().filter(|path| pattern_of(&matcher, path).is_some()) {
        for selection in &selections {
            match selection.look(path) {
                Ok(_) => return None,
                Err(out) => first = first.or(Some((path.clone(), out))),
            }
        }
    }
    Some(first.map_or(Nothing::Missing, |(path, out)| Nothing::LeftOut(path, out)))
}

/// Why a pattern brings nothing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Nothing {
    /// The tree has no such file.
    Missing,
    /// It has, this one among them, but no image may hold any.
    LeftOut(String, Out),
}

/// The paths of `include:` that name one file, in the stack and in all its groups.
#[must_use]
pub fn all_named(stack: &Stack) -> BTreeSet<String> {
    let own = stack.groups.iter().flat_map(|group| &group.include);
    stack
        .images
        .include
        .iter()
        .chain(own)
        .filter_map(|pattern| named(pattern))
        .collect()
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Whether a path is that folder or lies below it; everything lies below the root.
fn is_at(path: &str, folder: &str) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{Held, Out, Selection};
    use crate::stack::fixture::Fixture;
    use crate::stack::{GroupId, MachineId, Stack};

    fn stack(include: &str, exclude: &str) -> Stack {
        let mut stack = Fixture::small().model();
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        stack.images.include = words(include);
        stack.images.exclude = words(exclude);
        stack
    }

    fn main(include: &str, exclude: &str) -> Selection {
        Selection::of_machine(&stack(include, exclude), MachineId(0))
    }

    #[test]
    fn patterns_are_those_of_gitignore() {
        let held = main("settings.json conf/ /one.txt data/**/*.csv !data/old/** a?.ini", "");
        for path in [
            "settings.json",
            "deep/down/settings.json",
            "conf/a.yaml",
            "deep/conf/x/y.yaml",
            "one.txt",
            "data/x.csv",
            "data/a/b/x.csv",
            "ab.ini",
        ] {
            assert!(matches!(held.look(path), Ok(Held::Included(_))), "{path}");
        }
        for path in ["deep/one.txt", "data/old/x.csv", "x.json", "abc.ini"] {
            assert_eq!(held.look(path), Err(Out::Beside), "{path}");
        }
        assert_eq!(held.look("main/x.py"), Ok(Held::Code));
        let out = main("", "*.bin /main/trash !main/keep.bin");
        for path in ["main/x.bin", "main/a/x.bin", "main/trash/a/b.py"] {
            assert!(matches!(out.look(path), Err(Out::Excluded(_))), "{path}");
        }
        assert!(out.holds("main/keep.bin") && out.holds("main/a/trash/x.py"));
    }

    #[test]
    fn secrets_are_left_out_unless_named_one_by_one() {
        let held = main("main/.env conf/ *.pem", "");
        assert!(held.holds("main/.env"));
        for path in [
            "main/deep/.env",
            ".env",
            "conf/.env",
            "conf/x.pem",
            "main/a.pem",
            "main/.ssh/config",
        ] {
            assert!(
                matches!(held.look(path), Err(Out::Secret(_) | Out::Beside)),
                "{path}: {:?}",
                held.look(path)
            );
        }
        assert!(held.holds("main/secrets.py") && held.holds("main/.env.example"));
        let keys = main("", "").with_keys([("main/robot", "a private key")]);
        assert!(matches!(keys.look("main/robot"), Err(Out::Secret(_))));
        assert!(
            main("main/robot", "")
                .with_keys([("main/robot", "a private key")])
                .holds("main/robot")
        );
    }

    #[test]
    fn what_a_link_called_like_a_secret_leads_to_is_one() {
        let links = [
            ("main/.env", "main/link.txt"),
            ("main/link.txt", "main/values.txt"),
            ("main/.ssh", "main/keys"),
        ];
        let held = main("", "").with_links(links);
        for path in ["main/.env", "main/link.txt", "main/values.txt", "main/keys/a"] {
            assert!(matches!(held.look(path), Err(Out::Secret(_))), "{path}");
        }
        assert!(held.holds("main/other.txt"));
    }

    #[test]
    fn what_tools_leave_behind_is_left_out() {
        let held = main("", "").knowing(["main/own/pyvenv.cfg", "main/x.py"]);
        for path in [
            "main/.git/config",
            "main/.git",
            "main/a/__pycache__/x.pyc",
            "main/.venv/bin/python",
            "main/own/lib/x.py",
            "main/node_modules/a/b.js",
            "main/.mypy_cache/x.json",
        ] {
            assert!(matches!(held.look(path), Err(Out::Tool(_))), "{path}");
        }
        assert!(held.skips_folder("main/own") && held.skips_folder("main/.git") && !held.skips_folder("main/a"));
        assert_eq!(held.look("main/a/.wh.b.py"), Err(Out::Whiteout));
    }

    #[test]
    fn files_of_another_machine_stay_there_unless_a_group_names_them() {
        let mut stack = stack("**/*.csv", "");
        let main = Selection::of_group(&stack, GroupId(0));
        assert!(main.holds("main/x.csv") && main.holds("shared/x.csv") && !main.holds("pc2/x.csv"));
        stack.groups[0].include = vec!["pc2/x.csv".to_owned()];
        assert!(Selection::of_group(&stack, GroupId(0)).holds("pc2/x.csv"));
        assert!(Selection::of_any_group(&stack, MachineId(0)).holds("pc2/x.csv"));
        assert!(!Selection::of_group(&stack, GroupId(1)).holds("pc2/x.csv"));
    }

    #[test]
    fn an_include_that_brings_nothing_in_is_an_error_at_its_line() {
        let mut fixture = Fixture::small().stack("status_port: 9000\n", "  include: [\"*.toml\"]\nstatus_port: 9000\n");
        let says = fixture.says();
        assert!(
            says.iter().any(|line| line.contains("error stack/include: `*.toml`")),
            "{says:#?}"
        );
        fixture.tree.files.insert("deep/x.toml".to_owned());
        assert_eq!(fixture.says(), Fixture::small().says());
        assert_eq!(fixture.model().groups[0].beside, ["deep/x.toml"]);
    }
}
