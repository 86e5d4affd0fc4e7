//! The one wrapper around external programs: argument arrays, explicit folder and environment, a time limit, the whole
//! output in a log file.
//!
//! Every child runs in its own process group, so that Ctrl-C reaches this program alone and it decides what is stopped
//! and in which order. [`interrupt`] stops them all.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::orphans;

/// Why a program could not be run, or did not do what it was run for.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program is not there.
    #[error("`{program}` is not installed\n  hint: {hint}")]
    Missing {
        /// Its name.
        program: String,
        /// How to get it.
        hint: String,
    },
    /// It could not be started, or its output could not be read.
    #[error("cannot run `{command}`: {source}")]
    Start {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ended with a failure.
    #[error("`{command}` {status}{}{}", tail_text(.tail), log_text(.log.as_ref()))]
    Failed {
        /// The command line.
        command: String,
        /// How it ended, as in `exited with code 125`.
        status: String,
        /// Its last lines.
        tail: Vec<String>,
        /// File with its whole output.
        log: Option<PathBuf>,
    },
    /// It took too long and was killed.
    #[error("`{command}` did not end within {} s and was killed{}{}", .limit.as_secs(), tail_text(.tail), log_text(.log.as_ref()))]
    TimedOut {
        /// The command line.
        command: String,
        /// The limit.
        limit: Duration,
        /// Its last lines.
        tail: Vec<String>,
        /// File with its whole output.
        log: Option<PathBuf>,
    },
    /// It printed more than anybody wants to read, and was killed.
    #[error("`{command}` printed more than {most} bytes and was killed{}", log_text(.log.as_ref()))]
    TooMuch {
        /// The command line.
        command: String,
        /// Bytes that it may print.
        most: usize,
        /// File with what it printed until then.
        log: Option<PathBuf>,
    },
    /// This program was told to stop.
    #[error("interrupted while `{command}` ran")]
    Interrupted {
        /// The command line.
        command: String,
    },
}

fn tail_text(tail: &[String]) -> String {
    tail.iter().map(|line| format!("\n  | {line}")).collect()
}

fn log_text(log: Option<&PathBuf>) -> String {
    log.map(|path| format!("\n  log: {}", path.display()))
        .unwrap_or_default()
}

/// What a program printed and how it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// The last lines of both, in the order they came.
    pub tail: Vec<String>,
}

/// A program to run.
#[derive(Debug, Clone)]
pub struct Program {
    name: OsString,
    arguments: Vec<OsString>,
    folder: Option<PathBuf>,
    environment: Vec<(OsString, Option<OsString>)>,
    limit: Option<Duration>,
    log: Option<PathBuf>,
    input: Option<Vec<u8>>,
    whole: bool,
    becomes: Option<String>,
    veiled: Vec<String>,
    most: usize,
    until: Option<Arc<AtomicBool>>,
    forgets: bool,
}

/// Bytes that a program may print, unless it is told otherwise: no image or list of ours comes near it.
const MOST_PRINTED: usize = 256 * 1024 * 1024;

/// Longest piece of a line that is handed on as one.
const LONGEST_LINE: usize = 1024 * 1024;

/// Lines that wait to be handled: whoever prints faster than they are waits, too.
const MOST_WAITING: usize = 64;

/// Longest line that a failure shows of a program.
const LONGEST_SHOWN: usize = 2000;

/// Lines shown of a failing program.
const TAIL_LINES: usize = 12;

/// How often it is looked whether a program is to be ended.
const GLANCE: Duration = Duration::from_millis(50);

/// Time between SIGTERM and SIGKILL for a program that is stopped.
const STOP_GRACE: Duration = Duration::from_secs(5);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static BY_SIGTERM: AtomicBool = AtomicBool::new(false);
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Stops every running program and refuses to start further ones until [`resume`]. Safe to call from a signal thread.
pub fn interrupt() {
    INTERRUPTED.store(true, Ordering::SeqCst);
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    for group in running.iter() {
        // It may have ended already.
        let _ = killpg(Pid::from_raw(*group), Signal::SIGTERM);
    }
}

/// The same, with what it was: SIGTERM, or Ctrl-C.
pub fn interrupt_by(sigterm: bool) {
    BY_SIGTERM.store(sigterm, Ordering::SeqCst);
    interrupt();
}

/// Whether it was SIGTERM that stopped this program.
#[must_use]
pub fn terminated() -> bool {
    BY_SIGTERM.load(Ordering::SeqCst)
}

/// Lets programs start again after an interrupt: what cleans up needs Podman too.
pub fn resume() {
    INTERRUPTED.store(false, Ordering::SeqCst);
}

/// Whether this program was told to stop.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Commands that only read and compute: there is nothing to clean up after them.
static AT_EASE: AtomicUsize = AtomicUsize::new(0);
/// Steps of them that are to come to their end, or to clean up.
static BUSY: AtomicUsize = AtomicUsize::new(0);

/// Says that what is done while this is held can be left at any moment, so that a signal ends the process at once.
#[derive(Debug)]
pub struct AtEase(());

impl AtEase {
    /// From now on.
    #[must_use]
    pub fn new() -> Self {
        AT_EASE.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Default for AtEase {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for AtEase {
    fn drop(&mut self) {
        AT_EASE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Says that what is done while this is held must not be left in the middle, whoever is [`AtEase`].
#[derive(Debug)]
pub struct Busy(());

impl Busy {
    /// From now on.
    #[must_use]
    pub fn new() -> Self {
        BUSY.fetch_add(1, Ordering::SeqCst);
        Self(())
    }
}

impl Default for Busy {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        BUSY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Whether the process can end at once: nothing runs, nothing is half done, and the command needs no end of its own.
#[must_use]
pub fn can_be_left() -> bool {
    let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    AT_EASE.load(Ordering::SeqCst) > 0 && BUSY.load(Ordering::SeqCst) == 0 && running.is_empty()
}

/// What a program took.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// How it ended.
    pub status: ExitStatus,
    /// From its start to its end.
    pub wall: Duration,
    /// CPU time of all its threads, in user and kernel mode, with that of programs that it ran and waited for.
    pub cpu: Duration,
    /// Most memory that was resident at once, in bytes.
    pub peak_bytes: u64,
}

enum Line {
    Out(String),
    Err(String),
}

impl Program {
    /// A program by its name on PATH, or by its path.
    #[must_use]
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        Self {
            name: name.as_ref().to_owned(),
            arguments: Vec::new(),
            folder: None,
            environment: Vec::new(),
            limit: None,
            log: None,
            input: None,
            whole: false,
            becomes: None,
            veiled: Vec::new(),
            most: MOST_PRINTED,
            until: None,
            forgets: false,
        }
    }

    /// Ends it as soon as that is set, which is no failure.
    #[must_use]
    pub fn until(mut self, ended: Arc<AtomicBool>) -> Self {
        self.until = Some(ended);
        self
    }

    /// Hands its lines on and keeps none of them, so that it may run and print for as long as it likes.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.forgets = true;
        self.most = usize::MAX;
        self
    }

    /// Kills it when it has printed more bytes than that, on both outputs together.
    #[must_use]
    pub fn most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Name of the program that this one puts in its own place, as `nsenter` and `env` do.
    #[must_use]
    pub fn becomes(mut self, name: &str) -> Self {
        self.becomes = Some(name.to_owned());
        self
    }

    /// Lets it come to its end when this program is told to stop: for short steps that leave half of something behind where
    /// they are cut, as Podman does with networks.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// One more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<I, S>(mut self, arguments: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.arguments
            .extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Takes over what another program's environment has set or removed.
    #[must_use]
    pub fn envs_of(mut self, other: &Self) -> Self {
        self.environment.extend(other.environment.iter().cloned());
        self
    }

    /// Removes a variable from its environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), None));
        self
    }

    /// Its working folder.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Kills it after that time.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Writes its whole output to that file, which is made anew.
    #[must_use]
    pub fn log(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Some(path.into());
        self
    }

    /// Texts of which nothing that it prints shows more than asterisks: not its log, not its lines, not a failure.
    #[must_use]
    pub fn veil(mut self, texts: Vec<String>) -> Self {
        self.veiled.extend(texts);
        self
    }

    /// What it reads from standard input; nothing otherwise.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// The command line as a person would type it.
    #[must_use]
    pub fn command_line(&self) -> String {
        std::iter::once(&self.name)
            .chain(&self.arguments)
            .map(|word| quote(&word.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs it to its end, whatever that is.
    ///
    /// # Errors
    /// When it cannot be started, takes too long, or this program was told to stop.
    pub fn run(&self) -> Result<Output, ProcessError> {
        self.run_lines(&mut |_| {})
    }

    /// Runs it and returns its standard output.
    ///
    /// # Errors
    /// As [`Program::run`], and when it ends with a failure.
    pub fn read(&self) -> Result<String, ProcessError> {
        self.succeed(&mut |_| {}).map(|output| output.stdout)
    }

    /// Runs it, hands each line of both outputs on as it comes, and fails if it ends with a failure.
    ///
    /// # Errors
    /// As [`Program::run`], and when it ends with a failure.
    pub fn succeed(&self, each_line: &mut dyn FnMut(&str)) -> Result<Output, ProcessError> {
        let output = self.run_lines(each_line)?;
        if output.status.success() {
            return Ok(output);
        }
        Err(ProcessError::Failed {
            command: self.command_line(),
            status: describe(output.status),
            tail: output.tail,
            log: self.log.clone(),
        })
    }

    /// Runs it and hands each line of both outputs on as it comes.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_lines(&self, each_line: &mut dyn FnMut(&str)) -> Result<Output, ProcessError> {
        if interrupted() {
            return Err(ProcessError::Interrupted {
                command: self.command_line(),
            });
        }
        let _busy = self.whole.then(Busy::new);
        let mut log = self.open_log()?;
        let mut child = self.spawn(self.stdin(), Stdio::piped(), Stdio::piped())?;
        let group = i32::try_from(child.id()).unwrap_or_default();
        if !self.whole {
            RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
            // An interrupt that came while it was started has not seen it.
            if interrupted() {
                let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
            }
        }
        let outcome = self.follow(&mut child, group, log.as_mut(), each_line);
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&group);
        outcome
    }

    /// Runs it to its end with its standard output thrown away, and says what it took. It ends well with one of these codes.
    ///
    /// # Errors
    /// When it cannot be started, ends otherwise, or this program was told to stop.
    pub fn measure(&self, good: &[i32]) -> Result<Usage, ProcessError> {
        use wait4::Wait4 as _;
        if interrupted() {
            return Err(ProcessError::Interrupted {
                command: self.command_line(),
            });
        }
        let started = Instant::now();
        let mut child = self.spawn(self.stdin(), Stdio::null(), Stdio::piped())?;
        let group = i32::try_from(child.id()).unwrap_or_default();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
        // An interrupt that came while it was started has not seen it.
        if interrupted() {
            let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
        }
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            // What cannot be read, or is more than a message, is missing from a message at most.
            let most = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
            let mut bytes = Vec::new();
            let _ = stderr.by_ref().take(most).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            said = String::from_utf8_lossy(&bytes).into_owned();
        }
        let used = child.wait4();
        let wall = started.elapsed();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&group);
        let used = used.map_err(|source| ProcessError::Start {
            command: self.command_line(),
            source,
        })?;
        if interrupted() {
            return Err(ProcessError::Interrupted {
                command: self.command_line(),
            });
        }
        if !used.status.code().is_some_and(|code| good.contains(&code)) {
            let lines: Vec<String> = said.lines().map(str::to_owned).collect();
            return Err(ProcessError::Failed {
                command: self.command_line(),
                status: describe(used.status),
                tail: lines[lines.len().saturating_sub(TAIL_LINES)..].to_vec(),
                log: None,
            });
        }
        Ok(Usage {
            status: used.status,
            wall,
            cpu: used.rusage.utime + used.rusage.stime,
            peak_bytes: used.rusage.maxrss,
        })
    }

    /// Starts it, and lets it run until what is returned is dropped. Its standard output is thrown away; what it prints as an error
    /// must not be much, since nobody reads it.
    ///
    /// # Errors
    /// When it cannot be started, or this program was told to stop.
    pub fn start(&self) -> Result<Running, ProcessError> {
        if interrupted() {
            return Err(ProcessError::Interrupted {
                command: self.command_line(),
            });
        }
        let child = self.spawn(Stdio::piped(), Stdio::null(), Stdio::piped())?;
        let group = i32::try_from(child.id()).unwrap_or_default();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(group);
        // An interrupt that came while it was started has not seen it.
        if interrupted() {
            let _ = killpg(Pid::from_raw(group), Signal::SIGTERM);
        }
        Ok(Running { child, group })
    }

    /// Starts it as a server of that socket, which it gets as sd_listen_fds(3) has it, and lets it run until what is returned is
    /// dropped. An interrupt does not end it: what it was asked for comes to its end.
    ///
    /// # Errors
    /// When it cannot be started, or this program was told to stop.
    pub fn serve(&self, listener: UnixListener) -> Result<Served, ProcessError> {
        if interrupted() {
            return Err(ProcessError::Interrupted {
                command: self.command_line(),
            });
        }
        // The number of the process that listens is to be in its environment, and only a shell knows it before it is that process.
        let mut shell = Self::new("sh")
            .args([
                "-c",
                "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"",
                "sh",
            ])
            .arg(&self.name)
            .args(&self.arguments)
            .envs_of(self)
            .whole()
            .becomes(self.becomes.as_deref().unwrap_or(&self.file_name()));
        shell.folder.clone_from(&self.folder);
        let start = |source| ProcessError::Start {
            command: self.command_line(),
            source,
        };
        let said = tempfile::tempfile().map_err(start)?;
        let errors = said.try_clone().map_err(start)?;
        let child = shell.spawn(OwnedFd::from(listener).into(), Stdio::null(), errors.into())?;
        Ok(Served { child, said })
    }

    fn file_name(&self) -> String {
        let name = Path::new(&self.name).file_name().unwrap_or(&self.name);
        name.to_string_lossy().into_owned()
    }

    fn open_log(&self) -> Result<Option<std::fs::File>, ProcessError> {
        let Some(path) = &self.log else {
            return Ok(None);
        };
        let open = || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            // Nothing but an earlier log is there: no link is followed to a file of somebody else.
            std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
                .open(path)
        };
        open().map(Some).map_err(|source| ProcessError::Start {
            command: format!("{} (log {})", self.command_line(), path.display()),
            source,
        })
    }

    /// What it reads: its input, or nothing.
    fn stdin(&self) -> Stdio {
        if self.input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        }
    }

    fn spawn(&self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Result<Child, ProcessError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the wrapper that everything else must use"
        )]
        let mut command = Command::new(&self.name);
        command
            .args(&self.arguments)
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let name = self.becomes.clone().unwrap_or_else(|| self.file_name());
        command.env(orphans::MARK, orphans::mark(&name, self.whole));
        if let Some(stack) = orphans::stack() {
            command.env(orphans::STACK, stack);
        }
        self.set_environment(&mut command);
        command.spawn().map_err(|source| {
            let program = self.name.to_string_lossy().into_owned();
            if source.kind() == std::io::ErrorKind::NotFound
                && self.folder.as_ref().is_none_or(|folder| folder.is_dir())
            {
                let hint = install_hint(&program);
                ProcessError::Missing { program, hint }
            } else {
                ProcessError::Start {
                    command: self.command_line(),
                    source,
                }
            }
        })
    }

    fn set_environment(&self, command: &mut Command) {
        // A name is looked for in folders that somebody chose, never in the one that happens to be the working folder.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", absolute_only(&path));
        }
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// Runs it on the terminal of this one, which its input does not come from: it is in front there, and gets what is typed, Ctrl-C too.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn on_terminal(&self) -> Result<ExitStatus, ProcessError> {
        let failed = |source| ProcessError::Start {
            command: self.command_line(),
            source,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the wrapper that everything else must use"
        )]
        let mut command = Command::new(&self.name);
        command.args(&self.arguments).stdin(Stdio::piped());
        self.set_environment(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), &self.input) {
            // Who has read enough does not read the rest.
            let _ = stdin.write_all(input);
        }
        child.wait().map_err(failed)
    }

    /// Puts the program in the place of this one, with the same terminal. Returns only where that fails.
    #[must_use]
    pub fn replace(&self) -> ProcessError {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the wrapper that everything else must use"
        )]
        let mut command = Command::new(&self.name);
        command.args(&self.arguments);
        self.set_environment(&mut command);
        ProcessError::Start {
            command: self.command_line(),
            source: command.exec(),
        }
    }

    fn follow(
        &self,
        child: &mut Child,
        group: i32,
        mut log: Option<&mut std::fs::File>,
        each_line: &mut dyn FnMut(&str),
    ) -> Result<Output, ProcessError> {
        let started = Instant::now();
        let (sender, receiver) = mpsc::sync_channel(MOST_WAITING);
        let mut readers = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            readers.push(read_lines(stdout, sender.clone(), Line::Out));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.push(read_lines(stderr, sender.clone(), Line::Err));
        }
        drop(sender);
        let writer = self.input.clone().zip(child.stdin.take()).map(|(input, mut stdin)| {
            // A program that ends without reading all of it closes the pipe: not an error of ours.
            std::thread::spawn(move || drop(stdin.write_all(&input)))
        });

        let mut printed = Printed::default();
        let mut stopping: Option<Instant> = None;
        loop {
            let wait = match (stopping, self.limit) {
                (Some(since), _) => STOP_GRACE.saturating_sub(since.elapsed()),
                (None, Some(limit)) => limit.saturating_sub(started.elapsed()),
                (None, None) => Duration::from_secs(3600),
            };
            let is_over = self.until.as_ref().is_some_and(|ended| ended.load(Ordering::Relaxed));
            let wait = if self.until.is_some() { wait.min(GLANCE) } else { wait };
            // Whoever prints without end does not keep the clock from being looked at: a limit is one whatever is printed.
            let received = if wait.is_zero() || (printed.bytes > self.most || is_over) && stopping.is_none() {
                Err(mpsc::RecvTimeoutError::Timeout)
            } else {
                receiver.recv_timeout(wait)
            };
            match received {
                // What is printed after that is read, so that it can end, and not kept.
                Ok(_) if printed.bytes > self.most || is_over => {}
                Ok(line) => {
                    let line = printed.take(line, &self.veiled, self.forgets);
                    if let Some(file) = log.as_deref_mut() {
                        // A full disk must not hide how the program itself ended.
                        let _ = file.write_all(line.as_bytes());
                    }
                    each_line(line.trim_end_matches(LINE_ENDS));
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let in_grace = stopping.is_some_and(|since| since.elapsed() < STOP_GRACE);
                    if in_grace {
                        continue;
                    }
                    let signal = if stopping.is_some() {
                        Signal::SIGKILL
                    } else {
                        Signal::SIGTERM
                    };
                    let too_much = printed.bytes > self.most || is_over;
                    if stopping.is_some() || too_much || self.limit.is_some_and(|limit| started.elapsed() >= limit) {
                        stopping.get_or_insert_with(Instant::now);
                        let _ = killpg(Pid::from_raw(group), signal);
                    }
                    if signal == Signal::SIGKILL {
                        break;
                    }
                }
            }
        }
        let status = child.wait().map_err(|source| ProcessError::Start {
            command: self.command_line(),
            source,
        })?;
        // A reader can outlive the program where a grandchild holds its pipe; it ends with that grandchild, or as nobody listens any more.
        drop(receiver);
        if stopping.is_none() {
            for reader in readers.into_iter().chain(writer) {
                let _ = reader.join();
            }
        }
        // It was told to stop, and `podman save` that is told so ends with 0: that it went well says nothing.
        if interrupted() && !self.whole {
            return Err(ProcessError::Interrupted {
                command: self.command_line(),
            });
        }
        self.ended(stopping.is_some(), status, printed)
    }

    /// How a program ended that may have been stopped for its limits.
    fn ended(&self, stopped: bool, status: ExitStatus, printed: Printed) -> Result<Output, ProcessError> {
        let tail = printed.tail.into();
        match self.limit {
            _ if stopped && printed.bytes > self.most => Err(ProcessError::TooMuch {
                command: self.command_line(),
                most: self.most,
                log: self.log.clone(),
            }),
            Some(limit) if stopped => Err(ProcessError::TimedOut {
                command: self.command_line(),
                limit,
                tail,
                log: self.log.clone(),
            }),
            _ => Ok(Output {
                status,
                stdout: printed.stdout,
                stderr: printed.stderr,
                tail,
            }),
        }
    }
}

/// What ends a line.
const LINE_ENDS: [char; 2] = ['\n', '\r'];

/// What a program printed so far.
#[derive(Default)]
struct Printed {
    stdout: String,
    stderr: String,
    /// The last lines that are not empty.
    tail: VecDeque<String>,
    bytes: usize,
}

impl Printed {
    /// Keeps a line, with what is veiled covered, and returns it so.
    fn take(&mut self, line: Line, veiled: &[String], forgets: bool) -> String {
        let (mut text, kept) = match line {
            Line::Out(text) => (text, &mut self.stdout),
            Line::Err(text) => (text, &mut self.stderr),
        };
        for veiled in veiled.iter().filter(|veiled| !veiled.is_empty()) {
            if text.contains(veiled.as_str()) {
                text = text.replace(veiled.as_str(), "****");
            }
        }
        self.bytes = self.bytes.saturating_add(text.len());
        if !forgets {
            kept.push_str(&text);
        }
        let shown = text.trim_end_matches(LINE_ENDS);
        if !shown.trim().is_empty() {
            if self.tail.len() == TAIL_LINES {
                self.tail.pop_front();
            }
            self.tail.push_back(shown.chars().take(LONGEST_SHOWN).collect());
        }
        text
    }
}

/// A program that runs for as long as this is held. Its standard input ends when this is dropped or this program dies, which
/// it has to take as the sign to end.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: i32,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It has ended, or does so now.
        let _ = self.child.wait();
        RUNNING
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.group);
    }
}

/// A server that runs for as long as this is held.
#[derive(Debug)]
pub struct Served {
    child: Child,
    said: std::fs::File,
}

impl Served {
    /// What it printed as errors so far, as further lines of a message.
    #[must_use]
    pub fn said(&self) -> String {
        use std::os::unix::fs::FileExt as _;
        let mut bytes = vec![0; 4096];
        let read = self.said.read_at(&mut bytes, 0).unwrap_or(0);
        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
        tail_text(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).unwrap_or_default();
        let process = orphans::open(id);
        // Itself alone: what it has started lives on. It may have ended already.
        let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        if !process.is_some_and(|process| orphans::ends_within(&process, STOP_GRACE)) {
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

fn read_lines(
    stream: impl std::io::Read + Send + 'static,
    sender: mpsc::SyncSender<Line>,
    wrap: fn(String) -> Line,
) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        loop {
            let room = u64::try_from(LONGEST_LINE.saturating_sub(bytes.len())).unwrap_or_default();
            let read = reader.by_ref().take(room).read_until(b'\n', &mut bytes);
            if !read.is_ok_and(|read| read > 0) {
                break;
            }
            // A line without end comes in pieces, none of which ends within a character.
            let whole = bytes.ends_with(b"\n") || bytes.len() < LONGEST_LINE;
            let rest = bytes.split_off(if whole { bytes.len() } else { whole_characters(&bytes) });
            let text = String::from_utf8_lossy(&bytes).into_owned();
            bytes = rest;
            if sender.send(wrap(text)).is_err() {
                return;
            }
        }
        if !bytes.is_empty() {
            // Nobody may listen any more.
            let _ = sender.send(wrap(String::from_utf8_lossy(&bytes).into_owned()));
        }
    })
}

/// Length of the bytes without a character that has only begun at their end.
fn whole_characters(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// How a program ended, in words.
#[must_use]
pub fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with code {code}"),
        (None, Some(signal)) => format!(
            "was ended by {}",
            Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |known| known.to_string())
        ),
        (None, None) => "ended".to_owned(),
    }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn install_hint(program: &str) -> String {
    match program {
        "podman" => "run `cargo xtask doctor --fix`, or `apt-get install podman`".to_owned(),
        _ => format!("run `cargo xtask doctor --fix`, or install `{program}` with the host's package manager"),
    }
}

/// Whether a program is on PATH.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    all_on_path(program).next()
}

/// Every program of that name on PATH, the one that runs first.
pub fn all_on_path(program: &str) -> impl Iterator<Item = PathBuf> {
    let path = absolute_only(&std::env::var_os("PATH").unwrap_or_default());
    let candidates: Vec<PathBuf> = std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .collect();
    candidates.into_iter().filter(|candidate| is_executable(candidate))
}

/// A `PATH` without entries that mean another folder in each working folder: empty ones, `.`, `bin`.
fn absolute_only(path: &OsStr) -> OsString {
    let absolute = std::env::split_paths(path).filter(|folder| folder.is_absolute());
    // What was split has no separator in it.
    std::env::join_paths(absolute).unwrap_or_default()
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ProcessError, Program};

    #[test]
    fn both_outputs_and_the_status_come_back() {
        let output = Program::new("sh")
            .args(["-c", "echo out; echo err >&2; exit 3"])
            .run()
            .unwrap();
        assert_eq!(output.stdout, "out\n");
        assert_eq!(output.stderr, "err\n");
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn a_failure_shows_the_command_and_its_last_lines() {
        let error = Program::new("sh")
            .args(["-c", "echo why >&2; exit 1"])
            .read()
            .unwrap_err()
            .to_string();
        assert_eq!(error, "`sh -c 'echo why >&2; exit 1'` exited with code 1\n  | why");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_children() {
        let error = Program::new("sh")
            .args(["-c", "echo begun; sleep 600 & wait"])
            .limit(Duration::from_millis(200))
            .run()
            .unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
        assert!(error.to_string().contains("| begun"), "{error}");
    }

    #[test]
    fn a_missing_program_is_named_with_a_hint() {
        let error = Program::new("no-such-program").run().unwrap_err();
        assert!(error.to_string().starts_with("`no-such-program` is not installed"));
    }

    #[test]
    fn what_a_program_took_is_its_own() {
        let busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 1";
        let usage = Program::new("sh").args(["-c", busy]).measure(&[0, 1]).unwrap();
        assert_eq!(usage.status.code(), Some(1));
        assert!(
            !usage.cpu.is_zero() && !usage.wall.is_zero() && usage.peak_bytes > 0,
            "{usage:?}"
        );
        let error = Program::new("sh")
            .args(["-c", "echo why >&2; exit 7"])
            .measure(&[0, 1])
            .unwrap_err();
        assert!(error.to_string().ends_with("exited with code 7\n  | why"), "{error}");
    }

    #[test]
    fn a_program_that_runs_ends_when_nobody_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let script = "read -r _; touch \"$0\"";
        let running = Program::new("sh").args(["-c", script]).arg(&told).start().unwrap();
        assert!(running.id() > 1 && !told.exists());
        drop(running);
        assert!(told.exists());
    }

    /// A flood of lines, and one line without end: either is cut off, however fast it comes.
    #[test]
    fn whoever_prints_without_end_is_killed_in_time_and_not_kept() {
        for flood in ["yes", "tr '\\0' x < /dev/zero"] {
            let error = Program::new("sh")
                .args(["-c", flood])
                .most(4_000_000)
                .run()
                .unwrap_err();
            assert!(
                matches!(error, ProcessError::TooMuch { most: 4_000_000, .. }),
                "{flood}: {error}"
            );
            let error = Program::new("sh")
                .args(["-c", flood])
                .most(usize::MAX)
                .limit(Duration::from_millis(300))
                .run_lines(&mut |_| std::thread::sleep(Duration::from_millis(20)))
                .unwrap_err();
            assert!(matches!(error, ProcessError::TimedOut { .. }), "{flood}: {error}");
        }
    }

    #[test]
    fn a_long_line_arrives_whole() {
        let output = Program::new("sh")
            .args([
                "-c",
                "printf 'a%.0s' 1; yes 'ä' | tr -d '\\n' | head -c 5000000; echo; printf end",
            ])
            .run()
            .unwrap();
        assert_eq!(output.stdout.len(), 1 + 5_000_000 + 1 + 3);
        assert!(output.stdout.ends_with("ää\nend") && !output.stdout.contains('\u{fffd}'));
    }

    #[test]
    fn programs_are_not_looked_for_in_the_working_folder() {
        let path = super::absolute_only("/usr/bin::.:bin:/bin:".as_ref());
        assert_eq!(path, "/usr/bin:/bin");
    }

    #[test]
    fn input_reaches_the_program() {
        let output = Program::new("cat").input("hello").run().unwrap();
        assert_eq!(output.stdout, "hello");
    }
}
