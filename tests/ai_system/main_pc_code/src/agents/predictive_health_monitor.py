"""PredictiveHealthMonitor: guesses from past states which agents will fail next."""
from collections import defaultdict, deque

from main_pc_code.src.core.base_agent import BaseAgent

WINDOW = 20


class PredictiveHealthMonitor(BaseAgent):
    """Keeps the last states of each agent and turns them into a risk."""

    role = "monitoring"

    def setup(self):
        self.history = defaultdict(lambda: deque(maxlen=WINDOW))
        self.uptimes = {}
        self.restarts = defaultdict(int)

    def observe(self, refresh):
        """Take one more look at the digital twin."""
        reply = self.request_peer("SystemDigitalTwin", {"action": "state", "refresh": refresh})
        for name, state in reply["state"].items():
            up = state["state"] == "healthy"
            self.history[name].append(up)
            uptime = state.get("uptime_seconds")
            if up and uptime is not None:
                if uptime < self.uptimes.get(name, 0):
                    self.restarts[name] += 1
                self.uptimes[name] = uptime
        return reply

    def risk(self, name):
        """0 for always healthy to 1 for down: newer looks weigh more, restarts add."""
        looks = self.history[name]
        weights = range(1, len(looks) + 1)
        down = sum(weight for weight, up in zip(weights, looks) if not up)
        return round(min(1.0, down / sum(weights) + 0.1 * self.restarts[name]), 3)

    def do_predict(self, request):
        """Look at the system once more and list the agents at risk, the worst first."""
        reply = self.observe(request.get("refresh") is True)
        risks = {name: self.risk(name) for name in self.history}
        at_risk = sorted((name for name in risks if risks[name] > 0), key=lambda name: -risks[name])
        return {
            "at_risk": [{"agent": name, "risk": risks[name], "restarts": self.restarts[name]} for name in at_risk],
            "agents": reply["agents"],
            "healthy": reply["healthy"],
        }


if __name__ == "__main__":
    PredictiveHealthMonitor.main()
