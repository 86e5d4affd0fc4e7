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
            brief: None,
            subject: None,
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

/// What no output may hold as it is: a sequence, a bell, line breaks, what turns and hides text, a C1 control, a workflow command.
const NASTY: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\r\n::set-output name=a::b\n##[error]y\u{202e}z\u{200b}\u{9b}31m\u{2028}\u{feff}\u{e0041}%0A,:<&\"'";

/// A report in which everything that others wrote is nasty, and a line of source has no end.
fn nasty() -> Report {
    let mut report = report();
    let place = Place {
        line: 3,
        column: 2_000_001,
        width: 4,
        text: format!("{}oops{NASTY}{}", "a".repeat(2_000_000), "b".repeat(3_000_000)),
        ..Place::file(NASTY)
    };
    report.findings = vec![
        Finding::error("stack/bad-value", place.clone(), NASTY)
            .with_help(NASTY)
            .with_related(place, NASTY),
        Finding::warning("stack/bad-value", Place::file(NASTY), "m".repeat(5_000_000)),
    ];
    report.stops = vec![vec!["m/A".to_owned()], Vec::new()];
    report.agents[0].reason = Some(NASTY.to_owned());
    report.agents[0].chain[0].path = NASTY.to_owned();
    report.causes[0].message = NASTY.to_owned();
    report.causes[0].help = Some(NASTY.to_owned());
    report.causes[0].place = Some(Step {
        path: NASTY.to_owned(),
        line: 3,
    });
    report
}

/// Whether a terminal would obey something of a text, but for colours where they are wanted.
fn obeyed(text: &str, color: bool) -> Option<char> {
    let colour = regex::Regex::new("\u{1b}\\[[0-9;:]*m").unwrap();
    let text = if color {
        colour.replace_all(text, "").into_owned()
    } else {
        text.to_owned()
    };
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().find(|c| hidden(*c))
}

#[test]
fn nothing_that_others_wrote_is_obeyed_in_any_format() {
    let report = nasty();
    for color in [false, true] {
        let text = human::render(&report, color);
        assert_eq!(obeyed(&text, color), None, "for people");
        assert!(text.len() < 100_000, "{} bytes", text.len());
        assert!(text.contains("oops"), "what is meant is shown");
        // `:::` stands in front of a second place; the printer takes care of it where a runner reads along.
        let commands: Vec<&str> = text
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with("::") && !line.starts_with("::: "))
            .collect();
        assert_eq!(commands, Vec::<&str>::new());
    }
    let text = github::render(&report);
    assert_eq!(obeyed(&text, false), None, "GitHub");
    assert_eq!(text.lines().count(), 2, "a line for each finding: {text}");
    assert!(
        text.lines()
            .all(|line| line.starts_with("::error file=") || line.starts_with("::warning file="))
    );
    assert!(text.len() < 100_000, "{} bytes", text.len());
    let text = junit::render(&report, crate::finding::Severity::Error).unwrap();
    assert_eq!(obeyed(&text, false), None, "JUnit");
    assert!(
        text.lines()
            .all(|line| !line.trim_start().starts_with("::") && !line.contains("##[")),
        "{text}"
    );
    for (what, document) in [
        ("JSON", serde_json::to_value(json::document(&report)).unwrap()),
        ("SARIF", sarif::document(&report)),
    ] {
        let text = serde_json::to_string_pretty(&document).unwrap();
        let escaped = crate::report::escape::json(&text);
        assert_eq!(obeyed(&escaped, false), None, "{what}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap(),
            document,
            "{what}"
        );
    }
    let document = sarif::document(&report);
    assert!(document.to_string().len() < 200_000);
    let uri = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        .as_str()
        .unwrap();
    assert!(
        uri.chars().all(|c| c.is_ascii_alphanumeric() || "/-._~%".contains(c)),
        "{uri}"
    );
}
