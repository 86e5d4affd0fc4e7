//! What is known of the selected agent, and what it printed.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthChar as _;

use super::super::audit::layout;
use super::super::boot::chain_text;
use super::super::escape;
use super::{Canvas, dim};
use crate::boot::orders::Subject;
use crate::boot::standing::Standing;
use crate::dashboard::list::Mood;
use crate::dashboard::{Dashboard, Pane};
use crate::program;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, dashboard: &Dashboard<'_>, area: Rect) {
    let Some(subject) = dashboard.selected else {
        canvas.frame(area, "log", dashboard.pane == Pane::Log);
        return;
    };
    let log = &dashboard.log;
    let back = match log.back {
        0 => String::new(),
        back => format!(", {back} lines back (G: to the end)"),
    };
    let title = format!("{}: log{back}", dashboard.name(subject));
    let inner = canvas.frame(area, &title, dashboard.pane == Pane::Log);
    let facts = facts(dashboard, subject);
    let width = usize::from(inner.width);
    let mut row = 0;
    // The log has the most of it, in a low window as well.
    let most = usize::from(inner.height / 3).max(1);
    let shown = facts.iter().flat_map(|fact| layout::wrap(fact, width, most));
    for line in shown.take(most) {
        canvas.line(inner, row, &line, dim());
        row += 1;
    }
    let body = Rect {
        y: inner.y + row,
        height: inner.height - row,
        ..inner
    };
    if log.lines.is_empty() {
        let (text, mood) = nothing(dashboard, subject);
        canvas.line(body, 0, &text, canvas.mood(mood));
        return;
    }
    let height = usize::from(body.height);
    let end = log.lines.len() - log.back;
    let begin = end.saturating_sub(height);
    for (line, text) in (0..).zip(log.lines.range(begin..end)) {
        let text = escape::log_line(text, false).replace('\t', "    ");
        canvas.line(body, line, aside(&text, log.aside), Style::new());
    }
}

/// What there is to know of it, above its log.
fn facts(dashboard: &Dashboard<'_>, subject: Subject) -> Vec<String> {
    let (stack, view) = (dashboard.stack, &dashboard.view);
    match subject {
        Subject::Agent(agent) => {
            if view.group(stack.agent(agent).group).is_none() {
                return Vec::new();
            }
            if let Some(chain) = chain_text(stack, view, agent) {
                return chain
                    .lines()
                    .map(|line| program::named(line.trim()).into_owned())
                    .collect();
            }
            let Some(status) = view.agent(stack, agent) else {
                return Vec::new();
            };
            let pid = status.pid.map_or_else(String::new, |pid| format!(", pid {pid}"));
            let ready = status.ready_after_ms;
            let ready = ready.map_or_else(String::new, |ms| format!(", answered after {ms} ms"));
            vec![format!("{}, port {}{pid}{ready}", status.word(), status.port)]
        }
        Subject::Group(group) => {
            let checks = view.failed_checks(group);
            let check = |check: &&_| -> String {
                let check: &contract::status::StartupCheck = check;
                escape::line(&format!("{}: {}", check.name, check.detail)).into_owned()
            };
            checks.iter().map(check).collect()
        }
    }
}

/// What stands in the place of lines.
fn nothing(dashboard: &Dashboard<'_>, subject: Subject) -> (String, Mood) {
    let log = &dashboard.log;
    let group = dashboard.group_of(subject);
    if let Some(why) = &log.failed {
        let why: Vec<&str> = why.lines().map(str::trim).collect();
        return (format!("the log cannot be read: {}", why.join("; ")), Mood::Bad);
    }
    if dashboard.view.group(group).is_none() && matches!(dashboard.standing.get(&group), Some(Standing::Absent) | None)
    {
        return ("no container, so no log".to_owned(), Mood::Quiet);
    }
    let text = match log.is_followed {
        true => "nothing printed so far",
        false => "nothing printed",
    };
    (text.to_owned(), Mood::Quiet)
}

/// A line without its first cells.
fn aside(text: &str, cells: usize) -> &str {
    let mut passed = 0;
    for (at, c) in text.char_indices() {
        if passed >= cells {
            return &text[at..];
        }
        passed += c.width().unwrap_or(0);
    }
    if passed > cells || cells == 0 { text } else { "" }
}
