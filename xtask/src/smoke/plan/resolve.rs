//! One kind of check at a time: its names → the things that they stand for.

use super::check::{Action, Load};
use super::names::{Names, UNKNOWN_NAME, group_names, unknown};
use crate::finding::Finding;
use crate::smoke::fields::Text;
use crate::smoke::kinds::link::Link;
use crate::smoke::kinds::recovery::Recovery;
use crate::smoke::kinds::resources::Resources;
use crate::smoke::kinds::stand_in::StandIn;
use crate::smoke::kinds::startup_check::StartupCheck;
use crate::smoke::lan::{LanAction, LanSpec};
use crate::smoke::spec::{
    ExecSpec, ImageSpec, Kind, LinkSpec, NetworkSpec, PathAliasSpec, RecoverySpec, RequestSpec, ResourcesSpec,
    SoakSpec, StandInSpec, StartupCheckSpec, StatusSpec, VolumeSpec,
};
use crate::stack::model::MachineId;

/// What is done, and the machine that it is about, where it is about one.
type Resolved = (Action, Option<MachineId>);

/// Resolves every name of a check; nothing where one of them is wrong.
pub(super) fn action(kind: Kind, names: &mut Names<'_>) -> Option<Resolved> {
    match kind {
        Kind::Request(spec) => request(spec, names),
        Kind::Exec(spec) => exec(spec, names),
        Kind::Image(spec) => image(*spec, names),
        Kind::Network(spec) => network(spec, names),
        Kind::Volume(spec) => volume(spec, names),
        Kind::Status(spec) => status(spec, names),
        Kind::PathAlias(spec) => path_alias(spec, names),
        Kind::Soak(spec) => soak(spec, names),
        Kind::Link(spec) => link(&spec, names),
        Kind::Recovery(spec) => recovery(&spec, names),
        Kind::Resources(spec) => resources(&spec, names),
        Kind::StandIn(spec) => stand_in(spec, names),
        Kind::StartupCheck(spec) => startup_check(&spec, names),
        Kind::Lan(spec) => Some((Action::Lan(lan(spec, names)?), None)),
    }
}

fn request(request: RequestSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let agent = names.agent(&request.agent)?;
    let action = Action::Request {
        agent,
        send: request.send,
        expect: request.expect,
        save: request.save,
    };
    Some((action, Some(stack.agent(agent).machine)))
}

fn exec(exec: ExecSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let group = names.group(&exec.group)?;
    let action = Action::Exec {
        group,
        command: exec.command,
        expect: exec.expect,
    };
    Some((action, Some(stack.group(group).machine)))
}

fn image(image: ImageSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let name = &image.image;
    let (full, machine) = match stack.find_group(&name.text) {
        Some(group) => (stack.group_image(group), Some(stack.group(group).machine)),
        None if name.text == "base" => (stack.image("base"), None),
        None if name.text.contains('/') => (name.text.clone(), None),
        None => {
            let mut known = group_names(stack);
            known.push("base");
            names.findings.push(unknown("image", name, &known));
            return None;
        }
    };
    let action = Action::Image {
        image: full,
        labels: image.labels,
        user: image.user,
        env: image.env,
        max_size_mb: image.max_size_mb,
        run: image.run,
        expect: Box::new(image.expect),
    };
    Some((action, machine))
}

fn network(network: NetworkSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let machine = stack
        .machines
        .iter()
        .position(|machine| machine.network == network.name.text)
        .map(MachineId);
    let Some(machine) = machine else {
        let known: Vec<&str> = stack.machines.iter().map(|machine| machine.network.as_str()).collect();
        names.findings.push(unknown("network", &network.name, &known));
        return None;
    };
    let action = Action::Network {
        machine,
        name: network.name.text,
        subnet: network.subnet,
        dns: network.dns,
    };
    Some((action, Some(machine)))
}

fn status(status: StatusSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let agent = match &status.agent {
        Some(name) => Some(names.agent(name)?),
        None => None,
    };
    let group = match (&status.group, agent) {
        (_, Some(agent)) => stack.agent(agent).group,
        (Some(name), None) => names.group(name)?,
        (None, None) => return None,
    };
    let action = Action::Status {
        group,
        agent,
        state: status.state,
        restarts: status.restarts,
    };
    Some((action, Some(stack.group(group).machine)))
}

fn path_alias(alias: PathAliasSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let group = names.group(&alias.group)?;
    let action = Action::PathAlias {
        group,
        image: stack.group_image(group),
        alias: alias.alias,
        target: alias.target,
        min_files: alias.min_files,
    };
    Some((action, Some(stack.group(group).machine)))
}

fn volume(spec: VolumeSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let stack = names.stack;
    let Some(volume) = stack.volumes.iter().find(|volume| volume.name == spec.name.text) else {
        let known: Vec<&str> = stack.volumes.iter().map(|volume| volume.name.as_str()).collect();
        names.findings.push(unknown("volume", &spec.name, &known));
        return None;
    };
    let Some(machine) = names.machine else {
        names.findings.push(
            Finding::error(
                UNKNOWN_NAME,
                spec.name.place.clone(),
                format!("volume `{}` of which machine?", volume.name),
            )
            .with_help("give the check a `machine`, or `for_each: volume`"),
        );
        return None;
    };
    let mut optional_group = |name: &Option<Text>| match name {
        Some(name) => names.group(name).map(Some),
        None => Some(None),
    };
    let writable_in = optional_group(&spec.writable_in)?;
    let persists = match &spec.persists {
        Some(persists) => Some((names.group(&persists.group)?, persists.restart)),
        None => None,
    };
    let mounted_in = match &spec.mounted_in {
        Some(listed) => listed.iter().filter_map(|name| names.group(name)).collect(),
        None => stack.groups_of(machine).map(|(group, _)| group).collect(),
    };
    let action = Action::Volume {
        machine,
        name: stack.volume_source(machine, volume),
        path: volume.path.clone(),
        mounted_in,
        writable_in,
        persists,
    };
    Some((action, Some(machine)))
}

fn soak(soak: SoakSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let group = names.group(&soak.group)?;
    let machine = names.stack.group(group).machine;
    // A load names agents as seen from the group.
    let before = names.machine.replace(machine);
    let load = soak
        .load
        .into_iter()
        .map(|load| {
            Some(Load {
                agent: names.agent(&load.agent)?,
                send: load.send,
                expect: load.expect,
            })
        })
        .collect::<Option<Vec<_>>>();
    names.machine = before;
    let action = Action::Soak {
        group,
        seconds: soak.seconds,
        max_growth_mb: soak.max_growth_mb,
        max_restarts: soak.max_restarts,
        load: load?,
    };
    Some((action, Some(machine)))
}

fn link(spec: &LinkSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let (from, to) = (names.group(&spec.from)?, names.group(&spec.to)?);
    let stack = names.stack;
    let link = Link::between(stack, from, to, spec.send.as_ref(), &spec.name_at);
    if link.ways.is_empty() {
        let text = format!("no agent of `{}` depends on one of `{}`", spec.from.text, spec.to.text);
        names
            .findings
            .push(Finding::error(UNKNOWN_NAME, spec.to.place.clone(), text));
        return None;
    }
    Some((Action::Link(link), Some(stack.group(from).machine)))
}

fn recovery(spec: &RecoverySpec, names: &mut Names<'_>) -> Option<Resolved> {
    let agent = names.agent(&spec.agent)?;
    let stack = names.stack;
    let action = Action::Recovery(Box::new(Recovery::new(stack, agent, spec.fault, spec.place)));
    Some((action, Some(stack.agent(agent).machine)))
}

fn resources(spec: &ResourcesSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let group = names.group(&spec.group)?;
    let stack = names.stack;
    let action = Action::Resources(Resources {
        group,
        seconds: spec.seconds,
        memory_bytes: stack.group_memory_bytes(group),
        milli_cpus: stack.group_milli_cpus(group),
        pids: stack.group_pids(group),
        agent_bytes: stack
            .group(group)
            .agents
            .iter()
            .filter_map(|id| Some((stack.agent(*id).name.clone(), stack.agent_memory_bytes(*id)?)))
            .collect(),
    });
    Some((action, Some(stack.group(group).machine)))
}

fn stand_in(spec: StandInSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let agent = names.agent(&spec.agent)?;
    let stack = names.stack;
    let action = Action::StandIn(StandIn {
        agent,
        port: spec.port,
        replies: spec.replies,
        send: spec.send,
        expect: spec.expect,
    });
    Some((action, Some(stack.agent(agent).machine)))
}

fn startup_check(spec: &StartupCheckSpec, names: &mut Names<'_>) -> Option<Resolved> {
    let group = names.group(&spec.group)?;
    let stack = names.stack;
    let action = Action::StartupCheck(StartupCheck::of(stack, group));
    Some((action, Some(stack.group(group).machine)))
}

/// A check between machines is about no one machine.
fn lan(spec: LanSpec, names: &mut Names<'_>) -> Option<LanAction> {
    Some(match spec {
        LanSpec::Call(call) => LanAction::Call {
            from: names.group(&call.from)?,
            agent: names.agent(&call.agent)?,
            by: call.by,
            send: call.send,
            expect: call.expect,
            repeat: call.repeat,
        },
        LanSpec::Ports { from, to } => LanAction::Ports {
            from: names.machine(&from)?,
            to: names.machine(&to)?,
        },
        LanSpec::Link { cut } => LanAction::Link { cut },
        LanSpec::Peers { group, reachable } => LanAction::Peers {
            group: names.group(&group)?,
            reachable,
        },
    })
}
