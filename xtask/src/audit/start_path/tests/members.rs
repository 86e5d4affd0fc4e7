//! What objects have that are not like any other: named tuples, fields that nobody is given, `__getitem__`, and what a server
//! imports by name. CPython 3.11 fails where `CannotStart` is said, and goes on where `Starts` is.

use super::{all_say, alpha};

const ATTRIBUTE: &str = "CannotStart start/no-attribute";

#[test]
fn fields_of_named_tuples() {
    let of = |what: &str| {
        format!(
            "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 0\n    def sum(self):\n        return self.x\np = P(1)\n{what}"
        )
    };
    all_say(
        &[],
        &[
            (&of("p.z"), ATTRIBUTE),
            (&of("p.x"), "Starts "),
            (&of("p.y"), "Starts "),
            (&of("p.sum()"), "Starts "),
            (&of("p.count(1)"), "Starts "),
            (&of("p._asdict()"), "Starts "),
            (&of("P.z = 1\np.z"), "Starts "),
            (&of("import os\np = os\np.sep"), "Starts "),
        ],
    );
}

#[test]
fn fields_that_nobody_is_given() {
    let of = |field: &str, more: &str| {
        format!(
            "from dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int\n    y: int = field({field})\n{more}\na = A(1)\na.y"
        )
    };
    all_say(
        &[],
        &[
            (&of("init=False", ""), ATTRIBUTE),
            (&of("init=False, default=2", ""), "Starts "),
            (&of("init=False, default_factory=list", ""), "Starts "),
            (
                &of("init=False", "    def __post_init__(self):\n        self.y = self.x"),
                "Starts ",
            ),
            (&of("init=False", "A.y = 2"), "Starts "),
            (&of("default=2", ""), "Starts "),
        ],
    );
}

#[test]
fn items_of_own_classes() {
    let of = |body: &str| format!("class A:\n    def __getitem__(self, key):\n        {body}\na = A()\na['b']");
    all_say(
        &[],
        &[
            (&of("return ding"), "CannotStart start/undefined-name"),
            (&of("return self.items[key]"), ATTRIBUTE),
            (&of("return key.upper()"), "Starts "),
            (
                &of("if key != 'b':\n            return ding\n        return 1"),
                "Starts ",
            ),
            (
                "class A:\n    def __getitem__(self, key):\n        return ding\na = A()\ntry:\n    a['b']\nexcept NameError:\n    pass",
                "Starts ",
            ),
        ],
    );
}

#[test]
fn what_uvicorn_is_to_serve() {
    let serving = |what: &str| {
        let script = format!("import uvicorn\nif __name__ == '__main__':\n    uvicorn.run({what}, port=5000)\n");
        alpha(&[
            ("main/alpha.py", &script),
            ("main/web.py", "app = print\n"),
            ("main/lazy.py", "def __getattr__(name):\n    return print\n"),
            ("requirements.core.txt", "pyzmq\nuvicorn\n"),
        ])
        .0
    };
    for (what, said) in [
        ("'main.web:app'", "Starts "),
        ("'main.lazy:app'", "Starts "),
        ("app='main.web:app'", "Starts "),
        ("'main.web:ap'", ATTRIBUTE),
        ("'main.nothing:app'", "CannotStart start/module-not-found"),
        ("'main.web:ap', reload=True", "Starts "),
        ("'main.nothing:app', workers=4", "Starts "),
    ] {
        let found = serving(what);
        assert!(found.starts_with(said), "{what}\nwanted: {said}\n{found}");
    }
}
