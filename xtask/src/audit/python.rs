//! What the rules that are not about start-up take from the facts of Python files: words and endpoints.

use std::borrow::Cow;

use pysrc::{Module, StringKind};

use super::rules::Endpoint;
use super::words::{Seat, Word, is_interesting};
use crate::python::tree::Language;

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
pub fn endpoints<'a>(path: &'a str, module: &'a Module) -> Vec<Endpoint<'a>> {
    module
        .endpoints
        .iter()
        .filter_map(|endpoint| {
            Some(Endpoint {
                path,
                bound: endpoint.bind,
                host: endpoint.host.as_deref()?,
                port: endpoint.literal_port(),
                module,
                span: endpoint.span,
            })
        })
        .collect()
}
