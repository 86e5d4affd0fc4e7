//! One report of a run in two parts: against the stack as it runs, and with each machine on a host of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use super::event::{SmokeEvent, Summary};
use super::outcome::Outcome;
use super::plan::{CheckId, CheckInfo, Plan};

/// Joins the events of the two parts: one start, ids that differ, one end.
#[derive(Debug)]
pub struct Parts {
    checks: usize,
    phases: BTreeSet<u8>,
    /// What the ids of the second part begin with.
    offset: usize,
}

impl Parts {
    /// Of these plans, of which either may be empty.
    #[must_use]
    pub fn new(here: &Plan, apart: &Plan) -> Self {
        Self {
            checks: here.checks.len() + apart.checks.len(),
            phases: here.phases().into_iter().chain(apart.phases()).collect(),
            offset: here.checks.len(),
        }
    }

    /// How the whole begins.
    #[must_use]
    pub fn started(&self) -> SmokeEvent {
        SmokeEvent::RunStarted {
            checks: self.checks,
            phases: self.phases.iter().copied().collect(),
        }
    }

    /// Hands on an event of the first part, but for its own start and end.
    pub fn here(&self, event: &SmokeEvent, tell: &mut dyn FnMut(&SmokeEvent)) {
        if !matches!(event, SmokeEvent::RunStarted { .. } | SmokeEvent::Summary(_)) {
            tell(event);
        }
    }

    /// The same of the second part.
    pub fn apart(&self, event: &SmokeEvent, tell: &mut dyn FnMut(&SmokeEvent)) {
        match event {
            SmokeEvent::Started { check } => tell(&SmokeEvent::Started {
                check: self.numbered(check.clone()),
            }),
            SmokeEvent::Finished {
                check,
                duration,
                outcome,
                earlier,
            } => tell(&SmokeEvent::Finished {
                check: self.numbered(check.clone()),
                duration: *duration,
                outcome: outcome.clone(),
                earlier: earlier.clone(),
            }),
            other => self.here(other, tell),
        }
    }

    fn numbered(&self, check: CheckInfo) -> CheckInfo {
        CheckInfo {
            id: CheckId(check.id.0 + self.offset),
            ..check
        }
    }

    /// Reports all of the second part as skipped.
    pub fn skip(&self, plan: &Plan, because: &str, tell: &mut dyn FnMut(&SmokeEvent)) -> Summary {
        for check in &plan.checks {
            tell(&SmokeEvent::Finished {
                check: self.numbered(check.info()),
                duration: Duration::ZERO,
                outcome: Outcome::Skipped {
                    because: because.to_owned(),
                },
                earlier: Vec::new(),
            });
        }
        Summary {
            skipped: plan.checks.len(),
            ..Summary::default()
        }
    }

    /// The counts of both.
    #[must_use]
    pub fn sum(&self, here: Summary, apart: Summary) -> Summary {
        Summary {
            passed: here.passed + apart.passed,
            flaky: here.flaky + apart.flaky,
            failed: here.failed + apart.failed,
            skipped: here.skipped + apart.skipped,
            duration: here.duration + apart.duration,
            interrupted: here.interrupted || apart.interrupted,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Parts;
    use crate::smoke::event::{SmokeEvent, Summary};
    use crate::smoke::outcome::Outcome;
    use crate::smoke::plan::fixture::small_stack;
    use crate::smoke::{Plan, Selection, expand, parse};

    fn plan(phase: u8) -> Plan {
        let text = format!(
            "phase: {phase}\nchecks:\n  - name: healthy\n    for_each: group\n    groups: [core-services, memory-system]\n    \
             status: {{group: '{{group}}'}}\n"
        );
        let (files, findings) = parse(&[("x.yaml".to_owned(), text)]);
        assert!(findings.is_empty(), "{findings:#?}");
        let selection = Selection {
            phases: [phase].into(),
            machine: None,
            soak_seconds: None,
        };
        expand(&small_stack(), &files, &selection).0
    }

    #[test]
    fn two_parts_are_one_run_and_what_is_not_run_is_skipped() {
        let (here, apart) = (plan(2), plan(4));
        assert_eq!((here.checks.len(), apart.checks.len()), (2, 2));
        let parts = Parts::new(&here, &apart);
        let SmokeEvent::RunStarted { checks, phases } = parts.started() else {
            panic!("a start");
        };
        assert_eq!((checks, phases), (4, vec![2, 4]));
        let mut told = Vec::new();
        let summary = Summary {
            passed: 2,
            duration: Duration::from_secs(3),
            ..Summary::default()
        };
        parts.here(&SmokeEvent::Summary(summary), &mut |event| told.push(event.clone()));
        assert!(told.is_empty(), "the whole has one end");
        let skipped = parts.skip(&apart, "the lab needs root", &mut |event| told.push(event.clone()));
        let ids: Vec<usize> = told
            .iter()
            .map(|event| match event {
                SmokeEvent::Finished {
                    check,
                    outcome: Outcome::Skipped { because },
                    ..
                } => {
                    assert_eq!(because, "the lab needs root");
                    check.id.0
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(ids, [2, 3]);
        let sum = parts.sum(summary, skipped);
        assert_eq!((sum.passed, sum.skipped, sum.duration), (2, 2, Duration::from_secs(3)));
        assert!(!sum.success(), "what was not run did not pass");
    }
}
