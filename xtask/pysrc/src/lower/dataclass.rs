//! The fields of a dataclass, as its decorator reads them.

use ruff_python_ast::{self as ast, Expr, Stmt};

use super::span;
use crate::facts::{Field, Fields};

/// Fields in order, where a decorator is called `dataclass`; nothing where some may be keyword-only or are not readable.
pub fn fields(def: &ast::StmtClassDef) -> Option<Fields> {
    let decorator = def
        .decorator_list
        .iter()
        .find(|decorator| last_name(called(&decorator.expression)) == Some("dataclass"))?;
    let says = |expression: &Expr, name: &str| {
        expression.as_call_expr().is_some_and(|call| {
            let mut keywords = call.arguments.keywords.iter();
            keywords.any(|keyword| keyword.arg.as_ref().is_none_or(|arg| arg.as_str() == name))
        })
    };
    if says(&decorator.expression, "kw_only") || says(&decorator.expression, "init") {
        return None;
    }
    let mut fields: Vec<Field> = Vec::new();
    for statement in &def.body {
        let Stmt::AnnAssign(assign) = statement else {
            continue;
        };
        let Expr::Name(name) = &*assign.target else {
            continue;
        };
        let what = match &*assign.annotation {
            Expr::Subscript(subscript) => last_name(&subscript.value),
            annotation => last_name(annotation),
        };
        match what {
            Some("ClassVar") => continue,
            Some("KW_ONLY") | None => return None,
            Some(_) => {}
        }
        let value = assign.value.as_deref();
        if value.is_some_and(|value| says(value, "kw_only") || says(value, "init")) {
            return None;
        }
        fields.push(Field {
            name: name.id.as_str().into(),
            has_default: value.is_some_and(|value| {
                last_name(called(value)) != Some("field") || says(value, "default") || says(value, "default_factory")
            }),
            mutable_default: value.and_then(mutable),
        });
    }
    // A name that is annotated twice keeps its first place and its last default.
    let twice = (1..fields.len()).any(|at| fields[..at].iter().any(|field| field.name == fields[at].name));
    (!twice).then(|| Fields {
        decorator: span(&decorator.expression),
        all: fields.into(),
    })
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

fn mutable(value: &Expr) -> Option<&'static str> {
    match value {
        Expr::List(_) | Expr::ListComp(_) => Some("list"),
        Expr::Dict(_) | Expr::DictComp(_) => Some("dict"),
        Expr::Set(_) | Expr::SetComp(_) => Some("set"),
        _ => None,
    }
}
