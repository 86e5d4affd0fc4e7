//! What Podman says of a group's container, and why a group will not come.

/// A group's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It runs, since that moment (Unix seconds); a container that Podman starts again and again has another one each time.
    Running {
        /// When it was started.
        since: i64,
    },
    /// It is there and does not run.
    Stopped {
        /// Podman's word for its state: `exited`, `created`, `paused`.
        state: String,
        /// The exit code of its supervisor; 0 where it never ran.
        exit: i32,
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

    /// What is so, to follow the group's name.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Absent => "has no container".to_owned(),
            Self::Running { .. } => "runs, but its supervisor does not answer".to_owned(),
            Self::Stopped { state, exit } if state == "exited" || state == "stopped" => {
                format!("does not run: its container exited with code {exit}")
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
    /// Its container stopped.
    Stopped(Standing),
    /// Its supervisor ends as soon as Podman has started it; with the last lines of the container's log.
    Ending(Vec<String>),
}

impl Lost {
    /// What is so, to follow the group's name, and what to do.
    #[must_use]
    pub fn text(&self, group: &str) -> String {
        match self {
            Self::NotStarted => format!("group `{group}` could not be started: Podman's reason is above"),
            Self::NotSelected => {
                format!("group `{group}` does not run and was not asked for: `cargo xtask up {group}` starts it")
            }
            Self::Removed => format!(
                "group `{group}` was removed while this command waited for it; another `cargo xtask down` does that"
            ),
            Self::Stopped(standing) => format!(
                "group `{group}` {}: `cargo xtask logs {group}` shows what it said",
                standing.text()
            ),
            Self::Ending(_) => format!("group `{group}`: its supervisor ends as soon as it is started"),
        }
    }

    /// Lines that say more.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        match self {
            Self::Ending(lines) => lines,
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
        };
        assert_eq!(stopped.text(), "does not run: its container exited with code 137");
        assert_eq!(Standing::Absent.text(), "has no container");
        assert!(Standing::Running { since: 1 }.runs() && !stopped.runs());
        assert!(Lost::Stopped(stopped).text("vision").contains("code 137"));
        assert!(
            Lost::NotSelected
                .text("core")
                .contains("`cargo xtask up core` starts it")
        );
    }
}
