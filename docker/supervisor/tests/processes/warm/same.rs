//! What a script can see, do and come to.

use super::*;

const IDENTITY: &str = include_str!("identity.py");

#[test]
fn a_script_sees_nothing_of_it() {
    let ran = same_with(IDENTITY, &[], &|setup| {
        setup.environment.push(("SHOW_MODULES".to_owned(), "1".to_owned()));
        setup.environment.push(("ANY".to_owned(), "thing".to_owned()));
    });
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.printed.contains("\nANY") || ran.printed.contains("('ANY', 'thing')"),
        "{}",
        ran.printed
    );
    assert!(ran.printed.ends_with("ValueError: the end\n"), "{}", ran.printed);
}

#[test]
fn nor_with_modules_that_are_imported_already() {
    let modules = [
        "argparse",
        "asyncio",
        "concurrent.futures",
        "json",
        "logging",
        "multiprocessing",
        "random",
        "sqlite3",
        "subprocess",
        "threading",
        "typing",
        "uuid",
        "zmq",
    ];
    same(IDENTITY, &modules);
}

/// Every group of the reference stack, with what its agents share: they are started warm because this holds.
#[test]
fn nor_in_any_group_of_the_reference_stack() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let mut groups = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let config: Value = serde_saphyr::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        if config["start"] != "warm" {
            continue;
        }
        groups += 1;
        let modules: Vec<&str> = config["preload"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        same(IDENTITY, &modules);
    }
    assert!(groups > 0, "no group of config/ is started warm");
}

#[test]
fn it_ends_in_the_same_way() {
    let modules = ["logging", "threading", "multiprocessing"];
    for (script, code, signal) in [
        ("", Some(0), None),
        ("import sys; sys.exit()", Some(0), None),
        ("import sys; sys.exit(3)", Some(3), None),
        ("import sys; sys.exit(-1)", Some(255), None),
        ("import sys; sys.exit('no more')", Some(1), None),
        ("import sys; sys.exit(['a', 1])", Some(1), None),
        ("raise SystemExit", Some(0), None),
        ("exit(4)", Some(4), None),
        ("import os; os._exit(7)", Some(7), None),
        ("raise KeyboardInterrupt", None, Some(2)),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGINT); input()",
            None,
            Some(2),
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
            None,
            Some(15),
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            None,
            Some(11),
        ),
        ("import os\nos.abort()", None, Some(6)),
        ("def broken(:\n    pass", Some(1), None),
        ("# coding: latin-1\nprint('\\xe4', 'x'.encode())", Some(0), None),
        ("# coding: nonsense\n", Some(1), None),
        ("\u{feff}print('bom')", Some(0), None),
        ("def f(n):\n    return 1 / n\n\nf(\n    0)\n", Some(1), None),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('so') from e",
            Some(1),
            None,
        ),
        (
            "import sys\nsys.excepthook = lambda *a: print('mine', a[1])\n1 / 0",
            Some(1),
            None,
        ),
        ("import traceback\ntraceback.print_stack()", Some(0), None),
        ("import logging\nlogging.warning('x', stack_info=True)", Some(0), None),
        (
            "import faulthandler, sys\nfaulthandler.dump_traceback(file=2, all_threads=False)",
            Some(0),
            None,
        ),
        (
            "import warnings\nwarnings.warn('old', DeprecationWarning)\nwarnings.warn('x', stacklevel=9)",
            Some(0),
            None,
        ),
        (
            "import atexit, sys, threading\n\
             class Last:\n    def __del__(self): print('del', sys.is_finalizing())\n\
             last = Last()\n\
             atexit.register(print, 'second')\natexit.register(print, 'first')\n\
             kept = open('kept', 'w'); kept.write('x')\n\
             def late():\n    threading.main_thread().join(); print('late', threading.main_thread().is_alive())\n\
             failing = threading.Thread(target=lambda: 1 / 0, name='t')\n\
             failing.start(); failing.join()\n\
             threading.Thread(target=late).start()\n\
             sys.exit(5)",
            Some(5),
            None,
        ),
        (
            "import signal, os, threading\n\
             signal.signal(signal.SIGTERM, lambda n, f: print('handler', n, f.f_code.co_name, threading.current_thread().name))\n\
             os.kill(os.getpid(), signal.SIGTERM)\nprint(signal.getsignal(signal.SIGTERM).__name__)",
            Some(0),
            None,
        ),
    ] {
        let ran = same(script, &modules);
        assert_eq!((ran.code, ran.signal), (code, signal), "{script}\n{}", ran.printed);
    }
}

#[test]
fn an_agent_s_own_module_may_lie_beside_it() {
    for path in ["sub/a.py", "link/a.py"] {
        let ran = same_with("import beside; print(beside.__name__, __file__)", &["json"], &|setup| {
            let folder = setup.dir.path();
            std::fs::create_dir_all(folder.join("sub")).unwrap();
            std::os::unix::fs::symlink("sub", folder.join("link")).unwrap();
            std::fs::write(folder.join("sub/beside.py"), "").unwrap();
            std::fs::rename(folder.join("A.py"), folder.join("sub/a.py")).unwrap();
            setup.config["agents"][0]["script_path"] = json!(path);
        });
        assert_eq!(ran.printed, format!("beside FOLDER/{path}\n"));
    }
}

#[test]
fn multiprocessing_works_by_fork_and_by_spawn() {
    let script = "import multiprocessing as m, os, pickle, sys\n\
        class Thing:\n    def __init__(self, n): self.n = n\n\
        def work(n): return Thing(n * n)\n\
        if __name__ == '__main__':\n\
        \x20   print(pickle.loads(pickle.dumps(Thing(3))).n, Thing.__module__)\n\
        \x20   for method in ('fork', 'spawn', 'forkserver'):\n\
        \x20       with m.get_context(method).Pool(2) as pool:\n\
        \x20           print(method, [t.n for t in pool.map(work, range(4))])\n\
        \x20   p = m.Process(target=print, args=('child', m.current_process().name)); p.start(); p.join()\n\
        \x20   print(p.exitcode, m.parent_process(), m.current_process().name, m.active_children())\n";
    let ran = same(script, &["multiprocessing", "concurrent.futures"]);
    assert_eq!(ran.code, Some(0), "{}", ran.printed);
    assert!(ran.printed.contains("spawn [0, 1, 4, 9]"), "{}", ran.printed);
}

#[test]
fn nothing_random_is_shared() {
    let mut setup = warm(&[
        "logging",
        "multiprocessing",
        "random",
        "secrets",
        "ssl",
        "tempfile",
        "uuid",
        "zmq",
    ]);
    let script = answering(
        "import logging, multiprocessing, os, random, secrets, ssl, tempfile, time, uuid\n\
         say = lambda what, value: print('random', what, value)\n\
         say('random', random.random()); say('secrets', secrets.token_hex()); say('uuid4', uuid.uuid4())\n\
         say('uuid1', uuid.uuid1()); say('ssl', ssl.RAND_bytes(8).hex()); say('urandom', os.urandom(8).hex())\n\
         say('temporary', tempfile.mktemp()); say('key', bytes(multiprocessing.current_process().authkey).hex())\n\
         say('pid', os.getpid()); say('logging', logging._startTime)\n\
         record = logging.makeLogRecord({}); print('process', record.process == os.getpid(), record.relativeCreated < 1000)\n\
         print('hash', hash('a text'))\n",
    );
    for name in ["A", "B", "C"] {
        setup.agent(name, &script, &[]);
    }
    let group = setup.start();
    for name in ["A", "B", "C"] {
        started(&group, name, Start::Warm);
        group.wait_said(&format!("[{name}] process True True"));
        group.wait_said(&format!("[{name}] hash "));
    }
    let said = group.said();
    let of = |word: &str| -> Vec<String> {
        let lines = said.lines().filter_map(|line| line.split_once("] "));
        let lines = lines.filter_map(|(_, rest)| rest.strip_prefix(word)).map(str::to_owned);
        lines.collect()
    };
    let mut random = of("random ");
    assert_eq!(random.len(), 30, "{said}");
    random.sort();
    random.dedup();
    assert_eq!(random.len(), 30, "something is the same in two agents:\n{said}");
    // What cannot be renewed: one interpreter has one seed for the hashes of texts.
    let mut hashes = of("hash ");
    hashes.dedup();
    assert_eq!(hashes.len(), 1, "{said}");
}

#[test]
fn with_a_hash_seed_hashes_are_the_same_as_ever() {
    let ran = same_with("print(hash('a text'), {'b', 'a', 'c'})", &["json"], &|setup| {
        setup.environment.push(("PYTHONHASHSEED".to_owned(), "5".to_owned()));
    });
    assert_eq!(ran.code, Some(0));
}

#[test]
fn a_zeromq_context_made_at_import_is_the_agent_s_own() {
    let mut setup = warm(&["zmq", "zmq.utils.jsonapi"]);
    for name in ["A", "B", "C"] {
        setup.agent(
            name,
            &answering("context = zmq.Context.instance(); print('sockets', context._sockets)"),
            &[],
        );
    }
    let group = setup.start();
    for name in ["A", "B", "C"] {
        started(&group, name, Start::Warm);
    }
}

#[test]
fn sigterm_reaches_the_agent_s_handler() {
    let mut setup = warm(&["zmq", "signal"]);
    setup.agent(
        "A",
        &answering("import signal; signal.signal(signal.SIGTERM, lambda *a: sys.exit(0))"),
        &[],
    );
    let mut group = setup.start();
    started(&group, "A", Start::Warm);
    group.signal(Signal::SIGTERM);
    assert_eq!(group.wait_exit().code(), Some(0));
    group.wait_said("A ended (exited with code 0)");
}

#[test]
fn every_end_is_noticed_however_soon() {
    let mut setup = warm(&[]);
    setup.set("crash_limit", 20.into()).set("backoff_initial_ms", 1.into());
    setup.set("backoff_max_ms", 1.into());
    for name in ["A", "B", "C"] {
        setup.agent(name, "import os; os._exit(6)", &[]);
    }
    let group = setup.start();
    for name in ["A", "B", "C"] {
        let agent = group.wait_state(name, AgentState::Failed);
        assert_eq!(agent.restarts, 19);
        assert_eq!(agent.start, Some(Start::Warm));
        assert_eq!(agent.last_exit.unwrap().code, Some(6));
    }
    assert_eq!(group.children().len(), 1, "only the warm interpreter is left");
}

#[test]
fn status_and_metrics_say_how_agents_were_started() {
    let mut setup = warm(&["zmq"]);
    for name in ["A", "B", "C"] {
        setup.agent(name, &answering(""), &[]);
    }
    setup.config["agents"][1]["start"] = json!("plain");
    setup.config["agents"][2]["environment"] = json!({"OWN": "1"});
    setup.environment.push(("ENABLE_METRICS".to_owned(), "true".to_owned()));
    let group = setup.start();
    assert_eq!(started(&group, "A", Start::Warm).plain_because, None);
    assert_eq!(started(&group, "B", Start::Plain).plain_because, None);
    let agent = started(&group, "C", Start::Plain);
    assert_eq!(agent.plain_because.as_deref(), Some("it has an environment of its own"));
    group.wait_said("C is started plainly: it has an environment of its own");
    let (_, _, metrics) = group.get("/metrics").unwrap();
    for (agent, warm) in [("A", 1), ("B", 0), ("C", 0)] {
        let line = format!("agent_started_warm{{group=\"test\",agent=\"{agent}\"}} {warm}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    let port = group.setup.status_port.to_string();
    let status = crate::harness::supervisor()
        .args(["status", "--port", &port])
        .output()
        .unwrap();
    let text = String::from_utf8(status.stdout).unwrap();
    assert!(text.lines().next().unwrap().contains(" warm "), "{text}");
    assert!(text.contains("plain: it has an environment of its own"), "{text}");
}
