//! Which names have one of a few known values, whatever code that is not followed does.

use pysrc::{Atom, BindingKind, Body, Leave, Module, OperationKind, Span, Step, Value};

use super::steps::{any_step, binds_from_within, returned, visit};
use super::value::{ModuleId, V};
use super::walk::Walker;

/// Modules through which a name is followed.
const FARTHEST: usize = 8;

impl Walker<'_> {
    /// Whether an expression surely is what it evaluates to here.
    pub fn is_settled(&self, value: &Value) -> bool {
        let by_itself = match value {
            literal if literal.is_literal() => true,
            Value::Concat(_) => true,
            Value::Name(name) => self.is_name_settled(*name),
            Value::Subscript(..) => self.is_word(value),
            Value::Call(call) => self
                .source(self.here())
                .and_then(|source| source.calls.get(*call as usize))
                .is_some_and(|call| self.asks_in_vain(call)),
            _ => false,
        };
        by_itself || self.certain(value).is_some()
    }

    /// Whether nothing but literals, and what functions without a `return` give, is bound to a name.
    fn is_name_settled(&self, name: Atom) -> bool {
        let Some((frame, source)) = self.innermost() else {
            return false;
        };
        if frame.locals.contains_key(&name) {
            if frame.in_class {
                return false;
            }
            let Some(facts) = frame
                .function
                .and_then(|function| source.functions.get(function as usize))
            else {
                return false;
            };
            let parameters = &facts.parameters;
            let given = parameters.all.iter().any(|parameter| parameter.name == name)
                || parameters.star == Some(name)
                || parameters.double_star == Some(name);
            let inner = frame
                .function
                .is_some_and(|function| binds_from_within(source, function, name));
            return !given && !inner && self.binds_literals(source, &facts.body, name);
        }
        self.is_global_settled(frame.module, source.name(name), 0)
    }

    /// Whether nothing but literals, and `name operator= literal`, ever decide what type a name's value has.
    pub fn keeps_its_kind(&self, name: Atom) -> bool {
        let Some((frame, source)) = self.innermost() else {
            return false;
        };
        let augmented = |span: Span| {
            source.operations.iter().any(|operation| {
                operation.span.start == span.start && matches!(operation.kind, OperationKind::Augmented(..))
            })
        };
        let literal = |value: Option<&Value>| value.is_some_and(|value| self.is_literal(source, value, false));
        if !frame.locals.contains_key(&name) {
            let mut bindings = source.bindings.iter().filter(|binding| binding.name == name);
            return bindings.all(|binding| {
                binding.kind == BindingKind::Assignment && (literal(binding.value.as_ref()) || augmented(binding.span))
            }) && !source.dynamic_names
                && !self.is_set_on_others(source.name(name));
        }
        let Some(function) = frame.function.filter(|_| !frame.in_class) else {
            return false;
        };
        let Some(facts) = source.functions.get(function as usize) else {
            return false;
        };
        let given = facts.parameters.all.iter().any(|parameter| parameter.name == name)
            || facts.parameters.star == Some(name)
            || facts.parameters.double_star == Some(name);
        let otherwise = any_step(&facts.body, &mut |step| match step {
            Step::Store {
                name: stored,
                span,
                value,
            } => *stored == name && !literal(value.as_deref()) && !augmented(*span),
            Step::Import(_) | Step::Function(_) | Step::Class(_) | Step::Delete { .. } => true,
            _ => false,
        });
        !given && !otherwise && !binds_from_within(source, function, name)
    }

    pub fn is_global_settled(&self, module: ModuleId, name: &str, depth: usize) -> bool {
        let (Some(source), Some(imported)) = (self.source(module), self.modules.get(module)) else {
            return false;
        };
        let Some(atom) = source.atom(name) else {
            return false;
        };
        if imported.dynamic || depth > FARTHEST || self.is_set_on_others(name) {
            return false;
        }
        let mut found = false;
        for binding in source.bindings.iter().filter(|binding| binding.name == atom) {
            found = true;
            let settled = match binding.kind {
                BindingKind::Assignment => binding
                    .value
                    .as_ref()
                    .is_some_and(|value| self.is_literal(source, value, module == self.here())),
                BindingKind::Import(import) => source.imports.get(import as usize).is_some_and(|import| {
                    let origin = self.by_name.get(&*import.module);
                    import.level == 0
                        && import.name.as_deref() == Some(name)
                        && origin.is_some_and(|origin| self.is_global_settled(*origin, name, depth + 1))
                }),
                BindingKind::Class(_) | BindingKind::Function(_) | BindingKind::Global => false,
            };
            if !settled {
                return false;
            }
        }
        found
    }

    /// `here`: it stands in the module that is running, so that what is called in it can be looked up.
    fn is_literal(&self, source: &Module, value: &Value, here: bool) -> bool {
        match value {
            literal if literal.is_literal() => true,
            Value::Call(call) if here => source
                .calls
                .get(*call as usize)
                .is_some_and(|call| self.gives_nothing(&self.evaluate(&call.callee)) || self.asks_in_vain(call)),
            _ => false,
        }
    }

    /// Whether calling this surely gives `None`.
    fn gives_nothing(&self, callee: &V) -> bool {
        let Some(callee) = callee.closure() else {
            return false;
        };
        self.source(callee.module)
            .and_then(|source| source.functions.get(callee.function as usize))
            .is_some_and(|facts| {
                let mut returns = Vec::new();
                returned(&facts.body, &mut returns);
                facts.decorators.is_empty() && !facts.generator && !facts.is_async && returns.is_empty()
            })
    }

    /// The number of values that every `return` of a function gives.
    pub fn returned_length(&self, callee: &V) -> Option<usize> {
        let callee = callee.closure()?;
        let facts = self.source(callee.module)?.functions.get(callee.function as usize)?;
        if !facts.decorators.is_empty() || facts.generator || facts.is_async {
            return None;
        }
        let mut returns = Vec::new();
        returned(&facts.body, &mut returns);
        let length = |value: &Option<&Value>| match value {
            Some(list @ Value::List(parts)) if !list.unpacks() => Some(parts.len()),
            _ => None,
        };
        let first = length(returns.first()?)?;
        let ends = matches!(facts.body.last(), Some(Step::Leave { how: Leave::Return, .. }));
        (ends && returns.iter().all(|value| length(value) == Some(first))).then_some(first)
    }

    fn binds_literals(&self, source: &Module, body: &Body, name: Atom) -> bool {
        let mut all = true;
        visit(body, &mut |step| match step {
            Step::Store {
                name: stored, value, ..
            } if *stored == name => {
                all &= value.as_ref().is_some_and(|value| self.is_literal(source, value, true));
            }
            Step::Delete { name: stored, .. } => all &= *stored != name,
            Step::Import(import) => {
                let binds = source.imports.get(*import as usize).and_then(|import| import.binds);
                all &= binds != Some(name);
            }
            Step::Function(function) => {
                let binds = source.functions.get(*function as usize).map(|function| function.atom);
                all &= binds != Some(name);
            }
            Step::Class(class) => all &= source.classes.get(*class as usize).map(|class| class.atom) != Some(name),
            _ => {}
        });
        all
    }

    /// Whether the list or dictionary of a name is never changed: it is written out once, and all modules that have run only
    /// read it.
    pub fn is_never_changed(&self, name: Atom) -> bool {
        let here = self.here();
        let Some(text) = self.source(here).map(|source| source.name(name)) else {
            return false;
        };
        let origin = self.origin(here, text, 0);
        let mut literals = 0;
        // What is loaded by a computed name may change anything.
        if self.is_mentioned(&["import_module", "__import__", "exec", "globals"]) {
            return false;
        }
        for mention in self.mentions(text).iter() {
            let id = mention.module;
            let uses = mention.source.uses(mention.atom);
            if id != here && Some(id) != origin && !uses.shared && (uses.bound_otherwise || uses.literals > 0) {
                // One of its own.
                continue;
            }
            if uses.bound_otherwise || uses.escapes {
                return false;
            }
            literals += usize::from(uses.literals);
        }
        literals == 1
    }

    /// The module in which a name of another gets its value.
    fn origin(&self, module: ModuleId, name: &str, depth: usize) -> Option<ModuleId> {
        let source = self.source(module)?;
        let atom = source.atom(name)?;
        let binding = source.bindings.iter().find(|binding| binding.name == atom)?;
        match binding.kind {
            BindingKind::Import(import) if depth < FARTHEST => {
                let import = source.imports.get(import as usize)?;
                self.origin(*self.by_name.get(&*import.module)?, name, depth + 1)
            }
            _ => Some(module),
        }
    }

    /// Whether nothing but what `allowed` allows is ever given to an attribute of that name.
    pub fn is_only(&self, name: &str, allowed: &dyn Fn(&Value) -> bool) -> bool {
        let mut found = false;
        for mention in self.mentions(name).iter() {
            let (source, atom) = (mention.source, mention.atom);
            let mut only = true;
            let bodies = source.functions.iter().map(|function| &function.body);
            for body in bodies.chain([&source.body]) {
                visit(body, &mut |step| {
                    if let Step::StoreAttribute { attribute, value, .. } = step
                        && *attribute == atom
                    {
                        found = true;
                        only &= value.as_deref().is_some_and(allowed);
                    }
                });
            }
            let by_class = source
                .attributes
                .iter()
                .filter(|attribute| attribute.function.is_none())
                .any(|attribute| &*attribute.name == name && !allowed(&attribute.value));
            if !only || by_class {
                return false;
            }
        }
        found
    }
}
