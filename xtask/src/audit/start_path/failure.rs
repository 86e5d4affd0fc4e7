//! What fails on the way: exceptions, their classes, and how a piece of code ends.

use crate::finding::{Confidence, Fix, Place, Subject};
use crate::stack::near::{nearest, only};

/// Something that fails on the way.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The rule.
    pub rule: &'static str,
    /// The exception's class.
    pub exception: &'static str,
    /// What it is about, where it is more than a place in the code.
    pub subject: Option<Subject>,
    /// What is wrong.
    pub message: String,
    /// What differs between agents that fail alike, as the folders that were searched.
    pub detail: Option<String>,
    /// What mends it.
    pub help: Option<String>,
    /// What mends it, as an edit of its line.
    pub fix: Option<Fix>,
    /// Where.
    pub place: Place,
    /// How the script gets there: imports and calls, first one first.
    pub chain: Vec<Place>,
    /// A `try` around it catches it.
    pub caught: bool,
    /// That `try` surely does, and goes on.
    pub handled: bool,
    /// It may not be reached, or depends on something unknown.
    pub conditional: bool,
    /// A package that is imported only under a condition that is not known: whoever takes that way is meant to have it.
    pub optional: bool,
    /// What its words are made of, where those are other words for each group.
    pub told: Option<Told>,
    /// How sure it is.
    pub confidence: Confidence,
}

/// What words about requirements and folders are made of.
#[derive(Debug, Clone)]
pub enum Told {
    /// The module of that name needs a package of these.
    Package(String, &'static [&'static str]),
    /// A module was searched everywhere.
    Searched,
}

impl Told {
    /// Whether it is the detail that is told.
    pub fn is_detail(&self) -> bool {
        matches!(self, Self::Searched)
    }
}

/// What is said of a failure.
#[derive(Debug)]
pub struct Words {
    /// What it is about, where it is more than a place in the code.
    pub subject: Option<Subject>,
    /// What is wrong.
    pub message: String,
    /// What differs between agents that fail alike.
    pub detail: Option<String>,
    /// A word of the line, and the only one that can have been meant.
    pub meant: Option<(String, String)>,
}

impl Words {
    /// Words about something.
    pub fn about(subject: Subject, message: impl Into<String>) -> Self {
        Self {
            subject: Some(subject),
            message: message.into(),
            detail: None,
            meant: None,
        }
    }

    /// The same; that word of the line may be another one.
    pub fn with_meant(self, word: &str, other: Option<impl Into<String>>) -> Self {
        Self {
            meant: other.map(|other| (word.to_owned(), other.into())),
            ..self
        }
    }
}

/// What can have been meant by a name that is not there.
#[derive(Debug, Default)]
pub struct Meant {
    /// What is said of it.
    pub help: Option<String>,
    /// The only name that it can be.
    pub only: Option<String>,
}

impl Meant {
    /// One of these, or none.
    pub fn among<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().filter(|known| *known != name).collect();
        let near = nearest(name, known.iter().copied());
        Self {
            help: near.map(|near| format!("did you mean `{near}`?")),
            only: only(name, known).map(str::to_owned),
        }
    }
}

impl From<Option<String>> for Meant {
    fn from(help: Option<String>) -> Self {
        Self { help, only: None }
    }
}

impl From<String> for Words {
    fn from(message: String) -> Self {
        Self {
            subject: None,
            message,
            detail: None,
            meant: None,
        }
    }
}

/// An exception on its way up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exception {
    pub class: &'static str,
    pub failure: Option<usize>,
}

impl Exception {
    /// Its class, in words.
    pub fn named(self) -> &'static str {
        if self.class == ANY {
            "an exception of a class that is not known"
        } else {
            self.class
        }
    }
}

/// How a piece of code ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Next,
    Raised(Exception),
    Return,
    Exit,
    Endless,
    Break,
    Continue,
}

/// The class of an exception that nothing is known of.
pub const ANY: &str = "?";

/// Exceptions that whoever names just that one expects.
pub const EXPECTED: &[&str] = &[
    "FileNotFoundError",
    "FileExistsError",
    "AttributeError",
    "FrozenInstanceError",
    "KeyError",
    "IndexError",
    "ValueError",
    "JSONDecodeError",
    "YAMLError",
    "ZeroDivisionError",
    "OperationalError",
    "RuntimeError",
    "EOFError",
    "GetoptError",
];

/// The builtin exception of that name.
pub fn known_class(name: &str) -> Option<&'static str> {
    classes(name).first().filter(|first| **first == name).copied()
}

/// An exception's class and those above it, nearest first.
pub fn classes(exception: &str) -> &'static [&'static str] {
    match exception {
        "ModuleNotFoundError" => &["ModuleNotFoundError", "ImportError", "Exception", "BaseException"],
        "ImportError" => &["ImportError", "Exception", "BaseException"],
        "NameError" => &["NameError", "Exception", "BaseException"],
        "TypeError" => &["TypeError", "Exception", "BaseException"],
        "SyntaxError" => &["SyntaxError", "Exception", "BaseException"],
        "SystemExit" => &["SystemExit", "BaseException"],
        "KeyboardInterrupt" => &["KeyboardInterrupt", "BaseException"],
        "FrozenInstanceError" => &["FrozenInstanceError", "AttributeError", "Exception", "BaseException"],
        "AttributeError" => &["AttributeError", "Exception", "BaseException"],
        "ValueError" => &["ValueError", "Exception", "BaseException"],
        "JSONDecodeError" => &["JSONDecodeError", "ValueError", "Exception", "BaseException"],
        "YAMLError" => &["YAMLError", "Exception", "BaseException"],
        "AssertionError" => &["AssertionError", "Exception", "BaseException"],
        "RuntimeError" => &["RuntimeError", "Exception", "BaseException"],
        "InvalidOperation" => &[
            "InvalidOperation",
            "DecimalException",
            "ArithmeticError",
            "Exception",
            "BaseException",
        ],
        "error" => &["error", "Exception", "BaseException"],
        "PydanticUserError" => &["PydanticUserError", "RuntimeError", "Exception", "BaseException"],
        "RecursionError" => &["RecursionError", "RuntimeError", "Exception", "BaseException"],
        "NotImplementedError" => &["NotImplementedError", "RuntimeError", "Exception", "BaseException"],
        "ZeroDivisionError" => &["ZeroDivisionError", "ArithmeticError", "Exception", "BaseException"],
        "EOFError" => &["EOFError", "Exception", "BaseException"],
        "GetoptError" => &["GetoptError", "Exception", "BaseException"],
        "KeyError" => &["KeyError", "LookupError", "Exception", "BaseException"],
        "IndexError" => &["IndexError", "LookupError", "Exception", "BaseException"],
        "LookupError" => &["LookupError", "Exception", "BaseException"],
        "ArgumentError" => &["ArgumentError", "Exception", "BaseException"],
        "PermissionError" => &[
            "PermissionError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "TimeoutError" => &[
            "TimeoutError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "ConnectionError" => &[
            "ConnectionError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "FileExistsError" => &[
            "FileExistsError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "BaseException" => &["BaseException"],
        "ZMQError" => &["ZMQError", "ZMQBaseError", "Exception", "BaseException"],
        "FileNotFoundError" => &[
            "FileNotFoundError",
            "OSError",
            "IOError",
            "EnvironmentError",
            "Exception",
            "BaseException",
        ],
        "OperationalError" => &[
            "OperationalError",
            "DatabaseError",
            "Error",
            "Exception",
            "BaseException",
        ],
        "OSError" => &["OSError", "IOError", "EnvironmentError", "Exception", "BaseException"],
        _ => &["Exception", "BaseException"],
    }
}
