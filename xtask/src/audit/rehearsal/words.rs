//! What a healthy reply says, told from all replies that an agent may give: the words that are expected of it.

use contract::health::HEALTHY_STATUSES;
use serde_json::json;

use super::Reply;
use super::known::{Dict, Known, Text};

/// Longest word, in bytes.
const LONGEST: usize = 40;

/// Words of one that is not well, or did not understand.
const UNWELL: &[&str] = &[
    "bad_request",
    "critical",
    "dead",
    "down",
    "err",
    "error",
    "fail",
    "failed",
    "failure",
    "false",
    "invalid",
    "nack",
    "nok",
    "not",
    "not_found",
    "offline",
    "shutting_down",
    "stopped",
    "stopping",
    "unavailable",
    "unhealthy",
    "unknown",
    "unknown_action",
    "unknown_command",
    "unsupported",
];

/// Keys whose values say who answers, not how it is doing.
const NAMES: &[&str] = &[
    "action",
    "agent",
    "agent_id",
    "agent_name",
    "cmd",
    "command",
    "error",
    "errors",
    "host",
    "id",
    "message",
    "name",
    "op",
    "service",
    "type",
    "version",
];

/// Keys whose value says that all is well where it is true.
const TELLING: &[&str] = &[
    "alive",
    "healthy",
    "is_healthy",
    "ok",
    "ready",
    "running",
    "success",
    "up",
];

/// Words of replies, as they are met.
#[derive(Debug, Default)]
struct Words {
    /// Statuses that everybody takes for healthy.
    usual: Vec<String>,
    own: Vec<String>,
    /// What is said by one that is not well, as far as that is known.
    unwell: Vec<String>,
    /// The reply that is met answers this request, and not just any.
    is_asked_for: bool,
    /// There are others that are answered in another way.
    has_others: bool,
}

/// The words of these replies, leaving out those of one that is not well: empty where they are the usual ones, nothing where there are none,
/// or one is not known.
///
/// `has_others`: the code tells requests from each other, so that what is said to just any is no answer to this one unless it is as usual.
pub fn of(replies: &[Reply], has_others: bool) -> Option<Vec<String>> {
    let mut words = Words {
        has_others,
        ..Words::default()
    };
    for reply in replies {
        words.is_asked_for = reply.is_asked_for;
        for known in reply.known.each() {
            words.take(known)?;
        }
    }
    // The same word would be found in what one says that is not well.
    let says = |word: &String| words.unwell.iter().any(|said| said.contains(word.as_str()));
    if words.own.iter().any(says) {
        return None;
    }
    match (words.usual.is_empty(), words.own.is_empty()) {
        (true, true) => None,
        (false, true) => Some(Vec::new()),
        _ => Some(words.usual.into_iter().chain(words.own).collect()),
    }
}

impl Words {
    /// Nothing where nothing is known to be in it.
    fn take(&mut self, reply: &Known) -> Option<()> {
        let own = self.own.len();
        self.take_any(reply)?;
        // Words of its own are those of an answer to this.
        (self.is_asked_for || !self.has_others || own == self.own.len()).then_some(())
    }

    fn take_any(&mut self, reply: &Known) -> Option<()> {
        match reply {
            Known::List(frames) => self.frames(frames),
            Known::Encoded(document) => {
                for document in document.each() {
                    match document {
                        Known::Dict(dict) => self.dict(dict)?,
                        Known::Text(text) => self.text(text)?,
                        _ => return None,
                    }
                }
                Some(())
            }
            Known::Text(text) => match text.document() {
                Some(Known::Dict(dict)) => self.dict(&dict),
                // Nobody knows what it comes to.
                None if text
                    .pieces()
                    .next()
                    .is_some_and(|piece| piece.trim_start().starts_with('{')) =>
                {
                    None
                }
                _ => self.text(text),
            },
            _ => None,
        }
    }

    /// Several frames, which are judged as one text.
    fn frames(&mut self, frames: &[Known]) -> Option<()> {
        let status = frames.iter().find_map(|frame| match frame {
            Known::Encoded(document) => match &**document {
                Known::Dict(dict) => dict.get("status"),
                _ => None,
            },
            _ => None,
        });
        let Some(status) = status else {
            return match Known::joined(frames.to_vec(), true) {
                Known::Text(text) => self.text(&text),
                _ => None,
            };
        };
        for status in status.each() {
            let status = status.whole()?;
            match is_unwell(&status) {
                true => self.unwell(&status)?,
                false => add(&mut self.own, fitting(&status)?),
            }
        }
        Some(())
    }

    fn text(&mut self, text: &Text) -> Option<()> {
        if text.pieces().any(is_unwell) {
            let pieces: Vec<&str> = text.pieces().collect();
            return self.unwell(&pieces.join(" "));
        }
        let word = match text.whole() {
            Some(whole) => fitting(&whole),
            // The longest piece is the least likely to stand in another reply.
            None => text
                .pieces()
                .filter_map(fitting)
                .min_by_key(|word| std::cmp::Reverse(word.len())),
        };
        add(&mut self.own, word?);
        Some(())
    }

    fn dict(&mut self, dict: &Dict) -> Option<()> {
        match dict.get("status") {
            Some(status) => {
                for status in status.each() {
                    match status {
                        Known::Text(text) => self.status(&text.whole()?)?,
                        Known::Bool(true) => add(&mut self.own, json!({"status": true}).to_string()),
                        Known::Bool(false) => self.unwell("")?,
                        Known::Int(number) if *number >= 400 => self.unwell("")?,
                        Known::Int(number) => add(&mut self.own, json!({"status": number}).to_string()),
                        _ => return None,
                    }
                }
                Some(())
            }
            None if dict.open => None,
            None => self.fields(dict),
        }
    }

    /// One that is not well says so, or does not know what is asked: which it is, is known where the request was looked at.
    fn unwell(&mut self, said: &str) -> Option<()> {
        self.unwell.push(said.to_owned());
        self.is_asked_for.then_some(())
    }

    fn status(&mut self, status: &str) -> Option<()> {
        let is = |known: &&&str| known.eq_ignore_ascii_case(status);
        if HEALTHY_STATUSES.iter().any(|known| is(&known)) {
            add(&mut self.usual, status.to_owned());
        } else if UNWELL.iter().any(|known| is(&known)) {
            return self.unwell("");
        } else if status.len() <= LONGEST {
            add(&mut self.own, status.to_owned());
        } else {
            return None;
        }
        Some(())
    }

    /// What a reply without a `status` is known by.
    fn fields(&mut self, dict: &Dict) -> Option<()> {
        if dict.get("error").is_some_and(|error| error.truth() != Some(false)) {
            let said = dict.entries.iter().filter_map(|(_, value)| value.whole());
            let said: Vec<String> = said.collect();
            return self.unwell(&said.join(" "));
        }
        let told = TELLING.iter().find_map(|key| Some((*key, dict.get(key)?)));
        if let Some((key, told)) = told {
            for told in told.each() {
                match told {
                    Known::Bool(true) => add(&mut self.own, json!({ key: true }).to_string()),
                    Known::Bool(false) => self.unwell("")?,
                    Known::Text(text) => self.status(&text.whole()?)?,
                    _ => return None,
                }
            }
            return Some(());
        }
        let inner = dict.entries.iter().find_map(|(key, value)| match value {
            Known::Dict(inner) => Some((key, inner.get("status")?)),
            _ => None,
        });
        if let Some((key, status)) = inner {
            for status in status.each() {
                let status = status.whole()?;
                match is_unwell(&status) {
                    true => self.unwell(&status)?,
                    false => add(&mut self.own, json!({ key: { "status": status } }).to_string()),
                }
            }
            return Some(());
        }
        let own = || dict.entries.iter().filter(|(key, _)| !NAMES.contains(&key.as_str()));
        // Texts that say how it is doing are all that is asked for.
        let texts: Vec<&Known> = own()
            .map(|(_, value)| value)
            .filter(|value| value.each().iter().any(|one| matches!(one, Known::Text(_))))
            .collect();
        for value in texts {
            let all: Option<Vec<String>> = value.each().iter().map(Known::whole).collect();
            let Some(all) = all else { continue };
            for text in all.iter().filter(|text| is_unwell(text)) {
                self.unwell(text)?;
            }
            let well: Vec<String> = all.into_iter().filter(|text| !is_unwell(text)).collect();
            match well.iter().map(|text| fitting(text)).collect::<Option<Vec<String>>>() {
                Some(words) => words.into_iter().for_each(|word| add(&mut self.own, word)),
                None => continue,
            }
            return Some(());
        }
        let key = own().find_map(|(key, _)| fitting(key).filter(|word| word == key))?;
        add(&mut self.own, key);
        Some(())
    }
}

fn add(words: &mut Vec<String>, word: String) {
    if !words.contains(&word) {
        words.push(word);
    }
}

/// Whether a word of a text is one of [`UNWELL`].
fn is_unwell(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| UNWELL.iter().any(|known| known.eq_ignore_ascii_case(word)))
}

/// The start of a text that a reply can be known by, with no character that JSON writes in another way.
fn fitting(text: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\') || c == ' ';
    let trimmed = text.trim_start_matches(|c| !is_plain(c)).trim_start();
    let end = trimmed.find(|c| !is_plain(c)).unwrap_or(trimmed.len()).min(LONGEST);
    let word = trimmed.get(..end)?;
    let word = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    (word.chars().filter(|c| c.is_ascii_alphanumeric()).count() >= 2).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(known: Known) -> Reply {
        Reply {
            known,
            is_asked_for: true,
        }
    }

    fn document(text: &str) -> Known {
        Known::Encoded(Box::new(Known::of_json(&serde_json::from_str(text).unwrap())))
    }

    #[test]
    fn a_reply_is_known_by_its_status_or_by_what_only_it_says() {
        for (replies, words) in [
            (&[r#"{"status":"ok"}"#, r#"{"status":"error"}"#][..], Some(&[][..])),
            (
                &[r#"{"status":"ok"}"#, r#"{"status":"degraded"}"#],
                Some(&["ok", "degraded"]),
            ),
            (&[r#"{"status":"stopped"}"#], None),
            (
                &[r#"{"ok":true,"errors":0}"#, r#"{"ok":false}"#],
                Some(&[r#"{"ok":true}"#]),
            ),
            (&[r#"{"agent":"a","state":"RUNNING"}"#], Some(&["RUNNING"])),
            (&[r#"{"error":"no such action"}"#], None),
            (&[r#"{"error":null,"uptime":1.5}"#], Some(&["uptime"])),
            (&[r#""pong""#], Some(&["pong"])),
            (&["[1]"], None),
            (
                &[
                    r#"{"to":"a","body":{"status":"fine"}}"#,
                    r#"{"body":{"status":"error"}}"#,
                ],
                Some(&[r#"{"body":{"status":"fine"}}"#]),
            ),
            // One that is not well says the same word.
            (&[r#""up""#, r#""not up""#], None),
        ] {
            let replies: Vec<Reply> = replies.iter().map(|text| reply(document(text))).collect();
            let words = words.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
            assert_eq!(of(&replies, true), words, "{replies:?}");
        }
        // Which may be what any request is answered.
        let mut other = reply(document(r#"{"status":"error"}"#));
        other.is_asked_for = false;
        assert_eq!(of(&[reply(document(r#"{"status":"ok"}"#)), other], true), None);
        let text = |parts: &[Known]| of(&[reply(Known::joined(parts.to_vec(), false))], true);
        let said = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(text(&[Known::text("OK "), Known::Unknown]), said(&["OK"]));
        assert_eq!(text(&[Known::text("ERROR: "), Known::Unknown]), None);
        assert_eq!(text(&[Known::Unknown]), None);
        let parts = [
            Known::text("{\"status\": \"up\", \"n\": "),
            Known::Unknown,
            Known::text("}"),
        ];
        assert_eq!(text(&parts), said(&["up"]));
        let quoted = [Known::text("{\"status\": \""), Known::Unknown, Known::text("\"}")];
        assert_eq!(text(&quoted), None);
    }
}
