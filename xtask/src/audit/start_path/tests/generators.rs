//! Code that runs where it is not called by name: bodies of generators, descriptors, setters, functions that never end. CPython 3.11
//! fails where `CannotStart` is said, at that place, and goes on where `Starts` is.

use super::{all_say, alone_says};

const NAME: &str = "CannotStart start/undefined-name";
const MAY: &str = "MayNot start/undefined-name";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";
const OPERATION: &str = "CannotStart start/bad-operation";
const RAISES: &str = "CannotStart start/raises";

#[test]
fn generators_run_where_they_are_gone_through() {
    all_say(
        &[],
        &[
            (
                "def f():\n    yield 1\n    yield ding\nfor x in f():\n    print(x)",
                NAME,
            ),
            (
                "def f():\n    yield 1\n    yield ding\nfor x in f():\n    break",
                "Starts ",
            ),
            ("def f():\n    yield 1\n    yield ding\nnext(f())", "Starts "),
            ("def f():\n    ding\n    yield 1\nnext(f())", NAME),
            ("def f():\n    yield ding\nx = f()", "Starts "),
            ("def f():\n    yield ding\nx = f()\nlist(x)", NAME),
            ("def f():\n    yield 1\n    yield ding\nsum(f())", NAME),
            ("def f():\n    yield ''\n    ding\n','.join(f())", NAME),
            ("def f():\n    yield 1\n    ding\n[x for x in f()]", NAME),
            (
                "def g():\n    yield ding\ndef f():\n    yield 1\n    yield from g()\nlist(f())",
                NAME,
            ),
            ("def f():\n    yield 1\n    yield ding\nany(f())", MAY),
            (
                "def f():\n    try:\n        yield 1\n    finally:\n        ding\nfor x in f():\n    break",
                "Starts ",
            ),
            (
                "def f():\n    try:\n        yield 1\n    finally:\n        ding\nfor x in f():\n    pass",
                NAME,
            ),
            ("def f():\n    yield 1, 2, 3\nfor a, b in f():\n    pass", OPERATION),
            ("def f():\n    yield 'a', 2\nfor a, b in f():\n    a + b", OPERATION),
            (
                "def f():\n    yield 'a'\nfor at, text in enumerate(f()):\n    text + at",
                OPERATION,
            ),
            (
                "def f():\n    for x in ('a', 'b'):\n        yield x\nfor x in f():\n    x.upper()\n    if x == 'b':\n        ding",
                NAME,
            ),
            (
                "def f():\n    yield 1\ndef g():\n    for x in f():\n        return x\n    ding\ng()",
                "Starts ",
            ),
            (
                "def f():\n    while True:\n        yield 1\nfor x in f():\n    break\nding",
                NAME,
            ),
            ("x = (ding for _ in range(3))", "Starts "),
            ("x = list(ding for _ in range(3))", NAME),
            (
                "class A:\n    def parts(self):\n        yield self.gone\nfor part in A().parts():\n    pass",
                ATTRIBUTE,
            ),
            ("import asyncio\nasync def f():\n    yield ding\nf()", "Starts "),
        ],
    );
    // What goes through it is raised where it stands, not in the generator.
    all_say(
        &[],
        &[(
            "def f():\n    try:\n        yield 1\n    except NameError:\n        pass\nfor x in f():\n    ding",
            NAME,
        )],
    );
}

#[test]
fn managers_that_are_written_as_generators() {
    let with = |body: &str, after: &str| {
        format!("from contextlib import contextmanager\n@contextmanager\ndef f(name='a'):\n{body}\n{after}")
    };
    all_say(
        &[],
        &[
            (&with("    yield 1\n    ding", "with f():\n    pass"), NAME),
            (&with("    ding\n    yield 1", "f()"), "Starts "),
            (&with("    yield 1", "with f() as x:\n    ding"), NAME),
            (
                &with(
                    "    try:\n        yield 1\n    finally:\n        ding",
                    "with f():\n    pass",
                ),
                NAME,
            ),
            (
                &with(
                    "    try:\n        yield 1\n    except NameError:\n        pass",
                    "with f():\n    ding",
                ),
                "Starts ",
            ),
            (
                &with(
                    "    try:\n        yield 1\n    except KeyError:\n        pass",
                    "with f():\n    ding",
                ),
                NAME,
            ),
            (
                &with(
                    "    try:\n        yield 1\n    except NameError:\n        raise",
                    "with f():\n    ding",
                ),
                NAME,
            ),
            (
                &with("    yield 1", "with f(1, 2):\n    pass"),
                "CannotStart start/argument-count",
            ),
            (
                &with(
                    "    yield 1\n    ding",
                    "def g():\n    with f():\n        return 1\ng()",
                ),
                NAME,
            ),
            (
                &with("    yield 1", "def g():\n    with f():\n        return 1\ng()\nding"),
                NAME,
            ),
        ],
    );
}

#[test]
fn descriptors_and_setters_run() {
    let descriptor = "class D:\n    def __set_name__(self, owner, name):\n        self.slot = '_' + name\n    def __get__(self, obj, owner=None):\n        \
                      if obj is None:\n            return self\n        return READ\n    def __set__(self, obj, value):\n        if value < 0:\n            \
                      raise ValueError('negative')\n        obj.kept = value\n";
    let sound = descriptor.replace("READ", "obj.kept");
    let broken = descriptor.replace("READ", "ding");
    all_say(
        &[],
        &[
            (
                &format!("{sound}class A:\n    x = D()\nA.x.slot.upper()\na = A()\na.x = 1\na.x"),
                "Starts ",
            ),
            (&format!("{sound}class A:\n    x = D()\na = A()\na.x = -1"), RAISES),
            (&format!("{broken}class A:\n    x = D()\na = A()\na.x"), NAME),
            (&format!("{broken}class A:\n    x = D()\nA.x"), "Starts "),
            (
                "class D:\n    def __set_name__(self, owner, name):\n        ding\nclass A:\n    x = D()",
                NAME,
            ),
            (
                "class D:\n    def __set_name__(self, owner, name):\n        ding\nx = D()",
                "Starts ",
            ),
            (
                "class A:\n    @property\n    def x(self):\n        return self._x\n    @x.setter\n    def x(self, value):\n        ding\nA().x = 1",
                "Starts ",
            ),
            (
                "class A:\n    @property\n    def x(self):\n        return self._x\n    @x.setter\n    def x(self, value):\n        ding\na = A()\na.x = 1",
                NAME,
            ),
            (
                "class A:\n    @property\n    def x(self):\n        return self._x\n    @x.setter\n    def x(self, value):\n        self._x = value\n\
                 a = A()\na.x = 1\na.x.bit_length()",
                "Starts ",
            ),
            (
                "class A:\n    @property\n    def x(self):\n        return self._x\n    @x.setter\n    def x(self, value):\n        self._x = value\na = A()\na.x",
                ATTRIBUTE,
            ),
            (
                "class A:\n    def __getattr__(self, name):\n        return ding\nA().x",
                NAME,
            ),
            (
                "class A:\n    x = 1\n    def __getattr__(self, name):\n        return ding\na = A()\na.x",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn a_return_from_finally_forgets_what_was_raised() {
    all_say(
        &[],
        &[
            (
                "def f():\n    try:\n        raise ValueError('x')\n    finally:\n        return 1\nf()",
                "Starts ",
            ),
            (
                "def f():\n    try:\n        ding\n    finally:\n        return 1\nf()",
                "Starts ",
            ),
            (
                "def f():\n    try:\n        ding\n    finally:\n        print()\nf()",
                NAME,
            ),
            (
                "for x in (1, 2):\n    try:\n        ding\n    finally:\n        break",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn functions_that_never_end() {
    all_say(
        &[],
        &[
            ("def f(n):\n    return f(n + 1)\nf(1)", RAISES),
            ("def f(n):\n    return g(n)\ndef g(n):\n    return f(n)\nf(1)", RAISES),
            ("def f(n):\n    return f(n - 1) if n else 1\nf(3)", "Starts "),
            (
                "def f(n):\n    if n == 0:\n        return 1\n    return f(n - 1)\nf(30)",
                "Starts ",
            ),
            ("def f(n):\n    return n and f(n - 1)\nf(3)", "Starts "),
            (
                "def f(parts):\n    for part in parts:\n        f(part)\nf([[], []])",
                "Starts ",
            ),
            (
                "def f(items):\n    items.pop()\n    f(items)\ntry:\n    f([1])\nexcept IndexError:\n    pass",
                "Starts ",
            ),
            (
                "def f(n):\n    f(n)\ntry:\n    f(1)\nexcept RecursionError:\n    pass",
                "Starts ",
            ),
            ("def f(go):\n    go(lambda go: 1)\nf(f)", "Starts "),
            ("import time\ndef f():\n    time.sleep(1)\n    f()\nf()", "Starts "),
            (
                "class A:\n    def __init__(self):\n        self.x = 1\n    @property\n    def x(self):\n        return self.x\n    @x.setter\n    def x(self, value):\n        self.x = value\nA()",
                RAISES,
            ),
            (
                "class A:\n    def __getattr__(self, name):\n        return self.kept[name]\nA().x",
                RAISES,
            ),
            (
                "class A:\n    def __init__(self, inner=None):\n        self.inner = inner\n    def go(self):\n        return self.inner.go()\nclass B(A):\n    def go(self):\n        return 1\nA(A(B())).go()",
                "Starts ",
            ),
        ],
    );
    // The last call that Python makes is the one that is one too many.
    alone_says(
        "def load(depth=0):\n    return merge(depth)\ndef merge(depth):\n    return load(depth + 1)\nload()\n",
        "CannotStart start/raises [main/alpha.py:5 → main/alpha.py:2 → main/alpha.py:4 → main/alpha.py:2",
    );
}
