import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

import heapq
import itertools

from common.base_agent import BaseAgent
from common.pool import ask


class Planner(BaseAgent):
    """Orders goals by priority; without GoalKeeper it has none."""

    def __init__(self):
        super().__init__(name="Planner")
        self.queue, self.counter = [], itertools.count()

    def work(self):
        answer = ask(7176, {"action": "next"})
        if answer and answer.get("result"):
            heapq.heappush(self.queue, (1, next(self.counter), answer["result"]))

    def handle(self, request):
        if request.get("action") == "add":
            heapq.heappush(self.queue, (request.ge
