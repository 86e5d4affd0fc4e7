import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))

import psutil

from pc2_code.utils.pc2_agent import Pc2Agent


class ResourceMeter(Pc2Agent):
    interval = 2

    def __init__(self):
        super().__init__(name="ResourceMeter")
        self.samples = []

    def work(self):
        super().work()
        self.samples = (self.samples + [(psutil.cpu_percent(), psutil.virtual_memory().percent)])[-30:]

    def handle(self, request):
        return self.samples


if __name__ == "__main__":
    ResourceMeter().run()
