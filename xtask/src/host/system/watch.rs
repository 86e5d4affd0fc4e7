//! Follows the supervisors: each group's status document, whenever it changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use contract::status::GroupStatus;

use super::network::Endpoint;
use crate::host::boot::supervisor_status::{self, StatusError};
use crate::stack::GroupId;

/// How long a supervisor may hold a request open while nothing changes.
const HOLD: Duration = Duration::from_secs(10);
/// First and longest delay before a supervisor that does not answer is asked again.
const RETRY: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));

/// A group's newest document, or why there is none.
pub type Change = (GroupId, Result<GroupStatus, StatusError>);

/// A running watch; ends when dropped.
#[derive(Debug)]
pub struct Watch {
    changes: Receiver<Change>,
    stop: Arc<AtomicBool>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Watch {
    /// Follows these groups, one thread each.
    #[must_use]
    pub fn start(groups: impl IntoIterator<Item = (GroupId, Endpoint)>) -> Self {
        let (sender, changes) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        for (group, endpoint) in groups {
            let (sender, stop) = (sender.clone(), Arc::clone(&stop));
            std::thread::spawn(move || {
                let mut seen = None;
                let mut delay = RETRY.0;
                while !stop.load(Ordering::Relaxed) {
                    let change = match supervisor_status::fetch(&endpoint, seen.as_deref(), HOLD) {
                        Ok(snapshot) => {
                            seen = Some(snapshot.version);
                            delay = RETRY.0;
                            Ok(snapshot.status)
                        }
                        Err(error) => {
                            seen = None;
                            // It is not there yet: a supervisor announces itself to nobody.
                            std::thread::sleep(delay);
                            delay = (delay * 2).min(RETRY.1);
                            Err(error)
                        }
                    };
                    if sender.send((group, change)).is_err() {
                        return;
                    }
                }
            });
        }
        Self { changes, stop }
    }

    /// The next change, if one comes within the time.
    #[must_use]
    pub fn next(&self, within: Duration) -> Option<Change> {
        self.changes.recv_timeout(within).ok()
    }
}
