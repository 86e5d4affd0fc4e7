//! Python source: whatever the bytes, facts come out, and every place lies in the text.

use pysrc::{Detail, PythonVersion, read, read_as};

use crate::invariants;

/// Reads them as whole facts, as an outline, and for another Python.
pub fn run(bytes: &[u8]) {
    let module = read(bytes, PythonVersion { major: 3, minor: 11 });
    invariants::spans(&module);
    let outline = read_as(bytes, PythonVersion { major: 3, minor: 11 }, Detail::Outline);
    invariants::spans(&outline);
    assert_eq!(
        module.parses(),
        outline.parses(),
        "an outline parses where the whole does"
    );
    assert_eq!(module.text, outline.text);
    invariants::spans(&read(bytes, PythonVersion { major: 3, minor: 8 }));
    // Nothing of the text is lost but a byte order mark: a file that is read again says the same.
    if module.encoding.is_empty() && std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0')) {
        assert_eq!(module.text.as_bytes(), bytes);
    }
}
