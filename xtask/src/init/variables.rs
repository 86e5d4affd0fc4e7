//! Variables that a startup config leaves to its surroundings, as in `port: "${PORT_OFFSET}+7211"`: what the stack's `variables:` say.

use std::collections::BTreeMap;

use super::evidence::{Evidence, Known};
use super::startup::Config;
use super::texts::{Kind, Texts, is_put_aside};
use crate::stack::spans::Source;
use crate::stack::yaml::{self, Node, Value};

/// Keys of an agent that decide whether and where it runs, besides ports.
const DECIDING: [&str; 5] = ["enabled", "disabled", "autostart", "required", "optional"];

/// Where one is used, and how.
#[derive(Debug)]
struct Use {
    line: usize,
    /// A number is added to it.
    in_sum: bool,
}

/// Those of a config: each with its value, none where nothing says one.
#[must_use]
pub fn find(config: &Config, texts: &Texts) -> BTreeMap<String, Known<Option<String>>> {
    let text = texts.get(&config.path).unwrap_or_default();
    if config.is_of_program || !text.contains("${") {
        return BTreeMap::new();
    }
    let mut uses = BTreeMap::new();
    if let Some(root) = yaml::parse(&Source::new(&config.path, text)).0 {
        collect(&root, "", &mut uses);
    }
    uses.retain(|name, _| !config.environment.contains_key(name));
    uses.into_iter()
        .map(|(name, used)| {
            let known = value(&name, &used, config, texts);
            (name, known)
        })
        .collect()
}

fn collect(node: &Node, key: &str, uses: &mut BTreeMap<String, Use>) {
    match &node.value {
        Value::Mapping(entries) => {
            for entry in entries {
                collect(&entry.value, &entry.key, uses);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, key, uses)),
        Value::Scalar { text, .. } if key.contains("port") || DECIDING.contains(&key) => {
            for name in references(text) {
                let in_sum = text.contains('+');
                let used = uses.entry(name.to_owned()).or_insert(Use {
                    line: node.span.line,
                    in_sum,
                });
                used.in_sum &= in_sum;
            }
        }
        Value::Scalar { .. } => {}
    }
}

/// The names of `${NAME}` in a text: of those that have no default.
fn references(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("${").filter_map(|(at, _)| {
        let name = text[at + 2..].split_once('}')?.0;
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (plain && !name.is_empty() && !text[..at].ends_with('$')).then_some(name)
    })
}

fn value(name: &str, used: &Use, config: &Config, texts: &Texts) -> Known<Option<String>> {
    let mut found: Vec<(String, Evidence)> = Vec::new();
    for kind in [Kind::Variables, Kind::Launcher, Kind::Dockerfile, Kind::Yaml] {
        for (path, number, line) in texts.lines(kind).filter(|(path, ..)| !is_put_aside(path)) {
            if let Some(value) = set(line, name) {
                let evidence = Evidence::new(path, number, format!("sets `{name}` to {value}"));
                found.push((value.to_owned(), evidence));
            }
        }
    }
    let use_of_it = Evidence::new(config.path.as_str(), used.line, format!("needs `{name}`"));
    let Some((first, _)) = found.first().cloned() else {
        let evidence = vec![use_of_it];
        return match used.in_sum {
            true => Known::doubtful(
                Some("0".to_owned()),
                evidence,
                format!("nothing in the tree sets `{name}`: with 0, numbers are as they are written"),
            ),
            false => Known::doubtful(None, evidence, format!("nothing in the tree sets `{name}`")),
        };
    };
    let other = found.iter().find(|(value, _)| *value != first).cloned();
    let mut evidence: Vec<Evidence> = found.into_iter().map(|(_, evidence)| evidence).collect();
    evidence.truncate(4);
    let known = Known::agreed(Some(first), evidence);
    match other {
        Some((value, evidence)) => known.but(format!("`{}` sets it to {value}", evidence.place())),
        None => known,
    }
}

/// What a line sets a variable to: a number or a word for yes and no. Anything else may be a secret, and is no port.
fn set<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.match_indices(name).find_map(|(at, _)| {
        let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '{');
        if line[..at].ends_with(is_of_word) || line[..at].trim_start().starts_with('#') {
            return None;
        }
        let rest = line[at + name.len()..].trim_start_matches(['"', '\'']);
        let rest = rest.trim_start();
        let signs = [":=", "?=", "=", ":"];
        let rest = signs.iter().find_map(|sign| rest.strip_prefix(sign))?;
        let rest = rest.trim_start().trim_start_matches(['"', '\'']);
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric());
        let value = &rest[..end.unwrap_or(rest.len())];
        let is_number = !value.is_empty() && value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit());
        (is_number || yaml::boolean(value).is_some()).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::startup;

    fn of(port: &str, others: &[(&str, &str)]) -> Vec<(String, Option<String>, usize)> {
        let text = format!("agents:\n  - {{name: A, script_path: a.py, port: \"{port}\", token: \"${{TOKEN}}\"}}\n");
        let config = startup::read("c.yaml", &text).unwrap();
        let all = [("c.yaml", text.as_str())].into_iter().chain(others.iter().copied());
        let texts = Texts::new(all.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
        let found = find(&config, &texts).into_iter();
        found
            .map(|(name, known)| (name, known.value, known.doubts.len()))
            .collect()
    }

    #[test]
    fn values_come_from_what_starts_the_agents() {
        let is = |value: &str, doubts| vec![("OFF".to_owned(), Some(value.to_owned()), doubts)];
        for (path, line) in [
            (".env", "OFF=100\n"),
            ("run.sh", "# OFF=1\nexport OFF=\"100\"\n"),
            ("Makefile", "run:\n\tMY_OFF=7 OFF=100 python run.py\n"),
            ("Makefile", "OFF ?= 100\n"),
            ("Dockerfile", "ENV OFF=100\n"),
            ("compose.yml", "services:\n  a:\n    environment:\n      OFF: \"100\"\n"),
        ] {
            assert_eq!(of("${OFF}+7000", &[(path, line)]), is("100", 0), "{path}: {line}");
        }
        let two = of(
            "${OFF}+7000",
            &[(".env", "OFF=100\n"), ("run.sh", "OFF=200 python x\n")],
        );
        assert_eq!(two, is("100", 1));
        assert_eq!(of("${OFF}+7000", &[(".env", "OFF=secret\n")]), is("0", 1));
    }

    #[test]
    fn what_nothing_sets_is_no_value() {
        assert_eq!(of("${OFF}", &[]), [("OFF".to_owned(), None, 1)]);
        for text in ["${OFF:-0}+7000", "$${OFF}+1", "7000"] {
            assert_eq!(of(text, &[]), [], "{text}");
        }
    }
}
