"""GoalOrchestratorAgent: goals made of steps, worked off one by one."""
import itertools

from main_pc_code.src.core.base_agent import BaseAgent, RequestError, require


class GoalOrchestratorAgent(BaseAgent):
    """Keeps goals and sends each step to TaskRouter when its turn comes."""

    role = "planning"

    def setup(self):
        self.goals = {}
        self.numbers = itertools.count(1)

    def do_set_goal(self, request):
        """Take on a `goal` with `steps`, each of them a question."""
        steps = require(request, "steps", list)
        if not steps or not all(isinstance(step, str) for step in steps):
            raise RequestError("field 'steps' must be a list of texts")
        number = next(self.numbers)
        self.goals[number] = {"goal": require(request, "goal"), "steps": steps, "results": []}
        return {"id": number, "steps": len(steps)}

    def do_advance(self, request):
        """Do the next step of goal `id`."""
        goal = self.goals.get(require(request, "id", int))
        if goal is None:
            raise RequestError(f"no goal {request['id']}")
        position = len(goal["results"])
        if position == len(goal["steps"]):
            return {"done": True, "results": goal["results"]}
        question = goal["steps"][position]
        reply = self.request_peer("TaskRouter", {"action": "route", "kind": "reason", "question": question}, timeout=8.0)
        goal["results"].append(reply["answer"])
        return {"done": len(goal["results"]) == len(goal["steps"]), "step": question, "answer": reply["answer"]}

    def do_goals(self, request):
        """All goals and how far they are."""
        return {
            "goals": [
                {"id": number, "goal": goal["goal"], "done": len(goal["results"]), "of": len(goal["steps"])}
                for number, goal in self.goals.items()
            ]
        }


if __name__ == "__main__":
    GoalOrchestratorAgent.main()
