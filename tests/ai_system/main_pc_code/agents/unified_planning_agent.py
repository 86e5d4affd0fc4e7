"""UnifiedPlanningAgent: from a wish to a goal with steps, checked before it is set."""
import re

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


def split(wish):
    """The steps of a wish: what stands between 'then', 'and then', ';' and full stops."""
    parts = re.split(r"\s*(?:;|\.\s|\band then\b|\bthen\b)\s*", wish)
    return [part.strip(" .,") for part in parts if part.strip(" .,")]


class UnifiedPlanningAgent(BaseAgent):
    """Plans with IntentionValidatorAgent and GoalOrchestratorAgent."""

    role = "planning"

    def setup(self):
        self.plans = []

    def do_plan(self, request):
        """Plan `goal`: check every step, then hand the goal over."""
        goal = require(request, "goal")
        steps = split(goal)
        if not steps:
            raise RequestError("there is nothing to plan")
        for step in steps[:10]:
            check = self.request_peer("IntentionValidatorAgent", {"action": "validate", "intention": step}, timeout=3.0)
            if not check["allowed"]:
                return {"accepted": False, "step": step, "risks": check["risks"]}
        made = self.request_peer("GoalOrchestratorAgent", {"action": "set_goal", "goal": goal, "steps": steps})
        self.plans.append({"id": made["id"], "goal": goal})
        return {"accepted": True, "id": made["id"], "steps": steps}

    def do_plans(self, request):
        """The plans that were accepted."""
        return {"plans": self.plans, "count": len(self.plans)}


if __name__ == "__main__":
    UnifiedPlanningAgent.main()
