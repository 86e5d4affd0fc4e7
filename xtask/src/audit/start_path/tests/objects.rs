//! What functions and objects of the standard library give and have, and ways that are decided by the version. CPython 3.11 fails
//! where `CannotStart` is said, at that place, and goes on where `Starts` is.

use super::{all_say, alone_says};

const NAME: &str = "CannotStart start/undefined-name";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";
const OPERATION: &str = "CannotStart start/bad-operation";

#[test]
fn regular_expressions_are_looked_at() {
    all_say(
        &[],
        &[
            ("import re\nm = re.match('a', 'b')\nm.group()", ATTRIBUTE),
            ("import re\nm = re.match('b', 'b')\nm.group()", "Starts "),
            (
                "import re\nP = re.compile(r'v(\\d+)')\ndef f(text):\n    m = P.match(text)\n    return m.group(1)\nf('x1')",
                ATTRIBUTE,
            ),
            (
                "import re\nP = re.compile(r'v(\\d+)')\ndef f(text):\n    m = P.search(text)\n    return m.group(1)\nf('xv1')",
                "Starts ",
            ),
            ("import re\nm = re.match('a', 'b')\nif m:\n    ding", "Starts "),
            ("import re\nm = re.match('a', 'b', re.I)\nm.group()", "Starts "),
            ("import re\nm = re.match('a', 'A', flags=re.I)\nm.group()", "Starts "),
            ("import re\nre.compile('(a')", OPERATION),
            ("import re\nre.compile('(a) # (', re.X)", "Starts "),
            ("import re\nre.compile('*.txt')", OPERATION),
            ("import re\nre.compile(r'^(a)?(?(1)b|c)$')", "Starts "),
            (
                "import re\ntry:\n    re.compile('(a')\nexcept re.error:\n    pass",
                "Starts ",
            ),
            ("import re\nP = re.compile('a')\nP.matches('a')", "Starts "),
            ("import re\nm = re.search('a', 'a')\nm.gruop()", ATTRIBUTE),
        ],
    );
}

#[test]
fn objects_have_what_their_classes_give_them() {
    all_say(
        &[],
        &[
            (
                "import threading\nready = threading.Event()\nready.trigger()",
                ATTRIBUTE,
            ),
            (
                "import threading\nready = threading.Event()\nready.set()\nready.isSet()",
                "Starts ",
            ),
            (
                "import threading\nclass A:\n    def __init__(self):\n        self.ready = threading.Event()\n        self.ready.fire()\nA()",
                ATTRIBUTE,
            ),
            (
                "import threading\nclass A:\n    def __init__(self):\n        self.ready = threading.Event()\n        self.ready.clear()\nA()",
                "Starts ",
            ),
            (
                "import threading\nclass E(threading.Event):\n    def fire(self):\n        pass\nready = E()\nready.fire()",
                "Starts ",
            ),
            (
                "import threading\nready = threading.Event()\nif ready is None:\n    ding",
                "Starts ",
            ),
            ("import queue\nq = queue.Queue()\nq.push(1)", ATTRIBUTE),
            (
                "from collections import deque\nd = deque()\nif d:\n    ding",
                "MayNot start/undefined-name",
            ),
            (
                "from decimal import Decimal\nTAX = Decimal('0.19')\nTAX * 1.5",
                OPERATION,
            ),
            (
                "from decimal import Decimal\nTAX = Decimal('0.19')\n2 * TAX + 1\n'%s' % TAX",
                "Starts ",
            ),
            ("from decimal import Decimal\nDecimal('1,5')", OPERATION),
            (
                "from decimal import Decimal\nDecimal(' 1.5e3 ')\nDecimal('-Infinity')\nDecimal('NaN')\nDecimal('1_000')",
                "Starts ",
            ),
            ("from pathlib import Path\np = Path('a')\np + '/b'", OPERATION),
            ("from pathlib import Path\np = Path('a')\np / 'b'\n'%s' % p", "Starts "),
            ("import threading\ndef go():\n    pass\nthreading.Thread(go)", OPERATION),
            (
                "import threading\ndef go():\n    pass\nthreading.Thread(None, go)",
                "Starts ",
            ),
            ("import signal\nsignal.signal(signal.SIGKILL, print)", OPERATION),
        ],
    );
}

#[test]
fn versions_and_platforms_decide() {
    all_say(
        &[],
        &[
            (
                "import sys\nNEW = sys.version_info[:2] >= (3, 14)\nif NEW:\n    ding",
                "Starts ",
            ),
            (
                "import sys\nNEW = sys.version_info[:2] >= (3, 9)\nif NEW:\n    ding",
                NAME,
            ),
            (
                "import sys\nPY3 = sys.version_info[0] == 3\nif not PY3:\n    ding",
                "Starts ",
            ),
            (
                "import sys\nif sys.version_info > (3,):\n    pass\nelse:\n    ding",
                "Starts ",
            ),
            ("import sys\nif sys.hexversion < 0x03000000:\n    ding", "Starts "),
            ("import sys\nif sys.platform[:3] == 'win':\n    ding", "Starts "),
            ("import sys\nif hasattr(sys, 'pypy_version_info'):\n    ding", "Starts "),
            ("import select\nif hasattr(select, 'epoll'):\n    ding", NAME),
            (
                "import inspect\ninspect.Parameter('a', inspect.Parameter.VAR_KEYWORD)",
                "Starts ",
            ),
            ("size = 3\nlarge = size > 5\nif large:\n    ding", "Starts "),
            ("mode = 'a'\nother = mode != 'a'\nif not other:\n    ding", NAME),
        ],
    );
}

#[test]
fn cases_that_literals_decide() {
    let f = |value: &str| {
        format!(
            "def f(x):\n    match x:\n        case 'a' | 'b':\n            r = 1\n        case None:\n            r = 2\n        case 3:\n            ding\n    return r\nf({value})"
        )
    };
    all_say(
        &[],
        &[
            (&f("'b'"), "Starts "),
            (&f("None"), "Starts "),
            (&f("3"), NAME),
            (&f("'c'"), NAME),
            ("x = 1\nmatch x:\n    case _:\n        ding", NAME),
            (
                "x = 'a'\nmatch x:\n    case 'a' if ding:\n        pass",
                "MayNot start/undefined-name",
            ),
            ("x = 'a'\nmatch x:\n    case {'a': 1}:\n        ding", "Starts "),
            (
                "import os\nx = dict(os.environ)\nmatch x:\n    case {'a': 1}:\n        ding",
                "MayNot start/undefined-name",
            ),
        ],
    );
}

#[test]
fn a_line_that_ends_with_a_bare_raise() {
    all_say(
        &[],
        &[
            (
                "def f():\n    try:print()\n    except AttributeError:raise;print()\nf()",
                "Starts ",
            ),
            ("def f():\n    try:ding\n    except NameError:raise;print()\nf()", NAME),
        ],
    );
}

#[test]
fn sockets_that_a_loop_keeps_are_bound_twice() {
    let bind = |kept: &str| {
        format!(
            "import zmq\nctx = zmq.Context()\nsocks = {{}}\nfor port in (7801, 7802, 7801):\n    s = ctx.socket(zmq.REP)\n    s.bind(f'tcp://127.0.0.1:{{port}}')\n{kept}"
        )
    };
    all_say(
        &[],
        &[
            (&bind("    socks[port] = s\n"), "CannotStart start/port-bound-twice"),
            (&bind("    s.close()\n"), "Starts "),
        ],
    );
}

#[test]
fn what_constructors_alone_set() {
    let serves = "while True:\n    pass\n";
    let lacks = "CannotStart start/no-attribute";
    let mixed = "class Base:\n    def __init__(self):\n        self.address = 'x'\nclass Mixin:\n    def __init__(self):\n        self.handlers = {}\n        self.handlers['go'] = self.go\n    def go(self):\n        pass\nclass A(Mixin, Base):\n    def __init__(self):\n        super().__init__()\n";
    alone_says(&format!("{mixed}A().address\n{serves}"), lacks);
    let again = "    def go(self):\n        Base.__init__(self)\nimport threading\na = A()\nthreading.Thread(target=a.go, daemon=True).start()\n";
    alone_says(&format!("{mixed}{again}a.address\n{serves}"), "Starts");
    let cooperative = mixed.replace("self.go\n    def go", "self.go\n        super().__init__()\n    def go");
    alone_says(&format!("{cooperative}A().address\n{serves}"), "Starts");
    // What another class of the file has is not this one's.
    let slots = "class S:\n    __slots__ = ('a',)\n    def __getattr__(self, name):\n        return 1\n";
    let plain = "class A:\n    def __init__(self):\n        self.x = 1\n";
    alone_says(&format!("{slots}{plain}A().y\n{serves}"), lacks);
    alone_says(&format!("{slots}{plain}S().y\n{serves}"), "Starts");
    alone_says(
        &format!("{plain}A.__getattr__ = lambda self, name: 1\nA().y\n{serves}"),
        "Starts",
    );
    // Whoever reads what `vars` shows changes nothing.
    let given = "class A:\n    def __init__(self):\n        self.x = 1\n        self.all = [self.f]\n    def f(self):\n        pass\na = A()\n";
    let shown = "class O:\n    pass\no = O()\nfor name, value in vars(o).items():\n    print(name, value)\n";
    alone_says(&format!("{given}{shown}a.y\n{serves}"), lacks);
    alone_says(&format!("{given}vars(a).update(y=1)\na.y\n{serves}"), "Starts");
    alone_says(&format!("{given}a.__dict__['y'] = 1\na.y\n{serves}"), "Starts");
}

#[test]
fn what_an_object_has_for_good() {
    let serves = "while True:\n    pass\n";
    let base = "import json, threading\nclass Other:\n    def __init__(self):\n        self.config = 5\nclass Base:\n    level = 1\n    def __init__(self, config):\n        self.config = config\n        self.level = 2\n        self.handlers = {}\n        self.register('ping', self.ping)\n    def register(self, name, handler):\n        self.handlers[name] = handler\n    def ping(self):\n        self.seen = 1\nclass A(Base):\n    def __init__(self):\n        super().__init__({'port': 'x'})\n        json.dumps({}, default=self.ping)\n        threading.Thread(target=self.ping, daemon=True).start()\n";
    let bad = "CannotStart start/bad-operation";
    let tail = |more: &str, then: &str| format!("{base}{more}a = A()\n{then}\n{serves}");
    alone_says(&tail("", "a.config['ports']"), bad);
    alone_says(&tail("", "a.level + 'x'"), bad);
    alone_says(&tail("", "a.config['port']"), "Starts");
    let again =
        "    def reload(self):\n        self.config = {'ports': 1}\n    def ping(self):\n        self.reload()\n";
    alone_says(&tail(again, "a.config['ports']"), "Starts");
    let constructs = "    def ping(self):\n        Base.__init__(self, {'ports': 1})\n";
    alone_says(&tail(constructs, "a.config['ports']"), "Starts");
    let inner = "    def __init__(self):\n        super().__init__({'port': 'x'})\n        def later():\n            self.config = {'ports': 1}\n        json.dumps({}, default=later)\n";
    alone_says(&tail(inner, "a.config['ports']"), "Starts");
    let sets = "    def ping(self):\n        setattr(self, 'con' + 'fig', {'ports': 1})\n";
    alone_says(&tail(sets, "a.config['ports']"), "Starts");
    for change in [
        "config = self.config\n        config['in']['ports'] = 1",
        "config = self.config\n        config['in'].update(ports=1)",
        "self.config['in'].update(ports=1)",
        "self.config.get('in').update(ports=1)",
    ] {
        let nested = base.replace("{'port': 'x'}", "{'in': {'port': 'x'}}");
        let nested =
            format!("{nested}    def ping(self):\n        {change}\na = A()\na.config['in']['ports']\n{serves}");
        alone_says(&nested, "Starts");
    }
    let fills = "    def ping(self):\n        self.config['ports'] = 1\n";
    alone_says(&tail(fills, "a.config['ports']"), "Starts");
}
