//! How files of real trees are broken.

use super::random::Random;

/// The same text, broken in one way.
pub fn apply(random: &mut Random, text: String) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = place(random, &lines);
    match random.below(9) {
        // The file ends in the middle of a line.
        0 => {
            lines.truncate(at + 1);
            shorten(&mut lines, at);
            lines.push("    result = transform(".to_owned());
        }
        1 => indent(&mut lines, at),
        // An import cut in the middle of a word: the rest stands on its own line and parses.
        2 => cut_import(&mut lines),
        3 => lines.insert(at, "message = 'the peer did not answer".to_owned()),
        4 => {
            let ours = lines.get(at).cloned().unwrap_or_default();
            lines.splice(
                at..at,
                [
                    "<<<<<<< HEAD".to_owned(),
                    ours,
                    "=======".to_owned(),
                    "pass".to_owned(),
                    ">>>>>>> feature/health".to_owned(),
                ],
            );
        }
        5 => lines.insert(at, "SOCKET = \"tcp://<BIND_ADDR>:\" + <PORT>".to_owned()),
        6 => lines.insert(at, "from typing import".to_owned()),
        7 => lines.insert(at, "try:".to_owned()),
        // A docstring that nobody closed.
        _ => lines.insert(at, "\"\"\"Left open".to_owned()),
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// The index of a line that begins something, in the second half of the text.
fn place(random: &mut Random, lines: &[String]) -> usize {
    let from = lines.len() / 2 + random.below(lines.len() / 4);
    let found = lines.iter().skip(from).position(|line| line.starts_with("def "));
    found
        .map_or(from, |more| from + more)
        .min(lines.len().saturating_sub(1))
}

fn shorten(lines: &mut [String], at: usize) {
    if let Some(line) = lines.get_mut(at) {
        line.truncate(line.len() / 2);
    }
}

fn indent(lines: &mut [String], at: usize) {
    if let Some(line) = lines.get_mut(at) {
        line.insert_str(0, "   ");
    }
}

fn cut_import(lines: &mut Vec<String>) {
    if let Some(at) = lines.iter().position(|line| line == "import threading") {
        lines.splice(at..=at, ["import threa".to_owned(), "ding".to_owned()]);
    } else {
        lines.insert(0, "import thr eading".to_owned());
    }
}
