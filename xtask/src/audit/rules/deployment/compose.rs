//! Compose files.

use std::collections::BTreeMap;

use super::{
    ADDRESS, DOCKERFILE, HOST_VARIABLE, IMAGE, at, folder, is_of_every_shell, is_qualified, join, qualified, script,
    there, variables,
};
use crate::audit::rules::Facts;
use crate::finding::{Finding, Subject};
use crate::python::tree::Text;
use crate::stack::yaml::{Entry, Node, Value, parse};

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Mapping(entries) => entries,
        _ => &[],
    }
}

fn get<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    entries(node)
        .iter()
        .find(|entry| entry.key == key)
        .map(|entry| &entry.value)
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// The scalars of a list, or the one scalar.
fn scalars(node: &Node) -> Vec<(usize, &str)> {
    match &node.value {
        Value::Scalar { text, .. } => vec![(node.span.line, text)],
        Value::Sequence(items) => items
            .iter()
            .filter_map(|item| Some((item.span.line, scalar(item)?)))
            .collect(),
        Value::Mapping(_) => Vec::new(),
    }
}

/// Every rule about compose files.
pub fn check(facts: &Facts<'_>, text: &Text) -> Vec<Finding> {
    let (root, _) = parse(&text.source);
    let Some(root) = root else { return Vec::new() };
    let subnets = subnets(facts, &root);
    let mut findings = Vec::new();
    for service in get(&root, "services").map(entries).unwrap_or_default() {
        let node = &service.value;
        let who = format!("service `{}`", service.key);
        let before = findings.len();
        findings.extend(build(facts, text, node, &who));
        if let (Some(image), None) = (get(node, "image"), get(node, "build"))
            && let Some(name) = scalar(image)
            && !is_qualified(name)
        {
            findings.push(
                IMAGE
                    .finding(
                        at(text, image.span.line, name),
                        format!("image `{name}` names no registry"),
                    )
                    .about(Subject::Image(name.to_owned()))
                    .with_help(format!("write `{}`", qualified(name))),
            );
        }
        let workdir = get(node, "working_dir").and_then(scalar).unwrap_or("/app");
        for key in ["command", "entrypoint"] {
            for (line, words) in get(node, key).map(scalars).unwrap_or_default() {
                for word in words.split_whitespace() {
                    findings.extend(script(facts, text, line, word, workdir, &who));
                }
            }
        }
        if let Some(node) = get(node, "environment") {
            findings.extend(environment(text, node, &who));
        }
        if let Some(node) = get(node, "networks") {
            findings.extend(addresses(text, node, &subnets, &who));
        }
        for finding in findings.iter_mut().skip(before) {
            finding.subjects.push(Subject::Service(service.key.clone()));
        }
    }
    findings
}

fn build(facts: &Facts<'_>, text: &Text, service: &Node, who: &str) -> Option<Finding> {
    let build = get(service, "build")?;
    let own = folder(&text.path);
    let (context, line) = match scalar(build) {
        Some(context) => (context, build.span.line),
        None => get(build, "context").map_or((".", build.span.line), |node| {
            (scalar(node).unwrap_or("."), node.span.line)
        }),
    };
    if context.contains('$') || context.contains("://") || context.starts_with('/') {
        return None;
    }
    let whole = join(own, context);
    if context.starts_with("..") && !own.contains('/') && own.is_empty() {
        return None;
    }
    if !there(facts, &whole) {
        return Some(
            DOCKERFILE
                .finding(
                    at(text, line, context),
                    format!("the build context `{context}` of {who} does not exist"),
                )
                .about(Subject::Path(context.to_owned()))
                .with_help("correct the path: it is relative to the compose file"),
        );
    }
    let written = get(build, "dockerfile");
    let name = written.and_then(scalar).unwrap_or("Dockerfile");
    if name.contains('$') || name.starts_with('/') {
        return None;
    }
    let path = join(&whole, name);
    let containerfile = join(&whole, "Containerfile");
    if there(facts, &path) || (written.is_none() && there(facts, &containerfile)) {
        return None;
    }
    let line = written.map_or(line, |node| node.span.line);
    let named = facts.named(name);
    let help = if named.is_empty() {
        "correct the path: it is relative to the build context".to_owned()
    } else {
        format!("did you mean `{}`?", named.join("` or `"))
    };
    Some(
        DOCKERFILE
            .finding(
                at(text, line, name),
                format!("the Dockerfile `{path}` of {who} does not exist"),
            )
            .about(Subject::Path(path.clone()))
            .with_help(help),
    )
}

fn environment(text: &Text, node: &Node, who: &str) -> Vec<Finding> {
    let pairs: Vec<(usize, String, String)> = match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .filter_map(|entry| Some((entry.key_span.line, entry.key.clone(), scalar(&entry.value)?.to_owned())))
            .collect(),
        _ => scalars(node)
            .into_iter()
            .filter_map(|(line, pair)| {
                let (key, value) = pair.split_once('=')?;
                Some((line, key.to_owned(), value.to_owned()))
            })
            .collect(),
    };
    let mut findings = Vec::new();
    for (line, key, value) in pairs {
        for (variable, default) in variables(&value) {
            // `KEY=${KEY}` alone hands a variable of the host on, on purpose.
            let whole = value == format!("${{{variable}}}") || value == format!("${variable}");
            let accident = is_of_every_shell(variable) || (variable == key && !whole);
            if accident && !default {
                findings.push(
                    HOST_VARIABLE
                        .finding(
                            at(text, line, &value),
                            format!("`{key}` of {who} takes `{variable}` from the host that runs compose"),
                        )
                        .about(Subject::Variable(variable.to_owned()))
                        .with_help("write the value in full; `$$` gives a dollar sign to the container"),
                );
            }
        }
    }
    findings
}

/// Subnets by network: from the file itself, or from the stack where the network is one of its.
fn subnets(facts: &Facts<'_>, root: &Node) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for network in get(root, "networks").map(entries).unwrap_or_default() {
        let configs = get(&network.value, "ipam").and_then(|ipam| get(ipam, "config"));
        if let Some(Node {
            value: Value::Sequence(items),
            ..
        }) = configs
        {
            let subnets = items.iter().filter_map(|item| get(item, "subnet").and_then(scalar));
            found.insert(network.key.clone(), subnets.map(str::to_owned).collect());
            continue;
        }
        let name = get(&network.value, "name").and_then(scalar).unwrap_or(&network.key);
        if let Some(machine) = facts.stack.machines.iter().find(|machine| machine.network == name) {
            found.insert(network.key.clone(), vec![machine.subnet.to_string()]);
        }
    }
    found
}

fn addresses(text: &Text, node: &Node, subnets: &BTreeMap<String, Vec<String>>, who: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for network in entries(node) {
        let Some(address) = get(&network.value, "ipv4_address") else {
            continue;
        };
        let (Some(written), Some(known)) = (scalar(address), subnets.get(&network.key)) else {
            continue;
        };
        let inside = |subnet: &String| contains(subnet, written).unwrap_or(true);
        if !known.is_empty() && !known.iter().any(inside) {
            findings.push(
                ADDRESS
                    .finding(
                        at(text, address.span.line, written),
                        format!(
                            "the address {written} of {who} is not in {}, the subnet of `{}`",
                            known.join(", "),
                            network.key
                        ),
                    )
                    .about(Subject::Host(written.to_owned()))
                    .with_help("correct the address or the subnet"),
            );
        }
    }
    findings
}

fn contains(subnet: &str, address: &str) -> Option<bool> {
    let (network, prefix) = subnet.split_once('/')?;
    let subnet = crate::stack::model::Subnet {
        address: network.parse().ok()?,
        prefix: prefix.parse().ok().filter(|prefix| *prefix <= 32)?,
    };
    Some(subnet.contains(address.parse().ok()?))
}
