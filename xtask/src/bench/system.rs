//! A tree like those that the audit is for: agents made of base classes that they share, settings in YAML and JSON, threads, sockets,
//! and a library of which each agent imports a part. Unlike [`super::tree`], which is about parsing, nothing of it is broken: its
//! agents start, so that each is followed to the end.
//!
//! The same numbers give the same texts, whatever the machine.

use std::fmt::Write as _;

use super::python::{methods, name};
use super::random::Random;

/// Seed of all trees.
const SEED: u64 = 0x05EE_D0F5;
/// Lines of the shortest and of the longest file.
const LINES: (usize, usize) = (300, 2_500);
/// Lines of a file of a library that all agents share.
const LIBRARY_LINES: usize = 365;
/// Families of agents, each with a base class of its own below the one of all.
const FAMILIES: usize = 12;
/// Services that an agent of a usual tree may be made of.
const SERVICES: usize = 60;
/// Furthest that a service looks back for those that it uses.
const REACH: usize = 14;
/// Modules of one folder.
const FOLDER: usize = 20;
/// First port of the agents; their health ports are as many above.
const PORTS: (u16, u16) = (20_000, 10_000);

/// A tree to be made.
#[derive(Debug, Clone, Copy)]
pub struct System {
    agents: u16,
    services: usize,
    /// Each agent imports all services, whose lines these are; otherwise each imports a few.
    library_lines: Option<usize>,
}

impl System {
    /// So many agents of shared base classes; each imports between ten and sixty files of the tree.
    #[must_use]
    pub fn of_agents(agents: u16) -> Self {
        Self {
            agents,
            services: SERVICES,
            library_lines: None,
        }
    }

    /// So many agents that all import one library of about that many lines.
    #[must_use]
    pub fn with_library(agents: u16, lines: usize) -> Self {
        Self {
            agents,
            services: (lines / LIBRARY_LINES).max(1),
            library_lines: Some(LIBRARY_LINES),
        }
    }

    /// How many agents it has.
    #[must_use]
    pub fn agents(self) -> u16 {
        self.agents
    }

    /// Its files: path relative to the tree, and text.
    pub fn files(self) -> impl Iterator<Item = (String, String)> {
        let shared = [
            ("requirements.txt", REQUIREMENTS.to_owned()),
            ("system/config/system.yaml", SETTINGS.to_owned()),
            ("system/config/models.json", MODELS.to_owned()),
            ("system/config/startup_config.yaml", self.startup()),
            ("common/__init__.py", String::new()),
            ("common/paths.py", PATHS.to_owned()),
            ("services/__init__.py", String::new()),
        ];
        let shared = shared.map(|(path, text)| (path.to_owned(), text));
        let common = COMMON.iter().enumerate().map(move |(at, (path, head))| {
            let text = self.filled(&mut Random::new(SEED, at), (*head).to_owned());
            ((*path).to_owned(), text)
        });
        let families = (0..FAMILIES).map(move |at| (format!("common/families/family_{at}.py"), self.family(at)));
        let folders = (0..self.services.div_ceil(FOLDER)).flat_map(|at| {
            let empty = |folder: String| (format!("{folder}/__init__.py"), String::new());
            [empty(format!("services/part_{at}"))]
        });
        let empty = ("common/families/__init__.py".to_owned(), String::new());
        let services = (0..self.services).map(move |at| (format!("{}.py", path_of(at)), self.service(at)));
        let facade = self
            .library_lines
            .map(|_| ("services/every.py".to_owned(), self.facade()));
        let agents = (0..self.agents).map(move |at| (format!("system/agents/agent_{at}.py"), self.agent(at)));
        shared
            .into_iter()
            .chain([empty])
            .chain(common)
            .chain(families)
            .chain(folders)
            .chain(services)
            .chain(facade)
            .chain(agents)
    }

    /// The startup config: agents in groups of their families.
    fn startup(self) -> String {
        let mut text = String::new();
        for family in 0..FAMILIES {
            let _ = writeln!(text, "family_{family}:");
            for agent in (0..self.agents).filter(|agent| usize::from(*agent) % FAMILIES == family) {
                let (port, health) = ports(agent);
                let _ = writeln!(
                    text,
                    "  - name: Agent{agent}\n    script_path: system/agents/agent_{agent}.py\n    port: {port}\n    \
                     health_check_port: {health}\n    required: true\n    dependencies: []"
                );
            }
            if text.ends_with(":\n") {
                text.truncate(text.trim_end_matches(":\n").len());
                text.push_str(": []\n");
            }
        }
        text
    }

    /// How long a file is: most are short.
    fn lines(self, random: &mut Random) -> usize {
        let (least, most) = LINES;
        let share = random.below(1000) * random.below(1000) / 1000;
        self.library_lines
            .map_or(least + (most - least) * share / 1000, |lines| lines * 4 / 5)
    }

    /// A text with functions behind it, until it has its length.
    fn filled(self, random: &mut Random, mut text: String) -> String {
        let lines = self.lines(random);
        text.push('\n');
        methods(random, &mut text, 0, lines);
        text
    }

    fn family(self, at: usize) -> String {
        let mut random = Random::new(SEED ^ 0xFA, at);
        let mut text = format!(
            "{HEAD}import zmq\n\nfrom common.base_agent import BaseAgent\nfrom common.metrics import MetricsMixin\nfrom \
             common.settings import load_json\n\nlogger = logging.getLogger(__name__)\nDEFAULTS = {{\"family\": {at}, \
             \"batch\": {}, \"retries\": 3}}\n\n\nclass Family{at}(MetricsMixin, BaseAgent):\n    \"\"\"Agents of family \
             {at}.\"\"\"\n\n    def __init__(self, name, port, health_port, settings=None):\n        super().__init__(name, \
             port, health_port, settings=settings)\n        self.models = load_json(\"models.json\")\n        \
             self.batch = DEFAULTS[\"batch\"]\n        self.family = {at}\n        self.services = []\n        \
             self.peers = {{}}\n        self._register_handlers()\n\n    def _register_handlers(self):\n        \
             self.handlers[\"family\"] = self.handle_family\n        for action in (\"pause\", \"resume\"):\n            \
             self.handlers[action] = self.handle_family\n\n    def handle_family(self, request):\n        return \
             {{\"status\": \"ok\", \"family\": self.family, \"batch\": self.batch}}\n\n",
            8 + at
        );
        let lines = self.lines(&mut random);
        methods(&mut random, &mut text, 4, lines);
        text
    }

    fn service(self, at: usize) -> String {
        let mut random = Random::new(SEED ^ 0x5E, at);
        let lines = self.lines(&mut random);
        let mut text = format!("{HEAD}from enum import Enum\n\nfrom common.registry import register, Service\n");
        if random.percent(70) {
            text.push_str("from common.settings import load_yaml\n");
        }
        if random.percent(40) {
            text.push_str("from common import paths\n");
        }
        let used = used_by(&mut random, at);
        for other in &used {
            let path = path_of(*other).replace('/', ".");
            let _ = writeln!(text, "from {path} import Service{other}, LIMITS as LIMITS_{other}");
        }
        let _ = write!(
            text,
            "\nlogger = logging.getLogger(__name__)\nLIMITS = {{\"depth\": {}, \"width\": {}, \"names\": [\"{}\", \"{}\"]}}\nACTIONS = \
             (\"start\", \"stop\", \"{}\")\n\n\nclass State{at}(Enum):\n    IDLE = \"idle\"\n    BUSY = \"busy\"\n    DONE = \
             \"done\"\n\n\n@dataclass\nclass Job{at}:\n    identifier: str\n    weight: float = 1.0\n    state: State{at} = \
             State{at}.IDLE\n    notes: List[str] = field(default_factory=list)\n\n\n@register(\"service_{at}\")\nclass \
             Service{at}(Service):\n    \"\"\"Does {} for others.\"\"\"\n\n    limit = LIMITS[\"depth\"]\n\n    def \
             __init__(self, settings=None):\n        super().__init__(\"service_{at}\", settings)\n        self.state = \
             State{at}.IDLE\n        self.jobs = {{}}\n        self.pending = deque(maxlen=self.limit)\n        \
             self.lock = threading.Lock()\n        self._prepare()\n\n    def _prepare(self):\n        for action in \
             ACTIONS:\n            self.jobs[action] = Job{at}(identifier=action)\n        self.width = \
             self.option(\"width\", LIMITS[\"width\"])\n",
            4 + random.below(60),
            4 + random.below(60),
            name(&mut random),
            name(&mut random),
            name(&mut random),
            name(&mut random),
        );
        for other in &used {
            let _ = writeln!(text, "        self.depth_{other} = LIMITS_{other}[\"depth\"]");
        }
        text.push('\n');
        methods(&mut random, &mut text, 4, lines);
        text
    }

    /// What imports every service.
    fn facade(self) -> String {
        let mut text = "\"\"\"All services by their names.\"\"\"\n\n".to_owned();
        for at in 0..self.services {
            let _ = writeln!(text, "from {} import Service{at}", path_of(at).replace('/', "."));
        }
        text.push_str("\nALL = {\n");
        for at in 0..self.services {
            let _ = writeln!(text, "    \"service_{at}\": Service{at},");
        }
        text.push_str("}\n");
        text
    }

    fn agent(self, at: u16) -> String {
        let mut random = Random::new(SEED ^ 0xA6, usize::from(at));
        let lines = self.lines(&mut random);
        let family = usize::from(at) % FAMILIES;
        let (port, health) = ports(at);
        let mut text = format!("#!/usr/bin/env python3\n{HEAD}import argparse\n\nimport zmq\n\n");
        let mut imports = vec![
            format!("from common.families.family_{family} import Family{family}"),
            "from common.settings import load_yaml, override".to_owned(),
            "from common.health import HealthServer".to_owned(),
        ];
        let mut services: Vec<usize> = Vec::new();
        if self.library_lines.is_some() {
            imports.push("from services.every import ALL".to_owned());
        } else {
            // Some agents are made of what stands on much else.
            let among = 1 + random.below(SERVICES);
            for _ in 0..2 + random.below(5) {
                services.push(random.below(among.max(6)));
            }
            services.sort_unstable();
            services.dedup();
        }
        imports.extend(
            services
                .iter()
                .map(|service| format!("from {} import Service{service}", path_of(*service).replace('/', "."))),
        );
        // In whatever order they were written.
        for index in (1..imports.len()).rev() {
            imports.swap(index, random.below(index + 1));
        }
        text.push_str(&imports.join("\n"));
        let _ = write!(
            text,
            "\n\nlogger = logging.getLogger(\"Agent{at}\")\n\n\ndef parse_args():\n    parser = \
             argparse.ArgumentParser()\n    parser.add_argument(\"--port\", type=int, default={port})\n    \
             parser.add_argument(\"--health_check_port\", type=int, default={health})\n    \
             parser.add_argument(\"--name\", default=\"Agent{at}\")\n    args, _ = parser.parse_known_args()\n    return \
             args\n\n\nclass Agent{at}(Family{family}):\n    \"\"\"One of the agents.\"\"\"\n\n    def __init__(self, port, \
             health_port):\n        settings = override(load_yaml(\"system.yaml\"), \"Agent{at}\")\n        \
             super().__init__(\"Agent{at}\", port, health_port, settings=settings)\n        self.results = \
             defaultdict(list)\n        self._make_services()\n        self.worker = threading.Thread(target=self._work, \
             daemon=True)\n\n    def _make_services(self):\n        logger.info(\"services of %s\", self.name)\n"
        );
        for service in &services {
            let _ = writeln!(text, "        self.service_{service} = Service{service}(self.settings)");
            let _ = writeln!(text, "        self.services.append(self.service_{service})");
        }
        if self.library_lines.is_some() {
            text.push_str("        self.known = sorted(ALL)\n");
        }
        text.push_str(
            "\n    def _work(self):\n        while self.running:\n            job = self.inbox.get()\n            \
             self.results[job[\"action\"]].append(job)\n\n    def start(self):\n        self.worker.start()\n        \
             self.serve()\n\n",
        );
        methods(&mut random, &mut text, 4, lines);
        let _ = writeln!(
            text,
            "\nif __name__ == \"__main__\":\n    args = parse_args()\n    agent = Agent{at}(args.port, \
             args.health_check_port)\n    try:\n        agent.start()\n    except KeyboardInterrupt:\n        \
             agent.close()"
        );
        text
    }
}

/// A service's file, without its ending.
fn path_of(service: usize) -> String {
    format!("services/part_{}/service_{service}", service / FOLDER)
}

/// The services that a service uses: not far before it, so that imports make chains and no circle.
fn used_by(random: &mut Random, at: usize) -> Vec<usize> {
    let first = at.saturating_sub(REACH);
    let mut used: Vec<usize> = (0..random.below(4))
        .filter(|_| at > first)
        .map(|_| first + random.below(at - first))
        .collect();
    used.sort_unstable();
    used.dedup();
    used
}

/// The ports of an agent.
fn ports(agent: u16) -> (u16, u16) {
    let (first, above) = PORTS;
    (first + agent, first + above + agent)
}

const REQUIREMENTS: &str = "pyzmq\npyyaml\n";

const SETTINGS: &str = "\
system:
  name: assistant
  log_level: INFO
  timeouts: {connect: 5, receive: 30}
limits:
  width: 12
  retries: 3
agents: {}
";

const MODELS: &str = "{\"models\": [{\"name\": \"small\", \"size\": 3}, {\"name\": \"large\", \"size\": 40}]}\n";

const PATHS: &str = "\
\"\"\"Folders of the system.\"\"\"

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / \"system\" / \"config\"
";

/// What all modules import.
const HEAD: &str = "\
\"\"\"Part of the system.\"\"\"

import json
import logging
import os
import queue
import threading
import time
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Dict, List, Optional, Tuple

";

/// Modules that everything stands on: their paths, and how they begin.
const COMMON: &[(&str, &str)] = &[
    (
        "common/settings.py",
        "\
\"\"\"Settings, from YAML and JSON.\"\"\"

import json
import logging
import os
import time
import uuid
from datetime import datetime
from typing import Any, Dict, List, Optional

import yaml

from common.paths import CONFIG

logger = logging.getLogger(__name__)
DEFAULTS = {\"log_level\": \"INFO\", \"retries\": 3, \"timeouts\": {\"connect\": 5, \"receive\": 30}}
ENVIRONMENT = os.environ.get(\"SYSTEM_ENVIRONMENT\", \"production\")


def load_yaml(name):
    path = CONFIG / name
    with open(path, encoding=\"utf-8\") as handle:
        return yaml.safe_load(handle) or {}


def load_json(name):
    with open(os.path.join(str(CONFIG), name), encoding=\"utf-8\") as handle:
        return json.load(handle)


def override(settings, name):
    merged = dict(DEFAULTS)
    merged.update(settings.get(\"system\", {}))
    for key, value in settings.get(\"agents\", {}).items():
        if key == name:
            merged.update(value)
    return merged


SYSTEM = load_yaml(\"system.yaml\")
LEVEL = SYSTEM[\"system\"][\"log_level\"]
",
    ),
    (
        "common/log.py",
        "\
\"\"\"Logging.\"\"\"

import json
import logging
import os
import sys
import time
import uuid
from datetime import datetime
from typing import Any, Dict, List, Optional

from common.settings import LEVEL

FORMAT = \"%(asctime)s %(name)s %(levelname)s %(message)s\"
_loggers = {}


def get_logger(name):
    if name in _loggers:
        return _loggers[name]
    logger = logging.getLogger(name)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(FORMAT))
    logger.addHandler(handler)
    logger.setLevel(LEVEL)
    _loggers[name] = logger
    return logger


logger = get_logger(\"system\")
",
    ),
    (
        "common/metrics.py",
        "\
\"\"\"Counters.\"\"\"

import json
import logging
import os
import threading
import time
import uuid
from collections import defaultdict
from datetime import datetime
from typing import Any, Dict, List, Optional

from common.log import get_logger

logger = get_logger(__name__)


class Metrics:
    def __init__(self):
        self.counters = defaultdict(int)
        self.lock = threading.Lock()

    def count(self, name, by=1):
        with self.lock:
            self.counters[name] += by


METRICS = Metrics()


class MetricsMixin:
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.metrics = METRICS
        self.metrics.count(\"agents\")
",
    ),
    (
        "common/registry.py",
        "\
\"\"\"Services by their names.\"\"\"

import json
import logging
import os
import time
import uuid
from abc import ABC
from datetime import datetime
from typing import Any, Dict, List, Optional

from common.log import get_logger

logger = get_logger(__name__)
REGISTRY = {}


def register(name):
    def keep(cls):
        REGISTRY[name] = cls
        return cls

    return keep


class Service(ABC):
    \"\"\"What agents are made of.\"\"\"

    def __init__(self, name, settings=None):
        self.name = name
        self.settings = settings or {}
        self.identifier = str(uuid.uuid4())
        self.started = time.time()

    def option(self, key, default=None):
        value = self.settings.get(key)
        if value is None:
            return default
        return value
",
    ),
    (
        "common/health.py",
        "\
\"\"\"The health of an agent.\"\"\"

import json
import logging
import os
import threading
import time
import uuid
from datetime import datetime
from typing import Any, Dict, List, Optional

import zmq

from common.log import get_logger

logger = get_logger(__name__)


class HealthServer:
    def __init__(self, context, port, answer):
        self.answer = answer
        self.running = True
        self.socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(f\"tcp://*:{port}\")
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        self.thread.start()

    def _serve(self):
        while self.running:
            self.socket.recv_json()
            self.socket.send_json(self.answer())
",
    ),
    (
        "common/base_agent.py",
        "\
\"\"\"What all agents are.\"\"\"

import json
import logging
import os
import queue
import threading
import time
import uuid
from datetime import datetime
from typing import Any, Dict, List, Optional

import zmq

from common.health import HealthServer
from common.log import get_logger
from common.settings import ENVIRONMENT, SYSTEM, load_yaml

logger = get_logger(__name__)


class BaseAgent:
    \"\"\"An agent with a socket for requests, and one for its health.\"\"\"

    def __init__(self, name, port, health_port, settings=None):
        self.name = name
        self.port = port
        self.health_port = health_port
        self.settings = settings or SYSTEM
        self.environment = ENVIRONMENT
        self.running = True
        self.inbox = queue.Queue()
        self.handlers = {}
        self.started = time.time()
        self._read_settings()
        self._open_sockets()
        self._register_defaults()

    def _read_settings(self):
        self.timeout = self.settings.get(\"timeout\", 30)
        self.retries = self.settings.get(\"retries\", 3)
        if self.environment == \"development\":
            logger.setLevel(\"DEBUG\")
        if not isinstance(self.retries, int):
            raise TypeError(\"retries\")

    def _open_sockets(self):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(f\"tcp://*:{self.port}\")
        self.health = HealthServer(self.context, self.health_port, self.state)

    def _register_defaults(self):
        self.handlers[\"health_check\"] = self.handle_health
        self.handlers[\"stop\"] = self.handle_stop

    def state(self):
        return {\"status\": \"ok\", \"name\": self.name, \"uptime\": time.time() - self.started}

    def handle_health(self, request):
        return self.state()

    def handle_stop(self, request):
        self.running = False
        return {\"status\": \"ok\"}

    def serve(self):
        self.health.start()
        while self.running:
            request = self.socket.recv_json()
            handler = self.handlers.get(request.get(\"action\"))
            self.socket.send_json(handler(request) if handler else {\"status\": \"error\"})

    def close(self):
        self.running = False
        self.socket.close()
        self.context.term()
",
    ),
];

#[cfg(test)]
mod tests {
    use super::System;

    #[test]
    fn the_same_tree_each_time_of_files_that_parse() {
        let version = pysrc::PythonVersion::USUAL;
        for system in [System::of_agents(13), System::with_library(3, 4_000)] {
            let files: Vec<(String, String)> = system.files().collect();
            assert!(files.iter().cloned().eq(system.files()));
            let mut paths: Vec<&String> = files.iter().map(|(path, _)| path).collect();
            paths.sort_unstable();
            paths.dedup();
            assert_eq!(paths.len(), files.len(), "a path is there twice");
            for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".py")) {
                let read = pysrc::read(text.as_bytes(), version);
                assert!(read.parses(), "{path}: {:?}", read.syntax_errors);
            }
        }
    }

    #[test]
    fn a_library_has_as_many_lines_as_were_asked_for_whoever_imports_it() {
        let lines = |agents| {
            let files = System::with_library(agents, 20_000).files();
            let library = files.filter(|(path, _)| path.starts_with("services/"));
            library.map(|(_, text)| text.lines().count()).sum::<usize>()
        };
        assert_eq!(lines(1), lines(40));
        assert!((16_000..24_000).contains(&lines(1)), "{} lines", lines(1));
    }
}
