//! Addresses written in code and configs.

use std::net::Ipv4Addr;

use super::Facts;
use super::ports::{is_loopback, key_place};
use crate::audit::rule::rules;
use crate::audit::words::Word;
use crate::finding::{Finding, Place, Subject};
use crate::python::tree::Language;

rules! {
    /// Finds private addresses (10/8, 172.16/12, 192.168/16) in Python code and YAML files.
    ///
    /// The address belongs to one network: on another, or in a container, it leads to nothing or to somebody else.
    ///
    /// Example: `PC2_HOST = "192.168.1.2"`.
    ///
    /// Take it from the environment: every container knows the other machine's address (`PC2_IP`, `MAINPC_IP`).
    PRIVATE = "hosts/private-address", Warning, High, "a private address written into the code";

    /// Finds agents that bind the loopback: nothing outside their container can reach them.
    ///
    /// Agents of other containers, the other machine and the host get "connection refused".
    ///
    /// Example: `socket.bind("tcp://127.0.0.1:5570")`.
    ///
    /// Bind `0.0.0.0` (`tcp://*:5570`); which ports leave the container is decided by what is published.
    LOOPBACK_BIND = "hosts/loopback-bind", Warning, High, "a bind to the loopback that nothing outside the container can reach";
}

/// Every rule of this file.
pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for word in facts.words {
        if !matches!(word.language, Language::Python | Language::Yaml) {
            continue;
        }
        let Some(address) = private_address(&word.text) else {
            continue;
        };
        findings.push(private(facts, word, address));
    }
    findings.extend(binds(facts));
    findings
}

fn private(facts: &Facts<'_>, word: &Word<'_>, address: Ipv4Addr) -> Finding {
    let written = address.to_string();
    let place = part_of(facts.place(word), &written);
    let machine = facts
        .stack
        .machines
        .iter()
        .find(|machine| machine.lan_address == address);
    let help = match machine {
        Some(machine) => format!(
            "take it from the environment variable `{}`, which containers of the other machine have",
            machine.address_variable
        ),
        None => "take it from the environment, or from a parameter of the agent".to_owned(),
    };
    PRIVATE
        .finding(place, format!("the private address {written} is written here"))
        .about(Subject::Address(address))
        .with_help(help)
}

/// The place narrowed to a text in its line.
fn part_of(mut place: Place, part: &str) -> Place {
    let from = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
    let before: usize = place.text.chars().take(from).map(char::len_utf8).sum();
    if let Some(at) = place.text.get(before..).and_then(|rest| rest.find(part)) {
        place.column += u32::try_from(place.text[before..before + at].chars().count()).unwrap_or(0);
        place.width = u32::try_from(part.chars().count()).unwrap_or(1);
    }
    place
}

/// The private address in a word: alone, with a port, in an endpoint or URL. A network (`172.20.0.0/16`) is none.
#[must_use]
pub fn private_address(word: &str) -> Option<Ipv4Addr> {
    if word.contains(char::is_whitespace) || !word.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(rest.len());
    let (host, after) = rest.split_at(end);
    let address: Ipv4Addr = host.parse().ok()?;
    let is_network = after
        .strip_prefix('/')
        .is_some_and(|prefix| !word.contains("://") && prefix.parse::<u8>().is_ok());
    let is_part = after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-');
    (address.is_private() && !is_network && !is_part).then_some(address)
}

fn binds(facts: &Facts<'_>) -> Vec<Finding> {
    const HELP: &str = "bind `0.0.0.0` (`tcp://*:PORT`): what leaves the container is decided by what is published";
    let mut findings = Vec::new();
    for (id, agent) in facts.stack.agents() {
        if is_loopback(&agent.host) {
            let place = key_place(facts, agent, "host").unwrap_or_else(|| agent.place.clone());
            findings.push(
                LOOPBACK_BIND
                    .finding(
                        place,
                        format!(
                            "`{}` binds {}: nothing outside its container can reach it",
                            agent.name, agent.host
                        ),
                    )
                    .about(Subject::Host(agent.host.clone()))
                    .about(facts.stack.subject(id))
                    .with_help(HELP),
            );
        }
    }
    for endpoint in facts.endpoints {
        if endpoint.bound && is_loopback(endpoint.host) && facts.users.contains_key(endpoint.path) {
            let port = endpoint.port.map_or_else(String::new, |port| format!(":{port}"));
            findings.push(
                LOOPBACK_BIND
                    .finding(
                        facts.place_of(endpoint),
                        format!(
                            "a bind to {}{port}: nothing outside the container can reach it",
                            endpoint.host
                        ),
                    )
                    .about(Subject::Host(endpoint.host.to_owned()))
                    .with_help(HELP),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::private_address;

    #[test]
    fn private_addresses_are_told_from_others() {
        for (word, private) in [
            ("192.168.1.2", true),
            ("tcp://10.0.0.5:5570", true),
            ("http://172.16.3.4/x", true),
            ("172.20.0.0/16", false),
            ("8.8.8.8", false),
            ("10.0.0.5-beta", false),
            ("10.0.0", false),
            ("127.0.0.1", false),
            ("version 10.0.0.1", false),
        ] {
            assert_eq!(private_address(word).is_some(), private, "{word}");
        }
    }
}
