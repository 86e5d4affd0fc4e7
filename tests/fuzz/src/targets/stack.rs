//! `config/stack.yaml`: a model or findings; and what is rendered from a model without errors is read by whoever is to read it.

use std::collections::BTreeSet;

use xtask::container::group_config::config;
use xtask::container::preload::Preload;
use xtask::finding::Severity;
use xtask::render;
use xtask::stack::GroupId;

use crate::invariants;
use crate::world::{STACK, World};

/// Loads it, and renders what comes out.
pub fn run(bytes: &[u8]) {
    let (stack, findings) = World::default().with(STACK, bytes).load();
    assert!(stack.is_some() || !findings.is_empty(), "no stack, and nothing said");
    let Some(stack) = stack else { return };
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        return;
    }
    let preload = Preload::default();
    for file in render::render(&stack, &preload, &BTreeSet::new()) {
        invariants::printable(&file.text, true, &file.path);
        if file.path.ends_with(".yaml") || file.path.ends_with(".yml") {
            for document in file.text.split("\n---\n") {
                let read: Result<serde_yaml::Value, _> = serde_yaml::from_str(document);
                assert!(read.is_ok(), "{}: {read:?}\n{document}", file.path);
            }
        }
    }
    for file in render::documents(&stack) {
        invariants::printable(&file.text, true, &file.path);
    }
    for id in 0..stack.groups().count() {
        let config = config(&stack, GroupId(id), &preload);
        let text = render::group_config::text(&stack.output.header(), &config);
        match agent_supervisor::parsers::group_config(&text) {
            Ok((read, _)) => assert_eq!(read, config, "\n{text}"),
            Err(errors) => panic!("the supervisor does not take what is rendered: {errors:#?}\n{text}"),
        }
    }
}
