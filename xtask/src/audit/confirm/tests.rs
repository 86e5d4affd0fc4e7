//! Real endings of agents, and what is made of them.

use contract::status::{AgentBoot, AgentState, AgentStatus, Exit};

use super::{Fate, Layout, Observation, Verdict, classify, judge};
use crate::audit::{AgentReport, Prediction, Step};
use crate::finding::Place;
use crate::stack::AgentId;
use crate::stack::fixture::Fixture;

/// What was seen of an agent in that state, with its exit code and its log.
pub fn observation(state: AgentState, code: Option<i32>, log: &str) -> Observation {
    Observation {
        status: AgentStatus {
            start: None,
            plain_because: None,
            boot: AgentBoot::default(),
            name: "Beta".to_owned(),
            port: 5001,
            health_check_port: 7001,
            health: contract::health::Kind::Zmq,
            listens_on: Vec::new(),
            required: true,
            state,
            pid: None,
            restarts: 0,
            last_exit: code.map(|code| Exit {
                code: Some(code),
                signal: None,
                at_ms: 1,
            }),
            last_stderr: Vec::new(),
            started_after_ms: None,
            started_at_ms: None,
            ready_after_ms: None,
            ready_at_ms: None,
            waits_for: Vec::new(),
            starts_without: true,
            without: Vec::new(),
            failure: None,
            released_by: None,
            reason: Some("start-up check: it is not there".to_owned()),
        },
        listening: Vec::new(),
        idle: false,
        explored: Vec::new(),
        log: log.to_owned(),
    }
}

/// What Beta's end is, against a prediction with its rule and place.
/// What was predicted of `Beta`, set against what was seen.
pub fn verdict(
    prediction: Prediction,
    rule: Option<&'static str>,
    at: Option<(&str, u32)>,
    seen: &Observation,
) -> Verdict {
    let stack = Fixture::small().model();
    let beta = stack.agents().find(|(_, agent)| agent.name == "Beta").unwrap().0;
    let chain: Vec<Place> = at
        .into_iter()
        .map(|(path, line)| Place {
            line,
            ..Place::file(path)
        })
        .collect();
    let report = AgentReport::new(&stack, beta).with(prediction, rule, None, &chain);
    judge(report, classify(seen, &Layout::of(&stack, beta, "tree/")))
}

fn traceback(path: &str, line: u32, headline: &str) -> String {
    format!(
        "up\nTraceback (most recent call last):\n  File \"{path}\", line {line}, in <module>\n    x\n  \
         File \"/usr/lib/python3.11/logging/__init__.py\", line 1181, in __init__\n    y\n{headline}\n"
    )
}

fn crashed(headline: &str) -> Fate {
    let seen = observation(
        AgentState::Failed,
        Some(1),
        &traceback("/app/main/alpha.py", 3, headline),
    );
    verdict(Prediction::Starts, None, None, &seen).seen.fate
}

#[test]
fn each_ending_has_its_word() {
    for (headline, fate) in [
        ("NameError: name 'ding' is not defined", Fate::Crashed),
        ("ModuleNotFoundError: No module named 'cv2'", Fate::WantedPackage),
        ("ModuleNotFoundError: No module named 'main.gone'", Fate::Crashed),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/x'",
            Fate::WantedFile,
        ),
        (
            "ConnectionRefusedError: [Errno 111] Connection refused",
            Fate::WantedAddress,
        ),
        ("OSError: [Errno 101] Network is unreachable", Fate::WantedAddress),
        (
            "socket.gaierror: [Errno -2] Name or service not known",
            Fate::WantedAddress,
        ),
        (
            "zmq.error.ZMQError: Address already in use (addr='tcp://*:5555')",
            Fate::Crashed,
        ),
    ] {
        assert_eq!(crashed(headline), fate, "{headline}");
    }
}

#[test]
fn the_place_is_the_innermost_one_of_the_tree() {
    for (path, shown) in [
        ("/app/main/alpha.py", Some("tree/main/alpha.py")),
        ("/app/SHORT/beta.py", Some("tree/main/long/beta.py")),
        ("SHORT/beta.py", Some("tree/main/long/beta.py")),
        ("/app/main/../main/./alpha.py", Some("tree/main/alpha.py")),
        ("/app/mainly/alpha.py", None),
        ("/application/main/alpha.py", None),
        ("/usr/lib/python3.11/json.py", None),
    ] {
        let seen = observation(AgentState::Failed, Some(1), &traceback(path, 3, "KeyError: 'x'"));
        let exception = verdict(Prediction::Starts, None, None, &seen).seen.exception.unwrap();
        let expected = shown.map(|path| Step {
            path: path.to_owned(),
            line: 3,
        });
        assert_eq!(exception.place, expected, "{path}");
    }
}

#[test]
fn what_is_predicted_to_start_is_healthy_or_differs() {
    let healthy = observation(AgentState::Healthy, None, "");
    assert_eq!(verdict(Prediction::Starts, None, None, &healthy).differs, None);
    let ended = observation(AgentState::Failed, Some(0), "bye\n");
    let verdict = verdict(Prediction::Starts, None, None, &ended);
    assert_eq!(verdict.seen.fate, Fate::Crashed);
    assert_eq!(verdict.seen.how, "exit code 0: bye");
    assert!(verdict.differs.is_some());
}

#[test]
fn what_cannot_start_fails_at_the_place_that_was_named() {
    let rule = Some("start/undefined-name");
    let at = Some(("tree/main/alpha.py", 3));
    let seen = |line, headline: &str| {
        observation(
            AgentState::Failed,
            Some(1),
            &traceback("/app/main/alpha.py", line, headline),
        )
    };
    let differs = |seen: &Observation| verdict(Prediction::CannotStart, rule, at, seen).differs;
    assert_eq!(differs(&seen(3, "NameError: name 'x' is not defined")), None);
    assert_eq!(
        differs(&seen(4, "NameError: name 'x' is not defined")).as_deref(),
        Some("the failure is at another place")
    );
    assert_eq!(
        differs(&seen(3, "TypeError: f() takes no arguments")).as_deref(),
        Some("TypeError is another failure than `start/undefined-name`")
    );
    let healthy = observation(AgentState::Healthy, None, "");
    assert_eq!(differs(&healthy).as_deref(), Some("it starts all the same"));
}

#[test]
fn of_a_chain_any_link_may_be_the_one() {
    let log = format!(
        "{}\nDuring handling of the above exception, another exception occurred:\n\n{}",
        traceback("/app/main/alpha.py", 3, "NameError: name 'x' is not defined"),
        traceback("/app/main/alpha.py", 9, "SystemError: gave up"),
    );
    let seen = observation(AgentState::Failed, Some(1), &log);
    let at = Some(("tree/main/alpha.py", 3));
    let verdict = verdict(Prediction::CannotStart, Some("start/undefined-name"), at, &seen);
    assert_eq!(verdict.differs, None);
    assert_eq!(verdict.seen.how, "SystemError: gave up");
    assert_eq!(verdict.seen.exception.unwrap().place.unwrap().line, 9);
}

#[test]
fn rules_without_an_exception_are_known_by_their_exit_code() {
    let differs = |rule, code| {
        let seen = observation(
            AgentState::Failed,
            Some(code),
            "usage: a.py\na.py: error: unrecognized\n",
        );
        verdict(Prediction::CannotStart, Some(rule), None, &seen).differs
    };
    assert_eq!(differs("start/flags-rejected", 2), None);
    assert!(differs("start/flags-rejected", 1).is_some());
    // Two options of one name are no words that are rejected.
    let log = traceback(
        "/app/main/alpha.py",
        3,
        "argparse.ArgumentError: argument --x: conflicting option string: --x",
    );
    let seen = observation(AgentState::Failed, Some(1), &log);
    let at = Some(("tree/main/alpha.py", 3));
    let twice = verdict(Prediction::CannotStart, Some("start/flags-rejected"), at, &seen);
    assert_eq!(twice.differs, None);
    assert_eq!(differs("start/does-nothing", 0), None);
    assert!(differs("start/does-nothing", 2).is_some());
}

#[test]
fn what_may_not_start_is_right_either_way() {
    for seen in [
        observation(AgentState::Healthy, None, ""),
        observation(AgentState::Failed, Some(1), ""),
    ] {
        let rule = Some("requirements/missing");
        assert_eq!(verdict(Prediction::MayNot, rule, None, &seen).differs, None);
    }
}

#[test]
fn one_that_is_mute_says_where_it_listens() {
    let mut seen = observation(AgentState::Mute, None, "");
    seen.listening = vec![5001, 6001];
    let mute = verdict(Prediction::CannotStart, Some("start/placeholder"), None, &seen);
    assert_eq!(mute.seen.fate, Fate::Mute);
    assert_eq!(mute.seen.how, "nothing listens on 7001; it listens on 5001, 6001");
    assert_eq!(mute.differs, None);
    seen.listening = vec![7001];
    let deaf = verdict(Prediction::Starts, None, None, &seen);
    assert_eq!(
        deaf.seen.how,
        "listens on 7001 and does not answer as a healthy agent does"
    );
}

#[test]
fn a_script_that_is_not_there_is_a_file_that_was_wanted() {
    let seen = observation(AgentState::Failed, None, "");
    let at = Some(("tree/main/startup.yaml", 4));
    let verdict = verdict(Prediction::CannotStart, Some("stack/missing-script"), at, &seen);
    assert_eq!(verdict.seen.fate, Fate::WantedFile);
    assert_eq!(verdict.seen.how, "start-up check: it is not there");
    assert_eq!(verdict.differs, None);
}

#[test]
fn agents_of_another_machine_have_another_layout() {
    let stack = Fixture::small().model();
    let delta = stack.agents().find(|(_, agent)| agent.name == "Delta").unwrap().0;
    assert_ne!(delta, AgentId(0));
    let layout = Layout::of(&stack, delta, "");
    assert_eq!(layout.shown("/app/pc2/delta.py").as_deref(), Some("pc2/delta.py"));
    assert_eq!(layout.shown("/app/main/alpha.py"), None);
}
