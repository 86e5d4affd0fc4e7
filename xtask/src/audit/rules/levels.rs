//! Levels of rules: what `audit: rules:` of the stack says of them.

use crate::audit::rule::rules;
use crate::finding::{Finding, Subject};
use crate::stack::audit::{RuleLevel, RuleSetting};
use crate::stack::near::nearest;

rules! {
    /// Finds levels under `audit: rules:` of the stack for rules that there are not.
    ///
    /// They change nothing: what was meant is found and fails as before.
    ///
    /// Example: `paths/styles: off`.
    ///
    /// Correct the id (`--list-rules` lists all).
    UNKNOWN = "audit/unknown-rule", Error, High, "a level for a rule that there is not";
}

/// Levels for rules that there are not.
#[must_use]
pub fn unknown(settings: &[RuleSetting]) -> Vec<Finding> {
    settings
        .iter()
        .filter(|setting| super::find(&setting.rule.value).is_none())
        .map(|setting| {
            let id = setting.rule.value.as_str();
            UNKNOWN
                .finding(setting.rule.place.clone(), format!("there is no rule `{id}`"))
                .about(Subject::Rule(id.to_owned()))
                .with_help(match near(id).as_slice() {
                    [] => "`cargo xtask audit --list-rules` lists all".to_owned(),
                    near => format!("did you mean `{}`?", near.join("` or `")),
                })
        })
        .collect()
}

/// Rules that were probably meant: of a family or of a name without its family all, or else the nearest.
fn near(id: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    let all = || super::all().map(|rule| rule.id);
    let name = id.rsplit('/').next().unwrap_or(id);
    let by_name: Vec<&str> = all()
        .filter(|known| !name.is_empty() && known.rsplit('/').next() == Some(name))
        .take(MOST)
        .collect();
    if !by_name.is_empty() {
        return by_name;
    }
    match nearest(id, all()) {
        Some(near) => vec![near],
        None => all()
            .filter(|known| crate::audit::rule::matches(id, known) && id != "all")
            .take(MOST)
            .collect(),
    }
}

/// The level of a rule, where one is set.
#[must_use]
pub fn of(settings: &[RuleSetting], id: &str) -> Option<RuleLevel> {
    let setting = settings.iter().find(|setting| setting.rule.value == id);
    setting.map(|setting| setting.level)
}

/// Whether findings of a rule are shown.
#[must_use]
pub fn shows(settings: &[RuleSetting], id: &str) -> bool {
    of(settings, id) != Some(RuleLevel::Off)
}

/// Gives findings the severities that are set, and takes those out that are off.
pub fn apply(findings: &mut Vec<Finding>, settings: &[RuleSetting]) {
    findings.retain_mut(|finding| match of(settings, finding.rule) {
        Some(RuleLevel::Off) => false,
        Some(RuleLevel::As(severity)) => {
            finding.severity = severity;
            true
        }
        None => true,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Place, Severity};
    use crate::stack::spans::At;

    fn setting(rule: &str, level: &str) -> RuleSetting {
        RuleSetting {
            rule: At {
                value: rule.to_owned(),
                place: Place::file("config/stack.yaml"),
            },
            level: RuleLevel::named(level).unwrap(),
        }
    }

    #[test]
    fn a_level_goes_for_its_rule_alone() {
        let finding = |rule| Finding::warning(rule, Place::file("a.py"), "m");
        let mut findings = vec![
            finding("paths/style"),
            finding("paths/missing"),
            finding("hosts/private-address"),
            finding("start/raises"),
        ];
        let settings = [
            setting("paths/style", "off"),
            setting("paths/missing", "error"),
            setting("hosts/private-address", "note"),
        ];
        apply(&mut findings, &settings);
        let left: Vec<(&str, Severity)> = findings.iter().map(|one| (one.rule, one.severity)).collect();
        assert_eq!(
            left,
            [
                ("paths/missing", Severity::Error),
                ("hosts/private-address", Severity::Note),
                ("start/raises", Severity::Warning),
            ]
        );
        assert!(!shows(&settings, "paths/style") && shows(&settings, "paths/missing"));
    }

    #[test]
    fn rules_that_are_near_are_named() {
        for (id, help) in [
            ("paths/styl", "did you mean `paths/style`?"),
            ("path/style", "did you mean `paths/style`?"),
            ("style", "did you mean `paths/style`?"),
            ("paths", "did you mean `paths/style` or `paths/home-folder` or `paths/windows-drive`?"),
            ("entirely/different-from-all", "`cargo xtask audit --list-rules` lists all"),
            ("all", "`cargo xtask audit --list-rules` lists all"),
        ] {
            let found = unknown(&[setting(id, "off")]);
            assert_eq!(found[0].help.as_deref(), Some(help), "{id}");
            assert_eq!(found[0].rule, "audit/unknown-rule");
            assert_eq!(found[0].subjects, [Subject::Rule(id.to_owned())]);
        }
        assert!(unknown(&[setting("paths/style", "off")]).is_empty());
        assert_eq!(RuleLevel::named("loud"), None);
    }
}
