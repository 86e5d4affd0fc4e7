"""AdvancedRouter: lets those with a valid token route work to the scheduler."""
from pc2_code.utils.service import Declined, Refusal, Service, action, run

PRIORITIES = {"urgent": 10, "normal": 5, "background": 1}


class AdvancedRouter(Service):
    """Verifies with AuthenticationAgent, then hands over to TaskScheduler."""

    duty = "routing"

    def start(self):
        self.routed = {}

    def user_of(self, request):
        """The user behind the token of a request."""
        try:
            return self.ask("AuthenticationAgent", "verify", token=request.text("token"))["user"]
        except Declined as declined:
            raise Refusal(str(declined), reason=declined.reply.get("reason")) from None

    @action("route")
    def route(self, request):
        """Schedule the task `op` with `data` for the bearer of `token`, by `urgency`."""
        user = self.user_of(request)
        urgency = request.text("urgency", "normal")
        if urgency not in PRIORITIES:
            raise Refusal(f"field 'urgency' must be one of {', '.join(PRIORITIES)}")
        task = self.ask(
            "TaskScheduler", "schedule", op=request.text("op", "word_count"), data=request.get("data", ""), priority=PRIORITIES[urgency]
        )
        self.routed[user] = self.routed.get(user, 0) + 1
        return {"user": user, "task": task["task"], "route": [self.name, "TaskScheduler"]}

    @action("statistics")
    def statistics(self, request):
        """How many tasks were routed for each user, and the queue behind."""
        queue = self.ask_kindly("TaskScheduler", "queue")
        return {"routed": self.routed, "waiting": queue["waiting"] if queue else None}


if __name__ == "__main__":
    run(AdvancedRouter)
