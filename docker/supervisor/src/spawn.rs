//! Starting processes: an agent's command line, environment and pipes. The only module of the supervisor that starts any: keepers,
//! which start the agents, and interpreters that serve the supervisor itself.
//!
//! `std::process::Command` gives children the default dispositions of signals, but the mask of their parent: keepers and the warm
//! interpreter set their own. There is no `pre_exec`: it would cost `posix_spawn`. Nothing here waits for a process; `reap` does that for all of them.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use contract::group_config::{Agent, ArgumentStyle, GroupConfig};
use contract::own_flags::OwnFlag;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::environment;
use crate::keeper::{self, order::Order};

/// A process that was started, with the reading ends of its output.
#[derive(Debug)]
pub struct Started {
    /// Its process id, and that of its process group.
    pub pid: u32,
    /// Standard output: its own, or that of the agent that it keeps.
    pub stdout: OwnedFd,
    /// Standard error; `None` where it was not asked for.
    pub stderr: Option<OwnedFd>,
}

/// A keeper that was started.
#[derive(Debug)]
pub struct Kept {
    /// The keeper, with the agent's output.
    pub keeper: Started,
    /// The socket to it.
    pub link: tokio::net::UnixStream,
    /// What it has yet to be told.
    pub order: Vec<u8>,
}

/// The words after the interpreter's name.
#[must_use]
pub fn arguments(config: &GroupConfig, agent: &Agent) -> Vec<String> {
    let style = agent.argument_style.unwrap_or(config.supervision.argument_style);
    let mut words = vec!["-u".to_owned()];
    match &agent.module {
        Some(module) => words.extend(["-m".to_owned(), module.clone()]),
        None => words.push(agent.script_path.clone()),
    }
    let mut flag = |key: &str, value: &str| match style {
        ArgumentStyle::Separate => words.extend([format!("--{key}"), value.to_owned()]),
        ArgumentStyle::Equals => words.push(format!("--{key}={value}")),
    };
    for own in agent.own_flags.iter() {
        let value = match own {
            OwnFlag::Port => agent.port.to_string(),
            OwnFlag::HealthCheckPort => agent.health_port().to_string(),
            OwnFlag::Name => agent.name.clone(),
        };
        flag(own.name(), &value);
    }
    for (key, value) in &agent.params {
        flag(key, value);
    }
    words.extend(agent.arguments.iter().cloned());
    words
}

/// This program, to be started again as a keeper.
#[must_use]
pub fn myself() -> PathBuf {
    std::env::current_exe()
        .ok()
        .filter(|file| file.exists())
        // It was replaced since.
        .unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
}

/// Starts the keeper of an agent, in a process group of its own; the agent gets another.
pub fn agent(config: &GroupConfig, agent: &Agent, python: &Path) -> io::Result<Kept> {
    let order = Order {
        program: python.to_owned(),
        words: arguments(config, agent).into_iter().map(Into::into).collect(),
        environment: environment::of_process(config, Some(agent)).into_iter().collect(),
        folder: PathBuf::from(&config.working_directory),
    };
    let too_long = || {
        io::Error::new(
            io::ErrorKind::ArgumentListTooLong,
            "command line and environment are too long",
        )
    };
    let order = order.encode().ok_or_else(too_long)?;
    let (ours, theirs) = link()?;
    let mut command = program(&myself());
    command
        .arg(keeper::COMMAND)
        .env_clear()
        .current_dir("/")
        .stdin(theirs)
        .stderr(Stdio::piped());
    Ok(Kept {
        keeper: start(&mut command)?,
        link: ours,
        order,
    })
}

/// A socket: our end, and a keeper's.
pub fn link() -> io::Result<(tokio::net::UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((tokio::net::UnixStream::from_std(ours)?, theirs.into()))
}

/// Puts a program in the place of this one, with the environment and in the folder of an agent, or of all. Returns only where it fails.
pub fn become_program(config: &GroupConfig, agent: Option<&Agent>, words: &[OsString]) -> io::Error {
    let Some((file, arguments)) = words.split_first() else {
        return io::Error::from(io::ErrorKind::InvalidInput);
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the supervisor's one place that starts processes"
    )]
    let mut command = Command::new(file);
    command
        .args(arguments)
        .env_clear()
        .envs(environment::of_process(config, agent))
        .current_dir(&config.working_directory)
        .exec()
}

/// Starts the interpreter to run one line of Python, with the agents' PYTHONPATH.
pub fn python_line(config: &GroupConfig, python: &Path, words: &[String]) -> io::Result<Started> {
    start(interpreter(config, python, words).stderr(Stdio::null()))
}

/// Starts the warm interpreter with its end of the socket: `words`, the socket's number, this program, the modules.
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
        myself().display().to_string(),
    ];
    words.extend(modules.iter().cloned());
    // Nothing else is started before it is closed: this is the only thread that starts anything.
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::empty()))?;
    start(interpreter(config, python, &words).stderr(Stdio::piped()))
}

fn interpreter(config: &GroupConfig, python: &Path, words: &[String]) -> Command {
    let mut command = program(python);
    command
        .args(words)
        .env_clear()
        .envs(environment::of_process(config, None))
        .current_dir(&config.working_directory)
        .stdin(Stdio::null());
    command
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the supervisor's one place that starts processes"
)]
fn program(file: &Path) -> Command {
    let mut command = Command::new(file);
    command.process_group(0).stdout(Stdio::piped());
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

/// SIGKILL to a whole process group.
pub fn kill_group(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = killpg(pid, Signal::SIGKILL);
    }
}

/// SIGKILL to one process.
pub fn kill_one(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = kill(pid, Signal::SIGKILL);
    }
}

/// Never 1, which would mean everybody.
fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().filter(|pid| *pid > 1).map(Pid::from_raw)
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
    use contract::own_flags::{OwnFlag, OwnFlags};

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
    fn modules_are_run_with_m_and_further_words_stand_behind_all_flags() {
        let mut config = config(ArgumentStyle::Separate);
        let agent = &mut config.agents[0];
        agent.module = Some("agents.a".to_owned());
        agent.arguments = vec!["--list".to_owned(), "x".to_owned(), "y".to_owned()];
        assert_eq!(
            arguments(&config, &config.agents[0]).join(" "),
            "-u -m agents.a --port 5 --health_check_port 6 --name A --b 2 --mode fast --list x y"
        );
        config.agents[0].own_flags = [OwnFlag::Port].into_iter().collect();
        assert_eq!(
            arguments(&config, &config.agents[0]).join(" "),
            "-u -m agents.a --port 5 --b 2 --mode fast --list x y"
        );
        config.agents[0].own_flags = OwnFlags::NONE;
        assert_eq!(
            arguments(&config, &config.agents[0]).join(" "),
            "-u -m agents.a --b 2 --mode fast --list x y"
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
