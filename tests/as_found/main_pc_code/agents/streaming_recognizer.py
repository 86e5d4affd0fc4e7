"""Speech to text. Loading the model takes a while."""
import os
import sys
import time

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "../..")))

import argparse

import numpy as np

from main_pc_code.src.audio.frames import spectrum
from main_pc_code.src.core.publisher import PublishingAgent
from main_pc_code.src.core.subscriber import Subscription


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["tiny", "base"], default="tiny")
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--languages", nargs="*", default=["en"])
    return parser.parse_known_args()[0]


class Model:
    def __init__(self, name, layers=6):
        random = np.random.default_rng(7)
        self.weights = []
        for _ in range(layers):
            self.weights.append(random.normal(size=(256, 256)))
            time.sleep(2)
        self.name = name

    def __call__(self, bands):
        state = np.resize(bands, 256)
        for weight in self.weights:
            state = np.tanh(weight @ state / 16)
        return int(np.argmax(state))


class StreamingRecognizer(PublishingAgent):
    topic = "text"

    def __init__(self):
        self.options = arguments()
        self.model = Model(self.options.model)
        super().__init__(name="StreamingRecognizer")
        self.tokens = 0
        Subscription(7136, "clean", self.on_frame).start()

    def on_frame(self, message):
        token = self.model(spectrum(message["frame"]))
        self.tokens += 1
        if self.tokens % 50 == 0:
            self.publish({"token": token})

    def handle(self, request):
        return {"tokens": self.tokens, "model": self.model.name, "beams": self.options.beams}


if __name__ == "__main__":
    StreamingRecognizer().run()
