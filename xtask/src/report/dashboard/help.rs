//! What the keys do.

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget as _};

use super::Canvas;

const KEYS: [(&str, &str); 12] = [
    ("↑ ↓  j k", "select; in the log: scroll"),
    ("g G", "first, last; G goes on with the log"),
    ("← →  h l", "move the log sideways"),
    ("tab, enter", "to the log, and back with tab or esc"),
    ("/", "show only rows with this text: a name or a state"),
    ("esc", "all rows again"),
    ("r", "restart the agent, or the group's container"),
    ("s", "stop the agent, or all of the group"),
    ("S", "start the agent, or all of the group"),
    ("y, enter", "do it; any other key: do not"),
    ("q", "leave; what runs goes on"),
    ("ctrl-c", "the same, with exit code 130"),
];

/// Draws it over the middle of that area.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let height = (u16::try_from(KEYS.len()).unwrap_or(u16::MAX) + 2).min(area.height);
    let width = 66.min(area.width);
    let over = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(over, canvas.buffer);
    let inner = canvas.frame(over, "keys", true);
    for (row, (key, what)) in (0..).zip(KEYS) {
        canvas.text(inner, 1, row, key, canvas.strong());
        canvas.text(inner, 13, row, what, Style::new());
    }
}
