//! Agents of other machines that this group talks to: whether they can be reached. Nothing here starts, stops or restarts
//! anything; a group is as healthy as its own agents are. It is there so that whoever looks sees a cut link, and from when on.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::address::Target;

/// Time between two looks: a cut link is seen within this and [`PATIENCE`], a healed one within this.
const INTERVAL: Duration = Duration::from_secs(2);
/// How long a connection may take. Packets to a cut link are lost, and nobody says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why an agent cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its host is there, and nothing listens on its port.
    #[error("nothing listens there")]
    Refused,
    /// Nobody says anything.
    #[error("no answer")]
    Silent,
    /// What the system says.
    #[error("{0}")]
    System(String),
}

/// Looks for ever; `changed` is told the first result and each that differs from the one before.
pub async fn watch(target: Target, mut changed: impl FnMut(Result<(), Unreachable>)) {
    let mut last = None;
    loop {
        let now = look(&target).await;
        if last.as_ref() != Some(&now) {
            last = Some(now.clone());
            changed(now);
        }
        sleep(INTERVAL).await;
    }
}

/// Connects and hangs up: the owner's container takes a connection only while the agent listens.
async fn look(target: &Target) -> Result<(), Unreachable> {
    let connected = timeout(PATIENCE, async { TcpStream::connect(target.resolve().await?).await }).await;
    match connected {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(Unreachable::Refused),
        Ok(Err(error)) => Err(Unreachable::System(error.to_string())),
        Err(_) => Err(Unreachable::Silent),
    }
}
