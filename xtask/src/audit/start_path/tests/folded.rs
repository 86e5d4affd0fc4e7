//! Values that follow from known ones: CPython 3.11 finds each of these conditions true.

use super::{all_say, alone_says};

/// What runs before, and a condition that is surely true then.
const TRUE: &[(&str, &str)] = &[
    ("x = 0.9", "x > 0.1"),
    ("x = 3", "x >= 2.5"),
    ("x = 5", "0 < x < 65536"),
    ("x = 5", "not 0 < x < 5 < x"),
    ("v = 'b'", "v > 'a'"),
    ("x = 0.9\nlabel = 'ann'", "x > 0.1 and label"),
    ("x = 5 * 1000", "x == 5000"),
    ("x = -17 // 4", "x == -5"),
    ("x = -17 % 4", "x == 3"),
    ("x = 1 / 4", "x == 0.25"),
    ("x = 5\ny = -x", "y < 0"),
    ("n = 6", "n % 2 == 0"),
    ("x = 'a' * 3", "x == 'aaa'"),
    ("x = [1, 2, 3]", "len(x) == 3"),
    ("x = {'a': 1}", "len(x) == 1"),
    ("x = max(1, 5)", "x == 5"),
    ("x = min([10, 3, 4])", "x == 3"),
    ("x = sum((1, 2))", "x == 3"),
    ("x = round(2.5)", "x == 2"),
    ("x = int('ff', 16)", "x == 255"),
    ("x = float('0.5')", "x == 0.5"),
    ("x = 3", "isinstance(x, (str, int))"),
    ("x = 3", "not isinstance(x, (str, float))"),
    ("def f():\n    pass", "callable(f)"),
    ("class A:\n    pass\na = A()", "getattr(a, 'y', None) is None"),
    ("L = ['a', 'b']", "'c' not in L"),
    ("L = ['a', 'b']", "L[-1] == 'b'"),
    ("D = {'b': 1, 'a': 2}", "sorted(D)[0] == 'a'"),
    ("h = 'tcp://*:5'.rsplit(':', 1)", "h[-1] == '5'"),
    ("x = ','.join(['a', 'b'])", "x == 'a,b'"),
    ("x = '55'", "x.isdigit()"),
    ("import os\nx = os.path.splitext('/x/.a.yaml')[1]", "x == '.yaml'"),
    ("import os\nx = os.path.basename('/x/a.yaml')", "x == 'a.yaml'"),
    ("def f(a, b):\n    return b\nargs = (1, 2)", "f(*args) == 2"),
    ("def f(sizes=(1, 2)):\n    return sizes[1]", "f() == 2"),
    ("x = 'abcd'", "x[1:3] == 'bc'"),
    ("x = 'abcd'\nn = 2", "x[:-n] == 'ab'"),
    ("x = [1, 2, 3]\ny = x[:2]", "len(y) == 2"),
    ("x = 1 << 20", "x == 1048576"),
    ("x = 2 ** 10", "x == 1024"),
    ("x = 6 & 3 | 8 ^ 1", "x == 11"),
    ("", "(n := int('5')) == 5"),
    ("t = ''\nfor a, b in zip('ab', (1, 2)):\n    t = a", "t == 'b'"),
    ("t = 0\nfor i in range(3):\n    t += i", "t == 3"),
    ("t = 0\nfor k, v in {'a': 1, 'b': 2}.items():\n    t += v", "t == 3"),
    (
        "class A:\n    @property\n    def p(self):\n        return 5\na = A()",
        "a.p == 5",
    ),
    ("from pathlib import Path\nx = Path('/a/b')", "x.parts[-1] == 'b'"),
    ("D = {'a': 1}\nE = {**D, 'b': 2}", "'a' in E and E['b'] == 2"),
    ("L = []\nL.append(1)", "len(L) == 1 and L"),
    ("L = []\nL.append('a')", "'a' in L and 'b' not in L"),
    (
        "class A:\n    def __init__(self):\n        self.n = []\n        self.n.append(1)\na = A()",
        "len(a.n) == 1",
    ),
    ("try:\n    n = int('x')\nexcept ValueError:\n    n = 3", "n == 3"),
    ("t = ''\nfor x in [*'ab', 'c']:\n    t = x", "t == 'c'"),
    ("t = ''\nfor k, v in {'a': 1, 'b': 2}.items():\n    t = k", "t == 'b'"),
];

#[test]
fn conditions_that_follow_from_what_is_known() {
    for (before, condition) in TRUE {
        alone_says(
            &format!("{before}\nif {condition}:\n    ding()\n"),
            "CannotStart start/undefined-name",
        );
    }
}

#[test]
fn conditions_that_do_not() {
    for (before, condition) in [
        ("x = {1, True}", "len(x) == 2"),
        ("x = [1]\ny = x\ny.append(2)", "len(x) == 1"),
        ("def grow(x):\n    x.append(2)\nx = [1]\ngrow(x)", "len(x) == 1"),
        ("L = ['a']\ndef f(all):\n    all[0] = 'b'\nf(L)", "L[-1] == 'a'"),
        ("L = ['a']\nL[:] = ['c']", "'c' not in L"),
        ("x = float('nan')", "x == x"),
        ("x = {3, 3}", "sum(x) != 3"),
        (
            "L = []\ndef f():\n    L.append(1)\nimport atexit\natexit.register(f)\nL.append(2)",
            "len(L) != 1",
        ),
        ("L = []\nM = L\nM.append(1)", "len(L) == 0"),
        ("L = []\ndef f(x):\n    x.append(1)\nf(L)", "len(L) == 0"),
        ("import os\nL = []\nif os.listdir():\n    L.append(1)", "len(L) == 1"),
        ("import os\nL = []\nfor n in os.listdir():\n    L.append(1)", "not L"),
        ("L = []\nL += [1]", "not L"),
        ("L = []\nL[:] = [1]", "not L"),
        (
            "fs = []\nfor i in (1, 2):\n    def f(x=i):\n        return x\n    fs.append(f)",
            "fs[0]() == 2",
        ),
        ("import os\nD = {**os.environ}", "not D"),
        (
            "import os\nx = '/srv/agents'\nwhile x != os.path.dirname(x):\n    x = os.path.dirname(x)",
            "x != '/'",
        ),
        (
            "from pathlib import Path\nx = Path('x/y').parents[-1]",
            "x != Path('.')",
        ),
        ("import os\nos.getcwd = lambda: '/srv'", "os.getcwd() != '/srv'"),
        ("__name__ = 'agent'", "__name__ == '__main__'"),
        ("import os\nx = 0\nfor n in os.listdir():\n    x = max(x, 3)", "x == 0"),
        (
            "import os\nx = 0\ny = 0\nwhile x < len(os.listdir()):\n    y = x * 2\n    x = y + 1",
            "y == 0",
        ),
    ] {
        let code = format!("{before}\nif {condition}:\n    ding()");
        let script = format!("{code}\n{}", super::GOOD);
        let (found, _) = super::alpha(&[("main/alpha.py", &script)]);
        assert!(!found.starts_with("CannotStart"), "{code}\n{found}");
    }
}

#[test]
fn folders_are_searched_as_they_are() {
    let root = "from pathlib import Path\ndef root():\n    for parent in Path(__file__).resolve().parents:\n        if (parent / 'main' / \
                'alpha.py').exists():\n            return parent\n    raise RuntimeError\n";
    let climbing = "import os\ndef root():\n    d = os.path.dirname(os.path.abspath(__file__))\n    while d != '/':\n        if \
                    os.path.exists(os.path.join(d, 'main', 'alpha.py')):\n            return d\n        d = os.path.dirname(d)\n    return \
                    None\n";
    all_say(
        &[],
        &[
            (
                &format!("{root}if str(root()) == '/app':\n    ding()"),
                "CannotStart start/undefined-name",
            ),
            (&format!("{root}if str(root()) == '/':\n    ding()"), "Starts "),
            (
                &format!("{climbing}if root() == '/app':\n    ding()"),
                "CannotStart start/undefined-name",
            ),
            (&format!("{climbing}if root() is None:\n    ding()"), "Starts "),
        ],
    );
}

#[test]
fn names_that_are_assigned_to_by_text_change_no_dictionary() {
    let lazy = [(
        "main/lazy.py",
        "def load(name):\n    globals()[name] = 1\n    return 1\nload('x')\n",
    )];
    all_say(
        &lazy,
        &[
            (
                "import main.lazy\nD = {'a': 1}\nD['b']",
                "CannotStart start/bad-operation",
            ),
            ("d = {'a': {}}\nd.setdefault('a', {})['b'] = 1\nd['a']['b']", "Starts "),
            ("d = {'a': {}}\nk = 'a'\nd.get(k)['b'] = 1\nd['a']['b']", "Starts "),
            (
                "def of(d):\n    return d['a']\nd = {'a': {}}\nof(d)['b'] = 1\nd['a']['b']",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn what_is_given_on_to_a_constructor_hides_nothing() {
    let base = "class Base:\n    def __init__(self, port=None, **options):\n        self.port = port or 7001\n        self.setup()\n    def \
                setup(self):\n        pass\n";
    let own = "class A(Base):\n    def __init__(self, *args, **kwargs):\n        super().__init__(*args, **kwargs)\n        self.cache = {}\n    def \
               setup(self):\n";
    let parsed = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--port', type=int)\nargs = p.parse_known_args()[0]\n";
    let names = "def names():\n    yield from ('a', 'b')\n";
    let raises = "CannotStart start/no-attribute";
    all_say(
        &[],
        &[
            (
                &format!("{base}{own}        self.cache['x'] = 1\n{parsed}A(**vars(args))"),
                raises,
            ),
            (
                &format!(
                    "{base}{own}        self.cache['x'] = 1\n{parsed}A(**{{k: v for k, v in vars(args).items() if v is not None}})"
                ),
                raises,
            ),
            (
                &format!("{base}{names}{own}        for n in names():\n            self.cache[n] = 1\nA()"),
                raises,
            ),
            // It may have got the attribute so.
            (
                &format!("{base}{own}        vars(self).update(cache={{}})\n        self.cache['x'] = 1\nA()"),
                "Starts ",
            ),
        ],
    );
}
