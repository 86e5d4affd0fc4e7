//! Functions that keep their results: `functools.lru_cache`, `functools.cache`.

use pysrc::Function;

use super::arguments::Arguments;
use super::call::changes_something;
use super::failure::Flow;
use super::pending::Body;
use super::value::{ModuleId, V, Variable};
use super::walk::Walker;

/// What stands for every call of which it is not known what it is given.
const ANY: &str = "*";

/// A call of a function that keeps its results, by what CPython tells such calls from each other by: the object, values by place, values
/// by name in the order in which they are written; nothing where that is not known.
pub type Given = Option<String>;

/// What a call is told from others by.
pub fn given(of: Option<&V>, arguments: &Arguments) -> Given {
    let of = match of {
        None => String::new(),
        Some(V::Class(module, class)) => format!("{module}.{class}:"),
        Some(_) => return None,
    };
    // `1`, `1.0` and `True` are one key; of these the first alone is taken.
    let plain = |value: &V| matches!(value, V::None | V::Str(_) | V::Path(_) | V::Int(_));
    let named = arguments.named.iter().map(|(_, value)| value);
    let known = arguments.sure && !arguments.open && arguments.positional.iter().chain(named).all(plain);
    known.then(|| format!("{of}{:?}{:?}", arguments.positional, arguments.named))
}

impl Walker<'_> {
    /// What such a function gave before to such a call.
    pub fn kept_result(&mut self, (module, function): (ModuleId, u32), given: &Given) -> Option<V> {
        let kept = self.kept_results.get(&(module, function, given.clone()?))?.clone();
        self.sure = kept.sure;
        Some(kept.value)
    }

    /// The body of such a function. Where it ran before with what may be the same, it gives what it made then.
    pub fn body_that_is_kept(&mut self, body: Body, given: Given) -> (V, Flow) {
        let (module, function) = (body.module, body.function);
        let again = self.followed.contains(&(module, function));
        let (value, flow) = self.body(body);
        if flow != Flow::Next {
            return (value, flow);
        }
        let any = (module, function, ANY.to_owned());
        let others = again && self.kept_results.get(&any).is_some();
        match given.filter(|_| self.is_sure_way()) {
            Some(given) if !others => {
                let kept = Variable {
                    value: value.clone(),
                    sure: self.sure,
                };
                self.kept_results.insert((module, function, given), kept);
                return (value, flow);
            }
            Some(_) => {}
            None => {
                let unknown = Variable {
                    value: V::Unknown,
                    sure: false,
                };
                self.kept_results.insert(any, unknown);
            }
        }
        let plain = matches!(
            value,
            V::None | V::Bool(_) | V::Int(_) | V::Float(_) | V::Str(_) | V::Concat(_) | V::Class(..) | V::Function(..)
        );
        if again && !plain {
            self.open_object(&value);
            self.sure = false;
            return (V::Unknown, flow);
        }
        (value, flow)
    }

    /// Whether such a function may give what it has kept, and do nothing again of what it does otherwise.
    pub fn may_give_what_it_kept(
        &mut self,
        source: &pysrc::Module,
        function: (ModuleId, u32),
        facts: &Function,
        given: &Given,
    ) -> bool {
        let any = (function.0, function.1, ANY.to_owned());
        let may = given.is_none() || self.kept_results.get(&any).is_some();
        let again = may && self.followed.contains(&function) && changes_something(source, facts);
        if again {
            self.called_unseen.insert(facts.name.to_string());
            self.sure = false;
        }
        again
    }
}
