//! `publish:` of a group or of an agent's override: ports of a container that its host has, too, at an address and port of the owner's choice.

use std::net::Ipv4Addr;

use super::read::{Fields, Reader};
use super::spans::At;

/// A port of the host that leads to one of a container. TCP alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publish {
    /// Address of the host; 0.0.0.0 is all that it has.
    pub address: Ipv4Addr,
    /// Port of the host.
    pub host_port: u16,
    /// Port in the container.
    pub container_port: u16,
}

impl Publish {
    /// Whether another one wants the same port of one address.
    #[must_use]
    pub fn meets(self, address: Ipv4Addr, host_port: u16) -> bool {
        let one = self.address == address || self.address.is_unspecified() || address.is_unspecified();
        one && self.host_port == host_port
    }

    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split(':').collect();
        let (address, host, container) = match parts[..] {
            [port] => ("127.0.0.1", port, port),
            [host, container] => ("127.0.0.1", host, container),
            [address, host, container] => (address, host, container),
            _ => return Err("it has too many parts"),
        };
        let address = match address {
            "localhost" => Ipv4Addr::LOCALHOST,
            other => other
                .parse()
                .map_err(|_| "what stands in front is not an IPv4 address")?,
        };
        let port = |text: &str| {
            let number = text.parse::<u16>().ok().filter(|port| *port > 0);
            number.ok_or("a port is a number from 1 to 65535, of TCP")
        };
        Ok(Self {
            address,
            host_port: port(host)?,
            container_port: port(container)?,
        })
    }
}

/// Reads the key.
pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Vec<At<Publish>> {
    const HELP: &str = "write a port of the host and one of the container, as in `8080:5570`; without an address, which may stand in \
                        front, as in `0.0.0.0:8080:5570`, only this host reaches it";
    let Some(node) = fields.get("publish") else {
        return Vec::new();
    };
    let mut all: Vec<At<Publish>> = Vec::new();
    for item in reader.items(node, "`publish`") {
        let Some(text) = reader.scalar(item, "an item of `publish`") else {
            continue;
        };
        match Publish::parse(&text.value) {
            Ok(value)
                if all
                    .iter()
                    .any(|known| known.value.meets(value.address, value.host_port)) =>
            {
                let message = format!("`publish` has port {} of the host twice", value.host_port);
                reader.bad_value(text.place, message, "a port leads to one other: remove one of them");
            }
            Ok(value) => all.push(At {
                value,
                place: text.place,
            }),
            Err(why) => reader.bad_value(
                text.place,
                format!("`publish` cannot have `{}`: {why}", text.value),
                HELP,
            ),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::container::ports::{Interface, published};
    use crate::stack::fixture::Fixture;

    fn with(core: &str, side: &str) -> Fixture {
        Fixture::small()
            .stack(
                "    agents: [Alpha, Beta]",
                &format!("    agents: [Alpha, Beta]\n{core}"),
            )
            .stack("    agents: [Gamma]", &format!("    agents: [Gamma]\n{side}"))
    }

    #[test]
    fn ports_of_a_group_and_of_its_agents_are_published_where_it_says() {
        let fixture = with(
            "    publish: [8080, '0.0.0.0:8081:5000']\n    overrides: {Beta: {publish: ['192.168.1.101:8082:5001']}}",
            "    publish: ['127.0.0.2:8080:5002']",
        );
        assert_eq!(fixture.says(), Vec::<String>::new());
        let stack = fixture.model();
        let core = stack.find_group("core").unwrap();
        let ports: Vec<(Interface, u16, u16)> = published(&stack, core)
            .into_iter()
            .filter(|port| (8000..9000).contains(&port.host_port))
            .map(|port| (port.on, port.host_port, port.container_port))
            .collect();
        assert_eq!(
            ports,
            [
                (Interface::Loopback, 8080, 8080),
                (Interface::At([0, 0, 0, 0].into()), 8081, 5000),
                (Interface::Lan, 8082, 5001)
            ]
        );
    }

    #[test]
    fn wrong_ports_are_named() {
        let said = with(
            "    publish: [x, '1:2:3', '8080:0', '5353:5353/udp', 8085, '0.0.0.0:8085:1']",
            "",
        )
        .says();
        for text in [
            "`publish` cannot have `x`: a port is a number",
            "`publish` cannot have `1:2:3`: what stands in front is not an IPv4 address",
            "`publish` cannot have `8080:0`",
            "`publish` cannot have `5353:5353/udp`",
            "`publish` has port 8085 of the host twice",
        ] {
            let line = said.iter().find(|line| line.contains(text));
            assert!(
                line.is_some_and(|line| line.starts_with("config/stack.yaml:")),
                "{text}: {said:#?}"
            );
        }
    }

    #[test]
    fn a_port_of_the_host_is_somebody_s_alone() {
        for (core, side, said) in [
            // Of two groups.
            (
                "    publish: [8080]",
                "    publish: ['0.0.0.0:8080:5002']",
                "like group `core`",
            ),
            // Of an agent that is published there.
            ("    publish: ['5002:5000']", "", "like the port of agent `Gamma`"),
            // Of its own status endpoint.
            (
                "    publish: ['19101:5000']",
                "",
                "like the status endpoint of group `core`",
            ),
            // Of one at the address for other machines.
            (
                "",
                "    publish: ['0.0.0.0:5000:5002']",
                "like the port of agent `Alpha`",
            ),
        ] {
            let lines = with(core, side).says();
            let found = lines
                .iter()
                .any(|line| line.contains("error stack/port-clash") && line.contains(said));
            assert!(found, "{said}: {lines:#?}");
        }
        // A port that is published as it is anyway.
        assert_eq!(with("    publish: [5000]", "").says(), Vec::<String>::new());
        let stack = with("    publish: [5000]", "").model();
        let core = stack.find_group("core").unwrap();
        let again = published(&stack, core)
            .into_iter()
            .filter(|port| port.on == Interface::Loopback && port.host_port == 5000);
        assert_eq!(again.count(), 1);
    }
}
