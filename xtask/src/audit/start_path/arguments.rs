//! The arguments of a call, and how they fit the parameters of a function.

use rustc_hash::FxHashMap as HashMap;

use pysrc::{Atom, Call, Function, Step, Value};

use super::signature::Signature;
use super::steps::visit;
use super::value::{ModuleId, V, Variable};
use super::walk::Walker;

/// Arguments of a call, evaluated.
#[derive(Debug)]
pub struct Arguments {
    pub positional: Vec<V>,
    pub named: Vec<(String, V)>,
    /// Has `*args` or `**kwargs`: there may be more.
    pub open: bool,
    /// All that is known of them is sure.
    pub sure: bool,
    /// Those of whose values that is not: places among the positional ones, and names.
    pub doubtful: (Vec<usize>, Vec<String>),
}

impl Arguments {
    /// None; `open`: or some that are not known.
    pub fn none(open: bool) -> Self {
        Self {
            positional: Vec::new(),
            named: Vec::new(),
            open,
            sure: true,
            doubtful: Default::default(),
        }
    }

    /// Whether any of them has a name.
    pub fn are_named(&self) -> bool {
        self.open || !self.named.is_empty()
    }

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
    pub fn arguments(&mut self, here: ModuleId, call: &Call) -> Arguments {
        let (mut positional, mut named) = (Vec::with_capacity(call.arguments.len()), Vec::new());
        let mut doubtful: (Vec<usize>, Vec<String>) = Default::default();
        for (at, value) in call.arguments.iter().enumerate() {
            let (value, sure) = self.argument(value);
            positional.push(value);
            if !sure {
                doubtful.0.push(at);
            }
        }
        for (keyword, value) in &call.keywords {
            let (value, sure) = self.argument(value);
            let keyword = self
                .source(here)
                .map_or_else(String::new, |source| source.name(*keyword).to_owned());
            if !sure {
                doubtful.1.push(keyword.clone());
            }
            named.push((keyword, value));
        }
        let mut open = false;
        if let Some(spread) = &call.spread {
            match spread.star.as_ref().map(|star| self.passed_on(star)) {
                Some(Some(V::List(rest))) => positional.extend(rest),
                Some(_) => open = true,
                None => {}
            }
            let from_file = spread.double_star.as_ref().and_then(|rest| self.certain(rest));
            let from_file = from_file.and_then(|rest| self.passed_by_name(&rest));
            match spread.double_star.as_ref().map(|rest| self.passed_on(rest)) {
                _ if let Some((passed, more)) = from_file => {
                    named.extend(passed);
                    open |= more;
                }
                Some(Some(V::Dict(items))) => {
                    for (key, value) in items.iter() {
                        match key {
                            V::Str(key) => named.push((key.clone(), value.clone())),
                            _ => open = true,
                        }
                    }
                }
                Some(_) => open = true,
                None => {}
            }
        }
        Arguments {
            positional,
            named,
            open,
            sure: doubtful.0.is_empty() && doubtful.1.is_empty(),
            doubtful,
        }
    }

    /// What an argument is, and whether that is sure.
    fn argument(&mut self, value: &Value) -> (V, bool) {
        if let Value::Dict(items) = value {
            return (self.written(items), true);
        }
        let known = match self.evaluate(value) {
            // It may be any attribute; if it is a method, whoever gets it may call it.
            V::Bound(of, name) if *of == V::Unknown => {
                self.called_unseen.insert(name);
                V::Unknown
            }
            known => known,
        };
        let sure = known == V::Unknown
            || is_same_always(&known)
            || self
                .certain(value)
                .is_some_and(|certain| !matches!(certain, V::Concat(_)) || certain == known);
        let known = match value {
            Value::List(_) => self.kept_apart(known),
            _ => known,
        };
        (known, sure)
    }

    /// The `*args` or `**kwargs` of the function that runs, where it does nothing with them but pass them on.
    fn passed_on(&self, value: &Value) -> Option<V> {
        let Value::Name(name) = value else {
            return None;
        };
        let (frame, source) = self.innermost()?;
        let facts = source.functions.get(frame.function? as usize)?;
        let given = [facts.parameters.star, facts.parameters.double_star].contains(&Some(*name));
        if !given || frame.in_class {
            return None;
        }
        // A tuple cannot be changed.
        if facts.parameters.star == Some(*name) {
            return self.certain(value);
        }
        let (mut used, mut passed) = (0_usize, 0_usize);
        visit(&facts.body, &mut |step| match step {
            Step::Load { name: loaded, .. } => used += usize::from(loaded == name),
            Step::Store { name: stored, .. } => used += usize::from(stored == name),
            Step::Call(call) => {
                let spread = source.calls.get(*call as usize).and_then(|call| call.spread.as_ref());
                let parts = spread.map(|spread| [&spread.star, &spread.double_star]);
                let parts = parts.into_iter().flatten().flatten();
                passed += parts.filter(|part| *part == value).count();
            }
            _ => {}
        });
        (used == passed).then(|| self.certain(value)).flatten()
    }

    /// The locals that a call gives a function, or why it cannot be called so.
    pub fn bind_arguments(
        &self,
        module: ModuleId,
        facts: &Function,
        of: Option<V>,
        arguments: &Arguments,
    ) -> Result<HashMap<Atom, Variable>, String> {
        let parameters = &facts.parameters;
        let source = self.source(module);
        let text = |atom| source.map_or("", |source| source.name(atom));
        let mut locals = HashMap::default();
        let mut doubtful: Vec<Atom> = Vec::new();
        let bound = usize::from(of.is_some());
        let values: Vec<V> = of.into_iter().chain(arguments.positional.iter().cloned()).collect();
        let most = parameters.positional as usize;
        if values.len() > most && parameters.star.is_none() {
            let needed = parameters.all.iter().take(most);
            let least = needed.filter(|parameter| !parameter.has_default).count();
            let range = if least == most {
                most.to_string()
            } else {
                format!("from {least} to {most}")
            };
            let plural = if most == 1 { "" } else { "s" };
            let verb = if values.len() == 1 { "was" } else { "were" };
            return Err(format!(
                "takes {range} positional argument{plural} but {} {verb} given",
                values.len()
            ));
        }
        for (at, (parameter, value)) in parameters.all.iter().take(most).zip(&values).enumerate() {
            locals.insert(parameter.name, value.clone());
            if at
                .checked_sub(bound)
                .is_some_and(|at| arguments.doubtful.0.contains(&at))
            {
                doubtful.push(parameter.name);
            }
        }
        let mut others: Vec<(V, V)> = Vec::new();
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
                    if arguments.doubtful.1.contains(name) {
                        doubtful.push(parameter.name);
                    }
                }
                None if parameters.double_star.is_some() => others.push((V::Str(name.clone()), value.clone())),
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
                    Some(Value::Float(number)) => V::Float(*number),
                    Some(Value::List(parts)) if parts.is_empty() => V::List(Vec::new()),
                    Some(Value::Name(name)) => self.certain_global(module, text(*name)).unwrap_or(V::Unknown),
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
        if let Some(star) = parameters.star {
            let rest = values.get(most..).unwrap_or_default();
            let rest = (!arguments.open).then(|| V::List(rest.to_vec()));
            locals.insert(star, rest.unwrap_or(V::Unknown));
            if !arguments.sure {
                doubtful.push(star);
            }
        }
        if let Some(star) = parameters.double_star {
            let rest = (!arguments.open).then(|| V::Dict(others.into()));
            locals.insert(star, rest.unwrap_or(V::Unknown));
            if !arguments.sure {
                doubtful.push(star);
            }
        }
        Ok(locals
            .into_iter()
            .map(|(name, value)| {
                let sure = !doubtful.contains(&name) || is_same_always(&value);
                (name, Variable { value, sure })
            })
            .collect())
    }
}

/// Whether what is known of a value holds wherever it was taken from.
pub fn is_same_always(value: &V) -> bool {
    matches!(
        value,
        V::Instance(_) | V::Function(..) | V::Closure(_) | V::Method(..) | V::Class(..) | V::Module(_)
    )
}
