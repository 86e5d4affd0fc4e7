//! Waits for a boot, and knows when waiting longer changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::status::GroupState;

use super::WaitFor;
use super::choose::Chosen;
use crate::boot::standing::{Lost, Standing};
use crate::boot::view::{Progress, View};
use crate::host::boot::group_containers;
use crate::host::podman::hosts::Hosts;
use crate::host::system::process;
use crate::host::system::watch::Watch;
use crate::report::boot::BootReporter;
use crate::stack::{GroupId, Stack};

/// How often an interrupt is looked for while nothing else happens.
const GLANCE: Duration = Duration::from_millis(100);
/// How often Podman is asked about groups that do not answer.
const LOOK: Duration = Duration::from_secs(2);
/// Looks in a row that show a container gone or stopped, before that is believed: another command may be replacing it.
const SURE: u32 = 2;
/// Starts of one container that are seen while its supervisor does not answer, before it is taken to end each time.
const STARTS: usize = 3;
/// Lines of the log of such a container that are shown.
const LINES: usize = 8;

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

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The time.
    pub time: Duration,
    /// Whether agents that are within their own start period at its end are waited for all the same.
    pub extends: bool,
}

/// What is known of a group that does not answer.
#[derive(Debug, Default)]
struct Silent {
    /// Looks in a row that showed no container, and one that does not run.
    absent: u32,
    stopped: u32,
    /// When its container was started, as seen.
    starts: BTreeSet<i64>,
}

/// A boot that is waited for.
pub struct Boot<'a, 'b> {
    /// What is waited for.
    pub wait: WaitFor,
    /// The stack.
    pub stack: &'a Stack,
    /// Its hosts.
    pub hosts: &'a Hosts,
    /// The groups.
    pub chosen: &'a Chosen,
    /// Shows how it goes.
    pub reporter: &'a Mutex<BootReporter<'b>>,
    /// Podman could not start anything.
    pub gave_up: &'a AtomicBool,
    /// When it began.
    pub started: Instant,
    /// How long it may take.
    pub limit: Limit,
}

/// Follows a boot to its end.
pub struct Follower<'a, 'b> {
    boot: Boot<'a, 'b>,
    silent: BTreeMap<GroupId, Silent>,
    looked: Option<Instant>,
    lost: BTreeMap<GroupId, Lost>,
}

impl<'a, 'b> Follower<'a, 'b> {
    /// A follower that has seen nothing yet.
    #[must_use]
    pub fn new(boot: Boot<'a, 'b>) -> Self {
        Self {
            boot,
            silent: BTreeMap::new(),
            looked: None,
            lost: BTreeMap::new(),
        }
    }

    /// Groups that will not come, and why.
    #[must_use]
    pub fn into_lost(self) -> BTreeMap<GroupId, Lost> {
        self.lost
    }

    /// Returns when what was asked for is there, when waiting longer changes nothing, or at the limit. `all_started` says
    /// whether Podman is done: until then a group that does not answer is only late.
    pub fn follow(&mut self, watch: &Watch, view: &mut View, all_started: &dyn Fn() -> bool) -> Ended {
        loop {
            if process::interrupted() {
                return Ended::Interrupted;
            }
            if self.boot.gave_up.load(Ordering::Relaxed) {
                return Ended::NotStarted;
            }
            let left = self.boot.limit.time.saturating_sub(self.boot.started.elapsed());
            let in_time = self.boot.limit.extends && view.is_starting(&self.boot.chosen.groups);
            if left.is_zero() && !in_time {
                return Ended::TimedOut;
            }
            if let Some((group, change)) = watch.next(if left.is_zero() { GLANCE } else { left.min(GLANCE) }) {
                match change {
                    Ok(status) => view.update(group, status),
                    Err(_) => view.forget(group),
                }
                lock(self.boot.reporter).show(self.boot.stack, view);
            }
            if !all_started() {
                continue;
            }
            lock(self.boot.reporter).waiting(view);
            self.look(view);
            if let Some(ended) = self.judge(view) {
                return ended;
            }
        }
    }

    /// Whether waiting is over.
    fn judge(&self, view: &View) -> Option<Ended> {
        let groups = &self.boot.chosen.groups;
        let removed = |group: &GroupId| matches!(self.lost.get(group), Some(Lost::Removed));
        if groups.iter().any(removed) {
            // Somebody takes down what is waited for.
            return Some(Ended::InVain);
        }
        let is_lost = |group: &GroupId| self.lost.contains_key(group);
        let running: Vec<GroupId> = groups.iter().copied().filter(|group| !is_lost(group)).collect();
        if self.boot.wait == WaitFor::Answering && view.all_answer(&running) {
            return Some(if running.len() == groups.len() {
                Ended::Ready
            } else {
                Ended::InVain
            });
        }
        let lost: Vec<GroupId> = self.lost.keys().copied().collect();
        match view.progress(self.boot.stack, groups, &lost) {
            Progress::Healthy => Some(Ended::Ready),
            Progress::Failed => Some(Ended::InVain),
            Progress::Pending => None,
        }
    }

    /// Finds groups that will not come: Podman could not start them, their containers are gone or stopped, or they were left out
    /// and do not run.
    fn look(&mut self, view: &View) {
        let reporter = lock(self.boot.reporter);
        for group in &self.boot.chosen.groups {
            if reporter.has_failed(*group) {
                self.lost.insert(*group, Lost::NotStarted);
            }
        }
        drop(reporter);
        self.look_at_left_out(view);
        let silent: Vec<GroupId> = self
            .boot
            .chosen
            .groups
            .iter()
            .copied()
            .filter(|group| {
                let stops = view.group(*group).map(|status| status.state == GroupState::Stopping);
                stops != Some(false) && !self.lost.contains_key(group)
            })
            .collect();
        self.silent.retain(|group, _| silent.contains(group));
        if silent.is_empty() || self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        // Where Podman does not answer, nothing is known, and the limit ends the wait.
        let standing = group_containers::standing(self.boot.hosts, self.boot.stack, &silent).unwrap_or_default();
        self.looked = Some(Instant::now());
        for (group, standing) in standing {
            if let Some(lost) = self.silent.entry(group).or_default().add(standing) {
                let lost = match lost {
                    Lost::Ending(_) => Lost::Ending(group_containers::last_lines(
                        self.boot.hosts,
                        self.boot.stack,
                        group,
                        LINES,
                    )),
                    other => other,
                };
                self.lost.insert(group, lost);
            }
        }
    }

    /// Groups that others wait for, that were left out and do not run here. What is reached on another host may come from there.
    fn look_at_left_out(&mut self, view: &View) {
        for group in &self.boot.chosen.missing {
            let comes =
                view.group(*group).is_some() || view.is_within_reach(self.boot.stack, &self.boot.chosen.groups, *group);
            if comes {
                self.lost.remove(group);
            } else {
                self.lost.insert(*group, Lost::NotSelected);
            }
        }
    }
}

impl Silent {
    /// Takes in one look; says when it is sure that the group will not come.
    fn add(&mut self, standing: Standing) -> Option<Lost> {
        match standing {
            Standing::Absent => {
                self.absent += 1;
                self.stopped = 0;
                (self.absent >= SURE).then_some(Lost::Removed)
            }
            Standing::Stopped { .. } => {
                self.stopped += 1;
                self.absent = 0;
                (self.stopped >= SURE).then_some(Lost::Stopped(standing))
            }
            Standing::Running { since } => {
                self.absent = 0;
                self.stopped = 0;
                self.starts.insert(since);
                (self.starts.len() >= STARTS).then_some(Lost::Ending(Vec::new()))
            }
        }
    }
}

/// The reporter, whoever has it.
pub fn lock<'a, 'b>(reporter: &'a Mutex<BootReporter<'b>>) -> MutexGuard<'a, BootReporter<'b>> {
    reporter.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Silent;
    use crate::boot::standing::{Lost, Standing};

    #[test]
    fn a_container_that_is_replaced_is_not_taken_for_removed() {
        let mut silent = Silent::default();
        assert_eq!(silent.add(Standing::Absent), None);
        assert_eq!(silent.add(Standing::Running { since: 5 }), None);
        assert_eq!(silent.add(Standing::Absent), None);
        assert_eq!(silent.add(Standing::Absent), Some(Lost::Removed));
    }

    #[test]
    fn a_supervisor_that_ends_each_time_is_found_by_the_starts_of_its_container() {
        let mut silent = Silent::default();
        for _ in 0..10 {
            assert_eq!(silent.add(Standing::Running { since: 1 }), None, "it is only slow");
        }
        let stopped = || Standing::Stopped {
            state: "exited".to_owned(),
            exit: 2,
        };
        assert_eq!(silent.add(stopped()), None);
        assert_eq!(silent.add(Standing::Running { since: 2 }), None);
        assert_eq!(
            silent.add(Standing::Running { since: 3 }),
            Some(Lost::Ending(Vec::new()))
        );
        let mut silent = Silent::default();
        assert_eq!(silent.add(stopped()), None);
        assert_eq!(silent.add(stopped()), Some(Lost::Stopped(stopped())));
    }
}
