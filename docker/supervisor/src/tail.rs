//! The last lines that an agent printed, without secrets: for the status document, and for the reason when it ends.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::mask::Masks;
use crate::output::Stream;
use crate::words;

/// Lines of stderr that are remembered.
const STDERR: usize = 20;
/// Lines of stdout, for agents that say there why they end.
const STDOUT: usize = 5;

/// The last lines of one agent.
#[derive(Debug)]
pub struct Tail {
    masks: Arc<Masks>,
    stderr: VecDeque<String>,
    stdout: VecDeque<String>,
    /// Whether a terminal would write over the last line: of stderr, of stdout.
    fleeting: [bool; 2],
}

impl Tail {
    /// No lines yet.
    #[must_use]
    pub fn new(masks: Arc<Masks>) -> Self {
        Self {
            masks,
            stderr: VecDeque::new(),
            stdout: VecDeque::new(),
            fleeting: [false; 2],
        }
    }

    /// Forgets all: another process begins.
    pub fn clear(&mut self) {
        self.stderr.clear();
        self.stdout.clear();
        self.fleeting = [false; 2];
    }

    /// Adds a line; of a progress bar, which writes over its own lines, the last one is kept.
    pub fn push(&mut self, stream: Stream, line: &str, fleeting: bool) {
        let (lines, most, was) = match stream {
            Stream::Stderr => (&mut self.stderr, STDERR, &mut self.fleeting[0]),
            Stream::Stdout => (&mut self.stdout, STDOUT, &mut self.fleeting[1]),
        };
        // Written over by another fleeting line, or by the line that ends the bar.
        if std::mem::replace(was, fleeting) {
            lines.pop_back();
        }
        if lines.len() == most {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last lines of stderr, oldest first.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.iter().map(|line| self.shown(line)).collect()
    }

    /// The last lines of stdout, oldest first.
    #[must_use]
    pub fn stdout(&self) -> Vec<String> {
        self.stdout.iter().map(|line| self.shown(line)).collect()
    }

    /// A line as it is told. Agents print more than anybody asks for, so secrets are looked for here.
    fn shown(&self, line: &str) -> String {
        let indent = line.len() - line.trim_start().len();
        let indent = line.get(..indent.min(40)).unwrap_or_default();
        format!("{indent}{}", words::shorten(&self.masks.apply(line)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{STDERR, Tail};
    use crate::mask::Masks;
    use crate::output::Stream;

    #[test]
    fn of_a_progress_bar_the_last_line_stays() {
        let mut tail = Tail::new(Arc::new(Masks::default()));
        tail.push(Stream::Stderr, "loading", false);
        for step in 0..100 {
            tail.push(Stream::Stderr, &format!("{step}/100"), true);
        }
        tail.push(Stream::Stderr, "100/100", false);
        tail.push(Stream::Stderr, "    raise E", false);
        assert_eq!(tail.stderr(), ["loading", "100/100", "    raise E"]);
        for line in 0..100 {
            tail.push(Stream::Stderr, &line.to_string(), false);
        }
        assert_eq!(tail.stderr().len(), STDERR);
        assert_eq!(tail.stderr().last().unwrap(), "99");
        tail.push(Stream::Stdout, "password=hunter2", false);
        assert_eq!(tail.stdout(), ["password=***"]);
        tail.clear();
        assert!(tail.stderr().is_empty() && tail.stdout().is_empty());
    }
}
