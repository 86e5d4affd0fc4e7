//! What a file of checks says, as data: names still, nothing resolved. `tests/smoke/README.md` describes it for people.

use std::time::Duration;

use super::fields::Text;
use super::kinds::Kind;
use super::yaml::Node;

/// One file of checks.
#[derive(Debug, Clone)]
pub struct CheckFile {
    /// Its path, relative to the repository.
    pub path: String,
    /// Its text, so that later findings can show lines of it.
    pub text: String,
    /// The plan's phase that it proves, 1 to 4.
    pub phase: u8,
    /// Its checks, in order.
    pub checks: Vec<CheckSpec>,
}

/// One check, before it is expanded.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// Its name, unique over all files.
    pub name: Text,
    /// Machines that it is about; all when empty.
    pub machines: Vec<Text>,
    /// Groups that it is about; all when empty.
    pub groups: Vec<Text>,
    /// Expansion into one check per thing.
    pub for_each: Option<ForEach>,
    /// Time limit, where it is not the kind's own.
    pub timeout: Option<Duration>,
    /// How often it is made again where it fails.
    pub retries: u32,
    /// Checks that must have passed before.
    pub after: Vec<Text>,
    /// Whether nothing else may run meanwhile.
    pub exclusive: bool,
    /// Its kind.
    pub kind: &'static Kind,
    /// What it does, still with placeholders; [`super::load`] has read it once, so its shape is right.
    pub body: Node,
}

/// What a check is made once for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForEach {
    /// Every machine.
    Machine,
    /// Every group.
    Group,
    /// Every agent.
    Agent,
    /// Every volume of every machine.
    Volume,
    /// Every path alias in every group of its machine.
    PathAlias,
    /// Every pair of groups of which the first depends on the second.
    Link,
}

impl ForEach {
    /// The words for it in a file.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("machine", Self::Machine),
        ("group", Self::Group),
        ("agent", Self::Agent),
        ("volume", Self::Volume),
        ("path_alias", Self::PathAlias),
        ("link", Self::Link),
    ];
}
