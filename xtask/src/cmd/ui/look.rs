//! Looks at containers now and then: how those stand whose supervisors do not answer, and what all of them take.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::Scope;
use std::time::{Duration, Instant};

use crate::dashboard::{Dashboard, Event, Memory};
use crate::host::boot::group_containers;
use crate::host::boot::memory::{self, Runs};
use crate::host::podman::hosts::Hosts;
use crate::host::system::process;
use crate::stack::{GroupId, Stack};

/// How often it is looked, where nothing changes.
const EVERY: Duration = Duration::from_secs(2);

/// What is to be looked at.
struct Work {
    groups: Vec<GroupId>,
    silent: Vec<GroupId>,
    agents: Vec<Runs>,
    /// Whether Podman is to be asked again.
    anew: bool,
}

/// Looks in a thread of its own, once at a time.
pub struct Looker {
    work: Sender<Work>,
    is_busy: Arc<AtomicBool>,
    is_wanted: bool,
    last: Option<Instant>,
}

impl Looker {
    /// Starts its thread, which ends when this is dropped.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        stack: &'env Stack,
        hosts: &'env Hosts,
        events: SyncSender<Event>,
    ) -> Self {
        let (sender, work) = mpsc::channel();
        let is_busy = Arc::new(AtomicBool::new(false));
        let busy = Arc::clone(&is_busy);
        scope.spawn(move || run(stack, hosts, &work, &events, &busy));
        Self {
            work: sender,
            is_busy,
            is_wanted: false,
            last: None,
        }
    }

    /// Podman is to be asked as soon as may be.
    pub fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Looks, if it is time.
    pub fn look(&mut self, dashboard: &Dashboard<'_>) {
        let is_time = self.is_wanted || self.last.is_none_or(|last| last.elapsed() >= EVERY);
        if !is_time || !dashboard.has_heard_all() || self.is_busy.load(Ordering::Relaxed) {
            return;
        }
        let silent = dashboard.silent();
        let stack = dashboard.stack;
        let agents = dashboard.agents().iter().filter_map(|id| {
            let pid = dashboard.view.agent(stack, *id)?.pid?;
            Some(Runs {
                agent: *id,
                group: stack.agent(*id).group,
                pid,
            })
        });
        let work = Work {
            groups: dashboard.groups().to_vec(),
            agents: agents.collect(),
            // What goes and comes without a supervisor is seen by nobody else.
            anew: self.is_wanted || !silent.is_empty(),
            silent,
        };
        self.is_busy.store(true, Ordering::Relaxed);
        self.is_wanted = false;
        self.last = Some(Instant::now());
        // Its thread ends only with this.
        let _ = self.work.send(work);
    }
}

fn run(stack: &Stack, hosts: &Hosts, work: &Receiver<Work>, events: &SyncSender<Event>, busy: &AtomicBool) {
    let mut processes = BTreeMap::new();
    while let Ok(work) = work.recv() {
        if process::interrupted() {
            return;
        }
        if work.anew {
            // Where Podman cannot be asked, that they do not answer is all there is to say.
            let standing = match work.silent.is_empty() {
                true => BTreeMap::new(),
                false => group_containers::standing_of_silent(hosts, stack, &work.silent).unwrap_or_default(),
            };
            let _ = events.send(Event::Looked(standing));
            processes = group_containers::processes(hosts, stack, &work.groups).unwrap_or_default();
        }
        let (groups, agents) = memory::measure(&processes, &work.agents);
        let _ = events.send(Event::Measured(Memory { groups, agents }));
        busy.store(false, Ordering::Relaxed);
    }
}
