//! Groups: which agents share a container.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, Known};
use super::machines::slug;
use super::startup::{Config, Listed};

/// As many agents as one list may have to be one group without a doubt.
const ONE_GROUP: usize = 12;

/// Keys that hold groups, and are none themselves.
const HOLDERS: [&str; 10] = [
    "agents",
    "agent_groups",
    "groups",
    "services",
    "machines",
    "machine_profiles",
    "startup",
    "startup_config",
    "all_agents",
    "system",
];

/// Agents that share a container.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name, as a container can be called.
    pub name: String,
    /// Names of its agents.
    pub agents: Vec<String>,
}

/// The groups of a machine's agents, in the order of its startup config.
#[must_use]
pub fn find(config: &Config, machine: &str) -> Vec<Known<Group>> {
    let mut seen = BTreeSet::new();
    let agents: Vec<&Listed> = config
        .agents
        .iter()
        .filter(|agent| !agent.name.chars().any(char::is_control) && seen.insert(agent.name.as_str()))
        .collect();
    let groups = by_names(config, &agents)
        .or_else(|| by_keys(config, &agents))
        .or_else(|| by_headings(config, &agents))
        .unwrap_or_else(|| by_dependencies(config, &agents, machine));
    unique(groups, machine)
}

/// The same with agents that would bind one port in groups of their own: a container has each port once. `ports` says which an agent has;
/// the first agent of a group keeps its place. `names` are those that groups have already.
#[must_use]
pub fn apart(
    groups: Vec<Known<Group>>,
    names: &mut BTreeSet<String>,
    ports: &dyn Fn(&str) -> Vec<(u16, Evidence)>,
) -> Vec<Known<Group>> {
    names.extend(groups.iter().map(|known| known.value.name.clone()));
    let mut all = Vec::new();
    for known in groups {
        let mut parts = parts(&known.value.agents, ports).into_iter();
        let name = known.value.name.clone();
        let first = parts.next().map(|(agents, _)| agents).unwrap_or_default();
        all.push(known.map(|group| Group { agents: first, ..group }));
        for (agents, evidence) in parts {
            let free = (2..).map(|number| format!("{name}-{number}"));
            let free = free.into_iter().find(|free| names.insert(free.clone()));
            let name = free.unwrap_or_default();
            all.push(Known::agreed(Group { name, agents }, evidence.into_iter().collect()));
        }
    }
    all
}

/// Agents of a group that have each port once.
#[derive(Default)]
struct Part<'a> {
    agents: Vec<String>,
    /// Why it is one of its own.
    evidence: Option<Evidence>,
    /// Its ports, each with who has it.
    taken: BTreeMap<u16, &'a str>,
}

/// The agents of a group in as many parts as it takes for no port to be in one of them twice, each but the first with what it is for.
fn parts(agents: &[String], ports: &dyn Fn(&str) -> Vec<(u16, Evidence)>) -> Vec<(Vec<String>, Option<Evidence>)> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for agent in agents {
        let own = ports(agent);
        let clash = |part: &Part<'_>| own.iter().find(|(port, _)| part.taken.contains_key(port)).cloned();
        let clashes: Vec<_> = parts.iter().map(clash).collect();
        let free = clashes.iter().position(Option::is_none).unwrap_or_else(|| {
            let evidence = parts.first().zip(clashes.first()).and_then(|(part, clash)| {
                let (port, evidence) = clash.clone()?;
                let other = part.taken.get(&port)?;
                let says = format!("`{agent}` has {port}, like `{other}`: one container has it once");
                Some(Evidence { says, ..evidence })
            });
            parts.push(Part {
                evidence,
                ..Part::default()
            });
            parts.len() - 1
        });
        let part = &mut parts[free];
        part.agents.push(agent.clone());
        part.taken.extend(own.iter().map(|(port, _)| (*port, agent.as_str())));
    }
    parts.into_iter().map(|part| (part.agents, part.evidence)).collect()
}

/// What the file itself says under `docker_groups:` or a like key.
fn by_names(config: &Config, agents: &[&Listed]) -> Option<Vec<Known<Group>>> {
    if config.named_groups.is_empty() {
        return None;
    }
    let mut left: BTreeSet<&str> = agents.iter().map(|agent| agent.name.as_str()).collect();
    let mut groups = Vec::new();
    for (name, line, names) in &config.named_groups {
        let names: Vec<String> = names
            .iter()
            .filter(|name| left.remove(name.as_str()))
            .cloned()
            .collect();
        if !names.is_empty() {
            let evidence = Evidence::new(config.path.as_str(), *line, "the config groups its agents so");
            groups.push(Known::written(group(name, names), evidence));
        }
    }
    groups.extend(rest(config, agents, &left));
    Some(groups)
}

/// The keys under which agents are listed.
fn by_keys(config: &Config, agents: &[&Listed]) -> Option<Vec<Known<Group>>> {
    let key = |agent: &Listed| {
        agent
            .under
            .iter()
            .rev()
            .find(|key| !HOLDERS.contains(&key.as_str()))
            .cloned()
    };
    let keys: BTreeSet<Option<String>> = agents.iter().map(|agent| key(agent)).collect();
    if keys.len() < 2 {
        return None;
    }
    let mut order: Vec<(String, Vec<&Listed>)> = Vec::new();
    let mut left = BTreeSet::new();
    for agent in agents {
        let Some(key) = key(agent) else {
            left.insert(agent.name.as_str());
            continue;
        };
        match order.iter_mut().find(|(known, _)| *known == key) {
            Some((_, agents)) => agents.push(agent),
            None => order.push((key, vec![agent])),
        }
    }
    let mut groups: Vec<Known<Group>> = order
        .into_iter()
        .map(|(key, agents)| {
            let line = agents.first().map_or(0, |agent| agent.line);
            let evidence = Evidence::new(config.path.as_str(), line, format!("listed under `{key}`"));
            Known::agreed(group(&key, names(&agents)), vec![evidence])
        })
        .collect();
    groups.extend(rest(config, agents, &left));
    Some(groups)
}

/// Headings in the comments of one long list.
fn by_headings(config: &Config, agents: &[&Listed]) -> Option<Vec<Known<Group>>> {
    let headings: BTreeSet<&str> = agents
        .iter()
        .filter_map(|agent| agent.heading.as_ref().map(|(text, _)| text.as_str()))
        .collect();
    // Where each agent has one of its own, they tell what agents do.
    if headings.len() < 2 || headings.len() * 2 > agents.len() {
        return None;
    }
    let mut order: Vec<(String, usize, Vec<&Listed>)> = Vec::new();
    let mut left = BTreeSet::new();
    for agent in agents {
        match (&agent.heading, order.last_mut()) {
            (Some((text, line)), _) => order.push((text.clone(), *line, vec![agent])),
            (None, Some((_, _, agents))) => agents.push(agent),
            (None, None) => {
                left.insert(agent.name.as_str());
            }
        }
    }
    let mut groups: Vec<Known<Group>> = order
        .into_iter()
        .map(|(text, line, agents)| {
            let evidence = Evidence::new(config.path.as_str(), line, "a heading in its comments");
            Known::agreed(group(&text, names(&agents)), vec![evidence])
        })
        .collect();
    groups.extend(rest(config, agents, &left));
    Some(groups)
}

/// Clusters of the dependency graph, of at most [`ONE_GROUP`] agents each.
fn by_dependencies(config: &Config, agents: &[&Listed], machine: &str) -> Vec<Known<Group>> {
    let line = agents.first().map_or(0, |agent| agent.line);
    let evidence = |says: &str| vec![Evidence::new(config.path.as_str(), line, says)];
    if agents.len() <= ONE_GROUP {
        let one = group(machine, names(agents));
        return vec![Known::agreed(one, evidence("one short list of agents"))];
    }
    let index: BTreeMap<&str, usize> = agents
        .iter()
        .enumerate()
        .map(|(at, agent)| (agent.name.as_str(), at))
        .collect();
    let mut cluster: Vec<usize> = (0..agents.len()).collect();
    let mut size = vec![1_usize; agents.len()];
    for (at, agent) in agents.iter().enumerate() {
        for other in agent.dependencies.iter().filter_map(|name| index.get(name.as_str())) {
            let (a, b) = (find_root(&cluster, at), find_root(&cluster, *other));
            if a != b && size[a] + size[b] <= ONE_GROUP {
                cluster[a.max(b)] = a.min(b);
                size[a.min(b)] += size[a.max(b)];
            }
        }
    }
    let mut members: BTreeMap<usize, Vec<&Listed>> = BTreeMap::new();
    for (at, agent) in agents.iter().enumerate() {
        members.entry(find_root(&cluster, at)).or_default().push(agent);
    }
    let (single, many): (Vec<_>, Vec<_>) = members.into_values().partition(|agents| agents.len() == 1);
    let single: Vec<&Listed> = single.into_iter().flatten().collect();
    let wanted_by = |agent: &Listed| {
        let depends = |other: &&&Listed| other.dependencies.contains(&agent.name);
        agents.iter().filter(depends).count()
    };
    let why = "nothing in the config groups its agents: these depend on each other, or on nothing";
    let mut groups = Vec::new();
    for agents in many {
        let most = agents
            .iter()
            .max_by_key(|agent| (wanted_by(agent), std::cmp::Reverse(agent.line)));
        let name = most.map_or(machine, |agent| agent.name.as_str());
        groups.push(Known::doubtful(
            group(name, names(&agents)),
            evidence("dependencies"),
            why,
        ));
    }
    for (number, agents) in single.chunks(ONE_GROUP).enumerate() {
        let name = format!("{machine}-{}", number + 1);
        groups.push(Known::doubtful(
            group(&name, names(agents)),
            evidence("no dependencies"),
            why,
        ));
    }
    groups
}

fn find_root(cluster: &[usize], mut at: usize) -> usize {
    while cluster[at] != at {
        at = cluster[at];
    }
    at
}

/// Agents that nothing groups.
fn rest(config: &Config, agents: &[&Listed], left: &BTreeSet<&str>) -> Option<Known<Group>> {
    let left: Vec<&Listed> = agents
        .iter()
        .filter(|agent| left.contains(agent.name.as_str()))
        .copied()
        .collect();
    let line = left.first()?.line;
    let evidence = vec![Evidence::new(config.path.as_str(), line, "the first of them")];
    Some(Known::doubtful(
        group("others", names(&left)),
        evidence,
        "no group names these agents",
    ))
}

fn names(agents: &[&Listed]) -> Vec<String> {
    agents.iter().map(|agent| agent.name.clone()).collect()
}

fn group(name: &str, agents: Vec<String>) -> Group {
    let name = slug(name);
    Group { name, agents }
}

/// Groups with the same name are one; `base` is the name of an image.
fn unique(groups: Vec<Known<Group>>, machine: &str) -> Vec<Known<Group>> {
    let mut all: Vec<Known<Group>> = Vec::new();
    for mut group in groups {
        if group.value.name.is_empty() || group.value.name == "base" {
            group.value.name = slug(&format!("{machine}-{}", group.value.name));
        }
        match all.iter_mut().find(|known| known.value.name == group.value.name) {
            Some(known) => known.value.agents.append(&mut group.value.agents),
            None => all.push(group),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;

    fn of(text: &str) -> Vec<(String, Vec<String>, char)> {
        let config = startup::read("a/config/startup.yaml", text).unwrap();
        find(&config, "main")
            .into_iter()
            .map(|known| (known.value.name, known.value.agents, known.mark.sign().unwrap()))
            .collect()
    }

    fn agent(name: &str, dependencies: &str) -> String {
        format!("  - {{name: {name}, script_path: {name}.py, port: 1000, dependencies: [{dependencies}]}}\n")
    }

    #[test]
    fn groups_are_taken_from_what_the_file_says() {
        let lists = format!("core_services:\n{}memory:\n{}", agent("A", ""), agent("B", "A"));
        let two = [
            ("core-services".to_owned(), vec!["A".to_owned()], '~'),
            ("memory".to_owned(), vec!["B".to_owned()], '~'),
        ];
        assert_eq!(of(&lists), two);
        let nested = "agent_groups:\n  core_services:\n    A: {script_path: a.py, port: 1}\n  memory:\n    B: {script_path: b.py, port: 2}\n";
        assert_eq!(of(nested), two);
        let named = format!(
            "agents:\n{}{}docker_groups:\n  core_services: {{description: x, agents: [A]}}\n",
            agent("A", ""),
            agent("B", "")
        );
        let found = of(&named);
        assert_eq!(found[0], ("core-services".to_owned(), vec!["A".to_owned()], '='));
        assert_eq!(found[1], ("others".to_owned(), vec!["B".to_owned()], '?'));
        let comments = format!(
            "agents:\n  # Core Services\n{}{}  # Memory\n{}{}",
            agent("A", ""),
            agent("B", ""),
            agent("C", ""),
            agent("D", "")
        );
        let names: Vec<String> = of(&comments).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["core-services", "memory"]);
    }

    #[test]
    fn agents_that_have_one_port_are_in_different_groups() {
        let known = |name: &str, agents: &[&str]| {
            let agents = agents.iter().map(|agent| (*agent).to_owned()).collect();
            Known::written(group(name, agents), Evidence::new("c.yaml", 1, "says so"))
        };
        let ports = |agent: &str| {
            let ports: &[u16] = match agent {
                "A" => &[1000, 1001],
                "B" => &[1001, 1002],
                "C" => &[1002, 1003],
                "D" => &[1001, 1003],
                _ => &[],
            };
            let of = |port: &u16| (*port, Evidence::new("c.yaml", usize::from(*port), "binds it"));
            ports.iter().map(of).collect()
        };
        let groups = vec![known("core", &["A", "B", "C", "D", "E"]), known("core-2", &["A"])];
        let found = apart(groups, &mut BTreeSet::new(), &ports);
        let shown: Vec<String> = found
            .iter()
            .map(|known| format!("{} {}", known.value.name, known.value.agents.join("")))
            .collect();
        assert_eq!(shown, ["core ACE", "core-3 B", "core-4 D", "core-2 A"]);
        let why = &found[1].evidence[0];
        assert_eq!(
            (why.place().as_str(), why.says.as_str()),
            ("c.yaml:1001", "`B` has 1001, like `A`: one container has it once")
        );
        assert_eq!(found[0].evidence[0].says, "says so");
    }

    #[test]
    fn without_a_word_they_are_clusters_of_dependencies() {
        let mut text = "agents:\n".to_owned();
        for number in 0..10 {
            text += &agent(&format!("Left{number}"), if number == 0 { "" } else { "Left0" });
            text += &agent(&format!("Right{number}"), if number == 0 { "" } else { "Right0" });
        }
        text += &agent("Alone", "");
        let found = of(&text);
        let names: Vec<(&str, usize)> = found
            .iter()
            .map(|(name, agents, _)| (name.as_str(), agents.len()))
            .collect();
        assert_eq!(names, [("left0", 10), ("right0", 10), ("main-1", 1)]);
        assert!(found.iter().all(|(.., sign)| *sign == '?'));
        let short = format!("agents:\n{}", agent("A", ""));
        assert_eq!(of(&short), [("main".to_owned(), vec!["A".to_owned()], '~')]);
    }
}
