//! The arguments of a call, and how they fit the parameters of a function.

use std::fmt;

use pysrc::{Atom, Call, Function, Module, Parameters, Step, Value};
use rustc_hash::FxHashMap as HashMap;

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
            let star = spread.star.as_ref();
            match star.map(|star| (self.passed_on(star), star)) {
                Some((Some(V::List(rest)), _)) => positional.extend(rest),
                Some((_, star)) => match self.known_parts(star) {
                    Some(parts) => positional.extend(parts),
                    None => open = true,
                },
                None => {}
            }
            let from_file = match &spread.double_star {
                Some(Value::Dict(items)) => Some(self.written(items)),
                Some(rest) => self.certain(rest),
                None => None,
            };
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
            let written = self.written(items);
            let sure = written != V::Unknown;
            return (written, sure);
        }
        let known = match self.evaluate(value) {
            // It may be any attribute; if it is a method, whoever gets it may call it.
            V::Bound(of, name) if *of == V::Unknown => {
                self.called_unseen.insert(name);
                V::Unknown
            }
            V::Unknown => {
                self.lose(value);
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

    /// The locals that a call gives a function.
    ///
    /// # Errors
    /// When it cannot be called so.
    pub fn bind_arguments(
        &self,
        module: ModuleId,
        facts: &Function,
        of: Option<V>,
        arguments: &Arguments,
    ) -> Result<HashMap<Atom, Variable>, BindError> {
        let parameters = &facts.parameters;
        let bound = usize::from(of.is_some());
        let values: Vec<V> = of.into_iter().chain(arguments.positional.iter().cloned()).collect();
        let most = parameters.positional as usize;
        if values.len() > most && parameters.star.is_none() {
            return Err(BindError::too_many(parameters, values.len()));
        }
        let mut given = Given::default();
        for (at, (parameter, value)) in parameters.all.iter().take(most).zip(&values).enumerate() {
            let doubtful = at
                .checked_sub(bound)
                .is_some_and(|at| arguments.doubtful.0.contains(&at));
            given.give(parameter.name, value.clone(), !doubtful);
        }
        let others = self.bind_by_name(module, parameters, arguments, &mut given)?;
        self.bind_defaults(module, facts, arguments.open, &mut given)?;
        if let Some(star) = parameters.star {
            let rest = values.get(most..).unwrap_or_default();
            let rest = (!arguments.open).then(|| V::List(rest.to_vec()));
            given.give(star, rest.unwrap_or(V::Unknown), arguments.sure);
        }
        if let Some(star) = parameters.double_star {
            let rest = (!arguments.open).then(|| V::Dict(others.into()));
            given.give(star, rest.unwrap_or(V::Unknown), arguments.sure);
        }
        Ok(given.locals())
    }

    /// Gives parameters what a call gives them by name; the rest is for `**kwargs`.
    fn bind_by_name(
        &self,
        module: ModuleId,
        parameters: &Parameters,
        arguments: &Arguments,
        given: &mut Given,
    ) -> Result<Vec<(V, V)>, BindError> {
        let source = self.source(module);
        let text = |atom| source.map_or("", |source| source.name(atom));
        let mut others: Vec<(V, V)> = Vec::new();
        for (name, value) in &arguments.named {
            let known = parameters
                .all
                .iter()
                .skip(parameters.positional_only as usize)
                .find(|parameter| text(parameter.name) == name);
            match known {
                Some(parameter) if given.has(parameter.name) => return Err(BindError::Twice(name.clone())),
                Some(parameter) => {
                    let doubtful = arguments.doubtful.1.contains(name);
                    given.give(parameter.name, value.clone(), !doubtful);
                }
                None if parameters.double_star.is_some() => others.push((V::Str(name.clone()), value.clone())),
                None => return Err(BindError::Unexpected(name.clone())),
            }
        }
        Ok(others)
    }

    /// Gives parameters that a call gives nothing their defaults; `open`: the call may give more than is known.
    fn bind_defaults(
        &self,
        module: ModuleId,
        facts: &Function,
        open: bool,
        given: &mut Given,
    ) -> Result<(), BindError> {
        let source = self.source(module);
        let parameters = &facts.parameters;
        let text = |atom| source.map_or("", |source| source.name(atom));
        let mut lacking = Vec::new();
        for parameter in &parameters.all {
            if given.has(parameter.name) {
                continue;
            }
            let mut value = V::Unknown;
            if parameter.has_default && !open {
                // Defaults are evaluated in the module; what is simple is the same there.
                value = match &parameter.default {
                    Some(Value::Int(number)) => V::Int(*number),
                    Some(Value::Str(text)) => V::Str(text.to_string()),
                    Some(Value::None) => V::None,
                    Some(Value::Bool(known)) => V::Bool(*known),
                    Some(Value::Float(number)) => V::Float(*number),
                    Some(list @ Value::List(parts)) if parts.iter().all(Value::is_literal) => self.evaluate(list),
                    // What has that name when the function is made.
                    Some(Value::Name(name))
                        if facts.outer.is_none() && source.is_some_and(|source| is_bound_once(source, *name)) =>
                    {
                        self.certain_global(module, text(*name)).unwrap_or(V::Unknown)
                    }
                    _ => V::Unknown,
                };
            } else if !open {
                lacking.push(text(parameter.name).to_owned());
            }
            given.give(parameter.name, value, true);
        }
        if lacking.is_empty() {
            Ok(())
        } else {
            Err(BindError::Lacking(lacking))
        }
    }
}

/// Whether one statement alone binds a name of a module, and does so once.
fn is_bound_once(source: &Module, name: Atom) -> bool {
    let mut bindings = source.bindings.iter().filter(|binding| binding.name == name);
    bindings.next().is_some_and(|binding| !binding.conditional) && bindings.next().is_none()
}

/// Parameters that have a value.
#[derive(Default)]
struct Given {
    values: HashMap<Atom, V>,
    /// Those whose values are not sure.
    doubtful: Vec<Atom>,
}

impl Given {
    fn give(&mut self, parameter: Atom, value: V, sure: bool) {
        self.values.insert(parameter, value);
        if !sure {
            self.doubtful.push(parameter);
        }
    }

    fn has(&self, parameter: Atom) -> bool {
        self.values.contains_key(&parameter)
    }

    fn locals(self) -> HashMap<Atom, Variable> {
        let Self { values, doubtful } = self;
        values
            .into_iter()
            .map(|(name, value)| {
                let sure = !doubtful.contains(&name) || is_same_always(&value);
                (name, Variable { value, sure })
            })
            .collect()
    }
}

/// Why a function cannot be called with some arguments, in CPython's words, which follow its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindError {
    /// More by position than it takes: how many it takes from, and to, and how many are given.
    TooMany { least: usize, most: usize, given: usize },
    /// By position and by name.
    Twice(String),
    /// By a name that it does not know.
    Unexpected(String),
    /// Nothing for these.
    Lacking(Vec<String>),
}

impl BindError {
    fn too_many(parameters: &Parameters, given: usize) -> Self {
        let most = parameters.positional as usize;
        let needed = parameters.all.iter().take(most);
        let least = needed.filter(|parameter| !parameter.has_default).count();
        Self::TooMany { least, most, given }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { least, most, given } => {
                let range = if least == most {
                    most.to_string()
                } else {
                    format!("from {least} to {most}")
                };
                let plural = if *most == 1 { "" } else { "s" };
                let verb = if *given == 1 { "was" } else { "were" };
                write!(f, "takes {range} positional argument{plural} but {given} {verb} given")
            }
            Self::Twice(name) => write!(f, "got multiple values for argument '{name}'"),
            Self::Unexpected(name) => write!(f, "got an unexpected keyword argument '{name}'"),
            Self::Lacking(names) => {
                let plural = if names.len() == 1 { "" } else { "s" };
                let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                let (count, names) = (names.len(), quoted.join(", "));
                write!(f, "missing {count} required argument{plural}: {names}")
            }
        }
    }
}

/// Whether what is known of a value holds wherever it was taken from.
pub fn is_same_always(value: &V) -> bool {
    matches!(
        value,
        V::Instance(_) | V::Function(..) | V::Closure(_) | V::Method(..) | V::Class(..) | V::Module(_)
    )
}
