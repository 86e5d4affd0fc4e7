import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

from collections import deque
from contextlib import contextmanager

from pc2_code.utils.pc2_agent import Pc2Agent


class ContextWindow(Pc2Agent):
    def __init__(self, size=20):
        super().__init__(name="ContextWindow")
        self.turns = deque(maxlen=size)

    @contextmanager
    def counted(self):
        before = len(self.turns)
        yield
        self.log.info("%d turns, %d before", len(self.turns), before)

    def handle(self, request):
        with self.counted():
            if "turn" in request:
                self.turns.append(request["turn"])
        return list(self.turns)


if __name__ == "__main__":
    ContextWindow().run()
