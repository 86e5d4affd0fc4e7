//! `secrets:` and `env_file:`: files of this host whose content agents are given, and nobody else sees.
//!
//! Only their paths are read here. What they hold is in no model, no rendered file and no image: whoever starts a container hands the
//! files over, and the supervisor in it reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use contract::secrets::{Secrets, is_name};

use super::read::{Fields, Reader};
use super::spans::At;
use super::yaml::{Node, Value};
use super::{GroupId, Stack};
use crate::finding::{Finding, Place, Severity, Subject};

/// Where these files are in a container.
pub const FOLDER: &str = "/run/secrets";

/// What one level says.
#[derive(Debug, Clone, Default)]
pub struct SecretSettings {
    /// By name.
    secrets: BTreeMap<String, Written>,
    env_files: Vec<At<String>>,
}

/// One of `secrets:`, as written.
#[derive(Debug, Clone)]
struct Written {
    file: At<String>,
    variable: Option<String>,
    target: Option<String>,
}

/// A file of this host that a group's container gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// What it is called among those of its group: letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// Its path as the stack has it: absolute, or relative to the repository.
    pub file: String,
    /// Its path in the container, absolute.
    pub target: String,
    /// What agents get of it besides the file.
    pub gives: Gives,
    /// The one agent that gets it; all of the group where none is named.
    pub agent: Option<String>,
    /// Where the stack names it.
    pub place: Place,
    /// What is known of the file on this host.
    pub seen: Seen,
}

/// What agents get of a file besides the file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gives {
    /// An environment variable with its content.
    Variable(String),
    /// The variables that it has, a line each.
    Variables,
    /// Nothing.
    Nothing,
}

/// What is known of a secret file without what it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its absolute path.
    pub path: PathBuf,
    /// Digest of its content, where it can be read.
    pub digest: Option<String>,
    /// Names of the variables that it has.
    pub variables: Vec<String>,
    /// Why it cannot be given to agents.
    pub problem: Option<String>,
}

impl SecretSettings {
    /// Reads the keys of one level.
    pub(super) fn read<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        let secrets = fields.get("secrets").map(|node| secrets(reader, node));
        let env_files = fields.get("env_file").map(|node| env_files(reader, node));
        Self {
            secrets: secrets.unwrap_or_default(),
            env_files: env_files.unwrap_or_default(),
        }
    }

    /// What a group's container gets: from `levels`, the widest first, for all its agents; from each agent's own for that one.
    pub(super) fn of_group<'a>(
        levels: impl IntoIterator<Item = &'a Self>,
        agents: impl IntoIterator<Item = (&'a str, &'a Self)>,
    ) -> Vec<SecretFile> {
        let mut all = Self::default();
        for level in levels {
            all.secrets.extend(level.secrets.clone());
            for file in &level.env_files {
                all.env_files.retain(|known| known.value != file.value);
                all.env_files.push(file.clone());
            }
        }
        let mut files = Files::default();
        files.add(&all, None);
        for (agent, own) in agents {
            files.add(own, Some(agent));
        }
        files.all
    }
}

#[derive(Default)]
struct Files {
    all: Vec<SecretFile>,
    names: BTreeSet<String>,
}

impl Files {
    fn add(&mut self, settings: &SecretSettings, agent: Option<&str>) {
        for (name, written) in &settings.secrets {
            let called = self.free_name(name);
            let target = written.target.clone().unwrap_or_else(|| format!("{FOLDER}/{called}"));
            let gives = match &written.variable {
                Some(variable) => Gives::Variable(variable.clone()),
                None => Gives::Nothing,
            };
            self.push(called, &written.file, target, gives, agent);
        }
        for file in &settings.env_files {
            let called = self.free_name("env_file");
            let target = format!("{FOLDER}/{called}");
            self.push(called, file, target, Gives::Variables, agent);
        }
    }

    fn push(&mut self, name: String, file: &At<String>, target: String, gives: Gives, agent: Option<&str>) {
        self.all.push(SecretFile {
            name,
            file: file.value.clone(),
            target,
            gives,
            agent: agent.map(str::to_owned),
            place: file.place.clone(),
            seen: Seen::default(),
        });
    }

    /// The name, or the first with a number behind it that no other has.
    fn free_name(&mut self, name: &str) -> String {
        let mut names = std::iter::once(name.to_owned()).chain((2..).map(|number| format!("{name}-{number}")));
        let free = names.find(|name| !self.names.contains(name)).unwrap_or_default();
        self.names.insert(free.clone());
        free
    }
}

fn secrets<'a>(reader: &mut Reader<'a>, node: &'a Node) -> BTreeMap<String, Written> {
    let place = reader.place(node.span);
    let Some(fields) = reader.fields(node, "`secrets`", place) else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for entry in fields.entries() {
        let place = reader.place(entry.key_span);
        reader.check_name(&entry.key, &place, "a secret");
        let what = format!("secret `{}`", entry.key);
        // A name that can be a variable's is one, unless more is said.
        let variable = is_name(&entry.key).then(|| entry.key.clone());
        let written = match &entry.value.value {
            Value::Mapping(_) => long(reader, &entry.value, &what, place),
            _ => file(reader, &entry.value, &what).map(|file| Written {
                file,
                variable,
                target: None,
            }),
        };
        if let Some(written) = written {
            all.insert(entry.key.clone(), written);
        }
    }
    all
}

fn long<'a>(reader: &mut Reader<'a>, node: &'a Node, what: &str, place: Place) -> Option<Written> {
    let mut fields = reader.fields(node, what, place)?;
    let path = reader
        .required(&mut fields, "file")
        .and_then(|node| file(reader, node, what));
    let variable = fields
        .get("variable")
        .and_then(|node| reader.text(node, "`variable`"))
        .filter(|name| {
            let good = is_name(&name.value);
            if !good {
                let message = format!("`{}` is not a valid name of an environment variable", name.value);
                reader.bad_value(
                    name.place.clone(),
                    message,
                    "use letters, digits and `_`, as in `API_TOKEN`",
                );
            }
            good
        });
    let target = fields
        .get("target")
        .and_then(|node| reader.text(node, "`target`"))
        .and_then(|target| self::target(reader, target));
    reader.finish(fields, Severity::Error);
    Some(Written {
        file: path?,
        variable: variable.map(|name| name.value),
        target,
    })
}

fn target(reader: &mut Reader<'_>, target: At<String>) -> Option<String> {
    let text = target.value.trim_end_matches('/');
    let plain = |c: char| c.is_alphanumeric() || "/_.-@+".contains(c);
    let ours = |folder: &str| text == folder || text.starts_with(&format!("{folder}/"));
    let good = text.starts_with('/')
        && text != "/app"
        && text.chars().all(plain)
        && text.split('/').all(|part| part != "..")
        && !["/proc", "/sys", "/dev", "/etc/ai_system", "/usr/local/bin"]
            .into_iter()
            .any(ours);
    if good {
        return Some(text.to_owned());
    }
    let message = format!("a secret cannot be at `{}` in the container", target.value);
    reader.bad_value(
        target.place,
        message,
        "write the absolute path of a file, as in `/app/keys/service.json`",
    );
    None
}

fn env_files<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Vec<At<String>> {
    match &node.value {
        Value::Sequence(items) => items
            .iter()
            .filter_map(|node| file(reader, node, "`env_file`"))
            .collect(),
        _ => file(reader, node, "`env_file`").into_iter().collect(),
    }
}

/// A path of this host.
fn file(reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<At<String>> {
    let path = reader.text(node, what)?;
    if path.value.starts_with('~') || path.value.contains(['$', ',', ':']) || path.value.ends_with('/') {
        // What is no path may well be the secret itself: it is not repeated.
        reader.bad_value(
            Place { text: String::new(), ..path.place },
            format!("{what} does not name a file"),
            "write the path of a file that holds the value, absolute or relative to the repository, without `~`, `$`, `,` and `:`; \
             the value itself is never written into the stack",
        );
        return None;
    }
    Some(path)
}

impl Stack {
    /// What the supervisor is told of a group's files: of those of all its agents, or of one agent's.
    #[must_use]
    pub fn secrets_in_container(&self, id: GroupId, agent: Option<&str>) -> Secrets {
        let mut secrets = Secrets::default();
        let files = &self.group(id).secrets;
        for file in files.iter().filter(|file| file.agent.as_deref() == agent) {
            match &file.gives {
                Gives::Variable(name) => {
                    secrets.variables.insert(name.clone(), file.target.clone());
                }
                Gives::Variables => secrets.env_files.push(file.target.clone()),
                Gives::Nothing => secrets.files.push(file.target.clone()),
            }
        }
        secrets
    }

    /// Names of the variables that an agent of a group gets from files, as far as they are known here.
    pub fn secret_variables<'a>(&'a self, id: GroupId, agent: &'a str) -> impl Iterator<Item = &'a str> {
        let files = self.group(id).secrets.iter();
        let given = files.filter(move |file| file.agent.as_deref().is_none_or(|name| name == agent));
        given.flat_map(|file| {
            let own = match &file.gives {
                Gives::Variable(name) => Some(name.as_str()),
                _ => None,
            };
            own.into_iter().chain(file.seen.variables.iter().map(String::as_str))
        })
    }

    /// Whether an agent of a group gets variables of a file that cannot be read here: it may have any.
    #[must_use]
    pub fn has_unknown_variables(&self, id: GroupId, agent: &str) -> bool {
        let files = self.group(id).secrets.iter();
        let mut given = files.filter(|file| file.agent.as_deref().is_none_or(|name| name == agent));
        given.any(|file| file.gives == Gives::Variables && file.seen.digest.is_none())
    }

    /// What is wrong with files that groups are given: of these groups, or of all.
    #[must_use]
    pub fn secret_problems(&self, groups: Option<&[GroupId]>, severity: Severity) -> Vec<Finding> {
        let mut seen = BTreeSet::new();
        let chosen = self
            .groups()
            .filter(|(id, _)| groups.is_none_or(|groups| groups.contains(id)));
        let mut findings = Vec::new();
        for (_, group) in chosen {
            for file in &group.secrets {
                let Some(problem) = &file.seen.problem else { continue };
                if !seen.insert(&file.place) {
                    continue;
                }
                let message = format!("cannot give `{}` to agents: {problem}", file.file);
                let finding = Finding::error("stack/unreadable", file.place.clone(), message)
                    .about(Subject::Path(file.file.clone()))
                    .about(Subject::group(&group.name))
                    .with_help(
                        "put the value into that file, for its owner alone to read (`chmod 600`), or name another",
                    );
                findings.push(Finding { severity, ..finding });
            }
        }
        findings
    }

    /// What Podman and clusters call a file of a group where it is kept by them: the stack's name, the group's and its own.
    #[must_use]
    pub fn secret_name(&self, id: GroupId, file: &SecretFile) -> String {
        format!("{}-{}-{}", self.name, self.group(id).name, file.name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Gives, SecretFile};
    use crate::stack::fixture::Fixture;

    #[test]
    fn the_nearest_level_names_the_file_and_agents_have_their_own() {
        let stack = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nsecrets: {TOKEN: keys/token, google-key: /srv/google.json}\nenv_file: [a.env, b.env]",
            )
            .stack(
                "    agents: [Gamma]",
                "    secrets: {TOKEN: keys/other, cert: {file: keys/cert, target: /app/keys/cert.pem, variable: CERT}}\n    \
                 env_file: a.env\n    overrides: {Gamma: {secrets: {TOKEN: keys/gamma}, env_file: gamma.env}}\n    agents: [Gamma]",
            )
            .model();
        let files = |name: &str| {
            let group = stack.group(stack.find_group(name).unwrap());
            let line = |file: &SecretFile| {
                let gives = match &file.gives {
                    Gives::Variable(name) => name.as_str(),
                    Gives::Variables => "*",
                    Gives::Nothing => "-",
                };
                let agent = file.agent.as_deref().unwrap_or("all");
                format!("{} {} {} {gives} {agent}", file.name, file.file, file.target)
            };
            group.secrets.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(
            files("core"),
            [
                "TOKEN keys/token /run/secrets/TOKEN TOKEN all",
                "google-key /srv/google.json /run/secrets/google-key - all",
                "env_file a.env /run/secrets/env_file * all",
                "env_file-2 b.env /run/secrets/env_file-2 * all",
            ]
        );
        assert_eq!(
            files("side"),
            [
                "TOKEN keys/other /run/secrets/TOKEN TOKEN all",
                "cert keys/cert /app/keys/cert.pem CERT all",
                "google-key /srv/google.json /run/secrets/google-key - all",
                "env_file b.env /run/secrets/env_file * all",
                "env_file-2 a.env /run/secrets/env_file-2 * all",
                "TOKEN-2 keys/gamma /run/secrets/TOKEN-2 TOKEN Gamma",
                "env_file-3 gamma.env /run/secrets/env_file-3 * Gamma",
            ]
        );
    }

    #[test]
    fn what_is_no_path_is_not_repeated() {
        let said = Fixture::small()
            .stack(
                "status_port: 9000",
                "status_port: 9000\nsecrets: {TOKEN: 'sk:hunter2', B: {file: x, target: rel}, C: {target: /x}, 'd e': y}\nenv_file: {}",
            )
            .says()
            .join("\n");
        for text in [
            "secret `TOKEN` does not name a file",
            "a secret cannot be at `rel` in the container",
            "secret `C` has no `file`",
            "a secret cannot be called `d e`",
            "`env_file` must be text",
        ] {
            assert!(said.contains(text), "{text}: {said}");
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}
