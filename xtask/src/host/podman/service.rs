//! Podman's service: its REST API, spoken to over a socket that only we have.
//!
//! Every `podman` on a command line takes 20 ms of CPU before it begins, and a boot runs fifty of them; the service starts once.
//! It lives as long as this is held. Where this program is killed, its connections close, and the service ends by itself.

use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::host::system::process::{self, ProcessError, Program, Served};

/// The oldest API that is spoken: Podman 4 and 5 have it.
const API: &str = "/v4.0.0/libpod";

/// Requests at a time. All connections are made at the start, so that the socket needs no name any more.
const CONNECTIONS: usize = 8;

/// Seconds without a connection after which the service ends by itself.
const IDLE_SECONDS: &str = "5";

/// How long it may take to answer for the first time.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How often an interrupt is looked for while an answer is waited for.
const GLANCE: Duration = Duration::from_millis(50);

/// It lives for seconds, and so do the programs that it starts: their garbage is left to the end.
const GARBAGE: &str = "800";

/// Why the service did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] ProcessError),
    /// There is no socket to be had.
    #[error("cannot make a socket for Podman's service: {0}")]
    Socket(std::io::Error),
    /// It hung up.
    #[error("Podman's service ended while it was asked for {request}: {reason}{said}")]
    Ended {
        /// Method and path.
        request: String,
        /// What went wrong with the connection.
        reason: String,
        /// What it printed.
        said: String,
    },
    /// No answer came in time.
    #[error("Podman's service did not answer {request} within {} s", .limit.as_secs())]
    NoAnswer {
        /// Method and path.
        request: String,
        /// The time that there was.
        limit: Duration,
    },
    /// It refused.
    #[error("Podman refused {request}: {message}")]
    Refused {
        /// Method and path.
        request: String,
        /// Podman's own words.
        message: String,
    },
    /// It answered what is not the expected JSON.
    #[error("Podman answered {request} with what is not the expected JSON: {source}")]
    Answer {
        /// Method and path.
        request: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

type Connection = SendRequest<Full<Bytes>>;

/// A service that runs.
#[derive(Debug)]
pub struct Service {
    /// Those that nobody uses at the moment.
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    runtime: Runtime,
    process: Served,
}

/// What the API says where it refuses.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Service {
    /// Starts the service of this Podman, and waits until it answers.
    ///
    /// # Errors
    /// When it cannot be started, or does not answer.
    pub fn start(podman: Program) -> Result<Self, ServiceError> {
        let (listener, streams) = socket().map_err(ServiceError::Socket)?;
        let process = podman
            .args(["system", "service", &format!("--time={IDLE_SECONDS}")])
            .env("GOGC", GARBAGE)
            .serve(listener)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(ServiceError::Socket)?;
        let idle = runtime
            .block_on(async {
                let mut idle = Vec::new();
                for stream in streams {
                    stream.set_nonblocking(true)?;
                    let stream = tokio::net::UnixStream::from_std(stream)?;
                    let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
                    // What goes wrong with it, the next request on it says.
                    tokio::spawn(async { connection.await.ok() });
                    idle.push(sender);
                }
                Ok(idle)
            })
            .map_err(ServiceError::Socket)?;
        let service = Self {
            idle: Mutex::new(idle),
            returned: Condvar::new(),
            runtime,
            process,
        };
        service.ask(Method::GET, "/_ping", None, START_LIMIT)?;
        Ok(service)
    }

    /// A list that it has.
    ///
    /// # Errors
    /// When it cannot be asked, refuses, or answers something else.
    pub fn list<T: serde::de::DeserializeOwned>(&self, path: &str, limit: Duration) -> Result<Vec<T>, ServiceError> {
        let text = self.ask(Method::GET, path, None, limit)?;
        // Some lists are `null` where they are empty.
        serde_json::from_slice::<Option<Vec<T>>>(&text)
            .map(Option::unwrap_or_default)
            .map_err(|source| ServiceError::Answer {
                request: format!("GET {path}"),
                source,
            })
    }

    /// Makes it do something.
    ///
    /// # Errors
    /// When it cannot be asked, or refuses.
    pub fn post(&self, path: &str, body: Option<&Value>, limit: Duration) -> Result<(), ServiceError> {
        self.ask(Method::POST, path, body, limit).map(drop)
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>, limit: Duration) -> Result<Bytes, ServiceError> {
        let described = format!("{method} {path}");
        let ended = |reason: &dyn std::fmt::Display| ServiceError::Ended {
            request: described.clone(),
            reason: reason.to_string(),
            said: self.process.said(),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{API}{path}"))
            .header("Host", "podman")
            .header("Content-Type", "application/json")
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|error| ended(&error))?;
        let mut connection = self.take();
        // What makes something comes to its end, as its command would; who only looks can stop.
        let may_stop = request.method() == Method::GET;
        let answered = self.runtime.block_on(async {
            let exchange = async {
                connection.ready().await?;
                let response = connection.send_request(request).await?;
                let status = response.status();
                let body = response.into_body().collect().await?.to_bytes();
                Ok::<_, hyper::Error>((status, body))
            };
            tokio::select! {
                answered = tokio::time::timeout(limit, exchange) => Some(answered),
                () = told_to_stop(), if may_stop => None,
            }
        });
        // One that is broken is given back all the same: who takes it is told so, and nobody waits for ever.
        self.give_back(connection);
        let answered = answered.ok_or_else(|| ProcessError::Interrupted {
            command: format!("podman system service, {described}"),
        })?;
        let (status, body) = answered
            .map_err(|_| ServiceError::NoAnswer {
                request: described.clone(),
                limit,
            })?
            .map_err(|error| ended(&error))?;
        if status.is_success() || status == hyper::StatusCode::NOT_MODIFIED {
            return Ok(body);
        }
        let message = serde_json::from_slice(&body)
            .map(|refusal: Refusal| refusal.message)
            .unwrap_or_else(|_| format!("{status}: {}", String::from_utf8_lossy(&body)));
        Err(ServiceError::Refused {
            request: described,
            message,
        })
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return connection;
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
        self.returned.notify_one();
    }
}

/// Ends when this program is told to stop.
async fn told_to_stop() {
    while !process::interrupted() {
        tokio::time::sleep(GLANCE).await;
    }
}

/// A listening socket, and connections to it. Its name is gone when this returns: nobody else can connect.
fn socket() -> std::io::Result<(UnixListener, Vec<UnixStream>)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("podman.sock");
    let listener = UnixListener::bind(&path)?;
    let streams = (0..CONNECTIONS)
        .map(|_| UnixStream::connect(&path))
        .collect::<std::io::Result<_>>()?;
    Ok((listener, streams))
}
