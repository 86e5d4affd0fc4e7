//! What things are called in a cluster: lower-case letters, digits and `-`, a letter first, each name once.

use std::collections::BTreeSet;

use crate::stack::{GroupId, MachineId, Stack};

/// Characters that a name may have, less those of the longest thing that is put behind one.
const LENGTH: usize = 63 - "-var-tmp".len();

/// The names of a stack.
pub struct Names {
    /// The stack as labels name it.
    pub stack: String,
    machines: Vec<String>,
    services: Vec<String>,
    groups: Vec<String>,
}

impl Names {
    /// Those of a stack.
    pub fn new(stack: &Stack) -> Self {
        let (mut services, mut labels) = (BTreeSet::new(), BTreeSet::new());
        let machines = || stack.machines.iter().map(|machine| machine.name.as_str());
        Self {
            stack: label(&stack.name),
            groups: stack
                .groups
                .iter()
                .map(|g| only(label(&g.name), &mut services))
                .collect(),
            services: machines()
                .map(|name| only(label(&format!("{}-{name}", stack.name)), &mut services))
                .collect(),
            machines: machines().map(|name| only(label(name), &mut labels)).collect(),
        }
    }

    /// Of a group: its Deployment, its Service and the host name of its pod.
    pub fn group(&self, id: GroupId) -> &str {
        &self.groups[id.0]
    }

    /// Of a group: the Secret with the files that its agents are given.
    pub fn secret(&self, id: GroupId) -> String {
        format!("{}-secrets", self.group(id))
    }

    /// A machine as labels name it.
    pub fn machine(&self, id: MachineId) -> &str {
        &self.machines[id.0]
    }

    /// The Service by which others know a machine, and what the names of its volumes begin with.
    pub fn machine_service(&self, id: MachineId) -> &str {
        &self.services[id.0]
    }
}

/// A text as a name.
pub fn label(text: &str) -> String {
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let mut name: String = text.chars().map(allowed).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "n-");
    }
    name.truncate(LENGTH);
    name.trim_end_matches('-').to_owned()
}

/// The name, with a number behind it where another has it already.
fn only(name: String, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.clone();
    let mut number = 2;
    while !taken.insert(free.clone()) {
        let suffix = format!("-{number}");
        free = format!("{}{suffix}", &name[..name.len().min(LENGTH - suffix.len())]);
        number += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LENGTH, label, only};

    #[test]
    fn names_are_what_a_cluster_takes() {
        for (text, name) in [
            ("core-services", "core-services"),
            ("ai_system", "ai-system"),
            ("PC2.Core", "pc2-core"),
            ("2nd", "n-2nd"),
            ("trailing_", "trailing"),
        ] {
            assert_eq!(label(text), name);
        }
        assert_eq!(label(&"x".repeat(100)).len(), LENGTH);
    }

    #[test]
    fn a_name_is_given_once() {
        let mut taken = BTreeSet::new();
        let long = "x".repeat(LENGTH);
        let names: Vec<String> = ["a-b", "a-b", "a-b", &long, &long]
            .map(|name| only(name.to_owned(), &mut taken))
            .into();
        assert_eq!(names[..3], ["a-b", "a-b-2", "a-b-3"]);
        assert!(names[4].ends_with("x-2") && names[4].len() == LENGTH);
    }
}
