//! Unsafe fixes are tried: the tree is audited with them, and what is not better is not written.

use std::collections::{BTreeMap, BTreeSet};

use super::Args;
use super::seen::{self, Found};
use crate::audit::fix::Fixed;
use crate::audit::memory::Memory;
use crate::audit::trial::{self, Offer, Wrong};
use crate::audit::{self, Report};
use crate::cmd::{Context, Failure, Outcome};
use crate::host::system::files::FileError;
use crate::host::tree::root::TreeRoot;

/// A fix lets a script go on, and so brings the next one to light: so often at the most.
const ROUNDS: usize = 8;
/// Files that are tried one by one, if all of them together are not better.
const MOST_FILES: usize = 64;

/// What came of it.
#[derive(Debug, Default)]
pub struct Tried {
    /// Files that are better with their fixes.
    pub fixed: Vec<Fixed>,
    /// Files, as findings name them, that are not.
    pub refused: Vec<String>,
    /// Fixes that were not asked for.
    pub more: usize,
}

/// A tree with some of its texts replaced.
#[derive(Debug, Clone, Default)]
struct Attempt {
    /// By the path in the tree.
    texts: BTreeMap<String, String>,
    wrong: Wrong,
    /// Files that were changed, as findings name them.
    changed: BTreeSet<String>,
}

/// A trial of a tree's fixes.
pub struct Trial<'a> {
    args: &'a Args,
    context: Context,
    memory: &'a Memory,
    tree: &'a TreeRoot,
    prefix: &'a str,
}

impl<'a> Trial<'a> {
    /// Of this tree; `prefix` is what findings put before its paths.
    pub fn new(args: &'a Args, context: &Context, memory: &'a Memory, tree: &'a TreeRoot, prefix: &'a str) -> Self {
        Self {
            args,
            // What is said of the stack was said when it was read first.
            context: context.clone().quietly(),
            memory,
            tree,
            prefix,
        }
    }

    /// Tries all fixes if they are asked for, and counts them if not.
    ///
    /// # Errors
    /// When the tree cannot be read.
    pub fn run(&self) -> Outcome<Tried> {
        let report = self.audit(&BTreeMap::new())?;
        let offers = trial::offered(&report);
        if !self.args.unsafe_fixes || offers.is_empty() {
            return Ok(Tried {
                more: offers.len(),
                ..Tried::default()
            });
        }
        let start = Attempt {
            wrong: Wrong::of(&report),
            ..Attempt::default()
        };
        let all = self.attempt(&start, &|_| true)?;
        if all.wrong.is_less_than(&start.wrong) {
            return self.tried(all, Vec::new());
        }
        let (mut best, mut refused) = (start, Vec::new());
        let files: BTreeSet<&str> = offers.iter().map(|offer| offer.path.as_str()).collect();
        for (index, file) in files.into_iter().enumerate() {
            if index >= MOST_FILES {
                refused.push(file.to_owned());
                continue;
            }
            let next = self.attempt(&best, &|path| path == file)?;
            if next.wrong.is_less_than(&best.wrong) {
                best = next;
            } else {
                refused.push(file.to_owned());
            }
        }
        self.tried(best, refused)
    }

    /// The tree with the fixes of these files, and with those that they bring to light there.
    fn attempt(&self, start: &Attempt, wants: &dyn Fn(&str) -> bool) -> Outcome<Attempt> {
        let mut next = start.clone();
        let mut done: BTreeSet<Offer> = BTreeSet::new();
        for _ in 0..ROUNDS {
            let report = self.audit(&next.texts)?;
            next.wrong = Wrong::of(&report);
            let mut offers = trial::offered(&report);
            offers.retain(|offer| wants(&offer.path) && !done.contains(offer));
            if offers.is_empty() {
                return Ok(next);
            }
            let files: BTreeSet<String> = offers.iter().map(|offer| offer.path.clone()).collect();
            for path in files {
                let Some(own) = path.strip_prefix(self.prefix) else {
                    continue;
                };
                let text = match next.texts.get(own) {
                    Some(text) => text.clone(),
                    None => self.text(own)?,
                };
                next.texts.insert(own.to_owned(), trial::with(&text, &path, &offers));
                next.changed.insert(path);
            }
            done.extend(offers);
        }
        next.wrong = Wrong::of(&self.audit(&next.texts)?);
        Ok(next)
    }

    fn tried(&self, attempt: Attempt, refused: Vec<String>) -> Outcome<Tried> {
        let mut fixed = Vec::new();
        for (path, after) in attempt.texts {
            let before = self.text(&path)?;
            if before != after {
                fixed.push(Fixed { path, before, after });
            }
        }
        Ok(Tried {
            fixed,
            refused,
            more: 0,
        })
    }

    fn text(&self, path: &str) -> Outcome<String> {
        let failed = |error| self.tree.failed("read", path.as_ref(), error);
        self.tree
            .read_text(path)
            .map_err(failed)
            .map_err(|error: FileError| error.into())
    }

    /// What is found with these texts.
    fn audit(&self, texts: &BTreeMap<String, String>) -> Outcome<Report> {
        let Found::Stack(seen) = seen::read(self.args, &self.context, self.memory)? else {
            return Err(Failure::wrong_use("the stack cannot be read any more"));
        };
        let scope = self.args.scope(Some(&seen.stack))?;
        let texts = texts
            .iter()
            .map(|(path, text)| (path.clone(), text.clone().into_bytes()));
        let seen = seen.with_unsaved(texts.collect());
        Ok(seen.with_input_again(scope, None, Some(self.memory), audit::audit))
    }
}
