//! Agents whose dependency fails.

use contract::order::Order;
use contract::status::{AgentState, FailedDependency, Failure, GroupState};

use super::{Event, World, world};

impl World {
    /// Crashes until it is given up.
    fn gives_up(&mut self, name: &str) {
        for delay in [200, 400, 0] {
            self.exits(name, 1);
            self.pass(delay);
        }
        assert_eq!(self.state(name), AgentState::Failed);
    }

    /// A whole run without an answer, after which it is told to end.
    fn stays_mute(&mut self, name: &str) {
        let before = self.terminated().len();
        self.pass(5000);
        assert_eq!(self.terminated().len(), before + 1);
        self.exits(name, 0);
    }

    fn without(&self, name: &str) -> Vec<FailedDependency> {
        let status = self.machine.status(0, self.now);
        status.agents[self.id(name)].without.clone()
    }

    fn failure(&self, name: &str) -> Option<Failure> {
        let status = self.machine.status(0, self.now);
        status.agents[self.id(name)].failure
    }
}

fn failed(agent: &str, failure: Failure) -> Vec<FailedDependency> {
    let agent = agent.to_owned();
    vec![FailedDependency { agent, failure }]
}

#[test]
fn an_agent_starts_without_what_was_given_up_and_is_degraded() {
    let mut w = world(&["A?", "B:A", "C:B", "D!:A"]);
    w.begin();
    w.exits("A", 1);
    assert_eq!(
        w.state("B"),
        AgentState::Waiting,
        "A is started again: it has not failed"
    );
    w.pass(200);
    w.exits("A", 1);
    w.pass(400);
    w.exits("A", 1);
    assert_eq!(
        (w.state("A"), w.failure("A")),
        (AgentState::Failed, Some(Failure::GivenUp))
    );
    assert_eq!(w.state("B"), AgentState::Starting);
    assert!(w.log().contains("B is started without A (given up)"), "{}", w.log());
    assert_eq!((w.state("C"), w.state("D")), (AgentState::Waiting, AgentState::Waiting));
    assert_eq!(w.reason("D"), "waits for A (failed)");
    w.settles("B");
    w.settles("C");
    assert_eq!(w.without("B"), failed("A", Failure::GivenUp));
    assert_eq!(w.without("C"), [], "what it waits for answers");
    let status = w.machine.status(0, w.now);
    let words: Vec<_> = status.agents.iter().map(contract::status::AgentStatus::word).collect();
    assert_eq!(words, ["failed", "degraded", "healthy", "waiting"]);
}

#[test]
fn a_group_in_which_all_run_is_degraded_until_the_dependency_answers_after_all() {
    let mut w = world(&["A?", "B:A"]);
    w.begin();
    w.gives_up("A");
    w.settles("B");
    assert_eq!(w.group(), GroupState::Degraded);
    w.event(Event::Order(Order::Restart, 0));
    w.settles("A");
    assert_eq!(w.group(), GroupState::Healthy);
    assert_eq!((w.without("B"), w.failure("A")), (Vec::new(), None));
    assert_eq!(w.run("B"), 1, "it is not started again for that");
}

#[test]
fn what_cannot_be_started_is_not_waited_for() {
    let mut w = world(&["A", "B:A", "C:B"]);
    w.event(Event::Unstartable {
        agent: 0,
        reason: "no script".to_owned(),
    });
    assert!(w.started().is_empty(), "nothing starts before the check is done");
    w.begin();
    assert_eq!(w.started(), ["B"]);
    assert_eq!(w.without("B"), failed("A", Failure::CannotStart));
    // A file that goes later.
    let mut w = world(&["A:far", "B:A"]);
    w.begin();
    w.event(Event::Unstartable {
        agent: 0,
        reason: "no script".to_owned(),
    });
    assert_eq!(w.started(), ["B"]);
}

#[test]
fn a_whole_mute_run_is_a_failure_and_a_late_answer_ends_it() {
    let mut w = world(&["A", "B:A", "C!:A"]);
    w.begin();
    w.pass(4999);
    assert_eq!((w.state("A"), w.state("B")), (AgentState::Mute, AgentState::Waiting));
    w.stays_mute("A");
    assert_eq!(w.state("B"), AgentState::Starting);
    assert_eq!(w.state("C"), AgentState::Waiting);
    assert_eq!(w.without("B"), failed("A", Failure::NeverAnswered));
    w.pass(200);
    assert_eq!(w.state("A"), AgentState::Starting);
    assert_eq!(
        w.failure("A"),
        Some(Failure::NeverAnswered),
        "that it runs again is no answer"
    );
    w.settles("B");
    w.answers("A");
    assert_eq!((w.without("B"), w.failure("A")), (Vec::new(), None));
    assert_eq!(w.state("C"), AgentState::Starting);
}

#[test]
fn one_that_answered_and_fell_silent_is_waited_for() {
    let mut w = world(&["A", "B:A"]);
    w.begin();
    w.settles("A");
    for _ in 0..3 {
        w.pass(1000);
        w.silent("A", "no reply");
    }
    w.exits("B", 1);
    w.pass(130);
    w.exits("A", 0);
    assert_eq!((w.state("B"), w.failure("A")), (AgentState::Waiting, None));
}

#[test]
fn a_chain_of_failures_holds_nobody_up() {
    let mut w = world(&["A", "B:A", "C:B", "D:C"]);
    w.begin();
    w.gives_up("A");
    w.gives_up("B");
    w.gives_up("C");
    w.settles("D");
    assert_eq!(w.without("D"), failed("C", Failure::GivenUp));
    assert_eq!(w.group(), GroupState::Unhealthy);
}

#[test]
fn several_dependencies_are_waited_for_until_each_answers_or_fails() {
    let mut w = world(&["A", "B", "C:A,B,far"]);
    w.begin();
    w.gives_up("A");
    assert_eq!(w.reason("C"), "waits for B, far (pc2 memory)");
    w.event(Event::ElsewhereFailed(0, Some(Failure::NeverAnswered)));
    assert_eq!(w.state("C"), AgentState::Waiting);
    w.answers("B");
    assert_eq!(w.state("C"), AgentState::Starting);
    assert!(
        w.log()
            .contains("C is started without A (given up), far (never answered)"),
        "{}",
        w.log()
    );
}

#[test]
fn a_failure_elsewhere_is_taken_from_its_supervisor() {
    let mut w = world(&["A:far", "B!:far"]);
    w.begin();
    w.event(Event::ElsewhereFailed(0, Some(Failure::GivenUp)));
    assert_eq!(
        (w.state("A"), w.state("B")),
        (AgentState::Starting, AgentState::Waiting)
    );
    assert_eq!(w.reason("B"), "waits for far (pc2 memory: given up)");
    w.settles("A");
    assert_eq!(w.without("A"), failed("far", Failure::GivenUp));
    assert_eq!(w.group(), GroupState::Starting, "B waits");
    // It is asked on: a crash does not make A wait for it, and its answer ends the matter.
    w.exits("A", 1);
    w.pass(200);
    assert_eq!(w.run("A"), 2);
    w.event(Event::ElsewhereAnswered(0));
    w.event(Event::ElsewhereFailed(0, Some(Failure::GivenUp)));
    w.settles("A");
    w.settles("B");
    assert_eq!(w.without("A"), []);
    assert_eq!(w.group(), GroupState::Healthy);
}

#[test]
fn a_failure_elsewhere_that_is_over_is_waited_for_again() {
    let mut w = world(&["A:far,far2"]);
    w.begin();
    w.event(Event::ElsewhereFailed(0, Some(Failure::GivenUp)));
    w.event(Event::ElsewhereFailed(0, None));
    w.event(Event::ElsewhereAnswered(1));
    assert_eq!(w.state("A"), AgentState::Waiting);
    w.event(Event::ElsewhereAnswered(0));
    assert_eq!(w.state("A"), AgentState::Starting);
}

#[test]
fn who_is_left_out_is_started_only_by_an_operator() {
    let mut w = world(&["A", "B:A"]);
    w.machine.plan.agents[0].left_out = true;
    w.machine.plan.agents[0].required = false;
    w.machine = super::Machine::new(w.machine.plan.clone(), 7, 0);
    w.begin();
    assert_eq!(w.started(), ["B"]);
    w.settles("B");
    assert_eq!(w.without("B"), failed("A", Failure::LeftOut));
    assert_eq!(
        (w.group(), w.reason("A")),
        (GroupState::Degraded, "left out of this boot".to_owned())
    );
    w.event(Event::Order(Order::Restart, 0));
    w.settles("A");
    assert_eq!(w.group(), GroupState::Healthy);
    // What happens to it then is its own.
    w.gives_up("A");
    assert_eq!(w.failure("A"), Some(Failure::GivenUp));
}

#[test]
fn nothing_is_started_for_a_failure_once_all_is_to_stop() {
    let mut w = world(&["A", "B:A"]);
    w.begin();
    w.event(Event::Stop);
    w.exits("A", 1);
    w.event(Event::ElsewhereFailed(0, Some(Failure::GivenUp)));
    assert_eq!(w.started(), ["A"]);
}
