//! A ZMTP 3.0 client that does one thing: ask one question on a fresh connection, as a REQ socket with the NULL
//! mechanism, and read one reply. Written here because that is all the supervisor needs: no reconnecting, no queues,
//! no background task, and hard limits on what a peer may send.
//!
//! Any stream will do, so the tests need no network.

use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// All bytes that a peer may send after the greeting.
pub const MAX_BYTES: usize = 64 * 1024;

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;
const GREETING: usize = 64;

/// Why there is no reply.
#[derive(Debug)]
pub enum Failure {
    /// The connection broke.
    Io(io::Error),
    /// The peer closed the connection, with what it was expected to send.
    Closed(&'static str),
    /// The peer does not speak ZeroMQ; the text shows what it sent.
    NotZeroMq(String),
    /// The peer speaks it, but not as a REP socket would.
    Protocol(String),
    /// The peer sends more than [`MAX_BYTES`].
    TooLong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "connection broke: {error}"),
            Self::Closed(expected) => write!(f, "peer closed the connection before {expected}"),
            Self::NotZeroMq(seen) => write!(f, "not a ZeroMQ socket: it sent `{seen}`"),
            Self::Protocol(text) => write!(f, "{text}"),
            Self::TooLong => write!(f, "reply longer than {MAX_BYTES} bytes"),
        }
    }
}

/// Sends `question` as one message and returns the frames of the reply, joined.
pub async fn ask<S>(stream: &mut S, question: &[u8]) -> Result<Vec<u8>, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut greeting = [0_u8; GREETING];
    greeting[0] = 0xFF;
    greeting[9] = 0x7F;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    send(stream, &greeting).await?;
    read_greeting(stream).await?;

    let ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03REQ";
    send(stream, ready).await?;
    let mut left = MAX_BYTES;
    let (flags, body) = read_frame(stream, &mut left, "its READY command").await?;
    if flags & COMMAND == 0 {
        return Err(Failure::Protocol(
            "peer sent a message before its READY command".to_owned(),
        ));
    }
    check_ready(&body)?;

    let mut message = vec![MORE, 0];
    if let Ok(length) = u8::try_from(question.len()) {
        message.extend([0, length]);
    } else {
        message.push(LONG);
        message.extend((question.len() as u64).to_be_bytes());
    }
    message.extend(question);
    send(stream, &message).await?;

    let mut reply = Vec::new();
    let mut delimiter = true;
    loop {
        let (flags, body) = read_frame(stream, &mut left, "the reply").await?;
        if flags & COMMAND != 0 {
            continue;
        }
        if delimiter {
            if !body.is_empty() || flags & MORE == 0 {
                return Err(Failure::Protocol(
                    "reply without the empty frame of a REP socket".to_owned(),
                ));
            }
            delimiter = false;
            continue;
        }
        reply.extend(body);
        if flags & MORE == 0 {
            return Ok(reply);
        }
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), Failure> {
    stream.write_all(bytes).await.map_err(Failure::Io)
}

/// Reads the peer's greeting, and stops at the first byte that no ZeroMQ socket sends there: a peer that speaks
/// another protocol may never send 64 bytes.
async fn read_greeting<S: AsyncRead + Unpin>(stream: &mut S) -> Result<(), Failure> {
    let mut greeting = [0_u8; GREETING];
    let mut filled = 0;
    while filled < GREETING {
        let read = stream.read(&mut greeting[filled..]).await;
        let read = read.map_err(|error| broken(error, "its greeting"))?;
        if read == 0 {
            return Err(Failure::Closed("its greeting was complete"));
        }
        filled += read;
        let seen = &greeting[..filled];
        if seen[0] != 0xFF || (filled > 9 && seen[9] & 1 == 0) {
            let shown = String::from_utf8_lossy(&seen[..filled.min(24)]);
            return Err(Failure::NotZeroMq(shown.escape_debug().to_string()));
        }
        if filled > 10 && seen[10] < 3 {
            return Err(Failure::Protocol(format!("peer speaks ZMTP {}, not 3", seen[10])));
        }
    }
    let mechanism = &greeting[12..32];
    if mechanism.starts_with(b"NULL\0") {
        return Ok(());
    }
    let name = String::from_utf8_lossy(mechanism);
    Err(Failure::Protocol(format!(
        "peer wants the security mechanism `{}`",
        name.trim_end_matches('\0').escape_debug()
    )))
}

async fn read_frame<S: AsyncRead + Unpin>(
    stream: &mut S,
    left: &mut usize,
    expected: &'static str,
) -> Result<(u8, Vec<u8>), Failure> {
    let lost = |error| broken(error, expected);
    let flags = stream.read_u8().await.map_err(lost)?;
    if flags & !(MORE | LONG | COMMAND) != 0 {
        return Err(Failure::Protocol(format!(
            "peer sent a frame with the unknown flags {flags:#04x}"
        )));
    }
    let length = if flags & LONG == 0 {
        u64::from(stream.read_u8().await.map_err(lost)?)
    } else {
        stream.read_u64().await.map_err(lost)?
    };
    // The frame's header counts as well, so that a stream of empty frames ends too.
    let length = usize::try_from(length).map_err(|_| Failure::TooLong)?;
    *left = length
        .checked_add(9)
        .and_then(|all| left.checked_sub(all))
        .ok_or(Failure::TooLong)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(lost)?;
    Ok((flags, body))
}

/// Accepts `READY` from a socket that answers a REQ.
fn check_ready(body: &[u8]) -> Result<(), Failure> {
    if let Some(reason) = body.strip_prefix(b"\x05ERROR") {
        let text = String::from_utf8_lossy(reason.get(1..).unwrap_or_default());
        return Err(Failure::Protocol(format!(
            "peer refused the connection: {}",
            text.escape_debug()
        )));
    }
    let Some(mut rest) = body.strip_prefix(b"\x05READY") else {
        return Err(Failure::Protocol("peer sent another command than READY".to_owned()));
    };
    while let Some((name, value, next)) = property(rest) {
        if name.eq_ignore_ascii_case(b"Socket-Type") && value != b"REP" && value != b"ROUTER" {
            return Err(Failure::Protocol(format!(
                "peer is a {} socket, not REP",
                String::from_utf8_lossy(value).escape_debug()
            )));
        }
        rest = next;
    }
    Ok(())
}

/// One `name value` pair of a READY command, and what follows it.
fn property(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(length))?;
    let (length, rest) = rest.split_at_checked(4)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((name, value, rest))
}

fn broken(error: io::Error, expected: &'static str) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Failure::Closed(expected),
        _ => Failure::Io(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::{Failure, ask};

    const READY_REP: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03REP";

    fn greeting() -> Vec<u8> {
        let mut bytes = vec![0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1];
        bytes.extend(b"NULL");
        bytes.resize(64, 0);
        bytes
    }

    /// What `ask` makes of a peer that sends `bytes`, in pieces of `piece`, and closes.
    fn answer(bytes: &[u8], piece: usize) -> Result<Vec<u8>, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut near, far) = duplex(1 << 20);
            let (mut read, mut write) = tokio::io::split(far);
            let bytes = bytes.to_vec();
            let peer = tokio::spawn(async move {
                for part in bytes.chunks(piece) {
                    if write.write_all(part).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let _ = write.shutdown().await;
            });
            let sink = tokio::spawn(async move {
                let mut seen = Vec::new();
                let _ = read.read_to_end(&mut seen).await;
                seen
            });
            let result = ask(&mut near, b"{}").await;
            drop(near);
            let _ = peer.await;
            let _ = sink.await;
            result
        })
    }

    fn reason(bytes: &[u8]) -> String {
        answer(bytes, 1000).unwrap_err().to_string()
    }

    fn handshake(then: &[u8]) -> Vec<u8> {
        [&greeting(), READY_REP, then].concat()
    }

    #[test]
    fn reads_a_reply_however_it_is_cut() {
        let bytes = handshake(b"\x01\x00\x01\x03abc\x00\x02de");
        for piece in [1, 2, 7, 64, 1000] {
            assert_eq!(answer(&bytes, piece).unwrap(), b"abcde", "{piece}");
        }
    }

    #[test]
    fn reads_a_long_frame_and_skips_commands() {
        let mut bytes = handshake(b"\x04\x05\x04PING\x01\x00\x02");
        bytes.extend(300_u64.to_be_bytes());
        bytes.extend([b'x'; 300]);
        assert_eq!(answer(&bytes, 50).unwrap().len(), 300);
    }

    #[test]
    fn names_other_protocols() {
        assert_eq!(
            reason(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            "not a ZeroMQ socket: it sent `HTTP/1.1 400 Bad Request`"
        );
        assert!(reason(b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x03").contains("ZMTP 1"));
        let mut curve = greeting();
        curve[12..17].copy_from_slice(b"CURVE");
        assert!(reason(&curve).contains("`CURVE`"));
    }

    #[test]
    fn names_other_sockets_and_errors() {
        let pubsub = [
            greeting().as_slice(),
            b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB",
        ]
        .concat();
        assert_eq!(reason(&pubsub), "peer is a PUB socket, not REP");
        let error = [greeting().as_slice(), b"\x04\x0a\x05ERROR\x03bad"].concat();
        assert_eq!(reason(&error), "peer refused the connection: bad");
    }

    #[test]
    fn limits_what_a_peer_sends() {
        let huge = handshake(b"\x01\x00\x02\x7f\xff\xff\xff\xff\xff\xff\xff");
        assert!(matches!(answer(&huge, 1000), Err(Failure::TooLong)));
        let endless = handshake(&[1, 0].repeat(20_000));
        assert!(answer(&endless, 1000).is_err());
        let commands = handshake(&[4, 0].repeat(20_000));
        assert!(matches!(answer(&commands, 1000), Err(Failure::TooLong)));
    }

    #[test]
    fn says_where_a_peer_left() {
        assert!(reason(&greeting()[..30]).contains("greeting"));
        assert!(reason(&greeting()).contains("READY"));
        assert!(reason(&handshake(b"\x01\x00\x00\x50half")).contains("the reply"));
    }

    #[test]
    fn survives_every_prefix_and_every_flipped_byte() {
        let good = handshake(b"\x01\x00\x00\x03abc");
        for length in 0..good.len() {
            assert!(answer(&good[..length], 1000).is_err());
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x5A;
            let _ = answer(&bad, 1000);
        }
    }
}
