"""MultiAgentSwarmManager: spreads work over a swarm of roles, each with its own plan."""
from main_pc_code.src.core.base_agent import BaseAgent, PeerError, RequestError, require

ROLES = ("scout", "worker", "checker")


class MultiAgentSwarmManager(BaseAgent):
    """Gives every item of a mission to the role with the least to do."""

    role = "planning"

    def setup(self):
        self.load = dict.fromkeys(ROLES, 0)

    def do_swarm(self, request):
        """Have each of `items` planned by UnifiedPlanningAgent, for one role each."""
        items = require(request, "items", list)
        if not 1 <= len(items) <= 20 or not all(isinstance(item, str) for item in items):
            raise RequestError("field 'items' must be a list of 1 to 20 texts")
        assignments = []
        for item in items:
            role = min(ROLES, key=self.load.get)
            try:
                plan = self.request_peer("UnifiedPlanningAgent", {"action": "plan", "goal": item}, timeout=8.0)
            except PeerError as error:
                assignments.append({"item": item, "role": None, "problem": str(error)})
                break
            if plan["accepted"]:
                self.load[role] += len(plan["steps"])
            assignments.append({"item": item, "role": role if plan["accepted"] else None, "plan": plan.get("id")})
        return {"assignments": assignments, "load": self.load}

    def do_load(self, request):
        """How many steps each role has."""
        return {"load": self.load}


if __name__ == "__main__":
    MultiAgentSwarmManager.main()
