//! What an agent that is not healthy said last: the final error first, then what led to it.
//!
//! Programs print progress bars with carriage returns, and tracebacks whose last line is the one that matters. What is shown is
//! never the start of either.

use contract::status::{AgentState, AgentStatus, Failure};

/// Lines of context that are shown.
const CONTEXT: usize = 5;
/// Longest line that is shown, in characters.
const LONGEST: usize = 300;

/// What is to be said of an agent that is not healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWords {
    /// The one thing to say first: the final error, else the supervisor's reason, else its state.
    pub lead: String,
    /// The supervisor's reason, where something else leads.
    pub reason: Option<String>,
    /// What it printed up to the final error, oldest first.
    pub context: Vec<String>,
}

impl LastWords {
    /// The lead and the reason in one line.
    #[must_use]
    pub fn line(&self) -> String {
        match &self.reason {
            Some(reason) => format!("{}; {reason}", self.lead),
            None => self.lead.clone(),
        }
    }
}

/// What is known of an agent that is not healthy.
#[must_use]
pub fn last_words(status: &AgentStatus) -> LastWords {
    if status.failure == Some(Failure::Stopped) {
        // What it printed has nothing to do with that.
        return LastWords {
            lead: status.reason.clone().unwrap_or_else(|| status.state.name().to_owned()),
            reason: None,
            context: Vec::new(),
        };
    }
    let printed: Vec<String> = status.last_stderr.iter().filter_map(|line| last_part(line)).collect();
    let raised = exception(&printed);
    let exited = matches!(status.state, AgentState::Failed | AgentState::Backoff)
        && status
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("exited with code"));
    let reason = status.reason.as_deref().and_then(last_part);
    // What an agent says that ends by itself is no cause, unless it is an error that it caught.
    let by_itself = reason
        .as_deref()
        .filter(|reason| exited && reason.contains("exited with code 0"));
    if let Some(why) = by_itself.filter(|_| raised.is_none()) {
        let (quote, why) = quoted(why).map_or((None, why), |(quote, why)| (Some(quote), why));
        let last = quote.or(printed.last().map(String::as_str));
        if !last.is_some_and(names_error) {
            return LastWords {
                lead: why.to_owned(),
                reason: None,
                context: printed[printed.len().saturating_sub(CONTEXT)..].to_vec(),
            };
        }
    }
    if let Some((lead, reason)) = reason.as_deref().filter(|_| exited).and_then(quoted) {
        let at = printed.iter().rposition(|line| line.trim() == lead).or(raised);
        let end = at.map_or(printed.len(), |at| at + 1);
        return LastWords {
            lead: lead.to_owned(),
            reason: Some(reason.to_owned()),
            context: printed[end.saturating_sub(CONTEXT)..end].to_vec(),
        };
    }
    let last = exited.then(|| printed.len().checked_sub(1)).flatten();
    // An exception is what ended a process that exited; one that runs, or that a signal killed, did not end by what it printed.
    let found = raised.filter(|_| exited).or(last);
    let end = found.or(raised).map_or(printed.len(), |at| at + 1);
    let context = printed[end.saturating_sub(CONTEXT)..end].to_vec();
    match (found.map(|at| printed[at].clone()), reason) {
        (Some(lead), reason) => LastWords {
            reason: reason.map(|reason| without(&reason, &lead)),
            lead,
            context,
        },
        (None, Some(lead)) => LastWords {
            lead,
            reason: None,
            context,
        },
        (None, None) => LastWords {
            lead: format!("it is {}", status.state.name()),
            reason: None,
            context,
        },
    }
}

/// Whether a line of an agent that ended by itself may say why: one that names an error.
fn names_error(line: &str) -> bool {
    const WORDS: [&str; 8] = [
        "error",
        "exception",
        "fail",
        "cannot",
        "could not",
        "unable",
        "missing",
        "not found",
    ];
    let lower = line.to_ascii_lowercase();
    WORDS.iter().any(|word| lower.contains(word))
}

/// What a supervisor quotes of an agent's output at the end of a reason, and the reason without it.
fn quoted(reason: &str) -> Option<(&str, &str)> {
    let (reason, quote) = reason.rsplit_once("; last stderr line: ").or_else(|| {
        ["; stderr: ", "; last stdout line: ", "; stdout: "]
            .iter()
            .find_map(|mark| reason.split_once(mark))
    })?;
    Some((quote.trim(), reason)).filter(|(quote, _)| !quote.is_empty())
}

/// The last part of a line that was overwritten with carriage returns, made printable; none where nothing is left of it.
#[must_use]
pub fn last_part(line: &str) -> Option<String> {
    let part = line.split('\r').rfind(|part| !part.trim().is_empty())?;
    let clean: String = part
        .trim_end()
        .chars()
        .flat_map(|character| match character {
            '\t' => vec![' '; 4],
            control if control.is_control() => control.escape_default().collect(),
            other => vec![other],
        })
        .collect();
    if clean.chars().count() <= LONGEST {
        return Some(clean);
    }
    // Of a long line the end says most, as of a long text.
    let skipped = clean.chars().count() - LONGEST;
    Some(format!("…{}", clean.chars().skip(skipped).collect::<String>()))
}

/// Index of the line that names the exception of the last traceback: the first one behind its frames that is not indented.
fn exception(lines: &[String]) -> Option<usize> {
    let frame = |line: &String| line.trim_start().starts_with("File \"") && line.starts_with(' ');
    let mut last = None;
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| frame(line)) {
        let behind = lines[at..].iter().position(|line| !line.starts_with(' '));
        let Some(index) = behind.map(|behind| at + behind) else {
            continue;
        };
        let start = lines[..at].iter().rposition(|line| line.starts_with("Traceback "));
        // Python says so of what it ran into while it cleaned up: that ended nothing.
        let ignored = start
            .and_then(|start| start.checked_sub(1))
            .is_some_and(|before| lines[before].starts_with("Exception ignored in"));
        if !ignored && is_exception(&lines[index]) {
            last = Some(index);
        }
    }
    last
}

/// Whether a line looks as an exception is printed: `name.of.Error`, `name.of.Error: what it says`.
fn is_exception(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or(line);
    !name.is_empty()
        && name
            .split('.')
            .all(|part| part.starts_with(|first: char| first.is_alphabetic() || first == '_') || part == "<locals>")
        && !name.contains(' ')
}

/// The reason without the words that lead already, which a supervisor puts at its end.
fn without(reason: &str, lead: &str) -> String {
    let Some(at) = reason.rfind(lead) else {
        return reason.to_owned();
    };
    let kept = reason[..at].trim_end();
    let kept = kept.strip_suffix(':').map_or(kept, |kept| {
        // `…; last stderr line:` introduced it.
        kept.rsplit_once("; ").map_or(kept, |(before, _)| before)
    });
    kept.trim_end_matches([';', ',', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use contract::status::AgentState;

    use super::{last_part, last_words};
    use crate::boot::fixture::healthy;
    use crate::stack::fixture::Fixture;

    fn agent(state: AgentState, reason: &str, stderr: &[&str]) -> super::LastWords {
        let stack = Fixture::small().model();
        let (id, _) = stack.groups().next().unwrap();
        let mut status = healthy(&stack, id).agents[0].clone();
        status.state = state;
        status.reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        status.last_stderr = stderr.iter().map(|line| (*line).to_owned()).collect();
        last_words(&status)
    }

    const EXITED: &str = "given up (5 crashes within 120.0 s): exited with code 1 after 0.2 s";

    #[test]
    fn what_an_agent_says_that_ends_by_itself_is_no_cause() {
        let ended = "given up (5 crashes within 120.0 s): exited with code 0 after 0.0 s (the script ended without an error: it keeps nothing running)";
        let words = agent(AgentState::Failed, ended, &["tick"]);
        assert_eq!((words.lead.as_str(), words.reason.as_deref()), (ended, None));
        assert_eq!(words.context, ["tick"]);
        let quoting = format!("{ended}; last stdout line: tick");
        assert_eq!(agent(AgentState::Failed, &quoting, &[]).lead, ended);
        // One that caught its error says it.
        for line in ["Error: no model", "could not open the camera"] {
            assert_eq!(agent(AgentState::Failed, ended, &["tick", line]).lead, line);
        }
    }

    #[test]
    fn a_progress_bar_is_its_last_part() {
        let bar: String = (0..40).map(|step| format!("\rLoading shards: {step}/40")).collect();
        let bar = format!("{bar}\rCUDA out of memory. Tried to allocate 2.00 GiB");
        let words = agent(AgentState::Failed, EXITED, &[&bar]);
        assert_eq!(words.lead, "CUDA out of memory. Tried to allocate 2.00 GiB");
        assert_eq!(words.reason.as_deref(), Some(EXITED));
        assert!(!words.line().contains("0/40") && !words.context.join("\n").contains("0/40"));
        // The supervisor may have put it into its reason as it was.
        let words = agent(
            AgentState::Failed,
            &format!("{EXITED}; last stderr line: {bar}"),
            &[&bar],
        );
        assert_eq!(words.lead, "CUDA out of memory. Tried to allocate 2.00 GiB");
        assert!(!words.line().contains("0/40"), "{words:?}");
        assert_eq!(last_part("done\r"), Some("done".to_owned()));
        assert_eq!(last_part(" \r\r"), None);
    }

    #[test]
    fn the_final_exception_leads_and_its_frames_follow() {
        let traceback = [
            "INFO loading",
            "Traceback (most recent call last):",
            "  File \"/app/a.py\", line 3, in <module>",
            "    import numpy",
            "ModuleNotFoundError: No module named 'numpy'",
        ];
        let reason = format!("{EXITED}; last stderr line: ModuleNotFoundError: No module named 'numpy'");
        let words = agent(AgentState::Failed, &reason, &traceback);
        assert_eq!(words.lead, "ModuleNotFoundError: No module named 'numpy'");
        assert_eq!(words.reason.as_deref(), Some(EXITED));
        assert_eq!(words.context.last(), Some(&words.lead));
        assert!(words.context[1].starts_with("Traceback"));
    }

    #[test]
    fn what_the_supervisor_quotes_leads_wherever_it_is_from() {
        let words = agent(
            AgentState::Failed,
            &format!("{EXITED}; last stdout line: Error: no model"),
            &[],
        );
        assert_eq!(
            (words.lead.as_str(), words.reason.as_deref()),
            ("Error: no model", Some(EXITED))
        );
        let lines = [
            "Traceback (most recent call last):",
            "  File \"/a.py\", line 1",
            "NameError: x",
            "100%",
        ];
        let words = agent(
            AgentState::Backoff,
            "exited with code 1 after 0.1 s; stderr: NameError: x",
            &lines,
        );
        assert_eq!(words.lead, "NameError: x");
        assert_eq!(words.context.last().unwrap(), "NameError: x");
        assert_eq!(words.line(), "NameError: x; exited with code 1 after 0.1 s");
    }

    #[test]
    fn what_is_printed_behind_an_exception_does_not_hide_it() {
        let lines = [
            "    x = y",
            "  File \"/app/a.py\", line 9, in run",
            "    raise zmq.ZMQError(98)",
            "zmq.error.ZMQError: Address already in use (addr='tcp://*:5570')",
            "INFO: shutting down",
            "Exception ignored in: <function Context.__del__ at 0x7f>",
            "Traceback (most recent call last):",
            "  File \"/usr/lib/zmq/sugar/context.py\", line 141, in __del__",
            "    self.destroy()",
            "RuntimeError: cannot destroy",
        ];
        let words = agent(AgentState::Backoff, "exited with code 1 after 0.2 s", &lines);
        assert!(words.lead.starts_with("zmq.error.ZMQError: Address"), "{words:?}");
        let chained = [
            "Traceback (most recent call last):",
            "  File \"/app/a.py\", line 3, in f",
            "KeyError: 'host'",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "Traceback (most recent call last):",
            "  File \"/app/a.py\", line 5, in <module>",
            "    f()",
            "ConfigError: no host",
            "the file is /app/config.json",
        ];
        assert_eq!(agent(AgentState::Failed, EXITED, &chained).lead, "ConfigError: no host");
        let syntax = [
            "  File \"/app/a.py\", line 5",
            "    def f(:",
            "          ^",
            "SyntaxError: invalid syntax",
        ];
        assert_eq!(
            agent(AgentState::Failed, EXITED, &syntax).lead,
            "SyntaxError: invalid syntax"
        );
    }

    #[test]
    fn who_runs_or_was_killed_did_not_end_by_what_it_printed() {
        let words = agent(AgentState::Failed, "given up: killed by signal 7", &["Loading 3/40"]);
        assert_eq!(words.lead, "given up: killed by signal 7");
        assert_eq!(words.context, ["Loading 3/40"]);
        let words = agent(
            AgentState::Mute,
            "runs, but does not answer: nothing listens on port 1",
            &["INFO up"],
        );
        assert_eq!(words.lead, "runs, but does not answer: nothing listens on port 1");
        assert_eq!(agent(AgentState::Waiting, "", &[]).line(), "it is waiting");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(last_part("\u{1b}[31mred\u{7}").unwrap(), "\\u{1b}[31mred\\u{7}");
        let long = "x".repeat(1000) + "the end";
        let shown = last_part(&long).unwrap();
        assert!(shown.starts_with('…') && shown.ends_with("the end") && shown.chars().count() < 400);
    }
}
