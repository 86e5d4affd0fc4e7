"""CoordinatorAgent: the front door of MainPC for tasks, and its notice board."""
from collections import OrderedDict, deque

from main_pc_code.src.core.base_agent import BaseAgent, require

# TaskRouter itself waits up to 5 s for the agent behind it.
ROUTER_TIMEOUT = 8.0
REMEMBERED_TASKS = 2000
# RemoteConnectorAgent itself waits up to 10 s for the agents behind it.
PC2_TIMEOUT = 12.0


class CoordinatorAgent(BaseAgent):
    """Takes tasks from users and from PC2, and events from the other agents."""

    role = "coordinator"

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--pc2_connector_port", type=int, default=7124, help="port of PC2's RemoteConnectorAgent")

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

    def do_ask_pc2(self, request):
        """Have PC2 do `op` on `data` for the bearer of a `token` of PC2's AuthenticationAgent."""
        wanted = {name: require(request, name) for name in ("token", "op", "data")}
        reply = self.request_port(
            self.options.pc2_connector_port, {"action": "route_here", **wanted}, PC2_TIMEOUT, "RemoteConnectorAgent"
        )
        return {"task": reply["task"], "user": reply["user"], "route": [self.name, *reply["route"]]}

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
