//! Ports that are bound and are not the configured ones, however the code comes by them. Alpha's port is 5000, its health port 7000.

use super::{alone_says, alpha};

/// What binds these ports and then waits.
fn said_of(code: &str) -> String {
    let script = format!("import zmq\nc = zmq.Context()\n{code}\nimport time\nwhile True:\n    time.sleep(1)\n");
    alpha(&[("main/alpha.py", &script)]).0
}

#[test]
fn the_port_of_any_object() {
    for code in [
        "class B:\n    def __init__(self, port=5999, **kw):\n        self.port = port\n        s = c.socket(zmq.REP)\n        s.bind(f'tcp://*:{self.port}')\nclass A(B):\n    def __init__(self, **kw):\n        super().__init__(**kw)\nA(name='a')",
        "class A:\n    @property\n    def port(self):\n        return 5999\n    def __init__(self):\n        c.socket(zmq.REP).bind('tcp://*:%d' % self.port)\nA()",
        "class B:\n    def __init__(self, **k):\n        c.socket(zmq.REP).bind(f\"tcp://*:{k.get('port', 5999)}\")\nB(name='a')",
        "from dataclasses import dataclass, field\n@dataclass\nclass Net:\n    host: str = '0.0.0.0'\n    port: int = 5999\n@dataclass\nclass Conf:\n    net: Net = field(default_factory=Net)\n    @property\n    def url(self):\n        return f'tcp://{self.net.host}:{self.net.port}'\nc.socket(zmq.REP).bind(Conf().url)",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Conf:\n    port: int = 1\n    def url(self):\n        return f'tcp://*:{self.port}'\nc.socket(zmq.REP).bind(Conf(port=5999).url())",
        "import enum\nclass Port(enum.IntEnum):\n    REP = 5999\nc.socket(zmq.REP).bind(f'tcp://*:{Port.REP.value}')",
        "import enum\nclass At(enum.Enum):\n    REP = 'tcp://*:5999'\nc.socket(zmq.REP).bind(At.REP.value)",
        "class A:\n    def __init__(self, given):\n        for key, value in given.items():\n            setattr(self, key, value)\na = A({'port': 5999})\nc.socket(zmq.REP).bind(f'tcp://*:{a.port}')",
        "from functools import partial\ndef serve(kind, port):\n    s = c.socket(kind)\n    s.bind(f'tcp://*:{port}')\n    return s\nreply = partial(serve, zmq.REP)\ns = reply(port=5999)",
        "PORTS = {'alpha': 5999}\ndef port_of(name, all=PORTS):\n    return all[name]\nc.socket(zmq.REP).bind('tcp://*:{}'.format(port_of('alpha')))",
    ] {
        let said = said_of(code);
        assert!(said.starts_with("MayNot start/other-port"), "{code}\n{said}");
        assert!(
            said.contains("binds port 5999, and the configured port is 5000"),
            "{said}"
        );
    }
}

#[test]
fn the_port_of_a_server() {
    let serving = |code: &str| {
        let script = format!("{code}\nimport time\nwhile True:\n    time.sleep(1)\n");
        alpha(&[
            ("main/alpha.py", &script),
            ("main/a.py", "b = print\n"),
            ("requirements.core.txt", "pyzmq\nflask\nfastapi\nuvicorn\naiohttp\n"),
        ])
        .0
    };
    for code in [
        "from flask import Flask\napp = Flask(__name__)\napp.run(host='0.0.0.0', port=5999)",
        "import uvicorn\nuvicorn.run('a:b', port=5999)",
        "import uvicorn\nfrom fastapi import FastAPI\nuvicorn.Server(uvicorn.Config(FastAPI(), port=5999)).run()",
        "import asyncio\nfrom aiohttp import web\nasync def main():\n    runner = web.AppRunner(web.Application())\n    await runner.setup()\n    await web.TCPSite(runner, '0.0.0.0', 5999).start()\n    await asyncio.Event().wait()\nasyncio.run(main())",
        "import http.server as h\nclass S(h.ThreadingHTTPServer):\n    def __init__(self, port=5999):\n        super().__init__(('', port), h.SimpleHTTPRequestHandler)\nS().serve_forever()",
        "from http.server import HTTPServer, SimpleHTTPRequestHandler\nfrom socketserver import ThreadingMixIn\nclass S(ThreadingMixIn, HTTPServer):\n    daemon_threads = True\nS(('', 5999), SimpleHTTPRequestHandler).serve_forever()",
        "import asyncio\nasync def main():\n    s = await asyncio.start_server(print, '0.0.0.0', 5999)\n    await s.serve_forever()\nasyncio.run(main())",
        "import socket\ns = socket.socket()\ns.bind(('', 5999))\ns.listen()",
    ] {
        let said = serving(code);
        assert!(said.starts_with("MayNot start/other-port"), "{code}\n{said}");
    }
    for code in [
        "from flask import Flask\napp = Flask(__name__)\napp.run(host='0.0.0.0', port=5000)",
        "import uvicorn\nuvicorn.run('a:b', uds='/tmp/a.sock')",
        "import asyncio\nasync def main():\n    s = await asyncio.start_server(print, path='/tmp/a')\n    await s.serve_forever()\nasyncio.run(main())",
        "import os, uvicorn\nuvicorn.run('a:b', port=int(os.listdir()[0]))",
    ] {
        let said = serving(code);
        assert!(said.starts_with("Starts"), "{code}\n{said}");
    }
}

#[test]
fn the_port_on_which_health_is_asked() {
    let both = |health: &str| format!("s = c.socket(zmq.REP)\ns.bind('tcp://*:5000')\nh = c.socket(zmq.REP)\n{health}");
    let said = said_of(&both("h.bind('tcp://*:5001')"));
    assert!(
        said.contains("binds port 5000, 5001, and its health is asked on 7000"),
        "{said}"
    );
    let thread = "import threading\ndef health():\n    h.bind('tcp://*:5001')\n    while True:\n        h.send(h.recv())\nthreading.Thread(target=health, daemon=True).start()";
    let said = said_of(&both(thread));
    assert!(
        said.starts_with("MayNot start/other-port") || said.starts_with("Starts"),
        "{said}"
    );
    for health in [
        "h.bind('tcp://*:7000')",
        "h.bind_to_random_port('tcp://*')",
        "import os\nh.bind(f'tcp://*:{os.listdir()[0]}')",
        "h.close()",
        // Nobody asks a publisher.
        "c.socket(zmq.PUB).bind('tcp://*:5001')",
        "h.bind('tcp://*:5001')\nh.bind('tcp://*:5002')",
        "from http.server import HTTPServer\nHTTPServer(('', 7000), None)\nh.bind('tcp://*:5001')",
    ] {
        let said = said_of(&both(health));
        assert!(said.starts_with("Starts"), "{health}\n{said}");
    }
    alone_says(super::GOOD, "Starts ");
}
