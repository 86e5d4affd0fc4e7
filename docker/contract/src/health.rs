//! The health exchange with an agent: one ZeroMQ REQ message, one REP message, both JSON.

use serde_json::Value;

/// The request, as sent in one ZeroMQ frame.
pub const REQUEST: &str = r#"{"action":"health_check"}"#;

/// Values of `status` in a reply that mean healthy; compared without regard to case.
pub const HEALTHY_STATUSES: [&str; 4] = ["ok", "ready", "healthy", "success"];

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// `status` is one of [`HEALTHY_STATUSES`].
    Healthy,
    /// JSON with another `status`, or none; the text says what was found.
    Unhealthy(String),
    /// Not JSON, or not an object; the text shows the start of it.
    Malformed(String),
}

/// Judges the payload of a health reply (the frames of one message, joined).
#[must_use]
pub fn judge(reply: &[u8]) -> Verdict {
    let Ok(value) = serde_json::from_slice::<Value>(reply) else {
        return Verdict::Malformed(excerpt(reply));
    };
    let Value::Object(fields) = value else {
        return Verdict::Malformed(excerpt(reply));
    };
    match fields.get("status") {
        Some(Value::String(status)) if HEALTHY_STATUSES.iter().any(|known| known.eq_ignore_ascii_case(status)) => {
            Verdict::Healthy
        }
        Some(status) => Verdict::Unhealthy(format!("status is {}", shown(&status.to_string()))),
        None => Verdict::Unhealthy("the reply has no `status`".to_owned()),
    }
}

/// The start of a JSON text, without what a terminal would act on: it comes from an agent, and people read it.
fn shown(json: &str) -> String {
    let mut characters = json.chars();
    let mut text = String::new();
    for c in characters.by_ref().take(120) {
        match c {
            // JSON has escaped these already.
            '"' | '\'' | '\\' => text.push(c),
            _ => text.extend(c.escape_debug()),
        }
    }
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

/// The first 120 bytes of a reply, made printable.
fn excerpt(reply: &[u8]) -> String {
    let shown = &reply[..reply.len().min(120)];
    String::from_utf8_lossy(shown).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};

    #[test]
    fn known_statuses_are_healthy_in_any_case() {
        for status in ["ok", "READY", "Healthy", "success"] {
            let reply = format!(r#"{{"status":"{status}","uptime":3}}"#);
            assert_eq!(judge(reply.as_bytes()), Verdict::Healthy, "{status}");
        }
    }

    #[test]
    fn another_status_is_not_healthy() {
        assert_eq!(
            judge(br#"{"status":"error"}"#),
            Verdict::Unhealthy(r#"status is "error""#.to_owned())
        );
        assert!(matches!(judge(br#"{"ok":true}"#), Verdict::Unhealthy(_)));
    }

    #[test]
    fn a_status_is_shown_in_part_and_without_what_a_terminal_acts_on() {
        let said = |status: &str| match judge(format!(r#"{{"status":"{status}"}}"#).as_bytes()) {
            Verdict::Unhealthy(said) => said,
            other => panic!("{other:?}"),
        };
        assert_eq!(said("a\u{7f}\u{9b}\u{202e}é"), r#"status is "a\u{7f}\u{9b}\u{202e}é""#);
        assert_eq!(said("it's \\\"so\\\""), r#"status is "it's \"so\"""#);
        assert_eq!(said(&"x".repeat(5000)).chars().count(), "status is ".len() + 121);
    }

    #[test]
    fn rubbish_is_malformed_and_shown_in_part() {
        assert!(matches!(judge(b"\xff\x00half a fr"), Verdict::Malformed(_)));
        assert!(matches!(judge(b"[1,2]"), Verdict::Malformed(_)));
        let Verdict::Malformed(shown) = judge(&[b'x'; 5000]) else {
            panic!("rubbish must be malformed");
        };
        assert_eq!(shown.len(), 120);
    }
}
