//! What images hold and why, for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::findings::counted;
use crate::finding::Place;
use crate::images::contents::{Contents, Mode, Reason, Why};
use crate::images::difference::Change;
use crate::images::image::Image;
use crate::images::{Kind, Plan};
use crate::stack::Stack;
use crate::stack::assets::Asset;

/// The JSON document of `images ls`; version 1.
#[derive(Debug, Serialize)]
pub struct ImagesDocument {
    version: u32,
    images: Vec<ImageRow>,
}

#[derive(Debug, Serialize)]
struct ImageRow {
    name: String,
    image: String,
    up_to_date: bool,
    /// Bytes that no other image shares; none where the image is not there.
    own_bytes: Option<u64>,
    /// Bytes of the image that it stands on.
    shared_bytes: Option<u64>,
    /// The image that it stands on, for a group's.
    from: Option<String>,
    /// `closure` or `package`, for a group's.
    contents: Option<&'static str>,
    files: Option<usize>,
    gaps: Vec<GapRow>,
}

#[derive(Debug, Clone, Serialize)]
struct GapRow {
    place: Place,
    what: String,
}

impl ImagesDocument {
    /// Of a plan, with what is there.
    #[must_use]
    pub fn new(plan: &Plan, contents: &BTreeMap<String, Contents>, present: &[Image]) -> Self {
        let size = |name: &str| {
            present
                .iter()
                .find(|image| image.names.iter().flatten().any(|known| known == name))
                .map(|image| image.size)
        };
        let images = plan
            .nodes
            .iter()
            .map(|node| {
                let below = node.from.map(|from| plan.node(from));
                let shared = below.and_then(|below| size(&below.image));
                let own = size(&node.image).map(|size| size.saturating_sub(shared.unwrap_or(0)));
                let held = matches!(node.kind, Kind::Group { .. })
                    .then(|| contents.get(&node.name))
                    .flatten();
                ImageRow {
                    name: node.name.clone(),
                    image: node.image.clone(),
                    up_to_date: node.up_to_date,
                    own_bytes: own,
                    shared_bytes: shared,
                    from: below.map(|below| below.name.clone()),
                    contents: held.map(|held| held.mode.name()),
                    files: held.map(|held| held.files.len()),
                    gaps: held.map(gaps).unwrap_or_default(),
                }
            })
            .collect();
        Self { version: 1, images }
    }

    /// A line per image, and why a group holds a whole package.
    #[must_use]
    pub fn human(&self) -> String {
        let mut text = format!(
            "{:26} {:11} {:>10} {:>10}  {:26} {:8} {:>5}\n",
            "IMAGE", "STATE", "OWN", "SHARED", "ON", "CONTENTS", "FILES"
        );
        for row in &self.images {
            let state = match (row.up_to_date, row.own_bytes) {
                (true, _) => "up to date",
                (false, Some(_)) => "stale",
                (false, None) => "missing",
            };
            let line = format!(
                "{:26} {state:11} {:>10} {:>10}  {:26} {:8} {:>5}",
                row.name,
                row.own_bytes.map(bytes).unwrap_or_default(),
                row.shared_bytes.map(bytes).unwrap_or_default(),
                row.from.as_deref().unwrap_or_default(),
                row.contents.unwrap_or_default(),
                row.files.map(|files| files.to_string()).unwrap_or_default(),
            );
            text.push_str(line.trim_end());
            text.push('\n');
        }
        for row in self
            .images
            .iter()
            .filter(|row| row.contents == Some(Mode::Package.name()))
        {
            for gap in &row.gaps {
                text.push_str(&format!("{}: {}\n", row.name, gap.human()));
            }
        }
        text
    }
}

impl GapRow {
    fn human(&self) -> String {
        format!("{} cannot be followed ({})", self.what, at(&self.place))
    }
}

fn gaps(contents: &Contents) -> Vec<GapRow> {
    let gap = |gap: &crate::images::contents::Gap| GapRow {
        place: gap.place.clone(),
        what: gap.what.clone(),
    };
    contents.gaps.iter().map(gap).collect()
}

/// A number of bytes, in decimal units as Podman has them.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["B", "kB", "MB", "GB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

fn at(place: &Place) -> String {
    if place.line == 0 {
        place.path.clone()
    } else {
        format!("{}:{}", place.path, place.line)
    }
}

/// The JSON document of `images why`; version 1.
#[derive(Debug, Serialize)]
pub struct WhyDocument {
    version: u32,
    group: String,
    file: String,
    /// Whether the image holds the file.
    pub held: bool,
    held_by: Vec<String>,
    contents: &'static str,
    chain: Vec<Step>,
    gaps: Vec<GapRow>,
}

#[derive(Debug, Serialize)]
struct Step {
    file: String,
    why: String,
    place: Option<Place>,
}

impl WhyDocument {
    /// Of a file in a group's image; `held_by` are the groups whose images hold it.
    #[must_use]
    pub fn new(group: &str, file: &str, contents: &Contents, held_by: &[&str]) -> Self {
        let chain = contents
            .chain(file)
            .into_iter()
            .map(|(path, reason)| Step {
                file: path.to_owned(),
                why: phrase(reason),
                place: reason.from.as_ref().map(|(_, place)| place.clone()),
            })
            .collect();
        Self {
            version: 1,
            group: group.to_owned(),
            file: file.to_owned(),
            held: contents.files.contains_key(file),
            held_by: held_by.iter().map(|group| (*group).to_owned()).collect(),
            contents: contents.mode.name(),
            chain,
            gaps: gaps(contents),
        }
    }

    /// Of an asset of a group.
    #[must_use]
    pub fn of_asset(stack: &Stack, group: &str, file: &str, asset: &Asset) -> Self {
        let others = stack.groups.iter().filter(|group| group.assets.contains(asset));
        let how = match stack.volume_of(asset) {
            Some(volume) => format!(
                "; a container copies it to `{}`, on the volume `{}`, where it is missing or has changed",
                asset.to, volume.name
            ),
            None => format!("; it is at `{}`", asset.to),
        };
        Self {
            version: 1,
            group: group.to_owned(),
            file: file.to_owned(),
            held: true,
            held_by: others.map(|group| group.name.clone()).collect(),
            contents: "asset",
            chain: vec![Step {
                file: file.to_owned(),
                why: format!("is of the asset `{}`: {}{how}", asset.name, asset.source.words()),
                place: None,
            }],
            gaps: Vec::new(),
        }
    }

    /// The chain, the file first.
    #[must_use]
    pub fn human(&self) -> String {
        if !self.held {
            let others = match self.held_by.as_slice() {
                [] => "and no other does".to_owned(),
                [one] => format!("that of `{one}` does"),
                others => format!("those of {} do", others.join(", ")),
            };
            return format!(
                "the image of `{}` does not hold `{}`: none of its agents reaches it; {others}\n  \
                 hint: `include:` in config/stack.yaml takes in what is reached in a way that cannot be followed\n",
                self.group, self.file
            );
        }
        let mut text = String::new();
        for step in &self.chain {
            let place = step.place.as_ref().map(|place| format!(" {}", at(place)));
            let line = format!("{}\n  {}{}\n", step.file, step.why, place.unwrap_or_default());
            text.push_str(&line);
        }
        let whole = self.chain.last().is_some_and(|step| step.place.is_none()) && self.contents == Mode::Package.name();
        if whole {
            for gap in &self.gaps {
                text.push_str(&format!("  {}\n", gap.human()));
            }
        }
        text
    }
}

fn phrase(reason: &Reason) -> String {
    match &reason.why {
        Why::Script(agent) => format!("is the script of `{agent}`"),
        Why::Import => "is imported at".to_owned(),
        Why::Launch => "is started at".to_owned(),
        Why::Path(text) => format!("may be what `{text}` means at"),
        Why::Module(name) => format!("is named as the module `{name}` at"),
        Why::Link => "is what a link leads to:".to_owned(),
        Why::Include(pattern) => format!("matches `{pattern}` of `include:`"),
        Why::Extension => "is an extension module: what imports it cannot be told".to_owned(),
        Why::Package => "is part of the package, all of which the image holds".to_owned(),
    }
}

/// The JSON document of `images diff`; version 1.
#[derive(Debug, Serialize)]
pub struct DiffDocument {
    version: u32,
    group: String,
    /// Whether a build would change nothing.
    pub up_to_date: bool,
    /// Whether there is an image at all.
    built: bool,
    files: Vec<Changed>,
    config: bool,
    /// Images below it that would be built again.
    below: Vec<String>,
    /// Nothing of the above, but something else that the image is made from: its Dockerfile.
    other: bool,
}

#[derive(Debug, Serialize)]
struct Changed {
    file: String,
    change: &'static str,
    why: Option<String>,
    place: Option<Place>,
}

impl DiffDocument {
    /// Of a group. `changes` is nothing where there is no image.
    #[must_use]
    pub fn new(
        group: &str,
        plan: &Plan,
        changes: Option<Vec<(String, Change)>>,
        config: bool,
        contents: &Contents,
    ) -> Self {
        let node = plan.nodes.iter().find(|node| node.name == group);
        let up_to_date = node.is_some_and(|node| node.up_to_date);
        let mut below = Vec::new();
        let mut at = node.and_then(|node| node.from);
        while let Some(id) = at {
            let node = plan.node(id);
            if !node.up_to_date && !up_to_date {
                below.push(node.name.clone());
            }
            at = node.from;
        }
        let built = changes.is_some();
        let files: Vec<Changed> = changes
            .into_iter()
            .flatten()
            .map(|(file, change)| {
                let reason = contents.files.get(&file);
                Changed {
                    change: match change {
                        Change::Added => "added",
                        Change::Content => "changed",
                        Change::Kind => "mode or kind changed",
                        Change::Removed => "removed",
                    },
                    why: match (change, reason) {
                        (Change::Added, Some(reason)) => Some(phrase(reason)),
                        (Change::Removed, _) => Some("nothing of the group reaches it any more".to_owned()),
                        _ => None,
                    },
                    place: reason
                        .filter(|_| change == Change::Added)
                        .and_then(|reason| reason.from.as_ref())
                        .map(|(_, place)| place.clone()),
                    file,
                }
            })
            .collect();
        Self {
            version: 1,
            group: group.to_owned(),
            up_to_date,
            built,
            other: built && !up_to_date && files.is_empty() && !config && below.is_empty(),
            files,
            config,
            below,
        }
    }

    /// A line per change.
    #[must_use]
    pub fn human(&self) -> String {
        if !self.built {
            return format!(
                "`{0}` has no image yet\n  hint: run `cargo xtask build-images {0}`\n",
                self.group
            );
        }
        let mut text = String::new();
        for name in &self.below {
            text.push_str(&format!("below    `{name}` would be built again\n"));
        }
        if self.config {
            text.push_str("config   the group config changed\n");
        }
        if self.other {
            text.push_str("build    its Dockerfile, or what it is built FROM, changed\n");
        }
        for changed in &self.files {
            let why = match (&changed.why, &changed.place) {
                (Some(why), Some(place)) => format!(": {why} {}", at(place)),
                (Some(why), None) => format!(": {why}"),
                _ => String::new(),
            };
            text.push_str(&format!("{:8} {}{why}\n", changed.change, changed.file));
        }
        if text.is_empty() {
            return format!("`{}` is up to date\n", self.group);
        }
        text.push_str(&format!("{} would change\n", counted(self.files.len(), "file")));
        text
    }
}
