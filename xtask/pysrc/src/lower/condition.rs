//! Tests that the walk of a script may decide: which expressions they are about, and when a comparison holds.

use ruff_python_ast::{self as ast, Expr};

use crate::facts::{Comparison, Condition, Value};

/// Whether the walk of a script may know what an expression is.
pub fn is_followed(expression: &Expr) -> bool {
    match expression {
        Expr::Attribute(attribute) => match &*attribute.value {
            Expr::Name(_) => true,
            Expr::Attribute(inner) => inner.value.is_name_expr(),
            _ => false,
        },
        Expr::Subscript(subscript) => {
            let rest = matches!(&*subscript.slice, Expr::Slice(slice) if slice.upper.is_none() && slice.step.is_none());
            is_followed(&subscript.value) && (rest || is_followed(&subscript.slice))
        }
        Expr::Name(_) | Expr::Call(_) => true,
        _ => expression.is_literal_expr(),
    }
}

/// The same of what a loop goes through.
pub fn is_gone_through(expression: &Expr) -> bool {
    is_followed(expression) || matches!(expression, Expr::Tuple(_) | Expr::List(_))
}

/// When `left operator right` holds; `written`: the right side.
pub fn compared(operator: ast::CmpOp, left: Value, right: Value, written: &Expr) -> Condition {
    if left == Value::Other || right == Value::Other {
        return Condition::Unknown;
    }
    let both = |left, right| Box::new((left, right));
    let (condition, negated) = match operator {
        ast::CmpOp::Is if right == Value::None => (Condition::None(left), false),
        ast::CmpOp::IsNot if right == Value::None => (Condition::None(left), true),
        // Only of what there is one of.
        ast::CmpOp::Is if written.is_boolean_literal_expr() => (Condition::Equal(both(left, right)), false),
        ast::CmpOp::Eq => (Condition::Equal(both(left, right)), false),
        ast::CmpOp::NotEq => (Condition::Equal(both(left, right)), true),
        ast::CmpOp::In => (Condition::In(both(left, right)), false),
        ast::CmpOp::NotIn => (Condition::In(both(left, right)), true),
        ast::CmpOp::Lt => (Condition::Order(Comparison::Less, both(left, right)), false),
        ast::CmpOp::LtE => (Condition::Order(Comparison::LessOrEqual, both(left, right)), false),
        ast::CmpOp::Gt => (Condition::Order(Comparison::More, both(left, right)), false),
        ast::CmpOp::GtE => (Condition::Order(Comparison::MoreOrEqual, both(left, right)), false),
        _ => return Condition::Unknown,
    };
    if negated {
        Condition::Not(Box::new(condition))
    } else {
        condition
    }
}
