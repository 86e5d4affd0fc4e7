//! What Podman says of a group's container, and why a group will not come.

use super::last_words::last_part;

/// A group's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It runs, since that moment (Unix seconds); a container that Podman starts again and again has another one each time.
    Running {
        /// When it was started.
        since: i64,
        /// How often Podman has started it again after its supervisor had ended.
        restarts: u32,
        /// The exit code of its supervisor before that.
        exit: i32,
        /// The last line of its log, where that was looked for.
        said: Option<String>,
    },
    /// It is there and does not run.
    Stopped {
        /// Podman's word for its state: `exited`, `created`, `paused`.
        state: String,
        /// The exit code of its supervisor; 0 where it never ran.
        exit: i32,
        /// The last line of its log, where that was looked for.
        said: Option<String>,
    },
}

impl Standing {
    /// The word that documents have for it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Absent => "absent",
            Self::Running { .. } => "running",
            Self::Stopped { state, .. } => state,
        }
    }

    /// Whether its supervisor may answer.
    #[must_use]
    pub fn runs(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// Whether its supervisor has ended, of a container that does not answer.
    #[must_use]
    pub fn ended(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Running { restarts, .. } => *restarts > 0,
            Self::Stopped { state, .. } => state == "exited" || state == "stopped",
        }
    }

    /// The same with the last line of its log.
    #[must_use]
    pub fn with_last_line(mut self, line: Option<&String>) -> Self {
        if let Self::Running { said, .. } | Self::Stopped { said, .. } = &mut self {
            *said = line.and_then(|line| last_part(line));
        }
        self
    }

    /// What is so of a group that does not answer, to follow its name.
    #[must_use]
    pub fn text(&self) -> String {
        let with = |text: String, said: &Option<String>| match said {
            Some(said) => format!("{text}: {said}"),
            None => text,
        };
        match self {
            Self::Absent => "has no container".to_owned(),
            Self::Running { restarts: 0, .. } => "runs, but its supervisor does not answer".to_owned(),
            Self::Running {
                restarts, exit, said, ..
            } => {
                let times = if *restarts == 1 { "again" } else { "again and again" };
                with(
                    format!("does not run: its supervisor ended with exit code {exit} and is started {times}"),
                    said,
                )
            }
            Self::Stopped { exit, said, .. } if self.ended() => {
                with(format!("does not run: its container exited with code {exit}"), said)
            }
            Self::Stopped { state, .. } => format!("does not run: its container is `{state}`"),
        }
    }
}

/// Why a group will not come by itself, however long one waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Podman could not start it.
    NotStarted,
    /// It was not asked for, and does not run.
    NotSelected,
    /// Its container was there and is gone.
    Removed,
    /// Its container stopped; with the last lines of the container's log.
    Stopped(Standing, Vec<String>),
    /// Its supervisor ends as soon as Podman has started it; with the last lines of the container's log.
    Ending(Vec<String>),
}

impl Lost {
    /// What is so, to follow the group's name, and what to do.
    #[must_use]
    pub fn text(&self, group: &str) -> String {
        match self {
            Self::NotStarted => format!("group `{group}` could not be started: the reason is above"),
            Self::NotSelected => {
                format!("group `{group}` does not run and was not asked for: `cargo xtask up {group}` starts it")
            }
            Self::Removed => format!(
                "group `{group}` was removed while this command waited for it; another `cargo xtask down` does that"
            ),
            Self::Stopped(standing, lines) => match lines.iter().rev().find_map(|line| last_part(line)) {
                Some(last) => format!("group `{group}` {}: {last}", standing.text()),
                None => format!(
                    "group `{group}` {}: `cargo xtask logs {group}` shows what it said",
                    standing.text()
                ),
            },
            Self::Ending(lines) => {
                let text = format!("group `{group}`: its supervisor ends as soon as it is started");
                match lines.iter().rev().find_map(|line| last_part(line)) {
                    Some(last) => format!("{text}: {last}"),
                    None => text,
                }
            }
        }
    }

    /// Lines that say more.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        match self {
            Self::Ending(lines) | Self::Stopped(_, lines) => lines,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lost, Standing};

    #[test]
    fn a_container_that_ended_is_told_apart_from_one_that_is_not_there() {
        let stopped = Standing::Stopped {
            state: "exited".to_owned(),
            exit: 137,
            said: None,
        };
        assert_eq!(stopped.text(), "does not run: its container exited with code 137");
        assert_eq!(Standing::Absent.text(), "has no container");
        let running = |restarts| Standing::Running {
            since: 1,
            restarts,
            exit: 2,
            said: None,
        };
        assert!(running(0).runs() && !running(0).ended() && !stopped.runs() && stopped.ended());
        assert!(
            Lost::Stopped(stopped.clone(), Vec::new())
                .text("vision")
                .contains("code 137: `cargo xtask logs vision`")
        );
        // What it said last is said with it, as text.
        let last = "error: core.yaml:36: \u{1b}[2J".to_owned();
        let text = stopped.with_last_line(Some(&last)).text();
        assert_eq!(
            text,
            "does not run: its container exited with code 137: error: core.yaml:36: \\u{1b}[2J"
        );
        assert_eq!(
            running(7).with_last_line(Some(&"error: x".to_owned())).text(),
            "does not run: its supervisor ended with exit code 2 and is started again and again: error: x"
        );
        let lines = vec!["first".to_owned(), "error: the last".to_owned(), "\r".to_owned()];
        assert_eq!(
            Lost::Ending(lines).text("core"),
            "group `core`: its supervisor ends as soon as it is started: error: the last"
        );
        assert!(
            Lost::NotSelected
                .text("core")
                .contains("`cargo xtask up core` starts it")
        );
    }
}
