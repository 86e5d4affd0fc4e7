//! The texts of `tests/smoke/*.yaml` → [`CheckFile`]s, with every mistake as a finding.

use std::collections::BTreeMap;
use std::time::Duration;

use super::fields::{Text, located};
use super::kinds::{self, KINDS, Kind};
use super::spec::{CheckFile, CheckSpec, ForEach};
use super::yaml::{Data, Fields, Node, RULE, Reader};
use crate::finding::{Finding, Place, Subject};

/// Longest time limit that a check may have.
const MAX_TIMEOUT_SECONDS: f64 = 3600.0;

/// Most retries that a check may have: one that needs more says nothing.
const MAX_RETRIES: u64 = 10;

/// Reads all files: pairs of path and text. A check with a mistake is left out, everything else is there.
#[must_use]
pub fn parse(files: &[(String, String)]) -> (Vec<CheckFile>, Vec<Finding>) {
    let mut all = Vec::new();
    let mut findings = Vec::new();
    for (path, text) in files {
        let mut reader = Reader::new(path, text);
        if let Some(file) = file(&mut reader, path, text) {
            all.push(file);
        }
        findings.append(&mut reader.findings);
    }
    findings.extend(duplicates(&all));
    (all, findings)
}

fn file(reader: &mut Reader<'_>, path: &str, text: &str) -> Option<CheckFile> {
    let node = reader.tree(text)?;
    let mut fields = reader.fields(&node, "a file of checks")?;
    let phase = fields
        .need(reader, "phase", "the file")
        .and_then(|node| match reader.whole(node, "phase") {
            Some(phase @ 1..=4) => u8::try_from(phase).ok(),
            Some(other) => {
                reader.note(node.mark, format!("`phase` must be 1 to 4, not {other}"));
                None
            }
            None => None,
        });
    let checks = match fields
        .need(reader, "checks", "the file")
        .map(|node| (&node.data, node.mark))
    {
        None => Vec::new(),
        Some((Data::List(items), _)) => items.iter().filter_map(|item| check(reader, item)).collect(),
        Some((_, mark)) => {
            reader.note(mark, "`checks` must be a list");
            Vec::new()
        }
    };
    reader.finish(&fields, "the file");
    Some(CheckFile {
        path: path.to_owned(),
        text: text.to_owned(),
        phase: phase?,
        checks,
    })
}

fn check(reader: &mut Reader<'_>, node: &Node) -> Option<CheckSpec> {
    let before = reader.findings.len();
    let mut fields = reader.fields(node, "a check")?;
    let name = fields.need(reader, "name", "the check").and_then(|node| {
        let text = reader.text(node, "name")?;
        Some(located(reader, text, node.mark))
    });
    let what = name
        .as_ref()
        .map_or_else(|| "a check".to_owned(), |name| format!("check `{}`", name.text));
    let machines = texts(reader, &mut fields, "machine");
    let groups = texts(reader, &mut fields, "groups");
    let for_each = fields.get("for_each").and_then(|node| {
        let word = reader.text(node, "for_each")?;
        let known = ForEach::NAMES.iter().find(|(name, _)| *name == word);
        if known.is_none() {
            let names: Vec<&str> = ForEach::NAMES.iter().map(|(name, _)| *name).collect();
            reader.note(
                node.mark,
                format!("`for_each` must be one of {}, not `{word}`", names.join(", ")),
            );
        }
        known.map(|(_, for_each)| *for_each)
    });
    let timeout = fields.get("timeout_seconds").and_then(|node| {
        let seconds = reader.number(node, "timeout_seconds")?;
        if seconds <= 0.0 || seconds > MAX_TIMEOUT_SECONDS {
            reader.note(
                node.mark,
                format!("`timeout_seconds` must be above 0 and at most {MAX_TIMEOUT_SECONDS}"),
            );
            return None;
        }
        Some(Duration::from_secs_f64(seconds))
    });
    let retries = fields
        .get("retries")
        .and_then(|node| match reader.whole(node, "retries")? {
            retries @ 0..=MAX_RETRIES => u32::try_from(retries).ok(),
            other => {
                reader.note(node.mark, format!("`retries` must be 0 to {MAX_RETRIES}, not {other}"));
                None
            }
        });
    let after = texts(reader, &mut fields, "after");
    let exclusive = fields
        .get("exclusive")
        .and_then(|node| reader.flag(node, "exclusive"))
        .unwrap_or(false);
    let kinds: Vec<(&'static Kind, &Node)> = KINDS
        .iter()
        .filter_map(|kind| fields.get(kind.name).map(|node| (kind, node)))
        .collect();
    let kind = match kinds.as_slice() {
        [(kind, body)] => kind.read(reader, body).map(|_| (*kind, (*body).clone())),
        [] => {
            reader.note_with_help(
                super::yaml::Mark { width: 1, ..node.mark },
                format!("{what} says not what to look at"),
                format!("give it one of {}", kinds::names().collect::<Vec<_>>().join(", ")),
            );
            None
        }
        [(first, _), (second, body), ..] => {
            reader.note(
                body.mark,
                format!(
                    "{what} has both `{}` and `{}`; it can have one only",
                    first.name, second.name
                ),
            );
            None
        }
    };
    reader.finish(&fields, &what);
    let (kind, body) = kind?;
    (reader.findings.len() == before).then_some(CheckSpec {
        name: name?,
        machines,
        groups,
        for_each,
        timeout,
        retries: retries.unwrap_or(0),
        after,
        exclusive,
        kind,
        body,
    })
}

fn texts(reader: &mut Reader<'_>, fields: &mut Fields<'_>, name: &'static str) -> Vec<Text> {
    let Some(node) = fields.get(name) else {
        return Vec::new();
    };
    reader
        .texts(node, name)
        .into_iter()
        .map(|(text, mark)| located(reader, text, mark))
        .collect()
}

fn duplicates(files: &[CheckFile]) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
    let mut findings = Vec::new();
    for check in files.iter().flat_map(|file| &file.checks) {
        let name = &check.name;
        if let Some(earlier) = first.get(name.text.as_str()) {
            findings.push(
                Finding::error(
                    RULE,
                    name.place.clone(),
                    format!("two checks are named `{}`", name.text),
                )
                .about(Subject::Check(name.text.clone()))
                .with_related((*earlier).clone(), "the first one"),
            );
        } else {
            first.insert(&name.text, &name.place);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn messages(text: &str) -> Vec<(u32, String)> {
        let (_, findings) = parse(&[("tests/smoke/x.yaml".to_owned(), text.to_owned())]);
        findings
            .into_iter()
            .map(|finding| (finding.place.line, finding.message))
            .collect()
    }

    #[test]
    fn a_right_file_has_no_findings() {
        let text = r#"
phase: 2
checks:
  - name: a task is answered
    timeout_seconds: 5
    request:
      agent: CoordinatorAgent
      send: {action: task, question: "3 + 4"}
      expect: {status: ok, steps: {length: {min: 2}}}
      save: {answer: answer}
  - name: the answer again
    after: a task is answered
    exec:
      group: core-services
      command: [sh, -c, 'echo ${answer}']
      expect: {exit: 0, stdout: {contains: "7"}}
"#;
        let (files, findings) = parse(&[("a.yaml".to_owned(), text.to_owned())]);
        assert_eq!(findings, []);
        assert_eq!(files[0].phase, 2);
        assert_eq!(files[0].checks.len(), 2);
        assert_eq!(files[0].checks[1].kind.name, "exec");
    }

    #[test]
    fn every_mistake_of_a_file_is_reported_at_its_line() {
        let text = "phase: 7
checks:
  - name: one
    timeout: 5
    exec: {group: g, command: ls}
  - name: two
    retries: 11
    request: {agent: A, send: {}, expect: {x: {type: nothing}}, reply: 1}
  - name: one
  - name: three
    status: {group: a, agent: b}
    for_each: planet
  - name: four
    image: {image: base, expect: {exit: 0, out: x}}
surprise: 1
";
        let found = messages(text);
        let expected = [
            (1, "`phase` must be 1 to 4, not 7"),
            (4, "unknown key `timeout` in check `one`"),
            (5, "`command` must be a list: a program and its arguments"),
            (7, "`retries` must be 0 to 10, not 11"),
            (8, "unknown key `reply` in `request`"),
            (8, "at `x.type`: `type` takes string"),
            (9, "check `one` says not what to look at"),
            (11, "`status` needs either `group` or `agent`"),
            (12, "`for_each` must be one of"),
            (14, "`expect` of an image is about `run`"),
            (14, "unknown key `out` in `expect` of a command"),
            (15, "unknown key `surprise` in the file"),
        ];
        for (line, message) in expected {
            assert!(
                found.iter().any(|(at, text)| *at == line && text.starts_with(message)),
                "{line}: {message}\n{found:#?}"
            );
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
    }

    #[test]
    fn findings_of_all_files_come_together() {
        let (_, findings) = parse(&[
            ("a.yaml".to_owned(), "phase: x\nchecks: []\n".to_owned()),
            ("b.yaml".to_owned(), "checks: [\n".to_owned()),
        ]);
        assert!(findings.iter().any(|finding| finding.place.path == "a.yaml"));
        assert!(findings.iter().any(|finding| finding.place.path == "b.yaml"));
    }

    #[test]
    fn the_files_of_this_repository_are_right() {
        let files = [
            ("phase1.yaml", include_str!("../../../tests/smoke/phase1.yaml")),
            ("phase2.yaml", include_str!("../../../tests/smoke/phase2.yaml")),
            ("phase4.yaml", include_str!("../../../tests/smoke/phase4.yaml")),
        ]
        .map(|(path, text)| (path.to_owned(), text.to_owned()));
        let (parsed, findings) = parse(&files);
        assert_eq!(findings, []);
        assert_eq!(parsed.len(), files.len());
    }

    #[test]
    fn two_checks_of_one_name_are_told_apart() {
        let text = "phase: 1\nchecks:\n  - {name: a, image: {image: base}}\n  - {name: a, image: {image: base}}\n";
        let (_, findings) = parse(&[("a.yaml".to_owned(), text.to_owned())]);
        assert_eq!(findings[0].message, "two checks are named `a`");
        assert_eq!(findings[0].related[0].place.line, 3);
    }
}
