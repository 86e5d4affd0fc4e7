//! Any bytes give a stack or findings: no panic, no hang, no memory without bounds.

use std::collections::BTreeSet;

use super::fixture::{Fixture, MAIN, PC2};

/// A small deterministic generator (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap()
    }

    /// The same bytes with a few of them changed.
    fn changed(&mut self, bytes: &[u8]) -> Vec<u8> {
        const PIECES: &[&str] = &[
            "&a ",
            "*a",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "\n",
            "  ",
            "\t",
            "\"",
            "'",
            "|\n",
            ">-\n",
            "!!int ",
            "<<: ",
            "~",
            "99999999999999999999",
            "-1",
            "0x10",
            "1e400",
            ".nan",
            "#",
            "---\n",
            "...\n",
            "%YAML 1.2\n",
            "\u{feff}",
            "\0",
            "\u{2028}",
            "? ",
            "!<tag> ",
            "\\",
        ];
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => {
                    let to = (at + self.below(20)).min(bytes.len());
                    bytes.drain(at..to);
                }
                2 => {
                    let byte = u8::try_from(self.below(256)).unwrap();
                    bytes.insert(at, byte);
                }
                3 => {
                    // A piece of the text, once more.
                    let to = (at + self.below(120)).min(bytes.len());
                    let piece = bytes[at..to].to_vec();
                    let other = self.below(bytes.len() + 1);
                    bytes.splice(other..other, piece);
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())].bytes();
                    bytes.splice(at..at, piece);
                }
            }
        }
        bytes
    }
}

/// Loads it; whatever cannot be is said.
fn look_at(fixture: &Fixture) -> BTreeSet<&'static str> {
    let (stack, findings) = fixture.load();
    assert!(
        stack.is_some() || !findings.is_empty(),
        "nothing is loaded, and nothing said"
    );
    if let Some(stack) = stack {
        let stack = stack.with_ungrouped();
        for (id, agent) in stack.agents() {
            assert_eq!(stack.agent(id).name, agent.name);
            assert!(stack.group(agent.group).agents.contains(&id));
        }
    }
    findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn changed_configs_never_panic() {
    let small = Fixture::small();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut said = BTreeSet::new();
    for round in 0..3000 {
        let mut fixture = small.clone();
        match round % 3 {
            0 => fixture.stack = random.changed(&small.stack),
            at => {
                let path = if at == 1 { MAIN } else { PC2 };
                let changed = random.changed(&small.texts[path]);
                fixture.texts.insert(path.to_owned(), changed);
            }
        }
        said.extend(look_at(&fixture));
    }
    assert!(said.len() > 15, "{said:?}");
}

#[test]
fn bombs_and_rings_and_depths_are_findings() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    let merges = "a: &a {<<: *a, name: x}\n";
    for text in [
        laughs,
        merges.to_owned(),
        "core: &core\n  - *core\n".to_owned(),
        "core: *nothing\n".to_owned(),
        "[".repeat(20_000),
        "- ".repeat(20_000),
        "{a: ".repeat(20_000),
        "? ".repeat(20_000),
        format!("core:\n  - {{name: A, port: {}}}\n", "9".repeat(100_000)),
        format!("core:\n  - name: {}\n", "x".repeat(1_000_000)),
        format!("core: \"{}\"\n", "\\u0041".repeat(100_000)),
        "core: !!binary aGVsbG8=\n".to_owned(),
        "core:\r  - name: A\r".to_owned(),
        "\u{feff}core:\n  - {name: A}\n".to_owned(),
    ] {
        for path in [MAIN, PC2] {
            let mut fixture = Fixture::small();
            fixture.texts.insert(path.to_owned(), text.clone().into_bytes());
            assert!(!look_at(&fixture).is_empty());
        }
        let mut fixture = Fixture::small();
        fixture.stack = text.into_bytes();
        assert!(!look_at(&fixture).is_empty());
    }
    let utf16: Vec<u8> = "core: []\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut fixture = Fixture::small();
    fixture.stack = utf16;
    assert!(!look_at(&fixture).is_empty());
}
