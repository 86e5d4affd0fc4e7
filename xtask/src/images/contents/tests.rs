//! What images hold, on small trees.

use pysrc::PythonVersion;

use super::{Contents, Mode, contents};
use crate::images::digest;
use crate::images::files::{Entries, Entry};
use crate::python::facts::facts;
use crate::stack::fixture::Fixture;
use crate::stack::{GroupId, Stack};

/// The contents of group `core`: `main/alpha.py`, and `SHORT/beta.py`, which is `main/long/beta.py`.
fn core(stack: &Stack, files: &[(&str, &str)]) -> Contents {
    let always = [("main/alpha.py", ""), ("main/long/beta.py", ""), ("main/gamma.py", "")];
    let more = always
        .iter()
        .filter(|(path, _)| files.iter().all(|(known, _)| known != path));
    let all: Vec<(String, Vec<u8>)> = files
        .iter()
        .chain(more)
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
        .collect();
    let held: Entries = all
        .iter()
        .map(|(path, text)| {
            let entry = match std::str::from_utf8(text).unwrap().strip_prefix("-> ") {
                Some(target) => Entry::Link(target.into()),
                None => Entry::File {
                    executable: false,
                    digest: digest::of(text),
                },
            };
            (path.clone(), entry)
        })
        .collect();
    let python: Vec<_> = all.into_iter().filter(|(path, _)| path.ends_with(".py")).collect();
    let version = PythonVersion::USUAL;
    let facts = facts(&python, version).with_paths(held.keys().cloned());
    contents(stack, GroupId(0), &facts, &held)
}

fn small() -> Stack {
    Fixture::small().model()
}

/// Asserts that `source` as the script of Alpha brings in exactly these of `files`, besides the scripts.
#[track_caller]
fn brings(source: &str, files: &[(&str, &str)], expected: &[&str]) {
    let mut all = vec![("main/alpha.py", source)];
    all.extend(files);
    let found = core(&small(), &all);
    assert_eq!(found.mode, Mode::Closure, "{:?}", found.gaps);
    let mut held: Vec<&str> = found.files.keys().map(String::as_str).collect();
    held.retain(|path| !["main/alpha.py", "main/long/beta.py"].contains(path));
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(held, expected, "{source}");
}

#[test]
fn imports_bring_in_modules_and_their_packages() {
    let files = [
        ("main/a/__init__.py", ""),
        ("main/a/b.py", "from . import c\nfrom .d import X\n"),
        ("main/a/c.py", ""),
        ("main/a/d.py", ""),
        ("main/a/e.py", ""),
    ];
    let all = ["main/a/__init__.py", "main/a/b.py", "main/a/c.py", "main/a/d.py"];
    brings("import main.a.b\n", &files, &all);
    brings(
        "def f():\n    try:\n        from a import b\n    except ImportError:\n        pass\n",
        &files,
        &all,
    );
    brings("import importlib\nimportlib.import_module('a.b')\n", &files, &all);
    brings("import uvicorn\nuvicorn.run('a.b:app')\n", &files, &all);
    brings(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a.b\n",
        &files,
        &[],
    );
}

#[test]
fn a_star_import_brings_in_what_all_names() {
    let files = [
        ("main/a/__init__.py", "__all__ = ['b']\n"),
        ("main/a/b.py", ""),
        ("main/a/c.py", ""),
    ];
    brings("from a import *\n", &files, &["main/a/__init__.py", "main/a/b.py"]);
}

#[test]
fn an_edit_of_the_path_makes_a_module_be_looked_for_everywhere() {
    let files = [("main/deep/down/tools.py", ""), ("main/deep/other.py", "")];
    brings("import tools\n", &files, &[]);
    brings(
        "import sys\nsys.path.append(compute())\nimport tools\n",
        &files,
        &["main/deep/down/tools.py"],
    );
}

#[test]
fn paths_bring_in_files_and_folders() {
    let files = [
        ("main/data/x.json", ""),
        ("main/data/y.json", ""),
        ("main/data/deep/z.json", ""),
        ("main/other.json", ""),
    ];
    let json = ["main/data/x.json", "main/data/y.json"];
    brings("open('main/data/x.json')\n", &files, &json[..1]);
    brings("open('/app/main/data/x.json')\n", &files, &json[..1]);
    brings("open('data/x.json')\n", &files, &json[..1]);
    brings("import os\nopen(os.path.join(HERE, 'x.json'))\n", &files, &json[..1]);
    brings("open(f'main/data/{name}.json')\n", &files, &json);
    let folder = [json[0], json[1], "main/data/deep/z.json"];
    brings("import os\nos.listdir('main/data/')\n", &files, &folder);
    brings("open(f'{name}.json')\nopen('/data/x.json')\n", &files, &[]);
}

#[test]
fn a_started_script_brings_in_what_it_imports() {
    let files = [
        ("main/jobs/work.py", "import helper\n"),
        ("main/jobs/helper.py", ""),
        ("main/m/__main__.py", ""),
    ];
    let source = "import subprocess, sys\nsubprocess.Popen([sys.executable, 'main/jobs/work.py'])\n";
    brings(source, &files, &["main/jobs/work.py", "main/jobs/helper.py"]);
    let source = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-m', 'main.m'])\n";
    brings(source, &files, &["main/m/__main__.py"]);
}

#[test]
fn a_link_brings_in_what_it_leads_to() {
    let files = [("main/there.py", "-> real/here.py"), ("main/real/here.py", "")];
    brings("import there\n", &files, &["main/there.py", "main/real/here.py"]);
}

#[test]
fn what_cannot_be_followed_brings_in_the_package() {
    let files = [
        ("main/alpha.py", "import importlib\nimportlib.import_module(name)\n"),
        ("main/x.txt", ""),
    ];
    let found = core(&small(), &files);
    assert_eq!((found.mode, found.gaps.len()), (Mode::Package, 1));
    assert_eq!(found.files.len(), 4);
    let told = Fixture::small().stack(
        "agents: [Alpha, Beta]\n",
        "agents: [Alpha, Beta]\n    contents: closure\n    include: [\"main/*.txt\"]\n",
    );
    let found = core(&told.model(), &files);
    assert_eq!(found.mode, Mode::Closure);
    let held: Vec<&str> = found.files.keys().map(String::as_str).collect();
    assert_eq!(held, ["main/alpha.py", "main/long/beta.py", "main/x.txt"]);
    let told = Fixture::small().stack("status_port: 9000\n", "  contents: package\nstatus_port: 9000\n");
    assert_eq!(core(&told.model(), &[]).mode, Mode::Package);
}

#[test]
fn a_chain_leads_back_to_a_script() {
    let files = [
        ("main/alpha.py", "import a\n"),
        ("main/a.py", "import b\n"),
        ("main/b.py", ""),
    ];
    let found = core(&small(), &files);
    let chain: Vec<&str> = found.chain("main/b.py").into_iter().map(|(path, _)| path).collect();
    assert_eq!(chain, ["main/b.py", "main/a.py", "main/alpha.py"]);
}

#[test]
fn the_settings_are_checked() {
    let wrong = Fixture::small().stack(
        "agents: [Gamma]\n",
        "agents: [Gamma]\n    contents: some\n    include: [\"a/**b\"]\n",
    );
    let says = wrong.says();
    for expected in ["`contents` cannot be `some`", "`a/**b` is not a valid pattern"] {
        assert!(
            says.iter().any(|line| line.contains(expected)),
            "{expected} in {says:#?}"
        );
    }
}
