//! `docker/Dockerfile.base` and `docker/Dockerfile.<group>`.

use std::collections::BTreeMap;

use minijinja::Value;

use super::template::fill;
use crate::container::command::{command, health_command};
use crate::container::layout::{CONFIG_FOLDER, FIRST, ROOT, python_path};
use crate::images::stages;
use crate::rendered_file::RenderedFile;
use crate::stack::requirements_lock;
use crate::stack::{GroupId, Stack, normal, secret};
use crate::template::values;

/// The base image.
#[must_use]
pub fn base(stack: &Stack) -> RenderedFile {
    let images = &stack.images;
    let mut folders: Vec<&str> = vec![ROOT];
    folders.extend(stack.volumes.iter().map(|volume| volume.path.as_str()));
    let values = values! {
        header => stack.output.header(),
        output => stack.output.prefix(),
        ignore => ignore_option(stack),
        name => stack.name,
        image => stack.image("base"),
        base_image => images.base_image,
        packages => images.packages,
        python_version => stack.python_version.to_string(),
        user => images.user,
        uid => images.uid,
        folders,
    };
    RenderedFile {
        path: stack.output.at("docker/Dockerfile.base"),
        text: fill(include_str!("../../../docker/templates/Dockerfile.base.j2"), &values),
        executable: false,
    }
}

/// How a build by hand is told of `.containerignore` where it does not stand at the root of the context.
fn ignore_option(stack: &Stack) -> String {
    if stack.output.prefix().is_empty() {
        String::new()
    } else {
        format!(" --ignorefile {}", stack.output.at(".containerignore"))
    }
}

/// The folder of rendered files in an image that is built by hand, where it gets there: with code that holds it. `code`: normal paths.
fn ours_in_image(stack: &Stack, code: &[String]) -> Option<String> {
    let below = stack.output.below(&stack.written_tree)?;
    let holds = |folder: &String| folder == "." || below.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    code.iter().any(holds).then(|| format!("{ROOT}/{below}"))
}

/// One group's image; `locked` where its requirements have a lock.
#[must_use]
pub fn group(stack: &Stack, id: GroupId, locked: bool) -> RenderedFile {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let supervision = &machine.supervision;
    let agents: Vec<_> = group.agents.iter().map(|id| stack.agent(*id)).collect();
    let names: Vec<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    let mut ports: Vec<u16> = agents
        .iter()
        .flat_map(|agent| agent.ports())
        .chain([stack.status_port])
        .collect();
    ports.sort_unstable();
    ports.dedup();
    let aliases: Vec<Value> = machine
        .path_aliases
        .iter()
        .map(|(alias, target)| {
            let path = format!("{ROOT}/{alias}");
            let parent = path.rsplit_once('/').map_or(ROOT, |(parent, _)| parent);
            values! { path, parent, target => format!("{ROOT}/{target}") }
        })
        .collect();
    // `.` is the content of the tree itself.
    let code: Vec<String> = machine
        .code
        .iter()
        .map(|folder| Some(normal(folder)).filter(|folder| !folder.is_empty()))
        .map(|folder| folder.unwrap_or_else(|| ".".to_owned()))
        .collect();
    let beside = folders_of(&group.beside);
    let kept: Vec<Value> = stack
        .kept(id)
        .into_iter()
        .map(|kept| values! { path => kept.path, target => kept.target })
        .collect();
    let open: Vec<Value> = group
        .open_folders()
        .map(|(folder, names)| values! { folder => format!("{ROOT}/{folder}"), names })
        .collect();
    let values = values! {
        header => stack.output.header(),
        output => stack.output.prefix(),
        ignore => ignore_option(stack),
        program => stack.output.program(),
        ours => ours_in_image(stack, &code),
        name => stack.name,
        image => stack.group_image(id),
        base => stack.image("base"),
        tree => tree_argument(stack),
        group => group.name,
        dockerfile => group.dockerfile(),
        variant => group.variant().map(|variant| variant.name.clone()),
        machine => machine.name,
        agents => names,
        requirements => group.requirements,
        locked,
        lock => requirements_lock::path(stack, &group.requirements),
        code,
        beside,
        check => secret::CHECK.rsplit('/').next(),
        aliases,
        meeting => stack.meeting_folders(),
        first => FIRST,
        kept,
        dependencies => stages::dependencies(stack, id),
        data => stages::assets(stack, id),
        assets => !group.assets.is_empty(),
        open,
        own_uid => group.uid,
        config_file => group.config_file,
        config_path => format!("{CONFIG_FOLDER}/{}", group.config_file),
        python_path => python_path(stack, id),
        uid => stack.images.uid,
        ports,
        health => values! {
            interval => duration(supervision.health_interval_ms),
            timeout => duration(supervision.health_timeout_ms),
            start_period => duration(stack.group_start_period_ms(id)),
            retries => supervision.health_retries,
        },
        health_command => health_command(),
        command => command(stack, id),
    };
    RenderedFile {
        path: stack.output.at(&format!("docker/Dockerfile.{}", group.dockerfile())),
        text: fill(include_str!("../../../docker/templates/Dockerfile.group.j2"), &values),
        executable: false,
    }
}

/// Files by their folder, which ends with `/`; that of the root is empty.
fn folders_of(files: &[String]) -> Vec<Value> {
    let mut folders: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for file in files {
        let folder = file
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| format!("{folder}/"));
        folders.entry(folder).or_default().push(file);
    }
    folders
        .into_iter()
        .map(|(folder, files)| values! { folder, files })
        .collect()
}

/// Default of the build argument `TREE`: the tree in the build's context. One outside the repository cannot be in the
/// context of a build by hand; who builds it then says where it put the tree.
pub fn tree_argument(stack: &Stack) -> String {
    if stack.written_tree.starts_with('/') || stack.written_tree.starts_with("..") {
        ".".to_owned()
    } else {
        stack.written_tree.trim_end_matches('/').to_owned()
    }
}

/// A time as Go and Compose write it.
pub fn duration(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1_000) {
        format!("{}s", milliseconds / 1_000)
    } else {
        format!("{milliseconds}ms")
    }
}
