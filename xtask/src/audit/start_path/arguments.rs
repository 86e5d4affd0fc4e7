//! The arguments of a call, and how they fit the parameters of a function.

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Call, Function, Value};

use super::signature::Signature;
use super::value::{ModuleId, V};
use super::walk::{Variable, Walker};

/// Arguments of a call, evaluated.
#[derive(Debug)]
pub struct Arguments {
    pub positional: Vec<V>,
    pub named: Vec<(String, V)>,
    /// Has `*args` or `**kwargs`: there may be more.
    pub open: bool,
}

impl Arguments {
    /// Whether there surely is one.
    pub fn are_some(&self) -> bool {
        !self.open && (!self.positional.is_empty() || !self.named.is_empty())
    }

    /// Why something that takes this cannot be called with them.
    pub fn refused_by(&self, signature: &Signature) -> Option<String> {
        let named: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        signature.refuses(self.positional.len(), &named, self.open)
    }

    pub fn named(&self, name: &str) -> Option<&V> {
        self.named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

impl Walker<'_> {
    pub fn arguments(&self, here: ModuleId, call: &Call) -> Arguments {
        let name = |atom| {
            self.source(here)
                .map_or_else(String::new, |source| source.name(atom).to_owned())
        };
        Arguments {
            positional: call.arguments.iter().map(|value| self.evaluate(value)).collect(),
            named: call
                .keywords
                .iter()
                .map(|(keyword, value)| (name(*keyword), self.evaluate(value)))
                .collect(),
            open: call.star || call.double_star,
        }
    }

    /// The locals that a call gives a function, or why it cannot be called so.
    pub fn bind_arguments(
        &self,
        module: ModuleId,
        facts: &Function,
        of: Option<V>,
        arguments: &Arguments,
    ) -> Result<HashMap<pysrc::Atom, Variable>, String> {
        let parameters = &facts.parameters;
        let source = self.source(module);
        let text = |atom| source.map_or("", |source| source.name(atom));
        let mut locals = HashMap::default();
        let values: Vec<V> = of.into_iter().chain(arguments.positional.iter().cloned()).collect();
        let most = parameters.positional as usize;
        if values.len() > most && parameters.star.is_none() {
            let plural = if most == 1 { "" } else { "s" };
            let verb = if values.len() == 1 { "was" } else { "were" };
            return Err(format!(
                "takes {most} positional argument{plural} but {} {verb} given",
                values.len()
            ));
        }
        for (parameter, value) in parameters.all.iter().take(most).zip(&values) {
            locals.insert(parameter.name, value.clone());
        }
        for (name, value) in &arguments.named {
            let known = parameters
                .all
                .iter()
                .skip(parameters.positional_only as usize)
                .find(|parameter| text(parameter.name) == name);
            match known {
                Some(parameter) if locals.contains_key(&parameter.name) => {
                    return Err(format!("got multiple values for argument '{name}'"));
                }
                Some(parameter) => {
                    locals.insert(parameter.name, value.clone());
                }
                None if parameters.double_star.is_some() => {}
                None => return Err(format!("got an unexpected keyword argument '{name}'")),
            }
        }
        let mut lacking = Vec::new();
        for parameter in &parameters.all {
            if locals.contains_key(&parameter.name) {
                continue;
            }
            if parameter.has_default && !arguments.open {
                // Defaults are evaluated in the module; what is simple is the same there.
                let value = match &parameter.default {
                    Some(Value::Int(number)) => V::Int(*number),
                    Some(Value::Str(text)) => V::Str(text.to_string()),
                    Some(Value::None) => V::None,
                    Some(Value::Bool(known)) => V::Bool(*known),
                    _ => V::Unknown,
                };
                locals.insert(parameter.name, value);
            } else {
                if !parameter.has_default && !arguments.open {
                    lacking.push(format!("'{}'", text(parameter.name)));
                }
                locals.insert(parameter.name, V::Unknown);
            }
        }
        if !lacking.is_empty() {
            let plural = if lacking.len() == 1 { "" } else { "s" };
            return Err(format!(
                "missing {} required argument{plural}: {}",
                lacking.len(),
                lacking.join(", ")
            ));
        }
        for star in parameters.star.iter().chain(&parameters.double_star) {
            locals.insert(*star, V::Unknown);
        }
        Ok(locals
            .into_iter()
            .map(|(name, value)| (name, Variable { value }))
            .collect())
    }
}
