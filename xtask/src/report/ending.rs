//! How a boot ended, in the words of `up`.

use std::time::Duration;

use super::boot::{causes_lines, causes_text, path_text};
use crate::boot::causes::causes;
use crate::boot::critical_path::critical_path;
use crate::boot::ending::Ending;
use crate::boot::session::Ended;

/// That containers run, of which so many were started.
#[must_use]
pub fn started(groups: usize) -> String {
    match groups {
        0 => "nothing to do: every container runs; agents were not looked at".to_owned(),
        1 => "1 group started; its agents were not waited for".to_owned(),
        many => format!("{many} groups started; their agents were not waited for"),
    }
}

/// That nothing had to be started.
#[must_use]
pub fn nothing_to_do(healthy: bool) -> String {
    let state = if healthy { "is healthy" } else { "answers" };
    format!("nothing to do: everything runs and {state}")
}

/// That all came up, and along which chain of agents. `after`: how long it took until all were healthy, if that was waited for.
#[must_use]
pub fn all_came(ending: &Ending<'_>, started_at_ms: u64, after: Option<Duration>) -> String {
    let path = critical_path(ending.stack, ending.view);
    path_text(ending.stack, ending.groups, &path, started_at_ms, after)
}

/// What runs although not all does.
#[must_use]
pub fn partly(ending: &Ending<'_>) -> String {
    let (unhealthy, total) = ending.unhealthy();
    let degraded = match ending.degraded() {
        0 => String::new(),
        some => format!(", {some} of these degraded"),
    };
    format!(
        "{} of {total} agents are healthy{degraded}; the others failed, which `--strict` makes exit code 1",
        total - unhealthy
    )
}

/// What failed; `verbose`: with the last lines of it.
#[must_use]
pub fn causes_of(ending: &Ending<'_>, verbose: bool) -> String {
    let causes = causes(ending.stack, ending.view, ending.groups, ending.lost);
    if verbose {
        causes_text(ending.stack, &causes)
    } else {
        causes_lines(ending.stack, &causes)
    }
}

/// What goes on although nobody waits for it any more.
#[must_use]
pub fn left_running(ending: &Ending<'_>) -> String {
    let (unhealthy, total) = ending.unhealthy();
    format!(
        "interrupted: what was started runs on, {} of {total} agents healthy so far
  hint: `cargo xtask status` shows how it goes on, `cargo xtask down` removes it",
        total - unhealthy
    )
}

/// That not all came up, after how long, why nobody waits any longer, and what failed. `own_limit`: the limit is one that the user set.
#[must_use]
pub fn failure(ending: &Ending<'_>, ended: Ended, after: Duration, own_limit: bool, verbose: bool) -> String {
    let (unhealthy, total) = ending.unhealthy();
    let after = after.as_secs_f64();
    let why = match ended {
        Ended::TimedOut if own_limit => "the limit that `--timeout` sets",
        Ended::TimedOut => "the limit for what is configured; `--timeout SECONDS` sets another",
        _ => "waiting longer changes nothing",
    };
    let head = if ending.was_taken_down() {
        format!("what `up` waited for was taken down meanwhile, {after:.1} s after it began")
    } else if unhealthy == 0 {
        format!("every agent is healthy, but not every group, after {after:.1} s: {why}")
    } else {
        format!("{unhealthy} of {total} agents are not healthy after {after:.1} s: {why}")
    };
    head + &causes_of(ending, verbose)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    use contract::status::AgentState;

    use super::{failure, nothing_to_do, partly, started};
    use crate::boot::ending::Ending;
    use crate::boot::fixture::healthy;
    use crate::boot::session::Ended;
    use crate::boot::view::View;
    use crate::stack::GroupId;
    use crate::stack::fixture::Fixture;

    #[test]
    fn counts_agree_with_what_they_count() {
        assert!(started(0).starts_with("nothing to do"));
        assert!(started(1).starts_with("1 group started; its"));
        assert!(started(2).starts_with("2 groups started; their"));
        assert_eq!(nothing_to_do(true), "nothing to do: everything runs and is healthy");
    }

    #[test]
    fn a_boot_says_how_many_failed_and_why_it_waits_no_longer() {
        let stack = Fixture::small().model();
        let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
        let mut view = View::default();
        for group in &groups {
            view.update(*group, healthy(&stack, *group));
        }
        let mut failed = healthy(&stack, groups[0]);
        failed.agents[0].state = AgentState::Failed;
        view.update(groups[0], failed);
        let (without, lost) = (BTreeSet::new(), BTreeMap::new());
        let ending = Ending {
            stack: &stack,
            groups: &groups,
            without: &without,
            view: &view,
            lost: &lost,
        };
        let total = stack.agents().count();
        let said = |ended, own| failure(&ending, ended, Duration::from_millis(1500), own, false);
        let head = format!("1 of {total} agents are not healthy after 1.5 s: ");
        assert!(said(Ended::InVain, false).starts_with(&(head.clone() + "waiting longer changes nothing")));
        assert!(said(Ended::TimedOut, false).starts_with(&(head.clone() + "the limit for what is configured")));
        assert!(said(Ended::TimedOut, true).starts_with(&(head + "the limit that `--timeout` sets")));
        assert!(partly(&ending).starts_with(&format!("{} of {total} agents are healthy; ", total - 1)));
    }
}
