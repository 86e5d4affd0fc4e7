//! `init --ask`: what is doubtful, as questions, and answers as values.

use super::Inference;
use super::document::{Item, Shown};
use super::evidence::Mark;
use crate::stack::spans::Source;
use crate::stack::yaml::{self, Node, Value};

/// What somebody answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The proposed value is right.
    Keep,
    /// Another one.
    Change(Shown),
    /// It stays doubtful.
    Leave,
    /// It stays doubtful, and so do all that are left.
    Stop,
}

impl Inference {
    /// Places of the doubtful keys among [`Inference::items`]; those without a value are what nobody can answer here.
    #[must_use]
    pub fn questions(&self) -> Vec<usize> {
        let doubtful = |item: &Item| item.mark == Mark::Doubt && !item.doubts.is_empty();
        let has_value = |item: &Item| !matches!(item.shown, Shown::Note | Shown::Section);
        let all = self.items.iter().enumerate();
        all.filter(|(_, item)| doubtful(item) && has_value(item))
            .map(|(at, _)| at)
            .collect()
    }

    /// The same with an answer: what was looked at has no mark any more.
    #[must_use]
    pub fn answered(&self, at: usize, answer: &Answer) -> Self {
        let mut answered = self.clone();
        let Some(item) = answered.items.get_mut(at) else {
            return answered;
        };
        if let Answer::Change(shown) = answer {
            item.shown = shown.clone();
        }
        if matches!(answer, Answer::Keep | Answer::Change(_)) {
            item.mark = Mark::Default;
            item.doubts.clear();
        }
        answered
    }
}

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// YAML has no such value.
    #[error("that is not a value: {0}")]
    NotAValue(String),
    /// The key has a value of another kind.
    #[error("{kind} is wanted, as in `{example}`")]
    OtherKind {
        /// Of which kind.
        kind: &'static str,
        /// The value that was proposed.
        example: String,
    },
}

/// Reads an answer to a question about a key with that value: nothing keeps it, `?` leaves it doubtful, `q` leaves all that follow, and
/// anything else is a value as YAML has it.
///
/// # Errors
/// When it is no value of the same kind.
pub fn read(line: &str, proposed: &Shown) -> Result<Answer, AnswerError> {
    match line.trim() {
        "" => return Ok(Answer::Keep),
        "?" => return Ok(Answer::Leave),
        "q" => return Ok(Answer::Stop),
        _ => {}
    }
    let source = Source::new("answer", line.trim());
    let (node, findings) = yaml::parse(&source);
    let Some(node) = node else {
        let why = findings
            .first()
            .map_or("it is empty", |finding| finding.message.as_str());
        return Err(AnswerError::NotAValue(why.to_owned()));
    };
    let shown = shown(&node);
    let is_of_kind = match (&shown, proposed) {
        (Some(Shown::Number(_)), Shown::Number(_)) | (Some(Shown::List(_)), Shown::List(_)) => true,
        // A word may stand for a mapping, as in `health: process`.
        (Some(Shown::Scalar(_) | Shown::Mapping(_)), Shown::Scalar(_) | Shown::Mapping(_)) => true,
        (Some(Shown::Number(_)), Shown::Scalar(_)) => true,
        _ => false,
    };
    match (shown, proposed) {
        // A version is a text, however it looks.
        (Some(Shown::Number(_)), Shown::Scalar(_)) => Ok(Answer::Change(Shown::Scalar(line.trim().to_owned()))),
        (Some(shown), _) if is_of_kind => Ok(Answer::Change(shown)),
        _ => Err(AnswerError::OtherKind {
            kind: kind(proposed),
            example: proposed.text(),
        }),
    }
}

fn kind(shown: &Shown) -> &'static str {
    match shown {
        Shown::Number(_) => "a whole number",
        Shown::List(_) => "a list",
        Shown::Mapping(_) => "a mapping or a word",
        Shown::Scalar(_) | Shown::Section | Shown::Note => "a word",
    }
}

/// A value as an answer writes it; nothing where no key of a stack has such.
fn shown(node: &Node) -> Option<Shown> {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => None,
        Value::Scalar { text, plain: true } if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok().map(Shown::Number)
        }
        Value::Scalar { text, .. } => Some(Shown::Scalar(text.clone())),
        Value::Sequence(items) => {
            let text = |node: &Node| match &node.value {
                Value::Scalar { text, .. } => Some(text.clone()),
                _ => None,
            };
            items.iter().map(text).collect::<Option<Vec<_>>>().map(Shown::List)
        }
        Value::Mapping(entries) => {
            let fields = entries
                .iter()
                .map(|entry| Some((entry.key.clone(), shown(&entry.value)?)));
            fields.collect::<Option<Vec<_>>>().map(Shown::Mapping)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_values_of_the_same_kind() {
        let word = Shown::Scalar("3.11".to_owned());
        let list = Shown::List(vec!["a".to_owned()]);
        let health = Shown::Mapping(vec![("kind".to_owned(), Shown::Scalar("tcp".to_owned()))]);
        let change = |shown| Ok(Answer::Change(shown));
        assert_eq!(read("", &word), Ok(Answer::Keep));
        assert_eq!(read(" ? \n", &word), Ok(Answer::Leave));
        assert_eq!(read("q\n", &word), Ok(Answer::Stop));
        assert_eq!(read("3.12", &word), change(Shown::Scalar("3.12".to_owned())));
        assert_eq!(read("\"3.12\"", &word), change(Shown::Scalar("3.12".to_owned())));
        assert_eq!(read("3", &word), change(Shown::Scalar("3".to_owned())));
        assert_eq!(read("2000", &Shown::Number(1)), change(Shown::Number(2000)));
        assert_eq!(
            read("[x, y]", &list),
            change(Shown::List(vec!["x".to_owned(), "y".to_owned()]))
        );
        assert_eq!(read("process", &health), change(Shown::Scalar("process".to_owned())));
        let http = vec![
            ("kind".to_owned(), Shown::Scalar("http".to_owned())),
            ("port".to_owned(), Shown::Number(80)),
        ];
        assert_eq!(read("{kind: http, port: 80}", &health), change(Shown::Mapping(http)));
        for (line, proposed, wanted) in [
            ("x", &list, "a list is wanted, as in `[a]`"),
            ("many", &Shown::Number(1), "a whole number is wanted, as in `1`"),
            ("[a]", &word, "a word is wanted"),
            ("~", &word, "a word is wanted"),
            ("[a", &list, "that is not a value"),
            ("{a: {b: [[c]]}}", &health, "a mapping or a word is wanted"),
        ] {
            let said = read(line, proposed).unwrap_err().to_string();
            assert!(said.contains(wanted), "{line}: {said}");
        }
    }
}
