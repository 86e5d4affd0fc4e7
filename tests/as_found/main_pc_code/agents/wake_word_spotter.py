import sys, os
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

import numpy as np
from main_pc_code.src.audio.frames import spectrum
from main_pc_code.src.core.publisher import PublishingAgent
from main_pc_code.src.core.subscriber import Subscription

TEMPLATE = np.linspace(1.0, 0.0, 16)


class WakeWordSpotter(PublishingAgent):
    topic = "wake"

    def __init__(self):
        super().__init__()
        self.hits = 0
        Subscription(7136, "clean", self.on_frame).start()

    def on_frame(self, message):
        bands = spectrum(message["frame"])
        scale = np.linalg.norm(bands) * np.linalg.norm(TEMPLATE)
        likeness = float(bands @ TEMPLATE / scale) if scale else 0.0
        if likeness > 0.97:
            self.hits += 1
            self.publish({"likeness": likeness})

    def handle(self, request):
        return {"hits": self.hits}


if __name__ == "__main__":
    WakeWordSpotter().run()
