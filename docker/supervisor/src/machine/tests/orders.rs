//! What operators want of single agents, beside restarts.

use contract::order::Order;
use contract::status::{AgentState, FailedDependency, Failure, GroupState};

use super::{Action, Event, World, world};

impl World {
    fn order(&mut self, order: Order, name: &str) -> String {
        let agent = self.id(name);
        let said = self.machine.prospect(order, agent).unwrap();
        self.event(Event::Order(order, agent));
        said
    }

    fn stopped(&mut self, name: &str) {
        self.order(Order::Stop, name);
        self.exits(name, 143);
        assert_eq!(self.state(name), AgentState::Stopped);
    }

    fn document(&self, name: &str) -> contract::status::AgentStatus {
        self.machine.status(0, self.now).agents[self.id(name)].clone()
    }
}

#[test]
fn a_stopped_agent_ends_by_its_signal_and_is_not_started_again() {
    let mut w = world(&["A", "B"]);
    w.begin();
    w.settles("A");
    w.settles("B");
    assert_eq!(w.order(Order::Stop, "A"), "stopping A");
    assert_eq!(w.state("A"), AgentState::Stopping);
    assert_eq!(w.terminated(), ["A"]);
    w.exits("A", 143);
    let told = w.document("A");
    assert_eq!(
        (told.state, told.failure, told.reason.as_deref(), told.pid),
        (
            AgentState::Stopped,
            Some(Failure::Stopped),
            Some("by an operator"),
            None
        )
    );
    w.pass(60_000);
    assert_eq!(w.started(), ["A", "B"]);
    assert_eq!(w.state("B"), AgentState::Healthy);
    // Somebody wanted it: the group is not unhealthy, nor is it as healthy as one of which all runs.
    assert_eq!(w.group(), GroupState::Degraded);
    assert!(!w.log().contains("crash"), "{}", w.log());
    assert_eq!(w.order(Order::Start, "A"), "starting A");
    assert_eq!(w.state("A"), AgentState::Starting);
    w.settles("A");
    assert_eq!(w.group(), GroupState::Healthy);
    assert_eq!(w.document("A").failure, None);
}

#[test]
fn one_that_does_not_end_is_killed_within_its_grace() {
    let mut w = world(&["A"]);
    w.begin();
    w.settles("A");
    w.order(Order::Stop, "A");
    w.pass(499);
    assert!(!w.was_asked(&Action::Kill(0)));
    w.pass(1);
    assert!(w.was_asked(&Action::Kill(0)));
    w.exits("A", 137);
    assert_eq!(w.state("A"), AgentState::Stopped);
}

#[test]
fn orders_that_change_nothing_say_so() {
    let mut w = world(&["A", "B:far"]);
    w.begin();
    w.settles("A");
    assert_eq!(w.order(Order::Start, "A"), "A runs already");
    w.stopped("A");
    let version = w.machine.version();
    assert_eq!(w.order(Order::Stop, "A"), "A is stopped already");
    assert_eq!((w.terminated().len(), w.machine.version()), (1, version));
    assert!(
        w.order(Order::Start, "B")
            .starts_with("B is to be started already: it waits for far")
    );
    assert_eq!(w.order(Order::Stop, "B"), "stopping B");
    assert_eq!(w.state("B"), AgentState::Stopped);
    // What it waited for starts nothing now.
    w.event(Event::ElsewhereAnswered(0));
    assert_eq!(w.started(), ["A"]);
    w.event(Event::Stop);
    assert!(w.machine.prospect(Order::Stop, 0).is_err());
}

#[test]
fn what_depends_on_a_stopped_agent_is_degraded_or_waits() {
    let mut w = world(&["A", "B:A", "C!:A"]);
    w.begin();
    w.settles("A");
    w.settles("B");
    w.stopped("A");
    let without = vec![FailedDependency {
        agent: "A".to_owned(),
        failure: Failure::Stopped,
    }];
    assert_eq!(w.document("B").without, without);
    assert!(w.document("B").is_degraded());
    // Started anew, the one goes without it, and the other waits.
    w.settles("C");
    w.exits("B", 1);
    w.exits("C", 1);
    w.pass(2000);
    assert_eq!(w.state("B"), AgentState::Starting);
    assert!(
        w.log().contains("B is started without A (stopped by an operator)"),
        "{}",
        w.log()
    );
    assert_eq!(w.state("C"), AgentState::Waiting);
    assert_eq!(w.document("C").reason.as_deref(), Some("waits for A (stopped)"));
    w.order(Order::Start, "A");
    w.settles("A");
    assert_eq!(w.state("C"), AgentState::Starting);
    assert!(w.document("B").without.is_empty());
}

#[test]
fn a_stop_reaches_an_agent_in_every_state() {
    // Crashed, and to be started again.
    let mut w = world(&["A"]);
    w.begin();
    w.exits("A", 1);
    assert_eq!(w.state("A"), AgentState::Backoff);
    w.order(Order::Stop, "A");
    w.pass(60_000);
    assert_eq!((w.state("A"), w.started().len()), (AgentState::Stopped, 1));
    w.order(Order::Start, "A");
    // Given up: nobody wants it any more.
    for _ in 0..3 {
        w.exits("A", 1);
        w.pass(1500);
    }
    assert_eq!((w.state("A"), w.group()), (AgentState::Failed, GroupState::Unhealthy));
    w.order(Order::Stop, "A");
    assert_eq!((w.state("A"), w.group()), (AgentState::Stopped, GroupState::Degraded));
    // A restart is a start.
    assert_eq!(w.order(Order::Restart, "A"), "starting A");
    assert_eq!(w.state("A"), AgentState::Starting);
    // About to be ended because it is mute.
    w.pass(5000);
    assert_eq!(w.terminated().len(), 1);
    w.order(Order::Stop, "A");
    w.exits("A", 0);
    assert_eq!((w.state("A"), w.terminated().len()), (AgentState::Stopped, 1));
}

#[test]
fn a_start_while_it_still_ends_starts_it_afterwards() {
    let mut w = world(&["A"]);
    w.begin();
    w.settles("A");
    w.order(Order::Stop, "A");
    assert_eq!(w.order(Order::Start, "A"), "starting A");
    assert_eq!(w.terminated(), ["A"]);
    w.exits("A", 143);
    assert_eq!((w.state("A"), w.started().len()), (AgentState::Starting, 2));
    // And the other way round: a stop overrules a restart that is under way.
    w.settles("A");
    w.order(Order::Restart, "A");
    w.order(Order::Stop, "A");
    w.exits("A", 143);
    assert_eq!((w.state("A"), w.started().len()), (AgentState::Stopped, 2));
}

#[test]
fn one_that_is_stopped_while_it_is_being_started_is_ended_as_soon_as_it_is_there() {
    let mut w = world(&["A"]);
    // Asked for, and not there yet.
    w.machine.step(Event::Begin, 0);
    w.order(Order::Stop, "A");
    assert_eq!(w.state("A"), AgentState::Stopping);
    w.event(Event::Spawned { agent: 0, pid: 7 });
    assert_eq!(w.terminated(), ["A"]);
    w.exits("A", 143);
    assert_eq!(w.state("A"), AgentState::Stopped);
    // It could not be started: nobody minds.
    for event in [
        Event::SpawnFailed {
            agent: 0,
            reason: "no memory".to_owned(),
        },
        Event::Unstartable {
            agent: 0,
            reason: "no script".to_owned(),
        },
    ] {
        let mut w = world(&["A"]);
        w.machine.step(Event::Begin, 0);
        w.order(Order::Stop, "A");
        w.event(event);
        assert_eq!(w.state("A"), AgentState::Stopped);
        w.order(Order::Start, "A");
        assert_eq!(w.state("A"), AgentState::Starting);
    }
    // Started again before it was there.
    let mut w = world(&["A"]);
    w.machine.step(Event::Begin, 0);
    w.order(Order::Stop, "A");
    w.order(Order::Start, "A");
    w.event(Event::Spawned { agent: 0, pid: 7 });
    assert!(w.terminated().is_empty());
    w.settles("A");
    assert_eq!(w.state("A"), AgentState::Healthy);
}

#[test]
fn a_group_that_stops_ends_what_an_operator_stopped_too() {
    let mut w = world(&["A", "B"]);
    w.begin();
    w.settles("A");
    w.settles("B");
    w.order(Order::Stop, "A");
    w.event(Event::Stop);
    w.exits("A", 143);
    w.exits("B", 143);
    assert!(w.was_asked(&Action::Finish));
    assert_eq!(w.count(&Action::Terminate(0)), 1);
}
