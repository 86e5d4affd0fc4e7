//! What stays known: of objects that others have, of what is decided on the way, of files and variables. CPython 3.11 fails where
//! `CannotStart` is said, at that place, and goes on where `Starts` is.

use super::{all_say, alone_says};

const NAME: &str = "CannotStart start/undefined-name";
const ATTRIBUTE: &str = "CannotStart start/no-attribute";
const OPERATION: &str = "CannotStart start/bad-operation";
const CLASS: &str = "CannotStart start/class-error";
const MAY: &str = "MayNot start/undefined-name";

#[test]
fn what_stands_before_decides_on_what_stands_behind() {
    all_say(
        &[],
        &[
            ("port = 5\nport or ding()", "Starts "),
            ("port = 0\nport or ding()", NAME),
            ("port = 0\nport and ding()", "Starts "),
            ("port = 0\nother = None\nx = port or other or ding()", NAME),
            ("name = 'a'\nif name == 'a' or ding():\n    pass", "Starts "),
            ("name = 'a'\nif name == 'b' or ding():\n    pass", NAME),
            (
                "name = 'a'\nif name == 'a':\n    pass\nelif ding():\n    pass",
                "Starts ",
            ),
            ("name = 'a'\nif name == 'b':\n    pass\nelif ding():\n    pass", NAME),
            ("import random\nrandom.random() > 2 or ding()", MAY),
        ],
    );
}

#[test]
fn objects_of_which_one_method_is_given_away() {
    let made = |body: &str, after: &str| {
        format!(
            "import threading\nclass A:\n    def __init__(self):\n        self.on = True\n        threading.Thread(target=self.go, \
             daemon=True).start()\n    def go(self):\n        {body}\n    def off(self):\n        self.on = False\nx = A()\n{after}"
        )
    };
    all_say(
        &[],
        &[
            (&made("print(1)", "if x.on:\n    ding()"), NAME),
            (&made("self.off()", "if x.on:\n    ding()"), MAY),
            (
                &made(
                    "print(1)",
                    "import atexit\natexit.register(x.off)\nif x.on:\n    ding()",
                ),
                MAY,
            ),
            (
                &made("print(1)", "import copyreg\ncopyreg.pickle(A, x)\nif x.on:\n    ding()"),
                MAY,
            ),
            (
                "import threading\nclass A:\n    DEBUG = False\n    def __init__(self):\n        threading.Timer(1, self.go)\n        \
                 if self.DEBUG:\n            ding()\n    def go(self):\n        pass\nA()",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn keyword_arguments_are_taken_out_and_passed_on() {
    let base = "class B:\n    def __init__(self, **k):\n        self.name = k.pop('name', None)\n        if k:\n            ding()\n";
    all_say(
        &[],
        &[
            (&format!("{base}B(name='a')"), "Starts "),
            (&format!("{base}B(name='a', level=2)"), NAME),
            (
                "def f(**k):\n    del k['a']\n    if 'a' in k:\n        raise KeyError\nf(a=1)",
                "Starts ",
            ),
            (
                &format!(
                    "{base}class A(B):\n    def __init__(self, **k):\n        k.pop('level')\n        super().__init__(**k)\nA(level=2)"
                ),
                "Starts ",
            ),
            (
                "class M:\n    def __init__(self, **k):\n        super().__init__(**k)\nM(level=2)",
                "CannotStart start/argument-count",
            ),
        ],
    );
}

#[test]
fn attributes_of_other_classes_that_are_set_by_name() {
    let other = "class Bag:\n    def __init__(self, **k):\n        for key, value in k.items():\n            setattr(self, key, value)\n";
    all_say(
        &[],
        &[
            (&format!("{other}class A:\n    pass\nA().size"), ATTRIBUTE),
            (
                &format!("{other}class A(Bag):\n    pass\nA(**dict(vars())).size"),
                "Starts ",
            ),
            (
                "class A:\n    pass\ndef fill(x):\n    setattr(x, 'si' + 'ze', 1)\na = A()\n[fill][0](a)\na.size",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn metaclasses_that_do_not_go_together() {
    let two = "import abc\nclass M(type):\n    pass\nclass N(type):\n    pass\nclass A(metaclass=M):\n    pass\nclass B(metaclass=N):\n    pass\n";
    all_say(
        &[],
        &[
            (&format!("{two}class C(A, B):\n    pass"), CLASS),
            (&format!("{two}class C(A, abc.ABC):\n    pass"), CLASS),
            (&format!("{two}class C(A, metaclass=N):\n    pass"), CLASS),
            (
                &format!("{two}class O(M, N):\n    pass\nclass C(A, B, metaclass=O):\n    pass"),
                "Starts ",
            ),
            (
                &format!("{two}class D(A):\n    pass\nclass C(D, A):\n    pass"),
                "Starts ",
            ),
            (
                "import abc\nclass M(abc.ABCMeta):\n    pass\nclass A(metaclass=M):\n    @abc.abstractmethod\n    def f(self): ...\nA()",
                CLASS,
            ),
            (
                "import abc\nclass M(abc.ABCMeta):\n    pass\nclass A(metaclass=M):\n    @abc.abstractmethod\n    def f(self): ...\n\
                 class B(A):\n    def f(self): ...\nB()",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn files_paths_and_variables() {
    all_say(
        &[("main/data/a.json", "{\"port\": null}")],
        &[
            (
                "import json, os\nif os.path.isfile('main/data/a.json'):\n    json.load(open('main/data/a.json'))['port'] + 1",
                OPERATION,
            ),
            ("import os\nif os.path.isfile('main/data'):\n    ding()", "Starts "),
            (
                "from pathlib import Path\np = Path('x/a.json')\nif p.suffix == '.json':\n    ding()",
                NAME,
            ),
            (
                "from pathlib import Path\np = Path('x/a.tar.gz')\nif p.stem == 'a':\n    ding()",
                "Starts ",
            ),
            ("import os\nif 'a.yml'.endswith(('.yaml', '.yml')):\n    ding()", NAME),
            ("import os\nos.environ['MACHINE_TYPE'] + 1", OPERATION),
            ("import zmq\ngetattr(zmq, 'RECV_TIMEOUT')", ATTRIBUTE),
            ("import zmq\ngetattr(zmq, 'RECV_TIMEOUT', None)", "Starts "),
        ],
    );
}

#[test]
fn functions_that_call_themselves() {
    alone_says(
        "def walk(x):\n    if isinstance(x, dict):\n        return {k: walk(v) for k, v in x.items()}\n    return x\n\
         walk({'a': {'b': {'c': None}}})['a']['b']['c'].go()\n",
        ATTRIBUTE,
    );
}
