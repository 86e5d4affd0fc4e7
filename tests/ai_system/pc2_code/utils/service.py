"""The frame of a PC2 agent.

    class Echo(Service):
        \"\"\"Says it again.\"\"\"

        @action("echo")
        def echo(self, request):
            return {"text": request.text("text")}

    if __name__ == "__main__":
        run(Echo)
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
import socket
import threading
import time

import zmq

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
PATIENCE = 5.0


class Refusal(Exception):
    """The answer to the caller is an error; extra fields go into the reply."""

    def __init__(self, text, **fields):
        super().__init__(text)
        self.fields = fields


class NoAnswer(Exception):
    """Another agent did not answer."""


class Declined(Exception):
    """Another agent answered with an error, which is in `reply`."""

    def __init__(self, text, reply):
        super().__init__(text)
        self.reply = reply


class Request(dict):
    """A decoded request whose fields can be asked for by type."""

    def _field(self, name, types, description, default):
        value = self.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise Refusal(f"field '{name}' must be {description}")
        return value

    def text(self, name, default=None):
        """A field that is a string."""
        return self._field(name, str, "a text", default)

    def number(self, name, default=None):
        """A field that is a whole or a decimal number."""
        return self._field(name, (int, float), "a number", default)

    def whole(self, name, default=None):
        """A field that is a whole number."""
        return self._field(name, int, "a whole number", default)

    def items_of(self, name, default=None):
        """A field that is a list."""
        return self._field(name, list, "a list", default)


def action(name):
    """Mark a method as the handler of an action."""

    def mark(method):
        method.action_name = name
        return method

    return mark


class Roster:
    """The flat list of PC2's startup config, read when a peer is first needed."""

    def __init__(self):
        self._by_name = None
        self._lock = threading.Lock()

    def __getitem__(self, name):
        with self._lock:
            if self._by_name is None:
                import yaml

                with open(os.path.join(ROOT, "config", "startup_config.yaml"), encoding="utf-8") as file:
                    config = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
                self._by_name = {item["name"]: item for item in config["pc2_services"]}
        return self._by_name[name]


class Service:
    """A PC2 agent: handlers marked with `@action`, `start()` to open resources."""

    duty = "service"

    def __init__(self, options):
        self.options = options
        self.name = options.name
        self.log = logging.getLogger(self.name)
        self.roster = Roster()
        self.zmq = zmq.Context()
        self.ending = threading.Event()
        self.served = 0
        self.birth = time.monotonic()
        # Stays readable from the first signal on, so that it wakes every poller.
        self.bell, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)
        self.bell_fd = self.bell.fileno()
        self._helpers = []
        self._outbox = None
        self.handlers = {}
        for attribute in dir(type(self)):
            name = getattr(getattr(type(self), attribute), "action_name", None)
            if name:
                self.handlers[name] = getattr(self, attribute)

    @classmethod
    def flags(cls, parser):
        """Add flags of this agent."""

    def start(self):
        """Open what is needed before the first request."""

    # --- data -------------------------------------------------------------------

    @property
    def shared_data(self):
        """The data folder of the installation."""
        project = os.environ.get("PROJECT_ROOT") or os.path.dirname(ROOT)
        return os.environ.get("DATA_DIR") or os.path.join(project, "data")

    def own_data(self):
        """The folder of this agent in the data folder."""
        folder = os.path.join(self.shared_data, "pc2", self.name)
        os.makedirs(folder, exist_ok=True)
        return folder

    # --- peers ------------------------------------------------------------------

    def ask(self, peer, what, patience=PATIENCE, port=None, **fields):
        """Ask another agent for an action. Works from any thread; raises NoAnswer or Declined."""
        port = port or self.roster[peer]["port"]
        with self.zmq.socket(zmq.REQ) as sock:
            sock.linger = 0
            sock.connect(f"tcp://localhost:{port}")
            sock.send(json.dumps({"action": what, **fields}).encode())
            poller = zmq.Poller()
            poller.register(sock, zmq.POLLIN)
            poller.register(self.bell_fd, zmq.POLLIN)
            events = dict(poller.poll(patience * 1000))
            if sock not in events:
                if self.bell_fd in events:
                    raise NoAnswer(f"{self.name} is ending")
                raise NoAnswer(f"{peer} did not answer within {float(patience)} s")
            raw = sock.recv()
        try:
            reply = json.loads(raw)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise NoAnswer(f"{peer} did not answer in JSON")
        if reply.get("status") != "ok":
            raise Declined(f"{peer}: {reply.get('error', 'declined')}", reply)
        return reply

    def ask_kindly(self, peer, what, patience=1.0, **fields):
        """As `ask`, but without an answer the result is None."""
        try:
            return self.ask(peer, what, patience, **fields)
        except (NoAnswer, Declined) as problem:
            self.log.info("without %s: %s", peer, problem)
            return None

    def tell(self, peer, what, **fields):
        """Send in the background; the answer does not matter."""
        if self._outbox is None:
            self._outbox = queue.Queue()
            self.helper(self._send_outbox)
        if self._outbox.qsize() < 1000:
            self._outbox.put((peer, what, fields))

    def _send_outbox(self):
        while True:
            letter = self._outbox.get()
            if letter is None:
                return
            peer, what, fields = letter
            self.ask_kindly(peer, what, 2.0, **fields)

    def helper(self, target):
        """Run a background thread; it has to look at `self.ending`."""
        thread = threading.Thread(target=target, daemon=True)
        self._helpers.append(thread)
        thread.start()

    # --- actions that all have ----------------------------------------------------

    def pulse(self):
        """The health reply."""
        uptime = round(time.monotonic() - self.birth, 3)
        return {"status": "ok", "agent": self.name, "uptime_seconds": uptime, "requests": self.served}

    @action("health_check")
    def health_check(self, request):
        """The health reply on the main port."""
        return self.pulse()

    @action("describe")
    def describe(self, request):
        """Who this is, what it can do, whom it needs."""
        try:
            needs = list(self.roster[self.name].get("dependencies") or [])
        except KeyError:
            needs = []
        return {
            "name": self.name,
            "machine": "pc2",
            "role": self.duty,
            "actions": sorted(self.handlers),
            "dependencies": needs,
            "port": self.options.port,
            "health_check_port": self.options.health_check_port,
            "pid": os.getpid(),
        }

    # --- serving --------------------------------------------------------------------

    def respond(self, raw):
        """The reply to a message on the main port."""
        self.served += 1
        try:
            message = json.loads(raw)
        except (ValueError, RecursionError):
            return {"status": "error", "error": "not JSON"}
        if not isinstance(message, dict):
            return {"status": "error", "error": "not a JSON object"}
        wanted = message.get("action")
        handler = self.handlers.get(wanted) if isinstance(wanted, str) else None
        if handler is None:
            return {"status": "error", "error": f"unknown action {wanted!r}", "actions": sorted(self.handlers)}
        try:
            return {"status": "ok", **(handler(Request(message)) or {})}
        except Refusal as refusal:
            return {"status": "error", "error": str(refusal), **refusal.fields}
        except (NoAnswer, Declined) as problem:
            return {"status": "error", "error": str(problem)}
        except Exception as error:
            self.log.exception("%s failed", wanted)
            return {"status": "error", "error": f"{wanted} failed: {type(error).__name__}: {error}"}

    def respond_health(self, raw):
        """The reply to a message on the health port."""
        try:
            known = json.loads(raw).get("action") == "health_check"
        except (ValueError, RecursionError, AttributeError):
            known = False
        return self.pulse() if known else {"status": "error", "error": "only health_check is answered here"}

    def loop(self, sock, respond):
        """Serve one REP socket until the bell rings."""
        poller = zmq.Poller()
        poller.register(sock, zmq.POLLIN)
        poller.register(self.bell_fd, zmq.POLLIN)
        with sock:
            while True:
                events = dict(poller.poll())
                if self.bell_fd in events:
                    return
                if sock in events:
                    reply = respond(b"".join(sock.recv_multipart()))
                    try:
                        text = json.dumps(reply, default=str)
                    except Exception:
                        self.log.exception("unserialisable reply")
                        text = json.dumps({"status": "error", "error": "unserialisable reply"})
                    sock.send(text.encode())

    def listen(self, port):
        """A bound REP socket."""
        sock = self.zmq.socket(zmq.REP)
        sock.linger = 100
        sock.bind(f"tcp://0.0.0.0:{port}")
        return sock

    def end(self, *_):
        """Ring the bell. Signals come here, too."""
        self.ending.set()
        try:
            self._ringer.send(b"!")
        except BlockingIOError:
            pass

    def serve(self):
        """Bind, open, serve, close."""
        signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end)
        main, health = self.listen(self.options.port), self.listen(self.options.health_check_port)
        self.start()
        self.helper(lambda: self.loop(health, self.respond_health))
        self.log.info("ready on port %s (health: %s)", self.options.port, self.options.health_check_port)
        self.loop(main, self.respond)
        self.end()
        if self._outbox is not None:
            self._outbox.put(None)
        latest = time.monotonic() + 0.1
        for thread in self._helpers:
            thread.join(max(0.0, latest - time.monotonic()))
        if not any(thread.is_alive() for thread in self._helpers):
            self.zmq.term()
        self.log.info("ended")


def run(service):
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=service.__doc__)
    parser.add_argument("--name", default=service.__name__, help="name of the agent")
    parser.add_argument("--port", type=int, help="request port, from the startup config if left out")
    parser.add_argument("--health_check_port", type=int, help="health port, from the startup config if left out")
    service.flags(parser)
    options = parser.parse_args()
    level = logging.getLevelName(os.environ.get("LOG_LEVEL", "INFO").upper())
    logging.basicConfig(
        level=level if isinstance(level, int) else logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    for field in ("port", "health_check_port"):
        if getattr(options, field) is None:
            setattr(options, field, Roster()[options.name][field])
    service(options).serve()
