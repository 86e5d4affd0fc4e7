//! Procfiles: `name: command` a line. `PORT=…` in front of the command or a `--port` of it is the port.

use super::{Startup, StartupAgent};
use crate::finding::{Finding, Subject};
use crate::stack::read::Reader;
use crate::stack::spans::{Source, Span};

/// Whether a file is one, by its name: `Procfile`, `Procfile.dev`, `x.procfile`.
#[must_use]
pub fn is_one(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    name == "procfile" || name.starts_with("procfile.") || name.ends_with(".procfile")
}

/// Reads one. What starts no Python is somebody else's, and is left alone.
pub fn read(source: &Source, names: &mut Vec<String>) -> (Startup, Vec<Finding>) {
    let mut reader = Reader::new(source);
    let mut startup = Startup::new(&source.path);
    let folder = source.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
    for (index, line) in source.text.lines().enumerate() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let place = reader.place(Span {
            line: index + 1,
            column: 1,
            width: 0,
        });
        let Some((name, command)) = trimmed
            .split_once(':')
            .filter(|(name, _)| !name.contains(char::is_whitespace))
        else {
            reader.findings.push(
                Finding::error("stack/syntax", place, "this line is not `NAME: COMMAND`")
                    .with_help("write the name of a process, a colon, and its command"),
            );
            continue;
        };
        let before = reader.findings.len();
        reader.check_name(name, &place, "an agent");
        names.push(name.to_owned());
        reader.mark(before, &Subject::any_agent(name));
        if reader.findings.len() > before {
            continue;
        }
        let mut agent = StartupAgent::of_program(name, &place);
        agent.folders.extend(folder.clone());
        if agent.take_command(&super::command::words(command), &place) {
            agent.take_port();
            startup.agents.push(agent);
        }
    }
    (startup, reader.findings)
}

#[cfg(test)]
pub(super) mod tests {
    use crate::stack::fixture::Fixture;

    /// What a stack of one machine with this startup config has, as `name script|module port words`.
    pub fn agents(path: &str, text: &str) -> (Vec<String>, Vec<String>) {
        let mut fixture = Fixture::small().text(path, text);
        fixture.tree.files.insert("requirements.txt".to_owned());
        fixture.stack = format!("machines:\n  main:\n    startup_config: {path}\n").into_bytes();
        let (stack, findings) = fixture.load();
        let said = findings.iter().map(crate::stack::fixture::line).collect();
        let stack = stack.expect("a stack");
        let agents = stack.agents.iter().map(|agent| {
            let target = agent.module.as_deref().unwrap_or(&agent.script_path);
            format!("{} {target} {} {}", agent.name, agent.port, agent.arguments.join(" "))
                .trim_end()
                .to_owned()
        });
        (agents.collect(), said)
    }

    #[test]
    fn processes_are_agents() {
        let text = "# all of it\nalpha: python main/alpha.py --port 5000 --fast\nbeta: PORT=6000 python3 -u -m main.gamma\n\n\
                    redis: redis-server\nfree: exec python pc2/delta.py\n";
        let (agents, said) = agents("Procfile", text);
        assert_eq!(said, Vec::<String>::new());
        assert_eq!(
            agents,
            [
                "alpha main/alpha.py 5000 --port 5000 --fast",
                "beta main.gamma 6000",
                "free pc2/delta.py 21000"
            ]
        );
    }

    #[test]
    fn a_line_that_is_none_costs_that_line() {
        let (agents, said) = agents(
            "Procfile.dev",
            "what is this\nal/pha: python main/alpha.py\nbeta: python main/gamma.py\n",
        );
        assert_eq!(agents, ["beta main/gamma.py 21000"]);
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(
            said[0].starts_with("Procfile.dev:1:1 error stack/syntax: this line is not `NAME: COMMAND`"),
            "{said:#?}"
        );
        assert!(
            said[1].contains("Procfile.dev:2:1 error stack/bad-name: an agent cannot be called `al/pha`"),
            "{said:#?}"
        );
    }
}
