//! What is known of a value while a script is followed.

use std::sync::Arc;

use pysrc::Atom;
use rustc_hash::FxHashMap as HashMap;

use super::partial::Partial;
use super::regular::Found;
use super::signature::Signature;
use crate::container::layout::ROOT;
use crate::python::imports::view::{normal, normal_absolute};

/// Size of the largest value that is kept, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// Index of a module that has been imported.
pub type ModuleId = usize;

/// A value, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub enum V {
    /// Nothing is known.
    Unknown,
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Str(String),
    /// A `pathlib.Path`.
    Path(String),
    /// A regular expression that was compiled without flags.
    Pattern(String),
    /// What a regular expression has found.
    Found(Arc<Found>),
    /// A file of the tree that was opened to be read.
    File(String),
    /// A string of which parts are known.
    Concat(Vec<V>),
    /// A list or tuple.
    List(Vec<V>),
    /// Whole numbers from the first to below the second.
    Range(i64, i64),
    /// A dictionary, as it was written out.
    Dict(Arc<[(V, V)]>),
    /// A dictionary that a file of the tree holds.
    Mapping(usize),
    /// A list that a file of the tree holds.
    Sequence(usize),
    /// What a file of the tree holds, as text.
    Text(String),
    /// A module of the tree.
    Module(ModuleId),
    /// Something of the standard library or of a package, by its dotted name.
    Outside(String),
    /// A class of the tree.
    Class(ModuleId, u32),
    /// A function of the tree.
    Function(ModuleId, u32),
    /// A function of the tree that keeps names of the function in which it was made.
    Closure(Arc<Closure>),
    /// Something of which only is known what it takes when it is called.
    Callable(Arc<Signature>),
    /// What `functools.partial(…)` gives.
    Partial(Arc<Partial>),
    /// An object of a dataclass of the tree, or of one of its named tuples.
    Record(ModuleId, u32),
    /// A function of the tree, bound to an object or class.
    Method(ModuleId, u32, Box<V>),
    /// An object of a class of the tree.
    Instance(usize),
    /// `super()` in a method of that class, for that object.
    Super(ModuleId, u32, Box<V>),
    /// A context of pyzmq.
    Zmq(&'static str),
    /// A socket of pyzmq.
    Socket(usize),
    /// A `threading.Thread`.
    Thread(usize),
    /// What the call of a coroutine function gives.
    Coroutine(usize),
    /// What waits for several coroutines.
    Future(usize),
    /// What the call of a generator function gives.
    Generator {
        /// It is one of an `async def`.
        asynchronous: bool,
        /// What runs when something goes through it, where that is followed.
        body: Option<usize>,
    },
    /// What the call of a generator function gives that is made a context manager.
    Manager(usize),
    /// An `argparse.ArgumentParser`.
    Parser(usize),
    /// What a parser returned.
    Parsed(usize),
    /// A method of something that is not of the tree: the object, the method.
    Bound(Box<V>, String),
}

/// A variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its value, as far as it is known.
    pub value: V,
    /// It surely has this value: it was not taken from where code that is not followed may have put another.
    pub sure: bool,
}

impl Variable {
    /// One of two values.
    pub fn either(before: &Self, after: Self) -> Self {
        if before.value == after.value {
            Self {
                sure: before.sure && after.sure,
                ..after
            }
        } else {
            Self {
                value: V::Unknown,
                sure: false,
            }
        }
    }
}

/// A function, with what it is called with besides its arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Closure {
    /// Where it stands.
    pub module: ModuleId,
    /// Which one it is.
    pub function: u32,
    /// Names of the functions around it.
    pub captured: Arc<Captured>,
    /// What it is bound to as a method.
    pub of: Option<V>,
}

/// Names of the functions around a function, by its module's atoms.
pub type Captured = HashMap<Atom, Variable>;

impl V {
    /// The function of the tree that is called when this is.
    pub fn closure(&self) -> Option<Closure> {
        let plain = |module: ModuleId, function: u32, of| Closure {
            module,
            function,
            captured: Arc::default(),
            of,
        };
        match self {
            Self::Function(module, function) => Some(plain(*module, *function, None)),
            Self::Method(module, function, of) => Some(plain(*module, *function, Some((**of).clone()))),
            Self::Closure(closure) => Some((**closure).clone()),
            _ => None,
        }
    }

    /// The text of a string or path.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Str(text) | Self::Path(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes it takes, each part counted as often as it is in it; nothing where that is more than any value may.
    pub fn size(&self) -> Option<usize> {
        let mut size = 0;
        self.add_size(&mut size).then_some(size)
    }

    fn add_size(&self, size: &mut usize) -> bool {
        *size += size_of::<Self>();
        if *size > LARGEST {
            return false;
        }
        match self {
            Self::Str(text) | Self::Path(text) | Self::File(text) | Self::Text(text) | Self::Outside(text) => {
                *size += text.len();
                *size <= LARGEST
            }
            Self::Concat(parts) | Self::List(parts) => parts.iter().all(|part| part.add_size(size)),
            Self::Dict(items) => items
                .iter()
                .all(|(key, value)| key.add_size(size) && value.add_size(size)),
            Self::Method(_, _, of) | Self::Super(_, _, of) | Self::Bound(of, _) => of.add_size(size),
            _ => true,
        }
    }

    /// The pieces as one value. Of a text that is larger than any value may be only that it is one is known: a few lines can
    /// double it sixty times.
    pub fn concat(pieces: Vec<Self>) -> Self {
        let mut out = String::new();
        for piece in &pieces {
            match piece {
                Self::Str(text) | Self::Path(text) if out.len() + text.len() > LARGEST => return Self::some_text(),
                Self::Str(text) | Self::Path(text) => out.push_str(text),
                Self::Int(number) => out.push_str(&number.to_string()),
                _ => {
                    let made = Self::Concat(pieces);
                    return if made.size().is_some() { made } else { Self::some_text() };
                }
            }
        }
        Self::Str(out)
    }

    /// A string of which nothing else is known.
    fn some_text() -> Self {
        Self::Concat(vec![Self::Unknown])
    }

    /// The text with each unknown part as a NUL.
    pub fn shape(&self) -> Option<String> {
        match self {
            Self::Str(text) | Self::Path(text) => Some(text.clone()),
            Self::Int(number) => Some(number.to_string()),
            Self::Concat(pieces) => Some(
                pieces
                    .iter()
                    .map(|piece| piece.shape().unwrap_or_else(|| "\0".to_owned()))
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// The path from the root of the container, given that the working directory is the tree's root.
pub fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        normal_absolute(path)
    } else {
        normal_absolute(&format!("{ROOT}/{}", normal_keeping_up(path)))
    }
}

/// Relative paths may climb out of the root.
fn normal_keeping_up(path: &str) -> String {
    if path.split('/').any(|part| part == "..") {
        path.to_owned()
    } else {
        normal(path)
    }
}
