//! Input digests: one value for everything that an image is made from.

/// A digest in hexadecimal.
pub type Digest = String;

/// Collects named parts. Names and lengths are hashed with the contents, so that no two different lists of parts look the
/// same.
#[derive(Debug, Default)]
pub struct Parts {
    hasher: blake3::Hasher,
}

impl Parts {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more part.
    pub fn add(&mut self, name: &str, content: impl AsRef<[u8]>) -> &mut Self {
        let content = content.as_ref();
        self.field(name.as_bytes());
        self.field(content);
        self
    }

    /// The digest of all parts, in the order they came.
    #[must_use]
    pub fn finish(&self) -> Digest {
        self.hasher.finalize().to_hex().to_string()
    }

    fn field(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.hasher.update(&length.to_le_bytes());
        self.hasher.update(bytes);
    }
}

/// The digest of one content.
#[must_use]
pub fn of(content: impl AsRef<[u8]>) -> Digest {
    blake3::hash(content.as_ref()).to_hex().to_string()
}

/// The digest of a content that comes in pieces: the same as [`of`] the whole.
#[derive(Debug, Default)]
pub struct Stream {
    hasher: blake3::Hasher,
}

impl Stream {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
    }

    /// The digest of all pieces so far.
    #[must_use]
    pub fn finish(&self) -> Digest {
        self.hasher.finalize().to_hex().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, Stream, of};

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let mut stream = Stream::new();
        stream.update(b"a");
        stream.update(b"bc");
        assert_eq!(stream.finish(), of("abc"));
    }

    #[test]
    fn where_one_part_ends_matters() {
        let mut one = Parts::new();
        one.add("a", "bc");
        let mut other = Parts::new();
        other.add("ab", "c");
        assert_ne!(one.finish(), other.finish());
    }
}
