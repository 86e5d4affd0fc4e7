//! Which error of a file that does not parse CPython would name. It reads the rest of such a file token by token, and prefers
//! what is wrong with a token, or with a bracket, to saying where its parser stopped.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{LexicalErrorType, ParseError, ParseErrorType, Parsed};
use ruff_text_size::{Ranged, TextRange};

use crate::facts::{Span, SyntaxError};

type Source = Parsed<ruff_python_ast::Mod>;

/// The place of an error: for a body that is not there, what stands in its stead.
pub fn place(text: &str, parsed: &Source, error: &ParseError) -> Span {
    let is_body =
        matches!(&error.error, ParseErrorType::OtherError(text) if text.starts_with("Expected an indented block"));
    if !is_body {
        return crate::span(error.range());
    }
    let start = error.range().start();
    let first = parsed.tokens().partition_point(|token| token.start() < start);
    let written = |kind| {
        !matches!(
            kind,
            TokenKind::NonLogicalNewline
                | TokenKind::Comment
                | TokenKind::Newline
                | TokenKind::Indent
                | TokenKind::Dedent
        )
    };
    let next = parsed.tokens().get(first..).unwrap_or_default();
    let next = next.iter().find(|token| written(token.kind()));
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    next.map_or(Span { start: end, end }, |token| crate::span(token.range()))
}

/// What CPython would name instead of the parser's first error, which is at that place.
pub fn instead(text: &str, parsed: &Source, first: Span) -> Option<SyntaxError> {
    let token = parsed
        .errors()
        .iter()
        .filter(|error| is_of_a_token(&error.error))
        .min_by_key(|error| error.location.start());
    // There it stops at once.
    let indented = |error: &ParseError| {
        error.location.start().to_u32() == first.start && error.error == ParseErrorType::UnexpectedIndentation
    };
    if parsed.errors().iter().any(indented) {
        return None;
    }
    let mut open: Vec<(char, TextRange)> = Vec::new();
    for next in parsed.tokens() {
        let range = next.range();
        if let Some(error) = token.filter(|error| error.location.start() <= range.start()) {
            return Some(SyntaxError {
                message: crate::decapitalised(&error.error.to_string()),
                span: crate::span(error.location),
            });
        }
        match next.kind() {
            TokenKind::Lpar => open.push(('(', range)),
            TokenKind::Lsqb => open.push(('[', range)),
            TokenKind::Lbrace => open.push(('{', range)),
            kind @ (TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace) => {
                let (closing, wanted) = match kind {
                    TokenKind::Rpar => (')', '('),
                    TokenKind::Rsqb => (']', '['),
                    _ => ('}', '{'),
                };
                match open.pop() {
                    Some((opening, _)) if opening == wanted => {}
                    Some((opening, _)) => {
                        let message =
                            format!("closing parenthesis '{closing}' does not match opening parenthesis '{opening}'");
                        return Some(error(message, range));
                    }
                    None => return Some(error(format!("unmatched '{closing}'"), range)),
                }
            }
            _ => {}
        }
    }
    let (bracket, range) = open.pop()?;
    let at_end = |error: &ParseError| matches!(error.error, ParseErrorType::Lexical(LexicalErrorType::Eof));
    let lines_below = text
        .get(range.start().to_usize()..first.start as usize)
        .is_some_and(|between| between.contains(['\n', '\r']));
    (lines_below || parsed.errors().first().is_some_and(at_end))
        .then(|| error(format!("'{bracket}' was never closed"), range))
}

/// Whether CPython's tokenizer says so; f-strings are no matter of its own.
fn is_of_a_token(error: &ParseErrorType) -> bool {
    use LexicalErrorType::{Eof, FStringError, IndentationError, LineContinuationError, TStringError};
    matches!(error, ParseErrorType::Lexical(kind) if !matches!(
        kind,
        Eof | FStringError(_) | TStringError(_) | IndentationError | LineContinuationError
    ))
}

fn error(message: String, range: TextRange) -> SyntaxError {
    SyntaxError {
        message: message.into(),
        span: crate::span(range),
    }
}
