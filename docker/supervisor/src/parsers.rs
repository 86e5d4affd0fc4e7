//! What reads bytes that others made, for fuzz targets: each function reads one kind of input as the supervisor does, and
//! returns what it made of it as text.

use std::pin::Pin;
use std::task::{Context, Poll};

use contract::group_config::GroupConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{client, config, http, keeper, mask, processes, warm, zmtp};

/// Method, path and query of a request to the status endpoint.
#[must_use]
pub fn request(head: &[u8]) -> Option<String> {
    http::parse(head)
}

/// Status code and body of what the status endpoint replied.
#[must_use]
pub fn reply(text: &str) -> Option<(u16, String)> {
    client::parse(text).map(|reply| (reply.code, reply.body))
}

/// A group config, and its warnings.
///
/// # Errors
/// Every error of it.
pub fn group_config(text: &str) -> Result<(GroupConfig, Vec<String>), Vec<String>> {
    config::read(text, "group.yaml").map(|loaded| (loaded.config, loaded.warnings))
}

/// What a keeper is told to start; the bytes behind the length.
#[must_use]
pub fn order(body: &[u8]) -> Option<String> {
    keeper::order::Order::decode(body).map(|order| format!("{order:?}"))
}

/// What a keeper said in one line.
#[must_use]
pub fn keeper(line: &str) -> Option<String> {
    keeper::link::read(line)
}

/// A process, as `/proc/PID/stat` shows it.
#[must_use]
pub fn process(stat: &[u8]) -> Option<String> {
    processes::read(stat)
}

/// What an agent printed, without secrets: `name` and `value` are a variable of its environment.
#[must_use]
pub fn masked(text: &str, name: &str, value: &str) -> String {
    mask::Masks::of(std::iter::once((name, value))).apply(text)
}

/// What a warm interpreter said.
#[must_use]
pub fn warm(text: &str) -> Option<String> {
    warm::parse(text)
}

/// Why there is no reply in what a peer sends.
#[derive(Debug, thiserror::Error)]
pub enum NoReply {
    /// The system refuses what reading needs.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// What was seen instead.
    #[error("{0}")]
    Zmtp(zmtp::Failure),
}

/// The reply in what a peer sends, `piece` bytes at a time, to a question over ZMTP.
///
/// # Errors
/// Why there is none.
pub fn zmtp(sent: &[u8], piece: usize) -> Result<Vec<u8>, NoReply> {
    let mut peer = Peer {
        left: sent,
        piece: piece.max(1),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime?;
    runtime.block_on(zmtp::ask(&mut peer, b"{}")).map_err(NoReply::Zmtp)
}

/// A peer that has sent all it will, and takes whatever it is told.
struct Peer<'a> {
    left: &'a [u8],
    piece: usize,
}

impl AsyncRead for Peer<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let take = self.piece.min(self.left.len()).min(into.remaining());
        let (now, later) = self.left.split_at(take);
        into.put_slice(now);
        self.left = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer<'_> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
