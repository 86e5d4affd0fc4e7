//! Asking agents for their health: once, or until they answer. Judging the reply is `contract::health`'s business,
//! what follows from it the machine's. Agents that are asked nothing never come here.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use contract::health::{Check, Kind, Verdict};
use contract::http_reply;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::address::Target;
use crate::zmtp;

/// How often something is asked that does not answer yet: every thirty-second part of the time waited so far, so that
/// noticing an answer late costs 3 % at most, and a long wait costs next to nothing.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Shortest delay.
    pub first: Duration,
    /// Longest delay within the first minute.
    pub longest: Duration,
}

impl Pace {
    /// For the supervisor of a dependency in another container.
    pub const SUPERVISOR: Self = Self {
        first: Duration::from_millis(50),
        longest: Duration::from_secs(1),
    };
    /// For an agent that this supervisor has just started.
    pub const LOCAL: Self = Self {
        first: Duration::from_millis(5),
        longest: Duration::from_millis(100),
    };
    /// For a dependency in another container.
    pub const ELSEWHERE: Self = Self {
        first: Duration::from_millis(15),
        longest: Duration::from_millis(250),
    };

    /// The delay after `waited`, with a jitter of a tenth taken from the clock's low digits.
    pub(crate) fn delay(self, waited: Duration) -> Duration {
        let longest = if waited > Duration::from_secs(60) {
            Duration::from_secs(1)
        } else {
            self.longest
        };
        let delay = (waited / 32).clamp(self.first, longest);
        delay * (90 + waited.subsec_micros() % 21) / 100
    }
}

/// How long one attempt to connect may take: a host that is not there yet does not answer at all.
const CONNECT: Duration = Duration::from_millis(250);

/// What was seen instead of a healthy answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Its name leads nowhere.
    #[error("cannot resolve {target}: {source}")]
    Name {
        /// The target.
        target: String,
        /// What the system said.
        source: io::Error,
    },
    /// The host refuses connections.
    #[error("nothing listens on port {0}")]
    Refused(u16),
    /// A connection cannot be made.
    #[error("cannot connect to {address}: {source}")]
    Connection {
        /// Where to.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The host says nothing at all.
    #[error("{0} does not answer")]
    Silent(SocketAddr),
    /// The connection is made, and no reply comes.
    #[error("port {port} is open, but no reply within {patience_ms} ms")]
    Overdue {
        /// The port.
        port: u16,
        /// How long was waited.
        patience_ms: u128,
    },
    /// What answers does not speak ZeroMQ, or not long enough.
    #[error("port {port}: {failure}")]
    Zmtp {
        /// The port.
        port: u16,
        /// What was seen.
        failure: zmtp::Failure,
    },
    /// The connection broke.
    #[error("port {port}: connection broke: {source}")]
    Broken {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// What answers does not speak HTTP.
    #[error("port {port}: not an HTTP server: it sent `{shown}`")]
    NotHttp {
        /// The port.
        port: u16,
        /// What it sent.
        shown: String,
    },
    /// The other side hung up.
    #[error("port {0}: it closed the connection without a reply")]
    Closed(u16),
    /// It says that it is not healthy.
    #[error("unhealthy reply: {0}")]
    Unhealthy(String),
    /// It says something else.
    #[error("malformed reply: `{0}`")]
    Malformed(String),
}

/// Asks once, on a fresh connection.
pub async fn ask(check: &Check, target: &Target, patience: Duration) -> Result<(), NoAnswer> {
    // A regular check may meet a busy host: it has the whole time to connect.
    exchange(check, target, patience, patience).await
}

/// Asks until there is a healthy answer; `silent` gets the reason whenever it differs from the one before.
pub async fn until_answer(
    check: &Check,
    target: &Target,
    patience: Duration,
    pace: Pace,
    mut silent: impl FnMut(String),
) {
    let start = Instant::now();
    let mut last = String::new();
    while let Err(seen) = exchange(check, target, CONNECT.min(patience), patience).await {
        let reason = seen.to_string();
        if reason != last {
            last.clone_from(&reason);
            silent(reason);
        }
        sleep(pace.delay(start.elapsed())).await;
    }
}

async fn exchange(check: &Check, target: &Target, connect: Duration, patience: Duration) -> Result<(), NoAnswer> {
    let mut stream = open(target, connect).await?;
    let port = port(target);
    let overdue = |_| NoAnswer::Overdue {
        port,
        patience_ms: patience.as_millis(),
    };
    let verdict = match check.kind {
        Kind::Zmq => {
            let reply = timeout(patience, zmtp::ask(&mut stream, check.request().as_bytes())).await;
            let reply = reply.map_err(overdue)?;
            check.judge(&reply.map_err(|failure| NoAnswer::Zmtp { port, failure })?)
        }
        Kind::Http => {
            let reply = timeout(patience, get(&mut stream, &check.http_request(&target.to_string()))).await;
            match reply
                .map_err(overdue)?
                .map_err(|source| NoAnswer::Broken { port, source })?
            {
                http_reply::Read::Whole(code, body) => check.judge_http(code, &body),
                http_reply::Read::Other(shown) => return Err(NoAnswer::NotHttp { port, shown }),
                http_reply::Read::More | http_reply::Read::Nothing => return Err(NoAnswer::Closed(port)),
            }
        }
        Kind::Tcp | Kind::Process => Verdict::Healthy,
    };
    match verdict {
        Verdict::Healthy => Ok(()),
        Verdict::Unhealthy(reason) => Err(NoAnswer::Unhealthy(reason)),
        Verdict::Malformed(shown) => Err(NoAnswer::Malformed(shown)),
    }
}

/// One HTTP exchange: what the reply comes to, as far as it came.
pub(crate) async fn get(stream: &mut TcpStream, request: &str) -> io::Result<http_reply::Read> {
    stream.write_all(request.as_bytes()).await?;
    let mut reply = Vec::new();
    let mut piece = [0_u8; 4096];
    loop {
        let read = match stream.read(&mut piece).await {
            Ok(read) => read,
            // What came before counts.
            Err(error) if reply.is_empty() => return Err(error),
            Err(_) => 0,
        };
        reply.extend_from_slice(piece.get(..read).unwrap_or_default());
        match http_reply::read(&reply, read == 0 || reply.len() >= zmtp::MAX_BYTES) {
            http_reply::Read::More => {}
            whole => return Ok(whole),
        }
    }
}

/// Connects to a target, and not to itself.
pub(crate) async fn open(target: &Target, patience: Duration) -> Result<TcpStream, NoAnswer> {
    let address = match target.resolve().await {
        Ok(address) => address,
        Err(source) => {
            let target = target.to_string();
            return Err(NoAnswer::Name { target, source });
        }
    };
    let stream = match timeout(patience, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            return Err(NoAnswer::Refused(address.port()));
        }
        Ok(Err(source)) => return Err(NoAnswer::Connection { address, source }),
        Err(_) => return Err(NoAnswer::Silent(address)),
    };
    // While nothing listens on an ephemeral port, TCP can connect a socket to itself.
    if stream.local_addr().is_ok_and(|local| local == address) {
        return Err(NoAnswer::Refused(address.port()));
    }
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

fn port(target: &Target) -> u16 {
    match target {
        Target::Address(address) => address.port(),
        Target::Name(_, port) => *port,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    #[test]
    fn the_pace_slows_down_and_stays_within_its_limits() {
        let ms = Duration::from_millis;
        assert!(Pace::LOCAL.delay(ms(0)) <= ms(6));
        assert!(Pace::LOCAL.delay(ms(640)) >= ms(18));
        assert!(Pace::LOCAL.delay(ms(640)) <= ms(22));
        assert!(Pace::LOCAL.delay(ms(30_000)) <= ms(110));
        assert!(Pace::ELSEWHERE.delay(ms(30_000)) <= ms(275));
        assert!(Pace::ELSEWHERE.delay(ms(90_000)) >= ms(900));
    }
}
