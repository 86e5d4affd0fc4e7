//! Findings for people: the message, the line with carets under it, what explains it, what mends it.

use std::borrow::Cow;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::escape;
use crate::finding::{Finding, Place, Severity};

/// All findings, errors first, then by place, with a counted last line.
#[must_use]
pub fn human(findings: &[Finding], color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.place.cmp(&b.place))
            .then_with(|| a.rule.cmp(b.rule))
    });
    let mut text = String::new();
    for finding in sorted {
        text.push_str(&one(finding, &renderer));
        text.push_str("\n\n");
    }
    text.push_str(&summary(findings));
    text.push('\n');
    text
}

/// Counts by severity, as in `2 errors, 1 warning`.
#[must_use]
pub fn summary(findings: &[Finding]) -> String {
    let parts: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ]
    .into_iter()
    .filter_map(|(severity, noun)| {
        let count = findings.iter().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| counted(count, noun))
    })
    .collect();
    if parts.is_empty() {
        "no findings".to_owned()
    } else {
        parts.join(", ")
    }
}

/// A count with its noun in agreement.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// One finding; with `width`, in a frame of that many columns.
#[must_use]
pub fn single(finding: &Finding, color: bool, width: Option<usize>) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    one(
        finding,
        &width.map_or_else(|| renderer.clone(), |width| renderer.clone().term_width(width)),
    )
}

fn one(finding: &Finding, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = Group::with_title(
        level
            .primary_title(escape::line(&finding.text()).into_owned())
            .id(finding.rule),
    );
    group = group.element(snippet(&finding.place, None, AnnotationKind::Primary));
    for related in &finding.related {
        group = group.element(snippet(&related.place, Some(&related.label), AnnotationKind::Context));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(escape::line(help).into_owned()));
    }
    renderer.render(&[group]).to_string()
}

fn snippet<'a>(
    place: &'a Place,
    label: Option<&'a str>,
    kind: AnnotationKind,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let line = usize::try_from(place.line.max(1)).unwrap_or(1);
    let (text, span) = shown(place);
    let snippet = Snippet::source(text).line_start(line).path(escape::line(&place.path));
    let mut annotation = kind.span(span);
    if let Some(label) = label {
        annotation = annotation.label(escape::line(label));
    }
    snippet.annotation(annotation)
}

/// The line, or what is around the characters meant, and those as bytes of it.
fn shown(place: &Place) -> (Cow<'_, str>, std::ops::Range<usize>) {
    let column = usize::try_from(place.column.max(1)).unwrap_or(1) - 1;
    let width = usize::try_from(place.width.max(1)).unwrap_or(1);
    let (text, span) = escape::source(&place.text, column, width);
    (Cow::Owned(text), span)
}
