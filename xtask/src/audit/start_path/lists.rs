//! Lists that may have been changed, as they were: by whatever name, such a list is not known any more.

use std::cell::RefCell;

use super::value::V;

/// All of them.
#[derive(Debug, Default)]
pub struct ChangedLists {
    lists: Vec<Vec<V>>,
    /// What was asked for, and where it was found.
    asked: RefCell<Vec<(Vec<V>, Option<usize>)>>,
    /// Lists and questions before each recording.
    marks: Vec<(usize, usize)>,
}

/// What a recording asked and changed.
#[derive(Debug)]
pub struct ListsPart {
    /// Lists, and whether each may have been changed before.
    pub asked: Vec<(Vec<V>, bool)>,
    changed: Vec<Vec<V>>,
}

impl ChangedLists {
    fn find(&self, list: &[V]) -> Option<usize> {
        self.lists.iter().position(|known| known == list)
    }

    /// Whether a list of these parts may have got others.
    pub fn contains(&self, list: &[V]) -> bool {
        let found = self.find(list);
        if !self.marks.is_empty() {
            self.asked.borrow_mut().push((list.to_vec(), found));
        }
        found.is_some()
    }

    /// The same, unseen by recordings.
    pub fn has(&self, list: &[V]) -> bool {
        self.find(list).is_some()
    }

    /// A list of these parts may have got others.
    pub fn add(&mut self, list: &[V]) {
        if !self.contains(list) {
            self.lists.push(list.to_vec());
        }
    }

    /// A recording begins.
    pub fn begin(&mut self) {
        self.marks.push((self.lists.len(), self.asked.get_mut().len()));
    }

    /// The innermost recording ends, and nobody wants to know of what.
    pub fn close(&mut self) {
        self.marks.pop();
        if self.marks.is_empty() {
            self.asked.get_mut().clear();
        }
    }

    /// The innermost recording ends.
    pub fn finish(&mut self) -> ListsPart {
        let (lists, asked) = self.marks.last().copied().unwrap_or_default();
        let mut part = ListsPart {
            asked: Vec::new(),
            changed: self.lists.get(lists..).unwrap_or_default().to_vec(),
        };
        for (list, found) in self.asked.get_mut().get(asked..).unwrap_or_default() {
            // What it has changed itself was not among them before.
            let there = found.is_some_and(|at| at < lists);
            if !part.asked.iter().any(|(known, _)| known == list) {
                part.asked.push((list.clone(), there));
            }
        }
        self.close();
        part
    }

    /// Does what a recording did; what is recorded around here has asked and changed the same.
    pub fn replay(&mut self, part: &ListsPart) {
        for (list, _) in &part.asked {
            let _ = self.contains(list);
        }
        for list in &part.changed {
            self.add(list);
        }
    }
}
