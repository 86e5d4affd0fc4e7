//! Files of the tree that no image gets, although they lie where images get theirs from.

use std::collections::BTreeMap;

use crate::python::facts::TreeFacts;
use super::Facts;
use crate::audit::rule::rules;
use crate::finding::{Finding, Place, Subject};
use crate::stack::selection::{Out, Selection};
use crate::stack::{MachineId, Stack};

rules! {
    /// Finds files that look like secrets, by their name (`.env`, `*.pem`, `id_rsa`, `credentials.json` …), by what they begin with (the
    /// header of a private key), or because a link of such a name leads to them, where images would otherwise hold them.
    ///
    /// Whoever has an image has all that is in it, and images are pushed and handed on. So no image gets the file, and an agent
    /// that opens it does not find it there.
    ///
    /// Example: `main_pc_code/.env`.
    ///
    /// Hand the value over when the container starts (`environment:`, a volume), or keep the file out of the code folders. Where it
    /// has to be in the image, name it one by one: `include: [main_pc_code/.env]` under `images:`, without `*`.
    SECRET = "images/secret", Warning, High, "a file that looks like a secret: no image gets it";

    /// Finds files whose name begins with `.wh.`, which stands in a layer for the removal of another file.
    ///
    /// No image gets the file.
    ///
    /// Rename it.
    NAME = "images/name", Warning, High, "a file whose name cannot be in an image";
}

/// Every rule of this file.
#[must_use]
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    of_tree(facts.stack, facts.python)
}

fn of_tree(stack: &Stack, facts: &TreeFacts) -> Vec<Finding> {
    let mut findings: BTreeMap<&str, Finding> = BTreeMap::new();
    for machine in 0..stack.machines.len() {
        let links = facts.odd.links.iter();
        let selection = Selection::of_any_group(stack, MachineId(machine))
            .knowing(facts.paths.iter().map(String::as_str))
            .with_links(links.map(|(link, target)| (link.as_str(), target.as_str())))
            .with_keys(facts.odd.keys.iter().map(|(path, why)| (path.as_str(), *why)));
        for path in &facts.paths {
            let place = || Place::file(facts.shown(path));
            let finding = match selection.look(path) {
                Err(out @ Out::Whiteout) => NAME
                    .finding(place(), format!("`{path}` {}: no image gets it", out.words()))
                    .with_help("rename the file"),
                Err(out @ Out::Secret(_)) => SECRET
                    .finding(place(), format!("`{path}` {}: no image gets it", out.words()))
                    .with_help(format!(
                        "move it out of the code, or name it one by one where images have to hold it: `include: [{path}]` under `images:`"
                    )),
                _ => continue,
            };
            findings.insert(path, finding.about(Subject::Path(path.clone())));
        }
    }
    findings.into_values().collect()
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::of_tree;
    use crate::python::facts::{Odd, facts};
    use crate::stack::fixture::Fixture;

    #[test]
    fn what_no_image_gets_is_told_once() {
        let paths = [
            "main/.env",
            "main/robot",
            "main/.wh.x",
            "main/bad\u{fffd}",
            "main/ok.txt",
            "docs/.env",
        ];
        let odd = Odd {
            keys: [("main/robot".to_owned(), "a private key")].into(),
            ..Odd::default()
        };
        let tree = facts(&[], PythonVersion::USUAL)
            .with_paths(paths.map(str::to_owned))
            .with_odd(odd);
        let found = of_tree(&Fixture::small().model(), &tree);
        let told: Vec<(&str, &str)> = found.iter().map(|one| (one.rule, one.place.path.as_str())).collect();
        assert_eq!(
            told,
            [
                ("images/secret", "main/.env"),
                ("images/name", "main/.wh.x"),
                ("images/secret", "main/robot"),
            ]
        );
        assert!(
            found[0]
                .help
                .as_ref()
                .is_some_and(|help| help.contains("`include: [main/.env]`"))
        );
    }
}
