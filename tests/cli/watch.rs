//! `audit --watch`: a save is answered, and Ctrl-C ends it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::init::two_machines;
use crate::sandbox::Sandbox;
use crate::signal;

#[test]
fn every_save_is_answered_and_ctrl_c_ends_it() {
    let sandbox = Sandbox::empty();
    two_machines(&sandbox.path("tree"));
    assert_eq!(sandbox.run(&["init", "--tree", "tree"]).code, 0);
    // What the audit writes itself is no reason to audit again.
    let arguments = [
        "audit",
        "--tree",
        "tree",
        "--watch",
        "--format",
        "junit=tree/audit.xml",
        "--output",
        "concise",
    ];
    let mut running = sandbox
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(running.stderr.take().unwrap()).lines();
    let mut until = |text: &str| {
        let mut lines = Vec::new();
        loop {
            let line = said
                .next()
                .unwrap_or_else(|| panic!("no `{text}` in {lines:#?}"))
                .unwrap();
            lines.push(line);
            if lines.last().unwrap().contains(text) {
                return lines;
            }
        }
    };
    let folders = |lines: &[String]| -> usize {
        let (_, count) = lines.last().unwrap().split_once("watching ").unwrap();
        count.split_once(" folders of ").unwrap().0.parse().unwrap()
    };
    // A save may be seen as several: what counts is the answer to the last.
    let report = sandbox.path("tree/audit.xml");
    let mut answered = |wanted: &dyn Fn(usize, &str) -> bool| loop {
        let count = folders(&until("watching "));
        if wanted(count, &std::fs::read_to_string(&report).unwrap()) {
            return count;
        }
    };
    let fails = |text: &str| text.contains("<failure");
    let at_first = answered(&|_, text| !fails(text));
    let hub = sandbox.path("tree/main_pc_code/agents/hub.py");
    let whole = std::fs::read_to_string(&hub).unwrap();
    std::fs::write(&hub, whole.replace("import json", "import jsonn")).unwrap();
    answered(&|_, text| fails(text) && text.contains("jsonn"));
    // A new folder is followed, too, before anything is in it.
    std::fs::create_dir(sandbox.path("tree/main_pc_code/agents/jsonn")).unwrap();
    answered(&|count, _| count == at_first + 1);
    std::fs::write(
        sandbox.path("tree/main_pc_code/agents/jsonn/__init__.py"),
        "from json import *\n",
    )
    .unwrap();
    answered(&|_, text| !text.contains("No module named"));
    std::fs::write(&hub, whole).unwrap();
    answered(&|_, text| !fails(text));
    // What a script reads is looked at again although no Python was changed.
    let settings = sandbox.path("tree/main_pc_code/config/hub.json");
    std::fs::write(&settings, "{").unwrap();
    let text = std::fs::read_to_string(&hub).unwrap();
    let reads = "import json\njson.load(open('main_pc_code/config/hub.json'))\n";
    std::fs::write(&hub, text.replacen("import json\n", reads, 1)).unwrap();
    answered(&|_, text| text.contains("is not valid JSON"));
    std::fs::write(&settings, "{}").unwrap();
    answered(&|_, text| !fails(text));
    // A stack with a mistake is told, and waited for.
    let stack = sandbox.path("tree/config/stack.yaml");
    let right = std::fs::read_to_string(&stack).unwrap();
    std::fs::write(&stack, "machines: [").unwrap();
    answered(&|_, text| fails(text));
    std::fs::write(&stack, right).unwrap();
    answered(&|_, text| !fails(text));
    signal(running.id(), Signal::SIGINT);
    let mut shown = String::new();
    running.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{shown}");
    assert!(shown.contains("No module named 'jsonn'"), "{shown}");
}
