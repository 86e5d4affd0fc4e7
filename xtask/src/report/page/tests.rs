//! The page in a browser: what it shows, and that it shows it whole and without an error at every width.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::browser_tests::{ask, open};
use crate::boot::fixture::healthy_view;
use crate::boot::timeline::timeline;
use crate::report::smoke::files;
use crate::smoke::Outcome;
use crate::smoke::document::About;
use crate::smoke::event::{SmokeEvent, Summary};
use crate::smoke::history::{History, PastRun};
use crate::smoke::plan::{CheckId, CheckInfo};
use crate::smoke::resources::{AgentResources, GroupResources, Resources, Usage};
use crate::stack::fixture::Fixture;
use crate::stack::{GroupId, Stack};

/// What no page may run or leave out.
const NASTY: &str = "<script>console.error('escaped')</script> & \"quotes\" 'too' </pre>";

fn resources(stack: &Stack) -> Resources {
    let groups = stack.groups().map(|(id, group)| {
        let agents = group.agents.iter().map(|id| AgentResources {
            name: stack.agent(*id).name.clone(),
            usage: Usage {
                memory_bytes: 21_000_000 + u64::from(stack.agent(*id).port) * 300,
                cpu_ms: 640,
            },
            peak_bytes: 24_000_000,
            proposed_limit_bytes: 67_108_864,
        });
        let agents: Vec<AgentResources> = agents.collect();
        GroupResources {
            machine: stack.machine(group.machine).name.clone(),
            group: group.name.clone(),
            usage: Usage {
                memory_bytes: agents.iter().map(|agent| agent.usage.memory_bytes).sum(),
                cpu_ms: 700 * agents.len() as u64,
            },
            memory_limit_bytes: stack.group_memory_bytes(id),
            proposed_limit_bytes: Some(256_000_000),
            pids: Some(60),
            agents,
        }
    });
    Resources {
        groups: groups.collect(),
    }
}

/// A run of the real stack's shape: 89 agents, checks of three phases, one with a nasty failure.
fn events(stack: &Stack) -> Vec<SmokeEvent> {
    let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    let check = |id: usize, phase, name: &str| CheckInfo {
        id: CheckId(id),
        name: name.to_owned(),
        phase,
        machine: (phase > 1).then(|| "mainpc".to_owned()),
        kind: "request",
        source: format!("tests/smoke/phase{phase}.yaml:{id}"),
        retries: 0,
    };
    let finished = |check, outcome| SmokeEvent::Finished {
        check,
        duration: Duration::from_millis(1234),
        outcome,
        earlier: Vec::new(),
    };
    let mut events = vec![
        SmokeEvent::Looked {
            at_ms: 1_700_000_060_000,
            boot: timeline(stack, &healthy_view(stack), &groups),
        },
        SmokeEvent::RunStarted {
            checks: 92,
            phases: vec![1, 2, 3],
        },
    ];
    for (id, agent) in stack.agents() {
        let machine = &stack.machine(agent.machine).name;
        let name = format!("health request is answered [{machine}/{}]", agent.name);
        let phase = if id.0 < 30 { 1 } else { 2 };
        events.push(finished(check(id.0, phase, &name), Outcome::passed_with("29 requests")));
    }
    let failed = Outcome::failed(
        format!("`status`: {NASTY}"),
        "no answer of 172.20.0.10:5612 within 10 s".to_owned(),
    )
    .with_evidence("request", NASTY)
    .with_evidence(
        "last lines of ChainOfThoughtAgent",
        format!("Traceback (most recent call last)\n{}", "x".repeat(600)),
    );
    events.push(finished(check(90, 3, "a request crosses groups"), failed));
    let because = Outcome::Skipped {
        because: "`a request crosses groups` failed".to_owned(),
    };
    events.push(finished(check(91, 3, "and back"), because));
    events.push(SmokeEvent::Measured(resources(stack)));
    events.push(SmokeEvent::Summary(Summary {
        flaky: 0,
        passed: 89,
        failed: 1,
        skipped: 1,
        duration: Duration::from_secs(75),
        interrupted: false,
    }));
    events
}

fn page(events: &[SmokeEvent]) -> (TempDir, PathBuf) {
    page_after(events, History::default())
}

/// The page of a run that has these before it.
fn page_after(events: &[SmokeEvent], earlier: History) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let about = About {
        command: format!("cargo xtask smoke --report {NASTY}"),
        revision: Some("0123abc-dirty".to_owned()),
        host: Some("host".to_owned()),
        kernel: Some("6.1.0".to_owned()),
        podman: Some("4.3.1".to_owned()),
    };
    let (files, _) = files(events, about, earlier).unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let path = folder.path().join("index.html");
    (folder, path)
}

/// What is read of a page; each is true of a page as a whole, whatever its width.
const QUESTION: &str = "(page.open = [...page.querySelectorAll('details.group')].map((group) => [group.open, group.open = true][0]), {
    open: page.open.filter((open) => open).length,
    groups_of_boot: page.open.length,
    path: [...page.querySelectorAll('.step .critical')].filter((bar) => bar.getBoundingClientRect().width > 1).length,
    slowest: page.querySelectorAll('.slowest tbody tr').length,
    anchors: [...page.querySelectorAll('a[href^=\"#\"]')]
        .map((link) => decodeURIComponent(link.getAttribute('href').slice(1))).filter((id) => !page.getElementById(id)),
    twice: [...page.querySelectorAll('[id]')].length - new Set([...page.querySelectorAll('[id]')].map((one) => one.id)).size,
    with: page.querySelector('.with').textContent.replace(/\\s+/g, ' '),
    columns: page.querySelectorAll('.columns li').length,
    started: [...page.querySelectorAll('.timeline .starting')].filter((bar) => bar.getBoundingClientRect().width > 1).length,
    agents: page.querySelectorAll('.timeline tr.agent').length,
    names: new Set([...page.querySelectorAll('.timeline tr.agent')].map((row) => row.dataset.agent)).size,
    bars: [...page.querySelectorAll('.timeline tr.agent .since.good')].filter((bar) => bar.getBoundingClientRect().width > 1).length,
    checks: page.querySelectorAll('tr.check').length,
    groups: page.querySelectorAll('.resources tbody > tr').length,
    scripts: page.scripts.length,
    evidence: [...page.querySelectorAll('.failure pre')].map((pre) => pre.textContent),
    wide: page.documentElement.scrollWidth,
    outside: [...page.querySelectorAll('body *')]
        .filter((element) => element.getBoundingClientRect().right > page.documentElement.clientWidth + 1)
        .map((element) => element.outerHTML.slice(0, 120)),
    elsewhere: [...page.querySelectorAll('[src], link, [href]')]
        .map((element) => element.getAttribute('src') ?? element.getAttribute('href'))
        .filter((target) => !target.startsWith('#')),
    levels: [...page.querySelectorAll('h1, h2, h3')].map((heading) => Number(heading.tagName[1])),
    filter: page.querySelector('.filter').hidden,
    unlabelled: page.querySelectorAll('.timeline .bar:not([aria-label])').length,
    ids: [...page.querySelectorAll('nav a')].every((link) => page.querySelector(link.getAttribute('href'))),
})";

#[test]
fn a_browser_shows_all_of_it_at_every_width_without_an_error() {
    let stack = Fixture::real().model();
    let (_folder, path) = page(&events(&stack));
    let widths = [320, 360, 768, 1280];
    let (answers, console) = ask(&path, &widths, QUESTION);
    assert_eq!(console, Vec::<String>::new());
    assert_eq!(answers.len(), widths.len());
    for (width, page) in widths.iter().zip(answers) {
        assert_eq!(page["agents"], 89, "{width} px");
        assert_eq!(page["names"], 89, "{width} px");
        assert_eq!(page["bars"], 89, "{width} px");
        assert_eq!(page["checks"], 91);
        assert_eq!(page["groups"], 16);
        assert_eq!(page["scripts"], 1, "nothing of a check's evidence is run");
        assert!(
            page["wide"].as_u64().unwrap() <= u64::from(*width),
            "{width} px: {:#}",
            page["outside"]
        );
        assert_eq!(page["outside"], Value::Array(Vec::new()), "{width} px");
        assert_eq!(
            page["elsewhere"],
            serde_json::json!(["trace.json", "smoke.json", "junit.xml"])
        );
        assert_eq!(page["filter"], false);
        assert_eq!(
            (&page["open"], &page["groups_of_boot"]),
            (&0.into(), &16.into()),
            "all is well in all groups"
        );
        assert!(page["path"].as_u64().unwrap() > 3, "{width} px: {}", page["path"]);
        assert_eq!(
            page["started"], 89,
            "settling leaves room to see how long each took to answer"
        );
        assert_eq!((&page["slowest"], &page["columns"]), (&10.into(), &0.into()));
        assert_eq!(
            (&page["anchors"], &page["twice"]),
            (&Value::Array(Vec::new()), &0.into())
        );
        let with = page["with"].as_str().unwrap();
        for text in ["0123abc-dirty", "host, Linux 6.1.0", "4.3.1", NASTY] {
            assert!(with.contains(text), "`{text}` is not in {with}");
        }
        assert_eq!(page["unlabelled"], 0);
        assert_eq!(page["ids"], true);
        let evidence = page["evidence"].as_array().unwrap();
        assert!(evidence.contains(&Value::from(NASTY)), "{evidence:#?}");
        let levels: Vec<u64> = page["levels"]
            .as_array()
            .unwrap()
            .iter()
            .map(|level| level.as_u64().unwrap())
            .collect();
        assert_eq!(levels[0], 1);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    }
}

#[test]
fn earlier_runs_are_columns_and_others_than_this_one_are_paler() {
    let stack = Fixture::real().model();
    let run = |at: u64, agents, answered_ms| PastRun {
        began_at_ms: 1_700_000_000_000 + at,
        success: at != 2,
        duration_ms: 9,
        revision: None,
        agents,
        answered_ms,
        memory_bytes: Some(2_000_000),
    };
    let earlier = History::default()
        .with(run(1, 89, Some(4_000)))
        .with(run(2, 89, None))
        .with(run(3, 6, Some(100)));
    let (folder, path) = page_after(&events(&stack), earlier);
    let question = "[...page.querySelectorAll('.columns')].map((list) => [...list.children].map((one) =>
        [one.className.trim(), one.firstElementChild.getBoundingClientRect().height > 2.5, one.textContent]))";
    let (answers, console) = ask(&path, &[390, 1280], question);
    assert_eq!(console, Vec::<String>::new());
    for page in answers {
        assert_eq!(page[0].as_array().unwrap().len(), 4);
        assert_eq!(page[0][0], serde_json::json!(["good", true, "4.00 s"]));
        assert_eq!(page[0][1], serde_json::json!(["bad", false, "not all answered"]));
        assert_eq!(page[0][2][0], "good other");
        assert_eq!(page[1][3][0], "bad", "a check of this run failed");
    }
    let written =
        |name: &str| -> Value { serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap() };
    assert_eq!(written("smoke.json")["history"].as_array().unwrap().len(), 4);
    assert_eq!(written("smoke.json")["about"]["podman"], "4.3.1");
    assert!(written("trace.json")["traceEvents"].as_array().unwrap().len() > 89);
}

#[test]
fn a_page_without_a_stack_says_so() {
    let stack = Fixture::real().model();
    let bare: Vec<SmokeEvent> = events(&stack)
        .into_iter()
        .filter(|event| !matches!(event, SmokeEvent::Looked { .. } | SmokeEvent::Measured(_)))
        .collect();
    let (_folder, path) = page(&bare);
    let (dom, console) = open(&path, &["--window-size=360,800"]);
    assert_eq!(console, Vec::<String>::new());
    assert!(dom.contains("The stack was not up when the run began"));
    assert!(dom.contains("Nothing was measured"));
}

#[test]
fn an_agent_that_never_answered_is_told_in_words() {
    let stack = Fixture::real().model();
    let mut view = healthy_view(&stack);
    let id = stack.find_group("vision").unwrap();
    let mut status = view.group(id).unwrap().clone();
    status.state = contract::status::GroupState::Unhealthy;
    status.agents[0].state = contract::status::AgentState::Failed;
    status.agents[0].reason = Some("given up: exited with code 1".to_owned());
    status.agents[0].restarts = 4;
    status.agents[0].boot.answered_after_ms = None;
    status.agents[0].boot.healthy_after_ms = None;
    view.update(id, status);
    let silent = stack.find_group("pc2-core").unwrap();
    view.forget(silent);
    let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    let mut events = events(&stack);
    events[0] = SmokeEvent::Looked {
        at_ms: 0,
        boot: timeline(&stack, &view, &groups),
    };
    let (_folder, path) = page(&events);
    let question =
        "[page.querySelectorAll('details.group[open]').length, page.querySelectorAll('.starting.bad').length]";
    let (answers, _) = ask(&path, &[1280], question);
    assert_eq!(
        answers[0],
        serde_json::json!([2, 1]),
        "what is not well is open, and red"
    );
    let question = "[page.querySelectorAll('.timeline tr.agent').length, page.querySelector('.timeline').textContent.replace(/\\s+/g, ' ')]";
    let (answers, console) = ask(&path, &[360], question);
    assert_eq!(console, Vec::<String>::new());
    assert_eq!(answers[0][0], 89);
    let text = answers[0][1].as_str().unwrap();
    for words in [
        "failed, 4 restarts: given up: exited with code 1",
        "vision mainpc · unhealthy",
        "pc2-core pc2 · its supervisor did not answer",
    ] {
        assert!(text.contains(words), "`{words}` is not in {text}");
    }
}

/// The other tests would say nothing if a browser's errors were not seen.
#[test]
fn what_a_page_says_to_the_console_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.html");
    std::fs::write(&path, "<!doctype html><body>x<script>nonsense()</script>").unwrap();
    let (_, console) = open(&path, &[]);
    assert!(console.iter().any(|line| line.contains("nonsense")), "{console:?}");
}
