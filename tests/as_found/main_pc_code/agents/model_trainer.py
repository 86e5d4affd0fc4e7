import os, sys
sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))
import numpy as np
from common.base_agent import BaseAgent
from common.pool import ask, get_sock


class ModelTrainer(BaseAgent):
    def __init__(self):
        super().__init__(name="ModelTrainer")
        self.weights = np.zeros(8)

    def work(self):
        lessons = (ask(7250, {}) or {}).get("result", [])
        self.weights += 0.01 * (len(lessons) - self.weights.mean())

    def handle(self, request):
        return self.weights.tolist()


if __name__ == "__main__":
    ModelTrainer().run()
