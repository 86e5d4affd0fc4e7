//! The stages of a group's Dockerfile below its own image: what groups with the same requirements, or the same assets, have in common.
//! Rendered files have them as they are here, and digests of the images that are built from them are made of the same.

use minijinja::Value;

use super::uv::{UV_HASHES, UV_VERSION};
use crate::container::layout::SUPERVISOR;
use crate::stack::assets::{Asset, Source};
use crate::stack::{GroupId, Stack};
use crate::template::{filled, quoting, values};

/// The stages that install what a group's requirements name.
#[must_use]
pub fn dependencies(stack: &Stack, id: GroupId) -> String {
    let group = stack.group(id);
    let values = values! {
        name => stack.name,
        uid => stack.images.uid,
        packages => group.packages,
        build_packages => group.build_packages,
        index => group.variants.index,
        uv_version => UV_VERSION,
        uv_hashes => UV_HASHES,
    };
    filled(
        quoting(),
        include_str!("../../../docker/templates/Dockerfile.dependencies.j2"),
        &values,
    )
}

/// The stage that puts a group's assets on top of that; empty for a group that has none.
#[must_use]
pub fn assets(stack: &Stack, id: GroupId) -> String {
    if stack.group(id).assets.is_empty() {
        return String::new();
    }
    let values = values! {
        output => stack.output.prefix(),
        uid => stack.images.uid,
        assets => sources(stack, id),
    };
    filled(
        quoting(),
        include_str!("../../../docker/templates/Dockerfile.assets.j2"),
        &values,
    )
}

/// What decides what is built from stages: all of them but comments and what stands in front of the first.
#[must_use]
pub fn instructions(stages: &str) -> String {
    let lines = stages.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.skip_while(|line| !line.starts_with("FROM "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// What a group's assets are made from: what is copied to which place, and the words that check it, or make it.
fn sources(stack: &Stack, id: GroupId) -> Vec<Value> {
    let one = |asset: &Asset| {
        let on_volume = stack.volume_of(asset).is_some();
        let place = match on_volume {
            true => format!("{}/{}/{}", contract::asset::FOLDER, asset.name, contract::asset::DATA),
            false => asset.to.clone(),
        };
        let mut words = vec![SUPERVISOR.to_owned(), "asset".to_owned()];
        let mut flag = |name: &str, value: &str| words.push(format!("--{name}={value}"));
        flag("name", &asset.name);
        flag("to", &asset.to);
        flag("source", &asset.source.words());
        let mut rest: Vec<String> = Vec::new();
        match &asset.source {
            Source::Url { sha256, .. } => flag("sha256", sha256),
            Source::Host { .. } => {}
            Source::Package { module, path } => {
                flag("package", module);
                flag("path", path);
            }
            Source::Command { words, hosts } => {
                flag("user", &stack.images.uid.to_string());
                for host in hosts {
                    flag("host", host);
                }
                rest = ["--".to_owned()].into_iter().chain(words.iter().cloned()).collect();
            }
        }
        if on_volume {
            words.push("--on-volume".to_owned());
        }
        words.extend(rest);
        let comes_from = match &asset.source {
            Source::Url { url, .. } => Some(url.clone()),
            Source::Host { path } => Some(path.clone()),
            Source::Package { .. } | Source::Command { .. } => None,
        };
        values! { name => asset.name, place, words, comes_from }
    };
    stack.group(id).assets.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::{assets, dependencies, instructions};
    use crate::stack::fixture::Fixture;

    #[test]
    fn comments_decide_nothing() {
        let text = "\n# Why.\nFROM a AS b\n# How.\nRUN c\n\nFROM b\n";
        assert_eq!(instructions(text), "FROM a AS b\nRUN c\n\nFROM b\n");
    }

    #[test]
    fn packages_are_part_of_the_stage_and_names_of_groups_are_not() {
        let stack = Fixture::real().model();
        let id = |name: &str| stack.find_group(name).unwrap();
        let vision = dependencies(&stack, id("vision"));
        assert_eq!(vision, dependencies(&stack, id("pc2-memory")));
        let mut other = stack.clone();
        other.groups[id("vision").0].packages.push("libgl1".to_owned());
        assert_ne!(instructions(&vision), instructions(&dependencies(&other, id("vision"))));
        assert_eq!(assets(&stack, id("vision")), "");
    }
}
