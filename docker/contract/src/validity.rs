//! Which group configs a supervisor runs: what it refuses, nothing may write.

use std::collections::{HashMap, HashSet};

use crate::group_config::{Agent, GroupConfig, VERSION};
use crate::health::{Check, Kind};

/// The longest time that may be written, in milliseconds: sums of times stay far from overflowing.
const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// A message, with the place in the list of the agent that it is about.
pub type Message = (Option<usize>, String);

/// What is wrong with a config, so that no supervisor runs it, and what looks wrong and stops nothing.
#[must_use]
pub fn validate(config: &GroupConfig) -> (Vec<Message>, Vec<Message>) {
    let mut errors = Vec::new();
    let mut warnings = Vec::new();
    if config.version != VERSION {
        errors.push((
            None,
            format!(
                "version {} is unknown: this supervisor reads version {VERSION}",
                config.version
            ),
        ));
    }
    if config.agents.is_empty() {
        // All that it had may have been left out, each with its reason.
        warnings.push((None, "no agents: nothing is started".to_owned()));
    }
    let mut names = HashSet::new();
    let mut ports: Ports = HashMap::new();
    ports.insert(config.status_port, ("the status endpoint".to_owned(), true));
    for (at, agent) in config.agents.iter().enumerate() {
        identity(agent, &mut names, |problem| errors.push((Some(at), problem)));
        for clash in own_ports(agent, &mut ports) {
            match clash {
                Clash::Error(message) => errors.push((Some(at), message)),
                Clash::Warning(message) => warnings.push((Some(at), message)),
            }
        }
    }
    for (at, agent) in config.agents.iter().enumerate() {
        for problem in health_problems(&agent.health) {
            errors.push((Some(at), format!("health of agent `{}`: {problem}", agent.name)));
        }
    }
    for service in &config.host_services {
        if let Some((other, _)) = ports.get(&service.port) {
            errors.push((
                None,
                format!("port {} is used twice: {other}, a host service", service.port),
            ));
        }
    }
    for (at, agent) in config.agents.iter().enumerate() {
        if agent.stop_grace_ms.is_some_and(|ms| ms > YEAR_MS) {
            errors.push((
                Some(at),
                format!("stop_grace_ms of agent `{}` is longer than a year", agent.name),
            ));
        }
    }
    dependencies_elsewhere(config, &mut errors);
    supervision(config, &mut errors);
    (errors, warnings)
}

/// What is wrong with an agent's name and script; `names` are those of the agents before it.
fn identity<'a>(agent: &'a Agent, names: &mut HashSet<&'a str>, mut wrong: impl FnMut(String)) {
    let name = &agent.name;
    if name.is_empty() || name.starts_with('.') || name.contains(|c: char| c == '/' || c.is_control()) {
        wrong(format!("`{name}` cannot be an agent's name"));
    }
    if !names.insert(name.as_str()) {
        wrong(format!("agent `{name}` is defined twice"));
    }
    if agent.script_path.is_empty() {
        wrong(format!("agent `{name}` has no script"));
    }
}

/// Ports that are taken: by whom, and whether it is meant to be this one.
type Ports = HashMap<u16, (String, bool)>;

/// What is wrong with a port.
enum Clash {
    /// Not both can have it.
    Error(String),
    /// It works in configs that are in use.
    Warning(String),
}

/// Takes an agent's ports; what is wrong with them.
fn own_ports(agent: &Agent, taken: &mut Ports) -> Vec<Clash> {
    let name = &agent.name;
    let to_itself = agent.ports.iter().filter(|led| led.port == led.target);
    let mut clashes: Vec<Clash> = to_itself
        .map(|led| Clash::Error(format!("port {} of agent `{name}` leads to itself", led.port)))
        .collect();
    for (port, what, sure) in ports_of(agent) {
        if port == 0 {
            clashes.push(Clash::Error(format!("{what} of agent `{name}` is 0")));
            continue;
        }
        let owner = format!("{what} of `{name}`");
        let Some((other, other_sure)) = taken.get(&port) else {
            taken.insert(port, (owner, sure));
            continue;
        };
        clashes.push(if sure && *other_sure {
            Clash::Error(format!("port {port} is used twice: {other}, {owner}"))
        } else {
            // Today's rule, `port + 1`, clashes in configs that run all the same.
            Clash::Warning(format!(
                "port {port} is used twice: {other}, {owner}; give an explicit health_check_port"
            ))
        });
    }
    clashes
}

/// The ports that an agent has: number, what it is, and whether it is meant to be this one.
fn ports_of(agent: &Agent) -> Vec<(u16, &'static str, bool)> {
    let mut own = vec![(agent.port, "port", true)];
    let explicit = agent.health_check_port.is_some() || agent.health.port.is_some();
    // Of a health check of another kind, or on a port of its own, it is no slip that the agent has one port for both.
    let both = agent.health.kind != Kind::Zmq || agent.health.port.is_some();
    if let Some(asked) = agent.asked_port().filter(|port| !(both && *port == agent.port)) {
        own.push((asked, "health_check_port", explicit));
    }
    for (at, led) in agent.ports.iter().enumerate() {
        // Its health may be asked where it is bound, and two ports may lead there.
        let is_known = agent.ports[..at].iter().any(|other| other.target == led.target);
        let is_asked = explicit && agent.asked_port() == Some(led.target);
        if !is_known && !is_asked {
            own.push((led.target, "bound port", true));
        }
        if led.port != agent.port && Some(led.port) != agent.asked_port() {
            own.push((led.port, "further port", true));
        }
    }
    own
}

/// What is wrong with what is said of agents in other containers.
fn dependencies_elsewhere(config: &GroupConfig, errors: &mut Vec<Message>) {
    let mut away = HashSet::new();
    for dependency in &config.dependencies_elsewhere {
        if dependency.health.kind == Kind::Process && dependency.status_port.is_none() {
            errors.push((
                None,
                format!(
                    "`{}` of dependencies_elsewhere has no status_port: of an agent that is asked nothing, only its supervisor knows",
                    dependency.name
                ),
            ));
        }
        if !away.insert(dependency.name.as_str()) {
            errors.push((
                None,
                format!("`{}` is twice in dependencies_elsewhere", dependency.name),
            ));
        }
    }
}

/// What is wrong with the times and bounds of supervision.
fn supervision(config: &GroupConfig, errors: &mut Vec<Message>) {
    let supervision = &config.supervision;
    for (key, value) in [
        ("health_interval_ms", supervision.health_interval_ms),
        ("health_timeout_ms", supervision.health_timeout_ms),
        ("health_retries", supervision.health_retries.into()),
        ("crash_limit", supervision.crash_limit.into()),
        ("preload_timeout_ms", supervision.preload_timeout_ms),
        ("log_max_bytes", supervision.log_max_bytes),
    ] {
        if value == 0 {
            errors.push((None, format!("supervision.{key} must be 1 or more")));
        }
    }
    for (key, value) in [
        ("health_interval_ms", supervision.health_interval_ms),
        ("health_timeout_ms", supervision.health_timeout_ms),
        ("start_period_ms", supervision.start_period_ms),
        ("settle_ms", supervision.settle_ms),
        ("stop_grace_ms", supervision.stop_grace_ms),
        ("backoff_initial_ms", supervision.backoff_initial_ms),
        ("backoff_max_ms", supervision.backoff_max_ms),
        ("crash_window_ms", supervision.crash_window_ms),
        ("preload_timeout_ms", supervision.preload_timeout_ms),
    ] {
        if value > YEAR_MS {
            errors.push((None, format!("supervision.{key} is longer than a year")));
        }
    }
}

/// What a health check cannot have.
fn health_problems(check: &Check) -> Vec<&'static str> {
    let broken = |text: &String| text.contains(|c: char| c.is_control() || c.is_whitespace());
    let path = check.path.as_ref();
    [
        (
            path.is_some_and(|path| !path.starts_with('/') || broken(path)),
            "its path must begin with `/` and be without spaces",
        ),
        (path.is_some() && check.kind != Kind::Http, "only http has a path"),
        (
            check.ask.is_some() && check.kind != Kind::Zmq,
            "only zmq asks with words",
        ),
        (
            check.port.is_some() && check.kind == Kind::Process,
            "process has no port",
        ),
        (
            !check.expect.is_empty() && matches!(check.kind, Kind::Tcp | Kind::Process),
            "only zmq and http expect words",
        ),
        (
            check.start_period_ms.is_some_and(|ms| ms > YEAR_MS),
            "its start period is longer than a year",
        ),
    ]
    .into_iter()
    .filter_map(|(wrong, problem)| wrong.then_some(problem))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::validate;
    use crate::group_config::GroupConfig;

    /// Errors and warnings of a group with these ports of one agent, and another on 5001.
    fn said(agent: serde_json::Value) -> (Vec<String>, Vec<String>) {
        let mut one = serde_json::json!({"name": "A", "script_path": "a.py", "port": 5000, "health_check_port": 7000});
        if let (Some(one), serde_json::Value::Object(more)) = (one.as_object_mut(), agent) {
            one.extend(more);
        }
        let other = serde_json::json!({"name": "B", "script_path": "b.py", "port": 5001, "health_check_port": 7001});
        let config: GroupConfig = serde_json::from_value(serde_json::json!({"agents": [one, other]})).unwrap();
        let (errors, warnings) = validate(&config);
        let texts = |messages: Vec<super::Message>| messages.into_iter().map(|(_, text)| text).collect();
        (texts(errors), texts(warnings))
    }

    #[test]
    fn two_ports_may_lead_to_one_and_a_port_that_is_bound_is_not_listened_on() {
        let led = |ports: &[(u16, u16)]| {
            let ports: Vec<_> = ports
                .iter()
                .map(|(port, target)| serde_json::json!({"port": port, "target": target}))
                .collect();
            said(serde_json::json!({ "ports": ports })).0
        };
        assert_eq!(led(&[(6000, 5555), (6001, 5555)]), Vec::<String>::new());
        assert_eq!(
            led(&[(6000, 5555), (5555, 5556)]),
            ["port 5555 is used twice: bound port of `A`, further port of `A`"]
        );
        assert_eq!(
            led(&[(6000, 5001)]),
            ["port 5001 is used twice: bound port of `A`, port of `B`"]
        );
    }

    #[test]
    fn one_number_for_both_is_refused_unless_it_is_said_to_be_asked() {
        let same = serde_json::json!({"health_check_port": 5000});
        assert_eq!(
            said(same).0,
            ["port 5000 is used twice: port of `A`, health_check_port of `A`"]
        );
        let asked = serde_json::json!({"health_check_port": 5000, "health": {"port": 5000}});
        assert_eq!(said(asked).0, Vec::<String>::new());
    }

    #[test]
    fn a_group_that_has_lost_all_its_agents_is_no_error() {
        let config: GroupConfig = serde_json::from_value(serde_json::json!({"agents": []})).unwrap();
        let (errors, warnings) = validate(&config);
        assert_eq!((errors.len(), warnings.len()), (0, 1));
    }
}
