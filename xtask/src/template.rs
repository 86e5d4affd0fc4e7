//! How this program's own templates are read: strict about what is undefined, with no line left of a block that stands alone on it.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, UndefinedBehavior};

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
