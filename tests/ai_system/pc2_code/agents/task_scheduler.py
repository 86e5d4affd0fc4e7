"""TaskScheduler: which task is done next, by time and priority."""
import itertools
import threading
import time

from pc2_code.utils.service import Declined, NoAnswer, Refusal, Service, action, run


class TaskScheduler(Service):
    """Hands due tasks to AsyncProcessor from a background thread."""

    duty = "scheduling"

    def start(self):
        self.waiting = []
        self.tasks = {}
        self.numbers = itertools.count(1)
        self.changed = threading.Condition()
        self.helper(self.dispatch)

    def end(self, *signal_arguments):
        """Wake the dispatcher, too. It may hold the lock, so another thread does it."""
        super().end(*signal_arguments)
        threading.Thread(target=self.wake, daemon=True).start()

    def wake(self):
        """Make the dispatcher look again."""
        with self.changed:
            self.changed.notify_all()

    def dispatch(self):
        """Background thread: sleeps until the next task is due."""
        while not self.ending.is_set():
            with self.changed:
                due = [entry for entry in self.waiting if entry[1] <= time.monotonic()]
                if not due:
                    first = min((entry[1] for entry in self.waiting), default=None)
                    self.changed.wait(None if first is None else max(0.0, first - time.monotonic()))
                    continue
                entry = min(due)
                self.waiting.remove(entry)
            self.hand_over(entry)

    def hand_over(self, entry):
        """Give one task to AsyncProcessor; without an answer it is tried again in a while."""
        task = self.tasks.get(entry[2])
        if task is None:
            return
        try:
            task["job"] = self.ask("AsyncProcessor", "submit", op=task["op"], data=task["data"], patience=2.0)["job"]
            task["state"] = "handed over"
        except Declined as declined:
            task.update(state="refused", error=str(declined))
        except NoAnswer as problem:
            task["error"] = str(problem)
            with self.changed:
                self.waiting.append((entry[0], time.monotonic() + 2.0, entry[2]))

    @action("schedule")
    def schedule(self, request):
        """Do operation `op` on `data` with a `priority` (higher first), `in_seconds` from now."""
        number = next(self.numbers)
        self.tasks[number] = {"state": "waiting", "op": request.text("op"), "data": request.get("data")}
        due = time.monotonic() + request.number("in_seconds", 0)
        with self.changed:
            self.waiting.append((-request.whole("priority", 5), due, number))
            self.changed.notify_all()
        if len(self.tasks) > 2000:
            self.tasks.pop(next(iter(self.tasks)))
        return {"task": number}

    @action("task")
    def task(self, request):
        """State of `task`, with the result of AsyncProcessor once there is one."""
        number = request.whole("task")
        if number not in self.tasks:
            raise Refusal(f"no task {number}")
        task = self.tasks[number]
        reply = {"task": number, "state": task["state"]}
        if "job" in task:
            done = self.ask("AsyncProcessor", "result", job=task["job"])
            reply.update(state=done["state"], result=done.get("result"), error=done.get("error"))
        return reply

    @action("queue")
    def queue(self, request):
        """How many tasks wait."""
        return {"waiting": len(self.waiting), "known": len(self.tasks)}


if __name__ == "__main__":
    run(TaskScheduler)
