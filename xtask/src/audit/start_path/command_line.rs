//! The words that the supervisor starts a script with, as `sys.argv` has them.

use pysrc::Value;

use super::value::V;
use super::walk::Walker;

/// Flags that every agent gets, in order; its parameters follow.
const FIRST: [&str; 3] = ["port", "health_check_port", "name"];

/// What `sys.argv[1:]` gives, as long as nothing changes the list.
pub const ALL_WORDS: &str = "sys.argv[1:]";

impl Walker<'_> {
    /// What `sys.argv[1:]` gives, where that is what `object[key]` is.
    pub fn all_words(&self, object: &Value, key: &Value) -> Option<V> {
        let asked = *key == Value::From(1)
            && matches!(object, Value::Attribute(..) | Value::Name(_))
            && self.evaluate(object) == V::Outside("sys.argv".to_owned());
        (asked && !self.is_command_line_changed()).then(|| V::Outside(ALL_WORDS.to_owned()))
    }

    /// `len(sys.argv)`, where no module that has run may have changed it.
    pub fn number_of_words(&self) -> Option<usize> {
        let equals = self.equals_style();
        let words = |value: &String| if equals || value.is_empty() { 1 } else { 2 };
        self.is_command_line_kept()
            .then(|| 1 + self.flags_given().values().map(words).sum::<usize>())
    }

    /// Names of the flags, as they stand on the command line.
    pub fn flags_in_order(&self) -> impl Iterator<Item = &str> {
        let first = FIRST.into_iter().filter(|name| self.flags_given().contains_key(*name));
        let rest = self.flags_given().keys().map(String::as_str);
        first.chain(rest.filter(|name| !FIRST.contains(name)))
    }

    /// `sys.argv[at]`; nothing for the script itself.
    pub fn word(&self, at: i64) -> Option<V> {
        let at = usize::try_from(at).ok()?.checked_sub(1)?;
        let flags = FIRST
            .into_iter()
            .filter_map(|name| self.flags_given().get_key_value(name))
            .chain(
                self.flags_given()
                    .iter()
                    .filter(|(name, _)| !FIRST.contains(&name.as_str())),
            );
        let equals = self.equals_style();
        let mut words = flags.flat_map(|(name, value)| {
            // A flag may stand alone.
            let alone = value.is_empty();
            let first = if equals && !alone {
                format!("--{name}={value}")
            } else {
                format!("--{name}")
            };
            let second = (!equals && !alone).then(|| value.clone());
            std::iter::once(first).chain(second)
        });
        let word = words.nth(at)?;
        self.is_command_line_kept().then_some(V::Str(word))
    }

    /// Whether an expression is `sys.argv[at]`.
    pub fn is_word(&self, value: &Value) -> bool {
        matches!(value, Value::Subscript(object, at)
            if matches!(**at, Value::Int(1..)) && self.evaluate(object) == V::Outside("sys.argv".to_owned()))
    }

    /// Whether a text is one of the words, where a container is `sys.argv` or what follows its first word.
    pub fn is_given_word(&self, container: &Value, text: &V) -> Option<bool> {
        let words = match container {
            Value::Subscript(object, from) if matches!(**from, Value::From(0..=1)) => object,
            container => container,
        };
        if !matches!(words, Value::Attribute(..) | Value::Name(_))
            || self.evaluate(words) != V::Outside("sys.argv".to_owned())
        {
            return None;
        }
        // What the first word is, nobody is told.
        let V::Str(wanted) = text else {
            return None;
        };
        let count = i64::try_from(self.number_of_words()?).ok()?;
        let is_first = wanted.ends_with(".py") || wanted.contains('/');
        (!is_first).then(|| (1..count).any(|at| self.word(at).as_ref() == Some(text)))
    }

    fn is_command_line_kept(&self) -> bool {
        self.mentions("argv").iter().all(|mention| {
            let uses = mention.source.uses(mention.atom);
            !uses.bound_otherwise && !uses.escapes && uses.literals == 0
        })
    }

    /// Whether a module that has run may have changed what is on the command line.
    pub fn is_command_line_changed(&self) -> bool {
        let changes = self.changes_of("argv");
        changes.filled || changes.added || changes.removed || self.set_from_outside("argv")
    }
}
