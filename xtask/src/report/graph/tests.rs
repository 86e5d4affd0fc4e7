//! Every format says the same, obeys nothing of what others named, and a browser shows each name whole and in a place of its own.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::diagram::Verdicts;
use crate::report::page::browser_tests::ask;
use crate::stack::fixture::Fixture;

/// What nobody would call an agent.
const NASTY: &str = "\"</text><script>alert(1)</script>\\n{{x}}]:::y\u{1b}[2J";

/// The real stack with every verdict, and with an agent of a nasty name.
fn diagram() -> Diagram {
    let stack = Fixture::real().model();
    let verdicts: Verdicts = stack
        .agents()
        .map(|(id, _)| (id, (VERDICTS[id.0 % 4], (id.0 % 4 > 0).then(|| NASTY.to_owned()))))
        .collect();
    let mut diagram = Diagram::new(&stack, &verdicts, &BTreeSet::new());
    NASTY.clone_into(&mut diagram.agents[7].name);
    // Those of the real stack cross none.
    let other = diagram.edges.iter_mut().find(|edge| !edge.in_ring).unwrap();
    other.crossing = Crossing::Machine;
    diagram
}

/// Of each text of a name: whether its box holds it, and whether it meets another.
const QUESTION: &str = "(() => {
    const area = (one) => one.getBoundingClientRect();
    const names = [...page.querySelectorAll('text.name')];
    const texts = [...page.querySelectorAll('text')].map((one) => [one.textContent, area(one)]);
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const overlapping = [];
    texts.forEach(([name, a], index) => texts.slice(index + 1).forEach(([other, b]) => {
        if (meet(a, b)) overlapping.push(name + ' and ' + other);
    }));
    return {
        names: names.length,
        agents: page.querySelectorAll('.agent').length,
        edges: page.querySelectorAll('path[data-from]').length,
        outside: names.filter((one) => {
            const outer = area(one.parentNode.querySelector('rect'));
            const inner = area(one);
            return inner.left < outer.left || inner.right > outer.right || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
        }).map((one) => one.textContent),
        overlapping,
        wide: page.documentElement.scrollWidth,
        size: Math.min(...names.map((one) => area(one).height)),
        scripts: page.scripts.length,
        near: (() => {
            const agents = [...page.querySelectorAll('.agent')];
            agents[0].dispatchEvent(new Event('pointerenter'));
            const near = page.querySelectorAll('.agent.near').length;
            agents[0].dispatchEvent(new Event('pointerleave'));
            return [near, page.querySelectorAll('.near').length];
        })(),
    };
})()";

#[test]
fn a_browser_shows_every_name_in_a_place_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graph.html");
    let diagram = diagram();
    std::fs::write(&path, html(&diagram).unwrap()).unwrap();
    let (answers, console) = ask(&path, &[1280, 1920], QUESTION);
    assert_eq!(console, Vec::<String>::new());
    for page in answers {
        assert_eq!(
            (&page["agents"], &page["edges"]),
            (&89.into(), &diagram.edges.len().into())
        );
        assert_eq!(
            (&page["outside"], &page["overlapping"]),
            (&Value::Array(vec![]), &Value::Array(vec![]))
        );
        assert!(
            page["wide"].as_u64().unwrap() <= 1920 && page["size"].as_f64().unwrap() > 9.0,
            "{page:#}"
        );
        assert_eq!(page["scripts"], 1, "nothing of a name is obeyed");
        assert!(
            page["near"][0].as_u64().unwrap() > 1 && page["near"][1] == 0,
            "{page:#}"
        );
    }
    let (answers, _) = ask(&path, &[1280], "page.documentElement.scrollWidth");
    assert!(answers[0].as_u64().unwrap() <= 1280, "{answers:?}");
}

#[test]
fn every_format_has_every_agent_and_edge_and_obeys_no_name() {
    let diagram = diagram();
    let (agents, edges) = (diagram.agents.len(), diagram.edges.len());
    let dot = dot(&diagram);
    assert_eq!(
        (dot.matches("fillcolor").count(), dot.matches(" -> ").count()),
        (agents, edges)
    );
    assert!(dot.contains("style=dashed") && dot.contains("color=red3"), "{dot}");
    let mermaid = mermaid(&diagram);
    assert_eq!(mermaid.matches(":::").count(), agents);
    assert_eq!(mermaid.matches("-->").count() + mermaid.matches("-.->").count(), edges);
    assert!(!mermaid.contains('<') && !mermaid.contains("{{"), "{mermaid}");
    let value: Value = serde_json::from_str(&json(&diagram).unwrap()).unwrap();
    assert_eq!(value["agents"].as_array().unwrap().len(), agents);
    assert_eq!(value["edges"].as_array().unwrap().len(), edges);
    assert_eq!(value["cycles"][0].as_array().unwrap().len(), 4);
    assert_eq!(value["agents"][7]["name"], NASTY);
    let svg = svg(&diagram).unwrap();
    assert!(!svg.contains("<script>alert"), "{svg}");
    for text in [&dot, &mermaid, &svg] {
        assert!(!text.contains('\u{1b}'));
    }
}
