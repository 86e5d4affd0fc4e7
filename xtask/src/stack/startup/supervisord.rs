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
            let numbers = numbers(section);
            for number in &numbers {
                let Some(process) = program(&mut reader, section, name, (*number, numbers.len()), folder) else {
                    break;
                };
                if process.name.value != name {
                    names.push(process.name.value.clone());
                }
                startup.agents.push(process);
            }
        }
        reader.mark(before, &Subject::any_agent(name));
    }
    startup.groups = groups(&sections, &startup.agents);
    (startup, reader.findings)
}

/// What a program's section has: key → value, line.
pub type ProgramKeys = BTreeMap<String, (String, usize)>;

/// The keys of each program, by the line of its section; nothing of a file that is no such config.
#[must_use]
pub fn program_keys(source: &Source) -> BTreeMap<usize, ProgramKeys> {
    if !is_one(&source.path, &source.text) {
        return BTreeMap::new();
    }
    let sections = sections(&mut Reader::new(source)).into_iter();
    let programs = sections.filter(|section| section.name.starts_with("program:"));
    programs
        .map(|section| {
            let keys = section.keys.into_iter();
            let keys = keys.map(|(key, at)| (key, (at.value, at.place.line as usize)));
            (section.place.line as usize, keys.collect())
        })
        .collect()
}

/// How many processes a program has, each an agent with its number: 1, and none that is a number, where it does not say.
fn numbers(section: &Section) -> Vec<u32> {
    // Nobody starts more of one program in this way.
    const MOST: u32 = 64;
    let number = |key: &str| section.keys.get(key).and_then(|at| at.value.trim().parse::<u32>().ok());
    let first = number("numprocs_start").unwrap_or(0);
    let count = number("numprocs").unwrap_or(1).clamp(1, MOST);
    (first..first.saturating_add(count)).collect()
}

/// One process of a program. `name` is the program's; where there are several, each has a name of its own.
fn program(
    reader: &mut Reader<'_>,
    section: &Section,
    name: &str,
    (number, of): (u32, usize),
    folder: Option<&str>,
) -> Option<StartupAgent> {
    let key = |key: &str| section.keys.get(key);
    let expand = |text: &str| expanded(text, name, number, folder);
    let is_off = |at: &At<String>| crate::stack::yaml::boolean(at.value.trim()) == Some(false);
    if key("autostart").is_some_and(is_off) {
        return None;
    }
    let own = match key("process_name").filter(|_| of > 1) {
        Some(written) => expand(&written.value),
        None if of > 1 => format!("{name}_{number:02}"),
        None => name.to_owned(),
    };
    let mut agent = StartupAgent::of_program(&own, &section.place);
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
        agent.folders.push(expand(&directory.value));
    }
    agent.folders.extend(folder.map(str::to_owned));
    if let Some(environment) = key("environment") {
        for (variable, value) in variables(&expand(&environment.value)) {
            let place = environment.place.clone();
            agent.environment.insert(variable, At { value, place });
        }
        agent.environment.remove("PYTHONPATH");
    }
    let words = super::command::words(&expand(&command.value));
    if !agent.take_command(&words, &command.place) {
        // Not Python: somebody else's.
        return None;
    }
    agent.take_port();
    Some(agent)
}

/// What supervisord fills in itself.
fn expanded(text: &str, name: &str, number: u32, folder: Option<&str>) -> String {
    text.replace("%(program_name)s", name)
        .replace("%(here)s", folder.unwrap_or("."))
        .replace("%(process_num)d", &number.to_string())
        .replace("%(process_num)02d", &format!("{number:02}"))
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
        // A program's processes have names of their own, and its place.
        let of_program = |section: &&Section| {
            let program = section.name.strip_prefix("program:").map(str::trim);
            program.is_some_and(|program| wanted.contains(&program))
        };
        let places: Vec<&Place> = sections
            .iter()
            .filter(of_program)
            .map(|section| &section.place)
            .collect();
        let (own, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|agent| places.contains(&&agent.name.place));
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
    fn each_process_of_a_program_is_an_agent() {
        let text = "[program:alpha]\ncommand=python main/alpha.py %(process_num)d\nnumprocs=2\n\
                    process_name=%(program_name)s-%(process_num)02d\n[program:gamma]\ncommand=python -m main.gamma\nnumprocs=2\n\
                    numprocs_start=5\nprocess_name=g%(process_num)d\n";
        let (agents, said) = agents("supervisord.conf", text);
        assert_eq!(
            agents,
            [
                "alpha-00 main/alpha.py 21000 0",
                "alpha-01 main/alpha.py 21002 1",
                "g5 main.gamma 21004",
                "g6 main.gamma 21006"
            ]
        );
        assert_eq!(said, Vec::<String>::new());
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
