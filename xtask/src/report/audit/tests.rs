//! Tests of the formats: odd characters, and what each says of one report.

use crate::audit::{AgentReport, Cause, Prediction, Report, Step};
use crate::finding::{Finding, Place};
use crate::stack::AgentId;

use super::{github, human, json, junit, sarif};

fn report() -> Report {
    let place = Place {
        line: 3,
        column: 5,
        width: 4,
        text: "    oops, 100%".to_owned(),
        ..Place::file("a,b/ü x.py")
    };
    let finding = Finding::error("stack/bad-value", place.clone(), "it is 100% <wrong> & \"odd\"\nreally")
        .with_help("mend it")
        .with_related(Place::file("c.yaml"), "from here");
    Report {
        tree: "tree".to_owned(),
        python_files: 1,
        stops: vec![vec!["m/A".to_owned()]],
        findings: vec![finding],
        agents: vec![AgentReport {
            id: AgentId(0),
            machine: "m".to_owned(),
            group: "g".to_owned(),
            name: "A".to_owned(),
            script_path: "a.py".to_owned(),
            prediction: Prediction::CannotStart,
            rule: Some("stack/bad-value"),
            reason: Some("it <fails>".to_owned()),
            chain: vec![
                Step {
                    path: "a.py".to_owned(),
                    line: 1,
                },
                Step {
                    path: "a,b/ü x.py".to_owned(),
                    line: 3,
                },
            ],
            blocked_by: Vec::new(),
        }],
        causes: vec![Cause {
            rule: Some("stack/bad-value"),
            message: "it <fails>".to_owned(),
            place: None,
            help: Some("mend it".to_owned()),
            stops: vec!["m/A".to_owned()],
            blocks: Vec::new(),
        }],
        ..Report::default()
    }
}

#[test]
fn people_see_counts_causes_table_and_carets() {
    let text = human::render(&report(), false);
    for part in [
        "1 error in 1 Python file; 1 agent: 1 cannot start\n",
        "Root causes, by agents that each stops\n   1  it <fails>\n      stops m/A\n      help: mend it\n",
        "m        g           1       0        0        0             1\n",
        "  m/A: it <fails>\n      a.py:1 → a,b/ü x.py:3\n",
        "Findings that stop agents",
        "^^^^",
        "  = stops 1 agent: m/A\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    assert!(!text.contains('\u{1b}') && human::render(&report(), true).contains('\u{1b}'));
}

#[test]
fn commands_of_github_are_escaped() {
    assert_eq!(
        github::render(&report()),
        "::error file=a%2Cb/ü x.py,line=3,col=5,endColumn=9,title=stack/bad-value::it is 100%25 <wrong> & \"odd\"%0Areally\
         %0Ahelp: mend it\n"
    );
}

#[test]
fn sarif_has_relative_uris_regions_and_related_places() {
    let document = sarif::document(&report());
    let result = &document["runs"][0]["results"][0];
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "a%2Cb/%C3%BC%20x.py");
    assert_eq!(location["region"]["startColumn"], 5);
    assert_eq!(location["region"]["endColumn"], 9);
    assert_eq!(result["level"], "error");
    assert_eq!(result["relatedLocations"][0]["message"]["text"], "from here");
    assert!(
        result["relatedLocations"][0]["physicalLocation"]
            .get("region")
            .is_none()
    );
}

#[test]
fn junit_escapes_and_counts() {
    let text = junit::render(&report(), crate::finding::Severity::Error).unwrap();
    assert!(text.contains("&lt;fails&gt;"), "{text}");
    assert!(text.contains("<testsuite name=\"agents\" tests=\"1\""), "{text}");
    assert!(text.contains("failures=\"1\""), "{text}");
}

#[test]
fn json_names_what_each_finding_stops() {
    let document = serde_json::to_value(json::document(&report())).unwrap();
    assert_eq!(document["findings"][0]["stops"][0], "m/A");
    assert_eq!(document["agents"][0]["prediction"], "cannot_start");
    assert_eq!(document["groups"][0]["agents"]["cannot_start"], 1);
    assert_eq!(document["root_causes"][0]["stops"][0], "m/A");
}
