//! An audit as SARIF 2.1.0: relative URIs, a table of the rules, fingerprints that do not depend on line numbers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::audit::baseline::fingerprint;
use crate::audit::{Report, rules};
use crate::finding::{Confidence, Finding, Fix, FixKind, Place, Severity};
use crate::report::escape;

/// What paths are relative to.
const SOURCE_ROOT: &str = "%SRCROOT%";

/// The document; `pages` is where the page of the rules can be read.
#[must_use]
pub fn document(report: &Report, pages: &str) -> Value {
    let all: Vec<_> = rules::all().collect();
    let index: BTreeMap<&str, usize> = all.iter().enumerate().map(|(index, rule)| (rule.id, index)).collect();
    let table: Vec<Value> = all
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "name": name(rule.id),
                "shortDescription": {"text": rule.summary},
                "fullDescription": {"text": rule.explanation.trim()},
                "help": {"text": rule.explanation.trim(), "markdown": rule.explanation.trim()},
                "helpUri": super::address(pages, rule.id),
                "defaultConfiguration": {"level": level(rule.severity)},
                "properties": {"precision": precision(rule.confidence)},
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| result(finding, index.get(finding.rule).copied()))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "xtask audit",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": table,
            }},
            // Results of other trees, or of a part of one, do not take the place of these.
            "automationDetails": {"id": format!("xtask audit/{}/", report.part)},
            "originalUriBaseIds": {SOURCE_ROOT: {"description": {"text": "The root of the repository, or of a tree outside it."}}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding, rule: Option<usize>) -> Value {
    let mut message = escape::beginning(&finding.text()).into_owned();
    if let Some(help) = &finding.help {
        message.push_str(". Help: ");
        message.push_str(&escape::beginning(help));
    }
    let mut result = Map::new();
    result.insert("ruleId".to_owned(), json!(finding.rule));
    if let Some(rule) = rule {
        result.insert("ruleIndex".to_owned(), json!(rule));
    }
    result.insert("level".to_owned(), json!(level(finding.severity)));
    result.insert("message".to_owned(), json!({"text": message}));
    result.insert("locations".to_owned(), json!([location(&finding.place)]));
    if !finding.related.is_empty() {
        let related: Vec<Value> = finding
            .related
            .iter()
            .enumerate()
            .map(|(id, related)| {
                let mut location = location(&related.place);
                location["id"] = json!(id);
                location["message"] = json!({"text": related.label});
                location
            })
            .collect();
        result.insert("relatedLocations".to_owned(), Value::Array(related));
    }
    if let Some(fix) = &finding.fix {
        result.insert("fixes".to_owned(), json!([fix_of(finding, fix)]));
    }
    result.insert(
        "partialFingerprints".to_owned(),
        json!({"ruleAndCode/v1": fingerprint(finding)}),
    );
    Value::Object(result)
}

/// A fix, with its kind in words and as a property: SARIF itself tells none from another.
fn fix_of(finding: &Finding, fix: &Fix) -> Value {
    let (kind, text) = match fix.kind {
        FixKind::Safe => ("safe", "Safe: what is written means the same afterwards"),
        FixKind::Unsafe => (
            "unsafe",
            "Unsafe: what was meant is a guess, and the program does something else afterwards",
        ),
    };
    json!({
        "description": {"text": text},
        "artifactChanges": [{
            "artifactLocation": {"uri": uri(&finding.place.path), "uriBaseId": SOURCE_ROOT},
            "replacements": [{
                "deletedRegion": {
                    "startLine": finding.place.line,
                    "startColumn": fix.column,
                    "endColumn": fix.column + fix.width,
                },
                "insertedContent": {"text": fix.text},
            }],
        }],
        "properties": {"applicability": kind},
    })
}

fn location(place: &Place) -> Value {
    let mut physical = json!({"artifactLocation": {"uri": uri(&place.path), "uriBaseId": SOURCE_ROOT}});
    if place.line > 0 {
        let mut region = json!({"startLine": place.line});
        if place.column > 0 {
            region["startColumn"] = json!(place.column);
            region["endColumn"] = json!(place.column + place.width.max(1));
        }
        // A longer line is of no use to anybody.
        if !place.text.is_empty() && place.text.len() <= 2_000 {
            region["snippet"] = json!({"text": place.text});
        }
        physical["region"] = region;
    }
    json!({"physicalLocation": physical})
}

/// A relative path as a URI: bytes that a URI cannot have are encoded.
fn uri(path: &str) -> String {
    let mut text = String::new();
    for byte in path.trim_start_matches('/').bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A rule's name as SARIF likes it: `PathsStyle`.
fn name(id: &str) -> String {
    id.split(['/', '-'])
        .map(|part| {
            let mut chars = part.chars();
            chars
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
        })
        .collect()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}
