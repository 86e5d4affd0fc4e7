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

/// How texts of this program call the stack's file.
const STACK_WRITTEN: &str = "config/stack.yaml";

static STACK: OnceLock<String> = OnceLock::new();

/// Remembers the file of the stack that is worked with, as findings name it.
pub fn works_with(stack_file: &str) {
    if stack_file != STACK_WRITTEN {
        let _ = STACK.set(stack_file.to_owned());
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

/// A text of this program with the name that it was called by, and that of the stack's file.
#[must_use]
pub fn named(text: &str) -> Cow<'_, str> {
    let text = with_name(text, name());
    match STACK.get() {
        Some(file) => Cow::Owned(with_stack(&text, file)),
        None => text,
    }
}

/// A text in which the stack's file is called that; not where it is part of another path.
fn with_stack(text: &str, file: &str) -> String {
    let of_path = |c: char| c.is_alphanumeric() || "/_-".contains(c);
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(STACK_WRITTEN) {
        let (before, behind) = (&rest[..at], &rest[at + STACK_WRITTEN.len()..]);
        done.push_str(before);
        let alone = !before.ends_with(of_path) && !behind.starts_with(of_path);
        done.push_str(if alone { file } else { STACK_WRITTEN });
        rest = behind;
    }
    done + rest
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

    #[test]
    fn texts_name_the_stack_that_is_worked_with() {
        let text = "set `name:` in config/stack.yaml, `config/stack.yaml:3` or x/config/stack.yaml";
        assert_eq!(
            with_stack(text, "prod.yaml"),
            "set `name:` in prod.yaml, `prod.yaml:3` or x/config/stack.yaml"
        );
    }
}
