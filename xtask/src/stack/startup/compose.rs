//! Compose files: a service whose `command` or `entrypoint` starts Python is an agent. `environment`, `ports` and `depends_on` are its
//! own; a script is relative to `build.context`. A service that is built and names no command is started as its Dockerfile says.

use super::values::Values;
use super::{Startup, StartupAgent, command, entry, find, settings};
use crate::finding::{Finding, Subject};
use crate::stack::read::{Fields, Reader};
use crate::stack::spans::At;
use crate::stack::tree::normal;
use crate::stack::yaml::{Entry, Node, Value};

/// Keys that only services of a Compose file have.
const TELLING: [&str; 2] = ["build", "image"];

/// The services of a Compose file; nothing where a config is none.
#[must_use]
pub fn services(top: &[Entry]) -> Option<&[Entry]> {
    let services = top.iter().find(|entry| entry.key == "services")?;
    let Value::Mapping(services) = &services.value.value else {
        return None;
    };
    let is_service = |entry: &Entry| match &entry.value.value {
        Value::Mapping(inner) => inner.iter().any(|entry| TELLING.contains(&entry.key.as_str())),
        _ => false,
    };
    services.iter().any(is_service).then_some(services)
}

/// Reads the services. `dockerfile` gives the text of a file of the tree.
pub fn read<'a>(
    reader: &mut Reader<'a>,
    services: &'a [Entry],
    values: &Values<'_>,
    dockerfile: &dyn Fn(&str) -> Option<String>,
    names: &mut Vec<String>,
    startup: &mut Startup,
) {
    let config_folder = startup.folder.clone();
    for service in services {
        let before = reader.findings.len();
        let place = reader.place(service.key_span);
        reader.check_name(&service.key, &place, "an agent");
        names.push(service.key.clone());
        if reader.findings.len() == before
            && let Some(fields) = reader.fields(&service.value, &format!("service `{}`", service.key), place)
        {
            let agent = self::service(reader, fields, service, values, dockerfile, &config_folder);
            startup.agents.extend(agent);
        }
        reader.mark(before, &Subject::any_agent(&service.key));
    }
}

fn service<'a>(
    reader: &mut Reader<'a>,
    mut fields: Fields<'a>,
    service: &Entry,
    values: &Values<'_>,
    dockerfile: &dyn Fn(&str) -> Option<String>,
    config_folder: &str,
) -> Option<StartupAgent> {
    let place = fields.place.clone();
    let mut agent = StartupAgent::of_program(&service.key, &place);
    // A service is a container of its own.
    agent.group = Some(service.key.clone());
    let build = fields.get("build").map(|node| Build::of(node, values, config_folder));
    if let Some(build) = &build {
        agent.folders.push(build.context.clone());
    }
    let mut words = Vec::new();
    let mut written = false;
    for key in ["entrypoint", "command"] {
        if let Some(node) = fields.get(key) {
            written = true;
            words.extend(words_of(reader, node, values, key));
        }
    }
    if !written && let Some(build) = &build {
        let path = normal(&format!("{}/{}", build.context, build.dockerfile));
        match dockerfile(&path) {
            Some(text) => words = started_by(&text),
            None => {
                reader.findings.push(
                    Finding::error(
                        "stack/missing-key",
                        place,
                        format!(
                            "service `{}` has no `command`, and `{path}` cannot be read",
                            service.key
                        ),
                    )
                    .with_help("add `command:`, or the Dockerfile to the tree"),
                );
                return None;
            }
        }
    }
    if let Some(node) = fields.get("environment") {
        for (name, mut at) in settings::of_environment(reader, node) {
            at.value = values.fill(&at.value);
            agent.environment.insert(name, at);
        }
        agent.environment.remove("PYTHONPATH");
    }
    // In such files, two are one.
    for word in &mut words {
        *word = word.replace("$$", "$");
    }
    if !agent.take_command(&words, &place) {
        // Not Python: a database, a broker.
        return None;
    }
    if let Some(node) = fields.get("depends_on") {
        agent.dependencies = entry::dependencies(reader, node, "`depends_on`");
    }
    for key in ["ports", "expose"] {
        if let Some(Value::Sequence(items)) = fields.get(key).map(|node| &node.value)
            && !agent.has_port()
        {
            let port = items
                .iter()
                .find_map(|item| container_port(item, values).map(|port| (port, item)));
            if let Some((value, item)) = port {
                let place = reader.place(item.span);
                agent.port = At { value, place };
            }
        }
    }
    agent.take_port();
    Some(agent)
}

/// `build:`, relative to the tree.
struct Build {
    context: String,
    dockerfile: String,
}

impl Build {
    fn of(node: &Node, values: &Values<'_>, config_folder: &str) -> Self {
        let (context, dockerfile) = match &node.value {
            Value::Scalar { text, .. } => (Some(text.as_str()), None),
            Value::Mapping(entries) => (find::text(entries, "context"), find::text(entries, "dockerfile")),
            Value::Sequence(_) => (None, None),
        };
        let context = values.fill(context.unwrap_or("."));
        Self {
            context: normal(&format!("{config_folder}/{context}")),
            dockerfile: values.fill(dockerfile.unwrap_or("Dockerfile")),
        }
    }
}

fn words_of<'a>(reader: &mut Reader<'a>, node: &'a Node, values: &Values<'_>, key: &str) -> Vec<String> {
    match &node.value {
        Value::Sequence(items) => {
            let item = format!("an item of `{key}`");
            let words = items.iter().filter_map(|node| reader.scalar(node, &item));
            words.map(|at| values.fill(&at.value)).collect()
        }
        _ => {
            let text = reader.scalar(node, &format!("`{key}`"));
            text.map(|at| command::words(&values.fill(&at.value)))
                .unwrap_or_default()
        }
    }
}

/// What a Dockerfile starts: its last ENTRYPOINT with its last CMD.
fn started_by(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ").replace("\\\r\n", " ");
    let (mut entrypoint, mut cmd) = (Vec::new(), Vec::new());
    for line in joined.lines() {
        let Some((word, rest)) = line.trim().split_once(char::is_whitespace) else {
            continue;
        };
        let words = || match serde_json::from_str::<Vec<String>>(rest.trim()) {
            Ok(words) => words,
            Err(_) => command::words(rest),
        };
        match word.to_ascii_uppercase().as_str() {
            "FROM" => (entrypoint, cmd) = (Vec::new(), Vec::new()),
            "ENTRYPOINT" => (entrypoint, cmd) = (words(), Vec::new()),
            "CMD" => cmd = words(),
            _ => {}
        }
    }
    entrypoint.extend(cmd);
    entrypoint
}

/// The port inside the container: `"8000:5000/tcp"`, `5000`, `127.0.0.1:1:5000`, `{target: 5000}`; the first of a range.
fn container_port(node: &Node, values: &Values<'_>) -> Option<u16> {
    let text = match &node.value {
        Value::Scalar { text, .. } => text.as_str(),
        Value::Mapping(entries) => find::text(entries, "target")?,
        Value::Sequence(_) => return None,
    };
    let filled = values.fill(text);
    let last = filled.rsplit(':').next().unwrap_or(&filled);
    let port = last.split(['/', '-']).next().unwrap_or(last);
    port.trim().parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::super::procfile::tests::agents;
    use super::started_by;
    use crate::stack::fixture::Fixture;

    #[test]
    fn services_that_start_python_are_agents() {
        let text = "x-base: &base {image: python:3.11}\nservices:\n  alpha:\n    build: {context: ./main}\n    command: python alpha.py --fast\n\
                    \x20   environment: [A=b, PORT=9]\n    ports: ['8000:5000/tcp']\n    depends_on: [gamma, redis]\n\
                    \x20 gamma:\n    <<: *base\n    entrypoint: [python3, -m]\n    command: [main.gamma, --port, \"${P:-6000}\"]\n\
                    \x20   depends_on: {redis: {condition: service_healthy}}\n  redis: {image: redis, ports: [6379]}\n\
                    \x20 far: {image: x, command: sh -c 'exec python pc2/delta.py', expose: [7000]}\nvolumes: {data: {}}\n";
        let (agents, said) = agents("docker-compose.yml", text);
        assert_eq!(said, Vec::<String>::new());
        assert_eq!(
            agents,
            [
                "alpha main/alpha.py 5000 --fast",
                "gamma main.gamma 6000 --port 6000",
                "far pc2/delta.py 7000"
            ]
        );
    }

    #[test]
    fn a_service_without_a_command_is_started_as_its_dockerfile_says() {
        let text = "services:\n  alpha: {build: main}\n  beta: {build: {context: pc2, dockerfile: none}}\n";
        let mut fixture = Fixture::small()
            .text("compose.yaml", text)
            .text("main/Dockerfile", "FROM python:3.11\nCMD [\"python\", \"alpha.py\"]\n");
        fixture.stack = b"machines: {main: {startup_config: compose.yaml}}\n".to_vec();
        let stack = fixture.model();
        assert_eq!(stack.agents.len(), 1);
        assert_eq!(stack.agents[0].script_path, "main/alpha.py");
        let says = fixture.says();
        assert!(
            says.iter()
                .any(|line| line.contains("service `beta` has no `command`, and `pc2/none` cannot be read")),
            "{says:#?}"
        );
    }

    #[test]
    fn the_last_stage_of_a_dockerfile_counts() {
        assert_eq!(
            started_by("FROM a\nCMD x\nFROM b\nentrypoint [\"python\"]\nCMD [\"a.py\", \\\n \"b\"]\n"),
            ["python", "a.py", "b"]
        );
        assert_eq!(started_by("FROM a\nRUN x\n"), Vec::<String>::new());
    }
}
