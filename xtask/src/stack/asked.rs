//! For tests: the keys that parsers asked mappings for, so that schemas can be held against them.

use std::cell::RefCell;

thread_local! {
    static ASKED: RefCell<Vec<Vec<&'static str>>> = const { RefCell::new(Vec::new()) };
}

/// Notes the keys that a mapping was asked for.
pub fn note(keys: &[&'static str]) {
    ASKED.with_borrow_mut(|asked| asked.push(keys.to_vec()));
}

/// What was noted on this thread, and begins anew.
#[must_use]
pub fn take() -> Vec<Vec<&'static str>> {
    ASKED.take()
}
