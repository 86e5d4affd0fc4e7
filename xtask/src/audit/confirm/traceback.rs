//! Python tracebacks in the output of a process: the plain form, that of a `SyntaxError`, chained ones, those of threads.

/// An exception that was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its class as printed, with its module where that is not `builtins`.
    pub class: String,
    /// The first line of its message; empty where it has none.
    pub message: String,
    /// Where it went through, the outermost first. For a `SyntaxError` the last is the place in the broken file.
    pub frames: Vec<Frame>,
}

/// A place in a traceback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Path as printed.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
}

/// Classes whose traceback has no head where the script itself is what does not parse.
const WITHOUT_HEAD: [&str; 3] = ["SyntaxError", "IndentationError", "TabError"];

/// All exceptions that a text shows, in order: of a chain, what was raised first comes first. Lines of other output in between
/// are passed over, and a text that begins in the middle of a traceback still gives that one.
#[must_use]
pub fn exceptions(text: &str) -> Vec<Exception> {
    let mut found = Vec::new();
    let mut frames: Option<Vec<Frame>> = None;
    for line in text.lines() {
        let line = ungrouped(line);
        if line.ends_with("Traceback (most recent call last):") {
            frames = Some(Vec::new());
        } else if let Some(frame) = frame(line) {
            frames.get_or_insert_default().push(frame);
        } else if let Some((class, message)) = headline(line) {
            // A traceback has a frame; a line of other output that looks like an exception follows none.
            let ends_one = frames.as_ref().is_some_and(|frames| !frames.is_empty());
            if ends_one || (frames.is_none() && WITHOUT_HEAD.contains(&class)) {
                found.push(Exception {
                    class: class.to_owned(),
                    message: message.to_owned(),
                    frames: frames.take().unwrap_or_default(),
                });
            }
        }
    }
    found
}

/// `  File "x.py", line 3, in f`
fn frame(line: &str) -> Option<Frame> {
    let (path, rest) = line.trim_start().strip_prefix("File \"")?.split_once("\", line ")?;
    let number = rest.split_once(',').map_or(rest, |(number, _)| number);
    Some(Frame {
        path: path.to_owned(),
        line: number.trim_end().parse().ok()?,
    })
}

/// Class and message of `zmq.error.ZMQError: Address already in use`.
fn headline(line: &str) -> Option<(&str, &str)> {
    let (class, message) = line.split_once(':').unwrap_or((line.trim_end(), ""));
    let begins = class.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let goes_on = class.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    (begins && goes_on).then(|| (class, message.trim()))
}

/// The line without the bars in front of the parts of an exception group.
fn ungrouped(line: &str) -> &str {
    match line.trim_start().strip_prefix('|') {
        Some(rest) => rest.strip_prefix(' ').unwrap_or(rest),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{Exception, Frame, exceptions};

    fn one(text: &str) -> Exception {
        let mut all = exceptions(text);
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    }

    fn frames(exception: &Exception) -> Vec<(&str, u32)> {
        exception
            .frames
            .iter()
            .map(|Frame { path, line }| (path.as_str(), *line))
            .collect()
    }

    #[test]
    fn the_plain_form() {
        let exception = one("starting\n\
            Traceback (most recent call last):\n\
            \x20 File \"/app/main/agent.py\", line 30, in <module>\n\
            \x20   Agent().run()\n\
            \x20   ^^^^^^^\n\
            \x20 File \"/app/main/agent.py\", line 12, in __init__\n\
            \x20   self.socket.bind(f\"tcp://*:{port}\")\n\
            \x20 File \"/usr/lib/python3/dist-packages/zmq/sugar/socket.py\", line 302, in bind\n\
            \x20   super().bind(addr)\n\
            \x20 File \"_zmq.py\", line 1009, in zmq.backend.cython._zmq.Socket.bind\n\
            zmq.error.ZMQError: Address already in use (addr='tcp://*:5555')\n");
        assert_eq!(exception.class, "zmq.error.ZMQError");
        assert_eq!(exception.message, "Address already in use (addr='tcp://*:5555')");
        assert_eq!(frames(&exception)[1], ("/app/main/agent.py", 12));
        assert_eq!(exception.frames.len(), 4);
    }

    #[test]
    fn a_script_that_does_not_parse_has_no_head() {
        let exception = one(
            "  File \"/app/main/agent.py\", line 7\n    def run(self:\n           ^\nSyntaxError: '(' was never closed\n",
        );
        assert_eq!(exception.class, "SyntaxError");
        assert_eq!(frames(&exception), [("/app/main/agent.py", 7)]);
        assert_eq!(one("SyntaxError: source code cannot contain null bytes").frames, []);
    }

    #[test]
    fn a_module_that_does_not_parse_is_the_last_place() {
        let exception = one("Traceback (most recent call last):\n\
            \x20 File \"/app/main/agent.py\", line 1, in <module>\n\
            \x20   from base import Base\n\
            \x20 File \"/app/main/base.py\", line 4\n\
            \x20   x = 1\n\
            IndentationError: unexpected indent\n");
        assert_eq!(exception.class, "IndentationError");
        assert_eq!(
            frames(&exception),
            [("/app/main/agent.py", 1), ("/app/main/base.py", 4)]
        );
    }

    #[test]
    fn a_chain_is_told_in_order() {
        let all = exceptions(
            "Traceback (most recent call last):\n  File \"a.py\", line 2, in <module>\n    import x\nModuleNotFoundError: No module named 'x'\n\n\
             During handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"a.py\", line 4, in <module>\n    import y\nModuleNotFoundError: No module named 'y'\n",
        );
        let classes: Vec<&str> = all.iter().map(|exception| exception.message.as_str()).collect();
        assert_eq!(classes, ["No module named 'x'", "No module named 'y'"]);
        assert_eq!(frames(&all[1]), [("a.py", 4)]);
    }

    #[test]
    fn threads_groups_and_exceptions_without_a_message() {
        let thread = one(
            "Exception in thread Thread-1 (serve):\nTraceback (most recent call last):\n  File \"a.py\", line 9, in serve\n    raise Gone\n__main__.Gone\n",
        );
        assert_eq!((thread.class.as_str(), thread.message.as_str()), ("__main__.Gone", ""));
        let group = exceptions(
            "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\", line 3, in <module>\n  |     main()\n\
             \x20 | ExceptionGroup: unhandled errors (1 sub-exception)\n  +-+---------------- 1 ----------------\n\
             \x20   | Traceback (most recent call last):\n    |   File \"a.py\", line 1, in work\n    |     raise ValueError(1)\n    | ValueError: 1\n    +------------------------------------\n",
        );
        assert_eq!(group.last().unwrap().class, "ValueError");
        assert_eq!(frames(&group[1]), [("a.py", 1)]);
    }

    #[test]
    fn other_output_is_none() {
        assert_eq!(exceptions("INFO: listening on 5555\nready\n"), []);
        assert_eq!(exceptions(""), []);
        // The beginning is cut off, and another thread prints in between.
        let cut = one(
            "    work()\n  File \"a.py\", line 8, in work\n    return y\n2026-01-01 12:00:00 INFO beat\nNameError: name 'y' is not defined\n",
        );
        assert_eq!(frames(&cut), [("a.py", 8)]);
        assert_eq!(cut.class, "NameError");
    }
}
