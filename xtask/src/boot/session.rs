//! A boot that is followed to its end: what is waited for, how long, and when waiting longer changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::BootEvent;
use super::needs::Needed;
use super::standing::{Lost, Standing};
use super::view::{Progress, View};
use crate::stack::{GroupId, Stack};

/// Looks in a row that show a container gone or stopped, before that is believed: another command may be replacing it.
const SURE: u32 = 2;
/// Starts of one container while its supervisor does not answer, as seen or as Podman counts them, before it is taken to end each time.
const STARTS: usize = 3;

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum WaitFor {
    /// Every required agent answered, and still does after the settling time
    #[default]
    Healthy,
    /// Every required agent answered
    Answering,
    /// Containers run; return at once
    Nothing,
}

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The time.
    pub time: Duration,
    /// Whether agents that are within their own start period at its end are waited for all the same.
    pub extends: bool,
}

/// How waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// What was waited for is there.
    Ready,
    /// Waiting longer changes nothing.
    InVain,
    /// The limit was reached.
    TimedOut,
    /// This program was told to stop.
    Interrupted,
    /// Podman could not start what is waited for.
    NotStarted,
}

/// The groups of a boot.
#[derive(Debug)]
pub struct Chosen {
    /// Those that are started, in the order of the stack.
    pub groups: Vec<GroupId>,
    /// Those that these need and that are left as they are: `--no-deps`, or of another machine than `--machine` names.
    pub left_out: Vec<Needed>,
    /// Those of them that do not run.
    pub missing: BTreeSet<GroupId>,
}

impl Chosen {
    /// Every group whose supervisor decides how the boot goes.
    pub fn followed(&self) -> impl Iterator<Item = GroupId> + '_ {
        let left_out = self.left_out.iter().map(|needed| needed.group);
        self.groups.iter().copied().chain(left_out)
    }

    /// Whether waiting is over, with what is known of groups that will not come.
    #[must_use]
    pub fn judge(&self, wait: WaitFor, stack: &Stack, view: &View, lost: &BTreeMap<GroupId, Lost>) -> Option<Ended> {
        let groups = &self.groups;
        if groups
            .iter()
            .any(|group| matches!(lost.get(group), Some(Lost::Removed)))
        {
            // Somebody takes down what is waited for.
            return Some(Ended::InVain);
        }
        let is_lost = |group: &GroupId| lost.contains_key(group);
        let running: Vec<GroupId> = groups.iter().copied().filter(|group| !is_lost(group)).collect();
        if wait == WaitFor::Answering && view.all_answer(&running) {
            let all = running.len() == groups.len();
            return Some(if all { Ended::Ready } else { Ended::InVain });
        }
        let lost: Vec<GroupId> = lost.keys().copied().collect();
        match view.progress(stack, groups, &lost) {
            Progress::Healthy => Some(Ended::Ready),
            Progress::Failed => Some(Ended::InVain),
            Progress::Pending => None,
        }
    }
}

/// Is told how a boot goes.
pub trait Audience: Send {
    /// Something was made, or could not be.
    fn event(&mut self, event: &BootEvent);
    /// What supervisors say changed.
    fn show(&mut self, view: &View);
    /// Podman is done; agents are waited for.
    fn waiting(&mut self, view: &View);
    /// A group will not come.
    fn lost(&mut self, group: GroupId, why: &Lost);
}

/// What is known of a group that does not answer.
#[derive(Debug, Default)]
pub struct Silent {
    /// Looks in a row that showed no container, and one that does not run.
    absent: u32,
    stopped: u32,
    /// When its container was started, as seen.
    starts: BTreeSet<i64>,
    /// How often Podman had started it again when it was looked at first.
    restarts: Option<u32>,
}

impl Silent {
    /// Takes in one look; says when it is sure that the group will not come.
    pub fn add(&mut self, standing: Standing) -> Option<Lost> {
        match standing {
            Standing::Absent => {
                self.absent += 1;
                self.stopped = 0;
                (self.absent >= SURE).then_some(Lost::Removed)
            }
            Standing::Stopped { .. } => {
                self.stopped += 1;
                self.absent = 0;
                (self.stopped >= SURE).then_some(Lost::Stopped(standing, Vec::new()))
            }
            Standing::Running { since, restarts, .. } => {
                self.absent = 0;
                self.stopped = 0;
                self.starts.insert(since);
                // Those of long ago say nothing of now.
                let first = *self.restarts.get_or_insert(restarts);
                let starts = self.starts.len().max(restarts.saturating_sub(first) as usize + 1);
                (starts >= STARTS).then_some(Lost::Ending(Vec::new()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Silent;
    use crate::boot::standing::{Lost, Standing};

    fn running(since: i64, restarts: u32) -> Standing {
        Standing::Running {
            since,
            restarts,
            exit: 2,
            said: None,
        }
    }

    #[test]
    fn a_container_that_is_replaced_is_not_taken_for_removed() {
        let mut silent = Silent::default();
        assert_eq!(silent.add(Standing::Absent), None);
        assert_eq!(silent.add(running(5, 0)), None);
        assert_eq!(silent.add(Standing::Absent), None);
        assert_eq!(silent.add(Standing::Absent), Some(Lost::Removed));
    }

    #[test]
    fn a_supervisor_that_ends_each_time_is_found_by_the_starts_of_its_container() {
        let mut silent = Silent::default();
        for _ in 0..10 {
            assert_eq!(silent.add(running(1, 0)), None, "it is only slow");
        }
        let stopped = || Standing::Stopped {
            state: "exited".to_owned(),
            exit: 2,
            said: None,
        };
        assert_eq!(silent.add(stopped()), None);
        assert_eq!(silent.add(running(2, 0)), None);
        assert_eq!(silent.add(running(3, 0)), Some(Lost::Ending(Vec::new())));
        // Podman has counted them meanwhile.
        let mut silent = Silent::default();
        assert_eq!(silent.add(running(1, 7)), None);
        assert_eq!(silent.add(running(1, 7)), None, "it was started again long ago");
        assert_eq!(silent.add(running(1, 9)), Some(Lost::Ending(Vec::new())));
        let mut silent = Silent::default();
        assert_eq!(silent.add(stopped()), None);
        assert_eq!(silent.add(stopped()), Some(Lost::Stopped(stopped(), Vec::new())));
    }
}
