//! Dataclasses, what is above a class, protocols, and functions with some of their arguments. CPython 3.11 fails where `CannotStart` is
//! said, at that place, and goes on where `Starts` is.

use super::all_say;

const ARGUMENTS: &str = "CannotStart start/argument-count";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";
const NAME: &str = "CannotStart start/undefined-name";

/// A dataclass, and what is done with it.
fn record(body: &str, then: &str) -> String {
    format!(
        "from dataclasses import dataclass, field, replace\nfrom typing import Optional\n@dataclass\nclass C:\n{body}\n{then}"
    )
}

#[test]
fn dataclasses_have_what_they_are_given() {
    for (body, then, said) in [
        (
            "    a: int = 1\n    def f(self):\n        return self.b",
            "C().f()",
            ATTRIBUTE,
        ),
        (
            "    a: int = 1\n    def f(self, n):\n        return n",
            "C().f()",
            ARGUMENTS,
        ),
        ("    a: Optional[str] = None", "c = C()\nc.a.lower()", ATTRIBUTE),
        (
            "    a: int = 1\n    def f(self):\n        return ding",
            "C(2).f()",
            NAME,
        ),
        (
            "    a: int = 1\n    def __post_init__(self):\n        self.b = self.a",
            "c = C()\nc.b",
            "Starts ",
        ),
        (
            "    a: int = 1\n    def f(self):\n        return self.a",
            "C().f()\nc = C()\nc.b = 1\nc.b",
            "Starts ",
        ),
        (
            "    a: list = field(default_factory=list)",
            "c = C()\nc.a.append(1)\nif not c.a:\n    ding",
            "MayNot start/undefined-name",
        ),
        (
            "    a: int = 0\n    def __iter__(self):\n        return iter((1, 2))",
            "x, y = C()",
            "Starts ",
        ),
        (
            "    a: int = 0\n    def __init__(self, text):\n        self.a = int(text)",
            "C('3').a + 1",
            "Starts ",
        ),
        ("    a: int = 0", "class D(C):\n    pass\nD(1).a\nD(a=1)", "Starts "),
        (
            "    a: int = 0",
            "replace(C(), a=1).a + 1\nC() == C(1)\nprint(C(), {**vars(C())})",
            "Starts ",
        ),
        (
            "    a: int = 0\n    def __getattr__(self, name):\n        return name",
            "C().zzz",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&record(body, then), said)]);
    }
    let frozen = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass C:\n    a: int = 0\n    def __post_init__(self):\n        object.__setattr__(self, 'a', self.a or None)\n";
    all_say(
        &[],
        &[
            (&format!("{frozen}c = C(1)\nc.a = 2"), ATTRIBUTE),
            (&format!("{frozen}c = C()\nif c.a == 0:\n    ding"), "Starts "),
        ],
    );
}

#[test]
fn nothing_above_has_it() {
    let base = "class B:\n    def __init__(self):\n        self.b = 1\n    def go(self):\n        pass\n";
    for (then, said) in [
        (
            "class A(B):\n    def stop(self):\n        super().stop()\nA().stop()",
            ATTRIBUTE,
        ),
        (
            "class A(B):\n    def stop(self):\n        super().b\nA().stop()",
            ATTRIBUTE,
        ),
        (
            "class A(B):\n    def go(self):\n        super().go()\nA().go()",
            "Starts ",
        ),
        (
            "class M:\n    def go(self):\n        return super().go()\nclass A(M, B):\n    pass\nA().go()",
            "Starts ",
        ),
        (
            "class A(B):\n    def stop(self):\n        try:\n            super().stop()\n        except AttributeError:\n            pass\nA().stop()",
            "Starts ",
        ),
        (
            "B.stop = lambda self: 1\nclass A(B):\n    def stop(self):\n        super().stop()\nA().stop()",
            "Starts ",
        ),
        (
            "import queue\nclass A(queue.Queue):\n    def stop(self):\n        super().put(1)\nA().stop()",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("{base}{then}"), said)]);
    }
}

#[test]
fn classes_that_take_others_for_their_own() {
    for code in [
        "from typing import Protocol, runtime_checkable\n@runtime_checkable\nclass P(Protocol):\n    def go(self): ...\nclass A:\n    def go(self):\n        pass\nif not isinstance(A(), P):\n    ding",
        "import abc\nclass P(abc.ABC):\n    pass\n@P.register\nclass A:\n    pass\nif not isinstance(A(), P):\n    ding",
        "class M(type):\n    def __instancecheck__(cls, it):\n        return True\nclass P(metaclass=M):\n    pass\nclass A:\n    pass\nif not isinstance(A(), P):\n    ding",
    ] {
        all_say(&[], &[(code, "")]);
        let (said, _) = super::alpha(&[("main/alpha.py", &format!("{code}\n{}", super::GOOD))]);
        assert!(!said.starts_with("CannotStart"), "{code}\n{said}");
    }
    let plain = "class P:\n    pass\nclass A:\n    pass\nif not isinstance(A(), P):\n    ding";
    all_say(&[], &[(plain, NAME)]);
}

#[test]
fn functions_with_some_of_their_arguments() {
    let make = "from functools import partial\ndef make(host, *, port, tries=3):\n    return port + 1\n";
    for (then, said) in [
        ("partial(make, 'h', prot=3)(port=5)", ARGUMENTS),
        ("m = partial(make, 'h')\nm()", ARGUMENTS),
        ("m = partial(make, 'h', port=1)\nm(2)", ARGUMENTS),
        (
            "m = partial(make, 'h', port='1')\nm()",
            "CannotStart start/bad-operation",
        ),
        ("m = partial(make, 'h', port='1')\nm(port=1)", "Starts "),
        ("m = partial(partial(make, 'h'), port=1)\nm(tries=2)", "Starts "),
        (
            "class A:\n    def __init__(self, a, b=1):\n        self.a = a\nM = partial(A, b=2)\nM(1).a\nM.func",
            "Starts ",
        ),
        ("m = partial(print, sep='')\nm(1)", "Starts "),
    ] {
        all_say(&[], &[(&format!("{make}{then}"), said)]);
    }
}

#[test]
fn enumerations_slots_and_metaclasses_that_python_refuses() {
    const REFUSED: &str = "CannotStart start/class-error";
    all_say(
        &[],
        &[
            (
                "import enum\n@enum.unique\nclass A(enum.Enum):\n    X = 1\n    Y = 1",
                REFUSED,
            ),
            (
                "from enum import Enum, unique\n@unique\nclass A(Enum):\n    X = 1\n    Y = '1'",
                "Starts ",
            ),
            ("import enum\nclass A(enum.Enum):\n    X = 1\n    Y = 1", "Starts "),
            ("class A:\n    __slots__ = ('x', 'y')\n    x = 1", REFUSED),
            ("class A:\n    __slots__ = ('x',)\n    x: int\n    z = 1", "Starts "),
            (
                "from abc import ABC\nimport enum\nclass A(ABC, enum.Enum): pass",
                REFUSED,
            ),
            (
                "from abc import ABC\nimport enum\nclass M(type(ABC), type(enum.Enum)): pass\nclass A(ABC, enum.Enum, metaclass=M): pass",
                "Starts ",
            ),
            (
                "import enum\nclass Base: pass\nclass A(Base, str, enum.Enum):\n    X = 'a'",
                "Starts ",
            ),
        ],
    );
}
