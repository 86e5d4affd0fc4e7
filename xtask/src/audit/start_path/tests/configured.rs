//! What is written down and does not fit together: logging, commands, programs, how values are written. CPython 3.11 fails where
//! `CannotStart` is said.

use super::{all_say, alone_says};

const OPERATION: &str = "CannotStart start/bad-operation";

#[test]
fn parts_of_a_configuration_of_logging() {
    let with = |parts: &str| format!("import logging.config\nlogging.config.dictConfig({{'version': 1, {parts}}})");
    let stream = "'class': 'logging.StreamHandler'";
    for (parts, said) in [
        (
            format!("'handlers': {{'a': {{{stream}, 'formatter': 'x'}}}}"),
            OPERATION,
        ),
        (
            format!("'handlers': {{'a': {{{stream}}}}}, 'root': {{'handlers': ['b']}}"),
            OPERATION,
        ),
        (
            format!("'handlers': {{'a': {{{stream}}}}}, 'loggers': {{'x': {{'handlers': ['a', 'b']}}}}"),
            OPERATION,
        ),
        (
            "'handlers': {'a': {'class': 'logging.StreamHandlr'}}".to_owned(),
            OPERATION,
        ),
        (format!("'handlers': {{'a': {{{stream}, 'level': 'LOUD'}}}}"), OPERATION),
        (
            format!("'handlers': {{'a': {{{stream}}}}}, 'root': {{'level': 'info'}}"),
            OPERATION,
        ),
        (
            format!(
                "'formatters': {{'x': {{'format': '%(message)s'}}}}, 'handlers': {{'a': {{{stream}, 'formatter': 'x'}}}}, 'root': {{'handlers': ['a'], 'level': 'INFO'}}"
            ),
            "Starts ",
        ),
        (
            "'handlers': {'a': {'()': 'logging.StreamHandler'}}, 'root': {'handlers': ['a']}".to_owned(),
            "Starts ",
        ),
        ("'incremental': True, 'root': {'handlers': ['b']}".to_owned(), "Starts "),
    ] {
        all_say(&[], &[(&with(&parts), said)]);
    }
    all_say(
        &[],
        &[
            (
                "import logging.config\nlogging.config.dictConfig({'root': {'level': 'INFO'}})",
                OPERATION,
            ),
            (
                "import logging.config\nC = {'version': 1, 'handlers': {'a': {'class': 'logging.StreamHandler', 'formatter': 'x'}}}\nC['formatters'] = {'x': {}}\nlogging.config.dictConfig(C)",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn a_command_that_has_to_be_named() {
    let parser = |how: &str, then: &str| {
        super::GOOD.replace(
            "    options, _ = parser.parse_known_args()\n",
            &format!("    commands = parser.add_subparsers({how})\n    commands.add_parser('serve')\n    options = parser.parse_args()\n{then}"),
        )
    };
    alone_says(
        &parser("dest='command', required=True", ""),
        "CannotStart start/flags-rejected",
    );
    alone_says(&parser("dest='command'", ""), "Starts ");
    alone_says(&parser("", ""), "Starts ");
}

#[test]
fn programs_of_the_tree_that_are_not_there() {
    let file = "CannotStart start/missing-file";
    for (code, said) in [
        (
            "import os, subprocess\nsubprocess.Popen([os.path.join(os.path.dirname(os.path.abspath(__file__)), 'engine')])",
            file,
        ),
        ("import subprocess\nsubprocess.run(['main/engine', '-x'])", file),
        (
            "import subprocess, sys\nsubprocess.run([sys.executable, 'main/tool.py'], check=True)",
            file,
        ),
        (
            "import subprocess, sys\nsubprocess.check_call(['python3', '-u', 'main/tool.py'])",
            file,
        ),
        (
            "import subprocess, sys\nsubprocess.run([sys.executable, 'main/tool.py'])",
            "Starts ",
        ),
        (
            "import subprocess, sys\nsubprocess.run([sys.executable, '-m', 'main/tool.py'], check=True)",
            "Starts ",
        ),
        (
            "import subprocess, sys\nsubprocess.run([sys.executable, 'main/gamma.py'], check=True)",
            "Starts ",
        ),
        ("import subprocess\nsubprocess.run(['nvidia-smi'])", "Starts "),
        ("import subprocess\nsubprocess.run(['./engine'], cwd='main')", "Starts "),
        (
            "import subprocess\nsubprocess.run('main/engine || true', shell=True)",
            "Starts ",
        ),
        (
            "import subprocess\ntry:\n    subprocess.run(['main/engine'])\nexcept OSError:\n    pass",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(code, said)]);
    }
}

#[test]
fn how_values_are_written() {
    for (code, said) in [
        ("x = None\nf'{x:.2f}'", OPERATION),
        ("x = 'a'\nf'{x:d}'", OPERATION),
        ("x = {}\nf'{x:>10}'", OPERATION),
        ("x = 1.5\nf'{x:d}'", OPERATION),
        ("x = 5\nf'{x:s}'", OPERATION),
        ("x = 5\nf'{x:05d} {x:.2f} {x:x} {x:%} {x:,} {x:c} {x:>8}'", "Starts "),
        ("x = 'a'\nf'{x:>10} {x:*^9} {x:10s} {x:d>5} {x:d<5}'", "Starts "),
        ("x = None\nf'{x} {x!s:>5} {x!r:>5} {x:}'", "Starts "),
        ("x = True\nf'{x:d} {x:>5}'", "Starts "),
        ("import datetime\nx = datetime.datetime.now()\nf'{x:%Y}'", "Starts "),
        ("import os\nx = None if os.getpid() else 1\nf'{x:d}'", "Starts "),
    ] {
        all_say(&[], &[(code, said)]);
    }
}

#[test]
fn patterns_of_mappings_and_classes() {
    let of = |value: &str, arms: &str| {
        let arms = arms.replace('|', "\n        ");
        format!(
            "class A:\n    def __init__(self, n):\n        self.n = n\nclass B:\n    pass\ndef f(x):\n    match x:\n        {arms}\nf({value})"
        )
    };
    let name = "CannotStart start/undefined-name";
    for (value, arms, said) in [
        ("{'a': 1}", "case {'a': 1}: ding", name),
        ("{'a': 1}", "case {'a': 2}: pass|case {'a': n}: ding", name),
        ("{'a': 1}", "case {'b': n}: ding|case _: pass", "Starts "),
        (
            "{'a': {'b': 1}}",
            "case {'a': {'b': 2}}: ding|case {'a': {'b': 1, **rest}}: pass",
            "Starts ",
        ),
        ("'ab'", "case {'a': n}: ding|case [n]: ding|case A(): ding", "Starts "),
        ("None", "case {'a': n}: ding|case [*n]: ding", "Starts "),
        ("A(1)", "case B(): ding|case A(n=2): ding|case A(n=1): pass", "Starts "),
        ("A(1)", "case B(): pass|case A(n=1): ding", name),
        ("A(1)", "case A(n=1) if x.n > 5: ding|case A(): pass", "MayNot"),
        ("3", "case str(): ding|case int(): pass", "Starts "),
        ("3", "case str(): pass|case int(): ding", name),
        ("[1]", "case {'a': n}: ding|case [n]: pass", "Starts "),
    ] {
        all_say(&[], &[(&of(value, arms), said)]);
    }
}

#[test]
fn any_and_all_of_what_is_known() {
    for (code, said) in [
        (
            "C = {'a': 1}\nif not all(k in C for k in ('a', 'b')):\n    raise ValueError",
            "CannotStart start/raises",
        ),
        (
            "C = {'a': 1, 'b': 2}\nif not all(k in C for k in ('a', 'b')):\n    ding",
            "Starts ",
        ),
        (
            "if any(x == 3 for x in (1, 2, 3)):\n    ding",
            "CannotStart start/undefined-name",
        ),
        ("if any([]) or not all(()):\n    ding", "Starts "),
        ("x = []\nx.append(1)\nif not any(x):\n    ding", ""),
        (
            "import sys\nif '--gpu' in sys.argv:\n    ding\nif '--port' not in sys.argv[1:]:\n    ding",
            "Starts ",
        ),
        (
            "import sys\nif '--port' in sys.argv:\n    ding",
            "CannotStart start/undefined-name",
        ),
        (
            "import sys\nsys.argv.append('--gpu')\nif '--gpu' not in sys.argv:\n    ding",
            "MayNot",
        ),
        (
            "E = tuple([KeyError, ValueError])\ntry:\n    None.foo\nexcept E:\n    pass",
            "CannotStart start/no-attribute",
        ),
        (
            "E = tuple([KeyError, AttributeError])\ntry:\n    None.foo\nexcept E:\n    pass",
            "Starts ",
        ),
    ] {
        all_say(&[], &[(code, said)]);
    }
}
