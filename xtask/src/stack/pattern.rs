//! Patterns of paths, read in one way: `*`, `?` and `[…]` stay within a folder, as in `.gitignore`; `**` alone between slashes is any
//! number of folders.

use globset::{GlobBuilder, GlobMatcher};

/// A pattern of paths.
#[derive(Debug, Clone)]
pub struct Pattern(GlobMatcher);

/// Why a text is no pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Two stars beside something else.
    #[error("`**` must stand alone between slashes")]
    Stars,
    /// A range that does not end, and the like.
    #[error("{}", .0.kind())]
    Syntax(#[from] globset::Error),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When the text is none.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.split('/').any(|part| part.contains("**") && part != "**") {
            return Err(PatternError::Stars);
        }
        let glob = GlobBuilder::new(&without_alternatives(text))
            .literal_separator(true)
            .backslash_escape(false)
            .build()?;
        Ok(Self(glob.compile_matcher()))
    }

    /// Whether a path, relative to the tree, is one that is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// Braces are letters of a name to `.gitignore`, and alternatives to the matcher.
fn without_alternatives(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    // Characters of a class so far, where one is open.
    let mut class: Option<usize> = None;
    for c in text.chars() {
        class = match (class, c) {
            (None, '[') => Some(0),
            (None, _) => None,
            // The first bracket of a class is one of its characters.
            (Some(1..), ']') => None,
            (Some(0), '!' | '^') => Some(0),
            (Some(length), _) => Some(length + 1),
        };
        if class.is_none() && (c == '{' || c == '}') {
            plain.extend(['[', c, ']']);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn stars_stay_within_a_folder() {
        for (pattern, path, is_meant) in [
            ("logs/*.log", "logs/a.log", true),
            ("logs/*.log", "logs/b/a.log", false),
            ("**/*.log", "logs/b/a.log", true),
            ("**/*.log", "a.log", true),
            ("a?c", "a/c", false),
            ("a[!b]c", "axc", true),
            ("a[!b]c", "abc", false),
            ("{a,b}.py", "a.py", false),
            ("{a,b}.py", "{a,b}.py", true),
            ("[{}]x", "{x", true),
            ("[]]x", "]x", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).unwrap().matches(path),
                is_meant,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_the_reason() {
        for pattern in ["a[", "a/**b", "***"] {
            assert!(!Pattern::new(pattern).unwrap_err().to_string().is_empty(), "{pattern}");
        }
    }
}
