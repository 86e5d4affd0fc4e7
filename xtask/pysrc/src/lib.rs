//! Python source to facts. The audit reads every file of a tree through this crate; nothing else in the workspace may
//! know which parser stands behind it. Pure: bytes in, facts out; each file is parsed once and walked once.

mod facts;
mod lower;
mod source;
mod strings;

use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;

pub use facts::*;
pub use strings::placeholder;

/// Files longer than this are not read: nobody wrote them.
const LONGEST: usize = 512 * 1024 * 1024;

/// Reads one file.
#[must_use]
pub fn read(bytes: &[u8], version: PythonVersion) -> Module {
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
    let parsed = parse_unchecked(&source.text, options);
    let mut errors = source.errors;
    // What stands after a wrong byte is no error of its own.
    if errors.is_empty() {
        for error in parsed.errors() {
            errors.push(SyntaxError {
                message: decapitalised(&error.error.to_string()),
                span: span(error.range()),
            });
        }
        for error in parsed.unsupported_syntax_errors() {
            errors.push(SyntaxError {
                message: decapitalised(&error.to_string()),
                span: span(error.range()),
            });
        }
        errors.sort_by_key(|error| error.span.start);
    }
    let syntax = parsed.into_syntax();
    let (mut module, depth) = match &syntax {
        ruff_python_ast::Mod::Module(body) => lower::module(&body.body, version),
        ruff_python_ast::Mod::Expression(_) => (Module::default(), 0),
    };
    drop_syntax(syntax, depth);
    module.text = source.text.into_boxed_str();
    module.line_starts = source.line_starts.into_boxed_slice();
    module.encoding = source.encoding;
    module.syntax_errors = errors;
    module
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
