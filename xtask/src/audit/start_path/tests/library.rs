//! Calls of the standard library, and of a few packages, that fail by what they are given. CPython 3.11 fails where
//! `CannotStart` is said, at that place, and goes on where `Starts` is.

use super::{GOOD, all_say, alpha};

const OPERATION: &str = "CannotStart start/bad-operation";
const CLASS: &str = "CannotStart start/class-error";
const FLAGS: &str = "CannotStart start/flags-rejected";
const FOLDER: &str = "CannotStart start/missing-folder";

#[test]
fn nothing_to_read() {
    all_say(
        &[],
        &[
            ("input('name? ')", OPERATION),
            ("name = input()", OPERATION),
            ("import getpass\ngetpass.getpass()", OPERATION),
            ("try:\n    input()\nexcept EOFError:\n    pass", "Starts "),
            ("try:\n    input()\nexcept Exception:\n    pass", "Starts "),
            ("import io, sys\nsys.stdin = io.StringIO('x')\ninput()", "Starts "),
            ("def input(x=''):\n    return x\ninput()", "Starts "),
            ("import sys\nsys.stdin.readline()", "Starts "),
            ("import sys\nif sys.stdin.isatty():\n    input()", "Starts "),
        ],
    );
}

#[test]
fn loops_of_events() {
    let beat = "import asyncio\nasync def beat():\n    await asyncio.sleep(0)\n";
    let of = |code: &str| format!("{beat}{code}");
    all_say(
        &[],
        &[
            (&of("asyncio.create_task(beat())"), OPERATION),
            (&of("asyncio.get_running_loop()"), OPERATION),
            (
                &of("class A:\n    def __init__(self):\n        self.task = asyncio.create_task(beat())\nA()"),
                OPERATION,
            ),
            (
                &of("async def main():\n    asyncio.run(beat())\nasyncio.run(main())"),
                OPERATION,
            ),
            (
                &of(
                    "async def main():\n    asyncio.create_task(beat())\n    asyncio.get_running_loop()\nasyncio.run(main())",
                ),
                "Starts ",
            ),
            (
                &of(
                    "def start():\n    return asyncio.create_task(beat())\nasync def main():\n    start()\nasyncio.run(main())",
                ),
                "Starts ",
            ),
            (&of("asyncio.get_event_loop().create_task(beat())"), "Starts "),
            (
                &of(
                    "try:\n    loop = asyncio.get_running_loop()\nexcept RuntimeError:\n    loop = asyncio.new_event_loop()",
                ),
                "Starts ",
            ),
        ],
    );
}

#[test]
fn what_is_no_path() {
    all_say(
        &[],
        &[
            (
                "import os\nos.path.join(os.environ.get('AGENT_HOME_DIR'), 'x')",
                OPERATION,
            ),
            ("import os\nos.path.join('a', os.getenv('AGENT_HOME_DIR'))", OPERATION),
            ("import os\nhome = os.getenv('AGENT_HOME_DIR')\nopen(home)", OPERATION),
            ("import os\nos.makedirs(os.getenv('AGENT_HOME_DIR'))", OPERATION),
            (
                "from pathlib import Path\nimport os\nPath(os.getenv('AGENT_HOME_DIR'))",
                OPERATION,
            ),
            ("import os\nos.path.join(1, 'x')", OPERATION),
            (
                "import os\nos.path.join(os.getenv('AGENT_HOME_DIR', 'main'), 'x')",
                "Starts ",
            ),
            (
                "import os\nos.path.join(os.getenv('AGENT_HOME_DIR') or 'main', 'x')",
                "Starts ",
            ),
            ("import os\nos.path.join(os.getenv('HOME'), 'x')", "Starts "),
            (
                "import os\nassert os.getenv('AGENT_TOKEN'), 'set it'",
                "CannotStart start/raises",
            ),
            ("import os\nassert os.getenv('AGENT_TOKEN') is None", "Starts "),
            ("import os\nassert os.getpid() > 1, 'pid'", "Starts "),
            (
                "import os\ntry:\n    assert os.getenv('AGENT_TOKEN')\nexcept AssertionError:\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn levels_of_logging() {
    all_say(
        &[],
        &[
            ("import logging\nlogging.basicConfig(level='info')", OPERATION),
            ("import logging\nlogging.getLogger('a').setLevel('debug')", OPERATION),
            (
                "import logging\nlog = logging.getLogger(__name__)\nlog.setLevel(level='verbose')",
                OPERATION,
            ),
            (
                "import logging, os\nlogging.basicConfig(level=os.getenv('AGENT_LEVEL', 'info'))",
                OPERATION,
            ),
            ("import logging\nlogging.basicConfig(level='INFO')", "Starts "),
            ("import logging\nlogging.basicConfig(level='info'.upper())", "Starts "),
            ("import logging\nlogging.basicConfig(level=logging.INFO)", "Starts "),
            (
                "import logging\nlogging.addLevelName(5, 'trace')\nlogging.basicConfig(level='trace')",
                "Starts ",
            ),
            // It does nothing any more, and looks at nothing.
            (
                "import logging\nlogging.basicConfig()\nlogging.basicConfig(level='info')",
                "Starts ",
            ),
            (
                "import logging\nlogging.info('x')\nlogging.basicConfig(level='info', force=True)",
                OPERATION,
            ),
        ],
    );
}

#[test]
fn files_of_logging() {
    let config = |class: &str, file: &str, more: &str| {
        format!(
            "import logging.config\nlogging.config.dictConfig({{'version': 1, 'handlers': {{'f': {{'class': '{class}', 'filename': '{file}'{more}}}}}, 'root': {{'handlers': ['f']}}}})"
        )
    };
    all_say(
        &[],
        &[
            (&config("logging.FileHandler", "log/a.log", ""), FOLDER),
            (
                &config("logging.handlers.RotatingFileHandler", "/app/gone/a.log", ""),
                FOLDER,
            ),
            (&config("logging.FileHandler", "a.log", ""), FOLDER),
            (&config("logging.FileHandler", "/tmp/a.log", ""), "Starts "),
            (
                &config("logging.FileHandler", "log/a.log", ", 'delay': True"),
                "Starts ",
            ),
            (&config("main.own.Handler", "log/a.log", ""), "Starts "),
        ],
    );
}

#[test]
fn what_parsers_take() {
    let click = |options: &str| format!("import click\n@click.command()\n{options}\ndef cli(**k):\n    pass\ncli()");
    let parser = |how: &str| {
        format!(
            "import argparse, os\np = argparse.ArgumentParser({how})\np.add_argument('--port')\np.add_argument('--health_check_port')\n\
             p.add_argument('--names')\np.parse_args()"
        )
    };
    let three = "@click.option('--port')\n@click.option('--health_check_port')\n@click.option('--name')";
    for (code, said) in [
        (
            "import getopt, sys\ngetopt.getopt(sys.argv[1:], 'p:', ['port='])",
            FLAGS,
        ),
        (
            "import getopt, sys\nopts, rest = getopt.getopt(sys.argv[1:], 'p:', ['port=', 'health_check_port=', 'name='])",
            "Starts ",
        ),
        // The value of a flag that takes none ends the options.
        (
            "import getopt, sys\ngetopt.getopt(sys.argv[1:], '', ['port'])",
            "Starts ",
        ),
        ("import getopt\ngetopt.getopt([], 'p:', ['port='])", "Starts "),
        (
            "import getopt, sys\ntry:\n    getopt.getopt(sys.argv[1:], 'p:')\nexcept getopt.GetoptError:\n    pass",
            "Starts ",
        ),
        (
            "import getopt, sys\ntry:\n    getopt.getopt(sys.argv[1:], 'p:')\nexcept getopt.GetoptError as e:\n    print(e)\n    sys.exit(2)",
            "CannotStart ",
        ),
        (
            "from optparse import OptionParser\np = OptionParser()\np.add_option('--port', type='int')\no, a = p.parse_args()",
            FLAGS,
        ),
        (
            "from optparse import OptionParser\np = OptionParser()\nfor flag in ('--port', '--health_check_port', '--name'):\n    p.add_option(flag)\no, a = p.parse_args()",
            "Starts ",
        ),
        // The beginning of a flag is no flag there.
        (&parser("allow_abbrev=False"), FLAGS),
        (&parser("allow_abbrev=True"), "Starts "),
        (&parser("allow_abbrev=os.path.exists('/x')"), "Starts "),
        (&parser("allow_abbrev=False, fromfile_prefix_chars='@'"), FLAGS),
        (&parser("allow_abbrev=False, conflict_handler='resolve'"), FLAGS),
        (&parser("allow_abbrev=False, prefix_chars='+'"), "Starts "),
        (
            "import optparse\no, a = optparse.OptionParser().parse_args([])",
            "Starts ",
        ),
        (&click("@click.option('--port')"), FLAGS),
        (&click(three), "Starts "),
        (
            "import click\n@click.command(context_settings={'ignore_unknown_options': True})\n@click.option('--port')\ndef cli(port):\n    pass\ncli()",
            "Starts ",
        ),
    ] {
        let script = format!("{code}\n{GOOD}");
        let (found, _) = alpha(&[("main/alpha.py", &script), ("requirements.core.txt", "pyzmq\nclick\n")]);
        assert!(found.starts_with(said), "{code}\nwanted: {said}\n{found}");
    }
}

#[test]
fn packages_and_their_versions() {
    for (requirements, code, said) in [
        (
            "pyyaml",
            "import yaml\nyaml.load(open('main/c.yaml'))",
            "CannotStart start/argument-count",
        ),
        (
            "PyYAML>=6",
            "import yaml\nyaml.load('a: 1')",
            "CannotStart start/argument-count",
        ),
        ("PyYAML==5.4.1", "import yaml\nyaml.load('a: 1')", "Starts "),
        ("pyyaml", "import yaml\nyaml.load('a: 1', yaml.SafeLoader)", "Starts "),
        (
            "pyyaml",
            "import yaml\nyaml.load('a: 1', Loader=yaml.SafeLoader)",
            "Starts ",
        ),
        (
            "google-cloud-storage",
            "from google.cloud import speech",
            "MayNot requirements/missing",
        ),
        (
            "google-cloud-storage",
            "import google.cloud.speech",
            "MayNot requirements/missing",
        ),
        ("google-cloud-storage", "from google.cloud import storage", "Starts "),
        ("google-cloud-speech", "from google.cloud import speech", "Starts "),
        (
            "firebase-admin\nprotobuf",
            "from google.cloud import firestore",
            "Starts ",
        ),
    ] {
        let script = format!("{code}\n{GOOD}");
        let (found, _) = alpha(&[
            ("main/alpha.py", &script),
            ("main/c.yaml", "a: 1\n"),
            ("requirements.core.txt", &format!("pyzmq\n{requirements}\n")),
        ]);
        assert!(
            found.starts_with(said),
            "{requirements}: {code}\nwanted: {said}\n{found}"
        );
    }
}

#[test]
fn defaults_that_have_no_hash() {
    let inner = |decorator: &str, body: &str| {
        format!(
            "from dataclasses import dataclass\n{decorator}\nclass Inner:\n    {body}\n@dataclass\nclass Outer:\n    inner: Inner = Inner()"
        )
    };
    all_say(
        &[],
        &[
            (&inner("@dataclass", "x: int = 1"), CLASS),
            (&inner("", "def __eq__(self, other):\n        return True"), CLASS),
            (&inner("@dataclass(frozen=True)", "x: int = 1"), "Starts "),
            (&inner("@dataclass(eq=False)", "x: int = 1"), "Starts "),
            (&inner("@dataclass(unsafe_hash=True)", "x: int = 1"), "Starts "),
            (
                &inner("@dataclass", "x: int = 1\n    def __hash__(self):\n        return 1"),
                "Starts ",
            ),
            (&inner("", "pass"), "Starts "),
            ("class A(int, str):\n    pass", CLASS),
            ("class A(dict, list):\n    pass", CLASS),
            ("class Mixin:\n    pass\nclass A(Mixin, dict):\n    pass", "Starts "),
        ],
    );
}

#[test]
fn readers_and_encodings() {
    let files = [
        ("main/bom.json", "\u{feff}{\"port\": 1}"),
        ("main/plain.json", "{\"port\": 1}"),
    ];
    all_say(
        &files,
        &[
            (
                "import json\nwith open('main/bom.json', encoding='utf-8-sig') as f:\n    json.load(f)['port']",
                "Starts ",
            ),
            ("import json\njson.load(open('main/bom.json', 'rb'))", "Starts "),
            (
                "import json, pathlib\njson.loads(pathlib.Path('main/bom.json').read_text('utf-8-sig'))",
                "Starts ",
            ),
            (
                "import json, pathlib\njson.loads(pathlib.Path('main/bom.json').read_bytes())",
                "Starts ",
            ),
            (
                "import json\nwith open('main/bom.json') as f:\n    json.load(f)",
                "CannotStart start/malformed-file",
            ),
            (
                "import json\njson.load(open('main/bom.json', encoding='utf-8'))",
                "CannotStart start/malformed-file",
            ),
            ("import json\njson.load(open('main/plain.json'))", "Starts "),
        ],
    );
}

#[test]
fn classes_that_check_in_their_own_way() {
    let add = |class: &str| {
        format!(
            "{class}\ndef add(x):\n    if isinstance(x, Kind):\n        for i in x:\n            add(i)\n        return\n    print(x.bit_length())\nadd([1, 2])"
        )
    };
    for class in [
        "from typing import Sequence as Kind",
        "from collections.abc import Iterable as Kind",
        "Kind = (list, tuple)",
        "import numbers\nKind = (numbers.Number, list)",
    ] {
        let (found, _) = alpha(&[("main/alpha.py", &format!("{}\n{GOOD}", add(class)))]);
        assert!(!found.starts_with("CannotStart"), "{class}\n{found}");
    }
}

#[test]
fn a_flag_that_the_parser_has_by_itself() {
    let parser = |how: &str, add: &str| format!("import argparse\np = argparse.ArgumentParser({how})\n{add}");
    let by_name = "def add(p, **more):\n    for name, kind in more.items():\n        p.add_argument('--' + name, '-' + name[0], type=kind)\n";
    for (code, said) in [
        (parser("", "p.add_argument('--host', '-h')"), FLAGS),
        (parser("", "p.add_argument_group('x').add_argument('--help')"), FLAGS),
        (parser("", "n = 'host'\np.add_argument('--host', '-' + n[0])"), FLAGS),
        (parser("", &format!("{by_name}add(p, history=int)")), FLAGS),
        (parser("", &format!("{by_name}add(p, output=int)")), "Starts "),
        (parser("", "n = 'xh'\np.add_argument('--host', '-' + n[0])"), "Starts "),
        (parser("add_help=False", "p.add_argument('--host', '-h')"), "Starts "),
        (
            parser("conflict_handler='resolve'", "p.add_argument('--host', '-h')"),
            "Starts ",
        ),
        (parser("", "p.add_argument('h', nargs='?')"), "Starts "),
    ] {
        let (found, _) = alpha(&[("main/alpha.py", &format!("{code}\n{GOOD}"))]);
        assert!(found.starts_with(said), "{code}\n{found}");
    }
}

#[test]
fn words_that_no_flag_takes() {
    for code in [
        "p.add_argument('wav_file', nargs='+')\na = p.parse_known_args()[0]\nfor w in a.wav_file:\n    w.upper()",
        "p.add_argument('model')\na, rest = p.parse_known_args()\na.model.upper()",
        "p.add_argument('port', type=int)\na, rest = p.parse_known_args()\na.port + 1",
    ] {
        let code = format!("import argparse\np = argparse.ArgumentParser()\n{code}");
        let (found, _) = alpha(&[("main/alpha.py", &format!("{code}\n{GOOD}"))]);
        assert!(found.starts_with("Starts "), "{code}\n{found}");
    }
}

#[test]
fn levels_that_nobody_looks_at() {
    for (code, said) in [
        (
            "import logging\nlogging.basicConfig(level='verbose')",
            "CannotStart start/bad-operation",
        ),
        (
            "import logging\nlogging.basicConfig()\nlogging.basicConfig(level='verbose')",
            "Starts ",
        ),
        (
            "import logging\nlogging.info('x')\nlogging.basicConfig(level='verbose')",
            "Starts ",
        ),
        (
            "import logging\nlogging.basicConfig()\nlogging.basicConfig(level='verbose', force=True)",
            "CannotStart start/bad-operation",
        ),
        (
            "import logging\nclass L(logging.Logger):\n    def setLevel(self, level):\n        super().setLevel(level.upper())\nlogging.setLoggerClass(L)\nlogging.getLogger('x').setLevel('info')",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(code, said)]);
    }
}

/// What newer versions no longer have: sure where no older one is allowed, a risk where the newest is likely.
#[test]
fn names_that_newer_versions_have_lost() {
    const GONE: &str = "CannotStart start/no-attribute";
    const IMPORT: &str = "CannotStart start/cannot-import-name";
    const CLASS: &str = "CannotStart start/class-error";
    let model = |validator: &str| {
        format!(
            "from pydantic import BaseModel, root_validator\nclass A(BaseModel):\n    x: int = 1\n    {validator}\n    def f(cls, v):\n        \
             return v"
        )
    };
    for (requirements, code, said) in [
        ("numpy>=1.26", "import numpy as np\nx = np.float", GONE),
        ("numpy>=1.26", "import numpy as np\ndef f(x: np.int): pass", GONE),
        ("numpy==1.26.4", "import numpy as np\nx = np.Inf", "Starts "),
        ("numpy==2.1.0", "import numpy as np\nx = np.Inf", GONE),
        ("numpy==2.1.0", "from numpy import NaN", IMPORT),
        (
            "numpy==2.1.0",
            "import numpy as np\nx = np.bool, np.inf, np.float32",
            "Starts ",
        ),
        ("numpy", "import numpy as np\nx = np.float", "MayNot start/no-attribute"),
        ("numpy<1.24", "import numpy as np\nx = np.float", "Starts "),
        (
            "numpy==2.1.0",
            "import numpy as np\nnp.float = float\nx = np.float",
            "Starts ",
        ),
        ("pydantic==2.7.1", "from pydantic import BaseSettings", IMPORT),
        ("pydantic==1.10.13", "from pydantic import BaseSettings", "Starts "),
        (
            "pydantic==2.7.1",
            "try:\n    from pydantic import BaseSettings\nexcept ImportError:\n    BaseSettings = object",
            "Starts ",
        ),
        ("pydantic==2.7.1", &model("@root_validator"), CLASS),
        ("pydantic==2.7.1", &model("@root_validator(pre=False)"), CLASS),
        ("pydantic==2.7.1", &model("@root_validator(pre=True)"), "Starts "),
        (
            "pydantic==2.7.1",
            &model("@root_validator(skip_on_failure=True)"),
            "Starts ",
        ),
        ("pydantic==1.10.13", &model("@root_validator"), "Starts "),
        (
            "pydantic==2.7.1",
            "from pydantic import Field\nx = Field(None, regex='a')",
            CLASS,
        ),
        (
            "pydantic==2.7.1",
            "from pydantic import Field\nx = Field(None, pattern='a')",
            "Starts ",
        ),
        (
            "pydantic==2.7.1",
            "from pydantic import constr\nx = constr(regex='a')",
            "CannotStart start/argument-count",
        ),
        ("pillow==10.2.0", "from PIL import Image\nx = Image.ANTIALIAS", GONE),
        ("flask>=3.0", "from flask import Markup", IMPORT),
    ] {
        let requirements = format!("pyzmq\n{requirements}\n");
        let script = format!("{code}\n{GOOD}");
        let files = [
            ("main/alpha.py", script.as_str()),
            ("requirements.core.txt", &requirements),
        ];
        let (found, _) = alpha(&files);
        assert!(found.starts_with(said), "{requirements}{code}\nwanted: {said}\n{found}");
    }
}

#[test]
fn files_that_hide_modules_of_the_library_from_packages() {
    for (file, text, package, said) in [
        (
            "calendar",
            "def days(): pass",
            "requests",
            "CannotStart start/cannot-import-name",
        ),
        ("queue", "JOBS = []", "requests", "CannotStart start/no-attribute"),
        ("queue", "JOBS = []", "redis", "CannotStart start/cannot-import-name"),
        ("queue", "class LifoQueue: pass", "redis", "Starts "),
        ("queue", "JOBS = []", "psutil", "Starts "),
    ] {
        let script = format!("import {package}\n{GOOD}");
        let path = format!("main/{file}.py");
        let requirements = format!("pyzmq\n{package}\n");
        let files = [
            ("main/alpha.py", script.as_str()),
            (&path, text),
            ("requirements.core.txt", &requirements),
        ];
        let (found, _) = alpha(&files);
        assert!(found.starts_with(said), "{package} {file}\nwanted: {said}\n{found}");
    }
}
