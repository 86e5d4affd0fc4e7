//! `explore`: asks ports of this container in every way that a health check knows, and says which one was answered as a healthy agent
//! answers. It is for those who start an agent alone to see what it does; nothing of a running stack calls it.

use std::time::Duration;

use contract::explored::{self, Explored, PATHS, REQUESTS};
use contract::health::{Check, Kind};
use contract::http_reply::Read;

use crate::address::Target;
use crate::{probe, zmtp};

/// How long each question is waited for.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Why nothing was asked, or said.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    /// The system refuses what asking needs.
    #[error("cannot start: {0}")]
    Start(#[source] std::io::Error),
    /// What was found cannot be written down.
    #[error(transparent)]
    Write(#[from] serde_json::Error),
}

/// What each port does, in the order given; one JSON document. Ports where nothing listens are left out.
pub fn run(ports: &[u16]) -> Result<String, ExploreError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ExploreError::Start)?;
    let found = runtime.block_on(async {
        let mut found = all(ports, Way::Documents).await;
        // A program may end at words that it does not expect: they come last, and only where nothing else says how it is.
        if found.iter().all(|port| port.check.kind == Kind::Tcp) {
            for more in all(ports, Way::Words).await {
                let known = found.iter_mut().find(|known| known.port == more.port);
                match (known, more.check.kind) {
                    (Some(known), Kind::Zmq) => *known = more,
                    (Some(_), _) => {}
                    (None, _) => found.push(more),
                }
            }
        }
        found
    });
    let text = serde_json::to_string(&found)?;
    Ok(text + "\n")
}

/// In which way a port is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With JSON over ZeroMQ, and over HTTP.
    Documents,
    /// With plain words over ZeroMQ.
    Words,
}

impl Way {
    fn has(self, request: &str) -> bool {
        request.starts_with('{') == (self == Self::Documents)
    }
}

/// What all ports do, those where nothing listens left out.
async fn all(ports: &[u16], way: Way) -> Vec<Explored> {
    let asked: Vec<_> = ports.iter().map(|port| tokio::spawn(port_does(*port, way))).collect();
    let mut found = Vec::new();
    for port in asked {
        found.extend(port.await.ok().flatten());
    }
    found
}

async fn port_does(port: u16, way: Way) -> Option<Explored> {
    let target = Target::loopback(port);
    let mut said = None;
    for request in REQUESTS.into_iter().filter(|request| way.has(request)) {
        let mut stream = probe::open(&target, PATIENCE).await.ok()?;
        match tokio::time::timeout(PATIENCE, zmtp::ask(&mut stream, request.as_bytes())).await {
            Ok(Ok(reply)) => match explored::words_of(&reply) {
                Some(expect) => return Some(explored::zmq(port, request, expect, &reply)),
                None => {
                    said.get_or_insert_with(|| "ZeroMQ replies that say nothing of health".to_owned());
                }
            },
            Ok(Err(zmtp::Failure::NotZeroMq(_) | zmtp::Failure::Closed(_) | zmtp::Failure::Io(_))) => break,
            Ok(Err(failure)) => return Some(explored::tcp(port, &failure.to_string())),
            // It may be one that never answers, or another protocol's server that waits for more.
            Err(_) => {
                said.get_or_insert_with(|| "it does not answer a ZeroMQ request".to_owned());
                break;
            }
        }
    }
    if way == Way::Documents
        && let Some(http) = http_does(port, &target).await
    {
        return Some(http);
    }
    let why = said.unwrap_or_else(|| {
        "it takes connections, and answers neither ZeroMQ nor HTTP as a healthy agent does".to_owned()
    });
    Some(explored::tcp(port, &why))
}

async fn http_does(port: u16, target: &Target) -> Option<Explored> {
    for path in PATHS {
        let check = Check {
            kind: Kind::Http,
            path: Some(path.to_owned()),
            ..Check::default()
        };
        let mut stream = probe::open(target, PATIENCE).await.ok()?;
        let request = check.http_request(&target.to_string());
        match tokio::time::timeout(PATIENCE, probe::get(&mut stream, &request)).await {
            Ok(Ok(Read::Whole(code, body))) if (200..300).contains(&code) => {
                return Some(explored::http(port, path, code, &body));
            }
            Ok(Ok(Read::Whole(..))) => {}
            _ => return None,
        }
    }
    None
}
