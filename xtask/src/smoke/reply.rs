//! A request and its reply: what is sent, with saved values in it, and how the reply is judged.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::Payload;
use super::kinds::Saved;
use super::template;
use super::verdict::Verdict;

impl Payload {
    /// What is sent, with saved values in it.
    #[must_use]
    pub fn bytes(&self, saved: &Saved) -> Vec<u8> {
        match self {
            Self::Json(value) => template::insert_saved(value, saved).to_string().into_bytes(),
            Self::Raw(text) => template::insert_saved_text(text, saved).into_bytes(),
        }
    }

    /// Names of saved values in it.
    #[must_use]
    pub fn uses(&self) -> Vec<String> {
        match self {
            Self::Json(value) => template::saved_names(value),
            Self::Raw(text) => template::saved_names(&Value::String(text.clone())),
        }
    }
}

/// Judges a reply. `expect` has saved values in it already; `save` names values of the reply, by path.
pub fn judge(verdict: &mut Verdict, expect: &Value, save: &BTreeMap<String, String>, reply: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(reply) else {
        verdict.wrong("a JSON reply", format!("{:?}", String::from_utf8_lossy(reply)));
        return;
    };
    verdict.compare("", expect, &value);
    for (name, path) in save {
        match template::lookup(&value, path) {
            Some(found) => verdict.save(name, found),
            None => verdict.wrong(
                format!("`{path}`: a value to save as `{name}`"),
                format!("`{path}`: nothing"),
            ),
        }
    }
}
