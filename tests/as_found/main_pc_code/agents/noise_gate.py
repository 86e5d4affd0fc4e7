import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

from main_pc_code.src.audio.frames import energy
from main_pc_code.src.core.publisher import PublishingAgent
from main_pc_code.src.core.subscriber import Subscription


class NoiseGate(PublishingAgent):
    topic = "clean"

    def __init__(self, threshold=0.01):
        super().__init__(name="NoiseGate")
        self.threshold = threshold
        self.passed = self.seen = 0
        self.subscription = Subscription(7132, "audio", self.on_audio)
        self.subscription.start()

    def on_audio(self, message):
        self.seen += 1
        level = energy(message["frame"])
        if level >= self.threshold:
            self.passed += 1
            self.publish({**message, "level": level})

    def handle(self, request):
        return {"seen": self.seen, "passed": self.passed}


if __name__ == "__main__":
    NoiseGate().run()
