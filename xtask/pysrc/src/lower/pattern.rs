//! `match` and its patterns.

use ruff_python_ast::{self as ast, Expr, Number, Pattern};
use rustc_hash::FxHashSet;

use super::refused::Phase;
use super::{Lower, span};
use crate::facts::*;

impl<'a> Lower<'a> {
    pub(super) fn matching(&mut self, matching: &'a ast::StmtMatch) {
        let subject = match super::condition::is_followed(&matching.subject) && !self.outline {
            true => self.value(&matching.subject),
            false => {
                self.visit(&matching.subject);
                Value::Other
            }
        };
        let mut tests = Vec::with_capacity(matching.cases.len());
        let mut exhaustive = false;
        let mut arms = Vec::with_capacity(matching.cases.len());
        for (position, case) in matching.cases.iter().enumerate() {
            let may_take_all = case.guard.is_some() || position + 1 == matching.cases.len();
            self.check_pattern(&case.pattern, may_take_all);
            exhaustive |= case.guard.is_none() && case.pattern.is_irrefutable();
            if !exhaustive {
                // What a guard asks is not known before the pattern has bound its names.
                let guard = case.guard.as_ref().map(|_| Condition::Unknown);
                tests.push(match (self.fits(&case.pattern, &subject), guard) {
                    (Condition::Unknown, _) => Test::Unknown,
                    (condition, None) => Test::When(condition),
                    (condition, Some(guard)) => Test::When(Condition::All(Box::new([condition, guard]))),
                });
            }
            arms.push(self.maybe(|lower| {
                lower.pattern(&case.pattern);
                if let Some(guard) = &case.guard {
                    lower.visit(guard);
                }
                lower.statements(&case.body);
            }));
        }
        // One that takes whatever there is has no test: where it is the only one, it is always taken.
        let mut tests = tests.into_iter();
        let test = tests.next().unwrap_or(match exhaustive {
            true => Test::Known(true),
            false => Test::Unknown,
        });
        self.step(|| {
            Step::Branch(Box::new(Branch {
                test,
                rest: tests.collect(),
                arms: arms.into(),
                exhaustive,
                span: Some(span(matching)),
            }))
        });
    }

    /// When a value is what a pattern takes.
    fn fits(&mut self, pattern: &'a Pattern, subject: &Value) -> Condition {
        if *subject == Value::Other {
            return Condition::Unknown;
        }
        let equal = |literal| Condition::Equal(Box::new((subject.clone(), literal)));
        match pattern {
            Pattern::MatchValue(value) => literal_value(&value.value).map_or(Condition::Unknown, equal),
            Pattern::MatchSingleton(singleton) => match singleton.value {
                ast::Singleton::None => Condition::None(subject.clone()),
                _ => Condition::Unknown,
            },
            Pattern::MatchOr(either) => {
                let parts = either.patterns.iter().map(|part| match part {
                    Pattern::MatchOr(_) => Condition::Unknown,
                    part => self.deeper(|lower| lower.fits(part, subject)),
                });
                Condition::Any(parts.collect())
            }
            Pattern::MatchAs(alias) => match &alias.pattern {
                Some(inner) => self.deeper(|lower| lower.fits(inner, subject)),
                None => Condition::Not(Box::new(Condition::Any(Box::default()))),
            },
            Pattern::MatchSequence(_) => {
                Condition::All(Box::new([Condition::Sequence(subject.clone()), Condition::Unknown]))
            }
            Pattern::MatchMapping(mapping) => {
                let mut all = vec![Condition::Mapping(subject.clone())];
                for (key, part) in mapping.keys.iter().zip(&mapping.patterns) {
                    let Some(key) = literal_value(key) else {
                        all.push(Condition::Unknown);
                        continue;
                    };
                    all.push(Condition::In(Box::new((key.clone(), subject.clone()))));
                    let item = Value::Subscript(Box::new(subject.clone()), Box::new(key));
                    all.push(self.deeper(|lower| lower.fits(part, &item)));
                }
                Condition::All(all.into())
            }
            Pattern::MatchClass(class) => {
                let of = match &*class.cls {
                    Expr::Name(name) => Value::Name(self.atom(name.id.as_str())),
                    _ => return Condition::Unknown,
                };
                let mut all = vec![Condition::Instance(Box::new((subject.clone(), of)))];
                if !class.arguments.patterns.is_empty() {
                    all.push(Condition::Unknown);
                }
                for keyword in &class.arguments.keywords {
                    let attribute = self.atom(keyword.attr.as_str());
                    let part = Value::Attribute(Box::new(subject.clone()), attribute);
                    all.push(self.deeper(|lower| lower.fits(&keyword.pattern, &part)));
                }
                Condition::All(all.into())
            }
            Pattern::MatchStar(_) => Condition::Unknown,
        }
    }

    fn pattern(&mut self, pattern: &'a Pattern) {
        match pattern {
            Pattern::MatchValue(value) => self.visit(&value.value),
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(sequence) => {
                for part in &sequence.patterns {
                    self.deeper(|lower| lower.pattern(part));
                }
            }
            Pattern::MatchMapping(mapping) => {
                for key in &mapping.keys {
                    self.visit(key);
                }
                for part in &mapping.patterns {
                    self.deeper(|lower| lower.pattern(part));
                }
                if let Some(rest) = &mapping.rest {
                    self.store(rest.as_str(), span(rest), None);
                }
            }
            Pattern::MatchClass(class) => {
                self.visit(&class.cls);
                for part in &class.arguments.patterns {
                    self.deeper(|lower| lower.pattern(part));
                }
                for part in &class.arguments.keywords {
                    self.deeper(|lower| lower.pattern(&part.pattern));
                }
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.store(name.as_str(), span(name), None);
                }
            }
            Pattern::MatchAs(alias) => {
                if let Some(inner) = &alias.pattern {
                    self.deeper(|lower| lower.pattern(inner));
                }
                if let Some(name) = &alias.name {
                    self.store(name.as_str(), span(name), None);
                }
            }
            Pattern::MatchOr(either) => {
                for part in &either.patterns {
                    self.deeper(|lower| lower.pattern(part));
                }
            }
        }
    }

    /// Says what the compiler would refuse in a pattern; gives the names that it binds.
    fn check_pattern(&mut self, pattern: &'a Pattern, may_take_all: bool) -> FxHashSet<&'a str> {
        let mut names = FxHashSet::default();
        self.add_names(pattern, may_take_all, &mut names);
        names
    }

    fn add_name(&mut self, name: &'a ast::Identifier, names: &mut FxHashSet<&'a str>) {
        if !names.insert(name.as_str()) {
            let message = format!("multiple assignments to name '{name}' in pattern");
            self.refuse(Phase::Code, span(name), message);
        }
    }

    fn add_names(&mut self, pattern: &'a Pattern, may_take_all: bool, names: &mut FxHashSet<&'a str>) {
        match pattern {
            Pattern::MatchValue(value) => {
                if matches!(&*value.value, Expr::FString(_)) {
                    let message = "patterns may only match literals and attribute lookups";
                    self.refuse(Phase::Code, span(value), message);
                }
            }
            Pattern::MatchSingleton(_) => {}
            Pattern::MatchSequence(sequence) => {
                let stars = sequence.patterns.iter().filter(|part| part.is_match_star());
                if stars.count() > 1 {
                    self.refuse(
                        Phase::Code,
                        span(sequence),
                        "multiple starred names in sequence pattern",
                    );
                }
                self.add_inner(&sequence.patterns, names);
            }
            Pattern::MatchMapping(mapping) => {
                let mut keys = FxHashSet::default();
                for key in &mapping.keys {
                    if let Some(text) = literal(key)
                        && !keys.insert(text.clone())
                    {
                        let message = format!("mapping pattern checks duplicate key ({text})");
                        self.refuse(Phase::Code, span(mapping), message);
                    }
                }
                self.add_inner(&mapping.patterns, names);
                if let Some(rest) = &mapping.rest {
                    self.add_name(rest, names);
                }
            }
            Pattern::MatchClass(class) => {
                let mut attributes = FxHashSet::default();
                for keyword in &class.arguments.keywords {
                    if !attributes.insert(keyword.attr.as_str()) {
                        let message = format!("attribute name repeated in class pattern: {}", keyword.attr);
                        self.refuse(Phase::Code, span(keyword), message);
                    }
                }
                self.add_inner(&class.arguments.patterns, names);
                for keyword in &class.arguments.keywords {
                    self.deeper(|lower| lower.add_names(&keyword.pattern, true, names));
                }
            }
            Pattern::MatchStar(star) => {
                if let Some(name) = &star.name {
                    self.add_name(name, names);
                }
            }
            Pattern::MatchAs(alias) => {
                match (&alias.pattern, &alias.name) {
                    (Some(inner), _) => self.deeper(|lower| lower.add_names(inner, may_take_all, names)),
                    (None, Some(name)) if !may_take_all => {
                        let message = format!("name capture '{name}' makes remaining patterns unreachable");
                        self.refuse(Phase::Code, span(alias), message);
                    }
                    (None, None) if !may_take_all => {
                        let message = "wildcard makes remaining patterns unreachable";
                        self.refuse(Phase::Code, span(alias), message);
                    }
                    (None, _) => {}
                }
                if let Some(name) = &alias.name {
                    self.add_name(name, names);
                }
            }
            Pattern::MatchOr(either) => {
                let mut first: Option<FxHashSet<&str>> = None;
                for (position, part) in either.patterns.iter().enumerate() {
                    let last = position + 1 == either.patterns.len();
                    let bound = self.deeper(|lower| lower.check_pattern(part, last && may_take_all));
                    match &first {
                        Some(first) if *first != bound => {
                            self.refuse(Phase::Code, span(either), "alternative patterns bind different names");
                            break;
                        }
                        Some(_) => {}
                        None => first = Some(bound),
                    }
                }
                for name in first.into_iter().flatten() {
                    if !names.insert(name) {
                        let message = format!("multiple assignments to name '{name}' in pattern");
                        self.refuse(Phase::Code, span(either), message);
                    }
                }
            }
        }
    }

    fn add_inner(&mut self, patterns: &'a [Pattern], names: &mut FxHashSet<&'a str>) {
        for part in patterns {
            self.deeper(|lower| lower.add_names(part, true, names));
        }
    }
}

/// A text or number that is written out.
fn literal_value(expression: &Expr) -> Option<Value> {
    match expression {
        Expr::StringLiteral(text) => Some(Value::Str(text.value.to_str().into())),
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(int) => int.as_i64().map(Value::Int),
            _ => None,
        },
        _ => None,
    }
}

/// A literal key so that equal ones are the same text: `0`, `0.0`, `0j` and `False` are equal in Python.
fn literal(key: &Expr) -> Option<String> {
    let number = |value: f64, other: f64| {
        if other == 0.0 {
            format!("{}", value + 0.0)
        } else {
            format!("{}+{}j", value + 0.0, other + 0.0)
        }
    };
    match key {
        Expr::StringLiteral(text) => Some(format!("{:?}", text.value.to_str())),
        Expr::BytesLiteral(bytes) => Some(format!("b{:?}", bytes.value.bytes().collect::<Vec<u8>>())),
        Expr::NoneLiteral(_) => Some("None".to_owned()),
        Expr::BooleanLiteral(literal) => Some(u8::from(literal.value).to_string()),
        Expr::NumberLiteral(literal) => Some(match &literal.value {
            Number::Int(int) => int.to_string(),
            Number::Float(value) => number(*value, 0.0),
            Number::Complex { real, imag } => number(*real, *imag),
        }),
        Expr::UnaryOp(minus) if minus.op == ast::UnaryOp::USub => {
            literal(&minus.operand).map(|text| if text == "0" { text } else { format!("-{text}") })
        }
        _ => None,
    }
}
