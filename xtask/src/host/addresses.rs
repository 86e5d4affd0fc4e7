//! Addresses of this host.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

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
