//! What holds of everything that the program says, whatever it has read.

use pysrc::{Module, Span};
use xtask::finding::{Finding, Place};

/// No character that a terminal acts on. `lines`: whether line breaks belong to it.
pub fn printable(text: &str, lines: bool, what: &str) {
    let bad = text
        .char_indices()
        .find(|(_, c)| c.is_control() && !(lines && *c == '\n') && *c != '\t');
    assert!(bad.is_none(), "{what} has the control character {bad:?}:\n{text:?}");
}

/// A place that a person can go to.
pub fn place(place: &Place) {
    assert!(!place.text.contains('\n'), "more than a line: {place:?}");
    assert!(place.line > 0 || place.column == 0, "a column of no line: {place:?}");
    assert!(place.column == 0 || place.width > 0, "a place of no width: {place:?}");
    let length = u32::try_from(place.text.chars().count()).unwrap_or(u32::MAX);
    // One behind the end: where something is missing.
    assert!(
        place.text.is_empty() || place.column <= length.saturating_add(1),
        "a column behind the line: {place:?}"
    );
}

/// What holds of findings.
pub fn findings(findings: &[Finding]) {
    for finding in findings {
        assert!(!finding.message.is_empty(), "{finding:?}");
        assert!(finding.rule.contains('/'), "{finding:?}");
        place(&finding.place);
        finding.related.iter().for_each(|related| place(&related.place));
    }
}

/// Every span of a module lies in its text, between characters.
pub fn spans(module: &Module) {
    let text = &module.text;
    let check = |span: Span, what: &str| {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(start <= end && end <= text.len(), "{what}: {span:?} of {}", text.len());
        assert!(
            text.is_char_boundary(start) && text.is_char_boundary(end),
            "{what}: {span:?} cuts a character"
        );
        let position = module.position(span);
        assert!(
            position.line >= 1 && position.column >= 1 && position.width >= 1,
            "{position:?}"
        );
        assert!(position.line as usize <= module.line_count().max(1), "{position:?}");
    };
    let errors = module.syntax_errors.iter().chain(&module.compile_errors);
    errors
        .chain(&module.script_error)
        .for_each(|error| check(error.span, &error.message));
    module.imports.iter().for_each(|import| check(import.span, "import"));
    module
        .bindings
        .iter()
        .for_each(|binding| check(binding.span, "binding"));
    module
        .functions
        .iter()
        .for_each(|function| check(function.span, "function"));
    module.classes.iter().for_each(|class| check(class.span, "class"));
    module
        .attributes
        .iter()
        .for_each(|attribute| check(attribute.span, "attribute"));
    module.path_edits.iter().for_each(|edit| check(edit.span, "path edit"));
    module.strings.iter().for_each(|string| check(string.span, "string"));
    module
        .endpoints
        .iter()
        .for_each(|endpoint| check(endpoint.span, "endpoint"));
    module
        .environment
        .iter()
        .for_each(|read| check(read.span, "environment"));
    module.launches.iter().for_each(|launch| check(launch.span, "launch"));
    module.opens.iter().for_each(|open| check(open.span, "open"));
    module
        .operations
        .iter()
        .for_each(|operation| check(operation.span, "operation"));
    for call in &module.calls {
        check(call.span, "call");
        check(call.callee_span, "callee");
    }
    if let Some(span) = module.main_block {
        check(span, "main block");
    }
}
