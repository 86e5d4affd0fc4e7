//! `scripts/deploy_<machine>.sh`: build and start with Podman and podman-compose alone.

use minijinja::Value;

use super::compose;
use super::template::fill;
use crate::rendered_file::RenderedFile;
use crate::stack::model::Machine;
use crate::stack::{MachineId, Stack, labels};
use crate::template::values;

/// The script of one machine.
#[must_use]
pub fn script(stack: &Stack, id: MachineId) -> RenderedFile {
    let machine = stack.machine(id);
    let groups: Vec<&str> = stack.groups_of(id).map(|(_, group)| group.name.as_str()).collect();
    let others: Vec<Value> = stack
        .machines
        .iter()
        .filter(|other| other.name != machine.name)
        .map(address)
        .collect();
    let variants: Vec<Value> = stack
        .groups_of(id)
        .filter_map(|(_, group)| Some((group, group.variant()?)))
        .map(|(group, variant)| {
            let end = group.dockerfile()[group.name.len()..].to_owned();
            values! { group => group.name, name => variant.name, end }
        })
        .collect();
    let values = values! {
        header => stack.output.header(),
        output => stack.output.prefix(),
        up => stack.output.up(),
        program => stack.output.program(),
        builder => stack.output.builder(),
        machine => machine.name,
        network => machine.network,
        subnet => machine.subnet.to_string(),
        compose_file => compose::path(stack, &machine.name),
        namespace => stack.images.namespace,
        tag => stack.images.tag,
        base_image => stack.images.base_image,
        volumes => stack
            .volumes
            .iter()
            .filter(|volume| volume.host.is_none())
            .map(|volume| stack.volume(id, volume))
            .collect::<Vec<_>>(),
        folders => stack
            .volumes
            .iter()
            .filter_map(|volume| volume.written_folder(&machine.name))
            .collect::<Vec<_>>(),
        folder_mode => if stack.has_several_users() { "1777" } else { "0755" },
        uid => stack.images.uid,
        labels => vec![
            format!("{}={}", labels::STACK, stack.name),
            format!("{}={}", labels::MACHINE, machine.name),
        ],
        checkout_label => labels::CHECKOUT,
        groups,
        variants,
        others,
        own => address(machine),
    };
    RenderedFile {
        path: stack.output.at(&format!("scripts/deploy_{}.sh", machine.name)),
        text: fill(include_str!("../../../docker/templates/deploy.sh.j2"), &values),
        executable: true,
    }
}

fn address(machine: &Machine) -> Value {
    let variable = &machine.address_variable;
    values! {
        variable,
        padding => " ".repeat(17_usize.saturating_sub(variable.len()).max(1)),
        machine => machine.name,
        address => machine.lan_address.to_string(),
    }
}
