//! The scheduler's decisions: which image may be built next. A finished image makes ready what is built FROM it; there is
//! no barrier between layers, and a failed image stops only what stands on it.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Kind, NodeId, Plan};

/// How an image came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was there already.
    UpToDate,
    /// It was built.
    Built,
    /// It was not.
    Failed,
    /// It was not tried, because this one failed.
    Skipped {
        /// The image that failed.
        because: NodeId,
    },
}

/// The state of one run.
#[derive(Debug)]
pub struct Schedule {
    from: Vec<Option<NodeId>>,
    weight: Vec<usize>,
    outcomes: BTreeMap<NodeId, Outcome>,
    running: BTreeSet<NodeId>,
}

impl Schedule {
    /// A run over the plan: what is up to date or not needed counts as there.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let needed = plan.needed();
        let ids = || (0..plan.nodes.len()).map(NodeId);
        let weight = ids()
            .map(|id| {
                let built_on_it = plan.nodes.iter().filter(|node| node.from == Some(id)).count();
                match plan.node(id).kind {
                    Kind::Group { .. } => 0,
                    _ => 1 + built_on_it,
                }
            })
            .collect();
        Self {
            from: plan.nodes.iter().map(|node| node.from).collect(),
            weight,
            outcomes: ids()
                .filter(|id| !needed.contains(id))
                .map(|id| (id, Outcome::UpToDate))
                .collect(),
            running: BTreeSet::new(),
        }
    }

    /// The next image to build, if one is ready: the one that most others stand on first.
    pub fn start_next(&mut self) -> Option<NodeId> {
        let next = (0..self.from.len())
            .map(NodeId)
            .filter(|id| !self.outcomes.contains_key(id) && !self.running.contains(id))
            .filter(|id| {
                self.from[id.0]
                    .is_none_or(|from| matches!(self.outcomes.get(&from), Some(Outcome::Built | Outcome::UpToDate)))
            })
            .max_by_key(|id| (self.weight[id.0], std::cmp::Reverse(*id)))?;
        self.running.insert(next);
        Some(next)
    }

    /// Takes note of how an image came out; returns those that cannot be built now.
    pub fn finish(&mut self, id: NodeId, built: bool) -> Vec<NodeId> {
        self.running.remove(&id);
        if built {
            self.outcomes.insert(id, Outcome::Built);
            return Vec::new();
        }
        self.outcomes.insert(id, Outcome::Failed);
        let mut skipped = Vec::new();
        for index in 0..self.from.len() {
            let candidate = NodeId(index);
            let stands_on_failure = self.from[index].is_some_and(|from| from == id || skipped.contains(&from));
            if stands_on_failure && !self.outcomes.contains_key(&candidate) {
                self.outcomes.insert(candidate, Outcome::Skipped { because: id });
                skipped.push(candidate);
            }
        }
        skipped
    }

    /// Whether nothing is left to start or to wait for.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.running.is_empty() && self.outcomes.len() == self.from.len()
    }

    /// How each image came out, by id.
    #[must_use]
    pub fn outcomes(&self) -> &BTreeMap<NodeId, Outcome> {
        &self.outcomes
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Schedule};
    use crate::images::plan::{Kind, Node, NodeId, Plan};
    use crate::stack::GroupId;

    fn node(name: &str, kind: Kind, from: Option<usize>, up_to_date: bool) -> Node {
        Node {
            name: name.to_owned(),
            image: format!("localhost/t/{name}:latest"),
            kind,
            from: from.map(NodeId),
            digest: name.to_owned(),
            up_to_date,
        }
    }

    /// python ← base ← d1 ← {a, b}, base ← d2 ← c
    fn diamond(up_to_date: &[&str]) -> Plan {
        let group = |index| Kind::Group { group: GroupId(index) };
        let example = |index| Kind::Dependencies {
            example: GroupId(index),
        };
        let there = |name: &str| up_to_date.contains(&name);
        Plan {
            nodes: vec![
                node("python", Kind::Python, None, there("python")),
                node("base", Kind::Base, Some(0), there("base")),
                node("d1", example(0), Some(1), there("d1")),
                node("a", group(0), Some(2), there("a")),
                node("b", group(1), Some(2), there("b")),
                node("d2", example(2), Some(1), there("d2")),
                node("c", group(2), Some(5), there("c")),
            ],
        }
    }

    #[test]
    fn a_finished_image_starts_what_stands_on_it_without_a_barrier() {
        let mut schedule = Schedule::new(&diamond(&[]));
        assert_eq!(schedule.start_next(), Some(NodeId(0)));
        assert_eq!(schedule.start_next(), None);
        schedule.finish(NodeId(0), true);
        assert_eq!(schedule.start_next(), Some(NodeId(1)));
        schedule.finish(NodeId(1), true);
        // The dependency image that two groups stand on comes first.
        assert_eq!(schedule.start_next(), Some(NodeId(2)));
        assert_eq!(schedule.start_next(), Some(NodeId(5)));
        schedule.finish(NodeId(5), true);
        // `c` starts while `d1` is still being built.
        assert_eq!(schedule.start_next(), Some(NodeId(6)));
    }

    #[test]
    fn a_failed_image_stops_only_what_stands_on_it() {
        let mut schedule = Schedule::new(&diamond(&["python", "base"]));
        assert_eq!(schedule.start_next(), Some(NodeId(2)));
        assert_eq!(schedule.start_next(), Some(NodeId(5)));
        assert_eq!(schedule.finish(NodeId(2), false), vec![NodeId(3), NodeId(4)]);
        schedule.finish(NodeId(5), true);
        assert_eq!(schedule.start_next(), Some(NodeId(6)));
        schedule.finish(NodeId(6), true);
        assert!(schedule.is_done());
        assert_eq!(schedule.outcomes()[&NodeId(4)], Outcome::Skipped { because: NodeId(2) });
    }

    #[test]
    fn nothing_is_built_for_images_that_are_all_there() {
        let mut schedule = Schedule::new(&diamond(&["base", "a", "b", "c"]));
        assert_eq!(schedule.start_next(), None);
        assert!(schedule.is_done());
    }
}
