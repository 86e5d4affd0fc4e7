"""SelfHealingAgent: takes reports of anomalies and decides what would heal them."""
from collections import Counter, deque

from pc2_code.utils.service import Service, action, run

REMEDIES = {"slow": "lower the load", "memory": "restart", "errors": "restart", "silent": "restart"}


class SelfHealingAgent(Service):
    """`report` only takes notes; `heal` works the notes off together with HealthMonitor."""

    duty = "healing"

    def start(self):
        self.reports = deque(maxlen=200)
        self.healed = Counter()

    @action("report")
    def report(self, request):
        """An `agent` shows an `anomaly`."""
        self.reports.append({"agent": request.text("agent"), "anomaly": request.text("anomaly")})
        return {"waiting": len(self.reports)}

    @action("heal")
    def heal(self, request):
        """Decide on a remedy for every report and every failing agent; their errors are forgiven."""
        health = self.ask("HealthMonitor", "status", patience=2.0)
        found = list(self.reports)
        found += [{"agent": agent, "anomaly": "errors"} for agent in health["failing"]]
        found += [{"agent": agent, "anomaly": "silent"} for agent in health["silent"]]
        self.reports.clear()
        remedies = {}
        for report in found:
            remedies[report["agent"]] = REMEDIES.get(report["anomaly"], "look at the logs")
        for agent in remedies:
            self.healed[agent] += 1
        for agent in health["failing"]:
            self.tell("HealthMonitor", "forgive", agent=agent)
        return {"remedies": remedies}

    @action("history")
    def history(self, request):
        """How often each agent was healed."""
        return {"healed": dict(self.healed), "waiting": len(self.reports)}


if __name__ == "__main__":
    run(SelfHealingAgent)
