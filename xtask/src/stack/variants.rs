//! Variants of a group: what of it differs where it is built for other hosts, as `cpu` and `gpu`. One of them holds; who chose it, and
//! why, is said. What is rendered never depends on the host: the stack chooses there, and a host only for what is started on it.

use std::collections::BTreeMap;
use std::fmt;

use super::assets::{self, Asset};
use super::environment;
use super::extras::{Device, Extras};
use super::limits::Limits;
use super::model::{Group, GroupId, Stack};
use super::near::nearest;
use super::raw::{RawGroup, package_names};
use super::read::{Fields, Reader, plain};
use super::runtime::RuntimeSettings;
use super::spans::At;
use super::yaml::Node;
use crate::finding::{Finding, Severity, Subject};

/// The variant that is taken where nothing chooses one, if a group has one of that name.
const USUAL: &str = "cpu";

/// A variant as written.
#[derive(Debug, Clone)]
pub struct RawVariant {
    /// Its key.
    pub name: At<String>,
    /// `requirements`, in place of the group's.
    pub requirements: Option<At<String>>,
    /// `packages`, besides the group's.
    pub packages: Vec<String>,
    /// `build_packages`, besides the group's.
    pub build_packages: Vec<String>,
    /// `required_modules`, besides the group's.
    pub required_modules: Vec<String>,
    /// `assets`, besides the group's.
    pub assets: Vec<At<Asset>>,
    /// `index`, besides the one that this host chose.
    pub index: Option<At<String>>,
    /// `without_wheels`, besides the group's.
    pub without_wheels: BTreeMap<String, Vec<String>>,
    /// `environment`, over the group's.
    pub environment: BTreeMap<String, String>,
    /// `devices` and what else its container has of its host.
    pub extras: Extras,
    /// What its container may take.
    pub limits: Limits,
    /// `requires_gpu`.
    pub requires_gpu: bool,
}

/// What a group is with one of its variants: everything that a variant may change, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name: part of the image's tag.
    pub name: String,
    /// See [`Group::config_file`].
    pub config_file: String,
    /// See [`Group::requirements`].
    pub requirements: String,
    /// See [`Group::packages`].
    pub packages: Vec<String>,
    /// See [`Group::build_packages`].
    pub build_packages: Vec<String>,
    /// See [`Group::required_modules`].
    pub required_modules: Vec<String>,
    /// See [`Group::assets`].
    pub assets: Vec<Asset>,
    /// See [`Variants::index`].
    pub index: Option<String>,
    /// See [`Variants::without_wheels`].
    pub without_wheels: BTreeMap<String, Vec<String>>,
    /// See [`Group::environment`].
    pub environment: BTreeMap<String, String>,
    /// See [`Group::extras`].
    pub extras: Extras,
    /// See [`Group::limits`].
    pub limits: Limits,
    /// Devices that it asks for itself: a host that has them can run it.
    pub devices: Vec<Device>,
    /// Whether the group is unhealthy where its start-up check finds no GPU, not only degraded.
    pub requires_gpu: bool,
}

/// The variants of a group, and what else depends on the one that holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variants {
    /// All of them, in the order of the file; none where the group has none.
    pub all: Vec<Variant>,
    /// Index of the one that holds, and who chose it.
    pub chosen: Option<(usize, Why)>,
    /// Index of the one that the stack chooses, whatever a command line or a host does.
    of_stack: Option<usize>,
    /// An index that packages come from besides the one that the host chose; without a password.
    pub index: Option<String>,
    /// Distributions that an index has as sources alone, each with what it needs.
    pub without_wheels: BTreeMap<String, Vec<String>>,
}

/// Why a variant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The command line names it.
    Named,
    /// `variant:` of the stack does.
    Written,
    /// Nothing chooses.
    Usual,
    /// The host has the devices that it asks for.
    Has(Vec<String>),
    /// The host lacks a device of another variant.
    Lacks {
        /// The other variant.
        variant: String,
        /// The devices that are not there.
        devices: Vec<String>,
    },
    /// The devices of its machine cannot be seen from here.
    Unseen,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &[String]| format!("`{}`", names.join("`, `"));
        match self {
            Self::Named => formatter.write_str("`--variant` names it"),
            Self::Written => formatter.write_str("`variant:` of the stack names it"),
            Self::Usual => formatter.write_str("nothing names another"),
            Self::Has(devices) => write!(formatter, "Podman can give it {}", list(devices)),
            Self::Lacks { variant, devices } => write!(
                formatter,
                "`{variant}` needs {}, which this host does not have",
                list(devices)
            ),
            Self::Unseen => {
                formatter.write_str("the devices of another host cannot be seen from here; `variant:` chooses")
            }
        }
    }
}

/// `variants:` of a group.
pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Vec<RawVariant> {
    let Some(node) = fields.get("variants") else {
        return Vec::new();
    };
    let place = reader.place(node.span);
    let what = "`variants`";
    let Some(fields) = reader.fields(node, what, place.clone()) else {
        return Vec::new();
    };
    if fields.entries().is_empty() {
        reader.bad_value(
            place,
            "`variants` is empty",
            "write a name and what differs, as in `gpu: {devices: [nvidia.com/gpu=all]}`",
        );
    }
    let mut variants = Vec::new();
    for entry in fields.entries() {
        let name = At {
            value: entry.key.clone(),
            place: reader.place(entry.key_span),
        };
        // It becomes a part of a tag and of names of files.
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if name.value.is_empty() || !name.value.chars().all(good) {
            let message = format!("a variant cannot be called `{}`", name.value);
            reader.bad_value(
                name.place.clone(),
                message,
                "use small letters, digits, `-` and `_`, as in `gpu`",
            );
            continue;
        }
        variants.extend(variant(reader, name, &entry.value));
    }
    variants
}

fn variant<'a>(reader: &mut Reader<'a>, name: At<String>, node: &'a Node) -> Option<RawVariant> {
    let what = format!("variant `{}`", name.value);
    let mut fields = if node.is_null() {
        Fields::none(&what, name.place.clone())
    } else {
        reader.fields(node, &what, name.place.clone())?
    };
    let requirements = fields
        .get("requirements")
        .and_then(|node| reader.path(node, "`requirements`"));
    let names = |reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str| {
        let node = fields.get(key);
        node.map(|node| package_names(reader, node, key)).unwrap_or_default()
    };
    let packages = names(reader, &mut fields, "packages");
    let build_packages = names(reader, &mut fields, "build_packages");
    let required_modules = fields
        .get("required_modules")
        .map(|node| plain(&reader.texts(node, "`required_modules`")))
        .unwrap_or_default();
    let assets = assets::read(reader, &mut fields);
    let index = fields.get("index").and_then(|node| index(reader, node));
    let without_wheels = without_wheels(reader, &mut fields);
    let environment = fields
        .get("environment")
        .map(|node| environment::variables(reader, node))
        .map(|variables| environment::literals(variables, &mut reader.findings))
        .unwrap_or_default();
    let extras = Extras::read(reader, &mut fields);
    let limits = Limits::read(reader, &mut fields);
    let requires_gpu = fields.get("requires_gpu");
    let requires_gpu = requires_gpu.and_then(|node| reader.boolean(node, "`requires_gpu`"));
    reader.finish(fields, Severity::Error);
    Some(RawVariant {
        name,
        requirements,
        packages,
        build_packages,
        required_modules,
        assets,
        index,
        without_wheels,
        environment,
        extras,
        limits,
        requires_gpu: requires_gpu.unwrap_or(false),
    })
}

/// `index`: an address that can stand in a Dockerfile for everybody to see.
fn index(reader: &mut Reader<'_>, node: &Node) -> Option<At<String>> {
    let text = reader.text(node, "`index`")?;
    let rest = text
        .value
        .strip_prefix("https://")
        .or_else(|| text.value.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/%+".contains(c);
    if rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(plain)) {
        return Some(text);
    }
    reader.bad_value(
        text.place,
        "`index` is not a plain address of a package index",
        "write one as in `https://packages.example/whl/cu128`; a user and a password belong into this host's configuration of pip or uv",
    );
    None
}

/// `without_wheels`: distributions by name, each with what it needs.
pub(super) fn without_wheels<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> BTreeMap<String, Vec<String>> {
    let Some(node) = fields.get("without_wheels") else {
        return BTreeMap::new();
    };
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`without_wheels`", place) else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for entry in fields.entries() {
        let what = format!("what `{}` needs", entry.key);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if entry.key.is_empty() || !entry.key.chars().all(plain) {
            let place = reader.place(entry.key_span);
            let message = format!("`{}` is not a valid name of a distribution", entry.key);
            reader.bad_value(
                place,
                message,
                "write it as the index has it, as in `langdetect: [six]`",
            );
            continue;
        }
        let needs = reader.texts(&entry.value, &what);
        let needed = |c: char| plain(c) || " []()<>=!~,;'\"*+".contains(c);
        for need in needs.iter().filter(|need| !need.value.chars().all(needed)) {
            let message = format!("`{}` is not a valid requirement", need.value);
            reader.bad_value(
                need.place.clone(),
                message,
                "write a name with versions, as in `six>=1.16`",
            );
        }
        all.insert(super::requirements_lock::name(&entry.key), super::read::plain(&needs));
    }
    all
}

/// Levels that a group's own settings consist of, from the widest to its own.
pub(super) struct Levels<'a> {
    /// Of the stack, its machine and itself.
    pub settings: [&'a RuntimeSettings; 3],
}

/// The variants of a group, which stands in the model without any, and the one that the stack chooses.
pub(super) fn resolve(raw: &RawGroup, everywhere: Option<&At<String>>, group: &Group, levels: &Levels<'_>) -> Variants {
    let own = &raw.without_wheels;
    let mut variants = Variants {
        without_wheels: own.clone(),
        ..Variants::default()
    };
    for (index, variant) in raw.variants.iter().enumerate() {
        let extras = levels.settings.map(RuntimeSettings::extras);
        let of_agents = raw.overrides.iter().map(|change| change.runtime.extras());
        let limits = levels.settings.map(RuntimeSettings::limits);
        let mut environment = group.environment.clone();
        environment.extend(variant.environment.clone());
        let mut without_wheels = own.clone();
        without_wheels.extend(variant.without_wheels.clone());
        variants.all.push(Variant {
            name: variant.name.value.clone(),
            config_file: match index {
                0 => group.config_file.clone(),
                _ => with_variant(&group.config_file, &variant.name.value),
            },
            requirements: match &variant.requirements {
                Some(own) => own.value.clone(),
                None => group.requirements.clone(),
            },
            packages: both(&group.packages, &variant.packages),
            build_packages: both(&group.build_packages, &variant.build_packages),
            required_modules: both(&group.required_modules, &variant.required_modules),
            assets: with_assets(&group.assets, &variant.assets),
            index: variant.index.as_ref().map(|index| index.value.clone()),
            without_wheels,
            environment,
            extras: Extras::of_group(extras.into_iter().chain([&variant.extras]), of_agents),
            limits: Limits::nearest(limits.into_iter().chain([&variant.limits])),
            devices: variant.extras.needed().cloned().collect(),
            requires_gpu: variant.requires_gpu,
        });
    }
    let named = |name: &At<String>| variants.all.iter().position(|variant| variant.name == name.value);
    let written = raw.variant.as_ref().or(everywhere).and_then(named);
    variants.chosen = match written {
        Some(written) => Some((written, Why::Written)),
        None => usual(&variants.all).map(|usual| (usual, Why::Usual)),
    };
    variants.of_stack = variants.chosen.as_ref().map(|(chosen, _)| *chosen);
    variants
}

/// `gpu_services.yaml` → `gpu_services.gpu.yaml`.
fn with_variant(file: &str, variant: &str) -> String {
    match file.rsplit_once('.') {
        Some((name, ending)) => format!("{name}.{variant}.{ending}"),
        None => format!("{file}.{variant}"),
    }
}

fn both(wider: &[String], own: &[String]) -> Vec<String> {
    let new = own.iter().filter(|name| !wider.contains(name));
    wider.iter().chain(new).cloned().collect()
}

/// A group's assets and a variant's own: of two with one name, the variant's.
fn with_assets(wider: &[Asset], own: &[At<Asset>]) -> Vec<Asset> {
    let own = || own.iter().map(|asset| &asset.value);
    let kept = wider.iter().filter(|asset| own().all(|other| other.name != asset.name));
    kept.chain(own()).cloned().collect()
}

/// The variant where nothing chooses: `cpu`, else the first that asks for no device, else the first.
fn usual(all: &[Variant]) -> Option<usize> {
    all.iter()
        .position(|variant| variant.name == USUAL)
        .or_else(|| all.iter().position(|variant| variant.devices.is_empty()))
        .or((!all.is_empty()).then_some(0))
}

/// Says where `variant:` names a variant that no group has.
pub(super) fn unknown(raw: &RawGroup, findings: &mut Vec<Finding>) {
    let Some(name) = &raw.variant else {
        return;
    };
    let names: Vec<&str> = raw.variants.iter().map(|variant| variant.name.value.as_str()).collect();
    if !names.contains(&name.value.as_str()) {
        let message = format!("group `{}` has no variant `{}`", raw.name.value, name.value);
        findings.push(
            Finding::error("stack/bad-value", name.place.clone(), message)
                .about(Subject::group(&raw.name.value))
                .with_help(hint(&name.value, &names)),
        );
    }
}

/// The same of the stack's own `variant:`, which one group at least has to have.
pub(super) fn unknown_everywhere(name: Option<&At<String>>, groups: &[RawGroup], findings: &mut Vec<Finding>) {
    let Some(name) = name else {
        return;
    };
    let all = groups.iter().flat_map(|group| &group.variants);
    let names: Vec<&str> = all.map(|variant| variant.name.value.as_str()).collect();
    if !names.contains(&name.value.as_str()) {
        let message = format!("no group has a variant `{}`", name.value);
        findings.push(
            Finding::error("stack/bad-value", name.place.clone(), message)
                .about(Subject::Key("variant".to_owned()))
                .with_help(hint(&name.value, &names)),
        );
    }
}

fn hint(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "write `variants:` of the group, or remove `variant:`".to_owned(),
        None => format!("its variants are {}", names.join(", ")),
    }
}

impl Group {
    /// The variant that holds.
    #[must_use]
    pub fn variant(&self) -> Option<&Variant> {
        let (chosen, _) = self.variants.chosen.as_ref()?;
        self.variants.all.get(*chosen)
    }

    /// Why that one holds.
    #[must_use]
    pub fn why_variant(&self) -> Option<&Why> {
        self.variants.chosen.as_ref().map(|(_, why)| why)
    }

    /// The ending of `Dockerfile.`: the group's name, and the variant's unless it is the first.
    #[must_use]
    pub fn dockerfile(&self) -> String {
        match (&self.variants.chosen, self.variant()) {
            (Some((1.., _)), Some(variant)) => format!("{}.{}", self.name, variant.name),
            _ => self.name.clone(),
        }
    }

    /// Requirements files of the group, whichever variant holds: each once.
    pub fn all_requirements(&self) -> impl Iterator<Item = &String> {
        let own = self.variants.all.is_empty().then_some(&self.requirements);
        let mut seen = Vec::new();
        own.into_iter()
            .chain(self.variants.all.iter().map(|variant| &variant.requirements))
            .filter(move |file| {
                let new = !seen.contains(file);
                seen.push(*file);
                new
            })
    }

    fn take_variant(&mut self, index: usize, why: Why) {
        let Some(variant) = self.variants.all.get(index).cloned() else {
            return;
        };
        self.variants.chosen = Some((index, why));
        self.config_file = variant.config_file;
        self.requirements_named |= variant.requirements != self.requirements;
        self.requirements = variant.requirements;
        self.packages = variant.packages;
        self.build_packages = variant.build_packages;
        self.required_modules = variant.required_modules;
        self.assets = variant.assets;
        self.environment = variant.environment;
        self.extras = variant.extras;
        self.limits = variant.limits;
        self.variants.index = variant.index;
        self.variants.without_wheels = variant.without_wheels;
    }

    /// Makes the variant hold that the stack chooses.
    pub(super) fn settle_variant(&mut self) {
        if let Some((index, why)) = self.variants.chosen.clone() {
            self.take_variant(index, why);
        }
    }
}

/// `GROUP=NAME` of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    group: String,
    variant: String,
}

/// A choice that no variant of the stack fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariantError {
    /// There is no such group.
    #[error("no group is called `{group}`\n  hint: {hint}")]
    NoGroup {
        /// What was named.
        group: String,
        /// What may be meant.
        hint: String,
    },
    /// The group has no such variant.
    #[error("group `{group}` has no variant `{variant}`\n  hint: {hint}")]
    NoVariant {
        /// The group.
        group: String,
        /// What was named.
        variant: String,
        /// What may be meant.
        hint: String,
    },
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((group, variant)) if !group.is_empty() && !variant.is_empty() => Ok(Self {
                group: group.to_owned(),
                variant: variant.to_owned(),
            }),
            _ => Err("write a group and its variant, as in `gpu-services=gpu`".to_owned()),
        }
    }
}

impl Stack {
    /// The same stack, in which another variant of a group holds.
    #[must_use]
    pub fn with_variant(&self, id: GroupId, index: usize) -> Self {
        let mut stack = self.clone();
        let why = self.group(id).why_variant().cloned().unwrap_or(Why::Usual);
        stack.groups[id.0].take_variant(index, why);
        stack
    }

    /// The same stack, in which the variants hold that it chooses itself: as it is rendered without a command line that says more.
    #[must_use]
    pub fn as_written(&self) -> Self {
        let mut stack = self.clone();
        for group in &mut stack.groups {
            if let Some(index) = group.variants.of_stack {
                group.take_variant(index, Why::Usual);
            }
        }
        stack
    }

    /// Whether the variants hold that the stack chooses itself.
    #[must_use]
    pub fn has_own_variants(&self) -> bool {
        let mut groups = self.groups.iter().map(|group| &group.variants);
        groups.all(|variants| variants.chosen.as_ref().map(|(chosen, _)| *chosen) == variants.of_stack)
    }

    /// The stack with each other variant of a group, one after the other.
    pub fn other_variants(&self, id: GroupId) -> impl Iterator<Item = Self> {
        let variants = &self.group(id).variants;
        let chosen = variants.chosen.as_ref().map(|(chosen, _)| *chosen);
        let others = (0..variants.all.len()).filter(move |index| Some(*index) != chosen);
        others.map(move |index| self.with_variant(id, index))
    }

    /// Makes those variants hold that a command line names.
    ///
    /// # Errors
    /// When a group or a variant is unknown.
    pub fn choose_variants(&mut self, named: &[Named]) -> Result<(), VariantError> {
        for Named { group, variant } in named {
            let Some(id) = self.find_group(group) else {
                let with = self.groups.iter().filter(|group| !group.variants.all.is_empty());
                let names: Vec<&str> = with.map(|group| group.name.as_str()).collect();
                return Err(VariantError::NoGroup {
                    group: group.clone(),
                    hint: groups_hint(group, &names),
                });
            };
            let all = &self.group(id).variants.all;
            let Some(index) = all.iter().position(|known| known.name == *variant) else {
                let names: Vec<&str> = all.iter().map(|known| known.name.as_str()).collect();
                let hint = match names.is_empty() {
                    true => "it has no `variants:`".to_owned(),
                    false => hint(variant, &names),
                };
                return Err(VariantError::NoVariant {
                    group: group.clone(),
                    variant: variant.clone(),
                    hint,
                });
            };
            self.groups[id.0].take_variant(index, Why::Named);
        }
        Ok(())
    }

    /// Where nothing named a variant, makes the first one hold whose devices its host has, all of them. `has` says of a device whether the
    /// host of that group's machine has it; nothing where that host cannot be looked at.
    pub fn choose_variants_by_host(&mut self, has: &dyn Fn(&Group, &Device) -> Option<bool>) {
        for group in &mut self.groups {
            if group.why_variant() != Some(&Why::Usual) {
                continue;
            }
            let mut why = None;
            let mut better = None;
            for (index, variant) in group.variants.all.iter().enumerate() {
                if variant.devices.is_empty() {
                    continue;
                }
                let seen = variant.devices.iter().map(|device| (device, has(group, device)));
                let seen: Vec<(&Device, Option<bool>)> = seen.collect();
                if seen.iter().any(|(_, there)| there.is_none()) {
                    why = why.or(Some(Why::Unseen));
                    continue;
                }
                let lacking = seen.iter().filter(|(_, there)| *there == Some(false));
                let lacking: Vec<String> = lacking.map(|(device, _)| device.host.clone()).collect();
                if lacking.is_empty() {
                    let devices = variant.devices.iter().map(|device| device.host.clone()).collect();
                    better = Some((index, Why::Has(devices)));
                    break;
                }
                why = why.or(Some(Why::Lacks {
                    variant: variant.name.clone(),
                    devices: lacking,
                }));
            }
            match (better, why) {
                (Some((index, why)), _) => group.take_variant(index, why),
                (None, Some(why)) => {
                    if let Some((_, usual)) = &mut group.variants.chosen {
                        *usual = why;
                    }
                }
                (None, None) => {}
            }
        }
    }
}

fn groups_hint(name: &str, names: &[&str]) -> String {
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => "no group has `variants:`".to_owned(),
        None => format!("groups with variants are {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
