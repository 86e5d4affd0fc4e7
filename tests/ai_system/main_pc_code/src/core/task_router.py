"""TaskRouter: sends a task to the agent which is made for its kind."""
from main_pc_code.src.core.base_agent import BaseAgent, PeerError, RequestError, require

# kind of task -> (agent, its action, the field that carries the question)
ROUTES = {
    "reason": ("ChainOfThoughtAgent", "reason", "question"),
    "tree_of_thought": ("GoTToTAgent", "explore", "question"),
    "speak": ("StreamingTTSAgent", "speak", "text"),
    "transcribe": ("StreamingSpeechRecognition", "transcribe", "spell"),
}


class TaskRouter(BaseAgent):
    """Routes tasks by kind and counts what went where."""

    role = "router"

    def setup(self):
        self.counts = {kind: {"sent": 0, "failed": 0} for kind in ROUTES}

    def do_routes(self, request):
        """List the kinds of task and the agent behind each."""
        return {"routes": {kind: target[0] for kind, target in ROUTES.items()}}

    def do_statistics(self, request):
        """Say how many tasks of each kind were sent on, and how many failed."""
        return {"counts": self.counts}

    def do_route(self, request):
        """Send one task on and give back the reply together with the way it took."""
        kind = require(request, "kind")
        question = require(request, "question")
        if kind not in ROUTES:
            raise RequestError(f"no route for kind '{kind}'; known: {', '.join(ROUTES)}")
        agent, action, field = ROUTES[kind]
        self.counts[kind]["sent"] += 1
        try:
            reply = self.request_peer(agent, {"action": action, field: question})
        except PeerError:
            self.counts[kind]["failed"] += 1
            raise
        reply["answered_by"] = agent
        reply["route"] = [*request.get("via", []), self.name, agent]
        return reply


if __name__ == "__main__":
    TaskRouter.main()
