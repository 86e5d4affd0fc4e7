//! Smoke checks: files of them, and what they expect.

use serde_json::Value;
use xtask::smoke::matcher::Matcher;
use xtask::smoke::plan::Selection;
use xtask::smoke::{expand, parse};

use crate::invariants;
use crate::world::World;

/// Reads them, and plans them for the small stack; as JSON, takes them as an expectation.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if let Ok(value) = serde_json::from_str::<Value>(&text)
        && let Ok(matcher) = Matcher::compile(&value)
    {
        let _ = matcher.accepts(&value);
        for mismatch in matcher.mismatches(&Value::String(text.clone())) {
            assert!(mismatch.got.chars().count() <= 500, "{mismatch:?}");
        }
    }
    let (files, findings) = parse(&[("tests/smoke/x.yaml".to_owned(), text)]);
    invariants::findings(&findings);
    if let (Some(stack), _) = World::default().load() {
        let (_, findings) = expand(&stack, &files, &Selection::default());
        invariants::findings(&findings);
    }
}
