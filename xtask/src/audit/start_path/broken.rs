//! Files that CPython cannot parse or compile: rules `start/syntax-error` and `start/compile-error`.

use std::collections::HashSet;

use pysrc::{Module, SyntaxError};

use crate::finding::{Finding, Subject};
use crate::python::facts::TreeFacts;

/// Why CPython does not run a file, and the rule that says so. A script is read more strictly than what it imports.
pub fn why(module: &Module, script: bool) -> Option<(&'static str, &SyntaxError)> {
    let unread = module.syntax_errors.first();
    unread
        .or_else(|| module.script_error.as_ref().filter(|_| script))
        .map(|error| ("start/syntax-error", error))
        .or_else(|| {
            module
                .compile_errors
                .first()
                .map(|error| ("start/compile-error", error))
        })
}

/// Broken files that no start path meets: whoever imports them later fails.
pub fn elsewhere(tree: &TreeFacts, met: &[Finding]) -> Vec<Finding> {
    let met: HashSet<&str> = met
        .iter()
        .filter(|finding| matches!(finding.rule, "start/syntax-error" | "start/compile-error"))
        .map(|finding| finding.place.path.as_str())
        .collect();
    let mut findings = Vec::new();
    for (index, file) in tree.files.iter().enumerate() {
        let Some((rule, error)) = why(&file.module, false) else {
            continue;
        };
        let place = tree.place(index, error.span);
        if met.contains(place.path.as_str()) {
            continue;
        }
        findings.push(
            Finding::warning(rule, place, format!("syntax error: {}", error.message))
                .about(Subject::Path(file.path.clone()))
                .with_help("no agent meets it when it starts; whatever imports it later fails"),
        );
    }
    findings
}
