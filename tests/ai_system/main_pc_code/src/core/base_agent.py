"""What every MainPC agent shares: sockets, health, peers, clean shutdown.

An agent is a subclass with `do_<action>(self, request)` methods. Each takes the
decoded request and returns the fields of its reply; `status: ok` is added.
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import queue
import signal
import threading
import time

import zmq

from main_pc_code.src.core.peer_directory import PeerDirectory

MACHINE = "mainpc"
DEFAULT_TIMEOUT = 5.0
SOURCE_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


class RequestError(Exception):
    """The request cannot be served as asked; the text goes back to the caller."""


class PeerError(Exception):
    """A request to another agent got no usable answer."""


class PeerUnavailable(PeerError):
    """The other agent did not answer in time."""


class PeerRefused(PeerError):
    """The other agent answered with an error; `reply` is its whole answer."""

    def __init__(self, message, reply):
        super().__init__(message)
        self.reply = reply


def require(request, field, kind=str):
    """The field of a request, or a RequestError which says what is missing."""
    if field not in request:
        raise RequestError(f"field '{field}' is missing")
    value = request[field]
    if isinstance(value, bool) and kind in (int, float, (int, float)):
        raise RequestError(f"field '{field}' must be a number")
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        raise RequestError(f"field '{field}' must be {' or '.join(k.__name__ for k in kinds)}")
    return value


class BaseAgent:
    """One agent process: a REP socket for work and one, in its own thread, for health."""

    role = "agent"

    def __init__(self, options):
        self.options = options
        self.name = options.name
        self.log = logging.getLogger(self.name)
        self.peers = PeerDirectory(os.path.join(SOURCE_ROOT, "config", "startup_config.yaml"))
        self.port = options.port or self.peers.entry(self.name).port
        self.health_port = options.health_check_port or self.peers.entry(self.name).health_check_port
        self.project_root = os.environ.get("PROJECT_ROOT") or os.path.dirname(SOURCE_ROOT)
        self.requests = 0
        self.started = time.monotonic()
        self.stopping = threading.Event()
        self.context = zmq.Context()
        self._threads = []
        self._notices = None
        # Once a byte is in this pipe it stays there: every poller that watches the
        # read end wakes up, in whichever thread it is.
        self._stop_fd, self._stop_writer = os.pipe()
        os.set_blocking(self._stop_writer, False)

    # -- for subclasses -------------------------------------------------------------

    @classmethod
    def add_arguments(cls, parser):
        """Add the agent's own flags (its `params` in the startup config)."""

    def setup(self):
        """Open what the agent needs. Health is answered only afterwards."""

    # -- folders --------------------------------------------------------------------

    @property
    def data_root(self):
        """The folder which all agents of this installation share."""
        return os.environ.get("DATA_DIR") or os.path.join(self.project_root, "data")

    def data_dir(self):
        """This agent's own folder, made when it is first asked for."""
        folder = os.path.join(self.data_root, MACHINE, self.name)
        os.makedirs(folder, exist_ok=True)
        return folder

    # -- other agents ---------------------------------------------------------------

    def request_peer(self, peer, request, timeout=DEFAULT_TIMEOUT):
        """Send one request to another agent and return its reply. Any thread may call this."""
        return self.request_port(self.peers.entry(peer).port, request, timeout, peer)

    def request_port(self, port, request, timeout=DEFAULT_TIMEOUT, peer=None):
        """As `request_peer`, for an agent which is known only by its port."""
        peer = peer or f"port {port}"
        sock = self.context.socket(zmq.REQ)
        try:
            sock.setsockopt(zmq.LINGER, 0)
            sock.connect(f"tcp://localhost:{port}")
            sock.send(json.dumps(request).encode())
            poller = zmq.Poller()
            poller.register(sock, zmq.POLLIN)
            poller.register(self._stop_fd, zmq.POLLIN)
            ready = dict(poller.poll(int(timeout * 1000)))
            if sock not in ready:
                if self._stop_fd in ready:
                    raise PeerUnavailable(f"{self.name} is shutting down")
                raise PeerUnavailable(f"{peer} did not answer within {float(timeout)} s")
            try:
                reply = json.loads(sock.recv())
            except ValueError:
                reply = None
        finally:
            sock.close()
        if not isinstance(reply, dict):
            raise PeerUnavailable(f"{peer} did not answer with a JSON object")
        if reply.get("status") != "ok":
            raise PeerRefused(f"{peer}: {reply.get('error', 'refused')}", reply)
        return reply

    def try_peer(self, peer, request, timeout=1.0):
        """The reply of a peer whose help is welcome but not needed, or None."""
        try:
            return self.request_peer(peer, request, timeout)
        except PeerError as error:
            self.log.info("going on without %s: %s", peer, error)
            return None

    def notify_peer(self, peer, request):
        """Send a request from the background; nobody waits for the answer."""
        if self._notices is None:
            self._notices = queue.Queue(maxsize=1000)
            self.spawn(self._deliver_notices, "notices")
        try:
            self._notices.put_nowait((peer, request))
        except queue.Full:
            self.log.warning("dropped a notice for %s", peer)

    def _deliver_notices(self):
        while True:
            notice = self._notices.get()
            if notice is None or self.stopping.is_set():
                return
            self.try_peer(notice[0], notice[1], timeout=2.0)

    def spawn(self, target, name):
        """Run `target` in a background thread which watches `self.stopping`."""
        thread = threading.Thread(target=target, name=f"{self.name}-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    # -- actions of every agent -----------------------------------------------------

    def health(self):
        """The health reply: the same on the main port and on the health port."""
        return {
            "status": "ok",
            "agent": self.name,
            "uptime_seconds": round(time.monotonic() - self.started, 3),
            "requests": self.requests,
        }

    def do_health_check(self, request):
        """Answer that the agent works, and for how long."""
        return self.health()

    def do_describe(self, request):
        """Say who this agent is, what it can do and whom it depends on."""
        entry = self.peers.find(self.name)
        return {
            "name": self.name,
            "machine": MACHINE,
            "group": entry.group if entry else None,
            "role": self.role,
            "actions": self.actions(),
            "dependencies": entry.dependencies if entry else [],
            "port": self.port,
            "health_check_port": self.health_port,
            "pid": os.getpid(),
        }

    @classmethod
    def actions(cls):
        """The names of all actions, sorted."""
        return sorted(name[3:] for name in dir(cls) if name.startswith("do_"))

    # -- serving --------------------------------------------------------------------

    def answer(self, raw):
        """The reply, as a dictionary, to one raw message. Never raises."""
        try:
            request = json.loads(raw)
        except (ValueError, RecursionError):
            return {"status": "error", "error": "the request is not JSON"}
        if not isinstance(request, dict):
            return {"status": "error", "error": "the request is not a JSON object"}
        action = request.get("action")
        handler = getattr(self, f"do_{action}", None) if isinstance(action, str) else None
        if handler is None:
            return {"status": "error", "error": f"unknown action {action!r}", "actions": self.actions()}
        try:
            reply = {"status": "ok"}
            reply.update(handler(request) or {})
            return reply
        except (RequestError, PeerError) as error:
            return {"status": "error", "error": str(error)}
        except Exception as error:
            self.log.exception("action %s failed", action)
            return {"status": "error", "error": f"{action} failed: {type(error).__name__}: {error}"}

    def _bind(self, port):
        sock = self.context.socket(zmq.REP)
        sock.setsockopt(zmq.LINGER, 100)
        sock.bind(f"tcp://0.0.0.0:{port}")
        return sock

    def _serve(self, sock, answer):
        """Answer what comes in on a socket until the agent is told to stop."""
        poller = zmq.Poller()
        poller.register(sock, zmq.POLLIN)
        poller.register(self._stop_fd, zmq.POLLIN)
        try:
            while not self.stopping.is_set():
                ready = dict(poller.poll())
                if self._stop_fd in ready:
                    return
                if sock in ready:
                    raw = b"".join(sock.recv_multipart())
                    try:
                        reply = json.dumps(answer(raw), default=str)
                    except Exception:
                        self.log.exception("a reply could not be written as JSON")
                        reply = '{"status": "error", "error": "the reply could not be written as JSON"}'
                    sock.send(reply.encode())
        finally:
            sock.close()

    def _answer_work(self, raw):
        self.requests += 1
        return self.answer(raw)

    def _answer_health(self, raw):
        try:
            request = json.loads(raw)
        except (ValueError, RecursionError):
            return {"status": "error", "error": "the request is not JSON"}
        if isinstance(request, dict) and request.get("action") == "health_check":
            return self.health()
        return {"status": "error", "error": "this port answers health_check only"}

    def stop(self, *_):
        """Make every loop of this agent end soon. Also the signal handler."""
        self.stopping.set()
        try:
            os.write(self._stop_writer, b"x")
        except BlockingIOError:
            pass

    def run(self):
        """Serve until SIGTERM or SIGINT."""
        signal.set_wakeup_fd(self._stop_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        work = self._bind(self.port)
        health = self._bind(self.health_port)
        self.setup()
        health_thread = threading.Thread(
            target=self._serve, args=(health, self._answer_health), name=f"{self.name}-health", daemon=True
        )
        health_thread.start()
        self.log.info("serving on %s, health on %s", self.port, self.health_port)
        self._serve(work, self._answer_work)
        self.stop()
        if self._notices is not None:
            try:
                self._notices.put_nowait(None)
            except queue.Full:
                pass
        deadline = time.monotonic() + 0.1
        threads = [health_thread, *self._threads]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if not any(thread.is_alive() for thread in threads):
            self.context.term()
        self.log.info("stopped after %d requests", self.requests)

    @classmethod
    def main(cls):
        """Entry point of an agent's script."""
        parser = argparse.ArgumentParser(description=cls.__doc__)
        parser.add_argument("--name", default=cls.__name__, help="name of this agent")
        parser.add_argument("--port", type=int, help="port for requests (default: as in the startup config)")
        parser.add_argument("--health_check_port", type=int, help="port for health checks (default: as in the startup config)")
        cls.add_arguments(parser)
        options = parser.parse_args()
        level = getattr(logging, os.environ.get("LOG_LEVEL", "INFO").upper(), None)
        logging.basicConfig(
            level=level if isinstance(level, int) else logging.INFO,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        cls(options).run()
