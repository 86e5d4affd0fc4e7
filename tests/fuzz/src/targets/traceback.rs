//! What an agent printed, with tracebacks in it.

use xtask::audit::confirm::traceback::exceptions;

/// Finds the exceptions.
pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for exception in exceptions(&text) {
        assert!(
            !exception.class.is_empty() && text.contains(&exception.class),
            "{exception:?}"
        );
        assert!(text.contains(&exception.message), "{exception:?}");
        assert!(!exception.message.contains('\n'), "{exception:?}");
        for frame in &exception.frames {
            assert!(!frame.path.contains('\n') && text.contains(&frame.path), "{frame:?}");
        }
    }
}
