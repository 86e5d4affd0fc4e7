import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import json

from pc2_code.utils.pc2_agent import Pc2Agent

with open(os.path.join(os.path.dirname(__file__), "..", "config", "dream.json")) as file:
    SETTINGS = json.load(file)


class DreamLoop(Pc2Agent):
    interval = SETTINGS["interval"]

    def __init__(self):
        super().__init__(name="DreamLoop")
        self.round = 0

    def work(self):
        super().work()
        self.round += 1

    def handle(self, request):
        return self.round


if __name__ == "__main__":
    DreamLoop().run()
