//! How the health of an agent is found out, and what a reply says of it. The usual way is one ZeroMQ REQ message and one REP message,
//! both JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The request, as sent in one ZeroMQ frame.
pub const REQUEST: &str = r#"{"action":"health_check"}"#;

/// Values of `status` in a reply that mean healthy; compared without regard to case.
pub const HEALTHY_STATUSES: [&str; 4] = ["ok", "ready", "healthy", "success"];

/// What is asked of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A ZeroMQ request and its reply.
    #[default]
    Zmq,
    /// An HTTP GET and its status.
    Http,
    /// That its port takes a connection. Nothing is said of what it does with one.
    Tcp,
    /// Nothing: that its process runs is all that is known of it.
    Process,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Zmq, Self::Http, Self::Tcp, Self::Process];

    /// The word that configs and documents have for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zmq => "zmq",
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Process => "process",
        }
    }

    /// What `healthy` means of an agent of this kind, to follow the agent's name.
    #[must_use]
    pub fn claim(self) -> &'static str {
        match self {
            Self::Zmq => "answers over ZeroMQ",
            Self::Http => "answers over HTTP",
            Self::Tcp => "takes connections",
            Self::Process => "runs, and is asked nothing",
        }
    }
}

/// How the health of an agent is found out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// What is asked.
    pub kind: Kind,
    /// The port that is asked, where that is not the agent's health port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The path of an HTTP request; `/` where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request of a ZeroMQ exchange; [`REQUEST`] where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<String>,
    /// What a healthy reply says, one of these. ZeroMQ: the reply's `status`, or text of a reply that has none, or a JSON object, all
    /// of which the reply has to have. HTTP: the status code, or text of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<String>,
    /// How long it may take to answer for the first time, in milliseconds; with [`Kind::Process`], how long it must have run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_period_ms: Option<u64>,
}

impl Check {
    /// Whether it need not be written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The words of a ZeroMQ request.
    #[must_use]
    pub fn request(&self) -> &str {
        self.ask.as_deref().unwrap_or(REQUEST)
    }

    /// The HTTP request, whole.
    #[must_use]
    pub fn http_request(&self, host: &str) -> String {
        let path = self.path.as_deref().unwrap_or("/");
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: agent-supervisor\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
    }

    /// Judges the payload of a ZeroMQ reply.
    #[must_use]
    pub fn judge(&self, reply: &[u8]) -> Verdict {
        if self.expect.is_empty() {
            return judge(reply);
        }
        let wanted = self.expect.join("` or `");
        let document = serde_json::from_slice::<Value>(reply).ok();
        if document
            .as_ref()
            .is_some_and(|document| self.expects_fields_of(document))
        {
            return Verdict::Healthy;
        }
        let status = document.as_ref().and_then(|value| value.get("status"));
        let text = String::from_utf8_lossy(reply);
        match status {
            Some(Value::String(status)) => {
                if self.expect.iter().any(|expect| expect.eq_ignore_ascii_case(status)) {
                    return Verdict::Healthy;
                }
                let status = Value::from(status.as_str()).to_string();
                Verdict::Unhealthy(format!("status is {}, not `{wanted}`", shown(&status)))
            }
            _ if self.expect.iter().any(|expect| text.contains(expect.as_str())) => Verdict::Healthy,
            _ => Verdict::Unhealthy(format!("`{}` has no `{wanted}`", excerpt(reply))),
        }
    }

    /// Whether all fields of an expected object are in a reply.
    fn expects_fields_of(&self, reply: &Value) -> bool {
        let objects = self.expect.iter().filter(|expect| expect.starts_with('{'));
        let mut wanted = objects.filter_map(|expect| serde_json::from_str::<Value>(expect).ok());
        wanted.any(|wanted| has(reply, &wanted))
    }

    /// Judges an HTTP reply: its status code, and its body as far as it came.
    #[must_use]
    pub fn judge_http(&self, code: u16, body: &str) -> Verdict {
        let (codes, texts): (Vec<&String>, Vec<&String>) = self.expect.iter().partition(|expect| is_code(expect));
        let code_is_right = if codes.is_empty() {
            (200..300).contains(&code)
        } else {
            codes.iter().any(|expect| expect.parse() == Ok(code))
        };
        if !code_is_right {
            return Verdict::Unhealthy(format!("HTTP status {code}"));
        }
        if texts.is_empty() || texts.iter().any(|expect| body.contains(expect.as_str())) {
            return Verdict::Healthy;
        }
        let texts: Vec<&str> = texts.into_iter().map(String::as_str).collect();
        Verdict::Unhealthy(format!(
            "HTTP status {code}, but `{}` has no `{}`",
            excerpt(body.as_bytes()),
            texts.join("` or `")
        ))
    }
}

/// Whether a document has all fields of another, whatever else it has.
fn has(document: &Value, wanted: &Value) -> bool {
    match (document, wanted) {
        (Value::Object(fields), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| fields.get(key).is_some_and(|field| has(field, wanted))),
        (document, wanted) => document == wanted,
    }
}

/// Whether an expected word of an HTTP reply is its status code.
#[must_use]
pub fn is_code(expect: &str) -> bool {
    expect.parse::<u16>().is_ok_and(|code| (100..600).contains(&code))
}

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
    use super::{Check, Kind, Verdict, judge};

    fn expecting(words: &[&str]) -> Check {
        Check {
            expect: words.iter().map(|word| (*word).to_owned()).collect(),
            ..Check::default()
        }
    }

    #[test]
    fn other_words_are_the_status_or_text_of_a_reply_without_one() {
        let check = expecting(&["alive", "pong"]);
        for reply in [
            r#"{"status":"ALIVE"}"#,
            "pong",
            r#""pong""#,
            r#"{"reply":"pong"}"#,
            r#"{"status":1,"x":"pong"}"#,
        ] {
            assert_eq!(check.judge(reply.as_bytes()), Verdict::Healthy, "{reply}");
        }
        assert_eq!(
            check.judge(br#"{"status":"ok","note":"pong"}"#),
            Verdict::Unhealthy("status is \"ok\", not `alive` or `pong`".to_owned())
        );
        assert_eq!(
            check.judge(b"ping"),
            Verdict::Unhealthy("`ping` has no `alive` or `pong`".to_owned())
        );
    }

    #[test]
    fn an_expected_object_is_one_whose_fields_the_reply_has() {
        let check = expecting(&[r#"{"ok":true,"data":{"state":"up"}}"#]);
        for (reply, is_healthy) in [
            (r#"{"ok": true, "n": 1, "data": {"state": "up", "m": 2}}"#, true),
            (r#"{"ok": true, "status": "busy", "data": {"state": "up"}}"#, true),
            (r#"{"ok": false, "data": {"state": "up"}}"#, false),
            (r#"{"ok": true}"#, false),
            ("ok", false),
        ] {
            assert_eq!(check.judge(reply.as_bytes()) == Verdict::Healthy, is_healthy, "{reply}");
        }
    }

    #[test]
    fn http_is_judged_by_its_status_or_by_what_is_expected() {
        let plain = expecting(&[]);
        assert_eq!(plain.judge_http(204, ""), Verdict::Healthy);
        assert_eq!(
            plain.judge_http(302, "ok"),
            Verdict::Unhealthy("HTTP status 302".to_owned())
        );
        let code = expecting(&["401", "404"]);
        assert_eq!(code.judge_http(404, ""), Verdict::Healthy);
        assert_eq!(
            code.judge_http(200, ""),
            Verdict::Unhealthy("HTTP status 200".to_owned())
        );
        let text = expecting(&["up"]);
        assert_eq!(text.judge_http(200, "all is up"), Verdict::Healthy);
        assert_eq!(
            text.judge_http(500, "all is up"),
            Verdict::Unhealthy("HTTP status 500".to_owned())
        );
        let said = "HTTP status 200, but `down` has no `up`".to_owned();
        assert_eq!(text.judge_http(200, "down"), Verdict::Unhealthy(said));
        let both = expecting(&["503", "up"]);
        assert_eq!(both.judge_http(503, "up"), Verdict::Healthy);
    }

    #[test]
    fn a_kind_is_called_what_the_documents_call_it() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

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
