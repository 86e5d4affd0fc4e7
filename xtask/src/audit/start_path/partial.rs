//! `functools.partial`: a function with some of what it is called with.

use std::sync::Arc;

use pysrc::Call;

use super::arguments::Arguments;
use super::failure::Flow;
use super::value::{ModuleId, V};
use super::walk::Walker;

/// A function of the tree, or a class, with some of its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    /// What is called.
    callee: V,
    /// What it is given first.
    positional: Vec<V>,
    /// What it is given by name, unless a call gives another.
    named: Vec<(String, V)>,
    /// Those of which is not sure what they are: places and names.
    doubtful: (Vec<usize>, Vec<String>),
}

impl Partial {
    /// All that it keeps.
    pub fn held(&self) -> impl Iterator<Item = &V> {
        let named = self.named.iter().map(|(_, value)| value);
        [&self.callee].into_iter().chain(&self.positional).chain(named)
    }
}

impl Walker<'_> {
    /// `functools.partial(callee, …)`, as far as what is called is of the tree.
    pub fn partial(&mut self, arguments: &Arguments) -> V {
        let Some((callee, positional)) = arguments.positional.split_first() else {
            return V::Unknown;
        };
        let of_the_tree = callee.closure().is_some() || matches!(callee, V::Class(..) | V::Partial(_));
        if arguments.open || arguments.doubtful.0.contains(&0) || !of_the_tree {
            self.escape(arguments);
            return V::Unknown;
        }
        let partial = Partial {
            callee: callee.clone(),
            positional: positional.to_vec(),
            named: arguments.named.clone(),
            doubtful: (
                arguments.doubtful.0.iter().map(|at| at - 1).collect(),
                arguments.doubtful.1.clone(),
            ),
        };
        // Whoever gets it may call it; what it is given stays with it.
        partial.positional.iter().for_each(|value| self.open_object(value));
        partial.named.iter().for_each(|(_, value)| self.open_object(value));
        V::Partial(Arc::new(partial))
    }

    /// A call of what `functools.partial` gave.
    pub fn call_partial(&mut self, here: ModuleId, call: &Call, partial: &Partial, arguments: &Arguments) -> (V, Flow) {
        let before = partial.positional.len();
        let kept = partial.named.iter().filter(|(name, _)| arguments.named(name).is_none());
        let named = kept.chain(&arguments.named).cloned().collect();
        let later = arguments.doubtful.0.iter().map(|at| at + before);
        let places: Vec<usize> = partial.doubtful.0.iter().copied().chain(later).collect();
        let names: Vec<String> = partial
            .doubtful
            .1
            .iter()
            .chain(&arguments.doubtful.1)
            .cloned()
            .collect();
        let all = Arguments {
            positional: partial
                .positional
                .iter()
                .chain(&arguments.positional)
                .cloned()
                .collect(),
            named,
            open: arguments.open,
            sure: places.is_empty() && names.is_empty(),
            doubtful: (places, names),
        };
        self.apply(here, call, partial.callee.clone(), &all)
    }
}
