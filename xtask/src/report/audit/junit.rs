//! An audit as JUnit: a test for each agent, and one for each finding.

use quick_junit::{NonSuccessKind, Report as Document, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::chain;
use crate::audit::{Prediction, Report};
use crate::finding::Severity;
use crate::report::escape;

/// The document. Findings of `failing` and worse are failures, others are skipped tests with the message.
///
/// # Errors
/// When it cannot be written, which does not happen in memory.
pub fn render(report: &Report, failing: Severity) -> Result<String, SerializeError> {
    let mut document = Document::new("audit");
    let mut suite = TestSuite::new("agents");
    for agent in &report.agents {
        let mut status = match agent.prediction {
            Prediction::Starts => TestCaseStatus::success(),
            Prediction::CannotStart => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Prediction::Degraded | Prediction::MayNot | Prediction::Blocked => TestCaseStatus::skipped(),
        };
        if let (Some(reason), true) = (&agent.reason, agent.prediction != Prediction::Starts) {
            status.set_message(escape::beginning(reason).as_ref());
            status.set_type(agent.prediction.id());
            status.set_description(chain(agent));
        }
        let mut case = TestCase::new(agent.name.as_str(), status);
        case.set_classname(format!("{}.{}", agent.machine, agent.group));
        suite.add_test_case(case);
    }
    document.add_test_suite(suite);
    let mut suite = TestSuite::new("findings");
    for finding in &report.findings {
        let mut status = if finding.severity >= failing {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        } else {
            TestCaseStatus::skipped()
        };
        status.set_message(escape::beginning(&finding.text()).as_ref());
        status.set_type(finding.rule);
        if let Some(help) = &finding.help {
            status.set_description(format!("help: {}", escape::beginning(help)));
        }
        let place = &finding.place;
        let mut case = TestCase::new(format!("{}:{}:{}", place.path, place.line, place.column), status);
        case.set_classname(finding.rule);
        suite.add_test_case(case);
    }
    document.add_test_suite(suite);
    let text = document.to_string();
    text.map(|text| escape::xml(&text).into_owned())
}
