//! What the selected agent or group printed: the last lines, and which part of them is looked at.

use std::collections::VecDeque;

use crate::boot::orders::Subject;

/// Lines that are kept.
pub const MOST: usize = 2_000;
/// Characters of a line that are kept.
pub const LONGEST: usize = 2_000;

/// What makes a log another one, although it is of the same agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Of the supervisor that was started at that moment.
    Since(u64),
    /// Of a container whose supervisor does not answer.
    Silent,
    /// Of none.
    None,
}

/// The last lines.
#[derive(Debug, Default)]
pub struct Log {
    /// Which request the lines answer.
    number: u64,
    of: Option<(Subject, Life)>,
    /// The lines as they were printed, oldest first, none longer than [`LONGEST`].
    pub lines: VecDeque<String>,
    /// Lines between the last that is seen and the newest; 0 is at the end, and stays there as more come.
    pub back: usize,
    /// Cells that are passed over at the left.
    pub aside: usize,
    /// Whether more may come.
    pub is_followed: bool,
    /// Why it could not be read.
    pub failed: Option<String>,
}

impl Log {
    /// Turns to another log, if it is another: the number of the request that is to be made for it.
    pub(super) fn turn_to(&mut self, subject: Subject, life: Life) -> Option<u64> {
        if self.of == Some((subject, life)) {
            return None;
        }
        let is_same_subject = self.of.is_some_and(|(before, _)| before == subject);
        self.of = Some((subject, life));
        if life == Life::None {
            // What a container said last is of use after it is gone.
            self.is_followed = false;
            if !is_same_subject {
                self.empty();
            }
            return None;
        }
        self.empty();
        self.number += 1;
        self.is_followed = true;
        Some(self.number)
    }

    fn empty(&mut self) {
        self.lines.clear();
        self.back = 0;
        self.aside = 0;
        self.failed = None;
    }

    pub(super) fn take(&mut self, number: u64, line: String) {
        if number != self.number {
            return;
        }
        if self.lines.len() == MOST {
            self.lines.pop_front();
        }
        self.lines.push_back(line.chars().take(LONGEST).collect());
        if self.back > 0 {
            self.back = (self.back + 1).min(self.lines.len() - 1);
        }
    }

    pub(super) fn end(&mut self, number: u64, why: Option<String>) {
        if number == self.number {
            self.is_followed = false;
            self.failed = why;
        }
    }

    pub(super) fn scroll(&mut self, by: usize, is_back: bool) {
        let most = self.lines.len().saturating_sub(1);
        self.back = if is_back {
            self.back.saturating_add(by).min(most)
        } else {
            self.back.saturating_sub(by)
        };
    }
}
