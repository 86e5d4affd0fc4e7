//! What a keeper is told: the process to start. Lengths stand before texts (4 bytes, little endian), so that any byte may be in
//! them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use contract::stop_signal::StopSignal;
use nix::sys::signal::Signal;

/// The byte that tells a keeper to send its agent that signal. Small letters only; `k` means to kill.
#[must_use]
pub fn byte(signal: StopSignal) -> u8 {
    match signal {
        StopSignal::Hangup => b'h',
        StopSignal::Interrupt => b'i',
        StopSignal::Quit => b'q',
        StopSignal::User1 => b'u',
        StopSignal::User2 => b'v',
        StopSignal::Terminate => b't',
    }
}

/// The signal that a byte tells to send.
#[must_use]
pub fn signal(told: u8) -> Option<Signal> {
    let signal = StopSignal::ALL.into_iter().find(|signal| byte(*signal) == told)?;
    Some(match signal {
        StopSignal::Hangup => Signal::SIGHUP,
        StopSignal::Interrupt => Signal::SIGINT,
        StopSignal::Quit => Signal::SIGQUIT,
        StopSignal::User1 => Signal::SIGUSR1,
        StopSignal::User2 => Signal::SIGUSR2,
        StopSignal::Terminate => Signal::SIGTERM,
    })
}

/// Longest order: more than the kernel takes for a command line and an environment.
pub const LONGEST: u32 = 8 * 1024 * 1024;

/// A process to be started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// Its program.
    pub program: PathBuf,
    /// The words after the program's name.
    pub words: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub folder: PathBuf,
}

impl Order {
    /// The order as bytes, its length first. `None`: it is longer than any process may be told.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        text(&mut body, self.program.as_os_str())?;
        text(&mut body, self.folder.as_os_str())?;
        number(&mut body, self.words.len())?;
        for word in &self.words {
            text(&mut body, word)?;
        }
        number(&mut body, self.environment.len())?;
        for (name, value) in &self.environment {
            text(&mut body, name)?;
            text(&mut body, value)?;
        }
        let mut whole = Vec::with_capacity(body.len() + 4);
        number(&mut whole, body.len())?;
        whole.extend(body);
        Some(whole)
    }

    /// Reads what [`Self::encode`] wrote, without the length in front.
    #[must_use]
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut left = body;
        let program = take_text(&mut left)?.into();
        let folder = take_text(&mut left)?.into();
        let mut words = Vec::new();
        for _ in 0..take_number(&mut left)? {
            words.push(take_text(&mut left)?);
        }
        let mut environment = Vec::new();
        for _ in 0..take_number(&mut left)? {
            environment.push((take_text(&mut left)?, take_text(&mut left)?));
        }
        left.is_empty().then_some(Self {
            program,
            words,
            environment,
            folder,
        })
    }
}

fn number(into: &mut Vec<u8>, value: usize) -> Option<()> {
    let value = u32::try_from(value).ok().filter(|value| *value <= LONGEST)?;
    into.extend(value.to_le_bytes());
    Some(())
}

fn text(into: &mut Vec<u8>, value: &OsStr) -> Option<()> {
    number(into, value.len())?;
    into.extend(value.as_bytes());
    Some(())
}

fn take_number(from: &mut &[u8]) -> Option<u32> {
    let (number, rest) = from.split_first_chunk::<4>()?;
    *from = rest;
    Some(u32::from_le_bytes(*number))
}

fn take_text(from: &mut &[u8]) -> Option<OsString> {
    let length = usize::try_from(take_number(from)?).ok()?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(OsString::from_vec(text.to_vec()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    use contract::stop_signal::StopSignal;

    use super::{Order, byte, signal};

    #[test]
    fn every_signal_has_a_byte_of_its_own_and_none_means_to_kill() {
        for one in StopSignal::ALL {
            assert_eq!(
                signal(byte(one)).map(nix::sys::signal::Signal::as_str),
                Some(one.name())
            );
            assert_ne!(byte(one), b'k');
        }
        assert_eq!(signal(b'k'), None);
    }

    #[test]
    fn an_order_comes_back_and_half_of_one_does_not() {
        let order = Order {
            program: "/usr/bin/python3".into(),
            words: ["-u", "", "a b\n", "\u{fc}"].map(OsString::from).to_vec(),
            environment: vec![("A".into(), OsString::from_vec(b"\xff=\n".to_vec()))],
            folder: "/app".into(),
        };
        let bytes = order.encode().unwrap();
        assert_eq!(Order::decode(&bytes[4..]), Some(order));
        for length in 4..bytes.len() {
            assert_eq!(Order::decode(&bytes[4..length]), None, "{length}");
        }
        assert_eq!(Order::decode(&[0xff; 64]), None);
    }
}
