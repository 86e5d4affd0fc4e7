//! Baselines: findings that are known and accepted. An entry matches by rule and a digest of the flagged line, not by line
//! number, so that code around it may move.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// The only version of the format.
pub const VERSION: u32 = 1;

/// A baseline file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of the format.
    pub version: u32,
    /// What is accepted.
    pub findings: Vec<Entry>,
}

/// One accepted finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The rule.
    pub rule: String,
    /// Where it was; only to tell people, and to choose between equal lines.
    pub path: String,
    /// Digest of the flagged code.
    pub digest: String,
    /// What was said; only to tell people.
    pub message: String,
}

/// Why a text is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON, or has other keys.
    #[error(transparent)]
    Syntax(#[from] serde_json::Error),
    /// It is of another version.
    #[error("it has version {0}; this program reads version {VERSION}")]
    Version(u32),
}

/// Digest of a rule and the code that it flagged: the line without the blanks around it. Where there is no line, the path and what
/// the finding is about stand for it; never its words, which may be put otherwise at any time.
#[must_use]
pub fn fingerprint(finding: &Finding) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(finding.rule.as_bytes());
    hasher.update(b"\0");
    let line = finding.place.text.trim();
    if line.is_empty() {
        hasher.update(finding.place.path.as_bytes());
        for subject in &finding.subjects {
            hasher.update(b"\0");
            hasher.update(subject.key().as_bytes());
        }
    } else {
        hasher.update(line.as_bytes());
    }
    hasher.finalize().to_hex().chars().take(32).collect()
}

/// A baseline of these findings.
#[must_use]
pub fn of(findings: &[Finding]) -> Baseline {
    let mut entries: Vec<Entry> = findings
        .iter()
        .map(|finding| Entry {
            rule: finding.rule.to_owned(),
            path: finding.place.path.clone(),
            digest: fingerprint(finding),
            message: finding.text().into_owned(),
        })
        .collect();
    entries.sort();
    Baseline {
        version: VERSION,
        findings: entries,
    }
}

/// Reads a baseline file.
///
/// # Errors
/// When it is none, or of another version.
pub fn read(text: &str) -> Result<Baseline, BaselineError> {
    let baseline: Baseline = serde_json::from_str(text)?;
    match baseline.version {
        VERSION => Ok(baseline),
        other => Err(BaselineError::Version(other)),
    }
}

/// Takes out the findings that the baseline knows, each entry at most one; first by path too, then by rule and digest
/// alone, so that a moved file is known. Gives how many were taken out, and the entries that matched nothing.
pub fn apply(findings: &mut Vec<Finding>, baseline: &Baseline) -> (usize, Vec<Entry>) {
    let prints: Vec<String> = findings.iter().map(fingerprint).collect();
    let mut known = vec![false; findings.len()];
    let mut by_place: BTreeMap<(&str, &str, &str), Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        by_place
            .entry((finding.rule, &prints[index], &finding.place.path))
            .or_default()
            .push(index);
    }
    let mut left = Vec::new();
    for entry in &baseline.findings {
        let key: (&str, &str, &str) = (&entry.rule, &entry.digest, &entry.path);
        match by_place.get_mut(&key).and_then(Vec::pop) {
            Some(index) => known[index] = true,
            None => left.push(entry.clone()),
        }
    }
    let mut stale = Vec::new();
    for entry in left {
        let moved = (0..findings.len())
            .find(|index| !known[*index] && findings[*index].rule == entry.rule && prints[*index] == entry.digest);
        match moved {
            Some(index) => known[index] = true,
            None => stale.push(entry),
        }
    }
    let mut at = 0;
    findings.retain(|_| {
        at += 1;
        !known[at - 1]
    });
    (known.iter().filter(|known| **known).count(), stale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Place, Subject};

    fn finding(rule: &'static str, path: &str, line: u32, text: &str) -> Finding {
        let place = Place {
            line,
            column: 1,
            width: 1,
            text: text.to_owned(),
            ..Place::file(path)
        };
        Finding::warning(rule, place, "m")
    }

    #[test]
    fn an_entry_matches_by_rule_and_code_and_only_once() {
        let accepted = vec![
            finding("a/b", "x.py", 3, "import a"),
            finding("a/b", "old.py", 1, "import z"),
            finding("a/b", "x.py", 9, "gone"),
        ];
        let baseline = read(&serde_json::to_string(&of(&accepted)).unwrap()).unwrap();
        let mut now = vec![
            finding("a/b", "x.py", 30, "  import a"),
            finding("a/b", "y.py", 3, "import a"),
            finding("a/c", "x.py", 3, "import a"),
            finding("a/b", "new.py", 7, "import z"),
        ];
        let (known, stale) = apply(&mut now, &baseline);
        assert_eq!(known, 2);
        let left: Vec<(&str, &str)> = now.iter().map(|f| (f.rule, f.place.path.as_str())).collect();
        assert_eq!(left, [("a/b", "y.py"), ("a/c", "x.py")]);
        assert_eq!(stale.len(), 1);
        assert_eq!((stale[0].path.as_str(), stale[0].rule.as_str()), ("x.py", "a/b"));
    }

    #[test]
    fn words_that_are_put_otherwise_are_the_same_finding() {
        let about = |name: &str, words: &str| Finding {
            message: words.to_owned(),
            ..finding("a/b", "x.py", 0, "").about(Subject::Module(name.to_owned()))
        };
        assert_eq!(
            fingerprint(&about("numpy", "`numpy` is missing")),
            fingerprint(&about("numpy", "there is no `numpy`"))
        );
        assert_ne!(fingerprint(&about("numpy", "m")), fingerprint(&about("scipy", "m")));
        let distribution = finding("a/b", "x.py", 0, "").about(Subject::Distribution("numpy".to_owned()));
        assert_ne!(fingerprint(&about("numpy", "m")), fingerprint(&distribution));
    }

    #[test]
    fn another_version_is_refused() {
        assert!(
            read("{\"version\": 2, \"findings\": []}")
                .unwrap_err()
                .to_string()
                .contains("version 2")
        );
        assert!(read("nonsense").is_err());
    }
}
