//! Hosts as configured: a numeric address, a DNS name, or `${NAME}`, the value of an environment variable.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Somewhere to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A numeric address.
    Address(SocketAddr),
    /// A name, looked up at each attempt.
    Name(String, u16),
}

/// What is wrong with a configured host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is the value of a variable that has none.
    #[error("environment variable `{0}` is not set")]
    NotSet(String),
    /// Nothing can be called so.
    #[error("`{0}` is not a host")]
    NotAHost(String),
}

impl Target {
    /// A port on this host.
    #[must_use]
    pub fn loopback(port: u16) -> Self {
        Self::Address(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Reads a configured host; `Err` says what is wrong with it.
    pub fn parse(host: &str, port: u16, variable: impl Fn(&str) -> Option<String>) -> Result<Self, HostError> {
        let named = host.strip_prefix("${").and_then(|h| h.strip_suffix('}'));
        let value = match named {
            Some(name) => match variable(name) {
                Some(value) if !value.trim().is_empty() => value.trim().to_owned(),
                _ => return Err(HostError::NotSet(name.to_owned())),
            },
            None => host.to_owned(),
        };
        if value.is_empty() || value.contains(['$', '{', ' ', '/']) {
            return Err(HostError::NotAHost(value));
        }
        let bare = value.trim_start_matches('[').trim_end_matches(']');
        Ok(bare.parse::<IpAddr>().map_or_else(
            |_| Self::Name(value.clone(), port),
            |ip| Self::Address(SocketAddr::new(ip, port)),
        ))
    }

    /// The address; a name is looked up on a thread of its own.
    pub async fn resolve(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Address(address) => Ok(*address),
            Self::Name(name, port) => {
                let query = (name.clone(), *port);
                let found = tokio::task::spawn_blocking(move || query.to_socket_addrs())
                    .await
                    .map_err(io::Error::other)??
                    .next();
                found.ok_or_else(|| io::Error::other("no address"))
            }
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    fn parse(host: &str) -> Result<String, String> {
        let variable = |name: &str| match name {
            "PC2_IP" => Some("192.168.1.102".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Target::parse(host, 5, variable)
            .map(|target| target.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_addresses_names_and_variables() {
        assert_eq!(parse("10.0.0.1").unwrap(), "10.0.0.1:5");
        assert_eq!(parse("::1").unwrap(), "[::1]:5");
        assert_eq!(parse("[::1]").unwrap(), "[::1]:5");
        assert_eq!(parse("${PC2_IP}").unwrap(), "192.168.1.102:5");
        assert_eq!(parse("pc2.local").unwrap(), "pc2.local:5");
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse("${NOPE}").unwrap_err(), "environment variable `NOPE` is not set");
        assert!(parse("${EMPTY}").is_err());
        assert!(parse("").is_err());
        assert!(parse("${A}${B}").is_err());
    }
}
