//! A command that a check runs: how it is written in YAML, how it ended, and how that is judged.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::fields::matcher;
use super::kinds::Saved;
use super::observer::Blind;
use super::template;
use super::verdict::Verdict;
use super::yaml::{Data, Node, Reader};
use crate::stack::written::Any;

/// What a command must do.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandExpect {
    /// Matcher of its exit code.
    pub exit: Value,
    /// Matcher of its standard output, without the last line break; parsed first where `json` is set.
    pub stdout: Option<Value>,
    /// Matcher of its standard error, likewise.
    pub stderr: Option<Value>,
    /// Whether standard output is JSON.
    pub json: bool,
}

/// What a command must do; `stdout` and `json` exclude each other.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "CommandExpect")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
pub struct CommandExpectKeys {
    /// Exit code; 0 where it is not written.
    exit: Option<Any>,
    /// Standard output.
    stdout: Option<Any>,
    /// Standard output, as JSON.
    json: Option<Any>,
    /// Standard error.
    stderr: Option<Any>,
}

/// How a command ended.
#[derive(Debug, Clone, Default)]
pub struct CommandSeen {
    /// Its exit code; none when a signal ended it.
    pub exit: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl CommandSeen {
    /// The last line that it complained with.
    #[must_use]
    pub fn last_words(&self) -> Blind {
        let line = self
            .stderr
            .lines()
            .rfind(|line| !line.trim().is_empty())
            .unwrap_or("it failed and said nothing");
        Blind::from(line.trim_start_matches("Error: "))
    }

    /// What it printed.
    ///
    /// # Errors
    /// When it failed.
    pub fn succeeded(self) -> Result<String, Blind> {
        match self.exit {
            Some(0) => Ok(self.stdout),
            _ => Err(self.last_words()),
        }
    }
}

/// Reads a program and its arguments.
pub fn words(reader: &mut Reader<'_>, node: Option<&Node>, name: &'static str) -> Option<Vec<String>> {
    let node = node?;
    if !matches!(node.data, Data::List(_)) {
        reader.note_with_help(
            node.mark,
            format!("`{name}` must be a list: a program and its arguments"),
            "for a shell, write `[sh, -c, \"…\"]`",
        );
        return None;
    }
    let words: Vec<String> = reader.texts(node, name).into_iter().map(|(word, _)| word).collect();
    if words.is_empty() {
        reader.note(node.mark, format!("`{name}` is empty"));
        return None;
    }
    Some(words)
}

impl CommandExpect {
    /// Reads it; without it, the command must succeed.
    pub fn decode(reader: &mut Reader<'_>, node: Option<&Node>) -> Self {
        let mut expect = Self {
            exit: json!(0),
            stdout: None,
            stderr: None,
            json: false,
        };
        let Some(node) = node else {
            return expect;
        };
        let Some(mut fields) = reader.fields(node, "`expect` of a command") else {
            return expect;
        };
        if let Some(exit) = matcher(reader, fields.get("exit")) {
            expect.exit = exit;
        }
        let text = fields.get("stdout");
        let document = fields.get("json");
        if text.is_some()
            && let Some(document) = document
        {
            reader.note(document.mark, "`stdout` and `json` cannot both be expected");
        }
        expect.json = document.is_some();
        expect.stdout = matcher(reader, text.or(document));
        expect.stderr = matcher(reader, fields.get("stderr"));
        reader.finish(&fields, "`expect` of a command");
        expect
    }

    /// With values that earlier checks saved.
    #[must_use]
    pub fn with_saved(&self, saved: &Saved) -> Self {
        let filled = |value: &Option<Value>| value.as_ref().map(|value| template::insert_saved(value, saved));
        Self {
            stdout: filled(&self.stdout),
            stderr: filled(&self.stderr),
            ..self.clone()
        }
    }

    /// Names of saved values in it.
    #[must_use]
    pub fn uses(&self) -> Vec<String> {
        let texts = [&self.stdout, &self.stderr].into_iter().flatten();
        texts.flat_map(template::saved_names).collect()
    }

    /// Judges how a command ended.
    pub fn judge(&self, verdict: &mut Verdict, seen: &CommandSeen) {
        let exit = seen.exit.map_or(Value::Null, Value::from);
        verdict.compare("exit code", &self.exit, &exit);
        let stdout = seen.stdout.trim_end_matches('\n');
        if let Some(matcher) = &self.stdout {
            let value = if self.json {
                json_or_text(stdout.as_bytes())
            } else {
                Value::String(stdout.to_owned())
            };
            verdict.compare("output", matcher, &value);
        }
        if let Some(matcher) = &self.stderr {
            let stderr = seen.stderr.trim_end_matches('\n').to_owned();
            verdict.compare("stderr", matcher, &Value::String(stderr));
        }
        if !stdout.is_empty() {
            verdict.evidence("stdout", stdout);
        }
        if !seen.stderr.trim().is_empty() {
            verdict.evidence("stderr", seen.stderr.trim_end());
        }
    }
}

/// A text as JSON if it is, else as a text.
#[must_use]
pub fn json_or_text(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
}

/// A JSON object of texts.
#[must_use]
pub fn object(map: &BTreeMap<String, String>) -> Value {
    map.iter()
        .map(|(key, value)| (key.clone(), Value::String(value.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
