//! What was expected, what was seen → how the check ended.

use std::collections::BTreeMap;

use contract::status::{AgentStatus, GroupStatus};
use serde_json::Value;

use super::fields::Payload;
use super::lan::{self, LanAction};
use super::matcher::show;
use super::observation::{
    AgentSoak, CommandSeen, ImageSeen, NetworkSeen, Observation, PathAliasSeen, SoakSeen, VolumeSeen, json_or_text,
};
use super::outcome::Outcome;
use super::plan::{Action, Check};
use super::spec::CommandExpect;
use super::template;
use super::verdict::Verdict;
use crate::boot::last_words::last_part;
use crate::stack::model::Stack;

/// What a request sends, with saved values in it.
#[must_use]
pub fn request_bytes(send: &Payload, saved: &BTreeMap<String, Value>) -> Vec<u8> {
    match send {
        Payload::Json(value) => template::insert_saved(value, saved).to_string().into_bytes(),
        Payload::Raw(text) => template::insert_saved_text(text, saved).into_bytes(),
    }
}

/// A command with saved values in it.
#[must_use]
pub fn command_words(command: &[String], saved: &BTreeMap<String, Value>) -> Vec<String> {
    command
        .iter()
        .map(|word| template::insert_saved_text(word, saved))
        .collect()
}

/// Judges one check. `saved` holds what earlier checks saved for it.
#[must_use]
pub fn evaluate(stack: &Stack, check: &Check, saved: &BTreeMap<String, Value>, seen: &Observation) -> Outcome {
    let mut verdict = Verdict::default();
    match (&check.action, seen) {
        (action, Observation::Nothing(reason)) => {
            verdict.wrong(subject(stack, action), reason.clone());
            if let Action::Request { send, .. } = action {
                verdict.evidence("request", String::from_utf8_lossy(&request_bytes(send, saved)));
            }
        }
        (Action::Request { send, expect, save, .. }, Observation::Reply(reply)) => {
            let expect = template::insert_saved(expect, saved);
            judge_reply(&mut verdict, &expect, save, reply);
            verdict.evidence("request", String::from_utf8_lossy(&request_bytes(send, saved)));
            verdict.evidence("reply", String::from_utf8_lossy(reply));
        }
        (Action::Exec { command, expect, .. }, Observation::Command(seen)) => {
            let expect = CommandExpect {
                stdout: expect.stdout.as_ref().map(|value| template::insert_saved(value, saved)),
                stderr: expect.stderr.as_ref().map(|value| template::insert_saved(value, saved)),
                ..expect.clone()
            };
            judge_command(&mut verdict, &expect, seen);
            verdict.evidence("command", command_words(command, saved).join(" "));
        }
        (action @ Action::Image { .. }, Observation::Image(seen)) => judge_image(&mut verdict, action, seen),
        (Action::Network { subnet, dns, .. }, Observation::Network(seen)) => {
            judge_network(&mut verdict, subnet.as_deref(), *dns, seen);
        }
        (action @ Action::Volume { .. }, Observation::Volume(seen)) => {
            judge_volume(&mut verdict, stack, action, seen);
        }
        (
            Action::Status {
                agent, state, restarts, ..
            },
            Observation::Status(status),
        ) => match agent {
            Some(agent) => {
                judge_agent(
                    &mut verdict,
                    &stack.agent(*agent).name,
                    state,
                    restarts.as_ref(),
                    status,
                );
            }
            None => judge_group(&mut verdict, state, restarts.as_ref(), status),
        },
        (
            Action::PathAlias {
                alias,
                target,
                min_files,
                ..
            },
            Observation::PathAlias(seen),
        ) => {
            judge_alias(&mut verdict, alias, target, *min_files, seen);
        }
        (
            Action::Soak {
                max_growth_mb,
                max_restarts,
                ..
            },
            Observation::Soak(seen),
        ) => judge_soak(&mut verdict, *max_growth_mb, *max_restarts, seen),
        (Action::Link(link), Observation::Link(seen)) => link.judge(&mut verdict, seen),
        (Action::Recovery(recovery), Observation::Recovery(seen)) => recovery.judge(&mut verdict, seen),
        (Action::Resources(resources), Observation::Resources(seen)) => resources.judge(&mut verdict, seen),
        (Action::StandIn(stand_in), Observation::StandIn(seen)) => stand_in.judge(&mut verdict, seen),
        (Action::StartupCheck(check), Observation::Status(status)) => check.judge(&mut verdict, status),
        (Action::Lan(action), seen) => judge_lan(&mut verdict, stack, action, saved, seen),
        (action, _) => verdict.wrong(subject(stack, action), "an observation of another kind"),
    }
    verdict.outcome()
}

/// What a check wants, in a few words.
fn subject(stack: &Stack, action: &Action) -> String {
    match action {
        Action::Request { agent, .. } => format!("a reply of {}", stack.agent(*agent).name),
        Action::Exec { group, .. } => format!("a command run in `{}`", stack.group(*group).name),
        Action::Image { image, .. } => format!("image `{image}`"),
        Action::Network { name, .. } => format!("network `{name}`"),
        Action::Volume { name, .. } => format!("volume `{name}`"),
        Action::Status { group, .. } => format!("the status of `{}`", stack.group(*group).name),
        Action::PathAlias { image, .. } => format!("a look into `{image}`"),
        Action::Soak { group, .. } => format!("`{}` observed", stack.group(*group).name),
        Action::Link(link) => format!("`{}` asked from inside", stack.group(link.from).name),
        Action::Recovery(recovery) => format!("{} broken on purpose", stack.agent(recovery.agent).name),
        Action::Resources(resources) => format!("`{}` measured from inside", stack.group(resources.group).name),
        Action::StandIn(stand_in) => format!("{} asked from inside", stack.agent(stand_in.agent).name),
        Action::StartupCheck(check) => format!("the start-up check of `{}`", stack.group(check.group).name),
        Action::Lan(action) => lan::subject(stack, action),
    }
}

fn judge_lan(
    verdict: &mut Verdict,
    stack: &Stack,
    action: &LanAction,
    saved: &BTreeMap<String, Value>,
    seen: &Observation,
) {
    match (action, seen) {
        (LanAction::Call { send, expect, .. }, Observation::Reply(reply)) => {
            judge_reply(verdict, &template::insert_saved(expect, saved), &BTreeMap::new(), reply);
            verdict.evidence("request", String::from_utf8_lossy(&request_bytes(send, saved)));
            verdict.evidence("reply", String::from_utf8_lossy(reply));
        }
        (LanAction::Ports { to, .. }, Observation::Ports(seen)) => {
            for (expected, got) in lan::judge_ports(stack, *to, seen) {
                verdict.wrong(expected, got);
            }
            verdict.note = format!("{} open of {}", seen.open.len(), seen.tried);
        }
        (LanAction::Link { .. }, Observation::LanLink) => {}
        (LanAction::Peers { reachable, .. }, Observation::Status(status)) => {
            judge_peers(verdict, *reachable, status);
        }
        _ => verdict.wrong(lan::subject(stack, action), "an observation of another kind"),
    }
}

fn judge_peers(verdict: &mut Verdict, reachable: bool, status: &GroupStatus) {
    if status.peers.is_empty() {
        verdict.wrong("agents on other machines that the group talks to", "none");
    }
    for peer in &status.peers {
        if peer.reachable != Some(reachable) {
            let words = |on: Option<bool>| match on {
                Some(true) => "reachable",
                Some(false) => "unreachable",
                None => "not looked at yet",
            };
            let who = format!("{}/{}", peer.machine, peer.agent);
            verdict.wrong(
                format!("{who} {}", words(Some(reachable))),
                format!(
                    "{who} {} {}",
                    words(peer.reachable),
                    peer.reason.as_deref().unwrap_or_default()
                )
                .trim_end(),
            );
        }
    }
}

fn judge_reply(verdict: &mut Verdict, expect: &Value, save: &BTreeMap<String, String>, reply: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(reply) else {
        verdict.wrong("a JSON reply", format!("{:?}", String::from_utf8_lossy(reply)));
        return;
    };
    verdict.compare("", expect, &value);
    for (name, path) in save {
        match template::lookup(&value, path) {
            Some(found) => {
                verdict.saved.insert(name.clone(), found.clone());
            }
            None => verdict.wrong(
                format!("`{path}`: a value to save as `{name}`"),
                format!("`{path}`: nothing"),
            ),
        }
    }
}

fn judge_command(verdict: &mut Verdict, expect: &CommandExpect, seen: &CommandSeen) {
    let exit = seen.exit.map_or(Value::Null, Value::from);
    verdict.compare("exit code", &expect.exit, &exit);
    let stdout = seen.stdout.trim_end_matches('\n');
    if let Some(matcher) = &expect.stdout {
        let value = if expect.json {
            json_or_text(stdout.as_bytes())
        } else {
            Value::String(stdout.to_owned())
        };
        verdict.compare("output", matcher, &value);
    }
    if let Some(matcher) = &expect.stderr {
        verdict.compare(
            "stderr",
            matcher,
            &Value::String(seen.stderr.trim_end_matches('\n').to_owned()),
        );
    }
    if !stdout.is_empty() {
        verdict.evidence("stdout", stdout);
    }
    if !seen.stderr.trim().is_empty() {
        verdict.evidence("stderr", seen.stderr.trim_end());
    }
}

#[expect(clippy::cast_precision_loss, reason = "megabytes for people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

fn judge_image(verdict: &mut Verdict, action: &Action, seen: &ImageSeen) {
    let Action::Image {
        labels,
        user,
        env,
        max_size_mb,
        run,
        expect,
        ..
    } = action
    else {
        return;
    };
    let object = |map: &BTreeMap<String, String>| {
        Value::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), Value::String(value.clone())))
                .collect(),
        )
    };
    if let Some(matcher) = labels {
        verdict.compare("label", matcher, &object(&seen.labels));
    }
    if let Some(matcher) = user {
        // An image that names no user runs as root.
        let name = if seen.user.is_empty() { "root" } else { &seen.user };
        verdict.compare("user", matcher, &Value::String(name.to_owned()));
    }
    if let Some(matcher) = env {
        verdict.compare("variable", matcher, &object(&seen.env));
    }
    if let Some(limit) = max_size_mb {
        let size = megabytes(seen.size_bytes);
        if size > *limit {
            verdict.wrong(format!("at most {limit} MB"), format!("{size:.0} MB"));
        }
    }
    if let Some(seen) = &seen.run {
        judge_command(verdict, expect, seen);
        verdict.evidence("command", run.join(" "));
    }
}

fn judge_network(verdict: &mut Verdict, subnet: Option<&str>, dns: Option<bool>, seen: &NetworkSeen) {
    if !seen.exists {
        verdict.wrong("a network of that name", "none");
        verdict.evidence("hint", "`cargo xtask up` makes it");
        return;
    }
    if let Some(subnet) = subnet
        && seen.subnets != [subnet]
    {
        let got = if seen.subnets.is_empty() {
            "none".to_owned()
        } else {
            seen.subnets.join(", ")
        };
        verdict.wrong(format!("subnet {subnet}"), format!("subnet {got}"));
    }
    if let Some(dns) = dns
        && seen.dns != dns
    {
        let words = |on: bool| {
            if on {
                "names resolve on it"
            } else {
                "names do not resolve on it"
            }
        };
        verdict.wrong(words(dns), words(seen.dns));
    }
}

fn judge_volume(verdict: &mut Verdict, stack: &Stack, action: &Action, seen: &VolumeSeen) {
    let Action::Volume {
        path,
        mounted_in,
        writable_in,
        ..
    } = action
    else {
        return;
    };
    let read_only = stack
        .volumes
        .iter()
        .any(|volume| volume.path == *path && volume.read_only);
    if !seen.exists {
        verdict.wrong("a volume of that name", "none");
        verdict.evidence("hint", "`cargo xtask up` makes it");
        return;
    }
    for group in mounted_in {
        let name = &stack.group(*group).name;
        let how = if read_only { "for reading only" } else { "for writing" };
        let expected = format!("mounted at {path} in `{name}`, {how}");
        match seen.mounts.get(name) {
            Some(Some(mount)) if mount.path == *path && mount.writable != read_only => {}
            Some(Some(mount)) => verdict.wrong(
                expected,
                format!(
                    "mounted at {} {}",
                    mount.path,
                    if mount.writable { "for writing" } else { "read-only" }
                ),
            ),
            Some(None) => verdict.wrong(expected, "not mounted"),
            None => verdict.wrong(expected, format!("`{name}` has no container")),
        }
    }
    if !seen.no_container.is_empty() {
        verdict.evidence("hint", "`cargo xtask up` makes the containers");
    }
    if let Some(group) = writable_in {
        match &seen.written {
            Some(Ok(())) if read_only => {
                let group = &stack.group(*group).name;
                verdict.wrong(format!("`{group}` cannot write to {path}"), "it can");
            }
            Some(Err(_)) if read_only => {}
            Some(Ok(())) => {}
            Some(Err(reason)) => {
                verdict.wrong(
                    format!("`{}` can write to {path}", stack.group(*group).name),
                    reason.clone(),
                );
            }
            None => verdict.wrong(
                format!("`{}` can write to {path}", stack.group(*group).name),
                "not tried",
            ),
        }
    }
    if let Some(marker) = &seen.marker {
        match &marker.read {
            Ok(read) if *read == marker.written => {}
            Ok(read) => verdict.wrong(
                format!("{:?} kept across a restart", marker.written),
                format!("{read:?} after the restart"),
            ),
            Err(reason) => verdict.wrong(format!("{:?} kept across a restart", marker.written), reason.clone()),
        }
    }
}

fn word(value: impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

fn judge_agent(verdict: &mut Verdict, name: &str, state: &Value, restarts: Option<&Value>, status: &GroupStatus) {
    let Some(agent) = status.agents.iter().find(|agent| agent.name == name) else {
        verdict.wrong(format!("{name} in the status of `{}`", status.group), "no such agent");
        return;
    };
    verdict.compare("state", state, &word(agent.state));
    if let Some(matcher) = restarts {
        verdict.compare("restarts", matcher, &Value::from(agent.restarts));
    }
    explain(verdict, agent);
}

fn judge_group(verdict: &mut Verdict, state: &Value, restarts: Option<&Value>, status: &GroupStatus) {
    verdict.compare("state", state, &word(status.state));
    for check in status.checks.iter().filter(|check| !check.ok) {
        verdict.evidence(format!("start-up check: {}", check.name), &check.detail);
    }
    for agent in &status.agents {
        let before = verdict.expected.len();
        if let Some(matcher) = restarts {
            verdict.compare(
                &format!("restarts of {}", agent.name),
                matcher,
                &Value::from(agent.restarts),
            );
        }
        let healthy = agent.state == contract::status::AgentState::Healthy;
        if !healthy || agent.is_degraded() || verdict.expected.len() > before {
            explain(verdict, agent);
        }
    }
    verdict.note = format!("{} agents", status.agents.len());
}

/// Everything that a supervisor knows about why an agent is as it is.
fn explain(verdict: &mut Verdict, agent: &AgentStatus) {
    let mut lines = vec![format!("state: {}", word(agent.state).as_str().unwrap_or_default())];
    if let Some(reason) = agent.reason.as_deref().and_then(last_part) {
        lines.push(format!("reason: {reason}"));
    }
    if !agent.waits_for.is_empty() {
        lines.push(format!("waits for: {}", agent.waits_for.join(", ")));
    }
    if agent.is_degraded() {
        let names: Vec<String> = agent.without.iter().map(ToString::to_string).collect();
        lines.push(format!("degraded: it runs without {}", names.join(", ")));
    }
    if agent.restarts > 0 {
        lines.push(format!("restarts: {}", agent.restarts));
    }
    verdict.evidence(agent.name.clone(), lines.join("\n"));
    let printed: Vec<String> = agent.last_stderr.iter().filter_map(|line| last_part(line)).collect();
    if !printed.is_empty() {
        verdict.evidence(format!("last lines of {}", agent.name), printed.join("\n"));
    }
}

fn judge_alias(verdict: &mut Verdict, alias: &str, target: &str, min_files: u64, seen: &PathAliasSeen) {
    if seen.files < min_files {
        verdict.wrong(
            format!("at least {min_files} files under {target}"),
            seen.files.to_string(),
        );
    }
    for (file, what) in seen.different.iter().take(20) {
        verdict.wrong(format!("{alias}/{file} is {target}/{file}"), what.clone());
    }
    if let Some(more) = seen.different.len().checked_sub(20).filter(|more| *more > 0) {
        verdict.wrong("every file under both names", format!("{more} more that are not"));
    }
    verdict.note = format!("{} files", seen.files);
}

fn judge_soak(verdict: &mut Verdict, max_growth_mb: f64, max_restarts: u64, seen: &SoakSeen) {
    for (name, agent) in &seen.agents {
        judge_soaked(verdict, name, agent, max_growth_mb, max_restarts);
    }
    if seen.agents.is_empty() {
        verdict.wrong("agents to observe", "none");
    }
    for (agent, what) in &seen.failures {
        verdict.wrong(format!("{agent} answers as expected all the while"), what.clone());
    }
    let growth = seen
        .agents
        .values()
        .filter_map(|agent| agent.resident.0.zip(agent.resident.1))
        .map(|(before, after)| megabytes(after.saturating_sub(before)))
        .fold(0.0, f64::max);
    verdict.note = format!(
        "{:.0} s, {} requests, largest growth {growth:.1} MB",
        seen.seconds, seen.requests
    );
}

fn judge_soaked(verdict: &mut Verdict, name: &str, agent: &AgentSoak, max_growth_mb: f64, max_restarts: u64) {
    let restarts = agent.restarts.1.saturating_sub(agent.restarts.0);
    if restarts > max_restarts {
        verdict.wrong(
            format!("{name}: at most {max_restarts} restarts"),
            format!("{name}: {restarts}"),
        );
    } else if restarts == 0 && agent.pid.0 != agent.pid.1 {
        // A supervisor that was itself restarted counts from nothing again.
        let shown = |pid: Option<u32>| pid.map_or_else(|| "no process".to_owned(), |pid| format!("process {pid}"));
        verdict.wrong(
            format!("{name}: still {}", shown(agent.pid.0)),
            format!("{name}: {}", shown(agent.pid.1)),
        );
    }
    if agent.state != "healthy" {
        verdict.wrong(
            format!("{name}: healthy at the end"),
            format!("{name}: {}", agent.state),
        );
    }
    match agent.resident {
        (Some(before), Some(after)) => {
            let growth = megabytes(after.saturating_sub(before));
            if growth > max_growth_mb {
                verdict.wrong(
                    format!("{name}: grows by at most {max_growth_mb} MB"),
                    format!(
                        "{name}: by {growth:.1} MB, from {:.1} to {:.1}",
                        megabytes(before),
                        megabytes(after)
                    ),
                );
            }
        }
        _ => verdict.wrong(format!("{name}: resident memory"), format!("{name}: could not be read")),
    }
}

/// A value as one line, for evidence.
#[must_use]
pub fn shown(value: &Value) -> String {
    show(value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::super::observation::{
        AgentSoak, CommandSeen, ImageSeen, MarkerSeen, MountSeen, NetworkSeen, Observation, PathAliasSeen, SoakSeen,
        VolumeSeen,
    };
    use super::super::outcome::Outcome;
    use super::super::plan::fixture::{plan_of, small_stack};
    use super::evaluate;

    fn judged(check: &str, seen: &Observation) -> Outcome {
        let plan = plan_of(&format!(
            "phase: 1\nchecks:\n  - {{name: x, machine: mainpc, {check}}}\n"
        ));
        evaluate(&small_stack(), &plan.checks[0], &BTreeMap::new(), seen)
    }

    fn got(outcome: &Outcome) -> Vec<String> {
        match outcome {
            Outcome::Failed { got, .. } => got.clone(),
            _ => Vec::new(),
        }
    }

    const REQUEST: &str = "request: {agent: CoordinatorAgent, send: {action: task}, expect: {status: ok, n: {min: 2}}, save: {id: task.id}}";

    #[test]
    fn a_right_reply_passes_and_saves() {
        let reply = json!({"status": "ok", "n": 3, "task": {"id": 9}}).to_string();
        let Outcome::Passed { saved, .. } = judged(REQUEST, &Observation::Reply(reply.into_bytes())) else {
            panic!("it must pass");
        };
        assert_eq!(saved["id"], json!(9));
    }

    #[test]
    fn a_wrong_reply_says_where_and_shows_request_and_reply() {
        let reply = json!({"status": "error", "n": 1, "task": {}}).to_string();
        let Outcome::Failed {
            expected,
            got,
            evidence,
        } = judged(REQUEST, &Observation::Reply(reply.clone().into_bytes()))
        else {
            panic!("it must fail");
        };
        assert_eq!(
            expected,
            [
                "`status`: \"ok\"",
                "`n`: at least 2",
                "`task.id`: a value to save as `id`"
            ]
        );
        assert_eq!(got, ["`status`: \"error\"", "`n`: 1", "`task.id`: nothing"]);
        assert_eq!(evidence[0].text, r#"{"action":"task"}"#);
        assert_eq!(evidence[1].text, reply);
        assert!(judged(REQUEST, &Observation::Reply(b"<html>".to_vec())).is_failure());
    }

    #[test]
    fn no_answer_fails_with_the_reason_and_the_request() {
        let Outcome::Failed {
            expected,
            got,
            evidence,
        } = judged(REQUEST, &Observation::Nothing("no answer within 10 s".to_owned()))
        else {
            panic!("it must fail");
        };
        assert_eq!(expected, ["a reply of CoordinatorAgent"]);
        assert_eq!(got, ["no answer within 10 s"]);
        assert_eq!(evidence[0].label, "request");
    }

    #[test]
    fn a_command_is_judged_by_exit_code_and_output() {
        let check = "exec: {group: core-services, command: [id], expect: {stdout: {matches: '^uid='}}}";
        let seen = |exit, stdout: &str| {
            Observation::Command(CommandSeen {
                exit: Some(exit),
                stdout: stdout.to_owned(),
                stderr: String::new(),
            })
        };
        assert_eq!(judged(check, &seen(0, "uid=1\n")), Outcome::passed());
        assert_eq!(got(&judged(check, &seen(1, "no"))), ["exit code: 1", "output: \"no\""]);
        let json = "exec: {group: core-services, command: [x], expect: {json: {n: 1}}}";
        assert_eq!(judged(json, &seen(0, "{\"n\": 1}\n")), Outcome::passed());
    }

    #[test]
    fn an_image_is_judged_by_what_it_is_and_what_runs_in_it() {
        let check =
            "image: {image: base, user: {not: {one_of: [root, '0']}}, labels: {a: b}, max_size_mb: 100, run: [x]}";
        let seen = |user: &str, size: u64, exit: i32| {
            Observation::Image(ImageSeen {
                labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
                user: user.to_owned(),
                env: BTreeMap::new(),
                size_bytes: size,
                run: Some(CommandSeen {
                    exit: Some(exit),
                    ..CommandSeen::default()
                }),
            })
        };
        assert_eq!(judged(check, &seen("agent", 1, 0)), Outcome::passed());
        assert_eq!(
            got(&judged(check, &seen("", 200_000_000, 3))),
            ["user: \"root\"", "200 MB", "exit code: 3"]
        );
    }

    #[test]
    fn a_network_is_judged_by_subnet_and_names() {
        let check = "network: {name: ai_system_mainpc, subnet: 172.20.0.0/16, dns: true}";
        let right = NetworkSeen {
            exists: true,
            subnets: vec!["172.20.0.0/16".to_owned()],
            dns: true,
        };
        assert_eq!(judged(check, &Observation::Network(right)), Outcome::passed());
        let wrong = NetworkSeen {
            exists: true,
            subnets: vec!["10.89.0.0/24".to_owned()],
            dns: false,
        };
        assert_eq!(
            got(&judged(check, &Observation::Network(wrong))),
            ["subnet 10.89.0.0/24", "names do not resolve on it"]
        );
        assert_eq!(
            got(&judged(check, &Observation::Network(NetworkSeen::default()))),
            ["none"]
        );
    }

    #[test]
    fn a_volume_is_judged_by_mounts_writing_and_keeping() {
        let check = "volume: {name: logs, writable_in: core-services, persists: {group: core-services}}";
        let mount = |path: &str, writable| {
            Some(MountSeen {
                path: path.to_owned(),
                writable,
            })
        };
        let right = VolumeSeen {
            exists: true,
            mounts: BTreeMap::from([
                ("core-services".to_owned(), mount("/app/logs", true)),
                ("memory-system".to_owned(), mount("/app/logs", true)),
            ]),
            no_container: Vec::new(),
            written: Some(Ok(())),
            marker: Some(MarkerSeen {
                written: "m".to_owned(),
                read: Ok("m".to_owned()),
            }),
        };
        assert_eq!(judged(check, &Observation::Volume(right)), Outcome::passed());
        let wrong = VolumeSeen {
            exists: true,
            mounts: BTreeMap::from([("core-services".to_owned(), mount("/app/logs", false))]),
            no_container: vec!["memory-system".to_owned()],
            written: Some(Err("read-only file system".to_owned())),
            marker: Some(MarkerSeen {
                written: "m".to_owned(),
                read: Ok(String::new()),
            }),
        };
        assert_eq!(
            got(&judged(check, &Observation::Volume(wrong))),
            [
                "mounted at /app/logs read-only",
                "`memory-system` has no container",
                "read-only file system",
                "\"\" after the restart"
            ]
        );
    }

    #[test]
    fn path_aliases_must_be_one_file_each() {
        let check = "path_alias: {group: core-services, alias: FORMAINPC, target: main_pc_code/FORMAINPC}";
        let seen = |files, different: &[(&str, &str)]| {
            Observation::PathAlias(PathAliasSeen {
                files,
                different: different
                    .iter()
                    .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                    .collect(),
            })
        };
        assert!(!judged(check, &seen(3, &[])).is_failure());
        assert_eq!(got(&judged(check, &seen(0, &[]))), ["0"]);
        assert_eq!(got(&judged(check, &seen(3, &[("x.py", "missing")]))), ["missing"]);
    }

    #[test]
    fn a_soak_fails_on_restarts_growth_and_wrong_answers() {
        let check = "soak: {group: core-services, max_growth_mb: 8}";
        let agent = |restarts, pid, resident, state: &str| AgentSoak {
            restarts: (0, restarts),
            pid: (Some(7), Some(pid)),
            resident: (Some(20_000_000), Some(resident)),
            state: state.to_owned(),
        };
        let seen = |agent: AgentSoak, failures: &[(&str, &str)]| {
            Observation::Soak(SoakSeen {
                seconds: 10.0,
                agents: BTreeMap::from([("A".to_owned(), agent)]),
                requests: 12,
                failures: failures
                    .iter()
                    .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                    .collect(),
            })
        };
        assert_eq!(
            judged(check, &seen(agent(0, 7, 21_000_000, "healthy"), &[])),
            Outcome::passed_with("10 s, 12 requests, largest growth 1.0 MB")
        );
        assert_eq!(
            got(&judged(
                check,
                &seen(agent(1, 9, 40_000_000, "mute"), &[("A", "no answer")])
            )),
            ["A: 1", "A: mute", "A: by 20.0 MB, from 20.0 to 40.0", "no answer"]
        );
        assert_eq!(
            got(&judged(check, &seen(agent(0, 9, 20_000_000, "healthy"), &[]))),
            ["A: process 9"]
        );
    }
}
