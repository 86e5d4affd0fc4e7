import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import random
from abc import ABC, abstractmethod

from pc2_code.utils.pc2_agent import Pc2Agent


class World(ABC):
    @abstractmethod
    def step(self): ...


class Walk(World):
    def __init__(self, seed=3):
        self.random, self.position = random.Random(seed), 0

    def step(self):
        self.position += self.random.choice((-1, 1))
        return self.position


class Simulator(Pc2Agent):
    def __init__(self):
        super().__init__(name="Simulator")
        self.world = Walk()

    def handle(self, request):
        return [self.world.step() for _ in range(request.get("steps", 10))]


if __name__ == "__main__":
    Simulator().run()
