//! What is drawn, in cells.

use std::collections::BTreeMap;

use contract::order::Order;
use contract::status::AgentState;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::draw;
use crate::boot::fixture::healthy;
use crate::boot::orders::Subject;
use crate::boot::standing::Standing;
use crate::dashboard::{Dashboard, Event, Key, Memory, Message};
use crate::stack::fixture::Fixture;
use crate::stack::{GroupId, Stack};

fn cells(dashboard: &Dashboard<'_>, color: bool, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(dashboard, color, frame.area(), frame.buffer_mut()))
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The rows as they are read.
fn rows(dashboard: &Dashboard<'_>, width: u16, height: u16) -> Vec<String> {
    let buffer = cells(dashboard, false, width, height);
    let row = |y| -> String {
        let mut x = 0;
        let mut text = String::new();
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol))
                .unwrap()
                .max(1);
        }
        text.trim_end().to_owned()
    };
    (0..height).map(row).collect()
}

fn of(stack: &Stack) -> Dashboard<'_> {
    let groups = stack.groups().map(|(id, _)| id).collect();
    let agents = stack.agents().map(|(id, _)| id).collect();
    let mut dashboard = Dashboard::new(stack, groups, agents);
    for (group, _) in stack.groups() {
        dashboard.step(Event::Status(group, Some(Box::new(healthy(stack, group)))));
    }
    dashboard
}

/// One agent failed after three restarts, and the next waits for it.
fn troubled(stack: &Stack) -> Dashboard<'_> {
    let mut dashboard = of(stack);
    let core = stack.find_group("core").unwrap();
    let mut status = healthy(stack, core);
    status.agents[0].state = AgentState::Failed;
    status.agents[0].restarts = 3;
    status.agents[0].reason = Some("exited with code 1 after 0.1 s".to_owned());
    status.agents[0].last_stderr = vec!["no microphone\u{1b}[2J".to_owned()];
    status.agents[1].state = AgentState::Waiting;
    status.agents[1].waits_for = vec!["Alpha".to_owned()];
    dashboard.step(Event::Status(core, Some(Box::new(status))));
    let groups = BTreeMap::from([(core, 123_456_789)]);
    let agents = BTreeMap::from([(stack.group(core).agents[1], 45_678_901)]);
    dashboard.step(Event::Measured(Memory { groups, agents }));
    dashboard
}

#[test]
fn a_narrow_terminal_has_all_columns_and_the_log_below() {
    let stack = Fixture::small().model();
    let mut dashboard = troubled(&stack);
    for line in [
        "plain",
        "\u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;x\u{7}",
        "漢字の行 tab\there",
    ] {
        dashboard.step(Event::Printed(1, line.to_owned()));
    }
    begins_with(
        &rows(&dashboard, 80, 24),
        &[
            " sys  4 agents: 2 healthy, 1 failed, 1 waiting; 123.4 MB",
            "┌ agents ──────────────────────────────────────────────────────────────────────┐",
            "│  agent   state        restarts   memory  waits for                           │",
            "│main/core healthy               123.4 MB                                      │",
            "│  Alpha   failed              3           no microphone\\u{1b}[2J; exited with…│",
            "│  Beta    waiting                45.6 MB  Alpha                               │",
        ],
    );
    let rows = rows(&dashboard, 80, 24);
    assert!(rows.iter().any(|row| row.starts_with("┌ Alpha: log ")), "{rows:#?}");
    for line in ["│plain ", "│red \\u{1b}[2J\\u{1b}]0;x\\u{7} ", "│漢字の行 tab    here "] {
        assert!(rows.iter().any(|row| row.starts_with(line)), "{line} in {rows:#?}");
    }
    assert!(
        rows.iter().any(|row| row.contains("Alpha (failed): no microphone")),
        "{rows:#?}"
    );
    assert!(rows[23].contains("r restart  s stop  S start") && rows[23].contains("? help"));
    assert!(rows.iter().all(|row| !row.contains('\u{1b}')));
}

/// The first rows, compared together.
fn begins_with(rows: &[String], wanted: &[&str]) {
    assert_eq!(rows[..wanted.len()], *wanted, "{rows:#?}");
}

#[test]
fn a_wide_terminal_has_the_log_beside_the_list() {
    let stack = Fixture::small().model();
    let mut dashboard = troubled(&stack);
    dashboard.step(Event::Printed(1, "hello".to_owned()));
    let rows = rows(&dashboard, 120, 40);
    assert!(
        rows[1].starts_with("┌ agents ") && rows[1].contains("┐┌ Alpha: log "),
        "{}",
        rows[1]
    );
    let line = rows.iter().find(|row| row.contains("│hello ")).unwrap();
    assert_eq!(line.chars().filter(|c| *c == '│').count(), 4, "{line}");
    assert!(rows[39].starts_with(" ? help"), "{}", rows[39]);
}

#[test]
fn eighty_nine_agents_are_reached_in_every_size() {
    let stack = Fixture::real().model();
    let agents = stack.agents().count();
    assert!(agents > 80, "{agents}");
    for (width, height) in [(80, 24), (120, 40), (30, 8), (200, 12), (40, 60)] {
        let mut dashboard = of(&stack);
        dashboard.step(Event::Key(Key::Home));
        let mut last = None;
        while last != dashboard.selected {
            let name = dashboard.name(dashboard.selected.unwrap()).to_owned();
            let seen = rows(&dashboard, width, height);
            assert_eq!(seen.len(), usize::from(height));
            let beginning: String = name.chars().take(5).collect();
            assert!(
                seen[1..].iter().any(|row| row.contains(&beginning)),
                "{name} in {width}x{height}: {seen:#?}"
            );
            last = dashboard.selected;
            dashboard.step(Event::Key(Key::Down));
        }
        let last = stack.groups().last().unwrap().1.agents.last().copied().unwrap();
        assert_eq!(dashboard.selected, Some(Subject::Agent(last)));
    }
}

#[test]
fn no_size_is_too_small_to_be_drawn() {
    let stack = Fixture::small().model();
    let mut dashboard = troubled(&stack);
    dashboard.step(Event::Printed(1, "漢字".repeat(60)));
    dashboard.step(Event::Key(Key::Right));
    for help in [false, true] {
        if help {
            dashboard.step(Event::Key(Key::Char('?')));
        }
        for (width, height) in [(1, 1), (2, 30), (30, 8), (31, 9), (109, 8), (110, 8), (80, 24)] {
            cells(&dashboard, true, width, height);
        }
    }
    let small = rows(&dashboard, 29, 8);
    assert!(small[0].starts_with("this terminal is too small"), "{small:?}");
}

#[test]
fn without_colour_nothing_has_one() {
    let stack = Fixture::small().model();
    let dashboard = troubled(&stack);
    let coloured = |color| {
        let buffer = cells(&dashboard, color, 80, 24);
        let cells = buffer.content().iter();
        cells
            .filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
            .count()
    };
    assert_eq!(coloured(false), 0);
    assert!(coloured(true) > 20);
    // What is selected is seen without it.
    let buffer = cells(&dashboard, false, 80, 24);
    let reversed = |y: u16| buffer[(3, y)].modifier.contains(ratatui::style::Modifier::REVERSED);
    assert!(reversed(4) && !reversed(5));
}

#[test]
fn the_last_line_asks_tells_and_types() {
    let stack = Fixture::small().model();
    let mut dashboard = of(&stack);
    let alpha = dashboard.selected.unwrap();
    let core = Subject::Group(stack.find_group("core").unwrap());
    let foot = |dashboard: &Dashboard<'_>| rows(dashboard, 80, 24)[23].clone();
    dashboard.step(Event::Key(Key::Char('r')));
    assert_eq!(foot(&dashboard), " Restart agent Alpha?  y yes  n no");
    dashboard.step(Event::Key(Key::Char('y')));
    assert_eq!(foot(&dashboard), " restart of Alpha is under way");
    let failed = "agent Alpha is not restarted: group `core` has no container\n  hint: `cargo xtask up core` starts it";
    dashboard.step(Event::Carried(
        Order::Restart,
        alpha,
        Message {
            text: failed.to_owned(),
            is_error: true,
        },
    ));
    assert_eq!(
        foot(&dashboard),
        " agent Alpha is not restarted: group `core` has no container; hint: `cargo xtas…"
    );
    dashboard.step(Event::Key(Key::Home));
    assert_eq!(dashboard.selected, Some(core));
    dashboard.step(Event::Key(Key::Char('s')));
    assert_eq!(foot(&dashboard), " Stop 2 agents of group core?  y yes  n no");
    dashboard.step(Event::Key(Key::Escape));
    dashboard.step(Event::Key(Key::Char('r')));
    assert_eq!(foot(&dashboard), " Restart the container of group core?  y yes  n no");
    dashboard.step(Event::Key(Key::Escape));
    for c in "/\u{202e}be".chars() {
        dashboard.step(Event::Key(Key::Char(c)));
    }
    assert!(
        foot(&dashboard).starts_with(" filter: \\u{202e}be▏"),
        "{}",
        foot(&dashboard)
    );
}

#[test]
fn that_nothing_runs_is_said_and_passes_by_itself() {
    let stack = Fixture::small().model();
    let mut dashboard = of(&stack);
    let groups: Vec<GroupId> = dashboard.groups().to_vec();
    for group in &groups {
        dashboard.step(Event::Status(*group, None));
    }
    let absent = groups.iter().map(|group| (*group, Standing::Absent)).collect();
    dashboard.step(Event::Looked(absent));
    let seen = rows(&dashboard, 80, 24);
    assert!(
        seen[0].contains("nothing runs: `cargo xtask up` starts it"),
        "{}",
        seen[0]
    );
    assert!(
        seen.iter().any(|row| row.contains("no container, so no log")),
        "{seen:#?}"
    );
    dashboard.step(Event::Status(groups[0], Some(Box::new(healthy(&stack, groups[0])))));
    let seen = rows(&dashboard, 80, 24);
    assert!(seen[0].contains("4 agents: 2 healthy"), "{}", seen[0]);
}

#[test]
fn help_names_every_key() {
    let stack = Fixture::small().model();
    let mut dashboard = of(&stack);
    dashboard.step(Event::Key(Key::Char('?')));
    let seen = rows(&dashboard, 80, 24).join("\n");
    for key in [
        "restart the agent",
        "stop the agent",
        "start the agent",
        "only rows with",
        "leave;",
        "ctrl-c",
    ] {
        assert!(seen.contains(key), "{key} in\n{seen}");
    }
}
