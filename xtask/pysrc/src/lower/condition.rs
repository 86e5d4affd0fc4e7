//! Tests that the walk of a script may decide: which expressions they are about, and when a comparison holds.

use ruff_python_ast::{self as ast, Expr};

use crate::facts::{Comparison, Condition, Value};

/// How deep an expression is looked into: nobody writes deeper ones, and all that stands around one looks into it again.
const DEEPEST: usize = 8;

/// Whether the walk of a script may know what an expression is.
pub fn is_followed(expression: &Expr) -> bool {
    is_followed_to(expression, DEEPEST)
}

fn is_followed_to(expression: &Expr, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let inner = |inner| is_followed_to(inner, depth);
    match expression {
        Expr::Attribute(attribute) => inner(&attribute.value),
        Expr::Subscript(subscript) => {
            let rest = matches!(&*subscript.slice, Expr::Slice(slice) if slice.step.is_none());
            inner(&subscript.value) && (rest || inner(&subscript.slice))
        }
        Expr::Name(_) | Expr::Call(_) => true,
        Expr::Named(named) => inner(&named.value),
        Expr::BinOp(operation) => inner(&operation.left) && inner(&operation.right),
        Expr::UnaryOp(operation) => operation.op == ast::UnaryOp::USub && inner(&operation.operand),
        // `settings or {}`.
        Expr::BoolOp(operation) if operation.op == ast::BoolOp::Or => {
            operation.values.iter().all(|value| inner(value) || is_empty(value))
        }
        _ => expression.is_literal_expr(),
    }
}

/// Whether this is an empty list, tuple or dictionary.
fn is_empty(expression: &Expr) -> bool {
    match expression {
        Expr::List(list) => list.elts.is_empty(),
        Expr::Tuple(tuple) => tuple.elts.is_empty(),
        Expr::Dict(dict) => dict.items.is_empty(),
        _ => false,
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
        ast::CmpOp::Is | ast::CmpOp::IsNot if let Expr::BooleanLiteral(literal) = written => {
            (Condition::Is(left, literal.value), operator == ast::CmpOp::IsNot)
        }
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
