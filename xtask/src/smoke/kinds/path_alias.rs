//! `path_alias`: two names of one path in a group's image lead to the same files.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Action, Kind, Resolved, Saved, Spec};
use crate::smoke::fields::{Text, needed};
use crate::smoke::observer::{Blind, Observer, Sealed, answer};
use crate::smoke::plan::names::Names;
use crate::smoke::verdict::Verdict;
use crate::smoke::yaml::{Fields, Reader};
use crate::stack::model::{MachineId, Stack};
use crate::stack::written::Scalar;

/// The kind.
pub const KIND: Kind = Kind {
    name: "path_alias",
    about: "Two names of one path.",
    decode,
    schema: |generator| generator.subschema_for::<Keys>(),
};

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "PathAlias")]
#[expect(dead_code, reason = "a schema is made of it; nothing has its values")]
struct Keys {
    group: Scalar,
    alias: Scalar,
    target: Scalar,
    min_files: Option<u64>,
}

#[derive(Debug)]
struct PathAliasSpec {
    group: Text,
    alias: String,
    target: String,
    min_files: u64,
}

fn decode(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Option<Box<dyn Spec>> {
    let group = needed(reader, fields, "group", "`path_alias`");
    let alias = needed(reader, fields, "alias", "`path_alias`");
    let target = needed(reader, fields, "target", "`path_alias`");
    let min_files = fields
        .get("min_files")
        .and_then(|node| reader.whole(node, "min_files"))
        .unwrap_or(1);
    Some(Box::new(PathAliasSpec {
        group: group?,
        alias: alias?.text,
        target: target?.text,
        min_files,
    }))
}

impl Spec for PathAliasSpec {
    fn seconds(&self) -> u64 {
        120
    }

    fn resolve(self: Box<Self>, names: &mut Names<'_>) -> Option<Resolved> {
        let group = names.group(&self.group)?;
        let machine = names.stack.group(group).machine;
        let action = PathAlias {
            machine,
            image: names.stack.group_image(group),
            alias: self.alias,
            target: self.target,
            min_files: self.min_files,
        };
        Some((Arc::new(action), Some(machine)))
    }
}

/// Two names of one path in an image.
#[derive(Debug, Clone)]
pub struct PathAlias {
    machine: MachineId,
    /// The fully qualified image that is looked into.
    image: String,
    /// The second name, relative to the tree.
    alias: String,
    /// The first name, relative to the tree.
    target: String,
    /// Files that there must be at least.
    min_files: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct PathAliasSeen {
    /// Files under the first name.
    files: u64,
    /// Files whose two names are not one file: path below both names, what the alias resolves to.
    different: Vec<(String, String)>,
}

/// Differences that are shown one by one.
const SHOWN: usize = 20;

/// Compares the files below two names of a folder, both relative to the tree's root, and prints JSON.
const SCRIPT: &str = "\
import json, os, sys
root = os.environ.get('PROJECT_ROOT') or os.getcwd()
alias, target = (os.path.join(root, path) for path in sys.argv[1:3])
def files(top):
    for folder, _, names in os.walk(top):
        for name in names:
            if not name.endswith('.pyc'):
                yield os.path.relpath(os.path.join(folder, name), top)
first, second = set(files(target)), set(files(alias))
different = []
for name in ['.', *sorted(first | second)]:
    a, b = os.path.join(target, name), os.path.join(alias, name)
    try:
        if not os.path.samefile(a, b):
            different.append([name, 'another file: ' + os.path.realpath(b)])
    except OSError as error:
        different.append([name, '%s: %s' % (error.filename, error.strerror)])
print(json.dumps({'files': len(first), 'different': different}))
";

impl Action for PathAlias {
    fn subject(&self, _stack: &Stack) -> String {
        format!("a look into `{}`", self.image)
    }

    fn observe(&self, observer: &dyn Observer, _saved: &Saved, verdict: &mut Verdict) -> Result<(), Blind> {
        let seen = observer.run_sealed(&Sealed {
            machine: Some(self.machine),
            image: &self.image,
            command: &["python3", "-c", SCRIPT, &self.alias, &self.target],
            ..Sealed::default()
        })?;
        self.judge(verdict, &answer(&seen)?);
        Ok(())
    }
}

impl PathAlias {
    fn judge(&self, verdict: &mut Verdict, seen: &PathAliasSeen) {
        let Self {
            alias,
            target,
            min_files,
            ..
        } = self;
        if seen.files < *min_files {
            verdict.wrong(
                format!("at least {min_files} files under {target}"),
                seen.files.to_string(),
            );
        }
        for (file, what) in seen.different.iter().take(SHOWN) {
            verdict.wrong(format!("{alias}/{file} is {target}/{file}"), what.clone());
        }
        if let Some(more) = seen.different.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            verdict.wrong("every file under both names", format!("{more} more that are not"));
        }
        verdict.note = format!("{} files", seen.files);
    }
}

#[cfg(test)]
mod tests {
    use super::{PathAlias, PathAliasSeen};
    use crate::smoke::command::CommandSeen;
    use crate::smoke::observer::answer;
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::{action, got};
    use crate::smoke::verdict::Verdict;

    fn judged(printed: &str) -> Outcome {
        let seen: PathAliasSeen = answer(&CommandSeen {
            exit: Some(0),
            stdout: printed.to_owned(),
            stderr: String::new(),
        })
        .unwrap();
        let mut verdict = Verdict::default();
        action::<PathAlias>("path_alias: {group: core-services, alias: FORMAINPC, target: main_pc_code/FORMAINPC}")
            .judge(&mut verdict, &seen);
        verdict.outcome()
    }

    #[test]
    fn path_aliases_must_be_one_file_each() {
        assert!(!judged(r#"{"files": 3, "different": []}"#).is_failure());
        assert_eq!(got(&judged(r#"{"files": 0, "different": []}"#)), ["0"]);
        assert_eq!(
            got(&judged(r#"{"files": 3, "different": [["x.py", "missing"]]}"#)),
            ["missing"]
        );
    }
}
