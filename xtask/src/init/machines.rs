//! Machines: one for each startup config, and what they are called.

use std::collections::BTreeSet;

use super::evidence::{Evidence, Known};
use super::machine_words::{self, VARIABLE, Words};
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

/// What agents of each machine are told in place of its name, where code calls it otherwise and a machine cannot have that name. Names that
/// code knows, and machines can have, become theirs; where it calls no machine so, that is doubtful.
pub fn called(names: &mut [Known<String>], configs: &[&Config], words: &Words) -> Vec<Option<Known<String>>> {
    let is_told = |config: &&Config| config.environment.contains_key(VARIABLE);
    if words.is_empty() || configs.iter().any(is_told) {
        return vec![None; names.len()];
    }
    let folder = |config: &Config| config.home().to_owned();
    let fitting: Vec<Option<Known<String>>> = names
        .iter()
        .zip(configs)
        .map(|(name, config)| {
            let (word, evidence) = machine_words::fitting(words, &name.value, &folder(config))?;
            Some(Known::agreed(word.clone(), vec![evidence.clone()]))
        })
        .collect();
    let taken = |word: &String| fitting.iter().flatten().filter(|known| known.value == *word).count();
    let left: Vec<&String> = words.keys().filter(|word| taken(word) == 0).collect();
    let mut told = vec![None; names.len()];
    for (at, fit) in fitting.iter().enumerate() {
        let is_free = |word: &String| {
            !names
                .iter()
                .enumerate()
                .any(|(other, name)| other != at && name.value == *word)
        };
        match fit {
            Some(word) if word.value == names[at].value => {}
            // Two machines are called so: which is meant is not known.
            Some(word) if taken(&word.value) > 1 => {
                let why = format!("code calls more than one machine `{}`", word.value);
                names[at] = names[at].clone().but(why);
            }
            Some(word) if slug(&word.value) == word.value && is_free(&word.value) => names[at] = word.clone(),
            Some(word) => told[at] = Some(word.clone()),
            None if left.is_empty() => {}
            None => {
                let known: Vec<&str> = left.iter().map(|word| word.as_str()).take(4).collect();
                let place = words[left[0]].place();
                let why = format!(
                    "code compares `{VARIABLE}` with `{}` ({place}), and agents are told `{}`: `environment: {{{VARIABLE}: …}}` of a group tells \
                     them otherwise",
                    known.join("`, `"),
                    names[at].value
                );
                names[at] = names[at].clone().but(why);
                names[at].evidence.push(words[left[0]].clone());
            }
        }
    }
    told
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
    fn machines_are_called_as_code_calls_them() {
        let of = |configs: &[&str], words: &[&str], more: &str| {
            let text = format!("{more}agents:\n  - {{name: A, script_path: a.py, port: 7000}}\n");
            let configs: Vec<Config> = configs
                .iter()
                .map(|path| crate::init::startup::read(path, &text).unwrap())
                .collect();
            let configs: Vec<&Config> = configs.iter().collect();
            let mut names = Vec::new();
            let mut taken = BTreeSet::new();
            for config in &configs {
                names.push(name(config, &taken));
                taken.insert(names[names.len() - 1].value.clone());
            }
            let words = words
                .iter()
                .map(|word| ((*word).to_owned(), Evidence::new("m.py", 3, "compares")));
            let told = called(&mut names, &configs, &words.collect());
            let shown = names.iter().zip(told).map(|(name, told)| {
                let told = told.map(|told| format!("={}", told.value)).unwrap_or_default();
                format!("{}{told}{}", name.value, "?".repeat(name.doubts.len()))
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        let two = ["brain_pc/config/s.yaml", "helper_pc/config/s.yaml"];
        assert_eq!(of(&two, &["brain", "helper"], ""), "brain helper");
        // The other is whatever is not that word.
        assert_eq!(of(&two, &["brain"], ""), "brain helperpc");
        assert_eq!(of(&two, &[], ""), "brainpc helperpc");
        assert_eq!(of(&two, &["brainpc"], ""), "brainpc helperpc");
        assert_eq!(
            of(&two, &["BRAIN_PC", "HELPER_PC"], ""),
            "brainpc=BRAIN_PC helperpc=HELPER_PC"
        );
        assert_eq!(of(&two, &["primary", "helper"], ""), "brainpc? helper");
        assert_eq!(
            of(&["a/pc_one/s.yaml", "b/pc_two/s.yaml"], &["pc"], ""),
            "pc-one? pc-two?"
        );
        // What the config sets is what they are told.
        let one = ["brain_pc/config/s.yaml"];
        assert_eq!(of(&one, &["brain"], "environment: {MACHINE_TYPE: x}\n"), "x");
    }

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
