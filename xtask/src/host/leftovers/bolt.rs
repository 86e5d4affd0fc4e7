//! As much of bbolt's file format as it takes to read buckets, and to take keys out of them in place.
//!
//! Go's bbolt (`internal/common/page.go`, `meta.go`) writes pages of one size in the byte order of the machine, which is
//! little-endian wherever this program runs. The first two pages hold a meta page each, of which the one with the greater
//! transaction id and a right checksum is valid; it names the page of the root bucket. A bucket is a B+ tree: branch pages name
//! others, leaf pages hold keys with values, and a value may be a bucket again, which is small enough to lie in the value or has a
//! page of its own. A key is taken out of a leaf by moving the elements behind it up by one: the bytes of keys and values
//! stay where they are, so that nothing else of the file changes, and bbolt makes the room good with the next change of the page.

/// Bytes in front of a page's elements: the page's number, its kind, how many elements it has, and how many pages it goes on for.
const HEADER: usize = 16;
/// Bytes of an element of a leaf or a branch.
const ELEMENT: usize = 16;
/// Bytes in front of a bucket that lies in a value: the number of its page, which is 0, and a sequence.
const INLINE: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// Set in a leaf's element whose value is a bucket.
const BUCKET: u32 = 1;
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
/// Bytes of a meta page behind its header that the checksum is over.
const SUMMED: usize = 56;
/// Pages that one after the other leads to: a tree of so many levels would be larger than any file.
const DEEPEST: u32 = 16;
/// Pages that are looked at, at the most: in a file that is not damaged none is met twice.
const MOST_PAGES: u32 = 65_536;

/// The file is not one of bbolt's, or something of it leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole bbolt database")]
pub struct Damaged;

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// An element of a leaf: where it is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Start of the page that has it.
    page: usize,
    /// Which of the page's elements it is.
    index: usize,
    is_bucket: bool,
    key: std::ops::Range<usize>,
    value: std::ops::Range<usize>,
}

/// A database as its bytes.
#[derive(Debug)]
pub struct Database<'a> {
    bytes: &'a mut [u8],
    page_size: usize,
    root: u64,
}

impl<'a> Database<'a> {
    /// Reads the meta pages.
    ///
    /// # Errors
    /// Where none of them is whole.
    pub fn of(bytes: &'a mut [u8]) -> Result<Self, Damaged> {
        let first = meta(bytes, 0);
        // The second one begins where a page ends, whose size only a meta page says.
        let second = first.map_or_else(
            || (9..=16).map(|power| 1 << power).find_map(|size| meta(bytes, size)),
            |first| meta(bytes, first.page_size),
        );
        let newest = first.into_iter().chain(second).max_by_key(|meta| meta.transaction);
        let Meta { page_size, root, .. } = newest.ok_or(Damaged)?;
        Ok(Self { bytes, page_size, root })
    }

    /// Keys and values of a bucket that lies in others, from the outermost; none where there is no such bucket.
    ///
    /// # Errors
    /// Where the file is damaged.
    pub fn entries(&self, path: &[&[u8]]) -> Result<Vec<Pair>, Damaged> {
        let found = self.find(path)?;
        let pair = |entry: &Entry| (self.slice(&entry.key).to_vec(), self.slice(&entry.value).to_vec());
        Ok(found.iter().filter(|entry| !entry.is_bucket).map(pair).collect())
    }

    /// Names of the buckets in a bucket.
    ///
    /// # Errors
    /// Where the file is damaged.
    pub fn buckets(&self, path: &[&[u8]]) -> Result<Vec<Vec<u8>>, Damaged> {
        let found = self.find(path)?;
        let buckets = found.iter().filter(|entry| entry.is_bucket);
        Ok(buckets.map(|entry| self.slice(&entry.key).to_vec()).collect())
    }

    /// Takes a key out of a bucket, where it has that value.
    ///
    /// # Errors
    /// Where the file is damaged.
    pub fn remove(&mut self, path: &[&[u8]], key: &[u8], value: &[u8]) -> Result<bool, Damaged> {
        let found = self.find(path)?;
        let Some(entry) = found
            .iter()
            .find(|entry| !entry.is_bucket && self.slice(&entry.key) == key && self.slice(&entry.value) == value)
        else {
            return Ok(false);
        };
        let count = self.count(entry.page)?;
        for index in entry.index + 1..count {
            let from = entry.page + HEADER + index * ELEMENT;
            self.bytes.copy_within(from..from + ELEMENT, from - ELEMENT);
            // Where its key is counts from the element itself.
            let at = from - ELEMENT + 4;
            let position = u32_at(self.bytes, at)?.checked_add(16).ok_or(Damaged)?;
            self.bytes[at..at + 4].copy_from_slice(&position.to_le_bytes());
        }
        let fewer = u16::try_from(count - 1).map_err(|_| Damaged)?;
        self.bytes[entry.page + 10..entry.page + 12].copy_from_slice(&fewer.to_le_bytes());
        Ok(true)
    }

    fn find(&self, path: &[&[u8]]) -> Result<Vec<Entry>, Damaged> {
        let mut entries = self.leaves(self.page(self.root)?)?;
        for name in path {
            let Some(bucket) = entries
                .iter()
                .find(|entry| entry.is_bucket && self.slice(&entry.key) == *name)
            else {
                return Ok(Vec::new());
            };
            let start = match u64_at(self.bytes, bucket.value.start)? {
                0 if bucket.value.len() >= INLINE + HEADER => bucket.value.start + INLINE,
                0 => return Err(Damaged),
                page => self.page(page)?,
            };
            entries = self.leaves(start)?;
        }
        Ok(entries)
    }

    /// All elements of the leaves below a page.
    fn leaves(&self, start: usize) -> Result<Vec<Entry>, Damaged> {
        let (mut entries, mut pages) = (Vec::new(), 0);
        self.descend(start, 0, &mut pages, &mut entries)?;
        Ok(entries)
    }

    fn descend(&self, page: usize, depth: u32, pages: &mut u32, entries: &mut Vec<Entry>) -> Result<(), Damaged> {
        *pages += 1;
        if depth > DEEPEST || *pages > MOST_PAGES {
            return Err(Damaged);
        }
        let kind = u16_at(self.bytes, page + 8)?;
        for index in 0..self.count(page)? {
            let element = page + HEADER + index * ELEMENT;
            match kind {
                BRANCH => {
                    let child = self.page(u64_at(self.bytes, element + 8)?)?;
                    self.descend(child, depth + 1, pages, entries)?;
                }
                LEAF => entries.push(self.entry(page, index, element)?),
                _ => return Err(Damaged),
            }
        }
        Ok(())
    }

    fn entry(&self, page: usize, index: usize, element: usize) -> Result<Entry, Damaged> {
        let number = |at: usize| u32_at(self.bytes, element + at).map(|number| number as usize);
        let key = element + number(4)?;
        let value = key + number(8)?;
        let end = value + number(12)?;
        if end > self.bytes.len() {
            return Err(Damaged);
        }
        Ok(Entry {
            page,
            index,
            is_bucket: u32_at(self.bytes, element)? & BUCKET != 0,
            key: key..value,
            value: value..end,
        })
    }

    fn count(&self, page: usize) -> Result<usize, Damaged> {
        u16_at(self.bytes, page + 10).map(usize::from)
    }

    /// Start of a page that is in the file.
    fn page(&self, number: u64) -> Result<usize, Damaged> {
        let start = usize::try_from(number)
            .ok()
            .and_then(|number| number.checked_mul(self.page_size));
        start.filter(|start| *start < self.bytes.len()).ok_or(Damaged)
    }

    fn slice(&self, range: &std::ops::Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }
}

/// What a meta page says.
#[derive(Debug, Clone, Copy)]
struct Meta {
    page_size: usize,
    root: u64,
    transaction: u64,
}

fn meta(bytes: &[u8], page: usize) -> Option<Meta> {
    let start = page + HEADER;
    let summed = bytes.get(start..start + SUMMED)?;
    let right = u32_at(bytes, start) == Ok(MAGIC)
        && u32_at(bytes, start + 4) == Ok(VERSION)
        && u64_at(bytes, start + SUMMED) == Ok(fnv1a(summed));
    let page_size = u32_at(bytes, start + 8).ok()? as usize;
    (right && page_size >= HEADER).then_some(())?;
    Some(Meta {
        page_size,
        root: u64_at(bytes, start + 16).ok()?,
        transaction: u64_at(bytes, start + 48).ok()?,
    })
}

/// The 64 bit FNV-1a sum.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Damaged> {
    let end = at.checked_add(N).ok_or(Damaged)?;
    let slice = bytes.get(at..end).ok_or(Damaged)?;
    slice.try_into().map_err(|_| Damaged)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Damaged> {
    array_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Damaged> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64, Damaged> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// Databases as bbolt writes them, for tests.
#[cfg(test)]
pub mod written {
    use super::{BUCKET, INLINE, LEAF, MAGIC, VERSION, fnv1a};

    const PAGE: usize = 4096;

    /// An element of a leaf: a key, and its value or the bytes of a bucket.
    pub type Element = (Vec<u8>, Vec<u8>, u32);

    /// A value.
    pub fn value(key: &[u8], value: &[u8]) -> Element {
        (key.to_vec(), value.to_vec(), 0)
    }

    /// A bucket that lies in its value.
    pub fn inline(key: &[u8], elements: &[Element]) -> Element {
        let mut bytes = vec![0; INLINE];
        bytes.extend(leaf(0, elements));
        (key.to_vec(), bytes, BUCKET)
    }

    /// A bucket that has that page.
    pub fn bucket(key: &[u8], page: u64) -> Element {
        let mut bytes = page.to_le_bytes().to_vec();
        bytes.extend([0; 8]);
        (key.to_vec(), bytes, BUCKET)
    }

    fn leaf(number: u64, elements: &[Element]) -> Vec<u8> {
        let mut bytes = header(number, LEAF, elements.len());
        let mut at = bytes.len() + elements.len() * 16;
        for (key, value, flags) in elements {
            let position = at - bytes.len();
            bytes.extend(flags.to_le_bytes());
            for number in [position, key.len(), value.len()] {
                bytes.extend(u32::try_from(number).unwrap().to_le_bytes());
            }
            at += key.len() + value.len();
        }
        for (key, value, _) in elements {
            bytes.extend(key);
            bytes.extend(value);
        }
        bytes
    }

    fn header(number: u64, kind: u16, count: usize) -> Vec<u8> {
        let mut bytes = number.to_le_bytes().to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend(u16::try_from(count).unwrap().to_le_bytes());
        bytes.extend([0; 4]);
        bytes
    }

    fn branch(number: u64, children: &[(&[u8], u64)]) -> Vec<u8> {
        let mut bytes = header(number, super::BRANCH, children.len());
        let mut at = bytes.len() + children.len() * 16;
        for (key, child) in children {
            let position = u32::try_from(at - bytes.len()).unwrap();
            bytes.extend(position.to_le_bytes());
            bytes.extend(u32::try_from(key.len()).unwrap().to_le_bytes());
            bytes.extend(child.to_le_bytes());
            at += key.len();
        }
        for (key, _) in children {
            bytes.extend(*key);
        }
        bytes
    }

    fn meta(number: u64, root: u64, transaction: u64) -> Vec<u8> {
        let mut summed = Vec::new();
        for word in [MAGIC, VERSION, 4096, 0] {
            summed.extend(word.to_le_bytes());
        }
        for word in [root, 0, 2, 9, transaction] {
            summed.extend(word.to_le_bytes());
        }
        let sum = fnv1a(&summed);
        let mut bytes = header(number, 4, 0);
        bytes.extend(summed);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// A database whose root is a branch over pages with these elements.
    pub fn database(leaves: &[&[Element]], others: &[&[Element]]) -> Vec<u8> {
        let mut pages = vec![meta(0, 99, 7), meta(1, 3, 8), header(2, 16, 0)];
        let first = 4;
        let children: Vec<(&[u8], u64)> = (first..)
            .zip(leaves)
            .map(|(number, leaf)| (&leaf[0].0[..], number))
            .collect();
        pages.push(branch(3, &children));
        for (number, elements) in (first..).zip(leaves.iter().chain(others)) {
            pages.push(leaf(number, elements));
        }
        let padded = pages.into_iter().flat_map(|mut page| {
            page.resize(PAGE, 0);
            page
        });
        padded.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::written::{bucket, database, inline, value};
    use super::{Damaged, Database, Pair};

    fn pairs(found: &[Pair]) -> Vec<(&str, &str)> {
        found
            .iter()
            .map(|(key, value)| (std::str::from_utf8(key).unwrap(), std::str::from_utf8(value).unwrap()))
            .collect()
    }

    fn sample() -> Vec<u8> {
        let small = inline(b"small", &[value(b"a", b"1"), value(b"b", b"22"), value(b"c", b"333")]);
        database(
            &[&[bucket(b"large", 6)], &[small, value(b"word", b"x")]],
            &[&[value(b"k", b"v"), inline(b"within", &[value(b"deep", b"er")])]],
        )
    }

    #[test]
    fn buckets_are_read_wherever_they_lie() {
        let mut bytes = sample();
        let database = Database::of(&mut bytes).unwrap();
        assert_eq!(database.buckets(&[]).unwrap(), [b"large".to_vec(), b"small".to_vec()]);
        assert_eq!(pairs(&database.entries(&[]).unwrap()), [("word", "x")]);
        let small = database.entries(&[b"small"]).unwrap();
        assert_eq!(pairs(&small), [("a", "1"), ("b", "22"), ("c", "333")]);
        let deep = database.entries(&[b"large", b"within"]).unwrap();
        assert_eq!(pairs(&deep), [("deep", "er")]);
        assert_eq!(database.entries(&[b"none"]), Ok(Vec::new()));
        assert_eq!(database.entries(&[b"small", b"a"]), Ok(Vec::new()));
    }

    #[test]
    fn a_key_goes_and_all_else_stays() {
        for (key, value, left) in [
            ("a", "1", [("b", "22"), ("c", "333")]),
            ("b", "22", [("a", "1"), ("c", "333")]),
            ("c", "333", [("a", "1"), ("b", "22")]),
        ] {
            let mut bytes = sample();
            let mut database = Database::of(&mut bytes).unwrap();
            assert_eq!(database.remove(&[b"small"], key.as_bytes(), b"another"), Ok(false));
            assert_eq!(database.remove(&[b"small"], key.as_bytes(), value.as_bytes()), Ok(true));
            assert_eq!(pairs(&database.entries(&[b"small"]).unwrap()), left);
            assert_eq!(
                database.remove(&[b"small"], key.as_bytes(), value.as_bytes()),
                Ok(false)
            );
            assert_eq!(pairs(&database.entries(&[]).unwrap()), [("word", "x")]);
            for (key, value) in left {
                assert_eq!(database.remove(&[b"small"], key.as_bytes(), value.as_bytes()), Ok(true));
            }
            assert_eq!(database.entries(&[b"small"]), Ok(Vec::new()));
            assert_eq!(pairs(&database.entries(&[b"large"]).unwrap()), [("k", "v")]);
        }
    }

    #[test]
    fn the_newest_whole_meta_page_counts() {
        let mut bytes = sample();
        // The newer one is torn, and the older one leads nowhere.
        bytes[4096 + 20] ^= 1;
        let torn = Database::of(&mut bytes).unwrap();
        assert_eq!(torn.entries(&[]), Err(Damaged));
        bytes[20] ^= 1;
        assert_eq!(Database::of(&mut bytes).unwrap_err(), Damaged);
        // The older one is torn.
        let mut bytes = sample();
        bytes[20] ^= 1;
        assert_eq!(
            pairs(&Database::of(&mut bytes).unwrap().entries(&[]).unwrap()),
            [("word", "x")]
        );
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        assert_eq!(Database::of(&mut []).unwrap_err(), Damaged);
        let whole = sample();
        for cut in (0..whole.len()).step_by(16) {
            let mut bytes = whole[..cut].to_vec();
            if let Ok(mut database) = Database::of(&mut bytes) {
                let _ = database.entries(&[b"small"]);
                let _ = database.remove(&[b"large"], b"k", b"v");
            }
        }
        for at in (2 * 4096..whole.len()).filter(|at| at % 4096 < 200) {
            for replaced in [0, 1, 0xFF] {
                let mut bytes = whole.clone();
                bytes[at] = replaced;
                let mut database = Database::of(&mut bytes).unwrap();
                let _ = database.entries(&[b"large", b"within"]);
                let _ = database.remove(&[b"small"], b"b", b"22");
            }
        }
        // A branch that leads to itself.
        let mut bytes = whole;
        bytes[3 * 4096 + 16 + 8] = 3;
        assert_eq!(Database::of(&mut bytes).unwrap().entries(&[]), Err(Damaged));
    }
}
