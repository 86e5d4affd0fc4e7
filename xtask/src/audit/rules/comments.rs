//! Comments that silence a rule: `# audit: ignore[rule] reason`, on the line of the finding or alone on the line above.

use crate::audit::rule::{matches, rules};
use crate::finding::{Finding, Place, Subject};

rules! {
    /// Finds comments `# audit: ignore[rule]` that silence nothing.
    ///
    /// They hide the next finding of that rule on that line, which nobody has judged.
    ///
    /// Remove the comment.
    UNUSED = "audit/unused-ignore", Warning, High, "an ignore comment that silences nothing";

    /// Finds comments `# audit: ignore[…]` that name no rule, or give no reason.
    ///
    /// Who reads the line later cannot tell what was judged, nor why.
    ///
    /// Example: `# audit: ignore[paths/style] the vendor's script needs the short form`.
    ///
    /// Name the rule (`--list-rules`) and say why.
    MALFORMED = "audit/bad-ignore", Warning, High, "an ignore comment without a known rule or a reason";
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    /// Path as findings name it.
    path: String,
    /// Lines that it speaks about.
    lines: std::ops::RangeInclusive<u32>,
    pattern: String,
    place: Place,
    used: bool,
}

const MARK: &str = "# audit: ignore[";

/// The comments of a text, and what is wrong with them.
#[must_use]
pub fn read(path: &str, text: &str) -> (Vec<Comment>, Vec<Finding>) {
    let (mut comments, mut findings) = (Vec::new(), Vec::new());
    if !text.contains(MARK) {
        return (comments, findings);
    }
    for (index, line) in text.lines().enumerate() {
        let Some(at) = line.find(MARK) else { continue };
        // Inside a string it is no comment.
        let before = &line[..at];
        if ['"', '\''].iter().any(|quote| before.matches(*quote).count() % 2 == 1) {
            continue;
        }
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let (inner, reason) = line[at + MARK.len()..]
            .split_once(']')
            .unwrap_or((&line[at + MARK.len()..], ""));
        let place = Place {
            path: path.to_owned(),
            line: number,
            column: u32::try_from(before.chars().count() + 1).unwrap_or(1),
            width: u32::try_from(line[at..].trim_end().chars().count()).unwrap_or(1),
            text: line.to_owned(),
        };
        if reason.trim().is_empty() {
            findings.push(
                MALFORMED
                    .finding(place.clone(), "this comment gives no reason")
                    .with_help(
                        "write why after the bracket, as in `# audit: ignore[paths/style] read by the vendor's tool`",
                    ),
            );
        }
        let last = if before.trim().is_empty() { number + 1 } else { number };
        for pattern in inner.split(',').map(str::trim) {
            if super::all().any(|rule| rule.matches(pattern)) {
                comments.push(Comment {
                    path: path.to_owned(),
                    lines: number..=last,
                    pattern: pattern.to_owned(),
                    place: place.clone(),
                    used: false,
                });
            } else {
                findings.push(
                    MALFORMED
                        .finding(place.clone(), format!("there is no rule `{pattern}`"))
                        .about(Subject::Rule(pattern.to_owned()))
                        .with_help("`cargo xtask audit --list-rules` lists all"),
                );
            }
        }
    }
    (comments, findings)
}

/// Takes out what comments silence; says which comments silence nothing. Gives the number of findings taken out.
pub fn apply(findings: &mut Vec<Finding>, mut comments: Vec<Comment>) -> usize {
    let before = findings.len();
    findings.retain(|finding| {
        let mut kept = true;
        for comment in &mut comments {
            if comment.path == finding.place.path
                && comment.lines.contains(&finding.place.line)
                && matches(&comment.pattern, finding.rule)
            {
                comment.used = true;
                kept = false;
            }
        }
        kept
    });
    let silenced = before - findings.len();
    findings.extend(comments.into_iter().filter(|comment| !comment.used).map(|comment| {
        UNUSED
            .finding(comment.place, format!("nothing of `{}` is found here", comment.pattern))
            .about(Subject::Rule(comment.pattern))
            .with_help("remove the comment")
    }));
    silenced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_silences_its_line_or_the_next() {
        let text = "x = 1  # audit: ignore[paths/] known\n# audit: ignore[hosts/private-address] lab\ny\nz\n\
                    # audit: ignore[nope] x\nq  # audit: ignore[paths]\ns = \"# audit: ignore[paths] x\"\n";
        let (comments, wrong) = read("a.py", text);
        assert_eq!(comments.len(), 3);
        let said: Vec<&str> = wrong.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(said, ["there is no rule `nope`", "this comment gives no reason"]);
        let at = |rule: &'static str, line| {
            let mut place = Place::file("a.py");
            place.line = line;
            Finding::warning(rule, place, "m")
        };
        let mut findings = vec![
            at("paths/style", 1),
            at("hosts/private-address", 3),
            at("hosts/private-address", 4),
        ];
        assert_eq!(apply(&mut findings, comments), 2);
        let left: Vec<(&str, u32)> = findings.iter().map(|f| (f.rule, f.place.line)).collect();
        assert_eq!(left, [("hosts/private-address", 4), ("audit/unused-ignore", 6)]);
    }
}
