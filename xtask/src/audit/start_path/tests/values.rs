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

/// A manager that keeps exceptions to itself: nothing is certain any more.
#[test]
fn what_a_with_statement_may_swallow() {
    for manager in [
        "class Quiet:\n    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n        return True\n",
        "from contextlib import contextmanager\n@contextmanager\ndef Quiet():\n    try:\n        yield\n    except Exception:\n        pass\n",
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
