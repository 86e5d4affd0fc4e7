//! Hyperlinks in what a terminal shows (OSC 8): rules lead to their page, files to themselves. They are put into a text that is harmless
//! already, so that nothing of a tree's own becomes a sequence.

use std::collections::BTreeSet;

use crate::audit::{Report, rules};

/// Paths that findings name.
#[must_use]
pub fn paths(report: &Report) -> BTreeSet<&str> {
    let findings = report.findings.iter();
    let places = findings.flat_map(|finding| {
        let related = finding.related.iter().map(|related| &related.place);
        related.chain([&finding.place])
    });
    let causes = report.causes.iter().flat_map(|cause| &cause.places);
    let of_causes = causes.map(|step| step.path.as_str());
    places.map(|place| place.path.as_str()).chain(of_causes).collect()
}

/// The text with a link at each rule and file that has an address.
#[must_use]
pub fn linked(text: &str, page: &dyn Fn(&str) -> String, file: &dyn Fn(&str) -> Option<String>) -> String {
    let address = |word: &str| {
        if rules::find(word).is_some() {
            return Some(page(word));
        }
        // `path`, `path:line` and `path:line:column`.
        let path = word.split(':').next().unwrap_or(word);
        let numbers = word.strip_prefix(path).unwrap_or_default();
        let is_place = numbers.chars().all(|c| c == ':' || c.is_ascii_digit());
        is_place.then(|| file(path)).flatten()
    };
    let mut done = String::with_capacity(text.len() * 2);
    let mut rest = text;
    while !rest.is_empty() {
        // A sequence that sets colours goes through as it is.
        if rest.starts_with('\u{1b}') {
            let end = rest.find('m').map_or(rest.len(), |end| end + 1);
            done.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let end = rest.find(is_between).unwrap_or(rest.len());
        if end == 0 {
            let end = rest.chars().next().map_or(rest.len(), char::len_utf8);
            done.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        let (word, behind) = rest.split_at(end);
        let named = word.trim_end_matches([':', '.']);
        match address(named) {
            Some(address) => {
                let tail = &word[named.len()..];
                done.push_str(&format!("\u{1b}]8;;{address}\u{1b}\\{named}\u{1b}]8;;\u{1b}\\{tail}"));
            }
            None => done.push_str(word),
        }
        rest = behind;
    }
    done
}

/// Whether a character stands between words.
fn is_between(c: char) -> bool {
    c.is_whitespace() || c == '\u{1b}' || "[](){}<>,;\"'`│|".contains(c)
}

#[cfg(test)]
mod tests {
    use super::linked;

    #[test]
    fn rules_and_files_that_are_known_are_links_and_nothing_else_is() {
        let page = |rule: &str| format!("https://x/#{rule}");
        let file = |path: &str| (path == "a/b.py").then(|| "file:///t/a/b.py".to_owned());
        let link = |address: &str, text: &str| format!("\u{1b}]8;;{address}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\");
        let text =
            "\u{1b}[31merror[paths/style]\u{1b}[0m: x\n  --> a/b.py:3:1\n in a/b.py, not b.py: no/rule a/b.py:x ü\n";
        let wanted = format!(
            "\u{1b}[31merror[{}]\u{1b}[0m: x\n  --> {}\n in {}, not b.py: no/rule a/b.py:x ü\n",
            link("https://x/#paths/style", "paths/style"),
            link("file:///t/a/b.py", "a/b.py:3:1"),
            link("file:///t/a/b.py", "a/b.py"),
        );
        assert_eq!(linked(text, &page, &file), wanted);
        assert_eq!(
            linked("a/b.py:2:", &page, &file),
            format!("{}:", link("file:///t/a/b.py", "a/b.py:2"))
        );
        assert_eq!(linked("", &page, &file), "");
        assert_eq!(linked("\u{1b}[31", &page, &file), "\u{1b}[31");
    }
}
