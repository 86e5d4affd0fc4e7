//! A terminal that is taken as a whole and given back as it was, however this program ends.

use std::io::{Stdout, Write as _};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// Whether the terminal is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether a thread panicked while it was.
static BROKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Gives the terminal back, if it is taken. Safe to call from any thread, any number of times.
pub fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Of a terminal that is gone nothing is left to be restored.
        let _ = disable_raw_mode();
        let mut out = std::io::stdout();
        let _ = execute!(out, LeaveAlternateScreen, Show);
        let _ = out.flush();
    }
}

/// Whether it was given back because something panicked: nothing may be drawn any more.
#[must_use]
pub fn is_broken() -> bool {
    BROKEN.load(Ordering::SeqCst)
}

/// The terminal that stdout is, until this is dropped.
pub struct Screen {
    /// Never dropped: it would complain on standard error that a terminal which is gone has no cursor, and panic there.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    /// Takes it.
    ///
    /// # Errors
    /// When it cannot be taken; it is as it was then.
    pub fn take() -> std::io::Result<Self> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                if TAKEN.load(Ordering::SeqCst) {
                    BROKEN.store(true, Ordering::SeqCst);
                    restore();
                }
                before(panic);
            }));
        });
        TAKEN.store(true, Ordering::SeqCst);
        let take = || {
            enable_raw_mode()?;
            let mut out = std::io::stdout();
            execute!(out, EnterAlternateScreen, Clear(ClearType::All))?;
            let terminal = Terminal::new(CrosstermBackend::new(out))?;
            let terminal = ManuallyDrop::new(terminal);
            Ok(Self { terminal })
        };
        let taken = take();
        if taken.is_err() {
            restore();
        }
        taken
    }

    /// Draws what the function draws, unless the terminal was given back.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> std::io::Result<()> {
        if TAKEN.load(Ordering::SeqCst) {
            self.terminal.draw(draw)?;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::OwnedFd;
    use std::process::Stdio;

    use nix::pty::openpty;
    use nix::sys::termios::{LocalFlags, tcgetattr};

    use super::Screen;

    const CHILD: &str = "SCREEN_OF_A_TEST_THAT_PANICS";

    /// It runs itself in a terminal of its own, and panics there.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "it runs this test, and nothing of a user's")]
    fn a_panic_gives_the_terminal_back_and_its_reason_is_read_there() {
        if std::env::var_os(CHILD).is_some() {
            let mut screen = Screen::take().unwrap();
            screen.draw(|_| panic!("drawn wrongly")).unwrap();
            return;
        }
        let pty = openpty(None, None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let clone = |fd: &OwnedFd| -> Stdio { fd.try_clone().unwrap().into() };
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let name = concat!(
            module_path!(),
            "::a_panic_gives_the_terminal_back_and_its_reason_is_read_there"
        );
        command
            .args(["--exact", name.split_once("::").unwrap().1, "--nocapture"])
            .env(CHILD, "1")
            .stdin(clone(&pty.slave))
            .stdout(clone(&pty.slave))
            .stderr(clone(&pty.slave));
        let mut child = command.spawn().unwrap();
        // It holds the child's side.
        drop(command);
        let mut master: std::fs::File = pty.master.into();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            // A terminal that nobody has open any more ends with an error.
            let _ = master.read_to_end(&mut text);
            (master, String::from_utf8_lossy(&text).into_owned())
        });
        assert!(!child.wait().unwrap().success());
        let after = tcgetattr(&pty.slave).unwrap();
        drop(pty.slave);
        let (_master, text) = reader.join().unwrap();
        assert_eq!(after.local_flags, before.local_flags, "{text}");
        assert!(
            after.local_flags.contains(LocalFlags::ICANON | LocalFlags::ECHO),
            "{text}"
        );
        let (_, behind) = text.split_once("\u{1b}[?1049h").unwrap();
        let (_, behind) = behind.split_once("\u{1b}[?1049l").unwrap();
        assert!(behind.contains("drawn wrongly"), "{text}");
    }
}
