//! Steps of bodies, whatever decides whether they run.

use pysrc::{Atom, Condition, Step, Test, Value};

/// Deepest value that is looked into.
const DEEPEST: usize = 12;

/// Calls with each body in a step that runs in the same scope.
pub fn inner<'b>(step: &'b Step, with: &mut dyn FnMut(&'b [Step])) {
    match step {
        Step::Branch(branch) => branch.arms.iter().for_each(|arm| with(arm)),
        Step::Loop(turns) => {
            with(&turns.body);
            with(&turns.orelse);
        }
        Step::Try(tried) => {
            with(&tried.body);
            tried.handlers.iter().for_each(|handler| with(&handler.body));
            with(&tried.orelse);
            with(&tried.finally);
        }
        _ => {}
    }
}

/// Calls with each step of a body, and of those in it.
pub fn all<'b>(body: &'b [Step], with: &mut dyn FnMut(&'b Step)) {
    for step in body {
        with(step);
        inner(step, &mut |body| all(body, with));
    }
}

/// What a name gets in a body.
pub fn stored(body: &[Step], name: Atom) -> Vec<&Value> {
    let mut found = Vec::new();
    all(body, &mut |step| {
        if let Step::Store {
            name: stored,
            value: Some(value),
            ..
        } = step
            && *stored == name
        {
            found.push(&**value);
        }
    });
    found
}

/// Calls with each condition of a body: of branches, and in values that are stored or returned.
pub fn conditions<'b>(body: &'b [Step], with: &mut dyn FnMut(&'b Condition)) {
    all(body, &mut |step| match step {
        Step::Branch(branch) => {
            for test in std::iter::once(&branch.test).chain(&branch.rest) {
                if let Test::When(condition) = test {
                    with(condition);
                }
            }
        }
        Step::Store { value: Some(value), .. } | Step::StoreAttribute { value: Some(value), .. } => {
            of_value(value, 0, with);
        }
        Step::Leave { value: Some(value), .. } => of_value(value, 0, with),
        _ => {}
    });
}

/// Calls with each comparison of two values in a condition.
pub fn comparisons<'b>(condition: &'b Condition, with: &mut dyn FnMut(&'b Value, &'b Value)) {
    match condition {
        Condition::Equal(both) | Condition::In(both) => {
            with(&both.0, &both.1);
            with(&both.1, &both.0);
        }
        Condition::Not(inner) => comparisons(inner, with),
        Condition::All(all) | Condition::Any(all) => all.iter().for_each(|one| comparisons(one, with)),
        _ => {}
    }
}

fn of_value<'b>(value: &'b Value, depth: usize, with: &mut dyn FnMut(&'b Condition)) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Choice(choice) => {
            with(&choice.condition);
            of_value(&choice.yes, depth + 1, with);
            of_value(&choice.no, depth + 1, with);
        }
        Value::Test(condition) => with(condition),
        Value::Subscript(left, right) | Value::Binary(_, left, right) => {
            of_value(left, depth + 1, with);
            of_value(right, depth + 1, with);
        }
        Value::Attribute(inner, _) => of_value(inner, depth + 1, with),
        Value::Or(values) | Value::Either(values) | Value::List(values) | Value::Concat(values) => {
            values.iter().for_each(|value| of_value(value, depth + 1, with));
        }
        _ => {}
    }
}
