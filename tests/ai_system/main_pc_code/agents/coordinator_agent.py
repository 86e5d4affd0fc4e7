"""CoordinatorAgent: the front door of MainPC for tasks, and its notice board."""
from collections import OrderedDict, deque

from main_pc_code.src.core.base_agent import BaseAgent, require

# TaskRouter itself waits up to 5 s for the agent behind it.
ROUTER_TIMEOUT = 8.0
REMEMBERED_TASKS = 2000


class CoordinatorAgent(BaseAgent):
    """Takes tasks from users and from PC2, and events from the other agents."""

    role = "coordinator"

    def setup(self):
        self.events = deque(maxlen=200)
        self.tasks = OrderedDict()

    def do_task(self, request):
        """Have a question answered: kind is `reason` or `tree_of_thought`."""
        question = require(request, "question")
        kind = request.get("kind", "reason")
        task_id = request.get("task_id")
        if isinstance(task_id, str):
            self.tasks[task_id] = self.tasks.pop(task_id, 0) + 1
            if len(self.tasks) > REMEMBERED_TASKS:
                self.tasks.popitem(last=False)
        return self.request_peer(
            "TaskRouter",
            {"action": "route", "kind": kind, "question": question, "via": [self.name]},
            timeout=ROUTER_TIMEOUT,
        )

    def do_recent_tasks(self, request):
        """The ids of tasks that came with one, and how often each was delivered."""
        return {"tasks": dict(self.tasks), "distinct": len(self.tasks)}

    def do_announce(self, request):
        """Put an event on the notice board."""
        event = {"source": require(request, "source"), "event": require(request, "event")}
        self.events.append(event)
        return {"events": len(self.events)}

    def do_events(self, request):
        """The latest events, of one source when `source` is given."""
        source = request.get("source")
        return {"events": [event for event in self.events if source in (None, event["source"])]}


if __name__ == "__main__":
    CoordinatorAgent.main()
