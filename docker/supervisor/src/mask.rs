//! Secrets in what agents say. The status endpoint is read by whoever reaches it; here the values of variables and parameters whose
//! names say that they are secret are replaced, and what looks like a secret by its form. What comes from secret files is replaced in
//! all that agents print. Pure.

use std::borrow::Cow;

/// What stands in the place of a secret.
pub const MASK: &str = "***";
/// Shorter values are words of any text.
const SHORTEST: usize = 4;
/// The same for the lines of a value that has several, such as a key's.
const LINE: usize = 8;

/// Parts of names whose values are secret, in capitals.
const PARTS: [&str; 17] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASSCODE",
    "APIKEY",
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "CREDENTIAL",
    "AUTHORIZATION",
    "COOKIE",
    "WEBHOOK",
    "CONNECTION_STRING",
    "ENCRYPTION_KEY",
    "SIGNING_KEY",
];
/// Last words of such names.
const ENDS: [&str; 12] = [
    "KEY",
    "PWD",
    "PASS",
    "PAT",
    "DSN",
    "AUTH",
    "SALT",
    "PIN",
    "JWT",
    "SIGNATURE",
    "SESSION",
    "BEARER",
];
/// Names with such an ending that hold something else.
const HARMLESS: [&str; 6] = ["PWD", "OLDPWD", "PUBLIC_KEY", "PRIMARY_KEY", "FOREIGN_KEY", "SSH_AUTH"];
/// How tokens of well-known services begin.
const TOKENS: [&str; 22] = [
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxa-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "hf_",
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
];

/// What is replaced.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    /// The secret values that are known, longest first.
    values: Vec<String>,
    off: bool,
}

/// Values that are secret whatever they look like and wherever they stand.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Longest first.
    values: Vec<String>,
}

impl Known {
    /// Adds one, with the forms in which programs print it; of several lines, each for itself, since output is read by lines.
    pub fn add(&mut self, value: &str) {
        for line in value.lines() {
            let line = line.trim();
            let shortest = if value.trim().contains('\n') { LINE } else { SHORTEST };
            if line.len() < shortest {
                continue;
            }
            let quoted = format!("{line:?}");
            let forms = [
                line.to_owned(),
                percent_encoded(line),
                quoted[1..quoted.len() - 1].to_owned(),
                line.replace('\\', "\\\\").replace('\'', "\\'"),
            ];
            self.values.extend(forms);
        }
        self.values
            .sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.values.dedup();
    }

    /// The text without them.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = Cow::Owned(text.replace(value.as_str(), MASK));
            }
        }
        text
    }
}

impl Masks {
    /// The values among these variables that their names call secret.
    #[must_use]
    pub fn of<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut values: Vec<String> = variables
            .filter(|(name, _)| is_secret(name))
            .flat_map(|(_, value)| [value.to_owned(), percent_encoded(value)])
            .map(|value| value.trim().to_owned())
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        values.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values, off: false }
    }

    /// Replaces nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            values: Vec::new(),
            off: true,
        }
    }

    /// The text without secrets.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if self.off {
            return text;
        }
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), MASK);
            }
        }
        if text.contains("PRIVATE KEY-----") || is_bare_key(&text) {
            return MASK.to_owned();
        }
        let text = urls(&text);
        let text = assignments(&text);
        tokens(&text)
    }
}

/// Whether a name says that its value is secret.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    // `apiKey`, `api-key` and `API_KEY` are one.
    let mut plain = String::with_capacity(name.len() + 4);
    let mut lower = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && lower {
            plain.push('_');
        }
        lower = letter.is_ascii_lowercase() || letter.is_ascii_digit();
        plain.push(if letter.is_alphanumeric() {
            letter.to_ascii_uppercase()
        } else {
            '_'
        });
    }
    let plain = plain.trim_matches('_');
    if HARMLESS
        .iter()
        .any(|harmless| plain == *harmless || plain.ends_with(&format!("_{harmless}")))
    {
        return matches!(plain.rsplit('_').next(), Some("PWD")) && plain != "PWD" && plain != "OLDPWD";
    }
    // Counts and limits of tokens are no tokens.
    if ["MAX_", "NUM_", "N_"].iter().any(|start| plain.starts_with(start)) || plain.ends_with("TOKENS") {
        return false;
    }
    PARTS.iter().any(|part| plain.contains(part))
        || ENDS
            .iter()
            .any(|end| plain == *end || plain.strip_suffix(end).is_some_and(|rest| rest.ends_with('_')))
}

/// A line of nothing but base64, as private keys have them.
fn is_bare_key(text: &str) -> bool {
    let text = text.trim();
    text.len() >= 60
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// `scheme://user:password@host` and `scheme://token@host`.
fn urls(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut left = text;
    while let Some(at) = left.find("://") {
        let (before, rest) = left.split_at(at + 3);
        done.push_str(before);
        let end = rest
            .find(|letter: char| letter.is_whitespace() || "/?#\"'<>".contains(letter))
            .unwrap_or(rest.len());
        // A password may hold anything that its owner forgot to encode.
        let reach = rest.find(|letter: char| letter.is_whitespace()).unwrap_or(rest.len());
        let sign = rest[..end].rfind('@').or_else(|| {
            let authority = rest[..reach].split(['?', '#']).next()?;
            authority
                .rfind('@')
                .filter(|_| authority[..end.min(authority.len())].contains(':'))
        });
        left = match sign {
            Some(sign) => {
                match rest[..sign].split_once(':') {
                    Some((user, _)) => {
                        done.push_str(user);
                        done.push(':');
                        done.push_str(MASK);
                    }
                    None => done.push_str(MASK),
                }
                &rest[sign..]
            }
            None => rest,
        };
    }
    done.push_str(left);
    done
}

/// `key=value`, `key: value`, `"key": "value"`, `--key value`, `Authorization: Bearer value`.
fn assignments(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut left = text;
    while let Some((start, end)) = next_name(left) {
        let name = &left[start..end];
        done.push_str(&left[..end]);
        left = &left[end..];
        let flag = done[..done.len() - name.len()].ends_with("--");
        if matches!(name, "Bearer" | "bearer" | "Basic" | "basic") {
            if let Some(value) = left.strip_prefix(' ').and_then(value_length) {
                // `Basic` is a word, too: only what looks like a token goes.
                let shown = &left[1..=value];
                if shown.len() >= 8 && shown.bytes().any(|byte| byte.is_ascii_digit()) {
                    done.push(' ');
                    done.push_str(MASK);
                    left = &left[1 + value..];
                }
            }
            continue;
        }
        if !is_secret(name) {
            continue;
        }
        let Some(gap) = separator(left, flag) else { continue };
        let rest = &left[gap..];
        let schemes = ["Bearer ", "bearer ", "Basic ", "basic ", "Token ", "token "];
        let scheme = schemes
            .iter()
            .find(|scheme| rest.starts_with(**scheme))
            .map_or(0, |scheme| scheme.len());
        if let Some(length) = value_length(&rest[scheme..]) {
            done.push_str(&left[..gap + scheme]);
            done.push_str(MASK);
            left = &rest[scheme + length..];
        }
    }
    done.push_str(left);
    done
}

/// Where the next name is.
fn next_name(text: &str) -> Option<(usize, usize)> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-' || letter == '.';
    let start = text.find(|letter: char| letter.is_ascii_alphabetic() || letter == '_')?;
    let length = text[start..]
        .find(|letter| !is_part(letter))
        .unwrap_or(text.len() - start);
    Some((start, start + length))
}

/// Length of what stands between a name and its value, with an opening quote.
fn separator(text: &str, flag: bool) -> Option<usize> {
    let mut rest = text;
    rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    rest = rest.strip_prefix(']').unwrap_or(rest);
    let trimmed = rest.trim_start_matches(' ');
    let spaces = rest.len() - trimmed.len();
    rest = if let Some(after) = trimmed.strip_prefix("=>").or_else(|| trimmed.strip_prefix("==")) {
        after.trim_start_matches(' ')
    } else if let Some(after) = trimmed.strip_prefix(['=', ':']) {
        after.trim_start_matches(' ')
    } else if flag && spaces > 0 {
        trimmed
    } else {
        return None;
    };
    for prefix in ["b'", "b\"", "u'", "'", "\""] {
        if let Some(after) = rest.strip_prefix(prefix) {
            rest = after;
            break;
        }
    }
    Some(text.len() - rest.len())
}

/// Length of a value; none where there is nothing to hide.
fn value_length(text: &str) -> Option<usize> {
    let end = text
        .find(|letter: char| letter.is_whitespace() || "\"',;&)}]>".contains(letter))
        .unwrap_or(text.len());
    (end > 0 && !matches!(&text[..end], "None" | "null" | "True" | "False" | "true" | "false") && &text[..end] != MASK)
        .then_some(end)
}

/// Tokens of well-known services, by how they begin.
fn tokens(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    let mut done = String::with_capacity(text.len());
    let mut left = text;
    while let Some(start) = left.find(is_part) {
        let length = left[start..]
            .find(|letter| !is_part(letter))
            .unwrap_or(left.len() - start);
        let (before, word) = (&left[..start], &left[start..start + length]);
        done.push_str(before);
        let known = TOKENS.iter().any(|token| {
            word.strip_prefix(token).is_some_and(|rest| {
                rest.len() >= 12
                    && rest
                        .bytes()
                        .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            })
        });
        done.push_str(if known { MASK } else { word });
        left = &left[start + length..];
    }
    done.push_str(left);
    done
}

fn percent_encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Known, Masks, is_secret};

    fn masked(text: &str) -> String {
        Masks::default().apply(text)
    }

    #[test]
    fn names_say_what_is_secret() {
        for name in [
            "OPENAI_API_KEY",
            "openaiApiKey",
            "api-key",
            "HF_TOKEN",
            "DB_PASSWORD",
            "db.password",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "SENTRY_DSN",
            "GITHUB_PAT",
            "MYSQL_PWD",
            "key",
            "auth",
            "JWT",
            "client_secret",
            "SLACK_WEBHOOK_URL",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "PATH",
            "LOG_LEVEL",
            "MONKEY",
            "KEYBOARD",
            "max_tokens",
            "MAX_TOKEN_COUNT",
            "PUBLIC_KEY",
            "port",
            "compass",
            "author",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn values_of_secret_variables_go_wherever_they_stand() {
        let variables = [
            ("DB_PASSWORD", "p@ss word"),
            ("API_KEY", "abcd"),
            ("MODE", "fast"),
            ("PIN", "123"),
        ];
        let masks = Masks::of(variables.into_iter());
        assert_eq!(masks.apply("cannot log in with p@ss word"), "cannot log in with ***");
        assert_eq!(masks.apply("GET /?q=p%40ss%20word"), "GET /?q=***");
        assert_eq!(masks.apply("xabcdx fast 123"), "x***x fast 123");
    }

    #[test]
    fn known_values_go_in_every_form_in_which_they_are_printed() {
        let mut known = Known::default();
        for value in ["p@ss'wo\"rd\\", "abc", "first line here\nshort\nlast line here"] {
            known.add(value);
        }
        for (text, seen) in [
            ("a p@ss'wo\"rd\\ b", "a *** b"),
            ("{\"k\": \"p@ss'wo\\\"rd\\\\\"}", "{\"k\": \"***\"}"),
            ("'p@ss\\'wo\"rd\\\\'", "'***'"),
            ("?q=p%40ss%27wo%22rd%5C", "?q=***"),
            ("abc short", "abc short"),
            ("  last line here", "  ***"),
        ] {
            assert_eq!(known.hide(text), seen);
        }
    }

    #[test]
    fn secrets_go_by_their_form() {
        for (text, seen) in [
            ("redis://user:pw@host:6379/0", "redis://user:***@host:6379/0"),
            ("https://tok123@example.org/a@b", "https://***@example.org/a@b"),
            ("amqp://u:p/w@h/x", "amqp://u:***@h/x"),
            (
                "see https://example.org/a@b and x@y",
                "see https://example.org/a@b and x@y",
            ),
            ("http://example.org:80/?m=a@b", "http://example.org:80/?m=a@b"),
            ("password=hunter2 user=bob", "password=*** user=bob"),
            ("{'api_key': 'abc', 'n': 1}", "{'api_key': '***', 'n': 1}"),
            ("{\"token\": \"abc\"}", "{\"token\": \"***\"}"),
            ("Client(secret=b'x', n=2)", "Client(secret=b'***', n=2)"),
            ("--api-key abc --port 1", "--api-key *** --port 1"),
            ("--token=abc", "--token=***"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("sent Bearer abcd1234xyz to it", "sent Bearer *** to it"),
            ("os.environ['DB_PASSWORD'] = 'x'", "os.environ['DB_PASSWORD'] = '***'"),
            ("url?token=a&b=c", "url?token=***&b=c"),
            ("wrong key sk-proj1234567890ABCDEF!", "wrong key ***!"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.abc", "***"),
            ("-----BEGIN RSA PRIVATE KEY-----", "***"),
        ] {
            assert_eq!(masked(text), seen);
        }
        let key = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        assert_eq!(masked(key), "***");
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "NameError: name 'x' is not defined",
            "KeyError: 'token'",
            "token: None",
            "  File \"/app/a.py\", line 3, in <module>",
            "Basic checks passed",
            "loaded 12 tokens in 3 s: fine",
            "max_tokens=512",
            "",
            "\u{fc}: \u{1f600} = x",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
