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
        let fields = facts.fields.as_ref().filter(|_| self.is_dataclass(source, facts))?;
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
        // A field that a class above has keeps its place there.
        let mut all: Vec<Field> = Vec::new();
        let mut order = self.order(class.0, class.1);
        order.reverse();
        for entry in order {
            let (module, class) = entry?;
            let source = self.source(module)?;
            let facts = source.classes.get(class as usize)?;
            let own: &[Field] = if facts.decorators.is_empty() {
                &[]
            } else {
                &facts.fields.as_ref().filter(|_| self.is_dataclass(source, facts))?.all
            };
            for field in own {
                match all.iter_mut().find(|known| known.name == field.name) {
                    Some(known) => *known = field.clone(),
                    None => all.push(field.clone()),
                }
            }
        }
        let first = all.iter().position(|field| field.has_default)?;
        let without = all.get(first..)?.iter().find(|field| !field.has_default)?;
        let message = format!("non-default argument '{}' follows default argument", without.name);
        let help = Some("give it a default, or put it before those that have one".to_owned());
        Some((fields.decorator, "TypeError", message, help))
    }

    /// Whether the decorators of a class are the standard library's `dataclass`, and nothing else.
    fn is_dataclass(&self, source: &Module, facts: &Class) -> bool {
        let [decorator] = facts.decorators.as_slice() else {
            return false;
        };
        let (first, rest) = decorator.split_once('.').unwrap_or((decorator, ""));
        let module = source.atom(first).and_then(|atom| self.global_of(source, atom));
        match (module, rest) {
            (Some(V::Outside(name)), "") => name == "dataclasses.dataclass",
            (Some(V::Outside(name)), "dataclass") => name == "dataclasses",
            _ => false,
        }
    }

    /// What a module's name is bound to, where that module is running.
    fn global_of(&self, source: &Module, atom: pysrc::Atom) -> Option<V> {
        let id =
            (0..self.modules.len()).find(|id| self.source(*id).is_some_and(|other| std::ptr::eq(other, source)))?;
        self.global(id, source.name(atom))
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

    fn is_enumeration(&self, base: &V) -> bool {
        match base {
            V::Outside(name) => matches!(
                name.as_str(),
                "enum.Enum" | "enum.IntEnum" | "enum.StrEnum" | "enum.Flag" | "enum.IntFlag"
            ),
            V::Class(module, class) => self
                .bases
                .get(&(*module, *class))
                .is_some_and(|bases| bases.iter().any(|base| self.is_enumeration(base))),
            _ => false,
        }
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
