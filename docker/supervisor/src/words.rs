//! The last words of an agent: which line of what it printed says why it ended. It is near the end: the message of the last
//! traceback, else the last line that says something. Pure.

/// Characters of a quoted line, at most.
const LONGEST: usize = 400;
/// Of these, from its start.
const START: usize = 150;

/// The line that says why, with where it is from; nothing where it said nothing.
#[must_use]
pub fn last<S: AsRef<str>>(stderr: &[S], stdout: &[S]) -> Option<String> {
    let stderr: Vec<&str> = stderr.iter().map(AsRef::as_ref).collect();
    let stdout: Vec<&str> = stdout.iter().map(AsRef::as_ref).collect();
    of(&stderr, "stderr").or_else(|| of(&stdout, "stdout"))
}

fn of(lines: &[&str], stream: &str) -> Option<String> {
    let telling = |line: &&str| !is_noise(line);
    let last = lines.iter().rposition(telling)?;
    match raised(lines) {
        Some(at) if at != last => Some(format!("{stream}: {}", shorten(lines[at]))),
        _ => Some(format!("last {stream} line: {}", shorten(lines[last]))),
    }
}

/// The message of the last traceback: the first line behind it that is not indented.
fn raised(lines: &[&str]) -> Option<usize> {
    let mut found = None;
    let mut ignored = false;
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("Exception ignored") {
            ignored = true;
        }
        let behind = at > 0 && lines[at - 1].starts_with("  ") && is_in_traceback(lines, at - 1);
        if behind && is_message(line) {
            if !ignored {
                found = Some(at);
            }
            ignored = false;
        }
    }
    found
}

/// Whether an indented line belongs to a traceback.
fn is_in_traceback(lines: &[&str], mut at: usize) -> bool {
    loop {
        if lines[at].starts_with("  File \"") || lines[at].starts_with("Traceback (") {
            return true;
        }
        if at == 0 || !lines[at].starts_with("  ") {
            return false;
        }
        at -= 1;
    }
}

/// `NameError: …`, `a.b.Error`, `KeyboardInterrupt`.
fn is_message(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    !name.is_empty()
        && name
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

/// Lines that say nothing: empty ones, progress bars, marks under code, what Python adds when it ends.
fn is_noise(line: &str) -> bool {
    let text = line.trim();
    text.is_empty()
        || text.chars().all(|c| "^~-=_*#.| ".contains(c))
        || is_progress(text)
        || text.starts_with("Exception ignored")
        || text.starts_with("sys:1: ResourceWarning")
        || text.contains("resource_tracker: There appear to be")
        || text.starts_with("warnings.warn(")
}

/// `12%|####  | 3/25 [00:01<00:09,  2.4it/s]`, `7/40`.
fn is_progress(text: &str) -> bool {
    if text.contains("%|") || text.contains("it/s]") || text.contains("s/it]") || text.contains("B/s]") {
        return true;
    }
    let counts = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('/')
        .is_some_and(|(done, all)| counts(done.trim()) && counts(all.trim()))
        || text.strip_suffix('%').is_some_and(|number| counts(number.trim()))
}

/// A long line with its start and, mostly, its end.
#[must_use]
pub fn shorten(line: &str) -> String {
    let line = line.trim();
    let count = line.chars().count();
    if count <= LONGEST {
        return line.to_owned();
    }
    let start: String = line.chars().take(START).collect();
    let end: String = line.chars().skip(count - (LONGEST - START)).collect();
    format!("{start} … {end}")
}

#[cfg(test)]
mod tests {
    use super::{last, shorten};

    fn said(stderr: &str) -> Option<String> {
        last(&stderr.lines().collect::<Vec<_>>(), &[])
    }

    #[test]
    fn the_message_of_a_traceback_is_the_reason() {
        let traceback = "starting\nTraceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    x\n    ^\n\
            NameError: name 'x' is not defined";
        assert_eq!(
            said(traceback).unwrap(),
            "last stderr line: NameError: name 'x' is not defined"
        );
        let with_noise = format!("{traceback}\n\n 10%|#  | 4/40 [00:01<00:09,  3.2it/s]\ncleaning up\n");
        assert_eq!(said(&with_noise).unwrap(), "stderr: NameError: name 'x' is not defined");
        let chained = format!(
            "{traceback}\n\nDuring handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"a.py\", line 9, in f\n    g()\nmod.sub.OwnError\n"
        );
        assert_eq!(said(&chained).unwrap(), "last stderr line: mod.sub.OwnError");
        let cut = "    import b\n  File \"b.py\", line 1, in <module>\n    import c\nModuleNotFoundError: No module named 'c'\nbye";
        assert_eq!(said(cut).unwrap(), "stderr: ModuleNotFoundError: No module named 'c'");
    }

    #[test]
    fn what_python_ignores_is_not_the_reason() {
        let text = "RuntimeError: no device\nException ignored in: <function D.__del__>\nTraceback (most recent call last):\n  \
            File \"d.py\", line 2, in __del__\nTypeError: late";
        assert!(!said(text).unwrap().starts_with("stderr: TypeError"), "{text}");
    }

    #[test]
    fn progress_is_not_the_reason() {
        assert_eq!(
            said("cannot open the camera\n0/40\n40/40\n100%\n").unwrap(),
            "last stderr line: cannot open the camera"
        );
        assert_eq!(said("\n \n7/40"), None);
    }

    #[test]
    fn without_stderr_it_is_stdout() {
        let said = last(&["", "3/4"], &["Error: no model", ""]);
        assert_eq!(said.unwrap(), "last stdout line: Error: no model");
    }

    #[test]
    fn a_long_line_keeps_its_end() {
        let line = format!("ValueError: {} the end", "x".repeat(2000));
        let short = shorten(&line);
        assert!(
            short.starts_with("ValueError: xx") && short.ends_with("x the end"),
            "{short}"
        );
        assert!(short.chars().count() < 410);
    }
}
