//! `tests/smoke/*.yaml`. Comments become what an editor shows. What a kind of check has is in its own file, `smoke::kinds`.

#![expect(dead_code, reason = "a schema is made from these types; nothing has their values")]

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::smoke::kinds::KINDS;
use crate::stack::written::{OneOrMore, Scalar};

/// Checks of one phase.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "smoke checks")]
pub(super) struct CheckFile {
    /// Phase of the plan that they prove.
    #[schemars(range(min = 1, max = 4))]
    phase: u8,
    /// The checks.
    checks: Vec<Check>,
}

/// One check: its name, when it is made, and exactly one kind.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Common {
    /// What holds when it passes; unique over all files.
    name: Scalar,
    /// Machines that it is about.
    machine: Option<OneOrMore>,
    /// Groups that it is about.
    groups: Option<OneOrMore>,
    /// One check for each.
    for_each: Option<ForEach>,
    /// Time limit, at most an hour.
    #[schemars(range(max = 3600))]
    timeout_seconds: Option<f64>,
    /// How often it is made again where it fails, at most 10; one that passes then is flaky, and reports say so.
    #[schemars(range(max = 10))]
    retries: Option<u8>,
    /// Checks that must have passed before.
    after: Option<OneOrMore>,
    /// Whether nothing else runs meanwhile.
    exclusive: Option<bool>,
}

/// What every check has, with the bodies of all kinds.
struct Check;

impl JsonSchema for Check {
    fn schema_name() -> Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Common::json_schema(generator);
        let bodies: Map<String, Value> = KINDS
            .iter()
            .map(|kind| {
                let body = (kind.schema)(generator);
                (
                    kind.name.to_owned(),
                    json!({"anyOf": [body], "description": kind.about}),
                )
            })
            .collect();
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.extend(bodies);
        }
        let each = KINDS.iter().map(|kind| json!({"required": [kind.name]}));
        schema.insert("oneOf".to_owned(), Value::Array(each.collect()));
        schema
    }
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum ForEach {
    Machine,
    Group,
    Agent,
    Volume,
    PathAlias,
    Link,
}
