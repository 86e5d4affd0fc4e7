//! Sockets of ZeroMQ: what their kinds do, in which order, and which ports they have. pyzmq 27 fails where `CannotStart` is said.

use super::{GOOD, all_say, alone_says, alpha};

const OPERATION: &str = "CannotStart start/bad-operation";
const TWICE: &str = "CannotStart start/port-bound-twice";
const OTHER: &str = "MayNot start/other-port";

fn with(kind: &str, then: &str) -> String {
    format!("import zmq\nc = zmq.Context()\ns = c.socket(zmq.{kind})\n{then}")
}

#[test]
fn kinds_and_turns() {
    for (kind, then, said) in [
        ("REP", "s.bind('tcp://*:6000')\ns.send(b'ready')", OPERATION),
        ("REP", "s.send_json({})", OPERATION),
        ("REQ", "s.connect('tcp://a:6000')\ns.recv()", OPERATION),
        (
            "REQ",
            "s.connect('tcp://a:6000')\ns.send(b'a')\ns.send(b'b')",
            OPERATION,
        ),
        ("SUB", "s.connect('tcp://a:6000')\ns.send_string('a')", OPERATION),
        ("PUB", "s.bind('tcp://*:6000')\ns.recv_json()", OPERATION),
        ("PUSH", "s.recv()", OPERATION),
        ("PULL", "s.send(b'x')", OPERATION),
        ("REP", "s.close()\ns.bind('tcp://*:6000')", OPERATION),
        ("PUB", "s.close()\ns.send(b'x')", OPERATION),
        ("REP", "s.bind('tcp://agents.example.com:6000')", OPERATION),
        ("REP", "c.socket('REP')", OPERATION),
        ("REQ", "s.connect('tcp://a:6000')\ns.send(b'a')\ns.recv()", "Starts "),
        ("PUB", "s.bind('tcp://*:6000')\ns.send(b'x')\ns.send(b'y')", "Starts "),
        (
            "DEALER",
            "s.connect('tcp://a:6000')\ns.send(b'x')\ns.send(b'y')",
            "Starts ",
        ),
        ("XPUB", "s.recv(zmq.NOBLOCK)", "Starts "),
        (
            "REQ",
            "s.setsockopt(zmq.REQ_RELAXED, 1)\ns.send(b'a')\ns.send(b'b')",
            "Starts ",
        ),
        (
            "REP",
            "try:\n    s.send(b'x')\nexcept zmq.ZMQError:\n    pass",
            "Starts ",
        ),
        ("REP", "s.bind('tcp://localhost:7000')", "Starts "),
    ] {
        all_say(&[], &[(&with(kind, then), said)]);
    }
    for code in [
        // Somebody else may have received.
        "import threading\nclass A:\n    def __init__(self):\n        self.s = zmq.Context().socket(zmq.REP)\n        threading.Thread(target=self.run, daemon=True).start()\n        self.s.send(b'x')\n    def run(self):\n        self.s.recv()\nA()",
        "import os\ns = zmq.Context().socket(zmq.REP)\nif os.getpid():\n    s.recv()\ns.send(b'x')",
        "import zmq.asyncio\ns = zmq.asyncio.Context().socket(zmq.REP)\ns.send(b'x')",
        "import yaml\ns = zmq.Context().socket(zmq.REP)\nyaml.anything(s)\ns.send(b'x')",
        "KINDS = {'a': zmq.REP}\ndef kind():\n    return open('main/alpha.py').read()\ns = zmq.Context().socket(KINDS.get(kind(), zmq.PUB))\ns.send(b'x')",
    ] {
        let (found, _) = alpha(&[("main/alpha.py", &format!("import zmq\n{code}\n{GOOD}"))]);
        assert!(!found.starts_with("CannotStart"), "{code}\n{found}");
    }
}

#[test]
fn a_socket_that_is_replaced() {
    let base = "import zmq\nclass B:\n    def __init__(self, port):\n        self.port = port\n        self.context = zmq.Context()\n        self.socket = self.context.socket(zmq.REP)\n        self.socket.bind(f'tcp://*:{port}')\n";
    let agent = |body: &str| {
        format!(
            "{base}class A(B):\n    def __init__(self):\n        super().__init__(5000)\n{body}\nA()\nimport time\nwhile True:\n    time.sleep(1)\n"
        )
    };
    alone_says(
        &agent(
            "        self.context = zmq.Context()\n        self.socket = self.context.socket(zmq.REP)\n        self.socket.bind(f'tcp://*:{self.port}')",
        ),
        "Starts ",
    );
    alone_says(
        &agent("        self.other = self.context.socket(zmq.REP)\n        self.other.bind(f'tcp://*:{self.port}')"),
        TWICE,
    );
    alone_says(
        &agent(
            "        if hasattr(self, 'hc') and self.hc:\n            self.hc.term()\n        self.other = self.context.socket(zmq.REP)\n        self.other.bind(f'tcp://*:{self.port}')",
        ),
        TWICE,
    );
    alone_says(
        &agent(
            "        log = open('main/alpha.py')\n        log.close()\n        self.other = self.context.socket(zmq.REP)\n        self.other.bind(f'tcp://*:{self.port}')",
        ),
        TWICE,
    );
    alone_says(
        &agent(
            "        self.socket.close()\n        self.other = self.context.socket(zmq.REP)\n        self.other.bind(f'tcp://*:{self.port}')",
        ),
        "Starts ",
    );
}

#[test]
fn ports_that_are_passed_on() {
    let base = "import zmq\nclass B:\n    def __init__(self, **k):\n        self.port = k.get('port')\n        self.c = zmq.Context()\n        self.h = self.c.socket(zmq.REP)\n        self.h.bind(f'tcp://*:{self.port + 1}')\n";
    alone_says(
        &format!(
            "{base}class A(B):\n    def __init__(self, port=5000, hp=5001):\n        super().__init__(port=port)\n        s = self.c.socket(zmq.REP)\n        s.bind(f'tcp://*:{{hp}}')\nA()\nimport time\nwhile True:\n    time.sleep(1)\n"
        ),
        TWICE,
    );
    // Another port than the configured 5000, however it gets there.
    let serve = "        self.s = zmq.Context().socket(zmq.REP)\n        self.s.bind(f'tcp://*:{self.port}')\n        while True:\n            self.s.send(self.s.recv())\n";
    for (class, made) in [
        (
            format!("class A:\n    def __init__(self, **k):\n        self.port = k.get('port', 7110)\n{serve}"),
            "A()",
        ),
        (
            format!("class A:\n    def __init__(self, **k):\n        self.port = k['port']\n{serve}"),
            "A(port=7110)",
        ),
        (
            format!("class A:\n    def __init__(self, **k):\n        self.port = k.pop('port', 7110)\n{serve}"),
            "A()",
        ),
        (
            format!(
                "class B:\n    def __init__(self, port, **k):\n        self.port = port\n{serve}class A(B):\n    def __init__(self, **k):\n        super().__init__(port=7110, **k)\n"
            ),
            "A()",
        ),
        (
            format!(
                "class A:\n    @property\n    def port(self):\n        return 7110\n    def __init__(self):\n{serve}"
            ),
            "A()",
        ),
        (
            format!(
                "class Config:\n    port = 7110\nclass A:\n    def __init__(self, config):\n        self.port = config.port\n{serve}"
            ),
            "A(Config())",
        ),
        (
            format!(
                "class Config:\n    def __init__(self):\n        self.port = 7110\nclass A:\n    def __init__(self):\n        self.config = Config()\n        self.port = self.config.port\n{serve}"
            ),
            "A()",
        ),
        (
            format!(
                "import json\nclass A:\n    def __init__(self):\n        with open('main/conf.json') as f:\n            self.config = json.load(f)\n        self.port = self.config.get('port', 5000)\n{serve}"
            ),
            "A()",
        ),
        (
            format!(
                "import os\nclass A:\n    def __init__(self):\n        self.port = int(os.environ.get('ALPHA_AGENT_PORT', 7110))\n{serve}"
            ),
            "A()",
        ),
        (
            format!(
                "import os\nclass A:\n    def __init__(self):\n        self.port = int(os.getenv('ALPHA_AGENT_PORT', '7110'))\n{serve}"
            ),
            "A()",
        ),
    ] {
        let script = format!("import zmq\n{class}{made}\n");
        let files = [
            ("main/alpha.py", script.as_str()),
            ("main/conf.json", "{\"port\": 7110}"),
        ];
        let (found, _) = alpha(&files);
        assert!(found.starts_with(OTHER), "{script}\n{found}");
        let (found, _) = alpha(&[
            ("main/alpha.py", &script.replace("7110", "5000")),
            ("main/conf.json", "{\"port\": 5000}"),
        ]);
        assert!(found.starts_with("Starts "), "{script}\n{found}");
    }
}

#[test]
fn ports_that_are_free_again() {
    let port = "    s = zmq.Context.instance().socket(zmq.REP)\n    s.bind('tcp://*:5000')\n";
    let serve = "while True:\n    s.send(s.recv())\n";
    for (before, said) in [
        (String::new(), "Starts "),
        // Each of these closes what has it.
        ("with zmq.Context.instance().socket(zmq.REP) as s:\n    s.bind('tcp://*:5000')\n".to_owned(), "Starts "),
        ("with zmq.Context() as c:\n    s = c.socket(zmq.REP)\n    s.bind('tcp://*:5000')\n".to_owned(), "Starts "),
        (format!("def probe():\n{port}probe()\n"), "Starts "),
        (format!("def probe():\n{port}    s = None\nprobe()\n"), "Starts "),
        (format!("class A:\n  def __init__(self):\n{port}    self.s = s\nA()\n"), "Starts "),
        (format!("class A:\n  def __init__(self):\n{port}    self.s = s\na = A()\ndel a\n"), "Starts "),
        ("import socket\nwith socket.socket() as s:\n    s.bind(('', 5000))\n".to_owned(), "Starts "),
        (
            "import socket\ndef probe():\n    s = socket.socket()\n    s.bind(('', 5000))\n    return s.getsockname()\nprobe()\n"
                .to_owned(),
            "Starts ",
        ),
        // These do not.
        (format!("def make():\n{port}    return s\nkept = make()\n"), TWICE),
        (format!("class A:\n  def __init__(self):\n{port}    self.s = s\na = A()\n"), TWICE),
        (format!("ALL = []\nclass A:\n  def __init__(self):\n{port}    self.s = s\n  def use(self):\n    t = self.s\na = A()\na.use()\n"), TWICE),
    ] {
        let script = format!("import zmq\n{before}s = zmq.Context.instance().socket(zmq.REP)\ns.bind('tcp://*:5000')\n{serve}");
        alone_says(&script, said);
    }
}

#[test]
fn a_turn_that_may_not_have_been_taken() {
    for kind in ["REQ", "REP"] {
        let first = if kind == "REQ" { "s.send(b'x')\n" } else { "" };
        let recv = "try:\n    m = s.recv(zmq.NOBLOCK)\nexcept zmq.Again:\n    m = None\n";
        all_say(
            &[],
            &[(
                &with(kind, &format!("s.bind('tcp://*:7000')\n{first}{recv}{recv}")),
                "Starts ",
            )],
        );
    }
}

#[test]
fn addresses_that_no_container_has() {
    let refused = "CannotStart start/bad-operation";
    let zmq = |address: &str| format!("import zmq\ns = zmq.Context().socket(zmq.PUB)\ns.bind({address})");
    for (code, said) in [
        (zmq("'tcp://192.168.1.101:5999'"), refused),
        (zmq("f\"tcp://{'10.0.0.7'}:{5999}\""), refused),
        (zmq("'tcp://*:5999'"), "Starts "),
        (zmq("'tcp://0.0.0.0:5999'"), "Starts "),
        (zmq("'tcp://127.0.0.9:5999'"), "Starts "),
        // One of a network of the stack may be its own.
        (zmq("'tcp://172.20.0.10:5999'"), "Starts "),
        (zmq("'tcp://some-host:5999'"), "Starts "),
        (
            format!(
                "try:\n    {}\nexcept zmq.ZMQError:\n    pass",
                zmq("'tcp://192.168.1.101:5999'").replace('\n', "\n    ")
            ),
            "Starts ",
        ),
        (
            zmq("'tcp://192.168.1.101:5999'").replace(".bind", ".connect"),
            "Starts ",
        ),
    ] {
        let (found, _) = alpha(&[("main/alpha.py", &format!("{code}\n{GOOD}"))]);
        assert!(found.starts_with(said), "{code}\n{found}");
    }
}
