import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import numpy as np
from common.base_agent import BaseAgent
from main_pc_code.utils.store import JsonStore


class SpeakerFinder(BaseAgent):
    def __init__(self):
        super().__init__(name="SpeakerFinder")
        self.voices = JsonStore("voices")

    def handle(self, request):
        vector = np.asarray(request.get("vector", [0.0]), dtype=float)
        if request.get("action") == "learn":
            self.voices.put(request["name"], vector.tolist())
            return len(self.voices)
        best, nearest = None, float("inf")
        for name, known in self.voices.values.items():
            distance = float(np.linalg.norm(np.asarray(known) - vector))
            if distance < nearest:
                best, nearest = name, distance
        return best


if __name__ == "__main__":
    SpeakerFinder().run()
