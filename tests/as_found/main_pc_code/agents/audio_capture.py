import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

try:
    import sounddevice

    HAVE_MICROPHONE = True
except (ImportError, OSError):
    sounddevice = None
    HAVE_MICROPHONE = False

import numpy as np

from main_pc_code.src.audio.frames import FRAME, RATE, tone
from main_pc_code.src.core.publisher import PublishingAgent


class AudioCapture(PublishingAgent):
    topic = "audio"
    interval = FRAME / RATE * 16

    def __init__(self):
        super().__init__(name="AudioCapture")
        self.simulated = not HAVE_MICROPHONE
        self.sent = 0
        if self.simulated:
            self.log.warning("no microphone, a tone is sent in its place")

    def frame(self):
        if self.simulated:
            return tone(220 + self.sent % 440, FRAME / RATE)
        return sounddevice.rec(FRAME, samplerate=RATE, channels=1, blocking=True)[:, 0]

    def work(self):
        self.publish({"frame": np.round(self.frame(), 4).tolist(), "number": self.sent})
        self.sent += 1

    def handle(self, request):
        return {"sent": self.sent, "simulated": self.simulated}


if __name__ == "__main__":
    AudioCapture().run()
