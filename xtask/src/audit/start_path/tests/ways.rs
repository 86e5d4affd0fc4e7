//! Which way is taken, and what functions and classes are once their decorators and metaclasses have been called. CPython 3.11
//! fails where `CannotStart` is said, at that place, and goes on where `Starts` is.

use super::{all_say, alone_says};

const NAME: &str = "CannotStart start/undefined-name";
const MAY: &str = "MayNot start/undefined-name";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";
const ARGUMENTS: &str = "CannotStart start/argument-count";
const OPERATION: &str = "CannotStart start/bad-operation";

#[test]
fn operations_of_names() {
    all_say(
        &[],
        &[
            ("size = None\nroom = 1\nsize - room", OPERATION),
            (
                "class A:\n    LIMIT = None\n    def __init__(self):\n        self.room = self.LIMIT - 1\nA()",
                OPERATION,
            ),
            ("def f(a, b):\n    return a < b\nf('a', 1)", OPERATION),
            (
                "size = 2\ntext = 'a'\ntext * size\n(text, 1) * size\nsize * [text]",
                "Starts ",
            ),
            ("import time\nsize = 2\ntime.time() - size < size", "Starts "),
            ("kind = int\nother = None\nkind | other", "Starts "),
        ],
    );
}

#[test]
fn a_search_that_may_have_found_something_goes_on() {
    let search = |around: &str| {
        format!(
            "import os\ndef f():\n    for p in os.environ:\n        if len(p) > 3:\n            return p\n    raise RuntimeError\n{around}"
        )
    };
    let cases = [
        ("x = f()\nding", NAME),
        ("x = f()\nx.anything", "Starts "),
        ("def g():\n    return f()\ng()\nding", NAME),
        ("try:\n    x = f()\nfinally:\n    y = 1\nding", NAME),
        (
            "try:\n    f()\n    x = 1\nexcept RuntimeError:\n    x = 2\nx + 1",
            "Starts ",
        ),
    ];
    let cases = cases.map(|(around, says)| (search(around), says));
    all_say(&[], &cases.each_ref().map(|(script, says)| (script.as_str(), *says)));
}

#[test]
fn a_constructor_may_make_one_of_another_class() {
    let abstracts = "from abc import ABC, abstractmethod\nclass A(ABC):\n    kinds = {}\n    def __init_subclass__(cls, **kw):\n        \
                     A.kinds['b'] = cls\n    def __new__(cls, kind):\n        return super().__new__(MADE)\n    @abstractmethod\n    \
                     def f(self): ...\nclass B(A):\n    def f(self): return 1\nA('b').f()";
    let given = abstracts.replace("MADE", "cls.kinds.get(kind, cls)");
    let again = abstracts.replace(
        "        return super().__new__(MADE)",
        "        cls = B\n        return super().__new__(cls)",
    );
    let own = abstracts.replace("MADE", "cls");
    all_say(
        &[],
        &[
            (&given, "Starts "),
            (&again, "Starts "),
            (&own, "CannotStart start/class-error"),
        ],
    );
}

#[test]
fn private_names_are_known_to_others_with_the_class() {
    all_say(
        &[],
        &[
            (
                "class A:\n    def __init__(self):\n        self.__x = 1\n    def f(self):\n        return self._A__x\nA().f()\nA()._A__x",
                "Starts ",
            ),
            (
                "class A:\n    __x = 1\n    def __f(self): pass\nA._A__x\nA()._A__f()\nif not hasattr(A(), '_A__x'):\n    ding",
                MAY,
            ),
        ],
    );
}

#[test]
fn both_sides_of_a_comparison_run() {
    all_say(
        &[],
        &[
            ("x = 1\nif x == ding:\n    pass", NAME),
            ("x = 1\nx == ding()", NAME),
            ("x = 1\nif 0 < x < ding:\n    pass", NAME),
        ],
    );
}

#[test]
fn ways_that_values_decide() {
    all_say(
        &[],
        &[
            (
                "def f(x):\n    if x is None:\n        return 1\n    return ding(x)\nf('a')",
                NAME,
            ),
            ("def f(x=None):\n    if x is not None:\n        ding()\nf()", "Starts "),
            (
                "def f(x):\n    if x == 'a':\n        r = 1\n    elif x == 'b':\n        r = 2\n    return r\nf('c')",
                NAME,
            ),
            ("def f(x):\n    if x in ('a', 'b'):\n        ding()\nf('b')", NAME),
            (
                "def f(x):\n    if x not in ('a', 'b'):\n        ding()\nf('b')",
                "Starts ",
            ),
            ("def f(n=3):\n    if n > 2 and not n == 5:\n        ding()\nf()", NAME),
            (
                "def f(a=None, b=False):\n    if a or b:\n        ding()\nf()",
                "Starts ",
            ),
            (
                "def f(p=None):\n    g(p or 'x')\ndef g(p):\n    if p:\n        ding()\nf()",
                NAME,
            ),
            (
                "def f(p=None):\n    q = 'a' if p else None\n    q.upper()\nf()",
                ATTRIBUTE,
            ),
            ("def check():\n    return False\nif not check():\n    ding()", NAME),
            ("import os\nif not os.getenv('NOT_SET'):\n    ding()", NAME),
            ("import os\nif os.getenv('NOT_SET', '0') == '1':\n    ding()", "Starts "),
            // What is not known, or may have changed.
            ("import os\nif os.getpid() == 1:\n    ding()", MAY),
            (
                "ready = False\nfor i in range(3):\n    if i == 2:\n        ready = True\nif not ready:\n    ding()",
                "Starts ",
            ),
            (
                "ready = False\nfor i in range(3):\n    if i == 7:\n        ready = True\nif not ready:\n    ding()",
                NAME,
            ),
            (
                "import os\nready = False\nfor i in range(os.cpu_count()):\n    if i == 7:\n        ready = True\nif not ready:\n    ding()",
                MAY,
            ),
            (
                "def load(n):\n    if n < 3:\n        raise KeyError(n)\n    return n\ndef attempt(tries):\n    for n in range(tries):\n        try:\n            return load(n)\n        \
                 except KeyError:\n            pass\n    raise RuntimeError('gave up')\nattempt(4)",
                "Starts ",
            ),
            (
                "def load(n):\n    if n < 3:\n        raise KeyError(n)\n    return n\ndef attempt(tries):\n    for n in range(tries):\n        try:\n            return load(n)\n        \
                 except KeyError:\n            pass\n    raise RuntimeError('gave up')\nattempt(3)",
                "CannotStart start/raises",
            ),
            (
                "n = 0\ndef f():\n    global n\n    n = 1\nf()\nif n == 0:\n    ding()",
                "Starts ",
            ),
            (
                "n = None\ndef f():\n    global n\n    if n is None:\n        n = {}\n    return n\nf()\nf()['a']",
                OPERATION,
            ),
            // A thread may have done so by then, or what it calls.
            (
                "import threading\nn = 0\ndef f():\n    g()\ndef g():\n    global n\n    n = 1\n\
                 threading.Thread(target=f, daemon=True).start()\nif n == 0:\n    ding()",
                MAY,
            ),
            (
                "import atexit\nn = 0\ndef g():\n    global n\n    n = 1\natexit.register(lambda: g())\nif n == 1:\n    ding()",
                MAY,
            ),
            (
                "def f():\n    x = None\n    def g():\n        nonlocal x\n        x = 'a'\n    g()\n    x.upper()\nf()",
                "Starts ",
            ),
            ("items = [1]\nitems.clear()\nif items:\n    ding()", MAY),
        ],
    );
}

#[test]
fn loops_that_surely_run() {
    all_say(
        &[],
        &[
            ("for x in ['a']:\n    ding(x)", NAME),
            (
                "NAMES = ['a', 'b']\ndef f():\n    for x in NAMES:\n        ding(x)\nf()",
                NAME,
            ),
            ("TABLE = {'a': 1}\nfor k, v in TABLE.items():\n    ding(k)", NAME),
            ("for x in enumerate(range(2)):\n    ding(x)", NAME),
            ("[ding(x) for x in (1, 2)]", NAME),
            ("running = True\nwhile running:\n    ding()", NAME),
            (
                "class A:\n    running = True\n    def run(self):\n        while self.running:\n            self.tik += 1\nA().run()",
                ATTRIBUTE,
            ),
            ("NAMES = ['a']\nNAMES.pop()\nfor x in NAMES:\n    ding(x)", MAY),
            ("for x in []:\n    ding(x)", "Starts "),
            ("[ding(x) for x in (1, 2) if x > 5]", "Starts "),
            ("[ding(x) for x in (1, 2) if x > 1]", NAME),
            // One that serves may go on for ever.
            (
                "import time\nrunning = True\nwhile running:\n    time.sleep(1)\nding()",
                MAY,
            ),
        ],
    );
}

/// Decorators as they are usually written.
const DECORATORS: &str = "\
import functools
import logging

def logged(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)
    return wrapper

def swallowing(fn):
    def wrapper(*args, **kwargs):
        try:
            return fn(*args, **kwargs)
        except Exception:
            logging.exception('failed')
    return wrapper

def with_context(fn):
    def wrapper(self, *args):
        return fn(self, {}, *args)
    return wrapper

def retry(times=3):
    def around(fn):
        def wrapper(*args, **kwargs):
            for i in range(times):
                return fn(*args, **kwargs)
        return wrapper
    return around

def register(name):
    def around(cls):
        cls.registered = name
        return cls
    return around

def new_constructor(cls):
    old = cls.__init__
    def __init__(self, *a):
        self.more = 1
        old(self)
    cls.__init__ = __init__
    return cls

def nothing(fn):
    return None
";

#[test]
fn decorators_of_the_tree() {
    let files = [("main/deco.py", DECORATORS)];
    let method = |decorator: &str, body: &str| {
        format!(
            "from main.deco import *\nclass A:\n    def __init__(self):\n        self.load(1)\n    @{decorator}\n    def load(self, x):\n        {body}\nA()"
        )
    };
    for decorator in ["logged", "retry(2)", "logged\n    @retry()"] {
        all_say(
            &files,
            &[
                (&method(decorator, "return ding(x)"), NAME),
                (&method(decorator, "return self.rows[x]"), ATTRIBUTE),
                (&method(decorator, "return x"), "Starts "),
            ],
        );
    }
    all_say(
        &files,
        &[
            (&method("swallowing", "return ding(x)"), "Starts "),
            (&method("with_context", "return x"), ARGUMENTS),
            (
                "from main.deco import *\n@logged\ndef f(a, b=1):\n    pass\nf(1, c=2)",
                ARGUMENTS,
            ),
            (
                "from main.deco import *\n@logged\ndef f(a, b=1):\n    pass\nf(1, b=2)",
                "Starts ",
            ),
            ("from main.deco import *\n@nothing\ndef f():\n    ding()", "Starts "),
            (
                "from main.deco import *\n@register('x')\nclass A:\n    def __init__(self, n):\n        pass\nA()",
                ARGUMENTS,
            ),
            (
                "from main.deco import *\n@register('x')\nclass A:\n    def __init__(self, n):\n        pass\nA(1).registered",
                "Starts ",
            ),
            (
                "from main.deco import *\n@new_constructor\nclass A:\n    def __init__(self):\n        self.y = 1\nA(1, 2).y",
                "Starts ",
            ),
            (
                "def make():\n    n = 0\n    def bump():\n        nonlocal n\n        n += 1\n        return n\n    return bump\nb = make()\nb()\nif b() == 1:\n    ding()",
                MAY,
            ),
        ],
    );
}

/// Metaclasses as they are usually written.
const METACLASSES: &str = "\
class Singleton(type):
    made = {}
    def __call__(cls, *args, **kwargs):
        if cls not in cls.made:
            cls.made[cls] = super().__call__(*args, **kwargs)
        return cls.made[cls]

class Registering(type):
    names = []
    def __new__(mcs, name, bases, ns):
        cls = super().__new__(mcs, name, bases, ns)
        mcs.names.append(name)
        return cls

class Filling(type):
    def __new__(mcs, name, bases, ns):
        ns['filled'] = 1
        return super().__new__(mcs, name, bases, ns)

class Starting(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.started = True
        return made

class Ignoring(type):
    def __call__(cls, *args):
        return super().__call__()

class Once:
    one = None
    def __new__(cls, *args):
        if cls.one is None:
            cls.one = super().__new__(cls)
            cls.one.first = True
        return cls.one
";

#[test]
fn metaclasses_of_the_tree() {
    let files = [("main/meta.py", METACLASSES)];
    let class = |metaclass: &str, used: &str| {
        format!(
            "from main.meta import *\nclass B(metaclass={metaclass}):\n    def __init__(self, n):\n        self.n = n\nclass A(B):\n    def go(self):\n        return 1\n{used}"
        )
    };
    for metaclass in ["Singleton", "Registering"] {
        all_say(
            &files,
            &[
                (&class(metaclass, "A()"), ARGUMENTS),
                (&class(metaclass, "A(1).go(2)"), ARGUMENTS),
                (&class(metaclass, "A(1).n, A(2).go()"), "Starts "),
            ],
        );
    }
    all_say(
        &files,
        &[
            (&class("Registering", "a = A(1)\na.missing"), ATTRIBUTE),
            (&class("Filling", "A(1).filled"), "Starts "),
            (&class("Starting", "A(1).started"), "Starts "),
            (
                "from main.meta import *\nclass A(metaclass=Ignoring):\n    def __init__(self):\n        pass\nA(1, 2)",
                "Starts ",
            ),
            (
                "from main.meta import *\nclass A(Once):\n    def __init__(self, n):\n        self.n = n\nA(1).first, A(2).n",
                "Starts ",
            ),
            (
                "from main.meta import *\nclass A(Once):\n    def __init__(self, n):\n        ding(n)\nA(1)",
                NAME,
            ),
        ],
    );
}

#[test]
fn what_attributes_surely_are() {
    let inside = |body: &str, rest: &str| {
        format!(
            "class A:\n    kind = None\n    def __init__(self):\n        self.s = None\n        {body}\n{rest}\nA()"
        )
    };
    all_say(
        &[],
        &[
            (&inside("if self.s is None:\n            ding()", ""), NAME),
            (&inside("self.s.upper()", ""), ATTRIBUTE),
            (&inside("self.kind.upper()", ""), ATTRIBUTE),
            (
                &inside(
                    "self.fill()\n        self.s.upper()",
                    "    def fill(self):\n        self.s = 'a'",
                ),
                "Starts ",
            ),
            (
                &inside(
                    "fills = {'a': self.fill}\n        fills['a']()\n        self.s.upper()",
                    "    def fill(self):\n        self.s = 'a'",
                ),
                "Starts ",
            ),
            (
                &inside(
                    "fill = lambda: self.fill()\n        [fill][0]()\n        self.s.upper()",
                    "    def fill(self):\n        self.s = 'a'",
                ),
                "Starts ",
            ),
            (
                &inside("setattr(self, 's', 'a')\n        self.s.upper()", ""),
                "Starts ",
            ),
            (
                "class D:\n    def __get__(self, o, c=None):\n        return 'd'\n    def __set__(self, o, v):\n        pass\nclass A:\n    x = D()\n    def __init__(self):\n        self.x = None\n        self.x.upper()\nA()",
                "Starts ",
            ),
            (
                "class P:\n    one = None\n    @classmethod\n    def get(cls):\n        if cls.one is None:\n            cls.one = cls()\n        return cls.one\n    def go(self):\n        pass\nP.get().go(), P.one.go()",
                "Starts ",
            ),
            (
                "class I:\n    def __init__(self):\n        self.a = 1\nclass A:\n    def __init__(self):\n        self.i = I()\n        print(self.i.b)\nA()",
                ATTRIBUTE,
            ),
            (
                "C = {'port': 1}\nclass A:\n    def __init__(self, c=None):\n        self.c = c or C\n        self.p = self.c.port\nA()",
                ATTRIBUTE,
            ),
        ],
    );
}

#[test]
fn sockets_and_their_addresses() {
    let socket = |then: &str| format!("import zmq\ns = zmq.Context().socket(zmq.PUB)\n{then}");
    all_say(
        &[],
        &[
            ("import zmq\nzmq.Context().socket(zmq.REPP)", ATTRIBUTE),
            (&socket("s.sendd(b'')"), ATTRIBUTE),
            (&socket("s.bind('tcp//*:7000')"), OPERATION),
            (&socket("s.connect('localhost:7000')"), OPERATION),
            (&socket("s.bind('tpc://*:7000')"), OPERATION),
            (
                &socket("s.bind_to_random_port('tcp://*')\ns.linger = 0\ns.LINGER, s.linger, s.closed"),
                "Starts ",
            ),
            (&socket("s.bind('inproc://x')\ns.connect('ipc:///tmp/x')"), "Starts "),
        ],
    );
}

#[test]
fn threads_that_were_never_made() {
    all_say(
        &[],
        &[
            (
                "import threading\nclass T(threading.Thread):\n    def __init__(self, n):\n        self.n = n\nT(1).start()",
                OPERATION,
            ),
            (
                "import threading\nclass T(threading.Thread):\n    def __init__(self):\n        self.daemon = True\nT()",
                OPERATION,
            ),
            (
                "import threading\nclass T(threading.Thread):\n    def __init__(self):\n        threading.Thread.__init__(self)\n        self.daemon = True\nT().start()",
                "Starts ",
            ),
            (
                "import threading\nclass T(threading.Thread):\n    def __init__(self):\n        self.make()\n    def make(self):\n        super().__init__(daemon=True)\nT().start()",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn coroutines_that_run_beside_each_other() {
    let class = |second: &str| {
        format!(
            "import asyncio\nclass S:\n    async def go(self):\n        await asyncio.gather(self.serve(), self.tick())\n    async def serve(self):\n        while True:\n            await asyncio.sleep(1)\n    async def tick(self):\n        {second}\nasyncio.run(S().go())"
        )
    };
    all_say(&[], &[(&class("ding()"), NAME), (&class("pass"), "Starts ")]);
}

#[test]
fn files_that_their_readers_do_not_take() {
    let files = [
        ("main/broken.json", "{\"a\": 1,\n"),
        ("main/good.json", "{\"a\": 1}"),
        ("main/broken.yaml", "a: b: c\n"),
        ("main/good.yaml", "a: yes\n"),
    ];
    let reads = |reader: &str, file: &str| {
        format!(
            "import json, os, yaml\nHERE = os.path.dirname(os.path.abspath(__file__))\nwith open(os.path.join(HERE, '{file}')) as f:\n    {reader}(f)"
        )
    };
    let malformed = "CannotStart start/malformed-file [main/alpha.py:4]";
    all_say(
        &files,
        &[
            (&reads("json.load", "broken.json"), malformed),
            (&reads("yaml.safe_load", "broken.yaml"), malformed),
            (&reads("json.load", "good.json"), "Starts "),
            (&reads("yaml.safe_load", "good.yaml"), "Starts "),
            (&reads("print", "broken.json"), "Starts "),
            (
                "import json\ntry:\n    with open('main/broken.json') as f:\n        json.load(f)\nexcept ValueError:\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn what_a_with_statement_gives() {
    let class = |gives: &str| {
        format!(
            "class C:\n    def go(self):\n        pass\nclass P:\n    def __enter__(self):\n        {gives}\n    def __exit__(self, *a):\n        pass\nwith P() as c:\n    c.go()"
        )
    };
    all_say(
        &[],
        &[
            (&class("return C()"), "Starts "),
            (&class("return self"), ATTRIBUTE),
            (&class("pass"), ATTRIBUTE),
            (&class("ding()"), NAME),
        ],
    );
}

#[test]
fn factories_and_questions_about_types() {
    let factory = "class A:\n    def __init__(self, n):\n        pass\nclass B:\n    def __init__(self):\n        pass\nKINDS = {'a': A, 'b': B}\ndef make(kind, **more):\n    return KINDS[kind](**more)\n";
    let with = |then: &str| format!("{factory}{then}");
    all_say(
        &[],
        &[
            (&with("make('a')"), ARGUMENTS),
            (&with("make('a', n=1)"), "Starts "),
            (&with("make('b', n=1)"), ARGUMENTS),
            (&with("KINDS['a'] = B\nmake('a')"), "Starts "),
            (&with("KINDS.update(a=B)\nmake('a')"), "Starts "),
            (
                "class A:\n    def __init__(self, n):\n        pass\ndef make(kind):\n    return {'a': A}[kind]()\nmake('a')",
                ARGUMENTS,
            ),
            ("def f(p):\n    if isinstance(p, str):\n        ding()\nf('a')", NAME),
            ("def f(p):\n    if isinstance(p, str):\n        ding()\nf(5)", "Starts "),
            (
                "class A:\n    pass\nclass B(A):\n    pass\nif not isinstance(B(), A):\n    ding()",
                "Starts ",
            ),
            (
                "class A:\n    def __init__(self):\n        getattr(self, 'go')()\nA()",
                ATTRIBUTE,
            ),
            (
                "class A:\n    def __init__(self):\n        getattr(self, 'go')()\n    def go(self):\n        pass\nA()",
                "Starts ",
            ),
            (
                "class A:\n    def __init__(self):\n        getattr(self, 'go', None)\nA()",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn coroutines_threads_and_what_is_put_into_modules() {
    let class = |get: &str| format!("class C:\n    def __init__(self, d):\n        self.d = d\n{get}c = C(1)\nc['a']");
    let heart = |init: &str| {
        format!(
            "import threading\nclass H(threading.Thread):\n    def __init__(self, n):\n        super().__init__(name=n)\nclass J(H):\n    \
             def __init__(self, n):\n        {init}\nJ('a').start()"
        )
    };
    let moved = ("main/moved.py", "a = 1\n");
    all_say(
        &[moved],
        &[
            ("import asyncio\ndef go():\n    print(1)\nasyncio.run(go())", OPERATION),
            ("import asyncio\nasync def go():\n    pass\nasyncio.run(go)", OPERATION),
            (
                "import asyncio\nasync def go():\n    pass\nasyncio.run(go())",
                "Starts ",
            ),
            (
                "import asyncio\ndef ask():\n    return True\nasync def go():\n    await ask()\nasyncio.run(go())",
                OPERATION,
            ),
            (
                "import asyncio\nasync def ask():\n    return True\nasync def go():\n    await ask()\nasyncio.run(go())",
                "Starts ",
            ),
            (&class(""), OPERATION),
            (&class("    def __getitem__(self, key):\n        return 1\n"), "Starts "),
            (&heart("self.n = n"), OPERATION),
            (&heart("super().__init__(n)"), "Starts "),
            ("def f():\n    return None\nfor x in f():\n    pass", OPERATION),
            (
                "import os\ndef need(key):\n    return os.environ[key]\nneed('NOT_THERE')",
                "CannotStart start/environment",
            ),
            (
                "import main.moved\nmain.moved.b = 2\nfrom main.moved import b",
                "Starts ",
            ),
            (
                "import main.moved\nfrom main.moved import b",
                "CannotStart start/cannot-import-name",
            ),
            (
                "import json\ntry:\n    ding()\nexcept json.DecodeErr:\n    pass",
                ATTRIBUTE,
            ),
            (
                "import json\ntry:\n    pass\nexcept json.DecodeErr:\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn singletons() {
    let registry = |after: &str| {
        format!(
            "class R:\n    _instance = None\n    @classmethod\n    def get(cls):\n        if cls._instance is None:\n            raise RuntimeError('not yet')\n        \
             return cls._instance\n    @classmethod\n    def configure(cls):\n        cls._instance = cls()\n{after}\nR.get()"
        )
    };
    all_say(
        &[],
        &[
            (&registry(""), "CannotStart start/raises"),
            (&registry("R.configure()"), "Starts "),
            (&registry("import os\nif os.urandom(1):\n    R.configure()"), "Starts "),
            (&registry("import atexit\nmap(R.configure, [])"), "Starts "),
            (&registry("[r.configure() for r in [R]]"), "Starts "),
            (&registry("R._instance = R()"), "Starts "),
            (&registry("R.configure()\nR.get().missing"), ATTRIBUTE),
            // Emptied, and filled where that is not followed.
            (
                &registry("R.configure()\nR._instance = None\nlist(map(lambda r: r.configure(), [R]))"),
                "Starts ",
            ),
            (
                &registry(
                    "R.configure()\nR._instance = None\nimport threading\nthreading.Timer(0, R.configure).start()",
                ),
                "Starts ",
            ),
            (
                "class S:\n    _one = None\n    def __new__(cls):\n        if cls._one is None:\n            cls._one = super().__new__(cls)\n        return cls._one\n\
                 S()\nS()",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn coroutines_run_when_they_are_awaited() {
    let with = |main: &str| {
        format!(
            "import asyncio\nasync def fetch():\n    return {{'bid': 1}}\nasync def fail():\n    raise OSError('x')\nasync def beat():\n    while True:\n        \
             await asyncio.sleep(1)\nasync def main():\n    {main}\nasyncio.run(main())"
        )
    };
    let raises = "CannotStart start/raises";
    for (main, said) in [
        ("quote = fetch()\n    quote['bid']", OPERATION),
        ("quote = fetch()\n    quote.get('bid')", ATTRIBUTE),
        ("len(fetch())", OPERATION),
        ("quote = await fetch()\n    quote['bid']", "Starts "),
        ("later = fetch()\n    quote = await later\n    quote['bid']", "Starts "),
        (
            "quote = await asyncio.wait_for(fetch(), 1)\n    quote['bid']",
            "Starts ",
        ),
        (
            "one, two = await asyncio.gather(fetch(), fetch())\n    one['bid']",
            "Starts ",
        ),
        ("later = fail()", "Starts "),
        ("later = fail()\n    await later", raises),
        ("await asyncio.gather(fetch(), fail())", raises),
        ("await asyncio.wait_for(fail(), 1)", raises),
        (
            "asyncio.create_task(asyncio.wait_for(fail(), 1))\n    await beat()",
            "Starts ",
        ),
        (
            "def spawn(it):\n        return asyncio.get_running_loop().create_task(it)\n    spawn(fail())",
            "Starts ",
        ),
        ("def give(it):\n        return it\n    await give(fail())", raises),
    ] {
        all_say(&[], &[(&with(main), said)]);
    }
}

#[test]
fn scripts_that_end_with_their_tasks() {
    let nothing = "CannotStart start/does-nothing";
    for (main, said) in [
        ("asyncio.create_task(beat())", nothing),
        ("asyncio.get_running_loop().create_task(beat())", nothing),
        (
            "loop = asyncio.get_running_loop()\n    task = loop.create_task(beat())\n    task.add_done_callback(print)",
            nothing,
        ),
        (
            "loop = asyncio.get_running_loop()\n    task = loop.create_task(beat())\n    await task",
            "Starts ",
        ),
        (
            "loop = asyncio.get_running_loop()\n    await loop.run_in_executor(None, print)\n    await loop.create_future()",
            "Starts ",
        ),
        ("beat()", nothing),
        ("task = asyncio.create_task(beat())\n    await task", "Starts "),
        (
            "task = asyncio.create_task(beat())\n    await asyncio.wait({task})",
            "Starts ",
        ),
        (
            "tasks = [asyncio.create_task(beat()) for _ in range(2)]\n    await asyncio.gather(*tasks)",
            "Starts ",
        ),
        (
            "async def done():\n        pass\n    task = asyncio.create_task(beat())\n    await asyncio.gather(done(), task)",
            "Starts ",
        ),
        (
            "several = [beat(), beat()]\n    await asyncio.gather(*several)",
            "Starts ",
        ),
        (
            "several = {'a': asyncio.create_task(beat())}\n    await several['a']",
            "Starts ",
        ),
    ] {
        let script = format!(
            "import asyncio\nasync def beat():\n    while True:\n        await asyncio.sleep(1)\nasync def main():\n    {main}\nasyncio.run(main())"
        );
        alone_says(&script, said);
    }
}

#[test]
fn generators() {
    let nothing = "CannotStart start/does-nothing";
    let names = "def names():\n    yield 'a'\n";
    let forever = "import time\ndef forever():\n    while True:\n        time.sleep(1)\n        yield\n";
    for (code, said) in [
        (format!("{names}len(names())"), OPERATION),
        (format!("{names}found = names()\nfound[0]"), OPERATION),
        (format!("{names}found = names()\nfound.append('b')"), ATTRIBUTE),
        (
            format!("{names}found = names()\nnext(found)\nfound.close()\nlen(list(found))"),
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&code, said)]);
    }
    for (code, said) in [
        ("forever()", nothing),
        ("for _ in forever():\n    pass", "Starts "),
        ("list(forever())", "Starts "),
        ("beats = forever()\nnext(beats)", "Starts "),
    ] {
        alone_says(&format!("{forever}{code}"), said);
    }
}

#[test]
fn what_classes_are_told_of() {
    let base = "class B:\n    kinds = {}\n    def __init_subclass__(cls, /, role=None, **more):\n        super().__init_subclass__(**more)\n        \
                B.kinds[role or cls.__name__] = cls\n    def __init__(self):\n        self.setup()\n";
    for (code, said) in [
        ("class C(B, role='x'):\n    def setup(self):\n        ding()\nC()", NAME),
        (
            "class C(B):\n    def __init__(self):\n        super().__init__()\n        self.queue = []\n    def setup(self):\n        self.queue.append(1)\nC()",
            ATTRIBUTE,
        ),
        (
            "class C(B, role='x'):\n    def setup(self):\n        pass\nB.kinds['x']()",
            "Starts ",
        ),
        (
            "class C(B):\n    def setup(self):\n        pass\nB.kinds['C']()",
            "Starts ",
        ),
        (
            "class C(B, role='x'):\n    def setup(self):\n        pass\nB.kinds['y']()",
            OPERATION,
        ),
    ] {
        all_say(&[], &[(&format!("{base}{code}"), said)]);
    }
    let strict = "class B:\n    def __init_subclass__(cls, role):\n        pass\n";
    for (code, said) in [
        ("class C(B, role=1):\n    pass", "Starts "),
        ("class C(B, rule=1):\n    pass", "CannotStart start/class-error"),
        (
            "class M(type):\n    def __new__(m, n, b, d, rule=None):\n        return super().__new__(m, n, b, d, role=1)\nclass C(B, rule=1, metaclass=M):\n    pass",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("{strict}{code}"), said)]);
    }
}

#[test]
fn objects_that_are_given_again() {
    let opens = "    def __init__(self, path='/tmp/x'):\n        open(path, 'w')\n";
    let once = format!(
        "class Once(type):\n    cache = {{}}\n    def __call__(cls, *a):\n        if cls not in cls.cache:\n            cls.cache[cls] = super().__call__(*a)\n        return cls.cache[cls]\nclass P(metaclass=Once):\n{opens}"
    );
    let new = "class P:\n    _one = None\n    def __new__(cls, *a):\n        if cls._one is None:\n            cls._one = super().__new__(cls)\n            cls._one.ready = False\n        return cls._one\n    def __init__(self, path='/tmp/x'):\n        if self.ready:\n            return\n        open(path, 'w')\n        self.ready = True\n";
    let folder = "CannotStart start/missing-folder";
    for (code, said) in [
        (format!("{once}P('/nowhere/x')"), folder),
        (format!("{once}P('/tmp/x')\nP('/nowhere/x')"), "Starts "),
        (format!("{new}P('/tmp/x')\nP('/nowhere/x')"), "Starts "),
        ("class S:\n    def __enter__(self):\n        return self\n    def __exit__(self, *all):\n        self.last = all\nwith S() as s:\n    pass\ns.last".to_owned(), "Starts "),
    ] {
        all_say(&[], &[(&code, said)]);
    }
}

#[test]
fn templates_of_texts() {
    for (code, said) in [
        ("'{side} by {trader}'.format(side=1)", OPERATION),
        ("T = {'a': '{side} by {trader}'}\nT['a'].format(side=1)", OPERATION),
        ("'{} {}'.format(1)", OPERATION),
        ("'{side} {0}'.format(1, side=2)", "Starts "),
        ("d = {'side': 1}\n'{side} {trader}'.format(**d, trader=2)", "Starts "),
        ("import os\n'{side} {trader}'.format(**os.environ)", "Starts "),
    ] {
        all_say(&[], &[(code, said)]);
    }
}

#[test]
fn what_a_try_may_have_left_before() {
    let check = "import os\ndef check(path):\n    if not os.environ.get(path):\n        raise RuntimeError(path)\n    return missing\n";
    for (caught, said) in [
        ("RuntimeError", "MayNot start/undefined-name"),
        ("(KeyError, RuntimeError)", "MayNot start/undefined-name"),
        // Both end the process.
        ("KeyError", "CannotStart start/undefined-name"),
    ] {
        all_say(
            &[],
            &[(
                &format!("{check}try:\n    check(open('main/alpha.py').read())\nexcept {caught}:\n    pass"),
                said,
            )],
        );
    }
}

#[test]
fn what_is_the_same_in_every_container() {
    for condition in [
        "os.name == 'nt'",
        "os.name != 'posix' or sys.platform == 'darwin'",
        "sys.platform.startswith('win')",
        "not sys.platform.startswith('linux')",
        "platform.system() == 'Windows'",
        "sys.version_info < (3, 8)",
        "sys.version_info[0] < 3",
        "sys.version_info[0] == 2",
        "sys.version_info.major == 2",
        "sys.platform == 'win32' and os.getpid()",
        "os.sep == '\\\\'",
        "TYPE_CHECKING",
    ] {
        let script = format!(
            "import os, sys, platform\nfrom typing import TYPE_CHECKING\nif os.getpid() == 0:\n    pass\nelif {condition}:\n    import winreg\n    missing"
        );
        all_say(&[], &[(&script, "Starts ")]);
        let script =
            format!("import os, sys, platform\nfrom typing import TYPE_CHECKING\nif not ({condition}):\n    missing");
        all_say(&[], &[(&script, NAME)]);
    }
}

#[test]
fn threads_that_are_made_of_thread_end_with_the_main_one() {
    let worker = |made: &str, after: &str| {
        format!(
            "import threading, time\nclass Worker(threading.Thread):\n    def __init__(self):\n        {made}\n    def run(self):\n        \
             while True:\n            time.sleep(1)\nif __name__ == '__main__':\n    worker = Worker()\n    worker.start()\n    {after}\n"
        )
    };
    const ENDS: &str = "CannotStart start/does-nothing";
    for (made, after, said) in [
        ("super().__init__(daemon=True)", "print('runs')", ENDS),
        (
            "threading.Thread.__init__(self)\n        self.daemon = True",
            "print('runs')",
            ENDS,
        ),
        ("super().__init__(daemon=True)", "worker.join()", "Starts "),
        (
            "super().__init__(daemon=True)",
            "while True:\n        time.sleep(5)",
            "Starts ",
        ),
        ("super().__init__()", "print('runs')", "Starts "),
        ("super().__init__(daemon=None)", "print('runs')", "Starts "),
    ] {
        alone_says(&worker(made, after), said);
    }
}

#[test]
fn classes_of_one_object_and_functions_that_keep_what_they_gave() {
    let config = |loaded: &str, class: &str| {
        format!(
            "import threading\nclass Config:\n    _instance = None\n    _lock = threading.Lock()\n{class}    def __new__(cls, *args):\n        \
             with cls._lock:\n            if cls._instance is None:\n                cls._instance = super().__new__(cls)\n{loaded}        \
             return cls._instance\n    def __init__(self):\n        if self._loaded:\n            return\n        self.data = {{'port': 5}}\n        \
             self._loaded = True\n"
        )
    };
    let told = config("                cls._instance._loaded = False\n", "");
    let written = config("", "    _loaded = False\n");
    for made in [&told, &written] {
        for (code, said) in [
            ("Config().data['host']", OPERATION),
            ("Config().data['port']", "Starts "),
            ("c = Config()\nc.data['host'] = 'x'\nConfig().data['host']", "Starts "),
            ("if Config() is None:\n    ding()", "Starts "),
        ] {
            all_say(&[], &[(&format!("{made}{code}"), said)]);
        }
    }
    let pool = "class Pool:\n    made = []\n    def __new__(cls, n):\n        if cls.made:\n            return cls.made[0]\n        \
                one = object.__new__(cls)\n        cls.made.append(one)\n        return one\n    def __init__(self, n):\n        self.n = n\n";
    let again = format!(
        "{pool}a = Pool(1)\nb = Pool(2)\nif a.n == 1:\n    ding()\n{}",
        super::GOOD
    );
    let (found, _) = super::alpha(&[("main/alpha.py", &again)]);
    assert!(!found.starts_with("CannotStart"), "{found}");
    // What is kept is not done again.
    let kept = "from functools import lru_cache\nmade = []\n@lru_cache(maxsize=None)\ndef f():\n    made.append(1)\nf()\nf()\nif len(made) != 1:\n    ding()";
    let script = format!("{kept}\n{}", super::GOOD);
    let (found, _) = super::alpha(&[("main/alpha.py", &script)]);
    assert!(!found.starts_with("CannotStart"), "{found}");
    let method = "import functools\nclass Paths:\n    @classmethod\n    @functools.lru_cache(maxsize=None)\n    def root(cls):\n        return 'x'\n\
                  if Paths.root() == 'x':\n    ding()";
    all_say(&[], &[(method, NAME)]);
}
