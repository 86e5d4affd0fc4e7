//! Where lines begin.

/// Byte at which each line begins.
pub fn starts(text: &str) -> Box<[u32]> {
    let bytes = text.as_bytes();
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes)
        .filter(|at| bytes.get(*at) == Some(&b'\n') || bytes.get(at + 1) != Some(&b'\n'));
    let mut starts = vec![0];
    starts.extend(ends.map(|at| u32::try_from(at + 1).unwrap_or(u32::MAX)));
    if starts.len() > 1 && starts.last().is_some_and(|start| *start as usize == bytes.len()) {
        starts.pop();
    }
    starts.into()
}

#[cfg(test)]
mod tests {
    use super::starts;

    #[test]
    fn every_kind_of_line_end_counts_once() {
        assert_eq!(&*starts(""), [0]);
        assert_eq!(&*starts("a\r\nb\rc\n"), [0, 3, 5]);
    }
}
