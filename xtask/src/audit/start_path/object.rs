//! Objects of the standard library: which class they are of, and what they have.
//!
//! Such an object is known by the dotted name of its class, called: `threading.Event()`.

use super::value::V;
use crate::python::imports::stdlib;

/// The class of an object, by the name by which the object is known.
pub fn object_class(name: &str) -> Option<&str> {
    let class = name.strip_suffix("()")?;
    stdlib::members(class).map(|_| class)
}

/// The class and the attribute, of `threading.Event().wait`.
pub fn object_member(name: &str) -> Option<(&str, &str)> {
    let (class, member) = name.rsplit_once("().")?;
    stdlib::members(class).map(|_| (class, member))
}

/// Whether an object of a class has an attribute, where that is known.
pub fn has_member(class: &str, name: &str) -> Option<bool> {
    let mut members = stdlib::members(class)?;
    Some(name.starts_with("__") || members.any(|member| member == name))
}

/// Whether an object of a class may be false.
pub fn may_be_false(class: &str) -> Option<bool> {
    let mut members = stdlib::members(class)?;
    Some(members.any(|member| matches!(member, "__bool__" | "__len__")))
}

/// What a call gives: an object of the class that is called.
pub fn made_by(callee: &str) -> Option<V> {
    stdlib::members(callee).map(|_| V::Outside(format!("{callee}()")))
}

/// What Python calls the class of an object.
pub fn class_of(value: &V) -> Option<&str> {
    match value {
        V::Path(_) => Some("PosixPath"),
        V::Outside(name) => match object_class(name)? {
            "decimal.Decimal" => Some("decimal.Decimal"),
            "datetime.datetime" => Some("datetime.datetime"),
            _ => None,
        },
        _ => None,
    }
}
