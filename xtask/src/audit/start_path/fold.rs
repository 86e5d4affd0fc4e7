//! Constant folding: what operators, comparisons and built-in functions give of values that are known. Exactly what CPython gives, or
//! nothing.

use std::cmp::Ordering;

use pysrc::{Comparison, Operator};

use super::paths::below;
use super::value::{LARGEST, V};

/// The largest integer up to which every one is a floating-point number, too.
const EXACT: u64 = 1 << 53;

/// What an operator makes of two values.
pub fn binary(operator: Operator, left: V, right: V) -> V {
    match (operator, &left, &right) {
        (Operator::Divide, V::Path(left), right) => match right.text() {
            Some(right) => V::Path(below(left, right)),
            None => V::Unknown,
        },
        (Operator::Multiply, V::Str(text), V::Int(times)) | (Operator::Multiply, V::Int(times), V::Str(text)) => {
            let times = usize::try_from(*times).unwrap_or_default();
            match text.len().checked_mul(times) {
                Some(size) if size <= LARGEST => V::Str(text.repeat(times)),
                _ => V::Unknown,
            }
        }
        (Operator::Add, V::Str(_) | V::Concat(_), _) | (Operator::Add, _, V::Str(_)) => V::concat(vec![left, right]),
        // The last of each key stays, where the first stood.
        (Operator::Or, V::Dict(left), V::Dict(right))
            if left.iter().chain(right.iter()).all(|(key, _)| *key != V::Unknown) =>
        {
            let mut items = left.to_vec();
            for (key, value) in right.iter() {
                match items.iter_mut().find(|(known, _)| known == key) {
                    Some(item) => item.1 = value.clone(),
                    None => items.push((key.clone(), value.clone())),
                }
            }
            V::Dict(items.into())
        }
        // Of two truth values these give another.
        (Operator::And | Operator::Or | Operator::ExclusiveOr, V::Bool(_), V::Bool(_)) => V::Unknown,
        (_, left, right) => match (integer(left), integer(right)) {
            (Some(left), Some(right)) => of_integers(operator, left, right),
            _ => match (float(left), float(right)) {
                (Some(left), Some(right)) => of_floats(operator, left, right),
                _ => V::Unknown,
            },
        },
    }
}

/// Division and its rest go towards negative infinity, as Python's do.
fn of_integers(operator: Operator, left: i64, right: i64) -> V {
    let known = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::FloorDivide => left.checked_div_euclid(right).filter(|_| right > 0),
        Operator::Modulo => left.checked_rem_euclid(right).filter(|_| right > 0),
        Operator::Divide if left.unsigned_abs() <= EXACT && right.unsigned_abs() <= EXACT && right != 0 => {
            return V::Float(left as f64 / right as f64);
        }
        Operator::Divide => None,
        Operator::Power => u32::try_from(right).ok().and_then(|right| left.checked_pow(right)),
        Operator::ShiftLeft => u32::try_from(right)
            .ok()
            .filter(|right| *right < 63)
            .and_then(|right| left.checked_mul(1 << right)),
        Operator::ShiftRight => u32::try_from(right).ok().map(|right| left >> right.min(63)),
        Operator::And => Some(left & right),
        Operator::Or => Some(left | right),
        Operator::ExclusiveOr => Some(left ^ right),
    };
    known.map_or(V::Unknown, V::Int)
}

fn of_floats(operator: Operator, left: f64, right: f64) -> V {
    let known = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right != 0.0 => left / right,
        _ => return V::Unknown,
    };
    V::Float(known)
}

/// `value[from:to]` of a text or list; what is left out is `None`.
pub fn slice(value: &V, bounds: &(V, V)) -> V {
    let length = match value {
        V::Str(text) => text.chars().count(),
        V::List(parts) => parts.len(),
        _ => return V::Unknown,
    };
    let place = |bound: &V, left_out: usize| match bound {
        V::None => Some(left_out),
        V::Int(at @ 0..) => Some(usize::try_from(*at).unwrap_or(length).min(length)),
        V::Int(at) => Some(length.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(length))),
        _ => None,
    };
    let (Some(from), Some(to)) = (place(&bounds.0, 0), place(&bounds.1, length)) else {
        return V::Unknown;
    };
    let count = to.saturating_sub(from);
    match value {
        V::Str(text) => V::Str(text.chars().skip(from).take(count).collect()),
        V::List(parts) => V::List(parts.iter().skip(from).take(count).cloned().collect()),
        _ => V::Unknown,
    }
}

/// `text[at]`; nothing where there is no such character.
pub fn character(text: &str, at: i64) -> Option<String> {
    let from = usize::try_from(at.unsigned_abs()).ok()?;
    let found = match at {
        0.. => text.chars().nth(from),
        _ => text.chars().nth_back(from - 1),
    };
    found.map(String::from)
}

/// The integer that a value is; truth values are some.
fn integer(value: &V) -> Option<i64> {
    match value {
        V::Int(number) => Some(*number),
        V::Bool(known) => Some(i64::from(*known)),
        _ => None,
    }
}

/// The floating-point number that a value is, or surely equals.
fn float(value: &V) -> Option<f64> {
    match value {
        V::Float(number) => Some(*number),
        value => integer(value)
            .filter(|number| number.unsigned_abs() <= EXACT)
            .map(|number| number as f64),
    }
}

/// Whether two numbers are equal; nothing where one of them is none.
pub fn same_number(left: &V, right: &V) -> Option<bool> {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => Some(left == right),
        _ => Some(float(left)? == float(right)?),
    }
}

/// Whether `left < right`, or another order, holds.
pub fn ordered(comparison: Comparison, left: &V, right: &V) -> Option<bool> {
    match (left, right) {
        (V::Str(left), V::Str(right)) => Some(comparison.holds(left, right)),
        _ => match (integer(left), integer(right)) {
            (Some(left), Some(right)) => Some(comparison.holds(left, right)),
            _ => Some(comparison.holds(float(left)?, float(right)?)),
        },
    }
}

/// What a built-in function gives of values alone.
pub fn call(name: &str, arguments: &[V]) -> Option<V> {
    match (name, arguments) {
        ("abs", [V::Int(number)]) => number.checked_abs().map(V::Int),
        ("abs", [V::Float(number)]) => Some(V::Float(number.abs())),
        ("int", [V::Float(number)]) if number.abs() <= EXACT as f64 => Some(V::Int(number.trunc() as i64)),
        ("int", [V::Bool(known)]) => Some(V::Int(i64::from(*known))),
        ("int", [V::Str(text), V::Int(base @ (2 | 8 | 10 | 16))]) => in_base(text, u32::try_from(*base).ok()?),
        ("float", [V::Str(text)]) if plain_float(text) => text.trim().parse().ok().map(V::Float),
        ("float", [value]) => float(value).map(V::Float),
        ("round", [V::Float(number)]) if number.abs() <= EXACT as f64 => Some(V::Int(number.round_ties_even() as i64)),
        ("round", [V::Int(number)]) => Some(V::Int(*number)),
        ("min", [V::List(values)]) => extreme(values, Ordering::Less),
        ("max", [V::List(values)]) => extreme(values, Ordering::Greater),
        ("min", [_, _, ..]) => extreme(arguments, Ordering::Less),
        ("max", [_, _, ..]) => extreme(arguments, Ordering::Greater),
        // Of values that are the same a set has one.
        ("sum", [V::List(values)]) if all_differ(values) => {
            let sum = values.iter().try_fold(0_i64, |sum, value| match value {
                V::Int(number) => sum.checked_add(*number),
                _ => None,
            });
            sum.map(V::Int)
        }
        ("callable", [V::Function(..) | V::Closure(_) | V::Method(..) | V::Class(..)]) => Some(V::Bool(true)),
        ("bool", []) => Some(V::Bool(false)),
        ("str", []) => Some(V::Str(String::new())),
        ("int", []) => Some(V::Int(0)),
        ("str", [V::Bool(known)]) => Some(V::Str(if *known { "True" } else { "False" }.to_owned())),
        ("str", [V::None]) => Some(V::Str("None".to_owned())),
        _ => None,
    }
}

/// Digits, at most one point, and an exponent: what Rust and Python read alike.
fn plain_float(text: &str) -> bool {
    let text = text.trim_ascii();
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// `int(text, base)`.
fn in_base(text: &str, base: u32) -> Option<V> {
    let text = text.trim_ascii().to_ascii_lowercase();
    let prefix = match base {
        2 => "0b",
        8 => "0o",
        16 => "0x",
        _ => "",
    };
    let digits = text.strip_prefix(prefix).unwrap_or(&text);
    let digits = digits.chars().all(|digit| digit.is_digit(base)).then_some(digits)?;
    i64::from_str_radix(digits, base).ok().map(V::Int)
}

/// `sorted(values)`.
pub fn sorted(mut values: Vec<V>) -> Option<Vec<V>> {
    let first = values.first()?.clone();
    let all_alike = values
        .iter()
        .all(|value| ordered(Comparison::Less, &first, value).is_some());
    let is_nan = |value: &V| matches!(value, V::Float(number) if number.is_nan());
    if !all_alike || values.iter().any(is_nan) || !all_differ(&values) {
        return None;
    }
    values.sort_by(|left, right| match ordered(Comparison::Less, left, right) {
        Some(true) => Ordering::Less,
        _ if ordered(Comparison::More, left, right) == Some(true) => Ordering::Greater,
        _ => Ordering::Equal,
    });
    Some(values)
}

/// Whether no two of some values are the same.
fn all_differ(values: &[V]) -> bool {
    const MOST: usize = 64;
    if values.len() > MOST {
        return false;
    }
    let mut rest = values;
    while let Some((first, others)) = rest.split_first() {
        if others
            .iter()
            .any(|other| ordered(Comparison::Equal, first, other) != Some(false))
        {
            return false;
        }
        rest = others;
    }
    true
}

/// The first of the least or greatest values.
fn extreme(values: &[V], wanted: Ordering) -> Option<V> {
    let comparison = match wanted {
        Ordering::Less => Comparison::Less,
        _ => Comparison::More,
    };
    let (first, rest) = values.split_first()?;
    // One value alone is not compared: nothing says that it could be.
    ordered(comparison, first, first)?;
    rest.iter()
        .try_fold(first, |best, value| {
            Some(if ordered(comparison, value, best)? { value } else { best })
        })
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> V {
        V::Str(text.to_owned())
    }

    #[test]
    fn characters_are_found_from_both_ends() {
        let at = |at| character("größe", at);
        assert_eq!([0, 2, -1, -5].map(at), ["g", "ö", "e", "g"].map(|c| Some(c.to_owned())));
        assert_eq!([5, -6, i64::MIN, i64::MAX].map(at), [None, None, None, None]);
    }

    #[test]
    fn operators_give_what_python_gives() {
        use Operator::{Add, Divide, FloorDivide, Modulo, Multiply, Subtract};
        let int = |operator, left, right| binary(operator, V::Int(left), V::Int(right));
        assert_eq!(int(Multiply, 5, 1000), V::Int(5000));
        assert_eq!(int(FloorDivide, -7, 2), V::Int(-4));
        assert_eq!(int(Modulo, -7, 3), V::Int(2));
        assert_eq!(int(Divide, 1, 4), V::Float(0.25));
        // Who divides by a negative number, or by nothing, is not answered.
        assert_eq!(int(FloorDivide, 7, -2), V::Unknown);
        assert_eq!(int(Modulo, 7, 0), V::Unknown);
        assert_eq!(int(Divide, 7, 0), V::Unknown);
        assert_eq!(int(Divide, i64::MIN, 2), V::Unknown);
        assert_eq!(binary(Add, V::Int(i64::MIN), V::Float(0.5)), V::Unknown);
        assert_eq!(call("abs", &[V::Int(i64::MIN)]), None);
        assert_eq!(int(Multiply, i64::MAX, 2), V::Unknown);
        assert_eq!(int(FloorDivide, i64::MIN, -1), V::Unknown);
        assert_eq!(binary(Subtract, V::Float(1.5), V::Int(1)), V::Float(0.5));
        assert_eq!(binary(Add, V::Bool(true), V::Int(1)), V::Int(2));
        assert_eq!(binary(Multiply, text("ab"), V::Int(2)), text("abab"));
        assert_eq!(binary(Multiply, text("ab"), V::Int(-1)), text(""));
        assert_eq!(binary(Multiply, text("ab"), V::Int(i64::MAX)), V::Unknown);
        assert_eq!(binary(Divide, V::Float(1.0), V::Float(0.0)), V::Unknown);
        assert_eq!(binary(Add, V::Int(1 << 60), V::Float(1.0)), V::Unknown);
        assert_eq!(
            binary(Divide, V::Path("/a".to_owned()), text("b")),
            V::Path("/a/b".to_owned())
        );
    }

    #[test]
    fn orders_of_numbers_and_texts() {
        let less = |left: &V, right: &V| ordered(Comparison::Less, left, right);
        assert_eq!(less(&V::Float(0.1), &V::Int(1)), Some(true));
        assert_eq!(less(&V::Int(2), &V::Float(1.5)), Some(false));
        assert_eq!(less(&V::Float(f64::NAN), &V::Int(1)), Some(false));
        assert_eq!(less(&text("Z"), &text("a")), Some(true));
        assert_eq!(less(&text("a"), &V::Int(1)), None);
        assert_eq!(less(&V::Unknown, &V::Int(1)), None);
        assert_eq!(same_number(&V::Float(5.0), &V::Int(5)), Some(true));
        assert_eq!(same_number(&text("5"), &V::Int(5)), None);
        assert_eq!(
            same_number(&V::Int((1 << 53) + 1), &V::Float(9_007_199_254_740_992.0)),
            None
        );
    }

    #[test]
    fn built_in_functions_of_known_values() {
        assert_eq!(call("int", &[V::Float(-2.7)]), Some(V::Int(-2)));
        assert_eq!(call("int", &[text("0xFF"), V::Int(16)]), Some(V::Int(255)));
        assert_eq!(call("int", &[text("12"), V::Int(2)]), None);
        assert_eq!(call("int", &[text(""), V::Int(16)]), None);
        assert_eq!(call("float", &[text(" 0.5 ")]), Some(V::Float(0.5)));
        assert_eq!(call("float", &[text("nan")]), None);
        assert_eq!(call("float", &[text("")]), None);
        // To the even one.
        assert_eq!(call("round", &[V::Float(2.5)]), Some(V::Int(2)));
        assert_eq!(call("max", &[V::Int(1), V::Float(5.5)]), Some(V::Float(5.5)));
        assert_eq!(call("min", &[V::List(vec![V::Int(3), V::Int(1)])]), Some(V::Int(1)));
        assert_eq!(call("min", &[V::Int(1), V::Unknown]), None);
        assert_eq!(call("max", &[V::List(Vec::new())]), None);
        assert_eq!(call("sum", &[V::List(vec![V::Int(3), V::Int(1)])]), Some(V::Int(4)));
        assert_eq!(call("sum", &[V::List(vec![V::Float(0.1)])]), None);
        assert_eq!(sorted(vec![text("b"), text("a")]), Some(vec![text("a"), text("b")]));
        assert_eq!(
            sorted(vec![V::Int(2), V::Float(0.5)]),
            Some(vec![V::Float(0.5), V::Int(2)])
        );
        assert_eq!(sorted(vec![text("b"), V::Int(1)]), None);
        assert_eq!(sorted(vec![V::None]), None);
        assert_eq!(call("callable", &[V::Function(0, 0)]), Some(V::Bool(true)));
        assert_eq!(call("str", &[V::Bool(true)]), Some(text("True")));
    }
}
