//! An import that is done again does what following it would do: the same trees with and without, of modules that read and change each
//! other in whatever way.

use std::fmt::Write as _;

use super::*;
use crate::audit::start_path::reuse::Shared;

/// Trees that are compared. More of them, and others: `FIRST_TREE=1000 TREES=20000 cargo test -p xtask --lib reuse`.
const TREES: u64 = 40;
/// Modules of each.
const MODULES: u64 = 7;

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[usize::try_from(self.below(texts.len() as u64)).unwrap()]
    }
}

/// What modules and scripts do: `#` is the module itself, `@` another one, `~` a number.
const STATEMENTS: &[&str] = &[
    "m@.REGISTRY['k#'] = C#",
    "m@.REGISTRY.update(k=~)",
    "m@.LIST.append(#)",
    "m@.register(C#)",
    "m@.count()",
    "m@.thing.value = ~",
    "m@.thing.set(~)",
    "m@.thing.late = ~",
    "value = m@.thing.value + 1",
    "class D#(m@.C@):\n    pass\nd# = D#(~)\nd#.set(m@.STATE)",
    "if m@.STATE is None:\n    early_# = 1",
    "m@.added = ~",
    "m@.C@.flag = True",
    "setattr(m@.C@, 'set_late', 1)",
    "from lib.m@ import *",
    "from lib.m@ import C@ as other",
    "try:\n    import lib.m@ as again\nexcept ImportError:\n    again = None",
    "try:\n    import lib.m@ as again\nexcept Exception:\n    pass\ntry:\n    import lib.m@ as again\nexcept Exception:\n    again = None",
    "try:\n    import nothing_#\nexcept ImportError:\n    nothing_# = None",
    "try:\n    undefined_in_try\nexcept NameError:\n    pass",
    "try:\n    m@.NAME.nothing\nexcept AttributeError:\n    done = True",
    "os.environ['SET_~'] = 'x'",
    "setting = os.environ.get('SET_~', 'default')",
    "path = os.environ['PYTHONPATH']\nif path.startswith('/nowhere'):\n    undefined_path_#",
    "os.makedirs('/app/logs/made_~', exist_ok=True)",
    "if os.path.exists('/app/main/gamma.py'):\n    found = 1\nelse:\n    undefined_path",
    "if os.path.exists('/app/logs/made_~'):\n    found = 2",
    "sys.path.insert(0, '/app/main/extra')",
    "if len(sys.argv) > ~:\n    many = 1\nelse:\n    few = 1",
    "logging.getLogger().setLevel('INFO')",
    "import requests",
    "import numpy as np",
    "for name in ('a', 'b'):\n    REGISTRY[name] = name",
    "CONFIG = {'a': {'b': ~}}\nCONFIG['a']['b']",
    "threading.Thread(target=m@.count, daemon=True).start()",
    "import builtins\nbuiltins.installed = 1",
    "NAME = m@.NAME + 'x'",
    "@m@.decorator\ndef decorated():\n    return 1\ndecorated()",
    "@m@.keep\nclass Kept#:\n    pass\nKept#()",
    "if ~ > 2 and unknown_call:\n    import lib.m@ as perhaps",
    "import lib.m@\nlib.m@.count()",
    "print(lib.m@.NAME)",
    "with open('/app/main/data.json') as f:\n    data = json.load(f)\ndata['present']",
    "m@.C@(value=~).set(1)",
    "exec('x = 1')",
    "globals()['made'] = 1",
    "print(hasattr(m@.C@, 'set_late'))",
    "if 'lib.m@' in sys.modules:\n    there = 1\nelse:\n    there = 0",
    "sys.modules['alias_~'] = m@",
    "importlib.import_module('lib.m@').count()",
    "importlib.reload(m@)",
    "unknown.take(m@.count)",
    "unknown.take(m@.thing.set)",
    "unknown.take(m@.thing)",
    "unknown.take(m@.rebind)",
    "unknown.take(lambda: m@.count())",
    "unknown.take(lambda: m@.rebind())",
    "if m@.SETTING == 'plain':\n    plain_# = 1\nelse:\n    undefined_setting_#",
    "if m@.thing.value == 0:\n    unset_# = 1",
    "class M#(type(m@.C@)):\n    pass",
    "class P#(metaclass=m@.Meta):\n    pass",
    "class Q#(m@.P@, m@.Base):\n    pass",
    "m@.Base.__hash__ = None",
    "m@.items.append(m@.thing)\nunknown.take(m@.items)",
    "def generate():\n    m@.rebind()\n    yield 1\nmade = generate()",
];

/// The same, of what fails in most worlds, or can.
const RISKS: &[&str] = &[
    "print(m@.thing.late)",
    "print(m@.thing.missing)",
    "class E#(m@.C@):\n    def set(self, value):\n        self.own = value\n        super().set(value)\nE#(1).own.upper()",
    "if m@.STATE is None:\n    undefined_#",
    "if m@.COUNT == 1:\n    undefined_too_#",
    "if m@.thing.value == 2:\n    missing_#()",
    "if m@.SETTING == 'plain':\n    undefined_setting_#",
    "if m@.thing.value == 0:\n    undefined_value_#",
    "print(m@.added)",
    "print(m@.C@.flag)",
    "m@.C@(1).set_late",
    "m@.C@.set = None",
    "del m@.NAME",
    "print(m@.NAME)",
    "from lib.m@ import NOT_THERE",
    "try:\n    import nothing_#\nexcept ImportError:\n    nothing_# = None\nprint(nothing_#.name)",
    "try:\n    m@.NAME.nothing\nfinally:\n    done = True",
    "setting = os.environ.get('SET_~', 'default')\nif setting == 'default':\n    undefined_setting_#",
    "os.environ['LACKING_~']",
    "open('/app/logs/made_~/file', 'w')",
    "open('/app/nowhere/file', 'w')",
    "os.chdir('/tmp')",
    "import late_module",
    "if len(sys.argv) > ~:\n    many = 1\nelse:\n    few",
    "logging.basicConfig(level='LOUD')",
    "import sys_missing_#",
    "REGISTRY['c']",
    "print(REGISTRY['k@'])",
    "LIST[~]",
    "CONFIG = {'a': {'b': ~}}\nCONFIG['a']['c']",
    "def early():\n    return late_name_#\nearly()\nlate_name_# = 1",
    "parser = argparse.ArgumentParser()\nparser.add_argument('--deep')",
    "parser = argparse.ArgumentParser()\nparser.add_argument('--port')\nparser.parse_args()",
    "print(installed)",
    "m@.thing = None",
    "m@.LIST[0].upper()",
    "@m@.decorator\ndef decorated():\n    return 1\ndecorated().upper()",
    "@m@.keep\nclass Kept#:\n    pass\nKept#().nothing",
    "if ~ > 2 and unknown_call():\n    import lib.m@ as perhaps",
    "with open('/app/main/data.json') as f:\n    data = json.load(f)\ndata['absent']",
    "names = sorted(m@.REGISTRY)\nnames.wrong",
    "m@.C@(1, 2, 3)",
    "socket = __import__('zmq').Context().socket(1)",
    "if 'lib.m@' not in sys.modules:\n    undefined_first_#",
    "sys.modules['lib.m@'] = None",
    "del sys.modules['lib.m@']",
    "import alias_~",
    "class N#(type):\n    pass\nclass O#(m@.Base, metaclass=N#):\n    pass",
    "hash(m@.Base())",
    "if hasattr(m@.C@, 'set_late'):\n    undefined_late_#",
    "for item in m@.LIST:\n    item.nothing",
    "raise RuntimeError('no')",
    "sys.exit(~)",
];

/// How a module begins.
const HEAD: &str = "\
import os
import sys
import json
import logging
import argparse
import threading
import importlib
NAME = 'm#'
STATE = None
COUNT = 0
REGISTRY = {}
unknown = json.loads(os.environ.get('SOMETHING', 'null'))
LIST = ['first']
SETTING = 'plain'
items = []
class Meta(type):
    def __new__(mcs, name, bases, members):
        return super().__new__(mcs, name, bases, members)
class Base(metaclass=Meta):
    pass
class P#:
    pass
class C#:
    kind = 'plain'
    def __init__(self, value=0):
        self.value = value
        self.items = {}
    def set(self, value):
        self.value = value
        self.items['last'] = value
def register(what):
    global STATE
    STATE = what
    REGISTRY['registered'] = what
    LIST.append(what)
def rebind():
    global SETTING
    SETTING = 'other'
    thing.value = 5
def count(*args):
    global COUNT
    COUNT = COUNT + 1
    thing.set(COUNT)
def decorator(function):
    def wrapped(*args):
        return function(*args)
    return wrapped
def keep(cls):
    REGISTRY[cls.__name__] = cls
    return cls
thing = C#()
";

fn statements(random: &mut Random, own: u64, known: &[u64], most: u64, out: &mut String) {
    for _ in 0..random.below(most) {
        let statement = match random.below(8) {
            0 => random.pick(RISKS),
            _ => random.pick(STATEMENTS),
        };
        let other = match known.is_empty() {
            true => own,
            false => known[usize::try_from(random.below(known.len() as u64)).unwrap()],
        };
        // What it does to another module, it may do to itself.
        let text = match known.is_empty() && !statement.contains("lib.m@") && !statement.contains("m@)") {
            true => statement.replace("m@.", ""),
            false => statement.to_owned(),
        };
        if known.is_empty() && text.contains("m@") {
            continue;
        }
        let text = text
            .replace('#', &own.to_string())
            .replace("m@", &format!("m{other}"))
            .replace("C@", &format!("C{other}"))
            .replace("P@", &format!("P{other}"))
            .replace("k@", &format!("k{other}"))
            .replace('~', &random.below(4).to_string());
        out.push_str(&text);
        out.push('\n');
    }
}

/// Imports of some modules, with statements between them.
fn imports(random: &mut Random, own: u64, among: &[u64], out: &mut String) {
    let mut known = Vec::new();
    for _ in 0..1 + random.below(3) {
        let Some(other) = among.get(usize::try_from(random.below(among.len().max(1) as u64)).unwrap()) else {
            return;
        };
        let _ = match random.below(4) {
            0 => writeln!(out, "from lib import m{other}"),
            1 => writeln!(
                out,
                "try:\n    import lib.m{other} as m{other}\nexcept ImportError:\n    m{other} = None"
            ),
            _ => writeln!(out, "import lib.m{other} as m{other}"),
        };
        known.push(*other);
        statements(random, own, &known, 3, out);
    }
}

fn tree(seed: u64) -> Vec<(String, String)> {
    let mut random = Random(seed);
    let mut files = Vec::new();
    let all: Vec<u64> = (0..MODULES).collect();
    for module in 0..MODULES {
        let mut text = HEAD.replace('#', &module.to_string());
        // Now and then one that leads back.
        let among: Vec<u64> = match random.below(12) {
            0 => all.clone(),
            _ => (0..module).collect(),
        };
        imports(&mut random, module, &among, &mut text);
        statements(&mut random, module, &[], 3, &mut text);
        files.push((format!("lib/m{module}.py"), text));
    }
    let package = match random.below(3) {
        0 => "from lib import m0\n",
        1 => "VERSION = 1\n",
        _ => "",
    };
    files.push(("lib/__init__.py".to_owned(), package.to_owned()));
    files.push(("extra/late_module.py".to_owned(), "VALUE = 1\n".to_owned()));
    files.push(("data.json".to_owned(), "{\"present\": 1}".to_owned()));
    let mut all_files: Vec<(String, String)> = Vec::new();
    for (path, text) in files {
        for folder in ["main", "main/long", "pc2"] {
            all_files.push((format!("{folder}/{path}"), text.clone()));
        }
    }
    for script in ["main/alpha.py", "main/long/beta.py", "main/gamma.py", "pc2/delta.py"] {
        let mut text =
            "import os\nimport sys\nimport json\nimport logging\nimport threading\nimport importlib\nREGISTRY = {}\nunknown = json.loads('null')\nLIST = []\n"
                .to_owned();
        text += "class C9:\n    pass\nclass P9:\n    pass\n";
        imports(&mut random, 9, &all, &mut text);
        imports(&mut random, 9, &all, &mut text);
        text += GOOD;
        all_files.push((script.to_owned(), text));
    }
    all_files
}

/// Calls with a stack and the facts of a tree.
fn with_tree<T>(files: &[(String, String)], then: impl FnOnce(&Stack, &TreeFacts, Disk<'_>) -> T) -> T {
    let stack = Fixture::small().model();
    let mut all: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()))
        .collect();
    for (group, text) in [("core", "pyzmq\nnumpy\n"), ("side", "pyzmq\n"), ("far", "requests\n")] {
        all.push((format!("requirements.{group}.txt"), text.as_bytes().to_vec()));
    }
    let kept = all.clone();
    let tree = of_agents(all, VERSION, &stack).with_paths([]);
    let read = |path: &str| {
        let found = kept.iter().find(|(known, _)| known == path);
        found.map(|(_, text)| text.clone())
    };
    then(&stack, &tree, Disk::new(&|_| false, &read))
}

/// What nobody has followed before.
fn alone<'a>(disk: Disk<'a>, shared: &'a Shared) -> With<'a> {
    With {
        disk,
        shared,
        walks: None,
    }
}

/// Predictions and findings, each as a text.
fn followed(files: &[(String, String)], shared: &Shared) -> Vec<String> {
    with_tree(files, |stack, tree, disk| {
        let (followed, findings) = predict_with(stack, tree, alone(disk, shared));
        let followed = followed.iter().map(|followed| format!("{followed:#?}"));
        followed
            .chain(findings.iter().map(|finding| format!("{finding:#?}")))
            .collect()
    })
}

/// What is predicted of each agent, where they are followed in some order; as texts, in the stack's order.
fn followed_in_order(files: &[(String, String)], order: &[usize], shared: &Shared) -> Vec<String> {
    with_tree(files, |stack, tree, disk| {
        let with = alone(disk, shared);
        with_groups(stack, tree, with, |groups| {
            let agents: Vec<AgentId> = stack.agents().map(|(id, _)| id).collect();
            let mut texts = vec![String::new(); agents.len()];
            for at in order {
                let group = &groups[stack.agent(agents[*at]).group.0];
                let (followed, _) = follow(stack, group, agents[*at], with, Asked::Nothing);
                texts[*at] = format!("{followed:#?}");
            }
            texts
        })
    })
}

fn assert_same(seed: u64, how: &str, files: &[(String, String)], with: &[String], without: &[String]) {
    let differing = with.iter().zip(without).find(|(with, without)| with != without);
    if let Some((with, without)) = differing {
        let lib = files
            .iter()
            .filter(|(path, _)| path.starts_with("main/lib") || path.ends_with("a.py"));
        let shown: String = lib
            .map(|(path, text)| format!("--- {path}\n{}\n", text.replace(&HEAD[..120], "…")))
            .collect();
        panic!("tree {seed} differs, {how}:\nfollowed: {without}\ndone again: {with}\n{shown}");
    }
}

#[test]
fn imports_that_are_done_again_do_what_following_them_does() {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok());
    let trees = number(option_env!("TREES")).unwrap_or(TREES);
    let first = number(option_env!("FIRST_TREE")).unwrap_or(0);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let several = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    let mut again = 0;
    for seed in first..first + trees {
        let files = tree(seed);
        let without = followed(&files, &Shared::new(false));
        let shared = Shared::new(true);
        // One after the other: most is shared.
        let with = one.install(|| followed(&files, &shared));
        again += shared.times_reused();
        assert_same(seed, "in order", &files, &with, &without);
        assert_eq!(with.len(), without.len(), "tree {seed}");
        let with = several.install(|| followed(&files, &Shared::new(true)));
        assert_same(seed, "beside each other", &files, &with, &without);
        let agents = with_tree(&files, |stack, _, _| stack.agents().count());
        let mut order: Vec<usize> = (0..agents).collect();
        let mut random = Random(seed);
        for _ in 0..3 {
            for at in 1..agents {
                order.swap(at, usize::try_from(random.below(at as u64 + 1)).unwrap());
            }
            let with = followed_in_order(&files, &order, &Shared::new(true));
            assert_same(seed, &format!("in order {order:?}"), &files, &with, &without);
        }
    }
    assert!(
        again >= usize::try_from(trees).unwrap(),
        "only {again} imports of {trees} trees were done again"
    );
}

#[test]
fn a_library_that_is_only_read_is_followed_once() {
    let mut files: Vec<(String, String)> = vec![
        ("main/lib/__init__.py".to_owned(), String::new()),
        ("main/lib/base.py".to_owned(), HEAD.replace('#', "0")),
        (
            "main/lib/top.py".to_owned(),
            "import main.lib.base as m0\nclass Top(m0.C0):\n    pass\n@m0.keep\nclass Other(Top):\n    pass\n"
                .to_owned(),
        ),
    ];
    for script in ["main/alpha.py", "main/long/beta.py", "main/gamma.py"] {
        let text = format!("import sys\nimport main.lib.top\nmain.lib.top.Other(1).set(2)\n{GOOD}");
        files.push((script.to_owned(), text));
    }
    files.push(("pc2/delta.py".to_owned(), GOOD.to_owned()));
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let shared = Shared::new(true);
    let with = one.install(|| followed(&files, &shared));
    assert_eq!(with, followed(&files, &Shared::new(false)));
    // Of three agents, two do not follow it: the two packages, and the module, with what it imports.
    assert_eq!(shared.times_reused(), 6);
}
