//! The supervisor's end of the socket to a keeper.

use std::io;
use std::time::Duration;

use contract::stop_signal::StopSignal;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::order;
use crate::machine::Ended;

/// How long a keeper may take to end what an agent left, before that is said.
const LINGER: Duration = Duration::from_secs(5);
/// Longest line of a keeper.
const LINE: u64 = 4096;

/// How a keeper's agent came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It could not be started, and why.
    Failed(String),
    /// It ended.
    Ended(Ended),
}

/// What a keeper tells before that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The agent's process is there.
    Started(u32),
    /// The agent has ended, and something that it left does not.
    Lingers,
}

/// Where orders to a keeper go.
#[derive(Debug)]
pub struct Orders(OwnedWriteHalf);

impl Orders {
    /// That signal to the agent's process alone: what it forked is its own to stop.
    pub fn terminate(&self, signal: StopSignal) {
        let _ = self.0.try_write(&[order::byte(signal)]);
    }

    /// SIGKILL to the agent and all that descends from it.
    pub fn kill(&self) {
        let _ = self.0.try_write(b"k");
    }
}

/// The two directions of a socket.
#[must_use]
pub fn split(link: UnixStream) -> (OwnedReadHalf, Orders) {
    let (read, write) = link.into_split();
    (read, Orders(write))
}

/// Hands a keeper its order.
pub async fn order(link: &mut UnixStream, bytes: &[u8]) -> io::Result<()> {
    link.write_all(bytes).await
}

/// Listens until the keeper ends. `None`: it ended without a report.
pub async fn listen(link: OwnedReadHalf, tell: impl Fn(News)) -> Option<Report> {
    let mut lines = BufReader::with_capacity(256, link);
    let mut report = None;
    loop {
        let mut line = Vec::new();
        let mut reader = (&mut lines).take(LINE);
        let read = reader.read_until(b'\n', &mut line);
        let read = if report.is_some() {
            match timeout(LINGER, read).await {
                Ok(read) => read,
                Err(_) => {
                    tell(News::Lingers);
                    let mut rest = Vec::new();
                    (&mut lines).take(LINE).read_until(b'\n', &mut rest).await
                }
            }
        } else {
            read.await
        };
        match read {
            Ok(0) | Err(_) => return report,
            Ok(_) => match parse(&String::from_utf8_lossy(&line)) {
                Some(Line::Started(pid)) => tell(News::Started(pid)),
                Some(Line::Report(said)) if report.is_none() => report = Some(said),
                _ => {}
            },
        }
    }
}

/// Reads a line of a keeper; what it made of it, as text.
#[must_use]
pub fn read(line: &str) -> Option<String> {
    parse(line).map(|line| format!("{line:?}"))
}

#[derive(Debug, PartialEq, Eq)]
enum Line {
    Started(u32),
    Report(Report),
}

fn parse(line: &str) -> Option<Line> {
    let (word, rest) = line.trim_end_matches('\n').split_once(' ')?;
    let report = match word {
        "started" => return Some(Line::Started(rest.parse().ok().filter(|pid| *pid > 1)?)),
        "failed" => Report::Failed(rest.to_owned()),
        "exited" => Report::Ended(Ended {
            code: Some(rest.parse().ok()?),
            signal: None,
        }),
        "killed" => Report::Ended(Ended {
            code: None,
            signal: Some(rest.parse().ok()?).filter(|signal| *signal != 0),
        }),
        _ => return None,
    };
    Some(Line::Report(report))
}

#[cfg(test)]
mod tests {
    use super::{Line, Report, parse};
    use crate::machine::Ended;

    #[test]
    fn lines_of_a_keeper_are_understood() {
        assert_eq!(parse("started 17\n"), Some(Line::Started(17)));
        let failed = Report::Failed("No such file or directory (os error 2)".to_owned());
        assert_eq!(
            parse("failed No such file or directory (os error 2)\n"),
            Some(Line::Report(failed))
        );
        let ended = |code, signal| Some(Line::Report(Report::Ended(Ended { code, signal })));
        assert_eq!(parse("exited 3\n"), ended(Some(3), None));
        assert_eq!(parse("killed 64\n"), ended(None, Some(64)));
        for bad in ["", "started", "started 1", "started 0", "exited x", "said a b"] {
            assert_eq!(parse(bad), None);
        }
    }
}
