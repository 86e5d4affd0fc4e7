//! `agent-supervisor`: PID 1 of every container. `machine` decides everything and does nothing; `shell` does what it says;
//! the other modules are one effect each. This file parses the command line and dispatches; `main.rs` only calls it, so that
//! what reads bytes of others can be tried from outside, too.

mod address;
mod assets;
mod bridge;
mod checks;
mod cli;
mod client;
mod config;
mod control;
mod environment;
mod explore;
mod facts;
mod gpu;
mod hardening;
mod http;
mod keeper;
mod kept;
mod listening;
mod machine;
mod mask;
mod message;
mod metrics;
mod output;
pub mod parsers;
mod peers;
mod probe;
mod processes;
mod queue;
mod reap;
mod rotate;
mod secrets;
mod shell;
mod signals;
mod spawn;
mod standing;
mod tail;
mod warm;
mod words;
mod zmtp;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use contract::group_config::Start;
use contract::health::Kind;
use contract::order::Order;
use contract::status::{AgentState, AgentStatus, GroupStatus};

use cli::{Cli, Command};

/// The command was understood, and the answer is no.
const NO: u8 = 1;
/// Wrong command line or group config.
const WRONG: u8 = 2;
/// There is such a program, and it cannot be run; as shells say it.
const NOT_RUN: u8 = 126;
/// There is no such program.
const NO_PROGRAM: u8 = 127;

/// What a command comes to: text for stdout, or an exit code with text for stderr.
type Outcome = Result<String, (u8, String)>;

/// Does what the command line says.
#[must_use]
pub fn main() -> ExitCode {
    hardening::refuse_tracing();
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some(keeper::COMMAND) {
        return keeper::run(words.next().as_deref());
    }
    let cli = Cli::parse();
    let outcome = match (cli.command, cli.config) {
        (Some(Command::Check { port }), _) => check(&port),
        (Some(Command::Status { port, json }), _) => status(&port, json),
        (Some(Command::Restart { agent, port }), _) => order(Order::Restart, &agent, &port),
        (Some(Command::Stop { agent, port }), _) => order(Order::Stop, &agent, &port),
        (Some(Command::Start { agent, port }), _) => order(Order::Start, &agent, &port),
        (Some(Command::Exec { config, agent, command }), _) => exec(&config, agent.as_deref(), &command),
        (Some(Command::Validate { config }), _) => validate(&config),
        (Some(Command::Asset(args)), _) => assets::make::run(&args).map_err(|error| (NO, error.to_string())),
        (Some(Command::Explore { ports }), _) => explore::run(&ports).map_err(|error| (NO, error.to_string())),
        (None, Some(config)) => run(&config, cli.plain, &cli.without),
        (None, None) => Err((WRONG, Cli::command().render_help().to_string())),
    };
    // A closed stdout or stderr changes nothing about the exit code.
    match outcome {
        // Not even an empty write: a blocked stdout may hold its lock for ever.
        Ok(text) if text.is_empty() => ExitCode::SUCCESS,
        Ok(text) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err((code, text)) => {
            // In one piece: of a line that is written apart from its end, Podman loses the end where a container is started again.
            let line = format!("{}\n", text.trim_end());
            let _ = std::io::stderr().write_all(line.as_bytes());
            ExitCode::from(code)
        }
    }
}

fn run(file: &Path, plain: bool, without: &[String]) -> Outcome {
    let mut loaded = load(file)?;
    if plain {
        loaded.config.start_plainly();
    }
    if let Some(unknown) = without.iter().find(|name| !loaded.config.leave_out(name)) {
        let text = format!("error: --without: no agent `{unknown}` in {}", file.display());
        return Err((WRONG, text));
    }
    shell::run(loaded)
        .map(|()| String::new())
        .map_err(|error| (NO, format!("agent-supervisor: {error}")))
}

/// Returns only where the program cannot be run.
fn exec(file: &Path, agent: Option<&str>, command: &[OsString]) -> Outcome {
    let config = load(file)?.config;
    let agent = match agent {
        None => None,
        Some(name) => {
            let known = config.agents.iter().find(|agent| agent.name == name);
            let unknown = || (WRONG, format!("error: no agent `{name}` in {}", file.display()));
            Some(known.ok_or_else(unknown)?)
        }
    };
    let error = spawn::become_program(&config, agent, command);
    let program = command
        .first()
        .map(|word| word.display().to_string())
        .unwrap_or_default();
    let code = if error.kind() == std::io::ErrorKind::NotFound {
        NO_PROGRAM
    } else {
        NOT_RUN
    };
    Err((code, format!("cannot run `{program}`: {error}")))
}

fn load(file: &Path) -> Result<config::Loaded, (u8, String)> {
    config::load(file).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(|e| format!("error: {e}")).collect();
        (WRONG, lines.join("\n"))
    })
}

fn validate(file: &Path) -> Outcome {
    let loaded = load(file)?;
    let report = checks::check(&loaded.config, environment::variable);
    let warnings = loaded.warnings.iter().map(|w| format!("warning: {w}\n"));
    let checks = report.checks.iter().map(|c| checks::describe(c) + "\n");
    let text: String = warnings.chain(checks).collect();
    if report.checks.iter().all(|check| check.ok) {
        Ok(text)
    } else {
        Err((NO, text))
    }
}

fn ask(method: &str, path: &str, port: &cli::Port) -> Result<client::Reply, (u8, String)> {
    let port = port.number().map_err(|error| (WRONG, error.to_string()))?;
    client::request(method, path, port).map_err(|error| (NO, error.to_string()))
}

fn check(port: &cli::Port) -> Outcome {
    let reply = ask("GET", "/healthz", port)?;
    if reply.code == 200 {
        return Ok(String::new());
    }
    Err((NO, reply.body.trim_end().replace('\n', "; ")))
}

fn order(order: Order, agent: &str, port: &cli::Port) -> Outcome {
    let reply = ask("POST", &format!("/agents/{agent}/{}", order.word()), port)?;
    if reply.code == 202 {
        Ok(reply.body)
    } else {
        Err((NO, reply.body))
    }
}

/// Why an agent is not healthy, and why it was started plainly.
fn notes(agent: &AgentStatus) -> String {
    let plain = agent.plain_because.as_ref().map(|why| format!("plain: {why}"));
    // What `healthy` does not mean by itself.
    let kind = agent.health;
    let claim =
        (agent.state == AgentState::Healthy && kind != Kind::Zmq).then(|| format!("{}: {}", kind.name(), kind.claim()));
    let notes: Vec<String> = agent.reason.iter().cloned().chain(claim).chain(plain).collect();
    notes.join("; ")
}

fn status(port: &cli::Port, json: bool) -> Outcome {
    let reply = ask("GET", "/status", port)?;
    if reply.code != 200 {
        return Err((NO, reply.body));
    }
    if json {
        return Ok(reply.body + "\n");
    }
    let status: GroupStatus =
        serde_json::from_str(&reply.body).map_err(|error| (NO, format!("not a status document: {error}")))?;
    let width = status.agents.iter().map(|a| a.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for agent in &status.agents {
        let pid = agent.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let line = format!(
            "{:width$}  {:9}  pid {pid:>7}  {:5}  restarts {:>3}  {}",
            agent.name,
            agent.state.name(),
            agent.start.map_or("-", Start::name),
            agent.restarts,
            notes(agent)
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}
