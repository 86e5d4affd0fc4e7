"""ProactiveAgent: reminders that come up by themselves."""
import heapq
import itertools
import time

from main_pc_code.src.core.base_agent import BaseAgent, PeerError, RequestError, require


class ProactiveAgent(BaseAgent):
    """Keeps reminders and has the due ones spoken."""

    role = "planning"

    def setup(self):
        self.reminders = []
        self.numbers = itertools.count(1)

    def do_remind(self, request):
        """Remind of `text` in `in_seconds`."""
        delay = require(request, "in_seconds", (int, float))
        if delay < 0:
            raise RequestError("field 'in_seconds' must not be negative")
        number = next(self.numbers)
        heapq.heappush(self.reminders, (time.monotonic() + delay, number, require(request, "text")))
        return {"id": number, "waiting": len(self.reminders)}

    def do_deliver(self, request):
        """Have every due reminder spoken by way of TaskRouter; one that cannot be stays."""
        delivered = []
        while self.reminders and self.reminders[0][0] <= time.monotonic():
            text = self.reminders[0][2]
            try:
                self.request_peer("TaskRouter", {"action": "route", "kind": "speak", "question": text}, timeout=8.0)
            except PeerError as error:
                return {"delivered": delivered, "waiting": len(self.reminders), "problem": str(error)}
            heapq.heappop(self.reminders)
            delivered.append(text)
        return {"delivered": delivered, "waiting": len(self.reminders)}


if __name__ == "__main__":
    ProactiveAgent.main()
