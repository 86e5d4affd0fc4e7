//! Schemas against the parsers: the same keys everywhere, and the real files are right by both.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::files;
use crate::smoke::{self, kinds};
use crate::stack::output::Output;
use crate::stack::spans::Source;
use crate::stack::{asked, raw};

const STACK: &str = include_str!("../../../config/stack.yaml");
const CHECKS: [&str; 4] = [
    include_str!("../../../tests/smoke/phase1.yaml"),
    include_str!("../../../tests/smoke/phase2.yaml"),
    include_str!("../../../tests/smoke/phase3.yaml"),
    include_str!("../../../tests/smoke/phase4.yaml"),
];

fn schemas() -> [Value; 2] {
    let all: Vec<Value> = files(&Output::default())
        .iter()
        .map(|file| serde_json::from_str(&file.text).unwrap())
        .collect();
    all.try_into().unwrap()
}

/// The fixed keys of each mapping that a schema knows.
fn keys(schema: &Value, all: &mut BTreeSet<BTreeSet<String>>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        all.insert(properties.keys().cloned().collect());
    }
    match schema {
        Value::Object(entries) => entries.values().for_each(|value| keys(value, all)),
        Value::Array(items) => items.iter().for_each(|item| keys(item, all)),
        _ => {}
    }
}

/// A value with every key that a schema has; of several forms the first.
fn example(schema: &Value, root: &Value) -> Value {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        return example(root.pointer(path.trim_start_matches('#')).unwrap(), root);
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let all = properties
            .iter()
            .map(|(key, value)| (key.clone(), example(value, root)));
        return Value::Object(all.collect());
    }
    if let Some(value) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    for forms in ["anyOf", "oneOf", "allOf"] {
        if let Some(form) = schema.get(forms).and_then(|forms| forms.get(0)) {
            return example(form, root);
        }
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind).clone());
    match kind.as_ref().and_then(Value::as_str) {
        Some("object") => json!({"x": example(&schema["additionalProperties"], root)}),
        Some("array") => json!([example(&schema["items"], root)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        _ => json!("x"),
    }
}

fn asked_by(parse: impl FnOnce()) -> BTreeSet<BTreeSet<String>> {
    let _ = asked::take();
    parse();
    asked::take()
        .into_iter()
        .map(|keys| keys.into_iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn the_parser_of_the_stack_asks_for_the_keys_of_its_schema() {
    let [schema, _] = schemas();
    let mut known = BTreeSet::new();
    keys(&schema, &mut known);
    let text = example(&schema, &schema).to_string();
    let asked = asked_by(|| drop(raw::read(&Source::new("stack.yaml", &text))));
    assert_eq!(asked, known);
}

#[test]
fn the_parser_of_checks_asks_for_the_keys_of_its_schema() {
    let [_, schema] = schemas();
    let mut known = BTreeSet::new();
    keys(&schema, &mut known);
    let whole = example(&schema, &schema);
    let of_one_kind = |kind: &str| {
        let mut check = whole["checks"][0].as_object().unwrap().clone();
        check.retain(|key, _| key == kind || !kinds::names().any(|name| name == *key));
        Value::Object(check)
    };
    let checks: Vec<Value> = kinds::names().map(of_one_kind).collect();
    let text = json!({"phase": 1, "checks": checks}).to_string();
    let asked = asked_by(|| drop(smoke::parse(&[("x.yaml".to_owned(), text)])));
    assert_eq!(asked, known);
}

/// A schema with a file that is right by it.
fn real_files() -> Vec<(jsonschema::Validator, Value)> {
    let [stack, checks] = schemas();
    let of = |schema: &Value, text: &str| {
        let document: Value = serde_yaml::from_str(text).unwrap();
        (jsonschema::validator_for(schema).unwrap(), document)
    };
    let mut all = vec![of(&stack, STACK)];
    all.extend(CHECKS.map(|text| of(&checks, text)));
    all
}

#[test]
fn the_files_of_this_repository_are_right() {
    for (validator, document) in real_files() {
        let wrong: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert_eq!(wrong, Vec::<String>::new());
    }
}

#[test]
fn a_wrong_key_is_refused_wherever_keys_are_fixed() {
    fn with_a_key(mapping: &mut Value) {
        let entries: &mut Map<String, Value> = mapping.as_object_mut().unwrap();
        entries.insert("wrong_key".to_owned(), json!(1));
    }
    let places = [
        ["", "/images", "/machines/pc2", "/groups/vision", "/supervision"].as_slice(),
        &["", "/checks/0", "/checks/1/image"],
        &["", "/checks/0"],
        &["", "/checks/0/status"],
        &["", "/checks/0/status", "/checks/1/call"],
    ];
    for ((validator, document), places) in real_files().into_iter().zip(places) {
        for place in places {
            let mut wrong = document.clone();
            with_a_key(
                wrong
                    .pointer_mut(place)
                    .unwrap_or_else(|| panic!("no {place} in {document:#}")),
            );
            assert!(!validator.is_valid(&wrong), "{place}");
        }
    }
}

#[test]
fn a_check_of_two_kinds_or_of_none_is_refused() {
    let [_, schema] = schemas();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let file = |check: Value| json!({"phase": 1, "checks": [check]});
    assert!(validator.is_valid(&file(json!({"name": "a", "image": {"image": "base"}}))));
    assert!(!validator.is_valid(&file(json!({"name": "a"}))));
    let two = json!({"name": "a", "image": {"image": "base"}, "network": {"name": "n"}});
    assert!(!validator.is_valid(&file(two)));
}

/// Where a document has a value, as JSON pointers.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            all.push(format!("{at}/{}", escaped(key)));
            pointers(value, &format!("{at}/{}", escaped(key)), all);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
            all.push(format!("{at}/{index}"));
            pointers(value, &format!("{at}/{index}"), all);
        }),
        _ => {}
    }
}

/// Whether parser and schema say the same of a document wherever a value of it is replaced by nothing; returns where they do not.
fn differences(schema: &Value, parser_takes: impl Fn(&str) -> bool, document: &Value) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let mut all = Vec::new();
    pointers(document, "", &mut all);
    let with = |pointer: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    // What a schema leaves open, as the matchers of checks are, takes this, too.
    all.retain(|pointer| !validator.is_valid(&with(pointer, json!([[{}]]))));
    assert!(all.len() > 10, "{document:#}");
    all.into_iter()
        .filter_map(|pointer| {
            let nothing = with(&pointer, Value::Null);
            let (schema, parser) = (validator.is_valid(&nothing), parser_takes(&nothing.to_string()));
            (schema != parser).then(|| format!("{pointer}: schema {schema}, parser {parser}"))
        })
        .collect()
}

#[test]
fn nothing_is_taken_where_the_parser_takes_it() {
    let [stack, checks] = schemas();
    let document = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    let parse = |text: &str| raw::read(&Source::new("stack.yaml", text)).1.is_empty();
    let mut whole = example(&stack, &stack);
    let values = [
        ("/python/version", "3.11"),
        ("/images/namespace", "localhost/x"),
        ("/volumes/x", "/x"),
        ("/machines/x/address_variable", "X"),
        ("/machines/x/lan_address", "192.168.1.101"),
        ("/machines/x/network/subnet", "172.20.0.0/16"),
        ("/groups/x/address", "172.20.0.10"),
    ];
    for (pointer, value) in values {
        *whole.pointer_mut(pointer).unwrap() = json!(value);
    }
    for level in ["", "/machines/x", "/groups/x", "/groups/x/overrides/x"] {
        for (key, value) in [
            ("mounts/0", "/x:/y"),
            ("devices/0", "/dev/x"),
            ("extra_hosts/x", "10.0.0.7"),
            ("dns/0", "10.0.0.53"),
            ("capabilities/0", "SYS_NICE"),
            ("sockets/0", "pipewire"),
            ("host_services/0", "5432"),
            ("shm_size", "1g"),
            ("tmp_size", "1g"),
            ("memory", "1g"),
            ("stop_signal", "SIGINT"),
            ("restart", "no"),
            ("secrets/x/target", "/x"),
        ] {
            *whole.pointer_mut(&format!("{level}/{key}")).unwrap() = json!(value);
        }
        whole.pointer_mut(level).unwrap()["ulimits"] = json!({"nofile": {"soft": 1, "hard": 2}, "core": "0"});
        // What belongs to one kind has no place in another.
        let health = if level.is_empty() {
            json!({"kind": "zmq", "port": "+1", "ask": "x", "expect": ["x"], "start_period": 1})
        } else {
            json!({"kind": "http", "port": 1, "path": "/x", "expect": "x", "start_period": 1})
        };
        *whole.pointer_mut(&format!("{level}/health")).unwrap() = health;
    }
    for (key, value) in [
        ("mounts/0", "/x:/y"),
        ("devices/0", "/dev/x"),
        ("extra_hosts/x", "10.0.0.7"),
        ("dns/0", "10.0.0.53"),
        ("capabilities/0", "SYS_NICE"),
        ("sockets/0", "pipewire"),
        ("host_services/0", "5432"),
        ("shm_size", "1g"),
        ("tmp_size", "1g"),
        ("memory", "1g"),
        ("index", "https://x"),
    ] {
        *whole.pointer_mut(&format!("/groups/x/variants/x/{key}")).unwrap() = json!(value);
    }
    whole["groups"]["x"]["variants"]["x"]["ulimits"] = json!({"nofile": "1:2"});
    for place in ["/groups/x/publish/0", "/groups/x/overrides/x/publish/0"] {
        *whole.pointer_mut(place).unwrap() = json!("8080:5570");
    }
    whole["groups"]["x"]["user"] = json!("root");
    // An asset comes from one place.
    let downloaded = json!({"to": "/app/x", "url": "https://x", "sha256": "0".repeat(64)});
    *whole.pointer_mut("/groups/x/assets/x").unwrap() = downloaded;
    let made = json!({"to": "/app/x", "command": ["x", "{to}"], "hosts": ["x"]});
    *whole.pointer_mut("/groups/x/variants/x/assets/x").unwrap() = made;
    // Which rules there are, the audit says; the schema knows it from there.
    *whole.pointer_mut("/audit/rules").unwrap() = json!({ "paths/style": "off" });
    assert_eq!(raw::read(&Source::new("stack.yaml", whole.to_string())).1, []);
    for document in [document(STACK), whole] {
        assert_eq!(differences(&stack, parse, &document), Vec::<String>::new());
    }
    let parse = |text: &str| smoke::parse(&[("x.yaml".to_owned(), text.to_owned())]).1.is_empty();
    for text in CHECKS {
        assert_eq!(differences(&checks, parse, &document(text)), Vec::<String>::new());
    }
}
