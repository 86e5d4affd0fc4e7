//! The page in a browser, of reports with odd texts and with much in them.

use serde_json::Value;

use super::html;
use crate::audit::{AgentReport, Cause, Prediction, Report, Step};
use crate::finding::{Finding, Place};
use crate::report::page::browser_tests::ask;
use crate::stack::AgentId;

const PAGES: &str = "https://example.org/rules.md";

/// What a page must show as it is, and not obey.
const NASTY: &str =
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">{{ 7 * 7 }}&amp;";

fn report() -> Report {
    let mut report = Report {
        tree: format!("tree {NASTY}"),
        python_files: 700,
        ..Report::default()
    };
    for index in 0..120_usize {
        let line = u32::try_from(index + 1).unwrap();
        let path = format!("main/{}{}/agent{}.py", NASTY, "x".repeat(120), index / 3);
        let place = Place {
            line,
            column: 5,
            width: 4,
            text: format!("    oops = \"{NASTY}\" {}", "y".repeat(300)),
            ..Place::file(path.clone())
        };
        let finding = Finding::error("stack/bad-value", place, format!("it is {NASTY}"))
            .with_help(NASTY)
            .with_related(Place::file("c.yaml"), NASTY);
        let name = format!("m/Agent{index}");
        report.findings.push(finding);
        report.stops.push(vec![name.clone()]);
        report.in_use.push(true);
        report.agents.push(AgentReport {
            id: AgentId(index),
            machine: "m".to_owned(),
            group: format!("g{}", index / 6),
            name: format!("Agent{index}"),
            script_path: path.clone(),
            prediction: Prediction::CannotStart,
            rule: Some("stack/bad-value"),
            reason: Some(NASTY.to_owned()),
            brief: None,
            subject: None,
            chain: vec![Step {
                path: path.clone(),
                line,
            }],
            blocked_by: vec!["Agent0".to_owned()],
            blockers: Vec::new(),
        });
        report.causes.push(Cause {
            rule: Some("stack/bad-value"),
            message: NASTY.to_owned(),
            places: vec![Step { path, line }],
            help: Some(NASTY.to_owned()),
            stops: vec![name],
            blocks: vec!["m/Agent0".to_owned()],
        });
    }
    report
}

/// What a browser makes of the page.
const QUESTION: &str = "{
    wide: page.documentElement.scrollWidth,
    title: page.title,
    scripts: page.scripts.length,
    images: page.images.length,
    agents: page.querySelectorAll('tr.agent').length,
    findings: page.querySelectorAll('article.finding').length,
    causes: page.querySelectorAll('#causes tbody tr').length,
    marks: [...page.querySelectorAll('mark')].every((mark) => mark.textContent === 'oops'),
    dead: [...page.querySelectorAll('a[href^=\"#\"]')].filter((link) => !page.querySelector(link.getAttribute('href'))).length,
    inner: page.querySelectorAll('a[href^=\"#\"]').length,
    elsewhere: [...new Set([...page.querySelectorAll('a:not([href^=\"#\"])')].map((link) => link.getAttribute('href')))],
    ids: new Set([...page.querySelectorAll('[id]')].map((one) => one.id)).size === page.querySelectorAll('[id]').length,
    said: page.querySelector('article.finding p').textContent,
    filtered: (() => {
        const input = page.querySelector('.filter input');
        input.value = 'agent7.py';
        input.dispatchEvent(new Event('input'));
        const shown = [...page.querySelectorAll('article.finding')].filter((one) => !one.hidden).length;
        const files = [...page.querySelectorAll('.file')].filter((one) => !one.hidden).length;
        return [shown, files, page.querySelector('.filter output').textContent !== ''];
    })(),
}";

#[test]
fn a_browser_shows_all_of_it_and_obeys_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.html");
    std::fs::write(&path, html(&report(), PAGES).unwrap()).unwrap();
    let widths = [390, 1280];
    let (answers, console) = ask(&path, &widths, QUESTION);
    assert_eq!(console, Vec::<String>::new());
    for (width, page) in widths.iter().zip(answers) {
        assert!(
            page["wide"].as_u64().unwrap() <= u64::from(*width),
            "{width} px: {page:#}"
        );
        assert_eq!(page["title"], "Audit: 120 of 120 agents cannot start: 120 errors");
        assert_eq!((&page["scripts"], &page["images"]), (&Value::from(1), &Value::from(0)));
        for what in ["agents", "findings", "causes"] {
            assert_eq!(page[what], 120, "{width} px: {what}");
        }
        assert_eq!(page["marks"], true);
        assert_eq!((&page["dead"], &page["ids"]), (&Value::from(0), &Value::from(true)));
        assert!(page["inner"].as_u64().unwrap() > 500, "{page:#}");
        assert_eq!(
            page["elsewhere"],
            serde_json::json!([format!("{PAGES}#stackbad-value")])
        );
        assert!(
            page["said"].as_str().unwrap().contains(&format!("it is {NASTY}")),
            "{page:#}"
        );
        assert_eq!(page["filtered"], serde_json::json!([3, 1, true]));
    }
}

#[test]
fn a_page_without_findings_says_so() {
    let text = html(&Report::default(), PAGES).unwrap();
    assert!(
        text.contains("no findings") && !text.contains("id=\"causes\""),
        "{text}"
    );
}
