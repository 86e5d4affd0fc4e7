//! `def` and `class`.

use ruff_python_ast::{self as ast, Expr};

use super::refused::{Context, Where};
use super::statement::dotted;
use super::{Hidden, Kind, Lower, Scope, index, span};
use crate::facts::*;

impl<'a> Lower<'a> {
    /// Names and values of decorators.
    fn decorators(&mut self, decorators: &'a [ast::Decorator]) -> (Vec<Box<str>>, Box<[Value]>) {
        let named = decorators.iter().map(|decorator| {
            if self.outline {
                self.visit(&decorator.expression);
                return (Box::default(), Value::Other);
            }
            let value = self.value(&decorator.expression);
            let called = match &decorator.expression {
                Expr::Call(call) => &*call.func,
                other => other,
            };
            (dotted(called).unwrap_or_default(), value)
        });
        let (names, values): (_, Vec<Value>) = named.unzip();
        (names, values.into())
    }

    pub(super) fn function_def(&mut self, def: &'a ast::StmtFunctionDef) {
        let (decorators, wrappers) = self.decorators(&def.decorator_list);
        self.type_parameters(def.type_params.as_deref());
        let parameters = self.parameters(&def.parameters);
        if let Some(returns) = &def.returns {
            self.annotation(returns);
        }
        let position = index(self.module.functions.len());
        let class = match self.kind() {
            Kind::Class(class) => Some(class),
            Kind::Module | Kind::Function(_) => None,
        };
        let scope = Scope::of_function(position, &parameters);
        self.check_parameters(&def.parameters);
        self.check_name(def.name.as_str(), span(&def.name));
        if self.kind() == Kind::Module && def.name.as_str() == "__getattr__" {
            self.module.dynamic_names = true;
        }
        let name = self.atom(def.name.as_str());
        let place = span(&def.name);
        self.bind(name, BindingKind::Function(position), place, None);
        self.module.functions.push(Function {
            name: def.name.as_str().into(),
            atom: name,
            span: place,
            class,
            outer: self.function(),
            parameters,
            decorators,
            wrappers,
            fills_parameters: false,
            is_async: def.is_async,
            generator: false,
            locals: Vec::new(),
            body: Body::default(),
        });
        if let Some(class) = class.and_then(|class| self.module.classes.get_mut(class as usize)) {
            class.methods.push(position);
        }
        let (guard, loops, mark) = (self.guard, std::mem::take(&mut self.loops), self.steps.len());
        let hidden = std::mem::take(&mut self.hidden);
        let step_depth = std::mem::take(&mut self.step_depth);
        self.guard = Guard {
            function: true,
            type_checking: guard.type_checking,
            ..Guard::default()
        };
        self.scopes.push(scope);
        self.contexts.push(Context::new(if def.is_async {
            Where::AsyncFunction
        } else {
            Where::Function
        }));
        let since = self.unbound_nonlocals.len();
        self.statements(&def.body);
        let scope = self.scopes.pop();
        let context = self.contexts.pop();
        if let Some(scope) = &scope {
            self.bind_nonlocals(scope, since);
            self.check_function(scope, def.is_async, context);
        }
        let scope = scope.map(|scope| self.check_declared(&def.body, scope, Some(position)));
        self.guard = guard;
        self.loops = loops;
        self.hidden = hidden;
        self.step_depth = step_depth;
        self.has_body(position, scope, mark);
        self.step(|| Step::Function(position));
    }

    /// A `lambda`: a function without a name, whose body is the value that it gives.
    pub(super) fn lambda(&mut self, lambda: &'a ast::ExprLambda) -> Value {
        let parameters = lambda
            .parameters
            .as_ref()
            .map_or_else(Parameters::default, |parameters| {
                self.check_parameters(parameters);
                self.parameters(parameters)
            });
        let position = index(self.module.functions.len());
        let scope = Scope::of_function(position, &parameters);
        let place = span(lambda);
        let function = Function {
            name: "<lambda>".into(),
            atom: self.atom("<lambda>"),
            span: place,
            class: None,
            outer: self.function(),
            parameters,
            decorators: Vec::new(),
            wrappers: Box::default(),
            fills_parameters: false,
            is_async: false,
            generator: false,
            locals: Vec::new(),
            body: Body::default(),
        };
        self.module.functions.push(function);
        // What a comprehension around it goes through is something else by the time that it is called.
        let around = self.hidden.iter().map(|hidden| hidden.name);
        let unknown = around.filter(|name| !scope.bound.contains(name)).map(Hidden::unknown);
        let unknown = unknown.collect();
        let hidden = std::mem::replace(&mut self.hidden, unknown);
        let each_from = std::mem::replace(&mut self.each_from, usize::MAX);
        let comprehensions = std::mem::take(&mut self.comprehensions);
        let (guard, loops, mark) = (self.guard, std::mem::take(&mut self.loops), self.steps.len());
        let step_depth = std::mem::take(&mut self.step_depth);
        self.guard.function = true;
        self.guard.conditional = true;
        let in_lambda = std::mem::replace(&mut self.in_lambda, true);
        self.scopes.push(scope);
        self.in_context(Where::Lambda, false, place, |lower| {
            let value = lower.deeper(|lower| lower.value(&lambda.body));
            lower.take(&lambda.body, &value, Taken::Kept);
            lower.leave(Leave::Return, place, Some(value));
        });
        let scope = self.scopes.pop();
        self.in_lambda = in_lambda;
        self.guard = guard;
        self.loops = loops;
        self.step_depth = step_depth;
        self.comprehensions = comprehensions;
        self.each_from = each_from;
        self.hidden = hidden;
        self.has_body(position, scope, mark);
        self.step(|| Step::Lambda(position));
        Value::Lambda(position)
    }

    /// Gives a function the steps since `mark` as its body, and what its scope has been found to bind.
    fn has_body(&mut self, position: u32, scope: Option<Scope<'a>>, mark: usize) {
        let body = self.steps.drain(mark..).collect();
        if let (Some(function), Some(scope)) = (self.module.functions.get_mut(position as usize), scope) {
            function.body = body;
            function.generator = scope.generator;
            function.locals = scope.bound.into_iter().collect();
            function.locals.sort_unstable();
        }
    }

    fn parameters(&mut self, parameters: &'a ast::Parameters) -> Parameters {
        let mut all = Vec::new();
        for parameter in parameters.iter_non_variadic_params() {
            let default = parameter.default.as_ref().map(|default| self.assigned(default));
            all.push(Parameter {
                name: self.atom(parameter.parameter.name.as_str()),
                has_default: default.is_some(),
                default: default.filter(|default| *default != Value::Other),
            });
        }
        for parameter in parameters.iter() {
            match parameter.annotation() {
                Some(Expr::Starred(starred)) => self.annotation(&starred.value),
                Some(annotation) => self.annotation(annotation),
                None => {}
            }
        }
        Parameters {
            all,
            positional_only: index(parameters.posonlyargs.len()),
            positional: index(parameters.posonlyargs.len() + parameters.args.len()),
            star: parameters.vararg.as_ref().map(|star| self.atom(star.name.as_str())),
            double_star: parameters.kwarg.as_ref().map(|star| self.atom(star.name.as_str())),
        }
    }

    /// `[T]` of a function or class: names that annotations and bases read. They are taken for names of the scope around it.
    fn type_parameters(&mut self, parameters: Option<&'a ast::TypeParams>) {
        for parameter in parameters.into_iter().flat_map(|parameters| &parameters.type_params) {
            let name = parameter.name();
            self.store(name.as_str(), span(name), None);
        }
    }

    pub(super) fn class_def(&mut self, def: &'a ast::StmtClassDef) {
        let (decorators, wrappers) = self.decorators(&def.decorator_list);
        self.type_parameters(def.type_params.as_deref());
        let mut bases = Vec::new();
        let (mut metaclass, mut keywords, mut other_metaclass) = (None, false, false);
        let mut named = Some(Vec::new());
        if let Some(arguments) = &def.arguments {
            for base in &arguments.args {
                if let Expr::Starred(starred) = base {
                    (keywords, named) = (true, None);
                    self.visit(&starred.value);
                    bases.push(Value::Other);
                } else {
                    bases.push(self.assigned(base));
                }
            }
            self.check_keywords(&arguments.keywords);
            for keyword in &arguments.keywords {
                if keyword.arg.as_ref().is_some_and(|name| name.as_str() == "metaclass") && !self.outline {
                    let checks = dotted(&keyword.value).is_some_and(|name| matches!(&*name, "ABCMeta" | "abc.ABCMeta"));
                    other_metaclass |= !checks;
                    metaclass = Some(Box::new(self.value(&keyword.value)));
                } else {
                    keywords = true;
                    let value = self.assigned(&keyword.value);
                    match (&keyword.arg, &mut named) {
                        (Some(name), Some(named)) => named.push((self.atom(name.as_str()), value)),
                        _ => named = None,
                    }
                }
            }
        }
        let position = index(self.module.classes.len());
        let name = self.atom(def.name.as_str());
        let place = span(&def.name);
        self.check_name(def.name.as_str(), place);
        self.bind(name, BindingKind::Class(position), place, None);
        self.module.classes.push(Class {
            name: def.name.as_str().into(),
            atom: name,
            span: place,
            bases,
            metaclass,
            keywords,
            named: named.map(Vec::into_boxed_slice),
            unusual: keywords || other_metaclass || !decorators.is_empty(),
            decorators,
            wrappers,
            fields: if self.outline {
                None
            } else {
                super::dataclass::fields(def)
            },
            methods: Vec::new(),
            body: Body::default(),
        });
        let hidden = std::mem::take(&mut self.hidden);
        let loops = std::mem::take(&mut self.loops);
        self.scopes.push(Scope::new(Kind::Class(position)));
        self.contexts.push(Context::new(Where::Class));
        let body = self.nested(|lower| lower.statements(&def.body));
        self.contexts.pop();
        if let Some(scope) = self.scopes.pop() {
            self.check_declared(&def.body, scope, None);
        }
        self.loops = loops;
        self.hidden = hidden;
        if let Some(class) = self.module.classes.get_mut(position as usize) {
            class.body = body;
        }
        self.step(|| Step::Class(position));
    }
}
