//! Where a connection starts: in this process's own network, or in a network namespace that a machine of the lab lives in.
//!
//! A thread enters a namespace alone and for good, so what is to happen in another one happens on a thread of its own. A socket
//! belongs to the namespace that it was made in, wherever it is used later.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};

/// A network as seen by whoever connects.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Network {
    /// That of this process.
    #[default]
    Here,
    /// The network namespace that this file pins.
    Namespace(Arc<PathBuf>),
}

/// Something that answers, and the network from which it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its address.
    pub address: SocketAddr,
    /// Where a connection to it starts.
    pub network: Network,
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            network: Network::Here,
        }
    }
}

impl From<&Self> for Endpoint {
    fn from(other: &Self) -> Self {
        other.clone()
    }
}

impl Network {
    /// The network namespace that a file pins.
    #[must_use]
    pub fn namespace(path: &Path) -> Self {
        Self::Namespace(Arc::new(path.to_owned()))
    }

    /// Moves the calling thread there, for the rest of its life.
    ///
    /// # Errors
    /// When the namespace is gone, or entering it is not permitted.
    pub fn enter(&self) -> io::Result<()> {
        match self {
            Self::Here => Ok(()),
            Self::Namespace(path) => Ok(setns(File::open(path.as_path())?, CloneFlags::CLONE_NEWNET)?),
        }
    }

    /// Does something there, on a thread of its own where that is another network.
    ///
    /// # Errors
    /// As [`Network::enter`].
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        if *self == Self::Here {
            return Ok(work());
        }
        std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    self.enter()?;
                    Ok(work())
                })
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Network;

    #[test]
    fn a_namespace_that_is_not_there_is_an_error_of_the_caller() {
        assert_eq!(Network::Here.run(|| 7).unwrap(), 7);
        let gone = Network::namespace(Path::new("/no/such/namespace"));
        assert_eq!(gone.run(|| 7).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
}
