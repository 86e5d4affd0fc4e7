import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import sched
import time
import zmq
from common.base_agent import BaseAgent


class Scheduler(BaseAgent):
    def __init__(self):
        super().__init__(name="Scheduler")
        self.clock = sched.scheduler(time.time, time.sleep)
        # The old dashboard asks here.
        self.board = self.context.socket(zmq.REP)
        self.board.bind(f"tcp://*:{self.port + 1}")

    def work(self):
        self.clock.run(blocking=False)

    def handle(self, request):
        self.clock.enter(request.get("delay", 1), 1, self.log.info, ("due: %s", request.get("what")))
        return len(self.clock.queue)


if __name__ == "__main__":
    Scheduler().run()
