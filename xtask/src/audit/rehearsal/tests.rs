//! Whole agents, as people write them, and how each is asked.

use pysrc::{Module, PythonVersion};

use super::{File, Files, request};

/// How an agent is asked whose script this is, with another file that it imports as `base`: `REQUEST -> WORDS`.
fn asked_with(script: &str, base: &str) -> Option<String> {
    let read = |text: &str| {
        let module = pysrc::read(text.as_bytes(), PythonVersion::USUAL);
        assert!(module.parses(), "{text}");
        module
    };
    let (script, base) = (read(script), read(base));
    let files = Files::new(vec![
        File {
            path: "agents/agent.py",
            module: &script,
        },
        File {
            path: "agents/base.py",
            module: &base,
        },
    ]);
    let binds = |module: &Module| {
        let mut calls = module.calls.iter();
        let bind = calls.find(|call| module.called(call) == Some("bind"));
        bind.map(|call| module.position(call.span).line)
    };
    let (file, line) = match binds(&script) {
        Some(line) => (0, line),
        None => (1, binds(&base).unwrap()),
    };
    let request = request(&files, file, line, true)?;
    let words = match request.expect.as_slice() {
        [] => String::new(),
        words => format!(" -> {}", words.join(", ")),
    };
    Some(format!("{}{words}", request.ask))
}

fn asked(script: &str) -> Option<String> {
    asked_with(script, "")
}

/// An agent that answers in a loop at its top.
fn looped(turn: &str) -> String {
    format!(
        "import json, os, pickle, zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:1')\nstate = 'idle'\nknown = {{'status': 'ok'}}\nwhile True:\n    {}\n",
        turn.replace('\n', "\n    ")
    )
}

/// A class that answers what `handle` returns.
fn handling(members: &str) -> String {
    format!(
        "import json, zmq\nfrom base import Base, Checker, filled, WELL\nclass A(Base):\n    def __init__(self):\n        self.checker = Checker()\n        \
         self.s = zmq.Context().socket(zmq.REP)\n        self.s.bind('tcp://*:1')\n    {}\n    def run(self):\n        self.mode = 'idle'\n        while True:\n            \
         self.s.send_json(self.handle(self.s.recv_json()))\n            self.mode = 'busy'\n",
        members.replace('\n', "\n    ")
    )
}

const BASE: &str = "WELL = 'fine'\nclass Base:\n    state = 'starting'\n    def get_status(self):\n        return {'status': 'alive'}\n    def fields(self):\n        \
                    return {'agent': 1}\n    def reply(self, status, **more):\n        return {'status': status, **more}\n    def go(self):\n        self.state = \
                    'running'\nclass Checker:\n    def report(self):\n        found = {'n': 1}\n        found['status'] = WELL\n        return \
                    found\ndef filled(found):\n    found['status'] = what()\n";

#[test]
fn requests_and_answers_of_text_and_bytes_are_known() {
    for (turn, expected) in [
        (
            "m = s.recv_string()\ns.send_string('PONG' if m == 'PING' else 'ERROR')",
            Some("PING -> PONG"),
        ),
        (
            "m = s.recv_string().strip().lower()\nif m == 'status':\n    s.send_string('ALIVE ' + json.dumps({'at': 1}))\nelse:\n    s.send_string('?')",
            Some("status -> ALIVE"),
        ),
        (
            "words = s.recv_string().split()\nif words and words[0].upper() == 'HEALTH':\n    s.send_string(f'OK {os.getpid()} up')\nelse:\n    \
             s.send_string('done')",
            Some("HEALTH -> OK"),
        ),
        (
            "if s.recv_string().startswith('GET /status'):\n    s.send_string('200 running')\nelse:\n    s.send_string('404')",
            Some("GET /status -> 200 running"),
        ),
        (
            "m = s.recv()\ns.send(b'pong' if m == b'ping' else b'?')",
            Some("ping -> pong"),
        ),
        (
            "if s.recv().decode() in {'ping', 'health'}:\n    s.send(b'fine')\nelse:\n    s.send(b'?')",
            Some("health -> fine"),
        ),
        (
            "frames = s.recv_multipart()\nif frames[0] == b'status':\n    s.send_multipart([b'x', json.dumps({'status': 'active'}).encode()])\nelse:\n    \
             s.send_multipart([b'error'])",
            Some("status -> active"),
        ),
        (
            "try:\n    m = json.loads(s.recv())\nexcept json.JSONDecodeError:\n    s.send(b'error')\n    continue\ns.send_json({'state': 'up', 'for': m.get('type') == 'ping'})",
            Some("{\"type\":\"ping\"} -> up"),
        ),
        // What earlier requests have changed.
        (
            "m = s.recv_json()\nif m.get('cmd') == 'health':\n    s.send_json({'status': state})\nelse:\n    state = 'busy'\n    s.send_json({})",
            Some("{\"cmd\":\"health\"} -> idle, busy"),
        ),
        (
            "m = s.recv_json()\nif m.get('cmd') == 'health':\n    s.send_json(known)\nelse:\n    known['status'] = m\n    s.send_json({})",
            None,
        ),
        // Bytes are never a text.
        ("m = s.recv()\ns.send(b'pong' if m == 'ping' else b'error')", None),
        // What is compared is never met.
        (
            "m = s.recv_string().lower()\ns.send(b'pong' if m == 'PING' else b'error')",
            None,
        ),
        (
            "cmd, rest = s.recv_string().split(' ', 1)\ns.send_string('pong' if cmd == 'ping' else 'error')",
            None,
        ),
        (
            "m = s.recv_string()\ns.send_string('UP' if m == 'ping' and os.path.exists('/x') else 'NOT UP')",
            None,
        ),
        (
            "m = pickle.loads(s.recv())\ns.send_json({'status': 'ok'} if m.get('action') == 'ping' else {'status': 'error'})",
            None,
        ),
    ] {
        assert_eq!(asked(&looped(turn)).as_deref(), expected, "{turn}");
    }
    let router = looped(
        "who, empty, m = s.recv_multipart()\nif m == b'HEALTH':\n    s.send_multipart([who, b'', b'WELL'])\nelse:\n    s.send_multipart([who, b'', b'NACK'])",
    );
    let router = router.replace("REP", "ROUTER");
    assert_eq!(asked(&router).as_deref(), Some("HEALTH -> WELL"));
    // Nobody who asks with an empty frame gets an answer to two.
    assert_eq!(asked(&router.replace("who, empty, m", "who, m")), None);
    assert_eq!(asked(&router.replace("who, b''", "who")), None);
}

#[test]
fn answers_are_put_together_in_any_way_and_file() {
    for (reply, words) in [
        ("return self.get_status()", Some(" -> alive")),
        ("return {**self.fields(), 'status': 'up'}", Some(" -> up")),
        ("return dict(self.fields(), status='up')", Some(" -> up")),
        (
            "r = self.fields()\n        r.update(status='up')\n        return r",
            Some(" -> up"),
        ),
        ("r = {}\n        r['status'] = 'up'\n        return r", Some(" -> up")),
        ("return self.checker.report()", Some(" -> fine")),
        ("return self.reply('up', n=1)", Some(" -> up")),
        ("return {'status': WELL}", Some(" -> fine")),
        ("return {'status': self.state}", Some(" -> running, starting")),
        ("return {'status': self.mode}", Some(" -> idle, busy")),
        ("return {'status': 'ok', **self.fields()}", Some("")),
        (
            "return {'to': 1, 'body': {'status': 'ok'}}",
            Some(" -> {\"body\":{\"status\":\"ok\"}}"),
        ),
        ("return {'ok': True}", Some(" -> {\"ok\":true}")),
        (
            "return {'status': 'ok' if self.up else 'degraded'}",
            Some(" -> ok, degraded"),
        ),
        ("return {'status': 'ok' if self.up else 'error'}", Some("")),
        // What changes it, or may, is not known.
        ("return {'status': 'ok', **other()}", None),
        ("r = {'status': 'ok'}\n        filled(r)\n        return r", None),
        (
            "r = {'status': 'ok'}\n        if m:\n            r = other()\n        return r",
            None,
        ),
        ("return self.other.report()", None),
        ("return self.reply(m['x'])", None),
        ("return {'status': 'ok', 'id': m['id']}", None),
        ("return {'ok': self.up}", None),
    ] {
        let text = handling(&format!(
            "def handle(self, m):\n    if m.get('action') == 'health_check':\n        {reply}\n    return {{'status': 'error'}}"
        ));
        let expected = words.map(|words| format!("{{\"action\":\"health_check\"}}{words}"));
        assert_eq!(asked_with(&text, BASE), expected, "{reply}");
    }
}

#[test]
fn a_base_class_may_receive_what_an_agent_answers() {
    let base = "import zmq\nclass Base:\n    def __init__(self, port):\n        self.socket = zmq.Context().socket(zmq.REP)\n        \
                self.socket.bind(f'tcp://*:{port}')\n    def get_status(self):\n        return {'status': 'running'}\n    def handle(self, m):\n        if m.get('action') \
                in ('status', 'get_status'):\n            return self.get_status()\n        return {'status': 'error'}\n    def receive(self):\n        return \
                self.socket.recv_json()\n    def run(self):\n        while self.up:\n            if self.socket.poll(10) == 0:\n                continue\n            \
                try:\n                self.socket.send_json(self.handle(self.receive()))\n            except Exception as e:\n                \
                self.socket.send_json({'status': 'error', 'message': str(e)})\n";
    let agent = |members: &str| {
        format!(
            "from base import Base\nclass A(Base):\n    {}\n",
            members.replace('\n', "\n    ")
        )
    };
    for (members, expected) in [
        ("pass", Some("{\"action\":\"status\"} -> running")),
        (
            "def get_status(self):\n    status = super().get_status()\n    status['n'] = 1\n    return status",
            Some("{\"action\":\"status\"} -> running"),
        ),
        (
            "def get_status(self):\n    return {'state': 'GREEN'}",
            Some("{\"action\":\"status\"} -> GREEN"),
        ),
        (
            "def handle(self, m):\n    if m['action'] == 'ping':\n        return {'reply': 'pong'}\n    return super().handle(m)",
            Some("{\"action\":\"ping\"} -> pong"),
        ),
        ("def get_status(self):\n    return ask_somebody()", None),
    ] {
        assert_eq!(asked_with(&agent(members), base).as_deref(), expected, "{members}");
    }
}

#[test]
fn what_is_asked_may_choose_a_function() {
    let functions = "def health(self, m):\n    return {'status': 'alive'}\ndef do_health_check(self, m):\n    return {'status': 'ok'}\n";
    for (handle, expected) in [
        (
            "table = None\ndef boot(self):\n    self.table = {'health': self.health}\ndef handle(self, m):\n    f = self.table.get(m.get('cmd'))\n    return f(m) if f else \
             {'status': 'error'}",
            Some("{\"cmd\":\"health\"} -> alive"),
        ),
        (
            "def handle(self, m):\n    return getattr(self, f'do_{m.get(\"action\")}')(m)",
            Some("{\"action\":\"health_check\"}"),
        ),
        (
            "def handle(self, m):\n    name = 'do_' + m['cmd'].lower().replace('-', '_')\n    f = getattr(self, name, None)\n    return f(m) if f else {'status': 'error'}",
            Some("{\"cmd\":\"health_check\"}"),
        ),
        (
            "def handle(self, m):\n    match m:\n        case {'op': 'ping'}:\n            return {'reply': 'pong'}\n        case _:\n            return {'error': 'what'}",
            Some("{\"op\":\"ping\"} -> pong"),
        ),
        (
            "def handle(self, m):\n    action = m.get('action') or m.get('type')\n    return {'status': 'healthy'} if action in ('ping', 'health') else {'status': 'error'}",
            Some("{\"action\":\"health\"}"),
        ),
        (
            "def handle(self, m):\n    body = m.get('payload', {})\n    return {'status': 'ok'} if body.get('action') == 'ping' else {'status': 'error'}",
            Some("{\"payload\":{\"action\":\"ping\"}}"),
        ),
        // More has to be said than is known.
        (
            "def handle(self, m):\n    if m.get('token') != self.token:\n        return {'status': 'error'}\n    return {'status': 'ok'} if m.get('action') == 'ping' else \
             {'status': 'error'}",
            None,
        ),
        (
            "def handle(self, m):\n    if m.get('version', 0) < 2:\n        return {'status': 'error'}\n    return {'status': 'ok'} if m.get('action') == 'ping' else \
             {'status': 'error'}",
            None,
        ),
        (
            "def handle(self, m):\n    if self.gate == 'locked':\n        return {'status': 'error'}\n    return {'status': 'ok'} if m.get('action') == 'ping' else {'status': \
             'error'}",
            None,
        ),
        (
            "def handle(self, m):\n    action = {'ping': 'p'}.get(m.get('action'), '?')\n    return {'status': 'ok'} if action == 'ping' else {'status': 'error'}",
            None,
        ),
        ("def handle(self, m):\n    return self.table[m['cmd']](m)", None),
    ] {
        let text = handling(&format!("{functions}{handle}"));
        assert_eq!(asked_with(&text, BASE).as_deref(), expected, "{handle}");
    }
}
