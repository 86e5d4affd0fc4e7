//! Files for Quadlet that a deployment installs: whose those are that are there, which change, and what systemd says of their services.

use std::collections::{BTreeMap, BTreeSet};

use super::standing::Standing;
use crate::stack::labels::{CHECKOUT, GROUP, MACHINE, STACK};

/// What a file makes, by its ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `.container`: a container that runs for as long as its service does.
    Container,
    /// `.network`: a network, which stays.
    Network,
    /// `.volume`: a volume, which stays.
    Volume,
}

impl Kind {
    /// Of a file of that name; nothing of files that no stack of ours has.
    #[must_use]
    pub fn of(file: &str) -> Option<Self> {
        match file.rsplit_once('.')?.1 {
            "container" => Some(Self::Container),
            "network" => Some(Self::Network),
            "volume" => Some(Self::Volume),
            _ => None,
        }
    }
}

/// The service that Quadlet makes of a file of that name, as podman-systemd.unit(5) has it.
#[must_use]
pub fn service(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match Kind::of(file) {
        Some(Kind::Network) => format!("{stem}-network.service"),
        Some(Kind::Volume) => format!("{stem}-volume.service"),
        Some(Kind::Container) | None => format!("{stem}.service"),
    }
}

/// The labels that a file gives to what it makes: those that are written as `render` writes them, a line each.
#[must_use]
pub fn labels(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("Label="));
    lines
        .filter_map(|line| {
            let word = unquoted(line)?.replace("%%", "%").replace("$$", "$");
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A word as systemd.syntax(7) has it, plain or in double quotes with escapes.
fn unquoted(word: &str) -> Option<String> {
    let Some(quoted) = word.strip_prefix('"') else {
        return Some(word.to_owned());
    };
    let mut rest = quoted.strip_suffix('"')?.chars();
    let mut text = String::new();
    while let Some(c) = rest.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let digits = match rest.next()? {
            'n' => {
                text.push('\n');
                continue;
            }
            't' => {
                text.push('\t');
                continue;
            }
            'r' => {
                text.push('\r');
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            other => {
                text.push(other);
                continue;
            }
        };
        let code: String = rest.by_ref().take(digits).collect();
        text.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32)?);
    }
    Some(text)
}

/// Whose a file is that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// Its labels.
    labels: BTreeMap<String, String>,
    text: String,
}

impl Installed {
    /// A file with that text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self {
            labels: labels(&text),
            text,
        }
    }

    /// Whether it is of that stack.
    #[must_use]
    pub fn is_of(&self, stack: &str) -> bool {
        self.label(STACK) == Some(stack)
    }

    /// The checkout that installed it; none where somebody copied it by hand.
    #[must_use]
    pub fn checkout(&self) -> Option<&str> {
        self.label(CHECKOUT)
    }

    /// All of them.
    #[must_use]
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The machine that it is of.
    #[must_use]
    pub fn machine(&self) -> Option<&str> {
        self.label(MACHINE)
    }

    /// The group that it runs.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.label(GROUP)
    }

    fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }
}

/// What is to be done in the folder of units.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Files to write, with their text.
    pub write: BTreeMap<String, String>,
    /// Files of these machines that the stack does not have any more.
    pub remove: BTreeSet<String>,
}

/// Why nothing may be done there.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Files with names that are needed are not of this stack.
    Foreign(Vec<String>),
    /// Some have the stack's name, and nothing proves that this checkout installed them: how many each other one did, and how many were
    /// copied by hand.
    Others(BTreeMap<Option<String>, usize>),
}

/// Of files with the stack's name: how many each other checkout installed, and how many somebody copied by hand.
pub fn others<'a>(files: impl Iterator<Item = &'a Installed>, checkout: &str) -> BTreeMap<Option<String>, usize> {
    let mut others = BTreeMap::new();
    for file in files.filter(|file| file.checkout() != Some(checkout)) {
        *others.entry(file.checkout().map(str::to_owned)).or_default() += 1;
    }
    others
}

/// Compares the files that a stack's machines are to have with those that are there, by name.
///
/// # Errors
/// When files are in the way that are somebody else's, or that another checkout installed or somebody copied by hand, unless those are to
/// be taken over.
pub fn change(
    stack: &str,
    checkout: &str,
    machines: &BTreeSet<&str>,
    wanted: &BTreeMap<String, String>,
    there: &BTreeMap<String, Installed>,
    take_over: bool,
) -> Result<Change, Refusal> {
    let foreign = wanted
        .keys()
        .filter(|name| there.get(*name).is_some_and(|file| !file.is_of(stack)));
    let foreign: Vec<String> = foreign.cloned().collect();
    if !foreign.is_empty() {
        return Err(Refusal::Foreign(foreign));
    }
    let own = there.iter().filter(|(_, file)| file.is_of(stack));
    let others = others(own.clone().map(|(_, file)| file), checkout);
    if !others.is_empty() && !take_over {
        return Err(Refusal::Others(others));
    }
    let is_the_same = |name: &String, text: &String| there.get(name).is_some_and(|file| file.text == *text);
    Ok(Change {
        write: wanted
            .iter()
            .filter(|(name, text)| !is_the_same(name, text))
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect(),
        remove: own
            .filter(|(name, file)| {
                !wanted.contains_key(*name) && file.machine().is_some_and(|machine| machines.contains(machine))
            })
            .map(|(name, _)| name.clone())
            .collect(),
    })
}

/// What systemd says of a service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceState {
    /// Whether systemd knows it.
    pub loaded: bool,
    /// `active`, `activating`, `deactivating`, `inactive`, `failed` …
    pub active: String,
    /// How often systemd has started it again.
    restarts: u32,
    /// How its main process ended last.
    exit: i32,
    /// When its main process was started last, in microseconds of the machine's clock that only goes forward.
    since: i64,
}

/// The properties that [`states`] reads, for `systemctl show --property=`.
pub const PROPERTIES: &str = "Id,LoadState,ActiveState,NRestarts,ExecMainStatus,ExecMainStartTimestampMonotonic";

/// Reads what `systemctl show` prints of several services: blocks of `KEY=VALUE` lines with empty lines between them.
#[must_use]
pub fn states(text: &str) -> BTreeMap<String, ServiceState> {
    let block = |block: &str| {
        let keys: BTreeMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
        let number = |key: &str| {
            keys.get(key)
                .and_then(|value| value.parse::<i64>().ok())
                .unwrap_or_default()
        };
        let state = ServiceState {
            loaded: keys.get("LoadState") == Some(&"loaded"),
            active: (*keys.get("ActiveState")?).to_owned(),
            restarts: u32::try_from(number("NRestarts")).unwrap_or_default(),
            exit: i32::try_from(number("ExecMainStatus")).unwrap_or_default(),
            since: number("ExecMainStartTimestampMonotonic"),
        };
        Some(((*keys.get("Id")?).to_owned(), state))
    };
    text.split("\n\n").filter_map(block).collect()
}

impl ServiceState {
    /// Whether it runs, or is about to.
    #[must_use]
    pub fn is_up(&self) -> bool {
        ["active", "activating", "reloading", "refreshing"].contains(&self.active.as_str())
    }

    /// How the container of a group stands whose service this is. Between two starts there is no container, and yet it comes back.
    #[must_use]
    pub fn standing(&self) -> Standing {
        if !self.loaded {
            return Standing::Absent;
        }
        if self.is_up() {
            return Standing::Running {
                since: self.since,
                restarts: self.restarts,
                exit: self.exit,
                said: None,
            };
        }
        Standing::Stopped {
            state: if self.active == "failed" {
                "exited"
            } else {
                &self.active
            }
            .to_owned(),
            exit: self.exit,
            said: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Change, Installed, Refusal, change, labels, service, states};
    use crate::boot::standing::Standing;

    fn unit(stack: &str, machine: &str, checkout: Option<&str>) -> String {
        let checkout = checkout
            .map(|path| format!("Label=\"ai-system.checkout={path}\"\n"))
            .unwrap_or_default();
        format!("[Container]\nLabel=ai-system.stack={stack}\nLabel=ai-system.machine={machine}\n{checkout}")
    }

    fn there(files: &[(&str, String)]) -> BTreeMap<String, Installed> {
        let file = |(name, text): &(&str, String)| ((*name).to_owned(), Installed::new(text.clone()));
        files.iter().map(file).collect()
    }

    fn wanted(files: &[(&str, String)]) -> BTreeMap<String, String> {
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.clone()))
            .collect()
    }

    fn changed(
        wanted: &BTreeMap<String, String>,
        there: &BTreeMap<String, Installed>,
        take_over: bool,
    ) -> Result<Change, Refusal> {
        change("s", "/here", &BTreeSet::from(["pc2"]), wanted, there, take_over)
    }

    #[test]
    fn labels_are_read_as_they_are_written() {
        let read =
            labels("Label=a=b=c\nLabel=\"d=/with \\\"blank\\\" 5%% \\U0001f600 \\\"\"\nLabels=no\n# Label=no=no\n");
        let expected = [("a", "b=c"), ("d", "/with \"blank\" 5% 😀 \"")];
        assert_eq!(
            read,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
        );
    }

    #[test]
    fn services_are_called_as_quadlet_calls_them() {
        assert_eq!(service("s-vision.container"), "s-vision.service");
        assert_eq!(service("s_pc2.network"), "s_pc2-network.service");
        assert_eq!(service("s_pc2_data.volume"), "s_pc2_data-volume.service");
    }

    #[test]
    fn what_is_the_same_stays_and_what_is_gone_from_the_stack_goes() {
        let own = || unit("s", "pc2", Some("/here"));
        let wanted = wanted(&[("s-a.container", own()), ("s-b.container", own() + "Exec=new\n")]);
        let there = there(&[
            ("s-a.container", own()),
            ("s-b.container", own()),
            ("s-old.container", own()),
            ("s-core.container", unit("s", "mainpc", Some("/here"))),
            ("t-old.container", unit("t", "pc2", Some("/here"))),
            ("by-hand.container", "[Container]\n".to_owned()),
        ]);
        let change = changed(&wanted, &there, false).unwrap();
        assert_eq!(change.write.keys().collect::<Vec<_>>(), ["s-b.container"]);
        assert_eq!(change.remove, BTreeSet::from(["s-old.container".to_owned()]));
    }

    #[test]
    fn files_of_others_are_not_replaced() {
        let wanted = wanted(&[("s-a.container", unit("s", "pc2", Some("/here")))]);
        let foreign = there(&[("s-a.container", "[Container]\nImage=x\n".to_owned())]);
        let refusal = changed(&wanted, &foreign, true);
        assert_eq!(refusal, Err(Refusal::Foreign(vec!["s-a.container".to_owned()])));
        let other = there(&[("s-a.container", unit("s", "pc2", Some("/there")))]);
        assert_eq!(
            changed(&wanted, &other, false),
            Err(Refusal::Others([(Some("/there".to_owned()), 1)].into()))
        );
        assert_eq!(changed(&wanted, &other, true).unwrap().write.len(), 1);
        // Copied by hand from what some checkout's `render` wrote.
        let copied = there(&[("s-a.container", unit("s", "pc2", None))]);
        assert_eq!(
            changed(&wanted, &copied, false),
            Err(Refusal::Others([(None, 1)].into()))
        );
        assert_eq!(changed(&wanted, &copied, true).unwrap().write.len(), 1);
    }

    #[test]
    fn what_systemd_says_is_read_and_a_start_that_is_due_is_no_end() {
        let text = "Id=s-a.service\nLoadState=loaded\nActiveState=activating\nNRestarts=2\nExecMainStatus=3\n\
                    ExecMainStartTimestampMonotonic=77\n\nId=s-b.service\nLoadState=not-found\nActiveState=inactive\n\n\
                    Id=s-c.service\nLoadState=loaded\nActiveState=failed\nExecMainStatus=125\n";
        let states = states(text);
        let running = Standing::Running {
            since: 77,
            restarts: 2,
            exit: 3,
            said: None,
        };
        assert_eq!(states["s-a.service"].standing(), running);
        assert_eq!(states["s-b.service"].standing(), Standing::Absent);
        let failed = Standing::Stopped {
            state: "exited".to_owned(),
            exit: 125,
            said: None,
        };
        assert_eq!(states["s-c.service"].standing(), failed);
    }
}
