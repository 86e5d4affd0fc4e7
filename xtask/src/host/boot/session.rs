//! Boots groups and follows them to the end: everything is started at once, and supervisors are listened to meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::status::GroupState;

use super::{BootError, Created, group_containers};
use crate::boot::creation::Runs;
use crate::boot::event::BootEvent;
use crate::boot::session::{Audience, Chosen, Ended, Limit, Silent, WaitFor};
use crate::boot::standing::{Lost, Standing};
use crate::boot::view::View;
use crate::host::podman::hosts::{Hosts, Part};
use crate::host::system::lock::Lock;
use crate::host::system::watch::Watch;
use crate::host::system::{parallel, process};
use crate::stack::{GroupId, Stack};

/// How often an interrupt is looked for while nothing else happens.
const GLANCE: Duration = Duration::from_millis(100);
/// How often Podman is asked about groups that do not answer.
const LOOK: Duration = Duration::from_secs(2);
/// Lines of the log of a container that ends each time.
const LINES: usize = 8;

/// One boot.
pub struct Session<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Its hosts.
    pub hosts: &'a Hosts,
    /// The groups.
    pub chosen: &'a Chosen,
    /// What is waited for.
    pub wait: WaitFor,
    /// How long it may take.
    pub limit: Limit,
    /// When it began.
    pub started: Instant,
}

/// What runs the containers, and knows of those whose supervisor does not answer.
pub trait Containers: Sync {
    /// How the container of each of these groups stands; nothing of groups of which nothing is known.
    fn standing(&self, groups: &[GroupId]) -> BTreeMap<GroupId, Standing>;
    /// The last lines of a group's log; none where they cannot be had.
    fn last_lines(&self, group: GroupId, lines: usize) -> Vec<String>;
}

/// The containers that Podman was told to run.
pub struct OfPodman<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Its hosts.
    pub hosts: &'a Hosts,
}

impl Containers for OfPodman<'_> {
    fn standing(&self, groups: &[GroupId]) -> BTreeMap<GroupId, Standing> {
        // Where Podman does not answer, nothing is known.
        group_containers::standing(self.hosts, self.stack, groups).unwrap_or_default()
    }

    fn last_lines(&self, group: GroupId, lines: usize) -> Vec<String> {
        group_containers::last_lines(self.hosts, self.stack, group, lines)
    }
}

/// What tells of a boot while it starts containers.
pub type Emit<'a> = dyn Fn(BootEvent) + Sync + 'a;

/// How a boot went.
pub struct Booted {
    /// How waiting ended.
    pub ended: Ended,
    /// Groups that will not come, and why.
    pub lost: BTreeMap<GroupId, Lost>,
    /// What supervisors said last.
    pub view: View,
    /// This program was told to stop while Podman was still at work.
    pub interrupted_early: bool,
}

/// Who is told, and what that says of groups that Podman could not start.
struct Told<'a> {
    audience: &'a mut dyn Audience,
    failed: BTreeSet<GroupId>,
}

impl Told<'_> {
    fn event(&mut self, event: &BootEvent) {
        if let BootEvent::GroupFailed(group, _) = event {
            self.failed.insert(*group);
        }
        self.audience.event(event);
    }
}

fn locked<'m, 'a>(told: &'m Mutex<Told<'a>>) -> MutexGuard<'m, Told<'a>> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session<'_> {
    /// Starts everything by `start` and waits. The lock is held only as long as that changes what there is: others are not to wait for
    /// agents.
    pub fn run(
        &self,
        start: impl FnOnce(&Emit<'_>) -> Result<Created, BootError> + Send,
        containers: &dyn Containers,
        lock: Lock,
        audience: &mut dyn Audience,
    ) -> (Result<Created, BootError>, Booted) {
        let told = Mutex::new(Told {
            audience,
            failed: BTreeSet::new(),
        });
        let watch = (self.wait != WaitFor::Nothing).then(|| {
            let groups = self.chosen.followed();
            Watch::start(groups.map(|group| (group, self.hosts.status(self.stack, group))))
        });
        let mut view = View::default();
        let gave_up = AtomicBool::new(false);
        let early = AtomicBool::new(false);
        // Agents come up while further containers are still being started, and are shown as they do.
        let (created, ended, lost) = std::thread::scope(|scope| {
            let starting = scope.spawn(|| {
                let _lock = lock;
                let created = start(&|event| locked(&told).event(&event));
                gave_up.store(created.is_err(), Ordering::Relaxed);
                early.store(process::interrupted(), Ordering::Relaxed);
                created
            });
            let mut follower = Follower {
                session: self,
                containers,
                told: &told,
                gave_up: &gave_up,
                silent: BTreeMap::new(),
                looked: None,
                lost: BTreeMap::new(),
            };
            let ended = watch.as_ref().map_or(Ended::Ready, |watch| {
                follower.follow(watch, &mut view, &|| starting.is_finished())
            });
            let created = starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (created, ended, follower.lost)
        });
        let booted = Booted {
            ended,
            lost,
            view,
            interrupted_early: early.load(Ordering::Relaxed),
        };
        (created, booted)
    }
}

/// Has Podman start every part's groups, all hosts at once.
///
/// # Errors
/// When one of them cannot start anything.
pub fn start(stack: &Stack, parts: &[Part<'_>], runs: &Runs, emit: &Emit<'_>) -> Result<Created, BootError> {
    let mut all = Created::default();
    for created in parallel::map(parts.len(), parts, |part| {
        super::up(&part.host.podman, stack, &part.groups, &part.host.host, runs, emit)
    }) {
        all.add(created?);
    }
    Ok(all)
}

/// Follows a boot to its end.
struct Follower<'s, 'a> {
    session: &'s Session<'a>,
    containers: &'s dyn Containers,
    told: &'s Mutex<Told<'s>>,
    /// Podman could not start anything.
    gave_up: &'s AtomicBool,
    silent: BTreeMap<GroupId, Silent>,
    looked: Option<Instant>,
    /// Groups that will not come, and why.
    lost: BTreeMap<GroupId, Lost>,
}

impl Follower<'_, '_> {
    /// Returns when what was asked for is there, when waiting longer changes nothing, or at the limit. `all_started` says
    /// whether Podman is done: until then a group that does not answer is only late.
    fn follow(&mut self, watch: &Watch, view: &mut View, all_started: &dyn Fn() -> bool) -> Ended {
        let Session {
            stack,
            chosen,
            wait,
            limit,
            started,
            ..
        } = *self.session;
        loop {
            if process::interrupted() {
                return Ended::Interrupted;
            }
            if self.gave_up.load(Ordering::Relaxed) {
                return Ended::NotStarted;
            }
            let left = limit.time.saturating_sub(started.elapsed());
            let in_time = limit.extends && view.is_starting(&chosen.groups);
            if left.is_zero() && !in_time {
                return Ended::TimedOut;
            }
            if let Some((group, change)) = watch.next(if left.is_zero() { GLANCE } else { left.min(GLANCE) }) {
                match change {
                    Ok(status) => view.update(group, status),
                    Err(_) => view.forget(group),
                }
                locked(self.told).audience.show(view);
            }
            if !all_started() {
                continue;
            }
            locked(self.told).audience.waiting(view);
            self.look(view);
            if let Some(ended) = chosen.judge(wait, stack, view, &self.lost) {
                return ended;
            }
        }
    }

    /// Finds groups that will not come: Podman could not start them, their containers are gone or stopped, or they were left out
    /// and do not run.
    fn look(&mut self, view: &View) {
        let Session { chosen, .. } = *self.session;
        for group in &locked(self.told).failed {
            self.lost.insert(*group, Lost::NotStarted);
        }
        self.look_at_left_out(view);
        let stops = |group: GroupId| view.group(group).map(|status| status.state == GroupState::Stopping);
        let silent: Vec<GroupId> = chosen
            .groups
            .iter()
            .copied()
            .filter(|group| stops(*group) != Some(false) && !self.lost.contains_key(group))
            .collect();
        self.silent.retain(|group, _| silent.contains(group));
        if silent.is_empty() || self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        // Where nothing is known, the limit ends the wait.
        let standing = self.containers.standing(&silent);
        self.looked = Some(Instant::now());
        for (group, standing) in standing {
            if let Some(lost) = self.silent.entry(group).or_default().add(standing) {
                let lines = || self.containers.last_lines(group, LINES);
                let lost = match lost {
                    Lost::Ending(_) => Lost::Ending(lines()),
                    Lost::Stopped(standing, _) if standing.ended() => Lost::Stopped(standing, lines()),
                    other => other,
                };
                locked(self.told).audience.lost(group, &lost);
                self.lost.insert(group, lost);
            }
        }
    }

    /// Groups that others wait for, that were left out and do not run here. What is reached on another host may come from there.
    fn look_at_left_out(&mut self, view: &View) {
        let Session { stack, chosen, .. } = *self.session;
        for group in &chosen.missing {
            if view.group(*group).is_some() || view.is_within_reach(stack, &chosen.groups, *group) {
                self.lost.remove(group);
            } else {
                self.lost.insert(*group, Lost::NotSelected);
            }
        }
    }
}
