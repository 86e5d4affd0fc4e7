//! The status endpoint: just enough HTTP/1.1, one request per connection, with hard limits. Each connection is a task that only asks
//! the supervising loop for a copy of its state.
//!
//! There are two ways in. The TCP port tells whoever reaches it, and changes nothing. The socket of `control` is for processes that
//! came into the container from outside, as the health check does: it has connections of its own, and may restart, stop and start
//! agents.
//! `request` reads what is asked, `room` says who may be connected.

mod request;
mod room;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contract::order::Order;
use contract::status::{AgentStanding, AgentState, Failure, GroupState, GroupStatus};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::message::Message;
use crate::metrics;
use request::{LONGEST, Request};
use room::Room;

const HEAD_TIME: Duration = Duration::from_secs(5);
const WRITE_TIME: Duration = Duration::from_secs(10);
/// Long polls at most, and of one address: they are held for long, and the rest of the room is for others.
const POLLS: usize = 48;
const POLLS_OF_ONE: usize = 24;
const LONGEST_POLL: u64 = 60_000;

type Sender = mpsc::UnboundedSender<Message>;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody at that address.
    Network(IpAddr),
    /// A process of this container that did not come from its agents: an operator's, or the health check.
    Operator,
    /// A process of this container that descends from the supervisor: an agent's.
    Inside,
}

/// What answers.
#[derive(Clone)]
pub struct Server {
    sender: Sender,
    version: watch::Receiver<u64>,
    polls: Arc<AtomicUsize>,
    polls_of: Arc<Mutex<HashMap<Option<IpAddr>, usize>>>,
}

/// Counts down when dropped, however a connection ends.
struct Poll {
    server: Server,
    from: Option<IpAddr>,
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.server.polls.fetch_sub(1, Ordering::Relaxed);
        let mut of = self.server.polls_of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = of.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                of.remove(&self.from);
            }
        }
    }
}

impl Server {
    /// Answers with what the loop behind `sender` says.
    #[must_use]
    pub fn new(sender: Sender, version: &watch::Sender<u64>) -> Self {
        Self {
            sender,
            version: version.subscribe(),
            polls: Arc::default(),
            polls_of: Arc::default(),
        }
    }

    /// Serves a port in the background, for ever.
    pub fn serve(self, listener: TcpListener) {
        tokio::spawn(async move {
            let mut room = Room::default();
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => {
                        let from = peer.ip();
                        room.make_room(from);
                        let answered = self.clone().connection(stream, Origin::Network(from));
                        room.enter(from, tokio::spawn(answered).abort_handle());
                    }
                    Err(_) => sleep(Duration::from_millis(200)).await,
                }
            }
        });
    }

    /// Reads one request, and answers it.
    pub async fn connection(self, mut stream: impl AsyncRead + AsyncWrite + Unpin, origin: Origin) {
        let response = match timeout(HEAD_TIME, read_head(&mut stream)).await {
            Ok(Ok(head)) => match Request::parse(&head) {
                Some(request) => self.answer(&request, origin).await,
                None => Response::text("400 Bad Request", "not HTTP/1.1\n"),
            },
            Ok(Err(response)) => response,
            Err(_) => Response::text("408 Request Timeout", "no request within 5 s\n"),
        };
        let text = response.write();
        let _ = timeout(WRITE_TIME, async {
            stream.write_all(text.as_bytes()).await?;
            stream.shutdown().await
        })
        .await;
    }

    /// A long poll's place; none where all are taken.
    fn poll(&self, origin: Origin) -> Option<Poll> {
        let from = match origin {
            Origin::Network(from) => Some(from),
            Origin::Operator | Origin::Inside => None,
        };
        let mut of = self.polls_of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of.entry(from).or_insert(0);
        if *count >= POLLS_OF_ONE || self.polls.load(Ordering::Relaxed) >= POLLS {
            return None;
        }
        *count += 1;
        self.polls.fetch_add(1, Ordering::Relaxed);
        Some(Poll {
            server: self.clone(),
            from,
        })
    }

    async fn answer(self, request: &Request, origin: Origin) -> Response {
        if origin == Origin::Inside {
            return Response::text("403 Forbidden", "only for processes from outside the container\n");
        }
        match (request.method.as_str(), request.order()) {
            ("POST", Some(_)) if origin != Origin::Operator => Response::text(
                "403 Forbidden",
                "only by `agent-supervisor restart NAME`, `stop NAME` or `start NAME`, run in the container from outside (`podman exec`)\n",
            ),
            ("POST", Some((order, agent))) => self.obey(order, agent).await,
            ("GET", None) => self.get(request, origin).await,
            _ => Response::text("405 Method Not Allowed", "wrong method for this path\n"),
        }
    }

    async fn get(mut self, request: &Request, origin: Origin) -> Response {
        let known = matches!(request.path.as_str(), "/status" | "/healthz" | "/readyz" | "/metrics");
        if !known && request.agent().is_none() {
            return Response::text("404 Not Found", "/status /healthz /readyz /metrics /agents/NAME\n");
        }
        if let (Some(known), "/status") = (request.number("wait_change"), request.path.as_str()) {
            let wait = request.number("timeout_ms").unwrap_or(30_000);
            self.wait_change(known, wait.min(LONGEST_POLL), origin).await;
        }
        let (sender, receiver) = oneshot::channel();
        let _ = self.sender.send(Message::Status(sender));
        let Ok((version, status)) = receiver.await else {
            return Response::text("503 Service Unavailable", "the supervisor is leaving\n");
        };
        if let Some(name) = request.agent() {
            return standing(&status, name);
        }
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

    /// Waits until the version is another than `known`.
    async fn wait_change(&mut self, known: u64, wait_ms: u64, origin: Origin) {
        let Some(_poll) = self.poll(origin) else {
            return;
        };
        let end = Instant::now() + Duration::from_millis(wait_ms);
        while *self.version.borrow_and_update() == known {
            if !matches!(timeout_at(end, self.version.changed()).await, Ok(Ok(()))) {
                return;
            }
        }
    }

    async fn obey(&self, order: Order, agent: &str) -> Response {
        let (sender, receiver) = oneshot::channel();
        let message = Message::Order(order, agent.to_owned(), sender);
        let _ = self.sender.send(message);
        match receiver.await {
            Ok(Ok(done)) => Response::text("202 Accepted", format!("{done}\n")),
            Ok(Err(reason)) => Response::text("404 Not Found", format!("{reason}\n")),
            Err(_) => Response::text("503 Service Unavailable", "the supervisor is leaving\n"),
        }
    }
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

    fn write(self) -> String {
        let version = self
            .version
            .map(|version| format!("X-Status-Version: {version}\r\n"))
            .unwrap_or_default();
        format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{version}Cache-Control: no-store\r\nConnection: close\r\n\r\n{}",
            self.status,
            self.kind,
            self.body.len(),
            self.body
        )
    }
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, Response> {
    let mut head = Vec::with_capacity(512);
    loop {
        if head.len() >= LONGEST {
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

/// What is said of one agent to those who wait for it.
fn standing(status: &GroupStatus, name: &str) -> Response {
    let Some(agent) = status.agents.iter().find(|agent| agent.name == name) else {
        return Response::text("404 Not Found", "no such agent in this group\n");
    };
    let standing = AgentStanding {
        name: agent.name.clone(),
        state: agent.state,
        failure: agent.failure,
    };
    Response {
        status: "200 OK",
        kind: "application/json",
        version: None,
        body: serde_json::to_string(&standing).unwrap_or_default(),
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
    let mut reasons = not(status, AgentState::is_good);
    if status.state == GroupState::Stopping {
        reasons.insert(0, "the supervisor is stopping".to_owned());
    }
    if status.state == GroupState::Unhealthy && reasons.is_empty() {
        let failed = status.checks.iter().filter(|check| !check.ok);
        reasons.extend(failed.map(|check| format!("{}: {}", check.name, check.detail)));
    }
    reasons
}

/// Which required agents do not answer, although nobody stopped them.
fn unready(status: &GroupStatus) -> Vec<String> {
    not(status, AgentState::is_up)
}

fn not(status: &GroupStatus, is_good: fn(AgentState) -> bool) -> Vec<String> {
    status
        .agents
        .iter()
        .filter(|agent| agent.required && !is_good(agent.state) && agent.failure != Some(Failure::Stopped))
        .map(|agent| {
            let state = agent.state.name();
            let reason = agent.reason.as_ref().map(|reason| format!(": {reason}"));
            format!("{} is {state}{}", agent.name, reason.unwrap_or_default())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::sync::{mpsc, watch};

    use super::{Origin, POLLS, POLLS_OF_ONE, Request, Server};

    #[test]
    fn only_an_operator_may_restart() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let server = Server::new(sender, &watch::channel(0).0);
        let request = Request::parse(b"POST /agents/A/restart HTTP/1.1\r\n\r\n").unwrap();
        for origin in [
            Origin::Network(Ipv4Addr::new(172, 20, 0, 9).into()),
            Origin::Network(Ipv4Addr::LOCALHOST.into()),
            Origin::Inside,
        ] {
            let response = runtime.block_on(server.clone().answer(&request, origin));
            assert!(response.status.starts_with("403"), "{origin:?}");
            assert!(receiver.try_recv().is_err());
        }
        let question = server.clone();
        let asking = async {
            let answer = question.answer(&request, Origin::Operator);
            tokio::time::timeout(std::time::Duration::ZERO, answer).await.is_err()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        assert!(runtime.block_on(asking));
        assert!(receiver.try_recv().is_ok());
    }

    #[test]
    fn long_polls_of_one_address_leave_some_to_others() {
        let server = Server::new(mpsc::unbounded_channel().0, &watch::channel(0).0);
        let address = |last| Origin::Network(IpAddr::from(Ipv4Addr::new(10, 0, 0, last)));
        let mine: Vec<_> = (0..POLLS).map_while(|_| server.poll(address(1))).collect();
        assert_eq!(mine.len(), POLLS_OF_ONE);
        assert!(server.poll(address(2)).is_some());
        drop(mine);
        assert!(server.poll(address(1)).is_some());
    }
}
