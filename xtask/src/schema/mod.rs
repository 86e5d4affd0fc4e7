//! JSON schemas of the files that people write, so that their editors complete keys and mark mistakes: `config/stack.yaml` and the
//! checks in `tests/smoke/`.
//!
//! The parsers do not read by them: they say more, and with places. A test holds each set of keys of a schema against what the
//! parser asks for.

mod checks;
mod stack;
#[cfg(test)]
mod tests;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::Value;

use crate::render::{HEADER, RenderedFile};

/// The schemas, as files of the repository.
#[must_use]
pub fn files() -> Vec<RenderedFile> {
    vec![
        file("config/stack.schema.json", of::<stack::StackFile>()),
        file("tests/smoke/checks.schema.json", of::<checks::CheckFile>()),
    ]
}

fn of<T: JsonSchema>() -> Value {
    let mut schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<T>();
    schema.insert("$comment".to_owned(), Value::from(HEADER));
    schema.to_value()
}

fn file(path: &str, schema: Value) -> RenderedFile {
    RenderedFile {
        path: path.to_owned(),
        text: format!("{schema:#}\n"),
        executable: false,
    }
}

/// A text that YAML may read as something else: `3.11`, `true`.
struct Scalar;

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

/// Any value of JSON.
struct Any;

impl JsonSchema for Any {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Any".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}
