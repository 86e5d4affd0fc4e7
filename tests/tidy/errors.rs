//! Errors that leave their module are types: a text can be shown, and nothing else.

use crate::sources;

/// Where a text leaves its module as an error all the same, and why.
const TEXTS: [(&str, &str); 3] = [
    (
        "supervisor/src/message.rs",
        "what is said to an operator, done or refused",
    ),
    (
        "supervisor/src/machine/orders.rs",
        "what is said to an operator, done or refused",
    ),
    ("host/boot/orders.rs", "what is said to an operator, done or refused"),
];

/// Numbers of lines where a `Result` with a text as its error can be named from another module: not those of functions and types that
/// are a module's own, and not those inside functions.
fn texts_as_errors(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("Result<") {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let is_comment = text[line_start..].trim_start().starts_with("//");
        if is_comment || last_argument(&text[at + "Result<".len()..]) != Some("String") {
            continue;
        }
        let number = before.lines().count().max(1);
        let above: Vec<&str> = text.lines().take(number).map(str::trim_start).collect();
        let head = above.into_iter().rfind(|line| declares(line)).unwrap_or_default();
        // What a trait promises has no body.
        let rest = &text[at..];
        let promises = head.starts_with("fn ") && rest.find([';', '{']).is_some_and(|end| rest[end..].starts_with(';'));
        if head.starts_with("pub") || promises {
            found.push(number);
        }
    }
    found
}

/// A text without the tests that stand in it; where they are in a file of their own, all of it.
fn without_own_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {")
        .map_or(text, |start| &text[..start])
}

/// Whether a line begins something that has a name, or a statement.
fn declares(line: &str) -> bool {
    ["pub ", "pub(", "fn ", "async fn ", "const ", "static ", "type ", "struct ", "enum ", "trait ", "impl", "let "]
        .iter()
        .any(|word| line.starts_with(word))
        // Fields and variants belong to the type around them, whoever may see which.
        && !(line.starts_with("pub") && !line.contains("fn ") && line.ends_with(','))
}

/// The last of the arguments that stand in front of the closing `>`, where there are two or more.
fn last_argument(text: &str) -> Option<&str> {
    let (mut depth, mut from) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if depth == 0 => return from.map(|from: usize| text[from..at].trim().trim_end_matches(',').trim_end()),
            '>' | ')' | ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 && !text[at + 1..].trim_start().starts_with('>') => from = Some(at + 1),
            ';' | '{' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[test]
fn no_error_that_leaves_its_module_is_a_text() {
    let mut wrong = Vec::new();
    for (path, text) in ["xtask", "docker"].into_iter().flat_map(sources) {
        let known = TEXTS.iter().any(|(file, _)| path.ends_with(file));
        if known || path.ends_with("tests.rs") || path.contains("/tests/") {
            continue;
        }
        wrong.extend(
            texts_as_errors(without_own_tests(&text))
                .into_iter()
                .map(|line| format!("{path}:{line}")),
        );
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn files_with_texts_as_errors_have_some() {
    for (file, why) in TEXTS {
        let found = ["xtask", "docker"]
            .into_iter()
            .flat_map(sources)
            .any(|(path, text)| path.ends_with(file) && !texts_as_errors(without_own_tests(&text)).is_empty());
        assert!(found, "{file} ({why}) has none: take it off the list");
    }
}

#[test]
fn texts_as_errors_are_seen_wherever_others_can_name_them() {
    for text in [
        "pub fn a() -> Result<(), String> {\n}\n",
        "pub(super) async fn a(\n    b: u8,\n) -> Result<BTreeMap<String, (u8, u8)>, String> {\n}\n",
        "trait A {\n    fn a(&self) -> Result<Vec<u8>, String>;\n}\n",
        "pub type A = Result<u8, String>;\n",
        "pub enum A {\n    B(u8, Result<(), String>),\n}\n",
        "pub struct A {\n    pub b: Vec<Result<u8, String>>,\n}\n",
        "pub fn a(f: impl Fn(Result<(), String>)) {\n}\n",
    ] {
        assert_eq!(texts_as_errors(text).len(), 1, "{text}");
    }
    for text in [
        "fn a() -> Result<(), String> {\n}\n",
        "enum A {\n    B(Result<(), String>),\n}\n",
        "pub fn a() -> io::Result<String> {\n}\n",
        "pub fn a() -> Result<String, io::Error> {\n}\n",
        "pub fn a() -> Result<BTreeMap<String, String>, io::Error> {\n}\n",
        "pub fn a() {\n    let b: Result<u8, String> = c();\n}\n",
        "/// `Result<(), String>`\npub fn a() {\n}\n",
    ] {
        assert_eq!(texts_as_errors(text), [] as [usize; 0], "{text}");
    }
}
