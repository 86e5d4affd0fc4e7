//! A boot as a trace that Chrome (`chrome://tracing`) and Perfetto open: a process for each group, a thread for each agent.

use serde_json::{Value, json};

use crate::boot::timeline::{AgentRow, GroupRow, Timeline};

/// The document, in the "JSON Array Format" with its outer object. Times are microseconds.
#[must_use]
pub fn document(boot: &Timeline) -> Value {
    let mut events = Vec::new();
    for (number, group) in (1_u64..).zip(&boot.groups) {
        events.push(name(
            "process_name",
            number,
            0,
            &format!("{}/{}", group.machine, group.group),
        ));
        for (thread, agent) in (1_u64..).zip(&group.agents) {
            events.push(name("thread_name", number, thread, &agent.name));
            events.extend(spans(group, agent, number, thread));
        }
    }
    json!({
        "displayTimeUnit": "ms",
        "otherData": {"began_at_ms": boot.began_at_ms, "critical_path": boot.critical_path},
        "traceEvents": events,
    })
}

fn name(kind: &str, process: u64, thread: u64, name: &str) -> Value {
    json!({"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}})
}

/// The parts of an agent's way that have an end.
fn spans(group: &GroupRow, agent: &AgentRow, process: u64, thread: u64) -> Vec<Value> {
    let began = group.supervisor_ms.unwrap_or(0);
    let parts = [
        ("waiting", Some(began), agent.started_ms),
        ("starting", agent.started_ms, agent.answered_ms),
        ("settling", agent.answered_ms, agent.healthy_ms),
    ];
    let span = |(what, from, to): (&str, Option<u64>, Option<u64>)| {
        let (from, to) = (from? + group.boot_began_ms, to? + group.boot_began_ms);
        Some(json!({
            "name": what, "cat": "boot", "ph": "X", "pid": process, "tid": thread,
            "ts": from * 1000, "dur": to.saturating_sub(from) * 1000,
            "args": {
                "agent": agent.name,
                "waits_for": agent.waits_for,
                "released_by": agent.released_by,
                "critical": agent.critical,
            },
        }))
    };
    parts.into_iter().filter_map(span).collect()
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::boot::fixture::healthy_view;
    use crate::boot::timeline::timeline;
    use crate::stack::fixture::Fixture;

    #[test]
    fn every_agent_is_a_thread_with_its_parts_one_after_the_other() {
        let stack = Fixture::real().model();
        let groups: Vec<_> = stack.groups().map(|(id, _)| id).collect();
        let boot = timeline(&stack, &healthy_view(&stack), &groups).unwrap();
        let document = document(&boot);
        let events = document["traceEvents"].as_array().unwrap();
        let of = |kind: &str| events.iter().filter(|event| event["name"] == kind).count();
        assert_eq!((of("process_name"), of("thread_name")), (16, 89));
        assert_eq!((of("waiting"), of("starting"), of("settling")), (89, 89, 89));
        for event in events.iter().filter(|event| event["ph"] == "X") {
            assert!(event["ts"].is_u64() && event["dur"].is_u64(), "{event}");
        }
        let first = boot.groups[0].agents[0].answered_ms.unwrap();
        let settling = events.iter().find(|event| event["name"] == "settling").unwrap();
        assert_eq!(settling["ts"], first * 1000);
    }
}
