//! What is said at the end of a boot that was waited for, and how the command ends then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Outcome;
use crate::boot::ending::Ending;
use crate::boot::session::{Ended, WaitFor};
use crate::host::boot::Created;
use crate::host::boot::session::Booted;
use crate::report::ending;
use crate::report::exit::Exit;
use crate::report::printer::Printer;
use crate::stack::{AgentId, GroupId, Stack};

/// A boot, for who says how it ended.
pub struct Conclusion<'a> {
    /// Where it is said.
    pub printer: &'a Printer,
    /// The stack.
    pub stack: &'a Stack,
    /// What was done: `up`.
    pub verb: &'a str,
    /// The groups that were started.
    pub groups: &'a [GroupId],
    /// Agents that were not to be started.
    pub without: &'a BTreeSet<AgentId>,
    /// What was waited for.
    pub wait: WaitFor,
    /// Whether the limit is one that the user set.
    pub own_limit: bool,
    /// Whether a required agent that is not healthy is a failure.
    pub strict: bool,
    /// When it began.
    pub started: Instant,
    /// The same in Unix milliseconds.
    pub started_at_ms: u64,
}

impl Conclusion<'_> {
    /// Says it; `besides` says more where it ended well.
    ///
    /// # Errors
    /// None of its own.
    pub fn say(&self, created: &Created, booted: &Booted, besides: impl Fn()) -> Outcome {
        let printer = self.printer;
        if self.wait == WaitFor::Nothing {
            if !created.failed.is_empty() {
                return Ok(Exit::Tool);
            }
            printer.step(self.verb, ending::started(created.groups.len()));
            return Ok(Exit::Success);
        }
        let end = Ending {
            stack: self.stack,
            groups: self.groups,
            without: self.without,
            view: &booted.view,
            lost: &booted.lost,
        };
        let failure = |ended| ending::failure(&end, ended, self.started.elapsed(), self.own_limit, printer.verbose);
        match booted.ended {
            Ended::Interrupted => {
                printer.note(ending::left_running(&end));
                Ok(Exit::Interrupted)
            }
            Ended::Ready if created.failed.is_empty() => {
                if end.degraded() > 0 {
                    let causes = ending::causes_of(&end, printer.verbose);
                    printer.warn(format!("not all is there:{causes}"));
                }
                printer.step(self.verb, self.success(created, &end));
                besides();
                Ok(Exit::Success)
            }
            Ended::InVain if created.failed.is_empty() && !self.strict && end.only_agents_failed() => {
                printer.warn(failure(Ended::InVain));
                printer.step(self.verb, ending::partly(&end));
                besides();
                Ok(Exit::Success)
            }
            ended => {
                printer.error(failure(ended));
                Ok(Exit::Findings)
            }
        }
    }

    fn success(&self, created: &Created, end: &Ending<'_>) -> String {
        let healthy = self.wait == WaitFor::Healthy;
        if created.groups.is_empty() {
            return ending::nothing_to_do(healthy);
        }
        ending::all_came(end, self.started_at_ms, healthy.then(|| self.started.elapsed()))
    }
}

/// Now, in Unix milliseconds.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
