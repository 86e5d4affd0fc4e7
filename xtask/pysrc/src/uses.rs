//! How a file uses its names.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_pattern, walk_stmt};
use ruff_python_ast::{self as ast, Expr, Number, Pattern, Stmt};
use ruff_python_parser::parse_expression;

use rustc_hash::FxHashMap;

use crate::facts::{Atom, Value};

/// How a file uses a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Uses {
    /// How often the name gets a list, tuple, set or dictionary that is written out: 255 is that or more.
    pub literals: u8,
    /// It is bound in any other way than by an import from elsewhere.
    pub bound_otherwise: bool,
    /// It is imported, or read as an attribute.
    pub shared: bool,
    /// What it stands for may be changed, or be given to something that changes it.
    pub escapes: bool,
}

impl Uses {
    /// Where nothing is known of them.
    const ANY: Self = Self {
        literals: u8::MAX,
        bound_otherwise: true,
        shared: true,
        escapes: true,
    };
}

/// How a file uses all its names.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllUses {
    /// By atom; none in an outline.
    names: Box<[Uses]>,
    /// It imports everything of another module.
    star: bool,
}

impl AllUses {
    /// How it uses one of them.
    pub fn of(&self, name: Atom) -> Uses {
        let uses = self.names.get(name.0 as usize).copied().unwrap_or(Uses::ANY);
        Uses {
            shared: uses.shared || self.star,
            ..uses
        }
    }
}

/// Looks how a module uses its names.
pub(crate) fn uses(body: &[Stmt], atoms: &FxHashMap<&str, Atom>) -> AllUses {
    let mut look = Look {
        atoms,
        names: vec![Uses::default(); atoms.len()],
        star: false,
        other: Uses::default(),
    };
    look.visit_body(body);
    AllUses {
        names: look.names.into_boxed_slice(),
        star: look.star,
    }
}

/// The string or integer that an expression is.
#[must_use]
pub fn literal(text: &str) -> Option<Value> {
    match parse_expression(text).ok()?.expr() {
        Expr::StringLiteral(text) => Some(Value::Str(text.value.to_str().into())),
        Expr::NumberLiteral(number) => integer(&number.value),
        Expr::UnaryOp(operation) if operation.op == ast::UnaryOp::USub => match &*operation.operand {
            Expr::NumberLiteral(number) => match integer(&number.value)? {
                Value::Int(number) => number.checked_neg().map(Value::Int),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn integer(number: &Number) -> Option<Value> {
    match number {
        Number::Int(int) => int.as_i64().map(Value::Int),
        Number::Float(_) | Number::Complex { .. } => None,
    }
}

/// The search for names.
struct Look<'m> {
    atoms: &'m FxHashMap<&'m str, Atom>,
    names: Vec<Uses>,
    star: bool,
    /// What is found of names that nobody can ask for.
    other: Uses,
}

/// The name that an expression is, or the last one of an attribute.
fn name_of(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Name(name) => Some(name.id.as_str()),
        Expr::Attribute(attribute) => Some(attribute.attr.as_str()),
        _ => None,
    }
}

impl Look<'_> {
    fn name(&mut self, name: &str) -> &mut Uses {
        let atom = self.atoms.get(name);
        let uses = atom.and_then(|atom| self.names.get_mut(atom.0 as usize));
        uses.unwrap_or(&mut self.other)
    }

    /// An expression that only reads what is in the thing: what is inside is looked at, the name itself is not.
    fn reading(&mut self, expression: &Expr) {
        match expression {
            Expr::Name(_) => {}
            Expr::Attribute(attribute) => {
                self.name(attribute.attr.as_str()).shared = true;
                self.visit_expr(&attribute.value);
            }
            other => match vars_of(other) {
                Some(of) => self.visit_expr(of),
                None => self.visit_expr(other),
            },
        }
    }

    fn assigned(&mut self, target: &Expr, value: Option<&Expr>) {
        let display = |value: &Expr| matches!(value, Expr::Dict(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Set(_));
        match target {
            Expr::Name(name) => {
                let uses = self.name(name.id.as_str());
                match value {
                    Some(value) if display(value) => uses.literals = uses.literals.saturating_add(1),
                    _ => uses.bound_otherwise = true,
                }
            }
            other => self.visit_expr(other),
        }
    }

    fn binds(&mut self, name: &str) {
        self.name(name).bound_otherwise = true;
    }
}

/// The object of `vars(object)`.
fn vars_of(expression: &Expr) -> Option<&Expr> {
    let Expr::Call(call) = expression else {
        return None;
    };
    let is_vars = matches!(&*call.func, Expr::Name(name) if name.id.as_str() == "vars");
    match (&*call.arguments.args, &*call.arguments.keywords) {
        ([of], []) if is_vars => Some(of),
        _ => None,
    }
}

/// Methods that leave what they are called on as it is.
const READERS: &[&str] = &["get", "items", "keys", "values", "copy", "index", "count"];
/// Functions that leave what they are given as it is, and keep nothing of it.
const TAKERS: &[&str] = &[
    "len",
    "print",
    "sorted",
    "str",
    "repr",
    "list",
    "dict",
    "tuple",
    "set",
    "min",
    "max",
    "sum",
    "enumerate",
    "any",
    "all",
    "bool",
    "isinstance",
    "type",
    "id",
];

impl Look<'_> {
    /// The same, on a stack that has room for it.
    fn look_at(&mut self, expression: &Expr) {
        match expression {
            Expr::Subscript(subscript) if subscript.ctx.is_load() => {
                self.reading(&subscript.value);
                self.visit_expr(&subscript.slice);
            }
            Expr::Call(call) => {
                match &*call.func {
                    Expr::Attribute(method)
                        if READERS.contains(&method.attr.as_str())
                            && (name_of(&method.value).is_some() || vars_of(&method.value).is_some()) =>
                    {
                        if name_of(&method.value) != Some(method.attr.as_str()) {
                            let uses = self.name(method.attr.as_str());
                            uses.escapes = true;
                            uses.shared = true;
                        }
                        self.reading(&method.value);
                    }
                    function => self.visit_expr(function),
                }
                let keeps_nothing = matches!(&*call.func, Expr::Name(name) if TAKERS.contains(&name.id.as_str()));
                for argument in &call.arguments.args {
                    if keeps_nothing {
                        self.reading(argument);
                    } else {
                        self.visit_expr(argument);
                    }
                }
                for keyword in &call.arguments.keywords {
                    // What is passed on by `**` is a copy.
                    if keyword.arg.is_none() {
                        self.reading(&keyword.value);
                    } else {
                        self.visit_expr(&keyword.value);
                    }
                }
            }
            Expr::Compare(compare) => {
                self.visit_expr(&compare.left);
                for (operator, operand) in compare.ops.iter().zip(&compare.comparators) {
                    if matches!(operator, ast::CmpOp::In | ast::CmpOp::NotIn) {
                        self.reading(operand);
                    } else {
                        self.visit_expr(operand);
                    }
                }
            }
            _ => {
                if let Some(name) = name_of(expression) {
                    let stored = matches!(expression, Expr::Name(name) if name.ctx.is_store());
                    let uses = self.name(name);
                    uses.bound_otherwise |= stored;
                    uses.escapes |= !stored;
                    uses.shared |= expression.is_attribute_expr();
                }
                walk_expr(self, expression);
            }
        }
    }
}

impl<'a> Visitor<'a> for Look<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(assign) => {
                if let Some(name) = name_of(&assign.value) {
                    self.name(name).escapes = true;
                }
                self.visit_expr(&assign.value);
                for target in &assign.targets {
                    let value = Some(&*assign.value).filter(|_| assign.targets.len() == 1);
                    self.assigned(target, value);
                }
            }
            Stmt::AnnAssign(assign) if assign.value.is_some() => {
                self.visit_annotation(&assign.annotation);
                if let Some(value) = &assign.value {
                    self.visit_expr(value);
                }
                self.assigned(&assign.target, assign.value.as_deref());
            }
            Stmt::For(each) => {
                self.reading(&each.iter);
                self.visit_expr(&each.target);
                self.visit_body(&each.body);
                self.visit_body(&each.orelse);
            }
            Stmt::FunctionDef(function) => {
                self.binds(function.name.as_str());
                for parameter in function.parameters.iter() {
                    self.binds(parameter.name().as_str());
                }
                walk_stmt(self, statement);
            }
            Stmt::ClassDef(class) => {
                self.binds(class.name.as_str());
                walk_stmt(self, statement);
            }
            Stmt::Import(import) => {
                for alias in &import.names {
                    let bound = alias.asname.as_ref().map_or(alias.name.as_str(), |name| name.as_str());
                    self.binds(bound);
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    match &alias.asname {
                        // Under another name it cannot be followed.
                        Some(name) => {
                            self.name(alias.name.as_str()).escapes = true;
                            if name.as_str() != alias.name.as_str() {
                                self.binds(name.as_str());
                            }
                        }
                        None if alias.name.as_str() == "*" => self.star = true,
                        None => self.name(alias.name.as_str()).shared = true,
                    }
                }
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        const RED_ZONE: usize = 128 * 1024;
        const PIECE: usize = 2 * 1024 * 1024;
        stacker::maybe_grow(RED_ZONE, PIECE, || self.look_at(expression));
    }
    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(binding) => binding.name.as_ref(),
            Pattern::MatchStar(binding) => binding.name.as_ref(),
            Pattern::MatchMapping(binding) => binding.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.binds(name.as_str());
        }
        walk_pattern(self, pattern);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PythonVersion, read};

    /// How a text uses `C`.
    fn of_c(text: &str) -> Uses {
        let module = read(text.as_bytes(), PythonVersion::USUAL);
        module.uses(module.atom("C").unwrap())
    }

    #[test]
    fn a_name_that_is_only_read() {
        let read = of_c("C = {'a': 1}\nprint(C['a'], len(C), 'b' in C, C.get('b'))\nfor k in C: pass\n");
        assert_eq!((read.literals, read.bound_otherwise, read.escapes), (1, false, false));
    }

    #[test]
    fn a_name_that_may_change() {
        for more in [
            "C['b'] = 2",
            "C.update(b=2)",
            "f(C)",
            "d = C",
            "del C['a']",
            "C |= d",
            "f = lambda: C",
            "x.C.clear()",
        ] {
            let found = of_c(&format!("C = {{'a': 1}}\n{more}\n"));
            assert!(found.escapes || found.bound_otherwise, "{more}: {found:?}");
        }
        for more in [
            "def f(C): pass",
            "for C in d: pass",
            "import C",
            "C = f()",
            "with f() as C: pass",
        ] {
            assert!(of_c(&format!("C = [1]\n{more}\n")).bound_otherwise, "{more}");
        }
    }

    #[test]
    fn literals_of_keys() {
        assert_eq!(literal("'a'"), Some(Value::Str("a".into())));
        assert_eq!(literal("-1"), Some(Value::Int(-1)));
        assert_eq!(literal("a"), None);
    }
}
