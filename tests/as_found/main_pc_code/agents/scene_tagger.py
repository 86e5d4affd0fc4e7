import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from collections import Counter
from common.base_agent import BaseAgent
from main_pc_code.src.core.subscriber import Subscription


class SceneTagger(BaseAgent):
    def __init__(self):
        super().__init__(name="SceneTagger")
        self.tags = Counter()
        Subscription(7212, "frame", self.on_frame).start()

    def on_frame(self, message):
        self.tags["busy" if message["bytes"] > 400 else "calm"] += 1

    def handle(self, request):
        return self.tags.most_common(3)


if __name__ == "__main__":
    SceneTagger().run()
