//! Ranges of addresses that a stack wants and somebody else has.

use std::collections::BTreeSet;

use crate::stack::Stack;
use crate::stack::model::Subnet;
use crate::stack::subnet;

/// An address range, and who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occupied {
    /// The range.
    pub subnet: Subnet,
    /// Who has it, and where that is written.
    pub owner: String,
    /// Whether a network on top of it would get in its way. Otherwise it is only set aside: a pool that Docker takes networks
    /// from, or a network in another user's own namespace.
    pub firm: bool,
}

/// A range that a machine's network wants and that is not free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The machine.
    pub machine: String,
    /// Its network.
    pub network: String,
    /// Its subnet.
    pub subnet: Subnet,
    /// Who has addresses of it.
    pub occupied: Vec<Occupied>,
    /// A range that nothing here has, of the same size.
    pub free: Option<Subnet>,
}

impl Overlap {
    /// One line for each owner.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.occupied
            .iter()
            .map(|other| {
                format!(
                    "subnet {} of network `{}` overlaps {} of {}",
                    self.subnet, self.network, other.subnet, other.owner
                )
            })
            .collect()
    }

    /// The one setting that changes it, with a value that is free here.
    #[must_use]
    pub fn hint(&self) -> String {
        let value = self.free.map_or_else(
            || "to a subnet that this host does not use".to_owned(),
            |free| format!("to `{free}`, which nothing on this host uses,"),
        );
        format!(
            "set `machines.{}.network.subnet` in config/stack.yaml {value} and the `address:` of its groups to addresses of it, then run `cargo xtask render`",
            self.machine
        )
    }
}

/// Ranges that the stack's machines want and that are not free. `machines` are the names of those that matter.
#[must_use]
pub fn overlaps(stack: &Stack, machines: &BTreeSet<&str>, occupied: &[Occupied]) -> Vec<Overlap> {
    let mut taken: Vec<Subnet> = occupied.iter().map(|other| other.subnet).collect();
    taken.extend(stack.machines.iter().map(|machine| machine.subnet));
    let of_stack = stack.machines.iter();
    of_stack
        .filter(|machine| machines.contains(machine.name.as_str()))
        .filter_map(|machine| {
            let others: Vec<Occupied> = occupied
                .iter()
                .filter(|other| other.subnet.overlaps(machine.subnet))
                .cloned()
                .collect();
            (!others.is_empty()).then(|| Overlap {
                machine: machine.name.clone(),
                network: machine.network.clone(),
                subnet: machine.subnet,
                occupied: others,
                free: subnet::free(&machine.network, machine.subnet.prefix, &taken),
            })
        })
        .collect()
}
