//! Exit codes: one documented list.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Success,
    /// The command did its work, and what it found is bad: findings, failing checks, agents that are not healthy.
    Findings,
    /// Wrong use: arguments or configuration that cannot be read.
    WrongUse,
    /// An external program failed: Podman, cargo, mmdebstrap.
    Tool,
    /// A defect of this program or of the host (a file that cannot be written).
    Internal,
    /// Stopped by Ctrl-C.
    Interrupted,
    /// Stopped by SIGTERM.
    Terminated,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Findings => 1,
            Self::WrongUse => 2,
            Self::Tool => 3,
            Self::Internal => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}
