//! Classes whose own body keeps them from being made: dataclasses and enumerations.

use pysrc::{Class, Field, Module, Span, Step, Value};

use super::value::{ModuleId, V};
use super::walk::Walker;

/// Where it stands, the exception's class, its text, what mends it.
pub type Refused = (Span, &'static str, String, Option<String>);

impl Walker<'_> {
    /// Why a class whose body has run is refused.
    pub fn refused(&self, module: ModuleId, class: u32) -> Option<Refused> {
        let source = self.source(module)?;
        let facts = source.classes.get(class as usize)?;
        self.refused_enumeration(source, facts, (module, class))
            .or_else(|| self.refused_dataclass(source, facts, (module, class)))
    }

    fn refused_dataclass(&self, source: &Module, facts: &Class, class: (ModuleId, u32)) -> Option<Refused> {
        let fields = facts
            .fields
            .as_ref()
            .filter(|fields| fields.init && self.is_dataclass(source, facts))?;
        if let Some((field, kind)) = fields
            .all
            .iter()
            .find_map(|field| Some((field, field.mutable_default?)))
        {
            let message = format!(
                "mutable default <class '{kind}'> for field {} is not allowed: use default_factory",
                field.name
            );
            let help = Some(format!("write `field(default_factory={kind})`"));
            return Some((fields.decorator, "ValueError", message, help));
        }
        let all = self.all_fields(class)?;
        let all: Vec<&Field> = all.iter().filter(|field| field.init && !field.keyword_only).collect();
        let first = all.iter().position(|field| field.has_default)?;
        let without = all.get(first..)?.iter().find(|field| !field.has_default)?;
        let message = format!("non-default argument '{}' follows default argument", without.name);
        let help = Some("give it a default, or put it before those that have one".to_owned());
        Some((fields.decorator, "TypeError", message, help))
    }

    fn refused_enumeration(&self, source: &Module, facts: &Class, class: (ModuleId, u32)) -> Option<Refused> {
        let bases = self.bases.get(&class)?;
        if !bases.iter().any(|base| self.is_enumeration(base)) {
            return None;
        }
        for base in bases {
            if let V::Class(module, above) = base
                && let Some(source) = self.source(*module)
                && let Some(above) = source.classes.get(*above as usize)
                && members(source, above).next().is_some()
            {
                let message = format!("<enum '{}'> cannot extend <enum '{}'>", facts.name, above.name);
                let help = Some("an enumeration that has members cannot be extended".to_owned());
                return Some((facts.span, "TypeError", message, help));
            }
        }
        let mut seen: Vec<&str> = Vec::new();
        for (name, span) in members(source, facts) {
            if seen.contains(&name) {
                let message = format!("'{name}' already defined");
                return Some((
                    span,
                    "TypeError",
                    message,
                    Some("give each member a name of its own".to_owned()),
                ));
            }
            seen.push(name);
        }
        None
    }
}

/// Members of an enumeration that are written out: names that get a number or string.
fn members<'a>(source: &'a Module, facts: &'a Class) -> impl Iterator<Item = (&'a str, Span)> {
    facts.body.iter().filter_map(|step| match step {
        Step::Store { name, span, value } => {
            let literal = matches!(value.as_deref(), Some(Value::Int(_) | Value::Str(_)));
            let text = source.name(*name);
            (literal && !text.starts_with('_')).then_some((text, *span))
        }
        _ => None,
    })
}
