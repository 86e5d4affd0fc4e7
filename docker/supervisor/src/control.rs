//! The socket for operators and the health check, beside the TCP port: an abstract Unix socket of the container's network namespace,
//! where the kernel says which process asks.
//!
//! `podman exec` and its like put a process into the container whose parent is outside it. Whatever agents start descends from the
//! supervisor, for ever: processes that lose their parent are given to a keeper or to PID 1. So who descends from the supervisor is
//! an agent's, and is refused; nobody can hold the connections that the health check needs.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;

use crate::http::{Origin, Server};
use crate::processes;

/// Operators' connections at most.
const CONNECTIONS: usize = 32;

/// The name of the socket that belongs to a status port.
fn address(port: u16) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("agent-supervisor/{port}"))
}

/// Listens beside the status port.
pub fn listen(port: u16) -> std::io::Result<tokio::net::UnixListener> {
    let listener = UnixListener::bind_addr(&address(port)?)?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}

/// Connects to the supervisor that has this status port.
pub fn connect(port: u16) -> std::io::Result<UnixStream> {
    let stream = UnixStream::connect_addr(&address(port)?)?;
    // Whoever has the name in a network that is shared with others, but no process of this container.
    let peer = nix::sys::socket::getsockopt(&stream, nix::sys::socket::sockopt::PeerCredentials)?;
    if peer.pid() == 0 {
        return Err(std::io::Error::other("a process outside this container listens there"));
    }
    Ok(stream)
}

/// Serves in the background, for ever.
pub fn serve(listener: tokio::net::UnixListener, server: Server) {
    let open = Arc::new(AtomicUsize::new(0));
    let me = std::process::id();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(Duration::from_millis(200)).await;
                continue;
            };
            let peer = stream.peer_cred().ok().and_then(|peer| peer.pid());
            let origin = match peer.and_then(|pid| u32::try_from(pid).ok()) {
                Some(pid) if pid > 0 => origin(processes::descends(pid, me, processes::one)),
                _ => Origin::Inside,
            };
            if origin == Origin::Inside {
                // Told so at once where there is room in its buffer, and not waited for.
                let _ = stream
                    .try_write(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nonly from outside the container\n");
                continue;
            }
            if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (server, open) = (server.clone(), Arc::clone(&open));
            tokio::spawn(async move {
                server.connection(stream, origin).await;
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
}

/// Who cannot be told is refused: as a rule it is gone already.
fn origin(descends: Option<bool>) -> Origin {
    match descends {
        Some(false) => Origin::Operator,
        Some(true) | None => Origin::Inside,
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, origin};

    #[test]
    fn who_cannot_be_told_is_refused() {
        assert_eq!(origin(Some(false)), Origin::Operator);
        assert_eq!(origin(Some(true)), Origin::Inside);
        assert_eq!(origin(None), Origin::Inside);
    }
}
