//! What a reviewer should not have to look for: layering, module docs, inherited lints, printing in one place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has to panic")]

mod dependencies;
mod errors;
mod kinds;
mod length;

use std::path::{Path, PathBuf};

/// Modules that may not know of the host, the terminal or the commands.
const PURE: [&str; 15] = [
    "stack",
    "init",
    "pipelines",
    "diagram",
    "container",
    "python",
    "audit",
    "render",
    "images",
    "boot",
    "dashboard",
    "smoke",
    "schema",
    "doctor",
    "bench",
];

/// What a module may import of the others, where that is not everything.
const IMPORTS: [(&str, &[&str]); 19] = [
    ("finding", &[]),
    ("rendered_file", &[]),
    ("system_error", &[]),
    ("template", &[]),
    ("stack", &["finding"]),
    ("container", &["stack"]),
    ("python", &["container", "finding", "stack"]),
    ("audit", &["container", "finding", "python", "rendered_file", "stack"]),
    ("images", &["container", "finding", "python", "stack", "template"]),
    ("init", &["finding", "python", "stack"]),
    ("pipelines", &["template"]),
    ("diagram", &["audit", "stack"]),
    ("boot", &["container", "images", "stack"]),
    ("dashboard", &["boot", "stack"]),
    ("smoke", &["boot", "container", "finding", "stack"]),
    ("doctor", &["images", "stack"]),
    ("schema", &["audit", "rendered_file", "smoke", "stack"]),
    ("bench", &["images", "stack"]),
    ("render", &["container", "images", "rendered_file", "stack", "template"]),
];

/// Which modules may import another, where not all may.
const IMPORTED_BY: [(&str, &[&str]); 3] = [
    ("render", &["cmd"]),
    ("host", &["cli", "cmd"]),
    ("cmd", &["cli", "main"]),
];

/// What those would need for an effect. Tests may.
const EFFECTS: [&str; 9] = [
    "crate::host",
    "crate::report",
    "crate::cmd",
    "std::fs",
    "std::process",
    "std::net::Tcp",
    "std::time::Instant",
    "SystemTime",
    "std::env",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = repository();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found.sort();
    found
}

/// The part of a file that is compiled into the program: all before its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]").map_or(text, |start| &text[..start])
}

#[test]
fn pure_modules_have_no_effects() {
    let mut wrong = Vec::new();
    for module in PURE {
        for (path, text) in sources(&format!("xtask/src/{module}")) {
            if path.ends_with("tests.rs") || path.ends_with("fixture.rs") {
                continue;
            }
            for effect in EFFECTS {
                if without_tests(&text)
                    .lines()
                    .any(|line| !line.trim_start().starts_with("//") && line.contains(effect))
                {
                    wrong.push(format!("{path} uses `{effect}`"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The modules right below `xtask/src`, with their files.
fn modules() -> Vec<(String, Vec<(String, String)>)> {
    let mut modules: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (path, text) in sources("xtask/src") {
        let below = path.strip_prefix("xtask/src/").unwrap();
        let name = below.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        if path.ends_with("tests.rs") || path.ends_with("fixture.rs") {
            continue;
        }
        match modules.iter_mut().find(|(known, _)| *known == name) {
            Some((_, files)) => files.push((path, text)),
            None => modules.push((name, vec![(path, text)])),
        }
    }
    modules
}

/// Which of the other modules a file imports.
fn imports<'a>(text: &str, modules: &'a [String]) -> Vec<&'a String> {
    let code: String = without_tests(text)
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n")
        .collect();
    let is_imported = |module: &&String| {
        code.split(&format!("crate::{module}"))
            .skip(1)
            .any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    };
    modules.iter().filter(is_imported).collect()
}

#[test]
fn modules_import_only_what_they_may() {
    let modules = modules();
    let names: Vec<String> = modules.iter().map(|(name, _)| name.clone()).collect();
    let known = |name: &&str| names.iter().any(|known| known == name);
    assert!(IMPORTS.iter().all(|(name, _)| known(name)), "{names:?}");
    let mut wrong = Vec::new();
    for (from, files) in &modules {
        let may = IMPORTS.iter().find(|(name, _)| name == from).map(|(_, may)| *may);
        for (path, text) in files {
            for to in imports(text, &names) {
                let to = to.as_str();
                let by = IMPORTED_BY.iter().find(|(name, _)| *name == to).map(|(_, by)| *by);
                let is_allowed =
                    may.is_none_or(|may| may.contains(&to)) && by.is_none_or(|by| by.contains(&from.as_str()));
                if to != from && !is_allowed {
                    wrong.push(format!("{path} imports `{to}`"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_terminal_prints() {
    let mut wrong = Vec::new();
    for (path, text) in sources("xtask/src") {
        let prints = ["println!", "print!(", "io::stdout", "io::stderr"];
        let may = path.starts_with("xtask/src/report/");
        if !may && prints.iter().any(|word| without_tests(&text).contains(word)) {
            wrong.push(path);
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn only_the_wrapper_starts_programs() {
    let wrong: Vec<String> = sources("xtask/src")
        .into_iter()
        .filter(|(path, text)| {
            !path.ends_with("host/system/process.rs") && without_tests(text).contains("std::process::Command")
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

/// Modules that read files in their own way, and which: none of them is a tree's.
const READERS: [(&str, &str); 28] = [
    ("host/images/assets.rs", "a cache of ours"),
    ("host/tree/root.rs", "everything else reads through it"),
    ("host/system/orphans.rs", "/proc"),
    ("host/doctor/gather.rs", "/proc, /etc"),
    ("host/images/transfer.rs", "archives of ours"),
    ("host/images/assemble.rs", "archives of ours"),
    ("host/system/network.rs", "namespaces"),
    ("host/lab/processes.rs", "/proc"),
    ("host/lab/mod.rs", "/proc"),
    ("host/bench/boot.rs", "a folder of ours"),
    ("host/bench/mod.rs", "/proc, programs"),
    ("host/bench/images.rs", "the reference tree, copied"),
    ("host/bench/scale.rs", "a folder of ours"),
    ("host/system/usage.rs", "/proc"),
    ("host/system/socket_holder.rs", "/proc"),
    ("host/leftovers/name_server.rs", "aardvark-dns's folder"),
    ("host/images/package_index.rs", "the user's pip.conf"),
    ("host/images/bytecode.rs", "a note of ours"),
    ("host/system/addresses.rs", "/proc"),
    ("host/system/devices.rs", "descriptions of this host's devices"),
    ("host/podman/rootless_storage.rs", "/proc"),
    ("host/images/delivery.rs", "archives of ours"),
    ("host/system/scratch.rs", "folders of ours"),
    ("host/podman/containers_conf.rs", "/proc"),
    ("host/images/supervisor_binary.rs", "a program of ours"),
    ("host/testing/fault_rows.rs", "a folder of ours"),
    ("host/smoke/report_folder.rs", "reports of ours"),
    ("host/testing/tools.rs", "downloads of the project's tests"),
];

/// A tree is read through `host::tree::root` alone, which no link leads out of.
#[test]
fn files_are_read_in_one_way() {
    let words = [
        "fs::read(",
        "fs::read_to_string(",
        "fs::read_dir(",
        "File::open(",
        "fs::canonicalize(",
        "fs::metadata(",
        "fs::copy(",
        "fs::read_link(",
        "WalkDir::new(",
        "WalkBuilder::new(",
        "tree_path(",
    ];
    // What of these may ask for a path of the tree, to open it as one or to name it.
    let asks = [
        "cmd/",
        "host/system/git.rs",
        "host/images/build_inputs.rs",
        "host/images/requirements_lock.rs",
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources("xtask/src")
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests.rs"))
    {
        if READERS.iter().any(|(reader, _)| path.ends_with(reader)) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let word = words.iter().find(|word| line.contains(**word));
            let asks = asks.iter().any(|asks| path.contains(asks)) && word == Some(&"tree_path(");
            if let Some(word) = word
                && !asks
                && !line.trim_start().starts_with("//")
            {
                wrong.push(format!("{path}:{}: `{word}`", number + 1));
            }
        }
    }
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "files of a tree are read by `host::tree::root`"
    );
}

#[test]
fn every_module_says_what_lives_in_it() {
    let wrong: Vec<String> = ["xtask", "docker", "tests"]
        .into_iter()
        .flat_map(sources)
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_crate_inherits_the_lints() {
    for manifest in [
        "xtask/Cargo.toml",
        "xtask/pysrc/Cargo.toml",
        "docker/contract/Cargo.toml",
        "docker/supervisor/Cargo.toml",
        "tests/fuzz/Cargo.toml",
    ] {
        let text = std::fs::read_to_string(repository().join(manifest)).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}

#[test]
fn no_test_is_ignored() {
    let word = concat!("#[ign", "ore");
    let wrong: Vec<String> = ["xtask", "docker", "tests"]
        .into_iter()
        .flat_map(sources)
        .filter(|(_, text)| text.contains(word))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(wrong, Vec::<String>::new());
}

/// Every Markdown file of the repository, its reference tree and what cargo makes left out.
fn documents() -> Vec<(String, String)> {
    let root = repository();
    let mut found = vec![(
        "README.md".to_owned(),
        std::fs::read_to_string(root.join("README.md")).unwrap(),
    )];
    let mut folders: Vec<PathBuf> = ["config", "docker", "scripts", "tests", "xtask"]
        .map(|folder| root.join(folder))
        .into();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// The anchors of a document's headings, as Markdown readers make them.
fn anchors(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            heading
                .chars()
                .filter(|c| c.is_alphanumeric() || "-_".contains(*c))
                .collect()
        })
        .collect()
}

#[test]
fn links_of_documents_lead_somewhere() {
    let documents = documents();
    assert!(documents.len() > 3, "{documents:#?}");
    let mut wrong = Vec::new();
    for (path, text) in &documents {
        let folder = repository().join(path).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = folder.join(file.replace("%20", " "));
            let there = if file.is_empty() {
                Some(text.clone())
            } else {
                std::fs::read_to_string(&target).ok()
            };
            if !(target.is_dir()
                || there.is_some_and(|text| anchor.is_empty() || anchors(&text).contains(&anchor.to_owned())))
            {
                wrong.push(format!("{path}: {link}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Fields that hold what people read: of findings, of failures on a start path, of predictions and causes.
const WORDS: [&str; 6] = ["message", "help", "reason", "brief", "detail", "label"];

/// What looks into a text to decide.
const LOOKS: [&str; 26] = [
    "contains",
    "starts_with",
    "ends_with",
    "split",
    "splitn",
    "rsplit",
    "rsplitn",
    "split_once",
    "rsplit_once",
    "split_at",
    "split_whitespace",
    "split_terminator",
    "strip_prefix",
    "strip_suffix",
    "find",
    "rfind",
    "matches",
    "match_indices",
    "trim_start_matches",
    "trim_end_matches",
    "trim_matches",
    "replace",
    "lines",
    "chars",
    "parse",
    "is_match",
];

/// Modules that read words which are somebody else's, and whose.
const OTHERS: [(&str, &str); 7] = [
    ("audit/confirm/", "Python's tracebacks"),
    ("boot/last_words.rs", "the supervisor's status"),
    ("boot/restarted.rs", "the supervisor's status"),
    ("boot/view.rs", "the supervisor's status"),
    ("boot/causes.rs", "the supervisor's status"),
    ("smoke/kinds/startup_check.rs", "the supervisor's status"),
    ("cmd/fuzz.rs", "a fuzz target's log, which is shortened"),
];

/// Numbers of lines that look into a field of words, or into a name that is bound to one, and the field.
fn looks_into_words(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for field in WORDS {
        let access = format!(".{field}");
        for (at, _) in text.match_indices(&access) {
            let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
            let line = &text[line_start..text[at..].find('\n').map_or(text.len(), |end| at + end)];
            let rest = &text[at + access.len()..];
            if line.trim_start().starts_with("//") || rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let number = text[..at].lines().count();
            if looks(rest) || rest.trim_start().starts_with("==") || rest.trim_start().starts_with("!=") {
                found.push((number, field));
                continue;
            }
            // `let words = &finding.message;`, and what the lines below it do with `words`.
            let name = line.trim_start().strip_prefix("let ").and_then(|rest| {
                let name = rest.split([' ', ':', '=']).next()?;
                (!name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')).then_some(name)
            });
            let Some(name) = name else { continue };
            let block = rest.find("\n    }\n").map_or(rest, |end| &rest[..end]);
            let used = block.match_indices(name).any(|(at, _)| {
                let before = block[..at].chars().next_back();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '.') && looks(&block[at + name.len()..])
            });
            if used {
                found.push((number, field));
            }
        }
    }
    found
}

/// Whether what follows an expression looks into the text that it is, past borrows and unwrapping.
fn looks(mut rest: &str) -> bool {
    const PAST: [&str; 12] = [
        "as_str()",
        "as_deref()",
        "as_ref()",
        "clone()",
        "iter()",
        "into_iter()",
        "unwrap_or_default()",
        "to_lowercase()",
        "to_owned()",
        "to_string()",
        "as_bytes()",
        "trim()",
    ];
    loop {
        rest = rest.trim_start();
        let Some(method) = rest.strip_prefix('.') else {
            return false;
        };
        if let Some(past) = PAST.iter().find_map(|past| method.strip_prefix(past)) {
            rest = past;
            continue;
        }
        // A closure over the text of an option.
        for over in ["is_some_and(", "is_none_or(", "map(", "and_then(", "filter("] {
            if let Some(closure) = method.strip_prefix(over)
                && let Some((parameter, body)) = closure.strip_prefix('|').and_then(|rest| rest.split_once('|'))
            {
                let body = body.trim_start();
                return body.strip_prefix(parameter).is_some_and(looks);
            }
        }
        let name: &str = method
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        return LOOKS.contains(&name);
    }
}

/// What a finding is about is its subject: a message may be put otherwise at any time, and nothing may change by that.
#[test]
fn nothing_decides_by_reading_a_message() {
    let mut wrong = Vec::new();
    for (path, text) in sources("xtask/src") {
        let shows = path.starts_with("xtask/src/report/");
        let theirs = OTHERS.iter().any(|(other, _)| path.contains(other));
        if shows || theirs || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        for (line, field) in looks_into_words(without_tests(&text)) {
            wrong.push(format!("{path}:{line}: `.{field}`"));
        }
    }
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "a finding's `subjects` say what it is about; its words are for people"
    );
}

#[test]
fn looks_into_messages_are_seen_in_every_form() {
    for text in [
        "a.message.contains(\"x\")",
        "let quoted = finding.message.split('`').skip(1);",
        "failure\n    .message\n    .split('`')\n    .nth(1)",
        "x.message.as_str().starts_with(\"No module\")",
        "if finding.message == \"x\" {",
        "finding.message != other",
        "agent.reason.as_deref().unwrap_or_default().contains(\"it\")",
        "agent.reason.as_ref().is_some_and(|reason| reason.contains(\"it\"))",
        "help.map(|help| help); finding.help.as_deref().map(|help| help.replace(\"a\", \"\"))",
        "let words = &finding.message;\nif words.ends_with(\"no setter\") {",
        "let text = exception.message.clone();\n    let other = text.strip_prefix(\"a\");",
    ] {
        assert_eq!(looks_into_words(text).len(), 1, "{text}");
    }
    for text in [
        "finding.message.clone()",
        "// finding.message.contains(\"x\")",
        "escape(&finding.message)",
        "finding.messages.contains(&x)",
        "let message = &finding.message;\nprint(message);",
        "a.message.cmp(&b.message)",
        "failure.reason.is_none()",
    ] {
        assert!(looks_into_words(text).is_empty(), "{text}");
    }
}
