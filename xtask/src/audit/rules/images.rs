//! Files of the tree that no image gets, although they lie where images get theirs from.

use std::collections::BTreeMap;

use crate::python::facts::TreeFacts;
use super::Facts;
use crate::audit::rule::rules;
use crate::container::layout::ROOT;
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

    /// Finds files of the image below a folder where a volume, or a folder of the host, is mounted.
    ///
    /// The mount hides them: agents see what is on the volume, whatever the image has there; at best Podman copies that to a volume that is
    /// new, and not again. (`.gitkeep` and `.gitignore` do not count.)
    ///
    /// Example: `data/words.json` in a tree with `code: [.]`, and `volumes: {data: /app/data}`.
    ///
    /// Make it an asset of the groups that need it (`assets: {words: {from: data/words.json, to: /app/data/words.json}}`, copied to the
    /// volume when a container starts), name it under `writable:` in another folder, or move it.
    HIDDEN = "images/hidden", Note, High, "a file of the image that a mount hides";
}

/// Every rule of this file.
#[must_use]
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = of_tree(facts.stack, facts.python);
    findings.extend(hidden(facts.stack, facts.python));
    findings
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

/// Files that images hold where something is mounted over them: one finding for each place, at the first of its files.
fn hidden(stack: &Stack, facts: &TreeFacts) -> Vec<Finding> {
    let mut found: BTreeMap<(&str, &str), (Vec<&str>, &str)> = BTreeMap::new();
    for (id, group) in stack.groups() {
        let selection = Selection::of_group(stack, id).knowing(facts.paths.iter().map(String::as_str));
        let volumes = stack.volumes.iter().map(|volume| (volume.path.as_str(), volume.name.as_str()));
        let mounts = group.extras.mounts.iter();
        let mounts = volumes.chain(mounts.map(|mount| (mount.target.as_str(), mount.source.as_str())));
        let mounts: Vec<(&str, &str, &str)> = mounts
            .filter_map(|(target, what)| Some((target, target.strip_prefix(ROOT)?.strip_prefix('/')?, what)))
            .collect();
        for path in &facts.paths {
            let below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            // Such files keep a folder in Git, and nobody reads them.
            let is_marker = path.rsplit('/').next().is_some_and(|name| name.starts_with(".git"));
            let Some((target, _, what)) = mounts.iter().find(|(_, folder, _)| below(folder) && !is_marker) else {
                continue;
            };
            // An asset is copied over it: what the tree has there is its source.
            if selection.holds(path) && group.asset_at(&format!("{ROOT}/{path}")).is_none() {
                let (paths, _) = found.entry((target, what)).or_insert((Vec::new(), &group.name));
                if !paths.contains(&path.as_str()) {
                    paths.push(path);
                }
            }
        }
    }
    let finding = |((target, what), (paths, group)): ((&str, &str), (Vec<&str>, &str))| {
        let first = paths.first()?;
        let others = match paths.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("`{first}`{others} cannot be seen in containers of `{group}`: `{what}` is mounted at `{target}`");
        let help = format!("make it an asset, which is copied there: `assets: {{NAME: {{from: …/{first}, to: {ROOT}/{first}}}}}`");
        let finding = HIDDEN.finding(Place::file(facts.shown(first)), message).with_help(help);
        Some(finding.about(Subject::Path((*first).to_owned())))
    };
    found.into_iter().filter_map(finding).collect()
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

    #[test]
    fn what_a_mount_hides_is_told_once_for_each_place() {
        let paths = ["main/x.py", "main/data/a.json", "main/data/b.json", "main/data2/c.json"];
        let facts = facts(&[], PythonVersion::USUAL).with_paths(paths.map(str::to_owned));
        let volumes = "status_port: 9000\nvolumes: {data: /app/main/data}";
        let stack = Fixture::small().stack("status_port: 9000", volumes);
        let found = super::hidden(&stack.model(), &facts);
        assert!(found.iter().all(|finding| finding.rule == "images/hidden"));
        let found: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        let says = "`main/data/a.json` and 1 more cannot be seen in containers of `core`: `data` is mounted at `/app/main/data`";
        assert_eq!(found, [says]);
        let assets = "    assets: {all: {from: tree/main/data/a.json, to: /app/main/data/a.json}}\n    agents: [Alpha, Beta]";
        let with = stack.stack("    agents: [Alpha, Beta]", assets);
        let found = super::hidden(&with.model(), &facts);
        assert!(found.iter().all(|finding| !finding.message.contains("a.json` and")), "{found:?}");
    }
}
