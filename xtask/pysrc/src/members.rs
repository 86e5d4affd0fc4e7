//! Attributes of built-in types.

/// One type a line: its name, then its attributes.
static MEMBERS: &str = include_str!("members.txt");

/// Whether a built-in type (`str`, `NoneType`) has an attribute; dunders are taken to be there, and so is everything of a type
/// that is not known.
#[must_use]
pub fn has(kind: &str, name: &str) -> bool {
    // Nearly all that is ever asked for.
    if name.starts_with("__") || (kind == "str" && matches!(name, "join" | "format" | "encode")) {
        return true;
    }
    names(kind).is_none_or(|mut names| names.any(|known| known == name))
}

/// The attributes of a built-in type, where it is known.
#[must_use]
pub fn names(kind: &str) -> Option<impl Iterator<Item = &'static str>> {
    MEMBERS
        .lines()
        .map(|line| line.split(' '))
        .find_map(|mut words| (words.next() == Some(kind)).then_some(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_types() {
        assert!(has("str", "upper") && has("dict", "items") && has("list", "append"));
        assert!(!has("str", "uper") && !has("dict", "has_key") && !has("NoneType", "send"));
        assert!(has("list", "__len__") && has("Mystery", "anything"));
    }
}
