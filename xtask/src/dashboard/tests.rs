//! Keys and changes, and what they make of the dashboard.

use contract::order::Order;
use contract::status::{AgentState, Failure};

use super::*;
use crate::boot::fixture::healthy;
use crate::stack::fixture::Fixture;

fn all(stack: &Stack) -> Dashboard<'_> {
    let groups = stack.groups().map(|(id, _)| id).collect();
    let agents = stack.agents().map(|(id, _)| id).collect();
    Dashboard::new(stack, groups, agents)
}

fn press(dashboard: &mut Dashboard<'_>, keys: &str) -> Vec<Request> {
    keys.chars()
        .flat_map(|c| dashboard.step(Event::Key(Key::Char(c))))
        .collect()
}

fn names<'a>(dashboard: &'a Dashboard<'_>) -> Vec<&'a str> {
    dashboard.rows().into_iter().map(|row| dashboard.name(row)).collect()
}

fn selected<'a>(dashboard: &'a Dashboard<'_>) -> &'a str {
    dashboard.name(dashboard.selected.unwrap())
}

/// Every group answers, as in a boot that went well.
fn up(dashboard: &mut Dashboard<'_>) -> Vec<Request> {
    let stack = dashboard.stack;
    let groups: Vec<GroupId> = stack.groups().map(|(id, _)| id).collect();
    groups
        .into_iter()
        .flat_map(|group| dashboard.step(Event::Status(group, Some(Box::new(healthy(stack, group))))))
        .collect()
}

fn down(dashboard: &mut Dashboard<'_>) {
    let groups: Vec<GroupId> = dashboard.groups().to_vec();
    for group in &groups {
        dashboard.step(Event::Status(*group, None));
    }
    let absent = groups.into_iter().map(|group| (group, Standing::Absent)).collect();
    dashboard.step(Event::Looked(absent));
}

#[test]
fn keys_move_the_selection_and_stop_at_the_ends() {
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    assert_eq!(
        names(&dashboard),
        ["core", "Alpha", "Beta", "side", "Gamma", "far", "Delta"]
    );
    assert_eq!(selected(&dashboard), "Alpha");
    press(&mut dashboard, "kkk");
    assert_eq!(selected(&dashboard), "core");
    press(&mut dashboard, "jj");
    assert_eq!(selected(&dashboard), "Beta");
    press(&mut dashboard, "Gj");
    assert_eq!(selected(&dashboard), "Delta");
    dashboard.step(Event::Key(Key::PageUp));
    assert_eq!(selected(&dashboard), "core");
}

#[test]
fn a_filter_keeps_what_it_names_with_its_group_and_selects_it() {
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    up(&mut dashboard);
    press(&mut dashboard, "/gam");
    assert_eq!(names(&dashboard), ["side", "Gamma"]);
    assert_eq!(selected(&dashboard), "Gamma");
    // While it is typed, letters are no orders.
    press(&mut dashboard, "q");
    assert_eq!((names(&dashboard).len(), dashboard.selected), (0, None));
    dashboard.step(Event::Key(Key::Backspace));
    dashboard.step(Event::Key(Key::Enter));
    assert_eq!(selected(&dashboard), "Gamma");
    press(&mut dashboard, "s");
    assert!(dashboard.asked.is_some(), "it is no filter any more");
    press(&mut dashboard, "n");
    dashboard.step(Event::Key(Key::Escape));
    assert_eq!((names(&dashboard).len(), selected(&dashboard)), (7, "Gamma"));
    // By state, and a whole group by its name or machine.
    press(&mut dashboard, "/healthy");
    assert_eq!(names(&dashboard).len(), 7);
    dashboard.step(Event::Key(Key::Escape));
    press(&mut dashboard, "/pc2");
    assert_eq!(names(&dashboard), ["far", "Delta"]);
}

#[test]
fn an_order_is_given_once_and_after_a_yes() {
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    up(&mut dashboard);
    let subject = dashboard.selected.unwrap();
    assert_eq!(press(&mut dashboard, "rn"), []);
    assert_eq!(press(&mut dashboard, "s"), []);
    assert_eq!(dashboard.asked, Some((Order::Stop, subject)));
    // The key that would be another order is no yes.
    assert_eq!(press(&mut dashboard, "S"), []);
    assert_eq!(dashboard.asked, None);
    assert_eq!(press(&mut dashboard, "ry"), [Request::Order(Order::Restart, subject)]);
    assert_eq!(press(&mut dashboard, "r"), []);
    assert_eq!(dashboard.asked, None, "one is under way");
    assert!(dashboard.message.as_ref().unwrap().is_error);
    dashboard.step(Event::Carried(
        Order::Restart,
        subject,
        Message {
            text: "is not restarted: x".to_owned(),
            is_error: true,
        },
    ));
    assert_eq!(dashboard.message.as_ref().unwrap().text, "is not restarted: x");
    assert_eq!(press(&mut dashboard, "Sy"), [Request::Order(Order::Start, subject)]);
}

#[test]
fn it_is_left_by_its_key_and_by_ctrl_c_whatever_is_asked() {
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    assert_eq!(press(&mut dashboard, "q"), [Request::Leave(Leave::Quit)]);
    for before in ["", "?", "/x", "r"] {
        press(&mut dashboard, before);
        let left = dashboard.step(Event::Key(Key::Interrupt));
        assert_eq!(left, [Request::Leave(Leave::Interrupted)], "{before}");
    }
    let mut dashboard = all(&stack);
    assert_eq!(press(&mut dashboard, "?q"), [], "any key closes the help");
    assert!(!dashboard.shows_help);
}

#[test]
fn the_log_is_that_of_the_selected_one_and_of_its_present_life() {
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    let alpha = dashboard.selected.unwrap();
    let requests = up(&mut dashboard);
    let follows = |requests: &[Request]| -> Vec<(u64, Subject)> {
        let follow = |request: &Request| match request {
            Request::Follow(number, subject) => Some((*number, *subject)),
            _ => None,
        };
        requests.iter().filter_map(follow).collect()
    };
    assert_eq!(follows(&requests), [(1, alpha)]);
    for line in ["one", "two"] {
        dashboard.step(Event::Printed(1, line.to_owned()));
    }
    dashboard.step(Event::Printed(7, "of another".to_owned()));
    assert_eq!(dashboard.log.lines, ["one", "two"]);

    let requests = press(&mut dashboard, "j");
    assert_eq!(follows(&requests), [(2, dashboard.selected.unwrap())]);
    assert_eq!(dashboard.log.lines.len(), 0);
    dashboard.step(Event::Printed(1, "late".to_owned()));
    assert_eq!(dashboard.log.lines.len(), 0);
    press(&mut dashboard, "k");

    // What it said last is there after its container is gone; a new container has a new log.
    dashboard.step(Event::Printed(3, "last words".to_owned()));
    down(&mut dashboard);
    assert!(dashboard.nothing_runs());
    assert_eq!(dashboard.log.lines, ["last words"]);
    let mut again = healthy(&stack, stack.find_group("core").unwrap());
    again.started_at_ms += 1;
    let core = stack.find_group("core").unwrap();
    let requests = dashboard.step(Event::Status(core, Some(Box::new(again))));
    assert!(
        requests.contains(&Request::Look) && follows(&requests) == [(4, alpha)],
        "{requests:?}"
    );
    assert!(!dashboard.nothing_runs() && dashboard.log.lines.is_empty());
}

#[test]
fn who_reads_back_in_a_log_stays_there_while_more_is_printed() {
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    up(&mut dashboard);
    for number in 0..50 {
        dashboard.step(Event::Printed(1, number.to_string()));
    }
    dashboard.step(Event::Key(Key::Tab));
    press(&mut dashboard, "kkk");
    assert_eq!(dashboard.log.back, 3);
    dashboard.step(Event::Printed(1, "new".to_owned()));
    assert_eq!(dashboard.log.back, 4);
    press(&mut dashboard, "G");
    dashboard.step(Event::Printed(1, "new".to_owned()));
    assert_eq!(dashboard.log.back, 0);
    press(&mut dashboard, "g");
    for number in 0..2 * log::MOST {
        dashboard.step(Event::Printed(1, "x".repeat(number)));
    }
    assert_eq!(
        (dashboard.log.lines.len(), dashboard.log.back),
        (log::MOST, log::MOST - 1)
    );
    assert!(dashboard.log.lines.iter().all(|line| line.len() <= log::LONGEST));
}

#[test]
fn what_a_word_means_is_told_apart() {
    use list::Mood;
    let stack = Fixture::small().model();
    let mut dashboard = all(&stack);
    let core = stack.find_group("core").unwrap();
    let [alpha, beta] = stack.group(core).agents[..] else {
        panic!()
    };
    assert_eq!((dashboard.word(alpha), dashboard.mood(alpha)), ("asked", Mood::Quiet));
    let mut status = healthy(&stack, core);
    status.agents[0].state = AgentState::Failed;
    status.agents[1].state = AgentState::Stopped;
    status.agents[1].failure = Some(Failure::Stopped);
    dashboard.step(Event::Status(core, Some(Box::new(status))));
    assert_eq!((dashboard.word(alpha), dashboard.mood(alpha)), ("failed", Mood::Bad));
    assert_eq!((dashboard.word(beta), dashboard.mood(beta)), ("stopped", Mood::Quiet));
    down(&mut dashboard);
    assert_eq!((dashboard.word(alpha), dashboard.mood(alpha)), ("-", Mood::Quiet));
    let standing = Standing::Stopped {
        state: "exited".to_owned(),
        exit: 3,
        said: None,
    };
    dashboard.step(Event::Looked([(core, standing)].into()));
    assert_eq!(
        (dashboard.word(alpha), dashboard.mood(alpha)),
        ("unreachable", Mood::Bad)
    );
    assert!(!dashboard.nothing_runs());
}
