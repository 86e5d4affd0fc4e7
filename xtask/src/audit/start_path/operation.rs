//! Operations that what they are done to does not allow: rule `start/bad-operation`.
//!
//! Said only of literals, and of names that nothing but literals are ever bound to.

use pysrc::{Call, OperationKind, Operator, Span, Value};

use super::value::{ModuleId, V};
use super::walk::{Flow, Walker};

/// The exception's class and its text.
type Problem = (&'static str, String);

impl Walker<'_> {
    /// Whether what runs here runs always, and what fails here fails for the first time.
    pub fn is_certain(&self) -> bool {
        self.maybe == 0 && self.silent == 0 && self.handling == 0 && !self.waiting
    }

    /// One operation step.
    pub fn operation(&mut self, index: u32) -> Flow {
        let here = self.here();
        if !self.is_certain() {
            return Flow::Next;
        }
        let Some(operation) = self
            .source(here)
            .and_then(|source| source.operations.get(index as usize))
        else {
            return Flow::Next;
        };
        let problem = match &operation.kind {
            OperationKind::Binary(operator, left, right) if self.is_settled(left) && self.is_settled(right) => {
                binary(*operator, &self.evaluate(left), &self.evaluate(right))
            }
            OperationKind::Format(template, parts) => format(template, parts.len(), &|at| {
                let part = parts.get(at).filter(|part| self.is_settled(part))?;
                kind(&self.evaluate(part))
            }),
            OperationKind::Item(object, key) if self.is_settled(object) => {
                item(&self.evaluate(object), &self.evaluate(key), true)
            }
            OperationKind::Unpack(value, wanted, star) => self
                .length(value)
                .and_then(|found| unpacking(found, *wanted as usize, *star)),
            OperationKind::Iterate(value) => match self.length(value) {
                Some(Err(kind)) => Some(("TypeError", format!("'{kind}' object is not iterable"))),
                _ => None,
            },
            OperationKind::Unhashable(kind) => Some(("TypeError", format!("unhashable type: '{kind}'"))),
            OperationKind::Binary(..) | OperationKind::Item(..) => None,
        };
        self.bad(here, operation.span, problem)
    }

    /// `object[key]`, `object` a plain name.
    pub fn item(&mut self, object: pysrc::Atom, key: Span) -> Flow {
        if !self.is_certain() {
            return Flow::Next;
        }
        let value = match self.variable(object) {
            Some(value @ (V::None | V::Int(_) | V::Bool(_) | V::Float(_) | V::Str(_) | V::List(_) | V::Dict(_))) => {
                value
            }
            _ => return Flow::Next,
        };
        let here = self.here();
        let text = self
            .source(here)
            .and_then(|source| source.text.get(key.start as usize..key.end as usize));
        let Some(key_value) = text.and_then(pysrc::literal) else {
            return Flow::Next;
        };
        let problem = item(&value, &self.evaluate(&key_value), false)
            .filter(|_| self.is_settled(&Value::Name(object)))
            .filter(|_| match value {
                V::List(_) | V::Dict(_) => self.is_never_changed(object),
                _ => true,
            });
        self.bad(here, key, problem)
    }

    /// `int("abc")`, `float("x")`: what a call of a built-in function raises.
    pub fn conversion(&mut self, here: ModuleId, call: &Call, name: &str) -> Flow {
        let [argument] = &*call.arguments else {
            return Flow::Next;
        };
        if call.star
            || call.double_star
            || !call.keywords.is_empty()
            || !self.is_certain()
            || !self.is_settled(argument)
        {
            return Flow::Next;
        }
        let value = self.evaluate(argument);
        let problem = match (name, &value) {
            ("builtins.int", V::Str(text)) if is_no_number(text, false) => {
                let message = format!("invalid literal for int() with base 10: '{text}'");
                Some(("ValueError", message))
            }
            ("builtins.float", V::Str(text)) if is_no_number(text, true) => {
                Some(("ValueError", format!("could not convert string to float: '{text}'")))
            }
            ("builtins.int" | "builtins.float", V::None | V::List(_) | V::Dict(_)) => {
                let function = name.trim_start_matches("builtins.");
                let message = format!(
                    "{function}() argument must be a string or a real number, not '{}'",
                    kind(&value).unwrap_or("list")
                );
                Some(("TypeError", message))
            }
            ("builtins.len", V::None | V::Int(_) | V::Bool(_) | V::Float(_)) => {
                let message = format!("object of type '{}' has no len()", kind(&value).unwrap_or("int"));
                Some(("TypeError", message))
            }
            _ => None,
        };
        self.bad(here, call.span, problem)
    }

    /// A call of something that is surely no function.
    pub fn not_callable(&mut self, here: ModuleId, call: &Call, callee: &V) -> Flow {
        let problem = kind(callee)
            .filter(|_| self.is_certain() && self.is_settled(&call.callee))
            .map(|kind| ("TypeError", format!("'{kind}' object is not callable")));
        self.bad(here, call.callee_span, problem)
    }

    fn bad(&mut self, here: ModuleId, span: Span, problem: Option<Problem>) -> Flow {
        match problem {
            Some((class, message)) => self.fail_at(here, span, "start/bad-operation", class, message, None),
            None => Flow::Next,
        }
    }

    /// How many parts a value gives; none of them where it cannot be taken apart; nothing where that is not known.
    fn length(&self, value: &Value) -> Option<Result<usize, &'static str>> {
        match value {
            Value::Call(call) => {
                let here = self.here();
                let call = self.source(here)?.calls.get(*call as usize)?;
                self.returned_length(&self.evaluate(&call.callee)).map(Ok)
            }
            value if self.is_settled(value) => match (value, self.evaluate(value)) {
                (_, found @ (V::None | V::Int(_) | V::Bool(_) | V::Float(_))) => Some(Err(kind(&found)?)),
                (_, V::Str(text)) => Some(Ok(text.chars().count())),
                (Value::Name(name), V::List(parts)) => self.is_never_changed(*name).then_some(Ok(parts.len())),
                (Value::List(_), V::List(parts)) => Some(Ok(parts.len())),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What Python calls the type, where that is sure.
fn kind(value: &V) -> Option<&'static str> {
    Some(match value {
        V::None => "NoneType",
        V::Bool(_) => "bool",
        V::Int(_) => "int",
        V::Float(_) => "float",
        V::Str(_) | V::Concat(_) => "str",
        V::List(_) => "list",
        V::Dict(_) => "dict",
        _ => return None,
    })
}

fn unpacking(found: Result<usize, &'static str>, wanted: usize, star: bool) -> Option<Problem> {
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
fn is_no_number(text: &str, float: bool) -> bool {
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
fn binary(operator: Operator, left: &V, right: &V) -> Option<Problem> {
    use Operator::{Add, Divide, FloorDivide, Modulo, Multiply, Subtract};
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
    };
    let message = if operator == Add && of == "str" {
        format!("can only concatenate str (not \"{with}\") to str")
    } else {
        format!("unsupported operand type(s) for {sign}: '{of}' and '{with}'")
    };
    Some(("TypeError", message))
}

/// Why `template % arguments` raises. `kind` gives the type of an argument, where it is known.
fn format(template: &str, arguments: usize, kind: &dyn Fn(usize) -> Option<&'static str>) -> Option<Problem> {
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

/// Why `object[key]` raises. `display`: the object is written out there, so that a set in brackets is none.
fn item(object: &V, key: &V, display: bool) -> Option<Problem> {
    let of = kind(object)?;
    let out_of_range = |length: usize, at: i64| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        at >= length || at < -length
    };
    match (object, key) {
        (V::None | V::Int(_) | V::Bool(_) | V::Float(_), _) => {
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
        (V::Dict(items), V::Str(_) | V::Int(_)) if !display => {
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
        assert!(item(&V::List(vec![V::Int(1)]), &V::Int(-1), true).is_none());
        assert!(item(&V::List(vec![V::Int(1)]), &V::Int(1), true).is_some());
        assert!(item(&text("ab"), &V::Int(2), true).is_some());
        let items = V::Dict(vec![(text("a"), V::Unknown)].into());
        assert!(item(&items, &text("b"), false).is_some() && item(&items, &text("a"), false).is_none());
        let unknown = V::Dict(vec![(V::Unknown, V::Unknown)].into());
        assert!(item(&unknown, &text("b"), false).is_none());
    }
}
