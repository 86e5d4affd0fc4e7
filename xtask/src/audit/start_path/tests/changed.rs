//! What has changed on a way that is hard to see: by a result that is kept, by a special method, a decorator, a thread, a name that is
//! computed. Every script starts under CPython 3.11, given that no variable of the environment is set.

use super::all_say;

const WITH: &str = "import os, threading, random, signal, time, functools, copy\n";

const RESULTS: &[&str] = &[
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nload('a')\nload(os.environ.get('NNN', 'a'))['z'] = 1\nload('a')['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load('a')\nload(os.environ.get('NNN', 'a'))['z'] = 1\nd['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load('a', 1)\nload('a', True)['z'] = 1\nd['z']\nload('a', 1)['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = None\nif random.random() < 2:\n    d = load('a')\nload('a')['z'] = 1\nif d is not None:\n    d['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load('a')\nfor n in os.environ.get('NNN', 'a b').split():\n    load(n)['z'] = 1\nd['z']\nload('a')['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load('a')\ndef fill():\n    load('a')['z'] = 1\nt = threading.Thread(target=fill); t.start(); t.join()\nd['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load('a')\nlist(map(lambda n: load(n).update(z=1), ['a']))\nd['z']",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n@functools.lru_cache\ndef one(n, k):\n    return S()\ns = one(1, 'a')\none(True, 'a').open()\ns.fd.read()\none(1, 'a').fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n@functools.lru_cache\ndef one(n):\n    return S()\ns = one('a')\none(os.environ.get('NNN', 'a')).open()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nclass F:\n    @functools.lru_cache\n    def one(self, n):\n        return S()\nf = F()\ns = f.one('a')\nf.one('a').open()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nclass F:\n    @classmethod\n    @functools.lru_cache\n    def one(cls, n):\n        return S()\ns = F.one('a')\nF().one('a').open()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nclass F:\n    @staticmethod\n    @functools.lru_cache\n    def one(n='a'):\n        return S()\ns = F.one()\nF().one().open()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n@functools.lru_cache(maxsize=1)\ndef one(n):\n    return S()\none('a')\none('b')\none('a').open()\none('a').fd.read()",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\na = ('a',)\nd = load(*a)\nload('a')['z'] = 1\nd['z']",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load(**{'name': 'a'})\nload(name='a')['z'] = 1\nd['z']",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nn = 0\n@functools.cache\ndef one(k):\n    global n\n    n += 1\n    return n\none('a')\none('b')\none('a')\nif n != 2:\n    raise SystemExit('x')",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nmade = []\n@functools.cache\ndef one(k):\n    made.append(k)\n    return k\none('a')\none('b')\none('a')\nif len(made) != 2:\n    made.foo",
    "FILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n@functools.lru_cache(maxsize=None)\ndef load(name='a', *rest):\n    return {k: dict(v) for k, v in FILES[name].items()}\nd = load('a')\ne = d\nload('b')\nload('a')['z'] = 1\ne['z']",
];

const FILLED: &[&str] = &[
    "def retry(n):\n    def deco(f):\n        @functools.wraps(f)\n        def w(*a, **k):\n            for i in range(n):\n                try:\n                    return f(*a, **k)\n                except OSError:\n                    pass\n        return w\n    return deco\nd = {}\n@retry(3)\ndef fill():\n    d['b'] = 1\nfill()\nd['b']",
    "def retry(n):\n    def deco(f):\n        @functools.wraps(f)\n        def w(*a, **k):\n            for i in range(n):\n                try:\n                    return f(*a, **k)\n                except OSError:\n                    pass\n        return w\n    return deco\nd = {}\n@retry(int(os.environ.get('NNN', '3')))\ndef fill():\n    d['b'] = 1\nfill()\nd['b']",
    "d = {}\ndef fill():\n    d['b'] = 1\nfs = [fill]\nfor f in fs:\n    f()\nd['b']",
    "d = {}\ndef fill():\n    d['b'] = 1\nT = {'x': fill}\nT[os.environ.get('NNN', 'x')]()\nd['b']",
    "d = {}\ndef fill():\n    d['b'] = 1\nglobals()[os.environ.get('NNN', 'fill')]()\nd['b']",
    "d = {}\ndef fill():\n    d['b'] = 1\neval(os.environ.get('NNN', 'fill()'))\nd['b']",
    "d = {}\nclass A:\n    def fill(self):\n        d['b'] = 1\ngetattr(A(), os.environ.get('NNN', 'fill'))()\nd['b']",
    "d = {}\nclass A:\n    def __init__(self, cb):\n        self.cb = cb\n    def go(self):\n        self.cb()\ndef fill():\n    d['b'] = 1\nA(fill).go()\nd['b']",
    "d = {}\nclass A:\n    def __init_subclass__(cls, **k):\n        d[cls.__name__] = 1\nclass B(A):\n    pass\nd['B']",
    "d = {}\nclass M(type):\n    def __new__(m, n, b, ns):\n        d[n] = 1\n        return super().__new__(m, n, b, ns)\nclass B(metaclass=M):\n    pass\nd['B']",
    "d = {}\nclass M(type):\n    def __init__(cls, n, b, ns):\n        super().__init__(n, b, ns)\n        d[n] = 1\nclass B(metaclass=M):\n    pass\nd['B']",
    "d = {}\nclass D:\n    def __set_name__(self, o, n):\n        d[n] = 1\nclass B:\n    x = D()\nd['x']",
    "d = {}\nclass D:\n    def __get__(self, o, t=None):\n        d['x'] = 1\n        return 5\nclass B:\n    x = D()\nB().x\nd['x']",
    "d = {}\nclass B:\n    def __getattr__(self, n):\n        d[n] = 1\n        return 5\nB().x\nd['x']",
    "d = {}\nclass B:\n    def __enter__(self):\n        d['x'] = 1\n    def __exit__(self, *a):\n        d['y'] = 1\nwith B():\n    pass\nd['x']\nd['y']",
    "d = {}\nclass B:\n    def __eq__(self, o):\n        d['x'] = 1\n        return True\nB() == 1\nd['x']",
    "d = {}\nclass B:\n    def __len__(self):\n        d['x'] = 1\n        return 1\nlen(B())\nd['x']",
    "d = {}\nclass B:\n    def __str__(self):\n        d['x'] = 1\n        return 'b'\nf'{B()}'\nd['x']",
    "d = {}\nclass B:\n    def __iter__(self):\n        d['x'] = 1\n        return iter([])\nfor i in B():\n    pass\nd['x']",
    "d = {}\nclass B:\n    def __lt__(self, o):\n        d['x'] = 1\n        return True\nsorted([B(), B()])\nd['x']",
    "d = {}\nclass B:\n    def __call__(self):\n        d['x'] = 1\nb = B()\nb()\nd['x']",
    "d = {}\nclass B:\n    def __add__(self, o):\n        d['x'] = 1\nB() + 1\nd['x']",
    "d = {}\nclass B:\n    def __radd__(self, o):\n        d['x'] = 1\n1 + B()\nd['x']",
    "d = {}\nclass B:\n    def __setattr__(self, n, v):\n        d[n] = v\nB().x = 1\nd['x']",
    "d = {}\nclass B:\n    def __setitem__(self, n, v):\n        d[n] = v\nB()['x'] = 1\nd['x']",
    "d = {}\nclass B:\n    def __delattr__(self, n):\n        d[n] = 1\nb = B()\ndel b.x\nd['x']",
    "d = {}\nclass B:\n    def __del__(self):\n        d['x'] = 1\nb = B()\ndel b\nd['x']",
    "d = {}\nclass B(dict):\n    def __missing__(self, k):\n        d['x'] = 1\nB()['k']\nd['x']",
    "d = {}\nclass B:\n    @property\n    def p(self):\n        d['x'] = 1\nB().p\nd['x']",
    "d = {}\nclass B:\n    @property\n    def p(self):\n        pass\n    @p.setter\n    def p(self, v):\n        d['x'] = 1\nB().p = 5\nd['x']",
    "import dataclasses\nd = {}\n@dataclasses.dataclass\nclass B:\n    n: int\n    def __post_init__(self):\n        d['x'] = 1\nB(1)\nd['x']",
    "d = {}\ndef gen():\n    d['x'] = 1\n    yield 1\nlist(gen())\nd['x']",
    "import asyncio\nd = {}\nasync def f():\n    d['x'] = 1\nasyncio.run(f())\nd['x']",
    "d = {}\ndef fill(k):\n    d[k] = 1\nlist(map(fill, ['x']))\nd['x']",
    "d = {}\ndef fill(k):\n    d[k] = 1\nfunctools.partial(fill, 'x')()\nd['x']",
    "d = {}\ndef fill(k):\n    d[k] = 1\n    return k\nmax(['x'], key=fill)\nd['x']",
    "import contextlib\nd = {}\n@contextlib.contextmanager\ndef m():\n    d['x'] = 1\n    yield\n    d['y'] = 1\nwith m():\n    pass\nd['x']\nd['y']",
    "import functools\nd = {}\n@functools.singledispatch\ndef f(x):\n    d['x'] = 1\n@f.register(int)\ndef _(x):\n    d['i'] = 1\nf(5)\nd['i']",
    "d = {}\nclass A:\n    def step1(self):\n        d['x'] = 1\n    def run(self):\n        for i in range(int(os.environ.get('NNN', '1'))):\n            getattr(self, f'step{i + 1}')()\nA().run()\nd['x']",
    "d = {}\ndef rec(n):\n    if n == 0:\n        d['x'] = 1\n    else:\n        rec(n - 1)\nrec(30)\nd['x']",
    "d = {}\ndef a(n):\n    if n:\n        b(n - 1)\ndef b(n):\n    if n:\n        a(n - 1)\n    else:\n        d['x'] = 1\na(21)\nd['x']",
    "d = {}\nclass A:\n    REG = {}\n    @classmethod\n    def reg(cls, f):\n        cls.REG[f.__name__] = f\n        return f\n    @classmethod\n    def run(cls):\n        for n in cls.REG:\n            cls.REG[n]()\n@A.reg\ndef fill():\n    d['x'] = 1\nA.run()\nd['x']",
    "import sys\nd = {}\ndef fill():\n    d['x'] = 1\ngetattr(sys.modules[__name__], 'fill')()\nd['x']",
    "d = {}\ndef fill():\n    d['x'] = 1\ndef main(f=fill):\n    f()\nmain()\nd['x']",
    "d = {}\nclass A:\n    def __init__(self):\n        self.h = {n[3:]: getattr(self, n) for n in dir(self) if n.startswith('on_')}\n    def on_x(self):\n        d['x'] = 1\nA().h['x']()\nd['x']",
    "d = {}\nclass A:\n    def on_x(self):\n        d['x'] = 1\nfor n, f in vars(A).items():\n    if n.startswith('on_'):\n        f(A())\nd['x']",
    "import inspect\nd = {}\nclass A:\n    def on_x(self):\n        d['x'] = 1\nfor n, f in inspect.getmembers(A(), inspect.ismethod):\n    f()\nd['x']",
    "import operator\nd = {}\nclass A:\n    def on_x(self):\n        d['x'] = 1\noperator.methodcaller('on_x')(A())\nd['x']",
    "d = {}\nclass A:\n    def __init__(self):\n        self.d = {}\n    def fill(self):\n        self.d['x'] = 1\n    def __getattribute__(self, n):\n        if n == 'go':\n            return object.__getattribute__(self, 'fill')\n        return object.__getattribute__(self, n)\na = A()\na.go()\na.d['x']",
    "import sys\nd = {}\ndef tracer(*a):\n    d['x'] = 1\nsys.setprofile(tracer)\nlen('a')\nsys.setprofile(None)\nd['x']",
    "import sys, logging\nd = {}\nclass H(logging.Handler):\n    def emit(self, r):\n        d['x'] = 1\nlogging.getLogger().addHandler(H())\nlogging.error('a')\nd['x']",
    "import queue\nd = {}\nq = queue.Queue()\ndef worker():\n    while True:\n        f = q.get()\n        f()\n        q.task_done()\nthreading.Thread(target=worker, daemon=True).start()\ndef fill():\n    d['x'] = 1\nq.put(fill)\nq.join()\nd['x']",
    "from concurrent.futures import ThreadPoolExecutor\nd = {}\ndef fill():\n    d['x'] = 1\nwith ThreadPoolExecutor(1) as p:\n    p.submit(fill).result()\nd['x']",
    "d = {}\nclass A:\n    def __init__(self):\n        self.stages = ['load']\n    def load(self):\n        d['x'] = 1\n    def run(self):\n        for s in self.stages:\n            m = getattr(self, s, None)\n            if callable(m):\n                m()\nA().run()\nd['x']",
    "d = {}\ndef fill():\n    d['x'] = 1\nif random.random() < 2:\n    f = fill\nelse:\n    f = print\nf()\nd['x']",
    "d = {}\ndef fill():\n    d['x'] = 1\n(fill if random.random() < 2 else print)()\nd['x']",
    "d = {}\ndef fill():\n    d['x'] = 1\n[print, fill][random.randrange(1, 2)]()\nd['x']",
    "d = {}\ndef mk():\n    def fill():\n        d['x'] = 1\n    return fill\nfs = {n: mk() for n in os.environ.get('NNN', 'a').split()}\nfor f in fs.values():\n    f()\nd['x']",
    "d = {}\nasync def f():\n    d['x'] = 1\ntry:\n    f().send(None)\nexcept StopIteration:\n    pass\nd['x']",
    "d = {}\ndef g():\n    while True:\n        k = yield\n        d[k] = 1\nc = g()\nnext(c)\nc.send('x')\nd['x']",
];

const SET: &[&str] = &[
    "class P:\n    @staticmethod\n    def patch(m):\n        m.extra = 1\nt = threading.Thread(target=P.patch, args=(time,)); t.start(); t.join()\ntime.extra",
    "def patch(m):\n    m.extra = 1\nt = threading.Thread(target=patch, args=(time,)); t.start(); t.join()\ntime.extra",
    "class P:\n    def patch(m):\n        m.extra = 1\nP.patch(time)\ntime.extra",
    "class P:\n    def patch(m):\n        m.extra = 1\nlist(map(P.patch, [time]))\ntime.extra",
    "import sys\nport = None\nclass P:\n    @staticmethod\n    def setup(mod):\n        mod.port = 5\nP.setup(sys.modules[__name__])\nport + 1",
    "import sys\nport = None\nclass P:\n    def setup(self):\n        sys.modules[__name__].port = 5\nlist(map(P.setup, [P()]))\nport + 1",
    "import sys, types\nclass Mod(types.ModuleType):\n    def boot(self):\n        self.port = 5\nport = None\nsys.modules[__name__].__class__ = Mod\nsys.modules[__name__].boot()\nport + 1",
    "port = None\nclass P:\n    def __init__(self):\n        self.port = 1\n    def setup(self):\n        global port\n        port = 5\nlist(map(P.setup, [P()]))\nport + 1",
    "port = None\nclass P:\n    def __init__(self):\n        self.port = 1\nP()\ndef setup():\n    globals()['port'] = 5\nlist(map(lambda x: setup(), [1]))\nport + 1",
];

const ITEMS: &[&str] = &[
    "class C:\n    def __init__(self):\n        self.v = {}\n    def __getitem__(self, k):\n        return self.v[k]\n    def __setitem__(self, k, v):\n        self.v[k] = v\nc = C()\nc['x'] = 1\nc['x']",
    "class C:\n    def __init__(self):\n        self.v = {'x': 1}\n    def __getitem__(self, k):\n        return self.v[k]\n    def __delitem__(self, k):\n        pass\nc = C()\ndel c['y']\nc['x']",
    "class C:\n    def __init__(self):\n        self.v = {'x': 1}\n    def __getitem__(self, k):\n        return self.v[k]\n    def __setitem__(self, k, v):\n        self.v[k] = v\nc = C()\nc['x'] += 1\nclass A: pass\na = A()\na.c = c\na.c['z'] = 1\na.c['z']",
    "class C:\n    def __getitem__(self, k):\n        raise KeyError(k)\ntry:\n    C()['x']\nexcept KeyError:\n    pass\na = [C()]\ntry:\n    a[0]['x']\nexcept LookupError:\n    pass",
    "class C:\n    def __class_getitem__(cls, k):\n        return cls\nC[int]\nclass D:\n    def __getitem__(self, k):\n        return k\nD()[1:2]\nD()[1, 2]",
    "class C:\n    n = 0\n    def __getitem__(self, k):\n        if k >= 3:\n            raise IndexError\n        return k\nfor x in C():\n    x + 1",
    "class C:\n    def __init__(self):\n        self.d = None\n    def __getitem__(self, k):\n        if self.d is None:\n            self.d = {'x': S2()}\n        return self.d[k]\nclass S2:\n    fd = None\nc = C()\nc['x'].fd = open('/dev/null')\nc['x'].fd.read()",
    "class C:\n    def __init__(self):\n        self.v = {}\n    def __getitem__(self, k):\n        return self.v.setdefault(k, {})\nc = C()\nc['x']['y'] = 1\nc['x']['y']",
    "class C:\n    def __init__(self):\n        self.v = {'x': None}\n    def __getitem__(self, k):\n        return self.v[k]\nc = C()\nc['x']\ndef f():\n    c.v['x'] = 5\nt = threading.Thread(target=f); t.start(); t.join()\nc['x'] + 1",
];

const COPIES: &[&str] = &[
    "l = [{'a': 1}]\nl.append({'b': 2})\nm = copy.deepcopy(l)\nm[1]['b']",
    "l = [{'a': 1}]\ndef f():\n    l.append({'b': 2})\nf()\nm = copy.deepcopy(l)\nm[1]['b']\nfor x in m[1:]:\n    x['b']",
    "l = [[1]]\nl.append([2])\nm = copy.deepcopy(l)\na, b = m",
    "class A:\n    L = [{'a': 1}]\nA.L.append({'b': 1})\nm = copy.deepcopy(A.L)\na, b = m\nm[1]['b']",
];

const PUT: &[&str] = &[
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nR = {}\ns = S()\nlist(map(lambda r: r.setdefault('q', s), [R]))\nR['a'] = s\nlist(map(lambda r: r['a'].open(), [R]))\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nclass Reg(dict):\n    pass\nR = Reg()\ns = S()\nR['a'] = s\nfor x in R.values():\n    x.open()\ns.fd.read()",
    "class S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\nimport collections\nR = collections.defaultdict(list)\ns = S()\nR['a'].append(s)\nfor l in R.values():\n    for x in l:\n        x.open()\ns.fd.read()",
];

fn start(scripts: &[&str]) {
    for script in scripts {
        all_say(&[], &[(&format!("{WITH}{script}"), "Starts ")]);
    }
}

#[test]
fn results_that_functions_keep() {
    start(RESULTS);
}

#[test]
fn dictionaries_that_are_filled_on_the_way() {
    start(FILLED);
}

#[test]
fn globals_and_modules_that_get_attributes() {
    start(SET);
}

#[test]
fn objects_that_give_items() {
    start(ITEMS);
}

#[test]
fn copies_of_lists_that_grew() {
    start(COPIES);
}

#[test]
fn objects_that_are_put_into_dictionaries() {
    start(PUT);
}
