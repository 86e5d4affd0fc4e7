//! The environment of a container: what its supervisor is told, and what the stack gives its agents.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::group_config::AGENT_ENVIRONMENT;

use super::layout::ROOT;
use crate::stack::{GroupId, Stack};

/// The port that `agent-supervisor check` and `status` ask where nothing else is said.
const STATUS_PORT: u16 = 9000;

/// Variables that every image of ours has, unless the stack gives them another value.
pub const OF_IMAGE: &[(&str, &str)] = &[
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PROJECT_ROOT", ROOT),
];

/// What an image of ours says a variable is.
#[must_use]
pub fn of_image(name: &str) -> Option<String> {
    let own = OF_IMAGE.iter().find(|(own, _)| *own == name);
    own.map(|(_, value)| (*value).to_owned())
}

/// Environment of a group's container. `address` gives the value of each other machine's address variable. What the stack gives its
/// agents has names with a prefix: the supervisor hands it on without, and neither it nor its health check sees it.
#[must_use]
pub fn environment(stack: &Stack, id: GroupId, address: &dyn Fn(&str, Ipv4Addr) -> String) -> BTreeMap<String, String> {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let mut environment = own_environment(stack, id);
    let addresses = addresses(stack, id, address);
    // An address is the host's to say, unless the group itself says another.
    let of_machine = machine
        .environment
        .iter()
        .filter(|(name, _)| !addresses.contains_key(*name));
    let sockets: Vec<(String, String)> = group
        .extras
        .access
        .sockets
        .iter()
        .map(|socket| socket.variable())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let of_sockets = sockets.iter().map(|(name, value)| (name, value));
    let theirs: BTreeMap<&String, &String> = of_sockets.chain(of_machine).chain(&group.environment).collect();
    let theirs: Vec<(String, String)> = theirs
        .into_iter()
        // Agents get the supervisor's, too.
        .filter(|(name, value)| environment.get(*name) != Some(*value))
        .map(|(name, value)| (format!("{AGENT_ENVIRONMENT}{name}"), value.clone()))
        .collect();
    environment.extend(theirs);
    environment.extend(addresses);
    environment
}

/// What the supervisor itself is told.
fn own_environment(stack: &Stack, id: GroupId) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        (
            "MACHINE_TYPE".to_owned(),
            stack.machine(stack.group(id).machine).name.clone(),
        ),
        ("LOG_LEVEL".to_owned(), "INFO".to_owned()),
        ("ENABLE_METRICS".to_owned(), "true".to_owned()),
    ]);
    if stack.status_port != STATUS_PORT {
        environment.insert("SUPERVISOR_STATUS_PORT".to_owned(), stack.status_port.to_string());
    }
    environment
}

/// The addresses of the other machines, by their variables.
fn addresses(stack: &Stack, id: GroupId, address: &dyn Fn(&str, Ipv4Addr) -> String) -> BTreeMap<String, String> {
    let own = &stack.machine(stack.group(id).machine).name;
    let others = stack.machines.iter().filter(|other| other.name != *own);
    others
        .map(|other| {
            let value = address(&other.address_variable, other.lan_address);
            (other.address_variable.clone(), value)
        })
        .collect()
}

/// The environment that a group's agents get from their container.
#[must_use]
pub fn agent_environment(
    stack: &Stack,
    id: GroupId,
    address: &dyn Fn(&str, Ipv4Addr) -> String,
) -> BTreeMap<String, String> {
    let group = stack.group(id);
    let machine = stack.machine(group.machine);
    let mut environment = own_environment(stack, id);
    environment.extend(machine.environment.clone());
    environment.extend(addresses(stack, id, address));
    environment.extend(group.environment.clone());
    environment
}
