//! What an import finds, and what of that is certain: a module is surely missing only where nothing that is installed, linked,
//! compiled or put on the path by the script could bring it. CPython 3.11 agrees with each line.

use super::{all_say, alone_says, alpha};

const MISSING: &str = "CannotStart start/module-not-found";
const MAY_BE_MISSING: &str = "MayNot start/module-not-found";

/// A script beside a requirements file, and what is said of it.
#[track_caller]
fn with_requirements(requirements: &str, files: &[(&str, &str)], script: &str, said: &str) {
    let script = format!("{script}\n{}", super::GOOD);
    let mut all = vec![
        ("requirements.core.txt", requirements),
        ("main/alpha.py", script.as_str()),
    ];
    all.extend(files);
    let (found, _) = alpha(&all);
    assert!(
        found.starts_with(said),
        "{requirements}\n{script}\nwanted: {said}\n{found}"
    );
}

#[test]
fn only_what_no_requirement_could_bring_is_missing() {
    for (requirements, said) in [
        // Known whole, with all that they install.
        ("pyzmq\nrequests\n", MISSING),
        ("pyzmq\nuvicorn\n", MISSING),
        ("pyzmq # and nothing else\n", MISSING),
        ("--index-url https://packages.example\npyzmq\n", MISSING),
        ("pyzmq\nunheard-of; sys_platform == 'win32'\n", MISSING),
        // May bring anything.
        ("pyzmq\nunheard-of\n", MAY_BE_MISSING),
        ("pyzmq\nuvicorn[standard]\n", MAY_BE_MISSING),
        ("pyzmq\n-e .\n", MAY_BE_MISSING),
        ("pyzmq\n./vendored\n", MAY_BE_MISSING),
        ("pyzmq\ngit+https://code.example/x.git\n", MAY_BE_MISSING),
        ("pyzmq\n-r not-there.txt\n", MAY_BE_MISSING),
    ] {
        with_requirements(requirements, &[], "import quite_unknown", said);
    }
    // What the tree has a package for, nothing else brings.
    let files = [("main/own/__init__.py", "")];
    with_requirements("pyzmq\nunheard-of\n", &files, "import main.own.gone", MISSING);
    // A folder without `__init__.py` may have parts elsewhere.
    let files = [("company/tools.py", "")];
    with_requirements("pyzmq\nunheard-of\n", &files, "import company.gone", MAY_BE_MISSING);
}

#[test]
fn distributions_whose_modules_have_other_names() {
    for (requirement, module) in [
        ("PyGithub", "github"),
        ("nats_py", "nats"),
        ("ruamel.yaml>=0.17", "ruamel.yaml"),
        ("hydra-core", "hydra"),
        ("pyxdg", "xdg.BaseDirectory"),
        ("peewee", "playhouse.shortcuts"),
        ("python-telegram-bot", "httpx"),
        ("setuptools", "distutils"),
    ] {
        let requirements = format!("pyzmq\n{requirement}\n");
        with_requirements(&requirements, &[], &format!("import {module}"), "Starts ");
    }
    with_requirements(
        "pyzmq\ntomli; python_version < '3.11'\n",
        &[],
        "import tomli",
        "MayNot requirements/missing",
    );
    with_requirements(
        "pyzmq\ntomli; python_version >= '3.11'\n",
        &[],
        "import tomli",
        "Starts ",
    );
}

#[test]
fn requirements_in_files_of_any_name() {
    let files = [
        ("deps/common.txt", "requests\n-r more.in\n"),
        ("deps/more.in", "pyyaml\n"),
    ];
    with_requirements(
        "pyzmq\n-r deps/common.txt\n",
        &files,
        "import requests, yaml",
        "Starts ",
    );
    with_requirements("pyzmq\n--requirement=deps/more.in\n", &files, "import yaml", "Starts ");
    with_requirements(
        "pyzmq\n-c deps/common.txt\n",
        &files,
        "import requests",
        "MayNot requirements/missing",
    );
}

#[test]
fn modules_without_source() {
    for (file, said) in [
        ("main/fast.cpython-311-x86_64-linux-gnu.so", "Starts "),
        ("main/fast.abi3.so", "Starts "),
        ("main/fast.so", "Starts "),
        ("main/fast.pyc", "Starts "),
        ("main/fast/__init__.pyc", "Starts "),
        ("main/fast.cpython-310-x86_64-linux-gnu.so", MISSING),
        ("main/__pycache__/fast.cpython-311.pyc", MISSING),
        ("main/libfast.so", MISSING),
    ] {
        all_say(&[(file, "")], &[("from main.fast import add\nadd(1)", said)]);
    }
}

#[test]
fn submodules_that_no_file_of_the_package_shows() {
    let files = [
        ("main/own/__init__.py", ""),
        ("main/own/_fast.cpython-311-x86_64-linux-gnu.so", ""),
        ("main/all/__init__.py", "__all__ = ['_fast']\n"),
        ("main/all/_fast.abi3.so", ""),
        (
            "main/vendored/__init__.py",
            "import sys\nclass Finder:\n    def install(self):\n        sys.meta_path.append(self)\nFinder().install()\n",
        ),
    ];
    all_say(
        &files,
        &[
            ("from main.own import _fast\n_fast.add(1)", "Starts "),
            ("from main.all import *\n_fast.add(1)", "Starts "),
            ("from main.own import _fats", "CannotStart start/cannot-import-name"),
            ("from main.vendored import six", "Starts "),
        ],
    );
    let local = "import sys\ndef recreate(name):\n    sys.modules[name] = object()\n";
    let files = [
        (
            "main/own/__init__.py",
            "from . import local\nlocal.recreate(__name__)\n",
        ),
        ("main/own/local.py", local),
        (
            "main/two/__init__.py",
            "from main.own.local import recreate\nrecreate(__name__)\n",
        ),
        ("main/three/__init__.py", "import json\n"),
    ];
    all_say(
        &files,
        &[
            ("from main.own import anything", "Starts "),
            ("from main import two\ntwo.anything", "Starts "),
            (
                "from main import two, three\nthree.anything",
                "CannotStart start/no-attribute",
            ),
        ],
    );
}

#[test]
fn packages_that_search_elsewhere() {
    let path =
        "import sys\nsys.path[:0] = ['/app/main/one', '/app/main/two']\nimport company.alpha\nimport company.beta";
    for init in [
        "__path__ = __import__('pkgutil').extend_path(__path__, __name__)",
        "import pkgutil\n__path__ = pkgutil.extend_path(__path__, __name__)",
        "__import__('pkg_resources').declare_namespace(__name__)\n__path__",
        "__path__.append('/app/main/two/company')",
    ] {
        let files = [
            ("main/one/company/__init__.py", init),
            ("main/one/company/alpha.py", ""),
            ("main/two/company/__init__.py", init),
            ("main/two/company/beta.py", ""),
        ];
        all_say(&files, &[(path, "Starts ")]);
    }
    let files = [("main/one/company/__init__.py", ""), ("main/one/company/alpha.py", "")];
    all_say(&files, &[(path, MISSING)]);
}

#[test]
fn what_is_put_on_the_path() {
    for (edit, said) in [
        ("sys.path.insert(0, '/app/main/bundle.zip')", MAY_BE_MISSING),
        (
            "sys.path.append(os.path.join(os.path.dirname(__file__), 'bundle.zip'))",
            MAY_BE_MISSING,
        ),
        ("sys.path.append('/opt/ros/lib')", MAY_BE_MISSING),
        ("sys.path.append('/tmp/plugins')", MAY_BE_MISSING),
        ("sys.meta_path.append(object())", MAY_BE_MISSING),
        ("sys.path.append('/app/main')", MISSING),
        ("sys.path.append('/home/somebody/code')", MISSING),
    ] {
        let script = format!("import os, sys\n{edit}\nimport zipped");
        all_say(&[("main/bundle.zip", "")], &[(&script, said)]);
    }
}

#[test]
fn modules_that_replace_themselves() {
    let class = "import sys\nclass Settings:\n    host = 'x'\n";
    for change in [
        "sys.modules[__name__] = Settings()",
        "from sys import modules\nmodules[__name__] = Settings()",
        "sys.modules[__name__].__class__ = Settings",
        "setattr(sys.modules[__name__], 'host', 1)",
        "me = sys.modules[__name__]\nme.host = 1",
        "globals()['host'] = 1",
        "for name in ['host']:\n    globals()[name] = 1",
        "globals().update(vars(Settings))",
        "vars()['host'] = 1",
    ] {
        let module = format!("{class}{change}\n");
        let files = [("main/settings.py", module.as_str())];
        all_say(
            &files,
            &[
                ("from main import settings\nsettings.host", "Starts "),
                ("from main.settings import host\nhost", "Starts "),
                ("import main.settings\nmain.settings.host", "Starts "),
            ],
        );
    }
    // A literal name is that name and no other, and who replaces itself still knows its own names.
    for module in [
        "globals()['host'] = 1\n",
        "import sys\nsys.modules['another'] = 1\n",
        "import sys\nprint(sys.modules)\n",
    ] {
        all_say(
            &[("main/settings.py", module)],
            &[(
                "from main import settings\nsettings.hots",
                "CannotStart start/no-attribute",
            )],
        );
    }
    all_say(
        &[("main/settings.py", "import sys\nsys.modules[__name__] = ding\n")],
        &[("import main.settings", "CannotStart start/undefined-name")],
    );
}

#[test]
fn functions_that_are_called_like_the_import_machinery() {
    let helper = "import importlib\ndef import_module(name):\n    try:\n        return importlib.import_module(name)\n    except ImportError:\n        return None\n";
    let files = [("main/helper.py", helper)];
    all_say(
        &files,
        &[
            (
                "from main.helper import import_module\nimport_module('no_such')",
                "Starts ",
            ),
            ("from main import helper\nhelper.import_module('no_such')", "Starts "),
            (
                "def import_module(name):\n    return None\nimport_module('no_such')",
                "Starts ",
            ),
            (
                "class Loader:\n    def import_module(self, name):\n        return name\nLoader().import_module('no_such')",
                "Starts ",
            ),
            ("import importlib\nimportlib.import_module('no_such')", MISSING),
            ("from importlib import import_module\nimport_module('no_such')", MISSING),
            ("__import__('no_such')", MISSING),
        ],
    );
}

#[test]
fn a_script_that_names_its_package() {
    let files = [("main/helper.py", "VALUE = 1\n")];
    all_say(
        &files,
        &[
            ("__package__ = 'main'\nfrom .helper import VALUE\nVALUE", "Starts "),
            (
                "if __name__ == '__main__' and __package__ is None:\n    import main\n    __package__ = 'main'\nfrom .helper import VALUE\nVALUE",
                "Starts ",
            ),
            ("__package__ = 'main'\nfrom .gone import VALUE", MISSING),
            ("from .helper import VALUE", MISSING),
        ],
    );
}

#[test]
fn handlers_name_what_they_catch_by_value() {
    let attempt = |before: &str, caught: &str| {
        format!("{before}\ntry:\n    import no_such\nexcept {caught}:\n    no_such = None")
    };
    let files = [(
        "main/errors.py",
        "MISSING = (ImportError, OSError)\nclass Own(ImportError):\n    pass\nclass Other(Exception):\n    pass\n",
    )];
    for (before, caught, said) in [
        ("ERRORS = (ImportError, OSError)", "ERRORS", "Starts "),
        ("Missing = ImportError", "Missing", "Starts "),
        (
            "Missing = ModuleNotFoundError\nMore = (OSError, Missing)",
            "More",
            "Starts ",
        ),
        ("from main import errors", "errors.MISSING", "Starts "),
        ("from main.errors import MISSING", "MISSING", "Starts "),
        ("from main.errors import MISSING", "(KeyError, *MISSING)", "Starts "),
        ("import builtins", "builtins.ImportError", "Starts "),
        ("from builtins import Exception as E", "E", "Starts "),
        ("import yaml", "yaml.SOME_TUPLE", "Starts "),
        ("", "Exception", "Starts "),
        ("ERRORS = (KeyError, OSError)", "ERRORS", "CannotStart "),
        ("Missing = KeyError", "Missing", "CannotStart "),
        ("from main.errors import Other", "Other", "CannotStart "),
        ("from main.errors import Own", "Own", "CannotStart "),
    ] {
        all_say(&files, &[(&attempt(before, caught), said)]);
    }
}

#[test]
fn the_rest_of_a_try_whose_import_may_fail() {
    for code in [
        "try:\n    from OpenSSL.SSL import Error\nexcept ImportError:\n    Error = None\nelse:\n    import no_such_thing",
        "try:\n    import OpenSSL\n    import no_such_thing\nexcept ImportError:\n    pass",
        "try:\n    import OpenSSL\n    not_there\nexcept ImportError:\n    pass",
        "try:\n    import OpenSSL\nexcept Exception:\n    pass\nelse:\n    not_there",
    ] {
        let (said, _) = alpha(&[("main/alpha.py", &format!("{code}\n{}", super::GOOD))]);
        assert!(!said.starts_with("CannotStart"), "{code}\n{said}");
    }
    alone_says(
        "try:\n    import json\nexcept ImportError:\n    pass\nelse:\n    import no_such_thing\nimport zmq\nzmq.Context().socket(zmq.REP).recv()\n",
        MAY_BE_MISSING,
    );
}

#[test]
fn what_is_handled_puts_nothing_at_risk() {
    for code in [
        "try:\n    import no_such\nexcept ImportError:\n    no_such = None",
        "import logging\ntry:\n    import no_such\nexcept ImportError as e:\n    logging.warning('no %s', e)",
        "def f():\n    try:\n        import no_such\n    except Exception:\n        return None\n    return no_such\nf()",
        "import json\ndef f():\n    try:\n        return json.load(open('none.json'))\n    except Exception:\n        return {}\nf()",
        "class A:\n    def __init__(self):\n        try:\n            self.x = not_there()\n        except Exception as e:\n            print(e)\nA()",
        "try:\n    import requests\nexcept ImportError:\n    requests = None",
    ] {
        all_say(&[], &[(code, "Starts ")]);
    }
    for code in [
        "import os\ntry:\n    import no_such\nexcept ImportError:\n    if os.getpid() == 1:\n        raise",
        "import os, sys\ntry:\n    import no_such\nexcept ImportError:\n    if os.getpid() == 1:\n        sys.exit(1)",
    ] {
        all_say(&[], &[(code, "MayNot ")]);
    }
    for code in [
        "try:\n    import no_such\nexcept ImportError:\n    raise",
        "import sys\ntry:\n    import no_such\nexcept ImportError:\n    sys.exit('install it')",
        "try:\n    import no_such\nexcept ImportError as e:\n    raise RuntimeError('install it') from e",
    ] {
        all_say(&[], &[(code, MISSING)]);
    }
}

#[test]
fn files_that_hide_modules_of_the_library_from_itself() {
    for (file, text, script, said) in [
        // What is taken by name when the library is imported, or when something of it is used.
        (
            "queue",
            "JOBS = []",
            "import multiprocessing\nmultiprocessing.Queue()",
            "CannotStart start/cannot-import-name",
        ),
        (
            "queue",
            "JOBS = []",
            "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor(2)",
            "CannotStart start/no-attribute",
        ),
        (
            "queue",
            "JOBS = []",
            "import concurrent.futures as cf\npool = cf.ThreadPoolExecutor()",
            "CannotStart start/no-attribute",
        ),
        (
            "random",
            "SEED = 1",
            "import tempfile",
            "CannotStart start/cannot-import-name",
        ),
        (
            "random",
            "SEED = 1",
            "import uuid, secrets",
            "CannotStart start/cannot-import-name",
        ),
        (
            "socketserver",
            "X = 1",
            "import http.server",
            "CannotStart start/no-attribute",
        ),
        (
            "string",
            "def clean(): pass",
            "import logging",
            "CannotStart start/cannot-import-name",
        ),
        (
            "email/__init__",
            "",
            "import http.client",
            "CannotStart start/module-not-found",
        ),
        ("token", "TOKEN = 'x'", "import inspect", "CannotStart "),
        (
            "signal",
            "raise RuntimeError('x')",
            "import subprocess",
            "CannotStart start/raises",
        ),
        // Nothing of it is taken, or all that is.
        (
            "queue",
            "JOBS = []",
            "import multiprocessing\nfrom concurrent.futures import ThreadPoolExecutor",
            "Starts ",
        ),
        (
            "queue",
            "class Empty(Exception): pass\nclass Full(Exception): pass",
            "import multiprocessing\nmultiprocessing.Queue()",
            "Starts ",
        ),
        (
            "queue",
            "def __getattr__(name):\n    return object",
            "import multiprocessing\nmultiprocessing.Queue()",
            "Starts ",
        ),
        (
            "queue",
            "JOBS = []",
            "import threading, logging, json, asyncio",
            "Starts ",
        ),
        ("time", "X = 1", "import time, logging, queue", "Starts "),
        ("random/names", "X = 1", "import tempfile", "Starts "),
        (
            "queue",
            "JOBS = []",
            "try:\n    import multiprocessing\n    multiprocessing.Queue()\nexcept ImportError:\n    pass",
            "Starts ",
        ),
    ] {
        all_say(&[(&format!("main/{file}.py"), text)], &[(script, said)]);
    }
}
