//! Packages that are missing, and that only some ways need: no agent is at risk for them, and one note is said of each.

use super::{Fixture, GOOD, all_say, alpha, predicted};

const MISSING: &str = "MayNot requirements/missing";
const NOWHERE: &str = "MayNot start/module-not-found";

#[test]
fn a_package_behind_a_condition_that_is_not_known_puts_nobody_at_risk() {
    let files = [
        ("main/fast.py", "import torch\n"),
        ("main/own/__init__.py", ""),
        ("main/elsewhere/tool.py", ""),
    ];
    all_say(
        &files,
        &[
            ("import os\nif os.getpid() == 1:\n    import torch", "Starts "),
            ("import os\nif os.getpid() == 1:\n    from torch import nn", "Starts "),
            (
                "import os\nif os.getpid() == 1:\n    pass\nelif os.getpid() == 2:\n    import torch",
                "Starts ",
            ),
            (
                "import os\nmatch os.getpid():\n    case 1:\n        import torch",
                "Starts ",
            ),
            ("import os\nif os.getpid() == 1:\n    import main.fast", "Starts "),
            (
                "import os\ndef load():\n    import torch\nif os.getpid() == 1:\n    load()",
                "Starts ",
            ),
            (
                "import os\ndef load():\n    if os.getpid() == 1:\n        return 'none'\n    import torch\n    return torch\nload()",
                "Starts ",
            ),
            (
                "import shutil\nif shutil.which('nvidia-smi'):\n    import torch",
                "Starts ",
            ),
            // No table of distributions has it.
            ("import os\nif os.getpid() == 1:\n    import quite_unknown", "Starts "),
            ("import os\nif os.getpid() == 1:\n    import imp", "Starts "),
            // What is known is no condition.
            ("import torch", MISSING),
            ("import main.fast", MISSING),
            ("import sys\nif sys.platform == 'linux':\n    import torch", MISSING),
            ("import sys\nif sys.platform == 'win32':\n    import torch", "Starts "),
            // Needed on another way, too.
            (
                "import os\nif os.getpid() == 1:\n    import torch\nimport torch",
                MISSING,
            ),
            (
                "import os\nif os.getpid() == 1:\n    import torch\nelse:\n    from torch import nn",
                MISSING,
            ),
            (
                "import os\nif os.getpid() == 1:\n    import torch\nelse:\n    import numpy",
                "Starts ",
            ),
            // May be reached for other reasons.
            ("import os\nfor name in os.listdir('/'):\n    import torch", MISSING),
            // No package: a name of the tree, or one of the standard library that was cut short.
            ("import os\nif os.getpid() == 1:\n    import main.own.gone", NOWHERE),
            ("import os\nif os.getpid() == 1:\n    import tool", NOWHERE),
            ("import os\nif os.getpid() == 1:\n    import threa", NOWHERE),
        ],
    );
}

#[test]
fn one_note_is_said_of_each_package_with_the_line_of_the_condition() {
    let script = format!(
        "import os\nif os.getpid() == 1:\n    import torch\nif os.getpid() == 2:\n    from torch import nn\n    import numpy\n{GOOD}"
    );
    let (said, findings) = alpha(&[("main/alpha.py", &script)]);
    assert!(said.starts_with("Starts "), "{said}");
    assert_eq!(
        findings,
        [
            "Note requirements/missing main/alpha.py:3:12",
            "Note requirements/missing main/alpha.py:6:12",
        ]
    );
    let (_, told) = predicted(&Fixture::small().model(), &[("main/alpha.py", &script)]);
    let first = told.iter().find(|finding| finding.rule == "requirements/missing");
    assert_eq!(
        first.unwrap().text(),
        "`torch` needs a package that `requirements.core.txt` does not have (imported only under the condition in line 2, of which it is not known whether it holds)"
    );
    // Where it is needed, that is all that is said of it.
    let script = format!("import torch\n{script}");
    let (_, findings) = alpha(&[("main/alpha.py", &script)]);
    assert_eq!(
        findings,
        [
            "Error requirements/missing main/alpha.py:1:8",
            "Note requirements/missing main/alpha.py:7:12",
        ]
    );
}

#[test]
fn what_follows_a_try_that_imports_what_may_be_missing_is_reached() {
    const NAME: &str = "CannotStart start/undefined-name";
    const MAY: &str = "MayNot start/undefined-name";
    let load =
        "def load():\n    try:\n        import torch\n    except ImportError:\n        return None\n    return torch\n";
    all_say(
        &[],
        &[
            (
                "try:\n    import torch\nexcept ImportError:\n    torch = None\nding()",
                NAME,
            ),
            (
                "torch = None\ntry:\n    import torch\nexcept Exception as e:\n    print(f'no {e}')\nding()",
                NAME,
            ),
            (
                "try:\n    import torch\n    HAS = True\nexcept ImportError:\n    HAS = False\nding()",
                NAME,
            ),
            // Which of the two it is, nobody knows.
            (
                "try:\n    import torch\n    HAS = True\nexcept ImportError:\n    HAS = False\nif HAS:\n    ding()",
                MAY,
            ),
            (
                "try:\n    import torch\n    HAS = True\nexcept ImportError:\n    HAS = False\nif not HAS:\n    ding()",
                MAY,
            ),
            (
                "try:\n    import torch\nexcept ImportError:\n    torch = None\nif torch is None:\n    ding()",
                MAY,
            ),
            ("try:\n    import torch\n    ding()\nexcept ImportError:\n    pass", MAY),
            (
                "class A:\n    def __init__(self):\n        self.on = False\n        try:\n            import torch\n            self.on = True\n        \
                 except ImportError:\n            pass\nif A().on:\n    ding()",
                MAY,
            ),
            // Either way it ends.
            (
                "import sys\ntry:\n    import torch\nexcept ImportError:\n    sys.exit(0)\nding()",
                NAME,
            ),
            (&format!("{load}load()\nding()"), NAME),
            (&format!("{load}if load():\n    ding()"), MAY),
        ],
    );
    // What was handled is no reason for a script that has nothing to do.
    super::alone_says(
        "try:\n    import quite_unknown\nexcept ImportError:\n    quite_unknown = None\ndef f():\n    pass\n",
        "CannotStart start/does-nothing",
    );
}
