import os
import sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
from main_pc_code.src.audio.frames import energy
from main_pc_code.src.core.publisher import PublishingAgent
from main_pc_code.src.core.subscriber import Subscription


class ProsodyReader(PublishingAgent):
    topic = "prosody"

    def __init__(self):
        super().__init__(name=type(self).__name__)
        self.levels = []
        self.subscription = Subscription(port=7132, topic="audio", callback=self.listen)

    def listen(self, message):
        self.levels = (self.levels + [energy(message["frame"])])[-50:]

    def work(self):
        if self.levels:
            self.publish({"mean": sum(self.levels) / len(self.levels), "peak": max(self.levels)})

    def run(self):
        self.subscription.start()
        super().run()

    def handle(self, request):
        return self.levels[-1:]


if __name__ == "__main__":
    ProsodyReader().run()
