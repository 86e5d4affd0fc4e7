//! What Docker says of a stack's containers, networks, volumes and images, and what is to be done to have them as the stack wants.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde::Deserialize;

use super::event::Action;
use super::standing::Standing;
use crate::images::labels::{CHECKOUT, DIGEST, STACK};
use crate::images::oci::{Execution, Lower};
use crate::stack::labels::{DOCKER, ENGINE, GROUP, MACHINE};
use crate::stack::{GroupId, Stack};

/// The label by which Compose knows its containers.
pub const PROJECT: &str = "com.docker.compose.project";

/// Labels; Docker writes `null` where there are none.
pub type Labels = Option<BTreeMap<String, String>>;

/// Whether something carries the labels of what this program has Docker run for that stack. Images have the stack's name alone, and give
/// it to every container of theirs, whoever starts it.
#[must_use]
pub fn belongs_to(labels: &Labels, stack: &str) -> bool {
    label(labels, STACK) == Some(stack) && label(labels, ENGINE) == Some(DOCKER)
}

fn label<'a>(labels: &'a Labels, name: &str) -> Option<&'a str> {
    labels.as_ref()?.get(name).map(String::as_str)
}

/// Of things of a stack, how many each other checkout has had made.
pub fn others<'a>(things: impl Iterator<Item = &'a Labels>, checkout: &str) -> BTreeMap<Option<String>, usize> {
    let mut others = BTreeMap::new();
    for by in things.map(|labels| label(labels, CHECKOUT)) {
        if by != Some(checkout) {
            *others.entry(by.map(str::to_owned)).or_default() += 1;
        }
    }
    others
}

/// A container, as `docker container inspect` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Container {
    /// Its id.
    pub id: String,
    name: String,
    /// Id of its image.
    pub image: String,
    #[serde(default)]
    restart_count: u32,
    state: State,
    config: Config,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(default)]
    exit_code: i32,
    #[serde(default)]
    started_at: String,
    #[serde(default)]
    pid: u32,
    #[serde(default)]
    error: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    image: String,
    #[serde(default)]
    labels: Labels,
}

impl Container {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    /// Name of its image.
    #[must_use]
    pub fn image_name(&self) -> &str {
        &self.config.image
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.config.labels
    }

    /// The group that it is of.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        label(&self.config.labels, GROUP)
    }

    /// The machine that it is of.
    #[must_use]
    pub fn machine(&self) -> Option<&str> {
        label(&self.config.labels, MACHINE)
    }

    /// The Compose project that it is of.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        label(&self.config.labels, PROJECT)
    }

    /// Its first process, as its host numbers it; none where it does not run.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        Some(self.state.pid).filter(|pid| *pid > 0)
    }

    /// Why Docker could not start it last.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        Some(self.state.error.trim()).filter(|error| !error.is_empty())
    }

    /// How it stands. Between two starts Docker calls it `restarting`: it comes back.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let State {
            status,
            exit_code,
            started_at,
            ..
        } = &self.state;
        if status == "running" || status == "restarting" {
            return Standing::Running {
                since: DateTime::parse_from_rfc3339(started_at).map_or(0, |at| at.timestamp()),
                restarts: self.restart_count,
                exit: *exit_code,
                said: None,
            };
        }
        Standing::Stopped {
            state: status.clone(),
            exit: *exit_code,
            said: None,
        }
    }

    /// Whether it runs, was made as the digest says, and of that image.
    fn is_as_wanted(&self, digest: Option<&String>, image: Option<&String>) -> bool {
        self.standing().runs()
            && label(&self.config.labels, DIGEST) == digest.map(String::as_str)
            && Some(&self.image) == image
    }
}

/// A network, as `docker network inspect` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Labels,
    #[serde(default, rename = "IPAM")]
    ipam: Ipam,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Ipam {
    config: Option<Vec<Pool>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Pool {
    subnet: String,
}

impl Network {
    /// Its subnets, in CIDR notation.
    #[must_use]
    pub fn subnets(&self) -> Vec<&str> {
        let pools = self.ipam.config.iter().flatten();
        pools.map(|pool| pool.subnet.as_str()).collect()
    }
}

/// A volume, as `docker volume inspect` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Labels,
}

/// An image, as `docker image inspect` has it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// Its id.
    pub id: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    config: Option<Started>,
    #[serde(rename = "RootFS")]
    root_fs: Layers,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Started {
    user: Option<String>,
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    labels: Labels,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Layers {
    layers: Option<Vec<String>>,
}

impl Image {
    /// Its names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.repo_tags.iter().flatten()
    }

    /// Whether it is of that stack, and nothing names it any more: a newer one has its name.
    #[must_use]
    pub fn is_replaced(&self, stack: &str) -> bool {
        let labels = self.config.as_ref().and_then(|config| config.labels.as_ref());
        let is_own = labels
            .and_then(|labels| labels.get(STACK))
            .is_some_and(|name| name == stack);
        is_own && self.names().next().is_none()
    }

    /// Whether it is one that Podman has: by its id, or, where Docker numbers images in a way of its own, by its layers and what is started
    /// in it.
    #[must_use]
    pub fn is_the_same(&self, other: &Lower) -> bool {
        if self.id.trim_start_matches("sha256:") == other.id.trim_start_matches("sha256:") {
            return true;
        }
        let Started {
            user,
            env,
            entrypoint,
            cmd,
            working_dir,
            labels,
        } = self.config.clone().unwrap_or_default();
        let own = Execution {
            user: user.unwrap_or_default(),
            env: env.unwrap_or_default(),
            entrypoint: entrypoint.unwrap_or_default(),
            cmd: cmd.unwrap_or_default(),
            working_dir: working_dir.unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            ..other.config.clone()
        };
        self.root_fs.layers.as_ref() == Some(&other.root_fs.layers) && own == other.config
    }
}

/// What a machine's groups are to be like, and what Docker has.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// The groups.
    pub groups: &'a [GroupId],
    /// Of each, the digest of how it is made.
    pub digests: &'a BTreeMap<GroupId, String>,
    /// Ids of images that Docker has as they should be, by name.
    pub images: &'a BTreeMap<String, String>,
    /// Machines whose network is made anew: so is all that is on it.
    pub new_networks: &'a BTreeSet<String>,
}

/// What is to become of each group, given the stack's own containers.
#[must_use]
pub fn actions(wanted: &Wanted<'_>, own: &[Container]) -> BTreeMap<GroupId, Action> {
    let Wanted { stack, .. } = wanted;
    let action = |id: GroupId| {
        let group = stack.group(id);
        let Some(container) = own.iter().find(|container| container.name() == group.name) else {
            return Action::Created;
        };
        let image = wanted.images.get(&stack.group_image(id));
        let stays = container.is_as_wanted(wanted.digests.get(&id), image)
            && !wanted.new_networks.contains(&stack.machine(group.machine).name);
        if stays { Action::Unchanged } else { Action::Replaced }
    };
    wanted.groups.iter().map(|id| (*id, action(*id))).collect()
}

/// Containers of these machines that are no group's any more: of groups that the stack does not have, or that are on another machine now.
#[must_use]
pub fn gone<'a>(stack: &Stack, machines: &BTreeSet<String>, own: &'a [Container]) -> Vec<&'a Container> {
    let is_a_group = |container: &Container| {
        let group = container.group().and_then(|name| stack.find_group(name));
        group.is_some_and(|id| {
            let group = stack.group(id);
            container.name() == group.name && container.machine() == Some(&stack.machine(group.machine).name)
        })
    };
    let of_machines = |container: &&Container| container.machine().is_some_and(|name| machines.contains(name));
    own.iter()
        .filter(of_machines)
        .filter(|container| !is_a_group(container))
        .collect()
}

/// What Docker cannot give these groups, and Podman does, one line each.
#[must_use]
pub fn lacks(stack: &Stack, groups: &[GroupId]) -> Vec<String> {
    let mut lacks = Vec::new();
    for id in groups {
        let group = stack.group(*id);
        let capabilities = &group.extras.rights.capabilities;
        let is_root = stack.group_user(*id).map_or(stack.images.uid, |(user, _)| user) == 0;
        if !capabilities.is_empty() && !is_root {
            let names: Vec<&str> = capabilities.iter().map(String::as_str).collect();
            lacks.push(format!(
                "group `{}`: Docker gives capabilities to root alone, and its agents are not: they have no {}\n  hint: `user: root` of the \
                 group, or Podman (`cargo xtask up`, `deploy --engine quadlet`)",
                group.name,
                names.join(", ")
            ));
        }
    }
    lacks
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Container, Image, Network, Wanted, actions, belongs_to, gone, lacks, others};
    use crate::boot::event::Action;
    use crate::boot::standing::Standing;
    use crate::images::oci::Lower;
    use crate::stack::fixture::{Fixture, MAIN};

    fn container(name: &str, status: &str, labels: &str) -> Container {
        serde_json::from_str(&format!(
            r#"{{"Id":"1{name}","Name":"/{name}","Image":"sha256:aa","RestartCount":2,
                "State":{{"Status":"{status}","ExitCode":3,"StartedAt":"2023-11-14T22:13:20.123456789Z","Pid":7,"Error":""}},
                "Config":{{"Image":"localhost/s/{name}:latest","Labels":{{{labels}}}}}}}"#
        ))
        .unwrap()
    }

    fn labels(group: &str, machine: &str, digest: &str) -> String {
        format!(
            r#""ai-system.stack":"s","ai-system.engine":"docker","ai-system.checkout":"/here","ai-system.group":"{group}",
               "ai-system.machine":"{machine}","ai-system.input-digest":"{digest}""#
        )
    }

    #[test]
    fn a_container_is_read_and_one_between_two_starts_is_not_lost() {
        let standing = |status: &str| container("core", status, "").standing();
        let running = Standing::Running {
            since: 1_700_000_000,
            restarts: 2,
            exit: 3,
            said: None,
        };
        assert_eq!(standing("running"), running);
        assert_eq!(container("core", "running", "").error(), None);
        assert_eq!(standing("restarting"), running);
        assert_eq!(
            standing("exited").text(),
            "does not run: its container exited with code 3"
        );
        assert_eq!(standing("created").text(), "does not run: its container is `created`");
    }

    #[test]
    fn what_has_the_stacks_name_from_its_image_is_not_the_stacks() {
        let own = container("core", "running", &labels("core", "mainpc", "d"));
        assert!(belongs_to(own.labels(), "s") && !belongs_to(own.labels(), "t"));
        let started_by_hand = container("core", "running", r#""ai-system.stack":"s""#);
        assert!(!belongs_to(started_by_hand.labels(), "s"));
        assert_eq!(others([own.labels()].into_iter(), "/here"), BTreeMap::new());
        assert_eq!(
            others([own.labels()].into_iter(), "/there"),
            BTreeMap::from([(Some("/here".to_owned()), 1)])
        );
    }

    #[test]
    fn only_what_is_another_is_made_anew() {
        let stack = Fixture::small().model();
        let groups: Vec<_> = stack.groups().map(|(id, _)| id).collect();
        let [core, side] = ["core", "side"].map(|name| stack.find_group(name).unwrap());
        let machine = &stack.machine(stack.group(core).machine).name;
        let digests: BTreeMap<_, _> = groups.iter().map(|id| (*id, "d".to_owned())).collect();
        let images: BTreeMap<_, _> = groups
            .iter()
            .map(|id| (stack.group_image(*id), "sha256:aa".to_owned()))
            .collect();
        let none = BTreeSet::new();
        let wanted = Wanted {
            stack: &stack,
            groups: &groups,
            digests: &digests,
            images: &images,
            new_networks: &none,
        };
        let own = |status: &str, digest: &str| {
            [
                container("core", status, &labels("core", machine, digest)),
                container("old", "running", &labels("old", machine, "d")),
            ]
        };
        let becomes = |own: &[Container]| actions(&wanted, own)[&core];
        assert_eq!(becomes(&own("running", "d")), Action::Unchanged);
        assert_eq!(becomes(&own("running", "e")), Action::Replaced);
        assert_eq!(becomes(&own("exited", "d")), Action::Replaced);
        assert_eq!(actions(&wanted, &own("running", "d"))[&side], Action::Created);
        let other = BTreeMap::from([(stack.group_image(core), "sha256:bb".to_owned())]);
        for (images, networks) in [
            (&other, &none),
            (&BTreeMap::new(), &none),
            (&images, &BTreeSet::from([machine.clone()])),
        ] {
            let wanted = Wanted {
                images,
                new_networks: networks,
                ..wanted
            };
            assert_eq!(actions(&wanted, &own("running", "d"))[&core], Action::Replaced);
        }
        let there = own("running", "d");
        let of = |machines: &[&str]| {
            let machines = machines.iter().map(|name| (*name).to_owned()).collect();
            let gone = gone(&stack, &machines, &there).into_iter();
            gone.map(|container| container.name().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(&[machine]), ["old"]);
        assert_eq!(of(&["another"]), Vec::<String>::new());
    }

    #[test]
    fn an_image_is_the_same_by_its_id_or_by_all_that_it_is() {
        let image = |id: &str, user: &str| -> Image {
            serde_json::from_str(&format!(
                r#"{{"Id":"{id}","RepoTags":["localhost/s/core:latest"],"RootFS":{{"Layers":["sha256:l"]}},
                    "Config":{{"User":"{user}","Env":["A=b"],"Entrypoint":null,"Cmd":["x"],"Labels":null}}}}"#
            ))
            .unwrap()
        };
        let podman: Lower = serde_json::from_str(
            r#"{"Id":"aa","RepoTags":[],"Architecture":"amd64","Os":"linux","RootFS":{"Layers":["sha256:l"]},
                "Config":{"User":"1","Env":["A=b"],"Cmd":["x"],"ExposedPorts":{"1/tcp":{}}}}"#,
        )
        .unwrap();
        assert!(image("sha256:aa", "2").is_the_same(&podman));
        assert!(image("sha256:bb", "1").is_the_same(&podman));
        assert!(!image("sha256:bb", "2").is_the_same(&podman));
        assert_eq!(image("x", "").names().count(), 1);
    }

    #[test]
    fn an_image_of_the_stack_is_replaced_once_nothing_names_it() {
        let image = |names: &str, stack: &str| -> Image {
            serde_json::from_str(&format!(
                r#"{{"Id":"x","RepoTags":{names},"RootFS":{{"Layers":[]}},"Config":{{"Labels":{{"ai-system.stack":"{stack}"}}}}}}"#
            ))
            .unwrap()
        };
        assert!(image("[]", "s").is_replaced("s") && image("null", "s").is_replaced("s"));
        assert!(!image("[]", "t").is_replaced("s") && !image(r#"["mine:1"]"#, "s").is_replaced("s"));
    }

    #[test]
    fn a_network_tells_its_subnets() {
        let read = |text: &str| serde_json::from_str::<Network>(text).unwrap();
        let one = read(r#"{"Name":"n","Id":"i","Labels":{},"IPAM":{"Config":[{"Subnet":"10.1.0.0/16"}]}}"#);
        assert_eq!(one.subnets(), ["10.1.0.0/16"]);
        assert!(
            read(r#"{"Name":"host","Id":"i","Labels":null,"IPAM":{"Config":null}}"#)
                .subnets()
                .is_empty()
        );
    }

    #[test]
    fn capabilities_that_agents_would_not_get_are_told() {
        let stack = Fixture::small()
            .stack("status_port: 9000", "status_port: 9000\ncapabilities: [SYS_NICE]")
            .model();
        let groups: Vec<_> = stack.groups().map(|(id, _)| id).collect();
        let lines = lacks(&stack, &groups);
        assert_eq!(lines.len(), groups.len());
        assert!(lines[0].contains("they have no SYS_NICE"), "{lines:?}");
        let plain = Fixture::small().file(MAIN, "port: 5002", "port: 5002").model();
        assert!(lacks(&plain, &groups).is_empty());
    }
}
