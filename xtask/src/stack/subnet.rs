//! Subnets that are likely to be free: outside of what Docker (172.17.0.0/16 to 172.31.0.0/16, 192.168.0.0/16) and Podman
//! (10.88.0.0/16 to 10.255.0.0/16) hand out by themselves.

use std::net::Ipv4Addr;

use sha2::{Digest as _, Sha256};

use super::model::Subnet;

/// Where they are looked for: 10.64.0.0 up to, and without, 10.88.0.0.
const FIRST: u32 = 0x0A40_0000;
const END: u32 = 0x0A58_0000;

/// The subnet of a network where the stack names none. A function of the network's name alone, so that rendered files are the same
/// everywhere.
#[must_use]
pub fn default_for(network: &str) -> Subnet {
    let prefix = 24;
    Subnet {
        address: Ipv4Addr::from(FIRST + (seed(network) % slots(prefix)) * size(prefix)),
        prefix,
    }
}

/// A subnet with that prefix that overlaps none of these, the same for the same name; none where all are taken.
#[must_use]
pub fn free(network: &str, prefix: u8, taken: &[Subnet]) -> Option<Subnet> {
    if !(12..=30).contains(&prefix) {
        return None;
    }
    let (start, slots) = (seed(network), slots(prefix));
    (0..slots.min(65_536))
        .map(|step| Subnet {
            address: Ipv4Addr::from(FIRST + (start.wrapping_add(step) % slots) * size(prefix)),
            prefix,
        })
        .find(|subnet| taken.iter().all(|other| !other.overlaps(*subnet)))
}

fn seed(network: &str) -> u32 {
    let digest = Sha256::digest(network);
    digest
        .iter()
        .take(4)
        .fold(0, |number, byte| (number << 8) | u32::from(*byte))
}

/// How many addresses a subnet has.
fn size(prefix: u8) -> u32 {
    1 << (32 - u32::from(prefix))
}

/// How many subnets there are to choose from.
fn slots(prefix: u8) -> u32 {
    (END - FIRST) / size(prefix)
}

#[cfg(test)]
mod tests {
    use super::{default_for, free};
    use crate::stack::model::Subnet;

    #[test]
    fn a_default_is_stable_and_outside_of_what_engines_hand_out() {
        let subnet = default_for("ai_system_mainpc");
        assert_eq!(subnet, default_for("ai_system_mainpc"));
        assert_ne!(subnet, default_for("ai_system_pc2"));
        for pool in [
            "172.16.0.0/12",
            "192.168.0.0/16",
            "10.88.0.0/13",
            "10.96.0.0/11",
            "10.128.0.0/9",
        ] {
            assert!(!subnet.overlaps(Subnet::parse(pool).unwrap()), "{subnet} in {pool}");
        }
    }

    #[test]
    fn a_free_one_overlaps_nothing_that_is_taken() {
        let first = free("s", 16, &[]).unwrap();
        let second = free("s", 16, &[first]).unwrap();
        assert!(!first.overlaps(second));
        assert_eq!(free("s", 16, &[Subnet::parse("10.0.0.0/8").unwrap()]), None);
        assert_eq!(free("s", 8, &[]), None);
    }

    #[test]
    fn subnets_are_numbers_not_text() {
        let parse = |text| Subnet::parse(text).unwrap();
        assert!(parse("172.16.0.0/12").overlaps(parse("172.20.0.0/16")));
        assert!(parse("172.20.0.0/16").overlaps(parse("172.20.255.1")));
        assert!(!parse("172.20.0.0/16").overlaps(parse("172.200.0.0/16")));
        assert!(parse("0.0.0.0/0").overlaps(parse("172.20.0.0/16")));
        assert_eq!(Subnet::parse("172.20.0.0/33"), None);
        assert_eq!(Subnet::parse("default"), None);
        assert_eq!(Subnet::parse("fe80::/64"), None);
    }
}
