//! What comprehensions make.

use pysrc::{Collect, Collection};

use super::content::Gathering;
use super::failure::Flow;
use super::value::{V, Variable};
use super::walk::Walker;

impl<'a> Walker<'a> {
    /// A comprehension begins; `known`: each of its turns is followed.
    pub fn gather(&mut self, what: Collection, known: bool) {
        self.gatherings.push(Gathering {
            what,
            maybe: self.maybe,
            known,
            items: Vec::new(),
        });
    }

    /// One turn of it gives something.
    pub fn collect(&mut self, collect: &'a Collect) {
        let key = match &collect.key {
            Some(key) => self.certain(key).unwrap_or(V::Unknown),
            None => V::None,
        };
        let value = match self.taken(Some(&collect.value)) {
            (value, true) => value,
            (value, false) => {
                self.open_data(&value);
                V::Unknown
            }
        };
        self.put_in(&value);
        let (maybe, skipping) = (self.maybe, self.skipping);
        if let Some(gathering) = self.gatherings.last_mut() {
            gathering.known &= maybe == gathering.maybe && !skipping && key != V::Unknown;
            gathering.items.push((key, value));
        }
    }

    /// It has come to its end.
    pub fn gathered(&mut self, flow: Flow) {
        let Some(gathering) = self.gatherings.pop() else {
            return;
        };
        let sure = gathering.known && flow == Flow::Next;
        let value = match gathering.what.mapping {
            _ if !sure => {
                gathering.items.iter().for_each(|(_, value)| self.open_data(value));
                V::Unknown
            }
            true => self.mapping(gathering.items),
            false => V::List(gathering.items.into_iter().map(|(_, value)| value).collect()),
        };
        if let Some(frame) = self.frames.last_mut() {
            frame
                .collections
                .insert(gathering.what.number, Variable { value, sure });
        }
    }
}
