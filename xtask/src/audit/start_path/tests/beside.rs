//! What changes behind the back of a name: each of these scripts runs on CPython 3.11, and fails if the last condition were true.

/// What runs before, and a condition that does not hold then.
const CHANGED: &[(&str, &str)] = &[
    // In place, by another name.
    ("a = [1]\nb = a\nb += [2]", "len(a) != 2"),
    ("a = [1]\nb = a\nb *= 2", "len(a) != 2"),
    (
        "class A:\n    def __init__(self):\n        self.a = [1]\nx = A()\nb = x.a\nb += [2]",
        "len(x.a) != 2",
    ),
    ("def f(all):\n    all += [1]\na = [5]\nf(a)", "len(a) != 2"),
    (
        "class A:\n    names = []\n    def __init__(self, n):\n        self.names += [n]\nA('x')",
        "not A.names",
    ),
    ("a = b = {}\nb['x'] = 1", "not a"),
    (
        "def f(all):\n    all = all or []\n    all.append(1)\na = [5]\nf(a)",
        "len(a) != 2",
    ),
    ("d = {'a': 1}\nk = d.keys()\nd['b'] = 2", "len(k) != 2"),
    // By what was put away, and is called by whoever looks it up.
    (
        "class A:\n    def __init__(self):\n        self.d = {'a': 1}\n        self.h = {'s': self.on}\n        self.h['s']()\n    def on(self):\n        \
         d = self.d\n        d['b'] = 2\na = A()",
        "'b' not in a.d",
    ),
    (
        "class A:\n    def __init__(self):\n        self.d = {'a': 1}\n    def on_x(self):\n        self.d['b'] = 2\na = A()\ngetattr(a, 'on_' + \
         str(a)[:0] + 'x')()",
        "'b' not in a.d",
    ),
    // By what a library calls.
    (
        "import threading\nready = False\nclass T(threading.Thread):\n    def run(self):\n        global ready\n        ready = True\nt = \
         T()\nt.start()\nt.join()",
        "not ready",
    ),
    (
        "n = 0\ndef go(x):\n    global n\n    n = 1\n    return 1\nrows = [2, 1]\nrows.sort(key=go)",
        "n == 0",
    ),
    (
        "import json\nn = 0\ndef go(x):\n    global n\n    n = 1\n    return x\njson.loads('{}', object_hook=go)",
        "n == 0",
    ),
    (
        "class K:\n    v = 0\nk = K()\ndef go(x):\n    k.v = 1\n    return x\nmax([1, 2], key=go)",
        "k.v == 0",
    ),
    (
        "class K:\n    v = 0\nk = K()\ndef go(*a):\n    o = k\n    o.v = 1\n    return 1\nlist(map(go, [1]))",
        "k.v == 0",
    ),
    (
        "n = 0\nclass A:\n    def __len__(self):\n        global n\n        n = 1\n        return 1\nlen(A())",
        "n == 0",
    ),
    // By what an object says of itself.
    (
        "class A:\n    def __init__(self):\n        self.s = 1\na = A()\ndel a.s",
        "hasattr(a, 's')",
    ),
    ("class A:\n    k = 1\nclass B(A):\n    k = 2\ndel B.k", "B.k != 1"),
    (
        "class A:\n    def __init__(self, **kw):\n        self.__dict__ = kw\na = A(v=1)",
        "a.v != 1",
    ),
    (
        "class A:\n    k = 1\nclass B(A):\n    k = 2\na = A()\na.__class__ = B",
        "a.k != 2",
    ),
    (
        "class U:\n    def __setattr__(self, k, v):\n        self.__dict__[k] = v.upper()\nu = U()\nu.n = 'a'",
        "u.n != 'A'",
    ),
    // Values that look alike.
    ("d = {1: 'a', True: 'b'}", "len(d) != 1"),
    ("v = 1", "v is True or v is False"),
    ("import enum\nclass S(enum.Enum):\n    A = 'a'", "'a' in (S.A,)"),
    ("n = 1\ndef f(x=n):\n    return x\nn = 2", "f() != 1"),
    ("x = int('11', base=2)", "x != 3"),
    ("from pathlib import Path", "str(Path('./a/')) != 'a'"),
    ("from pathlib import Path", "str(Path('')) != '.'"),
    (
        "from pathlib import Path\np = Path('/a/b')\nn = 0\nwhile p != p.parent:\n    p = p.parent\n    n += 1",
        "n != 2",
    ),
    ("import os", "os.path.dirname('/a/b/') != '/a/b'"),
    ("import os", "os.path.normpath('a') != 'a'"),
];

#[test]
fn what_is_changed_behind_its_back_is_not_sure() {
    for (before, condition) in CHANGED {
        let code = format!("{before}\nif {condition}:\n    ding()");
        let script = format!("{code}\n{}", super::GOOD);
        let (found, _) = super::alpha(&[("main/alpha.py", &script)]);
        assert!(!found.starts_with("CannotStart"), "{code}\n{found}");
    }
}
