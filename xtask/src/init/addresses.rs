//! Addresses of machines, and the variables by which agents are told them.

use std::net::Ipv4Addr;

use super::evidence::{Evidence, Known};
use super::imports::Sources;
use super::startup::Config;
use super::texts::{Kind, Texts};

/// Endings of the names of variables that hold a machine's address.
const ENDINGS: [&str; 4] = ["_IP", "_HOST", "_ADDRESS", "_ADDR"];

/// How a machine is reached from others.
#[derive(Debug, Clone)]
pub struct Address {
    /// The variable that agents read.
    pub variable: Known<String>,
    /// Its address on the network between the machines.
    pub lan: Known<Ipv4Addr>,
}

/// Finds those of the machine of these names, which is one of so many; `number` counts them from 0.
#[must_use]
pub fn find(machine: &[&str], number: u8, many: bool, config: &Config, texts: &Texts, sources: &Sources) -> Address {
    let names: Vec<String> = machine.iter().flat_map(|name| names(name)).collect();
    let machine = machine.first().copied().unwrap_or_default();
    let mut lines: Vec<(String, String, Evidence)> = Vec::new();
    for (name, (value, line)) in &config.environment {
        lines.push((
            name.clone(),
            value.clone(),
            Evidence::new(config.path.as_str(), *line, format!("sets `{name}`")),
        ));
    }
    for (path, number, line) in texts.lines(Kind::Variables) {
        if let Some((name, value)) = line.trim_start_matches("export ").split_once('=') {
            let value = value.trim().trim_matches(['"', '\'']);
            lines.push((
                name.trim().to_owned(),
                value.to_owned(),
                Evidence::new(path, number, "sets it"),
            ));
        }
    }
    let written = lines
        .iter()
        .find_map(|(name, value, evidence)| Some((name, address(value)?, evidence)).filter(|_| names.contains(name)));
    let read = read(&names, sources);
    let variable = match (&read, &written) {
        (Some((name, evidence)), _) => Known::agreed(name.clone(), vec![evidence.clone()]),
        (None, Some((name, _, evidence))) => Known::agreed((*name).clone(), vec![(*evidence).clone()]),
        (None, None) => Known::default(names.first().cloned().unwrap_or_default()),
    };
    let chosen = Ipv4Addr::new(192, 168, 1, 101_u8.saturating_add(number));
    let lan = match written {
        Some((_, address, evidence)) => Known::written(address, evidence.clone()),
        None if many => Known::doubtful(
            chosen,
            Vec::new(),
            format!("nothing says which address `{machine}` has; the other machines use it"),
        ),
        None => Known::default(chosen),
    };
    Address { variable, lan }
}

/// Names of variables for a machine: `MAINPC_IP`, `MAIN_PC_IP` …
fn names(machine: &str) -> Vec<String> {
    let upper: String = machine
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    let mut stems = vec![upper.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()];
    if let Some(which) = upper
        .strip_suffix("PC")
        .filter(|which| !which.is_empty() && !which.ends_with('_'))
    {
        stems.push(format!("{which}_PC"));
    }
    let stems = stems
        .into_iter()
        .map(|stem| if stem.is_empty() { "MACHINE".to_owned() } else { stem });
    stems
        .flat_map(|stem| ENDINGS.map(|ending| format!("{stem}{ending}")))
        .collect()
}

/// The first of these variables that code reads.
fn read(names: &[String], sources: &Sources) -> Option<(String, Evidence)> {
    let mut found: Vec<(usize, String, Evidence)> = Vec::new();
    for (path, module) in sources.all() {
        for read in &module.environment {
            if let Some(rank) = names.iter().position(|name| **name == *read.name) {
                let line = module.position(read.span).line as usize;
                found.push((
                    rank,
                    names[rank].clone(),
                    Evidence::new(path, line, format!("reads `{}`", read.name)),
                ));
            }
        }
    }
    found.into_iter().min().map(|(_, name, evidence)| (name, evidence))
}

/// An address of a network between machines.
fn address(text: &str) -> Option<Ipv4Addr> {
    let text = super::startup::default_of(text);
    let address: Ipv4Addr = text.parse().ok()?;
    (address.is_private() || address.is_link_local()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;
    use pysrc::PythonVersion;

    #[test]
    fn addresses_come_from_variables() {
        let version = PythonVersion::USUAL;
        let config = startup::read("c.yaml", "agents:\n  - {name: A, script_path: a.py, port: 1}\n").unwrap();
        let texts = Texts::new([(
            ".env".to_owned(),
            b"# x\nMAIN_PC_IP=10.0.0.5\nPC2_IP=\"10.0.0.6\"\n".to_vec(),
        )]);
        let code = b"import os\nx = os.environ.get('PC2_HOST', '')\n";
        let sources = Sources::new(
            vec![("a.py".to_owned(), std::sync::Arc::new(pysrc::read(&code[..], version)))],
            version,
        );
        let main = find(&["mainpc"], 0, true, &config, &texts, &sources);
        assert_eq!(
            (main.lan.value.to_string().as_str(), main.variable.value.as_str()),
            ("10.0.0.5", "MAIN_PC_IP")
        );
        assert_eq!(main.lan.evidence[0].place(), ".env:2");
        let other = find(&["pc2"], 1, true, &config, &texts, &sources);
        assert_eq!(
            (other.lan.value.to_string().as_str(), other.variable.value.as_str()),
            ("10.0.0.6", "PC2_HOST")
        );
        let alone = find(&["main"], 0, false, &config, &Texts::default(), &sources);
        assert_eq!(
            (alone.lan.mark.sign(), alone.variable.value.as_str()),
            (None, "MAIN_IP")
        );
        let unknown = find(&["x"], 0, true, &config, &Texts::default(), &sources);
        assert_eq!(unknown.lan.mark.sign(), Some('?'));
    }
}
