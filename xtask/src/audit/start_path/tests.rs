//! One broken script per way of failing, and the reference tree, which is whole.

mod again;
mod aliases;
mod beside;
mod changed;
mod configured;
mod data;
mod expanded;
mod folded;
mod generators;
mod given;
mod handled;
mod imported;
mod kept;
mod known;
mod lambdas;
mod library;
mod lost;
mod managers;
mod members;
mod objects;
mod optional;
mod ports;
mod records;
mod reuse;
mod sockets;
mod trees;
mod values;
mod ways;

use std::path::{Path, PathBuf};

use super::*;
use crate::python::facts::of_agents;
use crate::stack::Stack;
use crate::stack::fixture::Fixture;

const VERSION: PythonVersion = PythonVersion::USUAL;

/// A script with nothing wrong.
const GOOD: &str = "\
import argparse
import zmq

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--port', type=int)
    parser.add_argument('--health_check_port', type=int)
    parser.add_argument('--name')
    options, _ = parser.parse_known_args()
    socket = zmq.Context().socket(zmq.REP)
    socket.bind(f'tcp://*:{options.port}')
    while True:
        socket.send(socket.recv())

if __name__ == '__main__':
    main()
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn collect(folder: &Path, base: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, base, into);
        } else {
            let relative = path.strip_prefix(base).unwrap().to_str().unwrap().to_owned();
            into.push((relative, std::fs::read(&path).unwrap()));
        }
    }
}

/// Each script, with files beside it, and what is said of it.
#[track_caller]
fn all_say(files: &[(&str, &str)], cases: &[(&str, &str)]) {
    for (code, said) in cases {
        let script = format!("{code}\n{GOOD}");
        let mut all = vec![("main/alpha.py", script.as_str())];
        all.extend(files);
        let (found, _) = alpha(&all);
        assert!(found.starts_with(said), "{code}\nwanted: {said}\n{found}");
    }
}

/// A script that is nothing but this, and what is said of it.
#[track_caller]
fn alone_says(script: &str, said: &str) {
    let (found, _) = alpha(&[("main/alpha.py", script)]);
    assert!(found.starts_with(said), "{script}\nwanted: {said}\n{found}");
}

#[test]
fn the_way_is_kept_if_somebody_asks() {
    let fixture = Fixture::small();
    let stack = fixture.model();
    let loops: String = (0..900)
        .map(|at| format!("a{at} = {at}\nunknown(a{at})\nb = unknown()\n"))
        .collect();
    let script = format!("\nfrom os import listdir as unknown\nif unknown():\n    x = 1\n{loops}");
    let files = vec![("main/alpha.py".to_owned(), script.into_bytes())];
    let tree = of_agents(files, VERSION, &stack).with_paths([]);
    let (id, _) = stack.agents().find(|(_, agent)| agent.name == "Alpha").unwrap();
    let (_, trail) = explain(&stack, &tree, Disk::new(&|_| false, &|_| None), id);
    let events: Vec<&trail::Event> = trail.events().collect();
    assert_eq!(events.len(), 2_000);
    let (left_out, after) = trail.left_out();
    assert!(left_out > 0 && after == 1_500, "{left_out} {after}");
    let branch = events
        .iter()
        .position(|event| event.kind == trail::Kind::Branch)
        .unwrap();
    assert_eq!(events[branch].place.line, 3);
    let inside = &events[branch + 1];
    assert_eq!((inside.text.as_str(), inside.place.line), ("x is 1", 4));
    assert_eq!(inside.unsure, Some(trail::Unsure::Conditional));
    assert_eq!(events.last().map(|event| event.kind), Some(trail::Kind::End));
}

/// The small stack with these files; what is said of Alpha (port 5000), and all findings.
fn alpha(files: &[(&str, &str)]) -> (String, Vec<String>) {
    alpha_of(&Fixture::small().model(), files)
}

/// The same of another stack.
fn alpha_of(stack: &Stack, files: &[(&str, &str)]) -> (String, Vec<String>) {
    let (predictions, findings) = predicted(stack, files);
    let prediction = predictions
        .iter()
        .map(|followed| &followed.report)
        .find(|report| report.name == "Alpha")
        .unwrap();
    let chain: Vec<String> = prediction
        .chain
        .iter()
        .map(|place| format!("{}:{}", place.path, place.line))
        .collect();
    let said = format!(
        "{:?} {} [{}] {}",
        prediction.prediction,
        prediction.rule.unwrap_or("-"),
        chain.join(" → "),
        prediction.reason.as_deref().unwrap_or("-"),
    );
    let findings = findings
        .iter()
        .filter(|finding| finding.rule != "requirements/unused")
        .map(|finding| {
            format!(
                "{:?} {} {}:{}:{}",
                finding.severity, finding.rule, finding.place.path, finding.place.line, finding.place.column
            )
        })
        .collect();
    (said, findings)
}

/// What is predicted of all agents of a stack with these files.
fn predicted(stack: &Stack, files: &[(&str, &str)]) -> (Vec<Followed>, Vec<Finding>) {
    let mut all: BTreeMap<String, Vec<u8>> = ["main/alpha.py", "main/long/beta.py", "main/gamma.py", "pc2/delta.py"]
        .map(|path| (path.to_owned(), GOOD.as_bytes().to_vec()))
        .into();
    for group in ["core", "side", "far"] {
        all.insert(format!("requirements.{group}.txt"), b"pyzmq\npyyaml\n".to_vec());
    }
    for (path, text) in files {
        all.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    let files: Vec<(String, Vec<u8>)> = all.into_iter().collect();
    let kept = files.clone();
    let tree = of_agents(files, VERSION, stack).with_paths([]);
    let read = |path: &str| {
        let found = kept.iter().find(|(known, _)| known == path);
        found.map(|(_, text)| text.clone())
    };
    predict(stack, &tree, Disk::new(&|_| false, &read), None)
}

#[track_caller]
fn says(files: &[(&str, &str)], prediction: &str, findings: &[&str]) {
    let (said, found) = alpha(files);
    assert!(
        said.starts_with(prediction),
        "said: {said}\nwanted: {prediction}\n{found:#?}"
    );
    assert_eq!(found, findings, "{said}");
}

#[test]
fn all_agents_of_the_reference_tree_start() {
    let base = root().join("tests/ai_system");
    let mut files = Vec::new();
    collect(&base, &base, &mut files);
    let mut fixture = Fixture::real();
    for machine in ["main_pc_code", "pc2_code"] {
        let path = format!("{machine}/config/startup_config.yaml");
        let text = std::fs::read(base.join(&path)).unwrap();
        fixture.texts.insert(path, text);
    }
    let stack = fixture.model();
    let tree = of_agents(files, VERSION, &stack).with_paths([]);
    let (predictions, findings) = predict(&stack, &tree, Disk::new(&|_| false, &|_| None), None);
    assert_eq!(predictions.len(), 89);
    let wrong: Vec<_> = predictions
        .iter()
        .map(|followed| &followed.report)
        .filter(|report| report.prediction != Prediction::Starts)
        .map(|report| (&report.name, &report.reason, &report.chain))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(findings, []);

    // What each agent's imports do is done again for the others: the same is said of each where everything is followed.
    let shared = Shared::new(false);
    let with = With {
        disk: Disk::new(&|_| false, &|_| None),
        shared: &shared,
        walks: None,
    };
    let (followed, _) = predict_with(&stack, &tree, with);
    for (with, without) in predictions.iter().zip(&followed) {
        assert_eq!(format!("{with:?}"), format!("{without:?}"));
    }
}

#[test]
fn a_good_script_starts() {
    says(&[], "Starts", &[]);
}

#[test]
fn a_syntax_error_in_the_closure() {
    says(
        &[
            ("main/alpha.py", "import time\nfrom main.helper import x\n"),
            ("main/helper.py", "import main.broken\nx = 1\n"),
            ("main/broken.py", "def f(:\n    pass\n"),
        ],
        "CannotStart start/syntax-error [main/alpha.py:2 → main/helper.py:1 → main/broken.py:1] syntax error",
        &["Error start/syntax-error main/broken.py:1:7"],
    );
}

#[test]
fn a_module_that_is_not_there() {
    says(
        &[("main/alpha.py", "import threa\n\nding\n")],
        "CannotStart start/module-not-found [main/alpha.py:1] No module named 'threa' (searched `/app/main`, `/app`",
        &["Error start/module-not-found main/alpha.py:1:8"],
    );
    // The other machine's code is not in the image.
    says(
        &[("main/alpha.py", "import time, pc2.delta\n")],
        "CannotStart start/module-not-found [main/alpha.py:1] No module named 'pc2'",
        &["Error start/module-not-found main/alpha.py:1:14"],
    );
}

#[test]
fn a_package_in_no_requirements() {
    says(
        &[("main/alpha.py", &format!("import cv2\n{GOOD}"))],
        "MayNot requirements/missing [main/alpha.py:1] `cv2` needs a package",
        &["Error requirements/missing main/alpha.py:1:8"],
    );
    says(
        &[
            ("main/alpha.py", &format!("import cv2, yaml\n{GOOD}")),
            ("requirements.core.txt", "pyzmq\nRUN pip install x\n-r more.txt\n"),
            ("more.txt", "opencv-python-headless==4.8\npyyaml\n"),
        ],
        "Starts",
        &["Error requirements/invalid-line requirements.core.txt:2:1"],
    );
}

#[test]
fn a_name_that_cannot_be_imported() {
    says(
        &[("main/alpha.py", "from typing import Di\n")],
        "CannotStart start/cannot-import-name [main/alpha.py:1] cannot import name 'Di' from 'typing'",
        &["Error start/cannot-import-name main/alpha.py:1:20"],
    );
    says(
        &[
            ("main/alpha.py", "from main.helper import there, gone\n"),
            ("main/helper.py", "from main.deeper import *\n"),
            ("main/deeper.py", "there = 1\n_gone = 2\n"),
        ],
        "CannotStart start/cannot-import-name [main/alpha.py:1] cannot import name 'gone' from 'main.helper' (`main/helper.py`)",
        &["Error start/cannot-import-name main/alpha.py:1:32"],
    );
}

#[test]
fn a_name_that_is_not_defined() {
    says(
        &[(
            "main/alpha.py",
            "import time\n\ndef main():\n    ding\n\nif __name__ == '__main__':\n    main()\n",
        )],
        "CannotStart start/undefined-name [main/alpha.py:7 → main/alpha.py:4] name 'ding' is not defined",
        &["Error start/undefined-name main/alpha.py:4:5"],
    );
    // Defined below the block that uses it.
    says(
        &[(
            "main/alpha.py",
            "def main():\n    print(LIMIT)\n\nif __name__ == '__main__':\n    main()\n\nLIMIT = 1\n",
        )],
        "CannotStart start/undefined-name [main/alpha.py:5 → main/alpha.py:2] name 'LIMIT' is not defined here: it is assigned only later, in line 7",
        &["Error start/undefined-name main/alpha.py:2:11"],
    );
    // Bound only by an import that failed and was swallowed.
    says(
        &[(
            "main/alpha.py",
            "try:\n    from main.nowhere import Base\nexcept ImportError:\n    pass\n\nclass A(Base):\n    pass\n",
        )],
        "CannotStart start/undefined-name [main/alpha.py:6] name 'Base' is not defined",
        &[
            "Note start/module-not-found main/alpha.py:2:30",
            "Error start/undefined-name main/alpha.py:6:9",
        ],
    );
    // Behind a branch.
    says(
        &[(
            "main/alpha.py",
            &format!("import os\nif os.getpid():\n    ding\n{GOOD}"),
        )],
        "MayNot start/undefined-name [main/alpha.py:3]",
        &["Warning start/undefined-name main/alpha.py:3:5"],
    );
}

#[test]
fn swallowed_and_then_nothing_left_to_do() {
    says(
        &[(
            "main/alpha.py",
            "def main():\n    ding()\n\nif __name__ == '__main__':\n    try:\n        main()\n    except Exception as e:\n        print(e)\n",
        )],
        "CannotStart start/undefined-name [main/alpha.py:6 → main/alpha.py:2]",
        &["Error start/undefined-name main/alpha.py:2:5"],
    );
}

const BASE: &str = "\
import zmq

class Base:
    def __init__(self, name, port=5000):
        self.name = name
        self.port = port
        self.socket = zmq.Context().socket(zmq.REP)
        self.socket.bind(f'tcp://*:{self.port}')

    def run(self):
        while True:
            self.socket.recv()
";

#[test]
fn a_wrong_number_of_arguments() {
    says(
        &[
            ("main/base.py", BASE),
            (
                "main/alpha.py",
                "from base import Base\nclass A(Base):\n    def __init__(self):\n        super().__init__()\nA().run()\n",
            ),
        ],
        "CannotStart start/argument-count [main/alpha.py:5 → main/alpha.py:4] Base.__init__() missing 1 required argument: 'name'",
        &["Error start/argument-count main/alpha.py:4:9"],
    );
    says(
        &[
            ("main/base.py", BASE),
            (
                "main/alpha.py",
                "from base import Base\nBase(nam='x', name='y').run()\n",
            ),
        ],
        "CannotStart start/argument-count [main/alpha.py:2] Base.__init__() got an unexpected keyword argument 'nam'",
        &["Error start/argument-count main/alpha.py:2:1"],
    );
}

#[test]
fn a_port_bound_twice() {
    says(
        &[
            ("main/base.py", BASE),
            (
                "main/alpha.py",
                "import zmq\nfrom base import Base\nclass A(Base):\n    def __init__(self):\n        super().__init__('a', 5000)\n        \
                 self.mine = zmq.Context().socket(zmq.REP)\n        self.mine.bind('tcp://*:5000')\nA().run()\n",
            ),
        ],
        "CannotStart start/port-bound-twice [main/alpha.py:8 → main/alpha.py:7] port 5000 is bound twice: `main/base.py` line 8",
        &["Error start/port-bound-twice main/alpha.py:7:9"],
    );
}

#[test]
fn a_port_that_is_not_the_configured_one() {
    says(
        &[
            ("main/base.py", BASE),
            ("main/alpha.py", "from base import Base\nBase('a', 5999).run()\n"),
        ],
        "MayNot start/other-port [main/base.py:8] binds port 5999",
        &["Warning start/other-port main/base.py:8:9"],
    );
    // The configured one was bound before another was given back.
    let script = "import zmq\nc = zmq.Context()\ns = c.socket(zmq.REP)\ns.bind('tcp://*:5000')\np = c.socket(zmq.PUB)\n\
                  p.bind('tcp://*:4000')\np.unbind('tcp://*:4000')\nq = c.socket(zmq.PUB)\nq.bind('tcp://*:4000')\ns.recv()\n";
    says(&[("main/alpha.py", script)], "Starts", &[]);
}

#[test]
fn a_placeholder() {
    says(
        &[(
            "main/alpha.py",
            "import zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://<BIND_ADDR>:5000')\n",
        )],
        "CannotStart start/placeholder [main/alpha.py:3] the placeholder `<BIND_ADDR>` was never filled in",
        &["Error start/placeholder main/alpha.py:3:1"],
    );
}

#[test]
fn a_folder_that_is_not_there() {
    says(
        &[(
            "main/alpha.py",
            "import logging\nlogging.basicConfig(filename='nowhere/a.log')\n",
        )],
        "CannotStart start/missing-folder [main/alpha.py:2] opens `/app/nowhere/a.log`",
        &["Error start/missing-folder main/alpha.py:2:1"],
    );
    says(
        &[(
            "main/alpha.py",
            &format!(
                "import logging, os\nlogging.basicConfig(filename=os.path.join(os.path.dirname(__file__), 'a.log'))\n{GOOD}"
            ),
        )],
        "CannotStart start/missing-folder [main/alpha.py:2] writes `/app/main/a.log`, and the container's file system is read-only",
        &["Error start/missing-folder main/alpha.py:2:1"],
    );
}

#[test]
fn flags_that_the_parser_rejects() {
    let script = GOOD
        .replace(
            "options, _ = parser.parse_known_args()",
            "options = parser.parse_args()",
        )
        .replace("    parser.add_argument('--health_check_port', type=int)\n", "");
    says(
        &[("main/alpha.py", &script)],
        "CannotStart start/flags-rejected [main/alpha.py:15 → main/alpha.py:8] `parse_args()` ends the process: it rejects `--health_check_port`",
        &["Error start/flags-rejected main/alpha.py:8:15"],
    );
    // The name is passed as it is: `Alpha`.
    let script = GOOD.replace("'--name'", "'--name', type=int");
    let script = script.replace(
        "options, _ = parser.parse_known_args()",
        "options = parser.parse_args()",
    );
    says(
        &[("main/alpha.py", &script)],
        "CannotStart start/flags-rejected [main/alpha.py:16 → main/alpha.py:9] `parse_args()` ends the process: `--name` takes an integer, and is passed `Alpha`",
        &["Error start/flags-rejected main/alpha.py:9:15"],
    );
}

#[test]
fn a_script_that_does_nothing() {
    says(
        &[("main/alpha.py", "")],
        "CannotStart start/does-nothing [main/alpha.py:0] the script is empty",
        &["Error start/does-nothing main/alpha.py:0:0"],
    );
    says(
        &[(
            "main/alpha.py",
            "import logging\nlog = logging.getLogger(__name__)\nclass A:\n    pass\n",
        )],
        "CannotStart start/does-nothing [main/alpha.py:0] the script only defines things",
        &["Error start/does-nothing main/alpha.py:0:0"],
    );
    // A socket alone keeps no process.
    says(
        &[(
            "main/alpha.py",
            "import zmq\nif __name__ == '__main__':\n    s = zmq.Context().socket(zmq.REP)\n    s.bind('tcp://*:5000')\n",
        )],
        "CannotStart start/does-nothing [main/alpha.py:2] the script exits at once",
        &["Error start/does-nothing main/alpha.py:2:1"],
    );
}

#[test]
fn a_script_that_is_meant_to_run_once_may_come_to_its_end() {
    let stack = Fixture::small()
        .stack(
            "    agents: [Alpha, Beta]",
            "    overrides: {Alpha: {restart: no}}\n    agents: [Alpha, Beta]",
        )
        .model();
    for (script, prediction) in [
        ("print('made')\n", "Starts"),
        ("import sys\nprint('made')\nsys.exit(0)\n", "Starts"),
        ("import json\nprint(jsn)\n", "CannotStart start/"),
    ] {
        let (said, found) = alpha_of(&stack, &[("main/alpha.py", script)]);
        assert!(said.starts_with(prediction), "{script}: {said} {found:#?}");
        assert_eq!(found.is_empty(), prediction == "Starts", "{found:#?}");
    }
}

#[test]
fn relative_imports_packages_and_aliases() {
    says(
        &[
            (
                "main/alpha.py",
                &format!("import main.pkg.a\nimport SHORT.beta\n{GOOD}"),
            ),
            ("main/pkg/__init__.py", "from .b import y\n"),
            ("main/pkg/a.py", "from . import y, b\nfrom ..pkg.b import y as z\n"),
            ("main/pkg/b.py", "y = 1\n"),
        ],
        "Starts",
        &[],
    );
    says(
        &[("main/alpha.py", "from . import x\n")],
        "CannotStart start/module-not-found [main/alpha.py:1] attempted relative import with no known parent package",
        &["Error start/module-not-found main/alpha.py:1:15"],
    );
}

#[test]
fn attributes_that_are_not_there_or_not_yet() {
    says(
        &[
            ("main/alpha.py", &format!("import helper\nhelper.gone\n{GOOD}")),
            ("main/helper.py", "there = 1\n"),
        ],
        "CannotStart start/no-attribute [main/alpha.py:2] module 'helper' has no attribute 'gone'",
        &["Error start/no-attribute main/alpha.py:2:8"],
    );
    says(
        &[
            (
                "main/alpha.py",
                "from base import Base\nclass A(Base):\n    def __init__(self):\n        self.hello()\nA()\n",
            ),
            (
                "main/base.py",
                "class Base:\n    def __init__(self):\n        self.name = 'x'\n    def hello(self):\n        return self.name\n",
            ),
        ],
        "CannotStart start/no-attribute [main/alpha.py:5 → main/alpha.py:4 → main/base.py:5] 'A' object has no attribute 'name' yet",
        &["Error start/no-attribute main/base.py:5:21"],
    );
    says(
        &[
            ("main/alpha.py", "import main.one\n"),
            ("main/one.py", "import main.two as two\nA = 1\n"),
            ("main/two.py", "import main.one as one\nB = one.A\n"),
        ],
        "CannotStart start/no-attribute [main/alpha.py:1 → main/one.py:1 → main/two.py:2] partially initialized module 'main.one' has no attribute 'A'",
        &["Error start/no-attribute main/two.py:2:9"],
    );
    // Whoever sets attributes by other means is believed.
    says(
        &[(
            "main/alpha.py",
            &format!(
                "class A:\n    def __init__(self, **more):\n        self.__dict__.update(more)\n        self.what\nA()\n{GOOD}"
            ),
        )],
        "Starts",
        &[],
    );
}

#[test]
fn files_exceptions_exits_and_classes() {
    says(
        &[("main/alpha.py", &format!("open('main/gone.json')\n{GOOD}"))],
        "CannotStart start/missing-file [main/alpha.py:1] reads `/app/main/gone.json`",
        &["Error start/missing-file main/alpha.py:1:1"],
    );
    says(
        &[(
            "main/alpha.py",
            &format!("import os\nif os.path.exists('main/gone.json'):\n    open('main/gone.json')\n{GOOD}"),
        )],
        "Starts",
        &[],
    );
    says(
        &[(
            "main/alpha.py",
            "def f():\n    raise NotImplementedError('later')\nf()\n",
        )],
        "CannotStart start/raises [main/alpha.py:3 → main/alpha.py:2] `raise NotImplementedError('later')` is always reached",
        &["Error start/raises main/alpha.py:2:5"],
    );
    says(
        &[(
            "main/alpha.py",
            &format!("try:\n    raise ValueError\nexcept ValueError:\n    pass\n{GOOD}"),
        )],
        "Starts",
        &[],
    );
    says(
        &[("main/alpha.py", &format!("import sys\nsys.exit(3)\n{GOOD}"))],
        "CannotStart start/exits [main/alpha.py:2] the process is ended here",
        &["Error start/exits main/alpha.py:2:1"],
    );
    says(
        &[(
            "main/alpha.py",
            &format!("class A: pass\nclass B(A): pass\nclass C(A, B): pass\n{GOOD}"),
        )],
        "CannotStart start/class-error [main/alpha.py:3] Cannot create a consistent method resolution order (MRO) for bases A, B",
        &["Error start/class-error main/alpha.py:3:7"],
    );
}

#[test]
fn a_thread_that_fails_ends_no_process_and_a_daemon_keeps_none_running() {
    let script = |daemon: &str| {
        format!(
            "import threading\ndef work():\n    while True:\n        print()\nthreading.Thread(target=work{daemon}).start()\n"
        )
    };
    says(&[("main/alpha.py", &script(""))], "Starts", &[]);
    says(
        &[("main/alpha.py", &script(", daemon=True"))],
        "CannotStart start/does-nothing [main/alpha.py:5]",
        &["Error start/does-nothing main/alpha.py:5:1"],
    );
    says(
        &[(
            "main/alpha.py",
            &GOOD
                .replace(
                    "    while True",
                    "    import threading\n    threading.Thread(target=lost).start()\n    while True",
                )
                .replace("def main", "def lost():\n    ding()\n\ndef main"),
        )],
        "MayNot start/undefined-name [main/alpha.py:21 → main/alpha.py:16 → main/alpha.py:5]",
        &["Warning start/undefined-name main/alpha.py:5:5"],
    );
}

#[test]
fn files_that_nobody_runs_are_told_when_they_are_broken() {
    says(
        &[
            ("main/unused.py", "def f(:\n"),
            ("main/refused.py", "return\n"),
            ("main/fine.py", "x = 1\n"),
        ],
        "Starts",
        &[
            "Warning start/compile-error main/refused.py:1:1",
            "Warning start/syntax-error main/unused.py:1:7",
        ],
    );
    // In a comment, a wrong byte matters in the script only.
    let (said, _) = alpha(&[("main/alpha.py", "x = 1\n")]);
    assert!(said.contains("does-nothing"), "{said}");
}

#[test]
fn options_by_value() {
    says(
        &[(
            "main/alpha.py",
            &GOOD.replace("('--name')", "('--name', choices=['a', 'b'])"),
        )],
        "CannotStart start/flags-rejected [main/alpha.py:16 → main/alpha.py:9] `parse_args()` ends the process: `--name Alpha` is not one of its choices",
        &["Error start/flags-rejected main/alpha.py:9:18"],
    );
    says(
        &[(
            "main/alpha.py",
            &GOOD.replace("('--name')", "('--config', required=True)"),
        )],
        "CannotStart start/flags-rejected [main/alpha.py:16 → main/alpha.py:9] the parser ends the process: it requires `--config`",
        &["Error start/flags-rejected main/alpha.py:9:18"],
    );
}

#[test]
fn a_package_that_is_imported_off_the_start_path() {
    says(
        &[(
            "main/alpha.py",
            &format!(
                "def later():\n    import cv2\n    try:\n        import torch\n    except ImportError:\n        pass\n{GOOD}"
            ),
        )],
        "Starts",
        &[
            "Note requirements/missing main/alpha.py:2:12",
            "Note requirements/missing main/alpha.py:4:16",
        ],
    );
}
