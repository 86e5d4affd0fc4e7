//! Files that the stack names and the tree must have.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::finding::{Finding, Place, Severity, Subject};
use crate::stack::GroupId;
use crate::stack::selection::{Nothing, Out, brings_nothing};
use crate::stack::tree::{Found, TreeFiles, normal};
use crate::stack::variants::RawVariant;

/// A finding about a path that is not there as written.
fn absent(
    rule: &'static str,
    place: Place,
    what: &str,
    path: &str,
    found: &Found,
    tree: &TreeFiles,
) -> Option<Finding> {
    let finding = match found {
        Found::File(_) => None,
        Found::OtherCase(file) => Some(
            Finding::error(
                "stack/path-case",
                place,
                format!("{what} `{path}` is `{file}` in the tree: upper and lower case differ"),
            )
            .with_help("write the path as the file is called: Linux tells the two apart"),
        ),
        Found::Missing => {
            if tree.leads_nowhere(path) {
                let message = format!("{what} `{path}` is a link to nothing in the tree");
                let help = "copy what it leads to into the tree: nothing outside it is opened";
                return Some(Finding::error(rule, place, message).with_help(help));
            }
            let named = tree.named(path);
            let help = if named.is_empty() {
                "add the file, or correct the path".to_owned()
            } else {
                format!("did you mean `{}`?", named.join("` or `"))
            };
            let message = format!("{what} `{path}` is not in the tree");
            Some(Finding::error(rule, place, message).with_help(help))
        }
    };
    finding.map(|finding| finding.about(Subject::Path(path.to_owned())))
}

/// An agent without a script cannot start.
pub fn missing_script(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(tree) = facts.tree else {
        return Vec::new();
    };
    facts
        .everyone
        .agents()
        .filter_map(|(id, agent)| {
            let aliases = &facts.stack.machine(agent.machine).path_aliases;
            let finding = absent(
                "stack/missing-script",
                facts.origin(id).script_path.place.clone(),
                &format!("the script of agent `{}`,", agent.name),
                &agent.script_path,
                &tree.find(&agent.script_path, aliases),
                tree,
            )?;
            Some(finding.about(facts.everyone.subject(id)))
        })
        .collect()
}

/// A group's image is made with its requirements file.
pub fn missing_requirements(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(tree) = facts.tree else {
        return Vec::new();
    };
    let of_groups = facts.stack.groups.iter().zip(&facts.resolved.groups);
    // Whichever holds, each variant has to be right.
    let of_variants = of_groups.clone().flat_map(|(group, raw)| {
        let written = raw
            .variants
            .iter()
            .filter_map(|variant| Some((variant, variant.requirements.as_ref()?)));
        written.filter_map(|(variant, file)| {
            let finding = absent(
                "stack/missing-requirements",
                file.place.clone(),
                &format!(
                    "the requirements file of variant `{}` of group `{}`,",
                    variant.name.value, group.name
                ),
                &normal(&file.value),
                &tree.find(&file.value, &BTreeMap::new()),
                tree,
            )?;
            Some(finding.about(Subject::group(&group.name)))
        })
    });
    let of_variants: Vec<Finding> = of_variants.collect();
    of_groups
        // What holds with a variant's own file was just looked at.
        .filter(|(group, raw)| {
            let own = |variant: &RawVariant| variant.requirements.as_ref().is_some_and(|own| own.value == group.requirements);
            !raw.variants.iter().any(own)
        })
        .filter_map(|(group, raw)| {
            let place = raw.requirements.as_ref().unwrap_or(&raw.name).place.clone();
            let mut finding = absent(
                "stack/missing-requirements",
                place,
                &format!("the requirements file of group `{}`,", group.name),
                &group.requirements,
                &tree.find(&group.requirements, &BTreeMap::new()),
                tree,
            )?;
            if raw.requirements.is_none() && facts.raw.requirements.is_none() && finding.rule != "stack/path-case" {
                // Nobody named it: its image is made without any.
                finding.severity = Severity::Warning;
                finding.help = Some(format!(
                    "add the file, or a `requirements.txt`, or name one as `requirements:` of the group in `{}`: without one its \
                     image gets no packages",
                    facts.raw.path
                ));
            }
            Some(finding.about(Subject::group(&group.name)))
        })
        .chain(of_variants)
        .collect()
}

/// A machine's images hold its code folders.
pub fn missing_code(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(tree) = facts.tree else {
        return Vec::new();
    };
    facts
        .raw
        .machines
        .iter()
        .flat_map(|machine| machine.code.iter().map(|folder| (&machine.name.value, folder)))
        .filter(|(_, folder)| !tree.has_folder(&normal(&folder.value)))
        .map(|(machine, folder)| {
            let (what, help) = if tree.leads_nowhere(&folder.value) {
                let help = "copy what it leads to into the tree: nothing outside it is opened";
                ("is a link to nothing in the tree", help)
            } else {
                let help = "correct `code:`, or give the right tree with `--tree`";
                ("is not in the tree", help)
            };
            let message = format!("the folder `{}` {what}", folder.value);
            Finding::error("stack/missing-code", folder.place.clone(), message)
                .about(Subject::Path(folder.value.clone()))
                .about(Subject::machine(machine))
                .with_help(help)
        })
        .collect()
}

/// What `include:` names is in an image, or that is said.
pub fn include(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(tree) = facts.tree else {
        return Vec::new();
    };
    let common = facts.raw.include.iter().map(|pattern| (None, pattern));
    let own = facts.resolved.groups.iter().enumerate();
    let own = own.flat_map(|(index, group)| group.include.iter().map(move |pattern| (Some(GroupId(index)), pattern)));
    let patterns = common.chain(own).filter(|(_, pattern)| !pattern.value.starts_with('!'));
    patterns
        .filter_map(|(group, pattern)| {
            let text = &pattern.value;
            let finding = |message: String| {
                let finding = Finding::error("stack/include", pattern.place.clone(), message);
                let finding = finding.about(Subject::Path(text.clone()));
                match group {
                    Some(group) => finding.about(Subject::group(&facts.stack.group(group).name)),
                    None => finding,
                }
            };
            Some(match brings_nothing(facts.stack, group, text, tree)? {
                Nothing::Missing => {
                    let named = tree.named(text);
                    let help = match (tree.has_folder(&normal(text)), named.is_empty()) {
                        (true, _) => "the folder holds no file, or is a link: name what it leads to".to_owned(),
                        (false, true) => "correct the pattern, or add the file: patterns are those of `.gitignore`, \
                                          relative to the tree"
                            .to_owned(),
                        (false, false) => format!("did you mean `{}`?", named.join("` or `")),
                    };
                    finding(format!("`{text}` under `include:` names no file of the tree")).with_help(help)
                }
                Nothing::LeftOut(path, out @ Out::Secret(_)) => finding(format!(
                    "no image gets what `{text}` under `include:` names: `{path}` {}",
                    out.words()
                ))
                .with_help(format!(
                    "a secret gets into images only where it is named one by one: `{path}`"
                )),
                Nothing::LeftOut(path, out) => finding(format!(
                    "no image gets what `{text}` under `include:` names: `{path}` {}",
                    out.words()
                ))
                .with_help("remove the pattern, or what leaves the file out"),
            })
        })
        .collect()
}

/// Two groups that would overwrite each other's config.
pub fn config_file_clash(facts: &Facts<'_>) -> Vec<Finding> {
    let mut seen = BTreeMap::new();
    let mut names = BTreeMap::new();
    let mut findings = Vec::new();
    for (group, raw) in facts.stack.groups.iter().zip(&facts.resolved.groups) {
        let place = &raw.config_file.as_ref().unwrap_or(&raw.name).place;
        let taken = if group.config_file == "stack.yaml" {
            Some((None, "the stack itself".to_owned()))
        } else {
            seen.insert(&group.config_file, (place, &group.name))
                .map(|(place, name)| (Some((place, name)), format!("group `{name}`")))
        };
        if let Some((first, who)) = taken {
            let finding = Finding::error(
                "stack/config-file-clash",
                place.clone(),
                format!("`config/{}` belongs to {who} already", group.config_file),
            )
            .about(Subject::Path(format!("config/{}", group.config_file)))
            .about(Subject::group(&group.name))
            .with_help("write a `config_file:` of its own for one of them");
            findings.push(match first {
                Some((first, name)) => finding
                    .about(Subject::group(name))
                    .with_related(first.clone(), "the other group"),
                None => finding,
            });
        }
        // Images and containers: `base` is the image that all others are made from.
        if names.insert(&group.name, ()).is_none() && group.name == "base" {
            findings.push(
                Finding::error(
                    "stack/bad-name",
                    raw.name.place.clone(),
                    "a group cannot be called `base`: that is the base image's name",
                )
                .about(Subject::group(&group.name))
                .with_help("choose another name"),
            );
        }
    }
    findings
}

/// An alias becomes a link in the images: nothing may be there already, and it must lead somewhere.
pub fn alias(facts: &Facts<'_>) -> Vec<Finding> {
    let Some(tree) = facts.tree else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for machine in &facts.raw.machines {
        let aliases: BTreeSet<String> = machine.path_aliases.keys().map(|alias| normal(alias)).collect();
        for (alias, target) in &machine.path_aliases {
            let (alias, path) = (normal(alias), normal(&target.value));
            if tree.files.contains(&alias) || tree.has_folder(&alias) {
                findings.push(
                    Finding::error(
                        "stack/alias-collision",
                        target.place.clone(),
                        format!("alias `{alias}` is a real path of the tree"),
                    )
                    .about(Subject::Path(alias.clone()))
                    .about(Subject::machine(&machine.name.value))
                    .with_help("remove the alias, or the path in the tree"),
                );
            }
            if !tree.has_folder(&path) && !tree.files.contains(&path) {
                findings.push(
                    Finding::error(
                        "stack/alias-target",
                        target.place.clone(),
                        format!("alias `{alias}` leads to `{path}`, which is not in the tree"),
                    )
                    .about(Subject::Path(path.clone()))
                    .about(Subject::machine(&machine.name.value))
                    .with_help(if aliases.contains(&path) {
                        "an alias cannot lead to an alias: write the real path"
                    } else {
                        "correct the path, or remove the alias"
                    }),
                );
            }
        }
    }
    findings
}
