//! What a paired run says: medians, ratios, how time grows.

/// What one run of a program took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of CPU, of all its threads, in user and kernel mode.
    pub cpu: f64,
    /// Most memory that was resident at once, in bytes.
    pub peak_bytes: u64,
}

/// What two programs took on the same tree, in runs that took turns.
#[derive(Debug, Clone)]
pub struct Paired {
    /// Python files of the tree.
    pub files: usize,
    /// Their lines.
    pub lines: usize,
    /// Agents that are followed to their end, of a tree that is made for that.
    pub agents: Option<u16>,
    /// The audit's runs.
    pub audit: Vec<Run>,
    /// The other program's.
    pub other: Vec<Run>,
}

/// What the audit took of a library with one agent that imports it, and with many: in runs that took turns.
#[derive(Debug, Clone)]
pub struct Shared {
    /// How many agents import the library.
    pub agents: u16,
    /// Python files of the tree of many.
    pub files: usize,
    /// Their lines.
    pub lines: usize,
    /// Runs with one agent.
    pub one: Vec<Run>,
    /// Runs with all of them.
    pub many: Vec<Run>,
}

impl Shared {
    /// CPU time with all of them, in that with one: a median over pairs.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        let pairs = self.many.iter().zip(&self.one);
        median(pairs.map(|(many, one)| many.cpu / one.cpu))
    }
}

/// Ratios of the audit to the other program, as medians over pairs: what slows both down at one time does not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratios {
    /// Of wall-clock time.
    pub wall: f64,
    /// Of CPU time.
    pub cpu: f64,
    /// Of peak memory.
    pub memory: f64,
}

impl Paired {
    /// The ratios.
    #[must_use]
    pub fn ratios(&self) -> Ratios {
        let of = |figure: fn(&Run) -> f64| {
            let pairs = self.audit.iter().zip(&self.other);
            median(pairs.map(|(ours, theirs)| figure(ours) / figure(theirs)))
        };
        Ratios {
            wall: of(|run| run.wall),
            cpu: of(|run| run.cpu),
            memory: of(|run| run.peak_bytes as f64),
        }
    }
}

/// The median of each figure.
#[must_use]
pub fn typical(runs: &[Run]) -> Run {
    Run {
        wall: median(runs.iter().map(|run| run.wall)),
        cpu: median(runs.iter().map(|run| run.cpu)),
        peak_bytes: runs.iter().map(|run| run.peak_bytes).max().unwrap_or_default(),
    }
}

/// The middle one, or the mean of the middle two; NaN where there is none.
#[must_use]
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    if figures.len().is_multiple_of(2) {
        f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(wall: f64, cpu: f64, peak_bytes: u64) -> Run {
        Run { wall, cpu, peak_bytes }
    }

    #[test]
    fn a_slow_moment_that_meets_a_pair_does_not_change_the_ratio() {
        let paired = Paired {
            files: 1,
            lines: 1,
            agents: None,
            audit: vec![run(1.0, 2.0, 30), run(10.0, 20.0, 30), run(1.1, 2.0, 30)],
            other: vec![run(2.0, 2.0, 20), run(20.0, 20.0, 20), run(2.2, 1.0, 20)],
        };
        let expected = Ratios {
            wall: 0.5,
            cpu: 1.0,
            memory: 1.5,
        };
        assert_eq!(paired.ratios(), expected);
        assert_eq!(typical(&paired.audit), run(1.1, 2.0, 30));
    }

    #[test]
    fn what_agents_share_is_told_in_pairs() {
        let shared = Shared {
            agents: 40,
            files: 1,
            lines: 1,
            one: vec![run(1.0, 1.0, 1), run(1.0, 10.0, 1), run(1.0, 2.0, 1)],
            many: vec![run(1.0, 1.5, 1), run(1.0, 15.0, 1), run(1.0, 2.0, 1)],
        };
        assert_eq!(shared.ratio().total_cmp(&1.5), std::cmp::Ordering::Equal);
    }

    #[test]
    fn medians_of_even_and_of_no_figures() {
        assert_eq!(
            median([4.0, 1.0, 2.0, 3.0].into_iter()).total_cmp(&2.5),
            std::cmp::Ordering::Equal
        );
        assert!(median([].into_iter()).is_nan());
    }
}
