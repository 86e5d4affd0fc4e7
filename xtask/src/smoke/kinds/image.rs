//! `image`: what an image is labelled, runs as and weighs, and what a command in it does.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Action, Kind, Resolved, Saved, Spec};
use crate::smoke::command::{self, CommandExpect, CommandExpectKeys, CommandSeen};
use crate::smoke::fields::{Text, matcher, needed};
use crate::smoke::observer::{Blind, Observer, Sealed, podman_json};
use crate::smoke::plan::names::{Names, group_names, unknown};
use crate::smoke::verdict::{Verdict, megabytes};
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{MachineId, Stack};
use crate::stack::written::{Any, Scalar};

/// The kind.
pub const KIND: Kind = Kind {
    name: "image",
    about: "An image.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Image")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    /// `base`, a group, or a full name.
    image: Scalar,
    labels: Option<Any>,
    user: Option<Any>,
    env: Option<Any>,
    max_size_mb: Option<f64>,
    /// A command in the image, without the stack or a network.
    run: Option<Vec<Scalar>>,
    /// What that command must do.
    expect: Option<CommandExpectKeys>,
}

/// What is expected of an image.
#[derive(Debug, Clone)]
struct Wanted {
    /// Matcher of its labels.
    labels: Option<Value>,
    /// Matcher of its user.
    user: Option<Value>,
    /// Matcher of its environment.
    env: Option<Value>,
    max_size_mb: Option<f64>,
    /// A command to run in it; empty for none.
    run: Vec<String>,
    /// What the command must do.
    expect: CommandExpect,
}

#[derive(Debug)]
struct ImageSpec {
    image: Text,
    wanted: Wanted,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let image = needed(reader, fields, "image", "`image`");
    let labels = matcher(reader, fields.get("labels"));
    let user = matcher(reader, fields.get("user"));
    let env = matcher(reader, fields.get("env"));
    let max_size_mb = fields
        .get("max_size_mb")
        .and_then(|node| reader.number(node, "max_size_mb"));
    let run = command::words(reader, fields.get("run"), "run").unwrap_or_default();
    let expect = fields.get("expect");
    if let Some(node) = expect
        && run.is_empty()
    {
        reader.note(node.mark, "`expect` of an image is about `run`, which is not there");
    }
    let expect = CommandExpect::decode(reader, expect);
    Some(Box::new(ImageSpec {
        image: image?,
        wanted: Wanted {
            labels,
            user,
            env,
            max_size_mb,
            run,
            expect,
        },
    }))
}

impl Spec for ImageSpec {
    fn seconds(&self) -> u64 {
        120
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let stack = names.stack;
        let name = &self.image;
        let (image, machine) = match stack.find_group(&name.text) {
            Some(group) => (stack.group_image(group), Some(stack.group(group).machine)),
            None if name.text == "base" => (stack.image("base"), None),
            None if name.text.contains('/') => (name.text.clone(), None),
            None => {
                let mut known = group_names(stack);
                known.push("base");
                names.findings.push(unknown("image", name, &known));
                return None;
            }
        };
        let action = Image {
            image,
            machine: machine.or(names.machine),
            wanted: self.wanted,
        };
        Some((Arc::new(action), machine))
    }
}

/// An image.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its fully qualified name.
    image: String,
    /// Where it is looked for; none: on this host.
    machine: Option<MachineId>,
    wanted: Wanted,
}

#[derive(Debug, Clone, Default)]
struct ImageSeen {
    labels: BTreeMap<String, String>,
    /// Empty for root.
    user: String,
    env: BTreeMap<String, String>,
    /// With all layers.
    size_bytes: u64,
    /// How the command ended, where there was one.
    run: Option<CommandSeen>,
}

impl Action for Image {
    fn subject(&self, _stack: &Stack) -> String {
        format!("image `{}`", self.image)
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let inspect = observer.podman(self.machine, &["image", "inspect", "--format", "json", &self.image])?;
        if inspect.exit != Some(0) {
            return Err(Blind::because(format!(
                "there is no such image ({}); `cargo xtask build-images` makes it",
                inspect.last_words()
            )));
        }
        let mut seen = ImageSeen::read(&inspect.stdout)?;
        let command: Vec<&str> = self.wanted.run.iter().map(String::as_str).collect();
        if !command.is_empty() {
            seen.run = Some(observer.run_sealed(&Sealed {
                machine: self.machine,
                image: &self.image,
                command: &command,
                ..Sealed::default()
            })?);
        }
        self.wanted.judge(verdict, &seen);
        Ok(())
    }
}

impl Wanted {
    fn judge(&self, verdict: &mut Verdict, seen: &ImageSeen) {
        if let Some(matcher) = &self.labels {
            verdict.compare("label", matcher, &command::object(&seen.labels));
        }
        if let Some(matcher) = &self.user {
            // An image that names no user runs as root.
            let name = if seen.user.is_empty() { "root" } else { &seen.user };
            verdict.compare("user", matcher, &Value::String(name.to_owned()));
        }
        if let Some(matcher) = &self.env {
            verdict.compare("variable", matcher, &command::object(&seen.env));
        }
        if let Some(limit) = self.max_size_mb {
            let size = megabytes(seen.size_bytes);
            if size > limit {
                verdict.wrong(format!("at most {limit} MB"), format!("{size:.0} MB"));
            }
        }
        if let Some(seen) = &seen.run {
            self.expect.judge(verdict, seen);
            verdict.evidence("command", self.run.join(" "));
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawImage {
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    config: RawConfig,
    #[serde(default)]
    size: u64,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    #[serde(default)]
    env: Option<Vec<String>>,
}

impl ImageSeen {
    /// Reads `podman image inspect`.
    fn read(text: &str) -> Result<Self, Blind> {
        let images: Vec<RawImage> = podman_json(text)?;
        let image = images.into_iter().next().ok_or("Podman printed no image")?;
        Ok(Self {
            labels: image.labels.unwrap_or_default(),
            user: image.user,
            env: image
                .config
                .env
                .unwrap_or_default()
                .iter()
                .filter_map(|entry| entry.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            size_bytes: image.size,
            run: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Image, ImageSeen};
    use crate::smoke::command::CommandSeen;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::{action, got};
    use crate::smoke::verdict::Verdict;

    #[test]
    fn an_image_is_judged_by_what_it_is_and_what_runs_in_it() {
        let check =
            "image: {image: base, user: {not: {one_of: [root, '0']}}, labels: {a: b}, max_size_mb: 100, run: [x]}";
        let judged = |user: &str, size: u64, exit: i32| {
            let seen = ImageSeen {
                labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
                user: user.to_owned(),
                env: BTreeMap::new(),
                size_bytes: size,
                run: Some(CommandSeen {
                    exit: Some(exit),
                    ..CommandSeen::default()
                }),
            };
            let mut verdict = Verdict::default();
            action::<Image>(check).wanted.judge(&mut verdict, &seen);
            verdict.outcome()
        };
        assert_eq!(judged("agent", 1, 0), Outcome::passed());
        assert_eq!(
            got(&judged("", 200_000_000, 3)),
            ["user: \"root\"", "200 MB", "exit code: 3"]
        );
    }

    #[test]
    fn an_image_without_labels_and_configuration_is_read() {
        let read = |text| ImageSeen::read(text).unwrap();
        let seen = read(r#"[{"Id":"x","Config":{},"Labels":null,"User":"","Size":245031499}]"#);
        assert_eq!(seen.size_bytes, 245_031_499);
        assert!(seen.labels.is_empty() && seen.env.is_empty());
        let seen = read(r#"[{"Config":{"Env":["A=b=c"],"User":"agent"},"Labels":{"l":"v"},"User":"agent","Size":1}]"#);
        assert_eq!(seen.user, "agent");
        assert_eq!(seen.env["A"], "b=c");
        assert_eq!(seen.labels["l"], "v");
    }
}
