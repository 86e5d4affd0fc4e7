//! Supervision settings: the same reading for `supervision:` of the stack and `health_checks:` of a startup config.

use contract::group_config::{ArgumentStyle, Start, Supervision};
use contract::own_flags::{OwnFlag, OwnFlags};

use super::read::{Fields, Reader};
use super::yaml::{Node, Value};

/// Settings that were written; the rest stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    argument_style: Option<ArgumentStyle>,
    interval: Option<u64>,
    timeout: Option<u64>,
    retries: Option<u32>,
    start_period: Option<u64>,
    settle: Option<u64>,
    stop_grace: Option<u64>,
    backoff_initial: Option<u64>,
    backoff_max: Option<u64>,
    crash_limit: Option<u32>,
    crash_window: Option<u64>,
    preload_timeout: Option<u64>,
    log_max_bytes: Option<u64>,
    log_keep: Option<u32>,
}

impl Settings {
    /// Reads what a startup config may say.
    pub fn health_checks<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        Self {
            interval: seconds(reader, fields, "interval_seconds"),
            timeout: seconds(reader, fields, "timeout_seconds"),
            retries: count(reader, fields, "retries"),
            start_period: seconds(reader, fields, "start_period_seconds"),
            ..Self::default()
        }
    }

    /// Reads what the stack may say.
    pub fn all<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>) -> Self {
        let style = fields
            .get("argument_style")
            .and_then(|node| argument_style(reader, node));
        Self {
            argument_style: style,
            settle: seconds(reader, fields, "settle_seconds"),
            stop_grace: seconds(reader, fields, "stop_grace_seconds"),
            backoff_initial: seconds(reader, fields, "backoff_initial_seconds"),
            backoff_max: seconds(reader, fields, "backoff_max_seconds"),
            crash_limit: count(reader, fields, "crash_limit"),
            crash_window: seconds(reader, fields, "crash_window_seconds"),
            preload_timeout: seconds(reader, fields, "preload_timeout_seconds"),
            log_max_bytes: fields
                .get("log_max_bytes")
                .and_then(|node| reader.integer(node, "`log_max_bytes`", 4_096, 1 << 40))
                .map(|at| at.value),
            log_keep: fields
                .get("log_keep")
                .and_then(|node| reader.integer(node, "`log_keep`", 0, 1_000))
                .and_then(|at| u32::try_from(at.value).ok()),
            ..Self::health_checks(reader, fields)
        }
    }

    /// These settings, and those of `other` that these leave open, as far as a startup config can say them.
    #[must_use]
    pub fn over(self, other: &Self) -> Self {
        Self {
            interval: self.interval.or(other.interval),
            timeout: self.timeout.or(other.timeout),
            retries: self.retries.or(other.retries),
            start_period: self.start_period.or(other.start_period),
            ..self
        }
    }

    /// Writes the settings over others.
    pub fn apply(&self, to: &mut Supervision) {
        fn set<T: Copy>(to: &mut T, from: Option<T>) {
            if let Some(value) = from {
                *to = value;
            }
        }
        set(&mut to.argument_style, self.argument_style);
        set(&mut to.health_interval_ms, self.interval);
        set(&mut to.health_timeout_ms, self.timeout);
        set(&mut to.health_retries, self.retries);
        set(&mut to.start_period_ms, self.start_period);
        set(&mut to.settle_ms, self.settle);
        set(&mut to.stop_grace_ms, self.stop_grace);
        set(&mut to.backoff_initial_ms, self.backoff_initial);
        set(&mut to.backoff_max_ms, self.backoff_max);
        set(&mut to.crash_limit, self.crash_limit);
        set(&mut to.crash_window_ms, self.crash_window);
        set(&mut to.preload_timeout_ms, self.preload_timeout);
        set(&mut to.log_max_bytes, self.log_max_bytes);
        set(&mut to.log_keep, self.log_keep);
    }
}

/// `separate` or `equals`.
pub fn argument_style(reader: &mut Reader<'_>, node: &Node) -> Option<ArgumentStyle> {
    match &node.value {
        Value::Scalar { text, .. } if text == "separate" => Some(ArgumentStyle::Separate),
        Value::Scalar { text, .. } if text == "equals" => Some(ArgumentStyle::Equals),
        _ => {
            let place = reader.place(node.span);
            reader.bad_value(
                place,
                "`argument_style` is neither `separate` nor `equals`",
                "`separate` writes `--port 5570`, `equals` writes `--port=5570`",
            );
            None
        }
    }
}

/// `none`, `all` or a list of flags.
pub fn flags<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Option<OwnFlags> {
    const HELP: &str =
        "write `none`, `all`, or those of `port`, `health_check_port` and `name` that its parser takes, as in `[port]`";
    match &node.value {
        Value::Scalar { text, .. } if text == "none" => Some(OwnFlags::NONE),
        Value::Scalar { text, .. } if text == "all" => Some(OwnFlags::ALL),
        Value::Sequence(_) => {
            let mut flags = Vec::new();
            for word in reader.texts(node, "`flags`") {
                let name = word.value.trim_start_matches("--");
                match OwnFlag::of(name) {
                    Some(flag) => flags.push(flag),
                    None => reader.bad_value(word.place, format!("`flags` cannot have `{}`", word.value), HELP),
                }
            }
            Some(flags.into_iter().collect())
        }
        _ => {
            let place = reader.place(node.span);
            reader.bad_value(place, "`flags` is neither a word nor a list", HELP);
            None
        }
    }
}

/// `warm` or `plain`.
pub fn start(reader: &mut Reader<'_>, node: &Node) -> Option<Start> {
    match &node.value {
        Value::Scalar { text, .. } if text == "warm" => Some(Start::Warm),
        Value::Scalar { text, .. } if text == "plain" => Some(Start::Plain),
        _ => {
            let place = reader.place(node.span);
            reader.bad_value(
                place,
                "`start` is neither `warm` nor `plain`",
                "`warm` forks agents from an interpreter that has imported what they share, `plain` starts one for each",
            );
            None
        }
    }
}

/// Times that cannot be none: what happens so often would happen all the time.
const NEVER_NONE: [&str; 3] = ["interval_seconds", "timeout_seconds", "preload_timeout_seconds"];

fn seconds<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str) -> Option<u64> {
    let node = fields.get(key)?;
    let value = reader.seconds(node, &format!("`{key}`"))?;
    if value == 0 && NEVER_NONE.contains(&key) {
        let place = reader.place(node.span);
        reader.bad_value(place, format!("`{key}` cannot be 0 s"), "use 0.001 or more");
        return None;
    }
    Some(value)
}

fn count<'a>(reader: &mut Reader<'a>, fields: &mut Fields<'a>, key: &'static str) -> Option<u32> {
    let node = fields.get(key)?;
    let at = reader.integer(node, &format!("`{key}`"), 1, 1_000)?;
    u32::try_from(at.value).ok()
}
