"""SystemDigitalTwin: a picture of all MainPC agents, kept up to date by asking their health."""
import json
import threading
import time

import psutil
import zmq

from main_pc_code.src.core.base_agent import BaseAgent

PROBE = json.dumps({"action": "health_check"}).encode()


class SystemDigitalTwin(BaseAgent):
    """Knows the last known state of every other agent of this machine."""

    role = "monitoring"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--sweep_seconds", type=float, default=10.0, help="pause between two sweeps")
        parser.add_argument("--probe_timeout", type=float, default=1.0, help="seconds a sweep waits for answers")

    def setup(self):
        self.states = {}
        self.probes = {}
        self.lock = threading.Lock()
        self.spawn(self.watch, "sweep")

    def watch(self):
        """Background thread: one sweep after the other, with a pause."""
        while not self.stopping.wait(self.options.sweep_seconds if self.states else 0.5):
            self.sweep()
        with self.lock:
            for sock in self.probes.values():
                sock.close()
            self.probes.clear()

    def sweep(self):
        """Ask all agents at once; whoever answers in time is healthy."""
        with self.lock:
            if self.stopping.is_set():
                return
            waiting = {}
            poller = zmq.Poller()
            poller.register(self._stop_fd, zmq.POLLIN)
            for entry in self.peers.all():
                if entry.name == self.name:
                    continue
                sock = self.probes.get(entry.name)
                if sock is None:
                    sock = self.context.socket(zmq.REQ)
                    sock.setsockopt(zmq.LINGER, 0)
                    sock.connect(f"tcp://localhost:{entry.health_check_port}")
                    self.probes[entry.name] = sock
                sock.send(PROBE)
                waiting[sock] = entry.name
                poller.register(sock, zmq.POLLIN)
            deadline = time.monotonic() + self.options.probe_timeout
            while waiting:
                left = deadline - time.monotonic()
                ready = dict(poller.poll(int(left * 1000))) if left > 0 else {}
                if not ready or self._stop_fd in ready:
                    break
                for sock in ready:
                    poller.unregister(sock)
                    self.note(waiting.pop(sock), sock.recv())
            for sock, name in waiting.items():
                # A REQ socket without its answer cannot be used again.
                sock.close()
                del self.probes[name]
                self.note(name, None)

    def note(self, name, raw):
        """Keep what one probe found."""
        state = dict(self.states.get(name, {"last_seen": None}))
        try:
            reply = json.loads(raw) if raw is not None else {}
        except ValueError:
            reply = {}
        healthy = isinstance(reply, dict) and reply.get("status") == "ok"
        state["state"] = "healthy" if healthy else "unreachable"
        if healthy:
            state["last_seen"] = round(time.time(), 3)
            state["uptime_seconds"] = reply.get("uptime_seconds")
            state["requests"] = reply.get("requests")
        self.states[name] = state

    def do_state(self, request):
        """All agents with their last known state; `refresh: true` sweeps first."""
        if request.get("refresh") is True or not self.states:
            self.sweep()
        states = {name: dict(state) for name, state in list(self.states.items())}
        healthy = sum(state["state"] == "healthy" for state in states.values())
        return {
            "state": states,
            "agents": len(states),
            "healthy": healthy,
            "unreachable": len(states) - healthy,
        }

    def do_resources(self, request):
        """Load and memory of this machine, and the VRAM as ModelManagerAgent sees it."""
        memory = psutil.virtual_memory()
        models = self.try_peer("ModelManagerAgent", {"action": "status"})
        return {
            "cpu_count": psutil.cpu_count(),
            "load": list(psutil.getloadavg()),
            "memory_total_mb": memory.total // 2**20,
            "memory_available_mb": memory.available // 2**20,
            "vram": {key: models[key] for key in ("budget_mb", "used_mb")} if models else None,
        }


if __name__ == "__main__":
    SystemDigitalTwin.main()
