//! Tests of the formats: odd characters, and what each says of one report.

use crate::audit::{AgentReport, Cause, Prediction, Report, Step};
use crate::finding::{Finding, Place, Severity};
use crate::stack::AgentId;

use super::human::Output;
use super::layout::{self, Look};
use super::{github, gitlab, human, json, junit, markdown, rdjson, sarif};

/// Where the page of the rules is.
const PAGES: &str = "https://example.org/rules.md";

fn report() -> Report {
    let place = Place {
        line: 3,
        column: 5,
        width: 4,
        text: "    oops, 100%".to_owned(),
        ..Place::file("a,b/ü x.py")
    };
    let finding = Finding::error("stack/bad-value", place.clone(), "it is 100% <wrong> & \"odd\"\nreally")
        .with_help("fix it")
        .with_related(Place::file("c.yaml"), "from here");
    Report {
        part: "tree/pc2".to_owned(),
        tree: "tree".to_owned(),
        python_files: 1,
        stops: vec![vec!["m/A".to_owned()]],
        in_use: vec![true],
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
            blockers: Vec::new(),
        }],
        causes: vec![Cause {
            rule: Some("stack/bad-value"),
            message: "it <fails>".to_owned(),
            places: Vec::new(),
            help: Some("fix it".to_owned()),
            stops: vec!["m/A".to_owned()],
            blocks: Vec::new(),
        }],
        ..Report::default()
    }
}

/// Every way to look at a report.
const OUTPUTS: [Output; 7] = [
    Output::Auto,
    Output::Summary,
    Output::Grouped,
    Output::Concise,
    Output::Full,
    Output::Causes,
    Output::Statistics,
];

fn shown(report: &Report, output: Output, color: bool) -> String {
    human::render(report, output, &Look::plain().with_color(color))
}

#[test]
fn people_see_counts_causes_table_and_carets() {
    let text = shown(&report(), Output::Full, false);
    for part in [
        "1 Python file; 1 agent: 1 cannot start\n",
        "What to fix first\n   1  it <fails>\n      stops m/A\n      help: fix it\n",
        "m        g           1       0         0        0        0             1\n",
        "  m/A: it <fails>\n      a.py:1 → a,b/ü x.py:3\n",
        "Findings that stop agents",
        "^^^^",
        "  = stops 1 agent: m/A\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    assert!(
        text.ends_with("\nthe agent cannot start: 1 error; next: cargo xtask audit A\n"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}') && shown(&report(), Output::Full, true).contains('\u{1b}'));
    assert_eq!(shown(&report(), Output::Auto, false), text, "it fits on a page");
}

#[test]
fn a_list_has_a_line_for_each_finding() {
    assert_eq!(
        shown(&report(), Output::Concise, false),
        "a,b/ü x.py:3:5: error[stack/bad-value] it is 100% <wrong> & \"odd\"\\nreally\nthe agent cannot start: 1 error; next: cargo xtask audit A\n"
    );
    let text = shown(&report(), Output::Grouped, false);
    let part = "\na,b/ü x.py\n  3:5  error    it is 100% <wrong> & \"odd\"\\nreally  stack/bad-value\n\n";
    assert!(text.contains(part), "{text}");
    let text = shown(&report(), Output::Statistics, false);
    for part in [
        "stack/bad-value                               1       1         -      -       1\n",
        "a,b/                                          1       1         -      -       1\n",
    ] {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
}

/// A report of many agents, each stopped by a cause of its own, and of findings by many rules.
fn large() -> Report {
    let one = report();
    let mut large = Report::default();
    for index in 0..700_u32 {
        let mut finding = one.findings[0].clone();
        finding.place.path = format!("a/深い{index}/{}.py", "x".repeat(150));
        finding.rule = crate::audit::rules::all().nth(index as usize % 40).unwrap().id;
        large.findings.push(finding);
        large.stops.push(Vec::new());
        large.in_use.push(index % 3 == 0);
        let mut agent = one.agents[0].clone();
        agent.name = format!("Agent {index}");
        large.agents.push(agent);
        let mut cause = one.causes[0].clone();
        cause.message = "a 漢字 long message about something ".repeat(9);
        cause.help = Some("a long help ".repeat(30));
        cause.stops = vec![format!("m/Agent {index}")];
        cause.places = vec![
            Step {
                path: "深い/".repeat(60),
                line: index,
            };
            3
        ];
        large.causes.push(cause);
    }
    large.by_itself.clone_from(&large.agents);
    large
}

#[test]
fn a_page_is_a_page_however_much_there_is_to_say() {
    for columns in [40, 80, 200] {
        let look = Look::plain().with_terminal(Some(columns));
        let text = human::render(&large(), Output::Auto, &look);
        assert!(text.lines().count() <= 60, "{} lines\n{text}", text.lines().count());
        for line in text
            .lines()
            .filter(|line| !line.contains("cargo xtask") && columns >= 80)
        {
            assert!(layout::width(line) <= columns, "{columns}: {line}");
        }
        for part in [
            // What is wrong behind no agent is named, not only counted.
            "\nErrors\n  it is 100% <wrong> & ",
            "… 680 more",
            "What to fix first",
            "more causes",
            "more rules",
            "700 of 700 agents cannot start: 700 errors",
            "ext: cargo xtask audit 'Agent 0'",
        ] {
            assert!(text.contains(part), "{part}\nin\n{text}");
        }
    }
}

/// A terminal breaks a line that is too long for it, and then there are more.
#[test]
fn a_page_is_a_page_where_commands_are_long_too() {
    for (color, columns) in [(false, 80), (true, 80), (true, 120)] {
        let command = format!("cargo xtask audit --tree '/home/a user/{}'", "深い/folder/".repeat(12));
        let look = Look::plain()
            .with_terminal(Some(columns))
            .with_color(color)
            .with_command(command);
        let text = human::render(&large(), Output::Auto, &look);
        let rows: usize = text.lines().map(|line| layout::rows(line, columns)).sum();
        assert!(rows <= 60, "{rows} rows of {columns} columns\n{text}");
        assert!(text.contains("What to fix first"), "{text}");
    }
}

#[test]
fn one_agent_that_starts_is_one() {
    let mut starts = report();
    starts.agents[0].prediction = Prediction::Starts;
    let text = shown(&starts, Output::Concise, false);
    assert!(text.contains("\nthe agent starts: 1 error; next: "), "{text}");
    // Where the next command leaves no room for the whole count.
    starts.causes.clear();
    let mut more = starts.findings[0].clone();
    more.severity = Severity::Warning;
    starts.findings.push(more);
    starts.stops = vec![Vec::new(); 2];
    starts.in_use = vec![true; 2];
    let text = shown(&starts, Output::Concise, false);
    assert!(text.contains("\nthe agent starts; next: "), "{text}");
}

#[test]
fn no_findings_is_never_said_beside_agents_that_cannot_start() {
    let mut none = report();
    none.findings.clear();
    none.stops.clear();
    none.in_use.clear();
    let mut known = none.clone();
    known.known = 1188;
    for output in OUTPUTS {
        let text = shown(&none, output, false);
        assert!(!text.contains("no findings"), "{text}");
        let said = "the agent cannot start: the findings behind that are left out";
        assert!(text.contains(said), "{text}");
        let text = shown(&known, output, false);
        assert!(
            text.contains("the agent cannot start: nothing new (1,188 known)"),
            "{text}"
        );
    }
    let nothing = Report {
        python_files: 3,
        ..Report::default()
    };
    assert_eq!(shown(&nothing, Output::Auto, false), "3 Python files\n\nno findings\n");
}

#[test]
fn commands_of_github_are_escaped() {
    assert_eq!(
        github::render(&report()),
        "::error file=a%2Cb/ü x.py,line=3,col=5,endColumn=9,title=stack/bad-value::it is 100%25 <wrong> & \"odd\"%0Areally\
         %0Ahelp: fix it\n"
    );
}

#[test]
fn sarif_has_relative_uris_regions_and_related_places() {
    let document = sarif::document(&report(), PAGES);
    let result = &document["runs"][0]["results"][0];
    let location = &result["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], "a%2Cb/%C3%BC%20x.py");
    assert_eq!(location["region"]["startColumn"], 5);
    assert_eq!(location["region"]["endColumn"], 9);
    assert_eq!(location["artifactLocation"]["uriBaseId"], "%SRCROOT%");
    assert!(document["runs"][0]["originalUriBaseIds"]["%SRCROOT%"].is_object());
    assert_eq!(document["runs"][0]["automationDetails"]["id"], "xtask audit/tree/pc2/");
    for rule in document["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap() {
        let uri = rule["helpUri"].as_str().unwrap();
        let anchor = rule["id"].as_str().unwrap().replace('/', "");
        assert_eq!(uri, format!("{PAGES}#{anchor}"));
    }
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
    let text = junit::render(&report(), Severity::Error).unwrap();
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

#[test]
fn gitlab_gets_severities_lines_and_a_fingerprint_for_each() {
    let mut twice = report();
    twice.findings.push(twice.findings[0].clone());
    twice.findings[1].place.line = 0;
    twice
        .findings
        .push(Finding::warning("paths/style", Place::file("x.py"), "odd"));
    twice.stops.extend([Vec::new(), Vec::new()]);
    twice.in_use.extend([false, true]);
    let document = serde_json::to_value(gitlab::document(&twice)).unwrap();
    let severities: Vec<&str> = (0..3)
        .map(|index| document[index]["severity"].as_str().unwrap())
        .collect();
    assert_eq!(severities, ["blocker", "critical", "major"]);
    assert_eq!(document[0]["location"]["path"], "a,b/ü x.py");
    assert_eq!(document[0]["location"]["lines"]["begin"], 3);
    assert_eq!(document[1]["location"]["lines"]["begin"], 1);
    assert_eq!(document[0]["check_name"], "stack/bad-value");
    let print = document[0]["fingerprint"].as_str().unwrap();
    assert_eq!(document[1]["fingerprint"], format!("{print}-2"));
}

#[test]
fn reviewdog_gets_columns_in_bytes() {
    let mut wide = report();
    wide.findings[0].place.text = "é漢 oops".to_owned();
    let document = rdjson::document(&wide, PAGES);
    let one = &document["diagnostics"][0];
    assert_eq!(
        one["location"]["range"]["start"],
        serde_json::json!({"line": 3, "column": 8})
    );
    assert_eq!(one["location"]["range"]["end"]["column"], 11);
    assert_eq!(one["severity"], "ERROR");
    assert_eq!(one["code"]["value"], "stack/bad-value");
    assert_eq!(one["code"]["url"], "https://example.org/rules.md#stackbad-value");
    assert!(one["relatedLocations"][0]["location"].get("range").is_none());
}

#[test]
fn markdown_makes_nothing_of_what_others_wrote() {
    let mut odd = report();
    odd.causes[0].message = "a|b <img src=x> [x](y) `c` *d* @all".to_owned();
    let text = markdown::render(&odd);
    assert!(
        text.starts_with("## Audit\n\n**the agent cannot start&#58; 1 error**\n"),
        "{text}"
    );
    let mut html = String::new();
    pulldown_cmark::html::push_html(
        &mut html,
        pulldown_cmark::Parser::new_ext(&text, pulldown_cmark::Options::ENABLE_TABLES),
    );
    assert!(
        html.contains("<td>a|b &lt;img src=x&gt; [x](y) `c` *d* @all<br>help: fix it</td>"),
        "{html}"
    );
    assert!(html.contains("<td style=\"text-align: right\">1: m/A</td>"), "{html}");
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
    report.in_use = vec![true, false];
    report.agents[0].reason = Some(NASTY.to_owned());
    report.agents[0].chain[0].path = NASTY.to_owned();
    report.causes[0].message = NASTY.to_owned();
    report.causes[0].help = Some(NASTY.to_owned());
    report.causes[0].places = vec![Step {
        path: NASTY.to_owned(),
        line: 3,
    }];
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
    for (color, output) in [false, true]
        .into_iter()
        .flat_map(|color| OUTPUTS.map(|output| (color, output)))
    {
        let text = shown(&report, output, color);
        assert_eq!(obeyed(&text, color), None, "for people, {output:?}");
        assert!(text.len() < 100_000, "{} bytes", text.len());
        assert!(
            output != Output::Full || text.contains("oops"),
            "what is meant is shown"
        );
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
    let text = markdown::render(&report);
    assert_eq!(obeyed(&text, false), None, "Markdown");
    assert!(text.len() < 100_000 && !text.contains("::"), "{text}");
    let text = junit::render(&report, Severity::Error).unwrap();
    assert_eq!(obeyed(&text, false), None, "JUnit");
    assert!(
        text.lines()
            .all(|line| !line.trim_start().starts_with("::") && !line.contains("##[")),
        "{text}"
    );
    for (what, document) in [
        ("JSON", serde_json::to_value(json::document(&report)).unwrap()),
        ("SARIF", sarif::document(&report, PAGES)),
        ("GitLab", serde_json::to_value(gitlab::document(&report)).unwrap()),
        ("rdjson", rdjson::document(&report, PAGES)),
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
    let document = sarif::document(&report, PAGES);
    assert!(document.to_string().len() < 200_000);
    let uri = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        .as_str()
        .unwrap();
    assert!(
        uri.chars().all(|c| c.is_ascii_alphanumeric() || "/-._~%".contains(c)),
        "{uri}"
    );
}
