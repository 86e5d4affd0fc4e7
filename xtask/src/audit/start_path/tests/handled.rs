//! What computes which exceptions it catches is meant for those that come: nobody is at risk for them. CPython 3.11 goes on where
//! `Starts` is said.

use super::all_say;

const OPERATION: &str = "CannotStart start/bad-operation";

#[test]
fn handlers_that_compute_what_they_catch() {
    let around = |classes: &str| {
        format!(
            "KINDS = (ValueError,)\ndef kinds():\n    yield ValueError\ntry:\n    int('x')\nexcept {classes}:\n    pass"
        )
    };
    for classes in [
        "tuple(kinds())",
        "tuple(kind for kind in KINDS)",
        "(*KINDS, KeyError)",
        "KINDS + (KeyError,)",
    ] {
        all_say(&[], &[(&around(classes), "Starts ")]);
    }
    all_say(
        &[],
        &[
            (&around("KINDS"), "Starts "),
            (&around("KeyError"), OPERATION),
            (
                "import os\ntry:\n    with open('/etc/hostname') as f:\n        if os.getpid() == 1:\n            int('x')\nexcept Exception:\n    pass",
                "Starts ",
            ),
            // Whether it is caught or not, that is the end.
            (
                "def kinds():\n    return ValueError\ntry:\n    int('x')\nexcept kinds():\n    raise",
                OPERATION,
            ),
        ],
    );
}

#[test]
fn managers_that_compute_what_they_keep() {
    let managed = |body: &str| {
        format!(
            "class Quiet:\n    def __init__(self, *kinds):\n        self.kinds = kinds\n    def __enter__(self):\n        return self\n    \
             def __exit__(self, kind, value, trace):\n        {body}\nwith Quiet(ValueError):\n    int('x')"
        )
    };
    all_say(
        &[],
        &[
            (
                &managed("return kind is not None and issubclass(kind, self.kinds)"),
                "Starts ",
            ),
            (&managed("return isinstance(value, ValueError)"), "Starts "),
            (&managed("return True"), "Starts "),
            (&managed("pass"), OPERATION),
            (&managed("return False"), OPERATION),
        ],
    );
    all_say(
        &[],
        &[
            (
                "import contextlib\ndef quiet(kind):\n    with contextlib.suppress(kind):\n        int('x')\nquiet(ValueError)",
                "Starts ",
            ),
            (
                "from contextlib import suppress\ndef quiet(*kinds):\n    with suppress(*kinds):\n        int('x')\nquiet(KeyError, ValueError)",
                "Starts ",
            ),
            (
                "from contextlib import suppress\nclass A:\n    def __init__(self, kind=ValueError):\n        self.kind = kind\n    def run(self):\n        \
                 with suppress(self.kind):\n            int('x')\nA().run()",
                "Starts ",
            ),
            (
                "from contextlib import suppress\ndef quiet(kind):\n    with suppress(kind):\n        int('x')\nquiet(KeyError)",
                OPERATION,
            ),
        ],
    );
}

#[test]
fn patterns_of_sequences() {
    all_say(
        &[],
        &[
            (
                "def f(x):\n    match x:\n        case [a, b]:\n            return a\n        case [a]:\n            int('x')\nf([1, 2])",
                "Starts ",
            ),
            (
                "x = (1, 2, 3)\nmatch x:\n    case [a, b]:\n        int('x')\n    case [a, *rest]:\n        pass",
                "Starts ",
            ),
            ("match 'ab':\n    case [a, b]:\n        int('x')", "Starts "),
            ("match None:\n    case [a]:\n        int('x')", "Starts "),
        ],
    );
}

/// CPython 3.11 goes on behind each of these.
#[test]
fn what_follows_a_value_that_is_refused_is_not_reached() {
    for body in [
        "    int(float('nan'))\n    ding()\nexcept ValueError:\n    pass",
        "    best = max([])\n    ding()\nexcept ValueError:\n    pass",
        "    best = ['a'].index('b')\n    ding()\nexcept (KeyError, ValueError):\n    pass",
        "    (1, 2)[0] = 3\n    ding()\nexcept TypeError:\n    pass",
        "    sum(['1', '2'])\n    ding()\nexcept TypeError:\n    pass",
    ] {
        all_say(&[], &[(&format!("try:\n{body}"), "MayNot ")]);
    }
    let frozen = "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Key:\n    name: str\n";
    let assigned = "try:\n    Key('a').name = 'b'\n    ding()\nexcept AttributeError:\n    pass";
    all_say(&[], &[(&format!("{frozen}{assigned}"), "MayNot ")]);
    // What was bound behind it may not be.
    let bound =
        "clean = True\ntry:\n    max([])\n    clean = False\nexcept Exception:\n    pass\nif not clean:\n    ding()";
    all_say(&[], &[(bound, "MayNot ")]);
    // A value that is taken, and a handler that waits for something else.
    all_say(
        &[],
        &[
            (
                "try:\n    port = int('5000')\n    ding()\nexcept ValueError:\n    pass",
                "CannotStart start/undefined-name",
            ),
            (
                "try:\n    best = max([])\n    ding()\nexcept KeyboardInterrupt:\n    pass",
                "CannotStart ",
            ),
            (
                "try:\n    port = max([])\nexcept ValueError:\n    raise SystemExit(1)\nding()",
                "CannotStart ",
            ),
        ],
    );
}
