import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import math
import time

from pc2_code.utils.pc2_agent import Pc2Agent


class MemoryDecay(Pc2Agent):
    half_life = 3600.0

    def __init__(self):
        super().__init__(name="MemoryDecay")
        self.strength = {}

    def handle(self, request):
        now = time.time()
        since, level = self.strength.get(request["key"], (now, 1.0))
        level *= math.pow(0.5, (now - since) / self.half_life)
        self.strength[request["key"]] = (now, min(1.0, level + request.get("touch", 0)))
        return level


if __name__ == "__main__":
    MemoryDecay().run()
