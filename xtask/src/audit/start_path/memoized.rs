//! Functions that keep their results: `functools.lru_cache`, `functools.cache`.

use pysrc::Function;

use super::arguments::Arguments;
use super::call::changes_something;
use super::content::Holder;
use super::failure::Flow;
use super::pending::Body;
use super::value::{ModuleId, V, Variable};
use super::walk::Walker;

/// What CPython tells a call from others by: the object, values by place, values by name in the order in which they are written; nothing
/// where that is not known.
pub type Key = Option<String>;

/// What such a function keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// What it gave, by call.
    by_call: Vec<(String, Variable)>,
    /// It was called in other ways: of a call that is known it may have kept something else.
    otherwise: bool,
}

impl Results {
    fn of(&self, key: &str) -> Option<&Variable> {
        let found = self.by_call.iter().find(|(known, _)| known == key);
        found.map(|(_, kept)| kept)
    }
}

/// What a call is told from others by.
pub fn key(of: Option<&V>, arguments: &Arguments) -> Key {
    let of = match of {
        None => String::new(),
        Some(V::Class(module, class)) => format!("{module}.{class}:"),
        Some(_) => return None,
    };
    // `1`, `1.0` and `True` are one; of these the first alone is taken.
    let plain = |value: &V| matches!(value, V::None | V::Str(_) | V::Path(_) | V::Int(_));
    let named = arguments.named.iter().map(|(_, value)| value);
    let known = arguments.sure && !arguments.open && arguments.positional.iter().chain(named).all(plain);
    known.then(|| format!("{of}{:?}{:?}", arguments.positional, arguments.named))
}

impl Walker<'_> {
    /// What such a function gave before to such a call.
    pub fn kept_result(&mut self, function: (ModuleId, u32), key: &Key) -> Option<V> {
        let kept = self.kept_results.get(&function)?;
        let kept = kept.of(key.as_deref()?).filter(|_| !kept.otherwise)?.clone();
        self.sure = kept.sure;
        Some(kept.value)
    }

    /// The body of such a function. Where it ran before with what may be the same, it gives what it made then.
    pub fn body_that_is_kept(&mut self, body: Body, name: &str, key: Key) -> (V, Flow) {
        let function = (body.module, body.function);
        let again = self.followed.contains(&function);
        let (value, flow) = self.body(body);
        if flow != Flow::Next {
            return (value, flow);
        }
        self.hold(&value, &Holder::Result(name.to_owned()));
        self.put_in(&value);
        let mut kept = self.kept_results.get(&function).cloned().unwrap_or_default();
        let known = key.is_some() && self.is_sure_way() && !kept.otherwise;
        let result = Variable {
            value: value.clone(),
            sure: self.sure,
        };
        kept.by_call.push((key.unwrap_or_default(), result));
        kept.otherwise |= !known;
        let plain = matches!(
            value,
            V::None | V::Bool(_) | V::Int(_) | V::Float(_) | V::Str(_) | V::Concat(_) | V::Class(..) | V::Function(..)
        );
        if !known && again && !plain {
            // It may be any of them.
            for (_, result) in &kept.by_call {
                self.open_object(&result.value);
            }
            self.sure = false;
        }
        self.kept_results.insert(function, kept);
        match !known && again && !plain {
            true => (V::Unknown, flow),
            false => (value, flow),
        }
    }

    /// Whether such a function may give what it has kept, and do nothing again of what it does otherwise.
    pub fn may_give_what_it_kept(
        &mut self,
        source: &pysrc::Module,
        function: (ModuleId, u32),
        facts: &Function,
        key: &Key,
    ) -> bool {
        let otherwise = self.kept_results.get(&function).is_some_and(|kept| kept.otherwise);
        let may = key.is_none() || otherwise;
        let again = may && self.followed.contains(&function) && changes_something(source, facts);
        if again {
            self.called_unseen.insert(facts.name.to_string());
            self.sure = false;
        }
        again
    }
}
