//! Functions without a name, and what is passed on in one piece. CPython 3.11 fails where that is said, and goes on otherwise.

use super::{all_say, alone_says, alpha};

const SERVES: &str = "while True:\n    pass\n";
const OPERATION: &str = "CannotStart start/bad-operation";
const RAISES: &str = "CannotStart start/raises";

fn says(code: &str, said: &str) {
    alone_says(&format!("{code}\n{SERVES}"), said);
}

#[test]
fn lambdas_are_functions() {
    let count = "CannotStart start/argument-count";
    says("f = lambda x: x + 1\nf('a')", OPERATION);
    says("f = lambda x: x + 1\nf(1)", "Starts");
    says("f = lambda x, y=2: x\nf()", count);
    says("(lambda x: x['a'])({'b': 1})", OPERATION);
    says("table = {'a': lambda: 1}\ntable['a']() + 1", "Starts");
    says(
        "class A:\n    def __init__(self):\n        self.f = lambda: self.n\nA().f()",
        "CannotStart start/no-attribute",
    );
    says(
        "class A:\n    def __init__(self):\n        self.f = lambda: self.n\n        self.n = 1\nA().f()",
        "Starts",
    );
    // Of a name that a loop binds, its last value.
    says(
        "def go():\n    f = None\n    for x in ('a', 1):\n        if f is None:\n            f = lambda: x + 1\n    return f()\ngo()",
        "Starts",
    );
    says(
        "def go():\n    f = None\n    for x in ('a', 1):\n        if f is None:\n            def f():\n                return x + 1\n    return f()\ngo()",
        "Starts",
    );
    says(
        "class A:\n    f = lambda self, x=1: x\n    g = staticmethod(lambda: 1)\n    h = property(lambda self: 2)\nA().f(2) + A.g() + A().h",
        "Starts",
    );
    // What has the name when it is called; of a default, when it is made.
    says("fs = [lambda: x for x in (1, 'a')]\nfs[0]()", "Starts");
    says("def outer(x):\n    return lambda y: x + y\nouter('a')(1)", OPERATION);
    says("def outer(x):\n    return lambda y=x: y\nouter(1)() + 1", "Starts");
    says(
        "x = 'a'\ndef outer(x):\n    return lambda y=x: y\nouter(1)() + 1",
        "Starts",
    );
}

#[test]
fn what_is_put_in_by_functions() {
    let names = "import re\nVALUES = {'A': '1', 'B': 'x'}\ndef put(found):\n    return VALUES[found.group(1)]\n";
    for (code, said) in [
        ("int(re.sub(r'\\$\\{(\\w+)\\}', put, '${A}'))", "Starts"),
        ("int(re.sub(r'\\$\\{(\\w+)\\}', put, '${B}'))", OPERATION),
        ("re.sub(r'\\$\\{(\\w+)\\}', put, '${C}')", OPERATION),
        (
            "int(re.compile(r'\\{(\\w)\\}').sub(lambda m: VALUES.get(m[1], m[0]), '{B}'))",
            OPERATION,
        ),
        (
            "int(re.compile(r'\\{(\\w)\\}').sub(lambda m: VALUES.get(m[1], m[0]), '{A}0'))",
            "Starts",
        ),
        ("re.sub('a', lambda: '1', 'bab')", "CannotStart start/argument-count"),
    ] {
        says(&format!("{names}{code}"), said);
    }
    let load = "import json, os, re, yaml\ndef load(path):\n    with open(path) as file:\n        text = re.sub(r'\\$\\{(\\w+):-([^}]*)\\}', lambda m: os.environ.get(m.group(1), m.group(2)), file.read())\n    return yaml.safe_load(text)\nconfig = load('main/config.yaml')\n";
    let file = (
        "main/config.yaml",
        "# settings \u{2014} of all\nport: ${PORT:-7100}\nhost: ${HOST_NAME:-x}\n",
    );
    let found = |code: &str| alpha(&[("main/alpha.py", &format!("{load}{code}\n{SERVES}")), file]).0;
    assert!(
        found("config['port'] + 1").starts_with("Starts"),
        "{}",
        found("config['port'] + 1")
    );
    assert!(
        found("config['ports']").starts_with(OPERATION),
        "{}",
        found("config['ports']")
    );
    assert!(
        found("config['host'] + 1").starts_with(OPERATION),
        "{}",
        found("config['host'] + 1")
    );
    says("import json\njson.loads('{\"a\": 1}')['b']", OPERATION);
    says("import json\njson.loads('{\"a\": 1}')['a']", "Starts");
}

#[test]
fn words_and_options_that_are_passed_on() {
    let parser = "import argparse, sys\ndef main(argv=None):\n    parser = argparse.ArgumentParser()\n    parser.add_argument('--other')\n";
    let rejected = "CannotStart start/flags-rejected";
    for (code, said) in [
        ("    parser.parse_args(argv)\nmain(sys.argv[1:])", rejected),
        ("    parser.parse_args(args=argv)\nmain(sys.argv[1:])", rejected),
        ("    parser.parse_args(argv or sys.argv[1:])\nmain()", rejected),
        (
            "    parser.parse_args(sys.argv[1:] if argv is None else argv)\nmain()",
            rejected,
        ),
        ("    parser.parse_args(argv)\nmain([])", "Starts"),
        ("    parser.parse_known_args(argv)\nmain(sys.argv[1:])", "Starts"),
        (
            "    parser.parse_args(argv)\nsys.argv = sys.argv[:1]\nmain(sys.argv[1:])",
            "Starts",
        ),
    ] {
        says(&format!("{parser}{code}"), said);
    }
    let options = "import argparse\nclass A:\n    def __init__(self, name=None, port=None):\n        self.name = name or type(self).__name__\n        self.port = port\n    @classmethod\n    def make(cls):\n        parser = argparse.ArgumentParser()\n        parser.add_argument('--port', type=int)\n        parser.add_argument('--name')\n        known, rest = parser.parse_known_args()\n        return cls(**{key: value for key, value in vars(known).items() if value is not None})\n";
    says(&format!("{options}A.make().port + 1"), "Starts");
    says(&format!("{options}A.make().name + 1"), OPERATION);
    says("class A: pass\ntype(A()).__name__ + 1", OPERATION);
    says("class A: pass\nA().__class__.__name__ + 1", OPERATION);
    says(
        "def f(a): pass\nf(**{**{'a': 1}, 'b': 2})",
        "CannotStart start/argument-count",
    );
}

#[test]
fn what_may_be_empty_and_what_the_image_says() {
    let find = "def find(groups, name):\n    for group, agents in (groups.get('all') or {}).items():\n        if name in (agents or {}):\n            return agents[name]\n    return None\n";
    says(
        &format!("{find}find({{'all': {{'a': None, 'b': {{'x': 1}}}}}}, 'x') + 1"),
        "Starts",
    );
    says(
        &format!("{find}find({{'all': {{'b': {{'x': 'y'}}}}}}, 'x') + 1"),
        OPERATION,
    );
    says(&format!("{find}find({{'all': None}}, 'x') + 1"), OPERATION);
    says(
        &format!("{find}find({{'all': {{'b': {{'x': 1}}}}}}, 'y') + 1"),
        OPERATION,
    );
    says("for x in None or []:\n    raise ValueError", "Starts");
    says(
        "import os\nos.environ.setdefault('PROJECT_ROOT', 'x')\nif os.environ['PROJECT_ROOT'] == '/app':\n    raise ValueError",
        RAISES,
    );
    says(
        "import os\nif os.environ.get('PROJECT_ROOT') != '/app':\n    raise ValueError",
        "Starts",
    );
    says(
        "import os\nos.environ['PROJECT_ROOT'] = 'x'\nif os.environ.get('PROJECT_ROOT') == '/app':\n    raise ValueError",
        "Starts",
    );
    says("import os\nif os.path.isdir('main'):\n    raise ValueError", RAISES);
    says(
        "import os\nif os.path.isdir('main/alpha.py'):\n    raise ValueError",
        "Starts",
    );
    let lazy = "import importlib\n_LAZY = {'A': ('main.a', 'A')}\ndef __getattr__(name):\n    module, attribute = _LAZY[name]\n    return getattr(importlib.import_module(module), attribute)\n";
    let sets = ("main/sets.py", "import os\ndef f(key):\n    os.environ[key] = ''\n");
    all_say(
        &[("main/lazy.py", lazy), ("main/a.py", "A = 1\n"), sets],
        &[(
            "import os, main.lazy\nif os.environ['PROJECT_ROOT'] == '/app':\n    raise ValueError",
            RAISES,
        )],
    );
    all_say(
        &[
            ("main/lazy.py", lazy),
            ("main/a.py", "from .sets import f\nA = 1\n"),
            sets,
        ],
        &[(
            "import os, main.lazy\nif os.environ['PROJECT_ROOT'] == '/app':\n    raise ValueError",
            "Starts",
        )],
    );
}

#[test]
fn what_a_star_brings_again() {
    let star = (
        "main/stars.py",
        "from datetime import datetime\n__all__ = ['datetime']\n",
    );
    all_say(
        &[star],
        &[
            ("import datetime\nfrom main.stars import *\ndatetime.now()", "Starts"),
            (
                "import datetime\nfrom main.stars import *\ndatetime.datetime.now()",
                "CannotStart start/no-attribute",
            ),
            (
                "from main.stars import *\nimport datetime\ndatetime.datetime.now()",
                "Starts",
            ),
            (
                "import datetime, sys\nif sys.stdin:\n    from main.stars import *\ndatetime.datetime.now()",
                "Starts",
            ),
            ("path = None\nfrom os import *\npath.join('a')", "Starts"),
            (
                "from importlib.util import find_spec\nif find_spec('main.others'):\n    import main.others\nelse:\n    raise ValueError",
                RAISES,
            ),
            (
                "import importlib.util\nif importlib.util.find_spec('main.stars') is None:\n    raise ValueError",
                "Starts",
            ),
        ],
    );
    says(
        "import enum\nclass A(enum.Enum):\n    X = 'x'\nclass B:\n    pass\ntry:\n    A('y')\nexcept KeyError:\n    pass",
        OPERATION,
    );
    let item = "d = {'a': 'b'}\ntry:\n    int(d['a'])\nexcept KeyError:\n    pass";
    says(item, OPERATION);
    says(
        "class A:\n    pass\nA().__class__.__name__ + 'x'\nA().__doc__\nA.__mro__",
        "Starts",
    );
}

#[test]
fn what_stands_behind_a_search() {
    let search = "import sys\nclass Source:\n    kinds = {}\n    def frame(self):\n        pass\ndef find(off):\n    for kind in ('a', 'b'):\n        if kind in off:\n            continue\n        try:\n            return kind\n        except OSError:\n            print('no')\n    raise RuntimeError('none')\n";
    says(&format!("{search}find(sys.stdin.read())"), "Starts");
    says(&format!("{search}find('ab')"), RAISES);
    let usable = "import sys\ndef usable(all):\n    for one in all:\n        if one:\n            yield one\n    raise RuntimeError('none')\n";
    says(&format!("{usable}next(usable(sys.stdin))"), "Starts");
    says(&format!("{usable}any(usable(sys.stdin))"), "Starts");
    says(&format!("{usable}for one in usable(sys.stdin):\n    break"), "Starts");
    says(&format!("{usable}list(usable(sys.stdin))"), RAISES);
}
