//! The users that containers run as, and the folders in which they meet.

use std::collections::BTreeMap;

use super::Facts;
use crate::finding::{Finding, Place, Subject};
use crate::stack::raw::RawGroup;

/// Two groups of a machine with one user, or a group with that of the images, to which the volumes belong; and users that nobody becomes.
pub fn own(facts: &Facts<'_>) -> Vec<Finding> {
    let base = u64::from(facts.stack.images.uid);
    let mut findings = Vec::new();
    if !facts.stack.images.per_group {
        let written = facts.raw.groups.iter();
        for (group, uid) in written.filter_map(|group| Some((&group.name, group.uid.as_ref()?))) {
            findings.push(
                Finding::error(
                    "stack/bad-value",
                    uid.place.clone(),
                    "`uid` of a group means nothing where all groups run as one user",
                )
                .about(Subject::Key("uid".to_owned()))
                .about(Subject::group(&group.value))
                .with_help("remove it, or write `per_group: true` in `images: user:`"),
            );
        }
        return findings;
    }
    let mut seen: BTreeMap<(usize, u32), &RawGroup> = BTreeMap::new();
    for (raw, group) in facts.resolved.groups.iter().copied().zip(&facts.stack.groups) {
        let help = "give each group of a machine a `uid` of its own, which is not that of `images: user:`";
        if u64::from(group.uid) == base {
            let message = format!("group `{}` has the user of the images, {base}", group.name);
            findings.push(
                Finding::error("stack/bad-value", place(raw), message)
                    .about(Subject::User(group.uid))
                    .about(Subject::group(&group.name))
                    .with_help(help),
            );
        }
        let Some(first) = seen.get(&(group.machine.0, group.uid)) else {
            seen.insert((group.machine.0, group.uid), raw);
            continue;
        };
        let message = format!(
            "groups `{}` and `{}` have one user, {}",
            first.name.value, group.name, group.uid
        );
        findings.push(
            Finding::error("stack/bad-value", place(raw), message)
                .about(Subject::User(group.uid))
                .about(Subject::group(&group.name))
                .about(Subject::group(&first.name.value))
                .with_related(place(first), "taken here")
                .with_help(help),
        );
    }
    findings
}

fn place(group: &RawGroup) -> Place {
    group.uid.as_ref().map_or(&group.name.place, |uid| &uid.place).clone()
}

/// Folders for all groups that lie in no volume that they write.
pub fn shared(facts: &Facts<'_>) -> Vec<Finding> {
    let in_volume = |path: &str| {
        let mut written = facts.stack.volumes.iter().filter(|volume| !volume.read_only);
        written.any(|volume| {
            let below = path.strip_prefix(volume.path.trim_end_matches('/'));
            below.and_then(|below| below.strip_prefix('/')).is_some_and(is_plain)
        })
    };
    let wrong = facts.raw.shared.iter().filter(|folder| !in_volume(&folder.value));
    wrong
        .map(|folder| {
            let message = format!("`{}` is not a folder below a volume that agents write", folder.value);
            Finding::error("stack/bad-value", folder.place.clone(), message)
                .about(Subject::Path(folder.value.clone()))
                .with_help("write where it is in a container, as in `/app/data/results`")
        })
        .collect()
}

/// Whether a path has only names in it that lead downwards and that no shell reads as anything else.
fn is_plain(path: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "_.-@+".contains(c);
    let mut names = path.split('/');
    names.all(|name| !["", ".", ".."].contains(&name) && name.chars().all(good))
}
