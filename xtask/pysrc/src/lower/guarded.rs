//! `with` and `try`: what may keep an exception to itself.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::expression::is_literal;
use super::statement::{dotted, ends_process};
use super::{Lower, span};
use crate::facts::*;

impl<'a> Lower<'a> {
    pub(super) fn with(&mut self, with: &'a ast::StmtWith) {
        self.check_async(with.is_async, span(with), "with");
        self.in_blocks(with.items.len(), span(with), |lower| lower.with_body(with, &with.items));
    }

    /// Of several managers, each further one is managed within those before it.
    fn with_body(&mut self, with: &'a ast::StmtWith, items: &'a [ast::WithItem]) {
        let Some((item, rest)) = items.split_first() else {
            self.statements(&with.body);
            return;
        };
        let value = self.value(&item.context_expr);
        let place = span(&item.context_expr);
        if is_literal(&item.context_expr) || item.context_expr.is_name_expr() || makes_object(&item.context_expr) {
            self.operation(OperationKind::Manage(value.clone(), with.is_async), place);
        }
        self.take(&item.context_expr, &value, Taken::GoneThrough);
        let suppressed = self.suppressed(item, &value);
        let kept = matches!(value, Value::Attribute(..)) && self.atoms.contains_key("suppress");
        let managed = kept || may_swallow(&item.context_expr) && matches!(value, Value::Call(_) | Value::Name(_));
        if let Some(target) = &item.optional_vars {
            self.assign(target, Some(&Value::Entered(Box::new(value.clone()))));
        }
        if let Some((catches, place)) = suppressed {
            let guard = self.guard;
            self.guard.catches_import_error |= catches_import_error(&catches);
            self.guard.catches_everything |= catches_everything(&catches);
            let body = self.nested(|lower| lower.with_body(with, rest));
            self.guard = guard;
            self.guarded(body, catches.is_empty(), catches, None, place);
        } else if managed {
            let body = self.nested(|lower| lower.with_body(with, rest));
            let manager = Manager {
                value,
                asynchronous: with.is_async,
            };
            self.guarded(body, true, Vec::new(), Some(Box::new(manager)), place);
        } else {
            self.with_body(with, rest);
        }
    }

    /// What `suppress(…)` catches, and where that is called.
    fn suppressed(&self, item: &'a ast::WithItem, value: &Value) -> Option<(Vec<Box<str>>, Span)> {
        let (Value::Call(call), Expr::Call(written)) = (value, &item.context_expr) else {
            return None;
        };
        let call = self.module.calls.get(*call as usize)?;
        let (Value::Name(name) | Value::Attribute(_, name)) = call.callee else {
            return None;
        };
        (self.atoms.get("suppress") == Some(&name)).then(|| {
            let caught = written.arguments.args.iter().map(dotted).collect::<Option<Vec<_>>>();
            (caught.unwrap_or_default(), span(written))
        })
    }

    /// The body of a `with` statement whose manager may keep exceptions to itself.
    fn guarded(
        &mut self,
        body: Body,
        unknown: bool,
        catches: Vec<Box<str>>,
        manager: Option<Box<Manager>>,
        place: Span,
    ) {
        let handler = Handler {
            unknown,
            catches,
            raises: false,
            manager,
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

    pub(super) fn attempt(&mut self, attempt: &'a ast::StmtTry) {
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

/// Whether a class is called, going by its name.
fn makes_object(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else {
        return false;
    };
    let name = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    name.starts_with(|first: char| first.is_ascii_uppercase())
}
