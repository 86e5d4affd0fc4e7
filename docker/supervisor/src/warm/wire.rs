//! What the supervisor and the warm interpreter (`launcher.py`) say to each other: messages with their length in front, on
//! a stream socket; descriptors ride on the first byte of a request.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Longest message that is believed.
const LONGEST: u32 = 64 * 1024;

/// What the warm interpreter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It begins to import that module.
    Importing(String),
    /// All is imported.
    Ready,
    /// It does not serve, and why.
    Refused(String),
    /// The keeper of the last request's process, which waits for nothing any more.
    Started(u32),
    /// The last request came to nothing, and why.
    Failed(String),
}

impl Said {
    fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = || rest.to_owned();
        Some(match word {
            "importing" => Self::Importing(rest()),
            "ready" => Self::Ready,
            "refused" => Self::Refused(rest()),
            "started" => Self::Started(rest().parse().ok()?),
            "failed" => Self::Failed(rest()),
            _ => return None,
        })
    }
}

/// Reads a message; what it made of it, as text.
pub fn parse(text: &str) -> Option<String> {
    Said::parse(text).map(|said| format!("{said:?}"))
}

/// The next message; an error at the end of the stream, too.
pub async fn hear(link: &mut UnixStream) -> io::Result<Said> {
    let length = link.read_u32_le().await?;
    if length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    link.read_exact(&mut text).await?;
    Said::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Asks for a process with that command line, which has no NUL in it, and those descriptors: its outputs, and its keeper's socket.
pub async fn ask(link: &mut UnixStream, words: &[String], descriptors: &[OwnedFd; 3]) -> io::Result<()> {
    let text = words.join("\0");
    let length = u32::try_from(text.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut message = length.to_le_bytes().to_vec();
    message.extend(text.as_bytes());
    let descriptors = descriptors.each_ref().map(AsRawFd::as_raw_fd);
    let sent = link
        .async_io(Interest::WRITABLE, || {
            let parts = [IoSlice::new(&message)];
            let rights = [ControlMessage::ScmRights(&descriptors)];
            let flags = MsgFlags::MSG_NOSIGNAL;
            Ok(sendmsg::<()>(link.as_raw_fd(), &parts, &rights, flags, None)?)
        })
        .await?;
    link.write_all(&message[sent..]).await
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn messages_are_understood() {
        assert_eq!(
            Said::parse("importing os.path"),
            Some(Said::Importing("os.path".to_owned()))
        );
        assert_eq!(Said::parse("ready"), Some(Said::Ready));
        assert_eq!(Said::parse("started 12"), Some(Said::Started(12)));
        assert_eq!(Said::parse("refused a b c"), Some(Said::Refused("a b c".to_owned())));
        assert_eq!(Said::parse("started twelve"), None);
        assert_eq!(Said::parse("hello"), None);
    }
}
