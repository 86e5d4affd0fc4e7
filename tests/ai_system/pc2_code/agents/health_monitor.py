"""HealthMonitor: the health of the PC2 agents, from what they report."""
import time
from collections import Counter

from pc2_code.utils.service import Service, action, run

SILENT_AFTER = 90.0
FAILING_FROM = 5


class HealthMonitor(Service):
    """Heartbeats and errors by agent. `status` answers from memory and asks nobody."""

    duty = "health"

    def start(self):
        self.heartbeats = {}
        self.errors = Counter()

    @action("heartbeat")
    def heartbeat(self, request):
        """An `agent` is alive."""
        self.heartbeats[request.text("agent")] = time.monotonic()
        return {"agents": len(self.heartbeats)}

    @action("note_error")
    def note_error(self, request):
        """An `agent` had an error of some `kind`."""
        self.errors[request.text("agent")] += 1
        return {"errors": self.errors[request["agent"]]}

    @action("forgive")
    def forgive(self, request):
        """Forget the errors of an `agent`, for instance after it was healed."""
        return {"forgiven": self.errors.pop(request.text("agent"), 0)}

    @action("status")
    def status(self, request):
        """Who is silent and who is failing."""
        now = time.monotonic()
        silent = sorted(agent for agent, seen in self.heartbeats.items() if now - seen > SILENT_AFTER)
        failing = sorted(agent for agent, count in self.errors.items() if count >= FAILING_FROM)
        return {"known": len(self.heartbeats), "silent": silent, "failing": failing, "errors": dict(self.errors)}

    @action("overview")
    def overview(self, request):
        """`status` together with the figures of PerformanceMonitor."""
        figures = self.ask_kindly("PerformanceMonitor", "summary", patience=2.0)
        return {**self.status(request), "performance": figures["metrics"] if figures else None}


if __name__ == "__main__":
    run(HealthMonitor)
