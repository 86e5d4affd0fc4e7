//! A program on a terminal of the test's own: what is typed there, what is seen, and whether it is given back as it was.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};
use unicode_width::UnicodeWidthChar as _;

/// How long something may take to be seen.
const LIMIT: Duration = Duration::from_secs(30);

/// A program that runs on a terminal.
pub struct OnTerminal {
    child: Killed,
    keyboard: File,
    /// The program's side, which shows how the terminal is set, and keeps it there.
    slave: OwnedFd,
    before: Termios,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: JoinHandle<()>,
}

/// A program that does not outlive a test that failed.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has mostly ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What came out.
#[derive(Default)]
struct Seen {
    all: Vec<u8>,
    /// Bytes of it that the cells show.
    drawn: usize,
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl OnTerminal {
    /// Starts it on a terminal of that size.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        // The program has its own side alone.
        fcntl(&pty.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        fcntl(&pty.slave, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let side = || pty.slave.try_clone().unwrap();
        command.stdin(side()).stdout(side()).stderr(side());
        let child = command.env("TERM", "xterm-256color").spawn().unwrap();
        drop(command);
        let keyboard = File::from(pty.master);
        let mut screen = keyboard.try_clone().unwrap();
        let seen = Arc::new((Mutex::new(Seen::new(columns, rows)), Condvar::new()));
        let shared = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // A terminal that nobody has open any more ends with an error.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                shared.0.lock().unwrap().take(&bytes[..count]);
                shared.1.notify_all();
            }
        });
        Self {
            child: Killed(child),
            keyboard,
            slave: pty.slave,
            before,
            seen,
            reader,
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Types that.
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen has all these texts, and returns it.
    #[track_caller]
    pub fn wait_for(&self, texts: &[&str]) -> String {
        self.wait_until(&texts.join("`, `"), |screen| {
            texts.iter().all(|text| screen.contains(text))
        })
    }

    /// Waits until the screen is as wanted, and returns it.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let seen = self.seen.0.lock().unwrap();
        let waits = |seen: &mut Seen| !is_so(&seen.text());
        let (seen, waited) = self.seen.1.wait_timeout_while(seen, LIMIT, waits).unwrap();
        assert!(!waited.timed_out(), "`{what}` is not in\n{}", seen.text());
        seen.text()
    }

    /// Waits until it ends: how, and everything that came out. The terminal must be set as it was before.
    #[track_caller]
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.0.wait().unwrap();
        let after = tcgetattr(&self.slave).unwrap();
        assert_eq!(after.local_flags, self.before.local_flags, "the terminal is still raw");
        assert_eq!(after.input_flags, self.before.input_flags);
        // Nobody has it open any more: the reader comes to its end.
        drop(self.slave);
        self.reader.join().unwrap();
        let text = String::from_utf8_lossy(&self.seen.0.lock().unwrap().all).into_owned();
        let count = |sequence: &str| text.matches(sequence).count();
        assert_eq!(
            count("\u{1b}[?1049h"),
            count("\u{1b}[?1049l"),
            "the terminal is not left as it was: {text:?}"
        );
        (status, text)
    }
}

impl Seen {
    fn new(columns: u16, rows: u16) -> Self {
        Self {
            cells: vec![vec![' '; columns.into()]; rows.into()],
            ..Self::default()
        }
    }

    /// What is seen, a line a row.
    fn text(&self) -> String {
        let row = |row: &Vec<char>| -> String { row.iter().filter(|c| **c != '\0').collect() };
        self.cells.iter().map(|cells| row(cells) + "\n").collect()
    }

    fn take(&mut self, bytes: &[u8]) {
        self.all.extend_from_slice(bytes);
        loop {
            let rest = &self.all[self.drawn..];
            let valid = match std::str::from_utf8(rest) {
                Ok(text) => text,
                Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap(),
            };
            let Some(first) = valid.chars().next() else { return };
            let taken = if first == '\u{1b}' {
                let Some(end) = valid.char_indices().skip(2).find(|(_, c)| c.is_ascii_alphabetic()) else {
                    return;
                };
                let sequence = valid[..=end.0].to_owned();
                self.obey(&sequence);
                sequence.len()
            } else {
                self.put(first);
                first.len_utf8()
            };
            self.drawn += taken;
        }
    }

    /// What the program under test makes use of: moving, clearing.
    fn obey(&mut self, sequence: &str) {
        let Some(inner) = sequence.strip_prefix("\u{1b}[") else {
            return;
        };
        let (parameters, what) = inner.split_at(inner.len() - 1);
        let numbers: Vec<usize> = parameters.split(';').filter_map(|word| word.parse().ok()).collect();
        match what {
            "H" => {
                self.row = numbers.first().map_or(0, |row| row - 1);
                self.column = numbers.get(1).map_or(0, |column| column - 1);
            }
            "J" => self.cells.iter_mut().for_each(|row| row.fill(' ')),
            _ => {}
        }
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' => self.row += 1,
            c => {
                let width = c.width().unwrap_or(0);
                for (offset, c) in std::iter::once(c)
                    .chain(std::iter::repeat_n('\0', width.saturating_sub(1)))
                    .enumerate()
                {
                    let row = self.cells.get_mut(self.row);
                    if let Some(cell) = row.and_then(|row| row.get_mut(self.column + offset)) {
                        *cell = c;
                    }
                }
                self.column += width;
            }
        }
    }
}
