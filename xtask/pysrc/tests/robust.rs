//! Any bytes give facts: no panic, no hang, no overflow.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::{Path, PathBuf};

use pysrc::{Detail, Module, PythonVersion, read, read_as};

const VERSION: PythonVersion = PythonVersion::USUAL;

/// A small deterministic generator (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap()
    }
}

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/ai_system")
}

fn python_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            python_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "py") {
            found.push(path);
        }
    }
}

/// Every span can be turned into a place.
fn look_at(bytes: &[u8]) {
    let module = read(bytes, VERSION);
    for span in module
        .imports
        .iter()
        .map(|import| import.span)
        .chain(module.calls.iter().map(|call| call.span))
        .chain(module.syntax_errors.iter().map(|error| error.span))
    {
        let place = module.position(span);
        assert!(place.line >= 1 && place.column >= 1 && place.width >= 1);
        let _ = module.line_text(place.line);
    }
    the_outline_says_the_same(bytes, &module);
}

/// What rules look at in every file is in an outline, too.
fn the_outline_says_the_same(bytes: &[u8], whole: &Module) {
    let outline = read_as(bytes, VERSION, Detail::Outline);
    let seen = |module: &Module| {
        let imports = module
            .imports
            .iter()
            .map(|import| (&import.module, import.span, import.guard));
        let strings = module
            .strings
            .iter()
            .map(|string| (&string.text, string.looks, string.span));
        let endpoints = module
            .endpoints
            .iter()
            .map(|end| (end.bind, &end.host, end.literal_port(), end.span));
        let bindings = module
            .bindings
            .iter()
            .map(|binding| (module.name(binding.name), binding.span));
        let facts = (
            imports.collect::<Vec<_>>(),
            strings.collect::<Vec<_>>(),
            endpoints.collect::<Vec<_>>(),
            bindings.collect::<Vec<_>>(),
        );
        let errors = (&module.syntax_errors, &module.compile_errors, &module.script_error);
        let flat = (&module.all, module.dynamic_names, module.main_block, &module.encoding);
        format!("{facts:?} {errors:?} {flat:?}")
    };
    assert_eq!(seen(whole), seen(&outline), "{}", String::from_utf8_lossy(bytes));
}

#[test]
fn the_reference_tree_parses() {
    let mut files = Vec::new();
    python_files(&tree(), &mut files);
    assert!(files.len() > 90);
    for file in files {
        let module = read(std::fs::read(&file).unwrap(), VERSION);
        assert_eq!(module.syntax_errors, [], "{}", file.display());
    }
}

#[test]
fn mutated_files_never_panic() {
    let mut files = Vec::new();
    python_files(&tree(), &mut files);
    files.sort();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for file in files.iter().step_by(3) {
        let bytes = std::fs::read(file).unwrap();
        for _ in 0..6 {
            let mut mutated = bytes.clone();
            match random.below(4) {
                0 => mutated.truncate(random.below(bytes.len())),
                1 => {
                    for _ in 0..8 {
                        let at = random.below(mutated.len());
                        mutated[at] = u8::try_from(random.below(256)).unwrap();
                    }
                }
                2 => {
                    let from = random.below(mutated.len());
                    let to = (from + random.below(60)).min(mutated.len());
                    mutated.drain(from..to);
                }
                _ => {
                    let at = random.below(mutated.len());
                    let piece = b"([{'\"\"\"f'{lambda: if else\n\t \\"[random.below(20)..].to_vec();
                    mutated.splice(at..at, piece);
                }
            }
            look_at(&mutated);
        }
    }
}

#[test]
fn random_bytes_never_panic() {
    let mut random = Random(42);
    let alphabet = b"abc_ \n\t()[]{}:,.='\"#\\@*+-/%<>!01f\x00\xff\xc3\xa9if else def class import from try";
    for _ in 0..2000 {
        let length = random.below(300);
        let bytes: Vec<u8> = (0..length).map(|_| alphabet[random.below(alphabet.len())]).collect();
        look_at(&bytes);
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    let deep = 20_000;
    let mut sources = vec![
        "(".repeat(deep),
        format!("x = {}1{}", "(".repeat(deep), ")".repeat(deep)),
        format!("x = {}1", "-".repeat(deep)),
        format!("x = {}1", "not ".repeat(deep)),
        format!("x = a{}", ".b".repeat(deep)),
        format!("x = a{}", "()".repeat(deep)),
        format!("x = 1{}", " + 1".repeat(deep)),
        format!("x = a{}", " - a".repeat(deep)),
        format!("x = a{}", " % a".repeat(deep)),
        format!("if a{}:\n    pass", " < a".repeat(deep)),
        format!("x = {}1", "lambda: ".repeat(deep)),
        format!("x = {}2", "1 if a else ".repeat(deep)),
        format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("x = {}1{}", "{1:".repeat(2000), "}".repeat(2000)),
        format!("x = a{}", "[b".repeat(deep)),
        format!("{}pass", "if a: ".repeat(deep)),
    ];
    let mut blocks = String::new();
    for level in 0..400 {
        blocks.push_str(&" ".repeat(level));
        blocks.push_str(if level % 2 == 0 { "if a:\n" } else { "def f():\n" });
    }
    sources.push(blocks);
    for source in sources {
        look_at(source.as_bytes());
    }
}
