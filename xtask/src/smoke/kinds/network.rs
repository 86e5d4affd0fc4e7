//! `network`: a machine's network has the subnet that its static addresses need, and resolves names or does not.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Kind, Resolved, Saved, Spec};
use crate::smoke::fields::{Text, needed, text};
use crate::smoke::observer::{Blind, Observer, podman_json};
use crate::smoke::plan::names::{Names, unknown};
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{MachineId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "network",
    about: "A network.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Network")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    name: Scalar,
    subnet: Option<Scalar>,
    /// Whether names resolve on it.
    dns: Option<bool>,
}

#[derive(Debug)]
struct NetworkSpec {
    name: Text,
    subnet: Option<String>,
    dns: Option<bool>,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let name = needed(reader, fields, "name", "`network`");
    let subnet = text(reader, fields.get("subnet"), "subnet").map(|text| text.text);
    let dns = fields.get("dns").and_then(|node| reader.flag(node, "dns"));
    Some(Box::new(NetworkSpec {
        name: name?,
        subnet,
        dns,
    }))
}

impl Spec for NetworkSpec {
    fn seconds(&self) -> u64 {
        60
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let machines = &names.stack.machines;
        let machine = machines.iter().position(|machine| machine.network == self.name.text);
        let Some(machine) = machine.map(MachineId) else {
            let known: Vec<&str> = machines.iter().map(|machine| machine.network.as_str()).collect();
            names.findings.push(unknown("network", &self.name, &known));
            return None;
        };
        let action = Network {
            machine,
            name: self.name.text,
            subnet: self.subnet,
            dns: self.dns,
        };
        Some((Arc::new(action), Some(machine)))
    }
}

/// A network.
#[derive(Debug, Clone)]
pub struct Network {
    machine: MachineId,
    name: String,
    subnet: Option<String>,
    /// Whether names resolve on it.
    dns: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct NetworkSeen {
    exists: bool,
    /// In CIDR notation.
    subnets: Vec<String>,
    dns: bool,
}

impl Action for Network {
    fn subject(&self, _stack: &Stack) -> String {
        format!("network `{}`", self.name)
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let inspect = observer.podman(Some(self.machine), &["network", "inspect", &self.name])?;
        let seen = match inspect.exit {
            Some(0) => NetworkSeen::read(&inspect.stdout)?,
            _ if inspect.stderr.contains("not found") => NetworkSeen::default(),
            _ => return Err(inspect.last_words()),
        };
        self.judge(verdict, &seen);
        Ok(())
    }
}

impl Network {
    fn judge(&self, verdict: &mut Verdict, seen: &NetworkSeen) {
        if !seen.exists {
            verdict.wrong("a network of that name", "none");
            verdict.evidence("hint", "`cargo xtask up` makes it");
            return;
        }
        if let Some(subnet) = &self.subnet
            && seen.subnets != [subnet.as_str()]
        {
            let got = if seen.subnets.is_empty() {
                "none".to_owned()
            } else {
                seen.subnets.join(", ")
            };
            verdict.wrong(format!("subnet {subnet}"), format!("subnet {got}"));
        }
        if let Some(dns) = self.dns
            && seen.dns != dns
        {
            let words = |on: bool| {
                if on {
                    "names resolve on it"
                } else {
                    "names do not resolve on it"
                }
            };
            verdict.wrong(words(dns), words(seen.dns));
        }
    }
}

#[derive(Deserialize)]
struct RawNetwork {
    #[serde(default)]
    subnets: Option<Vec<RawSubnet>>,
    #[serde(default)]
    dns_enabled: bool,
}

#[derive(Deserialize)]
struct RawSubnet {
    subnet: String,
}

impl NetworkSeen {
    /// Reads `podman network inspect`.
    fn read(text: &str) -> Result<Self, Blind> {
        let networks: Vec<RawNetwork> = podman_json(text)?;
        let network = networks.into_iter().next().ok_or("Podman printed no network")?;
        let subnets = network.subnets.unwrap_or_default();
        Ok(Self {
            exists: true,
            subnets: subnets.into_iter().map(|subnet| subnet.subnet).collect(),
            dns: network.dns_enabled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, NetworkSeen};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::{action, got};
    use crate::smoke::verdict::Verdict;

    fn judged(seen: &NetworkSeen) -> Outcome {
        let mut verdict = Verdict::default();
        action::<Network>("network: {name: ai_system_mainpc, subnet: 172.20.0.0/16, dns: true}")
            .judge(&mut verdict, seen);
        verdict.outcome()
    }

    #[test]
    fn a_network_is_judged_by_subnet_and_names() {
        let seen = |subnet: &str, dns| NetworkSeen {
            exists: true,
            subnets: vec![subnet.to_owned()],
            dns,
        };
        assert_eq!(judged(&seen("172.20.0.0/16", true)), Outcome::passed());
        assert_eq!(
            got(&judged(&seen("10.89.0.0/24", false))),
            ["subnet 10.89.0.0/24", "names do not resolve on it"]
        );
        assert_eq!(got(&judged(&NetworkSeen::default())), ["none"]);
    }

    #[test]
    fn a_network_is_read() {
        let text = r#"[{"name":"n","subnets":[{"subnet":"10.88.0.0/16","gateway":"10.88.0.1"}],"dns_enabled":true}]"#;
        let seen = NetworkSeen::read(text).unwrap();
        assert_eq!(seen.subnets, ["10.88.0.0/16"]);
        assert!(seen.dns);
    }
}
