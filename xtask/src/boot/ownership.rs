//! Whose the things on a host are: of this checkout, of another one with the same stack name, or of this one under a name that its
//! stack had before.

use std::collections::{BTreeMap, BTreeSet};

use crate::stack::{MachineId, Stack};

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A pod.
    Pod,
    /// A container that is in no pod of the stack.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// An image.
    Image,
}

impl Kind {
    /// `pod`, as Podman's command line has it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Image => "image",
        }
    }
}

/// Something that carries the label with a stack's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The stack that its label names.
    pub stack: String,
    /// The checkout that its label names; older programs wrote none.
    pub checkout: Option<String>,
}

/// What a host has that is not simply this checkout's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ownership {
    /// Things with this stack's name that another checkout made, by its path.
    pub others: BTreeMap<String, BTreeSet<Thing>>,
    /// Things of this checkout that its stack names no longer: made under another name of it, or for a network, a volume or a group
    /// that it does not have any more.
    pub stranded: BTreeSet<Thing>,
}

/// Sorts what a host has. `taken` are checkouts whose networks and volumes this one took over: their labels cannot be changed.
#[must_use]
pub fn sort(stack: &Stack, things: impl IntoIterator<Item = Thing>, taken: &BTreeSet<String>) -> Ownership {
    let things: Vec<Thing> = things.into_iter().collect();
    let mut ownership = Ownership::default();
    let expected = expected(stack);
    let mut former: BTreeSet<&str> = BTreeSet::new();
    for thing in &things {
        let own = thing.checkout.as_deref() == Some(stack.checkout.as_str());
        if thing.stack == stack.name {
            let lasting = matches!(thing.kind, Kind::Network | Kind::Volume);
            match &thing.checkout {
                Some(checkout) if !(own || lasting && taken.contains(checkout)) => {
                    ownership
                        .others
                        .entry(checkout.clone())
                        .or_default()
                        .insert(thing.clone());
                }
                _ if thing.kind != Kind::Image && !expected.contains(&(thing.kind, thing.name.clone())) => {
                    ownership.stranded.insert(thing.clone());
                }
                _ => {}
            }
        } else if own {
            former.insert(&thing.stack);
            ownership.stranded.insert(thing.clone());
        }
    }
    // Images say whose stack they are, and not which checkout built them.
    let images = things
        .iter()
        .filter(|thing| thing.kind == Kind::Image && former.contains(thing.stack.as_str()));
    ownership.stranded.extend(images.cloned());
    ownership
}

/// Names of all that the stack makes.
fn expected(stack: &Stack) -> BTreeSet<(Kind, String)> {
    let mut names = BTreeSet::new();
    for (id, group) in stack.groups() {
        names.insert((Kind::Pod, stack.pod(id)));
        names.insert((Kind::Container, group.name.clone()));
    }
    for (index, machine) in stack.machines.iter().enumerate() {
        names.insert((Kind::Network, machine.network.clone()));
        for volume in &stack.volumes {
            names.insert((Kind::Volume, stack.volume(MachineId(index), volume)));
        }
    }
    names
}

impl Ownership {
    /// Why a command does not go on: things of another checkout; nothing where there are none. `command` is what would take them over.
    #[must_use]
    pub fn refusal(&self, stack: &str, command: &str) -> Option<String> {
        if self.others.is_empty() {
            return None;
        }
        let mut text = format!("the stack `{stack}` of this host is another checkout's:");
        for (checkout, things) in &self.others {
            text.push_str(&format!("\n  `{}`: {}", checkout.escape_debug(), counts(things)));
        }
        text.push_str(&format!(
            "\n  hint: work in that checkout; or give this one a `name:`, networks, subnets and ports of its own in config/stack.yaml; or \
             take all of it over: `cargo xtask {command} --take-over`"
        ));
        Some(text)
    }

    /// Whose the stack is, for who only looks; nothing where it is this checkout's.
    #[must_use]
    pub fn note(&self, stack: &str) -> Option<String> {
        let owners: Vec<String> = self
            .others
            .iter()
            .filter(|(_, things)| things.iter().any(|thing| thing.kind <= Kind::Container))
            .map(|(checkout, _)| format!("`{}`", checkout.escape_debug()))
            .collect();
        let owners = owners.join(" and ");
        (!owners.is_empty())
            .then(|| format!("what runs as `{stack}` on this host was started by another checkout: {owners}"))
    }

    /// Those that hold addresses, ports or names which the stack needs.
    #[must_use]
    pub fn in_the_way(&self, stack: &str) -> BTreeSet<&Thing> {
        let holds = |thing: &&Thing| matches!(thing.kind, Kind::Pod | Kind::Container | Kind::Network);
        self.stranded
            .iter()
            .filter(|thing| thing.stack != stack || thing.kind == Kind::Network)
            .filter(holds)
            .collect()
    }

    /// What is left of a former name or form of the stack, with the commands that remove it; nothing where nothing is.
    #[must_use]
    pub fn stranded_text(&self, stack: &str) -> Option<String> {
        if self.stranded.is_empty() {
            return None;
        }
        let mut text = "this checkout made things that its stack does not name any more:".to_owned();
        let mut by_stack: BTreeMap<&str, BTreeMap<Kind, Vec<&str>>> = BTreeMap::new();
        for thing in &self.stranded {
            let kinds = by_stack.entry(&thing.stack).or_default();
            kinds.entry(thing.kind).or_default().push(&thing.name);
        }
        for (name, kinds) in by_stack {
            if name != stack {
                text.push_str(&format!("\n  of the stack `{name}`, which is `{stack}` now:"));
            }
            for (kind, names) in kinds {
                let force = if kind == Kind::Pod || kind == Kind::Container {
                    " --force"
                } else {
                    ""
                };
                let word = kind.word();
                text.push_str(&format!(
                    "\n  {}: `podman {word} rm{force} {}`",
                    counted(names.len(), kind),
                    names.join(" ")
                ));
                if kind == Kind::Volume {
                    text.push_str(
                        "\n    the data in them is not in the new ones; to move it: `podman volume export OLD | podman volume import NEW -`",
                    );
                }
            }
        }
        Some(text)
    }
}

fn counts(things: &BTreeSet<Thing>) -> String {
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for thing in things {
        *kinds.entry(thing.kind).or_default() += 1;
    }
    let parts: Vec<String> = kinds.into_iter().map(|(kind, count)| counted(count, kind)).collect();
    parts.join(", ")
}

fn counted(count: usize, kind: Kind) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {}{plural}", kind.word())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Kind, Thing, sort};
    use crate::stack::Stack;
    use crate::stack::fixture::Fixture;

    fn stack() -> Stack {
        let mut stack = Fixture::small().model();
        stack.checkout = "/here".to_owned();
        stack
    }

    fn thing(kind: Kind, name: &str, stack: &str, checkout: &str) -> Thing {
        Thing {
            kind,
            name: name.to_owned(),
            stack: stack.to_owned(),
            checkout: Some(checkout.to_owned()).filter(|checkout| !checkout.is_empty()),
        }
    }

    #[test]
    fn things_of_another_checkout_are_refused_by_its_path() {
        let things = [
            thing(Kind::Pod, "core-pod", "sys", "/there"),
            thing(Kind::Volume, "sys_main_logs", "sys", "/there"),
            thing(Kind::Pod, "side-pod", "sys", "/here"),
            thing(Kind::Network, "sys_main", "sys", ""),
            thing(Kind::Pod, "x", "other", "/there"),
        ];
        let found = sort(&stack(), things.clone(), &BTreeSet::new());
        let text = found.refusal("sys", "up").unwrap();
        assert!(
            text.contains("`/there`: 1 pod, 1 volume") && text.contains("up --take-over"),
            "{text}"
        );
        assert!(found.note("sys").unwrap().contains("/there"));
        // What was taken over lasts: a volume keeps its label. A pod gets a new one, so it is another's once more.
        let taken = BTreeSet::from(["/there".to_owned()]);
        let found = sort(&stack(), things, &taken);
        assert!(found.refusal("sys", "up").unwrap().contains("`/there`: 1 pod\n"));
    }

    #[test]
    fn what_a_former_name_left_is_named_with_commands() {
        let things = [
            thing(Kind::Pod, "core-pod", "old", "/here"),
            thing(Kind::Volume, "old_main_logs", "old", "/here"),
            thing(Kind::Image, "localhost/old/core:latest", "old", ""),
            thing(Kind::Image, "localhost/x/core:latest", "foreign", ""),
            thing(Kind::Network, "before", "sys", "/here"),
            thing(Kind::Volume, "foreign_logs", "foreign", "/there"),
        ];
        let found = sort(&stack(), things, &BTreeSet::new());
        assert_eq!(found.refusal("sys", "up"), None);
        let text = found.stranded_text("sys").unwrap();
        for expected in [
            "of the stack `old`, which is `sys` now",
            "`podman pod rm --force core-pod`",
            "`podman volume rm old_main_logs`",
            "`podman image rm localhost/old/core:latest`",
            "`podman network rm before`",
            "podman volume export",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
        assert!(!text.contains("foreign"), "{text}");
        let names: Vec<&str> = found
            .in_the_way("sys")
            .iter()
            .map(|thing| thing.name.as_str())
            .collect();
        assert_eq!(names, ["core-pod", "before"]);
    }

    #[test]
    fn what_is_ours_is_no_matter() {
        let things = [
            thing(Kind::Pod, "core-pod", "sys", "/here"),
            thing(Kind::Container, "core", "sys", ""),
            thing(Kind::Network, "sys_main", "sys", "/here"),
        ];
        let found = sort(&stack(), things, &BTreeSet::new());
        assert_eq!((found.refusal("sys", "up"), found.stranded_text("sys")), (None, None));
    }
}
