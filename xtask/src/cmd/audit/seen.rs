//! What an audit looks at: the stack, the listing of its tree, and then the tree's files.

use std::collections::BTreeMap;
use std::path::Path;

use super::whose::{self, Chosen};
use crate::audit::Input;
use crate::audit::baseline::Baseline;
use crate::audit::memory::Memory;
use crate::audit::scope::Scope;
use crate::cmd::audit::Args;
use crate::cmd::{Context, Failure, Outcome};
use crate::finding::{Finding, Severity, Subject};
use crate::host::system::devices;
use crate::host::tree::audit_files::{self, Listed, ReadTree};
use crate::host::tree::stack_files;
use crate::init::{Inference, STACK_FILE};
use crate::python::disk::Disk;
use crate::python::tree::{Content, Entry};
use crate::stack::Stack;
use crate::stack::audit::{AuditSettings, Excluded, RuleSetting};

/// What was read before the tree's files are.
pub struct Seen {
    /// The stack, agents without a group among it.
    pub stack: Stack,
    said: Vec<Finding>,
    listed: Listed,
    exclude: Excluded,
    levels: Vec<RuleSetting>,
    /// The stack's own file, as findings name it.
    file: String,
    /// Its text.
    text: Option<String>,
    /// Files that the tree would get with an inferred stack.
    made: Vec<(String, String)>,
    /// The stack's file is in the tree, and not of it.
    in_tree: bool,
    /// Texts that stand for those of the tree's files, by path.
    unsaved: BTreeMap<String, Vec<u8>>,
}

/// A stack, or what is wrong with it where too little of it can be read to make one.
pub enum Found {
    /// It can be looked at.
    Stack(Box<Seen>),
    /// Nothing else can be looked at; and the levels of rules, as far as they can be read.
    Broken(Vec<Finding>, Vec<RuleSetting>),
}

/// Reads the stack, and lists its tree meanwhile.
///
/// # Errors
/// When `config/stack.yaml` cannot be read, a pattern under `audit: exclude:` is not valid, or `--tree` names no folder.
pub fn read(args: &Args, context: &Context, memory: &Memory) -> Outcome<Found> {
    let Chosen {
        written,
        file,
        text,
        made,
        in_tree,
    } = whose::choose(context, memory)?;
    let written = written.naming_files_by_tree();
    if let Some(path) = context.tree_option() {
        stack_files::require_tree(&context.repository, path)
            .map_err(|why| Failure::wrong_use(format!("cannot read the tree `{}`: {why}", path.display())))?;
    }
    if let Some(path) = &args.report {
        context.require_place(path, written.source_tree())?;
    }
    for path in args.written() {
        context.require_file(path, written.source_tree())?;
    }
    let AuditSettings { exclude, rules: levels } = written.audit();
    let exclude = Excluded::new(&exclude).map_err(|(pattern, why)| {
        Failure::wrong_use(format!(
            "`{pattern}` under `audit: exclude:` is not a valid pattern: {why}\n  hint: write it as in `.gitignore`"
        ))
    });
    let tree = written.source_tree().map(|tree| context.repository.path(tree));
    let (listed, (stack, said)) = rayon::join(
        || tree.map_or_else(Listed::default, |root| audit_files::list(&root, args.no_ignore)),
        || stack_files::finish_with(&context.repository, written, &made),
    );
    let Some(stack) = stack else {
        return Ok(Found::Broken(said, levels));
    };
    let exclude = exclude?;
    let mut stack = stack;
    context.choose_variants(&mut stack)?;
    if args.confirm.is_some() {
        // What is started is what this host runs.
        devices::look(&mut stack);
    }
    let stack = stack.with_ungrouped();
    Ok(Found::Stack(Box::new(Seen {
        stack,
        said,
        listed,
        exclude,
        levels,
        file,
        text,
        made,
        in_tree,
        unsaved: BTreeMap::new(),
    })))
}

impl Seen {
    /// What an inferred stack looks at; nothing where it cannot be made.
    #[must_use]
    pub fn of_inference(inference: &Inference, path: &Path, context: &Context) -> Option<Self> {
        let text = inference.text();
        let written = stack_files::written(&context.repository, STACK_FILE, text.as_bytes(), path);
        let (written, made) = (written.naming_files_by_tree(), inference.files.clone());
        let root = context.repository.path(written.source_tree()?);
        let (listed, (stack, said)) = rayon::join(
            || audit_files::list(&root, false),
            || stack_files::finish_with(&context.repository, written, &made),
        );
        Some(Self {
            stack: stack?,
            said,
            listed,
            exclude: Excluded::default(),
            levels: Vec::new(),
            file: STACK_FILE.to_owned(),
            text: None,
            made,
            in_tree: false,
            unsaved: BTreeMap::new(),
        })
    }

    /// The same with texts in place of those of the tree's files.
    #[must_use]
    pub fn with_unsaved(self, unsaved: BTreeMap<String, Vec<u8>>) -> Self {
        Self { unsaved, ..self }
    }

    /// Why there is nothing to audit, in a line; nothing where there is an agent. What else could be said of such a tree is not what
    /// anybody wants to know.
    #[must_use]
    pub fn lists_nothing(&self) -> Option<String> {
        if !self.stack.agents.is_empty() {
            return None;
        }
        // That a config lists no agents is about the file itself, and the reason where there is one.
        let is_of_file = |finding: &&Finding| {
            let config = |subject: &Subject| matches!(subject, Subject::Path(path) if *path == finding.place.path);
            finding.subjects.iter().any(config)
        };
        let mut errors = self.said.iter().filter(|finding| finding.severity == Severity::Error);
        let why = errors.clone().find(is_of_file).or_else(|| errors.next());
        let why = why.map(|finding| {
            let help = finding
                .help
                .as_ref()
                .map(|help| format!("; {help}"))
                .unwrap_or_default();
            let place = &finding.place;
            format!(": {} ({}:{}){help}", finding.text(), place.path, place.line)
        });
        Some(format!("nothing was found to audit{}", why.unwrap_or_default()))
    }

    /// The stack's file and its text; nothing where it was inferred.
    #[must_use]
    pub fn written(&self) -> Option<(&str, &str)> {
        self.text.as_deref().map(|text| (self.file.as_str(), text))
    }

    /// Whether the tree's listing has that file, or something in that folder.
    #[must_use]
    pub fn lists(&self, path: &str) -> bool {
        self.listed.has(path)
    }

    /// Paths of the tree's listing.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.listed.paths()
    }

    /// Reads the tree's files and calls with all that an audit looks at.
    pub fn with_input<T>(self, scope: Scope, baseline: Option<Baseline>, then: impl FnOnce(Input<'_>) -> T) -> T {
        self.with_input_again(scope, baseline, None, then)
    }

    /// The same; what `memory` has is not worked out again.
    pub fn with_input_again<T>(
        self,
        scope: Scope,
        baseline: Option<Baseline>,
        memory: Option<&Memory>,
        then: impl FnOnce(Input<'_>) -> T,
    ) -> T {
        let mut tree = ReadTree::of(self.listed);
        let texts = self.text.map(|text| (self.file.clone(), text));
        let (mut entries, odd) = (std::mem::take(&mut tree.entries), std::mem::take(&mut tree.odd));
        if self.in_tree {
            entries.retain(|entry| entry.path != self.file);
        }
        for entry in &mut entries {
            if let (Content::Bytes(bytes), Some(text)) = (&mut entry.content, self.unsaved.get(&entry.path)) {
                bytes.clone_from(text);
            }
        }
        entries.extend(self.made.into_iter().map(|(path, text)| Entry {
            path,
            content: Content::Bytes(text.into_bytes()),
        }));
        entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        then(Input {
            stack: &self.stack,
            said: self.said,
            entries,
            odd,
            disk: Disk::new(&|path| tree.has(path), &|path| tree.content(path)),
            texts: texts.into_iter().collect(),
            exclude: self.exclude,
            levels: self.levels,
            scope,
            baseline,
            memory,
        })
    }
}
