//! Expansion, names, order.

use super::fixture::{expanded, plan_of, small_stack};
use super::{Plan, Selection, expand};
use crate::smoke::load::parse;
use crate::stack::fixture::Fixture;
use crate::stack::model::{AgentId, MachineId};

fn names(plan: &Plan) -> Vec<&str> {
    plan.checks.iter().map(|check| check.name.as_str()).collect()
}

#[test]
fn a_check_is_made_once_for_each_thing_of_the_selection() {
    let text = "phase: 2
checks:
  - name: describes itself
    for_each: agent
    groups: core-services
    request: {agent: '{agent}', send: {action: describe}, expect: {name: '{agent}'}}
  - name: answers
    for_each: agent
    after: describes itself
    request: {agent: '{agent}', send: {action: health_check}, expect: {status: ok}}
  - name: mounted
    for_each: volume
    volume: {name: '{volume}'}
  - name: aliases
    for_each: path_alias
    path_alias: {group: '{group}', alias: '{path}', target: '{target}'}
";
    let plan = plan_of(text);
    assert_eq!(
        names(&plan),
        [
            "describes itself [mainpc/CoordinatorAgent]",
            "describes itself [mainpc/ModelManagerAgent]",
            "answers [mainpc/CoordinatorAgent]",
            "answers [mainpc/ModelManagerAgent]",
            "answers [mainpc/MemoryManager]",
            "answers [pc2/MemoryManager]",
            "mounted [mainpc/logs]",
            "mounted [mainpc/data]",
            "mounted [pc2/logs]",
            "mounted [pc2/data]",
            "aliases [core-services: FORMAINPC]",
            "aliases [memory-system: FORMAINPC]",
        ]
    );
    // Each instance waits for the one of its own agent.
    assert_eq!(plan.checks[2].after, [plan.checks[0].id]);
    assert_eq!(plan.checks[4].after, []);
    let stack = small_stack();
    let about = plan.checks[5].action.about(&stack).unwrap();
    assert_eq!(about.agent, Some(AgentId(3)));
    assert_eq!(plan.checks[8].action.subject(&stack), "volume `ai_system_pc2_logs`");
    let one_machine = Selection {
        machine: Some(MachineId(1)),
        ..Selection::default()
    };
    let (plan, _) = expanded(text, &one_machine);
    assert_eq!(
        names(&plan),
        [
            "answers [pc2/MemoryManager]",
            "mounted [pc2/logs]",
            "mounted [pc2/data]"
        ]
    );
    let other_phase = Selection {
        phases: [1].into(),
        ..Selection::default()
    };
    assert!(expanded(text, &other_phase).0.checks.is_empty());
}

#[test]
fn unknown_names_are_findings_with_their_place() {
    let text = "phase: 2
checks:
  - name: a
    after: bb
    request: {agent: CoordinatorAgnet, send: {}, expect: {}}
  - name: b
    exec: {group: core-servces, command: [ls]}
  - name: c
    request: {agent: MemoryManager, send: {}, expect: {}}
  - name: d
    machine: pc3
    network: {name: ai_system_pc2}
  - name: e
    volume: {name: logs}
  - name: f
    exec: {group: '{group}', command: [ls]}
  - name: g
    image: {image: vision}
";
    let (_, findings) = expanded(text, &Selection::default());
    let found: Vec<(u32, &str)> = findings
        .iter()
        .map(|finding| (finding.place.line, finding.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (5, "there is no agent `CoordinatorAgnet`"),
            (7, "there is no group `core-servces`"),
            (9, "there is more than one agent `MemoryManager`"),
            (11, "there is no machine `pc3`"),
            (14, "volume `logs` of which machine?"),
            (16, "nothing fills `{group}` here"),
            (16, "there is no group `{group}`"),
            (18, "there is no image `vision`"),
            (4, "there is no check `bb`"),
        ]
    );
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `CoordinatorAgent`?"));
    assert_eq!(
        findings[2].help.as_deref(),
        Some("write `mainpc/MemoryManager` or `pc2/MemoryManager`")
    );
}

#[test]
fn checks_that_wait_for_each_other_are_a_finding() {
    let text = "phase: 1
checks:
  - {name: a, after: c, image: {image: base}}
  - {name: b, after: a, image: {image: base}}
  - {name: c, after: b, image: {image: base}}
  - {name: d, image: {image: base}}
";
    let (_, findings) = expanded(text, &Selection::default());
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].message, "checks wait for each other: `a`, `b`, `c`");
}

#[test]
fn saved_values_come_from_exactly_one_check_before() {
    let saved = "phase: 2
checks:
  - name: save
    request: {agent: CoordinatorAgent, send: {}, expect: {}, save: {id: x.y}}
  - name: use
    after: save
    request: {agent: CoordinatorAgent, send: {id: '${id}'}, expect: {}}
";
    let plan = plan_of(saved);
    assert_eq!(plan.checks[1].reads["id"], plan.checks[0].id);
    let (_, findings) = expanded(&saved.replace("    after: save\n", ""), &Selection::default());
    assert_eq!(
        findings[0].message,
        "check `use` uses `${id}`, which no check before it saves"
    );
}

#[test]
fn a_soak_takes_the_time_that_is_asked_for() {
    let selection = Selection {
        soak_seconds: Some(90),
        ..Selection::default()
    };
    let (plan, findings) = expanded(
        "phase: 2\nchecks:\n  - {name: a, soak: {group: core-services}}\n",
        &selection,
    );
    assert_eq!(findings, []);
    assert_eq!(plan.checks[0].action.lasts().as_secs(), 90);
    assert_eq!(plan.checks[0].timeout.as_secs(), 150);
}

#[test]
fn nothing_is_asked_of_an_agent_that_runs_once() {
    let stack = Fixture::small()
        .stack(
            "    agents: [Alpha, Beta]",
            "    overrides: {Alpha: {restart: no}}\n    agents: [Alpha, Beta]",
        )
        .model();
    for body in [
        "request: {agent: Alpha, send: {}, expect: {}}",
        "recovery: {agent: Alpha, fault: kill}",
        "call: {from: core, agent: Alpha, by: loopback, send: {}, expect: {}}",
        "soak: {group: core, seconds: 1, load: [{agent: Alpha, send: {}}]}",
    ] {
        let text = format!("phase: 3\nchecks:\n  - name: a\n    {body}\n");
        let (files, findings) = parse(&[("x.yaml".to_owned(), text)]);
        assert!(findings.is_empty(), "{findings:?}");
        let (_, findings) = expand(&stack, &files, &Selection::default());
        let [finding] = findings.as_slice() else {
            panic!("{body}: {findings:?}");
        };
        assert!(
            finding
                .message
                .starts_with("`Alpha` runs once (`restart: no`): it is done before"),
            "{finding:?}"
        );
        assert!(
            finding.help.as_ref().is_some_and(|help| help.contains("state: done")),
            "{finding:?}"
        );
    }
    // Its state can be looked at.
    let text = "phase: 3\nchecks:\n  - {name: a, status: {agent: Alpha, state: done}}\n".to_owned();
    let (files, _) = parse(&[("x.yaml".to_owned(), text)]);
    assert!(expand(&stack, &files, &Selection::default()).1.is_empty());
}
