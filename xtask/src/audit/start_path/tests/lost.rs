//! Objects and functions that are lost from sight: what is known of them before says nothing of them after. Every script starts under
//! CPython 3.11, given that others run what they are given, and that `chance` decides so.

use super::all_say;

/// What is imported of others.
const WITH: [(&str, &str); 1] = [("requirements.core.txt", "pyzmq\nlib-of-others\n")];

/// Something that gets an attribute after it was made.
const LATER: &str = "import os, random, lib_of_others\nclass T:\n    def __init__(self):\n        self.name = 'x'\n    def open(self):\n        self.fd = 1\n    def open2(self):\n        self.fd = 2\nclass H:\n    def __init__(self, t):\n        self.t = t\n    def go(self):\n        self.t.open()\nclass H2(H):\n    pass\nasync def one(t):\n    t.open()\nasync def two(t):\n    t.open2()\nt = T()\nc = random.random() > 0.5\n";

const LATER_CASES: &[&str] = &[
    "@lib_of_others.on('ready')\ndef ready():\n    t.open()\nlib_of_others.wait()\nt.fd",
    "app = lib_of_others.App()\n@app.event\ndef ready():\n    t.open()\napp.wait()\nt.fd",
    "app = lib_of_others.App()\ndef main(t):\n    @app.on('x')\n    def ready():\n        t.open()\n    app.wait()\n    t.fd\nmain(t)",
    "if c:\n    k = one(t)\nelse:\n    k = two(t)\nlib_of_others.run(k)\nt.fd",
    "import asyncio\nif c:\n    k = one(t)\nelse:\n    k = two(t)\nloop = asyncio.get_event_loop()\nloop.run_until_complete(k)\nt.fd",
    "k = None\nif c:\n    k = one(t)\nif k:\n    lib_of_others.run(k)\nt.fd",
    "ks = []\nif c:\n    ks.append(one(t))\nelse:\n    ks.append(two(t))\nlib_of_others.run(ks)\nt.fd",
    "ks = [one(t), two(t)]\nlib_of_others.run(ks)\nt.fd",
    "k = one(t) if c else two(t)\nlib_of_others.run(k)\nt.fd",
    "ks = {}\nif c:\n    ks['a'] = one(t)\nlib_of_others.run(ks)\nt.fd",
    "class B: pass\nb = B()\nif c:\n    b.k = one(t)\nelse:\n    b.k = two(t)\nlib_of_others.run(b.k)\nt.fd",
    "def f():\n    if c:\n        return one(t)\n    return two(t)\nlib_of_others.run(f())\nt.fd",
    "for f in (one, two):\n    k = f(t)\nlib_of_others.run(k)\nt.fd",
    "if c:\n    f = t.open\nelse:\n    f = t.open2\nlib_of_others.run(f)\nt.fd",
    "f = t.open if c else t.open2\nlib_of_others.run(f)\nt.fd",
    "if c:\n    h = H(t)\nelse:\n    h = H2(t)\nlib_of_others.run(h)\nt.fd",
    "if c:\n    h = H(t)\nelse:\n    h = H2(t)\nh.go()\nt.fd",
    "if c:\n    f = t.open\nelse:\n    f = t.open2\nf()\nt.fd",
    "fs = [t.open]\nif c:\n    fs.append(t.open2)\nfs[-1]()\nt.fd",
    "fs = []\nif c:\n    fs.append(t.open2)\nfor f in fs:\n    f()\nt.fd",
    "import functools\nif c:\n    f = functools.partial(T.open, t)\nelse:\n    f = functools.partial(T.open2, t)\nlib_of_others.run(f)\nt.fd",
    "import functools\nif c:\n    f = functools.partial(T.open, t)\nelse:\n    f = functools.partial(T.open2, t)\nf()\nt.fd",
    "if c:\n    f = lambda: t.open()\nelse:\n    f = lambda: t.open2()\nlib_of_others.run(f)\nt.fd",
    "if c:\n    def f():\n        t.open()\nelse:\n    def f():\n        t.open2()\nlib_of_others.run(f)\nt.fd",
    "if c:\n    u = t\nelse:\n    u = T()\nlib_of_others.run(u)\nt.fd",
    "if c:\n    u = t\nelse:\n    u = T()\nu.open()\nt.fd",
    "if c:\n    u = t\nelse:\n    u = T()\nu.fd = 3\nt.fd",
    "u = None or t\nu.open()\nt.fd",
    "us = [t, T()]\nrandom.choice(us).open()\nt.fd",
    "us = [t, T()]\nus[int(random.random())].open()\nt.fd",
    "us = {'a': t}\nus.get(os.environ.get('X', 'a')).open()\nt.fd",
    "def g1():\n    t.open()\n    yield 1\ndef g2():\n    t.open2()\n    yield 2\nif c:\n    g = g1()\nelse:\n    g = g2()\nfor x in g:\n    pass\nt.fd",
    "def g1():\n    t.open()\n    yield 1\nif c:\n    g = g1()\nelse:\n    g = []\nlib_of_others.run(g)\nt.fd",
    "import threading\nif c:\n    th = threading.Thread(target=t.open)\nelse:\n    th = threading.Thread(target=t.open2)\nth.start()\nth.join()\nt.fd",
    "u, v = (t, T()) if c else (T(), t)\nu.open()\nv.open()\nt.fd",
    "try:\n    u = t\nexcept Exception:\n    u = T()\nu.open()\nt.fd",
    "def pick():\n    if c:\n        return t\n    return T()\npick().open()\nt.fd",
    "def f(u=t):\n    u.open()\nf()\nt.fd",
    "def f():\n    globals()['t'].open()\nf()\nt.fd",
    "import contextlib\n@contextlib.contextmanager\ndef m():\n    t.open()\n    yield\nif c:\n    x = m()\nelse:\n    x = contextlib.nullcontext()\nwith x:\n    pass\nt.fd",
    "n = 'fd' if c else 'gd'\nsetattr(t, n, 1)\nt.fd",
    "if (u := t if c else T()):\n    u.open()\nt.fd",
    "match random.randint(0, 1):\n    case 0:\n        u = t\n    case _:\n        u = T()\nu.open()\nt.fd",
    "def f():\n    t.open()\nlib_of_others.run(f)\nt.fd",
    "class K:\n    def go(self):\n        t.open()\nlib_of_others.run(K)\nt.fd",
    "getattr(t, os.environ.get('X', 'open'))()\nt.fd",
    "getattr(t, 'open')()\nt.fd",
    "f = getattr(t, 'open' if c else 'open2')\nf()\nt.fd",
];

/// Something of which an attribute has another value after it was made.
const OTHER: &str = "import os, random, lib_of_others\nc = random.random() > 0.5\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n";

const OTHER_CASES: &[&str] = &[
    "s = S()\ndef f():\n    s.open()\nlib_of_others.run(f)\ns.fd.read()",
    "s = S()\nclass K:\n    def go(self):\n        s.open()\nlib_of_others.run(K)\ns.fd.read()",
    "s = S()\nif c:\n    u = s\nelse:\n    u = S()\nu.open()\nif c:\n    s.fd.read()",
    "s = S()\nu = s if c else S()\nu.open()\ns.fd.read()",
    "s = S()\nu = os.environ.get('X') or s\nlib_of_others.run(u)\ns.fd.read()",
    "s = S()\ndef pick():\n    if c:\n        return s\n    return None\nlib_of_others.run(pick())\ns.fd.read()",
    "s = S()\nlib_of_others.run(s if c else None)\ns.fd.read()",
    "s = S()\nall = [s, S()]\nall[int(random.random())].open()\ns.fd.read()",
    "s = S()\nall = {'a': s}\nall.get(os.environ.get('X', 'a')).open()\ns.fd.read()",
    "s = S()\nall = {'a': s}\nu = all[os.environ.get('X', 'a')]\nu.open()\ns.fd.read()",
    "s = S()\nall = {'a': s}\nfor u in all.values():\n    u.open()\ns.fd.read()",
    "s = S()\nall = [('a', s)]\nfor n, u in all:\n    u.open()\ns.fd.read()",
    "s = S()\n[u.open() for u in [s]]\ns.fd.read()",
    "s = S()\nlist(map(S.open, [s]))\ns.fd.read()",
    "s = S()\nu, v = (s, 1) if c else (s, 2)\nlib_of_others.run(u)\ns.fd.read()",
    "class B:\n    def __init__(self, s):\n        self.s = s if c else S()\n    def go(self):\n        self.s.open()\ns = S()\nB(s).go()\ns.fd.read()",
    "s = S()\ndef f(u=s):\n    u.open()\nf()\ns.fd.read()",
    "s = S()\ndef f(k=1, us=(s,)):\n    us[0].open()\nf()\ns.fd.read()",
    "s = S()\nf = lambda u=s: u.open()\nf()\ns.fd.read()",
    "s = S()\nclass K:\n    held = s\nK.held.open()\ns.fd.read()",
    "def main():\n    s = S()\n    def f():\n        s.open()\n    if c:\n        g = f\n    else:\n        g = print\n    g()\n    s.fd.read()\nmain()",
    "s = S()\nif (u := s if c else S()):\n    lib_of_others.run(u)\ns.fd.read()",
    "s = S()\nmatch [s]:\n    case [u]:\n        u.open()\ns.fd.read()",
    "s = S()\ndef f(*us):\n    us[0].open()\nf(s)\ns.fd.read()",
    "s = S()\ndef f(**us):\n    us['s'].open()\nf(s=s)\ns.fd.read()",
    "s = S()\ndef f(**us):\n    for u in us.values():\n        u.open()\nf(s=s)\ns.fd.read()",
    "class B:\n    def __init__(self):\n        self.all = []\n    def add(self, s):\n        self.all.append(s)\n    def go(self):\n        for s in self.all:\n            s.open()\ns = S()\nb = B()\nb.add(s)\nb.go()\ns.fd.read()",
    "s = S()\nit = iter([s])\nnext(it).open()\ns.fd.read()",
    "s = S()\nsorted([s], key=lambda x: 1)[0].open()\ns.fd.read()",
    "s = S()\nfor x in filter(None, [s]):\n    x.open()\ns.fd.read()",
    "s = S()\nfor n, x in zip('a', [s]):\n    x.open()\ns.fd.read()",
    "s = S()\nfor n, x in enumerate([s]):\n    x.open()\ns.fd.read()",
    "s = S()\nl = [s]\nl.pop().open()\ns.fd.read()",
    "s = S()\nd = {}\nd.setdefault('a', s).open()\ns.fd.read()",
    "class B: pass\ns = S()\nb = B()\nb.x = B()\nb.x.s = s\nb.x.s.open()\ns.fd.read()",
    "s = None\ndef make():\n    global s\n    s = S()\ndef use():\n    s.open()\nmake()\nuse()\ns.fd.read()",
    "s = S()\ntry:\n    raise ValueError(s)\nexcept ValueError as e:\n    e.args[0].open()\ns.fd.read()",
];

/// Whole scripts.
const ALONE: &[&str] = &[
    "class S:\n    ALL = []\n    def __init__(self):\n        self.fd = None\n        S.ALL.append(self)\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nfor x in S.ALL:\n    x.open()\ns.fd.read()",
    "import weakref\nclass S:\n    ALL = weakref.WeakSet()\n    def __init__(self):\n        self.fd = None\n        S.ALL.add(self)\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nfor x in S.ALL:\n    x.open()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n        self.cb = None\n    def open(self):\n        self.fd = open('/dev/null')\nclass B:\n    def __init__(self, cb=None):\n        self.cb = cb or (lambda: None)\n    def go(self):\n        self.cb()\ns = S()\nB(s.open).go()\ns.fd.read()",
    "import collections\nclass Bus:\n    def __init__(self):\n        self.on = collections.defaultdict(list)\n    def sub(self, n, f):\n        self.on[n].append(f)\n    def pub(self, n):\n        for f in self.on[n]:\n            f()\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nb = Bus()\nb.sub('x', s.open)\nb.pub('x')\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    @property\n    def ready(self):\n        self.fd = open('/dev/null')\n        return True\ns = S()\nu = s if c else S()\nif s.ready:\n    s.fd.read()",
    "import contextlib\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n@contextlib.contextmanager\ndef got(s):\n    yield s\ns = S()\nwith got(s) as u:\n    u.open()\ns.fd.read()",
    "import contextlib\nclass S:\n    def __init__(self):\n        self.fd = None\n    def __enter__(self):\n        self.fd = open('/dev/null')\n        return self\n    def __exit__(self, *a):\n        pass\ns = S()\nwith contextlib.ExitStack() as stack:\n    stack.enter_context(s)\n    s.fd.read()",
    "import functools\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self, n):\n        self.fd = open('/dev/null')\n    op = functools.partialmethod(open, 1)\ns = S()\ns.op()\ns.fd.read()",
    "import threading, time as tm\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\ndef work(ss):\n    for s in ss:\n        s.open()\ns = S()\nth = threading.Thread(target=work, args=([s],))\nth.start()\nth.join()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\ns = S()\nu = s if c else S()\nsetattr(u, 'fd', open('/dev/null'))\nif c:\n    s.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\ns = S()\nvars(s)['fd'] = open('/dev/null')\ns.fd.read()",
    "import copy\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nu = copy.copy(s)\nu.open()\nu.fd.read()",
    "import queue\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nq = queue.Queue()\nq.put(s)\nq.get().open()\ns.fd.read()",
    "import dataclasses\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n@dataclasses.dataclass\nclass B:\n    s: S\ns = S()\nb = B(s)\nb.s.open()\ns.fd.read()",
    "import collections\nB = collections.namedtuple('B', 's')\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nb = B(s)\nb.s.open()\ns.fd.read()",
    "import types\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nb = types.SimpleNamespace(s=s)\nb.s.open()\ns.fd.read()",
    "class S:\n    one = None\n    def __init__(self):\n        self.fd = None\n        type(self).one = self\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nS.one.open()\ns.fd.read()",
    "class S:\n    _one = None\n    def __new__(cls):\n        if cls._one is None:\n            cls._one = super().__new__(cls)\n            cls._one.fd = None\n        return cls._one\n    def open(self):\n        self.fd = open('/dev/null')\ns = S()\nS().open()\ns.fd.read()",
    "import functools\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n@functools.lru_cache\ndef get():\n    return S()\ns = get()\nget().open()\ns.fd.read()",
    "import asyncio\nclass S:\n    def __init__(self):\n        self.fd = None\n    async def open(self):\n        self.fd = open('/dev/null')\nasync def main():\n    s = S()\n    task = asyncio.create_task(s.open()) if c else asyncio.ensure_future(s.open())\n    await task\n    s.fd.read()\nasyncio.run(main())",
    "import asyncio\nclass S:\n    def __init__(self):\n        self.fd = None\n    async def open(self):\n        self.fd = open('/dev/null')\nasync def main():\n    s = S()\n    jobs = [x.open() for x in [s]]\n    await asyncio.gather(*jobs)\n    s.fd.read()\nasyncio.run(main())",
    "import asyncio\nclass S:\n    def __init__(self):\n        self.fd = None\n    async def open(self):\n        self.fd = open('/dev/null')\nasync def main():\n    s = S()\n    await asyncio.wait_for(s.open() if c else s.open(), 1)\n    s.fd.read()\nasyncio.run(main())",
    "import asyncio\nclass S:\n    def __init__(self):\n        self.fd = None\n    async def open(self):\n        self.fd = open('/dev/null')\nasync def main():\n    s = S()\n    async with asyncio.TaskGroup() as tg:\n        for x in (s.open,):\n            tg.create_task(x())\n    s.fd.read()\nasyncio.run(main())",
];

#[test]
fn what_is_lost_from_sight_may_have_got_attributes() {
    for case in LATER_CASES {
        all_say(&WITH, &[(&format!("{LATER}{case}"), "Starts ")]);
    }
}

#[test]
fn what_is_lost_from_sight_may_have_other_values() {
    for case in OTHER_CASES {
        all_say(&WITH, &[(&format!("{OTHER}{case}"), "Starts ")]);
    }
    for case in ALONE {
        all_say(
            &WITH,
            &[(
                &format!("import os, random, lib_of_others\nc = random.random() > 0.5\n{case}"),
                "Starts ",
            )],
        );
    }
}

#[test]
fn what_is_not_lost_is_known() {
    let later = [
        "t.fd",
        "u = t\nu.fd",
        "if c:\n    k = 1\nelse:\n    k = 2\nt.fd",
        "H(t)\nt.fd",
    ];
    for case in later {
        all_say(&WITH, &[(&format!("{LATER}{case}"), "CannotStart start/no-attribute")]);
    }
    let other = [
        "s = S()\ns.fd.read()",
        "s = S()\nu = s if True else S()\ns.fd.read()",
        "def get():\n    return S()\ns = get()\ns.fd.read()",
    ];
    for case in other {
        all_say(&WITH, &[(&format!("{OTHER}{case}"), "CannotStart start/no-attribute")]);
    }
}
