//! Where in a repository the files stand that are made from its stack, and what they say of the program that made them.

/// What the first comment of every rendered file of a repository says that is laid out for this program.
pub const HEADER: &str = "rendered by `cargo xtask render` from config/stack.yaml and the startup configs, do not edit";

/// Where rendered files stand if nothing else is said and the repository is not laid out for this program.
pub const DEFAULT_FOLDER: &str = "deploy";

/// Name of the program where it is installed, which is not how this repository calls it.
pub const PROGRAM: &str = "ai-system";

/// Folder, below that of rendered files, of what can be made again.
pub const WORK: &str = ".work";

/// The place of rendered files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    folder: String,
    stack_file: String,
}

impl Default for Output {
    /// At the repository's root, beside a stack in `config/stack.yaml`.
    fn default() -> Self {
        Self::new("", "config/stack.yaml")
    }
}

impl Output {
    /// Below `folder`, a relative path (empty: the root itself), with the stack in `stack_file`, relative to the root as well.
    #[must_use]
    pub fn new(folder: &str, stack_file: &str) -> Self {
        let folder = folder.trim_end_matches('/');
        Self {
            folder: if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            },
            stack_file: stack_file.to_owned(),
        }
    }

    /// The path, relative to the repository's root, of what is called `path` below the folder.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.folder)
    }

    /// The folder with a `/` at its end; empty for the root.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.folder
    }

    /// The folder, relative to the root; none where it is the root itself.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        self.folder.strip_suffix('/')
    }

    /// From the folder to the root: a `/..` for each of its parts.
    #[must_use]
    pub fn up(&self) -> String {
        "/..".repeat(self.folder.matches('/').count())
    }

    /// The folder of the smoke checks, relative to the root.
    #[must_use]
    pub fn checks(&self) -> String {
        match self.folder() {
            None => "tests/smoke".to_owned(),
            Some(_) => self.at("smoke"),
        }
    }

    /// The stack's own file, relative to the root.
    #[must_use]
    pub fn stack_file(&self) -> &str {
        &self.stack_file
    }

    /// How rendered files call the program. It does not depend on who renders them: `render --check` has to come out the same.
    #[must_use]
    pub fn program(&self) -> &'static str {
        match self.folder() {
            None => "cargo xtask",
            Some(_) => PROGRAM,
        }
    }

    /// What a host has that can make the supervisor.
    #[must_use]
    pub fn builder(&self) -> String {
        match self.folder() {
            None => "Rust".to_owned(),
            Some(_) => format!("`{PROGRAM}`"),
        }
    }

    /// What the first comment of every rendered file says.
    #[must_use]
    pub fn header(&self) -> String {
        match self.folder() {
            None => HEADER.to_owned(),
            Some(_) => format!(
                "rendered by `{PROGRAM} render` from {} and the startup configs, do not edit",
                self.stack_file
            ),
        }
    }

    /// The folder relative to a tree that holds it, both relative to the root; none where the tree does not hold it.
    #[must_use]
    pub fn below(&self, tree: &str) -> Option<&str> {
        let folder = self.folder()?;
        match super::normal(tree).as_str() {
            _ if tree.starts_with('/') => None,
            "" => Some(folder),
            tree => folder.strip_prefix(tree)?.strip_prefix('/'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    #[test]
    fn paths_stand_below_the_folder() {
        let root = Output::default();
        assert_eq!(
            (root.at("docker/x"), root.up(), root.prefix(), root.folder()),
            ("docker/x".into(), String::new(), "", None)
        );
        for written in ["deploy", "deploy/"] {
            let below = Output::new(written, "stack.yaml");
            assert_eq!(
                (below.at("docker/x"), below.up(), below.folder()),
                ("deploy/docker/x".into(), "/..".into(), Some("deploy"))
            );
        }
        assert_eq!(Output::new("a/b", "stack.yaml").up(), "/../..");
    }

    #[test]
    fn a_tree_knows_where_the_folder_is_in_it() {
        let output = Output::new("src/deploy", "stack.yaml");
        for (tree, below) in [
            (".", Some("src/deploy")),
            ("./", Some("src/deploy")),
            ("src", Some("deploy")),
            ("sr", None),
            ("other", None),
            ("/abs", None),
        ] {
            assert_eq!(output.below(tree), below, "{tree}");
        }
        assert_eq!(Output::default().below("."), None);
    }
}
