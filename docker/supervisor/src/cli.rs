//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Starts, watches and stops the agents of one group, as PID 1 of its container.
///
/// Exit codes: 0 clean stop, healthy or done; 1 not healthy, refused, or could not start; 2 wrong command line or group
/// config. Of `exec`: the program's own, 126 if it cannot be run, 127 if there is none.
#[derive(Debug, Parser)]
#[command(name = "agent-supervisor", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Group config to run.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Start every agent with an interpreter of its own, whatever the group config says.
    #[arg(long, requires = "config")]
    pub plain: bool,
    /// Leave an agent out: it is not started, and who waits for it is started without it. May be given several times.
    #[arg(long, requires = "config", value_name = "AGENT")]
    pub without: Vec<String>,
    /// Ask a running supervisor, or only look at a config.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say whether the group is healthy: exit code 0 or 1, one line why not.
    Check {
        #[command(flatten)]
        port: Port,
    },
    /// Show the agents of this container.
    Status {
        #[command(flatten)]
        port: Port,
        /// Print the status document as it is.
        #[arg(long)]
        json: bool,
    },
    /// Restart one agent.
    Restart {
        /// Its name.
        agent: String,
        #[command(flatten)]
        port: Port,
    },
    /// Stop one agent, by its stop signal and within its grace; it stays stopped until it is started or restarted, or the container is.
    Stop {
        /// Its name.
        agent: String,
        #[command(flatten)]
        port: Port,
    },
    /// Start one agent that was stopped or given up.
    Start {
        /// Its name.
        agent: String,
        #[command(flatten)]
        port: Port,
    },
    /// Run a program as an agent is run: with its environment and secrets, in its folder. Without an agent, with what all of them get.
    Exec {
        /// Group config of this container.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The agent.
        #[arg(long, value_name = "AGENT")]
        agent: Option<String>,
        /// The program and its arguments.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// In an image build: make an asset at its place, check it, and write down what it is.
    Asset(Box<crate::assets::make::Args>),
    /// Ask ports of this container in every way that a health check knows; say which is answered, as JSON.
    Explore {
        /// The ports.
        #[arg(required = true, value_name = "PORT")]
        ports: Vec<u16>,
    },
    /// Read a group config and make its start-up check, but start nothing.
    Validate {
        /// Group config to look at.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Where the supervisor listens.
#[derive(Debug, clap::Args)]
pub struct Port {
    /// Status port of the supervisor [default: `SUPERVISOR_STATUS_PORT`, else 9000].
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
}

/// The environment names a port that is none.
#[derive(Debug, thiserror::Error)]
#[error("`SUPERVISOR_STATUS_PORT` is `{0}`, which is no port")]
pub struct NotAPort(String);

impl Port {
    /// The port asked for, else the environment's, else the default.
    pub fn number(&self) -> Result<u16, NotAPort> {
        if let Some(port) = self.port {
            return Ok(port);
        }
        match std::env::var("SUPERVISOR_STATUS_PORT") {
            Ok(text) => text.trim().parse().map_err(|_| NotAPort(text)),
            Err(_) => Ok(9000),
        }
    }
}
