//! What a stack means where it writes nothing: one machine and its startup config are enough. What depends on startup configs is filled
//! in once they are read.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::model::Volume;
use super::raw::{RawGroup, RawStack};
use super::resolve::Read;
use super::spans::At;
use super::startup::slug;
use super::tree::{Found, TreeFiles};
use crate::finding::{Finding, Subject};

/// The first port of a host for status endpoints.
const FIRST_STATUS_PORT: u16 = 19_101;

/// The folder of the tree that a startup config belongs to: its own, or the one above if that is called `config`.
fn folder(startup_config: &str) -> &str {
    let own = startup_config.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (above, name) = own.rsplit_once('/').unwrap_or(("", own));
    match name {
        "config" | "configs" | "conf" => above,
        _ => own,
    }
}

/// An import path: the root, and the folder of the startup config.
#[must_use]
pub fn python_path(startup_config: &str) -> Vec<String> {
    let folder = folder(super::tree::normal(startup_config).as_str()).to_owned();
    let further = Some(folder).filter(|folder| !folder.is_empty());
    std::iter::once(".".to_owned()).chain(further).collect()
}

/// The LAN address of the machine at that place.
#[must_use]
pub fn lan_address(first: Ipv4Addr, index: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first).saturating_add(u32::try_from(index).unwrap_or(u32::MAX)))
}

/// The variable with a machine's address: `main-pc` has `MAIN_PC_IP`.
#[must_use]
pub fn address_variable(machine: &str) -> String {
    let letters = machine.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    let name: String = letters.collect();
    let front = if name.starts_with(|c: char| c.is_ascii_digit()) {
        "_"
    } else {
        ""
    };
    format!("{front}{name}_IP")
}

/// The phase of a group, by whether it is on the first machine.
#[must_use]
pub fn phase(on_first: bool) -> u8 {
    if on_first { 2 } else { 4 }
}

/// The requirements file of a group where none is named: its own, or the one that is nearest to the startup config.
#[must_use]
pub fn requirements(group: &str, startup_config: &str, tree: Option<&TreeFiles>) -> String {
    let own = format!("requirements.{group}.txt");
    let Some(tree) = tree else {
        return own;
    };
    let mut folders: Vec<&str> = startup_config
        .match_indices('/')
        .map(|(at, _)| &startup_config[..at])
        .collect();
    folders.reverse();
    folders.push("");
    let in_folder = |folder: &&str| match *folder {
        "" => "requirements.txt".to_owned(),
        folder => format!("{folder}/requirements.txt"),
    };
    let candidates = std::iter::once(own.clone()).chain(folders.iter().map(in_folder));
    let is_there = |path: &String| matches!(tree.find(path, &std::collections::BTreeMap::new()), Found::File(_));
    candidates.into_iter().find(is_there).unwrap_or(own)
}

/// Fills in what the stack leaves to its startup configs and to its tree.
pub fn fill(raw: &mut RawStack, reads: &[Read], tree: Option<&TreeFiles>, findings: &mut Vec<Finding>) {
    if !raw.groups_written && raw.machines.len() == 1 {
        raw.groups = groups(raw, reads);
    }
    agents_of_groups(raw, reads, findings);
    status_ports(raw, reads);
    for (machine, read) in raw.machines.iter_mut().zip(reads) {
        if machine.health_port_offset == 0 {
            machine.health_port_offset = health_port_offset(read, raw.status_port);
        }
    }
    if raw.volumes.is_none() {
        raw.volumes = Some(volumes(tree));
    }
}

/// The groups that the only machine's startup config names.
fn groups(raw: &RawStack, reads: &[Read]) -> Vec<RawGroup> {
    let Some((machine, startup)) = raw.machines.iter().zip(reads).find_map(|(machine, read)| {
        let startup = read.startup.as_ref()?;
        Some((machine, startup))
    }) else {
        return Vec::new();
    };
    startup
        .groups
        .iter()
        .filter_map(|group| {
            let place = group.agents.first()?.place.clone();
            let at = |value: &str| At {
                value: value.to_owned(),
                place: place.clone(),
            };
            Some(RawGroup::of(
                at(&group.name),
                at(&machine.name.value),
                group.agents.clone(),
                phase(true),
            ))
        })
        .collect()
}

/// Groups without `agents:` have those that the startup config has under their name.
fn agents_of_groups(raw: &mut RawStack, reads: &[Read], findings: &mut Vec<Finding>) {
    for group in raw.groups.iter_mut().filter(|group| !group.agents_written) {
        let machine = raw
            .machines
            .iter()
            .position(|machine| machine.name.value == group.machine.value);
        let startup = machine.and_then(|index| reads[index].startup.as_ref());
        let name = slug(&group.name.value);
        let named = startup.and_then(|startup| startup.groups.iter().find(|known| known.name == name));
        if let Some(named) = named {
            group.agents.clone_from(&named.agents);
        } else if startup.is_some() {
            findings.push(
                Finding::error(
                    "stack/missing-key",
                    group.name.place.clone(),
                    format!("group `{}` has no `agents`", group.name.value),
                )
                .about(Subject::Key("agents".to_owned()))
                .about(Subject::group(&group.name.value))
                .with_help("add `agents:`: the startup config has no group of that name"),
            );
        }
    }
}

/// What health ports are above their agents' ports: 1, as is the custom, unless that makes two ports one.
fn health_port_offset(read: &Read, status_port: u16) -> u16 {
    const OFFSETS: [u16; 6] = [1, 1_000, 2_000, 3_000, 10_000, 20_000];
    let agents = || read.startup.iter().flat_map(|startup| &startup.agents);
    let serves = |offset: &u16| {
        let mut taken = BTreeSet::from([status_port]);
        taken.extend(agents().map(|agent| agent.port.value));
        taken.extend(agents().filter_map(|agent| Some(agent.health_check_port.as_ref()?.value)));
        let mut implied = agents().filter(|agent| agent.health_check_port.is_none());
        implied.all(|agent| {
            agent
                .port
                .value
                .checked_add(*offset)
                .is_some_and(|port| taken.insert(port))
        })
    };
    OFFSETS.into_iter().find(serves).unwrap_or(1)
}

/// Gives groups without a published status port the first that nobody has.
fn status_ports(raw: &mut RawStack, reads: &[Read]) {
    let mut taken: BTreeSet<u16> = raw
        .groups
        .iter()
        .map(|group| group.published_status_port.value)
        .collect();
    let agents = reads
        .iter()
        .filter_map(|read| read.startup.as_ref())
        .flat_map(|startup| &startup.agents);
    for agent in agents {
        taken.insert(agent.port.value);
        taken.extend(agent.health_check_port.as_ref().map(|port| port.value));
    }
    for group in raw
        .groups
        .iter_mut()
        .filter(|group| group.published_status_port.value == 0)
    {
        let free = (FIRST_STATUS_PORT..=u16::MAX).find(|port| !taken.contains(port));
        group.published_status_port.value = free.unwrap_or(FIRST_STATUS_PORT);
        taken.insert(group.published_status_port.value);
    }
}

/// Volumes where the stack has none: what agents of this kind write. A folder with Python files stays what it is in the tree.
fn volumes(tree: Option<&TreeFiles>) -> Vec<Volume> {
    let holds_code = |name: &str| {
        tree.is_some_and(|tree| {
            let inside = format!("{name}/");
            let below = tree
                .files
                .range(inside.clone()..)
                .take_while(|path| path.starts_with(&inside));
            below.into_iter().any(|path| path.ends_with(".py"))
        })
    };
    ["logs", "data", "models"]
        .into_iter()
        .filter(|name| !holds_code(name))
        .map(|name| Volume {
            name: name.to_owned(),
            path: format!("/app/{name}"),
            read_only: false,
            host: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::fixture::{Fixture, MAIN};

    #[test]
    fn the_folder_of_a_startup_config_is_imported_from() {
        for (config, path) in [
            ("main/config/startup.yaml", vec![".", "main"]),
            ("main/startup.yaml", vec![".", "main"]),
            ("./a/b/startup.yaml", vec![".", "a/b"]),
            ("config/startup.yaml", vec!["."]),
            ("startup.yaml", vec!["."]),
        ] {
            assert_eq!(python_path(config), path, "{config}");
        }
    }

    #[test]
    fn variables_have_the_machine_s_name() {
        for (machine, name) in [("pc2", "PC2_IP"), ("main-pc", "MAIN_PC_IP"), ("2nd", "_2ND_IP")] {
            assert_eq!(address_variable(machine), name);
        }
    }

    const THREE_LINES: &str = "machines:\n  home:\n    startup_config: main/startup.yaml\n";

    fn fixture(stack: &str) -> Fixture {
        let mut fixture = Fixture::small();
        fixture.stack = stack.as_bytes().to_vec();
        // The second machine's agent is not there.
        fixture.file(MAIN, "[Alpha, Ghost]", "[Alpha]")
    }

    #[test]
    fn three_lines_are_a_stack() {
        let fixture = fixture(THREE_LINES).file(MAIN, "SHORT/beta.py", "long/beta.py");
        assert_eq!(fixture.says(), Vec::<String>::new());
        let stack = fixture.model();
        assert_eq!((stack.name.as_str(), stack.source_tree.as_str()), ("ai_system", "."));
        assert_eq!(stack.images.namespace, "localhost/ai_system");
        assert_eq!(stack.images.base_image, "docker.io/library/python:3.11-slim");
        let machine = &stack.machines[0];
        assert_eq!(machine.code, ["."]);
        assert_eq!(machine.python_path, [".", "main"]);
        assert_eq!(machine.network, "ai_system_home");
        assert_eq!(machine.address_variable, "HOME_IP");
        let groups: Vec<(&str, u16, &str, u8)> = stack
            .groups
            .iter()
            .map(|group| {
                let port = group.published_status_port;
                (group.name.as_str(), port, group.requirements.as_str(), group.phase)
            })
            .collect();
        assert_eq!(
            groups,
            [
                ("core", 19_101, "requirements.core.txt", 2),
                ("side", 19_102, "requirements.side.txt", 2)
            ]
        );
        let volumes: Vec<&str> = stack.volumes.iter().map(|volume| volume.path.as_str()).collect();
        assert_eq!(volumes, ["/app/logs", "/app/data", "/app/models"]);
        assert_eq!(stack.agents[1].script_path, "main/long/beta.py");
        // The next port is that of the next agent.
        assert_eq!(stack.agents[0].health_check_port, 6_000);
        let apart = fixture
            .file(MAIN, "port: 5001", "port: 5010")
            .file(MAIN, "port: 5002", "port: 5020");
        assert_eq!(apart.model().agents[0].health_check_port, 5_001);
    }

    #[test]
    fn a_tree_with_one_requirements_file_uses_it_and_code_is_not_covered_by_a_volume() {
        let mut fixture = fixture(THREE_LINES).file(MAIN, "SHORT/beta.py", "long/beta.py");
        for path in ["requirements.core.txt", "requirements.side.txt"] {
            fixture.tree.files.remove(path);
        }
        for path in ["requirements.txt", "models/net.py", "data/x.json"] {
            fixture.tree.files.insert(path.to_owned());
        }
        let stack = fixture.model();
        assert!(
            stack
                .groups
                .iter()
                .all(|group| group.requirements == "requirements.txt")
        );
        let volumes: Vec<&str> = stack.volumes.iter().map(|volume| volume.name.as_str()).collect();
        assert_eq!(volumes, ["logs", "data"]);
        fixture.tree.files.insert("main/requirements.txt".to_owned());
        assert_eq!(fixture.model().groups[0].requirements, "main/requirements.txt");
    }

    #[test]
    fn a_group_needs_nothing_but_its_name_where_the_startup_config_has_it() {
        let fixture = fixture(&format!(
            "{THREE_LINES}groups:\n  side:\n  core: {{agents: [Alpha, Beta]}}\n"
        ))
        .file(MAIN, "SHORT/beta.py", "long/beta.py");
        assert_eq!(fixture.says(), Vec::<String>::new());
        let stack = fixture.model();
        let sizes: Vec<usize> = stack.groups.iter().map(|group| group.agents.len()).collect();
        assert_eq!(sizes, [1, 2]);
        let fixture =
            self::fixture(&format!("{THREE_LINES}groups:\n  other:\n")).file(MAIN, "SHORT/beta.py", "long/beta.py");
        let says = fixture.says();
        assert!(
            says.iter()
                .any(|line| line.contains("group `other` has no `agents`; help: add `agents:`: the startup")),
            "{says:#?}"
        );
    }

    #[test]
    fn several_machines_need_groups() {
        let mut fixture = Fixture::small();
        fixture.stack = format!("{THREE_LINES}  far: {{startup_config: pc2/startup.yaml}}\n").into_bytes();
        assert_eq!(
            fixture.says()[0],
            "config/stack.yaml:1:1 error stack/missing-key: the stack has no `groups`; help: add `groups:`"
        );
    }
}
