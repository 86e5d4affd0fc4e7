//! What files and objects of real trees do to each other: what fails for sure, and what only looks so. CPython 3.11 fails where
//! `CannotStart` is said, at that place, and goes on where `Starts` is.

use super::{GOOD, all_say, alpha};

#[test]
fn star_imports_bring_what_is_listed() {
    let files = [
        ("main/tools/__init__.py", "__all__ = ['helper', 'VALUE']\nVALUE = 1\n"),
        ("main/tools/helper.py", "def go():\n    return 1\n"),
        ("main/stale.py", "__all__ = ['kept', 'gone']\nkept = 1\n"),
        (
            "main/late.py",
            "__all__ = ['made']\ndef make():\n    global made\n    made = 1\nmake()\n",
        ),
        ("main/whole/__init__.py", "__all__ = ['broken']\n"),
        ("main/whole/broken.py", "import no_such_thing_here\n"),
    ];
    all_say(
        &files,
        &[
            ("from main.tools import *\nhelper.go() + VALUE", "Starts "),
            ("from main.late import *\nmade", "Starts "),
            (
                "from main.stale import *",
                "CannotStart start/no-attribute [main/alpha.py:1]",
            ),
            (
                "from main.whole import *",
                "CannotStart start/module-not-found [main/alpha.py:1 → main/whole/broken.py:1]",
            ),
            (
                "from main.tools import *\nother.go()",
                "CannotStart start/undefined-name [main/alpha.py:2]",
            ),
        ],
    );
}

#[test]
fn packages_have_their_submodules() {
    let files = [
        (
            "main/whole/__init__.py",
            "from .parts import *\nfrom .other import go\n__all__ = parts.__all__ + ['go', other.__name__]\n",
        ),
        ("main/whole/parts.py", "__all__ = ['part']\npart = 1\n"),
        ("main/whole/other.py", "def go():\n    pass\n"),
        ("main/early/__init__.py", "later.VALUE\nfrom . import later\n"),
        ("main/early/later.py", "VALUE = 1\n"),
    ];
    all_say(
        &files,
        &[
            ("from main.whole import part, go\ngo()", "Starts "),
            (
                "import main.early",
                "CannotStart start/undefined-name [main/alpha.py:1 → main/early/__init__.py:1]",
            ),
        ],
    );
}

#[test]
fn flags_of_imports_that_fail() {
    let flag = "try:\n    from main.gone import Thing\n    HAVE = True\nexcept ImportError:\n    HAVE = False\n";
    let name = "start/undefined-name";
    for (then, said) in [
        ("thing = Thing() if HAVE else None", "Starts "),
        (
            "def f():\n    if not HAVE:\n        return\n    Thing(not_there)\nf()",
            "Starts ",
        ),
        (
            "if HAVE:\n    Thing()\nelse:\n    not_there()",
            &format!("CannotStart {name}"),
        ),
        ("thing = Thing()", &format!("CannotStart {name}")),
        (
            "first = True\nfor i in (1, 2):\n    if first:\n        first = False\n    else:\n        more = 1\nmore",
            "Starts ",
        ),
        (
            "DONE = False\ndef init():\n    global DONE\n    if DONE:\n        return\n    DONE = True\ninit()\nif DONE:\n    found = 1\nfound",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(&format!("{flag}{then}"), said)]);
    }
}

#[test]
fn a_failure_that_an_exit_passes_on() {
    let script = |body: &str| {
        format!(
            "import sys\ndef main():\n    try:\n        {body}\n    except Exception as error:\n        print(error)\n        return 1\nsys.exit(main())"
        )
    };
    all_say(
        &[],
        &[
            (
                &script("not_there()"),
                "CannotStart start/undefined-name [main/alpha.py:8 → main/alpha.py:4]",
            ),
            (&script("print(1)"), "CannotStart start/exits [main/alpha.py:8]"),
        ],
    );
}

#[test]
fn modules_that_are_called() {
    let bad = "CannotStart start/bad-operation";
    all_say(
        &[],
        &[
            ("import glob\nglob('*')", bad),
            ("import glob\nfrom glob import glob\nglob('*')", "Starts "),
            ("from pprint import pprint\npprint(1)", "Starts "),
            ("import datetime\ndatetime.datetime(2020, 1, 1)", "Starts "),
            ("def f(x: any | None = None):\n    pass", bad),
            (
                "from typing import Any as any\ndef f(x: any | None = None):\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn classes_that_are_given_more() {
    let files = [(
        "main/registry.py",
        "def install(cls, **methods):\n    for name, method in methods.items():\n        setattr(cls, name, method)\n",
    )];
    let class = "class A:\n    def __init__(self):\n        self.setup()\n    def run(self):\n        pass\n";
    let say = |code: &str, said: &str| all_say(&files, &[(&format!("{class}{code}"), said)]);
    say("A.setup = lambda self: None\nA()", "Starts ");
    say("setattr(A, 'setup', print)\nA()", "Starts ");
    say(
        "from main.registry import install\ninstall(A, setup=lambda self: 1)\nA()",
        "Starts ",
    );
    say("A.setup = print\nA.run = lambda self, x: x\nA().run(5)", "Starts ");
    say("def setup(self):\n    pass\nA()", "CannotStart start/no-attribute ");
}

#[test]
fn objects_that_are_given_anything() {
    let files = [(
        "main/fill.py",
        "def fill(it, **more):\n    for name, value in more.items():\n        setattr(it, name, value)\ndef put(it, more):\n    it.__dict__.update(more)\n",
    )];
    all_say(
        &files,
        &[
            (
                "from main.fill import fill\nclass A:\n    def __init__(self):\n        fill(self, x=1)\n        self.x\nA()",
                "Starts ",
            ),
            (
                "from main.fill import put\nclass A:\n    def __init__(self):\n        put(self, {'x': 1})\n        self.x\nA()",
                "Starts ",
            ),
            (
                "from main.fill import fill\nclass A:\n    pass\na = A()\nfill(a, x=1)\na.x",
                "Starts ",
            ),
            (
                "import threading\nclass A:\n    pass\na = A()\nthreading.Timer(0, lambda: setattr(a, 'x', 1)).run()\na.x",
                "Starts ",
            ),
            (
                "class M(type):\n    def forget(cls):\n        pass\nclass A(metaclass=M):\n    pass\nA.forget()",
                "Starts ",
            ),
            (
                "class B:\n    def __init_subclass__(cls):\n        cls.x = 1\nclass A(B):\n    def __init__(self):\n        self.x\nA()",
                "Starts ",
            ),
            (
                "class A:\n    for name in ('x', 'y'):\n        locals()[name] = 1\n    def __init__(self):\n        self.x\nA()",
                "Starts ",
            ),
            (
                "def inject(function):\n    def inner(self):\n        self.x = 1\n        function(self, 2)\n    return inner\nclass A:\n    @inject\n    def __init__(self, given):\n        self.y = given\n    def run(self):\n        self.x, self.y\nA().run()",
                "Starts ",
            ),
            (
                "from main.fill import fill\nclass A:\n    def __init__(self):\n        self.x\nA()",
                "CannotStart start/no-attribute",
            ),
        ],
    );
}

#[test]
fn generic_bases() {
    let generic = "import abc\nfrom typing import Generic, TypeVar\nT = TypeVar('T')\nclass B(abc.ABC, Generic[T]):\n    @abc.abstractmethod\n    def run(self): ...\n";
    all_say(
        &[],
        &[
            (
                &format!("{generic}class A(B[int]):\n    pass\nA()"),
                "CannotStart start/class-error",
            ),
            (
                &format!("{generic}class A(B[int]):\n    def run(self):\n        self.x\nA().run()"),
                "CannotStart start/no-attribute",
            ),
            (
                &format!(
                    "{generic}class A(B[int]):\n    x: T = 1\n    def run(self):\n        self.x, B[int], A.__class_getitem__\nA().run()"
                ),
                "Starts ",
            ),
        ],
    );
}

#[test]
fn coroutines_that_nobody_waits_for() {
    let code = "import asyncio\nasync def bad():\n    return not_there\n";
    for (main, said) in [
        ("await bad()", "CannotStart start/undefined-name [main/alpha.py:"),
        (
            "await asyncio.gather(bad())",
            "CannotStart start/undefined-name [main/alpha.py:",
        ),
        ("asyncio.create_task(bad())", "MayNot start/undefined-name"),
        ("task = asyncio.ensure_future(bad())", "MayNot start/undefined-name"),
        (
            "await asyncio.gather(bad(), return_exceptions=True)",
            "MayNot start/undefined-name",
        ),
        ("later = bad()\n    later.close()", "Starts "),
    ] {
        let script = format!("{code}async def main():\n    {main}\nasyncio.run(main())");
        all_say(&[], &[(&script, said)]);
    }
}

#[test]
fn folders_put_on_the_path_in_other_ways() {
    let files = [("main/lib/deep.py", "X = 1\n")];
    all_say(
        &files,
        &[
            ("import sys\nsys.path += ['main/lib']\nimport deep", "Starts "),
            ("import sys\nsys.path.extend(['main/lib'])\nimport deep", "Starts "),
            ("import sys\nsys.path[:0] = ['main/lib']\nimport deep", "Starts "),
            (
                "import sys\nfor folder in ('a', 'lib'):\n    sys.path.append('main/' + folder)\nimport deep",
                "Starts ",
            ),
            (
                "import sys\nsys.path.append(sys.argv[0])\nimport nowhere_at_all",
                "CannotStart start/module-not-found",
            ),
            (
                "import importlib\nimportlib.import_module('.deep', 'main.lib')\nimportlib.import_module('..lib.deep', package='main.lib')",
                "Starts ",
            ),
            (
                "import importlib\nimportlib.import_module('.gone', 'main.lib')",
                "CannotStart start/module-not-found",
            ),
            (
                "import sys\nsys.path += ['main/nothing']\nimport deep",
                "CannotStart start/module-not-found",
            ),
            (
                "import sys, types\nsys.modules['made_up'] = types.ModuleType('made_up')\nimport made_up",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn files_whose_folder_is_all_that_is_known() {
    let folder = "CannotStart start/missing-folder";
    all_say(
        &[("main/data/x.json", "{}")],
        &[
            (
                "import os\nos.chdir(os.path.dirname(__file__))\nopen('data/x.json')",
                "Starts ",
            ),
            (
                "import time\nopen(f'main/data/{time.time()}.json', 'a') if time.time() < 0 else None",
                "Starts ",
            ),
            ("import time\nopen(f'no_such/{time.time()}.log', 'w')", folder),
            (
                "import logging, time\nlogging.basicConfig(filename=f'no_such/a_{time.time():.0f}.log')",
                folder,
            ),
            (
                "import os, time\nname = f'no_such/{time.time()}'\nos.makedirs(os.path.dirname(name), exist_ok=True)\nopen(name, 'w')",
                "Starts ",
            ),
            ("import sqlite3\nsqlite3.connect('no_such/a.db')", folder),
            ("import sqlite3\nsqlite3.connect(':memory:')", "Starts "),
            (
                "import sqlite3\ntry:\n    sqlite3.connect('no_such/a.db')\nexcept sqlite3.Error:\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn words_of_the_command_line() {
    let bad = "CannotStart start/bad-operation";
    all_say(
        &[],
        &[
            ("import sys\nint(sys.argv[1])", bad),
            ("import sys\nif len(sys.argv) > 1:\n    int(sys.argv[1])", bad),
            ("import sys\nint(sys.argv[1]) if len(sys.argv) > 1 else 5", bad),
            (
                "import sys\nif len(sys.argv) != 2:\n    sys.exit(1)",
                "CannotStart start/exits",
            ),
            ("import sys\nif len(sys.argv) < 2:\n    sys.exit(1)", "Starts "),
            ("import sys\nif len(sys.argv) > 90:\n    int(sys.argv[1])", "Starts "),
            ("import sys\nint(sys.argv[2]), int(sys.argv[-1:][0] == 1)", "Starts "),
            ("import sys\nsys.argv = ['a', '1']\nint(sys.argv[1])", "Starts "),
            ("import sys\nsys.argv.pop(1)\nint(sys.argv[1])", "Starts "),
            (
                "import sys\ntry:\n    int(sys.argv[1])\nexcept ValueError:\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn variables_that_are_asked_for_in_vain() {
    all_say(
        &[],
        &[
            (
                "import os\nint(os.getenv('NOT_SET'))",
                "CannotStart start/bad-operation",
            ),
            (
                "import os\nx = os.environ.get('NOT_SET')\nint(x)",
                "CannotStart start/bad-operation",
            ),
            (
                "import os\nos.environ.get('NOT_SET').split(',')",
                "CannotStart start/no-attribute",
            ),
            (
                "import os\nint(os.getenv('NOT_SET') or 3), int(os.getenv('NOT_SET', 3))",
                "Starts ",
            ),
            (
                "import os\nx = os.getenv('NOT_SET')\nif x:\n    x.split(',')",
                "Starts ",
            ),
            (
                "import os\nos.environ.setdefault('NOT_SET', '5')\nint(os.getenv('NOT_SET'))",
                "Starts ",
            ),
            (
                "import os\nos.getenv('PATH').split(':'), os.getenv('MACHINE_TYPE').upper()",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn a_port_that_nobody_knows_bound_twice() {
    let base = "import zmq\nclass Base:\n    def __init__(self, port=None):\n        self.port = port or ask()\n        self.context = zmq.Context()\n        self.socket = self.context.socket(zmq.REP)\n        self.socket.bind(f'tcp://*:{self.port}')\ndef ask():\n    import sys\n    return [word for word in sys.argv if word.isdigit()][0]\n";
    let twice = "CannotStart start/port-bound-twice";
    for (then, said) in [
        ("self.again.bind(f'tcp://*:{self.port}')", twice),
        (
            "address = 'tcp://0.0.0.0:%s' % self.port\n        self.again.bind(address)",
            twice,
        ),
        (
            "try:\n            self.x = 1\n        except OSError:\n            self.port = 1\n        self.again.bind(f'tcp://*:{self.port}')",
            twice,
        ),
        ("self.again.bind('tcp://*:' + str(self.port))", twice),
        ("self.again.bind(f'tcp://*:{self.port + 1}')", "Starts "),
        (
            "self.port = ask()\n        self.again.bind(f'tcp://*:{self.port}')",
            "Starts ",
        ),
        (
            "self.socket.close()\n        self.again.bind(f'tcp://*:{self.port}')",
            "Starts ",
        ),
    ] {
        let script = format!(
            "from main.base import Base\nimport zmq\nfrom main.base import ask\nclass A(Base):\n    def __init__(self):\n        super().__init__()\n        self.again = self.context.socket(zmq.PUB)\n        {then}\nA()"
        );
        let (found, _) = alpha(&[("main/alpha.py", &format!("{script}\n{GOOD}")), ("main/base.py", base)]);
        assert!(found.starts_with(said), "{then}\nwanted: {said}\n{found}");
    }
}

#[test]
fn what_classes_do_not_take() {
    let attribute = "CannotStart start/no-attribute";
    let property = "class A:\n    def __init__(self):\n        self.size = 3\n    @property\n    def size(self):\n        return 1\n";
    all_say(
        &[],
        &[
            (&format!("{property}A()"), attribute),
            (
                &format!("{property}    @size.setter\n    def size(self, value):\n        pass\nA()"),
                "Starts ",
            ),
            (
                "class A:\n    def __init__(self):\n        self.count += 1\nA()",
                attribute,
            ),
            (
                "class A:\n    count = 0\n    def __init__(self):\n        self.count += 1\nA()",
                "Starts ",
            ),
            (
                "class A:\n    def __enter__(self):\n        return self\nwith A() as a:\n    pass",
                "CannotStart start/bad-operation",
            ),
            (
                "class B:\n    def __exit__(self, *a):\n        pass\nclass A(B):\n    def __enter__(self):\n        return self\nwith A() as a:\n    pass",
                "Starts ",
            ),
            (
                "import enum\nclass Level(enum.IntEnum):\n    LOW = enum.auto()\nLevel.LOW.bit_length(), Level.HIGH",
                attribute,
            ),
            (
                "import enum\nclass Mode(str, enum.Enum):\n    A = 'a'\nMode.A.upper(), Mode.join, Mode.A.value",
                "Starts ",
            ),
            (
                "def f(x: 'A' | None = None):\n    pass",
                "CannotStart start/bad-operation",
            ),
            (
                "from __future__ import annotations\ndef f(x: 'A' | None = None):\n    pass",
                "Starts ",
            ),
            (
                "def f() -> Optional[int]:\n    pass",
                "CannotStart start/undefined-name",
            ),
            (
                "class A:\n    def f(self, key: str) -> Optional[int]:\n        return 1",
                "CannotStart start/undefined-name",
            ),
            (
                "from __future__ import annotations\ndef f() -> Optional[int]:\n    pass",
                "Starts ",
            ),
            ("def f() -> 'Optional[int]':\n    pass", "Starts "),
            ("class A:\n    def f(self) -> 'A':\n        return self", "Starts "),
            (
                "class A:\n    def f(self) -> A:\n        return self",
                "CannotStart start/undefined-name",
            ),
        ],
    );
}

#[test]
fn a_thread_that_is_no_daemon_outlives_the_main_one() {
    let code = "import threading, time\ndef loop():\n    while True:\n        time.sleep(1)\n";
    all_say(
        &[],
        &[
            (
                &format!("{code}threading.Thread(target=loop).start()\nnot_there"),
                "MayNot start/undefined-name",
            ),
            (
                &format!("{code}threading.Thread(target=loop, daemon=True).start()\nnot_there"),
                "CannotStart start/undefined-name",
            ),
        ],
    );
}
