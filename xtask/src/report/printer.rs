//! The one place that decides what stdout, stderr and progress bars are. Data goes to stdout, all else to stderr, so that a
//! pipe stays clean; bars vanish where stderr is no terminal. What a terminal would obey goes nowhere but for colours of ours, and a CI
//! service gets no line that it would take for a command, unless commands are what was asked for.

use std::io::{ErrorKind, IsTerminal as _, Write};
use std::sync::{Arc, OnceLock};

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressDrawTarget};
use owo_colors::{OwoColorize as _, Style};

use super::audit::{github, layout};
use super::escape;
use crate::program;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where everything that a person or a program reads goes out.
#[derive(Debug, Clone)]
pub struct Printer {
    /// Whether stdout gets colour.
    pub color_out: bool,
    /// Whether stderr gets colour.
    pub color_err: bool,
    /// Whether output of child programs is shown line by line.
    pub verbose: bool,
    /// Whether only errors and data are shown.
    pub quiet: bool,
    /// Whether a runner of GitHub reads along.
    obeyed: bool,
    /// Whether a runner of GitLab does.
    gitlab: bool,
    bars: MultiProgress,
    lost: Arc<OnceLock<String>>,
}

impl Printer {
    /// A printer for this process's own outputs.
    #[must_use]
    pub fn new(color: ColorChoice, verbose: bool, quiet: bool) -> Self {
        let wanted = |terminal: bool| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => {
                terminal
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal && !verbose && !quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Self {
            color_out: wanted(std::io::stdout().is_terminal()),
            color_err: wanted(terminal),
            verbose,
            quiet,
            obeyed: std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true"),
            gitlab: std::env::var_os("GITLAB_CI").is_some_and(|value| value == "true"),
            bars: MultiProgress::with_draw_target(target),
            lost: Arc::default(),
        }
    }

    /// Why standard output did not get all that it was to get: a full disk. That nobody reads on is no such reason.
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        // What is still kept back shows only now whether it can be written.
        let _ = self.out().flush();
        self.lost.get().map(String::as_str)
    }

    /// The bars; drawn only where [`Printer::draws_bars`].
    #[must_use]
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether bars are visible; plain lines stand in for them otherwise.
    #[must_use]
    pub fn draws_bars(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// Columns of the terminal that stdout is; nothing where it is a pipe or a file, unless `COLUMNS` says how wide its reader is.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        let size = terminal_size::terminal_size_of(std::io::stdout());
        let told = || std::env::var("COLUMNS").ok()?.parse().ok();
        size.map_or_else(told, |(width, _)| Some(usize::from(width.0)))
    }

    /// Whether stdout is a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Whether somebody reads what is asked, and can answer: standard input and standard error are terminals, and nothing is kept from them.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        !self.quiet && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether the terminal can be taken as a whole: keys come from it, and cells can be drawn on it.
    #[must_use]
    pub fn can_be_taken(&self) -> bool {
        let is_able = std::env::var_os("TERM").is_none_or(|term| !term.is_empty() && term != "dumb");
        is_able && self.is_terminal() && std::io::stdin().is_terminal()
    }

    /// Whether stdout is a terminal that is known to make links of OSC 8; `FORCE_HYPERLINK` says it of others, or denies it with 0.
    #[must_use]
    pub fn has_links(&self) -> bool {
        let told = |name: &str| std::env::var(name).unwrap_or_default();
        if !self.is_terminal() || matches!(told("TERM").as_str(), "" | "dumb" | "linux") {
            return false;
        }
        match told("FORCE_HYPERLINK").as_str() {
            "" => {}
            value => return value != "0",
        }
        let by_name = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby"];
        let by_term = ["kitty", "alacritty", "foot", "ghostty", "wezterm"];
        by_name.contains(&told("TERM_PROGRAM").as_str())
            || by_term.iter().any(|name| told("TERM").contains(name))
            || !told("WT_SESSION").is_empty()
            || !told("KONSOLE_VERSION").is_empty()
            || told("VTE_VERSION").parse().is_ok_and(|version: u32| version >= 5000)
    }

    /// Data in which links are made after it was made harmless.
    pub fn linked(&self, text: &str, link: &dyn Fn(&str) -> String) {
        self.write(&link(&self.harmless(text, self.color_out)));
    }

    /// The data as the terminal that stdout is may get it, if it takes more rows than that has.
    #[must_use]
    pub fn more_than_a_screen(&self, text: &str) -> Option<String> {
        let (columns, rows) = terminal_size::terminal_size_of(std::io::stdout())?;
        let is_able = std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb");
        if !is_able || self.quiet || rows.0 < 2 {
            return None;
        }
        let taken: usize = text.lines().map(|line| layout::rows(line, columns.0.into())).sum();
        // The last row is the prompt's.
        (taken >= usize::from(rows.0)).then(|| self.harmless(text, self.color_out))
    }

    /// Data: what the command was asked for. A closed pipe is not an error.
    pub fn data(&self, text: &str) {
        self.write(&self.harmless(text, self.color_out));
    }

    /// Data that takes the place of what was shown before: on a terminal, of all that is seen.
    pub fn screen(&self, text: &str) {
        self.clear();
        self.data(text);
    }

    /// Clears the terminal that stdout is; a pipe and a file keep all.
    pub fn clear(&self) {
        if self.is_terminal() {
            self.bars.suspend(|| {
                let _ = self.stdout().write_all(CLEAR_SCREEN);
            });
        }
    }

    /// The content of a file, in which the program is called what the file says.
    pub fn verbatim(&self, text: &str) {
        self.write(&self.obeyed_by_nobody(text, self.color_out));
    }

    /// The same, where commands of GitHub's workflows are what is asked for.
    pub fn commands(&self, text: &str) {
        self.write(&escape::output(text, false));
    }

    /// A line that an agent printed. Its colours are kept where output has colour.
    pub fn log_line(&self, line: &str) {
        let line = escape::log_line(line, self.color_out);
        self.write(&self.obeyed_by_nobody(&line, self.color_out));
    }

    /// The same of what this program says, with the name that it was called by.
    fn harmless(&self, text: &str, color: bool) -> String {
        self.obeyed_by_nobody(&program::named(text), color)
    }

    /// A text of which nothing is obeyed but, with `color`, colours.
    fn obeyed_by_nobody(&self, text: &str, color: bool) -> String {
        let text = escape::output(text, color);
        if self.obeyed {
            escape::without_commands(&text).into_owned()
        } else {
            text.into_owned()
        }
    }

    fn write(&self, text: &str) {
        self.bars.suspend(|| {
            let mut out = self.stdout();
            let _ = out.write_all(text.as_bytes());
            if !text.ends_with('\n') {
                let _ = out.write_all(b"\n");
            }
            let _ = out.flush();
        });
    }

    /// Standard output, for a report that comes out piece by piece. What it does not take is told at the end.
    #[must_use]
    pub fn out(&self) -> impl Write + use<> {
        Harmless {
            printer: self.clone(),
            color: self.color_out,
            inner: self.stdout(),
            kept: Vec::new(),
        }
    }

    fn stdout(&self) -> Output {
        Output {
            stdout: std::io::stdout(),
            lost: Arc::clone(&self.lost),
        }
    }

    /// Standard error, for the same.
    #[must_use]
    pub fn err(&self) -> impl Write + use<> {
        Harmless {
            printer: self.clone(),
            color: self.color_err,
            inner: std::io::stderr(),
            kept: Vec::new(),
        }
    }

    /// One line about the work.
    pub fn note(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.line(&escape::block(text.as_ref()));
        }
    }

    /// A text about the work that has colours already, whose foreign parts are escaped.
    pub fn styled(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.line(text.as_ref());
        }
    }

    /// One line about the work, with its subject in front, as in `  built base`.
    pub fn step(&self, verb: &str, text: impl AsRef<str>) {
        self.styled(format!(
            "{} {}",
            self.paint(&format!("{verb:>10}"), Style::new().green().bold()),
            escape::block(text.as_ref())
        ));
    }

    /// Something that is lived with.
    pub fn warn(&self, text: impl AsRef<str>) {
        self.line(&format!(
            "{}: {}",
            self.paint("warning", Style::new().yellow().bold()),
            escape::block(text.as_ref())
        ));
    }

    /// Why the command failed.
    pub fn error(&self, text: impl AsRef<str>) {
        self.line(&format!(
            "{}: {}",
            self.paint("error", Style::new().red().bold()),
            escape::block(text.as_ref())
        ));
    }

    /// Begins a part of the output that a CI service folds, until what is returned is dropped. Parts do not contain each other.
    #[must_use]
    pub fn fold(&self, title: &str) -> Fold<'_> {
        let title = escape::line(title);
        let end = if self.obeyed {
            self.command(&format!("::group::{title}"));
            Some("::endgroup::".to_owned())
        } else if self.gitlab {
            let id = section_id(&title);
            self.command(&format!(
                "{CLEAR}section_start:{}:{id}[collapsed=true]\r{CLEAR}{title}",
                seconds()
            ));
            Some(id)
        } else {
            None
        };
        Fold { printer: self, end }
    }

    /// An error that a runner of GitHub shows beside the job; nothing anywhere else.
    pub fn annotation(&self, title: &str, message: &str) {
        if self.obeyed {
            self.command(&format!(
                "::error title={}::{}",
                github::property(title),
                github::data(message)
            ));
        }
    }

    /// A line for a CI service, which obeys it.
    fn command(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        });
    }

    /// Colours a text for stderr.
    #[must_use]
    pub fn paint(&self, text: &str, style: Style) -> String {
        if self.color_err {
            text.style(style).to_string()
        } else {
            text.to_owned()
        }
    }

    fn line(&self, text: &str) {
        let text = self.harmless(text, self.color_err);
        self.bars.suspend(|| {
            let mut err = std::io::stderr().lock();
            let _ = writeln!(err, "{text}");
        });
    }
}

/// A part of the output that a CI service folds.
#[derive(Debug)]
pub struct Fold<'a> {
    printer: &'a Printer,
    /// The command that ends it, for GitHub; the part's id, for GitLab.
    end: Option<String>,
}

impl Drop for Fold<'_> {
    fn drop(&mut self) {
        match &self.end {
            Some(command) if self.printer.obeyed => self.printer.command(command),
            Some(id) => self
                .printer
                .command(&format!("{CLEAR}section_end:{}:{id}\r{CLEAR}", seconds())),
            None => {}
        }
    }
}

/// Clears a terminal, and begins at its top.
const CLEAR_SCREEN: &[u8] = b"\x1b[2J\x1b[H";

/// What GitLab's sections begin with: clears the line.
const CLEAR: &str = "\u{1b}[0K";

/// A title as GitLab takes an id of a section.
fn section_id(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    title.chars().map(plain).collect()
}

/// Seconds since 1970, as GitLab counts how long a section took.
fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |time| time.as_secs())
}

/// An output that gets whole lines, of which nothing is obeyed.
struct Harmless<W: Write> {
    printer: Printer,
    color: bool,
    inner: W,
    /// The beginning of a line, or of a character.
    kept: Vec<u8>,
}

impl<W: Write> Harmless<W> {
    /// Writes the first so many bytes of what is kept.
    fn pass(&mut self, end: usize) -> std::io::Result<()> {
        let bytes: Vec<u8> = self.kept.drain(..end).collect();
        let text = String::from_utf8_lossy(&bytes);
        self.inner
            .write_all(self.printer.harmless(&text, self.color).as_bytes())
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.kept.extend_from_slice(bytes);
        if let Some(end) = self.kept.iter().rposition(|byte| *byte == b'\n') {
            self.pass(end + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.pass(self.kept.len())?;
        self.inner.flush()
    }
}

impl<W: Write> Drop for Harmless<W> {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Standard output, and why it took no more.
struct Output {
    stdout: std::io::Stdout,
    lost: Arc<OnceLock<String>>,
}

impl Output {
    /// A write goes on as if it had been done: whoever writes has other work to bring to its end.
    fn noted<T>(&self, result: std::io::Result<T>, done: T) -> std::io::Result<T> {
        match result {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                if error.kind() != ErrorKind::BrokenPipe {
                    let _ = self.lost.set(crate::system_error::reason(&error));
                }
                Ok(done)
            }
            result => result,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let result = self.stdout.write(bytes);
        self.noted(result, bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let result = self.stdout.flush();
        self.noted(result, ())
    }
}
