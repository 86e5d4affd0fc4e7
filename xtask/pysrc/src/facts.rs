//! The facts of one module: flat lists of what is in it, and, per scope, the steps that run, in order.
//!
//! Everything has a [`Span`]; [`Module::position`] turns one into line and column, so that nothing is counted that nobody asks
//! for. Names in steps are [`Atom`]s; [`Module::name`] gives the text.

use std::fmt;
use std::sync::OnceLock;

use crate::names::Names;
use crate::uses::{AllUses, Uses};

/// A version of Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PythonVersion {
    /// 3.
    pub major: u8,
    /// 11.
    pub minor: u8,
}

impl PythonVersion {
    /// The one that is taken where nothing says otherwise.
    pub const USUAL: Self = Self { major: 3, minor: 11 };

    /// Reads `3.11` (or `3.11.4`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl Default for PythonVersion {
    fn default() -> Self {
        Self::USUAL
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// A range of bytes in [`Module::text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// A place that a person can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Number of characters on that line, at least 1.
    pub width: u32,
}

/// A name of a module; see [`Module::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom(pub u32);

impl Atom {
    /// Stands for an object that is no name and of which nothing is known, where its attribute is set.
    pub const NO_NAME: Self = Self(u32::MAX);
    /// Stands for one that an [`OperationKind::Give`] before has told of.
    pub const TOLD: Self = Self(u32::MAX - 1);
}

/// What one file says.
#[derive(Debug, Clone, Default)]
pub struct Module {
    /// The source as read: decoded, without BOM, NUL bytes replaced by spaces; lines end as in the file.
    pub text: Box<str>,
    /// Byte at which each line begins, once somebody asks for a place.
    pub(crate) line_starts: OnceLock<Box<[u32]>>,
    /// Characters before each block of the text, once somebody asks for a place on a very long line.
    pub(crate) blocks: OnceLock<Box<[u32]>>,
    /// Names that [`Atom`]s stand for.
    pub(crate) names: Names,
    /// How it uses them.
    pub(crate) uses: AllUses,
    /// Why CPython would not even parse the file: what it would say comes first, the others in order of place; empty for a
    /// good file.
    pub syntax_errors: Vec<SyntaxError>,
    /// Where something stands first that this version of Python does not know, and a later one does.
    pub newer_syntax: Option<Span>,
    /// Why CPython would parse the file and yet refuse to run it, as for `return` outside a function; found by its compiler, so
    /// `ast.parse` does not see them.
    pub compile_errors: Vec<SyntaxError>,
    /// Why CPython would refuse the file as the script that it is started with, and yet import it.
    pub script_error: Option<SyntaxError>,
    /// What is odd about its bytes.
    pub encoding: Vec<Encoding>,
    /// Imports, wherever they stand.
    pub imports: Vec<Import>,
    /// Names bound at module level, in order; a name can be there more than once.
    pub bindings: Vec<Binding>,
    /// `__all__`, where it is a list of literals.
    pub all: Option<Vec<Box<str>>>,
    /// Whether a module-level `__getattr__`, or a write to `globals()`, can make up any name.
    pub dynamic_names: bool,
    /// Whether `sys.modules[__name__]` is given another value, or the module another class: importers may get any name of it.
    pub replaces_itself: bool,
    /// Whether an item of `sys.modules` whose key is neither a literal nor `__name__` is assigned.
    pub replaces_others: bool,
    /// Functions and methods, wherever they stand.
    pub functions: Vec<Function>,
    /// Classes, wherever they stand.
    pub classes: Vec<Class>,
    /// Calls, wherever they stand, in order of evaluation.
    pub calls: Vec<Call>,
    /// `self.x = …` and class-level `x = …`.
    pub attributes: Vec<Attribute>,
    /// Names of attributes that get a value anywhere in the file, whatever they are of; sorted, each as often as that happens.
    pub set_attributes: Box<[Atom]>,
    /// Names of whose items, or of whose items' items, one is assigned or deleted anywhere in the file; sorted.
    pub filled: Box<[Fill]>,
    /// An item is assigned or deleted of something that is neither a name nor an attribute.
    pub fills_others: bool,
    /// Edits of `sys.path` whose value can be followed.
    pub path_edits: Vec<PathEdit>,
    /// String literals that look like a path, a host, an endpoint or a placeholder.
    pub strings: Vec<StringFact>,
    /// ZeroMQ (and plain socket) bind and connect calls.
    pub endpoints: Vec<Endpoint>,
    /// Reads of the environment.
    pub environment: Vec<EnvironmentRead>,
    /// Scripts that are started as processes.
    pub launches: Vec<Launch>,
    /// Files that are opened.
    pub opens: Vec<Open>,
    /// Operations that may not be possible with what they are done to.
    pub operations: Vec<Operation>,
    /// `if __name__ == "__main__":` at module level.
    pub main_block: Option<Span>,
    /// What runs when the module is executed.
    pub body: Body,
}

/// A name of whose items one is assigned or deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fill {
    /// The name, or the last one of an attribute.
    pub name: Atom,
    /// Whether it is a plain name.
    pub plain: bool,
    /// The function in which that stands.
    pub function: Option<u32>,
}

/// A reason for which the file does not parse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong, a lowercase fragment.
    pub message: Box<str>,
    /// Where.
    pub span: Span,
}

/// Something odd about a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// Starts with a byte order mark (harmless).
    Bom,
    /// Has `\r\n` line ends (harmless to Python, fatal to a `#!` line).
    Crlf,
    /// Declares this encoding.
    Cookie(Box<str>),
    /// Declares an encoding that Python does not know; also a syntax error.
    UnknownCookie(Box<str>),
    /// Is not UTF-8 and declares nothing else; also a syntax error.
    NotUtf8 {
        /// The first wrong byte.
        byte: u8,
        /// Its line.
        line: u32,
    },
    /// Has a NUL byte; also a syntax error.
    Nul {
        /// Line of the first.
        line: u32,
    },
}

/// What keeps a step from being run, or its failure from being seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    /// Inside a `try` one of whose handlers catches `ImportError` (or a class above it, or everything).
    pub catches_import_error: bool,
    /// Inside a `try` that catches `Exception` or everything.
    pub catches_everything: bool,
    /// Inside `if TYPE_CHECKING:`: never run.
    pub type_checking: bool,
    /// Inside an `if`, a loop or a handler.
    pub conditional: bool,
    /// Inside a function: run when that is called.
    pub function: bool,
}

/// `import a.b as c`, one `name as alias` of `from a import name as alias`, or a call with a literal.
#[derive(Debug, Clone)]
pub struct Import {
    /// How it is written.
    pub kind: ImportKind,
    /// The module, `a.b`; without the leading dots of a relative import.
    pub module: Box<str>,
    /// Number of leading dots.
    pub level: u32,
    /// For `from … import name`: that name, `*` for a star import.
    pub name: Option<Box<str>>,
    /// The name that it binds, if any (`a` for `import a.b`).
    pub binds: Option<Atom>,
    /// The statement, or the name where there are several.
    pub span: Span,
    /// For [`ImportKind::Call`]: index in [`Module::calls`].
    pub call: Option<u32>,
    /// What stands around it.
    pub guard: Guard,
}

/// How an import is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportKind {
    /// `import module`.
    Module,
    /// `from module import name`.
    From,
    /// `importlib.import_module("literal")`, `__import__("literal")`.
    Call,
}

/// A name bound at module level.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The name.
    pub name: Atom,
    /// How it is bound.
    pub kind: BindingKind,
    /// Where.
    pub span: Span,
    /// Behind an `if`, a loop, a `try`: may not happen.
    pub conditional: bool,
    /// Its value, where that is simple.
    pub value: Option<Value>,
}

/// How a name is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingKind {
    /// `class`; index in [`Module::classes`].
    Class(u32),
    /// `def`; index in [`Module::functions`].
    Function(u32),
    /// `=`, `:=`, `+=`, `for`, `with`, `except … as`, `match`.
    Assignment,
    /// Index in [`Module::imports`].
    Import(u32),
    /// `global name` in a function, and assigned there.
    Global,
}

/// A function or method.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name; empty never.
    pub name: Box<str>,
    /// The same.
    pub atom: Atom,
    /// Its name in the source.
    pub span: Span,
    /// The class whose body it stands in.
    pub class: Option<u32>,
    /// The function that it stands in.
    pub outer: Option<u32>,
    /// Parameters.
    pub parameters: Parameters,
    /// Dotted names of its decorators (`staticmethod`, `app.route`); empty for one that is no dotted name.
    pub decorators: Vec<Box<str>>,
    /// The same as values, calls included.
    pub wrappers: Box<[Value]>,
    /// Assigns to an item of one of its parameters.
    pub fills_parameters: bool,
    /// `async def`.
    pub is_async: bool,
    /// Has a `yield`: calling it does not run its body.
    pub generator: bool,
    /// Names that are local to it, parameters included, sorted.
    pub locals: Vec<Atom>,
    /// What runs when it is called.
    pub body: Body,
}

/// The parameters of a function, `self` included.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// All but `*args` and `**kwargs`: positional-only, then ordinary, then keyword-only ones.
    pub all: Vec<Parameter>,
    /// How many of `all` are positional-only.
    pub positional_only: u32,
    /// How many of `all` can be given by position, positional-only ones included.
    pub positional: u32,
    /// Has `*args`.
    pub star: Option<Atom>,
    /// Has `**kwargs`.
    pub double_star: Option<Atom>,
}

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: Atom,
    /// Whether it has a default.
    pub has_default: bool,
    /// The default, where it is simple.
    pub default: Option<Value>,
}

/// A class.
#[derive(Debug, Clone)]
pub struct Class {
    /// Its name.
    pub name: Box<str>,
    /// The same.
    pub atom: Atom,
    /// Its name in the source.
    pub span: Span,
    /// Bases, in order.
    pub bases: Vec<Value>,
    /// `metaclass=`.
    pub metaclass: Option<Box<Value>>,
    /// Has keywords other than `metaclass=`, or `*bases`.
    pub keywords: bool,
    /// Such keywords, with what they are; none where there may be others.
    pub named: Option<Box<[(Atom, Value)]>>,
    /// Has such keywords, a metaclass other than `ABCMeta`, or a decorator: its constructor may not be what it seems.
    pub unusual: bool,
    /// Dotted names of its decorators; empty for one that is no dotted name.
    pub decorators: Vec<Box<str>>,
    /// The same as values, calls included.
    pub wrappers: Box<[Value]>,
    /// Its fields, where a decorator called `dataclass` or a base called `NamedTuple` makes any of them; none where what these
    /// make cannot be read.
    pub fields: Option<Fields>,
    /// Its methods, indices in [`Module::functions`], in order.
    pub methods: Vec<u32>,
    /// What runs when it is defined.
    pub body: Body,
}

/// The fields of a dataclass or named tuple.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// What refuses them: the decorator, or the class where there is none.
    pub decorator: Span,
    /// An `__init__` is made for them.
    pub init: bool,
    /// Nothing can be assigned to them.
    pub frozen: bool,
    /// Objects have room for nothing else.
    pub slots: bool,
    /// Objects are compared by them, and have no hash.
    pub unhashable: bool,
    /// In order.
    pub all: Box<[Field]>,
}

/// A field of a dataclass or named tuple.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: Box<str>,
    /// Has a default.
    pub has_default: bool,
    /// `__init__` takes it.
    pub init: bool,
    /// `__init__` takes it by name alone.
    pub keyword_only: bool,
    /// The default is a new `list`, `dict` or `set`, which no field may have.
    pub mutable_default: Option<&'static str>,
}

/// `self.name = value` in a method, or `name = value` in a class body.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The class.
    pub class: u32,
    /// The method, or none for the class body.
    pub function: Option<u32>,
    /// The attribute.
    pub name: Box<str>,
    /// Where.
    pub span: Span,
    /// Its value.
    pub value: Value,
}

/// An expression, as far as it is simple enough to follow.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// `True`, `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Str(Box<str>),
    /// Bytes, where they are ASCII and short.
    Bytes(Box<str>),
    /// A dictionary that is assigned to a name, key by key; it may have [`Value::Unpacked`] keys.
    Dict(Box<[(Value, Value)]>),
    /// An f-string, `%`, `.format` or `+` of strings: its pieces in order, literal ones as [`Value::Str`].
    Concat(Box<[Value]>),
    /// A name.
    Name(Atom),
    /// `value.attribute`.
    Attribute(Box<Value>, Atom),
    /// A call; index in [`Module::calls`].
    Call(u32),
    /// `value[index]`.
    Subscript(Box<Value>, Box<Value>),
    /// The `n:` of `value[n:]`.
    From(i64),
    /// Another `from:to`, without a step; what is left out is `None`.
    Slice(Box<(Value, Value)>),
    /// `a / b` (paths), `a + b`, `a - b`, where they are no strings.
    Binary(Operator, Box<Value>, Box<Value>),
    /// A tuple, list or set; it may have [`Value::Unpacked`] parts.
    List(Box<[Value]>),
    /// What a `*` unpacks in a list, and what a `**` does in a dictionary, where it is a key.
    Unpacked(Box<Value>),
    /// The list or dictionary that a comprehension made; its number.
    Collected(u32),
    /// A `lambda`; index in [`Module::functions`].
    Lambda(u32),
    /// `a or b`: the first that is true, or the last.
    Or(Box<[Value]>),
    /// `yes if condition else no`.
    Choice(Box<Choice>),
    /// Whether a condition holds, as the value of a comparison or of `not`.
    Test(Box<Condition>),
    /// What `with value as …` binds.
    Entered(Box<Value>),
    /// What the `for` around it gives, turn by turn.
    Each,
    /// `a and b`: one of them.
    Either(Box<[Value]>),
    /// Anything else.
    Other,
}

impl Value {
    /// Whether it is a list or dictionary into which something is unpacked.
    #[must_use]
    pub fn unpacks(&self) -> bool {
        match self {
            Self::List(parts) => parts.iter().any(|part| matches!(part, Self::Unpacked(_))),
            Self::Dict(items) => items.iter().any(|(key, _)| matches!(key, Self::Unpacked(_))),
            _ => false,
        }
    }

    /// Whether it is written out: it is the same whatever has run before.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        if self.unpacks() {
            return false;
        }
        matches!(
            self,
            Self::None | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Str(_) | Self::Dict(_) | Self::List(_)
        )
    }
}

/// `yes if condition else no`.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// What decides.
    pub condition: Condition,
    /// Its value where that holds.
    pub yes: Value,
    /// And where it does not.
    pub no: Value,
}

/// A test whose result may be known when the values in it are.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The value is true.
    True(Value),
    /// `value is None`.
    None(Value),
    /// `left == right`.
    Equal(Box<(Value, Value)>),
    /// `value is True` or `value is False`.
    Is(Value, bool),
    /// `item in container`.
    In(Box<(Value, Value)>),
    /// `left < right` and its like.
    Order(Comparison, Box<(Value, Value)>),
    /// The value is a mapping, as a pattern asks.
    Mapping(Value),
    /// The value is a sequence, and no text, as a pattern asks.
    Sequence(Value),
    /// `isinstance(value, class)`, as a pattern asks.
    Instance(Box<(Value, Value)>),
    /// `len(sys.argv) > 2`: the number of words compares so.
    Words(Comparison, u16),
    /// `not …`.
    Not(Box<Condition>),
    /// `… and …`.
    All(Box<[Condition]>),
    /// `… or …`.
    Any(Box<[Condition]>),
    /// Anything else.
    Unknown,
}

/// An operator of [`Value::Binary`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    FloorDivide,
    /// `%`
    Modulo,
    /// `**`
    Power,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    ExclusiveOr,
}

impl Operator {
    /// Whether it is one of arithmetic, which most types do not have.
    #[must_use]
    pub fn is_arithmetic(self) -> bool {
        matches!(
            self,
            Self::Add | Self::Subtract | Self::Multiply | Self::Divide | Self::FloorDivide | Self::Modulo
        )
    }
}

/// An operation that may not be possible with what it is done to.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What is done.
    pub kind: OperationKind,
    /// Where.
    pub span: Span,
}

/// What an [`Operation`] does.
#[derive(Debug, Clone)]
pub enum OperationKind {
    /// `left operator right`.
    Binary(Operator, Value, Value),
    /// `value operator= …`, of which a list or dictionary is changed itself, whatever else has it.
    InPlace(Value),
    /// `del value.attribute`.
    Remove(Value, Atom),
    /// `name operator= literal`; its place begins with the name.
    Augmented(Operator, Atom, Value),
    /// `operator value` of a name or of a literal that is no number.
    Unary(&'static str, Value),
    /// `left operator right`, which asks for an order.
    Order(&'static str, Value, Value),
    /// `item in container`.
    Contains(Value, Value),
    /// `with value:`; whether that is asynchronous.
    Manage(Value, bool),
    /// `*value` or `**value` in a call; whether it is the second.
    Spread(Value, bool),
    /// `object.inner.attribute`, or `call().attribute`, is read, and not called.
    Member(Value),
    /// `object.inner.attribute = value`: what gets the attribute, that, and the value where it is simple.
    Give(Value, Atom, Option<Box<Value>>),
    /// `await value`.
    Await(Value),
    /// `literal.attribute`, where this type has no such attribute.
    Attribute(&'static str, Atom),
    /// `{value:.2f}` in an f-string: the value, and how it is written.
    Written(Value, Box<str>),
    /// `template % (…)`: the template, what is put in.
    Format(Box<str>, Box<[Value]>),
    /// `value[key]`, unless a plain name and a literal.
    Item(Value, Value),
    /// `a, b = value`: the value, the number of targets, and whether one of them takes the rest.
    Unpack(Value, u32, bool),
    /// `for … in value`.
    Iterate(Value),
    /// `"Name" | None`: of these types, neither of which is a class.
    Union(&'static str, &'static str),
    /// A set or dictionary gets a key of this type, which has no hash.
    Unhashable(&'static str),
}

/// Stands for any `lambda`: who calls it is known of none.
pub const LAMBDA: u32 = u32::MAX;

/// What becomes of the value of a [`Call`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Taken {
    /// Something that is not told.
    #[default]
    Otherwise,
    /// Nothing: the call is a statement.
    Dropped,
    /// It is awaited.
    Awaited,
    /// It is an argument of another call, bound to a name, or returned.
    Kept,
    /// A loop or comprehension goes through it.
    GoneThrough,
}

/// A call.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called.
    pub callee: Value,
    /// Positional arguments before any `*args`.
    pub arguments: Box<[Value]>,
    /// Named arguments.
    pub keywords: Box<[(Atom, Value)]>,
    /// What it has of `*args` and `**kwargs`.
    pub spread: Option<Box<Spread>>,
    /// The whole call.
    pub span: Span,
    /// What is called, in the source.
    pub callee_span: Span,
    /// The function that it stands in; [`LAMBDA`] in a `lambda`.
    pub function: Option<u32>,
    /// What stands around it.
    pub guard: Guard,
    /// What becomes of its value.
    pub taken: Taken,
}

impl Call {
    /// Has `*args`.
    #[must_use]
    pub fn star(&self) -> bool {
        self.spread.as_ref().is_some_and(|spread| spread.star.is_some())
    }

    /// Has `**kwargs`.
    #[must_use]
    pub fn double_star(&self) -> bool {
        self.spread.as_ref().is_some_and(|spread| spread.double_star.is_some())
    }
}

/// What a [`Call`] is given in one piece.
#[derive(Debug, Clone, Default)]
pub struct Spread {
    /// `*args`; [`Value::Other`] where there are several, or others by position after it.
    pub star: Option<Value>,
    /// `**kwargs`; [`Value::Other`] where there are several.
    pub double_star: Option<Value>,
}

/// An edit of `sys.path`.
#[derive(Debug, Clone)]
pub struct PathEdit {
    /// The folder.
    pub value: Value,
    /// Put first (`insert(0, …)`), else last.
    pub first: bool,
    /// Where.
    pub span: Span,
    /// What stands around it.
    pub guard: Guard,
}

/// A string literal worth a look; docstrings are none.
#[derive(Debug, Clone)]
pub struct StringFact {
    /// Its text; an interpolated part is `{}`.
    pub text: Box<str>,
    /// What it looks like.
    pub looks: StringKind,
    /// The whole literal, quotes included.
    pub span: Span,
    /// Has interpolated parts.
    pub interpolated: bool,
}

/// What a string looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StringKind {
    /// `tcp://host:port`, `ipc://…`.
    Endpoint,
    /// An IPv4 address or `localhost`.
    Host,
    /// `http://…` and other addresses of the web.
    Url,
    /// A path: it has a separator, or a file's ending.
    Path,
    /// `<BIND_ADDR>`, `{{ name }}`, `${NAME}`, `%%NAME%%`: what a template left.
    Placeholder,
}

/// `socket.bind(…)` or `socket.connect(…)`.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Whether it binds.
    pub bind: bool,
    /// The address as written.
    pub address: Value,
    /// `tcp`, `ipc`, `inproc`, where it can be read.
    pub transport: Option<Box<str>>,
    /// The host, where it is literal (`*`, `127.0.0.1`, `localhost`).
    pub host: Option<Box<str>>,
    /// The port: a number, or what it is taken from.
    pub port: Value,
    /// Index in [`Module::calls`].
    pub call: u32,
    /// The address in the source.
    pub span: Span,
}

impl Endpoint {
    /// The port, where it is literal.
    #[must_use]
    pub fn literal_port(&self) -> Option<u16> {
        match self.port {
            Value::Int(port) => u16::try_from(port).ok(),
            _ => None,
        }
    }
}

/// A read of an environment variable.
#[derive(Debug, Clone)]
pub struct EnvironmentRead {
    /// The variable.
    pub name: Box<str>,
    /// The default, if one is given.
    pub default: Option<Value>,
    /// Without the variable, it is an error (`os.environ["X"]`).
    pub required: bool,
    /// Where.
    pub span: Span,
    /// What stands around it.
    pub guard: Guard,
}

/// A script started as a process.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The script as written: a literal that ends in `.py`, or `-m` module.
    pub script: Value,
    /// Whether `script` is a module's name (`-m`).
    pub is_module: bool,
    /// Where.
    pub span: Span,
    /// Index in [`Module::calls`].
    pub call: u32,
}

/// A file opened.
#[derive(Debug, Clone)]
pub struct Open {
    /// The path as written.
    pub path: Value,
    /// Whether it is written to (so it may be made, but its folder must be there).
    pub writes: bool,
    /// `open`, `logging.FileHandler`, `logging.basicConfig(filename=)`, `sqlite3.connect`, …
    pub function: Box<str>,
    /// Where.
    pub span: Span,
    /// Index in [`Module::calls`].
    pub call: u32,
}

/// Steps in order.
pub type Body = Box<[Step]>;

/// One thing that happens when a scope runs.
#[derive(Debug, Clone)]
pub enum Step {
    /// A name is read.
    Load {
        /// The name.
        name: Atom,
        /// Where.
        span: Span,
    },
    /// A name is read in a comprehension in the body of a class, which does not see the names of that body.
    LoadPast {
        /// The name.
        name: Atom,
        /// Where.
        span: Span,
    },
    /// A name is bound.
    Store {
        /// The name.
        name: Atom,
        /// Where.
        span: Span,
        /// To this, where it is simple.
        value: Option<Box<Value>>,
    },
    /// `object.attribute = value`.
    StoreAttribute {
        /// The object, where it is a plain name (`self`).
        object: Atom,
        /// The attribute.
        attribute: Atom,
        /// First byte of the target.
        at: u32,
        /// The value, where it is simple.
        value: Option<Box<Value>>,
    },
    /// `object.attribute` is read, `object` a plain name (whose [`Step::Load`] comes before).
    LoadAttribute {
        /// The object.
        object: Atom,
        /// The attribute.
        attribute: Atom,
        /// Where the attribute stands.
        span: Span,
    },
    /// `object[key] = value`.
    StoreItem(Box<StoreItem>),
    /// `object[key]` is read, `object` a plain name, `key` a literal.
    Item {
        /// The object.
        object: Atom,
        /// The key.
        key: Span,
    },
    /// An environment variable is read that has to be there; index in [`Module::environment`].
    Environment(u32),
    /// Something is done that may not be possible; index in [`Module::operations`].
    Operation(u32),
    /// A name is unbound.
    Delete {
        /// The name.
        name: Atom,
        /// Where.
        span: Span,
    },
    /// An import; index in [`Module::imports`]. It binds its own name.
    Import(u32),
    /// A `def`; index in [`Module::functions`]. It binds its own name.
    Function(u32),
    /// A `class`: its body runs and its name is bound; index in [`Module::classes`].
    Class(u32),
    /// A `lambda` is made, which keeps the names around it; index in [`Module::functions`].
    Lambda(u32),
    /// A turn of the innermost comprehension gives this.
    Collect(Box<Collect>),
    /// A call, after its callee and arguments; index in [`Module::calls`].
    Call(u32),
    /// `yield value`, or `yield from value`.
    Yield {
        /// What it gives, where that is an expression that may be followed.
        value: Option<Box<Value>>,
        /// It is `yield from`.
        from: bool,
    },
    /// One of several ways, or none.
    Branch(Box<Branch>),
    /// A loop.
    Loop(Box<Loop>),
    /// `try`.
    Try(Box<Try>),
    /// The scope, or the loop's turn, ends here.
    Leave {
        /// How.
        how: Leave,
        /// What is returned, where it is simple; the class raised.
        value: Option<Box<Value>>,
        /// Where.
        span: Span,
    },
}

// A file has thousands of steps, nearly all of them small: one that grows makes the facts of a large tree grow by megabytes.
const _: () = assert!(size_of::<Step>() <= 24);

/// One of several ways, or none.
#[derive(Debug, Clone)]
pub struct Branch {
    /// What decides whether the first is taken.
    pub test: Test,
    /// What decides on those after it, each where no earlier one is taken; an `else:` has none.
    pub rest: Box<[Test]>,
    /// The ways; the tests are before this step.
    pub arms: Box<[Body]>,
    /// One of `arms` is always taken.
    pub exhaustive: bool,
    /// The statement or expression, where it is one that has arms of its own.
    pub span: Option<Span>,
}

/// A loop.
#[derive(Debug, Clone)]
pub struct Loop {
    /// Its body, once.
    pub body: Body,
    /// `else:`.
    pub orelse: Body,
    /// `while True:` without a `break`: what follows is never reached.
    pub endless: bool,
    /// Whether the body runs at all.
    pub entry: Entry,
    /// The body begins with what binds [`Value::Each`].
    pub binds: bool,
    /// The list or dictionary that its turns fill: that of a comprehension.
    pub fills: Option<Collection>,
}

/// What a comprehension makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Its number in the module, as in [`Value::Collected`].
    pub number: u32,
    /// A dictionary; otherwise a list.
    pub mapping: bool,
    /// It is over once something is true, or false: `any(…)`, `all(…)`.
    pub until: Option<bool>,
}

/// A [`Step::Collect`].
#[derive(Debug, Clone)]
pub struct Collect {
    /// The key, in a dictionary.
    pub key: Option<Value>,
    /// The element.
    pub value: Value,
}

/// A [`Step::StoreItem`].
#[derive(Debug, Clone)]
pub struct StoreItem {
    /// What gets the item.
    pub object: Value,
    /// Its key.
    pub key: Value,
    /// The value, where that is simple.
    pub value: Option<Value>,
}

/// Whether the body of a [`Step::Loop`] runs at least once.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// It does: `while True`.
    Always,
    /// Where this holds, before each turn: `while condition`.
    When(Condition),
    /// Where there is something in it: `for … in value`.
    Over(Value),
    /// Nothing is known.
    Unknown,
}

/// `try`.
#[derive(Debug, Clone)]
pub struct Try {
    /// Its body.
    pub body: Body,
    /// Handlers, in order.
    pub handlers: Box<[Handler]>,
    /// `else:`.
    pub orelse: Body,
    /// `finally:`.
    pub finally: Body,
}

/// What decides on an arm of a [`Step::Branch`].
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// `__name__ == "__main__"`: taken in a script and never in an import.
    Main,
    /// `TYPE_CHECKING`: never taken.
    TypeChecking,
    /// A test whose result is known.
    Known(bool),
    /// Taken where this holds.
    When(Condition),
    /// Anything else.
    Unknown,
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    More,
    /// `>=`
    MoreOrEqual,
}

impl Comparison {
    /// Whether `left` and `right` compare so.
    #[must_use]
    pub fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::More => left > right,
            Self::MoreOrEqual => left >= right,
        }
    }
}

/// How a [`Step::Leave`] leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// `return`.
    Return,
    /// `raise`.
    Raise,
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `sys.exit()`, `exit()`, `os._exit()`, `raise SystemExit`.
    Exit,
}

/// What a `with` statement manages.
#[derive(Debug, Clone)]
pub struct Manager {
    /// The expression.
    pub value: Value,
    /// `async with`.
    pub asynchronous: bool,
}

/// One `except`.
#[derive(Debug, Clone)]
pub struct Handler {
    /// Dotted names of the exceptions that it catches; empty: everything.
    pub catches: Vec<Box<str>>,
    /// Cannot be read: may catch anything.
    pub unknown: bool,
    /// It always raises again, or exits.
    pub raises: bool,
    /// It stands for a `with` statement, and catches if this does.
    pub manager: Option<Box<Manager>>,
    /// `as name`.
    pub name: Option<Atom>,
    /// The `except` line.
    pub span: Span,
    /// Its body.
    pub body: Body,
}

impl Handler {
    /// Whether an exception whose class and classes above are these, nearest first, is caught.
    #[must_use]
    pub fn catches(&self, classes: &[&str]) -> bool {
        self.unknown
            || self.catches.is_empty()
            || self
                .catches
                .iter()
                .any(|caught| classes.iter().any(|class| caught.rsplit('.').next() == Some(*class)))
    }
}

impl Module {
    /// The text of a name.
    #[must_use]
    pub fn name(&self, atom: Atom) -> &str {
        self.names.get(atom.0 as usize)
    }

    /// All names that it uses.
    pub fn names(&self) -> impl Iterator<Item = (Atom, &str)> {
        (0_u32..).map(Atom).zip(self.names.iter())
    }

    /// The name's atom, if the module uses it.
    #[must_use]
    pub fn atom(&self, name: &str) -> Option<Atom> {
        self.names
            .find(name)
            .and_then(|index| u32::try_from(index).ok())
            .map(Atom)
    }

    /// How it uses a name. Of an outline nothing is known.
    #[must_use]
    pub fn uses(&self, name: Atom) -> Uses {
        self.uses.of(name)
    }

    /// How many statements of the file give an attribute of that name a value.
    #[must_use]
    pub fn times_set(&self, name: Atom) -> usize {
        let from = self.set_attributes.partition_point(|set| *set < name);
        let till = self.set_attributes.partition_point(|set| *set <= name);
        till - from
    }

    /// Line and column of a span.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        let line = self.line_starts().partition_point(|start| *start <= span.start).max(1);
        let start = self.line_starts().get(line - 1).copied().unwrap_or(0) as usize;
        let text = self.line_text_at(line - 1);
        let end = start + text.len();
        let from = (span.start as usize).clamp(start, end);
        let to = (span.end as usize).clamp(from, end);
        let column = self.characters(start, from);
        let width = self.characters(from, to).max(1);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Position {
            line: small(line),
            column: small(column + 1),
            width: small(width),
        }
    }

    /// Number of characters between two places: in a time that does not grow with their distance, so that a file that is one
    /// line does not take the square of its length.
    fn characters(&self, from: usize, to: usize) -> usize {
        const BLOCK: usize = 1024;
        let bytes = self.text.as_bytes();
        let count = |from: usize, to: usize| {
            let begins = |byte: &&u8| **byte & 0xC0 != 0x80;
            bytes
                .get(from..to)
                .map_or(0, |bytes| bytes.iter().filter(begins).count())
        };
        if to.saturating_sub(from) <= 4 * BLOCK {
            return count(from, to);
        }
        let blocks = self.blocks.get_or_init(|| {
            let mut before = 0_usize;
            let starts = (0..=bytes.len() / BLOCK).map(|block| {
                let here = before;
                before += count(block * BLOCK, ((block + 1) * BLOCK).min(bytes.len()));
                u32::try_from(here).unwrap_or(u32::MAX)
            });
            starts.collect()
        });
        let before = |at: usize| {
            let block = at / BLOCK;
            blocks.get(block).map_or(0, |before| *before as usize) + count(block * BLOCK, at)
        };
        before(to).saturating_sub(before(from))
    }

    /// A line, from 1, as a finding shows it: empty where it is too long to be shown.
    #[must_use]
    pub fn shown_line(&self, line: u32) -> &str {
        const LONGEST: usize = 1000;
        let text = self.line_text(line);
        if text.len() > LONGEST { "" } else { text }
    }

    /// A line, from 1, without its line break; empty where there is none.
    #[must_use]
    pub fn line_text(&self, line: u32) -> &str {
        line.checked_sub(1)
            .map_or("", |index| self.line_text_at(index as usize))
    }

    fn line_text_at(&self, index: usize) -> &str {
        let Some(start) = self.line_starts().get(index) else {
            return "";
        };
        let end = self
            .line_starts()
            .get(index + 1)
            .map_or(self.text.len(), |end| *end as usize);
        self.text
            .get(*start as usize..end)
            .unwrap_or("")
            .trim_end_matches(['\n', '\r'])
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| crate::lines::starts(&self.text))
    }

    /// Number of lines.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts().len()
    }

    /// A dotted name, `os.path.join`, where the value is one; a call in it is `()`.
    #[must_use]
    pub fn dotted(&self, value: &Value) -> Option<String> {
        match value {
            Value::Name(name) => Some(self.name(*name).to_owned()),
            Value::Attribute(of, attribute) => Some(format!("{}.{}", self.dotted(of)?, self.name(*attribute))),
            _ => None,
        }
    }

    /// The last part of what is called: `bind` for `self.socket.bind(…)`, `open` for `open(…)`.
    #[must_use]
    pub fn called(&self, call: &Call) -> Option<&str> {
        match &call.callee {
            Value::Name(name) | Value::Attribute(_, name) => Some(self.name(*name)),
            _ => None,
        }
    }

    /// The value of a keyword argument.
    #[must_use]
    pub fn keyword<'call>(&self, call: &'call Call, name: &str) -> Option<&'call Value> {
        call.keywords
            .iter()
            .find(|(keyword, _)| self.name(*keyword) == name)
            .map(|(_, value)| value)
    }

    /// Whether the file parses.
    #[must_use]
    pub fn parses(&self) -> bool {
        self.syntax_errors.is_empty()
    }
}
