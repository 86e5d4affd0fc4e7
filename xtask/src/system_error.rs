//! What the system says when something fails.

/// What the system says, as a fragment of a sentence and without the number.
#[must_use]
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
