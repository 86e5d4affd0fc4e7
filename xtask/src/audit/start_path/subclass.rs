//! Objects of classes that are made of `dict`: what they have as a dictionary.

use super::arguments::Arguments;
use super::class::Lookup;
use super::value::{ModuleId, V, Variable};
use super::walk::Walker;

/// The attribute that keeps what such an object has as a dictionary: nothing that is written has that name.
const ITEMS: &str = "[]";

/// What Python does with a dictionary by other names than those of its methods.
const OPERATIONS: &[&str] = &[
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__contains__",
    "__iter__",
    "__len__",
];

impl Walker<'_> {
    /// Whether all that is above a class is of the tree, but for `dict`.
    pub fn is_dictionary_class(&self, class: (ModuleId, u32)) -> bool {
        let order = self.order(class.0, class.1);
        let mut of_dictionary = false;
        let all = order.iter().flatten().all(|class| {
            self.bases.get(class).is_some_and(|bases| {
                bases.iter().all(|base| match base {
                    V::Class(..) => true,
                    V::Outside(name) => {
                        of_dictionary |= name == "builtins.dict";
                        name == "builtins.dict"
                    }
                    _ => false,
                })
            })
        });
        all && of_dictionary
    }

    /// Gives a new object of such a class what `dict(…)` makes of the arguments. Whether that is known.
    pub fn fills_dictionary(&mut self, instance: &V, class: (ModuleId, u32), arguments: &Arguments) -> bool {
        let V::Instance(id) = instance else {
            return false;
        };
        // What it does in its own way is not what a dictionary does.
        let own = |name: &str| !matches!(self.find_method(class.0, class.1, name), Lookup::Unknown);
        let methods = pysrc::members::names("dict")
            .into_iter()
            .flatten()
            .filter(|name| !name.starts_with("__"));
        if arguments.open
            || !arguments.sure
            || !self.is_dictionary_class(class)
            || OPERATIONS.iter().copied().chain(methods).any(own)
            || self.is_found(class, "__missing__")
        {
            return false;
        }
        let Some(value) = self.copied(&arguments.positional, &arguments.named) else {
            return false;
        };
        if let Some(object) = self.objects.get_mut(*id) {
            object
                .attributes
                .insert(ITEMS.to_owned(), Variable { value, sure: true });
        }
        true
    }

    fn is_found(&self, class: (ModuleId, u32), name: &str) -> bool {
        matches!(self.find_method(class.0, class.1, name), Lookup::Found(..))
    }

    /// What an object of such a class has as a dictionary; any other value as it is.
    pub fn as_dictionary(&self, value: V) -> V {
        match &value {
            V::Instance(id) => self.dictionary_of(*id).unwrap_or(value),
            _ => value,
        }
    }

    /// The same of an object.
    pub fn dictionary_of(&self, id: usize) -> Option<V> {
        let items = self.objects.get(id)?.attributes.get(ITEMS);
        items.filter(|items| items.sure).map(|items| items.value.clone())
    }
}
