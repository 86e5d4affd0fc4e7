//! Loopback bridges: `127.0.0.1:<port>` here is forwarded to the same port of the agent's owner, for source that connects
//! to `localhost`. Nothing is allocated for a bridge until somebody connects; when the owner cannot be reached the
//! connection is closed at once, and ZeroMQ clients try again by themselves.

use std::net::Ipv4Addr;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{KeepAlive, TcpKeepIdle, TcpKeepInterval, TcpUserTimeout};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::address::{HostError, Target};

const CONNECT: Duration = Duration::from_secs(2);
const BUFFER: usize = 8 * 1024;
/// How long what was sent may go unacknowledged, in milliseconds.
const LOST_MS: u32 = 5_000;
/// How often the far side of a quiet connection is asked whether it is there, in seconds.
const KEEP_ALIVE_S: u32 = 15;

/// Why a port is not forwarded.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    /// It cannot be said where to.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It cannot be listened on.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
}

/// Listens on one port of the loopback and forwards it, for ever.
pub async fn open(port: u16, target: Target) -> Result<(), BridgeError> {
    open_at(Ipv4Addr::LOCALHOST, port, target).await
}

/// The same at another address of this container.
pub async fn open_at(address: Ipv4Addr, port: u16, target: Target) -> Result<(), BridgeError> {
    let listener = TcpListener::bind((address, port)).await?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((near, _)) => {
                    let target = target.clone();
                    tokio::spawn(forward(near, target));
                }
                // Out of file descriptors, as a rule: it passes, and must not burn the CPU until then.
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    });
    Ok(())
}

async fn forward(mut near: TcpStream, target: Target) {
    let Ok(Ok(address)) = timeout(CONNECT, target.resolve()).await else {
        return;
    };
    let Ok(Ok(mut far)) = timeout(CONNECT, TcpStream::connect(address)).await else {
        return;
    };
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    // Where the network is cut nobody hangs up: what waits on the near side learns it from us, and connects anew.
    let _ = setsockopt(&far, TcpUserTimeout, &LOST_MS);
    let _ = setsockopt(&far, KeepAlive, &true);
    let _ = setsockopt(&far, TcpKeepIdle, &KEEP_ALIVE_S);
    let _ = setsockopt(&far, TcpKeepInterval, &KEEP_ALIVE_S);
    // An error here is one side's reset; dropping both ends tells the other.
    let _ = copy_bidirectional_with_sizes(&mut near, &mut far, BUFFER, BUFFER).await;
}
