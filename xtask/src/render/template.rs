//! Filling in the templates of rendered files: with quoting for shells and for JSON arrays of Dockerfiles.

use minijinja::{Error, Value};

use super::markdown;
use crate::template::environment;

/// Fills in a template.
///
/// # Panics
/// When a template is wrong. All of them are part of this program and rendered by its tests: that is an error in the program, and no
/// file is written.
#[must_use]
pub fn fill(template: &str, values: &Value) -> String {
    filled(template, values).unwrap_or_else(|error| panic!("a template of this program cannot be filled in: {error:#}"))
}

fn filled(template: &str, values: &Value) -> Result<String, Error> {
    let mut environment = environment()?;
    environment.add_filter("sh", |text: &str| shell_word(text));
    environment.add_filter("md", |text: &str| markdown::text(text));
    environment.add_filter("code", |text: &str| markdown::code(text, false));
    environment.add_filter("cell_code", |text: &str| markdown::code(text, true));
    environment.add_filter("quoted", |value: Value| json(&value));
    environment.render_str(template, values)
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
