//! What the rules that are not about start-up take from the facts of Python files: words and endpoints.

use std::borrow::Cow;

use pysrc::{Module, StringKind};

use super::rules::Endpoint;
use super::tree::Language;
use super::words::{Seat, Word, is_interesting};
use crate::finding::Place;

/// String literals that may be a path, an address or an endpoint.
#[must_use]
pub fn words<'a>(path: &'a str, module: &'a Module) -> Vec<Word<'a>> {
    module
        .strings
        .iter()
        .filter(|string| string.looks != StringKind::Placeholder && is_interesting(&string.text))
        .map(|string| Word {
            path,
            language: Language::Python,
            seat: Seat::Span(module, string.span),
            text: Cow::Borrowed(&string.text),
        })
        .collect()
}

/// Bind and connect calls with a literal host.
#[must_use]
pub fn endpoints(path: &str, shown: &str, module: &Module) -> Vec<Endpoint> {
    module
        .endpoints
        .iter()
        .filter_map(|endpoint| {
            Some(Endpoint {
                path: path.to_owned(),
                bound: endpoint.bind,
                host: endpoint.host.as_deref()?.to_owned(),
                port: endpoint.literal_port(),
                place: place(shown, module, endpoint.span),
            })
        })
        .collect()
}

/// The place of a span of a module.
#[must_use]
pub fn place(shown: &str, module: &Module, span: pysrc::Span) -> Place {
    let position = module.position(span);
    Place {
        path: shown.to_owned(),
        line: position.line,
        column: position.column,
        width: position.width,
        text: module.shown_line(position.line).to_owned(),
    }
}
