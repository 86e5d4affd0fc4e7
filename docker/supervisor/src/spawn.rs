//! Starting processes: an agent's command line, environment and pipes; signals to it. The only module that starts any.
//!
//! `std::process::Command` gives children the default signal mask and dispositions. There is no `pre_exec`: it would cost
//! `posix_spawn`. Nothing here waits for a process; `reap` does that for all of them.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use contract::group_config::{Agent, ArgumentStyle, GroupConfig};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// A process that was started, with the reading ends of its output.
#[derive(Debug)]
pub struct Started {
    /// Its process id, and that of its process group.
    pub pid: u32,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error; `None` where it was not asked for.
    pub stderr: Option<OwnedFd>,
}

/// The words after the interpreter's name.
#[must_use]
pub fn arguments(config: &GroupConfig, agent: &Agent) -> Vec<String> {
    let style = agent.argument_style.unwrap_or(config.supervision.argument_style);
    let mut words = vec!["-u".to_owned(), agent.script_path.clone()];
    let mut flag = |key: &str, value: &str| match style {
        ArgumentStyle::Separate => words.extend([format!("--{key}"), value.to_owned()]),
        ArgumentStyle::Equals => words.push(format!("--{key}={value}")),
    };
    flag("port", &agent.port.to_string());
    flag("health_check_port", &agent.health_port().to_string());
    flag("name", &agent.name);
    for (key, value) in &agent.params {
        flag(key, value);
    }
    words
}

/// Starts an agent in a process group of its own.
pub fn agent(config: &GroupConfig, agent: &Agent, python: &Path) -> io::Result<Started> {
    start(command(config, python, &arguments(config, agent), &agent.environment).stderr(Stdio::piped()))
}

/// Starts the interpreter to run one line of Python, with the agents' PYTHONPATH.
pub fn python_line(config: &GroupConfig, python: &Path, words: &[String]) -> io::Result<Started> {
    start(command(config, python, words, &BTreeMap::new()).stderr(Stdio::null()))
}

/// Starts the warm interpreter with its end of the socket: `words`, the socket's number, the modules.
pub fn launcher(
    config: &GroupConfig,
    python: &Path,
    words: [String; 2],
    socket: OwnedFd,
    modules: &[String],
) -> io::Result<Started> {
    let [boot, source] = words;
    let mut words = vec![
        "-u".to_owned(),
        "-c".to_owned(),
        boot,
        source,
        socket.as_raw_fd().to_string(),
    ];
    words.extend(modules.iter().cloned());
    // Nothing else is started before it is closed: this is the only thread that starts anything.
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
    start(command(config, python, &words, &BTreeMap::new()).stderr(Stdio::piped()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the supervisor's one place that starts processes"
)]
fn command(config: &GroupConfig, python: &Path, words: &[String], environment: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(python);
    command
        .args(words)
        .current_dir(&config.working_directory)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if config.python_path.is_empty() {
        command.env_remove("PYTHONPATH");
    } else {
        command.env("PYTHONPATH", config.python_path.join(":"));
    }
    command.envs(environment);
    command
}

fn start(command: &mut Command) -> io::Result<Started> {
    let mut child = command.spawn()?;
    let missing = || io::Error::other("no pipe");
    Ok(Started {
        pid: child.id(),
        stdout: child.stdout.take().ok_or_else(missing)?.into(),
        stderr: child.stderr.take().map(OwnedFd::from),
    })
}

/// SIGTERM to the process alone: what it forked is its own to stop.
pub fn terminate(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = kill(pid, Signal::SIGTERM);
    }
}

/// SIGKILL to the whole process group.
pub fn kill_group(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = killpg(pid, Signal::SIGKILL);
    }
}

fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().map(Pid::from_raw)
}

/// The interpreter: a path as it is, a name looked up in `PATH`.
#[must_use]
pub fn find_program(name: &str, path: Option<&str>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let usable = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|file| usable(file));
    }
    path?
        .split(':')
        .filter(|folder| !folder.is_empty())
        .map(|folder| Path::new(folder).join(name))
        .find(|file| usable(file))
}

#[cfg(test)]
mod tests {
    use contract::group_config::{ArgumentStyle, GroupConfig};

    use super::{arguments, find_program};

    fn config(style: ArgumentStyle) -> GroupConfig {
        let mut config: GroupConfig =
            serde_saphyr::from_str("agents: [{name: A, script_path: a.py, port: 5, params: {mode: fast, b: 2}}]")
                .unwrap();
        config.supervision.argument_style = style;
        config
    }

    #[test]
    fn flags_are_separate_words_in_the_order_of_the_keys() {
        let config = config(ArgumentStyle::Separate);
        assert_eq!(
            arguments(&config, &config.agents[0]).join(" "),
            "-u a.py --port 5 --health_check_port 6 --name A --b 2 --mode fast"
        );
    }

    #[test]
    fn the_other_style_joins_them_and_an_agent_may_differ() {
        let mut config = config(ArgumentStyle::Equals);
        assert_eq!(
            arguments(&config, &config.agents[0]).join(" "),
            "-u a.py --port=5 --health_check_port=6 --name=A --b=2 --mode=fast"
        );
        config.agents[0].argument_style = Some(ArgumentStyle::Separate);
        assert!(arguments(&config, &config.agents[0]).contains(&"--port".to_owned()));
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find_program("sh", Some("/nowhere:/bin:/usr/bin")).is_some());
        assert!(find_program("/bin/sh", None).is_some());
        assert!(find_program("no-such-program", Some("/bin")).is_none());
        assert!(find_program("/etc/passwd", None).is_none());
    }
}
