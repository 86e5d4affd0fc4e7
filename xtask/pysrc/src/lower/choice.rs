//! `if`, and tests whose result does not depend on the run.

use ruff_python_ast::{self as ast, Expr};

use super::expression::{MOST_NESTED, goes_on, is_small};
use super::statement::is_name;
use super::{Kind, Lower, span};
use crate::facts::*;

/// Tests after each other of which is kept what each says of those after it.
pub(super) const MOST_TESTS: usize = 8;

impl<'a> Lower<'a> {
    pub(super) fn choice(&mut self, choice: &'a ast::StmtIf) {
        if let Expr::BoolOp(operation) = &*choice.test
            && operation.op == ast::BoolOp::And
            && choice.elif_else_clauses.is_empty()
            && operation.values.iter().any(is_main)
        {
            self.main_and_more(choice, operation);
            return;
        }
        let decided = self.decided(&choice.test);
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
                    rest: Box::default(),
                    arms: Box::new([main, imported]),
                    exhaustive: true,
                    span: Some(span(choice)),
                }))
            });
            return;
        }
        let main = is_main(&choice.test);
        if main && self.kind() == Kind::Module && self.module.main_block.is_none() {
            self.module.main_block = Some(span(choice));
        }
        let type_checking = is_type_checking(&choice.test);
        let known = self.known(&choice.test);
        let mut arms = Vec::with_capacity(1 + choice.elif_else_clauses.len());
        let guard = self.guard;
        self.guard.type_checking |= type_checking;
        arms.push(if main || known == Some(true) {
            self.nested(|lower| lower.statements(&choice.body))
        } else {
            self.maybe(|lower| lower.statements(&choice.body))
        });
        self.guard = guard;
        let mut exhaustive = false;
        let mut rest = Vec::new();
        let mut none_before = vec![fails(&decided)];
        for clause in &choice.elif_else_clauses {
            if let Some(test) = &clause.test {
                let mut decided = Test::Unknown;
                let asked = if none_before.len() > MOST_TESTS || none_before.contains(&Condition::Unknown) {
                    Condition::Unknown
                } else {
                    Condition::All(none_before.clone().into())
                };
                self.provided(asked, |lower| decided = lower.decided(test));
                none_before.push(fails(&decided));
                rest.push(decided);
            } else {
                exhaustive = true;
            }
            arms.push(self.maybe(|lower| lower.statements(&clause.body)));
        }
        let test = match (main, type_checking, known) {
            (true, ..) => Test::Main,
            (_, true, _) => Test::TypeChecking,
            (.., Some(known)) => Test::Known(known),
            _ => decided,
        };
        self.step(|| {
            Step::Branch(Box::new(Branch {
                test,
                rest: rest.into(),
                arms: arms.into(),
                exhaustive,
                span: Some(span(choice)),
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
                    rest: Box::default(),
                    arms: Box::new([body]),
                    exhaustive: false,
                    span: Some(span(choice)),
                }))
            });
        });
        self.step(|| {
            Step::Branch(Box::new(Branch {
                test: Test::Main,
                rest: Box::default(),
                arms: Box::new([body]),
                exhaustive: false,
                span: Some(span(choice)),
            }))
        });
    }

    /// Walks a test; says what the walk of a script may know of its result.
    pub(super) fn decided(&mut self, test: &'a Expr) -> Test {
        match self.condition(test) {
            Condition::Unknown => Test::Unknown,
            condition => Test::When(condition),
        }
    }

    /// Walks the operands of `and` and `or`: each is asked if those before it have not decided.
    fn conditions(&mut self, operator: ast::BoolOp, operands: &'a [Expr], conditions: &mut Vec<Condition>) {
        let Some((first, rest)) = operands.split_first() else {
            return;
        };
        let condition = self.deeper(|lower| lower.condition(first));
        let goes_on = goes_on(operator, &condition);
        conditions.push(condition);
        if rest.len() > MOST_TESTS {
            self.perhaps(|lower| {
                conditions.extend(
                    rest.iter()
                        .map(|operand| lower.deeper(|lower| lower.condition(operand))),
                );
            });
        } else if !rest.is_empty() {
            self.provided(goes_on, |lower| {
                lower.deeper(|lower| lower.conditions(operator, rest, conditions))
            });
        }
    }

    /// Walks a test; says when it holds.
    pub(super) fn condition(&mut self, test: &'a Expr) -> Condition {
        if self.outline {
            self.visit(test);
            return Condition::Unknown;
        }
        match test {
            Expr::UnaryOp(not) if not.op == ast::UnaryOp::Not => {
                match self.deeper(|lower| lower.condition(&not.operand)) {
                    Condition::Unknown => Condition::Unknown,
                    condition => Condition::Not(Box::new(condition)),
                }
            }
            Expr::BoolOp(operation) => {
                let mut conditions = Vec::with_capacity(operation.values.len());
                self.conditions(operation.op, &operation.values, &mut conditions);
                if conditions.iter().all(|condition| *condition == Condition::Unknown) {
                    return Condition::Unknown;
                }
                match operation.op {
                    ast::BoolOp::And => Condition::All(conditions.into()),
                    ast::BoolOp::Or => Condition::Any(conditions.into()),
                }
            }
            Expr::Compare(compare) => {
                let words = words(compare);
                let condition = self.deeper(|lower| lower.comparison(compare, words.is_none()));
                let known = self.known_comparison(compare);
                known.map_or_else(
                    || words.unwrap_or(condition),
                    |known| Condition::True(Value::Bool(known)),
                )
            }
            test if super::condition::is_followed(test) => match self.value(test) {
                Value::Other => Condition::Unknown,
                value => Condition::True(value),
            },
            test => {
                self.visit(test);
                Condition::Unknown
            }
        }
    }

    /// What a test gives, where that does not depend on the run.
    pub(super) fn known(&self, test: &Expr) -> Option<bool> {
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
        if let Expr::Subscript(part) = &*compare.left {
            return self.known_part(part, *operator, right);
        }
        let Expr::Attribute(left) = &*compare.left else {
            return None;
        };
        let Expr::Name(object) = &*left.value else {
            return None;
        };
        match (object.id.as_str(), left.attr.as_str(), right) {
            ("sys", "version_info", Expr::Tuple(version)) => self.version_holds(*operator, version, None),
            ("sys", "platform", Expr::StringLiteral(platform)) => {
                equality(*operator, platform.value.to_str() == "linux")
            }
            ("os", "name", Expr::StringLiteral(name)) => equality(*operator, name.value.to_str() == "posix"),
            _ => None,
        }
    }

    /// `sys.version_info[:2] >= (3, 12)`, `sys.platform[:3] == "win"`.
    fn known_part(&self, part: &ast::ExprSubscript, operator: ast::CmpOp, right: &Expr) -> Option<bool> {
        let (Expr::Attribute(of), Expr::Slice(slice)) = (&*part.value, &*part.slice) else {
            return None;
        };
        let Some(Expr::NumberLiteral(end)) = slice.upper.as_deref() else {
            return None;
        };
        let ast::Number::Int(end) = &end.value else {
            return None;
        };
        let end = usize::from(end.as_u8()?);
        let starts = match slice.lower.as_deref() {
            None => true,
            Some(Expr::NumberLiteral(start)) => matches!(&start.value, ast::Number::Int(int) if *int == ast::Int::ZERO),
            Some(_) => false,
        };
        if !starts || slice.step.is_some() || !is_name(&of.value, "sys") {
            return None;
        }
        match (of.attr.as_str(), right) {
            ("version_info", Expr::Tuple(version)) => self.version_holds(operator, version, Some(end)),
            ("platform", Expr::StringLiteral(platform)) => equality(
                operator,
                "linux".get(..end.min("linux".len()))? == platform.value.to_str(),
            ),
            _ => None,
        }
    }

    /// Compares the version, or as many parts of it, with one that is written out.
    fn version_holds(&self, operator: ast::CmpOp, version: &ast::ExprTuple, parts: Option<usize>) -> Option<bool> {
        let wanted: Vec<u8> = version
            .elts
            .iter()
            .map_while(|part| match part {
                Expr::NumberLiteral(number) => match &number.value {
                    ast::Number::Int(int) => int.as_u8(),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        let whole = [self.version.major, self.version.minor];
        let ours = whole.get(..parts.unwrap_or(whole.len()).min(whole.len()))?;
        let common = ours.len().min(wanted.len());
        // What comes after the second part differs from image to image: it is taken for one that is new enough.
        let order = match ours.get(..common)?.cmp(wanted.get(..common)?) {
            std::cmp::Ordering::Equal if wanted.len() != version.elts.len() && common < 2 => return None,
            std::cmp::Ordering::Equal if parts.is_some_and(|parts| parts <= whole.len()) => {
                ours.len().cmp(&version.elts.len())
            }
            std::cmp::Ordering::Equal if version.elts.len() > whole.len() => match operator {
                ast::CmpOp::GtE | ast::CmpOp::Lt => std::cmp::Ordering::Greater,
                _ => return None,
            },
            std::cmp::Ordering::Equal => std::cmp::Ordering::Greater,
            order => order,
        };
        match operator {
            ast::CmpOp::GtE => Some(order.is_ge()),
            ast::CmpOp::Gt => Some(order.is_gt()),
            ast::CmpOp::LtE => Some(order.is_le()),
            ast::CmpOp::Lt => Some(order.is_lt()),
            ast::CmpOp::Eq => Some(order.is_eq()),
            ast::CmpOp::NotEq => Some(order.is_ne()),
            _ => None,
        }
    }
}

fn equality(operator: ast::CmpOp, equal: bool) -> Option<bool> {
    match operator {
        ast::CmpOp::Eq => Some(equal),
        ast::CmpOp::NotEq => Some(!equal),
        _ => None,
    }
}

/// `len(sys.argv) > 2` and its like.
fn words(compare: &ast::ExprCompare) -> Option<Condition> {
    let ([operator], [Expr::NumberLiteral(number)]) = (&*compare.ops, &*compare.comparators) else {
        return None;
    };
    let ast::Number::Int(number) = &number.value else {
        return None;
    };
    let Expr::Call(call) = &*compare.left else {
        return None;
    };
    let [Expr::Attribute(argv)] = &*call.arguments.args else {
        return None;
    };
    let known = is_name(&call.func, "len") && is_name(&argv.value, "sys") && argv.attr.as_str() == "argv";
    let comparison = match operator {
        ast::CmpOp::Lt => Comparison::Less,
        ast::CmpOp::LtE => Comparison::LessOrEqual,
        ast::CmpOp::Eq => Comparison::Equal,
        ast::CmpOp::NotEq => Comparison::NotEqual,
        ast::CmpOp::Gt => Comparison::More,
        ast::CmpOp::GtE => Comparison::MoreOrEqual,
        _ => return None,
    };
    known.then_some(Condition::Words(comparison, number.as_u16()?))
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

/// When a test does not hold; what is large is not kept twice.
fn fails(test: &Test) -> Condition {
    match test {
        Test::When(condition) if is_small(condition, MOST_NESTED) => Condition::Not(Box::new(condition.clone())),
        Test::Known(known) => Condition::True(Value::Bool(!known)),
        _ => Condition::Unknown,
    }
}
