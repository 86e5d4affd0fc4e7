//! What agents print: each pipe is read by a task that holds no buffer while nothing comes, split into lines, prefixed,
//! and handed to the two writer threads (stdout, log files). Also the supervisor's own lines.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contract::group_config::GroupConfig;
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use crate::machine::plan::AgentId;
use crate::mask::Known;
use crate::queue::Queue;
use crate::rotate::Rotating;
use crate::tail::Tail;

/// Longest line; a longer one is cut.
const LINE: usize = 16 * 1024;
/// Read at once.
const CHUNK: usize = 16 * 1024;
/// How long a log file that could not be written is left alone.
const LOG_PAUSE: Duration = Duration::from_secs(30);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Where all output goes.
#[derive(Debug, Clone)]
pub struct Output {
    stdout: Arc<Queue<Vec<u8>>>,
    files: Arc<Queue<(AgentId, Vec<u8>)>>,
    /// What no output shows.
    known: Arc<Known>,
}

impl Output {
    /// Starts the two writer threads.
    pub fn start(config: &GroupConfig, known: Known) -> io::Result<Self> {
        let output = Self {
            stdout: Arc::default(),
            files: Arc::default(),
            known: Arc::new(known),
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
        let line = self.known.hide(line);
        self.stdout.push_now(format!("[supervisor] {line}\n").into_bytes());
    }

    /// A text without what no output shows.
    #[must_use]
    pub fn without_secrets(&self, text: &str) -> String {
        self.known.hide(text).into_owned()
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
        tail: &Arc<Mutex<Tail>>,
    ) -> io::Result<JoinHandle<()>> {
        let pipe = Receiver::from_owned_fd(pipe)?;
        let output = self.clone();
        let prefix = format!("[{name}] ");
        let tail = Arc::clone(tail);
        Ok(tokio::spawn(async move {
            let mut lines = Lines::default();
            let printed = Printed {
                stream,
                prefix,
                tail,
                known: Arc::clone(&output.known),
            };
            loop {
                if pipe.readable().await.is_err() {
                    break;
                }
                let Some(batch) = read_batch(&pipe, &mut lines, &printed) else {
                    break;
                };
                output.hand_over(agent, batch).await;
            }
            let mut batch = Batch::default();
            lines.finish(|line, end| batch.add(line, end, &printed));
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
fn read_batch(pipe: &Receiver, lines: &mut Lines, printed: &Printed) -> Option<Batch> {
    let mut batch = Batch::default();
    let mut chunk = [0_u8; CHUNK];
    match pipe.try_read(&mut chunk) {
        Ok(0) => return None,
        Ok(read) => lines.feed(&chunk[..read], |line, end| batch.add(line, end, printed)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(_) => return None,
    }
    Some(batch)
}

/// What is being read.
struct Printed {
    stream: Stream,
    prefix: String,
    tail: Arc<Mutex<Tail>>,
    known: Arc<Known>,
}

/// Complete lines, once for the log file and once with the prefix for stdout.
#[derive(Debug, Default)]
struct Batch {
    plain: Vec<u8>,
    prefixed: Vec<u8>,
}

impl Batch {
    fn add(&mut self, line: &[u8], end: End, printed: &Printed) {
        let text = String::from_utf8_lossy(line);
        let text = printed.known.hide(&text);
        self.plain.extend(text.as_bytes());
        self.plain.push(b'\n');
        self.prefixed.extend(printed.prefix.as_bytes());
        self.prefixed.extend(text.as_bytes());
        self.prefixed.push(b'\n');
        let mut tail = printed.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.push(printed.stream, &text, end == End::Return);
    }
}

/// What ended a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// A line feed, or the end of all.
    Feed,
    /// A carriage return: a terminal would write over this line next.
    Return,
    /// It was longer than [`LINE`].
    Cut,
}

/// Splits a stream into lines of at most [`LINE`] bytes. Carriage returns end lines as line feeds do, alone and before one; what a
/// carriage return alone ends is no line where it is empty.
#[derive(Debug, Default)]
struct Lines {
    partial: Vec<u8>,
    /// The last byte was a carriage return: a line feed next belongs to it.
    returned: bool,
}

impl Lines {
    fn feed(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8], End)) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.returned) {
                let feed = first == b'\n';
                let end = if feed { End::Feed } else { End::Return };
                if feed || !self.partial.is_empty() {
                    line(&self.partial, end);
                }
                self.partial = Vec::new();
                bytes = &bytes[usize::from(feed)..];
                continue;
            }
            let room = LINE - self.partial.len();
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let take = end.unwrap_or(bytes.len()).min(room);
            let complete = end == Some(take);
            if complete && bytes[take] == b'\r' {
                self.partial.extend(&bytes[..take]);
                self.returned = true;
            } else if complete && self.partial.is_empty() {
                line(&bytes[..take], End::Feed);
            } else {
                self.partial.extend(&bytes[..take]);
                if complete {
                    line(&self.partial, End::Feed);
                    self.partial = Vec::new();
                } else if take == room {
                    let whole = whole_characters(&self.partial);
                    let rest = self.partial.split_off(whole);
                    line(&self.partial, End::Cut);
                    self.partial = rest;
                }
            }
            bytes = &bytes[take + usize::from(complete)..];
        }
    }

    fn finish(&mut self, mut line: impl FnMut(&[u8], End)) {
        if !self.partial.is_empty() {
            line(&self.partial, End::Feed);
            self.partial = Vec::new();
        }
        self.returned = false;
    }
}

/// Length without a character of UTF-8 at the end that is not whole.
fn whole_characters(bytes: &[u8]) -> usize {
    let start = bytes.iter().rposition(|byte| byte & 0xC0 != 0x80).unwrap_or(0);
    match std::str::from_utf8(&bytes[start..]) {
        Err(error) if error.error_len().is_none() && start > 0 => start,
        _ => bytes.len(),
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
    use super::{End, LINE, Lines};

    fn split(parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for part in parts {
            lines.feed(part, |line, _| seen.push(line.to_vec()));
        }
        lines.finish(|line, _| seen.push(line.to_vec()));
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
    fn a_carriage_return_ends_a_line() {
        let bar = b"\r 0/40\r 1/40\r 40/40\nTraceback\r\n\r\nError\r";
        let expected: Vec<&[u8]> = vec![b" 0/40", b" 1/40", b" 40/40", b"Traceback", b"", b"Error"];
        assert_eq!(split(&[bar]), expected);
        let bytes: Vec<&[u8]> = bar.chunks(1).collect();
        assert_eq!(split(&bytes), expected);
        let mut ends = Vec::new();
        Lines::default().feed(b"a\rb\r\nc\n\rd", |_, end| ends.push(end));
        assert_eq!(ends, [End::Return, End::Feed, End::Feed]);
    }

    #[test]
    fn a_cut_leaves_characters_whole() {
        let mut text = vec![b'x'; LINE - 1];
        text.extend("\u{20ac}\n".as_bytes());
        let seen = split(&[&text]);
        assert_eq!(seen, [vec![b'x'; LINE - 1], "\u{20ac}".as_bytes().to_vec()]);
        let rubbish = vec![0x80; LINE * 2];
        assert_eq!(split(&[&rubbish]).concat(), rubbish);
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
