//! The state of a run: which checks are ready, what became of those that ended.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::Summary;
use super::outcome::Outcome;
use super::plan::{Check, CheckId, Plan};

#[derive(Debug, Clone)]
enum State {
    Waiting,
    Running,
    Ended(Outcome),
}

/// A run in progress.
#[derive(Debug)]
pub struct Run<'p> {
    plan: &'p Plan,
    states: Vec<State>,
}

impl<'p> Run<'p> {
    /// A run that has not begun.
    #[must_use]
    pub fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            states: vec![State::Waiting; plan.checks.len()],
        }
    }

    /// Checks that may start now, in the order of the files. They stay ready until [`Run::start`].
    ///
    /// An exclusive check is ready only while nothing runs, and nothing else is ready while one runs. Exclusive checks
    /// come last, so that they do not hold up the others.
    #[must_use]
    pub fn ready(&self) -> Vec<&'p Check> {
        let running = |exclusive: bool| {
            self.checks_in(|state| matches!(state, State::Running))
                .any(|check| check.exclusive || !exclusive)
        };
        if running(true) {
            return Vec::new();
        }
        let free: Vec<&Check> = self
            .checks_in(|state| matches!(state, State::Waiting))
            .filter(|check| {
                check
                    .after
                    .iter()
                    .all(|before| matches!(self.states[before.0], State::Ended(Outcome::Passed { .. })))
            })
            .collect();
        let (exclusive, shared): (Vec<&Check>, Vec<&Check>) = free.into_iter().partition(|check| check.exclusive);
        if !shared.is_empty() {
            return shared;
        }
        if running(false) {
            return Vec::new();
        }
        exclusive.into_iter().take(1).collect()
    }

    fn checks_in(&self, wanted: impl Fn(&State) -> bool) -> impl Iterator<Item = &'p Check> {
        self.plan
            .checks
            .iter()
            .zip(&self.states)
            .filter(move |(_, state)| wanted(state))
            .map(|(check, _)| check)
    }

    /// Notes that a check runs.
    pub fn start(&mut self, check: CheckId) {
        self.states[check.0] = State::Running;
    }

    /// Notes how a check ended, and returns those that cannot run any more because of it.
    pub fn finish(&mut self, check: CheckId, outcome: Outcome) -> Vec<(CheckId, Outcome)> {
        let passed = matches!(outcome, Outcome::Passed { .. });
        self.states[check.0] = State::Ended(outcome);
        if passed {
            return Vec::new();
        }
        let mut skipped = Vec::new();
        let mut causes = vec![check];
        while let Some(cause) = causes.pop() {
            for dependent in &self.plan.checks {
                if dependent.after.contains(&cause) && matches!(self.states[dependent.id.0], State::Waiting) {
                    let outcome = Outcome::Skipped {
                        because: format!("`{}` failed", self.plan.check(check).name),
                    };
                    self.states[dependent.id.0] = State::Ended(outcome.clone());
                    skipped.push((dependent.id, outcome));
                    causes.push(dependent.id);
                }
            }
        }
        skipped.sort_by_key(|(id, _)| *id);
        skipped
    }

    /// Skips everything that has not started, for a reason.
    pub fn skip_rest(&mut self, because: &str) -> Vec<(CheckId, Outcome)> {
        let mut skipped = Vec::new();
        for (index, state) in self.states.iter_mut().enumerate() {
            if matches!(state, State::Waiting) {
                let outcome = Outcome::Skipped {
                    because: because.to_owned(),
                };
                *state = State::Ended(outcome.clone());
                skipped.push((CheckId(index), outcome));
            }
        }
        skipped
    }

    /// Whether everything ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.states.iter().all(|state| matches!(state, State::Ended(_)))
    }

    /// Values that earlier checks saved for this one.
    #[must_use]
    pub fn saved_for(&self, check: &Check) -> BTreeMap<String, Value> {
        check
            .reads
            .iter()
            .filter_map(|(name, from)| match &self.states[from.0] {
                State::Ended(Outcome::Passed { saved, .. }) => {
                    saved.get(name).map(|value| (name.clone(), value.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// Counts so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for state in &self.states {
            match state {
                State::Ended(Outcome::Passed { .. }) => summary.passed += 1,
                State::Ended(Outcome::Failed { .. }) => summary.failed += 1,
                State::Ended(Outcome::Skipped { .. }) => summary.skipped += 1,
                State::Waiting | State::Running => {}
            }
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::fixture::plan_of;
    use super::{CheckId, Outcome, Run};

    fn names(run: &Run<'_>) -> Vec<String> {
        run.ready().iter().map(|check| check.name.clone()).collect()
    }

    const TEXT: &str = "phase: 1
checks:
  - {name: a, image: {image: base}}
  - {name: b, after: a, image: {image: base}}
  - {name: c, after: [b], image: {image: base}}
  - {name: d, image: {image: base}}
  - {name: alone, exclusive: true, image: {image: base}}
";

    #[test]
    fn independent_checks_are_ready_together_and_exclusive_ones_last() {
        let plan = plan_of(TEXT);
        let mut run = Run::new(&plan);
        assert_eq!(names(&run), ["a", "d"]);
        run.start(CheckId(0));
        run.start(CheckId(3));
        assert!(names(&run).is_empty());
        run.finish(CheckId(3), Outcome::passed());
        assert!(names(&run).is_empty(), "a still runs");
        run.finish(CheckId(0), Outcome::passed());
        assert_eq!(names(&run), ["b"]);
        run.start(CheckId(1));
        run.finish(CheckId(1), Outcome::passed());
        run.start(CheckId(2));
        run.finish(CheckId(2), Outcome::passed());
        assert_eq!(names(&run), ["alone"]);
        run.start(CheckId(4));
        assert!(names(&run).is_empty());
        run.finish(CheckId(4), Outcome::passed());
        assert!(run.is_done());
        assert!(run.summary().success());
    }

    #[test]
    fn what_comes_after_a_failure_is_skipped_and_says_why() {
        let plan = plan_of(TEXT);
        let mut run = Run::new(&plan);
        run.start(CheckId(0));
        let skipped = run.finish(CheckId(0), Outcome::failed("x", "y"));
        let expected = Outcome::Skipped {
            because: "`a` failed".to_owned(),
        };
        assert_eq!(skipped, [(CheckId(1), expected.clone()), (CheckId(2), expected)]);
        assert_eq!(names(&run), ["d"]);
        run.skip_rest("interrupted");
        assert!(run.is_done());
        let summary = run.summary();
        assert_eq!((summary.passed, summary.failed, summary.skipped), (0, 1, 4));
    }
}
