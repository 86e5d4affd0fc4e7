//! One file per command: its arguments and its `run`. The file list is the help text.

use std::path::PathBuf;

use crate::host::docker::DockerError;
use crate::host::podman::PodmanError;
use crate::host::smoke::report_folder::ReportFolderError;
use crate::host::system::files::FileError;
use crate::host::system::process::{self, ProcessError};
use crate::report::exit::Exit;
use crate::stack::variants::Named;

pub mod audit;
pub mod bench;
pub mod build_images;
pub mod ci;
pub mod completions;
pub mod conclusion;
pub mod context;
pub mod down;
pub mod exec;
pub mod faults;
pub mod fuzz;
pub mod graph;
pub mod images;
pub mod in_use;
pub mod init;
pub mod lab;
pub mod lock;
pub mod logs;
pub mod man;
pub mod orders;
pub mod ownership;
mod pager;
mod preflight;
pub mod render;
pub mod restart;
pub mod select;
pub mod send_images;
pub mod setup;
pub mod start;
pub mod status;
pub mod stop;
pub mod test;
pub mod two_hosts;
pub mod ui;
pub mod up;

pub use context::Context;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What is printed; nothing where everything is said already.
    pub message: Option<String>,
}

/// What a command returns.
pub type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    /// A failure with a message.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: Some(message.into()),
        }
    }

    /// A failure that has been reported already.
    #[must_use]
    pub fn said(exit: Exit) -> Self {
        Self { exit, message: None }
    }

    /// Wrong use.
    #[must_use]
    pub fn wrong_use(message: impl Into<String>) -> Self {
        Self::new(Exit::WrongUse, message)
    }
}

impl From<ProcessError> for Failure {
    fn from(error: ProcessError) -> Self {
        let exit = if matches!(error, ProcessError::Interrupted { .. }) || process::interrupted() {
            Exit::Interrupted
        } else {
            Exit::Tool
        };
        Self::new(exit, error.to_string())
    }
}

impl From<PodmanError> for Failure {
    fn from(error: PodmanError) -> Self {
        match error {
            PodmanError::Process(error) => error.into(),
            other => Self::new(Exit::Tool, other.to_string()),
        }
    }
}

impl From<DockerError> for Failure {
    fn from(error: DockerError) -> Self {
        match error {
            DockerError::Process(error) => error.into(),
            DockerError::Answer { .. } => Self::new(Exit::Tool, error.to_string()),
            lacks => Self::new(Exit::Findings, lacks.to_string()),
        }
    }
}

impl From<ReportFolderError> for Failure {
    fn from(error: ReportFolderError) -> Self {
        match error {
            ReportFolderError::Foreign { .. } => Self::wrong_use(error.to_string()),
            ReportFolderError::File(error) => error.into(),
        }
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        let exit = if process::interrupted() {
            Exit::Interrupted
        } else {
            Exit::Internal
        };
        Self::new(exit, error.to_string())
    }
}

/// Options of every command.
#[derive(Debug, Clone, clap::Args)]
pub struct GlobalOptions {
    /// The Python tree; overrides `source_tree` of the stack
    #[arg(long, global = true, value_name = "PATH")]
    pub tree: Option<PathBuf>,
    /// The stack, or a folder with one [default: AI_SYSTEM_STACK, else the nearest stack.yaml or config/stack.yaml, here or above]
    #[arg(long, global = true, value_name = "FILE")]
    pub stack: Option<PathBuf>,
    /// Take this variant of a group (`variants:` of the stack), whatever the stack or the host would choose; may be given several times
    #[arg(long, global = true, value_name = "GROUP=NAME")]
    pub variant: Vec<Named>,
    /// When to colour the output
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: crate::report::printer::ColorChoice,
    /// Show the output of the programs that are run, line by line
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show only errors and data
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl From<crate::host::images::build_inputs::InputError> for Failure {
    fn from(error: crate::host::images::build_inputs::InputError) -> Self {
        use crate::host::images::build_inputs::InputError;
        use crate::host::images::supervisor_binary::BinaryError;
        match error {
            InputError::File(error) | InputError::Binary(BinaryError::File(error)) => error.into(),
            InputError::Binary(BinaryError::Cargo(error)) => error.into(),
            InputError::Asset(error) => Self::wrong_use(error.to_string()),
        }
    }
}
mod adopt;
pub mod deploy;
pub mod doctor;
pub mod smoke;
