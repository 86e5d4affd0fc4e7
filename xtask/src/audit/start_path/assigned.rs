//! Attributes that something may have got where that is not followed.

/// Attributes that were set of something of which it is not known what it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SetElsewhere {
    /// That of an object, which may be any.
    Attribute(String),
    /// Any of a library's module.
    AnyOf(String),
    /// Any that a module of the tree looks up when somebody asks for it: modules may have begun before others because of that.
    LookedUp,
}

/// Attributes that a class was given after it was made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Given {
    /// That of this name.
    Named(String),
    /// Any of those that are seen.
    Any,
    /// Further ones beside those.
    More,
}
