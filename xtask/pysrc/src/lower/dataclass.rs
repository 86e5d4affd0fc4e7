//! The fields of a dataclass or named tuple, as what makes it reads them.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::span;
use crate::facts::{Field, Fields};

/// Fields in order, where a decorator is called `dataclass` or the base is called `NamedTuple`; nothing where they cannot all be
/// read.
pub fn fields(def: &ast::StmtClassDef) -> Option<Fields> {
    let decorator = def
        .decorator_list
        .iter()
        .map(|decorator| &decorator.expression)
        .find(|decorator| last_name(called(decorator)) == Some("dataclass"));
    if decorator.is_none() {
        let [base] = &*def.arguments.as_ref()?.args else {
            return None;
        };
        if last_name(base) != Some("NamedTuple") {
            return None;
        }
    }
    let says = |name: &str, default: bool| decorator.map_or(Some(default), |decorator| flag(decorator, name, default));
    let init = says("init", true)?;
    let keyword_only = says("kw_only", false)?;
    let slots = says("slots", false)?;
    let frozen = says("frozen", decorator.is_none())?;
    let unhashable = decorator.is_some() && says("eq", true)? && !frozen && !says("unsafe_hash", false)?;
    let mut fields: Vec<Field> = Vec::new();
    let mut after_marker = keyword_only;
    for statement in &def.body {
        match statement {
            Stmt::AnnAssign(assign) => {
                let Expr::Name(name) = &*assign.target else {
                    continue;
                };
                match marker(&assign.annotation)? {
                    "ClassVar" => {}
                    "KW_ONLY" => after_marker = true,
                    _ => fields.push(field(name.id.as_str(), assign.value.as_deref(), after_marker)?),
                }
            }
            // What else binds the name of a field gives it a default; what is behind a branch may be a field or none.
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Assign(_) | Stmt::Pass(_) => {}
            Stmt::Expr(expression) if !expression.value.is_call_expr() => {}
            _ => return None,
        }
    }
    // A name that is annotated twice keeps its first place and its last default.
    let twice = (1..fields.len()).any(|at| fields[..at].iter().any(|field| field.name == fields[at].name));
    let bound_again = fields
        .iter()
        .any(|field| def.body.iter().any(|statement| binds(statement, &field.name)));
    (!twice && !bound_again).then(|| Fields {
        decorator: decorator.map_or_else(|| span(&def.name), span),
        init,
        frozen,
        slots,
        unhashable,
        all: fields.into(),
    })
}

fn field(name: &str, value: Option<&Expr>, keyword_only: bool) -> Option<Field> {
    let call = value.filter(|value| last_name(called(value)) == Some("field"));
    let has_default = match call {
        Some(Expr::Call(call)) => call.arguments.keywords.iter().any(|keyword| {
            let name = keyword.arg.as_ref().map(ast::Identifier::as_str);
            matches!(name, Some("default" | "default_factory"))
        }),
        _ => value.is_some(),
    };
    Some(Field {
        name: name.into(),
        has_default,
        init: call.map_or(Some(true), |call| flag(call, "init", true))?,
        keyword_only: call.map_or(Some(keyword_only), |call| flag(call, "kw_only", keyword_only))?,
        mutable_default: value.and_then(mutable),
    })
}

/// A keyword of a call that is true or false; nothing where that cannot be read.
fn flag(expression: &Expr, name: &str, default: bool) -> Option<bool> {
    let Expr::Call(call) = expression else {
        return Some(default);
    };
    let mut said = default;
    for keyword in &call.arguments.keywords {
        if keyword.arg.as_ref()?.as_str() == name {
            said = keyword.value.as_boolean_literal_expr()?.value;
        }
    }
    Some(said)
}

/// The last name of an annotation; empty where it is surely no marker.
fn marker(annotation: &Expr) -> Option<&str> {
    match annotation {
        Expr::Subscript(subscript) => last_name(&subscript.value),
        Expr::StringLiteral(text) => {
            let text = text.value.to_str();
            let marks = ["ClassVar", "KW_ONLY", "InitVar"]
                .iter()
                .any(|name| text.contains(name));
            (!marks).then_some("")
        }
        annotation => last_name(annotation),
    }
}

fn called(expression: &Expr) -> &Expr {
    match expression {
        Expr::Call(call) => &call.func,
        other => other,
    }
}

fn last_name(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        // `int | None`, and other annotations that are surely no marker.
        Expr::BinOp(_) | Expr::NoneLiteral(_) => Some(""),
        _ => None,
    }
}

/// Whether a statement other than an annotation binds a name.
fn binds(statement: &Stmt, name: &str) -> bool {
    match statement {
        Stmt::FunctionDef(def) => def.name.as_str() == name,
        Stmt::ClassDef(def) => def.name.as_str() == name,
        Stmt::Assign(assign) => assign
            .targets
            .iter()
            .any(|target| target.as_name_expr().is_none_or(|target| target.id.as_str() == name)),
        _ => false,
    }
}

fn mutable(value: &Expr) -> Option<&'static str> {
    match value {
        Expr::List(_) | Expr::ListComp(_) => Some("list"),
        Expr::Dict(_) | Expr::DictComp(_) => Some("dict"),
        Expr::Set(_) | Expr::SetComp(_) => Some("set"),
        _ => None,
    }
}
