//! Why an operation on values of known types raises.

use pysrc::Operator;

use super::object::class_of;
use super::value::V;

/// The exception's class and its text.
pub type Problem = (&'static str, String);

/// What Python calls the type, where that is sure.
pub fn kind(value: &V) -> Option<&'static str> {
    Some(match value {
        V::None => "NoneType",
        V::Bool(_) => "bool",
        V::Int(_) => "int",
        V::Float(_) => "float",
        V::Str(_) | V::Concat(_) => "str",
        V::List(_) | V::Sequence(_) => "list",
        V::Dict(_) | V::Mapping(_) => "dict",
        V::Coroutine(_) => "coroutine",
        V::Generator {
            asynchronous: false, ..
        } => "generator",
        V::Generator { asynchronous: true, .. } => "async_generator",
        _ => return None,
    })
}

pub fn unpacking(found: Result<usize, &'static str>, wanted: usize, star: bool) -> Option<Problem> {
    match found {
        Err(kind) => Some(("TypeError", format!("cannot unpack non-iterable {kind} object"))),
        Ok(found) if found < wanted => {
            let least = if star { "at least " } else { "" };
            let message = format!("not enough values to unpack (expected {least}{wanted}, got {found})");
            Some(("ValueError", message))
        }
        Ok(found) if found > wanted && !star => {
            Some(("ValueError", format!("too many values to unpack (expected {wanted})")))
        }
        Ok(_) => None,
    }
}

/// Whether `int()` or `float()` surely refuses a text.
pub fn is_no_number(text: &str, float: bool) -> bool {
    let text = text.trim();
    if text.is_empty() {
        return true;
    }
    // Digits of other scripts and underscores are left alone.
    if !text.is_ascii() || text.contains('_') {
        return false;
    }
    if float {
        text.parse::<f64>().is_err()
    } else {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit())
    }
}

fn is_zero(value: &V) -> bool {
    match value {
        V::Int(number) => *number == 0,
        V::Bool(known) => !known,
        V::Float(number) => *number == 0.0,
        _ => false,
    }
}

/// Why `left operator right` raises.
pub fn binary(operator: Operator, left: &V, right: &V) -> Option<Problem> {
    use Operator::{Add, Divide, FloorDivide, Modulo, Multiply, Subtract};
    if let Some(problem) = of_objects(operator, left, right) {
        return Some(problem);
    }
    // Of the others nothing is said.
    if !operator.is_arithmetic() {
        return None;
    }
    let (of, with) = (kind(left)?, kind(right)?);
    let number = |kind: &str| matches!(kind, "int" | "bool" | "float");
    if number(of) && number(with) {
        let divides = matches!(operator, Divide | FloorDivide | Modulo) && is_zero(right);
        return divides.then(|| {
            let message = match (operator, of == "float" || with == "float") {
                (Divide, false) => "division by zero",
                (Divide, true) => "float division by zero",
                (Modulo, true) => "float modulo",
                (_, true) => "float floor division by zero",
                (_, false) => "integer division or modulo by zero",
            };
            ("ZeroDivisionError", message.to_owned())
        });
    }
    // A list may be a tuple or set here.
    let allowed = match operator {
        Add => of == with && matches!(of, "str" | "list"),
        Subtract => of == "list" && with == "list",
        Multiply => {
            let repeats = |one: &str, other: &str| matches!(one, "str" | "list") && matches!(other, "int" | "bool");
            repeats(of, with) || repeats(with, of)
        }
        Modulo if of == "str" => {
            return match left {
                // A list or dictionary may be asked for what the template names.
                V::Str(template) if !matches!(with, "list" | "dict") => format(template, 1, &|_| Some(with)),
                _ => None,
            };
        }
        Divide | FloorDivide | Modulo => false,
        _ => true,
    };
    if allowed {
        return None;
    }
    let sign = match operator {
        Add => "+",
        Subtract => "-",
        Multiply => "*",
        Divide => "/",
        FloorDivide => "//",
        Modulo => "%",
        _ => return None,
    };
    let message = if operator == Add && of == "str" {
        format!("can only concatenate str (not \"{with}\") to str")
    } else {
        format!("unsupported operand type(s) for {sign}: '{of}' and '{with}'")
    };
    Some(("TypeError", message))
}

/// Why `left operator right` raises, where one of them is an object of the standard library and the other one of a built-in type.
fn of_objects(operator: Operator, left: &V, right: &V) -> Option<Problem> {
    let of = class_of(left).or_else(|| kind(left))?;
    let with = class_of(right).or_else(|| kind(right))?;
    let takes = |object: &str, other: &str| match object {
        "decimal.Decimal" => matches!(other, "int" | "bool"),
        "PosixPath" => operator == Operator::Divide && other == "str",
        _ => true,
    };
    let allowed = match (class_of(left), class_of(right)) {
        (Some(object), None) => takes(object, with),
        (None, Some(object)) => {
            // A list may be a tuple here, and says so in other words; what a text is filled with may be anything.
            takes(object, of)
                || (of == "str" && matches!(operator, Operator::Modulo | Operator::Multiply))
                || of == "list"
        }
        _ => true,
    };
    if allowed {
        return None;
    }
    let sign = match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Modulo => "%",
        _ => return None,
    };
    let message = if operator == Operator::Add && of == "str" {
        format!("can only concatenate str (not \"{with}\") to str")
    } else {
        format!("unsupported operand type(s) for {sign}: '{of}' and '{with}'")
    };
    Some(("TypeError", message))
}

/// Why `operator value` raises.
pub fn unary(operator: &str, value: &V) -> Option<Problem> {
    let kind = kind(value).filter(|kind| !matches!(*kind, "int" | "bool" | "float"))?;
    Some(("TypeError", format!("bad operand type for unary {operator}: '{kind}'")))
}

/// Why `left operator right`, which asks for an order, raises.
pub fn order(operator: &str, left: &V, right: &V) -> Option<Problem> {
    let (of, with) = (kind(left)?, kind(right)?);
    let number = |kind: &str| matches!(kind, "int" | "bool" | "float");
    let ordered = (number(of) && number(with)) || (of == with && matches!(of, "str" | "list"));
    (!ordered).then(|| {
        let message = format!("'{operator}' not supported between instances of '{of}' and '{with}'");
        ("TypeError", message)
    })
}

/// Why `item in container` raises.
pub fn contains(item: &V, container: &V) -> Option<Problem> {
    match (kind(item), kind(container)?) {
        (_, kind @ ("NoneType" | "int" | "bool" | "float")) => {
            Some(("TypeError", format!("argument of type '{kind}' is not iterable")))
        }
        (Some(kind), "str") if kind != "str" => {
            let message = format!("'in <string>' requires string as left operand, not {kind}");
            Some(("TypeError", message))
        }
        _ => None,
    }
}

/// Why `template % arguments` raises. `kind` gives the type of an argument, where it is known.
pub fn format(template: &str, arguments: usize, kind: &dyn Fn(usize) -> Option<&'static str>) -> Option<Problem> {
    let mut characters = template.chars();
    let mut used = 0;
    while let Some(character) = characters.next() {
        if character != '%' {
            continue;
        }
        let conversion = characters.find(|character| !matches!(character, '0'..='9' | '.' | '-' | '+' | ' ' | '#'))?;
        match conversion {
            '%' => continue,
            's' | 'r' | 'a' => {}
            'd' | 'i' | 'u' | 'f' | 'F' | 'e' | 'E' | 'g' | 'G' => match kind(used) {
                Some(found @ ("str" | "NoneType" | "list" | "dict")) if used < arguments => {
                    let message = if matches!(conversion, 'd' | 'i' | 'u') {
                        format!("%{conversion} format: a real number is required, not {found}")
                    } else {
                        format!("must be real number, not {found}")
                    };
                    return Some(("TypeError", message));
                }
                _ => {}
            },
            // Names, widths from the arguments, and rarer ones.
            _ => return None,
        }
        used += 1;
    }
    match used.cmp(&arguments) {
        std::cmp::Ordering::Greater => Some(("TypeError", "not enough arguments for format string".to_owned())),
        std::cmp::Ordering::Less => {
            let message = "not all arguments converted during string formatting".to_owned();
            Some(("TypeError", message))
        }
        std::cmp::Ordering::Equal => None,
    }
}

/// Why `object[key]` raises.
pub fn item(object: &V, key: &V) -> Option<Problem> {
    let of = kind(object)?;
    let out_of_range = |length: usize, at: i64| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        at >= length || at < -length
    };
    match (object, key) {
        (V::None | V::Int(_) | V::Bool(_) | V::Float(_) | V::Coroutine(_) | V::Generator { .. }, _) => {
            Some(("TypeError", format!("'{of}' object is not subscriptable")))
        }
        (V::List(_) | V::Str(_), V::Str(_)) => {
            let message = if of == "str" {
                "string indices must be integers, not 'str'".to_owned()
            } else {
                "list indices must be integers or slices, not str".to_owned()
            };
            Some(("TypeError", message))
        }
        (V::List(values), V::Int(at)) if out_of_range(values.len(), *at) => {
            Some(("IndexError", "list index out of range".to_owned()))
        }
        (V::Str(text), V::Int(at)) if out_of_range(text.chars().count(), *at) => {
            Some(("IndexError", "string index out of range".to_owned()))
        }
        (V::Dict(items), V::Str(_) | V::Int(_)) => {
            // `1`, `1.0` and `True` are one key; of keys that are not known, any may be it.
            let may_be = |known: &V| known == key || !matches!(known, V::Str(_) | V::Int(_));
            let shown = match key {
                V::Str(text) => format!("'{text}'"),
                V::Int(number) => number.to_string(),
                _ => return None,
            };
            let lacks = !items.iter().any(|(known, _)| may_be(known));
            lacks.then(|| ("KeyError", format!("KeyError: {shown}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> V {
        V::Str(text.to_owned())
    }

    #[test]
    fn numbers_in_texts() {
        for good in ["5", " 5\n", "+5", "-5", "1_000", "٣"] {
            assert!(!is_no_number(good, false), "{good}");
        }
        for bad in ["", "abc", "5.0", "0x10", "5 5", "-"] {
            assert!(is_no_number(bad, false), "{bad}");
        }
        for good in ["5.0", "1e3", "inf", "nan", "-Infinity", ".5", "5."] {
            assert!(!is_no_number(good, true), "{good}");
        }
        assert!(is_no_number("x", true) && is_no_number("1,5", true));
    }

    #[test]
    fn operands() {
        assert!(binary(Operator::Add, &text("a"), &V::Int(1)).is_some());
        assert!(binary(Operator::Add, &V::Int(1), &V::Float(1.0)).is_none());
        assert!(binary(Operator::Multiply, &text("a"), &V::Int(3)).is_none());
        assert!(binary(Operator::Multiply, &V::Bool(true), &V::List(Vec::new())).is_none());
        assert!(binary(Operator::Divide, &V::Int(1), &V::Int(0)).is_some());
        assert!(binary(Operator::Add, &V::Unknown, &V::Int(0)).is_none());
    }

    #[test]
    fn comparisons() {
        assert!(order("<", &V::Int(1), &text("a")).is_some() && order(">", &V::None, &V::Int(1)).is_some());
        assert!(order("<", &V::Int(1), &V::Float(1.5)).is_none() && order("<", &text("a"), &text("b")).is_none());
        assert!(order("<", &V::Unknown, &V::Int(1)).is_none());
        assert!(contains(&V::Unknown, &V::Int(5)).is_some() && contains(&V::Int(1), &text("a")).is_some());
        assert!(contains(&text("a"), &text("ab")).is_none() && contains(&V::Unknown, &text("ab")).is_none());
        assert!(unary("-", &text("a")).is_some() && unary("~", &V::Bool(true)).is_none());
    }

    #[test]
    fn templates() {
        let of = |kind: &'static str| move |_: usize| Some(kind);
        assert!(format("%d", 1, &of("str")).is_some());
        assert!(format("%5.2f %%", 1, &of("int")).is_none());
        assert!(format("%s %s", 1, &of("int")).is_some());
        assert!(format("%s", 2, &of("int")).is_some());
        assert!(format("%(name)d", 1, &of("str")).is_none());
        assert!(format("%*d", 2, &of("int")).is_none());
    }

    #[test]
    fn items() {
        assert!(item(&V::List(vec![V::Int(1)]), &V::Int(-1)).is_none());
        assert!(item(&V::List(vec![V::Int(1)]), &V::Int(1)).is_some());
        assert!(item(&text("ab"), &V::Int(2)).is_some());
        let items = V::Dict(vec![(text("a"), V::Unknown)].into());
        assert!(item(&items, &text("b")).is_some() && item(&items, &text("a")).is_none());
        let unknown = V::Dict(vec![(V::Unknown, V::Unknown)].into());
        assert!(item(&unknown, &text("b")).is_none());
    }
}
