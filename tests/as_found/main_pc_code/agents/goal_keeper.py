import os
import sys
from pathlib import Path

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from common.base_agent import BaseAgent
from main_pc_code.utils.store import JsonStore

GOALS = join_path("main_pc_code", "data", "goals")


class GoalKeeper(BaseAgent):
    def __init__(self):
        super().__init__(name="GoalKeeper")
        self.goals = JsonStore("goals", folder=GOALS)

    def handle(self, request):
        self.goals.put(request["goal"], request.get("priority", 1))
        return len(self.goals)


if __name__ == "__main__":
    GoalKeeper().run()
