//! The status endpoint: just enough HTTP/1.1 for `GET` and one `POST`, one request per connection, with hard limits. Each
//! connection is a task that only asks the supervising loop for a copy of its state.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use contract::status::{AgentState, GroupState, GroupStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::message::Message;
use crate::metrics;

const HEAD: usize = 8 * 1024;
const HEAD_TIME: Duration = Duration::from_secs(5);
const WRITE_TIME: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 32;
/// Long polls at most; the rest is kept for health checks.
const POLLS: usize = 24;
const LONGEST_POLL: u64 = 60_000;

type Sender = mpsc::UnboundedSender<Message>;

#[derive(Clone)]
struct Server {
    sender: Sender,
    version: watch::Receiver<u64>,
    open: Arc<AtomicUsize>,
    polls: Arc<AtomicUsize>,
}

/// Counts down when dropped, however a connection ends.
struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(counter: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        if counter.fetch_add(1, Ordering::Relaxed) < limit {
            return Some(Self(Arc::clone(counter)));
        }
        counter.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves in the background, for ever.
pub fn serve(listener: TcpListener, sender: Sender, version: &watch::Sender<u64>) {
    let server = Server {
        sender,
        version: version.subscribe(),
        open: Arc::default(),
        polls: Arc::default(),
    };
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Above the limit the connection is just closed.
                    if let Some(slot) = Slot::take(&server.open, CONNECTIONS) {
                        let server = server.clone();
                        tokio::spawn(async move {
                            connection(stream, peer, server).await;
                            drop(slot);
                        });
                    }
                }
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    });
}

struct Response {
    status: &'static str,
    kind: &'static str,
    version: Option<u64>,
    body: String,
}

impl Response {
    fn text(status: &'static str, body: impl Into<String>) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            version: None,
            body: body.into(),
        }
    }
}

async fn connection(mut stream: TcpStream, peer: SocketAddr, server: Server) {
    let response = match timeout(HEAD_TIME, read_head(&mut stream)).await {
        Ok(Ok(head)) => match Request::parse(&head) {
            Some(request) => answer(&request, peer, server).await,
            None => Response::text("400 Bad Request", "not HTTP/1.1\n"),
        },
        Ok(Err(response)) => response,
        Err(_) => Response::text("408 Request Timeout", "no request within 5 s\n"),
    };
    let version = response
        .version
        .map(|version| format!("X-Status-Version: {version}\r\n"))
        .unwrap_or_default();
    let text = format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{version}Cache-Control: no-store\r\nConnection: close\r\n\r\n{}",
        response.status,
        response.kind,
        response.body.len(),
        response.body
    );
    let _ = timeout(WRITE_TIME, async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await
    })
    .await;
}

async fn read_head(stream: &mut TcpStream) -> Result<Vec<u8>, Response> {
    let mut head = Vec::with_capacity(512);
    loop {
        if head.len() >= HEAD {
            return Err(Response::text(
                "431 Request Header Fields Too Large",
                "head longer than 8 KiB\n",
            ));
        }
        match stream.read_buf(&mut head).await {
            Ok(read) if read > 0 => {}
            _ => return Err(Response::text("400 Bad Request", "incomplete request\n")),
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            return Ok(head);
        }
    }
}

/// Reads a request; what it made of it, as text.
pub fn parse(head: &[u8]) -> Option<String> {
    Request::parse(head).map(|request| format!("{request:?}"))
}

/// The first line of a request; headers say nothing that is needed here.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: String,
    path: String,
    query: Vec<(String, String)>,
}

impl Request {
    fn parse(head: &[u8]) -> Option<Self> {
        let line = head.split(|&byte| byte == b'\r').next()?;
        let line = std::str::from_utf8(line).ok()?;
        let mut words = line.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query,
        })
    }

    fn number(&self, key: &str) -> Option<u64> {
        let found = self.query.iter().find(|(name, _)| name == key);
        found.and_then(|(_, value)| value.parse().ok())
    }
}

async fn answer(request: &Request, peer: SocketAddr, server: Server) -> Response {
    let restart = request
        .path
        .strip_prefix("/agents/")
        .and_then(|rest| rest.strip_suffix("/restart"));
    match (request.method.as_str(), request.path.as_str(), restart) {
        ("POST", _, Some(agent)) => restart_agent(agent, peer, &server).await,
        ("GET", _, None) => get(request, server).await,
        _ => Response::text("405 Method Not Allowed", "wrong method for this path\n"),
    }
}

async fn get(request: &Request, mut server: Server) -> Response {
    if !matches!(request.path.as_str(), "/status" | "/healthz" | "/readyz" | "/metrics") {
        return Response::text("404 Not Found", "/status /healthz /readyz /metrics\n");
    }
    if let (Some(known), "/status") = (request.number("wait_change"), request.path.as_str()) {
        let wait = request.number("timeout_ms").unwrap_or(30_000);
        server.wait_change(known, wait.min(LONGEST_POLL)).await;
    }
    let (sender, receiver) = oneshot::channel();
    let _ = server.sender.send(Message::Status(sender));
    let Ok((version, status)) = receiver.await else {
        return Response::text("503 Service Unavailable", "the supervisor is leaving\n");
    };
    match request.path.as_str() {
        "/status" => Response {
            status: "200 OK",
            kind: "application/json",
            version: Some(version),
            body: serde_json::to_string(&status).unwrap_or_default(),
        },
        "/healthz" => verdict(unhealthy(&status)),
        "/readyz" => verdict(unready(&status)),
        _ if !metrics::enabled() => Response::text("404 Not Found", "set ENABLE_METRICS=true to have metrics\n"),
        _ => Response {
            status: "200 OK",
            kind: "text/plain; version=0.0.4; charset=utf-8",
            version: None,
            body: metrics::render(&status),
        },
    }
}

impl Server {
    /// Waits until the version is another than `known`.
    async fn wait_change(&mut self, known: u64, wait_ms: u64) {
        let Some(_slot) = Slot::take(&self.polls, POLLS) else {
            return;
        };
        let end = Instant::now() + Duration::from_millis(wait_ms);
        while *self.version.borrow_and_update() == known {
            if !matches!(timeout_at(end, self.version.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

async fn restart_agent(agent: &str, peer: SocketAddr, server: &Server) -> Response {
    if !peer.ip().is_loopback() {
        return Response::text("403 Forbidden", "only from inside the container\n");
    }
    let (sender, receiver) = oneshot::channel();
    let message = Message::Restart(agent.to_owned(), sender);
    let _ = server.sender.send(message);
    match receiver.await {
        Ok(Ok(())) => Response::text("202 Accepted", format!("restarting {agent}\n")),
        Ok(Err(reason)) => Response::text("404 Not Found", format!("{reason}\n")),
        Err(_) => Response::text("503 Service Unavailable", "the supervisor is leaving\n"),
    }
}

fn verdict(reasons: Vec<String>) -> Response {
    if reasons.is_empty() {
        Response::text("200 OK", "ok\n")
    } else {
        Response::text("503 Service Unavailable", reasons.join("\n") + "\n")
    }
}

/// Why the group is not healthy, one line each; empty when it is, or is only degraded.
fn unhealthy(status: &GroupStatus) -> Vec<String> {
    if matches!(status.state, GroupState::Healthy | GroupState::Degraded) {
        return Vec::new();
    }
    let mut reasons = not_in(status, &[AgentState::Healthy]);
    if status.state == GroupState::Stopping {
        reasons.insert(0, "the supervisor is stopping".to_owned());
    }
    if status.state == GroupState::Unhealthy && reasons.is_empty() {
        let failed = status.checks.iter().filter(|check| !check.ok);
        reasons.extend(failed.map(|check| format!("{}: {}", check.name, check.detail)));
    }
    reasons
}

/// Which required agents do not answer.
fn unready(status: &GroupStatus) -> Vec<String> {
    not_in(status, &[AgentState::Answering, AgentState::Healthy])
}

fn not_in(status: &GroupStatus, good: &[AgentState]) -> Vec<String> {
    status
        .agents
        .iter()
        .filter(|agent| agent.required && !good.contains(&agent.state))
        .map(|agent| {
            let state = agent.state.name();
            let reason = agent.reason.as_ref().map(|reason| format!(": {reason}"));
            format!("{} is {state}{}", agent.name, reason.unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::sync::{mpsc, watch};

    use super::{Request, Server, restart_agent};

    #[test]
    fn only_loopback_may_restart() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let server = Server {
            sender,
            version: watch::channel(0).1,
            open: Default::default(),
            polls: Default::default(),
        };
        let peer = SocketAddr::from(([172, 20, 0, 9], 4000));
        let response = runtime.block_on(restart_agent("A", peer, &server));
        assert!(response.status.starts_with("403"));
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn reads_a_request_line() {
        let request = Request::parse(b"GET /status?wait_change=7&timeout_ms=x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/status"));
        assert_eq!(request.number("wait_change"), Some(7));
        assert_eq!(request.number("timeout_ms"), None);
    }

    #[test]
    fn refuses_what_is_no_request() {
        for bad in [
            &b"\xff\0\0"[..],
            b"",
            b"GET / HTTP/2\r\n",
            b"GET status HTTP/1.1\r\n",
            b"GET / a HTTP/1.1\r\n",
        ] {
            assert_eq!(Request::parse(bad), None);
        }
    }
}
