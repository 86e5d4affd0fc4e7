//! Calls of the standard library with arguments that it does not take.

use pysrc::Call;

use super::arguments::Arguments;
use super::failure::Flow;
use super::signature::{Parameter, Signature};
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::python::imports::stdlib;

impl Walker<'_> {
    /// A call of something of the standard library, by its dotted name.
    pub fn standard_call(&mut self, here: ModuleId, call: &Call, name: &str, arguments: &Arguments) -> Flow {
        if self.version().minor != 11 || self.silent > 0 {
            return Flow::Next;
        }
        // What another class does with its keywords is not known.
        let by_class = name.starts_with("json.") && arguments.named("cls").is_some();
        let Some(signature) = signature(name).filter(|_| !by_class) else {
            return Flow::Next;
        };
        let Some(message) = arguments.refused_by(&signature) else {
            return Flow::Next;
        };
        let last = name.rsplit('.').next().unwrap_or(name);
        if self.is_set_on_others(last) {
            return Flow::Next;
        }
        let exception = if name == "logging.basicConfig" {
            "ValueError"
        } else {
            "TypeError"
        };
        self.fail_at(here, call.span, "start/argument-count", exception, message, None)
    }

    /// `collections.namedtuple(…)` or `typing.NamedTuple(…)`: what the class takes that it makes.
    pub fn named_tuple(&self, arguments: &Arguments) -> V {
        let ([V::Str(name), fields], false) = (arguments.positional.as_slice(), arguments.open) else {
            return V::Unknown;
        };
        let names: Option<Vec<String>> = match fields {
            V::Str(text) => Some(text.replace(',', " ").split_whitespace().map(str::to_owned).collect()),
            V::List(parts) => parts.iter().map(field_name).collect(),
            _ => None,
        };
        let Some(names) = names else {
            return V::Unknown;
        };
        let defaults = match arguments.named("defaults") {
            None | Some(V::None) => 0,
            Some(V::List(values)) => values.len(),
            Some(_) => return V::Unknown,
        };
        if arguments.named("rename").is_some() || defaults > names.len() {
            return V::Unknown;
        }
        let needed = names.len() - defaults;
        let parameters: Vec<Parameter> = names
            .into_iter()
            .enumerate()
            .map(|(at, name)| Parameter {
                name,
                has_default: at >= needed,
            })
            .collect();
        V::Callable(
            Signature {
                name: format!("{name}.__new__"),
                positional: parameters.len(),
                parameters,
                method: true,
                ..Signature::default()
            }
            .into(),
        )
    }
}

/// A field as it is written in a list: its name, or its name and its type.
fn field_name(part: &V) -> Option<String> {
    match part {
        V::Str(name) => Some(name.clone()),
        V::List(pair) => match pair.as_slice() {
            [V::Str(name), _] => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// What something of the standard library takes, where that is known.
fn signature(name: &str) -> Option<Signature> {
    let mut signature = Signature {
        name: name.trim_start_matches("builtins.").to_owned(),
        ..Signature::default()
    };
    let mut by_position = true;
    for word in stdlib::parameters(name)? {
        match word {
            "/" => signature.positional_only = signature.parameters.len(),
            "*" => by_position = false,
            _ if word.starts_with("**") => signature.double_star = true,
            _ if word.starts_with('*') => {
                signature.star = true;
                by_position = false;
            }
            _ => {
                signature.positional += usize::from(by_position);
                signature.parameters.push(Parameter {
                    name: word.trim_end_matches('?').to_owned(),
                    has_default: word.ends_with('?'),
                });
            }
        }
    }
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_the_standard_library() {
        let print = signature("builtins.print").unwrap();
        assert!(print.star && print.refuses(9, &["sep", "end"], false).is_none());
        assert!(print.refuses(1, &["ends"], false).is_some());
        let dumps = signature("json.dumps").unwrap();
        assert!(dumps.refuses(1, &["indent"], false).is_none() && dumps.refuses(1, &["indnt"], false).is_some());
        let thread = signature("threading.Thread").unwrap();
        assert!(thread.refuses(0, &["target", "daemon"], false).is_none());
        assert!(thread.refuses(0, &["taget"], false).is_some());
        assert_eq!(signature("os.kill").unwrap().positional_only, 2);
        assert_eq!(signature("no.such"), None);
    }
}
