//! `init`: how each agent's health is asked, on a tree whose agents answer in every way that people have thought of.

use serde_json::Value;

use crate::init::plant;
use crate::sandbox::Sandbox;

/// Base classes, as trees have them.
const BASE: &str = "\
import os
import threading

import uvicorn
import zmq
from fastapi import FastAPI
from http.server import BaseHTTPRequestHandler, HTTPServer


class Rep:
    def __init__(self, port, kind=zmq.REP):
        self.socket = zmq.Context.instance().socket(kind)
        self.socket.bind(f'tcp://*:{port}')

    def fields(self):
        return {'agent': 'a'}

    def run(self):
        while True:
            self.socket.send_json(self.handle(self.socket.recv_json()))


class Web:
    where = '/up'

    def __init__(self, port):
        self.port = port
        self.app = FastAPI()
        self.app.add_api_route(self.where, self.health)

    def health(self):
        return {'status': 'fine'}

    def run(self):
        uvicorn.run(self.app, host='0.0.0.0', port=self.port)


def serve(port, path='/health'):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path != path:
                self.send_error(404)
                return
            self.send_response(200)

    server = HTTPServer(('', port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def unused(port):
    zmq.Context().socket(zmq.PUB).bind(f'tcp://*:{port}')
";

/// Each agent: its name, its script, and what the stack is to say of its health. Its port is 7000, 7010 and so on, its health port one above.
const AGENTS: &[(&str, &str, &str)] = &[
    (
        "Configured",
        "from common.base import Rep\nclass A(Rep):\n    def handle(self, m):\n        if m.get('action') in ('ping', 'health_check'):\n            return {'status': 'success'}\n        return {'status': 'error'}\nA(open('/etc/port').read()).run()\n",
        "{kind: zmq, port: 7000}",
    ),
    (
        "Named",
        "import os\nfrom common.base import Rep\nclass A(Rep):\n    def handle(self, m):\n        match m.get('type', m.get('action')):\n            case 'health':\n                return {'health': 'green', 'n': 1}\n            case other:\n                return {'error': other}\nA(os.getenv('NAMED_PORT', '7010')).run()\n",
        "{kind: zmq, port: 7010, ask: \"{\\\"action\\\":\\\"health\\\"}\", expect: green}",
    ),
    (
        "Degraded",
        "import json, threading, zmq\nc = zmq.Context()\npub = c.socket(zmq.PUB)\npub.bind('tcp://*:7020')\ndef health(up=False):\n    s = c.socket(zmq.REP)\n    s.bind('tcp://*:7021')\n    while True:\n        m = json.loads(s.recv())\n        if m.get('action') != 'health_check':\n            s.send_json({'status': 'error'})\n            continue\n        s.send_json({'status': 'ok' if up else 'degraded'})\nthreading.Thread(target=health, daemon=True).start()\nwhile True:\n    pub.send(b'x')\n",
        "{kind: zmq, expect: [ok, degraded]}",
    ),
    (
        "Text",
        "import json, threading, zmq\nc = zmq.Context()\nPORTS = json.load(open('/etc/ports'))\ndef health(port):\n    s = c.socket(zmq.REP)\n    s.bind('tcp://*:%d' % port)\n    while True:\n        s.send_string('pong' if s.recv_string().strip() == 'ping' else 'huh')\nthreading.Thread(target=health, args=(PORTS['h'],), daemon=True).start()\npub = c.socket(zmq.PUB)\npub.bind('tcp://*:7030')\nwhile True:\n    pub.send(b'x')\n",
        "{kind: zmq, ask: ping, expect: pong}",
    ),
    (
        "Front",
        "import json\nfrom common.base import Web\nWeb(json.load(open('/etc/ports'))['front']).run()\n",
        "{kind: http, port: 7040, path: /up}",
    ),
    (
        "Beside",
        "import json, zmq\nfrom common.base import serve\nports = json.load(open('/etc/ports'))\nserve(ports['h'], path='/status')\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:%s' % ports['p'])\nwhile True:\n    s.send(s.recv())\n",
        "{kind: http, path: /status}",
    ),
    (
        "Usual",
        "from common.base import serve\nimport time\nserve(7061)\nwhile True:\n    time.sleep(1)\n",
        "{kind: http, path: /health}",
    ),
    (
        "Table",
        "from common.base import Rep\nclass A(Rep):\n    def handle(self, m):\n        return {'health': self.health}[m['cmd']]()\n    def __init__(self):\n        super().__init__(7070)\n        self.known = {'health': self.health}\n    def health(self):\n        return {'status': 'alive'}\nA().run()\n",
        "{kind: zmq, port: 7070, ask: \"{\\\"cmd\\\":\\\"health\\\"}\", expect: alive}",
    ),
    (
        "Sender",
        "import time, zmq\ns = zmq.Context().socket(zmq.PUSH)\ns.connect('tcp://10.0.0.9:5')\nwhile True:\n    s.send(b'x')\n    time.sleep(1)\n",
        "process",
    ),
    (
        "Echo",
        "import zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:' + open('/etc/port').read())\nwhile True:\n    s.send(s.recv())\n",
        "{kind: tcp, port: 7090}",
    ),
    (
        "Plain",
        "import json, zmq\ns = zmq.Context().socket(zmq.REP)\ns.bind('tcp://*:7100')\ndef handle(text):\n    if text.startswith('GET /status'):\n        return 'ALIVE ' + json.dumps({'n': 1})\n    return 'ERROR'\nwhile True:\n    s.send_string(handle(s.recv_string()))\n",
        "{kind: zmq, port: 7100, ask: \"GET /status\", expect: ALIVE}",
    ),
    (
        "Frames",
        "import zmq\ns = zmq.Context().socket(zmq.ROUTER)\ns.bind('tcp://*:7110')\nwhile True:\n    who, empty, word = s.recv_multipart()\n    s.send_multipart([who, b'', b'pong' if word == b'ping' else b'?'])\n",
        "{kind: zmq, port: 7110, ask: ping, expect: pong}",
    ),
    (
        "Inherited",
        "from common.base import Rep\nclass A(Rep):\n    def __init__(self):\n        super().__init__(7120)\n        self.handlers = {'health_check': self._health}\n    def _health(self, m):\n        reply = self.fields()\n        reply.update(status='active')\n        return reply\n    def handle(self, m):\n        action = m.get('action') or m.get('type')\n        handler = self.handlers.get(action)\n        return handler(m) if handler else {'status': 'error'}\nA().run()\n",
        "{kind: zmq, port: 7120, expect: active}",
    ),
    (
        "Uncertain",
        "import json\nfrom common.base import Rep\nclass A(Rep):\n    def handle(self, m):\n        if m.get('action') == 'health_check':\n            return {'status': json.load(open('/etc/state'))}\n        return {'status': 'ok' if m.get('x') else 'error'}\nA(7131).run()\n",
        "{kind: tcp}",
    ),
    (
        "Perhaps",
        "import os, time\nfrom common.base import serve\nif os.path.exists('/etc/port'):\n    serve(7141)\nwhile True:\n    time.sleep(1)\n",
        "process",
    ),
    (
        "Guarded",
        "import os\nfrom common.base import Rep\nclass A(Rep):\n    def handle(self, m):\n        if m.get('token') != os.environ.get('TOKEN', 'x'):\n            return {'status': 'error'}\n        return {'status': 'ok' if m.get('action') == 'health_check' else 'error'}\nA(7151).run()\n",
        "{kind: tcp}",
    ),
    (
        "Nested",
        "from common.base import Rep\nclass A(Rep):\n    def handle(self, m):\n        command = m.get('body', {}).get('command')\n        return {'ok': True, 'n': 0} if command in {'ping', 'stop'} else {'ok': False}\nA(7161).run()\n",
        "{kind: zmq, ask: \"{\\\"body\\\":{\\\"command\\\":\\\"ping\\\"}}\", expect: \"{\\\"ok\\\":true}\"}",
    ),
];

#[test]
fn each_agent_is_asked_as_its_code_answers() {
    let sandbox = Sandbox::empty();
    let tree = sandbox.path("tree");
    let mut config = "agents:\n".to_owned();
    for (number, (name, script, _)) in AGENTS.iter().enumerate() {
        let port = 7000 + 10 * number;
        let file = format!("agents/{}.py", name.to_lowercase());
        plant(&tree, &[(&file, script)]);
        config.push_str(&format!(
            "- {{name: {name}, script_path: {file}, port: {port}, health_check_port: {}}}\n",
            port + 1
        ));
    }
    plant(
        &tree,
        &[
            ("config/startup_config.yaml", &config),
            ("common/__init__.py", ""),
            ("common/base.py", BASE),
            ("requirements.txt", "pyzmq\nfastapi\nuvicorn\n"),
        ],
    );
    let made = sandbox.run(&["init", "--tree", "tree"]);
    assert_eq!(made.code, 0, "{made:#?}");
    let stack = std::fs::read_to_string(tree.join("config/stack.yaml")).unwrap();
    let health_of = |name: &str| {
        let (_, of_agent) = stack.split_once(&format!("      {name}:\n"))?;
        let mut lines = of_agent.lines().take_while(|line| line.starts_with("        "));
        let line = lines.find_map(|line| line.trim_start().strip_prefix("health: "))?;
        Some(line.split("  # ").next().unwrap_or(line).to_owned())
    };
    let found: Vec<(&str, Option<String>)> = AGENTS.iter().map(|(name, ..)| (*name, health_of(name))).collect();
    let wanted: Vec<(&str, Option<String>)> = AGENTS
        .iter()
        .map(|(name, _, health)| (*name, Some((*health).to_owned())))
        .collect();
    assert_eq!(found, wanted, "{stack}");
    // What it wrote is taken.
    let output = sandbox
        .command(&["audit", "--format", "json"])
        .current_dir(&tree)
        .output()
        .unwrap();
    let audit = sandbox.ran(&output);
    let report: Value = serde_json::from_str(&audit.stdout).unwrap_or_else(|error| panic!("{error}\n{audit:#?}"));
    assert_eq!(
        report["agents"].as_array().map(Vec::len),
        Some(AGENTS.len()),
        "{report:#}"
    );
    let findings = report["findings"].as_array().unwrap();
    let of_stack = findings
        .iter()
        .filter(|finding| finding["rule"].as_str().unwrap().starts_with("stack/"));
    assert_eq!(of_stack.count(), 0, "{report:#}");
}
