//! Statements: loops, assignments, imports.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::refused::Phase;
use super::{Kind, Lower, Runs, index, span};
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
                let is_variable = |target: &Expr| target.is_name_expr() || target.is_attribute_expr();
                if assign.targets.iter().all(is_variable) {
                    self.take(&assign.value, &value, Taken::Kept);
                }
                // All of them get the same dictionary, not one each.
                let shared = assign.targets.len() > 1 && matches!(value, Value::Dict(_));
                for target in &assign.targets {
                    if target.is_starred_expr() {
                        self.check_target(target);
                    }
                    self.exports(target, &value);
                    self.assign(target, Some(&value).filter(|_| !shared));
                    self.more_folders(target, &value, span(assign));
                }
            }
            Stmt::AugAssign(assign) => {
                match &*assign.target {
                    Expr::Name(name) => {
                        self.load(name.id.as_str(), span(name));
                    }
                    target @ Expr::Attribute(_) if !self.outline => self.visit(target),
                    _ => {}
                }
                let value = self.assigned(&assign.value);
                self.added(assign, &value);
                self.changes_in_place(assign);
                self.more_exports(&assign.target, &value);
                self.more_folders(&assign.target, &value, span(assign));
                let sum = self.sum(assign, value);
                self.assign(&assign.target, sum.as_ref());
            }
            Stmt::AnnAssign(assign) => self.annotated(assign),
            Stmt::Return(returned) => {
                let value = returned.value.as_ref().map(|value| self.assigned(value));
                if let (Some(expression), Some(value)) = (&returned.value, &value) {
                    self.take(expression, value, Taken::Kept);
                }
                self.check_return(returned);
                self.leave(Leave::Return, span(returned), value);
            }
            Stmt::Delete(delete) => self.delete(delete),
            Stmt::Raise(raise) => self.raise(raise),
            Stmt::Assert(assert) => self.assert(assert),
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
                self.leave(Leave::Break, span(statement), None);
            }
            Stmt::Continue(_) => {
                self.check_jump(span(statement), "'continue' not properly in loop");
                self.leave(Leave::Continue, span(statement), None);
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

    fn delete(&mut self, delete: &'a ast::StmtDelete) {
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
                Expr::Subscript(subscript) => {
                    self.visit(target);
                    if matches!(&*subscript.value, Expr::Name(_) | Expr::Attribute(_)) {
                        // Something of it is gone, which is as if any item of it were another.
                        let object = self.value(&subscript.value);
                        let key = Value::Other;
                        self.step(|| {
                            Step::StoreItem(Box::new(StoreItem {
                                object,
                                key,
                                value: None,
                            }))
                        });
                    }
                    self.fills(&subscript.value);
                }
                Expr::Attribute(attribute) if !self.outline => {
                    let object = self.value(&attribute.value);
                    self.visit(target);
                    let name = self.atom(attribute.attr.as_str());
                    self.operation(OperationKind::Remove(object, name), span(target));
                }
                other => self.visit(other),
            }
        }
    }

    fn assert(&mut self, assert: &'a ast::StmtAssert) {
        let condition = self.condition(&assert.test);
        let never = self.known(&assert.test) == Some(false);
        let fails = self.nested(|lower| {
            if let Some(message) = &assert.msg {
                lower.visit(message);
            }
            let raised = Value::Name(lower.atom("AssertionError"));
            lower.leave(Leave::Raise, span(assert), Some(raised));
        });
        let test = if never {
            Test::Known(true)
        } else {
            Test::When(Condition::Not(Box::new(condition)))
        };
        self.step(|| {
            Step::Branch(Box::new(Branch {
                test,
                rest: Box::default(),
                arms: Box::new([fails]),
                exhaustive: false,
                span: Some(span(assert)),
            }))
        });
    }

    fn raise(&mut self, raise: &'a ast::StmtRaise) {
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

    fn block(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.function_def(function),
            Stmt::ClassDef(class) => self.class_def(class),
            Stmt::For(each) => {
                let over = self.iterated(each);
                self.check_async(each.is_async, span(each), "for");
                if each.target.is_starred_expr() {
                    self.check_target(&each.target);
                }
                self.loops.push(false);
                let mut body = Body::default();
                self.in_blocks(1, span(each), |lower| {
                    body = lower.maybe(|lower| {
                        lower.assign(&each.target, Some(&Value::Each));
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
                        entry: over,
                        binds: true,
                        fills: None,
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

    /// What a `for` goes through.
    fn iterated(&mut self, each: &'a ast::StmtFor) -> Entry {
        if self.outline || each.is_async || !super::condition::is_gone_through(&each.iter) {
            self.visit(&each.iter);
            return Entry::Unknown;
        }
        let value = self.value(&each.iter);
        self.take(&each.iter, &value, Taken::GoneThrough);
        if matches!(
            &*each.iter,
            Expr::Name(_)
                | Expr::NoneLiteral(_)
                | Expr::NumberLiteral(_)
                | Expr::Attribute(_)
                | Expr::Subscript(_)
                | Expr::Call(_)
        ) {
            self.operation(OperationKind::Iterate(value.clone()), span(&*each.iter));
        }
        match value {
            Value::Other => Entry::Unknown,
            value => Entry::Over(value),
        }
    }

    /// The value that a name gets; in an outline, only where importers see the name.
    pub(super) fn assigned(&mut self, expression: &'a Expr) -> Value {
        if self.outline && self.kind() != Kind::Module {
            self.visit(expression);
            return Value::Other;
        }
        match expression {
            Expr::Dict(dict) if !self.outline => self.deeper(|lower| lower.dictionary(dict)),
            Expr::Generator(_) => {
                self.runs = Runs::Later;
                self.value(expression)
            }
            expression => self.value(expression),
        }
    }

    /// What a name or attribute stands for may be changed itself.
    fn changes_in_place(&mut self, assign: &'a ast::StmtAugAssign) {
        // A list times a number is longer; nothing else is changed by one.
        let of_numbers = assign.value.is_number_literal_expr() && assign.op != ast::Operator::Mult;
        if of_numbers || self.outline {
            return;
        }
        let changed = match &*assign.target {
            Expr::Name(name) => Value::Name(self.atom(name.id.as_str())),
            Expr::Attribute(attribute) => match &*attribute.value {
                Expr::Name(of) => {
                    let of = Value::Name(self.atom(of.id.as_str()));
                    Value::Attribute(Box::new(of), self.atom(attribute.attr.as_str()))
                }
                _ => return,
            },
            _ => return,
        };
        self.operation(OperationKind::InPlace(changed), span(assign));
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
            let name = self.atom(name.id.as_str());
            self.operation(OperationKind::Augmented(operator, name, value.clone()), span(assign));
        }
    }

    /// What `target += literal` gives, for a name or an attribute of one.
    fn sum(&mut self, assign: &'a ast::StmtAugAssign, value: Value) -> Option<Value> {
        let operator = match (assign.op, &value) {
            (
                ast::Operator::Add,
                Value::Int(_)
                | Value::Float(_)
                | Value::Str(_)
                | Value::Name(_)
                | Value::Attribute(..)
                | Value::Subscript(..),
            ) => Operator::Add,
            (ast::Operator::Sub, Value::Int(_) | Value::Float(_) | Value::Name(_) | Value::Attribute(..)) => {
                Operator::Subtract
            }
            (ast::Operator::Mult, Value::Int(_) | Value::Float(_) | Value::Name(_) | Value::Attribute(..)) => {
                Operator::Multiply
            }
            _ => return None,
        };
        let target = match &*assign.target {
            Expr::Name(name) => Value::Name(self.atom(name.id.as_str())),
            Expr::Attribute(attribute) => {
                let Expr::Name(of) = &*attribute.value else {
                    return None;
                };
                let of = self.atom(of.id.as_str());
                Value::Attribute(Box::new(Value::Name(of)), self.atom(attribute.attr.as_str()))
            }
            _ => return None,
        };
        (!self.outline).then(|| Value::Binary(operator, Box::new(target), Box::new(value)))
    }

    pub(super) fn leave(&mut self, how: Leave, span: Span, value: Option<Value>) {
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
                let value = self.expression(expression, false);
                self.take(expression, &value, Taken::Dropped);
                if ends_process(&call.func) {
                    self.leave(Leave::Exit, span(expression), None);
                }
            }
            // What is read may be a property that runs.
            Expr::Attribute(_) if !self.outline => {
                self.value(expression);
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

    pub(super) fn annotation(&mut self, annotation: &'a Expr) {
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
            call: None,
            guard: self.guard,
        });
        self.step(|| Step::Import(position));
    }

    fn while_loop(&mut self, repeat: &'a ast::StmtWhile) {
        let condition = self.condition(&repeat.test);
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
                entry: match condition {
                    _ if always => Entry::Always,
                    condition => Entry::When(condition),
                },
                binds: false,
                fills: None,
            }))
        });
    }
}

pub(super) fn is_name(expression: &Expr, wanted: &str) -> bool {
    matches!(expression, Expr::Name(name) if name.id.as_str() == wanted)
}

fn is_system_exit(expression: &Expr) -> bool {
    match expression {
        Expr::Call(call) => is_name(&call.func, "SystemExit"),
        other => is_name(other, "SystemExit"),
    }
}

/// Whether calling this ends the process.
pub(super) fn ends_process(callee: &Expr) -> bool {
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
pub(super) fn dotted(expression: &Expr) -> Option<Box<str>> {
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
