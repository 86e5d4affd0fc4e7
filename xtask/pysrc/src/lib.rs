//! Python source to facts. The audit reads every file of a tree through this crate; nothing else in the workspace may
//! know which parser stands behind it. Pure: bytes in, facts out; each file is parsed once and walked once.

mod facts;
mod first_error;
mod lines;
mod lower;
pub mod members;
mod names;
mod source;
mod strings;
mod uses;

use std::borrow::Cow;

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::Ranged;

pub use facts::*;
pub use strings::placeholder;
pub use uses::{Uses, literal};

/// Files longer than this are not read: nobody wrote them.
const LONGEST: usize = 512 * 1024 * 1024;

/// How much is read out of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Whole,
    /// All but what runs, step by step: bodies are empty, there are no attributes, and of calls and local names only those that
    /// another fact needs. For files that no script can import.
    Outline,
}

/// Reads one file.
#[must_use]
pub fn read<'a>(bytes: impl Into<Cow<'a, [u8]>>, version: PythonVersion) -> Module {
    read_as(bytes, version, Detail::Whole)
}

/// Reads one file, as much of it as is wanted.
#[must_use]
pub fn read_as<'a>(bytes: impl Into<Cow<'a, [u8]>>, version: PythonVersion, detail: Detail) -> Module {
    let bytes = bytes.into();
    if bytes.len() > LONGEST {
        return Module {
            syntax_errors: vec![SyntaxError {
                message: "the file is too long to be read".into(),
                span: Span::default(),
            }],
            ..Module::default()
        };
    }
    let source = source::decode(bytes);
    let options = ParseOptions::from(Mode::Module).with_target_version(ruff_python_ast::PythonVersion {
        major: version.major,
        minor: version.minor,
    });
    let mut source = source;
    let mut parsed = parse_unchecked(&source.text, options.clone());
    if let Some(text) = without_dead_ends(&source.text, &parsed) {
        parsed = parse_unchecked(&text, options);
        source.text = text;
    }
    let newer = parsed.unsupported_syntax_errors().iter();
    // What is broken in any version is not new.
    let newer_syntax = newer.map(|error| span(error.range())).min();
    let newer_syntax = newer_syntax.filter(|_| parsed.errors().is_empty());
    let mut errors = source.errors;
    let mut script_error = None;
    if let Some(error) = source.wrong_byte {
        if wrong_bytes_are_in_comments(&source.text, &parsed) {
            script_error = Some(error);
        } else {
            errors.push(error);
        }
    }
    // What stands after a wrong byte is no error of its own.
    if errors.is_empty() {
        for error in parsed.errors() {
            errors.push(SyntaxError {
                message: decapitalised(&error.error.to_string()),
                span: first_error::place(&source.text, &parsed, error),
            });
        }
        for error in parsed.unsupported_syntax_errors() {
            errors.push(SyntaxError {
                message: decapitalised(&error.to_string()),
                span: span(error.range()),
            });
        }
        errors.sort_by_key(|error| error.span.start);
        if let Some(first) = errors.first().map(|error| error.span)
            && let Some(error) = first_error::instead(&source.text, &parsed, first)
        {
            errors.retain(|other| *other != error);
            errors.insert(0, error);
        }
    }
    // Which names a function binds is what an outline leaves out, and what `nonlocal` is checked against.
    let detail = match detail {
        Detail::Outline if memchr::memmem::find(source.text.as_bytes(), b"nonlocal").is_some() => Detail::Whole,
        detail => detail,
    };
    let (mut module, depth) = match parsed.syntax() {
        ruff_python_ast::Mod::Module(body) => lower::module(&body.body, version, detail),
        ruff_python_ast::Mod::Expression(_) => (Module::default(), 0),
    };
    if errors.is_empty() && (depth > 64 || memchr::memmem::find(source.text.as_bytes(), b"((((((((").is_some()) {
        errors.extend(too_deep(&parsed));
    }
    drop_syntax(parsed.into_syntax(), depth);
    module.text = source.text.into_boxed_str();
    module.encoding = source.encoding;
    if errors.is_empty() {
        errors.append(&mut module.syntax_errors);
    }
    module.syntax_errors = errors;
    module.newer_syntax = newer_syntax;
    module.script_error = script_error;
    module
}

/// The text without what stands behind `raise;` in its line, if that is what the parser stumbled over: Python takes it, and never
/// runs it. The place of everything stays the same.
fn without_dead_ends(text: &str, parsed: &Parsed<ruff_python_ast::Mod>) -> Option<String> {
    let mut ends: Vec<usize> = parsed
        .errors()
        .iter()
        .map(|error| error.location.start().to_usize())
        .filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(';')))
        .filter(|at| {
            let before = text.get(..*at).unwrap_or_default().trim_end_matches([' ', '\t']);
            let word = before.strip_suffix("raise").map(|rest| rest.chars().next_back());
            word.is_some_and(|last| last.is_none_or(|last| !last.is_alphanumeric() && last != '_' && last != '.'))
        })
        .collect();
    ends.dedup();
    if ends.is_empty() {
        return None;
    }
    let mut kept = text.to_owned();
    ends.into_iter().for_each(|at| kept.replace_range(at..=at, "#"));
    Some(kept)
}

/// Whether all characters that stand for wrong bytes are in comments.
fn wrong_bytes_are_in_comments(text: &str, parsed: &Parsed<ruff_python_ast::Mod>) -> bool {
    let mut wrong = text
        .match_indices(char::REPLACEMENT_CHARACTER)
        .map(|(at, _)| at)
        .peekable();
    for token in parsed.tokens() {
        let range = token.range();
        while let Some(at) = wrong.next_if(|at| *at < range.end().to_usize()) {
            if token.kind() != TokenKind::Comment || at < range.start().to_usize() {
                return false;
            }
        }
    }
    wrong.next().is_none()
}

/// Brackets and indentation that are nested deeper than CPython's tokenizer goes.
fn too_deep(parsed: &Parsed<ruff_python_ast::Mod>) -> Option<SyntaxError> {
    const MOST_BRACKETS: usize = 200;
    const MOST_INDENTATION: usize = 100;
    let (mut brackets, mut indentation) = (0_usize, 0_usize);
    for token in parsed.tokens() {
        match token.kind() {
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => brackets += 1,
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => brackets = brackets.saturating_sub(1),
            TokenKind::Indent => indentation += 1,
            TokenKind::Dedent => indentation = indentation.saturating_sub(1),
            _ => {}
        }
        let message = if brackets > MOST_BRACKETS {
            "too many nested parentheses"
        } else if indentation >= MOST_INDENTATION {
            "too many levels of indentation"
        } else {
            continue;
        };
        return Some(SyntaxError {
            message: message.into(),
            span: span(token.range()),
        });
    }
    None
}

/// Frees the tree; a deep one on a stack that is large enough for the recursion.
fn drop_syntax(syntax: ruff_python_ast::Mod, depth: usize) {
    const FRAME: usize = 2048;
    if depth > 100 {
        stacker::grow(1024 * 1024 + depth.saturating_mul(FRAME), || drop(syntax));
    }
}

fn span(range: ruff_text_size::TextRange) -> Span {
    Span {
        start: range.start().to_u32(),
        end: range.end().to_u32(),
    }
}

fn decapitalised(message: &str) -> Box<str> {
    let mut characters = message.chars();
    match (characters.next(), characters.clone().next()) {
        (Some(first), Some(second)) if first.is_uppercase() && !second.is_uppercase() => {
            first.to_lowercase().chain(characters).collect::<String>().into()
        }
        _ => message.into(),
    }
}
