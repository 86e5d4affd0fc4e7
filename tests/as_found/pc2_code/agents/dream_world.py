import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import numpy as np

from pc2_code.utils.pc2_agent import Pc2Agent


class DreamWorld(Pc2Agent):
    def __init__(self, size=24):
        super().__init__(name="DreamWorld")
        self.grid = np.random.default_rng(1).random((size, size)) > 0.7

    def work(self):
        super().work()
        near = sum(np.roll(self.grid, (down, right), (0, 1)).astype(int) for down in (-1, 0, 1) for right in (-1, 0, 1))
        near = near - self.grid
        self.grid = (near == 3) | (self.grid & (near == 2))

    def handle(self, request):
        return int(self.grid.sum())


if __name__ == "__main__":
    DreamWorld().run()
