//! How much of the machine a part of the tests takes while others run.

use std::ffi::OsStr;

use crate::host::system::process::Program;

/// How much of the machine a program takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// As much as there is.
    Normal,
    /// Less than tests with limits of time, which run at the same time.
    Low,
    /// What others leave.
    Lowest,
}

impl Priority {
    /// The program, to be run with it.
    pub fn program(self, program: impl AsRef<OsStr>) -> Program {
        let nice = |value: &str| Program::new("nice").args(["-n", value]);
        match self {
            Self::Normal => Program::new(program),
            Self::Low => nice("10").arg(program),
            Self::Lowest => nice("19").arg(program),
        }
    }
}
