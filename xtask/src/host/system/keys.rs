//! The keys of the terminal that standard input is.

use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::crossterm::event::{self, Event as Told, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::dashboard::{Event, Key};

/// What there is to be read.
#[derive(Debug)]
pub enum Input {
    /// A key of ours, or another size.
    Event(Event),
    /// Nothing, within the time.
    Nothing,
    /// The terminal is gone.
    Gone,
}

/// The next key, if one is pressed within the time.
#[must_use]
pub fn next(within: Duration) -> Input {
    // One that was hung up is readable without end, and crossterm reads nothing from it, again and again: it is asked only where it is there.
    let stdin = std::io::stdin();
    let mut asked = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
    match poll(&mut asked, limit) {
        // A signal: the terminal may have another size.
        Ok(_) | Err(Errno::EINTR) => {}
        Err(_) => return Input::Gone,
    }
    let is_gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    if asked[0].revents().is_some_and(|told| told.intersects(is_gone)) {
        return Input::Gone;
    }
    match event::poll(Duration::ZERO) {
        Ok(true) => match event::read() {
            Ok(Told::Key(key)) => of(key).map_or(Input::Nothing, |key| Input::Event(Event::Key(key))),
            Ok(Told::Resize(..)) => Input::Event(Event::Resized),
            Ok(_) => Input::Nothing,
            Err(_) => Input::Gone,
        },
        Ok(false) => Input::Nothing,
        Err(_) => Input::Gone,
    }
}

fn of(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    if is_control || key.modifiers.contains(KeyModifiers::ALT) {
        return (is_control && key.code == KeyCode::Char('c')).then_some(Key::Interrupt);
    }
    Some(match key.code {
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Tab | KeyCode::BackTab => Key::Tab,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Char(c) => Key::Char(c),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ctrl_c_is_a_key_of_ours_with_control() {
        let key = |code, modifiers| of(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(key(KeyCode::Char('s'), KeyModifiers::CONTROL), None);
        assert_eq!(key(KeyCode::Char('r'), KeyModifiers::ALT), None);
        assert_eq!(key(KeyCode::Char('S'), KeyModifiers::SHIFT), Some(Key::Char('S')));
        let released = KeyEvent::new_with_kind(KeyCode::Char('r'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(of(released), None);
    }
}
