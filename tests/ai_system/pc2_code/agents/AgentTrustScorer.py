"""AgentTrustScorer: how far each agent can be trusted, from its successes and failures."""
import math

from pc2_code.utils.service import Service, action, run


def lower_bound(good, total):
    """The lower end of Wilson's interval: few observations mean little trust."""
    if total == 0:
        return 0.0
    z = 1.96
    share = good / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - spread) / (1 + z * z / total)


class AgentTrustScorer(Service):
    """Observations count here; errors that HealthMonitor knows about lower the score."""

    duty = "trust"

    def start(self):
        self.observed = {}

    @action("observe")
    def observe(self, request):
        """An `agent` did its work (`success` true) or did not."""
        agent = request.text("agent")
        good, total = self.observed.get(agent, (0, 0))
        self.observed[agent] = (good + (request.get("success") is True), total + 1)
        return {"agent": agent, "observations": total + 1}

    @action("score")
    def score(self, request):
        """The trust in an `agent`, from 0 to 1."""
        agent = request.text("agent")
        good, total = self.observed.get(agent, (0, 0))
        health = self.ask_kindly("HealthMonitor", "status")
        errors = health["errors"].get(agent, 0) if health else 0
        score = lower_bound(good, total) * 0.9**errors
        return {"agent": agent, "score": round(score, 4), "observations": total, "errors": errors, "health_known": health is not None}


if __name__ == "__main__":
    run(AgentTrustScorer)
