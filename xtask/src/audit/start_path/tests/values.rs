//! What values decide: operations that fail for sure, and many that only look so. CPython 3.11 raises on each of the first
//! kind and on none of the second.

use super::{GOOD, alpha};

const BAD: &str = "start/bad-operation";

#[test]
fn what_fails_for_sure() {
    for (code, rule) in [
        ("PORT = '55x'\nint(PORT)", BAD),
        ("float('x')", BAD),
        ("conn = None\nconn.send('x')", "start/no-attribute"),
        ("def f():\n    print('x')\nx = f()\nx.send()", "start/no-attribute"),
        ("conn = None\nconn['a']", BAD),
        ("C = {'a': 1}\nC['b']", BAD),
        ("from main.shared import CONFIG\nCONFIG['prot']", BAD),
        ("L = [1, 2]\nL[2]", BAD),
        ("N = 0\n10 // N", BAD),
        ("a, b = (1, 2, 3)", BAD),
        ("def f():\n    return 1, 2\na, b, c = f()", BAD),
        ("name = 'x'\nname()", BAD),
        ("PORT = '5570'\nPORT + 1", BAD),
        ("'%d' % 'x'", BAD),
        ("'%s %s' % ('a',)", BAD),
        ("items = None\nfor i in items:\n    pass", BAD),
        ("{[1]: 2}", BAD),
        ("assert False, 'not ready'", "start/raises"),
        ("import os\nos.environ['NOT_SET']", "start/environment"),
        ("from os import environ\nenviron['NOT_SET']", "start/environment"),
        ("import os\nos.path.joinn('a')", "start/no-attribute"),
        (
            "class A:\n    def run():\n        pass\nA().run()",
            "start/argument-count",
        ),
        (
            "def f():\n    def g():\n        return x\n    g()\n    x = 1\nf()",
            "start/undefined-name",
        ),
        ("(lambda: not_there)()", "start/undefined-name"),
        (
            "class A:\n    def __init__(self):\n        self.s = None\n        self.s.send()\nA()",
            "start/no-attribute",
        ),
        (
            "from enum import Enum\nclass A(Enum):\n    X = 1\n    X = 2",
            "start/class-error",
        ),
        (
            "from enum import Enum\nclass A(Enum):\n    X = 1\nclass B(A):\n    pass",
            "start/class-error",
        ),
        (
            "from enum import Enum\nclass A(Enum):\n    X = 1\nA.Y",
            "start/no-attribute",
        ),
        (
            "from dataclasses import dataclass\n@dataclass\nclass A:\n    a: int = 1\n    b: str",
            "start/class-error",
        ),
        (
            "import dataclasses\n@dataclasses.dataclass\nclass A:\n    a: list = []",
            "start/class-error",
        ),
    ] {
        let script = format!("{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script), ("main/shared.py", "CONFIG = {'port': 1}\n")]);
        assert!(said.starts_with(&format!("CannotStart {rule} ")), "{code}\n{said}");
    }
}

#[test]
fn what_only_looks_so() {
    for code in [
        "int(' 5 '), int('1_000'), int('ff', 16), float('nan')",
        "client = None\ndef connect():\n    global client\n    client = 'x'\nconnect()\nclient.upper()",
        "x = None\nif x is not None:\n    x.foo()\nx and x.foo()",
        "x = None\nwhile x is None:\n    x = 'a'\nx.upper()",
        "C = {}\nC['a'] = 1\nC['a']",
        "def fill(d):\n    d['n'] = 1\nC = {'a': 1}\nfill(C)\nC['n']",
        "A = {'x': 1}\nB = A\nB['y'] = 2\nA['y']",
        "L = []\nL.append(5)\nL[0]",
        "L = []\nL += [1, 2]\nL[1]",
        "x = [1, 2]\na, b, c = [*x, 3]",
        "def f():\n    out = []\n    out.append(1)\n    out.append(2)\n    return out\na, b = f()",
        "import os\nos.environ['MINE'] = '5'\nint(os.environ['MINE'])",
        "import os\nos.environ['PATH'], os.environ['MACHINE_TYPE']",
        "'%d' % True, '%(x)s' % {'x': 1}, '%s' % [1, 2], '%*d' % (5, 3), '100%%' % ()",
        "'x' * 3, [1] * 2, (1,) + (2,), 1 + 2.5, {1, 2} - {1}",
        "try:\n    int('abc')\nexcept ValueError:\n    pass",
        "from contextlib import suppress\nwith suppress(KeyError):\n    {}['a']",
        "def outer():\n    x = None\n    def fill():\n        nonlocal x\n        x = 'a'\n    (lambda f: f())(fill)\n    return x.upper()\nouter()",
        "class A:\n    def __init__(self):\n        self.s = None\n        {'a': self.fill}['a']()\n        self.s.upper()\n    def fill(self):\n        self.s = 'x'\nA()",
        "from enum import Enum\nclass A(Enum):\n    X = 1\n    Y = 1\n    def f(self):\n        return self.X\nA.X.f(), A['X'], A.__members__, A.Y",
        "from enum import Enum\nclass Base(Enum):\n    def f(self):\n        return 1\nclass A(Base):\n    X = 1",
        "from dataclasses import dataclass, field, KW_ONLY\n@dataclass\nclass A:\n    a: int = 1\n    _: KW_ONLY\n    b: int\nA(b=1)",
        "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    a: list = field(default_factory=list)\n    b: int = 1\nA()",
        "async def f():\n    pass\nc = f()\nc.close()",
        "import logging\nlogging.TRACE = 5\nlogging.TRACE + 1",
        "import builtins\nbuiltins.mine = 5\nmine + 1",
        "class M(type):\n    def __call__(cls, *a):\n        return super().__call__()\nclass B(metaclass=M):\n    pass\nclass C(B):\n    def __init__(self):\n        pass\nC(1, 2)",
    ] {
        let script = format!("{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with("Starts "), "{code}\n{said}");
    }
}

const COUNT: &str = "start/argument-count";
const ATTRIBUTE: &str = "start/no-attribute";
const NAME: &str = "start/undefined-name";
const CLASS: &str = "start/class-error";

const DATA: &str = "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    a: int\n    b: list = field(default_factory=list)\n";
const FROZEN: &str = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A:\n    a: int = 1\n";
const SLOTS: &str = "class A:\n    __slots__ = ('a',)\n    def __init__(self):\n        self.a = 1\n";
const ABSTRACT: &str = "from abc import ABC, ABCMeta, abstractmethod\nclass A(metaclass=ABCMeta):\n    @abstractmethod\n    def run(self): ...\n";
const KINDS: &str = "from enum import Enum\nclass A(Enum):\n    X = 1\n    Y = 2\n";

/// Constructors that are made, named tuples, `lambda`s, the standard library: what they take, and what they do not.
#[test]
fn calls_that_do_not_fit() {
    for (setup, code) in [
        (DATA, "A()"),
        (DATA, "A(1, [], 3)"),
        (DATA, "A(a=1, c=2)"),
        (DATA, "@dataclass\nclass B(A):\n    c: int = 3\nB(c=1)"),
        (
            "from dataclasses import *\nimport dataclasses as d\n",
            "@d.dataclass(kw_only=True)\nclass A:\n    a: int\nA(1)",
        ),
        (
            "from collections import namedtuple\nP = namedtuple('P', 'x y')\n",
            "P(1)",
        ),
        (
            "from collections import namedtuple\nP = namedtuple('P', ['x', 'y'], defaults=[1])\n",
            "P(1, 2, 3)",
        ),
        (
            "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 1\n",
            "P(z=1)",
        ),
        ("f = lambda a, b=1: a\n", "f()"),
        ("", "(lambda a: a)(1, 2)"),
        ("import json\n", "json.dumps({}, indnt=2)"),
        ("import threading\n", "threading.Thread(taget=print)"),
        ("", "print('a', ends='')"),
        ("import asyncio\n", "asyncio.Queue(loop=None)"),
    ] {
        let script = format!("{setup}{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with(&format!("CannotStart {COUNT} ")), "{script}\n{said}");
    }
}

#[test]
fn calls_that_fit() {
    for (setup, code) in [
        (DATA, "A(1), A(a=1), A(1, [2]), A(*[1]), A(**{'a': 1})"),
        (DATA, "@dataclass\nclass B(A):\n    a: int = 5\nB()"),
        (
            DATA,
            "@dataclass\nclass B:\n    a: int = field(init=False)\n    c: int = field(kw_only=True, default=1)\nB(), B(c=1)",
        ),
        (DATA, "class B:\n    x = 5\n@dataclass\nclass C(B):\n    x: int\nC()"),
        (
            DATA,
            "def wrap(c):\n    return lambda *a: None\n@wrap\n@dataclass\nclass B:\n    a: int\nB()",
        ),
        (
            "from dataclasses import dataclass\nfrom typing import ClassVar as C\n",
            "@dataclass\nclass A:\n    a: C[int] = 1\n    b: int = 2\nA(3)",
        ),
        (
            "from dataclasses import dataclass\n",
            "@dataclass\nclass A:\n    a: int\n    a = 5\nA()",
        ),
        (
            "from dataclasses import dataclass\n",
            "@dataclass\nclass A:\n    if True:\n        a: int\nA(1)",
        ),
        (
            "from collections import namedtuple\n",
            "P = namedtuple('P', 'x y')\nP.__new__.__defaults__ = (1,)\nP(1)",
        ),
        (
            "from collections import namedtuple\n",
            "P = namedtuple('P', 'x y', defaults=(None,) * 2)\nP()",
        ),
        (
            "f = lambda: 1\n",
            "def on():\n    global f\n    f = lambda x: x\non()\nf(1)",
        ),
        (
            "import json\n",
            "class E(json.JSONEncoder): pass\njson.dumps({}, cls=E, extra=5)",
        ),
        ("import time\n", "time.sleep = print\ntime.sleep('5')"),
        (
            "from enum import Enum\n",
            "class A(Enum):\n    X = (1, 2)\n    def __init__(self, a, b):\n        self.a = a\nA((1, 2))",
        ),
    ] {
        let script = format!("{setup}{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with("Starts "), "{script}\n{said}");
    }
}

/// What values of known types do not have, do not take and cannot be used for.
#[test]
fn values_of_known_types() {
    for (setup, code, rule) in [
        ("", "'a'.foo()", ATTRIBUTE),
        ("L = []\n", "L.push(1)", ATTRIBUTE),
        ("D = {}\n", "def f():\n    return D.has_key(1)\nf()", ATTRIBUTE),
        ("", "','.join([1, 2])", BAD),
        ("", "1 < 'a'", BAD),
        ("LIMIT = None\n", "if LIMIT > 5:\n    pass", BAD),
        ("", "-'a'", BAD),
        ("", "1 in 5", BAD),
        ("x = 'a'\n", "x += 1", BAD),
        ("lock = None\n", "with lock:\n    pass", BAD),
        ("", "print(*5)", BAD),
        ("def f(**k): pass\n", "f(**None)", BAD),
        ("import time\n", "time.sleep('5')", BAD),
        ("", "sorted(None)", BAD),
        (
            "class A:\n    @property\n    def name(self):\n        return 'x'\n",
            "A().name()",
            BAD,
        ),
        (
            "class A:\n    def __init__(self):\n        self._n = 5\n    @property\n    def n(self):\n        return self._n\n",
            "A().n()",
            BAD,
        ),
        (KINDS, "A(5)", BAD),
        (KINDS, "A['Q']", BAD),
        (FROZEN, "x = A()\nx.a = 2", ATTRIBUTE),
        (
            FROZEN,
            "@dataclass(frozen=True)\nclass B:\n    a: int\n    def __post_init__(self):\n        self.a = 2\nB(1)",
            ATTRIBUTE,
        ),
        (
            SLOTS,
            "class B:\n    __slots__ = ()\n    def __init__(self):\n        self.b = 1\nB()",
            ATTRIBUTE,
        ),
        (ABSTRACT, "A()", CLASS),
        ("class A: pass\n", "class B(object, A): pass", CLASS),
        (
            "from abc import ABC\nclass A(ABC): pass\n",
            "class B(ABC, A): pass",
            CLASS,
        ),
        (
            "",
            "class A:\n    limit = 3\n    table = [limit for _ in range(3)]",
            NAME,
        ),
        (
            "",
            "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    pass\nprint(e)",
            NAME,
        ),
        (
            "",
            "try:\n    int('5')\nexcept ValueError as e:\n    pass\nprint(e)",
            NAME,
        ),
    ] {
        let script = format!("{setup}{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with(&format!("CannotStart {rule} ")), "{script}\n{said}");
    }
}

#[test]
fn values_that_only_look_so() {
    for (setup, code) in [
        (
            "S = ''\n",
            "def f():\n    global S\n    S = type('Z', (), {'foo': 5})\nf()\nS.foo",
        ),
        ("class S(str):\n    def foo(self):\n        return 1\n", "S('a').foo()"),
        (
            "limit = None\n",
            "def f():\n    global limit\n    limit = 5\nf()\nlimit > 3\n-limit",
        ),
        (
            "class V:\n    def __radd__(self, o):\n        return 'a'\n",
            "x = 1\nx += V()\nx += 'b'",
        ),
        (
            "class V:\n    def __lt__(self, o):\n        return True\n",
            "V() < 5\n5 > V()",
        ),
        (
            "",
            "{1} < {2}, (1,) < (2,), None == 3, 'a' in 'abc', print(*'ab', **{})",
        ),
        (
            "class A:\n    @property\n    def f(self):\n        return print\n",
            "A().f()",
        ),
        (KINDS, "A(1), A['X']\ntry:\n    A(5)\nexcept ValueError:\n    pass"),
        (
            "from enum import Enum\n",
            "class A(Enum):\n    X = 1\n    @classmethod\n    def _missing_(cls, v):\n        return cls.X\nA(9)",
        ),
        (
            FROZEN,
            "from dataclasses import replace\nx = A()\nx = replace(x, a=5)\ntry:\n    x.a = 1\nexcept AttributeError:\n    pass",
        ),
        (SLOTS, "class B(A):\n    def __init__(self):\n        self.b = 1\nB()"),
        (
            SLOTS,
            "class B(A):\n    __slots__ = ('__dict__',)\n    def __init__(self):\n        self.b = 1\nB()",
        ),
        (ABSTRACT, "class B(A):\n    def run(self):\n        pass\nB()"),
        (ABSTRACT, "class B(A): pass\nclass C(ABC, A): pass\nA.register(str)"),
        (
            "limit = 5\n",
            "class A:\n    limit = 3\n    rows = [1]\n    t = [limit for _ in rows]\n    u = [r for r in rows]",
        ),
        (
            "e = None\n",
            "try:\n    int('5')\nexcept ValueError as e:\n    pass\nprint(e)",
        ),
    ] {
        let script = format!("{setup}{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with("Starts "), "{script}\n{said}");
    }
}

/// What stands behind a `return` that is behind a branch is not always reached.
#[test]
fn what_an_early_return_leaves_open() {
    for (code, prediction) in [
        (
            "def f(x):\n    if x:\n        return 1\n    raise ValueError('no')\nf(os.getpid())",
            "Starts ",
        ),
        (
            "def f(x):\n    for i in range(3):\n        if i == x:\n            return i\n    raise KeyError(x)\nf(os.getpid())",
            "Starts ",
        ),
        (
            "def f(x):\n    with open('/dev/null'):\n        if x:\n            return\n    raise KeyError(x)\nf(os.getpid())",
            "Starts ",
        ),
        (
            "def f(x):\n    if x:\n        return 'a'\n    return 1 / 0\nf(os.getpid())",
            "Starts ",
        ),
        (
            "def f(x):\n    if x:\n        return 'a'\n    return not_there\nf(os.getpid())",
            "MayNot start/undefined-name ",
        ),
        (
            "def f(x):\n    if not x:\n        return\n    not_there()\nf(os.getpid())",
            "MayNot start/undefined-name ",
        ),
        (
            "def f(x):\n    if x:\n        return 'a'\nf(os.getpid())\nnot_there()",
            "CannotStart start/undefined-name ",
        ),
        (
            "def f(x):\n    while True:\n        if x:\n            break\n        return 1 / 0\nf(os.getpid())",
            "Starts ",
        ),
        (
            "def f():\n    try:\n        print()\n    except ValueError:\n        return 1\n    else:\n        raise KeyError\nf()",
            "Starts ",
        ),
        ("import __main__\n__main__.f = 5", "Starts "),
    ] {
        let script = format!("import os\n{code}\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with(prediction), "{code}\n{said}");
    }
}

/// A manager that keeps exceptions to itself: nothing is certain any more. Of a generator it is seen which it keeps.
#[test]
fn what_a_with_statement_may_swallow() {
    for manager in [
        "import time\nclass Quiet:\n    on = False\n    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        while not self.on:\n            time.sleep(1)\n",
        "from contextlib import suppress\nclass Quiet(suppress):\n    pass\n",
    ] {
        let script = format!("{manager}with Quiet():\n    1 / 0\n{GOOD}");
        let (said, _) = alpha(&[("main/alpha.py", &script)]);
        assert!(said.starts_with("MayNot start/bad-operation "), "{manager}\n{said}");
    }
    let plain = "class Loud:\n    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        return False\n";
    let script = format!("{plain}with Loud():\n    1 / 0\n{GOOD}");
    let (said, _) = alpha(&[("main/alpha.py", &script)]);
    assert!(said.starts_with("CannotStart start/bad-operation "), "{said}");
}
