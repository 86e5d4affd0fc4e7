//! Classes of the tree: the order in which they are searched, and why one cannot be made.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::assigned::Given;
use super::value::{ModuleId, V};
use super::walk::Walker;

/// What looking for a method gives.
pub enum Lookup {
    Found(ModuleId, u32),
    /// Not there, and all classes above are known.
    NotThere,
    Unknown,
}

/// A class, or none for one that is not known.
pub type Entry = Option<(ModuleId, u32)>;

/// Classes above each other after which no more are looked at.
const DEEPEST: usize = 30;

/// Methods that `dataclass` may make.
const MADE_FOR_FIELDS: &[&str] = &[
    "__init__",
    "__repr__",
    "__eq__",
    "__hash__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__setattr__",
    "__delattr__",
];

/// Most classes above one, itself among them, that are searched: those of more are not known.
const MOST: usize = 128;

/// Whether a class of the standard library has nothing that an object of a class below it could miss.
fn is_bare(name: &str) -> bool {
    matches!(name, "builtins.object" | "abc.ABC" | "abc.ABCMeta" | "typing.Generic")
}

/// One class in front of lists of those above it, merged as Python does.
fn merged(first: (ModuleId, u32), mut lists: Vec<Vec<Entry>>) -> Result<Vec<Entry>, ()> {
    let mut order = vec![Some(first)];
    loop {
        lists.retain(|list| !list.is_empty());
        if lists.is_empty() {
            return Ok(order);
        }
        let in_a_tail =
            |entry: &Entry| entry.is_some() && lists.iter().any(|list| list.iter().skip(1).any(|other| other == entry));
        let Some(next) = lists
            .iter()
            .filter_map(|list| list.first())
            .find(|entry| !in_a_tail(entry))
            .copied()
        else {
            return Err(());
        };
        order.push(next);
        match next {
            Some(_) => lists.iter_mut().for_each(|list| {
                if list.first() == Some(&next) {
                    list.remove(0);
                }
            }),
            None => {
                if let Some(list) = lists.iter_mut().find(|list| list.first() == Some(&None)) {
                    list.remove(0);
                }
            }
        }
    }
}

impl Walker<'_> {
    pub fn find_method(&self, module: ModuleId, class: u32, name: &str) -> Lookup {
        let order = self.order(module, class);
        match self.find_among(&order, name) {
            Lookup::Unknown
                if order.last() == Some(&None)
                    && !pysrc::members::has("dict", name)
                    && self.is_dictionary_class((module, class)) =>
            {
                let own: Vec<Entry> = order.into_iter().filter(Option::is_some).collect();
                self.find_among(&own, name)
            }
            found => found,
        }
    }

    /// What a class is made of. Orders that were told of it before hold no more.
    pub fn set_bases(&mut self, class: (ModuleId, u32), bases: Vec<V>) {
        if self.bases.get(&class) != Some(&bases) {
            self.orders.get_mut().clear();
            self.bases.insert(class, bases);
        }
    }

    /// A class and those above it, in the order in which they are searched; nothing for one that is not known.
    pub fn order(&self, module: ModuleId, class: u32) -> Vec<Entry> {
        let order = self.order_unseen(module, class);
        self.tells_order((module, class), &order);
        order
    }

    /// The same, unseen by recordings.
    pub fn order_unseen(&self, module: ModuleId, class: u32) -> Vec<Entry> {
        if let Some(known) = self.orders.borrow().get(&(module, class)) {
            return known.clone();
        }
        let order = self
            .linear((module, class), 0, &mut HashMap::default())
            .unwrap_or_else(|()| vec![Some((module, class)), None]);
        self.orders.borrow_mut().insert((module, class), order.clone());
        order
    }

    /// The same as Python computes it; an error where it cannot. `known` are those that were computed on the way: classes whose
    /// bases have bases in common would otherwise be gone through once for every way up.
    fn linear(
        &self,
        at: (ModuleId, u32),
        depth: usize,
        known: &mut HashMap<(ModuleId, u32), Result<Vec<Entry>, ()>>,
    ) -> Result<Vec<Entry>, ()> {
        if let Some(order) = known.get(&at) {
            return order.clone();
        }
        let unknown = vec![Some(at), None];
        if depth > DEEPEST {
            return Ok(unknown);
        }
        // A class that is made again below itself.
        known.insert(at, Ok(unknown.clone()));
        let mut lists: Vec<Vec<Entry>> = Vec::new();
        let mut direct: Vec<Entry> = Vec::new();
        let bases = self.bases.get(&at).map_or(&[][..], Vec::as_slice);
        if bases.len() > MOST {
            return Ok(unknown);
        }
        for base in bases {
            match base {
                V::Class(module, class) => {
                    lists.push(self.linear((*module, *class), depth + 1, known)?);
                    direct.push(Some((*module, *class)));
                }
                V::Outside(name) if is_bare(name) => {}
                _ => {
                    // Searched in its place; what is above it is not known.
                    lists.push(vec![None]);
                    direct.push(None);
                }
            }
        }
        lists.push(direct);
        let order = match merged(at, lists) {
            Ok(order) if order.len() > MOST => Ok(unknown),
            other => other,
        };
        known.insert(at, order.clone());
        order
    }

    pub fn find_among(&self, order: &[Option<(ModuleId, u32)>], name: &str) -> Lookup {
        for entry in order {
            let Some((module, class)) = entry else {
                return Lookup::Unknown;
            };
            let Some(source) = self.source(*module) else {
                return Lookup::Unknown;
            };
            let Some(facts) = source.classes.get(*class as usize) else {
                return Lookup::Unknown;
            };
            if self.is_unusual(facts, (*module, *class)) || self.was_given((*module, *class), name) {
                return Lookup::Unknown;
            }
            let found = facts.methods.iter().rev().find(|method| {
                source
                    .functions
                    .get(**method as usize)
                    .is_some_and(|function| &*function.name == name)
            });
            // `name = staticmethod(name)`, `__init__ = make`: something else by now.
            let rebound = (found.is_some() || name.starts_with("__"))
                && source.attributes.iter().any(|attribute| {
                    attribute.class == *class && attribute.function.is_none() && &*attribute.name == name
                });
            if rebound {
                return Lookup::Unknown;
            }
            if let Some(found) = found {
                return Lookup::Found(*module, *found);
            }
            if MADE_FOR_FIELDS.contains(&name) && facts.fields.is_some() {
                return Lookup::Unknown;
            }
        }
        Lookup::NotThere
    }

    /// Whether what makes a class may have made something else of it than is written.
    pub fn is_unusual(&self, facts: &pysrc::Class, class: (ModuleId, u32)) -> bool {
        facts.unusual && !self.usual.contains(&class)
    }

    /// Whether a class may have got an attribute of that name after it was made.
    pub fn was_given(&self, (module, class): (ModuleId, u32), name: &str) -> bool {
        !self.given.is_empty()
            && [Given::Any, Given::Named(name.to_owned())]
                .into_iter()
                .any(|given| self.given.contains(&(module, class, given)))
    }

    /// Why a class cannot be made of its bases.
    pub fn order_conflict(&self, module: ModuleId, class: u32) -> Option<String> {
        let bases = self.bases.get(&(module, class))?;
        if let Some(message) = self.above_its_own_base(bases) {
            return Some(message);
        }
        let known: Vec<(ModuleId, u32)> = bases
            .iter()
            .map(|base| match base {
                V::Class(module, class) => Some((*module, *class)),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let name = |(module, class): (ModuleId, u32)| {
            self.source(module)
                .and_then(|source| source.classes.get(class as usize))
                .map_or("", |facts| &*facts.name)
        };
        let twice = known.iter().enumerate().find(|(at, base)| known[..*at].contains(base));
        if let Some((_, base)) = twice {
            return Some(format!("duplicate base class {}", name(*base)));
        }
        if known.len() < 2 || self.linear((module, class), 0, &mut HashMap::default()).is_ok() {
            return None;
        }
        let names: Vec<&str> = known.into_iter().map(name).collect();
        Some(format!(
            "Cannot create a consistent method resolution order (MRO) for bases {}",
            names.join(", ")
        ))
    }

    /// `class A(object, B)`: a base that stands before a class which is made of it.
    fn above_its_own_base(&self, bases: &[V]) -> Option<String> {
        let shown = |base: &V| match base {
            V::Outside(name) => name.rsplit('.').next().unwrap_or(name).to_owned(),
            V::Class(module, class) => self.class_name((*module, *class)),
            _ => String::new(),
        };
        for (at, base) in bases.iter().enumerate() {
            let V::Outside(name) = base else {
                continue;
            };
            if !matches!(name.as_str(), "builtins.object" | "abc.ABC" | "threading.Thread") {
                continue;
            }
            let below = bases[at + 1..].iter().any(|other| match other {
                V::Class(module, class) => {
                    name == "builtins.object"
                        || self
                            .order(*module, *class)
                            .iter()
                            .flatten()
                            .any(|above| self.bases.get(above).is_some_and(|bases| bases.contains(base)))
                }
                _ => false,
            });
            if below {
                let names: Vec<String> = bases.iter().map(shown).collect();
                return Some(format!(
                    "Cannot create a consistent method resolution order (MRO) for bases {}",
                    names.join(", ")
                ));
            }
        }
        None
    }

    /// Abstract methods that a class leaves open, as the error that making an object of it raises.
    pub fn abstract_methods(&self, module: ModuleId, class: u32) -> Option<String> {
        let is_abstract = |base: &V| matches!(base, V::Outside(name) if name == "abc.ABC" || name == "abc.ABCMeta");
        let order = self.order(module, class);
        let checked = order
            .iter()
            .flatten()
            .any(|class| self.bases.get(class).is_some_and(|bases| bases.iter().any(is_abstract)));
        if !checked {
            return None;
        }
        let mut seen: HashSet<&str> = HashSet::default();
        let mut open: Vec<&str> = Vec::new();
        for entry in order {
            let (module, class) = entry?;
            let source = self.source(module)?;
            let facts = source.classes.get(class as usize)?;
            for method in facts.methods.iter().rev() {
                let function = source.functions.get(*method as usize)?;
                let is_open = function
                    .decorators
                    .iter()
                    .any(|decorator| decorator.rsplit('.').next() == Some("abstractmethod"));
                if seen.insert(&function.name) && is_open {
                    open.push(&function.name);
                }
            }
            // Anything else of that name will do, too.
            let others = source.attributes.iter().filter(|attribute| attribute.class == class);
            seen.extend(
                others
                    .filter(|attribute| attribute.function.is_none())
                    .map(|attribute| &*attribute.name),
            );
        }
        let order = || self.order(module, class).into_iter().flatten();
        let given = order().any(|(module, class)| self.given.contains(&(module, class, Given::More)));
        open.retain(|name| !given && !self.is_given(module, class, name));
        // A decorator of a class may ask anew which of its methods are abstract.
        let asked_anew = self.is_mentioned(&["update_abstractmethods"]);
        let by_others = matches!(self.find_method(module, class, "__init_subclass__"), Lookup::Found(..))
            && self.has_setattr((module, class));
        if asked_anew || by_others {
            return None;
        }
        open.sort_unstable();
        let facts = self.source(module)?.classes.get(class as usize)?;
        let plural = if open.len() == 1 { "" } else { "s" };
        (!open.is_empty()).then(|| {
            format!(
                "Can't instantiate abstract class {} with abstract method{plural} {}",
                facts.name,
                open.join(", ")
            )
        })
    }
}
