//! Strings put together by `%`, `.format` and `+`, as [`Value::Concat`].

use crate::facts::{Atom, Value};

/// The pieces as one value: neighbouring literals joined.
pub fn joined(pieces: Vec<Value>) -> Value {
    let mut out: Vec<Value> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (out.last_mut(), piece) {
            (_, Value::Str(text)) if text.is_empty() => {}
            (Some(Value::Str(before)), Value::Str(text)) => *before = format!("{before}{text}").into(),
            (_, piece) => out.push(piece),
        }
    }
    match out.as_slice() {
        [] => Value::Str(Box::default()),
        [Value::Str(text)] => Value::Str(text.clone()),
        _ => Value::Concat(out.into()),
    }
}

/// `template % right`.
pub fn percent(template: &str, right: Value) -> Value {
    let mut arguments = match right {
        Value::List(values) => values.into_vec().into_iter(),
        other => vec![other].into_iter(),
    };
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            literal.push(character);
            continue;
        }
        match characters.next() {
            Some('%') => literal.push('%'),
            Some('s' | 'd' | 'i') => {
                pieces.push(Value::Str(std::mem::take(&mut literal).into()));
                pieces.push(arguments.next().unwrap_or(Value::Other));
            }
            _ => return Value::Other,
        }
    }
    pieces.push(Value::Str(literal.into()));
    joined(pieces)
}

/// `template.format(…)`.
pub fn braces(
    template: &str,
    arguments: &[Value],
    keywords: &[(Atom, Value)],
    name: impl Fn(&str) -> Option<Atom>,
) -> Value {
    let mut pieces = Vec::new();
    let mut next = 0;
    let mut rest = template;
    let mut literal = String::new();
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if after.starts_with(&rest[at..=at]) {
            literal.push_str(&rest[at..=at]);
            rest = &after[1..];
            continue;
        }
        let Some(end) = after.find('}').filter(|_| rest[at..].starts_with('{')) else {
            return Value::Other;
        };
        let field = &after[..end];
        let value = if field.is_empty() {
            next += 1;
            arguments.get(next - 1).cloned()
        } else if let Ok(position) = field.parse::<usize>() {
            arguments.get(position).cloned()
        } else {
            name(field).and_then(|wanted| {
                keywords
                    .iter()
                    .find(|(keyword, _)| *keyword == wanted)
                    .map(|(_, value)| value.clone())
            })
        };
        pieces.push(Value::Str(std::mem::take(&mut literal).into()));
        pieces.push(value.unwrap_or(Value::Other));
        rest = &after[end + 1..];
    }
    literal.push_str(rest);
    pieces.push(Value::Str(literal.into()));
    joined(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_and_braces_give_pieces() {
        let expected = Value::Concat(Box::new([Value::Str("tcp://*:".into()), Value::Int(5)]));
        assert_eq!(percent("tcp://*:%s", Value::Int(5)), expected);
        assert_eq!(braces("tcp://*:{}", &[Value::Int(5)], &[], |_| None), expected);
        assert_eq!(
            braces("tcp://*:{p}", &[], &[(Atom(7), Value::Int(5))], |_| Some(Atom(7))),
            expected
        );
        assert_eq!(percent("100%%", Value::Other), Value::Str("100%".into()));
        assert_eq!(joined(vec![]), Value::Str("".into()));
    }
}
