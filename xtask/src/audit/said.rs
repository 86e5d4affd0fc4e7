//! What a value in a reply may be, as far as code says: texts with how they begin, and objects with their keys.

/// Most that one value may be before it counts as not known.
const MOST: usize = 16;

/// One thing that a value may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// `None`: no answer, or an empty one.
    Nothing,
    /// A number or a truth value.
    Plain,
    /// A text that begins so.
    Text {
        /// Its beginning.
        start: String,
        /// That is all of it.
        whole: bool,
    },
    /// A dictionary.
    Object(Object),
    /// Nobody knows.
    Unknown,
}

/// A dictionary, key by key, with what each value may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    fields: Vec<(String, Vec<Said>)>,
    /// It may have further keys, but for those above.
    open: bool,
}

impl Said {
    /// A text that is known to its end.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text {
            start: text.to_owned(),
            whole: true,
        }
    }
}

impl Object {
    /// What the value of a key may be; nothing where it has no such key.
    #[must_use]
    pub fn get(&self, wanted: &str) -> Option<&[Said]> {
        let mut fields = self.fields.iter();
        match fields.find(|(key, _)| key == wanted) {
            Some((_, values)) => Some(values),
            None if self.open => Some(&[Said::Unknown]),
            None => None,
        }
    }

    /// Its keys that are known.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[Said])> {
        self.fields
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }

    /// Whether it may have keys that are not known.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Gives a key another value.
    pub fn set(&mut self, key: &str, values: Vec<Said>) {
        match self.fields.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => *known = values,
            None => self.fields.push((key.to_owned(), values)),
        }
    }

    /// Adds what the value of a key may be besides.
    pub fn may_set(&mut self, key: &str, values: &[Said]) {
        match self.fields.iter_mut().find(|(known, _)| known == key) {
            Some((_, known)) => add(known, values),
            None => {
                let mut values = values.to_vec();
                add(&mut values, &[Said::Unknown]);
                self.fields.push((key.to_owned(), values));
            }
        }
    }

    /// Any key may get any value.
    pub fn lose(&mut self) {
        self.fields.clear();
        self.open = true;
    }

    /// `{**self, **other}`.
    pub fn merge(&mut self, other: &[Said]) {
        match other {
            [Said::Object(one)] if !one.open => {
                for (key, values) in &one.fields {
                    self.set(key, values.clone());
                }
            }
            _ => {
                let mut all_known = !other.is_empty();
                for one in other {
                    match one {
                        Said::Object(one) if !one.open => {
                            for (key, values) in &one.fields {
                                self.may_set(key, values);
                            }
                        }
                        Said::Nothing => {}
                        _ => all_known = false,
                    }
                }
                if !all_known {
                    self.lose();
                }
            }
        }
    }
}

/// Adds what a value may be besides, each once; too much is not known.
pub fn add(all: &mut Vec<Said>, more: &[Said]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    if all.len() > MOST {
        *all = vec![Said::Unknown];
    }
}

/// Texts that follow each other.
#[must_use]
pub fn joined(pieces: &[Vec<Said>]) -> Vec<Said> {
    let mut all = vec![(String::new(), true)];
    for piece in pieces {
        let mut longer = Vec::new();
        for (text, whole) in all {
            if !whole {
                longer.push((text, false));
                continue;
            }
            for said in piece {
                longer.push(match said {
                    Said::Text { start, whole } => (format!("{text}{start}"), *whole),
                    _ => (text.clone(), false),
                });
            }
        }
        all = longer;
        if all.len() > MOST {
            return vec![Said::Unknown];
        }
    }
    let mut found = Vec::new();
    for (start, whole) in all {
        match start.is_empty() && !whole {
            true => add(&mut found, &[Said::Unknown]),
            false => add(&mut found, &[Said::Text { start, whole }]),
        }
    }
    found
}
