//! The texts of the tree's Python files, as agents of such systems are written.

use std::fmt::Write as _;

use super::random::Random;

/// A module that others import.
#[derive(Debug, Clone)]
pub struct Module {
    code: String,
    folder: usize,
    index: usize,
}

impl Module {
    /// The module of that number, in that folder below that folder of code.
    pub fn new(code: &str, index: usize, folder: usize) -> Self {
        Self {
            code: code.to_owned(),
            folder,
            index,
        }
    }

    /// Its path in the tree.
    pub fn path(&self) -> String {
        format!("{}/src/part_{}/module_{}.py", self.code, self.folder, self.index)
    }

    /// Its name in an import. Half of such code leaves the first folder out.
    fn import(&self, random: &mut Random, whole: bool) -> String {
        let short = format!("src.part_{}.module_{}", self.folder, self.index);
        if whole || random.percent(60) {
            format!("{}.{short}", self.code)
        } else {
            short
        }
    }

    /// Whether a file is code of the same machine.
    pub fn is_beside(&self, path: &str) -> bool {
        path.strip_prefix(self.code.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    }

    fn class(&self) -> String {
        format!("Service{}", self.index)
    }
}

const NOUNS: &[&str] = &[
    "request", "response", "session", "context", "payload", "memory", "model", "token", "audio", "frame", "score",
    "status", "intent", "emotion", "history", "config", "message", "result", "budget", "worker", "queue", "metric",
    "profile", "goal",
];
const VERBS: &[&str] = &[
    "load", "store", "update", "process", "handle", "route", "score", "merge", "collect", "publish", "validate",
    "prepare", "refresh", "encode", "decode", "resolve", "schedule", "release",
];
const IMPORTS: &[&str] = &[
    "import argparse",
    "import json",
    "import logging",
    "import os",
    "import queue",
    "import sys",
    "import threading",
    "import time",
    "import traceback",
    "import uuid",
    "from collections import defaultdict, deque",
    "from dataclasses import dataclass, field",
    "from datetime import datetime, timedelta",
    "from pathlib import Path",
    "from typing import Any, Dict, List, Optional, Tuple",
];
const PACKAGES: &[&str] = &[
    "import numpy as np",
    "import psutil",
    "import requests",
    "import torch",
    "import yaml",
];

/// Lines of bodies: `@` and `$` stand for names, `~` for a number.
const STATEMENTS: &[&str] = &[
    "@ = $.get(\"@\", {})",
    "@_count = len(self.@) + ~",
    "self.@[\"$\"] = @_value if @_value is not None else ~",
    "logger.info(\"@ of $ took %.2f s\", time.time() - started)",
    "logger.debug(f\"@ {$_id} has {len(self.@)} entries of {~}\")",
    "self.stats[\"@_$\"] = self.stats.get(\"@_$\", 0) + 1",
    "@ = {\"action\": \"$\", \"id\": str(uuid.uuid4()), \"limit\": ~}",
    "@ = [item for item in self.$ if item[\"@\"] > ~ and not item.get(\"done\")]",
    "@, $ = self._split(@, limit=~)",
    "with self.lock:\n    self.@.append((time.time(), $))",
    "if not @:\n    logger.warning(\"no @ for $\")\n    return {\"status\": \"error\", \"message\": \"no @\"}",
    "for index, @ in enumerate(self.$[:~]):\n    total += @.get(\"weight\", 1.0) * index\n    if total > ~:\n        break",
    "try:\n    @ = json.loads($)\nexcept json.JSONDecodeError as error:\n    logger.error(\"$ is no JSON: %s\", error)\n    @ = None",
    "try:\n    self.socket.send_json({\"action\": \"@\", \"$\": ~})\n    @ = self.socket.recv_json()\nexcept zmq.error.Again:\n    \
     logger.warning(\"@ timed out after %d ms\", ~)\n    return None",
    "@ = os.path.join(self.base_path, \"data\", \"@_$.json\")",
    "@ = os.environ.get(\"@_$\", \"~\")",
    "@ = max(0.0, min(1.0, ($ - self.@_mean) / (self.@_deviation + 1e-6)))",
    "while self.running and self.$_depth < ~:\n    @ = self.$_queue.get(timeout=0.5)\n    self.handle_@(@)",
    "return {\"status\": \"success\", \"@\": @, \"$\": self.$, \"at\": datetime.now().isoformat()}",
    "# @ comes before $: the order was found by trial",
    "@ = sorted(self.$.items(), key=lambda entry: entry[1], reverse=True)[:~]",
    "@_socket = self.context.socket(zmq.REQ)\n@_socket.setsockopt(zmq.RCVTIMEO, ~)\n@_socket.connect(f\"tcp://localhost:{~}\")",
    "if isinstance(@, dict) and \"$\" in @:\n    @ = @[\"$\"]\nelif isinstance(@, list):\n    @ = @[0] if @ else None\nelse:\n    \
     @ = str(@)",
];

pub fn name(random: &mut Random) -> String {
    format!("{}_{}", random.pick(VERBS), random.pick(NOUNS))
}

/// Writes statements to a body that is indented so far, until it has that many lines.
fn statements(random: &mut Random, out: &mut String, indent: usize, lines: usize) {
    let mut written = 0;
    while written < lines {
        let (a, b) = (random.pick(NOUNS), random.pick(NOUNS));
        let number = (1 + random.below(9000)).to_string();
        for line in random.pick(STATEMENTS).lines() {
            let _ = write!(out, "{:indent$}", "");
            for piece in line.split_inclusive(['@', '$', '~']) {
                let (text, filled) = match piece.char_indices().next_back() {
                    Some((at, '@')) => (&piece[..at], a),
                    Some((at, '$')) => (&piece[..at], b),
                    Some((at, '~')) => (&piece[..at], number.as_str()),
                    _ => (piece, ""),
                };
                out.push_str(text);
                out.push_str(filled);
            }
            out.push('\n');
            written += 1;
        }
        if random.percent(12) {
            out.push('\n');
            written += 1;
        }
    }
}

fn function(random: &mut Random, out: &mut String, indent: usize, name: &str, lines: usize) {
    let method = if indent > 0 { "self, " } else { "self=None, " };
    let (a, b) = (random.pick(NOUNS), random.pick(NOUNS));
    let pad = " ".repeat(indent);
    let first = if a == b { "first" } else { a };
    let _ = writeln!(
        out,
        "{pad}def {name}({method}{first}: Dict[str, Any] = None, {b}: Optional[List[str]] = None) -> Dict[str, Any]:"
    );
    let _ = writeln!(out, "{pad}    \"\"\"\n{pad}    Takes {a} and gives what {b} needs.\n");
    let _ = writeln!(
        out,
        "{pad}    Args:\n{pad}        {a}: as the peer sent it\n{pad}    \"\"\""
    );
    let _ = writeln!(out, "{pad}    started, total = time.time(), 0");
    statements(random, out, indent + 4, lines);
    out.push('\n');
}

fn head(random: &mut Random, out: &mut String, about: &str, known: &[&Module], whole: bool) {
    let _ = writeln!(
        out,
        "#!/usr/bin/env python3\n\"\"\"\n{about}\n\nPart of the system; see the startup config.\n\"\"\""
    );
    for import in IMPORTS {
        let _ = writeln!(out, "{import}");
    }
    out.push_str("import zmq\n");
    if random.percent(15) {
        let _ = writeln!(out, "{}", random.pick(PACKAGES));
    }
    if random.percent(20) {
        out.push_str("try:\n    import torch\nexcept ImportError:\n    torch = None\n");
    }
    out.push('\n');
    let imported = if known.is_empty() { 0 } else { 1 + random.below(5) };
    for _ in 0..imported {
        // The older a module, the more import it.
        let furthest = 1 + random.below(known.len());
        let reach = 1 + random.below(furthest);
        if let Some(module) = known.get(random.below(reach)) {
            let path = module.import(random, whole);
            let index = module.index;
            match random.below(3) {
                0 => drop(writeln!(out, "import {path}")),
                1 => drop(writeln!(out, "from {path} import {}, helper_{index}", module.class())),
                _ => drop(writeln!(out, "from {path} import LIMIT_{index} as limit_{index}")),
            }
        }
    }
    out.push_str(
        "\nlogging.basicConfig(level=logging.INFO, format=\"%(asctime)s %(name)s %(levelname)s %(message)s\")\n",
    );
    out.push_str("logger = logging.getLogger(__name__)\n\n");
}

fn lines_of(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

pub fn methods(random: &mut Random, out: &mut String, indent: usize, until: usize) {
    while lines_of(out) < until {
        let name = format!("{}_{}", name(random), random.below(100));
        let length = if random.percent(10) { 60 } else { 6 } + random.below(24);
        function(random, out, indent, &name, length);
    }
}

fn class(random: &mut Random, out: &mut String, name: &str, base: Option<&str>) {
    let _ = writeln!(
        out,
        "class {name}{}:",
        base.map_or_else(String::new, |base| format!("({base})"))
    );
    let _ = writeln!(
        out,
        "    \"\"\"Keeps {} and {}.\"\"\"\n",
        random.pick(NOUNS),
        random.pick(NOUNS)
    );
    out.push_str("    def __init__(self, port=None, config: Optional[Dict[str, Any]] = None, **kwargs):\n");
    if base.is_some() {
        out.push_str("        super().__init__(port=port, config=config)\n");
    }
    out.push_str("        self.config = config or {}\n        self.port = port\n        self.running = True\n");
    out.push_str("        self.lock = threading.Lock()\n        self.stats = defaultdict(int)\n");
    for _ in 0..4 + random.below(6) {
        let noun = random.pick(NOUNS);
        let value = random.pick(&[
            "{}",
            "[]",
            "deque(maxlen=100)",
            "0",
            "None",
            "Path(\"logs\") / \"agent.log\"",
        ]);
        let _ = writeln!(out, "        self.{noun} = {value}");
    }
    out.push('\n');
}

/// A module that others import.
pub fn module(random: &mut Random, module: &Module, known: &[&Module], lines: usize) -> String {
    let mut out = String::new();
    head(random, &mut out, &format!("Module {}.", module.index), known, true);
    let _ = writeln!(out, "LIMIT_{} = {}\n\n", module.index, random.below(5000));
    class(random, &mut out, &module.class(), None);
    methods(random, &mut out, 4, lines * 3 / 4);
    out.push('\n');
    function(random, &mut out, 0, &format!("helper_{}", module.index), 8);
    methods(random, &mut out, 0, lines);
    out
}

/// A file that nothing runs any more.
pub fn stray(random: &mut Random, known: &[&Module], lines: usize) -> String {
    let mut out = String::new();
    head(random, &mut out, "An older version, kept in case.", known, false);
    class(random, &mut out, "OldAgent", None);
    methods(random, &mut out, 4, lines);
    out.push_str("\nif __name__ == \"__main__\":\n    OldAgent(port=5555)\n");
    out
}

/// An agent that answers on the ports that it is given, `(5555, 7555)` by default.
pub fn agent(random: &mut Random, name: &str, ports: (u16, u16), known: &[&Module], lines: usize) -> String {
    let mut out = String::new();
    head(random, &mut out, &format!("{name}: one of the agents."), known, false);
    let base = known.get(random.below(known.len().min(12)));
    if let Some(base) = base {
        let path = base.import(random, true);
        let _ = writeln!(out, "from {path} import {}\n", base.class());
    }
    let (port, health_port) = ports;
    let _ = writeln!(
        out,
        "\ndef parse_args():\n    parser = argparse.ArgumentParser()\n    parser.add_argument(\"--port\", type=int, \
         default={port})\n    parser.add_argument(\"--health_check_port\", type=int, default={health_port})\n    \
         parser.add_argument(\"--name\", default=\"{name}\")\n    args, _ = parser.parse_known_args()\n    return args\n\n"
    );
    let base = base.map(|base| base.class());
    class(random, &mut out, name, base.as_deref());
    out.push_str(
        "    def serve(self, port, health_port):\n        self.context = zmq.Context()\n        self.socket = \
         self.context.socket(zmq.REP)\n        self.socket.bind(f\"tcp://*:{port}\")\n        self.health = \
         self.context.socket(zmq.REP)\n        self.health.bind(f\"tcp://*:{health_port}\")\n        while self.running:\n            \
         request = self.socket.recv_json()\n            self.socket.send_json({\"status\": \"ok\", \"seen\": request})\n\n",
    );
    methods(random, &mut out, 4, lines);
    let _ = writeln!(
        out,
        "\nif __name__ == \"__main__\":\n    args = parse_args()\n    agent = {name}(port=args.port)\n    try:\n        \
         agent.serve(args.port, args.health_check_port)\n    except KeyboardInterrupt:\n        logger.info(\"stopped\")"
    );
    out
}
