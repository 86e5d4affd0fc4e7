"""AsyncProcessor: work that is handed in now and fetched later."""
import hashlib
import itertools
import json
import queue
import threading
from collections import Counter, OrderedDict

from pc2_code.utils.service import Refusal, Service, action, run

OPERATIONS = {
    "sha256": lambda data: hashlib.sha256(str(data).encode("utf-8", "replace")).hexdigest(),
    "word_count": lambda data: dict(Counter(str(data).lower().split()).most_common(50)),
    "sort": lambda data: sorted(data),
    "sum": lambda data: sum(data),
    "size": lambda data: len(json.dumps(data)),
}
KEPT = 1000


class AsyncProcessor(Service):
    """One worker thread, results kept for a while."""

    duty = "processing"

    def start(self):
        self.jobs = OrderedDict()
        self.numbers = itertools.count(1)
        self.work = queue.Queue(maxsize=500)
        threading.Thread(target=self.worker, daemon=True).start()

    def worker(self):
        """Do one job after the other."""
        while True:
            number, op, data = self.work.get()
            try:
                outcome = {"state": "done", "result": OPERATIONS[op](data)}
            except Exception as error:
                outcome = {"state": "failed", "error": f"{type(error).__name__}: {error}"}
            if number in self.jobs:
                self.jobs[number] = outcome

    @action("submit")
    def submit(self, request):
        """Hand in the operation `op` on `data`; a large one needs a reservation of ResourceManager."""
        op, data = request.text("op"), request.get("data")
        if op not in OPERATIONS:
            raise Refusal(f"unknown operation '{op}'; known: {', '.join(sorted(OPERATIONS))}")
        if self.work.full():
            raise Refusal("too much work is waiting")
        if isinstance(data, (str, list)) and len(data) > 100_000:
            held = self.ask("ResourceManager", "reserve", mb=32)
            self.tell("ResourceManager", "release", reservation=held["reservation"])
        number = next(self.numbers)
        self.jobs[number] = {"state": "waiting"}
        while len(self.jobs) > KEPT:
            self.jobs.popitem(last=False)
        self.work.put((number, op, data))
        return {"job": number}

    @action("result")
    def result(self, request):
        """State and result of `job`."""
        number = request.whole("job")
        if number not in self.jobs:
            raise Refusal(f"no job {number}")
        return {"job": number, **self.jobs[number]}

    @action("load")
    def load(self, request):
        """Jobs that wait, and the memory that is available according to ResourceManager."""
        usage = self.ask_kindly("ResourceManager", "usage")
        return {"waiting": self.work.qsize(), "available_mb": usage["available_mb"] if usage else None}


if __name__ == "__main__":
    run(AsyncProcessor)
