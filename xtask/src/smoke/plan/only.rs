//! A part of a plan: checks by their names, with those that must have passed before them.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};

use super::check::{Check, CheckId, Plan};

/// A name of checks: whole, or with `*` for any text and `?` for any character. That of a check that was expanded is also that of all
/// its instances.
#[derive(Debug, Clone)]
pub struct CheckName {
    text: String,
    matcher: Option<GlobMatcher>,
}

impl CheckName {
    /// Reads one. All other characters stand for themselves.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let plain: String = text
            .chars()
            .flat_map(|c| match c {
                '[' | ']' | '{' | '}' => ['[', c, ']'].into_iter().take(3),
                c => [c, ' ', ' '].into_iter().take(1),
            })
            .collect();
        let glob = GlobBuilder::new(&plain)
            .literal_separator(false)
            .backslash_escape(false)
            .build();
        Self {
            text: text.to_owned(),
            matcher: glob.ok().map(|glob| glob.compile_matcher()),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a check is meant.
    #[must_use]
    pub fn matches(&self, check: &Check) -> bool {
        [&check.name, &check.written_name]
            .into_iter()
            .any(|name| *name == self.text || self.matcher.as_ref().is_some_and(|matcher| matcher.is_match(name)))
    }
}

impl Plan {
    /// The checks that are wanted, with all that must have passed before them.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&Check) -> bool) -> Self {
        let mut kept = BTreeSet::new();
        let mut open: Vec<CheckId> = self
            .checks
            .iter()
            .filter(|check| wanted(check))
            .map(|check| check.id)
            .collect();
        while let Some(id) = open.pop() {
            if kept.insert(id) {
                open.extend(&self.check(id).after);
            }
        }
        let kept: Vec<CheckId> = kept.into_iter().collect();
        // All that a check names is kept, too.
        let renumbered = |id: &CheckId| CheckId(kept.binary_search(id).unwrap_or_default());
        let checks = kept.iter().map(|id| {
            let mut check = self.check(*id).clone();
            check.id = renumbered(id);
            check.after = check.after.iter().map(renumbered).collect();
            check.reads.values_mut().for_each(|from| *from = renumbered(from));
            check
        });
        Self {
            checks: checks.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::plan_of;
    use super::*;

    const TEXT: &str = "phase: 2
checks:
  - {name: unrelated, image: {image: base}}
  - {name: 'a {x} [y]', image: {image: base}}
  - name: asks
    request: {agent: CoordinatorAgent, send: {}, expect: {}, save: {n: n}}
  - name: says
    after: asks
    exec: {group: core-services, command: [echo, 'n=${n}'], expect: {exit: 0}}
  - name: each
    for_each: group
    groups: [core-services, memory-system]
    status: {group: '{group}'}
";

    fn names(pattern: &str) -> Vec<String> {
        let name = CheckName::new(pattern);
        let plan = plan_of(TEXT).only(|check| name.matches(check));
        for (index, check) in plan.checks.iter().enumerate() {
            assert_eq!(check.id, CheckId(index));
        }
        plan.checks.into_iter().map(|check| check.name).collect()
    }

    #[test]
    fn checks_are_found_by_name_and_pattern_with_what_comes_before() {
        assert_eq!(names("each"), ["each [core-services]", "each [memory-system]"]);
        assert_eq!(names("each [core-services]"), ["each [core-services]"]);
        assert_eq!(names("*memory*"), ["each [memory-system]"]);
        assert_eq!(names("a {x} [?]"), ["a {x} [y]"]);
        assert_eq!(
            names("says"),
            ["asks", "says"],
            "a saved value needs the check that saves it"
        );
        assert_eq!(names("*").len(), 6);
        assert!(names("eac").is_empty() && names("[each]").is_empty() && names("").is_empty());
        let says = CheckName::new("says");
        let plan = plan_of(TEXT).only(|check| says.matches(check));
        assert_eq!(plan.checks[1].after, [CheckId(0)]);
        assert_eq!(plan.checks[1].reads["n"], CheckId(0));
    }
}
