//! Reading and validating the group config: every error at once, each with file and line where they are known.

use std::path::Path;

use contract::group_config::GroupConfig;
use contract::validity::{Message, validate};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

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
    let place = |(agent, message): Message| match agent.and_then(|a| lines.get(a)) {
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
