//! Looks through the steps of bodies and of those inside them, in whatever order they run.

use pysrc::{Atom, Leave, Module, Step, Value};

pub use crate::python::steps::all as visit;
use crate::python::steps::inner;

/// Whether a function inside that one binds one of its names.
pub fn binds_from_within(source: &Module, function: u32, name: Atom) -> bool {
    let is_inside = |mut at: Option<u32>| {
        while let Some(index) = at {
            if index == function {
                return true;
            }
            at = source.functions.get(index as usize).and_then(|facts| facts.outer);
        }
        false
    };
    // The body of a class may bind it, too, by `nonlocal`.
    let by_class = source.functions.get(function as usize).is_some_and(|facts| {
        any_step(&facts.body, &mut |step| match step {
            Step::Class(class) => source.classes.get(*class as usize).is_some_and(|class| {
                any_step(
                    &class.body,
                    &mut |step| matches!(step, Step::Store { name: stored, .. } if *stored == name),
                )
            }),
            _ => false,
        })
    });
    by_class
        || source.functions.iter().any(|inner| {
            if !is_inside(inner.outer) || inner.locals.binary_search(&name).is_ok() {
                return false;
            }
            let mut binds = false;
            visit(&inner.body, &mut |step| match step {
                Step::Store { name: stored, .. } | Step::Delete { name: stored, .. } => binds |= *stored == name,
                Step::Import(import) => {
                    let bound = source.imports.get(*import as usize).and_then(|import| import.binds);
                    binds |= bound == Some(name);
                }
                Step::Function(made) => {
                    binds |= source
                        .functions
                        .get(*made as usize)
                        .is_some_and(|made| made.atom == name);
                }
                Step::Class(made) => binds |= source.classes.get(*made as usize).is_some_and(|made| made.atom == name),
                _ => {}
            });
            binds
        })
}

/// What each `return` of a body gives.
pub fn returned<'a>(body: &'a [Step], into: &mut Vec<Option<&'a Value>>) {
    for step in body {
        match step {
            Step::Leave {
                how: Leave::Return,
                value,
                ..
            } => into.push(value.as_deref()),
            _ => inner(step, &mut |body| returned(body, into)),
        }
    }
}

/// Whether something is true of any step of a body or of those inside it.
pub fn any_step(body: &[Step], is: &mut dyn FnMut(&Step) -> bool) -> bool {
    let mut found = false;
    visit(body, &mut |step| found |= is(step));
    found
}
