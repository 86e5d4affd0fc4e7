//! Which sources are syntax errors: the same as CPython's own parser says.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::Write;
use std::process::{Command, Stdio};

use pysrc::{Detail, PythonVersion, read, read_as};

/// Whole snippets, good and bad; each is mutated below.
const SNIPPETS: &[&str] = &[
    "import os\nfrom a.b import (c, d as e,)\nfrom . import f\n",
    "class A(B, metaclass=C):\n    x: int = 1\n    def m(self, a, /, b=1, *c, d, **e) -> int:\n        return self.x\n",
    "try:\n    pass\nexcept (A, B) as e:\n    raise X from e\nelse:\n    pass\nfinally:\n    pass\n",
    "with open('x') as f, g() as (h, i):\n    f.write(f'{a!r:>{b}} {{x}}')\n",
    "async def f():\n    async with a as b:\n        await c\n    async for d in e:\n        yield d\n",
    "x = [a for b in c if d for e in f]\ny = {**a, 'b': 1}\nz = {*a, 2}\nw = lambda a, *b, c=1, **d: (yield)\n",
    "match a:\n    case [1, *b] if c:\n        pass\n    case {'x': y, **z}:\n        pass\n    case A(b, c=d) | None:\n        pass\n    case _:\n        pass\n",
    "while a and not b or c:\n    if d:\n        break\n    elif e:\n        continue\n    else:\n        pass\nelse:\n    del f, g[1], h.i\n",
    "@a.b(c)\ndef d(): global e; e = 1; return e if e else (f := 2)\n",
    "a = b = c, *d = e\nf += 1\ng: int\nh.i: str = 'x'\nassert j, 'k'\nprint(*l, sep='', **m)\n",
    "x = 'a' 'b' f'c{d}' r'\\e' b'f'\n",
    "x = 0x1F + 0o17 + 0b11 + 1_000 + 1e5 + 2j + .5\n",
    "for i in range(10): print(i)\nx = a[1:2, ::3, ...]\n",
    "if True:\n\tx = 1\n\ty = 2\n",
    "def f(a, b):\n    \"\"\"doc\n    string\"\"\"\n    return a @ b // 2 ** -c << 3\n",
    "nonlocal_ = 1\nx = not a in b\ny = a is not b\nz = (yield_ for yield_ in a)\n",
];

/// Sources that were got wrong once, or that are easy to get wrong.
const HARD: &[&str] = &[
    "print 'hello'\n",
    "exec 'x'\n",
    "x = 08\n",
    "x = 1__0\n",
    "def f(a=1, b): pass\n",
    "f(a=1, 2)\n",
    "f(**a, *b)\n",
    "f(a for b in c, d)\n",
    "a + 1 = 2\n",
    "f() = 1\n",
    "None = 1\n",
    "True += 1\n",
    "x = (a, b\n",
    "x = 'abc\n",
    "x = '''abc\n",
    "if a:\npass\n",
    "  x = 1\n",
    "if a:\n    x\n  y\n",
    "if a:\n        x\n\ty\n",
    "import a.b as\n",
    "from a import\n",
    "from . import *\n",
    "from a import (b)\n",
    "from a import b,\n",
    "from a import *, b\n",
    "x = a b\n",
    "x = $\n",
    "x = a ? b\n",
    "x = `a`\n",
    "a <> b\n",
    "return 1\n",
    "yield 1\n",
    "await a\n",
    "break\n",
    "x = *a\n",
    "x = *a,\n",
    "*a = 1\n",
    "*a, *b = c\n",
    "del f()\n",
    "with a as f(): pass\n",
    "for f() in x: pass\n",
    "lambda: (yield)\n",
    "class A: x = 1; y\n",
    "try:\n    pass\n",
    "try:\n    pass\nexcept:\n    pass\nexcept A:\n    pass\n",
    "except* A:\n    pass\n",
    "try:\n    pass\nexcept* A:\n    pass\n",
    "f'{a'\n",
    "f'{}'\n",
    "f'}'\n",
    "f'{a!x}'\n",
    "f'{a b}'\n",
    "f\"{a[\"b\"]}\"\n",
    "type X = int\n",
    "def f[T](a): pass\n",
    "x = a if b\n",
    "else: pass\n",
    "\\\n",
    "x = 1 \\ \n",
    "x = \\\n",
    "",
    "\n\n",
    "# only a comment",
    "x = {1: 2, 3}\n",
    "x = {**a for a in b}\n",
    "x = [*a for a in b]\n",
    "(a := 1)\n",
    "a := 1\n",
    "x = (a = 1)\n",
    "if x = 1: pass\n",
    "def f(): pass pass\n",
    "async x\n",
    "raise a, b\n",
    "global\n",
    "def f(a, a): pass\n",
    "def f(*): pass\n",
    "def f(**a, b): pass\n",
    "def f(a, *, **b): pass\n",
    "f(a.b=1)\n",
    "f(True=1)\n",
    "f(a=1, a=2)\n",
    "x = u'a' b'b'\n",
    "x = b'\u{e9}'\n",
    "x = '\\x'\n",
    "x = '\\N{no such name}'\n",
    "x = \u{201c}a\u{201d}\n",
    "x = a\u{a0}b\n",
    "{{ placeholder }}\n",
    "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b\n",
    "import threa\n\nding\n",
    "from __future__ import braces\n",
    "x = 1\nfrom __future__ import annotations\n",
    "case = 1\nmatch = 2\nmatch[case]\n",
    "print(f'{x!r:{y}}')\n",
    "if 1:\n    '''a\nb'''\n",
    "__debug__ = 1\n",
    "def __debug__(): pass\n",
    "x: (yield)\n",
    "a.b: int = 1\n",
    "(a): int = 1\n",
    "a, b: int = 1\n",
    "[a]: int\n",
    "1.e\n",
    "1if a else b\n",
    "0_7\n",
    "0xg\n",
    "a.1\n",
    "@a\nx = 1\n",
    "with (a as b, c as d): pass\n",
    "with (a, b) as c: pass\n",
    "assert (a, 'b')\n",
    "for x in *a, b: pass\n",
    "x[*a]\n",
    "x[a:=1]\n",
    "x[*a:b]\n",
    "match x:\n    case a | b: pass\n",
    "match x:\n    case a: pass\n    case b: pass\n",
    "match x:\n    case {**a, 'b': 1}: pass\n",
    "match x:\n    case [*a, *b]: pass\n",
    "match x:\n    case A(a=1, a=2): pass\n",
    "match x:\n    case a, a: pass\n",
    "match x:\n    case a | 1: pass\n",
    "match x:\n    case {0: _, False: _}: pass\n",
    "match x:\n    case f'': pass\n",
    "match x:\n    case _ if y: pass\n    case _: pass\n",
    "def f(x): global x\n",
    "def f():\n    x = 1\n    global x\n",
    "def f():\n    print(x)\n    global x\n",
    "def f():\n    global x\n    print(x)\n",
    "def f():\n    x: int\n    global x\n",
    "def f():\n    global x\n    x: int = 1\n",
    "global x\nx: int = 1\n",
    "x = 1\nglobal x\n",
    "nonlocal x\n",
    "def f():\n    nonlocal x\n",
    "def f():\n    def g():\n        nonlocal x\n    x = 1\n",
    "def f():\n    global x\n    def g():\n        nonlocal x\n",
    "def f():\n    global x\n    nonlocal x\n",
    "class A:\n    def f(self):\n        nonlocal __class__\n",
    "def f():\n    from a import *\n",
    "class A:\n    from a import *\n",
    "\"doc\"\nfrom __future__ import annotations, division\n",
    "\"doc\"\n'no doc'\nfrom __future__ import division\n",
    "from __future__ import nested_scops\n",
    "def f():\n    from __future__ import division\n",
    "async def f():\n    yield 1\n    return 2\n",
    "async def f():\n    yield from a\n",
    "async def f():\n    return [await a for a in b]\n",
    "def f():\n    return [a async for a in b]\n",
    "def f():\n    return (a async for a in b)\n",
    "def f():\n    return [[a async for a in b] for b in c]\n",
    "def f():\n    async for a in b: pass\n",
    "def f():\n    async with a: pass\n",
    "lambda: await a\n",
    "async def f():\n    lambda: await a\n",
    "def f(): return [(yield a) for a in b]\n",
    "[a := 1 for a in b]\n",
    "[a for a in (b := c)]\n",
    "[a for a in b if (c := a) for c in d]\n",
    "class A:\n    x = [b := 1 for c in d]\n",
    "def f():\n    return [b := 1 for c in d]\n",
    "lambda a, a: 0\n",
    "f(a=1, b=2, a=3)\n",
    "class A(b=1, b=2): pass\n",
    "class A(*b, **c): pass\n",
    "def f(*a: *b): pass\n",
    "del __debug__\n",
    "a.__debug__ = 1\n",
    "f(__debug__=1)\n",
    "import a as __debug__\n",
    "print(__debug__)\n",
    "*a\n",
    "return_ = *a\n",
    "[*a, *b] = c\n",
    "f'{*a}'\n",
    "f'{a:{b:{c}}}'\n",
    "f'{a:{b}}'\n",
    "for a in b:\n    def c():\n        break\n",
    "for a in b:\n    try:\n        pass\n    except* c:\n        break\n",
    "def f():\n    try:\n        pass\n    except* c:\n        return\n",
    "try:\n    pass\nexcept* c:\n    for a in b:\n        break\n",
    "for a in b:\n    x = lambda: 1\n    continue\n",
];

fn mutated() -> Vec<String> {
    let mut sources: Vec<String> = HARD.iter().chain(SNIPPETS).map(|source| (*source).to_owned()).collect();
    let mut seed = 7_u64;
    let mut below = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % (limit.max(1) as u64)).unwrap()
    };
    const PIECES: &[&str] = &[
        "(", ")", ":", ",", "=", "*", "\n", " ", "    ", "'", "if ", "def ", "\"", ".", "1", "@",
    ];
    for snippet in SNIPPETS {
        for kind in 0..24 {
            let mut text: Vec<char> = snippet.chars().collect();
            let at = below(text.len());
            match kind % 4 {
                0 => text.truncate(at),
                1 => drop(text.remove(at)),
                2 => {
                    let to = (at + below(9)).min(text.len());
                    text.drain(at..to);
                }
                _ => {
                    let piece: Vec<char> = PIECES[below(PIECES.len())].chars().collect();
                    text.splice(at..at, piece);
                }
            }
            sources.push(text.into_iter().collect());
        }
    }
    sources
}

const ORACLE: &str = r#"
import ast, json, sys, warnings
warnings.simplefilter("ignore")
def judge(source):
    try:
        ast.parse(source.encode())
    except (SyntaxError, ValueError):
        return "unread"
    try:
        compile(source.encode(), "-", "exec")
    except (SyntaxError, ValueError):
        return "refused"
    return "good"
nested = ["(" * 200 + "1" + ")" * 200, "(" * 201 + "1" + ")" * 201, "1" * 4300, "1" * 4301]
nested += ["".join(" " * at + "if a:\n" for at in range(deep)) + " " * deep + "pass" for deep in (99, 100)]
sources = json.load(sys.stdin) + nested
print(json.dumps([sys.version_info[:2], *map(judge, sources)]))
"#;

#[test]
fn the_same_sources_are_syntax_errors() {
    let mut sources = mutated();
    assert!(sources.len() > 300);
    let listed: Vec<String> = sources
        .iter()
        .map(|source| format!("{source:?}"))
        .map(json_string)
        .collect();
    #[expect(
        clippy::disallowed_methods,
        reason = "the oracle of a test; this crate has no wrapper for programs"
    )]
    let mut child = Command::new("python3")
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is not there; hint: apt-get install python3");
    let input = format!("[{}]", listed.join(","));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut answers = text.trim().trim_matches(['[', ']']).split(", ");
    answers.next().unwrap();
    let minor = answers.next().unwrap().trim_matches(']').parse().unwrap();
    let version = PythonVersion { major: 3, minor };
    let answers: Vec<&str> = answers.collect();
    sources.extend([200, 201].map(|deep| format!("{}1{}", "(".repeat(deep), ")".repeat(deep))));
    sources.extend([4300, 4301].map(|digits| "1".repeat(digits)));
    for deep in [99, 100] {
        let blocks: String = (0..deep).map(|at| format!("{}if a:\n", " ".repeat(at))).collect();
        sources.push(format!("{blocks}{}pass", " ".repeat(deep)));
    }
    assert_eq!(answers.len(), sources.len());
    let count = |wanted: &str| answers.iter().filter(|answer| **answer == wanted).count();
    assert!(count("\"unread\"") > 100 && count("\"refused\"") > 40);
    let mut wrong = Vec::new();
    for (source, theirs) in sources.iter().zip(&answers) {
        let module = read(source.as_bytes(), version);
        let outline = read_as(source.as_bytes(), version, Detail::Outline);
        assert_eq!(module.syntax_errors, outline.syntax_errors, "{source:?}");
        assert_eq!(module.compile_errors, outline.compile_errors, "{source:?}");
        let (ours, why) = match (&*module.syntax_errors, &*module.compile_errors) {
            ([], []) => ("\"good\"", &[][..]),
            ([], why) => ("\"refused\"", why),
            (why, _) => ("\"unread\"", why),
        };
        if ours != *theirs {
            wrong.push(format!("{source:?}: CPython {theirs}, ours {ours} {why:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        sources.len(),
        wrong.join("\n")
    );
}

/// Rust's debug form of a string as JSON: only `\u{…}`, `\'` and `\0` differ.
fn json_string(text: String) -> String {
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at + 1..];
        if let Some(code) = escape.strip_prefix("u{") {
            let (code, after) = code.split_once('}').unwrap();
            out.push_str(&format!("\\u{code:0>4}"));
            rest = after;
        } else {
            let (character, after) = escape.split_at(1);
            match character {
                "'" => out.push('\''),
                "0" => out.push_str("\\u0000"),
                other => {
                    out.push('\\');
                    out.push_str(other);
                }
            }
            rest = after;
        }
    }
    out.push_str(rest);
    out
}
