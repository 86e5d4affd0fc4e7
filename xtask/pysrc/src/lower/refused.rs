//! What CPython parses and then refuses to compile: `return` outside a function, a name declared `global` after its use, and
//! the like. Its phases are kept apart, since it stops at the first error of the first phase that has one.

use ruff_python_ast::{self as ast, Expr, ExprContext, Stmt};
use ruff_text_size::Ranged;

use super::{Kind, Lower, Scope, range, span};
use crate::facts::*;

/// `for`, `while`, `with` and `try` inside each other, in one function.
const MOST_BLOCKS: usize = 20;

/// A pass of CPython's compiler, in order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// `from __future__`.
    Future,
    /// Which scope a name belongs to.
    Symbols,
    /// The same, once all names are known.
    Analysis,
    /// Code.
    Code,
}

/// What code stands in, comprehensions and lambdas included.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Module,
    Class,
    Function,
    AsyncFunction,
    Lambda,
    /// `list comprehension` and its like.
    Comprehension(&'static str),
}

/// A scope as the compiler counts them.
pub struct Context {
    pub place: Where,
    /// Has an `await`, or an asynchronous loop.
    coroutine: bool,
    /// How many iterables of comprehensions we are in.
    iterables: usize,
    /// For a comprehension: names that its loops bind.
    iterated: Vec<Atom>,
    /// For a comprehension: names that `:=` in it binds.
    assigned: Vec<Atom>,
    /// Blocks around here.
    blocks: usize,
    /// `except*` handlers around here: the number of loops that were around each.
    star_handlers: Vec<usize>,
    /// The first `return` with a value.
    returned: Option<Span>,
}

impl Context {
    pub fn new(place: Where) -> Self {
        Self {
            place,
            coroutine: false,
            iterables: 0,
            iterated: Vec::new(),
            assigned: Vec::new(),
            blocks: 0,
            star_handlers: Vec::new(),
            returned: None,
        }
    }
}

/// `global` or `nonlocal`, one name of it.
pub struct Declared<'a> {
    name: Atom,
    text: &'a str,
    is_global: bool,
    /// The statement.
    span: Span,
}

/// How far the imports of `__future__` at the beginning of the module go.
#[derive(Default)]
pub struct Future {
    /// Something else has been met.
    over: bool,
    /// Whether the statement that is being walked is one of them.
    here: bool,
}

impl<'a> Lower<'a> {
    pub(super) fn refuse(&mut self, phase: Phase, span: Span, message: impl Into<Box<str>>) {
        self.refused.push((
            phase,
            SyntaxError {
                message: message.into(),
                span,
            },
        ));
    }

    fn context(&mut self) -> &mut Context {
        // The module's is never popped.
        if self.contexts.is_empty() {
            self.contexts.push(Context::new(Where::Module));
        }
        let last = self.contexts.len() - 1;
        &mut self.contexts[last]
    }

    fn place(&self) -> Where {
        self.contexts.last().map_or(Where::Module, |context| context.place)
    }

    /// The statements of a module, of which the first may import from `__future__`.
    pub(super) fn module_body(&mut self, body: &'a [Stmt]) {
        for (position, statement) in body.iter().enumerate() {
            self.future.here = false;
            if !self.future.over {
                match statement {
                    Stmt::ImportFrom(import) if is_future(import) => {
                        self.future.here = true;
                        self.future_features(import);
                    }
                    Stmt::Expr(text) if position == 0 && text.value.is_string_literal_expr() => {}
                    _ => self.future.over = true,
                }
            }
            self.statement(statement);
        }
        if let Some(scope) = self.scopes.pop() {
            self.check_declared(body, scope, None);
        }
        for (_, name, place) in std::mem::take(&mut self.unbound_nonlocals) {
            let message = format!("no binding for nonlocal '{name}' found");
            self.refuse(Phase::Analysis, place, message);
        }
    }

    fn future_features(&mut self, import: &'a ast::StmtImportFrom) {
        const FEATURES: &[&str] = &[
            "nested_scopes",
            "generators",
            "division",
            "absolute_import",
            "with_statement",
            "print_function",
            "unicode_literals",
            "barry_as_FLUFL",
            "generator_stop",
            "annotations",
        ];
        for alias in &import.names {
            match alias.name.as_str() {
                "braces" => self.refuse(Phase::Future, span(import), "not a chance"),
                name if FEATURES.contains(&name) => {}
                name => {
                    let message = format!("future feature {name} is not defined");
                    self.refuse(Phase::Future, span(import), message);
                }
            }
        }
    }

    /// `from module import …`.
    pub(super) fn check_import_from(&mut self, import: &'a ast::StmtImportFrom) {
        if is_future(import) && !std::mem::take(&mut self.future.here) {
            let phase = if self.scopes.len() == 1 && self.step_depth == 0 {
                Phase::Future
            } else {
                Phase::Code
            };
            let message = "from __future__ imports must occur at the beginning of the file";
            self.refuse(phase, span(import), message);
        }
        if self.kind() != Kind::Module && import.names.iter().any(|alias| alias.name.as_str() == "*") {
            self.refuse(Phase::Symbols, span(import), "import * only allowed at module level");
        }
    }

    pub(super) fn check_return(&mut self, returned: &ast::StmtReturn) {
        let place = span(returned);
        if !matches!(self.kind(), Kind::Function(_)) {
            self.refuse(Phase::Code, place, "'return' outside function");
        }
        if !self.context().star_handlers.is_empty() {
            self.refuse(Phase::Code, place, IN_STAR_HANDLER);
        }
        let context = self.context();
        if context.returned.is_none() && returned.value.is_some() {
            context.returned = Some(place);
        }
    }

    /// `break` or `continue`, called so.
    pub(super) fn check_jump(&mut self, place: Span, outside: &'static str) {
        let loops = self.loops.len();
        if self.context().star_handlers.last() == Some(&loops) {
            self.refuse(Phase::Code, place, IN_STAR_HANDLER);
        } else if loops == 0 {
            self.refuse(Phase::Code, place, outside);
        }
    }

    /// Walks the inside of that many blocks.
    pub(super) fn in_blocks(&mut self, count: usize, place: Span, walk: impl FnOnce(&mut Self)) {
        let blocks = &mut self.context().blocks;
        let before = *blocks;
        *blocks += count;
        if before <= MOST_BLOCKS && *blocks > MOST_BLOCKS {
            self.refuse(Phase::Code, place, "too many statically nested blocks");
        }
        walk(self);
        self.context().blocks = before;
    }

    /// Walks an `except*` handler.
    pub(super) fn in_star_handler<T>(&mut self, walk: impl FnOnce(&mut Self) -> T) -> T {
        let loops = self.loops.len();
        self.context().star_handlers.push(loops);
        let result = walk(self);
        self.context().star_handlers.pop();
        result
    }

    pub(super) fn check_handlers(&mut self, attempt: &ast::StmtTry) {
        let handlers = &attempt.handlers;
        for handler in handlers.iter().take(handlers.len().saturating_sub(1)) {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            if handler.type_.is_none() {
                self.refuse(Phase::Code, span(handler), "default 'except:' must be last");
            }
        }
    }

    /// `async for` and `async with`.
    pub(super) fn check_async(&mut self, is_async: bool, place: Span, what: &str) {
        if is_async && self.place() != Where::AsyncFunction {
            self.refuse(Phase::Code, place, format!("'async {what}' outside async function"));
        }
    }

    pub(super) fn check_await(&mut self, place: Span) {
        self.context().coroutine = true;
        match self.place() {
            Where::AsyncFunction | Where::Comprehension(_) => {}
            Where::Function | Where::Lambda => self.refuse(Phase::Code, place, "'await' outside async function"),
            Where::Module | Where::Class => self.refuse(Phase::Code, place, "'await' outside function"),
        }
    }

    pub(super) fn check_yield(&mut self, place: Span, from: bool) {
        match self.place() {
            Where::Module | Where::Class => self.refuse(Phase::Code, place, "'yield' outside function"),
            Where::Comprehension(kind) => self.refuse(Phase::Symbols, place, format!("'yield' inside {kind}")),
            Where::AsyncFunction if from => self.refuse(Phase::Code, place, "'yield from' inside async function"),
            Where::AsyncFunction | Where::Function | Where::Lambda => {}
        }
    }

    /// A name that is bound, a parameter or a keyword.
    pub(super) fn check_name(&mut self, name: &str, place: Span) {
        if name == "__debug__" {
            self.refuse(Phase::Code, place, "cannot assign to __debug__");
        }
    }

    /// The target of an assignment or a loop.
    pub(super) fn check_target(&mut self, target: &Expr) {
        match target {
            Expr::Starred(_) => {
                let message = "starred assignment target must be in a list or tuple";
                self.refuse(Phase::Code, span(target), message);
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. })
                if elts.iter().filter(|element| element.is_starred_expr()).count() > 1 =>
            {
                let message = "multiple starred expressions in assignment";
                self.refuse(Phase::Code, span(target), message);
            }
            _ => {}
        }
    }

    pub(super) fn check_keywords(&mut self, keywords: &'a [ast::Keyword]) {
        let mut seen = rustc_hash::FxHashSet::default();
        for keyword in keywords {
            let Some(name) = &keyword.arg else { continue };
            self.check_name(name.as_str(), span(keyword));
            if keywords.len() > 1 && !seen.insert(name.as_str()) {
                self.refuse(Phase::Code, span(keyword), format!("keyword argument repeated: {name}"));
            }
        }
    }

    pub(super) fn check_parameters(&mut self, parameters: &'a ast::Parameters) {
        let mut seen = rustc_hash::FxHashSet::default();
        for parameter in parameters {
            let name = parameter.name();
            self.check_name(name.as_str(), range(name.range()));
            if !seen.insert(name.as_str()) {
                self.refuse(
                    Phase::Symbols,
                    range(name.range()),
                    format!("duplicate argument '{name}' in function definition"),
                );
            }
        }
    }

    /// A number that does not fit into a machine word.
    pub(super) fn check_digits(&mut self, literal: &ast::ExprNumberLiteral, int: &ast::Int) {
        const MOST_DIGITS: usize = 4300;
        if literal.range().len().to_usize() <= MOST_DIGITS {
            return;
        }
        let text = int.to_string();
        if text.len() > MOST_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("an integer of {} digits: at most {MOST_DIGITS} are read", text.len());
            self.unread.push(SyntaxError {
                message: message.into(),
                span: span(literal),
            });
        }
    }

    /// What the parser of f-strings refused before Python 3.12.
    pub(super) fn check_interpolation(&mut self, element: &ast::InterpolatedElement) {
        let old = self.version < PythonVersion { major: 3, minor: 12 };
        let nested = |format: &ast::InterpolatedStringFormatSpec| {
            let mut inner = format.elements.iter().filter_map(|part| part.as_interpolation());
            inner.any(|inner| {
                inner
                    .format_spec
                    .as_ref()
                    .is_some_and(|format| format.elements.iter().any(|part| part.as_interpolation().is_some()))
            })
        };
        let message = if element.format_spec.as_deref().is_some_and(nested) && old {
            "f-string: expressions nested too deeply"
        } else if element.expression.is_starred_expr() {
            "f-string: cannot use starred expression here"
        } else {
            return;
        };
        self.unread.push(SyntaxError {
            message: message.into(),
            span: range(element.range()),
        });
    }

    /// `name := …`.
    pub(super) fn check_walrus(&mut self, target: &'a Expr) {
        let Expr::Name(name) = target else { return };
        let place = span(target);
        if self.context().iterables > 0 {
            let message = "assignment expression cannot be used in a comprehension iterable expression";
            self.refuse(Phase::Symbols, place, message);
        }
        let atom = self.atom(name.id.as_str());
        for at in (0..self.contexts.len()).rev() {
            match self.contexts[at].place {
                Where::Comprehension(_) => {
                    // Private names of a class are mangled, which CPython does to one of the two only.
                    if !name.id.starts_with("__") && self.contexts[at].iterated.contains(&atom) {
                        let message = format!(
                            "assignment expression cannot rebind comprehension iteration variable '{}'",
                            name.id
                        );
                        self.refuse(Phase::Symbols, place, message);
                    }
                    self.contexts[at].assigned.push(atom);
                }
                Where::Class if at + 1 < self.contexts.len() => {
                    let message = "assignment expression within a comprehension cannot be used in a class body";
                    self.refuse(Phase::Symbols, place, message);
                    return;
                }
                _ => return,
            }
        }
    }

    /// Walks the iterable of a comprehension.
    pub(super) fn in_iterable(&mut self, walk: impl FnOnce(&mut Self)) {
        self.context().iterables += 1;
        walk(self);
        self.context().iterables -= 1;
    }

    /// A name that a loop of a comprehension binds.
    pub(super) fn check_iterated(&mut self, name: Atom, text: &str, place: Span) {
        self.check_name(text, place);
        if self.context().assigned.contains(&name) {
            let message = format!("comprehension inner loop cannot rebind assignment expression target '{text}'");
            self.refuse(Phase::Symbols, place, message);
        }
        self.context().iterated.push(name);
    }

    /// Walks a lambda or comprehension. `asynchronous`: it has an `async for`.
    pub(super) fn in_context(&mut self, place: Where, asynchronous: bool, at: Span, walk: impl FnOnce(&mut Self)) {
        let mut context = Context::new(place);
        context.coroutine = asynchronous;
        context.iterables = self.context().iterables;
        self.contexts.push(context);
        walk(self);
        let coroutine = self.contexts.pop().is_some_and(|context| context.coroutine);
        if let Where::Comprehension(kind) = place
            && coroutine
            && kind != GENERATOR
        {
            match self.place() {
                Where::AsyncFunction => {}
                // Makes that one asynchronous, too.
                Where::Comprehension(_) => self.context().coroutine = true,
                _ => {
                    let message = "asynchronous comprehension outside of an asynchronous function";
                    self.refuse(Phase::Code, at, message);
                }
            }
        }
    }

    /// What can be said once a function has been walked. Its own scope is no longer the innermost one.
    pub(super) fn check_function(&mut self, scope: &Scope<'a>, is_async: bool, context: Option<Context>) {
        if is_async
            && scope.generator
            && let Some(place) = context.and_then(|context| context.returned)
        {
            self.refuse(Phase::Code, place, "'return' with value in async generator");
        }
    }

    /// `global` and `nonlocal`, after all statements of their scope, which is no longer the innermost one.
    ///
    /// Gives the scope back.
    pub(super) fn check_declared(&mut self, body: &'a [Stmt], scope: Scope<'a>, function: Option<u32>) -> Scope<'a> {
        let Scope {
            kind,
            declared,
            annotated,
            ..
        } = &scope;
        if declared.is_empty() {
            return scope;
        }
        let in_module = *kind == Kind::Module;
        let parameters = function.and_then(|function| self.module.functions.get(function as usize));
        let parameters: Vec<Atom> = parameters.map_or_else(Vec::new, |function| {
            let parameters = &function.parameters;
            let all = parameters.all.iter().map(|parameter| parameter.name);
            all.chain(parameters.star).chain(parameters.double_star).collect()
        });
        for (position, one) in declared.iter().enumerate() {
            let name = one.text;
            let what = if one.is_global { "global" } else { "nonlocal" };
            if in_module && !one.is_global {
                let message = "nonlocal declaration not allowed at module level";
                self.refuse(Phase::Symbols, one.span, message);
                continue;
            }
            if parameters.contains(&one.name) {
                self.refuse(
                    Phase::Symbols,
                    one.span,
                    format!("name '{name}' is parameter and {what}"),
                );
                continue;
            }
            let other = |other: &Declared<'_>| other.name == one.name && other.is_global != one.is_global;
            if declared[..position].iter().any(other) {
                let message = format!("name '{name}' is nonlocal and global");
                self.refuse(Phase::Analysis, one.span, message);
            }
            if annotated.contains(&one.name) && !in_module {
                let message = format!("annotated name '{name}' can't be {what}");
                self.refuse(Phase::Symbols, one.span, message);
            }
            // Every method has that one.
            if !one.is_global && name != "__class__" {
                self.unbound_nonlocals.push((one.name, one.text, one.span));
            }
        }
        let mut search = Uses {
            declared: declared.iter().rev().map(|one| (one.text, one)).collect(),
            found: Vec::new(),
        };
        let last = declared.iter().map(|one| one.span.start).max().unwrap_or(0);
        for statement in body.iter().filter(|statement| statement.start().to_u32() < last) {
            stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || search.statement(statement));
        }
        for (place, message) in search.found {
            self.refuse(Phase::Symbols, place, message);
        }
        scope
    }

    pub(super) fn declare(&mut self, name: Atom, text: &'a str, is_global: bool, span: Span) {
        self.scope().declared.push(Declared {
            name,
            text,
            is_global,
            span,
        });
    }

    /// Names that inner functions take from the one whose scope this was.
    pub(super) fn bind_nonlocals(&mut self, scope: &Scope<'a>, since: usize) {
        let mut at = since;
        while let Some((name, ..)) = self.unbound_nonlocals.get(at) {
            if scope.bound.contains(name) && !scope.globals.contains(name) {
                self.unbound_nonlocals.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }
}

const IN_STAR_HANDLER: &str = "'break', 'continue' and 'return' cannot appear in an except* block";

/// The one comprehension that is run by somebody else.
pub const GENERATOR: &str = "generator expression";
/// What makes a set.
pub const SET: &str = "set comprehension";

fn is_future(import: &ast::StmtImportFrom) -> bool {
    import.level == 0
        && import
            .module
            .as_ref()
            .is_some_and(|module| module.as_str() == "__future__")
}

/// Looks for names that are used before they are declared, in one scope.
struct Uses<'s> {
    declared: rustc_hash::FxHashMap<&'s str, &'s Declared<'s>>,
    found: Vec<(Span, String)>,
}

impl Uses<'_> {
    fn meet(&mut self, name: &str, at: u32, what: &str) {
        if let Some(declared) = self.declared.get(name)
            && at < declared.span.start
        {
            let kind = if declared.is_global { "global" } else { "nonlocal" };
            let message = format!("name '{name}' is {what} prior to {kind} declaration");
            let message = message.replace("assigned to prior to", "assigned to before");
            self.found.push((declared.span, message));
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        ast::visitor::Visitor::visit_stmt(self, statement);
    }
}

impl<'v> ast::visitor::Visitor<'v> for Uses<'_> {
    fn visit_stmt(&mut self, statement: &'v Stmt) {
        match statement {
            // Scopes of their own: what belongs to this one is outside their bodies.
            Stmt::FunctionDef(def) => {
                self.meet(def.name.as_str(), def.start().to_u32(), "assigned to");
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                }
                for parameter in &def.parameters {
                    for part in [parameter.default(), parameter.annotation()].into_iter().flatten() {
                        self.visit_expr(part);
                    }
                }
            }
            Stmt::ClassDef(def) => {
                self.meet(def.name.as_str(), def.start().to_u32(), "assigned to");
                for decorator in &def.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(arguments) = &def.arguments {
                    self.visit_arguments(arguments);
                }
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    let first = name.split('.').next().unwrap_or(name);
                    self.meet(first, import.start().to_u32(), "assigned to");
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    self.meet(name, import.start().to_u32(), "assigned to");
                }
            }
            Stmt::AnnAssign(assign) => {
                if let (Expr::Name(name), None) = (&*assign.target, &assign.value) {
                    if let Some(declared) = self.declared.get(name.id.as_str())
                        && assign.start().to_u32() < declared.span.start
                    {
                        let kind = if declared.is_global { "global" } else { "nonlocal" };
                        let message = format!("annotated name '{}' can't be {kind}", name.id);
                        self.found.push((declared.span, message));
                    }
                    self.visit_expr(&assign.annotation);
                } else {
                    ast::visitor::walk_stmt(self, statement);
                }
            }
            _ => ast::visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'v Expr) {
        match expression {
            Expr::Name(name) => {
                let what = match name.ctx {
                    ExprContext::Load => "used",
                    _ => "assigned to",
                };
                self.meet(name.id.as_str(), name.start().to_u32(), what);
            }
            Expr::Lambda(_) => {}
            // Their first iterable belongs to this scope.
            Expr::ListComp(ast::ExprListComp { generators, .. })
            | Expr::SetComp(ast::ExprSetComp { generators, .. })
            | Expr::DictComp(ast::ExprDictComp { generators, .. })
            | Expr::Generator(ast::ExprGenerator { generators, .. }) => {
                if let Some(first) = generators.first() {
                    self.visit_expr(&first.iter);
                }
            }
            _ => stacker::maybe_grow(64 * 1024, 2 * 1024 * 1024, || {
                ast::visitor::walk_expr(self, expression);
            }),
        }
    }
}
