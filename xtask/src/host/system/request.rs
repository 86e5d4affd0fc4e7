//! One request to an agent: a ZeroMQ REQ message out, a REP message in, with a deadline.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use zeromq::{ReqSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};

use super::addresses;
use super::network::{Endpoint, Network};

/// Why there is no reply to be had.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody listens there.
    #[error("{to} refuses connections: nothing listens on that port")]
    Refused {
        /// Where.
        to: SocketAddr,
    },
    /// The network does not lead there.
    #[error("cannot reach {to}: {source}")]
    Unreachable {
        /// Where.
        to: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Nothing came in time.
    #[error("no answer of {to} within {:.1} s", .limit.as_secs_f64())]
    NoAnswer {
        /// Where.
        to: SocketAddr,
        /// The time that there was.
        limit: Duration,
    },
    /// It is no ZeroMQ REP socket, or it hung up.
    #[error("{to} does not speak as a ZeroMQ REP socket: {reason}")]
    Broken {
        /// Where.
        to: SocketAddr,
        /// What happened.
        reason: String,
    },
    /// The reply is something else.
    #[error("{to} answered what is not JSON: {text:?}")]
    NotJson {
        /// Where.
        to: SocketAddr,
        /// The start of it.
        text: String,
    },
}

/// Sends requests, any number at a time, from any thread and into any network.
#[derive(Debug)]
pub struct Requester {
    runtime: Runtime,
    /// Of other networks, each made when it is first needed: a thread is in one network for good.
    others: Mutex<BTreeMap<Network, Arc<Runtime>>>,
}

/// A small runtime whose threads are in that network.
fn runtime(network: &Network) -> std::io::Result<Runtime> {
    // What cannot be entered is said here; a thread that could not enter must not connect from where it is.
    network.run(|| ())?;
    let network = network.clone();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("requests")
        .on_thread_start(move || {
            if network.enter().is_err() {
                OUTSIDE.set(true);
            }
        })
        .enable_all()
        .build()
}

thread_local! {
    /// Whether this thread failed to enter the network of its runtime.
    static OUTSIDE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

impl Requester {
    /// A requester with its own small runtime.
    ///
    /// # Errors
    /// When its threads cannot be made.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self {
            runtime: runtime(&Network::Here)?,
            others: Mutex::default(),
        })
    }

    fn other(&self, network: &Network) -> std::io::Result<Arc<Runtime>> {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = others.get(network) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(runtime(network)?);
        others.insert(network.clone(), Arc::clone(&made));
        Ok(made)
    }

    /// Sends a JSON document and returns the JSON of the reply.
    ///
    /// # Errors
    /// When there is no reply in time, or it is not JSON.
    pub fn request(&self, to: impl Into<Endpoint>, request: &Value, limit: Duration) -> Result<Value, RequestError> {
        let endpoint = to.into();
        let to = endpoint.address;
        let reply = self.send(endpoint, request.to_string().as_bytes(), limit)?;
        serde_json::from_slice(&reply).map_err(|_| RequestError::NotJson {
            to,
            text: String::from_utf8_lossy(&reply).chars().take(200).collect(),
        })
    }

    /// Sends bytes and returns those of the reply.
    ///
    /// # Errors
    /// When there is no reply in time.
    pub fn send(&self, to: impl Into<Endpoint>, payload: &[u8], limit: Duration) -> Result<Vec<u8>, RequestError> {
        let Endpoint { address: to, network } = to.into();
        let exchange = exchange(to, payload.to_vec(), limit);
        match network {
            Network::Here => self.runtime.block_on(exchange),
            other => self
                .other(&other)
                .map_err(|source| RequestError::Unreachable { to, source })?
                .block_on(exchange),
        }
    }

    /// Sends all at once and returns the replies in the same order.
    pub fn send_all(
        &self,
        requests: Vec<(SocketAddr, Vec<u8>)>,
        limit: Duration,
    ) -> Vec<Result<Vec<u8>, RequestError>> {
        self.runtime.block_on(async {
            let tasks: Vec<_> = requests
                .into_iter()
                .map(|(to, payload)| (to, tokio::spawn(exchange(to, payload, limit))))
                .collect();
            let mut replies = Vec::with_capacity(tasks.len());
            for (to, task) in tasks {
                replies.push(task.await.unwrap_or_else(|error| {
                    Err(RequestError::Broken {
                        to,
                        reason: error.to_string(),
                    })
                }));
            }
            replies
        })
    }
}

async fn exchange(to: SocketAddr, payload: Vec<u8>, limit: Duration) -> Result<Vec<u8>, RequestError> {
    // In a task of its own: the ZeroMQ library panics on peers that break the protocol.
    let task = tokio::spawn(tokio::time::timeout(limit, attempt(to, payload)));
    match task.await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(RequestError::NoAnswer { to, limit }),
        Err(_) => Err(RequestError::Broken {
            to,
            reason: "the reply is malformed".to_owned(),
        }),
    }
}

async fn attempt(to: SocketAddr, payload: Vec<u8>) -> Result<Vec<u8>, RequestError> {
    if OUTSIDE.get() {
        let source = std::io::Error::other("its network cannot be entered");
        return Err(RequestError::Unreachable { to, source });
    }
    addresses::require_on_link(to).map_err(|source| RequestError::Unreachable { to, source })?;
    // The library goes on trying where nobody listens; a plain connection says so at once.
    TcpStream::connect(to).await.map_err(|source| match source.kind() {
        ErrorKind::ConnectionRefused => RequestError::Refused { to },
        _ => RequestError::Unreachable { to, source },
    })?;
    let broken = |error: zeromq::ZmqError| RequestError::Broken {
        to,
        reason: error.to_string(),
    };
    let mut socket = ReqSocket::new();
    socket.connect(&format!("tcp://{to}")).await.map_err(broken)?;
    socket.send(ZmqMessage::from(payload)).await.map_err(broken)?;
    let reply = socket.recv().await.map_err(broken)?;
    Ok(reply.into_vec().concat())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use serde_json::json;
    use zeromq::{RepSocket, Socket as _, SocketRecv as _, SocketSend as _, ZmqMessage};

    use super::{RequestError, Requester};

    const LIMIT: Duration = Duration::from_secs(5);

    /// A REP socket that answers each request with what the function makes of it; silence where it makes nothing.
    pub fn server(requester: &Requester, answer: fn(&str) -> Option<String>) -> SocketAddr {
        let (sender, receiver) = std::sync::mpsc::channel();
        requester.runtime.spawn(async move {
            let mut socket = RepSocket::new();
            let endpoint = socket.bind("tcp://127.0.0.1:0").await.unwrap();
            sender.send(endpoint.to_string()).unwrap();
            while let Ok(message) = socket.recv().await {
                let text = String::from_utf8(message.into_vec().concat()).unwrap();
                match answer(&text) {
                    Some(reply) => socket.send(ZmqMessage::from(reply)).await.unwrap(),
                    None => std::future::pending().await,
                }
            }
        });
        receiver.recv().unwrap().trim_start_matches("tcp://").parse().unwrap()
    }

    #[test]
    fn a_request_comes_back_with_its_reply() {
        let requester = Requester::new().unwrap();
        let to = server(&requester, |text| Some(format!("{{\"echo\":{text}}}")));
        let reply = requester.request(to, &json!({"a": 1}), LIMIT).unwrap();
        assert_eq!(reply, json!({"echo": {"a": 1}}));
    }

    #[test]
    fn many_requests_run_at_once() {
        let requester = Requester::new().unwrap();
        // One server each, as agents are: the library's own loses one now and then of many that come to it at once, a real one none.
        let request = |n: u32| {
            let to = server(&requester, |text| Some(text.to_owned()));
            (to, n.to_string().into_bytes())
        };
        let requests = (0..40).map(request).collect();
        let replies: Vec<String> = requester
            .send_all(requests, LIMIT)
            .into_iter()
            .map(|reply| String::from_utf8(reply.unwrap()).unwrap())
            .collect();
        assert_eq!(replies, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn each_way_to_fail_has_its_own_error() {
        let requester = Requester::new().unwrap();
        let silent = server(&requester, |_| None);
        let error = requester
            .request(silent, &json!({}), Duration::from_millis(200))
            .unwrap_err();
        assert!(matches!(error, RequestError::NoAnswer { .. }), "{error}");
        assert!(error.to_string().ends_with("within 0.2 s"), "{error}");

        let rubbish = server(&requester, |_| Some("<html>".to_owned()));
        let error = requester.request(rubbish, &json!({}), LIMIT).unwrap_err();
        assert!(matches!(error, RequestError::NotJson { .. }), "{error}");

        let free = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = requester.request(free, &json!({}), LIMIT).unwrap_err();
        assert!(matches!(error, RequestError::Refused { .. }), "{error}");
    }

    #[test]
    fn a_peer_that_is_no_zeromq_socket_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || {
            for stream in listener.incoming().take(2) {
                use std::io::Write as _;
                let _ = stream.unwrap().write_all(&[b'x'; 200]);
            }
        });
        let error = Requester::new().unwrap().request(to, &json!({}), LIMIT).unwrap_err();
        assert!(matches!(error, RequestError::Broken { .. }), "{error}");
        peer.join().unwrap();
    }
}
