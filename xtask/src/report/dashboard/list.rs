//! Groups and agents, one a row.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::super::audit::layout;
use super::super::{escape, page};
use super::{Canvas, dim};
use crate::boot::last_words::last_words;
use crate::boot::orders::Subject;
use crate::dashboard::{Dashboard, Pane};
use crate::stack::AgentId;

/// Cells of the columns behind the name, each with a blank: state, restarts, memory.
const STATE: usize = 12;
const RESTARTS: usize = 9;
const MEMORY: usize = 9;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, dashboard: &Dashboard<'_>, area: Rect) {
    let rows = dashboard.rows();
    let title = match (dashboard.filter.as_str(), dashboard.is_typing) {
        ("", false) => "agents".to_owned(),
        (filter, _) => format!("agents with `{filter}`"),
    };
    let inner = canvas.frame(area, &title, dashboard.pane == Pane::List);
    let labels = rows.iter().map(|row| layout::width(&label(dashboard, *row))).max();
    let width = usize::from(inner.width);
    // What is waited for comes last, and goes first where there is no room.
    let most = width.saturating_sub(STATE + RESTARTS + MEMORY + 1).max(8);
    let name = labels.unwrap_or(0).clamp(8, most);
    let head = format!(
        "{}{}{:>9}{:>9}  waits for",
        layout::pad("  agent", name + 1),
        layout::pad("state", STATE),
        "restarts",
        "memory"
    );
    canvas.line(inner, 0, &head, dim());
    let body = Rect {
        y: inner.y + 1,
        height: inner.height.saturating_sub(1),
        ..inner
    };
    if rows.is_empty() {
        canvas.line(body, 0, "  no row has that text: esc shows all", dim());
        return;
    }
    let at = rows
        .iter()
        .position(|row| Some(*row) == dashboard.selected)
        .unwrap_or(0);
    let height = usize::from(body.height);
    let first = at.saturating_sub(height / 2).min(rows.len().saturating_sub(height));
    for (line, row) in (0..body.height).zip(&rows[first..]) {
        let is_selected = Some(*row) == dashboard.selected;
        draw_row(canvas, dashboard, body, line, *row, name);
        if is_selected {
            let cells = Rect {
                y: body.y + line,
                height: 1,
                ..body
            };
            let style = Style::new().add_modifier(Modifier::REVERSED);
            canvas.buffer.set_style(cells, style);
        }
    }
}

fn draw_row(canvas: &mut Canvas<'_>, dashboard: &Dashboard<'_>, area: Rect, line: u16, row: Subject, name: usize) {
    let (word, mood, memory) = match row {
        Subject::Group(group) => {
            let (word, mood) = dashboard.group_word(group);
            (word, mood, dashboard.memory.groups.get(&group))
        }
        Subject::Agent(agent) => {
            let word = dashboard.word(agent).to_owned();
            (word, dashboard.mood(agent), dashboard.memory.agents.get(&agent))
        }
    };
    let cells = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
    let style = match row {
        Subject::Group(_) => canvas.strong(),
        Subject::Agent(_) => Style::new(),
    };
    canvas.line(area, line, &layout::cut(&label(dashboard, row), name), style);
    // How a container stands that does not run is a sentence.
    let is_sentence = layout::width(&word) >= STATE;
    canvas.text(area, cells(name + 1), line, &word, canvas.mood(mood));
    if is_sentence {
        return;
    }
    let restarts = match row {
        Subject::Agent(agent) => restarts(dashboard, agent),
        Subject::Group(_) => String::new(),
    };
    let memory = memory.map_or_else(String::new, |bytes| page::bytes(*bytes));
    let numbers = format!("{restarts:>RESTARTS$}{memory:>MEMORY$}");
    let at = name + 1 + STATE;
    canvas.text(area, cells(at), line, &numbers, Style::new());
    if let Subject::Agent(agent) = row {
        let why = why(dashboard, agent);
        canvas.text(area, cells(at + RESTARTS + MEMORY + 2), line, &why, dim());
    }
}

fn label(dashboard: &Dashboard<'_>, row: Subject) -> String {
    match row {
        Subject::Group(group) => format!("{}/{}", dashboard.machine_name(group), dashboard.name(row)),
        Subject::Agent(_) => format!("  {}", dashboard.name(row)),
    }
}

fn restarts(dashboard: &Dashboard<'_>, agent: AgentId) -> String {
    let status = dashboard.view.agent(dashboard.stack, agent);
    match status.map_or(0, |status| status.restarts) {
        0 => String::new(),
        count => count.to_string(),
    }
}

/// What an agent waits for or runs without, or why it does not run.
fn why(dashboard: &Dashboard<'_>, agent: AgentId) -> String {
    let Some(status) = dashboard.view.agent(dashboard.stack, agent) else {
        return String::new();
    };
    if !status.waits_for.is_empty() {
        return status.waits_for.join(", ");
    }
    if status.is_degraded() {
        let names: Vec<String> = status.without.iter().map(ToString::to_string).collect();
        return format!("without {}", names.join(", "));
    }
    if status.state.is_good() || status.reason.is_none() {
        return String::new();
    }
    escape::line(&last_words(status).line()).into_owned()
}
