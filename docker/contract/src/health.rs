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
        Some(status) => Verdict::Unhealthy(format!("status is {status}")),
        None => Verdict::Unhealthy("the reply has no `status`".to_owned()),
    }
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
    fn rubbish_is_malformed_and_shown_in_part() {
        assert!(matches!(judge(b"\xff\x00half a fr"), Verdict::Malformed(_)));
        assert!(matches!(judge(b"[1,2]"), Verdict::Malformed(_)));
        let Verdict::Malformed(shown) = judge(&[b'x'; 5000]) else {
            panic!("rubbish must be malformed");
        };
        assert_eq!(shown.len(), 120);
    }
}
