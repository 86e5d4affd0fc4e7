//! How this program was called: its messages and its help are written with `cargo xtask`, and name what was called instead.

use std::borrow::Cow;
use std::path::Path;
use std::sync::OnceLock;

/// How texts of this program call it.
const WRITTEN: &str = "cargo xtask";

/// Name of the binary that `cargo xtask` runs.
const ALIASED: &str = "xtask";

static CALLED: OnceLock<String> = OnceLock::new();

/// Remembers the path that the program was called by.
pub fn called_by(path: &Path) {
    let name = name_of(path);
    if name != WRITTEN {
        let _ = CALLED.set(name);
    }
}

/// The name that people call the program by.
#[must_use]
pub fn name() -> &'static str {
    CALLED.get().map_or(WRITTEN, String::as_str)
}

/// That name as one word, for what is called after commands: a completion script, a manual page.
#[must_use]
pub fn word() -> &'static str {
    CALLED.get().map_or(ALIASED, String::as_str)
}

/// A text of this program with the name that it was called by.
#[must_use]
pub fn named(text: &str) -> Cow<'_, str> {
    with_name(text, name())
}

fn with_name<'a>(text: &'a str, name: &str) -> Cow<'a, str> {
    if name != WRITTEN && memchr::memmem::find(text.as_bytes(), WRITTEN.as_bytes()).is_some() {
        Cow::Owned(text.replace(WRITTEN, name))
    } else {
        Cow::Borrowed(text)
    }
}

/// A name that can be typed; what cannot is a link or a copy that nobody types.
fn name_of(path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if name != ALIASED && !name.is_empty() && name.chars().all(plain) => name.to_owned(),
        _ => WRITTEN.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_what_was_called() {
        for (path, name) in [
            ("/r/target/xtask/xtask", "cargo xtask"),
            ("xtask", "cargo xtask"),
            ("/usr/local/bin/ai-system", "ai-system"),
            ("./agents", "agents"),
            ("/x/a b", "cargo xtask"),
            ("", "cargo xtask"),
        ] {
            assert_eq!(name_of(Path::new(path)), name, "{path}");
        }
        let text = "hint: run `cargo xtask render`, then `cargo xtask up`";
        assert_eq!(
            with_name(text, "ai-system"),
            "hint: run `ai-system render`, then `ai-system up`"
        );
        assert_eq!(with_name(text, WRITTEN), text);
    }
}
