//! The dashboard of `ui`, drawn in the cells of a terminal. What agents and supervisors wrote is escaped here, as everywhere.

mod help;
mod list;
mod log;
pub mod screen;
#[cfg(test)]
mod tests;

use contract::order::Order;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::{Block, Widget as _};

use super::audit::layout;
use super::escape;
use super::findings::counted;
use crate::boot::orders::Subject;
use crate::dashboard::list::Mood;
use crate::dashboard::{Dashboard, Pane};
use crate::program;

/// Columns from which on the list and the log stand side by side.
const WIDE: u16 = 110;
/// Columns and rows below which nothing useful fits.
const LEAST: (u16, u16) = (30, 8);

/// Where it is drawn, and with what.
struct Canvas<'a> {
    buffer: &'a mut Buffer,
    color: bool,
}

impl Canvas<'_> {
    /// A line of text, cut at the end of that area's row; nothing where the row is not in it.
    fn line(&mut self, area: Rect, row: u16, text: &str, style: Style) {
        self.text(area, 0, row, text, style);
    }

    /// The same, some cells to the right.
    fn text(&mut self, area: Rect, column: u16, row: u16, text: &str, style: Style) {
        if row < area.height && column < area.width {
            let cells = area.width - column;
            let text = layout::cut(&escape::log_line(text, false).replace('\t', "    "), cells.into());
            self.buffer
                .set_stringn(area.x + column, area.y + row, text, cells.into(), style);
        }
    }

    /// A frame with a title; returns what is inside of it.
    fn frame(&mut self, area: Rect, title: &str, has_keys: bool) -> Rect {
        let style = if has_keys { self.strong() } else { dim() };
        let title = escape::line(title);
        let title = layout::cut(&format!(" {title} "), usize::from(area.width.saturating_sub(2)));
        let block = Block::bordered().border_style(style).title(title);
        let inner = block.inner(area);
        block.render(area, self.buffer);
        inner
    }

    /// What is looked at.
    fn strong(&self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.color { style.fg(Color::Cyan) } else { style }
    }

    fn mood(&self, mood: Mood) -> Style {
        let color = match mood {
            Mood::Good => Color::Green,
            Mood::Pending => Color::Yellow,
            Mood::Bad => Color::Red,
            Mood::Quiet => return dim(),
        };
        let style = if self.color {
            Style::new().fg(color)
        } else {
            Style::new()
        };
        match mood {
            Mood::Bad => style.add_modifier(Modifier::BOLD),
            _ => style,
        }
    }
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Draws all of it.
pub fn draw(dashboard: &Dashboard<'_>, color: bool, area: Rect, buffer: &mut Buffer) {
    let mut canvas = Canvas { buffer, color };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        canvas.line(area, 0, "this terminal is too small: q leaves", Style::new());
        return;
    }
    let middle = Rect {
        y: area.y + 1,
        height: area.height - 2,
        ..area
    };
    heading(&mut canvas, dashboard, area);
    let (left, right) = panes(middle);
    list::draw(&mut canvas, dashboard, left);
    log::draw(&mut canvas, dashboard, right);
    foot(&mut canvas, dashboard, area);
    if dashboard.shows_help {
        help::draw(&mut canvas, middle);
    }
}

/// The list and the log: side by side where there is room, else one above the other.
fn panes(area: Rect) -> (Rect, Rect) {
    if area.width >= WIDE {
        let width = (area.width / 2).min(76);
        let left = Rect { width, ..area };
        let right = Rect {
            x: area.x + width,
            width: area.width - width,
            ..area
        };
        return (left, right);
    }
    let height = area.height * 11 / 20;
    let above = Rect { height, ..area };
    let below = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    (above, below)
}

/// How all of it stands.
fn heading(canvas: &mut Canvas<'_>, dashboard: &Dashboard<'_>, area: Rect) {
    let name = format!(" {} ", dashboard.stack.name);
    let strong = canvas.strong().add_modifier(Modifier::REVERSED);
    canvas.line(area, 0, &name, strong);
    let column = u16::try_from(layout::width(&name) + 1).unwrap_or(u16::MAX);
    if dashboard.nothing_runs() {
        let text = program::named("nothing runs: `cargo xtask up` starts it, and it is shown here");
        canvas.text(area, column, 0, &text, canvas.mood(Mood::Pending));
        return;
    }
    let agents = dashboard.agents();
    let mut words: Vec<(&str, usize)> = Vec::new();
    for word in agents.iter().map(|agent| dashboard.word(*agent)) {
        match words.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => words.push((word, 1)),
        }
    }
    words.sort_by_key(|(word, count)| (*word != "healthy", std::cmp::Reverse(*count)));
    let words: Vec<String> = words.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let memory: u64 = dashboard.memory.groups.values().sum();
    let memory = match memory {
        0 => String::new(),
        bytes => format!("; {}", super::page::bytes(bytes)),
    };
    let text = format!("{}: {}{memory}", counted(agents.len(), "agent"), words.join(", "));
    canvas.text(area, column, 0, &text, Style::new());
}

/// What is asked, typed, told, or what the keys do.
fn foot(canvas: &mut Canvas<'_>, dashboard: &Dashboard<'_>, area: Rect) {
    let row = area.height - 1;
    if let Some((order, subject)) = dashboard.asked {
        let text = format!(" {}  y yes  n no", question(dashboard, order, subject));
        canvas.line(
            area,
            row,
            &text,
            canvas.mood(Mood::Pending).add_modifier(Modifier::REVERSED),
        );
        return;
    }
    if dashboard.is_typing {
        let text = format!(" filter: {}▏  enter keeps it, esc clears it", dashboard.filter);
        canvas.line(area, row, &text, canvas.strong());
        return;
    }
    if let Some(message) = &dashboard.message {
        let mood = if message.is_error { Mood::Bad } else { Mood::Good };
        let text: Vec<&str> = message.text.lines().map(str::trim).collect();
        canvas.line(
            area,
            row,
            &format!(" {}", program::named(&text.join("; "))),
            canvas.mood(mood),
        );
        return;
    }
    if let Some((order, subject)) = dashboard.under_way.first() {
        let more = match dashboard.under_way.len() {
            1 => String::new(),
            all => format!(" and {}", counted(all - 1, "more order")),
        };
        let text = format!(" {} of {} is under way{more}", order.word(), dashboard.name(*subject));
        canvas.line(area, row, &text, canvas.mood(Mood::Pending));
        return;
    }
    let text = match dashboard.pane {
        Pane::List => " ? help  / filter  r restart  s stop  S start  tab log  q leave",
        Pane::Log => " ? help  j k lines  h l aside  G end  tab list  q leave",
    };
    canvas.line(area, row, text, dim());
}

fn question(dashboard: &Dashboard<'_>, order: Order, subject: Subject) -> String {
    let word = match order {
        Order::Restart => "Restart",
        Order::Stop => "Stop",
        Order::Start => "Start",
    };
    let name = dashboard.name(subject);
    match (order, subject) {
        (_, Subject::Agent(_)) => format!("{word} agent {name}?"),
        (Order::Restart, Subject::Group(_)) => format!("{word} the container of group {name}?"),
        (_, Subject::Group(group)) => {
            let agents = dashboard.stack.group(group).agents.len();
            format!("{word} {} of group {name}?", counted(agents, "agent"))
        }
    }
}
