//! `copy.copy(…)` and `copy.deepcopy(…)`: values that are equal and are not the same.

use rustc_hash::FxHashMap as HashMap;

use super::arguments::Arguments;
use super::content::{Content, Data};
use super::value::V;
use super::walk::Walker;

/// Copies that were made already, by what they are copies of: what is twice in the original is one value in its copy, too.
type Made = HashMap<usize, V>;

impl Walker<'_> {
    /// What a function of `copy` gives; not known where a class of the tree may have a say, or a value that is not known is in it.
    pub fn copied_by(&mut self, function: &str, arguments: &Arguments) -> V {
        let [of] = arguments.positional.as_slice() else {
            return V::Unknown;
        };
        if arguments.open || !arguments.sure || arguments.are_named() {
            return V::Unknown;
        }
        match function {
            "copy.deepcopy" => self.deep(of, &mut Made::default()),
            _ => self.shallow(of),
        }
    }

    /// A value of its own with the same parts.
    fn shallow(&mut self, of: &V) -> V {
        let Some(Data { content, path, .. }) = self.kept(of) else {
            return unchanging(of);
        };
        let (content, path) = (content.clone(), path.clone());
        self.new_data(content, path)
    }

    /// A value of which every part is its own.
    fn deep(&mut self, of: &V, made: &mut Made) -> V {
        match of {
            V::List(parts) if self.changed_lists.contains(parts) => V::Unknown,
            V::List(parts) => V::List(parts.iter().map(|part| self.deep(part, made)).collect()),
            V::Dict(items) => {
                let items = items.iter();
                let items = items.map(|(key, value)| (key.clone(), self.deep(value, made)));
                V::Dict(items.collect())
            }
            V::Mapping(id) | V::Sequence(id) => {
                if let Some(copy) = made.get(id) {
                    return copy.clone();
                }
                // One that is in itself ends here.
                made.insert(*id, V::Unknown);
                let Some(Data { content, path, .. }) = self.kept(of) else {
                    return V::Unknown;
                };
                let (content, path) = (content.clone(), path.clone());
                let content = match content {
                    Content::Mapping(items) => {
                        let items = items.into_iter();
                        Content::Mapping(items.map(|(key, value)| (key, self.deep(&value, made))).collect())
                    }
                    Content::Sequence(items) => {
                        Content::Sequence(items.iter().map(|item| self.deep(item, made)).collect())
                    }
                };
                let copy = self.new_data(content, path);
                made.insert(*id, copy.clone());
                copy
            }
            other => unchanging(other),
        }
    }
}

/// What is its own copy because nothing can change it.
fn unchanging(value: &V) -> V {
    match value {
        V::None
        | V::Bool(_)
        | V::Int(_)
        | V::Float(_)
        | V::Str(_)
        | V::Path(_)
        | V::Concat(_)
        | V::Text(_)
        | V::Range(..)
        | V::Pattern(_)
        | V::Class(..)
        | V::Function(..) => value.clone(),
        _ => V::Unknown,
    }
}
