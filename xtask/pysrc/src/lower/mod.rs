//! The syntax tree to facts and steps, in one walk.

mod call;
mod choice;
mod condition;
mod dataclass;
mod definition;
mod expression;
mod format;
mod guarded;
mod pattern;
mod refused;
mod statement;

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use self::refused::{Context, Phase};
use crate::Detail;
use crate::facts::*;
use crate::names::Names;
use crate::uses::uses;

/// Names in a file that is neither short nor long.
const USUAL_NAMES: usize = 112;
/// How deep steps are nested at most; deeper ones are laid out flat.
const DEEPEST_STEPS: usize = 100;
/// How deep a value is followed.
const DEEPEST_VALUE: usize = 40;

/// The facts of a module, and how deep its tree is.
pub fn module(body: &[Stmt], version: PythonVersion, detail: Detail) -> (Module, usize) {
    let mut lower = Lower {
        version,
        outline: detail == Detail::Outline,
        atoms: FxHashMap::with_capacity_and_hasher(USUAL_NAMES, FxBuildHasher),
        names: Vec::with_capacity(USUAL_NAMES),
        module: Module::default(),
        scopes: vec![Scope::new(Kind::Module)],
        guard: Guard::default(),
        shape: String::new(),
        contexts: vec![Context::new(refused::Where::Module)],
        refused: Vec::new(),
        set_attributes: Vec::new(),
        filled: Vec::new(),
        unread: Vec::new(),
        unbound_nonlocals: Vec::new(),
        future: refused::Future::default(),
        hidden: Vec::new(),
        each_from: usize::MAX,
        collections: 0,
        in_lambda: false,
        runs: Runs::default(),
        comprehensions: 0,
        steps: Vec::new(),
        step_depth: 0,
        depth: 0,
        deepest: 0,
        loops: Vec::new(),
        lazy_annotations: version >= PythonVersion { major: 3, minor: 14 },
    };
    lower.module_body(body);
    if detail == Detail::Whole {
        lower.module.uses = uses(body, &lower.atoms);
    }
    lower.finish()
}

/// What kind of scope it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Module,
    Class(u32),
    Function(u32),
}

/// A scope that is being walked.
struct Scope<'a> {
    kind: Kind,
    bound: FxHashSet<Atom>,
    elsewhere: FxHashSet<Atom>,
    globals: FxHashSet<Atom>,
    generator: bool,
    /// `global` and `nonlocal` statements, in order.
    declared: Vec<refused::Declared<'a>>,
    /// Names that are annotated without a value, which binds nothing.
    annotated: Vec<Atom>,
}

impl Scope<'_> {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            bound: FxHashSet::default(),
            elsewhere: FxHashSet::default(),
            globals: FxHashSet::default(),
            generator: false,
            declared: Vec::new(),
            annotated: Vec::new(),
        }
    }

    /// The scope of a function, with its parameters.
    fn of_function(function: u32, parameters: &Parameters) -> Self {
        let mut scope = Self::new(Kind::Function(function));
        let named = parameters.all.iter().map(|parameter| parameter.name);
        let others = parameters.star.into_iter().chain(parameters.double_star);
        scope.bound.extend(named.chain(others));
        scope
    }
}

/// When a generator expression runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Runs {
    /// Nobody knows: what it is given to may go through it.
    #[default]
    Perhaps,
    /// At once, to its end.
    AtOnce,
    /// At once, until it gives something that is true, or false.
    Until(bool),
    /// Later, if at all.
    Later,
}

/// A name of a comprehension.
#[derive(Debug)]
struct Hidden {
    name: Atom,
    /// What it stands for, inside the comprehension itself.
    value: Value,
}

impl Hidden {
    fn unknown(name: Atom) -> Self {
        Self {
            name,
            value: Value::Other,
        }
    }
}

/// The walk.
struct Lower<'a> {
    version: PythonVersion,
    /// Nobody will follow what runs: steps, calls and values are left out, unless a fact needs them.
    outline: bool,
    atoms: FxHashMap<&'a str, Atom>,
    /// Names in order of their atoms.
    names: Vec<&'a str>,
    module: Module,
    scopes: Vec<Scope<'a>>,
    guard: Guard,
    /// Room for the shape of the f-string that is being walked.
    shape: String,
    /// What CPython's compiler would be in, comprehensions and lambdas included; never empty.
    contexts: Vec<Context>,
    /// Attributes that get a value, in order.
    set_attributes: Vec<Atom>,
    /// What gets or loses an item, in order.
    filled: Vec<Fill>,
    /// What it would refuse.
    refused: Vec<(Phase, SyntaxError)>,
    /// What its parser would refuse, and ours does not.
    unread: Vec<SyntaxError>,
    /// Names that functions around here have to bind.
    unbound_nonlocals: Vec<(Atom, &'a str, Span)>,
    future: refused::Future,
    /// Names of comprehensions around here.
    hidden: Vec<Hidden>,
    /// Those of them from this place on are of the innermost comprehension, of which each turn is followed.
    each_from: usize,
    /// Lists and dictionaries that comprehensions make, so far.
    collections: u32,
    /// Whether this stands in a `lambda`.
    in_lambda: bool,
    /// When the generator expression runs that comes next.
    runs: Runs,
    /// Comprehensions around here, inside the innermost class, function or module.
    comprehensions: u32,
    /// Steps of the bodies that are being walked, those of an inner one after those of the outer one.
    steps: Vec<Step>,
    step_depth: usize,
    depth: usize,
    deepest: usize,
    /// Per loop around here: whether it has a `break`.
    loops: Vec<bool>,
    lazy_annotations: bool,
}

fn span(node: &impl Ranged) -> Span {
    range(node.range())
}

fn range(range: TextRange) -> Span {
    Span {
        start: range.start().to_u32(),
        end: range.end().to_u32(),
    }
}

/// A copy of a value that says something.
fn simple(value: &Value) -> Option<Box<Value>> {
    (*value != Value::Other).then(|| Box::new(value.clone()))
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl<'a> Lower<'a> {
    fn finish(mut self) -> (Module, usize) {
        self.module.body = std::mem::take(&mut self.steps).into_boxed_slice();
        self.module.names = Names::new(&self.names);
        self.set_attributes.sort_unstable();
        self.module.set_attributes = self.set_attributes.into_boxed_slice();
        self.filled.sort_unstable();
        self.filled.dedup();
        self.module.filled = self.filled.into_boxed_slice();
        self.refused.sort_by_key(|(phase, _)| *phase);
        self.module.compile_errors = self.refused.into_iter().map(|(_, error)| error).collect();
        self.module.syntax_errors = self.unread;
        (self.module, self.deepest)
    }

    fn atom(&mut self, name: &'a str) -> Atom {
        let next = Atom(index(self.names.len()));
        *self.atoms.entry(name).or_insert_with(|| {
            self.names.push(name);
            next
        })
    }

    fn scope(&mut self) -> &mut Scope<'a> {
        // The module's scope is never popped.
        if self.scopes.is_empty() {
            self.scopes.push(Scope::new(Kind::Module));
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    fn kind(&self) -> Kind {
        self.scopes.last().map_or(Kind::Module, |scope| scope.kind)
    }

    fn function(&self) -> Option<u32> {
        self.scopes.iter().rev().find_map(|scope| match scope.kind {
            Kind::Function(function) => Some(function),
            Kind::Module | Kind::Class(_) => None,
        })
    }

    /// What a call stands in.
    fn caller(&self) -> Option<u32> {
        match self.in_lambda {
            true => Some(LAMBDA),
            false => self.function(),
        }
    }

    /// The class whose method this is, and the method.
    fn method(&self) -> Option<(u32, u32)> {
        let position = self
            .scopes
            .iter()
            .rposition(|scope| matches!(scope.kind, Kind::Class(_)))?;
        match (self.scopes.get(position)?.kind, self.scopes.get(position + 1)?.kind) {
            (Kind::Class(class), Kind::Function(function)) => Some((class, function)),
            _ => None,
        }
    }

    /// Goes one level down; on a new piece of stack where this one ends.
    fn deeper<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        const CHECKED_FROM: usize = 16;
        const RED_ZONE: usize = 128 * 1024;
        const PIECE: usize = 2 * 1024 * 1024;
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let result = if self.depth > CHECKED_FROM {
            stacker::maybe_grow(RED_ZONE, PIECE, || walk(self))
        } else {
            walk(self)
        };
        self.depth -= 1;
        result
    }

    /// The steps of a nested body.
    fn nested(&mut self, walk: impl FnOnce(&mut Self)) -> Body {
        if self.step_depth >= DEEPEST_STEPS {
            walk(self);
            return Body::default();
        }
        let mark = self.steps.len();
        self.step_depth += 1;
        walk(self);
        self.step_depth -= 1;
        self.steps.drain(mark..).collect()
    }

    /// The same, not always run.
    fn maybe(&mut self, walk: impl FnOnce(&mut Self)) -> Body {
        let before = self.guard;
        self.guard.conditional = true;
        let body = self.nested(walk);
        self.guard = before;
        body
    }

    /// A branch with one arm, left out where nothing is in it.
    fn perhaps(&mut self, walk: impl FnOnce(&mut Self)) {
        self.provided(Condition::Unknown, walk);
    }

    /// Walks what runs only if a condition holds.
    fn provided(&mut self, condition: Condition, walk: impl FnOnce(&mut Self)) {
        let body = self.maybe(walk);
        let test = match condition {
            Condition::Unknown => Test::Unknown,
            condition => Test::When(condition),
        };
        if !body.is_empty() {
            self.step(|| {
                Step::Branch(Box::new(Branch {
                    test,
                    rest: Box::default(),
                    arms: Box::new([body]),
                    exhaustive: false,
                    span: None,
                }))
            });
        }
    }

    /// Adds a step.
    fn step(&mut self, step: impl FnOnce() -> Step) {
        if !self.outline {
            self.steps.push(step());
        }
    }

    fn load(&mut self, name: &'a str, span: Span) -> Atom {
        let atom = self.atom(name);
        if !self.hidden.iter().any(|hidden| hidden.name == atom) {
            let past = self.comprehensions > 0 && matches!(self.kind(), Kind::Class(_));
            self.step(|| match past {
                true => Step::LoadPast { name: atom, span },
                false => Step::Load { name: atom, span },
            });
        }
        atom
    }

    /// Binds a name in the scope that it belongs to.
    fn bind(&mut self, name: Atom, kind: BindingKind, span: Span, value: Option<&Value>) {
        let global = {
            let scope = self.scope();
            if !scope.globals.contains(&name) && !scope.elsewhere.contains(&name) {
                scope.bound.insert(name);
            }
            scope.globals.contains(&name)
        };
        let here = self.kind();
        if here == Kind::Module {
            self.module.bindings.push(Binding {
                name,
                kind,
                span,
                conditional: self.guard.conditional || self.guard.catches_import_error,
                value: value.filter(|value| **value != Value::Other).cloned(),
            });
        } else if global {
            self.module.bindings.push(Binding {
                name,
                kind: BindingKind::Global,
                span,
                conditional: true,
                value: value.filter(|value| **value != Value::Other).cloned(),
            });
        }
    }

    /// Binds a name to a value, as a step.
    fn store(&mut self, name: &'a str, span: Span, value: Option<&Value>) {
        self.check_name(name, span);
        let local = |scope: &Scope<'_>| scope.kind != Kind::Module && scope.globals.is_empty();
        if self.outline && self.scopes.last().is_some_and(local) {
            return;
        }
        let atom = self.atom(name);
        self.bind(atom, BindingKind::Assignment, span, value);
        if let (Kind::Class(class), Some(value)) = (self.kind(), value) {
            self.module.attributes.push(Attribute {
                class,
                function: None,
                name: name.into(),
                span,
                value: value.clone(),
            });
        }
        self.step(|| Step::Store {
            name: atom,
            span,
            value: value.and_then(simple),
        });
    }

    /// Assigns to a target: binds its names, evaluates what else is in it.
    fn assign(&mut self, target: &'a Expr, value: Option<&Value>) {
        match target {
            Expr::Name(name) => self.store(name.id.as_str(), span(name), value),
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                self.check_target(target);
                let exact = |parts: &[Value]| !parts.iter().any(|part| matches!(part, Value::Unpacked(_)));
                let parts = match value {
                    Some(Value::List(parts)) if parts.len() == elts.len() && exact(parts) => Some(parts),
                    _ => None,
                };
                self.unpacked(elts, value.filter(|_| parts.is_none()), span(target));
                // What a call gives is taken apart when it is known.
                let whole = value.filter(|value| {
                    matches!(
                        value,
                        Value::Call(_)
                            | Value::Name(_)
                            | Value::Attribute(..)
                            | Value::Subscript(..)
                            | Value::Each
                            | Value::Choice(_)
                            | Value::Or(_)
                    )
                });
                let counted = elts.len() <= 8 && !elts.iter().any(Expr::is_starred_expr);
                for (position, element) in elts.iter().enumerate() {
                    let taken = whole.filter(|_| counted && parts.is_none()).map(|whole| {
                        let at = Value::Int(i64::try_from(position).unwrap_or(0));
                        Value::Subscript(Box::new(whole.clone()), Box::new(at))
                    });
                    let part = parts.and_then(|parts| parts.get(position)).or(taken.as_ref());
                    self.deeper(|lower| lower.assign(element, part));
                }
            }
            Expr::Starred(starred) => self.deeper(|lower| lower.assign(&starred.value, None)),
            Expr::Attribute(attribute) => self.assign_attribute(attribute, value),
            Expr::Subscript(subscript) if self.kind() == Kind::Module && named_global(subscript).is_some() => {
                if let Some((name, place)) = named_global(subscript) {
                    self.store(name, place, value);
                }
            }
            Expr::Subscript(subscript) => {
                let own = expression::is_own_module(subscript);
                self.module.replaces_itself |= own;
                self.module.replaces_others |=
                    !own && expression::is_modules(&subscript.value) && !subscript.slice.is_literal_expr();
                if self.outline {
                    self.visit(&subscript.value);
                    self.visit(&subscript.slice);
                } else {
                    let object = self.value(&subscript.value);
                    let key = self.value(&subscript.slice);
                    let value = value.cloned();
                    self.step(|| Step::StoreItem(Box::new(StoreItem { object, key, value })));
                }
                self.fills(&subscript.value);
            }
            other => self.visit(other),
        }
    }

    /// A value is taken apart: that may give too few parts, or too many.
    fn unpacked(&mut self, targets: &[Expr], value: Option<&Value>, place: Span) {
        let Some(value) = value else {
            return;
        };
        if matches!(
            value,
            Value::None
                | Value::Bool(_)
                | Value::Int(_)
                | Value::Float(_)
                | Value::List(_)
                | Value::Str(_)
                | Value::Name(_)
                | Value::Call(_)
                | Value::Each
        ) {
            let star = targets.iter().any(Expr::is_starred_expr);
            let count = index(targets.len()) - u32::from(star);
            self.operation(OperationKind::Unpack(value.clone(), count, star), place);
        }
    }

    fn assign_attribute(&mut self, target: &'a ast::ExprAttribute, value: Option<&Value>) {
        self.check_name(target.attr.as_str(), span(target));
        let Expr::Name(object) = &*target.value else {
            match &*target.value {
                inner @ Expr::Attribute(_) if !self.outline => {
                    let object = self.value(inner);
                    let attribute = self.atom(target.attr.as_str());
                    let given = value.cloned().map(Box::new);
                    self.operation(OperationKind::Give(object, attribute, given), span(target));
                }
                inner => self.visit(inner),
            }
            if !self.outline {
                let told = target.value.is_attribute_expr();
                // Of an object that is not known; that one gets it is.
                let attribute = self.atom(target.attr.as_str());
                self.set_attributes.push(attribute);
                self.step(|| Step::StoreAttribute {
                    object: if told { Atom::TOLD } else { Atom::NO_NAME },
                    attribute,
                    at: span(target).start,
                    value: None,
                });
            }
            return;
        };
        if self.outline {
            return;
        }
        let object_atom = self.load(object.id.as_str(), span(object));
        let attribute = self.atom(target.attr.as_str());
        self.set_attributes.push(attribute);
        if let Some((class, function)) = self.method()
            && self.is_self(function, object_atom)
        {
            self.module.attributes.push(Attribute {
                class,
                function: Some(function),
                name: target.attr.as_str().into(),
                span: span(target),
                value: value.cloned().unwrap_or(Value::Other),
            });
        }
        self.step(|| Step::StoreAttribute {
            object: object_atom,
            attribute,
            at: span(target).start,
            value: value.and_then(simple),
        });
    }

    /// An item of something is assigned to.
    fn fills(&mut self, container: &Expr) {
        if is_own_names(container) {
            return;
        }
        let mut base = container;
        loop {
            base = match base {
                Expr::Subscript(subscript) => &subscript.value,
                // What these give of a dictionary is in it.
                Expr::Call(call) => match &*call.func {
                    Expr::Attribute(method) if matches!(method.attr.as_str(), "get" | "setdefault") => &method.value,
                    _ => break,
                },
                _ => break,
            };
        }
        let (name, plain) = match base {
            Expr::Name(name) => (name.id.as_str(), true),
            Expr::Attribute(attribute) => (attribute.attr.as_str(), false),
            _ => {
                self.module.fills_others = true;
                return;
            }
        };
        let Some(name) = self.atoms.get(name).copied() else {
            return;
        };
        let function = match self.kind() {
            Kind::Function(function) if !self.outline => Some(function),
            _ => None,
        };
        self.filled.push(Fill { name, plain, function });
        let own = function.filter(|_| container.is_name_expr());
        if let Some(function) = own.and_then(|function| self.module.functions.get_mut(function as usize)) {
            let mut parameters = function.parameters.all.iter();
            function.fills_parameters |= parameters.any(|parameter| parameter.name == name);
        }
    }

    fn is_self(&self, function: u32, name: Atom) -> bool {
        self.module
            .functions
            .get(function as usize)
            .and_then(|function| function.parameters.all.first())
            .is_some_and(|parameter| parameter.name == name)
    }
}

/// Whether this is `globals()` or its like: what is assigned to its items is assigned to names, not to what a name stands for.
fn is_own_names(container: &Expr) -> bool {
    let Expr::Call(call) = container else {
        return false;
    };
    let of_names = ["globals", "locals", "vars"]
        .iter()
        .any(|known| statement::is_name(&call.func, known));
    of_names && call.arguments.is_empty()
}

/// The name that `globals()["name"]` and its like mean at module level.
fn named_global(subscript: &ast::ExprSubscript) -> Option<(&str, Span)> {
    let Expr::StringLiteral(name) = &*subscript.slice else {
        return None;
    };
    is_own_names(&subscript.value).then(|| (name.value.to_str(), span(name)))
}
