//! What configuration files hold decides what fails. CPython 3.11 fails where a message is given, and goes on where `Starts` is.

use super::alpha;

const LOADER: &str = "\
import json, os, yaml
from pathlib import Path
HERE = os.path.dirname(os.path.abspath(__file__))
def load(name):
    path = os.path.join(HERE, name)
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        if name.endswith('.yaml'):
            return yaml.safe_load(file)
        return json.load(file)
class A:
    def __init__(self, config=None, host=None):
        self.config = config
    def run(self):
        while True:
            pass
def main():
    config = load('agents.yaml')
";

#[test]
fn what_files_hold() {
    let config = (
        "main/agents.yaml",
        "zmq:\n  port: 7100\n  host: 127.0.0.1\nredis:\nagents:\n  - name: a\n",
    );
    let json = (
        "main/agents.json",
        "{\"zmq\": {\"port\": \"many\"}, \"names\": [\"a\"]}",
    );
    let says = |body: &str| {
        let lines: Vec<String> = body.split('\n').map(|line| format!("    {line}")).collect();
        let script = format!("{LOADER}{}\n    A(config).run()\nmain()\n", lines.join("\n"));
        alpha(&[("main/alpha.py", &script), config, json]).0
    };
    for (body, expected) in [
        ("config['zmq']['port']", "Starts"),
        ("config['zmq']['prot']", "KeyError: 'prot'"),
        ("config['bus']", "KeyError: 'bus'"),
        ("int(config.get('bus'))", "not 'NoneType'"),
        ("int(config.get('bus', 5))", "Starts"),
        ("config.get('zmq').get('port') + 1", "Starts"),
        (
            "config['redis'].get('host')",
            "'NoneType' object has no attribute 'get'",
        ),
        ("config['redis']['host']", "'NoneType' object is not subscriptable"),
        ("config['agents']['a']", "list indices must be integers"),
        ("config['agents'][1]", "list index out of range"),
        ("config.zmq", "'dict' object has no attribute 'zmq'"),
        ("if 'bus' in config:\n    config['bus']", "Starts"),
        (
            "if 'bus' not in config:\n    raise KeyError('bus')",
            "`raise KeyError('bus')`",
        ),
        ("config['bus'] = 1\nconfig['bus']", "Starts"),
        ("config.setdefault('bus', 1)\nconfig['bus']", "Starts"),
        ("config['zmq']['bus'] = 1\nconfig['zmq']['bus']", "Starts"),
        ("other = config\nother['bus'] = 1\nconfig['bus']", "Starts"),
        (
            "for part in config.values():\n    part['bus'] = 1\nconfig['zmq']['bus']",
            "Starts",
        ),
        (
            "for part in config['agents']:\n    part['bus'] = 1\nconfig['agents'][0]['bus']",
            "Starts",
        ),
        (
            "part = config[os.environ['HOME'][:3] or 'zmq']\npart['bus'] = 1\nconfig['zmq']['bus']",
            "Starts",
        ),
        ("fill(config)\nconfig['bus']", "Starts"),
        ("try:\n    config['bus']\nexcept KeyError:\n    pass", "Starts"),
        (
            "int(load('agents.json')['zmq']['port'])",
            "invalid literal for int() with base 10: 'many'",
        ),
        ("A(**config['zmq'])", "got an unexpected keyword argument 'port'"),
        ("json.loads(Path(HERE, 'agents.json').read_text())['zmp']", "Starts"),
        (
            "json.loads((Path(HERE) / 'agents.json').read_text())['zmp']",
            "KeyError: 'zmp'",
        ),
        ("a = A(config)\na.config['bus']", "KeyError: 'bus'"),
        ("a = A(config)\na.config['bus'] = 1\nconfig['bus']", "Starts"),
    ] {
        let body = body.replace("fill(config)", "[part.update(bus=1) for part in [config]]");
        let said = says(&body);
        assert!(said.contains(expected), "{body}: {said}");
    }
}

/// Dictionaries that are filled on the way, and loops over what is known.
#[test]
fn what_is_put_into_dictionaries() {
    let registry = |asked: &str| {
        format!(
            "_registry = {{}}\ndef register(name):\n    def wrap(cls):\n        _registry[name] = cls\n        return cls\n    return wrap\n\
             def create(kind, *a, **k):\n    if kind not in _registry:\n        raise LookupError(kind)\n    return _registry[kind](*a, **k)\n\
             @register('one')\nclass One:\n    def __init__(self, port):\n        self.port = port\n{asked}"
        )
    };
    let config = |asked: &str| {
        format!(
            "_cache = {{}}\nclass Config:\n    def __init__(self, data):\n        self._data = data or {{}}\n    def get(self, dotted, default=None):\n        \
             node = self._data\n        for part in dotted.split('.'):\n            if not isinstance(node, dict) or part not in node:\n                \
             return default\n            node = node[part]\n        return node\ndef load(name):\n    if name not in _cache:\n        \
             _cache[name] = Config({{'zmq': {{'port': 5, 'on': False}}}})\n    return _cache[name]\n{asked}"
        )
    };
    let raises = "CannotStart start/raises";
    let operation = "CannotStart start/bad-operation";
    let name = "CannotStart start/undefined-name";
    for (code, said) in [
        (registry("create('one', 5)"), "Starts "),
        (registry("create('two', 5)"), raises),
        (registry("create('one')"), "CannotStart start/argument-count"),
        (registry("import os\nregister(os.urandom(1))(One)\ncreate('two', 5)"), "Starts "),
        (config("int(load('a').get('zmq.port'))"), "Starts "),
        (config("int(load('a').get('zmq.prot'))"), operation),
        (config("load('a')\nint(load('a').get('zmq.prot'))"), operation),
        (config("if load('a').get('zmq.on', True):\n    ding()"), "Starts "),
        (config("if not load('a').get('zmq.on', True):\n    ding()"), name),
        ("for x in ('a', 'b'):\n    if x == 'b':\n        ding()".to_owned(), name),
        ("for x in ('a', 'b'):\n    if x == 'c':\n        ding()".to_owned(), "Starts "),
        ("for x in ('a', 'b'):\n    if x == 'a':\n        break\n    ding()".to_owned(), "Starts "),
        ("for x in ('a', 'b'):\n    if x == 'a':\n        continue\n    ding()".to_owned(), name),
        ("import os\ny = []\nfor x in ('a', 'b'):\n    if os.urandom(1) == x:\n        continue\n    y = None\ny.append(1)".to_owned(), "Starts "),
        ("for k, v in {'a': 1, 'b': None}.items():\n    v + 1".to_owned(), operation),
        ("d = {'a': 1, 'b': None}\nfor k, v in d.items():\n    v + 1".to_owned(), operation),
        ("d = {}\nd['a'] = 1\nd['a']\nd['b']".to_owned(), operation),
        ("d = {}\ndef fill():\n    d['b'] = 1\nfill()\nd['b']".to_owned(), "Starts "),
        ("import atexit\nd = {}\ndef fill():\n    d['b'] = 1\nmap(fill, [1])\nd['b']".to_owned(), "Starts "),
        ("import atexit\nd = {}\ndef fill():\n    d['b'] = 1\nfill()\nd.clear()\natexit.register(fill)\nd['b']".to_owned(), "Starts "),
        ("d = {}\ndef fill():\n    d['b'] = 1\nfill()\nd.clear()\nlist(map(lambda f: fill(), [1]))\nd['b']".to_owned(), "Starts "),
        ("import os\nd = {}\nfor k in os.listdir():\n    d[k] = 1\nd['b']".to_owned(), "Starts "),
        ("d = dict(a=1)\nd.update(b=2)\nd['a'] + d['b']\nd['c']".to_owned(), operation),
        ("d = {'a': 1}\ne = d.copy()\ne['b'] = 1\ne['b']\nd['b']".to_owned(), operation),
        ("d = {'a': {}}\ne = dict(d)\ne['a']['b'] = 1\nd['a']['b']".to_owned(), "Starts "),
        ("def f(name, **k):\n    pass\no = {'name': 1}\nf('x', **o)".to_owned(), "CannotStart start/argument-count"),
        ("class A:\n    def __init__(self):\n        self.d = {}\n    def go(self):\n        self.d['x'].y\nA().go()".to_owned(), operation),
        ("class A:\n    def __init__(self):\n        self.d = {}\n        self.fill()\n    def fill(self):\n        self.d['x'] = 1\nA().d['x']".to_owned(), "Starts "),
    ] {
        super::all_say(&[], &[(&code, said)]);
    }
}

#[test]
fn what_comprehensions_and_loops_go_through() {
    let config = (
        "main/k.yaml",
        "names: [1, 2]\nnone: []\npeers: [{name: a, port: 1}, {name: b}]\nmap: {x: {port: 1}, y: {}}\n",
    );
    let raises = "CannotStart start/bad-operation";
    let arguments = "CannotStart start/argument-count";
    let name = "CannotStart start/undefined-name";
    let peer = "class P:\n    def __init__(self, name, port):\n        pass\n";
    let worker = "class W:\n    def __init__(self, n):\n        ding()\n";
    for (code, said) in [
        ("[e['port'] for e in D['peers']]", raises),
        ("{k: D[k] for k in ('names', 'hosts')}", raises),
        ("[D[k] for k in ('names', 'none')]", "Starts "),
        ("[e['name'] for e in D['peers']]", "Starts "),
        ("[v['port'] for v in D['map'].values()]", raises),
        ("[a for a, b in [(1, 2, 3)]]", raises),
        ("for i, e in enumerate(D['peers']):\n    e['port']", raises),
        ("for n in sorted(D['map']):\n    D['map'][n]['port']", raises),
        ("for e in list(D['peers']):\n    e['port']", raises),
        (&format!("{peer}[P(**e) for e in D['peers']]"), arguments),
        (&format!("{worker}[W(n) for n in D['names']]"), name),
        (&format!("{worker}[W(n) for n in D['none']]"), "Starts "),
        // What is left out, asked for, or put there before.
        ("[e['port'] for e in D['peers'] if 'port' in e]", "Starts "),
        ("{k: v['port'] for k, v in D['map'].items() if v}", "Starts "),
        ("[e['port'] if 'port' in e else 0 for e in D['peers']]", "Starts "),
        (
            "for i, e in enumerate(D['peers']):\n    e['port'] = i\n[e['port'] for e in D['peers']]",
            "Starts ",
        ),
        (
            "for e in list(D['peers']):\n    e.setdefault('port', 3)\n[e['port'] for e in D['peers']]",
            "Starts ",
        ),
        (
            "mine = list(D['peers'])\nfor e in mine:\n    e['port'] = 3\n[e['port'] for e in D['peers']]",
            "Starts ",
        ),
        (
            "for e in sorted(D['peers'], key=lambda e: e['name']):\n    e['port'] = 3\n[e['port'] for e in D['peers']]",
            "Starts ",
        ),
        // The name is that of the comprehension, here and in what stands in it.
        ("x = 5\n[x for x in ('a',)]\nx + 1", "Starts "),
        ("[[x + y for y in (1,)] for x in (2,)]", "Starts "),
        ("[(lambda: x + 1)() for x in (1,)]", "Starts "),
        ("[y + 1 for x in ((1,),) for y in x]", "Starts "),
        ("[a + len(r) for a, *r in [(1, 2, 3)]]", "Starts "),
    ] {
        let script = format!(
            "import os, yaml\nwith open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'k.yaml')) as file:\n    D = yaml.safe_load(file)\n{code}\nwhile True:\n    pass\n"
        );
        let (found, _) = alpha(&[("main/alpha.py", &script), config]);
        assert!(found.starts_with(said), "{code}\nwanted: {said}\n{found}");
    }
}

#[test]
fn what_comprehensions_make() {
    let raises = "CannotStart start/bad-operation";
    let attribute = "CannotStart start/no-attribute";
    let name = "CannotStart start/undefined-name";
    let nothing = "CannotStart start/does-nothing";
    let peers = "class P:\n    def __init__(self, name):\n        self.name = name\n    def go(self):\n        ding()\nps = {n: P(n) for n in ('a', 'b')}\n";
    let workers = |made: &str, then: &str| {
        format!(
            "import threading, time\nclass A:\n    def __init__(self):\n        self.ws = [threading.Thread(target=self.w{made}) for _ in range(2)]\n    def w(self):\n        \
             while True:\n            time.sleep(1)\n    def go(self):\n        for w in self.ws:\n            w.start(){then}\nA().go()"
        )
    };
    for (code, said) in [
        (format!("{peers}ps['a'].name.upper()"), "Starts "),
        (format!("{peers}ps['c']"), raises),
        (format!("{peers}ps['a'].nome"), attribute),
        (
            format!("{peers}all = [p for p in ps.values()]\nfor p in all:\n    p.go()"),
            name,
        ),
        (
            "d = {k: [] for k in ('a', 'b')}\nd['a'].append(1)\nd['c'] = 1\nd['c']".to_owned(),
            "Starts ",
        ),
        ("d = {k: [] for k in ('a', 'b')}\nd['c'].append(1)".to_owned(), raises),
        ("d = {k: 1 for k in ('a', 'b') if k != 'b'}\nd['b']".to_owned(), raises),
        (
            "import os\nd = {k: 1 for k in ('a', 'b') if os.getpid() != 1}\nd['b']".to_owned(),
            "Starts ",
        ),
        (
            "xs = [None for _ in range(3)]\nxs[0] = 3\nxs[0] + 1".to_owned(),
            "Starts ",
        ),
        ("xs = [x for x in (None, 3) if x]\nxs[0] + 1".to_owned(), "Starts "),
        (
            "fs = [(lambda v=v: v) for v in (1, 2)]\nfs[0]() + fs[1]()".to_owned(),
            "Starts ",
        ),
    ] {
        super::all_say(&[], &[(&code, said)]);
    }
    super::alone_says(&workers(", daemon=True", ""), nothing);
    super::alone_says(&workers("", ""), "Starts ");
    super::alone_says(&workers(", daemon=True", "\n        w.join()"), "Starts ");
}

#[test]
fn lists_of_dictionaries_that_are_changed() {
    let raises = "CannotStart start/bad-operation";
    let rows = "W = [{'port': 1}, {'prot': 2}]\n";
    let find = "def find(items, x):\n    for n in items:\n        if n == x:\n            return n\n";
    for (code, said) in [
        (format!("{rows}for w in W:\n    w['port']"), raises),
        (format!("{rows}[w['port'] for w in W]"), raises),
        (format!("{rows}for w in W:\n    w['host'] = 'h'\nfor w in W:\n    w['host']"), "Starts "),
        (format!("{rows}for w in W:\n    w.setdefault('port', 1)\n[w['port'] for w in W]"), "Starts "),
        (format!("{rows}W[1]['port'] = 3\nfor w in W:\n    w['port']"), "Starts "),
        (format!("{rows}def fix(rows):\n    for row in rows:\n        row['port'] = 1\nfix(W)\n[w['port'] for w in W]"), "Starts "),
        (format!("{rows}def fix(row):\n    row['port'] = 1\n[fix(w) for w in W]\n[w['port'] for w in W]"), "Starts "),
        (format!("{rows}list(map(lambda w: w.update(port=1), W))\n[w['port'] for w in W]"), "Starts "),
        (format!("{rows}X = W\nX[1].update(port=1)\n[w['port'] for w in W]"), "Starts "),
        (format!("{rows}i = 0\nwhile i < len(W):\n    cur = W[i]\n    cur['x'] = 1\n    i += 1\n[w['x'] for w in W]"), "Starts "),
        (format!("{rows}a, b = W\nb['port'] = 1\n[w['port'] for w in W]"), "Starts "),
        (format!("{find}find([2, 4], 5) + 1"), raises),
        (format!("{find}some = [2, 4]\nsome.append(5)\nfind(some, 5) + 1"), "Starts "),
        (format!("{find}some = [2, 4]\nsome += [5]\nfind(some, 5) + 1"), "Starts "),
        (format!("{find}def grow(items):\n    items.append(5)\nsome = [2, 4]\ngrow(some)\nfind(some, 5) + 1"), "Starts "),
        ("W = [{'n': '1'}]\nfor w in W:\n    w['n'] = int(w['n'])\nfor w in W:\n    w['n'] + 1".to_owned(), "Starts "),
        ("class M(type):\n    @classmethod\n    def __prepare__(mcs, name, bases):\n        return {'given': 5}\nclass A(metaclass=M):\n    y = given + 1".to_owned(), "Starts "),
    ] {
        super::all_say(&[], &[(&code, said)]);
    }
}
