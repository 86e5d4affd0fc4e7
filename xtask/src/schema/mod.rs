//! JSON schemas: of the files that people write, so that their editors complete keys and mark mistakes (`config/stack.yaml` and the
//! checks in `tests/smoke/`), and of the documents that the program prints.
//!
//! The parsers do not read by them: they say more, and with places. A test holds each set of keys of a schema against what the
//! parser asks for.

mod checks;
mod stack;
#[cfg(test)]
mod tests;

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::rendered_file::RenderedFile;
use crate::stack::output::Output;

/// The schemas, as files of the repository.
#[must_use]
pub fn files(output: &Output) -> Vec<RenderedFile> {
    vec![
        file(
            &output.at("config/stack.schema.json"),
            titled(
                of::<stack::StackFile>(output, SchemaSettings::draft07()),
                output.stack_file(),
            ),
        ),
        file(
            &format!("{}/checks.schema.json", output.checks()),
            // In the stack an optional key without a value is as good as none; a check says what it says.
            of::<checks::CheckFile>(output, SchemaSettings::draft07().with_transform(without_null)),
        ),
    ]
}

/// The schema of a document that the program prints.
#[must_use]
pub fn of_output<T: JsonSchema>(path: &str) -> RenderedFile {
    file(
        path,
        of::<T>(&Output::default(), SchemaSettings::draft07().for_serialize()),
    )
}

fn titled(mut schema: Value, title: &str) -> Value {
    schema["title"] = Value::from(title);
    schema
}

fn of<T: JsonSchema>(output: &Output, settings: SchemaSettings) -> Value {
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.insert("$comment".to_owned(), Value::from(output.header()));
    called(&mut schema, output);
    schema.to_value()
}

/// Names the program and the stack's file in descriptions, which are written for this repository.
fn called(schema: &mut Schema, output: &Output) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        let named = text.replace("cargo xtask", output.program());
        *text = named.replace("config/stack.yaml", output.stack_file());
    }
    transform_subschemas(&mut |schema: &mut Schema| called(schema, output), schema);
}

fn file(path: &str, schema: Value) -> RenderedFile {
    RenderedFile {
        path: path.to_owned(),
        text: format!("{schema:#}\n"),
        executable: false,
    }
}

/// Takes `null` away from whatever else a value may be.
fn without_null(schema: &mut Schema) {
    let null = json!("null");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| *kind != null);
        if let [only] = types.as_mut_slice() {
            let only = only.take();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(forms)) = schema.get_mut("anyOf") {
        forms.retain(|form| form.get("type") != Some(&null));
    }
    transform_subschemas(&mut without_null, schema);
}
