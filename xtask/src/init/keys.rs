//! What was inferred as keys of a stack, in the order of the file.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::document::{Item, Shown};
use super::evidence::{Evidence, Known};
use super::requirements::Source;
use super::{Draft, GroupOf, Inference, Machine, ports, writable};

/// First port of the host's loopback that a group's status is published at.
const FIRST_STATUS_PORT: u16 = 19101;

/// Makes them.
pub fn inference(draft: Draft, code: FxHashSet<String>) -> Inference {
    let (items, files) = written(&draft);
    let groups = || draft.machines.iter().flat_map(|machine| &machine.groups);
    Inference {
        items,
        files,
        counts: (
            draft.machines.len(),
            groups().count(),
            groups().map(|group| group.group.value.agents.len()).sum(),
        ),
        draft,
        code,
    }
}

/// The keys, and the files that they name and the tree does not have.
fn written(draft: &Draft) -> (Vec<Item>, Vec<(String, String)>) {
    let mut items = Vec::new();
    let shared = shared_requirements(draft);
    general(draft, shared.as_ref(), &mut items);
    for machine in &draft.machines {
        self::machine(draft, machine, &mut items);
    }
    fallbacks(draft, &mut items);
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut ports = status_ports(draft);
    for machine in &draft.machines {
        for group in &machine.groups {
            self::group(
                machine,
                group,
                shared.is_none(),
                ports.next().unwrap_or(FIRST_STATUS_PORT),
                &mut items,
            );
            items.extend(super::settings::items(&draft.settings, &group.group.value.name));
            if let Source::Made(path, text) = &group.requirements.value {
                files.insert(path.clone(), text.clone());
            }
        }
    }
    let files = files.into_iter().chain(super::checks::files(draft)).collect();
    (items, files)
}

/// The requirements file of all groups, where they have one.
fn shared_requirements(draft: &Draft) -> Option<Known<String>> {
    let mut all = draft
        .machines
        .iter()
        .flat_map(|machine| &machine.groups)
        .map(|group| &group.requirements);
    let first = all.next()?;
    let Source::Tree(path) = &first.value else {
        return None;
    };
    let mut known = first.clone().map(|_| path.clone());
    for other in all {
        if !matches!(&other.value, Source::Tree(other) if other == path) {
            return None;
        }
        for doubt in &other.doubts {
            if !known.doubts.contains(doubt) {
                known = known.but(doubt.clone());
            }
        }
    }
    Some(known)
}

fn general(draft: &Draft, requirements: Option<&Known<String>>, items: &mut Vec<Item>) {
    let text = |text: &str| Shown::Scalar(text.to_owned());
    items.push(Item::default(&["version"], Shown::Number(1)));
    items.push(Item::default(&["name"], text(&draft.name)));
    items.push(Item::default(&["source_tree"], text(".")));
    items.push(Item::new(
        &["python", "version"],
        &draft.python,
        text(&draft.python.value.to_string()),
    ));
    items.push(Item::default(
        &["images", "namespace"],
        text(&format!("localhost/{}", draft.name)),
    ));
    let image = format!("docker.io/library/python:{}-slim", draft.python.value);
    items.push(Item::default(&["images", "base_image"], text(&image)));
    if let Some(known) = requirements {
        items.push(Item::new(&["images", "requirements"], known, text(&known.value)));
    }
    if let Some(known) = &draft.packages {
        items.push(Item::new(
            &["images", "packages"],
            known,
            Shown::List(known.value.clone()),
        ));
    }
    if !draft.included.is_empty() {
        let known = Known::agreed((), draft.included.values().cloned().collect());
        let paths = draft.included.keys().cloned().collect();
        items.push(Item::new(&["images", "include"], &known, Shown::List(paths)));
    }
    // Those with a value first: a note that opens the section would leave it empty.
    let (with, without): (Vec<_>, Vec<_>) = draft.variables.iter().partition(|(_, known)| known.value.is_some());
    for (name, known) in with {
        let value = known.value.clone().unwrap_or_default();
        items.push(Item::new(&["variables", name], known, Shown::Scalar(value)));
    }
    for (name, known) in without {
        let mut item = Item::new(&["variables", name], known, Shown::Note);
        item.key.truncate(1);
        item.doubts = vec![format!(
            "nothing in the tree sets `{name}`: `variables: {{{name}: VALUE}}` would"
        )];
        items.push(item);
    }
    let ports: Vec<_> = draft.machines.iter().map(Machine::ports).collect();
    if let Some((port, evidence)) = ports::status(ports.iter().flat_map(BTreeMap::values).flatten()) {
        let known = Known::agreed((), vec![evidence]);
        items.push(Item::new(&["status_port"], &known, Shown::Number(u64::from(port))));
    }
    let writable = writable::known(draft.writable.clone());
    for (name, (folder, evidence)) in &writable.value.volumes {
        let known = Known::agreed((), vec![evidence.clone()]);
        // One outside of the code is where the code says.
        let path = match folder.starts_with('/') {
            true => folder.clone(),
            false => format!("/app/{folder}"),
        };
        items.push(Item::new(&["volumes", name], &known, text(&path)));
    }
    let written: Vec<String> = writable.value.beside_code.keys().cloned().collect();
    if !written.is_empty() || !writable.doubts.is_empty() {
        let shown = match written.is_empty() {
            true => Shown::Note,
            false => Shown::List(written),
        };
        items.push(Item::new(&["writable"], &writable, shown));
    }
    if let Some(first) = draft.compose_devices.first() {
        let why = format!("a Compose file gives devices to containers ({})", first.place());
        items.push(Item::new(
            &["devices"],
            &Known::doubtful((), draft.compose_devices.clone(), why),
            Shown::Note,
        ));
    }
}

fn machine(draft: &Draft, machine: &Machine, items: &mut Vec<Item>) {
    let name = machine.name.value.as_str();
    let key = |key: &'static str| ["machines", name, key];
    let list = |values: &[String]| Shown::List(values.to_vec());
    items.push(Item::new(&["machines", name], &machine.name, Shown::Section));
    let config = &machine.config;
    let mut item = Item::new(&key("startup_config"), config, Shown::Scalar(config.value.path.clone()));
    // Where scripts are is a thing of the config that lists them.
    item.evidence.extend(machine.scripts.evidence.iter().cloned());
    if !machine.scripts.doubts.is_empty() {
        item.mark = machine.scripts.mark;
        item.doubts.extend(machine.scripts.doubts.iter().cloned());
    }
    items.push(item);
    items.push(Item::new(&key("code"), &machine.code, list(&machine.code.value)));
    items.push(Item::new(
        &key("python_path"),
        &machine.python_path,
        list(&machine.python_path.value),
    ));
    for (alias, target) in &machine.scripts.value.aliases {
        let known = Known::agreed((), machine.scripts.evidence.clone());
        let key = ["machines", name, "path_aliases", alias.as_str()];
        items.push(Item::new(&key, &known, Shown::Scalar(target.clone())));
    }
    let address = &machine.address;
    items.push(Item::new(
        &key("lan_address"),
        &address.lan,
        Shown::Scalar(address.lan.value.to_string()),
    ));
    items.push(Item::new(
        &key("address_variable"),
        &address.variable,
        Shown::Scalar(address.variable.value.clone()),
    ));
    // Other stacks of the host have networks, too.
    let network = format!("{}_{name}", draft.name);
    items.push(Item::default(
        &["machines", name, "network", "name"],
        Shown::Scalar(network),
    ));
    let offset = Shown::Number(u64::from(machine.health.value));
    items.push(Item::new(&key("health_port_offset"), &machine.health, offset));
    let off = &config.value.disabled;
    if !off.is_empty() {
        let known = Known::agreed((), config.evidence.clone());
        let known = known.but(format!(
            "the config switches `{}` off: no group has them",
            off.join("`, `")
        ));
        items.push(Item::new(&key("leave_out"), &known, Shown::Note));
    }
}

fn fallbacks(draft: &Draft, items: &mut Vec<Item>) {
    // Those with a value first: a note that opens the section would leave it empty.
    let (with, without): (Vec<_>, Vec<_>) = draft.fallbacks.iter().partition(|(_, known)| known.value.is_some());
    for (name, known) in with {
        let script = known.value.clone().unwrap_or_default();
        items.push(Item::new(&["fallbacks", name], known, Shown::Scalar(script)));
    }
    let names: Vec<String> = without.iter().map(|(name, _)| (*name).clone()).collect();
    if names.is_empty() {
        return;
    }
    let evidence: Vec<Evidence> = without.iter().flat_map(|(_, known)| known.evidence.clone()).collect();
    let why = match without.as_slice() {
        [(_, known)] => known.doubts.first().cloned().unwrap_or_default(),
        _ => format!(
            "no startup config defines `{}`: agents that depend on them start without",
            names.join("`, `")
        ),
    };
    items.push(Item::new(
        &["dependencies"],
        &Known::doubtful((), evidence, why),
        Shown::Note,
    ));
}

fn group(machine: &Machine, group: &GroupOf, own_requirements: bool, port: u16, items: &mut Vec<Item>) {
    let name = group.group.value.name.as_str();
    let key = |key: &'static str| ["groups", name, key];
    items.push(Item::default(
        &key("machine"),
        Shown::Scalar(machine.name.value.clone()),
    ));
    items.push(Item::default(&key("phase"), Shown::Number(u64::from(group.phase()))));
    items.push(Item::default(
        &key("published_status_port"),
        Shown::Number(u64::from(port)),
    ));
    items.push(Item::new(
        &key("agents"),
        &group.group,
        Shown::List(group.group.value.agents.clone()),
    ));
    if own_requirements {
        let path = group.requirements.value.path().to_owned();
        items.push(Item::new(
            &key("requirements"),
            &group.requirements,
            Shown::Scalar(path),
        ));
    }
    if let Some(known) = &group.packages {
        items.push(Item::new(&key("packages"), known, Shown::List(known.value.clone())));
    }
    if !group.devices.is_empty() {
        let what: Vec<&str> = group.devices.keys().copied().collect();
        let evidence: Vec<Evidence> = group.devices.values().cloned().collect();
        let places: Vec<String> = evidence.iter().map(Evidence::place).collect();
        let why = format!("agents may open {} ({})", what.join(", "), places.join(", "));
        items.push(Item::new(
            &key("devices"),
            &Known::doubtful((), evidence, why),
            Shown::Note,
        ));
    }
}

/// Ports of the host's loopback that no agent has.
fn status_ports(draft: &Draft) -> impl Iterator<Item = u16> {
    let taken: BTreeSet<u16> = draft
        .machines
        .iter()
        .flat_map(|machine| {
            let offset = machine.health.value;
            machine.config.value.agents.iter().flat_map(move |agent| {
                let health = agent.health_port.or_else(|| agent.port?.checked_add(offset));
                [agent.port, health]
            })
        })
        .flatten()
        .collect();
    (FIRST_STATUS_PORT..=u16::MAX).filter(move |port| !taken.contains(port))
}
