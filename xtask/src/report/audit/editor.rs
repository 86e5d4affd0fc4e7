//! Findings as an editor shows them: diagnostics and actions of the Language Server Protocol.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Value, json};
use similar::{DiffTag, TextDiff};

use crate::audit::Report;
use crate::audit::fix::Fixed;
use crate::finding::{Finding, Fix, FixKind, Place, Severity};
use crate::report::escape;

/// Who says it, for the reader of several servers' diagnostics.
const SOURCE: &str = "ai-system audit";

/// The diagnostics of each file, by the path that findings name. `pages` is where the page of the rules can be read; `address` gives the
/// address of a file.
#[must_use]
pub fn diagnostics<'a>(
    report: &'a Report,
    pages: &str,
    address: &dyn Fn(&str) -> String,
) -> BTreeMap<&'a str, Vec<Value>> {
    let mut all: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for finding in &report.findings {
        all.entry(&finding.place.path)
            .or_default()
            .push(one(finding, pages, address));
    }
    all
}

fn one(finding: &Finding, pages: &str, address: &dyn Fn(&str) -> String) -> Value {
    let mut message = finding.text().into_owned();
    if let Some(help) = &finding.help {
        message = format!("{message}\nhelp: {help}");
    }
    let mut diagnostic = json!({
        "range": range(&finding.place),
        "severity": match finding.severity {
            Severity::Error => 1,
            Severity::Warning => 2,
            Severity::Note => 3,
        },
        "code": finding.rule,
        "source": SOURCE,
        "message": escape::block(&message),
        "relatedInformation": finding.related.iter().map(|related| json!({
            "location": {"uri": address(&related.place.path), "range": range(&related.place)},
            "message": escape::line(&related.label),
        })).collect::<Vec<_>>(),
    });
    // An address that an editor can open: not the path of a page in some repository.
    let page = super::address(pages, finding.rule);
    if page.contains("://") {
        diagnostic["codeDescription"] = json!({"href": page});
    }
    diagnostic
}

/// A place as a range of UTF-16 units, from 0.
fn range(place: &Place) -> Value {
    let line = place.line.saturating_sub(1);
    let (start, end) = if place.column == 0 {
        let indent = place.text.chars().take_while(|c| c.is_whitespace()).count();
        (units(&place.text, indent), units(&place.text, usize::MAX))
    } else {
        let start = place.column as usize - 1;
        (
            units(&place.text, start),
            units(&place.text, start + place.width.max(1) as usize),
        )
    };
    json!({"start": {"line": line, "character": start}, "end": {"line": line, "character": end}})
}

/// UTF-16 units of the first characters of a line.
fn units(line: &str, characters: usize) -> usize {
    line.chars().take(characters).map(char::len_utf16).sum()
}

/// What an editor may do about a file: `wanted` are the lines that are asked about, from 0.
#[must_use]
pub fn actions(report: &Report, path: &str, fixed: Option<&Fixed>, uri: &str, wanted: &Range<u32>) -> Vec<Value> {
    let mut actions = Vec::new();
    if let Some(fixed) = fixed {
        let edits = edits(&fixed.before, &fixed.after);
        let is_near = edits
            .iter()
            .any(|(lines, _)| lines.start <= wanted.end && wanted.start <= lines.end);
        let edits: Vec<Value> = edits.into_iter().map(|(_, edit)| edit).collect();
        let action = |kind: &str| {
            json!({
                "title": "Fix what is safe to fix in this file: path styles, implied health ports",
                "kind": kind,
                "edit": {"changes": {uri: &edits}},
            })
        };
        if is_near {
            actions.push(action("quickfix"));
        }
        actions.push(action("source.fixAll"));
    }
    let here = |finding: &&Finding| {
        finding.place.path == path
            && finding.place.line > 0
            && (wanted.start..=wanted.end).contains(&(finding.place.line - 1))
    };
    for finding in report.findings.iter().filter(here) {
        actions.extend(finding.fix.as_ref().map(|fix| fix_of(finding, fix, uri)));
    }
    let mut said = Vec::new();
    for finding in report.findings.iter().filter(here) {
        let line = finding.place.line - 1;
        if said.contains(&(finding.rule, line)) {
            continue;
        }
        said.push((finding.rule, line));
        let indent: String = finding.place.text.chars().take_while(|c| c.is_whitespace()).collect();
        let start = json!({"line": line, "character": 0});
        let comment = format!("{indent}# audit: ignore[{}] say why\n", finding.rule);
        actions.push(json!({
            "title": format!("Silence {} on this line", finding.rule),
            "kind": "quickfix",
            "edit": {"changes": {uri: [{"range": {"start": start, "end": start}, "newText": comment}]}},
        }));
    }
    actions
}

/// What a finding's own fix does.
fn fix_of(finding: &Finding, fix: &Fix, uri: &str) -> Value {
    let kind = match fix.kind {
        FixKind::Safe => "",
        FixKind::Unsafe => " (unsafe: a guess)",
    };
    let range = range(&Place {
        column: fix.column,
        width: fix.width,
        ..finding.place.clone()
    });
    json!({
        "title": format!("Write `{}`{kind}", escape::line(&fix.text)),
        "kind": "quickfix",
        "edit": {"changes": {uri: [{"range": range, "newText": fix.text}]}},
    })
}

/// What turns a text into another, by whole lines: which lines, from 0 and without the last, and the edit.
fn edits(before: &str, after: &str) -> Vec<(Range<u32>, Value)> {
    let diff = TextDiff::from_lines(before, after);
    let line = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    diff.ops()
        .iter()
        .filter(|operation| operation.tag() != DiffTag::Equal)
        .map(|operation| {
            let old = operation.old_range();
            let lines = line(old.start)..line(old.end);
            let text = new.get(operation.new_range()).unwrap_or_default().concat();
            let position = |line: u32| json!({"line": line, "character": 0});
            let range = json!({"start": position(lines.start), "end": position(lines.end)});
            (lines, json!({"range": range, "newText": text}))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_counted_as_editors_do() {
        let place = |column, width| Place {
            line: 3,
            column,
            width,
            text: "  é😀 = x".to_owned(),
            ..Place::file("a.py")
        };
        let span = |place: &Place| {
            let range = range(place);
            let at = |end: &str| range[end]["character"].as_u64().unwrap();
            assert_eq!(range["start"]["line"], 2);
            (at("start"), at("end"))
        };
        assert_eq!(span(&place(3, 1)), (2, 3));
        assert_eq!(span(&place(4, 1)), (3, 5), "two units outside of the first plane");
        assert_eq!(span(&place(8, 1)), (8, 9));
        assert_eq!(span(&place(0, 0)), (2, 9), "the line without its indentation");
    }

    #[test]
    fn a_guess_is_offered_as_one_where_it_is_asked_for() {
        let place = Place {
            line: 3,
            column: 1,
            width: 14,
            text: "é = 😀.threa(x)".to_owned(),
            ..Place::file("a.py")
        };
        let mut finding = Finding::error("start/no-attribute", place.clone(), "x");
        finding.fix = Fix::of_word(&place, "threa", "threading");
        let report = Report {
            findings: vec![finding],
            ..Report::default()
        };
        let offered = |lines: Range<u32>| actions(&report, "a.py", None, "file:///a.py", &lines);
        let fix = &offered(2..2)[0];
        assert_eq!(fix["title"], "Write `threading` (unsafe: a guess)");
        let edit = &fix["edit"]["changes"]["file:///a.py"][0];
        assert_eq!(edit["newText"], "threading");
        assert_eq!(
            (&edit["range"]["start"]["character"], &edit["range"]["end"]["character"]),
            (&7.into(), &12.into())
        );
        assert!(offered(0..1).is_empty());
    }

    #[test]
    fn edits_are_of_lines_that_differ() {
        let before = "a\nb\nc\nd\n";
        let found = edits(before, "a\nB\nB2\nc\nd\ne\n");
        let lines: Vec<Range<u32>> = found.iter().map(|(lines, _)| lines.clone()).collect();
        assert_eq!(lines, [1..2, 4..4]);
        assert_eq!(found[0].1["newText"], "B\nB2\n");
        assert!(edits(before, before).is_empty());
    }
}
