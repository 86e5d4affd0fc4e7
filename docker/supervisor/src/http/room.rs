//! Who may be connected: a fixed number of connections, and nobody can take the room of others. When it is full the newcomer is let
//! in all the same, and the oldest connection goes of the address that has the most.

use std::collections::HashMap;
use std::net::IpAddr;

use tokio::task::AbortHandle;

/// Connections at most.
pub const CONNECTIONS: usize = 64;

/// One connection.
#[derive(Debug)]
struct Guest {
    from: IpAddr,
    task: AbortHandle,
}

/// All connections, oldest first.
#[derive(Debug, Default)]
pub struct Room(Vec<Guest>);

impl Room {
    /// Makes room for a newcomer from there.
    pub fn make_room(&mut self, from: IpAddr) {
        self.0.retain(|guest| !guest.task.is_finished());
        while self.0.len() >= CONNECTIONS {
            let addresses: Vec<IpAddr> = self.0.iter().map(|guest| guest.from).collect();
            let guest = self.0.remove(victim(&addresses, from));
            guest.task.abort();
        }
    }

    /// Lets it in.
    pub fn enter(&mut self, from: IpAddr, task: AbortHandle) {
        self.0.push(Guest { from, task });
    }
}

/// Which of the connections goes, oldest first; there is one.
fn victim(connections: &[IpAddr], newcomer: IpAddr) -> usize {
    let mut counts = HashMap::from([(newcomer, 1)]);
    for from in connections {
        *counts.entry(*from).or_insert(0_usize) += 1;
    }
    let most = connections.iter().map(|from| counts[from]).max();
    connections
        .iter()
        .position(|from| Some(counts[from]) == most)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::victim;

    #[test]
    fn whoever_has_the_most_gives_way() {
        let [a, b, c] = [1, 2, 3].map(|last| IpAddr::from(Ipv4Addr::new(10, 0, 0, last)));
        assert_eq!(victim(&[a, b, b, a, b], c), 1);
        assert_eq!(victim(&[a, b, b, a], a), 0, "the newcomer counts");
        assert_eq!(victim(&[a, b, c], c), 2);
        assert_eq!(victim(&[a, b], c), 0);
    }
}
