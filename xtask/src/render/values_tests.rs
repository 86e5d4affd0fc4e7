//! Hard values, and hard names of variables, through the parsers of those who start containers: byte for byte the same at the end.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

#[path = "../../../tests/hard_values.rs"]
mod hard_values;

use self::hard_values::corpus;
use super::{render, yaml};
use crate::container::preload::Preload;
use crate::host::system::process::{Program, on_path};
use crate::rendered_file::RenderedFile;
use crate::stack::Stack;
use crate::stack::fixture::{Fixture, MAIN};

/// A stack whose startup config, group and agent have them all: written as YAML, and read.
fn stack() -> Stack {
    let flow = |corpus: &BTreeMap<String, String>| {
        let entries: Vec<String> = corpus
            .iter()
            .map(|(name, value)| format!("{}: {}", yaml::quoted(name), yaml::quoted(value)))
            .collect();
        format!("{{{}}}", entries.join(", "))
    };
    let all = corpus();
    let stack = Fixture::small()
        .stack(
            "agents: [Alpha, Beta]\n",
            &format!("agents: [Alpha, Beta]\n    environment: {}\n", flow(&all)),
        )
        .file(
            MAIN,
            "    port: 5000\n",
            &format!("    port: 5000\n    params: {}\n", flow(&all)),
        )
        .model();
    for (name, value) in &all {
        assert_eq!(stack.groups[0].environment.get(name), Some(value), "{name}");
    }
    stack
}

fn file<'f>(files: &'f [RenderedFile], path: &str) -> &'f str {
    &files
        .iter()
        .find(|file| file.path == path)
        .unwrap_or_else(|| panic!("no {path}"))
        .text
}

fn rendered(stack: &Stack) -> Vec<RenderedFile> {
    render(stack, &Preload::default(), &std::collections::BTreeSet::new())
}

/// That all of it arrived, and says of each what did not.
#[track_caller]
fn same(reader: &str, arrived: &BTreeMap<String, String>) {
    let wrong: Vec<String> = corpus()
        .iter()
        .filter(|(name, value)| got(arrived, name) != Some(value))
        .map(|(name, value)| format!("{name}: {value:?} arrives as {:?}", got(arrived, name)))
        .collect();
    assert!(wrong.is_empty(), "{reader}:\n{}", wrong.join("\n"));
}

/// A value, in the environment by the name that a container has for what is meant for its agents.
fn got<'a>(arrived: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    let prefixed = format!("{}{name}", contract::group_config::AGENT_ENVIRONMENT);
    arrived.get(&prefixed).or_else(|| arrived.get(name))
}

fn strings(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().unwrap_or_else(|| panic!("no mapping: {value}"));
    entries
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                value
                    .as_str()
                    .map_or_else(|| format!("NOT A TEXT: {value}"), str::to_owned),
            )
        })
        .collect()
}

/// What a program says. It has to be there.
fn said(program: &Program) -> String {
    let output = program
        .run()
        .unwrap_or_else(|error| panic!("{error}\n  hint: run `cargo xtask test --setup`"));
    assert!(output.status.success(), "{}\n{}", program.command_line(), output.stderr);
    output.stdout
}

/// Documents as PyYAML, a reader of YAML 1.1, has them.
fn by_pyyaml(text: &str) -> Vec<Value> {
    let script = "import json, sys, yaml\n\
        print(json.dumps(list(yaml.safe_load_all(sys.stdin.buffer.read())), default=str))";
    let json = said(
        &Program::new("python3")
            .args(["-c", script])
            .input(text.as_bytes())
            .whole(),
    );
    serde_json::from_str(&json).unwrap()
}

/// A folder with these files, by their last names.
fn folder<'f>(files: impl IntoIterator<Item = &'f RenderedFile>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let name = Path::new(&file.path).file_name().unwrap();
        std::fs::write(folder.path().join(name), &file.text).unwrap();
    }
    folder
}

const COMPOSE: &str = "docker/podman-compose.main.yml";

#[test]
fn group_configs_are_the_same_to_readers_of_both_versions() {
    let files = rendered(&stack());
    let text = file(&files, "config/core.yaml");
    same("PyYAML", &strings(&by_pyyaml(text)[0]["agents"][0]["params"]));
    let config: contract::group_config::GroupConfig = serde_yaml::from_str(text).unwrap();
    same("a reader of version 1.2", &config.agents[0].params);
    let config: contract::group_config::GroupConfig = serde_saphyr::from_str(text).unwrap();
    same("the supervisor's reader", &config.agents[0].params);
}

#[test]
fn podman_compose_hands_on_what_was_written() {
    let files = rendered(&stack());
    let folder = folder(files.iter().filter(|file| file.path == COMPOSE));
    let calls = folder.path().join("calls");
    // A `podman` that notes what it is given.
    let podman = folder.path().join("podman");
    let script = format!(
        "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\0' \"$word\"; done >> '{}'\n\
         case \"$1\" in --version) echo 'podman version 4.3.1' ;; ps) echo '[]' ;; esac\n",
        calls.display()
    );
    std::fs::write(&podman, script).unwrap();
    std::fs::set_permissions(&podman, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    said(
        &Program::new("podman-compose")
            .args(["-f", "podman-compose.main.yml", "up", "-d", "core"])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .folder(folder.path()),
    );
    let words = std::fs::read(calls).unwrap();
    let words: Vec<&str> = words
        .split(|byte| *byte == 0)
        .map(|word| std::str::from_utf8(word).unwrap())
        .collect();
    let variables = words
        .windows(2)
        .filter(|pair| pair[0] == "-e")
        .filter_map(|pair| pair[1].split_once('='));
    let mut arrived: BTreeMap<String, String> = variables
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    same("podman-compose", &arrived);
    assert_eq!(arrived.remove("PC2_IP").as_deref(), Some("192.168.1.102"));
    same(
        "PyYAML",
        &undoubled(strings(
            &by_pyyaml(file(&files, COMPOSE))[0]["services"]["core"]["environment"],
        )),
    );
}

/// What `$$` stands for where Compose fills in values.
fn undoubled(values: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let values = values.into_iter();
    values.map(|(name, value)| (name, value.replace("$$", "$"))).collect()
}

#[test]
fn docker_compose_reads_what_was_written() {
    let files = rendered(&stack());
    let folder = folder(files.iter().filter(|file| file.path == COMPOSE));
    let config = Program::new("docker-compose").args(["-f", "podman-compose.main.yml", "config", "--format", "json"]);
    let config: Value =
        serde_json::from_str(&said(&config.folder(folder.path()).env("PC2_IP", "10.9.8.7").whole())).unwrap();
    let environment = strings(&config["services"]["core"]["environment"]);
    // It prints a file that it would read as the same again.
    same("docker compose", &undoubled(environment.clone()));
    assert_eq!(environment["PC2_IP"], "10.9.8.7");
}

/// What a reader of Markdown shows of a document: text and code in one, table cells apart.
fn read_markdown(text: &str) -> (Vec<String>, Vec<String>) {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    let (mut codes, mut cells, mut cell) = (Vec::new(), Vec::new(), None::<String>);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::TableCell) => cell = Some(String::new()),
            Event::End(TagEnd::TableCell) => cells.extend(cell.take()),
            Event::Text(part) => {
                if let Some(cell) = &mut cell {
                    cell.push_str(&part);
                }
            }
            Event::Code(part) => match &mut cell {
                Some(cell) => cell.push_str(&part),
                None => codes.push(part.into_string()),
            },
            Event::InlineHtml(html) => panic!("{html} is markup"),
            Event::Html(html) => assert!(html.starts_with("<!-- rendered by"), "{html} is markup"),
            _ => {}
        }
    }
    (codes, cells)
}

#[test]
fn a_reader_of_markdown_sees_values_and_names_as_they_are() {
    let mut stack = stack();
    let names = [
        "A|b",
        "`x`",
        "a``b`",
        "<b>x</b>",
        "<!-- x",
        "*x*",
        "_x_",
        "__x",
        "[x](y)",
        "![x]",
        "\\",
        "\\|",
        "x\\",
        "# x",
        "- x",
        "+ x",
        "&amp;",
        "~~x~~",
        "https://x.example",
        "a@b.example",
        "||",
        "$x$",
        "x_y_z",
        "1. x",
    ];
    for name in names {
        name.clone_into(&mut stack.agents[0].name);
        name.clone_into(&mut stack.agents[0].script_path);
        stack.written_tree = "tree".to_owned();
        for document in super::documents(&stack) {
            let (codes, cells) = read_markdown(&document.text);
            assert!(
                cells.iter().any(|cell| cell == name),
                "{name} is not in {}: {cells:?}",
                document.path
            );
            if document.path == "config/README.md" {
                let scripts = cells.iter().filter(|cell| *cell == name);
                assert_eq!(scripts.count(), 2, "{name}: {cells:?}");
                let arrived = codes
                    .iter()
                    .filter_map(|code| code.split_once('='))
                    .map(|(name, value)| {
                        let value = if value.starts_with('"') {
                            serde_json::from_str(value).unwrap()
                        } else {
                            value.to_owned()
                        };
                        (name.to_owned(), value)
                    });
                same("a reader of Markdown", &arrived.collect());
            }
        }
        stack.written_tree = "/elsewhere".to_owned();
        let (_, cells) = read_markdown(&super::documents(&stack)[0].text);
        assert_eq!(
            cells.iter().filter(|cell| *cell == name).count(),
            2,
            "{name}: {cells:?}"
        );
    }
}

/// A value of a pod's variable as a cluster gives it to the container: `$$` is `$`, and `$(NAME)` another variable's value.
fn expanded(value: &str) -> String {
    assert!(!value.contains("$("), "`{value}` would be filled in");
    value.replace("$$", "$")
}

#[test]
fn kubectl_reads_what_was_written_and_a_cluster_and_podman_hand_it_on() {
    let files = rendered(&stack());
    let folder = folder(files.iter().filter(|file| file.path == "docker/kube/main/core.yaml"));
    let file_name = folder.path().join("core.yaml");
    // Reads and prints, and asks no cluster.
    let kubectl = Program::new("kubectl")
        .args(["annotate", "--local", "--output=json", "read=yes", "--filename"])
        .arg(&file_name)
        .env("HOME", folder.path())
        .whole();
    let printed = said(&kubectl);
    let by_kubectl: Vec<Value> = serde_json::Deserializer::from_str(&printed)
        .into_iter()
        .map(|document| document.unwrap())
        .collect();
    for (reader, documents) in [
        ("kubectl", by_kubectl),
        ("PyYAML", by_pyyaml(file(&files, "docker/kube/main/core.yaml"))),
    ] {
        let named = |kind: &str, name: &str| {
            let found = documents
                .iter()
                .find(|document| document["kind"] == kind && document["metadata"]["name"] == name);
            found.unwrap_or_else(|| panic!("{reader}: no {kind} {name}"))
        };
        let container = &named("Deployment", "core")["spec"]["template"]["spec"]["containers"][0];
        let mut in_a_cluster = BTreeMap::new();
        let mut in_podman = BTreeMap::new();
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"]
                .as_str()
                .unwrap_or_else(|| panic!("{reader}: {variable}"));
            let reference = &variable["valueFrom"]["configMapKeyRef"];
            let (cluster, podman) = match variable["value"].as_str() {
                // Podman's `kube play` takes it as it is.
                Some(value) => (expanded(value), value.to_owned()),
                None => {
                    let map = named(
                        "ConfigMap",
                        reference["name"]
                            .as_str()
                            .unwrap_or_else(|| panic!("{reader}: {variable}")),
                    );
                    let value = map["data"][reference["key"].as_str().unwrap()].as_str().unwrap();
                    (value.to_owned(), value.to_owned())
                }
            };
            in_a_cluster.insert(name.to_owned(), cluster);
            in_podman.insert(name.to_owned(), podman);
        }
        same(&format!("{reader}, a cluster"), &in_a_cluster);
        same(&format!("{reader}, Podman"), &in_podman);
        // The group config in a `ConfigMap` is the same text that a container has as a file.
        let config: contract::group_config::GroupConfig =
            serde_yaml::from_str(named("ConfigMap", "core-config")["data"]["core.yaml"].as_str().unwrap()).unwrap();
        same(&format!("{reader}, group config"), &config.agents[0].params);
    }
}

/// Quadlet, which Podman 4.4 and newer have beside their programs.
fn quadlet() -> PathBuf {
    let places = ["/usr/libexec/podman/quadlet", "/usr/lib/podman/quadlet"];
    let installed = || places.into_iter().map(PathBuf::from).find(|path| path.is_file());
    on_path("quadlet")
        .or_else(installed)
        .expect("no quadlet\n  hint: run `cargo xtask test --setup`")
}

#[test]
fn quadlet_and_systemd_hand_on_what_was_written() {
    let files = rendered(&stack());
    let folder = folder(
        files
            .iter()
            .filter(|file| file.path.starts_with("docker/quadlet/main/")),
    );
    let generated = said(
        &Program::new(quadlet())
            .arg("-dryrun")
            .env("QUADLET_UNIT_DIRS", folder.path())
            .whole(),
    );
    let unit = generated
        .split("---sys-core.service---\n")
        .nth(1)
        .expect("the service of the group");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))
        .expect("a command");
    let words = systemd::words(start);
    let variables = words
        .windows(2)
        .filter(|pair| pair[0] == "--env")
        .filter_map(|pair| pair[1].split_once('='));
    let arrived = variables
        .map(|(name, value)| (name.to_owned(), systemd::literal(value)))
        .collect();
    same("Quadlet and systemd", &arrived);
}

/// How systemd reads a command: `systemd.syntax(7)` on quoting, `systemd.unit(5)` on specifiers, `systemd.service(5)` on variables.
mod systemd {
    use std::iter::Peekable;
    use std::str::Chars;

    /// The words of an `ExecStart=`, before anything is replaced in them.
    pub fn words(line: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut rest = line.trim().chars().peekable();
        while rest.peek().is_some() {
            words.push(word(&mut rest));
            while rest.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        }
        words
    }

    fn word(rest: &mut Peekable<Chars<'_>>) -> String {
        let mut bytes: Vec<u8> = Vec::new();
        let mut quote = None;
        while let Some(c) = rest.next() {
            match (c, quote) {
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (c, None) if c.is_ascii_whitespace() => break,
                ('\\', _) => escape(rest, &mut bytes),
                (c, _) => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        assert_eq!(quote, None, "a quote is not closed");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn escape(rest: &mut Peekable<Chars<'_>>, bytes: &mut Vec<u8>) {
        let c = rest.next().expect("an escape");
        let mut number = |first: Option<char>, digits: usize, radix: u32| {
            let digits: String = first
                .into_iter()
                .chain((0..digits).map(|_| rest.next().expect("a digit")))
                .collect();
            u32::from_str_radix(&digits, radix).expect("a number")
        };
        let code = match c {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            's' => 32,
            '\\' | '"' | '\'' => u32::from(c),
            // Bytes, not characters.
            'x' => return bytes.push(u8::try_from(number(None, 2, 16)).expect("a byte")),
            '0'..='3' => return bytes.push(u8::try_from(number(Some(c), 2, 8)).expect("a byte")),
            'u' => number(None, 4, 16),
            'U' => number(None, 8, 16),
            other => panic!("`\\{other}` is not an escape"),
        };
        let c = char::from_u32(code).expect("a character");
        bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
    }

    /// A word in which nothing is to be replaced.
    pub fn literal(word: &str) -> String {
        without_variables(&without_specifiers(word))
    }

    fn without_specifiers(word: &str) -> String {
        let mut text = String::new();
        let mut rest = word.chars();
        while let Some(c) = rest.next() {
            assert!(c != '%' || rest.next() == Some('%'), "a specifier in `{word}`");
            text.push(c);
        }
        text
    }

    fn without_variables(word: &str) -> String {
        let mut text = String::new();
        let mut rest = word.chars().peekable();
        while let Some(c) = rest.next() {
            if c == '$' && rest.next_if_eq(&'$').is_none() {
                let name = |c: &char| c.is_ascii_alphabetic() || *c == '_' || *c == '{';
                assert!(!rest.peek().is_some_and(name), "a variable in `{word}`");
            }
            text.push(c);
        }
        text
    }
}
