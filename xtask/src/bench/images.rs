//! What is measured of image builds, and what the figures mean.

use std::collections::BTreeMap;

use super::figures::{Run, typical};

/// What has changed since the last build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// Every source file, and no group image is there; the base and the dependency images are.
    ColdGroups,
    /// Nothing.
    NoChange,
    /// The script of one agent.
    OneAgent,
    /// The requirements of one group.
    OneRequirement,
}

impl Case {
    /// All of them, in an order in which little of what one has changed is work in the next: the last changes everything.
    pub const ALL: [Self; 4] = [Self::NoChange, Self::OneAgent, Self::OneRequirement, Self::ColdGroups];

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ColdGroups => "cold groups",
            Self::NoChange => "no change",
            Self::OneAgent => "one agent touched",
            Self::OneRequirement => "one requirements file changed",
        }
    }
}

/// What builds the same images another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Other {
    /// A script that runs `podman build` for one group after the other, as the plan's does.
    Script,
    /// `podman-compose build`.
    #[value(name = "podman-compose")]
    Compose,
    /// A script that runs `buildah bud`, in the same manner.
    Buildah,
}

impl Other {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Script, Self::Compose, Self::Buildah];

    /// As tables have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Script => "podman build",
            Self::Compose => "podman-compose",
            Self::Buildah => "buildah bud",
        }
    }

    /// As documents have it.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Script => "script",
            Self::Compose => "podman_compose",
            Self::Buildah => "buildah",
        }
    }
}

/// Runs of one case, that took turns.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The case.
    pub case: Case,
    /// `build-images`.
    pub ours: Vec<Run>,
    /// Those of the others that are there.
    pub others: BTreeMap<Other, Vec<Run>>,
}

/// Ratios of medians.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Of wall-clock time.
    pub wall: f64,
    /// Of CPU time.
    pub cpu: f64,
}

impl Figures {
    /// `build-images` to another; none where that one is not there.
    #[must_use]
    pub fn ratio(&self, to: Other) -> Option<Ratio> {
        let (ours, other) = (typical(&self.ours), typical(self.others.get(&to)?));
        Some(Ratio {
            wall: ours.wall / other.wall,
            cpu: ours.cpu / other.cpu,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Case, Figures, Other, Ratio};
    use crate::bench::figures::Run;

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let run = |wall, cpu| Run {
            wall,
            cpu,
            peak_bytes: 0,
        };
        let figures = Figures {
            case: Case::NoChange,
            ours: vec![run(1.0, 1.0), run(2.0, 4.0), run(9.0, 2.0)],
            others: BTreeMap::from([(Other::Script, vec![run(8.0, 8.0), run(4.0, 8.0), run(8.0, 1.0)])]),
        };
        assert_eq!(figures.ratio(Other::Script), Some(Ratio { wall: 0.25, cpu: 0.25 }));
        assert_eq!(figures.ratio(Other::Buildah), None);
    }
}
