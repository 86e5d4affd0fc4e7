//! Expressions: what is read and called, in order, and a simplified value.

use ruff_python_ast::{self as ast, Expr, Number};

use super::call::{is_environ, telling};
use super::choice::MOST_TESTS;
use super::refused::{GENERATOR, Phase, SET, Where};
use super::{DEEPEST_VALUE, Hidden, Lower, Runs, index, range, span};
use crate::facts::*;
use crate::members;
use crate::strings::classify;

/// Longer bytes are no words that anything is asked with.
const LONGEST_BYTES: usize = 256;

/// Longer strings are no values that anything is decided by.
const LONGEST_STRING: usize = 2048;

impl<'a> Lower<'a> {
    /// Walks an expression whose value nobody wants.
    pub(super) fn visit(&mut self, expression: &'a Expr) {
        let _ = self.expression(expression, false);
    }

    /// Walks an expression, and says what it is.
    pub(super) fn value(&mut self, expression: &'a Expr) -> Value {
        self.expression(expression, true)
    }

    pub(super) fn expression(&mut self, expression: &'a Expr, wanted: bool) -> Value {
        match expression {
            Expr::Name(_) if self.outline && !wanted => Value::Other,
            Expr::Name(name) if !name.id.is_empty() => {
                let atom = self.load(name.id.as_str(), span(name));
                // What a comprehension goes through is not what has that name around it.
                match self.hidden.iter().rposition(|hidden| hidden.name == atom) {
                    Some(at) if at >= self.each_from => self.hidden.get(at).map_or(Value::Other, |it| it.value.clone()),
                    Some(_) => Value::Other,
                    None => Value::Name(atom),
                }
            }
            Expr::NoneLiteral(_) => Value::None,
            Expr::BooleanLiteral(literal) => Value::Bool(literal.value),
            Expr::NumberLiteral(literal) => match &literal.value {
                Number::Int(int) => int.as_i64().map_or_else(
                    || {
                        self.check_digits(literal, int);
                        Value::Other
                    },
                    Value::Int,
                ),
                Number::Float(float) => Value::Float(*float),
                Number::Complex { .. } => Value::Other,
            },
            Expr::StringLiteral(literal) => self.string(literal, wanted),
            Expr::BytesLiteral(literal) if wanted => bytes(literal),
            other => {
                let value = self.deeper(|lower| lower.compound(other, wanted));
                if self.depth > DEEPEST_VALUE {
                    Value::Other
                } else {
                    value
                }
            }
        }
    }

    fn string(&mut self, literal: &'a ast::ExprStringLiteral, wanted: bool) -> Value {
        let text = literal.value.to_str();
        if let Some(looks) = classify(text) {
            self.module.strings.push(StringFact {
                text: text.into(),
                looks,
                span: span(literal),
                interpolated: false,
            });
        }
        if wanted && text.len() <= LONGEST_STRING {
            Value::Str(text.into())
        } else {
            Value::Other
        }
    }

    fn values(&mut self, expressions: &'a [Expr], wanted: bool) -> Value {
        let wanted = wanted && expressions.len() <= 256;
        let mut values = Vec::with_capacity(if wanted { expressions.len() } else { 0 });
        for element in expressions {
            let value = match element {
                Expr::Starred(starred) => {
                    let value = self.deeper(|lower| lower.expression(&starred.value, wanted));
                    Value::Unpacked(Box::new(value))
                }
                element => self.expression(element, wanted),
            };
            if wanted {
                values.push(value);
            }
        }
        if wanted {
            Value::List(values.into())
        } else {
            Value::Other
        }
    }

    /// Walks the operands of `and` and `or`: each runs if those before it have not decided.
    fn operands(&mut self, operator: ast::BoolOp, operands: &'a [Expr], values: &mut Vec<Value>) {
        let Some((first, rest)) = operands.split_first() else {
            return;
        };
        let value = self.value(first);
        let condition = Condition::True(value);
        let goes_on = goes_on(operator, &condition);
        if let Condition::True(value) = condition {
            values.push(value);
        }
        if rest.len() > MOST_TESTS {
            self.perhaps(|lower| values.extend(rest.iter().map(|operand| lower.value(operand))));
        } else if !rest.is_empty() {
            self.provided(goes_on, |lower| {
                lower.deeper(|lower| lower.operands(operator, rest, values))
            });
        }
    }

    fn compound(&mut self, expression: &'a Expr, wanted: bool) -> Value {
        match expression {
            Expr::BoolOp(operation) => self.bool_op(expression, operation, wanted),
            Expr::Named(named) => {
                let value = self.value(&named.value);
                self.check_walrus(&named.target);
                self.assign(&named.target, Some(&value));
                value
            }
            Expr::BinOp(operation) => self.binary(operation, wanted),
            Expr::UnaryOp(operation) if wanted && !self.outline && is_plain_not(operation) => self.test(expression),
            Expr::UnaryOp(operation) => self.unary(operation, wanted),
            Expr::Lambda(lambda) => self.lambda(lambda),
            Expr::If(choice) => self.conditional(choice, wanted),
            Expr::Dict(dict) if wanted && !self.outline && self.depth < DEEPEST_VALUE => {
                self.deeper(|lower| lower.dictionary(dict))
            }
            Expr::Dict(dict) => self.keys_and_values(dict),
            Expr::Set(set) => {
                let value = self.values(&set.elts, wanted);
                self.hashed(&set.elts);
                value
            }
            Expr::List(list) => self.values(&list.elts, wanted),
            Expr::Tuple(tuple) => self.values(&tuple.elts, wanted),
            Expr::ListComp(comprehension) => {
                let place = Where::Comprehension("list comprehension");
                self.comprehension(place, &comprehension.generators, &[&comprehension.elt])
            }
            Expr::SetComp(comprehension) => {
                let place = Where::Comprehension(SET);
                self.comprehension(place, &comprehension.generators, &[&comprehension.elt])
            }
            Expr::Generator(comprehension) => {
                let place = Where::Comprehension(GENERATOR);
                self.comprehension(place, &comprehension.generators, &[&comprehension.elt])
            }
            Expr::DictComp(comprehension) => {
                let place = Where::Comprehension("dict comprehension");
                match &comprehension.key {
                    Some(key) => self.comprehension(place, &comprehension.generators, &[key, &comprehension.value]),
                    None => self.comprehension(place, &comprehension.generators, &[&comprehension.value]),
                }
            }
            Expr::Await(awaited) => self.awaited(awaited, wanted),
            Expr::Yield(yielded) => {
                self.yields(span(yielded), false);
                let value = yielded.value.as_ref().map(|value| self.given(value));
                self.gives(value.unwrap_or(Value::None), false);
                Value::Other
            }
            Expr::YieldFrom(yielded) => {
                self.yields(span(yielded), true);
                let value = self.given(&yielded.value);
                self.take(&yielded.value, &value, Taken::GoneThrough);
                self.gives(value, true);
                Value::Other
            }
            Expr::Compare(_) if wanted && !self.outline => self.test(expression),
            Expr::Compare(compare) => {
                self.comparison(compare, false);
                Value::Other
            }
            Expr::Call(call) if self.outline && !wanted && telling(call).is_none() => self.call_in_outline(call),
            Expr::Call(call) => self.call(call),
            Expr::FString(string) => self.f_string(string, wanted),
            Expr::TString(string) => {
                for element in string.value.elements() {
                    if let ast::InterpolatedStringElement::Interpolation(element) = element {
                        self.visit(&element.expression);
                    }
                }
                Value::Other
            }
            Expr::Attribute(attribute) => self.attribute(attribute, wanted, false),
            Expr::Subscript(subscript) => self.subscript(subscript, wanted),
            Expr::Starred(starred) => {
                let message = "can't use starred expression here";
                self.refuse(Phase::Code, span(starred), message);
                self.visit(&starred.value);
                Value::Other
            }
            Expr::Slice(slice) => self.slice(slice),
            Expr::Name(_)
            | Expr::NoneLiteral(_)
            | Expr::BooleanLiteral(_)
            | Expr::NumberLiteral(_)
            | Expr::StringLiteral(_)
            | Expr::BytesLiteral(_)
            | Expr::EllipsisLiteral(_)
            | Expr::IpyEscapeCommand(_) => Value::Other,
        }
    }

    fn bool_op(&mut self, expression: &'a Expr, operation: &'a ast::ExprBoolOp, wanted: bool) -> Value {
        let mut values = Vec::new();
        if wanted {
            values.reserve_exact(operation.values.len());
            self.operands(operation.op, &operation.values, &mut values);
        } else if self.outline {
            operation.values.iter().for_each(|operand| self.visit(operand));
        } else {
            self.condition(expression);
        }
        match operation.op {
            _ if !wanted => Value::Other,
            ast::BoolOp::Or => Value::Or(values.into()),
            ast::BoolOp::And => Value::Either(values.into()),
        }
    }

    fn unary(&mut self, operation: &'a ast::ExprUnaryOp, wanted: bool) -> Value {
        let operator = match operation.op {
            ast::UnaryOp::Not => None,
            _ if operation.operand.is_number_literal_expr() || !is_simple(&operation.operand) => None,
            operator => Some(operator.as_str()),
        };
        let value = self.expression(&operation.operand, wanted || operator.is_some());
        if let Some(operator) = operator {
            self.operation(OperationKind::Unary(operator, value.clone()), span(operation));
        }
        match (operation.op, value) {
            (ast::UnaryOp::USub, Value::Int(int)) => int.checked_neg().map_or(Value::Other, Value::Int),
            (ast::UnaryOp::USub, Value::Float(float)) => Value::Float(-float),
            (
                ast::UnaryOp::USub,
                value @ (Value::Name(_) | Value::Attribute(..) | Value::Call(_) | Value::Subscript(..)),
            ) if wanted => Value::Binary(Operator::Subtract, Box::new(Value::Int(0)), Box::new(value)),
            _ => Value::Other,
        }
    }

    fn conditional(&mut self, choice: &'a ast::ExprIf, wanted: bool) -> Value {
        let condition = self.condition(&choice.test);
        let (mut yes, mut no) = (Value::Other, Value::Other);
        let first = self.maybe(|lower| yes = lower.expression(&choice.body, wanted));
        let second = self.maybe(|lower| no = lower.expression(&choice.orelse, wanted));
        if !first.is_empty() || !second.is_empty() {
            let test = Test::When(condition.clone());
            self.step(|| {
                Step::Branch(Box::new(Branch {
                    test,
                    rest: Box::default(),
                    arms: Box::new([first, second]),
                    exhaustive: true,
                    span: Some(span(choice)),
                }))
            });
        }
        if wanted {
            Value::Choice(Box::new(Choice { condition, yes, no }))
        } else {
            Value::Other
        }
    }

    fn awaited(&mut self, awaited: &'a ast::ExprAwait, wanted: bool) -> Value {
        self.check_await(span(awaited));
        let value = self.expression(&awaited.value, wanted || !self.outline);
        self.take(&awaited.value, &value, Taken::Awaited);
        if !self.outline {
            self.operation(OperationKind::Await(value.clone()), span(awaited));
        }
        match value {
            // What a coroutine gives is not what it is.
            Value::Name(_) | Value::Attribute(..) => Value::Other,
            value => value,
        }
    }

    fn call_in_outline(&mut self, call: &'a ast::ExprCall) -> Value {
        self.visit(&call.func);
        for argument in &call.arguments.args {
            match argument {
                Expr::Starred(starred) => self.visit(&starred.value),
                argument => self.visit(argument),
            }
        }
        self.check_keywords(&call.arguments.keywords);
        for keyword in &call.arguments.keywords {
            self.visit(&keyword.value);
        }
        Value::Other
    }

    fn slice(&mut self, slice: &'a ast::ExprSlice) -> Value {
        let lower = slice.lower.as_ref().map(|lower| self.value(lower));
        let upper = slice.upper.as_ref().map(|upper| self.value(upper));
        if let Some(step) = &slice.step {
            self.visit(step);
            return Value::Other;
        }
        match (lower, upper) {
            (Some(Value::Int(from)), None) => Value::From(from),
            (lower, upper) => Value::Slice(Box::new((lower.unwrap_or(Value::None), upper.unwrap_or(Value::None)))),
        }
    }

    /// A dictionary of which nothing is kept.
    fn keys_and_values(&mut self, dict: &'a ast::ExprDict) -> Value {
        for item in &dict.items {
            if let Some(key) = &item.key {
                self.visit(key);
            }
            self.visit(&item.value);
        }
        self.hashed(dict.items.iter().filter_map(|item| item.key.as_ref()));
        Value::Other
    }

    fn yields(&mut self, place: Span, from: bool) {
        self.check_yield(place, from);
        self.scope().generator = true;
    }

    /// What a generator gives; nobody wants it in an outline.
    fn given(&mut self, value: &'a Expr) -> Value {
        let wanted = !self.outline;
        self.expression(value, wanted)
    }

    /// A generator gives a value, and waits for whoever goes through what it gives.
    fn gives(&mut self, value: Value, from: bool) {
        self.step(|| Step::Yield {
            value: Some(value).filter(|value| *value != Value::Other).map(Box::new),
            from,
        });
    }

    /// Whether a condition holds, as a value.
    fn test(&mut self, test: &'a Expr) -> Value {
        match self.condition(test) {
            Condition::Unknown => Value::Other,
            condition => Value::Test(Box::new(condition)),
        }
    }

    /// `called`: what a call calls.
    fn attribute(&mut self, attribute: &'a ast::ExprAttribute, wanted: bool, called: bool) -> Value {
        // A call's callee is always wanted, so a chain is, too.
        let object = self.expression(&attribute.value, wanted);
        if self.outline && !wanted {
            return Value::Other;
        }
        let name = self.atom(attribute.attr.as_str());
        if let Some(kind) = display(&attribute.value)
            && attribute.ctx.is_load()
            && !members::has(kind, attribute.attr.as_str())
        {
            self.operation(OperationKind::Attribute(kind, name), span(&attribute.attr));
        }
        if let (Value::Name(object), Expr::Name(plain)) = (&object, &*attribute.value)
            && !plain.id.is_empty()
        {
            let object = *object;
            self.step(|| Step::LoadAttribute {
                object,
                attribute: name,
                span: span(&attribute.attr),
            });
        }
        if wanted {
            let nested = matches!(object, Value::Attribute(..) | Value::Call(_) | Value::Subscript(..))
                && attribute.ctx.is_load()
                && !called;
            let value = Value::Attribute(Box::new(object), name);
            if nested {
                self.operation(OperationKind::Member(value.clone()), span(&attribute.attr));
            }
            value
        } else {
            Value::Other
        }
    }

    fn subscript(&mut self, subscript: &'a ast::ExprSubscript, wanted: bool) -> Value {
        let wanted_here = wanted || !self.outline || is_environ(&subscript.value);
        let object = self.expression(&subscript.value, wanted_here);
        let key = self.expression(&subscript.slice, wanted_here);
        // Whoever holds the module may give it names.
        self.module.dynamic_names |= is_own_module(subscript);
        if let (Value::Attribute(_, last) | Value::Name(last), Value::Str(name)) = (&object, &key)
            && subscript.ctx.is_load()
            && self.names.get(last.0 as usize) == Some(&"environ")
        {
            let position = index(self.module.environment.len());
            self.module.environment.push(EnvironmentRead {
                name: name.clone(),
                default: None,
                required: true,
                span: span(subscript),
                guard: self.guard,
            });
            self.step(|| Step::Environment(position));
        }
        if subscript.ctx.is_load() && !self.outline {
            match (&object, &key) {
                (Value::Name(name), Value::Str(_) | Value::Int(_)) if subscript.value.is_name_expr() => {
                    let (object, key) = (*name, span(&*subscript.slice));
                    self.step(|| Step::Item { object, key });
                }
                (
                    Value::List(_) | Value::Dict(_) | Value::None | Value::Int(_) | Value::Str(_),
                    Value::Str(_) | Value::Int(_) | Value::Name(_),
                ) => {
                    self.operation(OperationKind::Item(object.clone(), key.clone()), span(subscript));
                }
                (
                    Value::Attribute(..) | Value::Subscript(..) | Value::Call(_) | Value::Each | Value::Name(_),
                    Value::Str(_)
                    | Value::Int(_)
                    | Value::Name(_)
                    | Value::Attribute(..)
                    | Value::Each
                    | Value::Call(_)
                    | Value::Subscript(..)
                    | Value::Concat(_),
                ) => {
                    let kind = OperationKind::Item(object.clone(), key.clone());
                    self.operation(kind, span(subscript));
                }
                _ => {}
            }
        }
        if wanted {
            Value::Subscript(Box::new(object), Box::new(key))
        } else {
            Value::Other
        }
    }

    /// A dictionary that a name gets, with its keys and values where all are written out.
    pub(super) fn dictionary(&mut self, dict: &'a ast::ExprDict) -> Value {
        const MOST: usize = 64;
        let mut items = Vec::with_capacity(dict.items.len().min(MOST));
        for item in &dict.items {
            let key = item.key.as_ref().map(|key| self.value(key));
            let value = match &item.value {
                spread if item.key.is_none() => {
                    let spread = self.value(spread);
                    if items.len() < MOST {
                        items.push((Value::Unpacked(Box::new(spread)), Value::None));
                    }
                    continue;
                }
                Expr::Dict(inner) if self.depth < DEEPEST_VALUE => self.deeper(|lower| lower.dictionary(inner)),
                value => self.value(value),
            };
            if let Some(key) = key.filter(|_| items.len() < MOST) {
                items.push((key, value));
            }
        }
        self.hashed(dict.items.iter().filter_map(|item| item.key.as_ref()));
        if items.len() == dict.items.len() {
            Value::Dict(items.into())
        } else {
            Value::Other
        }
    }

    /// Keys of a set or dictionary: these need a hash.
    fn hashed(&mut self, keys: impl IntoIterator<Item = &'a Expr>) {
        for key in keys {
            let kind = match key {
                Expr::List(_) | Expr::ListComp(_) => "list",
                Expr::Dict(_) | Expr::DictComp(_) => "dict",
                Expr::Set(_) | Expr::SetComp(_) => "set",
                _ => continue,
            };
            self.operation(OperationKind::Unhashable(kind), span(key));
        }
    }

    /// Adds an operation that may fail; behind a branch, none is ever said to.
    pub(super) fn operation(&mut self, kind: OperationKind, span: Span) {
        if !self.outline {
            let position = index(self.module.operations.len());
            self.module.operations.push(Operation { kind, span });
            self.step(|| Step::Operation(position));
        }
    }

    /// Comparisons; only the first of a chain is always made. `wanted`: says when it holds.
    pub(super) fn comparison(&mut self, compare: &'a ast::ExprCompare, wanted: bool) -> Condition {
        let checked = match (&*compare.ops, &*compare.comparators) {
            _ if self.outline => false,
            ([ast::CmpOp::Lt | ast::CmpOp::LtE | ast::CmpOp::Gt | ast::CmpOp::GtE, ..], [right, ..]) => {
                may_fail(&compare.left, right)
            }
            ([ast::CmpOp::In | ast::CmpOp::NotIn, ..], [right, ..]) => {
                right.is_name_expr() || (is_literal(right) && !right.is_list_expr() && !right.is_tuple_expr())
            }
            _ => false,
        };
        let known = super::condition::is_gone_through;
        // What is in a set is what would be in a list.
        let is_member = |(operator, right): (&ast::CmpOp, &Expr)| {
            known(right) || (right.is_set_expr() && matches!(operator, ast::CmpOp::In | ast::CmpOp::NotIn))
        };
        let mut rights = compare.ops.iter().zip(&*compare.comparators);
        let wanted = wanted && known(&compare.left) && rights.all(is_member);
        let left = self.expression(&compare.left, checked || wanted);
        let (Some(operator), [first, rest @ ..]) = (compare.ops.first(), &*compare.comparators) else {
            return Condition::Unknown;
        };
        let right = self.expression(first, checked || wanted);
        if checked {
            let kind = match operator {
                ast::CmpOp::In | ast::CmpOp::NotIn => OperationKind::Contains(left.clone(), right.clone()),
                operator => OperationKind::Order(operator.as_str(), left.clone(), right.clone()),
            };
            self.operation(kind, span(compare));
        }
        let mut before = right.clone();
        let mut all = Vec::with_capacity(compare.ops.len());
        if wanted {
            all.push(super::condition::compared(*operator, left, right, first));
        }
        for (operator, operand) in compare.ops.iter().skip(1).zip(rest) {
            let value = self.expression(operand, wanted);
            if wanted {
                all.push(super::condition::compared(*operator, before, value.clone(), operand));
            }
            before = value;
        }
        match all.pop() {
            Some(only) if all.is_empty() => only,
            Some(last) => {
                all.push(last);
                Condition::All(all.into())
            }
            None => Condition::Unknown,
        }
    }

    fn binary(&mut self, operation: &'a ast::ExprBinOp, wanted: bool) -> Value {
        let operator = match operation.op {
            ast::Operator::Add => Some(Operator::Add),
            ast::Operator::Sub => Some(Operator::Subtract),
            ast::Operator::Mult => Some(Operator::Multiply),
            ast::Operator::Div => Some(Operator::Divide),
            ast::Operator::FloorDiv => Some(Operator::FloorDivide),
            ast::Operator::Mod => Some(Operator::Modulo),
            ast::Operator::Pow => Some(Operator::Power),
            ast::Operator::LShift => Some(Operator::ShiftLeft),
            ast::Operator::RShift => Some(Operator::ShiftRight),
            ast::Operator::BitAnd => Some(Operator::And),
            ast::Operator::BitOr => Some(Operator::Or),
            ast::Operator::BitXor => Some(Operator::ExclusiveOr),
            ast::Operator::MatMult => None,
        };
        let wanted = wanted && operator.is_some();
        let arithmetic = operator.filter(|operator| operator.is_arithmetic());
        let checked = arithmetic.filter(|_| !self.outline && may_fail(&operation.left, &operation.right));
        let left = self.expression(&operation.left, wanted || checked.is_some());
        let right = self.expression(&operation.right, wanted || checked.is_some());
        if let Some(operator) = checked {
            let kind = match (operator, &left, &right, &*operation.right) {
                (Operator::Modulo, Value::Str(template), Value::List(parts), Expr::Tuple(_)) => {
                    OperationKind::Format(template.clone(), parts.clone())
                }
                _ => OperationKind::Binary(operator, left.clone(), right.clone()),
            };
            self.operation(kind, span(operation));
        }
        if operation.op == ast::Operator::BitOr
            && let (Some(left), Some(right)) = (never_a_class(&operation.left), never_a_class(&operation.right))
        {
            self.operation(OperationKind::Union(left, right), span(operation));
        }
        if !wanted {
            return Value::Other;
        }
        match (operator, left, right) {
            (Some(Operator::Modulo), Value::Str(template), right) => super::format::percent(&template, right),
            (Some(Operator::Add), left, right) if is_text(&left) || is_text(&right) => {
                let mut pieces = Vec::new();
                for side in [left, right] {
                    match side {
                        Value::Concat(inner) => pieces.extend(inner),
                        other => pieces.push(other),
                    }
                }
                super::format::joined(pieces)
            }
            (Some(Operator::Add), Value::Int(left), Value::Int(right)) => {
                left.checked_add(right).map_or(Value::Other, Value::Int)
            }
            (Some(Operator::Subtract), Value::Int(left), Value::Int(right)) => {
                left.checked_sub(right).map_or(Value::Other, Value::Int)
            }
            (Some(operator), left, right) => Value::Binary(operator, Box::new(left), Box::new(right)),
            (None, ..) => Value::Other,
        }
    }

    fn f_string(&mut self, string: &'a ast::ExprFString, wanted: bool) -> Value {
        let mut pieces = wanted.then(Vec::new);
        let mut shape = std::mem::take(&mut self.shape);
        shape.clear();
        for part in &string.value {
            match part {
                ast::FStringPart::Literal(literal) => {
                    shape.push_str(&literal.value);
                    if let Some(pieces) = &mut pieces {
                        pieces.push(Value::Str((&*literal.value).into()));
                    }
                }
                ast::FStringPart::FString(inner) => {
                    for element in &inner.elements {
                        self.f_string_element(element, pieces.as_mut(), &mut shape);
                    }
                }
            }
        }
        if let Some(looks) = classify(&shape) {
            self.module.strings.push(StringFact {
                text: shape.as_str().into(),
                looks,
                span: span(string),
                interpolated: true,
            });
        }
        self.shape = shape;
        pieces.map_or(Value::Other, super::format::joined)
    }

    fn f_string_element(
        &mut self,
        element: &'a ast::InterpolatedStringElement,
        pieces: Option<&mut Vec<Value>>,
        shape: &mut String,
    ) {
        match element {
            ast::InterpolatedStringElement::Literal(literal) => {
                shape.push_str(&literal.value);
                if let Some(pieces) = pieces {
                    pieces.push(Value::Str((&*literal.value).into()));
                }
            }
            ast::InterpolatedStringElement::Interpolation(element) => {
                shape.push_str("{}");
                self.check_interpolation(element);
                let plain = element.format_spec.is_none();
                let written = element
                    .format_spec
                    .as_deref()
                    .and_then(|format| match &format.elements[..] {
                        [ast::InterpolatedStringElement::Literal(text)] => Some(&*text.value),
                        _ => None,
                    });
                let written = written.filter(|_| {
                    let simple = is_simple(&element.expression) || super::condition::is_followed(&element.expression);
                    element.conversion.is_none() && simple && !self.outline
                });
                let wanted = (pieces.is_some() && plain) || written.is_some();
                let value = self.expression(&element.expression, wanted);
                if let Some(text) = written.filter(|_| value != Value::Other) {
                    self.operation(OperationKind::Written(value.clone(), text.into()), span(element));
                }
                if let Some(pieces) = pieces {
                    pieces.push(if plain { value } else { Value::Other });
                }
                if let Some(format) = &element.format_spec {
                    for inner in &format.elements {
                        if let ast::InterpolatedStringElement::Interpolation(inner) = inner {
                            self.visit(&inner.expression);
                        }
                    }
                }
            }
        }
    }

    fn comprehension(&mut self, place: Where, generators: &'a [ast::Comprehension], elements: &[&'a Expr]) -> Value {
        let at = generators.first().map_or(Span::default(), span);
        let asynchronous = generators.iter().any(|generator| generator.is_async);
        let runs = std::mem::take(&mut self.runs);
        let at_once = match place {
            Where::Comprehension(GENERATOR) => matches!(runs, Runs::AtOnce | Runs::Until(_)),
            _ => true,
        };
        let mut over = Value::Other;
        if let Some(first) = generators.first() {
            let known = at_once && generators.len() == 1 && super::condition::is_gone_through(&first.iter);
            let wanted = known && !asynchronous && !self.outline;
            self.in_iterable(|lower| over = lower.expression(&first.iter, wanted));
            self.take(&first.iter, &over, Taken::GoneThrough);
            if !wanted {
                over = Value::Other;
            }
        }
        let followed = over != Value::Other;
        let before = self.hidden.len();
        let each_from = std::mem::replace(&mut self.each_from, if followed { before } else { usize::MAX });
        let fills = (followed && place != Where::Comprehension(SET)).then(|| {
            self.collections += 1;
            Collection {
                number: self.collections,
                mapping: elements.len() == 2,
                until: match runs {
                    Runs::Until(decisive) => Some(decisive),
                    _ => None,
                },
            }
        });
        let walk = |lower: &mut Self| {
            lower.comprehensions += 1;
            lower.in_context(place, asynchronous, at, |lower| {
                for (position, generator) in generators.iter().enumerate() {
                    if generator.target.is_starred_expr() {
                        lower.check_target(&generator.target);
                    }
                    lower.hide(&generator.target, followed.then_some(&Value::Each));
                    if position > 0 {
                        lower.in_iterable(|lower| lower.visit(&generator.iter));
                    }
                    if !followed {
                        generator.ifs.iter().for_each(|test| lower.visit(test));
                    }
                }
                match generators {
                    [only] if followed => lower.filtered(&only.ifs, elements, fills.is_some()),
                    _ => elements.iter().for_each(|element| lower.visit(element)),
                }
            });
            lower.comprehensions -= 1;
        };
        if followed {
            let body = self.maybe(walk);
            if !body.is_empty() {
                self.step(|| {
                    Step::Loop(Box::new(Loop {
                        body,
                        orelse: Body::default(),
                        endless: false,
                        entry: Entry::Over(over),
                        binds: true,
                        fills,
                    }))
                });
            }
        } else if place == Where::Comprehension(GENERATOR) && runs == Runs::Later && !self.outline {
            let body = self.maybe(walk);
            self.step(|| {
                Step::Branch(Box::new(Branch {
                    test: Test::Known(false),
                    rest: Box::default(),
                    arms: Box::new([body]),
                    exhaustive: false,
                    span: None,
                }))
            });
        } else {
            self.perhaps(walk);
        }
        self.hidden.truncate(before);
        self.each_from = each_from;
        fills.map_or(Value::Other, |fills| Value::Collected(fills.number))
    }

    /// What a turn of a comprehension gives, where its tests let it.
    fn filtered(&mut self, tests: &'a [Expr], elements: &[&'a Expr], collected: bool) {
        if let Some((test, rest)) = tests.split_first() {
            let test = self.decided(test);
            let body = self.maybe(|lower| lower.filtered(rest, elements, collected));
            self.step(|| {
                Step::Branch(Box::new(Branch {
                    test,
                    rest: Box::default(),
                    arms: Box::new([body]),
                    exhaustive: false,
                    span: None,
                }))
            });
            return;
        }
        let mut values: Vec<Value> = elements.iter().map(|element| self.assigned(element)).collect();
        if let Some(value) = values.pop().filter(|_| collected) {
            let key = values.pop();
            self.step(|| Step::Collect(Box::new(Collect { key, value })));
        }
    }

    /// The target of a comprehension, and what it gets.
    fn hide(&mut self, target: &'a Expr, value: Option<&Value>) {
        match target {
            Expr::Name(name) => {
                let atom = self.atom(name.id.as_str());
                self.check_iterated(atom, name.id.as_str(), span(name));
                self.hidden.push(Hidden {
                    name: atom,
                    value: value.cloned().unwrap_or(Value::Other),
                });
            }
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                self.unpacked(elts, value, span(target));
                let whole = value.filter(|value| **value == Value::Each && !elts.iter().any(Expr::is_starred_expr));
                for (position, element) in elts.iter().enumerate() {
                    let part = whole.map(|whole| {
                        let at = Value::Int(i64::try_from(position).unwrap_or(0));
                        Value::Subscript(Box::new(whole.clone()), Box::new(at))
                    });
                    self.deeper(|lower| lower.hide(element, part.as_ref()));
                }
            }
            Expr::Starred(starred) => self.deeper(|lower| lower.hide(&starred.value, None)),
            _ => {}
        }
    }

    /// `*value` or `**value` in a call.
    fn spread(&mut self, value: &'a Expr, mapping: bool) -> Value {
        if is_simple(value) && !value.is_string_literal_expr() {
            let spread = self.value(value);
            self.operation(OperationKind::Spread(spread.clone(), mapping), span(value));
            spread
        } else {
            self.value(value)
        }
    }

    fn call(&mut self, call: &'a ast::ExprCall) -> Value {
        let callee = match &*call.func {
            Expr::Attribute(attribute) => self.deeper(|lower| lower.attribute(attribute, true, true)),
            callee => self.value(callee),
        };
        let mut arguments = Vec::with_capacity(call.arguments.args.len());
        let mut star = None;
        for argument in &call.arguments.args {
            if let Expr::Starred(starred) = argument {
                let value = self.spread(&starred.value, false);
                star = Some(if star.is_none() { value } else { Value::Other });
            } else {
                if argument.is_generator_expr() && arguments.is_empty() {
                    self.runs = runs_in(&call.func);
                }
                let value = self.value(argument);
                self.take(argument, &value, Taken::Kept);
                match &mut star {
                    None => arguments.push(value),
                    Some(star) => *star = Value::Other,
                }
            }
        }
        self.check_keywords(&call.arguments.keywords);
        let mut keywords = Vec::with_capacity(call.arguments.keywords.len());
        let mut double_star = None;
        for keyword in &call.arguments.keywords {
            match &keyword.arg {
                Some(name) => {
                    let value = self.value(&keyword.value);
                    self.take(&keyword.value, &value, Taken::Kept);
                    keywords.push((self.atom(name.as_str()), value));
                }
                None => {
                    let value = self.spread(&keyword.value, true);
                    double_star = Some(if double_star.is_none() { value } else { Value::Other });
                }
            }
        }
        let position = index(self.module.calls.len());
        self.module.calls.push(Call {
            callee,
            arguments: arguments.into(),
            keywords: keywords.into(),
            spread: (star.is_some() || double_star.is_some()).then(|| Box::new(Spread { star, double_star })),
            span: range(ruff_text_size::Ranged::range(call)),
            callee_span: span(&*call.func),
            function: self.caller(),
            guard: self.guard,
            taken: Taken::Otherwise,
        });
        self.step(|| Step::Call(position));
        self.facts_of_call(position, call)
    }

    /// Notes what becomes of the value of an expression that is a call.
    pub(super) fn take(&mut self, expression: &Expr, value: &Value, taken: Taken) {
        if let (Expr::Call(_), Value::Call(call)) = (expression, value)
            && let Some(call) = self.module.calls.get_mut(*call as usize)
        {
            call.taken = taken;
        }
    }
}

/// Whether this is `not` of something that is no `not` itself.
fn is_plain_not(operation: &ast::ExprUnaryOp) -> bool {
    let operand = &*operation.operand;
    operation.op == ast::UnaryOp::Not && (operand.is_compare_expr() || super::condition::is_followed(operand))
}

/// Whether what is called goes through all that its first argument gives.
fn goes_through(callee: &Expr) -> bool {
    match callee {
        Expr::Name(name) => matches!(
            name.id.as_str(),
            "list" | "tuple" | "set" | "frozenset" | "dict" | "sum" | "sorted" | "max" | "min"
        ),
        Expr::Attribute(attribute) => attribute.value.is_string_literal_expr() && attribute.attr.as_str() == "join",
        _ => false,
    }
}

/// When a function runs a generator expression that it is given alone.
fn runs_in(callee: &Expr) -> Runs {
    match callee {
        Expr::Name(name) if name.id.as_str() == "any" => Runs::Until(true),
        Expr::Name(name) if name.id.as_str() == "all" => Runs::Until(false),
        callee if goes_through(callee) => Runs::AtOnce,
        _ => Runs::Perhaps,
    }
}

/// The type of a function of the interpreter.
const FUNCTION: &str = "builtin_function_or_method";

/// The type of a text, of `None`, or of `any` and `callable`, which no `|` makes a type of.
fn never_a_class(side: &Expr) -> Option<&'static str> {
    match side {
        Expr::StringLiteral(_) => Some("str"),
        Expr::NoneLiteral(_) => Some("NoneType"),
        Expr::Name(name) if matches!(name.id.as_str(), "any" | "callable") => Some(FUNCTION),
        _ => None,
    }
}

/// Whether both sides are what the walk of a script may know.
fn may_fail(left: &Expr, right: &Expr) -> bool {
    let operand = |side| is_literal(side) || super::condition::is_followed(side);
    operand(left) && operand(right)
}

fn is_simple(expression: &Expr) -> bool {
    is_literal(expression) || expression.is_name_expr()
}

/// The type of something that is written out.
fn display(expression: &Expr) -> Option<&'static str> {
    Some(match expression {
        Expr::StringLiteral(_) | Expr::FString(_) => "str",
        Expr::BytesLiteral(_) => "bytes",
        Expr::List(_) | Expr::ListComp(_) => "list",
        Expr::Tuple(_) => "tuple",
        Expr::Dict(_) | Expr::DictComp(_) => "dict",
        Expr::Set(_) | Expr::SetComp(_) => "set",
        Expr::NoneLiteral(_) => "NoneType",
        _ => return None,
    })
}

pub(super) fn is_literal(expression: &Expr) -> bool {
    match expression {
        Expr::UnaryOp(operation) => operation.op == ast::UnaryOp::USub && operation.operand.is_number_literal_expr(),
        Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::FString(_)
        | Expr::NoneLiteral(_)
        | Expr::BooleanLiteral(_)
        | Expr::List(_)
        | Expr::Tuple(_) => true,
        _ => false,
    }
}

/// Bytes that may be words of a message.
fn bytes(literal: &ast::ExprBytesLiteral) -> Value {
    let bytes: Vec<u8> = literal.value.bytes().take(LONGEST_BYTES + 1).collect();
    match String::from_utf8(bytes) {
        Ok(text) if text.len() <= LONGEST_BYTES && text.is_ascii() => Value::Bytes(text.into()),
        _ => Value::Other,
    }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Str(_) | Value::Concat(_))
}

/// Whether this is `sys.modules[__name__]`.
pub(super) fn is_own_module(subscript: &ast::ExprSubscript) -> bool {
    is_modules(&subscript.value) && matches!(&*subscript.slice, Expr::Name(name) if name.id.as_str() == "__name__")
}

/// Whether this is `sys.modules`, or `modules`.
pub(super) fn is_modules(expression: &Expr) -> bool {
    match expression {
        Expr::Name(name) => name.id.as_str() == "modules",
        Expr::Attribute(attribute) => attribute.attr.as_str() == "modules",
        _ => false,
    }
}

/// When the operand after one runs, given when that one holds. It is a copy: what is large is not kept twice.
pub(super) fn goes_on(operator: ast::BoolOp, condition: &Condition) -> Condition {
    if !is_small(condition, MOST_NESTED) {
        return Condition::Unknown;
    }
    match operator {
        ast::BoolOp::And => condition.clone(),
        ast::BoolOp::Or => Condition::Not(Box::new(condition.clone())),
    }
}

/// Conditions inside each other that are copied.
pub(super) const MOST_NESTED: usize = 2;

/// Whether a condition is about a few names and calls only.
pub(super) fn is_small(condition: &Condition, depth: usize) -> bool {
    const MOST: usize = 4;
    match condition {
        Condition::Unknown | Condition::True(Value::Other) => false,
        Condition::Is(value, _)
        | Condition::True(value)
        | Condition::None(value)
        | Condition::Mapping(value)
        | Condition::Sequence(value) => is_short(value, MOST),
        Condition::Equal(both) | Condition::In(both) | Condition::Order(_, both) | Condition::Instance(both) => {
            is_short(&both.0, MOST) && is_short(&both.1, MOST)
        }
        Condition::Words(..) => true,
        Condition::Not(inner) => is_small(inner, depth),
        Condition::All(parts) | Condition::Any(parts) => {
            depth > 0 && parts.len() <= MOST && parts.iter().all(|part| is_small(part, depth - 1))
        }
    }
}

/// Whether a value is a few names, a call, or a short literal.
fn is_short(value: &Value, depth: usize) -> bool {
    const LONGEST: usize = 64;
    match value {
        Value::Attribute(of, _) => depth > 0 && is_short(of, depth - 1),
        Value::Subscript(of, key) => depth > 0 && is_short(of, depth - 1) && is_short(key, depth - 1),
        Value::Str(text) => text.len() <= LONGEST,
        Value::List(parts) => depth > 0 && parts.len() <= depth && parts.iter().all(|part| is_short(part, depth - 1)),
        Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::Name(_)
        | Value::Call(_)
        | Value::Each
        | Value::Collected(_) => true,
        _ => false,
    }
}
