//! Reading and validating the group config: every error at once, each with file and line where they are known.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use contract::group_config::{Agent, GroupConfig, VERSION};
use contract::health::{Check, Kind};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

/// The longest time that may be written, in milliseconds: sums of times stay far from overflowing.
const YEAR_MS: u64 = 365 * 24 * 3_600_000;

/// A config that can be run, and what is worth a warning.
#[derive(Debug)]
pub struct Loaded {
    /// The config.
    pub config: GroupConfig,
    /// Things that look wrong and stop nothing.
    pub warnings: Vec<String>,
}

/// Reads a file; `Err` has every error.
pub fn load(path: &Path) -> Result<Loaded, Vec<String>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| vec![format!("cannot read `{}`: {error}", path.display())])?;
    read(&text, &path.display().to_string())
}

/// Reads a text; `file` is what errors call it.
pub fn read(text: &str, file: &str) -> Result<Loaded, Vec<String>> {
    let options = serde_saphyr::options! { with_snippet: false };
    let config: GroupConfig = match serde_saphyr::from_str_with_options(text, options) {
        Ok(config) => config,
        Err(error) => {
            let place = error
                .location()
                .map_or_else(|| file.to_owned(), |at| format!("{file}:{}:{}", at.line(), at.column()));
            // The library says the place at the end of its first line as well.
            let message = error.to_string();
            let message = message.lines().next().unwrap_or_default();
            let message = message.split(" at line ").next().unwrap_or(message);
            return Err(vec![printable(&format!("{place}: {message}"))]);
        }
    };
    let lines = agent_lines(text);
    let (errors, warnings) = validate(&config);
    let place = |(agent, message): (Option<usize>, String)| match agent.and_then(|a| lines.get(a)) {
        Some(line) => printable(&format!("{file}:{line}: {message}")),
        None => printable(&format!("{file}: {message}")),
    };
    if errors.is_empty() {
        Ok(Loaded {
            config,
            warnings: warnings.into_iter().map(place).collect(),
        })
    } else {
        Err(errors.into_iter().map(place).collect())
    }
}

/// The text without characters that a terminal would act on: what the file says is quoted in messages.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A message, with the agent it is about.
type Message = (Option<usize>, String);

fn validate(config: &GroupConfig) -> (Vec<Message>, Vec<Message>) {
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
        errors.push((None, "no agents".to_owned()));
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
    for led in &agent.ports {
        // Its health may be asked where it is bound.
        if !(explicit && agent.asked_port() == Some(led.target)) {
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

/// The line on which each agent begins.
fn agent_lines(text: &str) -> Vec<u64> {
    #[derive(Deserialize)]
    struct Outline {
        agents: Vec<Spanned<IgnoredAny>>,
    }
    serde_saphyr::from_str::<Outline>(text).map_or_else(
        |_| Vec::new(),
        |outline| outline.agents.iter().map(|agent| agent.referenced.line()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::read;

    fn errors(text: &str) -> Vec<String> {
        read(text, "g.yaml").unwrap_err()
    }

    #[test]
    fn the_plan_s_own_shape_works() {
        let text = "agents:\n- name: A\n  script_path: a.py\n  host: 0.0.0.0\n  port: 5575\n  dependencies: [B]\n";
        let loaded = read(text, "g.yaml").unwrap();
        assert_eq!(loaded.config.status_port, 9000);
        assert_eq!(loaded.config.agents[0].health_port(), 5576);
        assert!(loaded.warnings.is_empty());
    }

    #[test]
    fn what_a_terminal_acts_on_is_no_name_and_not_shown() {
        let said = errors("agents:\n- {name: \"a\\e[31m\\u009b\", script_path: a.py, port: 1}\n").join("\n");
        assert!(
            said.contains(r"`a\u{1b}[31m\u{9b}` cannot be an agent's name"),
            "{said}"
        );
        let said = errors("agents: []\n\"\\e[31m\": 1\n").join("\n");
        assert!(!said.contains('\u{1b}'), "{said}");
    }

    #[test]
    fn every_error_is_said_with_its_line() {
        let text = "version: 2\nstatus_port: 10\nagents:\n- {name: A, script_path: a.py, port: 10}\n\
                    - {name: A, script_path: '', port: 30, health_check_port: 10}\n- {name: ../x, script_path: x, port: 0}\n\
                    supervision: {crash_limit: 0}\n";
        let errors = errors(text);
        let all = errors.join("\n");
        assert!(all.contains("g.yaml: version 2 is unknown"), "{all}");
        assert!(all.contains("g.yaml:4: port 10 is used twice: the status endpoint, port of `A`"));
        assert!(all.contains("g.yaml:5: agent `A` is defined twice"), "{all}");
        assert!(all.contains("g.yaml:5: agent `A` has no script"), "{all}");
        assert!(all.contains("g.yaml:6: `../x` cannot be"), "{all}");
        assert!(all.contains("g.yaml:6: port of agent `../x` is 0"), "{all}");
        assert!(all.contains("crash_limit must be 1"), "{all}");
        assert_eq!(errors.len(), 8, "{all}");
    }

    #[test]
    fn a_health_check_has_what_its_kind_has() {
        let said = errors(
            "agents:\n- {name: A, script_path: a.py, port: 10, health: {kind: process, port: 11, path: x y, ask: z, expect: [v]}}\n\
             dependencies_elsewhere:\n- {name: B, machine: m, group: g, host: 10.0.0.1, health_check_port: 5, health: {kind: process}}\n",
        )
        .join("\n");
        for problem in [
            "g.yaml:2: health of agent `A`: its path must begin with `/`",
            "only http has a path",
            "only zmq asks with words",
            "process has no port",
            "only zmq and http expect words",
            "`B` of dependencies_elsewhere has no status_port",
        ] {
            assert!(said.contains(problem), "{problem}: {said}");
        }
        let one = "agents:\n- {name: A, script_path: a.py, port: 10, health: {kind: http, port: 10}}\n\
                   - {name: B, script_path: a.py, port: 11, health: {kind: process}}\n\
                   - {name: C, script_path: a.py, port: 12, health: {kind: tcp, port: 12}}\n";
        assert!(read(one, "g.yaml").unwrap().warnings.is_empty());
    }

    #[test]
    fn yaml_errors_have_line_and_column() {
        assert!(errors("agents: [\n")[0].starts_with("g.yaml:"));
        let unknown = errors("agents:\n- {name: A, script_path: a, port: 5, colour: red}\n");
        assert!(unknown[0].starts_with("g.yaml:2:"), "{unknown:?}");
        assert!(unknown[0].contains("colour"), "{unknown:?}");
        let twice = errors("group: a\ngroup: b\nagents: []\n");
        assert!(twice[0].contains("g.yaml:2:"), "{twice:?}");
    }

    #[test]
    fn a_clash_of_the_implicit_health_port_is_a_warning() {
        let text = "agents:\n- {name: A, script_path: a.py, port: 10}\n- {name: B, script_path: b.py, port: 11}\n";
        let loaded = read(text, "g.yaml").unwrap();
        assert_eq!(loaded.warnings.len(), 1);
        assert!(loaded.warnings[0].contains("explicit health_check_port"));
    }
}
