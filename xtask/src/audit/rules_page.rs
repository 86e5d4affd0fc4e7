//! The page of all rules, `rules/README.md`, made of their doc comments.

use std::fmt::Write as _;

use super::rules;
use crate::finding::{Confidence, Severity};
use crate::rendered_file::RenderedFile;

/// Where the page is, in the repository.
pub const PATH: &str = "xtask/src/audit/rules/README.md";
/// The folder of the page, which only this program's own repository has.
pub const FOLDER: &str = "xtask/src/audit/rules";

/// The page.
#[must_use]
pub fn file() -> RenderedFile {
    let mut text = String::from(
        "<!-- rendered by `cargo xtask render` from the rules' doc comments, do not edit -->\n\n# Rules of the audit\n\n\
         What `cargo xtask audit` looks for. `--select` and `--ignore` take an id or its family (the part before the slash); `# audit: \
         ignore[id] reason`\nin a source silences one place. Severity is the worst that a rule gives, confidence how sure its findings \
         are.\n\n`audit: rules:` in `config/stack.yaml` gives all findings of a rule another severity (`note`, `warning`, `error`), or leaves them \
         out of\nthe report and the exit code (`off`). What is predicted of agents stays the same, and so does what other commands say of the \
         stack.\n\n| rule | severity | confidence | finds |\n| --- | --- | --- | --- |\n",
    );
    for rule in rules::all() {
        let _ = writeln!(
            text,
            "| [{}](#{}) | {} | {} | {} |",
            rule.id,
            anchor(rule.id),
            severity(rule.severity),
            confidence(rule.confidence),
            rule.summary.replace('|', "\\|")
        );
    }
    for rule in rules::all() {
        let _ = write!(
            text,
            "\n## {}\n\n{}; {}, {} confidence{}.\n\n",
            rule.id,
            capital(rule.summary),
            severity(rule.severity),
            confidence(rule.confidence),
            rule.fix
                .map_or_else(String::new, |place| format!("; `--fix` fixes it {place}"))
        );
        for line in rule.explanation.lines() {
            let _ = writeln!(text, "{}", line.strip_prefix(' ').unwrap_or(line));
        }
    }
    RenderedFile {
        path: PATH.to_owned(),
        text,
        executable: false,
    }
}

/// The anchor that Markdown readers make of a heading.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '-' || *c == '_' || *c == ' ')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::{anchor, file};
    use crate::audit::rules;

    #[test]
    fn every_rule_has_its_line_and_its_section() {
        let text = file().text;
        for rule in rules::all() {
            assert!(
                text.contains(&format!("| [{}](#{}) |", rule.id, anchor(rule.id))),
                "{}",
                rule.id
            );
            let (_, section) = text.split_once(&format!("\n## {}\n", rule.id)).unwrap();
            let first = rule.explanation.lines().next().unwrap().trim();
            assert!(section.contains(first), "{}", rule.id);
        }
        assert_eq!(anchor("ports/param-clash"), "portsparam-clash");
    }
}
