//! The keys of the terminal that standard input is.

use std::io::IsTerminal as _;
use std::time::Duration;

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
    match event::poll(within) {
        Ok(true) => match event::read() {
            Ok(Told::Key(key)) => of(key).map_or(Input::Nothing, |key| Input::Event(Event::Key(key))),
            Ok(Told::Resize(..)) => Input::Event(Event::Resized),
            Ok(_) => Input::Nothing,
            Err(_) => Input::Gone,
        },
        // One that was hung up is read from without end, and is no terminal any more.
        Ok(false) if std::io::stdin().is_terminal() => Input::Nothing,
        _ => Input::Gone,
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
