//! No function is longer than a page or two, and no file than a reader keeps in mind.

use crate::sources;

/// Most lines of a function, its head and its last brace included.
const FUNCTION: usize = 100;

/// Name, first line and number of lines of each function. Formatted code closes a function at the indentation of its head.
fn functions(text: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = name(line) else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let head = lines[start..]
            .iter()
            .position(|line| line.ends_with('{') || line.ends_with(';'));
        // Without a body, or all of it in one line.
        if line.ends_with('}') || head.is_none_or(|head| lines[start + head].ends_with(';')) {
            continue;
        }
        let close = format!("{indent}}}");
        let end = lines[start..].iter().position(|line| *line == close);
        found.push((
            name.to_owned(),
            start + 1,
            end.map_or(lines.len() - start, |end| end + 1),
        ));
    }
    found
}

/// The name of the function that a line begins.
fn name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    loop {
        if let Some(named) = rest.strip_prefix("fn ") {
            let end = named.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            return Some(&named[..end]).filter(|name| !name.is_empty());
        }
        let (word, after) = rest.split_once(' ')?;
        let is_qualifier =
            ["pub", "const", "async", "unsafe", "extern", "\"C\""].contains(&word) || word.starts_with("pub(");
        if !is_qualifier && !word.ends_with(')') {
            return None;
        }
        rest = after;
    }
}

#[test]
fn no_function_is_longer_than_a_hundred_lines() {
    let mut longer = Vec::new();
    for (path, text) in ["xtask", "docker", "tests"].into_iter().flat_map(sources) {
        for (name, line, lines) in functions(&text) {
            if lines > FUNCTION {
                longer.push(format!("{path}:{line}: `{name}` has {lines} lines"));
            }
        }
    }
    assert_eq!(longer, Vec::<String>::new());
}

#[test]
fn functions_are_measured_from_head_to_brace() {
    let text = "fn a() {\n}\n    pub(in crate::x) async fn b(\n        c: u8,\n    ) -> u8 {\n        match c {\n        }\n    }\n\
                fn one() {}\n    fn required(&self);\npub const extern \"C\" fn d() {\n}\n// fn comment() {\n";
    let found: Vec<(String, usize)> = functions(text)
        .into_iter()
        .map(|(name, _, lines)| (name, lines))
        .collect();
    assert_eq!(found, [("a".to_owned(), 2), ("b".to_owned(), 6), ("d".to_owned(), 2)]);
}
