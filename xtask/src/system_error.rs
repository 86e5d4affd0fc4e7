//! What the system says when something fails.

/// What the system says, as a fragment of a sentence and without the number.
#[must_use]
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    // What is not the system's are words of ours, which may name something.
    if error.raw_os_error().is_none() {
        return text;
    }
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
