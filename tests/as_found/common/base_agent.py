"""Base class of all agents: a REP socket for requests, a second one for health."""

import argparse
import json
import logging
import os
import signal
import threading
import time
from datetime import datetime

import zmq


def parse_agent_args(argv=None):
    """What every agent is started with. Unknown words are ignored, so that the launcher may pass more."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--port", type=int, default=None)
    parser.add_argument("--host", default=os.environ.get("BIND_ADDRESS", "0.0.0.0"))
    parser.add_argument("--debug", action="store_true")
    known, _ = parser.parse_known_args(argv)
    return known


class BaseAgent:
    """One agent: `handle` answers a request, `work` is called between requests."""

    default_port = 5600
    interval = 1.0

    def __init__(self, name=None, port=None, **kwargs):
        self.args = parse_agent_args()
        self.name = name or self.__class__.__name__
        self.port = port or self.args.port or self.default_port
        self.health_port = kwargs.get("health_port") or self.port + 1
        self.started = time.time()
        self.running = True
        self.requests = 0
        self.errors = 0
        self.log = self._make_log()
        self.context = zmq.Context.instance()
        self.socket = self.context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVTIMEO, 500)
        self.socket.bind(f"tcp://{self.args.host}:{self.port}")
        self.health_socket = self.context.socket(zmq.REP)
        self.health_socket.setsockopt(zmq.LINGER, 0)
        self.health_socket.setsockopt(zmq.RCVTIMEO, 500)
        self.health_socket.bind(f"tcp://{self.args.host}:{self.health_port}")
        self._health_thread = threading.Thread(target=self._health_loop, daemon=True)
        self._work_thread = threading.Thread(target=self._work_loop, daemon=True)
        self.log.info("%s listens on %s, health on %s", self.name, self.port, self.health_port)

    def _make_log(self):
        log = logging.getLogger(self.name)
        log.setLevel(logging.DEBUG if self.args.debug else logging.INFO)
        line = logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s")
        for handler in (logging.StreamHandler(), logging.FileHandler(f"{self.name}.log")):
            handler.setFormatter(line)
            log.addHandler(handler)
        return log

    def status(self):
        return {
            "status": "ok",
            "name": self.name,
            "uptime": time.time() - self.started,
            "requests": self.requests,
            "errors": self.errors,
            "time": datetime.now().isoformat(),
        }

    def _health_loop(self):
        while self.running:
            try:
                self.health_socket.recv()
            except zmq.Again:
                continue
            self.health_socket.send_json(self.status())

    def _work_loop(self):
        while self.running:
            try:
                self.work()
            except Exception:
                self.errors += 1
                self.log.exception("work failed")
            time.sleep(self.interval)

    def work(self):
        """Between requests; nothing by default."""

    def handle(self, request):
        raise NotImplementedError

    def run(self):
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        self._health_thread.start()
        self._work_thread.start()
        while self.running:
            try:
                raw = self.socket.recv()
            except zmq.Again:
                continue
            self.requests += 1
            self.socket.send_json(self._answer(raw))
        self.close()

    def _answer(self, raw):
        try:
            request = json.loads(raw)
        except ValueError:
            return {"status": "error", "error": "not JSON"}
        if request.get("action") in ("health", "health_check", "ping"):
            return self.status()
        try:
            return {"status": "ok", "result": self.handle(request)}
        except Exception as error:
            self.errors += 1
            self.log.exception("request failed")
            return {"status": "error", "error": str(error)}

    def stop(self):
        self.running = False

    def close(self):
        self.socket.close()
        self.health_socket.close()
        logging.shutdown()
