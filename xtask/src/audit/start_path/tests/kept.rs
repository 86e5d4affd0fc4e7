//! Objects and functions that lists, dictionaries, other objects and inner functions keep: whoever has those uses these. Every script
//! starts under CPython 3.11, given that no variable of the environment is set.

use super::all_say;

/// Objects that get something after they were made.
const WITH: &str = "import os, threading, random, signal, atexit, queue, time\nclass S:\n    def __init__(self):\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n    def swap(self, other):\n        other.fd = open('/dev/null')\nclass P:\n    def __init__(self):\n        self.s = S()\n    def go(self):\n        self.s.open()\n    def start(self):\n        t = threading.Thread(target=self.go)\n        t.start()\n        t.join()\n";

const KEPT: &[&str] = &[
    "g = P()\ndef run():\n    g.s.open()\nt = threading.Thread(target=run)\nt.start(); t.join()\ng.s.fd.read()",
    "g = P()\ndef run():\n    time.sleep(0.1)\n    g.s.open()\nt = threading.Thread(target=run)\nt.start()\ng.s = S()\nt.join()\ng.s.fd.read()",
    "class A:\n    def __init__(self):\n        self.e = threading.Event()\n        self.t = threading.Thread(target=self.run)\n        self.t.start()\n        self.s = S()\n        self.e.set()\n        self.t.join()\n    def run(self):\n        self.e.wait()\n        self.s.open()\na = A()\na.s.fd.read()",
    "class A:\n    def __init__(self):\n        self.s = S()\n        threading.excepthook = print\n        t = threading.Thread(target=lambda: self.s.open())\n        t.start(); t.join()\na = A()\na.s.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        t = threading.Thread(target=lambda: self.go())\n        t.start(); t.join()\na = A()\na.s.fd.read()",
    "def helper(a):\n    a.go()\nclass A(P):\n    def __init__(self):\n        super().__init__()\n        t = threading.Thread(target=lambda: helper(self))\n        t.start(); t.join()\na = A()\na.s.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        self.s2 = list(map(lambda x: x.go(), [self]))\na = A()\na.s.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        q = queue.Queue()\n        f = lambda: q.put(self)\n        t = threading.Thread(target=f)\n        t.start(); t.join()\n        q.get().go()\na = A()\na.s.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        n = os.environ.get('NNN', 'go')\n        t = threading.Thread(target=lambda: getattr(self, n)())\n        t.start(); t.join()\na = A()\na.s.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        n = os.environ.get('NNN', 'go')\n        f = lambda k: getattr(self, k)()\n        list(map(f, [n]))\na = A()\na.s.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        def f():\n            self.go()\n        t = threading.Thread(target=f)\n        t.start(); t.join()\na = A()\na.s.fd.read()",
    "def main():\n    s = S()\n    def f():\n        s.open()\n    d = {'f': f}\n    d[os.environ.get('NNN', 'f')]()\n    s.fd.read()\nmain()",
    "class H: pass\ndef main():\n    s = S()\n    h = H()\n    h.cb = lambda: s.open()\n    t = threading.Thread(target=lambda: h.cb())\n    t.start(); t.join()\n    s.fd.read()\nmain()",
    "def mk(s):\n    def f():\n        s.open()\n    return f\ns = S()\nf = mk(s)\n(f if random.random() < 2 else print)()\ns.fd.read()",
    "def main():\n    s = S()\n    (s if random.random() < 2 else S()).open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    u = None\n    (u or s).open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    {'a': s}[os.environ.get('NNN', 'a')].open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    [s.open, print][random.randrange(1)]()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    d = {'a': s}\n    d.get(os.environ.get('NNN', 'a')).open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    d = {'a': s.open}\n    d.get(os.environ.get('NNN', 'a'), print)()\n    s.fd.read()\nmain()",
    "def pick(a, b):\n    return a if random.random() < 2 else b\ndef main():\n    s = S()\n    pick(s, S()).open()\n    s.fd.read()\nmain()",
    "def pick(a, b):\n    return a if random.random() < 2 else b\ndef main():\n    s = S()\n    pick(s.open, print)()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    max([s], key=id).open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    next(iter([s])).open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    random.choice([s]).open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    locals()['s'].open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    vars()['s'].open()\n    s.fd.read()\nmain()",
    "import inspect\ndef main():\n    s = S()\n    inspect.currentframe().f_locals['s'].open()\n    s.fd.read()\nmain()",
    "import sys\ndef helper():\n    sys._getframe(1).f_locals['s'].open()\ndef main():\n    s = S()\n    helper()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    eval('s.open()')\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    exec('s.open()')\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    eval(os.environ.get('NNN', 's.open()'))\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __iter__(self):\n        self.n = 0\n        return self\n    def __next__(self):\n        if self.n:\n            raise StopIteration\n        self.n = 1\n        return self.s\ndef main():\n    s = S()\n    for u in W(s):\n        u.open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __iter__(self):\n        return iter([self.s])\ndef main():\n    s = S()\n    [u.open() for u in W(s)]\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __iter__(self):\n        return iter([self.s, 1])\ndef main():\n    s = S()\n    u, n = W(s)\n    u.open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __iter__(self):\n        return iter([self.s, 1])\ndef main():\n    s = S()\n    list(W(s))[0].open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u, n in zip([s], [1]):\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for n, u in enumerate([s]):\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in filter(None, [s]):\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in reversed([s]):\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in [s, 1][:random.randrange(1, 2)]:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in {s}:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in {s: 1}:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    d = {u: 1 for u in [s]}\n    for u in d:\n        u.open()\n    s.fd.read()\nmain()",
    "import itertools\ndef main():\n    s = S()\n    for u in itertools.chain([s], []):\n        u.open()\n    s.fd.read()\nmain()",
    "def gen(s):\n    yield s\ndef main():\n    s = S()\n    for u in gen(s):\n        u.open()\n    s.fd.read()\nmain()",
    "def gen(s):\n    yield from [s]\ndef main():\n    s = S()\n    for u in gen(s):\n        u.open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.all = [s]\ndef main():\n    s = S()\n    for u in W(s).all:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    l = None\n    for u in l or [s]:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in [s] if random.random() < 2 else []:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in [s] + []:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in [s] * 2:\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in sorted([s], key=id):\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    for u in tuple([s]):\n        u.open()\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    setattr(s if random.random() < 2 else S(), 'fd', open('/dev/null'))\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    (s if random.random() < 2 else S()).fd = open('/dev/null')\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    {'a': s}[os.environ.get('NNN', 'a')].fd = open('/dev/null')\n    s.fd.read()\nmain()",
    "def main():\n    s = S()\n    l = [s]\n    l.pop().open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __enter__(self):\n        return self.s\n    def __exit__(self, *a):\n        pass\ndef main():\n    s = S()\n    with W(s) as u:\n        u.open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __iter__(self):\n        yield self.s\ndef main():\n    s = S()\n    for u in W(s):\n        u.open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __getitem__(self, k):\n        return self.s\ndef main():\n    s = S()\n    W(s)['a'].open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __call__(self):\n        return self.s\ndef main():\n    s = S()\n    W(s)().open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self.s = s\n    def __getattr__(self, k):\n        return getattr(self.__dict__['s'], k)\ndef main():\n    s = S()\n    W(s).open()\n    s.fd.read()\nmain()",
    "class W:\n    def __init__(self, s):\n        self._s = s\n    @property\n    def s(self):\n        return self._s\ndef main():\n    s = S()\n    W(s).s.open()\n    s.fd.read()\nmain()",
    "s = S()\nclass Z:\n    def __init__(self):\n        self.s = 1\n    def go(self):\n        global s\n        s = P().s\n        s.open()\nZ().go()\ns.fd.read()",
    "def main():\n    s = S()\n    def f():\n        def g():\n            s.open()\n        return g\n    t = threading.Thread(target=f())\n    t.start(); t.join()\n    s.fd.read()\nmain()",
    "class A:\n    def __init__(self):\n        self.p = P()\n        f = lambda: self.p.go()\n        t = threading.Thread(target=f); t.start(); t.join()\na = A()\na.p.s.fd.read()",
    "REG = {}\ns = S()\nREG['a'] = s\ndef run():\n    for x in REG.values():\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "REG = {}\ns = S()\nREG['a'] = s\ndef run():\n    REG[os.environ.get('NNN', 'a')].fd = open('/dev/null')\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "REG = {}\ns = S()\nREG['a'] = s\nx = REG.get(os.environ.get('NNN', 'a'))\nx.open()\ns.fd.read()",
    "REG = {}\nfor n in os.environ.get('NNN', 'a b').split():\n    REG[n] = S()\nfor x in REG.values():\n    x.open()\nREG['a'].fd.read()",
    "REG = {}\ns = S()\nREG['a'] = s\nfor x in list(REG.values()):\n    x.open()\ns.fd.read()",
    "REG = {}\ns = S()\nREG['a'] = s\nlist(map(S.open, REG.values()))\ns.fd.read()",
    "import operator\nREG = {}\ns = S()\nREG['a'] = s\nlist(map(operator.methodcaller('open'), REG.values()))\ns.fd.read()",
    "REG = {}\ns = S()\nREG['a'] = s\nfor x in REG.values():\n    getattr(x, os.environ.get('NNN', 'open'))()\ns.fd.read()",
    "class R:\n    def __init__(self):\n        self.all = {}\n    def add(self, s):\n        self.all['a'] = s\n    def go(self):\n        for x in self.all.values():\n            x.open()\nr = R()\ns = S()\nr.add(s)\nt = threading.Thread(target=r.go); t.start(); t.join()\ns.fd.read()",
    "class R:\n    all = {}\n    def add(self, s):\n        self.all['a'] = s\n    @classmethod\n    def go(cls):\n        for x in cls.all.values():\n            x.open()\nr = R()\ns = S()\nr.add(s)\nR.go()\ns.fd.read()",
    "REG = {}\np = P()\nREG['a'] = p\ndef run():\n    for x in REG.values():\n        x.s.open()\nt = threading.Thread(target=run); t.start(); t.join()\np.s.fd.read()",
    "REG = {}\np = P()\nREG['a'] = p\np.s = S()\ndef run():\n    for x in REG.values():\n        x.s.open()\nt = threading.Thread(target=run); t.start(); t.join()\np.s.fd.read()",
    "ALL = []\ns = S()\nALL.append(s)\ndef run():\n    for x in ALL:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "ALL = []\np = P()\nALL.append(p)\ndef run():\n    while ALL:\n        ALL.pop().go()\nt = threading.Thread(target=run); t.start(); t.join()\np.s.fd.read()",
    "ALL = []\ns = S()\nALL.append(s)\nALL.sort(key=lambda x: x.open() or 1)\ns.fd.read()",
    "ALL = {}\ns = S()\nALL['a'] = (s, 1)\nfor x, n in ALL.values():\n    x.open()\ns.fd.read()",
    "ALL = {}\ns = S()\nALL['a'] = [s, 1]\nALL[os.environ.get('NNN', 'a')][0].open()\ns.fd.read()",
    "ALL = {'x': {}}\ns = S()\nALL['x']['a'] = s\nfor d in ALL.values():\n    for x in d.values():\n        x.open()\ns.fd.read()",
    "s = S()\nALL = {'a': s}\ndef run():\n    for x in ALL.values():\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "s = S()\nALL = [x for x in [s]]\ndef run():\n    for x in ALL:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "s = S()\nALL = {n: x for n, x in [('a', s)]}\ndef run():\n    ALL['a'].open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "import copy\nd = {'a': {'b': 1}, 'l': [1]}\ne = copy.deepcopy(d)\ne['a']['c'] = 2\ne['l'].append(2)\ne['a']['c']\ne['l'][1]",
    "import copy\nx = {'b': 1}\nd = {'a': x, 'c': x}\ne = copy.deepcopy(d)\ne['a']['n'] = 2\ne['c']['n']",
    "import copy\nx = {'b': 1}\nd = {'a': x}\ne = copy.copy(d)\ne['a']['n'] = 2\nd['a']['n']",
    "import copy\nl = [1, 2]\nm = copy.copy(l)\nm.append(3)\nm[2]",
    "import copy\nd = {'l': [1, 2]}\nm = copy.copy(d['l'])\nm.append(3)\nm[2]\nn = copy.copy(d)\nn['l'].append(3)\nd['l'][2]",
    "import copy\nd = {}\nd['d'] = d\ne = copy.deepcopy(d)\ne['k'] = 1\ne['d']['k']",
    "import copy\nd = {'s': S()}\ne = copy.copy(d)\ne['s'].open()\nd['s'].fd.read()",
    "import copy\nd = {}\ns = S()\nd['s'] = s\ne = copy.copy(d)\ne['s'].open()\ns.fd.read()",
    "import copy\nd = {}\ns = S()\nd['s'] = s\ndef f(x):\n    x['s'].open()\nt = threading.Thread(target=f, args=(copy.copy(d),)); t.start(); t.join()\ns.fd.read()",
    "import copy\nclass A:\n    D = {'a': 1}\n    def __init__(self):\n        self.d = copy.deepcopy(self.D)\n        self.d.update(b=2)\na = A()\na.d['b']",
    "import copy\nclass A:\n    D = {'a': 1}\n    def __init__(self):\n        self.d = copy.deepcopy(self.D)\n        t = threading.Thread(target=self.fill); t.start(); t.join()\n    def fill(self):\n        self.d['b'] = 2\na = A()\na.d['b']",
    "class C:\n    _i = {}\n    def __new__(cls, n):\n        if n not in cls._i:\n            o = super().__new__(cls)\n            o.v = {}\n            cls._i[n] = o\n        return cls._i[n]\n    def put(self, k):\n        self.v[k] = 1\ndef run():\n    C('a').put('k')\na = C('a')\nt = threading.Thread(target=run); t.start(); t.join()\na.v['k']",
    "class C:\n    _i = {}\n    def __new__(cls, n):\n        if n not in cls._i:\n            o = super().__new__(cls)\n            o.fd = None\n            cls._i[n] = o\n        return cls._i[n]\n    def open(self):\n        self.fd = open('/dev/null')\ndef run():\n    C('a').open()\na = C('a')\nt = threading.Thread(target=run); t.start(); t.join()\na.fd.read()",
    "class B:\n    def __init__(self):\n        self.cbs = []\n    def on(self, f):\n        self.cbs.append(f)\n    def fire(self):\n        for f in self.cbs:\n            f()\nb = B()\ns = S()\nb.on(lambda: s.open())\nb.fire()\ns.fd.read()",
    "class B:\n    def __init__(self):\n        self.cbs = {}\n    def on(self, n, f):\n        self.cbs[n] = f\n    def fire(self, n):\n        self.cbs[n]()\nb = B()\ns = S()\nb.on('x', s.open)\nb.fire('x')\ns.fd.read()",
    "class B:\n    def __init__(self):\n        self.cbs = {}\n    def on(self, n, f):\n        self.cbs.setdefault(n, []).append(f)\n    def fire(self, n):\n        for f in self.cbs.get(n, []):\n            f()\nb = B()\ns = S()\nb.on('x', s.open)\nb.fire('x')\ns.fd.read()",
    "R = {}\ns = R.setdefault('a', S())\nR['a'].open()\ns.fd.read()",
    "R = {}\ns = S()\nR.setdefault('a', s)\nfor x in R.values():\n    x.open()\ns.fd.read()",
    "R = {}\ns = S()\nR.update({'a': s})\nfor x in R.values():\n    x.open()\ns.fd.read()",
    "R = {}\ns = S()\nR.update(a=s)\ndef run():\n    for x in R.values():\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "R = []\ns = S()\nR.extend([s])\ndef run():\n    for x in R:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "R = []\ns = S()\nR += [s]\ndef run():\n    for x in R:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "R = []\ns = S()\nR.insert(0, s)\ndef run():\n    for x in R:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "import collections\nR = collections.deque()\ns = S()\nR.append(s)\ndef run():\n    R.popleft().open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "class H: pass\nh = H()\ns = S()\nsetattr(h, 's', s)\ndef run():\n    h.s.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "class H:\n    def __init__(self, s):\n        self.s = s\n    def run(self):\n        self.s.open()\ns = S()\nh = H(s)\nt = threading.Thread(target=h.run); t.start(); t.join()\ns.fd.read()",
    "class H:\n    def __init__(self):\n        self.s = None\n        self.e = threading.Event()\n    def run(self):\n        self.e.wait()\n        self.s.open()\ns = S()\nh = H()\nt = threading.Thread(target=h.run); t.start()\nh.s = s\nh.e.set(); t.join()\ns.fd.read()",
    "class H:\n    def __init__(self):\n        self.m = {}\n        self.e = threading.Event()\n    def run(self):\n        self.e.wait()\n        self.m['a'].open()\ns = S()\nh = H()\nt = threading.Thread(target=h.run); t.start()\nh.m['a'] = s\nh.e.set(); t.join()\ns.fd.read()",
    "class H:\n    def __init__(self):\n        self.m = []\n        self.e = threading.Event()\n    def run(self):\n        self.e.wait()\n        self.m[0].open()\ns = S()\nh = H()\nt = threading.Thread(target=h.run); t.start()\nh.m.append(s)\nh.e.set(); t.join()\ns.fd.read()",
    "class H:\n    def __init__(self):\n        self.m = ()\n        self.e = threading.Event()\n    def run(self):\n        self.e.wait()\n        self.m[0].open()\ns = S()\nh = H()\nt = threading.Thread(target=h.run); t.start()\nh.m = (s,)\nh.e.set(); t.join()\ns.fd.read()",
    "s = S()\nu = S()\nR = {}\nR['s'] = s\ndef run():\n    u.swap(R['s'])\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "s = S()\nR = {}\nR['f'] = lambda s=s: s.open()\nR['f']()\ns.fd.read()",
    "import functools\ns = S()\nR = {}\nR['f'] = functools.partial(s.open)\nR['f']()\ns.fd.read()",
    "s = S()\nR = {}\nR['f'] = s.open\nfor f in R.values():\n    f()\ns.fd.read()",
    "class M:\n    made = []\n    def __init__(self):\n        self.fd = None\n        M.made.append(self)\n    def open(self):\n        self.fd = open('/dev/null')\nm = M()\ndef run():\n    for x in M.made:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\nm.fd.read()",
    "class M:\n    made = {}\n    def __init__(self):\n        self.fd = None\n        self.made[id(self)] = self\n    def open(self):\n        self.fd = open('/dev/null')\nm = M()\ndef run():\n    for x in M.made.values():\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\nm.fd.read()",
    "import weakref\nR = weakref.WeakSet()\ns = S()\nR.add(s)\ndef run():\n    for x in R:\n        x.open()\nt = threading.Thread(target=run); t.start(); t.join()\ns.fd.read()",
    "class A(P):\n    def __init__(self):\n        super().__init__()\n        signal.signal(signal.SIGUSR1, lambda *_: self.go())\n        os.kill(os.getpid(), signal.SIGUSR1)\n        time.sleep(0.05)\na = A()\na.s.fd.read()",
    "class A:\n    def __init__(self):\n        self.cfg = {}\n        signal.signal(signal.SIGUSR1, lambda *_: self.load())\n        os.kill(os.getpid(), signal.SIGUSR1)\n        time.sleep(0.05)\n    def load(self):\n        self.cfg['a'] = 1\na = A()\na.cfg['a']",
    "class A:\n    def __init__(self):\n        self.cfg = {}\n        signal.signal(signal.SIGUSR1, lambda *_: self.cfg.update(a=1))\n        os.kill(os.getpid(), signal.SIGUSR1)\n        time.sleep(0.05)\na = A()\na.cfg['a']",
    "class A:\n    def __init__(self):\n        self.port = None\n        def h(*_):\n            self.port = 5\n        signal.signal(signal.SIGUSR1, h)\n        os.kill(os.getpid(), signal.SIGUSR1)\n        time.sleep(0.05)\na = A()\na.port + 1",
    "def main():\n    s = S()\n    def h(*_):\n        s.fd = open('/dev/null')\n    signal.signal(signal.SIGUSR1, h)\n    os.kill(os.getpid(), signal.SIGUSR1)\n    time.sleep(0.05)\n    s.fd.read()\nmain()",
    "def main():\n    def h(*_):\n        s.fd = open('/dev/null')\n    signal.signal(signal.SIGUSR1, h)\n    s = S()\n    os.kill(os.getpid(), signal.SIGUSR1)\n    time.sleep(0.05)\n    s.fd.read()\nmain()",
    "def main():\n    t = threading.Thread(target=lambda: s.open())\n    s = S()\n    t.start(); t.join()\n    s.fd.read()\nmain()",
    "class A:\n    def main(self):\n        self.t = threading.Thread(target=lambda: self.s.open())\n        self.s = S()\n        self.t.start(); self.t.join()\n        self.s.fd.read()\nA().main()",
    "class A:\n    def main(self):\n        self.t = threading.Thread(target=lambda: self.cfg.update(a=1))\n        self.cfg = {}\n        self.t.start(); self.t.join()\n        self.cfg['a']\nA().main()",
];

#[test]
fn what_is_kept_may_have_changed() {
    for case in KEPT {
        all_say(&[], &[(&format!("{WITH}{case}"), "Starts ")]);
    }
}

#[test]
fn what_nobody_uses_is_as_it_was() {
    let lacks = "CannotStart start/no-attribute";
    for (case, said) in [
        ("R = {}\ns = S()\nR['s'] = s\ns.fd.read()", lacks),
        ("R = []\ns = S()\nR.append(s)\ns.fd.read()", lacks),
        (
            "class A(P):\n    def __init__(self):\n        super().__init__()\n        signal.signal(signal.SIGUSR1, lambda *_: self.stop())\n    def stop(self):\n        self.go()\na = A()\na.s.fd.read()",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("{WITH}{case}"), said)]);
    }
}

#[test]
fn copies() {
    let key = "CannotStart start/bad-operation";
    for (case, said) in [
        (
            "d = {'a': {'b': 1}}\ne = copy.deepcopy(d)\ne['a']['c'] = 2\nd['a']['c']",
            key,
        ),
        ("d = {'a': {'b': 1}}\ne = copy.deepcopy(d)\ne['a']['b']\ne['b']", key),
        ("d = {'a': {'b': 1}}\ne = copy.copy(d)\ne['c'] = 2\nd['c']", key),
        (
            "d = {'a': {'b': 1}}\ne = copy.copy(d)\ne['a']['c'] = 2\nd['a']['c']",
            "Starts ",
        ),
        (
            "x = {}\nd = {'a': x, 'b': x}\ne = copy.deepcopy(d)\ne['a']['c'] = 2\ne['b']['c']\nx['c']",
            key,
        ),
        ("copy.deepcopy(None) + 1", key),
        ("copy.deepcopy(None).x", "CannotStart start/no-attribute"),
        ("copy.deepcopy('22:30').split(':')", "Starts "),
        ("x = copy.deepcopy(5)\nx.split(':')", "CannotStart start/no-attribute"),
        (
            "class A:\n    def __deepcopy__(self, memo):\n        return 'x'\ncopy.deepcopy(A()).upper()",
            "Starts ",
        ),
        (
            "class A:\n    def __copy__(self):\n        return {'x': 1}\ncopy.copy(A())['x']",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("import copy\n{case}"), said)]);
    }
}

#[test]
fn one_configuration_for_each_name() {
    let config = "import os, signal, threading\nENTRIES = {'a': {'config': {'service': {'most': 3}}}, 'b': {}}\n\
        def entry(name):\n    import copy\n    for other, spec in ENTRIES.items():\n        if other == name:\n            \
        found = copy.deepcopy(spec)\n            found.setdefault('config', found.pop('params', None) or {})\n            return found\n    return {'config': {}}\n\
        class Config:\n    _all = {}\n    _lock = threading.RLock()\n    def __new__(cls, name):\n        with cls._lock:\n            \
        if name not in cls._all:\n                one = super().__new__(cls)\n                one._load(name)\n                cls._all[name] = one\n            \
        return cls._all[name]\n    def _load(self, name):\n        self.values = dict(entry(name)['config'])\n        \
        prefix = name.upper() + '__'\n        for key, value in os.environ.items():\n            if key.startswith(prefix):\n                self.values[key[len(prefix):].lower()] = value\n    \
        def get(self, dotted, default=None):\n        node = self.values\n        for part in dotted.split('.'):\n            \
        if not isinstance(node, dict) or part not in node:\n                return default\n            node = node[part]\n        return node\n\
        class Base:\n    def __init__(self, name):\n        self.cfg = Config(name)\n        self.stop = threading.Event()\n        \
        signal.signal(signal.SIGTERM, lambda *_: self.stop.set())\n    def start(self):\n        self.configure(**self.cfg.get('service', {}))\n    \
        def configure(self, **settings):\n        self.settings = settings\n";
    let key = "CannotStart start/bad-operation";
    for (case, said) in [
        (
            "class A(Base):\n    def configure(self, **settings):\n        super().configure(**settings)\n        self.settings['most']\nA('a').start()",
            "Starts ",
        ),
        (
            "class A(Base):\n    def configure(self, **settings):\n        super().configure(**settings)\n        self.settings['max_jobs']\nA('a').start()",
            key,
        ),
        (
            "class A(Base):\n    def configure(self, **settings):\n        super().configure(**settings)\n        self.settings['most']\nA('b').start()",
            key,
        ),
        (
            "Config('a').values['more'] = 1\nclass A(Base):\n    def configure(self, **settings):\n        self.cfg.get('more') + 1\nA('a').start()",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("{config}{case}"), said)]);
    }
}

#[test]
fn results_that_functions_keep() {
    let key = "CannotStart start/bad-operation";
    let load = "import functools\nFILES = {'a': {'x': {'n': 1}}, 'b': {'y': {'n': 2}}}\n\
                @functools.lru_cache(maxsize=None)\ndef load(name='a'):\n    return {k: dict(v) for k, v in FILES[name].items()}\n";
    for (case, said) in [
        ("load('a')\nload('b')['y']['n']", "Starts "),
        ("load('a')\nload('b')['x']", key),
        ("load('a')\nload('b')\nload('a')['y']", key),
        ("load('a')\nload('b')\nload('a')['x']['n']", "Starts "),
        // One object for one call.
        ("load('a')['z'] = 1\nload('b')\nload('a')['z']", "Starts "),
        ("load('a').pop('x')\nload('a')['x']", key),
        (
            "d = load('a')\ndef fill():\n    d['z'] = 1\nfill()\nload('a')['z']",
            "Starts ",
        ),
        // Others for calls that are written otherwise.
        ("load('a').pop('x')\nload(name='a')['x']", "Starts "),
        ("load('a').pop('x')\nload()['x']", "Starts "),
        // Which one it was is not known.
        (
            "import os\nload(os.environ.get('NNN', 'a'))['z'] = 1\nload('a')['z']",
            "Starts ",
        ),
        (
            "import os\nfor n in os.environ.get('NNN', 'a b').split():\n    load(n)['z'] = 1\nload('a')['z']",
            "Starts ",
        ),
        (
            "import random\nif random.random() < 2:\n    load('a')['z'] = 1\nload('a')['z']",
            "Starts ",
        ),
        (
            "import random\nif random.random() < 2:\n    load('a')['z'] = 1\nload('b')['y']\nload('a')['z']",
            "Starts ",
        ),
        (
            "import threading\ndef fill():\n    load('a')['z'] = 1\nt = threading.Thread(target=fill)\nt.start()\nt.join()\nload('a')['z']",
            "Starts ",
        ),
        (
            "load('a')\nload.cache_clear()\nFILES['a']['z'] = {}\nload('a')['z']",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("{load}{case}"), said)]);
    }
    let one = "import functools\nclass S:\n    def __init__(self, n):\n        self.n = n\n        self.fd = None\n    def open(self):\n        self.fd = open('/dev/null')\n\
               @functools.cache\ndef one(n):\n    return S(n)\n";
    for (case, said) in [
        ("one(1).open()\none(1).fd.read()", "Starts "),
        ("one(1).open()\none(2)\none(1).fd.read()", "Starts "),
    ] {
        all_say(&[], &[(&format!("{one}{case}"), said)]);
    }
}

#[test]
fn objects_that_give_items() {
    let key = "CannotStart start/bad-operation";
    let config = "import os, random\nclass Config:\n    def __init__(self, values):\n        self.values = values\n    \
                  def __getitem__(self, key):\n        return self.values[key]\n    def __contains__(self, key):\n        return key in self.values\n    \
                  def put(self, key, value):\n        self.values[key] = value\nclass A:\n    def __init__(self, values):\n        self.cfg = Config(values)\n";
    for (case, said) in [
        ("c = Config({'a': {'b': 1}})\nc['a']['b']", "Starts "),
        ("c = Config({'a': {'b': 1}})\nc['x']", key),
        ("c = Config({'a': {'b': 1}})\nc['a']['x']", key),
        ("c = Config({'a': '1'})\nint(c['a'])", "Starts "),
        ("c = Config({'a': 'x'})\nint(c['a'])", key),
        ("a = A({'a': {'b': 1}})\na.cfg['a']['b']", "Starts "),
        ("a = A({'a': {'b': 1}})\na.cfg['a']['x']", key),
        (
            "a = A({'a': {'b': 'x'}})\nfor k, v in a.cfg['a'].items():\n    int(v)",
            key,
        ),
        (
            "a = A({'a': {'b': '1'}})\nfor k, v in a.cfg['a'].items():\n    int(v)",
            "Starts ",
        ),
        ("a = A({'a': 1})\na.cfg.put('x', 2)\na.cfg['x']", "Starts "),
        (
            "a = A({'a': None})\na.cfg['a']\na.cfg.put('a', 2)\na.cfg['a'] + 1",
            "Starts ",
        ),
        (
            "a = A({'a': None})\na.cfg['a']\nif random.random() < 2:\n    a.cfg.put('a', 2)\na.cfg['a'] + 1",
            "Starts ",
        ),
        (
            "a = A({'a': None})\na.cfg['a']\nif random.random() < 2:\n    a.cfg.put('a', 2)\n    a.cfg['a'] + 1",
            "Starts ",
        ),
        ("a = A({'a': {}})\na.cfg['a']['z'] = 1\na.cfg['a']['z']", "Starts "),
        (
            "a = A({'a': {}})\nx = a.cfg['a']\nx['z'] = 1\na.cfg['a']['z']",
            "Starts ",
        ),
        (
            "a = A({'a': {}})\nk = os.environ.get('NNN', 'a')\na.cfg[k]['z'] = 1\na.cfg['a']['z']",
            "Starts ",
        ),
        (
            "a = A({'a': {}, 'b': {}})\nfor k in ('a', 'b'):\n    a.cfg[k]['z'] = 1\na.cfg['b']['z']",
            "Starts ",
        ),
        (
            "a = A({'a': {}, 'b': {}})\nfor k in os.environ.get('NNN', 'a b').split():\n    a.cfg[k]['z'] = 1\na.cfg['b']['z']",
            "Starts ",
        ),
        (
            "a = A({'a': {}})\nf = lambda: a.cfg['a']\nf()['z'] = 1\na.cfg['a']['z']",
            "Starts ",
        ),
        (
            "class D(Config):\n    def __getitem__(self, key):\n        return super().__getitem__(key) or {'z': 1}\nD({'a': {}})['a']['z']",
            "Starts ",
        ),
        (
            "class D(Config):\n    def __getitem__(self, key):\n        return self.values.get(key, 0)\nD({})['a'] + 1",
            "Starts ",
        ),
        (
            "class D(Config):\n    def __getitem__(self, key):\n        self.n = getattr(self, 'n', 0) + 1\n        return None if self.n == 1 else 5\nd = D({})\nd['a']\nd['a'] + 1",
            "Starts ",
        ),
        (
            "class D(Config):\n    def __getitem__(self, key):\n        return random.choice([None, 5]) or 5\nd = D({})\nd['a'] + 1",
            "Starts ",
        ),
    ] {
        // A method that fills it may run where that is not followed.
        let fills = "    def put(self, key, value):\n        self.values[key] = value\n";
        let config = match said {
            "Starts " => config.to_owned(),
            _ => config.replace(fills, ""),
        };
        all_say(&[], &[(&format!("{config}{case}"), said)]);
    }
}
