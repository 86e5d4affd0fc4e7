//! What agents print: each pipe is read by a task that holds no buffer while nothing comes, split into lines, prefixed,
//! and handed to the two writer threads (stdout, log files). Also the supervisor's own lines.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::group_config::GroupConfig;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use crate::machine::plan::AgentId;
use crate::queue::Queue;
use crate::rotate::Rotating;

/// Longest line; a longer one is cut.
const LINE: usize = 16 * 1024;
/// Read at once.
const CHUNK: usize = 16 * 1024;
/// Lines of stderr that are remembered per agent.
const TAIL: usize = 20;
/// Bytes of a remembered line.
const TAIL_LINE: usize = 500;
/// How long a log file that could not be written is left alone.
const LOG_PAUSE: Duration = Duration::from_secs(30);

/// The last stderr lines of one agent.
pub type Tail = Arc<Mutex<VecDeque<String>>>;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error: remembered as well.
    Stderr,
}

/// Where all output goes.
#[derive(Debug, Clone)]
pub struct Output {
    stdout: Arc<Queue<Vec<u8>>>,
    files: Arc<Queue<(AgentId, Vec<u8>)>>,
}

impl Output {
    /// Starts the two writer threads.
    pub fn start(config: &GroupConfig) -> io::Result<Self> {
        let output = Self {
            stdout: Arc::default(),
            files: Arc::default(),
        };
        let queue = Arc::clone(&output.stdout);
        std::thread::Builder::new()
            .name("stdout".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || write_stdout(&queue))?;
        let queue = Arc::clone(&output.files);
        let supervision = &config.supervision;
        let folder = PathBuf::from(&config.log_directory);
        let files = config
            .agents
            .iter()
            .map(|agent| {
                Rotating::new(
                    folder.join(format!("{}.log", agent.name)),
                    supervision.log_max_bytes,
                    supervision.log_keep,
                )
            })
            .collect();
        std::thread::Builder::new()
            .name("logs".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || write_files(&queue, files))?;
        Ok(output)
    }

    /// One line of the supervisor's own; never waits.
    pub fn say(&self, line: &str) {
        self.stdout.push_now(format!("[supervisor] {line}\n").into_bytes());
    }

    /// Waits until all is written, but not for ever: stdout may be blocked.
    pub fn flush(&self) {
        self.files.flush(Duration::from_millis(500));
        self.stdout.flush(Duration::from_millis(500));
    }

    /// Reads a pipe until its end.
    pub fn follow(
        &self,
        pipe: OwnedFd,
        agent: AgentId,
        name: &str,
        stream: Stream,
        tail: &Tail,
    ) -> io::Result<JoinHandle<()>> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        let output = self.clone();
        let prefix = format!("[{name}] ");
        let tail = (stream == Stream::Stderr).then(|| Arc::clone(tail));
        Ok(tokio::spawn(async move {
            let mut lines = Lines::default();
            loop {
                if pipe.readable().await.is_err() {
                    break;
                }
                let Some(batch) = read_batch(&pipe, &mut lines, &prefix, tail.as_ref()) else {
                    break;
                };
                output.hand_over(agent, batch).await;
            }
            let mut batch = Batch::default();
            lines.finish(|line| batch.add(line, &prefix, tail.as_ref()));
            output.hand_over(agent, batch).await;
        }))
    }

    async fn hand_over(&self, agent: AgentId, batch: Batch) {
        if batch.plain.is_empty() {
            return;
        }
        self.files.push((agent, batch.plain)).await;
        self.stdout.push(batch.prefixed).await;
    }
}

/// Reads what is there; `None` at the end. The buffer lives on the stack, so that a silent agent costs none.
fn read_batch(pipe: &Receiver, lines: &mut Lines, prefix: &str, tail: Option<&Tail>) -> Option<Batch> {
    let mut batch = Batch::default();
    let mut chunk = [0_u8; CHUNK];
    match pipe.try_read(&mut chunk) {
        Ok(0) => return None,
        Ok(read) => lines.feed(&chunk[..read], |line| batch.add(line, prefix, tail)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(_) => return None,
    }
    Some(batch)
}

/// Complete lines, once for the log file and once with the prefix for stdout.
#[derive(Debug, Default)]
struct Batch {
    plain: Vec<u8>,
    prefixed: Vec<u8>,
}

impl Batch {
    fn add(&mut self, line: &[u8], prefix: &str, tail: Option<&Tail>) {
        let text = String::from_utf8_lossy(line);
        self.plain.extend(text.as_bytes());
        self.plain.push(b'\n');
        self.prefixed.extend(prefix.as_bytes());
        self.prefixed.extend(text.as_bytes());
        self.prefixed.push(b'\n');
        if let Some(tail) = tail {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(text.chars().take(TAIL_LINE).collect());
        }
    }
}

/// Splits a stream into lines of at most [`LINE`] bytes.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            let room = LINE - self.partial.len();
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let take = end.unwrap_or(bytes.len()).min(room);
            let complete = end == Some(take);
            let full = take == room && !complete;
            if complete && self.partial.is_empty() {
                line(&bytes[..take]);
            } else {
                self.partial.extend(&bytes[..take]);
                if complete || full {
                    line(&self.partial);
                    self.partial = Vec::new();
                }
            }
            bytes = &bytes[take + usize::from(complete)..];
        }
    }

    fn finish(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.partial.is_empty() {
            line(&self.partial);
            self.partial = Vec::new();
        }
    }
}

fn write_stdout(queue: &Queue<Vec<u8>>) {
    let mut stdout = io::stdout();
    loop {
        let (items, dropped) = queue.take();
        // A closed stdout is no reason to end: agents go on, and their log files have it all.
        for item in &items {
            let _ = stdout.write_all(item);
        }
        if dropped > 0 {
            let _ = writeln!(
                stdout,
                "[supervisor] {dropped} bytes of output were dropped: nobody read them"
            );
        }
        let _ = stdout.flush();
    }
}

fn write_files(queue: &Queue<(AgentId, Vec<u8>)>, mut files: Vec<Rotating>) {
    let mut paused = vec![None::<Instant>; files.len()];
    let mut said = false;
    loop {
        let (items, _) = queue.take();
        for (agent, lines) in items {
            if paused[agent].is_some_and(|until| Instant::now() < until) {
                continue;
            }
            match files[agent].write(&lines) {
                Ok(()) => paused[agent] = None,
                Err(error) => {
                    paused[agent] = Some(Instant::now() + LOG_PAUSE);
                    if !said {
                        said = true;
                        let _ = writeln!(
                            io::stderr(),
                            "[supervisor] cannot write log file `{}`: {error}; going on without log files that \
                             cannot be written",
                            files[agent].path().display()
                        );
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE, Lines};

    fn split(parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for part in parts {
            lines.feed(part, |line| seen.push(line.to_vec()));
        }
        lines.finish(|line| seen.push(line.to_vec()));
        seen
    }

    #[test]
    fn splits_however_it_is_cut() {
        let whole = split(&[b"one\n\ntwo\nrest"]);
        assert_eq!(whole, [b"one".to_vec(), vec![], b"two".to_vec(), b"rest".to_vec()]);
        let bytes: Vec<&[u8]> = b"one\n\ntwo\nrest".chunks(1).collect();
        assert_eq!(split(&bytes), whole);
    }

    #[test]
    fn cuts_long_lines_and_loses_nothing() {
        let long = vec![b'x'; LINE * 2 + 5];
        let seen = split(&[&long, b"\nnext\n"]);
        let lengths: Vec<usize> = seen.iter().map(Vec::len).collect();
        assert_eq!(lengths, [LINE, LINE, 5, 4]);
        let exact = vec![b'y'; LINE];
        let seen = split(&[&exact, b"\nz"]);
        assert_eq!(seen.iter().map(Vec::len).sum::<usize>(), LINE + 1);
    }
}
