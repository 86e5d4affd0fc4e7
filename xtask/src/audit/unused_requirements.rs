//! A requirement that nothing imports, of a file that several groups read: one finding for its line, and none where a group needs it.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::requirements as rules;
use crate::finding::{Finding, Subject};
use crate::python::disk::Disk;
use crate::python::facts::TreeFacts;
use crate::python::imports::requirements;
use crate::stack::Stack;

/// Groups that a finding names before the rest is only counted.
const MOST_NAMES: usize = 4;

/// A line of a requirements file, and what it brings: path, line, distribution.
type Line = (String, u32, String);

/// Joins what was found for each group: a line is unused where no group that reads its file needs it.
pub fn merge(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>, findings: &mut Vec<Finding>) {
    let mut unused: BTreeMap<Line, BTreeSet<String>> = BTreeMap::new();
    for finding in findings.iter() {
        if let Some((line, group)) = line(finding) {
            unused.entry(line).or_default().insert(group);
        }
    }
    if unused.is_empty() {
        return;
    }
    let readers = readers(stack, tree, disk);
    let mut told = BTreeSet::new();
    findings.retain_mut(|finding| {
        let Some((line, _)) = line(finding) else {
            return true;
        };
        let groups = &unused[&line];
        let needed = readers.get(&line).is_some_and(|readers| !readers.is_subset(groups));
        if needed || !told.insert(line.clone()) {
            return false;
        }
        if groups.len() > 1 {
            *finding = joined(finding, &line.2, groups);
        }
        true
    });
}

/// The line that a finding calls unused, and the group that it is unused in.
fn line(finding: &Finding) -> Option<(Line, String)> {
    if finding.rule != rules::UNUSED.id {
        return None;
    }
    let (mut name, mut group) = (None, None);
    for subject in &finding.subjects {
        match subject {
            Subject::Distribution(of) => name = Some(of.clone()),
            Subject::Group(of) => group = Some(of.clone()),
            _ => {}
        }
    }
    let place = &finding.place;
    Some(((place.path.clone(), place.line, name?), group?))
}

/// The groups with agents that read each line.
fn readers(stack: &Stack, tree: &TreeFacts, disk: Disk<'_>) -> BTreeMap<Line, BTreeSet<String>> {
    let mut by_file: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let read = stack.groups.iter().filter(|group| !group.requirements.is_empty());
    for group in read.filter(|group| !group.agents.is_empty()) {
        by_file.entry(&group.requirements).or_default().push(&group.name);
    }
    let mut readers: BTreeMap<Line, BTreeSet<String>> = BTreeMap::new();
    for (path, groups) in by_file {
        for requirement in requirements::read(tree, path, stack.python_version, Some(disk)).all {
            let line = (requirement.place.path, requirement.place.line, requirement.name);
            let of_line = readers.entry(line).or_default();
            of_line.extend(groups.iter().map(|group| (*group).to_owned()));
        }
    }
    readers
}

/// The same for several groups.
fn joined(first: &Finding, name: &str, groups: &BTreeSet<String>) -> Finding {
    let named: Vec<&str> = groups.iter().map(String::as_str).take(MOST_NAMES).collect();
    let mut of = format!("`{}`", named.join("`, `"));
    if groups.len() > MOST_NAMES {
        of = format!("{of} and {} more groups", groups.len() - MOST_NAMES);
    }
    let mut finding = Finding::warning(
        rules::UNUSED.id,
        first.place.clone(),
        format!("nothing that the agents of {of} import needs `{name}`"),
    )
    .about(Subject::Distribution(name.to_owned()))
    .with_help("remove it, or name its module in `required_modules`");
    for group in groups {
        finding = finding.about(Subject::group(group));
    }
    finding.severity = first.severity;
    finding.confidence = first.confidence;
    finding
}

#[cfg(test)]
mod tests {
    use pysrc::PythonVersion;

    use super::merge;
    use crate::audit::start_path::{Walks, predict};
    use crate::finding::{Finding, Subject};
    use crate::python::disk::Disk;
    use crate::python::facts;
    use crate::stack::fixture::Fixture;

    /// Findings of a tree whose groups `core` and `side` read one file, and which imports these in `Alpha`, of `core`, and `Gamma`, of `side`.
    fn of(alpha: &str, gamma: &str) -> Vec<Finding> {
        let fixture = Fixture::small();
        let mut stack = fixture.model();
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for path in fixture.tree.files.iter().filter(|path| path.ends_with(".py")) {
            let text = match path.as_str() {
                "main/alpha.py" => alpha,
                "main/gamma.py" => gamma,
                _ => "",
            };
            files.push((path.clone(), text.as_bytes().to_vec()));
        }
        let text = "pyzmq\nredis\n";
        files.push(("requirements.txt".to_owned(), text.as_bytes().to_vec()));
        for group in &mut stack.groups {
            if !group.agents.is_empty() {
                group.requirements = "requirements.txt".to_owned();
            }
        }
        let tree = facts::of_agents(files, PythonVersion::USUAL, &stack).with_paths([]);
        let read = |path: &str| (path == "requirements.txt").then(|| text.as_bytes().to_vec());
        let disk = Disk::new(&|_| false, &read);
        let (_, mut findings) = predict(&stack, &tree, disk, Some(&Walks::default()));
        merge(&stack, &tree, disk, &mut findings);
        findings.retain(|finding| finding.rule == "requirements/unused");
        findings
    }

    #[test]
    fn a_line_that_one_group_needs_is_not_unused() {
        assert_eq!(of("import zmq\nimport redis\n", ""), []);
        assert_eq!(of("import zmq\n", "import redis\n"), []);
    }

    #[test]
    fn a_line_that_nobody_needs_is_told_once() {
        let findings = of("import zmq\n", "");
        let [finding] = findings.as_slice() else {
            panic!("{findings:#?}");
        };
        assert_eq!(
            (finding.place.line, finding.subjects.len() > 2),
            (2, true),
            "{finding:?}"
        );
        assert!(finding.subjects.contains(&Subject::Distribution("redis".to_owned())));
        assert!(finding.message.contains("`core`, "), "{}", finding.message);
    }
}
