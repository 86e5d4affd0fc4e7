//! `supervisord.conf`: each `[program:NAME]` with its `command`, `directory`, `environment` and `autostart`; `[group:NAME]` names groups.

use std::collections::BTreeMap;

use super::{NamedGroup, Startup, StartupAgent, slug};
use crate::finding::{Finding, Place, Subject};
use crate::stack::read::Reader;
use crate::stack::spans::{At, Source, Span};

/// Whether a file is one, by its name and a section of it.
#[must_use]
pub fn is_one(path: &str, text: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "conf" | "ini" | "cfg") && text.lines().any(|line| line.trim_start().starts_with("[program:"))
}

/// A section with its keys.
struct Section {
    /// `program:alpha`.
    name: String,
    place: Place,
    keys: BTreeMap<String, At<String>>,
}

/// Reads one.
pub fn read(source: &Source, names: &mut Vec<String>) -> (Startup, Vec<Finding>) {
    let mut reader = Reader::new(source);
    let mut startup = Startup::new(&source.path);
    let sections = sections(&mut reader);
    let folder = source.path.rsplit_once('/').map(|(folder, _)| folder);
    for section in &sections {
        let Some(name) = section.name.strip_prefix("program:").map(str::trim) else {
            continue;
        };
        let before = reader.findings.len();
        reader.check_name(name, &section.place, "an agent");
        names.push(name.to_owned());
        if reader.findings.len() == before {
            startup.agents.extend(program(&mut reader, section, name, folder));
        }
        reader.mark(before, &Subject::any_agent(name));
    }
    startup.groups = groups(&sections, &startup.agents);
    (startup, reader.findings)
}

fn program(reader: &mut Reader<'_>, section: &Section, name: &str, folder: Option<&str>) -> Option<StartupAgent> {
    let key = |key: &str| section.keys.get(key);
    let is_off = |at: &At<String>| crate::stack::yaml::boolean(at.value.trim()) == Some(false);
    if key("autostart").is_some_and(is_off) {
        return None;
    }
    let mut agent = StartupAgent::of_program(name, &section.place);
    let Some(command) = key("command") else {
        reader.findings.push(
            Finding::error(
                "stack/missing-key",
                section.place.clone(),
                format!("program `{name}` has no `command`"),
            )
            .with_help("add `command=python …`"),
        );
        return None;
    };
    if let Some(directory) = key("directory") {
        agent.folders.push(expanded(&directory.value, name, folder));
    }
    agent.folders.extend(folder.map(str::to_owned));
    let words = super::command::words(&expanded(&command.value, name, folder));
    if !agent.take_command(&words, &command.place) {
        // Not Python: somebody else's.
        return None;
    }
    if let Some(environment) = key("environment") {
        for (variable, value) in variables(&expanded(&environment.value, name, folder)) {
            let place = environment.place.clone();
            agent.environment.insert(variable, At { value, place });
        }
        agent.environment.remove("PYTHONPATH");
    }
    agent.take_port();
    Some(agent)
}

/// What supervisord fills in itself.
fn expanded(text: &str, name: &str, folder: Option<&str>) -> String {
    text.replace("%(program_name)s", name)
        .replace("%(here)s", folder.unwrap_or("."))
        .replace("%(process_num)d", "0")
        .replace("%%", "%")
}

/// `A="x",B=y` as pairs.
fn variables(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.trim();
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => behind[1..].split_once(quote).unwrap_or((&behind[1..], "")),
            None => behind
                .split_once(',')
                .map_or((behind, ""), |(value, _)| (value, &behind[value.len()..])),
        };
        pairs.push((name.trim().to_owned(), value.trim().to_owned()));
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    pairs.retain(|(name, _)| crate::stack::environment::is_name(name));
    pairs
}

fn sections(reader: &mut Reader<'_>) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut last: Option<String> = None;
    let source = reader.source;
    for (index, line) in source.text.lines().enumerate() {
        let place = reader.place(Span {
            line: index + 1,
            column: 1,
            width: 0,
        });
        let text = uncommented(line);
        if text.trim().is_empty() {
            continue;
        }
        if let Some(name) = text.trim().strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            last = None;
            sections.push(Section {
                name: name.trim().to_owned(),
                place,
                keys: BTreeMap::new(),
            });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            continue;
        };
        if text.starts_with(char::is_whitespace)
            && let Some(value) = last.as_ref().and_then(|key| section.keys.get_mut(key))
        {
            // The value goes on.
            value.value.push(' ');
            value.value.push_str(text.trim());
            continue;
        }
        match text.split_once(['=', ':']) {
            Some((key, value)) => {
                let key = key.trim().to_lowercase();
                last = Some(key.clone());
                let value = value.trim().to_owned();
                section.keys.insert(key, At { value, place });
            }
            None => reader.findings.push(
                Finding::error("stack/syntax", place, "this line is not `KEY=VALUE`")
                    .with_help("write `KEY=VALUE`, or a comment with `;` in front"),
            ),
        }
    }
    sections
}

/// A line without its comment.
fn uncommented(line: &str) -> &str {
    if line.trim_start().starts_with([';', '#']) {
        return "";
    }
    let end = line.find(" ;").or_else(|| line.find("\t;"));
    line[..end.unwrap_or(line.len())].trim_end()
}

/// `[group:x] programs=a,b`; other programs are in one group.
fn groups(sections: &[Section], agents: &[StartupAgent]) -> Vec<NamedGroup> {
    let mut groups: Vec<NamedGroup> = Vec::new();
    let mut left: Vec<&StartupAgent> = agents.iter().collect();
    for section in sections {
        let (Some(name), Some(programs)) = (section.name.strip_prefix("group:"), section.keys.get("programs")) else {
            continue;
        };
        let wanted: Vec<&str> = programs.value.split(',').map(str::trim).collect();
        let (own, rest): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|agent| wanted.contains(&agent.name.value.as_str()));
        left = rest;
        if !own.is_empty() {
            groups.push(NamedGroup {
                name: slug(name),
                agents: own.into_iter().map(|agent| agent.name.clone()).collect(),
            });
        }
    }
    if !left.is_empty() {
        groups.push(NamedGroup {
            name: slug("agents"),
            agents: left.into_iter().map(|agent| agent.name.clone()).collect(),
        });
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::super::procfile::tests::agents;
    use super::variables;

    #[test]
    fn programs_are_agents() {
        let text = "[supervisord]\nnodaemon=true\n\n[program:alpha] ; the first\ncommand=/usr/bin/python3 alpha.py\n  --port 5000\n\
                    directory=%(here)s/main\nenvironment=A=\"x,y\",PORT=\"9\"\n; comment\n[program:gamma]\n\
                    command = python -m main.gamma --name %(program_name)s\n[program:off]\ncommand=python main/alpha.py\nautostart=false\n\
                    [program:redis]\ncommand=redis-server\n[program:none]\nuser=x\nwhat\n";
        let (agents, said) = agents("supervisord.conf", text);
        assert_eq!(
            agents,
            [
                "alpha main/alpha.py 5000 --port 5000",
                "gamma main.gamma 21000 --name gamma"
            ]
        );
        assert_eq!(said.len(), 2, "{said:#?}");
        assert!(
            said[0].contains(":17:1 error stack/missing-key: program `none` has no `command`; help: add"),
            "{said:#?}"
        );
        assert!(
            said[1].contains(":19:1 error stack/syntax: this line is not `KEY=VALUE`"),
            "{said:#?}"
        );
    }

    #[test]
    fn environments_are_pairs() {
        let pairs = |text: &str| -> Vec<String> {
            variables(text)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        };
        assert_eq!(pairs("A=\"x,y\",B=z , C='q'"), ["A=x,y", "B=z", "C=q"]);
        assert_eq!(pairs("A="), ["A="]);
        assert_eq!(pairs("nothing"), Vec::<String>::new());
    }
}
