//! Members of enumerations that are asked for by name, by value or by key, and are not there.

use rustc_hash::FxHashSet as HashSet;

use pysrc::{Call, Module, Step, Value, members};

use super::arguments::Arguments;
use super::attribute::collect;
use super::failure::Flow;
use super::value::{ModuleId, V};
use super::walk::Walker;

/// Whether it is a class of the standard library that makes enumerations.
fn makes_enumerations(base: &V) -> bool {
    matches!(base, V::Outside(name) if matches!(
        name.as_str(),
        "enum.Enum" | "enum.IntEnum" | "enum.StrEnum" | "enum.Flag" | "enum.IntFlag"
    ))
}

impl Walker<'_> {
    /// Whether a class is a plain enumeration whose body does not bind the name.
    pub fn lacks_member(&self, class: (ModuleId, u32), name: &str) -> bool {
        // Which built-in type the members are of, too.
        let mixed = match self.bases.get(&class).map(Vec::as_slice) {
            Some([V::Outside(base)]) => match base.as_str() {
                "enum.Enum" => Some(""),
                "enum.IntEnum" => Some("int"),
                "enum.StrEnum" => Some("str"),
                _ => None,
            },
            Some([V::Outside(mixed), V::Outside(base)]) if base == "enum.Enum" => match mixed.as_str() {
                "builtins.int" => Some("int"),
                "builtins.str" => Some("str"),
                _ => None,
            },
            _ => None,
        };
        let plain = mixed.is_some_and(|mixed| mixed.is_empty() || !members::has(mixed, name));
        let Some(source) = self
            .source(class.0)
            .filter(|_| plain && !matches!(name, "mro" | "name" | "value"))
        else {
            return false;
        };
        let Some(facts) = source.classes.get(class.1 as usize).filter(|facts| !facts.unusual) else {
            return false;
        };
        let mut names = HashSet::default();
        collect(source, &facts.body, &mut names);
        !name.starts_with('_') && !names.contains(name) && !makes_names(source)
    }

    /// Whether a base, or a class above it, makes enumerations.
    pub fn is_enumeration(&self, base: &V) -> bool {
        match base {
            // What is above each is in the order, too.
            V::Class(module, class) => self
                .order(*module, *class)
                .iter()
                .flatten()
                .filter_map(|above| self.bases.get(above))
                .flatten()
                .any(makes_enumerations),
            other => makes_enumerations(other),
        }
    }

    /// `Enumeration(value)`: fails where no member has that value.
    pub fn member_by_value(
        &mut self,
        here: ModuleId,
        call: &Call,
        class: (ModuleId, u32),
        arguments: &Arguments,
    ) -> Flow {
        let ([argument], [value @ (V::Int(_) | V::Str(_))]) = (&*call.arguments, arguments.positional.as_slice())
        else {
            return Flow::Next;
        };
        if arguments.open || !arguments.named.is_empty() || !self.is_certain() || !self.is_settled(argument) {
            return Flow::Next;
        }
        let Some(values) = self.values_of_members(class) else {
            return Flow::Next;
        };
        if values.is_empty() || values.contains(value) {
            return Flow::Next;
        }
        let shown = match value {
            V::Str(text) => format!("'{text}'"),
            V::Int(number) => number.to_string(),
            _ => return Flow::Next,
        };
        let message = format!("{shown} is not a valid {}", self.class_name(class));
        self.fail_at(here, call.span, "start/bad-operation", "ValueError", message, None)
    }

    /// The values of all members, where these are literals, and nothing but these makes any.
    fn values_of_members(&self, (module, class): (ModuleId, u32)) -> Option<Vec<V>> {
        let source = self.source(module)?;
        let facts = source.classes.get(class as usize).filter(|facts| !facts.unusual)?;
        let bases: Vec<&str> = self
            .bases
            .get(&(module, class))?
            .iter()
            .map(|base| match base {
                V::Outside(name) => Some(name.as_str()),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let (texts, numbers) = match bases.as_slice() {
            ["enum.Enum"] => (true, true),
            ["enum.StrEnum"] | ["builtins.str", "enum.Enum"] => (true, false),
            ["enum.IntEnum"] | ["builtins.int", "enum.Enum"] => (false, true),
            _ => return None,
        };
        if makes_names(source) || self.set_from_outside("_missing_") {
            return None;
        }
        let mut values = Vec::new();
        for step in &facts.body {
            match step {
                Step::Store { value, .. } => values.push(match value.as_deref()? {
                    Value::Int(number) if numbers => V::Int(*number),
                    Value::Str(text) if texts => V::Str(text.to_string()),
                    _ => return None,
                }),
                // `_missing_`, `__new__` and `__init__` may decide otherwise.
                Step::Function(function) => {
                    source
                        .functions
                        .get(*function as usize)
                        .filter(|function| !function.name.starts_with('_'))?;
                }
                Step::Load { .. } | Step::LoadAttribute { .. } => {}
                _ => return None,
            }
        }
        Some(values)
    }
}

/// Whether a module makes names in other ways than by binding them.
fn makes_names(source: &Module) -> bool {
    ["locals", "vars", "setattr", "exec"]
        .iter()
        .any(|maker| source.atom(maker).is_some())
}
