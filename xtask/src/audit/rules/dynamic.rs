//! Code that runs what only the running program can name.

use rayon::prelude::*;

use super::Facts;
use crate::audit::rule::rules;
use crate::finding::{Finding, Subject};
use crate::python::imports::dynamic::unfollowed;

rules! {
    /// Finds imports and script launches of agents whose target is computed: `importlib.import_module(name)`, `__import__(name)`,
    /// `runpy`, `exec(open(path).read())`, `pkgutil.iter_modules`, a new interpreter with a computed script.
    ///
    /// Nobody can tell from outside what is run, so the audit does not look into it, and the image of a group that holds such
    /// a file gets all code of its machine instead of what its agents reach: any change of that code rebuilds it.
    ///
    /// Example: `importlib.import_module(f"agents.{name}")`.
    ///
    /// Where the files are known, name them under `include:` of the group and write `contents: closure`; otherwise nothing has
    /// to be done.
    DYNAMIC = "imports/dynamic", Note, High, "an import or a launch that cannot be followed";
}

/// The rule, over files that some agent runs.
#[must_use]
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let (python, users) = (facts.python, facts.users);
    python
        .files
        .par_iter()
        .enumerate()
        .filter(|(_, file)| users.contains_key(&file.path))
        .flat_map_iter(|(index, file)| {
            unfollowed(&file.module).into_iter().map(move |gap| {
                DYNAMIC
                    .finding(python.place(index, gap.span), format!("{} cannot be followed", gap.what))
                    .about(Subject::Path(file.path.clone()))
                    .with_help("name the files under the group's `include:` and write `contents: closure`, or leave it: its image gets all code of its machine")
            })
        })
        .collect()
}
