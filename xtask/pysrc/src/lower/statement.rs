//! Statements: control flow, definitions, imports.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::refused::{Context, Phase, Where};
use super::{Kind, Lower, Scope, index, span};
use crate::facts::*;

impl<'a> Lower<'a> {
    pub(super) fn statements(&mut self, body: &'a [Stmt]) {
        for statement in body {
            self.statement(statement);
        }
    }

    pub(super) fn statement(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Expr(expression) => self.bare(&expression.value),
            Stmt::Assign(assign) => {
                let value = self.assigned(&assign.value);
                for target in &assign.targets {
                    if target.is_starred_expr() {
                        self.check_target(target);
                    }
                    self.exports(target, &value);
                    self.assign(target, Some(&value));
                }
            }
            Stmt::AugAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.load(name.id.as_str(), span(name));
                }
                let value = self.assigned(&assign.value);
                self.added(assign, &value);
                self.more_exports(&assign.target, &value);
                self.assign(&assign.target, None);
            }
            Stmt::AnnAssign(assign) => self.annotated(assign),
            Stmt::Return(returned) => {
                let value = returned.value.as_ref().map(|value| self.assigned(value));
                self.check_return(returned);
                self.leave(Leave::Return, span(returned), value);
            }
            Stmt::Delete(delete) => {
                for target in &delete.targets {
                    match target {
                        Expr::Name(name) => {
                            let atom = self.atom(name.id.as_str());
                            if name.id.as_str() == "__debug__" {
                                self.refuse(Phase::Code, span(name), "cannot delete __debug__");
                            }
                            self.scope().bound.insert(atom);
                            self.step(|| Step::Delete {
                                name: atom,
                                span: span(name),
                            });
                        }
                        other => self.visit(other),
                    }
                }
            }
            Stmt::Raise(raise) => {
                let value = raise.exc.as_ref().map(|exception| self.assigned(exception));
                if let Some(cause) = &raise.cause {
                    self.visit(cause);
                }
                let how = if raise.exc.as_deref().is_some_and(is_system_exit) {
                    Leave::Exit
                } else {
                    Leave::Raise
                };
                self.leave(how, span(raise), value);
            }
            Stmt::Assert(assert) => {
                self.visit(&assert.test);
                if let Some(message) = &assert.msg {
                    self.perhaps(|lower| lower.visit(message));
                }
                if self.known(&assert.test) == Some(false) {
                    let raised = Value::Name(self.atom("AssertionError"));
                    self.leave(Leave::Raise, span(assert), Some(raised));
                }
            }
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.import(statement),
            Stmt::Global(global) => {
                for name in &global.names {
                    let atom = self.atom(name.as_str());
                    self.declare(atom, name.as_str(), true, span(global));
                    if self.kind() != Kind::Module {
                        self.scope().globals.insert(atom);
                    }
                }
            }
            Stmt::Nonlocal(nonlocal) => {
                for name in &nonlocal.names {
                    let atom = self.atom(name.as_str());
                    self.declare(atom, name.as_str(), false, span(nonlocal));
                    self.scope().elsewhere.insert(atom);
                }
            }
            Stmt::TypeAlias(alias) => {
                if let Expr::Name(name) = &*alias.name {
                    self.store(name.id.as_str(), span(name), None);
                }
            }
            Stmt::Break(_) => {
                if let Some(breaks) = self.loops.last_mut() {
                    *breaks = true;
                }
                self.check_jump(span(statement), "'break' outside loop");
                self.leave(Leave::Loop, span(statement), None);
            }
            Stmt::Continue(_) => {
                self.check_jump(span(statement), "'continue' not properly in loop");
                self.leave(Leave::Loop, span(statement), None);
            }
            Stmt::Pass(_) | Stmt::IpyEscapeCommand(_) => {}
            Stmt::FunctionDef(_)
            | Stmt::ClassDef(_)
            | Stmt::For(_)
            | Stmt::While(_)
            | Stmt::If(_)
            | Stmt::With(_)
            | Stmt::Match(_)
            | Stmt::Try(_) => self.deeper(|lower| lower.block(statement)),
        }
    }

    fn block(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.function_def(function),
            Stmt::ClassDef(class) => self.class_def(class),
            Stmt::For(each) => {
                match &*each.iter {
                    Expr::Name(_) | Expr::NoneLiteral(_) | Expr::NumberLiteral(_) if !each.is_async => {
                        let value = self.value(&each.iter);
                        self.operation(OperationKind::Iterate(value), span(&*each.iter));
                    }
                    iterated => self.visit(iterated),
                }
                self.check_async(each.is_async, span(each), "for");
                if each.target.is_starred_expr() {
                    self.check_target(&each.target);
                }
                self.loops.push(false);
                let mut body = Body::default();
                self.in_blocks(1, span(each), |lower| {
                    body = lower.maybe(|lower| {
                        lower.assign(&each.target, None);
                        lower.statements(&each.body);
                    });
                });
                self.loops.pop();
                let orelse = self.maybe(|lower| lower.statements(&each.orelse));
                self.step(|| {
                    Step::Loop(Box::new(Loop {
                        body,
                        orelse,
                        endless: false,
                        at_least_once: false,
                    }))
                });
            }
            Stmt::While(repeat) => self.while_loop(repeat),
            Stmt::If(choice) => self.choice(choice),
            Stmt::With(with) => self.with(with),
            Stmt::Match(matching) => self.matching(matching),
            Stmt::Try(attempt) => self.attempt(attempt),
            _ => {}
        }
    }

    /// The value that a name gets; in an outline, only where importers see the name.
    fn assigned(&mut self, expression: &'a Expr) -> Value {
        if self.outline && self.kind() != Kind::Module {
            self.visit(expression);
            return Value::Other;
        }
        match expression {
            Expr::Dict(dict) if !self.outline => self.deeper(|lower| lower.dictionary(dict)),
            expression => self.value(expression),
        }
    }

    /// `name += literal`.
    fn added(&mut self, assign: &'a ast::StmtAugAssign, value: &Value) {
        let operator = match assign.op {
            ast::Operator::Add if !matches!(value, Value::List(_)) => Operator::Add,
            ast::Operator::Sub => Operator::Subtract,
            ast::Operator::Div => Operator::Divide,
            ast::Operator::FloorDiv => Operator::FloorDivide,
            _ => return,
        };
        if let (Expr::Name(name), true) = (&*assign.target, super::expression::is_literal(&assign.value)) {
            let left = Value::Name(self.atom(name.id.as_str()));
            self.operation(OperationKind::Binary(operator, left, value.clone()), span(assign));
        }
    }

    fn leave(&mut self, how: Leave, span: Span, value: Option<Value>) {
        self.step(|| Step::Leave {
            how,
            value: value.filter(|value| *value != Value::Other).map(Box::new),
            span,
        });
    }

    /// An expression as a statement.
    fn bare(&mut self, expression: &'a Expr) {
        match expression {
            // A docstring, or a remark.
            Expr::StringLiteral(_) => {}
            Expr::Call(call) => {
                self.visit(expression);
                if ends_process(&call.func) {
                    self.leave(Leave::Exit, span(expression), None);
                }
            }
            other => self.visit(other),
        }
    }

    fn exports(&mut self, target: &'a Expr, value: &Value) {
        if self.kind() == Kind::Module && is_name(target, "__all__") {
            self.module.all = literals(value);
        }
    }

    fn more_exports(&mut self, target: &'a Expr, value: &Value) {
        if self.kind() == Kind::Module && is_name(target, "__all__") {
            self.module.all = match (self.module.all.take(), literals(value)) {
                (Some(mut all), Some(more)) => {
                    all.extend(more);
                    Some(all)
                }
                _ => None,
            };
        }
    }

    fn annotated(&mut self, assign: &'a ast::StmtAnnAssign) {
        let value = assign.value.as_ref().map(|value| self.assigned(value));
        if !matches!(self.kind(), Kind::Function(_)) {
            self.annotation(&assign.annotation);
        }
        match (&*assign.target, &value) {
            (target, Some(value)) => {
                if let Expr::Name(name) = target {
                    let atom = self.atom(name.id.as_str());
                    let scope = self.scope();
                    if scope.globals.contains(&atom) || scope.elsewhere.contains(&atom) {
                        scope.annotated.push(atom);
                    }
                }
                self.exports(target, value);
                self.assign(target, Some(value));
            }
            // Makes the name local, binds nothing.
            (Expr::Name(name), None) => {
                self.check_name(name.id.as_str(), span(name));
                let atom = self.atom(name.id.as_str());
                let scope = self.scope();
                if scope.globals.contains(&atom) || scope.elsewhere.contains(&atom) {
                    scope.annotated.push(atom);
                }
                if matches!(self.kind(), Kind::Function(_)) {
                    self.scope().bound.insert(atom);
                }
            }
            _ => {}
        }
    }

    fn annotation(&mut self, annotation: &'a Expr) {
        if !self.lazy_annotations {
            self.visit(annotation);
        }
    }

    fn import(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.as_str();
                    let first = module.split('.').next().unwrap_or(module);
                    let binds = alias.asname.as_ref().map_or(first, |name| name.as_str());
                    let place = span(alias);
                    self.add_import(ImportKind::Module, module, 0, None, binds, place);
                }
            }
            Stmt::ImportFrom(import) => {
                self.check_import_from(import);
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                if import.level == 0
                    && module == "__future__"
                    && import.names.iter().any(|alias| alias.name.as_str() == "annotations")
                {
                    self.lazy_annotations = true;
                }
                for alias in &import.names {
                    let name = alias.name.as_str();
                    let binds = alias.asname.as_ref().map_or(name, |name| name.as_str());
                    let place = span(alias);
                    self.add_import(ImportKind::From, module, import.level, Some(name), binds, place);
                }
            }
            _ => {}
        }
    }

    fn add_import(
        &mut self,
        kind: ImportKind,
        module: &'a str,
        level: u32,
        name: Option<&'a str>,
        binds: &'a str,
        place: Span,
    ) {
        // A broken import leaves a hole; the syntax error says so.
        if (module.is_empty() && level == 0) || name.is_some_and(str::is_empty) {
            return;
        }
        let position = index(self.module.imports.len());
        self.check_name(binds, place);
        let binds = (binds != "*").then(|| self.atom(binds));
        if let Some(binds) = binds {
            self.bind(binds, BindingKind::Import(position), place, None);
        }
        self.module.imports.push(Import {
            kind,
            module: module.into(),
            level,
            name: name.map(Into::into),
            binds,
            span: place,
            guard: self.guard,
        });
        self.step(|| Step::Import(position));
    }

    fn while_loop(&mut self, repeat: &'a ast::StmtWhile) {
        self.visit(&repeat.test);
        let always = self.known(&repeat.test) == Some(true);
        self.loops.push(false);
        let mut body = Body::default();
        self.in_blocks(1, span(repeat), |lower| {
            body = if always {
                lower.nested(|lower| lower.statements(&repeat.body))
            } else {
                lower.maybe(|lower| lower.statements(&repeat.body))
            };
        });
        let breaks = self.loops.pop().unwrap_or(true);
        let orelse = self.maybe(|lower| lower.statements(&repeat.orelse));
        self.step(|| {
            Step::Loop(Box::new(Loop {
                body,
                orelse,
                endless: always && !breaks,
                at_least_once: always,
            }))
        });
    }

    fn choice(&mut self, choice: &'a ast::StmtIf) {
        if let Expr::BoolOp(operation) = &*choice.test
            && operation.op == ast::BoolOp::And
            && choice.elif_else_clauses.is_empty()
            && operation.values.iter().any(is_main)
        {
            self.main_and_more(choice, operation);
            return;
        }
        self.visit(&choice.test);
        if let [otherwise] = &*choice.elif_else_clauses
            && otherwise.test.is_none()
            && is_not_main(&choice.test)
        {
            // The other way round.
            if self.kind() == Kind::Module && self.module.main_block.is_none() {
                self.module.main_block = Some(span(choice));
            }
            let imported = self.maybe(|lower| lower.statements(&choice.body));
            let main = self.nested(|lower| lower.statements(&otherwise.body));
            self.step(|| {
                Step::Branch(Box::new(Branch {
                    test: Test::Main,
                    arms: Box::new([main, imported]),
                    exhaustive: true,
                }))
            });
            return;
        }
        let main = is_main(&choice.test);
        if main && self.kind() == Kind::Module && self.module.main_block.is_none() {
            self.module.main_block = Some(span(choice));
        }
        let type_checking = is_type_checking(&choice.test);
        let mut known = self.known(&choice.test).map(usize::from);
        let mut arms = Vec::with_capacity(1 + choice.elif_else_clauses.len());
        let guard = self.guard;
        self.guard.type_checking |= type_checking;
        arms.push(if main || known == Some(1) {
            self.nested(|lower| lower.statements(&choice.body))
        } else {
            self.maybe(|lower| lower.statements(&choice.body))
        });
        self.guard = guard;
        let mut exhaustive = false;
        for (position, clause) in choice.elif_else_clauses.iter().enumerate() {
            if let Some(test) = &clause.test {
                if position == 0 && known == Some(0) {
                    known = None;
                }
                self.perhaps(|lower| lower.visit(test));
            } else {
                exhaustive = true;
            }
            arms.push(self.maybe(|lower| lower.statements(&clause.body)));
        }
        let test = match (main, type_checking, known) {
            (true, ..) => Test::Main,
            (_, true, _) => Test::TypeChecking,
            (.., Some(1)) => Test::Known(0),
            (.., Some(_)) => Test::Known(1),
            _ => Test::Unknown,
        };
        self.step(|| {
            Step::Branch(Box::new(Branch {
                test,
                arms: arms.into(),
                exhaustive,
            }))
        });
    }

    /// `if __name__ == "__main__" and …:`, without an `else:`.
    fn main_and_more(&mut self, choice: &'a ast::StmtIf, operation: &'a ast::ExprBoolOp) {
        if self.kind() == Kind::Module && self.module.main_block.is_none() {
            self.module.main_block = Some(span(choice));
        }
        let body = self.nested(|lower| {
            for value in &operation.values {
                lower.visit(value);
            }
            let body = lower.maybe(|lower| lower.statements(&choice.body));
            lower.step(|| {
                Step::Branch(Box::new(Branch {
                    test: Test::Unknown,
                    arms: Box::new([body]),
                    exhaustive: false,
                }))
            });
        });
        self.step(|| {
            Step::Branch(Box::new(Branch {
                test: Test::Main,
                arms: Box::new([body]),
                exhaustive: false,
            }))
        });
    }

    /// What a test gives, where that does not depend on the run.
    fn known(&self, test: &Expr) -> Option<bool> {
        match test {
            Expr::BooleanLiteral(literal) => Some(literal.value),
            Expr::NumberLiteral(literal) => match &literal.value {
                ast::Number::Int(int) => Some(*int != ast::Int::ZERO),
                _ => None,
            },
            Expr::UnaryOp(not) if not.op == ast::UnaryOp::Not => self.known(&not.operand).map(|known| !known),
            Expr::Compare(compare) => self.known_comparison(compare),
            _ => None,
        }
    }

    fn known_comparison(&self, compare: &ast::ExprCompare) -> Option<bool> {
        let ([operator], [right]) = (&*compare.ops, &*compare.comparators) else {
            return None;
        };
        if is_name(&compare.left, "__name__")
            && let Expr::StringLiteral(name) = right
            && name.value.to_str() != "__main__"
        {
            return equality(*operator, false);
        }
        let Expr::Attribute(left) = &*compare.left else {
            return None;
        };
        let Expr::Name(object) = &*left.value else {
            return None;
        };
        match (object.id.as_str(), left.attr.as_str(), right) {
            ("sys", "version_info", Expr::Tuple(version)) => {
                let mut parts = version.elts.iter().map(|part| match part {
                    Expr::NumberLiteral(number) => match &number.value {
                        ast::Number::Int(int) => int.as_u8(),
                        _ => None,
                    },
                    _ => None,
                });
                let wanted = (parts.next()??, parts.next().unwrap_or(Some(0))?);
                let ours = (self.version.major, self.version.minor);
                match operator {
                    ast::CmpOp::GtE => Some(ours >= wanted),
                    ast::CmpOp::Lt => Some(ours < wanted),
                    _ => None,
                }
            }
            ("sys", "platform", Expr::StringLiteral(platform)) => {
                equality(*operator, platform.value.to_str() == "linux")
            }
            ("os", "name", Expr::StringLiteral(name)) => equality(*operator, name.value.to_str() == "posix"),
            _ => None,
        }
    }

    fn with(&mut self, with: &'a ast::StmtWith) {
        self.check_async(with.is_async, span(with), "with");
        self.in_blocks(with.items.len(), span(with), |lower| lower.with_body(with));
    }

    fn with_body(&mut self, with: &'a ast::StmtWith) {
        let mut suppressed = None;
        let mut managed = None;
        for item in &with.items {
            let value = self.value(&item.context_expr);
            let kept = matches!(value, Value::Attribute(..)) && self.atoms.contains_key("suppress");
            if kept || may_swallow(&item.context_expr) && matches!(value, Value::Call(_) | Value::Name(_)) {
                managed = Some(value.clone());
            }
            if let Value::Call(call) = value
                && let Some(call) = self.module.calls.get(call as usize)
                && let Value::Name(name) | Value::Attribute(_, name) = call.callee
                && self.atom("suppress") == name
                && let Expr::Call(call) = &item.context_expr
            {
                let caught = call.arguments.args.iter().map(dotted).collect::<Option<Vec<_>>>();
                suppressed = Some((caught.unwrap_or_default(), span(call)));
            }
            if let Some(target) = &item.optional_vars {
                self.assign(target, Some(&value));
            }
        }
        let Some((catches, place)) = suppressed else {
            match managed {
                Some(manager) => self.managed(with, manager),
                None => self.statements(&with.body),
            }
            return;
        };
        let guard = self.guard;
        self.guard.catches_import_error |= catches_import_error(&catches);
        self.guard.catches_everything |= catches_everything(&catches);
        let body = self.nested(|lower| lower.statements(&with.body));
        self.guard = guard;
        let handler = Handler {
            unknown: catches.is_empty(),
            catches,
            raises: false,
            manager: None,
            name: None,
            span: place,
            body: Body::default(),
        };
        self.step(|| {
            Step::Try(Box::new(Try {
                body,
                handlers: Box::new([handler]),
                orelse: Body::default(),
                finally: Body::default(),
            }))
        });
    }

    /// A `with` statement whose manager may keep exceptions to itself.
    fn managed(&mut self, with: &'a ast::StmtWith, manager: Value) {
        let body = self.nested(|lower| lower.statements(&with.body));
        let place = with.items.first().map_or(Span::default(), span);
        self.step(|| {
            let handler = Handler {
                catches: Vec::new(),
                unknown: true,
                raises: false,
                manager: Some(Box::new(manager)),
                name: None,
                span: place,
                body: Body::default(),
            };
            Step::Try(Box::new(Try {
                body,
                handlers: Box::new([handler]),
                orelse: Body::default(),
                finally: Body::default(),
            }))
        });
    }

    fn attempt(&mut self, attempt: &'a ast::StmtTry) {
        let guard = self.guard;
        for handler in &attempt.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let (catches, unknown) = caught(handler);
            if !raises_again(&handler.body) && !unknown {
                self.guard.catches_import_error |= catches_import_error(&catches);
                self.guard.catches_everything |= catches_everything(&catches);
            }
        }
        self.check_handlers(attempt);
        let place = span(attempt);
        let outer = usize::from(!attempt.finalbody.is_empty());
        let inner = usize::from(!attempt.handlers.is_empty());
        let mut body = Body::default();
        self.in_blocks(outer + inner, place, |lower| {
            body = lower.nested(|lower| lower.statements(&attempt.body));
        });
        self.guard = guard;
        let mut handlers = Vec::with_capacity(attempt.handlers.len());
        self.in_blocks(outer + 2 * inner, place, |lower| {
            for ast::ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
                handlers.push(if attempt.is_star {
                    lower.in_star_handler(|lower| lower.handler(handler))
                } else {
                    lower.handler(handler)
                });
            }
        });
        let mut orelse = Body::default();
        self.in_blocks(outer, place, |lower| {
            orelse = lower.nested(|lower| lower.statements(&attempt.orelse));
        });
        let mut finally = Body::default();
        self.in_blocks(outer, place, |lower| {
            finally = lower.nested(|lower| lower.statements(&attempt.finalbody));
        });
        self.step(|| {
            Step::Try(Box::new(Try {
                body,
                handlers: handlers.into(),
                orelse,
                finally,
            }))
        });
    }

    fn handler(&mut self, handler: &'a ast::ExceptHandlerExceptHandler) -> Handler {
        let (catches, unknown) = caught(handler);
        let name = handler.name.as_ref().map(|name| self.atom(name.as_str()));
        let body = self.maybe(|lower| {
            if let Some(class) = &handler.type_ {
                lower.visit(class);
            }
            if let Some(name) = &handler.name {
                lower.store(name.as_str(), span(name), None);
            }
            lower.statements(&handler.body);
        });
        Handler {
            catches,
            unknown,
            raises: raises_again(&handler.body),
            manager: None,
            name,
            span: handler
                .type_
                .as_ref()
                .map_or_else(|| span(handler), |class| span(&**class)),
            body,
        }
    }

    fn decorators(&mut self, decorators: &'a [ast::Decorator]) -> Vec<Box<str>> {
        decorators
            .iter()
            .map(|decorator| {
                self.visit(&decorator.expression);
                if self.outline {
                    return Box::default();
                }
                let called = match &decorator.expression {
                    Expr::Call(call) => &*call.func,
                    other => other,
                };
                dotted(called).unwrap_or_default()
            })
            .collect()
    }

    fn function_def(&mut self, def: &'a ast::StmtFunctionDef) {
        let decorators = self.decorators(&def.decorator_list);
        let parameters = self.parameters(&def.parameters);
        let position = index(self.module.functions.len());
        let class = match self.kind() {
            Kind::Class(class) => Some(class),
            Kind::Module | Kind::Function(_) => None,
        };
        let mut scope = Scope::new(Kind::Function(position));
        scope
            .bound
            .extend(parameters.all.iter().map(|parameter| parameter.name));
        scope.bound.extend(parameters.star);
        scope.bound.extend(parameters.double_star);
        self.check_parameters(&def.parameters);
        self.check_name(def.name.as_str(), span(&def.name));
        if self.kind() == Kind::Module && def.name.as_str() == "__getattr__" {
            self.module.dynamic_names = true;
        }
        let name = self.atom(def.name.as_str());
        let place = span(&def.name);
        self.bind(name, BindingKind::Function(position), place, None);
        self.module.functions.push(Function {
            name: def.name.as_str().into(),
            atom: name,
            span: place,
            class,
            outer: self.function(),
            parameters,
            decorators,
            is_async: def.is_async,
            generator: false,
            locals: Vec::new(),
            body: Body::default(),
        });
        if let Some(class) = class.and_then(|class| self.module.classes.get_mut(class as usize)) {
            class.methods.push(position);
        }
        let (guard, loops, mark) = (self.guard, std::mem::take(&mut self.loops), self.steps.len());
        let hidden = std::mem::take(&mut self.hidden);
        let step_depth = std::mem::take(&mut self.step_depth);
        self.guard = Guard {
            function: true,
            type_checking: guard.type_checking,
            ..Guard::default()
        };
        self.scopes.push(scope);
        self.contexts.push(Context::new(if def.is_async {
            Where::AsyncFunction
        } else {
            Where::Function
        }));
        let since = self.unbound_nonlocals.len();
        self.statements(&def.body);
        let scope = self.scopes.pop();
        let context = self.contexts.pop();
        if let Some(scope) = &scope {
            self.bind_nonlocals(scope, since);
            self.check_function(scope, def.is_async, context);
        }
        let scope = scope.map(|scope| self.check_declared(&def.body, scope, Some(position)));
        self.guard = guard;
        self.loops = loops;
        self.hidden = hidden;
        self.step_depth = step_depth;
        let body = self.steps.drain(mark..).collect();
        if let (Some(function), Some(scope)) = (self.module.functions.get_mut(position as usize), scope) {
            function.body = body;
            function.generator = scope.generator;
            function.locals = scope.bound.into_iter().collect();
            function.locals.sort_unstable();
        }
        self.step(|| Step::Function(position));
    }

    fn parameters(&mut self, parameters: &'a ast::Parameters) -> Parameters {
        let mut all = Vec::new();
        for parameter in parameters.iter_non_variadic_params() {
            let default = parameter.default.as_ref().map(|default| self.assigned(default));
            all.push(Parameter {
                name: self.atom(parameter.parameter.name.as_str()),
                has_default: default.is_some(),
                default: default.filter(|default| *default != Value::Other),
            });
        }
        for parameter in parameters.iter() {
            match parameter.annotation() {
                Some(Expr::Starred(starred)) => self.annotation(&starred.value),
                Some(annotation) => self.annotation(annotation),
                None => {}
            }
        }
        Parameters {
            all,
            positional_only: index(parameters.posonlyargs.len()),
            positional: index(parameters.posonlyargs.len() + parameters.args.len()),
            star: parameters.vararg.as_ref().map(|star| self.atom(star.name.as_str())),
            double_star: parameters.kwarg.as_ref().map(|star| self.atom(star.name.as_str())),
        }
    }

    fn class_def(&mut self, def: &'a ast::StmtClassDef) {
        let decorators = self.decorators(&def.decorator_list);
        let mut bases = Vec::new();
        let mut unusual = !decorators.is_empty();
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                if let Expr::Starred(starred) = base {
                    unusual = true;
                    self.visit(&starred.value);
                    bases.push(Value::Other);
                } else {
                    bases.push(self.assigned(base));
                }
            }
            self.check_keywords(&arguments.keywords);
            for keyword in &arguments.keywords {
                unusual = true;
                self.visit(&keyword.value);
            }
        }
        let position = index(self.module.classes.len());
        let name = self.atom(def.name.as_str());
        let place = span(&def.name);
        self.check_name(def.name.as_str(), place);
        self.bind(name, BindingKind::Class(position), place, None);
        self.module.classes.push(Class {
            name: def.name.as_str().into(),
            atom: name,
            span: place,
            bases,
            unusual,
            decorators,
            fields: if self.outline {
                None
            } else {
                super::dataclass::fields(def)
            },
            methods: Vec::new(),
            body: Body::default(),
        });
        let hidden = std::mem::take(&mut self.hidden);
        let loops = std::mem::take(&mut self.loops);
        self.scopes.push(Scope::new(Kind::Class(position)));
        self.contexts.push(Context::new(Where::Class));
        let body = self.nested(|lower| lower.statements(&def.body));
        self.contexts.pop();
        if let Some(scope) = self.scopes.pop() {
            self.check_declared(&def.body, scope, None);
        }
        self.loops = loops;
        self.hidden = hidden;
        if let Some(class) = self.module.classes.get_mut(position as usize) {
            class.body = body;
        }
        self.step(|| Step::Class(position));
    }
}

fn equality(operator: ast::CmpOp, equal: bool) -> Option<bool> {
    match operator {
        ast::CmpOp::Eq => Some(equal),
        ast::CmpOp::NotEq => Some(!equal),
        _ => None,
    }
}

fn is_name(expression: &Expr, wanted: &str) -> bool {
    matches!(expression, Expr::Name(name) if name.id.as_str() == wanted)
}

fn is_main(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else {
        return false;
    };
    if let ([ast::CmpOp::In], [Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. })]) =
        (&*compare.ops, &*compare.comparators)
    {
        let main = |name: &Expr| matches!(name, Expr::StringLiteral(text) if text.value.to_str() == "__main__");
        return is_name(&compare.left, "__name__") && elts.iter().any(main);
    }
    let ([ast::CmpOp::Eq], [right]) = (&*compare.ops, &*compare.comparators) else {
        return false;
    };
    let is_literal = |side: &Expr| matches!(side, Expr::StringLiteral(text) if text.value.to_str() == "__main__");
    (is_name(&compare.left, "__name__") && is_literal(right))
        || (is_literal(&compare.left) && is_name(right, "__name__"))
}

/// `__name__ != "__main__"`.
fn is_not_main(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else {
        return false;
    };
    let ([ast::CmpOp::NotEq], [right]) = (&*compare.ops, &*compare.comparators) else {
        return false;
    };
    let is_literal = |side: &Expr| matches!(side, Expr::StringLiteral(text) if text.value.to_str() == "__main__");
    (is_name(&compare.left, "__name__") && is_literal(right))
        || (is_literal(&compare.left) && is_name(right, "__name__"))
}

fn is_type_checking(test: &Expr) -> bool {
    match test {
        Expr::Name(name) => name.id.as_str() == "TYPE_CHECKING",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
        _ => false,
    }
}

fn is_system_exit(expression: &Expr) -> bool {
    match expression {
        Expr::Call(call) => is_name(&call.func, "SystemExit"),
        other => is_name(other, "SystemExit"),
    }
}

/// Whether calling this ends the process.
fn ends_process(callee: &Expr) -> bool {
    match callee {
        Expr::Name(name) => matches!(name.id.as_str(), "exit" | "quit"),
        Expr::Attribute(attribute) => {
            (is_name(&attribute.value, "sys") && attribute.attr.as_str() == "exit")
                || (is_name(&attribute.value, "os") && attribute.attr.as_str() == "_exit")
        }
        _ => false,
    }
}

/// The name with its dots, where the expression is one.
fn dotted(expression: &Expr) -> Option<Box<str>> {
    let mut parts = Vec::new();
    let mut at = expression;
    while let Expr::Attribute(attribute) = at {
        parts.push(attribute.attr.as_str());
        at = &attribute.value;
    }
    let Expr::Name(name) = at else {
        return None;
    };
    parts.push(name.id.as_str());
    parts.reverse();
    Some(parts.join(".").into())
}

/// What a handler catches, and whether that cannot be read.
fn caught(handler: &ast::ExceptHandlerExceptHandler) -> (Vec<Box<str>>, bool) {
    match handler.type_.as_deref() {
        None => (Vec::new(), false),
        Some(Expr::Tuple(classes)) => {
            let names: Vec<_> = classes.elts.iter().filter_map(dotted).collect();
            let unknown = names.len() != classes.elts.len();
            (names, unknown)
        }
        Some(class) => dotted(class).map_or((Vec::new(), true), |name| (vec![name], false)),
    }
}

/// Whether what is managed may be something that keeps exceptions to itself; files and locks are not.
fn may_swallow(manager: &Expr) -> bool {
    let callee = match manager {
        Expr::Name(_) => return true,
        Expr::Call(call) => &*call.func,
        _ => return false,
    };
    match callee {
        Expr::Name(name) => name.id.as_str() != "open",
        Expr::Attribute(attribute) => !matches!(
            attribute.attr.as_str(),
            "open" | "Lock" | "RLock" | "ThreadPoolExecutor" | "ProcessPoolExecutor" | "Session" | "connect" | "cursor"
        ),
        _ => true,
    }
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn catches_import_error(catches: &[Box<str>]) -> bool {
    catches_everything(catches)
        || catches
            .iter()
            .any(|name| matches!(last_part(name), "ImportError" | "ModuleNotFoundError"))
}

fn catches_everything(catches: &[Box<str>]) -> bool {
    catches.is_empty()
        || catches
            .iter()
            .any(|name| matches!(last_part(name), "Exception" | "BaseException"))
}

/// Whether a handler surely raises again or ends the process.
fn raises_again(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Raise(_) => true,
        Stmt::Expr(expression) => matches!(&*expression.value, Expr::Call(call) if ends_process(&call.func)),
        _ => false,
    })
}

fn literals(value: &Value) -> Option<Vec<Box<str>>> {
    let Value::List(values) = value else {
        return None;
    };
    values
        .iter()
        .map(|value| match value {
            Value::Str(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}
