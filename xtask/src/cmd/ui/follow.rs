//! The log of what is selected, as it is printed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::Scope;
use std::time::Duration;

use crate::boot::orders::Subject;
use crate::dashboard::Event;
use crate::host::podman::hosts::Hosts;
use crate::host::system::process;
use crate::stack::Stack;

/// Whoever moves on within this time has not stopped to read.
const STILL: Duration = Duration::from_millis(120);
/// Lines of a container that are looked through for those of an agent.
const TAIL: usize = 5_000;

/// A log that is wanted.
struct Wanted {
    number: u64,
    subject: Subject,
    ended: Arc<AtomicBool>,
}

/// Follows one log at a time.
pub struct Follower {
    wanted: Sender<Wanted>,
    ended: Arc<AtomicBool>,
}

impl Follower {
    /// Starts its thread, which ends when this is dropped.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        stack: &'env Stack,
        hosts: &'env Hosts,
        events: SyncSender<Event>,
    ) -> Self {
        let (sender, wanted) = mpsc::channel();
        scope.spawn(move || run(stack, hosts, &wanted, &events));
        Self {
            wanted: sender,
            ended: Arc::default(),
        }
    }

    /// Follows this one, and no other any more.
    pub fn follow(&mut self, number: u64, subject: Subject) {
        self.ended.store(true, Ordering::Relaxed);
        self.ended = Arc::default();
        let ended = Arc::clone(&self.ended);
        // Its thread ends only with this.
        let _ = self.wanted.send(Wanted { number, subject, ended });
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

fn run(stack: &Stack, hosts: &Hosts, wanted: &Receiver<Wanted>, events: &SyncSender<Event>) {
    while let Ok(mut next) = wanted.recv() {
        while let Ok(newer) = wanted.recv_timeout(STILL) {
            next = newer;
        }
        let told = show(stack, hosts, &next, events);
        if !next.ended.load(Ordering::Relaxed) && !process::interrupted() {
            // Nobody listens any more where this fails.
            let _ = events.send(Event::LogEnded(next.number, told.err()));
        }
    }
}

/// Passes the lines on until the log ends or is not wanted any more.
fn show(stack: &Stack, hosts: &Hosts, wanted: &Wanted, events: &SyncSender<Event>) -> Result<(), String> {
    let (group, prefix) = match wanted.subject {
        Subject::Group(group) => (group, None),
        Subject::Agent(agent) => {
            let agent = stack.agent(agent);
            (agent.group, Some(format!("[{}]", agent.name)))
        }
    };
    let group = stack.group(group);
    let command = hosts.of(group.machine).client();
    let command = command
        .args(["logs", &format!("--tail={TAIL}"), "--follow", &group.name])
        .until(Arc::clone(&wanted.ended))
        .endless();
    let printed = command.run_lines(&mut |line| {
        let line = match &prefix {
            None => Some(line),
            Some(prefix) => own(line, prefix),
        };
        if let Some(line) = line {
            // Nobody listens any more where this fails.
            let _ = events.send(Event::Printed(wanted.number, line.to_owned()));
        }
    });
    match printed {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(output
            .tail
            .last()
            .cloned()
            .unwrap_or_else(|| "Podman does not say why".to_owned())),
        Err(error) => Err(error.to_string()),
    }
}

/// A line of an agent without the name that its supervisor puts before it; nothing where it is another's.
fn own<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(prefix)?;
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::own;

    #[test]
    fn a_line_is_an_agents_own_by_the_whole_name_before_it() {
        assert_eq!(own("[Alpha] hello", "[Alpha]"), Some("hello"));
        assert_eq!(own("[Alpha]", "[Alpha]"), Some(""));
        assert_eq!(own("[AlphaTwo] hello", "[Alpha]"), None);
        assert_eq!(own("[supervisor] [Alpha] x", "[Alpha]"), None);
    }
}
