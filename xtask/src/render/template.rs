//! Filling in the templates of rendered files: with quoting for shells, for JSON arrays of Dockerfiles and for Markdown.

use minijinja::{Environment, Error, Value};

use super::markdown;
use crate::template::{filled, quoting};

/// Fills in a template.
///
/// # Panics
/// When a template is wrong. All of them are part of this program and rendered by its tests: that is an error in the program, and no
/// file is written.
#[must_use]
pub fn fill(template: &str, values: &Value) -> String {
    filled(engine(), template, values)
}

fn engine() -> Result<Environment<'static>, Error> {
    let mut environment = quoting()?;
    environment.add_filter("md", |text: &str| markdown::text(text));
    environment.add_filter("code", |text: &str| markdown::code(text, false));
    environment.add_filter("cell_code", |text: &str| markdown::code(text, true));
    Ok(environment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::values;

    #[test]
    fn quotes_for_shells_and_json() {
        let values = values! { a => "it's here", b => vec!["x y", "z\"z"], c => "plain/x.py" };
        let text = fill("{{ a | sh }} {{ b | quoted }} {{ c | sh }} {{ c | quoted }}", &values);
        assert_eq!(text, r#"'it'\''s here' ["x y", "z\"z"] plain/x.py "plain/x.py""#);
    }

    #[test]
    #[should_panic(expected = "cannot be filled in")]
    fn what_is_undefined_ends_the_program() {
        let _ = fill("{{ missing }}", &values! {});
    }
}
