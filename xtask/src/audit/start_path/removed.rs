//! What newer versions of much used libraries no longer have.

use pysrc::{Call, Span, Value};

use super::definition::decorator;
use super::failure::{Flow, Words};
use super::value::{ModuleId, V};
use super::walk::Walker;
use crate::finding::Subject;
use crate::python::imports::removed::{self, Release, Removed};

/// Keywords that a function of pydantic no longer takes, and whether it refuses them itself.
const LOST_KEYWORDS: &[(&str, &[&str], bool)] = &[
    ("pydantic.Field", &["regex", "const", "unique_items"], true),
    ("pydantic.constr", &["regex"], false),
    ("pydantic.conlist", &["min_items", "max_items"], false),
];

/// How sure it is that a version is installed from which something is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Installed {
    /// No other is allowed.
    Surely,
    /// It is the newest one that is allowed; something else may keep it back.
    Likely,
}

impl Walker<'_> {
    /// `module.name`, which the version that is installed no longer has.
    pub fn lost_attribute(&mut self, here: ModuleId, module: &str, name: &str, span: Span) -> Flow {
        let Some((lost, installed)) = self.lost(here, module, name) else {
            return Flow::Next;
        };
        let rule = match lost.exception {
            "ImportError" => "start/cannot-import-name",
            _ => "start/no-attribute",
        };
        let exception = lost.exception;
        let message = format!("module '{module}' has no attribute '{name}'");
        self.is_gone(here, span, (rule, exception), installed, gone(name, message, lost))
    }

    /// `from module import name` of such a name.
    pub fn lost_import(&mut self, here: ModuleId, module: &str, name: &str, span: Span) -> Flow {
        let Some((lost, installed)) = self.lost(here, module, name) else {
            return Flow::Next;
        };
        let message = format!("cannot import name '{name}' from '{module}'");
        let kind = ("start/cannot-import-name", "ImportError");
        self.is_gone(here, span, kind, installed, gone(name, message, lost))
    }

    fn lost(&self, here: ModuleId, module: &str, name: &str) -> Option<(&'static Removed, Installed)> {
        let lost = removed::from(module, name)?;
        let open = self.silent > 0 || self.asks_first(here) || self.is_given_to(module, name);
        let installed = self.installed(lost.distribution, lost.since)?;
        (!open).then_some((lost, installed))
    }

    fn is_gone(
        &mut self,
        here: ModuleId,
        span: Span,
        (rule, exception): (&'static str, &'static str),
        installed: Installed,
        words: Words,
    ) -> Flow {
        let likely = installed == Installed::Likely;
        self.maybe += usize::from(likely);
        let flow = self.fail_at(here, span, rule, exception, words, None);
        self.maybe -= usize::from(likely);
        if likely { Flow::Next } else { flow }
    }

    /// Whether such a version is installed, or a later one: only where one line asks for the distribution.
    fn installed(&self, distribution: &str, since: Release) -> Option<Installed> {
        let requirements = &self.container().requirements;
        let mut listed = requirements
            .all
            .iter()
            .filter(|requirement| requirement.name == distribution && !requirement.elsewhere);
        let (one, None) = (listed.next()?, listed.next()) else {
            return None;
        };
        at_least(&one.versions, since).filter(|_| !requirements.pooled)
    }

    /// A decorator of pydantic that its second version refuses: `@root_validator` without words.
    pub fn refused_decorator(&mut self, here: ModuleId, wrapper: &Value, place: Span) -> Flow {
        let V::Outside(name) = self.evaluate(wrapper) else {
            return Flow::Next;
        };
        if name != "pydantic.root_validator" || !self.is_certain() {
            return Flow::Next;
        }
        let source = self.source(here);
        let span = source.map_or(place, |source| decorator(source, place, "root_validator"));
        self.refuses_validator(here, span)
    }

    fn refuses_validator(&mut self, here: ModuleId, span: Span) -> Flow {
        let Some(installed) = self.installed("pydantic", (2, 0)) else {
            return Flow::Next;
        };
        let message = "`@root_validator` without `pre=True` has to have `skip_on_failure=True`".to_owned();
        let words = Words::about(Subject::Name("root_validator".to_owned()), message);
        let kind = ("start/class-error", "PydanticUserError");
        self.is_gone(here, span, kind, installed, words)
    }

    /// A call of what pydantic no longer takes in the same way.
    pub fn refused_by_pydantic(&mut self, here: ModuleId, call: &Call, name: &str) -> Flow {
        let Some(source) = self.source(here).filter(|_| call.spread.is_none()) else {
            return Flow::Next;
        };
        if name == "pydantic.root_validator" {
            let told = ["pre", "skip_on_failure"].map(|word| source.keyword(call, word));
            let says_no = |value: &Option<&Value>| matches!(value, None | Some(Value::Bool(false)));
            let refused = told.iter().all(says_no) && call.arguments.is_empty();
            return match refused {
                true => self.refuses_validator(here, call.span),
                false => Flow::Next,
            };
        }
        let Some((_, keywords, itself)) = LOST_KEYWORDS.iter().find(|(function, ..)| *function == name) else {
            return Flow::Next;
        };
        let found = keywords.iter().find(|keyword| source.keyword(call, keyword).is_some());
        let (Some(keyword), Some(installed)) = (found, self.installed("pydantic", (2, 0))) else {
            return Flow::Next;
        };
        let function = name.trim_start_matches("pydantic.");
        let message = match itself {
            true => format!("`{keyword}` is removed from `{function}()` in pydantic 2"),
            false => format!("{function}() got an unexpected keyword argument '{keyword}'"),
        };
        let kind = match itself {
            true => ("start/class-error", "PydanticUserError"),
            false => ("start/argument-count", "TypeError"),
        };
        let words = Words::about(Subject::Name((*keyword).to_owned()), message);
        self.is_gone(here, call.span, kind, installed, words)
    }
}

fn gone(name: &str, message: String, lost: &Removed) -> Words {
    let (major, minor) = lost.since;
    let message = format!(
        "{message}: {} has lost it in version {major}.{minor}",
        lost.distribution
    );
    Words::about(Subject::Name(name.to_owned()), message)
}

/// Whether the versions that a requirement allows are this one and later ones.
fn at_least(versions: &str, since: Release) -> Option<Installed> {
    let release = |version: &str| {
        let mut numbers = version.trim().split('.').map(|part| part.parse::<u32>().ok());
        Some((numbers.next()??, numbers.next().flatten().unwrap_or(0)))
    };
    let mut surely = false;
    for part in versions.split(',').filter(|part| !part.is_empty()) {
        let after = |operators: &[&str]| operators.iter().find_map(|operator| part.strip_prefix(operator));
        if let Some(version) = after(&["===", "==", "~="]) {
            return (release(version)? >= since).then_some(Installed::Surely);
        } else if let Some(version) = after(&[">=", ">"]) {
            surely |= release(version)? >= since;
        } else if let Some(limit) = after(&["<=", "<"])
            && release(limit)? <= since
        {
            return None;
        }
    }
    Some(if surely { Installed::Surely } else { Installed::Likely })
}

#[cfg(test)]
mod tests {
    use super::{Installed, at_least};

    #[test]
    fn versions_that_lack_what_is_gone() {
        for (versions, said) in [
            ("==2.1.0", Some(Installed::Surely)),
            (">=2.0,<3", Some(Installed::Surely)),
            ("~=2.3", Some(Installed::Surely)),
            ("", Some(Installed::Likely)),
            (">=1.10", Some(Installed::Likely)),
            ("==1.10.13", None),
            ("<2", None),
            (">=1,<2.0", None),
            ("~=1.10", None),
            ("==2.*", Some(Installed::Surely)),
            ("==x", None),
        ] {
            assert_eq!(at_least(versions, (2, 0)), said, "{versions}");
        }
    }
}
