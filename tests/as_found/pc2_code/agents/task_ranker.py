import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from operator import itemgetter

from pc2_code.utils.pc2_agent import Pc2Agent


class TaskRanker(Pc2Agent):
    def __init__(self):
        super().__init__(name="TaskRanker")

    def handle(self, request):
        return sorted(request.get("tasks", []), key=itemgetter("priority"))


if __name__ == "__main__":
    TaskRanker().run()
