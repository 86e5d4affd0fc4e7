//! Addresses of this host.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

/// An address by which containers of one network reach ports published on this host for another: the one that the default
/// route would use. No packet is sent.
#[must_use]
pub fn of_default_route() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Connecting a UDP socket only looks a route up. TEST-NET-1 (RFC 5737) belongs to nobody.
    socket.connect((Ipv4Addr::new(192, 0, 2, 254), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(address) if !address.is_unspecified() && !address.is_loopback() => Some(address),
        _ => None,
    }
}

/// Whether this host has the address.
#[must_use]
pub fn is_local(address: Ipv4Addr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Fails where an address is on no network that this host is part of. While the stack is down its networks are not there, and
/// what is sent to a container's address would leave the host by the default route, for whoever has that address elsewhere.
///
/// # Errors
/// With what a person should read, for callers whose own errors carry one of the system's.
pub fn require_on_link(to: SocketAddr) -> Result<(), Error> {
    let IpAddr::V4(address) = to.ip() else {
        return Ok(());
    };
    // Of this thread, which may have entered another network than the process began in.
    let routes = std::fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
    if address.is_loopback() || is_local(address) || is_on_link(&routes, address) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::NetworkUnreachable,
        "this host is on no network with that address",
    ))
}

/// Whether the most specific route to the address has no gateway. Columns as `/proc/net/route` has them: addresses in
/// hexadecimal, in the byte order of the host.
fn is_on_link(routes: &str, address: Ipv4Addr) -> bool {
    let hex = |field: Option<&&str>| field.and_then(|field| u32::from_str_radix(field, 16).ok());
    let address = u32::from_ne_bytes(address.octets());
    routes
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (network, gateway, mask) = (hex(fields.get(1))?, hex(fields.get(2))?, hex(fields.get(7))?);
            (address & mask == network).then_some((mask.count_ones(), gateway))
        })
        .max_by_key(|(prefix, _)| *prefix)
        .is_some_and(|(_, gateway)| gateway == 0)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::{is_on_link, require_on_link};

    // A table as a little-endian host shows it: a default route, the host's own network, and a Podman bridge.
    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
podman1\t000014AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";

    #[test]
    #[cfg(target_endian = "little")]
    fn what_only_the_default_route_leads_to_is_not_on_link() {
        assert!(is_on_link(ROUTES, Ipv4Addr::new(172, 20, 0, 10)));
        assert!(is_on_link(ROUTES, Ipv4Addr::new(192, 0, 2, 7)));
        assert!(!is_on_link(ROUTES, Ipv4Addr::new(172, 21, 0, 10)));
        assert!(!is_on_link("", Ipv4Addr::new(172, 20, 0, 10)));
    }

    #[test]
    fn loopback_is_always_ours() {
        assert!(require_on_link(SocketAddr::from((Ipv4Addr::new(127, 20, 0, 10), 9000))).is_ok());
    }
}
