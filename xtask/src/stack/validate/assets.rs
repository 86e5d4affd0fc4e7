//! `assets:`: places that cannot be theirs.

use super::Facts;
use crate::finding::{Finding, Subject};
use crate::stack::Group;
use crate::stack::assets::{Asset, below};
use crate::stack::raw::RawGroup;
use crate::stack::spans::At;
use crate::stack::variants::Variant;

/// Assets at a place that a mount hides, that agents may write, or that another asset has.
pub fn places(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (raw, group) in facts.resolved.groups.iter().zip(&facts.stack.groups) {
        for (asset, variant) in written(raw, group) {
            if let Some((why, help)) = wrong(facts, group, variant, &asset.value) {
                let message = format!("asset `{}` cannot be at `{}`: {why}", asset.value.name, asset.value.to);
                findings.push(
                    Finding::error("stack/bad-value", asset.place.clone(), message)
                        .about(Subject::group(&group.name))
                        .with_help(help),
                );
            }
        }
    }
    findings
}

/// Assets as written, each with the variant that it is of.
fn written<'a>(raw: &'a RawGroup, group: &'a Group) -> Vec<(&'a At<Asset>, Option<&'a Variant>)> {
    let own = raw.assets.iter().map(|asset| (asset, None));
    let of_variants = raw.variants.iter().zip(&group.variants.all);
    let of_variants = of_variants.flat_map(|(raw, variant)| raw.assets.iter().map(move |asset| (asset, Some(variant))));
    own.chain(of_variants).collect()
}

fn wrong(facts: &Facts<'_>, group: &Group, variant: Option<&Variant>, asset: &Asset) -> Option<(String, &'static str)> {
    let stack = facts.stack;
    let meets = |path: &str| below(path, &asset.to) || below(&asset.to, path);
    let over = stack.volumes.iter().find(|volume| below(&volume.path, &asset.to));
    if let Some(volume) = over {
        let why = format!("the volume `{}` is mounted at `{}`", volume.name, volume.path);
        return Some((why, "write a path below the volume's, or one that no volume hides"));
    }
    if let Some(volume) = stack.volume_of(asset).filter(|volume| volume.read_only) {
        let why = format!(
            "agents only read the volume `{}`, so nothing can copy it there",
            volume.name
        );
        return Some((why, "write `:rw` behind the volume's path, or another place"));
    }
    let extras = variant.map_or(&group.extras, |variant| &variant.extras);
    if let Some(mount) = extras.mounts.iter().find(|mount| meets(&mount.target)) {
        let why = format!("`{}` of the host is mounted at `{}`", mount.source, mount.target);
        return Some((why, "put it into that folder of the host, or write another place"));
    }
    let kept = group.writable.iter().find(|writable| {
        writable.folder().is_some_and(|folder| meets(&format!("/app/{folder}")))
            || writable.covers(asset.to.strip_prefix("/app/").unwrap_or_default())
    });
    if let Some(writable) = kept {
        let why = format!("agents may write `{}` there", writable.written());
        return Some((why, "write another place, or one below a volume: it is copied there"));
    }
    let own = variant.map_or(&group.assets, |variant| &variant.assets);
    let in_group = own.iter().find(|other| other.name != asset.name && meets(&other.to));
    if let Some(other) = in_group {
        let why = format!("asset `{}` is at `{}`", other.name, other.to);
        return Some((why, "give each a place of its own"));
    }
    stack.volume_of(asset)?;
    let groups = stack
        .groups
        .iter()
        .filter(|other| other.machine == group.machine && other.name != group.name);
    let elsewhere = groups.flat_map(|group| {
        let of_variants = group.variants.all.iter().flat_map(|variant| &variant.assets);
        let all = group.assets.iter().chain(of_variants);
        all.map(move |asset| (group, asset))
    });
    let mut elsewhere = elsewhere.filter(|(_, other)| meets(&other.to));
    let (other, theirs) = elsewhere.find(|(_, other)| (&other.to, &other.source) != (&asset.to, &asset.source))?;
    let why = format!("group `{}` has another asset there, `{}`", other.name, theirs.name);
    Some((
        why,
        "both groups share the volume: give each a place of its own, or the same source",
    ))
}
