//! The machine against a fake clock and fake processes.

mod orders;
mod without;

use contract::group_config::GroupConfig;
use contract::order::Order;
use contract::status::{AgentState, GroupState};

use super::plan::plan;
use super::{Action, Ended, Event, Machine, Millis};

/// A machine, the time, and everything it ever asked for.
struct World {
    machine: Machine,
    names: Vec<String>,
    now: Millis,
    seen: Vec<Action>,
    notes: Vec<String>,
    next_pid: u32,
}

/// `A` / `B:A` (B depends on A) / `C?` (not required) / `D:far` (elsewhere) / `E!:A` (waits for A even if A fails).
fn world(agents: &[&str]) -> World {
    let mut text = String::from(
        "supervision: {settle_ms: 100, health_interval_ms: 1000, start_period_ms: 2000, stop_grace_ms: 500, \
         backoff_initial_ms: 100, backoff_max_ms: 1000, crash_limit: 3, crash_window_ms: 10000}\n\
         dependencies_elsewhere:\n\
         - {name: far, machine: pc2, group: memory, host: 10.0.0.1, health_check_port: 7}\n\
         - {name: far2, machine: pc2, group: memory, host: 10.0.0.1, health_check_port: 8}\nagents:\n",
    );
    for (at, agent) in agents.iter().enumerate() {
        let (name, dependencies) = agent.split_once(':').unwrap_or((agent, ""));
        let required = !name.ends_with('?');
        let policy = if name.ends_with('!') { "wait" } else { "start" };
        let name = name.trim_end_matches(['?', '!']);
        text += &format!(
            "- {{name: {name}, script_path: x.py, port: {}, required: {required}, dependencies: [{dependencies}], \
             when_dependency_fails: {policy}}}\n",
            100 + at * 2
        );
    }
    let config: GroupConfig = serde_saphyr::from_str(&text).unwrap();
    let (plan, notes) = plan(&config);
    World {
        names: plan.agents.iter().map(|agent| agent.name.clone()).collect(),
        machine: Machine::new(plan, 7, 0),
        now: 0,
        seen: Vec::new(),
        notes,
        next_pid: 10,
    }
}

impl World {
    fn id(&self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap()
    }

    /// One event; processes that are to be started, start.
    fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.machine.step(event, self.now) {
                if let Action::Spawn(agent) = action {
                    self.next_pid += 1;
                    let pid = self.next_pid;
                    events.push(Event::Spawned { agent, pid });
                }
                self.seen.push(action);
            }
        }
    }

    fn begin(&mut self) {
        self.event(Event::Begin);
    }

    /// Lets time pass, with a tick whenever one is due.
    fn pass(&mut self, millis: Millis) {
        let end = self.now + millis;
        while let Some(at) = self.machine.deadline().filter(|&at| at <= end) {
            assert!(at >= self.now, "a deadline of the past was left standing");
            self.now = at;
            self.event(Event::Tick);
        }
        self.now = end;
    }

    fn run(&self, name: &str) -> u32 {
        self.machine.agents[self.id(name)].run
    }

    fn answers(&mut self, name: &str) {
        let (agent, run) = (self.id(name), self.run(name));
        self.event(Event::Answered { agent, run });
    }

    fn silent(&mut self, name: &str, reason: &str) {
        let (agent, run) = (self.id(name), self.run(name));
        let reason = reason.to_owned();
        self.event(Event::NoAnswer { agent, run, reason });
    }

    /// Answers, and again after the settling time.
    fn settles(&mut self, name: &str) {
        self.answers(name);
        self.pass(100);
        assert!(self.was_asked(&Action::Check {
            agent: self.id(name),
            run: self.run(name)
        }));
        self.answers(name);
    }

    fn exits(&mut self, name: &str, code: i32) {
        self.exits_saying(name, code, &[]);
    }

    fn exits_saying(&mut self, name: &str, code: i32, stderr: &[&str]) {
        let agent = self.id(name);
        self.event(Event::Exited {
            agent,
            ended: Ended {
                code: Some(code),
                signal: None,
            },
            meaning: None,
            stderr: stderr.iter().map(|&line| line.to_owned()).collect(),
            stdout: Vec::new(),
        });
    }

    fn state(&self, name: &str) -> AgentState {
        self.machine.agents[self.id(name)].state
    }

    fn reason(&self, name: &str) -> String {
        let status = self.machine.status(0, self.now);
        status.agents[self.id(name)].reason.clone().unwrap_or_default()
    }

    fn group(&self) -> GroupState {
        self.machine.status(0, self.now).state
    }

    fn was_asked(&self, action: &Action) -> bool {
        self.seen.contains(action)
    }

    fn count(&self, action: &Action) -> usize {
        self.seen.iter().filter(|&seen| seen == action).count()
    }

    fn started(&self) -> Vec<&str> {
        let spawned = self.seen.iter().filter_map(|action| match action {
            Action::Spawn(agent) => Some(self.names[*agent].as_str()),
            _ => None,
        });
        spawned.collect()
    }

    fn terminated(&self) -> Vec<&str> {
        let told = self.seen.iter().filter_map(|action| match action {
            Action::Terminate(agent) => Some(self.names[*agent].as_str()),
            _ => None,
        });
        told.collect()
    }

    fn log(&self) -> String {
        let lines = self.seen.iter().filter_map(|action| match action {
            Action::Log(line) => Some(line.as_str()),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[test]
fn independent_agents_start_at_once_and_together() {
    let mut w = world(&["A", "B", "C"]);
    w.begin();
    assert_eq!(w.started(), ["A", "B", "C"]);
    assert_eq!(w.group(), GroupState::Starting);
}

#[test]
fn nothing_starts_before_the_check_is_done() {
    let mut w = world(&["A"]);
    w.event(Event::Tick);
    assert!(w.started().is_empty());
}

#[test]
fn a_chain_starts_link_by_link_at_the_first_answer() {
    let mut w = world(&["C:B", "B:A", "A"]);
    w.begin();
    assert_eq!(w.started(), ["A"]);
    assert_eq!(w.reason("C"), "waits for B");
    w.pass(50);
    w.answers("A");
    assert_eq!(w.started(), ["A", "B"]);
    w.answers("B");
    assert_eq!(w.started(), ["A", "B", "C"]);
    let status = w.machine.status(0, w.now);
    assert_eq!(status.agents[0].released_by.as_deref(), Some("B"));
    assert_eq!(status.agents[0].started_after_ms, Some(50));
    assert!(w.log().contains("C waits for B"));
    assert!(w.log().contains("started B (pid 12) after A answered"), "{}", w.log());
    assert!(w.log().contains("A answers after 50 ms"));
}

#[test]
fn the_first_way_to_health_is_kept_over_restarts() {
    let mut w = world(&["B:A", "A"]);
    w.begin();
    w.pass(30);
    w.answers("A");
    w.pass(20);
    w.settles("B");
    let boot = |w: &World| w.machine.status(0, w.now).agents[w.id("B")].boot.clone();
    let first = boot(&w);
    assert_eq!(first.released_by.as_deref(), Some("A"));
    assert_eq!(
        (first.started_after_ms, first.answered_after_ms, first.healthy_after_ms),
        (Some(30), Some(50), Some(150))
    );
    w.exits("B", 1);
    w.pass(400);
    w.settles("B");
    assert_eq!(boot(&w), first);
}

#[test]
fn all_dependencies_must_answer() {
    let mut w = world(&["A", "B", "C:A,B"]);
    w.begin();
    w.answers("A");
    assert_eq!(w.state("C"), AgentState::Waiting);
    // A goes away before B comes: C waits for it again.
    w.exits("A", 0);
    w.answers("B");
    assert_eq!(w.state("C"), AgentState::Waiting);
    assert_eq!(w.reason("C"), "waits for A (crashed)");
    w.pass(200);
    w.answers("A");
    assert_eq!(w.state("C"), AgentState::Starting);
}

#[test]
fn a_cycle_starts_together_after_what_it_needs_from_outside() {
    let mut w = world(&["O", "A:C,O", "B:A", "C:B", "D:C"]);
    assert!(w.notes.join(" ").contains("A, B, C wait for each other"));
    w.begin();
    assert_eq!(w.started(), ["O"]);
    w.answers("O");
    assert_eq!(w.started(), ["O", "A", "B", "C"]);
    w.answers("C");
    assert_eq!(w.started().last(), Some(&"D"));
}

#[test]
fn an_agent_that_depends_on_itself_starts() {
    let mut w = world(&["A:A"]);
    assert_eq!(w.notes.len(), 1);
    w.begin();
    assert_eq!(w.started(), ["A"]);
}

#[test]
fn an_undefined_dependency_is_never_waited_for() {
    let mut w = world(&["A:ghost"]);
    w.begin();
    assert_eq!(w.started(), ["A"]);
}

#[test]
fn elsewhere_gates_and_is_asked_once_for_all() {
    let mut w = world(&["A:far", "B:far"]);
    w.begin();
    assert_eq!(w.count(&Action::AwaitElsewhere(0)), 1);
    assert!(w.started().is_empty());
    w.event(Event::ElsewhereSilent(0, "refused".to_owned()));
    assert_eq!(w.reason("A"), "waits for far (pc2 memory: refused)");
    w.event(Event::ElsewhereAnswered(0));
    assert_eq!(w.started(), ["A", "B"]);
    assert!(w.log().contains("after far answered"));
}

#[test]
fn a_restarted_agent_asks_elsewhere_anew() {
    let mut w = world(&["A:far"]);
    w.begin();
    w.event(Event::ElsewhereAnswered(0));
    w.answers("A");
    w.exits("A", 1);
    w.pass(200);
    assert_eq!(w.count(&Action::AwaitElsewhere(0)), 2);
    assert_eq!(w.state("A"), AgentState::Waiting);
    w.event(Event::ElsewhereAnswered(0));
    assert_eq!(w.state("A"), AgentState::Starting);
}

#[test]
fn healthy_needs_the_settling_time() {
    let mut w = world(&["A"]);
    w.begin();
    w.answers("A");
    assert_eq!(w.state("A"), AgentState::Answering);
    w.pass(99);
    assert!(!w.was_asked(&Action::Check { agent: 0, run: 1 }));
    w.pass(1);
    assert!(w.was_asked(&Action::Check { agent: 0, run: 1 }));
    assert_eq!(w.state("A"), AgentState::Answering);
    w.answers("A");
    assert_eq!(w.state("A"), AgentState::Healthy);
    assert_eq!(w.group(), GroupState::Healthy);
    assert!(w.log().contains("1 of 1 agents healthy"));
}

#[test]
fn a_crash_while_settling_is_a_crash_even_with_code_0() {
    let mut w = world(&["A"]);
    w.begin();
    w.answers("A");
    w.pass(50);
    w.exits("A", 0);
    assert_eq!(w.state("A"), AgentState::Backoff);
    assert!(
        w.log()
            .contains("A exited with code 0 after 0.0 s (crash 1 of 3), restarts in 0.")
    );
    w.pass(200);
    assert_eq!(w.started(), ["A", "A"]);
}

#[test]
fn health_is_asked_again_at_the_interval_and_failures_add_up() {
    let mut w = world(&["A"]);
    w.begin();
    w.settles("A");
    for failure in 1..=2 {
        w.pass(1000);
        w.silent("A", "no reply");
        assert_eq!(w.state("A"), AgentState::Healthy);
        assert_eq!(w.reason("A"), format!("health check failed ({failure} of 3): no reply"));
    }
    w.pass(1000);
    w.silent("A", "no reply");
    assert_eq!(w.state("A"), AgentState::Mute);
    assert_eq!(w.terminated(), ["A"]);
    assert_eq!(w.group(), GroupState::Unhealthy);
    w.exits("A", 0);
    assert_eq!(w.state("A"), AgentState::Backoff);
    assert!(w.log().contains("A stopped answering: no reply (crash 1 of 3)"));
}

#[test]
fn one_good_check_forgets_the_failures() {
    let mut w = world(&["A"]);
    w.begin();
    w.settles("A");
    for _ in 0..5 {
        w.pass(1000);
        w.silent("A", "x");
        w.pass(1000);
        w.answers("A");
    }
    assert_eq!(w.state("A"), AgentState::Healthy);
    assert_eq!(w.reason("A"), "");
    assert!(w.terminated().is_empty());
}

#[test]
fn an_agent_may_have_a_start_period_of_its_own() {
    let mut w = world(&["A", "B"]);
    w.machine.plan.agents[1].start_period = 5000;
    w.begin();
    w.pass(3000);
    assert_eq!((w.state("A"), w.state("B")), (AgentState::Mute, AgentState::Starting));
    w.pass(3000);
    assert_eq!(w.state("B"), AgentState::Mute);
    assert!(w.log().contains("B runs, but has not answered within 5.0 s"));
}

#[test]
fn no_answer_in_the_start_period_is_no_failure() {
    let mut w = world(&["A"]);
    w.begin();
    for _ in 0..19 {
        w.pass(100);
        w.silent("A", "refused");
    }
    assert_eq!(w.state("A"), AgentState::Starting);
    assert_eq!(w.reason("A"), "no answer yet: refused");
    w.pass(100);
    assert_eq!(w.state("A"), AgentState::Mute);
    assert_eq!(w.reason("A"), "runs, but does not answer: refused");
    assert!(w.log().contains("A runs, but has not answered within 2.0 s: refused"));
}

#[test]
fn a_mute_agent_is_restarted_after_the_retries_and_given_up_in_the_end() {
    let mut w = world(&["A"]);
    w.begin();
    for round in 1..=3 {
        assert_eq!(w.state("A"), AgentState::Starting, "{round}");
        w.pass(2000 + 2999);
        assert_eq!(w.terminated().len(), round - 1);
        w.pass(1);
        assert_eq!(w.terminated().len(), round);
        w.exits("A", 0);
        if round < 3 {
            let restart = w.machine.deadline().unwrap();
            w.pass(restart - w.now);
        }
    }
    // Three crashes, but never three within the window: it is the silence that counts.
    assert_eq!(w.state("A"), AgentState::Failed);
    assert!(
        w.reason("A").contains("3 runs in a row never answered"),
        "{}",
        w.reason("A")
    );
}

#[test]
fn a_late_answer_is_still_an_answer() {
    let mut w = world(&["A", "B:A"]);
    w.begin();
    w.pass(3500);
    assert_eq!(w.state("A"), AgentState::Mute);
    w.answers("A");
    assert_eq!(w.state("A"), AgentState::Answering);
    assert_eq!(w.state("B"), AgentState::Starting);
    w.pass(5000);
    assert!(!w.terminated().contains(&"A"));
}

#[test]
fn answers_of_former_runs_do_not_count() {
    let mut w = world(&["A"]);
    w.begin();
    w.exits("A", 1);
    w.pass(200);
    w.event(Event::Answered { agent: 0, run: 1 });
    assert_eq!(w.state("A"), AgentState::Starting);
    w.event(Event::Answered { agent: 0, run: 2 });
    assert_eq!(w.state("A"), AgentState::Answering);
}

#[test]
fn a_crash_loop_is_given_up_with_its_last_words() {
    let mut w = world(&["A", "B!:A"]);
    w.begin();
    for _ in 0..3 {
        w.exits_saying("A", 1, &["Traceback", "NameError: x", ""]);
        let restart = w.machine.deadline().unwrap_or(w.now);
        w.pass(restart - w.now);
    }
    assert_eq!(w.state("A"), AgentState::Failed);
    assert_eq!(w.started().len(), 3);
    assert_eq!(
        w.reason("A"),
        "given up (3 crashes within 10.0 s): exited with code 1 after 0.0 s; last stderr line: NameError: x"
    );
    assert_eq!(w.reason("B"), "waits for A (failed)");
    assert_eq!(w.group(), GroupState::Unhealthy);
    w.pass(100_000);
    assert_eq!(w.started().len(), 3);
    assert_eq!(w.log().matches("A is given up").count(), 1);
}

#[test]
fn crashes_outside_the_window_are_forgotten() {
    let mut w = world(&["A"]);
    w.begin();
    for _ in 0..8 {
        w.answers("A");
        w.pass(6000);
        w.exits("A", 1);
        w.pass(200);
    }
    assert_ne!(w.state("A"), AgentState::Failed);
}

#[test]
fn delays_double_with_jitter_up_to_the_maximum() {
    let text = "supervision: {backoff_initial_ms: 100, backoff_max_ms: 1000, crash_limit: 99}\n\
                agents: [{name: A, script_path: x, port: 5}]\n";
    let config: GroupConfig = serde_saphyr::from_str(text).unwrap();
    let mut machine = Machine::new(plan(&config).0, 3, 0);
    machine.step(Event::Begin, 0);
    let mut now = 0;
    for expected in [100, 200, 400, 800, 1000, 1000] {
        machine.step(Event::Spawned { agent: 0, pid: 5 }, now);
        let ended = Ended {
            code: None,
            signal: Some(9),
        };
        let stderr = Vec::new();
        let event = Event::Exited {
            agent: 0,
            ended,
            meaning: None,
            stderr,
            stdout: Vec::new(),
        };
        machine.step(event, now);
        let delay = machine.deadline().unwrap() - now;
        assert!(delay.abs_diff(expected) <= expected / 5, "{delay} for {expected}");
        now += delay;
        machine.step(Event::Tick, now);
    }
}

#[test]
fn an_optional_agent_only_degrades() {
    let mut w = world(&["A", "B?"]);
    w.begin();
    w.event(Event::Unstartable {
        agent: 1,
        reason: "no script".to_owned(),
    });
    w.settles("A");
    assert_eq!(w.group(), GroupState::Degraded);
}

#[test]
fn an_unstartable_agent_is_never_started() {
    let mut w = world(&["A", "B!:A"]);
    w.event(Event::Unstartable {
        agent: 0,
        reason: "no script".to_owned(),
    });
    w.begin();
    assert!(w.started().is_empty());
    assert_eq!(
        (w.state("A"), w.reason("A")),
        (AgentState::Failed, "no script".to_owned())
    );
    assert_eq!(w.group(), GroupState::Unhealthy);
}

#[test]
fn a_failed_check_decides_the_group_too() {
    let mut w = world(&["A"]);
    w.event(Event::CheckFailed { required: false });
    w.begin();
    w.settles("A");
    assert_eq!(w.group(), GroupState::Degraded);
    w.event(Event::CheckFailed { required: true });
    assert_eq!(w.group(), GroupState::Unhealthy);
}

#[test]
fn a_spawn_that_fails_is_tried_again() {
    let mut w = world(&["A"]);
    w.machine.step(Event::Begin, 0);
    let reason = "resource temporarily unavailable".to_owned();
    w.event(Event::SpawnFailed { agent: 0, reason });
    assert_eq!(w.state("A"), AgentState::Backoff);
    w.pass(200);
    assert_eq!(w.state("A"), AgentState::Starting);
}

#[test]
fn a_keeper_that_ends_before_it_has_started_anything_is_a_failed_start() {
    let killed = || Event::Exited {
        agent: 0,
        ended: Ended {
            code: None,
            signal: Some(15),
        },
        meaning: None,
        stderr: Vec::new(),
        stdout: Vec::new(),
    };
    let mut w = world(&["A"]);
    w.machine.step(Event::Begin, 0);
    w.event(killed());
    assert_eq!(w.state("A"), AgentState::Backoff);
    w.pass(200);
    assert_eq!(w.state("A"), AgentState::Starting);

    // Nor does a stop wait for it.
    let mut w = world(&["A"]);
    w.machine.step(Event::Begin, 0);
    w.event(Event::Stop);
    assert!(!w.seen.contains(&Action::Finish));
    w.event(killed());
    assert!(w.seen.contains(&Action::Finish), "{:?}", w.seen);
}

#[test]
fn an_operator_s_restart_is_no_crash() {
    let mut w = world(&["A"]);
    w.begin();
    w.settles("A");
    w.event(Event::Order(Order::Restart, 0));
    assert_eq!(w.terminated(), ["A"]);
    w.exits("A", 143);
    assert_eq!(w.state("A"), AgentState::Starting);
    assert_eq!(w.machine.status(0, 0).agents[0].restarts, 1);
    assert!(!w.log().contains("crash"));
}

#[test]
fn an_operator_may_revive_what_failed() {
    let mut w = world(&["A"]);
    w.begin();
    for _ in 0..3 {
        w.exits("A", 1);
        w.pass(1500);
    }
    assert_eq!(w.state("A"), AgentState::Failed);
    w.event(Event::Order(Order::Restart, 0));
    assert_eq!(w.state("A"), AgentState::Starting);
    w.exits("A", 1);
    assert_eq!(w.state("A"), AgentState::Backoff);
}

#[test]
fn a_process_that_ignores_sigterm_is_killed() {
    let mut w = world(&["A"]);
    w.begin();
    w.event(Event::Order(Order::Restart, 0));
    w.pass(499);
    assert!(!w.was_asked(&Action::Kill(0)));
    w.pass(1);
    assert!(w.was_asked(&Action::Kill(0)));
    assert!(w.log().contains("A did not end within 0.5 s of SIGTERM: killed"));
}

#[test]
fn stopping_goes_against_the_dependencies() {
    let mut w = world(&["A", "B:A", "C:A", "D:B"]);
    w.begin();
    w.answers("A");
    w.answers("B");
    w.event(Event::Stop);
    assert_eq!(w.group(), GroupState::Stopping);
    assert_eq!(w.terminated(), ["C", "D"]);
    w.exits("D", 0);
    assert_eq!(w.terminated(), ["C", "D", "B"]);
    w.exits("B", 0);
    assert_eq!(w.terminated(), ["C", "D", "B"]);
    w.exits("C", 0);
    assert_eq!(w.terminated(), ["C", "D", "B", "A"]);
    assert!(!w.was_asked(&Action::Finish));
    w.exits("A", 0);
    assert!(w.was_asked(&Action::Finish));
    assert_eq!(w.state("A"), AgentState::Stopped);
    assert_eq!(w.machine.deadline(), None);
}

#[test]
fn a_cycle_is_stopped_together() {
    let mut w = world(&["A:B", "B:A", "C:A"]);
    w.begin();
    w.answers("A");
    w.event(Event::Stop);
    assert_eq!(w.terminated(), ["C"]);
    w.exits("C", 0);
    assert_eq!(w.terminated(), ["C", "A", "B"]);
}

#[test]
fn stopping_is_bounded() {
    let mut w = world(&["A", "B:A", "C:B"]);
    w.begin();
    w.answers("A");
    w.answers("B");
    w.event(Event::Stop);
    w.pass(500);
    assert!(w.was_asked(&Action::Kill(2)));
    w.exits("C", 137);
    w.pass(500);
    assert!(w.was_asked(&Action::Kill(1)));
    w.exits("B", 137);
    assert_eq!(w.terminated(), ["C", "B", "A"]);
    // A's own grace is not over, but the whole is.
    w.pass(499);
    assert!(!w.was_asked(&Action::Kill(0)));
    w.pass(1);
    assert!(w.was_asked(&Action::Kill(0)));
}

#[test]
fn the_second_sigterm_kills_at_once() {
    let mut w = world(&["A", "B:A"]);
    w.begin();
    w.answers("A");
    w.event(Event::Stop);
    w.event(Event::Stop);
    assert!(w.was_asked(&Action::Kill(0)));
    assert!(w.was_asked(&Action::Kill(1)));
    w.exits("A", 137);
    w.exits("B", 137);
    assert_eq!(w.count(&Action::Finish), 1);
}

#[test]
fn stopping_with_nothing_alive_ends_at_once() {
    let mut w = world(&["A:far"]);
    w.begin();
    w.event(Event::Stop);
    assert!(w.was_asked(&Action::Finish));
    assert_eq!(w.state("A"), AgentState::Stopped);
}

#[test]
fn nothing_is_started_or_restarted_while_stopping() {
    let mut w = world(&["A", "B:A", "C:far", "D"]);
    w.begin();
    w.exits("D", 1);
    w.event(Event::Stop);
    w.answers("A");
    w.event(Event::ElsewhereAnswered(0));
    w.event(Event::Order(Order::Restart, 2));
    w.pass(400);
    assert_eq!(w.started(), ["A", "D"]);
    w.exits("A", 1);
    w.pass(5000);
    assert_eq!(w.started(), ["A", "D"]);
}

#[test]
fn the_version_changes_exactly_with_what_is_visible() {
    let mut w = world(&["A"]);
    w.begin();
    let before = w.machine.version();
    w.silent("A", "refused");
    assert_eq!(w.machine.version(), before + 1);
    w.silent("A", "refused");
    w.event(Event::Tick);
    assert_eq!(w.machine.version(), before + 1);
    w.answers("A");
    assert_eq!(w.machine.version(), before + 2);
}
