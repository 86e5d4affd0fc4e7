//! Machines: one for each startup config, and what they are called.

use std::collections::BTreeSet;

use super::evidence::{Evidence, Known};
use super::startup::Config;

/// A machine's name from the folder of its config, `main` where that is the tree itself.
#[must_use]
pub fn name(config: &Config, taken: &BTreeSet<String>) -> Known<String> {
    let written = config
        .environment
        .get("MACHINE_TYPE")
        .or_else(|| config.environment.get("MACHINE"));
    let folder = config.home().rsplit('/').next().unwrap_or_default();
    let known = match written {
        Some((name, line)) if valid(&slug(name)) => Known::written(
            slug(name),
            Evidence::new(config.path.as_str(), *line, "`environment:` names it"),
        ),
        _ if folder.is_empty() || taken.contains(&of_folder(folder)) => match of_file(&config.path) {
            name if name.is_empty() => Known::default("main".to_owned()),
            name => Known::agreed(
                name,
                vec![Evidence::new(config.path.as_str(), 0, "the name of its startup config")],
            ),
        },
        _ => Known::agreed(
            of_folder(folder),
            vec![Evidence::new(
                config.path.as_str(),
                0,
                "the folder of its startup config",
            )],
        ),
    };
    if taken.contains(&known.value) || !valid(&known.value) {
        let free = (2..)
            .map(|number| format!("machine{number}"))
            .find(|name| !taken.contains(name));
        let why = format!("`{}` is taken or is not a valid name", known.value);
        return known.map(|_| free.unwrap_or_default()).but(why);
    }
    known
}

/// `config/pc2_startup_config.yaml` is `pc2`, `config/startup.yaml` nothing.
fn of_file(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    let common = [
        "docker",
        "compose",
        "supervisord",
        "supervisor",
        "procfile",
        "startup",
        "config",
        "configuration",
        "agents",
        "agent",
        "services",
        "system",
        "settings",
        "all",
    ];
    let words = stem
        .split(['_', '-'])
        .filter(|word| !common.contains(word) && !word.is_empty());
    slug(&words.collect::<Vec<_>>().join("_"))
}

/// `main_pc_code` is `mainpc`, `edge_node_agents` is `edge-node`.
fn of_folder(folder: &str) -> String {
    let lower = folder.to_ascii_lowercase();
    let stem = [
        "_code",
        "-code",
        "_src",
        "-src",
        "_agents",
        "-agents",
        "_services",
        "-services",
    ]
    .iter()
    .find_map(|ending| lower.strip_suffix(ending))
    .filter(|stem| !stem.is_empty())
    .unwrap_or(&lower);
    match stem.strip_suffix("_pc").or_else(|| stem.strip_suffix("-pc")) {
        Some(which) => slug(&format!("{which}pc")),
        None => slug(stem),
    }
}

/// A name that containers, networks and files can have.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    let mut last = ' ';
    for character in text.chars() {
        // `AudioProcessing` is `audio-processing`, `TTSServices` is `ttsservices`.
        if character.is_ascii_uppercase() && (last.is_ascii_lowercase() || last.is_ascii_digit()) {
            out.push('-');
        }
        if character.is_ascii_alphanumeric() {
            out.push(character.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        last = character;
    }
    let out: String = out.chars().take(40).collect();
    out.trim_matches('-').to_owned()
}

fn valid(name: &str) -> bool {
    !name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_folders() {
        for (folder, name) in [
            ("main_pc_code", "mainpc"),
            ("pc2_code", "pc2"),
            ("edge_node_agents", "edge-node"),
            ("Robot", "robot"),
            ("_code", "code"),
        ] {
            assert_eq!(of_folder(folder), name, "{folder}");
        }
        assert_eq!(of_file("config/pc2_startup_config.yaml"), "pc2");
        assert_eq!(of_file("config/startup_config.yaml"), "");
        assert_eq!(slug("Core Services!"), "core-services");
        assert_eq!(slug("AudioProcessing"), "audio-processing");
        assert_eq!(slug("é"), "");
    }
}
