//! What somebody found who asked a port in every way that there is, and the health check that this comes to.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::health::{Check, Kind, Verdict, judge};

/// Requests that agents of this kind understand, the usual one first.
pub const REQUESTS: [&str; 10] = [
    crate::health::REQUEST,
    r#"{"action":"health"}"#,
    r#"{"action":"ping"}"#,
    r#"{"command":"health_check"}"#,
    r#"{"type":"health_check"}"#,
    r#"{"type":"health"}"#,
    r#"{"request_type":"health_check"}"#,
    r#"{"action":"status"}"#,
    "ping",
    "health_check",
];

/// Paths at which HTTP servers say how they are.
pub const PATHS: [&str; 7] = [
    "/health",
    "/healthz",
    "/health_check",
    "/ready",
    "/status",
    "/ping",
    "/",
];

/// What agents call themselves that are well.
const WELL: [&str; 10] = [
    "running",
    "alive",
    "up",
    "online",
    "active",
    "operational",
    "pong",
    "good",
    "available",
    "initialized",
];

/// What agents say that run without something that they want.
const DEGRADED: &str = "degraded";

/// What a port does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explored {
    /// The port.
    pub port: u16,
    /// How it can be asked.
    pub check: Check,
    /// What it said: the start of a reply, a status, or why nothing better is known.
    pub said: String,
}

/// The words of health in a reply to one of [`REQUESTS`], empty for the usual ones; nothing where it is not of an agent that is well.
#[must_use]
pub fn words_of(reply: &[u8]) -> Option<Vec<String>> {
    if judge(reply) == Verdict::Healthy {
        return Some(Vec::new());
    }
    let text = String::from_utf8_lossy(reply);
    let document = serde_json::from_slice::<Value>(reply).ok();
    let status = document.as_ref().and_then(|value| value.get("status"));
    // It runs, and says what it lacks; later it may lack nothing.
    if let Some(Value::String(status)) = status
        && status.eq_ignore_ascii_case(DEGRADED)
    {
        let usual = crate::health::HEALTHY_STATUSES.iter().map(|word| (*word).to_owned());
        return Some(usual.chain([status.clone()]).collect());
    }
    let word = match status {
        Some(Value::String(status)) => WELL
            .iter()
            .find(|word| word.eq_ignore_ascii_case(status))
            .map(|_| status.clone()),
        Some(_) => None,
        None => WELL
            .iter()
            .chain(&crate::health::HEALTHY_STATUSES)
            .find(|word| has_word(&text, word))
            .map(|word| (*word).to_owned()),
    };
    word.map(|word| vec![word])
}

/// Whether a text has a word that stands by itself.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|part| part == word)
}

/// The check of a healthy ZeroMQ reply.
#[must_use]
pub fn zmq(port: u16, request: &str, expect: Vec<String>, reply: &[u8]) -> Explored {
    Explored {
        port,
        check: Check {
            port: Some(port),
            ask: (request != crate::health::REQUEST).then(|| request.to_owned()),
            expect,
            ..Check::default()
        },
        said: start(reply),
    }
}

/// The check of an HTTP server that has a path with a status of success.
#[must_use]
pub fn http(port: u16, path: &str, code: u16, body: &str) -> Explored {
    Explored {
        port,
        check: Check {
            kind: Kind::Http,
            port: Some(port),
            path: Some(path.to_owned()),
            ..Check::default()
        },
        said: format!("{code} {}", start(body.as_bytes())).trim_end().to_owned(),
    }
}

/// The check of a port that takes connections and says nothing that means health.
#[must_use]
pub fn tcp(port: u16, why: &str) -> Explored {
    Explored {
        port,
        check: Check {
            kind: Kind::Tcp,
            port: Some(port),
            ..Check::default()
        },
        said: why.to_owned(),
    }
}

/// The first 80 characters, on one line and printable.
fn start(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..400).unwrap_or(bytes));
    let shown: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    shown.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::words_of;

    #[test]
    fn words_of_health_are_found_and_errors_are_none() {
        assert_eq!(words_of(br#"{"status":"OK"}"#), Some(Vec::new()));
        assert_eq!(words_of(br#"{"status":"running"}"#), Some(vec!["running".to_owned()]));
        assert_eq!(words_of(b"pong"), Some(vec!["pong".to_owned()]));
        let degraded = words_of(br#"{"status":"degraded"}"#).unwrap();
        assert_eq!(degraded, ["ok", "ready", "healthy", "success", "degraded"]);
        assert_eq!(words_of(br#"{"ok":true}"#), Some(vec!["ok".to_owned()]));
        for bad in [
            &br#"{"status":"error","message":"unknown action"}"#[..],
            br#"{"error":"unknown"}"#,
            b"broken",
            b"",
        ] {
            assert_eq!(words_of(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
