import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import numpy as np

from common.pool import ask
from main_pc_code.utils.text import words
from pc2_code.utils.pc2_agent import Pc2Agent


class MemoryIndex(Pc2Agent):
    interval = 2

    def __init__(self):
        super().__init__(name="MemoryIndex")
        self.vectors = {}

    @staticmethod
    def vector(text, size=64):
        values = np.zeros(size)
        for word in words(text):
            values[hash(word) % size] += 1
        norm = np.linalg.norm(values)
        return values / norm if norm else values

    def work(self):
        super().work()
        for key in (ask(8100, {"action": "keys"}) or {}).get("result") or []:
            self.vectors.setdefault(key, self.vector(key))

    def handle(self, request):
        wanted = self.vector(request["text"])
        return sorted(self.vectors, key=lambda key: -float(self.vectors[key] @ wanted))[:5]


if __name__ == "__main__":
    MemoryIndex().run()
