//! How this program's own templates are read: strict about what is undefined, with no line left of a block that stands alone on it.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior, Value};

/// An engine for templates of ours, without filters.
///
/// # Errors
/// Never for the syntax that is set here; the engine checks it all the same.
pub fn environment() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    Ok(environment)
}

/// The same, which quotes words for shells (`sh`) and texts for JSON arrays of Dockerfiles (`quoted`).
///
/// # Errors
/// Never for the syntax that is set here; the engine checks it all the same.
pub fn quoting() -> Result<Environment<'static>, Error> {
    let mut environment = environment()?;
    environment.add_filter("sh", |text: &str| shell_word(text));
    environment.add_filter("quoted", |value: Value| json(&value));
    Ok(environment)
}

/// A template, filled in by an engine.
///
/// # Panics
/// When a template is wrong. All of them are part of this program and rendered by its tests: that is an error in the program, and no
/// file is written.
#[must_use]
pub fn filled(engine: Result<Environment<'_>, Error>, template: &str, values: &Value) -> String {
    engine
        .and_then(|engine| engine.render_str(template, values))
        .unwrap_or_else(|error| panic!("a template of this program cannot be filled in: {error:#}"))
}

/// A word that a POSIX shell takes as it is.
fn shell_word(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_-./:=@,+%".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A text or a list of texts as JSON, with a space after each comma.
fn json(value: &Value) -> String {
    if let Ok(items) = value.try_iter()
        && value.as_str().is_none()
    {
        let items: Vec<String> = items.map(|item| json(&item)).collect();
        return format!("[{}]", items.join(", "));
    }
    serde_json::Value::String(value.to_string()).to_string()
}

/// Values for a template, by name: whatever can be serialised, of which a reference is taken.
macro_rules! values {
    ($($name:ident $(=> $value:expr)?),* $(,)?) => {
        minijinja::context! {
            $($name => minijinja::Value::from(minijinja::value::Serde(&$crate::template::values!(@ $name $($value)?)))),*
        }
    };
    (@ $name:ident $value:expr) => { $value };
    (@ $name:ident) => { $name };
}
pub(crate) use values;
