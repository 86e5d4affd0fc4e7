//! What is measured of boots, and what the figures mean.

use std::collections::BTreeMap;

use super::figures::median;

/// A way to get all agents to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// So many interpreters that import what an agent imports, all at once in one container: nothing can be faster that
    /// gives each agent an interpreter of its own.
    Floor,
    /// `up --plain`.
    Plain,
    /// `up` with every agent forked from a warm interpreter.
    Warm,
    /// A supervisor in Python per container, that starts an agent when the one before it answers.
    Script,
}

impl Way {
    /// All of them, what others are compared with first.
    pub const ALL: [Self; 4] = [Self::Floor, Self::Plain, Self::Warm, Self::Script];

    /// As documents have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Plain => "plain",
            Self::Warm => "warm",
            Self::Script => "one_after_the_other",
        }
    }
}

/// One boot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Seconds until the last agent answered.
    pub wall: f64,
    /// Seconds of CPU in that time: of the whole host, for the floor of the interpreters alone.
    pub cpu: f64,
    /// Proportional memory of everything below the supervisors, in bytes; none for the floor, whose interpreters end.
    pub memory_bytes: Option<u64>,
}

/// Boots that took turns.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Per way, in the order in which they were made.
    pub samples: BTreeMap<Way, Vec<Sample>>,
}

impl Figures {
    /// The medians of a way; none where it was not measured.
    #[must_use]
    pub fn typical(&self, way: Way) -> Option<Sample> {
        let samples = self.samples.get(&way).filter(|samples| !samples.is_empty())?;
        let memory: Vec<f64> = samples
            .iter()
            .filter_map(|sample| sample.memory_bytes)
            .map(|bytes| bytes as f64)
            .collect();
        Some(Sample {
            wall: median(samples.iter().map(|sample| sample.wall)),
            cpu: median(samples.iter().map(|sample| sample.cpu)),
            memory_bytes: (!memory.is_empty()).then(|| median(memory.into_iter()) as u64),
        })
    }

    /// A way's median to that of another; none where one of them has none.
    #[must_use]
    pub fn ratio(&self, way: Way, to: Way, figure: fn(&Sample) -> Option<f64>) -> Option<f64> {
        Some(figure(&self.typical(way)?)? / figure(&self.typical(to)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Sample, Way};

    #[test]
    fn ratios_are_those_of_the_medians() {
        let sample = |wall, memory_bytes| Sample {
            wall,
            cpu: 2.0 * wall,
            memory_bytes,
        };
        let mut figures = Figures::default();
        figures.samples.insert(
            Way::Floor,
            vec![sample(1.0, None), sample(9.0, None), sample(2.0, None)],
        );
        figures.samples.insert(
            Way::Warm,
            vec![sample(0.5, Some(300)), sample(0.25, Some(100)), sample(7.0, Some(200))],
        );
        let wall = |sample: &Sample| Some(sample.wall);
        assert_eq!(figures.ratio(Way::Warm, Way::Floor, wall), Some(0.25));
        assert_eq!(
            figures.typical(Way::Warm).and_then(|sample| sample.memory_bytes),
            Some(200)
        );
        assert_eq!(
            figures.ratio(Way::Warm, Way::Floor, |s| s.memory_bytes.map(|b| b as f64)),
            None
        );
        assert_eq!(figures.ratio(Way::Plain, Way::Floor, wall), None);
    }
}
